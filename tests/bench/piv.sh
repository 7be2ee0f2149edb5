#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PKCS#11 modules on the very same PIV card, in one pcscd and one run: Debian's OpenSC and ykcs11, and ours. The card is
# the emulated token's PIV application and nothing else, in a reader whose name ykcs11 accepts. The measuring program
# (p11_time.c) and the shim that counts (pcsc_shim.c) know no module. Nothing is judged here. Arguments as bench.sh's.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
ns_enter "$@"
# shellcheck source=tests/bench/lib.sh
. "$here/lib.sh"
NS_READER='Yubico Virtual'
PIN=piv.pin
printf 246813 >piv.pin
chmod 600 piv.pin
key=a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8c1c2c3c4c5c6c7c8

# In short no chip is slow.
if [ -n "${BENCH_QUICK:-}" ]; then
	starts=1 more=3 slow_chip=none slow_starts=1 slow_more=1
else
	starts=31 more=101 slow_chip=chip slow_starts=5 slow_more=9
fi

# library NAME: Debian's module.
library()
{
	compgen -G "/usr/lib/*/$1.so" || compgen -G "/usr/lib/*/$1.so.*"
}

declare -A modules=([OpenUKey]=$module)
names=()
for name in OpenSC:opensc-pkcs11 ykcs11:libykcs11; do
	path=$(library "${name#*:}" | head -n 1)
	[ -z "$path" ] || { modules[${name%:*}]=$path; names+=("${name%:*}"); }
done
names+=(OpenUKey)

# ---- the card ---------------------------------------------------------------------------------------------------------

# vpcd's reader under a name that ykcs11 2.2 takes for one of its own.
reader()
{
	local library
	library=$(compgen -G '/usr/lib/pcsc/drivers/serial/libifdvpcd.so*' | head -n 1)
	[ -n "$library" ] || { echo "vsmartcard-vpcd is not installed"; exit 77; }
	printf 'FRIENDLYNAME "%s"\nDEVICENAME /dev/null:0x8C7B\nLIBPATH %s\nCHANNELID 0x8C7B\n' "$NS_READER" "$library"
}

yubico()
{
	ran timeout 60 yubico-piv-tool -r Yubico "--key=$key" "$@" >/dev/null
}

# A certificate as they are: of a CA, with names and a number, 1 to 1.2 kB.
certificate()
{
	[ -e ca.pem ] || openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj "/C=CN/O=A Company of Some Size/CN=Its CA" -days 30 -out ca.pem 2>/dev/null
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null \
		-subj "/C=CN/O=A Company of Some Size/OU=Department/CN=Somebody ($1)/emailAddress=somebody@example.com" 2>/dev/null |
		openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 20 -force_pubkey "$1.pub" -out "$1.pem" 2>/dev/null \
			-extfile <(printf 'keyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=clientAuth,emailProtection\nsubjectAltName=email:somebody@example.com\n')
}

# Four keys, each with a certificate.
card()
{
	local row slot
	printf 'pin %s\npuk 86420975\nmanagement-key tdes %s\n' "$(cat piv.pin)" "$key" >piv.codes
	chmod 600 piv.codes
	emu_start card --create && ns_wait 10 ukey info || return 1
	ran ukey init --label card --new-so-pin-file so.pin --new-pin-file user.pin --with-piv piv.codes --piv-yubico --yes --quiet || return 1
	for row in 9a:RSA2048 9c:ECCP256 9d:RSA2048 9e:ECCP256; do
		slot=${row%:*}
		yubico -s "$slot" -A "${row#*:}" -a generate -o "$slot.pub" && ran certificate "$slot" &&
			yubico -s "$slot" -a import-certificate -i "$slot.pem" || return 1
	done
	emu_piv_only card on
}

# ---- measuring --------------------------------------------------------------------------------------------------------

# Where to, what is remembered, from the start or once more.
steps=(
	"list:cold:start:to a list of all public objects, unknown card"
	"list:warm:start:to a list of all public objects, known card"
	"1:cold:start:to the first RSA-2048 signature, unknown card"
	"1:warm:start:to the first RSA-2048 signature, known card"
	"1:warm:again:a further RSA-2048 signature"
	"list:warm:again:listing a second time"
)
[ -z "${BENCH_QUICK:-}" ] || steps=("${steps[@]:1:3}" "${steps[4]}")

# took MODULE WHAT cold|warm start|again COUNT: median microseconds.
took()
{
	local cold=()
	[ "$3$4" != coldstart ] || cold=("$PWD/cold")
	p11_time "$1" "$PIN" "$4" "$2" "$5" "${cold[@]}" || return 1
	rm -rf cold
}

# measure NAME STEP: a line of STEP.lines: NAME|commands|PC/SC calls|bytes to the card|from it|µs|µs with a slow chip
measure()
{
	local what memory mode quick slow library=${modules[$1]} again='' number=$starts slow_number=$slow_starts
	IFS=: read -r what memory mode _ <<<"${steps[$2]}"
	[ "$mode" = start ] || { again=again number=$more slow_number=$slow_more; }
	forget
	# Whoever keeps something for the next program has it now.
	[ "$memory" = cold ] || took "$library" "$what" warm start 1 >/dev/null || return 1
	counted card "$library" "$what" $again || return 1
	quick=$(took "$library" "$what" "$memory" "$mode" "$number") && ran emu_ctl card latency "$slow_chip" >/dev/null &&
		slow=$(took "$library" "$what" "$memory" "$mode" "$slow_number") && ran emu_ctl card latency none >/dev/null || return 1
	echo "$1|${by_token%% *}|${by_shim##* }|$(cut -d' ' -f2 <<<"$by_token")|${by_token##* }|$quick|$slow" >>"$2.lines"
}

# Ratios are to ours: the last line of each step.
table()
{
	local step
	echo "| on the same PIV card | module | commands | PC/SC calls | bytes to the card | bytes from it | median | ratio | slow chip | ratio |"
	echo "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
	for step in "${!steps[@]}"; do
		tac "$step.lines" | awk -F'|' -v what="${steps[$step]##*:}" '
			function time(us) { return us < 100 ? sprintf("%.1f µs", us) : sprintf("%.2f ms", us / 1000) }
			function ratio(a, b) { return b > 0 ? sprintf("%.1f", a / b) : "" }
			NR == 1 { ours = $6; slow = $7 }
			{ printf "| %s | %s | %d | %d | %d | %d | %s | %s | %s | %s |\n", what, $1, $2, $3, $4, $5,
				time($6), ratio($6, ours), time($7), ratio($7, slow) }' | tac
	done
}

reader >readers.conf || exit
pcscd_start --error --config "$NS_DIR/readers.conf" || exit 1
card || broken "no PIV card"
for step in "${!steps[@]}"; do
	for name in "${names[@]}"; do
		measure "$name" "$step" || broken "$name: ${steps[$step]##*:}: ended before its end"
	done
done
table >piv.table
publish "${1:-}" piv
