# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Nothing is built for this group yet.
channel_builds=

channel_plan()
{
	:
}
