/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protected authentication path: PINs asked for by ourselves, in a window of pinentry's (`pinentry` in the
 * configuration), so that the application never has them.
 *
 *	p11_prompt_begin --> p11_prompt_pin --> a call of libukey with it --> p11_prompt_again? --> p11_prompt_end
 *	                          ^                                               |
 *	                          +---------- true: ask again, saying why --------+
 *
 * Between begin and end no lock is held, also not the session's: other threads go on. What may have changed meanwhile
 * is looked at again by whoever takes the locks for the call. One window a process: a second caller waits. C_Finalize,
 * the end of the session and the end of the token close the window.
 *
 * Programs repeat a log-in that failed with CKR_PIN_INCORRECT without asking anybody (clients 1.1): a wrong PIN is
 * asked for again here, and what comes out at the end is never that. And they miss the end of a call that returns at
 * once (clients 1.2): each takes a tenth of a second at least.
 */
#ifndef PKCS11_PROMPT_H
#define PKCS11_PROMPT_H

#include "pkcs11/p11.h"

/* What the window asks for, and why. */
enum p11_ask {
	P11_ASK_USER,
	P11_ASK_SO,
	P11_ASK_MANAGEMENT_KEY, /* of a PIV card, in the SO PIN's place */
	P11_ASK_USE,            /* a key that asks for each use */
	P11_ASK_ERASE,          /* the SO PIN, to initialise the token anew */
	P11_ASK_OLD_USER,       /* before a change */
	P11_ASK_OLD_SO,
	P11_ASK_NEW_USER,
	P11_ASK_NEW_SO,
	P11_ASK_OWN, /* a new user PIN for the one that the SO set */
	P11_ASKS
};

struct p11_prompt;

/* Are we to ask? */
bool p11_prompt_on(void);
/* `s`: the session, locked, or NULL. p11_prompt_end must follow, also after a failure; it hands rv through. */
CK_RV p11_prompt_begin(struct p11_prompt **out, struct p11_slot *slot, struct ukey_token *token, struct p11_session *s);
CK_RV p11_prompt_end(struct p11_prompt *p, CK_RV rv);
/* Borrowed until p11_prompt_end, or until the next PIN of the same kind: present (which is wiped then) or new. */
CK_RV p11_prompt_pin(struct p11_prompt *p, enum p11_ask what, struct bytes *pin);
/*
 * What libukey said of the PINs that were asked for. True: another answer can mend it, and the next window will say
 * what; *present tells which: the present PIN, or the new one. False: there is nothing to mend, *rv is what to return
 * (as it is for UKEY_OK), and a window has said why.
 */
bool p11_prompt_again(struct p11_prompt *p, enum ukey_status status, bool *present, CK_RV *rv);

#endif
