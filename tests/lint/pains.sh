#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each complaint of doc/pains.md has a row, and in each test that the row names a comment "pain N" (or "pains N, M").
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# cites NUMBER FILE
cites()
{
	grep -oE '\bpains? [0-9]+((, | and |, and )[0-9]+)*' "$2" | grep -qwE "$1"
}

for n in {1..25}; do
	row=$(grep -E "^\| $n \|" doc/pains.md) || { echo "pain $n has no row"; continue; }
	# shellcheck disable=SC2016 # Markdown's quotes
	tests=$(grep -oE '`tests/[^`]+`' <<<"$row" | tr -d '\140')
	[ -n "$tests" ] || echo "pain $n names no test"
	for file in $tests; do
		if [ ! -e "$file" ]; then
			echo "pain $n: there is no $file"
		elif ! cites "$n" "$file"; then
			echo "pain $n: $file does not say so"
		fi
	done
done | judge "each of the 25 pains has a test that shows we do not have it"
finish
