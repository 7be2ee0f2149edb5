/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries of a PIN can't be multiplied (protocol 1.6): guessing over 1, 2 and 19 channels in turn, in chains that are
 * woven into each other, and with the power cut at every flash operation of every guess, in every way that it can be
 * torn. What is counted is what matters to a guesser: comparisons that took place, in the token's own comparing
 * function.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware-emu/core/state.h"
#include "tests/channel/target.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define CHANNELS_MAX 19

/* ---- comparisons, counted where they happen ---- */

static unsigned compared;
static const struct target *target; /* of the whole program */
static unsigned long all_guesses, all_cuts;

bool __real_bytes_equal_secret(struct bytes a, struct bytes b);
bool __wrap_bytes_equal_secret(struct bytes a, struct bytes b);

/* 32 bytes: the hash of a PIN. 9 bytes: a response of the desk. MACs have 8, receipts 16. */
bool __wrap_bytes_equal_secret(struct bytes a, struct bytes b)
{
	if (a.len == 32 || a.len == 9)
		compared++;
	return __real_bytes_equal_secret(a, b);
}

/* ---- one guess of each kind ---- */

static struct bytes joined(struct builder *b, uint32_t first, struct bytes one, uint32_t second, const char *two)
{
	tlv_put(b, first, one);
	tlv_put(b, second, target_text(two));
	return builder_bytes(b);
}

static uint16_t by_verify(struct tunnel *u, uint8_t reference, struct bytes pin)
{
	return tunnel_secured(u, 0x00, 0x20, 0, reference, pin, APDU_LE_NONE);
}

static uint16_t by_change(struct tunnel *u, uint8_t reference, struct bytes pin)
{
	uint8_t memory[128];
	struct builder b = builder_of(memory, sizeof memory);

	return tunnel_secured(u, 0x00, 0x24, 0, reference, joined(&b, 0x80, pin, 0x81, "another-pin"), APDU_LE_NONE);
}

static uint16_t by_unblock(struct tunnel *u, uint8_t reference, struct bytes pin)
{
	uint8_t memory[128];
	struct builder b = builder_of(memory, sizeof memory);

	(void)reference;
	return tunnel_secured(u, 0x00, 0x2C, 0, 0x81, joined(&b, 0x80, pin, 0x81, "another-pin"), APDU_LE_NONE);
}

static uint16_t by_initialize(struct tunnel *u, uint8_t reference, struct bytes pin)
{
	uint8_t memory[128];
	struct builder b = builder_of(memory, sizeof memory);

	(void)reference;
	tlv_put(&b, 0x80, target_text("Mine"));
	return tunnel_secured(u, 0x80, 0xE0, 0, 0, joined(&b, 0x82, pin, 0x81, "another-so-pin"), APDU_LE_NONE);
}

/* A challenge of this channel, and a response that is one in 2^65. */
static uint16_t by_response(struct tunnel *u, uint8_t reference, struct bytes pin)
{
	uint8_t response[9];
	uint16_t sw = target_challenge(target, u, response);

	(void)reference;
	response[0] = (uint8_t)(response[0] ^ pin.data[pin.len - 1]);
	return sw == SW_OK ? target_respond(u, response, "another-pin") : sw;
}

static const struct kind {
	const char *name;
	uint16_t (*guess)(struct tunnel *u, uint8_t reference, struct bytes pin);
	uint8_t reference;
	enum fw_pin pin;
	unsigned tries;
} kinds[] = {
	{"user PIN, VERIFY",                by_verify,     0x81, FW_PIN_USER,   6 },
	{"user PIN, CHANGE REFERENCE DATA", by_change,     0x81, FW_PIN_USER,   6 },
	{"SO PIN, VERIFY",                  by_verify,     0x82, FW_PIN_SO,     10},
	{"SO PIN, CHANGE REFERENCE DATA",   by_change,     0x82, FW_PIN_SO,     10},
	{"SO PIN, RESET RETRY COUNTER",     by_unblock,    0x82, FW_PIN_SO,     10},
	{"SO PIN, INITIALIZE",              by_initialize, 0x82, FW_PIN_SO,     10},
	{"unlock key, response",            by_response,   0x83, FW_PIN_UNLOCK, 10},
};

static const unsigned widths[] = {1, 2, CHANNELS_MAX};

static uint16_t guess(struct tunnel *u, const struct kind *k, unsigned n)
{
	char pin[32];
	int len = snprintf(pin, sizeof pin, "guess-%06u", n);

	all_guesses++;
	return k->guess(u, k->reference, BYTES((const uint8_t *)pin, (size_t)len));
}

/* ---- the guesser ---- */

struct guesser {
	struct target *target;
	struct ramtoken_moment *fresh, *full; /* after a first power-on; just before the journal changes banks */
	struct tunnel *at[CHANNELS_MAX];
};

/* Channels 1 to `width`; the sessions come when they are needed. */
static void open_channels(struct guesser *g, unsigned width)
{
	for (unsigned i = 0; i < width; i++) {
		scp_session_close(&g->at[i]->session);
		g->at[i]->channel = 0;
		g->at[i]->channel = (uint8_t)tunnel_channel(g->at[i]);
		assert_int_equal(g->at[i]->channel, i + 1);
	}
}

static struct tunnel *ready(struct guesser *g, unsigned i)
{
	struct tunnel *u = g->at[i];

	if (u->session.state != SCP_READY)
		assert_true(tunnel_open(u));
	return u;
}

static void go_back(struct guesser *g, const struct ramtoken_moment *m)
{
	ramtoken_moment_return(m, g->target->token);
	compared = 0;
}

static unsigned tries_left(struct guesser *g, const struct kind *k)
{
	return g->target->token->fw->tries[k->pin];
}

/* A token that is about to copy everything into its other bank: at the very next transaction. */
static struct ramtoken_moment *before_bank_change(struct target *t)
{
	struct ramtoken_moment *m = NULL;

	for (unsigned i = 0; i < 5000; i++) {
		const unsigned long erases = t->token->hal.erases;
		ramtoken_moment_free(m);
		m = ramtoken_moment_take(t->token);
		assert_int_equal(target_verify(t->owner, 0x81, TARGET_USER_PIN), SW_OK);
		if (t->token->hal.erases != erases)
			return m;
	}
	fail_msg("the journal never changed banks");
	return NULL;
}

static int setup(void **state)
{
	struct guesser *g = calloc(1, sizeof *g);

	target = g->target = target_new(false);
	g->full = before_bank_change(g->target);
	ramtoken_moment_return(g->full, g->target->token);
	ramtoken_power_cycle(g->target->token);
	ramtoken_moment_free(g->full);
	g->full = ramtoken_moment_take(g->target->token);
	assert_true(tunnel_open(g->target->owner));
	assert_int_equal(target_verify(g->target->owner, 0x81, TARGET_USER_PIN), SW_OK);
	ramtoken_power_cycle(g->target->token);
	g->fresh = ramtoken_moment_take(g->target->token);
	for (unsigned i = 0; i < CHANNELS_MAX; i++)
		g->at[i] = target_tunnel(g->target);
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct guesser *g = *state;

	for (unsigned i = 0; i < CHANNELS_MAX; i++)
		tunnel_free(g->at[i]);
	ramtoken_moment_free(g->fresh);
	ramtoken_moment_free(g->full);
	target_free(g->target);
	free(g);
	print_message("%lu guesses, %lu power cuts\n", all_guesses, all_cuts);
	return 0;
}

/* The token's counter and what really happened tell the same. */
static void judge(struct guesser *g, const struct kind *k, const char *when)
{
	if (compared + tries_left(g, k) > k->tries)
		fail_msg("%s, %s: %u comparisons, and %u of %u tries left", k->name, when, compared, tries_left(g, k),
			k->tries);
}

static void test_in_turn(void **state)
{
	struct guesser *g = *state;

	for (size_t w = 0; w < COUNT(widths); w++) {
		for (const struct kind *k = kinds; k < kinds + COUNT(kinds); k++) {
			unsigned blocked = 0;
			go_back(g, g->fresh);
			open_channels(g, widths[w]);
			for (unsigned n = 0; blocked < widths[w] && n < 200; n++) {
				blocked += guess(ready(g, n % widths[w]), k, n) == SW_PIN_BLOCKED;
				judge(g, k, "in turn");
			}
			assert_true(blocked >= widths[w]);
			/* It counts, and every try was one. */
			assert_int_equal(compared, k->tries);
			for (unsigned i = 0; i < widths[w] && k->pin != FW_PIN_UNLOCK; i++)
				assert_int_equal(
					k->guess(ready(g, i), k->reference,
						target_text(k->pin == FW_PIN_USER ? TARGET_USER_PIN : TARGET_SO_PIN)),
					SW_PIN_BLOCKED);
			assert_int_equal(compared, k->tries);
		}
	}
}

/* A guess as short commands of a chain; `piece` of it is sent. False: there is no such piece. */
static bool send_piece(struct tunnel *u, struct bytes whole, size_t piece)
{
	const size_t size = 9, lc = whole.data[4], from = piece * size;
	uint8_t raw[5 + 9];

	if (from >= lc)
		return false;
	const size_t n = lc - from < size ? lc - from : size;
	memcpy(raw, whole.data, 4);
	if (from + n < lc)
		raw[0] |= 0x10;
	raw[4] = (uint8_t)n;
	memcpy(raw + 5, whole.data + 5 + from, n);
	tunnel_raw(u, BYTES(raw, 5 + n));
	return true;
}

/* Chains of all channels at once: a piece of each in turn, then whole ones. */
static void test_woven_chains(void **state)
{
	struct guesser *g = *state;
	const struct kind *k = &kinds[0];
	uint8_t raw[CHANNELS_MAX][128];

	for (size_t w = 0; w < COUNT(widths); w++) {
		go_back(g, g->fresh);
		open_channels(g, widths[w]);
		for (unsigned round = 0; round < 40; round++) {
			struct builder whole[CHANNELS_MAX];
			bool more = true;
			for (unsigned i = 0; i < widths[w]; i++) {
				whole[i] = builder_of(raw[i], sizeof raw[i]);
				struct tunnel *u = ready(g, i);
				u->short_apdus = true;
				assert_true(tunnel_wrap(u, 0x00, 0x20, 0, 0x81, target_text("guess-in-pieces"),
					APDU_LE_NONE, &whole[i]));
				u->short_apdus = false;
				scp_session_abort(&u->session);
				all_guesses++;
			}
			for (size_t piece = 0; more; piece++) {
				more = false;
				for (unsigned i = 0; i < widths[w]; i++)
					more = send_piece(g->at[i], builder_bytes(&whole[i]), piece) || more;
				judge(g, k, "woven");
			}
			/* Then each chain for itself, which on one channel was one already. */
			for (unsigned i = 0; i < widths[w]; i++) {
				for (size_t piece = 0; send_piece(g->at[i], builder_bytes(&whole[i]), piece); piece++)
					judge(g, k, "chain after chain");
			}
		}
		assert_true(compared <= k->tries);
		assert_true(widths[w] != 1 || compared == k->tries);
	}
}

/* ---- with the power cut ---- */

static void power_back(struct guesser *g, unsigned width)
{
	all_cuts++;
	ramtoken_power_cycle(g->target->token);
	open_channels(g, width);
}

/* Guess until nothing more can come of it. */
static void guess_with_cuts(struct guesser *g, const struct kind *k, unsigned width, unsigned long at, bool by_chance)
{
	struct hal *hal = &g->target->token->hal;

	open_channels(g, width);
	for (unsigned n = 0; n < k->tries + 4u; n++) {
		struct tunnel *u = ready(g, n % width);
		if (by_chance) {
			hal->torn = (enum ramhal_torn)(rand() % RAMHAL_TORN_MODES);
			at = (unsigned long)rand() % 8;
		}
		hal->cut_at = at;
		guess(u, k, n);
		hal->cut_at = 0;
		if (g->target->token->off)
			power_back(g, width);
		judge(g, k, "power cut");
	}
}

/* Most flash operations of one guess: the banks may change at any of the first ones. */
static unsigned long operations(struct guesser *g, const struct kind *k, const struct ramtoken_moment *m)
{
	const struct hal *hal = &g->target->token->hal;
	unsigned long most = 0;

	go_back(g, m);
	open_channels(g, 1);
	for (unsigned n = 0; n < 3; n++) {
		const unsigned long before = hal->writes + hal->erases;
		guess(ready(g, 0), k, n);
		if (hal->writes + hal->erases - before > most)
			most = hal->writes + hal->erases - before;
	}
	assert_int_equal(compared, 3);
	return most;
}

/* The widths take turns: 19 channels are opened again after each cut. CHANNEL_ROUNDS: all of them each time. */
static void cut_everywhere(struct guesser *g, const struct ramtoken_moment *m)
{
	for (const struct kind *k = kinds; k < kinds + COUNT(kinds); k++) {
		const unsigned long end = operations(g, k, m);
		assert_true(end >= 1);
		for (unsigned long at = 1; at <= end; at++) {
			for (int torn = 0; torn < RAMHAL_TORN_MODES; torn++) {
				for (size_t w = 0; w < COUNT(widths); w++) {
					if (!getenv("CHANNEL_ROUNDS") && (at + (unsigned)torn) % COUNT(widths) != w)
						continue;
					go_back(g, m);
					g->target->token->hal.torn = (enum ramhal_torn)torn;
					guess_with_cuts(g, k, widths[w], at, false);
				}
			}
		}
	}
}

static void test_cut_everywhere(void **state)
{
	struct guesser *g = *state;

	cut_everywhere(g, g->fresh);
}

static void test_cut_while_banks_change(void **state)
{
	struct guesser *g = *state;

	cut_everywhere(g, g->full);
}

/* CHANNEL_ROUNDS: a longer night. */
static void test_cut_by_chance(void **state)
{
	struct guesser *g = *state;
	const char *more = getenv("CHANNEL_ROUNDS");
	const unsigned rounds = more ? (unsigned)atoi(more) : 15;

	srand(1);
	for (unsigned round = 0; round < rounds; round++) {
		for (const struct kind *k = kinds; k < kinds + COUNT(kinds); k++) {
			go_back(g, round % 2 ? g->full : g->fresh);
			guess_with_cuts(g, k, widths[round % COUNT(widths)], 0, true);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_woven_chains),
		cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_cut_while_banks_change),
		cmocka_unit_test(test_cut_by_chance),
	};
	return cmocka_run_group_tests_name("guesses", tests, setup, teardown);
}
