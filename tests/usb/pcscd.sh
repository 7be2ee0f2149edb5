#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check: timeout=300
# One token, two roads: Debian's own pcscd and libccid drive the USB device, and libukey does so itself. Reached both ways
# it is one token; PC/SC has it while pcscd runs, USB when it does not.
# shellcheck source=tests/lib/namespace.sh
. "$(dirname "$0")/../lib/namespace.sh"
ns_enter "$@"
# shellcheck source=tests/lib/cases.sh
. "$(dirname "$0")/../lib/cases.sh"
need umockdev-wrapper
need jq
mock=$(ns_program tests/usb/umock_token) || exit 77
walk=$(ns_program tests/usb/usb_walk) || exit 77
pcscd=$(PATH=$PATH:/usr/sbin command -v pcscd) || { echo "pcscd is not installed"; exit 77; }
list=/etc/libccid_Info.plist
[ -e $list ] || { echo "libccid is not installed"; exit 77; }
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../tools/lib.sh"

# libccid knows devices by its list only; in this namespace ours is in it.
sed -e '/<key>ifdVendorID<\/key>/,/<array>/s|<array>|<array><string>0x1209</string>|' \
	-e '/<key>ifdProductID<\/key>/,/<array>/s|<array>|<array><string>0x0001</string>|' \
	-e '/<key>ifdFriendlyName<\/key>/,/<array>/s|<array>|<array><string>OpenUKey token</string>|' $list >plist
mount --bind plist $list || { echo "cannot replace libccid's list in this namespace"; exit 77; }

printf '135791\n' >pin
printf '97531086\n' >so
cat >inside <<END
road()
{
	"$U" list --json 2>/dev/null | jq -e "(.tokens | length) == 1 and .tokens[0].road == \"\$1\""
}
until_road()
{
	local i
	for i in \$(seq 300); do
		road "\$1" >/dev/null && return
		sleep 0.1
	done
	"$U" list --json
	return 1
}
say()
{
	local sentence=\$1
	shift
	if "\$@" >"$NS_DIR/said" 2>&1; then echo "ok: \$sentence"; else echo "FAIL: \$sentence"; tail -n 5 "$NS_DIR/said"; fi
}
no_usb_reader()
{
	"$U" list --json | jq -e '[.readers[] | select(.road == "usb")] | length == 0'
}
begin_pcscd()
{
	"$pcscd" --foreground >>"$NS_DIR/pcscd.log" 2>&1 &
	daemon=\$!
	for i in \$(seq 300); do
		[ -S /run/pcscd/pcscd.comm ] && return
		sleep 0.1
	done
}
end_pcscd()
{
	kill "\$daemon"
	wait "\$daemon"
	rm -f /run/pcscd/pcscd.comm
}

say "without pcscd the token is on USB" until_road usb
begin_pcscd
say "pcscd runs: it is PC/SC's" until_road pcsc
say "and its USB device is not listed while pcscd may be about to take it" no_usb_reader
sleep 2.2
say "nor afterwards: it is no reader of its own" no_usb_reader
say "it is initialised over PC/SC" "$U" init --label work --so-pin-file so --new-pin-file pin
say "and makes a key" "$U" key generate --key p256 --name one --pin-file pin
end_pcscd
say "pcscd ends: it is on USB again" until_road usb
say "with the key" sh -c "'$U' key list --json | jq -e '.keys | length == 1'"
"$walk" hold enough >"$NS_DIR/hold" 2>&1 &
holder=\$!
for i in \$(seq 300); do
	grep -q ^ok: "$NS_DIR/hold" && break
	sleep 0.1
done
begin_pcscd
sleep 2
touch enough
wait "\$holder"
say "pcscd that comes while a program has the device does not disturb it" grep -q "^ok: it still answers" "$NS_DIR/hold"
end_pcscd
END
timeout 120 umockdev-wrapper "$mock" token.flash bash inside >out 2>&1 || bad "the walk ends with a failure"
while read -r line; do
	case $line in
	ok:*) ok "${line#ok: }" ;;
	FAIL:*) bad "${line#FAIL: }" ;;
	*) echo "  $line" ;;
	esac
done <out
[ "$cases_failed" = 0 ] || tail -n 20 "$NS_DIR/pcscd.log"
[ "$cases_passed" -ge 9 ] || bad "only $cases_passed cases came to their end"
finish
