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
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"

if [ -n "${BENCH_QUICK:-}" ]; then
	starts=3 chip_starts=1 signatures=9 chip_signatures=3 rounds=1 slice=0.05 crews=("1 1" "1 4" "4 1") calls=20
else
	starts=51 chip_starts=7 signatures=301 chip_signatures=15 rounds=8 slice=0.1 calls=1001
	crews=("1 1" "1 4" "1 16" "4 1" "16 1") # processes, threads of each
fi

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

# arrival WHAT cold|warm COUNT: median milliseconds.
arrival()
{
	local cold=() took
	[ "$2" = warm ] || cold=("$PWD/cold")
	took=$(p11_time "$module" user.pin start "$1" "$3" "${cold[@]}") || return 1
	rm -rf cold
	milliseconds "$took"
}

# latency TOKEN none|chip
latency()
{
	ran emu_ctl "$1" latency "$2" >/dev/null
}

# road_of TOKEN: for each step a line of TOKEN.road: commands|PC/SC calls|bytes to the token|bytes from it|ms|ms with a slow chip
road_of()
{
	local step what memory quick slow
	for step in "${road[@]}"; do
		what=${step%%:*} memory=${step#*:} memory=${memory%%:*}
		[ "$memory" = warm ] || forget
		counted "$1" "$module" "$what" || return 1
		latency "$1" none && quick=$(arrival "$what" "$memory" "$starts") || return 1
		latency "$1" chip && slow=$(arrival "$what" "$memory" "$chip_starts") || return 1
		latency "$1" none || return 1
		echo "${by_token%% *}|${by_shim##* }|$(cut -d' ' -f2 <<<"$by_token")|${by_token##* }|$quick|$slow"
	done >"$1.road"
}

# signatures_of TOKEN: the lines of TOKEN.signatures: ms|ms with a slow chip
signatures_of()
{
	local id latency count took
	for id in 1 2; do
		for latency in none chip; do
			count=$signatures
			[ "$latency" = none ] || count=$chip_signatures
			latency "$1" "$latency" && took=$(p11_time "$module" user.pin again "$id" "$count") || return 1
			printf '%s|' "$(milliseconds "$took")"
		done
		echo
	done >"$1.signatures"
	latency "$1" none
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
	ran timeout 60 "$UKEY_BUILD/tests/bench/bare" "$@"
}

# rates TOKEN: for each key and crew a line of TOKEN.rates, the best slice of each: bare loop|module|bare loop with one
# connection a process. Others on the machine make slices slower, never quicker. Where a process has one thread, the two
# loops are the same.
rates()
{
	local id crew round option=() best_bare best_module best_shared rate
	[ "$1" = plain ] || option=(--inside)
	for id in 1 2; do
		for crew in "${crews[@]}"; do
			best_bare=0 best_module=0 best_shared=0
			for ((round = 0; round < rounds; round++)); do
				# shellcheck disable=SC2086 # two numbers
				rate=$(bare "${option[@]}" "$(emu_reader "$1")" "$slice" $crew <"$id.apdus") || return 1
				best_bare=$(max "$best_bare" "$rate")
				# shellcheck disable=SC2086
				rate=$(p11_time "$module" user.pin rate "$id" "$slice" $crew) || return 1
				best_module=$(max "$best_module" "$rate")
				[ "${crew#* }" != 1 ] || continue
				# shellcheck disable=SC2086
				rate=$(bare --shared "${option[@]}" "$(emu_reader "$1")" "$slice" $crew <"$id.apdus") || return 1
				best_shared=$(max "$best_shared" "$rate")
			done
			[ "${crew#* }" != 1 ] || best_shared=$best_bare
			echo "$best_bare|$best_module|$best_shared"
		done
	done >"$1.rates"
}

max()
{
	awk -v a="$1" -v b="$2" 'BEGIN { print (a > b ? a : b) }'
}

rate_table()
{
	local id crew name
	{
		echo "| signatures a second | bare loop | with one connection | module | ratio | to one connection |"
		echo "|---|--:|--:|--:|--:|--:|"
		for name in plain inside; do
			for id in P-256 RSA-2048; do
				for crew in "${crews[@]}"; do
					echo "$([ "$name" = plain ] && echo "in clear" || echo inside), $id, $(many "${crew% *}" process es), $(many "${crew#* }" thread s)"
				done
			done | paste -d'|' - "$name.rates"
		done | awk -F'|' '{ printf "| %s | %.0f | %.0f | %.0f | %.2f | %.2f |\n", $1, $2, $4, $3, $3 / $2, $3 / $4 }'
	} >rate.table
}

# many COUNT NAME ENDING
many()
{
	echo "$1 $2$([ "$1" = 1 ] || echo "$3")"
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
	local ours=0 openssl=0 round rate
	for ((round = 0; round < (rounds + 5) / 6; round++)); do
		rate=$(p11_time "$module" user.pin digest 0.2) || broken "no digests"
		ours=$(max "$ours" "$rate")
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
	ran "$UKEY_BUILD/tests/bench/objects" "$calls" >object.table || broken "no table of many objects"
}

# ---- all of it --------------------------------------------------------------------------------------------------------

# Not with every command in the log, as in tests: that would be measured, too.
pcscd_start --error || exit 1
for name in plain inside; do
	token "$name" || broken "no token '$name'"
	if [ "$name" = plain ]; then
		apdus 1 && apdus 2 || broken "what a signature sends was not found in the log of the wire"
	fi
	for step in road_of signatures_of rates calls_of; do
		"$step" "$name" || broken "the token '$name': $step ended before its end"
	done
	[ "$name" = inside ] || digest_table
	emu_stop "$name"
done
road_tables
rate_table
call_table
object_table
echo "$(nproc) processors, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r | cut -d- -f1), pcscd $(pcscd --version 2>/dev/null | sed -n '1s/.*version \([0-9.]*[0-9]\).*/\1/p'), $(openssl version | cut -d' ' -f1-2)" >machine.table

publish "${1:-}" machine start signature rate call digest object
