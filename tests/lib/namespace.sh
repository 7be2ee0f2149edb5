# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A machine of one's own for a script: pcscd with virtual readers and emulated tokens in private namespaces, so that
# nothing outside is touched, several can run at once, and nothing survives the script. As root or as anybody.
#
#	. tests/lib/namespace.sh
#	ns_enter "$@"			# from here on, inside
#	pcscd_start
#	emu_start alice --create	# reader "Virtual PCD 00 00"
#	emu_start bob --create		# reader "Virtual PCD 00 01"
#					# (NS_READER: the name that a pcscd --config of the test gives to vpcd)
#	emu_ctl alice unplug
#	... end of the script: all is stopped, $NS_DIR removed
#
# UKEY_BUILD (or BUILD, which ./check sets) is the build directory; without it the installed programs are used.
# What the functions need a while for is waited for, at most NS_PATIENCE seconds (default 30: a machine may be busy).
# pcscd's two virtual readers are there without a token too: empty slots.

NS_PATIENCE=${NS_PATIENCE:-30}
ns_ports=(35963 35964)

ns_say()
{
	echo "$(basename "$0"): $*" >&2
}

# ns_program NAME: where a program of ours is.
ns_program()
{
	local build=${UKEY_BUILD:-${BUILD:-}}
	if [ -n "$build" ]; then
		[ -x "$build/$1" ] || { ns_say "$build/$1 is not built"; return 1; }
		printf '%s\n' "$build/$1"
	else
		command -v "$1" || { ns_say "$1 is not installed, and UKEY_BUILD names no build"; return 1; }
	fi
}

# ns_wait SECONDS COMMAND...: until the command succeeds; false when it never did.
ns_wait()
{
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# In a chroot whose root is no mount point nobody can change how mounts spread, and unshare gives up. Where they do not
# spread anyway that is no loss: tried with a mount that must not be seen from here.
ns_private_already()
{
	local probe status
	probe=$(mktemp -d) || return 1
	# shellcheck disable=SC2016 # the inner shell's
	unshare -m --propagation unchanged "$BASH" -c 'mount -t tmpfs ukey-probe "$2" && touch "$2/inside" &&
		! [ -e "/proc/$1/root$2/inside" ]; status=$?; umount "$2"; exit $status' ns $$ "$probe" 2>/dev/null
	status=$?
	rmdir "$probe"
	return "$status"
}

# ns_enter "$@": run this script anew in namespaces of its own, with the same arguments; returns inside only. Where the
# system forbids that, the script ends as skipped (77).
ns_enter()
{
	local how=() flags
	if [ -n "${UKEY_NAMESPACE:-}" ] && [ "$UKEY_NAMESPACE" = "$(readlink /proc/self/ns/net)" ]; then
		ns_inside
		return
	fi
	for flags in "-mnp" "-mnpUr"; do
		[ "$flags$(id -u)" = "-mnp0" ] || [ "$flags" = "-mnpUr" ] || continue
		if unshare "$flags" --fork --mount-proc true 2>/dev/null; then
			how=("$flags" --fork --kill-child --mount-proc)
			break
		fi
	done
	[ ${#how[@]} -gt 0 ] || [ "$(id -u)" != 0 ] || ! ns_private_already ||
		how=(-mnp --propagation unchanged --fork --kill-child --mount-proc)
	[ ${#how[@]} -gt 0 ] || { echo "this system does not allow private namespaces (unshare)"; exit 77; }
	# shellcheck disable=SC2016 # the inner shell's
	exec unshare "${how[@]}" -- "$BASH" -c 'UKEY_NAMESPACE=$(readlink /proc/self/ns/net) exec "$@"' ns \
		"$BASH" "$0" "$@"
}

# The first process of the namespace: its end ends all others in it.
ns_inside()
{
	ip link set lo up || { ns_say "cannot set up the loopback interface"; exit 1; }
	# A script inside a script shares the namespace and its /run/pcscd.
	if [ -z "${UKEY_NAMESPACE_RUN:-}" ]; then
		# Where pcscd never ran its folder is missing; a tmpfs over /run leaves no trace outside.
		[ -d /run/pcscd ] || mount -t tmpfs -o mode=755 ukey-run /run || exit 1
		mkdir -p /run/pcscd
		mount -t tmpfs -o mode=755 ukey-pcscd /run/pcscd || { ns_say "cannot mount /run/pcscd"; exit 1; }
		export UKEY_NAMESPACE_RUN=1
	fi
	NS_DIR=$(mktemp -d "${TMPDIR:-/tmp}/ukey-ns.XXXXXX") || exit 1
	export NS_DIR XDG_CACHE_HOME=$NS_DIR/cache
	trap ns_leave EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# Stop what was started here. NS_KEEP=1 keeps the folder with the logs and the flash files.
ns_leave()
{
	local status=$? file
	trap - EXIT
	pcscd_stop # first: nobody need notice that the tokens go
	for file in "$NS_DIR"/*.emu; do
		[ ! -e "$file" ] || emu_stop "$(basename "$file" .emu)"
	done
	if [ -n "${NS_KEEP:-}" ]; then
		ns_say "kept: $NS_DIR"
	else
		rm -rf "$NS_DIR"
	fi
	exit "$status"
}

# pcscd_start [OPTION...]: pcscd with vpcd's readers; its log is $NS_DIR/pcscd.log. Inside a script that has one running
# already, that one serves.
pcscd_start()
{
	local program
	[ ! -S /run/pcscd/pcscd.comm ] || ! ns_port_listens "${ns_ports[0]}" || return 0
	program=$(PATH=$PATH:/usr/sbin command -v pcscd) || { echo "pcscd is not installed"; exit 77; }
	compgen -G '/usr/lib/pcsc/drivers/serial/libifdvpcd.so*' >/dev/null ||
		{ echo "vsmartcard-vpcd is not installed"; exit 77; }
	"$program" --foreground --debug "$@" >>"$NS_DIR/pcscd.log" 2>&1 &
	echo $! >"$NS_DIR/pcscd.pid"
	ns_wait "$NS_PATIENCE" pcscd_listens || { ns_say "pcscd did not start"; tail -n 20 "$NS_DIR/pcscd.log" >&2; return 1; }
}

pcscd_listens()
{
	ns_socket_listens /run/pcscd/pcscd.comm && kill -0 "$(cat "$NS_DIR/pcscd.pid")" && ns_port_listens "${ns_ports[0]}"
}

# ns_port_listens PORT: without connecting: vpcd would take us for a card.
ns_port_listens()
{
	grep -qE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$1") [0-9A-F]+:0000 0A" /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# ns_socket_listens PATH: a socket is there a moment before it takes connections.
ns_socket_listens()
{
	awk -v path="$1" '$4 == "00010000" && $8 == path { found = 1 } END { exit !found }' /proc/net/unix
}

pcscd_stop()
{
	[ -e "$NS_DIR/pcscd.pid" ] || return 0
	ns_stop_pid "$NS_DIR/pcscd.pid"
	rm -f /run/pcscd/pcscd.comm
}

# ns_stop_pid FILE: end the process that the file names, by force after NS_PATIENCE. Returns its exit status.
ns_stop_pid()
{
	local pid status
	[ -e "$1" ] || return 0
	pid=$(cat "$1")
	rm -f "$1"
	kill "$pid" 2>/dev/null
	ns_wait "$NS_PATIENCE" ns_gone "$pid" || { ns_say "process $pid did not end; killed"; kill -KILL "$pid"; }
	wait "$pid" 2>/dev/null
	status=$?
	[ "$status" != 127 ] || status=0 # not a child of this shell
	return "$status"
}

ns_gone()
{
	! kill -0 "$1" 2>/dev/null || [ "$(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null)" = Z ]
}

# emu_start NAME [OPTION...]: a token NAME; flash $NS_DIR/NAME.flash and the first port that no other token of this
# script has, unless options say otherwise. Waits until its reader has it, unless --unplugged is among the options or pcscd is not
# running. Its messages are in $NS_DIR/NAME.log.
emu_start()
{
	local name=$1 program port='' option last='' flash=(--flash "$NS_DIR/$1.flash") waits=1
	shift
	program=$(ns_program ukey-emu) || return 1
	for option in "$@"; do
		case $option in
		--flash | --flash=*) flash=() ;;
		--unplugged) waits='' ;;
		esac
		[ "$last" != --port ] || port=$option
		last=$option
	done
	[ -n "$port" ] || port=$(emu_port) || { ns_say "both readers have a token already"; return 1; }
	rm -f "$NS_DIR/$name.ready"
	mkfifo "$NS_DIR/$name.ready" || return 1
	"$program" "${flash[@]}" --control "$NS_DIR/$name.ctl" --port "$port" --ready-fd 9 "$@" \
		9>"$NS_DIR/$name.ready" >>"$NS_DIR/$name.log" 2>&1 &
	echo $! >"$NS_DIR/$name.pid"
	echo "$port" >"$NS_DIR/$name.emu"
	if ! read -r -t "$NS_PATIENCE" <"$NS_DIR/$name.ready"; then
		ns_say "the emulator '$name' did not start"
		tail -n 5 "$NS_DIR/$name.log" >&2
		emu_stop "$name"
		return 1
	fi
	rm -f "$NS_DIR/$name.ready"
	[ -z "$waits" ] || [ ! -S /run/pcscd/pcscd.comm ] || emu_seen "$name"
}

# emu_seen NAME: wait until its reader has it; pcscd looks every 400 ms.
emu_seen()
{
	emu_wait "$1" .connected || return 1
	! command -v opensc-tool >/dev/null || reader_wait "$(emu_reader "$1")" present
}

# emu_plug NAME, emu_unplug NAME: and wait until pcscd has noticed. A token that comes back before pcscd saw it gone
# is to pcscd the old one, in an old session; so plugging waits for the empty reader first.
emu_plug()
{
	emu_status_is "$1" .plugged >/dev/null || reader_wait "$(emu_reader "$1")" empty || return 1
	emu_ctl "$1" plug >/dev/null && emu_seen "$1"
}

# emu_piv_only NAME on|off: pull it out, and put it in as a card that shows nothing but its PIV application, or all.
emu_piv_only()
{
	emu_unplug "$1" && emu_ctl "$1" piv-only "$2" >/dev/null && emu_plug "$1"
}

emu_unplug()
{
	emu_ctl "$1" unplug >/dev/null && reader_wait "$(emu_reader "$1")" empty
}

# The first of vpcd's ports that no token here has.
emu_port()
{
	local port
	for port in "${ns_ports[@]}"; do
		grep -qxs "$port" "$NS_DIR"/*.emu || { echo "$port"; return 0; }
	done
	return 1
}

# emu_reader NAME: the name of the token's reader.
emu_reader()
{
	case $(cat "$NS_DIR/$1.emu") in
	"${ns_ports[0]}") echo "${NS_READER:-Virtual PCD} 00 00" ;;
	*) echo "${NS_READER:-Virtual PCD} 00 01" ;;
	esac
}

# emu_stop NAME: returns the emulator's exit status. Waits until pcscd has noticed: a token that comes before would be to
# pcscd the one that left.
emu_stop()
{
	local reader='' status
	[ ! -e "$NS_DIR/$1.emu" ] || [ ! -S /run/pcscd/pcscd.comm ] || reader=$(emu_reader "$1")
	rm -f "$NS_DIR/$1.emu" "$NS_DIR/$1.ready"
	ns_stop_pid "$NS_DIR/$1.pid"
	status=$?
	[ -z "$reader" ] || ! command -v opensc-tool >/dev/null || ns_wait 10 reader_is "$reader" empty
	return "$status"
}

# emu_ctl NAME COMMAND...: a line of JSON; true when the emulator said ok.
emu_ctl()
{
	local name=$1 program
	shift
	program=$(ns_program ukey-emu) || return 1
	"$program" ctl "$NS_DIR/$name.ctl" "$@"
}

# emu_get NAME COMMAND FILTER: what jq's filter makes of the answer, as in emu_get alice counters '.ins."87".apdus // 0'
emu_get()
{
	emu_ctl "$1" "$2" | jq -r "$3"
}

# emu_wait NAME FILTER: until jq's filter is true of the status, as in emu_wait alice '.touch_waiting'
emu_wait()
{
	ns_wait "$NS_PATIENCE" emu_status_is "$@" || { ns_say "the token '$1' was never: $2"; emu_ctl "$1" status >&2; return 1; }
}

emu_status_is()
{
	emu_ctl "$1" status | jq -e "$2"
}

# reader_wait READER present|empty: until pcscd says so about the reader (the start of its name). Needs opensc-tool.
reader_wait()
{
	ns_wait "$NS_PATIENCE" reader_is "$@" || { ns_say "$1 was never $2"; opensc-tool --list-readers >&2; return 1; }
}

reader_is()
{
	opensc-tool --list-readers 2>/dev/null |
		awk -v reader="$1" -v want="$([ "$2" = present ] && echo Yes || echo No)" \
			'index($0, reader) && $2 == want { found = 1 } END { exit !found }'
}
