#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The median time of a signature inside the secure channel against outside, in one run over a real pcscd, as a ratio. No
# time is judged: machines differ. CHANNEL_SIGNATURES: how many of each.
#	ratio.sh --write	puts the table into doc/architecture.md, section 8
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/namespace.sh
. "$here/../lib/namespace.sh"
# shellcheck source=tests/lib/cases.sh
. "$here/../lib/cases.sh"
# shellcheck source=tests/lib/personal.sh
. "$here/../lib/personal.sh"
need jq
need pkcs11-tool
ns_enter "$@"
document=$here/../../doc/architecture.md
# shellcheck source=tests/channel/lib.sh
. "$here/lib.sh"
signatures=${CHANNEL_SIGNATURES:-101}

pin user 248163264128
pin so 135791357924
factory_start && pcscd_start || exit 1
personalize inside && emu_start inside && emu_start outside --create || exit 1
for token in inside outside; do
	made $token && ukey key generate --token "$(serial $token)" --key rsa2048 --label rsa --id 02 --pin-file user.pin --quiet || exit 1
done

# row NAME ID PROFILE
row()
{
	local count=$signatures said
	[ "$3" = none ] || count=$((signatures / 10 + 1))
	emu_ctl inside latency "$3" >/dev/null && emu_ctl outside latency "$3" >/dev/null &&
		said=$("$UKEY_BUILD/tests/channel/sign_time" "$module" user.pin "$2" "$count" outside inside) || return 1
	awk -v name="$1" '{ printf "| %s | %.2f ms | %.2f ms | %.2f |\n", name, $1 / 1000, $2 / 1000, $2 / $1 }' <<<"$said" >>rows
}

try "P-256" row "P-256, the emulator as fast as it is" 1 none
try "RSA-2048" row "RSA-2048, the emulator as fast as it is" 2 none
try "P-256 on a slow chip" row "P-256, as slow as a chip" 1 chip
try "RSA-2048 on a slow chip" row "RSA-2048, as slow as a chip" 2 chip
{
	echo "| signature | in clear | inside | ratio |"
	echo "|---|--:|--:|--:|"
	cat rows
} >table
cat table
if [ "${1:-}" = --write ]; then
	awk -v table="$NS_DIR/table" '
		/<!-- end of ratio -->/ { skip = 0 }
		!skip { print }
		/<!-- ratio -->/ { skip = 1; while ((getline line < table) > 0) print line }' "$document" >new && cat new >"$document"
fi
finish
