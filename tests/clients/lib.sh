# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# What the scripts of real programs share: a token, a test CA, a local TLS server that tells who came. Sourced as the first
# thing, before ns_enter; then: clients_start "$@". A script "needs" its programs before that.
#
# CLIENTS_CARD says which token:
#	own	(without it) "ukey", personalised (secure channel, PINs nowhere in the clear): RSA-2048 (01, rsa), P-256 (02, ec)
#	piv	a PIV card and nothing else: RSA-2048 in 9A (rsa), P-256 in 9C (ec: its PIN each time), RSA-2048 in 9D (box:
#		decrypts), P-256 in 9E (card: no PIN), provisioned by yubico-piv-tool as other people's are
#	yubico	the same with Yubico's extensions, in a reader whose name ykcs11 2.2 accepts
# with a certificate each. CLIENTS_ROAD says how programs get to it: pcsc (without it), or usb: libusb on umockdev's bus, no
# pcscd. What tokens call their things is in $token, ${label[KEY]}, ${id[KEY]}; see also uri.

script=$(readlink -f "$0")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$here/../lib/personal.sh"
# shellcheck source=tests/lib/piv_card.sh
. "$here/../lib/piv_card.sh"
PATH=$PATH:/usr/sbin
so_pin=87654321
pin=583917
card=${CLIENTS_CARD:-own}
road=${CLIENTS_ROAD:-pcsc}
declare -A label id
keys=(rsa ec)  # one of each kind
ready=(rsa ec) # and for programs that cannot ask for a PIN each time: clients_names

# clients_start "$@": everything up to a token that is ready. The folder is $NS_DIR, and it is HOME.
clients_start()
{
	need openssl
	need jq
	clients_names
	! piv || need yubico-piv-tool
	[ "$road" != usb ] || need umockdev-wrapper
	[ -n "${CLIENTS_READY:-}" ] || ns_enter "$@"
	export UKEY_BUILD=${UKEY_BUILD:-${BUILD:?the build folder}}
	export LC_ALL=C.UTF-8 LANGUAGE='' HOME=$NS_DIR PINENTRY_USER_DATA=$NS_DIR
	export XDG_CONFIG_HOME=$NS_DIR/config XDG_STATE_HOME=$NS_DIR/state XDG_CACHE_HOME=$NS_DIR/cache
	module=$UKEY_BUILD/.libs/ukey-pkcs11.so
	cd "$NS_DIR" || exit 1
	umask 077
	[ -z "${CLIENTS_READY:-}" ] || { clients_token; return; }
	mkdir -p "$XDG_CONFIG_HOME/openukey" && touch "$XDG_CONFIG_HOME/openukey/openukey.conf"
	printf %s "$so_pin" >so.pin
	printf %s "$pin" >user.pin
	client_ca || exit 1
	"client_card_$card" || exit 1
	[ "$road" = pcsc ] || clients_on_usb "$@"
	clients_token
}

# What the token is called, and in a URI.
clients_token()
{
	token=$(u list --json | jq -er '.tokens[0].label') || { echo "no token is seen"; u list; exit 1; }
	token_uri=pkcs11:token=${token// /%20}
}

# uri KEY TYPE
uri()
{
	echo "$token_uri;object=${label[$1]// /%20};type=$2"
}

clients_names()
{
	case $card in
	own) label=([rsa]=rsa [ec]=ec [box]=box) ;;
	piv | yubico)
		label=([rsa]="PIV Authentication" [ec]="Digital Signature" [box]="Key Management" [card]="Card Authentication")
		ready=(rsa card)
		;;
	*) echo "CLIENTS_CARD=$card: own, piv or yubico"; exit 1 ;;
	esac
	id=([rsa]=01 [ec]=02 [box]=03 [card]=04)
}

# own REASON: is this our own token? Else what follows is left out, for that reason.
own()
{
	[ "$card" = own ] || { echo "not on a PIV card: $1"; return 1; }
}
piv()
{
	[ "$card" != own ]
}

# ---- the tokens ----
client_card_own()
{
	# shellcheck disable=SC2119 # our arguments are not pcscd's
	factory_start && pcscd_start && personalize alice && emu_start alice && client_token
}

client_card_piv()
{
	# shellcheck disable=SC2119 # our arguments are not pcscd's
	pcscd_start && emu_start alice --create && piv_card_init && piv_card_certificates && piv_card_more && emu_stop alice && emu_start alice --piv-only
}

client_card_yubico()
{
	NS_READER='Yubico Virtual'
	piv_card_reader >readers.conf || exit 77
	pcscd_start --config "$NS_DIR/readers.conf" && emu_start alice --create && piv_card_init --piv-yubico && piv_card_certificates && piv_card_more &&
		emu_stop alice && emu_start alice --piv-only
}

# On the mocked bus the rest of the script runs inside umockdev's wrapper: the script once more, with a token that is ready.
clients_on_usb()
{
	local mock options=()
	mock=$(ns_program tests/usb/umock_token) || exit 77
	piv && options=(--piv-only)
	emu_stop alice
	pcscd_stop
	CLIENTS_READY=1 umockdev-wrapper "$mock" "${options[@]}" alice.flash "$BASH" "$script" "$@"
	exit
}

# The mock is asked by a signal, and has done it when the device has left the bus; or its interface, which comes last, is there.
card_unplug()
{
	if [ "$road" = usb ]; then kill -USR1 "$UMOCK_PID" && ns_wait 30 test ! -e /sys/bus/usb/devices/1-1; else emu_unplug alice; fi
}
card_plug()
{
	if [ "$road" = usb ]; then kill -USR2 "$UMOCK_PID" && ns_wait 30 test -e /sys/bus/usb/devices/1-1:1.0; else emu_plug alice; fi
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
		openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -set_serial "$2" -days 20 -out "$1.pem" -extfile <(client_extensions) \
			2>/dev/null &&
		openssl x509 -in "$1.pem" -noout -pubkey >"$1.pub" &&
		u cert import --pin-file user.pin --quiet "$1.pem"
}

client_extensions()
{
	printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=digitalSignature,keyEncipherment,nonRepudiation' \
		'extendedKeyUsage=clientAuth,serverAuth,emailProtection' 'subjectAltName=email:holder@example.com' \
		subjectKeyIdentifier=hash authorityKeyIdentifier=keyid
}

# client_exchange_key: one more, an RSA key that decrypts (03, box); the two above sign. A PIV card has it.
client_exchange_key()
{
	! piv || return 0
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
	ns_wait 30 ns_port_listens 8443 || { cat server.log; return 1; }
}
server_stop()
{
	ns_stop_pid server.pid
	true
}

# came CN: the server saw this certificate and a signature by its key, since came_reset.
came()
{
	ns_wait 20 grep -qE "depth=0 .*CN = $1" server.log || { tail -n 20 server.log; return 1; }
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
	local sentence=$1 pattern=$2 said status
	shift 2
	said=$("$@" 2>&1)
	status=$?
	if [ $status = 0 ]; then bad "$sentence: it worked"; elif cut_short $status; then bad "$sentence: it was ended, exit $status"; elif
		grep -qE -- "$pattern" <<<"$said"; then ok "$sentence"; return; else bad "$sentence: no /$pattern/ in"; fi
	printf '%s\n' "$said" | tail -n 30
}
lacks() # SENTENCE PATTERN COMMAND...: succeeds, and says no such thing
{
	local sentence=$1 pattern=$2 said status
	shift 2
	said=$("$@" 2>&1)
	status=$?
	if [ $status != 0 ]; then bad "$sentence: exit $status"; elif grep -qE -- "$pattern" <<<"$said"; then bad "$sentence"; else
		ok "$sentence"; return; fi
	printf '%s\n' "$said" | tail -n 30
}

# version WHAT COMMAND...: for the table of programs: the first line that it says.
version()
{
	local what=$1
	shift
	echo "version: $what: $("$@" 2>&1 </dev/null | grep -m 1 '[0-9]\.[0-9]')"
}
