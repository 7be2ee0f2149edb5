#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# NSS: modutil, certutil, cmsutil, pk12util's refusals, tstclnt and selfserv, and a PDF signed by pdfsig. Plain PIN and
# protected path.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
need modutil
need cmsutil
need tstclnt
clients_start "$@"
version nss dpkg-query -W libnss3
db=sql:$NS_DIR/nss
printf '%s\n' "$pin" >pins
printf 'the text\n' >text

# ---- the module ----
listed() # it fails because a reader is empty, after it said all
{
	modutil -dbdir "$db" -list ukey </dev/null || true
}
mkdir nss
try "a database" certutil -N -d "$db" --empty-password
try "modutil -add" modutil -dbdir "$db" -add ukey -libfile "$module" -force </dev/null
says "modutil -list" "token: $token" modutil -dbdir "$db" -list </dev/null
says "modutil -list ukey: details" "Token Manufacturer: [^ ]" listed
try "certutil takes the CA" certutil -A -d "$db" -n "Test CA" -t CT,C,C -i ca.pem

# ---- certutil ----
says "certutil -L -h TOKEN" "$token:${label[rsa]} +u,u,u" certutil -L -d "$db" -h "$token" -f pins
says "certutil -K -h TOKEN" "> rsa +01 +${label[rsa]}" certutil -K -d "$db" -h "$token" -f pins
says "certutil -V" "certificate is valid" certutil -V -d "$db" -n "$token:${label[rsa]}" -u C -f pins
# pain 23: requests and keys from the browser's own tools.
try "certutil -R with the token's key" certutil -R -d "$db" -h "$token" -k 01 -s "CN=new" -a -o new.csr -f pins
says "  openssl agrees" "verify OK" openssl req -in new.csr -verify -noout
if own "keys are made with the management key there"; then
	head -c 200 /dev/urandom >noise
	serial=40
	for what in "rsa -g 2048" "ec -q nistp256"; do
		serial=$((serial + 1)) # nobody else's: NSS takes no two certificates with the same issuer and number
		# shellcheck disable=SC2086 # two words
		try "certutil -R makes a key, -k ${what%% *}" certutil -R -d "$db" -h "$token" -k $what -s "CN=born" -a -o born.csr -f pins -z noise
		says "  openssl agrees" "verify OK" openssl req -in born.csr -verify -noout
		openssl x509 -req -in born.csr -CA ca.pem -CAkey ca.key -set_serial $serial -days 3 -out born.pem 2>/dev/null
		try "  certutil -A: its certificate" certutil -A -d "$db" -h "$token" -n "born ${what%% *}" -t ,, -a -i born.pem -f pins
		says "  is there, with its key" "$token:born ${what%% *} +u,u,u" certutil -L -d "$db" -h "$token" -f pins
		# By a nickname certutil finds only keys with the CKA_ID that NSS gives them, the SHA-1 of the public key.
		try "  certutil -R -k NICKNAME: a request for it again" \
			certutil -R -d "$db" -h "$token" -k "$token:born ${what%% *}" -s "CN=again" -a -o again.csr -f pins
		try "  certutil -F: key and certificate go" certutil -F -d "$db" -h "$token" -n "$token:born ${what%% *}" -f pins
		lacks "  and are gone" "born ${what%% *}" certutil -L -d "$db" -h "$token" -f pins
	done
else
	head -c 200 /dev/urandom >noise
	fails "certutil -R makes no key" "." certutil -R -d "$db" -h "$token" -k ec -q nistp256 -s "CN=born" -a -o born.csr -f pins -z noise
	certutil -F -d "$db" -n "$token:${label[rsa]}" -f pins >said 2>&1
	says "certutil -F deletes none, whatever it says" "$token:${label[rsa]} +u,u,u" certutil -L -d "$db" -h "$token" -f pins
fi
echo 000000 >wrong
fails "a wrong PIN" "." certutil -K -d "$db" -h "$token" -f wrong
says "and the right one" "> ec +02 +${label[ec]}" certutil -K -d "$db" -h "$token" -f pins

# ---- pk12util: private keys neither go out nor in ----
fails "pk12util -o: no key comes out" "." pk12util -o out.p12 -d "$db" -n "$token:${label[rsa]}" -k pins -W secret
openssl req -x509 -newkey rsa:2048 -nodes -keyout soft.key -subj "/CN=soft" -days 3 -out soft.pem 2>/dev/null
openssl pkcs12 -export -inkey soft.key -in soft.pem -name soft -passout pass:secret -out soft.p12
fails "pk12util -i: none goes in" "." pk12util -i soft.p12 -d "$db" -h "$token" -k pins -W secret
lacks "  and no trace of it" "soft" certutil -K -d "$db" -h "$token" -f pins

# ---- cmsutil ----
for key in "${keys[@]}"; do
	try "cmsutil -S, $key" cmsutil -S -d "$db" -N "$token:${label[$key]}" -f pins -i text -o x.cms -G
	try "  openssl agrees" openssl cms -verify -inform DER -in x.cms -CAfile ca.pem -purpose any -binary -out back
	try "  and it is the text" cmp back text
	says "  cmsutil -D agrees" "the text" cmsutil -D -d "$db" -i x.cms -u 4
done
try "a key for decryption" client_exchange_key
openssl cms -encrypt -in text -aes256 -binary -outform DER -out x.env box.pem
says "cmsutil -D decrypts" "the text" cmsutil -D -d "$db" -i x.env -f pins

# ---- TLS ----
page() # KEY [OPTION...]
{
	local key=$1
	shift
	timeout 60 tstclnt -h localhost -p 8443 -d "$db" -n "$token:${label[$key]}" -Q "$@"
}
try "a server" server_start
for key in "${keys[@]}"; do
	for tls in 1.3 1.2; do
		came_reset
		try "tstclnt, $key, TLS $tls" page "$key" -V "tls$tls:tls$tls" -w "$pin"
		try "  the server saw the holder" came "holder $key"
	done
done
server_stop
selfserv -p 8444 -d "$db" -n "$token:${label[rsa]}" -w "$pin" -V tls1.2:tls1.3 >selfserv.log 2>&1 &
echo $! >selfserv.pid
ns_wait 30 ns_port_listens 8444
for tls in tls1_3 tls1_2; do
	says "selfserv with the token's key, $tls" "subject=.*CN = holder rsa" openssl s_client -connect localhost:8444 -CAfile ca.pem \
		-verify_return_error -$tls </dev/null
done
ns_stop_pid selfserv.pid

# ---- a PDF ----
cat >in.txt <<'END'
%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<</Font<</F 4 0 R>>>>/Contents 5 0 R>>endobj
4 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
5 0 obj<</Length 41>>stream
BT /F 20 Tf 40 200 Td (A contract) Tj ET
endstream endobj
END
pdf() # with the table of places that a PDF ends with
{
	local at
	cp in.txt in.pdf
	at=$(stat -c %s in.txt)
	{
		printf 'xref\n0 6\n0000000000 65535 f \n'
		grep -abo '^[1-5] 0 obj' in.txt | while IFS=: read -r place _; do printf '%010d 00000 n \n' "$place"; done
		printf 'trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n' "$at"
	} >>in.pdf
}
sign_pdf() # PIN KEY
{
	rm -f out.pdf
	timeout 60 pdfsig -nssdir "$db" -nss-pwd "$1" -nick "$token:${label[$2]}" -add-signature in.pdf out.pdf
}
pdf
if command -v pdfsig >/dev/null; then
	version pdfsig pdfsig -v
	# Not with EC: it leaves as much room as a first signature needs, and the second may be a byte longer.
	try "pdfsig signs a PDF" sign_pdf "$pin" rsa
	says "  and says that it is good" "Signature is Valid" pdfsig -nssdir "$db" out.pdf
	says "  by the holder" "Common Name: holder rsa" pdfsig -nssdir "$db" out.pdf
	says "pdfsig -list-nicks" "$token:${label[rsa]}" pdfsig -nssdir "$db" -nss-pwd "$pin" -list-nicks
else
	echo "pdfsig is not installed: no PDF is signed"
fi

# ---- protected path ----
rm pins
if piv; then # the key that signs asks once more, each time
	protected "pin $pin" "pin 000000" "pin $pin" "pin $pin" "pin $pin" "pin $pin" "pin $pin" "error 83886179"
else
	protected "pin $pin" "pin 000000" "pin $pin" "pin $pin" "pin $pin" "error 83886179"
fi
says "protected path: certutil -K" "> rsa +01 +${label[rsa]}" certutil -K -d "$db" -h "$token"
try "cmsutil, after a wrong PIN" cmsutil -S -d "$db" -N "$token:${label[ec]}" -i text -o x.cms -G
try "  openssl agrees" openssl cms -verify -inform DER -in x.cms -CAfile ca.pem -purpose any -binary -out back
try "a server" server_start
try "tstclnt" page ec
try "  the server saw the holder" came "holder ec"
! command -v pdfsig >/dev/null || try "pdfsig" sign_pdf none rsa
finish
