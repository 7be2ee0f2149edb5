/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/link/vpcd_stream.h"

void vpcd_stream_start(struct vpcd_stream *s)
{
	s->have = 0;
}

/* Have at least `wanted` bytes of the message together. */
static bool gather(struct vpcd_stream *s, struct cursor *in, size_t wanted)
{
	if (s->have < wanted) {
		size_t missing = wanted - s->have;
		struct bytes part = cursor_take(in, missing < in->left ? missing : in->left);
		bytes_copy(s->memory + s->have, part);
		s->have += part.len;
	}
	return s->have >= wanted;
}

static enum vpcd_message kind_of(struct bytes message)
{
	if (message.len != 1)
		return VPCD_APDU;
	switch (message.data[0]) {
	case 0:
		return VPCD_POWER_OFF;
	case 1:
		return VPCD_POWER_ON;
	case 2:
		return VPCD_RESET;
	case 4:
		return VPCD_GET_ATR;
	default:
		return VPCD_APDU; /* of one byte, which is wrong; but the host waits for an answer */
	}
}

enum vpcd_message vpcd_stream_next(struct vpcd_stream *s, struct cursor *in, struct bytes *apdu)
{
	if (!gather(s, in, VPCD_LENGTH_SIZE))
		return VPCD_INCOMPLETE;
	size_t length = (size_t)s->memory[0] << 8 | s->memory[1];
	if (!gather(s, in, VPCD_LENGTH_SIZE + length))
		return VPCD_INCOMPLETE;
	struct bytes message = {s->memory + VPCD_LENGTH_SIZE, length};
	s->have = 0;
	enum vpcd_message kind = kind_of(message);
	if (kind == VPCD_APDU)
		*apdu = message;
	return kind;
}

void vpcd_frame(struct builder *b, struct bytes answer)
{
	if (answer.len > VPCD_MESSAGE_MAX)
		b->failed = true;
	builder_u16(b, (uint16_t)answer.len);
	builder_put(b, answer);
}
