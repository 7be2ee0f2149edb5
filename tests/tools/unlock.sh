#!/bin/bash
# shellcheck disable=SC2094,SC2119 # a file that is waited for while it is written
# SPDX-License-Identifier: Apache-2.0
# The holder's end of unlock by phone on a personalised token, through pcscd: scripted and at a terminal, with every
# kind of wrong answer and PIN (LC-18); and PINs that must be changed first.
# check: timeout=300
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$top/tests/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
need jq
ns_enter "$@"
# shellcheck source=tests/tools/lib.sh
. "$top/tests/tools/lib.sh"
# shellcheck source=tests/lib/personal.sh
. "$top/tests/lib/personal.sh"
desk=$(ns_program tests/tools/desk_answer) || exit 1

echo 87654321 >so
echo 583917 >pin
echo 583918 >pin2
echo 583919 >pin3
echo 999999 >wrong

pcscd_start || exit 1
factory_start || exit 1
personalize alice --serial 00112233445566AA || exit 1
emu_start alice || exit 1

# answer CHALLENGE: what the desk says.
answer()
{
	"$desk" "$FACTORY_MASTER_KEY" "$1"
}

# begin NAME ARGUMENT...: an unlock in the background; its answers are written to descriptor 5, a line each.
begin()
{
	local name=$1
	shift
	rm -f answers "$name.out"
	mkfifo answers
	exec 5<>answers
	timeout 60 "$U" pin unlock --remote --json --answer-fd 3 "$@" 3<answers >"$name.out" 2>"$name.err" 5>&- &
	worker=$!
	ns_wait 10 grep -qs '"challenge"' "$name.out"
	challenge=$(jq -rs 'map(select(.event == "challenge")) | last | .challenge' "$name.out")
}

# seen COUNT TEXT FILE: so many lines of it have the text.
seen()
{
	[ "$(grep -c -- "$2" "$3")" = "$1" ]
}

# ended CODE SENTENCE NAME FILTER: it ended with this code, and of its documents jq's filter is true.
ended()
{
	local status
	exec 5>&-
	wait "$worker"
	status=$?
	if [ "$status" = "$1" ] && jq -es "$4" "$3.out" >/dev/null; then
		ok "$2"
	else
		bad "$2: exit $status (wanted $1), wanted $4"
		tail -n 20 "$3.out" "$3.err" | sed 's/^/  /'
	fi
}

# ---- before ----

ex 32 "a blank token" "ukey init" pin unlock --remote
ex 0 "init" "initialised: ready" init --label alice --so-pin-file so --new-pin-file pin --pin-history 2
js 0 "info tells of the unlock key" '.token.unlock_key.exists and .token.unlock_key.tries_left == 10' info
ex 60 "no unlock to confirm yet" "never unlocked by phone" pin unlock --confirm
ex 2 "--remote and --confirm" "do not go together" pin unlock --remote --confirm
ex 2 "--answer-file alone" "goes with --remote only" pin unlock --answer-file so
ex 2 "--qr and --no-qr" "do not go together" pin unlock --remote --qr --no-qr
for _ in 1 2 3 4 5; do ukey pin verify --pin-file wrong >/dev/null 2>&1; done
ex 41 "the last wrong PIN says what to do" "ukey pin unlock --remote" pin verify --pin-file wrong
ex 41 "and so does a blocked one" "ukey pin unlock --remote" pin verify --pin-file pin
OPENUKEY_DEBUG=1 ex 41 "that it is blocked the token said inside the channel" \
	"inside, channel 1): > 00CB3FFF Lc=4 Le=256 5c020001" pin verify --pin-file pin

# ---- scripted ----

begin first --new-pin-file pin2
right=$(answer "$challenge")
other=$(answer 040G4-0R40M-30E20-00PGT-58X4M-PKAFA-0GSYM)
same "the challenge has seven groups" 7 "$(tr - '\n' <<<"$challenge" | wc -l)"
mistyped=$(tr 'PQ' 'QP' <<<"${right:0:1}")
[ "$mistyped" != "${right:0:1}" ] || mistyped=$(tr '0-9A-HJKMNRSTV-Z' '1-9A-HJKMNRSTV-Z0' <<<"${right:0:1}")
printf '%s\n' "$mistyped${right:1}" >&5
try "a mistyped answer is seen here" ns_wait 10 grep -qs '"mistyped"' first.out
grep -q "group 1" first.out && ok "and its group is named" || bad "and its group is named"
printf '%s\n' "${right:0:9}" >&5
try "an answer that is too short" ns_wait 10 grep -qs "characters" first.out
printf '%s\n' "$challenge" >&5
ns_wait 10 seen 3 mistyped first.out
printf '%s\n' "$other" >&5
try "the answer to another challenge is wrong" ns_wait 10 grep -qs '"wrong","tries_left":9' first.out
printf '%s\n' "$right" | tr '[:upper:]' '[:lower:]' | tr -d - >&5
ended 0 "the right one, in small letters without hyphens, unlocks" first \
	'last | (.proof | test("^[0-9A-Z]{5}-[0-9A-Z]{5}$")) and .token.user_pin.tries_left == 6 and .token.unlock_key.tries_left == 10'
ex 0 "the new PIN is right" "The PIN is right" pin verify --pin-file pin2
proof=$(jq -rs 'last | .proof' first.out)
js 0 "--confirm shows the proof again" ".proof == \"$proof\"" pin unlock --confirm
ex 0 "--confirm in words" "$proof" pin unlock --confirm
echo "$right" >used
ex 77 "an answer that was used is wrong for the next challenge" "9 tries left" \
	pin unlock --remote --answer-file used --new-pin-file pin
echo "nonsense" >nonsense
ex 66 "a file without an answer" "no try was used" pin unlock --remote --answer-file nonsense --new-pin-file pin
js 0 "and none was" '.token.unlock_key.tries_left == 9' info

# the answer stays good while the PIN is refused: by the history, which only the token knows
begin policy --new-pin-fd 4 4< <(cat pin2)
answer "$challenge" >&5
ended 45 "a PIN that was there before is refused, and said why" policy 'last | .error.message | contains("last 2 PINs")'
js 0 "which cost no try" '.token.unlock_key.tries_left == 9 and .token.user_pin.tries_left == 6' info
begin over --new-pin-file pin3
for _ in 1 2 3; do printf '%s\n' "$other" >&5; done
try "three wrong ones end the challenge" ns_wait 10 grep -qs '"over"' over.out
ns_wait 10 seen 2 '"challenge"' over.out
answer "$(jq -rs 'map(select(.event == "challenge")) | last | .challenge' over.out)" >&5
ended 0 "another one is shown and answered" over 'last | .token.unlock_key.tries_left == 10'
ex 0 "and its PIN is set" "The PIN is right" pin verify --pin-file pin3
begin cut --new-pin-file pin
kill -TERM "$worker"
wait "$worker" # before the answers end, which is another way to break off
same "broken off in between: exit code" 9 $?
exec 5>&-
ex 0 "has changed nothing" "The PIN is right" pin verify --pin-file pin3
begin gone --new-pin-file pin
emu_unplug alice
answer "$challenge" >&5
exec 5>&-
wait "$worker"
same "a token that is pulled in between: exit code" 25 $?
emu_plug alice

# ---- how it is shown ----

ex 50 "without an answer" "--answer-fd" pin unlock --remote --new-pin-file pin
ukey pin unlock --remote --answer-file nonsense >shown 2>&1 </dev/null
grep -q "▀" shown && bad "no QR code into a file" || ok "no QR code into a file"
ukey pin unlock --remote --qr --answer-file nonsense >shown 2>&1 </dev/null
grep -q "▀" shown && ok "but with --qr" || bad "but with --qr"
grep -q '?' shown && bad "nothing of it is taken for a control character" || ok "nothing of it is taken for a control character"

# ---- at a terminal ----

# waits_for TEXT [TIMES]: the person sees it, so many times by now. When a question is seen, what was typed before is forgotten,
# and the echo is off.
waits_for()
{
	ns_wait 30 is_seen "$@"
}
is_seen()
{
	[ "$(grep -ao -- "$1" said | wc -l)" -ge "${2:-1}" ]
}
new_pin="New PIN for [^,]*: " again="New PIN for .*, once more: "

if command -v script >/dev/null && script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
	rm -f typed
	mkfifo typed
	: >said
	timeout 200 script -qefc "$U pin unlock --remote" /dev/null <typed >said 2>&1 &
	worker=$!
	exec 6>typed
	waits_for "Answer of the helpdesk for [^:]*: "
	challenge=$(grep -oE '[0-9A-Z]{5}(-[0-9A-Z]{5}){6}' said | head -n 1)
	grep -q "▀" said && ok "a terminal gets the QR code" || bad "a terminal gets the QR code"
	right=$(answer "$challenge")
	printf '\n' >&6
	try "an Enter too many does not cost the challenge" waits_for "Nothing was typed"
	printf 'XXXXX-%s\n' "${right:6}" >&6
	try "mistyped: told at once" waits_for "This is no answer"
	printf '%s\n' "$right" >&6
	waits_for "$new_pin"
	printf '12345\n' >&6
	waits_for "$again"
	printf '12345\n' >&6
	try "a PIN that is too short: told, and asked again" waits_for "too short or too long"
	waits_for "$new_pin" 2
	printf '123456\n' >&6
	waits_for "$again" 2
	printf '123456\n' >&6
	try "a weak one is warned of" waits_for "sequence"
	waits_for "y/N"
	printf 'n\n' >&6
	waits_for "$new_pin" 3
	printf '583920\n' >&6
	waits_for "$again" 3
	printf '583920\n' >&6
	try "and the proof is shown" waits_for "Read this proof"
	wait "$worker"
	same "at a terminal: exit code" 0 $?
	exec 6>&-
	grep -qE '583920|12345' said && bad "no PIN is echoed" || ok "no PIN is echoed"
	echo 583920 >pin
	ex 0 "the PIN that was typed last is set" "The PIN is right" pin verify --pin-file pin
else
	ukey pin unlock --so-pin-file so --new-pin-file pin >/dev/null
fi

# ---- a PIN that must be changed first ----

ex 0 "init --must-change" "initialised" init --yes --label alice --so-pin-file so --new-pin-file pin --must-change
js 0 "info says so" '.token.user_pin.must_change and .token.pin_policy.must_change' info
ex 0 "list says so" "must be changed" list
ex 52 "a log-in with the SO's PIN" "ukey pin change" pin verify --pin-file pin
ex 90 "doctor says it too" "must be changed" doctor
ex 0 "the holder changes it" "The PIN is changed" pin change --pin-file pin --new-pin-file pin2
ex 0 "then it is good" "The PIN is right" pin verify --pin-file pin2
ex 0 "the SO sets another" "must change it" pin unlock --so-pin-file so --new-pin-file pin3
if command -v script >/dev/null && script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
	rm -f typed
	mkfifo typed
	: >said
	timeout 200 script -qefc "$U pin verify" /dev/null <typed >said 2>&1 &
	worker=$!
	exec 6>typed
	waits_for "PIN of [^:]*: "
	printf '999999\n' >&6
	try "a wrong PIN at the prompt is asked for again" waits_for "5 tries left"
	waits_for "PIN of [^:]*: " 2
	printf '583919\n' >&6
	try "one that must be changed is changed at once" waits_for "must be changed"
	waits_for "$new_pin"
	printf '583921\n' >&6
	waits_for "$again"
	printf '583921\n' >&6
	wait "$worker"
	same "and is the log-in too" 0 $?
	exec 6>&-
	echo 583921 >pin
	ex 0 "the new one stays" "The PIN is right" pin verify --pin-file pin
fi
finish
