#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSH: public keys from the token, log-ins to a local sshd, the agent, commits that git has the agent sign. Plain PIN
# and protected path.
# shellcheck source=tests/clients/lib.sh
. "$(dirname "$0")/lib.sh"
need sshd
need ssh-agent
need git
clients_start "$@"
grep -q ' 4294967295$' /proc/self/uid_map || { echo "sshd wants users of its own: run this as root"; exit 77; }
version ssh ssh -V

# ---- a server that lets the holder in ----
sshd_start()
{
	ssh-keygen -q -t ed25519 -N '' -f host.key || return 1
	cat >sshd.conf <<-END
		ListenAddress 127.0.0.1:2222
		HostKey $NS_DIR/host.key
		AuthorizedKeysFile $NS_DIR/authorized
		AuthenticationMethods publickey
		PermitRootLogin yes
		UsePAM no
		StrictModes no
		LogLevel VERBOSE
		PidFile none
	END
	"$(command -v sshd)" -D -e -f sshd.conf >sshd.log 2>&1 &
	echo $! >sshd.pid
	ns_wait 30 ns_port_listens 2222 || { cat sshd.log; return 1; }
}
cat >askpass <<END
#!/bin/sh
echo "\$1" >>$NS_DIR/asked
[ ! -e $NS_DIR/slowly ] || sleep 1.2
cat $NS_DIR/typed
END
chmod 700 askpass
export SSH_ASKPASS=$NS_DIR/askpass SSH_ASKPASS_REQUIRE=force
printf %s "$pin" >typed

login() # OPTION...
{
	timeout 60 ssh -F none -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile="$NS_DIR/known" -o LogLevel=ERROR \
		-o PreferredAuthentications=publickey "$@" "$(id -un)@127.0.0.1" echo inside </dev/null
}
# accepted TYPE: the server took such a key of the token last.
accepted()
{
	grep -a "Accepted publickey" sshd.log | tail -n 1 | grep -q "$1" || { tail -n 5 sshd.log; return 1; }
}
public() # KEY: as ssh writes it
{
	ssh-keygen -i -m PKCS8 -f "$1.pub"
}
let_in() # KEY
{
	public "$1" >authorized
}

# ---- ssh-keygen ----
ssh-keygen -D "$module" >all 2>keygen.said
try "ssh-keygen -D asks for no PIN" test ! -e asked
says "the RSA key is there" "^ssh-rsa .* ${label[rsa]}$" cat all
says "the P-256 key, too" "^ecdsa-sha2-nistp256 .* ${label[ec]}$" cat all
for key in "${keys[@]}"; do
	try "$key is the key of its certificate" grep -qF "$(public "$key") ${label[$key]}" all
done

# ---- log-ins ----
made_folder=''
[ -d /run/sshd ] || { made_folder=1 && mkdir /run/sshd; } || exit 1
try "an sshd" sshd_start
# Who types takes longer than the second after which a PIV card is looked at again: not between the PIN and a signature that
# wants it each time.
for key in "${keys[@]}"; do
	[ "$key" = rsa ] || : >slowly
	let_in "$key"
	says "ssh -I with $key" inside login -I "$module"
	rm -f slowly
	try "  the server took it" accepted "$([ "$key" = rsa ] && echo RSA || echo ECDSA)"
done
says "it asked for the PIN of this token" "Enter PIN for '$token'" cat asked
public ec >ec.line
says "IdentitiesOnly with the public half named" inside login -I "$module" -o IdentitiesOnly=yes -i ec.line
printf 000000 >typed
fails "a wrong PIN keeps out" "denied" login -I "$module"
printf %s "$pin" >typed
says "the right one comes in again" inside login -I "$module"
protected "pin 000000" "pin $pin"
rm -f asked
says "a protected path: the module asks" inside login -I "$module"
try "  and ssh does not" test ! -e asked
says "  twice, after a wrong one" "^2$" grep -c -e -- log
unprotected

# ---- the agent ----
# umockdev's library does not go into what runs with another group than its caller's, as Debian's agent does: a copy without.
agent()
{
	local program
	program=$(command -v ssh-agent)
	[ "$road" = pcsc ] || { cp "$program" the-agent && program=./the-agent; } || return 1
	env -u SSH_AUTH_SOCK "$program" -D -a "$NS_DIR/agent" -P "$(readlink -f "$module")" >agent.log 2>&1 &
	echo $! >agent.pid
	ns_wait 30 ns_socket_listens "$NS_DIR/agent"
}
try "ssh-agent" agent
export SSH_AUTH_SOCK=$NS_DIR/agent
try "ssh-add -s" ssh-add -s "$module" </dev/null
says "ssh-add -l shows all" "^$(grep -c . all)$" bash -c "ssh-add -l | grep -cE 'RSA|ECDSA'"
for key in "${ready[@]}"; do
	let_in "$key"
	says "a log-in by the agent, $key" inside login
done
if piv; then
	let_in ec
	fails "the agent cannot ask for a PIN each time" "." login
	let_in rsa
	says "  and goes on with other keys" inside login
fi
for key in "${ready[@]}"; do
	git init -q "$key.git" && echo hello >"$key.git/file" && git -C "$key.git" add file
	says "git signs a commit with $key" signed git -C "$key.git" -c user.name=Holder -c user.email=holder@example.com -c gpg.format=ssh \
		-c user.signingkey="key::$(public "$key")" commit -S -m signed
	echo "holder@example.com $(public "$key")" >allowed
	says "  which is good" "Good \"git\" signature for holder" \
		git -C "$key.git" -c gpg.ssh.allowedSignersFile="$NS_DIR/allowed" verify-commit HEAD
done
card_unplug
let_in rsa
fails "the token pulled: no log-in" "." login
card_plug
try "ssh-add -e" ssh-add -e "$module"
try "ssh-add -s again" ssh-add -s "$module" </dev/null
says "  and it works again" inside login
ns_stop_pid agent.pid
ns_stop_pid sshd.pid
[ -z "$made_folder" ] || rmdir /run/sshd
finish
