/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of PKCS#11 calls: the one interpreter of the fuzz target (fuzz_p11.c) and of the comparison with SoftHSM
 * (tests/clients/softhsm_oracle.c).
 *
 *	struct program p;
 *	program_start(&p, &functions, notice, arg);	// C_Initialize is the caller's
 *	while (cursor.left >= STEP_SIZE)
 *		program_step(&p, step);			// one call, or a few that belong together
 *
 * A step is STEP_SIZE bytes, each of which chooses one thing (struct step), so that whatever bytes there are make a
 * program, and what is cut out of one or put into one at a multiple of STEP_SIZE is a call. Handles are chosen by their
 * place in the tables of sessions and objects that the program has met: the same steps make the same program on another
 * module. The caller hears of each call (struct seen), and of what is wrong whoever looks at it (`complain`).
 */
#ifndef UKEY_TESTS_FUZZ_P11_PROGRAM_H
#define UKEY_TESTS_FUZZ_P11_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "pkcs11/pkcs11.h"

#define STEP_SIZE    10
#define SESSIONS_MAX 6
#define OBJECTS_MAX  24
#define ROOM         6144 /* of an output: more than any answer */
#define SECRETS_MAX  16

/* What each byte of a step chooses. */
struct step {
	uint8_t function, session, object, other, mechanism, parameter, out, length, template, variant;
};

struct seen {
	const char *function;
	CK_RV rv;
	CK_MECHANISM_TYPE mechanism; /* of the call, or of the operation that it belongs to */
	size_t in_len;
	bool asked_length; /* there was no buffer, or one that was too small */
	struct bytes out;  /* what came back; attributes: type, length, value */
	CK_ULONG out_len;  /* what the module said of it */
};

/* A session or an object of the program. */
struct met_session {
	CK_SESSION_HANDLE handle;
	CK_SLOT_ID slot;
	CK_FLAGS flags;
	bool unsure; /* the token was pulled since: it may have ended */
	CK_MECHANISM_TYPE sign, verify, encrypt, decrypt, digest;
	size_t dead_before; /* the search: objects that were destroyed before it began */
	unsigned deaths;    /* of objects, when it was opened */
};

/* What is known of a slot: who may be logged in, whose PIN is what, how many wrong ones there were in a row. */
enum { ROLE_NOBODY = 1, ROLE_USER = 2, ROLE_SO = 4 };
struct met_slot {
	unsigned roles; /* the possible ones */
	bool pulled;    /* and nobody has looked since */
	const char *user_pin, *so_pin;
	unsigned user_wrong, so_wrong;
	bool uncounted; /* there were wrong ones of which nobody knows whose they were */
};

struct met_object {
	CK_OBJECT_HANDLE handle;
	CK_SESSION_HANDLE session; /* by which it was met */
	CK_SLOT_ID slot;
	CK_OBJECT_CLASS class;
	CK_KEY_TYPE key_type;
	bool on_token, is_private, made; /* made: by this program */
};

struct program {
	const CK_FUNCTION_LIST_3_2 *f; /* what a module lacks is NULL, and not called */
	bool tame;                     /* valid arguments only */
	bool at_home;                  /* the module under test: what is wrong is complained of */
	/* Every call; and the other way round, what a step does beside calls (plug: n-th reader). May be NULL. */
	void (*notice)(void *arg, struct program *p, const struct step *s, const struct seen *seen);
	void (*complain)(void *arg, struct program *p, const char *what, const struct seen *seen);
	void (*world)(void *arg, struct program *p, unsigned what);
	void *arg;

	CK_SLOT_ID slots[4];
	struct met_slot state[4]; /* by the slot's place in slots[] */
	size_t slot_count;
	unsigned user_tries, so_tries; /* that the token allows */
	struct {
		CK_MECHANISM_TYPE type;
		CK_FLAGS flags;
	} mechanisms[160];
	size_t mechanism_count;
	struct bytes certificate, modulus, point; /* DER; of the token's keys: what new objects are made of */
	struct met_session sessions[SESSIONS_MAX];
	size_t session_count;
	struct met_object objects[OBJECTS_MAX];
	size_t object_count;
	CK_OBJECT_HANDLE dead[128]; /* objects that were destroyed */
	size_t dead_count;
	CK_SESSION_HANDLE closed; /* the last one */
	struct bytes secrets[SECRETS_MAX];
	size_t secret_count;
	uint8_t last[ROOM]; /* what came out last, to go in again */
	size_t last_len;
	const char *pins[4]; /* 0: the user's, 1: the SO's, 2, 3: others */
	unsigned calls, replaced, deaths;
};

/* Beside calls. */
enum {
	WORLD_PLUG,
	WORLD_UNPLUG,
	WORLD_PLUG_SECOND,
	WORLD_UNPLUG_SECOND,
	WORLD_RESET,
	WORLD_EVENTS,
};

void program_start(struct program *p, const CK_FUNCTION_LIST_3_2 *f, void *arg);
/* Learn slots and mechanisms (at the start, after C_Initialize). */
void program_look(struct program *p);
void program_step(struct program *p, const uint8_t bytes[STEP_SIZE]);
/* The byte of a step that chooses this function. */
uint8_t program_function(const char *name);
const char *program_function_name(uint8_t byte);
/* Nothing of this program is there any more: C_Finalize, or the module was initialised anew. */
void program_forget(struct program *p);

/* ---- p11_sessions.c: slots, sessions, log-ins, and what is known of them ---- */

enum session_call {
	S_INITIALIZE,
	S_FINALIZE,
	S_SLOT_LIST,
	S_SLOT_INFO,
	S_TOKEN_INFO,
	S_MECHANISM_LIST,
	S_MECHANISM_INFO,
	S_INIT_TOKEN,
	S_INIT_PIN,
	S_SET_PIN,
	S_OPEN,
	S_CLOSE,
	S_CLOSE_ALL,
	S_INFO,
	S_LOGIN,
	S_LOGIN_USER,
	S_LOGOUT,
	S_WAIT,
};
struct call;
void session_call(struct program *p, struct call *c, enum session_call what);
struct met_slot *met_slot(struct program *p, CK_SLOT_ID slot);
struct met_session *met_session(struct program *p, CK_SESSION_HANDLE handle);
void session_gone(struct program *p, CK_SESSION_HANDLE handle);
/* The token of the slot was pulled, or lost its power. */
void slot_pulled(struct program *p, CK_SLOT_ID slot);
void slot_reset(struct program *p, CK_SLOT_ID slot);
/* What an outcome says of the session and its log-in. */
void session_outcome(struct program *p, const struct call *c, CK_RV rv);
void object_met(struct program *p, const struct call *c, CK_OBJECT_HANDLE handle, bool made);
void object_dead(struct program *p, CK_OBJECT_HANDLE handle);
bool object_is_dead(const struct program *p, CK_OBJECT_HANDLE handle);
void wrong(struct program *p, const char *what, const struct call *c, CK_RV rv);

/* ---- p11_call.c: one call, looked at ---- */

typedef CK_RV (*call_fn)(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len);
struct call {
	const char *function;
	call_fn run;
	void (*fn)(void); /* the function of the table */
	const struct step *step;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE object, other;
	CK_MECHANISM *mechanism;
	CK_MECHANISM_TYPE of; /* mechanism of the operation */
	struct bytes in, more;
	CK_ATTRIBUTE *list, *list2;
	CK_ULONG count, count2;
	void *parameter;
	CK_ULONG parameter_len, flags;
	CK_OBJECT_HANDLE *made; /* where a handle goes */
	CK_ULONG limit;         /* the most that the function may say of its length, 0: ROOM */
};

/* A call without a buffer. */
CK_RV call_plain(struct program *p, const struct call *c);
/* A call with one: NULL, short, exact, huge, by the step; a query and what follows it. The last result. */
CK_RV call_out(struct program *p, const struct call *c);
void call_seen(struct program *p, const struct step *s, const struct seen *seen);
/* May this function return that? (p11_returns.c) */
bool returns_allowed(const char *function, CK_RV rv);

/* ---- p11_arguments.c, p11_mechanisms.c: what is chosen ---- */

#define LIST_MAX 24

/* All in memory of its exact size, so that reading behind its end is seen. */
struct arguments {
	CK_ATTRIBUTE *list; /* NULL with a count that is not 0 among them */
	CK_ULONG count;
	void *heap[LIST_MAX + 2];
	size_t heaps;
};

struct parameter {
	CK_MECHANISM mechanism;
	uint8_t data[256]; /* IVs, labels, points */
	void *heap;
};

/* NULL among them. */
CK_MECHANISM *choose_mechanism(struct program *p, const struct step *s, const char *function, struct parameter *store);
void choose_mechanism_free(struct parameter *store);
/* The type of a key for it. */
CK_KEY_TYPE mechanism_key_type(CK_MECHANISM_TYPE type);
/* The data of an input; the last output among them. */
struct bytes choose_data(struct program *p, const struct step *s);
void choose_data_free(struct bytes data);
/* A template for a function; `which`: the second one of C_GenerateKeyPair. */
void choose_template(
	struct program *p, const struct step *s, const char *function, unsigned which, struct arguments *store);
/* What to ask of an object, with `room` for each value. */
void choose_attributes(const struct step *s, struct arguments *store);
void choose_template_free(struct arguments *store);
/* Does the attribute hold what a token must keep to itself? */
bool attribute_is_secret(CK_ATTRIBUTE_TYPE type);

#endif
