# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A factory for a test: a master key in a SoftHSM of the test's own, the CAs, and the tokens that come out of it, which
# this test's drivers trust. Sourced after tests/lib/namespace.sh, inside its namespace or without one.
#
#	factory_start				# once; in $NS_DIR, or in the folder given
#	personalize alice			# $NS_DIR/alice.flash, made when it is not there
#	emu_start alice				# a token with device key, attestation key and unlock key
#
# Afterwards: FACTORY_DIR (its root: $FACTORY_DIR/root.pem), FACTORY_MASTER (the URI of the master key, for the desk too),
# FACTORY_KEY_VERSION, SOFTHSM2_CONF; XDG_CONFIG_HOME's openukey.conf has trusted-roots. The key is the one of the
# worked example of doc/token-protocol.md 5.6, $FACTORY_MASTER_KEY.

FACTORY_KEY_VERSION=1
FACTORY_MASTER_KEY=c0c1c2c3c4c5c6c7c8c9cacbcccdcecf

factory_softhsm()
{
	local module
	for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
		[ ! -e "$module" ] || { printf '%s\n' "$module"; return 0; }
	done
	return 1
}

# factory_start [FOLDER]: skips the test (77) where SoftHSM or pkcs11-tool are missing. The configuration goes to
# XDG_CONFIG_HOME when that is inside FOLDER; else XDG_CONFIG_HOME becomes FOLDER/config.
factory_start()
{
	local dir=${1:-$NS_DIR} program module=''
	dir=$(cd "$dir" && pwd) || return 1
	[ ! -d "$dir/factory" ] || return 0
	for program in softhsm2-util pkcs11-tool; do
		command -v "$program" >/dev/null || { echo "$program is not installed"; exit 77; }
	done
	module=$(factory_softhsm) || { echo "SoftHSM's module was not found"; exit 77; }
	program=$(ns_program ukey-emu) || return 1
	mkdir -p "$dir/factory.hsm" || return 1
	printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$dir/factory.hsm" >"$dir/factory.hsm.conf"
	export SOFTHSM2_CONF=$dir/factory.hsm.conf
	printf %s 4711pin >"$dir/factory.pin"
	# shellcheck disable=SC2001,SC2059 # the bytes
	printf "$(sed 's/../\\x&/g' <<<"$FACTORY_MASTER_KEY")" >"$dir/factory.master"
	softhsm2-util --init-token --free --label desk-master --so-pin 87654321 --pin 4711pin >/dev/null &&
		pkcs11-tool --module "$module" --token-label desk-master --login --pin 4711pin --write-object "$dir/factory.master" \
			--type secrkey --key-type AES:16 --label unlock --id 01 --usage-sign >"$dir/factory.log" 2>&1 ||
		{ ns_say "no master key could be made"; cat "$dir/factory.log" >&2; return 1; }
	rm -f "$dir/factory.master"
	FACTORY_MASTER="pkcs11:token=desk-master;object=unlock?module-path=$module&pin-source=file:$dir/factory.pin"
	FACTORY_DIR=$dir/factory
	"$program" factory init --no-passphrase "$FACTORY_DIR" >"$dir/factory.log" || return 1
	factory_trust "$dir"
}

factory_trust()
{
	case ${XDG_CONFIG_HOME:-} in
	"$1" | "$1"/*) ;;
	*) export XDG_CONFIG_HOME=$1/config ;;
	esac
	mkdir -p "$XDG_CONFIG_HOME/openukey" && echo "trusted-roots = $FACTORY_DIR/root.pem" >>"$XDG_CONFIG_HOME/openukey/openukey.conf"
}

# personalize NAME [OPTION...]: the token of emu_start NAME, whose emulator must not run. Without the file a token is made;
# options of ukey-emu personalize, as --serial HEX, may follow.
personalize()
{
	local name=$1 program
	shift
	program=$(ns_program ukey-emu) || return 1
	"$program" personalize --factory "$FACTORY_DIR" --master "$FACTORY_MASTER" --key-version "$FACTORY_KEY_VERSION" --create "$@" \
		"${NS_DIR:-$(dirname "$FACTORY_DIR")}/$name.flash" >>"$(dirname "$FACTORY_DIR")/factory.log" 2>&1 ||
		{ ns_say "the token '$name' could not be personalised"; tail -n 3 "$(dirname "$FACTORY_DIR")/factory.log" >&2; return 1; }
}
