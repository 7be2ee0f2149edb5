/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that come, go, move and come back while a program has the PKCS#11 module open (issue 4, 4): which slot they
 * are in, which event is told and how often, and what becomes of sessions.
 */
#include "config.h"

#include "tests/lib/watchdog.h"
#include "tests/wire/p11_bench.h"

#include "tests/wire/trusted.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define PATIENCE 60
#define TOKENS   5

static void a_moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

static CK_ULONG slots(CK_BBOOL with_token)
{
	CK_ULONG n = 0;

	ok(f->C_GetSlotList(with_token, NULL, &n));
	return n;
}

static CK_RV poll_event(CK_SLOT_ID *id)
{
	*id = 77;
	return f->C_WaitForSlotEvent(CKF_DONT_BLOCK, id, NULL);
}

static void event_of(CK_SLOT_ID want)
{
	CK_SLOT_ID id;

	ok(poll_event(&id));
	assert_int_equal(id, want);
}

static void no_event(void)
{
	CK_SLOT_ID id;

	is(poll_event(&id), CKR_NO_EVENT);
}

static CK_RV sign(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM ecdsa = {CKM_ECDSA_SHA256, NULL, 0};
	CK_BYTE signature[64];
	CK_ULONG len = sizeof(signature);
	CK_RV rv = f->C_SignInit(s, &ecdsa, key);

	return rv == CKR_OK ? f->C_Sign(s, (CK_BYTE_PTR) "data", 4, signature, &len) : rv;
}

static CK_OBJECT_HANDLE new_key(CK_SESSION_HANDLE s)
{
	CK_OBJECT_HANDLE pub, prv;

	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	return prv;
}

static void signs_again(void)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);

	ok(sign(s, bench_find(s, CKO_PRIVATE_KEY, 1)));
	ok(f->C_CloseSession(s));
}

/* ---- sessions end with the token (2.40, 5.6; pain 3) ---- */

/* Out and in again between two calls: nobody saw it gone, and still the sessions are over, not merely logged out. */
static void test_out_and_in(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER), other = bench_session(0, -1);
	CK_OBJECT_HANDLE key = new_key(s);
	CK_SESSION_INFO info;
	CK_TOKEN_INFO token;

	(void)state;
	ok(sign(s, key));
	loop_unplug(loop, 0);
	loop_plug(loop, 0, chip[0]);
	assert_int_equal(slots(CK_TRUE), 1);
	is(f->C_GetSessionInfo(s, &info), CKR_SESSION_HANDLE_INVALID);
	is(f->C_GetSessionInfo(other, &info), CKR_SESSION_HANDLE_INVALID);
	is(sign(s, key), CKR_SESSION_HANDLE_INVALID);
	ok(f->C_GetTokenInfo(0, &token));
	assert_int_equal(token.ulSessionCount, 0);
	event_of(0);
	no_event();
	signs_again();
	/* And when the session itself comes upon it: told once, exactly. */
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	key = bench_find(s, CKO_PRIVATE_KEY, 1);
	loop_unplug(loop, 0);
	loop_plug(loop, 0, chip[0]);
	is(sign(s, key), CKR_DEVICE_REMOVED);
	is(sign(s, key), CKR_SESSION_HANDLE_INVALID);
	signs_again();
}

/* The same token moved to another reader keeps its slot id; its sessions are over (pain 4). */
static void test_moved(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_SESSION_INFO session;
	CK_SLOT_INFO info;

	(void)state;
	new_key(s);
	loop_unplug(loop, 0);
	loop_plug(loop, 1, chip[0]);
	ok(f->C_GetSlotInfo(0, &info));
	assert_true(info.flags & CKF_TOKEN_PRESENT);
	assert_memory_equal(info.slotDescription, "Loop 01 ", 8);
	is(f->C_GetSessionInfo(s, &session), CKR_SESSION_HANDLE_INVALID);
	event_of(0);
	no_event();
	signs_again();
}

/* A look that fails half way, and a reset by another program, are no removal: the sessions stay. */
static void test_no_removal(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_SESSION_INFO info;

	(void)state;
	loop_reset(loop, 0);
	assert_int_equal(slots(CK_TRUE), 1);
	ok(f->C_GetSessionInfo(s, &info));
	no_event();
	/* Another card in the other reader neither. */
	loop_plug(loop, 1, NULL);
	assert_int_equal(slots(CK_TRUE), 1);
	ok(f->C_GetSessionInfo(s, &info));
	no_event();
}

/* ---- five at once ---- */

static struct ramtoken *five[TOKENS];

static int setup_five(void **state)
{
	bench_setup(state);
	for (unsigned i = 0; i < TOKENS; i++) {
		loop_reader_there(loop, i, true);
		five[i] = i < 2 ? chip[i] : ramtoken_new(NULL);
		if (i < 2)
			continue;
		five[i]->hal.serial[7] = (uint8_t)(i + 1);
		trusted_token(five[i]);
	}
	loop_unplug(loop, 0);
	watchdog(PATIENCE);
	return 0;
}

static int teardown_five(void **state)
{
	int rv = bench_teardown(state);

	for (unsigned i = 2; i < TOKENS; i++)
		ramtoken_free(five[i]);
	watchdog(0);
	return rv;
}

struct waiting {
	CK_RV rv;
	CK_SLOT_ID id;
};

static void *wait_blocking(void *arg)
{
	struct waiting *w = arg;

	w->rv = f->C_WaitForSlotEvent(0, &w->id, NULL);
	return NULL;
}

static void make_token(CK_SLOT_ID id, CK_SESSION_HANDLE *s)
{
	ok(f->C_InitToken(id, PIN(SO_PIN), (CK_UTF8CHAR_PTR) "Five                            "));
	ok(f->C_OpenSession(id, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, s));
	ok(f->C_Login(*s, CKU_SO, PIN(SO_PIN)));
	ok(f->C_InitPIN(*s, PIN(USER_PIN)));
	ok(f->C_Logout(*s));
	ok(f->C_Login(*s, CKU_USER, PIN(USER_PIN)));
}

/* pains 3, 4: no limit of four, and every one of them is told. */
static void test_five(void **state)
{
	struct waiting w = {CKR_OK, 77};
	CK_SESSION_HANDLE s[TOKENS];
	CK_OBJECT_HANDLE key[TOKENS];
	bool told[TOKENS] = {false};
	pthread_t thread;

	(void)state;
	ok(f->C_Initialize(NULL));
	assert_int_equal(slots(CK_FALSE), TOKENS);
	assert_int_equal(slots(CK_TRUE), 0);
	pthread_create(&thread, NULL, wait_blocking, &w);
	a_moment();
	for (unsigned i = 0; i < TOKENS; i++)
		loop_plug(loop, i, five[i]);
	pthread_join(thread, NULL);
	is(w.rv, CKR_OK);
	assert_true(w.id < TOKENS);
	told[w.id] = true;
	for (unsigned i = 1; i < TOKENS; i++) {
		CK_SLOT_ID id;

		ok(poll_event(&id));
		assert_true(id < TOKENS && !told[id]);
		told[id] = true;
	}
	no_event();
	assert_int_equal(slots(CK_TRUE), TOKENS);
	for (unsigned i = 0; i < TOKENS; i++) {
		make_token(i, &s[i]);
		key[i] = new_key(s[i]);
	}
	/* One goes: the others are not concerned. */
	loop_unplug(loop, 2);
	assert_int_equal(slots(CK_TRUE), TOKENS - 1);
	assert_int_equal(slots(CK_FALSE), TOKENS);
	for (unsigned i = 0; i < TOKENS; i++)
		is(sign(s[i], key[i]), i == 2 ? CKR_SESSION_HANDLE_INVALID : CKR_OK);
	event_of(2);
	/* All out, and in the other way round: each into its own slot. */
	for (unsigned i = 0; i < TOKENS; i++)
		loop_unplug(loop, i);
	for (unsigned i = 0; i < TOKENS; i++)
		loop_plug(loop, TOKENS - 1 - i, five[i]);
	assert_int_equal(slots(CK_TRUE), TOKENS);
	for (unsigned i = 0; i < TOKENS; i++) {
		CK_TOKEN_INFO info;

		ok(f->C_GetTokenInfo(i, &info));
		assert_int_equal(info.serialNumber[15], '1' + (int)i);
		event_of(i);
		ok(f->C_OpenSession(i, CKF_SERIAL_SESSION, NULL, NULL, &s[i]));
		ok(f->C_Login(s[i], CKU_USER, PIN(USER_PIN)));
		ok(sign(s[i], bench_find(s[i], CKO_PRIVATE_KEY, 1)));
	}
	no_event();
}

/* ---- events ---- */

/* Several threads wait; one event is told to one of them, and C_Finalize ends the others' wait. */
static void test_one_event_for_one(void **state)
{
	struct waiting w[4];
	pthread_t threads[4];
	unsigned told = 0, ended = 0;

	(void)state;
	watchdog(PATIENCE);
	ok(f->C_Initialize(NULL));
	assert_int_equal(slots(CK_TRUE), 1);
	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct waiting){CKR_GENERAL_ERROR, 77};
		pthread_create(&threads[i], NULL, wait_blocking, &w[i]);
	}
	a_moment();
	loop_unplug(loop, 0);
	/* Longer than a wait's slice: whoever shall wake up has. */
	for (int i = 0; i < 13; i++)
		a_moment();
	no_event();
	ok(f->C_Finalize(NULL));
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		told += w[i].rv == CKR_OK && w[i].id == 0;
		ended += w[i].rv == CKR_CRYPTOKI_NOT_INITIALIZED;
	}
	assert_int_equal(told, 1);
	assert_int_equal(ended, 3);
}

/* A card that nobody here knows costs two commands, however often it is looked at, and makes no event (pains 2, 11). */
static void test_foreign(void **state)
{
	(void)state;
	ok(f->C_Initialize(NULL));
	assert_int_equal(slots(CK_TRUE), 1);
	const unsigned long before = loop->readers[1].apdus;
	loop_plug(loop, 1, NULL);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(slots(CK_TRUE), 1);
		no_event();
	}
	assert_int_equal(loop->readers[1].apdus, before + 2);
}

/* pain 7: a reader that another program has for itself stands empty; the token comes when that program lets go. */
static void test_held_by_another(void **state)
{
	(void)state;
	loop->readers[0].exclusive = true;
	ok(f->C_Initialize(NULL));
	assert_int_equal(slots(CK_FALSE), 2);
	assert_int_equal(slots(CK_TRUE), 0);
	no_event();
	loop->readers[0].exclusive = false;
	event_of(0);
	no_event();
	assert_int_equal(slots(CK_TRUE), 1);
}

/* ---- the service underneath ---- */

/*
 * pains 18, 19: the machine slept, or pcscd was started anew. Imitated: all connections break, and the token had no
 * power. The program need not be started again; it needs new sessions.
 */
static void test_service_again(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE key = new_key(s);

	(void)state;
	/* Nobody looked meanwhile. */
	loop_service(loop, UKEY_OK);
	ramtoken_power_cycle(chip[0]);
	is(sign(s, key), CKR_DEVICE_ERROR);
	is(sign(s, key), CKR_DEVICE_REMOVED);
	is(sign(s, key), CKR_SESSION_HANDLE_INVALID);
	signs_again();
	/* Somebody did: gone, and come back. */
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	key = bench_find(s, CKO_PRIVATE_KEY, 1);
	loop_service(loop, UKEY_NO_SERVICE);
	assert_int_equal(slots(CK_TRUE), 0);
	assert_int_equal(slots(CK_FALSE), 2);
	event_of(0);
	no_event();
	is(sign(s, key), CKR_SESSION_HANDLE_INVALID);
	loop_service(loop, UKEY_OK);
	ramtoken_power_cycle(chip[0]);
	event_of(0);
	no_event();
	signs_again();
	/* And so fast that no look fell in between. */
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	loop_service(loop, UKEY_OK);
	ramtoken_power_cycle(chip[0]);
	assert_int_equal(slots(CK_TRUE), 1);
	is(f->C_CloseSession(s), CKR_SESSION_HANDLE_INVALID);
	event_of(0);
	no_event();
	signs_again();
}

/* A program that waits sees pcscd go and come. */
static void test_service_while_waiting(void **state)
{
	struct waiting w = {CKR_OK, 77};
	pthread_t thread;

	(void)state;
	watchdog(PATIENCE);
	ok(f->C_Initialize(NULL));
	slots(CK_FALSE);
	for (int round = 0; round < 4; round++) {
		w = (struct waiting){CKR_OK, 77};
		pthread_create(&thread, NULL, wait_blocking, &w);
		a_moment();
		loop_service(loop, round % 2 ? UKEY_OK : UKEY_NO_SERVICE);
		pthread_join(thread, NULL);
		is(w.rv, CKR_OK);
		assert_int_equal(w.id, 0);
		assert_int_equal(slots(CK_TRUE), round % 2);
	}
}

static int teardown(void **state)
{
	watchdog(0);
	return bench_teardown(state);
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_out_and_in, bench_setup_operational),
		TEST(test_moved, bench_setup_operational),
		TEST(test_no_removal, bench_setup_operational),
		cmocka_unit_test_setup_teardown(test_five, setup_five, teardown_five),
		TEST(test_one_event_for_one, bench_setup),
		TEST(test_foreign, bench_setup),
		TEST(test_held_by_another, bench_setup),
		TEST(test_service_again, bench_setup_operational),
		TEST(test_service_while_waiting, bench_setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
