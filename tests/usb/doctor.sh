#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check: timeout=300
# What ukey doctor says of a token on USB, on both roads and on neither: each time what is wrong, and the command that mends
# it. The udev of these cases is ours (/run/udev, the rules' folder), the device umockdev's.
# shellcheck source=tests/lib/namespace.sh
. "$(dirname "$0")/../lib/namespace.sh"
ns_enter "$@"
# shellcheck source=tests/lib/cases.sh
. "$(dirname "$0")/../lib/cases.sh"
need umockdev-wrapper
need jq
mock=$(ns_program tests/usb/umock_token) || exit 77
pcscd=$(PATH=$PATH:/usr/sbin command -v pcscd) || { echo "pcscd is not installed"; exit 77; }
list=/etc/libccid_Info.plist
[ -e $list ] || { echo "libccid is not installed"; exit 77; }
# shellcheck source=tests/tools/lib.sh
. "$(dirname "$0")/../tools/lib.sh"
export OPENUKEY_DEBUG=
chmod 755 "$NS_DIR"
cp $list given
cp $list named && "$U" setup libccid --list named --quiet || bad "our entry in a copy of libccid's list"

# says SENTENCE CHECK RESULT FOUND MEND COMMAND...: among what doctor says there is this line.
says()
{
	local sentence=$1
	# shellcheck disable=SC2016
	local filter='.[0] | any(.checks[]; .check == $check and .result == $result and (.found | contains($found)) and (.mend | contains($mend)))'
	"${@:6}" >said 2>errors
	if jq -se --arg check "$2" --arg result "$3" --arg found "$4" --arg mend "$5" "$filter" said >/dev/null; then
		ok "$sentence"
	else
		bad "$sentence"
		jq -c '.checks[]' said | grep -E 'USB|usb|reader|service|libccid'
		head -n 5 errors
	fi
}
never() # SENTENCE CHECK: the last one said nothing of it
{
	jq -se --arg check "$2" '.[0] | all(.checks[]; .check != $check)' said >/dev/null && ok "$1" || { bad "$1"; jq -c '.checks[]' said; }
}
on_usb()
{
	timeout 60 umockdev-wrapper "$mock" "$NS_DIR/token.flash" "$@"
}
doctor=("$U" doctor --json)

# ---- without pcscd ----
says "without pcscd: used directly" usb ok "USB 1-1, OpenUKey token: used directly" "" on_usb "${doctor[@]}"
never "libccid is nobody's business then" libccid
mkdir -p config/openukey
echo "usb = no" >config/openukey/openukey.conf
says "USB switched off, and libccid does not know it" libccid problem "does not name it" "sudo ukey setup libccid" on_usb "${doctor[@]}"
mount --bind named $list || { echo "cannot replace libccid's list in this namespace"; exit 77; }
says "... and libccid knows it, but nobody runs" usb-unreached problem "USB is not used directly" "usb = auto" on_usb "${doctor[@]}"
rm config/openukey/openukey.conf
umount $list

# ---- permission ----
umask 022
here_already=''
[ ! -e /run/udev ] || here_already=yes
if [ "$(id -u)" = 0 ] && mkdir -p /run/udev && mount -t tmpfs udev /run/udev &&
	setpriv --reuid nobody --regid nogroup --clear-groups test -x "$U"; then
	mkdir "$NS_DIR/nobody" && chown nobody "$NS_DIR/nobody"
	denied()
	{
		HOME=$NS_DIR/nobody XDG_STATE_HOME='' XDG_CONFIG_HOME='' XDG_CACHE_HOME='' TMPDIR=/tmp setpriv --reuid nobody --regid nogroup --clear-groups \
			timeout 60 umockdev-wrapper "$mock" --denied "$NS_DIR/nobody/token.flash" "$@"
	}
	rules=/etc/udev/rules.d
	mkdir -p $rules && mount -t tmpfs rules $rules || bad "a folder of rules of our own"
	if compgen -G '/usr/*lib/udev/rules.d/70-openukey.rules' >/dev/null; then
		echo "  the rule is installed on this machine: that it is missing cannot be tried"
	else
		says "no rule" usb-rule-missing problem "(70-openukey.rules) is not installed" "apt install openukey-common" denied "${doctor[@]}"
		jq -se '.[0] | any(.checks[]; .mend | contains("udevadm trigger --action=add /sys/bus/usb/devices/1-1"))' said >/dev/null &&
			ok "... and what to do about the device that is plugged in" || bad "... and what to do about the device that is plugged in"
	fi
	echo "# here" >$rules/70-openukey.rules
	says "a rule that came later than the device" usb-rule-unused problem "came later than the device" \
		"udevadm control --reload && sudo udevadm trigger" denied "${doctor[@]}"
	mkdir -p /run/udev/tags/uaccess && touch /run/udev/tags/uaccess/c189:1
	says "somebody who does not sit there" usb-seat problem "only who sits at the machine" "log in at the machine itself" denied "${doctor[@]}"
	same "and that is a problem: the exit code" 90 "$(denied "${doctor[@]}" >said 2>errors; echo $?)"
	umount $rules /run/udev
	if [ -z "$here_already" ] && rmdir /run/udev; then
		says "no udev at all" usb-permission problem "no udev" "setfacl -m u:65534:rw /dev/bus/usb/001/002" denied "${doctor[@]}"
	fi
fi

# ---- with pcscd ----
cat >inside <<END
"$pcscd" --foreground >>"$NS_DIR/pcscd.log" 2>&1 &
daemon=\$!
for i in \$(seq 300); do
	[ -S /run/pcscd/pcscd.comm ] && break
	sleep 0.1
done
for i in \$(seq 300); do
	"$U" list --json 2>/dev/null | jq -e '.tokens[0].road == "'\$1'"' >/dev/null && break
	sleep 0.1
done
"$U" doctor --json
kill \$daemon
wait \$daemon
rm -f /run/pcscd/pcscd.comm
END
says "pcscd that does not know the device: used directly, with a warning" libccid warning "libccid's list $list does not name it" \
	"sudo ukey setup libccid" on_usb bash inside usb
never "... which is enough said" usb
mount --bind named $list
says "pcscd that knows it: used through pcscd" usb ok "USB 1-1, OpenUKey token: used through pcscd" "" on_usb bash inside pcsc
never "... and libccid is as it must be" libccid
finish
