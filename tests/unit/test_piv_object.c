/* SPDX-License-Identifier: Apache-2.0 */
/* What driver/card/piv_object.h makes of the answers of PIV cards (which it refuses: test_piv_answer.c). */
#include "driver/card/piv_object.h"

#include "common/tlv.h"
#include "tests/unit/piv_text.h"

#include <zlib.h>

/* ---- what the parsers make of it ----------------------------------------------------------------------------------
 */

static void a_selected_application_tells_label_and_algorithms(void **state)
{
	static const struct {
		const char *answer, *label;
		uint16_t algorithms;
	} rows[] = {
		{"61 {4F {000010000100}}",									      NULL, 0   },
		{"61 {4F {000010000100} 50 {}}",									"",   0   },
		{"61 {4F {000010000100} 50 {4F70656E554B6579} AC {80 {07} 80 {05} 80 {16} 80 {11} 80 {14} 06 {}}}",
                 "4F70656E554B6579",											  0x1F},
 /* PivApplet: symmetric ones and RSA-1024, that we don't use, among them. */
		{"61 {4F {000010000100} AC {80 {03} 80 {08} 80 {0A} 80 {0C} 80 {06} 80 {07} 80 {11} 80 {14} 06 {00}}}",
                 NULL,													0x19},
 /* 15 is P-521 in our own protocol, nothing in PIV; 27 is secure messaging. */
		{"61 {4F {000010000100} AC {80 {15} 80 {27} 80 {E0} 06 {00}}}",                                         NULL, 0   },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes b = spell(rows[i].answer);
		struct piv_application a;
		assert_true(piv_application_parse(b, &a));
		assert_int_equal(a.algorithms, rows[i].algorithms);
		assert_int_equal(a.label.data != NULL, rows[i].label != NULL);
		if (rows[i].label)
			assert_bytes_hex(a.label, rows[i].label);
		test_drop(b);
	}
}

static void a_chuid_tells_guid_and_fasc_n(void **state)
{
	static const struct {
		const char *answer, *fasc_n, *guid;
	} rows[] = {
		{"53 {30 {" FASC "} 34 {" X16 "} 35 {3230333030313031} 3E {} FE {}}", FASC, X16                               },
		{"53 {30 {" FASC "} 3E {} FE {}}",                                    FASC, NULL                              },
		{"53 {30 {} 34 {} 3E {} FE {}}",                                      NULL, NULL                              },
		{"53 {34 {" X16 "}}",						 NULL, X16                               },
 /* OpenSC c1fc88ec2: all zero. What that means is for who asks. */
		{"53 {30 {" FASC "} 34 {00000000000000000000000000000000}}",          FASC, "00000000000000000000000000000000"},
		{"53 {}",							     NULL, NULL                              },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes b = spell(rows[i].answer), content;
		struct piv_chuid c;
		assert_true(piv_unwrap(b, 0x53, &content) && piv_chuid_parse(content, &c));
		assert_int_equal(c.fasc_n.data != NULL, rows[i].fasc_n != NULL);
		assert_int_equal(c.guid.data != NULL, rows[i].guid != NULL);
		assert_bytes_hex(c.fasc_n, rows[i].fasc_n ? rows[i].fasc_n : "");
		assert_bytes_hex(c.guid, rows[i].guid ? rows[i].guid : "");
		test_drop(b);
	}
}

static void discovery_tells_which_pin(void **state)
{
	static const struct {
		uint8_t pins, primary, reference;
	} rows[] = {
		{0x40, 0x00, 0x80},
		{0x40, 0x10, 0x80},
		{0x40, 0x20, 0x80}, /* of a PIN that is not there */
		{0x60, 0x00, 0x80},
		{0x60, 0x10, 0x80},
		{0x60, 0x20, 0x00},
		{0x50, 0x00, 0x80},
		{0x7C, 0x10, 0x80},
		{0x7C, 0x20, 0x00},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t content[] = {
			0x4F, 11, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 1, 0, 0x5F, 0x2F, 2, rows[i].pins, rows[i].primary};
		uint8_t reference = 0x55;
		assert_true(piv_discovery_parse(BYTES_OF(content), &reference));
		assert_int_equal(reference, rows[i].reference);
	}
}

static void key_history_counts(void **state)
{
	struct bytes b = spell("C1 {03} C2 {11} FE {}");
	struct piv_history h;

	(void)state;
	assert_true(piv_history_parse(b, &h));
	assert_int_equal(h.with_certificate, 3);
	assert_int_equal(h.without, 17);
	test_drop(b);
	assert_true(piv_history_parse(BYTES_NONE, &h));
	assert_int_equal(h.with_certificate + h.without, 0);
	b = spell("000000");
	assert_true(piv_history_parse(b, &h));
	test_drop(b);
	assert_int_equal(h.with_certificate + h.without, 0);
}

/* ---- certificates -------------------------------------------------------------------------------------------------
 */

/* A SEQUENCE of this length that does not compress much; the caller frees it. */
static struct bytes sequence(size_t len)
{
	uint8_t *der = malloc(len);
	uint32_t x = 1;

	assert_true(der && len >= 4);
	for (size_t i = 4; i < len; i++) {
		x = x * 1103515245 + 12345;
		der[i] = (uint8_t)(x >> 16);
	}
	der[0] = 0x30;
	der[1] = 0x82;
	der[2] = (uint8_t)((len - 4) >> 8);
	der[3] = (uint8_t)(len - 4);
	return BYTES(der, len);
}

static struct bytes compressed(struct bytes b)
{
	uint8_t *out = malloc(b.len + 1024);
	z_stream z = {.next_in = (Bytef *)(uintptr_t)b.data,
		.avail_in = (uInt)b.len,
		.next_out = out,
		.avail_out = (uInt)b.len + 1024};

	assert_non_null(out);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t len = z.total_out;
	deflateEnd(&z);
	return BYTES(out, len);
}

/* 53 { 70 value, 71 info, FE }; info below 0: no 71. */
static struct bytes object(struct bytes value, int info)
{
	size_t room = value.len + 32;
	uint8_t *out = malloc(room);
	struct builder b = builder_of(out, room);

	assert_non_null(out);
	size_t mark = tlv_begin(&b, 0x53);
	tlv_put(&b, 0x70, value);
	if (info >= 0)
		tlv_put_u8(&b, 0x71, (uint8_t)info);
	tlv_put(&b, 0xFE, BYTES_NONE);
	tlv_end(&b, mark);
	assert_false(b.failed);
	return BYTES(out, b.len);
}

static enum ukey_status certificate_of(struct bytes answer, uint8_t **der, size_t *len)
{
	struct bytes content;
	assert_true(piv_unwrap(answer, 0x53, &content));
	return piv_certificate_parse(content, der, len);
}

/* What 71 says: nothing, 00, 01, 80, both (or anything): the certificate itself says whether it is compressed. */
static void certificates_are_read_compressed_or_not(void **state)
{
	static const int infos[] = {-1, 0x00, 0x01, 0x80, 0x81, 0x40, 0xFF};
	static const size_t sizes[] = {260, 1000, 4000, PIV_CERTIFICATE_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct bytes der = sequence(sizes[i]), gzip = compressed(der);
		for (size_t n = 0; n < 2 * COUNT(infos); n++) {
			struct bytes answer = object(n & 1 ? gzip : der, infos[n / 2]);
			uint8_t *got;
			size_t len;
			assert_int_equal(certificate_of(answer, &got, &len), UKEY_OK);
			assert_bytes_equal(BYTES(got, len), der);
			free(got);
			test_drop(answer);
		}
		test_drop(gzip);
		test_drop(der);
	}
}

static void what_is_no_certificate_says_why(void **state)
{
	static const struct {
		const char *answer;
		enum ukey_status status;
	} rows[] = {
		{"53 {}",				  UKEY_NOT_FOUND     },
		{"53 {70 {} 71 {00} FE {}}",               UKEY_NOT_FOUND     },
		{"53 {70 {} 71 {01} FE {}}",               UKEY_NOT_FOUND     },
		{"53 {000000000000}",                      UKEY_NOT_FOUND     }, /* its place, kept free */
		{"53 {71 {00} FE {}}",                     UKEY_TOKEN_PROTOCOL},
		{"53 {70 {3001}}",                         UKEY_TOKEN_PROTOCOL},
		{"53 {70 {1F8B0800000000000003} 71 {01}}", UKEY_TOKEN_PROTOCOL},
		{"53 {70 {3000} 0102}",                    UKEY_TOKEN_PROTOCOL},
	};
	uint8_t *der;
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes b = spell(rows[i].answer);
		assert_int_equal(certificate_of(b, &der, &len), rows[i].status);
		test_drop(b);
	}
	for (int zip = 0; zip < 2; zip++) {
		struct bytes big = sequence(PIV_CERTIFICATE_MAX + 1), gzip = compressed(big),
			     answer = object(zip ? gzip : big, -1);
		assert_int_equal(certificate_of(answer, &der, &len), UKEY_TOO_LARGE);
		test_drop(answer);
		test_drop(gzip);
		test_drop(big);
	}
}

/* ---- a look at the beginning --------------------------------------------------------------------------------------
 */

#define LOOK 0x60

static enum piv_look look(struct bytes answer, size_t shown, struct bytes der)
{
	struct bytes beginning = test_copy(BYTES(answer.data, shown < answer.len ? shown : answer.len));
	const enum piv_look l = piv_certificate_look(beginning, der);

	test_drop(beginning);
	return l;
}

static void a_look_sees_whether_it_is_the_same(void **state)
{
	struct bytes der = sequence(1000), other = sequence(1001), changed = test_copy(der), gzip = compressed(der);
	struct bytes answer = object(der, 0), longer = object(other, 0), zipped = object(gzip, 1);

	(void)state;
	/* Whole header and serial number: 8 + 35 bytes. */
	for (size_t n = 0; n <= answer.len; n++)
		assert_int_equal(look(answer, n, der), n < 43 ? PIV_UNSURE : PIV_SAME);
	assert_int_equal(look(longer, LOOK, der), PIV_CHANGED);
	assert_int_equal(look(answer, LOOK, other), PIV_CHANGED);
	assert_int_equal(look(zipped, LOOK, der), PIV_UNSURE);
	assert_int_equal(look(zipped, LOOK, gzip), PIV_UNSURE);
	assert_int_equal(look(answer, LOOK, BYTES_NONE), PIV_CHANGED);
	for (size_t n = 0; n < LOOK - 8; n++) {
		((uint8_t *)(uintptr_t)changed.data)[n] ^= 0x04;
		assert_int_equal(look(answer, LOOK, changed), PIV_CHANGED);
		((uint8_t *)(uintptr_t)changed.data)[n] ^= 0x04;
	}
	assert_int_equal(look(answer, LOOK, changed), PIV_SAME);
	test_drop(zipped);
	test_drop(longer);
	test_drop(answer);
	test_drop(gzip);
	test_drop(changed);
	test_drop(other);
	test_drop(der);
}

/* So short that it is shown whole. */
static void a_look_at_a_short_one(void **state)
{
	struct bytes der = spell("30 05 02 03 112233"), answer = object(der, 0);

	(void)state;
	for (size_t n = 0; n <= answer.len; n++)
		assert_int_equal(look(answer, n, der), n < 4 + der.len ? PIV_UNSURE : PIV_SAME);
	test_drop(answer);
	test_drop(der);
}

static void a_look_at_something_else(void **state)
{
	static const struct {
		const char *beginning;
		enum piv_look with, without; /* a certificate that we know; none */
	} rows[] = {
		{"",					      PIV_UNSURE,  PIV_UNSURE },
		{"53",					    PIV_UNSURE,  PIV_UNSURE },
		{"53 00",					 PIV_CHANGED, PIV_SAME   },
		{"53 07 70 00 71 01 00 FE 00",                    PIV_CHANGED, PIV_SAME   },
		{"53 05 71 01 00 FE 00",                          PIV_UNSURE,  PIV_UNSURE },
		{"53 0E 71 01 00 FE 00 70 07 30 05 02 03 112233", PIV_UNSURE,  PIV_UNSURE },
		{"7E 05 70 03 300102",                            PIV_UNSURE,  PIV_UNSURE },
		{"53 82 03F0 70 82 03F1 30 82 03 E4",             PIV_UNSURE,  PIV_UNSURE }, /* longer than what it is in */
		{"53 84 FFFFFFFF 70 84 FFFFFFFE 30 82 03 E4",     PIV_CHANGED, PIV_CHANGED}, /* 4 GB, as far as they go */
		{"53 80 70 82 03E8 30 82 03 E4",                  PIV_UNSURE,  PIV_UNSURE },
		{"53 84 000003F3 70 84 000003E8 30",              PIV_UNSURE,  PIV_CHANGED},
		{"53 84 000003F3 70 84 000003E8 30 82 03 E4",     PIV_UNSURE,  PIV_CHANGED},
		{"53 84 000003F3 70 84 000003E8 30 82 03 E3",     PIV_CHANGED, PIV_CHANGED},
		{"53 82 03F3 70 82 03E8 1F",                      PIV_UNSURE,  PIV_CHANGED},
		{"53 82 03F3 70 82 03E8 01 00 05 07",             PIV_UNSURE,  PIV_CHANGED},
		{"53 82 03F3 70 82 03E8 1F 8B 08 00",             PIV_UNSURE,  PIV_CHANGED},
	};
	struct bytes der = sequence(1000);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes b = spell(rows[i].beginning);
		if (piv_certificate_look(b, der) != rows[i].with ||
			piv_certificate_look(b, BYTES_NONE) != rows[i].without) {
			print_message("%s\n", rows[i].beginning);
			fail();
		}
		test_drop(b);
	}
	test_drop(der);
}

/* ---- keys and PINs ------------------------------------------------------------------------------------------------
 */

static void public_keys_have_the_shape_of_their_algorithm(void **state)
{
	static const struct {
		uint8_t algorithm;
		bool rsa;
		size_t size;
	} rows[] = {
		{0x05, true,  384},
		{0x06, true,  128},
		{0x07, true,  256},
		{0x16, true,  512},
		{0x11, false, 65 },
		{0x14, false, 97 },
		{0xE0, false, 32 },
		{0xE1, false, 32 },
	};
	uint8_t value[513], room[600];

	(void)state;
	memset(value, 0xAB, sizeof value);
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t len = 0; len <= sizeof value; len++) {
			struct builder b = builder_of(room, sizeof room);
			struct card_public key;
			size_t mark = tlv_begin(&b, 0x7F49);
			value[0] = rows[i].rsa ? 0xAB : 0x04;
			tlv_put(&b, rows[i].rsa ? 0x81 : 0x86, BYTES(value, len));
			if (rows[i].rsa)
				tlv_put(&b, 0x82, BYTES((const uint8_t *)"\x01\x00\x01", 3));
			tlv_end(&b, mark);
			assert_int_equal(
				piv_generated_parse(builder_bytes(&b), rows[i].algorithm, &key), len == rows[i].size);
			if (len != rows[i].size)
				continue;
			assert_int_equal(rows[i].rsa ? key.modulus.len : key.point.len, len);
			if (rows[i].rsa)
				assert_bytes_hex(key.exponent, "010001");
			for (unsigned a = 0; a < 256; a++) {
				bool same_shape =
					a == rows[i].algorithm || (rows[i].size == 32 && (a == 0xE0 || a == 0xE1));
				assert_int_equal(piv_generated_parse(builder_bytes(&b), (uint8_t)a, &key), same_shape);
			}
		}
	assert_false(piv_algorithm_known(0x00) || piv_algorithm_known(0x15) || piv_algorithm_known(0xFF));
}

static void metadata_tells_what_it_tells(void **state)
{
	struct piv_metadata m;
	struct bytes b = spell("01 {11} 02 {03 02} 03 {01} 04 {86 {04" X64 "}}");

	(void)state;
	assert_true(piv_metadata_parse(b, &m));
	assert_int_equal(m.algorithm, 0x11);
	assert_int_equal(m.pin_policy, 3);
	assert_int_equal(m.touch_policy, 2);
	assert_true(m.generated && !m.is_default);
	assert_bytes_hex(m.key.point, "04" X64);
	assert_null(m.key.modulus.data);
	test_drop(b);
	b = spell("01 {07} 03 {02} 05 {01} 06 {0F 02}");
	assert_true(piv_metadata_parse(b, &m));
	assert_true(!m.generated && m.is_default);
	assert_int_equal(m.tries_max, 15);
	assert_int_equal(m.tries_left, 2);
	assert_int_equal(m.pin_policy + m.touch_policy, 0);
	assert_true(!m.key.modulus.data && !m.key.point.data);
	test_drop(b);
}

static void admin_data_and_protected_key(void **state)
{
	struct bytes b = spell("80 {81 {03} 82 {" X16 "}}"), key;
	struct piv_admin a;

	(void)state;
	assert_true(piv_admin_parse(b, &a) && a.puk_blocked && a.key_protected);
	assert_bytes_hex(a.salt, X16);
	test_drop(b);
	b = spell("80 {81 {02} 82 {}}");
	assert_true(piv_admin_parse(b, &a) && !a.puk_blocked && a.key_protected && !a.salt.data);
	test_drop(b);
	assert_true(piv_admin_parse(BYTES_NONE, &a) && !a.puk_blocked && !a.key_protected && !a.salt.data);
	b = spell("88 {89 {" X16 "1122334455667788}}");
	assert_true(piv_protected_parse(b, &key));
	assert_bytes_hex(key, X16 "1122334455667788");
	test_drop(b);
}

static void signatures_become_r_and_s(void **state)
{
	struct bytes b = spell("30 {02 {00FF" X16 "} 02 {7F}}");
	uint8_t rs[96];

	(void)state;
	assert_true(piv_ecdsa_parse(b, 32, rs));
	assert_bytes_hex(BYTES(rs, 64), "000000000000000000000000000000 FF" X16 "00000000000000000000000000000000"
					"0000000000000000000000000000007F");
	assert_true(piv_ecdsa_parse(b, 48, rs));
	assert_int_equal(rs[95], 0x7F);
	assert_false(piv_ecdsa_parse(b, 16, rs)); /* r has 17 bytes */
	test_drop(b);
}

static void pins_are_padded(void **state)
{
	static const struct {
		const char *pin, *padded; /* NULL: refused */
	} rows[] = {
		{"3132333435",         NULL              },
                {"313233343536",       "313233343536FFFF"},
                {"31323334353637",     "31323334353637FF"},
		{"3132333435363738",   "3132333435363738"},
                {"313233343536373839", NULL              },
		{"",                   NULL              }, /* CVE-2023-40660: an empty PIN is none, whoever is logged in */
		{"3132333435FF",       NULL              },
                {"FFFFFFFFFFFFFFFF",   NULL              },
		{"0001020304FE",       "0001020304FEFFFF"}, /* a PUK may be anything else */
	};
	uint8_t out[PIV_PIN_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes pin = test_hex(rows[i].pin);
		assert_int_equal(piv_pin_pad(pin, out), rows[i].padded != NULL);
		if (rows[i].padded)
			assert_bytes_hex(BYTES_OF(out), rows[i].padded);
		test_drop(pin);
	}
}

/* ---- ATRs ---------------------------------------------------------------------------------------------------------
 */

static const struct {
	const char *name, *atr;
	enum piv_family family;
} atrs[] = {
	{"YubiKey 5",			    "3BFD1300008131FE15 8073C021C05759756269 4B6579 40", PIV_YUBICO   },
	{"YubiKey 5, contactless",               "3B8D8001 8073C021C057597562694B6579 F9",            PIV_YUBICO   },
	{"YubiKey 4",			    "3BF81300008131FE15 597562696B657934 D4",            PIV_YUBICO   },
	{"YubiKey NEO",			  "3BFC1300008131FE15 597562696B65794E454F7233 E1",    PIV_YUBICO   },
	{"ours",				 "3B8B8001 80738001D765554B455901 C9",                PIV_OWN_TOKEN},
	{"ours, a later one",                    "3B8B8001 80738001D765554B455902 CA",                PIV_OWN_TOKEN},
	{"the PIV-only test card",               "3B888001 554B455920504956 C9",                      PIV_PLAIN    },
	{"the least",			    "3B80800101",					PIV_PLAIN    },
	{"SP 800-73 style, AID in Fx",           "3B8C8001 8073C021C0 F6 A00000030801 77",            PIV_PLAIN    },
	{"T=0, no TCK",			  "3B66 000000 597562",                                PIV_PLAIN    },
	{"YubiKey in another element",           "3B8D8001 8073C021C067597562694B6579 F9",            PIV_PLAIN    },
	{"ours without a version",               "3B8A8001 80738001D764554B4559 C9",                  PIV_PLAIN    },
	{"none",				 "",						  PIV_PLAIN    },
	{"a byte",			       "3B",						PIV_PLAIN    },
	{"fewer historical bytes than said",     "3B8F8001 8073C021C057597562694B6579 F9",            PIV_PLAIN    },
	{"more behind them than a check byte",   "3B8D8001 8073C021C057597562694B6579 F900",          PIV_PLAIN    },
	{"TD without end",                       "3BF0 FFFFFFFF FFFFFFFF FFFFFFFF",                   PIV_PLAIN    },
 /* The last element claims more than there is. */
	{"CVE-2025-66038: 5F",                   "3B8D8001 8073C021C05F597562694B6579 F9",            PIV_PLAIN    },
	{"CVE-2025-66038: 58",                   "3B8D8001 8073C021C058597562694B6579 F9",            PIV_PLAIN    },
	{"CVE-2025-66038: FF behind a good one", "3B8E8001 8073C021C057597562694B6579FF F9",          PIV_PLAIN    },
	{"CVE-2025-66038: F9, nothing",          "3B868001 8073C021C0F9 00",                          PIV_PLAIN    },
	{"a name that is longer",                "3B8D8001 807300210057597562694B6578 F9",            PIV_PLAIN    },
};

static void an_atr_tells_the_maker(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(atrs); i++) {
		struct bytes b = test_hex(atrs[i].atr);
		if (piv_family_of(b) != atrs[i].family) {
			print_message("%s\n", atrs[i].name);
			fail();
		}
		/* Cut off anywhere it says nothing, but for the check byte. */
		for (size_t n = 0; n + 1 < b.len && atrs[i].family != PIV_PLAIN; n++) {
			struct bytes part = test_copy(BYTES(b.data, n));
			assert_int_equal(piv_family_of(part), PIV_PLAIN);
			test_drop(part);
		}
		test_drop(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_selected_application_tells_label_and_algorithms),
		cmocka_unit_test(a_chuid_tells_guid_and_fasc_n),
		cmocka_unit_test(discovery_tells_which_pin),
		cmocka_unit_test(key_history_counts),
		cmocka_unit_test(certificates_are_read_compressed_or_not),
		cmocka_unit_test(what_is_no_certificate_says_why),
		cmocka_unit_test(a_look_sees_whether_it_is_the_same),
		cmocka_unit_test(a_look_at_a_short_one),
		cmocka_unit_test(a_look_at_something_else),
		cmocka_unit_test(public_keys_have_the_shape_of_their_algorithm),
		cmocka_unit_test(metadata_tells_what_it_tells),
		cmocka_unit_test(admin_data_and_protected_key),
		cmocka_unit_test(signatures_become_r_and_s),
		cmocka_unit_test(pins_are_padded),
		cmocka_unit_test(an_atr_tells_the_maker),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
