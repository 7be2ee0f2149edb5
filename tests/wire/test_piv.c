/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIV application (protocol 9) as a card of SP 800-73-4: it is there when INITIALIZE says so and never before,
 * SELECT, data objects and who may read them, PIN and PUK with the answers of part 2, the management key, and what
 * keeps it apart from our own application.
 */
#include <string.h>

#include "firmware-emu/core/state.h"
#include "tests/wire/piv.h"

/* ---- there, or not ---- */

static void a_new_token_has_none(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	wire(t, PIV_SELECT, SW_NOT_FOUND);
	wire_initialize(t);
	wire(t, PIV_SELECT, SW_NOT_FOUND);
	assert_int_equal(wire_info(t, 0x8A).data[4], 0);
	assert_int_equal(piv_initialize(t, PIV_FLAGS, PIV_TEMPLATE), SW_OK);
	piv_select(t);
	/* Another life without it: gone, and the channel is where it can be. */
	wire(t, SELECT_UKEY, SW_OK);
	piv_select(t);
	wire(t, "00700000 01", SW_OK);
	wire_apdu(t, 0x01, 0xA4, 0x04, 0, wire_hex("F04F70656E554B65790100"), 0, SW_NOT_FOUND);
	wire_apdu(t, 0x81, 0xE0, 0, 0, wire_hex("8000 8108 3837363534333231 8208 3837363534333231 8306 313233343536"),
		0, SW_OK);
	wire(t, PIV_SELECT, SW_NOT_FOUND);
	wire(t, "00CB3FFF055C035FC10200", SW_WRONG_DATA); /* our own GET DATA answers here */
	ramtoken_free(t);
}

/* Codes come with the application, and it with them: none is known to everybody. */
static void it_has_no_codes_but_those_it_is_given(void **state)
{
	/* clang-format off */
	static const struct {
		uint8_t flags;
		const char *template;
	} refused[] = {
		{PIV_FLAGS, NULL},
		{0x00, PIV_TEMPLATE},
		{PIV_YUBICO, PIV_TEMPLATE},
		{PIV_FLAGS | 0x10, PIV_TEMPLATE},
		{PIV_FLAGS, "8108" PUK_OURS "821903" KEY_OURS},
		{PIV_FLAGS, "8006323436383133 821903" KEY_OURS},
		{PIV_FLAGS, "8006323436383133 8108" PUK_OURS},
		{PIV_FLAGS, "80053234363831 8108" PUK_OURS "821903" KEY_OURS},
		{PIV_FLAGS, "8009323436383133323436 8108" PUK_OURS "821903" KEY_OURS},
		{PIV_FLAGS, "8006323436383141 8108" PUK_OURS "821903" KEY_OURS},
		{PIV_FLAGS, "8006323436383133 81053131313131 821903" KEY_OURS},
		{PIV_FLAGS, "8006323436383133 8108" PUK_OURS "821908" KEY_OURS},
		{PIV_FLAGS, "8006323436383133 8108" PUK_OURS "821900" KEY_OURS},
		{PIV_FLAGS, "8006323436383133 8108" PUK_OURS "821103A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8"},
		{PIV_FLAGS, "8006323436383133 8108" PUK_OURS "821903" KEY_OURS "8300"},
	};
	/* clang-format on */
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		uint16_t sw = piv_initialize(t, refused[i].flags, refused[i].template);
		if (sw != SW_WRONG_DATA)
			fail_msg("case %zu: %04X", i, sw);
		wire(t, PIV_SELECT, SW_NOT_FOUND);
	}
	ramtoken_free(t);
}

static void select_by_each_form_of_its_name(void **state)
{
	static const struct {
		const char *command;
		uint16_t sw;
	} cases[] = {
		{"00A4040005A000000308",               SW_OK       }, /* as libykpiv sends it: five bytes, no Le */
		{"00A4040009A0000003080000100000",     SW_OK       },
		{"00A404000BA000000308000010000100",   SW_OK       },
		{"00A404000BA00000030800001000010000", SW_OK       },
		{"00A4040004A0000003",                 SW_NOT_FOUND},
		{"00A404000BA000000308000010000200",   SW_NOT_FOUND},
		{"00A404000CA00000030800001000010000", SW_NOT_FOUND},
		{"00A4040005A000000309",               SW_NOT_FOUND},
		{"00A4040008A000000527200101",         SW_NOT_FOUND},
		{"00A4040007A0000000010100",           SW_NOT_FOUND},
	};
	struct ramtoken *t = piv_token(PIV_FLAGS);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes answer = wire(t, cases[i].command, cases[i].sw);
		if (cases[i].sw != SW_OK)
			continue;
		/* The whole answer at once, whatever Le: some clients never fetch more. */
		assert_memory_equal(answer.data + 2, wire_hex("4F06 000010000100 7907 4F05 A000000308").data, 17);
		assert_true(answer.len <= 253 && answer.data[1] == answer.len - 2);
	}
	ramtoken_free(t);
}

/* What was verified stays through SELECT of the same, and of what is not there; it ends with SELECT of another. */
static void select_and_the_security_status(void **state)
{
	struct ramtoken *t = piv_token(PIV_FLAGS);

	(void)state;
	piv_log_in(t);
	piv_admin(t);
	piv_select(t);
	wire(t, "00A4040005A000000309", SW_NOT_FOUND);
	wire(t, "00200080", SW_OK);
	piv_put(t, 0x5FC10A, wire_hex("AABB"), SW_OK);
	wire(t, SELECT_UKEY, SW_OK);
	piv_select(t);
	wire(t, "00200080", 0x63C3);
	piv_put(t, 0x5FC10A, wire_hex("AABB"), SW_SECURITY_STATUS);
	ramtoken_free(t);
}

/* ---- PIN, PUK ---- */

struct step {
	const char *command;
	uint16_t sw;
};

static void play(const struct step *steps, size_t count, const char *what)
{
	struct ramtoken *t = piv_token(PIV_FLAGS);

	for (size_t i = 0; i < count; i++) {
		struct bytes command = wire_hex(steps[i].command);
		struct bytes answer = ramtoken_transceive(t, command);
		uint16_t sw = (uint16_t)(answer.data[answer.len - 2] << 8 | answer.data[answer.len - 1]);
		if (sw != steps[i].sw || answer.len != 2)
			fail_msg("%s, step %zu: %s: %04X instead of %04X", what, i, steps[i].command, sw, steps[i].sw);
	}
	ramtoken_free(t);
}
#define PLAY(steps) play(steps, sizeof(steps) / sizeof(steps[0]), #steps)

#define VERIFY(pin)          "0020008008" pin
#define CHANGE(old, new)     "0024008010" old new
#define CHANGE_PUK(old, new) "0024008110" old new
#define RESET(puk, new)      "002C008010" puk new
#define STATE                "00200080"

/* clang-format off */
/* SP 800-73-4 part 2, 3.2.1 to 3.2.3, line by line. */
static void pin_and_puk_as_the_standard_has_them(void **state)
{
	static const struct step verify[] = {
		{STATE, 0x63C3}, {"0020008000", 0x63C3}, {VERIFY(PIN_246813), SW_OK}, {STATE, SW_OK},
		{"0020FF80", SW_OK}, {STATE, 0x63C3}, {VERIFY(PIN_WRONG), 0x63C2}, {VERIFY(PIN_246813), SW_OK},
		{STATE, SW_OK}, {VERIFY(PIN_WRONG), 0x63C2}, {STATE, 0x63C2}, {VERIFY(PIN_246813), SW_OK},
		{"0020FF80", SW_OK}, {STATE, 0x63C3},
	};
	static const struct step references[] = {
		{"0020018008" PIN_246813, SW_WRONG_P1P2}, {"0020000008" PIN_246813, SW_REFERENCE_NOT_FOUND},
		{"0020008108" PUK_OURS, SW_REFERENCE_NOT_FOUND}, {"0020009608" PIN_246813, SW_REFERENCE_NOT_FOUND},
		{"0020009808" PIN_246813, SW_REFERENCE_NOT_FOUND}, {"0020FF81", SW_REFERENCE_NOT_FOUND},
		{"0020FF8008" PIN_246813, SW_WRONG_LENGTH}, {"0024000010" PIN_246813 PIN_998877, SW_REFERENCE_NOT_FOUND},
		{"0024018010" PIN_246813 PIN_998877, SW_WRONG_P1P2}, {"002C018010" PUK_OURS PIN_998877, SW_WRONG_P1P2},
		{"002C008110" PUK_OURS PIN_998877, SW_REFERENCE_NOT_FOUND}, {"00240080", SW_WRONG_LENGTH},
		{"002C0080", SW_WRONG_LENGTH}, {STATE, 0x63C3},
	};
	/* What can be no PIN counts as wrong when it has the length of one: some clients block it that way. */
	static const struct step malformed[] = {
		{VERIFY("FFFFFFFFFFFFFFFF"), 0x63C2}, {VERIFY("3234363831333234"), 0x63C1},
		{"0020008006323436383133", SW_WRONG_DATA}, {"0020008009" PIN_246813 "FF", SW_WRONG_DATA},
		{VERIFY("323436383141FFFF"), 0x63C0}, {VERIFY(PIN_246813), SW_PIN_BLOCKED}, {STATE, SW_PIN_BLOCKED},
		{CHANGE(PIN_246813, PIN_998877), SW_PIN_BLOCKED}, {RESET(PUK_OURS, PIN_998877), SW_OK}, {STATE, 0x63C3},
		{VERIFY(PIN_246813), 0x63C2}, {VERIFY(PIN_998877), SW_OK},
	};
	static const struct step change[] = {
		{CHANGE(PIN_WRONG, PIN_998877), 0x63C2}, {CHANGE(PIN_246813, PIN_998877), SW_OK}, {STATE, SW_OK},
		{VERIFY(PIN_246813), 0x63C2}, {STATE, 0x63C2}, {CHANGE(PIN_998877, "3939383837FFFFFF"), SW_WRONG_DATA},
		/* right, but the new one is none: nothing changes, the tries neither */
		{STATE, 0x63C2}, {CHANGE(PIN_998877, "39393838FF37FFFF"), SW_WRONG_DATA},
		{CHANGE(PIN_998877, "393938383741FFFF"), SW_WRONG_DATA},
		{CHANGE(PIN_998877, "FFFFFFFFFFFFFFFF"), SW_WRONG_DATA}, {"002400800F" PIN_998877 "39393838373735", SW_WRONG_DATA},
		{STATE, 0x63C2}, {CHANGE(PIN_WRONG, PIN_998877), 0x63C1}, {CHANGE(PIN_998877, "3939383837FFFFFF"), SW_WRONG_DATA},
		{CHANGE(PIN_WRONG, PIN_998877), 0x63C0}, {CHANGE(PIN_998877, PIN_246813), SW_PIN_BLOCKED},
		{RESET(PUK_OURS, PIN_998877), SW_OK},
		{CHANGE(PIN_998877, "3939383837373636"), SW_OK}, {VERIFY("3939383837373636"), SW_OK},
		{CHANGE(PIN_WRONG, PIN_998877), 0x63C2}, {STATE, 0x63C2},
	};
	static const struct step puk[] = {
		{CHANGE_PUK(PUK_OTHER, PUK_12345678), 0x63C2}, {CHANGE_PUK(PUK_OURS, PUK_OTHER), SW_OK}, {STATE, 0x63C3},
		{CHANGE_PUK(PUK_OTHER, "3131323233FFFFFF"), SW_WRONG_DATA}, {RESET(PUK_OURS, PIN_998877), 0x63C2},
		{RESET(PUK_OTHER, "393938383741FFFF"), SW_WRONG_DATA}, {VERIFY(PIN_246813), SW_OK},
		{RESET(PUK_OURS, PIN_998877), 0x63C1}, {STATE, 0x63C3}, {VERIFY(PIN_246813), SW_OK},
		{RESET(PUK_OTHER, PIN_998877), SW_OK}, {STATE, SW_OK}, {"0020FF80", SW_OK}, {VERIFY(PIN_998877), SW_OK},
	};
	/* As ykcs11 blocks both before it resets: until there is no 63Cx any more. */
	static const struct step blocked[] = {
		{VERIFY("FFFFFFFFFFFFFFFF"), 0x63C2}, {VERIFY("FFFFFFFFFFFFFFFF"), 0x63C1},
		{VERIFY("FFFFFFFFFFFFFFFF"), 0x63C0}, {VERIFY("FFFFFFFFFFFFFFFF"), SW_PIN_BLOCKED},
		{RESET("FFFFFFFFFFFFFFFF", "FFFFFFFFFFFFFFFF"), 0x63C2}, {RESET("FFFFFFFFFFFFFFFF", "FFFFFFFFFFFFFFFF"), 0x63C1},
		{RESET("FFFFFFFFFFFFFFFF", "FFFFFFFFFFFFFFFF"), 0x63C0}, {RESET(PUK_OURS, PIN_998877), SW_PIN_BLOCKED},
		{CHANGE_PUK(PUK_OURS, PUK_OTHER), SW_PIN_BLOCKED},
	};

	/* clang-format on */
	(void)state;
	PLAY(verify);
	PLAY(references);
	PLAY(malformed);
	PLAY(change);
	PLAY(puk);
	PLAY(blocked);
}

/* A try is gone before the comparison, whatever happens to the power, and no more of them come from it. */
static void a_power_cut_gives_no_try(void **state)
{
	(void)state;
	for (unsigned long at = 1;; at++) {
		struct ramtoken *t = piv_token(PIV_FLAGS);
		t->hal.cut_at = at;
		struct bytes answer = ramtoken_transceive(t, wire_hex(VERIFY(PIN_WRONG)));
		bool whole = answer.len > 0;
		t->hal.cut_at = 0;
		ramtoken_power_cycle(t);
		piv_select(t);
		answer = ramtoken_transceive(t, wire_hex(STATE));
		assert_int_equal(answer.len, 2);
		assert_true(answer.data[1] == 0xC2 || (!whole && answer.data[1] == 0xC3));
		ramtoken_free(t);
		if (whole)
			break;
		assert_true(at < 100);
	}
}

/* ---- the management key ---- */

static void management_key_in_all_forms(void **state)
{
	static const struct {
		uint8_t algorithm, other;
		bool aes;
	} kinds[] = {
		{0x03, 0x0A, false},
		{0x0A, 0x03, true },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ramtoken *t = kinds[i].aes ? piv_token_aes(PIV_FLAGS) : piv_token(PIV_FLAGS);
		const uint8_t a = kinds[i].algorithm, size = kinds[i].aes ? 16 : 8;
		uint8_t raw[64], witness[16], mine[16] = {1, 2, 3};

		/* external */
		piv_put(t, 0x5FC10A, wire_hex("AA"), SW_SECURITY_STATUS);
		piv_admin_with(t, a, KEY_KNOWN, SW_SECURITY_STATUS);
		piv_admin_with(t, a, KEY_OURS, SW_OK);
		piv_put(t, 0x5FC10A, wire_hex("AA"), SW_OK);
		/* a wrong answer ends what was */
		piv_admin_with(t, a, KEY_KNOWN, SW_SECURITY_STATUS);
		piv_put(t, 0x5FC10A, wire_hex("AA"), SW_SECURITY_STATUS);
		/* mutual, with and without 82 00 */
		for (int form = 0; form < 2; form++) {
			struct bytes answer = wire_apdu(t, 0, 0x87, a, 0x9B, wire_hex("7C028000"), APDU_LE_MAX, SW_OK);
			struct builder b = builder_of(raw, sizeof(raw));
			assert_int_equal(answer.len, 4 + size);
			memcpy(witness, answer.data + 4, size);
			size_t body = tlv_begin(&b, 0x7C);
			tlv_put(&b, 0x80, piv_encrypt(a, KEY_OURS, BYTES(witness, size), 1));
			tlv_put(&b, 0x81, BYTES(mine, size));
			if (form)
				tlv_put(&b, 0x82, BYTES_NONE);
			tlv_end(&b, body);
			answer = wire_apdu(t, 0, 0x87, a, 0x9B, builder_bytes(&b), APDU_LE_MAX, SW_OK);
			assert_int_equal(answer.data[2], 0x82);
			assert_memory_equal(answer.data + 4, piv_encrypt(a, KEY_OURS, BYTES(mine, size), 0).data, size);
			piv_put(t, 0x5FC10A, wire_hex("AA"), SW_OK);
			/* the same again: the witness was good once */
			wire_apdu(t, 0, 0x87, a, 0x9B, builder_bytes(&b), APDU_LE_MAX, SW_SECURITY_STATUS);
			piv_put(t, 0x5FC10A, wire_hex("AA"), SW_SECURITY_STATUS);
		}
		/* another algorithm than the key's; 00 is Triple DES, and a source of chance for everybody */
		wire_apdu(t, 0, 0x87, kinds[i].other, 0x9B, wire_hex("7C028100"), APDU_LE_MAX, SW_WRONG_P1P2);
		wire_apdu(t, 0, 0x87, 0x11, 0x9B, wire_hex("7C028100"), APDU_LE_MAX, SW_WRONG_P1P2);
		assert_int_equal(wire(t, "0087009B047C02810000", SW_OK).len, 4 + 8);
		ramtoken_free(t);
	}
}

/* A challenge is good for the command after it and for no other; nobody answers his own witness as a challenge. */
static void a_challenge_is_for_the_next_command(void **state)
{
	static const char *const between[] = {
		"00200080", "00CB3FFF055C035FC10200", PIV_SELECT, "0087039B047C02810000", "00FD0000", "0020FF80"};
	uint8_t raw[64], challenge[8];

	(void)state;
	for (size_t i = 0; i <= sizeof(between) / sizeof(between[0]); i++) {
		struct ramtoken *t = piv_token(PIV_FLAGS);
		struct builder b = builder_of(raw, sizeof(raw));
		memcpy(challenge, wire(t, "0087039B047C02810000", SW_OK).data + 4, 8);
		if (i > 0)
			(void)ramtoken_transceive(t, wire_hex(between[i - 1]));
		size_t body = tlv_begin(&b, 0x7C);
		tlv_put(&b, 0x82, piv_encrypt(0x03, KEY_OURS, BYTES_OF(challenge), 0));
		tlv_end(&b, body);
		wire_apdu(t, 0, 0x87, 0x03, 0x9B, builder_bytes(&b), 0, i == 0 ? SW_OK : SW_SECURITY_STATUS);
		ramtoken_free(t);
	}
	/* fetched in pieces it is one command's, and good */
	struct ramtoken *u = piv_token(PIV_FLAGS);
	struct builder pieces = builder_of(raw, sizeof(raw));
	uint8_t got[12];
	memcpy(got, wire(u, "0087039B047C02810005", 0x6107).data, 5);
	memcpy(got + 5, wire(u, "00C0000007", SW_OK).data, 7);
	size_t whole = tlv_begin(&pieces, 0x7C);
	tlv_put(&pieces, 0x82, piv_encrypt(0x03, KEY_OURS, BYTES(got + 4, 8), 0));
	tlv_end(&pieces, whole);
	wire_apdu(u, 0, 0x87, 0x03, 0x9B, builder_bytes(&pieces), 0, SW_OK);
	ramtoken_free(u);
	/* The witness that the token gave, given back as the answer to a challenge, opens nothing. */
	struct ramtoken *t = piv_token(PIV_FLAGS);
	struct builder b = builder_of(raw, sizeof(raw));
	memcpy(challenge, wire(t, "0087039B047C02800000", SW_OK).data + 4, 8);
	size_t body = tlv_begin(&b, 0x7C);
	tlv_put(&b, 0x82, BYTES_OF(challenge));
	tlv_end(&b, body);
	wire_apdu(t, 0, 0x87, 0x03, 0x9B, builder_bytes(&b), 0, SW_SECURITY_STATUS);
	/* nor the challenge, which comes bare, given back as a witness that was decrypted */
	memcpy(challenge, wire(t, "0087039B047C02810000", SW_OK).data + 4, 8);
	struct builder back = builder_of(raw, sizeof(raw));
	body = tlv_begin(&back, 0x7C);
	tlv_put(&back, 0x80, BYTES_OF(challenge));
	tlv_put(&back, 0x81, BYTES_OF(challenge));
	tlv_end(&back, body);
	wire_apdu(t, 0, 0x87, 0x03, 0x9B, builder_bytes(&back), APDU_LE_MAX, SW_SECURITY_STATUS);
	piv_put(t, 0x5FC10A, wire_hex("AA"), SW_SECURITY_STATUS);
	ramtoken_free(t);
}

/* A witness on channel 1, where PIV is selected; then its answer by who knows `key`. */
static void ask_for_witness(struct ramtoken *t, uint8_t witness[8])
{
	wire(t, "0070000001", SW_OK);
	wire_apdu(t, 0x01, 0xA4, 0x04, 0, wire_hex("A000000308"), APDU_LE_MAX, SW_OK);
	struct bytes answer = wire_apdu(t, 0x01, 0x87, 0x03, 0x9B, wire_hex("7C028000"), APDU_LE_MAX, SW_OK);
	assert_int_equal(answer.len, 4 + 8);
	memcpy(witness, answer.data + 4, 8);
}

static void answer_witness(
	struct ramtoken *t, uint8_t algorithm, const uint8_t witness[8], const char *key, uint16_t sw)
{
	uint8_t raw[64];
	struct builder b = builder_of(raw, sizeof(raw));
	size_t body = tlv_begin(&b, 0x7C);

	tlv_put(&b, 0x80, piv_encrypt(0x03, key, BYTES(witness, 8), 1));
	tlv_put(&b, 0x81, wire_hex("0102030405060708"));
	tlv_end(&b, body);
	wire_apdu(t, 0x01, 0x87, algorithm, 0x9B, builder_bytes(&b), APDU_LE_MAX, sw);
	wire_apdu(t, 0x01, 0xDB, 0x3F, 0xFF, wire_hex("5C035FC10A5301AA"), 0, sw);
}

/* Who knew the key before, and has a witness of that time on another channel, gets in no more when there is another. */
static void a_witness_ends_with_its_key(void **state)
{
	static const struct {
		uint8_t algorithm;
		const char *command;
	} changes[] = {
		{0x03, "00200080"                  }, /* none: it is good */
		{0x03, "00FFFFFF1B039B18" KEY_KNOWN},
                {0x0A, "00FFFFFF1B0A9B18" KEY_KNOWN},
                {0x03, "00FB0000"                  },
		{0x03, NULL                        }, /* INITIALIZE */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct ramtoken *t = piv_token(PIV_FLAGS | PIV_YUBICO);
		uint8_t witness[8];
		piv_admin(t);
		for (int n = 0; i == 3 && n < 3; n++)
			wire(t, "0020008008" PIN_WRONG, (uint16_t)(0x63C2 - n));
		for (int n = 0; i == 3 && n < 3; n++)
			wire(t, "002C008010" PUK_OTHER PIN_WRONG, (uint16_t)(0x63C2 - n));
		ask_for_witness(t, witness);
		if (changes[i].command) {
			uint16_t sw = i == 0 ? 0x63C3 : SW_OK;
			wire(t, changes[i].command, sw);
		} else {
			wire(t, SELECT_UKEY, SW_OK);
			assert_int_equal(piv_initialize(t, PIV_FLAGS | PIV_YUBICO,
						 "8006323436383133 8108" PUK_OURS "821903" KEY_KNOWN),
				SW_OK);
		}
		answer_witness(t, changes[i].algorithm, witness, KEY_OURS, i == 0 ? SW_OK : SW_SECURITY_STATUS);
		ramtoken_free(t);
	}
}

/* ---- objects ---- */

/* clang-format off */
static const struct {
	uint32_t tag;
	bool pin;
} objects[] = {
	{0x5FC107, false}, {0x5FC102, false}, {0x5FC105, false}, {0x5FC103, true}, {0x5FC106, false}, {0x5FC108, true},
	{0x5FC101, false}, {0x5FC10A, false}, {0x5FC10B, false}, {0x5FC109, true}, {0x5FC10C, false}, {0x5FC10D, false},
	{0x5FC111, false}, {0x5FC120, false}, {0x5FC121, true}, {0x7F61, false}, {0x5FC122, false}, {0x5FC123, true},
	{0x5FFF00, false}, {0x5FFF10, false}, {0x5FFF14, false}, {0x5FFF15, false},
};
/* clang-format on */

static void objects_are_written_read_and_deleted(void **state)
{
	struct ramtoken *t = piv_token(PIV_FLAGS);
	static uint8_t big[3000];

	(void)state;
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		const uint32_t tag = objects[i].tag;
		struct bytes value, whole;
		wire(t, SELECT_UKEY, SW_OK);
		piv_select(t);
		/* Who may read is asked before whether it is there. */
		if (objects[i].pin)
			piv_get(t, tag, SW_SECURITY_STATUS);
		piv_put(t, tag, wire_hex("010203"), SW_SECURITY_STATUS);
		piv_admin(t);
		memset(big, (int)(i + 1), sizeof(big));
		piv_put(t, tag, BYTES_OF(big), SW_OK);
		if (objects[i].pin) {
			piv_get(t, tag, SW_SECURITY_STATUS);
			piv_log_in(t);
		}
		whole = piv_get(t, tag, SW_OK);
		assert_true(tlv_unwrap(whole, tag == 0x7F61 ? tag : 0x53, &value));
		assert_true(bytes_equal(value, BYTES_OF(big)));
		piv_put(t, tag, wire_hex("010203"), SW_OK);
		assert_true(tlv_unwrap(piv_get(t, tag, SW_OK), tag == 0x7F61 ? tag : 0x53, &value));
		assert_string_equal(wire_text(value), "010203");
		piv_put(t, tag, BYTES_NONE, SW_OK);
		piv_get(t, tag, SW_NOT_FOUND);
		piv_put(t, tag, BYTES_NONE, SW_OK);
	}
	ramtoken_free(t);
}

static void objects_that_are_nobodys(void **state)
{
	struct ramtoken *t = piv_token(PIV_FLAGS);

	(void)state;
	piv_admin(t);
	piv_get(t, 0x5FC104, SW_NOT_FOUND);
	piv_get(t, 0x5FC124, SW_NOT_FOUND);
	piv_get(t, 0x3F00, SW_NOT_FOUND);
	piv_put(t, 0x5FC104, wire_hex("01"), SW_FUNCTION_NOT_SUPPORTED);
	piv_put(t, 0x5FFF01, wire_hex("01"), SW_FUNCTION_NOT_SUPPORTED);
	/* Discovery says what the application can: nobody changes that by writing, and the same bytes always come. */
	assert_string_equal(wire_text(piv_get(t, 0x7E, SW_OK)), "7E124F0BA0000003080000100001005F2F024000");
	piv_put(t, 0x7E, wire_hex("4F0BA0000003080000100001005F2F024000"), SW_OK);
	piv_put(t, 0x7E, wire_hex("4F0BA0000003080000100001005F2F026010"), SW_WRONG_DATA);
	wire(t, "00CB3FFF025C0000", SW_WRONG_DATA);
	/* a tag is its bytes, not a number: zeros before it make another one */
	wire(t, "00CB3FFF045C02007E00", SW_NOT_FOUND);
	wire(t, "00CB3FFF055C0300007E00", SW_NOT_FOUND);
	wire(t, "00CB3FFF055C03007F6100", SW_NOT_FOUND);
	wire(t, "00DB3FFF085C03007F61530101", SW_FUNCTION_NOT_SUPPORTED);
	wire(t, "00CB3FFF065C045FC1020000", SW_WRONG_DATA);
	wire(t, "00CB3FFF055D035FC10200", SW_WRONG_DATA);
	wire(t, "00CB3FFE055C035FC10200", SW_WRONG_P1P2);
	wire(t, "00DB3FFF055C035FC102", SW_WRONG_DATA);
	wire(t, "00DB3FFF095C035FC10A53020102 00", SW_OK);
	wire(t, "00DB3FFF0A5C035FC10A5302010200", SW_WRONG_DATA);
	wire(t, "00DB3FFF085C035FC10A540101", SW_WRONG_DATA);
	ramtoken_free(t);
}

/* Two tokens are two cards for every host: GUID and card identifier differ, and have the shape that hosts read. */
static void each_card_is_another(void **state)
{
	struct ramtoken *t[2] = {piv_token(PIV_FLAGS), piv_token(PIV_FLAGS)};
	uint8_t chuid[2][64], ccc[2][64];

	(void)state;
	/* The test's chip has the same chance in both: the second one takes what comes next. */
	wire(t[1], SELECT_UKEY, SW_OK);
	assert_int_equal(piv_initialize(t[1], PIV_FLAGS, PIV_TEMPLATE), SW_OK);
	piv_select(t[1]);
	for (int i = 0; i < 2; i++) {
		struct bytes a = piv_get(t[i], 0x5FC102, SW_OK);
		assert_int_equal(a.len, 61);
		memcpy(chuid[i], a.data, a.len);
		a = piv_get(t[i], 0x5FC107, SW_OK);
		assert_int_equal(a.len, 53);
		memcpy(ccc[i], a.data, a.len);
		assert_memory_equal(
			chuid[i], wire_hex("533B3019D4E739DA739CED39CE739D836858210842108421C84210C3EB3410").data, 31);
		assert_int_equal(chuid[i][31 + 6] >> 4, 4);
		assert_int_equal(chuid[i][31 + 8] >> 6, 2);
		assert_memory_equal(chuid[i] + 47, wire_hex("350832303939313233313E00FE00").data, 14);
		assert_memory_equal(ccc[i], wire_hex("5333F015A000000116FF02").data, 11);
		assert_memory_equal(
			ccc[i] + 25, wire_hex("F10121F20121F300F40100F50110F600F700FA00FB00FC00FD00FE00").data, 28);
	}
	assert_memory_not_equal(chuid[0] + 31, chuid[1] + 31, 16);
	assert_memory_not_equal(ccc[0] + 11, ccc[1] + 11, 14);
	ramtoken_free(t[0]);
	ramtoken_free(t[1]);
}

/* ---- how commands come ---- */

/* Chains of short blocks with and without Le, a chain that another command interrupts, answers in pieces. */
static void chains_and_pieces_as_piv_clients_send_them(void **state)
{
	struct ramtoken *t = piv_token(PIV_FLAGS);
	static uint8_t block[5 + 255 + 1];
	struct bytes answer;

	(void)state;
	piv_admin(t);
	/* 5C 03 tag 53 82 01 F4 ... in two blocks, the first with an Le that means nothing */
	memcpy(block, wire_hex("10DB3FFFFF5C035FC10A538201F4").data, 14);
	memset(block + 14, 0x11, 246);
	wire_send(t, BYTES(block, 261), SW_OK);
	memcpy(block, wire_hex("00DB3FFFFE").data, 5);
	memset(block + 5, 0x22, 254);
	wire_send(t, BYTES(block, 5 + 254), SW_OK);
	/* read in pieces: by 61xx, with Le 08 first as OpenSC does, and without Le as libykpiv does */
	answer = wire(t, "00CB3FFF055C035FC10A08", 0x6100);
	assert_int_equal(answer.len, 8);
	answer = wire(t, "00CB3FFF055C035FC10A00", 0x61F8);
	assert_int_equal(answer.len, 256);
	answer = wire(t, "00C00000F8", SW_OK);
	assert_int_equal(answer.len, 248);
	answer = wire(t, "00CB3FFF055C035FC10A", 0x61F8);
	assert_int_equal(answer.len, 256);
	answer = wire(t, "00C0000000", SW_OK);
	assert_int_equal(answer.len, 248);
	/* what waits is forgotten when something else comes */
	wire(t, "00CB3FFF055C035FC10A00", 0x61F8);
	wire(t, "00200080", 0x63C3);
	wire(t, "00C0000000", SW_CONDITIONS);
	/* an interrupted chain never was */
	memcpy(block, wire_hex("10DB3FFFFF5C035FC10A538201F4").data, 14);
	wire_send(t, BYTES(block, 260), SW_OK);
	wire(t, "00200080", 0x63C3);
	wire(t, "00DB3FFF075C035FC10B5300", SW_OK);
	assert_int_equal(piv_get(t, 0x5FC10A, SW_OK).len, 504);
	wire(t, "00AA0000", SW_INS_NOT_SUPPORTED);
	wire(t, "80CB3FFF055C035FC10200", SW_INS_NOT_SUPPORTED);
	ramtoken_free(t);
}

/* ---- two applications ---- */

/* What opens one opens nothing of the other, and their counters are their own. */
static void neither_application_opens_the_other(void **state)
{
	struct ramtoken *t = piv_token(PIV_FLAGS | PIV_YUBICO);

	(void)state;
	/* PIV all open: ours is shut */
	piv_log_in(t);
	piv_admin(t);
	wire(t, SELECT_UKEY, SW_OK);
	assert_int_equal(wire_info(t, 0x90).data[0], 0);
	wire(t, "00200081", 0x63C6);
	wire_generate(t, 0x11, 0, 1, SW_SECURITY_STATUS);
	/* and the other way round, on channels beside each other */
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	wire(t, "0070000001", SW_OK);
	wire_apdu(t, 0x01, 0xA4, 0x04, 0, wire_hex("A000000308"), APDU_LE_MAX, SW_OK);
	wire_apdu(t, 0x01, 0x20, 0, 0x80, BYTES_NONE, 0, 0x63C3);
	wire_apdu(t, 0x01, 0xDB, 0x3F, 0xFF, wire_hex("5C035FC10A530101"), 0, SW_SECURITY_STATUS);
	/* wrong PINs of one use up none of the other's tries */
	for (uint16_t left = 3; left-- > 0;)
		wire_apdu(t, 0x01, 0x20, 0, 0x80, wire_hex(PIN_WRONG), 0, (uint16_t)(0x63C0 | left));
	assert_int_equal(wire_info(t, 0x85).data[0], 6);
	wire_verify(t, 0x81, "wrong PIN", 0x63C5);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	wire_apdu(t, 0x01, 0x20, 0, 0x80, BYTES_NONE, 0, SW_PIN_BLOCKED);
	/* neither's PIN is the other's: the padded and the bare one */
	wire_apdu(t, 0x00, 0x20, 0, 0x81, wire_hex("323436383133"), 0, 0x63C5);
	wire_apdu(t, 0x01, 0x2C, 0, 0x80, wire_hex("3837363534333231" PIN_998877), 0,
		SW_OK); /* PUK_OURS, by chance the SO's digits */
	wire_apdu(t, 0x01, 0x20, 0, 0x80, wire_hex("313233343536FFFF"), 0, 0x63C2);
	/* our directory shows nothing of PIV, and its generation stays when PIV changes */
	uint32_t before = wire_generation(t);
	wire_apdu(t, 0x01, 0x20, 0, 0x80, wire_hex(PIN_998877), 0, SW_OK);
	assert_int_equal(wire_generation(t), before);
	ramtoken_free(t);
}

/* FACTORY RESET and INITIALIZE of our application take PIV's keys and codes with them, from the flash too. */
static void a_reset_of_the_token_takes_it_along(void **state)
{
	struct ramtoken *t = piv_token(PIV_FLAGS);

	(void)state;
	piv_admin(t);
	piv_generate(t, 0x9A, 0x11, 0, 0);
	piv_put(t, 0x5FC105, wire_hex("70020102"), SW_OK);
	wire(t, SELECT_UKEY, SW_OK);
	wire_verify(t, 0x82, SO_PIN, SW_OK);
	wire(t, "80EE0000", SW_OK);
	wire(t, PIV_SELECT, SW_NOT_FOUND);
	assert_int_equal(piv_initialize(t, PIV_FLAGS, PIV_TEMPLATE_AES), SW_OK);
	piv_select(t);
	piv_get(t, 0x5FC105, SW_NOT_FOUND);
	piv_log_in(t);
	piv_use(t, 0x9A, 0x11, 0x81, wire_hex("01"), SW_REFERENCE_NOT_FOUND);
	ramtoken_free(t);
}

/* What was written is there after the power was away, codes changed included. */
static void it_outlives_power(void **state)
{
	struct ramtoken *t = piv_token(PIV_FLAGS);

	(void)state;
	piv_admin(t);
	piv_put(t, 0x5FC10A, wire_hex("0102"), SW_OK);
	wire(t, CHANGE(PIN_246813, PIN_998877), SW_OK);
	wire(t, VERIFY(PIN_WRONG), 0x63C2);
	ramtoken_power_cycle(t);
	piv_select(t);
	wire(t, STATE, 0x63C2);
	piv_put(t, 0x5FC10A, wire_hex("0102"), SW_SECURITY_STATUS);
	assert_string_equal(wire_text(piv_get(t, 0x5FC10A, SW_OK)), "53020102");
	wire(t, VERIFY(PIN_998877), SW_OK);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_token_has_none),
		cmocka_unit_test(it_has_no_codes_but_those_it_is_given),
		cmocka_unit_test(select_by_each_form_of_its_name),
		cmocka_unit_test(select_and_the_security_status),
		cmocka_unit_test(pin_and_puk_as_the_standard_has_them),
		cmocka_unit_test(a_power_cut_gives_no_try),
		cmocka_unit_test(management_key_in_all_forms),
		cmocka_unit_test(a_challenge_is_for_the_next_command),
		cmocka_unit_test(a_witness_ends_with_its_key),
		cmocka_unit_test(objects_are_written_read_and_deleted),
		cmocka_unit_test(objects_that_are_nobodys),
		cmocka_unit_test(each_card_is_another),
		cmocka_unit_test(chains_and_pieces_as_piv_clients_send_them),
		cmocka_unit_test(neither_application_opens_the_other),
		cmocka_unit_test(a_reset_of_the_token_takes_it_along),
		cmocka_unit_test(it_outlives_power),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
