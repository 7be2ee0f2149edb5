# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# What the scripts of PIV clients share: a personalised token with the PIV application and Yubico's extensions, in a reader
# whose name begins with "Yubico": ykcs11 2.2 opens no other. Sourced first; then: piv_start "$@".

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$here/../lib/personal.sh"
# shellcheck source=tests/lib/piv_card.sh
. "$here/../lib/piv_card.sh"
PATH=$PATH:/usr/sbin
so_pin=87654321
user_pin=583917
pin=246813
puk=86420975
NS_READER='Yubico Virtual'
key=a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8c1c2c3c4c5c6c7c8

# piv_start "$@" (the script's arguments): inside the namespace, in $NS_DIR, with a token "alice" that has the codes above.
piv_start()
{
	ns_enter "$@"
	export UKEY_BUILD=${UKEY_BUILD:-${BUILD:?the build folder}}
	export LC_ALL=C.UTF-8 LANGUAGE='' HOME=$NS_DIR XDG_CONFIG_HOME=$NS_DIR/config XDG_STATE_HOME=$NS_DIR/state
	cd "$NS_DIR" || exit 1
	umask 077
	mkdir -p "$XDG_CONFIG_HOME/openukey"
	printf %s "$so_pin" >so.pin
	printf %s "$user_pin" >user.pin
	printf 'pin %s\npuk %s\nmanagement-key tdes %s\n' "$pin" "$puk" "$key" >piv.codes
	piv_card_reader >readers.conf || exit 77
	factory_start && pcscd_start --config "$NS_DIR/readers.conf" && personalize alice && emu_start alice || exit 1
	u init --label alice --new-so-pin-file so.pin --new-pin-file user.pin --with-piv piv.codes --piv-yubico --yes --quiet || exit 1
}

# u COMMAND...: the holder's own tool.
u()
{
	"$UKEY_BUILD/ukey" "$@"
}
