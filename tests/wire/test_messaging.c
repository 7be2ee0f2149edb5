/* SPDX-License-Identifier: Apache-2.0 */
/* The secure channel from the host's end (protocol 6): every rule of 6.3, and what a channel is for. */
#include "firmware-emu/core/state.h"
#include "tests/wire/session_bench.h"

/* ---- opening ---- */

static void a_session_opens_and_carries_commands(void **state)
{
	struct scp_session s;
	struct bytes answer;

	(void)state;
	personal_open(token, 0, maker.device_point, &s);
	assert_int_equal(security(0, &s), 0);
	assert_int_equal(verify(0, &s, USER_PIN), SW_OK);
	assert_int_equal(security(0, &s), 0x05);
	assert_int_equal(send(0, &s, 0x00, 0x84, 0, 0, BYTES_NONE, &answer), SW_OK);
	assert_int_equal(answer.len, FW_ANSWER_DATA_MAX);
	assert_int_equal(send(0, &s, 0x00, 0x47, 0x11, 0, wire_hex("AC 04 83020005"), &answer), SW_OK);
	assert_in_range(answer.len, 65, 100);
	assert_int_equal(verify(0, &s, "654321"), SW_TRIES_LEFT | 5);
	assert_int_equal(security(0, &s), 0);
	assert_int_equal(send(0, &s, 0x00, 0xCB, 0x3F, 0xFF, wire_hex("5C020205"), NULL), SW_NOT_FOUND);
	assert_int_equal(verify(0, &s, USER_PIN), SW_OK); /* an error does not end it */
}

static void each_session_has_its_own_keys(void **state)
{
	static const char authenticate[] = "80880113 53 A60D9002110095013C800188810110 5F4941"
					   "04 0D0918A04198474605615B6DF90FDCB34791FB3ECB822F4B26EB6E4FC4511B9D"
					   "19B90C1B83C0C35CFBBB31EAD32BB52AE33622F57E3CC1638097CE97F430BABA 00";
	uint8_t first[SCP_ANSWER_SIZE];

	(void)state;
	struct bytes answer = wire(token, authenticate, SW_OK);
	assert_int_equal(answer.len, SCP_ANSWER_SIZE);
	bytes_copy(first, answer);
	answer = wire(token, authenticate, SW_OK);
	assert_memory_not_equal(first + 3, answer.data + 3, 65);
	assert_memory_not_equal(first + 3, maker.device_point, 65);
	assert_memory_not_equal(first + 70, answer.data + 70, 16);
}

static void another_device_key_is_found_out(void **state)
{
	struct scp_session s;
	uint16_t sw;

	(void)state;
	assert_int_equal(personal_try_open(token, 0, maker.attestation_point, &s, &sw), SCP_HOST_NOT_GENUINE);
	assert_int_equal(sw, SW_OK);
	struct ramtoken *plain = ramtoken_new(NULL);
	assert_int_equal(personal_try_open(plain, 0, maker.device_point, &s, &sw), SCP_HOST_MALFORMED);
	assert_int_equal(sw, SW_REFERENCE_NOT_FOUND);
	wire(plain, "80F00000 00", SW_OK); /* keys that the factory has not closed serve nothing */
	assert_int_equal(personal_try_open(plain, 0, maker.device_point, &s, &sw), SCP_HOST_MALFORMED);
	assert_int_equal(sw, SW_REFERENCE_NOT_FOUND);
	ramtoken_free(plain);
}

#define POINT                                                                                                          \
	"04 0D0918A04198474605615B6DF90FDCB34791FB3ECB822F4B26EB6E4FC4511B9D"                                          \
	"19B90C1B83C0C35CFBBB31EAD32BB52AE33622F57E3CC1638097CE97F430BABA"

static void only_this_agreement_is_accepted(void **state)
{
	static const struct {
		const char *data;
		uint16_t sw;
	} rows[] = {
		{"A60D 90021100 95013C 800188 810110 5F4941" POINT,                                   SW_OK        },
		{"A60D 810110 800188 95013C 90021100 5F4941" POINT,                                   SW_OK        }, /* any order inside */
		{"A60D 90021100 950134 800188 810110 5F4941" POINT,                                   SW_WRONG_DATA}, /* MACs alone */
		{"A60D 90021100 95013C 800188 810120 5F4941" POINT,                                   SW_WRONG_DATA}, /* AES-256 */
		{"A60D 90021100 95013C 800189 810110 5F4941" POINT,                                   SW_WRONG_DATA},
		{"A60D 90021101 95013C 800188 810110 5F4941" POINT,                                   SW_WRONG_DATA}, /* SCP11a */
		{"A60D 90021104 95013C 800188 810110 5F4941" POINT,                                   SW_WRONG_DATA},
		{"A60D 90020300 95013C 800188 810110 5F4941" POINT,                                   SW_WRONG_DATA},
		{"A60A 90021100 800188 810110 5F4941" POINT,                                          SW_WRONG_DATA},
		{"A60F 90021100 95013C 800188 810110 8400 5F4941" POINT,                              SW_WRONG_DATA},
		{"5F4941" POINT "A60D 90021100 95013C 800188 810110",                                 SW_WRONG_DATA},
		{"A60D 90021100 95013C 800188 810110 5F4941" POINT "00",                              SW_WRONG_DATA},
		{"A60D 90021100 95013C 800188 810110",                                                SW_WRONG_DATA},
		{"A60D 90021100 95013C 800188 810110 5F4940 "
		 "0000000000000000000000000000000000000000000000000000000000000000"
		 "0000000000000000000000000000000000000000000000000000000000000000", SW_WRONG_DATA},
		{"A60D 90021100 95013C 800188 810110 5F4941 04" /* not on the curve */
		 "0000000000000000000000000000000000000000000000000000000000000007"
		 "0000000000000000000000000000000000000000000000000000000000000001", SW_WRONG_DATA},
		{"A60D 90021100 95013C 800188 810110 5F4941 03"
		 "0D0918A04198474605615B6DF90FDCB34791FB3ECB822F4B26EB6E4FC4511B9D"
		 "19B90C1B83C0C35CFBBB31EAD32BB52AE33622F57E3CC1638097CE97F430BABA", SW_WRONG_DATA},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t sw = wire_any(token, 0x80, 0x88, 1, 0x13, wire_hex(rows[i].data), 0, NULL);
		if (sw != rows[i].sw)
			fail_msg("%s: %04X instead of %04X", rows[i].data, sw, rows[i].sw);
	}
	wire(token, "80880113", SW_WRONG_LENGTH);
	wire(token, "80880213 01 00", SW_WRONG_P1P2);
	wire(token, "80880111 01 00", SW_WRONG_P1P2);
	wire(token, "00880113 01 00", SW_INS_NOT_SUPPORTED);
	wire(token, "84880113 01 00", SW_SM_NOT_SUPPORTED);
}

/* Short, without Le: 61xx; the agreement in a chain. */
static void the_agreement_travels_as_any_command(void **state)
{
	(void)state;
	wire(token, "80880113 53 A60D9002110095013C800188810110 5F4941" POINT, SW_BYTES_REMAIN | SCP_ANSWER_SIZE);
	assert_int_equal(wire(token, "00C0000000", SW_OK).len, SCP_ANSWER_SIZE);
	wire(token, "90880113 0F A60D9002110095013C800188810110", SW_OK);
	assert_int_equal(wire(token, "80880113 44 5F4941" POINT "00", SW_OK).len, SCP_ANSWER_SIZE);
	wire(token, "00840000 08", DEAD);
}

/* ---- what ends a session ---- */

static void assert_dead(uint8_t channel)
{
	const uint8_t challenge[] = {personal_class(channel, false, false), 0x84, 0, 0, 8};
	const uint8_t secured[] = {personal_class(channel, false, true), 0x84, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0};
	const uint8_t both[] = {personal_class(channel, false, true), 0xA4, 4, 0, 5, 0xF0, 0x4F, 0x70, 0x65, 0x6E};

	/* Nothing is left of it but that it is dead. */
	const struct scp_session left = token->fw->channel[channel].session, nothing = {.state = SCP_DEAD};
	assert_int_equal(token->fw->channel[channel].security, 0);
	assert_true(left.crypto == NULL && left.state == SCP_DEAD && left.counter == 0);
	assert_memory_equal(left.chain, nothing.chain, sizeof(left.chain));
	assert_memory_equal(left.enc, nothing.enc, sizeof(left.enc));
	assert_memory_equal(left.mac, nothing.mac, sizeof(left.mac));
	assert_memory_equal(left.rmac, nothing.rmac, sizeof(left.rmac));
	for (int i = 0; i < 2; i++) {
		wire_send(token, BYTES_OF(challenge), DEAD);
		wire_send(token, BYTES_OF(secured), DEAD);
		wire_send(token, BYTES_OF(both), SW_SM_NOT_SUPPORTED);
	}
}

/* A channel without a session: its commands go in clear, nobody is logged in, and protected ones are 6882. */
static void assert_none(uint8_t channel)
{
	const uint8_t challenge[] = {personal_class(channel, false, false), 0x84, 0, 0, 8};
	const uint8_t secured[] = {personal_class(channel, false, true), 0x84, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0};
	const uint8_t state[] = {personal_class(channel, false, false), 0x20, 0, 0x81};

	wire_send(token, BYTES_OF(challenge), SW_OK);
	wire_send(token, BYTES_OF(secured), SW_SM_NOT_SUPPORTED);
	wire_send(token, BYTES_OF(state), SW_TRIES_LEFT | 6);
}

static void open_verified(uint8_t channel, struct scp_session *s)
{
	personal_open(token, channel, maker.device_point, s);
	assert_int_equal(verify(channel, s, USER_PIN), SW_OK);
}

/* Every instruction but the four that are never protected. */
static void a_command_in_clear_kills(void **state)
{
	struct scp_session s;

	(void)state;
	for (unsigned ins = 0; ins < 256; ins++) {
		for (unsigned proprietary = 0; proprietary < 2; proprietary++) {
			const uint8_t apdu[] = {(uint8_t)(proprietary << 7), (uint8_t)ins, 0, 0};
			bool clear = proprietary ? ins == 0x88 : ins == 0xA4 || ins == 0x70 || ins == 0xC0;
			if (clear)
				continue;
			open_verified(0, &s);
			wire_send(token, BYTES_OF(apdu), DEAD);
			assert_dead(0);
		}
	}
	personal_open(
		token, 0, maker.device_point, &s); /* INTERNAL AUTHENTICATE brings it back, with nobody logged in */
	assert_int_equal(security(0, &s), 0);
}

static void segments_in_clear_kill_too(void **state)
{
	struct scp_session s;

	(void)state;
	open_verified(0, &s);
	wire(token, "10DB3FFF 02 5C02", DEAD);
	assert_dead(0);
}

static void what_is_never_protected(void **state)
{
	static const char *const commands[] = {
		"04A40400 05 F04F70656E",
		"04700000 01",
		"04708001",
		"04C00000 00",
		"84880113 01 00",
		"14A40400 05 F04F70656E",
		"94880113 01 00",
		/* ISO's own secure messaging */
		"08840000 08",
		"0C840000 08",
		"0CA40400 05 F04F70656E",
		"88E40000",
	};
	struct scp_session s;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		wire(token, commands[i], SW_SM_NOT_SUPPORTED);
	open_verified(0, &s);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		wire(token, commands[i], SW_SM_NOT_SUPPORTED);
		assert_int_equal(security(0, &s), 0x05); /* nothing changed */
	}
}

static void these_in_clear_leave_it_as_it_is(void **state)
{
	struct scp_session s;

	(void)state;
	open_verified(0, &s);
	wire(token, "00C0000000", SW_CONDITIONS);
	wire(token, "00700000 01", SW_OK);
	wire(token, "00700005", SW_OK);
	wire(token, "00708005", SW_OK);
	wire(token, "00708000", SW_WRONG_P1P2);
	wire(token, "00A40400 05 A000000003", SW_NOT_FOUND); /* SELECT of what is not here */
	wire(token, "00A40400", SW_WRONG_LENGTH);
	assert_int_equal(security(0, &s), 0x05);
}

static void select_ends_it(void **state)
{
	struct scp_session s;

	(void)state;
	open_verified(0, &s);
	assert_int_equal(wire_info(token, 0x90).data[0], 0);
	assert_none(0);
	open_verified(0, &s);
	wire(token, "00840000 08", DEAD);
	wire(token, SELECT_UKEY, SW_OK);
	assert_none(0);
}

static void closing_the_channel_ends_it(void **state)
{
	struct scp_session s;

	(void)state;
	for (int dead = 0; dead < 2; dead++) {
		for (int own = 0; own < 2; own++) {
			wire(token, "00700003", SW_OK);
			open_verified(3, &s);
			if (dead)
				wire(token, "03840000 08", DEAD);
			wire(token, own ? "03708000" : "00708003", SW_OK);
			wire(token, "03840000 08", SW_CHANNEL_NOT_SUPPORTED);
			wire(token, "07840000 08", SW_SM_NOT_SUPPORTED);
			wire(token, "00700003", SW_OK);
			assert_none(3);
			wire(token, "00708003", SW_OK);
		}
	}
}

static void a_reset_ends_it(void **state)
{
	struct scp_session s;

	(void)state;
	open_verified(0, &s);
	ramtoken_power_cycle(token);
	assert_none(0);
}

/* Also one that fails: there is no session then. */
static void internal_authenticate_ends_it(void **state)
{
	static const char *const failing[] = {"80880113 01 00", "80880213 01 00", "80880113"};
	struct scp_session s;

	(void)state;
	for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
		open_verified(0, &s);
		assert_int_not_equal(
			wire_any(token, 0x80, 0x88, i == 1 ? 2 : 1, 0x13, wire_hex(i == 2 ? "" : "00"), 0, NULL),
			SW_OK);
		assert_none(0);
		open_verified(0, &s);
		wire(token, "00840000 08", DEAD);
		(void)ramtoken_transceive(token, wire_hex(failing[i]));
		assert_none(0);
	}
	open_verified(0, &s);
	personal_open(token, 0, maker.device_point, &s);
	assert_int_equal(security(0, &s), 0);
}

static void a_state_from_before_does_not_enter_the_session(void **state)
{
	struct scp_session s;

	(void)state;
	struct ramtoken *was = token;
	token = ramtoken_new(NULL);
	struct personal own;
	personal_make(token, NULL, &own);
	personal_open(token, 0, own.device_point, &s);
	struct bytes open_policy = wire_hex(SETUP "8A05 0620000000");
	assert_int_equal(send(0, &s, 0x80, 0xE0, 0, 0, open_policy, NULL), SW_OK);
	wire(token, SELECT_UKEY, SW_OK);
	wire_verify(
		token, 0x81, USER_PIN, SW_OK); /* flag 01 is off: a PIN in clear is good on a channel without session */
	personal_open(token, 0, own.device_point, &s);
	assert_int_equal(security(0, &s), 0);
	wire(token, SELECT_UKEY, SW_OK);
	wire(token, "00200081", SW_TRIES_LEFT | 6);
	ramtoken_free(token);
	token = was;
}

/* ---- what somebody on the bus can do ---- */

static struct bytes captured(struct scp_session *s, uint8_t channel, struct apdu a)
{
	return personal_wrap(channel, s, &a);
}

#define CERTIFICATE "5C020201 5303 700141"

/* Each bit of a command, flipped: 6982, nothing is done, and the session is dead. Or it is another channel's. */
static void no_bit_of_a_command_may_change(void **state)
{
	struct scp_session s;
	static uint8_t raw[128];
	size_t len = 1;

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		open_verified(0, &s);
		struct bytes wrapped = captured(
			&s, 0, (struct apdu){0x00, 0xDB, 0x3F, 0xFF, wire_hex(CERTIFICATE), APDU_LE_NONE, true, false});
		len = wrapped.len;
		bytes_copy(raw, wrapped);
		raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
		struct rapdu r;
		assert_true(rapdu_parse(ramtoken_transceive(token, BYTES(raw, len)), &r));
		assert_int_equal(r.data.len, 0);
		if (bit / 8 > 0 && bit / 8 != 1 && (bit / 8 < 4 || bit / 8 > 6))
			assert_int_equal(r.sw, DEAD);
		else /* the class, the instruction (SELECT has no bit in common), the length */
			assert_true((r.sw & 0xF000) == 0x6000 || (r.sw == SW_OK && bit == 4));
		ramtoken_power_cycle(token); /* bit 4 of the class began a chain */
		wire_get(token, 0x0201, SW_NOT_FOUND);
	}
	assert_in_range(len, 30, sizeof(raw));
}

static void no_bit_of_an_answer_may_change(void **state)
{
	struct scp_session s;
	uint8_t raw[256];
	size_t len = 1;

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		personal_open(token, 0, maker.device_point, &s);
		struct bytes wrapped = captured(
			&s, 0, (struct apdu){0x00, 0xCB, 0x3F, 0xFF, wire_hex("5C020001"), APDU_LE_MAX, true, false});
		struct rapdu r;
		struct bytes answer = ramtoken_transceive(token, wrapped);
		len = answer.len;
		bytes_copy(raw, answer);
		raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(rapdu_parse(BYTES(raw, len), &r));
		struct builder b = builder_of(raw, sizeof(raw));
		b.len = len - 2;
		assert_false(scp_unwrap_response(&s, r.sw, &b));
	}
}

static void a_command_cannot_be_sent_again(void **state)
{
	struct scp_session s;
	uint8_t raw[64];

	(void)state;
	open_verified(0, &s);
	struct bytes wrapped = captured(&s, 0, (struct apdu){0x00, 0x84, 0, 0, BYTES_NONE, 8, true, false});
	size_t len = wrapped.len;
	bytes_copy(raw, wrapped);
	wire_send(token, BYTES(raw, len), SW_OK);
	wire_send(token, BYTES(raw, len), DEAD);
	assert_dead(0);
	/* nor in the next session */
	personal_open(token, 0, maker.device_point, &s);
	wire_send(token, BYTES(raw, len), DEAD);
}

static void a_lost_command_is_noticed(void **state)
{
	struct scp_session s;

	(void)state;
	open_verified(0, &s);
	(void)captured(&s, 0, (struct apdu){0x00, 0x84, 0, 0, BYTES_NONE, 8, true, false});
	s.state = SCP_READY; /* as if its answer had been forged */
	struct bytes second = captured(&s, 0, (struct apdu){0x00, 0x84, 0, 0, BYTES_NONE, 8, true, false});
	wire_send(token, second, DEAD);
	assert_dead(0);
}

static void commands_do_not_move_between_channels(void **state)
{
	struct scp_session zero, one;
	uint8_t raw[64];

	(void)state;
	wire(token, "00700001", SW_OK);
	open_verified(0, &zero);
	open_verified(1, &one);
	struct bytes wrapped = captured(&zero, 0, (struct apdu){0x00, 0x84, 0, 0, BYTES_NONE, 8, true, false});
	size_t len = wrapped.len;
	bytes_copy(raw, wrapped);
	raw[0] |= 1;
	wire_send(token, BYTES(raw, len), DEAD);
	assert_dead(1);
	raw[0] &= 0xFE;
	wire_send(token, BYTES(raw, len), SW_OK); /* its own session did not notice */
}

static void lengths_that_cannot_be(void **state)
{
	struct scp_session s;

	(void)state;
	open_verified(0, &s);
	wire(token, "04840000", DEAD); /* no MAC */
	open_verified(0, &s);
	wire(token, "04840000 07 01020304050607", DEAD);
	open_verified(0, &s);
	wire(token, "04840000 00", DEAD); /* Le is none */
	assert_dead(0);
}

/* ---- 20 of them ---- */

static void every_channel_can_have_its_own(void **state)
{
	static struct scp_session s[FW_CHANNELS];

	(void)state;
	for (uint8_t i = 1; i < FW_CHANNELS; i++)
		wire(token, "00700000 01", SW_OK);
	for (uint8_t i = 0; i < FW_CHANNELS; i++)
		personal_open(token, i, maker.device_point, &s[i]);
	for (uint8_t i = 0; i < FW_CHANNELS; i += 2)
		assert_int_equal(verify(i, &s[i], USER_PIN), SW_OK);
	for (unsigned round = 0; round < 3; round++)
		for (uint8_t i = 0; i < FW_CHANNELS; i++)
			assert_int_equal(security(i, &s[i]), i % 2 ? 0 : 0x05);
	/* one dies, the others live; and the channel numbers are in no MAC, the proprietary class is */
	wire(token, "43840000 08", DEAD);
	for (uint8_t i = 0; i < FW_CHANNELS; i++) {
		if (i == 7)
			continue;
		assert_int_equal(send(i, &s[i], 0x80, 0xE4, 1, 0x1F, BYTES_NONE, NULL),
			i % 2 ? SW_SECURITY_STATUS : SW_REFERENCE_NOT_FOUND);
		assert_int_equal(security(i, &s[i]), i % 2 ? 0 : 0x05);
	}
	assert_dead(7);
	/* INITIALIZE ends every state, and no session */
	assert_int_equal(send(19, &s[19], 0x80, 0xE0, 0, 0,
				 wire_hex(SETUP "82"
						"08 3837363534333231"),
				 NULL),
		SW_OK);
	for (uint8_t i = 0; i < FW_CHANNELS; i++)
		if (i != 7)
			assert_int_equal(security(i, &s[i]), 0);
}

/* ---- forms ---- */

struct form {
	bool extended;
	size_t segment; /* cut after so many bytes; 0: not */
	uint32_t le;
};

/* Wrap, cut, send; fetch with GET RESPONSE in clear; unwrap. */
static uint16_t in_form(struct scp_session *s, struct form f, struct apdu a, struct builder *answer)
{
	static uint8_t data[2 * FW_COMMAND_DATA_MAX], raw[2 * FW_COMMAND_DATA_MAX];
	struct builder d = builder_of(data, sizeof(data));
	struct rapdu r;

	builder_put(&d, a.data);
	a.extended = f.extended;
	a.le = f.le;
	assert_true(scp_wrap_command(s, &a, &d));
	struct cursor c = cursor_of(builder_bytes(&d));
	struct apdu piece = a;
	while (f.segment && c.left > f.segment) {
		struct builder b = builder_of(raw, sizeof(raw));
		piece.cla = a.cla | 0x10;
		piece.data = cursor_take(&c, f.segment);
		piece.le = APDU_LE_NONE;
		apdu_encode(&b, &piece);
		assert_int_equal(wire_send(token, builder_bytes(&b), SW_OK).len, 0);
	}
	struct builder b = builder_of(raw, sizeof(raw));
	a.data = cursor_rest(&c);
	apdu_encode(&b, &a);
	assert_true(rapdu_parse(ramtoken_transceive(token, builder_bytes(&b)), &r));
	builder_put(answer, r.data);
	while ((r.sw & 0xFF00) == SW_BYTES_REMAIN) {
		assert_true(rapdu_parse(ramtoken_transceive(token, wire_hex("00C0000000")), &r));
		builder_put(answer, r.data);
	}
	return scp_unwrap_response(s, r.sw, answer) ? r.sw : 0;
}

static void every_form_of_length(void **state)
{
	static const struct form forms[] = {
		{true,  0,   APDU_LE_MAX },
		{true,  0,   APDU_LE_NONE},
		{true,  100, APDU_LE_MAX },
		{false, 255, 256         },
		{false, 255, APDU_LE_NONE},
		{false, 31,  256         },
		{false, 17,  7           },
		{false, 1,   256         },
	};
	static const size_t sizes[] = {1, 15, 16, 17, 200, 231, 239, 240, 300, 1000};
	static uint8_t body[1100], got[1500];
	struct scp_session s;

	(void)state;
	open_verified(0, &s);
	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct builder b = builder_of(body, sizeof(body)), answer = builder_of(got, sizeof(got));
			tlv_put_u16(&b, 0x5C, 0x0200);
			tlv_put(&b, 0x53, wire_certificate(sizes[i], (uint8_t)(f + i)));
			uint16_t sw = in_form(&s, forms[f],
				(struct apdu){0, 0xDB, 0x3F, 0xFF, builder_bytes(&b), 0, false, false}, &answer);
			if (sw != SW_OK)
				fail_msg("form %zu, %zu bytes: %04X", f, sizes[i], sw);
			assert_int_equal(answer.len, forms[f].le ? 6 : 0);
			answer = builder_of(got, sizeof(got));
			sw = in_form(&s, forms[f],
				(struct apdu){0, 0xCB, 0x3F, 0xFF, wire_hex("5C020200"), 0, false, false}, &answer);
			assert_int_equal(sw, SW_OK);
			assert_int_equal(answer.len, sizes[i]);
			assert_int_equal(got[0], (uint8_t)(f + i));
		}
	}
	/* an error's bare status, and a warning with its MAC, in pieces too */
	struct builder answer = builder_of(got, sizeof(got));
	assert_int_equal(in_form(&s, forms[5],
				 (struct apdu){0, 0xCB, 0x3F, 0xFF, wire_hex("5C020205"), 0, false, false}, &answer),
		SW_NOT_FOUND);
	answer = builder_of(got, sizeof(got));
	assert_int_equal(
		in_form(&s, forms[6], (struct apdu){0, 0x20, 0, 0x81, wire_string("654321"), 0, false, false}, &answer),
		SW_TRIES_LEFT | 5);
	answer = builder_of(got, sizeof(got));
	assert_int_equal(
		in_form(&s, forms[4], (struct apdu){0, 0x20, 0, 0x81, wire_string("654321"), 0, false, false}, &answer),
		SW_TRIES_LEFT | 4);
}

/* The longest plain data is what tag 8C says, protected or not. */
static void the_longest_command(void **state)
{
	static uint8_t body[FW_COMMAND_DATA_MAX + 1];
	struct scp_session s;

	(void)state;
	memset(body, 0x5A, sizeof(body));
	open_verified(0, &s);
	for (size_t over = 0; over < 2; over++) {
		struct bytes data = BYTES(body, FW_COMMAND_DATA_MAX + over);
		assert_int_equal(
			send(0, &s, 0x00, 0xDB, 0x3F, 0xFF, data, NULL), over ? SW_WRONG_LENGTH : SW_WRONG_DATA);
		assert_int_equal(security(0, &s), 0x05);
	}
}

static void a_chain_is_protected_in_all_its_segments(void **state)
{
	struct scp_session s, other;

	(void)state;
	wire(token, "00700001", SW_OK);
	open_verified(0, &s);
	personal_open(token, 1, maker.device_point, &other);
	/* the bit is missing in the last one: the chain is another's */
	wire(token, "14DB3FFF 04 01020304", SW_OK);
	wire(token, "00DB3FFF 04 01020304", SW_LAST_OF_CHAIN_EXPECTED);
	assert_int_equal(security(0, &s), 0x05);
	/* another channel's command in between: 6883, the chain is gone, and both sessions live on */
	wire(token, "14DB3FFF 04 01020304", SW_OK);
	wire_send(token, captured(&other, 1, (struct apdu){0x00, 0x84, 0, 0, BYTES_NONE, 8, true, false}),
		SW_LAST_OF_CHAIN_EXPECTED);
	assert_int_equal(security(0, &s), 0x05);
	/* a protected segment where there is no session, or a dead one */
	wire(token, "00840000 08", DEAD);
	wire(token, "14DB3FFF 04 01020304", DEAD);
	wire(token, SELECT_UKEY, SW_OK);
	wire(token, "14DB3FFF 04 01020304", SW_SM_NOT_SUPPORTED);
}

/* What waits is fetched in clear; it is ciphertext, and anybody's command throws it away. */
static void answers_are_fetched_in_clear(void **state)
{
	struct scp_session s;
	uint8_t got[512], raw[64];
	struct builder b = builder_of(got, sizeof(got)), d = builder_of(raw, sizeof(raw));

	(void)state;
	personal_open(token, 0, maker.device_point, &s);
	builder_put(&d, wire_hex("5C020001"));
	struct apdu a = {0x00, 0xCB, 0x3F, 0xFF, BYTES_NONE, 16, false, false};
	assert_true(scp_wrap_command(&s, &a, &d));
	uint8_t apdu[64];
	struct builder w = builder_of(apdu, sizeof(apdu));
	apdu_encode(&w, &a);
	struct rapdu r;
	assert_true(rapdu_parse(ramtoken_transceive(token, builder_bytes(&w)), &r));
	assert_int_equal(r.sw & 0xFF00, SW_BYTES_REMAIN);
	assert_int_equal(r.data.len, 16);
	builder_put(&b, r.data);
	wire(token, "04C0000010", SW_SM_NOT_SUPPORTED);
	wire(token, "00C0000010", SW_CONDITIONS); /* and with that, what waited is gone */
	assert_false(scp_unwrap_response(&s, SW_OK, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_session_opens_and_carries_commands, as_new),
		cmocka_unit_test_setup(each_session_has_its_own_keys, as_new),
		cmocka_unit_test_setup(another_device_key_is_found_out, as_new),
		cmocka_unit_test_setup(only_this_agreement_is_accepted, as_new),
		cmocka_unit_test_setup(the_agreement_travels_as_any_command, as_new),
		cmocka_unit_test_setup(a_command_in_clear_kills, as_new),
		cmocka_unit_test_setup(segments_in_clear_kill_too, as_new),
		cmocka_unit_test_setup(what_is_never_protected, as_new),
		cmocka_unit_test_setup(these_in_clear_leave_it_as_it_is, as_new),
		cmocka_unit_test_setup(select_ends_it, as_new),
		cmocka_unit_test_setup(closing_the_channel_ends_it, as_new),
		cmocka_unit_test_setup(a_reset_ends_it, as_new),
		cmocka_unit_test_setup(internal_authenticate_ends_it, as_new),
		cmocka_unit_test_setup(a_state_from_before_does_not_enter_the_session, as_new),
		cmocka_unit_test_setup(no_bit_of_a_command_may_change, as_new),
		cmocka_unit_test_setup(no_bit_of_an_answer_may_change, as_new),
		cmocka_unit_test_setup(a_command_cannot_be_sent_again, as_new),
		cmocka_unit_test_setup(a_lost_command_is_noticed, as_new),
		cmocka_unit_test_setup(commands_do_not_move_between_channels, as_new),
		cmocka_unit_test_setup(lengths_that_cannot_be, as_new),
		cmocka_unit_test_setup(every_channel_can_have_its_own, as_new),
		cmocka_unit_test_setup(every_form_of_length, as_new),
		cmocka_unit_test_setup(the_longest_command, as_new),
		cmocka_unit_test_setup(a_chain_is_protected_in_all_its_segments, as_new),
		cmocka_unit_test_setup(answers_are_fetched_in_clear, as_new),
	};
	return cmocka_run_group_tests(tests, make_token, free_token);
}
