#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The token as a USB device of a real kernel: a virtual machine (QEMU, no KVM) with Debian's own kernel and this
# machine's programs. The cases are tests/usb/vm/guest.sh, which runs in there.
# VM_KEEP=1 keeps the folder with the logs; VM_CASES="descriptor unplug" runs only these parts of the guest's.
# check: timeout=1500 alone
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
# shellcheck source=tests/usb/vm/kernel.sh
. "$here/vm/kernel.sh"
for program in qemu-system-x86_64 busybox cpio depmod modprobe dpkg-deb apt-get usbip lsusb usbreset udevadm pcscd opensc-tool pkcs11-tool jq; do
	need "$program"
done
[ "$(uname -m)" = x86_64 ] || { echo "the guest runs this machine's programs on an x86-64 kernel; this is $(uname -m)"; exit 77; }
build=${UKEY_BUILD:-${BUILD:?the build folder}}
cache=$top/build/vm-kernel

kernel=$(vm_kernel "$cache") || exit 77
share=$(mktemp -d "${TMPDIR:-/tmp}/ukey-vm.XXXXXX") || exit 1
trap '[ -n "${VM_KEEP:-}" ] && echo "kept: $share" >&2 || rm -rf "$share"' EXIT
trap 'exit 143' TERM INT HUP
vm_initramfs "$kernel" "$here/vm/init" "$share/initramfs" || { echo "no initramfs could be made"; exit 1; }
{
	printf 'export UKEY_BUILD=%q VM_CASES=%q\n' "$build" "${VM_CASES:-}"
	printf '/bin/bash %q\n' "$here/vm/guest.sh"
} >"$share/run"

# The guest has 23 minutes, of which it needs three on a quiet machine; then it is switched off.
begun=$SECONDS
vm_run "$kernel" "$share/initramfs" "$share" "${VM_SECONDS:-1380}" &
machine=$!
trap 'kill $machine 2>/dev/null; wait $machine; exit 143' TERM INT HUP
wait $machine
status=$?
echo "the machine ran for $((SECONDS - begun)) s, Linux $(vm_version "$kernel")"
[ -e "$share/said" ] || { tail -n 20 "$share/console"; bad "the machine comes up"; finish; }
if [ "$status" != 0 ] || [ ! -e "$share/status" ]; then
	cat "$share/said"
	tail -n 20 "$share/console"
	cases_passed=$(grep -c '^ok: ' "$share/said")
	cases_failed=$(grep -c '^FAIL: ' "$share/said")
	bad "the machine comes to its end (QEMU's exit status $status)"
	finish
fi
cat "$share/said"
exit "$(cat "$share/status")"
