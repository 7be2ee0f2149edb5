#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317,SC2154 # COPROC; "try" calls the functions
# Many programs on one token behind a real pcscd (issue 4, 3): each logs in for itself; threads, forks, unloading; programs
# that end badly.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$here/../lib/personal.sh"
need jq
need pkcs11-tool
ns_enter "$@"
export UKEY_BUILD=${UKEY_BUILD:-${BUILD:?the build folder}}
export LC_ALL=C.UTF-8 LANGUAGE='' HOME=$NS_DIR
export XDG_CONFIG_HOME=$NS_DIR/config XDG_STATE_HOME=$NS_DIR/state XDG_CACHE_HOME=$NS_DIR/cache
module=$UKEY_BUILD/.libs/ukey-pkcs11.so
cd "$NS_DIR" || exit 1
umask 077

printf 87654321 >so.pin
printf 583917 >user.pin
# shellcheck disable=SC2119 # our arguments are not pcscd's
factory_start && pcscd_start && personalize alice && emu_start alice || exit 1
"$UKEY_BUILD/ukey" init --label alice --new-so-pin-file so.pin --new-pin-file user.pin --yes --quiet &&
	"$UKEY_BUILD/ukey" key generate --key p256 --label ec --id 01 --pin-file user.pin --quiet || exit 1

program()
{
	"$UKEY_BUILD/tests/road/p11_program" "$module" 583917 "$@"
}

# Each for itself, at the same time (pains 5, 14).
at_once()
{
	local i bad=0 pids=()
	for i in $(seq "$1"); do
		program sign "$2" 2 >"sign.$i" 2>&1 &
		pids+=($!)
	done
	for i in $(seq "$1"); do
		wait "${pids[$((i - 1))]}" || { cat "sign.$i"; bad=1; }
	done
	cat sign.* | awk '{ n += $1 } END { print n " signatures" }' | tee -a said
	return "$bad"
}
try "one program of 16 threads signs" at_once 1 16
try "12 programs of 2 threads sign, each logged in for itself" at_once 12 2
try "and again" at_once 12 2

# The token is pulled while 16 threads sign, and put back.
pulled()
{
	local pid
	program pulled 16 >pulled.out 2>&1 &
	pid=$!
	ns_wait 20 grep -q in pulled.out && emu_unplug alice && ns_wait 20 grep -q out pulled.out && emu_plug alice
	wait "$pid" || { cat pulled.out; return 1; }
}
try "the token is pulled while 16 threads sign: each is told so, and with the token back the program goes on" pulled

# libpcsclite's lists (driver/transport/pcsc_call.h): as it was, 32 threads ended within ten seconds by a segmentation fault.
crowd() { "$UKEY_BUILD/tests/road/pcsc_crowd" 32 5; }
try "32 threads come to the reader and go again, all the time" crowd

# pain 13: fork.
try "60 forks while threads sign and wait: children begin anew, parents go on, exec inherits nothing" program fork 60

# What is loaded and unloaded leaves nothing.
for mode in clean session left; do
	said=$(program load 1000 "$mode" 2>&1)
	status=$?
	echo "$mode: $said"
	if [ "$status" = 0 ]; then ok "1000 times dlopen to dlclose, $mode"; else bad "1000 times dlopen to dlclose, $mode"; fi
done

# pain 15: the end.
ends()
{
	local i
	for i in 1 2 3 4 5 6 7 8; do
		program exit || { echo "exit status $?"; return 1; }
	done
}
try "a program ends while its threads sign and wait, and finalizes from an exit handler" ends

# Programs that are killed while they are logged in.
pcscd_threads()
{
	local threads=("/proc/$(cat pcscd.pid)/task"/*)
	echo ${#threads[@]}
}

hold() # NAME
{
	threads_before=$(pcscd_threads)
	# Not by program: the shell that runs a function in the background would be killed, and the program stay.
	"$UKEY_BUILD/tests/road/p11_program" "$module" 583917 hold >"$1.out" 2>"$1.err" &
	holder=$!
	ns_wait 20 test -s "$1.out"
	said=$(cat "$1.out")
	[ "$said" = in ]
}

die() # the holder; and pcscd, which has a thread for each program, has noticed
{
	kill -KILL "$holder"
	wait "$holder" 2>/dev/null
	ns_wait 30 noticed
	return 0
}

noticed()
{
	[ "$(pcscd_threads)" -le "$threads_before" ]
}

kill_many() # N
{
	local i
	for i in $(seq "$1"); do
		hold "victim.$i" || { echo "program $i: $said"; return 1; }
		die
	done
}

OPENUKEY_DEBUG=$NS_DIR/debug
export OPENUKEY_DEBUG
try "20 programs are killed one after the other, and each found room" kill_many 20
try "because the token was reset when nobody else was there" grep -q "full, and nobody here: reset (OK)" debug
try "the next one works" program sign 1 1
unset OPENUKEY_DEBUG

# Not while somebody else is there: that one is not disturbed.
fill_beside()
{
	local i
	for i in $(seq 25); do
		hold "beside.$i" || { [ "$said" = 00000031 ] && [ "$i" -gt 10 ] && return 0; echo "program $i: $said"; return 1; }
		die
	done
	echo "never full"
	return 1
}
ask()
{
	local answer
	echo "$*" >&"${TALK[1]}"
	read -r -t 60 answer <&"${TALK[0]}" || answer=nothing
	echo "$answer"
}
says_ok()
{
	local said
	said=$(ask "$@")
	[[ $said == ok* ]] || { echo "$*: $said"; return 1; }
}
coproc TALK { exec "$UKEY_BUILD/tests/road/p11_program" "$module" 583917 talk; }
talk=$TALK_PID
ask slots >/dev/null
says_ok open 0 && says_ok login
try "a program works" says_ok sign
try "beside a program that works the token fills up, and says so" fill_beside
told()
{
	local said
	said=$("$UKEY_BUILD/ukey" request --key-ref ec --subject CN=One --pin-file user.pin --output one.csr --quiet 2>&1)
	[ $? = 57 ] && [[ $said == *"close one of them"* && $said == *"pull the token out"* ]] || { echo "$said"; return 1; }
}
try "a person is told what helps" told
try "the program that worked was not disturbed" says_ok sign
to_talk=${TALK[1]}
exec {to_talk}>&-
wait "$talk"
try "with it gone there is room" program sign 1 1
finish
