# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# The release and what it installs.
dist_builds=gcc

dist_plan()
{
	plan_scripts dist gcc dist
}
