/* SPDX-License-Identifier: Apache-2.0 */
/* PIV cards: who is asked for what, who a card is, and what that costs. Issue PIV, 2. */
#include "tests/wire/piv_bench.h"

#include <stdlib.h>
#include <string.h>

static unsigned long apdus(struct bench *b)
{
	return b->loop->readers[0].apdus;
}

/* Every SELECT that a reader sees: 'u' ours, 'p' PIV. */
static char selects[32];

static void note_selects(void *arg, struct builder *command)
{
	struct apdu a;
	const size_t n = strlen(selects);

	(void)arg;
	if (apdu_parse(builder_bytes(command), &a) && a.ins == 0xA4 && n + 1 < sizeof selects)
		selects[n] = a.data.data[0] == 0xA0 ? 'p' : 'u';
}

static void watch(struct bench *b, unsigned reader)
{
	memset(selects, 0, sizeof selects);
	b->loop->readers[reader].alter = note_selects;
}

/* ---- who is asked for what --------------------------------------------------------------------------------------- */

static void a_piv_card_costs_select_and_its_name(void **state)
{
	struct bench *b = *state;

	watch(b, 0);
	piv_bench_refresh(b);
	assert_int_equal(apdus(b), 2);
	assert_string_equal(selects, "p");
	piv_bench_refresh(b);
	assert_int_equal(apdus(b), 2);
	struct ukey_token_info info = bench_info(b);
	assert_int_equal(info.application, UKEY_APPLICATION_PIV);
	assert_string_equal(info.label, "OpenUKey PIV");
	assert_int_equal(strlen(info.serial), 16);
	assert_int_equal(info.life_cycle, UKEY_OPERATIONAL);
	assert_int_equal(info.genuine, UKEY_GENUINE_NONE);
	assert_int_equal(info.pin_min, 6);
	assert_int_equal(info.pin_max, 8);
	assert_true(info.user_pin.exists);
	assert_int_equal(info.user_pin.tries_max, 0);
	assert_int_equal(info.user_pin.tries_left, UKEY_TRIES_UNKNOWN);
	assert_int_equal(info.max_containers, 24);
	assert_true(ukey_token_supports(b->t, UKEY_RSA_2048));
	assert_false(ukey_token_supports(b->t, UKEY_P521));
}

/* A token with both applications is ours: its ATR says so, or nobody can see one. */
static void a_token_of_ours_is_asked_for_ours_first(void **state)
{
	struct bench *b = *state;
	struct ukey_reader_info *list;
	size_t count;

	ramtoken_free(b->chip[1]);
	b->chip[1] = piv_token(PIV_FLAGS);
	for (int atr = 1; atr >= 0; atr--) {
		watch(b, 1);
		loop_plug(b->loop, 1, b->chip[1]);
		if (!atr)
			b->chip[1]->atr = BYTES_NONE;
		b->loop->readers[1].apdus = 0;
		ok(ukey_refresh(b->u));
		assert_string_equal(selects, "u");
		assert_int_equal(b->loop->readers[1].apdus, 1);
		ok(ukey_readers(b->u, &list, &count));
		assert_int_equal(list[1].state, UKEY_READER_TOKEN);
		assert_string_equal(list[1].serial, "00554B4559000001");
		free(list);
		loop_unplug(b->loop, 1);
		ok(ukey_refresh(b->u));
	}
}

static void a_piv_card_without_atr_is_found_second(void **state)
{
	struct bench *b = *state;

	watch(b, 0);
	b->chip[0]->atr = BYTES_NONE;
	piv_bench_refresh(b);
	assert_string_equal(selects, "up");
	assert_int_equal(apdus(b), 3);
	assert_int_equal(bench_info(b).application, UKEY_APPLICATION_PIV);
}

/* Our token behind an ATR that nobody knows: no PIV on it, so it is asked for ours. */
static void a_token_of_ours_with_another_atr_is_found_second(void **state)
{
	static const uint8_t other[] = {0x3B, 0x83, 0x80, 0x01, 'A', 'B', 'C', 0x42};
	struct bench *b = *state;
	struct ukey_reader_info *list;
	size_t count;

	watch(b, 1);
	loop_plug(b->loop, 1, b->chip[1]);
	b->chip[1]->atr = BYTES_OF(other);
	ok(ukey_refresh(b->u));
	assert_string_equal(selects, "pu");
	ok(ukey_readers(b->u, &list, &count));
	assert_int_equal(list[1].state, UKEY_READER_TOKEN);
	free(list);
}

/* Whatever its ATR looks like, and whatever it answers. */
static void nobodys_card_sees_two_commands(void **state)
{
	static const uint8_t other[] = {0x3B, 0x83, 0x80, 0x01, 'A', 'B', 'C', 0x42};
	static const uint8_t broken[] = {0x3B, 0x8F, 0x80, 0x80, 0x5F};
	const struct bytes atrs[] = {BYTES_NONE, BYTES_OF(other), BYTES_OF(broken)};
	struct bench *b = *state;
	struct ukey_reader_info *list;
	size_t count;

	for (size_t i = 0; i < sizeof atrs / sizeof atrs[0]; i++) {
		watch(b, 1);
		b->chip[1]->piv_only = true; /* without PIV: it knows nothing */
		loop_plug(b->loop, 1, b->chip[1]);
		b->chip[1]->atr = atrs[i];
		b->loop->readers[1].apdus = 0;
		for (int round = 0; round < 3; round++)
			ok(ukey_refresh(b->u));
		assert_string_equal(selects, i == 0 ? "up" : "pu");
		assert_int_equal(b->loop->readers[1].apdus, 2);
		assert_int_equal(b->loop->readers[1].closing_resets, 0);
		ok(ukey_readers(b->u, &list, &count));
		assert_int_equal(list[1].state, UKEY_READER_FOREIGN);
		free(list);
		loop_unplug(b->loop, 1);
		ok(ukey_refresh(b->u));
	}
}

/* What each answer to SELECT is replaced by. */
static struct bytes said;

static void say_yes(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	if (command.data[1] != 0xA4)
		return;
	answer->len = 0;
	builder_put(answer, said);
	builder_u16(answer, SW_OK);
}

/* Cards that take every name, say nothing, or something else. */
static void a_yes_to_every_name_is_no_piv(void **state)
{
	static const uint8_t fci[] = {0x6F, 0x04, 0x84, 0x02, 0x3F, 0x00};
	static const uint8_t shifted[] = {0x61, 0x11, 0x4F, 0x06, 0x00, 0x10, 0x00, 0x01, 0x00, 0x00, 0x79, 0x07, 0x4F,
		0x05, 0xA0, 0x00, 0x00, 0x03, 0x08};
	const struct bytes answers[] = {BYTES_NONE, BYTES_OF(fci), BYTES(shifted, 5)};
	struct bench *b = *state;
	struct ukey_reader_info *list;
	size_t count;

	b->loop->readers[0].falsify = say_yes;
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		said = answers[i];
		b->loop->readers[0].apdus = 0;
		loop_plug(b->loop, 0, b->chip[0]);
		ok(ukey_refresh(b->u));
		assert_int_equal(apdus(b), 2);
		ok(ukey_readers(b->u, &list, &count));
		assert_int_equal(list[0].state, UKEY_READER_FOREIGN);
		free(list);
	}
}

/* ---- who it is --------------------------------------------------------------------------------------------------- */

#define FASC_9999 "D4E739DA739CED39CE739D836858210842108421C84210C3EB"
#define FASC_OWN  "D0439458210C2C19A0846D83685A1082108CE73984108CA3FC"
#define FASC_ZERO "00000000000000000000000000000000000000000000000000"
#define GUID_ZERO "00000000000000000000000000000000"

static const struct {
	const char *chuid, *serial; /* serial NULL: of the ATR */
} names[] = {
  /* the GUID's last half */
	{"3019" FASC_9999 "3410102030405060708090A0B0C0D0E0F000350832303939313233313E00FE00", "90A0B0C0D0E0F000"},
	{"3410102030405060708090A0B0C0D0E0F000",                                              "90A0B0C0D0E0F000"},
	{"3019" FASC_OWN "3410102030405060708090A0B0C0D0E0F000",                              "90A0B0C0D0E0F000"},
 /* no GUID: SHA-256 of a FASC-N that is one's own */
	{"3019" FASC_OWN "3410" GUID_ZERO,						    "fasc"            },
	{"3019" FASC_OWN,								     "fasc"            },
 /* nothing of its own at all */
	{"3019" FASC_9999 "3410" GUID_ZERO,						   NULL              },
	{"3019" FASC_ZERO "3410" GUID_ZERO,						   NULL              },
	{"3019" FASC_9999,								    NULL              },
	{"3E00",									      NULL              },
};

static const char *chuid; /* NULL: there is none */

static void give_chuid(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	if (command.data[1] != 0xCB || memcmp(command.data + 5, "\x5C\x03\x5F\xC1\x02", 5) != 0)
		return;
	answer->len = 0;
	if (chuid)
		tlv_put(answer, 0x53, wire_hex(chuid));
	builder_u16(answer, chuid ? SW_OK : SW_NOT_FOUND);
}

static void of_atr(struct bytes atr, char out[17])
{
	uint8_t raw[128], digest[32];
	struct builder b = builder_of(raw, sizeof raw);

	builder_put(&b, wire_string("PIV without CHUID"));
	builder_put(&b, atr);
	assert_true(crypto_digest(CRYPTO_SHA256, builder_bytes(&b), digest));
	snprintf(out, 17, "%s", wire_text(BYTES(digest, 8)));
}

static void a_serial_number_is_the_cards_own(void **state)
{
	struct bench *b = *state;
	char nameless[17], fasc[17];
	uint8_t digest[32];

	b->loop->readers[0].falsify = give_chuid;
	of_atr(b->chip[0]->atr, nameless);
	assert_true(crypto_digest(CRYPTO_SHA256, wire_hex(FASC_OWN), digest));
	snprintf(fasc, sizeof fasc, "%s", wire_text(BYTES(digest, 8)));
	for (size_t i = 0; i <= sizeof names / sizeof names[0]; i++) {
		const bool none = i == sizeof names / sizeof names[0];
		chuid = none ? NULL : names[i].chuid;
		loop_plug(b->loop, 0, b->chip[0]);
		piv_bench_refresh(b);
		assert_string_equal(bench_info(b).serial, none || !names[i].serial               ? nameless
							  : strcmp(names[i].serial, "fasc") == 0 ? fasc
												 : names[i].serial);
		ukey_token_unref(b->t);
		b->t = NULL;
		loop_unplug(b->loop, 0);
		ok(ukey_refresh(b->u));
	}
}

/* Without ATR and without a name it is the card in this reader. */
static void a_nameless_card_has_the_readers_number(void **state)
{
	struct bench *b = *state;
	char expected[17];

	b->loop->readers[0].falsify = give_chuid;
	chuid = NULL;
	b->chip[0]->atr = BYTES_NONE;
	of_atr(wire_string("Loop 00"), expected);
	piv_bench_refresh(b);
	assert_string_equal(bench_info(b).serial, expected);
	/* And works as any other. */
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
}

/* Another card with the same ATR, put in between two commands without anybody looking. */
static void another_card_is_another_token(void **state)
{
	struct bench *b = *state;
	char first[17];

	piv_bench_refresh(b);
	memcpy(first, bench_info(b).serial, sizeof first);
	ukey_token_idle(b->t);
	b->loop->readers[0].falsify = give_chuid;
	chuid = "34100102030405060708090A0B0C0D0E0F00";
	is(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)), UKEY_TOKEN_REMOVED);
	assert_int_equal(bench_info(b).present, false);
	ukey_token_unref(b->t);
	b->t = NULL;
	loop_plug(b->loop, 0, b->chip[0]);
	piv_bench_refresh(b);
	assert_string_equal(bench_info(b).serial, "090A0B0C0D0E0F00");
	assert_string_not_equal(bench_info(b).serial, first);
}

/* Two new cards of one make cannot be told apart: the second is seen when the first has gone. */
static void of_two_nameless_cards_the_second_takes_over(void **state)
{
	struct bench *b = *state;
	struct ramtoken *second = piv_usual_card(0);

	chuid = NULL;
	b->loop->readers[0].falsify = b->loop->readers[1].falsify = give_chuid;
	loop_plug(b->loop, 1, second);
	piv_bench_refresh(b);
	const unsigned plugged = bench_info(b).plugged;
	loop_unplug(b->loop, 0);
	ok(ukey_refresh(b->u));
	assert_true(bench_info(b).present);
	assert_string_equal(bench_info(b).reader, "Loop 01");
	assert_int_equal(bench_info(b).plugged, plugged + 1);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
	loop_unplug(b->loop, 1);
	ok(ukey_refresh(b->u));
	assert_false(bench_info(b).present);
	ramtoken_free(second);
}

/* A PIV card that says it is one of our tokens does not become it. */
static void a_number_of_another_kind_of_card_is_not_taken(void **state)
{
	struct bench *b = *state;
	struct ukey_reader_info *list;
	size_t count;

	loop_unplug(b->loop, 0);
	loop_plug(b->loop, 1, b->chip[1]);
	ok(ukey_refresh(b->u));
	b->loop->readers[0].falsify = give_chuid;
	chuid = "3410000000000000000000554B4559000002";
	loop_plug(b->loop, 0, b->chip[0]);
	ok(ukey_refresh(b->u));
	ok(ukey_readers(b->u, &list, &count));
	assert_int_equal(list[0].state, UKEY_READER_FOREIGN);
	assert_int_equal(list[1].state, UKEY_READER_TOKEN);
	assert_string_equal(list[1].serial, "00554B4559000002");
	free(list);
}

/* ---- what it costs ----------------------------------------------------------------------------------------------- */

static const struct piv_key_wish four[] = {
	{0x9A, 0x07, 0x5FC105},
	{0x9C, 0x11, 0x5FC10A},
	{0x9D, 0x07, 0x5FC10B},
	{0x9E, 0x11, 0x5FC101},
};

/* Issue PIV: at most 8, and 1 a certificate, from the start to the first RSA-2048 signature; a further one 1. */
static void from_nothing_to_a_signature(void **state)
{
	struct bench *b = piv_bench_with(piv_card(0, four, 4));
	const struct ukey_directory *d;

	*state = b;
	piv_bench_refresh(b);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, 4);
	for (size_t i = 0; i < d->key_count; i++) {
		uint8_t *der;
		size_t len;
		ok(ukey_read_certificate(b->t, d->keys[i].ref, &der, &len));
		free(der);
	}
	ukey_directory_unref(d);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
	/* SELECT, CHUID, discovery, key history, four certificates, VERIFY, GENERAL AUTHENTICATE */
	assert_int_equal(apdus(b), 10);
	ok(piv_bench_sign(b, REF_9A));
	assert_int_equal(apdus(b), 11);
	ok(piv_bench_sign(b, REF_9D));
	assert_int_equal(apdus(b), 12);
	assert_int_equal(ukey_token_commands(b->t), 12);
}

static void short_apdus_cost_three_a_signature(void **state)
{
	struct bench *b = *state;

	b->loop->readers[0].short_only = true;
	b->loop->readers[0].max_apdu = 256;
	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
	const unsigned long before = apdus(b);
	ok(piv_bench_sign(b, REF_9A));
	assert_int_equal(apdus(b) - before, 3);
}

static int setup_nothing(void **state)
{
	(void)state;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_piv_card_costs_select_and_its_name, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			a_token_of_ours_is_asked_for_ours_first, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			a_piv_card_without_atr_is_found_second, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			a_token_of_ours_with_another_atr_is_found_second, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(nobodys_card_sees_two_commands, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_yes_to_every_name_is_no_piv, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_serial_number_is_the_cards_own, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			a_nameless_card_has_the_readers_number, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(another_card_is_another_token, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			of_two_nameless_cards_the_second_takes_over, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			a_number_of_another_kind_of_card_is_not_taken, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(from_nothing_to_a_signature, setup_nothing, bench_teardown),
		cmocka_unit_test_setup_teardown(short_apdus_cost_three_a_signature, piv_bench_setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
