/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/channel.h"

#include "common/scp_host.h"
#include "common/secmem.h"
#include "driver/log.h"

#include <stdio.h>

/* Keys and all: in secure memory. */
struct channel {
	uint8_t number;
	struct scp_session session;
	struct scp_session before; /* a command: what to go back to when it could not be sent at all */
};

static const struct scp_params params = {.usage = SCP_USAGE_MAC_ENC, .key_len = 16};

static enum ukey_status agreed(enum scp_host_result r)
{
	switch (r) {
	case SCP_HOST_OK:
		return UKEY_OK;
	case SCP_HOST_MALFORMED:
	case SCP_HOST_NOT_GENUINE:
		return UKEY_NOT_GENUINE;
	case SCP_HOST_FAILED:
		break;
	}
	return UKEY_MEMORY;
}

static enum ukey_status agree(const struct card_ops *card, struct card_port *bare, struct bytes key, struct channel *c)
{
	uint8_t command[SCP_AUTHENTICATE_SIZE], buffer[256 + 2];
	struct builder data = builder_of(command, sizeof command), answer = builder_of(buffer, sizeof buffer);
	struct scp_host *h = scp_host_begin(&params, &data);

	if (!h)
		return UKEY_MEMORY;
	enum ukey_status status = card->authenticate(bare, c->number, builder_bytes(&data), &answer);
	if (status == UKEY_OK)
		status = agreed(scp_host_finish(h, key, builder_bytes(&answer), &c->session));
	scp_host_free(h);
	return status;
}

enum ukey_status channel_open(
	const struct card_ops *card, struct card_port *bare, struct bytes key, struct channel **out)
{
	struct channel *c = secmem_alloc(sizeof *c);
	enum ukey_status status = c ? card->open_channel(bare, &c->number) : UKEY_MEMORY;

	if (status == UKEY_OK) {
		status = agree(card, bare, key, c);
		if (status != UKEY_OK)
			card->close_channel(bare, c->number);
	}
	if (status == UKEY_OK)
		*out = c;
	else
		channel_free(c);
	return status;
}

void channel_free(struct channel *c)
{
	secmem_free(c);
}

uint8_t channel_number(const struct channel *c)
{
	return c->number;
}

bool channel_alive(const struct channel *c)
{
	return c->session.state == SCP_READY;
}

bool channel_proves(uint16_t sw)
{
	return sw == SW_OK || (sw >= 0x6200 && sw <= 0x63FF);
}

/* The class of this channel. False: ISO 7816-4 has no such class (chained, proprietary, on channel 19). */
static bool route(const struct channel *c, const struct link *l, struct apdu *a, size_t wrapped)
{
	struct apdu_class class;

	if (!apdu_class_parse(a->cla, &class))
		return false;
	class.channel = c->number;
	class.chained = !link_is_extended(l) && wrapped > 255;
	class.secure = true;
	if (apdu_class_encode(&class) == 0xFF)
		return false;
	class.chained = class.secure = false;
	a->cla = apdu_class_encode(&class);
	return true;
}

/*
 * Wrapped and carried; the answer's data stands plain in `received`. Where the reader can, every command is coded in
 * extended form: its whole answer comes at once then, with the MAC, whatever its Le (doc/token-protocol.md 1.2).
 */
static enum ukey_status carry(struct channel *c, struct link *l, struct apdu a, struct builder *wrapped,
	struct builder *received, uint16_t *sw)
{
	const uint64_t sent = link_count(l);

	a.extended = link_is_extended(l);
	if (!a.extended && a.le > APDU_LE_SHORT_MAX)
		a.le = APDU_LE_SHORT_MAX;
	c->before = c->session;
	builder_put(wrapped, a.data);
	if (!scp_wrap_command(&c->session, &a, wrapped))
		return UKEY_CHANNEL_LOST;
	enum ukey_status status = link_carry(l, &a, received, sw);
	if (status == UKEY_OK)
		return scp_unwrap_response(&c->session, *sw, received) ? UKEY_OK : UKEY_CHANNEL_LOST;
	/* Busy with another program's transaction: it was tried, and not sent. */
	if (link_count(l) == sent || (status == UKEY_TOKEN_BUSY && link_count(l) == sent + 1))
		c->session = c->before;
	else
		scp_session_abort(&c->session);
	/* An answer that cannot be one has no MAC either. */
	return status == UKEY_TOKEN_PROTOCOL && link_count(l) != sent ? UKEY_CHANNEL_LOST : status;
}

static enum ukey_status transact(
	struct channel *c, struct link *l, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	const size_t out = scp_wrapped_size(&c->session, command->data.len);
	const size_t in = answer->cap - answer->len + SCP_OVERHEAD + 2;
	struct apdu a = *command;
	uint8_t *memory;

	if (!channel_alive(c))
		return UKEY_CHANNEL_LOST;
	if (!route(c, l, &a, out) || out > APDU_DATA_MAX)
		return UKEY_TOO_LARGE;
	memory = secmem_alloc(out + in);
	if (!memory)
		return UKEY_MEMORY;
	struct builder wrapped = builder_of(memory, out), received = builder_of(memory + out, in);
	enum ukey_status status = carry(c, l, a, &wrapped, &received, sw);
	bytes_wipe(&c->before, sizeof c->before);
	if (status == UKEY_OK) {
		builder_put(answer, builder_bytes(&received));
		/* More than there is room for: as without a channel. */
		if (answer->failed) {
			answer->failed = false;
			status = UKEY_TOKEN_PROTOCOL;
		}
	}
	if (status != UKEY_OK)
		*sw = 0;
	secmem_free(memory);
	return status;
}

enum ukey_status channel_send(
	struct channel *c, struct link *l, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	const size_t before = answer->len;
	char name[160] = "";

	/* The plain command, masked as any; that it went inside is part of where it went. */
	if (log_wanted())
		snprintf(name, sizeof name, "%s (inside, channel %u)", link_reader(l), c->number);
	log_command(name, command);
	enum ukey_status status = transact(c, l, command, answer, sw);
	if (status == UKEY_OK)
		log_answer(name, command, BYTES(answer->data + before, answer->len - before), *sw);
	else
		log_failure(name, command, status);
	return status;
}
