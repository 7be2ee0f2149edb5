#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ukey-ra over the wire: a CA is made, served on a loopback port, and asked by curl and openssl by hand and by
# strongSwan's pki, an EST client that we did not write. Then everything a bad client can send.
#
#	tests/ra/est.sh [PATH OF ukey-ra]	(without: $BUILD/ukey-ra)
#
# WRAP="valgrind -q --error-exitcode=99 --leak-check=full" runs the server under it.
set -u
ra=$(realpath "${1:-${BUILD:-.}/ukey-ra}")
work=$(mktemp -d "${TMPDIR:-/tmp}/est-test.XXXXXX")
passed=0 failed=0 skipped=0 server=
export LC_ALL=C.UTF-8

cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1

ok() { passed=$((passed + 1)); echo "ok $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $1"; shift; [ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/    /'; }
check() { # check NAME COMMAND...
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$name"; else fail "$name" "$out"; fi
}
lacks() { # lacks TEXT FILE...: all of them are there, and none has it; shows it otherwise
	local text=$1
	shift
	cat "$@" >searched && ! grep -aF -- "$text" searched
}
same() { # same NAME WANTED GOT
	if [ "$2" = "$3" ]; then ok "$1"; else fail "$1" "wanted: $2" "got:    $3"; fi
}

for tool in curl openssl sqlite3 jq; do
	command -v $tool >/dev/null || { echo "FAIL $tool is missing"; echo "0 passed, 1 failed"; exit 1; }
done

[ -x "$ra" ] || { echo "FAIL there is no program $ra"; echo "0 passed, 1 failed"; exit 1; }

# ---- init ----

echo "correct horse battery" >pass
echo "wrong horse battery" >wrong
check "init makes a CA" "$ra" init --dir ca --name "CN=测试 CA,O=OpenUKey,C=CN" --host localhost --host 127.0.0.1 --passphrase-file pass
sha256sum ca/* >before
"$ra" init --dir ca --name "CN=x" --passphrase-file pass 2>/dev/null
same "init refuses to overwrite" 3 $?
check "and changed nothing" sha256sum -c --quiet before
"$ra" init --dir ca2 --name "CN=x" --passphrase-fd 3 3< <(echo short) 2>/dev/null
same "init refuses a short passphrase" 3 "$(($? - 1))"
same "and left nothing" "" "$(ls -d ca2* 2>/dev/null)"
"$ra" serve --dir ca --listen 127.0.0.1:0 --passphrase-file wrong 2>err
same "serve refuses a wrong passphrase" 4 $?
check "no passphrase in the message" lacks horse err
"$ra" serve --dir nowhere --passphrase-file pass 2>/dev/null
same "serve without a CA" 3 $?
same "ca.key is for its owner only" 600 "$(stat -c %a ca/ca.key)"
check "ca.key is encrypted" grep "BEGIN ENCRYPTED PRIVATE KEY" ca/ca.key
"$ra" cacert --dir ca >ca.pem
check "the CA's certificate verifies itself" openssl verify -x509_strict -CAfile ca.pem ca.pem
check "the server's certificate is good for localhost" openssl verify -x509_strict -CAfile ca.pem -purpose sslserver -verify_hostname localhost ca/tls.crt
check "and for 127.0.0.1" openssl verify -x509_strict -CAfile ca.pem -purpose sslserver -verify_ip 127.0.0.1 ca/tls.crt

# Killed at any moment, init leaves a whole CA or none.
whole=0 none=0 half=
for s in 0.005 0.02 0.05 0.1 0.12 0.15 0.18 0.2 0.25 0.3 0.35 0.4 0.5 0.7 5; do
	timeout -s KILL $s "$ra" init --dir "killed$s" --name "CN=x" --passphrase-file pass >/dev/null 2>&1
	if [ ! -e "killed$s" ]; then none=$((none + 1))
	elif [ "$("$ra" list --dir "killed$s" | wc -l)" = 2 ] && openssl verify -CAfile "killed$s/ca.crt" "killed$s/tls.crt" >/dev/null; then whole=$((whole + 1))
	else half="$half $s"
	fi
done 2>/dev/null
same "init killed: $none times no CA, $whole times a whole one, never a half" "" "$half"

# ---- serve ----

serve() { # serve PORT [OPTION...]
	local port=$1
	shift
	rm -f port
	# shellcheck disable=SC2086
	${WRAP:-} "$ra" serve --dir ca --listen "127.0.0.1:$port" --port-file port --passphrase-file pass "$@" >server.out 2>>server.log &
	server=$!
	for _ in $(seq 300); do [ -s port ] && grep -q "^listening on" server.out && break; sleep 0.1; done
	grep -q "^listening on https://127.0.0.1:$(cat port)/" server.out
}
if serve 0; then
	ok "serve says where it listens"
else
	fail "serve does not listen" "$(cat server.log)"
	echo "$passed passed, $failed failed"
	exit 1
fi
base=https://localhost:$(cat port)/.well-known/est

"$ra" serve --dir ca --listen "127.0.0.1:$(cat port)" --passphrase-file pass 2>/dev/null
same "a second server on the port is refused" 8 $?

code() { "$ra" code new --dir ca "$@" 2>/dev/null; }
count() { sqlite3 ca/ra.db "SELECT count(*) FROM certificate"; }
# request KEY SUBJECT [openssl req options]: base64 DER in one line
request() { local key=$1 subject=$2; shift 2; openssl req -new -key "$key" -subj "$subject" -utf8 -outform DER "$@" 2>/dev/null | base64 -w0; }
# est PATH [curl options]: the HTTP status; body in `answer`, headers in `headers`
est() { local path=$1; shift; curl -sS -m 60 --cacert ca.pem -o answer -D headers -w '%{http_code}' "$@" "$base/$path" 2>curl.err; }
enroll() { # enroll CODE BODYFILE [PATH] [curl options]
	local code=$1 body=$2 path=${3:-simpleenroll}
	shift $(($# < 3 ? $# : 3))
	est "$path" -u "anybody:$code" -H "Content-Type: application/pkcs10" --data-binary "@$body" "$@"
}
reenroll() { # reenroll CERT KEY BODYFILE
	est simplereenroll --cert "$1" --key "$2" -H "Content-Type: application/pkcs10" --data-binary "@$3"
}
certificate() { base64 -d answer | openssl pkcs7 -inform DER -print_certs | openssl x509; }
alive() {
	local status
	status=$(curl -sS -m 60 --cacert ca.pem -o /dev/null -w '%{http_code}' "$base/cacerts")
	[ "$status" = 200 ] && [ "$(sqlite3 ca/ra.db 'PRAGMA integrity_check; PRAGMA foreign_key_check;')" = ok ]
}
# refused NAME STATUS GOT: the status, a text for a person, no certificate, a server in good health
refused() {
	local text
	text=$(tr -d '\n' <answer)
	if [ "$2" != "$3" ]; then fail "$1" "wanted $2, got $3: $text $(cat curl.err)"
	elif [ "$(count)" != "$certificates" ]; then fail "$1" "a certificate was recorded"
	elif [ -z "$text" ] || ! grep -qi '^content-type: text/plain' headers; then fail "$1" "no plain text"
	elif ! alive; then fail "$1" "the server or its database is not well"
	else ok "$1: $3 $text"; fi
}

# ---- what a good client sees ----

same "cacerts" 200 "$(est cacerts)"
certificate >got.pem
check "cacerts holds the CA's certificate" cmp got.pem ca.pem
same "cacerts with a profile" 200 "$(est person-sign/cacerts)"
same "csrattrs without a profile: none" 204 "$(est csrattrs)"
same "csrattrs of a profile" 200 "$(est person-sign/csrattrs)"
same "csrattrs name the preferred curve" "id-ecPublicKey prime256v1" "$(base64 -d answer | openssl asn1parse -inform DER | sed -n 's/.*OBJECT *://p' | tr '\n' ' ' | sed 's/ $//')"
same "csrattrs name the RSA size" 200 "$(est person-exchange/csrattrs)"
base64 -d answer | openssl asn1parse -inform DER >parsed
check "of 2048 bits" grep ":0800" parsed

openssl ecparam -name prime256v1 -genkey -noout -out ec.key
openssl ecparam -name secp384r1 -genkey -noout -out ec384.key
openssl genrsa -out rsa.key 2048 2>/dev/null
for kind in ec ec384 rsa; do
	c=$(code --subject "CN=李雷,O=示例,C=CN" --email "li@example.com" --profile person-sign)
	request $kind.key "/C=CN/O=示例/CN=李雷" >r.b64
	same "enrol, $kind" 200 "$(enroll "$c" r.b64)"
	check "content type, $kind" grep -i '^content-type: application/pkcs7-mime; smime-type=certs-only' headers
	certificate >$kind.pem
	check "the certificate verifies, $kind" openssl verify -x509_strict -CAfile ca.pem -purpose sslclient -verify_email li@example.com $kind.pem
	same "it is for the key, $kind" "$(openssl pkey -in $kind.key -pubout)" "$(openssl x509 -in $kind.pem -noout -pubkey)"
	same "the name is in it, $kind" "CN=李雷,O=示例,C=CN" "$(openssl x509 -in $kind.pem -noout -subject -nameopt RFC2253,-esc_msb | sed 's/^subject=//')"
	if command -v certtool >/dev/null; then
		check "GnuTLS agrees, $kind" certtool --verify --load-ca-certificate ca.pem --infile $kind.pem
	fi
	cp answer first
	same "the same again, $kind" 200 "$(enroll "$c" r.b64)"
	check "is the same certificate, $kind" cmp answer first
done
c=$(code --subject "CN=x" --profile person-sign)
request ec.key "/" -batch >r.b64
[ -s r.b64 ] || request ec.key "/CN=x" >r.b64
base64 -d r.b64 | base64 -w 64 | sed 's/$/\r/' >lines.b64
same "base64 in lines, a Content-Transfer-Encoding, a profile, lower case code" 200 "$(enroll "${c,,}" lines.b64 person-sign/simpleenroll -H "Content-Transfer-Encoding: base64")"

openssl ecparam -name prime256v1 -genkey -noout -out new.key
request new.key "/C=CN/O=示例/CN=李雷" >r.b64
same "re-enrol with an EC certificate" 200 "$(reenroll ec.pem ec.key r.b64)"
certificate >new.pem
check "the new certificate verifies" openssl verify -x509_strict -CAfile ca.pem -verify_email li@example.com new.pem
same "of the same name" "$(openssl x509 -in ec.pem -noout -subject)" "$(openssl x509 -in new.pem -noout -subject)"
cp answer first
reenroll ec.pem ec.key r.b64 >/dev/null
check "the same re-enrolment again gives the same" cmp answer first
same "re-enrol with an RSA certificate" 200 "$(reenroll rsa.pem rsa.key r.b64)"
same "re-enrol with TLS 1.2" 200 "$(est simplereenroll --tls-max 1.2 --cert new.pem --key new.key -H "Content-Type: application/pkcs10" --data-binary @r.b64)"

# ---- strongSwan ----

if command -v pki >/dev/null && pki --est --help 2>&1 | grep -q "pki --est "; then
	spki() { timeout 60 pki "$@" 2>pki.err; }
	url=https://localhost:$(cat port)
	spki --estca --url "$url" --cacert ca.pem --caout sca.pem --outform pem --force
	if ls sca*.pem >/dev/null 2>&1 && openssl verify -CAfile ca.pem sca*.pem >/dev/null 2>&1; then ok "pki --estca"; else fail "pki --estca" "$(cat pki.err)"; fi
	for type in ecdsa rsa; do
		size=$([ $type = rsa ] && echo 2048 || echo 256)
		c=$(code --subject "CN=Strong $type,O=Swan,C=CN" --profile person-sign)
		spki --gen --type $type --size "$size" --outform pem >s.key
		spki --req --type $type --in s.key --dn "C=CN, O=Swan, CN=Strong $type" --outform pem >s.req
		spki --est --url "$url" --cacert ca.pem --userpass "holder:$c" --in s.req --outform pem >s.pem
		check "pki --est enrols, $type" openssl verify -x509_strict -CAfile ca.pem s.pem
		spki --gen --type $type --size "$size" --outform pem >s2.key
		spki --req --type $type --in s2.key --dn "C=CN, O=Swan, CN=Strong $type" --outform pem >s2.req
		spki --est --url "$url" --cacert ca.pem --cert s.pem --key s.key --in s2.req --outform pem >s2.pem
		check "pki --est re-enrols, $type" openssl verify -x509_strict -CAfile ca.pem s2.pem
		same "with the new key, $type" "$(openssl pkey -in s2.key -pubout)" "$(openssl x509 -in s2.pem -noout -pubkey 2>&1)"
	done
else
	skipped=$((skipped + 1))
	echo "skip strongSwan: pki --est is missing (strongswan-pki)"
fi

# ---- what a bad client gets ----

certificates=$(count)
good=$(code --subject "CN=Han Meimei" --profile person-sign)
request ec.key "/CN=Han Meimei" >good.b64
openssl genrsa -out rsa1024.key 1024 2>/dev/null
openssl ecparam -name secp256k1 -genkey -noout -out k1.key
openssl genpkey -algorithm ed25519 -out ed.key 2>/dev/null
request rsa1024.key "/CN=Han Meimei" >rsa1024.b64
request k1.key "/CN=Han Meimei" >k1.b64
request ed.key "/CN=Han Meimei" >ed.b64
request ec.key "/CN=Han Meimei" -sha1 >sha1.b64
request ec.key "/CN=Somebody Else" >name.b64
request ec.key "/CN=Han Meimei" -addext subjectAltName=email:boss@example.com >san.b64
# The last byte of the signature is spoilt.
base64 -d good.b64 >good.der
size=$(stat -c %s good.der)
last=$(tail -c 1 good.der | od -An -tu1)
{ head -c $((size - 1)) good.der; printf '%b' "\\x$(printf %02x $((last ^ 1)))"; } | base64 -w0 >pop.b64
{ cat good.der; printf '\0'; } | base64 -w0 >trailing.b64
head -c $((size / 2)) good.der | base64 -w0 >cut.b64
echo "this is not base64!" >garbage.b64
head -c 3000 /dev/zero | base64 -w0 >zeros.b64
head -c 49152 /dev/zero | base64 -w0 >limit.b64 # 65536 characters: at the limit
head -c 60000 /dev/urandom | base64 -w0 >over.b64
head -c 500000 /dev/zero | base64 -w0 >large.b64
head -c 5000000 /dev/zero | base64 -w0 >huge.b64
: >empty.b64

while read -r status file name; do
	refused "$name" "$status" "$(enroll "$good" "$file")"
done <<-TABLE
	400 garbage.b64 garbage
	400 empty.b64 empty body
	400 zeros.b64 zeros
	400 limit.b64 body at the limit
	400 cut.b64 cut request
	400 trailing.b64 byte after the request
	400 pop.b64 bad proof of possession
	400 sha1.b64 signed with SHA-1
	400 rsa1024.b64 RSA-1024
	400 k1.b64 another curve
	400 ed.b64 Ed25519
	400 name.b64 another subject
	400 san.b64 an alternative name that is not registered
	413 over.b64 oversize body
	413 large.b64 large body
TABLE
enroll "$good" huge.b64 >/dev/null
check "a huge body: the server lives" alive
refused "wrong content type" 415 "$(est simpleenroll -u "x:$good" -H "Content-Type: text/plain" --data-binary @good.b64)"
refused "no code" 401 "$(est simpleenroll -H "Content-Type: application/pkcs10" --data-binary @good.b64)"
check "401 asks for Basic" grep -i '^www-authenticate: Basic' headers
refused "unknown code" 401 "$(enroll "$("$ra" init --dir other --name CN=o --passphrase-file pass >/dev/null; "$ra" code new --dir other --subject CN=o --profile device 2>/dev/null)" good.b64)"
refused "mistyped code" 401 "$(enroll "12345-12345-12345-12345" good.b64)"
refused "long code" 401 "$(enroll "$(head -c 4000 /dev/zero | tr '\0' A)" good.b64)"
short=$(code --subject "CN=Han Meimei" --profile person-sign --valid 1s)
sleep 2
refused "expired code" 403 "$(enroll "$short" good.b64)"
gone=$(code --subject "CN=Han Meimei" --profile person-sign --json | tee gone.json | jq -r .code)
check "code cancel" "$ra" code cancel --dir ca "$(jq -r .id gone.json)"
refused "cancelled code" 403 "$(enroll "$gone" good.b64)"
refused "unknown profile" 404 "$(enroll "$good" good.b64 nobody/simpleenroll)"
refused "profile of another registration" 403 "$(enroll "$good" good.b64 device/simpleenroll)"
refused "unknown address" 404 "$(est fullcmc --data-binary @good.b64)"
refused "address with dots" 404 "$(est ../est/x/y/cacerts --path-as-is)"
refused "GET of simpleenroll" 405 "$(est simpleenroll)"
refused "POST of cacerts" 405 "$(est cacerts --data-binary @good.b64)"

same "after all that the code is still good" 200 "$(enroll "$good" good.b64)"
certificates=$(count)
request new.key "/CN=Han Meimei" >second.b64
refused "second use with another key" 403 "$(enroll "$good" second.b64)"

# Foreign certificates: self-signed in the holder's name; of another CA of the same name.
openssl req -x509 -key ec.key -subj "/C=CN/O=示例/CN=李雷" -utf8 -days 10 -out foreign.pem 2>/dev/null
request new.key "/C=CN/O=示例/CN=李雷" >renew.b64
request new.key "/C=CN/O=示例/CN=韩梅梅" >changed.b64
refused "re-enrol with a foreign certificate" 403 "$(reenroll foreign.pem ec.key renew.b64)"
refused "re-enrol without a certificate" 403 "$(est simplereenroll -H "Content-Type: application/pkcs10" --data-binary @renew.b64)"
refused "re-enrol with an enrolment code only" 403 "$(enroll "$good" renew.b64 simplereenroll)"
refused "re-enrol with a changed subject" 403 "$(reenroll ec.pem ec.key changed.b64)"
refused "re-enrol with the server's own certificate" 403 "$(reenroll ca/tls.crt ca/tls.key renew.b64)"
sqlite3 ca/ra.db "UPDATE certificate SET state = 'held' WHERE serial = '$(openssl x509 -in ec384.pem -noout -serial | sed 's/.*=//')'"
refused "re-enrol with a certificate on hold" 403 "$(reenroll ec384.pem ec384.key renew.b64)"

# Not HTTP over TLS at all, and old TLS.
exec 4<>/dev/tcp/127.0.0.1/"$(cat port)" && head -c 2000 /dev/urandom >&4; exec 4>&-
check "noise on the port: the server lives" alive
if curl -s -m 10 --cacert ca.pem --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "$base/cacerts" -o /dev/null; then fail "TLS 1.1 is spoken"; else ok "TLS 1.1 is refused"; fi

# Many clients with one code at once: one certificate.
many=$(code --subject "CN=Many" --profile person-sign)
request ec.key "/CN=Many" >all.b64
for i in $(seq 20); do
	curl -sS -m 60 --cacert ca.pem -o "many.$i" -u "x:$many" -H "Content-Type: application/pkcs10" --data-binary @all.b64 "$base/simpleenroll" &
	clients[i]=$!
done
wait "${clients[@]}"
same "twenty clients with one code get one certificate" "1 $((certificates + 1))" "$(sha256sum many.[0-9]* | cut -c1-64 | sort -u | wc -l) $(count)"

# The server dies without warning; the next one knows all that was answered.
crash=$(code --subject "CN=Crash" --profile person-sign)
request ec.key "/CN=Crash" >crash.b64
same "enrol before a crash" 200 "$(enroll "$crash" crash.b64)"
cp answer first
kill -KILL "$server"
wait "$server" 2>/dev/null
serve "$(cat port)"
same "the server starts again after a crash" 0 $?
same "enrol again after the crash" 200 "$(enroll "$crash" crash.b64)"
check "gives the same certificate" cmp answer first

# ---- the operator's side ----

serial=$(openssl x509 -in ec.pem -noout -serial | sed 's/.*=//')
same "list --json knows the certificate" "valid person-sign CN=李雷,O=示例,C=CN" "$("$ra" list --dir ca --json | jq -r ".[] | select(.serial==\"$serial\") | .state, .profile, .subject" | tr '\n' ' ' | sed 's/ $//')"
"$ra" show --dir ca "$serial" --json | jq -j .pem >shown.pem
check "show gives it back" cmp shown.pem ec.pem
"$ra" show --dir ca "$serial" >shown.txt
check "show is readable" grep "Subject:.*李雷" shown.txt
"$ra" show --dir ca 00FF 2>/dev/null
same "show of an unknown serial" 6 $?
"$ra" code cancel --dir ca 99999 2>/dev/null
same "cancel of an unknown code" 6 $?
"$ra" code new --dir ca --subject "Li Lei" --profile person-sign 2>err
same "a subject that is no name" 5 $?
"$ra" code new --dir ca --subject "CN=x" --profile nobody 2>/dev/null
same "a profile that is not there" 5 $?
"$ra" code new --dir ca --subject "CN=x" --profile person-sign --valid 5y 2>/dev/null
same "a validity that is none" 2 $?
"$ra" 2>/dev/null
same "no command" 2 $?
check "help" "$ra" --help
check "version" "$ra" --version
check "every code of the list has a state" jq -e 'length > 0 and all(.state | IN("open", "used", "cancelled"))' \
	<("$ra" code list --dir ca --json)
for secret in "$good" "${good//-/}" "correct horse"; do
	check "no secret in logs and database" lacks "$secret" server.log server.out ca/ra.db*
done

# ---- stop ----

kill -TERM "$server"
wait "$server"
same "the server stops on SIGTERM with 0" 0 $?
server=
# ---- clients that drip ----

"$ra" serve --dir ca --patience soon --passphrase-file pass 2>/dev/null
same "a patience that is none" 2 $?
serve 0 --patience 4s
base=https://localhost:$(cat port)/.well-known/est
tls() { timeout 15 openssl s_client -quiet -connect "127.0.0.1:$(cat port)" 2>/dev/null; }
started=$EPOCHREALTIME
took() { echo $((${EPOCHREALTIME/./} - ${started/./} < 9000000)); }
{ printf 'GET /.well-known/est/cacerts HTTP/1.1\r\nHost: x\r\nX-Slow: '; for _ in $(seq 50); do sleep 0.25; printf x || break; done; } | tls >dripped
same "a request whose headers drip is cut off" 1 "$(took)"
same "without an answer" "" "$(cat dripped)"
started=$EPOCHREALTIME
{ printf 'POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n'; for _ in $(seq 50); do sleep 0.25; printf x || break; done; } | tls >/dev/null
same "one whose body does, too" 1 "$(took)"
started=$EPOCHREALTIME
exec 7<>"/dev/tcp/127.0.0.1/$(cat port)"
timeout 15 cat <&7 >/dev/null
exec 7>&-
same "and a connection without a handshake" 1 "$(took)"
{ for _ in 1 2 3 4 5 6 7; do printf 'GET /.well-known/est/cacerts HTTP/1.1\r\nHost: x\r\n\r\n'; sleep 1; done; } | tls >kept
same "a busy connection is kept" 7 "$(grep -ac 'HTTP/1.1 200' kept)"
check "the server is well" alive
kill -TERM "$server"
wait "$server"
same "and stops" 0 $?
server=
same "the database is closed" "" "$(ls ca/ra.db-wal 2>/dev/null)"
echo "extra = 1" >>ca/profiles.json
"$ra" serve --dir ca --listen 127.0.0.1:0 --passphrase-file pass 2>err
same "a damaged profiles file is refused" 3 $?
check "and named" grep "profiles.json" err

[ "$failed" -eq 0 ] || { echo "--- server's log"; tail -20 server.log; }
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
