#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Unlock by phone from end to end, with the programs that people use: a holder at one machine (ukey), an operator and an
# approver at the desk (ukey-helpdesk), genuine tokens between them. What is said on the phone is copied by this script.
# And what an answer is good for: one token, one counter, once. LC-18, RO-01 to RO-03, MA-09.
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
ns_enter "$@"
# shellcheck source=tests/tools/lib.sh
. "$top/tests/tools/lib.sh"
# shellcheck source=tests/lib/personal.sh
. "$top/tests/lib/personal.sh"
helpdesk=$(ns_program ukey-helpdesk) || exit 1
softhsm=$(factory_softhsm) || { echo "SoftHSM's module was not found"; exit 77; }
factory_start || exit 1
pcscd_start || exit 1
export UKEY_HELPDESK_DIR=$NS_DIR/desk

# ---- the desk ----

staff=(olga:operator anna:approver "otto:operator,approver")
"$helpdesk" init --master "$FACTORY_MASTER" --head-file "$NS_DIR/heads" >/dev/null || exit 1
for who in "${staff[@]}"; do
	name=${who%%:*}
	echo "secret-$name" >"pin-$name"
	softhsm2-util --init-token --free --label "$name" --so-pin 87654321 --pin "secret-$name" >/dev/null || exit 1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out "$name.pem" -days 30 \
		-subj "/CN=$name" 2>/dev/null
	openssl pkcs8 -topk8 -nocrypt -in key.pem -out key.p8
	softhsm2-util --import key.p8 --token "$name" --label key --id 0A --pin "secret-$name" >/dev/null || exit 1
	openssl x509 -in "$name.pem" -outform DER -out cert.der
	pkcs11-tool --module "$softhsm" --token-label "$name" --login --pin "secret-$name" --write-object cert.der --type cert \
		--id 0A >/dev/null 2>&1
	"$helpdesk" staff add "$name" --roles "${who#*:}" --certificate "$name.pem" >/dev/null || exit 1
done
rm -f key.pem key.p8 cert.der
as() # as NAME COMMAND...
{
	local who=$1
	shift
	timeout 60 "$helpdesk" "$@" --as "$who" --login "pkcs11:token=$who?module-path=$softhsm" --pin-file "pin-$who"
}
exits() # exits SENTENCE CODE COMMAND...
{
	local sentence=$1 code=$2 said got
	shift 2
	said=$("$@" 2>&1)
	got=$?
	if [ "$got" = "$code" ]; then ok "$sentence"; else bad "$sentence: exit $got, not $code: $said"; fi
}
is() # is SENTENCE WANTED GOT
{
	if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: wanted $2, got $3"; fi
}

# ---- two holders ----

A=00112233445566AA B=00112233445566BB
echo 87654321 >so
echo 583917264805 >pin # long ones: chance must not find their digits in the desk's files
echo 999999 >wrong
for token in alice:$A bob:$B; do
	personalize "${token%%:*}" --serial "${token#*:}" && emu_start "${token%%:*}" || exit 1
	ukey init --token "${token#*:}" --label "${token%%:*}" --so-pin-file so --new-pin-file pin >/dev/null || exit 1
	as olga token register "${token#*:}" --holder "${token%%:*}" --unit 信息中心 >/dev/null || exit 1
done
block() # block TOKEN
{
	for _ in 1 2 3 4 5 6; do ukey pin verify --token "$1" --pin-file wrong >/dev/null 2>&1; done
	ukey pin verify --token "$1" --pin-file pin >/dev/null 2>&1
	[ $? = 41 ]
}

# call NAME TOKEN PIN: the holder runs the tool; the challenge is in $challenge, what is typed goes to descriptor FD[NAME].
declare -A FD PID
call()
{
	local fd
	rm -f "$1.type" "$1.out"
	mkfifo "$1.type"
	echo "$3" >"$1.new"
	exec {fd}<>"$1.type"
	timeout 500 "$U" pin unlock --remote --token "$2" --json --answer-fd 3 --new-pin-file "$1.new" 3<"$1.type" >"$1.out" 2>"$1.err" {fd}>&- &
	PID[$1]=$! FD[$1]=$fd
	ns_wait 20 grep -qs '"challenge"' "$1.out" || { bad "$1 sees no challenge: $(cat "$1.out" "$1.err")"; return 1; }
	challenge=$(jq -rs 'map(select(.event == "challenge")) | last | .challenge' "$1.out")
}
types() { echo "$2" >&"${FD[$1]}"; } # types NAME ANSWER
hang_up() # hang_up NAME: the tool's exit status
{
	local fd=${FD[$1]}
	exec {fd}>&-
	wait "${PID[$1]}"
}
seen() # seen NAME EVENT: it was told so
{
	ns_wait 20 grep -qs "\"event\":\"$2\"" "$1.out"
}

# ask TOKEN: a request by olga, identified and approved; its number.
evidence=(--evidence letter=2026-117 --evidence form=3 --evidence identity-document=seen --evidence call-back=yes)
ask()
{
	local id
	id=$(as olga request "$1" --reason "forgot the PIN" --json | jq .request)
	as olga identify "$id" "${evidence[@]}" >/dev/null && as anna approve "$id" >/dev/null && echo "$id"
}
answer_of() { as olga respond "$1" "$2" --json | jq -r .answer; } # answer_of REQUEST CHALLENGE

# ---- the good road ----

try "alice's PIN is blocked" block $A
try "bob's, too" block $B
try "found by her name" grep -q $A <("$helpdesk" token find ALICE)
id=$(as olga request $A --reason "forgot the PIN" --json | jq .request)
try "a request" test "$id" = 1
try "its evidence" as olga identify "$id" "${evidence[@]}"
exits "not approved by who asked" 5 as olga approve "$id"
try "approved by somebody else" as anna approve "$id"
call alice $A 271828182845
exits "another token's challenge would be refused" 5 as otto respond "$id" "0${challenge:1}Z"
first=$challenge
answer=$(answer_of "$id" "$first")
is "an answer" 17 "${#answer}"

# ---- the same answer elsewhere ----

call bob $B 314159265358
types bob "$answer"
seen bob wrong && ok "alice's answer does nothing on bob's token" || bad "alice's answer on bob's token: $(cat bob.out bob.err)"
exits "and his challenge is not for her request" 5 as olga respond "$id" "$challenge"
types alice "$answer"
hang_up alice
is "on hers it sets the new PIN" 0 $?
try "which works" ukey pin verify --token $A --pin-file alice.new
exits "the old one does not" 40 ukey pin verify --token $A --pin-file pin
proof=$(jq -rs 'last | .proof' alice.out)
try "the proof can be had again" test "$(ukey pin unlock --confirm --token $A --json | jq -r .proof)" = "$proof"
try "the desk records it" as olga confirm "$id" "$proof"
is "confirmed" confirmed "$("$helpdesk" list "$id" --json | jq -r '.requests[0].state')"
exits "once" 5 as olga confirm "$id" "$proof"

try "blocked again" block $A
call alice $A 161803398874
second=$challenge
try "another challenge" test "$second" != "$first"
types alice "$answer"
seen alice wrong && ok "the answer does nothing a second time" || bad "a second time: $(cat alice.out alice.err)"
id2=$(ask $A)
try "the desk's next answer is another" test "$(answer_of "$id2" "$second" | tee second)" != "$answer"
answer2=$(cat second)
types alice "$answer2"
hang_up alice
is "which sets a PIN at this counter" 0 $?
proof2=$(jq -rs 'last | .proof' alice.out)
exits "the first unlock's proof is not this one's" 5 as olga confirm "$id2" "$proof"
try "its own is" as olga confirm "$id2" "$proof2"

# a challenge ends with its token's power; the answer to it then is nothing
try "and again" block $A
call alice $A 141421356237
third=$challenge
id3=$(ask $A)
answer3=$(answer_of "$id3" "$third")
kill "${PID[alice]}"
hang_up alice 2>/dev/null
emu_unplug alice && emu_plug alice
call alice $A 141421356237
types alice "$answer3"
seen alice wrong && ok "an answer ends with its challenge" || bad "after power-off: $(cat alice.out alice.err)"
exits "the request is for that challenge only" 5 as olga respond "$id3" "$challenge"
hang_up alice
try "and her PIN is blocked as before" test "$(ukey info --token $A --json | jq '[.. | .user_pin? // empty | .tries_left?] | first')" = 0

# bob's own call, in the same moment, with the challenge that had a wrong answer
idb=$(ask $B)
bobs=$(jq -rs 'map(select(.event == "challenge")) | last | .challenge' bob.out)
types bob "$(answer_of "$idb" "$bobs" | tee answerb)"
is "asked again, the desk says the same" "$(cat answerb)" "$(answer_of "$idb" "$bobs")"
hang_up bob
is "one wrong answer does not end a challenge" 0 $?
try "bob's proof" as olga confirm "$idb" "$(jq -rs 'last | .proof' bob.out)"
id5=$(as olga request $A --reason again --json | jq .request)
is "one open request a token" null "$id5"

# ---- what is left behind ----

try "the record is right" "$helpdesk" audit verify --head "$(tail -n 1 heads)"
"$helpdesk" audit export --output record.txt >/dev/null
try "an export of it, too" "$helpdesk" audit verify --file record.txt --head-file heads
sqlite3 desk/desk.db .dump >dump.sql
plain() { tr -d ' -' <<<"$1"; }
for secret in "$answer" "$answer2" "$answer3" "$(cat answerb)" "$proof" "$proof2" "$first" "$second" "$third" "$bobs" 271828182845 161803398874 314159265358 583917264805; do
	grep -aqiF -e "$secret" -e "$(plain "$secret")" dump.sql record.txt heads desk/* && bad "the desk kept $secret"
done
ok "the desk kept no challenge, answer, proof or PIN"
is "only hashes of four challenges" "32 32 32 32" "$(sqlite3 desk/desk.db "SELECT group_concat(length(challenge), ' ') FROM request WHERE challenge IS NOT NULL")"
is "five answers in the record" 5 "$("$helpdesk" audit list --json | jq '[.entries[] | select(.what == "answered")] | length')"
finish
