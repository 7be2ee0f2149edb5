# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
# What the scripts of this folder share: a token with a P-256 (01) and an RSA-2048 key (02), each with a certificate, and
# programs whose commands are counted twice: by the token, and by a shim between the program and libpcsclite
# (pcsc_shim.c). Sourced after ns_enter.

export UKEY_BUILD=${UKEY_BUILD:-${BUILD:?the build folder}}
export LC_ALL=C.UTF-8 LANGUAGE='' PATH=$UKEY_BUILD:$PATH
cd "$NS_DIR" || exit 1
export HOME=$NS_DIR XDG_STATE_HOME=$NS_DIR/state XDG_CONFIG_HOME=$NS_DIR/config XDG_CACHE_HOME=$NS_DIR/cache
module=$UKEY_BUILD/.libs/ukey-pkcs11.so
shim=$UKEY_BUILD/tests/bench/.libs/pcsc_shim.so
printf 24816326 >user.pin
printf 13579135 >so.pin
chmod 600 ./*.pin

p11_time()
{
	"$UKEY_BUILD/tests/bench/p11_time" "$@"
}

# token plain|inside: the token of this name, alone in its reader; inside: of a factory, all of it in the secure channel.
token()
{
	local key uri
	if [ "$1" = inside ]; then
		factory_start && personalize inside --serial 00554B4559000002 && emu_start inside || return 1
	else
		emu_start plain --create --serial 00554B4559000001 || return 1
	fi
	ns_wait 10 ukey info || return 1
	ukey init --label "$1" --new-so-pin-file so.pin --new-pin-file user.pin --yes --quiet || return 1
	for key in p256:01 rsa2048:02; do
		ukey key generate --key "${key%:*}" --label "${key%:*}" --id "${key#*:}" --pin-file user.pin --quiet || return 1
		uri="pkcs11:token=$1;object=${key%:*};type=private;pin-source=file:$PWD/user.pin"
		PKCS11_MODULE_PATH=$module openssl req -new -x509 -engine pkcs11 -keyform engine -key "$uri" -subj "/CN=${key%:*}" \
			-days 30 -out certificate.pem 2>openssl.said || { cat openssl.said >&2; return 1; }
		ukey cert import certificate.pem --key-ref "${key%:*}" --pin-file user.pin --quiet || return 1
	done
}

# apdus ID: what a program sends in clear that signs with the key, to ID.apdus: SELECT, VERIFY, GENERAL AUTHENTICATE.
apdus()
{
	rm -f wire.log
	emu_ctl plain log "$PWD/wire.log" >/dev/null && p11_time "$module" user.pin sign "$1" 1 >/dev/null &&
		emu_ctl plain log off >/dev/null || return 1
	grep -oE '> ?00(A4|20|87)[0-9A-F]+' wire.log | sed 's/^> *//' >commands
	{ grep -m1 ^00A4 commands && grep -m1 ^0020 commands && grep ^0087 commands | tail -n 1; } >"$1.apdus"
	[ "$(wc -l <"$1.apdus")" = 3 ]
}

# forget: as a user who has never seen this token.
forget()
{
	rm -rf "$XDG_STATE_HOME" "$XDG_CACHE_HOME"
}

# shim_counts FILE: "APDUS SENT RECEIVED CALLS".
shim_counts()
{
	od -An -v -t u8 -w32 -N 32 "$1" | tr -s ' ' | sed 's/^ //'
}

# counted TOKEN MODULE list|ID: a program from its start to there, and no further. Sets by_token ("APDUS IN OUT") and by_shim
# ("APDUS SENT RECEIVED CALLS").
counted()
{
	local answer status=0
	rm -f counts
	emu_ctl "$1" reset-counters >/dev/null
	coproc stays { PCSC_SHIM_COUNTS=$PWD/counts LD_PRELOAD=$shim p11_time "$2" user.pin stay "$3"; }
	# shellcheck disable=SC2154 # set by coproc
	local pid=$stays_PID in=${stays[1]}
	read -r -t 60 answer <&"${stays[0]}" || answer="no answer"
	by_token=$(emu_ctl "$1" counters | jq -r '"\(.apdus) \(.bytes_in) \(.bytes_out)"')
	by_shim=$(shim_counts counts)
	eval "exec $in>&-"
	wait "$pid"
	[ "$answer" = ok ] || { ns_say "a program that goes to '$3': $answer"; return 1; }
}
