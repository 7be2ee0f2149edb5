/* SPDX-License-Identifier: Apache-2.0 */
/* Unlock by phone and statements about keys through libukey, on a personalised token (LC-18). */
#include "tests/wire/driver_bench.h"

#include "common/unlock.h"

#include <stdlib.h>
#include <string.h>

static struct personal personal; /* of chip[0] */

/* As bench_setup_operational, with the token from the factory. */
static int setup_with(void **state, const struct personal_options *options)
{
	struct bench *b;

	if (bench_setup(state) != 0)
		return -1;
	b = *state;
	personal_make(b->chip[0], options, &personal);
	bench_refresh(b);
	bench_initialize(b->t);
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, NULL);
}

static int setup_without_unlock_key(void **state)
{
	static const struct personal_options options = {.no_unlock_key = true};
	return setup_with(state, &options);
}

static void cmac(struct bytes in, uint8_t mac[UNLOCK_MAC_SIZE])
{
	assert_true(scp_cmac(&scp_openssl, BYTES_OF(personal.unlock_key), &in, 1, mac));
}

/* The desk's end. */
static void respond(const uint8_t challenge[UKEY_CHALLENGE_SIZE], uint8_t out[UKEY_RESPONSE_SIZE])
{
	uint8_t input[UNLOCK_INPUT_MAX], mac[UNLOCK_MAC_SIZE];
	struct builder b = builder_of(input, sizeof input);
	struct unlock_challenge c;

	assert_true(unlock_challenge_parse(BYTES(challenge, UKEY_CHALLENGE_SIZE), &c));
	unlock_response_input(&b, &c, UNLOCK_SET_USER_PIN);
	cmac(builder_bytes(&b), mac);
	unlock_response_cut(mac, out);
}

static void proof_of(const uint8_t challenge[UKEY_CHALLENGE_SIZE], uint8_t out[UKEY_PROOF_SIZE])
{
	uint8_t input[UNLOCK_INPUT_MAX], mac[UNLOCK_MAC_SIZE];
	struct builder b = builder_of(input, sizeof input);
	struct unlock_challenge c;

	assert_true(unlock_challenge_parse(BYTES(challenge, UKEY_CHALLENGE_SIZE), &c));
	unlock_proof_input(&b, c.version, c.serial, (uint16_t)(c.counter + 1));
	cmac(builder_bytes(&b), mac);
	unlock_proof_cut(mac, out);
}

static void block_the_pin(struct bench *b)
{
	while (bench_info(b).user_pin.tries_left > 0)
		is(ukey_login(b->t, UKEY_USER, PIN("654321")), UKEY_PIN_INCORRECT);
}

static void the_holder_unlocks_by_phone(void **state)
{
	struct bench *b = *state;
	uint8_t challenge[UKEY_CHALLENGE_SIZE], response[UKEY_RESPONSE_SIZE], proof[UKEY_PROOF_SIZE],
		want[UKEY_PROOF_SIZE];

	is(ukey_unlock_proof(b->t, proof), UKEY_NOT_FOUND);
	block_the_pin(b);
	const unsigned long before = b->chip[0]->apdus;
	ok(ukey_unlock_challenge(b->t, challenge));
	respond(challenge, response);
	ok(ukey_unlock_respond(b->t, response, PIN("739164"), proof));
	/* the channel was there: one command each */
	assert_int_equal(b->chip[0]->apdus - before, 2);
	proof_of(challenge, want);
	assert_memory_equal(proof, want, sizeof want);
	assert_int_equal(bench_info(b).user_pin.tries_left, 6);
	assert_int_equal(bench_info(b).unlock_key.tries_left, 10);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ok(ukey_login(b->t, UKEY_USER, PIN("739164")));
	/* a second time the same answer is worth nothing */
	is(ukey_unlock_respond(b->t, response, PIN("739165"), proof), UKEY_UNLOCK_OVER);
	memset(proof, 0, sizeof proof);
	ok(ukey_unlock_proof(b->t, proof));
	assert_memory_equal(proof, want, sizeof want);
	ok(ukey_token_reload(b->t));
	assert_int_equal(bench_info(b).user_pin.tries_left, 6);
}

static void a_wrong_answer_costs_a_try_and_three_the_challenge(void **state)
{
	struct bench *b = *state;
	uint8_t challenge[UKEY_CHALLENGE_SIZE], response[UKEY_RESPONSE_SIZE], proof[UKEY_PROOF_SIZE];

	ok(ukey_unlock_challenge(b->t, challenge));
	respond(challenge, response);
	response[0] ^= 0x01;
	for (unsigned left = 10; left-- > 7;) {
		is(ukey_unlock_respond(b->t, response, PIN("739164"), proof), UKEY_UNLOCK_WRONG);
		assert_int_equal(bench_info(b).unlock_key.tries_left, left);
	}
	response[0] ^= 0x01;
	is(ukey_unlock_respond(b->t, response, PIN("739164"), proof), UKEY_UNLOCK_OVER);
	assert_int_equal(bench_info(b).unlock_key.tries_left, 7);
	ok(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)));
}

static void no_answers_are_left_after_ten(void **state)
{
	struct bench *b = *state;
	uint8_t challenge[UKEY_CHALLENGE_SIZE], proof[UKEY_PROOF_SIZE];
	const uint8_t response[UKEY_RESPONSE_SIZE] = {0};

	for (unsigned n = 0; n < 10; n++) {
		ok(ukey_unlock_challenge(b->t, challenge));
		is(ukey_unlock_respond(b->t, response, PIN("739164"), proof), UKEY_UNLOCK_WRONG);
		assert_int_equal(bench_info(b).unlock_key.tries_left, 9 - n);
	}
	is(ukey_unlock_respond(b->t, response, PIN("739164"), proof), UKEY_UNLOCK_BLOCKED);
	is(ukey_unlock_challenge(b->t, challenge), UKEY_UNLOCK_BLOCKED);
	assert_int_equal(bench_info(b).unlock_key.tries_left, 0);
}

/* Somebody on the wire who answers the next command with this instruction himself. */
struct liar {
	uint8_t ins;
	uint16_t sw;
};

static void lie(void *arg, struct bytes command, struct builder *answer)
{
	struct liar *l = arg;
	struct apdu a;

	assert_true(apdu_parse(command, &a));
	if (l->ins == 0 || a.ins != l->ins)
		return;
	l->ins = 0;
	answer->len = 0;
	builder_u16(answer, l->sw);
}

static void blocked_is_what_the_token_says_and_nobody_else(void **state)
{
	struct bench *b = *state;
	struct liar liar = {0};
	uint8_t challenge[UKEY_CHALLENGE_SIZE], response[UKEY_RESPONSE_SIZE], proof[UKEY_PROOF_SIZE];

	b->loop->readers[0].falsify = lie;
	b->loop->readers[0].falsify_arg = &liar;
	liar = (struct liar){0x84, 0x6983};
	is(ukey_unlock_challenge(b->t, challenge), UKEY_CHANNEL_LOST);
	assert_int_equal(bench_info(b).unlock_key.tries_left, 10);
	liar = (struct liar){0x84, 0x6A88};
	is(ukey_unlock_challenge(b->t, challenge), UKEY_CHANNEL_LOST);
	ok(ukey_unlock_challenge(b->t, challenge));
	respond(challenge, response);
	response[0] ^= 0x01;
	liar = (struct liar){0x2C, 0x6983};
	is(ukey_unlock_respond(b->t, response, PIN("739164"), proof), UKEY_CHANNEL_LOST);
	assert_int_equal(bench_info(b).unlock_key.tries_left, 9);
	response[0] ^= 0x01;
	ok(ukey_unlock_respond(b->t, response, PIN("739164"), proof));
}

static void a_refused_pin_leaves_the_answer_good(void **state)
{
	const struct ukey_initialize strict = {.label = "Strict",
		.so_pin = (const uint8_t *)SO_PIN,
		.so_len = strlen(SO_PIN),
		.present_so_pin = (const uint8_t *)SO_PIN,
		.present_so_len = strlen(SO_PIN),
		.user_pin = (const uint8_t *)"abc739164",
		.user_len = 9,
		.pin_history = 3};
	struct bench *b = *state;
	uint8_t challenge[UKEY_CHALLENGE_SIZE], response[UKEY_RESPONSE_SIZE], proof[UKEY_PROOF_SIZE];

	ok(ukey_initialize(b->t, &strict));
	ok(ukey_unlock_challenge(b->t, challenge));
	respond(challenge, response);
	is(ukey_unlock_respond(b->t, response, PIN("12345"), proof), UKEY_PIN_LENGTH);
	is(ukey_unlock_respond(b->t, response, PIN("12345\x01"), proof), UKEY_PIN_POLICY);
	/* it was the one before: only the token knows */
	is(ukey_unlock_respond(b->t, response, PIN("abc739164"), proof), UKEY_PIN_POLICY);
	assert_int_equal(bench_info(b).unlock_key.tries_left, 10);
	ok(ukey_unlock_respond(b->t, response, PIN("abc739165"), proof));
	ok(ukey_login(b->t, UKEY_USER, PIN("abc739165")));
}

static void an_answer_of_no_answers_form_never_reaches_the_token(void **state)
{
	struct bench *b = *state;
	uint8_t challenge[UKEY_CHALLENGE_SIZE], response[UKEY_RESPONSE_SIZE], proof[UKEY_PROOF_SIZE];

	ok(ukey_unlock_challenge(b->t, challenge));
	respond(challenge, response);
	response[8] |= 0x01;
	const unsigned long before = b->chip[0]->apdus;
	is(ukey_unlock_respond(b->t, response, PIN("739164"), proof), UKEY_ARGUMENT);
	is(ukey_unlock_respond(b->t, response, NULL, 0, proof), UKEY_ARGUMENT);
	assert_int_equal(b->chip[0]->apdus, before);
}

static void the_challenge_ends_with_the_connection(void **state)
{
	struct bench *b = *state;
	uint8_t challenge[UKEY_CHALLENGE_SIZE], response[UKEY_RESPONSE_SIZE], proof[UKEY_PROOF_SIZE];

	ok(ukey_unlock_challenge(b->t, challenge));
	respond(challenge, response);
	ukey_token_idle(b->t);
	is(ukey_unlock_respond(b->t, response, PIN("739164"), proof), UKEY_UNLOCK_OVER);
	ok(ukey_unlock_challenge(b->t, challenge));
	/* the answer to the one before is wrong for this one */
	is(ukey_unlock_respond(b->t, response, PIN("739164"), proof), UKEY_UNLOCK_WRONG);
	respond(challenge, response);
	loop_reset(b->loop, 0);
	const enum ukey_status s = ukey_unlock_respond(b->t, response, PIN("739164"), proof);
	assert_true(s == UKEY_UNLOCK_OVER || s == UKEY_CHANNEL_LOST || s == UKEY_TOKEN_RESET);
	ok(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)));
}

static void a_token_without_an_unlock_key_says_so(void **state)
{
	struct bench *b = *state;
	uint8_t challenge[UKEY_CHALLENGE_SIZE], proof[UKEY_PROOF_SIZE];

	assert_false(bench_info(b).unlock_key.exists);
	is(ukey_unlock_challenge(b->t, challenge), UKEY_UNLOCK_NONE);
	is(ukey_unlock_proof(b->t, proof), UKEY_UNLOCK_NONE);
}

static void a_blank_token_says_so(void **state)
{
	struct bench *b = *state;
	uint8_t challenge[UKEY_CHALLENGE_SIZE], proof[UKEY_PROOF_SIZE];

	ok(ukey_login(b->t, UKEY_SO, PIN(SO_PIN)));
	ok(ukey_factory_reset(b->t));
	is(ukey_unlock_challenge(b->t, challenge), UKEY_TOKEN_BLANK);
	is(ukey_unlock_proof(b->t, proof), UKEY_TOKEN_BLANK);
}

/* ---- statements ---- */

static enum ukey_status judge(
	struct bench *b, ukey_key_ref ref, struct bytes nonce, struct bytes asked, struct ukey_attestation *out)
{
	uint8_t *statement, *chain, *spki;
	size_t statement_len, chain_len, spki_len;
	const struct ukey_directory *d;

	ok(ukey_attest(b->t, ref, nonce.data, nonce.len, &statement, &statement_len));
	ok(ukey_attestation_chain(b->t, &chain, &chain_len));
	ok(ukey_directory(b->t, &d));
	ok(ukey_key_spki(ukey_directory_key(d, ref), &spki, &spki_len));
	ukey_directory_unref(d);
	enum ukey_status s = ukey_attestation_verify(
		NULL, chain, chain_len, statement, statement_len, spki, spki_len, asked.data, asked.len, out);
	if (s != UKEY_OK)
		print_message("%s\n", ukey_attestation_problem());
	free(statement);
	free(chain);
	free(spki);
	return s;
}

static void a_key_made_here_has_a_true_statement(void **state)
{
	static const enum ukey_algorithm kinds[] = {UKEY_RSA_2048, UKEY_P256, UKEY_P384, UKEY_P521};
	struct bench *b = *state;
	struct ukey_attestation a;
	uint8_t nonce[32];

	memset(nonce, 0x3C, sizeof nonce);
	bench_login(b, UKEY_USER);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		const ukey_key_ref ref = bench_generate(b, -1, kinds[i], UKEY_USE_SIGN);
		ok(judge(b, ref, BYTES(nonce, 8 + 8 * i), BYTES(nonce, 8 + 8 * i), &a));
		assert_string_equal(a.serial, bench_info(b).serial);
		assert_int_equal(a.ref, ref);
		assert_int_equal(a.algorithm, kinds[i]);
		assert_true(a.generated && !a.exportable);
		assert_int_equal(a.usage, UKEY_USE_SIGN);
		assert_int_equal(a.nonce_len, 8 + 8 * i);
		is(judge(b, ref, BYTES(nonce, 16), BYTES(nonce, 17), &a), UKEY_ATTEST_INVALID);
	}
}

static void the_chain_is_read_once(void **state)
{
	struct bench *b = *state;
	uint8_t *chain;
	size_t len;

	ok(ukey_attestation_chain(b->t, &chain, &len));
	assert_int_equal(len, personal.attestation_chain_len);
	assert_memory_equal(chain, personal.attestation_chain, len);
	free(chain);
	const unsigned long before = b->chip[0]->apdus;
	ok(ukey_attestation_chain(b->t, &chain, &len));
	free(chain);
	assert_int_equal(b->chip[0]->apdus, before);
}

static void no_statement_without_a_key_or_a_question(void **state)
{
	struct bench *b = *state;
	const uint8_t nonce[33] = {0};
	uint8_t *der;
	size_t len;

	is(ukey_attest(b->t, 0, nonce, 16, &der, &len), UKEY_NOT_FOUND);
	is(ukey_attest(b->t, 0, nonce, 7, &der, &len), UKEY_ARGUMENT);
	is(ukey_attest(b->t, 0, nonce, 33, &der, &len), UKEY_ARGUMENT);
	is(ukey_attest(b->t, 0, NULL, 16, &der, &len), UKEY_ARGUMENT);
}

static void a_token_of_the_workshop_states_nothing(void **state)
{
	struct bench *b = *state;
	const uint8_t nonce[16] = {0};
	uint8_t *der, challenge[UKEY_CHALLENGE_SIZE];
	size_t len;

	bench_login(b, UKEY_USER);
	const ukey_key_ref ref = bench_generate(b, -1, UKEY_P256, UKEY_USE_SIGN);
	is(ukey_attest(b->t, ref, nonce, sizeof nonce, &der, &len), UKEY_ATTEST_NONE);
	is(ukey_attestation_chain(b->t, &der, &len), UKEY_ATTEST_NONE);
	is(ukey_unlock_challenge(b->t, challenge), UKEY_UNLOCK_NONE);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		CASE(the_holder_unlocks_by_phone),
		CASE(a_wrong_answer_costs_a_try_and_three_the_challenge),
		CASE(no_answers_are_left_after_ten),
		CASE(blocked_is_what_the_token_says_and_nobody_else),
		CASE(a_refused_pin_leaves_the_answer_good),
		CASE(an_answer_of_no_answers_form_never_reaches_the_token),
		CASE(the_challenge_ends_with_the_connection),
		CASE(a_blank_token_says_so),
		cmocka_unit_test_setup_teardown(
			a_token_without_an_unlock_key_says_so, setup_without_unlock_key, bench_teardown),
		CASE(a_key_made_here_has_a_true_statement),
		CASE(the_chain_is_read_once),
		CASE(no_statement_without_a_key_or_a_question),
		cmocka_unit_test_setup_teardown(
			a_token_of_the_workshop_states_nothing, bench_setup_operational, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
