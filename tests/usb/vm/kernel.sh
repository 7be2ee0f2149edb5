# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Debian's kernel and a root for it, without installing anything: its package unpacked into a folder, and an initramfs
# that takes this machine's own root over 9p, read-only under a tmpfs. Sourced by tests/usb/vm.sh.

# apt CACHE WORD...: apt-get on package lists of our own, where those of this machine are missing or old.
vm_apt()
{
	local cache=$1
	shift
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial" &&
		timeout 120 apt-get -q -o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt" -o APT::Sandbox::User= "$@"
}

# vm_kernel_name [OPTION...]: the real package behind linux-image-amd64.
vm_kernel_name()
{
	apt-cache "$@" depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1
}

# vm_kernel CACHE: fetches and unpacks the kernel unless it is there; prints its folder. One that was fetched before does
# where the network is missing. On failure the last line on standard error says why.
vm_kernel()
{
	local cache=$1 name version dir old
	mkdir -p "$cache" || return 1
	name=$(vm_kernel_name)
	version=$(apt-cache show --no-all-versions "${name:-none}" 2>/dev/null | sed -n 's/^Version: //p')
	dir=$cache/${name:-linux-image-any}_$version
	[ ! -e "$dir/ready" ] || { echo "$dir"; return 0; }
	if vm_kernel_fetch "$cache" "$name" "$dir" >"$cache/log" 2>&1; then
		for old in "$cache"/linux-image-*; do
			[ "$old" = "$dir" ] || rm -rf "$old"
		done
		echo "$dir"
		return 0
	fi
	for old in "$cache"/linux-image-*/ready; do
		[ ! -e "$old" ] || { dirname "$old"; return 0; }
	done
	echo "Debian's kernel package cannot be fetched: $(sed -n 's/^[EW]: //p' "$cache/log" | grep -v unsandboxed | head -n 1)" >&2
	return 1
}

vm_kernel_fetch()
{
	local cache=$1 name=$2 dir=$3 deb
	rm -rf "$cache/new" "$cache"/*.deb
	mkdir -p "$cache/new" && cd "$cache" || return 1
	if [ -z "$name" ] || ! timeout 300 apt-get -q -o APT::Sandbox::User= download "$name"; then
		vm_apt "$cache" update || return 1
		name=$(vm_kernel_name -o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt")
		[ -n "$name" ] || { echo "E: the archive has no linux-image-amd64"; return 1; }
		vm_apt "$cache" download "$name" || return 1
	fi
	deb=$(echo "$cache/${name}"_*.deb)
	# No graphics, sound, television or network cards: three quarters of it.
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C new --exclude='*/drivers/gpu' --exclude='*/drivers/media' \
		--exclude='*/drivers/net' --exclude='*/sound' ./boot ./lib/modules || return 1
	depmod -b "$cache/new" "$(basename "$cache"/new/lib/modules/*)" || return 1
	touch new/ready
	rm -rf "$dir" "$deb" "$cache/apt"
	mv new "$dir"
}

# vm_version KERNEL: the kernel's release.
vm_version()
{
	basename "$1"/lib/modules/*
}

# vm_initramfs KERNEL INIT OUT: modules until the root is there, busybox, and the first process.
vm_initramfs()
{
	local kernel=$1 out=$3 module n=0 tree
	tree=$(mktemp -d) || return 1
	mkdir "$tree/bin" "$tree/modules" "$tree/proc" "$tree/sys" "$tree/dev"
	cp /bin/busybox "$tree/bin/busybox" && cp "$2" "$tree/init" && chmod +x "$tree/init" || return 1
	while read -r module; do
		n=$((n + 1))
		cp "$module" "$tree/modules/$(printf '%02d' $n)-$(basename "$module")" || return 1
	done < <(modprobe -d "$kernel" -S "$(vm_version "$kernel")" -a --show-depends virtio_pci 9pnet_virtio 9p overlay |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
	[ "$n" -gt 0 ] && (cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1) >"$out" || return 1
	rm -r "$tree"
}

# vm_run KERNEL INITRAMFS SHARE SECONDS: until the guest is done; what it said on its console is in SHARE/console.
# The guest runs SHARE/run and leaves its exit status in SHARE/status. For a subshell, whose process it becomes.
vm_run()
{
	local kernel=$1 version
	version=$(vm_version "$1")
	# KVM is not asked for: where it is there it may be another one's imitation, on which a kernel hangs.
	exec timeout -k 5 "$4" qemu-system-x86_64 -M q35 -accel tcg -cpu qemu64 -smp 1 -m 1024 \
		-nographic -no-reboot -vga none -net none \
		-kernel "$kernel/boot/vmlinuz-$version" -initrd "$2" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off" \
		-virtfs "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap" \
		-virtfs "local,path=$kernel/lib/modules/$version,mount_tag=modules,security_model=none,readonly=on" \
		-virtfs "local,path=$3,mount_tag=share,security_model=none" </dev/null >"$3/console" 2>&1
}
