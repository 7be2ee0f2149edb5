#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# That make bench works, in its short mode, and that what it counts with counts right. No time is judged.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
need jq
ns_enter "$@"
# shellcheck source=tests/bench/lib.sh
. "$here/../bench/lib.sh"

if BENCH_QUICK=1 make -s -C "$UKEY_BUILD" bench >bench.said 2>&1; then
	ok "make bench runs to its end"
else
	bad "make bench runs to its end"
	cat bench.said
fi

# prints NAME LINES HEAD: a table that begins so, with so many lines under its head, each ending with a number.
prints()
{
	local found
	found=$(awk -v head="$3" '
		index($0, head) == 1 { inside = 1; getline; next }
		!/^\|/ { inside = 0 }
		inside && / [0-9.]+( ms| µs)? \|$/ && !/nan/ && !/ 0 \| 0 \|/ { n++ }
		END { print n + 0 }' bench.said)
	if [ "$found" = "$2" ]; then
		ok "it prints $1: $found lines"
	else
		bad "it prints $1: $found lines instead of $2"
		cat bench.said
	fi
}
prints "what a program costs from its start" 12 "| from a program's start |"
prints "what one more signature costs" 2 "| one more signature |"
prints "the module against a bare loop" 12 "| signatures a second |"
prints "single calls" 6 "| call |"
prints "digests" 3 "| SHA-256 in pieces"
prints "three modules on one PIV card" 12 "| on the same PIV card |"
prints "finding among 1,000 objects" 10 "| finding |"

# The shim, in front of our own module and, by the way that other modules take, of OpenSC's.
pcscd_start && token plain || exit 1
agree()
{
	if [ "$by_token" = "${by_shim% *}" ] && [ "${by_token%% *}" -ge "$2" ]; then
		ok "the shim counts what the token counts: $1: $by_token"
	else
		bad "the shim counted '$by_shim' and the token '$by_token': $1"
	fi
}
forget
counted plain "$module" list || bad "a program lists the token"
agree "a list, an unknown token" 4
counted plain "$module" 2 || bad "a program signs"
agree "a first signature" 3
emu_ctl plain reset-counters >/dev/null
rm -f counts
try "OpenSC takes the shim for its provider" env OPENSC_CONF="$PWD/shim.conf" PCSC_SHIM_COUNTS="$PWD/counts" \
	opensc-tool --reader "$(emu_reader plain)" --send-apdu 00:A4:04:00:0A:F0:4F:70:65:6E:55:4B:65:79:01:00
by_token=$(emu_ctl plain counters | jq -r '"\(.apdus) \(.bytes_in) \(.bytes_out)"')
by_shim=$(shim_counts counts)
agree "OpenSC's commands" 1
finish
