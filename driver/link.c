/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/link.h"

#include "driver/log.h"

#include <stdlib.h>
#include <string.h>

struct link {
	const struct transport_ops *ops;
	struct connection *connection;
	struct exchange x;
	bool extended_proved; /* an extended APDU went through: the reader can */
	bool lengths_doubted; /* whether the card can is not known */
	unsigned holds;
	char reader[READER_NAME_MAX];
};

static int transceive(void *ctx, struct bytes command, struct builder *answer)
{
	struct link *l = ctx;
	return (int)l->ops->transceive(l->connection, command, answer);
}

enum ukey_status link_open(
	const struct transport_ops *ops, struct transport *t, const char *reader, bool no_extended, struct link **out)
{
	struct link *l = calloc(1, sizeof *l);
	enum ukey_status status;
	size_t max;

	if (!l)
		return UKEY_MEMORY;
	l->ops = ops;
	strncpy(l->reader, reader, sizeof l->reader - 1);
	status = ops->open(t, reader, &l->connection);
	if (status != UKEY_OK) {
		free(l);
		return status;
	}
	max = ops->max_apdu(l->connection);
	l->x = (struct exchange){
		.transceive = transceive,
		.ctx = l,
		.extended = !no_extended && (max == 0 || max > APDU_LE_SHORT_MAX),
	};
	l->extended_proved = max > APDU_LE_SHORT_MAX;
	*out = l;
	return UKEY_OK;
}

enum ukey_status link_reopen(struct link *l)
{
	return l->ops->reopen(l->connection);
}

enum ukey_status link_reset_alone(struct link *l)
{
	return l->ops->reset_alone ? l->ops->reset_alone(l->connection) : UKEY_TOKEN_BUSY;
}

void link_close(struct link *l, bool reset)
{
	if (!l)
		return;
	if (l->holds > 0)
		l->ops->end(l->connection);
	l->ops->close(l->connection, reset);
	free(l);
}

void link_forget(struct link *l)
{
	free(l);
}

const char *link_reader(const struct link *l)
{
	return l->reader;
}

uint64_t link_take_count(struct link *l)
{
	uint64_t count = l->x.count;
	l->x.count = 0;
	return count;
}

uint64_t link_count(const struct link *l)
{
	return l->x.count;
}

bool link_is_extended(const struct link *l)
{
	return l->x.extended;
}

void link_set_limits(struct link *l, size_t max_command, size_t max_answer)
{
	l->x.max_command_data = max_command;
	l->x.max_answer = max_answer;
}

enum ukey_status link_hold(struct link *l)
{
	enum ukey_status status = l->holds > 0 ? UKEY_OK : l->ops->begin(l->connection);

	if (status == UKEY_OK)
		l->holds++;
	return status;
}

void link_let_go(struct link *l)
{
	if (l->holds > 0 && --l->holds == 0)
		l->ops->end(l->connection);
}

void link_doubt_extended(struct link *l)
{
	/* Told again of the same card, what was proved since stands. */
	l->extended_proved = l->extended_proved && l->lengths_doubted;
	l->lengths_doubted = true;
}

static enum ukey_status outcome(const struct link *l, enum exchange_result r)
{
	switch (r) {
	case EXCHANGE_OK:
		return UKEY_OK;
	case EXCHANGE_TRANSPORT:
		return (enum ukey_status)l->x.transport_error;
	case EXCHANGE_PROTOCOL:
	case EXCHANGE_TOO_LONG:
		return UKEY_TOKEN_PROTOCOL;
	case EXCHANGE_NO_MEMORY:
		return UKEY_MEMORY;
	case EXCHANGE_INVALID:
		break;
	}
	return UKEY_INTERNAL;
}

static bool goes_extended(const struct link *l, const struct apdu *a)
{
	return l->x.extended && (a->extended || a->data.len > 255 || a->le > APDU_LE_SHORT_MAX);
}

/* Pieces of one command must not be mixed with another program's. An extended command is one piece. */
static enum ukey_status send_whole(struct link *l, const struct apdu *a, struct builder *answer, uint16_t *sw)
{
	bool pieces = !l->x.extended && (l->x.once || a->data.len > 255 || a->le >= APDU_LE_SHORT_MAX);
	enum ukey_status status = pieces ? link_hold(l) : UKEY_OK;

	if (status != UKEY_OK)
		return status;
	status = outcome(l, exchange(&l->x, a, answer, sw));
	if (pieces)
		link_let_go(l);
	return status;
}

/* Readers without extended lengths often refuse them so; cards have status words for it. */
static bool lengths_refused(const struct link *l, enum ukey_status status, uint16_t sw)
{
	if (status == UKEY_COMMUNICATION)
		return true;
	return l->lengths_doubted && status == UKEY_OK && (sw == SW_WRONG_LENGTH || sw == SW_LAST_OF_CHAIN_EXPECTED);
}

enum ukey_status link_send(struct link *l, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	const size_t before = answer->len;
	enum ukey_status status;

	log_command(l->reader, command);
	status = send_whole(l, command, answer, sw);
	if (goes_extended(l, command) && !l->extended_proved && lengths_refused(l, status, *sw)) {
		log_text("%s: no extended lengths; chaining from now on", l->reader);
		l->x.extended = false;
		status = send_whole(l, command, answer, sw);
	} else if (status == UKEY_OK && goes_extended(l, command)) {
		l->extended_proved = true;
	}
	if (status == UKEY_OK)
		log_answer(l->reader, command, BYTES(answer->data + before, answer->len - before), *sw);
	else
		log_failure(l->reader, command, status);
	return status;
}

enum ukey_status link_carry(struct link *l, const struct apdu *wrapped, struct builder *answer, uint16_t *sw)
{
	l->x.once = true;
	enum ukey_status status = send_whole(l, wrapped, answer, sw);
	l->x.once = false;
	return status;
}
