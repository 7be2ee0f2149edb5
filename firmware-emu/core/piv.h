/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIV application (protocol 9): NIST SP 800-73-4 and, where INITIALIZE switched them on, Yubico's public
 * extensions. It lives beside our own application, with keys, PINs and objects of its own in the same journal; the one
 * table of access conditions (access.c) knows both.
 *
 *	piv.c		the command table, SELECT, slots
 *	piv_pin.c	VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER, SET PIN RETRIES
 *	piv_data.c	GET DATA, PUT DATA, and the objects
 *	piv_key.c	GENERATE, IMPORT KEY, GENERAL AUTHENTICATE with a slot's key
 *	piv_admin.c	the management key, settings, RESET
 *	piv_about.c	version, serial number, metadata, attestation
 */
#ifndef UKEY_FW_PIV_H
#define UKEY_FW_PIV_H

#include "firmware-emu/core/algorithm.h"
#include "firmware-emu/core/dispatch.h"
#include "firmware-emu/core/pin.h"

#define FW_PIV_CODE_SIZE 8 /* a PIN or PUK, padded */

extern const struct fw_application fw_piv_application, fw_piv_yubico_application;

/* ---- slots ---- */

/* As Yubico's metadata and GENERATE code them; 0 is the slot's own. */
enum fw_piv_pin_policy {
	FW_PIV_PIN_DEFAULT = 0,
	FW_PIV_PIN_NEVER = 1,
	FW_PIV_PIN_ONCE = 2,
	FW_PIV_PIN_ALWAYS = 3,
};
enum fw_piv_touch_policy {
	FW_PIV_TOUCH_DEFAULT = 0,
	FW_PIV_TOUCH_NEVER = 1,
	FW_PIV_TOUCH_ALWAYS = 2,
	FW_PIV_TOUCH_CACHED = 3, /* there is no clock: as always */
};

/* The number, in the journal, of the key with this reference: 0 to FW_PIV_KEYS - 1. False: no such slot. */
bool fw_piv_slot(uint8_t reference, uint8_t *number);
enum fw_piv_pin_policy fw_piv_slot_policy(uint8_t reference);

/* An algorithm of keys in its slots; NULL when it is none here. SP 800-78-4 has three, the others are Yubico's. */
const struct fw_algorithm *fw_piv_algorithm(const struct fw *fw, uint8_t number);

/* Gate 5: may this slot's key be used by this command? One that does not exist may: the handler says so. */
bool fw_piv_key_open(struct fw *fw, const struct fw_command *command);

/* ---- objects ---- */

struct fw_piv_object {
	uint32_t tag; /* of 5C */
	enum fw_access read;
};

/* The object that the data of GET DATA names; NULL when there is none. False: it cannot be read (6A80). */
bool fw_piv_object_named(struct bytes data, const struct fw_piv_object **object);

/* A card holder's unique identifier and a card capability container, each with numbers that no other token has. */
#define FW_PIV_CHUID_SIZE 59
#define FW_PIV_CCC_SIZE   51
bool fw_piv_put_identity(
	struct fw *fw, struct fw_transaction *t, uint8_t chuid[FW_PIV_CHUID_SIZE], uint8_t ccc[FW_PIV_CCC_SIZE]);

/* ---- PINs and settings ---- */

#define FW_PIV_DEFAULT_PIN 0x01
#define FW_PIV_DEFAULT_PUK 0x02
#define FW_PIV_DEFAULT_KEY 0x04

#define FW_PIV_TRIES   3
#define FW_PIV_KEY_MAX 32 /* management key */

/* Value of FW_OBJECT_PIV, but for the key, which stands at its end. */
struct fw_piv_record {
	uint8_t defaults, pin_tries, puk_tries, algorithm, touch;
	uint8_t key[FW_PIV_KEY_MAX];
	size_t key_len;
};

/* What the application begins with: of INITIALIZE's template A9, or what everybody knows. */
struct fw_piv_setup {
	struct fw_piv_record record;
	uint8_t pin[FW_PIV_CODE_SIZE], puk[FW_PIV_CODE_SIZE];
};

/* Room for values on their way into a transaction, which borrows them until the commit. The caller wipes it. */
struct fw_piv_new {
	uint8_t record[5 + FW_PIV_KEY_MAX];
	struct fw_pin_new pin, puk;
	uint8_t chuid[FW_PIV_CHUID_SIZE], ccc[FW_PIV_CCC_SIZE];
};

/* fw->piv and the maxima of the tries, from the journal; state.c's. False: not as this firmware wrote it. */
bool fw_piv_load(struct fw *fw);
bool fw_piv_setup_parse(struct bytes template, struct fw_piv_setup *setup);
/* Everything that a new application has. False: the hardware failed. */
bool fw_piv_put_setup(
	struct fw *fw, struct fw_transaction *t, const struct fw_piv_setup *setup, struct fw_piv_new *new);

/* The settings with the management key; the caller wipes them. */
bool fw_piv_record_read(struct fw *fw, struct fw_piv_record *record);
void fw_piv_record_put(struct fw_transaction *t, const struct fw_piv_record *record, struct fw_piv_new *new);

/* Six to eight digits, six to eight bytes, padded with FF. */
bool fw_piv_pin_valid(struct bytes value);
bool fw_piv_puk_valid(struct bytes value);
bool fw_piv_pad(struct bytes value, uint8_t to[FW_PIV_CODE_SIZE]);
extern const uint8_t fw_piv_pin_default[FW_PIV_CODE_SIZE], fw_piv_puk_default[FW_PIV_CODE_SIZE];

/* ---- handlers ---- */

fw_handler fw_piv_select;
fw_handler fw_piv_get_data, fw_piv_put_data;
fw_handler fw_piv_verify, fw_piv_log_out, fw_piv_change_reference_data, fw_piv_reset_retry_counter;
fw_handler fw_piv_set_retries;
fw_handler fw_piv_generate, fw_piv_import, fw_piv_use_key;
fw_handler fw_piv_authenticate, fw_piv_set_management_key, fw_piv_reset;
fw_handler fw_piv_version, fw_piv_serial, fw_piv_metadata, fw_piv_attest;

#endif
