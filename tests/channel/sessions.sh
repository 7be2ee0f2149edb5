#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 19 programs on one token, and the twentieth: it is told what to do.
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
# shellcheck source=tests/channel/lib.sh
. "$here/lib.sh"

pin user 248163264128
pin so 135791357924
factory_start && pcscd_start || exit 1
personalize alice && emu_start alice && made alice || exit 1

# program N: one of them, speaking through program.N.in and .out.
program()
{
	mkfifo "program.$1.in"
	"$UKEY_BUILD/tests/channel/victim" "$module" user.pin <"program.$1.in" >"program.$1.out" 2>&1 &
	pids[$1]=$!
	eval "exec $((20 + $1))>program.$1.in"
	ns_wait 30 test -s "program.$1.out"
}

ask() # N LINE
{
	local lines
	lines=$(wc -l <"program.$1.out")
	echo "$2" >&"$((20 + $1))"
	ns_wait 30 more_than "$1" "$lines" && tail -n 1 "program.$1.out"
}

more_than()
{
	[ "$(wc -l <"program.$1.out")" -gt "$2" ]
}

# Not in a subshell: they are to stay.
all_in()
{
	local i
	for i in $(seq 1 19); do
		program "$i" || return 1
		[ "$(head -n 1 "program.$i.out")" = ok ] || { echo "program $i: $(cat "program.$i.out")" >&2; return 1; }
	done
}

sign_once()
{
	rm -f one.csr
	ukey request --key-ref ec --subject CN=One --pin-file user.pin --output one.csr --quiet
}

all_work()
{
	local i said
	for i in $(seq 1 19); do
		said=$(ask "$i" "work 2")
		[ "$said" = ok ] || { echo "program $i: $said"; return 1; }
	done
}

says_full()
{
	local said status
	said=$(sign_once 2>&1)
	status=$?
	[ "$status" = 57 ] && [[ $said == *"19 programs"* && $said == *"close one of them"* && $said == *"p11-kit server"* ]] || { echo "exit $status: $said"; return 1; }
}

declare -a pids
if all_in; then ok "19 programs log in, each for itself"; else bad "19 programs log in, each for itself"; fi
try "and all of them work" all_work
try "the twentieth is told so, and what to do" says_full
program 20
# Of the values that are listed for C_Login, the one that fits.
if [[ $(head -n 1 program.20.out) == 000000@(31|B1) ]]; then ok "PKCS#11: CKR_DEVICE_MEMORY"; else
	bad "PKCS#11: CKR_DEVICE_MEMORY, not $(head -n 1 program.20.out)"; fi
exec 40>&-
wait "${pids[20]}"
try "the others were not disturbed" all_work
exec 39>&-
wait "${pids[19]}"
try "when one has ended, there is room for the next" sign_once
kill -KILL "${pids[18]}"
wait "${pids[18]}" 2>/dev/null
try "a killed one holds nothing that others need" sign_once
finish
