#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run by tests/clients/packages.sh in a fresh Debian with nobody else in it: /test/1 has the packages, /test/2 the same with
# a higher version.
here=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$here/lib/personal.sh"
ns_enter "$@"
cd "$NS_DIR" || exit 1
export HOME=$NS_DIR
ours="libukey0 libukey-dev openukey-common openukey-pkcs11 openukey-tools openukey-emulator openukey-office"
config=/etc/openukey/openukey.conf

# everything: all files and folders of this machine that programs did not make while they ran, one a line.
everything()
{
	find / \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /test -o -path /var/lib/dpkg -o \
		-path /var/lib/apt -o -path /var/cache/apt -o -path /var/log \) -prune -o -print | sort
}
apt_get()
{
	apt-get -q -y "$@" 2>&1
}
# Every file that dpkg says we have is there, as it was packed.
complete()
{
	local package file
	for package in $ours; do
		dpkg -V "$package"
		while read -r file; do
			[ -e "$file" ] || echo "$package: $file is missing"
		done < <(dpkg -L "$package")
	done
}
u()
{
	ukey "$@"
}

everything >before
printf 583917 >user.pin
printf 87654321 >so.pin

# ---- installed ----
try "apt installs them all" apt_get install /test/1/*.deb
dpkg --audit | judge "and dpkg has nothing to complain of"
complete | judge "every file is where it belongs"
# shellcheck disable=SC2086 # words
list=$(cd / && dpkg -L $ours | sort -u)
for file in /usr/bin/ukey /usr/bin/ukey-emu /usr/bin/ukey-ra /usr/bin/ukey-helpdesk /usr/share/p11-kit/modules/ukey.module \
	/usr/lib/udev/rules.d/70-openukey.rules /etc/openukey/openukey.conf /etc/openukey/roots.d /usr/include/ukey.h \
	/usr/share/locale/zh_CN/LC_MESSAGES/openukey.mo /usr/share/bash-completion/completions/ukey; do
	grep -qxF "$file" <<<"$list" || echo "$file"
done | judge "programs, module file, udev rule, settings, messages and completion are among them"
grep -E '^/usr/(lib|lib/pkcs11)/[^/]*\.so' <<<"$list" | judge "libraries are in the folder of their architecture"
for page in ukey.1 ukey-emu.1 ukey-helpdesk.1 ukey-ra.8 openukey.conf.5; do
	gzip -dc "/usr/share/man/man${page##*.}/$page.gz" | grep -qE '^\.(TH|Dt) ' || echo "$page"
done | judge "manual pages"
ukey --help | sed -n 2,99p >english
LANGUAGE=zh_CN LC_ALL=C.UTF-8 ukey --help | sed -n 2,99p >chinese
try "messages in Chinese" grep -q '令牌' chinese
cmp -s english chinese && bad "which are not those in English" || ok "which are not those in English"
cat >complete.sh <<'END'
. /usr/share/bash-completion/bash_completion
_completion_loader ukey
COMP_WORDS=(ukey key generate --ke) COMP_CWORD=3 COMP_LINE='ukey key generate --ke'
_ukey
[ "${COMPREPLY[*]}" = "--key" ]
END
try "bash completes ukey's options" bash complete.sh
sed -nE 's/^#([a-z-]+ = )/\1/p' $config >all.conf
mkdir -p conf/openukey && cp all.conf conf/openukey/openukey.conf
XDG_CONFIG_HOME=$NS_DIR/conf ukey list >said 2>&1
grep -i 'openukey.conf' said | judge "every setting that $config shows is one"
same_count=$(wc -l <all.conf)
[ "$same_count" -ge 8 ] && ok "and it shows them all ($same_count)" || bad "it shows $same_count settings"

# ---- used ----
# p11-kit tells a module's name; where it is dpkg knows.
module=$(dpkg -L openukey-pkcs11 | grep "/$(p11-kit list-modules | sed -n 's/^ukey: //p')$")
try "p11-kit list-modules has the module" test -f "$module"
factory_start >said 2>&1 && cp "$FACTORY_DIR/root.pem" /etc/openukey/roots.d/factory.pem && rm -r "$XDG_CONFIG_HOME"
pcscd_start && personalize alice && emu_start alice && ok "a token with a device key, in a reader of pcscd" || bad "a token with a device key"
try "ukey init" u init --label work --new-so-pin-file so.pin --new-pin-file user.pin --yes
try "the makers' roots of /etc/openukey/roots.d make it genuine" sh -c "ukey info --json | jq -e '.token.genuine == \"yes\" or .genuine == \"yes\"'"
try "p11-kit list-modules shows the token" sh -c "p11-kit list-modules | grep -qx '    token: work'"
try "ukey key generate" u key generate --key p256 --label one --id 01 --pin-file user.pin
echo "a letter" >letter
sign()
{
	rm -f letter.sig public.der
	pkcs11-tool --module "$module" --token-label work --login --pin 583917 --sign --mechanism ECDSA-SHA256 --signature-format openssl \
		--id 01 --input-file letter --output-file letter.sig &&
		pkcs11-tool --module "$module" --token-label work --read-object --type pubkey --id 01 --output-file public.der &&
		openssl dgst -sha256 -verify public.der -signature letter.sig letter
}
try "pkcs11-tool signs with p11-kit's module, OpenSSL agrees" sign
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -subj "/CN=other" -days 2 -out other.pem 2>/dev/null
try "ukey encrypt" u encrypt letter --to other.pem --output letter.cms
try "ukey-ra makes a CA" ukey-ra init --dir ca --name "CN=Our CA" --host localhost --passphrase-file so.pin
try "ukey-helpdesk runs" ukey-helpdesk --help

# ---- libccid's list, which is libccid's ----
try "ukey setup libccid" sh -c "ukey setup libccid && grep -q 'OpenUKey token' /etc/libccid_Info.plist"
try "... is kept when libccid is installed again" sh -c "apt-get -q -y install --reinstall libccid && grep -q 'OpenUKey token' /etc/libccid_Info.plist"
try "... and taken back" ukey setup libccid --remove
dpkg -V libccid | judge "to what libccid's package brought"

# ---- upgraded over itself ----
echo "ignore-reader = Nobody's" >>$config
try "apt upgrades to the next version" apt_get install /test/2/*.deb
# shellcheck disable=SC2086
dpkg-query -W -f '${Package} ${Version}\n' $ours | grep -v '+later$' | judge "all of them"
try "what the administrator changed in $config is kept" grep -q "Nobody's" $config
try "the token still signs" sign
sed -i '/Nobody/d' $config
try "and back again" apt_get install --allow-downgrades /test/1/*.deb
complete | judge "with every file as it was"

# ---- purged ----
emu_stop alice
pcscd_stop
rm /etc/openukey/roots.d/factory.pem
# shellcheck disable=SC2086 # words
try "apt purges them" apt_get purge $ours
try "and what came with them" apt_get autoremove --purge
everything >after
comm -13 before after | grep -vxF -f <(cat /var/lib/dpkg/info/*.list) | judge "nothing is left in the file system"
comm -23 before after | judge "and nothing of others is missing"
while read -r file; do
	[ ! -e "$file" ] || [ -d "$file" ] || echo "$file"
done <<<"$list" | judge "nor any file that dpkg had listed"
# shellcheck disable=SC2086
dpkg-query -W -f '${Package} ${db:Status-Status}\n' $ours 2>/dev/null | grep -v not-installed | judge "dpkg remembers nothing of us"
finish
