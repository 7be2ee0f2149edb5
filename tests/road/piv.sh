#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ukey with a PIV card that shows PIV and nothing else (issue 6, 3): from a card without keys to a signed file, with every
# message on the way; wrong, blocked and unlocked PINs; what such a card cannot do. Once plain, once with Yubico's extensions.
# check: timeout=600
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$top/tests/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
need openssl
need jq
need script
need yubico-piv-tool
ns_enter "$@"
# shellcheck source=tests/tools/lib.sh
. "$top/tests/tools/lib.sh"
pcscd_start || exit 1

key=A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8C1C2C3C4C5C6C7C8
echo 246813 >pin
echo 111111 >wrong
echo 997755 >new
echo 86420975 >puk
echo 11111111 >wrongpuk
echo "$key" >manager
echo "F${key#A}" >wrongmanager
echo "${key:0:20}" >shortmanager
echo 87654321 >so
echo 583917 >own
printf 'pin 246813\npuk 86420975\nmanagement-key tdes %s\n' "$key" >codes
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 30 -subj "/CN=Test CA" 2>/dev/null
date >letter

# certificate REQUEST OUT: of a CA that believes everything.
certificate()
{
	printf 'basicConstraints=CA:false\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=emailProtection\n' >extensions
	openssl x509 -req -in "$1" -CA ca.pem -CAkey ca.key -set_serial $RANDOM -days 20 -extfile extensions -out "$2" 2>/dev/null
}

# on_terminal QUESTION THEN TYPED... -- ARGUMENT...: as a person at a terminal, who types a line each time that the question is
# there, and goes when THEN is. The echo is off, and what was typed before is forgotten, when a question is seen.
on_terminal()
{
	local question=$1 then=$2 typed=() asked=0
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		typed+=("$1")
		shift
	done
	shift
	: >screen
	{
		for line in "${typed[@]}"; do
			asked=$((asked + 1))
			ns_wait 30 questions "$question" $asked
			echo "$line"
		done
		ns_wait 30 questions "$then" 1
	} | timeout 120 script -qefc "$(printf '%q ' "$U" "$@")" /dev/null >screen 2>&1
	cat screen
}
questions() # QUESTION HOW OFTEN
{
	[ "$(grep -o "$1" screen | wc -l)" -ge "$2" ]
}

card() # card NAME OPTION...: a card without keys
{
	local name=$1
	shift
	emu_start "$name" --create || exit 1
	ukey init --label "$name" --new-so-pin-file so --new-pin-file own --with-piv codes --yes --quiet "$@" || exit 1
	emu_piv_only "$name" on || exit 1
}

# ---- a card without Yubico's extensions --------------------------------------------------------------------------------

card plain
ex 0 "info says what it is" "PIV (NIST SP 800-73)" info
ex 0 "and that others ride along" "no log-in isolation on this card: other programs of this machine can use its keys while anyone is logged in" info
ex 0 "tries are asked for" "3 of 3 tries" info
js 0 "the same for programs" '.token.application == "piv" and .token.login_isolation == false and .token.user_pin.tries_left == 3
	and .token.so_pin.tries_left == null and .token.keys == 0' info
ex 0 "list has it" "PIV" list
ex 0 "no keys yet" "No keys on this token" key list

ex 50 "a key needs the management key" "give it at the prompt, or with --management-key-file or --management-key-fd" key generate --slot 9a
ex 93 "a wrong one" "the management key is wrong" key generate --slot 9a --management-key-file wrongmanager
ex 93 "one that is none" "it is 32, 48 or 64 hexadecimal digits" key generate --slot 9a --management-key-file shortmanager
ex 94 "the PIN, where the card does not keep the key" "keys and certificates of this card are written with its management key" \
	key generate --slot 9a --pin-file pin
js 0 "and cost no try" '.token.user_pin.tries_left == 3' info
ex 2 "no slot" "is no slot: 9a, 9c, 9d, 9e or 82 to 95" key generate --slot 9b --management-key-file manager
ex 65 "a curve that PIV does not have" "P-521" key generate --slot 9a --key p521 --management-key-file manager
ex 5 "a wish that the card does not know" "the token does not support this" key generate --slot 9d --key p256 --touch --management-key-file manager
ex 0 "a key in 9A" "Made key 9a (P-256)." key generate --slot 9a --key p256 --management-key-file manager
ex 61 "no second one there" "or --replace: then the key that is there is lost for ever" key generate --slot 9a --key p256 --management-key-file manager
ex 0 "it is shown" "9a" key list
js 0 "without certificate, by its slot" '.keys == [.keys[] | select(.ref == "9a" and .id == "01" and .certificate == false)] and (.keys | length) == 1' key list
try "for other programs a certificate by nobody stands in its place" \
	yubico-piv-tool -r '' -a read-certificate -s 9a -o placeholder.pem
same "that says so" "subject=CN = OpenUKey: key without certificate" "$(openssl x509 -in placeholder.pem -noout -subject)"
ex 60 "nothing signs without a certificate" "key 9a has no certificate" sign letter --key-ref 9a --pin-file pin

ex 0 "a request" "" request --key-ref 9a --subject "CN=Zhang San" --pin-file pin --output request.pem
try "that openssl verifies" openssl req -in request.pem -verify -noout
certificate request.pem certificate.pem
ex 94 "a certificate is the manager's to write" "with its management key" cert import certificate.pem --pin-file pin
ex 0 "and his alone" "The certificate of key 9a is written." cert import certificate.pem --management-key-file manager
ex 61 "not over another" "key 9a has a certificate" cert import certificate.pem --management-key-file manager
ex 0 "unless forced" "is written" cert import certificate.pem --force --management-key-file manager
ex 0 "it is exported" "BEGIN CERTIFICATE" cert export --key-ref 9a
ukey cert export --key-ref 9a --output back.pem --quiet
same "as it was" "$(openssl x509 -in certificate.pem -outform DER | sha256sum)" "$(openssl x509 -in back.pem -outform DER | sha256sum)"
ex 0 "a signature" "Signed with key 9a" sign letter --key-ref 9a --pin-file pin
try "that openssl verifies" openssl cms -verify -binary -inform DER -in letter.p7s -content letter -CAfile ca.pem -purpose any -out /dev/null
ex 73 "a certificate of another key" "no key on this token has its public key" cert import ca.pem --management-key-file manager

ex 0 "a key that needs the PIN each time" "Made key 9c" key generate --slot 9C --key p256 --management-key-file manager
ex 0 "signs its request" "" request --key-ref 9c --subject "CN=Zhang San" --pin-file pin --output sign.pem
ex 0 "a key that needs no PIN" "Made key 9e" key generate --slot 9e --key p256 --management-key-file manager
ex 0 "signs without one" "" request --key-ref 9e --subject "CN=The door" --output door.pem
ex 0 "the first free slot for this use" "Made key 9d" key generate --usage decrypt --management-key-file manager
ex 0 "a retired one" "Made key 82" key generate --slot 82 --management-key-file manager
ukey request --key-ref 9d --subject "CN=Zhang San" --pin-file pin --output box.req --quiet && certificate box.req box.pem &&
	ukey cert import box.pem --management-key-file manager --quiet && ukey encrypt letter --to box.pem --output letter.p7m --quiet
ex 0 "decrypts" "Decrypted with key 9d" decrypt letter.p7m --key-ref 9d --pin-file pin --output letter.back
try "what was written" cmp letter letter.back
ex 0 "replaced" "Made key 9a (P-384)." key generate --slot 9a --key p384 --replace --yes --management-key-file manager
js 0 "its certificate went with it" '.keys[] | select(.ref == "9a") | .certificate == false and .algorithm == "p384"' key list
ex 2 "not just any" "--replace needs --slot" key generate --replace --management-key-file manager
ex 0 "a certificate is deleted" "Certificate 9d is deleted." cert delete --key-ref 9d --yes --management-key-file manager
js 0 "its key is still seen" '.keys[] | select(.ref == "9d") | .certificate == false' key list
ex 60 "it cannot be deleted twice" "no such object" cert delete --key-ref 9d --yes --management-key-file manager
ex 0 "the key takes its certificate back" "The certificate of key 9d is written." cert import box.pem --management-key-file manager
ex 0 "and gives it up again" "Certificate 9d is deleted." cert delete --key-ref 9d --yes --management-key-file manager
ex 90 "the doctor knows such cards, and misses the module here" "a PIV card" doctor

# ---- a person at the prompt ---------------------------------------------------------------------------------------------

said=$(on_terminal "Management key of " "Made key" F1F2 "$key" -- key generate --slot 83 --key p256)
case $said in
*"Management key of "*"in hexadecimal"*"the management key is wrong"*"Made key 83"*) ok "asked for again after a wrong one" ;;
*) bad "at the prompt: $said" ;;
esac
if [[ $said == *"$key"* ]]; then bad "the management key was shown"; else ok "and not shown"; fi

# ---- PINs ---------------------------------------------------------------------------------------------------------------

ex 0 "the right PIN" "The PIN is right." pin verify --pin-file pin
ex 40 "a wrong one" "2 tries left" pin verify --pin-file wrong
ex 40 "another" "one more wrong PIN blocks it; if unsure, set a new one with the PUK: ukey pin unlock" pin verify --pin-file wrong
ex 41 "the last" "that was the last try" pin verify --pin-file wrong
ex 41 "blocked" "a PIV card with its PUK: ukey pin unlock" pin verify --pin-file pin
ex 91 "a wrong PUK" "the PUK is wrong" pin unlock --so-pin-file wrongpuk --new-pin-file new
ex 0 "the right one" "The new PIN is set, with all its tries." pin unlock --so-pin-file puk --new-pin-file new
ex 0 "sets the new PIN" "The PIN is right." pin verify --pin-file new
ex 0 "the holder changes it" "The PIN is changed." pin change --pin-file new --new-pin-file pin
ex 44 "a PIN that is too long for PIV" "6 to 8" pin change --pin-file pin --new-pin-file shortmanager
ex 0 "and the PUK" "The PUK is changed." so-pin change --so-pin-file puk --new-so-pin-file wrongpuk
said=$(on_terminal "PUK of " "New PUK for" 86420975 -- so-pin change)
if [[ $said == *"PUK of "* ]]; then ok "the prompt says PUK"; else bad "at the prompt: $said"; fi
ukey so-pin change --so-pin-file wrongpuk --new-so-pin-file puk --quiet
for _ in 1 2 3; do ukey so-pin change --so-pin-file wrongpuk --new-so-pin-file new --quiet >/dev/null 2>&1; done
ex 92 "blocked for ever" "its issuer must make the card anew" so-pin change --so-pin-file puk --new-so-pin-file new

# ---- what PIV has nothing for -------------------------------------------------------------------------------------------

ex 5 "no init" "a PIV card comes from its issuer with its codes set" init --label x
ex 5 "no reset" "PIV has no command that makes a card blank" reset --yes
ex 5 "no import" "make it there: ukey key generate --slot" key import ca.key
ex 5 "no deletion" "PIV has no command that deletes a key" key delete --key-ref 9a --yes
ex 5 "no statement" "PIV has no statement about keys" key attest --key-ref 9a
ex 5 "no enrolment in one step" "in steps: ukey key generate --slot, ukey request, ukey cert import" enroll --url https://ca.example
ex 5 "no unlock by phone" "unlock it with the PUK: ukey pin unlock" pin unlock --remote
ex 5 "no CA certificates" "PIV has no place for certificates without a key" cert import ca.pem --authority
ex 5 "no labels" "on a PIV card the slot gives name, label and CKA_ID" key generate --label x
js 5 "programs get the reason, too" '.error.name == "NOT_SUPPORTED" and (.error.hint | test("ukey pin change"))' init --label x

# ---- pulled out in the middle -------------------------------------------------------------------------------------------

emu_ctl plain unplug-at 3 >/dev/null
ukey key generate --slot 84 --key p256 --management-key-file manager --quiet >/dev/null 2>&1
same "pulled out while it makes a key" 25 $?
emu_plug plain
ex 0 "the next time it works" "Made key 84" key generate --slot 84 --replace --yes --key p256 --management-key-file manager
emu_stop plain

# ---- with Yubico's extensions: keys are known without certificates; the key kept behind the PIN --------------------------

card yubi --piv-yubico
ex 0 "a key in 9C" "Made key 9c (P-256)." key generate --slot 9c --key p256 --management-key-file manager
js 0 "is known without anything in its certificate's place" '(.keys | length) == 1 and .keys[0].certificate == false and .keys[0].generated' key list
ex 0 "a key that wants the PIN each time" "Made key 9d" key generate --slot 9d --key p256 --always --management-key-file manager
js 0 "says so" '.keys[] | select(.ref == "9d") | .always_authenticate' key list
echo 8003810102 | basenc --base16 -d >admin.bin
echo "881A8918$key" | basenc --base16 -d >printed.bin
manage() # manage ACTION...: Yubico's own tool
{
	timeout 60 yubico-piv-tool -r '' "--key=$key" "$@"
}
try "Yubico's tool marks the key as kept" manage -a write-object --id 0x5FFF00 -f binary -i admin.bin
try "and keeps it" manage -a write-object --id 0x5FC109 -f binary -i printed.bin
ex 0 "then the PIN is enough" "Made key 9a" key generate --slot 9a --key p256 --pin-file pin
ex 40 "a wrong PIN costs a try, and says so" "2 tries left" key generate --slot 9e --key p256 --pin-file wrong

# ---- a key made of the PIN: PBKDF2 of 246813 and the salt 01 to 10, as Yubico's older tools do it ------------------------

try "Yubico's tool marks it as derived" manage -a write-object --id 0x5FFF00 -f binary \
	-i <(echo 801282100102030405060708090A0B0C0D0E0F10 | basenc --base16 -d)
try "and sets it" manage -a set-mgm-key -n 0EE5A4A61CE0544AAED43B77DD604D2869A8C752E95E0DA7
ex 0 "the PIN is enough here, too" "Made key 83" key generate --slot 83 --key p256 --pin-file pin
ex 2 "the PIN is not changed without a word about it" "the new PIN would not open it" pin change --pin-file pin --new-pin-file new
js 2 "and programs hear of it" '.error.hint | test("--yes")' pin change --pin-file pin --new-pin-file new
said=$(on_terminal "To go on, type " "nothing was changed" no -- pin change --pin-file pin --new-pin-file new)
if [[ $said == *"only who knows the old PIN"*"nothing was changed"* ]]; then ok "a person is asked first"; else bad "at the prompt: $said"; fi
ex 0 "nothing was changed" "The PIN is right." pin verify --pin-file pin
js 0 "unless that is wanted" '.management_key_by_pin == false' pin change --pin-file pin --new-pin-file new --yes
ex 0 "then the PIN is the new one" "The PIN is right." pin verify --pin-file new
ex 93 "and opens the key no more" "the management key is wrong" key generate --slot 84 --key p256 --pin-file new
emu_stop yubi
finish
