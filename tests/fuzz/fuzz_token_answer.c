/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token that answers whatever the input says, through a whole session of libukey. The input is a row of answers, each
 * a length (2 bytes) and as many bytes; FFFF is a pulled token, FFFE a reset by another program, FFFD a failure of the
 * reader. After the last one the token is pulled.
 */
#include "config.h"

#include "driver/transport/transport.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* ---- the transport ----------------------------------------------------------------------------------------------- */

struct transport {
	int nothing;
};

struct connection {
	int nothing;
};

static struct cursor answers;
static unsigned open_connections;

static enum ukey_status fuzz_create(void *arg, struct transport **out)
{
	(void)arg;
	*out = calloc(1, sizeof **out);
	return *out ? UKEY_OK : UKEY_MEMORY;
}

static void fuzz_destroy(struct transport *t)
{
	free(t);
}

static void fuzz_forked(struct transport *t)
{
	(void)t;
}

static enum ukey_status fuzz_enumerate(struct transport *t, struct transport_reader **list, size_t *count)
{
	(void)t;
	*list = calloc(1, sizeof **list);
	FUZZ_REQUIRE(*list);
	strcpy((*list)->name, "fuzz");
	(*list)->present = true;
	*count = 1;
	return UKEY_OK;
}

static enum ukey_status fuzz_wait(struct transport *t, enum ukey_status outcome, const struct transport_reader *known,
	size_t count, int milliseconds)
{
	(void)t, (void)outcome, (void)known, (void)count, (void)milliseconds;
	return UKEY_TIMEOUT;
}

static void fuzz_cancel(struct transport *t)
{
	(void)t;
}

static enum ukey_status fuzz_open(struct transport *t, const char *reader, struct connection **out)
{
	(void)t, (void)reader;
	*out = calloc(1, sizeof **out);
	FUZZ_REQUIRE(*out);
	open_connections++;
	return UKEY_OK;
}

static enum ukey_status fuzz_reopen(struct connection *c)
{
	(void)c;
	return UKEY_OK;
}

static void fuzz_close(struct connection *c, bool reset)
{
	(void)reset;
	open_connections--;
	free(c);
}

static size_t fuzz_max_apdu(struct connection *c)
{
	(void)c;
	return 0;
}

static enum ukey_status fuzz_begin(struct connection *c)
{
	(void)c;
	return UKEY_OK;
}

static void fuzz_end(struct connection *c)
{
	(void)c;
}

static enum ukey_status fuzz_transceive(struct connection *c, struct bytes command, struct builder *answer)
{
	(void)c, (void)command;
	uint16_t n = cursor_u16(&answers);
	if (answers.failed || n == 0xFFFF)
		return UKEY_TOKEN_REMOVED;
	if (n == 0xFFFE)
		return UKEY_TOKEN_RESET;
	if (n == 0xFFFD)
		return UKEY_COMMUNICATION;
	builder_put(answer, n <= answers.left ? cursor_take(&answers, n) : cursor_rest(&answers));
	return UKEY_OK;
}

static const struct transport_ops fuzz_ops = {
	.create = fuzz_create,
	.destroy = fuzz_destroy,
	.forked = fuzz_forked,
	.enumerate = fuzz_enumerate,
	.wait = fuzz_wait,
	.cancel = fuzz_cancel,
	.open = fuzz_open,
	.reopen = fuzz_reopen,
	.close = fuzz_close,
	.max_apdu = fuzz_max_apdu,
	.begin = fuzz_begin,
	.end = fuzz_end,
	.transceive = fuzz_transceive,
};

/* ---- the session ------------------------------------------------------------------------------------------------- */

#define PIN(text) (const uint8_t *)(text), sizeof(text) - 1

static void use_keys(struct ukey_token *t, const struct ukey_directory *d)
{
	const struct ukey_scheme pkcs1 = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256}, ecdsa = {.padding = UKEY_ECDSA};
	uint8_t in[512] = {0}, out[512];

	for (size_t i = 0; i < d->key_count; i++) {
		const struct ukey_key *k = &d->keys[i];
		size_t len = sizeof out, result = ukey_result_size(k->algorithm);
		enum ukey_status s = ukey_sign(t, k->ref, k->modulus ? &pkcs1 : &ecdsa, in, 32, out, &len);
		FUZZ_REQUIRE(s != UKEY_OK || len == result);
		len = sizeof out;
		s = ukey_decrypt(t, k->ref, &pkcs1, in, k->modulus_len, out, &len);
		FUZZ_REQUIRE(s != UKEY_OK || len <= k->modulus_len);
		len = sizeof out;
		s = ukey_derive(t, k->ref, k->point, k->point_len, out, &len);
		FUZZ_REQUIRE(s != UKEY_OK || len == result / 2);
	}
}

static void read_all(struct ukey_token *t, const struct ukey_directory *d)
{
	struct ukey_data data;
	uint8_t *der;
	size_t len;

	for (size_t i = 0; i < d->key_count; i++)
		if (ukey_read_certificate(t, d->keys[i].ref, &der, &len) == UKEY_OK)
			free(der);
	for (size_t i = 0; i < d->certificate_count; i++)
		if (ukey_read_other_certificate(t, d->certificates[i].number, &der, &len) == UKEY_OK)
			free(der);
	for (size_t i = 0; i < d->data_count; i++)
		if (ukey_read_data(t, d->data[i].number, &data) == UKEY_OK)
			ukey_data_clear(&data);
}

static void change_all(struct ukey_token *t)
{
	const struct ukey_generate how = {.ref = 20, .algorithm = UKEY_P256};
	const struct ukey_data data = {.label = "l"};
	const struct ukey_initialize again = {.label = "again",
		.so_pin = (const uint8_t *)"87654321",
		.so_len = 8,
		.present_so_pin = (const uint8_t *)"87654321",
		.present_so_len = 8};
	uint8_t random_bytes[40];

	ukey_generate(t, &how, NULL);
	ukey_write_data(t, -1, &data, NULL);
	ukey_set_container_name(t, 10, "x");
	ukey_delete_key(t, 20);
	ukey_random(t, random_bytes, sizeof random_bytes);
	ukey_token_reload(t);
	ukey_change_pin(t, UKEY_USER, PIN("123456"), PIN("second"));
	ukey_logout(t);
	ukey_unlock_pin(t, PIN("87654321"), PIN("123456"));
	ukey_initialize(t, &again);
}

void session(void);

void session(void)
{
	const struct ukey_directory *d;
	struct ukey_token_info info;
	struct ukey_token **list;
	struct ukey *u;
	size_t count;

	FUZZ_REQUIRE(ukey_open(&u) == UKEY_OK);
	FUZZ_REQUIRE(ukey_refresh(u) == UKEY_OK && ukey_tokens(u, &list, &count) == UKEY_OK);
	for (size_t i = 0; i < count; i++) {
		ukey_token_info(list[i], &info);
		FUZZ_REQUIRE(info.present && strlen(info.serial) == 16 && info.pin_max <= 32);
		ukey_login(list[i], UKEY_USER, PIN("123456"));
		if (ukey_directory(list[i], &d) == UKEY_OK) {
			read_all(list[i], d);
			use_keys(list[i], d);
			ukey_directory_unref(d);
		}
		change_all(list[i]);
		ukey_token_info(list[i], &info);
		FUZZ_REQUIRE(info.present || info.role == UKEY_NOBODY);
	}
	ukey_tokens_free(list, count);
	ukey_close(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool once;

	if (!once) {
		setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
		setenv("XDG_STATE_HOME", "/nonexistent", 1);
		setenv("XDG_CACHE_HOME", "/dev/null/nowhere", 1);
		once = true;
	}
	transport_use(&fuzz_ops, NULL);
	answers = cursor_of(BYTES(data, size));
	open_connections = 0;
	session();
	FUZZ_REQUIRE(open_connections == 0);
	return 0;
}
