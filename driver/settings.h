/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: SYSCONFDIR/openukey/openukey.conf, then the user's openukey/openukey.conf in $XDG_CONFIG_HOME (or
 * ~/.config), later lines winning. Lines are "key = value"; empty lines and lines that begin with # or ; are comments.
 * An unknown key is an error, so that a misspelt one is not lost.
 *
 * clang-format off
 *	debug = stderr | /path/to/log | off	the log of commands (OPENUKEY_DEBUG in the environment wins)
 *	ignore-reader = TEXT			leave readers alone whose name contains TEXT; may be repeated
 *	extended-apdu = auto | no		no: never use extended lengths (a reader that lies about them)
 *	trusted-roots = /path			makers' root certificates: a PEM file, or a folder of *.pem and *.crt;
 *						may be repeated. Without any: SYSCONFDIR/openukey/roots.d
 *	secure-channel = auto | required	required: no PIN for a token without device key; a later
 *						auto does not take it back
 *	pinentry = no | yes | /path		the PKCS#11 module asks for PINs itself (yes: the program "pinentry";
 *						OPENUKEY_PINENTRY in the environment wins)
 *	cache = yes | no			no: keep nothing of tokens for the next program
 *	usb = auto | no			no: reach tokens through pcscd only
 *	piv-all-slots = no | yes		yes: look into all 20 slots for retired keys of a PIV card, and not only
 *						into those that its key history names
 * clang-format on
 */
#ifndef UKEY_DRIVER_SETTINGS_H
#define UKEY_DRIVER_SETTINGS_H

#include "driver/ukey.h"

#define SETTINGS_IGNORED_MAX 16
#define SETTINGS_ROOTS_MAX   8
#define SETTINGS_PATH_MAX    1024

struct settings {
	char debug[256];
	char ignored[SETTINGS_IGNORED_MAX][128];
	size_t ignored_count;
	bool no_extended;
	char roots[SETTINGS_ROOTS_MAX][SETTINGS_PATH_MAX];
	size_t roots_count;
	bool channel_required;
	char pinentry[SETTINGS_PATH_MAX]; /* "": no */
	bool no_cache;
	bool no_usb;
	bool piv_all_slots;
};

/* Both files and the environment. UKEY_CONFIG: settings_problem() says where. */
enum ukey_status settings_load(struct settings *s);
/* One file, over what is there; a file that does not exist changes nothing. */
enum ukey_status settings_read(struct settings *s, const char *path);
bool settings_ignores(const struct settings *s, const char *reader);

#endif
