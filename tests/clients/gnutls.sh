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
says "--list-tokens" "URL: pkcs11:model=.*token=ukey" p --list-tokens
says "--list-all shows certificates without a log-in" "Label: rsa" p --list-all-certs pkcs11:token=ukey
lacks "and no private key" "Private key" p --list-all pkcs11:token=ukey
says "--list-privkeys --login" "Label: ec" p --login --list-privkeys pkcs11:token=ukey
says "--list-mechanisms" "CKM_ECDSA" p --list-mechanisms pkcs11:token=ukey
says "--info" "Type: X.509 Certificate \(RSA-2048\)" p --info "pkcs11:token=ukey;object=rsa;type=cert"
try "--export" p --export "pkcs11:token=ukey;object=rsa;type=cert" --outfile back.pem
try "  what went in" cmp <(openssl x509 -in back.pem -outform DER) <(openssl x509 -in rsa.pem -outform DER)
try "--export-pubkey of a private key" p --login --export-pubkey "pkcs11:token=ukey;object=ec;type=private" --outfile back.pub
try "  is the key" cmp <(openssl pkey -pubin -in back.pub -outform DER) <(openssl pkey -pubin -in ec.pub -outform DER)
for key in rsa ec; do
	try "--test-sign, $key" p --login --test-sign "pkcs11:token=ukey;object=$key;type=private"
done
try "--test-sign RSA-PSS" p --login --test-sign --sign-params rsa-pss --hash sha256 "pkcs11:token=ukey;object=rsa;type=private"
try "--generate-privkey ecdsa" p --login --generate-privkey ecdsa --curve secp384r1 --label born --id 33 \
	--outfile born.pub pkcs11:token=ukey
printf 'cn = "Born"\nca\nexpiration_days = 9\n' >born.cfg
try "certtool signs its certificate" env GNUTLS_PIN=$pin certtool --provider "$module" --generate-self-signed --template born.cfg \
	--load-privkey "pkcs11:token=ukey;object=born;type=private" --load-pubkey "pkcs11:token=ukey;object=born;type=public" --outfile born.pem
try "  openssl agrees" openssl verify -CAfile born.pem born.pem
try "--write the certificate" p --login --write --load-certificate born.pem --label born --id 33 pkcs11:token=ukey
try "  it comes back" p --export "pkcs11:token=ukey;object=born;type=cert" --outfile back.pem
try "  whole" cmp <(openssl x509 -in back.pem -outform DER) <(openssl x509 -in born.pem -outform DER)
try "--generate-privkey rsa" p --login --generate-privkey rsa --bits 2048 --label born-rsa --id 34 --outfile x.pub pkcs11:token=ukey
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out soft.key 2>/dev/null
fails "a private key to sign with does not go in" "." p --login --write --load-privkey soft.key --label soft pkcs11:token=ukey
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out escrow.key
fails "nor one for both" "." p --login --write --load-privkey escrow.key --mark-sign --mark-decrypt --label soft pkcs11:token=ukey
try "one to decrypt with does" p --login --write --load-privkey escrow.key --mark-decrypt --label escrow --id 35 pkcs11:token=ukey
says "  it is there" "Label: escrow" p --login --list-privkeys pkcs11:token=ukey
try "  and deleted" p --login --delete "pkcs11:token=ukey;object=escrow;type=private"
for what in "born;type=cert" "born;type=private" "born-rsa;type=private"; do
	try "--delete $what" p --login --delete "pkcs11:token=ukey;object=$what"
done
lacks "nothing of it is left" "Label: born" p --login --list-all pkcs11:token=ukey
fails "a wrong PIN is said to be wrong" "PIN" env GNUTLS_PIN=000000 p11tool --batch --provider "$module" --login --list-privkeys pkcs11:token=ukey
says "and the next one counts down to good" "Label: rsa" p --login --list-privkeys pkcs11:token=ukey

# ---- gnutls-cli ----
get() # KEY OPTION...: the page of the server
{
	local key=$1
	shift
	printf 'GET / HTTP/1.0\r\n\r\n' | timeout 30 gnutls-cli --provider "$module" -p 8443 --x509cafile ca.pem --x509certfile \
		"pkcs11:token=ukey;object=$key;type=cert" --x509keyfile "pkcs11:token=ukey;object=$key;type=private" "$@" localhost
}
try "a server" server_start
for key in rsa ec; do
	for tls in 1.3 1.2; do
		came_reset
		GNUTLS_PIN=$pin try "gnutls-cli, $key, TLS $tls" get $key --priority NORMAL:-VERS-ALL:+VERS-TLS$tls
		try "  the server saw the holder" came "holder $key"
	done
done
protected "pin $pin" "pin 000000" "pin $pin" "error 83886179"
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
	GNUTLS_PIN=$pin gnutls-serv --provider "$module" -p 8443 --echo --x509certfile "pkcs11:token=ukey;object=ec;type=cert" \
		--x509keyfile "pkcs11:token=ukey;object=ec;type=private" >serv.log 2>&1 </dev/null &
	echo $! >server.pid
	ns_wait 10 ns_port_listens 8443
	says "gnutls-serv with the token's key" "subject=.*CN = holder ec" bash -c \
		"openssl s_client -connect localhost:8443 -CAfile ca.pem -verify_return_error -purpose any </dev/null"
	server_stop
fi
finish
