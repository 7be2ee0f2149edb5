/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/objects.h>

static const struct algorithm_name algorithms[] = {
	{UKEY_RSA_2048, "rsa2048", "RSA-2048", NULL,    2048, 0x01},
	{UKEY_RSA_3072, "rsa3072", "RSA-3072", NULL,    3072, 0x02},
	{UKEY_RSA_4096, "rsa4096", "RSA-4096", NULL,    4096, 0x04},
	{UKEY_P256,     "p256",    "P-256",    "P-256", 256,  0x08},
	{UKEY_P384,     "p384",    "P-384",    "P-384", 384,  0x10},
	{UKEY_P521,     "p521",    "P-521",    "P-521", 521,  0x20},
};

const struct algorithm_name *name_algorithm(enum ukey_algorithm a)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (algorithms[i].algorithm == a)
			return &algorithms[i];
	return NULL;
}

const struct algorithm_name *name_algorithm_option(const char *text)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (strcasecmp(algorithms[i].option, text) == 0 || strcasecmp(algorithms[i].shown, text) == 0)
			return &algorithms[i];
	return NULL;
}

/* In the order of their containers; the retired ones follow. */
static const struct {
	uint8_t slot;
	enum ukey_pair pair;
} slots[] = {
	{0x9A, UKEY_SIGNATURE},
	{0x9C, UKEY_SIGNATURE},
	{0x9D, UKEY_EXCHANGE },
	{0x9E, UKEY_SIGNATURE},
};
#define SLOT_COUNT    (sizeof(slots) / sizeof(slots[0]))
#define RETIRED_FIRST 0x82u
#define RETIRED_LAST  0x95u

static bool by_slots;

void name_by_slots(bool piv)
{
	by_slots = piv;
}

static unsigned slot_of(ukey_key_ref ref)
{
	const unsigned container = ref / 2u;

	return container < SLOT_COUNT ? slots[container].slot : RETIRED_FIRST + container - (unsigned)SLOT_COUNT;
}

bool name_parse_slot(const char *text, ukey_key_ref *ref)
{
	char *end;
	const unsigned long number = strtoul(text, &end, 16);

	if (strlen(text) != 2 || *end != '\0')
		return false;
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (slots[i].slot == number) {
			*ref = UKEY_KEY_REF(i, slots[i].pair);
			return true;
		}
	if (number < RETIRED_FIRST || number > RETIRED_LAST)
		return false;
	*ref = UKEY_KEY_REF(SLOT_COUNT + number - RETIRED_FIRST, UKEY_EXCHANGE);
	return true;
}

void name_key_ref(ukey_key_ref ref, char out[NAME_REF_SIZE])
{
	if (by_slots) {
		snprintf(out, NAME_REF_SIZE, "%02x", slot_of(ref));
		return;
	}
	snprintf(out, NAME_REF_SIZE, "%u/%c", ref / 2u, ref % 2 == UKEY_SIGNATURE ? 's' : 'x');
}

bool name_parse_pair(const char *text, enum ukey_pair *pair)
{
	if (strcmp(text, "s") == 0 || strcmp(text, "signature") == 0)
		*pair = UKEY_SIGNATURE;
	else if (strcmp(text, "x") == 0 || strcmp(text, "exchange") == 0)
		*pair = UKEY_EXCHANGE;
	else
		return false;
	return true;
}

bool name_parse_ref(const char *text, ukey_key_ref *ref)
{
	unsigned container = 0;
	enum ukey_pair pair;
	size_t digits = 0;

	if (by_slots && name_parse_slot(text, ref))
		return true;
	while (digits < 3 && isdigit((unsigned char)text[digits]))
		container = container * 10 + (unsigned)(text[digits++] - '0');
	if (digits == 0 || container > 31 || text[digits] != '/' || !name_parse_pair(text + digits + 1, &pair))
		return false;
	*ref = UKEY_KEY_REF(container, pair);
	return true;
}

static const struct {
	const char *word;
	unsigned bit;
} usages[] = {
	{N_("sign"),    UKEY_USE_SIGN   },
	{N_("decrypt"), UKEY_USE_DECRYPT},
	{N_("derive"),  UKEY_USE_DERIVE },
};

bool name_parse_usage(const char *text, unsigned *usage)
{
	*usage = 0;
	while (*text != '\0') {
		size_t len = strcspn(text, ",");
		bool known = false;
		for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
			if (strlen(usages[i].word) == len && memcmp(usages[i].word, text, len) == 0) {
				*usage |= usages[i].bit;
				known = true;
			}
		}
		if (!known || (text[len] == ',' && text[len + 1] == '\0'))
			return false;
		text += len + (text[len] == ',');
	}
	return *usage != 0;
}

void name_usage(unsigned usage, char out[32])
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++)
		if (usage & usages[i].bit)
			at += (size_t)snprintf(out + at, 32 - at, "%s%s", at > 0 ? "," : "", usages[i].word);
}

void name_usage_text(unsigned usage, char *out, size_t cap)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]) && at < cap; i++)
		if (usage & usages[i].bit)
			at += (size_t)snprintf(out + at, cap - at, "%s%s", at > 0 ? "," : "", _(usages[i].word));
}

const char *name_life_cycle_id(enum ukey_life_cycle c)
{
	switch (c) {
	case UKEY_BLANK:
		return "blank";
	case UKEY_INITIALISED:
		return "initialised";
	case UKEY_OPERATIONAL:
		return "operational";
	case UKEY_TERMINATED:
		return "terminated";
	}
	return "unknown";
}

const char *name_life_cycle(enum ukey_life_cycle c)
{
	switch (c) {
	case UKEY_BLANK:
		return _("blank");
	case UKEY_INITIALISED:
		return _("no user PIN yet");
	case UKEY_OPERATIONAL:
		return _("ready");
	case UKEY_TERMINATED:
		return _("end of life");
	}
	return _("unknown");
}

static const struct {
	const char *id, *text;
} reader_states[] = {
	[UKEY_READER_EMPTY] = {"empty",   N_("empty")                      },
	[UKEY_READER_TOKEN] = {"token",   N_("token")                      },
	[UKEY_READER_FOREIGN] = {"foreign", N_("a card of another kind")     },
	[UKEY_READER_MUTE] = {"mute",    N_("a card that does not answer")},
	[UKEY_READER_BUSY] = {"busy",    N_("in use by another program")  },
	[UKEY_READER_DENIED] = {"denied",  N_("this user may not use it")   },
};

const char *name_reader_state_id(enum ukey_reader_state s)
{
	return s <= UKEY_READER_DENIED ? reader_states[s].id : "unknown";
}

const char *name_reader_state(enum ukey_reader_state s)
{
	return s <= UKEY_READER_DENIED ? _(reader_states[s].text) : _("unknown");
}

const char *name_road(enum ukey_road r)
{
	return r == UKEY_ROAD_USB ? "usb" : "pcsc";
}

/* ---- distinguished names ---- */

#define SUBJECT_MAX 1024

struct subject {
	const char *at;
	char separator;  /* ',' or '/' */
	const char *why; /* what is wrong, once something is */
	X509_NAME *name;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The value up to the separator or a '+', without its escapes. */
static size_t subject_value(struct subject *s, char out[SUBJECT_MAX])
{
	size_t len = 0, solid = 0;

	while (*s->at == ' ')
		s->at++;
	while (*s->at != '\0' && *s->at != s->separator && *s->at != '+') {
		bool escaped = *s->at == '\\';
		if (escaped && s->at[1] == '\0') {
			s->why = N_("a \\ at the end");
			return 0;
		}
		if (escaped && hex_digit(s->at[1]) >= 0 && hex_digit(s->at[2]) >= 0) {
			out[len] = (char)(hex_digit(s->at[1]) * 16 + hex_digit(s->at[2]));
			s->at += 3;
		} else {
			s->at += escaped;
			out[len] = *s->at++;
		}
		if (out[len] == '\0') {
			s->why = N_("a zero byte in a value");
			return 0;
		}
		len++;
		if (escaped || out[len - 1] != ' ')
			solid = len;
	}
	return solid;
}

/* One "type=value". `set` is 0 for a new part of the name, -1 for one more value of the part before it. */
static bool subject_attribute(struct subject *s, int where, int set)
{
	char type[64], value[SUBJECT_MAX];
	size_t type_len, len;
	int nid;

	while (*s->at == ' ')
		s->at++;
	type_len = strcspn(s->at, "=,+/");
	if (s->at[type_len] != '=' || type_len == 0 || type_len >= sizeof(type)) {
		s->why = N_("a part is not of the form TYPE=value");
		return false;
	}
	memcpy(type, s->at, type_len);
	while (type_len > 0 && type[type_len - 1] == ' ')
		type_len--;
	type[type_len] = '\0';
	s->at = strchr(s->at, '=') + 1;
	if (strcmp(type, "E") == 0 || strcmp(type, "email") == 0)
		nid = NID_pkcs9_emailAddress;
	else
		nid = OBJ_txt2nid(type);
	if (nid == NID_undef) {
		s->why = N_("an attribute type is not known");
		return false;
	}
	len = subject_value(s, value);
	if (s->why == NULL && len == 0)
		s->why = N_("a value is empty");
	if (s->why == NULL &&
		!X509_NAME_add_entry_by_NID(s->name, nid, MBSTRING_UTF8, (unsigned char *)value, (int)len, where, set))
		s->why = N_("a value is too long or does not suit its type");
	return s->why == NULL;
}

/* One part: attributes joined with '+'. */
static bool subject_part(struct subject *s, bool in_front)
{
	if (!subject_attribute(s, in_front ? 0 : -1, 0))
		return false;
	while (*s->at == '+') {
		s->at++;
		/* set 1 joins the part behind the place, -1 the one before it */
		if (!subject_attribute(s, in_front ? 0 : -1, in_front ? 1 : -1))
			return false;
	}
	return true;
}

X509_NAME *name_parse_subject(const char *text, const char **why)
{
	struct subject s = {.at = text, .separator = ',', .name = X509_NAME_new()};
	bool slashes = text[0] == '/';

	*why = N_("out of memory");
	if (s.name == NULL)
		return NULL;
	if (strlen(text) >= SUBJECT_MAX)
		s.why = N_("it is too long");
	if (slashes) {
		s.separator = '/';
		s.at++;
	}
	while (s.why == NULL && subject_part(&s, !slashes)) {
		if (*s.at == '\0')
			return s.name;
		s.at++; /* the separator */
	}
	*why = s.why;
	X509_NAME_free(s.name);
	return NULL;
}

char *name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	char *data;
	long len;

	/* RFC 2253 form, but without escaping what is beyond ASCII */
	if (bio != NULL &&
		X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		len = BIO_get_mem_data(bio, &data);
		text = len >= 0 ? strndup(len > 0 ? data : "", (size_t)len) : NULL;
	}
	BIO_free(bio);
	return text;
}

void name_common(const X509 *cert, char out[UKEY_LABEL_MAX + 1])
{
	const X509_NAME *name = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID((X509_NAME *)name, NID_commonName, -1);
	unsigned char *text = NULL;
	int len = -1;

	out[0] = '\0';
	if (at >= 0)
		len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (len > 0) {
		size_t cut = (size_t)len < UKEY_LABEL_MAX ? (size_t)len : UKEY_LABEL_MAX;
		while (cut < (size_t)len && cut > 0 && (text[cut] & 0xC0) == 0x80)
			cut--;
		memcpy(out, text, cut);
		out[cut] = '\0';
	}
	OPENSSL_free(text);
}

void name_certificate(const X509 *cert, const struct ukey_key *key, char out[UKEY_LABEL_MAX + 1])
{
	if (key != NULL && key->label[0] != '\0')
		snprintf(out, UKEY_LABEL_MAX + 1, "%s", key->label);
	else
		name_common(cert, out);
}

void name_tries(const struct ukey_pin_info *pin, char *out, size_t cap)
{
	if (!pin->exists)
		snprintf(out, cap, "%s", _("not set"));
	else if (pin->tries_left == 0)
		snprintf(out, cap, "%s", _("BLOCKED"));
	else if (pin->tries_left == UKEY_TRIES_UNKNOWN)
		snprintf(out, cap, "%s", _("set"));
	else
		snprintf(out, cap, _("%u of %u tries"), pin->tries_left, pin->tries_max);
}
