/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libukey: from attached hardware to one object model.
 *
 *	ukey_open --> ukey_refresh --> ukey_tokens --> ukey_token_info
 *	    |             ^                |               |
 *	    |        ukey_wait             |          ukey_directory --> containers, keys, certificates, data
 *	    v                              v               |
 *	ukey_close                    ukey_login ----> ukey_sign, ukey_decrypt, ukey_derive,
 *	                                               ukey_generate, ukey_write_certificate, ...
 *
 * Calls block, return enum ukey_status and fill their out-parameters only on UKEY_OK. Every call may be made from any
 * thread; commands to one token are serialised inside, and no lock is held while another token works. Objects named
 * "reference" are counted: ukey_X_ref takes one, ukey_X_unref gives one back, and the last one frees.
 *
 * Commands to the token are the cost. Each call says how many it sends (n commands) when the token is present and was
 * seen before; 0 means that the answer is already here.
 *
 * Strings are UTF-8 with a terminating zero. Byte counts are size_t. Times are seconds since 1970, UTC.
 */
#ifndef UKEY_H
#define UKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define UKEY_API __attribute__((visibility("default")))
#else
#define UKEY_API
#endif

/* ---- Outcomes (driver/status.def is the table) ------------------------------------------------------------------ */

/* clang-format off */
enum ukey_status {
	UKEY_OK,
	UKEY_INTERNAL, UKEY_USAGE, UKEY_ARGUMENT, UKEY_MEMORY, UKEY_NOT_SUPPORTED, UKEY_BUFFER_TOO_SMALL, UKEY_FILE,
	UKEY_CONFIG, UKEY_CANCELLED, UKEY_TIMEOUT,
	UKEY_NO_SERVICE, UKEY_NO_PERMISSION, UKEY_NO_READER, UKEY_NO_TOKEN, UKEY_FOREIGN_CARD, UKEY_TOKEN_REMOVED,
	UKEY_TOKEN_RESET, UKEY_TOKEN_BUSY, UKEY_COMMUNICATION, UKEY_TOKEN_PROTOCOL, UKEY_TOKEN_FAILURE,
	UKEY_TOKEN_TERMINATED, UKEY_TOKEN_BLANK, UKEY_TOKEN_AMBIGUOUS, UKEY_TOKEN_STATE,
	UKEY_PIN_INCORRECT, UKEY_PIN_BLOCKED, UKEY_SO_PIN_INCORRECT, UKEY_SO_PIN_BLOCKED, UKEY_PIN_LENGTH,
	UKEY_PIN_POLICY, UKEY_PIN_NOT_SET, UKEY_NOT_LOGGED_IN, UKEY_ALREADY_LOGGED_IN, UKEY_OTHER_ROLE, UKEY_PIN_INPUT,
	UKEY_PIN_MISMATCH, UKEY_PIN_EXPIRED, UKEY_PIN_PROMPT,
	UKEY_PUK_INCORRECT, UKEY_PUK_BLOCKED, UKEY_MANAGEMENT_KEY_INCORRECT, UKEY_MANAGEMENT_KEY_NEEDED,
	UKEY_NOT_GENUINE, UKEY_NO_ROOTS, UKEY_CHANNEL_REQUIRED, UKEY_CHANNEL_FULL, UKEY_CHANNEL_LOST,
	UKEY_NOT_FOUND, UKEY_EXISTS, UKEY_TOKEN_FULL, UKEY_TOO_LARGE, UKEY_KEY_USAGE, UKEY_ALGORITHM,
	UKEY_DATA_INVALID, UKEY_DATA_LENGTH, UKEY_DECRYPT_FAILED, UKEY_SIGNATURE_INVALID, UKEY_TOUCH_TIMEOUT,
	UKEY_KEYGEN_FAILED, UKEY_KEY_INVALID, UKEY_KEY_ORIGIN, UKEY_KEY_CHANGED,
	UKEY_CERT_INVALID, UKEY_CERT_MISMATCH, UKEY_CERT_EXPIRED, UKEY_CERT_UNTRUSTED,
	UKEY_UNLOCK_NONE, UKEY_UNLOCK_WRONG, UKEY_UNLOCK_BLOCKED, UKEY_UNLOCK_OVER,
	UKEY_ATTEST_NONE, UKEY_ATTEST_INVALID,
	UKEY_CA_UNREACHABLE, UKEY_CA_REFUSED, UKEY_CA_CODE, UKEY_CA_PROTOCOL, UKEY_CA_PENDING, UKEY_CA_IDENTITY,
	UKEY_PROBLEMS_FOUND,
	UKEY_STATUS_COUNT
};
/* clang-format on */

/* "PIN_INCORRECT"; for logs and --json. */
UKEY_API const char *ukey_status_name(enum ukey_status s);
/* What happened, and what to do next ("" when there is nothing to add), in the user's language. */
UKEY_API const char *ukey_status_message(enum ukey_status s);
UKEY_API const char *ukey_status_hint(enum ukey_status s);
UKEY_API unsigned long ukey_status_ckr(enum ukey_status s); /* PKCS#11 */
UKEY_API uint32_t ukey_status_sar(enum ukey_status s);      /* GM/T 0016 */
UKEY_API uint32_t ukey_status_scard(enum ukey_status s);    /* PC/SC, minidriver */
UKEY_API int ukey_status_exit(enum ukey_status s);          /* a program's exit code */

/* ---- The library ------------------------------------------------------------------------------------------------ */

struct ukey;       /* readers and tokens of this process */
struct ukey_token; /* reference */

/* Reads the configuration; talks to nobody. 0 commands, no I/O. */
UKEY_API enum ukey_status ukey_open(struct ukey **out);
/* After UKEY_CONFIG from ukey_open in this thread: "file:line: what is wrong". */
UKEY_API const char *ukey_config_problem(void);
/* Ends waits, logs out, closes. References to tokens stay valid and answer UKEY_TOKEN_REMOVED. */
UKEY_API void ukey_close(struct ukey *u);
/*
 * The process is about to end without ukey_close: log out and give the connections back, waiting for nobody and freeing
 * nothing, for calls may still come. A token that somebody works with is left as it is.
 */
UKEY_API void ukey_depart(struct ukey *u);
/*
 * In the child of a fork: forget the parent's connections without touching them or the tokens. Afterwards the only
 * useful call on `u` and its tokens is ukey_open for a new one; the memory of the old one is given up.
 */
UKEY_API void ukey_forked(struct ukey *u);
/*
 * The program that a module is to ask for PINs (`pinentry` in the configuration; OPENUKEY_PINENTRY in the environment
 * wins): a path, or a name to be found in PATH. NULL: none. Lives as long as `u`. 0 commands.
 */
UKEY_API const char *ukey_setting_pinentry(const struct ukey *u);

/* The user's folder in which the public data of tokens is kept for the next process. */
enum ukey_cache_state {
	UKEY_CACHE_USED,
	UKEY_CACHE_OFF,      /* the configuration says `cache = no` */
	UKEY_CACHE_NOWHERE,  /* there is no home, or this program runs with more rights than its user */
	UKEY_CACHE_MISSING,  /* it is not there and cannot be made */
	UKEY_CACHE_IN_PLACE, /* something that is not a folder bears its name */
	UKEY_CACHE_FOREIGN,  /* it belongs to another user */
	UKEY_CACHE_WRITABLE, /* others can write it */
};
/* Makes the folder when it can be. `path`: where it is or would be, possibly "". 0 commands. */
UKEY_API enum ukey_cache_state ukey_cache_state(const struct ukey *u, char *path, size_t cap);

/*
 * Look at all readers; ask each card that was put in since the last look who it is (1 command a token of ours, 2 any
 * other card, 0 for known ones). UKEY_NO_SERVICE, UKEY_NO_PERMISSION: nothing could be looked at. UKEY_OK with no
 * reader at all is possible.
 */
UKEY_API enum ukey_status ukey_refresh(struct ukey *u);

/*
 * The tokens that were there at the last refresh, in the order they were first seen. *list is an array of references,
 * to be freed with ukey_tokens_free. 0 commands.
 */
UKEY_API enum ukey_status ukey_tokens(struct ukey *u, struct ukey_token ***list, size_t *count);
UKEY_API void ukey_tokens_free(struct ukey_token **list, size_t count);

enum ukey_reader_state {
	UKEY_READER_EMPTY,
	UKEY_READER_TOKEN,   /* ours */
	UKEY_READER_FOREIGN, /* a card that does not know our application; left alone */
	UKEY_READER_MUTE,    /* a card that does not answer */
	UKEY_READER_BUSY,    /* another program holds it for itself alone */
	UKEY_READER_DENIED,  /* a USB device that this user may not open */
};

/* How a token is reached. */
enum ukey_road {
	UKEY_ROAD_PCSC, /* the smart card service */
	UKEY_ROAD_USB,  /* its USB device, without a service */
};

struct ukey_reader_info {
	char name[128];
	enum ukey_reader_state state;
	char serial[17]; /* of the token in it, or "" */
	enum ukey_road road;
};

/* What the last refresh saw, for doctor and list. Free with free(). 0 commands. */
UKEY_API enum ukey_status ukey_readers(struct ukey *u, struct ukey_reader_info **list, size_t *count);

/* USB devices that are our tokens: what the kernel calls idVendor and idProduct. For whoever sets up a machine. */
struct ukey_usb_id {
	uint16_t vendor, product;
	const char *name;
};
/* How many there are; *list is the library's own. 0 commands. */
UKEY_API size_t ukey_usb_ids(const struct ukey_usb_id **list);

struct ukey_holder {
	long process;
	char name[32]; /* of its program, possibly "" */
};

/*
 * Who has this reader, when it is UKEY_READER_BUSY. False when that cannot be seen: a reader of PC/SC, or a program of
 * another user. Looks at all processes. 0 commands.
 */
UKEY_API bool ukey_reader_holder(struct ukey *u, const char *reader, struct ukey_holder *out);

/*
 * Wait until something changed against the last refresh (a card in or out, a reader in or out, the service gone or
 * back): UKEY_OK; call ukey_refresh next. UKEY_TIMEOUT after so many milliseconds (-1: never). UKEY_CANCELLED when
 * ukey_wait_cancel was called, which ends every wait now running on `u`.
 */
UKEY_API enum ukey_status ukey_wait(struct ukey *u, int milliseconds);
UKEY_API void ukey_wait_cancel(struct ukey *u);

/* ---- A token ---------------------------------------------------------------------------------------------------- */

enum ukey_life_cycle {
	UKEY_BLANK = 0x01,
	UKEY_INITIALISED = 0x03, /* SO PIN, no user PIN */
	UKEY_OPERATIONAL = 0x05,
	UKEY_TERMINATED = 0x0F,
};

enum ukey_role {
	UKEY_NOBODY = 0,
	UKEY_USER = 1,
	UKEY_SO = 2,
};

#define UKEY_TRIES_UNKNOWN 255u

struct ukey_pin_info {
	bool exists;
	unsigned tries_left; /* as far as known: updated by every answer */
	unsigned tries_max;  /* 0 of a PIN that exists: not known yet, and tries_left is UKEY_TRIES_UNKNOWN */
	bool must_change;    /* user PIN: good for ukey_change_pin only */
};

/* What is known of where the token comes from. */
enum ukey_genuine {
	UKEY_GENUINE_UNKNOWN, /* it has a device key, and nobody asked for the proof yet */
	UKEY_GENUINE_NONE,    /* it has no device key: a token of the workshop, that can prove nothing */
	UKEY_GENUINE_YES,     /* it proved its device key, certified up to a root that is configured */
	UKEY_GENUINE_NO,      /* it failed to */
};

enum ukey_algorithm { /* the protocol's numbers, doc/token-protocol.md 2.3 */
	UKEY_RSA_2048 = 0x07,
	UKEY_RSA_3072 = 0x05,
	UKEY_RSA_4096 = 0x16,
	UKEY_P256 = 0x11,
	UKEY_P384 = 0x14,
	UKEY_P521 = 0x15,
};

/* Whose commands the card understands. */
enum ukey_application {
	UKEY_APPLICATION_OWN, /* doc/token-protocol.md */
	UKEY_APPLICATION_PIV, /* NIST SP 800-73-4: no log-in of one's own, PINs in clear, a PUK in the SO PIN's place */
};

struct ukey_token_info {
	enum ukey_application application;
	char serial[17]; /* 16 hexadecimal digits */
	char label[33];
	char manufacturer[33];
	char model[17];
	char reader[128]; /* the reader it was last seen in */
	enum ukey_road road;
	bool present;
	unsigned plugged; /* how often it came: another number after each time it was out, or without power */
	uint8_t protocol_major, protocol_minor;
	uint8_t firmware[3];
	enum ukey_life_cycle life_cycle;
	struct ukey_pin_info user_pin, so_pin;
	struct ukey_pin_info unlock_key; /* unlock by phone */
	unsigned pin_min, pin_max, pin_classes;
	unsigned pin_history;             /* a new user PIN must differ from so many before it */
	bool pin_in_channel;              /* policy: PINs are accepted inside a secure channel only */
	bool pin_change_first;            /* policy: a user PIN that the SO set must be changed by its holder */
	bool piv, piv_yubico;             /* a PIV application is beside ours, and has Yubico's extensions */
	bool device_key, attestation_key; /* given by the factory */
	enum ukey_genuine genuine;
	bool channel; /* this process talks to it through a secure channel now */
	uint32_t generation;
	uint8_t digest[32]; /* of the directory */
	uint32_t free_bytes, total_bytes;
	unsigned max_containers, max_certificates, max_data_objects;
	size_t max_object;   /* largest certificate or data object */
	uint16_t algorithms; /* doc/token-protocol.md 2.1, tag 8D */
	enum ukey_role role; /* who is logged in through this libukey */
};

UKEY_API struct ukey_token *ukey_token_ref(struct ukey_token *t);
UKEY_API void ukey_token_unref(struct ukey_token *t);

/* What is known. 0 commands; works for a token that is gone (present = false). */
UKEY_API void ukey_token_info(struct ukey_token *t, struct ukey_token_info *out);
/* Ask the token again. 1 command. UKEY_TOKEN_REMOVED when it is gone. */
UKEY_API enum ukey_status ukey_token_reload(struct ukey_token *t);
/* Nobody needs the token just now: give the connection back, for other programs to have. Logs out if logged in. */
UKEY_API void ukey_token_idle(struct ukey_token *t);
UKEY_API bool ukey_token_supports(struct ukey_token *t, enum ukey_algorithm a);

/*
 * Prove that the token is genuine, and protect what follows: open a secure channel (doc/token-protocol.md 6) on a
 * logical channel of this process's own, after the device certificates were checked against the configured roots. At
 * most 3 commands; 0 when it is open. Every call that sends a PIN does this by itself. From then on all commands of
 * this process to the token travel inside; nobody else's log-in is ours, nor ours theirs.
 *
 * A token without device key: UKEY_OK, nothing opened, info.genuine is UKEY_GENUINE_NONE; with `secure-channel =
 * required` in the configuration, or when this serial number proved a device key before, UKEY_NOT_GENUINE.
 * UKEY_NOT_GENUINE: no PIN may go there. UKEY_NO_ROOTS: there is nothing to check it against. UKEY_CHANNEL_FULL: 19
 * programs have theirs. UKEY_CHANNEL_LOST, of this and any other call: a message was changed, or the session ended on
 * the token; it is opened again by the next call, and who was logged in must log in again.
 */
UKEY_API enum ukey_status ukey_protect(struct ukey_token *t);
/* After UKEY_NOT_GENUINE and UKEY_NO_ROOTS in this thread: why, for people; names the file where one is at fault. */
UKEY_API const char *ukey_protect_problem(void);

/* ---- PINs (6 to 32 bytes of UTF-8, not zero-terminated; never kept) ---------------------------------------------- */

/* What is to be said of a new PIN before it is sent: the first line that fits. */
enum ukey_pin_advice {
	UKEY_PIN_GOOD,
	UKEY_PIN_TOO_SHORT, /* the token refuses these: */
	UKEY_PIN_TOO_LONG,
	UKEY_PIN_CHARACTERS, /* not UTF-8, or control characters */
	UKEY_PIN_CLASSES,    /* too few kinds of characters */
	UKEY_PIN_REPEATED,   /* the token takes these, and they are weak: 111111, abcabc */
	UKEY_PIN_SEQUENCE,   /* 123456, fedcba, rows of the keyboard */
	UKEY_PIN_DATE,       /* 19881224, 881224 */
	UKEY_PIN_COMMON,     /* among the most common ones */
	UKEY_PIN_SERIAL,     /* part of the serial number or the label */
};
/* By the token's policy (info) and common sense; sends nothing. */
UKEY_API enum ukey_pin_advice ukey_pin_advise(const struct ukey_token_info *info, const uint8_t *pin, size_t len);
UKEY_API bool ukey_pin_refused(enum ukey_pin_advice a); /* the token would refuse it */
/* In the user's language, with what to do: "" for UKEY_PIN_GOOD. */
UKEY_API const char *ukey_pin_advice_text(enum ukey_pin_advice a);

/* A wrong PIN leaves the tries left in ukey_token_info. 1 command. */
UKEY_API enum ukey_status ukey_login(struct ukey_token *t, enum ukey_role role, const uint8_t *pin, size_t len);
/* The user PIN again, for a key whose PIN policy is "always". 1 command. */
UKEY_API enum ukey_status ukey_login_again(struct ukey_token *t, const uint8_t *pin, size_t len);
/* 1 command, or 0 when nobody is logged in. */
UKEY_API enum ukey_status ukey_logout(struct ukey_token *t);
/* 1 command. A wrong old PIN costs a try of that PIN. The token takes the old PIN as a log-in: afterwards `role` is in.
 */
UKEY_API enum ukey_status ukey_change_pin(struct ukey_token *t, enum ukey_role role, const uint8_t *old_pin,
	size_t old_len, const uint8_t *new_pin, size_t new_len);
/*
 * Is a PIV card's management key made of its user PIN, as Yubico's older tools can do it? Whoever changes the PIN alone
 * makes that key one that no PIN opens any more. 1 command on a PIV card, 0 and false on every other token.
 */
UKEY_API enum ukey_status ukey_pin_makes_manager(struct ukey_token *t, bool *yes);
/* Set the user PIN with the SO PIN: unblocks it, or sets the first one. 1 command. */
UKEY_API enum ukey_status ukey_unlock_pin(
	struct ukey_token *t, const uint8_t *so_pin, size_t so_len, const uint8_t *new_pin, size_t new_len);
/* The same with the SO logged in (C_InitPIN). 1 command. */
UKEY_API enum ukey_status ukey_set_user_pin(struct ukey_token *t, const uint8_t *new_pin, size_t new_len);

/*
 * Unlock by phone (doc/token-protocol.md 5; the codes that people read out are common/code_text.h's). The challenge
 * lives in this process's channel on the token: until ukey_token_idle, ukey_close, loss of power, another challenge,
 * use, or three wrong responses. 1 command each, and the opening of the channel.
 */
#define UKEY_CHALLENGE_SIZE 19 /* key version, serial, counter, random */
#define UKEY_RESPONSE_SIZE  9
#define UKEY_PROOF_SIZE     5
/* UKEY_UNLOCK_NONE: the token has no unlock key. UKEY_UNLOCK_BLOCKED. */
UKEY_API enum ukey_status ukey_unlock_challenge(struct ukey_token *t, uint8_t challenge[UKEY_CHALLENGE_SIZE]);
/*
 * Sets the user PIN. UKEY_UNLOCK_WRONG: tries left in info.unlock_key. UKEY_UNLOCK_OVER: the challenge is no more; take
 * another. UKEY_PIN_POLICY: choose another PIN, the response is still good.
 */
UKEY_API enum ukey_status ukey_unlock_respond(struct ukey_token *t, const uint8_t response[UKEY_RESPONSE_SIZE],
	const uint8_t *new_pin, size_t new_len, uint8_t proof[UKEY_PROOF_SIZE]);
/* The proof of the last unlock. UKEY_NOT_FOUND: there was none. */
UKEY_API enum ukey_status ukey_unlock_proof(struct ukey_token *t, uint8_t proof[UKEY_PROOF_SIZE]);

/*
 * The PIV application beside ours (doc/token-protocol.md 9): its own PIN, PUK and management key. PIV sends its PIN in
 * the clear, whatever the policy of ours is.
 */
struct ukey_piv_setup {
	const char *pin;   /* 6 to 8 digits */
	const char *puk;   /* 6 to 8 bytes */
	uint8_t algorithm; /* of the management key: 03 Triple DES; 08, 0A, 0C AES */
	const uint8_t *key;
	size_t key_len;
	bool yubico; /* Yubico's public extensions, too */
};

struct ukey_initialize {
	const char *label;     /* at most 32 bytes */
	const uint8_t *so_pin; /* the new one */
	size_t so_len;
	const uint8_t *present_so_pin; /* needed unless the token is blank; may be the same */
	size_t present_so_len;
	const uint8_t *user_pin; /* NULL: the token stays without one */
	size_t user_len;
	uint8_t pin_min, pin_max, pin_classes; /* 0: the token's default */
	uint8_t user_tries;                    /* 0: default */
	uint8_t pin_history;                   /* 0 to 8 */
	bool pin_change_first;                 /* the user PIN that the SO sets must be changed by its holder */
	bool pin_in_clear; /* take PINs outside a secure channel too, though the token has a device key */
	const struct ukey_piv_setup *piv; /* NULL: no PIV application */
};

/* Erases everything and sets PINs and label. 1 command. */
UKEY_API enum ukey_status ukey_initialize(struct ukey_token *t, const struct ukey_initialize *how);
/* Back to blank. SO logged in, or SO PIN blocked. 1 command. */
UKEY_API enum ukey_status ukey_factory_reset(struct ukey_token *t);
/* SO logged in. 1 command. */
UKEY_API enum ukey_status ukey_set_label(struct ukey_token *t, const char *label);

/* ---- What is on the token --------------------------------------------------------------------------------------- */

/* A key pair's place: container 0-31, signature or exchange pair. */
enum ukey_pair {
	UKEY_SIGNATURE = 0,
	UKEY_EXCHANGE = 1,
};
typedef uint8_t ukey_key_ref; /* 2 * container + pair */
#define UKEY_KEY_REF(container, pair) ((ukey_key_ref)(2 * (container) + (pair)))

enum ukey_usage {
	UKEY_USE_SIGN = 1,
	UKEY_USE_DECRYPT = 2,
	UKEY_USE_DERIVE = 4,
};

#define UKEY_ID_MAX    32
#define UKEY_LABEL_MAX 64

struct ukey_certificate_entry {
	bool exists;
	size_t length;
	uint8_t sha256[32];
	char label[UKEY_LABEL_MAX + 1];
};

struct ukey_key {
	ukey_key_ref ref;
	enum ukey_algorithm algorithm;
	uint8_t id[UKEY_ID_MAX];
	size_t id_len;
	char label[UKEY_LABEL_MAX + 1];
	unsigned usage; /* enum ukey_usage */
	bool generated; /* on the token; else imported */
	bool always_authenticate;
	bool no_pin; /* usable without log-in */
	bool touch;
	/* RSA: modulus and exponent, big-endian, no leading zeros. EC: the point, 04 X Y. */
	const uint8_t *modulus;
	size_t modulus_len;
	const uint8_t *exponent;
	size_t exponent_len;
	const uint8_t *point;
	size_t point_len;
	struct ukey_certificate_entry certificate;
};

struct ukey_container {
	uint8_t number;
	char name[UKEY_LABEL_MAX + 1];
	const struct ukey_key *pair[2]; /* NULL: none */
};

struct ukey_other_certificate {
	uint8_t number;
	uint8_t id[UKEY_ID_MAX];
	size_t id_len;
	uint8_t category; /* 0 unspecified, 1 user, 2 authority, 3 other: CKA_CERTIFICATE_CATEGORY */
	struct ukey_certificate_entry certificate;
};

struct ukey_data_entry {
	uint8_t number;
	bool is_private; /* then the rest is unknown until ukey_read_data */
	char label[UKEY_LABEL_MAX + 1];
	char application[UKEY_LABEL_MAX + 1];
	uint8_t oid[UKEY_ID_MAX]; /* DER */
	size_t oid_len;
	size_t length;
	uint8_t sha256[32];
};

/* What is on the token at one generation; each list ascends by reference or number. Never changes; reference. */
struct ukey_directory {
	uint32_t generation;
	const struct ukey_key *keys;
	size_t key_count;
	const struct ukey_container *containers;
	size_t container_count;
	const struct ukey_other_certificate *certificates;
	size_t certificate_count;
	const struct ukey_data_entry *data;
	size_t data_count;
	uint64_t order; /* the younger one of two that this process had of a token has the greater number */
};

/*
 * The directory as it is now, as far as this process knows: re-read only when an answer of the token showed that its
 * generation moved. 0 commands when this process or the cache knows it, else 1.
 *
 * A PIV card has no generation. A directory of it that this process or the cache knows is believed after one look: the
 * beginning of one certificate (or of what else was read), in turns, every other time of the one that is about to end.
 * 1 command at most a second and after the card was out; another program's change shows at the turn of its place, and
 * everything is read again. Whatever was listed, a signature or decryption is given out only if the listed key made it
 * (else UKEY_KEY_CHANGED), and before the first ukey_derive since the card came its certificate is looked at.
 */
UKEY_API enum ukey_status ukey_directory(struct ukey_token *t, const struct ukey_directory **out);
UKEY_API void ukey_directory_unref(const struct ukey_directory *d);
/*
 * For a program that shows a person what is there: of a card that cannot tell whether it changed, the next
 * ukey_directory reads everything. Without effect on tokens that tell. 0 commands.
 */
UKEY_API void ukey_directory_doubt(struct ukey_token *t);
UKEY_API const struct ukey_key *ukey_directory_key(const struct ukey_directory *d, ukey_key_ref ref);

/* SubjectPublicKeyInfo in DER; malloc'd, free with free(). 0 commands. */
UKEY_API enum ukey_status ukey_key_spki(const struct ukey_key *k, uint8_t **der, size_t *len);

/* Certificates in DER; malloc'd, free with free(). 0 commands when this process or the cache knows it, else 1. */
UKEY_API enum ukey_status ukey_read_certificate(struct ukey_token *t, ukey_key_ref ref, uint8_t **der, size_t *len);
UKEY_API enum ukey_status ukey_read_other_certificate(struct ukey_token *t, uint8_t number, uint8_t **der, size_t *len);

/*
 * User or SO logged in (a PIV card: as for ukey_generate). 1 command. The certificate must be X.509 and hold the key's
 * public key (UKEY_CERT_MISMATCH). label may be NULL: the key's own. Replaces a certificate that is there.
 */
UKEY_API enum ukey_status ukey_write_certificate(
	struct ukey_token *t, ukey_key_ref ref, const uint8_t *der, size_t len, const char *label);
UKEY_API enum ukey_status ukey_delete_certificate(struct ukey_token *t, ukey_key_ref ref);
/* number: on input 0-31 to replace, or -1 for the first free one; *number_out (may be NULL): which. */
UKEY_API enum ukey_status ukey_write_other_certificate(struct ukey_token *t, int number, const uint8_t *der, size_t len,
	const uint8_t *id, size_t id_len, const char *label, uint8_t category, uint8_t *number_out);
UKEY_API enum ukey_status ukey_delete_other_certificate(struct ukey_token *t, uint8_t number);

struct ukey_data {
	char label[UKEY_LABEL_MAX + 1];
	char application[UKEY_LABEL_MAX + 1];
	uint8_t oid[UKEY_ID_MAX];
	size_t oid_len;
	bool is_private;
	uint8_t *value; /* ukey_read_data: malloc'd; ukey_data_clear wipes and frees it */
	size_t length;
};
/* Private objects need the user. 1 command. */
UKEY_API enum ukey_status ukey_read_data(struct ukey_token *t, uint8_t number, struct ukey_data *out);
UKEY_API void ukey_data_clear(struct ukey_data *d);
/* User logged in. 1 command. number as for ukey_write_other_certificate. */
UKEY_API enum ukey_status ukey_write_data(
	struct ukey_token *t, int number, const struct ukey_data *in, uint8_t *number_out);
UKEY_API enum ukey_status ukey_delete_data(struct ukey_token *t, uint8_t number);

/* ---- Keys ------------------------------------------------------------------------------------------------------- */

struct ukey_generate {
	int ref; /* a ukey_key_ref, or -1: the pair below in the first free container */
	enum ukey_pair pair;
	enum ukey_algorithm algorithm;
	const uint8_t *id;
	size_t id_len;
	const char *label;          /* NULL: "" */
	const char *container_name; /* NULL: "" ; used when the container is new */
	unsigned usage;             /* enum ukey_usage; 0: signature pair sign; exchange pair all the algorithm can */
	bool always_authenticate;
	bool touch;
	bool replace; /* a PIV card's key in the place that `ref` names goes for good, with its certificate */
};

/*
 * User logged in. 1 command; RSA takes seconds. On a PIV card the manager (UKEY_SO), or the user where the card keeps
 * its management key behind the PIN: UKEY_MANAGEMENT_KEY_NEEDED else. There `ref` is a slot of the card, with its own
 * pair; without one an id (01 to 18) or a label that is a slot's own names it, else it is the first free slot but 9E
 * that is for this usage. Id, label and name are the slot's, whatever is asked for.
 */
UKEY_API enum ukey_status ukey_generate(struct ukey_token *t, const struct ukey_generate *how, ukey_key_ref *ref);
/*
 * A key pair that was made elsewhere: by a CA that can give it back, which is what exchange pairs are for. The private
 * value is RSA's primes p || q, each half as long as the modulus, or EC's d, as long as a coordinate; it comes bare, or
 * wrapped for the signature key of the same container (doc/token-protocol.md 4.12) with `transport` beside it.
 */
struct ukey_outside {
	const uint8_t *spki; /* the public half: SubjectPublicKeyInfo, DER */
	size_t spki_len;
	const uint8_t *value; /* NULL: wrapped */
	size_t value_len;
	const uint8_t *transport, *wrapped;
	size_t transport_len, wrapped_len;
};

/*
 * Make it an exchange pair: how->algorithm and how->pair do not matter. User logged in. 1 command. UKEY_KEY_ORIGIN: for
 * a signature pair, or with the usage sign; nothing was sent. UKEY_KEY_INVALID: the halves do not belong together, or
 * (wrapped) it is for another token. UKEY_NOT_SUPPORTED: a token that takes none; nothing was sent.
 */
UKEY_API enum ukey_status ukey_import_key(
	struct ukey_token *t, const struct ukey_generate *how, const struct ukey_outside *key, ukey_key_ref *ref);
UKEY_API enum ukey_status ukey_delete_key(struct ukey_token *t, ukey_key_ref ref);
UKEY_API enum ukey_status ukey_delete_container(struct ukey_token *t, uint8_t number);
/* User logged in. NULL leaves a value as it is. 1 command. */
UKEY_API enum ukey_status ukey_set_key_attributes(struct ukey_token *t, ukey_key_ref ref, const uint8_t *id,
	size_t id_len, const char *label, const char *certificate_label);
UKEY_API enum ukey_status ukey_set_container_name(struct ukey_token *t, uint8_t container, const char *name);

/* clang-format off */
enum ukey_hash {
	UKEY_HASH_NONE,
	UKEY_SHA1, UKEY_SHA224, UKEY_SHA256, UKEY_SHA384, UKEY_SHA512,
	UKEY_SHA3_224, UKEY_SHA3_256, UKEY_SHA3_384, UKEY_SHA3_512,
};
/* clang-format on */

enum ukey_padding {
	UKEY_RAW,   /* RSA: as long as the modulus */
	UKEY_PKCS1, /* RSA, v1.5 */
	UKEY_PSS,   /* RSA, sign */
	UKEY_OAEP,  /* RSA, decrypt */
	UKEY_ECDSA,
	UKEY_ECDH,
};

struct ukey_scheme {
	enum ukey_padding padding;
	/*
	 * PKCS1 sign: the hash whose DigestInfo is put before the input, or NONE when the input is the DigestInfo.
	 * PSS, OAEP: the hash of the scheme.
	 */
	enum ukey_hash hash;
	enum ukey_hash mgf;   /* PSS, OAEP */
	size_t salt_len;      /* PSS */
	const uint8_t *label; /* OAEP */
	size_t label_len;
};

/* Largest result of any operation with a key of this algorithm (RSA: modulus; ECDSA: r and s). */
UKEY_API size_t ukey_result_size(enum ukey_algorithm a);

/*
 * Sign a digest (or, UKEY_RAW and UKEY_PKCS1 with UKEY_HASH_NONE, the given bytes). *len: in, room; out, result. ECDSA
 * takes any length (the leftmost bits count) and gives r and s, each as long as the group order. User logged in.
 * 1 command.
 */
UKEY_API enum ukey_status ukey_sign(struct ukey_token *t, ukey_key_ref ref, const struct ukey_scheme *scheme,
	const uint8_t *in, size_t in_len, uint8_t *out, size_t *len);
/* RSA. UKEY_DECRYPT_FAILED tells no more than that. 1 command. */
UKEY_API enum ukey_status ukey_decrypt(struct ukey_token *t, ukey_key_ref ref, const struct ukey_scheme *scheme,
	const uint8_t *in, size_t in_len, uint8_t *out, size_t *len);
/* EC: X of the shared point; peer is an uncompressed point 04 X Y. 1 command. */
UKEY_API enum ukey_status ukey_derive(
	struct ukey_token *t, ukey_key_ref ref, const uint8_t *peer, size_t peer_len, uint8_t *out, size_t *len);

/*
 * A statement of the token about a key (doc/token-protocol.md 8): X.509, DER, malloc'd, free with free(). nonce: 8 to
 * 32 bytes of the one who wants to know. 1 command. UKEY_ATTEST_NONE: no attestation key, or an imported key.
 */
UKEY_API enum ukey_status ukey_attest(
	struct ukey_token *t, ukey_key_ref ref, const uint8_t *nonce, size_t nonce_len, uint8_t **der, size_t *len);
/* The certificates above the statement, issuer first, glued together. malloc'd. 0 commands when read before, else 1. */
UKEY_API enum ukey_status ukey_attestation_chain(struct ukey_token *t, uint8_t **der, size_t *len);

struct ukey_attestation {
	char serial[17]; /* of the token */
	uint8_t firmware[3];
	ukey_key_ref ref;
	enum ukey_algorithm algorithm;
	bool generated, exportable;
	unsigned usage;
	bool always_authenticate, touch;
	uint8_t nonce[32];
	size_t nonce_len;
	uint8_t spki_sha256[32]; /* of the SubjectPublicKeyInfo */
};

/*
 * Is this statement true? Signed by an attestation key that is certified up to one of the roots (PEM certificates in a
 * file or a folder; NULL: the configured ones), about the key `spki` (DER; NULL: any), with this nonce (NULL: any).
 * Needs no token: for a CA. UKEY_ATTEST_INVALID; ukey_attestation_problem() says why, in this thread. UKEY_NO_ROOTS.
 */
UKEY_API enum ukey_status ukey_attestation_verify(const char *roots, const uint8_t *chain, size_t chain_len,
	const uint8_t *statement, size_t statement_len, const uint8_t *spki, size_t spki_len, const uint8_t *nonce,
	size_t nonce_len, struct ukey_attestation *out);
UKEY_API const char *ukey_attestation_problem(void);

/* The token's own randomness. 1 command for up to 32 KiB. */
UKEY_API enum ukey_status ukey_random(struct ukey_token *t, uint8_t *out, size_t len);

/* ---- Counters and log ------------------------------------------------------------------------------------------- */

/* Commands sent to this token by this process since it was first seen. */
UKEY_API uint64_t ukey_token_commands(struct ukey_token *t);

/*
 * A line for each command and answer (PINs, keys and private data masked) to this function instead of to where
 * OPENUKEY_DEBUG says. NULL: none. Not to be changed while calls run.
 */
UKEY_API void ukey_set_log(void (*line)(void *arg, const char *text), void *arg);
/* A line of the caller's own among those; nothing secret. After the first ukey_open. */
UKEY_API void ukey_log(const char *text);

#ifdef __cplusplus
}
#endif

#endif
