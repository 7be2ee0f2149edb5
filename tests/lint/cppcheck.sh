#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cppcheck over all C files of ours. A finding that is wrong is answered beside the line (cppcheck-suppress), with its reason.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need cppcheck

# Code that goes on with "if (status == OK)" looks to cppcheck like a check that comes too late; clang-tidy follows it.
tracked '*.c' | grep -vE '^tests/' >"${TMPDIR:-/tmp}/cppcheck.$$"
cppcheck --quiet --std=c11 --language=c --inline-suppr --enable=warning,portability --max-configs=1 \
	--suppress=missingInclude --suppress=nullPointerRedundantCheck \
	--suppress=nullPointerArithmeticRedundantCheck --suppress=unmatchedSuppression -j "$(nproc)" \
	-I . -D__GNUC__=12 -D__x86_64__=1 -D__linux__=1 --template='{file}:{line}: {severity}: {message} [{id}]' \
	--file-list="${TMPDIR:-/tmp}/cppcheck.$$" 2>&1 | judge "cppcheck finds nothing"
rm -f "${TMPDIR:-/tmp}/cppcheck.$$"

# The judge itself: an overrun must be seen.
if printf 'int f(void) { int a[2]; a[0] = 1; a[1] = 2; return a[2]; }\n' >"${TMPDIR:-/tmp}/cppcheck.$$.c" &&
	cppcheck --quiet --enable=warning "${TMPDIR:-/tmp}/cppcheck.$$.c" 2>&1 | grep -q arrayIndexOutOfBounds; then
	ok "cppcheck sees an overrun"
else
	bad "cppcheck does not see an overrun"
fi
rm -f "${TMPDIR:-/tmp}/cppcheck.$$.c"
finish
