#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy with the tree's .clang-tidy over all C files outside tests/.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need clang-tidy
BUILD=${BUILD:-$top/build/check-gcc}
[ -e "$BUILD/config.h" ] || { echo "no configured build in $BUILD"; exit 77; }

mapfile -t flags < <(pkg-config --cflags libcrypto libssl libpcsclite libusb-1.0 p11-kit-1 jansson libcurl sqlite3 libmicrohttpd gnutls |
	tr -s ' ' '\n' | grep . | sort -u)
# shellcheck disable=SC2016 # the inner shell expands it
tracked '*.c' | grep -vE '^tests/' | xargs -r -P "$(nproc)" -n 6 sh -c '
	build=$1 flags=$2
	shift 2
	for file; do
		clang-tidy --quiet "$file" -- -std=c11 -I. -I"$build" -D_GNU_SOURCE -DLOCALEDIR=\"/l\" -DSYSCONFDIR=\"/e\" \
			-DUDEVRULESDIR=\"/u\" -DP11MODULEDIR=\"/m\" -DP11CONFIGDIR=\"/c\" $flags 2>/dev/null
	done' sh "$BUILD" "${flags[*]}" | grep -E '(warning|error):' | sort -u | judge "clang-tidy finds nothing"

# The judge itself.
probe=$(mktemp --suffix=.c)
printf 'int f(int a);\nint f(int a)\n{\n\tint *p = 0;\n\tif (a)\n\t\tp = &a;\n\treturn *p;\n}\n' >"$probe"
if clang-tidy --quiet --config-file=.clang-tidy "$probe" -- -std=c11 2>/dev/null | grep -q NullDereference; then
	ok "clang-tidy sees a null dereference"
else
	bad "clang-tidy does not see a null dereference"
fi
rm -f "$probe"
finish
