# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the tool's shell tests share: run ukey, look at its exit code and at what it said. Sourced, inside the namespace.

export LC_ALL=C.UTF-8
U=$(ns_program ukey)
cd "$NS_DIR" || exit 1
export HOME=$NS_DIR XDG_STATE_HOME=$NS_DIR/state XDG_CONFIG_HOME=$NS_DIR/config XDG_CACHE_HOME=$NS_DIR/cache
umask 077

# WRAP="valgrind -q --error-exitcode=99 ..." runs every ukey under it.
ukey()
{
	# shellcheck disable=SC2086
	timeout 120 ${WRAP:-} "$U" "$@"
}

# ex CODE SENTENCE TEXT ARGUMENT...: ukey ends with this code, and what it says (out and err together) has the text.
ex()
{
	local code=$1 sentence=$2 text=$3 said status
	shift 3
	said=$(ukey "$@" 2>&1 </dev/null)
	status=$?
	if [ "$status" = "$code" ] && [[ $said == *"$text"* ]]; then
		ok "$sentence"
	else
		bad "$sentence: exit $status (wanted $code), wanted \"$text\""
		printf '%s\n' "$said" | tail -n 12 | sed 's/^/  /'
	fi
}

# js CODE SENTENCE FILTER ARGUMENT...: with --json exactly one document, of which jq's filter is true.
js()
{
	local code=$1 sentence=$2 filter=$3 said status
	shift 3
	said=$(ukey "$@" --json 2>/dev/null </dev/null)
	status=$?
	if [ "$status" = "$code" ] && printf '%s' "$said" | jq -es "length == 1 and (.[0] | $filter)" >/dev/null; then
		ok "$sentence"
	else
		bad "$sentence: exit $status (wanted $code), wanted $filter"
		printf '%s\n' "$said" | tail -n 12 | sed 's/^/  /'
	fi
}

# keys: how many keys are on the token.
keys()
{
	ukey key list --json | jq '.keys | length'
}

same()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		bad "$1: wanted $2, got $3"
	fi
}
