#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ukey-helpdesk from the first day of a desk to the audit: the master key and the keys of the staff in SoftHSM, a token
# played by soft_token. LC-18, RO-01 to RO-03, MA-09, RL-03.
# check: timeout=600
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$top/tests/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
need softhsm2-util
need pkcs11-tool
need openssl
need sqlite3
need jq
helpdesk=$(ns_program ukey-helpdesk) || exit 1
token=$(ns_program tests/tools/soft_token) || exit 1
softhsm=
for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
	[ -e "$module" ] && softhsm=$module
done
[ -n "$softhsm" ] || { echo "SoftHSM's module was not found"; exit 77; }

work=$(mktemp -d "${TMPDIR:-/tmp}/helpdesk.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8 SOFTHSM2_CONF=$work/softhsm.conf
mkdir tokens
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/tokens" >softhsm.conf

# ---- the office: a master key, four people with a token each ----

master=c0c1c2c3c4c5c6c7c8c9cacbcccdcecf
hsm() { softhsm2-util "$@" >/dev/null 2>&1; }
printf %s 4711pin >pin
printf '\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf' >master.bin
hsm --init-token --free --label desk-master --so-pin 87654321 --pin 4711pin || exit 1
pkcs11-tool --module "$softhsm" --token-label desk-master --login --pin 4711pin --write-object master.bin --type secrkey \
	--key-type AES:16 --label unlock --id 01 --usage-sign >/dev/null 2>&1 || exit 1
uri="pkcs11:token=desk-master;object=unlock?module-path=$softhsm&pin-source=file:$work/pin"

person() # person NAME KIND
{
	local pin=pin-$1
	printf '%s\n' "secret-$1" >"$pin"
	hsm --init-token --free --label "$1" --so-pin 87654321 --pin "secret-$1"
	if [ "$2" = rsa ]; then
		openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out "$1.pem" -days 30 -subj "/CN=$1" 2>/dev/null
	else
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out "$1.pem" -days 30 \
			-subj "/CN=$1" 2>/dev/null
	fi
	openssl pkcs8 -topk8 -nocrypt -in key.pem -out key.p8
	hsm --import key.p8 --token "$1" --label key --id 0A --pin "secret-$1"
	openssl x509 -in "$1.pem" -outform DER -out cert.der
	pkcs11-tool --module "$softhsm" --token-label "$1" --login --pin "secret-$1" --write-object cert.der --type cert --id 0A \
		>/dev/null 2>&1
	rm -f key.pem key.p8
}

person olga rsa
person otto ec
person anna ec
person arno rsa
export UKEY_HELPDESK_DIR=$work/desk
login() { echo "pkcs11:token=$1?module-path=$softhsm"; }
as() # as NAME COMMAND...
{
	local who=$1
	shift
	"$helpdesk" "$@" --as "$who" --login "$(login "$who")" --pin-file "pin-$who"
}
with() # with NAME: the options of a second person
{
	echo "--second $1 --second-login $(login "$1") --second-pin-file pin-$1"
}
exits() # exits SENTENCE CODE COMMAND...
{
	local sentence=$1 code=$2 said got
	shift 2
	said=$("$@" 2>&1)
	got=$?
	if [ "$got" = "$code" ]; then ok "$sentence"; else bad "$sentence: exit $got, not $code: $said"; fi
}

exits "a PIN in the URI is refused" 3 "$helpdesk" init --master "pkcs11:token=desk-master;object=unlock?module-path=$softhsm&pin-value=4711pin"
exits "a wrong key is refused" 3 "$helpdesk" init --master "pkcs11:token=desk-master;object=nothing?module-path=$softhsm&pin-source=file:$work/pin"
try "and nothing is left" test ! -e desk
try "init makes a desk" "$helpdesk" init --master "$uri" --head-file "$work/heads"
exits "init does not overwrite" 3 "$helpdesk" init --master "$uri"
try "its files are its owner's" test "$(stat -c %a desk)" = 700
try "the founders register an operator" "$helpdesk" staff add olga --roles operator --certificate olga.pem
try "and approvers" "$helpdesk" staff add anna --roles approver --certificate anna.pem
exits "not the same key for two" 5 "$helpdesk" staff add eve --roles approver --certificate anna.pem
try "one more" "$helpdesk" staff add otto --roles operator,approver --certificate otto.pem
exits "then the founding is over" 5 "$helpdesk" staff add arno --roles auditor --certificate arno.pem
"$helpdesk" staff add arno --roles auditor --certificate arno.pem 2>&1 | grep -q -- '--second' &&
	ok "and who may let in people is told" || bad "and who may let in people is told"
# shellcheck disable=SC2046 # words
try "two let in the auditor" as anna staff add arno --roles auditor --certificate arno.pem $(with otto)
try "four people" test "$("$helpdesk" staff list | wc -l)" = 4

# ---- a holder calls ----

echo '{"seal": ["letter", "form", "seal"]}' >profiles.json
# shellcheck disable=SC2046
try "another checklist" as anna profile set profiles.json $(with arno)
try "beside the first" test "$("$helpdesk" profile list --json | jq '.profiles | length')" = 2

serial=0102030405060708
exits "one's own token is needed" 4 "$helpdesk" token register $serial --holder X --as anna --login "$(login olga)" --pin-file pin-olga
exits "and its PIN" 4 "$helpdesk" token register $serial --holder X --as olga --login "$(login olga)" --pin-file pin-anna
try "a token is registered" as olga token register $serial --holder 张三 --unit 信息中心 --certificate-serial 0ABC12
try "found by its holder" grep -q $serial <("$helpdesk" token find 张三)
try "found by a certificate" grep -q $serial <("$helpdesk" token find 0abc12)
try "by the certificate itself" as olga token update $serial --certificate arno.pem --unit 人事处
try "which was added" grep -q $serial <("$helpdesk" token find --certificate arno.pem)
exits "no certificate" 3 "$helpdesk" token find --certificate pin
exits "nothing to change" 2 as olga token update $serial
exits "nobody else" 6 "$helpdesk" token find 李四
try "a request" as olga request $serial --reason "forgot the PIN"
exits "only one at a time" 5 as olga request $serial --reason "forgot the PIN"
try "the checklist has four items" test "$("$helpdesk" checklist 1 --json | jq '.checklist | length')" = 4
try "and says how to note them" grep -q "identify 1 --evidence" <("$helpdesk" checklist 1)
exits "which all want evidence" 5 as olga identify 1 --evidence letter=1
exits "nobody approves before" 5 as anna approve 1
evidence=(--evidence letter=2026-117 --evidence "form=table 3" --evidence identity-document=seen --evidence call-back=yes)
try "the identity is noted" as olga identify 1 "${evidence[@]}"
exits "the operator does not approve" 5 as olga approve 1
challenge=$("$token" $master $serial state challenge)
exits "no answer before the approval" 5 as olga respond 1 "$challenge"
as olga respond 1 "$challenge" 2>&1 | grep -q 'ukey-helpdesk approve' && ok "and what comes first is told" ||
	bad "and what comes first is told"
exits "no such request" 6 "$helpdesk" list 99
try "somebody else approves" as anna approve 1
exits "a mistyped challenge is seen" 5 as olga respond 1 "Z${challenge:1}"
as olga respond 1 "Z${challenge:1}" 2>&1 | grep -q 'group 1' && ok "and where" || bad "and where"
# shellcheck disable=SC2086 # groups as words, as they are heard
answer=$(as olga respond 1 ${challenge//-/ } --json | jq -r .answer)
try "the token takes the answer" "$token" $master $serial state answer "$answer"
exits "once" 1 "$token" $master $serial state answer "$answer"
proof=$("$token" $master $serial state proof)
exits "a wrong proof is none" 5 as olga confirm 1 00000-000PF
try "the token's proof is recorded" as olga confirm 1 "$proof"
try "and the request is done" test "$("$helpdesk" list --json | jq -r '.requests[0].state')" = confirmed
try "a lost token" as olga token state $serial lost --reason "holder's call"
exits "gets nothing" 5 as olga request $serial --reason "forgot"
exits "the operator does not find it again" 5 as olga token state $serial active --reason "found"
try "the approver does" as anna token state $serial active --reason "found"

# ---- escrow ----

old=0A0B0C0D0E0F0001
printf 'puk-87654321\n' >puk
try "a token without an unlock key" as olga token register $old --holder 王五 --no-unlock
try "its SO PIN is sealed" as olga escrow put $old --so-pin-file puk
exits "nobody opens it alone" 2 as olga escrow show $old
# shellcheck disable=SC2046
exits "nor twice the same" 5 as otto escrow show $old --by-hand $(with otto)
# shellcheck disable=SC2046
exits "a token that is not here" 7 as olga escrow show $old $(with anna)
show() # show FILE LINE: by hand, and what is typed at the end
{
	# shellcheck disable=SC2046
	as olga escrow show $old --by-hand $(with anna) <<<"$2" >"$1" 2>&1
}
show shown ""
try "not said to be done: it goes on" test $? = 7
grep -q puk-87654321 shown && ok "two see it" || bad "two see it: $(cat shown)"
new=$(sed -n 's/.*now: //p' shown)
try "it is being replaced" test "$("$helpdesk" token find $old --json | jq '.tokens[0].escrow_pending')" = 1
try "done" show shown "done"
grep -qF "now: $new" shown && ok "with the same one" || bad "with the same one: $(cat shown)"
try "and again" show shown "done"
grep -q puk-87654321 shown && bad "it was shown twice" || ok "the first is never shown again"
grep -qF "once: $new" shown && ok "then the one that replaced it" || bad "then the one that replaced it"
try "sealed PINs are nowhere in the files" sh -c "! cat desk/* heads | grep -aqE 'puk-87654321|$new'"
try "nor answers" sh -c "! cat desk/* heads | grep -aqi '$answer'"

# ---- the next version of the master key ----

printf '\x11\x22\x33\x44\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf' >master.bin
pkcs11-tool --module "$softhsm" --token-label desk-master --login --pin 4711pin --write-object master.bin --type secrkey \
	--key-type AES:16 --label unlock-2 --id 02 --usage-sign >/dev/null 2>&1 || exit 1
uri2="pkcs11:token=desk-master;object=unlock-2?module-path=$softhsm&pin-source=file:$work/pin"
# shellcheck disable=SC2046
{
exits "a version is used once" 3 as anna key add --key-version 1 --master "$uri2" $(with arno)
exits "a wrong key is none" 3 as anna key add --key-version 2 --master "${uri2/-2/-3}" $(with arno)
exits "nobody adds it alone" 2 as anna key add --key-version 2 --master "$uri2"
try "two add a version" as anna key add --key-version 2 --master "$uri2" $(with arno)
}
roll() # roll SERIAL KEY VERSION: a whole unlock
{
	local id challenge
	export SOFT_TOKEN_VERSION=$3
	id=$(as olga request "$1" --reason forgot --json | jq .request)
	as olga identify "$id" "${evidence[@]}" >/dev/null && as anna approve "$id" >/dev/null || return 1
	challenge=$("$token" "$2" "$1" "state-roll" challenge)
	"$token" "$2" "$1" "state-roll" answer "$(as olga respond "$id" "$challenge" --json | jq -r .answer)" || return 1
	as olga confirm "$id" "$("$token" "$2" "$1" "state-roll" proof)"
}
rolling=0102030405060711
as olga token register $rolling --holder 赵六 >/dev/null
try "the first version still answers" roll $rolling $master 1
try "so does the second" roll $rolling 11223344c4c5c6c7c8c9cacbcccdcecf 2
try "the register knows" test "$("$helpdesk" token find $rolling --json | jq '.tokens[0].version')" = 2
try "two versions" test "$("$helpdesk" key list | wc -l)" = 2
# shellcheck disable=SC2046
try "the first one's end" as anna key retire 1 $(with arno)

# ---- the record ----

try "the record is right" "$helpdesk" audit verify
head=$(tail -n 1 heads)
try "with its head" "$helpdesk" audit verify --head "$head"
try "an export" "$helpdesk" audit export --output record.txt
try "is right too" "$helpdesk" audit verify --file record.txt --head "$head"
sed '7s/"at":1/"at":2/' record.txt >bad.txt
exits "a change" 8 "$helpdesk" audit verify --file bad.txt
try "is named" grep -q 'entry 7' <("$helpdesk" audit verify --file bad.txt 2>&1)
sed '$d' record.txt >bad.txt
exits "a missing end" 8 "$helpdesk" audit verify --file bad.txt --head "$head"
exits "by the file of heads too" 8 "$helpdesk" audit verify --file bad.txt --head-file heads
try "which fits the whole" "$helpdesk" audit verify --file record.txt --head-file heads
exits "the auditor is not an operator" 5 as arno request $serial --reason x
try "refusals are in the record" grep -q refused <("$helpdesk" audit list)
chmod a-w heads
if [ "$(id -u)" != 0 ]; then
	exits "no head, no work" 7 as olga request $serial --reason x
fi
chmod u+w heads
mv heads heads.aside && mkdir heads
exits "a record that can't be written stops the desk" 7 as olga request $serial --reason x
rmdir heads
exits "and one whose place is not mounted" 7 as olga request $serial --reason x
try "no other file of heads is made there" test ! -e heads
mv heads.aside heads
same_mode=$(stat -c %a desk/desk.db)
try "the database is its owner's alone" test "$same_mode" = 600
cp -r desk copy
sqlite3 copy/desk.db "DROP TRIGGER record_stays; DELETE FROM record WHERE seq = 12"
exits "a deleted entry" 8 "$helpdesk" audit verify --desk copy
try "is named too" grep -q 'entry 12' <("$helpdesk" audit verify --desk copy 2>&1)

# ---- manners ----

exits "no command" 2 "$helpdesk"
exits "an unknown option" 2 "$helpdesk" list --what
exits "no desk there" 3 "$helpdesk" list --desk "$work/none"
try "--help" "$helpdesk" --help
try "--version" "$helpdesk" --version
try "errors in JSON" test "$("$helpdesk" frobnicate --json | jq -r .status)" = USAGE
finish
