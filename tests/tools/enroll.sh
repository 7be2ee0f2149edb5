#!/bin/bash
# shellcheck disable=SC2094,SC2119,SC2317 # functions that others call, a file that is waited for
# SPDX-License-Identifier: Apache-2.0
# ukey enroll: against ukey-ra, and against a server that answers as the test wants; with everything that can go wrong
# in the middle. What has to hold each time: one key, nothing lost, the same command goes on.
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
ra=$(ns_program ukey-ra) || exit 1

echo 12345678 >so
echo 583917264805 >pin # long: chance must not find its digits
echo 999999 >wrong
echo "correct horse battery" >pass
"$ra" init --dir ca --name "CN=Test CA,O=OpenUKey,C=CN" --host localhost --host 127.0.0.1 --passphrase-file pass >/dev/null || exit 1
"$ra" cacert --dir ca >ca.pem
fingerprint=$(openssl x509 -in ca.pem -noout -fingerprint -sha256 | cut -d= -f2)

# serve [PORT]: ukey-ra, until unserve.
serve()
{
	rm -f port
	"$ra" serve --dir ca --listen "127.0.0.1:${1:-0}" --port-file port --passphrase-file pass >>server.out 2>>server.log &
	server=$!
	ns_wait 20 test -s port
	url=https://localhost:$(cat port)
}

unserve()
{
	kill "$server"
	wait "$server" 2>/dev/null
}

# code [OPTION...]: a fresh one in the file `code`.
code()
{
	"$ra" code new --dir ca --subject "CN=李雷,O=Example,C=CN" --profile person-sign "$@" >code 2>/dev/null
}

enroll()
{
	ukey enroll --url "$url" --ca ca.pem --code-file code --pin-file pin "$@"
}

no_state()
{
	[ -z "$(ls "$XDG_STATE_HOME/openukey" 2>/dev/null)" ]
}

serve
pcscd_start || exit 1
emu_start alice --create --serial 00112233445566AA || exit 1
ex 32 "a blank token" "ukey init" enroll --url "$url" --ca ca.pem --code-file code --pin-file pin
ukey init --label work --so-pin-file so --new-pin-file pin >/dev/null

# ---- the command line ----

ex 2 "no address" "--url" enroll
ex 2 "no https" "https://host" enroll --url "http://localhost:1"
ex 2 "a password in the address" "https://host" enroll --url "https://a:b@localhost"
ex 2 "--same-key alone" "--renew" enroll --url "$url" --same-key
ex 7 "no such CA file" "nosuch" enroll --url "$url" --ca nosuch --pin-file pin
ex 72 "a CA file without certificates" "no certificates" enroll --url "$url" --ca pin --pin-file pin
ex 50 "no code" "--code-file" enroll --url "$url" --ca ca.pem --pin-file pin

# ---- the good road ----

code
ex 0 "enrol: P-256" "Read back and checked" enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --key p256
same "one key" 1 "$(keys)"
ukey cert export >cert.pem
try "its certificate chains to the CA" openssl verify -CAfile ca.pem cert.pem
js 0 "the CKA_ID is the public key's, the label the name" '.keys[0].label == "李雷" and (.keys[0].id | startswith("656e726f6c3a") | not)' key list
try "no state is left" no_state
js 82 "the code is used up" '.error.name == "CA_CODE"' enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --key p384
same "its key is kept" 2 "$(keys)"
code
js 0 "a new code takes the key that is there" '.key_made == false and .resumed and .ref == "1/s"' \
	enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --key p384
same "no second key" 2 "$(keys)"

# ---- whom to trust ----

code
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem -subj "/CN=Other" \
	-addext "subjectAltName=DNS:localhost" 2>/dev/null
ex 85 "another CA" "could not prove who it is" enroll --url "$url" --ca other.pem --code-file code --pin-file pin
printf '127.0.0.1 localhost other.example\n' >hosts
mount --bind hosts /etc/hosts
ex 85 "an address that the server's certificate does not have" "could not prove" \
	enroll --url "https://other.example:$(cat port)" --ca ca.pem --code-file code --pin-file pin
ex 85 "no CA named, nobody to ask: shows the fingerprint" "$(tr -d : <<<"$fingerprint" | tr A-F a-f)" \
	enroll --url "$url" --code-file code --pin-file pin
ex 85 "the wrong fingerprint" "none of its certificates" \
	enroll --url "$url" --ca-fingerprint "$(printf '%064d' 0)" --code-file code --pin-file pin
ex 2 "no fingerprint" "64 hexadecimal digits" enroll --url "$url" --ca-fingerprint abc --code-file code --pin-file pin
same "and no key was made" 2 "$(keys)"
js 0 "the right fingerprint" '.ref == "2/s" and .key_made' \
	enroll --url "$url" --ca-fingerprint "$fingerprint" --code-file code --pin-file pin --key p256

# ---- codes ----

code --valid 1s
sleep 1.2
ex 82 "an expired code" "expired" enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --key p521
echo AAAAA-AAAAA-AAAAA-AAAAA >code
ex 82 "a wrong code" "ask the CA for a new one" enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --key p521
same "one key for both" 4 "$(keys)"
code
ex 83 "no such profile" "not EST" enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --label nosuch --key p521
ex 81 "the code is for another profile" "another profile" \
	enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --label person-exchange --key p521
ex 81 "a subject that is not the registered one" "differs from the registered" \
	enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --key p521 --subject "CN=Somebody,O=Else,C=CN"
ex 40 "a wrong PIN" "5 tries left" enroll --url "$url" --ca ca.pem --code-file code --pin-file wrong --key p521
ukey pin verify --pin-file pin >/dev/null

# ---- broken off ----

for ref in $(ukey key list --json | jq -r '.keys[] | select(.certificate | not) | .ref'); do
	ukey key delete --key-ref "$ref" --yes --pin-file pin >/dev/null
done
rm -rf "$XDG_STATE_HOME"
have=$(keys)
port=$(cat port)
code

# The server goes away while the key is made: after the CA's certificates came, before the request.
# break_off COMMAND...: run it once the token makes the key; then wait for ukey. Its exit code is in $broken.
break_off()
{
	emu_ctl alice reset-counters >/dev/null
	"$U" enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --key rsa4096 >out 2>&1 </dev/null &
	local pid=$!
	ns_wait 20 emu_status_is alice '.busy and .ins == "47"'
	"$@"
	wait "$pid"
	broken=$?
}
emu_ctl alice latency chip >/dev/null
break_off unserve
same "the CA goes away in the middle: its exit code" 80 "$broken"
grep -q "run the same command again" out && ok "and what to do next" || { bad "and what to do next"; cat out; }
same "the key is there" $((have + 1)) "$(keys)"
same "the state is there, for its owner only" 600 "$(stat -c %a "$XDG_STATE_HOME/openukey/enroll-00112233445566AA.json")"
if grep -qE "$(cat pin)|$(cat code)" "$XDG_STATE_HOME"/openukey/*; then bad "no secret in the state"; else ok "no secret in the state"; fi
ex 80 "still away" "cannot be reached" enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --key rsa4096
same "still one key" $((have + 1)) "$(keys)"
rm -rf "$XDG_STATE_HOME"
serve "$port"
js 0 "back again, even without the state: goes on" '.resumed and (.key_made | not)' \
	enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --key rsa4096
same "no second key" $((have + 1)) "$(keys)"
try "no state is left" no_state

# The user's Ctrl-C while the key is made.
interrupt()
{
	kill -INT "$pid" # break_off's
}
code
break_off interrupt
same "Ctrl-C in the middle: its exit code" 9 "$broken"
grep -q "goes on where it stopped" out && ok "and what to do next" || { bad "and what to do next"; cat out; }
have=$(keys)
js 0 "run again: goes on" '.resumed' enroll --url "$url" --ca ca.pem --code-file code --pin-file pin --key rsa4096
same "no second key" "$have" "$(keys)"

# The token is pulled out before the certificate is written.
code
emu_ctl alice latency none >/dev/null
break_at()
{
	emu_ctl alice unplug-at "$1" before >/dev/null
	enroll --key p521 >out 2>&1 </dev/null
	broken=$?
	emu_ctl alice unplug-at 0 >/dev/null
	emu_plug alice
}
have=$(keys)
lost=0 wrong=''
for n in 1 2 3 4 5 6 7 8 9; do
	break_at "$n"
	# pulled out before the first command there was none
	[ "$n:$broken" = 1:23 ] || [ "$broken" = 25 ] || [ "$broken" = 0 ] || wrong="$wrong $n:$broken"
	[ "$(keys)" -le $((have + 1)) ] || lost=1
	[ "$broken" != 0 ] || break
done
same "pulled out at any command: says so" "" "$wrong"
same "and there is never a second key" 0 "$lost"
same "and in the end the certificate is there" 0 "$broken"
try "no state is left" no_state

# ---- renewal ----

ex 2 "renew: which one?" "more than one key fits" enroll --renew --url "$url" --ca ca.pem --pin-file pin
js 0 "renew with a new key" '.key_made and .certificate.subject == "CN=李雷,O=Example,C=CN"' \
	enroll --renew --key-ref 0/s --url "$url" --ca ca.pem --pin-file pin
# shellcheck disable=SC2016 # jq's
js 0 "the new key and its certificate are called as the old ones" '.keys | (.[0].label) as $old | $old != "" and .[-1].label == $old' \
	key list
have=$(keys)
before=$(ukey cert export --key-ref 0/s | openssl x509 -noout -serial)
js 0 "renew for the same key" '.ref == "0/s" and (.key_made | not)' \
	enroll --renew --same-key --key-ref 0/s --url "$url" --ca ca.pem --pin-file pin
[ "$before" != "$(ukey cert export --key-ref 0/s | openssl x509 -noout -serial)" ] && ok "another certificate" || bad "another certificate"
same "the same key" "$have" "$(keys)"
openssl req -x509 -new -key other.key -subj /CN=x -out x.pem 2>/dev/null
unserve

# ---- a server that says what we want ----

mkdir est
cp other.pem est-ca.pem
"$build/tests/tools/est_server" other.pem other.key est &
server=$!
ns_wait 30 test -s est/port
url=https://localhost:$(cat est/port)
# says OPERATION STATUS TYPE FILE [HEADER]: the answer to an operation.
says()
{
	{
		printf 'HTTP/1.1 %s\r\nContent-Type: %s\r\nConnection: close\r\n%s' "$2" "$3" "${5:+$5$'\r\n'}"
		printf 'Content-Length: %s\r\n\r\n' "$(stat -c %s "$4")"
		cat "$4"
	} >"est/$1.http"
}
# certs FILE...: the certificates as EST gives them, in the file `certs`.
certs()
{
	local args=() f
	for f; do args+=(-certfile "$f"); done
	openssl crl2pkcs7 -nocrl "${args[@]}" -outform DER | base64 >certs
}
mime=application/pkcs7-mime
emu_stop alice
emu_start carol --create --serial 00112233445566CC || exit 1
ukey init --so-pin-file so --new-pin-file pin >/dev/null
# The next lines' requests: the same server, the same code, P-256.
bad_server()
{
	local code=$1 sentence=$2 text=$3
	shift 3
	ex "$code" "$sentence" "$text" enroll --url "$url" --ca other.pem --code-file code --pin-file pin --key p256 "$@"
}
bad_server 83 "cacerts: not found" "404"
echo '!!!!' >junk
says cacerts "200 OK" $mime junk
bad_server 83 "cacerts: no base64" "not base64"
says cacerts "200 OK" text/html junk
bad_server 83 "cacerts: another type" "text/html"
base64 other.pem >junk
says cacerts "200 OK" $mime junk
bad_server 83 "cacerts: no CMS" "no list of certificates"
head -c 300000 /dev/zero | base64 >junk
says cacerts "200 OK" $mime junk
bad_server 83 "cacerts: too large" "too large"
echo elsewhere >junk
says cacerts "302 Found" $mime junk "Location: https://localhost/elsewhere"
bad_server 83 "cacerts: a redirection is not followed" "302"
certs ca.pem
says cacerts "200 OK" $mime certs
bad_server 85 "cacerts: of another CA" "do not belong"
same "no key for all that" 0 "$(keys)"
certs other.pem
says cacerts "200 OK" $mime certs
echo "come back" >text
says simpleenroll "202 Accepted" text/plain text "Retry-After: 2"
bad_server 84 "pending: says when to ask again" "ask again in 2 seconds" --wait 1
rm -f est/log
bad_server 84 "pending: asks again while it may wait" "not decided yet" --wait 5
[ "$(grep -c simpleenroll est/log)" -ge 2 ] && ok "it asked twice" || bad "it asked twice"
printf 'no\033[2J way\n' >text
says simpleenroll "400 Bad Request" text/plain text
bad_server 81 "refused: in the server's words, cleaned" "it says: no?[2J way"
says simpleenroll "403 Forbidden" text/plain text "OpenUKey-Status: CODE_EXPIRED"
bad_server 82 "refused: the code" "enrolment code"
says simpleenroll "503 Busy" text/plain text
bad_server 80 "the server's own trouble" "a problem of its own"
says simpleenroll "204 None" text/plain text
bad_server 83 "nothing" "204"
says simpleenroll "200 OK" $mime certs
bad_server 73 "a certificate for another key" "holds another public key"
same "one key for all that" 1 "$(keys)"
ukey key list --json | jq -r '.keys[0].public_key' >our.pub
# issue NAME [openssl x509 options]: a certificate for our key
issue()
{
	local name=$1
	shift
	openssl req -new -key other.key -subj "/CN=$name" -out req.pem 2>/dev/null
	openssl x509 -req -in req.pem -force_pubkey our.pub -set_serial 5 -out "$name.pem" "$@" 2>/dev/null
	certs "$name.pem"
	says simpleenroll "200 OK" $mime certs
}
openssl req -x509 -newkey rsa:2048 -nodes -keyout third.key -out third.pem -subj "/CN=Third" 2>/dev/null
issue untrusted -CA third.pem -CAkey third.key -days 3
bad_server 75 "a certificate from another CA" "not trusted"
same "nothing was written" false "$(ukey key list --json | jq '.keys[0].certificate')"
head -c 17000 /dev/zero | tr '\0' x >long
printf 'nsComment=%s\n' "$(cat long)" >large.cnf
issue large -CA other.pem -CAkey other.key -days 3 -extfile large.cnf
bad_server 63 "a certificate that is too large" "the token takes 16384"
issue good -CA other.pem -CAkey other.key -days 3
# given by the CA, and then the token is pulled out: the certificate waits in the state, the CA is not needed any more
code
for n in 4 5 6 7 8 9; do
	emu_ctl carol unplug-at "$n" before >/dev/null
	ukey enroll --url "$url" --ca other.pem --code-file code --pin-file pin --key p256 >out 2>&1 </dev/null
	broken=$?
	emu_ctl carol unplug-at 0 >/dev/null
	emu_plug carol
	! grep -q '"certificate"' "$XDG_STATE_HOME"/openukey/*.json 2>/dev/null || break
done
same "pulled out when the certificate was there" 25 "$broken"
kill "$server"
wait "$server" 2>/dev/null
js 0 "plugged in again: written, without code and without the CA" '.resumed' \
	enroll --url "$url" --ca other.pem --pin-file pin --key p256
same "with the one key" 1 "$(keys)"
try "no state is left" no_state
finish
