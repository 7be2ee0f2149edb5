/* SPDX-License-Identifier: Apache-2.0 */
/* ukey-ra list, show, cacert: what was issued. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/i18n.h"
#include "ra/cadir.h"
#include "ra/cli.h"
#include "ra/keyfile.h"

static json_t *cert_json(const struct ra_cert_record *record)
{
	json_t *object = json_object();

	json_object_set_new(object, "serial", json_string(record->serial));
	json_object_set_new(object, "state", json_string(ra_cert_state_name(record->state)));
	json_object_set_new(object, "profile", cli_json_text(record->profile));
	json_object_set_new(object, "subject", cli_json_text(record->subject));
	json_object_set_new(object, "email", cli_json_text(record->email));
	json_object_set_new(object, "not_before", cli_json_time(record->not_before));
	json_object_set_new(object, "not_after", cli_json_time(record->not_after));
	json_object_set_new(object, "issued", cli_json_time(record->issued_at));
	return object;
}

struct listing {
	json_t *array; /* NULL: print lines */
	int64_t now;
};

static enum ra_status list_one(void *arg, const struct ra_cert_record *record)
{
	struct listing *listing = arg;
	char end[32];

	if (listing->array != NULL)
		return json_array_append_new(listing->array, cert_json(record)) == 0 ? RA_OK : RA_MEMORY;
	cli_time(record->not_after, end);
	printf("%s\t%s\t%s\t%s\t%s\n", record->serial,
		record->state == RA_CERT_VALID && record->not_after <= listing->now ? "expired"
										    : ra_cert_state_name(record->state),
		end, record->profile, record->subject);
	return RA_OK;
}

enum ra_status cmd_list(const struct cli *cli)
{
	struct ra ra = {0};
	struct listing listing = {.array = cli->json ? json_array() : NULL, .now = cli_now()};
	enum ra_status status = ra_cadir_open_records(cli->dir, &ra);

	if (status == RA_OK)
		status = ra_store_cert_each(ra.store, list_one, &listing);
	if (cli->json && status == RA_OK)
		status = cli_print_json(listing.array);
	else
		json_decref(listing.array);
	ra_cadir_close(&ra);
	return status;
}

static char *pem_of(X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *data = NULL;

	if (bio != NULL && PEM_write_bio_X509(bio, cert) == 1) {
		long len = BIO_get_mem_data(bio, &data);
		text = calloc(1, (size_t)len + 1);
		for (long i = 0; text != NULL && i < len; i++)
			text[i] = data[i];
	}
	BIO_free(bio);
	return text;
}

static enum ra_status show_record(const struct cli *cli, const struct ra_cert_record *record)
{
	const unsigned char *at = record->der;
	X509 *cert = d2i_X509(NULL, &at, (long)record->der_len);
	char *pem = cert == NULL ? NULL : pem_of(cert);
	enum ra_status status = pem == NULL ? ra_fail_crypto("certificate") : RA_OK;

	if (status == RA_OK && cli->json) {
		json_t *object = cert_json(record);
		json_object_set_new(object, "pem", json_string(pem));
		status = cli_print_json(object);
	} else if (status == RA_OK) {
		char issued[32];
		cli_time(record->issued_at, issued);
		printf(_("State: %s\nProfile: %s\nIssued: %s\n"), ra_cert_state_name(record->state), record->profile,
			issued);
		fflush(stdout);
		X509_print_ex_fp(stdout, cert, XN_FLAG_ONELINE & ~(unsigned long)ASN1_STRFLGS_ESC_MSB, 0);
		fputs(pem, stdout);
	}
	free(pem);
	X509_free(cert);
	return status;
}

enum ra_status cmd_show(const struct cli *cli)
{
	struct ra ra = {0};
	struct ra_cert_record record = {0};
	enum ra_status status;

	if (cli->argc != 1)
		return ra_fail(RA_USAGE, _("give the serial number that ukey-ra list shows"));
	status = ra_cadir_open_records(cli->dir, &ra);
	if (status == RA_OK)
		status = ra_store_cert_by_serial(ra.store, cli->argv[0], &record);
	if (status == RA_NOT_FOUND)
		status = ra_fail(RA_NOT_FOUND, _("there is no certificate of serial number %s"), cli->argv[0]);
	if (status == RA_OK)
		status = show_record(cli, &record);
	ra_cert_record_clear(&record);
	ra_cadir_close(&ra);
	return status;
}

enum ra_status cmd_cacert(const struct cli *cli)
{
	char *pem = NULL;
	enum ra_status status = ra_cadir_read(cli->dir, "ca.crt", &pem);

	if (status == RA_OK && fputs(pem, stdout) == EOF)
		status = RA_IO;
	ra_pem_free(pem);
	return status;
}
