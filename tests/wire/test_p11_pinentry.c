/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protected authentication path (CHANNEL, PIN life cycle): log-in and PIN changes through pinentry, with a fake
 * that answers by the book (tests/lib/fake_pinentry.sh), and everything that can go wrong while its window is open.
 */
#include "config.h"

#include "tests/wire/p11_bench.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pkcs11/pinentry.h"

#define CANCELLED "83886179"
#define NEW_PIN   "q7Rw!x92"
/* Milliseconds: before a person's time is over, or a fake that hangs ends by itself. */
#define SOON 15000

static char dir[] = "/tmp/ukey-pinentry.XXXXXX";
static char log_text[65536];
static char debug_text[65536];
static size_t debug_len;

static void path_of(char *path, size_t room, const char *name)
{
	assert_true((size_t)snprintf(path, room, "%s/%s", dir, name) < room);
}

static void forget(const char *name)
{
	char path[256];

	path_of(path, sizeof(path), name);
	unlink(path);
}

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	path_of(path, sizeof(path), name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* What the fake will answer from here on, a line a window. */
static void will_answer(const char *lines)
{
	forget("log");
	forget("count");
	forget("go");
	write_file("answers", lines);
}

/* "told" has waited for this. */
static void answer_now(void)
{
	write_file("go", "");
}

static const char *was_said(void)
{
	char path[256];
	FILE *file;
	size_t n = 0;

	path_of(path, sizeof(path), "log");
	file = fopen(path, "r");
	if (file) {
		n = fread(log_text, 1, sizeof(log_text) - 1, file);
		fclose(file);
	}
	log_text[n] = '\0';
	return log_text;
}

static unsigned times(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

static unsigned windows(void)
{
	return times(was_said(), "--\n");
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void keep_line(void *arg, const char *text)
{
	int n = snprintf(debug_text + debug_len, sizeof(debug_text) - debug_len, "%s\n", text);

	(void)arg;
	if (n > 0 && (size_t)n < sizeof(debug_text) - debug_len)
		debug_len += (size_t)n;
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(strcpy(dir, "/tmp/ukey-pinentry.XXXXXX")));
	setenv("OPENUKEY_PINENTRY", FAKE_PINENTRY, 1);
	setenv("PINENTRY_USER_DATA", dir, 1);
	pinentry_limits = (struct pinentry_limits){.person = 20000, .program = 10000, .end = 500};
	debug_len = 0;
	debug_text[0] = '\0';
	ukey_set_log(keep_line, NULL);
	return bench_setup_operational(state);
}

static int teardown(void **state)
{
	static const char *const files[] = {"answers", "log", "count", "go"};
	int status;

	bench_teardown(state);
	ukey_set_log(NULL, NULL);
	for (size_t i = 0; i < COUNT(files); i++)
		forget(files[i]);
	rmdir(dir);
	/* No PIN in the log, whoever gave it; and no process left behind. */
	assert_null(strstr(debug_text, USER_PIN));
	assert_null(strstr(debug_text, NEW_PIN));
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1);
	return 0;
}

static CK_FLAGS flags(void)
{
	CK_TOKEN_INFO info;

	ok(f->C_GetTokenInfo(0, &info));
	return info.flags;
}

static CK_STATE state_of(CK_SESSION_HANDLE s)
{
	CK_SESSION_INFO info;

	ok(f->C_GetSessionInfo(s, &info));
	return info.state;
}

/* ---- log-in ------------------------------------------------------------------------------------------------------ */

static void test_log_in(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, -1);
	long begun;

	(void)state;
	assert_true(flags() & CKF_PROTECTED_AUTHENTICATION_PATH);
	will_answer("pin " USER_PIN "\n");
	begun = now_ms();
	ok(f->C_Login(s, CKU_USER, NULL, 0));
	/* clients 1.2 */
	assert_true(now_ms() - begun >= 100);
	assert_int_equal(state_of(s), CKS_RW_USER_FUNCTIONS);
	assert_int_equal(windows(), 1);
	/* Who asks, which token, and nothing to remember it elsewhere. */
	assert_non_null(strstr(log_text, "Program: test_p11_pinentry%0A"));
	assert_non_null(strstr(log_text, "Token: Bench%0ASerial number: "));
	assert_null(strstr(log_text, "cache"));
	/* Logged in: nobody is asked. */
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_USER_ALREADY_LOGGED_IN);
	is(f->C_Login(s, CKU_SO, NULL, 0), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
	is(f->C_Login(s, CKU_CONTEXT_SPECIFIC, NULL, 0), CKR_OPERATION_NOT_INITIALIZED);
	assert_int_equal(windows(), 1);
	ok(f->C_Logout(s));
	is(f->C_Logout(s), CKR_USER_NOT_LOGGED_IN);
	/* An empty PIN from a program that knows no NULL; a PIN from one that asks for itself (ssh-agent). */
	will_answer("pin " USER_PIN "\npin " SO_PIN "\n");
	ok(f->C_Login(s, CKU_USER, (CK_UTF8CHAR_PTR) "", 0));
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_SO, NULL, 0));
	ok(f->C_Logout(s));
	assert_int_equal(windows(), 2);
	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
	ok(f->C_Logout(s));
	is(f->C_Login(s, CKU_USER, PIN("000000")), CKR_PIN_INCORRECT);
	assert_int_equal(windows(), 2);
}

static void test_off(void **state)
{
	CK_SESSION_HANDLE s;

	(void)state;
	ok(f->C_Finalize(NULL));
	setenv("OPENUKEY_PINENTRY", "no", 1);
	ok(f->C_Initialize(NULL));
	s = bench_session(CKF_RW_SESSION, -1);
	assert_false(flags() & CKF_PROTECTED_AUTHENTICATION_PATH);
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_ARGUMENTS_BAD);
	is(f->C_SetPIN(s, NULL, 0, NULL, 0), CKR_ARGUMENTS_BAD);
	is(f->C_InitPIN(s, NULL, 0), CKR_ARGUMENTS_BAD);
	ok(f->C_Finalize(NULL));
	setenv("OPENUKEY_PINENTRY", "sometimes", 1);
	is(f->C_Initialize(NULL), CKR_FUNCTION_FAILED);
}

/* What pinentries say in other ways than the shortest. */
static void test_dialects(void **state)
{
	static const char *const answers[] = {"pieces " USER_PIN "\n", "knows-nothing " USER_PIN "\n",
		"pin %31%323%34%35%36\n", "empty\npin " USER_PIN "\n"};
	CK_SESSION_HANDLE s = bench_session(0, -1);

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		will_answer(answers[i]);
		ok(f->C_Login(s, CKU_USER, NULL, 0));
		ok(f->C_Logout(s));
	}
	/* A bar is for new PINs: the question was refused. */
	will_answer("quality " USER_PIN "\n");
	ok(f->C_Login(s, CKU_USER, NULL, 0));
	assert_non_null(strstr(was_said(), "CAN\n"));
}

/* clients 1.1: a wrong PIN is asked for again inside, with the tries left; the caller never hears CKR_PIN_INCORRECT. */
static void test_wrong(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, -1);

	(void)state;
	will_answer("pin 000001\npin 12345\npin 000002\npin " USER_PIN "\n");
	ok(f->C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(windows(), 4);
	assert_non_null(strstr(log_text, "SETERROR The PIN was wrong: 5 tries left."));
	assert_non_null(strstr(log_text, "SETERROR The PIN was wrong: 4 tries left."));
	assert_non_null(strstr(log_text, "SETERROR the PIN is too short or too long"));
	ok(f->C_Logout(s));
	/* What was lost before is told at once, and the last one with a warning. */
	for (int i = 0; i < 4; i++)
		is(f->C_Login(s, CKU_USER, PIN("000000")), CKR_PIN_INCORRECT);
	will_answer("pin 000001\nerror " CANCELLED "\n");
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
	assert_non_null(strstr(was_said(), "SETERROR 2 tries left."));
	assert_non_null(strstr(log_text, "SETERROR The PIN was wrong. LAST TRY"));
	will_answer("error " CANCELLED "\n");
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
	assert_non_null(strstr(was_said(), "SETERROR LAST TRY"));
	/* The last one lost: said in a window, and with the value that ends Firefox's attempts. */
	will_answer("pin 000003\nmessage\n");
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_PIN_LOCKED);
	assert_non_null(strstr(was_said(), "the PIN is blocked"));
	assert_int_equal(times(log_text, "MESSAGE\n"), 1);
	assert_true(flags() & CKF_USER_PIN_LOCKED);
	/* Blocked: nobody is asked for it. */
	will_answer("message\n");
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_PIN_LOCKED);
	assert_int_equal(times(was_said(), "GETPIN\n"), 0);
}

/* A pinentry that answers by itself, always the same wrong PIN, costs one try and not all of them. */
static void test_stubborn(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, -1);
	char lines[1024] = "";

	(void)state;
	for (int i = 0; i < 30; i++)
		strcat(lines, "pin 000000\n");
	will_answer(lines);
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
	assert_int_equal(times(was_said(), "GETPIN\n"), 20);
	assert_non_null(strstr(log_text, "the same wrong PIN"));
	/* Five are left: with the right one none is lost. */
	for (int i = 0; i < 4; i++)
		is(f->C_Login(s, CKU_USER, PIN("000000")), CKR_PIN_INCORRECT);
	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
}

/* ---- what goes wrong with the program ---------------------------------------------------------------------------- */

static void test_no_answer(void **state)
{
	static const struct {
		const char *answer, *in_log;
	} rows[] = {
		{"error " CANCELLED, "CANCELLED" }, /* the button */
		{"error 83886278",   "CANCELLED" }, /* the window's cross */
		{"error 83886142",   "in time"   },
		{"error 83918950",   "PIN_PROMPT"}, /* no terminal */
		{"die",              "PIN_PROMPT"},
		{"garbage",          "PIN_PROMPT"},
		{"flood",            "PIN_PROMPT"},
		{"pin 12%3",         "PIN_PROMPT"},
		{"pin 12%zz",        "PIN_PROMPT"},
	};
	CK_SESSION_HANDLE s = bench_session(0, -1);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char line[64];

		snprintf(line, sizeof(line), "%s\n", rows[i].answer);
		will_answer(line);
		debug_len = 0;
		is(f->C_Login(s, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
		assert_non_null(strstr(debug_text, rows[i].in_log));
		assert_int_equal(state_of(s), CKS_RO_PUBLIC_SESSION);
	}
	ok(f->C_Finalize(NULL));
	setenv("OPENUKEY_PINENTRY", "/nonexistent/pinentry", 1);
	ok(f->C_Initialize(NULL));
	s = bench_session(0, -1);
	debug_len = 0;
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
	assert_non_null(strstr(debug_text, "PIN_PROMPT: the PIN could not be asked for"));
	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
}

static void test_hangs(void **state)
{
	static const char *const answers[] = {"hang\n", "deaf\n", "mute\n"};
	CK_SESSION_HANDLE s = bench_session(0, -1);

	(void)state;
	pinentry_limits = (struct pinentry_limits){.person = 300, .program = 300, .end = 100};
	for (size_t i = 0; i < COUNT(answers); i++) {
		long begun = now_ms();

		will_answer(answers[i]);
		is(f->C_Login(s, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
		assert_true(now_ms() - begun < SOON);
	}
}

/* The application's own ideas of signals and files, and no file of it in the child. */
static void test_strange_house(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, -1);
	sigset_t blocked, before;
	int stdin_kept = dup(0);

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	sigfillset(&blocked);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	close(0);
	will_answer("pin " USER_PIN "\ndie\nhang\n");
	ok(f->C_Login(s, CKU_USER, NULL, 0));
	ok(f->C_Logout(s));
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
	pinentry_limits = (struct pinentry_limits){.person = 200, .program = 10000, .end = 500};
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
	/* It was taken from nobody. */
	assert_int_equal(fcntl(0, F_GETFD), -1);
	dup2(stdin_kept, 0);
	close(stdin_kept);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	signal(SIGCHLD, SIG_DFL);
}

/* ---- while the window is open ------------------------------------------------------------------------------------ */

static CK_SESSION_HANDLE asking;
static atomic_ulong outcome;

static void *log_in(void *arg)
{
	(void)arg;
	atomic_store(&outcome, f->C_Login(asking, CKU_USER, NULL, 0));
	return NULL;
}

static pthread_t open_window(const char *answers)
{
	pthread_t thread;

	will_answer(answers);
	atomic_store(&outcome, 0xFFFF);
	assert_int_equal(pthread_create(&thread, NULL, log_in, NULL), 0);
	for (int i = 0; i < 1500 && !strstr(was_said(), "GETPIN"); i++)
		pause_ms(10);
	assert_non_null(strstr(was_said(), "GETPIN"));
	return thread;
}

/* No lock is held: also not that of the session itself. */
static void test_others_go_on(void **state)
{
	CK_SESSION_HANDLE other;
	pthread_t thread;

	(void)state;
	asking = bench_session(CKF_RW_SESSION, -1);
	thread = open_window("told " USER_PIN "\n");
	other = bench_session(0, -1);
	assert_int_equal(state_of(asking), CKS_RW_PUBLIC_SESSION);
	assert_int_equal(bench_count(other, NULL, 0), bench_count(asking, NULL, 0));
	is(f->C_Logout(asking), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_CloseSession(other));
	assert_int_equal(atomic_load(&outcome), 0xFFFF);
	answer_now();
	pthread_join(thread, NULL);
	is(atomic_load(&outcome), CKR_OK);
}

/* One window: who comes second waits, and then there is nothing to ask. */
static void test_one_window(void **state)
{
	pthread_t thread;

	(void)state;
	asking = bench_session(0, -1);
	thread = open_window("slow 0.5 " USER_PIN "\n");
	is(f->C_Login(bench_session(0, -1), CKU_USER, NULL, 0), CKR_USER_ALREADY_LOGGED_IN);
	pthread_join(thread, NULL);
	is(atomic_load(&outcome), CKR_OK);
	assert_int_equal(windows(), 1);
}

static void test_logged_in_meanwhile(void **state)
{
	pthread_t thread;

	(void)state;
	asking = bench_session(0, -1);
	thread = open_window("told 000000\n");
	ok(f->C_Login(bench_session(0, -1), CKU_USER, PIN(USER_PIN)));
	answer_now();
	pthread_join(thread, NULL);
	is(atomic_load(&outcome), CKR_USER_ALREADY_LOGGED_IN);
}

static void test_session_closed(void **state)
{
	CK_SESSION_HANDLE keep = bench_session(0, -1);
	pthread_t thread;
	long begun;

	(void)state;
	asking = bench_session(0, -1);
	thread = open_window("hang\n");
	begun = now_ms();
	ok(f->C_CloseSession(asking));
	pthread_join(thread, NULL);
	assert_true(now_ms() - begun < SOON);
	is(atomic_load(&outcome), CKR_SESSION_CLOSED);
	ok(f->C_CloseSession(keep));
}

static void test_pulled(void **state)
{
	pthread_t thread;
	long begun;

	(void)state;
	asking = bench_session(0, -1);
	thread = open_window("hang\n");
	begun = now_ms();
	loop_unplug(loop, 0);
	pthread_join(thread, NULL);
	assert_true(now_ms() - begun < SOON);
	is(atomic_load(&outcome), CKR_DEVICE_REMOVED);
}

/* Also when the program will not go. */
static void test_finalized(void **state)
{
	static const char *const answers[] = {"hang\n", "deaf\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		pthread_t thread;
		long begun;

		asking = bench_session(0, -1);
		thread = open_window(answers[i]);
		begun = now_ms();
		ok(f->C_Finalize(NULL));
		assert_true(now_ms() - begun < SOON);
		pthread_join(thread, NULL);
		is(atomic_load(&outcome), CKR_CRYPTOKI_NOT_INITIALIZED);
		ok(f->C_Initialize(NULL));
		ok(f->C_GetSlotList(CK_TRUE, NULL, &(CK_ULONG){0}));
	}
}

/* The child begins anew, can ask for itself, and takes nothing from the parent's window. */
static void test_forked(void **state)
{
	pthread_t thread;
	pid_t child;
	int status = -1;

	(void)state;
	asking = bench_session(0, -1);
	thread = open_window("slow 1 " USER_PIN "\nerror " CANCELLED "\n");
	child = fork();
	if (child == 0) {
		CK_SESSION_HANDLE s = 0;
		CK_RV rv = f->C_Login(asking, CKU_USER, NULL, 0);

		_exit(rv != CKR_CRYPTOKI_NOT_INITIALIZED ||
			f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s) != CKR_CRYPTOKI_NOT_INITIALIZED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	pthread_join(thread, NULL);
	is(atomic_load(&outcome), CKR_OK);
}

/* ---- PINs are changed -------------------------------------------------------------------------------------------- */

static void test_set_pin(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, -1);

	(void)state;
	is(f->C_SetPIN(s, NULL, 0, PIN(NEW_PIN)), CKR_ARGUMENTS_BAD);
	is(f->C_SetPIN(s, PIN(USER_PIN), NULL, 0), CKR_ARGUMENTS_BAD);
	is(f->C_SetPIN(bench_session(0, -1), NULL, 0, NULL, 0), CKR_SESSION_READ_ONLY);
	/* Typed twice in one window; a wrong old PIN is asked for again, the new one is not. */
	will_answer("pin 000000\ntwice " NEW_PIN "\npin " USER_PIN "\n");
	ok(f->C_SetPIN(s, NULL, 0, NULL, 0));
	assert_int_equal(windows(), 3);
	assert_non_null(strstr(log_text, "SETREPEAT "));
	assert_non_null(strstr(log_text, "tries left"));
	assert_int_equal(state_of(s), CKS_RW_PUBLIC_SESSION);
	ok(f->C_Login(s, CKU_USER, PIN(NEW_PIN)));
	/* Two windows where one cannot do it; different ones; the old one, weak too, on which one insists. */
	will_answer("pin " NEW_PIN "\npin 8431975\npin 8431976\ntwice " NEW_PIN "\ntwice " USER_PIN "\npin " USER_PIN
		    "\npin " USER_PIN "\n");
	ok(f->C_SetPIN(s, NULL, 0, NULL, 0));
	assert_int_equal(windows(), 7);
	assert_non_null(strstr(log_text, "To take it all the same"));
	assert_non_null(strstr(log_text, "the two new PINs differ"));
	assert_non_null(strstr(log_text, "policy does not allow"));
	assert_int_equal(state_of(s), CKS_RW_USER_FUNCTIONS);
	/* The bar: red, weak, good. */
	will_answer("pin " USER_PIN "\nquality 12345\nquality 12345\nquality 111111\nquality 111111\nquality " NEW_PIN
		    "\nerror " CANCELLED "\n");
	is(f->C_SetPIN(s, NULL, 0, NULL, 0), CKR_FUNCTION_CANCELED);
	assert_non_null(strstr(was_said(), "D -15\nEND\n"));
	assert_non_null(strstr(log_text, "D 25\nEND\n"));
	assert_non_null(strstr(log_text, "D 70\nEND\n"));
	will_answer("pin " USER_PIN "\nerror " CANCELLED "\n");
	is(f->C_SetPIN(s, NULL, 0, NULL, 0), CKR_FUNCTION_CANCELED);
	ok(f->C_CloseAllSessions(0));
	/* The SO's, and a wrong one that ended the log-in on the way. */
	s = bench_session(CKF_RW_SESSION, CKU_SO);
	will_answer("pin 00000000\ntwice 88413397\npin " SO_PIN "\n");
	ok(f->C_SetPIN(s, NULL, 0, NULL, 0));
	assert_int_equal(state_of(s), CKS_RW_SO_FUNCTIONS);
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_SO, PIN("88413397")));
}

static void test_init(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, -1);
	static CK_UTF8CHAR label[] = "Again                           ";

	(void)state;
	is(f->C_InitPIN(s, NULL, 0), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_Login(s, CKU_SO, PIN(SO_PIN)));
	will_answer("twice 12345\ntwice " NEW_PIN "\n");
	ok(f->C_InitPIN(s, NULL, 0));
	assert_int_equal(windows(), 2);
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_USER, PIN(NEW_PIN)));
	is(f->C_InitToken(0, NULL, 0, label), CKR_SESSION_EXISTS);
	ok(f->C_CloseSession(s));
	will_answer("pin 00000000\npin " SO_PIN "\n");
	ok(f->C_InitToken(0, NULL, 0, label));
	assert_non_null(strstr(was_said(), "will be erased"));
	assert_false(flags() & CKF_USER_PIN_INITIALIZED);
	/* A blank one gets its first. */
	loop_unplug(loop, 0);
	loop_plug(loop, 0, chip[1]);
	ok(f->C_GetSlotList(CK_TRUE, NULL, &(CK_ULONG){0}));
	will_answer("twice 88413397\n");
	ok(f->C_InitToken(2, NULL, 0, label));
	assert_null(strstr(was_said(), "will be erased"));
}

/* A key that asks each time, and a wrong PIN on the way, which ends the log-in on the token. */
static void test_each_use(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
	CK_OBJECT_HANDLE pub, prv;
	CK_BYTE sig[64], digest[32] = {1};
	CK_ULONG len = sizeof(sig);

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN | USE_ALWAYS, 9, &pub, &prv);
	will_answer("pin 000000\npin " USER_PIN "\npin " USER_PIN "\n");
	ok(f->C_SignInit(s, &m, prv));
	ok(f->C_Login(s, CKU_CONTEXT_SPECIFIC, NULL, 0));
	assert_non_null(strstr(was_said(), "each time"));
	ok(f->C_Sign(s, digest, sizeof(digest), sig, &len));
	len = sizeof(sig);
	ok(f->C_SignInit(s, &m, prv));
	ok(f->C_Login(s, CKU_CONTEXT_SPECIFIC, NULL, 0));
	ok(f->C_Sign(s, digest, sizeof(digest), sig, &len));
}

/* The SO's PIN for the holder is good for one thing: to be changed; here at once, elsewhere by C_SetPIN. */
static void test_must_change(void **state)
{
	static const struct ukey_initialize how = {.label = "Fresh",
		.so_pin = (const uint8_t *)SO_PIN,
		.so_len = 8,
		.present_so_pin = (const uint8_t *)SO_PIN,
		.present_so_len = 8,
		.user_pin = (const uint8_t *)USER_PIN,
		.user_len = 6,
		.pin_change_first = true};
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
	ok(f->C_GetSlotList(CK_TRUE, NULL, &(CK_ULONG){0}));
	s = bench_session(CKF_RW_SESSION, -1);
	assert_true(flags() & CKF_USER_PIN_TO_BE_CHANGED);
	is(f->C_Login(s, CKU_USER, PIN(USER_PIN)), CKR_PIN_EXPIRED);
	assert_false(flags() & CKF_USER_PIN_COUNT_LOW);
	will_answer("pin 000000\npin " USER_PIN "\nerror " CANCELLED "\n");
	is(f->C_Login(s, CKU_USER, NULL, 0), CKR_FUNCTION_CANCELED);
	assert_int_equal(state_of(s), CKS_RW_PUBLIC_SESSION);
	/* The new one is refused once (it is the old one), then taken, and is a log-in. */
	will_answer("pin " USER_PIN "\ntwice " USER_PIN "\ntwice " USER_PIN "\ntwice " NEW_PIN "\n");
	ok(f->C_Login(s, CKU_USER, NULL, 0));
	assert_int_equal(windows(), 4);
	assert_non_null(strstr(log_text, "somebody else chose it"));
	assert_int_equal(state_of(s), CKS_RW_USER_FUNCTIONS);
	assert_false(flags() & CKF_USER_PIN_TO_BE_CHANGED);
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_USER, PIN(NEW_PIN)));
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(test_log_in),
		test(test_off),
		test(test_dialects),
		test(test_wrong),
		test(test_stubborn),
		test(test_no_answer),
		test(test_hangs),
		test(test_strange_house),
		test(test_others_go_on),
		test(test_one_window),
		test(test_logged_in_meanwhile),
		test(test_session_closed),
		test(test_pulled),
		test(test_finalized),
		test(test_forked),
		test(test_set_pin),
		test(test_init),
		test(test_each_use),
		test(test_must_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
