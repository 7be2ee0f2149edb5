/* SPDX-License-Identifier: Apache-2.0 */
/* The answer and its proof. Every limit is looked up in the transaction that records the answer. */
#include "config.h"

#include "desk/private.h"

#include <string.h>

#include "common/crypto.h"
#include "common/hex.h"
#include "common/i18n.h"
#include "common/unlock.h"

#define ANSWER_LIFE   (15 * 60)
#define DAY           (24 * 3600)
#define HOUR          3600
#define TOKEN_ANSWERS 3

static enum desk_status decode(
	enum code_kind kind, const char *text, uint8_t *out, size_t cap, struct code_fault *fault)
{
	struct builder b = builder_of(out, cap);

	return code_text_decode(kind, text, &b, fault) ? DESK_OK : DESK_CODE;
}

static enum desk_status check_limits(struct desk *desk, const char *token, const struct desk_person *by)
{
	int64_t given = 0;
	enum desk_status status = desk_number(
		desk, &given, "SELECT count(*) FROM answer WHERE token = ?1 AND at > ?2", "ti", token, desk->at - DAY);

	if (status == DESK_OK && given >= TOKEN_ANSWERS)
		return DESK_TOKEN_LIMIT;
	if (status == DESK_OK)
		status = desk_number(desk, &given, "SELECT count(*) FROM answer WHERE staff = ?1 AND at > ?2", "ii",
			by->id, desk->at - HOUR);
	return status == DESK_OK && given >= desk->operator_hourly ? DESK_OPERATOR_LIMIT : status;
}

/* The request is this person's to answer, now, with this challenge. */
static enum desk_status check_request(
	const struct desk_person *by, const struct request *r, const uint8_t challenge[DESK_HASH_SIZE])
{
	if (strcmp(r->state, "approved") != 0 && strcmp(r->state, "answered") != 0)
		return DESK_OK; /* the step itself says why not */
	if (by->id == r->approved_by)
		return DESK_SAME_PERSON;
	if (r->answered_by == 0)
		return DESK_OK;
	if (r->answered_by != by->id)
		return desk_fail(DESK_TRANSITION, _("somebody else answered it"));
	return bytes_equal(BYTES_OF(r->challenge), BYTES(challenge, DESK_HASH_SIZE)) ? DESK_OK : DESK_OTHER_CHALLENGE;
}

/* The challenge is one of this token, in its present state. *ahead: more unlocks than this desk knows of. */
static enum desk_status check_token(struct desk *desk, const char *token, const struct unlock_challenge *c, bool *ahead)
{
	char serial[HEX_SIZE(UNLOCK_SERIAL_SIZE)];
	int64_t value = 0, active = 0, open = 0;
	uint8_t bytes[UNLOCK_SERIAL_SIZE];
	enum desk_status status =
		desk_number(desk, &value, "SELECT state = 'active' FROM token WHERE serial = ?1", "t", token);

	if (status == DESK_OK && value == 0)
		return DESK_TOKEN_STATE;
	if (status == DESK_OK &&
		(!desk_serial(token, serial, bytes) || !bytes_equal(BYTES_OF(bytes), BYTES_OF(c->serial))))
		return DESK_OTHER_TOKEN;
	if (status == DESK_OK)
		status = desk_number(desk, &value, "SELECT version FROM token WHERE serial = ?1", "t", token);
	if (status == DESK_NOT_FOUND)
		return DESK_NO_UNLOCK;
	if (status == DESK_OK && c->version < value) /* it was made with a later one: this is a copy of old */
		return DESK_KEY_VERSION;
	if (status == DESK_OK)
		status = desk_number(
			desk, &active, "SELECT active FROM master WHERE version = ?1", "i", (int64_t)c->version);
	if (status == DESK_NOT_FOUND || (status == DESK_OK && active == 0))
		return DESK_KEY_VERSION;
	if (status == DESK_OK)
		status = desk_number(desk, &value, "SELECT counter FROM token WHERE serial = ?1", "t", token);
	*ahead = false;
	if (status == DESK_NOT_FOUND)
		return DESK_OK;
	if (status == DESK_OK && c->counter < value)
		return DESK_COUNTER_BACK;
	/* an answer at the counter we know, whose use nobody told us, may have been used: once */
	if (status == DESK_OK)
		status = desk_number(desk, &open,
			"SELECT count(*) FROM request WHERE token = ?1 AND state = 'unconfirmed'"
			" AND counter = ?2",
			"ti", token, value);
	*ahead = c->counter > value + (open > 0);
	return status;
}

static json_t *answer_fields(
	const struct unlock_challenge *c, const uint8_t challenge[DESK_HASH_SIZE], struct bytes response, bool ahead)
{
	uint8_t hash[CRYPTO_DIGEST_MAX];
	char asked[HEX_SIZE(DESK_HASH_SIZE)] = "", given[HEX_SIZE(DESK_HASH_SIZE)] = "";

	hex_encode(BYTES(challenge, DESK_HASH_SIZE), asked, sizeof(asked));
	if (crypto_digest(CRYPTO_SHA256, response, hash))
		hex_encode(BYTES(hash, DESK_HASH_SIZE), given, sizeof(given));
	return json_pack("{s:i, s:i, s:s, s:s, s:b}", "counter", (int)c->counter, "version", (int)c->version,
		"challenge-sha256", asked, "answer-sha256", given, "alarm-counter", ahead);
}

static enum desk_status answer(struct desk *desk, const struct desk_person *by, int64_t id,
	const struct unlock_challenge *c, struct bytes challenge, uint8_t response[UNLOCK_RESPONSE_SIZE])
{
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct request r;
	bool ahead = false;
	enum desk_status status = desk_allowed(desk, by, DESK_OPERATOR);

	if (status == DESK_OK)
		status = desk_request_read(desk, id, &r);
	if (status == DESK_OK && !crypto_digest(CRYPTO_SHA256, challenge, hash))
		status = DESK_CRYPTO;
	if (status == DESK_OK)
		status = check_request(by, &r, hash);
	if (status == DESK_OK)
		status = desk_not_own(desk, by, r.token);
	if (status == DESK_OK && desk_request_next(r.state, "respond") != NULL) {
		status = check_token(desk, r.token, c, &ahead);
		if (status == DESK_OK)
			status = check_limits(desk, r.token, by);
		if (status == DESK_OK)
			status = desk_key_answer(desk, challenge, response);
	}
	if (status == DESK_OK)
		status = desk_request_step(desk, id, &r, "respond", by,
			r.answered_by == 0 ? desk->at + ANSWER_LIFE : r.expires,
			answer_fields(c, hash, BYTES(response, UNLOCK_RESPONSE_SIZE), ahead));
	if (status == DESK_OK)
		status = desk_run(desk,
			"UPDATE request SET answered_by = ?2, challenge = ?3, version = ?4, counter = ?5 WHERE id = ?1",
			"iibii", id, by->id, BYTES(hash, DESK_HASH_SIZE), (int64_t)c->version, (int64_t)c->counter);
	if (status == DESK_OK)
		status = desk_run(desk, "INSERT INTO answer (request, token, staff, at) VALUES (?1, ?2, ?3, ?4)",
			"itii", id, r.token, by->id, desk->at);
	if (status == DESK_OK)
		status = desk_run(desk, "UPDATE token SET counter = ?2, version = ?3 WHERE serial = ?1", "tii", r.token,
			(int64_t)c->counter, (int64_t)c->version);
	return status;
}

enum desk_status desk_respond(struct desk *desk, const struct desk_person *by, int64_t id, const char *challenge,
	struct code_fault *fault, char answer_text[CODE_TEXT_SIZE])
{
	uint8_t bytes[UNLOCK_CHALLENGE_SIZE], response[UNLOCK_RESPONSE_SIZE] = {0};
	struct unlock_challenge c;
	enum desk_status status = decode(CODE_CHALLENGE, challenge, bytes, sizeof(bytes), fault);

	if (status != DESK_OK || !unlock_challenge_parse(BYTES_OF(bytes), &c))
		return DESK_CODE;
	status = desk_master_try(desk, c.version); /* may wait for a person with its PIN: before the lock */
	if (status == DESK_OK || status == DESK_KEY_VERSION)
		status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	status = answer(desk, by, id, &c, BYTES_OF(bytes), response);
	/* nothing is told before the record holds it */
	status = desk_end(desk, status, "respond", by);
	if (status == DESK_OK && !code_text_encode(CODE_ANSWER, BYTES_OF(response), answer_text, CODE_TEXT_SIZE))
		status = DESK_CRYPTO;
	bytes_wipe(response, sizeof(response));
	return status;
}

static enum desk_status confirm(
	struct desk *desk, const struct desk_person *by, int64_t id, const uint8_t given[UNLOCK_PROOF_SIZE])
{
	uint8_t proof[UNLOCK_PROOF_SIZE], bytes[UNLOCK_SERIAL_SIZE];
	char serial[HEX_SIZE(UNLOCK_SERIAL_SIZE)];
	struct request r;
	enum desk_status status = desk_allowed(desk, by, DESK_OPERATOR);

	if (status == DESK_OK)
		status = desk_request_read(desk, id, &r);
	if (status == DESK_OK && desk_request_next(r.state, "confirm") == NULL)
		return desk_fail(DESK_TRANSITION, _("request %lld is %s"), (long long)id, r.state);
	if (status == DESK_OK && !desk_serial(r.token, serial, bytes))
		status = DESK_DAMAGED;
	if (status == DESK_OK)
		status = desk_key_proof(desk, r.version, bytes, (uint16_t)(r.counter + 1), proof);
	if (status == DESK_OK && !bytes_equal_secret(BYTES(given, sizeof(proof)), BYTES_OF(proof)))
		status = DESK_PROOF;
	bytes_wipe(proof, sizeof(proof));
	if (status == DESK_OK)
		status =
			desk_request_step(desk, id, &r, "confirm", by, 0, json_pack("{s:i}", "counter", r.counter + 1));
	if (status == DESK_OK)
		status = desk_run(desk, "UPDATE token SET counter = max(counter, ?2) WHERE serial = ?1", "ti", r.token,
			(int64_t)r.counter + 1);
	return status;
}

enum desk_status desk_confirm(
	struct desk *desk, const struct desk_person *by, int64_t id, const char *proof_text, struct code_fault *fault)
{
	uint8_t proof[UNLOCK_PROOF_SIZE];
	struct request r;
	enum desk_status status = decode(CODE_PROOF, proof_text, proof, sizeof(proof), fault);

	if (status != DESK_OK)
		return status;
	/* the key's PIN may have to be asked for: before the lock */
	if (desk_request_read(desk, id, &r) == DESK_OK && r.answered_by != 0)
		status = desk_master_try(desk, r.version);
	if (status == DESK_OK)
		status = desk_begin(desk);
	if (status == DESK_OK)
		status = desk_end(desk, confirm(desk, by, id, proof), "confirm", by);
	return status;
}
