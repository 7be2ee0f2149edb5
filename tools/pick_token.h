/* SPDX-License-Identifier: Apache-2.0 */
/* Which token and which key the command line means. */
#ifndef UKEY_TOOLS_PICK_TOKEN_H
#define UKEY_TOOLS_PICK_TOKEN_H

#include <p11-kit/uri.h>

#include "tools/pin_source.h"
#include "tools/tool.h"

/* What --token said. */
struct token_spec {
	const char *text; /* NULL: any */
	P11KitUri *uri;   /* when it began with pkcs11: */
};

/* UKEY_ARGUMENT for a URI that p11-kit does not take, that has parts nobody knows, or that holds a PIN. */
enum ukey_status token_spec_parse(struct tool *t, const char *text, struct token_spec *out);
void token_spec_clear(struct token_spec *spec);

/* How well a token fits: 0 not at all, 1 beginning of the serial, 2 label, 3 whole serial; URIs and "any" fit with 3.
 */
unsigned token_spec_fits(const struct token_spec *spec, const struct ukey_token_info *info);

/* A token that is open for a command. */
struct session {
	struct tool *tool;
	struct token_spec spec;
	struct ukey_token *token;
	struct ukey_token_info info;
	struct pin pin; /* kept only for keys that want it before each use */
};

/* Looks at all readers, takes the one token that fits best. The session is to be closed in any case. */
enum ukey_status session_open(struct tool *t, struct session *s);
void session_close(struct session *s);
/* "00112233445566AA (Label)". */
void session_name(const struct session *s, char *out, size_t cap);

/* ---- PINs (session_pin.c) ---- */

/* Brings tries left and the next step into the failure of a call that tried a PIN. */
enum ukey_status session_pin_failed(struct session *s, enum ukey_role role, enum ukey_status failed);
/*
 * Fails when this PIN does not exist or is blocked, or when the token is not genuine; warns before the last try. To be
 * called before a PIN is asked: nobody shall type one for a token that must not have it.
 */
enum ukey_status session_pin_usable(struct session *s, enum ukey_role role);
/* ukey_protect, and what it taught. */
enum ukey_status session_protect(struct session *s);
/* The same, and what the token says of itself inside: SELECT's answer came in clear, and may be anybody's. */
enum ukey_status session_told(struct session *s);
/* Can the helpdesk unlock it by phone? And what to do then. */
bool session_by_phone(const struct ukey_token_info *info);
const char *session_unlock_hint(void);
/* What the failure that was just told is worth at a prompt: shown, and forgotten. */
void session_tell(struct session *s, enum ukey_status failed);
/* Asks for a PIN of this kind ("PIN of ..."). */
enum ukey_status session_ask_pin(struct session *s, enum pin_kind kind, struct pin *out);
/*
 * A new one: what the token would refuse is explained, what is weak is warned of, before anything is sent; at a prompt
 * both are asked again. old may be NULL.
 */
enum ukey_status session_ask_new_pin(struct session *s, enum pin_kind kind, const struct pin *old, struct pin *out);
/* After UKEY_PIN_POLICY from the token for a PIN of this kind: true when another one is to be asked for. */
bool session_new_pin_again(struct session *s, enum pin_kind kind, struct pin *pin);
/* What came of a command that sets a PIN: without an answer nobody knows, and `hint` says what to do. Returns it. */
enum ukey_status session_pin_set(struct session *s, enum ukey_status r, const char *hint);

/*
 * Asks for the role's PIN and tries it with `use`; at a prompt a wrong one is asked for again, until one try is left.
 * The right one is given to `out` unless that is NULL.
 */
typedef enum ukey_status session_pin_use(struct session *s, const struct pin *pin, void *arg);
enum ukey_status session_use_pin(
	struct session *s, enum ukey_role role, session_pin_use *use, void *arg, struct pin *out);
/*
 * Log in; keeps the PIN when keep is set. A PIN that must be changed before use is changed at once, where a person can
 * be asked.
 */
enum ukey_status session_login(struct session *s, enum ukey_role role, bool keep);

/* A fit key of the directory: by --key-ref, the URI's id and object, or because it is the only one. */
typedef bool key_fits(const struct ukey_key *key);
bool key_fits_any(const struct ukey_key *key);
bool key_fits_sign(const struct ukey_key *key);
bool key_has_certificate(const struct ukey_key *key);
bool key_signs_with_certificate(const struct ukey_key *key);
enum ukey_status pick_key(
	struct session *s, const struct ukey_directory *d, key_fits *fits, const struct ukey_key **out);

#endif
