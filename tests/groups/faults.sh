# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Power cuts, unplugging and failing memory: programs, and scripts over the real PC/SC stack.
faults_builds=gcc

faults_plan()
{
	plan_programs faults gcc FAULT_TESTS
	plan_scripts faults gcc faults
}
