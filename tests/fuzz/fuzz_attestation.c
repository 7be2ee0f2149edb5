/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A statement about a key, as whoever wants a certificate may bring it to a CA. The first byte chooses: 0, an
 * attestation certificate (two bytes of length before it) and a statement; else, what a statement says, which is put
 * into one that is signed here, so that the parser behind the signature is reached.
 */
#include "common/crypto.h"
#include "driver/attest.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/attest_help.h"

static void promises(const struct ukey_attestation *a)
{
	FUZZ_REQUIRE(strlen(a->serial) == 16 && a->ref < 64 && a->usage >= 1 && a->usage <= 7);
	FUZZ_REQUIRE(a->generated && !a->exportable && a->nonce_len >= 8 && a->nonce_len <= 32);
}

static void check(const struct trust_leaf *signer, struct bytes statement)
{
	struct ukey_attestation a;

	if (attest_check(signer, statement, BYTES_NONE, BYTES_NONE, &a) != NULL)
		return;
	promises(&a);
	FUZZ_REQUIRE(!attest_check(signer, statement, BYTES_NONE, BYTES(a.nonce, a.nonce_len), &a));
	FUZZ_REQUIRE(attest_check(signer, statement, BYTES_NONE, BYTES(a.nonce, a.nonce_len - 1), &a));
	FUZZ_REQUIRE(attest_check(signer, BYTES(statement.data, statement.len - 1), BYTES_NONE, BYTES_NONE, &a));
}

static bool leaf_of(struct bytes der, struct trust_leaf *out)
{
	struct crypto_cert cert;
	struct crypto_pubkey key;

	*out = (struct trust_leaf){.der = der, .serial = ATTEST_SERIAL};
	if (!crypto_cert_parse(der, &cert) || !crypto_pubkey_from_spki(cert.spki, &key) || key.type != CRYPTO_EC_P256)
		return false;
	bytes_copy(out->point, key.point);
	return true;
}

static void both(struct cursor *c)
{
	const struct bytes leaf = cursor_take(c, cursor_u16(c)), statement = cursor_rest(c);
	struct trust_leaf signer;

	if (leaf_of(leaf, &signer))
		check(&signer, statement);
}

static void signed_here(struct bytes value)
{
	static struct authority authority;
	static EVP_PKEY *subject;
	static uint8_t leaf[1024];
	static struct builder der;
	struct claim claim = attest_claim();
	struct trust_leaf signer;
	size_t len;

	if (!authority.cert) {
		authority = attest_authority(
			"Attestation", ATTEST_SERIAL, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign", NULL);
		subject = EVP_EC_gen("P-256");
		der = builder_of(leaf, sizeof leaf);
		attest_put(&der, authority.cert);
	}
	FUZZ_REQUIRE(leaf_of(builder_bytes(&der), &signer));
	claim.raw = value;
	uint8_t *statement = attest_statement(&claim, subject, &authority, &len);
	check(&signer, BYTES(statement, len));
	free(statement);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(BYTES(data, size));

	if (size < 2)
		return 0;
	if (cursor_u8(&c) == 0)
		both(&c);
	else
		signed_here(cursor_rest(&c));
	return 0;
}
