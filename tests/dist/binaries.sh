#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the linker made: hardening of every program and library, and no symbol shown that is not part of an interface.
# shellcheck source=tests/lib/cases.sh
. "$(dirname "$0")/../lib/cases.sh"
: "${BUILD:?the build folder}" "${srcdir:?the source folder}"
need readelf
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
make -s -C "$BUILD" install DESTDIR="$dest" >"$dest/log" 2>&1 || { cat "$dest/log"; exit 1; }

mapfile -t programs < <(find "$dest/usr/bin" "$dest/usr/sbin" "$dest/usr/libexec" -type f -perm -100 2>/dev/null)
mapfile -t libraries < <(find "$dest/usr/lib" -type f -name '*.so*')
for file in "${programs[@]}" "${libraries[@]}"; do
	head -c 4 "$file" | grep -q ELF || continue
	name=${file##*/}
	readelf -W -l -d -h --dyn-syms "$file" >"$dest/elf"
	try "$name: relocations are read-only after start (RELRO)" grep -q GNU_RELRO "$dest/elf"
	try "$name: and bound at start (BIND_NOW)" grep -qE 'BIND_NOW|FLAGS.*NOW' "$dest/elf"
	try "$name: the stack does not execute" grep -qE 'GNU_STACK .* RW ' "$dest/elf"
	try "$name: the stack is guarded" grep -q __stack_chk_fail "$dest/elf"
	try "$name: functions of the C library are checked (FORTIFY)" grep -qE '_chk@|_chk$|_chk ' "$dest/elf"
	try "$name: is position independent" grep -qE 'Type: +DYN' "$dest/elf"
	grep -E 'RPATH|RUNPATH' "$dest/elf" | judge "$name: carries no search path"
	grep -E 'TEXTREL' "$dest/elf" | judge "$name: its code needs no relocation"
done

# exported FILE: the names that it defines for others.
exported()
{
	nm -D --defined-only "$1" | awk '$2 ~ /[A-Z]/ && $2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u
}

tr '\n' ' ' <"$srcdir/driver/ukey.h" | tr ';' '\n' | grep -o 'UKEY_API .*' | grep -v '^UKEY_API __attribute' |
	sed -nE 's/^UKEY_API [^(]*[^a-z0-9_(]([a-z][a-z0-9_]*)\(.*/\1/p' | sort -u >"$dest/declared"
exported "$dest/usr/lib/libukey.so" >"$dest/shown"
diff "$dest/declared" "$dest/shown" | grep '^[<>]' | sed 's/^</declared, not exported:/; s/^>/exported, not declared:/' |
	judge "libukey.so exports what ukey.h declares, and nothing else"
sed -nE 's/^ ([a-z0-9_]+)@Base .*/\1/p' "$srcdir/debian/libukey0.symbols" | sort | diff - "$dest/shown" | grep '^[<>]' |
	sed 's/^</listed, not exported:/; s/^>/exported, not listed:/' | judge "debian/libukey0.symbols lists it, with the version that it came with"
exported "$dest/usr/lib/pkcs11/ukey-pkcs11.so" | grep -v '^C_' | judge "ukey-pkcs11.so exports C_* only"
if [ "$(exported "$dest/usr/lib/pkcs11/ukey-pkcs11.so" | grep -c '^C_')" -ge 68 ]; then
	ok "ukey-pkcs11.so exports every function of PKCS#11 v2.40"
else
	bad "ukey-pkcs11.so does not export the 68 functions of PKCS#11 v2.40"
fi
finish
