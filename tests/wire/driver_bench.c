/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/wire/driver_bench.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_status(enum ukey_status got, enum ukey_status want, const char *file, int line)
{
	if (got != want)
		fprintf(stderr, "%s:%d: %s instead of %s\n", file, line, ukey_status_name(got), ukey_status_name(want));
	_assert_int_equal(got, want, file, line);
}

int bench_setup(void **state)
{
	struct bench *b = calloc(1, sizeof *b);

	trusted_configure(NULL);
	trusted_forget();
	b->loop = loop_new(2);
	b->chip[0] = trusted_token(ramtoken_new(NULL));
	b->chip[1] = ramtoken_new(NULL);
	b->chip[1]->hal.serial[7] = 0x02;
	trusted_token(b->chip[1]);
	loop_plug(b->loop, 0, b->chip[0]);
	ok(ukey_open(&b->u));
	*state = b;
	return 0;
}

int bench_teardown(void **state)
{
	struct bench *b = *state;

	ukey_token_unref(b->t);
	ukey_close(b->u);
	/* Every connection that was opened was closed. */
	for (unsigned i = 0; i < LOOP_READERS; i++)
		assert_int_equal(b->loop->readers[i].connections, 0);
	loop_free(b->loop);
	ramtoken_free(b->chip[0]);
	ramtoken_free(b->chip[1]);
	free(b);
	return 0;
}

void bench_refresh(struct bench *b)
{
	struct ukey_token **list;
	size_t count;

	ok(ukey_refresh(b->u));
	ok(ukey_tokens(b->u, &list, &count));
	for (size_t i = 0; i < count && !b->t; i++) {
		struct ukey_token_info info;
		ukey_token_info(list[i], &info);
		if (info.serial[15] == '1')
			b->t = ukey_token_ref(list[i]);
	}
	ukey_tokens_free(list, count);
	assert_non_null(b->t);
}

void bench_initialize(struct ukey_token *t)
{
	const struct ukey_initialize how = {.label = "Bench",
		.so_pin = (const uint8_t *)SO_PIN,
		.so_len = strlen(SO_PIN),
		.user_pin = (const uint8_t *)USER_PIN,
		.user_len = strlen(USER_PIN)};
	ok(ukey_initialize(t, &how));
}

int bench_setup_operational(void **state)
{
	bench_setup(state);
	bench_refresh(*state);
	bench_initialize(((struct bench *)*state)->t);
	return 0;
}

void bench_login(struct bench *b, enum ukey_role role)
{
	if (role == UKEY_SO)
		ok(ukey_login(b->t, role, PIN(SO_PIN)));
	else
		ok(ukey_login(b->t, role, PIN(USER_PIN)));
}

ukey_key_ref bench_generate(struct bench *b, int ref, enum ukey_algorithm a, unsigned usage)
{
	const struct ukey_generate how = {.ref = ref,
		.pair = UKEY_SIGNATURE,
		.algorithm = a,
		.id = (const uint8_t *)"\x01\x02",
		.id_len = 2,
		.label = "key",
		.container_name = "container",
		.usage = usage};
	ukey_key_ref made;

	ok(ukey_generate(b->t, &how, &made));
	return made;
}

struct ukey_token_info bench_info(struct bench *b)
{
	struct ukey_token_info info;

	ukey_token_info(b->t, &info);
	return info;
}

/* ---- certificates ------------------------------------------------------------------------------------------------ */

static void add_filler(X509 *x, size_t filler)
{
	ASN1_OCTET_STRING *text = ASN1_OCTET_STRING_new();
	uint8_t *bytes = calloc(1, filler + 1);
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.99999.1", 1);
	X509_EXTENSION *ext;

	ASN1_OCTET_STRING_set(text, bytes, (int)filler);
	ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, text);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	ASN1_OBJECT_free(oid);
	ASN1_OCTET_STRING_free(text);
	free(bytes);
}

uint8_t *bench_certificate(struct bytes spki, size_t filler, size_t *len)
{
	const uint8_t *at = spki.data;
	EVP_PKEY *subject = d2i_PUBKEY(NULL, &at, (long)spki.len), *ca = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_NAME_new();
	uint8_t *der = NULL;

	assert_non_null(subject);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"Bench", -1, -1, 0);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 4711);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, name);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, subject);
	if (filler > 0)
		add_filler(x, filler);
	assert_true(X509_sign(x, ca, EVP_sha256()) > 0);
	int n = i2d_X509(x, &der);
	assert_true(n > 0);
	uint8_t *copy = malloc((size_t)n);
	memcpy(copy, der, (size_t)n);
	*len = (size_t)n;
	OPENSSL_free(der);
	X509_NAME_free(name);
	X509_free(x);
	EVP_PKEY_free(subject);
	EVP_PKEY_free(ca);
	return copy;
}

uint8_t *bench_certificate_for(struct bench *b, ukey_key_ref ref, size_t filler, size_t *len)
{
	const struct ukey_directory *d;
	uint8_t *spki, *der;
	size_t spki_len;

	ok(ukey_directory(b->t, &d));
	ok(ukey_key_spki(ukey_directory_key(d, ref), &spki, &spki_len));
	der = bench_certificate(BYTES(spki, spki_len), filler, len);
	free(spki);
	ukey_directory_unref(d);
	return der;
}

void bench_certify(struct bench *b, ukey_key_ref ref, size_t filler)
{
	size_t len;
	uint8_t *der = bench_certificate_for(b, ref, filler, &len);

	ok(ukey_write_certificate(b->t, ref, der, len, NULL));
	free(der);
}

struct crypto_pubkey bench_public(struct bench *b, ukey_key_ref ref, const struct ukey_directory **d)
{
	ok(ukey_directory(b->t, d));
	const struct ukey_key *k = ukey_directory_key(*d, ref);
	assert_non_null(k);
	return (struct crypto_pubkey){.type = k->modulus                  ? CRYPTO_RSA
					      : k->algorithm == UKEY_P256 ? CRYPTO_EC_P256
					      : k->algorithm == UKEY_P384 ? CRYPTO_EC_P384
									  : CRYPTO_EC_P521,
		.modulus = BYTES(k->modulus, k->modulus_len),
		.exponent = BYTES(k->exponent, k->exponent_len),
		.point = BYTES(k->point, k->point_len)};
}

bool bench_may_happen(enum ukey_status s)
{
	switch (s) {
	case UKEY_OK:
	case UKEY_TOKEN_REMOVED:
	case UKEY_TOKEN_RESET:
	case UKEY_NOT_LOGGED_IN:
	case UKEY_ALREADY_LOGGED_IN:
		return true;
	default:
		return false;
	}
}
