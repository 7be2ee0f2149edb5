#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check: timeout=300
# A token on USB without pcscd: our programs, real libusb, and a /dev of umockdev's making. ROAD over USB, unplugging in
# the middle, two programs, a device that is another's.
# shellcheck source=tests/lib/namespace.sh
. "$(dirname "$0")/../lib/namespace.sh"
ns_enter "$@"
# shellcheck source=tests/lib/cases.sh
. "$(dirname "$0")/../lib/cases.sh"
need umockdev-wrapper
need jq
mock=$(ns_program tests/usb/umock_token) || exit 77
walk=$(ns_program tests/usb/usb_walk) || exit 77
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../tools/lib.sh"

# on_usb [OPTION...] FLASH PROGRAM...: with the token plugged in.
on_usb()
{
	timeout 120 umockdev-wrapper "$mock" "$@"
}

# walk_with WAY OPTION...: usb_walk's lines are cases.
walk_with()
{
	local way=$1 line status
	shift
	on_usb "$@" "$NS_DIR/$way.flash" "$walk" "$way" >"$NS_DIR/walk" 2>&1
	status=$?
	while read -r line; do
		case $line in
		ok:*) ok "$way: ${line#ok: }" ;;
		FAIL:*) bad "$way: ${line#FAIL: }" ;;
		*) echo "$line" ;;
		esac
	done <"$NS_DIR/walk"
	[ "$status" = 0 ] || bad "$way ends with status $status"
}

# Everything that the user does, in one script, so that the token stays plugged in.
cat >user <<END
set -e
"$U" init --label work --so-pin-file so --new-pin-file pin
"$U" key generate --key p256 --name ec --pin-file pin
"$U" key generate --key rsa2048 --name rsa --pin-file pin
END
printf '135791\n' >pin
printf '97531086\n' >so
head -c 3000 /dev/urandom >letter

for message in 65554 271; do
	rm -f token.flash
	try "messages of $message: initialised, and two keys made" on_usb --message $message token.flash bash user
	on_usb --message $message token.flash "$U" list --json >list 2>&1
	try "messages of $message: list shows it on USB" jq -e '.tokens | length == 1 and .[0].road == "usb"' list
	on_usb --message $message token.flash "$U" key list --json >list 2>&1
	try "messages of $message: its keys are listed" jq -e '.keys | length == 2' list
done
try "the reader is the device" sh -c "umockdev-wrapper '$mock' token.flash '$U' list | grep -q 'OpenUKey token ([0-9A-F]*) USB 1-1'"

module=$(ns_program .libs/ukey-pkcs11.so) || module=''
if [ -n "$module" ] && command -v pkcs11-tool >/dev/null; then
	try "pkcs11-tool signs over it" on_usb token.flash pkcs11-tool --module "$module" --login --pin 135791 --sign \
		--mechanism ECDSA-SHA256 --input-file letter --output-file signature
	try "with a signature of the right length" test "$(stat -c %s signature 2>/dev/null)" = 64
fi

walk_with walk
walk_with pull --pull 3
walk_with long --slow 1500
on_usb --held token.flash "$U" list >said 2>&1
try "another program's: list says so" grep -q "in use by another program" said
on_usb --held token.flash "$U" info >said 2>&1
same "and info ends with the status of a busy token" 27 $?
cat >busy <<END
"$walk" hold enough >hold.said &
for i in \$(seq 300); do "$U" list --json | jq -e '.readers[0].holder' >list && break; sleep 0.1; done
"$U" list >busy.list
"$U" info >busy.info 2>&1
echo \$? >busy.status
touch enough
wait
"$U" list --json >after
END
on_usb token.flash bash busy
try "a program of ours that has it: list says which, and its number" grep -qE "in use by usb_walk \(process [0-9]+\)" busy.list
try "in JSON too" jq -e '.name == "usb_walk" and .process > 1' list
try "and info, which ends with the status of a busy token" grep -qE "holds the token.*usb_walk, process [0-9]+" busy.info
same "... 27" 27 "$(cat busy.status)"
try "the program that had it was not disturbed" grep -q "^ok: it still answers" hold.said
try "when that one ends, the token is there" jq -e '.tokens | length == 1' after
mkdir -p config/openukey
echo "usb = no" >config/openukey/openukey.conf
on_usb token.flash "$U" list >said 2>&1
same "usb = no: there is no service and nothing else" 20 $?
rm config/openukey/openukey.conf
on_usb --id 1234:5678 token.flash "$U" list >said 2>&1
same "another maker's device is left alone" 20 $?
if [ "$(id -u)" = 0 ] && setpriv --reuid nobody --regid nogroup --clear-groups true 2>/dev/null; then
	mkdir nobody && cp token.flash nobody/ && chown -R nobody nobody && chmod 711 .
	HOME=$NS_DIR/nobody XDG_STATE_HOME='' XDG_CONFIG_HOME='' XDG_CACHE_HOME='' TMPDIR=/tmp setpriv --reuid nobody --regid nogroup --clear-groups \
		timeout 60 umockdev-wrapper "$mock" --denied "$NS_DIR/nobody/token.flash" "$U" list >said 2>&1
	try "without permission: list says so" grep -q "this user may not use it" said
fi
finish
