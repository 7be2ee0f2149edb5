#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What "make install" puts where: pkg-config finds libukey, a program builds on it, p11-kit finds our module.
# shellcheck source=tests/lib/cases.sh
. "$(dirname "$0")/../lib/cases.sh"
: "${BUILD:?the build folder}" "${srcdir:?the source folder}"
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
make -s -C "$BUILD" install DESTDIR="$dest" >"$dest.log" 2>&1 || { cat "$dest.log"; rm -f "$dest.log"; exit 1; }
rm -f "$dest.log"

there()
{
	try "installs $1" test -e "$dest$1"
}

there /usr/include/ukey.h
there /usr/lib/libukey.so
there /usr/lib/libukey.so.0
there /usr/lib/pkgconfig/libukey.pc
there /usr/lib/pkcs11/ukey-pkcs11.so
there /usr/share/p11-kit/modules/ukey.module
there /usr/lib/udev/rules.d/70-openukey.rules
there /usr/bin/ukey
there /usr/bin/ukey-ra
there /usr/bin/ukey-emu
for page in man1/ukey.1 man8/ukey-ra.8 man1/ukey-emu.1; do
	there /usr/share/man/$page
done
there /usr/share/locale/zh_CN/LC_MESSAGES/openukey.mo
sed -nE 's/^USB_ID\(0x(....), 0x(....),.*/\1 \2/p' "$srcdir/driver/usb_ids.def" | while read -r vendor product; do
	grep -qixF "ATTR{idVendor}==\"$vendor\", ATTR{idProduct}==\"$product\", ENV{ID_SMARTCARD_READER}=\"1\", TAG+=\"uaccess\"" \
		"$dest/usr/lib/udev/rules.d/70-openukey.rules" || echo "$vendor:$product"
done | judge "the rule for udev has every token that is known on USB"
find "$dest" -name '*.a' | judge "no static archive is installed"
grep -rlE "$BUILD|$dest" "$dest"/usr/lib/pkgconfig "$dest"/usr/share 2>/dev/null | judge "no path of the build in text files"

export PKG_CONFIG_PATH=$dest/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
	PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
cat >"$dest/five.c" <<'END'
#include <stdio.h>
#include <ukey.h>
int main(void)
{
	return printf("%s\n", ukey_status_name(UKEY_PIN_INCORRECT)) < 0;
}
END
read -ra flags < <(pkg-config --cflags --libs libukey)
try "a five-line program builds with pkg-config's flags" \
	gcc -std=c11 -Wall -Werror "$dest/five.c" -o "$dest/five" "${flags[@]}"
said=$(LD_LIBRARY_PATH=$dest/usr/lib "$dest/five")
if [ "$said" = PIN_INCORRECT ]; then ok "and runs"; else bad "and runs: said '$said'"; fi
read -ra flags < <(pkg-config --cflags libukey)
printf '#include <ukey.h>\n' >"$dest/h.c"
try "the installed header stands alone in C11" gcc -std=c11 -Wall -Wextra -Werror -pedantic -fsyntax-only "$dest/h.c" "${flags[@]}"
if command -v g++ >/dev/null; then
	try "and in C++" g++ -x c++ -std=c++11 -fsyntax-only "$dest/h.c" "${flags[@]}"
fi

# p11-kit reads fixed folders: show it the installed ones, in a mount namespace of our own.
if ! command -v p11-kit >/dev/null || [ ! -d /usr/share/p11-kit/modules ]; then
	bad "p11-kit is not here to list the module"
else
	as_root=
	[ "$(id -u)" = 0 ] || as_root=-r
	unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
	modules=$(pkg-config --variable=p11_module_path p11-kit-1)
	# shellcheck disable=SC2016,SC2086
	listed=$(dest=$dest modules=$modules unshare $as_root -m sh -c '
		mount --bind "$dest/usr/share/p11-kit/modules" /usr/share/p11-kit/modules &&
		mount --bind "$dest/usr/lib/pkcs11" "$modules" &&
		LD_LIBRARY_PATH=$dest/usr/lib p11-kit list-modules' 2>&1)
	if printf '%s\n' "$listed" | grep -q '^ukey: ' && printf '%s\n' "$listed" | grep -qi 'library-description:.*'; then
		ok "p11-kit list-modules shows the module"
	else
		bad "p11-kit list-modules does not show the module"
		printf '%s\n' "$listed" | sed 's/^/  /'
	fi
fi
finish
