/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes a PIV card, through libukey: the management key in all its forms, and a card that is disturbed or pulled
 * out in the middle of it. Keys and certificates: test_driver_piv_key.c.
 */
#include "tests/wire/piv_bench.h"

#include <stdlib.h>
#include <string.h>

#define REF_95     UKEY_KEY_REF(23, UKEY_EXCHANGE)
#define REF_83     UKEY_KEY_REF(5, UKEY_EXCHANGE)
#define WRONG_TEXT "F1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8C1C2C3C4C5C6C7C8"
/* PBKDF2-HMAC-SHA1 of 246813 with the salt 01 to 10, 10,000 rounds (computed with Python's hashlib) */
#define DERIVED_KEY "0EE5A4A61CE0544AAED43B77DD604D2869A8C752E95E0DA7"
#define TEXT(s)     (const uint8_t *)(s), strlen(s)

/* ---- the management key ------------------------------------------------------------------------------------------ */

static void the_management_key_lets_its_holder_in(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;

	is(piv_bench_generate(b, REF_9A, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
	is(ukey_login(b->t, UKEY_SO, TEXT(WRONG_TEXT)), UKEY_MANAGEMENT_KEY_INCORRECT);
	/* No key: too short, too long, no digits, of a length that this card's kind does not have. */
	is(ukey_login(b->t, UKEY_SO, TEXT("")), UKEY_PIN_LENGTH);
	is(ukey_login(b->t, UKEY_SO, TEXT("12345")), UKEY_MANAGEMENT_KEY_INCORRECT);
	is(ukey_login(b->t, UKEY_SO, TEXT("X1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8C1C2C3C4C5C6C7C8")),
		UKEY_MANAGEMENT_KEY_INCORRECT);
	is(ukey_login(b->t, UKEY_SO, TEXT("000102030405060708090A0B0C0D0E0F")), UKEY_MANAGEMENT_KEY_INCORRECT);
	is(ukey_login(b->t, UKEY_SO, TEXT("000102030405060708090A0B0C0D0E0F000102030405060708090A0B0C0D0E0F")),
		UKEY_MANAGEMENT_KEY_INCORRECT);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	/* A wrong one costs nothing, however often. */
	for (int i = 0; i < 20; i++)
		is(ukey_login(b->t, UKEY_SO, TEXT(WRONG_TEXT)), UKEY_MANAGEMENT_KEY_INCORRECT);
	piv_bench_manage(b);
	assert_int_equal(bench_info(b).role, UKEY_SO);
	ok(piv_bench_generate(b, REF_9A, UKEY_P256, &ref));
	ok(ukey_logout(b->t));
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	is(piv_bench_generate(b, REF_9C, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
}

/* No command ends the manager's log-in on the card: so the card is reset. */
static void who_leaves_leaves_nobody_in(void **state)
{
	struct bench *b = *state;
	static const uint8_t cert[] = {0x70, 0x01, 0x30, 0x71, 0x01, 0x00, 0xFE, 0x00};

	piv_bench_manage(b);
	ok(ukey_logout(b->t));
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(cert), SW_SECURITY_STATUS);
	piv_bench_manage(b);
	ukey_token_idle(b->t);
	piv_select(b->chip[0]);
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(cert), SW_SECURITY_STATUS);
}

/* Mutual: a card that says yes to everything, and does not know the key, is told from one that does. */
static void answer_wrongly(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	/* 7C 0A 82 08 <ours, encrypted> 9000 */
	if (command.len > 4 && command.data[1] == 0x87 && answer->len == 14 && answer->data[2] == 0x82)
		answer->data[4] ^= 0x01;
}

static void the_card_has_to_know_the_key_too(void **state)
{
	struct bench *b = *state;

	b->loop->readers[0].falsify = answer_wrongly;
	is(ukey_login(b->t, UKEY_SO, TEXT(KEY_OURS)), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	b->loop->readers[0].falsify = NULL;
	piv_bench_manage(b);
}

static void an_aes_key_is_found_by_its_length(void **state)
{
	struct bench *b = *state;

	is(ukey_login(b->t, UKEY_SO, TEXT(WRONG_TEXT)), UKEY_MANAGEMENT_KEY_INCORRECT);
	piv_bench_manage(b);
	assert_int_equal(bench_info(b).role, UKEY_SO);
}

/* Whoever looks on in the log, or in the memory that calls leave behind, sees no key. */
static char seen[65536];

static void note(void *arg, const char *text)
{
	(void)arg;
	strncat(seen, text, sizeof seen - strlen(seen) - 1);
}

static void the_log_shows_no_key(void **state)
{
	struct bench *b = *state;

	seen[0] = '\0';
	ukey_set_log(note, NULL);
	piv_bench_manage(b);
	ukey_set_log(NULL, NULL);
	assert_non_null(strstr(seen, "0087"));
	/* Neither whole nor in part, nor what was encrypted with it: no data of the command at all. */
	assert_null(strstr(seen, "a1a2a3a4"));
	assert_null(strstr(seen, "A1A2A3A4"));
	assert_null(strstr(seen, "7C"));
	assert_null(strstr(seen, "7c"));
}

/* ---- a card that keeps its key behind the PIN -------------------------------------------------------------------- */

static void protect(struct bench *b, bool derived)
{
	static const uint8_t flags[] = {0x80, 0x03, 0x81, 0x01, 0x02};
	uint8_t salt[] = {0x80, 0x12, 0x82, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	uint8_t printed[28] = {0x88, 0x1A, 0x89, 0x18};

	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	if (derived) {
		piv_put(b->chip[0], 0x5FFF00, BYTES_OF(salt), SW_OK);
		wire(b->chip[0], "00FFFFFF1B039B18" DERIVED_KEY, SW_OK);
	} else {
		memcpy(printed + 4, wire_hex(KEY_OURS).data, 24);
		piv_put(b->chip[0], 0x5FFF00, BYTES_OF(flags), SW_OK);
		piv_put(b->chip[0], 0x5FC109, BYTES_OF(printed), SW_OK);
	}
	loop_reset(b->loop, 0);
}

static void the_users_pin_opens_the_key_behind_it(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;

	protect(b, false);
	is(piv_bench_generate(b, REF_9A, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_generate(b, REF_9A, UKEY_P256, &ref));
	ok(piv_bench_sign(b, REF_9A));
	/* Logged out, the card has forgotten the key as well. */
	ok(ukey_logout(b->t));
	static const uint8_t cert[] = {0x70, 0x01, 0x30, 0x71, 0x01, 0x00, 0xFE, 0x00};
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(cert), SW_SECURITY_STATUS);
	/* The manager, by PIN: a wrong one costs a try of the PIN, and says so. */
	is(ukey_login(b->t, UKEY_SO, PIN(PIV_WRONG_PIN)), UKEY_PIN_INCORRECT);
	assert_int_equal(bench_info(b).user_pin.tries_left, 2);
	ok(ukey_login(b->t, UKEY_SO, PIN(PIV_PIN)));
	ok(piv_bench_generate(b, REF_9C, UKEY_P256, &ref));
}

/* Who is out by a wrong PIN leaves no manager behind, either. */
static void a_wrong_pin_ends_the_managers_time_too(void **state)
{
	static const uint8_t cert[] = {0x70, 0x01, 0x30, 0x71, 0x01, 0x00, 0xFE, 0x00};
	struct bench *b = *state;
	ukey_key_ref ref;

	protect(b, false);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_generate(b, REF_9A, UKEY_P256, &ref));
	is(ukey_login_again(b->t, PIN(PIV_WRONG_PIN)), UKEY_PIN_INCORRECT);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ukey_token_idle(b->t);
	piv_select(b->chip[0]);
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(cert), SW_SECURITY_STATUS);
}

/* The PIN was right and the key behind it is not: the PIN's log-in ends as well. */
static void a_key_behind_the_pin_that_is_not_the_cards(void **state)
{
	uint8_t printed[28] = {0x88, 0x1A, 0x89, 0x18, 1, 2, 3};
	struct bench *b = *state;
	ukey_key_ref ref;

	protect(b, false);
	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	piv_put(b->chip[0], 0x5FC109, BYTES_OF(printed), SW_OK);
	loop_reset(b->loop, 0);
	is(ukey_login(b->t, UKEY_SO, PIN(PIV_PIN)), UKEY_MANAGEMENT_KEY_INCORRECT);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	wire(b->chip[0], "00200080", SW_TRIES_LEFT | 3);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	is(piv_bench_generate(b, REF_9A, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_INCORRECT);
	assert_int_equal(bench_info(b).role, UKEY_USER);
}

/* We showed that we have the key, and the card's half made no sense: it may have let us in all the same. */
static void who_was_let_in_by_a_card_that_lies_is_out_again(void **state)
{
	static const uint8_t cert[] = {0x70, 0x01, 0x30, 0x71, 0x01, 0x00, 0xFE, 0x00};
	struct bench *b = *state;
	ukey_key_ref ref;

	protect(b, false);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	b->loop->readers[0].falsify = answer_wrongly;
	is(piv_bench_generate(b, REF_9A, UKEY_P256, &ref), UKEY_TOKEN_PROTOCOL);
	b->loop->readers[0].falsify = NULL;
	ok(ukey_logout(b->t));
	ukey_token_idle(b->t);
	piv_select(b->chip[0]);
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(cert), SW_SECURITY_STATUS);
}

/* A card of before SP 800-73-4 does not know how to log out. */
static void no_log_out(void *arg, struct builder *command)
{
	(void)arg;
	if (command->len >= 4 && command->data[1] == 0x20 && command->data[2] == 0xFF)
		command->data[2] = 0x01;
}

static void nobody_is_left_in_by_such_a_key(void **state)
{
	uint8_t printed[28] = {0x88, 0x1A, 0x89, 0x18, 1, 2, 3};
	struct bench *b = *state;

	protect(b, false);
	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	piv_put(b->chip[0], 0x5FC109, BYTES_OF(printed), SW_OK);
	loop_reset(b->loop, 0);
	b->loop->readers[0].alter = no_log_out;
	is(ukey_login(b->t, UKEY_SO, PIN(PIV_PIN)), UKEY_MANAGEMENT_KEY_INCORRECT);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ukey_token_idle(b->t);
	piv_select(b->chip[0]);
	wire(b->chip[0], "00200080", SW_TRIES_LEFT | 3);
}

static void a_pin_that_opens_nothing_is_not_tried(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;

	is(ukey_login(b->t, UKEY_SO, PIN(PIV_WRONG_PIN)), UKEY_MANAGEMENT_KEY_NEEDED);
	ok(ukey_token_reload(b->t));
	assert_int_equal(bench_info(b).user_pin.tries_left, 3);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	is(piv_bench_generate(b, REF_9A, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
	assert_int_equal(bench_info(b).role, UKEY_USER);
}

static void a_key_derived_from_the_pin(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;

	protect(b, true);
	ok(ukey_login(b->t, UKEY_SO, PIN(PIV_PIN)));
	ok(piv_bench_generate(b, REF_9A, UKEY_P256, &ref));
	ok(ukey_logout(b->t));
	/* The PIN is not kept, so whoever is in as the user cannot do it by himself. */
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	is(piv_bench_generate(b, REF_9C, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
}

/* Whoever changes the PIN hears of it first. */
static void it_is_known_whether_the_pin_makes_the_key(void **state)
{
	static const uint8_t nonsense[] = {0x80, 0x03, 0x82, 0x01, 0x02};
	struct bench *b = *state;
	bool yes = true;

	ok(ukey_pin_makes_manager(b->t, &yes));
	assert_false(yes);
	protect(b, false);
	yes = true;
	ok(ukey_pin_makes_manager(b->t, &yes));
	assert_false(yes);
	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	piv_put(b->chip[0], 0x5FFF00, BYTES_OF(nonsense), SW_OK);
	yes = true;
	ok(ukey_pin_makes_manager(b->t, &yes));
	assert_false(yes);
	protect(b, true);
	const uint64_t before = ukey_token_commands(b->t);
	ok(ukey_pin_makes_manager(b->t, &yes));
	assert_true(yes);
	/* After the reset SELECT and the name; and this. */
	assert_int_equal(ukey_token_commands(b->t) - before, 3);
	ok(ukey_pin_makes_manager(b->t, &yes));
	assert_int_equal(ukey_token_commands(b->t) - before, 4);
	loop_unplug(b->loop, 0);
	is(ukey_pin_makes_manager(b->t, &yes), UKEY_TOKEN_REMOVED);
	assert_false(yes);
}

/* ---- disturbed --------------------------------------------------------------------------------------------------- */

static void replug(struct bench *b)
{
	b->loop->readers[0].unplug_at = 0;
	loop_unplug(b->loop, 0);
	ok(ukey_refresh(b->u));
	loop_plug(b->loop, 0, b->chip[0]);
	piv_bench_refresh(b);
}

/*
 * Pulled out at each command in turn, before and after the card has carried it out. The next time it works, no key has
 * another's certificate, and what was wanted can be done.
 */
static bool pulled_out(struct bench *b, unsigned at, enum loop_pull pull, bool certificate)
{
	const struct ukey_generate how = {.ref = REF_82, .algorithm = UKEY_P256, .replace = true};
	ukey_key_ref ref;
	size_t len = 0;
	uint8_t *der = NULL;
	enum ukey_status status;

	piv_bench_manage(b);
	if (certificate)
		der = bench_certificate_for(b, REF_82, 0, &len);
	b->loop->readers[0].pull = pull;
	b->loop->readers[0].unplug_at = at;
	status = certificate ? ukey_write_certificate(b->t, REF_82, der, len, NULL) : ukey_generate(b->t, &how, &ref);
	const bool over = b->loop->readers[0].unplug_at > 0;
	replug(b);
	if (!over) {
		is(status, UKEY_TOKEN_REMOVED);
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
		piv_bench_manage(b);
		if (certificate)
			ok(ukey_write_certificate(b->t, REF_82, der, len, NULL));
		else
			ok(ukey_generate(b->t, &how, &ref));
		ok(ukey_logout(b->t));
	} else {
		ok(status);
	}
	piv_bench_is_shown(b, REF_82, certificate);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_82));
	ok(ukey_logout(b->t));
	free(der);
	return !over;
}

static void pulled_out_while_it_writes(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;

	piv_bench_manage(b);
	ok(piv_bench_generate(b, REF_82, UKEY_P256, &ref));
	ok(ukey_logout(b->t));
	for (int certificate = 0; certificate < 2; certificate++)
		for (int pull = LOOP_BEFORE; pull <= LOOP_AFTER; pull++) {
			unsigned at = 1;
			while (pulled_out(b, at, (enum loop_pull)pull, certificate))
				at++;
			assert_in_range(at, 2, 40);
		}
}

/* Another program resets the card, or takes it for another application: said, and mended by the key. */
static void another_program_resets(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;

	piv_bench_manage(b);
	loop_reset(b->loop, 0);
	is(piv_bench_generate(b, REF_9A, UKEY_P256, &ref), UKEY_TOKEN_RESET);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	piv_bench_manage(b);
	ok(piv_bench_generate(b, REF_9A, UKEY_P256, &ref));
	/* One who ends our log-in with a wrong challenge. */
	piv_admin_with(b->chip[0], 0x03, WRONG_TEXT, SW_SECURITY_STATUS);
	is(piv_bench_generate(b, REF_9C, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	piv_bench_manage(b);
	ok(piv_bench_generate(b, REF_9C, UKEY_P256, &ref));
}

/* ---- another application is selected, on a card that has no name ------------------------------------------------- */

/* Selected by somebody else, and what it says to PIV's commands, until PIV is selected again. */
static bool other;
static uint16_t other_sw;
static struct ramtoken *chip;
static unsigned selections;

static void other_hears(void *arg, struct builder *command)
{
	struct apdu a;

	(void)arg;
	if (!apdu_parse(builder_bytes(command), &a))
		return;
	if (a.ins == 0xA4) {
		/* As on cards that let nobody in any more after each selection. */
		other = false;
		selections++;
		ramtoken_power_cycle(chip);
	} else if (other) {
		command->len = 0;
		builder_put(command, wire_hex("00FE0000"));
	}
}

static void other_says(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	(void)command;
	if (!other)
		return;
	answer->len = 0;
	builder_u16(answer, other_sw);
}

/* A new YubiKey has no CHUID: nothing tells that PIV is selected but a selection, which ends every log-in. */
static void a_card_without_a_name(void **state)
{
	static const uint16_t words[] = {0x6D00, 0x6E00, 0x6A82, 0x6A81, 0x6A86, 0x6A88, 0x6982, 0x6B00, 0x6700};
	struct bench *b = *state;
	struct ukey_generate how = {.ref = REF_83, .algorithm = UKEY_P256, .replace = true};
	ukey_key_ref ref;

	piv_admin(b->chip[0]);
	piv_put(b->chip[0], 0x5FC102, BYTES(&(uint8_t){0}, 0), SW_OK);
	chip = b->chip[0];
	other = false;
	b->loop->readers[0].alter = other_hears;
	b->loop->readers[0].falsify = other_says;
	ukey_token_unref(b->t);
	b->t = NULL;
	loop_unplug(b->loop, 0);
	ok(ukey_refresh(b->u));
	loop_plug(b->loop, 0, b->chip[0]);
	piv_bench_refresh(b);
	piv_bench_manage(b);
	selections = 0;
	/* Nothing that belongs to it selects anything: all is done with one log-in. */
	ok(piv_bench_generate(b, REF_9A, UKEY_P256, &ref));
	ok(piv_bench_generate(b, REF_82, UKEY_P256, &ref));
	is(piv_bench_generate(b, REF_9A, UKEY_P256, &ref), UKEY_EXISTS);
	assert_int_equal(bench_info(b).role, UKEY_SO);
	assert_int_equal(selections, 0);
	ok(ukey_logout(b->t));
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		other_sw = words[i];
		other = true;
		piv_bench_manage(b);
		ok(ukey_generate(b->t, &how, &ref));
		other = true;
		assert_int_not_equal(ukey_generate(b->t, &how, &ref), UKEY_OK);
		other = false;
		if (bench_info(b).role == UKEY_SO)
			ok(ukey_logout(b->t));
	}
}

static void short_commands_do_it_too(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;
	size_t len;

	b->loop->readers[0].short_only = true;
	piv_bench_manage(b);
	ok(piv_bench_generate(b, REF_9A, UKEY_RSA_2048, &ref));
	uint8_t *der = bench_certificate_for(b, REF_9A, 1500, &len);
	ok(ukey_write_certificate(b->t, REF_9A, der, len, NULL));
	free(der);
	piv_bench_is_shown(b, REF_9A, true);
}

/* The PUK stands where our tokens have the SO PIN, and is called by its name. */
static void the_puk(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 3; i++)
		is(ukey_login(b->t, UKEY_USER, PIN(PIV_WRONG_PIN)), UKEY_PIN_INCORRECT);
	is(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)), UKEY_PIN_BLOCKED);
	is(ukey_unlock_pin(b->t, PIN("11111111"), PIN("998877")), UKEY_PUK_INCORRECT);
	assert_int_equal(bench_info(b).so_pin.tries_left, 2);
	ok(ukey_unlock_pin(b->t, PIN(PIV_PUK), PIN("998877")));
	ok(ukey_login(b->t, UKEY_USER, PIN("998877")));
	ok(ukey_logout(b->t));
	for (int i = 0; i < 3; i++)
		is(ukey_change_pin(b->t, UKEY_SO, PIN("11111111"), PIN("22222222")), UKEY_PUK_INCORRECT);
	is(ukey_change_pin(b->t, UKEY_SO, PIN(PIV_PUK), PIN("22222222")), UKEY_PUK_BLOCKED);
	/* The management key is another thing, and opens the card still. */
	piv_bench_manage(b);
	is(ukey_set_user_pin(b->t, PIN("998877")), UKEY_NOT_SUPPORTED);
	is(ukey_set_label(b->t, "label"), UKEY_NOT_SUPPORTED);
}

int main(void)
{
#define T(f, with) cmocka_unit_test_setup_teardown(f, with, bench_teardown)
	const struct CMUnitTest tests[] = {
		T(the_management_key_lets_its_holder_in, piv_bench_new),
		T(who_leaves_leaves_nobody_in, piv_bench_new),
		T(the_card_has_to_know_the_key_too, piv_bench_new),
		T(an_aes_key_is_found_by_its_length, piv_bench_new_aes),
		T(the_log_shows_no_key, piv_bench_new),
		T(the_users_pin_opens_the_key_behind_it, piv_bench_new),
		T(a_wrong_pin_ends_the_managers_time_too, piv_bench_new),
		T(a_key_behind_the_pin_that_is_not_the_cards, piv_bench_new),
		T(who_was_let_in_by_a_card_that_lies_is_out_again, piv_bench_new),
		T(nobody_is_left_in_by_such_a_key, piv_bench_new),
		T(a_pin_that_opens_nothing_is_not_tried, piv_bench_new),
		T(a_key_derived_from_the_pin, piv_bench_new_yubico),
		T(it_is_known_whether_the_pin_makes_the_key, piv_bench_new_yubico),
		T(pulled_out_while_it_writes, piv_bench_new),
		T(pulled_out_while_it_writes, piv_bench_new_yubico),
		T(another_program_resets, piv_bench_new),
		T(a_card_without_a_name, piv_bench_new),
		T(a_card_without_a_name, piv_bench_new_yubico),
		T(short_commands_do_it_too, piv_bench_new),
		T(the_puk, piv_bench_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
