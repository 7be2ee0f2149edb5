/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/pin_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/secmem.h"
#include "tools/ui.h"

/* ---- one line ---- */

void pin_clear(struct pin *pin)
{
	secmem_free(pin->data);
	pin->data = NULL;
	pin->len = 0;
}

/*
 * One byte, or 0 at the end, or -1. Signals come through only while we wait: a Ctrl-C between the look at the flag and
 * the read would otherwise be seen at the next key only.
 */
static ssize_t read_byte(int fd, uint8_t *c)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	sigset_t ours, before;
	ssize_t n = -1;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	while (!tool_cancelled() && ppoll(&p, 1, NULL, &before) < 0 && errno == EINTR)
		continue;
	if (tool_cancelled())
		errno = EINTR;
	else
		n = read(fd, c, 1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return n;
}

/* Byte by byte: whatever comes after the line belongs to the next reader of this descriptor. */
enum ukey_status pin_read_fd(int fd, struct pin *out)
{
	uint8_t *line = secmem_alloc(PIN_LINE_MAX + 1);
	enum ukey_status s = UKEY_OK;
	size_t len = 0;
	bool any = false;

	if (line == NULL)
		return UKEY_MEMORY;
	for (;;) {
		uint8_t c = 0;
		ssize_t n = read_byte(fd, &c);
		if (n < 0 && errno == EINTR && !tool_cancelled())
			continue;
		if (n < 0) {
			s = errno == EINTR ? UKEY_CANCELLED : UKEY_FILE;
			break;
		}
		any = any || n == 1;
		if (n == 0 || c == '\n')
			break;
		if (len == PIN_LINE_MAX)
			s = UKEY_PIN_LENGTH; /* read on to the line's end, so that nobody takes the rest for a PIN */
		else
			line[len++] = c;
	}
	if (s == UKEY_OK && !any)
		s = UKEY_PIN_INPUT;
	if (s == UKEY_OK && len > 0 && line[len - 1] == '\r')
		line[--len] = 0; /* no PIN holds control characters: this is a line end made elsewhere */
	if (s == UKEY_OK && len == 0)
		s = UKEY_PIN_INPUT;
	if (s != UKEY_OK) {
		secmem_free(line);
		return s;
	}
	out->data = line;
	out->len = len;
	return UKEY_OK;
}

enum ukey_status pin_read_file(const char *path, struct pin *out)
{
	enum ukey_status s;
	int fd;

	if (strcmp(path, "-") == 0)
		return pin_read_fd(STDIN_FILENO, out);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return UKEY_FILE;
	s = pin_read_fd(fd, out);
	close(fd);
	return s;
}

/* ---- the prompt ---- */

static struct termios saved_terminal;
static volatile int saved_fd = -1;

void pin_restore_terminal(void)
{
	if (saved_fd >= 0)
		tcsetattr(saved_fd, TCSAFLUSH, &saved_terminal);
}

static bool echo_off(int fd)
{
	struct termios silent;
	static bool registered;

	if (tcgetattr(fd, &saved_terminal) != 0)
		return false;
	if (!registered)
		atexit(pin_restore_terminal);
	registered = true;
	saved_fd = fd;
	silent = saved_terminal;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	silent.c_lflag |= ICANON | ISIG;
	return tcsetattr(fd, TCSAFLUSH, &silent) == 0;
}

static void echo_on(void)
{
	pin_restore_terminal();
	saved_fd = -1;
}

static enum ukey_status ask_once(int tty, const char *prompt, bool echo, struct pin *out)
{
	enum ukey_status s;

	if (!echo && !echo_off(tty)) {
		echo_on();
		return UKEY_PIN_INPUT;
	}
	dprintf(tty, "%s: ", prompt);
	s = pin_read_fd(tty, out);
	if (!echo) {
		echo_on();
	}
	if (!echo || tool_cancelled())
		dprintf(tty, "\n");
	return tool_cancelled() ? UKEY_CANCELLED : s;
}

static enum ukey_status ask(struct tool *t, const char *what, bool twice, bool echo, struct pin *out)
{
	struct pin again = {0};
	char prompt[256], second[300];
	enum ukey_status s;
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty < 0)
		return tool_fail(t, UKEY_PIN_INPUT, _("there is no terminal to ask: %s"), what);
	fflush(stdout);
	snprintf(prompt, sizeof(prompt), "%s", what);
	ui_clean(prompt);
	s = ask_once(tty, prompt, echo, out);
	if (s == UKEY_OK && twice) {
		snprintf(second, sizeof(second), _("%s, once more"), prompt);
		s = ask_once(tty, second, echo, &again);
		if (s == UKEY_OK && !bytes_equal_secret(BYTES(out->data, out->len), BYTES(again.data, again.len)))
			s = UKEY_PIN_MISMATCH;
	}
	if (s != UKEY_OK)
		pin_clear(out);
	pin_clear(&again);
	close(tty);
	return s;
}

/* ---- by the options ---- */

static const struct {
	enum tool_option file, fd;
	bool twice, echo;
} sources[] = {
	[PIN_USER] = {OPT_PIN_FILE,            OPT_PIN_FD,            false, false},
	[PIN_NEW_USER] = {OPT_NEW_PIN_FILE,        OPT_NEW_PIN_FD,        true,  false},
	[PIN_SO] = {OPT_SO_PIN_FILE,         OPT_SO_PIN_FD,         false, false},
	[PIN_NEW_SO] = {OPT_NEW_SO_PIN_FILE,     OPT_NEW_SO_PIN_FD,     true,  false},
	[PIN_CODE] = {OPT_CODE_FILE,           OPT_CODE_FD,           false, false},
	[PIN_ANSWER] = {OPT_ANSWER_FILE,         OPT_ANSWER_FD,         false, true },
	[PIN_PASSWORD] = {OPT_PASSWORD_FILE,       OPT_PASSWORD_FD,       false, false},
	[PIN_MANAGEMENT_KEY] = {OPT_MANAGEMENT_KEY_FILE, OPT_MANAGEMENT_KEY_FD, false, false},
};

bool pin_is_given(const struct tool *t, enum pin_kind kind)
{
	return tool_has(t, sources[kind].file) || tool_has(t, sources[kind].fd);
}

bool pin_can_repeat(const struct tool *t, enum pin_kind kind)
{
	return !tool_has(t, sources[kind].file);
}

static void warn_readable(struct tool *t, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0)
		ui_warn(t, _("other users can read %s; mend it with: chmod 600 %s"), path, path);
}

static enum ukey_status get(struct tool *t, enum pin_kind kind, const char *what, struct pin *out)
{
	const char *file = t->opt[sources[kind].file];
	enum ukey_status s;
	long fd = -1;

	if (file != NULL && tool_has(t, sources[kind].fd))
		return tool_fail(t, UKEY_USAGE, _("a file and a descriptor for the same PIN"));
	if (file != NULL) {
		warn_readable(t, file);
		errno = 0;
		s = pin_read_file(file, out);
		if (s == UKEY_FILE)
			return tool_fail_file(t, file);
		return s == UKEY_PIN_INPUT ? tool_fail(t, s, _("%s is empty"), file) : s;
	}
	s = tool_number(t, sources[kind].fd, 0, 65535, &fd);
	if (s != UKEY_OK)
		return s;
	if (fd < 0)
		return ask(t, what, sources[kind].twice, sources[kind].echo, out);
	errno = 0;
	s = pin_read_fd((int)fd, out);
	if (s == UKEY_FILE)
		return tool_fail(t, s, _("file descriptor %ld: %s"), fd, strerror(errno));
	return s == UKEY_PIN_INPUT ? tool_fail(t, s, _("file descriptor %ld has no line left"), fd) : s;
}

enum ukey_status pin_get(struct tool *t, enum pin_kind kind, const char *what, struct pin *out)
{
	enum ukey_status s = get(t, kind, what, out);

	/* the table's hint names the options of the user PIN */
	if (s == UKEY_PIN_INPUT && kind != PIN_USER) {
		const char *file = tool_option_name(sources[kind].file), *fd = tool_option_name(sources[kind].fd);
		if (t->failed != s)
			tool_fail(t, s, NULL);
		tool_hint(t, _("give it at the prompt, or with --%s or --%s"), file, fd);
	}
	return s;
}

/* ---- the policy ---- */

unsigned pin_classes(const uint8_t *data, size_t len)
{
	unsigned lower = 0, upper = 0, digit = 0, other = 0;
	char text[PIN_LINE_MAX + 1];
	unsigned classes;

	if (len > PIN_LINE_MAX)
		return 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = data[i];
		if (c >= 'a' && c <= 'z')
			lower = 1;
		else if (c >= 'A' && c <= 'Z')
			upper = 1;
		else if (c >= '0' && c <= '9')
			digit = 1;
		else
			other = 1;
		text[i] = (char)c;
	}
	text[len] = '\0';
	ui_clean(text);
	/* what ui_clean had to change is a control character or broken UTF-8, a zero among them */
	classes = memcmp(text, data, len) == 0 && strlen(text) == len ? lower + upper + digit + other : 0;
	bytes_wipe(text, sizeof(text));
	return classes;
}

void pin_policy_text(const struct ukey_token_info *info, char *out, size_t cap)
{
	if (info->pin_classes > 1)
		snprintf(out, cap,
			_("%u to %u bytes, with at least %u of: lower case, upper case, digits, other characters"),
			info->pin_min, info->pin_max, info->pin_classes);
	else
		snprintf(out, cap, _("%u to %u bytes"), info->pin_min, info->pin_max);
}

enum ukey_status pin_check_policy(
	struct tool *t, const struct ukey_token_info *info, const struct pin *pin, const struct pin *old)
{
	unsigned classes = pin_classes(pin->data, pin->len);
	char policy[200];

	pin_policy_text(info, policy, sizeof(policy));
	if (pin->len < info->pin_min || pin->len > info->pin_max)
		return tool_fail(t, UKEY_PIN_LENGTH, _("the new PIN needs %s; nothing was changed"), policy);
	if (classes == 0)
		return tool_fail(t, UKEY_PIN_POLICY, _("control characters and broken UTF-8 are not allowed"));
	if (classes < info->pin_classes)
		return tool_fail(t, UKEY_PIN_POLICY, _("the new PIN needs %s"), policy);
	if (old != NULL && bytes_equal_secret(BYTES(pin->data, pin->len), BYTES(old->data, old->len)))
		return tool_fail(t, UKEY_PIN_POLICY, _("the new PIN is the old one"));
	return UKEY_OK;
}
