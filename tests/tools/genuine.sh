#!/bin/bash
# shellcheck disable=SC2119 # pcscd_start needs no options
# SPDX-License-Identifier: Apache-2.0
# Where a token comes from, and what it says of its keys, through pcscd: info and doctor with the right roots, others'
# and none; no PIN goes to a token that did not prove itself; statements written, checked, and seen through by openssl.
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

echo 87654321 >so
echo 583917 >pin
configuration=$XDG_CONFIG_HOME/openukey/openukey.conf
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout stranger.key -out stranger.pem -days 30 \
	-subj "/CN=Somebody else" 2>/dev/null

pcscd_start || exit 1
factory_start || exit 1
personalize alice --serial 00112233445566AA || exit 1
emu_start alice || exit 1
emu_start bob --create --serial 00112233445566BB || exit 1

# ---- a genuine one ----

ex 33 "two are plugged in" "more than one" info
js 0 "blank: info opens the channel" '.token.genuine == "yes" and .token.channel and .token.device_key and
	.token.attestation_key and .token.pin_policy.channel_only' info --token 00112233445566AA
ex 0 "init" "initialised: ready" init --token 00112233445566AA --label alice --so-pin-file so --new-pin-file pin \
	--pin-history 4 --pin-classes 1
js 0 "the policy is told" '.token.pin_policy == {min: 6, max: 32, classes: 1, history: 4, must_change: false, channel_only: true}' \
	info --token alice
ex 0 "info in words: genuine" "it proved its device key" info --token alice
ex 0 "info in words: the policy" "PINs only inside a secure channel: yes" info --token alice
ex 0 "info in words: what the factory gave" "device key, attestation key, unlock by phone (10 of 10 tries)" info --token alice
OPENUKEY_DEBUG=1 ex 0 "info: what it shows was told inside the channel" \
	"inside, channel 1): > 00CB3FFF Lc=4 Le=256 5c020001" info --token alice
ex 0 "a log-in" "The PIN is right" pin verify --token alice --pin-file pin
ex 0 "init --allow-clear-pin" "initialised: ready" init --yes --token alice --label alice --so-pin-file so --new-pin-file pin \
	--allow-clear-pin
ex 0 "info warns of it" "outside a secure channel too" info --token alice
js 0 "info in JSON" '.token.pin_policy.channel_only == false' info --token alice
ex 0 "init back" "initialised: ready" init --yes --token alice --label alice --so-pin-file so --new-pin-file pin
ex 0 "init --with-piv makes codes" "are in codes" init --yes --token alice --label alice --so-pin-file so --new-pin-file pin --with-piv codes
try "codes for their owner alone" test "$(stat -c %a codes)" = 600
same "three of them" 3 "$(grep -cE "^(pin [0-9]{8}|puk [0-9]{8}|management-key tdes [0-9a-fA-F]{48})$" codes)"
js 0 "info in JSON: PIV" '.token.piv and (.token.piv_yubico | not)' info --token alice
ex 0 "info in words: PIV" "sent in the clear" info --token alice
cp codes codes.before
ex 0 "again, with the codes that are there" "initialised: ready" init --yes --token alice --label alice --so-pin-file so --new-pin-file pin \
	--with-piv codes --piv-yubico
try "they stay what they are" cmp codes codes.before
js 0 "info in JSON: Yubico's extensions" '.token.piv and .token.piv_yubico' info --token alice
printf 'pin 12345\npuk 12345678\n' >codes.bad
ex 2 "a PIN that is none" "codes.bad, line 1" init --yes --token alice --so-pin-file so --new-pin-file pin --with-piv codes.bad
printf 'pin 123456\npuk 12345678\n' >codes.bad
ex 2 "a key that is missing" "a line is missing" init --yes --token alice --so-pin-file so --new-pin-file pin --with-piv codes.bad
ex 2 "--piv-yubico alone" "needs --with-piv" init --yes --token alice --so-pin-file so --new-pin-file pin --piv-yubico
js 0 "and nothing was erased by all that" '.token.piv_yubico' info --token alice
piv=(init --yes --token alice --label alice --so-pin-file so --new-pin-file pin)
mkdir folder
: >empty
printf 'pin 1234567\npuk 12345678\nmanagement-key aes128 00\n' >short
printf '%s\n' "pin 583917" "puk 12345678" "management-key aes128 000102030405060708090a0b0c0d0e0f" >same
printf '# of an editor\r\npin 246813 \r\npuk 86420975\t\r\nmanagement-key aes128 000102030405060708090a0b0c0d0e0f\r\n' >returns
ex 7 "a folder is no file of codes" "Is a directory" "${piv[@]}" --with-piv folder
ex 7 "nor is what cannot be made" "No such file" "${piv[@]}" --with-piv nowhere/codes
ex 2 "an empty one" "a line is missing" "${piv[@]}" --with-piv empty
ex 2 "a key that is too short: which line" "short, line 3" "${piv[@]}" --with-piv short
ex 2 "and what to do" "name one that is not there yet" "${piv[@]}" --with-piv short
ex 45 "the token's own PIN is none that goes in the clear" "one of them is this token's" "${piv[@]}" --with-piv same
printf '%s\n' "pin 246813" "puk 87654321" "management-key aes128 000102030405060708090a0b0c0d0e0f" >same
ex 45 "nor the SO PIN" "choose another PIN" "${piv[@]}" --with-piv same
ex 2 "--piv-yubico alone, told before anything is asked" "needs --with-piv" init --token alice --piv-yubico
js 0 "nothing was changed" '.token.piv_yubico' info --token alice
ex 7 "codes are made, then it goes wrong" "when you repeat the command" init --yes --token alice --label alice --so-pin-file so \
	--new-pin-file nothing --with-piv later
cp later later.before
js 0 "the repetition takes them" '.piv_codes_made == false' "${piv[@]}" --with-piv later
try "as they were" cmp later later.before
js 0 "new ones are told in JSON, too" '.piv_codes_made' "${piv[@]}" --with-piv latest
ex 0 "returns and blanks at the end of lines" "initialised: ready" "${piv[@]}" --with-piv returns
ex 0 "init without it takes it away" "initialised: ready" init --yes --token alice --label alice --so-pin-file so --new-pin-file pin
js 0 "info in JSON: no PIV" '.token.piv | not' info --token alice
ex 2 "a history that is too deep" "0 to 8" init --yes --token alice --so-pin-file so --new-pin-file pin --pin-history 9

# ---- one of the workshop ----

ex 0 "without device key: init" "initialised: ready" init --token 00112233445566BB --label bob --so-pin-file so --new-pin-file pin
js 0 "without device key: info" '.token.genuine == "none" and (.token.device_key | not) and (.token.channel | not)' info --token bob
ex 0 "without device key: the PIN is in the clear, and info says so" "in the clear" info --token bob

# ---- doctor ----

js 90 "doctor: roots and genuine" '([.checks[] | select(.check == "roots")][0].result == "ok") and
	([.checks[] | select(.check == "genuine")] | map(.result) | sort) == ["ok", "warning"]' doctor
echo "pinentry = /nonexistent/pinentry" >>"$configuration"
ex 90 "doctor: a pinentry that is not there" "/nonexistent/pinentry, is not there" doctor
sed -i '/^pinentry/d' "$configuration"

# ---- roots that are not this maker's, and none ----

cp "$configuration" saved.conf
echo "trusted-roots = $PWD/stranger.pem" >"$configuration"
rm -rf "$XDG_STATE_HOME"/openukey
ex 54 "another maker's: no PIN is asked for" "no PIN was sent" pin verify --token alice --pin-file pin
ex 54 "another maker's: the reason is told" "lead to no root that is trusted here" pin verify --token alice --pin-file pin
ex 54 "another maker's: unlock by phone" "not use it" pin unlock --remote --token alice --answer-file so
ex 0 "another maker's: info says it" "NO: it could not prove" info --token alice
js 0 "another maker's: info in JSON" '.token.genuine == "no" and .token.proof == "NOT_GENUINE"' info --token alice
ex 90 "another maker's: doctor" "could not prove that it is genuine" doctor
echo "secure-channel = required" >>"$configuration"
ex 54 "no device key, and it is required: that is told" "secure-channel = required" pin verify --token bob --pin-file pin
ex 0 "no device key, and it is required: info" "it has no device key to prove it" info --token bob
mkdir none
echo "trusted-roots = $PWD/none" >"$configuration"
ex 55 "no roots: no PIN" "trusted-roots" pin verify --token alice --pin-file pin
js 0 "no roots: info" '.token.genuine == "unknown" and .token.proof == "NO_ROOTS"' info --token alice
ex 55 "no roots: the folder is named" "$PWD/none" pin verify --token alice --pin-file pin
ex 90 "no roots: doctor names the folder" "$PWD/none" doctor
js 90 "no roots: doctor calls it no success" '[.checks[] | select(.check == "roots")][0].result == "warning"' doctor
echo "trusted-rots = /x" >"$configuration"
ex 8 "a misspelt setting: file, line and fault are named" "$configuration:1: an unknown key" info --token alice
ex 8 "a misspelt setting: list" "$configuration:1: an unknown key" list
ex 90 "a misspelt setting: doctor" "$configuration:1: an unknown key" doctor
cp saved.conf "$configuration"
ex 0 "and back" "The PIN is right" pin verify --token alice --pin-file pin
js 0 "none of that cost a try" '.token.user_pin.tries_left == 6' info --token alice

# ---- statements about keys ----

root=$FACTORY_DIR/root.pem
ex 0 "a key" "Made key 0/s" key generate --token alice --key p256 --label one --pin-file pin
ex 0 "another" "Made key 1/s" key generate --token alice --key rsa2048 --label two --always --pin-file pin
ex 0 "bob's" "Made key" key generate --token bob --key p256 --pin-file pin
ex 0 "a statement, without any PIN" "Statement about key 0/s" key attest 0/s --token alice --nonce 000102030405060708 --output s.pem
same "PEM: the statement, the attestation key, its CA" 3 "$(grep -c BEGIN s.pem)"
try "openssl agrees with the chain" openssl verify -CAfile "$root" -untrusted s.pem -ignore_critical s.pem
ex 0 "it is true, by the configured roots" "made on this token" key attest --verify s.pem
js 0 "what it says" '.attestation | .serial == "00112233445566AA" and .key == "0/s" and .algorithm == "p256" and .generated and
	(.exportable | not) and .usage == "sign" and .nonce == "000102030405060708" and (.touch | not)' key attest --verify s.pem --roots "$root"
ex 0 "with the nonce that was asked with" "made on this token" key attest --verify s.pem --nonce 000102030405060708
ex 87 "with another nonce" "another question" key attest --verify s.pem --nonce 000102030405060709
ex 87 "by another maker's root" "not valid" key attest --verify s.pem --roots stranger.pem
js 0 "what was not compared" '(.nonce_compared | not) and (.key_compared | not)' key attest --verify s.pem
ex 0 "what was not compared, in words" "may be an old one" key attest --verify s.pem
js 0 "what was compared" '.nonce_compared' key attest --verify s.pem --nonce 000102030405060708
ex 55 "by no root" "none" key attest --verify s.pem --roots none
ex 0 "a request of that key" "" request --token alice --key-ref 0/s --subject CN=One --pin-file pin --output one.csr
ex 0 "a request of the other" "" request --token alice --key-ref 1/s --subject CN=Two --pin-file pin --output two.csr
ex 0 "the statement is about the request's key" "made on this token" key attest --verify s.pem --csr one.csr
ex 87 "and not about the other's" "about another key" key attest --verify s.pem --csr two.csr
openssl req -in one.csr -noout -pubkey >one.pub
openssl pkey -pubin -in one.pub -outform DER -out one.der
ex 0 "about the public key, PEM" "made on this token" key attest --verify s.pem --key-file one.pub
ex 0 "about the public key, DER" "made on this token" key attest --verify s.pem --key-file one.der
ex 87 "about a stranger's certificate" "about another key" key attest --verify s.pem --cert stranger.pem
ex 66 "a key file that is none" "holds no such key" key attest --verify s.pem --key-file so
ex 2 "two keys to compare with" "do not go together" key attest --verify s.pem --csr one.csr --cert stranger.pem
ex 2 "--roots without --verify" "goes with --verify only" key attest 0/s --token alice --roots "$root"
ex 2 "a nonce that is too short" "8 to 32 bytes" key attest 0/s --token alice --nonce 0001
printf '0123456789abcdef' >nonce
ex 0 "a nonce from a file, RSA, PIN each time" "Statement" key attest two --token alice --nonce-file nonce --output t.pem
js 0 "and what it says" '.attestation | .algorithm == "rsa2048" and .always_authenticate and .nonce == "30313233343536373839616263646566"' \
	key attest --verify t.pem --nonce-file nonce
js 0 "in JSON the statement is in the document" '(.statement | startswith("-----BEGIN")) and (.nonce | length == 32)' key attest 0/s --token alice
sed '1,/END/d' s.pem >chain.pem
{ sed '/END/q' t.pem; cat chain.pem; } >same.pem
ex 0 "statements of one token share their chain" "made on this token" key attest --verify same.pem
ex 87 "a file without chain" "statement's file" key attest --verify stranger.pem
ex 87 "the chain alone is no statement" "" key attest --verify chain.pem
ex 86 "a token without attestation key" "can say nothing" key attest --token bob
ex 60 "a key that is not there" "9/s" key attest 9/s --token alice
ex 0 "key list of a token" "one" key list --token alice
ex 0 "reset" "is blank now" reset --yes --token alice --so-pin-file so
ex 0 "key list of a blank one says what to do first" "ukey init" key list --token 00112233445566AA
ex 32 "no statement from a blank one" "the token is blank" key attest 0/s --token 00112233445566AA
finish
