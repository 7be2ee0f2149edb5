/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/wire/channel_bench.h"

#include <stdio.h>
#include <string.h>

struct channel_wire channel_wire;
struct personal channel_maker;

static bool carries_pin(uint8_t ins)
{
	return ins == 0x20 || ins == 0x24 || ins == 0x2C || ins == 0xE0;
}

static void watch(void *arg, struct bytes command, struct builder *answer)
{
	struct apdu a;
	struct apdu_class class;

	(void)arg;
	assert_true(apdu_parse(command, &a) && apdu_class_parse(a.cla, &class));
	if (!class.secure) {
		channel_wire.clear++;
		channel_wire.pins += carries_pin(a.ins) && a.data.len > 0;
		if (channel_wire.ins != a.ins || channel_wire.ins == 0)
			return;
	} else {
		channel_wire.secured++;
	}
	if ((channel_wire.ins && channel_wire.ins != a.ins) || channel_wire.at == 0 || --channel_wire.at > 0)
		return;
	channel_wire.touched = true;
	if (channel_wire.instead) {
		answer->len = strlen(channel_wire.instead) / 2;
		for (size_t i = 0; i < answer->len; i++)
			sscanf(channel_wire.instead + 2 * i, "%2hhx", &answer->data[i]);
	} else if (channel_wire.flip < answer->len) {
		answer->data[channel_wire.flip] ^= 0x10;
	} else {
		channel_wire.touched = false;
	}
}

int channel_setup_with(void **state, const struct personal_options *o)
{
	bench_setup(state);
	struct bench *b = *state;
	personal_make(b->chip[0], o, &channel_maker);
	channel_wire = (struct channel_wire){0};
	b->loop->readers[0].falsify = watch;
	bench_refresh(b);
	return 0;
}

int channel_setup(void **state)
{
	return channel_setup_with(state, NULL);
}

int channel_setup_operational(void **state)
{
	channel_setup(state);
	bench_initialize(((struct bench *)*state)->t);
	return 0;
}

int channel_setup_keys(void **state)
{
	channel_setup_operational(state);
	bench_login(*state, UKEY_USER);
	bench_generate(*state, 0, UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT);
	bench_generate(*state, 2, UKEY_P256, 0);
	return 0;
}

static uint64_t commands;
static unsigned long apdus;

void channel_begin(struct bench *b)
{
	commands = ukey_token_commands(b->t);
	apdus = b->chip[0]->apdus;
}

void channel_cost(struct bench *b, unsigned n)
{
	assert_int_equal(ukey_token_commands(b->t) - commands, n);
	assert_int_equal(b->chip[0]->apdus - apdus, n);
	channel_begin(b);
}

void channel_another_process(struct bench *b)
{
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
	bench_refresh(b);
}

enum ukey_status channel_sign(struct bench *b)
{
	const struct ukey_scheme pkcs1 = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256};
	uint8_t digest[32] = {1}, out[512];
	size_t len = sizeof out;

	return ukey_sign(b->t, 0, &pkcs1, digest, sizeof digest, out, &len);
}
