# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# The whole road over the real PC/SC stack: the tools, the registration authority, quickstart.
road_builds=gcc

road_plan()
{
	plan_scripts road gcc road tools ra
}
