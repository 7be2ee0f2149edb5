#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # "try" calls the functions
# The emulated token in a real pcscd: seen, spoken to, pulled out, put back, over a restart of pcscd, and twice.

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
need opensc-tool
need jq
ns_enter "$@"

one="Virtual PCD 00 00"
two="Virtual PCD 00 01"
text()
{
	printf %s "$1" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F
}

# hex COUNT BYTE: so many bytes of it.
hex()
{
	printf "%$1s" '' | sed "s/ /$2/g"
}

# talk READER LINE...: the answers, one a line.
talk()
{
	local reader=$1
	shift
	printf '%s\n' "$@" | "$(ns_program tests/lib/pcsc_talk)" "$reader" 2>/dev/null
}

# answers READER PATTERN LINE...: the digits of the last answer match.
answers()
{
	local got pattern=$2 reader=$1
	shift 2
	got=$(talk "$reader" "$@" | tail -n 1 | cut -d' ' -f1)
	# shellcheck disable=SC2053 # a pattern
	[[ $got == $pattern ]] || { echo "got ${got:0:200}"; return 1; }
}

counts()
{
	local got
	got=$(emu_get "$1" counters "$2")
	[ "$got" = "$3" ] || { echo "$2 is $got, not $3"; return 1; }
}

same()
{
	[ "$1" = "$2" ] || { echo "got $1"; echo "not $2"; return 1; }
}

fails()
{
	! "$@"
}

says()
{
	grep -qF -- "$2" "$1" || { cat "$1"; return 1; }
}


aid=F04F70656E554B657901
select=00A404000A$aid
pin=$(text 12345678)
so_pin=$(text 87654321)
initialize=80E000001A8004$(text test)8108${so_pin}8308${pin}
verify=0020008108$pin
# a data object of 16 KiB: label, application, object identifier, flags, value
object=8100820083008401008582$(printf %04X 16384)$(hex 16384 5A)
put=00DB3FFF00$(printf %04X $((8 + ${#object} / 2)))5C0203005382$(printf %04X $((${#object} / 2)))$object
get=00CB3FFF0000045C0203000000
generate_p256=00471100000009AC07830200018601010000
generate_rsa=00471602000006AC04830200030000
# a signature with the P-256 key, which wants the button
sign=0087110000000A7C0882008104010203040000

try "pcscd starts in a namespace of its own" pcscd_start
try "its reader is empty at first" reader_wait "$one" empty
try "the emulator starts with a new token, and pcscd sees it" emu_start alice --create --serial 0123456789ABCDEF
try "the second slot stays empty" reader_is "$two" empty

atr=3B8B8001807380 rest=01D765554B455901 tck=0
for ((i = 2; i < ${#atr}${#rest}0 && i < 30; i += 2)); do
	tck=$((tck ^ 0x$(printf %s "$atr$rest" | cut -c $((i + 1))-$((i + 2)))))
done
try "opensc-tool reads the ATR of doc/token-protocol.md 1.1" \
	same "$(opensc-tool --reader 0 --atr | tr -d ': \n' | tr a-f A-F)" "$atr$rest$(printf %02X $tck)"
try "SELECT is answered with the token information" answers "$one" "6F*840A${aid}A5*82080123456789ABCDEF*9000" "${select}00"
try "INITIALIZE and VERIFY" answers "$one" 9000 "$initialize" "$verify"
try "a command of 17 KB passes whole" answers "$one" 9000 "$verify" "$put"
try "and what it wrote comes back" answers "$one" "*$(hex 16384 5A)9000" "$get"
try "an answer of 49152 bytes passes whole" \
	same "$(talk "$one" 0084000000C000 | cut -d' ' -f1 | tail -c 5)" 9000
try "of exactly that length" same "$(talk "$one" 0084000000C000 | cut -d' ' -f1 | tr -d '\n' | wc -c)" $(((49152 + 2) * 2))
try "foreign applications are answered fast and change nothing" answers "$one" "6A82" 00A4040007A0000000031010

mapfile -t challenges < <(for ((i = 0; i < 200; i++)); do echo 0084000008; done)
median=$(talk "$one" "${challenges[@]}" | awk '{ print $2 }' | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')
echo "round trip of a short command, median of 200: $median us"

emu_ctl alice reset-counters >/dev/null
talk "$one" "$verify" 0084000008 0084000008 >/dev/null
try "the token counts what it was asked" counts alice '[.apdus, .ins."84".apdus, .ins."20".apdus] | join(" ")' "3 2 1"
try "VERIFY wrote to the flash" fails counts alice '.ins."20".flash_writes' 0
try "and broke no rule of it" counts alice .flash_violations 0

try "pcscd sees the token pulled" emu_unplug alice
try "nobody can connect then" fails talk "$one" 0084000008
try "and sees it come back" emu_plug alice
try "it knows what it knew, and nobody is logged in" answers "$one" "*9000" "${select}00" "$get"
try "a replug loses the log-in" answers "$one" 63C6 00200081
try "unplugged between two commands: the second fails" fails answers "$one" "*9000" "$(emu_ctl alice unplug-at 1 before >/dev/null; echo 0084000008)"
try "and the token stays out" reader_wait "$one" empty
emu_plug alice
emu_ctl alice unplug-at 2 after >/dev/null
try "pulled after the work: no answer" fails answers "$one" "*9000" "$verify" "${put/5A5A5A/5B5B5B}"
emu_plug alice
try "but the work is done" answers "$one" "*5B5B5B*9000" "$get"
emu_ctl alice cut 1 prefix >/dev/null
try "power lost in the flash: no answer" fails answers "$one" "*9000" "$verify" "$put"
try "is counted" counts alice .cuts 1
emu_plug alice
try "and the work is not done" answers "$one" "*5B5B5B*9000" "$get"

# while the token works, in the background
emu_ctl alice latency chip >/dev/null
talk "$one" "$verify" "$generate_rsa" >"$NS_DIR/generate" &
worker=$!
try "the control socket answers during a key generation" emu_wait alice '.ins == "47"'
begun=${EPOCHREALTIME/./}
emu_ctl alice unplug >/dev/null
wait $worker
echo "the host learnt that the token was pulled after $(((${EPOCHREALTIME/./} - begun) / 1000)) ms"
# pcscd calls it a success with an empty answer
try "pulling it then ends the command at once" same "$(sed -n 2p "$NS_DIR/generate" | cut -d' ' -f1)" ""
emu_ctl alice latency none >/dev/null
emu_plug alice
try "and leaves no key" fails says <(talk "$one" 00CB3FFF0000045C0200020000) 7F49
try "DIRECTORY has no container" answers "$one" "E2*9000" 00CB3FFF0000045C0200020000

emu_ctl alice touch never >/dev/null
try "a key that wants the button" answers "$one" "*9000" "$verify" "$generate_p256"
talk "$one" "$verify" "$sign" >"$NS_DIR/sign" &
worker=$!
try "the token waits for the button" emu_wait alice .touch_waiting
try "which is pressed" same "$(emu_get alice "touch press" .waited_for)" true
wait $worker
try "and the signature comes" says "$NS_DIR/sign" 7C428240

try "a second token in the second slot" emu_start bob --create
try "is another one" fails same "$(emu_get alice status .serial)" "$(emu_get bob status .serial)"
try "and answers" answers "$two" "*9000" "${select}00"
try "the first still answers" answers "$one" "*9000" "${select}00"
try "the second emulator ends cleanly" emu_stop bob
try "and its slot is empty" reader_wait "$two" empty

pcscd_stop
try "the emulator finds nobody" ns_wait "$NS_PATIENCE" grep -q 'waiting for pcscd' "$NS_DIR/alice.log"
try "pcscd restarts" pcscd_start
try "and finds its token again" emu_seen alice
try "which answers" answers "$one" "*9000" "${select}00"
try "the emulator said once that it waited" same "$(grep -c 'waiting for pcscd' "$NS_DIR/alice.log")" 1
try "and no sanitizer, no flash rule complained" fails grep -E 'Sanitizer|runtime error|flash rule' "$NS_DIR/alice.log"
emu_ctl alice quit >/dev/null
try "quit ends the emulator cleanly" emu_stop alice
try "and removes its socket" [ ! -e "$NS_DIR/alice.ctl" ]
finish
