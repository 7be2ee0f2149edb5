/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a PKCS#11 module takes. It knows no module: whoever's it is, the same calls are made.
 *
 *	p11_time MODULE PIN-FILE start list COUNT [COLD]	a program of its own each time: from its start to all
 *public objects with class, label, identifier and certificate
 *	p11_time MODULE PIN-FILE start ID COUNT [COLD]		.. to its first signature with the key CKA_ID
 *	p11_time MODULE PIN-FILE stay list|ID			one such program that prints "ok" when it is there, does
 *the same again for each line of its standard input, and ends with that: others count meanwhile
 *	p11_time MODULE PIN-FILE again list|ID COUNT		a signature more, or the list once more
 *	p11_time MODULE PIN-FILE rate ID SECONDS PROCESSES THREADS	signatures a second
 *	p11_time MODULE PIN-FILE calls COUNT			other calls, one a line
 *	p11_time MODULE PIN-FILE digest SECONDS			bytes a second of SHA-256, fed in pieces of 16 KiB
 *
 * Times are medians in microseconds. COLD is a folder: each program finds nothing in its caches, in a new folder in it.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkcs11/pkcs11.h"
#include "tests/bench/rate.h"

#define OBJECTS_MAX 2048
#define PIECE       16384

static CK_FUNCTION_LIST *p11;
static const char *pin_file;
static CK_SLOT_ID slot;

/* What went wrong where, for who reads the script's output; hands rv through. */
static CK_RV said(const char *step, CK_RV rv)
{
	if (rv != CKR_OK)
		fprintf(stderr, "p11_time: %s: %08lX\n", step, rv);
	return rv;
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static CK_RV load(const char *path)
{
	void *module = dlopen(path, RTLD_NOW);
	CK_C_GetFunctionList get = module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;

	if (!get)
		fprintf(stderr, "p11_time: %s\n", dlerror());
	return get ? get(&p11) : CKR_GENERAL_ERROR;
}

static CK_RV find_slot(void)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = sizeof slots / sizeof slots[0];
	CK_RV rv = p11->C_GetSlotList(CK_TRUE, slots, &count);

	slot = slots[0];
	return rv == CKR_OK && count == 0 ? CKR_TOKEN_NOT_PRESENT : rv;
}

static CK_RV open_session(CK_SESSION_HANDLE *s)
{
	return p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, s);
}

static CK_RV log_in(CK_SESSION_HANDLE s)
{
	CK_BYTE pin[64];
	FILE *file = fopen(pin_file, "re");
	size_t len = file ? fread(pin, 1, sizeof pin, file) : 0;

	if (file)
		fclose(file);
	while (len > 0 && pin[len - 1] == '\n')
		len--;
	return p11->C_Login(s, CKU_USER, pin, len);
}

static CK_RV find(CK_SESSION_HANDLE s, CK_ATTRIBUTE *list, CK_ULONG n, CK_OBJECT_HANDLE *out, CK_ULONG *count)
{
	CK_RV rv = p11->C_FindObjectsInit(s, list, n);

	if (rv == CKR_OK)
		rv = p11->C_FindObjects(s, out, *count, count);
	if (rv == CKR_OK)
		rv = p11->C_FindObjectsFinal(s);
	return rv;
}

struct key {
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE handle;
	CK_KEY_TYPE type;
};

static CK_RV find_key(struct key *k, CK_BYTE id)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ULONG count = 1;
	CK_ATTRIBUTE which[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_ID,    &id,    sizeof id   },
	};
	CK_ATTRIBUTE type = {CKA_KEY_TYPE, &k->type, sizeof k->type};
	CK_RV rv = find(k->session, which, 2, &k->handle, &count);

	if (rv == CKR_OK && count == 0)
		rv = CKR_KEY_HANDLE_INVALID;
	return rv == CKR_OK ? p11->C_GetAttributeValue(k->session, k->handle, &type, 1) : rv;
}

/* A digest; for RSA as its DigestInfo of SHA-256. */
static CK_RV sign(const struct key *k)
{
	static const CK_BYTE info[51] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
		0x02, 0x01, 0x05, 0x00, 0x04, 0x20, 0xD1};
	CK_BYTE out[512], data[sizeof info];
	CK_MECHANISM mechanism = {k->type == CKK_RSA ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0};
	CK_ULONG len = sizeof out;
	CK_RV rv = p11->C_SignInit(k->session, &mechanism, k->handle);

	memcpy(data, info, sizeof data);
	if (rv == CKR_OK)
		rv = k->type == CKK_RSA ? p11->C_Sign(k->session, data, sizeof data, out, &len)
					: p11->C_Sign(k->session, data + 19, 32, out, &len);
	return rv;
}

/* What a browser asks of each object. */
static CK_RV list(CK_SESSION_HANDLE s)
{
	static CK_OBJECT_HANDLE all[OBJECTS_MAX];
	static CK_BYTE value[PIECE];
	CK_ULONG count = OBJECTS_MAX;
	CK_RV rv = find(s, NULL, 0, all, &count);

	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
		CK_OBJECT_CLASS class = 0;
		CK_BYTE id[64], label[128];
		CK_ATTRIBUTE what[] = {
			{CKA_CLASS, &class, sizeof class},
			{CKA_LABEL, label,  sizeof label},
			{CKA_ID,    id,     sizeof id   },
		};
		CK_ATTRIBUTE der = {CKA_VALUE, value, sizeof value};

		/* Not every class has them all. */
		p11->C_GetAttributeValue(s, all[i], what, 3);
		if (class == CKO_CERTIFICATE)
			rv = p11->C_GetAttributeValue(s, all[i], &der, 1);
	}
	return rv;
}

static bool is_list(const char *what)
{
	return strcmp(what, "list") == 0;
}

static CK_RV once_more(const struct key *k, const char *what)
{
	return is_list(what) ? said("listing", list(k->session)) : said("signing", sign(k));
}

static CK_RV arrive(const char *what, struct key *k)
{
	CK_RV rv = said("C_Initialize", p11->C_Initialize(NULL));

	if (rv == CKR_OK)
		rv = said("C_GetSlotList", find_slot());
	if (rv == CKR_OK)
		rv = said("C_OpenSession", open_session(&k->session));
	if (rv == CKR_OK && !is_list(what)) {
		rv = said("C_Login", log_in(k->session));
		if (rv == CKR_OK)
			rv = said("finding the key", find_key(k, (CK_BYTE)atoi(what)));
	}
	return rv == CKR_OK ? once_more(k, what) : rv;
}

/* ---- from the program's start ------------------------------------------------------------------------------------ */

/* In the program that is measured: when it was there. The parent reads it as it is. */
static CK_RV child(const char *module, const char *what)
{
	struct key k;
	CK_RV rv = load(module);

	if (rv == CKR_OK)
		rv = arrive(what, &k);
	const double now = rv == CKR_OK ? rate_now() : 0;
	if (fwrite(&now, sizeof now, 1, stdout) != 1 || fflush(stdout) != 0)
		rv = CKR_GENERAL_ERROR;
	if (p11)
		p11->C_Finalize(NULL);
	return rv;
}

static void cold(const char *folder, unsigned n)
{
	char path[512];

	snprintf(path, sizeof path, "%s/cache.%ld.%u", folder, (long)getpid(), n);
	setenv("XDG_CACHE_HOME", path, 1);
	snprintf(path, sizeof path, "%s/state.%ld.%u", folder, (long)getpid(), n);
	setenv("XDG_STATE_HOME", path, 1);
}

static CK_RV start_once(char **argv, double *took)
{
	char *args[] = {argv[0], argv[1], argv[2], "child", argv[4], NULL};
	const double begin = rate_now();
	double there = 0;
	int out[2];

	if (pipe(out) != 0)
		return CKR_HOST_MEMORY;
	pid_t pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		execv("/proc/self/exe", args);
		_exit(127);
	}
	close(out[1]);
	if (pid < 0 || read(out[0], &there, sizeof there) != sizeof there)
		there = 0;
	close(out[0]);
	waitpid(pid, NULL, 0);
	*took = there - begin;
	return there > 0 ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV start(char **argv, double *result)
{
	const size_t count = (size_t)atoi(argv[5]);
	double *took = calloc(count + 1, sizeof *took);
	CK_RV rv = took ? CKR_OK : CKR_HOST_MEMORY;

	for (size_t i = 0; rv == CKR_OK && i <= count; i++) {
		if (argv[6])
			cold(argv[6], (unsigned)i);
		/* The first one finds the program's pages; where it finds the module's caches, it fills them. */
		rv = start_once(argv, &took[i ? i - 1 : 0]);
	}
	if (rv == CKR_OK)
		*result = rate_median(took, count);
	free(took);
	return rv;
}

static void answer(CK_RV rv)
{
	puts(rv == CKR_OK ? "ok" : "failed");
	fflush(stdout);
}

static CK_RV stay(char **argv)
{
	struct key k;
	CK_RV rv = load(argv[1]);
	int c;

	if (rv == CKR_OK)
		rv = arrive(argv[4], &k);
	answer(rv);
	while (rv == CKR_OK && (c = getchar()) != EOF)
		if (c == '\n') {
			rv = once_more(&k, argv[4]);
			answer(rv);
		}
	if (p11)
		p11->C_Finalize(NULL);
	return rv;
}

/* ---- again and again --------------------------------------------------------------------------------------------- */

static CK_RV again(char **argv, double *result)
{
	const size_t count = (size_t)atoi(argv[5]);
	double *took = calloc(count + 1, sizeof *took);
	struct key k;
	CK_RV rv = took ? arrive(argv[4], &k) : CKR_HOST_MEMORY;

	for (size_t i = 0; rv == CKR_OK && i < count; i++) {
		const double begin = rate_now();

		rv = once_more(&k, argv[4]);
		took[i] = rate_now() - begin;
	}
	if (rv == CKR_OK)
		*result = rate_median(took, count);
	free(took);
	return rv;
}

static CK_SESSION_HANDLE process_session;
static CK_BYTE rate_id;

static bool rate_enter(void)
{
	CK_RV rv = said("C_Initialize", p11->C_Initialize(NULL));

	if (rv == CKR_OK)
		rv = said("C_GetSlotList", find_slot());
	if (rv == CKR_OK)
		rv = said("C_OpenSession", open_session(&process_session));
	return rv == CKR_OK && said("C_Login", log_in(process_session)) == CKR_OK;
}

static void *rate_open(void)
{
	struct key *k = calloc(1, sizeof *k);

	return k && said("C_OpenSession", open_session(&k->session)) == CKR_OK &&
			       said("finding the key", find_key(k, rate_id)) == CKR_OK
		       ? k
		       : NULL;
}

static bool rate_once(void *thread)
{
	return said("signing", sign(thread)) == CKR_OK;
}

static void rate_close(void *thread)
{
	free(thread);
}

static void rate_leave(void)
{
	p11->C_Finalize(NULL);
}

static CK_RV rate(char **argv, double *result)
{
	static const struct rate r = {rate_enter, rate_open, rate_once, rate_close, rate_leave};

	rate_id = (CK_BYTE)atoi(argv[4]);
	*result = rate_run(&r, (unsigned)atoi(argv[6]), (unsigned)atoi(argv[7]), atof(argv[5]));
	return *result < 0 ? CKR_FUNCTION_FAILED : CKR_OK;
}

/* ---- other calls ------------------------------------------------------------------------------------------------- */

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE certificate;

static CK_RV call_initialize(void)
{
	CK_RV rv = p11->C_Initialize(NULL);

	return rv == CKR_OK ? p11->C_Finalize(NULL) : rv;
}

static CK_RV call_sessions(void)
{
	CK_SESSION_HANDLE s;
	CK_RV rv = open_session(&s);

	return rv == CKR_OK ? p11->C_CloseSession(s) : rv;
}

static CK_RV call_value(void)
{
	static CK_BYTE der[PIECE];
	CK_ATTRIBUTE value = {CKA_VALUE, der, sizeof der};

	return p11->C_GetAttributeValue(session, certificate, &value, 1);
}

static CK_RV call_find(void)
{
	struct key k = {.session = session};

	return find_key(&k, 1) == CKR_KEY_HANDLE_INVALID ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV call_random(void)
{
	CK_BYTE out[32];

	return p11->C_GenerateRandom(session, out, sizeof out);
}

static CK_RV prepare(void)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_ATTRIBUTE which = {CKA_CLASS, &class, sizeof class};
	CK_ULONG count = 1;
	CK_RV rv = p11->C_Initialize(NULL);

	if (rv == CKR_OK)
		rv = find_slot();
	if (rv == CKR_OK)
		rv = open_session(&session);
	if (rv == CKR_OK)
		rv = find(session, &which, 1, &certificate, &count);
	return rv == CKR_OK && count == 0 ? CKR_OBJECT_HANDLE_INVALID : rv;
}

static const struct {
	const char *name;
	CK_RV (*run)(void);
	bool prepared; /* the library is up, with a session and a certificate */
} calls[] = {
	{"C_Initialize, C_Finalize",                                 call_initialize, false},
	{"C_GetSlotList",					    find_slot,       true },
	{"C_OpenSession, C_CloseSession",                            call_sessions,   true },
	{"C_FindObjectsInit to Final: a private key, not logged in", call_find,       true },
	{"C_GetAttributeValue: CKA_VALUE of a certificate",          call_value,      true },
	{"C_GenerateRandom: 32 bytes",                               call_random,     true },
};

static CK_RV call_times(const char *words)
{
	const size_t count = (size_t)atoi(words);
	double *took = calloc(count + 1, sizeof *took);
	bool prepared = false;
	CK_RV rv = took ? CKR_OK : CKR_HOST_MEMORY;

	for (size_t c = 0; rv == CKR_OK && c < sizeof calls / sizeof calls[0]; c++) {
		if (calls[c].prepared && !prepared)
			rv = prepare();
		prepared = calls[c].prepared;
		for (size_t i = 0; rv == CKR_OK && i < count; i++) {
			const double begin = rate_now();

			rv = calls[c].run();
			took[i] = rate_now() - begin;
		}
		if (rv == CKR_OK)
			printf("%s|%.1f\n", calls[c].name, rate_median(took, count));
	}
	free(took);
	return rv;
}

static CK_RV digest(const char *seconds, double *result)
{
	static CK_BYTE piece[PIECE];
	CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
	CK_BYTE out[32];
	CK_ULONG len = sizeof out;
	CK_RV rv = prepare();
	double bytes = 0;

	if (rv == CKR_OK)
		rv = p11->C_DigestInit(session, &mechanism);
	const double begin = rate_now(), end = begin + atof(seconds) * 1e6;
	for (; rv == CKR_OK && rate_now() < end; bytes += sizeof piece)
		rv = p11->C_DigestUpdate(session, piece, sizeof piece);
	*result = bytes / (rate_now() - begin) * 1e6;
	return rv == CKR_OK ? p11->C_DigestFinal(session, out, &len) : rv;
}

int main(int argc, char **argv)
{
	const char *what = argc > 4 ? argv[3] : "";
	double result = -1;
	CK_RV rv = CKR_ARGUMENTS_BAD;

	pin_file = argc > 4 ? argv[2] : NULL;
	if (strcmp(what, "child") == 0)
		return child(argv[1], argv[4]) != CKR_OK;
	if (strcmp(what, "start") == 0 && argc > 5)
		rv = start(argv, &result);
	else if (strcmp(what, "stay") == 0)
		return stay(argv) != CKR_OK;
	else if (argc > 4)
		rv = load(argv[1]);
	if (rv == CKR_OK && strcmp(what, "again") == 0 && argc > 5)
		rv = again(argv, &result);
	else if (rv == CKR_OK && strcmp(what, "rate") == 0 && argc > 7)
		rv = rate(argv, &result);
	else if (rv == CKR_OK && strcmp(what, "calls") == 0)
		return call_times(argv[4]) != CKR_OK;
	else if (rv == CKR_OK && strcmp(what, "digest") == 0)
		rv = digest(argv[4], &result);
	if (rv != CKR_OK || result < 0) {
		fprintf(stderr, "p11_time %s: %08lX\n", what, rv);
		return 1;
	}
	printf("%.1f\n", result);
	return 0;
}
