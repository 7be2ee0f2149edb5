#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031
# The completion for bash offers what the program has, and nothing else.
# shellcheck source=tests/lib/cases.sh
. "$(dirname "$0")/../lib/cases.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${UKEY_BUILD:-${BUILD:?the build folder}}
PATH=$build:$PATH
# shellcheck source=tools/completion/ukey
. "$top/tools/completion/ukey"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
echo x >"a file"

# offers SENTENCE WANTED WORD...: the last word is the one that is being typed.
offers()
{
	local sentence=$1 wanted=$2
	shift 2
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_ukey
	if [ "${COMPREPLY[*]}" = "$wanted" ]; then ok "$sentence"; else bad "$sentence: wanted '$wanted', got '${COMPREPLY[*]}'"; fi
}

verbs=$(ukey --help | awk '/^  [a-z]/ && !seen[$1]++ { printf "%s ", $1 }')
offers "every verb" "$verbs--help --version" ukey ""
offers "by its beginning" "doctor" ukey doc
offers "second words" "change unlock verify" ukey pin ""
offers "none after a verb without" "a file" ukey sign a
offers "an option by its beginning" "--remote" ukey pin unlock --re
offers "what --key takes" "p256 p384 p521" ukey key generate --key p
offers "with a sign of equality too" "p384" ukey key generate --key = p3
offers "a program to set up" "firefox" ukey setup --dry-run fire
offers "one only" "" ukey setup ssh ""
offers "no file where a label is wanted" "" ukey init --label ""
offers "a file where a file is" "a file" ukey init --pin-file ""
offers "nothing of a program that is not there" "--help --version" nosuch-ukey ""

# Every command with all of its options; and what it knows of their arguments stands in their help.
while read -r command; do
	# shellcheck disable=SC2086 # one word or two
	wanted=$(ukey $command --help | sed -nE 's/^  (--[a-z-]+).*/\1/p')
	# shellcheck disable=SC2086
	set -- $command
	COMP_WORDS=(ukey "$@" --) COMP_CWORD=$(($# + 1))
	_ukey
	diff <(echo "$wanted") <(printf '%s\n' "${COMPREPLY[@]}") >/dev/null || echo "$command"
done < <(ukey --help | sed -nE 's/^  ([a-z-]+( [a-z]+)?)  .*/\1/p') | judge "every option of every command"
for option in --key --pair --usage --hash; do
	help=$(for command in "key generate" "request" "sign"; do
		# shellcheck disable=SC2086
		ukey $command --help
	done | grep -E -- "^  $option ")
	for value in $(_ukey_values "$option"); do
		grep -qw -- "$value" <<<"$help" || echo "$option $value"
	done
done | judge "its values are those of the help"
for value in $(_ukey_values setup); do
	ukey setup --help | grep -qw -- "$value" || echo "$value"
done | judge "its programs to set up are those of the help"
finish
