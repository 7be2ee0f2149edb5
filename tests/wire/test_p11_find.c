/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What C_FindObjects finds is what a slow and simple comparison of every attribute finds: over random templates, while
 * objects come, go and change, on the token and in sessions, with the user logged in and not.
 */
#include "config.h"

#include "tests/wire/p11_bench.h"

#define OBJECTS_MAX 600
#define VALUE_MAX   256
#define ASKED_MAX   5
#define ROUNDS      250

static CK_SESSION_HANDLE s, other;
static CK_OBJECT_HANDLE last; /* the highest handle that anybody was given */
static bool logged_in;

/* The same numbers in every run. */
static uint32_t state;
static uint32_t chance(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

/* ---- the slow way ------------------------------------------------------------------------------------------------ */

static bool exists(CK_OBJECT_HANDLE o)
{
	CK_OBJECT_CLASS class;

	return bench_get(s, o, CKA_CLASS, &class, sizeof class) == sizeof class;
}

static bool has(CK_OBJECT_HANDLE o, const CK_ATTRIBUTE *a)
{
	static CK_BYTE value[4096];
	CK_ULONG len = bench_get(s, o, a->type, value, sizeof value);

	return len == a->ulValueLen && (!len || memcmp(value, a->pValue, len) == 0);
}

/* Mechanism objects are there for who asks for them by their class. */
static bool asked_for(CK_OBJECT_HANDLE o, const CK_ATTRIBUTE *list, CK_ULONG count)
{
	const CK_OBJECT_CLASS mechanism = CKO_MECHANISM;
	const CK_ATTRIBUTE a = {CKA_CLASS, (CK_VOID_PTR)&mechanism, sizeof mechanism};

	if (!has(o, &a))
		return true;
	for (CK_ULONG i = 0; i < count; i++)
		if (list[i].type == CKA_CLASS)
			return has(o, &list[i]);
	return false;
}

static CK_ULONG slow_find(const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *found)
{
	CK_ULONG n = 0;

	for (CK_OBJECT_HANDLE o = 1; o <= last; o++) {
		bool hit = exists(o) && asked_for(o, list, count);

		for (CK_ULONG i = 0; hit && i < count; i++)
			hit = has(o, &list[i]);
		if (hit)
			found[n++] = o;
		assert_in_range(n, 0, OBJECTS_MAX);
	}
	return n;
}

static CK_ULONG quick_find(CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *found)
{
	CK_ULONG n = 0, more = 1;

	ok(f->C_FindObjectsInit(s, list, count));
	while (more) {
		ok(f->C_FindObjects(s, found + n, 1 + chance(40), &more));
		n += more;
		assert_in_range(n, 0, OBJECTS_MAX);
	}
	ok(f->C_FindObjectsFinal(s));
	return n;
}

static void look_for_new_handles(void)
{
	CK_OBJECT_HANDLE all[OBJECTS_MAX + 64];
	CK_ULONG n = quick_find(NULL, 0, all);

	for (CK_ULONG i = 0; i < n; i++)
		last = all[i] > last ? all[i] : last;
}

/* ---- templates --------------------------------------------------------------------------------------------------- */

struct template
{
	CK_ATTRIBUTE list[ASKED_MAX];
	CK_BYTE values[ASKED_MAX][VALUE_MAX];
	CK_ULONG count;
};

static const CK_ATTRIBUTE_TYPE asked[] = {CKA_CLASS, CKA_CLASS, CKA_ID, CKA_ID, CKA_ID, CKA_LABEL, CKA_LABEL, CKA_TOKEN,
	CKA_PRIVATE, CKA_KEY_TYPE, CKA_SIGN, CKA_MODIFIABLE, CKA_EC_POINT, CKA_APPLICATION, CKA_CERTIFICATE_TYPE,
	CKA_UNIQUE_ID, CKA_VALUE, CKA_VENDOR_DEFINED | 77};

static CK_OBJECT_HANDLE any_object(void)
{
	for (int i = 0; i < 200; i++) {
		CK_OBJECT_HANDLE o = 1 + chance((uint32_t)last);

		if (exists(o))
			return o;
	}
	return 1;
}

/* A value that an object has; now and then spoiled, of another object, empty, or too short. */
static void template_add(struct template *t, CK_OBJECT_HANDLE o)
{
	CK_ATTRIBUTE *a = &t->list[t->count];
	CK_BYTE *value = t->values[t->count];
	CK_ATTRIBUTE_TYPE type = asked[chance(COUNT(asked))];
	CK_ULONG len = bench_get(s, chance(8) ? o : any_object(), type, value, VALUE_MAX);

	if (len == CK_UNAVAILABLE_INFORMATION) {
		len = chance(2);
		value[0] = (CK_BYTE)chance(256);
	}
	if (len && chance(8) == 0)
		value[chance((uint32_t)len)] ^= (CK_BYTE)(1 + chance(255));
	if (len && chance(24) == 0)
		len--;
	*a = (CK_ATTRIBUTE){type, value, len};
	t->count++;
}

static void template_random(struct template *t)
{
	const CK_OBJECT_HANDLE o = any_object();
	const CK_ULONG count = chance(ASKED_MAX + 1);

	for (t->count = 0; t->count < count;)
		template_add(t, o);
}

static void compare(struct template *t)
{
	CK_OBJECT_HANDLE quick[OBJECTS_MAX + 64], slow[OBJECTS_MAX + 64];
	CK_ULONG n = quick_find(t->list, t->count, quick), wanted = slow_find(t->list, t->count, slow);

	if (n != wanted || memcmp(quick, slow, n * sizeof *quick) != 0) {
		fprintf(stderr, "%lu found instead of %lu, asking:", n, wanted);
		for (CK_ULONG i = 0; i < t->count; i++)
			fprintf(stderr, " %lx (%lu bytes)", t->list[i].type, t->list[i].ulValueLen);
		fprintf(stderr, "\n");
	}
	assert_int_equal(n, wanted);
	assert_memory_equal(quick, slow, n * sizeof *quick);
}

/* ---- what happens in between ------------------------------------------------------------------------------------- */

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static char *const labels[] = {"", "key", "work", "home", "Bench", "work "};

static char *any_label(void)
{
	return labels[chance(COUNT(labels))];
}

/* The session's own, or on the token. */
static void create_data(void)
{
	CK_OBJECT_CLASS class = CKO_DATA;
	char *label = any_label(), *application = any_label();
	const bool on_token = logged_in && chance(3) == 0, private = logged_in && chance(3) == 0;
	CK_BYTE value = (CK_BYTE)chance(4);
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,       &class,                sizeof class       },
		{CKA_TOKEN,       on_token ? &yes : &no, 1                  },
		{CKA_PRIVATE,     private ? &yes : &no,  1                  },
		{CKA_LABEL,       label,                 strlen(label)      },
		{CKA_APPLICATION, application,           strlen(application)},
		{CKA_VALUE,       &value,                1                  },
	};
	CK_OBJECT_HANDLE o;
	CK_RV rv = f->C_CreateObject(chance(2) ? s : other, list, COUNT(list), &o);

	/* A token has room for so many. */
	if (rv != CKR_DEVICE_MEMORY)
		ok(rv);
}

static CK_BYTE *p256_oid(void)
{
	static CK_BYTE oid[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};

	return oid;
}

/* The same public key as one of the token's, as a session object with or without an identifier. */
static void create_public_key(void)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_BYTE point[100], id = (CK_BYTE)chance(6);
	CK_OBJECT_HANDLE key = bench_find(s, CKO_PUBLIC_KEY, (CK_BYTE)chance(6));
	CK_ULONG len = key ? bench_get(s, key, CKA_EC_POINT, point, sizeof point) : 0;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,     &class,     sizeof class},
		{CKA_KEY_TYPE,  &type,      sizeof type },
		{CKA_EC_PARAMS, p256_oid(), 10          },
		{CKA_EC_POINT,  point,      len         },
		{CKA_ID,        &id,        1           },
	};
	CK_OBJECT_HANDLE o;

	if (len == 67)
		ok(f->C_CreateObject(chance(2) ? s : other, list, COUNT(list) - chance(2), &o));
}

static void generate(void)
{
	CK_OBJECT_HANDLE pub, prv;

	if (logged_in)
		bench_generate(other, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, (CK_BYTE)chance(6), &pub, &prv);
}

static void create_certificate(void)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BYTE id = (CK_BYTE)chance(6);
	char *label = any_label();
	CK_OBJECT_HANDLE o, pub = bench_find(s, CKO_PUBLIC_KEY, id);
	size_t len;

	/* A public key of the session says nothing of itself in DER. */
	if (!logged_in || !pub || !bench_bool(s, pub, CKA_TOKEN))
		return;
	uint8_t *der = bench_certificate(s, pub, (long)chance(1000), &len);
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,            &class,                 sizeof class },
		{CKA_CERTIFICATE_TYPE, &type,                  sizeof type  },
		{CKA_TOKEN,            chance(2) ? &yes : &no, 1            },
		{CKA_ID,               &id,                    1            },
		{CKA_LABEL,            label,                  strlen(label)},
		{CKA_VALUE,            der,                    len          },
	};
	ok(f->C_CreateObject(other, list, COUNT(list), &o));
	free(der);
}

static void rename_one(void)
{
	char *label = any_label();
	CK_BYTE id = (CK_BYTE)chance(6);
	CK_ATTRIBUTE list[] = {
		{CKA_LABEL, label, strlen(label)},
		{CKA_ID,    &id,   1            },
	};

	/* What refuses (a profile, data without CKA_ID) stays as it is. */
	f->C_SetAttributeValue(s, any_object(), &list[chance(2)], 1);
}

static void destroy_one(void)
{
	f->C_DestroyObject(s, any_object());
}

static void log_in_or_out(void)
{
	if (logged_in)
		ok(f->C_Logout(s));
	else
		ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
	logged_in = !logged_in;
}

static void new_session(void)
{
	ok(f->C_CloseSession(other));
	other = bench_session(CKF_RW_SESSION, -1);
}

static void something_happens(void)
{
	static void (*const what[])(void) = {create_data, create_data, create_data, create_public_key,
		create_public_key, generate, create_certificate, create_certificate, rename_one, rename_one, rename_one,
		destroy_one, log_in_or_out, new_session};

	what[chance(COUNT(what))]();
	look_for_new_handles();
}

/* [PKCS11] One list of objects, whatever the road to it. */
static void test_random(void **unused)
{
	(void)unused;
	state = 4711;
	logged_in = true;
	last = 0;
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	other = bench_session(CKF_RW_SESSION, -1);
	for (int i = 0; i < 12; i++)
		generate();
	look_for_new_handles();
	for (int round = 0; round < ROUNDS; round++) {
		struct template t;

		something_happens();
		for (int i = 0; i < 4; i++) {
			template_random(&t);
			compare(&t);
		}
	}
}

/* An attribute twice in the template: both must hold. */
static void test_twice(void **unused)
{
	CK_OBJECT_CLASS private = CKO_PRIVATE_KEY, public = CKO_PUBLIC_KEY;
	CK_BYTE one = 1, two = 2;
	CK_OBJECT_HANDLE pub, prv;

	(void)unused;
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	CK_ATTRIBUTE same[] = {
		{CKA_CLASS, &private, sizeof private},
		{CKA_CLASS, &private, sizeof private},
		{CKA_ID,    &one,     1             },
		{CKA_ID,    &one,     1             },
	};
	CK_ATTRIBUTE classes[] = {
		{CKA_CLASS, &private, sizeof private},
		{CKA_CLASS, &public,  sizeof public },
	};
	CK_ATTRIBUTE ids[] = {
		{CKA_ID, &one, 1},
		{CKA_ID, &two, 1},
	};
	CK_ATTRIBUTE token[] = {
		{CKA_TOKEN, &yes, 1},
		{CKA_TOKEN, &no,  1},
	};
	assert_int_equal(bench_count(s, same, 4), 1);
	assert_int_equal(bench_count(s, classes, 2), 0);
	assert_int_equal(bench_count(s, ids, 2), 0);
	assert_int_equal(bench_count(s, token, 2), 0);
	/* A strange length is no value of such an attribute, and no error. */
	classes[0].ulValueLen = 4;
	assert_int_equal(bench_count(s, classes, 1), 0);
}

/* A label that changes is found by its new name and by no old one, and the handle stays. */
static void test_renamed(void **unused)
{
	CK_OBJECT_HANDLE pub, prv;
	CK_BYTE one = 1, nine = 9;
	CK_ATTRIBUTE id = {CKA_ID, &nine, 1};

	(void)unused;
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, one, &pub, &prv);
	assert_int_equal(bench_find(s, CKO_PRIVATE_KEY, one), prv);
	ok(f->C_SetAttributeValue(s, prv, &id, 1));
	assert_int_equal(bench_find(s, CKO_PRIVATE_KEY, one), CK_INVALID_HANDLE);
	assert_int_equal(bench_find(s, CKO_PRIVATE_KEY, nine), prv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random, bench_setup_operational, bench_teardown),
		cmocka_unit_test_setup_teardown(test_twice, bench_setup_operational, bench_teardown),
		cmocka_unit_test_setup_teardown(test_renamed, bench_setup_operational, bench_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
