#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # COPROC
# check: timeout=600
# Two programs on one reader, real processes over a real pcscd: A logs in through the PKCS#11 module and works; B has no
# PIN, but all of A's bytes as they pass, and tries everything (outsider.c lists what). CHANNEL_ATTEMPTS: how often.
# pains 5 and 6: A's log-in is not B's to use or to end, and does not outlive A.
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
attempts=${CHANNEL_ATTEMPTS:-30000}

pin user 248163264128
pin so 135791357924
factory_start && pcscd_start || exit 1
personalize alice && emu_start alice --log "$NS_DIR/alice.wire" && made alice || exit 1

ask() # LINE SECONDS
{
	local answer
	echo "$1" >&"${A[1]}"
	read -r -t "$2" answer <&"${A[0]}" || answer="no answer"
	echo "$answer"
}

works()
{
	local said
	said=$(ask "work $1" 120)
	[ "$said" = ok ] || { echo "$said"; return 1; }
}

works_after_login()
{
	works 20 && return
	ask login 60
	works 20
}

outsider()
{
	"$UKEY_BUILD/tests/channel/outsider" "$@"
}

coproc A { exec "$UKEY_BUILD/tests/channel/victim" "$module" user.pin; }
read -r -t 60 said <&"${A[0]}"
if [ "$said" = ok ]; then ok "A is in"; else bad "A is in: $said"; fi
try "A works alone" works 20
before=$(state_of alice)

# The attack, while A works; A's last words come when B is done.
echo until >&"${A[1]}"
if outsider "$(emu_reader alice)" "$NS_DIR/alice.wire" "$attempts" >outsider.said 2>&1; then
	ok "B got nothing"
else
	bad "B got nothing"
fi
cat outsider.said
made_attempts=$(sed -n 's/^\([0-9]*\) attempts,.*/\1/p' outsider.said)
if [ "${made_attempts:-0}" -ge "$attempts" ]; then ok "B tried $made_attempts times"; else bad "B tried ${made_attempts:-0} times"; fi
if grep -q '^ *0  ' outsider.said; then bad "every kind of attempt was made"; else ok "every kind of attempt was made"; fi
said=$(ask stop 60)
echo "A: $said"
if [[ $said =~ ^([0-9]+)\ signatures,\ ([0-9]+)\ log-ins,\ ([0-9]+)\ lost,\ 0\ wrong,\ 0\ other ]] &&
	[ "${BASH_REMATCH[1]}" -gt 0 ] && [ "${BASH_REMATCH[3]}" -gt 0 ]; then
	ok "A was disturbed, was told to log in again, and never had a wrong result"
else
	bad "A was disturbed, was told to log in again, and never had a wrong result: $said"
fi
try "A goes on after" works_after_login
after=$(state_of alice)
if [ "$before" = "$after" ]; then ok "no PIN counter, no object, no generation moved"; else
	bad "no PIN counter, no object, no generation moved"
	printf '  %s\n' "$before" "$after"
fi

# A few on the real stack: all that A ever said, to the token as it was when the recording began, and as it is.
replay()
{
	sed -n 's/^.* > //p' alice.wire | sort -u | shuf -n 300 --random-source=<(yes "$(cat user.pin)") >replay
	cp alice.flash flash.before
	"$UKEY_BUILD/tests/lib/pcsc_talk" "$(emu_reader alice)" <replay >replay.said
	paste -d' ' replay replay.said | awk '$1 ~ /^(04|05|06|07|8[4567]|6.|E.)/ && $2 ~ /(9000|62..|63..)$/' | tee replay.accepted
	[ "$(wc -l <replay.said)" = 300 ] && [ ! -s replay.accepted ] && cmp alice.flash flash.before
}
replay_after_power()
{
	emu_unplug alice && emu_plug alice && replay
}
try "300 of the recorded commands, after the loss of power" replay_after_power

eval "exec ${A[1]}>&-"
wait "$A_PID"

# With guesses: they only count down, over however many channels.
guess()
{
	local said wrong width=$1
	said=$(outsider --guess "$(emu_reader alice)" "$NS_DIR/alice.wire" "$width") || return 1
	echo "$said"
	wrong=$(sed -n 's/.* channels, \([0-9]*\) wrong.*/\1/p' <<<"$said")
	[ "$wrong" = 6 ] && [[ $said == "$width channels"* ]] && [ "$(tries_left alice)" = 0 ] &&
		ukey pin unlock --so-pin-file so.pin --new-pin-file user.pin && [ "$(tries_left alice)" = 6 ]
}
for width in 1 2 19; do
	try "guessing over $width channels: six wrong PINs, then blocked" guess "$width"
done

# This test can fail: a token without a device key has one log-in for all, and B rides on it.
emu_unplug alice
emu_start bob --create --log "$NS_DIR/bob.wire" && made bob || exit 1
coproc A { exec "$UKEY_BUILD/tests/channel/victim" "$module" user.pin; }
read -r -t 60 said <&"${A[0]}"
works 3 >/dev/null
rides()
{
	! outsider "$(emu_reader bob)" "$NS_DIR/bob.wire" 300 >bob.said && grep "GOT IT: .*sign" bob.said
}
try "without a channel B signs with A's key" rides
finish
