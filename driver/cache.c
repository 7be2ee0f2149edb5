/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was read once of a token's public data: its directory, and certificates by their digest. In memory, and in
 * files for the next process (cache_file.h).
 */
#include "driver/cache_file.h"
#include "driver/context.h"
#include "driver/directory.h"
#include "driver/directory_change.h"
#include "driver/folder.h"
#include "driver/token.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The same, if it need not be looked at first. */
static const struct ukey_directory *believed_directory(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	const struct ukey_directory *d = t->info.present && t->directory && !t->stale && fresh_believed_locked(t)
						 ? directory_ref(t->directory)
						 : NULL;
	pthread_mutex_unlock(&t->lock);
	return d;
}

void token_stale_locked(struct ukey_token *t)
{
	t->stale = true;
	t->told = false;
}

void token_stale(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	token_stale_locked(t);
	pthread_mutex_unlock(&t->lock);
	if (t->card->tells_nothing)
		fresh_disproved(t);
}

bool token_is_stale(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	bool stale = t->stale;
	pthread_mutex_unlock(&t->lock);
	return stale;
}

/* Not in the child of a fork: what was under way in the parent is not known there. */
bool token_uses_files(struct ukey_token *t)
{
	return !t->ukey->settings.no_cache && !atomic_load(&t->ukey->forked);
}

static void publish(struct ukey_token *t, const struct ukey_directory *d)
{
	pthread_mutex_lock(&t->lock);
	const struct ukey_directory *old = t->directory;
	t->directory = directory_ref(d);
	t->stale = false;
	t->told = true;
	memcpy(t->info.digest, directory_digest(d), sizeof t->info.digest);
	pthread_mutex_unlock(&t->lock);
	ukey_directory_unref(old);
}

static void save_directory(struct ukey_token *t, const struct ukey_directory *d)
{
	if (token_uses_files(t))
		cache_save_directory(
			&(struct cache_key){CACHE_DIRECTORY, t->serial, directory_digest(d)}, d, directory_raw(d));
}

enum ukey_status token_read_directory(struct ukey_token *t, const struct ukey_directory **out)
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
	if (status == UKEY_OK) {
		publish(t, *out);
		if (t->card->tells_nothing)
			fresh_read(t, *out);
		else
			save_directory(t, *out);
	}
	return status;
}

/* The directory that the token named and another process has left us. Any thread; NULL: there is none. */
static const struct ukey_directory *directory_from_file(struct ukey_token *t)
{
	const struct ukey_directory *d = NULL, *old = NULL;
	uint8_t digest[32], *raw = NULL;
	size_t len;

	if (t->card->tells_nothing || !token_uses_files(t))
		return NULL;
	pthread_mutex_lock(&t->lock);
	const bool told = t->info.present && t->told;
	const uint32_t generation = t->info.generation;
	memcpy(digest, t->info.digest, sizeof digest);
	pthread_mutex_unlock(&t->lock);
	if (told)
		raw = cache_load(&(struct cache_key){CACHE_DIRECTORY, t->serial, digest}, &len);
	if (!raw)
		return NULL;
	if (directory_parse(BYTES(raw, len), generation, &d) != UKEY_OK)
		d = NULL;
	free(raw);
	if (!d)
		return NULL;
	pthread_mutex_lock(&t->lock);
	/* Still what the token has? */
	if (t->told && t->info.generation == generation && memcmp(t->info.digest, digest, sizeof digest) == 0) {
		old = t->directory;
		t->directory = directory_ref(d);
		t->stale = false;
	} else {
		old = d;
		d = NULL;
	}
	pthread_mutex_unlock(&t->lock);
	ukey_directory_unref(old);
	return d;
}

void token_wrote(struct ukey_token *t, uint32_t generation, const struct directory_change *change)
{
	const struct ukey_directory *d = token_known_directory(t), *now = NULL, *old = NULL;

	if (d && directory_change(d, change, generation, &now) != UKEY_OK)
		now = NULL;
	pthread_mutex_lock(&t->lock);
	/* Nobody wrote in between: it is the directory that we knew, and our change. */
	const bool ours = now && d == t->directory && !t->stale && generation == t->info.generation + 1;
	if (ours) {
		old = t->directory;
		t->directory = directory_ref(now);
		memcpy(t->info.digest, directory_digest(now), sizeof t->info.digest);
	} else {
		token_stale_locked(t);
	}
	t->info.generation = generation;
	pthread_mutex_unlock(&t->lock);
	if (ours)
		save_directory(t, now);
	else if (t->card->tells_nothing)
		fresh_disproved(t);
	ukey_directory_unref(old);
	ukey_directory_unref(d);
	ukey_directory_unref(now);
}

void token_forget_files(struct ukey_token *t)
{
	if (token_uses_files(t))
		cache_forget(t->serial);
}

const struct ukey_directory *token_kept_directory(struct ukey_token *t)
{
	const struct ukey_directory *d = token_known_directory(t);

	if (!d)
		d = t->card->tells_nothing ? fresh_from_file(t) : directory_from_file(t);
	return d;
}

enum ukey_status token_directory(struct ukey_token *t, const struct ukey_directory **out)
{
	const struct ukey_directory *d = token_kept_directory(t);

	if (!d)
		return token_read_directory(t, out);
	*out = d;
	return UKEY_OK;
}

enum ukey_status ukey_directory(struct ukey_token *t, const struct ukey_directory **out)
{
	const struct ukey_directory *d = believed_directory(t);
	enum ukey_status status = UKEY_OK;

	if (!d)
		d = directory_from_file(t);
	if (!d) {
		status = token_begin(t);
		if (status == UKEY_OK)
			status = token_finish(
				t, t->card->tells_nothing ? fresh_directory(t, &d) : token_directory(t, &d));
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

static enum ukey_status in_memory(struct ukey_token *t, const uint8_t sha256[32], uint8_t **der, size_t *len)
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

/* Without memory for it the certificate is read again the next time. Whether it was new. */
static bool keep_in_memory(struct ukey_token *t, const uint8_t sha256[32], struct bytes der)
{
	struct cached_certificate *c = malloc(sizeof *c + der.len);
	bool fresh = false;

	if (!c)
		return true;
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
		fresh = true;
	}
	pthread_mutex_unlock(&t->lock);
	free(c);
	return fresh;
}

void token_keep(struct ukey_token *t, const uint8_t sha256[32], struct bytes der)
{
	if (keep_in_memory(t, sha256, der) && token_uses_files(t))
		cache_save(&(struct cache_key){CACHE_CERTIFICATE, t->serial, sha256}, der);
}

enum ukey_status token_cached(struct ukey_token *t, const uint8_t sha256[32], uint8_t **der, size_t *len)
{
	enum ukey_status status = in_memory(t, sha256, der, len);

	if (status != UKEY_NOT_FOUND || !token_uses_files(t))
		return status;
	*der = cache_load(&(struct cache_key){CACHE_CERTIFICATE, t->serial, sha256}, len);
	if (!*der)
		return UKEY_NOT_FOUND;
	keep_in_memory(t, sha256, BYTES(*der, *len));
	return UKEY_OK;
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

enum ukey_cache_state ukey_cache_state(const struct ukey *u, char *path, size_t cap)
{
	static const enum ukey_cache_state states[] = {
		[FOLDER_GOOD] = UKEY_CACHE_USED,
		[FOLDER_NOWHERE] = UKEY_CACHE_NOWHERE,
		[FOLDER_MISSING] = UKEY_CACHE_MISSING,
		[FOLDER_IN_PLACE] = UKEY_CACHE_IN_PLACE,
		[FOLDER_FOREIGN] = UKEY_CACHE_FOREIGN,
		[FOLDER_WRITABLE] = UKEY_CACHE_WRITABLE,
	};
	enum folder_state found;

	folder_path(FOLDER_CACHE, path, cap);
	if (u->settings.no_cache)
		return UKEY_CACHE_OFF;
	int fd = folder_open(FOLDER_CACHE, NULL, true, &found);
	if (fd >= 0)
		close(fd);
	return states[found];
}
