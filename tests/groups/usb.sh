# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Tokens on USB: libusb, libccid and pcscd as they are, on a USB of umockdev's making, and in a machine of QEMU's making.
usb_builds=gcc

usb_plan()
{
	plan_scripts usb gcc usb
}
