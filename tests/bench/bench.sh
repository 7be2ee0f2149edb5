#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What things cost: commands, bytes and times of the PKCS#11 module on the emulated token behind a real pcscd, and in one
# process with a token of many objects. Times say something of this machine only; what is compared was measured in the
# same run, in turns. Nothing is judged here.
#	bench.sh		prints the tables
#	bench.sh --write	puts them into doc/benchmarks.md
# BENCH_QUICK=1: few repetitions, to see that it works.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/personal.sh
. "$here/../lib/personal.sh"
ns_enter "$@"
document=$here/../../doc/benchmarks.md
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"

if [ -n "${BENCH_QUICK:-}" ]; then
	starts=3 chip_starts=1 signatures=9 chip_signatures=3 rounds=1 slice=0.05 crews=("1 1" "1 4" "4 1") calls=20
else
	starts=51 chip_starts=7 signatures=301 chip_signatures=15 rounds=15 slice=0.2 calls=1001
	crews=("1 1" "1 4" "1 16" "4 1" "16 1") # processes, threads of each
fi

broken()
{
	ns_say "$*"
	exit 1
}

# Each table is a file NAME.table.

# ---- from a program's start -------------------------------------------------------------------------------------------

# What a program goes to; and whether it has seen the token before. Peers that take the same road would be measured with
# their module in place of ours: p11_time and the shim know neither.
road=(
	"list:cold:to a list of all public objects, two certificates, unknown token"
	"list:warm:the same, known token"
	"1:cold:to the first P-256 signature, unknown token"
	"1:warm:the same, known token"
	"2:cold:to the first RSA-2048 signature, unknown token"
	"2:warm:the same, known token"
)

# arrival TOKEN WHAT cold|warm COUNT: median milliseconds.
arrival()
{
	local cold=()
	[ "$3" = warm ] || cold=("$PWD/cold")
	p11_time "$module" user.pin start "$2" "$4" "${cold[@]}" | awk '{ printf "%.2f", $1 / 1000 }'
	rm -rf cold
}

# road_of TOKEN: for each step a line of TOKEN.road: commands|PC/SC calls|bytes to the token|bytes from it|ms|ms with a slow chip
road_of()
{
	local step what memory quick slow
	for step in "${road[@]}"; do
		what=${step%%:*} memory=${step#*:} memory=${memory%%:*}
		[ "$memory" = warm ] || forget
		counted "$1" "$module" "$what" || return 1
		[ "$by_token" = "${by_shim% *}" ] || broken "the token counted '$by_token', the shim between program and libpcsclite '$by_shim'"
		emu_ctl "$1" latency none >/dev/null
		quick=$(arrival "$1" "$what" "$memory" "$starts") || return 1
		emu_ctl "$1" latency chip >/dev/null
		slow=$(arrival "$1" "$what" "$memory" "$chip_starts") || return 1
		emu_ctl "$1" latency none >/dev/null
		echo "${by_token%% *}|${by_shim##* }|$(cut -d' ' -f2 <<<"$by_token")|${by_token##* }|$quick|$slow"
	done >"$1.road"
}

# signatures_of TOKEN: the lines of TOKEN.signatures: ms|ms with a slow chip
signatures_of()
{
	local id latency count
	for id in 1 2; do
		for latency in none chip; do
			count=$signatures
			[ "$latency" = none ] || count=$chip_signatures
			emu_ctl "$1" latency "$latency" >/dev/null
			p11_time "$module" user.pin sign "$id" "$count" | awk '{ printf "%.2f|", $1 / 1000 }'
		done
		echo
	done >"$1.signatures"
	emu_ctl "$1" latency none >/dev/null
}

road_tables()
{
	local i id
	{
		echo "| from a program's start | commands | PC/SC calls | bytes to the token | bytes from it | median | slow chip |"
		echo "|---|--:|--:|--:|--:|--:|--:|"
		for id in plain inside; do
			for i in "${!road[@]}"; do
				sed -n "$((i + 1))p" "$id.road" | awk -F'|' -v name="${road[$i]##*:}" -v where="$id" \
					'{ printf "| %s, %s | %d | %d | %d | %d | %s ms | %s ms |\n", where == "plain" ? "in clear" : "inside", name, $1, $2, $3, $4, $5, $6 }'
			done
		done
	} >start.table
	{
		echo "| one more signature | in clear | inside | in clear, slow chip | inside, slow chip |"
		echo "|---|--:|--:|--:|--:|"
		paste -d'|' plain.signatures inside.signatures | tr -s '|' | awk -F'|' \
			'{ printf "| %s | %s ms | %s ms | %s ms | %s ms |\n", NR == 1 ? "P-256" : "RSA-2048", $1, $3, $2, $4 }'
	} >signature.table
}

# ---- against a bare loop ----------------------------------------------------------------------------------------------

bare()
{
	"$UKEY_BUILD/tests/bench/bare" "$@"
}

# rates TOKEN: for each key and crew a line of TOKEN.rates, the best slice of each: bare loop|module. Others on the machine
# make slices slower, never quicker.
rates()
{
	local id crew round option=() best_bare best_module rate
	[ "$1" = plain ] || option=(--inside)
	for id in 1 2; do
		for crew in "${crews[@]}"; do
			best_bare=0 best_module=0
			for ((round = 0; round < rounds; round++)); do
				# shellcheck disable=SC2086 # two numbers
				rate=$(bare "${option[@]}" "$(emu_reader "$1")" "$slice" $crew <"$id.apdus") || return 1
				best_bare=$(max "$best_bare" "$rate")
				# shellcheck disable=SC2086
				rate=$(p11_time "$module" user.pin rate "$id" "$slice" $crew) || return 1
				best_module=$(max "$best_module" "$rate")
			done
			echo "$best_bare|$best_module"
		done
	done >"$1.rates"
}

max()
{
	awk -v a="$1" -v b="$2" 'BEGIN { print (a > b ? a : b) }'
}

rate_table()
{
	local id crew
	{
		echo "| signatures a second | bare loop | module | ratio | bare loop, inside | module, inside | ratio |"
		echo "|---|--:|--:|--:|--:|--:|--:|"
		for id in P-256 RSA-2048; do
			for crew in "${crews[@]}"; do
				echo "$id, ${crew% *} process(es), ${crew#* } thread(s)"
			done
		done | paste -d'|' - plain.rates inside.rates |
			awk -F'|' '{ printf "| %s | %.0f | %.0f | %.2f | %.0f | %.0f | %.2f |\n", $1, $2, $3, $3 / $2, $4, $5, $5 / $4 }'
	} >rate.table
}

# ---- single calls -----------------------------------------------------------------------------------------------------

calls_of()
{
	p11_time "$module" user.pin calls "$calls" >"$1.calls"
}

call_table()
{
	{
		echo "| call | in clear | inside |"
		echo "|---|--:|--:|"
		paste -d'|' plain.calls inside.calls | awk -F'|' '{ printf "| %s | %.1f µs | %.1f µs |\n", $1, $2, $4 }'
	} >call.table
}

digest_table()
{
	local ours=0 openssl=0 round
	for ((round = 0; round < (rounds + 2) / 3; round++)); do
		ours=$(max "$ours" "$(p11_time "$module" user.pin digest "$slice")")
		openssl=$(max "$openssl" "$(openssl speed -elapsed -mr -seconds 1 -bytes 16384 -evp sha256 2>/dev/null | awk -F: '/^\+F/ { print $NF }')")
	done
	{
		echo "| SHA-256 in pieces of 16 KiB | MB/s |"
		echo "|---|--:|"
		awk -v a="$openssl" -v b="$ours" 'BEGIN {
			printf "| openssl speed | %.0f |\n| C_DigestUpdate | %.0f |\n| ratio | %.2f |\n", a / 1e6, b / 1e6, b / a }'
	} >digest.table
}

# ---- many objects -----------------------------------------------------------------------------------------------------

object_table()
{
	"$UKEY_BUILD/tests/bench/objects" "$calls" >object.table || broken "tests/bench/objects failed"
}

# ---- all of it --------------------------------------------------------------------------------------------------------

# Not with every command in the log, as in tests: that would be measured, too.
pcscd_start --error || exit 1
for name in plain inside; do
	token "$name" || broken "no token '$name'"
	if [ "$name" = plain ]; then
		apdus 1 && apdus 2 || broken "what a signature sends was not found in the log of the wire"
	fi
	road_of "$name" && signatures_of "$name" && rates "$name" && calls_of "$name" || broken "the road '$name' ended before its end"
	[ "$name" = inside ] || digest_table
	emu_stop "$name"
done
road_tables
rate_table
call_table
object_table
echo "$(nproc) processors, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r | cut -d- -f1), pcscd $(pcscd --version 2>/dev/null | sed -n '1s/.*version \([0-9.]*[0-9]\).*/\1/p'), $(openssl version | cut -d' ' -f1-2)" >machine.table

for table in machine start signature rate call digest object; do
	echo
	cat "$table.table"
done
[ "${1:-}" = --write ] || exit 0
awk -v folder="$NS_DIR" '
	/^<!-- end of table -->/ { skip = 0 }
	!skip { print }
	/^<!-- table [a-z]+ -->/ { skip = 1; file = folder "/" $3 ".table"; while ((getline line < file) > 0) print line }' "$document" >new &&
	cat new >"$document"
