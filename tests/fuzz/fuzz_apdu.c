/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APDUs, and the transmit loop with a card whose answers are the rest of the input: first two bytes of length and a
 * command APDU of it, then answers, each with a byte of length in front.
 */
#include "common/apdu.h"
#include "common/exchange.h"
#include "tests/fuzz/fuzz.h"

static void round_trip(struct bytes raw)
{
	struct apdu a, again;
	uint8_t *out = malloc(raw.len + 1);

	FUZZ_REQUIRE(out);
	if (apdu_parse(raw, &a)) {
		struct builder b = builder_of(out, raw.len);
		FUZZ_REQUIRE(fuzz_inside(a.data, raw) && a.le <= APDU_LE_MAX && a.data.len <= APDU_DATA_MAX);
		apdu_encode(&b, &a);
		FUZZ_REQUIRE(bytes_equal(builder_bytes(&b), raw));
		FUZZ_REQUIRE(apdu_parse(builder_bytes(&b), &again) && again.le == a.le && again.extended == a.extended);
		b = builder_of(out, raw.len - 1);
		apdu_encode(&b, &a);
		FUZZ_REQUIRE(b.failed);
	}
	struct rapdu r;
	FUZZ_REQUIRE(rapdu_parse(raw, &r) == (raw.len >= 2));
	if (raw.len >= 2)
		FUZZ_REQUIRE(r.data.len == raw.len - 2 && fuzz_inside(r.data, raw));
	if (raw.len > 0) {
		struct apdu_class c, back;
		if (apdu_class_parse(raw.data[0], &c)) {
			uint8_t cla = apdu_class_encode(&c);
			FUZZ_REQUIRE(c.channel < APDU_CHANNELS);
			/* FF is no class, though channel 19 with all bits set would be spelt so */
			if (cla != 0xFF)
				FUZZ_REQUIRE(apdu_class_parse(cla, &back) && back.channel == c.channel &&
					     back.secure == c.secure && back.chained == c.chained &&
					     back.proprietary == c.proprietary);
		}
	}
	free(out);
}

struct card {
	struct cursor answers;
	size_t commands;
	bool extended;
	uint8_t ins; /* of the command that is carried */
};

static int answer_from_input(void *ctx, struct bytes command, struct builder *answer)
{
	struct card *card = ctx;
	struct apdu a;

	card->commands++;
	FUZZ_REQUIRE(apdu_parse(command, &a));
	FUZZ_REQUIRE(card->extended || !a.extended);
	/* GET RESPONSE, of the loop's own, has no data. */
	FUZZ_REQUIRE(a.ins == card->ins || (a.ins == 0xC0 && a.data.len == 0));
	if (card->answers.left == 0)
		return 5;
	struct bytes piece = cursor_take(&card->answers, cursor_u8(&card->answers));
	builder_put(answer, piece);
	return 0;
}

static void transmit(struct bytes in)
{
	struct cursor c = cursor_of(in);
	struct bytes raw = cursor_take(&c, cursor_u16(&c));
	struct apdu command;
	uint8_t room[700];
	uint16_t sw;

	if (c.failed || !apdu_parse(raw, &command))
		return;
	for (unsigned mode = 0; mode < 8; mode++) {
		struct card card = {.answers = c, .extended = mode & 1, .ins = command.ins};
		struct exchange x = {
			.transceive = answer_from_input,
			.ctx = &card,
			.extended = mode & 1,
			.max_command_data = mode & 2 ? 16 : 0,
			.max_answer = mode & 4 ? 64 : 0,
		};
		struct builder answer = builder_of(room, sizeof room);
		builder_u8(&answer, 0x77);
		enum exchange_result result = exchange(&x, &command, &answer, &sw);
		FUZZ_REQUIRE(!answer.failed && answer.len >= 1 && room[0] == 0x77);
		FUZZ_REQUIRE(x.count == card.commands && x.count <= EXCHANGE_ROUNDS_MAX);
		FUZZ_REQUIRE(result != EXCHANGE_INVALID && result != EXCHANGE_NO_MEMORY);
		FUZZ_REQUIRE(result == EXCHANGE_OK || (answer.len == 1 && sw == 0));
		FUZZ_REQUIRE((sw & 0xFF00) != SW_BYTES_REMAIN && (sw & 0xFF00) != SW_WRONG_LE);
		FUZZ_REQUIRE(result != EXCHANGE_TRANSPORT || x.transport_error == 5);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	round_trip(BYTES(data, size));
	transmit(BYTES(data, size));
	return 0;
}
