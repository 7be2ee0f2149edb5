#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # "try" calls the functions
# ukey setup libccid: our tokens in libccid's list, found, and taken out again without a trace; never a list that is half of
# each. On copies; the packages' test does it to the list of a machine.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
build=${UKEY_BUILD:-${BUILD:?the build folder}}
list=/etc/libccid_Info.plist
[ -r "$list" ] || { echo "libccid is not installed"; exit 77; }
need jq
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
cd "$dir" || exit 1
export LC_ALL=C.UTF-8 LANGUAGE=''
cp "$list" original
cp original list
cp "$here/../../driver/usb_ids.def" ids || exit 1
count=$(grep -c '^USB_ID' ids)

setup() # STATUS TEXT WORD...: on our copy; true when it ends with this status and says so
{
	local status=$1 text=$2 got
	shift 2
	timeout 20 "$build/ukey" setup libccid --list list "$@" >said 2>&1
	got=$?
	[ "$got" = "$status" ] && grep -qF -- "$text" said || { echo "status $got"; cat said; return 1; }
}
state() # STATE: what the list of "ukey setup" says of it
{
	# shellcheck disable=SC2016
	HOME=$dir "$build/ukey" setup --list list --json | jq -e --arg s "$1" '.places[] | select(.program == "libccid") | .state == $s and .changed == false'
}
unchanged()
{
	cmp list "${1:-original}"
}
refused() # SENTENCE TEXT WORD...: a problem is told, and nothing happens
{
	local sentence=$1
	shift
	cp list broken
	try "$sentence" setup 90 "$@"
	try "... and the list is as before" unchanged broken
	try "... which the list of programs tells" state problem
}
rows()
{
	local key
	for key in VendorID ProductID FriendlyName; do
		awk -v key="<key>ifd$key</key>" 'index($0, key) { on = 1 } on && /<string>/ { n++ } /<\/array>/ { on = 0 } END { print n }' list
	done | uniq
}
# Each of ours in the three arrays has one place, and one only.
together()
{
	python3 - list ids <<'END'
import plistlib, re, sys
p = plistlib.load(open(sys.argv[1], 'rb'))
rows = list(zip(p['ifdVendorID'], p['ifdProductID'], p['ifdFriendlyName'], strict=True))
for v, d, n in re.findall(r'^USB_ID\((0x\w+), (0x\w+), "(.*)"\)$', open(sys.argv[2]).read(), re.M):
    if rows.count((v, d, n)) != 1:
        sys.exit(f"{v}:{d} {n}: {rows.count((v, d, n))} times")
END
}

wrong_name() # NAME
{
	timeout 20 "$build/ukey" setup libccid --list "$1" >said 2>&1
	test $? = 90 && grep -q "give --list the name" said && ! grep -q "move it away" said
}
try "a name that is none" wrong_name nothing
try "a folder is not to be moved away" wrong_name "$dir"
chmod 640 list
try "Debian's list does not name our tokens" state not-set-up
try "what would be done" setup 0 "+ <string>0x1209</string>" --dry-run
try "... is not done yet" unchanged
try "added, and pcscd is to be restarted" setup 0 "Restart pcscd now"
try "it is listed" state set-up
try "the three arrays have the same length, longer by ours" test "$(rows)" = "$(($(awk '/ifdVendorID/ { on = 1 } on && /<string>/ { n++ } /<\/array>/ { on = 0 } END { print n }' original) + count))"
if command -v python3 >/dev/null; then
	try "and the parts of each stand in one row, to a reader of XML too" together
fi
try "the file's mode is what it was" test "$(stat -c %a list)" = 640
cp list with
try "again: nothing to do" setup 0 "nothing to do: our tokens are in"
try "... and nothing done" unchanged with
try "what would be removed" setup 0 "- <string>OpenUKey token</string>" --remove --dry-run
try "... is not removed yet" unchanged with
try "removed, and pcscd is to be restarted" setup 0 "Restart pcscd now" --remove
try "the list is to the byte what it was" unchanged
try "removed again: nothing to do" setup 0 "nothing to do: our tokens are not in" --remove
try "... and nothing done" unchanged

# What others put there is theirs.
sed -e '/<key>ifdVendorID<\/key>/,/<array>/s|<array>|&\n<string>0x1209</string>|' -e '/<key>ifdProductID<\/key>/,/<array>/s|<array>|&\n<string>0x0001</string>|' \
	-e '/<key>ifdFriendlyName<\/key>/,/<array>/s|<array>|&\n<string>Somebody'"'"'s reader</string>|' original >list
cp list theirs
try "an entry of somebody else's will do" setup 0 "nothing to do"
try "... and is not removed" setup 90 "by hand" --remove
try "... it is as it was" unchanged theirs

# A list that is not as we know it.
grep -v '<key>ifdProductID</key>' original >list
refused "a list without products" "not a list of readers"
sed '0,/<string>0x072F/{/<string>0x072F/d}' original >list
refused "arrays of different length" "not a list of readers"
sed 's,<string>0x072F</string>,& <string>1</string>,' original >list
refused "two strings in a line" "not a list of readers"
sed 's,<key>ifdFriendlyName</key>,<key>ifdProductID</key>,' original >list
refused "products twice" "not a list of readers"
: >list
refused "an empty file" "not a list of readers"
head -c 70000 /dev/urandom >list
refused "no text at all" "not a text"
rm list
try "no list: a new one is not made" setup 90 "No such file"
try "... and nothing is there" test ! -e list

# Who may.
cp original list
if [ "$(id -u)" = 0 ] && setpriv --reuid nobody --regid nogroup --clear-groups "$build/ukey" --version >/dev/null 2>&1; then
	chmod 644 list
	setpriv --reuid nobody --regid nogroup --clear-groups "$build/ukey" setup libccid --list "$dir/list" >said 2>&1
	try "somebody who may not is told the command" grep -q "sudo ukey setup libccid" said
	try "... and nothing is done" unchanged
	try "but may see what would be done" setpriv --reuid nobody --regid nogroup --clear-groups "$build/ukey" setup libccid --list "$dir/list" --dry-run
fi
cp original real
ln -sf real list
try "through a link" setup 0 "our tokens added"
try "which stays a link" test -L list
try "nothing is left lying about" test "$(find . -name '*list.*' -o -name 'real.*' | wc -l)" = 0
finish
