# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# What the scripts of real programs share: one personalised token "ukey" (secure channel, PINs nowhere in the clear) with
# an RSA-2048 key (01, rsa) and a P-256 key (02, ec), a certificate each, a test CA, a local TLS server that tells who came.
# Sourced as the first thing, before ns_enter; then: clients_start "$@". A script "needs" its programs before that.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$here/../lib/personal.sh"
PATH=$PATH:/usr/sbin
so_pin=87654321
pin=583917

# clients_start "$@": everything up to a token that is ready. The folder is $NS_DIR, and it is HOME.
clients_start()
{
	need openssl
	need jq
	ns_enter "$@"
	export UKEY_BUILD=${UKEY_BUILD:-${BUILD:?the build folder}}
	export LC_ALL=C.UTF-8 LANGUAGE='' HOME=$NS_DIR PINENTRY_USER_DATA=$NS_DIR
	export XDG_CONFIG_HOME=$NS_DIR/config XDG_STATE_HOME=$NS_DIR/state XDG_CACHE_HOME=$NS_DIR/cache
	module=$UKEY_BUILD/.libs/ukey-pkcs11.so
	cd "$NS_DIR" || exit 1
	umask 077
	mkdir -p "$XDG_CONFIG_HOME/openukey"
	printf %s "$so_pin" >so.pin
	printf %s "$pin" >user.pin
	# shellcheck disable=SC2119 # our arguments are not pcscd's
	factory_start && pcscd_start && personalize alice && emu_start alice && client_token || exit 1
}

# u COMMAND...: the holder's own tool.
u()
{
	"$UKEY_BUILD/ukey" "$@"
}

client_token()
{
	u init --label ukey --new-so-pin-file so.pin --new-pin-file user.pin --yes --quiet || return 1
	u key generate --key rsa2048 --label rsa --id 01 --pin-file user.pin --quiet || return 1
	u key generate --key p256 --label ec --id 02 --pin-file user.pin --quiet || return 1
	client_ca || return 1
	client_certificate rsa 17 && client_certificate ec 18
}

client_ca()
{
	openssl ecparam -name prime256v1 -genkey -noout -out ca.key &&
		openssl req -x509 -new -key ca.key -subj "/CN=Test CA" -days 30 -out ca.pem &&
		openssl ecparam -name prime256v1 -genkey -noout -out server.key &&
		openssl req -new -key server.key -subj "/CN=localhost" -out server.csr &&
		openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 16 -days 20 -out server.pem \
			-extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n') 2>/dev/null
}

# client_certificate KEY SERIAL: "CN=holder KEY", on the token beside its key and in KEY.pem; KEY.pub is the public key.
client_certificate()
{
	u request --key-ref "$1" --subject "CN=holder $1,O=Example" --out "$1.csr" --pin-file user.pin --quiet &&
		openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -set_serial "$2" -days 20 -out "$1.pem" -extfile <(printf '%s\n' \
			'basicConstraints=critical,CA:FALSE' 'keyUsage=digitalSignature,keyEncipherment,nonRepudiation' \
			'extendedKeyUsage=clientAuth,serverAuth,emailProtection' 'subjectAltName=email:holder@example.com' \
			subjectKeyIdentifier=hash authorityKeyIdentifier=keyid) 2>/dev/null &&
		openssl x509 -in "$1.pem" -noout -pubkey >"$1.pub" &&
		u cert import --pin-file user.pin --quiet "$1.pem"
}

# client_exchange_key: one more, an RSA key that decrypts (03, box); the two above sign.
client_exchange_key()
{
	u key generate --key rsa2048 --label box --id 03 --pair exchange --usage sign,decrypt --pin-file user.pin --quiet &&
		client_certificate box 19
}

# ---- a TLS server that demands a certificate and says whose it got ----
# server_start [OPTION of s_server...]: on localhost:8443; what it said is in server.log, its page shows the certificate.
server_start()
{
	openssl s_server -accept 8443 -cert server.pem -key server.key -CAfile ca.pem -Verify 2 -verify_return_error -www "$@" \
		>server.log 2>&1 &
	echo $! >server.pid
	ns_wait 10 ns_port_listens 8443 || { cat server.log; return 1; }
}
server_stop()
{
	ns_stop_pid server.pid
	true
}

# came CN: the server saw this certificate and a signature by its key, since came_reset.
came()
{
	ns_wait 5 grep -qE "depth=0 .*CN = $1" server.log || { tail -n 20 server.log; return 1; }
}
came_reset()
{
	: >server.log
}

# ---- a pinentry for the protected path; tests/lib/fake_pinentry.sh tells what it takes ----
# protected ANSWER...: from now on the module asks it, and it has these answers.
protected()
{

	rm -f log count
	printf '%s\n' "$@" >answers
	sed -i '/^pinentry/d' "$XDG_CONFIG_HOME/openukey/openukey.conf"
	echo "pinentry = $here/../lib/fake_pinentry.sh" >>"$XDG_CONFIG_HOME/openukey/openukey.conf"
}
unprotected()
{
	sed -i '/^pinentry/d' "$XDG_CONFIG_HOME/openukey/openukey.conf"
}

# ---- judging ----
says() # SENTENCE PATTERN COMMAND...: succeeds and says so
{
	local sentence=$1 pattern=$2 said status
	shift 2
	said=$("$@" 2>&1)
	status=$?
	[ $status != 0 ] || ! grep -qE -- "$pattern" <<<"$said" || { ok "$sentence"; return; }
	bad "$sentence: exit $status, wanted /$pattern/ in"
	printf '%s\n' "$said" | tail -n 30
}
fails() # SENTENCE PATTERN COMMAND...: must fail, and say why
{
	local sentence=$1 pattern=$2 said
	shift 2
	if said=$("$@" 2>&1); then bad "$sentence: it worked"; elif grep -qE -- "$pattern" <<<"$said"; then ok "$sentence"; return; else
		bad "$sentence: no /$pattern/ in"; fi
	printf '%s\n' "$said" | tail -n 30
}
lacks() # SENTENCE PATTERN COMMAND...
{
	local sentence=$1 pattern=$2 said
	shift 2
	said=$("$@" 2>&1)
	if grep -qE -- "$pattern" <<<"$said"; then bad "$sentence"; printf '%s\n' "$said" | tail -n 30; else ok "$sentence"; fi
}

# version WHAT COMMAND...: for the table of programs: the first line that it says.
version()
{
	local what=$1
	shift
	echo "version: $what: $("$@" 2>&1 </dev/null | grep -m 1 '[0-9]\.[0-9]')"
}
