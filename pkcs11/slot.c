/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots.
 *
 * A slot belongs to one token, known by its serial number, for as long as the module is initialised: it keeps its id
 * when the token is unplugged, when it comes back, and when it comes back in another reader. A slot never leaves the
 * list (NSS cannot handle a list that shrinks); without its token it is an empty slot.
 *
 * A reader that stands empty and that no token was seen in yet is an empty slot too: people look for their reader in
 * `pkcs11-tool -L`, and programs want something to wait on. The first new token that is put into it takes that slot
 * over, and then it is the token's. A card that is not ours leaves the slot empty.
 *
 * So on a machine with one reader everything happens in slot 0, and on a machine with none the list is empty.
 */
#include "pkcs11/p11.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t refreshing = PTHREAD_MUTEX_INITIALIZER;

void p11_slots_forked(void)
{
	pthread_mutex_init(&refreshing, NULL);
}

/* ---- the table; the library lock is held ---- */

static struct p11_slot *slot_new(const char *reader)
{
	struct p11_slot **slots = realloc(p11.slots, (p11.slot_count + 1) * sizeof(*slots));
	struct p11_slot *slot;

	if (!slots)
		return NULL;
	p11.slots = slots;
	slot = calloc(1, sizeof(*slot));
	if (!slot)
		return NULL;
	slot->id = p11.slot_count;
	snprintf(slot->reader, sizeof(slot->reader), "%s", reader);
	pthread_mutex_init(&slot->gate, NULL);
	pthread_mutex_init(&slot->lock, NULL);
	p11.slots[p11.slot_count++] = slot;
	return slot;
}

static struct p11_slot *slot_of_serial(const char *serial)
{
	for (size_t i = 0; i < p11.slot_count; i++)
		if (strcmp(p11.slots[i]->serial, serial) == 0)
			return p11.slots[i];
	return NULL;
}

/* Without a token in it; `fresh`: and never had one. */
static struct p11_slot *slot_of_reader(const char *reader, bool fresh)
{
	for (size_t i = 0; i < p11.slot_count; i++) {
		struct p11_slot *slot = p11.slots[i];

		if (!slot->token && (!fresh || !slot->serial[0]) && strcmp(slot->reader, reader) == 0)
			return slot;
	}
	return NULL;
}

static void slot_empty(struct p11_slot *slot)
{
	if (!slot->token)
		return;
	p11_sessions_close(slot);
	p11_objects_forget_all(slot);
	ukey_token_unref(slot->token);
	slot->token = NULL;
	slot->event = true;
}

static CK_RV slot_fill(struct ukey_token *token, const struct ukey_token_info *info)
{
	struct p11_slot *slot = slot_of_serial(info->serial);

	if (!slot)
		slot = slot_of_reader(info->reader, true);
	if (!slot)
		slot = slot_new(info->reader);
	if (!slot)
		return CKR_HOST_MEMORY;
	memcpy(slot->serial, info->serial, sizeof(slot->serial));
	memcpy(slot->reader, info->reader, sizeof(slot->reader));
	if (slot->token == token)
		return CKR_OK;
	slot_empty(slot);
	slot->token = ukey_token_ref(token);
	slot->plugged = info->plugged;
	slot->event = true;
	return CKR_OK;
}

/* Also out and in again since is not there: the sessions of the time before are over (2.40, 5.6). */
static bool still_there(
	const struct p11_slot *slot, struct ukey_token **tokens, const struct ukey_token_info *infos, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (tokens[i] == slot->token)
			return infos[i].present && infos[i].plugged == slot->plugged;
	return false;
}

static CK_RV apply(struct ukey_token **tokens, const struct ukey_token_info *infos, size_t token_count,
	const struct ukey_reader_info *readers, size_t reader_count)
{
	CK_RV rv = CKR_OK;

	for (size_t i = 0; i < p11.slot_count; i++)
		if (p11.slots[i]->token && !still_there(p11.slots[i], tokens, infos, token_count))
			slot_empty(p11.slots[i]);
	for (size_t i = 0; i < token_count && rv == CKR_OK; i++)
		if (infos[i].present)
			rv = slot_fill(tokens[i], &infos[i]);
	for (size_t i = 0; i < reader_count && rv == CKR_OK; i++)
		if (readers[i].state != UKEY_READER_TOKEN && !slot_of_reader(readers[i].name, false) &&
			!slot_new(readers[i].name))
			rv = CKR_HOST_MEMORY;
	if (rv == CKR_OK && !p11.looked) {
		/* What was there from the beginning is no event. */
		for (size_t i = 0; i < p11.slot_count; i++)
			p11.slots[i]->event = false;
		p11.looked = true;
	}
	return rv;
}

/*
 * Over USB a token is nobody else's while we are connected to it: without a session of ours it is given back. A slot
 * whose gate is taken is just getting one, or losing its last.
 */
static void give_back(struct p11_slot *slot)
{
	struct ukey_token *token = NULL;
	struct ukey_token_info info;
	CK_ULONG all = 0, rw;

	if (pthread_mutex_trylock(&slot->gate) != 0)
		return;
	p11_lock();
	p11_sessions_count(slot, &all, &rw);
	if (all == 0 && slot->token)
		token = ukey_token_ref(slot->token);
	p11_unlock();
	if (token) {
		ukey_token_info(token, &info);
		if (info.present && info.road == UKEY_ROAD_USB)
			ukey_token_idle(token);
		ukey_token_unref(token);
	}
	pthread_mutex_unlock(&slot->gate);
}

static CK_RV look(void)
{
	struct ukey_token **tokens = NULL;
	struct ukey_token_info *infos = NULL;
	struct ukey_reader_info *readers = NULL;
	size_t token_count = 0, reader_count = 0;
	enum ukey_status status = ukey_refresh(p11.ukey);
	CK_RV rv = CKR_HOST_MEMORY;

	/* No service is no token: C_GetSlotList has no way to say more; `ukey doctor` does. */
	if (status == UKEY_OK)
		status = ukey_tokens(p11.ukey, &tokens, &token_count);
	if (status == UKEY_OK)
		status = ukey_readers(p11.ukey, &readers, &reader_count);
	if (status != UKEY_OK)
		p11_rv(status);
	if (status == UKEY_MEMORY)
		goto out;
	infos = calloc(token_count + 1, sizeof(*infos));
	if (!infos)
		goto out;
	for (size_t i = 0; i < token_count; i++)
		ukey_token_info(tokens[i], &infos[i]);
	p11_lock();
	rv = apply(tokens, infos, token_count, readers, reader_count);
	const size_t slot_count = p11.slot_count;
	p11_unlock();
	/* Slots are only added, and only by whoever looks: that is us. */
	for (size_t i = 0; i < slot_count; i++)
		give_back(p11.slots[i]);
out:
	free(infos);
	free(readers);
	if (tokens)
		ukey_tokens_free(tokens, token_count);
	return rv;
}

CK_RV p11_slots_refresh(void)
{
	CK_RV rv;

	pthread_mutex_lock(&refreshing);
	rv = look();
	pthread_mutex_unlock(&refreshing);
	return rv;
}

void p11_slot_vanished(struct p11_slot *slot, const struct ukey_token *token)
{
	struct ukey_token_info info;

	p11_lock();
	if (slot->token == token) {
		/* A session that is late to notice says nothing of the token's next stay. */
		ukey_token_info(slot->token, &info);
		if (!info.present || info.plugged != slot->plugged)
			slot_empty(slot);
	}
	p11_unlock();
}

CK_RV p11_slot_token(CK_SLOT_ID id, struct p11_slot **slot, struct ukey_token **token)
{
	CK_RV rv = p11_slots_refresh();

	if (rv != CKR_OK)
		return rv;
	p11_lock();
	if (id >= p11.slot_count)
		rv = CKR_SLOT_ID_INVALID;
	else
		*slot = p11.slots[id];
	if (rv == CKR_OK && token) {
		*token = (*slot)->token ? ukey_token_ref((*slot)->token) : NULL;
		if (!*token)
			rv = CKR_TOKEN_NOT_PRESENT;
	}
	p11_unlock();
	return rv;
}

void p11_slots_free(void)
{
	for (size_t i = 0; i < p11.slot_count; i++) {
		struct p11_slot *slot = p11.slots[i];

		slot_empty(slot);
		p11_objects_forget_all(slot);
		free(slot->objects);
		pthread_mutex_destroy(&slot->gate);
		pthread_mutex_destroy(&slot->lock);
		free(slot);
	}
	free(p11.slots);
	p11.slots = NULL;
	p11.slot_count = 0;
}

/* ---- calls ---- */

static CK_RV slot_list(bool present, CK_SLOT_ID *list, CK_ULONG *count)
{
	CK_ULONG n = 0, room = list ? *count : 0;
	CK_RV rv = CKR_OK;

	p11_lock();
	for (size_t i = 0; i < p11.slot_count; i++) {
		struct p11_slot *slot = p11.slots[i];

		if (!list)
			slot->listed = true;
		if (!slot->listed || (present && !slot->token))
			continue;
		if (list && n < room)
			list[n] = slot->id;
		n++;
	}
	p11_unlock();
	if (list && n > room)
		rv = CKR_BUFFER_TOO_SMALL;
	*count = n;
	return rv;
}

/* The list grows only when it is asked for its length (2.40, 5.5): a call with a buffer repeats what that one said. */
CK_RV C_GetSlotList(CK_BBOOL tokenPresent, CK_SLOT_ID_PTR pSlotList, CK_ULONG_PTR pulCount)
{
	CK_ULONG all;
	bool looked;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	if (!pulCount)
		return p11_leave(CKR_ARGUMENTS_BAD);
	p11_lock();
	looked = p11.looked;
	p11_unlock();
	if (!pSlotList || !looked)
		rv = p11_slots_refresh();
	if (rv == CKR_OK && pSlotList && !looked)
		slot_list(false, NULL, &all);
	if (rv == CKR_OK)
		rv = slot_list(tokenPresent, pSlotList, pulCount);
	return p11_leave(rv);
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slotID, CK_SLOT_INFO_PTR pInfo)
{
	struct p11_slot *slot;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	if (!pInfo)
		return p11_leave(CKR_ARGUMENTS_BAD);
	rv = p11_slot_token(slotID, &slot, NULL);
	if (rv != CKR_OK)
		return p11_leave(rv);
	memset(pInfo, 0, sizeof(*pInfo));
	p11_lock();
	p11_pad(pInfo->slotDescription, sizeof(pInfo->slotDescription), slot->reader);
	pInfo->flags = CKF_REMOVABLE_DEVICE | CKF_HW_SLOT | (slot->token ? CKF_TOKEN_PRESENT : 0);
	p11_unlock();
	p11_pad(pInfo->manufacturerID, sizeof(pInfo->manufacturerID), "OpenUKey");
	return p11_leave(CKR_OK);
}

static bool take_event(CK_SLOT_ID *id)
{
	bool found = false;

	p11_lock();
	for (size_t i = 0; i < p11.slot_count && !found; i++)
		if (p11.slots[i]->event) {
			p11.slots[i]->event = false;
			*id = p11.slots[i]->id;
			found = true;
		}
	p11_unlock();
	return found;
}

static bool is_ending(void)
{
	bool ending;

	p11_lock();
	ending = p11.ending;
	p11_unlock();
	return ending;
}

/*
 * Another thread's call may see the change first and mark the event while we are on our way into the wait; it would
 * not end it. So a wait lasts a second at most, and looking at our own marks costs nothing.
 */
static CK_RV wait_for_event(bool block, CK_SLOT_ID *id)
{
	static const struct timespec moment = {0, 200 * 1000 * 1000};

	for (;;) {
		CK_RV rv = p11_slots_refresh();
		enum ukey_status status;

		if (rv != CKR_OK)
			return rv;
		if (take_event(id))
			return CKR_OK;
		if (!block)
			return CKR_NO_EVENT;
		do {
			status = ukey_wait(p11.ukey, 1000);
			if (is_ending())
				return CKR_CRYPTOKI_NOT_INITIALIZED;
			if (take_event(id))
				return CKR_OK;
		} while (status == UKEY_TIMEOUT || status == UKEY_CANCELLED);
		if (status != UKEY_OK)
			nanosleep(&moment, NULL);
	}
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR pSlot, CK_VOID_PTR pReserved)
{
	CK_SLOT_ID id = 0;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	if (!pSlot || pReserved)
		return p11_leave(CKR_ARGUMENTS_BAD);
	rv = wait_for_event(!(flags & CKF_DONT_BLOCK), &id);
	if (rv == CKR_OK)
		*pSlot = id;
	return p11_leave(rv);
}
