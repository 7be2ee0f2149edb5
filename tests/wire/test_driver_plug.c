/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that come, go, move, and are reset; readers and services that do; waiting for it. */
#include "config.h"

#include "driver/transport/transport.h"
#include "tests/wire/driver_bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static size_t token_count(struct bench *b)
{
	struct ukey_token **list;
	size_t count;

	ok(ukey_tokens(b->u, &list, &count));
	ukey_tokens_free(list, count);
	return count;
}

static enum ukey_reader_state reader_state(struct bench *b, size_t i)
{
	struct ukey_reader_info *list;
	size_t count;

	ok(ukey_readers(b->u, &list, &count));
	assert_true(i < count);
	enum ukey_reader_state s = list[i].state;
	free(list);
	return s;
}

static void a_token_that_was_removed_stays_the_same_token(void **state)
{
	struct bench *b = *state;
	struct ukey_token **list;
	const struct ukey_directory *d;
	size_t count;

	bench_login(b, UKEY_USER);
	loop_unplug(b->loop, 0);
	is(ukey_directory(b->t, &d), UKEY_TOKEN_REMOVED);
	is(ukey_token_reload(b->t), UKEY_TOKEN_REMOVED);
	assert_false(bench_info(b).present);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	assert_string_equal(bench_info(b).label, "Bench");
	bench_refresh(b);
	assert_int_equal(token_count(b), 0);
	assert_int_equal(reader_state(b, 0), UKEY_READER_EMPTY);
	/* Back, in another reader. */
	loop_plug(b->loop, 1, b->chip[0]);
	bench_refresh(b);
	ok(ukey_tokens(b->u, &list, &count));
	assert_int_equal(count, 1);
	assert_ptr_equal(list[0], b->t);
	ukey_tokens_free(list, count);
	assert_true(bench_info(b).present);
	assert_string_equal(bench_info(b).reader, "Loop 01");
	is(ukey_set_label(b->t, "x"), UKEY_NOT_LOGGED_IN);
	bench_login(b, UKEY_USER);
	ok(ukey_directory(b->t, &d));
	ukey_directory_unref(d);
}

static void out_and_in_between_two_looks_is_noticed(void **state)
{
	struct bench *b = *state;

	bench_login(b, UKEY_USER);
	loop_unplug(b->loop, 0);
	loop_plug(b->loop, 0, b->chip[0]);
	bench_refresh(b);
	assert_true(bench_info(b).present);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	bench_login(b, UKEY_USER);
	ok(ukey_token_reload(b->t));
	/* And without a look: the first call says so, the next look mends it. */
	loop_unplug(b->loop, 0);
	loop_plug(b->loop, 0, b->chip[0]);
	is(ukey_token_reload(b->t), UKEY_TOKEN_REMOVED);
	is(ukey_token_reload(b->t), UKEY_TOKEN_REMOVED);
	bench_refresh(b);
	ok(ukey_token_reload(b->t));
}

static void another_token_in_the_same_reader_is_another_token(void **state)
{
	struct bench *b = *state;
	struct ukey_token **list;
	size_t count;

	loop_unplug(b->loop, 0);
	loop_plug(b->loop, 0, b->chip[1]);
	bench_refresh(b);
	ok(ukey_tokens(b->u, &list, &count));
	assert_int_equal(count, 1);
	assert_ptr_not_equal(list[0], b->t);
	ukey_tokens_free(list, count);
	is(ukey_token_reload(b->t), UKEY_TOKEN_REMOVED);
	loop_plug(b->loop, 1, b->chip[0]);
	bench_refresh(b);
	ok(ukey_tokens(b->u, &list, &count));
	assert_int_equal(count, 2);
	/* In the order in which they were first seen. */
	assert_ptr_equal(list[0], b->t);
	ukey_tokens_free(list, count);
	/* An idle token whose place another one took. */
	ukey_token_idle(b->t);
	loop_unplug(b->loop, 1);
	loop_unplug(b->loop, 0);
	loop_plug(b->loop, 1, b->chip[1]);
	is(ukey_token_reload(b->t), UKEY_TOKEN_REMOVED);
}

static void a_reset_by_another_program_is_mended_where_no_pin_is_needed(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	uint8_t few[16];
	unsigned long before;

	loop_reset(b->loop, 0);
	before = b->chip[0]->apdus;
	ok(ukey_directory(b->t, &d));
	ukey_directory_unref(d);
	/* SELECT and the directory; the channel is opened again in between. */
	assert_int_equal(b->chip[0]->apdus, before + (trusted_personal() ? 4 : 2));
	loop_reset(b->loop, 0);
	bench_login(b, UKEY_USER);
	ok(ukey_random(b->t, few, sizeof few));
	loop_reset(b->loop, 0);
	is(ukey_random(b->t, few, sizeof few), UKEY_TOKEN_RESET);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ok(ukey_random(b->t, few, sizeof few));
	bench_login(b, UKEY_USER);
	loop_reset(b->loop, 0);
	/* Whoever is to be out is out. */
	ok(ukey_logout(b->t));
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	/* During the first look. */
	loop_unplug(b->loop, 0);
	bench_refresh(b);
	loop_plug(b->loop, 0, b->chip[0]);
	b->loop->readers[0].reset_at = 1;
	bench_refresh(b);
	assert_true(bench_info(b).present);
	/* And when an idle token is woken. */
	ukey_token_idle(b->t);
	b->loop->readers[0].reset_at = 1;
	ok(ukey_random(b->t, few, sizeof few));
}

static void a_reader_held_by_another_program_is_busy(void **state)
{
	struct bench *b = *state;

	b->loop->readers[0].exclusive = true;
	ok(ukey_refresh(b->u));
	assert_int_equal(token_count(b), 0);
	assert_int_equal(reader_state(b, 0), UKEY_READER_BUSY);
	is(ukey_wait(b->u, 0), UKEY_TIMEOUT);
	b->loop->readers[0].exclusive = false;
	is(ukey_wait(b->u, 0), UKEY_OK);
	bench_refresh(b);
	assert_int_equal(reader_state(b, 0), UKEY_READER_TOKEN);
	ukey_token_idle(b->t);
	b->loop->readers[0].exclusive = true;
	is(ukey_token_reload(b->t), UKEY_TOKEN_BUSY);
	assert_true(bench_info(b).present);
	b->loop->readers[0].exclusive = false;
	ok(ukey_token_reload(b->t));
}

static void a_mute_card_is_told(void **state)
{
	struct bench *b = *state;

	b->loop->readers[1].mute = true;
	loop_plug(b->loop, 1, NULL);
	bench_refresh(b);
	assert_int_equal(reader_state(b, 1), UKEY_READER_MUTE);
	assert_int_equal(token_count(b), 1);
}

static void the_service_goes_and_comes_back(void **state)
{
	struct bench *b = *state;

	bench_login(b, UKEY_USER);
	loop_service(b->loop, UKEY_NO_SERVICE);
	is(ukey_token_reload(b->t), UKEY_NO_SERVICE);
	is(ukey_refresh(b->u), UKEY_NO_SERVICE);
	assert_int_equal(token_count(b), 0);
	is(ukey_wait(b->u, 0), UKEY_TIMEOUT);
	loop_service(b->loop, UKEY_NO_PERMISSION);
	is(ukey_wait(b->u, 0), UKEY_OK);
	is(ukey_refresh(b->u), UKEY_NO_PERMISSION);
	loop_service(b->loop, UKEY_OK);
	is(ukey_wait(b->u, 0), UKEY_OK);
	bench_refresh(b);
	assert_int_equal(token_count(b), 1);
	assert_true(bench_info(b).present);
	/* Unseen: it stopped and started again. The cards have no power in between. */
	bench_login(b, UKEY_USER);
	loop_service(b->loop, UKEY_OK);
	loop_reset(b->loop, 0);
	is(ukey_token_reload(b->t), UKEY_NO_SERVICE);
	is(ukey_wait(b->u, 0), UKEY_OK);
	bench_refresh(b);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ok(ukey_token_reload(b->t));
}

static void readers_come_and_go(void **state)
{
	struct bench *b = *state;
	struct ukey_reader_info *list;
	size_t count;

	loop_reader_there(b->loop, 0, false);
	bench_refresh(b);
	assert_int_equal(token_count(b), 0);
	is(ukey_token_reload(b->t), UKEY_TOKEN_REMOVED);
	loop_reader_there(b->loop, 1, false);
	ok(ukey_refresh(b->u));
	ok(ukey_readers(b->u, &list, &count));
	assert_int_equal(count, 0);
	free(list);
	loop_reader_there(b->loop, 0, true);
	bench_refresh(b);
	ok(ukey_token_reload(b->t));
}

static void one_token_in_two_readers_is_one_token(void **state)
{
	struct bench *b = *state;

	loop_plug(b->loop, 1, b->chip[0]);
	bench_refresh(b);
	assert_int_equal(token_count(b), 1);
	assert_string_equal(bench_info(b).reader, "Loop 00");
	ok(ukey_token_reload(b->t));
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static void waiting_without_a_look_returns_at_once(void **state)
{
	struct bench *b = *state;

	is(ukey_wait(b->u, -1), UKEY_OK);
	bench_refresh(b);
	is(ukey_wait(b->u, 0), UKEY_TIMEOUT);
	is(ukey_wait(b->u, 30), UKEY_TIMEOUT);
	loop_unplug(b->loop, 0);
	is(ukey_wait(b->u, 0), UKEY_OK);
	bench_refresh(b);
	is(ukey_wait(b->u, 0), UKEY_TIMEOUT);
}

struct waiter {
	struct bench *b;
	enum ukey_status status;
};

static void *wait_for_ever(void *arg)
{
	struct waiter *w = arg;

	w->status = ukey_wait(w->b->u, -1);
	return NULL;
}

static void let_it_wait(struct bench *b, unsigned how_many)
{
	bool waiting = false;

	while (!waiting) {
		pthread_mutex_lock(&b->loop->lock);
		waiting = b->loop->waiting == how_many;
		pthread_mutex_unlock(&b->loop->lock);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

static void a_wait_ends_by_an_event_or_by_cancelling(void **state)
{
	struct bench *b = *state;
	struct waiter w[2] = {{.b = b}, {.b = b}};
	pthread_t thread[2];

	bench_refresh(b);
	assert_int_equal(pthread_create(&thread[0], NULL, wait_for_ever, &w[0]), 0);
	let_it_wait(b, 1);
	loop_plug(b->loop, 1, b->chip[1]);
	pthread_join(thread[0], NULL);
	is(w[0].status, UKEY_OK);
	bench_refresh(b);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, wait_for_ever, &w[i]), 0);
	let_it_wait(b, 2);
	ukey_wait_cancel(b->u);
	for (int i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
		is(w[i].status, UKEY_CANCELLED);
	}
	/* Only the waits that ran then. */
	is(ukey_wait(b->u, 0), UKEY_TIMEOUT);
}

/* ---- closing, forking -------------------------------------------------------------------------------------------- */

static void closing_logs_out_and_tokens_stay_valid(void **state)
{
	struct bench *b = *state;
	const uint8_t verified[] = {0x00, 0x20, 0x00, 0x81};

	bench_login(b, UKEY_USER);
	/* Inside a channel of ours nobody else is logged in with us. */
	assert_memory_equal(ramtoken_transceive(b->chip[0], BYTES_OF(verified)).data,
		trusted_personal() ? "\x63\xC6" : "\x90\x00", 2);
	ukey_close(b->u);
	assert_memory_equal(ramtoken_transceive(b->chip[0], BYTES_OF(verified)).data, "\x63\xC6", 2);
	is(ukey_token_reload(b->t), UKEY_TOKEN_REMOVED);
	assert_string_equal(bench_info(b).label, "Bench");
	ukey_token_idle(b->t);
	ok(ukey_open(&b->u));
}

static void a_card_that_cannot_be_logged_out_is_reset(void **state)
{
	struct bench *b = *state;

	bench_login(b, UKEY_USER);
	b->chip[0]->off = true;
	ukey_token_idle(b->t);
	assert_int_equal(b->loop->readers[0].closing_resets, 1);
	ramtoken_power_cycle(b->chip[0]);
	bench_login(b, UKEY_USER);
}

static void a_forked_child_sends_nothing(void **state)
{
	struct bench *b = *state;
	struct ukey_token **list;
	size_t count;

	bench_login(b, UKEY_USER);
	const unsigned long before = b->chip[0]->apdus;
	const unsigned opened = b->loop->readers[0].connections;
	pid_t child = fork();
	if (child == 0) {
		ukey_forked(b->u);
		bool good = ukey_token_reload(b->t) == UKEY_TOKEN_REMOVED;
		ukey_token_idle(b->t);
		ukey_token_unref(b->t);
		ukey_close(b->u);
		good = good && b->chip[0]->apdus == before && b->loop->readers[0].connections == opened;
		/* A new one works. */
		good = good && ukey_open(&b->u) == UKEY_OK && ukey_refresh(b->u) == UKEY_OK &&
		       ukey_tokens(b->u, &list, &count) == UKEY_OK && count == 1;
		_exit(good ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	ok(ukey_token_reload(b->t));
	assert_int_equal(bench_info(b).role, UKEY_USER);
}

static const struct transport_ops *prompt_ops;

static enum ukey_status wait_late(struct transport *t, enum ukey_status outcome, const struct transport_reader *known,
	size_t count, int milliseconds)
{
	const struct timespec late = {0, 200 * 1000 * 1000};

	nanosleep(&late, NULL);
	return prompt_ops->wait(t, outcome, known, count, milliseconds);
}

/* A wait that has begun, but not yet with the readers, when the library is closed. */
static void closing_ends_a_wait_that_just_begins(void **state)
{
	const struct timespec moment = {0, 50 * 1000 * 1000};
	struct bench *b = *state, other = {0};
	struct waiter w = {.b = &other};
	struct transport_ops late;
	pthread_t thread;
	void *arg;

	prompt_ops = transport_chosen(false, &arg);
	late = *prompt_ops;
	late.wait = wait_late;
	transport_use(&late, arg);
	ok(ukey_open(&other.u));
	transport_use(prompt_ops, arg);
	ok(ukey_refresh(other.u));
	assert_int_equal(pthread_create(&thread, NULL, wait_for_ever, &w), 0);
	nanosleep(&moment, NULL);
	alarm(20);
	ukey_close(other.u);
	pthread_join(thread, NULL);
	alarm(0);
	is(w.status, UKEY_CANCELLED);
	(void)b;
}

static void swallow_verify(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	if (command.len > 1 && (command.data[1] == 0x20 || command.data[1] == 0x24))
		answer->len = 0;
}

/* The answer got lost: whether the card let us in is not known, so it must not stay so for other programs. */
static void a_log_in_without_an_answer_ends_with_a_reset(void **state)
{
	struct bench *b = *state;
	/* What a session let in is nobody's without its keys, and those are gone. */
	const unsigned resets = trusted_personal() ? 0 : 1;

	for (unsigned i = 0; i < 2; i++) {
		b->loop->readers[0].falsify = swallow_verify;
		enum ukey_status status = i ? ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("changed1"))
					    : ukey_login(b->t, UKEY_USER, PIN(USER_PIN));
		assert_true(
			status == UKEY_TOKEN_PROTOCOL || status == UKEY_COMMUNICATION || status == UKEY_CHANNEL_LOST);
		b->loop->readers[0].falsify = NULL;
		ukey_token_idle(b->t);
		assert_int_equal(b->loop->readers[0].closing_resets, resets * (i + 1));
	}
	/* A definite answer leaves no doubt. */
	is(ukey_login(b->t, UKEY_USER, PIN("wrong-pin")), UKEY_PIN_INCORRECT);
	ukey_token_idle(b->t);
	assert_int_equal(b->loop->readers[0].closing_resets, resets * 2);
}

#define ROW(name)   cmocka_unit_test_setup_teardown(name, bench_setup_operational, bench_teardown)
#define BLANK(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(a_token_that_was_removed_stays_the_same_token),
		ROW(out_and_in_between_two_looks_is_noticed),
		ROW(another_token_in_the_same_reader_is_another_token),
		ROW(a_reset_by_another_program_is_mended_where_no_pin_is_needed),
		BLANK(a_reader_held_by_another_program_is_busy),
		ROW(a_mute_card_is_told),
		ROW(the_service_goes_and_comes_back),
		ROW(readers_come_and_go),
		ROW(one_token_in_two_readers_is_one_token),
		BLANK(waiting_without_a_look_returns_at_once),
		BLANK(a_wait_ends_by_an_event_or_by_cancelling),
		BLANK(closing_ends_a_wait_that_just_begins),
		ROW(closing_logs_out_and_tokens_stay_valid),
		ROW(a_card_that_cannot_be_logged_out_is_reset),
		ROW(a_log_in_without_an_answer_ends_with_a_reset),
		ROW(a_forked_child_sends_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
