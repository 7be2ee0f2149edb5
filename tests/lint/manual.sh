#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The manual pages say what the programs do: every option of --help, every exit status, every setting; and nothing else.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# differ TITLE: lines of descriptors 3 and 4, sorted sets; which of them only one has.
differ()
{
	comm -3 <(sort -u <&3) <(sort -u <&4) | sed 's/^\t/only in the manual: /; t; s/^/not in the manual: /' | judge "$1"
}

# page FILE: its text, as far as it matters here. mdoc writes "Fl -name" for "--name".
page()
{
	sed -E 's/\\-/-/g; s/\\f[BIRP]//g; /(^\.|[[:space:]])Fl /s/(^|[[:space:]])-([a-z])/\1--\2/g' "$1"
}

options()
{
	grep -oE -- '--[a-z][a-z-]*[a-z]' | sort -u
}

differ "doc/ukey.1 has the options of ukey" \
	3< <(sed -nE 's/^OPTION\([A-Z_]+, *"([a-z-]+)".*/--\1/p' tools/options.def) 4< <(page doc/ukey.1 | options)

# 6, 48, 49 and 53 are for programs that use libukey or the module.
differ "doc/ukey.1 has the exit statuses of ukey" \
	3< <(sed -nE 's/^STATUS\([^,]*,[^,]*,[^,]*,[^,]*, *([0-9]+),.*/\1/p' driver/status.def | grep -vxE '0|6|48|49|53') \
	4< <(page doc/ukey.1 | sed -n '/^\.SH EXIT STATUS/,/^\.SH ENVIRONMENT/p' | grep -v '^\.B [0-9]*-[0-9]' |
		grep -oE '(^|, |: )[0-9]+( |$)' | grep -oE '[0-9]+' | grep -vx 0)

settings=$(sed -nE 's/^\t\{"([a-z-]+)", *set_.*/\1/p' driver/settings.c)
differ "doc/openukey.conf.5 has the settings" 3<<<"$settings" \
	4< <(page doc/openukey.conf.5 | sed -nE '/^\.SH SETTINGS/,/^\.SH THE PIN/s/^\.B[RI] "([a-z-]+) = .*/\1/p')
differ "doc/openukey.conf shows the settings" 3<<<"$settings" 4< <(sed -nE 's/^#([a-z-]+) = .*/\1/p' doc/openukey.conf)

# Options of other programs that a page speaks of.
others='--(remote|confirm|with-piv|help|version)'
for program in ukey-emu.1 ukey-ra.8 ukey-helpdesk.1; do
	name=${program%.*}
	[ -x "${BUILD:=build}/$name" ] || { bad "$name is not built"; continue; }
	differ "doc/$program has the options of $name" \
		3< <({
			"$BUILD/$name" --help
			[ "$name" != ukey-emu ] || { "$BUILD/$name" factory init --help; "$BUILD/$name" personalize --help; }
		} | options | grep -vxE -- "$others") 4< <(page "doc/$program" | options | grep -vxE -- "$others")
done
finish
