/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of the PIV application (protocol 9.7, 9.8): made in every slot, used by the rules of the slot and of the policy,
 * results that OpenSSL checks; Yubico's extensions.
 */
#include <string.h>

#include "common/crypto.h"
#include "firmware-emu/core/state.h"
#include "tests/wire/personal.h"
#include "tests/wire/piv.h"

#define ALL (PIV_FLAGS | PIV_YUBICO)

static const uint8_t slots[] = {0x9A, 0x9C, 0x9D, 0x9E, 0x82, 0x8B, 0x95};

static const struct {
	uint8_t number;
	enum crypto_key_type type;
	size_t size;
} algorithms[] = {
	{0x07, CRYPTO_RSA,     256},
	{0x05, CRYPTO_RSA,     384},
	{0x16, CRYPTO_RSA,     512},
	{0x11, CRYPTO_EC_P256, 32 },
	{0x14, CRYPTO_EC_P384, 48 },
};

static struct crypto_pubkey public_of(size_t kind, struct bytes value)
{
	static uint8_t copy[8][600];
	static unsigned turn;
	uint8_t *to = copy[turn++ % 8];
	struct crypto_pubkey key = {.type = algorithms[kind].type};

	memcpy(to, value.data, value.len);
	struct cursor c = cursor_of(BYTES(to, value.len));
	if (key.type == CRYPTO_RSA) {
		key.modulus = tlv_take(&c, 0x81);
		key.exponent = tlv_take(&c, 0x82);
	} else {
		key.point = tlv_take(&c, 0x86);
	}
	assert_true(cursor_done(&c) && crypto_pubkey_check(&key));
	return key;
}

/* A block of PKCS #1 v1.5 with no digest info, as the host pads it. */
static struct bytes padded(size_t size, struct bytes message)
{
	static uint8_t block[512];

	memset(block, 0xFF, size);
	block[0] = 0;
	block[1] = 1;
	block[size - message.len - 1] = 0;
	memcpy(block + size - message.len, message.data, message.len);
	return BYTES(block, size);
}

static void check_signature(size_t kind, const struct crypto_pubkey *key, struct bytes message, struct bytes signature)
{
	uint8_t raw[160];
	struct builder rs = builder_of(raw, sizeof(raw));
	struct crypto_scheme scheme = {.kind = key->type == CRYPTO_RSA ? CRYPTO_RSA_PKCS1 : CRYPTO_ECDSA};

	if (key->type != CRYPTO_RSA) {
		assert_true(crypto_ecdsa_from_der(signature, algorithms[kind].size, &rs));
		signature = builder_bytes(&rs);
	}
	assert_int_equal(crypto_verify(key, &scheme, message, signature), CRYPTO_GOOD);
}

static void every_slot_makes_and_uses_every_key(void **state)
{
	struct ramtoken *t = piv_token(ALL);
	static const uint8_t digest[32] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55};
	const struct bytes message = BYTES_OF(digest);

	(void)state;
	piv_admin(t);
	for (size_t i = 0; i < sizeof(slots); i++)
		for (size_t kind = 0; kind < sizeof(algorithms) / sizeof(algorithms[0]); kind++) {
			const uint8_t a = algorithms[kind].number;
			if (algorithms[kind].size > 256 && i > 0)
				continue; /* once: they are slow */
			struct crypto_pubkey key = public_of(kind, piv_generate(t, slots[i], a, 0, 0));
			struct bytes input = key.type == CRYPTO_RSA ? padded(algorithms[kind].size, message) : message;
			if (slots[i] != 0x9E)
				piv_log_in(t);
			check_signature(kind, &key, message, piv_use(t, slots[i], a, 0x81, input, SW_OK));
		}
	ramtoken_free(t);
}

/* Where keys are managed they decrypt and agree; where they sign, they do not (SP 800-73-5). */
static void agreement_and_decryption(void **state)
{
	struct ramtoken *t = piv_token(ALL);
	uint8_t mine[64], theirs[128];

	(void)state;
	piv_admin(t);
	piv_log_in(t);
	memcpy(theirs, piv_generate(t, 0x82, 0x11, 0, 0).data, 67);
	struct bytes other = BYTES(theirs + 2, 65);
	memcpy(mine, piv_generate(t, 0x9D, 0x11, 0, 0).data + 2, 64);
	struct bytes z = piv_use(t, 0x9D, 0x11, 0x85, other, SW_OK);
	assert_int_equal(z.len, 32);
	piv_generate(t, 0x9A, 0x11, 0, 0);
	piv_use(t, 0x9A, 0x11, 0x85, other, SW_WRONG_DATA);
	piv_generate(t, 0x9D, 0x07, 0, 0);
	piv_use(t, 0x9D, 0x07, 0x85, padded(256, wire_hex("01")), SW_WRONG_DATA);
	/* raw RSA both ways: what the public operation makes, the private one undoes */
	struct crypto_pubkey key = public_of(0, piv_generate(t, 0x9D, 0x07, 0, 0));
	uint8_t cipher[256], plain[256];
	memcpy(plain, padded(256, wire_hex("C0FFEE")).data, 256);
	assert_true(crypto_rsa_public(&key, BYTES_OF(plain), cipher));
	struct bytes back = piv_use(t, 0x9D, 0x07, 0x81, BYTES_OF(cipher), SW_OK);
	assert_true(bytes_equal(back, BYTES_OF(plain)));
	ramtoken_free(t);
}

/* "PIN always": VERIFY is the very command before, and one use ends it; "once" and "never" are what they say. */
static void pin_policies(void **state)
{
	static const char *const between[] = {"00CB3FFF055C035FC10200", "00200080", "00A4040005A000000308",
		"00A4040005A000000309", "00AA0000", "00FD0000", "0087039B047C02810000"};
	struct ramtoken *t = piv_token(ALL);
	struct bytes m = wire_hex("0102");

	(void)state;
	piv_admin(t);
	piv_generate(t, 0x9A, 0x11, 0, 0);
	piv_generate(t, 0x9C, 0x11, 0, 0);
	piv_generate(t, 0x9E, 0x11, 0, 0);
	piv_generate(t, 0x9D, 0x11, 3, 0);
	piv_generate(t, 0x82, 0x11, 1, 0);
	piv_use(t, 0x9E, 0x11, 0x81, m, SW_OK);
	piv_use(t, 0x82, 0x11, 0x81, m, SW_OK);
	piv_use(t, 0x9A, 0x11, 0x81, m, SW_SECURITY_STATUS);
	piv_use(t, 0x9C, 0x11, 0x81, m, SW_SECURITY_STATUS);
	piv_log_in(t);
	piv_use(t, 0x9A, 0x11, 0x81, m, SW_OK);
	piv_use(t, 0x9A, 0x11, 0x81, m, SW_OK);
	piv_use(t, 0x9C, 0x11, 0x81, m, SW_SECURITY_STATUS); /* something came between */
	static const uint8_t strict[] = {0x9C, 0x9D};
	for (size_t s = 0; s < sizeof(strict); s++) {
		piv_log_in(t);
		piv_use(t, strict[s], 0x11, 0x81, m, SW_OK);
		piv_use(t, strict[s], 0x11, 0x81, m, SW_SECURITY_STATUS);
		wire(t, "00200080", SW_OK); /* the PIN itself stays verified */
		for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
			piv_log_in(t);
			(void)ramtoken_transceive(t, wire_hex(between[i]));
			piv_use(t, strict[s], 0x11, 0x81, m, SW_SECURITY_STATUS);
		}
		/* a new PIN is verified, but not by VERIFY */
		wire(t, "0024008010" PIN_246813 PIN_246813, SW_OK);
		wire(t, "00200080", SW_OK);
		wire(t, "0024008010" PIN_246813 PIN_246813, SW_OK);
		piv_use(t, strict[s], 0x11, 0x81, m, SW_SECURITY_STATUS);
		/* the blocks of one chain are one command */
		piv_log_in(t);
		wire(t, "1087119C04 7C068200", SW_OK);
		wire(t, s == 0 ? "0087119C04 81020102" : "0087119D04 81020102", s == 0 ? SW_OK : SW_WRONG_DATA);
		/* wrong PIN, log-out: over */
		piv_log_in(t);
		wire(t, "0020FF80", SW_OK);
		piv_use(t, strict[s], 0x11, 0x81, m, SW_SECURITY_STATUS);
	}
	ramtoken_free(t);
}

static void touch_policy(void **state)
{
	struct ramtoken *t = piv_token(ALL);

	(void)state;
	piv_admin(t);
	piv_generate(t, 0x9E, 0x11, 1, 2);
	t->hal.button = false;
	piv_use(t, 0x9E, 0x11, 0x81, wire_hex("01"), SW_SECURITY_STATUS);
	t->hal.button = true;
	piv_use(t, 0x9E, 0x11, 0x81, wire_hex("01"), SW_OK);
	assert_int_equal(t->hal.touches, 2);
	ramtoken_free(t);
}

/* ---- Yubico's extensions ---- */

static void without_the_switch_there_are_none(void **state)
{
	static const char *const commands[] = {
		"00FD0000", "00F80000", "00F7009A", "00F99A00", "00FA0303", "00FB0000", ("00FFFFFF1B039B18" KEY_KNOWN)};
	struct ramtoken *t = piv_token(PIV_FLAGS);

	(void)state;
	piv_admin(t);
	piv_log_in(t);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		wire(t, commands[i], SW_INS_NOT_SUPPORTED);
	wire(t, "0047009A08AC06800111AA0101", SW_WRONG_DATA);
	ramtoken_free(t);
}

static void version_serial_and_metadata(void **state)
{
	struct ramtoken *t = piv_token(ALL);

	(void)state;
	assert_string_equal(wire_text(wire(t, "00FD000000", SW_OK)), "050403");
	assert_string_equal(wire_text(wire(t, "00F8000000", SW_OK)), wire_text(BYTES(t->hal.serial + 4, 4)));
	assert_string_equal(wire_text(wire(t, "00F7008000", SW_OK)), "0101FF05010006020303");
	assert_string_equal(wire_text(wire(t, "00F7008100", SW_OK)), "0101FF05010006020303");
	assert_string_equal(wire_text(wire(t, "00F7009B00", SW_OK)), "01010302020001050100");
	wire(t, "0020008008" PIN_WRONG, 0x63C2);
	assert_string_equal(wire_text(wire(t, "00F7008000", SW_OK)), "0101FF05010006020302");
	wire(t, "0024008010" PIN_246813 PIN_123456, SW_OK);
	assert_string_equal(wire_text(wire(t, "00F7008000", SW_OK)), "0101FF05010106020303");
	wire(t, "0024008010" PIN_123456 PIN_246813, SW_OK);
	assert_string_equal(wire_text(wire(t, "00F7008000", SW_OK)), "0101FF05010006020303");
	piv_admin(t);
	piv_generate(t, 0x9C, 0x11, 0, 0);
	struct bytes m = wire(t, "00F7009C00", SW_OK);
	assert_memory_equal(m.data, wire_hex("010111 02020301 030101 0443 8641 04").data, 15);
	piv_generate(t, 0x9A, 0x07, 2, 3);
	m = wire_apdu(t, 0, 0xF7, 0, 0x9A, BYTES_NONE, APDU_LE_MAX, SW_OK);
	assert_memory_equal(m.data, wire_hex("010107 02020203 030101 0482").data, 12);
	ramtoken_free(t);
}

/* Who is given the codes that everybody knows is told so. */
static void known_codes_are_called_known(void **state)
{
	static const struct {
		const char *template, *pin, *puk, *key;
	} rows[] = {
		{"8006313233343536 8108" PUK_12345678 "821903" KEY_KNOWN, "01", "01", "01"},
		{"8006313233343536 8108" PUK_OURS "821903" KEY_OURS,      "01", "00", "00"},
		{"8006323436383133 8108" PUK_12345678 "821903" KEY_OURS,  "00", "01", "00"},
		{"8006323436383133 8108" PUK_OURS "821903" KEY_KNOWN,     "00", "00", "01"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ramtoken *t = ramtoken_new(NULL);
		assert_int_equal(piv_initialize(t, ALL, rows[i].template), SW_OK);
		piv_select(t);
		assert_memory_equal(wire_text(wire(t, "00F7008000", SW_OK)) + 10, rows[i].pin, 2);
		assert_memory_equal(wire_text(wire(t, "00F7008100", SW_OK)) + 10, rows[i].puk, 2);
		assert_memory_equal(wire_text(wire(t, "00F7009B00", SW_OK)) + 18, rows[i].key, 2);
		ramtoken_free(t);
	}
}

static void retries_and_management_key(void **state)
{
	struct ramtoken *t = piv_token(ALL);

	(void)state;
	wire(t, "00FA0502", SW_SECURITY_STATUS);
	piv_admin(t);
	wire(t, "00FA0502", SW_SECURITY_STATUS); /* the PIN, too */
	piv_log_in(t);
	wire(t, "00FA0502", SW_OK);
	wire(t, "00200080", 0x63C5);
	wire(t, "0020008008" PIN_246813, 0x63C4); /* both codes are what everybody knows */
	wire(t, "0020008008" PIN_123456, SW_OK);
	wire(t, "002C008010" PUK_OURS PIN_246813, 0x63C1);
	wire(t, "002C008010" PUK_12345678 PIN_246813, SW_OK);
	wire(t, "0020008008" PIN_246813, SW_OK);
	wire(t, "00FAFFFF", SW_OK);
	wire(t, "0020008008" PIN_WRONG, 0x63CF); /* more than the status can say */
	ramtoken_power_cycle(t);
	piv_select(t);
	assert_string_equal(wire_text(wire(t, "00F7008000", SW_OK)), "0101FF0501010602FFFE");
	piv_admin(t);
	wire(t, "00FFFFFF1B0A9B18" KEY_KNOWN, SW_OK);
	piv_select(t);
	wire(t, "0087039B047C02810000", SW_WRONG_P1P2);
	piv_admin_with(t, 0x0A, KEY_OURS, SW_SECURITY_STATUS);
	piv_admin_with(t, 0x0A, KEY_KNOWN, SW_OK);
	assert_string_equal(wire_text(wire(t, "00F7009B00", SW_OK)), "01010A02020001050101");
	wire(t, "00FFFFFE1B039B18" KEY_OURS, SW_OK);
	assert_string_equal(wire_text(wire(t, "00F7009B00", SW_OK)), "01010302020002050100");
	t->hal.button = false;
	piv_admin_with(t, 0x03, KEY_OURS, SW_SECURITY_STATUS);
	t->hal.button = true;
	piv_admin_with(t, 0x03, KEY_OURS, SW_OK);
	wire(t, "00FFFFFD1B039B18" KEY_OURS, SW_OK); /* "cached": there is no clock, each use wants the button */
	assert_string_equal(wire_text(wire(t, "00F7009B00", SW_OK)), "01010302020003050100");
	t->hal.button = false;
	piv_admin_with(t, 0x03, KEY_OURS, SW_SECURITY_STATUS);
	ramtoken_free(t);
}

/* RESET takes what is PIV's and nothing else, wherever the power goes. */
static void reset_takes_piv_and_nothing_else(void **state)
{
	(void)state;
	for (unsigned long at = 0;; at++) {
		struct ramtoken *t = piv_token(ALL);
		uint8_t before[64], guid[16];
		piv_admin(t);
		piv_generate(t, 0x9A, 0x11, 0, 0);
		piv_put(t, 0x5FC105, wire_hex("70020102"), SW_OK);
		memcpy(guid, piv_get(t, 0x5FC102, SW_OK).data + 31, 16);
		wire(t, SELECT_UKEY, SW_OK);
		wire_verify(t, 0x81, USER_PIN, SW_OK);
		wire_generate(t, 0x11, 0, 1, SW_OK);
		memcpy(before, wire_info(t, 0x89).data, 32);
		piv_select(t);
		wire(t, "00FB0000", SW_CONDITIONS);
		for (int i = 0; i < 3; i++)
			wire(t, "0020008008" PIN_WRONG, (uint16_t)(0x63C2 - i));
		wire(t, "00FB0000", SW_CONDITIONS);
		for (int i = 0; i < 3; i++)
			wire(t, "002C008010" PUK_OTHER PIN_WRONG, (uint16_t)(0x63C2 - i));
		t->hal.cut_at = at;
		bool whole = ramtoken_transceive(t, wire_hex("00FB0000")).len > 0;
		t->hal.cut_at = 0;
		ramtoken_power_cycle(t);
		piv_select(t);
		struct bytes answer = ramtoken_transceive(t, wire_hex("00200080"));
		bool done = answer.data[0] == 0x63;
		if (done) {
			assert_int_equal(answer.data[1], 0xC3);
			piv_get(t, 0x5FC105, SW_NOT_FOUND);
			assert_memory_not_equal(piv_get(t, 0x5FC102, SW_OK).data + 31, guid, 16);
			wire(t, "00F7009A", SW_REFERENCE_NOT_FOUND);
			wire(t, "0020008008" PIN_123456, SW_OK);
			piv_admin_with(t, 0x03, KEY_KNOWN, SW_OK);
		} else {
			assert_int_equal(answer.data[1], 0x83);
			piv_get(t, 0x5FC105, SW_OK);
			wire(t, "00F7009A00", SW_OK);
			assert_false(whole);
		}
		/* our own application never noticed */
		wire(t, SELECT_UKEY, SW_OK);
		assert_memory_equal(wire_info(t, 0x89).data, before, 32);
		assert_int_equal(wire_info(t, 0x85).data[0], 6);
		wire_verify(t, 0x81, USER_PIN, SW_OK);
		ramtoken_free(t);
		if (whole && at > 0)
			break;
		assert_true(at < 3000);
	}
}

/* A certificate about the slot's key, by the factory's attestation key; of the factory's chain in 5FFF01. */
static void attestation(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	struct personal p;
	struct crypto_cert cert, leaf;
	uint8_t setup[256], copy[1024], spki[CRYPTO_SPKI_MAX];
	struct builder b = builder_of(setup, sizeof(setup)), own = builder_of(spki, sizeof(spki));

	(void)state;
	personal_make(t, NULL, &p);
	builder_put(&b, wire_hex("8000 8108 3837363534333231 8306 313233343536 8A05 062000000C"));
	tlv_put(&b, 0xA9, wire_hex(PIV_TEMPLATE));
	assert_int_equal(personal_initialize(t, builder_bytes(&b)), SW_OK);
	piv_select(t);
	piv_admin(t);
	struct crypto_pubkey key = public_of(3, piv_generate(t, 0x9A, 0x11, 0, 0));
	struct bytes der = wire_apdu(t, 0, 0xF9, 0x9A, 0, BYTES_NONE, APDU_LE_MAX, SW_OK);
	memcpy(copy, der.data, der.len);
	der = BYTES(copy, der.len);
	assert_true(crypto_cert_parse(der, &cert));
	assert_true(crypto_pubkey_to_spki(&key, &own));
	assert_true(bytes_equal(cert.spki, builder_bytes(&own)));
	struct bytes object = piv_get(t, 0x5FFF01, SW_OK), value, first;
	assert_true(tlv_unwrap(object, 0x53, &value));
	struct cursor c = cursor_of(value);
	first = tlv_take(&c, 0x70);
	assert_true(crypto_cert_parse(first, &leaf));
	assert_true(bytes_equal(leaf.subject, cert.issuer));
	/* firmware, serial number, policies, as their readers expect them */
	assert_non_null(strstr(wire_text(der), "060A2B0601040182C40A03030403050403"));
	assert_non_null(strstr(wire_text(der), "060A2B0601040182C40A030804020201"));
	assert_non_null(strstr(wire_text(der), "060A2B0601040182C40A0307"));
	/* the largest there is */
	key = public_of(2, piv_generate(t, 0x9D, 0x16, 0, 0));
	struct builder large = builder_of(spki, sizeof(spki));
	assert_true(crypto_pubkey_to_spki(&key, &large));
	assert_true(wire_apdu(t, 0, 0xF7, 0, 0x9D, BYTES_NONE, APDU_LE_MAX, SW_OK).len > 512);
	assert_true(crypto_cert_parse(wire_apdu(t, 0, 0xF9, 0x9D, 0, BYTES_NONE, APDU_LE_MAX, SW_OK), &cert));
	assert_true(bytes_equal(cert.spki, builder_bytes(&large)));
	/* where an imported key was made nobody here can say */
	wire(t,
		"00FE119A22 0620"
		"1111111111111111111111111111111111111111111111111111111111111111",
		SW_OK);
	wire(t, "00F99A0000", SW_CONDITIONS);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_slot_makes_and_uses_every_key),
		cmocka_unit_test(agreement_and_decryption),
		cmocka_unit_test(pin_policies),
		cmocka_unit_test(touch_policy),
		cmocka_unit_test(without_the_switch_there_are_none),
		cmocka_unit_test(version_serial_and_metadata),
		cmocka_unit_test(known_codes_are_called_known),
		cmocka_unit_test(retries_and_management_key),
		cmocka_unit_test(reset_takes_piv_and_nothing_else),
		cmocka_unit_test(attestation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
