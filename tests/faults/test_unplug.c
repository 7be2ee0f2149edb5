/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token is pulled at every command of a whole life, once before the command reaches it and once after it was
 * carried out: each time the call says TOKEN_REMOVED and nothing else, the next call too, and after plugging in again
 * the token is in the state before or after the interrupted step, and the road goes on to its end.
 */
#include "tests/wire/driver_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIN_1 "123456"
#define PIN_2 "second-pin"
#define PIN_3 "third-pin"

/* One life. */
struct life {
	struct bench *b;
	const char *pin; /* the user's */
	bool again;      /* the step was begun before */
	uint8_t *der;
	size_t len;
};

static const struct ukey_scheme pkcs1 = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256};

static enum ukey_status login_user(struct life *l)
{
	enum ukey_status s = ukey_login(l->b->t, UKEY_USER, (const uint8_t *)l->pin, strlen(l->pin));
	return s == UKEY_ALREADY_LOGGED_IN ? UKEY_OK : s;
}

static enum ukey_status login_so(struct life *l)
{
	enum ukey_status s = ukey_login(l->b->t, UKEY_SO, PIN(SO_PIN));
	return s == UKEY_ALREADY_LOGGED_IN ? UKEY_OK : s;
}

static enum ukey_status initialize(struct life *l)
{
	const struct ukey_initialize how = {.label = "Life",
		.so_pin = (const uint8_t *)SO_PIN,
		.so_len = strlen(SO_PIN),
		.user_pin = (const uint8_t *)PIN_1,
		.user_len = strlen(PIN_1)};
	return ukey_initialize(l->b->t, &how);
}

static enum ukey_status directory(struct life *l)
{
	const struct ukey_directory *d;
	enum ukey_status s = ukey_directory(l->b->t, &d);

	if (s == UKEY_OK)
		ukey_directory_unref(d);
	return s;
}

static enum ukey_status generate_rsa(struct life *l)
{
	const struct ukey_generate how = {.ref = 0, .algorithm = UKEY_RSA_2048, .label = "rsa"};
	return ukey_generate(l->b->t, &how, NULL);
}

static enum ukey_status generate_ec(struct life *l)
{
	const struct ukey_generate how = {
		.ref = -1, .pair = UKEY_EXCHANGE, .algorithm = UKEY_P256, .label = "ec", .container_name = "second"};
	return ukey_generate(l->b->t, &how, NULL);
}

static enum ukey_status write_certificate(struct life *l)
{
	const struct ukey_directory *d;
	uint8_t *spki;
	size_t spki_len;
	enum ukey_status s = ukey_directory(l->b->t, &d);

	if (s != UKEY_OK)
		return s;
	ok(ukey_key_spki(ukey_directory_key(d, 0), &spki, &spki_len));
	ukey_directory_unref(d);
	free(l->der);
	l->der = bench_certificate(BYTES(spki, spki_len), 1000, &l->len);
	free(spki);
	return ukey_write_certificate(l->b->t, 0, l->der, l->len, "cert");
}

static enum ukey_status read_certificate(struct life *l)
{
	uint8_t *der;
	size_t len;
	enum ukey_status s = ukey_read_certificate(l->b->t, 0, &der, &len);

	if (s == UKEY_OK) {
		assert_int_equal(len, l->len);
		assert_memory_equal(der, l->der, len);
		free(der);
	}
	return s;
}

static enum ukey_status write_other(struct life *l)
{
	return ukey_write_other_certificate(l->b->t, 3, l->der, l->len, NULL, 0, "CA", 2, NULL);
}

static enum ukey_status write_data(struct life *l)
{
	const struct ukey_data in = {
		.label = "secret", .is_private = true, .value = (uint8_t *)(uintptr_t) "value", .length = 5};
	return ukey_write_data(l->b->t, 0, &in, NULL);
}

static enum ukey_status read_data(struct life *l)
{
	struct ukey_data out;
	enum ukey_status s = ukey_read_data(l->b->t, 0, &out);

	if (s == UKEY_OK) {
		assert_memory_equal(out.value, "value", 5);
		ukey_data_clear(&out);
	}
	return s;
}

static enum ukey_status sign(struct life *l)
{
	const uint8_t digest[32] = {1};
	uint8_t out[256];
	size_t len = sizeof out;
	return ukey_sign(l->b->t, 0, &pkcs1, digest, sizeof digest, out, &len);
}

static enum ukey_status derive(struct life *l)
{
	const struct ukey_directory *d;
	uint8_t out[32];
	size_t len = sizeof out;
	enum ukey_status s = ukey_directory(l->b->t, &d);

	if (s != UKEY_OK)
		return s;
	const struct ukey_key *k = ukey_directory_key(d, 3);
	assert_non_null(k);
	s = ukey_derive(l->b->t, 3, k->point, k->point_len, out, &len);
	ukey_directory_unref(d);
	return s;
}

static enum ukey_status random_bytes(struct life *l)
{
	uint8_t out[64];
	return ukey_random(l->b->t, out, sizeof out);
}

static enum ukey_status rename_key(struct life *l)
{
	return ukey_set_key_attributes(l->b->t, 0, (const uint8_t *)"\x07", 1, "renamed", NULL);
}

static enum ukey_status rename_container(struct life *l)
{
	return ukey_set_container_name(l->b->t, 0, "renamed");
}

static enum ukey_status reload(struct life *l)
{
	return ukey_token_reload(l->b->t);
}

static enum ukey_status logout(struct life *l)
{
	return ukey_logout(l->b->t);
}

/* Wrong PINs until no more are taken. */
static enum ukey_status block(struct life *l)
{
	enum ukey_status s = UKEY_PIN_INCORRECT;

	for (int i = 0; i < 7 && s == UKEY_PIN_INCORRECT; i++)
		s = ukey_login(l->b->t, UKEY_USER, PIN("wrong-pin"));
	return s == UKEY_PIN_BLOCKED ? UKEY_OK : s;
}

static enum ukey_status unlock(struct life *l)
{
	l->pin = PIN_2;
	return ukey_unlock_pin(l->b->t, PIN(SO_PIN), PIN(PIN_2));
}

static enum ukey_status change(struct life *l)
{
	enum ukey_status s = ukey_change_pin(l->b->t, UKEY_USER, PIN(PIN_2), PIN(PIN_3));

	/* It was done, only nobody heard. */
	if (s == UKEY_PIN_INCORRECT && l->again)
		s = ukey_login(l->b->t, UKEY_USER, PIN(PIN_3));
	if (s == UKEY_OK)
		l->pin = PIN_3;
	return s;
}

static enum ukey_status delete_certificate(struct life *l)
{
	return ukey_delete_certificate(l->b->t, 0);
}

static enum ukey_status delete_other(struct life *l)
{
	return ukey_delete_other_certificate(l->b->t, 3);
}

static enum ukey_status delete_data(struct life *l)
{
	return ukey_delete_data(l->b->t, 0);
}

static enum ukey_status delete_key(struct life *l)
{
	return ukey_delete_key(l->b->t, 0);
}

static enum ukey_status delete_container(struct life *l)
{
	return ukey_delete_container(l->b->t, 1);
}

static enum ukey_status set_label(struct life *l)
{
	return ukey_set_label(l->b->t, "Late life");
}

static enum ukey_status set_pin(struct life *l)
{
	l->pin = PIN_1;
	return ukey_set_user_pin(l->b->t, PIN(PIN_1));
}

static enum ukey_status factory_reset(struct life *l)
{
	return ukey_factory_reset(l->b->t);
}

#define STEP(name, role)                                                                                               \
	{                                                                                                              \
#name, name, role                                                                                      \
	}
static const struct {
	const char *name;
	enum ukey_status (*step)(struct life *l);
	enum ukey_role role; /* who must be in */
} road[] = {
	STEP(initialize, UKEY_NOBODY),
	STEP(login_user, UKEY_NOBODY),
	STEP(directory, UKEY_NOBODY),
	STEP(generate_rsa, UKEY_USER),
	STEP(write_certificate, UKEY_USER),
	STEP(read_certificate, UKEY_NOBODY),
	STEP(write_other, UKEY_USER),
	STEP(write_data, UKEY_USER),
	STEP(read_data, UKEY_USER),
	STEP(sign, UKEY_USER),
	STEP(generate_ec, UKEY_USER),
	STEP(derive, UKEY_USER),
	STEP(random_bytes, UKEY_NOBODY),
	STEP(rename_key, UKEY_USER),
	STEP(rename_container, UKEY_USER),
	STEP(reload, UKEY_NOBODY),
	STEP(logout, UKEY_NOBODY),
	STEP(block, UKEY_NOBODY),
	STEP(unlock, UKEY_NOBODY),
	STEP(login_user, UKEY_NOBODY),
	STEP(change, UKEY_NOBODY),
	STEP(delete_certificate, UKEY_USER),
	STEP(delete_other, UKEY_USER),
	STEP(delete_data, UKEY_USER),
	STEP(delete_key, UKEY_USER),
	STEP(delete_container, UKEY_USER),
	STEP(logout, UKEY_NOBODY),
	STEP(login_so, UKEY_NOBODY),
	STEP(set_label, UKEY_SO),
	STEP(set_pin, UKEY_SO),
	STEP(factory_reset, UKEY_SO),
};
#define STEPS (sizeof road / sizeof road[0])

/* What anybody can see of the token, and nothing that differs between two lives. */
static void describe(struct bench *b, char *text, size_t cap)
{
	const struct ukey_directory *d;
	struct ukey_token_info i;
	size_t n;

	ok(ukey_token_reload(b->t));
	i = bench_info(b);
	ok(ukey_directory(b->t, &d));
	n = (size_t)snprintf(
		text, cap, "%d '%s' user %d so %d:", i.life_cycle, i.label, i.user_pin.exists, i.so_pin.exists);
	for (size_t k = 0; k < d->key_count; k++)
		n += (size_t)snprintf(text + n, cap - n, " key %u %s %zu cert %d;", d->keys[k].ref, d->keys[k].label,
			d->keys[k].id_len, d->keys[k].certificate.exists);
	for (size_t k = 0; k < d->container_count; k++)
		n += (size_t)snprintf(text + n, cap - n, " container %s;", d->containers[k].name);
	snprintf(text + n, cap - n, " certs %zu data %zu", d->certificate_count, d->data_count);
	ukey_directory_unref(d);
}

static char before[STEPS][512], after[STEPS][512];
static unsigned long commands_of[STEPS]; /* without those of describe() */

static bool short_reader;

static struct life live(void **state)
{
	bench_setup(state);
	((struct bench *)*state)->loop->readers[0].max_apdu = short_reader ? 255 : 0;
	((struct bench *)*state)->loop->readers[0].short_only = short_reader;
	bench_refresh(*state);
	return (struct life){.b = *state, .pin = PIN_1};
}

static void die(void **state, struct life *l)
{
	free(l->der);
	bench_teardown(state);
}

static enum ukey_status have_role(struct life *l, enum ukey_role role)
{
	if (role == UKEY_NOBODY)
		return UKEY_OK;
	return role == UKEY_SO ? login_so(l) : login_user(l);
}

/* An undisturbed life: what each step begins with and leaves. */
static void undisturbed(void **state)
{
	struct life l = live(state);

	for (size_t i = 0; i < STEPS; i++) {
		describe(l.b, before[i], sizeof before[i]);
		commands_of[i] = l.b->chip[0]->apdus;
		ok(road[i].step(&l));
		commands_of[i] = l.b->chip[0]->apdus - commands_of[i];
		describe(l.b, after[i], sizeof after[i]);
	}
	die(state, &l);
}

/* After the pull in step i: plug in again, and go on to the end. */
static void go_on(struct life *l, size_t i)
{
	char now[512];

	is(ukey_token_reload(l->b->t), UKEY_TOKEN_REMOVED);
	assert_false(bench_info(l->b).present);
	assert_int_equal(bench_info(l->b).role, UKEY_NOBODY);
	loop_plug(l->b->loop, 0, l->b->chip[0]);
	bench_refresh(l->b);
	assert_true(bench_info(l->b).present);
	describe(l->b, now, sizeof now);
	if (strcmp(now, before[i]) != 0)
		assert_string_equal(now, after[i]);
	l->again = true;
	if (strcmp(now, after[i]) != 0 || strcmp(before[i], after[i]) == 0) {
		ok(have_role(l, road[i].role));
		ok(road[i].step(l));
	}
	l->again = false;
	for (size_t k = i + 1; k < STEPS; k++) {
		ok(have_role(l, road[k].role));
		ok(road[k].step(l));
	}
}

static void pulled(void **state, size_t step, unsigned long nth, enum loop_pull pull)
{
	struct life l = live(state);
	struct loop_reader *r = &l.b->loop->readers[0];

	for (size_t i = 0; i < step; i++)
		ok(road[i].step(&l));
	/* The undisturbed life had looked at the directory by now: so does this one. */
	ok(directory(&l));
	r->pull = pull;
	r->unplug_at = (unsigned)nth;
	enum ukey_status s = road[step].step(&l);
	if (s != UKEY_TOKEN_REMOVED)
		fprintf(stderr, "%s, command %lu, pulled %s\n", road[step].name, nth,
			pull == LOOP_BEFORE ? "before" : "after");
	is(s, UKEY_TOKEN_REMOVED);
	go_on(&l, step);
	die(state, &l);
}

static void pulled_at_every_command(void **state)
{
	unsigned pulls = 0;

	undisturbed(state);
	for (size_t i = 0; i < STEPS; i++)
		for (unsigned long n = 1; n <= commands_of[i]; n++) {
			pulled(state, i, n, LOOP_BEFORE);
			pulled(state, i, n, LOOP_AFTER);
			pulls += 2;
		}
	printf("%u pulls\n", pulls);
	assert_true(pulls >= 2 * 30);
}

/* The same with chains and GET RESPONSE: pulled in between their pieces. */
static void pulled_at_every_piece(void **state)
{
	short_reader = true;
	pulled_at_every_command(state);
	short_reader = false;
}

/* The first look itself: nothing is there, and nothing is wrong. */
static void pulled_at_the_first_look(void **state)
{
	for (int pull = LOOP_BEFORE; pull <= LOOP_AFTER; pull++) {
		struct ukey_token **list;
		size_t count;

		bench_setup(state);
		struct bench *b = *state;
		b->loop->readers[0].unplug_at = 1;
		b->loop->readers[0].pull = (enum loop_pull)pull;
		ok(ukey_refresh(b->u));
		ok(ukey_tokens(b->u, &list, &count));
		assert_int_equal(count, 0);
		ukey_tokens_free(list, count);
		loop_plug(b->loop, 0, b->chip[0]);
		bench_refresh(b);
		ok(ukey_token_reload(b->t));
		bench_teardown(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pulled_at_every_command),
		cmocka_unit_test(pulled_at_every_piece),
		cmocka_unit_test(pulled_at_the_first_look),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
