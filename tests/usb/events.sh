#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # "try" and the scenes call the functions
# check: timeout=300
# What happens to a token on USB while programs use it, without pcscd, on umockdev's bus: ROAD as in ./quickstart; pulled
# in the middle of a signature and of a key generation; a sleep of the machine; two tokens; messages of every size. Each
# time the exact error, soon, and recovery in the same process.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/usb/road.sh
. "$here/road.sh"
# shellcheck source=tests/usb/scene.sh
. "$here/scene.sh"

# After a removal: plugged in again, the same process goes on.
comes_back()
{
	port plug
	try "$1: plugged in again, the slot is the one of before" ns_wait 30 says "$slots" slots
	try "$1: a new session in the same process" says 0 open
	try "$1: which logs in" says 0 login "$pin"
	try "$1: and signs" says 0 sign
	try "$1: the key of before is the only one" says "0 1" objects
}

# ---- scenes: what runs inside, with the token plugged in ----

scene_road()
{
	usb_road
}

scene_ready()
{
	try "a token is made ready" ready
}

# in_the_middle NAME CALL: the mock pulls the device inside it, 800 ms after it began.
in_the_middle()
{
	local began
	p11_begin
	slots=$(p11_say slots)
	try "$1: one slot" same "0 1 1" "${slots% *}"
	says 0 open && says 0 login "$pin"
	began=${EPOCHREALTIME/./}
	try "pulled in the middle of $1: CKR_DEVICE_REMOVED" says "$removed" "$2"
	try "$1: at once" soon 8 "$began"
	try "$1: the slot has no token" ns_wait 30 says "0 1 0" slots
	try "$1: a session there is refused for it" says E0 open 0
	comes_back "$1"
}

scene_sign() { in_the_middle "a signature" sign; }
scene_keygen() { in_the_middle "a key generation" keygen; }

# The tool of the user, in the same place.
scene_tool()
{
	ukey key generate --key p256 --label lost --pin-file pin >said 2>&1
	try "ukey, pulled in the middle: its exit status" same 25 $?
	try "and its words" grep -q "was unplugged" said
}

scene_sleep()
{
	local began
	p11_begin
	slots=$(p11_say slots)
	says 0 open && says 0 login "$pin"
	try "before the machine sleeps it signs" says 0 sign
	port sleep
	sleep 1
	try "slept while idle: the log-in is lost, and the call says so" says "$logged_out" sign
	try "the same session logs in again" says 0 login "$pin"
	try "and signs" says 0 sign
	echo sign >&8
	sleep 1.5
	began=${EPOCHREALTIME/./}
	port sleep
	read -r -t 60 answer <&7
	try "slept in the middle of a signature: CKR_DEVICE_REMOVED" same "$removed" "$answer"
	try "at once" soon 8 "$began"
	try "the slot is the one of before" says "$slots" slots
	try "a new session" says 0 open
	try "which logs in" says 0 login "$pin"
	try "and signs" says 0 sign
}

scene_two()
{
	local serials
	ukey list --json >list
	try "two tokens at once, both on USB" jq -e '[.tokens[].road] == ["usb", "usb"]' list
	try "each in its port" jq -e '[.tokens[].reader | capture("USB (?<p>.*)").p] == ["1-1", "1-2"]' list
	readarray -t serials < <(jq -r '.tokens[].serial' list)
	try "the second is made ready, by its number" ready --token "${serials[1]}"
	ukey request --subject CN=a --token "${serials[0]}" --pin-file pin --output a >said.a 2>&1 &
	ukey request --subject CN=b --token "${serials[1]}" --pin-file pin --output b >said.b 2>&1
	wait $!
	try "two programs sign, each with one of them, at the same time" openssl req -in a -verify -noout
	try "both" openssl req -in b -verify -noout
	p11_begin
	slots=$(p11_say slots)
	try "a program that has looked, and has no session, keeps nobody out" ukey info --token "${serials[0]}"
	try "two slots with tokens" same "0 2 2 0,1" "$slots"
	port unplug
	try "one is pulled" ns_wait 30 says "0 2 1 1" slots
	try "the other works on" says 0 open 1
	says 0 login "$pin"
	try "and signs" says 0 sign
	port plug
	try "back: both again, each in its slot" ns_wait 30 says "0 2 2 0,1" slots
}

scene_long()
{
	long_apdus "over libusb, $1" usb
}

scene_inside "$@"
ns_enter "$@"
scenes_begin

echo "correct horse battery" >pass
ra=$(ns_program ukey-ra) || exit 1
"$ra" init --dir ca --name "CN=Road CA,O=OpenUKey" --host localhost --passphrase-file pass >/dev/null || exit 1
"$ra" serve --dir ca --listen 127.0.0.1:0 --port-file ra.port --passphrase-file pass >ra.log 2>&1 &
ns_wait 20 test -s ra.port || { cat ra.log; exit 1; }
"$ra" cacert --dir ca >ca.pem
"$ra" code new --dir ca --subject "CN=Zhang San" --profile person-sign >code 2>/dev/null
CA_URL=https://localhost:$(cat ra.port) CA_FILE=ca.pem CA_CODE=code scene road -- road.flash

scene ready -- token.flash
scene sign -- --slow 800 --cut 87 token.flash
scene keygen -- --slow 800 --cut 47 token.flash
scene tool -- --slow 800 --cut 47 token.flash
scene sleep -- --slow 3000 --slow-at 87 token.flash
scene two -- --second other.flash token.flash
scene long "one message" -- token.flash
scene long "messages of 271 bytes" -- --message 271 token.flash
finish
