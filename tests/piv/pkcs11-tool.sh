#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OpenSC's pkcs11-tool on our module with a PIV card: each slot and what it may do, the PINs, and each thing that such a
# card cannot, refused and nothing changed. openssl judges. CLIENTS_ROAD=usb: without pcscd.
# shellcheck source=tests/clients/lib.sh
CLIENTS_CARD=${CLIENTS_CARD:-piv}
. "$(dirname "$0")/../clients/lib.sh"
need pkcs11-tool
need yubico-piv-tool

# A retired key too, with its certificate compressed, which only the key history tells of.
piv_card_more()
{
	y -s 82 -A ECCP384 -a generate -o old.pub >said 2>&1 &&
		openssl x509 -new -subj "/O=Example/CN=holder old" -force_pubkey old.pub -CA ca.pem -CAkey ca.key -set_serial 37 -days 20 \
			-extfile <(client_extensions) -out old.pem 2>said &&
		openssl x509 -in old.pem -outform DER | gzip -9 >old.gz &&
		y -s 82 -a import-certificate -K GZIP -i old.gz >said 2>&1 &&
		printf 'C10101C20100FE00' | y -a write-object --id 0x5fc10c -f hex >said 2>&1
}
clients_start "$@"

# shellcheck disable=SC2317 # called by name
p() { timeout 60 pkcs11-tool --module "$module" "$@"; }
# shellcheck disable=SC2317
user() { p --login --pin "$pin" "$@"; }
same_certificate() # ID NAME
{
	rm -f back.der
	p --read-object --type cert --id "$1" -o back.der && cmp back.der <(openssl x509 -in "$2.pem" -outform DER)
}

# ---- what is there ----
says "-L: a token" "token label +: $token" p -L
says "its flags" "login required, .*token initialized, PIN initialized" p -L
lacks "it is not blank" "uninitialized" p -L
says "sixteen digits of serial" "serial num +: [0-9A-F]{16}" p -L
says "-M: RSA" "RSA-PKCS, keySize=\{2048,[0-9]+\}, hw, .*sign" p -M
says "-M: ECDH" "ECDH1-DERIVE" p -M
p -O >all 2>&1
same() # SENTENCE WANTED GOT
{
	if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: wanted $2, got $3"; cat all; fi
}
same "five certificates without a log-in" 5 "$(grep -c '^Certificate Object' all)"
same "five public keys" 5 "$(grep -c '^Public Key Object' all)"
same "and the one private key that wants no PIN" 1 "$(grep -c '^Private Key Object' all)"
says "  it is 9E's" "label: +${label[card]}" p -O --type privkey
user -O >all 2>&1
same "five private keys with one" 5 "$(grep -c '^Private Key Object' all)"
for name in rsa ec box card; do
	try "the certificate of ${label[$name]}" same_certificate "${id[$name]}" "$name"
done
try "a compressed one, of the retired key" same_certificate 05 old
says "9C wants the PIN each time" "always authenticate" user -O --type privkey --id 02

# ---- signatures ----
head -c 3000 /dev/urandom >data
openssl dgst -sha256 -binary data >digest
judge_signature() # KEY OPENSSL-OPTION...
{
	openssl dgst -verify "$1.pub" -signature sig "${@:2}" data
}
for h in 1 256 384 512; do
	try "SHA$h-RSA-PKCS with 9A" user --sign -m SHA$h-RSA-PKCS --id 01 -i data -o sig
	try "  openssl agrees" judge_signature rsa -sha$h
done
try "SHA256-RSA-PKCS-PSS with 9A" user --sign -m SHA256-RSA-PKCS-PSS --id 01 -i data -o sig
try "  openssl agrees" judge_signature rsa -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest
try "ECDSA-SHA256 with 9C" user --sign -m ECDSA-SHA256 --id 02 -i data -o sig --signature-format openssl
try "  openssl agrees" judge_signature ec -sha256
# pkcs11-tool itself logs in for each signature; without one: gnutls.sh, beside.sh.
try "ECDSA-SHA256 with 9E" user --sign -m ECDSA-SHA256 --id 04 -i data -o sig --signature-format openssl
try "  openssl agrees" judge_signature card -sha256
try "ECDSA-SHA384 with the retired key" user --sign -m ECDSA-SHA384 --id 05 -i data -o sig --signature-format openssl
try "  openssl agrees" judge_signature old -sha384

# ---- decryption and key agreement ----
printf 'the secret' >plain
openssl pkeyutl -encrypt -pubin -inkey box.pub -in plain -out boxed
try "RSA-PKCS decryption with 9D" user --decrypt -m RSA-PKCS --id 03 -i boxed -o opened
try "  is what went in" cmp plain opened
openssl pkeyutl -encrypt -pubin -inkey box.pub -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256 -in plain -out boxed
try "OAEP decryption with 9D" user --decrypt -m RSA-PKCS-OAEP --hash-algorithm SHA256 --id 03 -i boxed -o opened
try "  is what went in" cmp plain opened
openssl ecparam -name secp384r1 -genkey -noout -out peer.pem
openssl pkey -in peer.pem -pubout -outform DER -out peer.der
try "ECDH with the retired key" user --derive -m ECDH1-DERIVE --id 05 -i peer.der -o shared
openssl pkeyutl -derive -inkey peer.pem -peerkey old.pub -out shared2
try "  openssl agrees" cmp shared shared2
says "--test" "No errors" user --test

# ---- what a PIV card cannot, or not for the holder's PIN ----
fails "no key is made for a PIN" "CKR_" user --keypairgen --key-type EC:prime256v1 --id 06
fails "no data object is written" "CKR_" user --write-object plain --type data --label note
fails "no key comes from outside" "CKR_" user --write-object <(openssl genrsa 2048 2>/dev/null | openssl rsa -outform DER 2>/dev/null) \
	--type privkey --id 06 --usage-decrypt
fails "no key is deleted" "CKR_|failed" user --delete-object --type privkey --id 01
fails "it is not initialised" "CKR_" p --init-token --label x --so-pin 12345678
user -O >all 2>&1
same "all is as it was" "5 5 5" "$(for what in Certificate Public Private; do grep -c "^$what" all; done | xargs)"

# ---- with the management key, the SO's PIN here ----
admin()
{
	p --login --login-type so --so-pin "$management_key" "$@"
}
fails "a wrong management key" "CKR_PIN_INCORRECT" p --login --login-type so --so-pin "${management_key//a/e}" --keypairgen --key-type EC:prime256v1
fails "a slot that has a key keeps it" "CKR_" admin --keypairgen --key-type rsa:2048 --id 01
try "a key in a free slot" admin --keypairgen --key-type EC:prime256v1 --id 06
try "  its public half" p --read-object --type pubkey --id 06 -o born.der
openssl pkey -pubin -inform DER -in born.der -out born.pub
openssl x509 -new -subj "/O=Example/CN=holder born" -force_pubkey born.pub -CA ca.pem -CAkey ca.key -set_serial 39 -days 20 \
	-extfile <(client_extensions) -out born.pem 2>/dev/null
openssl x509 -in born.pem -outform DER -out born.crt
try "  its certificate is written" admin --write-object born.crt --type cert --id 06
try "  and read" same_certificate 06 born
try "  the key signs" user --sign -m ECDSA-SHA256 --id 06 -i data -o sig --signature-format openssl
try "  openssl agrees" judge_signature born -sha256

# ---- PINs ----
fails "a wrong PIN" "CKR_PIN_INCORRECT" p --login --pin 999999 -O
fails "another" "CKR_PIN_INCORRECT" p --login --pin 999998 -O
try "the right one" user -O
fails "a PIN of five digits is too short" "CKR_PIN_LEN_RANGE" p --change-pin --pin "$pin" --new-pin 12345
fails "one of nine too long" "CKR_PIN_LEN_RANGE" p --change-pin --pin "$pin" --new-pin 123456789
try "--change-pin" p --change-pin --pin "$pin" --new-pin 77712345
pin=77712345
try "the new one works" user -O
for wrong in 000001 000002 000003; do p --login --pin $wrong -O >said 2>&1; done
fails "three wrong ones lock it" "CKR_PIN_LOCKED" user -O
fails "a wrong PUK is wrong" "CKR_PIN_INCORRECT" p --unlock-pin --puk 11111111 --new-pin 583917
try "--unlock-pin with the PUK" p --unlock-pin --puk "$puk" --new-pin 583917
pin=583917
try "the holder is back" user -O

# ---- somebody else changes the card ----
if [ "$road" = pcsc ]; then
	openssl x509 -new -subj "/O=Example/CN=holder anew" -force_pubkey rsa.pub -CA ca.pem -CAkey ca.key -set_serial 38 -days 20 \
		-extfile <(client_extensions) -out anew.pem 2>/dev/null
	try "another certificate from yubico-piv-tool" y -s 9a -a import-certificate -i anew.pem
	# What is known of a PIV card is looked at slot by slot, one a listing.
	seen()
	{
		local i
		for i in 1 2 3 4 5 6 7 8; do
			p -O >said 2>&1 || return 1
			! same_certificate 01 anew || { echo "after $i listings"; return 0; }
		done
		return 1
	}
	says "is seen" "after [1-6] listings" seen
fi
finish
