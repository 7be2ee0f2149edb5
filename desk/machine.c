/* SPDX-License-Identifier: Apache-2.0 */
/* Which step follows from which state: two tables, and nothing else decides it. */
#include "config.h"

#include "desk/private.h"

#include <string.h>

static const struct {
	const char *state, *verb, *next;
} steps[] = {
	{"requested",   "identify", "identified" },
	{"requested",   "reject",   "rejected"   },
	{"requested",   "expire",   "expired"    },
	{"identified",  "approve",  "approved"   },
	{"identified",  "reject",   "rejected"   },
	{"identified",  "expire",   "expired"    },
	{"approved",    "respond",  "answered"   },
	{"approved",    "reject",   "rejected"   },
	{"approved",    "expire",   "expired"    },
	{"answered",    "respond",  "answered"   }, /* the same answer once more */
	{"answered",    "confirm",  "confirmed"  },
	{"answered",    "expire",   "unconfirmed"}, /* it may have been used: nobody told us */
	{"unconfirmed", "confirm",  "confirmed"  },
};

const char *desk_request_next(const char *state, const char *verb)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(steps[i].state, state) == 0 && strcmp(steps[i].verb, verb) == 0)
			return steps[i].next;
	return NULL;
}

/* What can be undone is done at once; what can't, or undoes, is an approver's. */
static const struct {
	const char *from, *to;
	unsigned roles;
} changes[] = {
	{"active",    "suspended",  DESK_OPERATOR | DESK_APPROVER},
	{"active",    "lost",       DESK_OPERATOR | DESK_APPROVER},
	{"active",    "terminated", DESK_APPROVER                },
	{"suspended", "lost",       DESK_OPERATOR | DESK_APPROVER},
	{"suspended", "active",     DESK_APPROVER                },
	{"suspended", "terminated", DESK_APPROVER                },
	{"lost",      "active",     DESK_APPROVER                }, /* found again */
	{"lost",      "terminated", DESK_APPROVER                },
};

bool desk_token_may(const char *from, const char *to, unsigned *roles)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (strcmp(changes[i].from, from) != 0 || strcmp(changes[i].to, to) != 0)
			continue;
		*roles = changes[i].roles;
		return true;
	}
	return false;
}
