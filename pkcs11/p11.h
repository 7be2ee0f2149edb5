/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the module share.
 *
 *	C_* entry --> p11_enter ---------> p11_session_enter --> operation --> p11_session_leave
 *	                 |                        |
 *	           library (one)            session (own lock)
 *	                 |                        |
 *	              slots (one a token) <-------+--> objects: handles over libukey's directory, and session objects
 *
 * Locks, in the order in which they may be taken; while a token works only its own session's or slot's gate is held:
 *
 *	session->lock	one call at a time on one session
 *	refresh lock	one look at the readers at a time (slot.c)
 *	slot->gate	opening sessions of a slot, closing its last one with the log-out that belongs to it, logging in
 *	library lock	slots, sessions, handles, events
 *	slot->lock	the objects of one slot
 *
 * While a window asks for a PIN (prompt.h) none of them is held, not even the session's.
 *
 * Slots live until C_Finalize, sessions until the last user lets go. C_Finalize waits for calls that are inside.
 *
 * Late calls: programs close sessions and finalize from exit handlers that run after everybody else's. Nothing is freed
 * at exit, so that nothing those calls use is gone: the exit handler (library.c) ends log-ins and closes the door.
 */
#ifndef PKCS11_P11_H
#define PKCS11_P11_H

#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/crypto.h"
#include "common/tlv.h"
#include "driver/ukey.h"
#include "pkcs11/operation.h"
#include "pkcs11/pkcs11.h"

#define P11_API CK_API

/* ---- library.c ---- */

struct p11_slot;
struct p11_session;

struct p11_library {
	pthread_mutex_t lock;
	pthread_cond_t idle; /* nobody is inside any more */
	bool initialized;
	bool ending;    /* C_Finalize waits for the calls inside */
	bool looked;    /* the readers, at least once */
	bool prompting; /* somebody has the window for PINs (prompt.c) */
	unsigned inside;
	struct ukey *ukey;
	struct p11_slot **slots;
	size_t slot_count;
	struct p11_session **sessions; /* ascending handles */
	size_t session_count, session_room;
	CK_SESSION_HANDLE last_session;
};
extern struct p11_library p11;

/* Every call but C_Initialize and the three that give tables starts and ends so. */
CK_RV p11_enter(void);
#define p11_leave(rv) p11_leave_from((rv), __func__)
CK_RV p11_leave_from(CK_RV rv, const char *function);
static inline void p11_lock(void)
{
	pthread_mutex_lock(&p11.lock);
}
static inline void p11_unlock(void)
{
	pthread_mutex_unlock(&p11.lock);
}

/* One line for the person who looks for a reason, where OPENUKEY_DEBUG says; nothing secret goes here. */
void p11_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The outcome of a call of libukey. */
CK_RV p11_rv(enum ukey_status status);

/* Text into a field padded with blanks, cut between characters. */
void p11_pad(CK_UTF8CHAR *field, size_t size, const char *text);

/* ---- slot.c ---- */

struct p11_object;

/* The directory at one moment, shared by a slot and the views made from it; counted under the slot's lock. */
struct p11_snapshot {
	unsigned users;
	const struct ukey_directory *directory; /* reference */
};

struct p11_slot {
	CK_SLOT_ID id;
	/* under the library lock */
	struct ukey_token *token; /* reference; NULL: none in it */
	unsigned plugged;         /* which of its stays: sessions end with it */
	char serial[17];          /* of the token it belongs to, "" as long as there was none */
	char reader[128];
	bool listed; /* C_GetSlotList has told of it */
	bool event;  /* to be told by C_WaitForSlotEvent */
	/* under none */
	atomic_uint_fast64_t ticket; /* of the last log-in, the user's or that for one use of a key (login.c) */
	atomic_uint_fast64_t unused; /* that of the user's, until a use of a key took it */
	atomic_bool changing;        /* a PIN is changed by nobody who is logged in; the token takes that as a log-in */
	/* under its own */
	pthread_mutex_t gate; /* opening sessions, and closing the last one; before the library lock */
	pthread_mutex_t lock;
	struct p11_snapshot *snapshot; /* the objects were made from it */
	struct p11_object *objects;    /* ascending handles */
	size_t object_count, object_room;
};

/* Look at the readers, bring the slots up to date. No card is spoken to but one that nobody has met yet. */
CK_RV p11_slots_refresh(void);
/* The slot, and a reference to its token when `token` is not NULL (CKR_TOKEN_NOT_PRESENT without one). */
CK_RV p11_slot_token(CK_SLOT_ID id, struct p11_slot **slot, struct ukey_token **token);
/* This token was found gone from the slot: what belonged to its sessions ends. */
void p11_slot_vanished(struct p11_slot *slot, const struct ukey_token *token);
void p11_slots_free(void);
void p11_slots_forked(void);

/* ---- session.c ---- */

struct p11_session {
	CK_SESSION_HANDLE handle;
	struct p11_slot *slot;
	struct ukey_token *token; /* reference */
	unsigned plugged;         /* the stay of the token that it was opened in */
	CK_FLAGS flags;
	unsigned users; /* under the library lock */
	bool closed;    /* under the library lock */
	pthread_mutex_t lock;
	const char *function; /* the call that has it */
	bool finding;
	CK_OBJECT_HANDLE *found;
	size_t found_count, found_next;
	struct p11_operation sign, verify, sign_recover, verify_recover, encrypt, decrypt, digest;
	struct p11_operation message_encrypt, message_decrypt;
};

/* The session, locked, and the library entered. On CKR_OK p11_session_leave must follow; it hands rv through. */
#define p11_session_enter(handle, out) p11_session_enter_from((handle), (out), __func__)
CK_RV p11_session_enter_from(CK_SESSION_HANDLE handle, struct p11_session **out, const char *function);
#define p11_session_leave(s, rv) p11_session_leave_from((s), (rv), __func__)
CK_RV p11_session_leave_from(struct p11_session *s, CK_RV rv, const char *function);
/* Close the sessions of a slot, or of all when NULL; the library lock is held. */
void p11_sessions_close(struct p11_slot *slot);
/* How many; the library lock is held. */
void p11_sessions_count(const struct p11_slot *slot, CK_ULONG *all, CK_ULONG *rw);
enum ukey_role p11_role(struct p11_session *s);
/* NIST's PIV: slots instead of containers, a PUK in the SO PIN's place, a management key as the SO's PIN. */
bool p11_is_piv(struct ukey_token *token);
/*
 * A log-in is about to happen: no session of the slot is opened or closed until the slot's gate is unlocked.
 * CKR_SESSION_CLOSED: this one was meanwhile, and the gate is not held.
 */
CK_RV p11_session_gate(struct p11_session *s);
static inline bool p11_session_rw(const struct p11_session *s)
{
	return s->flags & CKF_RW_SESSION;
}

/* ---- token.c ---- */

/*
 * What is known of the token. One that was not ready for its holder is asked again, 1 command: another program may have
 * made it so meanwhile, and ours need not be started anew.
 */
void p11_token_look(struct ukey_token *token, struct ukey_token_info *info);

/* ---- login.c ---- */

/* A key with CKA_ALWAYS_AUTHENTICATE may be used by this operation now. */
bool p11_operation_authenticated(struct p11_session *s, const struct p11_operation *op);
bool p11_operation_may_try(struct p11_session *s, const struct p11_operation *op);
/* UKEY_PIN_BLOCKED, UKEY_SO_PIN_BLOCKED when it is of no use to ask a person for it. */
enum ukey_status p11_blocked(struct ukey_token *token, enum ukey_role role);

/* ---- returned.c ---- */

/* The return value that the standard has for this function and this outcome; unchanged for a name of our own. */
CK_RV p11_returned(const char *function, CK_RV rv);
bool p11_returned_known(const char *function);

/* ---- template.c ---- */

/* The attribute, or NULL. */
const CK_ATTRIBUTE *p11_find(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type);
/* Pointers and lengths make sense, no attribute occurs twice. */
CK_RV p11_template_check(const CK_ATTRIBUTE *list, CK_ULONG count);
/* What a template for a new key of the token may name, and what a truth value has to be when it must be one thing. */
enum p11_demand {
	P11_FREE,
	P11_TRUE,
	P11_FALSE,
	P11_ABSENT,    /* known, but nothing that the token could do with */
	P11_READ_ONLY, /* the token's own bookkeeping */
};
struct p11_known {
	CK_ATTRIBUTE_TYPE type;
	unsigned in; /* bits of whoever has the table: the templates that may name it */
	enum p11_demand demand;
};
/* The template names what the table has for any of these bits, and nothing else. */
CK_RV p11_known_check(const struct p11_known *row, size_t rows, unsigned in, const CK_ATTRIBUTE *list, CK_ULONG count);
/*
 * The value has the form of its attribute, and objects of this class have such an attribute (of a class that is neither
 * data, certificate nor public key only the form is looked at). CKR_OK with *found false: none that the table knows.
 */
CK_RV p11_template_value(CK_OBJECT_CLASS class, const CK_ATTRIBUTE *a, bool *found);
/* The value when it is there (*present, which may be NULL), with its right size. */
CK_RV p11_take_bool(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type, bool *value, bool *present);
CK_RV p11_take_ulong(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type, CK_ULONG *value, bool *present);
struct bytes p11_take_bytes(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type);
/* A text of at most `max` bytes without a zero in it; absent: "". */
CK_RV p11_take_text(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type, char *text, size_t max);

/*
 * A CKA_ID as the token keeps it: one that is longer than the token's place for it (Java makes them of a subject, an
 * issuer and a number) is kept as its SHA-256, and found by either. Without memory for that it stays too long.
 */
struct p11_id_store {
	uint8_t sha256[32];
};
_Static_assert(UKEY_ID_MAX >= 32, "a digest fits");
struct bytes p11_id(struct bytes id, struct p11_id_store *store);

/* A list of our own: one piece of (secure) memory, counted references. */
struct p11_attributes {
	unsigned users; /* under the slot's lock */
	size_t count;
	CK_ATTRIBUTE *list;
};
/* Attributes of `first`, then those of `second` that the first does not name. NULL: no memory. */
struct p11_attributes *p11_attributes_new(
	const CK_ATTRIBUTE *first, CK_ULONG first_count, const CK_ATTRIBUTE *second, CK_ULONG second_count);
void p11_attributes_free(struct p11_attributes *a);

/* ---- object.c ---- */

enum p11_kind {
	P11_PROFILE,
	P11_PRIVATE_KEY,
	P11_PUBLIC_KEY,
	P11_CERTIFICATE,       /* of a key */
	P11_OTHER_CERTIFICATE, /* of no key here */
	P11_DATA,
	P11_MECHANISM, /* found only by who asks for its class */
	P11_SESSION_OBJECT,
	P11_GONE, /* went with its private key; may still be destroyed by name */
};

struct p11_object {
	CK_OBJECT_HANDLE handle;
	enum p11_kind kind;
	uint8_t number;   /* key reference, number of the object, profile, place in the list of mechanisms */
	uint8_t print[8]; /* tells it from another one in the same place later */
	bool listed;      /* the directory has it still, while the table is brought up to date */
	bool is_private;  /* CKA_PRIVATE */
	CK_OBJECT_CLASS class;
	uint32_t id_hint, label_hint; /* of CKA_ID and CKA_LABEL; P11_NO_HINT: the object has to be looked at */
	CK_SESSION_HANDLE owner;      /* session objects, and the gone */
	struct p11_attributes *attributes;
};

/* An object, held still: what the directory says of it, and what had to be read for it. */
struct p11_view {
	struct p11_slot *slot;
	struct ukey_token *token;
	struct p11_snapshot *snapshot;
	const struct ukey_directory *directory; /* of the snapshot */
	struct p11_object object;
	const struct ukey_key *key;
	const struct ukey_other_certificate *other;
	const struct ukey_data_entry *data;
	/* read when first asked for */
	uint8_t *certificate;
	size_t certificate_len;
	struct crypto_cert parsed;
	bool is_parsed;
	struct ukey_data content;
	bool has_content;
};

/* CKR_OBJECT_HANDLE_INVALID when there is none, or not for who is logged in now. p11_view_close after CKR_OK. */
CK_RV p11_view_open(struct p11_session *s, CK_OBJECT_HANDLE handle, struct p11_view *view);
/* The same for who has synchronised already and knows whether the user is logged in; false: none. */
bool p11_view_take(struct p11_session *s, CK_OBJECT_HANDLE handle, bool user, struct p11_view *view);
void p11_view_close(struct p11_view *view);
/* Make the handles fit what is on the token now. */
CK_RV p11_objects_sync(struct p11_slot *slot, struct ukey_token *token);
/* The handle of what was just made. */
CK_RV p11_object_handle(struct p11_session *s, enum p11_kind kind, uint8_t number, CK_OBJECT_HANDLE *handle);
/* Takes over the attributes, also when it fails. */
CK_RV p11_object_add(struct p11_session *s, struct p11_attributes *attributes, CK_OBJECT_HANDLE *handle);
/*
 * New attributes of a session object, made from those of the view; takes them over, also when it fails. Not *changed:
 * another thread changed the object since, what may be changed is to be asked again.
 */
CK_RV p11_object_replace(const struct p11_view *view, struct p11_attributes *attributes, bool *changed);
/*
 * The private key was destroyed: so were its public key and certificate. Programs destroy those next, as they would
 * have to with tokens that keep them apart: their handles stay good for that alone, until the session ends.
 */
void p11_objects_bury(struct p11_session *s, ukey_key_ref ref);
/* Was this handle good for that? */
bool p11_object_exhume(struct p11_slot *slot, CK_OBJECT_HANDLE handle);
/* Forget handles: of one object, of private objects (log-out), of a session's objects, of all. */
void p11_object_forget(struct p11_slot *slot, CK_OBJECT_HANDLE handle);
void p11_objects_forget_private(struct p11_slot *slot);
void p11_objects_forget_session(struct p11_slot *slot, CK_SESSION_HANDLE session);
void p11_objects_forget_all(struct p11_slot *slot);
/* The handle is in the table, whoever may see it. */
bool p11_object_exists(struct p11_slot *slot, CK_OBJECT_HANDLE handle);

/* ---- find.c ---- */

/* Two values with different hints are different. */
#define P11_NO_HINT     0u /* has to be looked at */
#define P11_HINT_ABSENT 1u /* there is no such attribute */
uint32_t p11_hint(struct bytes value);

/* ---- attribute.c ---- */

struct p11_value {
	const void *data;
	size_t len;
	uint8_t store[CRYPTO_POINT_MAX + 8];
	uint8_t *heap;
};

/* CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_SENSITIVE, or what reading it failed with. p11_value_clear after CKR_OK. */
CK_RV p11_attribute(struct p11_view *view, CK_ATTRIBUTE_TYPE type, struct p11_value *value);
/* Its length alone: nothing is read from the token for it. */
CK_RV p11_attribute_length(struct p11_view *view, CK_ATTRIBUTE_TYPE type, size_t *len);
void p11_value_clear(struct p11_value *value);
/* Borrowed from the directory's entry; false for an algorithm that we do not know. */
bool p11_key_public(const struct ukey_key *key, struct crypto_pubkey *out);
CK_OBJECT_CLASS p11_class(const struct p11_view *view);
/* Does it match every attribute of the template? What must be read for it is looked at last. */
CK_RV p11_matches(struct p11_view *view, const CK_ATTRIBUTE *list, CK_ULONG count, bool *matches);

/* ---- create.c ---- */

CK_RV p11_create(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *handle);
/* What a template says of a data object, over what `data` holds; its value is borrowed. */
CK_RV p11_data_fields(const CK_ATTRIBUTE *list, CK_ULONG count, struct ukey_data *data);
/* What libukey says about a value, in the words that C_CreateObject has. */
CK_RV p11_write_rv(enum ukey_status status);

/* ---- keygen.c ---- */

/* Programs pair keys and certificates by CKA_ID: for a key without one, the first small number that is free. */
CK_RV p11_free_id(struct p11_session *s, uint8_t *id, size_t *len);

/* ---- import.c ---- */

/* C_CreateObject of a private key: an exchange pair from outside, or a refusal that says why. */
CK_RV p11_import(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *handle);

#endif
