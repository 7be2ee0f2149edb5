/* SPDX-License-Identifier: Apache-2.0 */
/* The PKCS#11 module on a card that is PIV and nothing else. */
#include "config.h"

#include "tests/wire/p11_bench.h"
#include "tests/wire/piv_card.h"

#define ID_9A 1
#define ID_9C 2
#define ID_9D 3
#define ID_9E 4
#define ID_82 5

static CK_SESSION_HANDLE s;

static int setup_card(void **state, uint8_t flags)
{
	bench_setup(state);
	ramtoken_free(chip[0]);
	chip[0] = piv_usual_card(flags);
	loop_plug(loop, 0, chip[0]);
	ok(f->C_Initialize(NULL));
	return 0;
}

static int setup(void **state)
{
	setup_card(state, 0);
	s = bench_session(CKF_RW_SESSION, -1);
	return 0;
}

static CK_ULONG of_class(CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &class, sizeof(class)}
        };

	return bench_count(s, list, 1);
}

static void log_in(void)
{
	ok(f->C_Login(s, CKU_USER, PIN(PIV_PIN)));
}

/* CKM_*_SHA256 over a text, checked with the card's public key. */
static CK_RV sign(CK_BYTE id, bool again)
{
	static CK_BYTE text[] = "what is to be signed";
	const CK_OBJECT_HANDLE private = bench_find(s, CKO_PRIVATE_KEY, id);
	uint8_t spki[1024], digest[32], signature[512];
	CK_ULONG n = bench_get(s, bench_find(s, CKO_PUBLIC_KEY, id), CKA_PUBLIC_KEY_INFO, spki, sizeof(spki));
	CK_ULONG len = sizeof(signature);
	struct crypto_pubkey key;

	assert_true(crypto_pubkey_from_spki(BYTES(spki, n), &key));
	const bool rsa = key.type == CRYPTO_RSA;
	const struct crypto_scheme scheme = {rsa ? CRYPTO_RSA_PKCS1 : CRYPTO_ECDSA, CRYPTO_SHA256, CRYPTO_NO_HASH, 0};
	CK_MECHANISM m = {rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0};
	ok(f->C_SignInit(s, &m, private));
	if (again)
		ok(f->C_Login(s, CKU_CONTEXT_SPECIFIC, PIN(PIV_PIN)));
	CK_RV rv = f->C_Sign(s, text, sizeof(text), signature, &len);
	if (rv != CKR_OK)
		return rv;
	assert_true(crypto_digest(CRYPTO_SHA256, BYTES_OF(text), digest));
	assert_int_equal(crypto_verify(&key, &scheme, BYTES_OF(digest), BYTES(signature, len)), CRYPTO_GOOD);
	return CKR_OK;
}

static void the_token_says_what_it_is(void **state)
{
	CK_TOKEN_INFO info;
	CK_BYTE out[16];

	(void)state;
	ok(f->C_GetTokenInfo(0, &info));
	assert_memory_equal(info.label, "OpenUKey PIV                    ", 32);
	assert_int_equal(info.ulMinPinLen, 6);
	/* The SO's is the management key in hexadecimal digits. */
	assert_int_equal(info.ulMaxPinLen, 64);
	assert_true(info.flags & CKF_TOKEN_INITIALIZED);
	assert_true(info.flags & CKF_USER_PIN_INITIALIZED);
	assert_true(info.flags & CKF_LOGIN_REQUIRED);
	/* How many tries there are is not known before one is lost. */
	assert_false(info.flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED));
	assert_false(info.flags & (CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED));
	assert_false(info.flags & CKF_RNG);
	is(f->C_GenerateRandom(s, out, sizeof(out)), CKR_RANDOM_NO_RNG);
	for (int tries = 2; tries >= 0; tries--) {
		is(f->C_Login(s, CKU_USER, PIN(PIV_WRONG_PIN)), CKR_PIN_INCORRECT);
		ok(f->C_GetTokenInfo(0, &info));
		assert_true(info.flags & CKF_USER_PIN_COUNT_LOW);
		assert_int_equal(!!(info.flags & CKF_USER_PIN_FINAL_TRY), tries == 1);
		assert_int_equal(!!(info.flags & CKF_USER_PIN_LOCKED), tries == 0);
	}
	is(f->C_Login(s, CKU_USER, PIN(PIV_PIN)), CKR_PIN_LOCKED);
}

static void what_needs_no_pin_is_seen_without(void **state)
{
	(void)state;
	assert_int_equal(of_class(CKO_CERTIFICATE), PIV_USUAL);
	assert_int_equal(of_class(CKO_PUBLIC_KEY), PIV_USUAL);
	assert_int_equal(of_class(CKO_PRIVATE_KEY), 1);
	const CK_OBJECT_HANDLE card = bench_find(s, CKO_PRIVATE_KEY, ID_9E);
	assert_int_equal(bench_bool(s, card, CKA_PRIVATE), CK_FALSE);
	assert_int_equal(bench_bool(s, card, CKA_ALWAYS_AUTHENTICATE), CK_FALSE);
	ok(sign(ID_9E, false));
	log_in();
	assert_int_equal(of_class(CKO_PRIVATE_KEY), PIV_USUAL);
	assert_int_equal(bench_bool(s, bench_find(s, CKO_PRIVATE_KEY, ID_9A), CKA_PRIVATE), CK_TRUE);
	assert_int_equal(bench_bool(s, bench_find(s, CKO_PRIVATE_KEY, ID_9C), CKA_ALWAYS_AUTHENTICATE), CK_TRUE);
	assert_int_equal(bench_bool(s, bench_find(s, CKO_PRIVATE_KEY, ID_9A), CKA_ALWAYS_AUTHENTICATE), CK_FALSE);
	/* It is not said of a key that it was made on the card when nobody knows. */
	assert_int_equal(bench_bool(s, bench_find(s, CKO_PRIVATE_KEY, ID_9A), CKA_LOCAL), CK_FALSE);
}

static void every_slot_signs(void **state)
{
	(void)state;
	log_in();
	for (CK_BYTE id = ID_9A; id <= ID_82; id++)
		ok(sign(id, id == ID_9C));
	is(sign(ID_9C, false), CKR_USER_NOT_LOGGED_IN);
	ok(sign(ID_9A, false));
	ok(f->C_Logout(s));
	assert_int_equal(of_class(CKO_PRIVATE_KEY), 1);
	ok(sign(ID_9E, false));
}

/* As ssh -I does it: the PIN that was typed for the log-in is one for the signature that follows, and for that alone.
 */
static void the_log_in_is_a_pin_for_the_next_use(void **state)
{
	const CK_SESSION_HANDLE first = s;

	(void)state;
	assert_int_equal(of_class(CKO_PUBLIC_KEY), PIV_USUAL); /* what is on the card is read before */
	log_in();
	ok(sign(ID_9C, false));
	is(sign(ID_9C, false), CKR_USER_NOT_LOGGED_IN);
	ok(sign(ID_9C, true));
	is(sign(ID_9C, false), CKR_USER_NOT_LOGGED_IN);
	/* The card says whether it came just before. */
	ok(f->C_Logout(s));
	log_in();
	ok(sign(ID_9A, false));
	is(sign(ID_9C, false), CKR_USER_NOT_LOGGED_IN);
	/* It is nobody's any more when another operation had one of its own. */
	ok(f->C_Logout(s));
	log_in();
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	ok(f->C_SignInit(first, &m, bench_find(first, CKO_PRIVATE_KEY, ID_9C)));
	ok(f->C_Login(first, CKU_CONTEXT_SPECIFIC, PIN(PIV_PIN)));
	s = bench_session(CKF_RW_SESSION, -1);
	is(sign(ID_9C, false), CKR_USER_NOT_LOGGED_IN);
	CK_BYTE digest[32] = {1}, out[64];
	CK_ULONG len = sizeof(out);
	ok(f->C_Sign(first, digest, sizeof(digest), out, &len));
}

/* ssh-agent cannot ask for the PIN, and leaves the operation where it was: the session is not lost to it. */
static void an_operation_that_never_got_its_pin_gives_way(void **state)
{
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0}, sha = {CKM_ECDSA_SHA256, NULL, 0};
	CK_BYTE part[3] = "abc";

	(void)state;
	log_in();
	const CK_OBJECT_HANDLE key = bench_find(s, CKO_PRIVATE_KEY, ID_9C);
	ok(f->C_SignInit(s, &m, key));
	ok(sign(ID_9A, false));
	/* One that has its PIN, or was given data, is active as any other. */
	ok(f->C_SignInit(s, &m, key));
	ok(f->C_Login(s, CKU_CONTEXT_SPECIFIC, PIN(PIV_PIN)));
	is(f->C_SignInit(s, &m, key), CKR_OPERATION_ACTIVE);
	ok(f->C_SignInit(s, NULL, 0));
	ok(f->C_SignInit(s, &sha, key));
	ok(f->C_SignUpdate(s, part, sizeof(part)));
	is(f->C_SignInit(s, &m, key), CKR_OPERATION_ACTIVE);
}

/* Locked by somebody else, in another program: the PUK is tried all the same, and what cannot be one is not. */
static void a_puk_unlocks_what_others_locked(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		wire(chip[0], "0020008008" PIN_WRONG, (uint16_t)(0x63C2 - i));
	is(f->C_SetPIN(s, PIN("135791"), PIN("246810")), CKR_PIN_LOCKED);
	wire(chip[0], "002C008010" PUK_OTHER PIN_WRONG, 0x63C2);
	ok(f->C_Finalize(NULL)); /* and a program that knows nothing of it */
	ok(f->C_Initialize(NULL));
	s = bench_session(CKF_RW_SESSION, -1);
	ok(f->C_SetPIN(s, PIN(PIV_PUK), PIN("246810")));
	ok(f->C_Login(s, CKU_USER, PIN("246810")));
}

static void a_key_management_key_decrypts(void **state)
{
	CK_BYTE plain[] = "a session key", cipher[256], out[256];
	CK_ULONG len = sizeof(cipher), out_len = sizeof(out);
	CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};

	(void)state;
	log_in();
	ok(f->C_EncryptInit(s, &m, bench_find(s, CKO_PUBLIC_KEY, ID_82)));
	ok(f->C_Encrypt(s, plain, sizeof(plain), cipher, &len));
	ok(f->C_DecryptInit(s, &m, bench_find(s, CKO_PRIVATE_KEY, ID_82)));
	ok(f->C_Decrypt(s, cipher, len, out, &out_len));
	assert_int_equal(out_len, sizeof(plain));
	assert_memory_equal(out, plain, sizeof(plain));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_token_says_what_it_is, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(what_needs_no_pin_is_seen_without, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(every_slot_signs, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(the_log_in_is_a_pin_for_the_next_use, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(an_operation_that_never_got_its_pin_gives_way, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_puk_unlocks_what_others_locked, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_key_management_key_decrypts, setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
