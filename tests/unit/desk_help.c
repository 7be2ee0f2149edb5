/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/desk_help.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/x509.h>
#include <unistd.h>

static const uint8_t master_key[16] = {
	0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF};

static const struct {
	const char *name;
	unsigned roles;
} people[PEOPLE] = {
	[OLGA] = {"olga", DESK_OPERATOR                },
	[OTTO] = {"otto", DESK_OPERATOR | DESK_APPROVER},
	[ANNA] = {"anna", DESK_APPROVER | DESK_OPERATOR},
	[ARNO] = {"arno", DESK_APPROVER                },
	[AUDE] = {"aude", DESK_AUDITOR                 },
};

const char *bench_name(enum who who)
{
	return people[who].name;
}

static void cmac(const uint8_t key[16], struct bytes in, uint8_t out[16])
{
	char cipher[] = "AES-128-CBC";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_construct_end()};
	size_t n = 0;

	assert_non_null(EVP_Q_mac(NULL, "CMAC", NULL, NULL, params, key, 16, in.data, in.len, out, 16, &n));
}

/* Versions 1 to 3 are there; each is a key of its own. */
static void version_cmac(uint8_t version, struct bytes in, uint8_t mac[16])
{
	uint8_t key[16];

	memcpy(key, master_key, sizeof(key));
	key[0] = (uint8_t)(key[0] ^ (version - 1));
	cmac(key, in, mac);
}

static enum desk_status soft_cmac(void *arg, uint8_t version, struct bytes in, uint8_t mac[16])
{
	(void)arg;
	if (version == 0 || version > 3)
		return DESK_MASTER;
	version_cmac(version, in, mac);
	return DESK_OK;
}

static const struct desk_master soft_master = {.cmac = soft_cmac};

void bench_master(struct desk_master *out)
{
	*out = soft_master;
}

static int64_t bench_now(void *arg)
{
	return ((struct bench *)arg)->now;
}

void bench_path(const struct bench *b, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", b->dir, name);
}

static void make_person(struct bench *b, enum who who)
{
	X509 *cert = X509_new();
	unsigned char *der = NULL;

	b->staff[who].key = EVP_EC_gen("P-256");
	assert_non_null(b->staff[who].key);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), who + 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * 365);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(cert), "CN", MBSTRING_UTF8, (const unsigned char *)people[who].name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, b->staff[who].key);
	assert_true(X509_sign(cert, b->staff[who].key, EVP_sha256()) > 0);
	int n = i2d_X509(cert, &der);
	assert_true(n > 0);
	b->staff[who].der = malloc((size_t)n);
	b->staff[who].len = (size_t)n;
	memcpy(b->staff[who].der, der, (size_t)n);
	OPENSSL_free(der);
	X509_free(cert);
}

/* r || s from the library's DER. */
static enum desk_status soft_sign(void *arg, struct bytes certificate, struct bytes message, struct builder *signature)
{
	uint8_t der[80];
	size_t n = sizeof(der);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	(void)certificate;
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, arg), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &n, message.data, message.len), 1);
	EVP_MD_CTX_free(ctx);
	const unsigned char *at = der;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
	uint8_t *room = builder_room(signature, 64);
	assert_non_null(room);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), room, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), room + 32, 32);
	ECDSA_SIG_free(sig);
	return DESK_OK;
}

struct desk_signer bench_signer(struct bench *b, enum who who)
{
	return (struct desk_signer){.sign = soft_sign, .arg = b->staff[who].key};
}

struct desk_person bench_login(struct bench *b, enum who who)
{
	struct desk_signer signer = bench_signer(b, who);
	struct desk_person person;

	assert_int_equal(desk_login(b->desk, people[who].name, &signer, &person), DESK_OK);
	return person;
}

struct desk *bench_open(struct bench *b)
{
	struct desk_options options = {.dir = b->dir, .now = bench_now, .now_arg = b, .master = &soft_master};
	struct desk *desk = NULL;

	assert_int_equal(desk_open(&options, &desk), DESK_OK);
	return desk;
}

int bench_new(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	const char *tmp = getenv("TMPDIR");

	b->now = (int64_t)time(NULL);
	snprintf(b->dir, sizeof(b->dir), "%.40s/desk-test.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(b->dir));
	struct desk_new new = {.dir = b->dir,
		.key_version = 1,
		.operator_hourly = 5,
		.master = &soft_master,
		.now = bench_now,
		.now_arg = b};
	enum desk_status status = desk_create(&new);
	if (status != DESK_OK)
		fail_msg("%s: %s", desk_status_name(status), desk_detail());
	b->desk = bench_open(b);
	for (int who = 0; who < PEOPLE; who++) {
		make_person(b, (enum who)who);
		/* who comes before the third approver founds the desk; the last is let in by two */
		struct desk_person anna = {0}, arno = {0};
		bool founded = who > ARNO;
		if (founded) {
			anna = bench_login(b, ANNA);
			arno = bench_login(b, ARNO);
		}
		if (who == ARNO)
			anna = bench_login(b, ANNA), arno = bench_login(b, OTTO), founded = true;
		assert_int_equal(
			desk_staff_add(b->desk, founded ? &anna : NULL, founded ? &arno : NULL, people[who].name,
				people[who].roles, BYTES(b->staff[who].der, b->staff[who].len)),
			DESK_OK);
	}
	*state = b;
	return 0;
}

int bench_end(void **state)
{
	static const char *const names[] = {"desk.db", "desk.db-wal", "desk.db-shm", "desk.db.new", "heads", "export"};
	struct bench *b = *state;
	char path[128];

	desk_close(b->desk);
	for (size_t i = 0; i < COUNT(names); i++) {
		bench_path(b, names[i], path);
		unlink(path);
	}
	rmdir(b->dir);
	for (int who = 0; who < PEOPLE; who++) {
		EVP_PKEY_free(b->staff[who].key);
		free(b->staff[who].der);
	}
	free(b);
	return 0;
}

void bench_register(struct bench *b, const char *serial)
{
	static const char *const certificates[] = {"0abc", NULL};
	struct desk_person olga = bench_login(b, OLGA);
	struct desk_token token = {.serial = serial, .holder = "张三", .certificates = certificates};

	assert_int_equal(desk_token_register(b->desk, &olga, &token), DESK_OK);
}

json_t *bench_evidence(void)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "letter", "2026-117", "form", "table 3, sealed", "identity-document",
		"seen", "call-back", "0591-1234");
}

int64_t bench_request(struct bench *b, const char *serial, const char *until)
{
	struct desk_person olga = bench_login(b, OLGA), anna = bench_login(b, ANNA);
	int64_t id = 0;

	assert_int_equal(desk_request(b->desk, &olga, serial, "forgotten", &id), DESK_OK);
	if (strcmp(until, "requested") == 0)
		return id;
	json_t *evidence = bench_evidence();
	assert_int_equal(desk_identify(b->desk, &olga, id, evidence), DESK_OK);
	json_decref(evidence);
	if (strcmp(until, "identified") == 0)
		return id;
	assert_int_equal(desk_approve(b->desk, &anna, id), DESK_OK);
	return id;
}

void bench_state(struct bench *b, int64_t id, char out[16])
{
	json_t *rows = NULL;

	assert_int_equal(desk_requests(b->desk, id, false, &rows), DESK_OK);
	snprintf(out, 16, "%s", json_string_value(json_object_get(json_array_get(rows, 0), "state")));
	json_decref(rows);
}

/* ---- the token ---- */

static void token_mac(const struct soft_token *t, struct bytes in, uint8_t mac[16])
{
	uint8_t key[16], input[UNLOCK_INPUT_MAX];
	struct builder b = builder_of(input, sizeof(input));

	unlock_kdf_input(&b, 1, UNLOCK_LABEL_PIN, t->challenge.version, t->challenge.serial, 128);
	version_cmac(t->challenge.version, builder_bytes(&b), key);
	cmac(key, in, mac);
}

struct soft_token token_new(const char *serial)
{
	struct soft_token t = {.challenge.version = 1, .tries = 10};
	struct bytes bytes = test_hex(serial);

	memcpy(t.challenge.serial, bytes.data, UNLOCK_SERIAL_SIZE);
	test_drop(bytes);
	return t;
}

void token_challenge(struct soft_token *t, char out[CODE_TEXT_SIZE])
{
	uint8_t bytes[UNLOCK_CHALLENGE_SIZE];
	struct builder b = builder_of(bytes, sizeof(bytes));

	t->challenge.random[0]++;
	unlock_challenge_put(&b, &t->challenge);
	assert_true(code_text_encode(CODE_CHALLENGE, builder_bytes(&b), out, CODE_TEXT_SIZE));
}

bool token_answer(struct soft_token *t, const char *answer, char proof[CODE_TEXT_SIZE])
{
	uint8_t given[UNLOCK_RESPONSE_SIZE], want[UNLOCK_RESPONSE_SIZE], cut[UNLOCK_PROOF_SIZE], mac[16];
	uint8_t input[UNLOCK_INPUT_MAX];
	struct builder b = builder_of(given, sizeof(given)), in = builder_of(input, sizeof(input));
	struct code_fault fault;

	if (!code_text_decode(CODE_ANSWER, answer, &b, &fault) || t->tries == 0)
		return false;
	t->tries--;
	unlock_response_input(&in, &t->challenge, UNLOCK_SET_USER_PIN);
	token_mac(t, builder_bytes(&in), mac);
	unlock_response_cut(mac, want);
	if (memcmp(given, want, sizeof(want)) != 0)
		return false;
	t->tries = 10;
	t->unlocked = true;
	t->challenge.counter++;
	in = builder_of(input, sizeof(input));
	unlock_proof_input(&in, t->challenge.version, t->challenge.serial, t->challenge.counter);
	token_mac(t, builder_bytes(&in), mac);
	unlock_proof_cut(mac, cut);
	assert_true(code_text_encode(CODE_PROOF, BYTES_OF(cut), proof, CODE_TEXT_SIZE));
	return true;
}
