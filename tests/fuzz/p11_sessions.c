/* SPDX-License-Identifier: Apache-2.0 */
/* Slots, sessions, log-ins and PINs: the calls, and a small model of what they must lead to. */
#include "config.h"

#include "tests/fuzz/p11_program.h"

#include <stdlib.h>
#include <string.h>

/* ---- the model --------------------------------------------------------------------------------------------------- */

struct met_slot *met_slot(struct program *p, CK_SLOT_ID slot)
{
	for (size_t i = 0; i < p->slot_count; i++)
		if (p->slots[i] == slot)
			return &p->state[i];
	return NULL;
}

struct met_session *met_session(struct program *p, CK_SESSION_HANDLE handle)
{
	for (size_t i = 0; i < p->session_count; i++)
		if (p->sessions[i].handle == handle)
			return &p->sessions[i];
	return NULL;
}

bool object_is_dead(const struct program *p, CK_OBJECT_HANDLE handle)
{
	for (size_t i = 0; i < p->dead_count; i++)
		if (p->dead[i] == handle)
			return true;
	return false;
}

void object_dead(struct program *p, CK_OBJECT_HANDLE handle)
{
	p->deaths++;
	for (size_t i = 0; i < p->object_count; i++)
		if (p->objects[i].handle == handle)
			p->objects[i--] = p->objects[--p->object_count];
	if (p->dead_count < sizeof p->dead / sizeof *p->dead && !object_is_dead(p, handle))
		p->dead[p->dead_count++] = handle;
}

static CK_ULONG number_of(struct program *p, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_ULONG value = CK_UNAVAILABLE_INFORMATION;
	CK_ATTRIBUTE a = {type, &value, sizeof value};

	return p->f->C_GetAttributeValue(s, o, &a, 1) == CKR_OK ? value : CK_UNAVAILABLE_INFORMATION;
}

static bool bool_of(struct program *p, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE a = {type, &value, 1};

	return p->f->C_GetAttributeValue(s, o, &a, 1) == CKR_OK && value;
}

void object_met(struct program *p, const struct call *c, CK_OBJECT_HANDLE handle, bool made)
{
	const struct met_session *s = met_session(p, c->session);
	size_t at = p->object_count < OBJECTS_MAX ? p->object_count++ : p->replaced++ % OBJECTS_MAX;

	if (object_is_dead(p, handle))
		wrong(p, "the handle of an object that was destroyed", c, CKR_OK);
	for (size_t i = 0; i < p->object_count; i++)
		if (p->objects[i].handle == handle && i != at) {
			/* A key has one certificate: the same one written again is the object that was there. */
			if (made && !(p->objects[i].class == CKO_CERTIFICATE && p->objects[i].on_token))
				wrong(p, "a handle that another object has", c, CKR_OK);
			if (at == p->object_count - 1)
				p->object_count--;
			return;
		}
	p->objects[at] = (struct met_object){.handle = handle,
		.session = c->session,
		.slot = s ? s->slot : 0,
		.class = number_of(p, c->session, handle, CKA_CLASS),
		.key_type = number_of(p, c->session, handle, CKA_KEY_TYPE),
		.on_token = bool_of(p, c->session, handle, CKA_TOKEN),
		.is_private = bool_of(p, c->session, handle, CKA_PRIVATE),
		.made = made};
}

/* What dies with a session, a log-in, a token's content. */
enum dying { OF_SESSION, PRIVATE_ONES, EVERYTHING };
static void objects_die(struct program *p, enum dying dying, CK_SLOT_ID slot, CK_SESSION_HANDLE session)
{
	for (size_t i = 0; i < p->object_count; i++) {
		const struct met_object *o = &p->objects[i];
		const bool dies = dying == OF_SESSION ? o->session == session && o->made && !o->on_token
						      : o->slot == slot && (dying == EVERYTHING || o->is_private);
		if (dies)
			object_dead(p, p->objects[i--].handle);
	}
}

void session_gone(struct program *p, CK_SESSION_HANDLE handle)
{
	struct met_session *s = met_session(p, handle);

	if (!s)
		return;
	const struct met_session gone = *s;
	*s = p->sessions[--p->session_count];
	p->closed = handle;
	objects_die(p, OF_SESSION, gone.slot, handle);
	bool others = false, unsure = false;
	for (size_t i = 0; i < p->session_count; i++)
		if (p->sessions[i].slot == gone.slot)
			*(p->sessions[i].unsure ? &unsure : &others) = true;
	struct met_slot *slot = met_slot(p, gone.slot);
	if (slot && !others)
		slot->roles = unsure ? slot->roles | ROLE_NOBODY : ROLE_NOBODY;
}

void slot_pulled(struct program *p, CK_SLOT_ID slot)
{
	struct met_slot *state = met_slot(p, slot);

	for (size_t i = 0; i < p->session_count; i++)
		if (p->sessions[i].slot == slot)
			p->sessions[i].unsure = true;
	if (state) {
		state->roles |= ROLE_NOBODY;
		state->pulled = true;
	}
}

void slot_reset(struct program *p, CK_SLOT_ID slot)
{
	struct met_slot *state = met_slot(p, slot);

	if (state)
		state->roles |= ROLE_NOBODY;
}

void program_forget(struct program *p)
{
	p->session_count = p->object_count = p->dead_count = 0;
	for (size_t i = 0; i < p->slot_count; i++) {
		p->state[i].roles = ROLE_NOBODY;
		p->state[i].pulled = false;
	}
}

void session_outcome(struct program *p, const struct call *c, CK_RV rv)
{
	struct met_session *s = met_session(p, c->session);
	struct met_slot *slot = s ? met_slot(p, s->slot) : NULL;

	if (!s)
		return;
	switch (rv) {
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_DEVICE_REMOVED:
	case CKR_CRYPTOKI_NOT_INITIALIZED:
	case CKR_TOKEN_NOT_PRESENT:
		if (!s->unsure)
			wrong(p, "a session that was good is gone", c, rv);
		session_gone(p, c->session);
		break;
	case CKR_USER_NOT_LOGGED_IN:
	case CKR_DEVICE_ERROR:
	case CKR_DEVICE_MEMORY:
	case CKR_PIN_INCORRECT:
	case CKR_PIN_LOCKED:
		/* The token may have ended the log-in. */
		if (slot)
			slot->roles |= ROLE_NOBODY;
		break;
	default:
		break;
	}
}

/* ---- slots ------------------------------------------------------------------------------------------------------- */

static CK_SLOT_ID slot_of(const struct program *p, const struct step *s)
{
	if (!p->tame && s->object >= 0xF0)
		return s->object & 1 ? ~0UL : 1000;
	return p->slot_count ? p->slots[s->object % p->slot_count] : 0;
}

static CK_RV slot_list(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	CK_ULONG n = len ? *len / sizeof(CK_SLOT_ID) : 0;
	CK_RV rv = p->f->C_GetSlotList(c->step->variant & 1, (CK_SLOT_ID *)(void *)out, len ? &n : NULL);

	if (len && (rv == CKR_OK || rv == CKR_BUFFER_TOO_SMALL))
		*len = n * sizeof(CK_SLOT_ID);
	return rv;
}

static CK_RV mechanism_list(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	CK_ULONG n = len ? *len / sizeof(CK_MECHANISM_TYPE) : 0;
	CK_RV rv = p->f->C_GetMechanismList(slot_of(p, c->step), (CK_MECHANISM_TYPE *)(void *)out, len ? &n : NULL);

	if (len && (rv == CKR_OK || rv == CKR_BUFFER_TOO_SMALL))
		*len = n * sizeof(CK_MECHANISM_TYPE);
	return rv;
}

static CK_RV initialize(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	CK_C_INITIALIZE_ARGS args = {.flags = c->step->variant & 1 ? CKF_OS_LOCKING_OK : 0};

	(void)out;
	(void)len;
	if (c->step->variant % 8 == 7)
		args.pReserved = &args;
	return p->f->C_Initialize(c->step->variant & 2 ? &args : NULL);
}

static CK_RV slot_info(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	CK_SLOT_INFO info;

	(void)out;
	(void)len;
	return p->f->C_GetSlotInfo(slot_of(p, c->step), !p->tame && c->step->out % 16 == 14 ? NULL : &info);
}

static CK_RV token_info(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	CK_TOKEN_INFO info;

	(void)out;
	(void)len;
	return p->f->C_GetTokenInfo(slot_of(p, c->step), !p->tame && c->step->out % 16 == 14 ? NULL : &info);
}

static CK_RV mechanism_info(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	CK_MECHANISM_INFO info;

	(void)out;
	(void)len;
	return p->f->C_GetMechanismInfo(
		slot_of(p, c->step), p->mechanisms[c->step->mechanism % (p->mechanism_count + 1)].type, &info);
}

static CK_RV wait(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	CK_SLOT_ID slot;

	(void)out;
	(void)len;
	return p->f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, c->step->variant % 8 == 7 ? &slot : NULL);
}

/* Initialised or finalised: everything begins anew. */
static void library(struct program *p, struct call *c, enum session_call what)
{
	if (what == S_INITIALIZE) {
		c->run = initialize;
		call_plain(p, c);
		return;
	}
	/* Rarely, and never for long: a program whose module is not there says little. */
	CK_RV rv = p->f->C_Finalize(!p->tame && c->step->variant % 4 == 3 ? p : NULL);
	const struct seen seen = {.function = c->function, .rv = rv};
	if (rv == CKR_OK)
		program_forget(p);
	call_seen(p, c->step, &seen);
	if (rv == CKR_OK && c->step->parameter % 4) {
		c->function = "C_Initialize";
		c->run = initialize;
		if (call_plain(p, c) != CKR_OK)
			p->f->C_Initialize(NULL);
		CK_ULONG n;
		p->f->C_GetSlotList(CK_FALSE, NULL, &n);
	}
}

/* ---- PINs -------------------------------------------------------------------------------------------------------- */

struct pin {
	const char *text;
	CK_ULONG len;
	bool strange; /* no PIN that a token could take */
};

static struct pin pin_of(const struct program *p, uint8_t choice, const char *right)
{
	const char *text = p->pins[choice % 4];

	if (choice < 0xC0 && right)
		text = right;
	if (!p->tame && choice >= 0xF0) {
		static const struct pin strange[] = {
			{NULL,				       0,  true},
                        {NULL,                                       6,  true},
                        {"x",                                        1,  true},
                        {"",                                         0,  true},
			{"0123456789012345678901234567890123456789", 40, true},
                        {"\xff\xfe\xfd\xfc\xfb\xfa",                 6,  true}
                };
		return strange[choice % 6];
	}
	return (struct pin){text, strlen(text), false};
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* The old PIN was right and the new one was not taken: its tries are all there again, if the token was asked at all. */
static void recount(struct met_slot *slot, unsigned *count)
{
	*count = 0;
	slot->uncounted = true;
}

/* A PIN was tried as `whose`; `rv` says how that went. */
static void tried(struct program *p, const struct call *c, struct met_slot *slot, bool so, struct pin pin, CK_RV rv)
{
	unsigned *const count = so ? &slot->so_wrong : &slot->user_wrong, max = so ? p->so_tries : p->user_tries;
	const char *const right = so ? slot->so_pin : slot->user_pin;

	if (pin.strange && rv != CKR_OK)
		return;
	if (rv == CKR_OK) {
		if (!same(pin.text, right))
			wrong(p, "a wrong PIN was taken", c, rv);
		if (*count >= max)
			wrong(p, "the right PIN was taken after too many wrong ones", c, rv);
		*count = 0;
	} else if (rv == CKR_PIN_INCORRECT) {
		if (same(pin.text, right) && *count < max)
			wrong(p, "the right PIN was refused", c, rv);
		if (*count >= max)
			wrong(p, "one more wrong PIN was looked at", c, rv);
		++*count;
	} else if (rv == CKR_PIN_INVALID && same(pin.text, right)) {
		recount(slot, count);
	} else if (rv == CKR_PIN_LOCKED && !slot->uncounted && *count + 1 < max) {
		wrong(p, "locked before its time", c, rv);
	}
}

static void log_in(struct program *p, struct call *c, bool user_name)
{
	static const CK_USER_TYPE types[] = {
		CKU_USER, CKU_USER, CKU_USER, CKU_SO, CKU_CONTEXT_SPECIFIC, CKU_USER, CKU_USER, 77};
	const struct step *s = c->step;
	const struct met_session *session = met_session(p, c->session);
	struct met_slot *slot = session ? met_slot(p, session->slot) : NULL, none = {.roles = ROLE_NOBODY};
	const CK_USER_TYPE type = types[s->variant % (p->tame ? 4 : 8)];
	const bool unsure = session && session->unsure;
	struct pin pin;
	CK_RV rv;

	if (!slot)
		slot = &none;
	pin = pin_of(p, s->other, type == CKU_SO ? slot->so_pin : slot->user_pin);
	if (user_name)
		rv = p->f->C_LoginUser(c->session, type, (CK_UTF8CHAR *)pin.text, pin.len,
			s->out & 1 ? (CK_UTF8CHAR *)"name" : NULL, s->out & 1 ? 4 : 0);
	else
		rv = p->f->C_Login(c->session, type, (CK_UTF8CHAR *)pin.text, pin.len);
	const struct seen seen = {.function = c->function, .rv = rv};
	if (rv == CKR_OK && slot == &none)
		wrong(p, "a log-in without a session", c, rv);
	if (slot != &none && !unsure && type <= CKU_CONTEXT_SPECIFIC)
		tried(p, c, slot, type == CKU_SO, pin, rv);
	if (unsure) {
		slot->user_wrong = slot->so_wrong = 0;
		slot->uncounted = true;
	}
	if (rv == CKR_OK) {
		if (!unsure && type != CKU_CONTEXT_SPECIFIC && !(slot->roles & ROLE_NOBODY))
			wrong(p, "a log-in on top of another", c, rv);
		slot->roles = type == CKU_SO ? ROLE_SO : ROLE_USER;
	} else if (rv == CKR_USER_ALREADY_LOGGED_IN && !unsure) {
		if (slot->roles == ROLE_NOBODY)
			wrong(p, "logged in, it says, and nobody is", c, rv);
	}
	session_outcome(p, c, rv);
	call_seen(p, s, &seen);
}

/* With the user's PIN locked and nobody logged in, C_SetPIN unlocks with the SO PIN; never with its last tries (pin.c).
 */
static void unlocked(
	struct program *p, const struct call *c, struct met_slot *slot, struct pin old, struct pin new, CK_RV rv)
{
	if (rv == CKR_OK) {
		if (!same(old.text, slot->so_pin))
			wrong(p, "unlocked with a wrong PIN", c, rv);
		slot->user_pin = new.text;
		slot->user_wrong = slot->so_wrong = 0;
	} else if (rv == CKR_PIN_INVALID && same(old.text, slot->so_pin)) {
		recount(slot, &slot->so_wrong);
	} else if (rv == CKR_PIN_INCORRECT && !old.strange) {
		if (++slot->so_wrong > p->so_tries - 3)
			wrong(p, "the last tries of the SO PIN were spent", c, rv);
	}
}

/*
 * A wrong old PIN may have ended the SO's log-in, and then C_SetPIN is about the user's PIN: whose it is only the
 * module can say, for both may have the same.
 */
static void settle(const struct program *p, CK_SESSION_HANDLE session, struct met_slot *slot)
{
	CK_SESSION_INFO info;

	if (!(slot->roles & ROLE_SO) || slot->roles == ROLE_SO || p->f->C_GetSessionInfo(session, &info) != CKR_OK)
		return;
	slot->roles = info.state == CKS_RW_SO_FUNCTIONS ? ROLE_SO : slot->roles & ~ROLE_SO;
}

static void set_pin(struct program *p, struct call *c)
{
	const struct met_session *session = met_session(p, c->session);
	struct met_slot *slot = session ? met_slot(p, session->slot) : NULL, none = {.roles = ROLE_NOBODY};
	const bool unsure = session && session->unsure;

	if (!slot)
		slot = &none;
	settle(p, c->session, slot);
	const bool so = slot->roles == ROLE_SO, either = (slot->roles & ROLE_SO) && !so;
	const struct pin old = pin_of(p, c->step->other, so ? slot->so_pin : slot->user_pin);
	const struct pin new = pin_of(p, c->step->parameter, NULL);
	CK_RV rv = p->f->C_SetPIN(c->session, (CK_UTF8CHAR *)old.text, old.len, (CK_UTF8CHAR *)new.text, new.len);
	const struct seen seen = {.function = c->function, .rv = rv};

	if (rv == CKR_OK && (slot == &none || new.strange))
		wrong(p, "a PIN that nobody could have", c, rv);
	if (slot != &none && !unsure && slot->roles == ROLE_NOBODY && slot->user_wrong >= p->user_tries)
		unlocked(p, c, slot, old, new, rv);
	else if (slot != &none && !unsure && !either)
		tried(p, c, slot, so, old, rv);
	if (either || unsure) { /* whose was it? */
		slot->user_wrong = slot->so_wrong = 0;
		slot->uncounted = true;
	}
	if (rv == CKR_OK && either)
		*(same(old.text, slot->so_pin) ? &slot->so_pin : &slot->user_pin) = new.text;
	else if (rv == CKR_OK)
		*(so ? &slot->so_pin : &slot->user_pin) = new.text;
	else
		slot->roles |= ROLE_NOBODY;
	session_outcome(p, c, rv);
	call_seen(p, c->step, &seen);
}

static void init_pin(struct program *p, struct call *c)
{
	const struct met_session *session = met_session(p, c->session);
	struct met_slot *slot = session ? met_slot(p, session->slot) : NULL;
	const struct pin new = pin_of(p, c->step->other, p->pins[0]);
	CK_RV rv = p->f->C_InitPIN(c->session, (CK_UTF8CHAR *)new.text, new.len);
	const struct seen seen = {.function = c->function, .rv = rv};

	if (rv == CKR_OK && (!slot || !(slot->roles & ROLE_SO) || new.strange))
		wrong(p, "a PIN was set by nobody who may", c, rv);
	if (rv == CKR_OK && slot) {
		slot->user_pin = new.text;
		slot->user_wrong = 0;
	}
	session_outcome(p, c, rv);
	call_seen(p, c->step, &seen);
}

static void init_token(struct program *p, struct call *c)
{
	static const CK_UTF8CHAR label[] = "Program                         ";
	const CK_SLOT_ID id = slot_of(p, c->step);
	struct met_slot *slot = met_slot(p, id), none = {.roles = ROLE_NOBODY};

	if (!slot)
		slot = &none;
	const struct pin pin = pin_of(p, c->step->other, slot->so_pin);
	CK_RV rv = p->f->C_InitToken(id, (CK_UTF8CHAR *)pin.text, pin.len, (CK_UTF8CHAR *)label);
	const struct seen seen = {.function = c->function, .rv = rv};
	for (size_t i = 0; i < p->session_count; i++)
		if (rv == CKR_OK && p->sessions[i].slot == id && !p->sessions[i].unsure)
			wrong(p, "initialised with sessions open", c, rv);
	if (slot != &none && slot->so_pin)
		tried(p, c, slot, true, pin, rv);
	if (rv == CKR_OK) {
		objects_die(p, EVERYTHING, id, 0);
		slot->roles = ROLE_NOBODY;
		slot->so_pin = pin.text;
		slot->user_pin = NULL;
		slot->user_wrong = slot->so_wrong = 0;
	}
	call_seen(p, c->step, &seen);
}

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

static void open_session(struct program *p, struct call *c)
{
	const struct step *s = c->step;
	CK_FLAGS flags = CKF_SERIAL_SESSION | (s->variant % 4 ? CKF_RW_SESSION : 0);
	CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
	const CK_SLOT_ID id = slot_of(p, s);
	struct met_slot *slot = met_slot(p, id);

	if (p->session_count == SESSIONS_MAX)
		return;
	if (!p->tame && s->parameter >= 0xF8)
		flags = s->variant;
	CK_RV rv = p->f->C_OpenSession(id, flags, NULL, NULL, !p->tame && s->parameter == 0xF0 ? NULL : &handle);
	const struct seen seen = {.function = c->function, .rv = rv};
	if (rv == CKR_OK) {
		if (!slot || !handle || met_session(p, handle) || handle == p->closed)
			wrong(p, "a session handle that is none, or another's", c, rv);
		if (slot && slot->pulled) {
			slot->roles = ROLE_NOBODY;
			slot->pulled = false;
		}
		if (slot && slot->roles == ROLE_SO && !(flags & CKF_RW_SESSION))
			wrong(p, "a read-only session beside the SO", c, rv);
		else if (slot && !(flags & CKF_RW_SESSION))
			slot->roles &= ~(unsigned)ROLE_SO;
		p->sessions[p->session_count++] = (struct met_session){
			.handle = handle, .slot = id, .flags = flags, .sign = CK_UNAVAILABLE_INFORMATION};
	}
	call_seen(p, s, &seen);
}

static CK_RV close_session(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	(void)out;
	(void)len;
	return p->f->C_CloseSession(c->session);
}

static void close_all(struct program *p, struct call *c)
{
	const CK_SLOT_ID id = slot_of(p, c->step);
	CK_RV rv = p->f->C_CloseAllSessions(id);
	const struct seen seen = {.function = c->function, .rv = rv};

	for (size_t i = p->session_count; rv == CKR_OK && i-- > 0;)
		if (i < p->session_count && p->sessions[i].slot == id)
			session_gone(p, p->sessions[i].handle);
	call_seen(p, c->step, &seen);
}

static void session_info(struct program *p, struct call *c)
{
	static const struct {
		unsigned role;
		CK_STATE ro, rw;
	} states[] = {
		{ROLE_NOBODY, CKS_RO_PUBLIC_SESSION,      CKS_RW_PUBLIC_SESSION},
		{ROLE_USER,   CKS_RO_USER_FUNCTIONS,      CKS_RW_USER_FUNCTIONS},
		{ROLE_SO,     CK_UNAVAILABLE_INFORMATION, CKS_RW_SO_FUNCTIONS  },
	};
	const struct met_session *s = met_session(p, c->session);
	struct met_slot *slot = s ? met_slot(p, s->slot) : NULL;
	CK_SESSION_INFO info = {0};
	CK_RV rv = p->f->C_GetSessionInfo(c->session, &info);
	const struct seen seen = {.function = c->function,
		.rv = rv,
		.out = BYTES((uint8_t *)&info.state, rv == CKR_OK ? sizeof info.state : 0)};
	unsigned role = 0;

	if (rv == CKR_OK && !s)
		wrong(p, "a session that was closed", c, rv);
	for (size_t i = 0; rv == CKR_OK && s && i < 3; i++)
		if (info.state == (s->flags & CKF_RW_SESSION ? states[i].rw : states[i].ro))
			role = states[i].role;
	if (rv == CKR_OK && s && !s->unsure && slot) {
		if (info.slotID != s->slot || info.flags != (s->flags & (CKF_RW_SESSION | CKF_SERIAL_SESSION)))
			wrong(p, "another session's information", c, rv);
		if (!(slot->roles & role))
			wrong(p, "a state that the session cannot be in", c, info.state);
		slot->roles &= role;
		if (!slot->roles)
			slot->roles = role;
	}
	session_outcome(p, c, rv);
	call_seen(p, c->step, &seen);
}

static CK_RV log_out(struct program *p, const struct call *c, CK_BYTE *out, CK_ULONG *len)
{
	const struct met_session *s = met_session(p, c->session);
	struct met_slot *slot = s ? met_slot(p, s->slot) : NULL;
	CK_RV rv = p->f->C_Logout(c->session);

	(void)out;
	(void)len;
	if (rv == CKR_OK && slot && !s->unsure) {
		if (slot->roles == ROLE_NOBODY)
			wrong(p, "a log-out of nobody", c, rv);
		slot->roles = ROLE_NOBODY;
		objects_die(p, PRIVATE_ONES, s->slot, 0);
	}
	return rv;
}

void session_call(struct program *p, struct call *c, enum session_call what)
{
	static const call_fn plain[] = {[S_SLOT_INFO] = slot_info,
		[S_TOKEN_INFO] = token_info,
		[S_MECHANISM_INFO] = mechanism_info,
		[S_WAIT] = wait,
		[S_CLOSE] = close_session,
		[S_LOGOUT] = log_out};

	if (what <= S_INIT_TOKEN || what == S_WAIT)
		c->session = CK_INVALID_HANDLE; /* a slot's, or nobody's */
	switch (what) {
	case S_INITIALIZE:
	case S_FINALIZE:
		library(p, c, what);
		break;
	case S_SLOT_LIST:
		c->run = slot_list;
		call_out(p, c);
		break;
	case S_MECHANISM_LIST:
		c->run = mechanism_list;
		call_out(p, c);
		break;
	case S_INIT_TOKEN:
		init_token(p, c);
		break;
	case S_INIT_PIN:
		init_pin(p, c);
		break;
	case S_SET_PIN:
		set_pin(p, c);
		break;
	case S_OPEN:
		open_session(p, c);
		break;
	case S_CLOSE_ALL:
		close_all(p, c);
		break;
	case S_INFO:
		session_info(p, c);
		break;
	case S_LOGIN:
	case S_LOGIN_USER:
		log_in(p, c, what == S_LOGIN_USER);
		break;
	default:
		c->run = plain[what];
		if (call_plain(p, c) == CKR_OK && what == S_CLOSE)
			session_gone(p, c->session);
	}
}
