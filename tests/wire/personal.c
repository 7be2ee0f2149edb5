/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/personal.h"

#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/tlv.h"

#define DEVICE_POLICY "critical,1.2.840.114283.100.0.10.2.1.10"
#define FROM          "20200101000000Z"
#define FOR_EVER      "99991231235959Z"

#define MUST(what)                                                                                                     \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			fprintf(stderr, "personal: %s:%d: %s\n", __FILE__, __LINE__, #what);                           \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* ---- the makers' CAs ---- */

struct ca {
	EVP_PKEY *key;
	X509 *certificate;
};

static struct maker {
	struct ca root, device, attestation;
	uint8_t *der;
	int der_len;
} makers[PERSONAL_MAKERS];

static X509_NAME *name_of(const char *cn, const char *serial)
{
	X509_NAME *n = X509_NAME_new();

	MUST(n && X509_NAME_add_entry_by_txt(n, "O", MBSTRING_UTF8, (const uint8_t *)"OpenUKey test", -1, -1, 0));
	MUST(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0));
	if (serial)
		MUST(X509_NAME_add_entry_by_txt(n, "serialNumber", MBSTRING_ASC, (const uint8_t *)serial, -1, -1, 0));
	return n;
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	CONF *conf = NCONF_new(NULL); /* empty; policies ask for one */
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	MUST(e && X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
	NCONF_free(conf);
}

struct template
{
	const char *cn, *serial, *constraints, *usage, *policy;
};

/* Issuer NULL: self-signed by `key`. */
static X509 *issue(const struct template *t, EVP_PKEY *key, const struct ca *issuer)
{
	static long number = 0x1000;
	X509 *x = X509_new();
	X509_NAME *subject = name_of(t->cn, t->serial);

	MUST(x && X509_set_version(x, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(x), ++number));
	MUST(X509_set_subject_name(x, subject));
	MUST(X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer->certificate) : subject));
	MUST(ASN1_TIME_set_string_X509(X509_getm_notBefore(x), FROM));
	MUST(ASN1_TIME_set_string_X509(X509_getm_notAfter(x), FOR_EVER));
	MUST(X509_set_pubkey(x, key));
	extend(x, x, NID_subject_key_identifier, "hash");
	if (issuer)
		extend(x, issuer->certificate, NID_authority_key_identifier, "keyid:always");
	if (t->constraints)
		extend(x, x, NID_basic_constraints, t->constraints);
	extend(x, x, NID_key_usage, t->usage);
	if (t->policy)
		extend(x, x, NID_certificate_policies, t->policy);
	MUST(X509_sign(x, issuer ? issuer->key : key, EVP_sha256()) > 0);
	X509_NAME_free(subject);
	return x;
}

static struct ca make_ca(const char *cn, const char *constraints, const struct ca *issuer)
{
	const struct template t = {.cn = cn, .constraints = constraints, .usage = "critical,keyCertSign"};
	struct ca ca = {.key = EVP_EC_gen("P-256")};

	MUST(ca.key);
	ca.certificate = issue(&t, ca.key, issuer);
	return ca;
}

static void free_ca(struct ca *ca)
{
	EVP_PKEY_free(ca->key);
	X509_free(ca->certificate);
}

static void free_makers(void)
{
	for (size_t i = 0; i < PERSONAL_MAKERS; i++) {
		free_ca(&makers[i].root);
		free_ca(&makers[i].device);
		free_ca(&makers[i].attestation);
		OPENSSL_free(makers[i].der);
	}
}

static const struct maker *maker_of(enum personal_maker which)
{
	struct maker *m = &makers[which];
	static bool registered;

	if (m->der)
		return m;
	if (!registered)
		atexit(free_makers);
	registered = true;
	m->root = make_ca(which == PERSONAL_MAKER ? "Maker root" : "Stranger's root", "critical,CA:TRUE", NULL);
	m->device = make_ca("Device CA", "critical,CA:TRUE,pathlen:0", &m->root);
	m->attestation = make_ca("Attestation CA", "critical,CA:TRUE,pathlen:1", &m->root);
	m->der_len = i2d_X509(m->root.certificate, &m->der);
	MUST(m->der_len > 0);
	return m;
}

struct bytes personal_root(enum personal_maker maker)
{
	const struct maker *m = maker_of(maker);

	return BYTES(m->der, (size_t)m->der_len);
}

/* ---- a token's certificates ---- */

static EVP_PKEY *key_of(const uint8_t *point)
{
	char group[] = "P-256";
	uint8_t copy[PERSONAL_POINT_SIZE];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	memcpy(copy, point, sizeof(copy));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof(copy)),
		OSSL_PARAM_construct_end(),
	};
	MUST(ctx && EVP_PKEY_fromdata_init(ctx) > 0);
	MUST(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) > 0);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Issuer first, leaf last. */
static size_t make_chain(const struct template *t, const uint8_t *point, const struct ca *issuer, uint8_t *to)
{
	EVP_PKEY *key = key_of(point);
	X509 *leaf = issue(t, key, issuer);
	uint8_t *at = to;

	MUST(i2d_X509(issuer->certificate, NULL) + i2d_X509(leaf, NULL) <= PERSONAL_CHAIN_MAX);
	MUST(i2d_X509(issuer->certificate, &at) > 0 && i2d_X509(leaf, &at) > 0);
	X509_free(leaf);
	EVP_PKEY_free(key);
	return (size_t)(at - to);
}

static void serial_text(const struct ramtoken *t, char text[17])
{
	for (size_t i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02X", t->hal.serial[i]);
}

void personal_certify(const struct ramtoken *t, const struct personal_options *o, const uint8_t *device_point,
	const uint8_t *attestation_point, struct personal *out)
{
	static const struct personal_options usual;
	char serial[17];

	o = o ? o : &usual;
	const struct maker *m = maker_of(o->maker);
	serial_text(t, serial);
	const char *named = o->serial ? o->serial : serial;
	const struct template device = {
		.cn = "Device key", .serial = named, .usage = "critical,keyAgreement", .policy = DEVICE_POLICY};
	const struct template attestation = {.cn = "Attestation key",
		.serial = named,
		.constraints = "critical,CA:TRUE,pathlen:0",
		.usage = "critical,keyCertSign"};

	*out = (struct personal){0};
	memcpy(out->device_point, device_point, PERSONAL_POINT_SIZE);
	memcpy(out->attestation_point, attestation_point, PERSONAL_POINT_SIZE);
	out->device_chain_len =
		make_chain(&device, o->device_point ? o->device_point : device_point, &m->device, out->device_chain);
	out->attestation_chain_len =
		make_chain(&attestation, attestation_point, &m->attestation, out->attestation_chain);
	for (size_t i = 0; i < sizeof(out->unlock_key); i++)
		out->unlock_key[i] = o->unlock_key ? o->unlock_key[i] : (uint8_t)(0x4B + i * 3 + t->hal.serial[i % 8]);
}

/* ---- the factory ---- */

void personal_put_close(struct builder *b, const struct personal *p, bool with_unlock_key)
{
	tlv_put(b, 0xA0, BYTES(p->device_chain, p->device_chain_len));
	tlv_put(b, 0xA1, BYTES(p->attestation_chain, p->attestation_chain_len));
	if (with_unlock_key) {
		tlv_put(b, 0x82, BYTES_OF(p->unlock_key));
		tlv_put_u8(b, 0x83, PERSONAL_UNLOCK_VERSION);
	}
	MUST(!b->failed);
}

/* Extended, in clear. The answer's data; 9000 it must be. */
static struct bytes clear_command(struct ramtoken *t, uint8_t ins, struct bytes data)
{
	uint8_t raw[APDU_SHORT_MAX + 2 * PERSONAL_CHAIN_MAX];
	struct builder b = builder_of(raw, sizeof(raw));
	struct rapdu r;

	apdu_encode(&b, &(struct apdu){0x80, ins, 0, 0, data, APDU_LE_MAX, true, false});
	MUST(!b.failed && rapdu_parse(ramtoken_transceive(t, builder_bytes(&b)), &r));
	MUST(r.sw == SW_OK);
	return r.data;
}

void personal_make(struct ramtoken *t, const struct personal_options *o, struct personal *out)
{
	uint8_t points[2][PERSONAL_POINT_SIZE], raw[64 + 2 * PERSONAL_CHAIN_MAX];
	struct builder b = builder_of(raw, sizeof(raw));
	struct bytes device, attestation;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, PERSONAL_POINT_SIZE, PERSONAL_POINT_SIZE, &device     },
		{0x81, TLV_REQUIRED, PERSONAL_POINT_SIZE, PERSONAL_POINT_SIZE, &attestation},
	};

	MUST(tlv_parse(clear_command(t, 0xF0, BYTES_NONE), fields, 2));
	bytes_copy(points[0], device);
	bytes_copy(points[1], attestation);
	bytes_copy(t->device_point, device);
	personal_certify(t, o, points[0], points[1], out);
	personal_put_close(&b, out, !o || !o->no_unlock_key);
	clear_command(t, 0xF2, builder_bytes(&b));
}

/* ---- the host's end ---- */

uint8_t personal_class(uint8_t channel, bool proprietary, bool secure)
{
	return apdu_class_encode(
		&(struct apdu_class){.proprietary = proprietary, .secure = secure, .channel = channel});
}

enum scp_host_result personal_try_open(
	struct ramtoken *t, uint8_t channel, const uint8_t *device_point, struct scp_session *s, uint16_t *sw)
{
	static const struct scp_params params = {SCP_USAGE_MAC_ENC, 16};
	uint8_t data[SCP_AUTHENTICATE_SIZE], raw[APDU_SHORT_MAX];
	struct builder d = builder_of(data, sizeof(data)), b = builder_of(raw, sizeof(raw));
	struct scp_host *h = scp_host_begin(&params, &d);
	struct rapdu r;

	MUST(h);
	apdu_encode(&b, &(struct apdu){personal_class(channel, true, false), SCP_INS_INTERNAL_AUTHENTICATE, 0x01,
				SCP_KID_SCP11B, builder_bytes(&d), APDU_LE_SHORT_MAX, false, false});
	MUST(rapdu_parse(ramtoken_transceive(t, builder_bytes(&b)), &r));
	if (sw)
		*sw = r.sw;
	enum scp_host_result result = scp_host_finish(h, BYTES(device_point, PERSONAL_POINT_SIZE), r.data, s);
	scp_host_free(h);
	return result;
}

void personal_open(struct ramtoken *t, uint8_t channel, const uint8_t *device_point, struct scp_session *s)
{
	MUST(personal_try_open(t, channel, device_point, s, NULL) == SCP_HOST_OK);
}

struct bytes personal_wrap(uint8_t channel, struct scp_session *s, const struct apdu *a)
{
	static uint8_t data[APDU_DATA_MAX], raw[APDU_COMMAND_MAX];
	struct builder d = builder_of(data, sizeof(data)), b = builder_of(raw, sizeof(raw));
	struct apdu wrapped = *a;

	builder_put(&d, a->data);
	wrapped.extended = true;
	wrapped.cla = personal_class(channel, a->cla & 0x80, false);
	MUST(scp_wrap_command(s, &wrapped, &d));
	apdu_encode(&b, &wrapped);
	MUST(!b.failed);
	return builder_bytes(&b);
}

uint16_t personal_send(
	struct ramtoken *t, uint8_t channel, struct scp_session *s, const struct apdu *a, struct bytes *answer)
{
	static uint8_t plain[APDU_DATA_MAX];
	struct builder b = builder_of(plain, sizeof(plain));
	struct rapdu r;

	if (answer)
		*answer = BYTES_NONE;
	if (!rapdu_parse(ramtoken_transceive(t, personal_wrap(channel, s, a)), &r)) {
		scp_session_abort(s);
		return 0;
	}
	builder_put(&b, r.data);
	if (!scp_unwrap_response(s, r.sw, &b))
		return 0;
	if (answer)
		*answer = builder_bytes(&b);
	return r.sw;
}

uint16_t personal_initialize(struct ramtoken *t, struct bytes data)
{
	static const uint8_t select[] = {0x00, 0xA4, 0x04, 0x00, 5, 0xF0, 0x4F, 0x70, 0x65, 0x6E};
	struct scp_session s;

	personal_open(t, 0, t->device_point, &s);
	uint16_t sw = personal_send(t, 0, &s, &(struct apdu){.cla = 0x80, .ins = 0xE0, .data = data}, NULL);
	scp_session_close(&s);
	MUST(ramtoken_transceive(t, BYTES_OF(select)).len > 0);
	return sw;
}
