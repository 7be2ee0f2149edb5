#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Chromium: mutual TLS to a local server with the token's certificate. Its window for the PIN needs a screen (Xvfb) and a
# keyboard (xdotool); with a protected path it shows the window all the same, takes any text, and then the module asks.
# check: timeout=240
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
need chromium
need Xvfb
need xdotool
need modutil
need certutil
clients_start "$@"
version chromium chromium --version --no-sandbox

# ---- the database of HOME, and a policy that picks the certificate: /etc's, in this namespace alone ----
mkdir -p .pki/nssdb policy/policies/managed
chmod -R a+rX policy
db=sql:$HOME/.pki/nssdb
certutil -N -d "$db" --empty-password && certutil -A -d "$db" -n 'Test CA' -t CT,C,C -i ca.pem
modutil -dbdir "$db" -add ukey -libfile "$module" -force </dev/null >/dev/null
[ -d /etc/chromium ] && mount --bind policy /etc/chromium || { echo "the policy cannot be given in this namespace"; exit 77; }
choose() # KEY
{
	printf '{"AutoSelectCertificateForUrls":["{\\"pattern\\":\\"https://localhost:8443\\",\\"filter\\":{\\"SUBJECT\\":{\\"CN\\":\\"holder %s\\"}}}"]}\n' \
		"$1" >policy/policies/managed/x.json
	chmod 644 policy/policies/managed/x.json
}

# ---- a screen; its socket needs a /tmp/.X11-unix, and that is inside, too. -noreset: xdotool, which comes and goes before
# Chromium is there, would be its last client each time, and whoever comes while it resets itself finds no screen ----
screen()
{
	Xvfb :77 -screen 0 1280x900x24 -nolisten unix -listen tcp -ac -noreset >xvfb.log 2>&1 &
	echo $! >xvfb.pid
	ns_wait 30 ns_port_listens 6077
}
try "a screen" screen
export DISPLAY=127.0.0.1:77

# xdotool gives up when any window goes while it looks, so it is asked again and again.
pin_window()
{
	xdotool search --onlyvisible --name "Unlock Security Device" | head -n 1 >window && [ -s window ]
}

served()
{
	grep -q "depth=0" server.log
}

pin_window_or_served()
{
	served || pin_window
}

pin_window_is_gone()
{
	served || ! pin_window || [ "$(cat window)" != "$1" ]
}

# type_pin TEXT: into the window that wants a PIN, once more when it is asked again: a window that has just come loses keys.
type_pin()
{
	local window
	for _ in 1 2 3; do
		ns_wait 30 pin_window_or_served || break
		! served || return 0
		window=$(cat window)
		sleep 0.5
		timeout 10 xdotool windowfocus --sync "$window" key ctrl+a type "$1"
		timeout 10 xdotool key Return
		ns_wait 10 pin_window_is_gone "$window"
	done
	! ns_wait 30 served || return 0
	echo "no window asks for a PIN, or nothing comes of it"
	tail -n 5 chromium.log
	return 1
}

# visit [TEXT]: opens the page, types TEXT into a window that wants a PIN; ends when the server saw a certificate, or after a
# while.
visit()
{
	local status=0
	rm -rf data
	chromium --no-sandbox --disable-gpu --no-first-run --password-store=basic --disable-dev-shm-usage --user-data-dir="$NS_DIR/data" \
		https://localhost:8443/ >chromium.log 2>&1 &
	echo $! >chromium.pid
	[ $# = 0 ] || type_pin "$1" || status=1
	ns_wait 30 served || status=1
	ns_stop_pid chromium.pid
	return "$status"
}

try "a server" server_start
# A key that wants its PIN each time has a second window, which nobody here types into reliably.
! piv || keys=(rsa)
for key in "${keys[@]}"; do
	choose "$key"
	came_reset
	try "plain PIN, $key" visit "$pin"
	try "  the server saw the holder" came "holder $key"
done
if piv; then
	choose card
	came_reset
	try "a key that wants no PIN: no window" visit
	try "  the server saw the holder" came "holder card"
	ns_stop_pid xvfb.pid
	server_stop
	umount /etc/chromium
	finish
fi
protected "slow 0.2 $pin" "slow 0.2 000000" "slow 0.2 $pin"
choose rsa
came_reset
try "protected path, any text in Chromium's own window" visit x
try "  the server saw the holder" came "holder rsa"
says "  the module asked once" "^1$" grep -c -e -- log
choose ec
came_reset
try "again, a wrong PIN at first" visit x
try "  the server saw the holder" came "holder ec"
says "  the module asked twice" "^3$" grep -c -e -- log
ns_stop_pid xvfb.pid
server_stop
umount /etc/chromium
finish
