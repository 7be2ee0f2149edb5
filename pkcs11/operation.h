/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations: what C_*Init begins and the calls after it carry on.
 *
 *	mechanism	a row of one table: number, scheme, hash, key, what it may be used for	mechanism.c
 *	  scheme	how it is done: a handful of functions				public.c: RSA, ECDSA
 *	    operation	the state of one, in a session (operation.c)			cipher.c: AES; mac.c: HMAC, CMAC
 *
 * The calls know no scheme, the schemes know no calls:
 *
 *	sign.c verify.c digest.c	update ... update, then make or check what has `size` bytes
 *	crypt.c wrap.c			crypt ... crypt, the last one with `last`; `room` says how much comes
 */
#ifndef PKCS11_OPERATION_H
#define PKCS11_OPERATION_H

#include "common/crypto.h"
#include "common/crypto_secret.h"
#include "driver/ukey.h"
#include "pkcs11/pkcs11.h"

struct p11_session;
struct p11_operation;
struct p11_attributes;

/* Secret keys have at most so many bytes. */
#define P11_SECRET_MAX 1024u

/* ---- keys (key.c) ---- */

/* The key of an operation, copied: the object may go while the operation lasts. */
struct p11_key {
	CK_OBJECT_HANDLE handle;
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE type;
	bool always_authenticate;
	bool is_private; /* a secret one: its copy here must not outlive the log-in */
	/* bookkeeping that a derived key inherits, and wrapping asks for; known in those uses alone */
	bool always_sensitive, never_extractable, trusted;
	ukey_key_ref ref; /* of a private key */
	struct crypto_pubkey public;
	uint8_t store[CRYPTO_RSA_BYTES_MAX + CRYPTO_RSA_EXPONENT_MAX];
	uint8_t *secret; /* secure memory; gone when the operation has started */
	size_t secret_len;
};

/* ---- schemes ---- */

struct p11_scheme {
	/* The mechanism's parameters; the key is open. NULL: it has none. */
	CK_RV (*parameters)(struct p11_operation *op, const CK_MECHANISM *m);
	/* Prepares what the rest needs. NULL: nothing. */
	CK_RV (*start)(struct p11_operation *op);

	/* Of the signature, MAC or digest. */
	size_t (*size)(const struct p11_operation *op);
	CK_RV (*update)(struct p11_operation *op, struct bytes part);
	CK_RV (*make)(struct p11_session *s, struct p11_operation *op, uint8_t *out);
	CK_RV (*check)(struct p11_operation *op, struct bytes signature);
	/* The data from the signature itself (C_VerifyRecover); `out` has room for `size`. */
	CK_RV (*recover)(struct p11_operation *op, struct bytes signature, uint8_t *out, size_t *len);

	/* The most that comes out for so much more input. Looks only, and refuses lengths that can't be right. */
	CK_RV (*room)(const struct p11_operation *op, size_t in, bool last, size_t *room);
	/* What comes out may be shorter than that: `out` still has the room. */
	CK_RV(*crypt)
	(struct p11_session *s, struct p11_operation *op, struct bytes in, bool last, uint8_t *out, size_t *len);
	bool unpads; /* only a decryption tells how long its result is */

	/* In the scheme's own words. */
	int mode;                     /* padding, cipher, wrapping */
	enum crypto_scheme_kind kind; /* of a signature that is verified here */
};

extern const struct p11_scheme p11_digesting;                                          /* digest.c */
extern const struct p11_scheme p11_rsa_pkcs1, p11_rsa_raw, p11_rsa_pss, p11_rsa_oaep;  /* public.c */
extern const struct p11_scheme p11_ecdsa;                                              /* public.c */
extern const struct p11_scheme p11_hmac, p11_hmac_general, p11_cmac, p11_cmac_general; /* mac.c */
extern const struct p11_scheme p11_aes_ecb, p11_aes_cbc, p11_aes_cbc_pad, p11_aes_ctr; /* cipher.c */
extern const struct p11_scheme p11_aes_gcm, p11_aes_kw, p11_aes_kwp;                   /* cipher.c */

/* A tag of so many bits may be asked for. */
bool p11_gcm_tag_bits(CK_ULONG bits);

/* ---- mechanisms (mechanism.c) ---- */

struct p11_mechanism {
	CK_MECHANISM_TYPE type;
	const struct p11_scheme *scheme; /* NULL: generation and derivation, which are no operations */
	enum crypto_hash hash;           /* done here before the scheme; CRYPTO_NO_HASH: the caller's */
	CK_KEY_TYPE key_type;
	CK_FLAGS flags;
};

const struct p11_mechanism *p11_mechanism(CK_MECHANISM_TYPE type);
/* One after another, from 0; NULL at the end. */
const struct p11_mechanism *p11_mechanism_at(size_t i);
enum crypto_hash p11_hash(CK_MECHANISM_TYPE type);
enum crypto_hash p11_mgf(CK_RSA_PKCS_MGF_TYPE type);
/* The hash of a key type for HMAC. */
enum crypto_hash p11_hmac_hash(CK_KEY_TYPE type);
/* The mechanisms that a key may be used with (CKA_ALLOWED_MECHANISMS); returns their number, at most `room` are put. */
size_t p11_mechanisms_of(CK_KEY_TYPE type, CK_FLAGS flags, CK_MECHANISM_TYPE *list, size_t room);

/*
 * The key of that mechanism for that use (one of CKF_SIGN ...), if it may be used so: CKR_KEY_HANDLE_INVALID,
 * CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_MECHANISM_INVALID when CKA_ALLOWED_MECHANISMS lacks
 * it, CKR_USER_NOT_LOGGED_IN for a key not to be seen now. p11_key_close() in every case.
 */
CK_RV p11_key_open(struct p11_session *s, CK_OBJECT_HANDLE handle, const struct p11_mechanism *m, CK_FLAGS use,
	struct p11_key *key);
void p11_key_close(struct p11_key *key);
/* CKR_KEY_HANDLE_INVALID when the object behind the key is gone. */
CK_RV p11_key_alive(struct p11_session *s, const struct p11_key *key);
/* A point bare or in an OCTET STRING, for a curve of so many bytes. */
struct bytes p11_point(struct bytes b, size_t field);
/* Borrowed from the list. */
CK_RV p11_public_from_attributes(const CK_ATTRIBUTE *list, CK_ULONG count, struct crypto_pubkey *out);

/* ---- operations (operation.c) ---- */

enum p11_mode {
	P11_SINGLE, /* nothing was fed yet: may become either */
	P11_MULTI,
};

struct p11_operation {
	const struct p11_mechanism *mechanism; /* NULL: not active */
	CK_FLAGS use;                          /* CKF_SIGN ... */
	enum p11_mode mode;
	struct p11_key key;
	uint_fast64_t ticket; /* of its context-specific log-in; 0: none */
	enum crypto_hash hash, mgf;
	size_t salt_len;
	size_t mac_len; /* what is given of a MAC or of a tag */
	uint8_t iv[CRYPTO_GCM_IV_MAX];
	size_t iv_len;
	uint8_t *label; /* OAEP; what GCM authenticates besides; the IV that counts are mixed into */
	size_t label_len;
	uint64_t left; /* so much may still pass (CTR) */
	struct crypto_digest_ctx *digest;
	struct crypto_mac *mac;
	struct crypto_cipher_ctx *cipher;
	uint8_t *input; /* collected for a scheme that takes it at once; secure memory */
	size_t input_len, input_room;
	uint8_t *result; /* of a decryption whose caller had too little room; secure memory */
	size_t result_len;
	uint8_t result_of[32]; /* SHA-256 of the input of that call */
	uint64_t messages;     /* so many had an IV that we made */
	bool in_message;       /* between the begin of a message and its end */
};

/* The uses that undo, or need the private key. */
#define P11_USES_PRIVATE (CKF_SIGN | CKF_SIGN_RECOVER | CKF_DECRYPT | CKF_UNWRAP | CKF_DERIVE)
static inline bool p11_decrypts(const struct p11_operation *op)
{
	return op->use & (CKF_DECRYPT | CKF_UNWRAP | CKF_MESSAGE_DECRYPT);
}

/* The operation of a session for one use, NULL when there is none such; the list of all uses ends with 0. */
struct p11_operation *p11_operation_of(struct p11_session *s, CK_FLAGS use);
extern const CK_FLAGS p11_uses[];
/*
 * Start: mechanism, its parameters, the key (0 with CKF_DIGEST) and whether it may be used so. C_*Init: the session's
 * operation for that use; no mechanism ends the one that is active.
 */
CK_RV p11_operation_start(struct p11_session *s, struct p11_operation *op, CK_FLAGS use, const CK_MECHANISM *mechanism,
	CK_OBJECT_HANDLE key);
#define p11_operation_init(session, use, mechanism, key)                                                               \
	p11_operation_init_from((session), (use), (mechanism), (key), __func__)
CK_RV p11_operation_init_from(CK_SESSION_HANDLE session, CK_FLAGS use, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key,
	const char *function);
void p11_operation_end(struct p11_operation *op);
/* A length query and a buffer too small leave the operation as it is; everything else ends it (2.40, 5.2). */
void p11_operation_settle(struct p11_operation *op, const void *out, CK_RV rv);

/*
 * Calls after the Init. Enter: the session, and its operation, which is active; on any other outcome the session is
 * left. Leave: settled, and the session left.
 */
#define p11_operation_enter(session, use, s, op) p11_operation_enter_from((session), (use), (s), (op), __func__)
CK_RV p11_operation_enter_from(CK_SESSION_HANDLE session, CK_FLAGS use, struct p11_session **s,
	struct p11_operation **op, const char *function);
CK_RV p11_operation_leave(struct p11_session *s, struct p11_operation *op, const void *out, CK_RV rv);

/* Append to the collected input; CKR_DATA_LEN_RANGE beyond `max` in all. */
CK_RV p11_collect(struct p11_operation *op, struct bytes part, size_t max);
/* What signatures, MACs and digests have in common: one more part. */
CK_RV p11_operation_update(struct p11_operation *op, const void *part, CK_ULONG len);
/* And whole calls of theirs: all of the data at once, one more part of it, what comes of the parts. */
CK_RV p11_make_at_once(CK_SESSION_HANDLE session, CK_FLAGS use, CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR out,
	CK_ULONG_PTR out_len, const char *function);
CK_RV p11_make_part(CK_SESSION_HANDLE session, CK_FLAGS use, CK_BYTE_PTR part, CK_ULONG part_len, const char *function);
CK_RV p11_make_last(
	CK_SESSION_HANDLE session, CK_FLAGS use, CK_BYTE_PTR out, CK_ULONG_PTR out_len, const char *function);
/* What encryptions and decryptions have in common, with the convention for buffers of 2.40, 5.2. */
CK_RV p11_operation_crypt(
	struct p11_session *s, struct p11_operation *op, struct bytes in, bool last, CK_BYTE *out, CK_ULONG *out_len);

/* Callers may let the two overlap: the input then is a copy (secure memory, the caller's). False: no memory. */
bool p11_apart(struct bytes *in, const uint8_t *out, size_t room, uint8_t **copy);

/* Parameters of a mechanism that has none. */
CK_RV p11_no_parameters(struct p11_operation *op, const CK_MECHANISM *m);
/* The use of the key needs a log-in of its own and has none; the key is gone. */
CK_RV p11_operation_ready(struct p11_session *s, const struct p11_operation *op);
/* The user whose secret key it works with is logged out: CKR_USER_NOT_LOGGED_IN. */
CK_RV p11_operation_owned(struct p11_session *s, const struct p11_operation *op);
/* A copy of a parameter into `label`. */
CK_RV p11_keep_label(struct p11_operation *op, const void *data, CK_ULONG len);

/*
 * A pair of pointer and length of a caller. Nothing is as long as that: it is what C_GetAttributeValue leaves for an
 * attribute that could not be had (CK_UNAVAILABLE_INFORMATION), or -1, and sums with it would come round.
 */
static inline bool p11_bad_input(const void *data, CK_ULONG len)
{
	return (!data && len) || len > PTRDIFF_MAX;
}

#endif
