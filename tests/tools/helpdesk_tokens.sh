#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The helpdesk on the real stack: the staff log in with tokens of ours, through ukey-pkcs11.so; and the SO PIN of a token
# without an unlock key is taken from escrow, shown, used and replaced on the token, killed and broken at every point.
# SE-02, SE-09, LC-18.
# check: timeout=600
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$top/tests/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
need softhsm2-util
need pkcs11-tool
need openssl
need jq
ns_enter "$@"
# shellcheck source=tests/tools/lib.sh
. "$top/tests/tools/lib.sh"
# shellcheck source=tests/lib/personal.sh
. "$top/tests/lib/personal.sh"
helpdesk=$(ns_program ukey-helpdesk) || exit 1
ours=${UKEY_BUILD:-${BUILD:-}}
if [ -n "$ours" ]; then ours=$ours/.libs/ukey-pkcs11.so; else ours=$(pkg-config --variable=p11_moduledir p11-kit-1)/ukey-pkcs11.so; fi
[ -e "$ours" ] || { echo "ukey-pkcs11.so was not found"; exit 77; }
softhsm=$(factory_softhsm) || { echo "SoftHSM's module was not found"; exit 77; }

factory_start || exit 1
export UKEY_HELPDESK_DIR=$NS_DIR/desk
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 30 -subj "/CN=House CA" 2>/dev/null

# ---- people: olga and anna with tokens of ours, otto and arno with keys in SoftHSM ----

serial_of() { case $1 in olga) echo 00000000000000A1 ;; anna) echo 00000000000000A2 ;; esac; }

token_person() # token_person NAME KIND
{
	personalize "$1" --serial "$(serial_of "$1")" && emu_start "$1" || exit 1
	echo "so-$1-1" >"so-$1"
	echo "secret-$1" >"pin-$1"
	ukey init --token "$(serial_of "$1")" --label "$1" --so-pin-file "so-$1" --new-pin-file "pin-$1" >/dev/null &&
		ukey key generate --token "$(serial_of "$1")" --key "$2" --name staff --pin-file "pin-$1" >/dev/null &&
		ukey request --token "$(serial_of "$1")" --key-ref 0/s --subject "CN=$1" --pin-file "pin-$1" >"$1.csr" &&
		openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out "$1.pem" 2>/dev/null &&
		ukey cert import --token "$(serial_of "$1")" "$1.pem" --pin-file "pin-$1" >/dev/null ||
		{ echo "$1 has no token"; exit 1; }
}

soft_person() # soft_person NAME
{
	echo "secret-$1" >"pin-$1"
	softhsm2-util --init-token --free --label "$1" --so-pin 87654321 --pin "secret-$1" >/dev/null || exit 1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out "$1.pem" -days 30 -subj "/CN=$1" 2>/dev/null
	openssl pkcs8 -topk8 -nocrypt -in key.pem -out key.p8
	softhsm2-util --import key.p8 --token "$1" --label key --id 0A --pin "secret-$1" >/dev/null || exit 1
	openssl x509 -in "$1.pem" -outform DER -out cert.der
	pkcs11-tool --module "$softhsm" --token-label "$1" --login --pin "secret-$1" --write-object cert.der --type cert --id 0A >/dev/null 2>&1
	rm -f key.pem key.p8
}

login()
{
	case $1 in
	olga | anna) echo "pkcs11:token=$1;serial=$(serial_of "$1")?module-path=$ours" ;;
	*) echo "pkcs11:token=$1?module-path=$softhsm" ;;
	esac
}
as() # as NAME COMMAND...
{
	local who=$1
	shift
	timeout 60 "$helpdesk" "$@" --as "$who" --login "$(login "$who")" --pin-file "pin-$who"
}
with() { echo "--second $1 --second-login $(login "$1") --second-pin-file pin-$1"; }
exits() # exits SENTENCE CODE COMMAND...
{
	local sentence=$1 code=$2 said got
	shift 2
	said=$("$@" 2>&1)
	got=$?
	if [ "$got" = "$code" ]; then ok "$sentence"; else bad "$sentence: exit $got, not $code: $said"; fi
}

pcscd_start || exit 1
token_person olga p256
token_person anna rsa2048
soft_person otto
soft_person arno
try "init" "$helpdesk" init --master "$FACTORY_MASTER" --head-file "$NS_DIR/heads"
for who in olga:operator anna:approver otto:operator,approver; do
	"$helpdesk" staff add "${who%%:*}" --roles "${who#*:}" --certificate "${who%%:*}.pem" >/dev/null || exit 1
done

# ---- two people with tokens ----

token=0102030405060708
# shellcheck disable=SC2046 # words
try "two tokens let in the auditor" as anna staff add arno --roles approver,auditor --certificate arno.pem $(with otto)
try "an operator's token (P-256)" as olga token register $token --holder 张三
try "a request" as olga request $token --reason "forgot the PIN"
try "her evidence" as olga identify 1 --evidence letter=1 --evidence form=2 --evidence identity-document=3 --evidence call-back=4
exits "her own request is not hers to approve" 5 as olga approve 1
try "an approver's token (RSA)" as anna approve 1
exits "a token that is another's" 4 "$helpdesk" approve 1 --as anna --login "$(login olga)" --pin-file pin-olga
exits "a wrong PIN" 4 "$helpdesk" approve 1 --as anna --login "$(login anna)" --pin-file pin-olga
emu_unplug anna
exits "a token that is not there" 4 as anna approve 1
emu_plug anna
try "back again" as anna reject 1 --reason "played"
own=$(serial_of olga)
try "her own token is registered" as otto token register "$own" --holder "O. Petrova" --certificate-serial \
	"$(openssl x509 -in olga.pem -noout -serial | cut -d= -f2)"
exits "she does not ask for it" 5 as olga request "$own" --reason "mine"
try "but others do" as otto request "$own" --reason "hers"
emu_stop olga
emu_stop anna

# ---- escrow: a token that the factory gave no unlock key ----

old=0A0B0C0D0E0F0001
"$(ns_program ukey-emu)" personalize --factory "$FACTORY_DIR" --no-unlock --create --serial $old "$NS_DIR/plain.flash" >/dev/null &&
	emu_start plain || exit 1
printf 'puk-87654321\n' >puk
echo 246810 >pin
echo 975310 >new
ukey init --label plain --so-pin-file puk --new-pin-file pin >/dev/null || exit 1
try "a token without an unlock key" as otto token register $old --holder 王五 --no-unlock
try "its SO PIN is sealed" as otto escrow put $old --so-pin-file puk
mkfifo keyboard

# show FILE: escrow show, by otto and arno, up to where the SO PIN is on the screen; $! is it, its input descriptor 8.
show()
{
	# shellcheck disable=SC2046
	"$helpdesk" escrow show $old --as otto --login "$(login otto)" --pin-file pin-otto $(with arno) <keyboard >"$1" 2>&1 &
	desk=$!
	exec 8>keyboard
	ns_wait 20 grep -qE "shown this once|has its new" "$1"
}
enter() # and the end
{
	echo >&8
	exec 8>&-
	wait "$desk"
}
shown() { sed -n 's/.*this once: //p' "$1"; }
pending() { "$helpdesk" token find $old --json | jq ".tokens[0].escrow_pending"; }
opens() # opens PIN: the SO PIN of the token is this
{
	printf '%s\n' "$1" >try
	ukey pin unlock --so-pin-file try --new-pin-file new >/dev/null 2>&1
}

show out1 && ok "two people are shown it" || bad "two people are shown it: $(cat out1)"
same "the right one" puk-87654321 "$(shown out1)"
try "which they use" opens puk-87654321
enter
same "and then it is replaced" 0 $?
exits "on the token" 42 opens puk-87654321
try "and not shown again" test "$(wc -l <out1)" -le 4
same "nothing is left open" 0 "$(pending)"

show out2
second=$(shown out2)
try "the next one is another" test "$second" != puk-87654321
{ kill -KILL "$desk"; wait "$desk"; } 2>/dev/null
exec 8>&-
same "killed while it waits: not finished" 1 "$(pending)"
try "the token has the one that was shown" opens "$second"
show out3
same "it goes on with the same" "$second" "$(shown out3)"
mv heads heads.aside && mkdir heads
enter
same "the desk can't write when the token has its new one" 7 $?
rmdir heads && mv heads.aside heads
exits "the token has it" 42 opens "$second"
same "the desk has both" 1 "$(pending)"
# shellcheck disable=SC2046
try "the next run finds out" as otto escrow show $old $(with arno) </dev/null
same "and is done" 0 "$(pending)"

show out4
third=$(shown out4)
emu_unplug plain
enter
same "the token is gone when it is its turn" 7 $?
same "both are kept" 1 "$(pending)"
emu_plug plain
show out5
same "and it goes on" "$third" "$(shown out5)"
kill -INT "$desk"
wait "$desk"
same "Ctrl-C is no way around the replacement" 0 $?
exec 8>&-
exits "it is replaced" 42 opens "$third"

# Killed at any moment from Enter on: afterwards the desk knows the SO PIN of the token, always.
for round in 1 2 3 4 5 6 7 8 9 10 11 12; do
	show "round$round" || { bad "round $round: $(cat "round$round")"; break; }
	grep -q "has its new" "round$round" || echo >&8
	exec 8>&-
	sleep "0.0$((round * 13 % 90))"
	{ kill -KILL "$desk"; wait "$desk"; } 2>/dev/null
done
show last
grep -q "has its new" last && exec 8>&- && wait "$desk" && show last # the killed one had got that far
opens "$(shown last)" && enter && ok "killed at twelve moments, the desk knew it each time" ||
	bad "the SO PIN is lost: $(cat last)"
same "and no try was lost" 10 "$(ukey info --json | jq '[.. | .so_pin? // empty | .tries_left?] | first')"
for pin in puk-87654321 "$second" "$third" "$(shown last)"; do
	grep -aqF -- "$pin" desk/* heads && bad "an SO PIN is in the desk's files"
done
try "the record is right" "$helpdesk" audit verify --head "$(tail -n 1 heads)"
try "and tells of each time" test "$("$helpdesk" audit list | grep -c escrow-shown)" -ge 18
finish
