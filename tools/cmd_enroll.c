/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enroll: from an enrolment code (or the present certificate) to a certificate on the token.
 *
 *	plan --> trust --> log in --> key --> request --> CA --> check --> write --> read back --> done
 *	  ^                            |                   |
 *	  +---- run again: the key ----+---- and the certificate, once it is there, are found again
 *
 * Everything that may be asked is asked before the key is made. Each step that cannot be repeated for free leaves its
 * trace: the key carries the enrolment's own CKA_ID until its certificate is written, the state file the certificate.
 */
#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "tools/enroll_state.h"
#include "tools/enroll_trust.h"
#include "tools/key_make.h"
#include "tools/names.h"
#include "tools/request.h"
#include "tools/ui.h"

struct enrolment {
	struct tool *t;
	struct session s;
	struct est *est;
	struct enroll_state state;
	const struct algorithm_name *algorithm;
	bool renew, same_key;
	bool have_key, made_key, resumed, place_named;
	ukey_key_ref ref;     /* the key that gets the certificate, or its place to be */
	ukey_key_ref old_ref; /* renew: the key that proves who asks */
	X509 *old_cert;
	STACK_OF(X509) * anchors, *cas;
	struct pin code;
	struct token_key_handle key, old_key;
	X509_NAME *subject;
	X509 *cert;
};

static enum ukey_status cancelled(const struct enrolment *e)
{
	(void)e;
	return tool_cancelled() ? UKEY_CANCELLED : UKEY_OK;
}

/* ---- plan ---- */

static enum ukey_status options(struct enrolment *e)
{
	struct tool *t = e->t;
	const char *why = "";
	enum ukey_pair pair = UKEY_SIGNATURE;

	if (!tool_has(t, OPT_URL))
		return tool_fail(t, UKEY_USAGE, _("--url is missing"));
	e->renew = tool_has(t, OPT_RENEW);
	e->same_key = tool_has(t, OPT_SAME_KEY);
	if (e->same_key && !e->renew)
		return tool_fail(t, UKEY_USAGE, _("--same-key goes with --renew"));
	if (tool_has(t, OPT_KEY)) {
		e->algorithm = name_algorithm_option(t->opt[OPT_KEY]);
		if (e->algorithm == NULL)
			return tool_fail(t, UKEY_USAGE, _("\"%s\" is no kind of key"), t->opt[OPT_KEY]);
	}
	if (tool_has(t, OPT_PAIR) && !name_parse_pair(t->opt[OPT_PAIR], &pair))
		return tool_fail(t, UKEY_USAGE, _("\"%s\" is neither signature nor exchange"), t->opt[OPT_PAIR]);
	if (tool_has(t, OPT_SUBJECT)) {
		e->subject = name_parse_subject(t->opt[OPT_SUBJECT], &why);
		if (e->subject == NULL)
			return tool_fail(t, UKEY_ARGUMENT, "--subject: %s", _(why));
	}
	if (strlen(t->opt[OPT_URL]) >= sizeof(e->state.url) ||
		(tool_has(t, OPT_LABEL) && strlen(t->opt[OPT_LABEL]) >= sizeof(e->state.profile)))
		return tool_fail(t, UKEY_USAGE, _("the address is too long"));
	snprintf(e->state.url, sizeof(e->state.url), "%s", t->opt[OPT_URL]);
	snprintf(e->state.profile, sizeof(e->state.profile), "%s", tool_has(t, OPT_LABEL) ? t->opt[OPT_LABEL] : "");
	e->state.pair = pair;
	e->state.renew = e->renew;
	return est_open(t, t->opt[OPT_URL], t->opt[OPT_LABEL], &e->est);
}

static const struct ukey_key *marked_key(const struct ukey_directory *d, const struct enroll_state *state)
{
	uint8_t id[ENROLL_ID_SIZE];

	if (!enroll_id(state, id))
		return NULL;
	for (size_t i = 0; i < d->key_count; i++)
		if (bytes_equal(BYTES(d->keys[i].id, d->keys[i].id_len), BYTES_OF(id)))
			return &d->keys[i];
	return NULL;
}

/* --key-ref C/s: an existing key without certificate, or the place for a new one. */
static enum ukey_status named_place(struct enrolment *e, const struct ukey_directory *d)
{
	const struct ukey_key *key = NULL;
	const char *text = e->t->opt[OPT_KEY_REF];
	enum ukey_status r;

	if (name_parse_ref(text, &e->ref) && ukey_directory_key(d, e->ref) == NULL) {
		e->place_named = true;
		e->state.pair = (enum ukey_pair)(e->ref & 1);
		return UKEY_OK;
	}
	r = pick_key(&e->s, d, key_fits_sign, &key);
	if (r != UKEY_OK)
		return r;
	if (key->certificate.exists && !e->resumed) {
		tool_fail(e->t, UKEY_EXISTS, _("key %s has a certificate"), text);
		tool_hint(e->t, _("renew it with --renew, or name another place"));
		return UKEY_EXISTS;
	}
	e->ref = key->ref;
	e->state.pair = (enum ukey_pair)(key->ref & 1);
	e->have_key = true;
	e->algorithm = name_algorithm(key->algorithm);
	return UKEY_OK;
}

static enum ukey_status plan_renewal(struct enrolment *e, const struct ukey_directory *d)
{
	const struct ukey_key *old = NULL;
	enum ukey_status r = pick_key(&e->s, d, key_signs_with_certificate, &old);

	if (r == UKEY_OK)
		r = key_certificate(&e->s, old->ref, &e->old_cert);
	if (r != UKEY_OK)
		return r;
	e->old_ref = old->ref;
	if (!tool_has(e->t, OPT_PAIR))
		e->state.pair = (enum ukey_pair)(old->ref & 1);
	if (e->algorithm == NULL || e->same_key)
		e->algorithm = name_algorithm(old->algorithm);
	if (e->same_key) {
		e->ref = old->ref;
		e->have_key = true;
	}
	return UKEY_OK;
}

/* What an earlier run of this command left: its file, or at least its key. */
static void look_for_earlier(struct enrolment *e, const struct ukey_directory *d)
{
	struct enroll_state kept;
	const struct ukey_key *key = NULL;

	if (e->algorithm != NULL)
		snprintf(e->state.algorithm, sizeof(e->state.algorithm), "%s", e->algorithm->option);
	if (enroll_state_load(e->state.serial, &kept) && enroll_state_same(&kept, &e->state)) {
		key = marked_key(d, &kept);
		if (key == NULL && (e->same_key || e->have_key) && kept.ref == e->ref)
			key = ukey_directory_key(d, kept.ref);
		if (key != NULL && (!e->have_key || key->ref == e->ref)) {
			e->state = kept;
			memset(&kept, 0, sizeof(kept)); /* it owns the certificate now */
			e->algorithm = name_algorithm(key->algorithm);
		} else {
			key = NULL;
			snprintf(e->state.ca_sha256, sizeof(e->state.ca_sha256), "%s", kept.ca_sha256);
		}
	}
	enroll_state_clear(&kept);
	if (e->algorithm == NULL)
		e->algorithm = name_algorithm(UKEY_RSA_2048);
	snprintf(e->state.algorithm, sizeof(e->state.algorithm), "%s", e->algorithm->option);
	if (key == NULL && !e->have_key)
		key = marked_key(d, &e->state);
	if (key != NULL) {
		e->ref = key->ref;
		e->have_key = e->resumed = true;
	}
}

static enum ukey_status plan(struct enrolment *e)
{
	const struct ukey_directory *d = NULL;
	char ref[NAME_REF_SIZE];
	enum ukey_status r = session_open(e->t, &e->s);

	if (r == UKEY_OK)
		r = session_pin_usable(&e->s, UKEY_USER);
	if (r == UKEY_OK)
		r = ukey_directory(e->s.token, &d);
	if (r != UKEY_OK)
		return r;
	snprintf(e->state.serial, sizeof(e->state.serial), "%s", e->s.info.serial);
	if (e->renew)
		r = plan_renewal(e, d);
	if (r == UKEY_OK)
		look_for_earlier(e, d);
	if (r == UKEY_OK && !e->renew && !e->resumed && tool_has(e->t, OPT_KEY_REF))
		r = named_place(e, d);
	if (r == UKEY_OK && e->resumed) {
		name_key_ref(e->ref, ref);
		ui_note(e->t, _("Going on with key %s, which an earlier run made."), ref);
	}
	ukey_directory_unref(d);
	return r;
}

/* ---- trust and log in ---- */

static enum ukey_status trust(struct enrolment *e)
{
	char *subject;
	enum ukey_status r;

	/* the certificate is here already: with --ca no network is needed any more */
	if (e->state.certificate != NULL && tool_has(e->t, OPT_CA)) {
		r = trust_read_file(e->t, e->t->opt[OPT_CA], &e->anchors);
		if (r == UKEY_OK)
			est_trust(e->est, e->anchors);
		return r;
	}
	r = trust_establish(e->t, e->est, e->state.ca_sha256, &e->anchors, &e->cas);
	if (r == UKEY_OK) {
		subject = name_text(X509_get_subject_name(sk_X509_value(e->anchors, 0)));
		ui_note(e->t, _("CA: %s"), subject != NULL ? subject : "?");
		free(subject);
	}
	return r;
}

static enum ukey_status ask_and_login(struct enrolment *e)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key, *old;
	bool keep = false;
	enum ukey_status r = UKEY_OK;

	if (!e->renew && e->state.certificate == NULL)
		r = pin_get(e->t, PIN_CODE, _("Enrolment code"), &e->code);
	if (r == UKEY_OK)
		r = ukey_directory(e->s.token, &d);
	if (r != UKEY_OK)
		return r;
	key = e->have_key ? ukey_directory_key(d, e->ref) : NULL;
	old = e->renew ? ukey_directory_key(d, e->old_ref) : NULL;
	keep = (key != NULL && key->always_authenticate) || (old != NULL && old->always_authenticate);
	r = session_login(&e->s, UKEY_USER, keep);
	if (r == UKEY_OK && old != NULL)
		r = key_handle_open(&e->s, old, &e->old_key);
	ukey_directory_unref(d);
	return r;
}

/* ---- the key ---- */

/* A renewal's new key is called as the old one, so that who looks for it by label goes on finding it. */
static void key_label(struct enrolment *e, char out[UKEY_LABEL_MAX + 1])
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *old = NULL;

	snprintf(out, UKEY_LABEL_MAX + 1, "%s", e->state.profile);
	if (out[0] == '\0' && e->renew && ukey_directory(e->s.token, &d) == UKEY_OK)
		old = ukey_directory_key(d, e->old_ref);
	if (old != NULL)
		snprintf(out, UKEY_LABEL_MAX + 1, "%s", old->label);
	ukey_directory_unref(d);
}

static enum ukey_status make_key(struct enrolment *e)
{
	uint8_t id[ENROLL_ID_SIZE];
	char ref[NAME_REF_SIZE], label[UKEY_LABEL_MAX + 1];
	struct ukey_generate how = {
		.ref = e->place_named ? e->ref : -1,
		.pair = e->state.pair,
		.algorithm = e->algorithm->algorithm,
		.id = id,
		.id_len = sizeof(id),
		.label = label,
	};
	enum ukey_status r;

	if (e->have_key)
		return UKEY_OK;
	key_label(e, label);
	/* an exchange pair must sign too: its request, and later its renewal */
	if (how.pair == UKEY_EXCHANGE)
		how.usage = UKEY_USE_SIGN | (e->algorithm->group != NULL ? UKEY_USE_DERIVE : UKEY_USE_DECRYPT);
	if (!enroll_id(&e->state, id))
		return UKEY_MEMORY;
	r = key_make(&e->s, &how, &e->ref);
	if (r != UKEY_OK)
		return r;
	e->have_key = e->made_key = true;
	e->state.ref = e->ref;
	name_key_ref(e->ref, ref);
	ui_note(e->t, _("Key %s is made (%s)."), ref, e->algorithm->shown);
	return enroll_state_save(e->t, &e->state);
}

/* ---- the CA ---- */

static enum ukey_status sleep_seconds(long seconds)
{
	for (long i = 0; i < seconds && !tool_cancelled(); i++)
		poll(NULL, 0, 1000);
	return tool_cancelled() ? UKEY_CANCELLED : UKEY_OK;
}

/* Ask, and ask again while the CA decides, up to --wait seconds. */
static enum ukey_status ask_ca(struct enrolment *e, struct bytes request, STACK_OF(X509) * *list)
{
	long wait = 60;
	time_t until;
	enum ukey_status r = tool_number(e->t, OPT_WAIT, 0, 86400, &wait);

	if (r != UKEY_OK)
		return r;
	until = time(NULL) + wait;
	for (;;) {
		struct ui_progress *p = ui_progress_start(e->t, _("The CA is asked for the certificate."));
		r = est_enroll(e->est, e->renew, request, list);
		ui_progress_end(p, r == UKEY_OK);
		if (r != UKEY_CA_PENDING)
			break;
		if (time(NULL) + est_retry_after(e->est) > until) {
			tool_fail(e->t, r, _("it says: ask again in %ld seconds"), est_retry_after(e->est));
			break;
		}
		ui_note(e->t, _("The CA has not decided yet; asking again in %ld seconds."), est_retry_after(e->est));
		r = sleep_seconds(est_retry_after(e->est));
		if (r != UKEY_OK)
			break;
	}
	return e->old_key.signer.failed != UKEY_OK ? e->old_key.signer.failed : r;
}

/* The one among the answer's certificates that holds our public key. */
static enum ukey_status pick_certificate(struct enrolment *e, const struct ukey_key *key, STACK_OF(X509) * list)
{
	EVP_PKEY *ours = key_public(key);

	for (int i = 0; ours != NULL && e->cert == NULL && i < sk_X509_num(list); i++) {
		X509 *cert = sk_X509_value(list, i);
		EVP_PKEY *inside = X509_get0_pubkey(cert);
		if (inside != NULL && EVP_PKEY_eq(ours, inside) == 1 && X509_up_ref(cert))
			e->cert = cert;
	}
	EVP_PKEY_free(ours);
	ERR_clear_error();
	if (e->cert != NULL)
		return UKEY_OK;
	tool_fail(e->t, UKEY_CERT_MISMATCH, _("the CA's answer holds another public key"));
	tool_hint(e->t, _("nothing was written; tell the CA's office"));
	return UKEY_CERT_MISMATCH;
}

static enum ukey_status request_certificate(struct enrolment *e, const struct ukey_key *key)
{
	const X509_NAME *subject = e->subject;
	STACK_OF(X509) *list = NULL;
	uint8_t *der = NULL;
	size_t len = 0;
	enum ukey_status r = key_handle_open(&e->s, key, &e->key);

	if (subject == NULL && e->renew)
		subject = X509_get_subject_name(e->old_cert);
	if (r == UKEY_OK)
		r = request_make(&e->key, key, subject, e->old_cert, EVP_sha256(), &der, &len);
	if (r == UKEY_OK) {
		if (e->renew)
			est_client(e->est, e->old_cert, e->old_key.pkey);
		else
			est_code(e->est, e->state.serial, &e->code);
		r = ask_ca(e, BYTES(der, len), &list);
	}
	if (r == UKEY_OK)
		r = pick_certificate(e, key, list);
	sk_X509_pop_free(list, X509_free);
	OPENSSL_free(der);
	return r;
}

/* Before it is kept or written: does the token take it, do we trust it? */
static enum ukey_status check_certificate(struct enrolment *e)
{
	int len = i2d_X509(e->cert, NULL);

	if (len <= 0)
		return UKEY_MEMORY;
	if ((size_t)len > e->s.info.max_object)
		return tool_fail(e->t, UKEY_TOO_LARGE, _("%d bytes; the token takes %zu"), len, e->s.info.max_object);
	return trust_check(e->t, e->cert, e->anchors, e->cas);
}

/* The code is spent now: from here on the certificate must not be lost. */
static enum ukey_status keep_certificate(struct enrolment *e)
{
	e->state.ref = e->ref;
	free(e->state.certificate);
	e->state.certificate = certificate_pem(e->cert);
	return e->state.certificate != NULL ? enroll_state_save(e->t, &e->state) : UKEY_MEMORY;
}

/* An earlier run got it already. One that does not stand the same checks is forgotten, and the CA asked again. */
static void kept_certificate(struct enrolment *e, const struct ukey_key *key)
{
	const char *pem = e->state.certificate;
	EVP_PKEY *ours = key_public(key);
	bool good = false;

	if (pem != NULL && ours != NULL &&
		certificate_parse(e->t, (const uint8_t *)pem, strlen(pem), &e->cert) == UKEY_OK)
		good = EVP_PKEY_eq(ours, X509_get0_pubkey(e->cert)) == 1 && check_certificate(e) == UKEY_OK;
	EVP_PKEY_free(ours);
	if (!good) {
		X509_free(e->cert);
		e->cert = NULL;
	}
}

static enum ukey_status get_certificate(struct enrolment *e)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key = NULL;
	enum ukey_status r = ukey_directory(e->s.token, &d);

	if (r == UKEY_OK) {
		key = ukey_directory_key(d, e->ref);
		r = key != NULL ? UKEY_OK : UKEY_NOT_FOUND;
	}
	if (r == UKEY_OK)
		kept_certificate(e, key);
	if (r == UKEY_OK && e->cert == NULL) {
		if (!e->renew && e->code.data == NULL)
			r = pin_get(e->t, PIN_CODE, _("Enrolment code"), &e->code);
		if (r == UKEY_OK)
			r = request_certificate(e, key);
		if (r == UKEY_OK)
			r = check_certificate(e);
		if (r == UKEY_OK)
			r = keep_certificate(e);
	}
	ukey_directory_unref(d);
	return r;
}

/* ---- onto the token ---- */

static enum ukey_status read_back(struct enrolment *e, const uint8_t *der, size_t len)
{
	uint8_t *back = NULL;
	size_t back_len = 0;
	enum ukey_status r = ukey_read_certificate(e->s.token, e->ref, &back, &back_len);

	if (r == UKEY_OK && !bytes_equal(BYTES(der, len), BYTES(back, back_len)))
		r = tool_fail(e->t, UKEY_TOKEN_FAILURE, _("the certificate reads back differently"));
	free(back);
	return r;
}

/* The enrolment's mark gives way to the id that everybody derives from the public key. */
static enum ukey_status final_id(struct enrolment *e, const char *common)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key;
	uint8_t id[20];
	enum ukey_status r = ukey_directory(e->s.token, &d);

	key = r == UKEY_OK ? ukey_directory_key(d, e->ref) : NULL;
	if (r == UKEY_OK && key == NULL)
		r = UKEY_NOT_FOUND;
	if (r == UKEY_OK && marked_key(d, &e->state) == key) {
		r = key_default_id(key, id);
		if (r == UKEY_OK)
			r = ukey_set_key_attributes(
				e->s.token, e->ref, id, sizeof(id), common[0] != '\0' ? common : NULL, NULL);
	}
	ukey_directory_unref(d);
	return r;
}

static enum ukey_status write_certificate(struct enrolment *e)
{
	const struct ukey_directory *d = NULL;
	char common[UKEY_LABEL_MAX + 1] = "";
	unsigned char *der = NULL;
	int len = i2d_X509(e->cert, &der);
	enum ukey_status r = len > 0 ? UKEY_OK : UKEY_MEMORY;

	if (r == UKEY_OK)
		r = ukey_directory(e->s.token, &d);
	if (r == UKEY_OK)
		name_certificate(e->cert, ukey_directory_key(d, e->ref), common);
	ukey_directory_unref(d);
	if (r == UKEY_OK)
		r = ukey_write_certificate(e->s.token, e->ref, der, (size_t)len, common[0] != '\0' ? common : NULL);
	if (r == UKEY_OK)
		r = read_back(e, der, (size_t)len);
	if (r == UKEY_OK)
		r = final_id(e, common);
	OPENSSL_free(der);
	return r;
}

static void tell(struct enrolment *e)
{
	char ref[NAME_REF_SIZE], old[NAME_REF_SIZE], until[UI_TIME_SIZE];
	char *subject = name_text(X509_get_subject_name(e->cert));

	name_key_ref(e->ref, ref);
	name_key_ref(e->old_ref, old);
	ui_time(certificate_until(e->cert), until);
	ui_note(e->t, _("The certificate of %s is on the token, key %s, valid until %s. Read back and checked."),
		subject != NULL ? subject : "?", ref, until);
	if (e->renew && !e->same_key)
		ui_note(e->t, _("The old one stays in %s until you delete it: ukey key delete --key-ref %s"), old, old);
	json_object_set_new(e->t->result, "serial", json_string(e->state.serial));
	json_object_set_new(e->t->result, "ref", json_string(ref));
	json_object_set_new(e->t->result, "key_made", json_boolean(e->made_key));
	json_object_set_new(e->t->result, "resumed", json_boolean(e->resumed));
	json_object_set_new(e->t->result, "certificate", certificate_json(e->cert));
	free(subject);
}

/* ---- all of it ---- */

static void clear(struct enrolment *e)
{
	est_close(e->est);
	key_handle_close(&e->key);
	key_handle_close(&e->old_key);
	pin_clear(&e->code);
	X509_free(e->cert);
	X509_free(e->old_cert);
	X509_NAME_free(e->subject);
	sk_X509_pop_free(e->anchors, X509_free);
	sk_X509_pop_free(e->cas, X509_free);
	enroll_state_clear(&e->state);
	session_close(&e->s);
}

enum ukey_status cmd_enroll(struct tool *t)
{
	static enum ukey_status (*const steps[])(struct enrolment *) = {
		options, plan, trust, ask_and_login, make_key, get_certificate, write_certificate};
	struct enrolment e = {.t = t};
	enum ukey_status r = UKEY_OK;

	if (!token_provider_load())
		return tool_fail_openssl(t, UKEY_INTERNAL);
	for (size_t i = 0; r == UKEY_OK && i < sizeof(steps) / sizeof(steps[0]); i++) {
		r = cancelled(&e);
		if (r == UKEY_OK)
			r = steps[i](&e);
	}
	if (r == UKEY_OK) {
		enroll_state_remove(e.state.serial);
		tell(&e);
	} else if (r == UKEY_CANCELLED && e.have_key) {
		tool_fail(t, r, _("the key on the token is kept"));
		tool_hint(t, _("run the same command again: it goes on where it stopped"));
	}
	clear(&e);
	return r;
}
