# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Counting cases in a shell test; sourced. A case is a sentence that held (ok) or did not (bad); finish prints the line
# that ./check reads, "N passed, M failed", and ends the script.

shopt -s lastpipe # judge counts at the end of a pipe
cases_passed=0
cases_failed=0

ok()
{
	cases_passed=$((cases_passed + 1))
	echo "ok: $1"
}

bad()
{
	cases_failed=$((cases_failed + 1))
	echo "FAIL: $1"
}

# judge RULE: its standard input is what breaks the rule, one a line; empty is good.
judge()
{
	local found
	found=$(cat)
	if [ -z "$found" ]; then
		ok "$1"
	else
		bad "$1"
		printf '%s\n' "$found" | sed 's/^/  /'
	fi
}

# try SENTENCE COMMAND...: the case holds when the command succeeds; what it said is shown when it does not.
try()
{
	local sentence=$1 said
	shift
	if said=$("$@" 2>&1); then
		ok "$sentence"
	else
		bad "$sentence"
		printf '%s\n' "$said" | tail -n 20 | sed 's/^/  /'
	fi
}

# cut_short STATUS: a command that ended so said nothing by itself: ended by timeout(1) or a signal, or never started.
cut_short()
{
	[ "$1" -ge 124 ] && [ "$1" -le 192 ]
}

# need PROGRAM: without it the script is skipped.
need()
{
	command -v "$1" >/dev/null || { echo "$1 is not installed"; exit 77; }
}

finish()
{
	echo "$cases_passed passed, $cases_failed failed"
	[ "$cases_failed" = 0 ]
	exit
}
