/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power goes at every flash operation of every command of the PIV application, written as asked and torn in two ways:
 * afterwards the token is as before the command or as after it, but for the try that a code may have cost. What "is"
 * means: each object, the metadata of each key and code, and which of the codes open it.
 */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "firmware-emu/core/state.h"
#include "tests/wire/piv.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What a client can see, joined. */
struct view {
	uint8_t bytes[8192];
	size_t len;
	uint8_t tries[2]; /* of PIN and PUK: judged apart */
};

static void add(struct view *v, uint16_t sw, struct bytes data)
{
	struct builder b = builder_of(v->bytes, sizeof(v->bytes));

	b.len = v->len;
	builder_u16(&b, sw);
	builder_put(&b, data);
	assert_false(b.failed);
	v->len = b.len;
}

static void see(struct view *v, struct ramtoken *t, const char *command)
{
	struct bytes answer = ramtoken_transceive(t, wire_hex(command));

	assert_true(answer.len >= 2);
	add(v, 0, answer);
}

/* The status of a code's metadata without the tries left, which are kept apart. */
static void see_code(struct view *v, struct ramtoken *t, const char *command, uint8_t *tries)
{
	struct bytes answer = wire(t, command, SW_OK);

	assert_int_equal(answer.len, 10);
	*tries = answer.data[9];
	add(v, 0, BYTES(answer.data, 9));
}

static void look(struct view *v, struct ramtoken *t)
{
	static const char *const questions[] = {"00CB3FFF055C035FC10200", "00CB3FFF055C035FC10700",
		"00CB3FFF055C035FC10500", "00CB3FFF055C035FC10A00", "00CB3FFF055C037FFFFF00", "00F7009A00",
		"00F7009C00", "00F7008200", "00F7009B00"};
	static const char *const pins[] = {"0020008008" PIN_246813, "0020008008" PIN_998877, "0020008008" PIN_123456};
	static const char *const puks[] = {"002C008010" PUK_OURS PIN_WRONG, "002C008010" PUK_OTHER PIN_WRONG};
	static const char *const keys[] = {KEY_OURS, KEY_KNOWN};
	struct ramtoken_moment *now;

	v->len = 0;
	t->hal.cut_at = 0;
	ramtoken_power_cycle(t);
	piv_select(t);
	for (size_t i = 0; i < COUNT(questions); i++)
		see(v, t, questions[i]);
	see_code(v, t, "00F7008000", &v->tries[0]);
	see_code(v, t, "00F7008100", &v->tries[1]);
	now = ramtoken_moment_take(t);
	for (size_t i = 0; i < COUNT(pins) + COUNT(puks); i++) {
		struct bytes answer =
			ramtoken_transceive(t, wire_hex(i < COUNT(pins) ? pins[i] : puks[i - COUNT(pins)]));
		uint16_t sw = (uint16_t)(answer.data[0] << 8 | answer.data[1]);
		add(v, (sw & 0xFFF0) == SW_TRIES_LEFT ? SW_TRIES_LEFT : sw, BYTES_NONE);
		ramtoken_moment_return(now, t);
	}
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct bytes metadata = wire(t, "00F7009B00", SW_OK);
		const uint8_t algorithm = metadata.data[2];
		uint8_t challenge[16], raw[32];
		struct builder b = builder_of(raw, sizeof(raw));
		struct bytes c = wire_apdu(t, 0, 0x87, algorithm, 0x9B, wire_hex("7C028100"), APDU_LE_MAX, SW_OK);
		memcpy(challenge, c.data + 4, c.len - 4);
		size_t body = tlv_begin(&b, 0x7C);
		tlv_put(&b, 0x82, piv_encrypt(algorithm, keys[i], BYTES(challenge, c.len - 4), 0));
		tlv_end(&b, body);
		add(v, wire_any(t, 0, 0x87, algorithm, 0x9B, builder_bytes(&b), 0, NULL), BYTES_NONE);
		ramtoken_moment_return(now, t);
	}
	ramtoken_moment_free(now);
}

static bool same(const struct view *a, const struct view *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

#define PRIVATE "1122334455667788112233445566778811223344556677881122334455667788"

/* clang-format off */
static const struct scene {
	const char *command;
	int tried; /* 0: PIN, 1: PUK may have cost a try; -1: none */
	uint16_t sw;
} scenes[] = {
	{"0020008008" PIN_246813, 0, SW_OK},
	{"0020008008" PIN_WRONG, 0, 0x63C1},
	{"0024008010" PIN_246813 PIN_998877, 0, SW_OK},
	{"0024008010" PIN_246813 PIN_123456, 0, SW_OK},
	{"0024008010" PIN_WRONG PIN_123456, 0, 0x63C1},
	{"0024008010" PIN_246813 "FFFFFFFFFFFFFFFF", 0, SW_WRONG_DATA},
	{"0024008110" PUK_OURS PUK_OTHER, 1, SW_OK},
	{"002C008010" PUK_OURS PIN_998877, 1, SW_OK},
	{"002C008010" PUK_OTHER PIN_998877, 1, 0x63C2},
	{"0047009A05AC03800111", -1, SW_OK},   /* in place of another key */
	{"0047008205AC03800114", -1, SW_OK},   /* a new one */
	{"00FE119A220620" PRIVATE, -1, SW_OK},   /* in place of another key */
	{"00FE118225AA01010620" PRIVATE, -1, SW_OK},   /* a new one */
	{"00DB3FFF0D5C035FC10553060102030405 06", -1, SW_OK},
	{"00DB3FFF0D5C035FC10A5306010203040506", -1, SW_OK},
	{"00DB3FFF075C035FC1055300", -1, SW_OK},
	{"00FA0507", -1, SW_OK},
	{"00FFFFFF1B039B18" KEY_KNOWN, -1, SW_OK},
	{"00FFFFFF1B0A9B18" KEY_OURS, -1, SW_OK},
};
/* clang-format on */

/* Keys in 9A and 9C, a certificate in 5FC105, two tries left of the PIN; everything verified. */
static struct ramtoken *prepared(void)
{
	/* A small flash: erasing a bank is a point for each of its sectors. */
	const struct ramtoken_options small = {.flash_size = 96 * 1024, .sector = 4096};
	struct ramtoken *t = ramtoken_new(&small);

	assert_int_equal(piv_initialize(t, PIV_FLAGS | PIV_YUBICO, PIV_TEMPLATE), SW_OK);
	piv_select(t);
	wire(t, "0020008008" PIN_WRONG, 0x63C2);
	piv_admin(t);
	piv_generate(t, 0x9A, 0x11, 0, 0);
	piv_generate(t, 0x9C, 0x07, 0, 0);
	piv_put(t, 0x5FC105, wire_hex("70020102"), SW_OK);
	return t;
}

/* With a tail that a cut left unclean, the next transaction moves everything to the other bank. */
static void ready(struct ramtoken *t, const struct scene *s, bool moves)
{
	if (moves) {
		t->hal.torn = RAMHAL_TORN_GARBAGE;
		t->hal.cut_at = 1;
		assert_int_equal(ramtoken_transceive(t, wire_hex("00DB3FFF075C035FC1055300")).len, 0);
		t->hal.cut_at = 0;
	}
	ramtoken_power_cycle(t);
	piv_select(t);
	piv_admin(t);
	if (s->command[2] == 'F' && s->command[3] == 'A')
		piv_log_in(t);
}

/* Before or after, and no try more than before but what the command gives. */
static void judge(const struct scene *s, const struct view *is, const struct view *before, const struct view *after)
{
	if (same(is, after) && memcmp(is->tries, after->tries, 2) == 0)
		return;
	if (!same(is, before))
		fail_msg("%s: neither before nor after", s->command);
	for (int i = 0; i < 2; i++)
		if (is->tries[i] != before->tries[i] && (i != s->tried || is->tries[i] + 1 != before->tries[i]))
			fail_msg("%s: %d tries of code %d", s->command, is->tries[i], i);
}

/* A scene at its beginning, to which the token can be taken back, and how it looks before and after the command. */
struct stage {
	const struct scene *scene;
	struct ramtoken *t;
	struct ramtoken_moment *start;
	struct view before, after;
};

static uint16_t send(const struct stage *g)
{
	struct rapdu r;

	return rapdu_parse(ramtoken_transceive(g->t, wire_hex(g->scene->command)), &r) ? r.sw : 0;
}

/* The n-th: each scene appends to its bank, and moves to the other one. False: there are no more. */
static bool stage_open(struct stage *g, size_t n)
{
	if (n >= 2 * COUNT(scenes))
		return false;
	g->scene = &scenes[n / 2];
	g->t = prepared();
	ready(g->t, g->scene, n % 2);
	g->start = ramtoken_moment_take(g->t);
	look(&g->before, g->t);
	ramtoken_moment_return(g->start, g->t);
	uint16_t sw = send(g);
	if (sw != g->scene->sw)
		fail_msg("%s: %04X instead of %04X", g->scene->command, sw, g->scene->sw);
	look(&g->after, g->t);
	return true;
}

static void stage_close(struct stage *g)
{
	ramtoken_moment_free(g->start);
	ramtoken_free(g->t);
}

static void each_command_is_one_transaction(void **state)
{
	static const enum ramhal_torn torn[] = {RAMHAL_TORN_PREFIX, RAMHAL_TORN_GARBAGE};
	static struct stage g;
	static struct view is;
	unsigned long points = 0;

	(void)state;
	for (size_t n = 0; stage_open(&g, n); n++) {
		for (size_t how = 0; how < COUNT(torn); how++)
			for (unsigned long at = 1;; at++) {
				ramtoken_moment_return(g.start, g.t);
				g.t->hal.torn = torn[how];
				g.t->hal.cut_at = at;
				bool whole = send(&g) != 0;
				look(&is, g.t);
				judge(g.scene, &is, &g.before, &g.after);
				if (whole)
					break;
				points++;
			}
		stage_close(&g);
	}
	print_message("%lu points\n", points);
	assert_true(points > 500);
}

/* A write that fails: the command says so, and the token is as before, but for the try. */
static void a_failing_flash_changes_nothing(void **state)
{
	static struct stage g;
	static struct view is;

	(void)state;
	for (size_t n = 0; stage_open(&g, n); n++) {
		bool reached = true;
		for (unsigned long at = 1; reached; at++) {
			ramtoken_moment_return(g.start, g.t);
			g.t->hal.fail_at = at;
			uint16_t sw = send(&g);
			reached = g.t->hal.fail_at == 0;
			g.t->hal.fail_at = 0;
			look(&is, g.t);
			judge(g.scene, &is, &g.before, &g.after);
			if (reached && sw == SW_OK)
				assert_true(same(&is, &g.after));
		}
		stage_close(&g);
	}
}

/* ---- traces ---- */

static bool on_flash(struct ramtoken *t, const char *hex)
{
	struct bytes secret = wire_hex(hex);

	return memmem(t->hal.flash, t->hal.size, secret.data, secret.len) != NULL;
}

/* RESET takes the old management key from the flash, too: at once or, after a cut, with the first command that writes.
 */
static void a_reset_leaves_no_trace(void **state)
{
	struct ramtoken *t = prepared();
	unsigned long done = 0;
	bool whole = false;

	(void)state;
	for (uint16_t left = 2; left-- > 0;)
		wire(t, "0020008008" PIN_WRONG, (uint16_t)(0x63C0 | left));
	for (uint16_t left = 3; left-- > 0;)
		wire(t, "002C008010" PUK_OTHER PIN_WRONG, (uint16_t)(0x63C0 | left));
	assert_true(on_flash(t, KEY_OURS));
	struct ramtoken_moment *start = ramtoken_moment_take(t);
	for (unsigned long k = 1; !whole; k++) {
		ramtoken_moment_return(start, t);
		t->hal.torn = (enum ramhal_torn)(k % RAMHAL_TORN_MODES);
		t->hal.cut_at = k;
		whole = ramtoken_transceive(t, wire_hex("00FB0000")).len > 0;
		t->hal.cut_at = 0;
		if (!whole)
			ramtoken_power_cycle(t);
		piv_select(t);
		struct bytes answer = ramtoken_transceive(t, wire_hex("0020008008" PIN_123456));
		if (answer.data[0] != 0x90) {
			assert_false(whole);
			continue;
		}
		assert_false(on_flash(t, KEY_OURS));
		done++;
	}
	assert_true(done > 3);
	ramtoken_moment_free(start);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_command_is_one_transaction),
		cmocka_unit_test(a_failing_flash_changes_nothing),
		cmocka_unit_test(a_reset_leaves_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
