/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that commands are given as files. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/crypto.h"
#include "common/hex.h"
#include "common/tlv.h"
#include "tools/helpdesk/cli.h"

/* DER from PEM or DER. */
enum desk_status cli_read_certificate(const char *path, uint8_t **out, size_t *len)
{
	uint8_t *data = NULL;
	unsigned char *der = NULL;
	char *name = NULL, *header = NULL;
	long n = 0;
	enum desk_status status = cli_read_file(path, CLI_FILE_MAX, &data, len);

	if (status != DESK_OK)
		return status;
	BIO *bio = BIO_new_mem_buf(data, (int)*len);
	if (bio != NULL && PEM_read_bio(bio, &name, &header, &der, &n) == 1 && n > 0 && (size_t)n <= CLI_FILE_MAX) {
		memcpy(data, der, (size_t)n); /* shorter than its PEM */
		*len = (size_t)n;
	}
	BIO_free(bio);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	ERR_clear_error();
	*out = data;
	return DESK_OK;
}

enum desk_status cli_certificate_serial(const char *path, char out[CLI_SERIAL_SIZE])
{
	struct crypto_cert cert;
	struct bytes value;
	uint8_t *der = NULL;
	uint32_t tag;
	size_t len = 0;
	enum desk_status status = cli_read_certificate(path, &der, &len);

	if (status == DESK_OK) {
		struct cursor c = {0};
		bool good = crypto_cert_parse(BYTES(der, len), &cert);
		if (good)
			c = cursor_of(cert.serial);
		if (!good || !tlv_next(&c, &tag, &value) || !hex_encode(value, out, CLI_SERIAL_SIZE))
			status = cli_fail(DESK_CERTIFICATE, "%s", path);
	}
	free(der);
	return status;
}
