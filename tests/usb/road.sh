# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The main road of ./quickstart for a token on USB, as cases (tests/lib/cases.sh): from blank to a signature, and back from
# a blocked PIN. Sourced; wants functions ukey and p11 (pkcs11-tool on our module), and an empty folder to work in.
# "usb_road" expects one blank token, and that no pcscd runs.

# ra_enroll: with a CA of ours, if there is one to ask (CA_URL, CA_FILE, CA_CODE); else by request and an openssl CA.
usb_road_certificate()
{
	if [ -n "${CA_URL:-}" ]; then
		try "road: enrolled over EST, and the certificate written" \
			ukey enroll --url "$CA_URL" --ca "$CA_FILE" --code-file "$CA_CODE" --key-ref rsa --pin-file road.pin --quiet
		cp "$CA_FILE" road-ca.pem
	else
		openssl req -x509 -newkey rsa:2048 -nodes -keyout road-ca.key -out road-ca.pem -subj "/CN=Road CA" -days 3 2>/dev/null
		try "road: a request" ukey request --key-ref rsa --subject "CN=Zhang San" --pin-file road.pin --output road.csr
		try "road: that openssl accepts" openssl req -in road.csr -verify -noout
		openssl x509 -req -in road.csr -CA road-ca.pem -CAkey road-ca.key -days 3 -out road-cert.pem 2>/dev/null
		try "road: the certificate is written" ukey cert import road-cert.pem --pin-file road.pin
	fi
	try "road: and read back" ukey cert export --key-ref rsa --output road-back.pem
	try "road: it is the CA's" openssl verify -CAfile road-ca.pem road-back.pem
}

usb_road_signs() # PIN-FILE NAME
{
	try "road: $2" ukey sign road.txt --key-ref rsa --pin-file "$1" --output road.p7s &&
		try "road: that openssl accepts" openssl cms -verify -binary -inform DER -in road.p7s -content road.txt \
			-CAfile road-ca.pem -purpose any -out /dev/null
}

# Wrong PINs until no try is left.
usb_road_blocks()
{
	local tries=0 status=40
	while [ "$status" = 40 ] && [ $((tries += 1)) -le 16 ]; do
		ukey pin verify --pin-file road.wrong
		status=$?
	done
	[ "$status" = 41 ] || { echo "the last of $tries wrong tries ended with $status"; return 1; }
}

usb_road_refused()
{
	ukey pin verify --pin-file road.pin
	[ $? = 41 ]
}

usb_road()
{
	printf '246810\n' >road.pin
	printf '135791\n' >road.new
	printf '000000\n' >road.wrong
	printf '24681012\n' >road.so
	chmod 600 road.pin road.new road.so
	echo "Contract: the bearer of this key agrees." >road.txt
	ukey list --json >road.list
	try "road: one token, on USB" jq -e '(.tokens | length) == 1 and .tokens[0].road == "usb"' road.list
	try "road: and it is blank" jq -e '.tokens[0].state == "blank"' road.list
	try "road: initialised" ukey init --label road --new-so-pin-file road.so --new-pin-file road.pin --yes --quiet
	try "road: a key of RSA-2048" ukey key generate --key rsa2048 --label rsa --id 01 --pin-file road.pin --quiet
	usb_road_certificate
	openssl x509 -in road-back.pem -pubkey -noout >road.pub
	try "road: pkcs11-tool signs" p11 --login --pin 246810 --sign --mechanism SHA256-RSA-PKCS --id 01 \
		--input-file road.txt --output-file road.rsa
	try "road: openssl accepts it" openssl dgst -sha256 -verify road.pub -signature road.rsa road.txt
	usb_road_signs road.pin "a signed document"
	try "road: wrong PINs block it" usb_road_blocks
	try "road: to the right one too" usb_road_refused
	try "road: the SO PIN unlocks it" ukey pin unlock --so-pin-file road.so --new-pin-file road.new
	usb_road_signs road.new "signed again, with the new PIN"
	try "road: pkcs11-tool --test --login" p11 --test --login --pin 135791
}
