/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/directory.h"

#include "common/tlv.h"
#include "driver/text.h"

#include <stdatomic.h>
#include <stdlib.h>

struct snapshot {
	struct ukey_directory public; /* first: what the callers see */
	atomic_uint references;
	uint8_t digest[32];
	uint8_t *raw; /* the keys' moduli and points lie in here */
	size_t raw_len;
	struct bytes notes; /* in there, too */
	struct ukey_key keys[2 * DIRECTORY_CONTAINERS_MAX];
	struct ukey_container containers[DIRECTORY_CONTAINERS_MAX];
	struct ukey_other_certificate certificates[DIRECTORY_CERTIFICATES_MAX];
	struct ukey_data_entry data[DIRECTORY_DATA_MAX];
};

static const struct algorithm algorithms[] = {
	{UKEY_RSA_2048, 0x0001, CRYPTO_RSA,     256, 256, UKEY_USE_SIGN | UKEY_USE_DECRYPT},
	{UKEY_RSA_3072, 0x0002, CRYPTO_RSA,     384, 384, UKEY_USE_SIGN | UKEY_USE_DECRYPT},
	{UKEY_RSA_4096, 0x0004, CRYPTO_RSA,     512, 512, UKEY_USE_SIGN | UKEY_USE_DECRYPT},
	{UKEY_P256,     0x0008, CRYPTO_EC_P256, 32,  64,  UKEY_USE_SIGN | UKEY_USE_DERIVE },
	{UKEY_P384,     0x0010, CRYPTO_EC_P384, 48,  96,  UKEY_USE_SIGN | UKEY_USE_DERIVE },
	{UKEY_P521,     0x0020, CRYPTO_EC_P521, 66,  132, UKEY_USE_SIGN | UKEY_USE_DERIVE },
};

const struct algorithm *algorithm_of(enum ukey_algorithm a)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
		if (algorithms[i].algorithm == a)
			return &algorithms[i];
	return NULL;
}

size_t ukey_result_size(enum ukey_algorithm a)
{
	const struct algorithm *alg = algorithm_of(a);
	return alg ? alg->result : 0;
}

bool algorithm_fits(const struct algorithm *a, const struct crypto_pubkey *key)
{
	if (!crypto_pubkey_check(key) || key->type != a->type)
		return false;
	return a->type != CRYPTO_RSA || crypto_pubkey_bits(key) == 8 * a->size;
}

struct crypto_pubkey key_public(const struct ukey_key *k)
{
	const struct algorithm *a = algorithm_of(k->algorithm);
	return (struct crypto_pubkey){.type = a ? a->type : CRYPTO_KEY_TYPES,
		.modulus = BYTES(k->modulus, k->modulus_len),
		.exponent = BYTES(k->exponent, k->exponent_len),
		.point = BYTES(k->point, k->point_len)};
}

static uint8_t one(struct bytes b)
{
	struct cursor c = cursor_of(b);
	return cursor_u8(&c);
}

static uint16_t two(struct bytes b)
{
	struct cursor c = cursor_of(b);
	return cursor_u16(&c);
}

static void take_id(struct bytes id, uint8_t out[UKEY_ID_MAX], size_t *len)
{
	bytes_copy(out, id);
	*len = id.len;
}

static bool parse_key_certificate(struct bytes in, struct ukey_certificate_entry *out)
{
	struct bytes length, digest, label;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 2,  2,              &length},
		{0x81, TLV_REQUIRED, 32, 32,             &digest},
		{0x82, TLV_OPTIONAL, 0,  UKEY_LABEL_MAX, &label },
	};

	if (!tlv_parse(in, fields, sizeof fields / sizeof fields[0]))
		return false;
	out->exists = true;
	out->length = two(length);
	bytes_copy(out->sha256, digest);
	return out->length > 0 && text_copy(label, out->label, sizeof out->label);
}

static bool parse_public(struct bytes in, const struct algorithm *a, struct ukey_key *k)
{
	struct crypto_pubkey key = {.type = a->type};
	const struct tlv_field fields[] = {
		{0x81, TLV_OPTIONAL, 1, 1024, &key.modulus },
		{0x82, TLV_OPTIONAL, 1, 32,   &key.exponent},
		{0x86, TLV_OPTIONAL, 1, 256,  &key.point   },
	};
	const bool rsa = a->type == CRYPTO_RSA;

	if (!tlv_parse(in, fields, sizeof fields / sizeof fields[0]) || rsa == (key.point.data != NULL) ||
		rsa != (key.modulus.data != NULL) || rsa != (key.exponent.data != NULL) || !algorithm_fits(a, &key))
		return false;
	k->modulus = key.modulus.data;
	k->modulus_len = key.modulus.len;
	k->exponent = key.exponent.data;
	k->exponent_len = key.exponent.len;
	k->point = key.point.data;
	k->point_len = key.point.len;
	return true;
}

/*
 * *known is false for a well-formed key of an algorithm that this version does not know: a newer token's keys must not
 * hide the others.
 */
static bool parse_key(struct bytes in, struct ukey_key *k, bool *known)
{
	struct bytes algorithm, id, label, usage, origin, pin, touch, public_key, certificate;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 1, 1,              &algorithm  },
		{0x81, TLV_REQUIRED, 0, UKEY_ID_MAX,    &id         },
		{0x82, TLV_REQUIRED, 0, UKEY_LABEL_MAX, &label      },
		{0x83, TLV_REQUIRED, 2, 2,              &usage      },
		{0x84, TLV_REQUIRED, 1, 1,              &origin     },
		{0x85, TLV_REQUIRED, 1, 1,              &pin        },
		{0x86, TLV_REQUIRED, 1, 1,              &touch      },
		{0x87, TLV_REQUIRED, 1, 1200,           &public_key },
		{0xA8, TLV_OPTIONAL, 1, 256,            &certificate},
	};

	if (!tlv_parse(in, fields, sizeof fields / sizeof fields[0]))
		return false;
	k->algorithm = (enum ukey_algorithm)one(algorithm);
	const struct algorithm *a = algorithm_of(k->algorithm);
	*known = a != NULL;
	take_id(id, k->id, &k->id_len);
	k->usage = two(usage);
	k->generated = one(origin) == 0x00;
	k->always_authenticate = one(pin) == 0x01;
	k->no_pin = one(pin) == 0x02;
	k->touch = one(touch) == 0x01;
	if (one(origin) > 0x01 || one(pin) > 0x02 || one(touch) > 0x01 ||
		!text_copy(label, k->label, sizeof k->label) ||
		(certificate.data && !parse_key_certificate(certificate, &k->certificate)))
		return false;
	return !a || (k->usage != 0 && (k->usage & ~a->usage) == 0 && parse_public(public_key, a, k));
}

static bool add_key(struct snapshot *s, struct ukey_container *c, enum ukey_pair pair, struct bytes in)
{
	struct ukey_key *k = &s->keys[s->public.key_count];
	bool known;

	if (!in.data)
		return true;
	*k = (struct ukey_key){.ref = UKEY_KEY_REF(c->number, pair)};
	if (!parse_key(in, k, &known))
		return false;
	if (known) {
		c->pair[pair] = k;
		s->public.key_count++;
	}
	return true;
}

/* Entries of a kind ascend: each number once. */
static bool next_number(struct bytes number, size_t count, uint8_t last, uint8_t limit, uint8_t *out)
{
	*out = one(number);
	return *out < limit && (count == 0 || *out > last);
}

static bool add_container(struct snapshot *s, struct bytes in)
{
	const size_t n = s->public.container_count;
	struct ukey_container *c = &s->containers[n];
	struct bytes number, name, signature, exchange;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 1, 1,              &number   },
		{0x81, TLV_REQUIRED, 0, UKEY_LABEL_MAX, &name     },
		{0xA0, TLV_OPTIONAL, 1, 65535,          &signature},
		{0xA1, TLV_OPTIONAL, 1, 65535,          &exchange },
	};

	/* A container exists as long as it holds a key (2). */
	if (n == DIRECTORY_CONTAINERS_MAX || s->public.certificate_count > 0 || s->public.data_count > 0 ||
		!tlv_parse(in, fields, sizeof fields / sizeof fields[0]) || (!signature.data && !exchange.data) ||
		!next_number(number, n, n ? s->containers[n - 1].number : 0, DIRECTORY_CONTAINERS_MAX, &c->number) ||
		!text_copy(name, c->name, sizeof c->name))
		return false;
	s->public.container_count++;
	return add_key(s, c, UKEY_SIGNATURE, signature) && add_key(s, c, UKEY_EXCHANGE, exchange);
}

static bool add_certificate(struct snapshot *s, struct bytes in)
{
	const size_t n = s->public.certificate_count;
	struct ukey_other_certificate *o = &s->certificates[n];
	struct bytes number, id, label, category, length, digest;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 1,  1,              &number  },
		{0x81, TLV_REQUIRED, 0,  UKEY_ID_MAX,    &id      },
		{0x82, TLV_REQUIRED, 0,  UKEY_LABEL_MAX, &label   },
		{0x83, TLV_REQUIRED, 1,  1,              &category},
		{0x84, TLV_REQUIRED, 2,  2,              &length  },
		{0x85, TLV_REQUIRED, 32, 32,             &digest  },
	};

	if (n == DIRECTORY_CERTIFICATES_MAX || s->public.data_count > 0 ||
		!tlv_parse(in, fields, sizeof fields / sizeof fields[0]) ||
		!next_number(
			number, n, n ? s->certificates[n - 1].number : 0, DIRECTORY_CERTIFICATES_MAX, &o->number) ||
		one(category) > 3 || two(length) == 0 ||
		!text_copy(label, o->certificate.label, sizeof o->certificate.label))
		return false;
	take_id(id, o->id, &o->id_len);
	o->category = one(category);
	o->certificate.exists = true;
	o->certificate.length = two(length);
	bytes_copy(o->certificate.sha256, digest);
	s->public.certificate_count++;
	return true;
}

static bool add_data(struct snapshot *s, struct bytes in)
{
	const size_t n = s->public.data_count;
	struct ukey_data_entry *d = &s->data[n];
	struct bytes number, flags, length, label, application, oid, digest;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 1,  1,              &number     },
		{0x84, TLV_REQUIRED, 1,  1,              &flags      },
		{0x85, TLV_REQUIRED, 2,  2,              &length     },
		{0x81, TLV_OPTIONAL, 0,  UKEY_LABEL_MAX, &label      },
		{0x82, TLV_OPTIONAL, 0,  UKEY_LABEL_MAX, &application},
		{0x83, TLV_OPTIONAL, 0,  UKEY_ID_MAX,    &oid        },
		{0x86, TLV_OPTIONAL, 32, 32,             &digest     },
	};

	if (n == DIRECTORY_DATA_MAX || !tlv_parse(in, fields, sizeof fields / sizeof fields[0]) || one(flags) > 0x01 ||
		!next_number(number, n, n ? s->data[n - 1].number : 0, DIRECTORY_DATA_MAX, &d->number) ||
		!text_copy(label, d->label, sizeof d->label) ||
		!text_copy(application, d->application, sizeof d->application))
		return false;
	d->is_private = one(flags) & 0x01;
	/* Of a private object nothing more than number and length is public; of a public one the digest must be. */
	if (d->is_private ? label.data || application.data || oid.data || digest.data : !digest.data)
		return false;
	d->length = two(length);
	take_id(oid, d->oid, &d->oid_len);
	bytes_copy(d->sha256, digest);
	s->public.data_count++;
	return true;
}

/* The last entry, in a directory that a card driver made up of what it read. */
static bool add_notes(struct snapshot *s, struct bytes in)
{
	s->notes = in;
	return true;
}

static bool parse_entries(struct snapshot *s, struct bytes raw)
{
	struct cursor c = cursor_of(raw);
	struct bytes value;
	uint32_t tag;

	while (tlv_next(&c, &tag, &value)) {
		bool good = s->notes.data ? false
			    : tag == 0xE0 ? add_container(s, value)
			    : tag == 0xE1 ? add_certificate(s, value)
			    : tag == 0xE2 ? add_data(s, value)
			    : tag == 0xEF ? add_notes(s, value)
					  : false;
		if (!good)
			return false;
	}
	return cursor_done(&c);
}

static void snapshot_free(struct snapshot *s)
{
	free(s->raw);
	free(s);
}

static atomic_uint_fast64_t parsed;

enum ukey_status directory_parse(struct bytes raw, uint32_t generation, const struct ukey_directory **out)
{
	struct snapshot *s = calloc(1, sizeof *s);
	enum ukey_status status = UKEY_MEMORY;

	if (!s)
		return UKEY_MEMORY;
	s->raw = malloc(raw.len ? raw.len : 1);
	if (!s->raw)
		goto out;
	bytes_copy(s->raw, raw);
	s->raw_len = raw.len;
	atomic_init(&s->references, 1);
	s->public = (struct ukey_directory){.generation = generation,
		.keys = s->keys,
		.containers = s->containers,
		.certificates = s->certificates,
		.data = s->data,
		.order = atomic_fetch_add(&parsed, 1) + 1};
	if (!crypto_digest(CRYPTO_SHA256, raw, s->digest))
		goto out;
	status = parse_entries(s, BYTES(s->raw, raw.len)) ? UKEY_OK : UKEY_TOKEN_PROTOCOL;
out:
	if (status == UKEY_OK)
		*out = &s->public;
	else
		snapshot_free(s);
	return status;
}

/* The snapshot that a caller's pointer is the first member of. */
static struct snapshot *snapshot_of(const struct ukey_directory *d)
{
	return (struct snapshot *)(uintptr_t)d;
}

const struct ukey_directory *directory_ref(const struct ukey_directory *d)
{
	atomic_fetch_add_explicit(&snapshot_of(d)->references, 1, memory_order_relaxed);
	return d;
}

void ukey_directory_unref(const struct ukey_directory *d)
{
	if (d && atomic_fetch_sub_explicit(&snapshot_of(d)->references, 1, memory_order_acq_rel) == 1)
		snapshot_free(snapshot_of(d));
}

struct bytes directory_raw(const struct ukey_directory *d)
{
	return BYTES(snapshot_of(d)->raw, snapshot_of(d)->raw_len);
}

struct bytes directory_notes(const struct ukey_directory *d)
{
	return snapshot_of(d)->notes;
}

const uint8_t *directory_digest(const struct ukey_directory *d)
{
	return snapshot_of(d)->digest;
}

/* They ascend, each once: none stands behind the place that its number would give it. */
const struct ukey_key *ukey_directory_key(const struct ukey_directory *d, ukey_key_ref ref)
{
	for (size_t i = ref < d->key_count ? ref + 1u : d->key_count; i-- > 0;)
		if (d->keys[i].ref == ref)
			return &d->keys[i];
	return NULL;
}

const struct ukey_container *directory_container(const struct ukey_directory *d, uint8_t number)
{
	for (size_t i = 0; i < d->container_count; i++)
		if (d->containers[i].number == number)
			return &d->containers[i];
	return NULL;
}

const struct ukey_other_certificate *directory_certificate(const struct ukey_directory *d, uint8_t number)
{
	for (size_t i = 0; i < d->certificate_count; i++)
		if (d->certificates[i].number == number)
			return &d->certificates[i];
	return NULL;
}

const struct ukey_data_entry *directory_data(const struct ukey_directory *d, uint8_t number)
{
	for (size_t i = 0; i < d->data_count; i++)
		if (d->data[i].number == number)
			return &d->data[i];
	return NULL;
}
