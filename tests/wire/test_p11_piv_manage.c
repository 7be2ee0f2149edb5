/* SPDX-License-Identifier: Apache-2.0 */
/* The PKCS#11 module changes a PIV card: CKU_SO with the management key, key pairs, certificates, PINs. */
#include "config.h"

#include "tests/wire/p11_bench.h"
#include "tests/wire/piv_card.h"

#include <pthread.h>

#define ID_9A 0x01
#define ID_9C 0x02
#define ID_9D 0x03
#define ID_9E 0x04
#define ID_82 0x05

static CK_SESSION_HANDLE s;
static CK_OBJECT_HANDLE pub, prv;

/* A card without keys. */
static int setup_card(void **state, uint8_t flags)
{
	bench_setup(state);
	ramtoken_free(chip[0]);
	chip[0] = piv_card(flags, NULL, 0);
	loop_plug(loop, 0, chip[0]);
	ok(f->C_Initialize(NULL));
	s = bench_session(CKF_RW_SESSION, -1);
	return 0;
}

static int setup(void **state)
{
	return setup_card(state, 0);
}

static int setup_yubico(void **state)
{
	return setup_card(state, PIV_YUBICO);
}

static void manage(void)
{
	ok(f->C_Login(s, CKU_SO, PIN(KEY_OURS)));
}

/* id 0, label NULL: none is asked for. */
static CK_RV generate(CK_BYTE id, const char *label, CK_BBOOL derive)
{
	static CK_BYTE p256[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};
	CK_MECHANISM m = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_BBOOL yes = CK_TRUE, sign = !derive;
	CK_ATTRIBUTE public[] = {
		{CKA_EC_PARAMS, p256, sizeof(p256)}
        };
	CK_ATTRIBUTE private[5] = {
		{CKA_TOKEN,  &yes,    1},
		{CKA_SIGN,   &sign,   1},
		{CKA_DERIVE, &derive, 1},
	};
	CK_ULONG n = 3;

	if (id)
	private[n++] = (CK_ATTRIBUTE){CKA_ID, &id, 1};
	if (label)
	private[n++] = (CK_ATTRIBUTE){CKA_LABEL, (void *)(uintptr_t)label, strlen(label)};
	return f->C_GenerateKeyPair(s, &m, public, 1, private, n, &pub, &prv);
}

static CK_BYTE id_of(CK_OBJECT_HANDLE o)
{
	CK_BYTE id = 0;

	assert_int_equal(bench_get(s, o, CKA_ID, &id, 1), 1);
	return id;
}

static void the_management_key_is_the_sos_pin(void **state)
{
	CK_SESSION_INFO info;

	(void)state;
	is(f->C_Login(s, CKU_SO, PIN("F1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8C1C2C3C4C5C6C7C8")), CKR_PIN_INCORRECT);
	is(f->C_Login(s, CKU_SO, PIN("12345")), CKR_PIN_INCORRECT);
	/* A PIN, and this card does not keep its key behind it. */
	is(f->C_Login(s, CKU_SO, PIN(PIV_PIN)), CKR_PIN_INCORRECT);
	manage();
	ok(f->C_GetSessionInfo(s, &info));
	assert_int_equal(info.state, CKS_RW_SO_FUNCTIONS);
	is(f->C_Login(s, CKU_SO, PIN(KEY_OURS)), CKR_USER_ALREADY_LOGGED_IN);
	is(f->C_Login(s, CKU_USER, PIN(PIV_PIN)), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_USER, PIN(PIV_PIN)));
}

static void who_makes_keys(void **state)
{
	(void)state;
	is(generate(ID_9A, NULL, CK_FALSE), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_Login(s, CKU_USER, PIN(PIV_PIN)));
	is(generate(ID_9A, NULL, CK_FALSE), CKR_USER_NOT_LOGGED_IN);
	/* He is still in, and has his PIN. */
	is(f->C_Login(s, CKU_USER, PIN(PIV_PIN)), CKR_USER_ALREADY_LOGGED_IN);
	ok(f->C_Logout(s));
	manage();
	ok(generate(ID_9A, NULL, CK_FALSE));
	assert_int_equal(id_of(pub), ID_9A);
}

static void sign_with(CK_BYTE id)
{
	static CK_BYTE text[] = "what is to be signed";
	CK_MECHANISM m = {CKM_ECDSA_SHA256, NULL, 0};
	CK_BYTE signature[64];
	CK_ULONG len = sizeof(signature);

	ok(f->C_SignInit(s, &m, bench_find(s, CKO_PRIVATE_KEY, id)));
	ok(f->C_Sign(s, text, sizeof(text), signature, &len));
	ok(f->C_VerifyInit(s, &m, bench_find(s, CKO_PUBLIC_KEY, id)));
	ok(f->C_Verify(s, text, sizeof(text), signature, len));
}

static void from_the_key_to_its_certificate(void **state)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BBOOL yes = CK_TRUE;
	CK_BYTE sha1[20] = {1, 2, 3};
	CK_OBJECT_HANDLE cert = 0;
	size_t len;

	(void)state;
	manage();
	ok(generate(ID_9A, NULL, CK_FALSE));
	uint8_t *der = bench_certificate(s, pub, 7, &len);
	/* NSS asks for an id of its own; the slot has its own. */
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,            &class, sizeof(class)},
		{CKA_CERTIFICATE_TYPE, &type,  sizeof(type) },
		{CKA_TOKEN,            &yes,   1            },
		{CKA_ID,               sha1,   sizeof(sha1) },
		{CKA_VALUE,            der,    len          },
	};
	assert_int_equal(bench_find(s, CKO_CERTIFICATE, ID_9A), CK_INVALID_HANDLE);
	ok(f->C_CreateObject(s, list, COUNT(list), &cert));
	assert_int_equal(id_of(cert), ID_9A);
	ok(f->C_Logout(s));
	is(f->C_CreateObject(s, list, COUNT(list), &cert), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_Login(s, CKU_USER, PIN(PIV_PIN)));
	sign_with(ID_9A);
	is(f->C_CreateObject(s, list, COUNT(list), &cert), CKR_USER_NOT_LOGGED_IN);
	is(f->C_DestroyObject(s, bench_find(s, CKO_CERTIFICATE, ID_9A)), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_Logout(s));
	/* Nothing but the slot gives names. */
	manage();
	assert_int_equal(bench_bool(s, bench_find(s, CKO_CERTIFICATE, ID_9A), CKA_MODIFIABLE), CK_FALSE);
	assert_int_equal(bench_bool(s, bench_find(s, CKO_CERTIFICATE, ID_9A), CKA_DESTROYABLE), CK_TRUE);
	is(f->C_SetAttributeValue(s, bench_find(s, CKO_CERTIFICATE, ID_9A), &list[3], 1), CKR_ACTION_PROHIBITED);
	ok(f->C_DestroyObject(s, bench_find(s, CKO_CERTIFICATE, ID_9A)));
	assert_int_equal(bench_find(s, CKO_CERTIFICATE, ID_9A), CK_INVALID_HANDLE);
	free(der);
}

static void a_key_is_not_destroyed(void **state)
{
	(void)state;
	manage();
	ok(generate(ID_9A, NULL, CK_FALSE));
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_USER, PIN(PIV_PIN)));
	const CK_OBJECT_HANDLE private = bench_find(s, CKO_PRIVATE_KEY, ID_9A);
	assert_int_equal(bench_bool(s, private, CKA_DESTROYABLE), CK_FALSE);
	is(f->C_DestroyObject(s, private), CKR_ACTION_PROHIBITED);
	sign_with(ID_9A);
}

/* An id or a label of a slot chooses it; else the first free one that is for this use, never 9E. */
static void which_slot(void **state)
{
	(void)state;
	manage();
	ok(generate(ID_9E, NULL, CK_FALSE));
	assert_int_equal(id_of(pub), ID_9E);
	is(generate(ID_9E, NULL, CK_FALSE), CKR_ATTRIBUTE_VALUE_INVALID);
	ok(generate(0, "Retired Key 1", CK_FALSE));
	assert_int_equal(id_of(pub), ID_82);
	ok(generate(0, NULL, CK_FALSE));
	assert_int_equal(id_of(pub), ID_9A);
	ok(generate(0x77, "my key", CK_FALSE));
	assert_int_equal(id_of(pub), ID_9C);
	ok(generate(0, NULL, CK_TRUE));
	assert_int_equal(id_of(pub), ID_9D);
	ok(generate(0, NULL, CK_TRUE));
	assert_int_equal(id_of(pub), 6);
}

/* The user of a card that keeps its management key behind the PIN. */
static void the_pin_is_enough_where_the_card_keeps_the_key(void **state)
{
	static const uint8_t flags[] = {0x80, 0x03, 0x81, 0x01, 0x02};
	uint8_t printed[28] = {0x88, 0x1A, 0x89, 0x18};

	(void)state;
	memcpy(printed + 4, wire_hex(KEY_OURS).data, 24);
	piv_select(chip[0]);
	piv_admin(chip[0]);
	piv_put(chip[0], 0x5FFF00, BYTES_OF(flags), SW_OK);
	piv_put(chip[0], 0x5FC109, BYTES_OF(printed), SW_OK);
	loop_reset(loop, 0);
	ok(f->C_Login(s, CKU_USER, PIN(PIV_PIN)));
	ok(generate(ID_9A, NULL, CK_FALSE));
	sign_with(ID_9A);
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_SO, PIN(PIV_PIN)));
	ok(generate(ID_9C, NULL, CK_FALSE));
	ok(f->C_Logout(s));
	is(f->C_Login(s, CKU_SO, PIN(PIV_WRONG_PIN)), CKR_PIN_INCORRECT);
}

static void pins(void **state)
{
	CK_UTF8CHAR label[32] = "new";

	(void)state;
	ok(f->C_SetPIN(s, PIN(PIV_PIN), PIN("998877")));
	ok(f->C_Login(s, CKU_USER, PIN("998877")));
	ok(f->C_SetPIN(s, PIN("998877"), PIN(PIV_PIN)));
	is(f->C_SetPIN(s, PIN(PIV_PIN), PIN("123456789")), CKR_PIN_LEN_RANGE);
	ok(f->C_Logout(s));
	/* The SO has the management key, and that sets no PIN. */
	manage();
	is(f->C_InitPIN(s, PIN("998877")), CKR_FUNCTION_FAILED);
	is(f->C_SetPIN(s, PIN(KEY_OURS), PIN(KEY_KNOWN)), CKR_FUNCTION_FAILED);
	ok(f->C_Logout(s));
	/* Blocked, the PUK is the old PIN (pkcs11-tool --unlock-pin). */
	for (int i = 0; i < 3; i++)
		is(f->C_Login(s, CKU_USER, PIN(PIV_WRONG_PIN)), CKR_PIN_INCORRECT);
	is(f->C_Login(s, CKU_USER, PIN(PIV_PIN)), CKR_PIN_LOCKED);
	ok(f->C_SetPIN(s, PIN(PIV_PUK), PIN("112233")));
	ok(f->C_Login(s, CKU_USER, PIN("112233")));
	ok(f->C_CloseSession(s));
	is(f->C_InitToken(0, PIN("87654321"), label), CKR_TOKEN_WRITE_PROTECTED);
}

/* Out in the middle: the program's next call says so, and after it is back all goes on. */
static void pulled_out_in_the_middle(void **state)
{
	(void)state;
	manage();
	loop->readers[0].unplug_at = 3;
	is(generate(ID_9A, NULL, CK_FALSE), CKR_DEVICE_REMOVED);
	loop_plug(loop, 0, chip[0]);
	s = bench_session(CKF_RW_SESSION, -1);
	manage();
	ok(generate(ID_9A, NULL, CK_FALSE));
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_USER, PIN(PIV_PIN)));
	sign_with(ID_9A);
}

/* ---- two threads with two directories ---------------------------------------------------------------------------- */

enum ukey_status __real_ukey_directory(struct ukey_token *t, const struct ukey_directory **out);
enum ukey_status __wrap_ukey_directory(struct ukey_token *t, const struct ukey_directory **out);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Thread_local bool slow;
static bool has_one, may_go_on;

static void say(bool *what)
{
	pthread_mutex_lock(&lock);
	*what = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void wait_for(const bool *what)
{
	pthread_mutex_lock(&lock);
	while (!*what)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

/* The linker leads the module here. The slow thread has one, and goes on with it when it is out of date. */
enum ukey_status __wrap_ukey_directory(struct ukey_token *t, const struct ukey_directory **out)
{
	enum ukey_status status = __real_ukey_directory(t, out);

	if (slow) {
		slow = false;
		say(&has_one);
		wait_for(&may_go_on);
	}
	return status;
}

static void *look_slowly(void *arg)
{
	CK_SESSION_HANDLE other = bench_session(CKF_RW_SESSION, -1);

	slow = true;
	ok(f->C_FindObjectsInit(other, NULL, 0));
	ok(f->C_FindObjectsFinal(other));
	return arg;
}

/* A card without generations: who read first is late, not right. */
static void a_new_key_keeps_its_handle(void **state)
{
	pthread_t thread;

	(void)state;
	has_one = may_go_on = false;
	manage();
	assert_int_equal(pthread_create(&thread, NULL, look_slowly, NULL), 0);
	wait_for(&has_one);
	ok(generate(ID_9A, NULL, CK_FALSE));
	say(&may_go_on);
	pthread_join(thread, NULL);
	assert_int_equal(id_of(pub), ID_9A);
}

int main(void)
{
#define T(test, with) cmocka_unit_test_setup_teardown(test, with, bench_teardown)
	const struct CMUnitTest tests[] = {
		T(the_management_key_is_the_sos_pin, setup),
		T(who_makes_keys, setup),
		T(from_the_key_to_its_certificate, setup),
		T(from_the_key_to_its_certificate, setup_yubico),
		T(a_key_is_not_destroyed, setup),
		T(which_slot, setup),
		T(the_pin_is_enough_where_the_card_keeps_the_key, setup),
		T(pins, setup),
		T(a_new_key_keeps_its_handle, setup),
		T(pulled_out_in_the_middle, setup),
		T(pulled_out_in_the_middle, setup_yubico),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
