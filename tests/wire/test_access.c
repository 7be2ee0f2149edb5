/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command in every security state and life cycle (protocol 1.3, 1.4, 1.5 and the tables of 2 and 4), every P1 P2
 * and every class byte. The table here is written from the document, not from the core's own.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware-emu/core/state.h"
#include "tests/wire/personal.h"
#include "tests/wire/wire.h"

/* blank; initialised: nobody, SO; operational: nobody, user, user no longer fresh, SO; terminated. */
enum state { B, I_, IS, O_, OU, OV, OS, T, STATES };

static const char *const state_names[STATES] = {"blank", "initialised", "initialised, SO", "operational",
	"operational, user", "operational, user not fresh", "operational, SO", "terminated"};

#define NEW_PIN "81 06 363636363636"
#define SO      "80 08 3837363534333231"
#define SETUP   "80 01 41 81 08 3837363534333231"
#define P256    "7C 08 82 00 81 04 01020304"

/* d = 1, so that the public half is the curve's generator. */
#define IMPORT                                                                                                         \
	"AC6B 83020004 8743 864104 6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"                   \
	"4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"                                             \
	"8820 0000000000000000000000000000000000000000000000000000000000000001"

/* clang-format off */
static const struct row {
	const char *name, *apdu;
	uint16_t sw[STATES];
} rows[] = {
	/*						   B       I       I+SO    O       O+user  O+stale O+SO    T */
	{"SELECT", SELECT_UKEY,				{0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000}},
	{"SELECT another", "00A4040005A000000003",	{0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82}},
	{"MANAGE CHANNEL open", "0070000001",		{0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"MANAGE CHANNEL close", "00708001",		{0x6881, 0x6881, 0x6881, 0x6881, 0x6881, 0x6881, 0x6881, 0x6985}},
	{"GET RESPONSE", "00C0000000",			{0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985}},
	{"GET CHALLENGE", "0084000008",			{0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"GET DATA information", "00CB3FFF045C02000100",	{0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000}},
	{"GET DATA directory", "00CB3FFF0000045C0200020000",	{0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"GET DATA key's certificate", "00CB3FFF045C02010000",	{0x6A82, 0x6A82, 0x6A82, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"GET DATA certificate", "00CB3FFF045C02020000",	{0x6A82, 0x6A82, 0x6A82, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"GET DATA public data", "00CB3FFF045C02030000",	{0x6A82, 0x6A82, 0x6A82, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"GET DATA private data", "00CB3FFF045C02030100",	{0x6A82, 0x6A82, 0x6A82, 0x6982, 0x9000, 0x9000, 0x6982, 0x6985}},
	{"GET DATA no data", "00CB3FFF045C02030200",	{0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6985}},
	{"GET DATA key attributes", "00CB3FFF045C02040000",	{0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6985}},
	{"GET DATA container", "00CB3FFF045C02060000",	{0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6985}},
	{"GET DATA label", "00CB3FFF045C02070000",	{0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6985}},
	{"GET DATA unknown", "00CB3FFF045C02080000",	{0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82}},
	{"PUT DATA information", "00DB3FFF065C020001 5300",	{0x6985, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6985}},
	{"PUT DATA key's certificate", "00DB3FFF095C020100 5303 700141", {0x6985, 0x6982, 0x6A88, 0x6982, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"PUT DATA certificate", "00DB3FFF095C020201 5303 700141", {0x6985, 0x6982, 0x9000, 0x6982, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"PUT DATA certificate gone", "00DB3FFF065C020200 5300", {0x6985, 0x6982, 0x6A82, 0x6982, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"PUT DATA data", "00DB3FFF0B5C020304 5305 840100 8500", {0x6985, 0x6982, 0x6982, 0x6982, 0x9000, 0x9000, 0x6982, 0x6985}},
	{"PUT DATA data gone", "00DB3FFF065C020301 5300",	{0x6985, 0x6982, 0x6982, 0x6982, 0x9000, 0x9000, 0x6982, 0x6985}},
	{"PUT DATA key attributes", "00DB3FFF095C020400 5303 820141", {0x6985, 0x6982, 0x6982, 0x6982, 0x9000, 0x9000, 0x6982, 0x6985}},
	{"PUT DATA container", "00DB3FFF095C020600 5303 810141", {0x6985, 0x6982, 0x6982, 0x6982, 0x9000, 0x9000, 0x6982, 0x6985}},
	{"PUT DATA label", "00DB3FFF095C020700 5303 830141",	{0x6985, 0x6982, 0x9000, 0x6982, 0x6982, 0x6982, 0x9000, 0x6985}},
	{"VERIFY user", "0020008106313233343536",		{0x6985, 0x6A88, 0x6A88, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"VERIFY user, wrong", "0020008106363636363636",	{0x6985, 0x6A88, 0x6A88, 0x63C5, 0x63C5, 0x63C5, 0x63C5, 0x6985}},
	{"VERIFY SO", "00200082083837363534333231",	{0x6985, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"VERIFY user?", "00200081",			{0x6985, 0x6A88, 0x6A88, 0x63C6, 0x9000, 0x9000, 0x63C6, 0x6985}},
	{"VERIFY SO?", "00200082",			{0x6985, 0x63CA, 0x9000, 0x63CA, 0x63CA, 0x63CA, 0x9000, 0x6985}},
	{"log out user", "0020FF81",			{0x6985, 0x6A88, 0x6A88, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"log out SO", "0020FF82",			{0x6985, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"CHANGE user PIN", "0024008110 8006313233343536" NEW_PIN, {0x6985, 0x6A88, 0x6A88, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"CHANGE SO PIN", "0024008212" SO NEW_PIN,		{0x6985, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"RESET RETRY COUNTER", "002C008112" SO NEW_PIN,	{0x6985, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"RESET RETRY COUNTER by SO", "002C028108" NEW_PIN,	{0x6985, 0x6982, 0x9000, 0x6982, 0x6982, 0x6982, 0x9000, 0x6985}},
	{"RESET RETRY COUNTER by the desk", "002C018117 8209 000000000000000000" "810A 36363636363636363636", {0x6985, 0x6985, 0x6985, 0x6A88, 0x6A88, 0x6A88, 0x6A88, 0x6985}},
	{"UNLOCK CHALLENGE", "8084008300",		{0x6985, 0x6985, 0x6985, 0x6A88, 0x6A88, 0x6A88, 0x6A88, 0x6985}},
	{"UNLOCK PROOF", "8084018300",			{0x6985, 0x6985, 0x6985, 0x6A88, 0x6A88, 0x6A88, 0x6A88, 0x6985}},
	{"ATTEST, no attestation key", "80CC00000A 8008 0102030405060708", {0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985}},
	{"ATTEST, nonce too short", "80CC000009 8007 01020304050607", {0x6985, 0x6985, 0x6985, 0x6A80, 0x6A80, 0x6A80, 0x6A80, 0x6985}},
	{"GENERATE", "0047110406 AC04 83020001 00",		{0x6985, 0x6985, 0x6985, 0x6982, 0x9000, 0x9000, 0x6982, 0x6985}},
	{"GENERATE, exists", "0047110006 AC04 83020001 00",	{0x6985, 0x6985, 0x6985, 0x6982, 0x6A89, 0x6A89, 0x6982, 0x6985}},
	{"IMPORT", "80DA11036D" IMPORT,			{0x6985, 0x6985, 0x6985, 0x6982, 0x9000, 0x9000, 0x6982, 0x6985}},
	{"IMPORT, exists", "80DA11016D" IMPORT,		{0x6985, 0x6985, 0x6985, 0x6982, 0x6A89, 0x6A89, 0x6982, 0x6985}},
	{"IMPORT, signature pair", "80DA11026D" IMPORT,	{0x6985, 0x6985, 0x6985, 0x6982, 0x6985, 0x6985, 0x6982, 0x6985}},
	{"sign, PIN once", "008711000A" P256 "00",		{0x6985, 0x6985, 0x6985, 0x6982, 0x9000, 0x9000, 0x6982, 0x6985}},
	{"sign, PIN always", "008711010A" P256 "00",		{0x6985, 0x6985, 0x6985, 0x6982, 0x9000, 0x6982, 0x6982, 0x6985}},
	{"sign, no key", "008711020A" P256 "00",		{0x6985, 0x6985, 0x6985, 0x6982, 0x6A88, 0x6A88, 0x6982, 0x6985}},
	{"INITIALIZE", "80E0000017" SETUP "82 08 3837363534333231", {0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"INITIALIZE, first", "80E000000D" SETUP,		{0x9000, 0x6A80, 0x6A80, 0x6A80, 0x6A80, 0x6A80, 0x6A80, 0x6985}},
	{"DELETE key", "80E40000",			{0x6985, 0x6985, 0x6985, 0x6982, 0x9000, 0x9000, 0x6982, 0x6985}},
	{"DELETE container", "80E40100",			{0x6985, 0x6985, 0x6985, 0x6982, 0x9000, 0x9000, 0x6982, 0x6985}},
	{"DELETE nothing", "80E4011F",			{0x6985, 0x6985, 0x6985, 0x6982, 0x6A88, 0x6A88, 0x6982, 0x6985}},
	{"FACTORY RESET", "80EE0000",			{0x6985, 0x6982, 0x9000, 0x6982, 0x6982, 0x6982, 0x9000, 0x6985}},
	{"GET DATA device certificates", "00CB3FFF045C02000300", {0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6985}},
	{"GET DATA attestation certificates", "00CB3FFF045C02000400", {0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6985}},
	{"PUT DATA device certificates", "00DB3FFF065C020003 5300", {0x6985, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6985}},
	{"PUT DATA attestation certificates", "00DB3FFF065C020004 5300", {0x6985, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6A82, 0x6985}},
	{"INTERNAL AUTHENTICATE", "8088011301 0000",	{0x6A88, 0x6A88, 0x6A88, 0x6A88, 0x6A88, 0x6A88, 0x6A88, 0x6985}},
	{"FACTORY KEYS", "80F0000000",			{0x9000, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985}},
	{"FACTORY CLOSE", "80F2000006 A00130 A10130",	{0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985}},
	{"unknown", "00FE0000",				{0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00}},
	{"SELECT, proprietary class", "80A4040005F04F70656E",	{0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00}},
	{"DELETE, interindustry class", "00E40000",		{0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00, 0x6D00}},
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What is otherwise on a token from the factory. */
/* clang-format off */
static const struct row made[] = {
	/*						   B       I       I+SO    O       O+user  O+stale O+SO    T */
	{"RESET RETRY COUNTER by the desk", NULL,	{0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985}},
	{"UNLOCK CHALLENGE", NULL,			{0x6985, 0x6985, 0x6985, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"UNLOCK PROOF", NULL,				{0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985}},
	{"ATTEST, no attestation key", NULL,		{0x6985, 0x6985, 0x6985, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"GET DATA device certificates", NULL,		{0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"GET DATA attestation certificates", NULL,	{0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x9000, 0x6985}},
	{"INTERNAL AUTHENTICATE", NULL,			{0x6A80, 0x6A80, 0x6A80, 0x6A80, 0x6A80, 0x6A80, 0x6A80, 0x6985}},
	{"FACTORY KEYS", NULL,				{0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985, 0x6985}},
};
/* clang-format on */

static uint16_t made_status(const struct row *row, enum state s)
{
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		if (strcmp(made[i].name, row->name) == 0)
			return made[i].sw[s];
	return row->sw[s];
}

/* Protocol 1.3, gate 5; 6.3. */
static bool carries_pin(const struct apdu *a)
{
	return (a->cla == 0x00 && ((a->ins == 0x20 && a->data.len > 0) || a->ins == 0x24 || a->ins == 0x2C)) ||
	       (a->cla == 0x80 && a->ins == 0xE0);
}

/* 4.12: inside a session only, wherever the token has a device key. */
static bool carries_key(const struct apdu *a)
{
	return a->cla == 0x80 && a->ins == 0xDA;
}

static bool never_protected(const struct apdu *a)
{
	return a->cla == 0x80 ? a->ins == 0x88 : a->ins == 0xA4 || a->ins == 0x70 || a->ins == 0xC0;
}

/* Key 0: PIN once; key 1: PIN always; a certificate each of a key and of others, public and private data. */
static void furnish(struct ramtoken *t)
{
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	wire(t, "0047110006 AC04 83020001 00", SW_OK);
	wire(t, "0047110109 AC07 83020001 850101 00", SW_OK);
	wire_put(t, 0x0100, wire_certificate(100, 1), SW_OK);
	wire_put(t, 0x0200, wire_certificate(100, 2), SW_OK);
	wire_put(t, 0x0300, wire_data_object(20, 0, 3), SW_OK);
	wire_put(t, 0x0301, wire_data_object(20, 1, 4), SW_OK);
}

enum kind {
	PLAIN,
	MADE, /* from the factory, INITIALIZE allowed PINs in clear */
	SHUT, /* the same, but it did not */
	KINDS,
};

static struct images {
	uint8_t *blank, *initialised, *operational;
} images[KINDS];

static uint8_t device_point[65];

/* The policy's flag as INITIALIZE would have left it. */
static uint8_t *shut(struct ramtoken *t, const uint8_t *image)
{
	uint8_t raw[64];
	size_t len;

	ramtoken_restore(t, image);
	len = fw_object_len(t->fw, FW_OBJECT_TOKEN);
	assert_true(fw_object_read(t->fw, FW_OBJECT_TOKEN, 0, raw, len));
	raw[4] = FW_POLICY_CHANNEL;
	const struct fw_change change = {.object = FW_OBJECT_TOKEN, .part = {BYTES(raw, len)}};
	assert_int_equal(fw_journal_commit(t->fw, &change, 1), FW_JOURNAL_OK);
	return ramtoken_snapshot(t);
}

static int make_images(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	struct images *plain = &images[PLAIN], *open = &images[MADE], *closed = &images[SHUT];
	struct personal p;

	(void)state;
	plain->blank = ramtoken_snapshot(t);
	wire(t, "80E000000D" SETUP, SW_OK);
	plain->initialised = ramtoken_snapshot(t);
	ramtoken_restore(t, plain->blank);
	wire_initialize(t);
	furnish(t);
	plain->operational = ramtoken_snapshot(t);

	ramtoken_restore(t, plain->blank);
	personal_make(t, NULL, &p);
	bytes_copy(device_point, BYTES_OF(p.device_point));
	open->blank = ramtoken_snapshot(t);
	assert_int_equal(personal_initialize(t, wire_hex(SETUP "8A 05 0620000000")), SW_OK);
	open->initialised = ramtoken_snapshot(t);
	ramtoken_restore(t, open->blank);
	assert_int_equal(personal_initialize(t, wire_hex(SETUP "83 06 313233343536 8A 05 0620000000")), SW_OK);
	furnish(t);
	open->operational = ramtoken_snapshot(t);

	ramtoken_restore(t, open->blank);
	closed->blank = ramtoken_snapshot(t);
	closed->initialised = shut(t, open->initialised);
	closed->operational = shut(t, open->operational);
	ramtoken_free(t);
	return 0;
}

static int free_images(void **state)
{
	(void)state;
	for (enum kind k = PLAIN; k < KINDS; k++) {
		free(images[k].blank);
		free(images[k].initialised);
		free(images[k].operational);
	}
	return 0;
}

static void restore(struct ramtoken *t, enum kind k, enum state s)
{
	t->hal.fail_reads = s == T;
	ramtoken_restore(t, s == B ? images[k].blank : s <= IS ? images[k].initialised : images[k].operational);
	t->hal.fail_reads = false;
}

static void bring_to(struct ramtoken *t, enum state s)
{
	restore(t, PLAIN, s);
	if (s == IS || s == OS)
		wire_verify(t, 0x82, SO_PIN, SW_OK);
	if (s == OU || s == OV)
		wire_verify(t, 0x81, USER_PIN, SW_OK);
	if (s == OV)
		wire(t, "008711010A" P256 "00", SW_OK);
}

static uint16_t send_inside(struct ramtoken *t, struct scp_session *session, struct bytes command)
{
	struct apdu a;

	assert_true(apdu_parse(command, &a));
	return personal_send(t, 0, session, &a, NULL);
}

/* The same inside a session, on a token that takes PINs nowhere else. */
static void bring_inside(struct ramtoken *t, enum state s, struct scp_session *session)
{
	restore(t, SHUT, s);
	personal_open(t, 0, device_point, session);
	if (s == IS || s == OS)
		assert_int_equal(send_inside(t, session, wire_hex("00200082083837363534333231")), SW_OK);
	if (s == OU || s == OV)
		assert_int_equal(send_inside(t, session, wire_hex("0020008106313233343536")), SW_OK);
	if (s == OV)
		assert_int_equal(send_inside(t, session, wire_hex("008711010A" P256 "00")), SW_OK);
}

static unsigned compare(const struct row *row, enum state s, uint16_t sw, uint16_t expected)
{
	if ((sw & 0xFF00) == SW_BYTES_REMAIN)
		sw = SW_OK;
	if (sw == expected)
		return 0;
	print_error("%s, %s: %04X instead of %04X\n", row->name, state_names[s], sw, expected);
	return 1;
}

static uint16_t status_of(struct ramtoken *t, struct bytes command)
{
	struct rapdu r;

	assert_true(rapdu_parse(ramtoken_transceive(t, command), &r));
	return r.sw;
}

/* What may be said inside a session is the same as outside: the channel gives no right. */
static void every_command_in_every_state_inside_a_session(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	struct scp_session session;
	unsigned wrong = 0;
	struct apdu a;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		for (enum state s = B; s < T; s++) {
			bring_inside(t, s, &session);
			assert_true(apdu_parse(wire_hex(rows[i].apdu), &a));
			uint16_t expected = never_protected(&a) ? SW_SM_NOT_SUPPORTED : made_status(&rows[i], s);
			wrong += compare(&rows[i], s, send_inside(t, &session, wire_hex(rows[i].apdu)), expected);
		}
	}
	assert_int_equal(wrong, 0);
	ramtoken_free(t);
}

/* Outside one: nothing that carries a PIN, and the rest as ever. */
static void every_command_in_clear_where_pins_are_not(void **state)
{
	static const enum state without[] = {B, I_, O_, T};
	struct ramtoken *t = ramtoken_new(NULL);
	unsigned wrong = 0, refused = 0;
	struct apdu a;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		for (size_t n = 0; n < 4; n++) {
			enum state s = without[n];
			restore(t, SHUT, s);
			assert_true(apdu_parse(wire_hex(rows[i].apdu), &a));
			uint16_t expected = made_status(&rows[i], s);
			if (carries_pin(&a) && rows[i].sw[s] != SW_CONDITIONS) { /* the life cycle comes first */
				expected = SW_SECURITY_STATUS;
				refused++;
			}
			wrong += compare(&rows[i], s, status_of(t, wire_hex(rows[i].apdu)), expected);
		}
	}
	assert_int_equal(wrong, 0);
	assert_in_range(refused, 15, 1000);
	ramtoken_free(t);
}

/* And where PINs may travel in clear, a private key may not: whoever is logged in. */
static void a_private_key_in_clear(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	unsigned wrong = 0, tried = 0;
	struct apdu a;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		assert_true(apdu_parse(wire_hex(rows[i].apdu), &a));
		if (!carries_key(&a))
			continue;
		for (enum state s = B; s < STATES; s++) {
			restore(t, MADE, s);
			if (s == OU)
				wire_verify(t, 0x81, USER_PIN, SW_OK);
			bool early = rows[i].sw[s] == SW_CONDITIONS && s < O_;
			uint16_t expected = early || s == T ? SW_CONDITIONS : SW_SECURITY_STATUS;
			wrong += compare(&rows[i], s, status_of(t, wire_hex(rows[i].apdu)), expected);
			tried++;
		}
	}
	assert_int_equal(wrong, 0);
	assert_int_equal(tried, 3 * STATES);
	ramtoken_free(t);
}

static void every_command_in_every_state(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		for (enum state s = B; s < STATES; s++) {
			bring_to(t, s);
			wrong += compare(&rows[i], s, status_of(t, wire_hex(rows[i].apdu)), rows[i].sw[s]);
		}
	}
	assert_int_equal(wrong, 0);
	ramtoken_free(t);
}

static void a_blocked_so_pin_opens_the_factory_reset(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	bring_to(t, O_);
	for (uint16_t left = 10; left > 0; left--)
		wire_verify(t, 0x82, "wrong PIN", (uint16_t)(SW_TRIES_LEFT | (left - 1)));
	wire_verify(t, 0x82, SO_PIN, SW_PIN_BLOCKED);
	wire(t, "80EE0000", SW_OK);
	assert_int_equal(wire_info(t, 0x84).data[0], 0x01);
	ramtoken_free(t);
}

/* ---- P1 P2 ---- */

static const struct parameters {
	uint8_t cla, ins;
	const char *listed; /* P1 P2 from P2 to; "**": any algorithm, as 8 hexadecimal digits "p1 from to" */
} parameters[] = {
	{0x00, 0xA4, "040000"				   },
	{0x00, 0x70, "000013 800113"                            },
	{0x00, 0xC0, "000000"				   },
	{0x00, 0x84, "000000"				   },
	{0x00, 0xCB, "3FFFFF"				   },
	{0x00, 0xDB, "3FFFFF"				   },
	{0x00, 0x20, "008182 FF8182"                            },
	{0x00, 0x24, "008182"				   },
	{0x00, 0x2C, "008181 018181 028181"                     },
	{0x00, 0x47, "0700FF 0500FF 1600FF 1100FF 1400FF 1500FF"},
	{0x00, 0x87, "0700FF 0500FF 1600FF 1100FF 1400FF 1500FF"},
	{0x80, 0x84, "008383 018383"                            },
	{0x80, 0xCC, "0000FF"				   },
	{0x80, 0xE0, "000000"				   },
	{0x80, 0xE4, "0000FF 0100FF"                            },
	{0x80, 0xEE, "000000"				   },
	{0x80, 0x88, "011313"				   },
	{0x80, 0xF0, "000000"				   },
	{0x80, 0xF2, "000000"				   },
};

static bool listed(const struct parameters *p, uint8_t p1, uint8_t p2)
{
	struct cursor c = cursor_of(wire_hex(p->listed));

	while (c.left > 0) {
		uint8_t one = cursor_u8(&c), from = cursor_u8(&c), to = cursor_u8(&c);
		if (p1 == one && p2 >= from && p2 <= to)
			return true;
	}
	return false;
}

static void every_p1_p2(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		const struct parameters *p = &parameters[i];
		bool known[256][256];
		for (unsigned p1 = 0; p1 < 256; p1++)
			for (unsigned p2 = 0; p2 < 256; p2++)
				known[p1][p2] = false;
		for (unsigned n = 0; n < 0x10000; n++)
			known[n >> 8][n & 0xFF] = listed(p, (uint8_t)(n >> 8), (uint8_t)n);
		for (unsigned n = 0; n < 0x10000; n++) {
			const uint8_t apdu[] = {p->cla, p->ins, (uint8_t)(n >> 8), (uint8_t)n};
			struct rapdu r;
			assert_true(rapdu_parse(ramtoken_transceive(t, BYTES_OF(apdu)), &r));
			if ((r.sw == SW_WRONG_P1P2) == known[n >> 8][n & 0xFF])
				fail_msg("%s: %04X", wire_text(BYTES_OF(apdu)), r.sw);
		}
	}
	ramtoken_free(t);
}

/* ---- the class byte ---- */

static uint16_t class_status(unsigned cla, bool proprietary)
{
	unsigned low = cla & 0x7F;
	bool further = low & 0x40;

	if (cla == 0xFF || (low >= 0x20 && low <= 0x3F))
		return SW_CLA_NOT_SUPPORTED;
	if (further ? low & 0x20 : low & 0x0C)
		return SW_SM_NOT_SUPPORTED;
	if (further ? 4 + (low & 0x0F) != 6 : (low & 0x03) > 1)
		return SW_CHANNEL_NOT_SUPPORTED;
	if (low & 0x10)
		return SW_OK;
	return (cla >= 0x80) == proprietary ? 0 : SW_INS_NOT_SUPPORTED;
}

/* Channels 0, 1 and 6 are open. 0: the class is good, and the command is answered by itself. */
static void every_class_byte(void **state)
{
	static const struct {
		uint8_t ins, p1;
		bool proprietary;
		uint16_t sw;
	} commands[] = {
		{0xA4, 0x04, false, SW_NOT_FOUND },
                {0xE0, 0x00, true,  SW_WRONG_DATA}
        };
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (unsigned cla = 0; cla < 256; cla++) {
			const uint8_t apdu[] = {(uint8_t)cla, commands[i].ins, commands[i].p1, 0, 1, 0};
			uint16_t sw = class_status(cla, commands[i].proprietary);
			ramtoken_power_cycle(t);
			wire(t, "00700001", SW_OK);
			wire(t, "00700006", SW_OK);
			wire_send(t, BYTES_OF(apdu), sw ? sw : commands[i].sw);
		}
	}
	ramtoken_free(t);
}

/* ---- gates in their order ---- */

static void the_first_gate_that_fails_answers(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	wire(t, "0084", SW_WRONG_LENGTH);
	wire_send(t, BYTES_NONE, SW_WRONG_LENGTH);
	wire(t, "2084000008FF", SW_WRONG_LENGTH); /* before the class */
	wire(t, "0484000008", SW_SM_NOT_SUPPORTED);
	wire(t, "0784000008", SW_SM_NOT_SUPPORTED);      /* before the channel */
	wire(t, "03FE000008", SW_CHANNEL_NOT_SUPPORTED); /* before the instruction */
	wire(t, "00FE01010155", SW_INS_NOT_SUPPORTED);
	wire(t, "0084010101 55", SW_WRONG_P1P2);   /* before the data */
	wire(t, "0084000001 55", SW_WRONG_LENGTH); /* data where none is allowed */
	wire(t, "00DB3FFF", SW_WRONG_LENGTH);      /* none where it is required: before the life cycle */
	wire(t, "00DB3FFF01 00", SW_CONDITIONS);   /* life cycle before syntax */
	wire_initialize(t);
	wire(t, "00DB3FFF01 00", SW_WRONG_DATA);      /* the object must be read to know who may write it */
	wire(t, "0047110001 00", SW_SECURITY_STATUS); /* access before syntax */
	wire(t, "0020008101 00", SW_WRONG_DATA);
	wire(t, "00840000", SW_WRONG_LENGTH); /* a challenge of no bytes */
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_in_every_state),
		cmocka_unit_test(every_command_in_every_state_inside_a_session),
		cmocka_unit_test(every_command_in_clear_where_pins_are_not),
		cmocka_unit_test(a_private_key_in_clear),
		cmocka_unit_test(a_blocked_so_pin_opens_the_factory_reset),
		cmocka_unit_test(every_p1_p2),
		cmocka_unit_test(every_class_byte),
		cmocka_unit_test(the_first_gate_that_fails_answers),
	};
	return cmocka_run_group_tests(tests, make_images, free_images);
}
