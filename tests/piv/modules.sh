#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One card, three PKCS#11 modules: OpenSC's, Yubico's and ours see the same keys and certificates, ssh-keygen -D gives the
# same keys through each, and each signs what openssl accepts. (PIV, shows.)
# shellcheck source=tests/clients/lib.sh
CLIENTS_CARD=yubico
. "$(dirname "$0")/../clients/lib.sh"
need pkcs11-tool
need ssh-keygen
declare -A modules
modules[opensc]=$(compgen -G '/usr/lib/*/opensc-pkcs11.so' | head -n 1)
modules[ykcs11]=$(compgen -G '/usr/lib/*/libykcs11.so*' | head -n 1)
for name in opensc ykcs11; do
	[ -n "${modules[$name]}" ] || { echo "$name is not installed"; exit 77; }
done
clients_start "$@"
modules[ours]=$module
version opensc dpkg-query -W opensc-pkcs11
version ykcs11 dpkg-query -W ykcs11

# keys MODULE: what ssh-keygen -D says, without what each module calls them.
keys()
{
	timeout 60 ssh-keygen -D "${modules[$1]}" 2>/dev/null | cut -d' ' -f1,2 | sort -u
}
for name in rsa ec box card; do ssh-keygen -i -m PKCS8 -f "$name.pub"; done | sort >keys.made
for name in ours opensc ykcs11; do
	keys $name >keys.$name
done
try "ssh-keygen -D through us: the four keys that were made" cmp keys.made keys.ours
try "ssh-keygen -D through OpenSC gives the same keys as through us" cmp keys.opensc keys.ours
# ykcs11 shows the attestation key (F9) as well.
try "ssh-keygen -D through ykcs11 gives all of these, too" test -z "$(comm -23 keys.ours keys.ykcs11)"

p() # MODULE OPTION...
{
	timeout 60 pkcs11-tool --module "${modules[$1]}" "${@:2}"
}
certificate() # MODULE ID
{
	rm -f back
	p "$1" --read-object --type cert --id "$2" -o back >&2 && openssl x509 -inform DER -in back
}
head -c 500 /dev/urandom >data
openssl dgst -sha256 -binary data >digest
for name in ours opensc ykcs11; do
	for key in rsa ec box card; do
		try "$name: the certificate ${id[$key]} is $key's" cmp <(certificate $name "${id[$key]}" 2>/dev/null) <(openssl x509 -in $key.pem)
	done
	try "$name: a signature with 9A" p $name --login --pin "$pin" --sign -m SHA256-RSA-PKCS --id 01 -i data -o sig
	try "  openssl agrees" openssl dgst -sha256 -verify rsa.pub -signature sig data
	try "$name: a signature with 9C" p $name --login --pin "$pin" --sign -m ECDSA --id 02 -i digest -o sig --signature-format openssl
	try "  openssl agrees" openssl dgst -sha256 -verify ec.pub -signature sig data
done
says "ours: the card's application and its maker's extensions" "PIV" u info

# Keys without certificates: on a card with Yubico's extensions ykcs11 and we find them, OpenSC cannot.
try "a key without certificate" y -s 95 -A ECCP384 -a generate -o bare.pub
ssh-keygen -i -m PKCS8 -f bare.pub >bare.ssh
y -s 9e -a delete-certificate >said 2>&1
for name in ours ykcs11; do
	keys $name >keys.$name
	try "$name: a key whose certificate is gone is still there" grep -qFf <(ssh-keygen -i -m PKCS8 -f card.pub) keys.$name
done
keys opensc >keys.opensc
fails "OpenSC does not find it" "" grep -qFf <(ssh-keygen -i -m PKCS8 -f card.pub) keys.opensc
mkdir -p "$XDG_CONFIG_HOME/openukey" && echo "piv-all-slots = yes" >>"$XDG_CONFIG_HOME/openukey/openukey.conf"
rm -rf "$XDG_CACHE_HOME"
keys ours >keys.ours
try "piv-all-slots = yes: nor is a retired one without key history missed" grep -qFf bare.ssh keys.ours
finish
