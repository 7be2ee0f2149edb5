/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SO PINs of tokens that have no unlock key: sealed, shown once to two people together, and replaced in the same step.
 * A PIN that was shown is gone from the desk.
 */
#include "config.h"

#include "desk/private.h"

#include <string.h>

#include "common/crypto.h"
#include "common/i18n.h"
#include "common/secmem.h"

#define PIN_MIN      6
#define PIN_MAX      32
#define NEW_PIN_SIZE 20 /* of 32 characters each: 100 bits */
#define TAG_SIZE     16
#define NONCE_SIZE   12

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static enum desk_status seal_new(struct desk *desk, const char *serial, const uint8_t bytes[8], struct bytes pin)
{
	uint8_t nonce[NONCE_SIZE], sealed[PIN_MAX + TAG_SIZE];
	int64_t version = 0;
	enum desk_status status = desk_number(desk, &version, "SELECT max(version) FROM master", "");

	if (status == DESK_OK && !crypto_random(nonce, sizeof(nonce)))
		status = DESK_CRYPTO;
	if (status == DESK_OK)
		status = desk_key_seal(desk, (uint8_t)version, bytes, nonce, pin, sealed);
	if (status == DESK_OK)
		status = desk_run(desk,
			"INSERT INTO escrow (token, version, nonce, sealed, at, state) VALUES (?1, ?2, ?3, ?4, ?5, "
			"'held')",
			"tibbi", serial, version, BYTES_OF(nonce), BYTES(sealed, pin.len + TAG_SIZE), desk->at);
	return status == DESK_EXISTS ? DESK_ESCROW_EXISTS : status;
}

/* Registered, in use, and without the better way. */
static enum desk_status check_token(struct desk *desk, const char *serial)
{
	int64_t active = 0, unlock = 0;
	enum desk_status status =
		desk_number(desk, &active, "SELECT state = 'active' FROM token WHERE serial = ?1", "t", serial);

	if (status == DESK_NOT_FOUND)
		return desk_fail(DESK_NOT_FOUND, _("token %s is not registered"), serial);
	if (status == DESK_OK && active == 0)
		return DESK_TOKEN_STATE;
	if (status == DESK_OK)
		status = desk_number(
			desk, &unlock, "SELECT version IS NOT NULL FROM token WHERE serial = ?1", "t", serial);
	if (status == DESK_OK && unlock != 0)
		return desk_fail(
			DESK_USAGE, _("token %s is unlocked by phone; its SO PIN is nobody's at the desk"), serial);
	return status;
}

enum desk_status desk_escrow_put(
	struct desk *desk, const struct desk_person *by, const char *serial_text, struct bytes so_pin)
{
	char serial[17];
	uint8_t bytes[8];
	enum desk_status status;

	if (!desk_serial(serial_text, serial, bytes))
		return DESK_SERIAL;
	if (so_pin.len < PIN_MIN || so_pin.len > PIN_MAX)
		return DESK_ESCROW_PIN;
	status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	status = desk_allowed(desk, by, DESK_OPERATOR);
	if (status == DESK_OK)
		status = check_token(desk, serial);
	if (status == DESK_OK)
		status = seal_new(desk, serial, bytes, so_pin);
	if (status == DESK_OK)
		status = desk_record(desk, "escrow-put", by, json_pack("{s:s}", "token", serial));
	return desk_end(desk, status, "escrow-put", by);
}

/* The one in escrow, opened; its sealed form is erased. */
static enum desk_status open_old(
	struct desk *desk, const char *serial, const uint8_t bytes[8], char out[DESK_ESCROW_PIN_SIZE])
{
	sqlite3_stmt *s;
	int64_t id = 0;
	enum desk_status status = desk_query(desk, &s,
		"SELECT id, version, nonce, sealed FROM escrow WHERE token = ?1 AND state = 'held'", "t", serial);
	int step = status == DESK_OK ? sqlite3_step(s) : SQLITE_DONE;

	if (step == SQLITE_ROW) {
		size_t len = (size_t)sqlite3_column_bytes(s, 3);
		id = sqlite3_column_int64(s, 0);
		if (len > PIN_MAX + TAG_SIZE || sqlite3_column_bytes(s, 2) != NONCE_SIZE)
			status = DESK_DAMAGED;
		else
			status = desk_key_open(desk, (uint8_t)sqlite3_column_int64(s, 1), bytes,
				sqlite3_column_blob(s, 2), BYTES(sqlite3_column_blob(s, 3), len), (uint8_t *)out);
	} else if (status == DESK_OK) {
		status = step == SQLITE_DONE
				 ? desk_fail(DESK_NOT_FOUND, _("there is no SO PIN of token %s in escrow"), serial)
				 : desk_sql_failed(desk);
	}
	sqlite3_finalize(s);
	if (status == DESK_OK)
		status = desk_run(desk, "UPDATE escrow SET state = 'shown', sealed = NULL WHERE id = ?1", "i", id);
	return status;
}

static bool random_pin(char out[DESK_ESCROW_PIN_SIZE])
{
	uint8_t *bytes = (uint8_t *)out;

	if (!crypto_random(bytes, NEW_PIN_SIZE))
		return false;
	for (size_t i = 0; i < NEW_PIN_SIZE; i++)
		out[i] = alphabet[bytes[i] % 32];
	out[NEW_PIN_SIZE] = '\0';
	return true;
}

struct pins {
	char old[DESK_ESCROW_PIN_SIZE], new[DESK_ESCROW_PIN_SIZE];
};

static enum desk_status exchange(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	const char *serial, const uint8_t bytes[8], struct pins *pins)
{
	enum desk_status status = desk_allowed_two(desk, by, DESK_OPERATOR | DESK_APPROVER, second);

	if (status == DESK_OK)
		status = check_token(desk, serial);
	if (status == DESK_OK)
		status = open_old(desk, serial, bytes, pins->old);
	if (status == DESK_OK && !random_pin(pins->new))
		status = DESK_CRYPTO;
	if (status == DESK_OK)
		status = seal_new(desk, serial, bytes, BYTES((const uint8_t *)pins->new, NEW_PIN_SIZE));
	if (status == DESK_OK)
		status = desk_record(desk, "escrow-shown-and-replaced", by,
			json_pack("{s:s, s:s}", "token", serial, "second", second->name));
	return status;
}

enum desk_status desk_escrow_show(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	const char *serial_text, char old_pin[DESK_ESCROW_PIN_SIZE], char new_pin[DESK_ESCROW_PIN_SIZE])
{
	struct pins *pins = secmem_alloc(sizeof(*pins));
	char serial[17];
	uint8_t bytes[8];
	enum desk_status status = pins != NULL ? DESK_OK : DESK_MEMORY;

	if (status == DESK_OK && !desk_serial(serial_text, serial, bytes))
		status = DESK_SERIAL;
	if (status == DESK_OK)
		status = desk_begin(desk);
	if (status == DESK_OK)
		status = desk_end(desk, exchange(desk, by, second, serial, bytes, pins), "escrow-show", by);
	if (status == DESK_OK) {
		memcpy(old_pin, pins->old, sizeof(pins->old));
		memcpy(new_pin, pins->new, sizeof(pins->new));
	}
	secmem_free(pins);
	return status;
}
