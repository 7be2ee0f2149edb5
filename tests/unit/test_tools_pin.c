/* SPDX-License-Identifier: Apache-2.0 */
/* tools/pin_source.c: lines from descriptors and files, the prompt on a real pseudo terminal, the policy. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tools/pin_source.h"

static struct tool tool;

static int fresh(void **state)
{
	(void)state;
	memset(&tool, 0, sizeof(tool));
	tool.opt[OPT_QUIET] = "";
	return 0;
}

static int pipe_with(const void *data, size_t len)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], data, len), (ssize_t)len);
	close(ends[1]);
	return ends[0];
}

static enum ukey_status from_text(const void *data, size_t len, struct pin *pin)
{
	int fd = pipe_with(data, len);
	enum ukey_status s = pin_read_fd(fd, pin);

	close(fd);
	return s;
}

static void one_line(void **state)
{
	struct pin pin = {0};
	char long_line[400];
	(void)state;

	assert_int_equal(from_text("123456", 6, &pin), UKEY_OK);
	assert_int_equal(pin.len, 6);
	pin_clear(&pin);
	assert_null(pin.data);
	assert_int_equal(from_text("123456\r\nrest", 12, &pin), UKEY_OK);
	assert_int_equal(pin.len, 6);
	assert_memory_equal(pin.data, "123456", 7); /* a zero behind it */
	pin_clear(&pin);
	assert_int_equal(from_text("", 0, &pin), UKEY_PIN_INPUT);
	assert_int_equal(from_text("\n", 1, &pin), UKEY_PIN_INPUT);
	assert_int_equal(from_text("\r\n", 2, &pin), UKEY_PIN_INPUT);
	memset(long_line, 'x', sizeof(long_line));
	assert_int_equal(from_text(long_line, sizeof(long_line), &pin), UKEY_PIN_LENGTH);
	assert_int_equal(from_text(long_line, PIN_LINE_MAX, &pin), UKEY_OK);
	assert_int_equal(pin.len, PIN_LINE_MAX);
	pin_clear(&pin);
}

/* Two PINs on one descriptor: the second line belongs to the second reader, also after a line that is too long. */
static void successive_lines(void **state)
{
	struct pin a = {0}, b = {0}, c = {0};
	int fd = pipe_with("first1\nsecond2\n", 15);
	char number[12], long_line[310];
	(void)state;

	snprintf(number, sizeof(number), "%d", fd);
	tool.opt[OPT_SO_PIN_FD] = tool.opt[OPT_NEW_PIN_FD] = number;
	assert_int_equal(pin_get(&tool, PIN_SO, "x", &a), UKEY_OK);
	assert_int_equal(pin_get(&tool, PIN_NEW_USER, "x", &b), UKEY_OK);
	assert_memory_equal(a.data, "first1", 7);
	assert_memory_equal(b.data, "second2", 8);
	assert_int_equal(pin_get(&tool, PIN_NEW_USER, "x", &c), UKEY_PIN_INPUT);
	assert_non_null(strstr(tool.hint, "--new-pin-fd"));
	pin_clear(&a);
	pin_clear(&b);
	close(fd);
	memset(long_line, 'x', 300);
	memcpy(long_line + 300, "\nright1\n", 8);
	fd = pipe_with(long_line, 308);
	assert_int_equal(pin_read_fd(fd, &a), UKEY_PIN_LENGTH);
	assert_int_equal(pin_read_fd(fd, &a), UKEY_OK);
	assert_memory_equal(a.data, "right1", 7);
	pin_clear(&a);
	close(fd);
}

static void files(void **state)
{
	char path[] = "/tmp/ukey-pin.XXXXXX";
	struct pin pin = {0};
	int fd = mkstemp(path);
	(void)state;

	assert_int_equal(write(fd, "654321\nmore\n", 12), 12);
	close(fd);
	tool.opt[OPT_PIN_FILE] = path;
	assert_int_equal(pin_get(&tool, PIN_USER, "x", &pin), UKEY_OK);
	assert_memory_equal(pin.data, "654321", 7);
	pin_clear(&pin);
	tool.opt[OPT_PIN_FD] = "0";
	assert_int_equal(pin_get(&tool, PIN_USER, "x", &pin), UKEY_USAGE);
	tool.opt[OPT_PIN_FD] = NULL;
	unlink(path);
	assert_int_equal(pin_get(&tool, PIN_USER, "x", &pin), UKEY_FILE);
	assert_non_null(strstr(tool.context, path));
	tool.opt[OPT_PIN_FILE] = NULL;
	tool.opt[OPT_PIN_FD] = "65000";
	assert_int_equal(pin_get(&tool, PIN_USER, "x", &pin), UKEY_FILE);
	tool.opt[OPT_PIN_FD] = "1x";
	assert_int_equal(pin_get(&tool, PIN_USER, "x", &pin), UKEY_USAGE);
}

/* doc/token-protocol.md 1.6: well-formed UTF-8 without control characters; classes lower, upper, digit, other. */
static void classes(void **state)
{
	static const struct {
		const char *text;
		unsigned classes;
	} rows[] = {
		{"abcdef",       1},
		{"abcDEF",       2},
		{"abC123",       3},
		{"abC12!",       4},
		{"口令口令", 1},
		{"a口令1",     3},
		{"ab\x01yz",     0},
		{"ab\x7F",       0},
		{"\xFF\xFE",     0},
		{"\xC0\xAF",     0},
		{"\xED\xA0\x80", 0},
		{"a?b?c?",       2},
		{"\xC2\x9Bxxxx", 0},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (pin_classes((const uint8_t *)rows[i].text, strlen(rows[i].text)) != rows[i].classes)
			fail_msg("row %zu", i);
	assert_int_equal(pin_classes((const uint8_t *)"ab\0cdef", 7), 0);
}

static enum ukey_status policy(const struct ukey_token_info *info, const char *pin, const char *old)
{
	struct pin a = {(uint8_t *)pin, strlen(pin)}, b = {(uint8_t *)old, old != NULL ? strlen(old) : 0};

	return pin_check_policy(&tool, info, &a, old != NULL ? &b : NULL);
}

static void policies(void **state)
{
	struct ukey_token_info info = {.pin_min = 6, .pin_max = 10, .pin_classes = 2};
	(void)state;

	assert_int_equal(policy(&info, "abc123", NULL), UKEY_OK);
	assert_int_equal(policy(&info, "ab123", NULL), UKEY_PIN_LENGTH);
	assert_non_null(strstr(tool.context, "6 to 10"));
	assert_int_equal(policy(&info, "abc12345678", NULL), UKEY_PIN_LENGTH);
	assert_int_equal(policy(&info, "123456", NULL), UKEY_PIN_POLICY);
	assert_int_equal(policy(&info, "abc123", "abc123"), UKEY_PIN_POLICY);
	assert_int_equal(policy(&info, "abc123", "abc124"), UKEY_OK);
}

/* ---- the prompt, on a terminal ---- */

struct child {
	pid_t pid;
	int terminal;
	char shown[2000];
	size_t len;
};

/* Whether pin_get succeeded goes out as the exit code: 0, or the status; the PIN has to be "secret1". */
static void start(struct child *c, enum pin_kind kind)
{
	memset(c, 0, sizeof(*c));
	c->pid = forkpty(&c->terminal, NULL, NULL, NULL);
	if (c->pid < 0) {
		print_message("SKIP: no pseudo-terminals here (is /dev/pts mounted?)\n");
		skip();
	}
	if (c->pid == 0) {
		struct pin pin = {0};
		enum ukey_status s;
		tool_catch_signals();
		s = pin_get(&tool, kind, "PIN of X", &pin);
		if (s == UKEY_OK && (pin.len != 7 || memcmp(pin.data, "secret1", 7) != 0))
			s = UKEY_INTERNAL;
		pin_clear(&pin);
		_exit((int)s);
	}
}

/* Until the text was shown; what comes after it stays for later. */
static void expect(struct child *c, const char *text)
{
	while (strstr(c->shown, text) == NULL) {
		struct pollfd p = {.fd = c->terminal, .events = POLLIN};
		ssize_t n;
		if (poll(&p, 1, 30000) != 1 || c->len + 1 >= sizeof(c->shown))
			fail_msg("\"%s\" never came, but: %s", text, c->shown);
		n = read(c->terminal, c->shown + c->len, sizeof(c->shown) - 1 - c->len);
		if (n <= 0)
			fail_msg("\"%s\" never came, but: %s", text, c->shown);
		c->len += (size_t)n;
	}
}

static void type(struct child *c, const char *text)
{
	assert_int_equal(write(c->terminal, text, strlen(text)), (ssize_t)strlen(text));
}

static bool echoes(struct child *c)
{
	struct termios now;

	assert_int_equal(tcgetattr(c->terminal, &now), 0);
	return (now.c_lflag & ECHO) != 0;
}

static int end(struct child *c)
{
	int status = 0;

	/* what it still has to say is taken, or it could wait for us; after its end the terminal is at its end too */
	for (;;) {
		struct pollfd p = {.fd = c->terminal, .events = POLLIN};
		ssize_t n = 0;
		assert_int_equal(poll(&p, 1, 30000), 1);
		if (c->len + 1 < sizeof(c->shown))
			n = read(c->terminal, c->shown + c->len, sizeof(c->shown) - 1 - c->len);
		if (n <= 0)
			break;
		c->len += (size_t)n;
	}
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_true(WIFEXITED(status));
	assert_null(strstr(c->shown, "secret"));
	return WEXITSTATUS(status);
}

static void prompts_without_echo(void **state)
{
	struct child c;
	(void)state;

	start(&c, PIN_USER);
	expect(&c, "PIN of X: ");
	assert_false(echoes(&c));
	type(&c, "secret1\n");
	assert_int_equal(end(&c), UKEY_OK);
	assert_true(echoes(&c));
	close(c.terminal);
}

static void asks_new_ones_twice(void **state)
{
	struct child c;
	(void)state;

	start(&c, PIN_NEW_USER);
	expect(&c, "PIN of X: ");
	type(&c, "secret1\n");
	expect(&c, "once more: ");
	type(&c, "secret1\n");
	assert_int_equal(end(&c), UKEY_OK);
	close(c.terminal);
	start(&c, PIN_NEW_USER);
	expect(&c, "PIN of X: ");
	type(&c, "secret1\n");
	expect(&c, "once more: ");
	type(&c, "secret2\n");
	assert_int_equal(end(&c), UKEY_PIN_MISMATCH);
	assert_true(echoes(&c));
	close(c.terminal);
}

static void ctrl_c_restores(void **state)
{
	struct child c;
	(void)state;

	start(&c, PIN_USER);
	expect(&c, "PIN of X: ");
	type(&c, "secr\003");
	assert_int_equal(end(&c), UKEY_CANCELLED);
	assert_true(echoes(&c));
	close(c.terminal);
}

/* A Ctrl-C that comes before the prompt waits is not lost: nobody has to press it twice. */
static void ctrl_c_before_the_wait(void **state)
{
	int ends[2], status = 0;
	pid_t pid;
	(void)state;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct pin pin = {0};
		tool_catch_signals();
		raise(SIGINT);
		alarm(10);
		_exit((int)pin_read_fd(ends[0], &pin));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), UKEY_CANCELLED);
	close(ends[0]);
	close(ends[1]);
}

static void no_terminal(void **state)
{
	pid_t pid = fork();
	int status = 0;
	(void)state;

	if (pid == 0) {
		struct pin pin = {0};
		setsid(); /* loses the terminal, if there is one */
		_exit((int)pin_get(&tool, PIN_USER, "x", &pin));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), UKEY_PIN_INPUT);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_line),
		TEST(successive_lines),
		TEST(files),
		TEST(classes),
		TEST(policies),
		TEST(prompts_without_echo),
		TEST(asks_new_ones_twice),
		TEST(ctrl_c_restores),
		TEST(ctrl_c_before_the_wait),
		TEST(no_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
