/* SPDX-License-Identifier: Apache-2.0 */
/* What things are called: kinds of keys, key references, uses, states, distinguished names. Pure functions. */
#ifndef UKEY_TOOLS_NAMES_H
#define UKEY_TOOLS_NAMES_H

#include <openssl/x509.h>

#include "common/bytes.h"
#include "tools/tool.h"

struct algorithm_name {
	enum ukey_algorithm algorithm;
	const char *option; /* "rsa2048", "p256" */
	const char *shown;  /* "RSA-2048", "P-256" */
	const char *group;  /* OpenSSL's name of the curve, NULL for RSA */
	unsigned bits;
	uint16_t bit; /* in ukey_token_info.algorithms */
};

/* NULL when there is none. */
const struct algorithm_name *name_algorithm(enum ukey_algorithm a);
const struct algorithm_name *name_algorithm_option(const char *text);

/*
 * On a PIV card keys are called by their slots ("9a", "82"), on all others by container and pair: from the moment on
 * that the command's token is known, this says which.
 */
void name_by_slots(bool piv);
/* "9a", "82", in either case: a PIV card's slot. */
bool name_parse_slot(const char *text, ukey_key_ref *ref);
/* "0/s", "31/x", or the slot. */
#define NAME_REF_SIZE 8
void name_key_ref(ukey_key_ref ref, char out[NAME_REF_SIZE]);
/* "N/s", "N/x", "N/signature", "N/exchange"; where slots are the names, those too. */
bool name_parse_ref(const char *text, ukey_key_ref *ref);
bool name_parse_pair(const char *text, enum ukey_pair *pair);
/* "sign,decrypt,derive" in any order; false for unknown or no words. */
bool name_parse_usage(const char *text, unsigned *usage);
void name_usage(unsigned usage, char out[32]);
/* The same for a person, in the person's language. */
void name_usage_text(unsigned usage, char *out, size_t cap);

const char *name_life_cycle(enum ukey_life_cycle c);
const char *name_reader_state(enum ukey_reader_state s);
/* The same for --json: never translated. */
const char *name_life_cycle_id(enum ukey_life_cycle c);
const char *name_reader_state_id(enum ukey_reader_state s);
/* For programs: pcsc or usb. */
const char *name_road(enum ukey_road r);

/*
 * A distinguished name from RFC 4514 text ("CN=Zhang San,O=Unit,C=CN", most specific part first; `\` escapes) or from
 * the form with slashes ("/C=CN/O=Unit/CN=Zhang San", in the order of the encoding). NULL, and *why, when it is
 * neither. The caller frees with X509_NAME_free().
 */
X509_NAME *name_parse_subject(const char *text, const char **why);
/* RFC 4514, UTF-8 readable; the caller frees. NULL without memory. */
char *name_text(const X509_NAME *name);

/* A label for a certificate: its common name, cut at a character's end to fit; "" when it has none. */
void name_common(const X509 *cert, char out[UKEY_LABEL_MAX + 1]);

/* The same for the certificate of a key: programs look for both under one label, so the key's goes first. `key` may be
 * NULL. */
void name_certificate(const X509 *cert, const struct ukey_key *key, char out[UKEY_LABEL_MAX + 1]);

/* "5 of 6 tries", "BLOCKED", "not set". */
void name_tries(const struct ukey_pin_info *pin, char *out, size_t cap);

#endif
