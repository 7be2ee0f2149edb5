# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
# What the scripts of this folder share: a personalised token with the emulator's wire log, PINs, one application that
# stays. Sourced after ns_enter.

export UKEY_BUILD=${UKEY_BUILD:-${BUILD:?the build folder}}
export LC_ALL=C.UTF-8 LANGUAGE=''
cd "$NS_DIR" || exit 1
export HOME=$NS_DIR XDG_STATE_HOME=$NS_DIR/state XDG_CONFIG_HOME=$NS_DIR/config XDG_CACHE_HOME=$NS_DIR/cache
export PATH=$UKEY_BUILD:$PATH
module=$UKEY_BUILD/.libs/ukey-pkcs11.so
umask 077

# pin NAME DIGITS: the file NAME.pin. Long ones: chance must not find their digits in ciphertext.
pin()
{
	printf %s "$2" >"$1.pin"
	printf '%s\n' "$2" >>secrets
}

# made NAME: emu_start'ed, initialised, with a P-256 key (01) and a private object, as the victim wants them.
made()
{
	ukey init --token "$(serial "$1")" --label "$1" --new-so-pin-file so.pin --new-pin-file user.pin --yes --quiet &&
		ukey key generate --token "$(serial "$1")" --key p256 --label ec --id 01 --pin-file user.pin --quiet || return 1
	printf %s "nobody else's business" >business
	pkcs11-tool --module "$module" --token-label "$1" --login --pin "$(cat user.pin)" --write-object business --type data \
		--label business --private >/dev/null 2>&1
}

serial()
{
	emu_get "$1" status .serial
}

# What an attacker must not have moved: the token information, with PIN counters, generation, digest of the directory.
state_of()
{
	echo 00A404000AF04F70656E554B65790100 | "$UKEY_BUILD/tests/lib/pcsc_talk" "$(emu_reader "$1")" | cut -d' ' -f1
}

# tries_left NAME: of the user PIN.
tries_left()
{
	[[ $(state_of "$1") =~ 8503(..)....8603 ]] && echo $((16#${BASH_REMATCH[1]}))
}

# search SECRETS RECORDING...: secret_search's exit status; what it said is in search.said.
search()
{
	"$UKEY_BUILD/tests/channel/secret_search" "$@" >search.said 2>&1
}

# not_found SENTENCE ARGUMENT...: the secrets are nowhere in the recordings.
not_found()
{
	local sentence=$1
	shift
	if search "$@"; then
		ok "$sentence: $(tail -n 1 search.said)"
	else
		bad "$sentence"
		sed 's/^/  /' search.said
	fi
}

# is_found SENTENCE WHAT ARGUMENT...: the search finds it, as WHAT: the test can fail.
is_found()
{
	local sentence=$1 what=$2 status
	shift 2
	search "$@"
	status=$?
	if [ $status = 1 ] && grep -q "found: .*$what" search.said; then
		ok "$sentence: $(tail -n 1 search.said)"
	else
		bad "$sentence: exit $status"
		sed 's/^/  /' search.said
	fi
}
