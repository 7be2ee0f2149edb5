#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # "try" calls the functions
# Tokens that come and go while a program has the PKCS#11 module open, on a real pcscd (issue 4, 4; pains 3, 4, 18, 19):
# six readers, five tokens; which slot, which event; pcscd stopped, started, halted; a foreign card.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
need jq
ns_enter "$@"
export UKEY_BUILD=${UKEY_BUILD:-${BUILD:?the build folder}}
export LC_ALL=C.UTF-8 LANGUAGE='' HOME=$NS_DIR
export XDG_CONFIG_HOME=$NS_DIR/config XDG_STATE_HOME=$NS_DIR/state XDG_CACHE_HOME=$NS_DIR/cache
module=$UKEY_BUILD/.libs/ukey-pkcs11.so
cd "$NS_DIR" || exit 1
umask 077

# Six readers: vpcd's driver has two slots, and serves once under each name.
driver=$(compgen -G '/usr/lib/pcsc/drivers/serial/libifdvpcd.so*' | head -n 1)
[ -n "$driver" ] || { echo "vsmartcard-vpcd is not installed"; exit 77; }
mkdir readers
NS_READER='Reader 1'
number=0
for port in 35963 35965 35967; do
	number=$((number + 1))
	cp "$driver" "vpcd$number.so"
	printf 'FRIENDLYNAME "Reader %s"\nDEVICENAME /dev/null:0x%X\nLIBPATH %s\nCHANNELID 0x%X\n\n' \
		"$number" "$port" "$NS_DIR/vpcd$number.so" "$port"
done >readers/vpcd
service_start()
{
	pcscd_start -c "$NS_DIR/readers"
}

ports=(35963 35964 35965 35966 35967)
token() # N: made, and out
{
	emu_start "t$1" --create --unplugged --port "${ports[$1]}"
}

plug()
{
	emu_ctl "t$1" plug >/dev/null
}

unplug()
{
	emu_ctl "t$1" unplug >/dev/null
}

ask()
{
	local answer
	echo "$*" >&"${TALK[1]}"
	read -r -t 60 answer <&"${TALK[0]}" || answer=nothing
	echo "$answer"
}

says() # PATTERN CALL...
{
	local answer pattern=$1
	shift
	answer=$(ask "$@")
	# shellcheck disable=SC2053 # a pattern
	[[ $answer == $pattern ]] || { echo "$*: got $answer, not $pattern"; return 1; }
}

becomes()
{
	ns_wait "$NS_PATIENCE" says "$@" || says "$@"
}

# waits PATTERN COMMAND...: a blocking wait, during which the command is run, ends so.
waits()
{
	local answer pattern=$1
	shift
	echo wait >&"${TALK[1]}"
	sleep 0.3
	"$@" || return 1
	read -r -t 20 answer <&"${TALK[0]}" || answer=nothing
	# shellcheck disable=SC2053 # a pattern
	[[ $answer == $pattern ]] || { echo "the wait: $answer, not $pattern"; return 1; }
}

serial()
{
	emu_get "t$1" status .serial
}

# pain 19: no pcscd is no token, and no failure; it comes, and nobody starts the program again.
coproc TALK { exec "$UKEY_BUILD/tests/road/p11_program" "$module" 583917 talk; }
talk=$TALK_PID
try "no pcscd: no slots" says "ok" slots
try "and no event" says "rv 00000008" poll
service_start || exit 1
try "pcscd comes: six empty readers" becomes "ok 0:- 1:- 2:- 3:- 4:- 5:-" slots
for i in 0 1 2 3 4; do
	token "$i" || exit 1
	serials[i]=$(serial "$i")
done
while [ "$(ask poll)" != "rv 00000008" ]; do :; done

# Five at once.
all_plug()
{
	local i
	for i in 0 1 2 3 4; do plug "$i"; done
}
five()
{
	local i event told='' missing=''
	waits "ok [0-4]" all_plug || return 1
	becomes "ok 0:${serials[0]} 1:${serials[1]} 2:${serials[2]} 3:${serials[3]} 4:${serials[4]} 5:-" slots || return 1
	for i in 1 2 3 4; do
		event=$(ask poll)
		told="$told ${event#ok }"
	done
	for i in 0 1 2 3 4; do [[ $told == *$i* ]] || missing="$missing $i"; done
	[ "${#missing}" = 2 ] || { echo "told:$told"; return 1; }
}
try "five tokens at once: the wait ends, each has its slot and one event" five
try "and no more" says "rv 00000008" poll

# A PIN and a key for two of them.
make_one() # N
{
	printf 87654321 >so.pin
	printf 583917 >user.pin
	"$UKEY_BUILD/ukey" init --token "${serials[$1]}" --label "t$1" --new-so-pin-file so.pin --new-pin-file user.pin --yes --quiet &&
		"$UKEY_BUILD/ukey" key generate --token "${serials[$1]}" --key p256 --label ec --id 01 --pin-file user.pin --quiet
}
make_one 0 && make_one 1 || exit 1
try "another program's work on them is no event" says "rv 00000008" poll
works() # SLOT
{
	says "ok*" open "$1" && says "ok*" login && says "ok*" sign
}
try "log in and sign in slot 0" works 0

# Out and in.
try "pulled: the wait ends, once" waits "ok 0" unplug 0
try "and no more" says "rv 00000008" poll
try "its session is gone" says "rv 000000B3" sign
try "its slot stays in the list" says "ok 0:- 1:${serials[1]} 2:* 3:* 4:* 5:-" slots
try "back: the wait ends" waits "ok 0" plug 0
try "the same slot" says "ok 0:${serials[0]} 1:${serials[1]} *" slots
try "log in and sign" works 0
unseen()
{
	unplug 0
	reader_wait "Reader 1 00 00" empty && plug 0 && reader_wait "Reader 1 00 00" present
}
try "out and in while nobody looks" unseen
try "the session is over, not merely logged out" says "rv 00000032" sign
try "and is none any more" says "rv 000000B3" sign
try "log in and sign" works 0
while [ "$(ask poll)" != "rv 00000008" ]; do :; done
try "out and in, and somebody looks after" unseen
try "all tokens are there" becomes "ok 0:${serials[0]} 1:${serials[1]} *" slots
try "the session is over" says "rv 000000B3" sign
try "one event" says "ok 0" poll
try "and no more" says "rv 00000008" poll

# Moved: token 0 goes to the sixth reader.
move()
{
	emu_stop t0
	emu_start moved --flash "$NS_DIR/t0.flash" --port 35968
}
emu_seen()
{
	emu_wait "$1" .connected
}
try "to another reader" move
try "it keeps its slot" becomes "ok 0:${serials[0]} 1:${serials[1]} *" slots
try "log in and sign" works 0
while [ "$(ask poll)" != "rv 00000008" ]; do :; done

# A card that is not ours.
"$UKEY_BUILD/tests/lib/vpcd_foreign" 35963 foreign.said &
foreign=$!
foreign_seen()
{
	ask slots >/dev/null
	[ -s foreign.said ]
}
try "a foreign card is met" ns_wait "$NS_PATIENCE" foreign_seen
for _ in 1 2 3 4 5; do ask slots >/dev/null; done
foreign_once()
{
	[ "$(cat foreign.said)" = "$(printf "00A4\n00A4")" ]
}
try "it costs two commands, a SELECT for each application that it could be" foreign_once
try "and is no event" says "rv 00000008" poll
kill "$foreign"
wait "$foreign" 2>/dev/null

# pcscd stops and starts (an update of the package), the program stays.
try "log in in slot 1" works 1
pcscd_stop
try "pcscd is gone: the session's call fails" says "rv 000000*" sign
try "the slots stay, empty" says "ok 0:- 1:- 2:- 3:- 4:-*" slots
try "their tokens' events are told" says "ok 0" poll
while [ "$(ask poll)" != "rv 00000008" ]; do :; done
try "it comes back: the wait ends" waits "ok [0-4]" service_start
try "every token in its slot" becomes "ok 0:${serials[0]} 1:${serials[1]} 2:${serials[2]} 3:${serials[3]} 4:${serials[4]}*" slots
try "log in and sign" works 1
while [ "$(ask poll)" != "rv 00000008" ]; do :; done

# The machine sleeps (pain 18). What can be imitated: pcscd stands still in the middle of a call; the token had no power.
sleeping()
{
	local answer pid
	pid=$(cat pcscd.pid)
	kill -STOP "$pid"
	echo sign >&"${TALK[1]}"
	sleep 1.5
	kill -CONT "$pid"
	read -r -t 20 answer <&"${TALK[0]}" || answer=nothing
	[[ $answer == ok* ]] || { echo "$answer"; return 1; }
}
try "pcscd stands still for a while: the call waits, and is good" sleeping
asleep()
{
	local pid
	pid=$(cat pcscd.pid)
	kill -STOP "$pid"
	emu_ctl t1 unplug >/dev/null
	sleep 0.5
	kill -CONT "$pid"
	emu_ctl t1 plug >/dev/null
}
try "the token lost its power while pcscd stood still" asleep
try "the call says that something happened" says "rv 000000*" sign
try "log in and sign, in the same program" becomes "ok 0:${serials[0]} 1:${serials[1]} *" slots
try "in the same slot" ns_wait "$NS_PATIENCE" works 1
echo reconnect | "$UKEY_BUILD/tests/lib/pcsc_talk" "Reader 1 00 01" >/dev/null
try "a reset by another program, as after a resume (pain 17): log in again" says "rv 00000101" sign
try "with the same session" says "ok*" login
try "it works" says "ok*" sign

to_talk=${TALK[1]}
exec {to_talk}>&-
wait "$talk"
try "the program ends well" test $? = 0
finish
