# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Plans tests and runs them in lanes; sourced by check. Uses: top, logs, results, lanes, again, unsteady.
#
# A test is one of
#	cmocka	a cmocka program; its cases are counted from its TAP output
#	script	a program whose last line is "N passed, M failed" (", K skipped")
#	plain	a program that is one case: exit status 0 is good
# Exit status 77 means skipped, and the last line says why. A test that runs no case has failed.

# Long enough for a machine that is slow, and busy with others' work besides: a limit is for what hangs.
test_timeout=900
planned_names=() planned_kinds=() planned_seconds=() planned_alone=() planned_commands=()

# plan NAME KIND COMMAND...: queues a test. TIMEOUT=seconds and ALONE=1 (nothing beside it) from the environment.
plan()
{
	planned_names+=("$1")
	planned_kinds+=("$2")
	planned_seconds+=("${TIMEOUT:-$test_timeout}")
	planned_alone+=("${ALONE:-}")
	shift 2
	planned_commands+=("$(printf '%q ' "$@")")
}

# plan_scripts GROUP BUILD FOLDER...: every *.sh in these folders of tests/, with the build that it shall use.
plan_scripts()
{
	local group=$1 name=$2 folder script
	shift 2
	for folder in "$@"; do
		for script in "$top/tests/$folder"/*.sh; do
			[ -x "$script" ] || continue
			TIMEOUT=$(script_timeout "$script") ALONE=$(script_alone "$script") \
				plan "$group/$(basename "$script" .sh)" script \
				env "BUILD=$top/build/check-$name" "top_builddir=$top/build/check-$name" "$script"
		done
	done
}

# A script says in its first lines what it needs: "# check: timeout=1200 alone". Less than the default is the default.
script_timeout()
{
	local word
	word=$(sed -n '1,15s/^# check:.*timeout=\([0-9]*\).*/\1/p' "$1")
	echo $((${word:-0} > test_timeout ? word : test_timeout))
}

script_alone()
{
	sed -n '1,15s/^# check:.*alone.*/1/p' "$1"
}

# plan_programs GROUP BUILD VARIABLE [WRAPPER...]: the cmocka programs that a make variable of the build lists.
plan_programs()
{
	local group=$1 name=$2 dir=$top/build/check-$2 program programs
	programs=$(build_list "$name" "$3")
	shift 3
	for program in $programs; do
		TIMEOUT=$(program_timeout "$program") plan "$group/$name/$(basename "$program")" cmocka "$@" "$dir/$program"
	done
}

# Programs that need longer than the default, in seconds.
program_timeout()
{
	case $(basename "$1") in
	fault_* | test_power* | test_unplug* | test_oom*) echo 1800 ;;
	*) echo "$test_timeout" ;;
	esac
}

plan_nothing()
{
	plan "$1" plain sh -c 'echo "no test of this group is in this tree yet"; exit 77'
}

# report WORD NAME SECONDS NOTE: one line a test.
report()
{
	printf '%-4s %-48s %6s s  %s\n' "$1" "$2" "$3" "$4"
}

# run_one INDEX: runs a planned test and appends "is-test passed failed skipped name" to the results.
run_one()
{
	local name=${planned_names[$1]} kind=${planned_kinds[$1]} limit=${planned_seconds[$1]} rc start log
	local passed=0 failed=0 skipped=0 note='' took
	log=$logs/${name//\//.}
	start=$EPOCHREALTIME
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$limit" bash -c "${planned_commands[$1]}" \
		</dev/null >"$log.out" 2>"$log.err" 9>&-
	rc=$?
	took=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
	case $kind in
	cmocka)
		skipped=$(grep -cE '^(not )?ok [0-9]+.*# [Ss][Kk][Ii][Pp]' "$log.out")
		passed=$(($(grep -cE '^ok [0-9]+' "$log.out") - $(grep -cE '^ok [0-9]+.*# [Ss][Kk][Ii][Pp]' "$log.out")))
		failed=$(grep -E '^not ok [0-9]+' "$log.out" | grep -vcE '# [Ss][Kk][Ii][Pp]')
		;;
	script)
		read -r passed failed skipped < <(tail -n 1 "$log.out" | sed -nE \
			's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/p')
		passed=${passed:-0} failed=${failed:-0} skipped=${skipped:-0}
		;;
	plain)
		[ $rc != 0 ] || passed=1
		;;
	esac
	if [ $rc = 77 ]; then
		passed=0 failed=0 skipped=1 note=$(cat "$log.err" "$log.out" | tail -n 1)
	elif [ $rc = 124 ] || [ $rc = 137 ]; then
		failed=$((failed + 1)) note="ended after its limit of $limit s"
	elif [ $rc != 0 ] && [ "$failed" = 0 ]; then
		failed=1 note="exit status $rc"
	elif [ "$passed" = 0 ] && [ "$failed" = 0 ] && [ "$skipped" = 0 ]; then
		failed=1 note="ran no test case"
	fi
	echo "1 $passed $failed $skipped $name" >>"$results"
	if [ "$failed" -gt 0 ]; then
		{
			report FAIL "$name" "$took" "$passed passed, $failed failed${note:+: $note}; log: ${log#"$top/"}.{out,err}"
			grep -hE '^not ok|^FAIL|[Ee]rror|ERROR' "$log.out" "$log.err" | head -n 15 | sed 's/^/    | /'
			tail -qn 8 "$log.out" "$log.err" | sed 's/^/    | /'
		} >"$log.report"
		cat "$log.report"
	elif [ $rc = 77 ]; then
		report skip "$name" "$took" "$note"
	else
		[ "$skipped" = 0 ] || note="$skipped skipped"
		report ok "$name" "$took" "$passed cases${note:+, $note}"
	fi
}

# end_tree PID...: ends processes with all that they started; timeout(1) puts its command into a group of its own.
end_tree()
{
	local pid
	for pid in "$@"; do
		# shellcheck disable=SC2046 # numbers
		end_tree $(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
		kill "$pid" 2>/dev/null
	done
}

# run_again: of what has just run, what failed has one more try, with nothing beside it, when no more than $again failed:
# many failures are no accident. What passes now is called unsteady, and all that it said at first is kept: it is
# somebody's next work.
run_again()
{
	local i log name names
	names=$(awk '$3 > 0 { print $5 }' "$results")
	[ -n "$names" ] && [ "$(wc -l <<<"$names")" -le "${again:-0}" ] || return 0
	for i in "${!planned_names[@]}"; do
		name=${planned_names[$i]}
		grep -qxF -- "$name" <<<"$names" || continue
		log=$logs/${name//\//.}
		cat "$log.report" "$log.out" "$log.err" >"$log.first"
		awk -v name="$name" '$5 != name' "$results" >"$results.rest" && mv "$results.rest" "$results"
		echo "once more, alone: $name"
		run_one "$i"
		awk -v name="$name" '$5 == name && $3 > 0 { found = 1 } END { exit found }' "$results" && echo "$name" >>"$unsteady"
	done
}

# run_planned: everything queued so far, in as many lanes as there are.
run_planned()
{
	local i running=0
	for i in "${!planned_names[@]}"; do
		if [ -n "${planned_alone[$i]}" ]; then
			wait
			running=0
			run_one "$i" &
			wait
			continue
		fi
		if [ "$running" -ge "$lanes" ]; then
			wait -n
			running=$((running - 1))
		fi
		run_one "$i" &
		running=$((running + 1))
	done
	wait
	run_again
	planned_names=() planned_kinds=() planned_seconds=() planned_alone=() planned_commands=()
}
