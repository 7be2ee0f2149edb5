#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# p11-kit: the module by its configuration file, through the proxy, and remote: p11-kit server gives each of its clients a
# process of its own, so each of them logs in for itself (doc/security.md 2).
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
need p11-kit
need p11tool
need pkcs11-tool
folder=$(pkg-config --variable=p11_module_path p11-kit-1 2>/dev/null)
[ -e "$folder/p11-kit-client.so" ] || { echo "p11-kit-client.so is not installed, or pkg-config does not know where"; exit 77; }
clients_start "$@"
version p11-kit dpkg-query -W p11-kit

# ---- as an installation has it: the user's own file, for who is not root; /etc for root ----
configuration=$(pkg-config --variable=p11_module_configs p11-kit-1)
proxy=$(pkg-config --variable=proxy_module p11-kit-1)
mkdir configured
cp "$here/../../pkcs11/ukey.module" configured
sed -i "s,^module:.*,module: $module," configured/ukey.module
if mount --bind configured "$configuration" 2>/dev/null; then
	says "p11-kit list-modules" "token: $token" p11-kit list-modules
	says "p11tool by the configuration" "${token_uri#*:}" p11tool --list-tokens
	says "p11-kit-proxy.so shows it" "token label +: $token" pkcs11-tool --module "$proxy" -L
	says "  and logs in" "Private Key Object; RSA" pkcs11-tool --module "$proxy" --token-label "$token" --login --pin "$pin" -O
	umount "$configuration"
fi

# ---- remote ----
server()
{
	p11-kit server -f --provider "$module" --name "$NS_DIR/sock" "$token_uri" >p11server.log 2>&1 &
	echo $! >p11server.pid
	ns_wait 30 ns_socket_listens "$NS_DIR/sock"
}
try "p11-kit server" server
export P11_KIT_SERVER_ADDRESS=unix:path=$NS_DIR/sock
remote=$folder/p11-kit-client.so
says "pkcs11-tool through it: the token" "token label +: $token" pkcs11-tool --module "$remote" -L
says "  a log-in" "Private Key Object; RSA" pkcs11-tool --module "$remote" --login --pin "$pin" -O
lacks "  which the next client has not got" "Private Key Object; RSA" pkcs11-tool --module "$remote" -O
# pain 20: a program in a sandbox (Flatpak, snap) has no way to pcscd, and needs none: only the server's socket.
says "without pcscd's socket, as in a sandbox" "Private Key Object; RSA" \
	env PCSCLITE_CSOCK_NAME=/nonexistent pkcs11-tool --module "$remote" --login --pin "$pin" -O
says "p11tool through it" "Label: ${label[ec]}" env GNUTLS_PIN="$pin" p11tool --batch --provider "$remote" --login --list-privkeys "$token_uri"
head -c 100 /dev/urandom >data
openssl dgst -sha256 -binary data >digest
# The protocol of p11-kit 0.24 knows no ECDSA mechanism with a hash but SHA-1: programs give the digest.
for kind in rsa:SHA256-RSA-PKCS:data ec:ECDSA:digest; do
	IFS=: read -r key mechanism input <<<"$kind"
	try "a signature, $key" pkcs11-tool --module "$remote" --login --pin "$pin" --sign --mechanism "$mechanism" --id "${id[$key]}" -i "$input" -o sig \
		--signature-format openssl
	try "  is good" openssl dgst -sha256 -verify "$key.pub" -signature sig data
done
fails "a wrong PIN" "CKR_PIN_INCORRECT" pkcs11-tool --module "$remote" --login --pin 000000 -O
protected "pin $pin"
says "protected path, through it" "Private Key Object; EC" pkcs11-tool --module "$remote" --login -O
unprotected

# Two programs that stay: each signs, and each has a session of its own.
engine=$(openssl version -e | sed 's/.*"\(.*\)"/\1/')/pkcs11.so
serve() # PORT
{
	PKCS11_MODULE_PATH=$remote openssl s_server -accept "$1" -engine pkcs11 -keyform engine -cert "${ready[1]}.pem" -www \
		-key "$(uri "${ready[1]}" private);pin-value=$pin" >"serve.$1.log" 2>&1 &
	echo $! >"serve.$1.pid"
	ns_wait 30 ns_port_listens "$1"
}
# Those of clients that have gone take a moment to go, too.
remotes() # HOW MANY
{
	[ "$(pgrep -c -P "$(cat p11server.pid)" p11-kit-remote)" = "$1" ]
}
if [ "$road" = usb ]; then
	echo "not on USB: a token without pcscd is one program's at a time"
elif [ -e "$engine" ]; then
	try "a program that stays" serve 8441
	try "another" serve 8442
	try "each has a process of its own" ns_wait 30 remotes 2
	for port in 8441 8442 8441; do
		says "a signature for $port" "Verify return code: 0" openssl s_client -connect localhost:$port -CAfile ca.pem </dev/null
	done
	ns_stop_pid serve.8441.pid
	ns_wait 30 remotes 1
	says "one ended: the other goes on" "Verify return code: 0" openssl s_client -connect localhost:8442 -CAfile ca.pem </dev/null
	ns_stop_pid serve.8442.pid
fi
ns_stop_pid p11server.pid
finish
