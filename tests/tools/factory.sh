#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ukey-emu factory and personalize: what the factory is made of, what comes out of it and how OpenSSL and the token's own
# unlock commands judge that, what it refuses, and that it survives being killed at any moment. The master key is in
# SoftHSM. IS-03, LC-18, MA-09.
# check: timeout=600
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$top/tests/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$top/tests/lib/personal.sh"
need openssl
need jq
emu=$(ns_program ukey-emu) || exit 1
look=$(ns_program tests/tools/file_token) || exit 1

work=$(mktemp -d "${TMPDIR:-/tmp}/factory.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8
export NS_DIR=$work
factory_start "$work" || exit 1

# p FILE OPTION...: personalise in the shared factory.
p()
{
	local file=$1
	shift
	"$emu" personalize --factory "$FACTORY_DIR" --master "$FACTORY_MASTER" --key-version 1 "$@" "$file"
}
exits() # exits SENTENCE CODE TEXT COMMAND...
{
	local sentence=$1 code=$2 text=$3 said got
	shift 3
	said=$("$@" 2>&1 </dev/null)
	got=$?
	if [ "$got" = "$code" ] && [[ $said == *"$text"* ]]; then
		ok "$sentence"
	else
		bad "$sentence: exit $got, not $code with \"$text\": $said"
	fi
}
# blank FILE [SERIAL]: a token as the emulator makes it.
blank()
{
	local pid
	mkfifo ready
	"$emu" --flash "$1" --create ${2:+--serial "$2"} --unplugged --ready-fd 9 9>ready &
	pid=$!
	read -r <ready
	kill "$pid"
	wait "$pid" 2>/dev/null
	rm ready
}
x509() # x509 FILE.der OPTION...
{
	openssl x509 -inform DER -in "$1" -noout "${@:2}"
}
lines() { jq -rs "$1" "$FACTORY_DIR/issued.jsonl"; }

# ---- the factory itself ----

try "the folder is its owner's" test "$(stat -c %a factory)" = 700
try "the keys too" test "$(stat -c %a factory/root.key factory/device-ca.key factory/attestation-ca.key | sort -u)" = 600
try "the root certifies itself, not by time" openssl verify -CAfile factory/root.pem factory/root.pem
try "the CA of device keys" openssl verify -x509_strict -CAfile factory/root.pem factory/device-ca.pem
try "and that of attestation keys" openssl verify -x509_strict -CAfile factory/root.pem factory/attestation-ca.pem
try "path length 0" grep -q pathlen:0 <(openssl x509 -in factory/device-ca.pem -noout -text)
try "and 1" grep -q pathlen:1 <(openssl x509 -in factory/attestation-ca.pem -noout -text)
sum=$(cat factory/* | sha256sum)
exits "a second init is refused" 5 "none is overwritten" "$emu" factory init --no-passphrase factory
try "and changes nothing" test "$(cat factory/* | sha256sum)" = "$sum"
try "nor leaves anything" test -z "$(compgen -G 'factory.new-*')"
exits "no passphrase, no terminal" 4 "--passphrase-file" setsid "$emu" factory init other
exits "a short passphrase" 4 "too short" "$emu" factory init --passphrase-file <(echo short) other
exits "both" 2 "not both" "$emu" factory init --no-passphrase --passphrase-file /dev/null other
exits "too long a name" 2 "--name" "$emu" factory init --no-passphrase --name "$(printf %050d 0)" other
try "none of them left anything" test ! -e other
exits "no command" 2 "--help" "$emu" factory
try "factory --help" grep -q trusted-roots <("$emu" factory --help)
try "personalize --help" grep -q key-version <("$emu" personalize --help)

# ---- a token ----

serial=0102030405060708
blank a.flash $serial
try "a new token has nothing from a factory" grep -q 910100 <("$look" a.flash info)
try "it is personalised" p a.flash
info=$("$look" a.flash info)
[[ $info == *910107* ]] && ok "device key, attestation key, unlock key" || bad "device key, attestation key, unlock key: $info"
[[ $info == *8401018503000000* ]] && ok "still blank" || bad "still blank: $info"
"$look" a.flash certs 0003 device && "$look" a.flash certs 0004 attest
for kind in device attest; do
	ca=device-ca
	[ $kind = device ] || ca=attestation-ca
	try "$kind: two certificates" test -e ${kind}1.der -a ! -e ${kind}2.der
	openssl x509 -in factory/$ca.pem -outform DER | cmp -s - ${kind}0.der && ok "$kind: the CA first" || bad "$kind: the CA first"
	openssl x509 -inform DER -in ${kind}1.der -out leaf.pem
	try "$kind: OpenSSL verifies the chain" openssl verify -x509_strict -CAfile factory/root.pem -untrusted factory/$ca.pem leaf.pem
	try "$kind: the serial number is in the subject" grep -q "serialNumber=$serial" <(x509 ${kind}1.der -subject -nameopt sep_multiline)
	try "$kind: no end" grep -q '9999' <(x509 ${kind}1.der -enddate)
	try "$kind: P-256" grep -q prime256v1 <(x509 ${kind}1.der -text)
done
text=$(x509 device1.der -text)
[[ $(x509 device1.der -ext keyUsage) == *critical*Agreement ]] && [[ $text != *Signature,* ]] && ok "key agreement only" || bad "key agreement only: $text"
[[ $(x509 device1.der -ext certificatePolicies) == *critical*1.2.840.114283.100.0.10.2.1.10* ]] && ok "GlobalPlatform's policy, critical" ||
	bad "GlobalPlatform's policy, critical: $text"
[[ $text == *CA:FALSE* ]] && ok "the device leaf is no CA" || bad "the device leaf is no CA: $text"
text=$(x509 attest1.der -ext basicConstraints,keyUsage)
[[ $text == *critical*CA:TRUE,\ pathlen:0*critical*Certificate\ Sign* ]] && ok "the attestation leaf is one, path length 0" ||
	bad "the attestation leaf is one, path length 0: $text"
try "two keys" test "$(x509 device1.der -pubkey)" != "$(x509 attest1.der -pubkey)"
try "the record has a begun and a done" test "$(lines 'map(.state) | join(" ")')" = "begun done"
try "with the token and the key's version" test "$(lines '.[1] | "\(.serial) \(.key_version)"')" = "$serial 1"
try "and the certificates" test "$(lines '.[1] | .device_certificate, .attestation_certificate')" = \
	"$(x509 device1.der -serial | cut -d= -f2
		x509 attest1.der -serial | cut -d= -f2)"

# The same key at both ends: the token unlocks with what is computed from the master key here. It speaks inside the secure
# channel with the device key that its certificate names.
try "the token takes its first PIN in the secure channel" "$look" a.flash init
try "it is unlocked by phone" "$look" a.flash unlock "$FACTORY_MASTER_KEY"
exits "not with another master key" 1 "file_token" "$look" a.flash unlock 00112233445566778899aabbccddeeff

# ---- what it leaves alone ----

sum=$(sha256sum <a.flash)
exits "a personalised token is refused" 5 "already by this factory" p a.flash
try "with its serial number in JSON" test "$(p a.flash --json | jq -r '"\(.outcome) \(.serial) \(.ok)"')" = "already $serial false"
try "and left as it is" test "$(sha256sum <a.flash)" = "$sum"
"$emu" factory init --no-passphrase --name Stranger strange >/dev/null
exits "another factory's token" 5 "not by this factory" "$emu" personalize --factory strange --no-unlock a.flash
blank twin.flash $serial
exits "a second token with the same serial number" 5 "two must not have the same" p twin.flash
blank used.flash
mkfifo ready
"$emu" --flash used.flash --unplugged --ready-fd 9 9>ready &
emulator=$!
read -r <ready
rm ready
exits "a token in an emulator" 5 "stop that one" p used.flash
kill "$emulator"
wait "$emulator" 2>/dev/null
exits "no token" 5 "no such file" p nothing.flash
echo "not a flash" >text.flash
chmod 600 text.flash
exits "some other file" 5 "" p text.flash
chmod 644 used.flash
exits "a file that others may open" 5 "chmod 600" p used.flash
chmod 600 used.flash

# ---- the master key ----

master() # master URI: a run with this master key on a blank token
{
	"$emu" personalize --factory factory --master "$1" --key-version 1 used.flash
}
module=$(factory_softhsm)
echo 0000 >wrong.pin
exits "a wrong PIN" 4 "master key" master "pkcs11:token=desk-master;object=unlock?module-path=$module&pin-source=file:$work/wrong.pin"
exits "a PIN in the URI" 3 "others can read it" master "pkcs11:token=desk-master;object=unlock?module-path=$module&pin-value=4711pin"
exits "no PIN, no terminal" 4 "pin-source" setsid "$emu" personalize --factory factory --key-version 1 used.flash \
	--master "pkcs11:token=desk-master;object=unlock?module-path=$module"
exits "no such module" 3 "nothing.so" master "pkcs11:token=desk-master;object=unlock?module-path=/nothing.so"
exits "no such token" 3 "no token fits" master "pkcs11:token=nobody;object=unlock?module-path=$module"
exits "no such key" 3 "not on the token" master "pkcs11:token=desk-master;object=other?module-path=$module&pin-source=file:$work/factory.pin"
exits "no URI" 3 "pkcs11:token" master unlock
exits "no version" 2 "--key-version" "$emu" personalize --factory factory --master "$FACTORY_MASTER" used.flash
exits "version 0" 2 "1 to 255" p used.flash --key-version 0
exits "neither master key nor --no-unlock" 2 "--no-unlock" "$emu" personalize --factory factory used.flash
exits "both" 2 "not both" p used.flash --no-unlock
exits "no factory" 2 "--factory" "$emu" personalize --no-unlock used.flash
exits "a folder that is none" 3 "nowhere" "$emu" personalize --factory nowhere --no-unlock used.flash
exits "no token named" 2 "which tokens" "$emu" personalize --factory factory --no-unlock
try "none of that touched the token" grep -q 910100 <("$look" used.flash info)
try "without an unlock key" "$emu" personalize --factory factory --no-unlock used.flash
info=$("$look" used.flash info)
[[ $info == *910103* && $info == *8703000000* ]] && ok "it has none" || bad "it has none: $info"
try "as the record says" test "$(lines '.[-1].key_version')" = null

# ---- passphrases ----

printf 'correct horse\n' >passphrase
try "a factory with a passphrase" "$emu" factory init --passphrase-file passphrase safe
try "its keys are encrypted" test "$(grep -lc 'BEGIN ENCRYPTED' safe/*.key | wc -l)" = 3
blank safe.flash
safe() { "$emu" personalize --factory safe --no-unlock "$@" safe.flash; }
exits "a wrong passphrase" 4 "wrong" safe --passphrase-file wrong.pin
exits "none" 4 "--passphrase-file" setsid "$emu" personalize --factory safe --no-unlock safe.flash
mv safe/root.key root.key.aside
try "the right one, by descriptor, without the root's key" safe --passphrase-fd 7 7<passphrase
chmod 640 safe/device-ca.key
exits "a key that others may read" 3 "chmod 600" safe --passphrase-file passphrase
chmod 600 safe/device-ca.key
cp strange/device-ca.key safe/
exits "another's key" 3 "not the key" safe --passphrase-file passphrase
cp strange/device-ca.pem safe/
exits "another's certificate" 3 "does not certify" safe --passphrase-file passphrase

# ---- many ----

many=(m1.flash m2.flash a.flash m3.flash)
"$emu" personalize --factory factory --master "$FACTORY_MASTER" --key-version 1 --create --json "${many[@]}" >said
status=$?
try "the refused one decides the exit status" test $status = 5
try "the others are made" test "$(jq -r .outcome said | paste -sd' ')" = "personalised personalised already personalised"
try "with serial numbers of their own" test "$(jq -r .serial said | sort -u | wc -l)" = 4
exits "--serial is of one token" 2 "one" "$emu" personalize --factory factory --no-unlock --serial $serial m4.flash m5.flash
exec 8<>factory/issued.jsonl
flock 8
exits "one run at a time" 3 "another run" p m1.flash
exec 8>&-

# ---- interrupted ----

# Of a run that was killed between two steps nothing remains but the record and the token; so these are made by hand.
record=factory/issued.jsonl
cp m1.flash closed.flash
sed -i '$d' $record # m3's done
exits "closed, but not recorded as done: the next run finishes" 0 "finished" p m3.flash
try "with the certificates on the token" test "$(lines '.[-1] | "\(.state) \(.device_certificate)"')" = \
	"done $("$look" m3.flash certs 0003 m3 && x509 m31.der -serial | cut -d= -f2)"
blank again.flash 1111111111111111
cp again.flash before.flash
try "a token" p again.flash
sed -i '$d' $record
cp before.flash again.flash
try "recorded, but not closed: the next run begins anew" p again.flash
try "and says that the first certificates are void" test "$(lines 'map(select(.serial == "1111111111111111").state) | join(" ")')" = \
	"begun void begun done"
printf '{"state":"begun","serial":"22' >>$record
blank torn.flash
try "a torn last line" p torn.flash
try "is no more" test "$(lines length)" -gt 3
cp $record record.aside
printf 'garbage\n' >>$record
exits "a damaged record stops the factory" 3 "damaged" p torn.flash
cp record.aside $record

# And killed in earnest: at moments over the whole of a run, each time on a new token. SoftHSM writes its files at each log-in,
# and may be left without a token when it is killed in that: not what is tested here.
broken=0 killed=0
cp -r factory.hsm hsm.aside
for i in $(seq 1 40); do
	file=k$i.flash
	blank "$file"
	"$emu" personalize --factory factory --master "$FACTORY_MASTER" --key-version 1 "$file" >/dev/null 2>&1 &
	run=$!
	sleep "$(printf '0.%03d' $((i * 2)))"
	kill -KILL $run 2>/dev/null
	wait $run 2>/dev/null
	[ $? != 137 ] || killed=$((killed + 1))
	rm -r factory.hsm && cp -r hsm.aside factory.hsm
	said=$(p "$file" --json)
	case $(jq -r .outcome <<<"$said") in
	personalised | finished | already) ;;
	*) broken=$((broken + 1)) && echo "  killed after $((i * 2)) ms: $said" ;;
	esac
	[[ $("$look" "$file" info) == *910107* ]] || broken=$((broken + 1))
	[ "$(jq -rs --arg s "$(jq -r .serial <<<"$said")" 'map(select(.serial == $s).state) | last' $record)" = "done" ] ||
		broken=$((broken + 1))
done
try "killed $killed times, whole every time" test $broken = 0
try "some were killed" test $killed -gt 0
p m1.flash >/dev/null 2>&1
for i in 1 2 3 4 5 6; do
	echo c$i.flash
done >names
# shellcheck disable=SC2046 # names
"$emu" personalize --factory factory --master "$FACTORY_MASTER" --key-version 1 --create $(seq -f 'c%g.flash' 200) >said 2>&1 &
run=$!
ns_wait 10 grep -q c3.flash said
kill -INT $run
wait $run
status=$?
try "Ctrl-C ends it" test $status = 130
try "after the token in work" grep -q "run the same command again" said
last=$(grep -c personalised said)
exits "which is whole" 5 "already" p "c$last.flash"
try "secrets are not in the record" sh -c "! grep -qi '$FACTORY_MASTER_KEY\|4711pin' $record"
finish
