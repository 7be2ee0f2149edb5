/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/state.h"
#include "firmware-emu/core/directory.h"
#include "firmware-emu/core/factory.h"
#include "firmware-emu/core/piv.h"

/* A byte for each PIN. Firmware 0.1.0 knew no unlock key, and 0.2.0 no PIV: there are two, or three. */
static bool load_tries(struct fw *fw)
{
	size_t len = fw_object_len(fw, FW_OBJECT_TRIES);

	if (len != FW_PINS && len != FW_PIN_PIV && len != FW_PIN_UNLOCK)
		return false;
	return fw_object_read(fw, FW_OBJECT_TRIES, 0, fw->tries, len);
}

/* Value of FW_OBJECT_TOKEN: policy(5) tries(1) label. */
static bool load_token(struct fw *fw)
{
	uint8_t raw[6 + FW_LABEL_MAX];
	size_t len = fw_object_len(fw, FW_OBJECT_TOKEN);

	if (len < 6 || len > sizeof(raw) || !fw_object_read(fw, FW_OBJECT_TOKEN, 0, raw, len))
		return false;
	struct cursor c = cursor_of(BYTES(raw, len));
	fw->policy.min = cursor_u8(&c);
	fw->policy.max = cursor_u8(&c);
	fw->policy.classes = cursor_u8(&c);
	fw->policy.history = cursor_u8(&c);
	fw->policy.flags = cursor_u8(&c);
	fw->tries_max[FW_PIN_USER] = cursor_u8(&c);
	fw->tries_max[FW_PIN_SO] = FW_SO_TRIES;
	struct bytes label = cursor_rest(&c);
	bytes_copy(fw->label, label);
	fw->label_len = (uint8_t)label.len;
	return load_tries(fw) && fw_piv_load(fw);
}

struct fw_policy fw_policy_default(const struct fw *fw)
{
	return (struct fw_policy){.min = FW_PIN_MIN,
		.max = FW_PIN_MAX,
		.flags = fw_factory_has(fw, FW_GAVE_DEVICE_KEY) ? FW_POLICY_CHANNEL : 0};
}

static void forget(struct fw *fw)
{
	fw->gave = 0;
	fw->piv = (struct fw_piv_settings){0};
	fw->policy = fw_policy_default(fw);
	fw->label_len = 0;
	for (size_t i = 0; i < FW_PINS; i++)
		fw->tries[i] = fw->tries_max[i] = 0;
}

/* What holds until INITIALIZE says otherwise. */
static bool load_factory(struct fw *fw)
{
	if (!fw_factory_load(fw))
		return false;
	fw->policy = fw_policy_default(fw);
	if (fw_factory_has(fw, FW_GAVE_UNLOCK_KEY))
		fw->tries[FW_PIN_UNLOCK] = fw->tries_max[FW_PIN_UNLOCK] = FW_UNLOCK_TRIES;
	return true;
}

static bool load(struct fw *fw)
{
	uint8_t generation[4] = {0};

	forget(fw);
	if (fw->journal.damaged)
		return false;
	if (fw_object_exists(fw, FW_OBJECT_GENERATION) &&
		!fw_object_read(fw, FW_OBJECT_GENERATION, 0, generation, sizeof(generation)))
		return false;
	struct cursor c = cursor_of(BYTES_OF(generation));
	fw->generation = cursor_u32(&c);
	if (!load_factory(fw))
		return false;
	if (!fw_object_exists(fw, FW_OBJECT_PIN(FW_PIN_SO))) {
		fw->life = FW_BLANK;
		return true;
	}
	fw->life = fw_object_exists(fw, FW_OBJECT_PIN(FW_PIN_USER)) ? FW_OPERATIONAL : FW_INITIALISED;
	return load_token(fw);
}

bool fw_state_load(struct fw *fw)
{
	if (load(fw))
		return true;
	forget(fw);
	fw->life = FW_TERMINATED;
	fw->journal.damaged = true;
	return false;
}

void fw_state_revoke(struct fw *fw, uint8_t bits, uint8_t except)
{
	for (uint8_t i = 0; i < FW_CHANNELS; i++)
		if (i != except) {
			fw->channel[i].security = (uint8_t)(fw->channel[i].security & ~bits);
			if (bits & FW_PIV_ADMIN)
				bytes_wipe(&fw->channel[i].piv_next, sizeof(fw->channel[i].piv_next));
		}
}

/* ---- transactions ---- */

/* The row of an object, new or already there. The longest command, deleting a full container, takes 10 of the 12. */
static struct fw_change *change_for(struct fw_transaction *t, uint16_t object)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->change[i].object == object)
			return &t->change[i];
	return &t->change[t->count++];
}

void fw_transaction_put(struct fw_transaction *t, uint16_t object, struct bytes first, struct bytes second)
{
	*change_for(t, object) = (struct fw_change){
		.object = object, .part = {first, second}
        };
}

void fw_transaction_remove(struct fw *fw, struct fw_transaction *t, uint16_t object)
{
	if (fw_object_exists(fw, object))
		*change_for(t, object) = (struct fw_change){.object = object, .remove = true};
}

void fw_transaction_tries(struct fw *fw, struct fw_transaction *t, enum fw_pin pin, uint8_t tries)
{
	bool begun = false;

	for (size_t i = 0; i < t->count; i++)
		begun = begun || t->change[i].object == FW_OBJECT_TRIES;
	if (!begun)
		bytes_copy(t->tries, BYTES_OF(fw->tries));
	t->tries[pin] = tries;
	fw_transaction_put(t, FW_OBJECT_TRIES, BYTES_OF(t->tries), BYTES_NONE);
}

static uint16_t status_of(enum fw_journal_result result)
{
	switch (result) {
	case FW_JOURNAL_OK:
		return SW_OK;
	case FW_JOURNAL_FULL:
		return SW_FULL;
	default:
		return SW_MEMORY_FAILURE;
	}
}

static uint16_t finish(struct fw *fw, enum fw_journal_result result)
{
	if (!fw_state_load(fw))
		return SW_MEMORY_FAILURE;
	return status_of(result);
}

uint16_t fw_commit(struct fw *fw, struct fw_transaction *t)
{
	return finish(fw, fw_journal_commit(fw, t->change, t->count));
}

static void put_generation(struct fw *fw, struct fw_transaction *t)
{
	struct builder b = builder_of(t->generation, sizeof(t->generation));

	builder_u32(&b, fw->generation + 1);
	fw_transaction_put(t, FW_OBJECT_GENERATION, BYTES_OF(t->generation), BYTES_NONE);
}

uint16_t fw_commit_public(struct fw *fw, struct fw_transaction *t)
{
	uint8_t digest[32];

	put_generation(fw, t);
	fw_journal_preview(fw, t->change, t->count);
	uint16_t sw = fw_directory_digest(fw, digest);
	fw_journal_preview(fw, NULL, 0);
	if (sw != SW_OK)
		return sw;
	sw = fw_commit(fw, t);
	if (sw == SW_OK)
		bytes_copy(fw->digest, BYTES_OF(digest));
	fw->digest_valid = sw == SW_OK;
	return sw;
}

uint16_t fw_commit_replace(struct fw *fw, struct fw_transaction *t)
{
	put_generation(fw, t);
	fw->digest_valid = false;
	return finish(fw, fw_journal_replace(fw, FW_JOURNAL_TOKEN, t->change, t->count));
}

uint16_t fw_commit_piv_reset(struct fw *fw, struct fw_transaction *t)
{
	return finish(fw, fw_journal_replace(fw, FW_JOURNAL_PIV, t->change, t->count));
}
