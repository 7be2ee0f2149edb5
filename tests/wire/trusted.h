/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A home of its own for libukey in tests: nothing of the machine's or the user's configuration, the test makers' root
 * in trusted-roots, and a place for what libukey remembers. Gone when the process ends.
 *
 *	trusted_home();				// XDG_CONFIG_HOME, XDG_STATE_HOME and XDG_CACHE_HOME point there
 *	trusted_configure("debug = off\n");	// other lines in the configuration; NULL: only the roots again
 *
 * A program whose name has "personal" in it has its tokens personalised: the same tests run a second time, inside the
 * secure channel (trusted_personal). Link: libloop.la and what it needs.
 */
#ifndef UKEY_TESTS_TRUSTED_H
#define UKEY_TESTS_TRUSTED_H

#include "tests/wire/personal.h"

#include <stdbool.h>

const char *trusted_home(void);
/* Lines of openukey.conf after "trusted-roots = .."; without it when they name roots themselves. */
void trusted_configure(const char *lines);
/* PEM of certificates in DER that are glued together. */
void trusted_write_pem(const char *path, struct bytes ders);
/* What libukey remembers of devices is forgotten, and what it keeps of them; or only the latter. */
void trusted_forget(void);
void trusted_forget_cache(void);

bool trusted_personal(void);
/* Personalises it when trusted_personal() says so. */
struct ramtoken *trusted_token(struct ramtoken *t);

#endif
