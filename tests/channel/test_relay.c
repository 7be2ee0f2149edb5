/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody between libukey and the token changes one bit: every bit of every command and of every answer of a whole
 * road, from the opening of the channel to the log-out, each in a process of its own that is forked off just before.
 * Then libukey reports an error and the token is as before the command, or, when it was an answer that was changed, as
 * after it. When libukey noticed and did the whole thing again by itself, that counts too. What a bit may be changed in
 * without anybody noticing is in the table `without_meaning`, with its reason.
 *
 * And whole answers are changed: into a bare status word of every kind, after the command was carried out or instead of
 * it, and into the answer before. A lie about an error may be told, but it must not be believed to be about a PIN.
 *
 * RELAY_EVERY=n tries every n-th bit only; RELAY_LANES=n processes at once.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/unlock.h"
#include "firmware-emu/core/pin.h"
#include "tests/wire/driver_bench.h"
#include "tests/wire/personal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const pins[] = {"none", "123456", "7391-next", "8264-last", "87654321"};

/* ---- what the token is, as far as anybody can ask ---- */

struct condition {
	uint8_t tries[FW_PINS];
	uint16_t unlock_counter;
	uint32_t generation;
	uint8_t user_pin, so_pin; /* which of the pins; 0: none of them */
	uint64_t keys;
	uint8_t data[32]; /* digest of all data objects */
};

static uint8_t which_pin(struct fw *fw, enum fw_pin pin)
{
	uint8_t record[FW_PIN_RECORD], hash[32];

	if (!fw_object_read(fw, FW_OBJECT_PIN(pin), 0, record, sizeof record))
		return 0;
	struct cursor c = cursor_of(BYTES_OF(record));
	const uint32_t iterations = cursor_u32(&c);
	const struct bytes salt = cursor_take(&c, 16), stored = cursor_rest(&c);
	for (uint8_t i = 1; i < COUNT(pins); i++) {
		hal_pin_hash(fw->hal, BYTES((const uint8_t *)pins[i], strlen(pins[i])), salt, iterations, hash);
		if (bytes_equal(BYTES_OF(hash), stored))
			return i;
	}
	return 0xFF;
}

static struct condition condition_of(const struct ramtoken *t)
{
	struct fw *fw = t->fw;
	static uint8_t all[64 * 1024];
	struct builder b = builder_of(all, sizeof all);
	struct condition c;

	memset(&c, 0, sizeof c); /* compared as bytes */
	memcpy(c.tries, fw->tries, sizeof c.tries);
	c.unlock_counter = fw->unlock_counter;
	c.generation = fw->generation;
	c.user_pin = which_pin(fw, FW_PIN_USER);
	c.so_pin = which_pin(fw, FW_PIN_SO);
	for (uint8_t n = 0; n < FW_KEYS; n++)
		c.keys |= (uint64_t)fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY, n)) << n;
	for (uint8_t n = 0; n < FW_DATA_OBJECTS; n++) {
		if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_DATA, n)))
			continue;
		builder_u8(&b, n);
		fw_object_append(fw, FW_OBJECT(FW_TYPE_DATA, n), &b);
		fw_object_append(fw, FW_OBJECT(FW_TYPE_DATA_VALUE, n), &b);
	}
	crypto_digest(CRYPTO_SHA256, builder_bytes(&b), c.data);
	return c;
}

static bool same(const struct condition *a, const struct condition *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* ---- the road ---- */

static struct bench *bench;
static struct personal made;
static uint8_t signature[64], challenge[UKEY_CHALLENGE_SIZE], response[UKEY_RESPONSE_SIZE], proof[UKEY_PROOF_SIZE];
static ukey_key_ref new_key;
static struct ukey_data got;

#define TEXT(s) (const uint8_t *)(s), strlen(s)
static const uint8_t digest[32] = {0xD1, 0x6E, 0x57};

static enum ukey_status sign_with(ukey_key_ref ref)
{
	static const struct ukey_scheme ecdsa = {.padding = UKEY_ECDSA};
	size_t len = sizeof signature;

	memset(signature, 0, sizeof signature);
	return ukey_sign(bench->t, ref, &ecdsa, digest, sizeof digest, signature, &len);
}

/* By the public key that libukey believes in. */
static bool signed_by(ukey_key_ref ref)
{
	static const struct crypto_scheme ecdsa = {.kind = CRYPTO_ECDSA};
	const struct ukey_directory *d;
	bool right = false;

	if (ukey_directory(bench->t, &d) != UKEY_OK)
		return false;
	const struct ukey_key *k = ukey_directory_key(d, ref);
	if (k) {
		const struct crypto_pubkey key = {.type = CRYPTO_EC_P256, .point = BYTES(k->point, k->point_len)};
		right = crypto_verify(&key, &ecdsa, BYTES_OF(digest), BYTES_OF(signature)) == CRYPTO_GOOD;
	}
	ukey_directory_unref(d);
	return right;
}

static enum ukey_status do_protect(void)
{
	return ukey_protect(bench->t);
}

static bool is_protected(void)
{
	struct ukey_token_info info = bench_info(bench);

	return info.channel && info.genuine == UKEY_GENUINE_YES;
}

static bool right_always(void)
{
	return true;
}

static enum ukey_status do_login(void)
{
	return ukey_login(bench->t, UKEY_USER, TEXT(pins[1]));
}

static bool is_user(void)
{
	return bench_info(bench).role == UKEY_USER;
}

static enum ukey_status do_sign(void)
{
	return sign_with(0);
}

static bool is_signed(void)
{
	return signed_by(0);
}

static enum ukey_status do_read(void)
{
	ukey_data_clear(&got);
	return ukey_read_data(bench->t, 0, &got);
}

static bool is_read(void)
{
	return got.length == 8 && memcmp(got.value, "nobody's", 8) == 0;
}

static enum ukey_status do_change(void)
{
	return ukey_change_pin(bench->t, UKEY_USER, TEXT(pins[1]), TEXT(pins[2]));
}

static enum ukey_status do_generate(void)
{
	const struct ukey_generate how = {.ref = 2, .algorithm = UKEY_P256, .label = "new", .usage = UKEY_USE_SIGN};

	return ukey_generate(bench->t, &how, &new_key);
}

static bool is_generated(void)
{
	return new_key == 2 && sign_with(2) == UKEY_OK && signed_by(2);
}

static enum ukey_status do_write(void)
{
	struct ukey_data d = {
		.label = "note", .is_private = true, .value = (uint8_t *)(uintptr_t) "written", .length = 7};

	return ukey_write_data(bench->t, 1, &d, NULL);
}

static enum ukey_status do_challenge(void)
{
	return ukey_unlock_challenge(bench->t, challenge);
}

/* As the desk does it. */
static bool is_answered(void)
{
	uint8_t memory[UNLOCK_INPUT_MAX], mac[16];
	struct builder in = builder_of(memory, sizeof memory);
	struct unlock_challenge c;

	if (!unlock_challenge_parse(BYTES_OF(challenge), &c))
		return false;
	unlock_response_input(&in, &c, UNLOCK_SET_USER_PIN);
	const struct bytes part = builder_bytes(&in);
	scp_cmac(&scp_openssl, BYTES_OF(made.unlock_key), &part, 1, mac);
	unlock_response_cut(mac, response);
	return memcmp(c.serial, bench->chip[0]->hal.serial, 8) == 0;
}

static enum ukey_status do_respond(void)
{
	return ukey_unlock_respond(bench->t, response, TEXT(pins[3]), proof);
}

static bool is_proved(void)
{
	uint8_t memory[UNLOCK_INPUT_MAX], mac[16], want[UNLOCK_PROOF_SIZE];
	struct builder in = builder_of(memory, sizeof memory);

	unlock_proof_input(&in, PERSONAL_UNLOCK_VERSION, bench->chip[0]->hal.serial, 1);
	const struct bytes part = builder_bytes(&in);
	scp_cmac(&scp_openssl, BYTES_OF(made.unlock_key), &part, 1, mac);
	unlock_proof_cut(mac, want);
	return memcmp(want, proof, sizeof want) == 0;
}

static enum ukey_status do_logout(void)
{
	return ukey_logout(bench->t);
}

static bool is_nobody(void)
{
	return bench_info(bench).role == UKEY_NOBODY;
}

static const struct step {
	const char *name;
	enum ukey_status (*call)(void);
	bool (*right)(void);
} road[] = {
	{"open",               do_protect,   is_protected},
	{"log in",             do_login,     is_user     },
	{"sign",               do_sign,      is_signed   },
	{"read private data",  do_read,      is_read     },
	{"change PIN",         do_change,    is_user     },
	{"generate",           do_generate,  is_generated},
	{"write private data", do_write,     right_always},
	{"challenge",          do_challenge, is_answered },
	{"unlock by phone",    do_respond,   is_proved   },
	{"log out",            do_logout,    is_nobody   },
};

#define STEPS COUNT(road)

static struct condition after[STEPS];

/* ---- the relay ---- */

enum direction {
	COMMAND,
	ANSWER,
};

/* Bits that may be changed and nobody needs to notice. */
enum pardon {
	PARDON_NONE,
	PARDON_LE,
	PARDON_CERTIFICATES,
	PARDON_CHANNEL,
	PARDON_REST,
	PARDON_AGAIN,
	PARDON_FULL,
	PARDONS,
};

static const char *const pardons[PARDONS] = {
	[PARDON_LE] = "Le: how much may come is not in the MAC, and an extended command is answered whole",
	[PARDON_CERTIFICATES] = "certificates: what X.509 does not sign, or what means the same; the key agreement "
				"proves the key all the same",
	[PARDON_CHANNEL] = "the channel's number in the agreement: the session is on another channel, where no command "
			   "arrives; the next command notices",
	[PARDON_REST] = "xx of 61xx: how much more waits; GET RESPONSE brings it whatever was said",
	[PARDON_AGAIN] = "6Cxx to a command in clear: it is sent again, and the true answer comes",
	[PARDON_FULL] = "6A81 to MANAGE CHANNEL: who has the token to himself resets it and opens a channel then",
};

enum outcome {
	NOTICED,    /* an error, and the token is whole */
	DONE_AGAIN, /* noticed, and repeated by itself to the right end */
	UNNOTICED,  /* as if nothing had been */
	CHANGED,    /* the token did what nobody sent */
	WRONG,      /* libukey took something for true */
	ENDED,      /* the process broke */
	OUTCOMES,
};

static const char *const outcome_names[OUTCOMES] = {
	"noticed", "noticed and done again", "unnoticed", "THE TOKEN CHANGED", "WRONG RESULT", "THE PROCESS ENDED"};

struct tally {
	unsigned long bits[2], outcomes[OUTCOMES];
	unsigned long status[UKEY_STATUS_COUNT];
	unsigned long pardoned[PARDONS];
};

static struct tally *tally; /* shared by all processes */

static struct {
	bool armed, child, flipped;
	size_t step;
	enum direction direction;
	size_t byte, bit, len;
	uint8_t ins; /* of the command that is on its way */
	bool secured;
	bool waits;                           /* the answer says 61xx */
	bool agreed;                          /* the bit was in the agreement, or came after it */
	unsigned handshakes, handshakes_then; /* INTERNAL AUTHENTICATEs seen; when the bit was changed */
	bool forge;                           /* whole answers, not bits */
	int lie;                              /* which; -1: none. The command before it may be withheld */
	bool withheld;
	struct builder answer_before;
	unsigned lanes, lanes_max, every;
	unsigned long turn;
} relay;

static const uint16_t lies[] = {0x9000, 0x6100, 0x6110, 0x6200, 0x63C0, 0x63C5, 0x6400, 0x6581, 0x6700, 0x6881, 0x6882,
	0x6883, 0x6982, 0x6983, 0x6984, 0x6985, 0x6A80, 0x6A81, 0x6A82, 0x6A84, 0x6A86, 0x6A88, 0x6A89, 0x6C00, 0x6C10,
	0x6D00, 0x6E00, 0x6F00};

static const char *where(void)
{
	static char text[160];

	if (relay.forge) {
		snprintf(text, sizeof text, "%s: %s INS %02X, answered with %04X%s", road[relay.step].name,
			relay.withheld ? "withheld" : "done", relay.ins,
			relay.byte < COUNT(lies) ? lies[relay.byte] : 0,
			relay.byte < COUNT(lies) ? "" : " (the answer before)");
		return text;
	}
	snprintf(text, sizeof text, "%s: %s%s INS %02X, byte %zu of %zu, bit %zu", road[relay.step].name,
		relay.secured ? "protected " : "", relay.direction == COMMAND ? "command" : "answer to", relay.ins,
		relay.byte, relay.len, relay.bit);
	return text;
}

static void lane_free(void)
{
	int status = 0;

	if (wait(&status) < 0)
		return;
	relay.lanes--;
	if (!WIFEXITED(status) || WEXITSTATUS(status) >= OUTCOMES)
		tally->outcomes[ENDED]++;
}

/* In the child: the bit is changed, and the call goes on. In the parent: nothing. */
static bool fork_for(enum direction direction, size_t byte, size_t bit, size_t len)
{
	if (relay.turn++ % relay.every != 0)
		return false;
	while (relay.lanes >= relay.lanes_max)
		lane_free();
	relay.direction = direction;
	relay.byte = byte;
	relay.bit = bit;
	relay.len = len;
	tally->bits[direction]++;
	pid_t pid = fork();
	if (pid < 0)
		abort();
	if (pid > 0) {
		relay.lanes++;
		return false;
	}
	relay.child = true;
	relay.handshakes_then = relay.handshakes;
	relay.agreed = relay.handshakes > 0;
	return true;
}

static void change(enum direction direction, struct builder *message)
{
	if (!relay.armed || relay.child)
		return;
	for (size_t byte = 0; byte < message->len; byte++) {
		for (size_t bit = 0; bit < 8; bit++) {
			if (fork_for(direction, byte, bit, message->len)) {
				message->data[byte] = (uint8_t)(message->data[byte] ^ (1u << bit));
				return;
			}
		}
	}
}

/* A process for each lie; the last one says what was said before. */
static void forge(bool withheld, size_t len)
{
	for (size_t i = 0; i <= COUNT(lies); i++) {
		if (!fork_for(ANSWER, i, withheld, len))
			continue;
		relay.lie = (int)i;
		relay.withheld = withheld;
		return;
	}
}

static void put_lie(struct builder *answer)
{
	const size_t i = (size_t)relay.lie;

	answer->len = 0;
	if (i < COUNT(lies))
		builder_u16(answer, lies[i]);
	else
		builder_put(answer, builder_bytes(&relay.answer_before));
	relay.lie = -1;
}

static void on_command(void *arg, struct builder *command)
{
	static const uint8_t nothing[] = {0x00, 0xC0, 0x00, 0x00, 0x00};

	struct apdu_class class;

	(void)arg;
	if (command->data[1] == SCP_INS_INTERNAL_AUTHENTICATE)
		relay.handshakes++;
	if (!relay.child) {
		relay.ins = command->data[1];
		relay.secured = apdu_class_parse(command->data[0], &class) && class.secure;
	}
	if (!relay.forge) {
		change(COMMAND, command);
		return;
	}
	if (relay.armed && !relay.child)
		forge(true, command->len);
	if (relay.child && relay.lie >= 0 && relay.withheld && command->len >= sizeof nothing) {
		/* Instead of it something that does nothing: GET RESPONSE on a channel where nothing waits. */
		command->len = 0;
		builder_put(command, BYTES_OF(nothing));
	}
}

static void on_answer(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	(void)command;
	if (!relay.child)
		relay.waits = answer->len >= 2 && answer->data[answer->len - 2] == 0x61;
	if (!relay.forge) {
		change(ANSWER, answer);
		return;
	}
	if (relay.armed && !relay.child)
		forge(false, answer->len);
	if (relay.child && relay.lie >= 0)
		put_lie(answer);
	if (!relay.child) {
		relay.answer_before.len = 0;
		builder_put(&relay.answer_before, builder_bytes(answer));
	}
}

/* For what was done as if nothing had been changed, and rightly. */
static enum pardon pardon(void)
{
	if (relay.forge) {
		const uint16_t lie = relay.byte < COUNT(lies) ? lies[relay.byte] : 0;
		if (relay.ins == 0x70 && lie == SW_FUNCTION_NOT_SUPPORTED)
			return PARDON_FULL;
		return !relay.secured && (lie & 0xFF00) == 0x6C00 ? PARDON_AGAIN : PARDON_NONE;
	}
	if (relay.direction == ANSWER && relay.waits && relay.byte + 1 == relay.len)
		return PARDON_REST;
	if (relay.direction == ANSWER)
		return !relay.secured && relay.ins == 0xCB ? PARDON_CERTIFICATES : PARDON_NONE;
	/* Two bytes of an extended command, one of a short one. */
	if (relay.byte + (bench->loop->readers[0].max_apdu ? 1 : 2) >= relay.len)
		return PARDON_LE;
	return relay.ins == SCP_INS_INTERNAL_AUTHENTICATE && relay.byte == 0 ? PARDON_CHANNEL : PARDON_NONE;
}

/* What libukey said it had done is so, also for the call after it. */
static bool is_right(void)
{
	if (!road[relay.step].right())
		return false;
	if (relay.step != 0)
		return true;
	const enum ukey_status next = do_login();
	return next == UKEY_CHANNEL_LOST || (next == UKEY_OK && is_user());
}

/* GET RESPONSE only fetches: the command before it was the right one. */
static bool may_be_done(void)
{
	if (relay.forge)
		return true;
	return relay.direction == ANSWER || relay.ins == 0xC0;
}

/* Every PIN and answer of the road is right: who says otherwise was lied to. */
static bool is_about_pin(enum ukey_status status)
{
	return status == UKEY_PIN_INCORRECT || status == UKEY_PIN_BLOCKED || status == UKEY_UNLOCK_WRONG ||
	       status == UKEY_UNLOCK_BLOCKED || status == UKEY_PIN_EXPIRED;
}

/* What came of it. The process ends here. */
static void judge(enum ukey_status status, const struct condition *before, const struct condition *then)
{
	const struct condition now = condition_of(bench->chip[0]);
	/* The opening has its own agreement behind it when the bit was in what comes before. */
	const unsigned handshakes = relay.handshakes - (relay.step == 0 && !relay.agreed);
	enum outcome outcome = NOTICED;

	tally->status[status]++;
	if (status == UKEY_OK && !same(&now, then))
		outcome = CHANGED;
	else if (status == UKEY_OK && !is_right())
		outcome = WRONG;
	else if (status == UKEY_OK)
		outcome = handshakes > relay.handshakes_then ? DONE_AGAIN : UNNOTICED;
	else if (!same(&now, before) && !(may_be_done() && same(&now, then)))
		outcome = CHANGED;
	else if (is_about_pin(status))
		outcome = WRONG;
	if (outcome == UNNOTICED && pardon() != PARDON_NONE)
		tally->pardoned[pardon()]++;
	else if (outcome != NOTICED && outcome != DONE_AGAIN)
		fprintf(stderr, "%s: %s (%s)\n", where(), outcome_names[outcome], ukey_status_name(status));
	tally->outcomes[outcome]++;
	_exit(0);
}

static void walk(bool armed)
{
	for (size_t i = 0; i < STEPS; i++) {
		const struct condition before = condition_of(bench->chip[0]);
		relay.step = i;
		relay.armed = armed;
		enum ukey_status status = road[i].call();
		relay.armed = false;
		if (relay.child)
			judge(status, &before, &after[i]);
		is(status, UKEY_OK);
		if (!armed)
			after[i] = condition_of(bench->chip[0]);
		else {
			const struct condition now = condition_of(bench->chip[0]);
			assert_true(same(&now, &after[i]));
		}
		assert_true(road[i].right());
	}
	while (relay.lanes > 0)
		lane_free();
}

/* ---- set-up ---- */

/* A token with PINs, a key and a private object, seen by libukey, nobody logged in and no session. */
static void token_begin(bool personalised, size_t max_apdu)
{
	const struct ramtoken_options small = {.flash_size = 64 * 1024, .sector = 2048};
	void *state;

	bench_setup(&state);
	bench = state;
	ukey_close(bench->u);
	/* Nothing is kept in files: every process of a thousand begins as the first. */
	setenv("XDG_STATE_HOME", "/proc/nowhere", 1);
	setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
	loop_unplug(bench->loop, 0);
	ramtoken_free(bench->chip[0]);
	bench->chip[0] = ramtoken_new(&small);
	if (personalised)
		personal_make(bench->chip[0], NULL, &made);
	bench->loop->readers[0].max_apdu = max_apdu;
	loop_plug(bench->loop, 0, bench->chip[0]);
	ok(ukey_open(&bench->u));
	bench_refresh(bench);
	bench_initialize(bench->t);
	bench_login(bench, UKEY_USER);
	bench_generate(bench, 0, UKEY_P256, UKEY_USE_SIGN);
	struct ukey_data d = {.is_private = true, .value = (uint8_t *)(uintptr_t) "nobody's", .length = 8};
	ok(ukey_write_data(bench->t, 0, &d, NULL));
	ukey_token_unref(bench->t);
	bench->t = NULL;
	ukey_close(bench->u);
	ramtoken_power_cycle(bench->chip[0]);
	ok(ukey_open(&bench->u));
	bench_refresh(bench);
	memset(tally, 0, sizeof *tally);
	relay.handshakes = 0;
	bench->loop->readers[0].alter = on_command;
	bench->loop->readers[0].falsify = on_answer;
}

static void token_end(void)
{
	void *state = bench;

	ukey_data_clear(&got);
	bench_teardown(&state);
}

static unsigned number(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text && atoi(text) > 0 ? (unsigned)atoi(text) : otherwise;
}

static void tell(const char *how)
{
	if (relay.forge)
		print_message("%s: %lu\n", how, tally->bits[ANSWER]);
	else
		print_message("%s: %lu bits of commands and %lu bits of answers changed, one each time\n", how,
			tally->bits[COMMAND], tally->bits[ANSWER]);
	for (int i = 0; i < OUTCOMES; i++)
		if (tally->outcomes[i])
			print_message("%8lu  %s\n", tally->outcomes[i], outcome_names[i]);
	for (int i = 1; i < PARDONS; i++)
		if (tally->pardoned[i])
			print_message("%8lu  of the unnoticed: %s\n", tally->pardoned[i], pardons[i]);
	for (int i = 0; i < UKEY_STATUS_COUNT; i++)
		if (tally->status[i])
			print_message("%8lu  %s\n", tally->status[i], ukey_status_name((enum ukey_status)i));
}

static void every_bit(size_t max_apdu, const char *how)
{
	unsigned long pardoned = 0;

	token_begin(true, max_apdu);
	walk(false);
	token_end();
	token_begin(true, max_apdu);
	walk(true);
	tell(how);
	assert_int_equal(tally->outcomes[CHANGED], 0);
	assert_int_equal(tally->outcomes[WRONG], 0);
	assert_int_equal(tally->outcomes[ENDED], 0);
	for (int i = 1; i < PARDONS; i++)
		pardoned += tally->pardoned[i];
	assert_int_equal(tally->outcomes[UNNOTICED], pardoned);
	assert_true(tally->outcomes[NOTICED] > 400 / relay.every);
	token_end();
}

static void test_every_bit(void **state)
{
	(void)state;
	relay.every = number("RELAY_EVERY", 1);
	every_bit(0, "extended APDUs");
}

/* Chains and GET RESPONSE. By default not every bit: the road is the same. */
static void test_short_apdus(void **state)
{
	(void)state;
	relay.every = number("RELAY_EVERY", 7);
	every_bit(255, "short APDUs");
}

static void test_forged_answers(void **state)
{
	static uint8_t memory[70000];

	(void)state;
	relay.every = 1;
	relay.forge = true;
	relay.answer_before = builder_of(memory, sizeof memory);
	every_bit(0, "forged answers");
	relay.forge = false;
}

/* This test can fail: without a channel the same bits do their work. */
static void test_in_clear(void **state)
{
	(void)state;
	relay.every = number("RELAY_EVERY", 5);
	token_begin(false, 0);
	const size_t steps[] = {1, 2, 6};
	for (size_t i = 0; i < COUNT(steps); i++) {
		const struct condition before = condition_of(bench->chip[0]);
		relay.step = steps[i];
		relay.armed = true;
		enum ukey_status status = road[steps[i]].call();
		relay.armed = false;
		if (relay.child) {
			if (freopen("/dev/null", "w", stderr))
				judge(status, &before, &before);
			_exit(ENDED);
		}
		is(status, UKEY_OK);
	}
	while (relay.lanes > 0)
		lane_free();
	tell("in clear");
	assert_true(tally->outcomes[CHANGED] > 100 / relay.every);
	assert_true(tally->outcomes[WRONG] > 100 / relay.every);
	token_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_clear),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_short_apdus),
		cmocka_unit_test(test_forged_answers),
	};

	tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		return 1;
	relay.lanes_max = number("RELAY_LANES", 2);
	relay.lie = -1;
	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
