/* SPDX-License-Identifier: Apache-2.0 */
/* The PIN and the PUK of the PIV application (protocol 9.4; SP 800-73-4 part 2, 3.2.1 to 3.2.3). */
#include "firmware-emu/core/piv.h"

#define REFERENCE_PIN 0x80
#define REFERENCE_PUK 0x81
#define PAD           0xFF
#define CODE_MIN      6

const uint8_t fw_piv_pin_default[FW_PIV_CODE_SIZE] = {'1', '2', '3', '4', '5', '6', PAD, PAD};
const uint8_t fw_piv_puk_default[FW_PIV_CODE_SIZE] = {'1', '2', '3', '4', '5', '6', '7', '8'};

/* ---- what they look like ---- */

/* Bytes before the padding; more than there are when a byte comes after some. */
static size_t unpadded(struct bytes value)
{
	size_t n = 0, end = value.len;

	while (end > 0 && value.data[end - 1] == PAD)
		end--;
	while (n < end && value.data[n] != PAD)
		n++;
	return n == end ? n : value.len + 1;
}

bool fw_piv_puk_valid(struct bytes value)
{
	size_t n = unpadded(value);

	return value.len == FW_PIV_CODE_SIZE && n >= CODE_MIN && n <= FW_PIV_CODE_SIZE;
}

bool fw_piv_pin_valid(struct bytes value)
{
	if (!fw_piv_puk_valid(value))
		return false;
	for (size_t i = 0; i < unpadded(value); i++)
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
	return true;
}

bool fw_piv_pad(struct bytes value, uint8_t to[FW_PIV_CODE_SIZE])
{
	bytes_fill(to, PAD, FW_PIV_CODE_SIZE);
	if (value.len > FW_PIV_CODE_SIZE)
		return false;
	bytes_copy(to, value);
	return true;
}

/* ---- trying ---- */

static void log_in(struct fw_channel *channel, uint8_t bits)
{
	channel->security = (uint8_t)(channel->security | bits);
}

static void log_out(struct fw_channel *channel)
{
	channel->security = (uint8_t)(channel->security & ~fw_pin_role(FW_PIN_PIV));
}

/* The code was right, but what it was given for is refused: it is as if nobody had tried, not as after a VERIFY. */
static uint16_t refuse(struct fw *fw, enum fw_pin tried, uint16_t why)
{
	struct fw_transaction t = {.count = 0};

	fw_transaction_tries(fw, &t, tried, (uint8_t)(fw->tries[tried] + 1));
	uint16_t sw = fw_commit(fw, &t);
	return sw == SW_OK ? why : sw;
}

/* Old and new, or PUK and new PIN. */
static bool two_codes(struct bytes data, struct bytes *first, struct bytes *second)
{
	struct cursor c = cursor_of(data);

	*first = cursor_take(&c, FW_PIV_CODE_SIZE);
	*second = cursor_take(&c, FW_PIV_CODE_SIZE);
	return cursor_done(&c);
}

static uint16_t verify_state(struct fw *fw, const struct fw_command *command)
{
	if (command->channel->security & FW_PIV_PIN)
		return SW_OK;
	return fw->tries[FW_PIN_PIV] == 0 ? SW_PIN_BLOCKED : fw_pin_wrong(fw, FW_PIN_PIV);
}

uint16_t fw_piv_verify(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	(void)answer;
	if (command->p2 != REFERENCE_PIN)
		return SW_REFERENCE_NOT_FOUND;
	if (command->data.len == 0)
		return verify_state(fw, command);
	if (command->data.len != FW_PIV_CODE_SIZE)
		return SW_WRONG_DATA;
	uint16_t sw = fw_pin_try_any(fw, command, FW_PIN_PIV, command->data);
	if (sw == SW_OK)
		sw = fw_pin_give_back(fw, FW_PIN_PIV);
	if (sw == SW_OK)
		log_in(command->channel, FW_PIV_PIN | FW_PIV_FRESH);
	return sw;
}

uint16_t fw_piv_log_out(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	(void)fw;
	(void)answer;
	if (command->p2 != REFERENCE_PIN)
		return SW_REFERENCE_NOT_FOUND;
	log_out(command->channel);
	return SW_OK;
}

/* ---- setting ---- */

/* It is nobody's default any more, or it is chosen to be. */
static bool put_default(struct fw *fw, struct fw_transaction *t, enum fw_pin pin, struct bytes value,
	struct fw_piv_record *record, struct fw_piv_new *new)
{
	uint8_t bit = pin == FW_PIN_PIV ? FW_PIV_DEFAULT_PIN : FW_PIV_DEFAULT_PUK;
	struct bytes known = pin == FW_PIN_PIV ? BYTES_OF(fw_piv_pin_default) : BYTES_OF(fw_piv_puk_default);
	bool is_known = bytes_equal_secret(value, known);

	if (!fw_piv_record_read(fw, record))
		return false;
	if (is_known == !!(record->defaults & bit))
		return true;
	record->defaults ^= bit;
	fw_piv_record_put(t, record, new);
	return true;
}

/* Set one after `tried` was given rightly, in one transaction; both counters are full then. */
static uint16_t set(
	struct fw *fw, const struct fw_command *command, enum fw_pin pin, struct bytes value, enum fw_pin tried)
{
	struct fw_transaction t = {.count = 0};
	struct fw_piv_record record = {0};
	struct fw_piv_new new;
	uint16_t sw = SW_INTERNAL;

	if (put_default(fw, &t, pin, value, &record, &new) &&
		fw_pin_put(fw, &t, &fw->policy, pin, FW_PIN_BY_HOLDER, value, &new.pin)) {
		fw_transaction_tries(fw, &t, tried, fw->tries_max[tried]);
		fw_transaction_tries(fw, &t, pin, fw->tries_max[pin]);
		sw = fw_commit(fw, &t);
	}
	bytes_wipe(&record, sizeof(record));
	bytes_wipe(&new, sizeof(new));
	if (sw == SW_OK)
		fw_state_revoke(fw, fw_pin_role(pin), command->number);
	else if (sw != SW_MEMORY_FAILURE)
		sw = refuse(fw, tried, sw);
	return sw;
}

uint16_t fw_piv_change_reference_data(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	enum fw_pin pin = command->p2 == REFERENCE_PIN ? FW_PIN_PIV : FW_PIN_PUK;
	struct bytes old, new;

	(void)answer;
	if (command->p2 != REFERENCE_PIN && command->p2 != REFERENCE_PUK)
		return SW_REFERENCE_NOT_FOUND;
	if (!two_codes(command->data, &old, &new))
		return SW_WRONG_DATA;
	uint16_t sw = fw_pin_try_any(fw, command, pin, old);
	if (sw != SW_OK)
		return sw;
	if (pin == FW_PIN_PIV ? !fw_piv_pin_valid(new) : !fw_piv_puk_valid(new))
		return refuse(fw, pin, SW_WRONG_DATA);
	sw = set(fw, command, pin, new, pin);
	if (sw == SW_OK && pin == FW_PIN_PIV)
		log_in(command->channel, FW_PIV_PIN); /* for "always", only VERIFY will do */
	return sw;
}

uint16_t fw_piv_reset_retry_counter(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct bytes puk, new;

	(void)answer;
	if (command->p2 != REFERENCE_PIN)
		return SW_REFERENCE_NOT_FOUND;
	if (!two_codes(command->data, &puk, &new))
		return SW_WRONG_DATA;
	uint16_t sw = fw_pin_try_any(fw, command, FW_PIN_PUK, puk);
	if (sw != SW_OK) {
		log_out(command->channel);
		return sw;
	}
	if (!fw_piv_pin_valid(new))
		return refuse(fw, FW_PIN_PUK, SW_WRONG_DATA);
	return set(fw, command, FW_PIN_PIV, new, FW_PIN_PUK);
}

/* Yubico: P1 tries of the PIN, P2 of the PUK; both become what everybody knows. */
uint16_t fw_piv_set_retries(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_transaction t = {.count = 0};
	struct fw_piv_record record = {0};
	struct fw_piv_new new;
	uint16_t sw = SW_INTERNAL;

	(void)answer;
	if (command->p1 == 0)
		return SW_WRONG_P1P2;
	if (fw_piv_record_read(fw, &record) &&
		fw_pin_put(fw, &t, &fw->policy, FW_PIN_PIV, FW_PIN_BY_SO, BYTES_OF(fw_piv_pin_default), &new.pin) &&
		fw_pin_put(fw, &t, &fw->policy, FW_PIN_PUK, FW_PIN_BY_SO, BYTES_OF(fw_piv_puk_default), &new.puk)) {
		record.pin_tries = command->p1;
		record.puk_tries = command->p2;
		record.defaults |= FW_PIV_DEFAULT_PIN | FW_PIV_DEFAULT_PUK;
		fw_piv_record_put(&t, &record, &new);
		fw_transaction_tries(fw, &t, FW_PIN_PIV, record.pin_tries);
		fw_transaction_tries(fw, &t, FW_PIN_PUK, record.puk_tries);
		sw = fw_commit(fw, &t);
	}
	bytes_wipe(&record, sizeof(record));
	bytes_wipe(&new, sizeof(new));
	if (sw == SW_OK)
		fw_state_revoke(fw, fw_pin_role(FW_PIN_PIV), FW_CHANNELS);
	return sw;
}
