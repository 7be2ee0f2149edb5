/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads: each with sessions of its own, one shared session, and a token that is pulled while all of them work.
 */
#include "config.h"

#include "tests/wire/p11_bench.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#define THREADS 8
#define ROUNDS  20

static CK_SESSION_HANDLE shared;
static CK_OBJECT_HANDLE pub, prv;
static atomic_uint wrong, done;
static atomic_bool pulled;

static int setup(void **state)
{
	bench_setup_operational(state);
	shared = bench_session(CKF_RW_SESSION, CKU_USER);
	bench_generate(shared, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	wrong = done = 0;
	pulled = false;
	return 0;
}

static void expect(CK_RV got, CK_RV want)
{
	/* Once the token is gone, each of these is the truth for somebody. */
	if (got == want || (pulled && (got == CKR_DEVICE_REMOVED || got == CKR_SESSION_HANDLE_INVALID ||
					      got == CKR_TOKEN_NOT_PRESENT || got == CKR_USER_NOT_LOGGED_IN ||
					      got == CKR_KEY_HANDLE_INVALID || got == CKR_OPERATION_NOT_INITIALIZED)))
		return;
	fprintf(stderr, "CKR 0x%lx instead of 0x%lx\n", got, want);
	wrong++;
}

static void *sign_alone(void *arg)
{
	CK_MECHANISM m = {CKM_ECDSA_SHA256, NULL, 0};
	CK_BYTE sig[64];

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		CK_SESSION_HANDLE s = 0;
		CK_ULONG len = sizeof(sig);

		expect(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_OK);
		expect(f->C_SignInit(s, &m, prv), CKR_OK);
		expect(f->C_Sign(s, (CK_BYTE_PTR) "data", 4, sig, &len), CKR_OK);
		expect(f->C_VerifyInit(s, &m, pub), CKR_OK);
		if (!pulled)
			expect(f->C_Verify(s, (CK_BYTE_PTR) "data", 4, sig, len), CKR_OK);
		expect(f->C_CloseSession(s), CKR_OK);
		done++;
	}
	return NULL;
}

/* Two threads on one session disturb each other's operations; nothing worse. */
static void *use_shared(void *arg)
{
	CK_ATTRIBUTE a = {CKA_LABEL, NULL, 0};
	CK_SLOT_ID list[4];
	CK_TOKEN_INFO info;
	CK_ULONG n;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		CK_RV rv = f->C_FindObjectsInit(shared, NULL, 0);

		if (rv == CKR_OK)
			f->C_FindObjectsFinal(shared);
		else
			expect(rv, CKR_OPERATION_ACTIVE);
		expect(f->C_GetAttributeValue(shared, pub, &a, 1), pulled ? CKR_DEVICE_REMOVED : CKR_OK);
		n = 4;
		expect(f->C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
		n = 4;
		expect(f->C_GetSlotList(CK_TRUE, list, &n), CKR_OK);
		expect(f->C_GetTokenInfo(0, &info), CKR_OK);
	}
	return NULL;
}

static void run(void *(*const work[])(void *), size_t kinds, void (*meanwhile)(void))
{
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work[i % kinds], NULL);
	if (meanwhile)
		meanwhile();
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void test_together(void **state)
{
	void *(*const work[])(void *) = {sign_alone, use_shared};

	(void)state;
	run(work, 2, NULL);
	assert_int_equal(wrong, 0);
	assert_int_equal(done, THREADS / 2 * ROUNDS);
}

static void pull(void)
{
	const struct timespec t = {0, 30 * 1000 * 1000};

	nanosleep(&t, NULL);
	pulled = true;
	loop_unplug(loop, 0);
}

/* issue 4, 3: nothing hangs, nothing lies, and with the token back all works again. */
static void test_pulled(void **state)
{
	void *(*const work[])(void *) = {sign_alone, use_shared};
	CK_ULONG n;

	(void)state;
	loop->readers[0].delay_ms = 2;
	run(work, 2, pull);
	assert_int_equal(wrong, 0);
	pulled = false;
	loop_plug(loop, 0, chip[0]);
	ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	shared = bench_session(CKF_RW_SESSION, CKU_USER);
	prv = bench_find(shared, CKO_PRIVATE_KEY, 1);
	pub = bench_find(shared, CKO_PUBLIC_KEY, 1);
	run(work, 1, NULL);
	assert_int_equal(wrong, 0);
}

static void *log_in_so(void *arg)
{
	CK_SESSION_HANDLE s = *(CK_SESSION_HANDLE *)arg;

	expect(f->C_Login(s, CKU_SO, PIN(SO_PIN)), CKR_OK);
	return NULL;
}

static sem_t on_the_way;

/* The first command of the log-in has reached the reader, and takes its time there. */
static void tell_and_linger(void *arg, struct builder *command)
{
	const struct timespec t = {0, 300 * 1000 * 1000};

	(void)arg;
	(void)command;
	if (done++ > 0)
		return;
	sem_post(&on_the_way);
	nanosleep(&t, NULL);
}

/* 2.40, 5.6: no read-only session beside the SO, also not one that is opened while the SO is on the way in. */
static void test_so_alone(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, -1), ro = 0;
	pthread_t thread;

	(void)state;
	wrong = done = 0;
	assert_int_equal(sem_init(&on_the_way, 0, 0), 0);
	loop->readers[0].alter = tell_and_linger;
	assert_int_equal(pthread_create(&thread, NULL, log_in_so, &s), 0);
	sem_wait(&on_the_way);
	is(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &ro), CKR_SESSION_READ_WRITE_SO_EXISTS);
	pthread_join(thread, NULL);
	assert_int_equal(wrong, 0);
	loop->readers[0].alter = NULL;
	sem_destroy(&on_the_way);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_together, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(test_pulled, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(test_so_alone, bench_setup_operational, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
