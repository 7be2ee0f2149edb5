/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of unlocking (LC-18, RO-01 to RO-03, MA-09, SE-02): each step, each limit, each refusal. */
#include "config.h"

#include "tests/unit/desk_help.h"

#include <sys/wait.h>
#include <unistd.h>

#define STATE(id, want)                                                                                                \
	do {                                                                                                           \
		char is_[16];                                                                                          \
		bench_state(b, id, is_);                                                                               \
		assert_string_equal(is_, want);                                                                        \
	} while (0)

/* The record is right after everything these tests do; and what was refused is in it. */
static int end(void **state)
{
	struct bench *b = *state;
	struct desk_verdict verdict;

	assert_int_equal(desk_record_verify(b->desk, NULL, &verdict), DESK_OK);
	return bench_end(state);
}

static int64_t refusals(struct bench *b, const char *why)
{
	int64_t n = 0;

	assert_int_equal(desk_number(b->desk, &n,
				 "SELECT count(*) FROM record WHERE json_extract(entry, '$.what') = 'refused'"
				 " AND json_extract(entry, '$.why') = ?1",
				 "t", why),
		DESK_OK);
	return n;
}

/* Answers request `id` and gives the code. */
static enum desk_status respond(struct bench *b, enum who who, int64_t id, const char *challenge, char *answer)
{
	struct desk_person person = bench_login(b, who);
	struct code_fault fault;

	return desk_respond(b->desk, &person, id, challenge, &fault, answer);
}

static void the_whole_way(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL), other = token_new("0102030405060709");
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE], proof[CODE_TEXT_SIZE];
	struct code_fault fault;

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "approved");
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	STATE(id, "answered");
	/* useless on another token, and with another challenge of the same */
	token_challenge(&other, challenge);
	assert_false(token_answer(&other, answer, proof));
	assert_true(token_answer(&token, answer, proof));
	assert_false(token_answer(&token, answer, proof + 0));
	struct desk_person olga = bench_login(b, OLGA);
	assert_int_equal(desk_confirm(b->desk, &olga, id, proof, &fault), DESK_OK);
	STATE(id, "confirmed");
	assert_int_equal(desk_confirm(b->desk, &olga, id, proof, &fault), DESK_TRANSITION);
}

static void nobody_decides_alone(void **state)
{
	struct bench *b = *state;
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE];
	struct soft_token token = token_new(SERIAL);
	int64_t id = 0;

	bench_register(b, SERIAL);
	struct desk_person otto = bench_login(b, OTTO), olga = bench_login(b, OLGA), anna = bench_login(b, ANNA);
	struct desk_person aude = bench_login(b, AUDE), arno = bench_login(b, ARNO);
	assert_int_equal(desk_request(b->desk, &arno, SERIAL, "x", &id), DESK_ROLE);
	assert_int_equal(desk_request(b->desk, &aude, SERIAL, "x", &id), DESK_ROLE);
	assert_int_equal(desk_request(b->desk, &otto, SERIAL, "forgotten", &id), DESK_OK);
	assert_int_equal(desk_approve(b->desk, &anna, id), DESK_TRANSITION); /* not identified yet */
	json_t *evidence = bench_evidence();
	assert_int_equal(desk_identify(b->desk, &anna, id, evidence), DESK_OK);
	json_decref(evidence);
	assert_int_equal(desk_approve(b->desk, &otto, id), DESK_SAME_PERSON); /* asked for it */
	assert_int_equal(desk_approve(b->desk, &anna, id), DESK_SAME_PERSON); /* checked the identity */
	assert_int_equal(desk_reject(b->desk, &otto, id, "x"), DESK_SAME_PERSON);
	assert_int_equal(desk_approve(b->desk, &olga, id), DESK_ROLE);
	assert_int_equal(desk_approve(b->desk, &aude, id), DESK_ROLE);
	assert_int_equal(desk_approve(b->desk, &arno, id), DESK_OK);
	assert_int_equal(desk_approve(b->desk, &arno, id), DESK_TRANSITION); /* once */
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, ARNO, id, challenge, answer), DESK_ROLE);
	assert_int_equal(respond(b, OTTO, id, challenge, answer), DESK_OK);
	assert_int_equal(refusals(b, "SAME_PERSON"), 3);
	assert_true(refusals(b, "ROLE") >= 5);
}

/* Who approved does not answer, whatever their roles. */
static void approver_does_not_answer(void **state)
{
	struct bench *b = *state;
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE];
	struct soft_token token = token_new(SERIAL);

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "approved"); /* by Anna, who is an operator too */
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, ANNA, id, challenge, answer), DESK_SAME_PERSON);
}

static void every_item_needs_its_evidence(void **state)
{
	struct bench *b = *state;
	json_t *evidence = bench_evidence(), *items = NULL;

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "requested");
	struct desk_person olga = bench_login(b, OLGA);
	assert_int_equal(desk_checklist(b->desk, id, &items), DESK_OK);
	assert_int_equal(json_array_size(items), 4);
	json_decref(items);
	json_object_set_new(evidence, "letter", json_string(""));
	assert_int_equal(desk_identify(b->desk, &olga, id, evidence), DESK_CHECKLIST);
	json_object_del(evidence, "letter");
	assert_int_equal(desk_identify(b->desk, &olga, id, evidence), DESK_CHECKLIST);
	json_object_set_new(evidence, "letter", json_string("2026-1"));
	json_object_set_new(evidence, "horoscope", json_string("fine"));
	assert_int_equal(desk_identify(b->desk, &olga, id, evidence), DESK_CHECKLIST);
	json_object_del(evidence, "horoscope");
	assert_int_equal(desk_identify(b->desk, &olga, id, evidence), DESK_OK);
	assert_int_equal(desk_identify(b->desk, &olga, id, evidence), DESK_TRANSITION);
	json_decref(evidence);
}

static void one_open_request_a_token(void **state)
{
	struct bench *b = *state;
	int64_t id, second = 0;

	bench_register(b, SERIAL);
	id = bench_request(b, SERIAL, "approved");
	struct desk_person olga = bench_login(b, OLGA), anna = bench_login(b, ANNA);
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "again", &second), DESK_OPEN_REQUEST);
	assert_int_equal(desk_reject(b->desk, &anna, id, "caller hung up"), DESK_OK);
	STATE(id, "rejected");
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "again", &second), DESK_OK);
	assert_int_equal(refusals(b, "OPEN_REQUEST"), 1);
	/* the database itself holds the rule too */
	assert_int_not_equal(
		desk_run(b->desk, "UPDATE request SET state = 'approved' WHERE id = ?1", "i", id), DESK_OK);
}

/* Three answers in any 24 hours, repeats included. */
static void three_answers_a_token_a_day(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL);
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE], again[CODE_TEXT_SIZE], proof[CODE_TEXT_SIZE];

	bench_register(b, SERIAL);
	int64_t start = b->now;
	int64_t id = bench_request(b, SERIAL, "approved");
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	assert_int_equal(respond(b, OLGA, id, challenge, again), DESK_OK);
	assert_string_equal(answer, again);
	assert_int_equal(respond(b, OTTO, id, challenge, again), DESK_TRANSITION); /* Olga's */
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, again), DESK_OTHER_CHALLENGE);
	b->now += 1000;
	id = bench_request(b, SERIAL, "approved");
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	b->now += 1000;
	id = bench_request(b, SERIAL, "approved");
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, again), DESK_TOKEN_LIMIT);
	STATE(id, "approved");
	/* the first answer is a day old: its place is free, and the approval has lapsed */
	b->now = start + 86400;
	assert_int_equal(respond(b, OLGA, id, challenge, again), DESK_EXPIRED);
	id = bench_request(b, SERIAL, "approved");
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	assert_true(token_answer(&token, answer, proof));
}

static void an_operator_answers_so_many_an_hour(void **state)
{
	struct bench *b = *state;
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE], serial[17];

	for (int i = 0; i < 6; i++) { /* the bench allows 5 */
		snprintf(serial, sizeof(serial), "00000000000000%02d", i);
		bench_register(b, serial);
		struct soft_token token = token_new(serial);
		int64_t id = bench_request(b, serial, "approved");
		token_challenge(&token, challenge);
		assert_int_equal(respond(b, OLGA, id, challenge, answer), i < 5 ? DESK_OK : DESK_OPERATOR_LIMIT);
		if (i == 5) {
			b->now += 3600;
			assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
		}
	}
}

/* After 15 minutes an answer counts as perhaps used; its proof is still taken. */
static void an_answer_is_good_for_15_minutes(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL);
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE], proof[CODE_TEXT_SIZE];
	struct code_fault fault;
	int64_t next = 0;

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "approved");
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	b->now += 15 * 60 - 1;
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	b->now += 1;
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_EXPIRED);
	STATE(id, "unconfirmed");
	struct desk_person olga = bench_login(b, OLGA);
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "again", &next), DESK_OK);
	assert_true(token_answer(&token, answer, proof));
	assert_int_equal(desk_confirm(b->desk, &olga, id, proof, &fault), DESK_OK);
	STATE(id, "confirmed");
}

static void requests_and_approvals_lapse(void **state)
{
	struct bench *b = *state;
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE];
	struct soft_token token = token_new(SERIAL);

	bench_register(b, SERIAL);
	token_challenge(&token, challenge);
	int64_t id = bench_request(b, SERIAL, "approved");
	b->now += 4 * 3600;
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_EXPIRED);
	STATE(id, "expired");
	id = bench_request(b, SERIAL, "identified");
	b->now += 24 * 3600;
	struct desk_person anna = bench_login(b, ANNA);
	assert_int_equal(desk_approve(b->desk, &anna, id), DESK_EXPIRED);
	STATE(id, "expired");
}

static void only_an_active_token(void **state)
{
	static const char *const states[] = {"suspended", "lost", "terminated"};
	struct bench *b = *state;
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE], serial[17];
	int64_t id = 0;

	for (size_t i = 0; i < COUNT(states); i++) {
		snprintf(serial, sizeof(serial), "00000000000000%02zu", i);
		bench_register(b, serial);
		struct soft_token token = token_new(serial);
		int64_t open = bench_request(b, serial, "approved");
		struct desk_person anna = bench_login(b, ANNA), olga = bench_login(b, OLGA);
		assert_int_equal(desk_token_state(b->desk, &anna, serial, states[i], "said so"), DESK_OK);
		token_challenge(&token, challenge);
		assert_int_equal(respond(b, OLGA, open, challenge, answer), DESK_TOKEN_STATE);
		assert_int_equal(desk_reject(b->desk, &anna, open, "token"), DESK_OK);
		assert_int_equal(desk_request(b->desk, &olga, serial, "x", &id), DESK_TOKEN_STATE);
		/* back: never from terminated, and not by an operator */
		assert_int_equal(
			desk_token_state(b->desk, &olga, serial, "active", "x"), i < 2 ? DESK_ROLE : DESK_TRANSITION);
		assert_int_equal(
			desk_token_state(b->desk, &anna, serial, "active", "x"), i < 2 ? DESK_OK : DESK_TRANSITION);
	}
}

static int64_t alarms(struct bench *b)
{
	int64_t n = 0;

	assert_int_equal(desk_number(b->desk, &n,
				 "SELECT count(*) FROM record WHERE json_extract(entry, '$.alarm-counter') = 1", ""),
		DESK_OK);
	return n;
}

static void only_a_fitting_challenge(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL), other = token_new("0102030405060709");
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE], proof[CODE_TEXT_SIZE];
	struct code_fault fault;

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "approved");
	token_challenge(&other, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OTHER_TOKEN);
	token.challenge.version = 2;
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_KEY_VERSION);
	token.challenge.version = 1;
	token.challenge.counter = 7;
	token_challenge(&token, challenge);
	challenge[0] = challenge[0] == '0' ? '1' : '0';
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_CODE);
	challenge[0] = '0';
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	struct desk_person olga = bench_login(b, OLGA);
	assert_int_equal(desk_confirm(b->desk, &olga, id, "00000-000PF", &fault), DESK_PROOF);
	STATE(id, "answered");
	assert_true(token_answer(&token, answer, proof));
	assert_int_equal(desk_confirm(b->desk, &olga, id, proof, &fault), DESK_OK);
	/* a token whose counter went back is a copy, or not this token */
	id = bench_request(b, SERIAL, "approved");
	token.challenge.counter = 7;
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_COUNTER_BACK);
	/* one that is ahead by an answer that nobody confirmed is what we gave; by more is not */
	token.challenge.counter = 8;
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	b->now += 15 * 60;
	id = bench_request(b, SERIAL, "approved");
	token.challenge.counter = 9;
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	assert_int_equal(alarms(b), 0);
	assert_true(token_answer(&token, answer, proof));
	olga = bench_login(b, OLGA);
	assert_int_equal(desk_confirm(b->desk, &olga, id, proof, &fault), DESK_OK);
	b->now += 86400;
	id = bench_request(b, SERIAL, "approved");
	token.challenge.counter = 11;
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	assert_int_equal(alarms(b), 1);
	assert_true(token_answer(&token, answer, proof));
	olga = bench_login(b, OLGA);
	assert_int_equal(desk_confirm(b->desk, &olga, id, proof, &fault), DESK_OK);
	id = bench_request(b, SERIAL, "approved");
	/* one that is far ahead is answered, with an alarm in the record */
	token.challenge.counter = 20;
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
	assert_int_equal(alarms(b), 2);
}

static void people_prove_who_they_are(void **state)
{
	struct bench *b = *state;
	struct desk_signer arno = bench_signer(b, ARNO), anna = bench_signer(b, ANNA);
	struct desk_person person;
	int64_t id;

	assert_int_equal(desk_login(b->desk, "anna", &arno, &person), DESK_LOGIN_FAILED);
	assert_int_equal(desk_login(b->desk, "nobody", &anna, &person), DESK_STAFF_UNKNOWN);
	assert_int_equal(refusals(b, "LOGIN_FAILED"), 1);
	assert_int_equal(refusals(b, "STAFF_UNKNOWN"), 1);
	person = bench_login(b, OLGA);
	bench_register(b, SERIAL);
	b->now += 301;
	assert_int_equal(desk_request(b->desk, &person, SERIAL, "x", &id), DESK_LOGIN_AGE);
	b->now += 86400L * 400; /* certificates are a year old then */
	assert_int_equal(desk_login(b->desk, "anna", &anna, &person), DESK_LOGIN_FAILED);
}

static void staff_changes_need_two(void **state)
{
	struct bench *b = *state;
	struct desk_person anna = bench_login(b, ANNA), aude = bench_login(b, AUDE), olga = bench_login(b, OLGA);
	struct bytes der = BYTES(b->staff[OLGA].der, b->staff[OLGA].len);

	assert_int_equal(desk_staff_add(b->desk, NULL, NULL, "eve", DESK_APPROVER, der), DESK_ROLE);
	assert_int_equal(desk_staff_add(b->desk, &anna, NULL, "eve", DESK_APPROVER, der), DESK_SAME_PERSON);
	assert_int_equal(desk_staff_add(b->desk, &anna, &anna, "eve", DESK_APPROVER, der), DESK_SAME_PERSON);
	assert_int_equal(desk_staff_add(b->desk, &anna, &olga, "eve", DESK_APPROVER, der), DESK_ROLE);
	assert_int_equal(desk_staff_add(b->desk, &aude, &anna, "eve", DESK_APPROVER, der), DESK_ROLE);
	/* one key, one person */
	assert_int_equal(desk_staff_add(b->desk, &anna, &aude, "eve", DESK_APPROVER, der), DESK_KEY_TAKEN);
	assert_int_equal(desk_staff_remove(b->desk, &anna, &aude, "olga"), DESK_OK);
	assert_int_equal(desk_staff_remove(b->desk, &anna, &aude, "otto"), DESK_OK);
	assert_int_equal(desk_staff_remove(b->desk, &anna, &aude, "arno"), DESK_LAST_APPROVER);
	int64_t id;
	bench_login(b, ARNO);
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "x", &id), DESK_STAFF_UNKNOWN);
}

static void escrow_opens_for_two_and_once(void **state)
{
	struct bench *b = *state;
	struct desk_person olga = bench_login(b, OLGA), anna = bench_login(b, ANNA), otto = bench_login(b, OTTO);
	struct desk_token plain = {.serial = SERIAL, .holder = "Li", .no_unlock = true};
	struct desk_escrow first, again, second;
	struct bytes pin = BYTES((const uint8_t *)"puk-12345678", 12);
	int64_t id, found = 0;

	assert_int_equal(desk_token_register(b->desk, &olga, &plain), DESK_OK);
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "x", &id), DESK_NO_UNLOCK);
	assert_int_equal(desk_escrow_put(b->desk, &olga, SERIAL, BYTES(pin.data, 5)), DESK_ESCROW_PIN);
	assert_int_equal(desk_escrow_put(b->desk, &olga, SERIAL, pin), DESK_OK);
	assert_int_equal(desk_escrow_put(b->desk, &olga, SERIAL, pin), DESK_ESCROW_EXISTS);
	assert_int_equal(desk_escrow_begin(b->desk, &olga, NULL, SERIAL, 0, &first), DESK_SAME_PERSON);
	assert_int_equal(desk_escrow_begin(b->desk, &anna, &anna, SERIAL, 0, &first), DESK_SAME_PERSON);
	assert_int_equal(desk_escrow_begin(b->desk, &anna, &olga, SERIAL, 0, &first), DESK_ROLE);
	assert_int_equal(desk_escrow_begin(b->desk, &olga, &anna, SERIAL, 33, &first), DESK_ESCROW_PIN);
	assert_int_equal(desk_escrow_done(b->desk, &olga, &anna, SERIAL, true), DESK_NOT_FOUND);
	assert_int_equal(desk_escrow_begin(b->desk, &olga, &anna, SERIAL, 0, &first), DESK_OK);
	assert_string_equal(first.present, "puk-12345678");
	assert_int_equal(strlen(first.next), 20);
	assert_false(first.again);
	/* not ended: both are still there, and it goes on with the same two */
	assert_int_equal(desk_escrow_begin(b->desk, &anna, &otto, SERIAL, 0, &again), DESK_OK);
	assert_true(again.again);
	assert_string_equal(again.present, first.present);
	assert_string_equal(again.next, first.next);
	assert_int_equal(desk_escrow_put(b->desk, &olga, SERIAL, pin), DESK_ESCROW_EXISTS);
	b->now += 3599; /* they were using it */
	assert_int_equal(desk_escrow_done(b->desk, &olga, &olga, SERIAL, true), DESK_SAME_PERSON);
	assert_int_equal(desk_escrow_done(b->desk, &olga, &anna, SERIAL, true), DESK_OK);
	assert_int_equal(desk_escrow_done(b->desk, &olga, &anna, SERIAL, true), DESK_NOT_FOUND);
	olga = bench_login(b, OLGA), anna = bench_login(b, ANNA);
	assert_int_equal(desk_escrow_begin(b->desk, &olga, &anna, SERIAL, 6, &second), DESK_OK);
	assert_string_equal(second.present, first.next); /* the first is gone */
	assert_int_equal(strlen(second.next), 6);
	assert_string_not_equal(second.next, first.next);
	b->now += 3600;
	assert_int_equal(desk_escrow_done(b->desk, &olga, &anna, SERIAL, true), DESK_LOGIN_AGE);
	olga = bench_login(b, OLGA), anna = bench_login(b, ANNA);
	assert_int_equal(desk_escrow_done(b->desk, &olga, &anna, SERIAL, false), DESK_OK);
	assert_int_equal(
		desk_number(b->desk, &found, "SELECT count(*) FROM escrow WHERE sealed IS NOT NULL", ""), DESK_OK);
	assert_int_equal(found, 1);
	/* a sealed PIN of one token is not another's */
	plain.serial = "0102030405060709";
	assert_int_equal(desk_token_register(b->desk, &olga, &plain), DESK_OK);
	assert_int_equal(desk_run(b->desk, "UPDATE escrow SET token = '0102030405060709'", ""), DESK_OK);
	assert_int_equal(desk_escrow_begin(b->desk, &olga, &anna, "0102030405060709", 0, &second), DESK_DAMAGED);
	/* and one that is unlocked by phone has none */
	bench_register(b, "0102030405060710");
	assert_int_equal(desk_escrow_put(b->desk, &olga, "0102030405060710", pin), DESK_USAGE);
}

/* Two versions of the master key: each challenge is answered with the one that it names. */
static void the_master_key_rolls_over(void **state)
{
	struct bench *b = *state;
	struct desk_person anna = bench_login(b, ANNA), aude = bench_login(b, AUDE), olga = bench_login(b, OLGA);
	struct soft_token token = token_new(SERIAL);
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE], proof[CODE_TEXT_SIZE];
	struct code_fault fault;
	json_t *rows = NULL;
	int64_t id = 0;

	bench_register(b, SERIAL);
	assert_int_equal(desk_master_add(b->desk, &olga, &aude, 2, "pkcs11:object=two"), DESK_ROLE);
	assert_int_equal(desk_master_add(b->desk, &anna, &anna, 2, "pkcs11:object=two"), DESK_SAME_PERSON);
	assert_int_equal(desk_master_add(b->desk, &anna, &aude, 1, "pkcs11:object=two"), DESK_EXISTS);
	assert_int_equal(desk_master_add(b->desk, &anna, &aude, 4, "pkcs11:object=none"), DESK_MASTER); /* tried */
	assert_int_equal(desk_master_add(b->desk, &anna, &aude, 2, "pkcs11:object=two"), DESK_OK);
	/* the old version still */
	for (uint8_t version = 1; version <= 2; version++) {
		token.challenge.version = version;
		id = bench_request(b, SERIAL, "approved");
		token_challenge(&token, challenge);
		assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OK);
		assert_true(token_answer(&token, answer, proof));
		olga = bench_login(b, OLGA);
		assert_int_equal(desk_confirm(b->desk, &olga, id, proof, &fault), DESK_OK);
	}
	/* but a token that came with the new one doesn't go back */
	token.challenge.version = 1;
	id = bench_request(b, SERIAL, "approved");
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_KEY_VERSION);
	assert_int_equal(refusals(b, "KEY_VERSION"), 1);
	/* one that the desk does not have */
	token.challenge.version = 3;
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_KEY_VERSION);
	/* the old one's end */
	bench_register(b, "0102030405060709");
	struct soft_token old = token_new("0102030405060709");
	id = bench_request(b, "0102030405060709", "approved");
	anna = bench_login(b, ANNA), aude = bench_login(b, AUDE);
	assert_int_equal(desk_master_retire(b->desk, &anna, &anna, 1), DESK_SAME_PERSON);
	assert_int_equal(desk_master_retire(b->desk, &anna, &aude, 3), DESK_NOT_FOUND);
	assert_int_equal(desk_master_retire(b->desk, &anna, &aude, 1), DESK_OK);
	assert_int_equal(desk_master_retire(b->desk, &anna, &aude, 1), DESK_NOT_FOUND);
	assert_int_equal(desk_master_retire(b->desk, &anna, &aude, 2), DESK_LAST_KEY);
	token_challenge(&old, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_KEY_VERSION);
	assert_int_equal(desk_master_list(b->desk, &rows), DESK_OK);
	assert_int_equal(json_array_size(rows), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "state")), "retired");
	json_decref(rows);
}

/* Nobody takes part in the unlocking of their own token, by its certificate or its holder's name. */
static void nobody_unlocks_their_own(void **state)
{
	static const char *const anna_has[] = {"", "003", NULL}; /* the bench numbers certificates */
	struct bench *b = *state;
	struct desk_person olga = bench_login(b, OLGA), otto = bench_login(b, OTTO), anna = bench_login(b, ANNA);
	struct desk_person arno = bench_login(b, ARNO), aude = bench_login(b, AUDE);
	struct desk_token own = {.serial = SERIAL, .holder = "Olga"},
			  hers = {.serial = "0102030405060709", .holder = "A."};
	struct soft_token token = token_new(SERIAL);
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE];
	json_t *evidence = bench_evidence();
	int64_t id = 0;

	assert_int_equal(desk_token_register(b->desk, &otto, &own), DESK_OK);
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "x", &id), DESK_OWN_TOKEN);
	assert_int_equal(desk_request(b->desk, &otto, SERIAL, "x", &id), DESK_OK);
	assert_int_equal(desk_identify(b->desk, &olga, id, evidence), DESK_OWN_TOKEN);
	assert_int_equal(desk_identify(b->desk, &otto, id, evidence), DESK_OK);
	assert_int_equal(desk_approve(b->desk, &arno, id), DESK_OK);
	token_challenge(&token, challenge);
	assert_int_equal(respond(b, OLGA, id, challenge, answer), DESK_OWN_TOKEN);
	assert_int_equal(respond(b, OTTO, id, challenge, answer), DESK_OK);
	assert_int_equal(refusals(b, "OWN_TOKEN"), 3);
	/* by the number of the certificate, however it is written */
	hers.certificates = anna_has + 1;
	assert_int_equal(desk_token_register(b->desk, &olga, &hers), DESK_OK);
	assert_int_equal(desk_request(b->desk, &olga, hers.serial, "x", &id), DESK_OK);
	assert_int_equal(desk_identify(b->desk, &olga, id, evidence), DESK_OK);
	assert_int_equal(desk_approve(b->desk, &anna, id), DESK_OWN_TOKEN);
	assert_int_equal(desk_approve(b->desk, &arno, id), DESK_OK);
	assert_int_equal(desk_token_state(b->desk, &olga, hers.serial, "suspended", "x"), DESK_OK);
	assert_int_equal(desk_token_state(b->desk, &anna, hers.serial, "active", "x"), DESK_OWN_TOKEN);
	assert_int_equal(desk_token_state(b->desk, &arno, hers.serial, "active", "x"), DESK_OK);
	/* nor sees its SO PIN */
	struct desk_token plain = {.serial = "0102030405060710", .holder = "arno", .no_unlock = true};
	struct desk_escrow pins;
	assert_int_equal(desk_token_register(b->desk, &olga, &plain), DESK_OK);
	assert_int_equal(
		desk_escrow_put(b->desk, &olga, plain.serial, BYTES((const uint8_t *)"puk-12345678", 12)), DESK_OK);
	assert_int_equal(desk_escrow_begin(b->desk, &arno, &aude, plain.serial, 0, &pins), DESK_OWN_TOKEN);
	assert_int_equal(desk_escrow_begin(b->desk, &olga, &arno, plain.serial, 0, &pins), DESK_OWN_TOKEN);
	json_decref(evidence);
}

/* Two operators, two processes, one request: one answers. */
static void two_at_once(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL);
	char challenge[CODE_TEXT_SIZE];
	int won = 0;

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "approved");
	struct desk_person people[2] = {bench_login(b, OLGA), bench_login(b, OTTO)};
	token_challenge(&token, challenge);
	desk_close(b->desk); /* no handle crosses a fork */
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			char answer[CODE_TEXT_SIZE];
			struct code_fault fault;
			struct desk *desk = bench_open(b);
			enum desk_status s = desk_respond(desk, &people[i], id, challenge, &fault, answer);
			desk_close(desk);
			_exit(s == DESK_OK ? 0 : s == DESK_TRANSITION ? 1 : 2);
		}
		assert_true(pid > 0);
	}
	for (int i = 0; i < 2; i++) {
		int status = 0;
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		won += WEXITSTATUS(status) == 0;
	}
	b->desk = bench_open(b);
	assert_int_equal(won, 1);
	int64_t answers = 0;
	assert_int_equal(desk_number(b->desk, &answers, "SELECT count(*) FROM answer", ""), DESK_OK);
	assert_int_equal(answers, 1);
}

static void the_clock_may_not_go_back(void **state)
{
	struct bench *b = *state;
	struct desk_person olga = bench_login(b, OLGA);
	int64_t id;

	bench_register(b, SERIAL);
	b->now -= 1000;
	assert_int_equal(desk_request(b->desk, &olga, SERIAL, "x", &id), DESK_CLOCK);
}

/* A record that can't be written: no answer, nothing changed (fail closed). */
static void no_record_no_answer(void **state)
{
	struct bench *b = *state;
	struct soft_token token = token_new(SERIAL);
	char challenge[CODE_TEXT_SIZE], answer[CODE_TEXT_SIZE] = "", heads[128], aside[128];
	struct desk_person olga;
	struct code_fault fault;
	int64_t n = 0;

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "approved");
	token_challenge(&token, challenge);
	olga = bench_login(b, OLGA);
	bench_path(b, "heads", heads);
	bench_path(b, "export", aside);
	assert_int_equal(rename(heads, aside), 0);
	assert_int_equal(symlink("/nonexistent/heads", heads), 0);
	assert_int_equal(desk_respond(b->desk, &olga, id, challenge, &fault, answer), DESK_RECORD);
	assert_int_equal(unlink(heads), 0);
	assert_int_equal(rename(aside, heads), 0);
	assert_string_equal(answer, "");
	STATE(id, "approved");
	/* the table of the record itself */
	assert_int_equal(desk_run(b->desk,
				 "CREATE TEMP TRIGGER full BEFORE INSERT ON main.record"
				 " BEGIN SELECT RAISE(ABORT, 'disk full'); END",
				 ""),
		DESK_OK);
	assert_int_equal(desk_respond(b->desk, &olga, id, challenge, &fault, answer), DESK_RECORD);
	assert_int_equal(desk_run(b->desk, "DROP TRIGGER full", ""), DESK_OK);
	assert_string_equal(answer, "");
	STATE(id, "approved");
	assert_int_equal(desk_number(b->desk, &n, "SELECT count(*) FROM answer", ""), DESK_OK);
	assert_int_equal(n, 0);
}

static void registers_and_finds(void **state)
{
	struct bench *b = *state;
	struct desk_person olga = bench_login(b, OLGA);
	static const char *const finds[] = {SERIAL, "三", "0ABC", "0abc", NULL};
	struct desk_token token = {.serial = "12", .holder = "x"};

	bench_register(b, SERIAL);
	for (size_t i = 0; i < COUNT(finds); i++) {
		json_t *rows = NULL;
		assert_int_equal(desk_token_find(b->desk, finds[i], &rows), DESK_OK);
		assert_int_equal(json_array_size(rows), 1);
		json_decref(rows);
	}
	json_t *rows = NULL;
	assert_int_equal(desk_token_find(b->desk, "Wang", &rows), DESK_OK);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
	assert_int_equal(desk_token_register(b->desk, &olga, &token), DESK_SERIAL);
	token.serial = "010203040506070g";
	assert_int_equal(desk_token_register(b->desk, &olga, &token), DESK_SERIAL);
	token.serial = SERIAL;
	assert_int_equal(desk_token_register(b->desk, &olga, &token), DESK_EXISTS);
	token.serial = "0102030405060709";
	token.profile = "none";
	assert_int_equal(desk_token_register(b->desk, &olga, &token), DESK_PROFILE);
}

static void the_register_follows_life(void **state)
{
	static const char *const more[] = {"0DEF", NULL}, *const finds[] = {"0abc", "00:0D:EF", "def", "李", NULL};
	struct bench *b = *state;
	struct desk_person olga = bench_login(b, OLGA), anna = bench_login(b, ANNA), aude = bench_login(b, AUDE);
	struct desk_token change = {.serial = SERIAL, .holder = "李四", .certificates = more};
	json_t *rows = NULL, *evidence = bench_evidence();
	int64_t id;

	bench_register(b, SERIAL);
	assert_int_equal(desk_token_update(b->desk, &aude, &change), DESK_ROLE);
	assert_int_equal(desk_token_update(b->desk, &olga, &change), DESK_OK);
	for (size_t i = 0; finds[i] != NULL; i++) {
		assert_int_equal(desk_token_find(b->desk, finds[i], &rows), DESK_OK);
		assert_int_equal(json_array_size(rows), 1);
		json_decref(rows);
	}
	assert_int_equal(desk_token_update(b->desk, &olga, &change), DESK_EXISTS);
	change.serial = "0102030405060709";
	assert_int_equal(desk_token_update(b->desk, &olga, &change), DESK_NOT_FOUND);
	/* the checklists of the house change, for what is not identified yet */
	const char *profiles = "{\"standard\": [\"letter\"], \"seal\": [\"letter\", \"form\"]}";
	id = bench_request(b, SERIAL, "requested");
	assert_int_equal(desk_profiles_set(b->desk, &olga, &aude, profiles), DESK_ROLE);
	assert_int_equal(desk_profiles_set(b->desk, &anna, &olga, profiles), DESK_ROLE);
	assert_int_equal(desk_profiles_set(b->desk, &anna, &aude, "{\"standard\": []}"), DESK_PROFILE);
	assert_int_equal(desk_profiles_set(b->desk, &anna, &aude, "[]"), DESK_PROFILE);
	assert_int_equal(desk_profiles_set(b->desk, &anna, &aude, profiles), DESK_OK);
	assert_int_equal(desk_identify(b->desk, &olga, id, evidence), DESK_CHECKLIST);
	json_decref(evidence);
	evidence = json_pack("{s:s}", "letter", "2026-7");
	assert_int_equal(desk_identify(b->desk, &olga, id, evidence), DESK_OK);
	json_decref(evidence);
	assert_int_equal(desk_profiles_list(b->desk, &rows), DESK_OK);
	assert_int_equal(json_array_size(rows), 2);
	json_decref(rows);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_new, end)
	const struct CMUnitTest tests[] = {
		TEST(the_whole_way),
		TEST(nobody_decides_alone),
		TEST(approver_does_not_answer),
		TEST(every_item_needs_its_evidence),
		TEST(one_open_request_a_token),
		TEST(three_answers_a_token_a_day),
		TEST(an_operator_answers_so_many_an_hour),
		TEST(an_answer_is_good_for_15_minutes),
		TEST(requests_and_approvals_lapse),
		TEST(only_an_active_token),
		TEST(only_a_fitting_challenge),
		TEST(people_prove_who_they_are),
		TEST(staff_changes_need_two),
		TEST(escrow_opens_for_two_and_once),
		TEST(the_master_key_rolls_over),
		TEST(nobody_unlocks_their_own),
		TEST(two_at_once),
		TEST(the_clock_may_not_go_back),
		TEST(no_record_no_answer),
		TEST(registers_and_finds),
		TEST(the_register_follows_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
