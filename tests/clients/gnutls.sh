#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# GnuTLS: p11tool lists, generates, imports, signs a request for a certificate and deletes; gnutls-cli logs in to a server,
# and gnutls-serv serves with a key on the token. Plain PIN and protected path.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
need p11tool
need gnutls-cli
need certtool
clients_start "$@"
version p11tool p11tool --version

p()
{
	GNUTLS_PIN=$pin GNUTLS_SO_PIN=$so_pin timeout 60 p11tool --batch --provider "$module" "$@"
}

# ---- p11tool ----
says "--list-tokens" "URL: pkcs11:model=.*${token_uri#*:}" p --list-tokens
says "--list-all shows certificates without a log-in" "Label: ${label[rsa]}" p --list-all-certs "$token_uri"
listed_without_pin() # 2: there is nothing that fits
{
	p --list-privkeys "$token_uri" || [ $? = 2 ]
}
lacks "and no private key" "Label: ${label[rsa]}" listed_without_pin
says "--list-privkeys --login" "Label: ${label[ec]}" p --login --list-privkeys "$token_uri"
says "--list-mechanisms" "CKM_ECDSA" p --list-mechanisms "$token_uri"
says "--info" "Type: X.509 Certificate \(RSA-2048\)" p --info "$(uri rsa cert)"
try "--export" p --export "$(uri rsa cert)" --outfile back.pem
try "  what went in" cmp <(openssl x509 -in back.pem -outform DER) <(openssl x509 -in rsa.pem -outform DER)
try "--export-pubkey of a private key" p --login --export-pubkey "$(uri ec private)" --outfile back.pub
try "  is the key" cmp <(openssl pkey -pubin -in back.pub -outform DER) <(openssl pkey -pubin -in ec.pub -outform DER)
for key in "${keys[@]}"; do
	try "--test-sign, $key" p --login --test-sign "$(uri "$key" private)"
done
try "--test-sign RSA-PSS" p --login --test-sign --sign-params rsa-pss --hash sha256 "$(uri rsa private)"
if own "keys and certificates are written with the management key there"; then
	try "--generate-privkey ecdsa" p --login --generate-privkey ecdsa --curve secp384r1 --label born --id 33 \
		--outfile born.pub "$token_uri"
	printf 'cn = "Born"\nca\nexpiration_days = 9\n' >born.cfg
	try "certtool signs its certificate" env GNUTLS_PIN=$pin certtool --provider "$module" --generate-self-signed --template born.cfg \
		--load-privkey "$token_uri;object=born;type=private" --load-pubkey "$token_uri;object=born;type=public" --outfile born.pem
	try "  openssl agrees" openssl verify -CAfile born.pem born.pem
	try "--write the certificate" p --login --write --load-certificate born.pem --label born --id 33 "$token_uri"
	try "  it comes back" p --export "$token_uri;object=born;type=cert" --outfile back.pem
	try "  whole" cmp <(openssl x509 -in back.pem -outform DER) <(openssl x509 -in born.pem -outform DER)
	try "--generate-privkey rsa" p --login --generate-privkey rsa --bits 2048 --label born-rsa --id 34 --outfile x.pub "$token_uri"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out soft.key 2>/dev/null
	fails "a private key to sign with does not go in" "." p --login --write --load-privkey soft.key --label soft "$token_uri"
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out escrow.key
	fails "nor one for both" "." p --login --write --load-privkey escrow.key --mark-sign --mark-decrypt --label soft "$token_uri"
	try "one to decrypt with does" p --login --write --load-privkey escrow.key --mark-decrypt --label escrow --id 35 "$token_uri"
	says "  it is there" "Label: escrow" p --login --list-privkeys "$token_uri"
	try "  and deleted" p --login --delete "$token_uri;object=escrow;type=private"
	for what in "born;type=cert" "born;type=private" "born-rsa;type=private"; do
		try "--delete $what" p --login --delete "$token_uri;object=$what"
	done
	lacks "nothing of it is left" "Label: born" p --login --list-all "$token_uri"
else
	fails "--generate-privkey is refused" "." p --login --generate-privkey ecdsa --curve secp256r1 --label born --outfile x.pub "$token_uri"
	fails "--write, too" "." p --login --write --load-certificate ec.pem --label born "$token_uri"
	says "a key that wants no PIN is there without a log-in" "Label: ${label[card]}" p --list-privkeys "$token_uri"
	try "  and signs" p --test-sign "$(uri card private)"
fi
fails "a wrong PIN is said to be wrong" "PIN" env GNUTLS_PIN=000000 p11tool --batch --provider "$module" --login --list-privkeys "$token_uri"
says "and the next one counts down to good" "Label: ${label[rsa]}" p --login --list-privkeys "$token_uri"

# ---- gnutls-cli ----
get() # KEY OPTION...: the page of the server
{
	local key=$1
	shift
	printf 'GET / HTTP/1.0\r\n\r\n' | timeout 60 gnutls-cli --provider "$module" -p 8443 --x509cafile ca.pem --x509certfile \
		"$(uri "$key" cert)" --x509keyfile "$(uri "$key" private)" "$@" localhost
}
try "a server" server_start
for key in "${keys[@]}"; do
	for tls in 1.3 1.2; do
		came_reset
		GNUTLS_PIN=$pin try "gnutls-cli, $key, TLS $tls" get "$key" --priority NORMAL:-VERS-ALL:+VERS-TLS$tls
		try "  the server saw the holder" came "holder $key"
	done
done
if piv; then # the second key asks once more for itself
	protected "pin $pin" "pin 000000" "pin $pin" "pin $pin" "error 83886179"
else
	protected "pin $pin" "pin 000000" "pin $pin" "error 83886179"
fi
came_reset
try "with a protected path and no PIN" get rsa
try "  the server saw the holder" came "holder rsa"
try "a wrong PIN is asked for again inside" get ec
try "  the server saw the holder" came "holder ec"
fails "the cancel button cancels" "." get ec
unprotected
server_stop

# ---- the token's key behind a server ----
if command -v gnutls-serv >/dev/null; then
	GNUTLS_PIN=$pin gnutls-serv --provider "$module" -p 8443 --echo --x509certfile "$(uri ec cert)" \
		--x509keyfile "$(uri ec private)" >serv.log 2>&1 </dev/null &
	echo $! >server.pid
	ns_wait 30 ns_port_listens 8443
	says "gnutls-serv with the token's key" "subject=.*CN = holder ec" bash -c \
		"openssl s_client -connect localhost:8443 -CAfile ca.pem -verify_return_error -purpose any </dev/null"
	server_stop
fi
finish
