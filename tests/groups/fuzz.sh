# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Every libFuzzer target with its corpus (tests/fuzz/corpus/NAME) for FUZZ_SECONDS each. What a run finds stays in
# build/check-fuzz-found/NAME: a crash to mend, or new inputs worth adding to the corpus. A run of the default length
# begins with the same chance each time, so that it judges a change and not the day; one whose length is given does not.
# An input may have several long keys made: seconds each, more on a busy machine. libFuzzer's own exit status for a
# finding is 77, which is "skipped" here.
fuzz_builds=fuzz

fuzz_plan()
{
	local program name seconds=${FUZZ_SECONDS:-5} seed=${FUZZ_SECONDS:+0} found targets corpora
	targets=$(build_list fuzz FUZZ_TARGETS)
	for program in $targets; do
		name=$(basename "$program")
		found=$top/build/check-fuzz-found/$name
		mkdir -p "$found/corpus"
		corpora=("$found/corpus")
		[ ! -d "$top/tests/fuzz/corpus/${name#fuzz_}" ] || corpora+=("$top/tests/fuzz/corpus/${name#fuzz_}")
		TIMEOUT=$((seconds * 2 + 300)) plan "fuzz/$name" plain "$top/build/check-fuzz/$program" \
			-max_total_time="$seconds" -seed="${seed:-1}" -timeout=100 -error_exitcode=1 -timeout_exitcode=1 -rss_limit_mb=2048 -print_final_stats=1 \
			-artifact_prefix="$found/" "${corpora[@]}"
	done
}
