/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the directory of a card that tells nothing is believed. Such a card (PIV) has neither a generation nor a
 * digest to compare: what another program writes shows only where one looks. So one place is looked at before a
 * directory is believed that was read earlier, by this process or another, and again when a second has passed since;
 * the places take turns, over processes too. Until the turn comes to what changed, a listing may be old, but no result
 * of such a card is given out before it was held against the public key that is listed (operate.c).
 */
#include "driver/cache_file.h"
#include "driver/context.h"
#include "driver/directory.h"
#include "driver/token.h"
#include "driver/transport/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_EVERY 1000u /* ms */
/* A certificate this near to its end, or past it, is about to be renewed: seconds. */
#define NEAR_END ((time_t)30 * 86400)

/* ---- what happens to the card ------------------------------------------------------------------------------------ */

void fresh_selected_locked(struct ukey_token *t, const struct card_info *info)
{
	struct freshness *f = &t->fresh;

	if (f->named == info->named && memcmp(f->identity, info->identity, sizeof f->identity) == 0)
		return;
	f->named = info->named;
	memcpy(f->identity, info->identity, sizeof f->identity);
	f->asked_file = f->turn_saved = false;
	if (t->directory)
		token_stale_locked(t);
}

void fresh_came_locked(struct ukey_token *t)
{
	t->fresh.doubted = true;
	t->fresh.certain = 0;
	/* Another card of the same make would say the same of itself; and accidents are to be over then. */
	if (!t->fresh.named || t->fresh.doubtful)
		token_stale_locked(t);
}

bool fresh_believed_locked(const struct ukey_token *t)
{
	return !t->card->tells_nothing || (!t->fresh.doubted && clock_ms() - t->fresh.looked < LOOK_EVERY);
}

/*
 * A key that wants its PIN each time is satisfied with one that was given just before, and a look in between takes that
 * away. Who types takes longer than a second; so the next look is a second after him.
 */
void fresh_verified(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	if (!t->fresh.doubted)
		t->fresh.looked = clock_ms();
	pthread_mutex_unlock(&t->lock);
}

void fresh_disproved(struct ukey_token *t)
{
	uint8_t identity[32];

	pthread_mutex_lock(&t->lock);
	const bool named = t->fresh.named;
	memcpy(identity, t->fresh.identity, sizeof identity);
	t->fresh.asked_file = true;
	pthread_mutex_unlock(&t->lock);
	if (named && token_uses_files(t))
		cache_remove(&(struct cache_key){CACHE_NAMED_DIRECTORY, t->serial, identity});
}

void ukey_directory_doubt(struct ukey_token *t)
{
	if (!t->card->tells_nothing)
		return;
	fresh_disproved(t);
	token_stale(t);
}

/* ---- certificates ------------------------------------------------------------------------------------------------ */

static void time_text(time_t when, char out[15])
{
	struct tm tm;

	if (!gmtime_r(&when, &tm) || strftime(out, 15, "%Y%m%d%H%M%S", &tm) != 14)
		out[0] = '\0';
}

/* The key's certificate is kept, and it is this key's. *end: when it ends. */
static bool certificate_fits(struct ukey_token *t, const struct ukey_key *k, char end[15])
{
	const struct crypto_pubkey ours = key_public(k);
	struct crypto_pubkey theirs;
	struct crypto_cert cert;
	uint8_t *der;
	size_t len;

	if (token_cached(t, k->certificate.sha256, &der, &len) != UKEY_OK)
		return false;
	const bool fits = len == k->certificate.length && crypto_cert_parse(BYTES(der, len), &cert) &&
			  crypto_pubkey_from_spki(cert.spki, &theirs) && crypto_pubkey_equal(&ours, &theirs);
	if (fits)
		memcpy(end, cert.not_after, 15);
	free(der);
	return fits;
}

/* Every certificate of the directory is here, and is its key's. *soonest: the one about to end, or -1. */
static bool certificates_fit(struct ukey_token *t, const struct ukey_directory *d, int *soonest)
{
	char end[15], first[15], from[15], to[15];
	const time_t now = time(NULL);

	time_text(now - NEAR_END, from);
	time_text(now + NEAR_END, to);
	*soonest = -1;
	for (size_t i = 0; i < d->key_count; i++) {
		const struct ukey_key *k = &d->keys[i];
		if (!k->certificate.exists)
			continue;
		if (!certificate_fits(t, k, end))
			return false;
		/* One that ended long ago is not renewed any more. */
		if (strcmp(end, from) >= 0 && strcmp(end, to) <= 0 && (*soonest < 0 || strcmp(end, first) < 0)) {
			*soonest = k->ref;
			memcpy(first, end, sizeof first);
		}
	}
	return true;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/*
 *	offset	length
 *	0	1	whether all slots were read
 *	1	1	whether the next turn is that of the certificate about to end
 *	2	2	whose turn it is else
 *	4		directory
 */
#define STATE_SIZE 4

static void save(struct ukey_token *t, const struct ukey_directory *d)
{
	const struct bytes raw = directory_raw(d);
	uint8_t *content = malloc(STATE_SIZE + raw.len), identity[32];
	struct builder b = builder_of(content, STATE_SIZE + raw.len);

	if (!content)
		return;
	pthread_mutex_lock(&t->lock);
	const bool named = t->fresh.named;
	memcpy(identity, t->fresh.identity, sizeof identity);
	builder_u8(&b, t->memory.all_slots);
	builder_u8(&b, t->fresh.soonest_next);
	builder_u16(&b, (uint16_t)t->fresh.turn);
	t->fresh.turn_saved = true;
	pthread_mutex_unlock(&t->lock);
	builder_put(&b, raw);
	if (named && token_uses_files(t))
		cache_save_directory(
			&(struct cache_key){CACHE_NAMED_DIRECTORY, t->serial, identity}, d, builder_bytes(&b));
	free(content);
}

static const struct ukey_directory *parse_file(struct ukey_token *t, struct bytes content)
{
	struct cursor c = cursor_of(content);
	const struct ukey_directory *d = NULL;
	int soonest;

	const bool all_slots = cursor_u8(&c), soonest_next = cursor_u8(&c);
	const unsigned turn = cursor_u16(&c);
	if (c.failed || all_slots != t->memory.all_slots || directory_parse(cursor_rest(&c), 0, &d) != UKEY_OK)
		return NULL;
	if (!certificates_fit(t, d, &soonest)) {
		ukey_directory_unref(d);
		return NULL;
	}
	pthread_mutex_lock(&t->lock);
	t->fresh.turn = turn;
	t->fresh.soonest = soonest;
	t->fresh.soonest_next = soonest_next;
	t->fresh.doubted = true;
	const struct ukey_directory *old = t->directory;
	t->directory = directory_ref(d);
	t->stale = false;
	memcpy(t->info.digest, directory_digest(d), sizeof t->info.digest);
	pthread_mutex_unlock(&t->lock);
	ukey_directory_unref(old);
	return d;
}

const struct ukey_directory *fresh_from_file(struct ukey_token *t)
{
	const struct ukey_directory *d;
	uint8_t identity[32], *content;
	size_t len;

	pthread_mutex_lock(&t->lock);
	const bool asked = t->fresh.asked_file || !t->fresh.named || !t->info.present;
	memcpy(identity, t->fresh.identity, sizeof identity);
	t->fresh.asked_file = true;
	pthread_mutex_unlock(&t->lock);
	if (asked || !token_uses_files(t))
		return NULL;
	content = cache_load(&(struct cache_key){CACHE_NAMED_DIRECTORY, t->serial, identity}, &len);
	if (!content)
		return NULL;
	d = parse_file(t, BYTES(content, len));
	free(content);
	return d;
}

void fresh_read(struct ukey_token *t, const struct ukey_directory *d)
{
	int soonest;

	if (!certificates_fit(t, d, &soonest))
		soonest = -1;
	pthread_mutex_lock(&t->lock);
	t->fresh.doubted = false;
	t->fresh.asked_file = true;
	t->fresh.looked = clock_ms();
	t->fresh.doubtful = t->memory.doubtful;
	t->fresh.certain = UINT32_MAX;
	t->fresh.soonest = soonest;
	t->fresh.soonest_next = true;
	pthread_mutex_unlock(&t->lock);
	if (!t->memory.doubtful)
		save(t, d);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static enum ukey_status look(struct ukey_token *t, const struct ukey_directory *d, bool *same)
{
	struct freshness *f = &t->fresh;
	enum ukey_status status;

	pthread_mutex_lock(&t->lock);
	const int soonest = f->soonest_next ? f->soonest : -1;
	f->soonest_next = !f->soonest_next;
	const unsigned turn = soonest < 0 ? f->turn++ : 0;
	pthread_mutex_unlock(&t->lock);
	status = soonest < 0 ? t->card->look(&t->port, directory_notes(d), turn, same)
			     : t->card->look_at(&t->port, directory_notes(d), (ukey_key_ref)soonest, same);
	if (status != UKEY_OK || !*same)
		return status;
	pthread_mutex_lock(&t->lock);
	f->doubted = false;
	f->looked = clock_ms();
	const bool first = !f->turn_saved && !f->doubtful;
	pthread_mutex_unlock(&t->lock);
	if (first)
		save(t, d);
	return UKEY_OK;
}

/* Something is not as we have it: all is read, and what was kept for others goes. */
static enum ukey_status read_anew(
	struct ukey_token *t, const struct ukey_directory *before, const struct ukey_directory **out)
{
	token_stale(t);
	enum ukey_status status = token_read_directory(t, out);
	/* A card whose answers begin in another way when only their beginning is asked for. */
	if (status == UKEY_OK && memcmp(directory_digest(before), directory_digest(*out), 32) == 0)
		t->memory.look_whole = true;
	return status;
}

static enum ukey_status look_or_read(struct ukey_token *t, const struct ukey_directory **out)
{
	const struct ukey_directory *d = token_kept_directory(t);
	enum ukey_status status;
	bool same = false;

	if (!d)
		return token_read_directory(t, out);
	pthread_mutex_lock(&t->lock);
	/* Another thread may have looked while we waited for our turn. */
	const bool believed = fresh_believed_locked(t);
	pthread_mutex_unlock(&t->lock);
	status = believed ? UKEY_OK : look(t, d, &same);
	if (status == UKEY_OK && (believed || same)) {
		*out = d;
		return UKEY_OK;
	}
	if (status == UKEY_OK)
		status = read_anew(t, d, out);
	ukey_directory_unref(d);
	return status;
}

enum ukey_status fresh_directory(struct ukey_token *t, const struct ukey_directory **out)
{
	enum ukey_status status = look_or_read(t, out);

	/* Another program's reset took the log-in away, but nobody needs one to look. */
	if (status == UKEY_TOKEN_RESET && t->link)
		status = look_or_read(t, out);
	return status;
}

static bool same_key(const struct ukey_directory *a, const struct ukey_directory *b, ukey_key_ref ref)
{
	const struct ukey_key *k = ukey_directory_key(a, ref), *l = ukey_directory_key(b, ref);

	if (!k || !l)
		return false;
	const struct crypto_pubkey one = key_public(k), other = key_public(l);
	return crypto_pubkey_equal(&one, &other);
}

enum ukey_status fresh_confirm_key(struct ukey_token *t, ukey_key_ref ref, const struct ukey_directory **d)
{
	const uint32_t bit = (uint32_t)1 << (ref / 2);
	const struct ukey_directory *now;
	enum ukey_status status;
	bool same;

	pthread_mutex_lock(&t->lock);
	const bool certain = t->fresh.certain & bit;
	pthread_mutex_unlock(&t->lock);
	if (certain)
		return UKEY_OK;
	status = t->card->look_at(&t->port, directory_notes(*d), ref, &same);
	if (status != UKEY_OK)
		return status;
	if (same) {
		pthread_mutex_lock(&t->lock);
		t->fresh.certain |= bit;
		pthread_mutex_unlock(&t->lock);
		return UKEY_OK;
	}
	status = read_anew(t, *d, &now);
	if (status != UKEY_OK)
		return status;
	if (!same_key(*d, now, ref)) {
		ukey_directory_unref(now);
		return UKEY_KEY_CHANGED;
	}
	ukey_directory_unref(*d);
	*d = now;
	return UKEY_OK;
}
