/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/fuzz/p11_program.h"

#include <stdlib.h>
#include <string.h>

#define CANARY 0xA5

/* The caller's memory for an output: nothing behind the length that was given may change. */
static uint8_t room[ROOM + 64];

void wrong(struct program *p, const char *what, const struct call *c, CK_RV rv)
{
	const struct seen seen = {.function = c->function, .rv = rv, .mechanism = c->of};

	if (p->at_home && p->complain)
		p->complain(p->arg, p, what, &seen);
}

static bool contains(struct bytes in, struct bytes what)
{
	for (size_t i = 0; what.len && i + what.len <= in.len; i++)
		if (memcmp(in.data + i, what.data, what.len) == 0)
			return true;
	return false;
}

void call_seen(struct program *p, const struct step *s, const struct seen *seen)
{
	const struct call c = {.function = seen->function, .of = seen->mechanism};

	p->calls++;
	if (!returns_allowed(seen->function, seen->rv))
		wrong(p, "a value that the function does not return", &c, seen->rv);
	for (size_t i = 0; i < p->secret_count; i++)
		if (contains(seen->out, p->secrets[i]))
			wrong(p, "a secret came out", &c, seen->rv);
	if (p->notice)
		p->notice(p->arg, p, s, seen);
}

CK_RV call_plain(struct program *p, const struct call *c)
{
	CK_RV rv = c->run(p, c, NULL, NULL);
	const struct seen seen = {.function = c->function, .rv = rv, .mechanism = c->of, .in_len = c->in.len};

	session_outcome(p, c, rv);
	call_seen(p, c->step, &seen);
	return rv;
}

/* `claimed`: the length that the caller names. */
static CK_RV attempt(struct program *p, const struct call *c, bool buffer, CK_ULONG *claimed)
{
	const CK_ULONG asked = *claimed, real = asked < ROOM ? asked : ROOM;

	memset(room, CANARY, sizeof room);
	CK_RV rv = c->run(p, c, buffer ? room : NULL, claimed);
	for (size_t i = buffer ? real : 0; i < sizeof room; i++)
		if (room[i] != CANARY)
			wrong(p, "it wrote behind the length it was given", c, rv);
	if (rv == CKR_OK && buffer && *claimed > asked)
		wrong(p, "more than there was room for", c, rv);
	if (rv == CKR_OK && !buffer && *claimed > (c->limit ? c->limit : ROOM))
		wrong(p, "a length beyond all measure", c, rv);
	if (rv == CKR_BUFFER_TOO_SMALL && (!buffer || *claimed <= asked))
		wrong(p, "too small, it says, and it is not", c, rv);
	struct seen seen = {.function = c->function, .rv = rv, .mechanism = c->of, .in_len = c->in.len};
	seen.asked_length = (rv == CKR_OK && !buffer) || rv == CKR_BUFFER_TOO_SMALL;
	seen.out_len = *claimed;
	if (rv == CKR_OK && buffer && *claimed <= ROOM) {
		seen.out = BYTES(room, *claimed);
		if (*claimed) {
			memcpy(p->last, room, *claimed);
			p->last_len = *claimed;
		}
	}
	session_outcome(p, c, rv);
	call_seen(p, c->step, &seen);
	return rv;
}

/* An operation whose key went meanwhile is none any more, and says so when it comes to work. */
static void not_ended(struct program *p, const struct call *c, CK_RV rv)
{
	const struct met_session *s = met_session(p, c->session);

	if (rv == CKR_OPERATION_NOT_INITIALIZED && s && s->deaths == p->deaths)
		wrong(p, "asking for the length ended the operation", c, rv);
}

/* After a length query, or a buffer too small: the same call again, with the room that was asked for. */
static CK_RV again(struct program *p, const struct call *c, CK_ULONG need)
{
	CK_RV rv;

	if (need > ROOM)
		return CKR_OK;
	rv = attempt(p, c, true, &need);
	if (rv == CKR_BUFFER_TOO_SMALL)
		wrong(p, "too small is what it asked for", c, rv);
	not_ended(p, c, rv);
	return rv;
}

enum how { QUERY, QUERY_EXACT, ROOMY, NO_LENGTH, SHORT, EMPTY, HUGE };
static enum how how_of(const struct program *p, const struct step *s)
{
	static const enum how hows[16] = {QUERY, QUERY_EXACT, QUERY_EXACT, QUERY_EXACT, SHORT, SHORT, ROOMY, ROOMY,
		ROOMY, ROOMY, ROOMY, ROOMY, EMPTY, HUGE, NO_LENGTH, ROOMY};
	enum how how = hows[s->out % 16];

	return p->tame && (how == NO_LENGTH || how == HUGE || how == EMPTY) ? ROOMY : how;
}

CK_RV call_out(struct program *p, const struct call *c)
{
	enum how how = how_of(p, c->step);
	CK_ULONG len = how == HUGE ? ~0UL : how == EMPTY ? 0 : ROOM;
	CK_RV rv;

	switch (how) {
	case NO_LENGTH:
		return call_plain(p, c);
	case ROOMY:
	case EMPTY:
	case HUGE:
		rv = attempt(p, c, true, &len);
		return rv == CKR_BUFFER_TOO_SMALL ? again(p, c, len) : rv;
	default:
		rv = attempt(p, c, false, &len);
		break;
	}
	if (rv != CKR_OK || how == QUERY || len > ROOM)
		return rv;
	if (how == QUERY_EXACT || len == 0)
		return again(p, c, len);
	len--;
	rv = attempt(p, c, true, &len);
	not_ended(p, c, rv);
	return rv == CKR_BUFFER_TOO_SMALL ? again(p, c, len) : rv;
}
