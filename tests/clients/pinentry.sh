#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The protected authentication path in real programs, over a real pcscd: with a fake pinentry that answers by the book,
# and with Debian's pinentry-tty and pinentry-curses on a terminal of their own. No program ever gets a PIN.
# shellcheck disable=SC2317 # "try" calls the functions
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
need pkcs11-tool
need script
need openssl
ns_enter "$@"
build=${UKEY_BUILD:-${BUILD:?the build folder}}
module=$build/.libs/ukey-pkcs11.so
so=87654321 pin=123456
# shellcheck disable=SC2119 # our arguments are not pcscd's
pcscd_start || exit 1
emu_start alice --create || exit 1
cd "$NS_DIR" || exit 1
export XDG_CONFIG_HOME=$NS_DIR/config PINENTRY_USER_DATA=$NS_DIR
mkdir -p "$XDG_CONFIG_HOME/openukey"

configure() { # VALUE
	[ ! -e "$XDG_CONFIG_HOME/openukey/openukey.conf" ] || sed -i '/^pinentry/d' "$XDG_CONFIG_HOME/openukey/openukey.conf"
	echo "pinentry = $1" >>"$XDG_CONFIG_HOME/openukey/openukey.conf"
}
will_answer() { # LINE...
	rm -f log count
	printf '%s\n' "$@" >answers
}
p() { timeout 60 pkcs11-tool --module "$module" "$@"; }
says() { # SENTENCE PATTERN COMMAND...
	local sentence=$1 pattern=$2 said
	shift 2
	said=$("$@" 2>&1)
	if grep -qE -- "$pattern" <<<"$said"; then ok "$sentence"; else
		bad "$sentence: no /$pattern/ in"
		printf '%s\n' "$said" | tail -n 20
	fi
}
windows() { [ "$(grep -c '^--' log)" = "$1" ] || { cat log; return 1; }; }

configure no
try "a token" p --init-token --label Alice --so-pin $so
try "with a PIN" p --login --so-pin $so --init-pin --new-pin $pin
try "and a key" p --login --pin $pin --keypairgen --key-type EC:prime256v1 --id 01 --label work
says "without the setting there is no such flag" "login required, rng, token initialized, PIN initialized" p -L

# ---- the fake ----
configure "$here/../lib/fake_pinentry.sh"
says "with it there is" "PIN pad present" p -L
will_answer "pin $pin"
says "pkcs11-tool logs in without a PIN of its own" "Private Key Object" p --login -O
try "one window" windows 1
says "that names the program and the token" "SETDESC Program: pkcs11-tool%0AToken: Alice" cat log
echo text >data
will_answer "pin 000000" "pin $pin"
try "a wrong PIN is asked for again inside" p --login --sign --mechanism ECDSA-SHA256 --id 01 -i data -o sig --signature-format openssl
p --read-object --type pubkey --id 01 -o key.der >/dev/null 2>&1
openssl pkey -pubin -inform DER -in key.der -out key.pem 2>/dev/null
try "and the signature is good" openssl dgst -sha256 -verify key.pem -signature sig data
will_answer "error 83886179"
says "the cancel button cancels" "CKR_FUNCTION_CANCELED" p --login -O
will_answer "pin $pin" "twice 8431975q"
try "--change-pin" p --change-pin
pin=8431975q
will_answer "pin $pin"
try "the new one works" p --login -O
will_answer "pin $so" "twice 123456" "twice 123456"
try "--init-pin, as the SO; a weak PIN on which one insists" p --login --login-type so --init-pin
pin=123456
try "a PIN on the command line is taken all the same" p --login --pin $pin -O
engine=$(openssl version -e | sed 's/.*"\(.*\)"/\1/')/pkcs11.so
if [ -e "$engine" ]; then
	will_answer "pin $pin"
	try "openssl's engine signs" env PKCS11_MODULE_PATH="$module" timeout 60 openssl dgst -engine pkcs11 -keyform engine \
		-sha256 -sign "pkcs11:token=Alice;object=work;type=private" -out sig data
	try "  and the signature is good" openssl dgst -sha256 -verify key.pem -signature sig data
fi

# ---- Debian's own, on a terminal ----
# on_terminal ANSWERS COMMAND...: the command on a terminal where somebody types each answer, when its window is there.
on_terminal() {
	local answers=$1 screen
	shift
	screen=$(mktemp "$NS_DIR/screen.XXXXXX")
	: >typed
	# shellcheck disable=SC2059 # the answers are a format, for their control characters
	{
		local prompts=0 answer
		while IFS= read -r answer; do
			prompts=$((prompts + 1))
			ns_wait 20 prompted "$screen" "$prompts"
			sleep 0.3
			printf "$answer"
		done <<<"$answers"
		ns_wait 20 test -e "$screen.done"
	} | { TERM=vt100 timeout 90 script -qefc "$(printf '%q ' "$@")" "$screen" >/dev/null; echo $? >"$screen.status"; : >"$screen.done"; }
	tr -d '\r' <"$screen"
	return "$(cat "$screen.status")"
}
prompted() { # FILE COUNT
	[ "$(grep -acE 'PIN: ?|PIN: *_*' "$1")" -ge "$2" ]
}
tool=(pkcs11-tool --module "$module" --login -O)
if program=$(command -v pinentry-tty); then
	configure "$program"
	says "pinentry-tty asks on the terminal" "Private Key Object" on_terminal "$pin\\n" "${tool[@]}"
	says "and again after a wrong one" "5 tries left" on_terminal "000000\\n
$pin\\n" "${tool[@]}"
fi
if program=$(command -v pinentry-curses); then
	configure "$program"
	says "pinentry-curses asks in its window" "Private Key Object" on_terminal "$pin\\r" "${tool[@]}"
fi

# ---- nobody to ask ----
configure /nonexistent/pinentry
says "without the program the log-in is cancelled" "CKR_FUNCTION_CANCELED" p --login -O
says "and the log says why" "PIN_PROMPT: the PIN could not be asked for" env OPENUKEY_DEBUG=1 pkcs11-tool --module "$module" --login -O
finish
