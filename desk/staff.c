/* SPDX-License-Identifier: Apache-2.0 */
/* Who works here, and how they prove it: with the key on their own token, never with a password (SE-02, SE-09). */
#include "config.h"

#include "desk/private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/crypto.h"
#include "common/hex.h"
#include "common/i18n.h"
#include "common/tlv.h"

#define LOGIN_AGE        300
#define SIGNATURE_MAX    1024
#define NONCE_SIZE       16
#define STATEMENT_MAX    400
#define CERTIFICATE_MAX  16384
#define APPROVERS_NEEDED 2

static const struct {
	const char *name;
	unsigned role;
} roles[] = {
	{"operator", DESK_OPERATOR},
	{"approver", DESK_APPROVER},
	{"auditor",  DESK_AUDITOR },
};

#define ROLES (sizeof(roles) / sizeof(roles[0]))

bool desk_roles_parse(const char *text, unsigned *out)
{
	unsigned found = 0;

	for (;;) {
		size_t n = strcspn(text, ","), i = 0;
		while (i < ROLES && (strlen(roles[i].name) != n || strncmp(roles[i].name, text, n) != 0))
			i++;
		if (i == ROLES)
			return false;
		found |= roles[i].role;
		if (text[n] == '\0')
			break;
		text += n + 1;
	}
	*out = found;
	return true;
}

/* ---- proving who one is ---- */

static bool key_of(struct bytes certificate, struct crypto_cert *cert, struct crypto_pubkey *key)
{
	return certificate.len <= CERTIFICATE_MAX && crypto_cert_parse(certificate, cert) &&
	       crypto_pubkey_from_spki(cert->spki, key);
}

static bool signed_by(const struct crypto_pubkey *key, struct bytes message, struct bytes signature)
{
	struct crypto_scheme scheme = {
		.kind = key->type == CRYPTO_RSA ? CRYPTO_RSA_PKCS1 : CRYPTO_ECDSA, .hash = CRYPTO_SHA256};
	uint8_t digest[CRYPTO_DIGEST_MAX];

	return crypto_digest(CRYPTO_SHA256, message, digest) &&
	       crypto_verify(key, &scheme, BYTES(digest, crypto_hash_size(CRYPTO_SHA256)), signature) == CRYPTO_GOOD;
}

static bool valid_at(const struct crypto_cert *cert, int64_t now)
{
	time_t seconds = (time_t)now;
	struct tm date;
	char text[16];

	return gmtime_r(&seconds, &date) != NULL && strftime(text, sizeof(text), "%Y%m%d%H%M%S", &date) != 0 &&
	       memcmp(cert->not_before, text, sizeof(cert->not_before) - 1) <= 0 &&
	       memcmp(cert->not_after, text, sizeof(cert->not_after) - 1) >= 0;
}

/* The certificate in memory of its own: the caller frees it. */
static enum desk_status read_staff(
	struct desk *desk, const char *name, int64_t *id, uint8_t **der, size_t *len, uint8_t key[DESK_HASH_SIZE])
{
	sqlite3_stmt *s;
	enum desk_status status = desk_query(
		desk, &s, "SELECT id, certificate, key FROM staff WHERE name = ?1 AND active = 1", "t", name);
	int step;

	if (status != DESK_OK)
		return status;
	step = sqlite3_step(s);
	if (step == SQLITE_ROW) {
		*id = sqlite3_column_int64(s, 0);
		*len = (size_t)sqlite3_column_bytes(s, 1);
		*der = malloc(*len + 1);
		if (sqlite3_column_bytes(s, 2) == DESK_HASH_SIZE)
			bytes_copy(key, BYTES(sqlite3_column_blob(s, 2), DESK_HASH_SIZE));
		if (*der != NULL)
			bytes_copy(*der, BYTES(sqlite3_column_blob(s, 1), *len));
		else
			status = DESK_MEMORY;
	} else {
		status = step == SQLITE_DONE ? DESK_STAFF_UNKNOWN : desk_sql_failed(desk);
	}
	sqlite3_finalize(s);
	return status;
}

/* A statement that is none of any other protocol, desk, person or moment; its signature. */
static enum desk_status prove(struct desk *desk, const char *name, int64_t at, struct bytes certificate,
	const uint8_t registered[DESK_HASH_SIZE], const struct desk_signer *signer, json_t **proof)
{
	char statement[STATEMENT_MAX], nonce[HEX_SIZE(NONCE_SIZE)], text[HEX_SIZE(SIGNATURE_MAX)];
	uint8_t random[NONCE_SIZE], signature[SIGNATURE_MAX];
	uint8_t hash[CRYPTO_DIGEST_MAX];
	struct builder b = builder_of(signature, sizeof(signature));
	struct crypto_cert cert;
	struct crypto_pubkey key;
	enum desk_status status;

	if (!key_of(certificate, &cert, &key) || !crypto_digest(CRYPTO_SHA256, cert.spki, hash) ||
		!bytes_equal(BYTES(hash, DESK_HASH_SIZE), BYTES(registered, DESK_HASH_SIZE)))
		return desk_fail(DESK_DAMAGED, _("the certificate of %s is not the registered one"), name);
	if (!valid_at(&cert, at))
		return desk_fail(DESK_LOGIN_FAILED, _("the certificate is expired or not valid yet"));
	if (!crypto_random(random, sizeof(random)))
		return DESK_CRYPTO;
	hex_encode(BYTES_OF(random), nonce, sizeof(nonce));
	snprintf(statement, sizeof(statement),
		"OpenUKey helpdesk log-in 1\ndesk: %s\nstaff: %s\ntime: %lld\nnonce: %s\n", desk->id, name,
		(long long)at, nonce);
	struct bytes message = BYTES((const uint8_t *)statement, strlen(statement));
	status = signer->sign(signer->arg, certificate, message, &b);
	if (status == DESK_OK && (b.failed || !signed_by(&key, message, builder_bytes(&b))))
		status = DESK_LOGIN_FAILED;
	if (status == DESK_OK) {
		hex_encode(builder_bytes(&b), text, sizeof(text));
		*proof = json_pack("{s:s, s:I, s:s}", "nonce", nonce, "time", (json_int_t)at, "signature", text);
	}
	return status;
}

enum desk_status desk_login(
	struct desk *desk, const char *name, const struct desk_signer *signer, struct desk_person *out)
{
	struct desk_person who = {0};
	uint8_t *der = NULL, key[DESK_HASH_SIZE] = {0};
	size_t len = 0;
	json_t *proof = NULL;
	int64_t at = desk->now(desk->now_arg);
	enum desk_status status, proved;

	desk_detail_clear();
	if (strlen(name) > DESK_NAME_MAX)
		return DESK_STAFF_UNKNOWN;
	snprintf(who.name, sizeof(who.name), "%s", name);
	proved = read_staff(desk, name, &who.id, &der, &len, key);
	if (proved == DESK_OK) /* without the lock: this waits for a person */
		proved = prove(desk, name, at, BYTES(der, len), key, signer, &proof);
	free(der);
	if (proved != DESK_OK && !desk_status_recorded(proved))
		return proved;
	char why[256];
	snprintf(why, sizeof(why), "%s", desk_detail());
	status = desk_begin(desk);
	if (status == DESK_OK && proved == DESK_OK)
		status = desk_record(desk, "login", &who, proof);
	else
		json_decref(proof);
	if (status == DESK_OK && proved != DESK_OK)
		status = desk_fail(proved, "%s", why);
	who.at = desk->at;
	status = desk_end(desk, status, "login", &who);
	if (status == DESK_OK)
		*out = who;
	return status;
}

enum desk_status desk_allowed(struct desk *desk, const struct desk_person *who, unsigned needed)
{
	int64_t has = 0;
	enum desk_status status = desk_number(desk, &has,
		"SELECT roles FROM staff WHERE id = ?1 AND name = ?2 AND active = 1", "it", who->id, who->name);

	if (status == DESK_NOT_FOUND)
		return DESK_STAFF_UNKNOWN;
	if (status != DESK_OK)
		return status;
	if (desk->at - who->at > LOGIN_AGE || who->at - desk->at > LOGIN_AGE)
		return DESK_LOGIN_AGE;
	return ((unsigned)has & needed) != 0 ? DESK_OK : DESK_ROLE;
}

/* Hexadecimal as the register has it, without leading zeros, of the DER of an INTEGER. */
static bool serial_text(struct bytes integer, char *out, size_t cap)
{
	struct cursor c = cursor_of(integer);
	struct bytes value;
	char text[HEX_SIZE(64)];
	uint32_t tag;

	if (!tlv_next(&c, &tag, &value) || !hex_encode(value, text, sizeof(text)))
		return false;
	for (char *t = text; *t != '\0'; t++)
		if (*t >= 'A' && *t <= 'F')
			*t = (char)(*t - 'A' + 'a');
	return (size_t)snprintf(out, cap, "%s", text + strspn(text, "0")) < cap;
}

enum desk_status desk_not_own(struct desk *desk, const struct desk_person *who, const char *serial)
{
	sqlite3_stmt *s;
	struct crypto_cert cert;
	char number[HEX_SIZE(64)] = "";
	int64_t own = 0;
	enum desk_status status = desk_query(desk, &s, "SELECT certificate FROM staff WHERE id = ?1", "i", who->id);

	if (status == DESK_OK && sqlite3_step(s) == SQLITE_ROW &&
		(!crypto_cert_parse(BYTES(sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0)), &cert) ||
			!serial_text(cert.serial, number, sizeof(number))))
		status = DESK_DAMAGED;
	sqlite3_finalize(s);
	if (status == DESK_OK)
		status = desk_number(desk, &own,
			"SELECT (SELECT count(*) FROM certificate WHERE token = ?1 AND ltrim(lower(serial), '0') = ?2)"
			" + (SELECT count(*) FROM token WHERE serial = ?1 AND lower(holder) = lower(?3))",
			"ttt", serial, number, who->name);
	return status == DESK_OK && own > 0 ? DESK_OWN_TOKEN : status;
}

enum desk_status desk_allowed_two(
	struct desk *desk, const struct desk_person *by, unsigned needed, const struct desk_person *second)
{
	enum desk_status status = desk_allowed(desk, by, needed);

	if (status == DESK_OK && (second == NULL || second->id == by->id))
		status = DESK_SAME_PERSON;
	if (status == DESK_OK)
		status = desk_allowed(desk, second, DESK_APPROVER | DESK_AUDITOR);
	return status;
}

/* ---- the list ---- */

static enum desk_status count(struct desk *desk, unsigned role, int64_t *out)
{
	return desk_number(
		desk, out, "SELECT count(*) FROM staff WHERE active = 1 AND roles & ?1 <> 0", "i", (int64_t)role);
}

/* The founding ends when the desk can work without it, and never comes back. */
static enum desk_status founding(struct desk *desk, bool *open)
{
	int64_t value = 0;
	enum desk_status status =
		desk_number(desk, &value, "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'founding'", "");

	*open = value == 1;
	return status;
}

static enum desk_status end_founding(struct desk *desk)
{
	int64_t operators = 0, approvers = 0;
	enum desk_status status = count(desk, DESK_OPERATOR, &operators);

	if (status == DESK_OK)
		status = count(desk, DESK_APPROVER, &approvers);
	if (status == DESK_OK && operators > 0 && approvers >= APPROVERS_NEEDED)
		status = desk_run(desk, "UPDATE meta SET value = '0' WHERE name = 'founding'", "");
	return status;
}

static enum desk_status may_change_staff(
	struct desk *desk, const struct desk_person *by, const struct desk_person *second, bool *found)
{
	enum desk_status status = founding(desk, found);

	if (status != DESK_OK || *found)
		return status;
	return by == NULL ? DESK_ROLE : desk_allowed_two(desk, by, DESK_APPROVER, second);
}

static json_t *staff_fields(const char *name, unsigned r, const struct desk_person *second)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ROLES; i++)
		if (r & roles[i].role)
			json_array_append_new(list, json_string(roles[i].name));
	return json_pack(
		"{s:s, s:o, s:s?}", "staff", name, "roles", list, "second", second != NULL ? second->name : NULL);
}

static bool good_name(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7F)
			return false;
	return n > 0 && n <= DESK_NAME_MAX;
}

enum desk_status desk_staff_add(struct desk *desk, const struct desk_person *by, const struct desk_person *second,
	const char *name, unsigned r, struct bytes certificate)
{
	struct crypto_cert cert;
	struct crypto_pubkey key;
	uint8_t hash[CRYPTO_DIGEST_MAX];
	char text[HEX_SIZE(DESK_HASH_SIZE)];
	bool found = false;
	enum desk_status status;

	if (!good_name(name) || r == 0 || r > (DESK_OPERATOR | DESK_APPROVER | DESK_AUDITOR))
		return DESK_USAGE;
	if (!key_of(certificate, &cert, &key) || !crypto_digest(CRYPTO_SHA256, cert.spki, hash))
		return DESK_CERTIFICATE;
	hex_encode(BYTES(hash, DESK_HASH_SIZE), text, sizeof(text));
	status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	status = may_change_staff(desk, by, second, &found);
	if (status == DESK_OK)
		status = desk_run(desk, "INSERT INTO staff (name, roles, certificate, key) VALUES (?1, ?2, ?3, ?4)",
			"tibb", name, (int64_t)r, certificate, BYTES(hash, DESK_HASH_SIZE));
	if (status == DESK_EXISTS)
		status = desk_fail(DESK_KEY_TAKEN, "%s", name);
	if (status == DESK_OK) {
		json_t *fields = staff_fields(name, r, second);
		json_object_set_new(fields, "key", json_string(text));
		json_object_set_new(fields, "founding", json_boolean(found));
		status = desk_record(desk, "staff-added", by, fields);
	}
	if (status == DESK_OK && found)
		status = end_founding(desk);
	return desk_end(desk, status, "staff-add", by);
}

enum desk_status desk_staff_remove(
	struct desk *desk, const struct desk_person *by, const struct desk_person *second, const char *name)
{
	int64_t id = 0, approvers = 0;
	bool found = false;
	enum desk_status status = desk_begin(desk);

	if (status != DESK_OK)
		return status;
	status = may_change_staff(desk, by, second, &found);
	if (status == DESK_OK)
		status = desk_number(desk, &id, "SELECT id FROM staff WHERE name = ?1 AND active = 1", "t", name);
	if (status == DESK_OK)
		status = desk_run(desk, "UPDATE staff SET active = 0 WHERE id = ?1", "i", id);
	if (status == DESK_OK)
		status = count(desk, DESK_APPROVER, &approvers);
	if (status == DESK_OK && !found && approvers < APPROVERS_NEEDED)
		status = DESK_LAST_APPROVER;
	if (status == DESK_OK)
		status = desk_record(desk, "staff-removed", by, staff_fields(name, 0, second));
	return desk_end(desk, status, "staff-remove", by);
}

enum desk_status desk_staff_list(struct desk *desk, json_t **out)
{
	return desk_rows(desk, out,
		"SELECT name, trim(CASE WHEN roles & 1 THEN 'operator,' ELSE '' END ||"
		" CASE WHEN roles & 2 THEN 'approver,' ELSE '' END || CASE WHEN roles & 4 THEN 'auditor' ELSE '' END, "
		"',')"
		" AS roles, CASE active WHEN 1 THEN 'active' ELSE 'removed' END AS state, lower(hex(key)) AS key"
		" FROM staff ORDER BY name",
		"");
}
