/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes a PIV card, through libukey: the management key in all its forms, keys and certificates in every slot,
 * and a card that is pulled out in the middle of it.
 */
#include "tests/wire/piv_bench.h"

#include <stdlib.h>
#include <string.h>

#define REF_95     UKEY_KEY_REF(23, UKEY_EXCHANGE)
#define REF_83     UKEY_KEY_REF(5, UKEY_EXCHANGE)
#define KEY_TEXT   KEY_OURS
#define WRONG_TEXT "F1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8C1C2C3C4C5C6C7C8"
/* PBKDF2-HMAC-SHA1 of 246813 with the salt 01 to 10, 10,000 rounds (computed with Python's hashlib) */
#define DERIVED_KEY "0EE5A4A61CE0544AAED43B77DD604D2869A8C752E95E0DA7"
#define TEXT(s)     (const uint8_t *)(s), strlen(s)

/* A new card: no key, no certificate. */
static struct bench *bench_of(uint8_t flags, bool aes)
{
	struct ramtoken *t = aes ? piv_token_aes(PIV_FLAGS | flags) : piv_token(PIV_FLAGS | flags);

	t->piv_only = true;
	ramtoken_power_cycle(t);
	struct bench *b = piv_bench_with(t);
	piv_bench_refresh(b);
	return b;
}

static int setup(void **state)
{
	*state = bench_of(0, false);
	return 0;
}

static int setup_yubico(void **state)
{
	*state = bench_of(PIV_YUBICO, false);
	return 0;
}

static int setup_aes(void **state)
{
	*state = bench_of(0, true);
	return 0;
}

static void manage(struct bench *b)
{
	ok(ukey_login(b->t, UKEY_SO, TEXT(KEY_TEXT)));
}

static enum ukey_status generate(struct bench *b, int ref, enum ukey_algorithm a, ukey_key_ref *made)
{
	const struct ukey_generate how = {.ref = ref, .algorithm = a};

	return ukey_generate(b->t, &how, made);
}

/* The key as the directory shows it now; *has: with a certificate. */
static bool shown(struct bench *b, ukey_key_ref ref, bool *has)
{
	const struct ukey_directory *d;

	ok(ukey_directory(b->t, &d));
	const struct ukey_key *k = ukey_directory_key(d, ref);
	const bool there = k != NULL;
	*has = k && k->certificate.exists;
	ukey_directory_unref(d);
	return there;
}

static void is_shown(struct bench *b, ukey_key_ref ref, bool certificate)
{
	bool has;

	assert_true(shown(b, ref, &has));
	assert_int_equal(has, certificate);
}

/* ---- the management key ------------------------------------------------------------------------------------------ */

static void the_management_key_lets_its_holder_in(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;

	is(generate(b, REF_9A, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
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
	manage(b);
	assert_int_equal(bench_info(b).role, UKEY_SO);
	ok(generate(b, REF_9A, UKEY_P256, &ref));
	ok(ukey_logout(b->t));
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	is(generate(b, REF_9C, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
}

/* No command ends the manager's log-in on the card: so the card is reset. */
static void who_leaves_leaves_nobody_in(void **state)
{
	struct bench *b = *state;
	static const uint8_t cert[] = {0x70, 0x01, 0x30, 0x71, 0x01, 0x00, 0xFE, 0x00};

	manage(b);
	ok(ukey_logout(b->t));
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(cert), SW_SECURITY_STATUS);
	manage(b);
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
	is(ukey_login(b->t, UKEY_SO, TEXT(KEY_TEXT)), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	b->loop->readers[0].falsify = NULL;
	manage(b);
}

static void an_aes_key_is_found_by_its_length(void **state)
{
	struct bench *b = *state;

	is(ukey_login(b->t, UKEY_SO, TEXT(WRONG_TEXT)), UKEY_MANAGEMENT_KEY_INCORRECT);
	manage(b);
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
	manage(b);
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
	is(generate(b, REF_9A, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(generate(b, REF_9A, UKEY_P256, &ref));
	ok(piv_bench_sign(b, REF_9A));
	/* Logged out, the card has forgotten the key as well. */
	ok(ukey_logout(b->t));
	static const uint8_t cert[] = {0x70, 0x01, 0x30, 0x71, 0x01, 0x00, 0xFE, 0x00};
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(cert), SW_SECURITY_STATUS);
	/* The manager, by PIN: a wrong one costs a try of the PIN, and says so. */
	is(ukey_login(b->t, UKEY_SO, PIN(PIV_WRONG_PIN)), UKEY_PIN_INCORRECT);
	assert_int_equal(bench_info(b).user_pin.tries_left, 2);
	ok(ukey_login(b->t, UKEY_SO, PIN(PIV_PIN)));
	ok(generate(b, REF_9C, UKEY_P256, &ref));
}

/* Who is out by a wrong PIN leaves no manager behind, either. */
static void a_wrong_pin_ends_the_managers_time_too(void **state)
{
	static const uint8_t cert[] = {0x70, 0x01, 0x30, 0x71, 0x01, 0x00, 0xFE, 0x00};
	struct bench *b = *state;
	ukey_key_ref ref;

	protect(b, false);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(generate(b, REF_9A, UKEY_P256, &ref));
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
	is(generate(b, REF_9A, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_INCORRECT);
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
	is(generate(b, REF_9A, UKEY_P256, &ref), UKEY_TOKEN_PROTOCOL);
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
	is(generate(b, REF_9A, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
	assert_int_equal(bench_info(b).role, UKEY_USER);
}

static void a_key_derived_from_the_pin(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;

	protect(b, true);
	ok(ukey_login(b->t, UKEY_SO, PIN(PIV_PIN)));
	ok(generate(b, REF_9A, UKEY_P256, &ref));
	ok(ukey_logout(b->t));
	/* The PIN is not kept, so whoever is in as the user cannot do it by himself. */
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	is(generate(b, REF_9C, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
}

/* ---- keys and certificates --------------------------------------------------------------------------------------- */

static const struct {
	ukey_key_ref ref;
	enum ukey_algorithm algorithm;
} everywhere[] = {
	{REF_9A, UKEY_RSA_2048},
	{REF_9C, UKEY_P256    },
	{REF_9D, UKEY_P384    },
	{REF_9E, UKEY_P256    },
	{REF_82, UKEY_P256    },
	{REF_95, UKEY_P256    },
};

/* Made, shown without certificate, in another process too; used; certified; bare again. Whether the card tells or not.
 */
static void a_key_from_its_making_to_its_certificate(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;
	bool has;

	for (size_t i = 0; i < sizeof everywhere / sizeof everywhere[0]; i++) {
		manage(b);
		ok(generate(b, everywhere[i].ref, everywhere[i].algorithm, &ref));
		assert_int_equal(ref, everywhere[i].ref);
		is_shown(b, ref, false);
		piv_bench_restart(b);
		piv_bench_refresh(b);
		is_shown(b, ref, false);
		ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
		ok(piv_bench_sign(b, ref));
		ok(ukey_logout(b->t));
		size_t len;
		uint8_t *der = bench_certificate_for(b, ref, 0, &len), *back;
		is(ukey_write_certificate(b->t, ref, der, len, NULL), UKEY_MANAGEMENT_KEY_NEEDED);
		manage(b);
		ok(ukey_write_certificate(b->t, ref, der, len, NULL));
		is_shown(b, ref, true);
		piv_bench_restart(b);
		piv_bench_refresh(b);
		size_t back_len;
		ok(ukey_read_certificate(b->t, ref, &back, &back_len));
		assert_true(bytes_equal(BYTES(back, back_len), BYTES(der, len)));
		free(back);
		free(der);
		is(generate(b, ref, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
		manage(b);
		is(generate(b, ref, UKEY_P256, &ref), UKEY_EXISTS);
		ok(ukey_logout(b->t));
	}
	manage(b);
	ok(ukey_delete_certificate(b->t, REF_9A));
	assert_true(!shown(b, REF_9A, &has) || !has);
}

static void only_its_own_certificate(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;
	size_t len;

	manage(b);
	ok(generate(b, REF_9A, UKEY_P256, &ref));
	ok(generate(b, REF_9C, UKEY_P256, &ref));
	uint8_t *der = bench_certificate_for(b, REF_9C, 0, &len);
	is(ukey_write_certificate(b->t, REF_9A, der, len, NULL), UKEY_CERT_MISMATCH);
	is(ukey_write_certificate(b->t, REF_9D, der, len, NULL), UKEY_NOT_FOUND);
	is(ukey_write_other_certificate(b->t, -1, der, len, NULL, 0, "CA", 2, NULL), UKEY_NOT_SUPPORTED);
	free(der);
	/* Too large for the card: said so, and what was there is there. */
	der = bench_certificate_for(b, REF_9A, 17000, &len);
	is(ukey_write_certificate(b->t, REF_9A, der, len, NULL), UKEY_TOO_LARGE);
	free(der);
	is_shown(b, REF_9A, false);
}

static void a_key_in_the_place_of_another(void **state)
{
	struct bench *b = *state;
	const struct ukey_generate how = {.ref = REF_9A, .algorithm = UKEY_P384, .replace = true};
	ukey_key_ref ref;
	size_t len;

	manage(b);
	ok(generate(b, REF_9A, UKEY_P256, &ref));
	uint8_t *der = bench_certificate_for(b, REF_9A, 0, &len);
	ok(ukey_write_certificate(b->t, REF_9A, der, len, NULL));
	ok(ukey_generate(b->t, &how, &ref));
	is_shown(b, REF_9A, false);
	is(ukey_write_certificate(b->t, REF_9A, der, len, NULL), UKEY_CERT_MISMATCH);
	free(der);
	ok(ukey_logout(b->t));
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
}

/* Not in the directory, and there: no key is lost because it could not be shown. */
static void a_slot_that_cannot_be_shown_is_not_free(void **state)
{
	static const uint8_t broken[] = {0x70, 0x03, 0x01, 0x02, 0x03, 0x71, 0x01, 0x00, 0xFE, 0x00};
	struct bench *b = *state;
	struct ukey_generate how = {.ref = -1, .algorithm = UKEY_P256, .usage = UKEY_USE_SIGN};
	ukey_key_ref ref;
	bool has;

	piv_admin(b->chip[0]);
	piv_generate(b->chip[0], 0x9A, 0x11, 0, 0);
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(broken), SW_OK);
	manage(b);
	assert_false(shown(b, REF_9A, &has));
	is(generate(b, REF_9A, UKEY_P256, &ref), UKEY_EXISTS);
	how.id = (const uint8_t *)"\x01";
	how.id_len = 1;
	is(ukey_generate(b->t, &how, &ref), UKEY_EXISTS);
	/* Who names no place gets the next one. */
	how.id_len = 0;
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9C);
	piv_get(b->chip[0], 0x5FC105, SW_OK);
	/* Whoever says that it may go. */
	how = (struct ukey_generate){.ref = REF_9A, .algorithm = UKEY_P256, .replace = true};
	ok(ukey_generate(b->t, &how, &ref));
	assert_true(shown(b, REF_9A, &has));
}

/* Nor when there is more in it than in a small object: most certificates are longer. */
static void a_long_object_that_cannot_be_shown_is_not_free(void **state)
{
	uint8_t broken[700] = {0x70, 0x82, 0x02, 0xB3, 0x30, 0x01};
	struct bench *b = *state;
	struct ukey_generate how = {.ref = -1, .algorithm = UKEY_P256, .usage = UKEY_USE_SIGN};
	ukey_key_ref ref;
	bool has;

	memcpy(broken + sizeof broken - 5, (const uint8_t[]){0x71, 0x01, 0x00, 0xFE, 0x00}, 5);
	piv_admin(b->chip[0]);
	piv_generate(b->chip[0], 0x9A, 0x11, 0, 0);
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(broken), SW_OK);
	manage(b);
	assert_false(shown(b, REF_9A, &has));
	is(generate(b, REF_9A, UKEY_P256, &ref), UKEY_EXISTS);
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9C);
	piv_get(b->chip[0], 0x5FC105, SW_OK);
}

/* A retired key that the key history does not count; the card tells of it. */
static void a_key_that_only_the_card_tells_of_is_not_overwritten(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;
	bool has;

	piv_admin(b->chip[0]);
	piv_generate(b->chip[0], 0x83, 0x11, 0, 0);
	manage(b);
	assert_false(shown(b, UKEY_KEY_REF(5, UKEY_EXCHANGE), &has));
	is(generate(b, UKEY_KEY_REF(5, UKEY_EXCHANGE), UKEY_P256, &ref), UKEY_EXISTS);
	ok(generate(b, UKEY_KEY_REF(6, UKEY_EXCHANGE), UKEY_P256, &ref));
}

static void where_a_key_goes_that_names_no_place(void **state)
{
	struct bench *b = *state;
	struct ukey_generate how = {.ref = -1, .algorithm = UKEY_P256};
	ukey_key_ref ref;

	manage(b);
	how.id = (const uint8_t *)"\x04";
	how.id_len = 1;
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9E);
	is(ukey_generate(b->t, &how, &ref), UKEY_EXISTS);
	how.id_len = 0;
	how.label = "Retired Key 1";
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_82);
	how.label = "my key";
	how.usage = UKEY_USE_SIGN;
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9A);
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9C);
	how.usage = UKEY_USE_DERIVE;
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9D);
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, UKEY_KEY_REF(5, UKEY_EXCHANGE));
	/* A slot with another pair is none; nor is one beyond the last. */
	is(generate(b, UKEY_KEY_REF(0, UKEY_EXCHANGE), UKEY_P256, &ref), UKEY_NOT_SUPPORTED);
	is(generate(b, UKEY_KEY_REF(24, UKEY_EXCHANGE), UKEY_P256, &ref), UKEY_NOT_SUPPORTED);
	/* What the slot's keys are not for. */
	how = (struct ukey_generate){.ref = REF_9C, .algorithm = UKEY_RSA_2048, .usage = UKEY_USE_DECRYPT};
	is(ukey_generate(b->t, &how, &ref), UKEY_EXISTS);
	how.replace = true;
	is(ukey_generate(b->t, &how, &ref), UKEY_KEY_USAGE);
	is(generate(b, REF_9A, UKEY_P521, &ref), UKEY_ALGORITHM);
}

/* 9E's keys are anybody's who has the card: none gets there that was not sent there. */
static void nothing_goes_to_9e_by_itself(void **state)
{
	static const ukey_key_ref want[] = {REF_9A, REF_9C, REF_9D, REF_82};
	const struct ukey_generate how = {.ref = -1, .algorithm = UKEY_P256, .usage = UKEY_USE_SIGN};
	struct bench *b = *state;
	ukey_key_ref ref;

	manage(b);
	for (size_t i = 0; i < sizeof want; i++) {
		ok(ukey_generate(b->t, &how, &ref));
		assert_int_equal(ref, want[i]);
	}
}

/* A card without Yubico's extensions might make such a key, and forget the wish. */
static void wishes_that_the_card_does_not_know(void **state)
{
	struct bench *b = *state;
	struct ukey_generate how = {.ref = REF_9D, .algorithm = UKEY_P256, .always_authenticate = true};
	ukey_key_ref ref;
	bool has;

	manage(b);
	is(ukey_generate(b->t, &how, &ref), UKEY_NOT_SUPPORTED);
	how = (struct ukey_generate){.ref = REF_9D, .algorithm = UKEY_P256, .touch = true};
	is(ukey_generate(b->t, &how, &ref), UKEY_NOT_SUPPORTED);
	assert_false(shown(b, REF_9D, &has));
	/* What the slot is anyway needs no extension. */
	how = (struct ukey_generate){.ref = REF_9C, .algorithm = UKEY_P256, .always_authenticate = true};
	ok(ukey_generate(b->t, &how, &ref));
}

static void wishes_that_a_yubikey_knows(void **state)
{
	struct bench *b = *state;
	struct ukey_generate how = {.ref = REF_9D, .algorithm = UKEY_P256, .always_authenticate = true};
	const struct ukey_directory *d;
	ukey_key_ref ref;

	manage(b);
	ok(ukey_generate(b->t, &how, &ref));
	ok(ukey_directory(b->t, &d));
	assert_true(ukey_directory_key(d, ref)->always_authenticate);
	assert_true(ukey_directory_key(d, ref)->generated);
	ukey_directory_unref(d);
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

	manage(b);
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
		manage(b);
		if (certificate)
			ok(ukey_write_certificate(b->t, REF_82, der, len, NULL));
		else
			ok(ukey_generate(b->t, &how, &ref));
		ok(ukey_logout(b->t));
	} else {
		ok(status);
	}
	is_shown(b, REF_82, certificate);
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

	manage(b);
	ok(generate(b, REF_82, UKEY_P256, &ref));
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

	manage(b);
	loop_reset(b->loop, 0);
	is(generate(b, REF_9A, UKEY_P256, &ref), UKEY_TOKEN_RESET);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	manage(b);
	ok(generate(b, REF_9A, UKEY_P256, &ref));
	/* One who ends our log-in with a wrong challenge. */
	piv_admin_with(b->chip[0], 0x03, WRONG_TEXT, SW_SECURITY_STATUS);
	is(generate(b, REF_9C, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	manage(b);
	ok(generate(b, REF_9C, UKEY_P256, &ref));
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
	manage(b);
	selections = 0;
	/* Nothing that belongs to it selects anything: all is done with one log-in. */
	ok(generate(b, REF_9A, UKEY_P256, &ref));
	ok(generate(b, REF_82, UKEY_P256, &ref));
	is(generate(b, REF_9A, UKEY_P256, &ref), UKEY_EXISTS);
	assert_int_equal(bench_info(b).role, UKEY_SO);
	assert_int_equal(selections, 0);
	ok(ukey_logout(b->t));
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		other_sw = words[i];
		other = true;
		manage(b);
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
	manage(b);
	ok(generate(b, REF_9A, UKEY_RSA_2048, &ref));
	uint8_t *der = bench_certificate_for(b, REF_9A, 1500, &len);
	ok(ukey_write_certificate(b->t, REF_9A, der, len, NULL));
	free(der);
	is_shown(b, REF_9A, true);
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
	manage(b);
	is(ukey_set_user_pin(b->t, PIN("998877")), UKEY_NOT_SUPPORTED);
	is(ukey_set_label(b->t, "label"), UKEY_NOT_SUPPORTED);
}

int main(void)
{
#define T(f, with) cmocka_unit_test_setup_teardown(f, with, bench_teardown)
	const struct CMUnitTest tests[] = {
		T(the_management_key_lets_its_holder_in, setup),
		T(who_leaves_leaves_nobody_in, setup),
		T(the_card_has_to_know_the_key_too, setup),
		T(an_aes_key_is_found_by_its_length, setup_aes),
		T(the_log_shows_no_key, setup),
		T(the_users_pin_opens_the_key_behind_it, setup),
		T(a_wrong_pin_ends_the_managers_time_too, setup),
		T(a_key_behind_the_pin_that_is_not_the_cards, setup),
		T(who_was_let_in_by_a_card_that_lies_is_out_again, setup),
		T(nobody_is_left_in_by_such_a_key, setup),
		T(a_pin_that_opens_nothing_is_not_tried, setup),
		T(a_key_derived_from_the_pin, setup_yubico),
		T(a_key_from_its_making_to_its_certificate, setup),
		T(a_key_from_its_making_to_its_certificate, setup_yubico),
		T(only_its_own_certificate, setup),
		T(a_key_in_the_place_of_another, setup),
		T(a_key_in_the_place_of_another, setup_yubico),
		T(a_slot_that_cannot_be_shown_is_not_free, setup),
		T(a_long_object_that_cannot_be_shown_is_not_free, setup),
		T(a_key_that_only_the_card_tells_of_is_not_overwritten, setup_yubico),
		T(where_a_key_goes_that_names_no_place, setup),
		T(nothing_goes_to_9e_by_itself, setup),
		T(wishes_that_the_card_does_not_know, setup),
		T(wishes_that_a_yubikey_knows, setup_yubico),
		T(pulled_out_while_it_writes, setup),
		T(pulled_out_while_it_writes, setup_yubico),
		T(another_program_resets, setup),
		T(a_card_without_a_name, setup),
		T(a_card_without_a_name, setup_yubico),
		T(short_commands_do_it_too, setup),
		T(the_puk, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
