/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The road of a token, from blank to blank, with the power cut at every flash operation of every command, in every way
 * that a write or an erase can be torn. After power-on the token shows the state before the command or the state after
 * it, whole, and its PIN counters are never higher than they were.
 *
 * What a state is: everything that can be seen from outside but the PIN counters: token information, directory, every
 * object, which PINs open it, and what every private key answers.
 */
#include <string.h>

#include "firmware-emu/core/factory.h"
#include "tests/wire/outside.h"
#include "tests/wire/personal.h"
#include "tests/wire/wire.h"

#define FLASH  (64 * 1024)
#define SECTOR 2048

/* ---- what is seen from outside ---- */

static const char *const user_pins[] = {"123456", "654321", "geheim-\xC3\xBC"};
static const char *const so_pins[] = {"87654321", "so-pin-2"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct view {
	uint8_t data[96 * 1024];
	size_t len;
	uint8_t tries[2];
	uint8_t life;
};

static void add(struct view *v, struct bytes b)
{
	assert_true(b.len <= sizeof(v->data) - v->len);
	memcpy(v->data + v->len, b.data ? b.data : (const uint8_t *)"", b.len);
	v->len += b.len;
}

static void add_u16(struct view *v, uint16_t n)
{
	const uint8_t be[2] = {(uint8_t)(n >> 8), (uint8_t)n};
	add(v, BYTES_OF(be));
}

/* Status and data of an answer. */
static uint16_t see(struct view *v, struct ramtoken *t, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data)
{
	struct bytes answer = BYTES_NONE;
	uint16_t sw = wire_any(t, 0x00, ins, p1, p2, data, APDU_LE_MAX, &answer);

	add_u16(v, sw);
	add(v, sw == SW_OK ? answer : BYTES_NONE);
	return sw;
}

static void see_information(struct view *v, struct ramtoken *t)
{
	static const uint8_t shown[] = {0x82, 0x83, 0x84, 0x88, 0x89, 0x8A, 0x91};

	for (size_t i = 0; i < sizeof(shown); i++)
		add(v, wire_info(t, shown[i]));
	for (uint8_t i = 0; i < 2; i++) {
		struct bytes pin = wire_info(t, 0x85u + i);
		v->tries[i] = pin.data[0];
		add(v, BYTES(pin.data + 1, 2));
	}
	v->life = wire_info(t, 0x84).data[0];
}

static void see_objects(struct view *v, struct ramtoken *t)
{
	static const struct {
		uint8_t type, count;
	} types[] = {
		{0x00, 5              },
                {0x01, FW_KEYS        },
                {0x02, FW_CERTIFICATES},
                {0x03, FW_DATA_OBJECTS}
        };

	for (size_t i = 0; i < COUNT(types); i++) {
		for (uint8_t n = types[i].type == 0 ? 2 : 0; n < types[i].count; n++) {
			const uint8_t name[] = {0x5C, 2, types[i].type, n};
			see(v, t, 0xCB, 0x3F, 0xFF, BYTES_OF(name));
		}
	}
}

/* RSA and key agreement answer the same each time; of a signature with chance in it only the status is compared. */
static void see_keys(struct view *v, struct ramtoken *t)
{
	static const char peer[] = "7C 45 82 00 85 41 04"
				   "6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
				   "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5";
	uint8_t rsa[8 + 256] = {0x7C, 0x82, 0x01, 0x04, 0x81, 0x82, 0x01, 0x00, 0x00, 0x01, 0x02};

	for (uint8_t key = 0; key < 6; key++) {
		struct bytes der = wire_hex("7C05 81 03 010203");
		see(v, t, 0x87, 0x07, key, BYTES_OF(rsa));
		see(v, t, 0x87, 0x11, key, wire_hex(peer));
		add_u16(v, wire_any(t, 0x00, 0x87, 0x11, key, der, APDU_LE_MAX, NULL));
	}
}

/* Whether the keys that the factory made serve, and the unlock key; each on its own copy of the token. */
static void see_factory(struct view *v, struct ramtoken *t, const struct ramtoken_moment *now)
{
	struct fw_unlock_key key;
	struct scp_session s;
	uint16_t sw;

	add_u16(v, fw_factory_unlock_key(t->fw, &key));
	add(v, BYTES_OF(key.key));
	add_u16(v, key.version);
	add_u16(v, wire_any(t, 0x80, 0xF2, 0, 0, wire_hex("A00130 A10130"), 0, NULL));
	ramtoken_moment_return(now, t);
	add_u16(v, (uint16_t)personal_try_open(t, 0, t->device_point, &s, &sw));
	add_u16(v, sw);
	ramtoken_moment_return(now, t);
}

/* VERIFY as the policy has it. */
static uint16_t verify(struct ramtoken *t, uint8_t reference, const char *pin)
{
	const struct apdu a = {.ins = 0x20, .p2 = reference, .data = wire_string(pin)};
	struct scp_session s;

	if (!(wire_info(t, 0x8A).data[4] & FW_POLICY_CHANNEL))
		return wire_any(t, 0x00, 0x20, 0, reference, a.data, 0, NULL);
	personal_open(t, 0, t->device_point, &s);
	return personal_send(t, 0, &s, &a, NULL);
}

/* Which of the PINs opens the token, each tried on its own copy of it; the right user PIN shows what is private. */
static void see_pins(struct view *v, struct ramtoken *t, const struct ramtoken_moment *now)
{
	for (size_t i = 0; i < COUNT(so_pins); i++) {
		uint16_t sw = verify(t, 0x82, so_pins[i]);
		add_u16(v, (sw & 0xFFF0) == SW_TRIES_LEFT ? SW_TRIES_LEFT : sw);
		ramtoken_moment_return(now, t);
	}
	for (size_t i = 0; i < COUNT(user_pins); i++) {
		uint16_t sw = verify(t, 0x81, user_pins[i]);
		add_u16(v, (sw & 0xFFF0) == SW_TRIES_LEFT ? SW_TRIES_LEFT : sw);
		if (sw == SW_OK) {
			see_objects(v, t);
			see_keys(v, t);
		}
		ramtoken_moment_return(now, t);
	}
}

/* The token as power-on finds it; it is left so. */
static void look(struct view *v, struct ramtoken *t)
{
	struct ramtoken_moment *now;
	unsigned long operations = t->hal.writes + t->hal.erases;

	v->len = 0;
	t->hal.cut_at = 0;
	ramtoken_power_cycle(t);
	now = ramtoken_moment_take(t);
	see_information(v, t);
	see_objects(v, t);
	assert_int_equal(t->hal.writes + t->hal.erases, operations); /* mounting and looking never write */
	see_factory(v, t, now);
	see_pins(v, t, now);
	ramtoken_moment_free(now);
}

static bool same(const struct view *a, const struct view *b)
{
	return bytes_equal(BYTES(a->data, a->len), BYTES(b->data, b->len));
}

/* ---- the road ---- */

struct step {
	const char *name;
	const char *log_in; /* "user", "so", or nobody; "inside", "inside so": in a session that begins before it */
	const char *pin;
	uint16_t sw;
	void (*command)(struct builder *b, unsigned n);
	unsigned n;
};

static void apdu(struct builder *b, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le)
{
	apdu_encode(b, &(struct apdu){cla, ins, p1, p2, data, le, true, false});
}

static struct bytes two(const char *first, const char *second)
{
	static uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	if (first)
		tlv_put(&b, 0x80, wire_string(first));
	tlv_put(&b, 0x81, wire_string(second));
	return builder_bytes(&b);
}

/* n: 0 without a user PIN, 1 with one, 2 over what is there. */
static void initialize(struct builder *b, unsigned n)
{
	uint8_t raw[128];
	struct builder d = builder_of(raw, sizeof(raw));

	tlv_put(&d, 0x80, wire_string(n == 2 ? "Second life" : "First life"));
	tlv_put(&d, 0x81, wire_string(so_pins[0]));
	if (n == 2)
		tlv_put(&d, 0x82, wire_string(so_pins[1]));
	if (n > 0)
		tlv_put(&d, 0x83, wire_string(user_pins[0]));
	apdu(b, 0x80, 0xE0, 0, 0, builder_bytes(&d), 0);
}

static void set_user_pin(struct builder *b, unsigned n)
{
	apdu(b, 0x00, 0x2C, 2, 0x81, two(NULL, user_pins[n]), 4);
}

static void unlock(struct builder *b, unsigned n)
{
	apdu(b, 0x00, 0x2C, 0, 0x81, two(so_pins[0], user_pins[n]), 4);
}

static void change_user_pin(struct builder *b, unsigned n)
{
	apdu(b, 0x00, 0x24, 0, 0x81, two(user_pins[n], user_pins[n + 1]), 4);
}

static void change_user_pin_badly(struct builder *b, unsigned n)
{
	apdu(b, 0x00, 0x24, 0, 0x81, two(user_pins[n], user_pins[n]), 4);
}

static void change_so_pin(struct builder *b, unsigned n)
{
	(void)n;
	apdu(b, 0x00, 0x24, 0, 0x82, two(so_pins[0], so_pins[1]), 4);
}

static void verify_user(struct builder *b, unsigned n)
{
	apdu(b, 0x00, 0x20, 0, 0x81, wire_string(n < COUNT(user_pins) ? user_pins[n] : "no such PIN"), 4);
}

static void verify_so(struct builder *b, unsigned n)
{
	apdu(b, 0x00, 0x20, 0, 0x82, wire_string(n < COUNT(so_pins) ? so_pins[n] : "no such PIN"), 4);
}

/* n: algorithm and key. */
static void generate(struct builder *b, unsigned n)
{
	uint8_t alg = (uint8_t)(n >> 8), raw[128];
	struct builder d = builder_of(raw, sizeof(raw));
	size_t body = tlv_begin(&d, 0xAC);

	tlv_put(&d, 0x82, wire_string("key pair"));
	tlv_put_u16(&d, 0x83, alg == 0x07 ? 3 : 5);
	tlv_end(&d, body);
	apdu(b, 0x00, 0x47, alg, (uint8_t)n, builder_bytes(&d), APDU_LE_MAX);
}

/* n: algorithm and key. The same key each time, and the same command. */
static void import(struct builder *b, unsigned n)
{
	static uint8_t raw[1024];
	struct builder d = builder_of(raw, sizeof(raw));

	outside_put(&d, outside_key((uint8_t)(n >> 8), 0), BYTES_NONE, BYTES_NONE);
	apdu(b, 0x80, 0xDA, (uint8_t)(n >> 8), (uint8_t)n, builder_bytes(&d), 4);
}

static void put(struct builder *b, uint16_t object, struct bytes body)
{
	static uint8_t raw[20000];
	struct builder d = builder_of(raw, sizeof(raw));

	tlv_put_u16(&d, 0x5C, object);
	tlv_put(&d, 0x53, body);
	apdu(b, 0x00, 0xDB, 0x3F, 0xFF, builder_bytes(&d), 4);
}

/* n: object, and over it the length in hundreds (0: delete). */
static void put_certificate(struct builder *b, unsigned n)
{
	size_t len = 100 * (n >> 16);
	put(b, (uint16_t)n, len ? wire_certificate(len, (uint8_t)(n >> 16)) : BYTES_NONE);
}

static void put_data(struct builder *b, unsigned n)
{
	size_t len = 100 * (n >> 16);
	put(b, (uint16_t)n, len ? wire_data_object(len, n & 1, (uint8_t)n) : BYTES_NONE);
}

static void put_attributes(struct builder *b, unsigned n)
{
	put(b, (uint16_t)n, wire_hex("81 04 DEADBEEF 82 03 6E6577 88 05 6C6162656C"));
}

static void put_name(struct builder *b, unsigned n)
{
	put(b, (uint16_t)n, wire_hex("81 07 72656E616D6564"));
}

static void put_label(struct builder *b, unsigned n)
{
	put(b, (uint16_t)n, wire_hex("83 05 4F74686572"));
}

static void delete (struct builder *b, unsigned n)
{
	apdu(b, 0x80, 0xE4, (uint8_t)(n >> 8), (uint8_t)n, BYTES_NONE, 4);
}

static void factory_reset(struct builder *b, unsigned n)
{
	(void)n;
	apdu(b, 0x80, 0xEE, 0, 0, BYTES_NONE, 4);
}

static void factory_keys(struct builder *b, unsigned n)
{
	(void)n;
	apdu(b, 0x80, 0xF0, 0, 0, BYTES_NONE, APDU_LE_MAX);
}

static const uint8_t unlock_key[16] = "unlocks only me";

static void factory_close(struct builder *b, unsigned n)
{
	static uint8_t raw[4096];
	static const uint8_t chain[2][1000] = {
		{0x30, 0x01},
                {0x30, 0x02}
        };
	struct builder d = builder_of(raw, sizeof(raw));

	(void)n;
	tlv_put(&d, 0xA0, BYTES_OF(chain[0]));
	tlv_put(&d, 0xA1, BYTES_OF(chain[1]));
	tlv_put(&d, 0x82, BYTES_OF(unlock_key));
	tlv_put_u8(&d, 0x83, 7);
	apdu(b, 0x80, 0xF2, 0, 0, builder_bytes(&d), 4);
}

#define CERT(object, hundreds) ((object) | (hundreds) << 16)
#define WRONG                  99

/* clang-format off */
static const struct step road[] = {
	{"initialise, without a user PIN", NULL, NULL, SW_OK, initialize, 0},
	{"first user PIN", "so", "87654321", SW_OK, set_user_pin, 0},
	{"RSA-2048 signature pair", "user", "123456", SW_OK, generate, 0x0700},
	{"P-256 exchange pair", "user", "123456", SW_OK, generate, 0x1101},
	{"P-256 signature pair", "user", "123456", SW_OK, generate, 0x1102},
	{"RSA-2048 exchange pair", "user", "123456", SW_OK, generate, 0x0703},
	{"pair that exists", "user", "123456", SW_EXISTS, generate, 0x0703},
	{"certificate of a key", "user", "123456", SW_OK, put_certificate, CERT(0x0100,11)},
	{"certificate of a key", "user", "123456", SW_OK, put_certificate, CERT(0x0101,                                                  7)},
	{"other certificate", "so", "87654321", SW_OK, put_certificate, CERT(0x0200,9)},
	{"public data", "user", "123456", SW_OK, put_data, CERT(0x0300,																			   5)},
	{"private data", "user", "123456", SW_OK, put_data, CERT(0x0301,3)},
	{"key attributes", "user", "123456", SW_OK, put_attributes, 0x0400},
	{"container name", "user", "123456", SW_OK, put_name, 0x0601},
	{"label", "so", "87654321", SW_OK, put_label, 0x0700},
	{"certificate, replaced", "user", "123456", SW_OK, put_certificate, CERT(0x0100,80)},
	{"certificate, replaced", "user", "123456", SW_OK, put_certificate, CERT(0x0100,																																																																																																																																																																																																																																																																					85)},
	{"certificate, replaced", "user", "123456", SW_OK, put_certificate, CERT(0x0100,82)},
	{"certificate, replaced", "user", "123456", SW_OK, put_certificate, CERT(0x0100, 130)},
	{"certificate, replaced", "user", "123456", SW_OK, put_certificate, CERT(0x0100, 125)},
	{"certificate, replaced", "user", "123456", SW_OK, put_certificate, CERT(0x0100, 131)},
	{"data, replaced", "user", "123456", SW_OK, put_data, CERT(0x0300,																																																																																																																																																																																																																																																			60)},
	{"data, no space", "user", "123456", SW_FULL, put_data, CERT(0x0302,160)},
	{"data, replaced", "user", "123456", SW_OK, put_data, CERT(0x0300,70)},
	{"right PIN", NULL, NULL, SW_OK, verify_user, 0},
	{"wrong PIN", NULL, NULL, 0x63C5, verify_user, WRONG},
	{"wrong PIN", NULL, NULL, 0x63C4, verify_user, WRONG},
	{"right PIN after wrong ones", NULL, NULL, SW_OK, verify_user, 0},
	{"wrong PIN", NULL, NULL, 0x63C5, verify_user, WRONG},
	{"wrong PIN", NULL, NULL, 0x63C4, verify_user, WRONG},
	{"wrong PIN", NULL, NULL, 0x63C3, verify_user, WRONG},
	{"wrong PIN", NULL, NULL, 0x63C2, verify_user, WRONG},
	{"wrong PIN", NULL, NULL, 0x63C1, verify_user, WRONG},
	{"last wrong PIN", NULL, NULL, 0x63C0, verify_user, WRONG},
	{"blocked", NULL, NULL, SW_PIN_BLOCKED, verify_user, 0},
	{"unlock", NULL, NULL, SW_OK, unlock, 0},
	{"change of the user PIN", NULL, NULL, SW_OK, change_user_pin, 0},
	{"change of the user PIN", NULL, NULL, SW_OK, change_user_pin, 1},
	{"change with the wrong PIN", NULL, NULL, 0x63C5, change_user_pin, 0},
	{"change to the same PIN", NULL, NULL, SW_WRONG_DATA, change_user_pin_badly, 2},
	{"change of the SO PIN", NULL, NULL, SW_OK, change_so_pin, 0},
	{"certificate, replaced", "user", "geheim-\xC3\xBC", SW_OK, put_certificate, CERT(0x0100, 128)},
	{"certificate, replaced", "user", "geheim-\xC3\xBC", SW_OK, put_certificate, CERT(0x0100, 129)},
	{"deleted certificate", "user", "geheim-\xC3\xBC", SW_OK, put_certificate, CERT(0x0101,																																																																																																																																																																																																																																																																																																																					 0)},
	{"deleted data", "user", "geheim-\xC3\xBC", SW_OK, put_data, CERT(0x0301,																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																																				0)},
	{"deleted pair", "user", "geheim-\xC3\xBC", SW_OK, delete, 0x0000},
	{"deleted last pair of a container", "user", "geheim-\xC3\xBC", SW_OK, delete, 0x0001},
	{"deleted container", "user", "geheim-\xC3\xBC", SW_OK, delete, 0x0101},
	{"pair again", "user", "geheim-\xC3\xBC", SW_OK, generate, 0x1104},
	{"P-256 pair from outside", "user", "geheim-\xC3\xBC", SW_OK, import, 0x1105},
	{"pair from outside that exists", "user", "geheim-\xC3\xBC", SW_EXISTS, import, 0x1105},
	{"signature pair from outside", "user", "geheim-\xC3\xBC", SW_CONDITIONS, import, 0x1102},
	{"initialise again", NULL, NULL, SW_OK, initialize, 2},
	{"pair of the second life", "user", "123456", SW_OK, generate, 0x1100},
	{"wrong SO PIN", NULL, NULL, 0x63C9, verify_so, WRONG},
	{"right SO PIN", NULL, NULL, SW_OK, verify_so, 0},
	{"factory reset by the SO", "so", "87654321", SW_OK, factory_reset, 0},
	{"initialise, with a user PIN", NULL, NULL, SW_OK, initialize, 1},
	{"pair of the third life", "user", "123456", SW_OK, generate, 0x1100},
	{"wrong SO PIN", NULL, NULL, 0x63C9, verify_so, WRONG},
	{"wrong SO PIN", NULL, NULL, 0x63C8, verify_so, WRONG},
	{"wrong SO PIN", NULL, NULL, 0x63C7, verify_so, WRONG},
	{"wrong SO PIN", NULL, NULL, 0x63C6, verify_so, WRONG},
	{"wrong SO PIN", NULL, NULL, 0x63C5, verify_so, WRONG},
	{"wrong SO PIN", NULL, NULL, 0x63C4, verify_so, WRONG},
	{"wrong SO PIN", NULL, NULL, 0x63C3, verify_so, WRONG},
	{"wrong SO PIN", NULL, NULL, 0x63C2, verify_so, WRONG},
	{"wrong SO PIN", NULL, NULL, 0x63C1, verify_so, WRONG},
	{"last wrong SO PIN", NULL, NULL, 0x63C0, verify_so, WRONG},
	{"factory reset of a lost token", NULL, NULL, SW_OK, factory_reset, 0},
};

static const struct step factory_road[] = {
	{"keys of the factory", NULL, NULL, SW_OK, factory_keys, 0},
	{"other keys", NULL, NULL, SW_OK, factory_keys, 0},
	{"the factory closes", NULL, NULL, SW_OK, factory_close, 0},
	{"keys of a closed factory", NULL, NULL, SW_CONDITIONS, factory_keys, 0},
	{"first PINs in clear", NULL, NULL, SW_SECURITY_STATUS, initialize, 1},
	{"first PINs, inside", "inside", NULL, SW_OK, initialize, 1},
	{"PIN in clear", NULL, NULL, SW_SECURITY_STATUS, verify_user, 0},
	{"right PIN, inside", "inside", NULL, SW_OK, verify_user, 0},
	{"wrong PIN, inside", "inside", NULL, 0x63C5, verify_user, WRONG},
	{"right PIN, inside", "inside", NULL, SW_OK, verify_user, 0},
	{"PIN changed, inside", "inside", NULL, SW_OK, change_user_pin, 0},
	{"PIN set by the SO's PIN, inside", "inside", NULL, SW_OK, unlock, 2},
	{"SO PIN changed, inside", "inside", NULL, SW_OK, change_so_pin, 0},
	{"initialise again, inside", "inside", NULL, SW_OK, initialize, 2},
	{"factory reset by the SO, inside", "inside so", "87654321", SW_OK, factory_reset, 0},
	{"first PINs of the second life", "inside", NULL, SW_OK, initialize, 1},
};
/* clang-format on */

/* ---- cutting ---- */

static struct {
	unsigned long points, second_points, moves, failures;
	bool kept, done; /* both outcomes occurred */
} seen;

static void check(const char *name, unsigned long k, int mode, const struct view *before, const struct view *after,
	const struct view *now)
{
	bool is_before = same(now, before), is_after = same(now, after);

	if (!is_before && !is_after)
		fail_msg("%s, cut at %lu, mode %d: neither the state before nor the state after", name, k, mode);
	for (int i = 0; i < 2; i++) {
		uint8_t most = before->tries[i];
		if (is_after && after->tries[i] > most)
			most = after->tries[i];
		if (now->tries[i] > most)
			fail_msg("%s, cut at %lu, mode %d: %d tries of PIN %d, there were %d", name, k, mode,
				now->tries[i], i, before->tries[i]);
		if (now->tries[i] + 1 < before->tries[i] && now->tries[i] < after->tries[i])
			fail_msg("%s, cut at %lu, mode %d: tries of PIN %d lost", name, k, mode, i);
	}
	if (!same(before, after)) {
		seen.kept = seen.kept || is_before;
		seen.done = seen.done || is_after;
	}
}

/* Power again, and cut again in the first command after: it may finish or not, and changes nothing that is seen. */
static void cut_twice(struct ramtoken *t, const char *name, const struct view *first, int mode)
{
	struct ramtoken_moment *on;
	static struct view now;
	uint8_t raw[64];
	struct builder b = builder_of(raw, sizeof(raw));

	if (first->life == 0x01 || first->tries[1] < 2)
		return;
	verify_so(&b, WRONG);
	ramtoken_power_cycle(t);
	on = ramtoken_moment_take(t);
	for (unsigned long k = 1;; k++) {
		ramtoken_moment_return(on, t);
		t->hal.cut_at = k;
		t->hal.torn = (enum ramhal_torn)((mode + k) % RAMHAL_TORN_MODES);
		if (ramtoken_transceive(t, builder_bytes(&b)).len > 0)
			break;
		look(&now, t);
		if (!same(&now, first))
			fail_msg("%s, cut in the next command too, at %lu: the state changed", name, k);
		assert_in_range(now.tries[1], first->tries[1] - 1, first->tries[1]);
		assert_int_equal(now.tries[0], first->tries[0]);
		seen.second_points++;
	}
	ramtoken_moment_return(on, t);
	ramtoken_moment_free(on);
}

static void cut_everywhere(struct ramtoken *t, const struct step *s, struct bytes command,
	const struct ramtoken_moment *start, const struct view *before, const struct view *after)
{
	static struct view now;

	for (int mode = 0; mode < RAMHAL_TORN_MODES; mode++) {
		for (unsigned long k = 1;; k++) {
			ramtoken_moment_return(start, t);
			t->hal.cut_at = k;
			t->hal.torn = (enum ramhal_torn)mode;
			if (ramtoken_transceive(t, command).len > 0)
				break;
			look(&now, t);
			check(s->name, k, mode, before, after, &now);
			if (++seen.points % 61 == 0)
				cut_twice(t, s->name, &now, mode);
		}
	}
}

/* The same with a flash that fails once: 6581 and the state before, or done; the token goes on without a power cycle.
 */
static void fail_everywhere(struct ramtoken *t, const struct step *s, struct bytes command,
	const struct ramtoken_moment *start, const struct view *before, const struct view *after)
{
	static struct view now;
	struct rapdu r;

	for (unsigned long k = 1;; k++) {
		ramtoken_moment_return(start, t);
		t->hal.fail_at = k;
		assert_true(rapdu_parse(ramtoken_transceive(t, command), &r));
		if (t->hal.fail_at > 0)
			break;
		if (r.sw != SW_MEMORY_FAILURE && r.sw != s->sw)
			fail_msg("%s, failure at %lu: %04X", s->name, k, r.sw);
		if (before->life != 0x01 && after->life != 0x01)
			(void)wire_any(t, 0, 0x20, 0, 0x82, wire_string("no such PIN"), 0, NULL);
		look(&now, t);
		if (!same(&now, before) && !same(&now, after))
			fail_msg("%s, failure at %lu: neither the state before nor the state after", s->name, k);
		if (r.sw == s->sw && !same(&now, after))
			fail_msg("%s, failure at %lu: %04X, but it is not done", s->name, k, r.sw);
		if (r.sw == SW_MEMORY_FAILURE && s->command != verify_user && s->command != verify_so &&
			!same(&now, before))
			fail_msg("%s, failure at %lu: 6581, but it is done", s->name, k);
		seen.failures++;
	}
	t->hal.fail_at = 0;
}

/* Open a session, log in inside it, and wrap the step's command. */
static void go_inside(struct ramtoken *t, const struct step *s, struct builder *b)
{
	struct scp_session session;
	struct apdu a;

	personal_open(t, 0, t->device_point, &session);
	if (s->pin) {
		a = (struct apdu){.ins = 0x20, .p2 = 0x82, .data = wire_string(s->pin)};
		assert_int_equal(personal_send(t, 0, &session, &a, NULL), SW_OK);
	}
	assert_true(apdu_parse(builder_bytes(b), &a));
	struct bytes wrapped = personal_wrap(0, &session, &a);
	b->len = 0;
	builder_put(b, wrapped);
	assert_false(b->failed);
}

static void walk(struct ramtoken *t, const struct step *s)
{
	struct ramtoken_moment *start, *end;
	static struct view before, after;
	static uint8_t raw[24000];
	struct builder b = builder_of(raw, sizeof(raw));

	s->command(&b, s->n);
	assert_false(b.failed);
	ramtoken_power_cycle(t);
	if (s->log_in && strstr(s->log_in, "inside"))
		go_inside(t, s, &b);
	else if (s->log_in)
		wire_verify(t, strcmp(s->log_in, "so") == 0 ? 0x82 : 0x81, s->pin, SW_OK);
	start = ramtoken_moment_take(t);
	look(&before, t);
	ramtoken_moment_return(start, t);
	unsigned long erases = t->hal.erases;
	struct bytes answer = wire_send(t, builder_bytes(&b), s->sw);
	if (s->command == factory_keys && s->sw == SW_OK)
		bytes_copy(t->device_point, BYTES(answer.data + 2, sizeof(t->device_point)));
	end = ramtoken_moment_take(t);
	if (t->hal.erases > erases && s->command != initialize && s->command != factory_reset)
		seen.moves++;
	look(&after, t);
	/* A command that failed leaves the state; one that succeeds in this road changes it, but for counters. */
	if (s->sw != SW_OK && s->sw != 0x63C0)
		assert_true(same(&before, &after));
	cut_everywhere(t, s, builder_bytes(&b), start, &before, &after);
	fail_everywhere(t, s, builder_bytes(&b), start, &before, &after);
	ramtoken_moment_return(end, t);
	ramtoken_moment_free(start);
	ramtoken_moment_free(end);
}

static void the_road_survives_a_power_cut_anywhere(void **state)
{
	const struct ramtoken_options small = {.flash_size = FLASH, .sector = SECTOR};
	struct ramtoken *t = ramtoken_new(&small);

	(void)state;
	for (size_t i = 0; i < COUNT(road); i++)
		walk(t, &road[i]);
	print_message("power cut at %lu points of %zu commands, and again at %lu points of the command after;"
		      " %lu commands changed banks\n",
		seen.points, COUNT(road), seen.second_points, seen.moves);
	print_message("failure of the flash at %lu points\n", seen.failures);
	assert_in_range(seen.points, 500, 1000000);
	assert_in_range(seen.failures, 200, 1000000);
	assert_in_range(seen.second_points, 100, 1000000);
	assert_in_range(seen.moves, 3, 1000);
	assert_true(seen.kept && seen.done);
	ramtoken_free(t);
}

static void what_the_factory_gave_survives_it_too(void **state)
{
	const struct ramtoken_options small = {.flash_size = FLASH, .sector = SECTOR};
	struct ramtoken *t = ramtoken_new(&small);
	unsigned long before = seen.points;

	(void)state;
	for (size_t i = 0; i < COUNT(factory_road); i++)
		walk(t, &factory_road[i]);
	print_message("power cut at %lu points of %zu commands of the factory and inside the channel\n",
		seen.points - before, COUNT(factory_road));
	assert_in_range(seen.points - before, 100, 1000000);
	assert_int_equal(wire_info(t, 0x91).data[0], 0x07);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_road_survives_a_power_cut_anywhere),
		cmocka_unit_test(what_the_factory_gave_survives_it_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
