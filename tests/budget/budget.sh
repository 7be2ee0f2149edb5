#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What each step may cost (doc/architecture.md, section 4), counted by the token itself behind a real pcscd.
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

# The step, and the most commands that it may cost.
declare -A budget=(
	["PKCS#11: first look (slot list, token info, a session)"]=1
	["PKCS#11: C_Login"]=1
	["PKCS#11: all objects, first time, one certificate"]=2
	["PKCS#11: all objects again"]=0
	["PKCS#11: signature, RSA PKCS#1"]=1
	["PKCS#11: signature, RSA PSS"]=1
	["PKCS#11: signature, ECDSA"]=1
	["PKCS#11: decryption, RSA"]=1
	["PKCS#11: ECDH"]=1
	["PKCS#11: digest"]=0
	["PKCS#11: a certificate written, all objects listed"]=1
	["PKCS#11: C_Logout"]=1
	["PKCS#11: C_Finalize"]=0
	["PKCS#11, a known token: first look"]=1
	["PKCS#11, a known token: all objects, one certificate"]=0
	["PKCS#11, a known token: C_Login"]=1
	["PKCS#11, a known token: first signature"]=1
	["ukey list (a blank token)"]=1
	["ukey init"]=2
	["ukey key generate, RSA-2048"]=5
	["ukey key generate, P-256"]=4
	["ukey cert import"]=4
	["ukey sign, RSA"]=4
	["ukey pin change"]=3
	["ukey pin unlock"]=2
)

# Inside the channel a program that stays pays for its opening once: three commands when nothing is remembered of the token,
# two otherwise; and one to give it back. A command of ukey is such a program.
declare -A opening=(
	["PKCS#11: C_Login"]=3
	["PKCS#11, a known token: C_Login"]=2
	["PKCS#11: C_Finalize"]=1
)
for step in "${!budget[@]}"; do
	case $step in
	"ukey list"*) ;; # no PIN, no channel
	ukey*) opening[$step]=3 ;;
	esac
done

# shellcheck disable=SC2317 # road_walk calls it
judge_step()
{
	local limit=${budget[$1]:-}
	if [ -z "$limit" ]; then
		bad "$1 is not in the budget"
		return
	fi
	[ "$kind" = plain ] || limit=$((limit + ${opening[$1]:-0}))
	if [ "$2" -le "$limit" ]; then
		ok "$kind: $1: $2 of $limit commands"
	else
		bad "$kind: $1: $2 commands, at most $limit"
	fi
}

for kind in plain inside; do
	road_walk judge_step "$kind" || bad "the road ended before its end"
done
finish
