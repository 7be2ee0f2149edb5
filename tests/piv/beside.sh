#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A program of ours that stays (p11_talk: it never loads the module anew) on a PIV card, and beside it other people's
# programs: yubico-piv-tool, which resets the card when it goes, OpenSC's, and one that selects another application of the
# card. Ours goes on, or hears the exact error and can log in again. (PIV 2: OpenSC#1849, #2897, #3108.)
# shellcheck source=tests/clients/lib.sh
CLIENTS_CARD=${CLIENTS_CARD:-yubico}
. "$(dirname "$0")/../clients/lib.sh"
need pkcs11-tool
need opensc-tool
clients_start "$@"
talk=$(ns_program tests/usb/p11_talk) || exit 1
another=00A4040005F05445535400 # SELECT of the other application: it knows no command
logged_out=101 # CKR_USER_NOT_LOGGED_IN

coproc "$talk" "$module"
talking=$COPROC_PID # bash forgets it when the program ends
say()
{
	local answer=nothing
	echo "$*" >&"${COPROC[1]}"
	read -r -t 90 answer <&"${COPROC[0]}"
	echo "$answer"
}
hears() # SENTENCE WANTED CALL...
{
	local sentence=$1 wanted=$2 got
	shift 2
	got=$(say "$@")
	if [[ $got =~ ^($wanted)$ ]]; then ok "$sentence"; else bad "$sentence: $* answers $got, wanted $wanted"; fi
}
# A signature, or the one error that may come instead, and then a log-in and a signature: no restart.
goes_on() # AFTER
{
	local got
	got=$(say sign 01)
	# Without a log-in the keys that want one are out of sight, and p11_talk, which looks for them, says CKR_KEY_HANDLE_INVALID.
	if [[ $got = "$logged_out" || $got = 60 ]]; then
		ok "$1: the log-in is gone, and the program hears CKR_USER_NOT_LOGGED_IN"
		hears "$1: it logs in again" 0 login "$pin"
		hears "$1: and signs" 0 sign 01
	elif [ "$got" = 0 ]; then
		ok "$1: it signs on"
	else
		bad "$1: a signature answers $got"
	fi
}
opensc()
{
	timeout 60 pkcs11-tool --login --pin "$pin" --sign -m SHA256-RSA-PKCS --id 01 -i text -o sig
}
printf 'the text\n' >text

hears "a session" 0 open
hears "one with 9E, without a log-in" 0 sign 04
hears "a log-in" 0 login "$pin"
hears "a signature with 9A" 0 sign 01
hears "one with 9C and its PIN" 0 sign 02 "$pin"
hears "9C without it" "$logged_out" sign 02
hears "one with 9E" 0 sign 04

# ---- yubico-piv-tool: it ends with a reset of the card ----
try "yubico-piv-tool looks" y -a status
goes_on "after yubico-piv-tool -a status"
try "yubico-piv-tool gives a PIN" y -P "$pin" -a verify-pin
goes_on "after yubico-piv-tool -a verify-pin"
try "yubico-piv-tool signs" y -P "$pin" -a verify-pin -a test-signature -s 9a -i rsa.pem
goes_on "after yubico-piv-tool -a test-signature"
y -P 000000 -a verify-pin >said 2>&1
hears "after a wrong PIN of another's: a key that wants none signs on" 0 sign 04
goes_on "after a wrong PIN of another's"
try "yubico-piv-tool writes a certificate" y -s 9e -a import-certificate -i card.pem
hears "after it: what wants no PIN" 0 sign 04
goes_on "after a certificate was written"

# ---- OpenSC ----
try "OpenSC signs" opensc
try "  openssl agrees" openssl dgst -sha256 -verify rsa.pub -signature sig text
goes_on "after OpenSC"
try "opensc-tool resets" opensc-tool --reset=cold
goes_on "after a cold reset"
opensc-tool --reset=warm >said 2>&1
goes_on "after a warm reset"

# ---- another application ----
switch()
{
	local said
	said=$(opensc-tool -s $another) && grep -q "SW1=0x90" <<<"$said"
}
try "somebody selects another application" switch
hears "after that: a key that wants no PIN signs" 0 sign 04
try "again" switch
goes_on "after another application"
try "again" switch
# On a busy machine a look comes round before the call. It finds the other application, and so nobody logged in.
got=$(say sign 02 "$pin")
if [[ $got = "$logged_out" || $got = 60 ]]; then
	hears "a look was first, and so a log-in is" 0 login "$pin"
	got=$(say sign 02 "$pin")
fi
try "9C with its PIN selects PIV again by itself" test "$got" = 0
try "again" switch
hears "a new listing, of all keys or of what nobody has to log in for" "0 [14]" objects
goes_on "after all that"
try "again" switch
try "ukey finds the card all the same" u info
try "and ukey signs" u sign text --key-ref "${label[rsa]}" --pin-file user.pin --output text.p7s
try "  openssl agrees" openssl cms -verify -binary -inform DER -in text.p7s -content text -CAfile ca.pem -purpose any -out /dev/null
goes_on "after ukey"

# ---- all at once ----
hammer()
{
	for _ in 1 2 3; do
		case $1 in
		yubico) y -a status ;;
		opensc) opensc ;;
		switch) switch ;;
		esac >"hammer.$1" 2>&1
	done
}
for who in yubico opensc switch; do
	hammer $who &
	pids+=($!)
done
wrong=0 signatures=0
while jobs -r | grep -q hammer && [ "$signatures" -lt 300 ]; do
	case $(say sign 01) in
	0) signatures=$((signatures + 1)) ;;
	"$logged_out" | 60) got=$(say login "$pin") ; [ "$got" = 0 ] || { wrong=$((wrong + 1)); echo "a log-in answers $got"; } ;;
	*) wrong=$((wrong + 1)) ;;
	esac
done
wait "${pids[@]}"
echo "$signatures signatures meanwhile"
try "while all three are at it: a signature, or CKR_USER_NOT_LOGGED_IN and a log-in that works" test "$wrong" = 0
goes_on "when all is quiet"
says "no try of the PIN was lost" "PIN tries left:.(3|-1)" y -a status
echo quit >&"${COPROC[1]}"
wait "$talking"
ended=$?
try "it ends well" test $ended = 0
finish
