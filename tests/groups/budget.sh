# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# The APDUs that each step may cost, counted by the emulator.
budget_builds=gcc

budget_plan()
{
	plan_scripts budget gcc budget
}
