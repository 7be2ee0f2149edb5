/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window of the desktop's pinentry: a child process, one for each window, spoken to in Assuan over a socket.
 *
 * The process we are in is somebody else's, a browser perhaps: the child gets no file of it and only those variables
 * of its environment that a window needs; no signal is sent to anybody else, none is waited for, SIGPIPE cannot come;
 * no call here lasts longer than a limit, and each ends within a moment when `watch` says so.
 */
#ifndef PKCS11_PINENTRY_H
#define PKCS11_PINENTRY_H

#include "common/bytes.h"

enum pinentry_result {
	PINENTRY_DONE,
	PINENTRY_CANCELLED, /* by the person */
	PINENTRY_TIMEOUT,   /* nobody answered */
	PINENTRY_FAILED,    /* no such program, no display, it died, it speaks nonsense */
	PINENTRY_ENDED,     /* `watch` */
};

struct pinentry_window {
	const char *program; /* a path, or a name to be found in PATH */
	/* Asked several times a second while the window is open: may it stay? */
	bool (*watch)(void *arg);
	/* How good is a new PIN: -100 (will be refused) to 100. NULL: no bar is shown. */
	int (*quality)(void *arg, struct bytes pin);
	void *arg;
	/* What the window says; NULL: nothing. */
	const char *title, *text, *error, *prompt, *ok, *cancel;
	const char *repeat, *repeat_error; /* to be typed twice: the second prompt, and what is said when they differ */
	const char *quality_label;
};

/* Milliseconds; tests make them shorter. */
struct pinentry_limits {
	long person;  /* from the window's opening to an answer */
	long program; /* for an answer that no person has to give */
	long end;     /* from each way of ending it to the next, harder one */
};
extern struct pinentry_limits pinentry_limits;

/*
 * The PIN goes into `pin` (secure memory, please); PINENTRY_DONE with none is an empty one. *repeated: the program had
 * it typed twice, and both were the same.
 */
enum pinentry_result pinentry_pin(const struct pinentry_window *w, struct builder *pin, bool *repeated);
/* Shows `text` until it is read. */
enum pinentry_result pinentry_message(const struct pinentry_window *w);

/* False in a program that runs with more rights than its user: it must not start programs for that user. */
bool pinentry_allowed(void);

/* In the child of a fork: our end of a socket to a window of the parent's is given up. */
void pinentry_forked(void);

#endif
