/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/pin.h"
#include "firmware-emu/core/text.h"

#define SALT_LEN 16
#define HASH_LEN 32

enum fw_pin fw_pin_of(uint8_t reference)
{
	return reference == 0x81 ? FW_PIN_USER : FW_PIN_SO;
}

uint8_t fw_pin_role(enum fw_pin pin)
{
	switch (pin) {
	case FW_PIN_USER:
		return FW_USER | FW_FRESH;
	case FW_PIN_SO:
		return FW_SO;
	case FW_PIN_PIV:
		return FW_PIV_PIN | FW_PIV_FRESH;
	default:
		return 0;
	}
}

bool fw_pin_possible(struct bytes value)
{
	return value.len >= FW_PIN_MIN && value.len <= FW_PIN_MAX && fw_text_printable(value);
}

static uint8_t class_of(uint8_t byte)
{
	if (byte >= 'a' && byte <= 'z')
		return 0x01;
	if (byte >= 'A' && byte <= 'Z')
		return 0x02;
	if (byte >= '0' && byte <= '9')
		return 0x04;
	return 0x08;
}

bool fw_pin_meets(const struct fw_policy *policy, struct bytes value)
{
	uint8_t seen = 0, classes = 0;

	if (!fw_pin_possible(value) || value.len < policy->min || value.len > policy->max)
		return false;
	for (size_t i = 0; i < value.len; i++)
		seen = (uint8_t)(seen | class_of(value.data[i]));
	for (; seen; seen = (uint8_t)(seen >> 1))
		classes = (uint8_t)(classes + (seen & 1));
	return classes >= policy->classes;
}

/* Hash a new PIN with a new salt. */
static bool make_record(struct fw *fw, struct bytes value, uint8_t record[FW_PIN_RECORD])
{
	struct builder b = builder_of(record, FW_PIN_RECORD);

	builder_u32(&b, FW_PIN_ITERATIONS);
	uint8_t *salt = builder_room(&b, SALT_LEN), *hash = builder_room(&b, HASH_LEN);
	return hal_random(fw->hal, salt, SALT_LEN) &&
	       hal_pin_hash(fw->hal, value, BYTES(salt, SALT_LEN), FW_PIN_ITERATIONS, hash);
}

/* An empty record (no iterations) fits no PIN. */
static bool fits(struct fw *fw, struct bytes record, struct bytes value, bool *right)
{
	struct cursor c = cursor_of(record);
	uint32_t iterations = cursor_u32(&c);
	struct bytes salt = cursor_take(&c, SALT_LEN);
	uint8_t hash[HASH_LEN];
	bool ok = true;

	*right = false;
	if (iterations > 0)
		ok = hal_pin_hash(fw->hal, value, salt, iterations, hash);
	if (iterations > 0 && ok)
		*right = bytes_equal_secret(cursor_rest(&c), BYTES_OF(hash));
	bytes_wipe(hash, sizeof(hash));
	return ok;
}

static bool compare(struct fw *fw, enum fw_pin pin, struct bytes value, bool *right)
{
	uint8_t record[FW_PIN_RECORD];

	*right = false;
	bool ok = fw_object_read(fw, FW_OBJECT_PIN(pin), 0, record, sizeof(record)) &&
		  fits(fw, BYTES_OF(record), value, right);
	bytes_wipe(record, sizeof(record));
	return ok;
}

/* ---- the past of the user PIN ---- */

/* PINs before the present one that a history of this depth covers. */
static size_t past_pins(const struct fw_policy *policy)
{
	return policy->history > 1 ? policy->history - 1u : 0;
}

static size_t past_len(const struct fw_policy *policy)
{
	return 1 + past_pins(policy) * FW_PIN_RECORD;
}

bool fw_pin_change_first(struct fw *fw)
{
	uint8_t first;

	/* What cannot be read counts as yes: a flash that fails makes no PIN good. */
	return fw_object_exists(fw, FW_OBJECT_PIN_PAST) &&
	       (!fw_object_read(fw, FW_OBJECT_PIN_PAST, 0, &first, 1) || first != 0);
}

/* Is it the user PIN, or one of those before it? False: the hardware failed. */
static bool is_repeated(struct fw *fw, struct bytes value, bool *repeats)
{
	uint8_t record[FW_PIN_RECORD];
	bool ok = true, right = false;

	*repeats = false;
	if (fw->policy.history > 0 && fw_object_exists(fw, FW_OBJECT_PIN(FW_PIN_USER)))
		ok = compare(fw, FW_PIN_USER, value, repeats);
	/* All of them, whichever fits: how long it takes tells nothing. */
	size_t kept = fw_object_len(fw, FW_OBJECT_PIN_PAST);
	for (size_t at = 1; ok && at + FW_PIN_RECORD <= kept; at += FW_PIN_RECORD) {
		ok = fw_object_read(fw, FW_OBJECT_PIN_PAST, at, record, sizeof(record)) &&
		     fits(fw, BYTES_OF(record), value, &right);
		*repeats |= right;
	}
	bytes_wipe(record, sizeof(record));
	return ok;
}

uint16_t fw_pin_judge(struct fw *fw, enum fw_pin pin, struct bytes value)
{
	bool repeats = false;

	if (!fw_pin_meets(&fw->policy, value))
		return SW_WRONG_DATA;
	if (pin == FW_PIN_USER && !is_repeated(fw, value, &repeats))
		return SW_INTERNAL;
	return repeats ? SW_WRONG_DATA : SW_OK;
}

/* The present PIN becomes the newest of the past ones, and the oldest is forgotten. */
static bool push_past(struct fw *fw, const struct fw_policy *policy, uint8_t past[FW_PIN_PAST_MAX])
{
	size_t older = past_pins(policy), kept = fw_object_len(fw, FW_OBJECT_PIN_PAST) / FW_PIN_RECORD;

	if (older == 0 || !fw_object_exists(fw, FW_OBJECT_PIN(FW_PIN_USER)))
		return true;
	older = older - 1 < kept ? older - 1 : kept;
	return fw_object_read(fw, FW_OBJECT_PIN(FW_PIN_USER), 0, past + 1, FW_PIN_RECORD) &&
	       (older == 0 ||
		       fw_object_read(fw, FW_OBJECT_PIN_PAST, 1, past + 1 + FW_PIN_RECORD, older * FW_PIN_RECORD));
}

bool fw_pin_put(struct fw *fw, struct fw_transaction *t, const struct fw_policy *policy, enum fw_pin pin,
	enum fw_pin_chooser chooser, struct bytes value, struct fw_pin_new *new)
{
	if (!make_record(fw, value, new->record))
		return false;
	fw_transaction_put(t, FW_OBJECT_PIN(pin), BYTES_OF(new->record), BYTES_NONE);
	if (pin != FW_PIN_USER || (past_pins(policy) == 0 && !(policy->flags & FW_POLICY_CHANGE)))
		return true;
	bytes_fill(new->past, 0, sizeof(new->past));
	if (chooser != FW_PIN_AT_INITIALIZE && !push_past(fw, policy, new->past))
		return false;
	new->past[0] = chooser != FW_PIN_BY_HOLDER && (policy->flags & FW_POLICY_CHANGE);
	fw_transaction_put(t, FW_OBJECT_PIN_PAST, BYTES(new->past, past_len(policy)), BYTES_NONE);
	return true;
}

/* ---- trying ---- */

uint16_t fw_pin_wrong(const struct fw *fw, enum fw_pin pin)
{
	uint8_t left = fw->tries[pin];

	return (uint16_t)(SW_TRIES_LEFT | (left > FW_TRIES_MAX ? FW_TRIES_MAX : left));
}

uint16_t fw_pin_try(struct fw *fw, const struct fw_command *command, enum fw_pin pin, struct bytes value)
{
	return fw_pin_possible(value) ? fw_pin_try_any(fw, command, pin, value) : SW_WRONG_DATA;
}

uint16_t fw_pin_try_any(struct fw *fw, const struct fw_command *command, enum fw_pin pin, struct bytes value)
{
	struct fw_transaction t = {.count = 0};
	bool right;

	if (!fw_object_exists(fw, FW_OBJECT_PIN(pin)))
		return SW_REFERENCE_NOT_FOUND;
	if (fw->tries[pin] == 0)
		return SW_PIN_BLOCKED;
	fw_transaction_tries(fw, &t, pin, (uint8_t)(fw->tries[pin] - 1));
	uint16_t sw = fw_commit(fw, &t);
	if (sw != SW_OK)
		return sw;
	if (!compare(fw, pin, value, &right))
		return SW_INTERNAL;
	if (right)
		return SW_OK;
	command->channel->security = (uint8_t)(command->channel->security & ~fw_pin_role(pin));
	return fw_pin_wrong(fw, pin);
}

uint16_t fw_pin_give_back(struct fw *fw, enum fw_pin pin)
{
	struct fw_transaction t = {.count = 0};

	fw_transaction_tries(fw, &t, pin, fw->tries_max[pin]);
	return fw_commit(fw, &t);
}

uint16_t fw_pin_refuse(struct fw *fw, enum fw_pin tried, uint16_t why)
{
	uint16_t sw = fw_pin_give_back(fw, tried);

	return sw == SW_OK ? why : sw;
}
