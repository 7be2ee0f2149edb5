/* SPDX-License-Identifier: Apache-2.0 */
/* Our PKCS#11 header beside libp11-kit-dev's: sizes, offsets, and every constant that both define. */
#include "pkcs11/pkcs11.h"

#include "tests/unit/p11_theirs.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
const struct p11_fact p11_ours_constants[] = {
#define CONSTANT(name) {#name, name},
#include "p11_constants.def"
	{NULL, 0},
};

const struct p11_fact p11_ours_layout[] = {P11_LAYOUT {NULL, 0}};
/* clang-format on */

/* p11-kit 0.24 has these from a draft; the standard (2.40 errata, 3.x) has 0x1B5 to 0x1B9. */
static const char *const drafts[] = {"CKR_EXCEEDED_MAX_ITERATIONS", "CKR_FIPS_SELF_TEST_FAILED",
	"CKR_LIBRARY_LOAD_FAILED", "CKR_PIN_TOO_WEAK", "CKR_PUBLIC_KEY_INVALID"};

static bool is_draft(const char *name)
{
	for (size_t i = 0; i < sizeof(drafts) / sizeof(*drafts); i++)
		if (strcmp(drafts[i], name) == 0)
			return true;
	return false;
}

static unsigned compare(const struct p11_fact *ours, const struct p11_fact *theirs, unsigned *count)
{
	unsigned differ = 0;

	for (*count = 0; ours[*count].name; ++*count) {
		assert_string_equal(ours[*count].name, theirs[*count].name);
		if (ours[*count].value == theirs[*count].value || is_draft(ours[*count].name))
			continue;
		fprintf(stderr, "%s: %#lx, theirs %#lx\n", ours[*count].name, ours[*count].value, theirs[*count].value);
		differ++;
	}
	return differ;
}

static void test_constants(void **state)
{
	unsigned count;

	(void)state;
	assert_int_equal(compare(p11_ours_constants, p11_theirs_constants, &count), 0);
	/* The list is made by the build: that it is not empty is worth a look. */
	assert_true(count > 400);
}

static void test_layout(void **state)
{
	unsigned count;

	(void)state;
	assert_int_equal(compare(p11_ours_layout, p11_theirs_layout, &count), 0);
}

/* The tables of 3.0 and 3.2 continue the one of 2.40 (3.2, 5.2). */
static void test_tables(void **state)
{
	(void)state;
	assert_int_equal(sizeof(CK_FUNCTION_LIST), (1 + 68) * sizeof(void *));
	assert_int_equal(sizeof(CK_FUNCTION_LIST_3_0), (1 + 68 + 24) * sizeof(void *));
	assert_int_equal(sizeof(CK_FUNCTION_LIST_3_2), (1 + 68 + 24 + 12) * sizeof(void *));
	assert_int_equal(offsetof(CK_FUNCTION_LIST_3_0, C_GetInterfaceList), sizeof(CK_FUNCTION_LIST));
	assert_int_equal(offsetof(CK_FUNCTION_LIST_3_2, C_EncapsulateKey), sizeof(CK_FUNCTION_LIST_3_0));
	assert_int_equal(
		offsetof(CK_FUNCTION_LIST_3_2, C_SessionCancel), offsetof(CK_FUNCTION_LIST_3_0, C_SessionCancel));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
