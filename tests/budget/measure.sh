# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A road whose every step is measured by the emulator's counters; sourced by the tests of this folder, inside a namespace.
#
#	road_walk STEP plain	calls STEP name apdus bytes_in bytes_out flash_writes for each step
#	road_walk STEP inside	the same with a token of a factory: all of it inside the secure channel
#
# The application that stays finds nothing remembered of the token: its channel costs three commands. The others know the
# device's certificate: two.

# measure NAME COMMAND...: runs it, tells the step what it cost.
measure()
{
	local name=$1 now
	shift
	emu_ctl "$road_token" reset-counters >/dev/null
	"$@" >road.said 2>&1 </dev/null || { echo "step failed: $name" >&2; cat road.said >&2; return 1; }
	now=$(emu_ctl "$road_token" counters)
	# shellcheck disable=SC2046 # four numbers
	"$road_step" "$name" $(jq -r '"\(.apdus) \(.bytes_in) \(.bytes_out) \(.flash_writes)"' <<<"$now")
}

# One step of the application that stays (p11_steps).
p11_step()
{
	local answer
	echo "$1" >&"${p11[1]}"
	read -r -t 60 answer <&"${p11[0]}" || answer="no answer"
	[ "${answer%% *}" = ok ] || { echo "$answer"; return 1; }
}

p11_close()
{
	local fd=${p11[1]}
	eval "exec $fd>&-"
}

road_walk()
{
	road_step=$1 road_token=$2
	local module=$UKEY_BUILD/.libs/ukey-pkcs11.so uri step p11_pid
	printf 246810 >user.pin
	printf 135790 >new.pin
	printf 24681012 >so.pin
	chmod 600 ./*.pin
	printf 'text\n' >text
	export PATH=$UKEY_BUILD:$PATH HOME=$PWD PKCS11_MODULE_PATH=$module XDG_STATE_HOME=$PWD/state XDG_CACHE_HOME=$PWD/cache
	pcscd_start || return 1
	if [ "$road_token" = inside ]; then
		factory_start && personalize inside --serial 00554B4559000002 && emu_start inside || return 1
	else
		emu_start plain --create --serial 00554B4559000001 || return 1
	fi
	ns_wait 10 ukey info || return 1
	measure "ukey list (a blank token)" ukey list &&
		measure "ukey init" ukey init --label road --new-so-pin-file so.pin --new-pin-file user.pin --yes &&
		measure "ukey key generate, RSA-2048" \
			ukey key generate --key rsa2048 --label rsa --id 01 --pin-file user.pin --quiet &&
		measure "ukey key generate, P-256" \
			ukey key generate --key p256 --label ec --id 02 --pin-file user.pin --quiet || return 1
	ukey key generate --key rsa2048 --pair exchange --label rx --id 03 --pin-file user.pin --quiet &&
		ukey key generate --key p256 --pair exchange --usage derive --label ex --id 04 --pin-file user.pin --quiet || return 1
	uri="pkcs11:token=road;object=rsa;type=private;pin-source=file:$PWD/user.pin"
	openssl req -new -x509 -engine pkcs11 -keyform engine -key "$uri" -subj /CN=Road -days 30 -out road.pem 2>road.said ||
		{ cat road.said >&2; return 1; }
	measure "ukey cert import" ukey cert import road.pem --key-ref rsa --pin-file user.pin --quiet &&
		measure "ukey sign, RSA" ukey sign text --key-ref rsa --pin-file user.pin --output text.p7s --quiet &&
		measure "ukey pin change" ukey pin change --pin-file user.pin --new-pin-file new.pin &&
		measure "ukey pin unlock" ukey pin unlock --so-pin-file so.pin --new-pin-file user.pin || return 1
	# A user who has never seen this token; and then the next program of the same user.
	rm -rf "$XDG_STATE_HOME" "$XDG_CACHE_HOME"
	coproc p11 { "$UKEY_BUILD/tests/budget/p11_steps" "$module" user.pin; }
	# shellcheck disable=SC2154 # set by coproc
	p11_pid=$p11_PID
	for step in \
		"look:PKCS#11: first look (slot list, token info, a session)" \
		"login:PKCS#11: C_Login" \
		"list:PKCS#11: all objects, first time, one certificate" \
		"list:PKCS#11: all objects again" \
		"sign-rsa:PKCS#11: signature, RSA PKCS#1" \
		"sign-pss:PKCS#11: signature, RSA PSS" \
		"sign-ec:PKCS#11: signature, ECDSA" \
		"decrypt:PKCS#11: decryption, RSA" \
		"derive:PKCS#11: ECDH" \
		"digest:PKCS#11: digest" \
		"write-certificate:PKCS#11: a certificate written, all objects listed" \
		"logout:PKCS#11: C_Logout" \
		"finish:PKCS#11: C_Finalize" \
		"look:PKCS#11, a known token: first look" \
		"login:PKCS#11, a known token: C_Login" \
		"list:PKCS#11, a known token: all objects, one certificate" \
		"sign-rsa:PKCS#11, a known token: first signature"; do
		measure "${step#*:}" p11_step "${step%%:*}" || return 1
	done
	p11_close
	wait "$p11_pid"
	rm -f road.pem text.p7s
	emu_stop "$road_token"
}
