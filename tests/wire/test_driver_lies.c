/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token that lies: each answer cut short at every length, with a byte too many, with another tag, empty, without a
 * status word, and as long as an APDU can be. The host says TOKEN_PROTOCOL, and goes on living.
 */
#include "tests/wire/driver_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 65538u

enum lie {
	LIE_CUT, /* so many bytes of the data, then the status word */
	LIE_MORE,
	LIE_TAG,
	LIE_EMPTY,
	LIE_NO_STATUS,
	LIE_LONGEST,
	LIES,
};

static struct {
	uint8_t ins; /* whose answers are falsified */
	enum lie lie;
	size_t at;
	bool certificates_only;
	bool possible; /* out: there was such a place in the answer */
} plan;

static void falsify(void *arg, struct bytes command, struct builder *answer)
{
	struct apdu a;

	(void)arg;
	if (!apdu_parse(command, &a) || a.ins != plan.ins || answer->len < 2)
		return;
	/* Who is asked for PIV after that says the truth: he is not. */
	if (a.ins == 0xA4 && a.data.data[0] == 0xA0)
		return;
	/* Certificates are lied about, and the directory is not. */
	if (plan.certificates_only && a.data.data[2] != 0x01)
		return;
	const size_t data = answer->len - 2;
	switch (plan.lie) {
	case LIE_CUT:
		plan.possible = plan.at < data;
		if (!plan.possible)
			return;
		answer->data[plan.at] = 0x90;
		answer->data[plan.at + 1] = 0x00;
		answer->len = plan.at + 2;
		return;
	case LIE_MORE:
		answer->len -= 2;
		builder_u8(answer, 0x00);
		builder_u16(answer, 0x9000);
		return;
	case LIE_TAG:
		if (data > 0)
			answer->data[0] ^= 0x01;
		plan.possible = data > 0;
		return;
	case LIE_EMPTY:
		answer->len = 0;
		builder_u16(answer, 0x9000);
		return;
	case LIE_NO_STATUS:
		answer->len = 1;
		return;
	default:
		answer->len -= 2;
		while (!answer->failed && answer->len < LONGEST - 2)
			builder_u8(answer, 0xAA);
		builder_u16(answer, 0x9000);
		return;
	}
}

static enum ukey_status call_reload(struct bench *b)
{
	return ukey_token_reload(b->t);
}

static enum ukey_status call_directory(struct bench *b)
{
	const struct ukey_directory *d;
	/* Whoever writes makes the directory unknown. */
	enum ukey_status s = ukey_set_container_name(b->t, 0, "c");

	if (s == UKEY_OK)
		s = ukey_directory(b->t, &d);
	if (s == UKEY_OK)
		ukey_directory_unref(d);
	return s;
}

static enum ukey_status call_login(struct bench *b)
{
	b->loop->readers[0].falsify = NULL;
	ok(ukey_logout(b->t));
	b->loop->readers[0].falsify = falsify;
	return ukey_login(b->t, UKEY_USER, PIN(USER_PIN));
}

static enum ukey_status call_sign(struct bench *b)
{
	const struct ukey_scheme ecdsa = {.padding = UKEY_ECDSA};
	uint8_t out[64];
	size_t len = sizeof out;
	return ukey_sign(b->t, 0, &ecdsa, (const uint8_t *)USER_PIN, 6, out, &len);
}

static enum ukey_status call_decrypt(struct bench *b)
{
	const struct ukey_scheme raw = {.padding = UKEY_RAW};
	uint8_t in[256] = {0}, out[256];
	size_t len = sizeof out;
	return ukey_decrypt(b->t, 2, &raw, in, sizeof in, out, &len);
}

static enum ukey_status call_generate(struct bench *b)
{
	const struct ukey_generate how = {.ref = 10, .algorithm = UKEY_P256};
	enum ukey_status s = ukey_generate(b->t, &how, NULL);

	/* It may be there or not. */
	b->loop->readers[0].falsify = NULL;
	if (ukey_delete_key(b->t, 10) != UKEY_OK)
		return UKEY_INTERNAL;
	b->loop->readers[0].falsify = falsify;
	return s;
}

static enum ukey_status call_delete(struct bench *b)
{
	const struct ukey_generate how = {.ref = 12, .algorithm = UKEY_P256};
	enum ukey_status s = ukey_generate(b->t, &how, NULL);

	/* The last lie may have been about a key that is still there. */
	assert_true(s == UKEY_OK || s == UKEY_EXISTS);
	return ukey_delete_key(b->t, 12);
}

static enum ukey_status call_write(struct bench *b)
{
	return ukey_set_container_name(b->t, 0, "name");
}

static enum ukey_status call_certificate(struct bench *b)
{
	uint8_t *der;
	size_t len;
	enum ukey_status s = ukey_read_certificate(b->t, 0, &der, &len);

	if (s == UKEY_OK)
		free(der);
	return s;
}

static enum ukey_status call_data(struct bench *b)
{
	struct ukey_data d;
	enum ukey_status s = ukey_read_data(b->t, 0, &d);

	if (s == UKEY_OK)
		ukey_data_clear(&d);
	return s;
}

static enum ukey_status call_logout(struct bench *b)
{
	enum ukey_status s = ukey_logout(b->t);

	b->loop->readers[0].falsify = NULL;
	ukey_token_idle(b->t);
	bench_login(b, UKEY_USER);
	b->loop->readers[0].falsify = falsify;
	return s;
}

static enum ukey_status call_random(struct bench *b)
{
	uint8_t out[16];
	return ukey_random(b->t, out, sizeof out);
}

#define EVERY    ((1u << LIES) - 1)
#define BIT(lie) (1u << (lie))

static const struct {
	const char *name;
	uint8_t ins;
	enum ukey_status (*call)(struct bench *b);
	unsigned lies; /* which of them are lies for this answer */
} calls[] = {
	{"reload",      0xCB, call_reload,      EVERY								 },
 /* An empty directory is a directory. */
	{"directory",   0xCB, call_directory,   EVERY & ~(BIT(LIE_EMPTY) | BIT(LIE_CUT))                              },
	{"login",       0x20, call_login,       BIT(LIE_LONGEST) | BIT(LIE_NO_STATUS)                                 },
	{"sign",        0x87, call_sign,        EVERY								 },
	{"decrypt",     0x87, call_decrypt,     EVERY								 },
	{"generate",    0x47, call_generate,    EVERY								 },
	{"delete",      0xE4, call_delete,      EVERY								 },
	{"write",       0xDB, call_write,       EVERY								 },
	{"certificate", 0xCB, call_certificate, EVERY								 },
	{"data",        0xCB, call_data,        EVERY								 },
	{"logout",      0x20, call_logout,      BIT(LIE_MORE)							 },
 /* Fewer random bytes than asked for are random bytes. */
	{"random",      0x84, call_random,      BIT(LIE_MORE) | BIT(LIE_EMPTY) | BIT(LIE_NO_STATUS) | BIT(LIE_LONGEST)},
};

static void tell(struct bench *b, size_t c, enum lie lie, size_t at)
{
	plan.ins = calls[c].ins;
	plan.lie = lie;
	plan.at = at;
	plan.possible = true;
	plan.certificates_only = calls[c].call == call_certificate;
	b->loop->readers[0].falsify = falsify;
	enum ukey_status s = calls[c].call(b);
	b->loop->readers[0].falsify = NULL;
	if (!plan.possible)
		return;
	if (s != UKEY_TOKEN_PROTOCOL)
		fprintf(stderr, "%s, lie %d at %zu\n", calls[c].name, lie, at);
	is(s, UKEY_TOKEN_PROTOCOL);
	/* It told the truth before and does again. */
	enum ukey_status in = ukey_login(b->t, UKEY_USER, PIN(USER_PIN));
	assert_true(in == UKEY_OK || in == UKEY_ALREADY_LOGGED_IN);
	ok(call_reload(b));
}

static void every_lie_is_found_out(void **state)
{
	struct bench *b = *state;
	const struct ukey_data data = {.label = "l", .value = (uint8_t *)(uintptr_t) "v", .length = 1};

	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_P256, 0);
	bench_generate(b, 2, UKEY_RSA_2048, UKEY_USE_DECRYPT);
	ok(ukey_write_data(b->t, 0, &data, NULL));
	bench_certify(b, 0, 0);
	/* A process that has not seen the certificate, and asks the token for everything. */
	trusted_configure("cache = no\n");
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
	bench_refresh(b);
	bench_login(b, UKEY_USER);
	for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
		for (int lie = LIE_MORE; lie < LIES; lie++)
			if (calls[c].lies >> lie & 1)
				tell(b, c, (enum lie)lie, 0);
		plan.possible = calls[c].lies & BIT(LIE_CUT);
		for (size_t at = 1; plan.possible; at++)
			tell(b, c, LIE_CUT, at);
	}
}

/* A log-in without a generation is a log-in that the token believes in: it must not outlive the connection. */
static void a_false_log_in_is_reset(void **state)
{
	struct bench *b = *state;
	const uint8_t verified[] = {0x00, 0x20, 0x00, 0x81};

	plan.ins = 0x20;
	plan.lie = LIE_EMPTY;
	b->loop->readers[0].falsify = falsify;
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ukey_token_idle(b->t);
	assert_memory_equal(ramtoken_transceive(b->chip[0], BYTES_OF(verified)).data, "\x63\xC6", 2);
}

/* At the first look such a card is a foreign one, and sees one command. */
static void a_liar_at_the_first_look_is_left_alone(void **state)
{
	struct bench *b = *state;
	struct ukey_reader_info *list;
	size_t count;

	for (int lie = LIE_CUT; lie < LIES; lie++)
		for (size_t at = 1; at < (lie == LIE_CUT ? 200 : 2); at += 7) {
			plan.ins = 0xA4;
			plan.lie = (enum lie)lie;
			plan.at = at;
			plan.possible = true;
			b->loop->readers[1].falsify = falsify;
			b->loop->readers[1].apdus = 0;
			loop_plug(b->loop, 1, b->chip[1]);
			bench_refresh(b);
			bench_refresh(b);
			/* Who does not know our name may know PIV's. */
			assert_in_range(b->loop->readers[1].apdus, 1, 2);
			ok(ukey_readers(b->u, &list, &count));
			enum ukey_reader_state state_there = list[1].state;
			free(list);
			assert_int_equal(state_there, plan.possible ? UKEY_READER_FOREIGN : UKEY_READER_TOKEN);
			loop_unplug(b->loop, 1);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_lie_is_found_out, bench_setup_operational, bench_teardown),
		cmocka_unit_test_setup_teardown(a_false_log_in_is_reset, bench_setup_operational, bench_teardown),
		cmocka_unit_test_setup_teardown(a_liar_at_the_first_look_is_left_alone, bench_setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
