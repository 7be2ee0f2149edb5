#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What holds for every file: a licence line, nothing left undone, no path of one machine, a readable length.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# Files that can't carry a line of ours: the licence itself, what dpkg reads without comments, and data whose every byte
# counts.
cannot='^(LICENSE|\.mailmap|debian/changelog|debian/source/format)$|^tests/fuzz/corpus/|\.(json|pem|der|crt|cer|csr|p7[bcms]|bin|png|svg)$'

tracked | grep -vE "$cannot" | while read -r file; do
	[ ! -s "$file" ] || head -n 5 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$file"
done | judge "every file says its licence in an SPDX line"

tracked '*.c' '*.h' '*.sh' '*.am' '*.ac' '*.mk' check quickstart | grep -v '^tests/lint/' |
	xargs -r grep -nHwE 'TODO|FIXME|XXX|HACK' | judge "nothing in the code is marked as left undone"

tracked | grep -vE '^tests/(lint/files\.sh$|fuzz/corpus/)' |
	xargs -r grep -nIE '(^|[^A-Za-z0-9_$.}])/(work|home|root|farm|Users)/[A-Za-z0-9_.]|/tmp/(wt|build|b)/' |
	grep -vE '/home/(user|USER|alice|bob|you)\b' | judge "no path of one machine"

tracked '*.c' '*.h' '*.sh' '*.mk' | xargs -r grep -nHE '[[:blank:]]+$' | judge "no blanks at the end of a line"

# A warning, not a failure: ask which two things are in such a file.
tracked '*.c' '*.h' '*.sh' | xargs -r wc -l | awk '$2 != "total" && $1 > 800 { print "warning: " $2 " has " $1 " lines" }'
finish
