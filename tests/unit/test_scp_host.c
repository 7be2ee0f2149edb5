/* SPDX-License-Identifier: Apache-2.0 */
/* The host's end of the handshake, and a whole exchange with every bit tried. */
#include "tests/unit/scp_help.h"

#include "common/crypto.h"
#include "common/scp_evp.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

#define SK_SD   "202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F"
#define ESK_OCE "A0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBF"
#define ESK_SD  "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"

static EVP_PKEY *key_pair(const char *scalar, const char *point)
{
	struct bytes d = test_hex(scalar), q = test_hex(point);
	BIGNUM *number = BN_bin2bn(d.data, (int)d.len, NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
	OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number);
	if (q.len > 0)
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, q.data, q.len);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	BN_free(number);
	test_drop(d);
	test_drop(q);
	return key;
}

static void agrees_on_the_secrets_of_the_example(void **state)
{
	static const struct {
		const char *scalar, *point, *x;
	} rows[] = {
		{ESK_OCE, EPK_SD,  "DDEFF61EF679D8573593BB40BB50C0D032BC80780953A6B8980E9C8CABEB970F"},
		{ESK_OCE, PK_SD,   "BDAC4BD583865B2AB9ED337C78BDC40DCFFAABDBBF33850897E34F362026F5C0"},
		{ESK_SD,  EPK_OCE, "DDEFF61EF679D8573593BB40BB50C0D032BC80780953A6B8980E9C8CABEB970F"},
		{SK_SD,   EPK_OCE, "BDAC4BD583865B2AB9ED337C78BDC40DCFFAABDBBF33850897E34F362026F5C0"},
 /* a zero in front stays */
		{"65",    PK_SD,   "005D31589FC95B18F0D6C1608CBCB2E65E96848E433F2ACAA81C1765D005D7DB"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		EVP_PKEY *own = key_pair(rows[i].scalar, "");
		struct bytes point = test_hex(rows[i].point);
		uint8_t x[32];
		assert_true(scp_evp_agree(own, point, x));
		assert_bytes_hex(BYTES_OF(x), rows[i].x);
		test_drop(point);
		EVP_PKEY_free(own);
	}
}

#define COORDINATE_X "73A56ECED343896B8ADEEA1D0A26B196F4E0EBB4209C601A46EF6A27C5477451"
#define COORDINATE_Y "F13B88419AFF65C0C1112310F1E6E5BF1BA82589F889F0F228E1CEC9ED88F8BD"
#define FIELD_PRIME  "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"
#define X_SEVEN      "0000000000000000000000000000000000000000000000000000000000000007"
#define X_ZERO       "0000000000000000000000000000000000000000000000000000000000000000"

static void refuses_what_is_no_point(void **state)
{
	static const char *const bad[] = {
		"",
		"00",
		"04",
		"02" COORDINATE_X,
		"03" COORDINATE_X,
		"02" COORDINATE_X COORDINATE_Y,
		"03" COORDINATE_X COORDINATE_Y,
		"06" COORDINATE_X COORDINATE_Y,
		"07" COORDINATE_X COORDINATE_Y,
		"00" COORDINATE_X COORDINATE_Y,
		COORDINATE_X COORDINATE_Y,
		"04" COORDINATE_X COORDINATE_Y "00",
		"04" COORDINATE_Y COORDINATE_X,
		"04" X_SEVEN COORDINATE_Y,
		"04" X_SEVEN X_SEVEN,
		"04" X_ZERO X_ZERO,
		"04" FIELD_PRIME COORDINATE_Y,
		"04" COORDINATE_X FIELD_PRIME,
		"04" FIELD_PRIME FIELD_PRIME,
	};
	EVP_PKEY *own = key_pair(ESK_OCE, EPK_OCE);
	uint8_t x[32], zeros[32] = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct bytes point = test_hex(bad[i]);
		memset(x, 0x55, sizeof x);
		if (scp_evp_agree(own, point, x))
			fail_msg("accepted: %s", bad[i]);
		assert_memory_equal(x, zeros, sizeof x);
		test_drop(point);
	}
	EVP_PKEY_free(own);
}

/* ---- a token that knows the example's keys ---- */

struct played_token {
	EVP_PKEY *ephemeral, *fixed;
	struct bytes point;
	struct scp_session session;
};

static void token_setup(struct played_token *t)
{
	*t = (struct played_token){
		.ephemeral = key_pair(ESK_SD, EPK_SD), .fixed = key_pair(SK_SD, PK_SD), .point = test_hex(EPK_SD)};
}

static void token_teardown(struct played_token *t)
{
	EVP_PKEY_free(t->ephemeral);
	EVP_PKEY_free(t->fixed);
	test_drop(t->point);
}

static bool token_authenticate(struct played_token *t, struct bytes data, struct builder *answer)
{
	uint8_t z[SCP_SECRET_SIZE];
	struct scp_params p;
	struct bytes point;

	return scp_parse_authenticate(data, &p, &point) && scp_evp_agree(t->ephemeral, point, z) &&
	       scp_evp_agree(t->fixed, point, z + 32) &&
	       scp_open_token(&t->session, &scp_openssl, &p, z, data, t->point, answer);
}

static enum scp_host_result host_finish(const struct scp_params *p, struct bytes answer, struct scp_session *s)
{
	struct bytes key = test_hex(PK_SD);
	uint8_t memory[SCP_AUTHENTICATE_SIZE];
	struct builder data = builder_of(memory, sizeof memory);
	struct scp_host *h = scp_host_begin_with(key_pair(ESK_OCE, EPK_OCE), p, &data);

	assert_non_null(h);
	enum scp_host_result result = scp_host_finish(h, key, answer, s);
	scp_host_free(h);
	test_drop(key);
	return result;
}

static void opens_the_session_of_the_example(void **state)
{
	struct scp_session s, want;

	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		uint8_t memory[SCP_AUTHENTICATE_SIZE], reply[SCP_ANSWER_SIZE];
		struct builder data = builder_of(memory, sizeof memory), answer = builder_of(reply, sizeof reply);
		struct scp_host *h = scp_host_begin_with(key_pair(ESK_OCE, EPK_OCE), &examples[i].params, &data);
		struct bytes key = test_hex(PK_SD), tlv = test_hex(POINT_TLV "8610"),
			     receipt = test_hex(examples[i].receipt);
		assert_non_null(h);
		assert_bytes_hex(builder_bytes(&data), examples[i].command_data);
		builder_put(&answer, tlv);
		builder_put(&answer, receipt);
		assert_int_equal(scp_host_finish(h, key, builder_bytes(&answer), &s), SCP_HOST_OK);
		want = example_session(&examples[i]);
		assert_int_equal(s.state, SCP_READY);
		assert_int_equal(s.usage, want.usage);
		assert_memory_equal(s.enc, want.enc, sizeof s.enc);
		assert_memory_equal(s.mac, want.mac, sizeof s.mac);
		assert_memory_equal(s.rmac, want.rmac, sizeof s.rmac);
		assert_memory_equal(s.chain, want.chain, sizeof s.chain);
		/* the ephemeral key serves once */
		assert_int_equal(scp_host_finish(h, key, builder_bytes(&answer), &s), SCP_HOST_FAILED);
		assert_int_equal(s.state, SCP_CLOSED);
		scp_host_free(h);
		test_drop(key);
		test_drop(tlv);
		test_drop(receipt);
	}
	scp_host_free(NULL);
}

/* Fresh keys each time, and a token that owns another key than the certificate says. */
static void meets_a_token_with_fresh_keys(void **state)
{
	uint8_t last[SCP_AUTHENTICATE_SIZE] = {0};
	struct played_token t;
	struct bytes right = test_hex(PK_SD), wrong = test_hex(EPK_OCE);

	(void)state;
	token_setup(&t);
	for (int i = 0; i < 40; i++) {
		uint8_t memory[SCP_AUTHENTICATE_SIZE], reply[SCP_ANSWER_SIZE];
		struct builder data = builder_of(memory, sizeof memory), answer = builder_of(reply, sizeof reply);
		struct scp_session s;
		struct scp_host *h = scp_host_begin(&full_128, &data);
		assert_non_null(h);
		assert_int_equal(data.len, SCP_AUTHENTICATE_SIZE);
		assert_memory_not_equal(memory + 19, last + 19, 64);
		memcpy(last, memory, sizeof last);
		assert_true(token_authenticate(&t, builder_bytes(&data), &answer));
		assert_int_equal(scp_host_finish(h, i % 4 == 3 ? wrong : right, builder_bytes(&answer), &s),
			i % 4 == 3 ? SCP_HOST_NOT_GENUINE : SCP_HOST_OK);
		if (i % 4 == 3)
			assert_int_equal(s.state, SCP_CLOSED);
		else
			assert_memory_equal(&s, &t.session, sizeof s);
		scp_host_free(h);
	}
	token_teardown(&t);
	test_drop(right);
	test_drop(wrong);
}

static void begins_nothing_without_room_or_sense(void **state)
{
	static const struct scp_params bad[] = {
		{0x33,              16},
                {SCP_USAGE_MAC_ENC, 15},
                {SCP_USAGE_MAC_ENC, 0 }
        };
	uint8_t memory[SCP_AUTHENTICATE_SIZE];
	struct scp_session s;

	(void)state;
	for (size_t cap = 0; cap < sizeof memory; cap++) {
		struct builder data = builder_of(memory, cap);
		assert_null(scp_host_begin(&full_128, &data));
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct builder data = builder_of(memory, sizeof memory);
		assert_null(scp_host_begin(&bad[i], &data));
	}
	struct builder data = builder_of(memory, sizeof memory);
	assert_null(scp_host_begin_with(NULL, &full_128, &data));
	assert_int_equal(host_finish(&full_128, BYTES_NONE, &s), SCP_HOST_MALFORMED);
	struct bytes off_curve = test_hex("5F494104" X_SEVEN COORDINATE_Y RECEIPT_TLV);
	assert_int_equal(host_finish(&full_128, off_curve, &s), SCP_HOST_MALFORMED);
	test_drop(off_curve);
}

/* ---- one full exchange, every bit of it ---- */

struct step {
	const char *head, *plain, *answer;
	uint16_t sw;
	bool extended;
	size_t more; /* bytes of 31 after plain, and of 32 after the answer */
};

static const struct step road[] = {
	{"00CB3FFF", "5C035FC102",   "5304DEADBEEF", 0x9000, false, 0 },
	{"00200081", "313233343536", "",             0x9000, false, 0 },
	{"00CA0066", "",             "010111",       0x9000, false, 0 },
	{"00200081", "303030303030", "",             0x63C2, false, 0 },
	{"80E40001", "",             "",             0x6A82, false, 0 },
	{"00DB3FFF", "53",           "88",           0x9000, true,  40},
	{"00870001", "7C",           "7C",           0x6282, false, 60},
};

struct passage {
	uint8_t raw[128];
	size_t command_len, lc_end; /* where the data ends, and Le begins */
	uint8_t reply[128];
	size_t reply_len;
	struct scp_session host, token; /* before the command reaches the token */
};

/* What comes to the host when these bits come to the token, in one case of a clear status. */
static bool token_takes(const struct passage *p, struct bytes raw, struct builder *plain)
{
	struct scp_session token = p->token;
	struct apdu_class class;
	struct apdu a;

	if (!apdu_parse(raw, &a) || !apdu_class_parse(a.cla, &class))
		return false; /* 6700, 6E00 */
	if (class.channel != 0)
		scp_session_close(&token); /* another channel: not this session */
	bool ok = token_receive(&token, raw, &a, plain);
	if (!ok && class.channel == 0)
		assert_dead(&token);
	return ok;
}

static void flip_command(const struct passage *p, struct bytes meant)
{
	for (size_t bit = 0; bit < 8 * p->command_len; bit++) {
		struct bytes raw = test_copy(BYTES(p->raw, p->command_len));
		uint8_t memory[128];
		struct builder plain = builder_of(memory, sizeof memory);
		((uint8_t *)(uintptr_t)raw.data)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		bool taken = token_takes(p, raw, &plain);
		/* Le is transport: it changes neither what is executed nor what the host accepts */
		if (bit / 8 >= p->lc_end)
			assert_true(!taken || bytes_equal(builder_bytes(&plain), meant));
		else if (taken)
			fail_msg("bit %zu of a command", bit);
		test_drop(raw);
	}
}

static void flip_answer(const struct passage *p)
{
	for (size_t bit = 0; bit < 8 * p->reply_len; bit++) {
		uint8_t reply[128], memory[128];
		struct scp_session host = p->host;
		struct builder data = builder_of(memory, sizeof memory);
		struct rapdu r;
		memcpy(reply, p->reply, p->reply_len);
		reply[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(rapdu_parse(BYTES(reply, p->reply_len), &r));
		builder_put(&data, r.data);
		bool taken = scp_unwrap_response(&host, r.sw, &data);
		/* a bare error is nobody's word: it may become another error, never a success or a warning */
		if (p->reply_len == 2 && taken)
			assert_true(r.sw != SW_OK && r.sw >> 8 != 0x62 && r.sw >> 8 != 0x63);
		else if (taken)
			fail_msg("bit %zu of an answer", bit);
		else
			assert_dead(&host);
	}
}

static void walk(const struct step *step, struct scp_session *host, struct scp_session *token, struct passage *p)
{
	static struct wire w;
	uint8_t memory[128];
	struct bytes plain = test_hex(step->plain), answer = test_hex(step->answer);
	struct builder data = builder_of(memory, sizeof memory), reply = builder_of(p->reply, sizeof p->reply);
	struct apdu a;

	builder_put(&data, plain);
	for (size_t i = 0; i < step->more; i++)
		builder_u8(&data, 0x31);
	struct bytes meant = test_copy(builder_bytes(&data));
	p->token = *token;
	assert_true(host_send(host, step->head, meant, step->extended ? APDU_LE_MAX : 256, step->extended, &w));
	p->host = *host;
	memcpy(p->raw, w.raw, w.len);
	p->command_len = w.len;
	p->lc_end = w.len - (step->extended ? 2 : 1);

	assert_true(token_receive(token, BYTES(w.raw, w.len), &a, &data));
	assert_bytes_equal(builder_bytes(&data), meant);
	builder_put(&reply, answer);
	for (size_t i = 0; i < step->more; i++)
		builder_u8(&reply, 0x32);
	assert_true(scp_wrap_response(token, step->sw, &reply));
	data = builder_of(memory, sizeof memory);
	builder_put(&data, builder_bytes(&reply));
	builder_u16(&reply, step->sw);
	p->reply_len = reply.len;
	assert_true(scp_unwrap_response(host, step->sw, &data));

	flip_command(p, meant);
	flip_answer(p);
	test_drop(meant);
	test_drop(plain);
	test_drop(answer);
}

static void detects_every_flipped_bit(void **state)
{
	struct bytes command = test_hex(AUTHENTICATE_DATA), good = test_hex(ANSWER_DATA);
	struct played_token t;
	struct scp_session host;
	static struct passage p;

	(void)state;
	token_setup(&t);
	for (size_t bit = 0; bit < 8 * command.len; bit++) {
		uint8_t changed[SCP_AUTHENTICATE_SIZE], reply[SCP_ANSWER_SIZE];
		struct builder answer = builder_of(reply, sizeof reply);
		bytes_copy(changed, command);
		changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (token_authenticate(&t, BYTES_OF(changed), &answer) &&
			host_finish(&full_128, builder_bytes(&answer), &host) == SCP_HOST_OK)
			fail_msg("bit %zu of INTERNAL AUTHENTICATE", bit);
	}
	for (size_t bit = 0; bit < 8 * good.len; bit++) {
		uint8_t changed[SCP_ANSWER_SIZE];
		bytes_copy(changed, good);
		changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (host_finish(&full_128, BYTES_OF(changed), &host) == SCP_HOST_OK)
			fail_msg("bit %zu of its answer", bit);
		assert_int_equal(host.state, SCP_CLOSED);
	}
	uint8_t reply[SCP_ANSWER_SIZE];
	struct builder answer = builder_of(reply, sizeof reply);
	assert_true(token_authenticate(&t, command, &answer));
	assert_bytes_equal(builder_bytes(&answer), good);
	assert_int_equal(host_finish(&full_128, good, &host), SCP_HOST_OK);
	for (size_t i = 0; i < COUNT(road); i++)
		walk(&road[i], &host, &t.session, &p);
	assert_memory_equal(&host, &t.session, sizeof host);
	token_teardown(&t);
	test_drop(command);
	test_drop(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_on_the_secrets_of_the_example),
		cmocka_unit_test(refuses_what_is_no_point),
		cmocka_unit_test(opens_the_session_of_the_example),
		cmocka_unit_test(meets_a_token_with_fresh_keys),
		cmocka_unit_test(begins_nothing_without_room_or_sense),
		cmocka_unit_test(detects_every_flipped_bit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
