#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# wpa_supplicant's EAP-TLS, by its test client against hostapd's EAP server: RSA and EC, plain PIN and protected path. It
# loads modules from below /usr/lib only, as an installed one is.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
need eapol_test
need hostapd
engine=$(openssl version -e | sed 's/.*"\(.*\)"/\1/')/pkcs11.so
[ -e "$engine" ] || { echo "libengine-pkcs11-openssl is not installed"; exit 77; }
clients_start "$@"
version eapol_test dpkg-query -W eapoltest

# In this namespace alone a file that is there is ours.
place=$(dirname "$engine")/afalg.so
[ -e "$place" ] && mount --bind "$module" "$place" || { echo "no file below /usr/lib can stand for the module"; exit 77; }

cat >hostapd.conf <<END
driver=none
interface=lo
eap_server=1
radius_server_clients=$NS_DIR/radius
radius_server_auth_port=18120
eap_user_file=$NS_DIR/users
ca_cert=$NS_DIR/ca.pem
server_cert=$NS_DIR/server.pem
private_key=$NS_DIR/server.key
END
echo "127.0.0.1 secret" >radius
echo "* TLS" >users
serves()
{
	hostapd -dd hostapd.conf >hostapd.log 2>&1 &
	echo $! >hostapd.pid
	ns_wait 30 grep -q "AP-ENABLED\|RADIUS SRV\|Setup of interface done" hostapd.log || { tail hostapd.log; return 1; }
}
try "hostapd as EAP server" serves

join() # KEY [LINE...]
{
	cat >net <<-END
		network={
			key_mgmt=WPA-EAP
			eap=TLS
			identity="holder"
			ca_cert="$NS_DIR/ca.pem"
			client_cert="$(uri "$1" cert)"
			private_key="$(uri "$1" private)"
			${2:-}
		}
		pkcs11_engine_path=$engine
		pkcs11_module_path=$place
	END
	sed -i '/pkcs11_/{s/^\t*//;w globals
		d}' net
	cat globals net >eapol.conf
	timeout 60 eapol_test -c eapol.conf -a 127.0.0.1 -p 18120 -s secret -t "${PATIENCE:-40}"
}
for key in "${ready[@]}"; do
	: >hostapd.log
	says "EAP-TLS, $key" "^SUCCESS" join "$key" "pin=\"$pin\""
	says "  the server saw the holder" holder grep -ao "CN=holder $key" hostapd.log
done
! piv || PATIENCE=10 fails "a key that asks for its PIN each time is beyond it" "FAILURE|failed" join ec "pin=\"$pin\""
PATIENCE=10 fails "a wrong PIN" "FAILURE|failed" join rsa 'pin="000000"'
protected "pin $pin" "pin 000000" "pin $pin"
says "protected path" "^SUCCESS" join rsa
says "  after a wrong PIN" "^SUCCESS" join "${ready[1]}"
ns_stop_pid hostapd.pid
finish
