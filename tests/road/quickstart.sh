#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check: timeout=600 alone
# ./quickstart as a newcomer types it: every row of its table is good, it leaves nothing behind, it speaks Chinese where
# the user does, it works for an ordinary user, and it says so loudly when a step does not do what it should.
# shellcheck source=tests/lib/cases.sh
. "$(dirname "$0")/../lib/cases.sh"
: "${srcdir:?the source folder}"
steps=15
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work

# rows FILE WORD: how many rows of the table in FILE have this result.
rows()
{
	grep -cE "^ +[0-9]+  $2 +[0-9.]+ +[0-9]+  " "$1"
}

is()
{
	if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: $2, expected $3"; fi
}

begun=$SECONDS
LANG=C.UTF-8 LC_ALL='' "$srcdir/quickstart" --keep "$work/kept" >"$work/out" 2>&1 </dev/null
is "it ends well" $? 0
is "every step is good" "$(rows "$work/out" ok)" $steps
is "no step failed" "$(grep -c FAIL "$work/out")" 0
[ $((SECONDS - begun)) -le 180 ] && ok "it takes under three minutes" || bad "it took $((SECONDS - begun)) s"
for file in contract.rsa contract.ec2 contract.p7s again.p7s after.p7s rsa.pem factory/root.pem desk/desk.db; do
	try "it made $file" test -s "$work/kept/$file"
done
grep -qwE '246810|135791|975310' "$work/out" && bad "it shows a PIN" || ok "it shows no PIN"
is "nothing is left in the temporary folder" "$(find "$work" -maxdepth 1 -name 'ukey-*' | wc -l)" 0
# Whatever it started has our temporary folder in its environment, in whichever namespace it is.
left=$(env -u TMPDIR grep -alzx "TMPDIR=$work" /proc/[0-9]*/environ 2>/dev/null)
for file in $left; do
	tr '\0' ' ' <"${file%environ}cmdline" && echo
done | judge "no process is left"

LANG=zh_CN.UTF-8 LC_ALL='' "$srcdir/quickstart" --no-build >"$work/zh" 2>&1 </dev/null
is "in Chinese too" $? 0
is "with every step good" "$(rows "$work/zh" 通过)" $steps
is "and the tools speak it" "$([ "$(grep -c '口令错误' "$work/zh")" -ge 5 ] && echo yes)" yes
is "and says so" "$(grep -c '全部 15 个步骤均达到预期' "$work/zh")" 1

# Its catalogue is in the build, where localedir points: nothing to copy onto itself.
try "and this build can be installed" make -s -C "$srcdir/build/quickstart" install-data-local

if [ "$(id -u)" = 0 ]; then
	# A copy of what quickstart needs, that belongs to nobody, built already.
	mkdir "$work/tree"
	cp -a "$srcdir/quickstart" "$srcdir/configure.ac" "$srcdir/tests" "$work/tree/" 2>/dev/null
	mkdir "$work/tree/build" "$work/home"
	cp -a "$srcdir/build/quickstart" "$work/tree/build/"
	chown -R nobody "$work/tree" "$work/home"
	chmod 755 "$work"
	if setpriv --reuid nobody --regid nogroup --clear-groups unshare -rmnp --fork --mount-proc true 2>/dev/null; then
		HOME=$work/home TMPDIR=$work/home LC_ALL=C.UTF-8 setpriv --reuid nobody --regid nogroup --clear-groups \
			"$work/tree/quickstart" --no-build >"$work/nobody" 2>&1 </dev/null
		is "an ordinary user can run it" $? 0
		is "with every step good for him" "$(rows "$work/nobody" ok)" $steps
	else
		echo "this system gives an ordinary user no namespaces: that part was left out"
	fi
fi

# A step that fails: the engine's signature goes wrong because the program is not what it should be.
mkdir "$work/bin"
printf '#!/bin/sh\necho "no such object"\nexit 1\n' >"$work/bin/p11tool"
chmod +x "$work/bin/p11tool"
PATH=$work/bin:$PATH LC_ALL=C.UTF-8 "$srcdir/quickstart" --no-build >"$work/fails" 2>&1 </dev/null
is "a step that fails ends it with status 1" $? 1
is "the table says which" "$(rows "$work/fails" FAIL)" 1
is "what the program said is shown" "$([ "$(grep -c 'no such object' "$work/fails")" -gt 0 ] && echo yes)" yes
[ "$cases_failed" = 0 ] || tail -n 40 "$work/out"
finish
