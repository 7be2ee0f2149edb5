#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034 # the runner's
# The runner of ./check itself: what it counts, and what a second try makes of a failure (CHECK_AGAIN).
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
top=$(mktemp -d) || exit 1
trap 'rm -rf "$top"' EXIT
logs=$top/logs results=$top/logs/results unsteady=$top/logs/unsteady lanes=2
# shellcheck source=tests/runner/run.sh
. "$here/../runner/run.sh"

# runs AGAIN PLAN: PLAN's tests; the results are in $results.
runs()
{
	again=$1
	rm -rf "$logs" "$top/been" && mkdir "$logs" && : >"$results"
	"$2"
	run_planned >"$top/said" 2>&1
}

# is SENTENCE FILE LINE...: all that is in it, in any order.
is()
{
	local sentence=$1 file=$2
	shift 2
	diff <(sort "$file" 2>/dev/null) <(printf '%s\n' "$@" | sort) | judge "$sentence"
}

second_time='[ -e '$top'/been ] && echo "3 passed, 0 failed" && exit; touch '$top'/been; echo "FAIL: the first time"; echo "2 passed, 1 failed"; exit 1'

three()
{
	plan good script echo "4 passed, 0 failed, 1 skipped"
	plan cases cmocka printf 'ok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no\n'
	plan silent script true
	TIMEOUT=1 plan slow plain sleep 9
	plan absent plain sh -c 'echo no such program; exit 77'
}
runs 0 three
is "what is counted" "$results" "1 4 0 1 good" "1 1 1 1 cases" "1 0 1 0 silent" "1 0 1 0 slow" "1 0 0 1 absent"

shaky()
{
	plan good plain true
	plan group/shaky script sh -c "$second_time"
}
runs 0 shaky
is "a failure is one" "$results" "1 1 0 0 good" "1 2 1 0 group/shaky"
runs 1 shaky
is "with a second try it is what that says" "$results" "1 1 0 0 good" "1 3 0 0 group/shaky"
is "and is called unsteady" "$unsteady" "group/shaky"
try "what it said at first is kept" grep -qx "FAIL: the first time" "$logs/group.shaky.first"
try "and was shown" grep -q "^FAIL group/shaky " "$top/said"

broken()
{
	shaky
	plan broken plain false
}
runs 1 broken
is "two failures are too many for one second try" "$results" "1 1 0 0 good" "1 2 1 0 group/shaky" "1 0 1 0 broken"
runs 2 broken
is "what fails twice has failed" "$results" "1 1 0 0 good" "1 3 0 0 group/shaky" "1 0 1 0 broken"
is "and is not unsteady" "$unsteady" "group/shaky"
finish
