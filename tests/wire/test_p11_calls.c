/* SPDX-License-Identifier: Apache-2.0 */
/* Every function of every table: before C_Initialize, without a session, and where it is not built. */
#include "config.h"

#include "tests/wire/p11_bench.h"

#include <sys/wait.h>
#include <unistd.h>

struct function {
	const char *name, *args;
	size_t at; /* in the 3.2 table */
};

/* clang-format off */
static const struct function functions[] = {
#define ROW(name, args) {#name, #args, offsetof(CK_FUNCTION_LIST_3_2, name)},
	CK_FUNCTIONS_2_40(ROW, ROW) CK_FUNCTIONS_3_0(ROW) CK_FUNCTIONS_3_2(ROW)
#undef ROW
};
/* clang-format on */

/* All arguments of all functions are numbers or pointers: ten of them in the width of a register reach every one. */
typedef CK_RV anything(
	CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG);

static CK_RV call(const struct function *function, CK_ULONG first)
{
	anything *entry;

	memcpy(&entry, (const char *)f + function->at, sizeof(entry));
	return entry(first, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* 2.40, 5.4: only these may be called before C_Initialize. */
static void test_not_initialized(void **state)
{
	static const char *const free_ones[] = {
		"C_Initialize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"};

	(void)state;
	for (size_t i = 0; i < COUNT(functions); i++)
		if (!is_one_of(functions[i].name, free_ones, COUNT(free_ones))) {
			if (call(&functions[i], 0) != CKR_CRYPTOKI_NOT_INITIALIZED)
				fprintf(stderr, "%s\n", functions[i].name);
			is(call(&functions[i], 0), CKR_CRYPTOKI_NOT_INITIALIZED);
		}
	assert_int_equal(bench_apdus(), 0);
}

static bool takes_session(const struct function *function)
{
	return strncmp(function->args, "(CK_SESSION_HANDLE hSession", 27) == 0;
}

static void test_no_session(void **state)
{
	size_t n = 0;

	(void)state;
	ok(f->C_Initialize(NULL));
	for (size_t i = 0; i < COUNT(functions); i++)
		if (takes_session(&functions[i])) {
			if (call(&functions[i], 4711) != CKR_SESSION_HANDLE_INVALID)
				fprintf(stderr, "%s\n", functions[i].name);
			is(call(&functions[i], 4711), CKR_SESSION_HANDLE_INVALID);
			n++;
		}
	assert_int_equal(n, 89);
	assert_int_equal(bench_apdus(), 0);
}

/* What each function says to a good session and nothing but zeros: no crash, and the right number. */
static void test_zeros(void **state)
{
	static const char *const not_built[] = {"C_GetOperationState", "C_SetOperationState", "C_MessageSignInit",
		"C_SignMessage", "C_SignMessageBegin", "C_SignMessageNext", "C_MessageSignFinal", "C_MessageVerifyInit",
		"C_VerifyMessage", "C_VerifyMessageBegin", "C_VerifyMessageNext", "C_MessageVerifyFinal",
		"C_EncapsulateKey", "C_DecapsulateKey", "C_VerifySignatureInit", "C_VerifySignature",
		"C_VerifySignatureUpdate", "C_VerifySignatureFinal", "C_GetSessionValidationFlags", "C_AsyncComplete",
		"C_AsyncGetID", "C_AsyncJoin", "C_WrapKeyAuthenticated", "C_UnwrapKeyAuthenticated"};
	static const struct {
		const char *name;
		CK_RV rv;
	} rows[] = {
		{"C_InitPIN",             CKR_ARGUMENTS_BAD            },
		{"C_SetPIN",              CKR_ARGUMENTS_BAD            },
		{"C_GetSessionInfo",      CKR_ARGUMENTS_BAD            },
		{"C_Login",               CKR_ARGUMENTS_BAD            },
		{"C_LoginUser",           CKR_ARGUMENTS_BAD            },
		{"C_Logout",              CKR_USER_NOT_LOGGED_IN       },
		{"C_CreateObject",        CKR_ARGUMENTS_BAD            },
		{"C_CopyObject",          CKR_ARGUMENTS_BAD            },
		{"C_DestroyObject",       CKR_OBJECT_HANDLE_INVALID    },
		{"C_GetObjectSize",       CKR_ARGUMENTS_BAD            },
		{"C_GetAttributeValue",   CKR_ARGUMENTS_BAD            },
		{"C_SetAttributeValue",   CKR_ARGUMENTS_BAD            },
		{"C_FindObjects",         CKR_OPERATION_NOT_INITIALIZED},
		{"C_FindObjectsFinal",    CKR_OPERATION_NOT_INITIALIZED},
		{"C_EncryptInit",         CKR_ARGUMENTS_BAD            },
		{"C_Encrypt",             CKR_OPERATION_NOT_INITIALIZED},
		{"C_EncryptUpdate",       CKR_OPERATION_NOT_INITIALIZED},
		{"C_EncryptFinal",        CKR_OPERATION_NOT_INITIALIZED},
		{"C_DecryptInit",         CKR_ARGUMENTS_BAD            },
		{"C_Decrypt",             CKR_OPERATION_NOT_INITIALIZED},
		{"C_DecryptUpdate",       CKR_OPERATION_NOT_INITIALIZED},
		{"C_DecryptFinal",        CKR_OPERATION_NOT_INITIALIZED},
		{"C_DigestInit",          CKR_ARGUMENTS_BAD            },
		{"C_Digest",              CKR_OPERATION_NOT_INITIALIZED},
		{"C_DigestUpdate",        CKR_OPERATION_NOT_INITIALIZED},
		{"C_DigestFinal",         CKR_OPERATION_NOT_INITIALIZED},
		{"C_SignInit",            CKR_ARGUMENTS_BAD            },
		{"C_Sign",                CKR_OPERATION_NOT_INITIALIZED},
		{"C_SignUpdate",          CKR_OPERATION_NOT_INITIALIZED},
		{"C_SignFinal",           CKR_OPERATION_NOT_INITIALIZED},
		{"C_SignRecoverInit",     CKR_ARGUMENTS_BAD            },
		{"C_SignRecover",         CKR_OPERATION_NOT_INITIALIZED},
		{"C_VerifyRecoverInit",   CKR_ARGUMENTS_BAD            },
		{"C_VerifyRecover",       CKR_OPERATION_NOT_INITIALIZED},
		{"C_DigestKey",           CKR_OPERATION_NOT_INITIALIZED},
		{"C_DigestEncryptUpdate", CKR_OPERATION_NOT_INITIALIZED},
		{"C_DecryptDigestUpdate", CKR_OPERATION_NOT_INITIALIZED},
		{"C_SignEncryptUpdate",   CKR_OPERATION_NOT_INITIALIZED},
		{"C_DecryptVerifyUpdate", CKR_OPERATION_NOT_INITIALIZED},
		{"C_GenerateKey",         CKR_ARGUMENTS_BAD            },
		{"C_WrapKey",             CKR_ARGUMENTS_BAD            },
		{"C_UnwrapKey",           CKR_ARGUMENTS_BAD            },
		{"C_VerifyInit",          CKR_ARGUMENTS_BAD            },
		{"C_Verify",              CKR_OPERATION_NOT_INITIALIZED},
		{"C_VerifyUpdate",        CKR_OPERATION_NOT_INITIALIZED},
		{"C_VerifyFinal",         CKR_OPERATION_NOT_INITIALIZED},
		{"C_GenerateKeyPair",     CKR_ARGUMENTS_BAD            },
		{"C_MessageEncryptInit",  CKR_ARGUMENTS_BAD            },
		{"C_EncryptMessage",      CKR_OPERATION_NOT_INITIALIZED},
		{"C_EncryptMessageBegin", CKR_OPERATION_NOT_INITIALIZED},
		{"C_EncryptMessageNext",  CKR_OPERATION_NOT_INITIALIZED},
		{"C_MessageEncryptFinal", CKR_OPERATION_NOT_INITIALIZED},
		{"C_MessageDecryptInit",  CKR_ARGUMENTS_BAD            },
		{"C_DecryptMessage",      CKR_OPERATION_NOT_INITIALIZED},
		{"C_DecryptMessageBegin", CKR_OPERATION_NOT_INITIALIZED},
		{"C_DecryptMessageNext",  CKR_OPERATION_NOT_INITIALIZED},
		{"C_MessageDecryptFinal", CKR_OPERATION_NOT_INITIALIZED},
		{"C_DeriveKey",           CKR_ARGUMENTS_BAD            },
		{"C_SeedRandom",          CKR_RANDOM_SEED_NOT_SUPPORTED},
		{"C_GenerateRandom",      CKR_OK                       },
		{"C_GetFunctionStatus",   CKR_FUNCTION_NOT_PARALLEL    },
		{"C_CancelFunction",      CKR_FUNCTION_NOT_PARALLEL    },
		{"C_SessionCancel",       CKR_OK                       },
		{"C_FindObjectsInit",     CKR_OK                       },
		{"C_CloseSession",        CKR_OK                       },
	};
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, -1);
	size_t built = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(functions); i++)
		if (is_one_of(functions[i].name, not_built, COUNT(not_built)))
			is(call(&functions[i], s), CKR_FUNCTION_NOT_SUPPORTED);
		else if (takes_session(&functions[i]))
			built++;
	assert_int_equal(built, COUNT(rows));
	for (size_t r = 0; r < COUNT(rows); r++)
		for (size_t i = 0; i < COUNT(functions); i++)
			if (strcmp(functions[i].name, rows[r].name) == 0) {
				CK_RV rv = call(&functions[i], s);

				if (rv != rows[r].rv)
					fprintf(stderr, "%s\n", functions[i].name);
				is(rv, rows[r].rv);
			}
}

/* The rest: slots and the library. */
static void test_slots_zeros(void **state)
{
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_MECHANISM_INFO mechanism;
	CK_MECHANISM_TYPE types[100];
	CK_ULONG n = 0;
	CK_SLOT_ID id;
	CK_INFO info;

	(void)state;
	is(f->C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
	is(f->C_GetInfo(NULL), CKR_ARGUMENTS_BAD);
	ok(f->C_GetInfo(&info));
	assert_int_equal(info.cryptokiVersion.major * 100 + info.cryptokiVersion.minor, 302);
	ok(C_GetInfo(&info));
	assert_int_equal(info.cryptokiVersion.major * 100 + info.cryptokiVersion.minor, 240);
	is(f->C_GetSlotList(CK_FALSE, NULL, NULL), CKR_ARGUMENTS_BAD);
	is(f->C_GetSlotInfo(0, NULL), CKR_ARGUMENTS_BAD);
	is(f->C_GetSlotInfo(99, &slot), CKR_SLOT_ID_INVALID);
	is(f->C_GetTokenInfo(0, NULL), CKR_ARGUMENTS_BAD);
	is(f->C_GetTokenInfo(99, &token), CKR_SLOT_ID_INVALID);
	is(f->C_GetTokenInfo(1, &token), CKR_TOKEN_NOT_PRESENT);
	is(f->C_GetMechanismList(0, NULL, NULL), CKR_ARGUMENTS_BAD);
	is(f->C_GetMechanismList(1, NULL, &n), CKR_TOKEN_NOT_PRESENT);
	ok(f->C_GetMechanismList(0, NULL, &n));
	n--;
	is(f->C_GetMechanismList(0, types, &n), CKR_BUFFER_TOO_SMALL);
	ok(f->C_GetMechanismList(0, types, &n));
	for (CK_ULONG i = 0; i < n; i++)
		ok(f->C_GetMechanismInfo(0, types[i], &mechanism));
	is(f->C_GetMechanismInfo(0, CKM_AES_XTS, &mechanism), CKR_MECHANISM_INVALID);
	is(f->C_GetMechanismInfo(0, CKM_RSA_PKCS, NULL), CKR_ARGUMENTS_BAD);
	ok(f->C_GetMechanismInfo(0, CKM_RSA_PKCS, &mechanism));
	assert_int_equal(mechanism.ulMinKeySize, 2048);
	assert_int_equal(mechanism.ulMaxKeySize, 4096);
	is(f->C_InitToken(99, PIN(SO_PIN), (CK_UTF8CHAR_PTR) "Bench                           "), CKR_SLOT_ID_INVALID);
	is(f->C_InitToken(0, NULL, 0, NULL), CKR_ARGUMENTS_BAD);
	is(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, NULL), CKR_ARGUMENTS_BAD);
	is(f->C_OpenSession(0, 0, NULL, NULL, &id), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
	is(f->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, NULL, NULL, &id),
		CKR_SESSION_ASYNC_NOT_SUPPORTED);
	is(f->C_OpenSession(99, CKF_SERIAL_SESSION, NULL, NULL, &id), CKR_SLOT_ID_INVALID);
	is(f->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &id), CKR_TOKEN_NOT_PRESENT);
	is(f->C_CloseAllSessions(99), CKR_SLOT_ID_INVALID);
	ok(f->C_CloseAllSessions(1));
	is(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL), CKR_ARGUMENTS_BAD);
	is(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, &id), CKR_ARGUMENTS_BAD);
	is(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL), CKR_NO_EVENT);
	is(f->C_Finalize(&id), CKR_ARGUMENTS_BAD);
	ok(f->C_Finalize(NULL));
	is(f->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static CK_RV some_mutex(CK_VOID_PTR mutex)
{
	(void)mutex;
	return CKR_OK;
}

static CK_RV create_mutex(CK_VOID_PTR_PTR mutex)
{
	*mutex = NULL;
	return CKR_OK;
}

/*
 * 2.40, 5.4: all four callbacks or none, and nothing reserved; the four ways to say how threads lock. Locks of the
 * application's alone can't be had, and that is said.
 */
static void test_initialize_arguments(void **state)
{
	CK_C_INITIALIZE_ARGS args = {0};

	(void)state;
	args.pReserved = &args;
	is(f->C_Initialize(&args), CKR_ARGUMENTS_BAD);
	args.pReserved = NULL;
	args.LockMutex = some_mutex;
	is(f->C_Initialize(&args), CKR_ARGUMENTS_BAD);
	args.UnlockMutex = args.DestroyMutex = some_mutex;
	args.CreateMutex = create_mutex;
	is(f->C_Initialize(&args), CKR_CANT_LOCK);
	is(f->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	args.flags = CKF_OS_LOCKING_OK;
	ok(f->C_Initialize(&args));
	ok(f->C_Finalize(NULL));
	args.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
	ok(f->C_Initialize(&args));
	ok(f->C_Finalize(NULL));
	args = (CK_C_INITIALIZE_ARGS){.flags = CKF_OS_LOCKING_OK};
	ok(f->C_Initialize(&args));
	ok(f->C_Finalize(NULL));
	args.flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS;
	ok(f->C_Initialize(&args));
	ok(f->C_Finalize(NULL));
}

/* facts 4.3, 6.2: the child has to initialise for itself, and the parent does not notice. */
static void test_fork(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, CKU_USER);
	CK_SESSION_INFO info;
	CK_ULONG n = 0;
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		bool good = f->C_GetSessionInfo(s, &info) == CKR_CRYPTOKI_NOT_INITIALIZED &&
			    f->C_Finalize(NULL) == CKR_CRYPTOKI_NOT_INITIALIZED &&
			    f->C_GetSlotList(CK_TRUE, NULL, &n) == CKR_CRYPTOKI_NOT_INITIALIZED &&
			    f->C_Initialize(NULL) == CKR_OK &&
			    f->C_GetSessionInfo(s, &info) == CKR_SESSION_HANDLE_INVALID &&
			    f->C_GetSlotList(CK_TRUE, NULL, &n) == CKR_OK && n == 1 && f->C_Finalize(NULL) == CKR_OK;
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ok(f->C_GetSessionInfo(s, &info));
	assert_int_equal(info.state, CKS_RO_USER_FUNCTIONS);
}

static pid_t child_of_log;

/* Called with the log's lock held, as another thread of the parent may hold it when it forks. */
static void fork_while_logging(void *arg, const char *line)
{
	(void)arg;
	(void)line;
	if (child_of_log)
		return;
	child_of_log = fork();
	if (child_of_log)
		return;
	alarm(10);
	_exit(f->C_Initialize(NULL) == CKR_OK ? 0 : 1);
}

static void test_fork_while_logging(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, -1);
	CK_BYTE byte;
	int status = 0;

	(void)state;
	ukey_set_log(fork_while_logging, NULL);
	ok(f->C_GenerateRandom(s, &byte, 1));
	ukey_set_log(NULL, NULL);
	assert_int_equal(waitpid(child_of_log, &status, 0), child_of_log);
	assert_int_equal(status, 0);
}

/* OPENUKEY_DEBUG names a file: the module's own lines go there, too. */
static void test_log_file(void **state)
{
	char path[] = "/tmp/ukey-p11-log.XXXXXX", text[4096];
	CK_SESSION_HANDLE s;
	int fd = mkstemp(path);
	ssize_t n;

	(void)state;
	assert_true(fd >= 0);
	ok(f->C_Finalize(NULL));
	setenv("OPENUKEY_DEBUG", path, 1);
	ok(f->C_Initialize(NULL));
	unsetenv("OPENUKEY_DEBUG");
	s = bench_session(0, -1);
	is(f->C_Login(s, CKU_USER, PIN("999999")), CKR_PIN_INCORRECT);
	ok(f->C_Finalize(NULL));
	ok(f->C_Initialize(NULL));
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = 0;
	assert_non_null(strstr(text, "ukey-pkcs11: PIN_INCORRECT"));
	close(fd);
	unlink(path);
}

/* facts 2, 15; clients 1.4: late calls are harmless. */
static void test_late_calls(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, CKU_USER);

	(void)state;
	ok(f->C_Finalize(NULL));
	is(f->C_CloseSession(s), CKR_CRYPTOKI_NOT_INITIALIZED);
	is(f->C_Logout(s), CKR_CRYPTOKI_NOT_INITIALIZED);
	is(f->C_CloseAllSessions(0), CKR_CRYPTOKI_NOT_INITIALIZED);
	ok(f->C_Initialize(NULL));
	is(f->C_CloseSession(s), CKR_SESSION_HANDLE_INVALID);
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_not_initialized, bench_setup),
		TEST(test_no_session, bench_setup),
		TEST(test_zeros, bench_setup_operational),
		TEST(test_slots_zeros, bench_setup_operational),
		TEST(test_initialize_arguments, bench_setup),
		TEST(test_fork, bench_setup_operational),
		TEST(test_fork_while_logging, bench_setup_operational),
		TEST(test_log_file, bench_setup_operational),
		TEST(test_late_calls, bench_setup_operational),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
