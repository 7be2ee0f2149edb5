/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reset has erased is gone from the flash, not only from the index: at once, or, when power went meanwhile, with
 * the first command after that writes.
 */
#define _GNU_SOURCE /* memmem */

#include <string.h>

#include "tests/wire/wire.h"

#define FLASH  (64 * 1024)
#define SECTOR 2048

static const char secret[] = "PRIVATE-TO-THE-LAST-OWNER";

static bool on_flash(struct ramtoken *t)
{
	return memmem(t->hal.flash, FLASH, secret, sizeof(secret) - 1) != NULL;
}

/* A token with the secret in each half of its first sectors: what is left of a half-erased one is seen. */
static struct ramtoken *token_with_secrets(void)
{
	const struct ramtoken_options small = {.flash_size = FLASH, .sector = SECTOR};
	struct ramtoken *t = ramtoken_new(&small);
	uint8_t raw[256];

	wire_initialize(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	for (uint8_t n = 0; n < 3 * SECTOR / sizeof(raw); n++) {
		struct builder b = builder_of(raw, sizeof(raw));
		tlv_put_u8(&b, 0x84, 1);
		size_t value = tlv_begin(&b, 0x85);
		while (b.len + sizeof(secret) < sizeof(raw) - 8)
			builder_put(&b, wire_string(secret));
		tlv_end(&b, value);
		wire_put(t, (uint16_t)(0x0300 | n), builder_bytes(&b), SW_OK);
	}
	assert_true(on_flash(t));
	return t;
}

/* INITIALIZE that loses power at the n-th flash operation (0: never), and the power-on after it. Was it whole? */
static bool initialize_again(struct ramtoken *t, const char *so_pin, const char *new_so_pin, unsigned long n)
{
	uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x80, BYTES_NONE);
	tlv_put(&b, 0x81, wire_string(new_so_pin));
	tlv_put(&b, 0x82, wire_string(so_pin));
	t->hal.cut_at = n;
	bool whole = wire_any(t, 0x80, 0xE0, 0, 0, builder_bytes(&b), 0, NULL) == SW_OK;
	t->hal.cut_at = 0;
	if (!whole)
		ramtoken_power_cycle(t);
	return whole;
}

/* Is this the SO PIN? If so, a command has written, and the secret is gone. */
static bool no_trace(struct ramtoken *t, const char *so_pin)
{
	if (wire_any(t, 0, 0x20, 0, 0x82, wire_string(so_pin), 0, NULL) != SW_OK)
		return false;
	assert_false(on_flash(t));
	return true;
}

static void a_reset_leaves_no_trace(void **state)
{
	struct ramtoken *t = token_with_secrets();
	struct ramtoken_moment *start = ramtoken_moment_take(t);
	unsigned long done = 0, k;

	(void)state;
	for (enum ramhal_torn torn = 0; torn < RAMHAL_TORN_MODES; torn++) {
		bool whole = false;
		for (k = 1; !whole; k++) {
			ramtoken_moment_return(start, t);
			t->hal.torn = torn;
			whole = initialize_again(t, SO_PIN, "new-so-pin", k);
			done += no_trace(t, "new-so-pin");
		}
	}
	assert_in_range(done, 10 * RAMHAL_TORN_MODES, k * RAMHAL_TORN_MODES);
	ramtoken_moment_free(start);
	ramtoken_free(t);
}

/* Power goes before the first reset has erased anything, and again in the middle of a second one. */
static void two_torn_resets_leave_no_trace(void **state)
{
	struct ramtoken *t = token_with_secrets();
	struct ramtoken_moment *start = ramtoken_moment_take(t);
	unsigned long k = 1, first = 0, second = 0;
	bool whole = false;

	(void)state;
	t->hal.torn = RAMHAL_TORN_NOTHING;
	for (; first == 0; k++) {
		ramtoken_moment_return(start, t);
		(void)initialize_again(t, SO_PIN, "new-so-pin", k);
		if (wire_any(t, 0, 0x20, 0, 0x82, wire_string("new-so-pin"), 0, NULL) == SW_OK)
			first = k;
	}
	for (k = 1; !whole; k++) {
		ramtoken_moment_return(start, t);
		assert_false(initialize_again(t, SO_PIN, "new-so-pin", first));
		assert_true(on_flash(t));
		t->hal.torn = (enum ramhal_torn)(k % RAMHAL_TORN_MODES);
		whole = initialize_again(t, "new-so-pin", "third-so-pin", k);
		t->hal.torn = RAMHAL_TORN_NOTHING;
		bool kept = no_trace(t, "new-so-pin");
		if (!kept)
			assert_true(no_trace(t, "third-so-pin"));
		second += kept;
	}
	assert_in_range(second, 10, k);
	ramtoken_moment_free(start);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_leaves_no_trace),
		cmocka_unit_test(two_torn_resets_leave_no_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
