/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/trust.h"

#include "common/crypto.h"
#include "common/i18n.h"
#include "common/tlv.h"
#include "driver/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOTS_FOLDER SYSCONFDIR "/openukey/roots.d"
#define ROOTS_MAX    256
/* GlobalPlatform: certificate of a key for key agreement, of a security domain. */
#define POLICY_DEVICE "1.2.840.114283.100.0.10.2.1.10"
#define NO_END        "99991231235959Z"
/* RSA from 2048 bits, SHA-256 and better (SP 800-57: 112 bits). */
#define SECURITY_LEVEL 2

struct trust_roots {
	X509_STORE *store;
	unsigned count;
	bool no_memory; /* for one of them: then something may be missing */
};

static _Thread_local char problem[512];

const char *trust_problem(void)
{
	return problem;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, sizeof problem, format, args);
	va_end(args);
}

/* What failed, failed for want of memory, and says nothing of a certificate. OpenSSL's list of errors is empty then. */
static bool no_memory(void)
{
	unsigned long error;
	bool is = false;

	while ((error = ERR_get_error()) != 0)
		is = is || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
	return is;
}

/* ---- roots ------------------------------------------------------------------------------------------------------- */

static void read_pem(struct trust_roots *r, FILE *f, const char *path)
{
	X509 *x;
	unsigned found = 0;

	ERR_clear_error();
	while (r->count < ROOTS_MAX && (x = PEM_read_X509(f, NULL, NULL, NULL)) != NULL) {
		if (X509_STORE_add_cert(r->store, x) == 1) {
			r->count++;
			found++;
		}
		X509_free(x);
	}
	if (found == 0)
		say(_("%s: no certificate in PEM"), path);
	r->no_memory = no_memory() || r->no_memory;
}

static void read_file(struct trust_roots *r, const char *path)
{
	/* Not to hang at a FIFO that somebody left in the folder. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	FILE *f = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		f = fdopen(fd, "r");
	if (f) {
		read_pem(r, f, path);
		fclose(f);
		return;
	}
	say("%s: %s", path, fd >= 0 ? _("not a file") : strerror(errno));
	if (fd >= 0)
		close(fd);
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

static void read_folder(struct trust_roots *r, DIR *folder, const char *path)
{
	char name[SETTINGS_PATH_MAX + 256];
	const struct dirent *e;

	say(_("%s: no root certificates (*.pem, *.crt) in this folder"), path);
	while ((e = readdir(folder)) != NULL) {
		if (e->d_name[0] == '.' || (!ends_with(e->d_name, ".pem") && !ends_with(e->d_name, ".crt")))
			continue;
		snprintf(name, sizeof name, "%s/%s", path, e->d_name);
		read_file(r, name);
	}
}

static void read_path(struct trust_roots *r, const char *path)
{
	DIR *folder = opendir(path);

	if (folder) {
		read_folder(r, folder, path);
		closedir(folder);
	} else if (errno == ENOTDIR) {
		read_file(r, path);
	} else {
		say("%s: %s", path, strerror(errno));
	}
}

static struct trust_roots *roots_new(void)
{
	struct trust_roots *r = calloc(1, sizeof *r);

	problem[0] = '\0';
	if (r)
		r->store = X509_STORE_new();
	if (!r || !r->store) {
		free(r);
		return NULL;
	}
	return r;
}

static enum ukey_status roots_result(struct trust_roots *r, struct trust_roots **out)
{
	if (r->count > 0 && !r->no_memory) {
		*out = r;
		return UKEY_OK;
	}
	const enum ukey_status status = r->no_memory ? UKEY_MEMORY : UKEY_NO_ROOTS;
	trust_close(r);
	return status;
}

enum ukey_status trust_open_path(const char *path, struct trust_roots **out)
{
	struct trust_roots *r = roots_new();

	if (!r)
		return UKEY_MEMORY;
	read_path(r, path);
	return roots_result(r, out);
}

enum ukey_status trust_open(const struct settings *s, struct trust_roots **out)
{
	struct trust_roots *r;

	if (s->roots_count == 0)
		return trust_open_path(ROOTS_FOLDER, out);
	r = roots_new();
	if (!r)
		return UKEY_MEMORY;
	for (size_t i = 0; i < s->roots_count; i++)
		read_path(r, s->roots[i]);
	return roots_result(r, out);
}

void trust_close(struct trust_roots *r)
{
	if (!r)
		return;
	X509_STORE_free(r->store);
	free(r);
}

/* ---- one certificate --------------------------------------------------------------------------------------------- */

/* The one attribute serialNumber of the subject, if it has one. */
static bool subject_serial(const X509 *x, char out[17])
{
	const X509_NAME *name = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID(name, NID_serialNumber, -1);

	out[0] = '\0';
	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_serialNumber, at) >= 0)
		return false;
	const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
	return ASN1_STRING_length(text) == 16 && text_copy(BYTES(ASN1_STRING_get0_data(text), 16), out, 17);
}

static bool has_serial(const X509 *x)
{
	return X509_NAME_get_index_by_NID(X509_get_subject_name(x), NID_serialNumber, -1) >= 0;
}

/* The extension is there once, and critical. */
static bool critical(const X509 *x, int nid)
{
	int at = X509_get_ext_by_NID(x, nid, -1);

	return at >= 0 && X509_get_ext_by_NID(x, nid, at) < 0 && X509_EXTENSION_get_critical(X509_get_ext(x, at)) == 1;
}

static bool has_policy(const X509 *x, const char *wanted)
{
	CERTIFICATEPOLICIES *list = X509_get_ext_d2i(x, NID_certificate_policies, NULL, NULL);
	char oid[80];
	bool found = false;

	for (int i = 0; list && i < sk_POLICYINFO_num(list); i++)
		found = found || (OBJ_obj2txt(oid, sizeof oid, sk_POLICYINFO_value(list, i)->policyid, 1) > 0 &&
					 strcmp(oid, wanted) == 0);
	CERTIFICATEPOLICIES_free(list);
	return found;
}

static bool p256_point(const X509 *x, uint8_t out[TRUST_POINT_SIZE])
{
	struct crypto_pubkey key;
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	bool ok = n > 0 && crypto_pubkey_from_spki(BYTES(der, (size_t)n), &key) && key.type == CRYPTO_EC_P256 &&
		  crypto_point_valid(&key) && key.point.len == TRUST_POINT_SIZE;

	if (ok)
		bytes_copy(out, key.point);
	OPENSSL_free(der);
	return ok;
}

/* NULL, or what is wrong with the leaf. */
static const char *check_leaf(X509 *x, enum trust_kind kind)
{
	const uint32_t flags = X509_get_extension_flags(x), usage = X509_get_key_usage(x);

	if (flags & EXFLAG_INVALID || X509_get_version(x) != X509_VERSION_3)
		return "the leaf is malformed";
	if (!critical(x, NID_key_usage))
		return "the leaf's key usage is missing or not critical";
	if (kind == TRUST_ATTESTATION) {
		if (!(flags & EXFLAG_CA) || X509_get_pathlen(x) != 0)
			return "the attestation certificate is no CA of path length 0";
		return usage == X509v3_KU_KEY_CERT_SIGN ? NULL : "the attestation certificate has another key usage";
	}
	if (flags & EXFLAG_CA)
		return "the leaf is a CA";
	if (usage != X509v3_KU_KEY_AGREEMENT)
		return "the leaf's key usage is not key agreement alone";
	if (!critical(x, NID_certificate_policies) || !has_policy(x, POLICY_DEVICE))
		return "the leaf has not the policy of device keys";
	const ASN1_TIME *end = X509_get0_notAfter(x);
	if (ASN1_STRING_length(end) != (int)strlen(NO_END) ||
		memcmp(ASN1_STRING_get0_data(end), NO_END, strlen(NO_END)) != 0)
		return "the leaf has an end: it is no device certificate";
	return NULL;
}

/* NULL, or what is wrong with an issuer; `direct`: of the leaf. */
static const char *check_issuer(X509 *x, const X509 *child, enum trust_kind kind, bool direct, bool root)
{
	if (!(X509_get_extension_flags(x) & EXFLAG_KUSAGE) || !(X509_get_key_usage(x) & X509v3_KU_KEY_CERT_SIGN))
		return "an issuer may not sign certificates";
	/* A token's own CA signs statements; it can vouch for no device key. */
	if (!root && has_serial(x))
		return "an issuer is itself a token's";
	if (direct && kind == TRUST_DEVICE && X509_get_pathlen(x) != 0)
		return "the issuing CA is not one for device certificates alone (path length 0)";
	if (direct && kind == TRUST_ATTESTATION && X509_get_pathlen(x) == 0)
		return "the issuing CA is not one for attestation keys";
	int days, seconds;
	if (ASN1_TIME_diff(&days, &seconds, X509_get0_notAfter(x), X509_get0_notBefore(child)) != 1 || days > 0 ||
		seconds > 0)
		return "an issuer was past its end when it issued";
	return NULL;
}

/* ---- the chain --------------------------------------------------------------------------------------------------- */

struct parsed {
	STACK_OF(X509) * issuers; /* as they came */
	X509 *leaf;
	struct bytes leaf_der;
	int count;
};

static void parsed_free(struct parsed *p)
{
	sk_X509_pop_free(p->issuers, X509_free);
	X509_free(p->leaf);
}

static bool parse(struct bytes chain, struct parsed *p)
{
	struct cursor c = cursor_of(chain);

	p->issuers = sk_X509_new_null();
	if (!p->issuers || chain.len == 0 || chain.len > TRUST_CHAIN_MAX)
		return false;
	while (c.left > 0 && !c.failed && p->count < TRUST_CHAIN_LENGTH) {
		struct bytes der = tlv_take_whole(&c, 0x30);
		const uint8_t *at = der.data;
		X509 *x = c.failed ? NULL : d2i_X509(NULL, &at, (long)der.len);

		if (!x || at != der.data + der.len) {
			X509_free(x);
			return false;
		}
		if (p->leaf && sk_X509_push(p->issuers, p->leaf) == 0) {
			X509_free(x);
			return false;
		}
		p->leaf = x;
		p->leaf_der = der;
		p->count++;
	}
	return cursor_done(&c) && p->leaf;
}

/* Certificate `i` of the chain, counted from the leaf. */
static X509 *given(const struct parsed *p, int i)
{
	return i == 0 ? p->leaf : sk_X509_value(p->issuers, p->count - 1 - i);
}

/* NULL, or what is wrong with the path that was found from the leaf to a root. */
static const char *check_path(const struct parsed *p, STACK_OF(X509) * path, enum trust_kind kind)
{
	const int n = sk_X509_num(path);
	const char *wrong = NULL;

	/* The root left out, as it should be, or at the head. */
	if (n < 2 || (p->count != n - 1 && p->count != n))
		return "there are certificates in it that do not belong to the path";
	for (int i = 0; i < p->count; i++)
		if (X509_cmp(given(p, i), sk_X509_value(path, i)) != 0)
			return "the certificates are not in order";
	for (int i = 1; i < n && !wrong; i++)
		wrong = check_issuer(sk_X509_value(path, i), sk_X509_value(path, i - 1), kind, i == 1, i == n - 1);
	return wrong;
}

/* The one that people meet is said in their words: the rest is for who looks into an attack. */
static const char *path_problem(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return N_("its certificates lead to no root that is trusted here");
	default:
		return X509_verify_cert_error_string(error);
	}
}

static const char *verify(const struct trust_roots *r, const struct parsed *p, enum trust_kind kind)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	const char *wrong = "out of memory";

	if (ctx && X509_STORE_CTX_init(ctx, r->store, p->leaf, p->issuers) == 1) {
		X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
		X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
		X509_VERIFY_PARAM_set_depth(param, TRUST_CHAIN_LENGTH);
		if (X509_verify_cert(ctx) == 1)
			wrong = check_path(p, X509_STORE_CTX_get0_chain(ctx), kind);
		else
			wrong = path_problem(X509_STORE_CTX_get_error(ctx));
	}
	X509_STORE_CTX_free(ctx);
	return wrong;
}

/* NULL, or what is wrong. */
static const char *check(const struct trust_roots *r, const struct parsed *p, enum trust_kind kind, const char *serial,
	struct trust_leaf *leaf)
{
	const char *wrong = check_leaf(p->leaf, kind);

	if (!wrong && !p256_point(p->leaf, leaf->point))
		wrong = "the leaf's key is not on P-256";
	if (!wrong && !subject_serial(p->leaf, leaf->serial))
		wrong = "the leaf names no serial number";
	if (!wrong && serial && strcmp(leaf->serial, serial) != 0)
		wrong = "the leaf is of a token with another serial number";
	return wrong ? wrong : verify(r, p, kind);
}

enum ukey_status trust_check(const struct trust_roots *r, enum trust_kind kind, struct bytes chain, const char *serial,
	struct trust_leaf *out)
{
	struct parsed p = {0};
	struct trust_leaf leaf;
	const char *wrong = "the chain is malformed, too long, or has bytes left over";

	problem[0] = '\0';
	ERR_clear_error();
	if (parse(chain, &p)) {
		leaf.der = p.leaf_der;
		wrong = check(r, &p, kind, serial, &leaf);
	}
	parsed_free(&p);
	const bool memory = no_memory();
	if (wrong) {
		say("%s", _(wrong));
		return memory ? UKEY_MEMORY : UKEY_NOT_GENUINE;
	}
	*out = leaf;
	return UKEY_OK;
}
