/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's folders in which libukey remembers what it learnt of tokens. What lies there is never believed without
 * proof; and a folder or file that belongs to another user, or that others can write, is not even read.
 *
 *	int f = folder_open(FOLDER_STATE, "devices", true, NULL);	// ~/.local/state/openukey/devices
 *	folder_write(f, "NAME", &content, 1);
 *	close(f);
 *
 * Nothing of it is used in programs that run with more rights than their user.
 */
#ifndef UKEY_DRIVER_FOLDER_H
#define UKEY_DRIVER_FOLDER_H

#include "common/bytes.h"

#include <stdbool.h>

/* The XDG base directory specification's. */
enum folder_kind {
	FOLDER_STATE, /* $XDG_STATE_HOME or ~/.local/state */
	FOLDER_CACHE, /* $XDG_CACHE_HOME or ~/.cache */
};

enum folder_state {
	FOLDER_GOOD,
	FOLDER_NOWHERE,  /* no home, or not to be used by this program */
	FOLDER_MISSING,  /* not there, and not (to be) made; errno says why */
	FOLDER_IN_PLACE, /* something that is no folder bears its name */
	FOLDER_FOREIGN,  /* another user's */
	FOLDER_WRITABLE, /* others can write it */
};

/*
 * The folder openukey of that kind, or `inside` it, as a descriptor; -1 when it is not to be used. `make`: made with
 * mode 0700 when it is missing, but never in another user's home. `state` may be NULL.
 */
int folder_open(enum folder_kind kind, const char *inside, bool make, enum folder_state *state);
/* Where folder_open() looks, for people. Empty for FOLDER_NOWHERE. */
void folder_path(enum folder_kind kind, char *out, size_t cap);

/* A file of ours for reading; -1. */
int folder_file(int folder, const char *name);
/* Malloc'd; NULL when it is not there, not ours alone, empty or longer than `max`. */
uint8_t *folder_read(int folder, const char *name, size_t max, size_t *len);
/* Whole or not at all, mode 0600: many processes may do this at once. */
bool folder_write(int folder, const char *name, const struct bytes *parts, size_t count);

#endif
