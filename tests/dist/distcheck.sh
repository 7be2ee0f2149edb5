#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check: timeout=1200
# The release: made, unpacked read-only, built out of tree, installed with DESTDIR, uninstalled, and nothing left behind.
# The programs' tests run from the other builds; here only what distcheck adds is wanted, so TESTS is empty.
# shellcheck source=tests/lib/cases.sh
. "$(dirname "$0")/../lib/cases.sh"
: "${BUILD:?the build folder}" "${srcdir:?the source folder}"
cd "$BUILD" || exit 1

if make -s distcheck -j"$(nproc)" TESTS= >distcheck.log 2>&1; then
	ok "make distcheck passes"
else
	bad "make distcheck passes"
	grep -nE 'error|ERROR|undefined|No such file' distcheck.log | head -n 15
	tail -n 15 distcheck.log
fi
archive=$(ls openukey-*.tar.xz)
tar -tf "$archive" >archive.list
for file in check quickstart configure doc/token-protocol.md driver/ukey.h tests/packages LICENSE README.md; do
	try "the release has $file" grep -qE "^[^/]+/$file$" archive.list
done
if git -C "$srcdir" rev-parse HEAD >/dev/null 2>&1; then
	sed 's,^[^/]*/,,' archive.list | sort >archive.names
	git -C "$srcdir" ls-files | sort | comm -23 - archive.names |
		grep -vE '^(\.gitignore|\.ci/|\.gitattributes)' | judge "every file of the repository is in the release"
fi
rm -f "$archive" archive.list archive.names
finish
