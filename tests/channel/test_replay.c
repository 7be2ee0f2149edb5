/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command of a recorded road, sent again: at every moment of the road, on the same channel, on others, into
 * another session, after a loss of power, on a token with the same flash image, one by one and all of them, in order
 * and out of order. Nothing of it is accepted, writes to the flash, or leaves somebody logged in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware-emu/core/state.h"
#include "tests/channel/target.h"

#define ROAD_MAX 64

struct message {
	uint8_t *raw;
	size_t len;
	bool secured;
};

struct road {
	struct target *target;
	struct tunnel *attacker;
	struct message message[ROAD_MAX];
	struct ramtoken_moment *before[ROAD_MAX + 1]; /* each message; and after the last */
	uint8_t *image[ROAD_MAX + 1];
	size_t count;
	bool recording;
	unsigned long runs;
};

/* The owner's wire. */
static bool record(void *ctx, struct bytes command, struct builder *answer)
{
	struct road *r = ctx;
	struct apdu_class class;

	if (r->recording) {
		struct message *m = &r->message[r->count];
		assert_true(r->count < ROAD_MAX);
		assert_true(apdu_class_parse(command.data[0], &class));
		r->before[r->count] = ramtoken_moment_take(r->target->token);
		r->image[r->count] = ramtoken_snapshot(r->target->token);
		*m = (struct message){.raw = malloc(command.len), .len = command.len, .secured = class.secure};
		bytes_copy(m->raw, command);
		r->count++;
	}
	return target_carry(r->target->token, command, answer);
}

static void step(struct tunnel *u, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data)
{
	const uint16_t sw = tunnel_secured(u, cla, ins, p1, p2, data, APDU_LE_MAX);

	if (sw != SW_OK)
		fail_msg("%02X%02X%02X%02X: %04X", cla, ins, p1, p2, sw);
}

static struct bytes two(struct builder *b, uint32_t first, const char *one, uint32_t second, const char *other)
{
	b->len = 0;
	tlv_put(b, first, target_text(one));
	tlv_put(b, second, target_text(other));
	return builder_bytes(b);
}

/* Log-in, work, PIN change, both unlocks, a key, initialisation. */
static void walk(const struct target *t, struct tunnel *u)
{
	static const uint8_t sign[] = {0x7C, 0x06, 0x82, 0x00, 0x81, 0x02, 0xAB, 0xCD},
			     object[] = {0x5C, 2, 0x03, 0x00}, key[] = {0xAC, 0x04, 0x83, 0x02, 0x00, 0x01};
	uint8_t memory[128], response[9];
	struct builder b = builder_of(memory, sizeof memory);
	static const uint8_t value[] = {0x5C, 2, 0x03, 0x01, 0x53, 0x07, 0x84, 0x01, 0x01, 0x85, 0x02, 'h', 'i'},
			     label[] = {0x5C, 2, 0x07, 0x00, 0x53, 0x04, 0x83, 0x02, 'm', 'y'};

	u->channel = (uint8_t)tunnel_channel(u);
	assert_int_equal(u->channel, 1);
	assert_true(tunnel_open(u));
	assert_int_equal(target_verify(u, 0x81, TARGET_USER_PIN), SW_OK);
	step(u, 0x00, 0x87, 0x11, 0x00, BYTES_OF(sign));
	step(u, 0x00, 0xCB, 0x3F, 0xFF, BYTES_OF(object));
	step(u, 0x00, 0xDB, 0x3F, 0xFF, BYTES_OF(value));
	step(u, 0x00, 0x24, 0x00, 0x81, two(&b, 0x80, TARGET_USER_PIN, 0x81, "second-pin"));
	step(u, 0x00, 0x20, 0xFF, 0x81, BYTES_NONE);
	assert_int_equal(target_verify(u, 0x82, TARGET_SO_PIN), SW_OK);
	step(u, 0x00, 0xDB, 0x3F, 0xFF, BYTES_OF(label));
	b.len = 0;
	tlv_put(&b, 0x81, target_text("third-pin"));
	step(u, 0x00, 0x2C, 0x02, 0x81, builder_bytes(&b));
	step(u, 0x00, 0x20, 0xFF, 0x82, BYTES_NONE);
	step(u, 0x00, 0x2C, 0x00, 0x81, two(&b, 0x80, TARGET_SO_PIN, 0x81, "fourth-pin"));
	assert_int_equal(target_challenge(t, u, response), SW_OK);
	assert_int_equal(target_respond(u, response, "fifth-pin"), SW_OK);
	step(u, 0x80, 0x84, 0x01, 0x83, BYTES_NONE);
	assert_int_equal(target_verify(u, 0x81, "fifth-pin"), SW_OK);
	step(u, 0x00, 0x47, 0x11, 0x01, BYTES_OF(key));
	step(u, 0x00, 0x87, 0x11, 0x01, BYTES_OF(sign));
	step(u, 0x80, 0xE4, 0x00, 0x01, BYTES_NONE);
	two(&b, 0x80, "Again", 0x81, "new-so-pin");
	tlv_put(&b, 0x82, target_text(TARGET_SO_PIN));
	tlv_put(&b, 0x83, target_text("sixth-pin"));
	step(u, 0x80, 0xE0, 0x00, 0x00, builder_bytes(&b));
	assert_int_equal(target_verify(u, 0x81, "sixth-pin"), SW_OK);
	assert_true(tunnel_close_channel(u, 1));
}

static struct road *road_new(bool fresh_keys)
{
	struct road *r = calloc(1, sizeof *r);
	struct tunnel *u;

	r->target = target_new(fresh_keys);
	ramtoken_power_cycle(r->target->token);
	u = tunnel_new(record, r, r->target->owner);
	r->recording = true;
	walk(r->target, u);
	r->recording = false;
	r->before[r->count] = ramtoken_moment_take(r->target->token);
	r->image[r->count] = ramtoken_snapshot(r->target->token);
	tunnel_free(u);
	r->attacker = target_tunnel(r->target);
	return r;
}

static void road_free(struct road *r)
{
	for (size_t i = 0; i <= r->count; i++) {
		ramtoken_moment_free(r->before[i]);
		free(r->image[i]);
		free(r->message[i].raw);
	}
	tunnel_free(r->attacker);
	target_free(r->target);
	free(r);
}

/* ---- what an outsider may do: nothing ---- */

struct seen {
	unsigned long operations;
	uint8_t security[FW_CHANNELS];
	uint8_t tries[FW_PINS];
};

static struct seen look(const struct road *r)
{
	const struct ramtoken *t = r->target->token;
	struct seen s = {.operations = t->hal.writes + t->hal.erases};

	for (size_t i = 0; i < FW_CHANNELS; i++)
		s.security[i] = t->fw->channel[i].security;
	memcpy(s.tries, t->fw->tries, sizeof s.tries);
	return s;
}

/* Nothing was written, no counter moved, nobody is more than they were. */
static bool untouched(const struct seen *was, const struct seen *is)
{
	bool ok = was->operations == is->operations && memcmp(was->tries, is->tries, sizeof was->tries) == 0;

	for (size_t i = 0; i < FW_CHANNELS; i++)
		ok = ok && (is->security[i] & ~was->security[i]) == 0;
	return ok;
}

/* Send a recorded message, on this channel (-1: its own). True: it did nothing. */
static bool harmless(struct road *r, size_t j, int channel)
{
	const struct message *m = &r->message[j];
	struct seen was = look(r), is;
	uint8_t raw[1024];
	uint16_t sw;

	assert_true(m->len <= sizeof raw);
	memcpy(raw, m->raw, m->len);
	if (channel >= 0)
		raw[0] = tunnel_class(raw[0], (uint8_t)channel, m->secured);
	sw = tunnel_raw(r->attacker, BYTES(raw, m->len));
	is = look(r);
	r->runs++;
	if (!untouched(&was, &is))
		return false;
	return !m->secured || (sw != SW_OK && (sw & 0xFF00) != 0x6300 && (sw & 0xFF00) != 0x6200 && sw != 0);
}

static void refused(struct road *r, size_t i, size_t j, int channel, const char *how)
{
	if (!harmless(r, j, channel))
		fail_msg("message %zu of %zu, sent again before message %zu, %s", j, r->count, i, how);
}

/* A session of the attacker's on this channel, which is open or gets opened. */
static void attacker_session(struct road *r, uint8_t channel)
{
	const uint8_t open[] = {0x00, 0x70, 0x00, channel};

	if (channel != 0 && !r->target->token->fw->channel[channel].open)
		assert_int_equal(tunnel_raw(r->attacker, BYTES_OF(open)), SW_OK);
	r->attacker->channel = channel;
	assert_true(tunnel_open(r->attacker));
}

static void test_same_session(void **state)
{
	struct road *r = *state;

	for (size_t i = 0; i <= r->count; i++) {
		for (size_t j = 0; j < r->count; j++) {
			if (j == i) /* that is no replay: the owner's own message arrives */
				continue;
			ramtoken_moment_return(r->before[i], r->target->token);
			refused(r, i, j, -1, "in the same session");
		}
	}
}

/* The message that comes next, before it comes, elsewhere; and all others. */
static void test_other_channels(void **state)
{
	struct road *r = *state;

	for (size_t i = 0; i <= r->count; i++) {
		for (size_t j = 0; j < r->count; j++) {
			for (int channel = 0; channel < 20; channel += channel < 3 ? 1 : 8) {
				if (channel == 1)
					continue;
				ramtoken_moment_return(r->before[i], r->target->token);
				if (channel == 2)
					attacker_session(r, 2);
				refused(r, i, j, channel, "on another channel");
			}
		}
	}
}

static void test_new_session(void **state)
{
	struct road *r = *state;

	for (size_t i = 0; i <= r->count; i++) {
		for (size_t j = 0; j < r->count; j++) {
			ramtoken_moment_return(r->before[i], r->target->token);
			attacker_session(r, 1);
			refused(r, i, j, -1, "in a new session on the same channel");
		}
	}
}

/* From this message on, all of them. */
static void replay_all(struct road *r, size_t image, const size_t *order, size_t n, const char *how)
{
	ramtoken_restore(r->target->token, r->image[image]);
	for (size_t i = 0; i < n; i++)
		refused(r, image, order[i], -1, how);
}

static void test_after_power_cycle(void **state)
{
	struct road *r = *state;
	size_t order[ROAD_MAX];

	for (size_t image = 0; image <= r->count; image++) {
		for (size_t i = 0; i < r->count; i++)
			order[i] = i;
		replay_all(r, image, order, r->count, "after power-on, in order");
		/* Channel and agreement, then from any message on: the number in the session would fit. */
		for (size_t i = 2; i < r->count; i++) {
			replay_all(r, image, order, 2, "channel and agreement");
			for (size_t j = i; j < r->count; j++)
				refused(r, image, j, -1, "after the recorded agreement");
		}
		for (size_t i = 0; i < r->count; i++)
			order[i] = r->count - 1 - i;
		replay_all(r, image, order, r->count, "backwards");
	}
}

/* CHANNEL_ROUNDS: a longer night. */
static void test_shuffled(void **state)
{
	struct road *r = *state;
	const char *more = getenv("CHANNEL_ROUNDS");
	const int rounds = more ? atoi(more) : 200;
	size_t order[4 * ROAD_MAX];

	srand(2);
	for (int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < 4 * r->count; i++)
			order[i] = (size_t)rand() % r->count;
		replay_all(r, (size_t)rand() % (r->count + 1), order, 4 * r->count, "shuffled");
	}
}

/* A message that is left out: the next one does not fit. */
static void test_left_out(void **state)
{
	struct road *r = *state;

	for (size_t i = 2; i + 1 < r->count; i++) {
		if (!r->message[i].secured || !r->message[i + 1].secured)
			continue;
		ramtoken_moment_return(r->before[i], r->target->token);
		refused(r, i, i + 1, -1, "with one left out");
	}
}

/* This test can fail: a token whose fresh keys are not fresh does it all again. */
static void test_stale_token_is_caught(void **state)
{
	struct road *r = road_new(false);
	unsigned effects = 0;

	(void)state;
	ramtoken_moment_return(r->before[0], r->target->token);
	for (size_t i = 0; i < r->count; i++)
		effects += !harmless(r, i, -1);
	assert_true(effects >= 15);
	road_free(r);
}

static int setup(void **state)
{
	struct road *r = road_new(true);

	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct road *r = *state;

	print_message("%zu messages recorded, %lu sent again\n", r->count, r->runs);
	road_free(r);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stale_token_is_caught),
		cmocka_unit_test(test_same_session),
		cmocka_unit_test(test_other_channels),
		cmocka_unit_test(test_new_session),
		cmocka_unit_test(test_after_power_cycle),
		cmocka_unit_test(test_shuffled),
		cmocka_unit_test(test_left_out),
	};
	return cmocka_run_group_tests_name("replay", tests, setup, teardown);
}
