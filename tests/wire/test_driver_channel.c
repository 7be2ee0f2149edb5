/* SPDX-License-Identifier: Apache-2.0 */
/* libukey's side of the secure channel: what it costs, whom it lets in, what it remembers. */
#include "config.h"

#include "tests/wire/channel_bench.h"

#include "common/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST "00554B4559000001"

/* ---- opening ------------------------------------------------------------------------------------------------------
 */

static void opening_costs_three_cold_and_two_warm(void **state)
{
	struct bench *b = *state;

	channel_begin(b);
	assert_int_equal(bench_info(b).genuine, UKEY_GENUINE_UNKNOWN);
	assert_true(bench_info(b).device_key);
	ok(ukey_protect(b->t));
	channel_cost(b, 3);
	assert_int_equal(bench_info(b).genuine, UKEY_GENUINE_YES);
	assert_true(bench_info(b).channel);
	ok(ukey_protect(b->t));
	channel_cost(b, 0);
	/* Given back with the connection. */
	ukey_token_idle(b->t);
	channel_cost(b, 1);
	assert_false(bench_info(b).channel);
	ok(ukey_protect(b->t));
	channel_cost(b, 3); /* SELECT, and 2: the certificates are known */
	channel_another_process(b);
	channel_begin(b);
	ok(ukey_protect(b->t));
	channel_cost(b, 2);
	assert_int_equal(channel_wire.pins, 0);
}

static void every_step_costs_as_much_as_in_clear(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	uint8_t bytes[3000], *der;
	size_t len;

	channel_begin(b);
	bench_initialize(b->t);
	channel_cost(b, 4);
	bench_login(b, UKEY_USER);
	channel_cost(b, 1);
	bench_generate(b, 0, UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT);
	channel_cost(b, 2);
	der = bench_certificate_for(b, 0, 3000, &len);
	channel_cost(b, 0);
	ok(ukey_write_certificate(b->t, 0, der, len, "cert"));
	channel_cost(b, 1);
	free(der);
	ok(ukey_directory(b->t, &d));
	ukey_directory_unref(d);
	channel_cost(b, 0);
	for (int i = 0; i < 3; i++) {
		ok(channel_sign(b));
		channel_cost(b, 1);
	}
	ok(ukey_random(b->t, bytes, 8));
	channel_cost(b, 1);
	ok(ukey_random(b->t, bytes, sizeof bytes));
	channel_cost(b, 1);
	ok(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("another")));
	channel_cost(b, 1);
	ok(ukey_login_again(b->t, PIN("another")));
	channel_cost(b, 1);
	ok(ukey_logout(b->t));
	channel_cost(b, 1);
	is(ukey_login(b->t, UKEY_USER, PIN("654321")), UKEY_PIN_INCORRECT);
	channel_cost(b, 1);
	assert_int_equal(bench_info(b).user_pin.tries_left, 5);
	ok(ukey_unlock_pin(b->t, PIN(SO_PIN), PIN(USER_PIN)));
	channel_cost(b, 1);
	bench_login(b, UKEY_SO);
	ok(ukey_set_user_pin(b->t, PIN(USER_PIN)));
	channel_cost(b, 2);
	/* Another process with a log-in: 2 and 1. */
	channel_another_process(b);
	channel_begin(b);
	bench_login(b, UKEY_USER);
	channel_cost(b, 3);
	/* The cache knows the rest. */
	der = NULL;
	ok(ukey_read_certificate(b->t, 0, &der, &len));
	free(der);
	channel_cost(b, 0);
	assert_int_equal(channel_wire.pins, 0);
}

static void from_then_on_everything_goes_inside(void **state)
{
	struct bench *b = *state;
	uint8_t random[16];

	channel_wire = (struct channel_wire){0};
	ok(ukey_token_reload(b->t));
	ok(ukey_random(b->t, random, sizeof random));
	assert_int_equal(channel_wire.clear, 0);
	assert_int_equal(channel_wire.secured, 2);
	ukey_token_idle(b->t);
	assert_int_equal(channel_wire.clear, 1);
	/* A process that needs no PIN needs no channel. */
	ok(ukey_token_reload(b->t));
	assert_int_equal(channel_wire.secured, 2);
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
	assert_int_equal(channel_wire.pins, 0);
	assert_int_equal(channel_wire.secured, 0);
	assert_false(bench_info(b).channel);
}

static void a_strangers_token_is_told_no_pin(void **state)
{
	const struct personal_options stranger = {.maker = PERSONAL_STRANGER};

	channel_setup_with(state, &stranger);
	nothing_is_told(*state, UKEY_NOT_GENUINE);
	assert_int_equal(bench_info(*state).genuine, UKEY_GENUINE_NO);
	/* It is not remembered as one that proved anything. */
	assert_int_equal(access(trusted_home(), F_OK), 0);
}

static void another_tokens_certificate_is_none(void **state)
{
	const struct personal_options other = {.serial = "00554B4559000002"};

	channel_setup_with(state, &other);
	nothing_is_told(*state, UKEY_NOT_GENUINE);
}

/* Personalised, with another key than the first: the tests' chips take their keys from one pool. */
static void make_other(struct ramtoken *t, struct personal *p)
{
	const uint8_t factory_keys[] = {0x80, 0xF0, 0x00, 0x00, 0x00};

	ramtoken_transceive(t, BYTES_OF(factory_keys));
	personal_make(t, NULL, p);
	assert_memory_not_equal(p->device_point, channel_maker.device_point, sizeof p->device_point);
}

static void a_certificate_without_its_key_is_none(void **state)
{
	struct ramtoken *other = ramtoken_new(NULL);
	struct personal p;

	make_other(other, &p);
	const struct personal_options copied = {.device_point = p.device_point};
	channel_setup_with(state, &copied);
	nothing_is_told(*state, UKEY_NOT_GENUINE);
	ramtoken_free(other);
}

static void without_roots_nothing_can_be_checked(void **state)
{
	struct bench *b;

	channel_setup(state);
	b = *state;
	trusted_configure("trusted-roots = /nonexistent/roots\n");
	channel_another_process(b);
	nothing_is_told(b, UKEY_NO_ROOTS);
	channel_begin(b);
	is(ukey_protect(b->t), UKEY_NO_ROOTS);
	channel_cost(b, 0);
	trusted_configure(NULL);
	channel_another_process(b);
	ok(ukey_protect(b->t));
	/* The roots were taken away: what was known is no longer believed. */
	trusted_configure("trusted-roots = /nonexistent/roots\n");
	channel_another_process(b);
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
	channel_another_process(b);
	assert_int_equal(bench_info(b).genuine, UKEY_GENUINE_NONE);
	nothing_is_told(b, UKEY_NOT_GENUINE);
	assert_int_equal(bench_info(b).genuine, UKEY_GENUINE_NO);
	trusted_forget();
	channel_another_process(b);
	ok(ukey_protect(b->t));
	bench_initialize(b->t);
	bench_login(b, UKEY_USER);
	assert_int_equal(channel_wire.secured, 0);
	trusted_configure("secure-channel = required\n");
	channel_another_process(b);
	channel_wire.pins = 0;
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
	channel_another_process(b);
	channel_begin(b);
	ok(ukey_protect(b->t));
	channel_cost(b, 2);
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
	assert_int_equal(st.st_size, channel_maker.device_chain_len);
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
		channel_another_process(b);
		channel_begin(b);
		ok(ukey_protect(b->t));
		channel_cost(b, 3);
		assert_int_equal(chmod(opened[i].path, before), 0);
	}
	if (geteuid() == 0) {
		assert_int_equal(chown(devices, 12345, 12345), 0);
		channel_another_process(b);
		channel_begin(b);
		ok(ukey_protect(b->t));
		channel_cost(b, 3);
		assert_int_equal(chown(devices, 0, 0), 0);
	}
	channel_another_process(b);
	channel_begin(b);
	ok(ukey_protect(b->t));
	channel_cost(b, 2);
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
		channel_another_process(b);
		channel_begin(b);
		ok(ukey_protect(b->t));
		channel_cost(b, 3);
	}
	/* And with no place to remember it works as well. */
	setenv("XDG_STATE_HOME", "/nonexistent/state", 1);
	channel_another_process(b);
	channel_begin(b);
	ok(ukey_protect(b->t));
	channel_cost(b, 3);
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
	channel_another_process(b);
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
	assert_int_equal(channel_wire.pins, 0);
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

/* What killed programs leave behind: channels that nobody has the keys of. */
static void fill_with_dead(struct bench *b)
{
	const uint8_t open[] = {0x00, 0x70, 0x00, 0x00, 0x01};
	struct bytes answer;

	do
		answer = ramtoken_transceive(b->chip[0], BYTES_OF(open));
	while (answer.len == 3);
	assert_memory_equal(answer.data, "\x6A\x81", 2);
}

/* facts 7.3: process death gives the channel back, when it is needed; not while anybody else is there. */
static void channels_of_killed_programs_come_back(void **state)
{
	struct bench *b = *state;
	struct ukey *other;
	struct ukey_token *t;

	ukey_token_idle(b->t);
	fill_with_dead(b);
	ok(ukey_open(&other));
	t = first_token(other);
	const uint32_t resets = b->loop->readers[0].resets;
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_CHANNEL_FULL);
	is(ukey_login(t, UKEY_USER, PIN(USER_PIN)), UKEY_CHANNEL_FULL);
	assert_int_equal(b->loop->readers[0].resets, resets);
	ukey_token_unref(t);
	ukey_close(other);
	ok(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)));
	assert_int_equal(b->loop->readers[0].resets, resets + 1);
	ok(ukey_token_reload(b->t));
	/* Full once more while our own channel is lost: the command that needs it gets it. */
	ukey_token_idle(b->t);
	ok(ukey_protect(b->t));
	loop_reset(b->loop, 0);
	fill_with_dead(b);
	ok(ukey_token_reload(b->t));
	assert_true(bench_info(b).channel);
	/* Unplugged in the middle of it. */
	ukey_token_idle(b->t);
	ok(ukey_token_reload(b->t));
	fill_with_dead(b);
	b->loop->readers[0].unplug_at = 2;
	is(ukey_protect(b->t), UKEY_TOKEN_REMOVED);
}

/* ---- how commands travel ------------------------------------------------------------------------------------------
 */

static void a_reader_without_extended_lengths_is_enough(void **state)
{
	struct bench *b = *state;
	uint8_t bytes[600], *der, *again;
	size_t len, again_len;

	b->loop->readers[0].short_only = true;
	channel_another_process(b);
	bench_initialize(b->t);
	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT);
	der = bench_certificate_for(b, 0, 3000, &len);
	ok(ukey_write_certificate(b->t, 0, der, len, "cert"));
	channel_another_process(b);
	bench_login(b, UKEY_USER);
	ok(ukey_read_certificate(b->t, 0, &again, &again_len));
	assert_int_equal(again_len, len);
	assert_memory_equal(again, der, len);
	free(again);
	free(der);
	ok(channel_sign(b));
	ok(ukey_random(b->t, bytes, 5));
	ok(ukey_random(b->t, bytes, 250));
	ok(ukey_random(b->t, bytes, sizeof bytes));
	is(ukey_login_again(b->t, PIN("654321")), UKEY_PIN_INCORRECT);
	assert_int_equal(channel_wire.pins, 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opening_costs_three_cold_and_two_warm, channel_setup),
		TEST(every_step_costs_as_much_as_in_clear, channel_setup),
		TEST(from_then_on_everything_goes_inside, channel_setup_operational),
		cmocka_unit_test_teardown(a_strangers_token_is_told_no_pin, bench_teardown),
		cmocka_unit_test_teardown(another_tokens_certificate_is_none, bench_teardown),
		cmocka_unit_test_teardown(a_certificate_without_its_key_is_none, bench_teardown),
		cmocka_unit_test_teardown(without_roots_nothing_can_be_checked, bench_teardown),
		TEST(who_proved_a_key_cannot_deny_it_later, channel_setup),
		TEST(a_key_that_was_replaced_is_read_anew, channel_setup),
		TEST(what_is_remembered_is_ours_alone, channel_setup),
		TEST(a_damaged_memory_costs_a_command, channel_setup),
		TEST(programs_that_just_end_take_none_with_them, channel_setup_operational),
		TEST(channels_of_killed_programs_come_back, channel_setup_operational),
		TEST(short_of_descriptors_nothing_is_told_either, channel_setup),
		TEST(nineteen_have_theirs_and_the_twentieth_waits, channel_setup_operational),
		TEST(a_reader_without_extended_lengths_is_enough, channel_setup),
		TEST(the_log_shows_commands_and_no_pins, channel_setup_operational),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
