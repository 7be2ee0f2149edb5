# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# Real programs on the PKCS#11 module.
clients_builds=gcc

clients_plan()
{
	plan_scripts clients gcc clients
}
