/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain as a token may tell it. The corpus holds good ones below the root in device_chain_root.pem, whose key nobody
 * has; what is taken keeps its promises.
 */
#include "driver/trust.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static struct trust_roots *roots;

static void promises(const struct trust_leaf *leaf, struct bytes chain)
{
	FUZZ_REQUIRE(fuzz_inside(leaf->der, chain) && leaf->der.len > 0);
	FUZZ_REQUIRE(chain.len <= TRUST_CHAIN_MAX && strlen(leaf->serial) == 16 && leaf->point[0] == 0x04);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const serial = "00554B4559000001";
	struct trust_leaf leaf;

	if (!roots)
		FUZZ_REQUIRE(trust_open_path(FUZZ_ROOT, &roots) == UKEY_OK);
	if (trust_check(roots, TRUST_DEVICE, BYTES(data, size), serial, &leaf) == UKEY_OK) {
		promises(&leaf, BYTES(data, size));
		FUZZ_REQUIRE(strcmp(leaf.serial, serial) == 0);
		FUZZ_REQUIRE(trust_check(roots, TRUST_ATTESTATION, BYTES(data, size), NULL, &leaf) != UKEY_OK);
	} else if (trust_check(roots, TRUST_ATTESTATION, BYTES(data, size), NULL, &leaf) == UKEY_OK) {
		promises(&leaf, BYTES(data, size));
	}
	return 0;
}
