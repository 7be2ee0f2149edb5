/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PIV card belongs to all programs: another one resets it, logs out, selects an application beside PIV; somebody
 * pulls it; it lies. (OpenSC's issues 1849, 2897, 3108 are of this kind.)
 */
#include "tests/wire/piv_bench.h"

#include "driver/token.h"

#include <stdlib.h>
#include <string.h>

/* ---- another application is selected ----------------------------------------------------------------------------- */

/* Selected by somebody else, and what it says to PIV's commands, until PIV is selected again. */
static bool other;
static uint16_t other_sw;
static struct ramtoken *chip;

static void other_hears(void *arg, struct builder *command)
{
	struct apdu a;

	(void)arg;
	if (!other || !apdu_parse(builder_bytes(command), &a))
		return;
	if (a.ins == 0xA4) {
		/* What was verified is not any more. */
		other = false;
		ramtoken_power_cycle(chip);
		return;
	}
	/* A command that nobody knows. */
	command->len = 0;
	builder_put(command, wire_hex("00FE0000"));
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

static const uint16_t words[] = {0x6D00, 0x6E00, 0x6A82, 0x6A81, 0x6A86, 0x6A88, 0x6982, 0x6B00, 0x6700};
#define WORDS (sizeof words / sizeof words[0])

static void begin(struct bench *b, uint16_t sw)
{
	chip = b->chip[0];
	other = false;
	other_sw = sw;
	b->loop->readers[0].alter = other_hears;
	b->loop->readers[0].falsify = other_says;
	piv_bench_restart(b);
	piv_bench_refresh(b);
}

static void log_in(struct bench *b)
{
	if (bench_info(b).role == UKEY_NOBODY)
		ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
}

static size_t key_count(struct bench *b)
{
	const struct ukey_directory *d;

	ok(ukey_directory(b->t, &d));
	const size_t n = d->key_count;
	ukey_directory_unref(d);
	return n;
}

static void a_log_in_finds_piv_again(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < WORDS; i++) {
		begin(b, words[i]);
		other = true;
		log_in(b);
		assert_false(other);
		assert_int_equal(bench_info(b).role, UKEY_USER);
		ok(piv_bench_sign(b, REF_9A));
		/* once more, when it is known which PIN */
		ok(ukey_logout(b->t));
		other = true;
		log_in(b);
		ok(piv_bench_sign(b, REF_9A));
		ok(ukey_logout(b->t));
		other = true;
		ok(ukey_change_pin(b->t, UKEY_USER, PIN(PIV_PIN), PIN(PIV_PIN)));
		ok(piv_bench_sign(b, REF_9A));
		other = true;
		ok(ukey_change_pin(b->t, UKEY_SO, PIN(PIV_PUK), PIN(PIV_PUK)));
		is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
		other = true;
		ok(ukey_unlock_pin(b->t, PIN(PIV_PUK), PIN(PIV_PIN)));
		log_in(b);
		other = true;
		ok(ukey_logout(b->t));
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	}
}

static void a_directory_is_piv_s_own(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < WORDS; i++) {
		begin(b, words[i]);
		other = true;
		assert_int_equal(key_count(b), PIV_USUAL);
		assert_false(other);
		/* and a certificate, should it be gone from memory */
		uint8_t *der;
		size_t len;
		token_forget_certificates(b->t);
		trusted_forget_cache();
		other = true;
		ok(ukey_read_certificate(b->t, REF_9C, &der, &len));
		free(der);
		assert_false(other);
	}
}

/* What the other application does not know, the card may: a key whose certificate somebody has erased. */
static void a_directory_has_what_only_the_card_tells_of(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < WORDS; i++) {
		begin(b, words[i]);
		assert_int_equal(key_count(b), PIV_USUAL);
		uint8_t *image = ramtoken_snapshot(b->chip[0]);
		piv_admin(b->chip[0]);
		piv_put(b->chip[0], 0x5FC10A, BYTES(&(uint8_t){0}, 0), SW_OK);
		ukey_directory_doubt(b->t);
		other = true;
		assert_int_equal(key_count(b), PIV_USUAL);
		assert_false(other);
		ramtoken_restore(b->chip[0], image);
		free(image);
	}
}

/* Found while the directory was read, for an operation that then was refused: nobody is in any more all the same. */
static void who_was_put_out_is_not_in(void **state)
{
	const struct ukey_scheme raw = {.padding = UKEY_RAW};
	struct bench *b = *state;
	uint8_t in[256] = {0}, out[256];
	size_t len = sizeof out;

	begin(b, 0x6D00);
	log_in(b);
	ok(piv_bench_sign(b, REF_9A));
	ukey_directory_doubt(b->t);
	other = true;
	is(ukey_decrypt(b->t, REF_9C, &raw, in, sizeof in, out, &len), UKEY_KEY_USAGE);
	assert_false(other);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
}

static void a_key_that_needs_no_pin_works_again(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < WORDS; i++) {
		begin(b, words[i]);
		log_in(b);
		ok(piv_bench_sign(b, REF_9E));
		other = true;
		ok(piv_bench_sign(b, REF_9E));
		/* Who was in is not. */
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
		is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
		log_in(b);
		ok(piv_bench_sign(b, REF_9A));
	}
}

static void a_key_that_needs_the_pin_says_so(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < WORDS; i++)
		for (int always = 0; always < 2; always++) {
			const ukey_key_ref ref = always ? REF_9C : REF_9A;
			begin(b, words[i]);
			log_in(b);
			ok(piv_bench_sign(b, REF_9D));
			other = true;
			is(piv_bench_sign(b, ref), UKEY_NOT_LOGGED_IN);
			assert_int_equal(bench_info(b).role, UKEY_NOBODY);
			log_in(b);
			ok(piv_bench_sign(b, ref));
		}
}

/* In earnest: a token with both applications, behind an ATR that does not say so. */
static void our_own_application_is_selected(void **state)
{
	struct bench *b = *state;
	const struct bytes atr = b->chip[0]->atr;

	b->chip[0]->piv_only = false;
	loop_plug(b->loop, 0, b->chip[0]);
	b->chip[0]->atr = atr;
	piv_bench_refresh(b);
	assert_int_equal(bench_info(b).application, UKEY_APPLICATION_PIV);
	for (int round = 0; round < 2; round++) {
		log_in(b);
		ok(piv_bench_sign(b, REF_9A));
		wire(b->chip[0], SELECT_UKEY, SW_OK);
		is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
		wire(b->chip[0], SELECT_UKEY, SW_OK);
		log_in(b);
		ok(piv_bench_sign(b, REF_9A));
		wire(b->chip[0], SELECT_UKEY, SW_OK);
		ok(piv_bench_sign(b, REF_9E));
		wire(b->chip[0], SELECT_UKEY, SW_OK);
		token_stale(b->t);
		assert_int_equal(key_count(b), PIV_USUAL);
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	}
}

/* ---- logged out, reset ------------------------------------------------------------------------------------------- */

static void another_program_logs_out(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	log_in(b);
	ok(piv_bench_sign(b, REF_9A));
	wire(b->chip[0], "0020FF80", SW_OK);
	is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ok(piv_bench_sign(b, REF_9E));
	log_in(b);
	ok(piv_bench_sign(b, REF_9A));
}

static void another_program_resets(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	ok(piv_bench_sign(b, REF_9E));
	loop_reset(b->loop, 0);
	ok(piv_bench_sign(b, REF_9E)); /* nobody was in: nothing was lost */
	log_in(b);
	ok(piv_bench_sign(b, REF_9A));
	loop_reset(b->loop, 0);
	is(piv_bench_sign(b, REF_9A), UKEY_TOKEN_RESET);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
	log_in(b);
	ok(piv_bench_sign(b, REF_9A));
	/* A key that wants no PIN has lost nothing; the others hear of it as before. */
	loop_reset(b->loop, 0);
	ok(piv_bench_sign(b, REF_9E));
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
	log_in(b);
	loop_reset(b->loop, 0);
	ok(ukey_logout(b->t));
	loop_reset(b->loop, 0);
	log_in(b);
	loop_reset(b->loop, 0);
	is(ukey_login_again(b->t, PIN(PIV_PIN)), UKEY_TOKEN_RESET);
	log_in(b);
}

/* ---- at each APDU ------------------------------------------------------------------------------------------------ */

/* From nothing to a signature. UKEY_NO_TOKEN: it was not even found. */
static enum ukey_status attempt(struct bench *b)
{
	const struct ukey_directory *d;
	struct ukey_token **list;
	size_t count;
	enum ukey_status status = ukey_refresh(b->u);

	ukey_token_unref(b->t);
	b->t = NULL;
	ok(status);
	ok(ukey_tokens(b->u, &list, &count));
	if (count > 0)
		b->t = ukey_token_ref(list[0]);
	ukey_tokens_free(list, count);
	if (!b->t)
		return UKEY_NO_TOKEN;
	status = ukey_directory(b->t, &d);
	if (status != UKEY_OK)
		return status;
	assert_int_equal(d->key_count, PIV_USUAL);
	ukey_directory_unref(d);
	if (bench_info(b).role == UKEY_NOBODY)
		status = ukey_login(b->t, UKEY_USER, PIN(PIV_PIN));
	if (status != UKEY_OK)
		return status;
	static const uint8_t digest[32] = "a digest of something important";
	uint8_t signature[512];
	size_t len = sizeof signature;
	const struct ukey_scheme scheme = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256};
	return ukey_sign(b->t, REF_9A, &scheme, digest, sizeof digest, signature, &len);
}

static void pull_at_each(struct bench *b, bool short_only)
{
	struct loop_reader *r = &b->loop->readers[0];
	unsigned n = 0;

	r->short_only = short_only;
	r->max_apdu = short_only ? 256 : 0;
	for (int pull = LOOP_BEFORE; pull <= LOOP_AFTER; pull++)
		for (n = 1;; n++) {
			piv_bench_restart(b);
			r->pull = (enum loop_pull)pull;
			r->unplug_at = n;
			enum ukey_status status = attempt(b);
			const bool over = r->unplug_at > 0;
			r->unplug_at = 0;
			if (over) {
				ok(status);
				break;
			}
			if (status != UKEY_NO_TOKEN)
				is(status, UKEY_TOKEN_REMOVED);
			loop_plug(b->loop, 0, b->chip[0]);
			ok(attempt(b));
		}
	assert_in_range(n, short_only ? 18 : 11, short_only ? 40 : 13);
}

static void pulled_at_any_moment(void **state)
{
	pull_at_each(*state, false);
}

static void pulled_at_any_moment_in_short_apdus(void **state)
{
	pull_at_each(*state, true);
}

static void reset_at_any_moment(void **state)
{
	struct bench *b = *state;
	struct loop_reader *r = &b->loop->readers[0];

	for (unsigned n = 1;; n++) {
		piv_bench_restart(b);
		r->reset_at = n;
		enum ukey_status status = attempt(b);
		if (r->reset_at > 0)
			break;
		if (status != UKEY_OK)
			is(status, UKEY_TOKEN_RESET);
		ok(attempt(b));
	}
	r->reset_at = 0;
}

static void busy_at_any_moment(void **state)
{
	struct bench *b = *state;
	struct loop_reader *r = &b->loop->readers[0];

	for (unsigned n = 1;; n++) {
		piv_bench_restart(b);
		r->busy_at = n;
		enum ukey_status status = attempt(b);
		if (r->busy_at > 0)
			break;
		if (status != UKEY_NO_TOKEN)
			is(status, UKEY_TOKEN_BUSY);
		ok(attempt(b));
	}
	r->busy_at = 0;
}

/* ---- lies -------------------------------------------------------------------------------------------------------- */

static struct {
	unsigned at; /* the answer, counted from 1 */
	unsigned seen, byte;
	int how; /* 0: a bit, 1: cut off, 2: one more, 3: nothing, 4: long */
} lie;

static void tell_it(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	(void)command;
	if (++lie.seen != lie.at || answer->len < 2)
		return;
	const size_t data = answer->len - 2;
	answer->len = data;
	switch (lie.how) {
	case 0:
		if (data > 0)
			answer->data[lie.byte % data] ^= (uint8_t)(1u << lie.byte % 8);
		break;
	case 1:
		answer->len = data ? lie.byte % data : 0;
		break;
	case 2:
		builder_u8(answer, 0x42);
		break;
	case 3:
		answer->len = 0;
		break;
	default:
		for (int i = 0; i < 4000; i++)
			builder_u8(answer, 0xFF);
		break;
	}
	answer->failed = false;
	builder_u16(answer, SW_OK);
}

/* What comes of it is anybody's guess; but nothing breaks, and with the truth it works. */
static void lies_break_nothing(void **state)
{
	struct bench *b = *state;
	static const enum ukey_status possible[] = {UKEY_OK, UKEY_NO_TOKEN, UKEY_TOKEN_PROTOCOL, UKEY_NOT_FOUND,
		UKEY_TOKEN_REMOVED, UKEY_NOT_LOGGED_IN, UKEY_PIN_NOT_SET, UKEY_DATA_INVALID, UKEY_KEY_CHANGED};

	b->loop->readers[0].falsify = tell_it;
	for (unsigned at = 1; at <= 11; at++)
		for (int how = 0; how < 5; how++)
			for (unsigned byte = 0; byte < (how < 2 ? 12u : 1u); byte++) {
				const struct ukey_directory *d;
				uint8_t out[512];
				size_t len = sizeof out, i = 0;
				struct ukey_token **list;
				size_t count;
				piv_bench_restart(b);
				lie.at = at;
				lie.seen = 0;
				lie.byte = byte * 7 + at;
				lie.how = how;
				ok(ukey_refresh(b->u));
				ok(ukey_tokens(b->u, &list, &count));
				if (count > 0)
					b->t = ukey_token_ref(list[0]);
				ukey_tokens_free(list, count);
				enum ukey_status status = b->t ? ukey_directory(b->t, &d) : UKEY_NO_TOKEN;
				if (status == UKEY_OK) {
					ukey_directory_unref(d);
					status = ukey_login(b->t, UKEY_USER, PIN(PIV_PIN));
				}
				if (status == UKEY_OK)
					status = ukey_sign(b->t, REF_9E, &(struct ukey_scheme){.padding = UKEY_ECDSA},
						(const uint8_t *)"digest", 6, out, &len);
				while (i < sizeof possible / sizeof possible[0] && possible[i] != status)
					i++;
				if (i == sizeof possible / sizeof possible[0])
					is(status, UKEY_OK);
				lie.at = 0;
				ukey_token_unref(b->t);
				b->t = NULL;
				loop_plug(b->loop, 0, b->chip[0]);
				piv_bench_refresh(b);
				ok(piv_bench_sign(b, REF_9E));
			}
}

#define USUAL(test) cmocka_unit_test_setup_teardown(test, piv_bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		USUAL(a_log_in_finds_piv_again),
		USUAL(a_directory_is_piv_s_own),
		cmocka_unit_test_setup_teardown(
			a_directory_has_what_only_the_card_tells_of, piv_bench_setup_yubico, bench_teardown),
		USUAL(who_was_put_out_is_not_in),
		USUAL(a_key_that_needs_no_pin_works_again),
		USUAL(a_key_that_needs_the_pin_says_so),
		USUAL(our_own_application_is_selected),
		USUAL(another_program_logs_out),
		USUAL(another_program_resets),
		USUAL(pulled_at_any_moment),
		USUAL(pulled_at_any_moment_in_short_apdus),
		USUAL(reset_at_any_moment),
		USUAL(busy_at_any_moment),
		USUAL(lies_break_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
