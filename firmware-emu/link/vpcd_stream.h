/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vpcd, pcscd's virtual reader, sends: messages of a 16-bit length and so many bytes. A message of one byte 0, 1,
 * 2 or 4 is a control; everything else is a command APDU. Pure: bytes in, messages out, whatever the pieces.
 */
#ifndef UKEY_LINK_VPCD_STREAM_H
#define UKEY_LINK_VPCD_STREAM_H

#include "common/bytes.h"

#define VPCD_LENGTH_SIZE 2
#define VPCD_MESSAGE_MAX 65535

enum vpcd_message {
	VPCD_INCOMPLETE, /* more bytes are needed */
	VPCD_POWER_OFF,
	VPCD_POWER_ON,
	VPCD_RESET,
	VPCD_GET_ATR,
	VPCD_APDU,
};

struct vpcd_stream {
	uint8_t memory[VPCD_LENGTH_SIZE + VPCD_MESSAGE_MAX];
	size_t have;
};

void vpcd_stream_start(struct vpcd_stream *s);
/*
 * Take the next message out of `in`, which is left at what follows it; VPCD_INCOMPLETE took all there was. `apdu` is
 * set for VPCD_APDU only, and good until the next call.
 */
enum vpcd_message vpcd_stream_next(struct vpcd_stream *s, struct cursor *in, struct bytes *apdu);

/* An answer as vpcd wants it. */
void vpcd_frame(struct builder *b, struct bytes answer);

#endif
