# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# What the scripts of this folder share: a token with a P-256 (01) and an RSA-2048 key (02), each with a certificate;
# programs whose commands are counted twice: by the token, and by a shim between the program and libpcsclite
# (pcsc_shim.c); and tables for doc/benchmarks.md. Sourced after ns_enter.

export UKEY_BUILD=${UKEY_BUILD:-${BUILD:?the build folder}}
export LC_ALL=C.UTF-8 LANGUAGE='' PATH=$UKEY_BUILD:$PATH
cd "$NS_DIR" || exit 1
export HOME=$NS_DIR XDG_STATE_HOME=$NS_DIR/state XDG_CONFIG_HOME=$NS_DIR/config XDG_CACHE_HOME=$NS_DIR/cache
document=$here/../../doc/benchmarks.md
module=$UKEY_BUILD/.libs/ukey-pkcs11.so
shim=$UKEY_BUILD/tests/bench/.libs/pcsc_shim.so
printf 24816326 >user.pin
printf 13579135 >so.pin
chmod 600 ./*.pin

broken()
{
	ns_say "$*"
	exit 1
}

# What the daemons said last, indented; for who looks for a cause. vpcd's driver complains of each control code.
circumstances()
{
	local log
	for log in *.log; do
		[ ! -s "$log" ] || { echo "  the end of $log:"; grep -v IFDControl "$log" | tail -n 12 | sed 's/^/    /'; }
	done
	echo "  load: $(cat /proc/loadavg)"
}

# ran COMMAND...: what it prints. When it fails, says so, with its exit status, what it said, and what the daemons did.
ran()
{
	local status=0 words=$*
	"$@" 2>ran.said || status=$?
	[ "$status" != 0 ] || return 0
	{
		ns_say "this failed, with $status: ${words//"$UKEY_BUILD/"/}"
		sed 's/^/    /' ran.said
		circumstances
	} >&2
	return "$status"
}

p11_time()
{
	ran timeout 300 "$UKEY_BUILD/tests/bench/p11_time" "$@"
}

# milliseconds MICROSECONDS
milliseconds()
{
	awk -v us="$1" 'BEGIN { printf "%.2f", us / 1000 }'
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
	emu_ctl plain log "$PWD/wire.log" >/dev/null && p11_time "$module" user.pin again "$1" 1 >/dev/null &&
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

# A line of the program that stays: it is there.
arrived()
{
	local answer
	read -r -t 60 answer <&"$1" || answer="no answer"
	[ "$answer" = ok ] || { ns_say "a program that goes to '$2': $answer"; return 1; }
}

# taken TOKEN: what was counted since the last time. Sets by_token ("APDUS IN OUT") and by_shim ("APDUS SENT RECEIVED CALLS").
taken()
{
	by_token=$(emu_ctl "$1" counters | jq -r '"\(.apdus) \(.bytes_in) \(.bytes_out)"')
	by_shim=$(paste -d' ' <(shim_counts counts | tr ' ' '\n') <(tr ' ' '\n' <<<"$counted_before") | awk '{ printf "%s%d", gap, $1 - $2; gap = " " }')
	counted_before=$(shim_counts counts)
	emu_ctl "$1" reset-counters >/dev/null
}

# counted TOKEN MODULE list|ID [AGAIN]: a program from its start to there, and no further, as taken() says; with AGAIN what
# it costs once more (which comes second). PIN: the file with the PIN, if not user.pin.
counted()
{
	local status=0
	rm -f counts
	counted_before="0 0 0 0"
	emu_ctl "$1" reset-counters >/dev/null
	# OpenSC looks for libpcsclite by itself, and takes another one that it is told of.
	printf 'app default {\n\treader_driver pcsc {\n\t\tprovider_library = %s;\n\t}\n}\n' "$shim" >shim.conf
	coproc stays { OPENSC_CONF=$PWD/shim.conf PCSC_SHIM_COUNTS=$PWD/counts LD_PRELOAD=$shim exec "$UKEY_BUILD/tests/bench/p11_time" "$2" "${PIN:-user.pin}" stay "$3"; }
	# shellcheck disable=SC2154 # set by coproc
	local pid=$stays_PID in=${stays[1]} out=${stays[0]}
	arrived "$out" "$3" && taken "$1" || status=1
	if [ "$status" = 0 ] && [ -n "${4:-}" ]; then
		echo >&"$in"
		arrived "$out" "$3, again" && taken "$1" || status=1
	fi
	eval "exec $in>&-"
	wait "$pid"
	[ "$status" != 0 ] || [ "$by_token" = "${by_shim% *}" ] ||
		{ ns_say "the token counted '$by_token', the shim between program and libpcsclite '$by_shim'"; status=1; }
	[ "$status" = 0 ] || circumstances >&2
	return "$status"
}

# publish --write|"" TABLE...: prints the files TABLE.table; with --write puts them into their places in doc/benchmarks.md.
publish()
{
	local write=$1 table
	shift
	for table in "$@"; do
		echo
		cat "$table.table"
	done
	[ "$write" = --write ] || return 0
	awk -v folder="$NS_DIR" '
		/^<!-- end of table -->/ { skip = 0 }
		!skip { print }
		/^<!-- table [a-z]+ -->/ {
			file = folder "/" $3 ".table"
			while ((getline line < file) > 0) { print line; skip = 1 }
		}' "$document" >new.md && cat new.md >"$document"
}
