/* SPDX-License-Identifier: Apache-2.0 */
/* SCP11b derivation and SCP03 messages, against worked examples and against OpenSSL. */
#include "config.h"

#include "tests/unit/scp_help.h"

#include <openssl/kdf.h>
#include <unistd.h>

/* ---- CMAC ---- */

/* RFC 4493 4 and SP 800-38B D.2, D.3. */
static void computes_cmac(void **state)
{
	static const char message[] = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51"
				      "30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710";
	static const struct {
		const char *key;
		size_t n;
		const char *mac;
	} rows[] = {
		{"2b7e151628aed2a6abf7158809cf4f3c",                                 0,  "bb1d6929e95937287fa37d129b756746"},
		{"2b7e151628aed2a6abf7158809cf4f3c",                                 16, "070a16b46b4d4144f79bdd9dd04a287c"},
		{"2b7e151628aed2a6abf7158809cf4f3c",                                 40, "dfa66747de9ae63030ca32611497c827"},
		{"2b7e151628aed2a6abf7158809cf4f3c",                                 64, "51f0bebf7e3b9d92fc49741779363cfe"},
		{"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",                 64, "a1d5df0eed790f794d77589659f39a11"},
		{"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", 40,
                 "aaf3d8f1de5640c232f5b169b9c911e6"									},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes key = test_hex(rows[i].key), in = test_hex(message);
		uint8_t mac[16];
		in.len = rows[i].n;
		assert_true(scp_cmac(&scp_openssl, key, &in, 1, mac));
		assert_bytes_hex(BYTES_OF(mac), rows[i].mac);
		test_drop(key);
		test_drop(in);
	}
}

static void agrees_with_openssl_on_cmac_of_any_length_and_cut(void **state)
{
	uint8_t in[1101], ours[16], theirs[16];

	(void)state;
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * i + 7 * i);
	for (size_t n = 0; n <= 1100; n++) {
		struct bytes key = BYTES(in + 3, 16 + 8 * (n % 3));
		size_t cut = n * 37 % (n + 1);
		const struct bytes part[] = {BYTES(in, cut), BYTES_NONE, BYTES(in + cut, n - cut)};
		assert_true(scp_cmac(&scp_openssl, key, part, 3, ours));
		ref_cmac(key, BYTES(in, n), theirs);
		assert_memory_equal(ours, theirs, 16);
	}
}

/* ---- key derivation and its two messages ---- */

static void derives_keys_and_receipt_of_the_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		const struct hex_keys *e = &examples[i];
		struct bytes z = test_hex(AGREED_Z), command = test_hex(e->command_data), tlv = test_hex(POINT_TLV);
		struct scp_keys k;
		uint8_t receipt[16];
		assert_true(scp_derive(&scp_openssl, &e->params, z, &k));
		assert_bytes_hex(BYTES(k.key[SCP_KEY_RECEIPT], k.len), e->receipt_key);
		assert_bytes_hex(BYTES(k.key[SCP_KEY_ENC], k.len), e->enc);
		assert_bytes_hex(BYTES(k.key[SCP_KEY_MAC], k.len), e->mac);
		assert_bytes_hex(BYTES(k.key[SCP_KEY_RMAC], k.len), e->rmac);
		if (e->dek)
			assert_bytes_hex(BYTES(k.key[SCP_KEY_DEK], k.len), e->dek);
		assert_true(scp_receipt(&scp_openssl, &k, command, tlv, receipt));
		assert_bytes_hex(BYTES_OF(receipt), e->receipt);
		test_drop(z);
		test_drop(command);
		test_drop(tlv);
	}
}

static void agrees_with_openssl_on_the_derivation(void **state)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "X963KDF", NULL);

	(void)state;
	for (size_t i = 0; i < 30; i++) {
		uint8_t z[SCP_SECRET_SIZE], want[5 * 32], len = (uint8_t)(16 + 8 * (i % 3));
		struct scp_params p = {i % 2 ? SCP_USAGE_MAC : SCP_USAGE_MAC_ENC, len};
		uint8_t info[] = {p.usage, 0x88, len};
		char digest[] = "SHA256";
		struct scp_keys k;
		const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
			OSSL_PARAM_construct_octet_string("key", z, sizeof z),
			OSSL_PARAM_construct_octet_string("info", info, sizeof info), OSSL_PARAM_construct_end()};
		EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

		for (size_t j = 0; j < sizeof z; j++)
			z[j] = (uint8_t)(i * 101 + j * 13);
		assert_int_equal(EVP_KDF_derive(ctx, want, 5u * len, params), 1);
		assert_true(scp_derive(&scp_openssl, &p, BYTES_OF(z), &k));
		for (size_t j = 0; j < SCP_KEYS; j++)
			assert_memory_equal(k.key[j], want + j * len, len);
		EVP_KDF_CTX_free(ctx);
	}
	EVP_KDF_free(kdf);
}

static void writes_and_reads_both_messages(void **state)
{
	struct bytes oce = test_hex(EPK_OCE), sd = test_hex(EPK_SD), z = test_hex(AGREED_Z), got, command;
	uint8_t memory[SCP_AUTHENTICATE_SIZE], reply[SCP_ANSWER_SIZE], secret[SCP_SECRET_SIZE];
	struct builder b = builder_of(memory, sizeof memory), r = builder_of(reply, sizeof reply);
	struct scp_session host, token;
	struct scp_answer answer;
	struct scp_params p;

	(void)state;
	scp_put_authenticate(&b, &full_128, oce);
	command = builder_bytes(&b);
	assert_bytes_hex(command, AUTHENTICATE_DATA);
	assert_true(scp_parse_authenticate(command, &p, &got));
	assert_int_equal(p.usage, SCP_USAGE_MAC_ENC);
	assert_int_equal(p.key_len, 16);
	assert_bytes_equal(got, oce);

	bytes_copy(secret, z);
	assert_true(scp_open_token(&token, &scp_openssl, &p, secret, command, sd, &r));
	assert_bytes_hex(builder_bytes(&r), ANSWER_DATA);
	for (size_t i = 0; i < sizeof secret; i++)
		assert_int_equal(secret[i], 0);
	assert_true(scp_parse_answer(builder_bytes(&r), &answer));
	assert_bytes_equal(answer.point, sd);
	assert_bytes_hex(answer.point_tlv, POINT_TLV);
	bytes_copy(secret, z);
	assert_true(scp_open_host(&host, &scp_openssl, &full_128, secret, command, &answer));

	struct scp_session want = example_session(&examples[0]);
	assert_memory_equal(host.enc, want.enc, 16);
	assert_memory_equal(host.mac, want.mac, 16);
	assert_memory_equal(host.rmac, want.rmac, 16);
	assert_memory_equal(host.chain, want.chain, 16);
	assert_memory_equal(&host, &token, sizeof host);
	test_drop(oce);
	test_drop(sd);
	test_drop(z);
}

/* Secure-channel facts 1.6: what a token answers 6A80 to. */
static void refuses_malformed_authenticate_data(void **state)
{
	static const char *const bad[] = {
		"", "0000000000000000", "A60D9002110095013C800188810110", /* no point */
		"5F4941" EPK_OCE,                                         /* no control reference */
		"5F4941" EPK_OCE "A60D9002110095013C800188810110",        /* swapped */
		AUTHENTICATE_DATA "00",                                   /* something follows */
		AUTHENTICATE_DATA "8600",                                 /* something follows */
		"A60D9002110195013C800188810110 5F4941" EPK_OCE,          /* SCP11a */
		"A60D9002110395013C800188810110 5F4941" EPK_OCE,          /* SCP11c */
		"A60D9002110495013C800188810110 5F4941" EPK_OCE,          /* with host id */
		"A6109002110495013C800188810110840101 5F4941" EPK_OCE,    /* with host id, and the id */
		"A6109002110095013C800188810110840101 5F4941" EPK_OCE,    /* an id that is not announced */
		"A60D9002030095013C800188810110 5F4941" EPK_OCE,          /* SCP03 */
		"A60D90021100950133800188810110 5F4941" EPK_OCE,          /* SCP03's level byte as usage */
		"A60D9002110095013C800180810110 5F4941" EPK_OCE,          /* DES */
		"A60D9002110095013C80018881010F 5F4941" EPK_OCE,          /* key lengths */
		"A60D9002110095013C800188810100 5F4941" EPK_OCE,          /* key lengths */
		"A60A9002110095013C800188 5F4941" EPK_OCE,                /* no key length */
		"A6109002110095013C95013C800188810110 5F4941" EPK_OCE,    /* usage twice */
		"A60D9002110095013C800188810110 5F4940" EPK_OCE,          /* length beside the point */
		"A60E9002110095013C800188810110 5F4941" EPK_OCE,          /* length beside the template */
		"A60D9002110095013C800188810110 5F494102"
		"0D0918A04198474605615B6DF90FDCB34791FB3ECB822F4B26EB6E4FC4511B9D"
		"19B90C1B83C0C35CFBBB31EAD32BB52AE33622F57E3CC1638097CE97F430BABA", /* 02: compressed, yet of full
										       length */
		"A60D9002110095013C800188810110 5F4940"
		"0D0918A04198474605615B6DF90FDCB34791FB3ECB822F4B26EB6E4FC4511B9D"
		"19B90C1B83C0C35CFBBB31EAD32BB52AE33622F57E3CC1638097CE97F430BABA", /* no 04 in front */
	};
	struct scp_params p;
	struct bytes point;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct bytes b = test_hex(bad[i]);
		if (scp_parse_authenticate(b, &p, &point))
			fail_msg("accepted: %s", bad[i]);
		test_drop(b);
	}
	/* Every truncation; and inside A6 any order is right. */
	for (size_t n = 0; n < SCP_AUTHENTICATE_SIZE; n++) {
		struct bytes whole = test_hex(AUTHENTICATE_DATA), b = test_copy(BYTES(whole.data, n));
		assert_false(scp_parse_authenticate(b, &p, &point));
		test_drop(b);
		test_drop(whole);
	}
	struct bytes b = test_hex("A60D81011080018895013C90021100 5F4941" EPK_OCE);
	assert_true(scp_parse_authenticate(b, &p, &point));
	test_drop(b);
}

static void refuses_malformed_answers(void **state)
{
	static const char *const bad[] = {
		"",
		POINT_TLV, /* tokens before v1.4: nobody has confirmed a key */
		POINT_TLV "860F"
			  "AAD4659B2D08A46C14D2C4FFDC3B33",
		POINT_TLV "8611" RECEIPT "00",
		POINT_TLV "8608"
			  "AAD4659B2D08A46C",
		POINT_TLV "8600",
		RECEIPT_TLV POINT_TLV,
		ANSWER_DATA "00",
		ANSWER_DATA RECEIPT_TLV,
		POINT_TLV "8510" RECEIPT,
		RECEIPT_TLV,
	};
	struct scp_answer a;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct bytes b = test_hex(bad[i]);
		if (scp_parse_answer(b, &a))
			fail_msg("accepted: %s", bad[i]);
		test_drop(b);
	}
	for (size_t n = 0; n < SCP_ANSWER_SIZE; n++) {
		struct bytes whole = test_hex(ANSWER_DATA), b = test_copy(BYTES(whole.data, n));
		assert_false(scp_parse_answer(b, &a));
		test_drop(b);
		test_drop(whole);
	}
}

/* A wrong secret, a wrong receipt, an engine that fails: no session, and the secret is gone. */
static void opens_nothing_on_a_mismatch(void **state)
{
	struct bytes command = test_hex(AUTHENTICATE_DATA), data = test_hex(ANSWER_DATA), z = test_hex(AGREED_Z);
	uint8_t secret[SCP_SECRET_SIZE], zeros[SCP_SECRET_SIZE] = {0}, changed[SCP_ANSWER_SIZE];
	struct scp_session s = example_session(&examples[0]);
	struct scp_answer answer;

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof secret; bit++) {
		assert_true(scp_parse_answer(data, &answer));
		bytes_copy(secret, z);
		secret[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(scp_open_host(&s, &scp_openssl, &full_128, secret, command, &answer));
		assert_int_equal(s.state, SCP_CLOSED);
		assert_memory_equal(s.enc, zeros, sizeof s.enc);
		assert_memory_equal(secret, zeros, sizeof secret);
	}
	/* Every bit of the answer that is still an answer: the whole receipt is compared. */
	for (size_t bit = 0; bit < 8 * sizeof changed; bit++) {
		bytes_copy(changed, data);
		changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		bytes_copy(secret, z);
		if (scp_parse_answer(BYTES_OF(changed), &answer))
			assert_false(scp_open_host(&s, &scp_openssl, &full_128, secret, command, &answer));
	}
	/* No room for the answer. */
	for (size_t cap = 0; cap < SCP_ANSWER_SIZE; cap++) {
		struct builder b = builder_of(changed, cap);
		struct bytes sd = test_hex(EPK_SD);
		bytes_copy(secret, z);
		assert_false(scp_open_token(&s, &scp_openssl, &full_128, secret, command, sd, &b));
		assert_true(b.failed);
		assert_int_equal(s.state, SCP_CLOSED);
		assert_memory_equal(secret, zeros, sizeof secret);
		test_drop(sd);
	}
	test_drop(command);
	test_drop(data);
	test_drop(z);
}

/* ---- the worked messages ---- */

struct message {
	const char *name;
	const char *head, *plain; /* the command as the application means it */
	const char *wire;         /* C-APDU */
	const char *chain;        /* after it */
	const char *answer;       /* plain */
	const char *protected;    /* on the wire, without the status */
	uint16_t sw;
	uint16_t le;
	bool extended;
	bool foreign; /* a form that our host never sends */
};

static const struct message messages[] = {
	{"1",  "00CB3FFF", "5C035FC102",       "04CB3FFF18 6F44D392D4D2EBD17E418338C4EEA85A 2F698AF02CBE2675 00",
         "2F698AF02CBE2675835EDE5D414DE317",													  "5304DEADBEEF",     "F3A1DC51377D342EEC440157042A11E2 8FD3161CCFE0671E",
         0x9000,																										       256, false, false},
	{"2",  "00200080", "313233343536FFFF", "0420008018 F3AEF9DE0DBC8AFDCE48C562DAFD4013 CA199809273DFFE2 00",
         "CA199809273DFFE2ABF159A9EC035D62",													  "",                 "B2137246049F6FB9",                                  0x9000, 256, false, false},
	{"3b", "00F7009A", "",                 "04F7009A18 5B17B170EBBF992291CB1E4A1709434E EF35E8567A340E47 00",
         "EF35E8567A340E4761DA325A00FEC475",													  "010111",           "F9AACD28F507F4F6D3202BCF3DBC52FC CFEE7A9F00FEC5B0",
         0x9000,																										       256, false, true },
	{"4",  "00200080", "303030303030FFFF", "0420008018 BC3D6B2E850D9CAF82A5C1F0AE985B91 7B1037A6CD4A0797 00",
         "7B1037A6CD4A079735D83A15EBFE56B8",													  "",                 "6B013611CBC916E3",                                  0x63C2, 256, false, false},
	{"5",  "00CB3FFF", "5C035FC1FF",       "04CB3FFF18 802C9A4273DF1935A230C4041C51333F B7183F45F04D561C 00",
         "B7183F45F04D561C4041524668E3804A",													  "",                 "",                                                  0x6A82, 256, false, false},
	{"6",  "80CA00E0", "",                 "84CA00E008 A799D08B70E336B6 00",                                  "A799D08B70E336B6CF6A3187158970A6", "E006C00413018810",
         "41DF671F7641DB2B05CFDDD24BC59C86 EA3322E17978F912",																				  0x9000, 256, false, false},
};

/* From the state after 2 and after 6 (example 3a; 7, 8, 9). */
static const struct message spec_form = {"3a", "00F7009A", "", "04F7009A08 7E0021021B26BA94 00",
	"7E0021021B26BA941FA821B778CA320B", "010111", "F9AACD28F507F4F6D3202BCF3DBC52FC 2201D01CD0F7AE8C", 0x9000, 256,
	false, false};
static const struct message on_channels[] = {
	{"7, channel 0",             "00CB3FFF", "5C035FC105", "04CB3FFF18 CB014C99C5840FFA8F3A411062BE0E68 30FCC42C964C5ED4 00",
         "30FCC42C964C5ED4C7CBFC0081CD35E8",															  "", "", 0x6A82, 256, false, false},
	{"7, channel 1",             "01CB3FFF", "5C035FC105", "05CB3FFF18 CB014C99C5840FFA8F3A411062BE0E68 30FCC42C964C5ED4 00",
         "30FCC42C964C5ED4C7CBFC0081CD35E8",															  "", "", 0x6A82, 256, false, false},
	{"7, channel 5",             "41CB3FFF", "5C035FC105", "61CB3FFF18 CB014C99C5840FFA8F3A411062BE0E68 30FCC42C964C5ED4 00",
         "30FCC42C964C5ED4C7CBFC0081CD35E8",															  "", "", 0x6A82, 256, false, false},
	{"7, GP class on channel 5", "C1CA00E0", "5C00",
         "E1CA00E018 8A601B805F1B3F0454FB10875A623680 D1D4233DAC9074A9 00",                                                       "D1D4233DAC9074A92FC1B7394B181118",
         "",																			      "", 0x6A82, 256, false, false},
	{"8, extended",              "00CB3FFF", "5C035FC105",
         "04CB3FFF000018 CB014C99C5840FFA8F3A411062BE0E68 A8D06EF7785DACB8 0000",						 "A8D06EF7785DACB82C9CE11B434141D2", "", "", 0x6A82, 0,   true,  false},
};

static void play(const struct message *m, struct scp_session *host, struct scp_session *token)
{
	struct bytes plain = test_hex(m->plain), wire = test_hex(m->wire), answer = test_hex(m->answer);
	uint8_t memory[512];
	struct builder data = builder_of(memory, sizeof memory);
	static struct wire w;
	struct apdu a;

	if (m->foreign) {
		*host = *token;
		host->state = SCP_BUSY;
		host->counter++;
		put_hex(host->chain, m->chain);
	} else {
		uint32_t le = m->extended ? APDU_LE_MAX : m->le;
		assert_true(host_send(host, m->head, plain, le, m->extended, &w));
		assert_bytes_equal(BYTES(w.raw, w.len), wire);
		assert_bytes_hex(BYTES_OF(host->chain), m->chain);
	}
	assert_true(token_receive(token, wire, &a, &data));
	assert_bytes_equal(builder_bytes(&data), plain);
	assert_bytes_hex(BYTES_OF(token->chain), m->chain);

	data = builder_of(memory, sizeof memory);
	builder_put(&data, answer);
	assert_true(scp_wrap_response(token, m->sw, &data));
	assert_bytes_hex(builder_bytes(&data), m->protected);
	assert_true(scp_unwrap_response(host, m->sw, &data));
	assert_bytes_equal(builder_bytes(&data), answer);
	assert_memory_equal(host, token, sizeof *host);
	test_drop(plain);
	test_drop(wire);
	test_drop(answer);
}

static void speaks_the_worked_messages(void **state)
{
	struct scp_session host = example_session(&examples[0]), token = host;

	(void)state;
	for (size_t i = 0; i < COUNT(messages); i++) {
		if (messages[i].foreign) { /* 3a instead of 3b, from the same state */
			struct scp_session host_a = host, token_a = token;
			play(&spec_form, &host_a, &token_a);
		}
		play(&messages[i], &host, &token);
	}
	assert_int_equal(token.counter, 6);
	for (size_t i = 0; i < COUNT(on_channels); i++) {
		struct scp_session host_a = host, token_a = token;
		play(&on_channels[i], &host_a, &token_a);
	}
}

/* SHA-256 of a ciphertext, as the example gives it. */
static void assert_sha256(struct bytes in, const char *want)
{
	uint8_t digest[32];

	assert_true(scp_openssl.sha256(NULL, in, digest));
	assert_bytes_hex(BYTES_OF(digest), want);
}

/* Examples 9 and 10: protected first, cut afterwards. */
static void speaks_the_long_worked_messages(void **state)
{
	struct scp_session host = example_session(&examples[0]), token, extended;
	uint8_t plain[300], memory[400];
	struct builder data = builder_of(memory, sizeof memory);
	struct apdu a;
	static struct wire w;

	(void)state;
	put_hex(host.chain, "A799D08B70E336B6CF6A3187158970A6");
	host.counter = 6;
	token = extended = host;
	for (size_t i = 0; i < 260; i++)
		plain[i] = (uint8_t)i;

	/* 9, extended */
	assert_true(host_send(&extended, "00DB3FFF", BYTES(plain, 260), APDU_LE_MAX, true, &w));
	assert_bytes_hex(BYTES(w.raw, 7 + 16), "04DB3FFF000118 1349676B679AD25E99ACD9A3FEE69741");
	assert_sha256(BYTES(w.raw + 7, 272), "01AFF0ABC990C178909CFC6846028E48BCBB7B75DAC9C07E0E97DE243C6D443E");
	assert_bytes_hex(BYTES(w.raw + 7 + 272, w.len - 279), "71AA2FC5057F2612 0000");
	struct bytes on_wire = test_copy(BYTES(w.raw, w.len));
	struct scp_session token_extended = token;
	assert_true(token_receive(&token_extended, on_wire, &a, &data));
	assert_bytes_equal(builder_bytes(&data), BYTES(plain, 260));

	/* 9, chained: the same bytes, since Lc passes 255 in the MAC too. The token sees the last segment's header. */
	data = builder_of(memory, sizeof memory);
	builder_put(&data, BYTES(plain, 260));
	struct apdu chained = {.ins = 0xDB, .p1 = 0x3F, .p2 = 0xFF, .le = 256};
	assert_true(scp_wrap_command(&host, &chained, &data));
	assert_bytes_equal(builder_bytes(&data), BYTES(on_wire.data + 7, 280));
	assert_bytes_hex(BYTES(data.data + 255, 25), "05533CE39225DE0CA5876D952C208C3C08 71AA2FC5057F2612");
	assert_true(scp_unwrap_command(&token, &chained, &data));
	assert_bytes_equal(builder_bytes(&data), BYTES(plain, 260));
	assert_bytes_hex(BYTES_OF(token.chain), "71AA2FC5057F2612A5AD786B18C038A5");
	data.len = 0;
	assert_true(scp_wrap_response(&token, SW_OK, &data));
	assert_bytes_hex(builder_bytes(&data), "CEACFB948D7B753F");
	assert_true(scp_unwrap_response(&host, SW_OK, &data));

	/* 10 */
	const struct message ten = {"10", "00CB3FFF", "5C035FC10A",
		"04CB3FFF18 E7A3AF7E9DF6C4D28166DB18B8464133 2F96A839EA449FB8 00", "2F96A839EA449FB8B74FDBF6A041DC5D",
		NULL, NULL, SW_OK, 256, false, false};
	struct bytes command = test_hex(ten.plain);
	assert_true(host_send(&host, ten.head, command, 256, false, &w));
	assert_bytes_hex(BYTES(w.raw, w.len), ten.wire);
	assert_true(token_receive(&token, BYTES(w.raw, w.len), &a, &data));
	for (size_t i = 0; i < sizeof plain; i++)
		plain[i] = (uint8_t)(0x55 + i);
	data = builder_of(memory, sizeof memory);
	builder_put(&data, BYTES_OF(plain));
	assert_true(scp_wrap_response(&token, SW_OK, &data));
	assert_int_equal(data.len, 312);
	assert_bytes_hex(BYTES(memory, 16), "7F483358FF4BB432050EA1B0699AE479");
	assert_sha256(BYTES(memory, 304), "2521982E6AD7E22F36A90B76C02229164C971FB1E0D29D0009659FC9F6DBFB2B");
	assert_bytes_hex(BYTES(memory + 304, 8), "FA42A376E8E9B8F2");
	assert_true(scp_unwrap_response(&host, SW_OK, &data));
	assert_bytes_equal(builder_bytes(&data), BYTES_OF(plain));
	test_drop(command);
	test_drop(on_wire);
}

/* Example 11: MACs without encryption, and AES-256. */
static void speaks_the_other_levels(void **state)
{
	static const struct message verify[] = {
		{"34",      "00200080", "313233343536FFFF", "0420008010 313233343536FFFF 9AEA4E28D32F7DDE 00",
                 "9AEA4E28D32F7DDE3C7FC99709FE022E",								 "", "2390D4A3A367D4E5", 0x9000, 256, false, false},
		{"AES-256", "00200080", "313233343536FFFF",
                 "0420008018 75B980C533EDD5241E3E12F4805C3D7A 6A7F705FFD667A0A 00",                            NULL, "", "D50AE17DE0BE22EE",
                 0x9000,															     256, false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(verify); i++) {
		struct scp_session host = example_session(&examples[i + 1]), token = host, dry = host;
		struct message m = verify[i];
		static struct wire w;
		char chain[33];
		if (!m.chain) { /* not part of the example: whatever our host computes, the token must agree */
			struct bytes plain = test_hex(m.plain);
			assert_true(host_send(&dry, m.head, plain, 256, false, &w));
			for (size_t j = 0; j < 16; j++)
				snprintf(chain + 2 * j, 3, "%02X", dry.chain[j]);
			m.chain = chain;
			test_drop(plain);
		}
		play(&m, &host, &token);
	}
}

/* ---- by the openssl program: nothing of this process is involved ---- */

/* Give it `in`, and take n bytes of what it prints. */
static void openssl_program(const char *arguments, struct bytes in, uint8_t *out, size_t n)
{
	char command[512], name[] = "/tmp/test_scp.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, in.data, in.len), in.len);
	close(fd);
	snprintf(command, sizeof command, "openssl %s <%s", arguments, name);
	FILE *p = popen(command, "r");
	assert_non_null(p);
	size_t got = fread(out, 1, n, p);
	pclose(p);
	unlink(name);
	assert_int_equal(got, n);
}

static void to_hex(struct bytes in, char *text)
{
	for (size_t i = 0; i < in.len; i++)
		snprintf(text + 2 * i, 3, "%02X", in.data[i]);
}

/* The first message of the example: its key, ICV, ciphertext and MAC, step by step. */
static void agrees_with_the_openssl_program(void **state)
{
	struct scp_session s = example_session(&examples[0]);
	struct bytes counter = test_hex("00000000000000000000000000000001"), command = test_hex("5C035FC102"),
		     padded = test_hex("5C035FC1028000000000000000000000"),
		     kdf_in = test_hex(AGREED_Z "000000013C8810");
	uint8_t digest[32], icv[16], mac_in[16 + 5 + 16], mac[32];
	char arguments[256], text[33];
	static struct wire w;

	(void)state;
	if (system("openssl version >/dev/null 2>&1") != 0)
		skip();
	openssl_program("dgst -sha256 -binary", kdf_in, digest, sizeof digest);
	assert_bytes_hex(BYTES(digest + 16, 16), examples[0].enc);
	snprintf(arguments, sizeof arguments, "enc -aes-128-ecb -nopad -K %s", examples[0].enc);
	openssl_program(arguments, counter, icv, sizeof icv);
	to_hex(BYTES_OF(icv), text);
	put_hex(mac_in, RECEIPT "04CB3FFF18");
	snprintf(arguments, sizeof arguments, "enc -aes-128-cbc -nopad -K %s -iv %s", examples[0].enc, text);
	openssl_program(arguments, padded, mac_in + 21, 16);
	snprintf(arguments, sizeof arguments, "mac -cipher AES-128-CBC -macopt hexkey:%s CMAC", examples[0].mac);
	openssl_program(arguments, BYTES_OF(mac_in), mac, sizeof mac);

	assert_true(host_send(&s, "00CB3FFF", command, 256, false, &w));
	assert_bytes_equal(BYTES(w.raw + 5, 16), BYTES(mac_in + 21, 16));
	to_hex(BYTES_OF(s.chain), text);
	assert_bytes_equal(BYTES((uint8_t *)text, 32), BYTES_OF(mac));
	test_drop(counter);
	test_drop(command);
	test_drop(padded);
	test_drop(kdf_in);
}

/* ---- class bytes (facts 5.1) ---- */

static void secures_the_class_of_every_channel(void **state)
{
	static const uint8_t none[8] = {0};
	uint8_t first[8] = {0};

	(void)state;
	for (unsigned proprietary = 0; proprietary < 2; proprietary++) {
		for (unsigned channel = 0; channel < APDU_CHANNELS; channel++) {
			struct scp_session host = example_session(&examples[0]), token = host;
			uint8_t memory[64], high = proprietary ? 0x80 : 0;
			uint8_t plain = (uint8_t)(high | (channel < 4 ? channel : 0x40 + channel - 4));
			uint8_t secured = (uint8_t)(high | (channel < 4 ? 0x04 + channel : 0x60 + channel - 4));
			struct builder data = builder_of(memory, sizeof memory);
			struct apdu a = {.cla = plain, .ins = 0xCA, .p2 = 0x66};
			assert_false(scp_class_secured(plain));
			assert_true(scp_class_secured(secured));
			assert_true(scp_wrap_command(&host, &a, &data));
			assert_int_equal(a.cla, secured);
			/* the channel is not in the MAC, bit 8 is */
			if (channel == 0)
				memcpy(first, memory, 8);
			assert_memory_equal(memory, first, 8);
			assert_true(scp_unwrap_command(&token, &a, &data));
			assert_int_equal(data.len, 0);
		}
	}
	assert_memory_not_equal(first, none, 8);
	static const uint8_t iso[] = {0x08, 0x0C, 0x09, 0x0F, 0x88, 0x8C};
	for (size_t i = 0; i < sizeof iso; i++)
		assert_false(scp_class_secured(iso[i]));
	assert_false(scp_class_secured(0xFF));
	assert_false(scp_class_secured(0x24));
}

static void refuses_classes_that_cannot_be_secured(void **state)
{
	/* reserved; in a chain; secured already; channel 19 with bit 8 when the command must be chained: FF */
	static const uint8_t bad[] = {0xFF, 0x20, 0x3F, 0xA0, 0x10, 0x51, 0x04, 0x0C, 0x60, 0xE4, 0xCF};

	(void)state;
	for (size_t i = 0; i < sizeof bad; i++) {
		struct scp_session s = example_session(&examples[0]);
		uint8_t memory[300];
		struct builder data = builder_of(memory, sizeof memory);
		struct apdu a = {.cla = bad[i], .ins = 0xCA};
		uint8_t *room = builder_room(&data, 240);
		bytes_fill(room, 0x31, 240);
		assert_false(scp_wrap_command(&s, &a, &data));
		assert_dead(&s);
		assert_wiped(&data, 240);
		assert_int_equal(a.data.len, 0);
	}
	/* 239 bytes still fit one short command, and 240 an extended one. */
	for (size_t n = SCP_SHORT_DATA_MAX; n <= SCP_SHORT_DATA_MAX + 1; n++) {
		struct scp_session s = example_session(&examples[0]);
		uint8_t memory[300] = {0};
		struct builder data = {memory, sizeof memory, n, false};
		struct apdu a = {.cla = 0xCF, .ins = 0xCA, .extended = n > SCP_SHORT_DATA_MAX};
		assert_true(scp_wrap_command(&s, &a, &data));
		assert_int_equal(a.cla, 0xEF);
		assert_int_equal(a.data.len > 255, n > SCP_SHORT_DATA_MAX);
	}
	/* The coding of Lc must be known before: an le that only the extended form can carry says so. */
	struct scp_session s = example_session(&examples[0]);
	uint8_t memory[32];
	struct builder data = builder_of(memory, sizeof memory);
	struct apdu a = {.ins = 0xCA, .le = 257};
	assert_false(scp_wrap_command(&s, &a, &data));
}

/* ---- any length ---- */

/* Wrap as the specification says, by OpenSSL; `s` goes on like a host's session. */
static size_t ref_wrap(struct scp_session *s, const uint8_t head[4], struct bytes plain, bool extended, uint8_t *out)
{
	size_t n = plain.len;
	uint8_t h[7] = {(uint8_t)(head[0] | 4), head[1], head[2], head[3]}, mac[16];

	memcpy(out, plain.data, n);
	s->counter++;
	if (s->usage == SCP_USAGE_MAC_ENC && n > 0)
		n = ref_encrypt(s, 0, s->counter, out, n);
	if (extended || n + 8 > 255) {
		h[5] = (uint8_t)((n + 8) >> 8);
		h[6] = (uint8_t)(n + 8);
	} else {
		h[4] = (uint8_t)(n + 8);
	}
	ref_command_mac(s, BYTES(h, extended || n + 8 > 255 ? 7 : 5), BYTES(out, n), mac);
	memcpy(s->chain, mac, 16);
	memcpy(out + n, mac, 8);
	return n + 8;
}

static void one_length(struct scp_session *host, struct scp_session *token, size_t n, bool extended)
{
	static uint8_t plain[WIRE_MAX], memory[WIRE_MAX], want[WIRE_MAX];
	const uint8_t head[4] = {0x80, (uint8_t)n, (uint8_t)(n >> 8), 0x01};
	struct scp_session reference = *host;
	struct builder data = builder_of(memory, sizeof memory);
	struct apdu a = {.cla = head[0], .ins = head[1], .p1 = head[2], .p2 = head[3], .extended = extended};
	uint8_t mac[16];

	for (size_t i = 0; i < n; i++)
		plain[i] = (uint8_t)(i * 3 + n);
	/* room for exactly what the call asks for */
	assert_true(scp_wrapped_size(host, n) <= n + SCP_OVERHEAD);
	data.cap = scp_wrapped_size(host, n);
	builder_put(&data, BYTES(plain, n));
	assert_true(scp_wrap_command(host, &a, &data));
	assert_int_equal(data.len, data.cap);
	assert_int_equal(ref_wrap(&reference, head, BYTES(plain, n), extended, want), data.len);
	assert_memory_equal(data.data, want, data.len);
	assert_memory_equal(host->chain, reference.chain, 16);
	assert_true(scp_unwrap_command(token, &a, &data));
	assert_bytes_equal(builder_bytes(&data), BYTES(plain, n));

	/* the same data as the answer */
	size_t wrapped = n;
	memcpy(want, plain, n);
	if (token->usage == SCP_USAGE_MAC_ENC && n > 0)
		wrapped = ref_encrypt(token, 0x80, token->counter, want, n);
	uint16_t sw = n % 3 == 0 ? 0x9000 : n % 3 == 1 ? 0x6282 : 0x63C1;
	ref_response_mac(token, BYTES(want, wrapped), sw, mac);
	memcpy(want + wrapped, mac, 8);
	assert_true(scp_wrap_response(token, sw, &data));
	assert_int_equal(data.len, wrapped + 8);
	assert_memory_equal(data.data, want, data.len);
	assert_true(scp_unwrap_response(host, sw, &data));
	assert_bytes_equal(builder_bytes(&data), BYTES(plain, n));
}

static void carries_any_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		struct scp_session host = example_session(&examples[i]), token = host;
		uint32_t commands = 0;
		for (size_t n = 0; n <= 1100; n++, commands += 2) {
			one_length(&host, &token, n, false);
			one_length(&host, &token, n, true);
		}
		one_length(&host, &token, 16384, true);
		one_length(&host, &token, 16384, false);
		one_length(&host, &token, 17408, true);
		assert_int_equal(host.counter, commands + 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(computes_cmac),
		cmocka_unit_test(agrees_with_openssl_on_cmac_of_any_length_and_cut),
		cmocka_unit_test(derives_keys_and_receipt_of_the_examples),
		cmocka_unit_test(agrees_with_openssl_on_the_derivation),
		cmocka_unit_test(writes_and_reads_both_messages),
		cmocka_unit_test(refuses_malformed_authenticate_data),
		cmocka_unit_test(refuses_malformed_answers),
		cmocka_unit_test(opens_nothing_on_a_mismatch),
		cmocka_unit_test(speaks_the_worked_messages),
		cmocka_unit_test(speaks_the_long_worked_messages),
		cmocka_unit_test(speaks_the_other_levels),
		cmocka_unit_test(agrees_with_the_openssl_program),
		cmocka_unit_test(secures_the_class_of_every_channel),
		cmocka_unit_test(refuses_classes_that_cannot_be_secured),
		cmocka_unit_test(carries_any_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
