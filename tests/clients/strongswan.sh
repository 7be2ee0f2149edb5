#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# strongSwan's pki: a self-signed certificate and a request with keys on the token, RSA and EC. It asks for a PIN of its
# own whatever the token says, so a typed PIN must work with a protected path, too.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
need pki
need setsid
compgen -G '/usr/lib/ipsec/plugins/libstrongswan-pkcs11.so' >/dev/null ||
	{ echo "libstrongswan-extra-plugins is not installed"; exit 77; }
clients_start "$@"
version pki dpkg-query -W strongswan-pki
cat >strongswan.conf <<END
libstrongswan { plugins { pkcs11 { modules { ukey { path = $module } } } } }
pki { load = pkcs11 pem pkcs1 pkcs8 x509 pubkey openssl random nonce }
END
export STRONGSWAN_CONF=$NS_DIR/strongswan.conf
# strongswan PIN COMMAND...: it reads the PIN from its input where there is no terminal. What it made is in "out".
strongswan()
{
	echo "$1" | timeout 60 setsid -w pki "${@:2}" --outform pem >out
}

works() # HOW
{
	local key type
	for key in rsa:rsa "${ready[1]}:ecdsa"; do
		IFS=: read -r key type <<<"$key"
		try "$1: --self, $key" strongswan "$pin" --self --keyid "${id[$key]}" --type "$type" --dn "CN=self $key" --ca
		try "  is good" openssl verify -CAfile out out
		try "  and the token's key" cmp <(openssl x509 -in out -noout -pubkey) "$key.pub"
		try "$1: --req, $key" strongswan "$pin" --req --keyid "${id[$key]}" --type "$type" --dn "CN=req $key"
		says "  is good" "verify OK" openssl req -in out -verify -noout
	done
}
works "typed PIN"
! piv || fails "a key that asks for its PIN each time is beyond it" "requires reauthentication" strongswan "$pin" --self --keyid 02 --type ecdsa --dn CN=x
fails "a wrong PIN" "." strongswan 000000 --self --keyid "${id[ec]}" --type ecdsa --dn CN=x
protected "error 83886179"
works "protected path, the PIN typed all the same"
finish
