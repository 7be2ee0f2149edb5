/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit of the desk, sitting exactly on it: the last second before, and the second (facts of LC-18, MA-09). The
 * clock is the bench's. And the codes, as they are mistyped.
 */
#include "config.h"

#include "tests/unit/desk_help.h"

#define HOUR 3600
#define DAY  (24 * HOUR)

static int end(void **state)
{
	struct bench *b = *state;
	struct desk_verdict verdict;

	assert_int_equal(desk_record_verify(b->desk, NULL, &verdict), DESK_OK);
	return bench_end(state);
}

static enum desk_status respond(struct bench *b, enum who who, int64_t id, struct soft_token *token)
{
	struct desk_person person = bench_login(b, who);
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE];
	struct code_fault fault;

	token_challenge(token, challenge);
	return desk_respond(b->desk, &person, id, challenge, &fault, answer);
}

static void is(struct bench *b, int64_t id, const char *want)
{
	char state[16];

	bench_state(b, id, state);
	assert_string_equal(state, want);
}

static void a_login_is_good_for_five_minutes(void **state)
{
	struct bench *b = *state;
	struct desk_person olga = bench_login(b, OLGA);
	int64_t start = b->now, id = 0;

	bench_register(b, SERIAL);
	b->now = start + 301;
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "x", &id), DESK_LOGIN_AGE);
	olga = bench_login(b, OLGA);
	b->now += 300;
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "x", &id), DESK_OK);
	/* nor one from the future: a clock that was ahead */
	olga.at = b->now + 301;
	assert_int_equal(desk_reject(b->desk, &olga, id, "x"), DESK_LOGIN_AGE);
}

static void a_request_waits_24_hours(void **state)
{
	struct bench *b = *state;

	bench_register(b, SERIAL);
	int64_t start = b->now, id = bench_request(b, SERIAL, "identified");
	b->now = start + DAY - 1;
	struct desk_person anna = bench_login(b, ANNA);
	is(b, id, "identified");
	assert_int_equal(desk_approve(b->desk, &anna, id), DESK_OK);
	assert_int_equal(desk_reject(b->desk, &anna, id, "x"), DESK_OK);
	start = b->now;
	id = bench_request(b, SERIAL, "identified");
	b->now = start + DAY;
	anna = bench_login(b, ANNA);
	assert_int_equal(desk_approve(b->desk, &anna, id), DESK_EXPIRED);
	is(b, id, "expired");
}

static void an_approval_stands_4_hours(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL);

	bench_register(b, SERIAL);
	int64_t start = b->now, id = bench_request(b, SERIAL, "approved");
	b->now = start + 4 * HOUR;
	assert_int_equal(respond(b, OLGA, id, &token), DESK_EXPIRED);
	start = b->now;
	id = bench_request(b, SERIAL, "approved");
	b->now = start + 4 * HOUR - 1;
	assert_int_equal(respond(b, OLGA, id, &token), DESK_OK);
}

/* And asking again for the same answer does not lengthen it. */
static void an_answer_lives_15_minutes(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL);
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE];
	struct code_fault fault;

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "approved"), start = b->now;
	token_challenge(&token, challenge);
	for (int64_t at = 0; at < 900; at += 450 - 1 + (at == 449)) { /* 0, 449, 899 */
		b->now = start + at;
		struct desk_person olga = bench_login(b, OLGA);
		assert_int_equal(desk_respond(b->desk, &olga, id, challenge, &fault, answer), DESK_OK);
		is(b, id, "answered");
	}
	b->now = start + 900;
	struct desk_person olga = bench_login(b, OLGA);
	assert_int_equal(desk_respond(b->desk, &olga, id, challenge, &fault, answer), DESK_EXPIRED);
	is(b, id, "unconfirmed");
}

/* Three in any 24 hours: a rolling window, so midnight changes nothing. */
static void a_token_gets_three_answers_in_24_hours(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL);
	int64_t id = 0;

	bench_register(b, SERIAL);
	b->now += DAY - b->now % DAY - 2 * 1800; /* two before midnight (UTC), one after */
	int64_t first = b->now;
	for (int i = 0; i < 3; i++, b->now += 1800) {
		id = bench_request(b, SERIAL, "approved");
		assert_int_equal(respond(b, OLGA, id, &token), DESK_OK);
	}
	id = bench_request(b, SERIAL, "approved");
	assert_int_equal(respond(b, OLGA, id, &token), DESK_TOKEN_LIMIT);
	assert_int_equal(respond(b, OTTO, id, &token), DESK_TOKEN_LIMIT); /* whoever asks */
	struct desk_person anna = bench_login(b, ANNA);
	assert_int_equal(desk_reject(b->desk, &anna, id, "limit"), DESK_OK);
	b->now = first + DAY - 1;
	id = bench_request(b, SERIAL, "approved");
	assert_int_equal(respond(b, OLGA, id, &token), DESK_TOKEN_LIMIT);
	b->now = first + DAY;
	assert_int_equal(respond(b, OLGA, id, &token), DESK_OK);
	/* one place was free, not three */
	b->now += 900;
	id = bench_request(b, SERIAL, "approved");
	assert_int_equal(respond(b, OLGA, id, &token), DESK_TOKEN_LIMIT);
	b->now = first + DAY + 1800;
	assert_int_equal(respond(b, OLGA, id, &token), DESK_OK);
}

/* Another token, and another operator, have limits of their own. */
static void an_operator_gives_five_answers_in_an_hour(void **state)
{
	struct bench *b = *state;
	struct soft_token tokens[7];
	int64_t ids[7], first = b->now;

	for (int i = 0; i < 7; i++) { /* the bench allows 5 */
		char serial[17];
		snprintf(serial, sizeof(serial), "00000000000000%02d", i);
		bench_register(b, serial);
		tokens[i] = token_new(serial);
		ids[i] = bench_request(b, serial, "approved");
	}
	for (int i = 0; i < 5; i++)
		assert_int_equal(respond(b, OLGA, ids[i], &tokens[i]), DESK_OK);
	assert_int_equal(respond(b, OLGA, ids[5], &tokens[5]), DESK_OPERATOR_LIMIT);
	assert_int_equal(respond(b, OTTO, ids[6], &tokens[6]), DESK_OK);
	b->now = first + HOUR - 1;
	assert_int_equal(respond(b, OLGA, ids[5], &tokens[5]), DESK_OPERATOR_LIMIT);
	b->now = first + HOUR;
	assert_int_equal(respond(b, OLGA, ids[5], &tokens[5]), DESK_OK);
}

/* Open is what waits for somebody: a request that ended makes place in the same second. */
static void one_open_request_a_token_until_it_ends(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL);
	int64_t id = 0, next = 0;

	bench_register(b, SERIAL);
	id = bench_request(b, SERIAL, "approved");
	assert_int_equal(respond(b, OLGA, id, &token), DESK_OK);
	b->now += 899;
	struct desk_person otto = bench_login(b, OTTO);
	assert_int_equal(desk_request(b->desk, &otto, SERIAL, "x", &next), DESK_OPEN_REQUEST);
	b->now += 1;
	assert_int_equal(desk_request(b->desk, &otto, SERIAL, "x", &next), DESK_OK);
	is(b, id, "unconfirmed");
	is(b, next, "requested");
}

static void the_clock_may_go_back_two_minutes(void **state)
{
	struct bench *b = *state;
	struct desk_person olga = bench_login(b, OLGA);
	int64_t id = 0, start;

	bench_register(b, SERIAL);
	start = b->now;
	b->now = start - 121;
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "x", &id), DESK_CLOCK);
	b->now = start - 120;
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "x", &id), DESK_OK);
	/* and what is written is no earlier than what was written before */
	int64_t disorder = 0;
	assert_int_equal(desk_number(b->desk, &disorder,
				 "SELECT count(*) FROM record a JOIN record b ON b.seq = a.seq + 1"
				 " WHERE json_extract(b.entry, '$.at') < json_extract(a.entry, '$.at')",
				 ""),
		DESK_OK);
	assert_int_equal(disorder, 0);
}

/* ---- what is typed at the desk ---- */

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Every wrong character and every exchange of neighbours is seen, names its group, costs nothing and gives nothing. */
static void a_mistyped_challenge_is_no_challenge(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL);
	char challenge[CODE_TEXT_SIZE], typed[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE] = "";
	struct code_fault fault;
	unsigned tried = 0;

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "approved");
	struct desk_person olga = bench_login(b, OLGA);
	token_challenge(&token, challenge);
	for (size_t i = 0; i < strlen(challenge); i++) {
		unsigned group = (unsigned)(i / 6 + 1);
		if (challenge[i] == '-')
			continue;
		for (const char *c = alphabet; *c != '\0'; c++) {
			if (*c == challenge[i])
				continue;
			strcpy(typed, challenge);
			typed[i] = *c;
			assert_int_equal(desk_respond(b->desk, &olga, id, typed, &fault, answer), DESK_CODE);
			assert_int_equal(fault.error, CODE_CHECK);
			assert_true((fault.groups & 1u << group) != 0);
			tried++;
		}
		size_t next = challenge[i + 1] == '-' ? i + 2 : i + 1;
		if (challenge[i + 1] == '\0' || challenge[next] == challenge[i])
			continue;
		strcpy(typed, challenge);
		typed[i] = challenge[next];
		typed[next] = challenge[i];
		assert_int_equal(desk_respond(b->desk, &olga, id, typed, &fault, answer), DESK_CODE);
		tried++;
	}
	assert_true(tried >= 35 * 31);
	assert_string_equal(answer, "");
	is(b, id, "approved");
	/* in lower case, with O for 0 and I for 1, and blanks: as people type */
	for (size_t i = 0; challenge[i] != '\0'; i++)
		typed[i] = challenge[i] == '-'   ? ' '
			   : challenge[i] == '0' ? 'o'
			   : challenge[i] == '1' ? 'i'
			   : challenge[i] >= 'A' ? (char)(challenge[i] | 0x20)
						 : challenge[i];
	typed[strlen(challenge)] = '\0';
	assert_int_equal(desk_respond(b->desk, &olga, id, typed, &fault, answer), DESK_OK);
	/* an answer or a proof is no challenge, and the desk says which it is */
	assert_int_equal(desk_respond(b->desk, &olga, id, answer, &fault, typed), DESK_CODE);
	assert_int_equal(fault.error, CODE_OTHER);
	assert_int_equal(fault.other, CODE_ANSWER);
}

/* One challenge, one token, one counter, one key version, one time: change any of them, and the answer is nothing. */
static void an_answer_is_bound(void **state)
{
	struct bench *b = *state;
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE], proof[CODE_TEXT_SIZE];
	struct code_fault fault;

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "approved");
	struct soft_token token = token_new(SERIAL);
	token_challenge(&token, challenge);
	struct desk_person olga = bench_login(b, OLGA);
	assert_int_equal(desk_respond(b->desk, &olga, id, challenge, &fault, answer), DESK_OK);
	for (unsigned bit = 0; bit < 8 * UNLOCK_CHALLENGE_SIZE; bit++) { /* every bit of the challenge */
		struct soft_token other = token;
		uint8_t bytes[UNLOCK_CHALLENGE_SIZE];
		struct builder put = builder_of(bytes, sizeof(bytes));
		unlock_challenge_put(&put, &token.challenge);
		bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ (1u << bit % 8));
		assert_true(unlock_challenge_parse(BYTES_OF(bytes), &other.challenge));
		assert_false(token_answer(&other, answer, proof));
	}
	assert_true(token_answer(&token, answer, proof));
	assert_false(token_answer(&token, answer, proof)); /* a second time: the counter went on */
	/* the proof tells of this counter, and no other */
	assert_int_equal(desk_confirm(b->desk, &olga, id, answer, &fault), DESK_CODE);
	assert_int_equal(fault.error, CODE_OTHER);
	assert_int_equal(desk_confirm(b->desk, &olga, id, proof, &fault), DESK_OK);
	id = bench_request(b, SERIAL, "approved");
	token_challenge(&token, challenge);
	assert_int_equal(desk_respond(b->desk, &olga, id, challenge, &fault, answer), DESK_OK);
	assert_int_equal(desk_confirm(b->desk, &olga, id, proof, &fault), DESK_PROOF); /* the last one's */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_new, end)
	const struct CMUnitTest tests[] = {
		TEST(a_login_is_good_for_five_minutes),
		TEST(a_request_waits_24_hours),
		TEST(an_approval_stands_4_hours),
		TEST(an_answer_lives_15_minutes),
		TEST(a_token_gets_three_answers_in_24_hours),
		TEST(an_operator_gives_five_answers_in_an_hour),
		TEST(one_open_request_a_token_until_it_ends),
		TEST(the_clock_may_go_back_two_minutes),
		TEST(a_mistyped_challenge_is_no_challenge),
		TEST(an_answer_is_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
