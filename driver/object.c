/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and data objects. */
#include "driver/directory.h"
#include "driver/directory_change.h"
#include "driver/text.h"
#include "driver/token.h"

#include <stdlib.h>
#include <string.h>

/* doc/token-protocol.md 4.5: a value over this is refused by every token. */
#define OBJECT_MOST 16384u

static bool label_valid(const char *label)
{
	struct bytes text = text_bytes(label);
	return text.len <= UKEY_LABEL_MAX && text_valid(text);
}

static bool too_large(struct ukey_token *t, size_t len)
{
	struct ukey_token_info info;

	ukey_token_info(t, &info);
	return len > OBJECT_MOST || len > info.max_object;
}

/* ---- reading certificates ---------------------------------------------------------------------------------------- */

struct place {
	enum card_object kind;
	uint8_t number;
};

static const struct ukey_certificate_entry *entry_at(const struct ukey_directory *d, struct place p)
{
	if (p.kind == CARD_CERTIFICATE) {
		const struct ukey_key *k = ukey_directory_key(d, p.number);
		return k && k->certificate.exists ? &k->certificate : NULL;
	}
	const struct ukey_other_certificate *o = directory_certificate(d, p.number);
	return o ? &o->certificate : NULL;
}

/* Read it and hold it against the directory. UKEY_TOKEN_PROTOCOL: it is not what the directory says. */
static enum ukey_status read_and_check(
	struct ukey_token *t, struct place p, const struct ukey_certificate_entry *e, uint8_t **der, size_t *len)
{
	uint8_t digest[32], *read;
	size_t read_len;
	enum ukey_status status = t->card->read_certificate(&t->port, p.kind, p.number, &read, &read_len);

	if (status != UKEY_OK)
		return status;
	if (!crypto_digest(CRYPTO_SHA256, BYTES(read, read_len), digest))
		status = UKEY_MEMORY;
	else if (read_len != e->length || memcmp(digest, e->sha256, sizeof digest) != 0)
		status = UKEY_TOKEN_PROTOCOL;
	if (status != UKEY_OK) {
		free(read);
		return status;
	}
	token_keep(t, digest, BYTES(read, read_len));
	*der = read;
	*len = read_len;
	return UKEY_OK;
}

static enum ukey_status read_once(struct ukey_token *t, struct place p, uint8_t **der, size_t *len)
{
	const struct ukey_directory *d;
	enum ukey_status status = token_directory(t, &d);

	if (status != UKEY_OK)
		return status;
	const struct ukey_certificate_entry *e = entry_at(d, p);
	status = e ? token_cached(t, e->sha256, der, len) : UKEY_NOT_FOUND;
	if (e && status == UKEY_NOT_FOUND) {
		status = read_and_check(t, p, e, der, len);
		/* Another program wrote since the directory was read? */
		if (status == UKEY_TOKEN_PROTOCOL || status == UKEY_NOT_FOUND)
			token_stale(t);
	}
	ukey_directory_unref(d);
	return status;
}

/* 0 commands when both the directory and the certificate are known, without waiting for the token's owner. */
static enum ukey_status read_known(struct ukey_token *t, struct place p, uint8_t **der, size_t *len)
{
	const struct ukey_directory *d = token_known_directory(t);
	const struct ukey_certificate_entry *e = d ? entry_at(d, p) : NULL;
	enum ukey_status status = e ? token_cached(t, e->sha256, der, len) : UKEY_NOT_FOUND;

	ukey_directory_unref(d);
	return status;
}

static enum ukey_status read_certificate(struct ukey_token *t, struct place p, uint8_t **der, size_t *len)
{
	enum ukey_status status = read_known(t, p, der, len);

	if (status != UKEY_NOT_FOUND)
		return status;
	status = token_begin(t);
	if (status != UKEY_OK)
		return status;
	status = read_once(t, p, der, len);
	if (token_is_stale(t) && (status == UKEY_TOKEN_PROTOCOL || status == UKEY_NOT_FOUND))
		status = read_once(t, p, der, len);
	return token_finish(t, status);
}

enum ukey_status ukey_read_certificate(struct ukey_token *t, ukey_key_ref ref, uint8_t **der, size_t *len)
{
	return read_certificate(t, (struct place){CARD_CERTIFICATE, ref}, der, len);
}

enum ukey_status ukey_read_other_certificate(struct ukey_token *t, uint8_t number, uint8_t **der, size_t *len)
{
	return read_certificate(t, (struct place){CARD_OTHER_CERTIFICATE, number}, der, len);
}

/* ---- writing certificates ---------------------------------------------------------------------------------------- */

static enum ukey_status write_object(struct ukey_token *t, struct place p, const struct card_body *body)
{
	uint32_t generation;
	enum ukey_status status = t->card->write(&t->port, p.kind, p.number, body, &generation);

	if (status == UKEY_OK)
		token_wrote(t, generation,
			&(struct directory_change){
				.verb = DIRECTORY_WRITE, .kind = p.kind, .number = p.number, .body = body});
	else if (status == UKEY_TOKEN_PROTOCOL || t->card->tells_nothing)
		token_stale(t);
	return status;
}

static enum ukey_status erase_object(struct ukey_token *t, struct place p)
{
	uint32_t generation;
	enum ukey_status status = t->card->erase(&t->port, p.kind, p.number, &generation);

	if (status == UKEY_OK)
		token_wrote(t, generation,
			&(struct directory_change){.verb = DIRECTORY_ERASE, .kind = p.kind, .number = p.number});
	else if (status == UKEY_TOKEN_PROTOCOL || t->card->tells_nothing)
		token_stale(t);
	return status;
}

static void keep_written(struct ukey_token *t, struct bytes der)
{
	uint8_t digest[32];

	if (crypto_digest(CRYPTO_SHA256, der, digest))
		token_keep(t, digest, der);
}

static enum ukey_status belongs(struct bytes spki, const struct ukey_key *k)
{
	const struct crypto_pubkey ours = key_public(k);
	struct crypto_pubkey theirs;

	if (!crypto_pubkey_from_spki(spki, &theirs) || !crypto_pubkey_equal(&ours, &theirs))
		return UKEY_CERT_MISMATCH;
	return UKEY_OK;
}

static enum ukey_status write_for_key(
	struct ukey_token *t, ukey_key_ref ref, struct bytes der, struct bytes spki, const char *label)
{
	const struct ukey_directory *d;
	enum ukey_status status = token_directory(t, &d);

	if (status != UKEY_OK)
		return status;
	const struct ukey_key *k = ukey_directory_key(d, ref);
	status = k ? belongs(spki, k) : UKEY_NOT_FOUND;
	if (status == UKEY_OK) {
		const struct card_body body = {
			.certificate = der, .label = text_bytes(label ? label : k->label), .number = -1};
		status = write_object(t, (struct place){CARD_CERTIFICATE, ref}, &body);
	}
	ukey_directory_unref(d);
	if (status == UKEY_OK)
		keep_written(t, der);
	return status;
}

enum ukey_status ukey_write_certificate(
	struct ukey_token *t, ukey_key_ref ref, const uint8_t *der, size_t len, const char *label)
{
	struct crypto_cert cert;
	enum ukey_status status;

	if (!label_valid(label))
		return UKEY_ARGUMENT;
	if (too_large(t, len))
		return UKEY_TOO_LARGE;
	if (!crypto_cert_parse(BYTES(der, len), &cert))
		return UKEY_CERT_INVALID;
	status = token_begin_writing(t, true);
	if (status != UKEY_OK)
		return status;
	status = write_for_key(t, ref, BYTES(der, len), cert.spki, label);
	return token_finish_writing(t, status);
}

static enum ukey_status delete_certificate(struct ukey_token *t, struct place p)
{
	enum ukey_status status = token_begin_writing(t, true);

	if (status != UKEY_OK)
		return status;
	status = erase_object(t, p);
	return token_finish_writing(t, status);
}

enum ukey_status ukey_delete_certificate(struct ukey_token *t, ukey_key_ref ref)
{
	return delete_certificate(t, (struct place){CARD_CERTIFICATE, ref});
}

enum ukey_status ukey_delete_other_certificate(struct ukey_token *t, uint8_t number)
{
	return delete_certificate(t, (struct place){CARD_OTHER_CERTIFICATE, number});
}

/* ---- a free place ------------------------------------------------------------------------------------------------ */

static bool taken(const struct ukey_directory *d, enum card_object kind, uint8_t number)
{
	return kind == CARD_DATA ? directory_data(d, number) != NULL : directory_certificate(d, number) != NULL;
}

/* `number` as the caller gave it; -1: the first free one of `count`. */
static enum ukey_status find_place(struct ukey_token *t, int number, unsigned count, struct place *p)
{
	const struct ukey_directory *d;
	enum ukey_status status;
	unsigned n = 0;

	/* A card that has no place for such a thing at all. */
	if (count == 0)
		return UKEY_NOT_SUPPORTED;
	if (number >= 0) {
		p->number = (uint8_t)number;
		return (unsigned)number < count ? UKEY_OK : UKEY_ARGUMENT;
	}
	status = token_directory(t, &d);
	if (status != UKEY_OK)
		return status;
	while (n < count && taken(d, p->kind, (uint8_t)n))
		n++;
	ukey_directory_unref(d);
	p->number = (uint8_t)n;
	return n < count ? UKEY_OK : UKEY_TOKEN_FULL;
}

enum ukey_status ukey_write_other_certificate(struct ukey_token *t, int number, const uint8_t *der, size_t len,
	const uint8_t *id, size_t id_len, const char *label, uint8_t category, uint8_t *number_out)
{
	const struct card_body body = {.certificate = BYTES(der, len),
		.id = BYTES(id, id_len),
		.label = text_bytes(label ? label : ""),
		.number = category};
	struct place p = {.kind = CARD_OTHER_CERTIFICATE};
	struct crypto_cert cert;
	struct ukey_token_info info;
	enum ukey_status status;

	if (!label_valid(label) || category > 3 || id_len > UKEY_ID_MAX || number < -1 || number > UINT8_MAX)
		return UKEY_ARGUMENT;
	if (too_large(t, len))
		return UKEY_TOO_LARGE;
	if (!crypto_cert_parse(BYTES(der, len), &cert))
		return UKEY_CERT_INVALID;
	status = token_begin(t);
	if (status != UKEY_OK)
		return status;
	ukey_token_info(t, &info);
	status = token_require_any(t);
	if (status == UKEY_OK)
		status = find_place(t, number, info.max_certificates, &p);
	if (status == UKEY_OK)
		status = write_object(t, p, &body);
	if (status == UKEY_OK) {
		keep_written(t, body.certificate);
		if (number_out)
			*number_out = p.number;
	}
	return token_finish(t, status);
}

/* ---- data objects ------------------------------------------------------------------------------------------------ */

/* What the directory says of it decides who may read it. */
static enum ukey_status may_read(struct ukey_token *t, uint8_t number, size_t *length)
{
	const struct ukey_directory *d;
	enum ukey_status status = token_directory(t, &d);

	if (status != UKEY_OK)
		return status;
	const struct ukey_data_entry *e = directory_data(d, number);
	status = !e ? UKEY_NOT_FOUND : e->is_private ? token_require(t, UKEY_USER) : UKEY_OK;
	if (e)
		*length = e->length;
	ukey_directory_unref(d);
	return status;
}

enum ukey_status ukey_read_data(struct ukey_token *t, uint8_t number, struct ukey_data *out)
{
	size_t length = 0;
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	status = may_read(t, number, &length);
	if (status == UKEY_OK)
		status = t->card->read_data(&t->port, number, out);
	/* Another program wrote since the directory was read. */
	if (status == UKEY_NOT_FOUND || (status == UKEY_OK && out->length != length))
		token_stale(t);
	return token_finish(t, status);
}

void ukey_data_clear(struct ukey_data *d)
{
	if (d->value)
		bytes_wipe(d->value, d->length);
	free(d->value);
	bytes_wipe(d, sizeof *d);
}

static bool data_valid(const struct ukey_data *in)
{
	return memchr(in->label, '\0', sizeof in->label) && memchr(in->application, '\0', sizeof in->application) &&
	       label_valid(in->label) && label_valid(in->application) && in->oid_len <= sizeof in->oid &&
	       (in->value || in->length == 0);
}

enum ukey_status ukey_write_data(struct ukey_token *t, int number, const struct ukey_data *in, uint8_t *number_out)
{
	static const uint8_t nothing;
	struct place p = {.kind = CARD_DATA};
	struct ukey_token_info info;
	enum ukey_status status;

	if (!data_valid(in) || number < -1 || number > UINT8_MAX)
		return UKEY_ARGUMENT;
	if (too_large(t, in->length))
		return UKEY_TOO_LARGE;
	const struct card_body body = {.label = text_bytes(in->label),
		.application = text_bytes(in->application),
		.oid = BYTES(in->oid, in->oid_len),
		.value = BYTES(in->value ? in->value : &nothing, in->length),
		.number = in->is_private};
	status = token_begin(t);
	if (status != UKEY_OK)
		return status;
	ukey_token_info(t, &info);
	status = token_require(t, UKEY_USER);
	if (status == UKEY_OK)
		status = find_place(t, number, info.max_data_objects, &p);
	if (status == UKEY_OK)
		status = write_object(t, p, &body);
	if (status == UKEY_OK && number_out)
		*number_out = p.number;
	return token_finish(t, status);
}

enum ukey_status ukey_delete_data(struct ukey_token *t, uint8_t number)
{
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	status = token_require(t, UKEY_USER);
	if (status == UKEY_OK)
		status = erase_object(t, (struct place){CARD_DATA, number});
	return token_finish(t, status);
}
