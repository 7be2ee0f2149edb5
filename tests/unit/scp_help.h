/* SPDX-License-Identifier: Apache-2.0 */
/* What the secure channel's tests share: the worked example's keys, a second opinion from OpenSSL, and a played wire.
 * Published pattern keys, good for nothing else. */
#ifndef UKEY_TESTS_UNIT_SCP_HELP_H
#define UKEY_TESTS_UNIT_SCP_HELP_H

#include "common/scp_host.h"
#include "tests/unit/test.h"

#include <openssl/evp.h>
#include <openssl/params.h>

#define EPK_OCE                                                                                                        \
	"04 0D0918A04198474605615B6DF90FDCB34791FB3ECB822F4B26EB6E4FC4511B9D"                                          \
	"19B90C1B83C0C35CFBBB31EAD32BB52AE33622F57E3CC1638097CE97F430BABA"
#define EPK_SD                                                                                                         \
	"04 73A56ECED343896B8ADEEA1D0A26B196F4E0EBB4209C601A46EF6A27C5477451"                                          \
	"F13B88419AFF65C0C1112310F1E6E5BF1BA82589F889F0F228E1CEC9ED88F8BD"
#define PK_SD                                                                                                          \
	"04 C6559D416DFB56AF714F146D917C24ABF818B2FB121604129649848230A2D258"                                          \
	"B2A6D82DC6C6734CF092FFAA9FC012F10F7008D3952A08D5797E85FEABA5D977"
#define AGREED_Z                                                                                                       \
	"DDEFF61EF679D8573593BB40BB50C0D032BC80780953A6B8980E9C8CABEB970F"                                             \
	"BDAC4BD583865B2AB9ED337C78BDC40DCFFAABDBBF33850897E34F362026F5C0"
#define RECEIPT           "AAD4659B2D08A46C14D2C4FFDC3B33A2"
#define AUTHENTICATE_DATA "A60D9002110095013C800188810110 5F4941" EPK_OCE
#define POINT_TLV         "5F4941" EPK_SD
#define RECEIPT_TLV       "8610" RECEIPT
#define ANSWER_DATA       POINT_TLV RECEIPT_TLV

static const struct scp_params full_128 = {SCP_USAGE_MAC_ENC, 16};

struct hex_keys {
	const char *receipt_key, *enc, *mac, *rmac, *dek, *receipt;
	struct scp_params params;
	const char *command_data;
};

/* The worked example with all its parameters. */
static const struct hex_keys examples[] = {
	{"CFE9E9C01C87AC676482950530D30A31",                                  "83CD45BD449DC300486BEFE7C7939413", "00C11891A7481C70428E0A4B664CAFD0",
         "FE989229F290585349209B0752457F85",                                  "0350AF828224CAC57F857D056691EE14", RECEIPT,
         {SCP_USAGE_MAC_ENC, 16},																	      AUTHENTICATE_DATA},
	{"90B1300C0A64C228113B4738B9477351",                                  "08D7141477EE7FB040F84B191A6059F2", "53C0DEED925549A73F4F9562D22527F7",
         "E0C1AB7D1A8684DE4B85455AC1C473E1",                                  NULL,                               "26F8E379C36A1648A69A09A065C272E3", {SCP_USAGE_MAC, 16},
         "A60D90021100950134800188810110 5F4941" EPK_OCE																	},
	{"94E24028466D77702EF3FE29EF6CE383 9D14802EBAE7D455C09029E9A25CEE85",
         "47726F0B363BB0B84CBE05C763A1854E A89876B65B79E502D64039E848EF820E",				     "9B4CD1FD62794243DF519855CC650B83 2EAE4F6E3E59D3CE3E3C71AECCEA08E8",
         "DF8A12F08E8ECD9F96750DBF047FC980 83947ACAD0211F2659EB0A03066689A9", NULL,
         "8EDE43D1018641B62CA4EC542B712F35",													  {SCP_USAGE_MAC_ENC, 32},
         "A60D9002110095013C800188810120 5F4941" EPK_OCE																	},
};

/* Hex into an array that is there. */
static inline void put_hex(uint8_t *to, const char *text)
{
	struct bytes b = test_hex(text);
	bytes_copy(to, b);
	test_drop(b);
}

/* A session of the worked example, as after its handshake. */
static inline struct scp_session example_session(const struct hex_keys *k)
{
	struct scp_session s = {
		.crypto = &scp_openssl, .state = SCP_READY, .usage = k->params.usage, .key_len = k->params.key_len};

	put_hex(s.enc, k->enc);
	put_hex(s.mac, k->mac);
	put_hex(s.rmac, k->rmac);
	put_hex(s.chain, k->receipt);
	return s;
}

/* ---- OpenSSL's own CMAC and CBC, which share nothing with ours ---- */

static inline void ref_cmac(struct bytes key, struct bytes in, uint8_t mac[16])
{
	char name[] = "AES-128-CBC";
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("cipher", name, 0), OSSL_PARAM_construct_end()};
	EVP_MAC *cmac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(cmac);
	size_t n = 0;

	memcpy(name + 4, key.len == 16 ? "128" : key.len == 24 ? "192" : "256", 3);
	assert_non_null(ctx);
	assert_int_equal(EVP_MAC_init(ctx, key.data, key.len, params), 1);
	assert_int_equal(EVP_MAC_update(ctx, in.data, in.len), 1);
	assert_int_equal(EVP_MAC_final(ctx, mac, &n, 16), 1);
	assert_int_equal(n, 16);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(cmac);
}

static inline void ref_crypt(const char *mode, struct bytes key, const uint8_t *iv, uint8_t *data, size_t n)
{
	char name[32];
	int done = 0;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	snprintf(name, sizeof name, "AES-%zu-%s", 8 * key.len, mode);
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	assert_non_null(cipher);
	assert_int_equal(EVP_EncryptInit_ex2(ctx, cipher, key.data, iv, NULL), 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	assert_int_equal(EVP_EncryptUpdate(ctx, data, &done, data, (int)n), 1);
	assert_int_equal(done, n);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
}

/* Padded and encrypted under the session's present number: 3.2 and 3.3 of the specification, written a second time. */
static inline size_t ref_encrypt(const struct scp_session *s, uint8_t first, uint32_t number, uint8_t *data, size_t n)
{
	uint8_t icv[16] = {first, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)(number >> 24), (uint8_t)(number >> 16),
		(uint8_t)(number >> 8), (uint8_t)number};

	data[n++] = 0x80;
	while (n % 16 != 0)
		data[n++] = 0;
	ref_crypt("ECB", BYTES(s->enc, s->key_len), NULL, icv, sizeof icv);
	ref_crypt("CBC", BYTES(s->enc, s->key_len), icv, data, n);
	return n;
}

/* The 16-byte C-MAC over `head` (class, INS, P1, P2, Lc as coded) and data. */
static inline void ref_command_mac(const struct scp_session *s, struct bytes head, struct bytes data, uint8_t mac[16])
{
	uint8_t *in = malloc(16 + head.len + data.len);

	memcpy(in, s->chain, 16);
	memcpy(in + 16, head.data, head.len);
	if (data.len > 0)
		memcpy(in + 16 + head.len, data.data, data.len);
	ref_cmac(BYTES(s->mac, s->key_len), BYTES(in, 16 + head.len + data.len), mac);
	free(in);
}

static inline void ref_response_mac(const struct scp_session *s, struct bytes data, uint16_t sw, uint8_t mac[16])
{
	uint8_t *in = malloc(16 + data.len + 2);

	memcpy(in, s->chain, 16);
	if (data.len > 0)
		memcpy(in + 16, data.data, data.len);
	in[16 + data.len] = (uint8_t)(sw >> 8);
	in[17 + data.len] = (uint8_t)sw;
	ref_cmac(BYTES(s->rmac, s->key_len), BYTES(in, 18 + data.len), mac);
	free(in);
}

/* ---- a wire ---- */

#define WIRE_MAX 20000u

struct wire {
	uint8_t raw[WIRE_MAX];
	size_t len;
};

/* Wrap a command (class, INS, P1, P2 in `head`) and write it as it travels. */
static inline bool host_send(
	struct scp_session *s, const char *head, struct bytes plain, uint32_t le, bool extended, struct wire *w)
{
	uint8_t h[4], memory[WIRE_MAX];
	struct builder data = builder_of(memory, sizeof memory), out = builder_of(w->raw, sizeof w->raw);

	put_hex(h, head);
	struct apdu a = {.cla = h[0], .ins = h[1], .p1 = h[2], .p2 = h[3], .le = le, .extended = extended};
	builder_put(&data, plain);
	if (!scp_wrap_command(s, &a, &data))
		return false;
	apdu_encode(&out, &a);
	assert_false(out.failed);
	w->len = out.len;
	return true;
}

/* Take a command from the wire, joined already; its plain data goes into `plain`. */
static inline bool token_receive(struct scp_session *s, struct bytes raw, struct apdu *a, struct builder *plain)
{
	if (!apdu_parse(raw, a))
		return false;
	plain->len = 0;
	plain->failed = false;
	builder_put(plain, a->data);
	return scp_unwrap_command(s, a, plain);
}

/* The keys are gone, and the session says so. */
static inline void assert_dead(const struct scp_session *s)
{
	static const struct scp_session dead = {.state = SCP_DEAD};

	assert_int_equal(s->state, SCP_DEAD);
	assert_null(s->crypto);
	assert_memory_equal(s->enc, dead.enc, sizeof dead.enc);
	assert_memory_equal(s->mac, dead.mac, sizeof dead.mac);
	assert_memory_equal(s->rmac, dead.rmac, sizeof dead.rmac);
	assert_memory_equal(s->chain, dead.chain, sizeof dead.chain);
}

/* Nothing of the data is left to be used by mistake. */
static inline void assert_wiped(const struct builder *b, size_t n)
{
	assert_true(b->failed);
	assert_int_equal(b->len, 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(b->data[i], 0);
}

#endif
