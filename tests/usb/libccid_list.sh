#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # "try" calls the functions
# The entry in libccid's list: added, found, taken out again without a trace; and never a list that is half of each.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
list=/etc/libccid_Info.plist
[ -r "$list" ] || { echo "libccid is not installed"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
cp "$list" original
cp original list

entry() # STATUS ACTION WORD...: on our copy; true when it ends with this status
{
	local status=$1 action=$2
	shift 2
	"$here/libccid-entry" "$action" --file list "$@" >said 2>&1
	[ $? = "$status" ] || { cat said; return 1; }
}
unchanged()
{
	cmp list "${1:-original}"
}
refused() # SENTENCE STATUS ACTION WORD...
{
	local sentence=$1
	shift
	try "$sentence" entry "$@"
	try "... and the list is as before" unchanged "${like:-original}"
}
rows()
{
	local key
	for key in VendorID ProductID FriendlyName; do
		awk -v key="<key>ifd$key</key>" 'index($0, key) { on = 1 } on && /<string>/ { n++ } /<\/array>/ { on = 0 } END { print n }' list
	done | uniq | wc -l
}
# The entry in the three arrays has one place.
together()
{
	python3 - list <<'END'
import plistlib, sys
p = plistlib.load(open(sys.argv[1], 'rb'))
rows = list(zip(p['ifdVendorID'], p['ifdProductID'], p['ifdFriendlyName'], strict=True))
sys.exit(rows.count(('0x1209', '0x0001', 'OpenUKey token')) != 1)
END
}

chmod 640 list
try "Debian's list does not name our device" entry 1 check 1209:0001
try "added" entry 0 add 1209:0001 "OpenUKey token"
try "it is listed" entry 0 check 1209:0001
try "the three arrays still have the same length" test "$(rows)" = 1
if command -v python3 >/dev/null; then
	try "and its parts stand in one row, to a reader of XML too" together
fi
try "the file's mode is what it was" test "$(stat -c %a list)" = 640
cp list with
like=with refused "added again: nothing to do" 0 add 1209:0001 "Another name"
try "letters of either case are one device" entry 0 add 234B:0000 "Another name"
try "what Debian lists is listed" entry 0 check 234b:0000
try "removed" entry 0 remove 1209:0001
try "the list is to the byte what it was" unchanged
refused "removed again: nothing to do" 0 remove 1209:0001
try "a device among many goes alone" entry 0 remove 234b:0000
try "from all three arrays" test "$(rows) $(($(wc -l <original) - $(wc -l <list)))" = "1 3"
cp original list
refused "a name that would need quoting" 2 add 1209:0001 "<b>"
refused "a name of two lines" 2 add 1209:0001 "a
b"
refused "no name" 2 add 1209:0001
refused "half a number" 2 add 1209:1 x
refused "an unknown action" 2 list 1209:0001
grep -v '<key>ifdProductID</key>' original >list
cp list broken
like=broken refused "a list without products" 3 add 1209:0001 x
sed '0,/<string>0x072F/{/<string>0x072F/d}' original >list
cp list broken
like=broken refused "arrays of different length" 3 add 1209:0001 x
sed 's,<string>0x072F</string>,& <string>1</string>,' original >list
cp list broken
like=broken refused "two strings in a line" 3 add 1209:0001 x
rm list
try "no list" entry 3 add 1209:0001 x
cp original real
ln -s real list
try "through a link" entry 0 add 1209:0001 x
try "which stays a link" test -L list
try "nothing is left lying about" test "$(find . -name '*list.*' -o -name 'real.*' | wc -l)" = 0
finish
