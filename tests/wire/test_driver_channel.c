/* SPDX-License-Identifier: Apache-2.0 */
/* libukey's side of the secure channel: what it costs, whom it lets in, and what it believes. */
#include "config.h"

#include "tests/wire/driver_bench.h"

#include "common/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST "00554B4559000001"

/* ---- the bench: a personalised token, and somebody on the wire ----------------------------------------------------
 */

struct wire {
	unsigned clear, secured, pins; /* commands seen; with a PIN's instruction in clear */
	/* What to do to the n-th answer from now (1: the next) to a command with the secure messaging bit. */
	unsigned at;
	size_t flip; /* the bit of which byte */
	const char *instead;
	uint8_t ins; /* 0: any */
	bool touched;
};

static struct wire wire;
static struct personal personal;

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
		wire.clear++;
		wire.pins += carries_pin(a.ins) && a.data.len > 0;
		if (wire.ins != a.ins || wire.ins == 0)
			return;
	} else {
		wire.secured++;
	}
	if ((wire.ins && wire.ins != a.ins) || wire.at == 0 || --wire.at > 0)
		return;
	wire.touched = true;
	if (wire.instead) {
		answer->len = strlen(wire.instead) / 2;
		for (size_t i = 0; i < answer->len; i++)
			sscanf(wire.instead + 2 * i, "%2hhx", &answer->data[i]);
	} else if (wire.flip < answer->len) {
		answer->data[wire.flip] ^= 0x10;
	} else {
		wire.touched = false;
	}
}

static int setup_with(void **state, const struct personal_options *o)
{
	bench_setup(state);
	struct bench *b = *state;
	personal_make(b->chip[0], o, &personal);
	wire = (struct wire){0};
	b->loop->readers[0].falsify = watch;
	bench_refresh(b);
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, NULL);
}

static int setup_operational(void **state)
{
	setup(state);
	bench_initialize(((struct bench *)*state)->t);
	return 0;
}

static int setup_keys(void **state)
{
	setup_operational(state);
	bench_login(*state, UKEY_USER);
	bench_generate(*state, 0, UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT);
	bench_generate(*state, 2, UKEY_P256, 0);
	return 0;
}

static uint64_t commands;
static unsigned long apdus;

static void begin(struct bench *b)
{
	commands = ukey_token_commands(b->t);
	apdus = b->chip[0]->apdus;
}

static void cost(struct bench *b, unsigned n)
{
	assert_int_equal(ukey_token_commands(b->t) - commands, n);
	assert_int_equal(b->chip[0]->apdus - apdus, n);
	begin(b);
}

static void another_process(struct bench *b)
{
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
	bench_refresh(b);
}

static enum ukey_status sign(struct bench *b)
{
	const struct ukey_scheme pkcs1 = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256};
	uint8_t digest[32] = {1}, out[512];
	size_t len = sizeof out;

	return ukey_sign(b->t, 0, &pkcs1, digest, sizeof digest, out, &len);
}

/* ---- opening ------------------------------------------------------------------------------------------------------
 */

static void opening_costs_three_cold_and_two_warm(void **state)
{
	struct bench *b = *state;

	begin(b);
	assert_int_equal(bench_info(b).genuine, UKEY_GENUINE_UNKNOWN);
	assert_true(bench_info(b).device_key);
	ok(ukey_protect(b->t));
	cost(b, 3);
	assert_int_equal(bench_info(b).genuine, UKEY_GENUINE_YES);
	assert_true(bench_info(b).channel);
	ok(ukey_protect(b->t));
	cost(b, 0);
	/* Given back with the connection. */
	ukey_token_idle(b->t);
	cost(b, 1);
	assert_false(bench_info(b).channel);
	ok(ukey_protect(b->t));
	cost(b, 3); /* SELECT, and 2: the certificates are known */
	another_process(b);
	begin(b);
	ok(ukey_protect(b->t));
	cost(b, 2);
	assert_int_equal(wire.pins, 0);
}

static void every_step_costs_as_much_as_in_clear(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	uint8_t bytes[3000], *der;
	size_t len;

	begin(b);
	bench_initialize(b->t);
	cost(b, 4);
	bench_login(b, UKEY_USER);
	cost(b, 1);
	bench_generate(b, 0, UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT);
	cost(b, 2);
	der = bench_certificate_for(b, 0, 3000, &len);
	cost(b, 0);
	ok(ukey_write_certificate(b->t, 0, der, len, "cert"));
	cost(b, 1);
	free(der);
	ok(ukey_directory(b->t, &d));
	ukey_directory_unref(d);
	cost(b, 0);
	for (int i = 0; i < 3; i++) {
		ok(sign(b));
		cost(b, 1);
	}
	ok(ukey_random(b->t, bytes, 8));
	cost(b, 1);
	ok(ukey_random(b->t, bytes, sizeof bytes));
	cost(b, 1);
	ok(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("another")));
	cost(b, 1);
	ok(ukey_login_again(b->t, PIN("another")));
	cost(b, 1);
	ok(ukey_logout(b->t));
	cost(b, 1);
	is(ukey_login(b->t, UKEY_USER, PIN("654321")), UKEY_PIN_INCORRECT);
	cost(b, 1);
	assert_int_equal(bench_info(b).user_pin.tries_left, 5);
	ok(ukey_unlock_pin(b->t, PIN(SO_PIN), PIN(USER_PIN)));
	cost(b, 1);
	bench_login(b, UKEY_SO);
	ok(ukey_set_user_pin(b->t, PIN(USER_PIN)));
	cost(b, 2);
	/* Another process with a log-in: 2 and 1. */
	another_process(b);
	begin(b);
	bench_login(b, UKEY_USER);
	cost(b, 3);
	/* The cache knows the rest. */
	der = NULL;
	ok(ukey_read_certificate(b->t, 0, &der, &len));
	free(der);
	cost(b, 0);
	assert_int_equal(wire.pins, 0);
}

static void from_then_on_everything_goes_inside(void **state)
{
	struct bench *b = *state;
	uint8_t random[16];

	wire = (struct wire){0};
	ok(ukey_token_reload(b->t));
	ok(ukey_random(b->t, random, sizeof random));
	assert_int_equal(wire.clear, 0);
	assert_int_equal(wire.secured, 2);
	ukey_token_idle(b->t);
	assert_int_equal(wire.clear, 1);
	/* A process that needs no PIN needs no channel. */
	ok(ukey_token_reload(b->t));
	assert_int_equal(wire.secured, 2);
}

/* ---- who is let in ------------------------------------------------------------------------------------------------
 */

static void nothing_is_told(struct bench *b, enum ukey_status status)
{
	const struct ukey_initialize how = {.label = "x", .so_pin = (const uint8_t *)SO_PIN, .so_len = 8};

	is(ukey_protect(b->t), status);
	is(ukey_initialize(b->t, &how), status);
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), status);
	is(ukey_login(b->t, UKEY_SO, PIN(SO_PIN)), status);
	is(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("another")), status);
	is(ukey_unlock_pin(b->t, PIN(SO_PIN), PIN(USER_PIN)), status);
	is(ukey_set_user_pin(b->t, PIN(USER_PIN)), status);
	is(ukey_login_again(b->t, PIN(USER_PIN)), status);
	assert_int_equal(wire.pins, 0);
	assert_int_equal(wire.secured, 0);
	assert_false(bench_info(b).channel);
}

static void a_strangers_token_is_told_no_pin(void **state)
{
	const struct personal_options stranger = {.maker = PERSONAL_STRANGER};

	setup_with(state, &stranger);
	nothing_is_told(*state, UKEY_NOT_GENUINE);
	assert_int_equal(bench_info(*state).genuine, UKEY_GENUINE_NO);
	/* It is not remembered as one that proved anything. */
	assert_int_equal(access(trusted_home(), F_OK), 0);
}

static void another_tokens_certificate_is_none(void **state)
{
	const struct personal_options other = {.serial = "00554B4559000002"};

	setup_with(state, &other);
	nothing_is_told(*state, UKEY_NOT_GENUINE);
}

/* Personalised, with another key than the first: the tests' chips take their keys from one pool. */
static void make_other(struct ramtoken *t, struct personal *p)
{
	const uint8_t factory_keys[] = {0x80, 0xF0, 0x00, 0x00, 0x00};

	ramtoken_transceive(t, BYTES_OF(factory_keys));
	personal_make(t, NULL, p);
	assert_memory_not_equal(p->device_point, personal.device_point, sizeof p->device_point);
}

static void a_certificate_without_its_key_is_none(void **state)
{
	struct ramtoken *other = ramtoken_new(NULL);
	struct personal p;

	make_other(other, &p);
	const struct personal_options copied = {.device_point = p.device_point};
	setup_with(state, &copied);
	nothing_is_told(*state, UKEY_NOT_GENUINE);
	ramtoken_free(other);
}

static void without_roots_nothing_can_be_checked(void **state)
{
	struct bench *b;

	setup(state);
	b = *state;
	trusted_configure("trusted-roots = /nonexistent/roots\n");
	another_process(b);
	nothing_is_told(b, UKEY_NO_ROOTS);
	begin(b);
	is(ukey_protect(b->t), UKEY_NO_ROOTS);
	cost(b, 0);
	trusted_configure(NULL);
	another_process(b);
	ok(ukey_protect(b->t));
	/* The roots were taken away: what was known is no longer believed. */
	trusted_configure("trusted-roots = /nonexistent/roots\n");
	another_process(b);
	is(ukey_protect(b->t), UKEY_NO_ROOTS);
}

/* A token with this serial number that was never in a factory. */
static void swap(struct bench *b)
{
	loop_unplug(b->loop, 0);
	ramtoken_free(b->chip[0]);
	b->chip[0] = ramtoken_new(NULL);
	loop_plug(b->loop, 0, b->chip[0]);
	ok(ukey_refresh(b->u));
}

static void who_proved_a_key_cannot_deny_it_later(void **state)
{
	struct bench *b = *state;

	ok(ukey_protect(b->t));
	swap(b);
	assert_false(bench_info(b).device_key);
	nothing_is_told(b, UKEY_NOT_GENUINE);
	another_process(b);
	assert_int_equal(bench_info(b).genuine, UKEY_GENUINE_NONE);
	nothing_is_told(b, UKEY_NOT_GENUINE);
	assert_int_equal(bench_info(b).genuine, UKEY_GENUINE_NO);
	trusted_forget();
	another_process(b);
	ok(ukey_protect(b->t));
	bench_initialize(b->t);
	bench_login(b, UKEY_USER);
	assert_int_equal(wire.secured, 0);
	trusted_configure("secure-channel = required\n");
	another_process(b);
	wire.pins = 0;
	nothing_is_told(b, UKEY_NOT_GENUINE);
}

static void a_key_that_was_replaced_is_read_anew(void **state)
{
	struct bench *b = *state;
	struct personal p;

	ok(ukey_protect(b->t));
	swap(b);
	make_other(b->chip[0], &p);
	loop_unplug(b->loop, 0);
	loop_plug(b->loop, 0, b->chip[0]);
	ok(ukey_refresh(b->u));
	ok(ukey_protect(b->t));
	another_process(b);
	begin(b);
	ok(ukey_protect(b->t));
	cost(b, 2);
}

/* ---- what is remembered -------------------------------------------------------------------------------------------
 */

static void path_of(char path[160], const char *name)
{
	snprintf(path, 160, "%s/state/openukey%s", trusted_home(), name);
}

static void what_is_remembered_is_ours_alone(void **state)
{
	struct bench *b = *state;
	char folder[160], devices[160], file[160];
	struct stat st;

	path_of(folder, "");
	path_of(devices, "/devices");
	path_of(file, "/devices/" FIRST);
	ok(ukey_protect(b->t));
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, personal.device_chain_len);
	assert_int_equal(stat(devices, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	const struct {
		const char *path;
		mode_t mode;
	} opened[] = {
		{folder,  0777},
		{devices, 0770},
		{file,    0666},
	};
	for (size_t i = 0; i < 3; i++) {
		mode_t before = opened[i].path == file ? 0600 : 0700;
		assert_int_equal(chmod(opened[i].path, opened[i].mode), 0);
		another_process(b);
		begin(b);
		ok(ukey_protect(b->t));
		cost(b, 3);
		assert_int_equal(chmod(opened[i].path, before), 0);
	}
	if (geteuid() == 0) {
		assert_int_equal(chown(devices, 12345, 12345), 0);
		another_process(b);
		begin(b);
		ok(ukey_protect(b->t));
		cost(b, 3);
		assert_int_equal(chown(devices, 0, 0), 0);
	}
	another_process(b);
	begin(b);
	ok(ukey_protect(b->t));
	cost(b, 2);
}

static void a_damaged_memory_costs_a_command(void **state)
{
	struct bench *b = *state;
	char file[160];
	FILE *f;

	path_of(file, "/devices/" FIRST);
	ok(ukey_protect(b->t));
	for (int i = 0; i < 3; i++) {
		f = fopen(file, i == 1 ? "a" : "w");
		assert_non_null(f);
		fputs(i == 2 ? "" : "what is this", f);
		fclose(f);
		another_process(b);
		begin(b);
		ok(ukey_protect(b->t));
		cost(b, 3);
	}
	/* And with no place to remember it works as well. */
	setenv("XDG_STATE_HOME", "/nonexistent/state", 1);
	another_process(b);
	begin(b);
	ok(ukey_protect(b->t));
	cost(b, 3);
	snprintf(file, sizeof file, "%s/state", trusted_home());
	setenv("XDG_STATE_HOME", file, 1);
}

/* Whether it proved a key before cannot be looked up: no reason to believe that it never did. */
static void short_of_descriptors_nothing_is_told_either(void **state)
{
	struct bench *b = *state;
	struct rlimit before, none;
	const int next = dup(0);

	ok(ukey_protect(b->t));
	swap(b);
	another_process(b);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	nothing_is_told(b, UKEY_MEMORY);
	assert_int_equal(bench_info(b).genuine, UKEY_GENUINE_NONE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	nothing_is_told(b, UKEY_NOT_GENUINE);
}

/* ---- many of them -------------------------------------------------------------------------------------------------
 */

static struct ukey_token *first_token(struct ukey *u)
{
	struct ukey_token **list, *t;
	size_t count;

	ok(ukey_refresh(u));
	ok(ukey_tokens(u, &list, &count));
	assert_int_equal(count, 1);
	t = ukey_token_ref(list[0]);
	ukey_tokens_free(list, count);
	return t;
}

static void nineteen_have_theirs_and_the_twentieth_waits(void **state)
{
	struct bench *b = *state;
	struct ukey *u[20];
	struct ukey_token *t[20];
	struct ukey_token_info info;

	ukey_token_idle(b->t);
	for (int i = 0; i < 20; i++) {
		ok(ukey_open(&u[i]));
		t[i] = first_token(u[i]);
	}
	for (int i = 0; i < 19; i++)
		ok(ukey_login(t[i], UKEY_USER, PIN(USER_PIN)));
	is(ukey_login(t[19], UKEY_USER, PIN(USER_PIN)), UKEY_CHANNEL_FULL);
	is(ukey_protect(t[19]), UKEY_CHANNEL_FULL);
	/* Each of them is its own: channels 1 to 19 in both codings of the class. */
	for (int i = 0; i < 19; i++) {
		const struct ukey_data in = {
			.label = "d", .is_private = true, .value = (uint8_t *)(uintptr_t) "v", .length = 1};
		ok(ukey_write_data(t[i], 0, &in, NULL));
	}
	ok(ukey_logout(t[7]));
	ok(ukey_token_reload(t[8]));
	ukey_token_info(t[8], &info);
	assert_int_equal(info.role, UKEY_USER);
	ukey_token_idle(t[11]);
	ok(ukey_login(t[19], UKEY_USER, PIN(USER_PIN)));
	is(ukey_login(t[11], UKEY_USER, PIN(USER_PIN)), UKEY_CHANNEL_FULL);
	for (int i = 0; i < 20; i++) {
		ukey_token_unref(t[i]);
		ukey_close(u[i]);
	}
	/* All were given back. */
	for (int i = 0; i < 25; i++) {
		ukey_token_idle(b->t);
		ok(ukey_protect(b->t));
	}
	assert_int_equal(wire.pins, 0);
}

/* Real programs end without C_Finalize (tests/clients/openssl.sh): neither log-in nor channel may stay behind. */
static void programs_that_just_end_take_none_with_them(void **state)
{
	struct bench *b = *state;
	struct ukey *u[25];
	struct ukey_token *t[25];
	struct ukey_token_info info;

	ukey_token_idle(b->t);
	for (int i = 0; i < 25; i++) {
		ok(ukey_open(&u[i]));
		t[i] = first_token(u[i]);
		ok(ukey_login(t[i], UKEY_USER, PIN(USER_PIN)));
		ukey_depart(u[i]);
		ukey_token_info(t[i], &info);
		assert_int_equal(info.role, UKEY_NOBODY);
	}
	/* What comes late finds all in its place. */
	ukey_depart(u[0]);
	ukey_token_idle(t[0]);
	ok(ukey_login(t[1], UKEY_USER, PIN(USER_PIN)));
	ok(ukey_logout(t[1]));
	for (int i = 0; i < 25; i++) {
		ukey_token_unref(t[i]);
		ukey_close(u[i]);
	}
}

/* ---- disturbed ----------------------------------------------------------------------------------------------------
 */

/* Another program sends this on our channel, which is the first. */
static void inject(struct bench *b, const char *hex)
{
	uint8_t command[64];
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		sscanf(hex + 2 * i, "%2hhx", &command[i]);
	ramtoken_transceive(b->chip[0], BYTES(command, n));
}

static void a_clear_command_inside_ends_the_session(void **state)
{
	struct bench *b = *state;

	inject(b, "01840000"
		  "08");
	is(sign(b), UKEY_CHANNEL_LOST);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	assert_false(bench_info(b).channel);
	/* The next use opens it again, and the log-in is asked for. */
	is(sign(b), UKEY_NOT_LOGGED_IN);
	wire = (struct wire){0};
	ok(ukey_token_reload(b->t));
	assert_int_equal(wire.secured, 1);
	assert_true(bench_info(b).channel);
	bench_login(b, UKEY_USER);
	ok(sign(b));
	/* Nobody logged in: nobody notices. */
	ok(ukey_logout(b->t));
	inject(b, "01840000"
		  "08");
	ok(ukey_token_reload(b->t));
	inject(b, "01840000"
		  "08");
	bench_login(b, UKEY_USER);
	ok(sign(b));
	/* What may have been carried out is not repeated. */
	ok(ukey_logout(b->t));
	inject(b, "01840000"
		  "08");
	is(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("another")), UKEY_CHANNEL_LOST);
	ok(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("another")));
	assert_int_equal(wire.pins, 0);
}

static void a_channel_closed_by_others_is_opened_again(void **state)
{
	struct bench *b = *state;

	inject(b, "00708001");
	is(sign(b), UKEY_CHANNEL_LOST);
	bench_login(b, UKEY_USER);
	ok(sign(b));
	ok(ukey_logout(b->t));
	inject(b, "00708001");
	ok(ukey_token_reload(b->t));
	/* The number went to somebody else: theirs stays open. */
	inject(b, "00708001");
	inject(b, "0070000001");
	ok(ukey_token_reload(b->t));
	const uint8_t status[] = {0x01, 0x20, 0x00, 0x81};
	struct bytes said = ramtoken_transceive(b->chip[0], BYTES_OF(status));
	assert_int_equal(said.data[0], 0x63);
}

static void a_reset_ends_it_and_is_noticed(void **state)
{
	struct bench *b = *state;

	loop_reset(b->loop, 0);
	wire = (struct wire){0};
	is(sign(b), UKEY_TOKEN_RESET);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	bench_login(b, UKEY_USER);
	ok(sign(b));
	ok(ukey_logout(b->t));
	loop_reset(b->loop, 0);
	ok(ukey_token_reload(b->t));
	assert_true(bench_info(b).channel);
	loop_reset(b->loop, 0);
	bench_login(b, UKEY_USER);
	/* Power that was lost without anybody's word. */
	ramtoken_power_cycle(b->chip[0]);
	is(sign(b), UKEY_CHANNEL_LOST);
	bench_login(b, UKEY_USER);
	ok(sign(b));
	assert_int_equal(wire.pins, 0);
	/* Unplugged and plugged in again. */
	loop_unplug(b->loop, 0);
	is(sign(b), UKEY_TOKEN_REMOVED);
	loop_plug(b->loop, 0, b->chip[0]);
	ok(ukey_refresh(b->u));
	assert_false(bench_info(b).channel);
	bench_login(b, UKEY_USER);
	ok(sign(b));
}

static void a_reset_before_the_opening_is_mended(void **state)
{
	struct bench *b = *state;

	another_process(b);
	loop_reset(b->loop, 0);
	bench_login(b, UKEY_USER);
	ok(sign(b));
	/* In the middle of it, too: MANAGE CHANNEL, INTERNAL AUTHENTICATE. */
	for (unsigned at = 1; at <= 2; at++) {
		another_process(b);
		b->loop->readers[0].reset_at = at;
		bench_login(b, UKEY_USER);
		ok(sign(b));
	}
	another_process(b);
	loop_unplug(b->loop, 0);
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_TOKEN_REMOVED);
	assert_false(bench_info(b).present);
	loop_plug(b->loop, 0, b->chip[0]);
	ok(ukey_refresh(b->u));
	bench_login(b, UKEY_USER);
	assert_int_equal(wire.pins, 0);
}

static void a_busy_reader_costs_no_log_in(void **state)
{
	struct bench *b = *state;

	/* What was not sent leaves the session as it is. */
	b->loop->readers[0].busy_at = 1;
	is(sign(b), UKEY_TOKEN_BUSY);
	assert_int_equal(bench_info(b).role, UKEY_USER);
	ok(sign(b));
	/* In the middle of a chain it is lost, and with it the log-in; the logical channel is given back. */
	b->loop->readers[0].short_only = true;
	another_process(b);
	for (int i = 0; i < 25; i++) {
		uint8_t value[700] = {0};
		const struct ukey_data in = {.label = "d", .value = value, .length = sizeof value};

		bench_login(b, UKEY_USER);
		b->loop->readers[0].busy_at = 2;
		is(ukey_write_data(b->t, 0, &in, NULL), UKEY_TOKEN_BUSY);
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
		assert_false(bench_info(b).channel);
	}
	bench_login(b, UKEY_USER);
	ok(sign(b));
}

/* ---- lied to ------------------------------------------------------------------------------------------------------
 */

static enum ukey_status call_reload(struct bench *b)
{
	return ukey_token_reload(b->t);
}

static enum ukey_status call_login(struct bench *b)
{
	return ukey_login(b->t, UKEY_USER, PIN(USER_PIN));
}

static enum ukey_status call_random(struct bench *b)
{
	uint8_t out[24];
	return ukey_random(b->t, out, sizeof out);
}

static enum ukey_status call_attributes(struct bench *b)
{
	return ukey_set_key_attributes(b->t, 2, NULL, 0, "name", NULL);
}

static enum ukey_status (*const calls[])(struct bench *b) = {
	call_reload, call_login, sign, call_random, call_attributes};

static const uint8_t instruction[] = {0xCB, 0x20, 0x87, 0x84, 0xDB};

static void ready(struct bench *b)
{
	const struct ukey_directory *d;

	wire = (struct wire){0};
	if (bench_info(b).role == UKEY_NOBODY)
		bench_login(b, UKEY_USER);
	ok(ukey_directory(b->t, &d));
	ukey_directory_unref(d);
}

static void every_changed_answer_ends_the_channel(void **state)
{
	struct bench *b = *state;

	for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
		bool touched = true;
		for (size_t at = 0; touched; at++) {
			ready(b);
			if (calls[c] == call_login)
				ok(ukey_logout(b->t));
			wire.at = 1;
			wire.flip = at;
			wire.ins = instruction[c];
			enum ukey_status status = calls[c](b);
			touched = wire.touched;
			if (!touched) {
				ok(status);
			} else if (status != UKEY_CHANNEL_LOST) {
				/* A changed status word may be any error, but never a success. */
				assert_int_not_equal(status, UKEY_OK);
				assert_int_not_equal(status, UKEY_PIN_INCORRECT);
			}
		}
	}
	assert_int_equal(bench_info(b).user_pin.tries_left, 6);
	assert_int_equal(wire.pins, 0);
}

static void what_anybody_can_say_is_not_believed(void **state)
{
	struct bench *b = *state;
	static const char *const lies[] = {
		"9000", "63C2", "6300", "6282", "8804000000019000", "88046982", "00000000000000009000", "90", ""};

	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		ready(b);
		wire.at = 1;
		wire.instead = lies[i];
		is(sign(b), UKEY_CHANNEL_LOST);
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	}
	/* "Log in first": the token was asked, and we are. */
	ready(b);
	wire.at = 1;
	wire.instead = "6982";
	is(sign(b), UKEY_NOT_LOGGED_IN);
	assert_int_equal(bench_info(b).role, UKEY_USER);
	ok(sign(b));
	/* "Blocked": the token was asked, and it is not. */
	ok(ukey_logout(b->t));
	wire = (struct wire){.at = 1, .instead = "6983", .ins = 0x20};
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_CHANNEL_LOST);
	assert_int_equal(bench_info(b).user_pin.tries_left, 6);
	/* "Right, but to be changed first": it was wrong, and is not to be changed. */
	wire = (struct wire){.at = 1, .instead = "6984", .ins = 0x20};
	is(ukey_login(b->t, UKEY_USER, PIN("654321")), UKEY_CHANNEL_LOST);
	assert_int_equal(bench_info(b).user_pin.tries_left, 5);
	assert_false(bench_info(b).user_pin.must_change);
	ready(b);
	ok(sign(b));
	/* "Nothing was written": it was, and that is seen. */
	wire = (struct wire){.at = 1, .instead = "6581", .ins = 0xDB};
	is(ukey_set_key_attributes(b->t, 2, NULL, 0, "told", NULL), UKEY_TOKEN_FAILURE);
	const struct ukey_directory *d;
	ok(ukey_directory(b->t, &d));
	assert_string_equal(ukey_directory_key(d, 2)->label, "told");
	ukey_directory_unref(d);
	/* A wrong Le: the command does not go out again. */
	wire = (struct wire){.at = 1, .instead = "6C08"};
	const unsigned long before = b->chip[0]->apdus;
	is(sign(b), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(b->chip[0]->apdus, before + 1);
	ok(sign(b));
}

static void what_was_done_unseen_is_looked_up(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;

	/* Each is carried out, and its answer changed on the way. */
	wire = (struct wire){.at = 1, .ins = 0x24};
	is(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("another")), UKEY_CHANNEL_LOST);
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_PIN_INCORRECT);
	ok(ukey_login(b->t, UKEY_USER, PIN("another")));
	wire = (struct wire){.at = 1, .ins = 0xE4};
	is(ukey_delete_key(b->t, 2), UKEY_CHANNEL_LOST);
	ok(ukey_directory(b->t, &d));
	assert_null(ukey_directory_key(d, 2));
	ukey_directory_unref(d);
	ok(ukey_login(b->t, UKEY_USER, PIN("another")));
	wire = (struct wire){.at = 1, .ins = 0x47};
	is(ukey_generate(b->t, &(struct ukey_generate){.ref = 4, .algorithm = UKEY_P256}, NULL), UKEY_CHANNEL_LOST);
	ok(ukey_directory(b->t, &d));
	assert_non_null(ukey_directory_key(d, 4));
	ukey_directory_unref(d);
	/* A wrong PIN whose answer is swallowed costs a try, and it is known. */
	wire = (struct wire){.at = 1, .ins = 0x20, .instead = "9000"};
	is(ukey_login(b->t, UKEY_USER, PIN("654321")), UKEY_CHANNEL_LOST);
	assert_int_equal(bench_info(b).user_pin.tries_left, 5);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	wire = (struct wire){.at = 1, .ins = 0xE0};
	const struct ukey_initialize how = {.label = "Anew",
		.so_pin = (const uint8_t *)SO_PIN,
		.so_len = 8,
		.present_so_pin = (const uint8_t *)SO_PIN,
		.present_so_len = 8};
	is(ukey_initialize(b->t, &how), UKEY_CHANNEL_LOST);
	assert_string_equal(bench_info(b).label, "Anew");
	assert_int_equal(bench_info(b).life_cycle, UKEY_INITIALISED);
	assert_int_equal(wire.pins, 0);
}

static void a_changed_opening_is_no_opening(void **state)
{
	struct bench *b = *state;
	bool touched = true;

	/* Certificates, channel number, points and receipt come in clear; each bit of them is checked by what follows.
	 */
	for (size_t at = 0; touched; at++) {
		ukey_token_idle(b->t);
		wire = (struct wire){.at = 1, .flip = at, .ins = 0x88};
		enum ukey_status status = ukey_login(b->t, UKEY_USER, PIN(USER_PIN));
		touched = wire.touched;
		assert_int_equal(status == UKEY_OK, !touched);
		assert_int_equal(wire.secured, !touched);
	}
	touched = true;
	for (size_t at = 0; touched; at += 7) {
		trusted_forget();
		another_process(b);
		wire = (struct wire){.at = 1, .flip = at, .ins = 0xCB};
		enum ukey_status status = ukey_login(b->t, UKEY_USER, PIN(USER_PIN));
		touched = wire.touched;
		assert_int_equal(status == UKEY_OK, !touched);
		assert_int_equal(wire.secured, !touched);
	}
	/* None of that used the channels up. */
	wire = (struct wire){0};
	ukey_token_idle(b->t);
	bench_login(b, UKEY_USER);
	assert_int_equal(wire.pins, 0);
}

/* ---- how commands travel ------------------------------------------------------------------------------------------
 */

static void a_reader_without_extended_lengths_is_enough(void **state)
{
	struct bench *b = *state;
	uint8_t bytes[600], *der, *again;
	size_t len, again_len;

	b->loop->readers[0].short_only = true;
	another_process(b);
	bench_initialize(b->t);
	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT);
	der = bench_certificate_for(b, 0, 3000, &len);
	ok(ukey_write_certificate(b->t, 0, der, len, "cert"));
	another_process(b);
	bench_login(b, UKEY_USER);
	ok(ukey_read_certificate(b->t, 0, &again, &again_len));
	assert_int_equal(again_len, len);
	assert_memory_equal(again, der, len);
	free(again);
	free(der);
	ok(sign(b));
	ok(ukey_random(b->t, bytes, 5));
	ok(ukey_random(b->t, bytes, 250));
	ok(ukey_random(b->t, bytes, sizeof bytes));
	is(ukey_login_again(b->t, PIN("654321")), UKEY_PIN_INCORRECT);
	assert_int_equal(wire.pins, 0);
}

/* ---- the log ------------------------------------------------------------------------------------------------------
 */

static char text[1 << 16];

static void keep(void *arg, const char *line)
{
	(void)arg;
	if (strlen(text) + strlen(line) + 2 < sizeof text)
		strcat(strcat(text, line), "\n");
}

static void the_log_shows_commands_and_no_pins(void **state)
{
	struct bench *b = *state;
	char pin[32];

	text[0] = '\0';
	ukey_set_log(keep, NULL);
	bench_login(b, UKEY_USER);
	ok(ukey_token_reload(b->t));
	ukey_set_log(NULL, NULL);
	hex_encode(BYTES((const uint8_t *)USER_PIN, 6), pin, sizeof pin);
	assert_null(strstr(text, pin));
	assert_non_null(strstr(text, "Loop 00 (inside, channel 1): > 00200081 Lc=6 Le=256 (6 bytes)"));
	assert_non_null(strstr(text, "Loop 00 (inside, channel 1): > 00CB3FFF Lc=4 Le=256 5c020001"));
	assert_non_null(strstr(text, "Loop 00 (inside, channel 1): < 9000"));
}

#define TEST(f, setup) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opening_costs_three_cold_and_two_warm, setup),
		TEST(every_step_costs_as_much_as_in_clear, setup),
		TEST(from_then_on_everything_goes_inside, setup_operational),
		cmocka_unit_test_teardown(a_strangers_token_is_told_no_pin, bench_teardown),
		cmocka_unit_test_teardown(another_tokens_certificate_is_none, bench_teardown),
		cmocka_unit_test_teardown(a_certificate_without_its_key_is_none, bench_teardown),
		cmocka_unit_test_teardown(without_roots_nothing_can_be_checked, bench_teardown),
		TEST(who_proved_a_key_cannot_deny_it_later, setup),
		TEST(a_key_that_was_replaced_is_read_anew, setup),
		TEST(what_is_remembered_is_ours_alone, setup),
		TEST(a_damaged_memory_costs_a_command, setup),
		TEST(programs_that_just_end_take_none_with_them, setup_operational),
		TEST(short_of_descriptors_nothing_is_told_either, setup),
		TEST(nineteen_have_theirs_and_the_twentieth_waits, setup_operational),
		TEST(a_clear_command_inside_ends_the_session, setup_keys),
		TEST(a_channel_closed_by_others_is_opened_again, setup_keys),
		TEST(a_reset_ends_it_and_is_noticed, setup_keys),
		TEST(a_reset_before_the_opening_is_mended, setup_keys),
		TEST(a_busy_reader_costs_no_log_in, setup_keys),
		TEST(every_changed_answer_ends_the_channel, setup_keys),
		TEST(what_anybody_can_say_is_not_believed, setup_keys),
		TEST(what_was_done_unseen_is_looked_up, setup_keys),
		TEST(a_changed_opening_is_no_opening, setup_operational),
		TEST(a_reader_without_extended_lengths_is_enough, setup),
		TEST(the_log_shows_commands_and_no_pins, setup_operational),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
