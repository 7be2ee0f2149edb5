# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# What an attacker tries: on the bus, in another process, with other people's bytes (doc/security.md).
channel_builds=gcc

channel_plan()
{
	plan_programs channel gcc CHANNEL_TESTS
	plan_scripts channel gcc channel
}
