/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver_talk: speak to libukey, for shell tests. A line is a call; the answer is one line, beginning with the status.
 *
 *	refresh			OK 00554B4559000001=Virtual PCD 00 00; Virtual PCD 00 01 EMPTY;
 *	wait MS			OK, TIMEOUT ...
 *	cancel			start a wait in a thread, cancel it 50 ms later, and again while it has not begun:
 *				CANCELLED and the milliseconds it took
 *	use N			speak to the N-th token of the last refresh from now on
 *	init SO USER, login PIN, logout, reload, idle, directory, generate ALG(hex) REF, sign REF, random N, info,
 *commands both			generate RSA-3072 with the token in use, and meanwhile reload the next one: OK and how
 *often
 */
#include "config.h"

#include "driver/ukey.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct ukey *u;
static struct ukey_token **tokens;
static size_t count, used;

static const char *const states[] = {"EMPTY", "TOKEN", "FOREIGN", "MUTE", "BUSY"};

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static enum ukey_status refresh(char *out, size_t cap)
{
	struct ukey_reader_info *list;
	size_t n, used_up = 0;
	enum ukey_status s = ukey_refresh(u);

	if (s != UKEY_OK)
		return s;
	/* Tokens once seen are kept, so that "use" stays with its token. */
	struct ukey_token **now;
	size_t now_count;
	s = ukey_tokens(u, &now, &now_count);
	if (s != UKEY_OK)
		return s;
	if (now_count >= count) {
		ukey_tokens_free(tokens, count);
		tokens = now;
		count = now_count;
	} else {
		ukey_tokens_free(now, now_count);
	}
	s = ukey_readers(u, &list, &n);
	if (s != UKEY_OK)
		return s;
	for (size_t i = 0; i < n; i++)
		used_up += (size_t)snprintf(out + used_up, cap - used_up, "%s %s%s; ", list[i].name,
			list[i].serial[0] ? list[i].serial : states[list[i].state], "");
	free(list);
	return UKEY_OK;
}

static atomic_bool waiting;

static void *wait_for_ever(void *arg)
{
	*(enum ukey_status *)arg = ukey_wait(u, -1);
	waiting = false;
	return NULL;
}

static enum ukey_status cancel(char *out, size_t cap)
{
	enum ukey_status s = UKEY_INTERNAL;
	pthread_t thread;
	long start;

	waiting = true;
	if (pthread_create(&thread, NULL, wait_for_ever, &s) != 0)
		return UKEY_MEMORY;
	sleep_ms(50);
	start = now_ms();
	while (waiting) {
		ukey_wait_cancel(u);
		sleep_ms(20);
	}
	pthread_join(thread, NULL);
	snprintf(out, cap, "%ld", now_ms() - start);
	return s;
}

static atomic_bool generating;

static void *generate_long(void *arg)
{
	const struct ukey_generate how = {.ref = -1, .algorithm = UKEY_RSA_3072};

	*(enum ukey_status *)arg = ukey_generate(tokens[used], &how, NULL);
	generating = false;
	return NULL;
}

static enum ukey_status both(char *out, size_t cap)
{
	enum ukey_status s = UKEY_INTERNAL, other = UKEY_OK;
	pthread_t thread;
	unsigned rounds = 0;

	generating = true;
	if (pthread_create(&thread, NULL, generate_long, &s) != 0)
		return UKEY_MEMORY;
	while (generating && other == UKEY_OK) {
		other = ukey_token_reload(tokens[(used + 1) % count]);
		rounds++;
		sleep_ms(1);
	}
	pthread_join(thread, NULL);
	snprintf(out, cap, "%u", rounds);
	return s == UKEY_OK ? other : s;
}

static enum ukey_status initialize(const char *so, const char *user)
{
	const struct ukey_initialize how = {.label = "Talk",
		.so_pin = (const uint8_t *)so,
		.so_len = strlen(so),
		.present_so_pin = (const uint8_t *)so,
		.present_so_len = strlen(so),
		.user_pin = (const uint8_t *)user,
		.user_len = strlen(user)};
	return ukey_initialize(tokens[used], &how);
}

static enum ukey_status sign(int ref, char *out, size_t cap)
{
	const struct ukey_scheme rsa = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256}, ec = {.padding = UKEY_ECDSA};
	const struct ukey_directory *d;
	const uint8_t digest[32] = {1};
	uint8_t result[512];
	size_t len = sizeof result;
	enum ukey_status s = ukey_directory(tokens[used], &d);

	if (s != UKEY_OK)
		return s;
	const struct ukey_key *k = ukey_directory_key(d, (ukey_key_ref)ref);
	s = ukey_sign(
		tokens[used], (ukey_key_ref)ref, k && k->modulus ? &rsa : &ec, digest, sizeof digest, result, &len);
	ukey_directory_unref(d);
	snprintf(out, cap, "%zu", len);
	return s;
}

static enum ukey_status random_bytes(size_t n)
{
	uint8_t *out = malloc(n);
	enum ukey_status s = out ? ukey_random(tokens[used], out, n) : UKEY_MEMORY;

	free(out);
	return s;
}

static enum ukey_status call(const char *name, const char *a, const char *b, char *out, size_t cap)
{
	const struct ukey_directory *d;
	struct ukey_token_info info;
	enum ukey_status s;

	if (strcmp(name, "refresh") == 0)
		return refresh(out, cap);
	if (strcmp(name, "wait") == 0)
		return ukey_wait(u, atoi(a));
	if (strcmp(name, "cancel") == 0)
		return cancel(out, cap);
	if (strcmp(name, "use") == 0)
		used = (size_t)atoi(a);
	if (used >= count)
		return UKEY_NO_TOKEN;
	if (strcmp(name, "use") == 0)
		return UKEY_OK;
	if (strcmp(name, "init") == 0)
		return initialize(a, b);
	if (strcmp(name, "login") == 0)
		return ukey_login(tokens[used], UKEY_USER, (const uint8_t *)a, strlen(a));
	if (strcmp(name, "logout") == 0)
		return ukey_logout(tokens[used]);
	if (strcmp(name, "reload") == 0)
		return ukey_token_reload(tokens[used]);
	if (strcmp(name, "idle") == 0)
		return ukey_token_idle(tokens[used]), UKEY_OK;
	if (strcmp(name, "sign") == 0)
		return sign(atoi(a), out, cap);
	if (strcmp(name, "random") == 0)
		return random_bytes((size_t)atoi(a));
	if (strcmp(name, "both") == 0)
		return both(out, cap);
	if (strcmp(name, "commands") == 0)
		return snprintf(out, cap, "%lu", (unsigned long)ukey_token_commands(tokens[used])), UKEY_OK;
	if (strcmp(name, "info") == 0) {
		ukey_token_info(tokens[used], &info);
		snprintf(out, cap, "present=%d role=%d tries=%u", info.present, info.role, info.user_pin.tries_left);
		return UKEY_OK;
	}
	if (strcmp(name, "generate") == 0) {
		const struct ukey_generate how = {
			.ref = atoi(b), .algorithm = (enum ukey_algorithm)strtoul(a, NULL, 16)};
		return ukey_generate(tokens[used], &how, NULL);
	}
	if (strcmp(name, "directory") == 0) {
		s = ukey_directory(tokens[used], &d);
		if (s == UKEY_OK) {
			snprintf(out, cap, "%zu", d->key_count);
			ukey_directory_unref(d);
		}
		return s;
	}
	return UKEY_USAGE;
}

int main(void)
{
	char line[256], name[32], a[64], b[64], out[1024];
	enum ukey_status s = ukey_open(&u);

	if (s != UKEY_OK)
		return ukey_status_exit(s);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) {
		name[0] = a[0] = b[0] = out[0] = '\0';
		if (sscanf(line, "%31s %63s %63s", name, a, b) < 1)
			continue;
		s = call(name, a, b, out, sizeof out);
		printf("%s %s\n", ukey_status_name(s), out);
	}
	ukey_tokens_free(tokens, count);
	ukey_close(u);
	return 0;
}
