#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The firmware core is a program without a system: compiled for a Cortex-M33, linked with nothing but libgcc and a hal
# of stubs, nothing may be undefined. Prints its code and RAM size.
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
cd "$top" || exit 1
# shellcheck source=tests/lib/cases.sh
. tests/lib/cases.sh
need arm-none-eabi-gcc

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
flags=(-std=c11 -mcpu=cortex-m33 -mthumb -Os -ffreestanding -nostdlib -ffunction-sections -fdata-sections
	-Wall -Wextra -Wshadow -Wundef -Wvla -Werror -I.)

# A chip that does nothing, and a start that reaches every command; the heart of the token is the linker's to check.
cat >"$work/start.c" <<'C'
#include "firmware-emu/core/fw.h"
#include "firmware-emu/core/hal.h"
#include "firmware-emu/core/state.h"

struct hal {
	uint8_t unused;
};
static struct hal chip;
static struct fw token;

uint32_t hal_flash_size(struct hal *h) { (void)h; return 524288; }
uint32_t hal_flash_sector(struct hal *h) { (void)h; return 4096; }
bool hal_flash_read(struct hal *h, uint32_t at, uint8_t *to, size_t n) { (void)h; (void)at; (void)to; (void)n; return 0; }
bool hal_flash_write(struct hal *h, uint32_t at, struct bytes d) { (void)h; (void)at; (void)d; return false; }
bool hal_flash_erase(struct hal *h, uint32_t at) { (void)h; (void)at; return false; }
bool hal_random(struct hal *h, uint8_t *to, size_t n) { (void)h; (void)to; (void)n; return false; }
void hal_serial(struct hal *h, uint8_t s[8]) { (void)h; s[0] = 0; }
bool hal_touch(struct hal *h, uint32_t ms) { (void)h; (void)ms; return false; }
bool hal_sha256(struct hal *h, struct bytes in, uint8_t d[32]) { (void)h; (void)in; (void)d; return false; }
bool hal_tdes_encrypt(struct hal *h, const uint8_t k[24], uint8_t b[8]) { (void)h; (void)k; b[0] = 0; return false; }
bool hal_aes_cbc_encrypt(struct hal *h, struct bytes k, uint8_t *iv, uint8_t *d, size_t n)
{ (void)h; (void)k; (void)iv; (void)d; (void)n; return false; }
bool hal_aes_cbc_decrypt(struct hal *h, struct bytes k, uint8_t *iv, uint8_t *d, size_t n)
{ (void)h; (void)k; (void)iv; (void)d; (void)n; return false; }
bool hal_pin_hash(struct hal *h, struct bytes p, struct bytes s, uint32_t n, uint8_t hash[32])
{ (void)h; (void)p; (void)s; (void)n; (void)hash; return false; }
bool hal_key_supported(struct hal *h, uint8_t a) { (void)h; (void)a; return true; }
bool hal_key_generate(struct hal *h, uint8_t a, struct builder *b, struct builder *p)
{ (void)h; (void)a; (void)b; (void)p; return false; }
enum hal_result hal_key_import(struct hal *h, uint8_t a, struct bytes v, struct bytes p, struct builder *b)
{ (void)h; (void)a; (void)v; (void)p; (void)b; return HAL_FAILED; }
enum hal_result hal_key_public(struct hal *h, uint8_t a, struct bytes v, struct builder *p)
{ (void)h; (void)a; (void)v; (void)p; return HAL_FAILED; }
enum hal_result hal_key_operate(struct hal *h, uint8_t a, enum hal_operation o, struct bytes b, struct bytes i,
	struct builder *r)
{ (void)h; (void)a; (void)o; (void)b; (void)i; (void)r; return HAL_FAILED; }

void start(void);
void start(void)
{
	static volatile uint8_t line[APDU_SHORT_MAX];
	struct fw *fw = fw_power_on(&token, &chip, FW_CARD_UKEY);

	(void)fw_size();
	(void)fw_atr(FW_CARD_UKEY);
	for (;;)
		fw_transceive(fw, BYTES((const uint8_t *)(uintptr_t)line, sizeof(line)));
}
C

objects=()
for file in firmware-emu/core/*.c common/bytes.c common/tlv.c common/apdu.c common/unlock.c common/scp.c "$work/start.c"; do
	object=$work/$(basename "$file" .c).o
	try "$(basename "$file") compiles" arm-none-eabi-gcc "${flags[@]}" -c "$file" -o "$object"
	[ "$file" = "$work/start.c" ] || objects+=("$object")
done
try "it links without a C library" arm-none-eabi-gcc "${flags[@]}" -Wl,--gc-sections -Wl,-e,start -Wl,--fatal-warnings \
	"${objects[@]}" "$work/start.o" -lgcc -o "$work/token.elf"
arm-none-eabi-nm -u "$work/token.elf" 2>&1 | judge "nothing is undefined"

# What a link without our own libgcc and memory functions would miss, so that no new dependence slips in.
arm-none-eabi-nm -u "${objects[@]}" | awk '$1 == "U" { print $2 }' | sort -u |
	grep -vE '^(hal_|fw_|der_|bytes_|builder_|cursor_|tlv_|apdu_|unlock_|scp_|memcpy$|memset$|memmove$|memcmp$|__aeabi_u?l?u?idiv)' |
	judge "the core calls the hal, itself and the compiler's own functions only"

if [ -e "$work/token.elf" ]; then
	read -r text data bss < <(arm-none-eabi-size "$work/token.elf" | awk 'NR == 2 { print $1, $2, $3 }')
	echo "firmware core on a Cortex-M33: $text bytes of code and constants, $((data + bss)) bytes of RAM"
	try "code is under 64 KiB" test "$text" -lt 65536
	try "RAM is under 96 KiB" test $((data + bss)) -lt 98304
fi
finish
