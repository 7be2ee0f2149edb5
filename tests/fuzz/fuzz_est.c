/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stranger can send to the RA: an EST body, an address, an enrolment code. An input that starts with a zero byte
 * is DER and is put into base64 here, so that the fuzzer gets past that layer; any other input is the body itself.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ra/base64.h"
#include "ra/code.h"
#include "ra/est.h"
#include "ra/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_body(struct bytes body)
{
	struct ra_request *request = NULL;

	if (ra_request_parse(body, &request) != RA_OK)
		return;
	/* Nothing but these keys may come through. */
	if (request->key.type == RA_KEY_RSA ? request->key.bits < 2048 : request->key.curve_nid == 0)
		abort();
	ra_request_free(request);
}

static void fuzz_der(struct bytes der)
{
	size_t cap = BASE64_ENCODED_MAX(der.len);
	uint8_t *text = malloc(cap + 1), *back = malloc(der.len + 3);
	struct builder b = builder_of(text, cap), again = builder_of(back, der.len + 3);

	if (text == NULL || back == NULL || !base64_encode(der, &b) || !base64_decode(builder_bytes(&b), &again) ||
		!bytes_equal(builder_bytes(&again), der))
		abort();
	fuzz_body(builder_bytes(&b));
	free(text);
	free(back);
}

static void fuzz_text(struct bytes text)
{
	char canonical[RA_CODE_CHARS + 1], path[256];
	struct est_route route;

	if (ra_code_normalise(text, canonical) != (strlen(canonical) == RA_CODE_CHARS))
		abort();
	if (text.len < sizeof path) {
		bytes_copy((uint8_t *)path, text);
		path[text.len] = '\0';
		est_route("POST", path, &route);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 0)
		fuzz_der(BYTES(data + 1, size - 1));
	else
		fuzz_body(BYTES(data, size));
	fuzz_text(BYTES(data, size));
	return 0;
}
