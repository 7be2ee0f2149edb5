/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GlobalPlatform secure channel: SCP11b key agreement (Card Specification Amendment F) and SCP03 messages with 8-byte
 * MACs (Amendment D). Both ends, without the elliptic curve: the shared secret comes from outside.
 *
 *	host                                     token
 *	scp_put_authenticate    --- 80 88 --->   scp_parse_authenticate
 *	scp_parse_answer        <------------    scp_open_token
 *	scp_open_host
 *	scp_wrap_command        --- 04 .. --->   scp_unwrap_command
 *	scp_unwrap_response     <------------    scp_wrap_response
 *
 * One rule for failures: a session call that returns false has wiped the keys and the data it was given, and the
 * session is dead; it stays dead until it is closed or opened again. So no caller can go on by mistake.
 *
 * Freestanding: no libc, no allocation. A session has no lock: one user at a time.
 */
#ifndef UKEY_COMMON_SCP_H
#define UKEY_COMMON_SCP_H

#include "common/apdu.h"
#include "common/bytes.h"

#define SCP_INS_INTERNAL_AUTHENTICATE 0x88
#define SCP_KID_SCP11B                0x13 /* key identifier of SK.SD.ECKA: P2 of INTERNAL AUTHENTICATE; P1 is the KVN */

#define SCP_BLOCK       16u
#define SCP_MAC_SIZE    8u
#define SCP_KEY_MAX     32u
#define SCP_POINT_SIZE  65u /* 04 || X || Y on P-256 */
#define SCP_SECRET_SIZE 64u /* Z = ShSee || ShSes, each the X of a point, 32 bytes with leading zeros */
/* Most that wrapping adds to the data of a command or an answer. */
#define SCP_OVERHEAD (SCP_BLOCK + SCP_MAC_SIZE)
/* INTERNAL AUTHENTICATE: the command's data, and the answer's. */
#define SCP_AUTHENTICATE_SIZE 83u
#define SCP_ANSWER_SIZE       86u
/* Most short-form data that still fits one short APDU when wrapped: F0 of ciphertext and the MAC. */
#define SCP_SHORT_DATA_MAX 239u

/*
 * What both ends bring along. Keys have 16, 24 or 32 bytes; SCP_BLOCK bytes of iv become the last ciphertext block; n
 * is a multiple of SCP_BLOCK, above 0, and data is changed in place. False: the engine failed.
 */
struct scp_crypto {
	void *ctx;
	bool (*sha256)(void *ctx, struct bytes in, uint8_t digest[32]);
	bool (*aes_cbc_encrypt)(void *ctx, struct bytes key, uint8_t *iv, uint8_t *data, size_t n);
	bool (*aes_cbc_decrypt)(void *ctx, struct bytes key, uint8_t *iv, uint8_t *data, size_t n);
};

/* AES-CMAC (RFC 4493, SP 800-38B) of the parts, one after another. */
bool scp_cmac(const struct scp_crypto *crypto, struct bytes key, const struct bytes *part, size_t parts,
	uint8_t mac[SCP_BLOCK]);

/* ---- key agreement ---- */

/* Key usage qualifier, tag 95 (Card Specification 11.1.9). */
enum scp_usage {
	SCP_USAGE_MAC = 0x34,     /* MACs on commands and responses */
	SCP_USAGE_MAC_ENC = 0x3C, /* and encryption of both */
};

struct scp_params {
	uint8_t usage;   /* enum scp_usage */
	uint8_t key_len; /* of AES: 16, 24, 32 */
};

/* In the order in which the key derivation cuts them. */
enum scp_key {
	SCP_KEY_RECEIPT,
	SCP_KEY_ENC,
	SCP_KEY_MAC,
	SCP_KEY_RMAC,
	SCP_KEY_DEK, /* derived because the order wants it; SCP11b has no use for it */
	SCP_KEYS,
};

struct scp_keys {
	uint8_t len;
	uint8_t key[SCP_KEYS][SCP_KEY_MAX];
};

/* ANSI X9.63 KDF with SHA-256; z has SCP_SECRET_SIZE bytes. The caller wipes `out`; after false it is zeros. */
bool scp_derive(const struct scp_crypto *crypto, const struct scp_params *p, struct bytes z, struct scp_keys *out);
/* Over the whole data field of the command and the whole 5F49 TLV of the answer. */
bool scp_receipt(const struct scp_crypto *crypto, const struct scp_keys *keys, struct bytes command_data,
	struct bytes point_tlv, uint8_t receipt[SCP_BLOCK]);

/* Data of INTERNAL AUTHENTICATE, SCP_AUTHENTICATE_SIZE bytes; `point` is ePK.OCE, SCP_POINT_SIZE bytes. */
void scp_put_authenticate(struct builder *b, const struct scp_params *p, struct bytes point);
/* False (6A80) for anything but SCP11b, a usage and a key length from above, and a point of the right shape. Whether
 * the point is on the curve is for whoever multiplies it; which params are good enough is for the token's policy. */
bool scp_parse_authenticate(struct bytes data, struct scp_params *p, struct bytes *point);

struct scp_answer {
	struct bytes point_tlv; /* 5F49, with tag and length */
	struct bytes point;     /* ePK.SD */
	struct bytes receipt;   /* SCP_BLOCK bytes */
};

/* Exactly 5F49 and 86, in this order. An answer without a receipt confirms nothing and is refused. */
bool scp_parse_answer(struct bytes data, struct scp_answer *out);

/* ---- sessions ---- */

enum scp_state {
	SCP_CLOSED, /* no session: also what zeroed memory says */
	SCP_READY,  /* for a command */
	SCP_BUSY,   /* a command is out (host) or being executed (token) */
	SCP_DEAD,   /* something was wrong; the keys are gone */
};

/* One channel, one end. Only the calls below touch the inside. */
struct scp_session {
	const struct scp_crypto *crypto; /* borrowed until the session is closed or dead */
	enum scp_state state;
	uint8_t usage, key_len;
	uint32_t counter;         /* of the last command */
	uint8_t chain[SCP_BLOCK]; /* MAC chaining value */
	uint8_t enc[SCP_KEY_MAX], mac[SCP_KEY_MAX], rmac[SCP_KEY_MAX];
};

/*
 * Open a session from the agreed secret. Whatever `s` held before ends first, and z is wiped in every case. False
 * leaves the session closed.
 *
 * The token's end appends the answer's data to `answer`; `point` is ePK.SD. The host's end compares the receipt: false
 * then means that the token does not own the static key that went into z, or that someone changed a message.
 */
bool scp_open_token(struct scp_session *s, const struct scp_crypto *crypto, const struct scp_params *p,
	uint8_t z[SCP_SECRET_SIZE], struct bytes command_data, struct bytes point, struct builder *answer);
bool scp_open_host(struct scp_session *s, const struct scp_crypto *crypto, const struct scp_params *p,
	uint8_t z[SCP_SECRET_SIZE], struct bytes command_data, const struct scp_answer *answer);

/* The orderly end (SELECT, channel closed): no session, keys wiped. */
void scp_session_close(struct scp_session *s);
/* The disorderly one (a clear command inside a session, a transport that failed): dead. A closed one stays closed. */
void scp_session_abort(struct scp_session *s);

/* Whether the class byte announces GlobalPlatform's secure messaging (04, 84; 60, E0 on channels 4 to 19), and not
 * ISO's. */
bool scp_class_secured(uint8_t cla);

/* Bytes of n bytes of data when wrapped by this session. */
size_t scp_wrapped_size(const struct scp_session *s, size_t n);

/*
 * `data` is the whole content of a builder: plain before wrapping and after unwrapping. It is changed in place, and
 * needs room for SCP_OVERHEAD bytes more when wrapping. After false it is empty, failed, and wiped.
 *
 * Host: `a` is the plain command, whose data is in `data`; its own `data` is not looked at. Its class gets the secure
 * messaging bit and its data the wrapped bytes. The MAC depends on the coding of Lc, so a->extended must say how the
 * command will travel: a short one has le up to 256, and is chained when its wrapped data passes 255 bytes.
 *
 * Every wrapped command needs its response. When none came, what the token knows is unknown: abort.
 */
bool scp_wrap_command(struct scp_session *s, struct apdu *a, struct builder *data);
/*
 * Host: sw is the final status word, after all GET RESPONSE (which travel in clear). Only with 9000, 62xx, 63xx are
 * status and data the token's own; a true with any other status means that ANYBODY may have sent it, and whether the
 * command was executed is unknown. A command that was answered with an error must not be sent again as it is.
 */
bool scp_unwrap_response(struct scp_session *s, uint16_t sw, struct builder *data);

/*
 * Token: `a` is the command as received, the last of its chain, with `data` joined from all of it. After false answer
 * 6982, without scp_wrap_response.
 */
bool scp_unwrap_command(struct scp_session *s, const struct apdu *a, struct builder *data);
/*
 * Token: sw is the final status word (never 61xx), `data` the whole answer. With anything but 9000, 62xx, 63xx the
 * data is wiped (also of a builder that failed) and the status goes bare. Not for a command that closed this session:
 * its answer goes in clear.
 */
bool scp_wrap_response(struct scp_session *s, uint16_t sw, struct builder *data);

#endif
