/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the helpdesk: who may unlock which token, after what, how often; and the record of it all. The program
 * ukey-helpdesk is one face of it.
 *
 *	desk_open --> desk_login --> desk_request -> desk_identify -> desk_approve -> desk_respond -> desk_confirm
 *	                              operator        operator         approver,        operator        operator
 *	                                                               a second person
 *
 * Every call that changes something is one transaction of the database, with its entry in the record: either both are
 * there or neither. A record that cannot be written stops the desk. What the rules refuse is recorded too.
 *
 * A handle belongs to one thread; several processes may have the same desk open. Texts are UTF-8. Read-outs are JSON:
 * the caller gives the reference back. Out-parameters are set only with DESK_OK.
 */
#ifndef DESK_DESK_H
#define DESK_DESK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "common/bytes.h"
#include "common/code_text.h"

/* ---- outcomes (status.def) ---- */

enum desk_status {
#define DESK_STATUS(name, exit_code, recorded, text) DESK_##name,
#include "desk/status.def"
#undef DESK_STATUS
};

const char *desk_status_name(enum desk_status status);
/* Translated, one line without a full stop: what happened and what to do next. */
const char *desk_status_text(enum desk_status status);
int desk_status_exit(enum desk_status status);
/* What more is known of the last failure of this thread, "" when nothing is. */
const char *desk_detail(void);

/* ---- the desk ---- */

struct desk;
struct desk_person;

/* A key that MACs with CMAC-AES and never leaves its module. version: of the master key. */
struct desk_master {
	enum desk_status (*cmac)(void *arg, uint8_t version, struct bytes in, uint8_t mac[16]);
	void (*close)(void *arg); /* may be NULL */
	void *arg;
};

/* A PIN for the token that `what` names, NUL-terminated in secure memory; the caller gives it to secmem_free(). */
typedef enum desk_status (*desk_pin_source)(void *arg, const char *what, char **out);

struct desk_options {
	const char *dir;
	int64_t (*now)(void *arg); /* seconds since 1970, UTC; NULL: the system's clock */
	void *now_arg;
	const struct desk_master *master; /* NULL: by the PKCS#11 URIs that the desk was made with */
	desk_pin_source pin;              /* for the master key's token when its URI has no pin-source; may be NULL */
	void *pin_arg;
};

struct desk_new {
	const char *dir;         /* made, mode 700; must be new or empty */
	const char *master_uri;  /* PKCS#11 URI of the AES key; pin-source=file:... names a file with its PIN */
	uint8_t key_version;     /* of that key, not 0 */
	const char *head_file;   /* where the heads of the record go; NULL: in dir */
	const char *profiles;    /* JSON {"NAME": ["item", ...], ...}; NULL: one profile, "standard" */
	int64_t operator_hourly; /* answers an operator may give in an hour; 0: 20 */
	const struct desk_master *master; /* as in desk_options: a try is made before anything is written */
	desk_pin_source pin;
	void *pin_arg;
	int64_t (*now)(void *arg);
	void *now_arg;
};

enum desk_status desk_create(const struct desk_new *new);
enum desk_status desk_open(const struct desk_options *options, struct desk **out);
void desk_close(struct desk *desk);

/*
 * The next version of the master key, by an approver and a second person; it is tried first. From then on challenges of
 * either version are answered, each with the version that it names; a token that came with one never goes back to an
 * earlier one. `master_uri` as in desk_new. Retire: challenges of this version are refused; what it sealed still opens.
 */
enum desk_status desk_master_add(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	uint8_t version, const char *master_uri);
enum desk_status desk_master_retire(
	struct desk *desk, const struct desk_person *by, const struct desk_person *second, uint8_t version);
enum desk_status desk_master_list(struct desk *desk, json_t **out);

/*
 * The checklists: by an approver and a second person those in `profiles` (as in desk_new) are added, or take the place
 * of theirs. Requests that were identified before stay so.
 */
enum desk_status desk_profiles_set(
	struct desk *desk, const struct desk_person *by, const struct desk_person *second, const char *profiles);
enum desk_status desk_profiles_list(struct desk *desk, json_t **out);

/* ---- people ---- */

enum desk_role {
	DESK_OPERATOR = 1, /* takes requests, checks identities, gives answers, registers tokens */
	DESK_APPROVER = 2, /* decides; staff; lifts suspensions */
	DESK_AUDITOR = 4,  /* reads; second person where two are needed */
};

/* "operator,approver" and back; false for anything else. */
bool desk_roles_parse(const char *text, unsigned *roles);

/* Signs a message with a person's key: certificate tells which. Signature: PKCS #1 v1.5 or r || s, over SHA-256. */
struct desk_signer {
	enum desk_status (*sign)(void *arg, struct bytes certificate, struct bytes message, struct builder *signature);
	void *arg;
};

/* The token that a PKCS#11 URI names, with its PIN from `pin`. Borrowed until desk_signer_p11_free(). */
enum desk_status desk_signer_p11(const char *uri, desk_pin_source pin, void *pin_arg, struct desk_signer *out);
void desk_signer_p11_free(struct desk_signer *signer);

#define DESK_NAME_MAX 64

/* Somebody who has just proved who they are. Good for a few minutes; roles are looked up again at each step. */
struct desk_person {
	int64_t id;
	int64_t at;
	char name[DESK_NAME_MAX + 1];
};

enum desk_status desk_login(
	struct desk *desk, const char *name, const struct desk_signer *signer, struct desk_person *out);

/*
 * Until an operator and two approvers are registered anybody who can write to the desk's files adds staff (by, second:
 * NULL). From then on, for good, an approver and a second person (approver or auditor) do. Certificate: DER.
 */
enum desk_status desk_staff_add(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	const char *name, unsigned roles, struct bytes certificate);
enum desk_status desk_staff_remove(
	struct desk *desk, const struct desk_person *by, const struct desk_person *second, const char *name);
enum desk_status desk_staff_list(struct desk *desk, json_t **out);

/* ---- tokens ---- */

struct desk_token {
	const char *serial; /* 16 hexadecimal digits */
	const char *holder;
	const char *unit, *contact;      /* may be NULL */
	const char *profile;             /* NULL: "standard" */
	const char *const *certificates; /* serial numbers, hexadecimal; ended by NULL; may be NULL */
	bool no_unlock;                  /* it has no unlock key */
	uint8_t key_version;             /* of its unlock key; 0: the earliest in use, or a later one */
};

enum desk_status desk_token_register(struct desk *desk, const struct desk_person *by, const struct desk_token *token);
/*
 * What has changed: texts that are not NULL, and certificates that are added to those known (a renewed one). The serial
 * number, unlock key and profile stay.
 */
enum desk_status desk_token_update(struct desk *desk, const struct desk_person *by, const struct desk_token *token);
/* By serial number, certificate serial number, or a part of the holder's name; NULL: all. */
enum desk_status desk_token_find(struct desk *desk, const char *what, json_t **out);
/* "suspended" and "lost" by an operator or approver at once; "active" again and "terminated" by an approver. */
enum desk_status desk_token_state(struct desk *desk, const struct desk_person *by, const char *serial_text,
	const char *state, const char *reason);

/* ---- unlocking ---- */

enum desk_status desk_request(
	struct desk *desk, const struct desk_person *by, const char *serial_text, const char *reason, int64_t *id);
/* The checklist of the request's profile: evidence is a JSON object with a text for each item, no more, no less. */
enum desk_status desk_checklist(struct desk *desk, int64_t id, json_t **items);
enum desk_status desk_identify(struct desk *desk, const struct desk_person *by, int64_t id, const json_t *evidence);
enum desk_status desk_approve(struct desk *desk, const struct desk_person *by, int64_t id);
enum desk_status desk_reject(struct desk *desk, const struct desk_person *by, int64_t id, const char *reason);
/*
 * The answer to the challenge. CODE with *fault set when the challenge is mistyped. The same challenge again within the
 * answer's time gives the same answer and counts as another one.
 */
enum desk_status desk_respond(struct desk *desk, const struct desk_person *by, int64_t id, const char *challenge,
	struct code_fault *fault, char answer_text[CODE_TEXT_SIZE]);
enum desk_status desk_confirm(
	struct desk *desk, const struct desk_person *by, int64_t id, const char *proof_text, struct code_fault *fault);
/* Requests; id 0: all, open: only those that wait for somebody. */
enum desk_status desk_requests(struct desk *desk, int64_t id, bool open, json_t **out);

/* ---- escrow of SO PINs, for tokens without an unlock key ---- */

#define DESK_ESCROW_PIN_SIZE 33

enum desk_status desk_escrow_put(
	struct desk *desk, const struct desk_person *by, const char *serial_text, struct bytes so_pin);
/* In secure memory, the caller's. */
struct desk_escrow {
	char present[DESK_ESCROW_PIN_SIZE]; /* the token's SO PIN, or with `again` perhaps the one before */
	char next[DESK_ESCROW_PIN_SIZE];    /* a new random one */
	bool again;                         /* this was begun before and not ended: the token may have either */
};

/*
 * To two people together: the SO PIN of the token, and the one to set instead, which is sealed already. From here to
 * done both stay in escrow; begun again, it is the same two. Done: the token has the next one, the present one is
 * erased and never shown again. len: of the next one, as the token's policy wants it, 0: 20; it has all kinds of
 * characters.
 */
enum desk_status desk_escrow_begin(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	const char *serial_text, size_t len, struct desk_escrow *out);
enum desk_status desk_escrow_done(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	const char *serial_text, bool by_tool);

/* ---- the record ---- */

#define DESK_HASH_SIZE 32

/* How many entries, and the hash of the last: what the next reader compares with. Text: "COUNT:HEX". */
struct desk_head {
	int64_t count;
	uint8_t hash[DESK_HASH_SIZE];
};

#define DESK_HEAD_TEXT 88
void desk_head_text(const struct desk_head *head, char out[DESK_HEAD_TEXT]);
bool desk_head_parse(const char *text, struct desk_head *out);

/* The head after this handle's last change. */
void desk_head(const struct desk *desk, struct desk_head *out);

enum desk_status desk_record_list(struct desk *desk, int64_t from, json_t **out);
enum desk_status desk_record_export(struct desk *desk, FILE *to);

struct desk_verdict {
	struct desk_head head; /* as far as it is good */
	int64_t wrong;         /* the first wrong entry's number; 0: none */
	char why[160];         /* translated */
};

/*
 * RECORD_WRONG with *verdict filled, or OK. Checks each entry's number, shape and hash, the heads that were kept apart
 * (head file, and `head` unless NULL), and that every request, token, member of the staff and
 * key version is as the record says.
 */
enum desk_status desk_record_verify(struct desk *desk, const struct desk_head *head, struct desk_verdict *verdict);
/* The same of an exported file, with a file of heads unless NULL. Needs no desk. */
enum desk_status desk_export_verify(
	FILE *from, const struct desk_head *head, const char *head_file, struct desk_verdict *verdict);

#endif
