/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what to which object, and in which words it is refused: 2.40, 4.1, 4.4, 5.6 and 5.7, as tables. */
#include "config.h"

#include "tests/wire/p11_bench.h"

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS data_class = CKO_DATA, cert_class = CKO_CERTIFICATE, pub_class = CKO_PUBLIC_KEY;
static CK_CERTIFICATE_TYPE x509 = CKC_X_509;
static CK_KEY_TYPE ec = CKK_EC;

/* ---- the objects ---- */

enum what {
	TEMPORARY,    /* session data that may be changed, copied, destroyed */
	FIXED,        /* CKA_MODIFIABLE false */
	SINGLE,       /* CKA_COPYABLE false */
	LASTING,      /* CKA_DESTROYABLE false */
	SESSION_CERT, /* of no key */
	SESSION_KEY,
	TOKEN_DATA,
	TOKEN_CERT, /* of the key */
	PRIVATE,
	PUBLIC,
	PROFILE,
	NOTHING, /* a handle that never was */
	OBJECTS,
};

static CK_OBJECT_HANDLE objects[OBJECTS];
static CK_SESSION_HANDLE rw, ro;

static CK_OBJECT_HANDLE create(CK_ATTRIBUTE *list, CK_ULONG n)
{
	CK_OBJECT_HANDLE o = CK_INVALID_HANDLE;

	ok(f->C_CreateObject(rw, list, n, &o));
	return o;
}

static CK_OBJECT_HANDLE note(CK_ATTRIBUTE_TYPE type, CK_BBOOL *value)
{
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &data_class, sizeof(data_class)},
		{CKA_VALUE, "x",         1                 },
		{type,      value,       1                 },
	};

	return create(list, COUNT(list));
}

static CK_OBJECT_HANDLE certificate(CK_BBOOL *token)
{
	size_t len;
	uint8_t *der = bench_certificate(rw, objects[PUBLIC], 1, &len);
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,            &cert_class, sizeof(cert_class)},
		{CKA_CERTIFICATE_TYPE, &x509,       sizeof(x509)      },
		{CKA_TOKEN,            token,       1                 },
		{CKA_VALUE,            der,         0                 },
	};
	CK_OBJECT_HANDLE o;

	list[3].ulValueLen = len;
	o = create(list, COUNT(list));
	free(der);
	return o;
}

static CK_OBJECT_HANDLE public_copy(void)
{
	CK_BYTE point[80], oid[16];
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,     &pub_class, sizeof(pub_class)},
		{CKA_KEY_TYPE,  &ec,        sizeof(ec)       },
		{CKA_EC_PARAMS, oid,        0                },
		{CKA_EC_POINT,  point,      0                },
	};

	list[2].ulValueLen = bench_get(rw, objects[PUBLIC], CKA_EC_PARAMS, oid, sizeof(oid));
	list[3].ulValueLen = bench_get(rw, objects[PUBLIC], CKA_EC_POINT, point, sizeof(point));
	return create(list, COUNT(list));
}

static CK_OBJECT_HANDLE first_profile(void)
{
	CK_OBJECT_CLASS class = CKO_PROFILE;
	CK_OBJECT_HANDLE o = CK_INVALID_HANDLE;
	CK_ULONG n;

	ok(f->C_FindObjectsInit(rw, &(CK_ATTRIBUTE){CKA_CLASS, &class, sizeof(class)}, 1));
	ok(f->C_FindObjects(rw, &o, 1, &n));
	ok(f->C_FindObjectsFinal(rw));
	return o;
}

static int setup(void **state)
{
	bench_setup_operational(state);
	rw = bench_session(CKF_RW_SESSION, CKU_USER);
	ro = bench_session(0, -1);
	bench_generate(rw, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &objects[PUBLIC], &objects[PRIVATE]);
	objects[TEMPORARY] = note(CKA_TOKEN, &no);
	objects[FIXED] = note(CKA_MODIFIABLE, &no);
	objects[SINGLE] = note(CKA_COPYABLE, &no);
	objects[LASTING] = note(CKA_DESTROYABLE, &no);
	objects[SESSION_CERT] = certificate(&no);
	objects[SESSION_KEY] = public_copy();
	objects[TOKEN_DATA] = note(CKA_TOKEN, &yes);
	objects[TOKEN_CERT] = certificate(&yes);
	objects[PROFILE] = first_profile();
	objects[NOTHING] = 471100;
	return 0;
}

/* ---- what is refused ---- */

enum action {
	SET,
	COPY,
	DESTROY,
};

struct rule {
	enum what what;
	enum action action;
	CK_ATTRIBUTE a;
	CK_RV rv;
};

#define NO_ATTRIBUTE                                                                                                   \
	{                                                                                                              \
		0, NULL, 0                                                                                             \
	}
#define LABEL                                                                                                          \
	{                                                                                                              \
		CKA_LABEL, "n", 1                                                                                      \
	}
#define FLAG(type, value)                                                                                              \
	{                                                                                                              \
		type, &(value), 1                                                                                      \
	}

static CK_RV attempt(CK_SESSION_HANDLE s, const struct rule *r)
{
	CK_ATTRIBUTE a = r->a;
	CK_OBJECT_HANDLE copy;

	if (r->action == DESTROY)
		return f->C_DestroyObject(s, objects[r->what]);
	if (r->action == SET)
		return f->C_SetAttributeValue(s, objects[r->what], &a, 1);
	return f->C_CopyObject(s, objects[r->what], a.pValue ? &a : NULL, a.pValue ? 1 : 0, &copy);
}

static void judge(CK_SESSION_HANDLE s, const struct rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CK_RV rv = attempt(s, &rules[i]);

		if (rv != rules[i].rv)
			fprintf(stderr, "row %zu\n", i);
		is(rv, rules[i].rv);
	}
}

/* In a session that may do all that the user may. */
static void test_objects(void **state)
{
	/* clang-format off */
	static const struct rule rules[] = {
		/* 4.4: CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE are obeyed. */
		{FIXED,        SET,     LABEL,                               CKR_ACTION_PROHIBITED},
		{SINGLE,       COPY,    NO_ATTRIBUTE,                        CKR_ACTION_PROHIBITED},
		{LASTING,      DESTROY, NO_ATTRIBUTE,                        CKR_ACTION_PROHIBITED},
		{PROFILE,      SET,     LABEL,                               CKR_ACTION_PROHIBITED},
		{PROFILE,      DESTROY, NO_ATTRIBUTE,                        CKR_ACTION_PROHIBITED},
		{PUBLIC,       DESTROY, NO_ATTRIBUTE,                        CKR_ACTION_PROHIBITED},
		{PRIVATE,      COPY,    NO_ATTRIBUTE,                        CKR_ACTION_PROHIBITED},
		{TOKEN_DATA,   COPY,    NO_ATTRIBUTE,                        CKR_ACTION_PROHIBITED},
		/* 4.1.3: four attributes may be changed in a copy only; one switch goes one way. */
		{TEMPORARY,    SET,     FLAG(CKA_TOKEN, yes),                CKR_ATTRIBUTE_READ_ONLY},
		{TEMPORARY,    SET,     FLAG(CKA_PRIVATE, yes),              CKR_ATTRIBUTE_READ_ONLY},
		{TEMPORARY,    SET,     FLAG(CKA_MODIFIABLE, no),            CKR_ATTRIBUTE_READ_ONLY},
		{TEMPORARY,    SET,     FLAG(CKA_DESTROYABLE, no),           CKR_ATTRIBUTE_READ_ONLY},
		{SINGLE,       SET,     FLAG(CKA_COPYABLE, yes),             CKR_ATTRIBUTE_READ_ONLY},
		{FIXED,        COPY,    FLAG(CKA_MODIFIABLE, yes),           CKR_OK},
		{TEMPORARY,    COPY,    FLAG(CKA_PRIVATE, yes),              CKR_OK},
		/* 4.3: a class, an identity is for ever. */
		{TEMPORARY,    SET,     {CKA_CLASS, &cert_class, sizeof(cert_class)}, CKR_ATTRIBUTE_READ_ONLY},
		{TEMPORARY,    COPY,    {CKA_CLASS, &cert_class, sizeof(cert_class)}, CKR_ATTRIBUTE_READ_ONLY},
		{TOKEN_DATA,   SET,     {CKA_UNIQUE_ID, "x", 1},             CKR_ATTRIBUTE_READ_ONLY},
		{TEMPORARY,    SET,     {CKA_MODULUS, "x", 1},               CKR_ATTRIBUTE_TYPE_INVALID},
		{TOKEN_DATA,   SET,     {CKA_MODULUS, "x", 1},               CKR_ATTRIBUTE_TYPE_INVALID},
		{TOKEN_CERT,   SET,     {CKA_APPLICATION, "x", 1},           CKR_ATTRIBUTE_TYPE_INVALID},
		{SESSION_CERT, SET,     {CKA_APPLICATION, "x", 1},           CKR_ATTRIBUTE_TYPE_INVALID},
		{TEMPORARY,    SET,     FLAG(CKA_SENSITIVE, yes),            CKR_ATTRIBUTE_TYPE_INVALID},
		{TEMPORARY,    SET,     FLAG(CKA_EXTRACTABLE, no),           CKR_ATTRIBUTE_TYPE_INVALID},
		{TEMPORARY,    COPY,    FLAG(CKA_SENSITIVE, yes),            CKR_ATTRIBUTE_TYPE_INVALID},
		{SESSION_CERT, SET,     FLAG(CKA_EXTRACTABLE, no),           CKR_ATTRIBUTE_TYPE_INVALID},
		{SESSION_KEY,  SET,     FLAG(CKA_SENSITIVE, yes),            CKR_ATTRIBUTE_TYPE_INVALID},
		/* 4.6: of a certificate only its id, its issuer and its number. */
		{SESSION_CERT, SET,     {CKA_SUBJECT, "x", 1},               CKR_ATTRIBUTE_READ_ONLY},
		{SESSION_CERT, SET,     {CKA_VALUE, "x", 1},                 CKR_ATTRIBUTE_READ_ONLY},
		{TOKEN_CERT,   SET,     {CKA_SUBJECT, "x", 1},               CKR_ATTRIBUTE_READ_ONLY},
		{TOKEN_CERT,   SET,     FLAG(CKA_TRUSTED, yes),              CKR_ATTRIBUTE_READ_ONLY},
		{SESSION_KEY,  SET,     {CKA_EC_POINT, "x", 1},              CKR_ATTRIBUTE_READ_ONLY},
		/* Secrets stay secret. */
		{PRIVATE,      SET,     FLAG(CKA_SENSITIVE, no),             CKR_ATTRIBUTE_READ_ONLY},
		{PRIVATE,      SET,     FLAG(CKA_EXTRACTABLE, yes),          CKR_ATTRIBUTE_READ_ONLY},
		{PRIVATE,      SET,     FLAG(CKA_ALWAYS_AUTHENTICATE, yes),  CKR_ATTRIBUTE_READ_ONLY},
		/* 4.1.1: values that cannot be, and values of the wrong size. */
		{TEMPORARY,    COPY,    {CKA_DESTROYABLE, "xx", 2},          CKR_ATTRIBUTE_VALUE_INVALID},
		{TEMPORARY,    SET,     {CKA_LABEL, NULL, 1},                CKR_ATTRIBUTE_VALUE_INVALID},
		{TOKEN_DATA,   SET,     {CKA_LABEL, "a\0b", 3},              CKR_ATTRIBUTE_VALUE_INVALID},
		{TOKEN_DATA,   SET,     {CKA_LABEL, "n", CK_UNAVAILABLE_INFORMATION}, CKR_ATTRIBUTE_VALUE_INVALID},
		/* And what may be. */
		{TEMPORARY,    SET,     LABEL,                               CKR_OK},
		{TEMPORARY,    SET,     {CKA_VALUE, "y", 1},                 CKR_OK},
		{SESSION_CERT, SET,     {CKA_ID, "y", 1},                    CKR_OK},
		{SESSION_KEY,  SET,     {CKA_SUBJECT, "y", 1},               CKR_OK},
		{TOKEN_DATA,   SET,     {CKA_VALUE, "y", 1},                 CKR_OK},
		{TOKEN_CERT,   SET,     LABEL,                               CKR_OK},
		{PUBLIC,       SET,     LABEL,                               CKR_OK},
		{TOKEN_DATA,   DESTROY, NO_ATTRIBUTE,                        CKR_OK},
		{TOKEN_DATA,   DESTROY, NO_ATTRIBUTE,                        CKR_OBJECT_HANDLE_INVALID},
		{NOTHING,      SET,     LABEL,                               CKR_OBJECT_HANDLE_INVALID},
		{NOTHING,      COPY,    LABEL,                               CKR_OBJECT_HANDLE_INVALID},
		{NOTHING,      DESTROY, NO_ATTRIBUTE,                        CKR_OBJECT_HANDLE_INVALID},
	};
	/* clang-format on */

	(void)state;
	judge(rw, rules, COUNT(rules));
}

/* 5.6: a read-only session writes nothing on the token, and session objects as it likes. */
static void test_read_only(void **state)
{
	/* clang-format off */
	static const struct rule rules[] = {
		{TOKEN_DATA, SET,     LABEL,                CKR_SESSION_READ_ONLY},
		{TOKEN_DATA, DESTROY, NO_ATTRIBUTE,         CKR_SESSION_READ_ONLY},
		{TOKEN_CERT, SET,     LABEL,                CKR_SESSION_READ_ONLY},
		{PRIVATE,    SET,     LABEL,                CKR_SESSION_READ_ONLY},
		{PRIVATE,    DESTROY, NO_ATTRIBUTE,         CKR_SESSION_READ_ONLY},
		{TEMPORARY,  COPY,    FLAG(CKA_TOKEN, yes), CKR_SESSION_READ_ONLY},
		{TEMPORARY,  SET,     LABEL,                CKR_OK},
		{TEMPORARY,  COPY,    LABEL,                CKR_OK},
		{TEMPORARY,  DESTROY, NO_ATTRIBUTE,         CKR_OK},
	};
	/* clang-format on */
	CK_OBJECT_HANDLE o;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &data_class, sizeof(data_class)},
		{CKA_TOKEN, &yes,        1                 },
	};

	(void)state;
	judge(ro, rules, COUNT(rules));
	is(f->C_CreateObject(ro, list, 2, &o), CKR_SESSION_READ_ONLY);
}

/* Nobody is logged in: private objects are not there, public ones cannot be changed. */
static void test_public(void **state)
{
	/* clang-format off */
	static const struct rule rules[] = {
		{PRIVATE,    SET,     LABEL,                  CKR_OBJECT_HANDLE_INVALID},
		{PRIVATE,    DESTROY, NO_ATTRIBUTE,           CKR_OBJECT_HANDLE_INVALID},
		{TOKEN_DATA, SET,     LABEL,                  CKR_USER_NOT_LOGGED_IN},
		{TOKEN_DATA, DESTROY, NO_ATTRIBUTE,           CKR_USER_NOT_LOGGED_IN},
		{TOKEN_CERT, DESTROY, NO_ATTRIBUTE,           CKR_USER_NOT_LOGGED_IN},
		{TEMPORARY,  COPY,    FLAG(CKA_PRIVATE, yes), CKR_USER_NOT_LOGGED_IN},
		{TEMPORARY,  COPY,    FLAG(CKA_TOKEN, yes),   CKR_USER_NOT_LOGGED_IN},
		{TEMPORARY,  DESTROY, NO_ATTRIBUTE,           CKR_OK},
	};
	/* clang-format on */

	(void)state;
	ok(f->C_Logout(rw));
	judge(rw, rules, COUNT(rules));
}

/* The SO manages PINs: he sees no private object, and the token lets him write none at all. */
static void test_so(void **state)
{
	/* clang-format off */
	static const struct rule rules[] = {
		{PRIVATE,    SET,     LABEL,        CKR_OBJECT_HANDLE_INVALID},
		{TOKEN_DATA, DESTROY, NO_ATTRIBUTE, CKR_USER_NOT_LOGGED_IN},
		{TEMPORARY,  SET,     LABEL,        CKR_OK},
	};
	/* clang-format on */
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_SESSION_HANDLE third;

	(void)state;
	ok(f->C_Logout(rw));
	is(f->C_Login(rw, CKU_SO, PIN(SO_PIN)), CKR_SESSION_READ_ONLY_EXISTS);
	ok(f->C_CloseSession(ro));
	ok(f->C_Login(rw, CKU_SO, PIN(SO_PIN)));
	is(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &third), CKR_SESSION_READ_WRITE_SO_EXISTS);
	judge(rw, rules, COUNT(rules));
	assert_int_equal(bench_count(rw, &(CK_ATTRIBUTE){CKA_CLASS, &class, sizeof(class)}, 1), 0);
}

/* ---- handles ---- */

/* 4 and 5.6: a handle is good for one object, as long as it is there and may be seen, and never comes again. */
static void test_handles(void **state)
{
	CK_OBJECT_HANDLE last = objects[PROFILE], again;

	(void)state;
	for (int i = 0; i < OBJECTS; i++)
		if (i != NOTHING && objects[i] > last)
			last = objects[i];
	ok(f->C_DestroyObject(rw, objects[TEMPORARY]));
	again = note(CKA_TOKEN, &no);
	assert_true(again > last);
	is(f->C_DestroyObject(rw, objects[TEMPORARY]), CKR_OBJECT_HANDLE_INVALID);
	/* Private ones end with the log-in. */
	ok(f->C_Logout(rw));
	ok(f->C_Login(rw, CKU_USER, PIN(USER_PIN)));
	assert_int_equal(bench_get(rw, objects[PRIVATE], CKA_ID, NULL, 0), CK_UNAVAILABLE_INFORMATION);
	assert_true(bench_find(rw, CKO_PRIVATE_KEY, 1) > again);
	assert_int_equal(bench_find(rw, CKO_PUBLIC_KEY, 1), objects[PUBLIC]);
	/* Session objects end with their session. */
	ok(f->C_CloseSession(rw));
	assert_int_equal(bench_get(ro, again, CKA_CLASS, NULL, 0), CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(bench_get(ro, objects[PUBLIC], CKA_ID, NULL, 0), 1);
	is(f->C_GetObjectSize(rw, objects[PUBLIC], &again), CKR_SESSION_HANDLE_INVALID);
}

/* Each function has a name of its own for a handle that is none, or of the wrong thing (5.1.6). */
static void test_wrong_handles(void **state)
{
	/* clang-format off */
	static const struct {
		enum what what;
		CK_RV sign, verify, derive;
	} rows[] = {
		{NOTHING,    CKR_KEY_HANDLE_INVALID,     CKR_KEY_HANDLE_INVALID,     CKR_KEY_HANDLE_INVALID},
		{TOKEN_CERT, CKR_KEY_HANDLE_INVALID,     CKR_KEY_HANDLE_INVALID,     CKR_KEY_HANDLE_INVALID},
		{TEMPORARY,  CKR_KEY_HANDLE_INVALID,     CKR_KEY_HANDLE_INVALID,     CKR_KEY_HANDLE_INVALID},
		{PROFILE,    CKR_KEY_HANDLE_INVALID,     CKR_KEY_HANDLE_INVALID,     CKR_KEY_HANDLE_INVALID},
		{PUBLIC,     CKR_KEY_TYPE_INCONSISTENT,  CKR_OK,                     CKR_KEY_TYPE_INCONSISTENT},
		{PRIVATE,    CKR_OK,                     CKR_KEY_TYPE_INCONSISTENT,  CKR_KEY_FUNCTION_NOT_PERMITTED},
	};
	/* clang-format on */
	CK_BYTE point[80];
	CK_ECDH1_DERIVE_PARAMS p = {CKD_NULL, 0, NULL, 65, point + 2};
	CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}, ecdh = {CKM_ECDH1_DERIVE, &p, sizeof(p)};
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,    &class, sizeof(class)},
		{CKA_KEY_TYPE, &type,  sizeof(type) },
	};
	CK_OBJECT_HANDLE key;
	CK_ULONG size;

	(void)state;
	assert_int_equal(bench_get(rw, objects[PUBLIC], CKA_EC_POINT, point, sizeof(point)), 67);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_OBJECT_HANDLE o = objects[rows[i].what];

		is(f->C_SignInit(rw, &ecdsa, o), rows[i].sign);
		is(f->C_VerifyInit(rw, &ecdsa, o), rows[i].verify);
		is(f->C_DeriveKey(rw, &ecdh, o, list, 2, &key), rows[i].derive);
		ok(f->C_SessionCancel(rw, CKF_SIGN | CKF_VERIFY));
	}
	is(f->C_GetObjectSize(rw, objects[NOTHING], &size), CKR_OBJECT_HANDLE_INVALID);
	is(f->C_GetAttributeValue(rw, CK_INVALID_HANDLE, list, 1), CKR_OBJECT_HANDLE_INVALID);
}

/* ---- PINs ---- */

static CK_FLAGS flags_of(CK_SLOT_ID slot)
{
	CK_TOKEN_INFO info;

	ok(f->C_GetTokenInfo(slot, &info));
	return info.flags;
}

/*
 * pain 22: a program asks, and one try is spent, of one token. One that cannot be right is not sent at all; FINAL_TRY
 * is told without a command, so that who wants to can stop; and nothing here tries a PIN of its own accord.
 */
static void test_tries(void **state)
{
	unsigned long before;

	(void)state;
	ok(f->C_Logout(rw));
	loop_plug(loop, 1, chip[1]);
	before = bench_apdus();
	is(f->C_Login(rw, CKU_USER, PIN("1")), CKR_PIN_INCORRECT);
	is(f->C_Login(rw, CKU_USER, PIN("123456789012345678901234567890123")), CKR_PIN_INCORRECT);
	assert_int_equal(bench_apdus(), before);
	assert_false(flags_of(0) & CKF_USER_PIN_COUNT_LOW);
	for (int left = 5; left >= 1; left--) {
		is(f->C_Login(rw, CKU_USER, PIN("000000")), CKR_PIN_INCORRECT);
		before = bench_apdus();
		assert_int_equal(!!(flags_of(0) & CKF_USER_PIN_FINAL_TRY), left == 1);
		assert_int_equal(bench_apdus(), before);
	}
	/* Calls that need a log-in do not try one. */
	is(f->C_SetAttributeValue(rw, objects[TOKEN_CERT], &(CK_ATTRIBUTE)LABEL, 1), CKR_USER_NOT_LOGGED_IN);
	assert_true(flags_of(0) & CKF_USER_PIN_FINAL_TRY);
	ok(f->C_Login(rw, CKU_USER, PIN(USER_PIN)));
	assert_false(flags_of(0) & CKF_USER_PIN_COUNT_LOW);
}

/* pain 10: what C_GetTokenInfo says of lengths is so, and the length that the caller says is the length that is sent.
 */
static void test_pin_lengths(void **state)
{
	static char longest[] = "12345678901234567890123456789012 and not this";
	CK_UTF8CHAR_PTR pin = (CK_UTF8CHAR_PTR)longest;
	CK_TOKEN_INFO info;

	(void)state;
	ok(f->C_GetTokenInfo(0, &info));
	is(f->C_SetPIN(rw, PIN(USER_PIN), pin, info.ulMaxPinLen + 1), CKR_PIN_LEN_RANGE);
	is(f->C_SetPIN(rw, PIN(USER_PIN), pin, info.ulMinPinLen - 1), CKR_PIN_LEN_RANGE);
	ok(f->C_SetPIN(rw, PIN(USER_PIN), pin, info.ulMaxPinLen));
	for (int i = 0; i < 3; i++) {
		ok(f->C_Logout(rw));
		is(f->C_Login(rw, CKU_USER, pin, info.ulMaxPinLen + 1), CKR_PIN_INCORRECT);
		ok(f->C_Login(rw, CKU_USER, pin, info.ulMaxPinLen));
	}
	ok(f->C_SetPIN(rw, pin, info.ulMaxPinLen, pin, info.ulMinPinLen));
	ok(f->C_Logout(rw));
	ok(f->C_Login(rw, CKU_USER, pin, info.ulMinPinLen));
}

/* 3.0, 5.6.8: the token knows one user and one SO, and no names. No try is spent on a name. */
static void test_login_user(void **state)
{
	(void)state;
	ok(f->C_Logout(rw));
	is(f->C_LoginUser(rw, CKU_USER, PIN(USER_PIN), PIN("alice")), CKR_ARGUMENTS_BAD);
	is(f->C_LoginUser(rw, CKU_USER, PIN("000000"), PIN("alice")), CKR_ARGUMENTS_BAD);
	is(f->C_LoginUser(rw, CKU_USER, PIN(USER_PIN), NULL, 5), CKR_ARGUMENTS_BAD);
	is(f->C_LoginUser(rw, 7, PIN(USER_PIN), NULL, 0), CKR_USER_TYPE_INVALID);
	assert_false(flags_of(0) & CKF_USER_PIN_COUNT_LOW);
	is(f->C_LoginUser(rw, CKU_CONTEXT_SPECIFIC, PIN(USER_PIN), NULL, 0), CKR_OPERATION_NOT_INITIALIZED);
	/* The empty name is none. */
	ok(f->C_LoginUser(rw, CKU_USER, PIN(USER_PIN), PIN("")));
	is(f->C_LoginUser(rw, CKU_USER, PIN(USER_PIN), NULL, 0), CKR_USER_ALREADY_LOGGED_IN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_objects),
		TEST(test_read_only),
		TEST(test_public),
		TEST(test_so),
		TEST(test_handles),
		TEST(test_wrong_handles),
		TEST(test_tries),
		TEST(test_pin_lengths),
		TEST(test_login_user),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
