# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# The token's PIV application as other people's programs see it.
piv_builds=gcc

piv_plan()
{
	plan_scripts piv gcc piv
}
