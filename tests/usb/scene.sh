# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2034,SC2154 # variables of those who source this
# Scenes: functions of a test that run with an emulated token plugged into umockdev's bus (umock_token), their lines being
# cases of the test (tests/lib/cases.sh). Sourced; a test looks like this:
#
#	scene_plain() { try "it is there" ukey list; }
#	scene_inside "$@"		# ends the script when it was called for a scene
#	ns_enter "$@"
#	scenes_begin
#	scene plain -- --message 271 token.flash
#	finish

pin=583917
removed=32 # CKR_DEVICE_REMOVED
logged_out=101 # CKR_USER_NOT_LOGGED_IN

ukey() { timeout 60 "$U" "$@"; }
p11() { timeout 60 pkcs11-tool --module "$module" "$@"; }

# p11_begin: a process with our module, for as long as the scene lasts. p11_say CALL...: its answer.
p11_begin()
{
	coproc "$talk" "$module"
	exec 7<&"${COPROC[0]}" 8>&"${COPROC[1]}"
	p11_process=$COPROC_PID
}

p11_end()
{
	[ -n "${p11_process:-}" ] || return 0
	echo quit >&8
	exec 7<&- 8>&-
	wait "$p11_process"
	p11_process=''
}

p11_say()
{
	local answer=nothing
	echo "$*" >&8
	read -r -t 90 answer <&7
	echo "$answer"
}

says() # WANTED CALL...
{
	local wanted=$1 got
	shift
	got=$(p11_say "$@")
	[ "$got" = "$wanted" ] || { echo "$*: wanted $wanted, got $got"; return 1; }
}

same() # WANTED GOT
{
	[ "$1" = "$2" ] || { printf 'wanted %s\ngot    %s\n' "${1:0:300}" "${2:0:300}"; return 1; }
}

# The machine's port: unplug, plug, sleep.
port()
{
	case $1 in
	unplug) kill -USR1 "$UMOCK_PID" ;;
	plug) kill -USR2 "$UMOCK_PID" ;;
	sleep) kill -WINCH "$UMOCK_PID" ;;
	esac
}

soon() # SECONDS SINCE
{
	[ $(((${EPOCHREALTIME/./} - $2) / 1000)) -le $(($1 * 1000)) ] ||
		{ echo "it took $(((${EPOCHREALTIME/./} - $2) / 1000)) ms"; return 1; }
}

ready()
{
	printf %s $pin >pin
	printf %s 87654321 >so.pin
	ukey init --label usb --new-so-pin-file so.pin --new-pin-file pin --yes --quiet "$@" &&
		ukey key generate --key p256 --label one --id 01 --pin-file pin --quiet "$@"
}

# long_apdus NAME WAY: a command and an answer of a size that no packet, and often no message, has.
long_apdus()
{
	{
		printf '00CB3FFF009C40'
		head -c 80000 /dev/zero | tr '\0' 5
		printf '0000\n0084000000%04X\n' 32768
	} | "$apdu" "$2" talk >said
	try "$1: a command of 40,009 bytes is refused for its length" same 6700 "$(sed -n '1s/ .*//p' said)"
	try "$1: an answer of 32,770 bytes" same 65540 "$(sed -n '2s/ .*//p' said | tr -d '\n' | wc -c)"
	try "$1: which ends in 9000" grep -qE '9000 [0-9]+$' said
}

# scene_inside "$@"
scene_inside()
{
	[ "${1:-}" = scene ] || return 0
	shift
	"$@"
	p11_end
	exit 0
}

# scenes_begin: in the namespace, before the first.
scenes_begin()
{
	need umockdev-wrapper
	need jq
	need pkcs11-tool
	mock=$(ns_program tests/usb/umock_token) || exit 77
	apdu=$(ns_program tests/usb/apdu) || exit 77
	# shellcheck source=tests/tools/lib.sh
	. "$here/../tools/lib.sh"
	talk=$(ns_program tests/usb/p11_talk) || exit 1
	module=$(ns_program .libs/ukey-pkcs11.so) || exit 1
	sign_time=$(ns_program tests/channel/sign_time) || exit 1
	export U mock apdu talk module sign_time
}

# scene NAME [WORD...] -- OPTION...: with the token plugged in; its lines are cases of ours.
scene()
{
	local words=() line status
	while [ "$1" != -- ]; do words+=("$1"); shift; done
	shift
	timeout 100 umockdev-wrapper "$mock" "$@" "$BASH" "${script:-$here/$(basename "$0")}" scene "scene_${words[0]}" "${words[@]:1}" >scene.out 2>&1
	status=$?
	while read -r line; do
		case $line in
		ok:*) ok "${line#ok: }" ;;
		FAIL:*) bad "${line#FAIL: }" ;;
		*) echo "  $line" ;;
		esac
	done <scene.out
	[ "$status" = 0 ] || bad "the scene ${words[0]} ends with status $status"
}

# ---- pcscd on the mocked bus ----

# pcscd_on_usb: in the namespace; false where pcscd or libccid are missing. libccid knows devices by its list only; in this
# namespace ours is in it.
pcscd_on_usb()
{
	local list=/etc/libccid_Info.plist
	pcscd=$(PATH=$PATH:/usr/sbin command -v pcscd) || { echo "pcscd is not installed"; return 1; }
	[ -e $list ] || { echo "libccid is not installed"; return 1; }
	export pcscd
	sed -e '/<key>ifdVendorID<\/key>/,/<array>/s|<array>|<array><string>0x1209</string>|' \
		-e '/<key>ifdProductID<\/key>/,/<array>/s|<array>|<array><string>0x0001</string>|' \
		-e '/<key>ifdFriendlyName<\/key>/,/<array>/s|<array>|<array><string>OpenUKey token</string>|' $list >plist
	mount --bind plist $list || { echo "cannot replace libccid's list in this namespace"; return 1; }
}

pcscd_begin()
{
	"$pcscd" --foreground >>"$NS_DIR/pcscd.log" 2>&1 &
	daemon=$!
	ns_wait 30 test -S /run/pcscd/pcscd.comm
}

pcscd_end()
{
	kill "$daemon"
	wait "$daemon"
	rm -f /run/pcscd/pcscd.comm
}

road_is() # usb|pcsc
{
	ukey list --json | jq -e --arg road "$1" '[.tokens[].road] == [$road]'
}

# ---- what a way costs ----

# In files bench.*, so that the two ways may be measured one after the other. The token has a P-256 key, CKA_ID 01 or so.
bench_usb() # N
{
	local le
	rm -f bench.*
	for le in 8 256; do
		echo "$le $(bench_both $le "$1")" >>bench.usb || return 1
	done
	bench_signature >bench.usb.signature
}

# Again when it seems slow: other work on the machine makes a way slower, never quicker.
bench_both() # LE N
{
	local try bare usb
	for try in 1 2 3; do
		read -r bare usb < <("$apdu" both time "$1" "$2") || return 1
		! awk -v b="$bare" -v u="$usb" 'BEGIN { exit u > 1.2 * b }' || break
	done
	[ "$try" = 1 ] || echo "measured $try times" >&2
	echo "$bare $usb"
}

bench_pcsc() # N
{
	local le
	for le in 8 256; do
		"$apdu" pcsc time $le "$1" >>bench.pcsc || return 1
	done
	bench_signature >bench.pcsc.signature
}

# Of some signatures through the module, the median in microseconds.
bench_signature()
{
	"$sign_time" "$module" pin 1 51 usb
}

# bench_table WHERE: true when libukey's way takes at most 1.2 times what the bare endpoints take.
bench_table()
{
	echo "| $1 | bare endpoints | libusb | ratio | pcscd and libccid | ratio |"
	echo "|---|--:|--:|--:|--:|--:|"
	paste -d' ' bench.usb bench.pcsc | awk '
		{ printf "| APDU, %d bytes of answer | %.2f ms | %.2f ms | %.2f | %.2f ms | %.2f |\n", $1, $2 / 1e3, $3 / 1e3, $3 / $2, $4 / 1e3, $4 / $2 }
		$3 > 1.2 * $2 { slow = 1 }
		END { exit slow }' >bench.rows
	local status=$?
	cat bench.rows
	paste -d' ' bench.usb.signature bench.pcsc.signature | awk '
		{ printf "| P-256 signatures a second, PKCS#11 | | %.0f | | %.0f | |\n", 1e6 / $1, 1e6 / $2 }'
	return "$status"
}
