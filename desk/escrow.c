/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SO PINs of tokens that have no unlock key: sealed, shown once to two people together, and replaced in the same step.
 *
 *	            held: P
 *	begin  -->  held: P, pending: Q      P is shown; Q is sealed before any token hears of it
 *	            ... the token is given Q ...
 *	done   -->  held: Q                  P is erased
 *
 * Whatever is killed in between, the token has one of two PINs that are both here; begin again goes on with the same
 * two.
 */
#include "config.h"

#include "desk/private.h"

#include <string.h>

#include "common/crypto.h"
#include "common/i18n.h"
#include "common/secmem.h"

#define PIN_MIN      6
#define PIN_MAX      32
#define NEW_PIN_SIZE 20 /* 16 of 32 characters each, and three: 93 bits */
#define TAG_SIZE     16
#define NONCE_SIZE   12
/* What two people began together is theirs to end for so long, without another log-in. */
#define STEP_LIFE 3600

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static enum desk_status seal_new(
	struct desk *desk, const char *serial, const uint8_t bytes[8], struct bytes pin, const char *state)
{
	uint8_t nonce[NONCE_SIZE], sealed[PIN_MAX + TAG_SIZE];
	int64_t version = 0;
	enum desk_status status = desk_number(desk, &version, "SELECT max(version) FROM master WHERE active = 1", "");

	if (status == DESK_OK && !crypto_random(nonce, sizeof(nonce)))
		status = DESK_CRYPTO;
	if (status == DESK_OK)
		status = desk_key_seal(desk, (uint8_t)version, bytes, nonce, pin, sealed);
	if (status == DESK_OK)
		status = desk_run(desk,
			"INSERT INTO escrow (token, version, nonce, sealed, at, state) VALUES (?1, ?2, ?3, ?4, ?5, "
			"?6)",
			"tibbit", serial, version, BYTES_OF(nonce), BYTES(sealed, pin.len + TAG_SIZE), desk->at, state);
	return status == DESK_EXISTS ? DESK_ESCROW_EXISTS : status;
}

/* The key for what is sealed from now on; may wait for a person with its PIN, so before the lock. */
static enum desk_status try_key(struct desk *desk)
{
	int64_t version = 0;
	enum desk_status status = desk_number(desk, &version, "SELECT max(version) FROM master WHERE active = 1", "");

	return status == DESK_OK ? desk_master_try(desk, (uint8_t)version) : status;
}

/* Registered, in use, and without the better way. */
static enum desk_status check_token(struct desk *desk, const char *serial)
{
	bool unlock = false;
	enum desk_status status = desk_token_active(desk, serial, &unlock);

	if (status == DESK_OK && unlock)
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
	status = try_key(desk);
	if (status == DESK_OK)
		status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	status = desk_allowed(desk, by, DESK_OPERATOR);
	if (status == DESK_OK)
		status = check_token(desk, serial);
	if (status == DESK_OK)
		status = seal_new(desk, serial, bytes, so_pin, "held");
	if (status == DESK_OK)
		status = desk_record(desk, "escrow-put", by, json_pack("{s:s}", "token", serial));
	return desk_end(desk, status, "escrow-put", by);
}

/* The one in this state, opened. NOT_FOUND when there is none. */
static enum desk_status open_sealed(struct desk *desk, const char *serial, const uint8_t bytes[8], const char *state,
	char out[DESK_ESCROW_PIN_SIZE])
{
	sqlite3_stmt *s;
	enum desk_status status = desk_query(desk, &s,
		"SELECT version, nonce, sealed FROM escrow WHERE token = ?1 AND state = ?2", "tt", serial, state);
	int step = status == DESK_OK ? sqlite3_step(s) : SQLITE_DONE;

	if (step == SQLITE_ROW) {
		size_t len = (size_t)sqlite3_column_bytes(s, 2);
		if (len < TAG_SIZE || len > PIN_MAX + TAG_SIZE || sqlite3_column_bytes(s, 1) != NONCE_SIZE)
			status = DESK_DAMAGED;
		else
			status = desk_key_open(desk, (uint8_t)sqlite3_column_int64(s, 0), bytes,
				sqlite3_column_blob(s, 1), BYTES(sqlite3_column_blob(s, 2), len), (uint8_t *)out);
		if (status == DESK_OK)
			out[len - TAG_SIZE] = '\0';
	} else if (status == DESK_OK) {
		status = step == SQLITE_DONE
				 ? desk_fail(DESK_NOT_FOUND, _("there is no SO PIN of token %s in escrow"), serial)
				 : desk_sql_failed(desk);
	}
	sqlite3_finalize(s);
	return status;
}

/* One of each kind of character first, whatever the token's policy asks for; the rest is what makes it hard to guess.
 */
static bool random_pin(char *out, size_t len)
{
	static const char *const kinds[] = {"23456789", "ABCDEFGHJKMNPQRSTVWXYZ", "abcdefghjkmnpqrstvwxyz", "-"};
	uint8_t *bytes = (uint8_t *)out;

	if (!crypto_random(bytes, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		const char *from = i < sizeof(kinds) / sizeof(kinds[0]) ? kinds[i] : alphabet;
		out[i] = from[bytes[i] % strlen(from)];
	}
	out[len] = '\0';
	return true;
}

static enum desk_status two_people(
	struct desk *desk, const struct desk_person *by, const struct desk_person *second, const char *serial)
{
	enum desk_status status = desk_allowed_two(desk, by, DESK_OPERATOR | DESK_APPROVER, second);

	if (status == DESK_OK)
		status = desk_not_own(desk, by, serial);
	if (status == DESK_OK)
		status = desk_not_own(desk, second, serial);
	return status;
}

static enum desk_status begin(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	const char *serial, const uint8_t bytes[8], size_t len, struct desk_escrow *pins)
{
	enum desk_status status = two_people(desk, by, second, serial);

	if (status == DESK_OK)
		status = check_token(desk, serial);
	if (status == DESK_OK)
		status = open_sealed(desk, serial, bytes, "held", pins->present);
	if (status != DESK_OK)
		return status;
	status = open_sealed(desk, serial, bytes, "pending", pins->next);
	pins->again = status == DESK_OK;
	if (status == DESK_NOT_FOUND)
		status = random_pin(pins->next, len)
				 ? seal_new(desk, serial, bytes, BYTES((const uint8_t *)pins->next, len), "pending")
				 : DESK_CRYPTO;
	if (status == DESK_OK)
		status = desk_run(
			desk, "UPDATE escrow SET shown = shown + 1 WHERE token = ?1 AND state = 'held'", "t", serial);
	if (status == DESK_OK)
		status = desk_record(desk, "escrow-shown", by,
			json_pack("{s:s, s:s, s:b}", "token", serial, "second", second->name, "again", pins->again));
	return status;
}

enum desk_status desk_escrow_begin(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	const char *serial_text, size_t len, struct desk_escrow *out)
{
	struct desk_escrow *pins = secmem_alloc(sizeof(*pins));
	char serial[17];
	uint8_t bytes[8];
	enum desk_status status = pins != NULL ? DESK_OK : DESK_MEMORY;

	if (status == DESK_OK && !desk_serial(serial_text, serial, bytes))
		status = DESK_SERIAL;
	if (len == 0)
		len = NEW_PIN_SIZE;
	if (status == DESK_OK && (len < PIN_MIN || len > PIN_MAX))
		status = DESK_ESCROW_PIN;
	if (status == DESK_OK)
		status = try_key(desk);
	if (status == DESK_OK)
		status = desk_begin(desk);
	if (status == DESK_OK)
		status = desk_end(desk, begin(desk, by, second, serial, bytes, len, pins), "escrow-show", by);
	if (status == DESK_OK)
		*out = *pins;
	secmem_free(pins);
	return status;
}

enum desk_status desk_escrow_done(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	const char *serial_text, bool by_tool)
{
	struct desk_person one = *by, other = *second;
	char serial[17];
	uint8_t bytes[8];
	int64_t id = 0;
	enum desk_status status;

	if (!desk_serial(serial_text, serial, bytes))
		return DESK_SERIAL;
	status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	if (desk->at - one.at < STEP_LIFE && desk->at - other.at < STEP_LIFE)
		one.at = other.at = desk->at;
	status = two_people(desk, &one, &other, serial);
	if (status == DESK_OK)
		status = desk_number(
			desk, &id, "SELECT id FROM escrow WHERE token = ?1 AND state = 'pending'", "t", serial);
	if (status == DESK_NOT_FOUND)
		status = desk_fail(DESK_NOT_FOUND, _("no SO PIN of token %s is being replaced"), serial);
	if (status == DESK_OK)
		status = desk_run(desk,
			"UPDATE escrow SET state = 'over', sealed = NULL WHERE token = ?1 AND state = 'held'", "t",
			serial);
	if (status == DESK_OK)
		status = desk_run(desk, "UPDATE escrow SET state = 'held' WHERE id = ?1", "i", id);
	if (status == DESK_OK)
		status = desk_record(desk, "escrow-replaced", by,
			json_pack("{s:s, s:s, s:b}", "token", serial, "second", second->name, "by-tool", by_tool));
	return desk_end(desk, status, "escrow-replace", by);
}
