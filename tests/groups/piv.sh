# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# PIV: the token's PIV application as other people's programs see it, and other people's PIV cards in our module's hands,
# in the programs of tests/clients too, over pcscd and over libusb.
piv_builds=gcc

piv_plan()
{
	plan_scripts piv gcc piv
	piv_clients pcsc gnutls openssl ssh nss p11-kit java strongswan gnupg eapol firefox chromium
	piv_clients usb gnutls openssl ssh nss p11-kit java strongswan gnupg eapol firefox chromium
	plan "piv/usb-pkcs11-tool" script env CLIENTS_ROAD=usb "BUILD=$top/build/check-gcc" "$top/tests/piv/pkcs11-tool.sh"
}

piv_clients() # ROAD CLIENT...
{
	local road=$1 client script
	shift
	for client in "$@"; do
		script=$top/tests/clients/$client.sh
		TIMEOUT=$(script_timeout "$script") plan "piv/$road-$client" script \
			env CLIENTS_CARD=piv "CLIENTS_ROAD=$road" "BUILD=$top/build/check-gcc" "$script"
	done
}
