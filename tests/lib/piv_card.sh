# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# A PIV card as other people's is: an emulated token whose PIV application was given its keys and certificates by
# yubico-piv-tool and openssl. Sourced by tests of real programs, inside the namespace; wants $pin, and the CA's
# ca.pem and ca.key in the folder. With its own application switched off (ukey-emu --piv-only) it is a PIV card and nothing else.

puk=86420975
management_key=a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8c1c2c3c4c5c6c7c8
piv_slots=(rsa:9a:RSA2048:33 ec:9c:ECCP256:34 box:9d:RSA2048:35 card:9e:ECCP256:36)

# piv_card_reader: a configuration of pcscd in which vpcd's reader is called "Yubico Virtual": ykcs11 2.2 opens no other.
piv_card_reader()
{
	local library
	library=$(compgen -G '/usr/lib/pcsc/drivers/serial/libifdvpcd.so*' | head -n 1)
	[ -n "$library" ] || { echo "vsmartcard-vpcd is not installed" >&2; return 1; }
	printf 'FRIENDLYNAME "Yubico Virtual"\nDEVICENAME /dev/null:0x8C7B\nLIBPATH %s\nCHANNELID 0x8C7B\n' "$library"
}

# piv_card_init [OPTION of ukey init...]: the token in the reader gets the PIV application, with the codes above.
piv_card_init()
{
	printf 97531864 >own.so
	printf 19283746 >own.pin
	printf 'pin %s\npuk %s\nmanagement-key tdes %s\n' "$pin" "$puk" "$management_key" >piv.codes
	"$UKEY_BUILD/ukey" init --label alice --new-so-pin-file own.so --new-pin-file own.pin --with-piv piv.codes --yes --quiet "$@"
}

# y ACTION...: yubico-piv-tool with the management key, on the first reader with a card.
y()
{
	timeout 60 yubico-piv-tool -r '' "--key=$management_key" "$@"
}

# piv_card_certificates: in each slot a key and a certificate of the CA, "CN=holder NAME"; in NAME.pem too, NAME.pub is its key.
piv_card_certificates()
{
	local row
	for row in "${piv_slots[@]}"; do
		IFS=: read -r name slot algorithm serial <<<"$row"
		piv_card_certificate "$name" "$slot" "$algorithm" "$serial" || { cat said; return 1; }
	done
}

# For a script to say otherwise.
piv_card_more()
{
	true
}

piv_card_certificate() # NAME SLOT ALGORITHM SERIAL
{
	y -s "$2" -A "$3" -a generate -o "$1.pub" >said 2>&1 &&
		openssl x509 -new -subj "/O=Example/CN=holder $1" -force_pubkey "$1.pub" -CA ca.pem -CAkey ca.key -set_serial "$4" -days 20 \
			-extfile <(client_extensions) -out "$1.pem" 2>said &&
		y -s "$2" -a import-certificate -i "$1.pem" >said 2>&1
}
