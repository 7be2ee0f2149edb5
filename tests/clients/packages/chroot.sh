# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A fresh Debian of this machine's release, with the programs that the test of the packages needs and without us: made once,
# kept, and used through a layer that is thrown away. Everything that mounts does so in namespaces of its own. Sourced.

chroot_packages="pcscd libccid vsmartcard-vpcd opensc softhsm2 p11-kit jq openssl iproute2 bash-completion"

# The releases and the mirrors that apt of this machine uses, as lines of a sources.list; those of Debian only.
# shellcheck disable=SC2016 # apt's words
chroot_sources()
{
	apt-get indextargets --format '$(ORIGIN)|$(ARCHITECTURE)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)' "Identifier: Packages" 2>/dev/null |
		sed -n "s/^Debian|$(dpkg --print-architecture)|//p" | grep -E " $1(-[a-z]+)? main$"
}

chroot_suite()
{
	# shellcheck source=/dev/null
	(. /etc/os-release && [ "$ID" = debian ] && echo "${VERSION_CODENAME:-}")
}

# Says what is missing.
chroot_possible()
{
	local suite
	suite=$(chroot_suite)
	[ -n "$suite" ] || { echo "this is no release of Debian, whose packages could be built"; return 1; }
	[ -n "$(chroot_sources "$suite")" ] || { echo "apt knows no mirror of Debian $suite here: run apt-get update"; return 1; }
	unshare -mnp --fork --kill-child --mount-proc true 2>/dev/null || { echo "this system does not allow private namespaces (unshare)"; return 1; }
}

# chroot_complain LOG: the one line that says why there is no fresh Debian.
chroot_complain()
{
	echo "no fresh Debian could be made; is the mirror within reach? $(grep -E '^(E|W):' "$1" | tail -n 1)"
}

# The archive as apt reached it; a proxy as well.
chroot_configure()
{
	local root=$1 sources=$2
	printf '%s\n' "$sources" >"$root/etc/apt/sources.list"
	apt-config dump | grep -iE '^Acquire::[a-z:]*proxy' >"$root/etc/apt/apt.conf.d/90proxy"
	printf 'APT::Install-Recommends "no";\nAPT::Sandbox::User "root";\nAcquire::Languages "none";\nDpkg::Use-Pty "0";\n' >"$root/etc/apt/apt.conf.d/90test"
	echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/test"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # start no service
	chmod 755 "$root/usr/sbin/policy-rc.d"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
}

# In a mount namespace.
chroot_make()
{
	local root=$1 suite=$2 sources=$3 mirror
	mirror=$(sed -nE "s/^deb ([^ ]+) $suite main/\1/p" <<<"$sources" | head -n 1)
	debootstrap --variant=minbase "$suite" "$root" "$mirror" && chroot_configure "$root" "$sources" &&
		mount -t proc proc "$root/proc" && chroot "$root" apt-get -q update || return 1
	# shellcheck disable=SC2086 # words
	DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get -q -y install $chroot_packages
}

# chroot_base FOLDER CONTROL: the fresh Debian in FOLDER; its name is the last line. A new one whenever what it depends on is
# another; one of a month's age is too.
chroot_base()
{
	local folder=$1 suite sources key new status
	suite=$(chroot_suite) && sources=$(chroot_sources "$suite") || return 1
	key=$(cat <(echo "$suite $sources $(dpkg --print-architecture) $(date +%Y-%m)") "${BASH_SOURCE[0]}" "$2" | sha256sum | head -c 16)
	if [ ! -e "$folder/$key/etc/debian_version" ]; then
		rm -rf "$folder" && mkdir -p "$folder" || return 1
		new=$folder/$key.new
		export -f chroot_make chroot_configure
		export chroot_packages
		eval "$(apt-config shell http_proxy Acquire::http::Proxy)" && export http_proxy
		# shellcheck disable=SC2016 # the inner shell's
		unshare -mp --fork --kill-child --mount-proc --propagation private "$BASH" -c 'chroot_make "$@"' make "$new" "$suite" "$sources" </dev/null
		status=$?
		[ $status = 0 ] && mv "$new" "$folder/$key" || { rm -rf "$new"; return 1; }
	fi
	printf '%s\n' "$folder/$key"
}

# chroot_fetch BASE FOLDER: what the packages in FOLDER depend on is kept with the Debian, so that later nobody needs a network.
chroot_fetch()
{
	# shellcheck disable=SC2016 # the inner shell's
	unshare -mp --fork --kill-child --mount-proc --propagation private "$BASH" -c '
		mount -t tmpfs none "$1/mnt" && mkdir "$1/mnt/debs" && mount --bind "$2" "$1/mnt/debs" &&
			chroot "$1" sh -c "apt-get -q -y --download-only install /mnt/debs/*.deb"' fetch "$1" "$2" </dev/null
}

# In the namespaces of chroot_run.
chroot_enter()
{
	local base=$1 work=$2 over=$2/over root=$2/root node
	shift 2
	mkdir -p "$over" "$root" && mount -t tmpfs none "$over" && mkdir "$over/upper" "$over/work" || return 1
	mount -t overlay none -o "lowerdir=$base,upperdir=$over/upper,workdir=$over/work" "$root" ||
		{ mount -t tmpfs none "$root" && cp -a "$base/." "$root/"; } || return 1
	mount -t proc proc "$root/proc" && mount -t tmpfs -o mode=755 none "$root/dev" && mount -t tmpfs none "$root/run" &&
		mount -t tmpfs -o mode=1777 none "$root/tmp" && mkdir "$root/dev/shm" "$root/run/lock" "$root/test" &&
		mount --bind "$work" "$root/test" || return 1
	for node in null zero full random urandom tty; do
		touch "$root/dev/$node" && mount --bind "/dev/$node" "$root/dev/$node" || return 1
	done
	ln -s /proc/self/fd "$root/dev/fd"
	exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		UKEY_NAMESPACE="$(readlink /proc/self/ns/net)" chroot "$root" "$@"
}

# chroot_run BASE WORK COMMAND...: the command in the fresh Debian, where /test is WORK; whatever it changes is gone afterwards.
chroot_run()
{
	export -f chroot_enter
	# shellcheck disable=SC2016 # the inner shell's
	unshare -mnp --fork --kill-child --mount-proc --propagation private "$BASH" -c 'chroot_enter "$@"' enter "$@"
}
