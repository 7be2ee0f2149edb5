/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core asks of the chip it runs on. firmware-emu/hal implements it on a PC; a port implements it on silicon.
 * struct hal is the implementation's own; the core only carries the pointer.
 *
 * A function that returns bool returns false when the hardware failed; the core then answers 6581 or 6F00 and keeps
 * the state it had. No function calls back into the core.
 */
#ifndef UKEY_FW_HAL_H
#define UKEY_FW_HAL_H

#include "common/bytes.h"

struct hal;

/*
 * Flash, NOR rules: an erased byte reads FF; a write can only clear bits, and never touches the same byte twice
 * between erases; erasing works on whole sectors. Power may go in the middle: then any prefix of a write may be
 * there followed by arbitrary bytes up to its end, and a half-erased sector may read as anything.
 */
uint32_t hal_flash_size(struct hal *hal);   /* bytes, a multiple of the sector size */
uint32_t hal_flash_sector(struct hal *hal); /* bytes in one sector */
bool hal_flash_read(struct hal *hal, uint32_t at, uint8_t *to, size_t n);
bool hal_flash_write(struct hal *hal, uint32_t at, struct bytes data);
bool hal_flash_erase(struct hal *hal, uint32_t at); /* the sector that starts at `at` */

/* Unpredictable bytes. */
bool hal_random(struct hal *hal, uint8_t *to, size_t n);

/* The 8-byte serial number given by the factory. */
void hal_serial(struct hal *hal, uint8_t serial[8]);

/* Wait for the button, at most so many milliseconds. False: not pressed. */
bool hal_touch(struct hal *hal, uint32_t milliseconds);

bool hal_sha256(struct hal *hal, struct bytes in, uint8_t digest[32]);
/*
 * AES-CBC without padding, for the secure channel and the unlock key. The key has 16, 24 or 32 bytes; iv (16 bytes)
 * becomes the last ciphertext block; n is a multiple of 16, above 0; data is changed in place.
 */
bool hal_aes_cbc_encrypt(struct hal *hal, struct bytes key, uint8_t *iv, uint8_t *data, size_t n);
bool hal_aes_cbc_decrypt(struct hal *hal, struct bytes key, uint8_t *iv, uint8_t *data, size_t n);
/* One block of three-key Triple DES, in place, for the management key of PIV. */
bool hal_tdes_encrypt(struct hal *hal, const uint8_t key[24], uint8_t block[8]);
/* PBKDF2-HMAC-SHA-256, one block. */
bool hal_pin_hash(struct hal *hal, struct bytes pin, struct bytes salt, uint32_t iterations, uint8_t hash[32]);

/*
 * Keys. The private half is a blob whose inside is the hal's business; the core stores it and hands it back. The
 * public half comes as doc/token-protocol.md 2.2 codes it (tag 87's value: 81 82, or 86).
 * `algorithm` is the protocol's number (2.3).
 */
#define HAL_KEY_BLOB_MAX 2560
#define HAL_PUBLIC_MAX   528
#define HAL_RESULT_MAX   512

enum hal_operation {
	HAL_SIGN,
	HAL_DECRYPT,
	HAL_DERIVE,
};

enum hal_result {
	HAL_OK,
	HAL_BAD_INPUT, /* not below the modulus, not on the curve, wrong length */
	HAL_FAILED,
};

bool hal_key_supported(struct hal *hal, uint8_t algorithm);
bool hal_key_generate(struct hal *hal, uint8_t algorithm, struct builder *blob, struct builder *public_key);
/*
 * A key pair from outside: `value` is p || q, each half as long as the modulus, or d, as long as a coordinate (2.3 has
 * the sizes; the core has checked them and the shape of the public half). After q may come dP || dQ || qInv, as long
 * each. HAL_BAD_INPUT unless the halves belong together and the key is sound: n = p q with p and q prime and 65537
 * invertible, and dP, dQ, qInv are what they make; d in its range and Q = d G.
 */
enum hal_result hal_key_import(
	struct hal *hal, uint8_t algorithm, struct bytes value, struct bytes public_key, struct builder *blob);
/* The public half that such a value has. HAL_BAD_INPUT when it can have none; it need not be a sound key otherwise. */
enum hal_result hal_key_public(struct hal *hal, uint8_t algorithm, struct bytes value, struct builder *public_key);
enum hal_result hal_key_operate(struct hal *hal, uint8_t algorithm, enum hal_operation operation, struct bytes blob,
	struct bytes input, struct builder *result);

#endif
