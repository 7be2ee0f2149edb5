#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The table of doc/architecture.md, section 8: commands, bytes and flash writes of each step of the road, from the
# emulator's counters. Without an argument it is a test: the table in the document tells what is measured now.
#	table.sh --markdown	prints the table
#	table.sh --write	puts it into the document
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$here/../lib/personal.sh"
# shellcheck source=tests/budget/measure.sh
. "$here/measure.sh"
export UKEY_BUILD=${UKEY_BUILD:-${BUILD:?the build folder}}
ns_enter "$@"
cd "$NS_DIR" || exit 1
document=$here/../../doc/architecture.md

# shellcheck disable=SC2317 # road_walk calls it
plain()
{
	printf '%s|%s|%s|%s|%s\n' "$@" >>plain.rows
}

# shellcheck disable=SC2317 # road_walk calls it
inside()
{
	printf '%s|%s|%s|%s|%s\n' "$@" >>inside.rows
}

for kind in plain inside; do
	road_walk "$kind" "$kind" || { echo "the road ended before its end"; exit 1; }
done
{
	echo "| step | commands | inside the channel | bytes to the token | inside | bytes from it | inside | flash writes |"
	echo "|---|--:|--:|--:|--:|--:|--:|--:|"
	paste -d'|' plain.rows inside.rows | awk -F'|' '{ print "| " $1 " | " $2 " | " $7 " | " $3 " | " $8 " | " $4 " | " $9 " | " $5 " |" }'
} >table

case ${1:-} in
--markdown) cat table ;;
--write)
	awk -v table="$NS_DIR/table" '
		/<!-- end of table -->/ { skip = 0 }
		!skip { print }
		/<!-- table -->/ { skip = 1; while ((getline line < table) > 0) print line }' "$document" >new &&
		cat new >"$document"
	;;
*)
	# Signatures and moduli vary by a byte or two, and so do the bytes; the commands do not.
	sed -n '/<!-- table -->/,/<!-- end of table -->/p' "$document" | grep '^|' | cut -d'|' -f2,3,4 >said
	cut -d'|' -f2,3,4 table >measured
	diff said measured | grep '^[<>]' | judge "the table in doc/architecture.md has the commands that were measured (table.sh --write)"
	finish
	;;
esac
