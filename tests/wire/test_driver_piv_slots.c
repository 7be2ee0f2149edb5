/* SPDX-License-Identifier: Apache-2.0 */
/* The directory that is made up of what a PIV card has; and what is wrong with one slot hides that one only. */
#include "tests/wire/piv_bench.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static unsigned long apdus(struct bench *b)
{
	return b->loop->readers[0].apdus;
}

/* Slots of the keys that are seen now, by a process that knows nothing: "9A 9C 82". */
static const char *slots(struct bench *b)
{
	static const uint8_t first[] = {0x9A, 0x9C, 0x9D, 0x9E};
	static char text[24 * 3 + 1];
	const struct ukey_directory *d;

	piv_bench_restart(b);
	piv_bench_refresh(b);
	ok(ukey_directory(b->t, &d));
	text[0] = '\0';
	for (size_t i = 0; i < d->key_count; i++) {
		const unsigned n = d->keys[i].ref / 2u;
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%02X", i ? " " : "",
			n < 4 ? first[n] : 0x82 + n - 4);
	}
	ukey_directory_unref(d);
	return text;
}

static struct ukey_key key_of(struct bench *b, ukey_key_ref ref)
{
	const struct ukey_directory *d;

	ok(ukey_directory(b->t, &d));
	assert_non_null(ukey_directory_key(d, ref));
	struct ukey_key k = *ukey_directory_key(d, ref);
	ukey_directory_unref(d);
	return k;
}

/* ---- how many ---------------------------------------------------------------------------------------------------- */

static void the_slots_are_containers(void **state)
{
	static const struct {
		ukey_key_ref ref;
		const char *label;
		enum ukey_algorithm algorithm;
		unsigned usage;
		bool always, never;
		uint8_t id;
	} rows[] = {
		{REF_9A, "PIV Authentication",  UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT, false, false, 1},
		{REF_9C, "Digital Signature",   UKEY_P256,     UKEY_USE_SIGN,                    true,  false, 2},
		{REF_9D, "Key Management",      UKEY_P384,     UKEY_USE_SIGN | UKEY_USE_DERIVE,  false, false, 3},
		{REF_9E, "Card Authentication", UKEY_P256,     UKEY_USE_SIGN,                    false, true,  4},
		{REF_82, "Retired Key 1",       UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT, false, false, 5},
	};
	struct bench *b = *state;
	const struct ukey_directory *d;

	piv_bench_refresh(b);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, PIV_USUAL);
	assert_int_equal(d->container_count, PIV_USUAL);
	assert_int_equal(d->certificate_count + d->data_count, 0);
	for (size_t i = 0; i < PIV_USUAL; i++) {
		const struct ukey_key *k = ukey_directory_key(d, rows[i].ref);
		uint8_t *der;
		size_t len;
		assert_non_null(k);
		assert_string_equal(k->label, rows[i].label);
		assert_string_equal(k->certificate.label, rows[i].label);
		assert_string_equal(d->containers[i].name, rows[i].label);
		assert_int_equal(k->algorithm, rows[i].algorithm);
		assert_int_equal(k->usage, rows[i].usage);
		assert_int_equal(k->always_authenticate, rows[i].always);
		assert_int_equal(k->no_pin, rows[i].never);
		assert_int_equal(k->id_len, 1);
		assert_int_equal(k->id[0], rows[i].id);
		/* It came along with the key. */
		const unsigned long before = apdus(b);
		ok(ukey_read_certificate(b->t, k->ref, &der, &len));
		assert_int_equal(len, k->certificate.length);
		assert_int_equal(apdus(b), before);
		free(der);
	}
	ukey_directory_unref(d);
}

static void an_empty_card_is_empty(void **state)
{
	struct bench *b = piv_bench_with(piv_card(0, NULL, 0));
	const struct ukey_directory *d;

	*state = b;
	assert_string_equal(slots(b), "");
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->container_count, 0);
	ukey_directory_unref(d);
}

static const uint8_t retired_first = 0x82;

static void twenty_four_slots(void **state)
{
	struct piv_key_wish all[24] = {
		{0x9A, 0x11, 0x5FC105},
                {0x9C, 0x11, 0x5FC10A},
                {0x9D, 0x11, 0x5FC10B},
                {0x9E, 0x11, 0x5FC101}
        };

	for (uint8_t i = 0; i < 20; i++)
		all[4 + i] = (struct piv_key_wish){(uint8_t)(retired_first + i), 0x11, 0x5FC10Du + i};
	struct bench *b = piv_bench_with(piv_card(0, all, 24));
	*state = b;
	assert_string_equal(slots(b), "9A 9C 9D 9E 82 83 84 85 86 87 88 89 8A 8B 8C 8D 8E 8F 90 91 92 93 94 95");
	/* SELECT, CHUID, discovery, history, 24 certificates */
	assert_int_equal(apdus(b), 28);
	const struct ukey_key last = key_of(b, UKEY_KEY_REF(23, UKEY_EXCHANGE));
	assert_string_equal(last.label, "Retired Key 20");
	assert_int_equal(last.id[0], 0x18);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, UKEY_KEY_REF(23, UKEY_EXCHANGE)));
}

/* As many retired keys as the history says; all, when the configuration wants it. */
static void the_history_says_where_to_look(void **state)
{
	struct bench *b = *state;

	piv_admin(b->chip[0]);
	piv_put(b->chip[0], 0x5FC10C, BYTES_NONE, SW_OK);
	assert_string_equal(slots(b), "9A 9C 9D 9E");
	trusted_configure("piv-all-slots = yes\n");
	b->loop->readers[0].apdus = 0;
	assert_string_equal(slots(b), "9A 9C 9D 9E 82");
	/* all 24, and one more to learn that the card tells nothing of keys without certificate */
	assert_int_equal(apdus(b), 4 + 24 + 1);
}

/* ---- what a certificate object may be ---------------------------------------------------------------------------- */

static void a_compressed_certificate(void **state)
{
	struct bench *b = *state;
	static uint8_t packed[4096];
	uint8_t *der, *read;
	size_t len, read_len;
	z_stream z = {0};

	piv_bench_refresh(b);
	ok(ukey_read_certificate(b->t, REF_9A, &der, &len));
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = der;
	z.avail_in = (uInt)len;
	z.next_out = packed;
	z.avail_out = sizeof packed;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	piv_admin(b->chip[0]);
	piv_put_certificate(b->chip[0], 0x5FC105, BYTES(packed, z.total_out), 1);
	deflateEnd(&z);
	assert_string_equal(slots(b), "9A 9C 9D 9E 82");
	ok(ukey_read_certificate(b->t, REF_9A, &read, &read_len));
	assert_int_equal(read_len, len);
	assert_memory_equal(read, der, len);
	free(der);
	free(read);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
}

#define SPKI_ED25519 "302A300506032B6570032100D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A"

static void what_is_wrong_with_one_slot_hides_that_one(void **state)
{
	static const char *const contents[] = {
		"",                                   /* deleted */
		"FE00",                               /* nothing in it */
		"7000710100FE00",                     /* an empty certificate */
		"70053003020101710100FE00",           /* not X.509 */
		"70080102030405060708710101FE00",     /* not compressed, though it says so */
		"700A1F8B0800000000000003710101FE00", /* compressed, and cut off */
		"7082FFFF3003020101",                 /* longer than it is */
		"FF",                                 /* no TLV */
	};
	struct bench *b = *state;

	piv_admin(b->chip[0]);
	for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
		piv_put(b->chip[0], 0x5FC10A, wire_hex(contents[i]), SW_OK);
		assert_string_equal(slots(b), "9A 9D 9E 82");
		ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
		ok(piv_bench_sign(b, REF_9A));
		is(ukey_sign(b->t, REF_9C, &(struct ukey_scheme){.padding = UKEY_ECDSA}, (const uint8_t *)"digest", 6,
			   NULL, &(size_t){64}),
			UKEY_NOT_FOUND);
		ok(ukey_logout(b->t));
	}
}

static void a_key_of_an_unknown_kind_hides_its_slot(void **state)
{
	struct bench *b = *state;
	size_t len;
	uint8_t *der = piv_certificate(wire_hex(SPKI_ED25519), 1, &len);

	piv_admin(b->chip[0]);
	piv_put_certificate(b->chip[0], 0x5FC101, BYTES(der, len), 0);
	free(der);
	assert_string_equal(slots(b), "9A 9C 9D 82");
}

/* What the card answers to GET DATA of one object. */
static struct {
	uint8_t object; /* last byte of its tag */
	uint16_t sw;
	const char *data;
} instead;

static void answer_instead(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	struct apdu a;

	if (!apdu_parse(command, &a) || a.ins != 0xCB || a.data.data[a.data.len - 1] != instead.object)
		return;
	answer->len = 0;
	if (instead.data)
		builder_put(answer, wire_hex(instead.data));
	builder_u16(answer, instead.sw);
}

static void a_status_word_about_one_object_hides_that_one(void **state)
{
	static const uint16_t words[] = {0x6A82, 0x6982, 0x6985, 0x6A81, 0x6A86, 0x6A88, 0x6A80, 0x6B00, 0x6700, 0x6F00,
		0x6581, 0x6E00, 0x6D00, 0x63C1, 0x1234};
	struct bench *b = *state;

	b->loop->readers[0].falsify = answer_instead;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		instead.object = 0x0B;
		instead.sw = words[i];
		instead.data = NULL;
		assert_string_equal(slots(b), "9A 9C 9E 82");
		ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
		ok(piv_bench_sign(b, REF_9A));
	}
	/* data that is none of the object */
	static const char *const data[] = {"", "53", "5300", "7E00", "530470020000", "53820004", "61"};
	for (size_t i = 0; i < sizeof data / sizeof data[0]; i++) {
		instead.sw = SW_OK;
		instead.data = data[i];
		assert_string_equal(slots(b), "9A 9C 9E 82");
	}
}

/* Without discovery object, without history, with nonsense in them: nothing of it matters to the four slots. */
static void discovery_and_history_may_be_missing_or_wrong(void **state)
{
	static const struct {
		uint16_t sw;
		const char *data;
	} rows[] = {
		{0x6A82, NULL				      },
                {0x6D00, NULL                                      },
                {0x9000, "7E00"                                    },
                {0x9000, "7E024F00"                                },
                {0x9000, "5303C10115"                              },
		{0x9000, "5306C10115C20115"                        },
                {0x9000, "FFFFFFFF"                                },
		{0x9000, "7E124F0BA0000000000000100001005F2F024000"}
        };
	struct bench *b = *state;

	b->loop->readers[0].falsify = answer_instead;
	for (int history = 0; history < 2; history++)
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
			instead.object = history ? 0x0C : 0x7E;
			instead.sw = rows[i].sw;
			instead.data = rows[i].data;
			assert_string_equal(slots(b), history ? "9A 9C 9D 9E" : "9A 9C 9D 9E 82");
			ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
			ok(piv_bench_sign(b, REF_9A));
		}
}

/* ---- keys without certificate ------------------------------------------------------------------------------------ */

static const struct piv_key_wish bare[] = {
	{0x9A, 0x07, 0       },
	{0x9C, 0x14, 0x5FC10A},
	{0x95, 0x11, 0       },
};

static void a_card_that_tells_of_its_keys_is_asked(void **state)
{
	struct bench *b = piv_bench_with(piv_card(PIV_YUBICO, bare, 3));

	*state = b;
	assert_string_equal(slots(b), "9A 9C");
	/* select, name, discovery, history; four certificates; version, and three slots without certificate */
	assert_int_equal(apdus(b), 4 + 4 + 1 + 3);
	struct ukey_key k = key_of(b, REF_9A);
	assert_int_equal(k.algorithm, UKEY_RSA_2048);
	assert_false(k.certificate.exists);
	assert_true(k.generated);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
	piv_admin(b->chip[0]);
	piv_put_history(b->chip[0], 0, 1);
	assert_string_equal(slots(b), "9A 9C 95");
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, UKEY_KEY_REF(23, UKEY_EXCHANGE)));
	/* Its own policies. */
	piv_admin(b->chip[0]);
	piv_generate(b->chip[0], 0x9D, 0x11, 1, 2);
	piv_generate(b->chip[0], 0x9A, 0x11, 3, 1);
	assert_string_equal(slots(b), "9A 9C 9D 95");
	k = key_of(b, REF_9D);
	assert_true(k.no_pin && k.touch && !k.always_authenticate);
	k = key_of(b, REF_9A);
	assert_true(!k.no_pin && !k.touch && k.always_authenticate);
	b->chip[0]->hal.button = true;
	ok(piv_bench_sign(b, REF_9D));
	is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
}

static void a_card_that_does_not_is_asked_once(void **state)
{
	struct bench *b = piv_bench_with(piv_card(0, bare, 3));

	*state = b;
	assert_string_equal(slots(b), "9C");
	assert_int_equal(apdus(b), 4 + 4 + 1);
}

static int setup_nothing(void **state)
{
	(void)state;
	return 0;
}

#define USUAL(test) cmocka_unit_test_setup_teardown(test, piv_bench_setup, bench_teardown)
#define OWN(test)   cmocka_unit_test_setup_teardown(test, setup_nothing, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		USUAL(the_slots_are_containers),
		OWN(an_empty_card_is_empty),
		OWN(twenty_four_slots),
		USUAL(the_history_says_where_to_look),
		USUAL(a_compressed_certificate),
		USUAL(what_is_wrong_with_one_slot_hides_that_one),
		USUAL(a_key_of_an_unknown_kind_hides_its_slot),
		USUAL(a_status_word_about_one_object_hides_that_one),
		USUAL(discovery_and_history_may_be_missing_or_wrong),
		OWN(a_card_that_tells_of_its_keys_is_asked),
		OWN(a_card_that_does_not_is_asked_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
