#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every shell script is as shellcheck wants it.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need shellcheck

shell_files | sort -u | while read -r file; do
	shellcheck -x -P SCRIPTDIR -P "$top" -f gcc "$file" 2>&1
done | judge "shellcheck finds nothing"
finish
