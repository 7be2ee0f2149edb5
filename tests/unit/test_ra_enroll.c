/* SPDX-License-Identifier: Apache-2.0 */
/* The decisions of the RA against a real CA in a folder of its own; the clock is an argument. */
#include "config.h"

#include "tests/unit/ra_help.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "ra/cadir.h"
#include "ra/certbuild.h"
#include "ra/keyfile.h"

#define DAY        (24 * 3600)
#define PASSPHRASE "correct horse"

static char folder[] = "/tmp/test-ra-XXXXXX";
static char dir[64];
static struct ra ra;
static int64_t now;
static struct text body;

/* ---- the CA under test ---- */

static int set_up(void **state)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1", NULL};

	(void)state;
	now = (int64_t)time(NULL);
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(dir, sizeof dir, "%s/ca", folder);
	struct ra_init_plan plan = {.dir = dir,
		.subject = "CN=Test CA",
		.key = "p256",
		.hosts = hosts,
		.passphrase = PASSPHRASE,
		.now = now};
	assert_int_equal(ra_cadir_init(&plan), RA_OK);
	assert_int_equal(ra_cadir_open(dir, PASSPHRASE, &ra), RA_OK);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = {"ca.key", "ca.crt", "tls.key", "tls.crt", "profiles.json", "ra.db"};

	(void)state;
	ra_cadir_close(&ra);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		unlink(path);
	}
	return rmdir(dir) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

/* ---- helpers ---- */

struct registration {
	char code[RA_CODE_TEXT_SIZE];
	int64_t id;
};

static struct registration new_code(const char *subject, const char *email, const char *profile)
{
	struct registration made;
	struct ra_code_record record;

	assert_int_equal(ra_register(&ra, subject, email, profile, now, now + DAY, &record, made.code), RA_OK);
	made.id = record.id;
	ra_code_record_clear(&record);
	return made;
}

static enum ra_status enroll_at(int64_t when, const char *label, const char *code, X509 **out)
{
	X509 *cert = NULL;
	enum ra_status status =
		ra_enroll(&ra, label, BYTES((const uint8_t *)code, strlen(code)), text_bytes(&body), when, &cert);

	assert_int_equal(status == RA_OK, cert != NULL);
	if (out != NULL)
		*out = cert;
	else
		X509_free(cert);
	return status;
}

static enum ra_status enroll(const char *code, X509 **out)
{
	return enroll_at(now, NULL, code, out);
}

static enum ra_status reenroll_at(int64_t when, X509 *client, X509 **out)
{
	X509 *cert = NULL;
	enum ra_status status = ra_reenroll(&ra, NULL, client, text_bytes(&body), when, &cert);

	assert_int_equal(status == RA_OK, cert != NULL);
	if (out != NULL)
		*out = cert;
	else
		X509_free(cert);
	return status;
}

static void request(EVP_PKEY *key, const char *subject, const char *email)
{
	make_request(&(struct request_plan){.key = key, .subject = subject, .email = email}, &body);
}

static void sql(const char *text)
{
	char path[128];
	sqlite3 *db = NULL;

	snprintf(path, sizeof path, "%s/ra.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static int sql_fails(const char *text)
{
	char path[128];
	sqlite3 *db = NULL;

	snprintf(path, sizeof path, "%s/ra.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	int result = sqlite3_exec(db, text, NULL, NULL, NULL);
	sqlite3_close(db);
	return result != SQLITE_OK;
}

static enum ra_status count_one(void *arg, const struct ra_cert_record *record)
{
	(void)record;
	++*(size_t *)arg;
	return RA_OK;
}

static size_t certificates(void)
{
	size_t n = 0;

	assert_int_equal(ra_store_cert_each(ra.store, count_one, &n), RA_OK);
	return n;
}

/* ---- by code ---- */

static void a_code_gives_a_certificate_with_the_registered_names(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0);
	struct registration r = new_code("CN=李雷,O=Example,C=CN", "li@example.com", "person-sign");
	X509 *cert = NULL;
	int64_t end = 0;

	(void)state;
	request(key, NULL, NULL);
	assert_int_equal(enroll(r.code, &cert), RA_OK);
	char *subject = ra_name_text(X509_get_subject_name(cert));
	assert_string_equal(subject, "CN=李雷,O=Example,C=CN");
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(cert), key), 1);
	assert_int_equal(X509_check_ca(cert), 0);
	assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION);
	assert_int_equal(X509_get_extended_key_usage(cert), XKU_SSL_CLIENT | XKU_SMIME);
	assert_int_equal(X509_check_email(cert, "li@example.com", 0, 0), 1);
	assert_non_null(X509_get0_subject_key_id(cert));
	assert_non_null(X509_get0_authority_key_id(cert));
	assert_int_equal(X509_verify(cert, X509_get0_pubkey(ra.backend.ops->issuer(ra.backend.self))), 1);
	assert_true(ra_cert_time(X509_get0_notAfter(cert), &end));
	assert_int_equal(end, ra_years_later(now, 1)); /* LC-10 */
	free(subject);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void the_same_key_gets_the_same_certificate_again(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0), *other = make_key("EC", "P-256", 0);
	struct registration r = new_code("CN=Han Meimei", NULL, "person-sign");
	X509 *first = NULL, *second = NULL;

	(void)state;
	request(key, NULL, NULL);
	assert_int_equal(enroll(r.code, &first), RA_OK);
	size_t before = certificates();
	request(key, "CN=Han Meimei", NULL); /* another request by the same key */
	assert_int_equal(enroll_at(now + DAY - 1, NULL, r.code, &second), RA_OK);
	assert_int_equal(X509_cmp(first, second), 0);
	assert_int_equal(certificates(), before);
	request(other, NULL, NULL);
	assert_int_equal(enroll(r.code, NULL), RA_CODE_USED);
	request(key, NULL, NULL);
	assert_int_equal(enroll_at(now + DAY, NULL, r.code, NULL), RA_CODE_EXPIRED);
	assert_int_equal(certificates(), before);
	X509_free(first);
	X509_free(second);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static void a_revoked_certificate_is_not_handed_out_again(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0);
	struct registration r = new_code("CN=Revoked", NULL, "person-sign");

	(void)state;
	request(key, NULL, NULL);
	assert_int_equal(enroll(r.code, NULL), RA_OK);
	sql("UPDATE certificate SET state = 'revoked' WHERE subject = 'CN=Revoked'");
	assert_int_equal(enroll(r.code, NULL), RA_CERT_STATE);
	EVP_PKEY_free(key);
}

static void bad_codes_are_told_apart(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0);
	struct registration expired = new_code("CN=a", NULL, "person-sign"),
			    cancelled = new_code("CN=b", NULL, "person-sign");
	char unknown[RA_CODE_TEXT_SIZE];

	(void)state;
	request(key, NULL, NULL);
	assert_int_equal(enroll_at(now + DAY, NULL, expired.code, NULL), RA_CODE_EXPIRED);
	assert_int_equal(ra_store_code_cancel(ra.store, cancelled.id, now), RA_OK);
	assert_int_equal(enroll(cancelled.code, NULL), RA_CODE_CANCELLED);
	assert_int_equal(ra_store_code_cancel(ra.store, cancelled.id, now), RA_NOT_FOUND);
	assert_true(ra_code_make(unknown));
	assert_int_equal(enroll(unknown, NULL), RA_CODE_UNKNOWN);
	assert_int_equal(enroll("12345-12345-12345-12345", NULL), RA_CODE_MISTYPED);
	assert_int_equal(enroll("", NULL), RA_CODE_MISTYPED);
	EVP_PKEY_free(key);
}

static void a_refused_request_does_not_use_the_code_up(void **state)
{
	EVP_PKEY *p256 = make_key("EC", "P-256", 0), *p521 = make_key("EC", "P-521", 0);
	struct registration r = new_code("CN=gate 1", NULL, "device");

	(void)state;
	request(p521, NULL, NULL);
	assert_int_equal(enroll(r.code, NULL), RA_KEY_NOT_ALLOWED);
	make_request(&(struct request_plan){.key = p256, .spoil = 1}, &body);
	assert_int_equal(enroll(r.code, NULL), RA_BAD_POP);
	request(p256, NULL, NULL);
	assert_int_equal(enroll(r.code, NULL), RA_OK);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p521);
}

static void names_in_the_request_must_not_contradict(void **state)
{
	static const struct {
		const char *profile, *subject, *email;
		enum ra_status expected;
	} rows[] = {
		{"person-sign", "CN=Lin Tao,O=Example",  NULL,                                     RA_OK              },
		{"person-sign", "O=Example,CN=Lin Tao",  NULL,                                     RA_OK              },
		{"person-sign", "CN=Lin Tao,O=Example",  "lin@example.com",                        RA_OK              },
		{"person-sign", NULL,                    "lin@example.com",                        RA_OK              },
		{"person-sign", "CN=Lin Tao",            NULL,                                     RA_SUBJECT_MISMATCH},
		{"person-sign", "CN=Somebody,O=Example", NULL,                                     RA_SUBJECT_MISMATCH},
		{"person-sign", NULL,                    "boss@example.com",                       RA_SAN_MISMATCH    },
		{"person-sign", NULL,                    "lin@example.com,email:boss@example.com", RA_SAN_MISMATCH    },
		{"device",      "CN=Somebody",           "boss@example.com",                       RA_OK              }, /* "ignore" */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		bool device = strcmp(rows[i].profile, "device") == 0;
		EVP_PKEY *key = make_key("EC", "P-256", 0);
		struct registration r =
			new_code("CN=Lin Tao,O=Example", device ? NULL : "lin@example.com", rows[i].profile);
		X509 *cert = NULL;
		request(key, rows[i].subject, rows[i].email);
		assert_int_equal(enroll(r.code, &cert), rows[i].expected);
		if (cert != NULL) {
			char *subject = ra_name_text(X509_get_subject_name(cert));
			assert_string_equal(subject, "CN=Lin Tao,O=Example");
			free(subject);
		}
		X509_free(cert);
		EVP_PKEY_free(key);
	}
}

static void the_address_must_name_the_registered_profile(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0);
	struct registration r = new_code("CN=a", NULL, "person-sign");

	(void)state;
	request(key, NULL, NULL);
	assert_int_equal(enroll_at(now, "nobody", r.code, NULL), RA_PROFILE_UNKNOWN);
	assert_int_equal(enroll_at(now, "device", r.code, NULL), RA_PROFILE_MISMATCH);
	assert_int_equal(enroll_at(now, "person-sign", r.code, NULL), RA_OK);
	EVP_PKEY_free(key);
}

/* ---- serial numbers, and a back end that misbehaves ---- */

static X509 *taken; /* what the first `lies` calls give */
static int lies;
static struct ra_backend honest;

static enum ra_status lying_issue(void *self, const struct ra_grant *grant, X509 **out)
{
	if (lies-- > 0) {
		if (taken == NULL)
			return RA_CRYPTO;
		*out = X509_dup(taken);
		return RA_OK;
	}
	return honest.ops->issue(self, grant, out);
}

static void serials_are_unique_and_unguessable(void **state)
{
	struct ra_backend_ops lying = *ra.backend.ops;
	EVP_PKEY *key = make_key("EC", "P-256", 0);
	struct registration r = new_code("CN=a", NULL, "person-sign");
	X509 *cert = NULL;

	(void)state;
	honest = ra.backend;
	lying.issue = lying_issue;
	request(key, NULL, NULL);
	assert_int_equal(enroll(r.code, &taken), RA_OK);
	char *serial = ra_cert_serial(taken);
	assert_int_equal(strlen(serial), 32);
	OPENSSL_free(serial);

	EVP_PKEY_free(key);
	key = make_key("EC", "P-256", 0);
	request(key, NULL, NULL);
	r = new_code("CN=a", NULL, "person-sign");
	ra.backend.ops = &lying;
	lies = 1; /* an accident: tried again */
	assert_int_equal(enroll(r.code, &cert), RA_OK);
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(cert), X509_get0_serialNumber(taken)), 0);
	r = new_code("CN=b", NULL, "person-sign");
	lies = 1000; /* a broken random source: nothing is issued, and the code stays good */
	assert_int_equal(enroll(r.code, NULL), RA_SERIAL_TAKEN);
	X509_free(taken);
	taken = NULL;
	size_t before = certificates();
	assert_int_equal(enroll(r.code, NULL), RA_CRYPTO);
	assert_int_equal(certificates(), before);
	ra.backend = honest;
	assert_int_equal(enroll(r.code, NULL), RA_OK);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void nothing_is_issued_outside_of_the_cas_own_time(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0);
	struct registration r;
	struct ra_code_record record;
	X509 *cert = NULL;
	int64_t end = 0, ca_end = 0, late = ra_years_later(now, 10) - DAY;

	(void)state;
	request(key, NULL, NULL);
	assert_true(ra_cert_time(X509_get0_notAfter(ra.backend.ops->issuer(ra.backend.self)), &ca_end));
	assert_int_equal(
		ra_register(&ra, "CN=late", NULL, "person-sign", late, late + 5 * DAY, &record, r.code), RA_OK);
	ra_code_record_clear(&record);
	assert_int_equal(enroll_at(late + 2 * DAY, NULL, r.code, NULL), RA_CA_EXPIRED);
	assert_int_equal(enroll_at(late, NULL, r.code, &cert), RA_OK);
	assert_true(ra_cert_time(X509_get0_notAfter(cert), &end));
	assert_int_equal(end, ca_end);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* ---- renewal ---- */

static X509 *enrolled(EVP_PKEY *key, const char *subject, const char *email)
{
	struct registration r = new_code(subject, email, "person-sign");
	X509 *cert = NULL;

	request(key, NULL, NULL);
	assert_int_equal(enroll(r.code, &cert), RA_OK);
	return cert;
}

static void a_certificate_renews_itself(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0), *next = make_key("RSA", NULL, 2048);
	X509 *old = enrolled(key, "CN=Renew,O=Example", "re@example.com"), *renewed = NULL, *again = NULL;

	(void)state;
	request(next, "CN=Renew,O=Example", NULL);
	assert_int_equal(reenroll_at(now + DAY, old, &renewed), RA_OK);
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(old), X509_get_subject_name(renewed)), 0);
	assert_int_equal(X509_check_email(renewed, "re@example.com", 0, 0), 1);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(renewed), next), 1);
	size_t before = certificates();
	assert_int_equal(reenroll_at(now + 2 * DAY, old, &again), RA_OK); /* the answer was lost */
	assert_int_equal(X509_cmp(renewed, again), 0);
	assert_int_equal(certificates(), before);
	X509_free(again);
	request(key, "CN=Renew,O=Example", "re@example.com"); /* the same key once more is allowed */
	assert_int_equal(reenroll_at(now + DAY, renewed, NULL), RA_OK);
	X509_free(old);
	X509_free(renewed);
	EVP_PKEY_free(key);
	EVP_PKEY_free(next);
}

static void a_renewal_changes_no_names(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0);
	X509 *old = enrolled(key, "CN=Same,O=Example", NULL);

	(void)state;
	request(key, "CN=Other,O=Example", NULL);
	assert_int_equal(reenroll_at(now, old, NULL), RA_CERT_SUBJECT);
	request(key, NULL, NULL);
	assert_int_equal(reenroll_at(now, old, NULL), RA_CERT_SUBJECT);
	request(key, "CN=Same,O=Example", "boss@example.com");
	assert_int_equal(reenroll_at(now, old, NULL), RA_CERT_SAN);
	X509_free(old);
	EVP_PKEY_free(key);
}

static void only_our_valid_certificates_renew(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0), *rogue = make_key("EC", "P-256", 0);
	X509 *old = enrolled(key, "CN=Held", NULL), *foreign = NULL, *forged = NULL;
	X509 *ca = ra.backend.ops->issuer(ra.backend.self);
	struct ra_cert_plan plan = {.subject = X509_get_subject_name(old),
		.public_key = key,
		.not_before = now - 60,
		.not_after = now + DAY,
		.key_usage = KU_DIGITAL_SIGNATURE};

	(void)state;
	request(key, "CN=Held", NULL);
	assert_int_equal(reenroll_at(now, NULL, NULL), RA_CERT_MISSING);
	/* Self-signed; signed by another key in our CA's name; the CA's own. */
	assert_int_equal(ra_cert_build(&plan, NULL, key, &foreign), RA_OK);
	assert_int_equal(reenroll_at(now, foreign, NULL), RA_CERT_UNKNOWN);
	assert_int_equal(ra_cert_build(&plan, ca, rogue, &forged), RA_OK);
	assert_int_equal(reenroll_at(now, forged, NULL), RA_CERT_UNKNOWN);
	assert_int_not_equal(reenroll_at(now, ca, NULL), RA_OK);
	assert_int_equal(reenroll_at(now + 366 * DAY, old, NULL), RA_CERT_EXPIRED);
	sql("UPDATE certificate SET state = 'held' WHERE subject = 'CN=Held'");
	assert_int_equal(reenroll_at(now, old, NULL), RA_CERT_STATE);
	sql("UPDATE certificate SET state = 'valid' WHERE subject = 'CN=Held'");
	assert_int_equal(reenroll_at(now, old, NULL), RA_OK);
	X509_free(old);
	X509_free(foreign);
	X509_free(forged);
	EVP_PKEY_free(key);
	EVP_PKEY_free(rogue);
}

static void an_exchange_certificate_is_not_for_logging_in(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0);
	struct registration r = new_code("CN=Exchange", NULL, "person-exchange");
	X509 *cert = NULL;

	(void)state;
	request(key, "CN=Exchange", NULL);
	assert_int_equal(enroll(r.code, &cert), RA_OK);
	assert_int_equal(X509_get_key_usage(cert), KU_KEY_AGREEMENT);
	assert_int_equal(reenroll_at(now, cert, NULL), RA_CERT_PURPOSE);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* ---- registration, records, folder ---- */

static void registrations_follow_the_profile(void **state)
{
	static const struct {
		const char *subject, *email, *profile;
		enum ra_status expected;
	} rows[] = {
		{"CN=a",      NULL,             "nobody",      RA_PROFILE_UNKNOWN},
		{"Li Lei",    NULL,             "person-sign", RA_BAD_SUBJECT    },
		{"O=Example", NULL,             "person-sign", RA_SUBJECT_RULE   },
		{"CN=a",      "not an address", "person-sign", RA_BAD_EMAIL      },
		{"CN=a",      "a@b",            "device",      RA_SUBJECT_RULE   },
	};
	struct ra_code_record record;
	char code[RA_CODE_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(
			ra_register(&ra, rows[i].subject, rows[i].email, rows[i].profile, now, now + 1, &record, code),
			rows[i].expected);
}

static void records_cannot_be_rewritten(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0);

	(void)state;
	X509_free(enrolled(key, "CN=Kept", NULL));
	assert_true(sql_fails("DELETE FROM certificate"));
	assert_true(sql_fails("UPDATE certificate SET der = x'00'"));
	assert_true(sql_fails("UPDATE certificate SET state = 'forgotten'"));
	assert_true(sql_fails("UPDATE event SET what = 'nothing'"));
	assert_true(sql_fails("DELETE FROM event"));
	EVP_PKEY_free(key);
}

static void the_database_holds_no_code(void **state)
{
	struct registration r = new_code("CN=secret", NULL, "person-sign");
	char canonical[RA_CODE_CHARS + 1], path[128];
	static char file[1024 * 1024];

	(void)state;
	assert_true(ra_code_normalise(BYTES((const uint8_t *)r.code, strlen(r.code)), canonical));
	static const char *const names[] = {"ra.db", "ra.db-wal"};
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		FILE *f = fopen(path, "rb");
		size_t n = f == NULL ? 0 : fread(file, 1, sizeof file, f);
		assert_null(memmem(file, n, r.code, strlen(r.code)));
		assert_null(memmem(file, n, canonical, strlen(canonical)));
		if (f != NULL)
			fclose(f);
	}
}

static void a_second_ca_does_not_take_the_place_of_the_first(void **state)
{
	static const char *const hosts[] = {"localhost", NULL};
	struct ra_init_plan plan = {
		.dir = dir, .subject = "CN=Other", .key = "p256", .hosts = hosts, .passphrase = PASSPHRASE, .now = now};
	struct ra other;
	struct dirent *entry;
	size_t entries = 0;

	(void)state;
	assert_int_equal(ra_cadir_init(&plan), RA_EXISTS);
	assert_int_equal(ra_cadir_open(dir, "wrong passphrase", &other), RA_PASSPHRASE);
	DIR *list = opendir(folder);
	while ((entry = readdir(list)) != NULL)
		entries++;
	closedir(list);
	assert_int_equal(entries, 3); /* ".", "..", "ca": nothing left over beside it */
	char path[128];
	struct stat info;
	snprintf(path, sizeof path, "%s/ca.key", dir);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(stat(dir, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
}

/* As a copy or a restored backup may come: the HTTPS key is not even encrypted. */
static void keys_that_others_may_read_are_not_used(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0602};
	struct ra other;
	char path[128], *key = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		snprintf(path, sizeof path, "%s/ca.key", dir);
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_int_equal(ra_cadir_open(dir, PASSPHRASE, &other), RA_IO);
		assert_non_null(strstr(ra_detail(), "chmod 600"));
		assert_int_equal(chmod(path, 0600), 0);
		snprintf(path, sizeof path, "%s/tls.key", dir);
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_int_equal(ra_cadir_read(dir, "tls.key", &key), RA_IO);
		assert_int_equal(chmod(path, 0600), 0);
	}
	assert_int_equal(ra_cadir_read(dir, "tls.key", &key), RA_OK);
	ra_pem_free(key);
	snprintf(path, sizeof path, "%s/ca.crt", dir);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(ra_cadir_open(dir, PASSPHRASE, &other), RA_OK);
	ra_cadir_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_gives_a_certificate_with_the_registered_names),
		cmocka_unit_test(the_same_key_gets_the_same_certificate_again),
		cmocka_unit_test(a_revoked_certificate_is_not_handed_out_again),
		cmocka_unit_test(bad_codes_are_told_apart),
		cmocka_unit_test(a_refused_request_does_not_use_the_code_up),
		cmocka_unit_test(names_in_the_request_must_not_contradict),
		cmocka_unit_test(the_address_must_name_the_registered_profile),
		cmocka_unit_test(serials_are_unique_and_unguessable),
		cmocka_unit_test(nothing_is_issued_outside_of_the_cas_own_time),
		cmocka_unit_test(a_certificate_renews_itself),
		cmocka_unit_test(a_renewal_changes_no_names),
		cmocka_unit_test(only_our_valid_certificates_renew),
		cmocka_unit_test(an_exchange_certificate_is_not_for_logging_in),
		cmocka_unit_test(registrations_follow_the_profile),
		cmocka_unit_test(records_cannot_be_rewritten),
		cmocka_unit_test(the_database_holds_no_code),
		cmocka_unit_test(a_second_ca_does_not_take_the_place_of_the_first),
		cmocka_unit_test(keys_that_others_may_read_are_not_used),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
