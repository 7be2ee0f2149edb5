#!/bin/bash
# shellcheck disable=SC2119 # pcscd_start needs no options
# SPDX-License-Identifier: Apache-2.0
# An encryption key that a CA made and keeps: it comes to the token inside the secure channel, with its certificate, and
# opens what was encrypted for it; a key that signs stays outside, whatever the file it comes in.
# check: timeout=300
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$top/tests/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
need jq
need openssl
ns_enter "$@"
# shellcheck source=tests/tools/lib.sh
. "$top/tests/tools/lib.sh"
# shellcheck source=tests/lib/personal.sh
. "$top/tests/lib/personal.sh"

echo 39571846 >so
echo 583917 >pin
echo "correct horse" >password
echo "wrong horse" >wrong
echo "a letter for later" >letter

# ---- what the CA made ----

# certificate KEY NAME USAGE: self-signed, which is all the same here.
certificate()
{
	openssl req -x509 -key "$1" -subj "/CN=$2" -addext "keyUsage=critical,$3" -days 30 -out "$2.pem" 2>/dev/null
}

# p12 NAME KEY ARGUMENT...: with the password of the file.
p12()
{
	local name=$1 key=$2
	shift 2
	openssl pkcs12 -export -inkey "$key" -in "$name.pem" -passout file:password -out "$name.p12" "$@" 2>/dev/null
}

openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out ec.key
openssl genpkey -quiet -algorithm ED25519 -out ed.key
openssl genrsa -out small.key 1024 2>/dev/null
openssl pkcs8 -topk8 -in ec.key -passout file:password -out locked.key
openssl pkcs8 -topk8 -nocrypt -in ec.key -outform DER -out ec.der
openssl ec -in ec.key -conv_form compressed -out old.key 2>/dev/null
certificate rsa.key opens keyEncipherment,dataEncipherment
certificate rsa.key signs digitalSignature
certificate ec.key agrees keyAgreement
p12 opens rsa.key -certfile signs.pem
p12 signs rsa.key
p12 agrees ec.key -legacy
ukey encrypt letter --to opens.pem -o letter.p7 >/dev/null

pcscd_start || exit 1
factory_start || exit 1
personalize alice --serial 00112233445566AA || exit 1
emu_start alice || exit 1
ukey init --label escrow --so-pin-file so --new-so-pin-file so --new-pin-file pin >/dev/null

# ---- what signs stays outside ----

ex 89 "not as a signature pair" "never brought to it" key import rsa.key --pair signature --pin-file pin
ex 89 "not with a certificate for signatures" "its certificate is for signatures" key import signs.p12 --password-file password --pin-file pin
ex 89 "and what to do instead" "ukey key generate" key import signs.p12 --password-file password --pin-file pin
js 89 "in JSON" '.error.name == "KEY_ORIGIN"' key import signs.p12 --password-file password --pin-file pin

# ---- what is no such file ----

ex 7 "a file that is not there" "No such file" key import nothing.p12 --pin-file pin
ex 66 "a letter is no key" "neither PKCS#12 nor a private key" key import letter --pin-file pin
ex 66 "a certificate is no key" "neither PKCS#12 nor a private key" key import opens.pem --pin-file pin
ex 66 "and where that would go" "ukey cert import" key import opens.pem --pin-file pin
: >empty
mkdir folder
ex 66 "an empty file" "neither PKCS#12 nor a private key" key import empty --pin-file pin
ex 7 "a folder" "Is a directory" key import folder --pin-file pin
openssl pkcs12 -export -nokeys -in opens.pem -passout file:password -out certificate.p12 2>/dev/null
ex 66 "a PKCS#12 file without a key" "there is no private key in it" key import certificate.p12 --password-file password --pin-file pin
ex 65 "an algorithm that the token does not have" "ED25519" key import ed.key --pin-file pin
ex 65 "a key that is too short" "ukey info shows which" key import small.key --pin-file pin
ex 68 "a wrong password" "the password is wrong" key import opens.p12 --password-file wrong --pin-file pin
ex 68 "of a PEM file too" "the password is wrong" key import locked.key --password-file wrong --pin-file pin
ex 50 "no password, and no terminal to ask" "--password-file" key import opens.p12 --pin-file pin
same "nothing came in" 0 "$(keys)"

# ---- what comes in ----

ex 0 "a PKCS#12 file, and its certificate" "The certificate of key 0/x is written" key import opens.p12 --password-file password --label escrowed --name office --pin-file pin
js 0 "the token says where it comes from" '.keys[0] | .ref == "0/x" and (.generated | not) and .usage == "decrypt" and .certificate and .label == "escrowed" and .container_name == "office"' key list
ex 0 "and so does the list" "[imported]" key list
ex 0 "it opens what was encrypted for it" "" decrypt letter.p7 -o opened --pin-file pin
same "and it is the letter" "$(cat letter)" "$(cat opened)"
ex 64 "it signs nothing" "not made for this use" sign letter --key-ref 0/x --pin-file pin
ex 86 "the token makes no statement about it" "can say nothing about this key" key attest --key-ref 0/x --nonce 0102030405060708
ex 61 "once more by mistake: it is there" "key 0/x is the same" key import opens.p12 --password-file password --pin-file pin
ex 0 "a copy on purpose: it says where the other one is" "has this key already: 0/x" key import rsa.key --container 9 --pin-file pin
ex 0 "and goes" "" key delete --key-ref 9/x --yes --pin-file pin
ex 61 "a second one for the same place" "there is one already" key import ec.key --container 0 --pin-file pin
js 0 "a PKCS#12 file of old Windows" '.key.ref == "1/x" and .key.algorithm == "p384" and .key.usage == "derive" and (.certificate.subject | test("agrees"))' \
	key import agrees.p12 --password-file password --pin-file pin
js 0 "an encrypted PEM file" '.key.ref == "2/x" and (.certificate == null)' key import locked.key --container 2 --password-file password --pin-file pin
js 0 "a DER file" '.key.id == "ab12"' key import ec.der --container 3 --id ab12 --pin-file pin
js 0 "a point in the compressed form" '.key.ref == "4/x"' key import old.key --container 4 --pin-file pin
same "the CKA_ID is the one that all derive" "$(ukey key list --json | jq -r '.keys[1].id')" "$(ukey key list --json | jq -r '.keys[2].id')"
ex 0 "beside a signature pair" "Made key 5/s" key generate --key p256 --container 5 --pin-file pin
js 0 "in its container" '.key.ref == "5/x" and .key.always_authenticate' key import rsa.key --container 5 --always --pin-file pin

# The token is pulled out while the certificate is under way: the same command again goes on, and makes no second key.
for ref in 0/x 1/x 2/x 3/x 4/x 5/x 5/s; do ukey key delete --key-ref $ref --yes --pin-file pin --quiet; done
import=(key import opens.p12 --password-file password --pin-file pin)
ex 0 "how many commands it takes" "is imported" "${import[@]}"
ukey key delete --key-ref 0/x --yes --pin-file pin --quiet
halfway=0
for n in 3 4 5 6 7 8; do
	emu_ctl alice unplug-at $n before >/dev/null
	said=$(ukey "${import[@]}" 2>&1 </dev/null)
	emu_plug alice >/dev/null
	if [[ $said == *"is imported"*"repeat the command for its certificate"* ]]; then
		halfway=$n
		js 0 "pulled out before the certificate: the key is there without it" '[.keys[] | [.ref, .certificate]] == [["0/x", false]]' key list
		ex 90 "... doctor knows that this key signs no request" "from the CA that has the key" doctor
		ex 0 "... the same command writes it" "its certificate was missing" "${import[@]}"
		js 0 "... and there is one key" '[.keys[] | [.ref, .certificate]] == [["0/x", true]]' key list
	fi
	[ "$halfway" = 0 ] || break
	ukey key delete --key-ref 0/x --yes --pin-file pin --quiet 2>/dev/null
done
try "it was pulled out there" test "$halfway" -gt 0

# LC-01, T4 (restore): the holder lost the token; the key is given back on another one.
personalize bob --serial 00112233445566BB || exit 1
emu_start bob || exit 1
ukey init --token 00112233445566BB --label again --so-pin-file so --new-so-pin-file so --new-pin-file pin >/dev/null
ex 0 "the same key on the next token" "is imported" key import opens.p12 --token 00112233445566BB --password-file password --pin-file pin
rm -f opened
ex 0 "opens it too" "" decrypt letter.p7 -o opened --token 00112233445566BB --pin-file pin
same "and it is the letter again" "$(cat letter)" "$(cat opened)"
finish
