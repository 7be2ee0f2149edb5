#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # "try" and the scenes call the functions
# check: timeout=300
# pcscd comes and goes while a program has the PKCS#11 module loaded and sessions open: real pcscd, real libccid, real
# libusb on umockdev's bus. One token is one slot, whichever way it is reached, and whoever was first keeps it.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/usb/scene.sh
. "$here/scene.sh"
lost=30 # CKR_DEVICE_ERROR

# pcscd comes while a session is open over USB: nothing is disturbed, and others hear who has it.
scene_usb_first()
{
	try "the token is made ready, over USB" ready
	try "without pcscd it is on USB" road_is usb
	p11_begin
	slots=$(p11_say slots)
	try "one slot with a token" same "0 1 1 0" "$slots"
	says 0 open
	try "logged in over USB" says 0 login "$pin"
	pcscd_begin
	sleep 1
	try "pcscd comes: the open session signs on" says 0 sign
	try "one token is still one slot" same "0 1 0" "$(p11_say slots | cut -d' ' -f1,3,4)"
	sleep 2 # so long a new device is pcscd's to take
	ukey list --json >list
	try "another program: no token to be had" jq -e '.tokens == []' list
	# shellcheck disable=SC2016 # $p is jq's
	try "and who has it" jq -e --argjson p "$p11_process" \
		'[.readers[] | select(.state == "busy") | .holder] == [{name: "p11_talk", process: $p}]' list
	ukey info >said 2>&1
	try "another program's command ends with the status of a busy token" same 27 $?
	try "which says who has it" grep -q "p11_talk, process $p11_process" said
	pcscd_end
	try "pcscd goes: the open session signs on" says 0 sign
	try "and has its log-in: one slot" same "0 1 0" "$(p11_say slots | cut -d' ' -f1,3,4)"
	pcscd_begin
	try "pcscd comes again: still" says 0 sign
	p11_end
	try "the program ends: another has it at once, on USB, for pcscd looks at new devices only" ns_wait 30 road_is usb
	try "and can use it" ukey pin verify --pin-file pin
	pcscd_end
	pcscd_begin
	try "a pcscd that finds it free has it" ns_wait 30 road_is pcsc
	pcscd_end
}

# pcscd had it, and goes with a session open.
scene_pcscd_first()
{
	local began
	pcscd_begin
	ns_wait 30 road_is pcsc
	p11_begin
	slots=$(p11_say slots)
	try "pcscd has it: one slot with a token" same "1 0" "$(cut -d' ' -f3,4 <<<"$slots")"
	says 0 open
	try "logged in over PC/SC" says 0 login "$pin"
	try "signs over PC/SC" says 0 sign
	pcscd_end
	began=${EPOCHREALTIME/./}
	try "pcscd ends with the session open: the signature says that the way is gone" same "$lost" "$(p11_say sign)"
	try "at once" soon 8 "$began"
	try "the token is in the slot of before, over USB now" ns_wait 30 one_with_token
	try "a new session in the same process" says 0 open
	try "which logs in" says 0 login "$pin"
	try "and signs" says 0 sign
	pcscd_begin
	sleep 1
	try "pcscd comes back: that session signs on" says 0 sign
	try "the token is in one slot, the same" one_with_token
	p11_end
	pcscd_end
}

one_with_token()
{
	same "1 0" "$(p11_say slots | cut -d' ' -f3,4)"
}

# Nothing open: the next to come has it, and the slot stays.
scene_idle()
{
	p11_begin
	slots=$(p11_say slots)
	says 0 open
	try "a session over USB, and closed again" says 0 close
	pcscd_begin
	try "pcscd comes, with nobody at work: it has the token" ns_wait 30 road_is pcsc
	try "the program with the module: the same slot" one_with_token
	says 0 open
	says 0 login "$pin"
	try "which it uses through pcscd" says 0 sign
	try "as others do at the same time" ukey pin verify --pin-file pin
	says 0 close
	pcscd_end
	try "pcscd goes, with nobody at work: the slot is the same" ns_wait 30 one_with_token
	says 0 open
	says 0 login "$pin"
	try "used over USB" says 0 sign
	p11_end
}

# Both ways' sizes.
scene_long()
{
	pcscd_begin
	ns_wait 30 road_is pcsc
	long_apdus "over pcscd and libccid, $1" pcsc
	pcscd_end
}

scene_inside "$@"
ns_enter "$@"
scenes_begin
pcscd_on_usb || exit 77

scene usb_first -- token.flash
scene pcscd_first -- token.flash
scene idle -- token.flash
scene long "one message" -- token.flash
scene long "messages of 271 bytes" -- --message 271 token.flash

# And the way that the rest of the tests goes.
over_vpcd()
{
	pcscd_start && emu_start vpcd --create && long_apdus "over pcscd and vpcd" pcsc
}
over_vpcd || bad "pcscd with vpcd starts"
[ "$cases_failed" = 0 ] || tail -n 20 pcscd.log
finish
