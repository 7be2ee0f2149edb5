#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every string that a person reads is translated: the catalogue holds the strings of the sources, none of them fuzzy or
# untranslated, and its formats are those of the originals.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need xgettext
need msgfmt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

po/extract "$work/now.pot"
# msgids FILE: the strings alone, one a line.
msgids()
{
	msgattrib --no-obsolete --clear-fuzzy --empty --no-wrap --sort-output "$1" | grep -E '^(msgid|msgid_plural) ' | sort -u
}
msgids "$work/now.pot" >"$work/now"
msgids po/openukey.pot | diff - "$work/now" | grep '^[<>]' | judge "po/openukey.pot has the strings of the sources (make update-po)"
for file in po/*.po; do
	msgids "$file" | diff - "$work/now" | grep '^[<>]' | judge "$file has them too (make update-po)"
	try "$file is well-formed, and its formats fit" msgfmt --check -o "$work/it.mo" "$file"
	msgattrib --untranslated --no-obsolete "$file" | grep '^msgid ' | judge "nothing in $file is untranslated"
	msgattrib --only-fuzzy --no-obsolete "$file" | grep '^msgid ' | judge "nothing in $file is fuzzy"
done

# The judge itself: a string that nobody translated must be seen.
printf 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "new"\nmsgstr ""\n' >"$work/bad.po"
if msgattrib --untranslated "$work/bad.po" | grep -q '^msgid "new"'; then
	ok "an untranslated string is seen"
else
	bad "an untranslated string is not seen"
fi
finish
