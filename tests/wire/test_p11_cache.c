/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A poisoned cache, seen from an application: whatever stands in the files that libukey keeps, every object, every
 * attribute and every signature is what the module says without them. What each damage costs, and how files mend, is
 * test_driver_cache's (pain 12).
 */
#include "config.h"

#include "tests/wire/p11_bench.h"

#include "driver/cache_file.h"
#include "tests/wire/cache_files.h"
#include "tests/wire/trusted.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERIAL    "00554B4559000001"
#define OTHER     "00554B4559000002"
#define DIRECTORY SERIAL ".directory"
#define FILES     8

/* All that an application sees: a digest over every object and attribute, and a signature. */
struct view {
	uint8_t objects[32], signature[256];
	size_t count;
};

static struct view truth;
static unsigned long looks; /* at a poisoned cache */
static struct file {
	char name[NAME_MAX + 1];
	uint8_t *content;
	size_t len;
} files[FILES];
static size_t file_count;

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static void hash_object(struct crypto_digest_ctx *d, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	static const CK_ATTRIBUTE_TYPE types[] = {CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_ID, CKA_KEY_TYPE,
		CKA_VALUE, CKA_SUBJECT, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_MODULUS, CKA_PUBLIC_EXPONENT, CKA_EC_POINT,
		CKA_EC_PARAMS, CKA_SIGN, CKA_DECRYPT, CKA_DERIVE, CKA_ALWAYS_AUTHENTICATE, CKA_APPLICATION,
		CKA_PUBLIC_KEY_INFO};
	uint8_t value[2048];

	for (size_t i = 0; i < COUNT(types); i++) {
		CK_ATTRIBUTE a = {types[i], value, sizeof(value)};
		CK_RV rv = f->C_GetAttributeValue(s, o, &a, 1);

		assert_true(crypto_digest_update(d, BYTES((uint8_t *)&rv, sizeof(rv))));
		assert_true(crypto_digest_update(d, BYTES((uint8_t *)&a.ulValueLen, sizeof(a.ulValueLen))));
		if (rv == CKR_OK && a.ulValueLen)
			assert_true(crypto_digest_update(d, BYTES(value, a.ulValueLen)));
	}
}

static void sign(CK_SESSION_HANDLE s, uint8_t signature[256])
{
	CK_MECHANISM m = {CKM_SHA256_RSA_PKCS, NULL, 0};
	CK_ULONG len = 256;

	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
	ok(f->C_SignInit(s, &m, bench_find(s, CKO_PRIVATE_KEY, 1)));
	ok(f->C_Sign(s, (CK_BYTE_PTR) "data", 4, signature, &len));
	assert_int_equal(len, 256);
}

/* As a program that begins, looks at everything and ends. */
static struct view look(bool with_signature)
{
	CK_OBJECT_HANDLE found[64];
	struct view v = {.count = 0};
	CK_ULONG n = 0;
	struct crypto_digest_ctx *d = crypto_digest_new(CRYPTO_SHA256);

	ok(f->C_Initialize(NULL));
	ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	CK_SESSION_HANDLE s = bench_session(0, -1);
	ok(f->C_FindObjectsInit(s, NULL, 0));
	ok(f->C_FindObjects(s, found, COUNT(found), &n));
	ok(f->C_FindObjectsFinal(s));
	v.count = n;
	for (CK_ULONG i = 0; i < n; i++)
		hash_object(d, s, found[i]);
	assert_true(crypto_digest_final(d, v.objects));
	crypto_digest_free(d);
	if (with_signature)
		sign(s, v.signature);
	ok(f->C_Finalize(NULL));
	return v;
}

static void must_be_true(bool with_signature)
{
	const struct view v = look(with_signature);

	looks++;
	assert_int_equal(v.count, truth.count);
	assert_memory_equal(v.objects, truth.objects, sizeof(v.objects));
	if (with_signature)
		assert_memory_equal(v.signature, truth.signature, sizeof(v.signature));
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void forget_files(void)
{
	for (size_t i = 0; i < file_count; i++)
		free(files[i].content);
	file_count = 0;
}

static void remember_files(void)
{
	char names[FILES][NAME_MAX + 1];
	const size_t count = cache_names(names, FILES);

	forget_files();
	for (; file_count < count; file_count++) {
		struct file *to = &files[file_count];
		memcpy(to->name, names[file_count], sizeof(to->name));
		to->content = cache_read(to->name, &to->len);
	}
}

static void put_all(void)
{
	for (size_t i = 0; i < file_count; i++)
		cache_write(files[i].name, files[i].content, files[i].len);
}

static const struct file *directory_file(void)
{
	for (size_t i = 0; i < file_count; i++)
		if (strcmp(files[i].name, DIRECTORY) == 0)
			return &files[i];
	fail();
	return NULL;
}

/* ---- the token --------------------------------------------------------------------------------------------------- */

static void write_certificate(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE pub, long serial)
{
	static CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	static CK_CERTIFICATE_TYPE type = CKC_X_509;
	static CK_BBOOL yes = CK_TRUE;
	size_t len;
	uint8_t *der = bench_certificate(s, pub, serial, &len);
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,            &class, sizeof(class)},
		{CKA_CERTIFICATE_TYPE, &type,  sizeof(type) },
		{CKA_TOKEN,            &yes,   1            },
		{CKA_VALUE,            der,    len          },
	};
	CK_OBJECT_HANDLE o;

	ok(f->C_CreateObject(s, list, COUNT(list), &o));
	free(der);
}

/* What the module says with no file at all, and then the files that it leaves. */
static void learn_truth(void)
{
	trusted_configure("cache = no\n");
	truth = look(true);
	trusted_configure(NULL);
	trusted_forget_cache();
	must_be_true(true);
	remember_files();
	assert_int_equal(file_count, 2);
}

static int setup(void **state)
{
	CK_OBJECT_HANDLE pub, prv;

	bench_setup_operational(state);
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	bench_generate(s, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, USE_SIGN, 1, &pub, &prv);
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN | USE_DERIVE, 2, &pub, &prv);
	write_certificate(s, pub, 1);
	ok(f->C_Finalize(NULL));
	learn_truth();
	return 0;
}

static int teardown(void **state)
{
	forget_files();
	trusted_configure(NULL);
	return bench_teardown(state);
}

/* ---- damage ------------------------------------------------------------------------------------------------------ */

static void every_bit_flipped(void **state)
{
	(void)state;
	for (size_t i = 0; i < file_count; i++) {
		struct file *const one = &files[i];
		for (size_t bit = 0; bit < 8 * one->len; bit++) {
			one->content[bit / 8] ^= (uint8_t)(1u << bit % 8);
			cache_write(one->name, one->content, one->len);
			one->content[bit / 8] ^= (uint8_t)(1u << bit % 8);
			must_be_true(bit % 256 == 0);
		}
	}
}

static void cut_at_every_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < file_count; i++)
		for (size_t len = 0; len < files[i].len; len++) {
			cache_write(files[i].name, files[i].content, len);
			must_be_true(len % 64 == 0);
		}
}

static void each_file_in_the_place_of_the_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < file_count; i++)
		for (size_t k = 0; k < file_count; k++) {
			put_all();
			cache_write(files[i].name, files[k].content, files[k].len);
			must_be_true(true);
			/* With the kind that the name promises. */
			uint8_t kind = files[i].content[5];
			cache_write(files[i].name, files[k].content, files[k].len);
			int fd = open(cache_path(files[i].name), O_WRONLY | O_CLOEXEC);
			assert_int_equal(pwrite(fd, &kind, 1, 5), 1);
			close(fd);
			must_be_true(true);
		}
}

/* Another token's files, by its name and made out to be ours. */
static void another_tokens_files(void **state)
{
	(void)state;
	chip[1]->hal.served = 1; /* other keys */
	loop_unplug(loop, 0);
	loop_plug(loop, 1, chip[1]);
	ok(f->C_Initialize(NULL));
	CK_ULONG n = 0;
	ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	CK_SLOT_ID slot = 0;
	n = 1;
	ok(f->C_GetSlotList(CK_TRUE, &slot, &n));
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE pub, prv;
	ok(f->C_InitToken(slot, PIN(SO_PIN), (CK_UTF8CHAR_PTR) "Other                           "));
	ok(f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s));
	ok(f->C_Login(s, CKU_SO, PIN(SO_PIN)));
	ok(f->C_InitPIN(s, PIN(USER_PIN)));
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
	bench_generate(s, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, USE_SIGN, 1, &pub, &prv);
	write_certificate(s, pub, 2);
	bench_count(s, NULL, 0);
	ok(f->C_Finalize(NULL));
	loop_unplug(loop, 1);
	loop_plug(loop, 0, chip[0]);
	remember_files();
	for (size_t i = 0; i < file_count; i++) {
		if (strncmp(files[i].name, OTHER, 16) != 0)
			continue;
		cache_write(DIRECTORY, files[i].content, files[i].len);
		must_be_true(true);
		memcpy(files[i].content + 6, SERIAL, 16);
		cache_write(DIRECTORY, files[i].content, files[i].len);
		must_be_true(true);
		memcpy(files[i].name, SERIAL, 16);
		cache_write(files[i].name, files[i].content, files[i].len);
		must_be_true(true);
	}
}

/* Files that were right once: the certificate was renewed since, and is one digest further. */
static void old_files_after_the_token_changed(void **state)
{
	struct file before[FILES];
	const size_t n = file_count;

	(void)state;
	memcpy(before, files, sizeof(before));
	file_count = 0;
	ok(f->C_Initialize(NULL));
	CK_ULONG slots;
	ok(f->C_GetSlotList(CK_TRUE, NULL, &slots));
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	write_certificate(s, bench_find(s, CKO_PUBLIC_KEY, 2), 7);
	ok(f->C_Finalize(NULL));
	const struct view old = truth;
	learn_truth();
	assert_memory_not_equal(old.objects, truth.objects, sizeof(old.objects));
	for (size_t i = 0; i < n; i++)
		cache_write(before[i].name, before[i].content, before[i].len);
	must_be_true(true);
	/* The old certificate by the name of the new one; the old directory beside it. */
	for (size_t i = 0; i < file_count; i++)
		for (size_t k = 0; k < n; k++) {
			cache_write(files[i].name, before[k].content, before[k].len);
			must_be_true(true);
		}
	for (size_t i = 0; i < n; i++)
		free(before[i].content);
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static void links_pipes_and_folders(void **state)
{
	const char *const name = DIRECTORY;
	char aside[4096];

	(void)state;
	snprintf(aside, sizeof(aside), "%s/aside", trusted_home());
	for (int what = 0; what < 5; what++) {
		put_all();
		assert_int_equal(unlink(cache_path(name)), 0);
		if (what == 0)
			assert_int_equal(mkfifo(cache_path(name), 0600), 0);
		else if (what == 1)
			assert_int_equal(symlink("/dev/zero", cache_path(name)), 0);
		else if (what == 2)
			assert_int_equal(symlink(".", cache_path(name)), 0);
		else if (what == 3)
			assert_int_equal(symlink(name, cache_path(name)), 0);
		else
			assert_int_equal(mkdir(cache_path(name), 0700), 0);
		must_be_true(true);
		if (what == 4)
			assert_int_equal(rmdir(cache_path(name)), 0);
	}
	put_all();
	/* Files and folders that others may write, and hold what looks right but for one bit. */
	struct file *bad = &files[directory_file() - files];
	bad->content[bad->len - 1] ^= 1;
	put_all();
	assert_int_equal(chmod(cache_path(name), 0666), 0);
	must_be_true(true);
	put_all();
	assert_int_equal(chmod(cache_path(NULL), 0777), 0);
	must_be_true(true);
	assert_int_equal(chmod(cache_path(NULL), 0700), 0);
	put_all();
	assert_int_equal(rename(cache_path(NULL), aside), 0);
	assert_int_equal(symlink(aside, cache_path(NULL)), 0);
	must_be_true(true);
	assert_int_equal(unlink(cache_path(NULL)), 0);
	assert_int_equal(rename(aside, cache_path(NULL)), 0);
	/* Somebody else's, as far as root can make it so. */
	if (geteuid() == 0) {
		put_all();
		assert_int_equal(chown(cache_path(name), 65534, 65534), 0);
		must_be_true(true);
		assert_int_equal(chown(cache_path(NULL), 65534, 65534), 0);
		must_be_true(true);
	}
}

/* ---- while it is read -------------------------------------------------------------------------------------------- */

static atomic_bool stop;

/* In place, so that a reader may find half of each; longer and shorter, and gone. No assertions: not this thread's. */
static void *keep_changing(void *arg)
{
	const struct file *const one = arg;
	uint8_t *const bad = malloc(one->len);
	char path[4096];

	snprintf(path, sizeof(path), "%s", cache_path(one->name));
	for (unsigned n = 0; bad && !atomic_load(&stop); n++) {
		memcpy(bad, one->content, one->len);
		bad[n % one->len] ^= 0x10;
		int fd = open(path, O_WRONLY | O_CREAT | (n % 3 ? 0 : O_TRUNC) | O_CLOEXEC, 0600);
		ssize_t ignored = fd >= 0 ? write(fd, n & 1 ? bad : one->content, one->len - n % 7 * 9) : 0;
		if (ignored >= 0 && fd >= 0 && n % 5 == 0)
			ignored = ftruncate(fd, n % 2 ? 0 : (off_t)one->len);
		if (fd >= 0)
			close(fd);
		if (n % 11 == 0 || ignored < 0)
			unlink(path);
	}
	free(bad);
	return NULL;
}

static void a_file_that_changes_while_it_is_read(void **state)
{
	pthread_t thread;

	(void)state;
	for (size_t i = 0; i < file_count; i++) {
		atomic_store(&stop, false);
		assert_int_equal(pthread_create(&thread, NULL, keep_changing, &files[i]), 0);
		for (int n = 0; n < 300; n++)
			must_be_true(n % 50 == 0);
		atomic_store(&stop, true);
		pthread_join(thread, NULL);
	}
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(every_bit_flipped),
		test(cut_at_every_length),
		test(each_file_in_the_place_of_the_other),
		test(another_tokens_files),
		test(old_files_after_the_token_changed),
		test(links_pipes_and_folders),
		test(a_file_that_changes_while_it_is_read),
	};
	const int failed = cmocka_run_group_tests(tests, NULL, NULL);

	printf("%lu looks at a poisoned cache\n", looks);
	return failed;
}
