/* SPDX-License-Identifier: Apache-2.0 */
#include "common/exchange.h"

#include "common/secmem.h"

#define INS_GET_RESPONSE 0xC0
#define CHAINED          0x10 /* bit 5 of the class byte */
#define SHORT_DATA_MAX   255u

/* One call of exchange(). */
struct run {
	struct exchange *x;
	struct builder command; /* encoded, in secure memory */
	struct builder *answer;
	unsigned rounds;
};

static bool is_sw1(uint16_t sw, enum apdu_sw family)
{
	return (sw & 0xFF00) == (uint16_t)family;
}

/* xx of 61xx and 6Cxx, where 00 stands for 256. */
static uint32_t announced(uint16_t sw)
{
	return sw & 0xFF ? sw & 0xFF : APDU_LE_SHORT_MAX;
}

/* One APDU there and back. Its data stays in the answer, *got bytes of it; its status word does not. */
static enum exchange_result transmit(struct run *r, const struct apdu *a, uint16_t *sw, size_t *got)
{
	struct builder *answer = r->answer;
	const size_t before = answer->len;

	if (r->rounds++ >= EXCHANGE_ROUNDS_MAX)
		return EXCHANGE_PROTOCOL;
	r->command.len = 0;
	apdu_encode(&r->command, a);
	if (r->command.failed)
		return EXCHANGE_INVALID;
	r->x->count++;
	int error = r->x->transceive(r->x->ctx, builder_bytes(&r->command), answer);
	if (error != 0) {
		r->x->transport_error = error;
		return EXCHANGE_TRANSPORT;
	}
	if (answer->failed)
		return EXCHANGE_TOO_LONG;
	if (answer->len < before + 2)
		return EXCHANGE_PROTOCOL;
	answer->len -= 2;
	*sw = (uint16_t)(answer->data[answer->len] << 8 | answer->data[answer->len + 1]);
	*got = answer->len - before;
	return EXCHANGE_OK;
}

/* ISO 7816-4 5.6: 6Cxx is a wrong Le; the same command with Le = xx follows at once, and is right. */
static enum exchange_result transmit_right_le(struct run *r, struct apdu a, uint16_t *sw, size_t *got, bool once)
{
	enum exchange_result result = transmit(r, &a, sw, got);

	if (result != EXCHANGE_OK || !is_sw1(*sw, SW_WRONG_LE))
		return result;
	if (*got > 0)
		return EXCHANGE_PROTOCOL;
	if (once)
		return EXCHANGE_OK;
	a.le = announced(*sw);
	result = transmit(r, &a, sw, got);
	if (result == EXCHANGE_OK && is_sw1(*sw, SW_WRONG_LE))
		return EXCHANGE_PROTOCOL;
	return result;
}

/* ISO 7816-4 5.3.4. */
static enum exchange_result collect(struct run *r, uint8_t cla, uint16_t *sw)
{
	enum exchange_result result = EXCHANGE_OK;
	struct apdu_class class = {0}, of_command;
	size_t got;

	if (apdu_class_parse(cla, &of_command))
		class.channel = of_command.channel;
	while (result == EXCHANGE_OK && is_sw1(*sw, SW_BYTES_REMAIN)) {
		struct apdu more = {.cla = apdu_class_encode(&class), .ins = INS_GET_RESPONSE, .le = announced(*sw)};
		result = transmit_right_le(r, more, sw, &got, false);
		if (result == EXCHANGE_OK && is_sw1(*sw, SW_BYTES_REMAIN) && got == 0)
			result = EXCHANGE_PROTOCOL;
	}
	return result;
}

/* ISO 7816-4 5.3.3: all pieces but the last. *last is what remains to be sent, unless *sw says that the card refused.
 */
static enum exchange_result send_chain(struct run *r, struct apdu *last, size_t piece, uint16_t *sw)
{
	struct cursor data = cursor_of(last->data);
	struct apdu a = *last;
	size_t got;

	a.cla |= CHAINED;
	a.le = APDU_LE_NONE;
	*sw = SW_OK;
	while (data.left > piece && *sw == SW_OK) {
		a.data = cursor_take(&data, piece);
		enum exchange_result result = transmit(r, &a, sw, &got);
		if (result != EXCHANGE_OK)
			return result;
		if (got > 0 || is_sw1(*sw, SW_BYTES_REMAIN) || is_sw1(*sw, SW_WRONG_LE))
			return EXCHANGE_PROTOCOL;
	}
	last->data = cursor_rest(&data);
	return EXCHANGE_OK;
}

static size_t at_most(size_t limit, size_t most)
{
	return limit > 0 && limit < most ? limit : most;
}

static enum exchange_result run(struct run *r, struct apdu a, uint16_t *sw)
{
	const struct exchange *x = r->x;
	const size_t extended_max = at_most(x->max_command_data, APDU_DATA_MAX);
	const size_t short_max = at_most(x->max_command_data, SHORT_DATA_MAX);
	const bool chain = a.data.len > (x->extended ? extended_max : short_max);
	const bool short_only = chain || !x->extended;
	size_t room = APDU_SHORT_MAX, got;
	enum exchange_result result;

	if (short_only) {
		a.extended = false;
		a.le = (uint32_t)at_most(APDU_LE_SHORT_MAX, a.le);
	} else {
		a.le = (uint32_t)at_most(x->max_answer, a.le);
		room = a.data.len + 9;
	}
	uint8_t *memory = secmem_alloc(room > APDU_SHORT_MAX ? room : APDU_SHORT_MAX);
	if (!memory)
		return EXCHANGE_NO_MEMORY;
	r->command = builder_of(memory, room > APDU_SHORT_MAX ? room : APDU_SHORT_MAX);

	*sw = SW_OK;
	result = chain ? send_chain(r, &a, short_max, sw) : EXCHANGE_OK;
	if (result == EXCHANGE_OK && *sw == SW_OK) {
		result = transmit_right_le(r, a, sw, &got, x->once);
		if (result == EXCHANGE_OK && a.part && is_sw1(*sw, SW_BYTES_REMAIN))
			*sw = SW_OK;
		else if (result == EXCHANGE_OK)
			result = collect(r, a.cla, sw);
	}
	secmem_free(memory);
	return result;
}

/* ISO 7816-4 5.6: 9000 and the warnings 62xx, 63xx may come with data. */
static bool may_have_data(uint16_t sw)
{
	return sw == SW_OK || (sw >= 0x6200 && sw <= 0x63FF);
}

enum exchange_result exchange(struct exchange *x, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	struct run r = {.x = x, .answer = answer};
	const size_t start = answer->len;
	enum exchange_result result;

	*sw = 0;
	if (answer->failed || command->le > APDU_LE_MAX)
		return EXCHANGE_INVALID;
	result = run(&r, *command, sw);
	if (result == EXCHANGE_OK && x->once && !may_have_data(*sw) && answer->len != start)
		result = EXCHANGE_PROTOCOL;
	if (result != EXCHANGE_OK || !may_have_data(*sw)) {
		/* Pieces of an answer that was not completed are nobody's data. */
		answer->failed = false;
		answer->len = start;
	}
	if (result != EXCHANGE_OK)
		*sw = 0;
	return result;
}
