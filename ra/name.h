/* SPDX-License-Identifier: Apache-2.0 */
/* Distinguished names as people write them (RFC 4514), always UTF-8. */
#ifndef RA_NAME_H
#define RA_NAME_H

#include <stdbool.h>

#include <openssl/x509.h>

#include "ra/status.h"

struct ra_word {
	const char *name;
	int value;
};

/* What a subscriber's name is made of, with NIDs, closed by a NULL name: an e-mail address is no part of it, it belongs
 * in the alternative name. */
extern const struct ra_word ra_subject_attributes[];

/* "CN=Li Lei,O=Example,C=CN" without its quotes: most specific part first, as RFC 4514 and `openssl x509 -nameopt
 * RFC2253` write it. `\` escapes a comma and its like. BAD_SUBJECT with a detail for anything else. The caller frees.
 */
enum ra_status ra_name_parse(const char *text, X509_NAME **out);

/* The same notation back, malloc'ed; Chinese stays readable. NULL when there is no memory. */
char *ra_name_text(const X509_NAME *name);

/* The same attributes with the same values: order and string type (UTF8String, PrintableString) do not matter, as
 * clients write both. */
bool ra_name_equal(const X509_NAME *a, const X509_NAME *b);

/* local@domain, printable ASCII without spaces, quotes, commas; 254 characters at most. */
bool ra_email_good(const char *email);

#endif
