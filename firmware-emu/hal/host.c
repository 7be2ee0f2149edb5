/* SPDX-License-Identifier: Apache-2.0 */
/* The PC's struct hal: its life, its power, its button, its clock, chance and digests. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/scp_host.h"
#include "firmware-emu/hal/state.h"

#define MS 1000000ull
#define S  1000000000ull

/* Open the flash, or make it. An existing one is taken as it is, but not if the user asked for another. */
static bool open_flash(struct hal *hal, const struct hal_options *o, char *error, size_t error_size)
{
	uint8_t serial[8];

	if (o->create && access(o->flash, F_OK) != 0 && errno == ENOENT) {
		if (o->serial)
			bytes_copy(serial, BYTES(o->serial, sizeof(serial)));
		else if (RAND_bytes(serial, sizeof(serial)) != 1) {
			snprintf(error, error_size, "no random numbers from OpenSSL");
			return false;
		}
		return flash_file_create(
			&hal->flash, o->flash, o->size ? o->size : HAL_FLASH_SIZE_DEFAULT, serial, error, error_size);
	}
	if (!flash_file_open(&hal->flash, o->flash, error, error_size))
		return false;
	if (o->size && o->size != hal->flash.size)
		snprintf(error, error_size, "%s: has %u bytes of flash, not %u; leave --size out, or use another file",
			o->flash, (unsigned)hal->flash.size, (unsigned)o->size);
	else if (o->serial && !bytes_equal(BYTES(o->serial, 8), BYTES_OF(hal->flash.serial)))
		snprintf(error, error_size, "%s: has another serial number; leave --serial out, or use another file",
			o->flash);
	else
		return true;
	flash_file_close(&hal->flash);
	return false;
}

struct hal *hal_open(const struct hal_options *options, char *error, size_t error_size)
{
	struct hal *hal = calloc(1, sizeof(*hal));
	pthread_condattr_t attributes;

	if (!hal) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	if (!open_flash(hal, options, error, error_size)) {
		free(hal);
		return NULL;
	}
	hal->sync = options->sync;
	hal->powered = true;
	hal->latency = &latency_none;
	pthread_mutex_init(&hal->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&hal->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return hal;
}

void hal_close(struct hal *hal)
{
	if (!hal)
		return;
	flash_file_close(&hal->flash);
	pthread_cond_destroy(&hal->changed);
	pthread_mutex_destroy(&hal->lock);
	free(hal);
}

/* Power */

jmp_buf *hal_power_trap(struct hal *hal)
{
	return &hal->trap;
}

void hal_power_trap_arm(struct hal *hal, bool armed)
{
	hal->armed = armed;
}

static void set_power(struct hal *hal, bool powered)
{
	pthread_mutex_lock(&hal->lock);
	hal->powered = powered;
	hal->touch_pressed = false;
	pthread_cond_broadcast(&hal->changed);
	pthread_mutex_unlock(&hal->lock);
}

void hal_power_up(struct hal *hal)
{
	set_power(hal, true);
}

void hal_power_cut(struct hal *hal)
{
	set_power(hal, false);
}

bool hal_powered(struct hal *hal)
{
	pthread_mutex_lock(&hal->lock);
	bool powered = hal->powered;
	pthread_mutex_unlock(&hal->lock);
	return powered;
}

bool hal_still_powered(struct hal *hal)
{
	bool powered = hal_powered(hal);

	if (!powered && hal->armed)
		longjmp(hal->trap, 1);
	return powered;
}

void hal_plan_cut(struct hal *hal, uint64_t n, enum hal_tear tear, uint64_t seed)
{
	pthread_mutex_lock(&hal->lock);
	hal->cut_left = n;
	hal->cut_tear = tear;
	hal->cut_seed = seed;
	pthread_mutex_unlock(&hal->lock);
}

uint64_t hal_cut_left(struct hal *hal)
{
	pthread_mutex_lock(&hal->lock);
	uint64_t left = hal->cut_left;
	pthread_mutex_unlock(&hal->lock);
	return left;
}

/* Time */

uint64_t hal_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * S + (uint64_t)t.tv_nsec;
}

/* Under the lock. False when the time is over. */
static bool wait_changed(struct hal *hal, uint64_t until)
{
	struct timespec t = {.tv_sec = (time_t)(until / S), .tv_nsec = (long)(until % S)};

	return pthread_cond_timedwait(&hal->changed, &hal->lock, &t) != ETIMEDOUT;
}

bool hal_spend_until(struct hal *hal, uint64_t until)
{
	bool time_left = until > hal_now();

	pthread_mutex_lock(&hal->lock);
	while (hal->powered && time_left)
		time_left = wait_changed(hal, until);
	bool powered = hal->powered;
	pthread_mutex_unlock(&hal->lock);
	return powered;
}

bool hal_spend(struct hal *hal, uint64_t nanoseconds)
{
	return hal_spend_until(hal, hal_now() + nanoseconds);
}

void hal_latency_set(struct hal *hal, const struct latency *latency)
{
	pthread_mutex_lock(&hal->lock);
	hal->latency = latency;
	pthread_mutex_unlock(&hal->lock);
}

const struct latency *hal_latency(struct hal *hal)
{
	pthread_mutex_lock(&hal->lock);
	const struct latency *l = hal->latency;
	pthread_mutex_unlock(&hal->lock);
	return l;
}

/* The button */

void hal_touch_set(struct hal *hal, enum hal_touch_mode mode)
{
	pthread_mutex_lock(&hal->lock);
	hal->touch = mode;
	pthread_cond_broadcast(&hal->changed);
	pthread_mutex_unlock(&hal->lock);
}

bool hal_touch_press(struct hal *hal)
{
	pthread_mutex_lock(&hal->lock);
	bool waited_for = hal->touch_waiting;
	hal->touch_pressed = waited_for;
	pthread_cond_broadcast(&hal->changed);
	pthread_mutex_unlock(&hal->lock);
	return waited_for;
}

bool hal_touch_waiting(struct hal *hal)
{
	pthread_mutex_lock(&hal->lock);
	bool waiting = hal->touch_waiting;
	pthread_mutex_unlock(&hal->lock);
	return waiting;
}

bool hal_touch(struct hal *hal, uint32_t milliseconds)
{
	uint64_t until = hal_now() + milliseconds * MS;
	bool time_left = true;

	pthread_mutex_lock(&hal->lock);
	hal->touch_waiting = true;
	hal->touch_pressed = false; /* a press counts only after the token began to blink */
	while (hal->powered && hal->touch != HAL_TOUCH_AUTO && !hal->touch_pressed && time_left)
		time_left = wait_changed(hal, until);
	bool pressed = hal->touch == HAL_TOUCH_AUTO || hal->touch_pressed;
	hal->touch_waiting = false;
	hal->touch_pressed = false;
	pthread_mutex_unlock(&hal->lock);
	return hal_still_powered(hal) && pressed;
}

/* Counters */

struct hal_counters hal_counters(struct hal *hal)
{
	pthread_mutex_lock(&hal->lock);
	struct hal_counters counters = hal->counters;
	pthread_mutex_unlock(&hal->lock);
	return counters;
}

/* What core/hal.h asks for besides flash and keys */

bool hal_random(struct hal *hal, uint8_t *to, size_t n)
{
	/* RAND_priv_bytes takes an int */
	for (size_t part; n > 0; to += part, n -= part) {
		part = n < 65536 ? n : 65536;
		if (RAND_priv_bytes(to, (int)part) != 1)
			return false;
	}
	return hal_still_powered(hal);
}

void hal_serial(struct hal *hal, uint8_t serial[8])
{
	bytes_copy(serial, BYTES_OF(hal->flash.serial));
}

bool hal_sha256(struct hal *hal, struct bytes in, uint8_t digest[32])
{
	(void)hal;
	return EVP_Digest(in.data, in.len, digest, NULL, EVP_sha256(), NULL) == 1;
}

bool hal_aes_cbc_encrypt(struct hal *hal, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	return scp_openssl.aes_cbc_encrypt(NULL, key, iv, data, n) && hal_still_powered(hal);
}

bool hal_aes_cbc_decrypt(struct hal *hal, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	return scp_openssl.aes_cbc_decrypt(NULL, key, iv, data, n) && hal_still_powered(hal);
}

bool hal_pin_hash(struct hal *hal, struct bytes pin, struct bytes salt, uint32_t iterations, uint8_t hash[32])
{
	uint64_t started = hal_now();

	if (pin.len > 1024 || salt.len > 1024 || iterations == 0 || iterations > 100000000)
		return false;
	/* OpenSSL reads a NULL password as "no HMAC key given"; an empty one must not be NULL. */
	bool ok = PKCS5_PBKDF2_HMAC(pin.len ? (const char *)pin.data : "", (int)pin.len, salt.data, (int)salt.len,
			  (int)iterations, EVP_sha256(), 32, hash) == 1;
	(void)hal_spend_until(hal, started + hal_latency(hal)->pin_hash_ms * MS);
	return hal_still_powered(hal) && ok;
}
