# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Golden APDU transcripts and each command's access rule, against the firmware core.
wire_builds="gcc asan tsan"

wire_plan()
{
	plan_programs wire gcc WIRE_TESTS
	plan_programs wire asan WIRE_TESTS
	plan_programs wire tsan THREAD_TESTS
	plan_programs wire tsan MINUTE_TESTS env UKEY_STORM_SECONDS=60
	# the core for a Cortex-M, the emulator in a real pcscd
	plan_scripts wire asan wire
}
