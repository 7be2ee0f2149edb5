#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-format agrees with every C file ("make format" writes what it wants).
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need clang-format

tracked '*.c' '*.h' | while read -r file; do
	cmp -s "$file" <(clang-format --style=file "$file") || echo "$file"
done | judge "every C file is as clang-format writes it (make format)"

# The judge itself: a badly formatted line must be seen.
if printf 'int  main( void ){return 0;}\n' | clang-format --style=file --assume-filename=x.c | grep -q 'int main(void)'; then
	ok "clang-format uses the tree's .clang-format"
else
	bad "clang-format does not use the tree's .clang-format"
fi
finish
