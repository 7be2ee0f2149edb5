# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
# What can be said about the sources without running them.
lint_builds=gcc
lint_opinions=clang

lint_plan()
{
	local script
	for script in "$top"/tests/lint/*.sh; do
		[ "${script##*/}" != lib.sh ] || continue
		TIMEOUT=2400 plan "lint/$(basename "$script" .sh)" script env "BUILD=$top/build/check-gcc" "$script"
	done
}
