#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # COPROC
# check: timeout=300
# The memory of a process after a log-in: the PIN is not in it. All of its memory, locked pages too, which a core image
# leaves out.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$here/../lib/personal.sh"
need jq
need pkcs11-tool
need script
ns_enter "$@"
# shellcheck source=tests/channel/lib.sh
. "$here/lib.sh"

pin user 248163264128
pin so 135791357924
factory_start && pcscd_start || exit 1
personalize alice && emu_start alice --touch never && emu_start bob --create || exit 1
made alice && made bob || exit 1
printf '%s\n' "$(cat user.pin)" >user.secret

image()
{
	"$UKEY_BUILD/tests/channel/memory_image" "$1" "$2" || bad "the memory of process $1 can be read"
}

# application SENTENCE TOKEN [--keep|--asks]: the module, logged in and after a signature.
application()
{
	local sentence=$1 token=$2 pin=user.pin said
	[ "${3:-}" != --asks ] || pin=-
	shift 2
	coproc VICTIM { exec "$UKEY_BUILD/tests/channel/victim" "$module" "$pin" "$@"; }
	read -r -t 60 said <&"${VICTIM[0]}"
	echo "work 3" >&"${VICTIM[1]}"
	read -r -t 60 said <&"${VICTIM[0]}"
	[ "$said" = ok ] || bad "$sentence: the application works: $said"
	image "$VICTIM_PID" "$token.image"
	eval "exec ${VICTIM[1]}>&-"
	wait "$VICTIM_PID"
}

emu_unplug bob
application "an application" alice
not_found "PKCS#11, inside the channel: the PIN is not in the memory" user.secret alice.image
application "an application that keeps its PIN" alice --keep
is_found "an application that keeps its own copy is found out" "as it is" user.secret alice.image

cat >pinentry <<'END'
#!/bin/bash
echo "OK here"
while read -r line; do
	case $line in
	GETPIN*) echo "D $(cat user.pin)" ;;
	BYE*) echo OK; exit 0 ;;
	esac
	echo OK
done
END
chmod 700 pinentry
cp config/openukey/openukey.conf openukey.conf.keep
echo "pinentry = $NS_DIR/pinentry" >>config/openukey/openukey.conf
application "an application whose module asks for the PIN" alice --asks
not_found "PKCS#11, the PIN by pinentry: it is not in the memory" user.secret alice.image
cp openukey.conf.keep config/openukey/openukey.conf

# The tool, at the moment when it waits for the button.
ukey key generate --key p256 --label touch --id 02 --touch --pin-file user.pin --quiet || bad "a key with touch policy"
wait_for_touch()
{
	emu_wait alice .touch_waiting || return 1
	image "$1" ukey.image
	emu_ctl alice touch press >/dev/null
}

ukey request --key-ref touch --subject CN=Touch --pin-file user.pin --output touch.csr --quiet 2>sign.said &
tool=$!
try "ukey request with a PIN file waits for the button" wait_for_touch "$tool"
wait "$tool"
not_found "ukey, PIN from a file: the PIN is not in the memory" user.secret ukey.image

mkfifo keyboard
script -qec "ukey request --key-ref touch --subject CN=Touch --output touch2.csr --quiet" typescript <keyboard >script.said 2>&1 &
terminal=$!
exec 7>keyboard
prompted()
{
	ns_wait 20 grep -qi pin script.said || return 1
	printf '%s\n' "$(cat user.pin)" >&7
	emu_wait alice .touch_waiting || return 1
	image "$(pgrep -f -x "ukey request --key-ref touch --subject CN=Touch --output touch2.csr --quiet" | tail -n 1)" prompt.image
	emu_ctl alice touch press >/dev/null
}
try "ukey request with a prompt waits for the button" prompted
exec 7>&-
wait "$terminal"
not_found "ukey, PIN typed: the PIN is not in the memory" user.secret prompt.image

emu_unplug alice
emu_plug bob
application "an application in clear" bob
not_found "PKCS#11, a token without device key: the PIN is not in the memory" user.secret bob.image
finish
