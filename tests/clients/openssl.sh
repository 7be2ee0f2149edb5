#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSL 3 through libengine-pkcs11-openssl, and curl, which loads the same engine by itself: requests, signatures, CMS,
# decryption, mutual TLS. Plain PIN and protected path.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
engine=$(openssl version -e | sed 's/.*"\(.*\)"/\1/')/pkcs11.so
[ -e "$engine" ] || { echo "libengine-pkcs11-openssl is not installed"; exit 77; }
need curl
clients_start "$@"
version openssl openssl version
version curl curl --version
export PKCS11_MODULE_PATH=$module
e=(-engine pkcs11 -keyform engine)
given=";pin-value=$pin"
ossl()
{
	timeout 60 openssl "$@"
}
key() # NAME: its URI, with the PIN when it is given in plain
{
	echo "$(uri "$1" private)$given"
}
printf 'the text\n' >text

serve()
{
	openssl s_server -accept 8444 "${e[@]}" -key "$(key "${ready[1]}")" -cert "${ready[1]}.pem" -www >serve.log 2>&1 &
	echo $! >serve.pid
	ns_wait 30 ns_port_listens 8444 || { cat serve.log; return 1; }
}

works() # HOW: all of it
{
	local key tls keys=("${ready[@]}")
	# With a protected path the engine can ask for a PIN each time, without a terminal it cannot.
	[ -n "$given" ] || keys=(rsa ec)
	for key in "${keys[@]}"; do
		try "$1: req, $key" ossl req -new "${e[@]}" -key "$(key "$key")" -subj "/CN=new $key" -out x.csr
		says "  which its key signed" "verify OK" ossl req -in x.csr -verify -noout
		try "$1: dgst -sha384, $key" ossl dgst "${e[@]}" -sha384 -sign "$(key "$key")" -out sig text
		try "  is good" ossl dgst -sha384 -verify "$key.pub" -signature sig text
		try "$1: cms -sign, $key" ossl cms -sign -in text "${e[@]}" -inkey "$(key "$key")" -signer "$key.pem" -outform DER -out x.p7 -nodetach -binary
		try "  is good" ossl cms -verify -inform DER -in x.p7 -CAfile ca.pem -purpose any -binary -out back
		try "  and the text" cmp text back
		for tls in tls1_3 tls1_2; do
			came_reset
			try "$1: s_client -$tls, $key" ossl s_client "${e[@]}" -key "$(key "$key")" -cert "$key.pem" -CAfile ca.pem \
				-verify_return_error -connect localhost:8443 -$tls </dev/null
			try "  the server saw the holder" came "holder $key"
		done
		came_reset
		says "$1: curl, $key" "CN ?= ?holder $key" curl -sS -m 60 --cacert ca.pem --cert "$(uri "$key" cert)" \
			--key "$(key "$key")" https://localhost:8443/
		try "  the server saw the holder" came "holder $key"
	done
	try "$1: dgst, PSS" ossl dgst "${e[@]}" -sha256 -sign "$(key rsa)" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -out sig text
	try "  is good" ossl dgst -sha256 -verify rsa.pub -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -signature sig text
	try "$1: cms -decrypt" ossl cms -decrypt -in x.env -inform DER "${e[@]}" -inkey "$(key box)" -recip box.pem -binary -out back
	try "  the text" cmp text back
	try "$1: cms -decrypt, OAEP" ossl cms -decrypt -in oaep.env -inform DER "${e[@]}" -inkey "$(key box)" -recip box.pem -binary -out back
	try "  the text" cmp text back
}

try "a server" server_start
try "a key for decryption" client_exchange_key
openssl cms -encrypt -in text -aes256 -binary -outform DER -out x.env box.pem
openssl cms -encrypt -in text -aes256 -binary -outform DER -out oaep.env -recip box.pem -keyopt rsa_padding_mode:oaep
works "plain PIN"
! piv || fails "a key that asks for its PIN each time: not without a terminal" "UI routines" \
	ossl dgst "${e[@]}" -sha256 -sign "$(key ec)" -out sig text
fails "a wrong PIN does not work" "." ossl dgst "${e[@]}" -sha256 -sign "$(uri rsa private);pin-value=000000" -out sig text
given=''

protected "pin $pin"
yes "pin $pin" | head -n 60 >answers
works "protected path"
protected "error 83886179"
fails "the cancel button cancels" "." ossl dgst "${e[@]}" -sha256 -sign "$(key ec)" -out sig text
unprotected

# ---- x509: the token is a CA ----
given=";pin-value=$pin"
printf '%s\n' '[ca]' basicConstraints=critical,CA:TRUE >ca.cnf
try "req -x509: the token makes itself a CA" ossl req -x509 -new "${e[@]}" -key "$(key "${ready[1]}")" -subj "/CN=CA on a token" -days 3 -out tca.pem
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout sub.key -subj "/CN=sub" -out sub.csr 2>/dev/null
try "x509 -req: it signs a certificate" ossl x509 -req -in sub.csr -engine pkcs11 -CAkeyform engine -CAkey "$(key "${ready[1]}")" -CA tca.pem \
	-set_serial 5 -days 3 -out sub.pem
try "  which is good" ossl verify -CAfile tca.pem sub.pem
server_stop

# ---- none of these programs calls C_Finalize ----
channels() # APDUs of MANAGE CHANNEL so far: an open and a close each
{
	emu_get alice counters '.ins."70".apdus'
}
if own "channels are of our own application" && [ "$road" = pcsc ]; then
	before=$(channels)
	ossl dgst "${e[@]}" -sha256 -sign "$(key ec)" -out sig text >/dev/null 2>&1
	try "a program that just ends gives its channel back" test "$(channels)" = $((before + 2))
fi

# ---- a server whose key is on the token ----
try "s_server with the token's key" serve
says "  a client comes" "subject=.*CN = holder ${ready[1]}" openssl s_client -connect localhost:8444 -CAfile ca.pem -verify_return_error </dev/null
ns_stop_pid serve.pid
finish
