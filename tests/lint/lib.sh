# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the lint scripts share: they run at the top of the tree and ask here for its files. Sourced.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top" || exit 1
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"

# tracked PATTERN...: the files of the project, by git's list, or by the folder's in an unpacked release.
tracked()
{
	if git rev-parse --show-toplevel >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
			[ ! -f "$file" ] || [ -L "$file" ] || printf '%s\n' "$file"
		done
	else
		local pattern
		for pattern in "${@:-*}"; do
			find . \( -path ./build -o -path ./.git -o -path ./build-aux -o -path ./m4 -o -path ./autom4te.cache \) \
				-prune -o -type f \( -path "./${pattern#./}" -o -name "$pattern" \) ! -name '*.in' ! -name '*~' \
				! -name configure ! -name aclocal.m4 -print
		done | sed 's,^\./,,' | sort -u
	fi
}

# Where none is found every rule would hold: an unpacked release in a folder that another repository ignores.
[ -n "$(tracked '*.c')" ] || { echo "no file of the project is found in $top"; exit 1; }

# shell_files: every shell script, by name or by its first line.
shell_files()
{
	tracked '*.sh'
	tracked | grep -v '\.sh$' | while read -r file; do
		head -n 1 "$file" | LC_ALL=C grep -aqE '^#!.*/(env )?(ba|da)?sh' && printf '%s\n' "$file"
	done
}
