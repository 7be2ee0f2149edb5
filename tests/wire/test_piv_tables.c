/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of SP 800-73-4 part 2 as tests, by their titles, and part 1's table of capacities: which commands there
 * are, who may give them, which of them chain; what stands in each template; and for each command every status word
 * that the standard lists for it: the row that gives it, or why this application never does. (PIV, shows.)
 */
#include <string.h>

#include "tests/wire/piv.h"

#define ALL      (PIV_FLAGS | PIV_YUBICO)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- State of the PIV Card Application ---- */

static void state_of_the_application(void **state)
{
	struct ramtoken *t = piv_token(ALL);

	(void)state;
	/* one application is selected from the first moment on, whatever is asked for that is not there */
	ramtoken_power_cycle(t);
	wire(t, "00A4040005A000000309", SW_NOT_FOUND);
	assert_int_equal(wire_info(t, 0x84).len, 1); /* our own answers: its life cycle */
	/* the application security status begins closed, and ends with the selection of another and with power */
	piv_select(t);
	for (int again = 0; again < 3; again++) {
		wire(t, "00200080", 0x63C3);
		piv_put(t, 0x5FC105, wire_hex("01"), SW_SECURITY_STATUS);
		piv_log_in(t);
		piv_admin(t);
		wire(t, "00200080", SW_OK);
		piv_put(t, 0x5FC105, wire_hex("01"), SW_OK);
		if (again == 0)
			wire(t, SELECT_UKEY, SW_OK);
		else
			ramtoken_power_cycle(t);
		piv_select(t);
	}
	/* there is no global status: discovery promises no global PIN, and nothing can be verified under 00 */
	assert_string_equal(wire_text(piv_get(t, 0x7E, SW_OK)), "7E124F0BA0000003080000100001005F2F024000");
	wire(t, "00200000", SW_REFERENCE_NOT_FOUND);
	ramtoken_free(t);
}

/* ---- PIV Card Application Card Commands ---- */

/* clang-format off */
static const struct {
	const char *name, *command;
	uint16_t closed, open; /* to who has proved nothing, and to who has proved everything */
	const char *first, *last; /* where the standard asks for chaining: the command in two blocks */
} commands[] = {
	{"SELECT", PIV_SELECT, SW_OK, SW_OK, NULL, NULL},
	{"GET DATA, always", "00CB3FFF055C035FC10200", SW_OK, SW_OK, NULL, NULL},
	{"GET DATA, PIN", "00CB3FFF055C035FC10900", SW_SECURITY_STATUS, SW_OK, NULL, NULL},
	{"VERIFY", "0020008008" PIN_246813, SW_OK, SW_OK, "102000800432343638", "00200080043133FFFF"},
	{"CHANGE REFERENCE DATA, by the old value", "0024008010" PIN_246813 PIN_998877, SW_OK, SW_OK,
		"1024008008" PIN_246813, "0024008008" PIN_998877},
	{"RESET RETRY COUNTER, by the PUK", "002C008010" PUK_OURS PIN_998877, SW_OK, SW_OK, NULL, NULL},
	{"GENERAL AUTHENTICATE, 9A", "0087119A077C05820081010100", SW_SECURITY_STATUS, SW_OK,
		"1087119A037C0582", "0087119A040081010100"},
	{"GENERAL AUTHENTICATE, 9C", "0087119C077C05820081010100", SW_SECURITY_STATUS, SW_OK,
		"1087119C037C0582", "0087119C040081010100"},
	{"GENERAL AUTHENTICATE, 9D", "0087119D077C05820081010100", SW_SECURITY_STATUS, SW_OK,
		"1087119D037C0582", "0087119D040081010100"},
	{"GENERAL AUTHENTICATE, 9B", "0087039B047C02810000", SW_OK, SW_OK, "1087039B017C", "0087039B0302810000"},
	{"PUT DATA", "00DB3FFF085C035FC10A530101", SW_SECURITY_STATUS, SW_OK, "10DB3FFF055C035FC10A", "00DB3FFF03530101"},
	{"GENERATE ASYMMETRIC KEY PAIR", "0047008205AC0380011100", SW_SECURITY_STATUS, SW_OK,
		"1047008203AC0380", "0047008202011100"},
};
/* clang-format on */

static void card_commands(void **state)
{
	struct piv_bench b;
	size_t failed = 0;

	(void)state;
	piv_bench_make(&b, PIV_FLAGS);
	for (size_t i = 0; i < COUNT(commands); i++) {
		const struct piv_step closed[PIV_STEPS] = {
			{commands[i].command, commands[i].closed}
                };
		const struct piv_step open[PIV_STEPS] = {
			{commands[i].command, commands[i].open}
                };
		failed += !piv_play(&b, PIV_CLOSED, commands[i].name, closed);
		failed += !piv_play(&b, PIV_OPEN, commands[i].name, open);
		if (!commands[i].first)
			continue;
		/* The condition is that of the whole command; with another command in between, nothing was begun. */
		const struct piv_step shut[PIV_STEPS] = {
			{commands[i].first, SW_OK             },
                        {commands[i].last,  commands[i].closed}
                };
		const struct piv_step chained[PIV_STEPS] = {
			{commands[i].first, SW_OK           },
                        {commands[i].last,  commands[i].open}
                };
		const struct piv_step broken[PIV_STEPS] = {
			{commands[i].first,        SW_OK        },
                        {"00CB3FFF055C035FC10200", SW_OK        },
			{commands[i].last,         SW_WRONG_DATA}
                };
		failed += !piv_play(&b, PIV_CLOSED, commands[i].name, shut);
		failed += !piv_play(&b, PIV_OPEN, commands[i].name, chained);
		if (strstr(commands[i].name, "9C") == NULL) /* there, the PIN is asked for first */
			failed += !piv_play(&b, PIV_OPEN, commands[i].name, broken);
	}
	assert_int_equal(failed, 0);
	piv_bench_free(&b);
}

/* ---- the status words of each command ---- */

/* clang-format off */
#define VERIFY_WRONG {"0020008008" PIN_WRONG, 0x63C2}, {"0020008008" PIN_WRONG, 0x63C1}, {"0020008008" PIN_WRONG, 0x63C0}
static const struct {
	const char *command;
	uint16_t sw;
	enum piv_open open;
	struct piv_step steps[PIV_STEPS];
} given[] = {
	{"SELECT", 0x9000, PIV_CLOSED, {{"00A404000BA00000030800001000010000", SW_OK}}},
	{"SELECT", 0x6A82, PIV_CLOSED, {{"00A4040009A0000003080000110000", SW_NOT_FOUND}}},
	{"GET DATA", 0x9000, PIV_CLOSED, {{"00CB3FFF055C035FC10500", SW_OK}}},
	{"GET DATA", 0x6100, PIV_CLOSED, {{"00CB3FFF055C035FC10208", SW_BYTES_REMAIN}, {"00C0000000", SW_OK}}},
	{"GET DATA", 0x6982, PIV_CLOSED, {{"00CB3FFF055C035FC10900", SW_SECURITY_STATUS}, {"00CB3FFF055C035FC10300", SW_SECURITY_STATUS}}},
	{"GET DATA", 0x6A82, PIV_OPEN, {{"00CB3FFF055C035FC10A00", SW_NOT_FOUND}, {"00CB3FFF055C035FC10300", SW_NOT_FOUND}}},
	{"VERIFY", 0x9000, PIV_CLOSED, {{"0020008008" PIN_246813, SW_OK}, {"00200080", SW_OK}, {"0020FF80", SW_OK}, {"00200080", 0x63C3}}},
	{"VERIFY", 0x63C0, PIV_WITH_PIN, {{"0020008008" PIN_WRONG, 0x63C2}, {"00200080", 0x63C2}}},
	{"VERIFY", 0x6983, PIV_CLOSED, {VERIFY_WRONG, {"0020008008" PIN_246813, SW_PIN_BLOCKED}, {"00200080", SW_PIN_BLOCKED}}},
	{"VERIFY", 0x6A80, PIV_CLOSED, {{"0020008006323436383133", SW_WRONG_DATA}, {"00200080", 0x63C3}}},
	{"VERIFY", 0x6A86, PIV_WITH_PIN, {{"0020018008" PIN_WRONG, SW_WRONG_P1P2}, {"00200080", SW_OK}}},
	{"VERIFY", 0x6A88, PIV_WITH_PIN, {{"0020009608" PIN_WRONG, SW_REFERENCE_NOT_FOUND}, {"00200080", SW_OK}}},
	{"CHANGE REFERENCE DATA", 0x9000, PIV_CLOSED, {{"0024008010" PIN_246813 PIN_998877, SW_OK}, {"00200080", SW_OK}, {"0020008008" PIN_998877, SW_OK}}},
	{"CHANGE REFERENCE DATA", 0x63C0, PIV_WITH_PIN, {{"0024008010" PIN_WRONG PIN_998877, 0x63C2}, {"00200080", 0x63C2}}},
	{"CHANGE REFERENCE DATA", 0x6983, PIV_CLOSED, {VERIFY_WRONG, {"0024008010" PIN_246813 PIN_998877, SW_PIN_BLOCKED}}},
	{"CHANGE REFERENCE DATA", 0x6A80, PIV_WITH_PIN, {{"0024008010" PIN_246813 "FFFFFFFFFFFFFFFF", SW_WRONG_DATA}, {"00200080", SW_OK},
		{"0020008008" PIN_246813, SW_OK}}},
	{"CHANGE REFERENCE DATA", 0x6A88, PIV_CLOSED, {{"0024009610" PIN_246813 PIN_998877, SW_REFERENCE_NOT_FOUND}}},
	{"RESET RETRY COUNTER", 0x9000, PIV_CLOSED, {{"002C008010" PUK_OURS PIN_998877, SW_OK}, {"00200080", 0x63C3}, {"0020008008" PIN_998877, SW_OK}}},
	{"RESET RETRY COUNTER", 0x63C0, PIV_WITH_PIN, {{"002C008010" PUK_OTHER PIN_998877, 0x63C2}, {"00200080", 0x63C3}}},
	{"RESET RETRY COUNTER", 0x6983, PIV_CLOSED, {{"002C008010" PUK_OTHER PIN_998877, 0x63C2}, {"002C008010" PUK_OTHER PIN_998877, 0x63C1},
		{"002C008010" PUK_OTHER PIN_998877, 0x63C0}, {"002C008010" PUK_OURS PIN_998877, SW_PIN_BLOCKED}}},
	{"RESET RETRY COUNTER", 0x6A80, PIV_WITH_PIN, {{"002C008010" PUK_OTHER PIN_998877, 0x63C2}, {"0020008008" PIN_246813, SW_OK},
		{"002C008010" PUK_OURS "31FFFFFFFFFFFFFF", SW_WRONG_DATA}, {"00200080", SW_OK}, {"002C008010" PUK_OTHER PIN_998877, 0x63C1}}},
	{"RESET RETRY COUNTER", 0x6A88, PIV_CLOSED, {{"002C008110" PUK_OURS PIN_998877, SW_REFERENCE_NOT_FOUND}}},
	{"GENERAL AUTHENTICATE", 0x9000, PIV_WITH_PIN, {{"0087119A077C05820081010100", SW_OK}}},
	{"GENERAL AUTHENTICATE", 0x6100, PIV_WITH_PIN, {{"0087119A077C05820081010104", SW_BYTES_REMAIN}, {"00C0000000", SW_OK}}},
	{"GENERAL AUTHENTICATE", 0x6982, PIV_CLOSED, {{"0087119A077C05820081010100", SW_SECURITY_STATUS}}},
	{"GENERAL AUTHENTICATE", 0x6A80, PIV_WITH_PIN, {{"0087119A047C02820000", SW_WRONG_DATA}}},
	{"GENERAL AUTHENTICATE", 0x6A86, PIV_WITH_PIN, {{"0087149A077C05820081010100", SW_WRONG_P1P2}, {"00872704077C05820081010100", SW_WRONG_P1P2}}},
	{"PUT DATA", 0x9000, PIV_WITH_KEY, {{"00DB3FFF085C035FC10A530101", SW_OK}, {"00CB3FFF055C035FC10A00", SW_OK}}},
	{"PUT DATA", 0x6982, PIV_WITH_PIN, {{"00DB3FFF085C035FC10A530101", SW_SECURITY_STATUS}}},
	{"PUT DATA", 0x6A81, PIV_WITH_KEY, {{"00DB3FFF085C035FC104530101", SW_FUNCTION_NOT_SUPPORTED}}},
	{"GENERATE", 0x9000, PIV_WITH_KEY, {{"0047009A05AC0380011100", SW_OK}}},
	{"GENERATE", 0x6100, PIV_WITH_KEY, {{"0047009A05AC0380010700", SW_BYTES_REMAIN}, {"00C0000000", SW_OK}}},
	{"GENERATE", 0x6982, PIV_WITH_PIN, {{"0047009A05AC0380011100", SW_SECURITY_STATUS}}},
	{"GENERATE", 0x6A80, PIV_WITH_KEY, {{"0047009A05AC0380010600", SW_WRONG_DATA}, {"0047009A05AC0380010500", SW_WRONG_DATA},
		{"0047009A05AC0380011600", SW_WRONG_DATA}}},
	{"GENERATE", 0x6A86, PIV_WITH_KEY, {{"0047000405AC0380012700", SW_WRONG_P1P2}}},
};

static const struct {
	const char *command;
	uint16_t sw;
	const char *why;
} never[] = {
	{"VERIFY", 0x6300, "of the pairing code, which only cards with secure messaging of PIV have"},
	{"VERIFY", 0x6982, "there is a contact interface only"},
	{"VERIFY", 0x6A81, "there is a contact interface only"},
	{"CHANGE REFERENCE DATA", 0x6982, "there is a contact interface only"},
	{"CHANGE REFERENCE DATA", 0x6A81, "there is a contact interface only"},
	{"RESET RETRY COUNTER", 0x6A81, "there is a contact interface only"},
	{"PUT DATA", 0x6A84, "needs more than a row: an_object_larger_than_any"},
	{"GENERATE", 0x6A81, "there is a contact interface only"},
};

static const struct {
	const char *command;
	uint16_t sw[10];
} listed[] = {
	{"SELECT", {0x6A82, 0x9000}},
	{"GET DATA", {0x6100, 0x6982, 0x6A82, 0x9000}},
	{"VERIFY", {0x6300, 0x63C0, 0x6982, 0x6983, 0x6A80, 0x6A81, 0x6A86, 0x6A88, 0x9000}},
	{"CHANGE REFERENCE DATA", {0x63C0, 0x6982, 0x6983, 0x6A80, 0x6A81, 0x6A88, 0x9000}},
	{"RESET RETRY COUNTER", {0x63C0, 0x6983, 0x6A80, 0x6A81, 0x6A88, 0x9000}},
	{"GENERAL AUTHENTICATE", {0x6100, 0x6982, 0x6A80, 0x6A86, 0x9000}},
	{"PUT DATA", {0x6982, 0x6A81, 0x6A84, 0x9000}},
	{"GENERATE", {0x6100, 0x6982, 0x6A80, 0x6A81, 0x6A86, 0x9000}},
};
/* clang-format on */

static bool has_row(const char *command, uint16_t sw)
{
	for (size_t i = 0; i < COUNT(given); i++)
		if (given[i].sw == sw && strcmp(given[i].command, command) == 0)
			return true;
	for (size_t i = 0; i < COUNT(never); i++)
		if (never[i].sw == sw && strcmp(never[i].command, command) == 0)
			return true;
	return false;
}

static void status_words(void **state)
{
	struct piv_bench b;
	size_t failed = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(listed); i++)
		for (size_t k = 0; k < COUNT(listed[i].sw) && listed[i].sw[k]; k++)
			if (!has_row(listed[i].command, listed[i].sw[k]))
				fail_msg("%s: no row for %04X", listed[i].command, listed[i].sw[k]);
	piv_bench_make(&b, PIV_FLAGS);
	for (size_t i = 0; i < COUNT(given); i++)
		failed += !piv_play(&b, given[i].open, given[i].command, given[i].steps);
	assert_int_equal(failed, 0);
	piv_bench_free(&b);
}

static void an_object_larger_than_any(void **state)
{
	static uint8_t value[16385];
	struct ramtoken *t = piv_token(PIV_FLAGS);

	(void)state;
	piv_admin(t);
	piv_put(t, 0x5FC105, BYTES_OF(value), SW_FULL);
	ramtoken_free(t);
}

/* ---- templates ---- */

/* Data objects in the property template (61), the coexistent tag allocation authority (79), AC. */
static void application_property_template(void **state)
{
	(void)state;
	for (int yubico = 0; yubico < 2; yubico++) {
		struct ramtoken *t = piv_token(yubico ? ALL : PIV_FLAGS);
		struct bytes body, version, authority, label, algorithms, provider;
		const struct tlv_field fields[] = {
			{0x4F, TLV_REQUIRED, 6, 6,  &version   },
			{0x79, TLV_REQUIRED, 1, 20, &authority },
			{0x50, TLV_OPTIONAL, 1, 32, &label     },
			{0xAC, TLV_REQUIRED, 1, 64, &algorithms},
		};
		assert_true(tlv_unwrap(wire(t, PIV_SELECT, SW_OK), 0x61, &body));
		assert_true(tlv_parse(body, fields, COUNT(fields)));
		assert_string_equal(wire_text(version), "000010000100");
		assert_true(tlv_unwrap(authority, 0x4F, &provider));
		assert_string_equal(wire_text(provider), "A000000308");
		assert_string_equal(wire_text(algorithms), yubico ? "8001078001058001168001118001140601"
								    "00"
								  : "800107800111800114060100");
		ramtoken_free(t);
	}
}

/* What the application announces it makes and uses; what it does not announce it refuses, and no slot ever has it. */
static void announced_algorithms_and_no_others(void **state)
{
	static const struct {
		uint8_t number;
		bool standard, yubico;
	} rows[] = {
		{0x07, true,  true },
		{0x11, true,  true },
		{0x14, true,  true },
		{0x05, false, true },
		{0x16, false, true },
		{0x06, false, false},
		{0x15, false, false},
		{0xE0, false, false},
		{0xE1, false, false},
		{0x03, false, false},
		{0x27, false, false},
		{0x00, false, false},
	};

	(void)state;
	for (int yubico = 0; yubico < 2; yubico++) {
		struct ramtoken *t = piv_token(yubico ? ALL : PIV_FLAGS);
		piv_admin(t);
		for (size_t i = 0; i < COUNT(rows); i++) {
			const uint8_t data[] = {0xAC, 3, 0x80, 1, rows[i].number};
			bool there = yubico ? rows[i].yubico : rows[i].standard;
			if (there && rows[i].number == 0x16)
				continue; /* test_piv_key makes one: they are slow */
			wire_apdu(t, 0, 0x47, 0, 0x82, BYTES_OF(data), APDU_LE_MAX, there ? SW_OK : SW_WRONG_DATA);
		}
		ramtoken_free(t);
	}
}

/* Data objects in the template 7F49, and the public-key encoding for ECC. */
static void public_key_template(void **state)
{
	static const struct {
		uint8_t algorithm;
		size_t size;
	} rows[] = {
		{0x07, 256},
                {0x11, 32 },
                {0x14, 48 }
        };
	struct ramtoken *t = piv_token(PIV_FLAGS);

	(void)state;
	piv_admin(t);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct cursor c = cursor_of(piv_generate(t, 0x9A, rows[i].algorithm, 0, 0));
		if (rows[i].algorithm == 0x07) {
			struct bytes n = tlv_take(&c, 0x81), e = tlv_take(&c, 0x82);
			assert_int_equal(n.len, rows[i].size);
			assert_true(n.data[0] & 0x80);
			assert_string_equal(wire_text(e), "010001");
		} else {
			struct bytes point = tlv_take(&c, 0x86);
			assert_int_equal(point.len, 1 + 2 * rows[i].size);
			assert_int_equal(point.data[0], 0x04);
		}
		assert_true(cursor_done(&c));
	}
	ramtoken_free(t);
}

/* Data objects in the dynamic authentication template (7C): each flow of part 2's appendix A, by what it asks and gets.
 */
static void dynamic_authentication_template(void **state)
{
	/* clang-format off */
	static const struct {
		const char *flow, *command;
		uint32_t answer; /* its only object; 0: no data */
		size_t len;      /* 0: any */
	} rows[] = {
		{"a challenge for external authentication", "0087039B047C02810000", 0x81, 8},
		{"a witness for mutual authentication", "0087039B047C02800000", 0x80, 8},
		{"internal authentication, 9E", NULL, 0x82, 256},
		{"a signature, 9A", "0087119A077C05820081010100", 0x82, 0},
		{"the same in the other order", "0087119A077C05810101820000", 0x82, 0},
		{"the response not asked for by an empty object", "0087119A057C0381010100", 0x82, 0},
	};
	/* clang-format on */
	struct piv_bench b;

	(void)state;
	piv_bench_make(&b, PIV_FLAGS);
	for (size_t i = 0; i < COUNT(rows); i++) {
		static const uint8_t block[256] = {0, 1};
		struct bytes value, inner;
		ramtoken_moment_return(b.moment[PIV_WITH_PIN], b.t);
		if (rows[i].command) {
			assert_true(tlv_unwrap(wire(b.t, rows[i].command, SW_OK), 0x7C, &value));
			if (!tlv_unwrap(value, rows[i].answer, &inner))
				fail_msg("%s: %s", rows[i].flow, wire_text(value));
		} else {
			inner = piv_use(b.t, 0x9E, 0x07, 0x81, BYTES_OF(block), SW_OK);
		}
		assert_true(rows[i].len == 0 || inner.len == rows[i].len);
	}
	piv_bench_free(&b);
}

/* ---- part 1: data objects, their access rules and capacities ---- */

/* clang-format off */
static const struct {
	uint32_t tag;
	const char *name;
	size_t capacity; /* the least that a card must hold, SP 800-73-4 part 1, table 3 and appendix A */
	bool pin;
} objects[] = {
	{0x5FC107, "card capability container", 287, false}, {0x5FC102, "card holder unique identifier", 2916, false},
	{0x5FC105, "certificate for PIV authentication", 1905, false}, {0x5FC103, "fingerprints", 4006, true},
	{0x5FC106, "security object", 1336, false}, {0x5FC108, "facial image", 12710, true},
	{0x5FC101, "certificate for card authentication", 1905, false}, {0x5FC10A, "certificate for digital signature", 1905, false},
	{0x5FC10B, "certificate for key management", 1905, false}, {0x5FC109, "printed information", 245, true},
	{0x5FC10C, "key history", 128, false}, {0x5FC121, "iris images", 7106, true}, {0x7F61, "BIT group template", 65, false},
	{0x5FC122, "secure messaging certificate signer", 2471, false}, {0x5FC123, "pairing code reference", 12, true},
};
/* clang-format on */

static void fill(uint8_t *value, size_t len, uint32_t tag)
{
	for (size_t i = 0; i < len; i++)
		value[i] = (uint8_t)(tag + 7 * i);
}

static void is_there(struct ramtoken *t, uint32_t tag, size_t len)
{
	static uint8_t value[13000];
	struct bytes got;

	fill(value, len, tag);
	assert_true(tlv_unwrap(piv_get(t, tag, SW_OK), tag == 0x7F61 ? tag : 0x53, &got));
	assert_true(bytes_equal(got, BYTES(value, len)));
}

/* All of them at once, with a key in every slot, on a token with the flash that is usual. */
static void every_object_has_its_capacity(void **state)
{
	static uint8_t value[13000];
	struct ramtoken *t = piv_token(ALL);

	(void)state;
	piv_admin(t);
	for (uint8_t slot = 0x82; slot <= 0x95; slot++)
		piv_generate(t, slot, 0x07, 0, 0);
	for (uint8_t slot = 0x9A; slot <= 0x9E; slot++)
		if (slot != 0x9B)
			piv_generate(t, slot, 0x07, 0, 0);
	for (size_t i = 0; i < COUNT(objects); i++) {
		fill(value, objects[i].capacity, objects[i].tag);
		piv_put(t, objects[i].tag, BYTES(value, objects[i].capacity), SW_OK);
	}
	for (uint32_t tag = 0x5FC10D; tag <= 0x5FC120; tag++) {
		fill(value, 1905, tag);
		piv_put(t, tag, BYTES(value, 1905), SW_OK);
	}
	ramtoken_power_cycle(t);
	piv_select(t);
	for (size_t i = 0; i < COUNT(objects); i++) {
		if (objects[i].pin)
			piv_get(t, objects[i].tag, SW_SECURITY_STATUS);
		else
			is_there(t, objects[i].tag, objects[i].capacity);
	}
	piv_log_in(t);
	for (size_t i = 0; i < COUNT(objects); i++)
		is_there(t, objects[i].tag, objects[i].capacity);
	for (uint32_t tag = 0x5FC10D; tag <= 0x5FC120; tag++)
		is_there(t, tag, 1905);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_of_the_application),
		cmocka_unit_test(card_commands),
		cmocka_unit_test(status_words),
		cmocka_unit_test(an_object_larger_than_any),
		cmocka_unit_test(application_property_template),
		cmocka_unit_test(announced_algorithms_and_no_others),
		cmocka_unit_test(public_key_template),
		cmocka_unit_test(dynamic_authentication_template),
		cmocka_unit_test(every_object_has_its_capacity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
