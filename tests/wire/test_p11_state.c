/* SPDX-License-Identifier: Apache-2.0 */
/* Slots that stay, events that fire once, sessions, log-in, PINs: the state rules of PKCS#11 2.40 chapter 5. */
#include "config.h"

#include "tests/wire/p11_bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static CK_STATE state_of(CK_SESSION_HANDLE s)
{
	CK_SESSION_INFO info;

	ok(f->C_GetSessionInfo(s, &info));
	assert_int_equal(info.slotID, 0);
	return info.state;
}

static CK_FLAGS flags_of(CK_SLOT_ID slot)
{
	CK_TOKEN_INFO info;

	ok(f->C_GetTokenInfo(slot, &info));
	return info.flags;
}

static bool present(CK_SLOT_ID slot)
{
	CK_SLOT_INFO info;

	ok(f->C_GetSlotInfo(slot, &info));
	return info.flags & CKF_TOKEN_PRESENT;
}

static CK_ULONG slots(CK_BBOOL with_token)
{
	CK_ULONG n = 0;

	ok(f->C_GetSlotList(with_token, NULL, &n));
	return n;
}

/* ---- slots ---- */

/* facts 6.2, pain 4: ids stay with their token, the list never shrinks, an empty reader is an empty slot. */
static void test_slots(void **state)
{
	CK_SLOT_ID list[4];
	CK_TOKEN_INFO info;
	CK_ULONG n = 4;

	(void)state;
	ok(f->C_Initialize(NULL));
	assert_int_equal(bench_apdus(), 0);
	/* Without asking for the length first. */
	ok(f->C_GetSlotList(CK_FALSE, list, &n));
	assert_int_equal(n, 2);
	assert_int_equal(bench_apdus(), 1);
	assert_true(present(0));
	assert_false(present(1));
	n = 1;
	is(f->C_GetSlotList(CK_FALSE, list, &n), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(n, 2);
	/* The second token comes into the empty slot, the first goes: its slot stays. */
	loop_plug(loop, 1, chip[1]);
	assert_true(present(1));
	loop_unplug(loop, 0);
	assert_false(present(0));
	assert_int_equal(slots(CK_FALSE), 2);
	assert_int_equal(slots(CK_TRUE), 1);
	is(f->C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_PRESENT);
	/* The first comes back in another reader: to its own slot. */
	loop_unplug(loop, 1);
	assert_int_equal(slots(CK_TRUE), 0);
	loop_plug(loop, 1, chip[0]);
	assert_true(present(0));
	assert_false(present(1));
	ok(f->C_GetTokenInfo(0, &info));
	assert_memory_equal(info.serialNumber + 15, "1", 1);
	/* Its old reader stands empty now: a slot of its own. */
	assert_int_equal(slots(CK_FALSE), 3);
	/* A reader that goes takes no slot with it. */
	loop_reader_there(loop, 0, false);
	assert_int_equal(slots(CK_FALSE), 3);
	ok(f->C_Finalize(NULL));
}

/* A card that is not ours leaves its slot empty; a token in a new reader makes a new slot, told by the next list. */
static void test_strangers(void **state)
{
	CK_SLOT_ID list[4];
	CK_ULONG n = 4;

	(void)state;
	loop_unplug(loop, 0);
	loop->readers[1].foreign = true;
	loop_plug(loop, 1, NULL);
	ok(f->C_Initialize(NULL));
	assert_int_equal(slots(CK_FALSE), 2);
	assert_int_equal(slots(CK_TRUE), 0);
	loop_plug(loop, 0, chip[0]);
	assert_int_equal(slots(CK_TRUE), 1);
	loop_unplug(loop, 0);
	loop_plug(loop, 0, chip[1]);
	/* Not the slot of the first token, and not in the list before somebody asks for its length. */
	assert_false(present(0));
	ok(f->C_GetSlotList(CK_TRUE, list, &n));
	assert_int_equal(n, 0);
	assert_int_equal(slots(CK_TRUE), 1);
	n = 4;
	ok(f->C_GetSlotList(CK_TRUE, list, &n));
	assert_int_equal(list[0], 2);
}

/* pain 19: no service is no token, and comes back by itself; what is wrong with it, ukey doctor says. */
static void test_no_service(void **state)
{
	(void)state;
	loop_service(loop, UKEY_NO_SERVICE);
	ok(f->C_Initialize(NULL));
	assert_int_equal(slots(CK_FALSE), 0);
	loop_service(loop, UKEY_OK);
	assert_int_equal(slots(CK_FALSE), 2);
	assert_int_equal(slots(CK_TRUE), 1);
}

/* ---- events ---- */

/* facts 4.3, pain 3: what was there at the start is no event, and each event is told once. */
static void test_events(void **state)
{
	CK_SLOT_ID id = 77;

	(void)state;
	ok(f->C_Initialize(NULL));
	is(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
	loop_unplug(loop, 0);
	/* Another call sees it first: the event is still to be told. */
	assert_false(present(0));
	ok(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL));
	assert_int_equal(id, 0);
	is(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
	loop_plug(loop, 0, chip[0]);
	loop_plug(loop, 1, chip[1]);
	ok(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL));
	assert_int_equal(id, 0);
	ok(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL));
	assert_int_equal(id, 1);
	is(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
}

struct waiter {
	CK_RV rv;
	CK_SLOT_ID id;
};

static void *wait_blocking(void *arg)
{
	struct waiter *w = arg;

	w->rv = f->C_WaitForSlotEvent(0, &w->id, NULL);
	return NULL;
}

static void a_moment(void)
{
	const struct timespec t = {0, 100 * 1000 * 1000};

	nanosleep(&t, NULL);
}

static void test_wait(void **state)
{
	struct waiter w = {CKR_OK, 77};
	pthread_t thread;

	(void)state;
	ok(f->C_Initialize(NULL));
	slots(CK_FALSE);
	pthread_create(&thread, NULL, wait_blocking, &w);
	a_moment();
	loop_unplug(loop, 0);
	pthread_join(thread, NULL);
	is(w.rv, CKR_OK);
	assert_int_equal(w.id, 0);
}

/* 2.40, 5.5: C_Finalize ends the wait. */
static void test_wait_finalize(void **state)
{
	struct waiter w = {CKR_OK, 77};
	pthread_t thread;

	(void)state;
	ok(f->C_Initialize(NULL));
	pthread_create(&thread, NULL, wait_blocking, &w);
	a_moment();
	ok(f->C_Finalize(NULL));
	pthread_join(thread, NULL);
	is(w.rv, CKR_CRYPTOKI_NOT_INITIALIZED);
}

/* ---- log-in ---- */

static void test_login(void **state)
{
	CK_SESSION_HANDLE ro = bench_session(0, -1), rw = bench_session(CKF_RW_SESSION, -1), other;

	(void)state;
	assert_int_equal(state_of(ro), CKS_RO_PUBLIC_SESSION);
	assert_int_equal(state_of(rw), CKS_RW_PUBLIC_SESSION);
	is(f->C_Logout(ro), CKR_USER_NOT_LOGGED_IN);
	is(f->C_Login(ro, 7, PIN(USER_PIN)), CKR_USER_TYPE_INVALID);
	is(f->C_Login(ro, CKU_USER, NULL, 6), CKR_ARGUMENTS_BAD);
	is(f->C_Login(rw, CKU_SO, PIN(SO_PIN)), CKR_SESSION_READ_ONLY_EXISTS);
	is(f->C_Login(ro, CKU_CONTEXT_SPECIFIC, PIN(USER_PIN)), CKR_OPERATION_NOT_INITIALIZED);
	is(f->C_LoginUser(ro, CKU_USER, PIN(USER_PIN), PIN("name")), CKR_ARGUMENTS_BAD);
	ok(f->C_LoginUser(ro, CKU_USER, PIN(USER_PIN), NULL, 0));
	/* The log-in is every session's. */
	assert_int_equal(state_of(ro), CKS_RO_USER_FUNCTIONS);
	assert_int_equal(state_of(rw), CKS_RW_USER_FUNCTIONS);
	is(f->C_Login(rw, CKU_USER, PIN(USER_PIN)), CKR_USER_ALREADY_LOGGED_IN);
	is(f->C_Login(rw, CKU_SO, PIN(SO_PIN)), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
	ok(f->C_Logout(rw));
	assert_int_equal(state_of(ro), CKS_RO_PUBLIC_SESSION);
	ok(f->C_CloseSession(ro));
	ok(f->C_Login(rw, CKU_SO, PIN(SO_PIN)));
	assert_int_equal(state_of(rw), CKS_RW_SO_FUNCTIONS);
	is(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_SESSION_READ_WRITE_SO_EXISTS);
	/* The last session takes the log-in with it. */
	ok(f->C_CloseSession(rw));
	is(f->C_GetSessionInfo(rw, NULL), CKR_SESSION_HANDLE_INVALID);
	rw = bench_session(CKF_RW_SESSION, -1);
	assert_int_equal(state_of(rw), CKS_RW_PUBLIC_SESSION);
}

static void test_session_counts(void **state)
{
	CK_SESSION_HANDLE a = bench_session(0, -1), b = bench_session(CKF_RW_SESSION, -1);
	CK_TOKEN_INFO info;

	(void)state;
	assert_true(a != b);
	ok(f->C_GetTokenInfo(0, &info));
	assert_int_equal(info.ulSessionCount, 2);
	assert_int_equal(info.ulRwSessionCount, 1);
	ok(f->C_CloseAllSessions(0));
	is(f->C_CloseSession(a), CKR_SESSION_HANDLE_INVALID);
	ok(f->C_GetTokenInfo(0, &info));
	assert_int_equal(info.ulSessionCount, 0);
	/* Handles do not come again. */
	assert_true(bench_session(0, -1) > b);
}

/* ---- tokens ---- */

static void test_token_info(void **state)
{
	CK_SESSION_HANDLE s;
	CK_TOKEN_INFO info;

	(void)state;
	ok(f->C_Initialize(NULL));
	slots(CK_TRUE);
	assert_int_equal(flags_of(0), CKF_RNG | CKF_LOGIN_REQUIRED | CKF_DUAL_CRYPTO_OPERATIONS);
	is(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_TOKEN_NOT_RECOGNIZED);
	is(f->C_InitToken(0, PIN("12345"), (CK_UTF8CHAR_PTR) "Bench                           "), CKR_PIN_INCORRECT);
	ok(f->C_InitToken(0, PIN(SO_PIN), (CK_UTF8CHAR_PTR) "\xE6\xB5\x8B\xE8\xAF\x95 token                    "));
	assert_int_equal(
		flags_of(0), CKF_RNG | CKF_LOGIN_REQUIRED | CKF_DUAL_CRYPTO_OPERATIONS | CKF_TOKEN_INITIALIZED);
	ok(f->C_GetTokenInfo(0, &info));
	assert_memory_equal(info.label, "\xE6\xB5\x8B\xE8\xAF\x95 token                    ", 32);
	for (int i = 0; i < 16; i++)
		assert_non_null(strchr("0123456789ABCDEF", info.serialNumber[i]));
	assert_int_equal(info.ulMinPinLen, 6);
	assert_int_equal(info.ulMaxPinLen, 32);
	assert_true(info.ulTotalPublicMemory > 0 && info.ulFreePublicMemory <= info.ulTotalPublicMemory);
	s = bench_session(CKF_RW_SESSION, -1);
	is(f->C_Login(s, CKU_USER, PIN(USER_PIN)), CKR_USER_PIN_NOT_INITIALIZED);
	is(f->C_InitPIN(s, PIN(USER_PIN)), CKR_USER_NOT_LOGGED_IN);
	is(f->C_InitToken(0, PIN(SO_PIN), (CK_UTF8CHAR_PTR) "Bench                           "), CKR_SESSION_EXISTS);
	ok(f->C_Login(s, CKU_SO, PIN(SO_PIN)));
	is(f->C_InitPIN(s, NULL, 0), CKR_ARGUMENTS_BAD);
	is(f->C_InitPIN(s, PIN("12345")), CKR_PIN_LEN_RANGE);
	ok(f->C_InitPIN(s, PIN(USER_PIN)));
	assert_true(flags_of(0) & CKF_USER_PIN_INITIALIZED);
	ok(f->C_CloseSession(s));
	is(f->C_InitToken(0, PIN("wrongpin"), (CK_UTF8CHAR_PTR) "Bench                           "), CKR_PIN_INCORRECT);
	assert_true(flags_of(0) & CKF_SO_PIN_COUNT_LOW);
	ok(f->C_InitToken(0, PIN(SO_PIN), (CK_UTF8CHAR_PTR) "Bench                           "));
	assert_false(flags_of(0) & (CKF_USER_PIN_INITIALIZED | CKF_SO_PIN_COUNT_LOW));
}

/* facts pain 21: the flags are true after each try, and cost nothing. */
static void test_pin_flags(void **state)
{
	const CK_FLAGS all = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
	static const CK_FLAGS want[] = {CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_COUNT_LOW,
		CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY,
		CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED};
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, -1);

	(void)state;
	assert_int_equal(flags_of(0) & all, 0);
	for (size_t i = 0; i < COUNT(want); i++) {
		unsigned long before;

		/* A PIN that is too short cannot be right, and costs no try. */
		is(f->C_Login(s, CKU_USER, PIN("12345")), CKR_PIN_INCORRECT);
		is(f->C_Login(s, CKU_USER, PIN("000000")), CKR_PIN_INCORRECT);
		before = bench_apdus();
		assert_int_equal(flags_of(0) & all, want[i]);
		assert_int_equal(bench_apdus(), before);
	}
	is(f->C_Login(s, CKU_USER, PIN(USER_PIN)), CKR_PIN_LOCKED);
}

static void lock_user(CK_SESSION_HANDLE s)
{
	for (int i = 0; i < 6; i++)
		f->C_Login(s, CKU_USER, PIN("000000"));
	assert_true(flags_of(0) & CKF_USER_PIN_LOCKED);
}

static void test_set_pin(void **state)
{
	CK_SESSION_HANDLE ro = bench_session(0, -1), s = bench_session(CKF_RW_SESSION, -1);

	(void)state;
	is(f->C_SetPIN(ro, PIN(USER_PIN), PIN("654321")), CKR_SESSION_READ_ONLY);
	is(f->C_SetPIN(s, NULL, 0, PIN("654321")), CKR_ARGUMENTS_BAD);
	is(f->C_SetPIN(s, PIN("000000"), PIN("654321")), CKR_PIN_INCORRECT);
	is(f->C_SetPIN(s, PIN(USER_PIN), PIN("12345")), CKR_PIN_LEN_RANGE);
	is(f->C_SetPIN(s, PIN(USER_PIN), PIN(USER_PIN)), CKR_PIN_INVALID);
	/* Public session: the user's; nobody is logged in by that. */
	ok(f->C_SetPIN(s, PIN(USER_PIN), PIN("654321")));
	assert_int_equal(state_of(s), CKS_RW_PUBLIC_SESSION);
	is(f->C_Login(s, CKU_USER, PIN(USER_PIN)), CKR_PIN_INCORRECT);
	ok(f->C_Login(s, CKU_USER, PIN("654321")));
	ok(f->C_SetPIN(s, PIN("654321"), PIN(USER_PIN)));
	assert_int_equal(state_of(s), CKS_RW_USER_FUNCTIONS);
	ok(f->C_CloseAllSessions(0));
	s = bench_session(CKF_RW_SESSION, CKU_SO);
	ok(f->C_SetPIN(s, PIN(SO_PIN), PIN("11223344")));
	assert_int_equal(state_of(s), CKS_RW_SO_FUNCTIONS);
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_SO, PIN("11223344")));
}

/* pin.c: with the user PIN locked, the SO PIN unlocks through C_SetPIN; its last three tries are never spent so. */
static void test_unlock(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, -1);
	int tries = 0;

	(void)state;
	/* Not locked: it is the user's old PIN, and wrong. */
	is(f->C_SetPIN(s, PIN(SO_PIN), PIN("654321")), CKR_PIN_INCORRECT);
	lock_user(s);
	ok(f->C_SetPIN(s, PIN(SO_PIN), PIN("654321")));
	assert_int_equal(state_of(s), CKS_RW_PUBLIC_SESSION);
	ok(f->C_Login(s, CKU_USER, PIN("654321")));
	ok(f->C_Logout(s));
	lock_user(s);
	while (f->C_SetPIN(s, PIN("wrongpin"), PIN("654321")) == CKR_PIN_INCORRECT)
		tries++;
	assert_int_equal(tries, 7);
	is(f->C_SetPIN(s, PIN(SO_PIN), PIN("654321")), CKR_PIN_LOCKED);
	/* The official way is open. */
	ok(f->C_Login(s, CKU_SO, PIN(SO_PIN)));
	ok(f->C_InitPIN(s, PIN(USER_PIN)));
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
}

/* A C_SetPIN without a log-in is one to the token; no other thread may see it, or ride on it. */
static atomic_bool changing_ends;
static atomic_uint seen;

static void *watch_state(void *arg)
{
	CK_SESSION_HANDLE s = *(CK_SESSION_HANDLE *)arg;
	CK_ATTRIBUTE private = {CKA_CLASS, &(CK_OBJECT_CLASS){CKO_PRIVATE_KEY}, sizeof(CK_OBJECT_CLASS)};

	while (!atomic_load(&changing_ends)) {
		if (state_of(s) != CKS_RO_PUBLIC_SESSION)
			atomic_fetch_add(&seen, 1);
		if (bench_count(s, &private, 1) != 0)
			atomic_fetch_add(&seen, 1);
	}
	return NULL;
}

static void test_set_pin_unseen(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER), ro;
	CK_OBJECT_HANDLE pub, prv;
	pthread_t thread;

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	ok(f->C_Logout(s));
	ro = bench_session(0, -1);
	atomic_store(&changing_ends, false);
	atomic_store(&seen, 0);
	loop->readers[0].delay_ms = 10;
	assert_int_equal(pthread_create(&thread, NULL, watch_state, &ro), 0);
	for (int i = 0; i < 10; i++) {
		ok(f->C_SetPIN(s, PIN(USER_PIN), PIN("654321")));
		ok(f->C_SetPIN(s, PIN("654321"), PIN(USER_PIN)));
	}
	atomic_store(&changing_ends, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&seen), 0);
}

/* A policy of eight and more: a shorter old PIN is a wrong one, and costs no try; a shorter new one is too short. */
static void test_short_old_pin(void **state)
{
	static const struct ukey_initialize how = {.label = "Long",
		.so_pin = (const uint8_t *)SO_PIN,
		.so_len = 8,
		.present_so_pin = (const uint8_t *)SO_PIN,
		.present_so_len = 8,
		.user_pin = (const uint8_t *)"12345678",
		.user_len = 8,
		.pin_min = 8};
	struct ukey_token **tokens;
	struct ukey *u;
	size_t count;
	CK_SESSION_HANDLE s;

	(void)state;
	ok(f->C_Finalize(NULL));
	assert_int_equal(ukey_open(&u), UKEY_OK);
	assert_int_equal(ukey_refresh(u), UKEY_OK);
	assert_int_equal(ukey_tokens(u, &tokens, &count), UKEY_OK);
	assert_int_equal(ukey_initialize(tokens[0], &how), UKEY_OK);
	ukey_tokens_free(tokens, count);
	ukey_close(u);
	ok(f->C_Initialize(NULL));
	slots(CK_TRUE);
	s = bench_session(CKF_RW_SESSION, -1);
	is(f->C_SetPIN(s, PIN("1234567"), PIN("87654321")), CKR_PIN_INCORRECT);
	assert_false(flags_of(0) & CKF_USER_PIN_COUNT_LOW);
	is(f->C_SetPIN(s, PIN("12345678"), PIN("1234567")), CKR_PIN_LEN_RANGE);
	ok(f->C_SetPIN(s, PIN("12345678"), PIN("87654321")));
}

/* ---- removal and reset ---- */

/* facts 7.4: the call that meets the removal says so; then the sessions are gone. */
static void test_removal(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER), other = bench_session(0, -1);
	CK_BYTE random[8];
	CK_SLOT_ID id;

	(void)state;
	loop_unplug(loop, 0);
	is(f->C_GenerateRandom(s, random, sizeof(random)), CKR_DEVICE_REMOVED);
	is(f->C_GenerateRandom(s, random, sizeof(random)), CKR_SESSION_HANDLE_INVALID);
	is(f->C_GenerateRandom(other, random, sizeof(random)), CKR_SESSION_HANDLE_INVALID);
	is(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_TOKEN_NOT_PRESENT);
	ok(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL));
	is(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
	loop_plug(loop, 0, chip[0]);
	s = bench_session(CKF_RW_SESSION, -1);
	assert_int_equal(state_of(s), CKS_RW_PUBLIC_SESSION);
	ok(f->C_GenerateRandom(s, random, sizeof(random)));
}

/*
 * facts 4.3, pains 17 and 18: another program, or a machine that slept, resets the card: what needs no log-in goes on,
 * what needs it says so exactly, and after it the same handles are good.
 */
static void test_reset(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE pub, prv;
	CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
	CK_BYTE signature[64], digest[32] = {1};
	CK_ULONG len = sizeof(signature);

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	ok(f->C_SignInit(s, &ecdsa, prv));
	loop_reset(loop, 0);
	is(f->C_Sign(s, digest, sizeof(digest), signature, &len), CKR_USER_NOT_LOGGED_IN);
	assert_int_equal(state_of(s), CKS_RW_PUBLIC_SESSION);
	is(f->C_SignInit(s, &ecdsa, prv), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
	/* The same handle: nobody logged out. */
	ok(f->C_SignInit(s, &ecdsa, prv));
	ok(f->C_Sign(s, digest, sizeof(digest), signature, &len));
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_slots, bench_setup),
		TEST(test_strangers, bench_setup),
		TEST(test_no_service, bench_setup),
		TEST(test_events, bench_setup),
		TEST(test_wait, bench_setup),
		TEST(test_wait_finalize, bench_setup),
		TEST(test_login, bench_setup_operational),
		TEST(test_session_counts, bench_setup_operational),
		TEST(test_token_info, bench_setup),
		TEST(test_pin_flags, bench_setup_operational),
		TEST(test_set_pin, bench_setup_operational),
		TEST(test_set_pin_unseen, bench_setup_operational),
		TEST(test_short_old_pin, bench_setup_operational),
		TEST(test_unlock, bench_setup_operational),
		TEST(test_removal, bench_setup_operational),
		TEST(test_reset, bench_setup_operational),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
