#!/bin/bash
# shellcheck disable=SC2030,SC2031,SC2317,SC2329 # functions that others call; a HOME for one command
# SPDX-License-Identifier: Apache-2.0
# ukey setup, in a home of its own: each program twice, with --dry-run, and back again; what others wrote stays byte for
# byte; broken, foreign and far-away files are refused; and the programs' own tools see the module then.
# check: timeout=300
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$top/tests/lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh"
need jq
need modutil
need certutil
need ssh
need p11-kit
work=$(mktemp -d "${TMPDIR:-/tmp}/setup.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
NS_DIR=$work
# shellcheck source=tests/tools/lib.sh
. "$top/tests/tools/lib.sh"
build=${UKEY_BUILD:-${BUILD:?the build folder}}
unset XDG_CONFIG_HOME XDG_STATE_HOME

module=$work/lib/ukey-pkcs11.so
mkdir lib
cp "$build/.libs/ukey-pkcs11.so" lib/
export HOME=$work/home
mkdir "$HOME"

setup() # CODE SENTENCE TEXT ARGUMENT...
{
	ex "$1" "$2" "$3" setup --module "$module" "${@:4}"
}

# state: every file and folder of the home with its mode and content. A fresh inode or time counts as a change too.
state()
{
	(cd "$HOME" && find . -printf '%p %m %i %T@ %l\n' | sort && find . -type f -print0 | sort -z | xargs -0r sha256sum) 2>&1
}

# untouched SENTENCE COMMAND...: the command (a case of its own) leaves the home as it was.
untouched()
{
	local sentence=$1 before
	before=$(state)
	shift
	"$@"
	same "$sentence" "$before" "$(state)"
}

# ---- the command line ----
ex 2 "no such program" "none of firefox, chromium" setup netscape
ex 2 "--remove of what?" "of which program" setup --remove
ex 7 "a module that is not there" "nosuch.so" setup --module /nosuch.so ssh
echo "no module" >lib/text.so
ex 7 "a module that does not load" "does not load" setup --module lib/text.so ssh
mkdir "lib/a b"
cp "$module" "lib/a b/"
ex 3 "a path that a configuration file could take for something else" "letters, digits" setup --module "lib/a b/ukey-pkcs11.so" ssh
(unset HOME && ukey setup ssh) >/dev/null 2>&1
same "no home" 7 $?
same "nothing was written by any of these" "" "$(ls -A "$HOME")"
js 0 "an empty home: nothing is set up" 'all(.places[]; .state != "set-up" and (.changed | not)) and (.places | length) >= 5' setup
same "and looking leaves nothing" "" "$(ls -A "$HOME")"

# ---- ssh ----
sees_ssh()
{
	ssh -F "$HOME/.ssh/config" -G host.example | grep -qx "pkcs11provider $module"
}
untouched "ssh --dry-run leaves nothing" setup 0 "ssh --dry-run tells what it would write" "+     PKCS11Provider $module" ssh --dry-run
setup 0 "ssh, without a configuration" "ssh: the module registered in $HOME/.ssh/config" ssh
try "  ssh sees the module" sees_ssh
same "  the file is its user's alone" 600 "$(stat -c %a "$HOME/.ssh/config")"
untouched "  nothing was written" setup 0 "ssh again" "nothing to do" ssh
setup 0 "ssh --remove" "the module removed from" ssh --remove
try "  the file that had nothing else is gone" test ! -e "$HOME/.ssh/config"
untouched "  nothing was written" setup 0 "ssh --remove again" "nothing to do" ssh --remove
i=0
for text in 'Host a\n\tUser b\n' 'Host 李雷\n\tUser \xff' '\n\n# only a remark\r\n\n' 'User x' ; do
	i=$((i + 1))
	# shellcheck disable=SC2059 # it is one
	printf "$text" >"$HOME/.ssh/config"
	chmod 640 "$HOME/.ssh/config"
	cp "$HOME/.ssh/config" before
	setup 0 "ssh, a configuration of others ($i)" "registered" ssh
	try "  theirs comes first, byte for byte" cmp -n "$(stat -c %s before)" before "$HOME/.ssh/config"
	try "  ssh sees the module" sees_ssh
	same "  the mode is kept" 640 "$(stat -c %a "$HOME/.ssh/config")"
	untouched "  nothing was written" setup 0 "  again" "nothing to do" ssh
	untouched "  nothing was written" setup 0 "  --remove --dry-run" "- # END ukey setup" ssh --remove --dry-run
	# more comes later, where that is a line of its own
	[ "$i" = 2 ] || [ "$i" = 4 ] || echo "Host later" | tee -a before >>"$HOME/.ssh/config"
	setup 0 "  --remove" "removed" ssh --remove
	try "  all that others wrote is as before" cmp before "$HOME/.ssh/config"
done
printf 'Host a\n' >"$HOME/.ssh/config"
setup 0 "ssh" "registered" ssh
mkdir lib2
cp "$module" lib2/
ex 0 "the module has moved" "path of the module corrected" setup ssh --module lib2/ukey-pkcs11.so
try "  ssh sees the new one" grep -q "PKCS11Provider $work/lib2/" "$HOME/.ssh/config"
same "  once" 1 "$(grep -c PKCS11Provider "$HOME/.ssh/config")"
js 0 "  the list says so" 'any(.places[]; .program == "ssh" and .state == "other-path")' setup --module "$module"
sed -i '/END ukey/d' "$HOME/.ssh/config"
untouched "  it is left alone" setup 90 "a block without an end" "not a pair" ssh
untouched "  it is left alone" setup 90 "  --remove" "not a pair" ssh --remove
printf 'Host *\n  pkcs11provider "%s"\n' "$module" >"$HOME/.ssh/config"
untouched "  it is left alone" setup 0 "a line of the user's own" "an entry of your own" ssh
untouched "  it is left alone" setup 90 "  --remove does not take it" "line 2" ssh --remove
printf 'Host a\0b\n' >"$HOME/.ssh/config"
untouched "  it is left alone" setup 90 "a file that is no text" "not a text" ssh

# ---- links and owners ----
rm "$HOME/.ssh/config"
mkdir "$HOME/dots" outside
printf 'Host a\n' >"$HOME/dots/ssh"
ln -s ../dots/ssh "$HOME/.ssh/config"
setup 0 "a link inside the home is followed" "registered" ssh
try "  and stays a link" test -L "$HOME/.ssh/config"
try "  ssh sees the module" sees_ssh
setup 0 "  --remove" "removed" ssh --remove
same "  theirs is as before" "Host a" "$(cat "$HOME/dots/ssh")"
printf 'Host a\n' >outside/config
ln -sf "$work/outside/config" "$HOME/.ssh/config"
untouched "  it is left alone" setup 90 "a link out of the home" "outside of the home" ssh
same "  what it leads to too" "Host a" "$(cat outside/config)"
ln -sf "$work/outside/nothing" "$HOME/.ssh/config"
setup 90 "a link to nowhere" "leads nowhere" ssh
try "  nothing was made there" test ! -e outside/nothing
rm -r "$HOME/.ssh"
ln -s "$work/outside" "$HOME/.ssh"
setup 90 "a folder that is a link out of the home" "outside of the home" ssh
same "  nothing was made there" "config" "$(ls -A outside)"
rm "$HOME/.ssh"
mkdir -m 777 "$HOME/.ssh"
chmod 777 "$HOME/.ssh"
setup 90 "a folder that everybody can write to" "everybody can write" ssh
rm -r "$HOME/.ssh"
mkdir "$HOME/.ssh"
if chown 65534 "$HOME/.ssh" 2>/dev/null; then
	setup 90 "a folder of somebody else" "another user" ssh
	chown 0 "$HOME/.ssh"
	echo >"$HOME/.ssh/config"
	chown 65534 "$HOME/.ssh/config"
	untouched "  it is left alone" setup 90 "a file of somebody else" "another user" ssh
fi
rm -r "$HOME/.ssh"

# ---- Firefox ----
firefox=$HOME/.mozilla/firefox
setup 90 "Firefox that was never started" "start Firefox once" firefox
setup 0 "  --remove" "nothing to do" firefox --remove
mkdir -p "$firefox/one.default-esr" "$firefox/two.default" "$HOME/abroad"
cat >"$firefox/profiles.ini" <<END
[Install123]
Default=one.default-esr
Locked=1

[Profile1]
Name=default
IsRelative=1
Path=two.default
Default=1

[Profile0]
Name=default-esr
IsRelative=1
Path=one.default-esr

[Profile2]
Name=abroad
IsRelative=0
Path=$HOME/abroad

[Profile3]
Name=gone
IsRelative=1
Path=gone

[General]
StartWithLastProfile=1
END
sees_nss() # FOLDER
{
	modutil -dbdir "sql:$1" -list </dev/null 2>&1 | grep -q "library name: $module"
}
for folder in one.default-esr ../../abroad; do
	certutil -N -d "sql:$firefox/$folder" --empty-password
done
cp "$firefox/one.default-esr/pkcs11.txt" before
untouched "Firefox --dry-run leaves nothing" setup 0 "Firefox --dry-run" "+ library=$module" firefox --dry-run
js 0 "Firefox: both profiles, and the one that was never used" \
	'([.places[] | select(.changed)] | length == 2) and any(.places[]; .state == "not-used-yet")' setup --module "$module" firefox
try "  NSS sees the module" sees_nss "$firefox/one.default-esr"
try "  in the other profile too" sees_nss "$HOME/abroad"
same "  the unused profile stays empty" "" "$(ls -A "$firefox/two.default")"
untouched "  nothing was written" setup 0 "Firefox again" "nothing to do: the module is registered" firefox
js 0 "  the list says so" '[.places[] | select(.program == "firefox" and .state == "set-up")] | length == 2' setup --module "$module"
setup 0 "Firefox --remove" "removed" firefox --remove
try "  all that NSS wrote is as before" cmp before "$firefox/one.default-esr/pkcs11.txt"
untouched "  nothing was written" setup 0 "  again" "nothing to do: the module is not" firefox --remove

rm -r "$HOME/abroad"
p=$firefox/one.default-esr
modutil -dbdir "sql:$p" -add ukey -libfile "$module" -force </dev/null >/dev/null 2>&1
untouched "  nothing was written" setup 0 "what modutil added is known" "nothing to do" firefox
setup 0 "  and can be removed" "removed" firefox --remove
try "  all is as before" cmp before "$p/pkcs11.txt"
setup 0 "Firefox" "registered" firefox
try "modutil takes away what we added" modutil -dbdir "sql:$p" -delete ukey -force </dev/null
setup 0 "  and then it is not there" "not in" firefox --remove
cp before "$p/pkcs11.txt"
ex 0 "Firefox" "registered" setup firefox --module lib2/ukey-pkcs11.so
setup 0 "  the module has moved" "corrected" firefox
try "  NSS sees it" sees_nss "$p"
same "  once" 1 "$(grep -c ukey-pkcs11 "$p/pkcs11.txt")"
setup 0 "  --remove" "removed" firefox --remove
try "  all is as before" cmp before "$p/pkcs11.txt"
printf 'library=%s\nname=My token\n' "$module" | cat before - >"$p/pkcs11.txt"
untouched "  nothing was written" setup 0 "loaded by hand, with a name of the user's" "an entry of your own" firefox
untouched "  nothing was written" setup 90 "  --remove leaves it" "My token" firefox --remove
printf 'library=/usr/lib/other.so\nname=ukey\n' | cat before - >"$p/pkcs11.txt"
untouched "  nothing was written" setup 90 "somebody else's module has the name" "another module" firefox
untouched "  nothing was written" setup 0 "  --remove leaves it" "not in" firefox --remove
printf 'rubbish\n' | cat before - >"$p/pkcs11.txt"
untouched "  it is left alone" setup 90 "a list with a broken line" "damaged" firefox
head -c 0 before >"$p/pkcs11.txt"
untouched "  it is left alone" setup 90 "an empty list" "damaged" firefox
rm "$p/pkcs11.txt"
setup 90 "profiles, but none was used" "start Firefox once" firefox
cp before "$p/pkcs11.txt"
touch "$p/.parentlock"
setup 0 "the lock of a Firefox that has ended" "would register" firefox --dry-run
hold() # as Firefox does
{
	perl -e 'use Fcntl; open(my $f, "+<", $ARGV[0]) or die; my $l = pack("s s l! l! i", F_WRLCK, SEEK_SET, 0, 0, 0);
		fcntl($f, F_SETLK, $l) or die; open(my $r, ">", "held"); close($r); sleep 60' "$p/.parentlock" &
	echo $! >holder.pid
	ns_wait 10 test -e held
}
hold
untouched "  it is left alone" setup 90 "Firefox is running" "close Firefox" firefox
untouched "  it is left alone" setup 90 "  --remove" "close Firefox" firefox --remove
kill "$(cat holder.pid)"
wait
ln -s "127.0.0.1:$$" "$p/lock"
setup 90 "an old lock whose process lives" "close Firefox" firefox
ln -sfn "127.0.0.1:+$$" "$p/lock"
setup 0 "a link that .parentlock overrules" "would register" firefox --dry-run
rm "$p/lock"
mkdir -p "$HOME/snap/firefox"
setup 0 "Firefox of snap is named, the other one set up" "runs shut in" firefox
setup 0 "  --remove" "removed" firefox --remove
echo "[General]" >"$firefox/profiles.ini"
untouched "  it is left alone" setup 90 "profiles.ini without profiles" "names no profile" firefox
rm -r "$HOME/.mozilla" "$HOME/snap"
mkdir -p "$HOME/.config/mozilla/firefox/x"
printf '[Profile0]\nIsRelative=1\nPath=x\n' >"$HOME/.config/mozilla/firefox/profiles.ini"
certutil -N -d "sql:$HOME/.config/mozilla/firefox/x" --empty-password
setup 0 "Firefox's new place" "the module registered in $HOME/.config/mozilla" firefox
try "  NSS sees the module" sees_nss "$HOME/.config/mozilla/firefox/x"
printf '[Profile0]\nIsRelative=0\nPath=%s\n' "$work/outside" >"$HOME/.config/mozilla/firefox/profiles.ini"
certutil -N -d "sql:$work/outside" --empty-password
cp outside/pkcs11.txt before
setup 90 "a profile outside of the home" "outside of the home" firefox
try "  it is left alone" cmp before outside/pkcs11.txt
rm -r "$HOME/.config"

# ---- Chromium ----
untouched "Chromium --dry-run leaves nothing" setup 0 "Chromium --dry-run without a database" "would make" chromium --dry-run
untouched "  nor does --remove" setup 0 "Chromium --remove without a database" "nothing to do" chromium --remove
setup 0 "Chromium" "registered" chromium
try "  NSS sees the module" sees_nss "$HOME/.pki/nssdb"
untouched "  nothing was written" setup 0 "Chromium again" "nothing to do" chromium
setup 0 "Chromium --remove" "removed" chromium --remove
cp "$HOME/.pki/nssdb/pkcs11.txt" before
setup 0 "Chromium with a database" "registered" chromium
chmod 644 "$HOME/.pki/nssdb/pkcs11.txt"
setup 0 "  --remove" "removed" chromium --remove
try "  all is as before" cmp before "$HOME/.pki/nssdb/pkcs11.txt"
same "  the mode is kept" 644 "$(stat -c %a "$HOME/.pki/nssdb/pkcs11.txt")"
rm -r "$HOME/.pki"
env PATH="$work/lib" "$U" setup chromium --module "$module" >said 2>&1
same "no database and no certutil" 90 $?
try "  says what to do" grep -q libnss3-tools said

# ---- Java ----
cfg=$HOME/.config/openukey/ukey.cfg
untouched "Java --dry-run leaves nothing" setup 0 "Java --dry-run" "+ library=$module" java --dry-run
setup 0 "Java, and the line to use it" "-addprovider SunPKCS11 -providerArg $cfg" java
try "  the file names the module" grep -qx "library=$module" "$cfg"
untouched "  nothing was written" setup 0 "Java again" "nothing to do" java
ex 0 "  the module has moved" "corrected" setup java --module lib2/ukey-pkcs11.so
setup 0 "  and back" "corrected" java
setup 0 "Java --remove" "removed" java --remove
try "  the file is gone" test ! -e "$cfg"
printf 'name=mine\nlibrary=%s\n' "$module" >"$cfg"
untouched "  nothing was written" setup 0 "a file of the user's own" "an entry of your own" java
untouched "  nothing was written" setup 90 "  --remove leaves it" "by hand" java --remove
printf 'name=mine\nlibrary=/other.so\n' >"$cfg"
untouched "  nothing was written" setup 90 "a file for another module" "somebody else" java
rm "$cfg"
setup 0 "Java" "registered" java
echo "attributes = compatibility" >>"$cfg"
untouched "  nothing was written" setup 90 "  a line was added by hand: --remove leaves it" "by hand" java --remove
rm "$cfg"

# ---- p11-kit ----
# as_nobody COMMAND...: p11-kit reads no files of root's home
as_nobody()
{
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	else
		"$@"
	fi
}
p11()
{
	local code=$1 sentence=$2 text=$3 said status
	shift 3
	said=$(as_nobody timeout 60 "$U" setup --module "$module" p11-kit "$@" 2>&1 </dev/null)
	status=$?
	if [ "$status" = "$code" ] && [[ $said == *"$text"* ]]; then ok "$sentence"; else bad "$sentence: $status, $said"; fi
}
# in_etc COMMAND...: with etc/ over /etc; false where that cannot be tried
in_etc()
{
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m "$BASH" -c 'mount --bind "$1" /etc && shift && exec "$@"' in_etc "$work/etc" "$@"
}
cp -a /etc etc 2>/dev/null
mkdir -p etc/crypto-policies/back-ends etc/pkcs11/modules
printf 'name=p11-kit-proxy\nlibrary=p11-kit-proxy.so\n' >etc/crypto-policies/back-ends/nss.config
if in_etc true 2>/dev/null; then
	in_etc "$U" setup --module "$module" chromium --dry-run >said
	try "the system gives NSS p11-kit's modules, but ours is not among them" grep -q "would make" said
	echo "module: $module" >etc/pkcs11/modules/ukey.module
	in_etc "$U" setup --module "$module" chromium >said
	try "  it is: nothing to do" grep -q "p11-kit gives it the module (/etc/crypto-policies" said
	in_etc "$U" setup --module "$module" p11-kit >said
	try "installed for everybody: nothing to do" grep -q "p11-kit gives it the module (/etc/pkcs11/modules/ukey.module)" said
	rm etc/pkcs11/modules/ukey.module
	echo "user-config: none" >etc/pkcs11/pkcs11.conf
	in_etc "$U" setup --module "$module" p11-kit >said 2>&1
	same "p11-kit reads no users' files here" 90 $?
	try "  what the administrator has to do is said" grep -q "/etc/pkcs11/modules/ukey.module" said
	try "and no file was written" test ! -e "$HOME/.pki"
else
	echo "no /etc of its own: what the system's configuration gives was not looked at"
fi
known=$HOME/.config/pkcs11/modules/ukey.module
if [ -e /usr/share/p11-kit/modules/ukey.module ] || [ -e /etc/pkcs11/modules/ukey.module ]; then
	setup 0 "p11-kit has the module of this machine" "p11-kit gives it" p11-kit
else
	[ "$(id -u)" != 0 ] || setup 90 "p11-kit, for root" "root's home" p11-kit
	chmod 755 "$work" lib lib/ukey-pkcs11.so
	[ "$(id -u)" != 0 ] || chown -R 65534 "$HOME"
	if as_nobody test -x "$U" && as_nobody "$U" --version >/dev/null 2>&1; then
		untouched "p11-kit --dry-run leaves nothing" p11 0 "p11-kit --dry-run" "+ module: $module" --dry-run
		p11 0 "p11-kit" "registered"
		as_nobody p11-kit list-modules >said 2>&1
		try "  p11-kit sees the module" grep -q "^ukey: $module" said
		untouched "  nothing was written" p11 0 "p11-kit again" "nothing to do"
		# a Firefox or Chromium that asks p11-kit
		as_nobody mkdir -p "$HOME/.pki/nssdb"
		as_nobody certutil -N -d "sql:$HOME/.pki/nssdb" --empty-password
		printf 'library=/usr/lib/p11-kit-proxy.so\nname=p11-kit-proxy\n\n' >>"$HOME/.pki/nssdb/pkcs11.txt"
		as_nobody "$U" setup --module "$module" chromium >said 2>&1
		try "a program with p11-kit's module needs nothing" grep -q "p11-kit gives it the module ($known)" said
		try "  and nothing was written" test 0 = "$(grep -c ukey "$HOME/.pki/nssdb/pkcs11.txt")"
		p11 0 "p11-kit --remove" "removed" --remove
		as_nobody p11-kit list-modules >said 2>&1
		try "  p11-kit does not see it any more" test 0 = "$(grep -c "^ukey:" said)"
		as_nobody "$U" setup --module "$module" chromium >said 2>&1
		try "  and then the program needs its own" grep -q "registered" said
		printf 'module: %s\ncritical: yes\n' "$module" >"$known"
		chmod 644 "$known"
		[ "$(id -u)" != 0 ] || chown 65534 "$known"
		untouched "  nothing was written" p11 0 "a file of the user's own" "an entry of your own"
		untouched "  nothing was written" p11 90 "  --remove leaves it" "by hand" --remove
	else
		echo "another user cannot run $U: p11-kit was not asked"
	fi
fi
finish
