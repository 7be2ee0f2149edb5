#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# GnuPG through gnupg-pkcs11-scd: an OpenPGP key on the token's RSA key, signatures, decryption; gpgsm's CMS. EC keys are
# beyond gnupg-pkcs11-scd 0.10. Plain PIN and protected path.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
need gpg
need gpgsm
need gpg-connect-agent
scd=$(command -v gnupg-pkcs11-scd) || { echo "gnupg-pkcs11-scd is not installed"; exit 77; }
clients_start "$@"
version gpg gpg --version
version gnupg-pkcs11-scd "$scd" --version
export GNUPGHOME=$NS_DIR/gnupg
mkdir -m 700 gnupg
cat >pinentry <<'END'
#!/bin/sh
echo "OK hello"
while read -r line; do
	case $line in
	GETPIN) echo "D $(cat "$HOME/typed")" && echo OK ;;
	BYE) echo OK && exit ;;
	*) echo OK ;;
	esac
done
END
chmod 700 pinentry
# The agent says goodbye before it goes: who comes in between finds one that ends.
agent_end()
{
	gpgconf --kill all
	ns_wait 30 test ! -e "$(gpgconf --list-dirs agent-socket)"
}
printf '%s\n' "scdaemon-program $scd" "pinentry-program $NS_DIR/pinentry" >gnupg/gpg-agent.conf
configure() # LINE...
{
	agent_end
	printf '%s\n' "providers ukey" "provider-ukey-library $module" "$@" >gnupg/gnupg-pkcs11-scd.conf
}
printf %s "$pin" >typed
printf 'the text\n' >text
try "a key for decryption" client_exchange_key
configure

learn()
{
	gpg-connect-agent 'SCD LEARN --force' /bye
}
says "SCD LEARN lists the RSA keys" "KEY-FRIEDNLY [0-9A-F]{40} .*holder rsa" learn
grip=$(learn | sed -n 's/^S KEY-FRIEDNLY \([0-9A-F]*\) .*holder box.*/\1/p')
pgp_key()
{
	gpg --batch --quiet --full-generate-key <<-END
		Key-Type: RSA
		Key-Grip: $grip
		Key-Usage: sign,cert,encrypt
		Name-Real: holder
		Name-Email: holder@example.com
		Expire-Date: 1y
		%commit
	END
}
g()
{
	timeout 60 gpg --batch --yes --quiet "$@"
}
# gnupg-pkcs11-scd 0.10 hands on what gpg made, without the zeros that it begins with, one time in 256; a module wants all
# bytes of the modulus (PKCS#11 3.1 mechanisms, 2.1.6).
encrypt()
{
	local bits
	for _ in 1 2 3 4 5; do
		g --trust-model always -r holder -o x.enc -e text || return 1
		bits=$(gpg --batch --list-only --list-packets x.enc 2>&1 | sed -n 's/.*data: \[\([0-9]*\) bits\].*/\1/p')
		[ "$bits" -le 2040 ] || return 0
	done
	return 1
}
try "the agent learns of them" bash -c "gpg-connect-agent 'LEARN --send' /bye >/dev/null"
try "an OpenPGP key" pgp_key
try "gpg -s" g -u holder -o x.gpg -s text
says "  is good" "Good signature from .holder" gpg --verify x.gpg
try "gpg -e" encrypt
try "gpg -d" g -o back -d x.enc
try "  the text" cmp text back

# ---- gpgsm ----
try "gpgsm takes the CA" gpgsm --batch --quiet --import ca.pem
echo "$(openssl x509 -in ca.pem -noout -fingerprint -sha1 | sed 's/.*=//') S relax" >gnupg/trustlist.txt
try "gpgsm --learn-card" gpgsm --batch --learn-card
s=(gpgsm --batch --yes --quiet --disable-crl-checks --disable-dirmngr)
fingerprint=$(openssl x509 -in rsa.pem -noout -fingerprint -sha1 | sed 's/.*=//; s/://g')
try "gpgsm -s" "${s[@]}" -u "$fingerprint" -o x.p7 -s text
# Not openssl: between gnupg-pkcs11-scd and gpgsm a signature that begins with 80 or above gets a zero in front.
says "  gpgsm agrees" "Good signature from .*holder rsa" gpgsm --batch --disable-crl-checks --disable-dirmngr --verify x.p7

# ---- protected path ----
rm typed
configure provider-ukey-allow-protected-auth
protected "pin 000000" "pin $pin" "pin $pin" "pin $pin"
try "protected path: gpg -s, after a wrong PIN" g -u holder -o y.gpg -s text
says "  is good" "Good signature from .holder" gpg --verify y.gpg
try "gpg -d" g -o back -d x.enc
agent_end
finish
