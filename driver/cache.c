/* SPDX-License-Identifier: Apache-2.0 */
/* What was read once of a token's public data: its directory, and certificates by their digest. */
#include "driver/directory.h"
#include "driver/token.h"

#include <stdlib.h>
#include <string.h>

/* Most that the kept certificates of one token may take. */
#define CERTIFICATES_SIZE_MAX ((size_t)1 << 20)

struct cached_certificate {
	struct cached_certificate *next; /* the last used comes first */
	uint8_t sha256[32];
	size_t len;
	uint8_t der[];
};

const struct ukey_directory *token_known_directory(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	const struct ukey_directory *d =
		t->info.present && t->directory && !t->stale ? directory_ref(t->directory) : NULL;
	pthread_mutex_unlock(&t->lock);
	return d;
}

void token_stale(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	t->stale = true;
	pthread_mutex_unlock(&t->lock);
}

bool token_is_stale(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	bool stale = t->stale;
	pthread_mutex_unlock(&t->lock);
	return stale;
}

static void publish(struct ukey_token *t, const struct ukey_directory *d)
{
	pthread_mutex_lock(&t->lock);
	const struct ukey_directory *old = t->directory;
	t->directory = directory_ref(d);
	t->stale = false;
	memcpy(t->info.digest, directory_digest(d), sizeof t->info.digest);
	pthread_mutex_unlock(&t->lock);
	ukey_directory_unref(old);
}

static enum ukey_status read_directory(struct ukey_token *t, const struct ukey_directory **out)
{
	uint8_t *raw;
	size_t len;
	enum ukey_status status;

	pthread_mutex_lock(&t->lock);
	uint32_t generation = t->info.generation;
	pthread_mutex_unlock(&t->lock);
	status = t->card->read_directory(&t->port, &raw, &len);
	if (status != UKEY_OK)
		return status;
	status = directory_parse(BYTES(raw, len), generation, out);
	free(raw);
	if (status == UKEY_OK)
		publish(t, *out);
	return status;
}

enum ukey_status token_directory(struct ukey_token *t, const struct ukey_directory **out)
{
	const struct ukey_directory *d = token_known_directory(t);

	if (!d)
		return read_directory(t, out);
	*out = d;
	return UKEY_OK;
}

enum ukey_status ukey_directory(struct ukey_token *t, const struct ukey_directory **out)
{
	const struct ukey_directory *d = token_known_directory(t);
	enum ukey_status status = UKEY_OK;

	if (!d) {
		status = token_begin(t);
		if (status == UKEY_OK)
			status = token_finish(t, token_directory(t, &d));
	}
	if (status == UKEY_OK)
		*out = d;
	return status;
}

/* ---- certificates ------------------------------------------------------------------------------------------------ */

static enum ukey_status copy_out(struct bytes in, uint8_t **out, size_t *len)
{
	uint8_t *copy = malloc(in.len ? in.len : 1);

	if (!copy)
		return UKEY_MEMORY;
	bytes_copy(copy, in);
	*out = copy;
	*len = in.len;
	return UKEY_OK;
}

enum ukey_status token_cached(struct ukey_token *t, const uint8_t sha256[32], uint8_t **der, size_t *len)
{
	enum ukey_status status = UKEY_NOT_FOUND;

	pthread_mutex_lock(&t->lock);
	struct cached_certificate **at = &t->certificates, *c;
	while ((c = *at) && memcmp(c->sha256, sha256, sizeof c->sha256) != 0)
		at = &c->next;
	if (c) {
		*at = c->next;
		c->next = t->certificates;
		t->certificates = c;
		status = copy_out(BYTES(c->der, c->len), der, len);
	}
	pthread_mutex_unlock(&t->lock);
	return status;
}

static void trim_locked(struct ukey_token *t)
{
	while (t->certificates && t->certificates_size > CERTIFICATES_SIZE_MAX) {
		struct cached_certificate **at = &t->certificates;
		while ((*at)->next)
			at = &(*at)->next;
		t->certificates_size -= (*at)->len;
		free(*at);
		*at = NULL;
	}
}

/* Without memory for it the certificate is read again the next time. */
void token_keep(struct ukey_token *t, const uint8_t sha256[32], struct bytes der)
{
	struct cached_certificate *c = malloc(sizeof *c + der.len);

	if (!c)
		return;
	memcpy(c->sha256, sha256, sizeof c->sha256);
	c->len = der.len;
	bytes_copy(c->der, der);
	pthread_mutex_lock(&t->lock);
	struct cached_certificate *same = t->certificates;
	while (same && memcmp(same->sha256, sha256, sizeof same->sha256) != 0)
		same = same->next;
	if (!same) {
		c->next = t->certificates;
		t->certificates = c;
		t->certificates_size += c->len;
		trim_locked(t);
		c = NULL;
	}
	pthread_mutex_unlock(&t->lock);
	free(c);
}

void token_forget_certificates(struct ukey_token *t)
{
	while (t->certificates) {
		struct cached_certificate *next = t->certificates->next;
		free(t->certificates);
		t->certificates = next;
	}
	t->certificates_size = 0;
}
