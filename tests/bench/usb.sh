#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # scenes
# What the two ways to a token on USB cost against the bare endpoints (two calls of libusb an APDU, and no CCID): real
# libusb, pcscd and libccid on umockdev's bus. Bare endpoints and libukey take turns; the quickest tenth counts. With
# --vm: the same under a real kernel, in the virtual machine of tests/usb/vm.sh. What may be compared is the ratios.
# BENCH_QUICK=1: few repetitions, to see that it works.
here=$(cd "$(dirname "$0")/../usb" && pwd)
if [ "${1:-}" = --vm ]; then
	VM_CASES=bench exec "$here/vm.sh"
fi
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/usb/scene.sh
. "$here/scene.sh"
n=200
[ -z "${BENCH_QUICK:-}" ] || n=20

scene_usb()
{
	ready && bench_usb "$n"
}

scene_pcsc()
{
	pcscd_begin
	ns_wait 10 road_is pcsc
	bench_pcsc "$n" && bench_table "on a mocked bus"
	pcscd_end
}

scene_inside "$@"
ns_enter "$@"
scenes_begin
pcscd_on_usb || exit 77
script=$here/../bench/usb.sh
scene usb -- token.flash
scene pcsc -- token.flash | sed 's/^ *//'
