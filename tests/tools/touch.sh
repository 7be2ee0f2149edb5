#!/bin/bash
# shellcheck disable=SC2119 # pcscd_start needs no options
# SPDX-License-Identifier: Apache-2.0
# A key that wants the button, through the whole stack: the person is told before the token waits, a press lets it go on,
# and after 15 seconds without one the token says so; card and reader are there all the while.
# check: timeout=180
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$top/tests/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
need jq
need openssl
ns_enter "$@"
# shellcheck source=tests/tools/lib.sh
. "$top/tests/tools/lib.sh"

one="Virtual PCD 00 00"
button="Press the button on the token"
echo 12345678 >so
echo 123456 >pin
echo "a letter" >letter

# told FILE: what runs in the background has said it.
told()
{
	grep -qs "$button" "$1"
}

# waits NAME ARGUMENT...: ukey in the background, which says it and then waits for the button.
waits()
{
	local name=$1
	shift
	ukey "$@" >"$name.out" 2>"$name.err" </dev/null &
	worker=$!
	try "$name: the person is told" ns_wait 10 told "$name.err"
	try "$name: the token waits for its button" emu_wait alice .touch_waiting
}

pcscd_start || exit 1
emu_start alice --create --touch never || exit 1
ukey init --label touch --so-pin-file so --new-pin-file pin >/dev/null
ex 0 "a key that wants the button" "Made key 0/s" key generate --key p256 --touch --label button --pin-file pin
ex 0 "and one that does not" "Made key 0/x" key generate --key rsa2048 --pair exchange --container 0 --pin-file pin
js 0 "the directory tells them apart" '[.keys[].touch] == [true, false]' key list
ex 0 "the list shows it" "[button]" key list

waits request request --key-ref 0/s --subject CN=button --pin-file pin
same "a press is taken" true "$(emu_get alice "touch press" .waited_for)"
wait "$worker"
same "the request is made" 0 $?
try "and signed by the key" openssl req -in request.out -verify -noout
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj "/CN=Test CA" -days 300 2>/dev/null
openssl x509 -req -in request.out -CA ca.pem -CAkey ca.key -days 30 -out button.pem 2>/dev/null
ex 0 "its certificate" "0/s" cert import button.pem --pin-file pin
same "a press that nobody waits for is none" false "$(emu_get alice "touch press" .waited_for)"

begun=${EPOCHREALTIME/./}
waits sign sign letter --key-ref 0/s --pin-file pin -o letter.p7s
sleep 5
try "after five seconds it still waits" emu_wait alice .touch_waiting
try "the card is in the reader" reader_is "$one" present
wait "$worker"
same "time-out: exit code" 70 $?
took=$(((${EPOCHREALTIME/./} - begun) / 1000000))
echo "nobody pressed: the answer came after $took s"
try "time-out: not before 15 seconds" test "$took" -ge 14
try "time-out: soon after them" test "$took" -le 25
try "time-out: the person is told what to do" grep -q "the button was not pressed in time" sign.err
[ ! -e letter.p7s ] && ok "and writes nothing" || bad "and writes nothing"
same "the token waits no more" false "$(emu_get alice status .touch_waiting)"

waits again sign letter --key-ref 0/s --pin-file pin -o letter.p7s
emu_ctl alice touch press >/dev/null
wait "$worker"
same "pressed this time: signed" 0 $?
try "openssl verifies it" openssl cms -verify -binary -inform DER -in letter.p7s -content letter -CAfile ca.pem -purpose any \
	-out /dev/null

# Ctrl-C while the token works: nothing breaks that off, which is said; a second one leaves.
"$U" sign letter --key-ref 0/s --pin-file pin -o broken.p7s 2>broken.err </dev/null &
worker=$!
try "broken off: the token waits for its button" emu_wait alice .touch_waiting
kill -INT "$worker"
try "Ctrl-C: that it is waited for" ns_wait 30 grep -q "Ctrl-C again leaves at once" broken.err
kill -INT "$worker"
wait "$worker"
same "Ctrl-C again: exit code" 9 $?
try "and what to look at" grep -q "ukey key list" broken.err
emu_ctl alice touch press >/dev/null
[ ! -e broken.p7s ] && ok "and writes nothing" || bad "and writes nothing"

waits pulled sign letter --key-ref 0/s --pin-file pin -o pulled.p7s
begun=${EPOCHREALTIME/./}
emu_ctl alice unplug >/dev/null
wait "$worker"
same "unplugged while it waits: exit code" 25 $?
try "at once" test $(((${EPOCHREALTIME/./} - begun) / 1000000)) -le 5
emu_plug alice

# Nobody is told anything where no button is wanted.
ukey request --key-ref 0/x --subject CN=plain --pin-file pin >plain.out 2>plain.err
same "a key without touch signs at once" 0 $?
if told plain.err; then
	bad "and asks for no button"
else
	ok "and asks for no button"
fi
emu_stop alice
finish
