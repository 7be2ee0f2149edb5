#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # "try" calls the functions
# Inside the virtual machine of tests/usb/vm.sh: the emulated token as a device of a real kernel, under the programs that
# Debian has for it: lsusb, usbip, udevd, pcscd with libccid, pkcs11-tool. Nobody else is on this machine.
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$top/tests/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
# shellcheck source=tests/usb/scene.sh
. "$top/tests/usb/scene.sh"
# shellcheck source=tests/usb/road.sh
. "$top/tests/usb/road.sh"
export LC_ALL=C.UTF-8 LANGUAGE='' TZ=UTC
NS_PATIENCE=60
NS_DIR=$(mktemp -d) && cd "$NS_DIR" || exit 1
export NS_DIR HOME=$NS_DIR XDG_CACHE_HOME=$NS_DIR/cache XDG_CONFIG_HOME=$NS_DIR/config XDG_STATE_HOME=$NS_DIR/state
umask 077
module=$UKEY_BUILD/.libs/ukey-pkcs11.so
talk=$(ns_program tests/usb/p11_talk) && apdu=$(ns_program tests/usb/apdu) && sign_time=$(ns_program tests/channel/sign_time) || exit 1
program=$(ns_program ukey) || exit 1
# Without libtool's wrapper, a long script for a machine as slow as this one.
[ ! -x "$UKEY_BUILD/.libs/ukey" ] || program=$UKEY_BUILD/.libs/ukey LD_LIBRARY_PATH=$UKEY_BUILD/.libs
export LD_LIBRARY_PATH
usb_id=1209:0001
reader="OpenUKey token"
pin=583917
printf %s $pin >pin
printf %s 87654321 >so.pin

# part NAME: the heading of a part of the cases; false when VM_CASES does not name it.
part()
{
	[ -z "${VM_CASES:-}" ] || [[ " $VM_CASES " == *" $1 "* ]] || return 1
	echo "-- $1 ($(cut -d' ' -f1 /proc/uptime) s)"
}

# When it held: time runs otherwise in here.
ok()
{
	cases_passed=$((cases_passed + 1))
	echo "ok: $1 ($(cut -d' ' -f1 /proc/uptime) s)"
}

# must SENTENCE COMMAND...: what all that follows stands on; when it does not hold, this is the end.
must()
{
	local before=$cases_failed
	try "$@"
	[ "$cases_failed" = "$before" ] || the_end
}

the_end()
{
	echo "-- done ($(cut -d' ' -f1 /proc/uptime) s)"
	cp ./*.log /share/
	dmesg >/share/dmesg
	finish
}

# ---- tokens ----

# token NAME LINK PORT SERIAL [OPTION...]: an emulated one; in this machine's kernel it is there when this returns.
token()
{
	local name=$1 link=$2 port=$3 serial=$4
	shift 4
	mkfifo "$name.ready" || return 1
	"$(ns_program ukey-emu)" --flash "$NS_DIR/$name.flash" --create --serial "$serial" --link "$link" --port "$port" \
		--control "$NS_DIR/$name.ctl" --ready-fd 9 "$@" 9>"$name.ready" >>"$name.log" 2>&1 &
	echo $! >"$name.pid"
	read -r -t "$NS_PATIENCE" <"$name.ready" || { cat "$name.log"; return 1; }
	rm "$name.ready"
	[ "$link" = usbip ] || ns_wait "$NS_PATIENCE" device "$serial"
}

token_end()
{
	ns_stop_pid "$1.pid"
	ns_wait "$NS_PATIENCE" no_devices
}

# device SERIAL: where in /sys the kernel has it.
device()
{
	local file
	file=$(grep -lsx "$1" /sys/bus/usb/devices/*/serial) && dirname "$file"
}

no_devices()
{
	! grep -qsx "${usb_id%:*}" /sys/bus/usb/devices/*/idVendor
}

# ---- pcscd ----

# Without vpcd's readers: those of USB only. libccid tells of every message.
pcscd_usb()
{
	mkdir -p none
	LIBCCID_ifdLogLevel=0x0007 pcscd --foreground --debug --config "$NS_DIR/none" >>pcscd.log 2>&1 &
	echo $! >pcscd.pid
	ns_wait "$NS_PATIENCE" test -S /run/pcscd/pcscd.comm
}

# listed SERIAL: our own tool sees this token.
listed()
{
	ukey list --json | jq -e --arg serial "$1" '[.tokens[].serial] | index($serial) != null'
}

gone()
{
	! listed "$1"
}

sees() { ns_wait "$NS_PATIENCE" listed "$1" || { ukey list; lsusb; tail pcscd.log; return 1; }; }
misses() { ns_wait "$NS_PATIENCE" gone "$1" || { ukey list; return 1; }; }

ukey() { timeout 60 "$program" "$@"; }
p11() { timeout 120 pkcs11-tool --module "$module" "$@"; }

# road WORD: whether our programs may go to USB themselves, "auto" or "no".
road()
{
	mkdir -p config/openukey
	echo "usb = $1" >config/openukey/openukey.conf
}

# roads: how each token is reached, one a line.
roads()
{
	ukey list --json | jq -r '.tokens[].road'
}

by_pcscd()
{
	[ "$(roads)" = pcsc ]
}

# ---- the parts ----

# lsusb's whole text, but for where the device hangs; and not a word on standard error.
descriptor()
{
	must "the kernel takes the device" token alice vhci 0 1122334455667788
	lsusb -v -d $usb_id >said 2>errors
	try "lsusb -v shows the descriptors of a CCID token" \
		diff -u <(sed '/^#/d' "$here/lsusb.txt") <(as_in_file <said)
	judge "lsusb reads everything that it asks for" <errors
	try "the serial number is the token's" same 1122334455667788 "$(lsusb -v -d $usb_id 2>/dev/null | awk '/iSerial/ { print $3 }')"
	try "the kernel has no complaint" quiet_kernel
	token_end alice
}

as_in_file()
{
	sed -E '/^$/d; s/^Bus [0-9]+ Device [0-9]+(: ID [0-9a-f:]+).*/Bus 000 Device 000\1/
		s/^( *id(Vendor|Product) +0x[0-9a-f]+).*/\1/; s/ +$//'
}

# But for what we asked for (the lines in the file "asked").
quiet_kernel()
{
	touch asked
	! dmesg | grep -vxFf asked | grep -iE 'usb [0-9].*(error|fail|unable|not (accept|respond)|reset|babble)|BUG: |Oops|WARNING: '
}

over_pcsc()
{
	must "the token is put in" token alice vhci 0 1122334455667788 --latency chip
	must "ukey setup libccid" ukey setup libccid
	must "pcscd starts" pcscd_usb
	must "ukey list sees it through pcscd and libccid" sees 1122334455667788
	try "and calls the reader by the name of the list" grep -q "$reader" <(ukey list)
	try "libccid reads the ATR of the token" same 3B8B800180738001D765554B455901C9 \
		"$(opensc-tool --reader 0 --atr 2>/dev/null | tr -d ': \n' | tr a-f A-F)"
	must "ukey init" ukey init --label usb --new-so-pin-file so.pin --new-pin-file pin --yes --quiet
	must "a key of RSA-2048, through the chip's four seconds" \
		ukey key generate --key rsa2048 --label rsa --id 01 --pin-file pin --quiet
	try "in which the device asks for time, every 0.4 s" test "$(grep -c 'Time extension requested' pcscd.log)" -ge 6
	echo "to be signed" >data
	p11 --read-object --type pubkey --id 01 --output-file rsa.der >/dev/null 2>&1
	try "a signature with it" p11 --login --pin $pin --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file data \
		--output-file data.sig
	try "that openssl accepts" openssl dgst -sha256 -verify rsa.der -keyform DER -signature data.sig data
	emu_ctl alice latency none >/dev/null
	try "pkcs11-tool --test --login" p11 --test --login --pin $pin
}

# unplug ROAD: pulled while it makes a key; the tool says what happened, and soon.
unplug()
{
	local began status
	emu_ctl alice latency chip >/dev/null
	began=$SECONDS
	ukey key generate --key rsa2048 --label lost --id 02 --pin-file pin >said 2>&1 &
	emu_wait alice '.busy and .ins == "47"'
	emu_ctl alice unplug >/dev/null
	wait $!
	status=$?
	try "$1: pulled in the middle of a key generation: the tool ends at once" test $((SECONDS - began)) -le 30
	try "with the exit status and the words for it" lost_words "$status"
	try "the kernel lost the device" ns_wait "$NS_PATIENCE" no_devices
	try "$1: it is seen to go" misses 1122334455667788
	emu_ctl alice latency none >/dev/null
	emu_ctl alice plug >/dev/null
	must "$1: plugged again, it is seen" sees 1122334455667788
	try "the key of before is there, the lost one is not" same '["rsa"]' "$(ukey key list --json | jq -c '[.keys[].label]')"
	try "and works" p11 --login --pin $pin --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file data --output-file data.sig
}

# pulled_in_signature ROAD: in one process, with the module loaded, that goes on afterwards.
pulled_in_signature()
{
	local slots began
	emu_ctl alice latency chip >/dev/null
	p11_begin
	slots=$(p11_say slots)
	says 0 open && says 0 login "$pin"
	try "$1: a program with the module signs" says 0 sign
	emu_ctl alice unplug-at 1 after >/dev/null
	began=${EPOCHREALTIME/./}
	try "$1: pulled in the middle of a signature: CKR_DEVICE_REMOVED" says 32 sign
	try "$1: at once" soon 20 "$began"
	try "$1: its slot has no token" ns_wait "$NS_PATIENCE" says "${slots% * *} 0" slots
	emu_ctl alice latency none >/dev/null
	emu_ctl alice plug >/dev/null
	try "$1: plugged again, the same slot has it" ns_wait "$NS_PATIENCE" says "$slots" slots
	says 0 open
	try "$1: the same program logs in" says 0 login "$pin"
	try "$1: and signs" says 0 sign
	p11_end
}

lost_words()
{
	[ "$1" = 25 ] && grep -q 'was unplugged' said || { echo "exit status $1"; cat said; return 1; }
}

two_tokens()
{
	must "a second token beside the first" token bob vhci 1 8877665544332211
	try "pcscd sees it" sees 8877665544332211
	try "both are seen" same 2 "$(ukey list --json | jq '.tokens | length')"
	try "each answers for itself" same '[["1122334455667788","usb"],["8877665544332211",""]]' \
		"$(ukey list --json | jq -c '[.tokens[] | [.serial, .label // ""]] | sort')"
	emu_ctl bob unplug >/dev/null
	try "one is pulled" misses 8877665544332211
	try "the other stays" listed 1122334455667788
	ns_stop_pid bob.pid
}

two_over_usb()
{
	must "libusb: a second token beside the first" token bob vhci 1 8877665544332211
	ukey list --json >list
	try "libusb: both are on USB" same usb,usb "$(jq -r '[.tokens[].road] | join(",")' list)"
	ukey request --token 1122334455667788 --key-ref rsa --subject CN=a --pin-file pin --output a.csr >said 2>&1 &
	try "libusb: one is initialised while the other signs" ukey init --token 8877665544332211 --label bob \
		--new-so-pin-file so.pin --new-pin-file pin --yes --quiet
	wait $!
	try "libusb: with a signature that openssl accepts" openssl req -in a.csr -verify -noout
	emu_ctl bob unplug >/dev/null
	try "libusb: one is pulled" misses 8877665544332211
	try "libusb: the other stays" listed 1122334455667788
	ns_stop_pid bob.pid
}

# One program has the device over libusb; others ask for it, pcscd among them; and the bus is reset under it.
held()
{
	p11_begin
	slots=$(p11_say slots)
	says 0 open && says 0 login "$pin"
	try "held: a program has it" says 0 sign
	ukey info >said 2>&1
	try "held: another one ends with the status of a busy token" same 27 $?
	try "held: and hears who has it" grep -q "p11_talk, process $p11_process" said
	rm -f pcscd.log
	pcscd_usb
	try "held: pcscd comes, and is refused" ns_wait "$NS_PATIENCE" grep -q "Can't claim interface.*BUSY" pcscd.log
	try "held: the program signs on" says 0 sign
	pcscd_end
	try "held: when pcscd is gone too" says 0 sign
	usbreset $usb_id >said 2>&1
	dmesg | grep 'reset full-speed USB device' | tail -n 1 >asked
	try "held: the bus is reset: the log-in is lost, and the call says so" says 101 sign
	try "held: the program logs in again" says 0 login "$pin"
	try "held: and signs" says 0 sign
	p11_end
	try "held: the program ends: it is free" listed 1122334455667788
}

# The whole road of ./quickstart, by a token of its own.
whole_road()
{
	emu_ctl alice unplug >/dev/null
	ns_wait "$NS_PATIENCE" no_devices
	must "a blank token" token road vhci 1 5566778855667788
	usb_road
	token_end road
	emu_ctl alice plug >/dev/null
	ns_wait "$NS_PATIENCE" device 1122334455667788
}

# What a way costs (tests/usb/scene.sh). Ratios are what may be compared; the times are those of a machine that is
# emulated.
bench()
{
	pcscd_end
	[ ! -e alice.pid ] || token_end alice
	token bench vhci 0 1122334455667766
	road auto
	ukey init --label usb --new-so-pin-file so.pin --new-pin-file pin --yes --quiet
	ukey key generate --key p256 --label ec --id 01 --pin-file pin --quiet
	bench_usb "${VM_BENCH:-100}"
	ukey setup libccid >/dev/null
	pcscd_usb
	sees 1122334455667766 >/dev/null
	bench_pcsc "${VM_BENCH:-100}"
	# A time is never judged here: the design's 1.2 is for whoever reads the table, on a machine with nothing else to do.
	bench_table "in a virtual machine" >bench.table || echo "libukey's own way takes more than 1.2 times what the bare endpoints take"
	try "what the ways to a token cost was measured" test -s bench.table
	cat bench.table
	pcscd_end
	token_end bench
}

# Commands and answers of a size that no packet, and at --usb-message 271 no message, has.
long_apdus() # NAME WAY
{
	local bytes began how=("$(ns_program tests/lib/pcsc_talk)" "$reader")
	[ "$2" = pcsc ] || how=("$apdu" usb talk)
	began=$(emu_get alice counters '.bytes_in')
	{
		printf '00CB3FFF009C40'
		head -c 80000 /dev/zero | tr '\0' 5
		printf '0000\n0084000000%04X\n' 32768
	} | timeout 60 "${how[@]}" >said 2>&1
	bytes=$(($(emu_get alice counters '.bytes_in') - began))
	try "$1, $2: a command of 40,009 bytes is refused for its length" same 6700 "$(sed -n '1s/ .*//p' said)"
	try "$1, $2: after every byte of it arrived" test $bytes -ge 40009
	try "$1, $2: an answer of 32,770 bytes" same 65540 "$(sed -n '2s/ .*//p' said | tr -d '\n' | wc -c)"
	try "$1, $2: which ends in 9000" grep -qE '9000 [0-9]+$' said
}

small_messages()
{
	pcscd_end
	token alice vhci 0 1122334455667788 --usb-message 271
	try "lsusb tells of the small messages" grep -qE 'dwMaxCCIDMsgLen +271$' <(lsusb -v -d $usb_id 2>/dev/null)
	pcscd_usb
	try "pcscd sees it" sees 1122334455667788
	long_apdus "messages of 271 bytes" pcsc
	pcscd_end
	long_apdus "messages of 271 bytes" usb
	token_end alice
}

pcscd_end()
{
	ns_stop_pid pcscd.pid
	rm -f /run/pcscd/pcscd.comm
}

# A port asleep: nobody has the device open, so the kernel may; whoever opens it wakes it.
suspend()
{
	local port
	pcscd_end
	port=$(device 1122334455667788) || { bad "the device is there"; return; }
	echo 0 >"$port/power/autosuspend_delay_ms"
	echo auto >"$port/power/control"
	try "the kernel suspends the idle device" ns_wait "$NS_PATIENCE" grep -qx suspended "$port/power/runtime_status"
	lsusb -v -d $usb_id >said 2>errors
	try "lsusb wakes it" grep -q bcdCCID said
	judge "and reads all" <errors
	try "it sleeps again" ns_wait "$NS_PATIENCE" grep -qx suspended "$port/power/runtime_status"
	road auto
	try "our own driver wakes it" same usb "$(roads)"
	try "and it signs" p11 --login --pin $pin --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file data --output-file data.sig
	try "and sleeps again when it is given back" ns_wait "$NS_PATIENCE" grep -qx suspended "$port/power/runtime_status"
	road no
	pcscd_usb
	try "pcscd wakes it" sees 1122334455667788
	try "and it signs" p11 --login --pin $pin --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file data --output-file data.sig
	echo on >"$port/power/control"
}

# Without pcscd: our own way to the device, and the choice between the two ways.
libusb()
{
	road auto
	try "a token that both roads reach is one, and pcscd's" same pcsc "$(roads)"
	pcscd_end
	must "without pcscd ukey list reaches it on USB" same usb "$(roads)"
	try "it has its key" same '["rsa"]' "$(ukey key list --json | jq -c '[.keys[].label]')"
	try "pkcs11-tool --test --login" p11 --test --login --pin $pin
	long_apdus "one message" usb
	unplug "libusb"
	pulled_in_signature "libusb"
	two_over_usb
	held
	whole_road
	pcscd_usb
	try "pcscd may come, and have it" ns_wait "$NS_PATIENCE" by_pcscd
	road no
}

# The whole machine to sleep, as far as it can be tried (no further than the devices' own part of it). The virtual
# controller refuses as long as it has a device, so this sees the way back from a sleep that failed half-way.
machine_sleep()
{
	echo devices >/sys/power/pm_test && echo freeze 2>/dev/null >/sys/power/state
	try "the machine tried to sleep" grep -q "vhci_hcd.*Do not suspend" <(dmesg)
	try "after a sleep of the machine that came to nothing the token is there" sees 1122334455667788
	try "and signs" p11 --login --pin $pin --sign --mechanism SHA256-RSA-PKCS --id 01 --input-file data --output-file data.sig
}

# Over TCP with the stock tool, as from another machine.
usbip_tool()
{
	token_end alice
	token carol usbip 3240 1122334455667799
	try "usbip list shows the device" grep -q "($usb_id)" <(usbip list -r 127.0.0.1 2>&1)
	try "usbip attach" usbip attach -r 127.0.0.1 -b 1-1
	try "pcscd sees it" sees 1122334455667799
	try "usbip port shows it in use" grep -q "($usb_id)" <(usbip port 2>/dev/null)
	try "usbip detach" usbip detach -p "$(usbip port 2>/dev/null | sed -n 's/^Port \([0-9]*\).*/\1/p' | head -n 1)"
	try "pcscd saw it go" misses 1122334455667799
	try "and attached once more it is there again" usbip attach -r 127.0.0.1 -b 1-1
	try "to pcscd too" sees 1122334455667799
	token_end carol
	try "the emulator's end is an unplugging" misses 1122334455667799
}

ip link set lo up
udevd=/lib/systemd/systemd-udevd
road no
must "udevd starts" $udevd --daemon
must "the kernel has a virtual USB controller" modprobe vhci_hcd

part descriptor && descriptor
part pcsc && over_pcsc
part unplug && unplug pcscd && pulled_in_signature pcscd
part two && two_tokens
part long && long_apdus "one message" pcsc
part suspend && suspend
part sleep && machine_sleep
part libusb && libusb
part usbip && usbip_tool
part small && small_messages
part bench && bench
part kernel && try "the kernel had no complaint in all this" quiet_kernel
the_end
