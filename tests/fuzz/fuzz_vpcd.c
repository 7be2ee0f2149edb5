/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream from vpcd. The first byte says how long the pieces are in which the rest arrives; whatever it is, the
 * messages must be the same as when all arrives at once, and each must lie in the stream where it says.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware-emu/link/vpcd_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct digest {
	uint64_t sum;
	size_t messages, bytes;
};

static void add(struct digest *d, enum vpcd_message kind, struct bytes apdu)
{
	d->messages++;
	d->sum = d->sum * 31 + kind;
	if (kind != VPCD_APDU) {
		d->bytes += 3;
		return;
	}
	d->bytes += VPCD_LENGTH_SIZE + apdu.len;
	for (size_t i = 0; i < apdu.len; i++)
		d->sum = d->sum * 31 + apdu.data[i];
}

static struct digest read_all(const uint8_t *data, size_t size, size_t piece)
{
	static struct vpcd_stream s;
	struct digest d = {0};
	struct bytes apdu;

	vpcd_stream_start(&s);
	for (size_t at = 0; at < size; at += piece) {
		/* a copy of its own, so that reading beyond it is found */
		size_t n = size - at < piece ? size - at : piece;
		uint8_t *part = malloc(n);
		if (!part)
			abort();
		memcpy(part, data + at, n);
		struct cursor in = cursor_of(BYTES(part, n));
		enum vpcd_message kind;
		while ((kind = vpcd_stream_next(&s, &in, &apdu)) != VPCD_INCOMPLETE)
			add(&d, kind, apdu);
		if (!cursor_done(&in))
			abort();
		free(part);
	}
	if (d.bytes + s.have != size)
		abort();
	return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct digest once = read_all(data + 1, size - 1, size - 1);
	struct digest pieces = read_all(data + 1, size - 1, data[0] + 1u);
	if (once.sum != pieces.sum || once.messages != pieces.messages)
		abort();
	return 0;
}
