#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The table of misbehaviours in doc/usb.md is the one of tests/unit/test_ccid_host.c, row by row.
#	misbehaviours.sh --write	puts it there
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
document=$here/../../doc/usb.md
table=$(mktemp) || exit 1
trap 'rm -f "$table" "$table.doc"' EXIT
MISBEHAVIOURS=$table "${UKEY_BUILD:-${BUILD:?the build folder}}/tests/unit/test_ccid_host" >/dev/null 2>&1
if [ "${1:-}" = --write ]; then
	awk -v table="$table" '
		/<!-- end of misbehaviours -->/ { skip = 0 }
		!skip { print }
		/<!-- misbehaviours -->/ { skip = 1
			print "| what the device does | what the command ends with | and the next one |\n|---|---|---|"
			while ((getline line < table) > 0) print line }' "$document" >"$table.doc" && cat "$table.doc" >"$document"
fi
try "at least 40 misbehaviours have a name and a status" test "$(wc -l <"$table")" -ge 40
sed -n '/<!-- misbehaviours -->/,/<!-- end of misbehaviours -->/p' "$document" | grep '^|' | tail -n +3 >"$table.doc"
try "doc/usb.md tells of each" diff "$table" "$table.doc"
finish
