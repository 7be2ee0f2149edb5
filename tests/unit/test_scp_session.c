/* SPDX-License-Identifier: Apache-2.0 */
/* What ends a session, and that it ends for good. */
#include "tests/unit/scp_help.h"

static const uint8_t pin[] = {'1', '2', '3', '4', '5', '6', 0xFF, 0xFF};

/* Two ends right after the handshake. */
static void two_ends(struct scp_session *host, struct scp_session *token)
{
	*host = *token = example_session(&examples[0]);
}

/* A whole command and its answer; false as soon as one end refuses. */
static bool exchange_once(struct scp_session *host, struct scp_session *token)
{
	static struct wire w;
	uint8_t memory[64];
	struct builder data = builder_of(memory, sizeof memory);
	struct apdu a;

	return host_send(host, "00200081", BYTES_OF(pin), 256, false, &w) &&
	       token_receive(token, BYTES(w.raw, w.len), &a, &data) &&
	       bytes_equal(builder_bytes(&data), BYTES_OF(pin)) && scp_wrap_response(token, SW_OK, &data) &&
	       scp_unwrap_response(host, SW_OK, &data) && bytes_equal(builder_bytes(&data), BYTES_OF(pin));
}

/* No call brings a dead session back, and each wipes what it was given. */
static void assert_stays_dead(struct scp_session *s)
{
	static struct scp_session good;
	uint8_t memory[64];
	struct builder data;
	struct apdu a;

	assert_dead(s);
	for (int call = 0; call < 5; call++) {
		data = builder_of(memory, sizeof memory);
		a = (struct apdu){.cla = call == 1 ? 0x04 : 0x00, .ins = 0x20};
		builder_put(&data, BYTES_OF(pin));
		if (call == 0)
			assert_false(scp_wrap_command(s, &a, &data));
		if (call == 1)
			assert_false(scp_unwrap_command(s, &a, &data));
		if (call == 2)
			assert_false(scp_wrap_response(s, SW_OK, &data));
		if (call == 3)
			assert_false(scp_unwrap_response(s, SW_OK, &data));
		if (call == 4)
			assert_false(scp_wrap_response(s, SW_NOT_FOUND, &data));
		assert_wiped(&data, sizeof pin);
		assert_dead(s);
	}
	good = example_session(&examples[0]);
	assert_false(exchange_once(&good, s));
	good = example_session(&examples[0]);
	assert_false(exchange_once(s, &good));
	scp_session_abort(s);
	assert_dead(s);
}

static void a_closed_session_is_no_session(void **state)
{
	struct scp_session s = example_session(&examples[0]), zero = {0};
	uint8_t memory[64] = {0};
	struct builder data = {memory, sizeof memory, 24, false};
	struct apdu a = {.cla = 0x04};

	(void)state;
	scp_session_close(&s);
	assert_memory_equal(&s, &zero, sizeof s);
	assert_false(scp_unwrap_command(&s, &a, &data));
	assert_int_equal(s.state, SCP_CLOSED);
	scp_session_abort(&s);
	assert_int_equal(s.state, SCP_CLOSED);
	/* closing is what buries a dead one */
	s = example_session(&examples[0]);
	scp_session_abort(&s);
	assert_stays_dead(&s);
	scp_session_close(&s);
	assert_memory_equal(&s, &zero, sizeof s);
}

/* ---- the wire in an enemy's hand ---- */

static void refuses_replayed_reordered_and_missing_commands(void **state)
{
	enum { N = 6 };
	static struct wire w[N];
	struct scp_session host, token;
	uint8_t memory[64];
	struct builder data = builder_of(memory, sizeof memory);
	struct apdu a;

	(void)state;
	/* record N commands of the same content: each looks different */
	two_ends(&host, &token);
	for (size_t i = 0; i < N; i++) {
		assert_true(host_send(&host, "00200081", BYTES_OF(pin), 256, false, &w[i]));
		if (i > 0)
			assert_memory_not_equal(w[i].raw + 5, w[i - 1].raw + 5, 24);
		host.state = SCP_READY; /* as if answered */
	}
	/* after i commands, only command i is right */
	for (size_t i = 0; i < N; i++) {
		for (size_t j = 0; j < N; j++) {
			two_ends(&host, &token);
			for (size_t k = 0; k < i; k++) {
				assert_true(token_receive(&token, BYTES(w[k].raw, w[k].len), &a, &data));
				data.len = 0;
				assert_true(scp_wrap_response(&token, SW_OK, &data));
			}
			data = builder_of(memory, sizeof memory);
			assert_int_equal(token_receive(&token, BYTES(w[j].raw, w[j].len), &a, &data), i == j);
			if (i != j)
				assert_stays_dead(&token);
		}
	}
}

static void refuses_replayed_and_swapped_answers(void **state)
{
	enum { N = 5 };
	static uint8_t answer[N][64];
	static size_t len[N];
	static struct scp_session before[N];
	struct scp_session host, token;
	static struct wire w;
	struct apdu a;

	(void)state;
	two_ends(&host, &token);
	for (size_t i = 0; i < N; i++) {
		struct builder data = builder_of(answer[i], sizeof answer[i]);
		assert_true(host_send(&host, "00CA0066", BYTES_NONE, 256, false, &w));
		assert_true(token_receive(&token, BYTES(w.raw, w.len), &a, &data));
		before[i] = host;
		builder_put(&data, BYTES_OF(pin));
		assert_true(scp_wrap_response(&token, SW_OK, &data));
		len[i] = data.len;
		host.state = SCP_READY;
	}
	for (size_t i = 0; i < N; i++) {
		for (size_t j = 0; j < N; j++) {
			uint8_t memory[64];
			struct builder data = builder_of(memory, sizeof memory);
			struct scp_session s = before[i];
			builder_put(&data, BYTES(answer[j], len[j]));
			assert_int_equal(scp_unwrap_response(&s, SW_OK, &data), i == j);
			if (i != j)
				assert_stays_dead(&s);
		}
	}
	/* A command sent back as its own answer. */
	struct scp_session s = before[0];
	uint8_t memory[64];
	struct builder data = builder_of(memory, sizeof memory);
	builder_put(&data, BYTES(w.raw + 5, 8));
	assert_false(scp_unwrap_response(&s, SW_OK, &data));
	assert_stays_dead(&s);
}

/* Facts 3.4: after an error of the application both ends go on. */
static void goes_on_after_an_error_answer(void **state)
{
	struct scp_session host, token;
	static struct wire w;
	uint8_t memory[64];
	struct builder data = builder_of(memory, sizeof memory);
	struct apdu a;

	(void)state;
	two_ends(&host, &token);
	for (unsigned sw = 0x6400; sw <= 0x6FFF; sw += 0x41) {
		assert_true(host_send(&host, "00200081", BYTES_OF(pin), 256, false, &w));
		assert_true(token_receive(&token, BYTES(w.raw, w.len), &a, &data));
		/* the answer that had begun is thrown away, also when its builder had overflowed */
		data.failed = sw & 1;
		assert_true(scp_wrap_response(&token, (uint16_t)sw, &data));
		assert_false(data.failed);
		assert_int_equal(data.len, 0);
		for (size_t i = 0; i < sizeof pin; i++)
			assert_int_equal(memory[i], 0);
		assert_true(scp_unwrap_response(&host, (uint16_t)sw, &data));
		assert_memory_equal(&host, &token, sizeof host);
	}
	assert_true(exchange_once(&host, &token));
}

/* Facts 3.3, host rule: what Yubico's hosts take and we don't. */
static void demands_the_response_mac(void **state)
{
	static const uint16_t with_mac[] = {0x9000, 0x6200, 0x6282, 0x62FF, 0x6300, 0x63C0, 0x63C5, 0x63FF};
	static const uint16_t without[] = {
		0x6100, 0x6110, 0x6400, 0x6A82, 0x6982, 0x6C08, 0x6F00, 0x9001, 0x9100, 0x0000};

	(void)state;
	for (size_t i = 0; i < COUNT(with_mac); i++) {
		for (size_t n = 0; n < 40; n++) {
			struct scp_session s = example_session(&examples[0]);
			uint8_t memory[64] = {0};
			struct builder data = {memory, sizeof memory, n, false};
			s.state = SCP_BUSY;
			assert_false(scp_unwrap_response(&s, with_mac[i], &data));
			assert_stays_dead(&s);
		}
	}
	for (size_t i = 0; i < COUNT(without); i++) {
		for (size_t n = 0; n < 40; n++) {
			struct scp_session s = example_session(&examples[0]);
			uint8_t memory[64] = {0}, mac[16];
			s.state = SCP_BUSY;
			struct builder data = {memory, sizeof memory, n, false};
			if (n >= 8) { /* not even with a right MAC */
				ref_response_mac(&s, BYTES(memory, n - 8), without[i], mac);
				memcpy(memory + n - 8, mac, 8);
			}
			assert_int_equal(scp_unwrap_response(&s, without[i], &data), n == 0);
			if (n > 0)
				assert_stays_dead(&s);
			else
				assert_int_equal(s.state, SCP_READY);
		}
	}
}

/* ---- right MACs around wrong contents ---- */

/* Give the token `block` as ciphertext of this plaintext, with a right MAC. */
static bool token_gets(const char *plaintext, struct scp_session *token, struct builder *data)
{
	struct bytes block = test_hex(plaintext);
	uint8_t icv[16] = {0}, mac[16], head[5] = {0x04, 0x20, 0x00, 0x81, (uint8_t)(block.len + 8)};
	struct apdu a = {.cla = 0x04, .ins = 0x20, .p2 = 0x81};

	icv[15] = (uint8_t)(token->counter + 1);
	ref_crypt("ECB", BYTES(token->enc, 16), NULL, icv, 16);
	builder_put(data, block);
	if (block.len % 16 == 0)
		ref_crypt("CBC", BYTES(token->enc, 16), icv, data->data, data->len);
	ref_command_mac(token, BYTES_OF(head), builder_bytes(data), mac);
	builder_put(data, BYTES(mac, 8));
	test_drop(block);
	return scp_unwrap_command(token, &a, data);
}

static bool host_gets(const char *plaintext, struct scp_session *host, struct builder *data)
{
	struct bytes block = test_hex(plaintext);
	uint8_t icv[16] = {0x80}, mac[16];

	icv[15] = (uint8_t)host->counter;
	ref_crypt("ECB", BYTES(host->enc, 16), NULL, icv, 16);
	builder_put(data, block);
	if (block.len % 16 == 0)
		ref_crypt("CBC", BYTES(host->enc, 16), icv, data->data, data->len);
	ref_response_mac(host, builder_bytes(data), SW_OK, mac);
	builder_put(data, BYTES(mac, 8));
	test_drop(block);
	return scp_unwrap_response(host, SW_OK, data);
}

/* A chip's engine may not look: whole blocks are what it gets. */
static bool blocks_only(void *ctx, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	assert_true(n > 0 && n % SCP_BLOCK == 0);
	return scp_openssl.aes_cbc_decrypt(ctx, key, iv, data, n);
}

static void refuses_wrong_padding(void **state)
{
#define BLOCK_16 "3132333435363738 3132333435363738"
#define ZEROS_16 "0000000000000000 0000000000000000"
	static const char *const bad[] = {
		BLOCK_16,                                     /* none */
		ZEROS_16,                                     /* no 80 */
		BLOCK_16 ZEROS_16,                            /* no 80 in the last block */
		"3132333435363738 3132333435363780" ZEROS_16, /* a block too much */
		"80000000000000000000000000000000" ZEROS_16,  /* a block too much */
		"31323334353637383132333435360180",           /* a good one, see below, */
		"31323334353637383132333435368001",           /* not to the end */
		"31323334353637383132333435368100",           /* another bit */
		"313233343536378000000000000000",             /* 15 bytes */
		"3132333435363780000000000000000000",         /* 17 bytes */
		"80",
	};
	static const size_t good = 5;
	struct scp_crypto engine = scp_openssl;

	(void)state;
	engine.aes_cbc_decrypt = blocks_only;
	for (size_t i = 0; i < COUNT(bad); i++) {
		uint8_t memory[64];
		struct scp_session s = example_session(&examples[0]);
		s.crypto = &engine;
		struct builder data = builder_of(memory, sizeof memory);
		assert_int_equal(token_gets(bad[i], &s, &data), i == good);
		if (i == good) {
			assert_int_equal(data.len, 15);
		} else {
			assert_wiped(&data, 1);
			assert_stays_dead(&s);
		}
		s = example_session(&examples[0]);
		s.crypto = &engine;
		s.state = SCP_BUSY;
		data = builder_of(memory, sizeof memory);
		assert_int_equal(host_gets(bad[i], &s, &data), i == good);
		if (i != good) {
			assert_wiped(&data, 1);
			assert_stays_dead(&s);
		}
	}
	/* A block of padding alone: commands may carry one (facts 3.2), answers never do (3.3). */
	uint8_t memory[64];
	struct scp_session s = example_session(&examples[0]);
	struct builder data = builder_of(memory, sizeof memory);
	assert_true(token_gets("80000000000000000000000000000000", &s, &data));
	assert_int_equal(data.len, 0);
	s = example_session(&examples[0]);
	s.state = SCP_BUSY;
	data = builder_of(memory, sizeof memory);
	assert_false(host_gets("80000000000000000000000000000000", &s, &data));
	assert_stays_dead(&s);
}

/* Facts 3.6: SM bits missing, ISO's kind of SM, a piece of a chain, fewer than 8 bytes. */
static void refuses_commands_that_are_not_secured(void **state)
{
	static const uint8_t classes[] = {0x00, 0x08, 0x0C, 0x80, 0x14, 0x94, 0x40, 0x70, 0x24, 0xFF};
	static struct wire w;

	(void)state;
	for (size_t i = 0; i < sizeof classes; i++) {
		struct scp_session host, token;
		uint8_t memory[64];
		struct builder data = builder_of(memory, sizeof memory);
		struct apdu a;
		two_ends(&host, &token);
		assert_true(host_send(&host, "00200081", BYTES_OF(pin), 256, false, &w));
		w.raw[0] = classes[i];
		assert_false(token_receive(&token, BYTES(w.raw, w.len), &a, &data));
		assert_stays_dead(&token);
	}
	for (size_t n = 0; n < 24; n++) {
		struct scp_session token = example_session(&examples[0]);
		uint8_t memory[64] = {0};
		struct builder data = {memory, sizeof memory, n, false};
		struct apdu a = {.cla = 0x04, .ins = 0x20};
		assert_false(scp_unwrap_command(&token, &a, &data));
		assert_stays_dead(&token);
	}
}

/* The coding of Lc is in the MAC: a relay cannot change it. */
static void refuses_another_coding_of_the_length(void **state)
{
	(void)state;
	for (int extended = 0; extended < 2; extended++) {
		struct scp_session host, token;
		uint8_t memory[64];
		struct builder data = builder_of(memory, sizeof memory);
		struct apdu a = {.ins = 0x20, .p2 = 0x81, .extended = extended};
		two_ends(&host, &token);
		builder_put(&data, BYTES_OF(pin));
		assert_true(scp_wrap_command(&host, &a, &data));
		a.extended = !extended;
		assert_false(scp_unwrap_command(&token, &a, &data));
		assert_stays_dead(&token);
	}
}

/* ---- order of calls, numbers, engines ---- */

static void keeps_commands_and_answers_in_step(void **state)
{
	uint8_t memory[64] = {0};

	(void)state;
	for (int call = 0; call < 4; call++) {
		struct scp_session s = example_session(&examples[0]);
		struct builder data = {memory, sizeof memory, 8, false};
		struct apdu a = {.cla = call == 1 ? 0x04 : 0x00, .ins = 0x20};
		s.state = call < 2 ? SCP_BUSY : SCP_READY;
		if (call == 0)
			assert_false(scp_wrap_command(&s, &a, &data));
		if (call == 1)
			assert_false(scp_unwrap_command(&s, &a, &data));
		if (call == 2)
			assert_false(scp_wrap_response(&s, SW_NOT_FOUND, &data));
		if (call == 3)
			assert_false(scp_unwrap_response(&s, SW_NOT_FOUND, &data));
		assert_stays_dead(&s);
	}
}

static void never_uses_a_number_twice(void **state)
{
	struct scp_session host, token;
	struct apdu a = {.ins = 0x20};
	uint8_t memory[64] = {0};
	struct builder data = builder_of(memory, sizeof memory);

	(void)state;
	two_ends(&host, &token);
	host.counter = token.counter = UINT32_MAX - 2;
	assert_true(exchange_once(&host, &token));
	assert_true(exchange_once(&host, &token));
	assert_int_equal(host.counter, UINT32_MAX);
	struct scp_session last = token;
	assert_false(scp_wrap_command(&host, &a, &data));
	assert_stays_dead(&host);
	/* a host that wraps around finds no ear */
	host = last;
	host.counter = 0;
	assert_false(exchange_once(&host, &token));
	assert_stays_dead(&token);
	/* also without encryption, where the number is seen nowhere */
	host = example_session(&examples[1]);
	host.counter = UINT32_MAX;
	data = builder_of(memory, sizeof memory);
	a = (struct apdu){.ins = 0x20};
	assert_false(scp_wrap_command(&host, &a, &data));
	assert_stays_dead(&host);
}

/* An engine that fails at its n-th call. */
struct failing {
	unsigned left;
};

static bool fails(void *ctx)
{
	struct failing *f = ctx;

	return f->left-- == 0;
}

static bool failing_sha256(void *ctx, struct bytes in, uint8_t digest[32])
{
	return !fails(ctx) && scp_openssl.sha256(NULL, in, digest);
}

static bool failing_encrypt(void *ctx, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	return !fails(ctx) && scp_openssl.aes_cbc_encrypt(NULL, key, iv, data, n);
}

static bool failing_decrypt(void *ctx, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	return !fails(ctx) && scp_openssl.aes_cbc_decrypt(NULL, key, iv, data, n);
}

static bool open_with(const struct scp_crypto *crypto, struct scp_session *s)
{
	struct bytes z = test_hex(AGREED_Z), command = test_hex(AUTHENTICATE_DATA), sd = test_hex(EPK_SD);
	uint8_t secret[SCP_SECRET_SIZE], memory[SCP_ANSWER_SIZE];
	struct builder answer = builder_of(memory, sizeof memory);

	bytes_copy(secret, z);
	bool ok = scp_open_token(s, crypto, &full_128, secret, command, sd, &answer);
	assert_int_equal(answer.failed, !ok);
	test_drop(z);
	test_drop(command);
	test_drop(sd);
	return ok;
}

static void dies_with_its_engine(void **state)
{
	struct failing f;
	const struct scp_crypto engine = {&f, failing_sha256, failing_encrypt, failing_decrypt};
	struct scp_session host, token, closed = {0};
	unsigned n;

	(void)state;
	for (n = 0;; n++) {
		f.left = n;
		if (open_with(&engine, &token))
			break;
		assert_memory_equal(&token, &closed, sizeof token);
	}
	assert_true(n >= 5); /* three digests, and the receipt */
	for (n = 0;; n++) {
		two_ends(&host, &token);
		token.crypto = &engine;
		f.left = n;
		if (exchange_once(&host, &token))
			break;
		assert_stays_dead(&token);
	}
	assert_true(n >= 8);
	for (n = 0;; n++) {
		two_ends(&host, &token);
		host.crypto = &engine;
		f.left = n;
		if (exchange_once(&host, &token))
			break;
		assert_stays_dead(&host);
	}
	assert_true(n >= 8);
}

static void dies_for_want_of_room(void **state)
{
	(void)state;
	for (size_t n = 0; n < 40; n++) {
		for (size_t cap = n; cap < n + SCP_OVERHEAD; cap++) {
			uint8_t memory[80] = {0};
			struct scp_session s = example_session(&examples[0]), t = s;
			struct builder data = {memory, cap, n, false};
			struct apdu a = {.ins = 0x20};
			bool fits = cap >= scp_wrapped_size(&s, n);
			bytes_fill(memory, 0x31, n);
			assert_int_equal(scp_wrap_command(&s, &a, &data), fits);
			if (!fits) {
				assert_dead(&s);
				assert_wiped(&data, 0);
			}
			t.state = SCP_BUSY;
			data = (struct builder){memory, cap, n, false};
			assert_int_equal(scp_wrap_response(&t, SW_OK, &data), fits);
			if (!fits)
				assert_dead(&t);
		}
	}
	/* what the builder had lost before, and what no Lc can say */
	struct scp_session s = example_session(&examples[0]);
	uint8_t memory[16] = {0};
	struct builder data = {memory, sizeof memory, 0, true};
	struct apdu a = {.ins = 0x20};
	assert_false(scp_wrap_command(&s, &a, &data));
	assert_dead(&s);
	static uint8_t large[APDU_DATA_MAX + 32];
	s = example_session(&examples[0]);
	data = (struct builder){large, sizeof large, APDU_DATA_MAX - 7, false};
	a.extended = true;
	assert_false(scp_wrap_command(&s, &a, &data));
	assert_dead(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_session_is_no_session),
		cmocka_unit_test(refuses_replayed_reordered_and_missing_commands),
		cmocka_unit_test(refuses_replayed_and_swapped_answers),
		cmocka_unit_test(goes_on_after_an_error_answer),
		cmocka_unit_test(demands_the_response_mac),
		cmocka_unit_test(refuses_wrong_padding),
		cmocka_unit_test(refuses_commands_that_are_not_secured),
		cmocka_unit_test(refuses_another_coding_of_the_length),
		cmocka_unit_test(keeps_commands_and_answers_in_step),
		cmocka_unit_test(never_uses_a_number_twice),
		cmocka_unit_test(dies_with_its_engine),
		cmocka_unit_test(dies_for_want_of_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
