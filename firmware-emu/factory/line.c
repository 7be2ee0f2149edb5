/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One token:
 *
 *	look -> keys -> certificates -> unlock key -> record "begun" -> CLOSE -> read back, check -> record "done"
 *
 * However far a run came, the next one finds the token open and begins anew, or finds it closed with a begun record of
 * its certificates, checks it and writes the record's end.
 */
#include "config.h"

#include "firmware-emu/factory/line.h"

#include <stdio.h>
#include <string.h>

#include "common/i18n.h"
#include "common/secmem.h"
#include "common/unlock.h"

#define NAME_SIZE 64

/* One of a token's two keys, with its certificate. */
struct made {
	uint8_t chain[CERT_CHAIN_MAX];
	size_t chain_len;
	X509 *leaf;
};

static const struct {
	enum cert_kind kind;
	uint16_t object;
	const char *name; /* of the leaf, with the serial number behind it */
} halves[2] = {
	{CERT_DEVICE,      CHIP_DEVICE_CHAIN,      "OpenUKey token"      },
	{CERT_ATTESTATION, CHIP_ATTESTATION_CHAIN, "OpenUKey attestation"},
};

static X509 *ca_of(struct line *line, int half)
{
	return half == 0 ? line->ca.device : line->ca.attestation;
}

static EVP_PKEY *ca_key_of(struct line *line, int half)
{
	return half == 0 ? line->ca.device_key : line->ca.attestation_key;
}

/* ---- making ---- */

static enum factory_status certify(
	struct line *line, const struct chip *chip, int half, struct bytes point, struct made *out)
{
	struct builder b = builder_of(out->chain, sizeof(out->chain));
	char name[NAME_SIZE];
	EVP_PKEY *key = NULL;
	enum factory_status status = cert_point(point, &key);

	snprintf(name, sizeof(name), "%s %s", halves[half].name, chip->serial_text);
	if (status == FACTORY_OK)
		status = cert_make(halves[half].kind, name, chip->serial_text, key, ca_of(line, half),
			ca_key_of(line, half), &out->leaf);
	if (status == FACTORY_OK && !cert_verify(line->ca.root, ca_of(line, half), out->leaf))
		status = factory_fail(FACTORY_FAILED, "%s", _("a certificate that was just issued does not verify"));
	if (status == FACTORY_OK)
		status = cert_chain_put(ca_of(line, half), out->leaf, &b);
	out->chain_len = b.len;
	EVP_PKEY_free(key);
	return status;
}

static enum factory_status derive(struct line *line, const struct chip *chip, uint8_t key[UNLOCK_KEY_SIZE])
{
	uint8_t input[UNLOCK_INPUT_MAX];
	struct builder b = builder_of(input, sizeof(input));

	unlock_kdf_input(&b, 1, UNLOCK_LABEL_PIN, line->key_version, chip->serial, 8 * UNLOCK_KEY_SIZE);
	if (p11_uri_cmac(line->master, line->master_key, builder_bytes(&b), key) == P11_URI_OK)
		return FACTORY_OK;
	return factory_fail(FACTORY_FOLDER, _("the master key: %s"), p11_uri_message());
}

static enum factory_status keys_and_certificates(struct line *line, struct chip *chip, struct made made[2])
{
	uint8_t points[2][CHIP_POINT_SIZE];
	enum factory_status status = chip_make_keys(chip, points[0], points[1]);

	if (status == FACTORY_OK && bytes_equal(BYTES_OF(points[0]), BYTES_OF(points[1])))
		status = factory_fail(
			FACTORY_REFUSED, "%s", _("the token made the same key twice; do not use this token"));
	for (int half = 0; status == FACTORY_OK && half < 2; half++)
		status = certify(line, chip, half, BYTES_OF(points[half]), &made[half]);
	return status;
}

static enum factory_status entry_of(
	struct line *line, const struct chip *chip, X509 *leaves[2], struct ledger_entry *out)
{
	*out = (struct ledger_entry){.key_version = line->master != NULL ? line->key_version : 0};
	snprintf(out->serial, sizeof(out->serial), "%s", chip->serial_text);
	return cert_serial(leaves[0], out->device) && cert_serial(leaves[1], out->attestation)
		       ? FACTORY_OK
		       : factory_crypto(_("a certificate's serial number"));
}

/* ---- checking what the token says once it is closed ---- */

static enum factory_status unsound(const char *what)
{
	return factory_fail(FACTORY_FAILED,
		_("the closed token does not hold what it was given (%s); do not use this token"), what);
}

static enum factory_status read_leaf(struct line *line, struct chip *chip, int half, X509 **out)
{
	uint8_t chain[CERT_CHAIN_MAX];
	struct builder b = builder_of(chain, sizeof(chain));
	enum factory_status status = chip_read(chip, halves[half].object, &b);

	*out = status == FACTORY_OK ? cert_chain_leaf(ca_of(line, half), builder_bytes(&b)) : NULL;
	if (status == FACTORY_OK && *out == NULL)
		status = unsound(half == 0 ? "0003" : "0004");
	return status;
}

static enum factory_status check(struct line *line, struct chip *chip, const struct ledger_entry *wanted)
{
	uint8_t given = CHIP_HAS_DEVICE_KEY | CHIP_HAS_ATTESTATION_KEY;
	enum factory_status status = chip_look(chip);

	if (wanted->key_version != 0)
		given |= CHIP_HAS_UNLOCK_KEY;
	if (status == FACTORY_OK && chip->given != given)
		status = unsound("91");
	if (status == FACTORY_OK && chip->unlock_key != (wanted->key_version != 0))
		status = unsound("87");
	for (int half = 0; status == FACTORY_OK && half < 2; half++) {
		const char *number = half == 0 ? wanted->device : wanted->attestation;
		char got[CERT_SERIAL_SIZE] = "";
		X509 *leaf = NULL;

		status = read_leaf(line, chip, half, &leaf);
		if (status == FACTORY_OK && (!cert_serial(leaf, got) || strcmp(got, number) != 0 ||
						    !cert_names_token(leaf, chip->serial_text) ||
						    !cert_verify(line->ca.root, ca_of(line, half), leaf)))
			status = unsound(half == 0 ? "0003" : "0004");
		X509_free(leaf);
	}
	return status;
}

/* ---- the steps ---- */

static enum factory_status make(struct line *line, struct chip *chip, struct ledger_entry *entry)
{
	struct made *made = secmem_alloc(2 * sizeof(*made));
	uint8_t *key = secmem_alloc(UNLOCK_KEY_SIZE);
	enum factory_status status = made != NULL && key != NULL ? FACTORY_OK : factory_memory();

	if (status == FACTORY_OK)
		status = keys_and_certificates(line, chip, made);
	if (status == FACTORY_OK && line->master != NULL)
		status = derive(line, chip, key);
	if (status == FACTORY_OK)
		status = entry_of(line, chip, (X509 *[2]){made[0].leaf, made[1].leaf}, entry);
	if (status == FACTORY_OK)
		status = ledger_append(line->ledger, LEDGER_BEGUN, entry);
	if (status == FACTORY_OK)
		status = chip_finish(chip, BYTES(made[0].chain, made[0].chain_len),
			BYTES(made[1].chain, made[1].chain_len), line->master != NULL ? key : NULL, line->key_version);
	if (status == FACTORY_OK)
		status = check(line, chip, entry);
	if (status == FACTORY_OK)
		status = ledger_append(line->ledger, LEDGER_DONE, entry);
	for (int half = 0; made != NULL && half < 2; half++)
		X509_free(made[half].leaf);
	secmem_free(made);
	secmem_free(key);
	return status;
}

/* Open, and blank: from the start, whatever an earlier run did. */
static enum factory_status work_open(struct line *line, struct chip *chip, enum ledger_state before,
	enum line_outcome *outcome, struct ledger_entry *entry)
{
	enum factory_status status = FACTORY_OK;

	if (before == LEDGER_DONE)
		return factory_fail(FACTORY_REFUSED,
			_("another token with the serial number %s was personalised here; two must not have the same"),
			entry->serial);
	if (chip->life_cycle != CHIP_BLANK)
		return factory_fail(FACTORY_REFUSED, "%s",
			_("the token is in use, not blank; reset it first (ukey reset), which erases everything "
			  "on it"));
	if (before == LEDGER_BEGUN)
		status = ledger_append(line->ledger, LEDGER_VOID, entry);
	if (status == FACTORY_OK)
		status = make(line, chip, entry);
	if (status == FACTORY_OK)
		*outcome = LINE_MADE;
	return status;
}

static enum factory_status work_closed(struct line *line, struct chip *chip, enum ledger_state before,
	enum line_outcome *outcome, struct ledger_entry *entry)
{
	enum factory_status status;

	if (before == LEDGER_NOTHING || before == LEDGER_VOID) {
		*outcome = LINE_FOREIGN;
		return factory_fail(
			FACTORY_REFUSED, "%s", _("personalised already, and not by this factory; left alone"));
	}
	status = check(line, chip, entry);
	if (status != FACTORY_OK)
		return status;
	if (before == LEDGER_DONE) {
		*outcome = LINE_ALREADY;
		return factory_fail(FACTORY_REFUSED, "%s", _("personalised already by this factory; left alone"));
	}
	status = ledger_append(line->ledger, LEDGER_DONE, entry);
	if (status == FACTORY_OK)
		*outcome = LINE_FINISHED;
	return status;
}

enum factory_status line_work(
	struct line *line, const char *path, enum line_outcome *outcome, struct ledger_entry *entry)
{
	struct chip chip;
	enum ledger_state before;
	enum factory_status status = chip_open(path, &line->tokens, &chip);

	*outcome = LINE_FAILED;
	*entry = (struct ledger_entry){.key_version = 0};
	if (status == FACTORY_OK) {
		before = ledger_find(line->ledger, chip.serial_text, entry);
		snprintf(entry->serial, sizeof(entry->serial), "%s", chip.serial_text);
		status = chip.given == 0 ? work_open(line, &chip, before, outcome, entry)
					 : work_closed(line, &chip, before, outcome, entry);
	}
	chip_close(&chip);
	return status;
}
