#!/bin/bash
# shellcheck disable=SC2094,SC2119 # a file that is waited for while it is written
# SPDX-License-Identifier: Apache-2.0
# Every command of ukey, good and bad, on an emulated token in a private pcscd: exit code and message of each.
# check: timeout=600
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
build=${UKEY_BUILD:-${BUILD:-}}

echo 12345678 >so
echo 87654321 >so2
echo 123456 >pin
echo abc123 >pin2
echo 999999 >wrong
echo 123 >short
printf '12\0013456' >control

# ---- the command line ----

ex 0 "--help shows the commands" "key generate" --help
ex 0 "--version" "ukey " --version
ex 2 "no command" "no command"
ex 2 "unknown command" "no command" frobnicate
ex 2 "half a command" "second word" pin
ex 2 "unknown option" "does not take --frob" list --frob
ex 2 "option of another command" "does not take --url" list --url x
ex 2 "option without its value" "needs a value" info --token
ex 2 "too many words" "too much" list now
ex 2 "operand missing" "missing" sign
ex 0 "options may be shortened" "Usage: ukey sign" sign --hel
js 2 "a wrong command line in JSON" '.error.name == "USAGE" and .error.exit == 2 and (.error.hint | length > 0)' list --frob
judge "each command has a --help with a summary" < <(
	ukey --help | sed -n 's/^  \([a-z-]*\( [a-z]*\)\?\)   .*/\1/p' | while read -r verb sub; do
		# shellcheck disable=SC2086
		ukey $verb $sub --help | grep -q -- "--json" || echo "$verb $sub"
	done
)
if ukey pin change --help | grep -qE -- '--(new-)?(so-)?pin( |=)'; then
	bad "no option takes a PIN itself"
else
	ok "no option takes a PIN itself"
fi

judge "ukey(1) tells of each option" < <(
	while IFS= read -r option; do
		sed 's/\\-/-/g' "$top/doc/ukey.1" | grep -qE -- "--$option([^a-z-]|\$)" || echo "--$option"
	done < <(sed -n 's/^OPTION([^"]*"\([a-z-]*\)".*/\1/p' "$top/tools/options.def")
)

# ---- without service, reader, token ----

ex 20 "no daemon: list" "pcscd) is not running" list
ex 20 "no daemon: what to do next" "systemctl enable --now pcscd.socket" info
js 20 "no daemon in JSON" '.error.name == "NO_SERVICE"' info
ex 90 "no daemon: doctor" "pcscd) is not running" doctor

mkdir empty
unshare -m "$BASH" -c 'mount --bind empty /etc/reader.conf.d && exec pcscd --foreground' >/dev/null 2>&1 &
bare=$!
ns_wait 30 ns_socket_listens /run/pcscd/pcscd.comm
ex 22 "no reader" "no reader and no token was found" info
ex 90 "no reader: doctor" "no reader and no token was found" doctor
kill "$bare"
wait "$bare" 2>/dev/null
rm -f /run/pcscd/pcscd.comm /run/pcscd/pcscd.pid

pcscd_start || exit 1
ex 23 "no token" "no token is plugged in" info
ex 0 "no token: an empty list is an answer" "No token is plugged in" list
ex 90 "no token: doctor" "no token is plugged in" doctor

"$build/tests/tools/foreign_card" 35963 &
card=$!
reader_wait "Virtual PCD 00 00" present
ex 24 "foreign card" "neither an OpenUKey token nor a PIV card" info
ex 90 "foreign card: doctor" "left untouched" doctor
js 0 "foreign card: list" '.readers[0].state == "foreign" and (.tokens | length == 0)' list
kill "$card"
wait "$card" 2>/dev/null
reader_wait "Virtual PCD 00 00" empty

# ---- a blank token ----

emu_start alice --create --serial 00112233445566AA || exit 1
ex 0 "list shows the blank token" "00112233445566AA" list
js 0 "info of a blank token" '.token.state == "blank" and .token.user_pin.exists == false' info
ex 32 "blank: PIN" "the token is blank" pin verify --pin-file pin
ex 32 "blank: unlock" "ukey init" pin unlock --so-pin-file so --new-pin-file pin
ex 32 "blank: nothing to reset" "nothing to erase" reset --yes
ex 32 "blank: no key to sign with, and why" "ukey init" sign pin --pin-file pin
ex 90 "blank: doctor" "the token is blank" doctor
ex 44 "init: SO PIN too short" "6 to 32 bytes" init --so-pin-file short --new-pin-file pin
ex 45 "init: PIN with a control character" "control characters" init --so-pin-file so --new-pin-file control
ex 2 "init: policy upside down" "--pin-min is above" init --pin-min 10 --pin-max 8 --so-pin-file so --new-pin-file pin
ex 7 "init: PIN file missing" "nosuch" init --so-pin-file nosuch --new-pin-file pin
js 0 "still blank" '.token.state == "blank"' info
ex 0 "init without a user PIN" "no user PIN yet" init --label one --so-pin-file so --no-user-pin
ex 46 "no user PIN yet" "no user PIN" pin verify --pin-file pin
ex 90 "no user PIN yet: doctor" "no user PIN yet" doctor
ex 0 "the SO sets the first PIN" "new PIN is set" pin unlock --so-pin-file so --new-pin-file pin
ex 0 "and it is right" "The PIN is right" pin verify --pin-file pin
ex 2 "init of a token that is in use asks" "--yes" init --so-pin-file so --new-pin-file pin
ex 42 "init with a wrong SO PIN" "9 tries left" init --yes --label x --so-pin-file wrong --new-pin-file pin
ex 0 "init again with another SO PIN, three PINs from one descriptor" "initialised: ready" \
	init --yes --label 张三的钥匙 --tries 4 --so-pin-fd 3 --new-so-pin-fd 3 --new-pin-fd 3 \
	3< <(printf '12345678\n87654321\n123456\n')
ex 42 "the old SO PIN is gone" "the SO PIN is wrong" so-pin change --so-pin-file so --new-so-pin-file so2
ex 0 "so-pin change" "SO PIN is changed" so-pin change --so-pin-file so2 --new-so-pin-file so
js 0 "info has it all" '.token.label == "张三的钥匙" and .token.user_pin.tries_max == 4 and .token.state == "operational" and
	(.token.algorithms | index("p521")) and .token.so_pin.tries_left == 10' info
js 0 "list has it" '.tokens[0].serial == "00112233445566AA" and (.readers | length) == 2' list

# ---- naming the token ----

ex 0 "by serial" "00112233445566AA" info --token 00112233445566AA
ex 0 "by the serial's beginning" "00112233445566AA" info --token 0011
ex 0 "by label" "00112233445566AA" info --token 张三的钥匙
ex 0 "by URI" "00112233445566AA" info --token "pkcs11:serial=00112233445566AA"
ex 0 "by the URI's label" "00112233445566AA" info --token "pkcs11:token=%E5%BC%A0%E4%B8%89%E7%9A%84%E9%92%A5%E5%8C%99;object=x"
ex 23 "a name that fits none" "none fits \"bob\"" info --token bob
ex 3 "a URI that is none" "pkcs11:" info --token "pkcs11:frob=1;"
ex 3 "a URI with a PIN in it" "seen by others" info --token "pkcs11:serial=00?pin-value=123456"
emu_start bob --create --serial 00112233445566BB || exit 1
ex 33 "two tokens, none named" "00112233445566BB" info
ex 33 "a beginning that two have" "more than one token fits" info --token 0011
ex 0 "two tokens, one named" "00112233445566BB" info --token 00112233445566bb
emu_stop bob
reader_wait "Virtual PCD 00 01" empty

# ---- PINs ----

ex 50 "no PIN, no terminal" "no PIN, password or code was given" pin verify
ex 50 "an empty descriptor" "no line left" pin verify --pin-fd 3 3</dev/null
ex 2 "two sources" "for the same PIN" pin verify --pin-file pin --pin-fd 3 3</dev/null
ex 40 "a wrong PIN says how many tries are left" "(3 tries left)" pin verify --pin-file wrong
js 40 "and in JSON" '.error.name == "PIN_INCORRECT" and (.error.message | contains("2 tries left"))' pin verify --pin-file wrong
ex 90 "few tries left: doctor" "only 2 tries of the PIN are left" doctor
ex 40 "the last but one try" "1 try left" pin verify --pin-file wrong
ex 0 "the last try is warned of, and the right PIN gives all back" "this is the last try" pin verify --pin-file pin
js 0 "all tries are back" '.token.user_pin.tries_left == 4' info
ex 45 "change: the old one again" "is the old one" pin change --pin-file pin --new-pin-file pin
ex 44 "change: too short" "6 to 32 bytes" pin change --pin-file pin --new-pin-file short
ex 40 "change: the old PIN wrong" "3 tries left" pin change --pin-file wrong --new-pin-file pin2
ex 0 "change" "The PIN is changed" pin change --pin-file pin --new-pin-file pin2
ex 0 "change back" "The PIN is changed" pin change --pin-fd 3 --new-pin-fd 3 3< <(cat pin2 pin)
# SELECT, and in clear CHANGE REFERENCE DATA comes next: it is carried out, its answer is lost
emu_ctl alice unplug-at 2 after >/dev/null
ex 25 "change: no answer, and nobody says that nothing was done" "not known whether the PIN was set" \
	pin change --pin-file pin --new-pin-file pin2
emu_ctl alice unplug-at 0 >/dev/null
emu_plug alice
ex 0 "change: the new PIN first, as it said" "The PIN is right" pin verify --pin-file pin2
ex 0 "change back again" "The PIN is changed" pin change --pin-file pin2 --new-pin-file pin
for _ in 1 2 3; do ukey pin verify --pin-file wrong >/dev/null 2>&1; done
ex 41 "the last wrong try blocks" "that was the last try" pin verify --pin-file wrong
ex 41 "blocked: says how to unlock" "ukey pin unlock" pin verify --pin-file pin
ex 41 "blocked: nothing else is asked" "blocked" key generate
js 0 "blocked: info" '.token.user_pin.blocked and .token.user_pin.tries_left == 0' info
ex 90 "blocked: doctor" "blocked after too many wrong tries" doctor
ex 42 "unlock with a wrong SO PIN" "9 tries left" pin unlock --so-pin-file wrong --new-pin-file pin
ex 0 "unlock" "new PIN is set" pin unlock --so-pin-file so --new-pin-file pin
ex 0 "unlocked" "The PIN is right" pin verify --pin-file pin
chmod 644 pin
ex 0 "a PIN file that others can read is warned of" "other users can read" pin verify --pin-file pin
chmod 600 pin

# ---- keys ----

ex 0 "no keys yet" "No keys on this token" key list
ex 2 "no such kind of key" "no kind of key" key generate --key rsa1024 --pin-file pin
ex 2 "no such use" "sign, decrypt, derive" key generate --usage fly --pin-file pin
ex 64 "a use that the kind can't have" "EC keys sign and agree on keys" key generate --key p256 --usage decrypt --pin-file pin
js 0 "generate P-256" '.key.ref == "0/s" and .key.algorithm == "p256" and (.key.id | length) == 40' \
	key generate --key p256 --name work --label "first key" --pin-file pin
ex 0 "generate an exchange pair, RSA, with progress" "The token makes an RSA-2048 key" \
	key generate --pair exchange --container 0 --label dec --pin-file pin
ex 61 "the place is taken" "there is one already" key generate --key p256 --container 0 --pin-file pin
js 0 "generate P-384 with its own id, PIN each time" '.key.id == "c0ffee" and .key.always_authenticate' \
	key generate --key p384 --container 7 --id c0ffee --always --label always --pin-file pin
ex 0 "generate P-521" "Made key 1/x (P-521)" key generate --key p521 --pair exchange --usage derive --label agree --pin-file pin
js 0 "key list" '(.keys | length) == 4 and .keys[0].container_name == "work"' key list
ex 60 "delete a key that is not there" "9/s" key delete --key-ref 9/s --yes --pin-file pin
ex 2 "delete: which one?" "more than one key fits" key delete --yes --pin-file pin
ex 2 "delete asks" "--yes" key delete --key-ref 7/s --pin-file pin
ex 40 "delete with a wrong PIN" "3 tries left" key delete --key-ref 7/s --yes --pin-file wrong
same "and nothing is deleted" 4 "$(keys)"

# ---- requests and certificates ----

openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj "/CN=Test CA" -days 300 2>/dev/null
# certify NAME DAYS: NAME.csr to NAME.pem
certify()
{
	openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -days "$2" -out "$1.pem" 2>/dev/null
}
ex 2 "request: no subject known" "--subject" request --key-ref 0/s --pin-file pin
ex 3 "request: a subject that is none" "TYPE=value" request --key-ref 0/s --subject Zhang --pin-file pin
ukey request --key-ref 0/s --subject "CN=张三,O=Unit,C=CN" --pin-file pin >sign.csr
try "request: openssl verifies it" openssl req -in sign.csr -verify -noout
same "request: the subject" "subject=C=CN,O=Unit,CN=张三" "$(openssl req -in sign.csr -noout -subject -nameopt sep_comma_plus,utf8)"
ex 0 "request: DER to a file" "" request --key-ref 0/x --subject /CN=dec --der -o dec.der --pin-file pin
try "request: the DER is one" openssl req -inform DER -in dec.der -verify -noout -out /dev/null
openssl req -inform DER -in dec.der -out dec.csr
js 0 "request: JSON carries the PEM" '.request | startswith("-----BEGIN CERTIFICATE REQUEST")' \
	request --key-ref id:c0ffee --subject CN=always --pin-file pin
ukey request --key-ref always --subject CN=always --hash sha384 --pin-file pin >always.csr
ukey request --key-ref 0/s --subject CN=wide --hash sha512 --pin-file pin | openssl req -noout -text | grep -q ecdsa-with-SHA512 &&
	ok "request: --hash sha512" || bad "request: --hash sha512"
ex 64 "request: a key that does not sign" "1/x" request --key-ref 1/x --subject CN=x --pin-file pin
certify sign 200
certify dec 10
certify always 300
ex 0 "import finds the key" "key 0/s is written" cert import sign.pem --pin-file pin
js 0 "the certificate has its key's label" '.certificates[0].label == "first key"' cert list
ex 61 "import again: there is one" "--force" cert import sign.pem --pin-file pin
ex 0 "import --force" "is written" cert import sign.pem --force --pin-file pin
ex 73 "import to another key" "does not belong" cert import dec.pem --key-ref 0/s --pin-file pin
openssl x509 -in dec.pem -outform DER -out dec.crt
ex 0 "import DER" "key 0/x is written" cert import dec.crt --label Entschlüsselung --pin-file pin
ex 0 "import for the key with PIN each time" "7/s" cert import always.pem --pin-file pin
ex 73 "import: a stranger's certificate" "no key on this token" cert import ca.pem --pin-file pin
ex 73 "import: and a hint for CA certificates" "--authority" cert import ca.pem --pin-file pin
ex 0 "import a CA certificate" "CA certificate 0" cert import ca.pem --authority --pin-file pin
ex 72 "import: no certificate" "not a valid X.509" cert import so --pin-file pin
ex 7 "import: no file" "nosuch" cert import nosuch --pin-file pin
printf '\060\202\377\377' | cat - sign.der 2>/dev/null >broken.crt
ex 72 "import: broken DER" "not a valid X.509" cert import broken.crt --pin-file pin
head -c 17000 /dev/zero | tr '\0' x >long
openssl req -x509 -key ca.key -subj "/CN=large" -days 3 -addext "nsComment=$(cat long)" -out large.pem 2>/dev/null
ex 63 "import: oversize" "the token takes 16384" cert import large.pem --authority --pin-file pin
js 0 "cert list" '(.certificates | length) == 4 and .certificates[0].subject == "CN=张三,O=Unit,C=CN" and
	(.certificates[0].not_after | endswith("Z")) and ([.certificates[].other] | index(0) != null)' cert list
ex 0 "cert list for people" "CN=张三" cert list
ukey cert export --key-ref 0/s >back.pem
try "export gives what was imported" cmp <(openssl x509 -in back.pem) <(openssl x509 -in sign.pem)
ex 0 "export DER to a file" "" cert export --other 0 --der -o ca.der
try "it is the CA's" cmp <(openssl x509 -inform DER -in ca.der) <(openssl x509 -in ca.pem)
js 0 "export as JSON" '.pem | startswith("-----BEGIN CERTIFICATE")' cert export --key-ref 0/x
ex 60 "export: no certificate" "has no certificate" cert export --key-ref 1/x
ex 60 "export: no such other" "no such object" cert export --other 9
ukey request --key-ref 0/s --pin-file pin >again.csr
same "request takes the certificate's subject" "subject=C=CN,O=Unit,CN=张三" \
	"$(openssl req -in again.csr -noout -subject -nameopt sep_comma_plus,utf8)"
ex 90 "expiring certificate: doctor" "key 0/x: the certificate expires in" doctor
ex 90 "expiring certificate: what to do" "ukey enroll --renew" doctor
ex 90 "the cache is used: doctor" "what is known of tokens is kept: $XDG_CACHE_HOME/openukey" doctor
chmod 777 "$XDG_CACHE_HOME/openukey"
ex 90 "a cache folder that others can write to: doctor" "others can write to its folder" doctor
ex 90 "a cache folder that others can write to: what to do" "chmod 700" doctor
chmod 700 "$XDG_CACHE_HOME/openukey"
ex 90 "key without certificate: doctor" "key 1/x: no certificate" doctor

# ---- sign, verify ----

echo "a letter" >letter
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj "/CN=Other CA" 2>/dev/null
# signed SENTENCE FILE.p7s [OPTION...]: by openssl's judgement
signed()
{
	local sentence=$1 signature=$2
	shift 2
	try "$sentence: openssl verifies it" openssl cms -verify -binary -inform DER -in "$signature" -CAfile ca.pem -purpose any \
		-out /dev/null "$@"
}
ex 0 "sign with ECDSA" "Signed with key 0/s" sign letter --key-ref 0/s --pin-file pin
signed "ECDSA" letter.p7s -content letter
ex 0 "verify" "Good signature by CN=张三" verify letter --ca ca.pem
js 0 "verify in JSON" '.signers[0].subject == "CN=张三,O=Unit,C=CN"' verify letter --ca ca.pem
echo x >>letter
ex 69 "verify: the letter was changed" "do not trust the file" verify letter --ca ca.pem
echo "a letter" >letter
ex 75 "verify: another CA" "not trusted" verify letter --ca other.pem
ex 75 "verify: no CA named" "--ca" verify letter
ex 7 "verify: no signature" "letter2.p7s" verify letter2 --ca ca.pem
ex 66 "verify: no CMS" "is not a CMS message" verify letter --signature letter --ca ca.pem
ex 0 "sign with RSA" "0/x" sign letter --key-ref dec --pin-file pin -o rsa.p7s
signed "RSA" rsa.p7s -content letter
ex 0 "sign with RSA-PSS" "0/x" sign letter --key-ref 0/x --pss --hash sha384 --pin-file pin -o pss.p7s
signed "RSA-PSS" pss.p7s -content letter
openssl cms -cmsout -print -inform DER -in pss.p7s | grep -q rsassaPss && ok "it is PSS" || bad "it is PSS"
ex 0 "sign attached, PEM" "Signed" sign letter --key-ref 0/s --attached --pem --pin-file pin -o letter.pem
ex 0 "verify attached" "Good signature" verify letter.pem --attached --ca ca.pem -o content
try "the content came out" cmp letter content
ex 0 "a key that wants the PIN each time signs" "7/s" sign letter --key-ref 7/s --pin-file pin -o always.p7s
signed "PIN each time" always.p7s -content letter
ex 2 "sign: which key?" "more than one key fits" sign letter --pin-file pin
ex 60 "sign: a key without certificate" "9/s" sign letter --key-ref 9/s --pin-file pin
ex 40 "sign with a wrong PIN" "3 tries left" sign letter --key-ref 0/s --pin-file wrong -o not.p7s
[ ! -e not.p7s ] && ok "and writes nothing" || bad "and writes nothing"
ukey sign - --key-ref 0/s --pin-file pin <letter >stdin.p7s
signed "standard input to standard output" stdin.p7s -content letter
ex 2 "JSON and data do not share standard output" "--output" sign letter -o - --json --key-ref 0/s --pin-file pin

# ---- encrypt, decrypt ----

openssl cms -encrypt -binary -aes256 -in letter -outform DER -out rsa.p7m dec.pem
ex 0 "decrypt RSA" "a letter" decrypt rsa.p7m --pin-file pin
openssl cms -encrypt -binary -aes128 -in letter -outform PEM -out oaep.p7m -recip dec.pem -keyopt rsa_padding_mode:oaep \
	-keyopt rsa_oaep_md:sha256
ex 0 "decrypt RSA-OAEP, PEM" "a letter" decrypt oaep.p7m --pin-file pin
# a key that only agrees signs no request: its certificate is made from its public key
ukey key list --json | jq -r '.keys[] | select(.ref == "1/x") | .public_key' >agree.pub
openssl x509 -req -in sign.csr -force_pubkey agree.pub -CA ca.pem -CAkey ca.key -set_serial 99 -days 60 -out agree.pem 2>/dev/null
ex 0 "import for the agreement key" "1/x" cert import agree.pem --pin-file pin
openssl cms -encrypt -binary -aes256 -in letter -outform DER -out ecdh.p7m agree.pem
ex 0 "decrypt ECDH" "a letter" decrypt ecdh.p7m --pin-file pin
ex 0 "encrypt, and decrypt to a file" "Encrypted" encrypt letter --to dec.pem -o mine.p7m
ex 0 "decrypt to a file" "Decrypted with key 0/x" decrypt mine.p7m -o plain --pin-file pin
try "it is the letter" cmp letter plain
same "for its owner only" 600 "$(stat -c %a plain)"
openssl cms -encrypt -binary -in letter -outform DER -out stranger.p7m ca.pem
ex 60 "decrypt: for somebody else" "for none of the certificates" decrypt stranger.p7m --pin-file pin
ex 66 "decrypt: not encrypted" "is not encrypted" decrypt letter.p7s --pin-file pin
ex 66 "decrypt: no CMS" "is not a CMS message" decrypt letter --pin-file pin
# the encrypted key spoilt: no answer may tell why
size=$(stat -c %s rsa.p7m)
cp rsa.p7m spoilt.p7m
printf '\0\0\0\0' | dd of=spoilt.p7m bs=1 seek=$((size - 120)) conv=notrunc 2>/dev/null
# What a wrong key makes of the letter is taken for one when its last byte is 1, one time in 256. Each program has another
# wrong key: so it is tried again then.
spoilt()
{
	local said status times=0
	for _ in 1 2 3 4; do
		rm -f never
		said=$(ukey decrypt spoilt.p7m -o never --pin-file pin 2>&1 </dev/null)
		status=$?
		[ "$status" = 0 ] || break
		! cmp -s letter never && [ "$(stat -c %s never)" -lt 16 ] || return 1
		times=$((times + 1))
	done
	[ "$status" = 68 ] && [[ $said == *"decryption failed"* ]] && [ ! -e never ] || { echo "exit $status, $times times 0: $said"; return 1; }
}
try "decrypt: spoilt, and it writes nothing" spoilt
openssl cms -encrypt -binary -in letter -outform DER -out sign.p7m sign.pem
ex 64 "decrypt: a key for signatures only" "0/s" decrypt sign.p7m --pin-file pin

# ---- unplugged in the middle ----

emu_ctl alice unplug-at 3 before >/dev/null
ex 25 "unplugged in the middle of a signature" "unplugged" sign letter --key-ref 0/s --pin-file pin -o not.p7s
emu_ctl alice unplug-at 0 >/dev/null
emu_plug alice
ex 0 "plugged in again, it works" "Signed" sign letter --key-ref 0/s --pin-file pin
# SELECT, VERIFY, GENERATE and, before the id comes, away
emu_ctl alice unplug-at 4 before >/dev/null
ex 25 "unplugged when a key was made" "key 29/s was made all the same" key generate --key p256 --container 29 --pin-file pin
emu_ctl alice unplug-at 0 >/dev/null
emu_plug alice
js 0 "it has no id" '.keys[] | select(.ref == "29/s") | .id == ""' key list
ukey request --key-ref 29/s --subject CN=late --pin-file pin --output late.csr
openssl x509 -req -in late.csr -CA ca.pem -CAkey ca.key -set_serial 100 -days 60 -out late.pem 2>/dev/null
ex 0 "its certificate" "29/s" cert import late.pem --pin-file pin
js 0 "and with it comes the id" '.keys[] | select(.ref == "29/s") | .id | length == 40' key list
ukey key delete --key-ref 29/s --yes --pin-file pin >/dev/null

# ---- full ----

ukey key delete --key-ref 7/s --yes --pin-file pin >/dev/null
made=0
while [ "$made" -lt 40 ] && ukey key generate --key p256 --quiet --pin-file pin >/dev/null 2>&1; do made=$((made + 1)); done
ex 62 "a full token" "the token is full" key generate --key p256 --pin-file pin
before=$(keys)
ex 0 "delete makes room" "is deleted" key delete --key-ref 20/s --yes --pin-file pin
same "one less" $((before - 1)) "$(keys)"
ex 0 "cert delete" "Certificate 0/x is deleted" cert delete --key-ref 0/x --yes --pin-file pin
ex 0 "cert delete of a CA certificate" "Certificate 0 is deleted" cert delete --other 0 --yes --pin-file pin
ex 60 "cert delete: none there" "has no certificate" cert delete --key-ref 0/x --yes --pin-file pin

# Debian generates no locale by itself; messages are in the language all the same (common/i18n.c).
same "doctor: the language of the messages" true "$(LC_ALL='' LC_MESSAGES='' LANGUAGE='' LANG=zh_CN.UTF-8 ukey doctor --json |
	jq '[.checks[] | select(.check == "language") | tostring | test("zh_CN")] == [true]')"

# ---- doctor and the module ----

mkdir -p config/pkcs11/modules
echo "module: /nowhere/ukey-pkcs11.so" >config/pkcs11/modules/ukey.module
ex 90 "doctor: the module file points nowhere" "which does not exist" doctor
echo "module: $NS_DIR/so" >config/pkcs11/modules/ukey.module
ex 90 "doctor: the module does not load" "does not load" doctor
module=$(find "$build/.libs" -name 'ukey-pkcs11.so' 2>/dev/null | head -1)
if [ -n "$module" ]; then
	echo "module: $module" >config/pkcs11/modules/ukey.module
	js 0 "doctor: all in order" '.problems == 0 and ([.checks[] | select(.check == "module-loads")][0].result == "ok")' doctor
fi

# ---- reset ----

ex 2 "reset asks" "--yes" reset --so-pin-file so
# person QUESTION TYPED ARGUMENT...: the same at a terminal, where somebody sees the question and types the answer
person()
{
	local question=$1 typed=$2
	shift 2
	: >said
	{
		ns_wait 30 grep -q "$question" said
		printf '%s\n' "$typed"
		sleep 2
	} | timeout 60 script -qefc "$(printf '%q ' "$U" "$@")" /dev/null >said
}
if command -v script >/dev/null && script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
	person 'type 0011' 0011 reset --so-pin-file so
	same "reset at a terminal, the wrong answer: exit code" 9 $?
	grep -q "nothing was changed" said && ok "and it says so" || bad "and it says so"
	person 'PIN of' 999999 pin verify
	same "a PIN at the prompt: exit code" 40 $?
	grep -q "PIN of 00112233445566AA" said && ok "the prompt says whose PIN" || bad "the prompt says whose PIN"
	grep -q 999999 said && bad "the PIN is not echoed" || ok "the PIN is not echoed"
	person 'PIN of' 123456 pin verify
	same "the right PIN at the prompt" 0 $?
	js 0 "nothing was erased" '.token.state == "operational"' info
fi
ex 42 "reset with a wrong SO PIN" "9 tries left" reset --yes --so-pin-file wrong
for _ in 1 2 3 4 5 6 7 8; do ukey reset --yes --so-pin-file wrong >/dev/null 2>&1; done
ex 43 "the last wrong SO PIN" "that was the last try" reset --yes --so-pin-file wrong
ex 43 "SO PIN blocked: unlock" "can only be erased" pin unlock --so-pin-file so --new-pin-file pin
ex 90 "SO PIN blocked: doctor" "the SO PIN is blocked" doctor
ex 0 "reset needs no SO PIN then" "is blank now" reset --yes
js 0 "blank again" '.token.state == "blank" and .token.label == ""' info
finish
