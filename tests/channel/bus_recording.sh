#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check: timeout=300
# Every byte of the bus recorded by the emulator, and pcscd's own debug log of every command, while PINs are set, used,
# changed and unlocked, by ukey and by the PKCS#11 module: no PIN is in them, in no shape. Then all that was said is said
# again, to the token as it was at the beginning.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$here/../lib/personal.sh"
need jq
need pkcs11-tool
ns_enter "$@"
# shellcheck source=tests/channel/lib.sh
. "$here/lib.sh"

# Each step of the road has a PIN of its own.
pin so 135791357924
pin user 248163264128
pin changed 975318642975
pin unblocked 864297531864
pin phoned 753186429753
pin so2 642975318642
pin p11user 531864297531
pin p11changed 429753186429
pin p11so 318642975318
printf 'hex:%s\n' "$FACTORY_MASTER_KEY" >>secrets
factory_start && pcscd_start --apdu || exit 1
personalize alice || exit 1
cp alice.flash blank.flash
emu_start alice --log "$NS_DIR/alice.wire" || exit 1

# The token's unlock key, derived as protocol 5.1 says.
unlock_key()
{
	# shellcheck disable=SC2059 # the bytes
	printf '\0\0\0\1PIN-UNLOCK\0\1OpenUKey'"$(serial alice | sed 's/../\\x&/g')"'\xF0OpenUKey\1\0\0\0\x80' |
		openssl mac -cipher AES-128-CBC -macopt "hexkey:$FACTORY_MASTER_KEY" CMAC
}
printf 'hex:%s\n' "$(unlock_key)" >>secrets

# libukey's own log of commands, and what it leaves in files, are looked through as well.
export OPENUKEY_DEBUG=$NS_DIR/debug.log

p11()
{
	timeout 60 pkcs11-tool --module "$module" "$@"
}

value()
{
	cat "$1.pin"
}

# The desk on the phone, and the holder who types.
by_phone()
{
	local challenge code
	mkfifo answers
	exec 5<>answers
	ukey pin unlock --remote --json --answer-fd 3 --new-pin-file phoned.pin 3<answers >phone.out 2>phone.err 5>&- &
	ns_wait 20 grep -qs '"challenge"' phone.out
	challenge=$(jq -rs 'map(select(.event == "challenge")) | last | .challenge' phone.out)
	code=$("$UKEY_BUILD/tests/tools/desk_answer" "$FACTORY_MASTER_KEY" "$challenge") || return 1
	printf '%s\n' "$code" >&5
	exec 5>&-
	wait $!
}

sign()
{
	rm -f one.csr
	ukey request --key-ref ec --subject CN=One --pin-file "$1.pin" --output one.csr
}

printf 'text of no importance' >text
try "ukey init" made alice
try "ukey: log-in and a signature" sign user
try "ukey pin change" ukey pin change --pin-file user.pin --new-pin-file changed.pin
try "ukey so-pin change" ukey so-pin change --so-pin-file so.pin --new-so-pin-file so2.pin
try "ukey pin unlock with the SO PIN" ukey pin unlock --so-pin-file so2.pin --new-pin-file unblocked.pin
try "ukey pin unlock by phone" by_phone
try "and the new PIN signs" sign phoned
cp alice.flash middle.flash
try "PKCS#11: log-in and a signature" p11 --login --pin "$(value phoned)" --sign --mechanism ECDSA-SHA256 --id 01 \
	--input-file text --output-file text.sig
try "PKCS#11: C_InitToken" p11 --init-token --label again --slot-index 0 --so-pin "$(value so2)"
try "PKCS#11: C_InitPIN" p11 --login --login-type so --so-pin "$(value so2)" --init-pin --new-pin "$(value p11user)"
try "PKCS#11: C_SetPIN" p11 --login --pin "$(value p11user)" --change-pin --new-pin "$(value p11changed)"
try "PKCS#11: C_SetPIN by the SO" p11 --login --login-type so --so-pin "$(value so2)" --change-pin --new-pin "$(value p11so)"
try "ukey init again" ukey init --label last --so-pin-file p11so.pin --new-so-pin-file so.pin --new-pin-file user.pin --yes
commands=$(grep -c ' > ' alice.wire)
if [ "$commands" -gt 60 ] && [ "$(grep -c APDU: pcscd.log)" -ge "$commands" ]; then
	ok "$commands commands, and all of them in pcscd's log too"
else
	bad "$commands commands, and all of them in pcscd's log too: $(grep -c APDU: pcscd.log)"
fi
not_found "the emulator's log" --flash alice.flash secrets alice.wire
grep -q "secret .: stored [1-9]" search.said || bad "the PINs' hashes were looked for, with the token's salts"
not_found "pcscd's log" --flash middle.flash secrets pcscd.log

find state cache -type f >left 2>/dev/null
[ "$(wc -l <debug.log)" -gt "$commands" ] || bad "libukey's log has the commands"
# shellcheck disable=SC2046 # names without blanks
not_found "libukey's own log, and the files that it leaves" --flash middle.flash secrets debug.log $(cat left)

# All of it again. The token as the factory made it, and as it was in the middle.
replay_on()
{
	emu_stop alice
	cp "$1" alice.flash
	emu_start alice || return 1
	sed -n 's/^.* > //p' alice.wire >replay
	"$UKEY_BUILD/tests/lib/pcsc_talk" "$(emu_reader alice)" <replay >replay.said
	paste -d' ' replay replay.said | awk '$1 ~ /^(04|05|06|07|8[4567]|6.|E.)/ && $2 ~ /(9000|62..|63..)$/' >replay.accepted
	[ "$(wc -l <replay.said)" = "$(wc -l <replay)" ] || { echo "the token did not answer to all of it"; return 1; }
	[ ! -s replay.accepted ] || { head -n 5 replay.accepted; return 1; }
	cmp alice.flash "$1"
}
try "all of it said again to the token as the factory made it: not a byte of its flash moves" replay_on blank.flash
try "and to the token as it was in the middle" replay_on middle.flash
emu_stop alice

# This test can fail.
emu_start bob --create --log "$NS_DIR/bob.wire" || exit 1
made bob || bad "a token without device key is made"
is_found "without a channel the emulator's log shows the PIN" "secret 2, as it is as hexadecimal text" secrets bob.wire
is_found "and so does pcscd's" "secret 2, as it is as hexadecimal text" secrets pcscd.log
finish
