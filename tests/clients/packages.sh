#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages: built from a clean copy of this tree, looked at by lintian, then installed, used, upgraded and purged
# in a fresh Debian (debootstrap) that knows nothing of us. What happens in there is tests/clients/packages/inside.sh.
# The fresh Debian is kept in build/chroot for the next time; PACKAGES_KEEP=1 keeps the packages and the log.
# check: timeout=900
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
# shellcheck source=tests/clients/packages/chroot.sh
. "$here/packages/chroot.sh"
for program in dpkg-buildpackage dh lintian debootstrap fakeroot unshare; do
	need "$program"
done
[ "$(id -u)" = 0 ] || { echo "a fresh Debian is made and entered by root only (debootstrap, chroot)"; exit 77; }
chroot_possible || exit 77
work=$(mktemp -d "${TMPDIR:-/tmp}/ukey-packages.XXXXXX") || exit 1

# Whatever mounts is in a namespace of its own, whose end takes processes and mounts with it; unshare heeds no softer signal.
kill_tree()
{
	local pid
	for pid in "$@"; do
		# shellcheck disable=SC2046 # numbers
		kill_tree $(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
		kill -KILL "$pid" 2>/dev/null
	done
}
leave()
{
	trap - EXIT
	# shellcheck disable=SC2046 # process ids
	kill_tree $(jobs -p)
	wait
	rm -rf "$top"/build/chroot/*.new
	if [ -n "${PACKAGES_KEEP:-}" ]; then echo "kept: $work" >&2; else rm -rf "$work"; fi
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- a clean copy: what git knows, or the whole of a release ----
tree=$work/$(sed -nE '1s/^([a-z0-9.+-]+) \(([^)]+)\).*/\1-\2/p' "$top/debian/changelog")
mkdir "$tree" "$work/1" "$work/2" || exit 1
if git -C "$top" rev-parse --show-toplevel >/dev/null 2>&1; then
	git -C "$top" ls-files -z --cached | (cd "$top" && while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done) |
		tar -C "$top" --null -T - -c | tar -C "$tree" -x
else
	tar -C "$top" --exclude='./build*' -c . | tar -C "$tree" -x
fi

# ---- both at once: the packages, and the Debian that they go to ----
chroot_base "$top/build/chroot" "$top/debian/control" >"$work/chroot.log" 2>&1 &
maker=$!
begun=$SECONDS
(cd "$tree" && DEB_BUILD_OPTIONS="nocheck parallel=2" dpkg-buildpackage --unsigned-source --unsigned-changes --build=binary) >"$work/build.log" 2>&1 </dev/null &
builder=$!
wait $builder
status=$?
echo "  dpkg-buildpackage: $((SECONDS - begun)) s"
if [ $status = 0 ]; then ok "dpkg-buildpackage makes the packages"; else bad "dpkg-buildpackage makes the packages"; tail -n 20 "$work/build.log"; finish; fi
grep -E 'dpkg-(gensymbols|shlibdeps): (warning|error)' "$work/build.log" | judge "the symbols of the library are those of debian/libukey0.symbols"
lintian --fail-on error,warning --no-tag-display-limit --allow-root "$work"/*.changes >"$work/lintian" 2>&1 && ok "lintian has nothing to say" ||
	{ bad "lintian has nothing to say"; cat "$work/lintian"; }
for file in "$work"/*.deb; do
	case $file in
	*-dbgsym_*) ;;
	*) mv "$file" "$work/1/" ;;
	esac
done

# The same once more with a higher version, to upgrade to.
for file in "$work"/1/*.deb; do
	dpkg-deb -R "$file" "$work/unpacked" &&
		sed -i -E '/^(Version|Depends|Source):/s/([0-9]+\.[0-9]+\.[0-9]+)(\)|$)/\1+later\2/' "$work/unpacked/DEBIAN/control" &&
		dpkg-deb -Zgzip -z1 -b "$work/unpacked" "$work/2" >/dev/null || echo "$file"
	rm -rf "$work/unpacked"
done | judge "they can be made again with a higher version"

# ---- in there ----
begun=$SECONDS
wait $maker || { tail -n 5 "$work/chroot.log"; chroot_complain "$work/chroot.log"; exit 77; }
[ "$((SECONDS - begun))" -lt 2 ] || echo "  waited for the fresh Debian: $((SECONDS - begun)) s"
base=$(tail -n 1 "$work/chroot.log")
begun=$SECONDS
chroot_fetch "$base" "$work/1" >"$work/fetch.log" 2>&1 || { chroot_complain "$work/fetch.log"; exit 77; }
mkdir "$work/scripts" && cp -r "$top/tests/lib" "$top/tests/clients" "$work/scripts/" || exit 1
chroot_run "$base" "$work" /bin/bash /test/scripts/clients/packages/inside.sh >"$work/inside.log" 2>&1 </dev/null &
wait $!
status=$?
while read -r line; do
	case $line in
	ok:*) ok "${line#ok: }" ;;
	FAIL:*) bad "${line#FAIL: }" ;;
	*passed,*failed) ended=$line ;;
	*) printf '%s\n' "  $line" ;;
	esac
done <"$work/inside.log"
[ -n "${ended:-}" ] || bad "the test in the fresh Debian comes to its end (exit status $status)"
echo "  in the fresh Debian: $((SECONDS - begun)) s"
grep -F "$work" /proc/mounts | judge "nothing stays mounted"
finish
