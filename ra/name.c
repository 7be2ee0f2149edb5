/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/name.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "common/i18n.h"

#define VALUE_MAX   512
#define ENTRIES_MAX 16
#define EMAIL_MAX   254

struct part {
	int nid;
	char value[VALUE_MAX];
};

const struct ra_word ra_subject_attributes[] = {
	{"CN",		     NID_commonName            },
	{"O",		      NID_organizationName      },
	{"OU",		     NID_organizationalUnitName},
	{"C",		      NID_countryName           },
	{"ST",		     NID_stateOrProvinceName   },
	{"L",		      NID_localityName          },
	{"STREET",                 NID_streetAddress         },
	{"SN",		     NID_surname               },
	{"GN",		     NID_givenName             },
	{"title",		  NID_title                 },
	{"serialNumber",           NID_serialNumber          },
	{"organizationIdentifier", NID_organizationIdentifier},
	{"UID",		    NID_userId                },
	{"DC",		     NID_domainComponent       },
	{NULL,		     NID_undef                 },
};

static int nid_of(const char *name)
{
	const struct ra_word *word = ra_subject_attributes;

	while (word->name != NULL && strcasecmp(word->name, name) != 0)
		word++;
	return word->value;
}

/* One "CN=Li Lei" up to the comma or the end; *at is left behind it. */
static enum ra_status parse_part(const char **at, struct part *part)
{
	char name[32] = "";
	size_t n = strcspn(*at, "=,\\+\""), kept = 0;

	while (**at == ' ') {
		++*at;
		n = n > 0 ? n - 1 : 0;
	}
	if (n == 0 || n >= sizeof name || (*at)[n] != '=')
		return ra_fail(RA_BAD_SUBJECT, _("each part is TYPE=value: \"%s\""), *at);
	memcpy(name, *at, n);
	part->nid = nid_of(name);
	if (part->nid == NID_undef)
		return ra_fail(RA_BAD_SUBJECT, _("unknown kind of attribute \"%s\""), name);

	const char *p = *at + n + 1;
	n = 0;
	while (*p != '\0' && *p != ',') {
		bool escaped = *p == '\\';
		if (escaped)
			p++;
		if (*p == '\0' || (!escaped && strchr("+\"<>;", *p) != NULL) || (unsigned char)*p < ' ' || *p == 0x7F)
			return ra_fail(
				RA_BAD_SUBJECT, _("a character in the value of %s must be escaped with \\"), name);
		if (n == sizeof part->value - 1)
			return ra_fail(RA_BAD_SUBJECT, _("the value of %s is too long"), name);
		part->value[n++] = *p++;
		if (escaped || p[-1] != ' ')
			kept = n;
	}
	part->value[kept] = '\0'; /* spaces at the end are not part of it unless escaped */
	if (kept == 0)
		return ra_fail(RA_BAD_SUBJECT, _("the value of %s is empty"), name);
	*at = p;
	return RA_OK;
}

enum ra_status ra_name_parse(const char *text, X509_NAME **out)
{
	struct part *parts = calloc(ENTRIES_MAX, sizeof *parts);
	X509_NAME *name = X509_NAME_new();
	enum ra_status status = parts == NULL || name == NULL ? RA_MEMORY : RA_OK;
	size_t count = 0;

	while (status == RA_OK) {
		if (count == ENTRIES_MAX) {
			status = ra_fail(RA_BAD_SUBJECT, _("more than %d parts"), ENTRIES_MAX);
			break;
		}
		status = parse_part(&text, &parts[count++]);
		if (status != RA_OK || *text == '\0')
			break;
		text++;
	}
	/* RFC 4514 2.1: the text starts with the last element of the sequence. */
	for (size_t i = count; status == RA_OK && i > 0; i--) {
		const struct part *part = &parts[i - 1];
		if (!X509_NAME_add_entry_by_NID(
			    name, part->nid, MBSTRING_UTF8, (const unsigned char *)part->value, -1, -1, 0)) {
			ERR_clear_error();
			status = ra_fail(RA_BAD_SUBJECT,
				_("the value of %s is too long, or has characters that do not belong"),
				OBJ_nid2sn(part->nid));
		}
	}
	free(parts);
	if (status != RA_OK)
		X509_NAME_free(name);
	else
		*out = name;
	return status;
}

char *ra_name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *data;

	if (bio != NULL &&
		X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		long len = BIO_get_mem_data(bio, &data);
		text = len < 0 ? NULL : calloc(1, (size_t)len + 1);
		if (text != NULL && len > 0)
			memcpy(text, data, (size_t)len);
	}
	BIO_free(bio);
	return text;
}

static bool entry_equal(const X509_NAME_ENTRY *a, const X509_NAME_ENTRY *b)
{
	unsigned char *va = NULL, *vb = NULL;

	if (OBJ_cmp(X509_NAME_ENTRY_get_object(a), X509_NAME_ENTRY_get_object(b)) != 0)
		return false;
	int la = ASN1_STRING_to_UTF8(&va, X509_NAME_ENTRY_get_data(a));
	int lb = ASN1_STRING_to_UTF8(&vb, X509_NAME_ENTRY_get_data(b));
	bool equal = la >= 0 && la == lb && memcmp(va, vb, (size_t)la) == 0;
	OPENSSL_free(va);
	OPENSSL_free(vb);
	return equal;
}

bool ra_name_equal(const X509_NAME *a, const X509_NAME *b)
{
	int n = X509_NAME_entry_count(a);
	unsigned taken = 0;

	if (n != X509_NAME_entry_count(b) || n > ENTRIES_MAX)
		return false;
	for (int i = 0; i < n; i++) {
		int j = 0;
		while (j < n && (taken & 1U << j || !entry_equal(X509_NAME_get_entry(a, i), X509_NAME_get_entry(b, j))))
			j++;
		if (j == n) {
			ERR_clear_error();
			return false;
		}
		taken |= 1U << j;
	}
	return true;
}

bool ra_email_good(const char *email)
{
	const char *at = strchr(email, '@');
	size_t n = strlen(email);

	if (n > EMAIL_MAX || at == NULL || at == email || at[1] == '\0' || strchr(at + 1, '@') != NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)email[i] <= ' ' || (unsigned char)email[i] >= 0x7F ||
			strchr("\"(),:;<>[]\\", email[i]))
			return false;
	return true;
}
