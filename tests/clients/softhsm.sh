#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The same PKCS#11 programs on our module and on SoftHSM: no difference that tests/clients/softhsm_differences does not
# explain (softhsm_oracle.c). The seeds are fixed, the keys are new each time.
# check: timeout=600
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$top/tests/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$top/tests/lib/personal.sh"
oracle=$(ns_program tests/clients/softhsm_oracle) || exit 1
softhsm=$(factory_softhsm) || { echo "SoftHSM's module was not found"; exit 77; }
table=$top/tests/clients/softhsm_differences

work=$(mktemp -d "${TMPDIR:-/tmp}/softhsm.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8 SOFTHSM2_CONF=$work/softhsm.conf

fresh()
{
	rm -rf "$work/tokens"
	mkdir "$work/tokens"
	printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$work/tokens" >"$work/softhsm.conf"
}

for seed in 1 2 3; do
	fresh
	try "1500 programs on both, seed $seed" "$oracle" "$softhsm" "$table" 1500 "$seed"
done

# The comparison can fail: without the table there are differences.
fresh
if "$oracle" "$softhsm" /dev/null 50 1 >"$work/log" 2>&1; then
	bad "differences are seen"
else
	try "differences are seen" grep -q "^unexplained: " "$work/log"
fi
finish
