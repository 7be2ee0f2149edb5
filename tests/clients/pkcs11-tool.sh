#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OpenSC's pkcs11-tool on our module, over a real pcscd with an emulated token: everything it can ask of us, and openssl
# as the judge of what comes out. (ROAD, shows; facts: --test-ec makes keys and therefore needs --session-rw.)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
need pkcs11-tool
need p11tool
ns_enter "$@"
build=${UKEY_BUILD:-${BUILD:?the build folder}}
module=$build/.libs/ukey-pkcs11.so
so=87654321 pin=123456
# shellcheck disable=SC2119 # our arguments are not pcscd's
pcscd_start || exit 1
emu_start alice --create || exit 1
cd "$NS_DIR" || exit 1

# shellcheck disable=SC2317 # called by name
p() { timeout 120 pkcs11-tool --module "$module" "$@"; }
# shellcheck disable=SC2317
user() { p --login --pin "$pin" "$@"; }
show() { printf '%s\n' "$1" | tail -n 20; }
says() { # SENTENCE PATTERN COMMAND...
	local sentence=$1 pattern=$2 said
	shift 2
	said=$("$@" 2>&1)
	if grep -qE -- "$pattern" <<<"$said"; then ok "$sentence"; else bad "$sentence: no /$pattern/ in"; show "$said"; fi
}
fails() { # SENTENCE PATTERN COMMAND...: must fail, and say why
	local sentence=$1 pattern=$2 said status
	shift 2
	said=$("$@" 2>&1)
	status=$?
	if [ $status = 0 ]; then bad "$sentence: it worked"; elif cut_short $status; then bad "$sentence: it was ended, exit $status"; elif
		grep -qE -- "$pattern" <<<"$said"; then ok "$sentence"; else bad "$sentence: no /$pattern/ in"; show "$said"; fi
}
lacks() { # SENTENCE PATTERN COMMAND...: succeeds, and says no such thing
	local sentence=$1 pattern=$2 said status
	shift 2
	said=$("$@" 2>&1)
	status=$?
	if [ $status != 0 ]; then bad "$sentence: exit $status"; elif grep -qE -- "$pattern" <<<"$said"; then bad "$sentence"; else
		ok "$sentence"; return; fi
	show "$said"
}

# ---- slots, a blank token, PINs ----
says "a blank token is shown as uninitialised" "token state: +uninitialized" p -L
says "the empty reader is an empty slot" "Virtual PCD 00 01" p -L
try "--init-token" p --init-token --label "Alice's key" --so-pin $so
says "the label is there" "token label +: Alice's key" p -L
lacks "and no user PIN yet" "PIN initialized" p -L
fails "logging in without a user PIN says so" "CKR_USER_PIN_NOT_INITIALIZED" user -O
try "--init-pin" p --login --so-pin $so --init-pin --new-pin $pin
says "the flags say all is there" "login required, rng, token initialized, PIN initialized" p -L
says "sixteen digits of serial" "serial num +: [0-9A-F]{16}" p -L
fails "a wrong PIN is wrong" "CKR_PIN_INCORRECT" p --login --pin 999999 -O
says "and the flags tell of it" "user PIN count low" p -L
try "the right one works" user -O
lacks "and the flag is gone" "count low" p -L
says "-I" "Cryptoki version 3.2" p -I
says "--list-interfaces" "version: 3.2" p --list-interfaces

# ---- keys ----
# pain 23: keys, certificates and data are made through PKCS#11; no tool of the vendor is needed.
try "an RSA-2048 pair" user --keypairgen --key-type rsa:2048 --id 01 --label rsa
for curve in prime256v1:02 secp384r1:03 secp521r1:04; do
	try "a pair on ${curve%:*}" user --keypairgen --key-type "EC:${curve%:*}" --id "${curve#*:}" --label "ec${curve#*:}"
done
try "a signature pair" user --keypairgen --key-type rsa:2048 --id 05 --label signer --usage-sign
says "that only signs" "Usage: +sign$" user -O --type privkey --id 05
try "a pair for every use" user --keypairgen --key-type rsa:2048 --id 06 --label always --usage-sign --always-auth
fails "RSA-1024 is not made" "CKR_KEY_SIZE_RANGE" user --keypairgen --key-type rsa:1024
fails "nor a curve we do not have" "0x140" user --keypairgen --key-type EC:brainpoolP256r1
fails "nor a key without a log-in" "CKR_USER_NOT_LOGGED_IN" p --session-rw --keypairgen --key-type EC:prime256v1
says "-O shows private keys after the log-in" "Private Key Object; RSA" user -O
lacks "and not before" "Private Key Object" p -O
says "but public keys" "Public Key Object; EC" p -O
says "-M" "ECDSA-SHA256, keySize=\{256,521\}, hw, sign, verify" p -M
for id in 01 02 04 05; do
	try "public key $id as a file" p --read-object --type pubkey --id $id -o $id.der
	try "which openssl reads" openssl pkey -pubin -inform DER -in $id.der -out $id.pem
done
# pkcs11-tool 0.23 cannot write a P-384 key ("cannot create EVP_PKEY"); GnuTLS can.
try "public key 03 by p11tool" p11tool --provider "$module" --export "pkcs11:object=ec03;type=public" --outfile 03.pem
try "which openssl reads" openssl pkey -pubin -in 03.pem -noout

# ---- signatures, judged by openssl ----
head -c 5000 /dev/urandom >data
openssl dgst -sha256 -binary data >digest
# shellcheck disable=SC2317
sign() { user --sign --mechanism "$1" --id "$2" -i "$3" -o sig "${@:4}"; }
for h in 1 224 256 384 512; do
	try "SHA$h-RSA-PKCS" sign SHA$h-RSA-PKCS 01 data
	try "  openssl agrees" openssl dgst -sha$h -verify 01.pem -signature sig data
	try "SHA$h-RSA-PKCS-PSS" sign SHA$h-RSA-PKCS-PSS 01 data
	try "  openssl agrees" openssl dgst -sha$h -verify 01.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -signature sig data
	for id in 02 03 04; do
		try "ECDSA-SHA$h, key $id" sign ECDSA-SHA$h $id data --signature-format openssl
		try "  openssl agrees" openssl dgst -sha$h -verify $id.pem -signature sig data
	done
done
{ printf '\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20'; cat digest; } >info
try "RSA-PKCS of a DigestInfo" sign RSA-PKCS 01 info
try "  openssl agrees" openssl dgst -sha256 -verify 01.pem -signature sig data
try "RSA-PKCS-PSS of a digest" sign RSA-PKCS-PSS 01 digest --hash-algorithm SHA256 --salt-len 20
try "  openssl agrees" openssl dgst -sha256 -verify 01.pem -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20 -signature sig data
try "ECDSA of a digest" sign ECDSA 02 digest --signature-format openssl
try "  openssl agrees" openssl dgst -sha256 -verify 02.pem -signature sig data
try "a key that asks for the PIN each time" sign SHA256-RSA-PKCS 06 data
fails "a signature key does not decrypt" "CKR_KEY_FUNCTION_NOT_PERMITTED" user --decrypt --mechanism RSA-PKCS --id 05 -i sig
try "SHA256-RSA-PKCS" sign SHA256-RSA-PKCS 01 data
says "--verify, here" "Signature is valid" p --verify --mechanism SHA256-RSA-PKCS --id 01 -i data --signature-file sig
printf x >>data
says "--verify of other data" "Invalid signature" p --verify --mechanism SHA256-RSA-PKCS --id 01 -i data --signature-file sig
try "ECDSA-SHA384" sign ECDSA-SHA384 03 data
says "--verify" "Signature is valid" p --verify --mechanism ECDSA-SHA384 --id 03 -i data --signature-file sig
try "--hash" p --hash --mechanism SHA256 -i data -o hashed
try "  openssl agrees" cmp hashed <(openssl dgst -sha256 -binary data)

# ---- decryption and key agreement ----
printf 'the secret' >plain
openssl pkeyutl -encrypt -pubin -inkey 01.pem -in plain -out boxed
try "RSA-PKCS decryption" user --decrypt --mechanism RSA-PKCS --id 01 -i boxed -o opened
try "  is what went in" cmp plain opened
openssl pkeyutl -encrypt -pubin -inkey 01.pem -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256 -in plain -out boxed
try "OAEP decryption" user --decrypt --mechanism RSA-PKCS-OAEP --hash-algorithm SHA256 --id 01 -i boxed -o opened
try "  is what went in" cmp plain opened
head -c 256 /dev/urandom >garbage && printf '\x00' | dd of=garbage conv=notrunc status=none
fails "garbage is not decrypted" "CKR_ENCRYPTED_DATA_INVALID" user --decrypt --mechanism RSA-PKCS-OAEP --hash-algorithm SHA256 --id 01 -i garbage -o opened
for pair in 02:prime256v1 03:secp384r1 04:secp521r1; do
	id=${pair%:*}
	openssl ecparam -name "${pair#*:}" -genkey -noout -out peer.pem
	openssl pkey -in peer.pem -pubout -outform DER -out peer.der
	try "ECDH on ${pair#*:}" user --derive --mechanism ECDH1-DERIVE --id "$id" -i peer.der -o shared
	openssl pkeyutl -derive -inkey peer.pem -peerkey "$id.pem" -out shared2
	try "  openssl agrees" cmp shared shared2
done
try "--generate-random" p --generate-random 64 -o random
try "  64 bytes" test "$(stat -c %s random)" = 64

# ---- certificates and data ----
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj "/CN=Test CA" -days 2 -out ca.pem 2>/dev/null
openssl x509 -in ca.pem -outform DER -out ca.der
cert() { # ID SERIAL NAME
	openssl req -new -newkey rsa:2048 -nodes -keyout x.key -subj "/CN=$3" -out x.csr 2>/dev/null
	openssl x509 -req -in x.csr -CA ca.pem -CAkey ca.key -set_serial "$2" -days 2 -force_pubkey "$1.pem" -outform DER -out "$3.der" 2>/dev/null
}
cert 01 11 first && cert 01 12 second
try "a key's certificate" user --write-object first.der --type cert --id 01 --label "holder"
try "comes back" p --read-object --type cert --id 01 -o back.der
try "  whole" cmp first.der back.der
says "and is listed" "label: +holder" p -O --type cert
try "a second one for the same key" user --write-object second.der --type cert --id 01 --label "holder 2"
try "comes back" p --read-object --type cert --id 01 -o back.der
try "  and has replaced the first" cmp second.der back.der
says "so that there is one" "^1$" bash -c "pkcs11-tool --module '$module' -O --type cert | grep -c 'Certificate Object'"
try "a CA's certificate" user --write-object ca.der --type cert --id 99 --label "the CA"
try "comes back" p --read-object --type cert --id 99 -o back.der
try "  whole" cmp ca.der back.der
fails "garbage is no certificate" "." user --write-object garbage --type cert --id 98
try "a certificate gets another label id" user --set-id 9A --type cert --id 99
try "and is found by it" p --read-object --type cert --id 9A -o back.der
head -c 3000 /dev/urandom >blob
try "a public data object" user --write-object blob --type data --label "note" --application-label "app" --application-id 1.2.3.4
try "comes back without a log-in" p --read-object --type data --label note -o back
try "  whole" cmp blob back
try "a private data object" user --write-object blob --type data --label "diary" --private
fails "is not there without a log-in" "." p --read-object --type data --label diary -o back
try "but with one" user --read-object --type data --label diary -o back
try "  whole" cmp blob back

# ---- a key from outside: it may open letters, and sign nothing ----
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER -out escrow.key
openssl pkey -inform DER -in escrow.key -pubout -out escrow.pub
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER -out agree.key
says "a private key to sign with does not go in" "CKR_TEMPLATE_INCONSISTENT" user --write-object escrow.key --type privkey --id 77 --usage-sign
says "nor one that is for nothing" "CKR_TEMPLATE_INCOMPLETE" user --write-object escrow.key --type privkey --id 77
lacks "and none is there" "^ +ID: +77$" user -O
says "one to decrypt with goes in" "Created private key" user --write-object escrow.key --type privkey --id 77 --label escrow --usage-decrypt
# shellcheck disable=SC2317 # called by name
escrow() { user -O --type privkey >listed && sed -n '/label: *escrow/,/Unique/p' listed; }
says "  and says what it is for" "Usage: +decrypt" escrow
lacks "  and that it was not made here, nor kept here always" "local|always|never" escrow
echo "a letter" >note.txt
openssl pkeyutl -encrypt -pubin -inkey escrow.pub -in note.txt -out note.enc
try "  it opens a letter" user --decrypt -m RSA-PKCS --id 77 -i note.enc -o note.out
try "  that is the letter" cmp note.txt note.out
says "  it does not sign" "CKR_KEY_FUNCTION_NOT_PERMITTED" user --sign -m SHA256-RSA-PKCS --id 77 -i note.txt -o note.sig
says "one to agree with goes in" "Created private key" user --write-object agree.key --type privkey --id 78 --usage-derive
for id in 77 78; do
	try "  and out again" user --delete-object --type privkey --id $id
done

# ---- pkcs11-tool's own tests ----
says "--test" "No errors" user --test
try "--test-ec" user --session-rw --test-ec --id 33 --key-type EC:prime256v1
lacks "leaves no key behind" "^ +ID: +33$" user -O
says "--test-fork" "Calling C_Initialize in forked child" p --test-fork

# ---- deleting ----
try "deleting data" user --delete-object --type data --label note
try "deleting a certificate" user --delete-object --type cert --id 9A
try "deleting a key" user --delete-object --type privkey --id 05
lacks "it is gone with its public half" "^ +ID: +05$" user -O
fails "what is not there cannot be deleted" "." user --delete-object --type privkey --id 05

# ---- PINs once more ----
try "--change-pin" p --change-pin --pin $pin --new-pin 654321
pin=654321
try "the new one works" user -O
fails "the old one does not" "CKR_PIN_INCORRECT" p --login --pin 123456 -O
try "the SO's, too" p --login --login-type so --so-pin $so --change-pin --new-pin 11223344
so=11223344
for _ in 1 2 3 4 5 6; do p --login --pin 000000 -O >/dev/null 2>&1; done
fails "six wrong ones lock it" "CKR_PIN_LOCKED" user -O
says "and the flags say so" "user PIN locked" p -L
fails "a wrong unblocking PIN does not help" "CKR_PIN_INCORRECT" p --unlock-pin --puk 55555555 --new-pin 123456
try "--unlock-pin with the SO PIN does" p --unlock-pin --puk $so --new-pin 123456
pin=123456
try "the holder is back" user -O
try "and the keys still sign" sign ECDSA 02 digest --signature-format openssl
try "  openssl agrees" openssl pkeyutl -verify -pubin -inkey 02.pem -in digest -sigfile sig
for _ in 1 2 3 4 5 6; do p --login --pin 000000 -O >/dev/null 2>&1; done
try "--init-pin unlocks, too" p --login --so-pin $so --init-pin --new-pin 222222
pin=222222
try "the holder is back" user -O

# ---- waiting, pulling, starting over ----
hotplug() { # x leaves the first test; each empty line waits for one event
	{
		printf 'x\n\n'
		ns_wait 30 waits_again 1
		emu_unplug alice >&2
		printf '\n'
		ns_wait 30 waits_again 2
		emu_plug alice >&2
		printf 'x\n'
	} 2>/dev/null | timeout 120 pkcs11-tool --module "$module" --test-hotplug
}
waits_again() { # TIMES
	[ "$(grep -o "Calling C_WaitForSlotEvent" hotplug.out | wc -l)" = "$1" ]
}
hotplug >hotplug.out 2>&1
says "--test-hotplug sees the token go and come, once each" "^2$" grep -c "event on slot 0x0" hotplug.out
emu_status_is alice .plugged >/dev/null || emu_plug alice
try "everything is still there" user -O
fails "--init-token with a wrong SO PIN" "CKR_PIN_INCORRECT" p --init-token --label x --so-pin 99999999
try "--init-token with the right one" p --init-token --label "Again" --so-pin $so
lacks "has erased it" "Key Object|Certificate Object" p -O
finish
