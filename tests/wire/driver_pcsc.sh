#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317,SC2119 # "try" calls the functions; pcscd_start needs no options
# libukey on a real pcscd: looking, waiting, working, resets by others, pulling out and putting back, pcscd gone and back,
# somebody else's card.

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
need jq
ns_enter "$@"

one="Virtual PCD 00 00"
two="Virtual PCD 00 01"
export XDG_CONFIG_HOME=$NS_DIR

coproc TALK { exec "$(ns_program tests/wire/driver_talk)"; }

# ask CALL...: libukey's answer to a call.
ask()
{
	local answer
	echo "$*" >&"${TALK[1]}"
	read -r -t 60 answer <&"${TALK[0]}" || answer="nothing"
	echo "$answer"
}

# says PATTERN CALL...: the answer matches.
says()
{
	local answer pattern=$1
	shift
	answer=$(ask "$@")
	# shellcheck disable=SC2053 # a pattern
	[[ $answer == $pattern ]] || { echo "$*: got $answer, not $pattern"; return 1; }
}

# becomes PATTERN CALL...: within the patience.
becomes()
{
	ns_wait "$NS_PATIENCE" says "$@" || says "$@"
}

apdus()
{
	emu_get "$1" counters "${2:-.apdus}"
}

equal()
{
	[ "$1" = "$2" ] || { echo "$1, not $2"; return 1; }
}

reset_by_another()
{
	echo reconnect | "$(ns_program tests/lib/pcsc_talk)" "$one" >/dev/null
}

# Without pcscd.
try "no pcscd: the look says so" says 'NO_SERVICE*' refresh
try "no pcscd: nothing changes" says 'TIMEOUT*' wait 300
pcscd_start
try "pcscd comes: the wait ends" says 'OK*' wait 5000
try "two empty readers" becomes "OK $one EMPTY; $two EMPTY;*" refresh
try "nothing changes" says 'TIMEOUT*' wait 200
try "a wait can be cancelled" says 'CANCELLED*' cancel
try "and again" says 'CANCELLED*' cancel
try "a cancelled wait does not end the next one" says 'TIMEOUT*' wait 200

# A token comes.
emu_start alice --create
try "a token comes: the wait ends" says 'OK*' wait 5000
try "it is seen" becomes "OK $one ????????????????; $two EMPTY;*" refresh
count=$(apdus alice)
try "looking again is silent" says 'OK*' refresh
try "no command was sent for it" equal "$(apdus alice)" "$count"
try "the first look was one command" says 'OK 1' commands

# Work.
try "init" says 'OK*' init 87654321 123456
try "log in" says 'OK*' login 123456
try "an RSA key" says 'OK*' generate 07 0
try "a P-521 key" says 'OK*' generate 15 2
try "the directory" says 'OK 2' directory
before=$(ask commands)
try "a signature" says 'OK 256' sign 0
try "another one" says 'OK 132' sign 2
try "each was one command" equal "$(ask commands)" "OK $((${before#OK } + 2))"
try "32 KiB of random bytes" says 'OK*' random 32768
commands=$(ask commands)
try "libukey and the token count alike" equal "$(apdus alice)" "$((${commands#OK } + count - 1))"

# Another program.
reset_by_another
try "reset by another program: told once" says 'TOKEN_RESET*' sign 0
try "then: not logged in" says 'NOT_LOGGED_IN*' sign 0
try "log in again" says 'OK*' login 123456
try "and sign" says 'OK*' sign 0
try "log out" says 'OK*' logout
reset_by_another
try "reset while nobody was in: mended" says 'OK*' reload
try "given back and taken again" says 'OK*' idle
try "it works" says 'OK*' login 123456

# Out and in.
emu_ctl alice unplug >/dev/null
try "pulled: the wait ends" says 'OK*' wait 5000
try "pulled: the call says so" says 'TOKEN_REMOVED*' reload
try "the look shows an empty reader" becomes "OK $one EMPTY;*" refresh
emu_ctl alice plug >/dev/null
try "back: the wait ends" says 'OK*' wait 5000
try "it is the same token" becomes "OK $one ????????????????;*" refresh
try "not logged in" says 'NOT_LOGGED_IN*' sign 0
try "log in" says 'OK*' login 123456
try "sign" says 'OK*' sign 0

# In the middle of a command.
emu_ctl alice unplug >/dev/null
try "pulled without a look: the call says so" says 'TOKEN_REMOVED*' sign 0
emu_ctl alice plug >/dev/null
try "back" becomes "OK $one ????????????????;*" refresh

# Two tokens at once.
emu_start bob --create
try "a second token" becomes "OK $one ????????????????; $two ????????????????;*" refresh
try "log in to the first" says 'OK*' login 123456
answer=$(ask both)
try "while the first makes a long key, the second answers" equal "${answer% *}" OK
echo "(${answer#* } times)"
try "many times" test "${answer#* }" -gt 5
emu_stop bob
try "one left" becomes "OK $one ????????????????; $two EMPTY;*" refresh

# pcscd stops and starts.
pcscd_stop
try "pcscd stops: the call says so" becomes 'NO_SERVICE*' reload
try "the look too" says 'NO_SERVICE*' refresh
pcscd_start
try "it is back: the wait ends" says 'OK*' wait 5000
try "the token too" becomes "OK $one ????????????????;*" refresh
try "log in" says 'OK*' login 123456
try "sign" says 'OK*' sign 0

# Somebody else's card.
"$(ns_program tests/lib/vpcd_foreign)" 35964 "$NS_DIR/foreign" &
foreign=$!
try "a foreign card is told" becomes "OK $one ????????????????; $two FOREIGN;*" refresh
for _ in 1 2 3; do ask refresh >/dev/null; done
try "it saw two commands, a SELECT each: PIV and ours" equal "$(cat "$NS_DIR/foreign")" "$(printf "00A4\n00A4")"
kill "$foreign"
try "it is gone" becomes "OK $one ????????????????; $two EMPTY;*" refresh

# Closing logs out.
to_talk=${TALK[1]}
exec {to_talk}>&-
wait "$TALK_PID"
try "libukey ends well" equal $? 0
try "and logged out" grep -q '^63C6' <(echo 00200081 | "$(ns_program tests/lib/pcsc_talk)" "$one")
finish
