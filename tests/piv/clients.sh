#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that nobody here wrote, on the token's PIV application over a real pcscd: yubico-piv-tool, Yubico's PKCS#11
# module, OpenSC's. openssl judges what comes out. (PIV, shows.)
# shellcheck source=tests/piv/lib.sh
. "$(dirname "$0")/lib.sh"
need yubico-piv-tool
need pkcs11-tool
need piv-tool
need openssl
need ssh-keygen
ykcs11=$(compgen -G '/usr/lib/*/libykcs11.so' | head -n 1)
[ -n "$ykcs11" ] || ykcs11=$(compgen -G '/usr/lib/*/libykcs11.so.*' | head -n 1)
[ -n "$ykcs11" ] || { echo "ykcs11 is not installed"; exit 77; }
piv_start "$@"

# shellcheck disable=SC2317 # called by name
y() { timeout 60 yubico-piv-tool -r Yubico "$@"; }
# shellcheck disable=SC2317
yk() { y "--key=$key" "$@"; }
show() { printf '%s\n' "$1" | tail -n 20; }
says() { # SENTENCE PATTERN COMMAND...
	local sentence=$1 pattern=$2 said
	shift 2
	said=$("$@" 2>&1)
	if grep -qE -- "$pattern" <<<"$said"; then ok "$sentence"; else bad "$sentence: no /$pattern/ in"; show "$said"; fi
}

# certificate SLOT: one over pub.SLOT, by a CA of the moment.
certificate()
{
	[ -e ca.key ] || openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj "/CN=Test CA" -days 30 -out ca.pem 2>/dev/null
	openssl req -new -newkey rsa:2048 -nodes -keyout /dev/null -subj "/CN=slot $1" 2>/dev/null |
		openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 20 -force_pubkey "pub.$1" \
			-extfile <(echo "keyUsage=digitalSignature,keyEncipherment,keyAgreement") -out "cert.$1" 2>/dev/null
}

# ---- yubico-piv-tool ----
says "version" "Application version 5\.4\.3 found" y -a version
says "status: the card has an identity" "CHUID:.*3019d4e739da" y -a status
says "status: and no certificate" "PIN tries left:.3" y -a status
slot=0
for row in 9a:RSA2048 9c:ECCP256 9d:RSA2048 9e:ECCP384 82:ECCP256; do
	slot=${row%:*}
	try "generate ${row#*:} in $slot" yk -s "$slot" -A "${row#*:}" -a generate -o "pub.$slot"
	try "it is a public key" openssl pkey -pubin -in "pub.$slot" -noout
	certificate "$slot"
	try "import-certificate $slot" yk -s "$slot" -a import-certificate -i "cert.$slot"
	y -s "$slot" -a read-certificate -o read.pem >said 2>&1
	try "read-certificate $slot: as written" cmp read.pem "cert.$slot"
done
for slot in 9a 9c 9d 9e 82; do
	says "test-signature with $slot" "Successful [A-Z0-9]+ verification" y -s "$slot" -P $pin -a verify-pin -a test-signature -i "cert.$slot"
done
says "test-decipher, RSA" "Successfully performed RSA decryption" y -s 9d -P $pin -a verify-pin -a test-decipher -i cert.9d
says "test-decipher, ECDH" "Successfully performed ECDH exchange" y -s 82 -P $pin -a verify-pin -a test-decipher -i cert.82
for row in RSA2048:rsa:2048:RSA ECCP384:ec:P-384:ECDH; do
	IFS=: read -r name kind size what <<<"$row"
	if [ "$kind" = rsa ]; then openssl genrsa -out own.pem "$size" 2>/dev/null
	else openssl ecparam -name "$size" -genkey -noout -out own.pem; fi
	openssl pkey -in own.pem -pubout -out pub.83 2>/dev/null
	certificate 83
	says "import-key $name" "Successfully imported a new private key" yk -s 83 -a import-key -i own.pem
	says "it decrypts what was made for it elsewhere ($what)" "Successfully performed $what" \
		y -s 83 -P $pin -a verify-pin -a test-decipher -i cert.83
	says "and signs" "Successful [A-Z0-9]+ verification" y -s 83 -P $pin -a verify-pin -a test-signature -i cert.83
	says "attest: not of a key that came from elsewhere" "[Ff]ailed" y -s 83 -a attest
done
y -s 9a -a attest -o attest.pem >said 2>&1
try "attest: a certificate about the slot's key" cmp <(openssl x509 -in attest.pem -noout -pubkey) pub.9a
yk -s f9 -a read-certificate -o f9.pem >said 2>&1
try "slot f9: the certificate that signed it" openssl verify -partial_chain -CAfile f9.pem attest.pem
says "a wrong PIN" "[Vv]erification failed, 2 tries left" y -P 111111 -a verify-pin
says "status says so" "PIN tries left:.2" y -a status
try "change-pin" y -a change-pin -P $pin -N 13572468
says "the new one" "Successfully verified PIN" y -P 13572468 -a verify-pin
try "change-puk" y -a change-puk -P $puk -N 97531864
for _ in 1 2 3; do y -P 111111 -a verify-pin >said 2>&1; done
says "blocked" "PIN tries left:.0" y -a status
try "unblock-pin" y -a unblock-pin -P 97531864 -N $pin
says "and it opens again" "Successfully verified PIN" y -P $pin -a verify-pin
other=c1c2c3c4c5c6c7c8a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8
try "set-mgm-key" yk -a set-mgm-key -n $other
says "the old one is no good" "Failed authentication" yk -s 95 -A ECCP256 -a generate
try "the new one is" y "--key=$other" -s 95 -A ECCP256 -a generate -o pub.95
try "back again" y "--key=$other" -a set-mgm-key -n "$key"

# ---- OpenSC ----
says "opensc: the card" "Personal Identity Verification Card" timeout 60 piv-tool -n
# It makes the key, then fails to print it (its own, mended in 2024): the token tells who it was.
printf '%s\n' "$(sed 's/../&:/g; s/:$//' <<<"$key")" >piv.key
PIV_EXT_AUTH_KEY=$PWD/piv.key timeout 60 piv-tool -A M:9B:03 -G 9E:11 >said 2>&1
y -s 9e -a attest -o attest.pem >said2 2>&1
try "piv-tool: mutual authentication, and a P-256 key in 9e in place of the P-384 one" \
	grep -q prime256v1 <(openssl x509 -in attest.pem -noout -text)
timeout 60 pkcs15-tool -D >said 2>&1
try "pkcs15-tool -D: four certificates" test "$(grep -c '^X.509 Certificate' said)" -ge 4
try "and the PIN" grep -q "Reference *: 128" said
printf '%s' "a message" >message
openssl dgst -sha256 -binary message >digest
timeout 60 pkcs15-crypt --pin $pin -k 01 -s --pkcs1 --sha-256 -i digest -o sig -R >said 2>&1
try "pkcs15-crypt signs with 9a" openssl dgst -sha256 -verify pub.9a -signature sig message
openssl pkeyutl -encrypt -pubin -inkey pub.9d -in message -out cipher
timeout 60 pkcs15-crypt --pin $pin -k 03 -c --pkcs1 -i cipher -o plain -R >said 2>&1
try "pkcs15-crypt decrypts with 9d" cmp plain message
timeout 120 pkcs11-tool --login --pin $pin --test >said 2>&1
try "pkcs11-tool --test through OpenSC" grep -q "No errors" said || show "$(cat said)"
opensc=$(compgen -G '/usr/lib/*/opensc-pkcs11.so' | head -n 1)
timeout 60 ssh-keygen -D "$opensc" >said 2>&1
try "ssh-keygen -D through OpenSC: the key of 9a" grep -qF "$(ssh-keygen -i -m PKCS8 -f pub.9a)" said

# ---- ykcs11 ----
says "ykcs11: the token" "YubiKey PIV #[0-9]+" timeout 60 pkcs11-tool --module "$ykcs11" -L
timeout 120 pkcs11-tool --module "$ykcs11" --login --pin $pin --test >said 2>&1
try "pkcs11-tool --test through ykcs11" grep -q "No errors" said || show "$(cat said)"
timeout 60 pkcs11-tool --module "$ykcs11" --login --pin $pin --sign -m SHA256-RSA-PKCS --id 01 -i message -o sig >said 2>&1
try "a signature with 9a through ykcs11" openssl dgst -sha256 -verify pub.9a -signature sig message

# ---- the same card, without anything of ours ----
emu_piv_only alice on || bad "it comes back as a card of PIV only"
says "PIV only: its answer to reset" "^3b:88:80:01:54:45:53:54:20:50:49:56:70" timeout 60 opensc-tool --atr
says "our application is not found" "SW1=0x6A, SW2=0x82" timeout 60 opensc-tool -s 00A404000AF04F70656E554B65790100
says "yubico-piv-tool sees no difference" "Successfully verified PIN" y -P $pin -a verify-pin
says "nor does OpenSC" "Personal Identity Verification Card" timeout 60 piv-tool -n
emu_piv_only alice off || bad "it comes back whole"

# ---- both applications at once, and the end ----
try "our own application makes a key meanwhile" u key generate --key p256 --label ours --pin-file user.pin --quiet
says "yubico-piv-tool after it" "Successfully verified PIN" y -P $pin -a verify-pin
for _ in 1 2 3; do y -P 111111 -a verify-pin >said 2>&1; y -a unblock-pin -P 11111111 -N 222222 >said 2>&1; done
try "reset, once both are blocked" y -a reset
says "what everybody knows, and nothing else" "PIN tries left:.3" y -a status
try "no certificate is left" test "$(y -a status 2>/dev/null | grep -c 'Subject DN')" = 0
says "the PIN that everybody knows" "Successfully verified PIN" y -P 123456 -a verify-pin
u key list >said 2>&1
try "our own application keeps its key" grep -q ours said
finish
