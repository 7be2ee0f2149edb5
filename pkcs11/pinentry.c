/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "pkcs11/pinentry.h"

#include "common/secmem.h"
#include "pkcs11/assuan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Five minutes: long enough to look for the note, too short to find the window open tomorrow. */
struct pinentry_limits pinentry_limits = {.person = 300 * 1000, .program = 15 * 1000, .end = 500};

/* How often `watch` is asked. */
#define TICK 50
/* A process that was killed ends as soon as the machine finds the time, and not waited for it stays the application's.
 */
#define KILLED 10000

/* In secure memory: a line may be a PIN. */
struct pinentry {
	const struct pinentry_window *window;
	pid_t pid;
	int handle; /* pidfd; -1: the kernel has none */
	int fd;
	bool busy; /* a window may be open */
	unsigned error;
	uint8_t in[ASSUAN_LINE_MAX + 2];
	size_t have, taken;
	uint8_t out[ASSUAN_LINE_MAX + 2];
	uint8_t quality[ASSUAN_LINE_MAX];
};

/* One window a process (prompt.c). Kept for the child of a fork, where the thread that would close it is gone. */
static atomic_int open_socket = -1;

void pinentry_forked(void)
{
	int fd = atomic_exchange(&open_socket, -1);

	if (fd >= 0)
		close(fd);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

/* ---- the child --------------------------------------------------------------------------------------------------- */

/* What a window needs, and nothing of what a browser sets for itself (library paths, preloaded libraries). */
static const char *const passed[] = {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "HOME",
	"USER", "LOGNAME", "PATH", "LANG", "LANGUAGE", "GPG_TTY", "TERM", "TMPDIR", "PINENTRY_USER_DATA",
	"DESKTOP_SESSION", "GTK_IM_MODULE", "QT_IM_MODULE", "XMODIFIERS", "QT_QPA_PLATFORMTHEME", NULL};
static const char *const passed_groups[] = {"LC_", "XDG_", NULL};

static bool is_passed(const char *variable)
{
	const size_t n = strcspn(variable, "=");

	for (size_t i = 0; passed[i]; i++)
		if (strlen(passed[i]) == n && strncmp(variable, passed[i], n) == 0)
			return true;
	for (size_t i = 0; passed_groups[i]; i++)
		if (strncmp(variable, passed_groups[i], strlen(passed_groups[i])) == 0)
			return true;
	return false;
}

static char **environment(void)
{
	size_t n = 0, count = 0;
	char **list;

	while (environ && environ[n])
		n++;
	list = calloc(n + 1, sizeof(*list));
	for (size_t i = 0; list && i < n; i++)
		if (environ[i] && is_passed(environ[i]))
			list[count++] = environ[i];
	return list;
}

/* Signals as a program finds them that was started from a shell, whatever the application ignores or blocks. */
static bool plain_signals(posix_spawnattr_t *attributes)
{
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	return posix_spawnattr_setsigdefault(attributes, &all) == 0 &&
	       posix_spawnattr_setsigmask(attributes, &none) == 0 &&
	       posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) == 0;
}

/* The socket is its standard input and output; of our files it gets where errors go, and nothing else. */
static bool plain_files(posix_spawn_file_actions_t *files, int socket)
{
	bool good = posix_spawn_file_actions_adddup2(files, socket, 0) == 0 &&
		    posix_spawn_file_actions_adddup2(files, socket, 1) == 0;

	if (good && fcntl(2, F_GETFD) < 0)
		good = posix_spawn_file_actions_addopen(files, 2, "/dev/null", O_WRONLY, 0) == 0;
	return good && posix_spawn_file_actions_addclosefrom_np(files, 3) == 0;
}

static bool spawn(struct pinentry *p, int socket)
{
	char *const arguments[] = {(char *)p->window->program, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	char **variables = environment();
	bool good = false;

	if (!variables)
		return false;
	if (posix_spawn_file_actions_init(&files) != 0)
		goto no_files;
	if (posix_spawnattr_init(&attributes) != 0)
		goto no_attributes;
	good = plain_files(&files, socket) && plain_signals(&attributes) &&
	       posix_spawnp(&p->pid, p->window->program, &files, &attributes, arguments, variables) == 0;
	posix_spawnattr_destroy(&attributes);
no_attributes:
	posix_spawn_file_actions_destroy(&files);
no_files:
	free(variables);
	return good;
}

/* Above the three that an application may have closed: there it would be taken for something else. */
static int above(int fd)
{
	int moved = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (fd >= 0)
		close(fd);
	return moved;
}

bool pinentry_allowed(void)
{
	return getauxval(AT_SECURE) == 0;
}

static bool start(struct pinentry *p)
{
	int pair[2];
	bool good = false;

	if (!pinentry_allowed() || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	p->fd = above(pair[0]);
	pair[1] = above(pair[1]);
	if (p->fd >= 0 && pair[1] >= 0)
		good = spawn(p, pair[1]);
	if (pair[1] >= 0)
		close(pair[1]);
	if (!good) {
		p->pid = -1;
		if (p->fd >= 0)
			close(p->fd);
		return false;
	}
	/* The number of a process may be given to another one as soon as an application that ignores SIGCHLD, or waits
	 * for everybody, let ours be forgotten; a handle stays ours. */
	p->handle = (int)syscall(SYS_pidfd_open, p->pid, 0);
	atomic_store(&open_socket, p->fd);
	return true;
}

/* Within the limit; true as well when somebody else took its exit status. */
static bool gone(struct pinentry *p, long limit)
{
	const long until = now_ms() + limit;

	do {
		pid_t got = waitpid(p->pid, NULL, WNOHANG);

		if (got == p->pid || (got < 0 && errno == ECHILD))
			return true;
		poll(&(struct pollfd){.fd = p->handle, .events = POLLIN}, 1, 10);
	} while (now_ms() < until);
	return false;
}

static void signal_child(const struct pinentry *p, int number)
{
	if (p->handle >= 0)
		syscall(SYS_pidfd_send_signal, p->handle, number, NULL, 0);
	else if (waitpid(p->pid, NULL, WNOHANG) == 0)
		kill(p->pid, number);
}

static void end(struct pinentry *p)
{
	bool over;

	atomic_store(&open_socket, -1);
	close(p->fd);
	/* One that shows a window does not see that nobody listens any more. */
	over = !p->busy && gone(p, pinentry_limits.end);
	if (!over) {
		signal_child(p, SIGTERM);
		over = gone(p, pinentry_limits.end);
	}
	if (!over) {
		signal_child(p, SIGKILL);
		gone(p, KILLED);
	}
	if (p->handle >= 0)
		close(p->handle);
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static enum pinentry_result put(struct pinentry *p, const char *command, const char *text)
{
	struct builder line = builder_of(p->out, sizeof(p->out));

	assuan_command(&line, command, text);
	/* A socket that takes no more belongs to a program that does not read: it would not answer either. */
	if (line.failed || send(p->fd, p->out, line.len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)line.len)
		return PINENTRY_FAILED;
	return PINENTRY_DONE;
}

/* The line that was handed out last is wiped, what came after it moves to the front. */
static void drop_line(struct pinentry *p)
{
	bytes_move(p->in, p->in + p->taken, p->have - p->taken);
	p->have -= p->taken;
	bytes_wipe(p->in + p->have, sizeof(p->in) - p->have);
	p->taken = 0;
}

static bool find_line(struct pinentry *p, struct bytes *line)
{
	const uint8_t *feed = memchr(p->in, '\n', p->have);

	if (!feed)
		return false;
	*line = BYTES(p->in, (size_t)(feed - p->in));
	p->taken = line->len + 1;
	return true;
}

static enum pinentry_result get_line(struct pinentry *p, long until, struct bytes *line)
{
	drop_line(p);
	while (!find_line(p, line)) {
		struct pollfd ready = {.fd = p->fd, .events = POLLIN};
		ssize_t n;

		if (p->have == sizeof(p->in))
			return PINENTRY_FAILED;
		if (!p->window->watch(p->window->arg))
			return PINENTRY_ENDED;
		if (now_ms() >= until)
			return PINENTRY_TIMEOUT;
		if (poll(&ready, 1, TICK) <= 0)
			continue;
		n = recv(p->fd, p->in + p->have, sizeof(p->in) - p->have, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return PINENTRY_FAILED;
		p->have += n > 0 ? (size_t)n : 0;
	}
	return PINENTRY_DONE;
}

/* "QUALITY 12345": pinentries escape it as in URLs, not quite as Assuan has it. */
static enum pinentry_result answer_inquiry(struct pinentry *p, const struct assuan_line *line)
{
	struct builder pin = builder_of(p->quality, sizeof(p->quality));
	struct cursor c = cursor_of(line->rest);
	enum pinentry_result result;
	char points[8];
	int value = 0;

	if (!p->window->quality || !assuan_names(line, "QUALITY"))
		return put(p, "CAN", NULL);
	cursor_take(&c, sizeof("QUALITY"));
	if (!c.failed && assuan_unescape(cursor_rest(&c), &pin))
		value = p->window->quality(p->window->arg, builder_bytes(&pin));
	bytes_wipe(p->quality, sizeof(p->quality));
	snprintf(points, sizeof(points), "%d", value < -100 ? -100 : value > 100 ? 100 : value);
	result = put(p, "D", points);
	return result == PINENTRY_DONE ? put(p, "END", NULL) : result;
}

static enum pinentry_result of_error(unsigned error)
{
	if (error == ASSUAN_CANCELLED || error == ASSUAN_FULLY_CANCELLED)
		return PINENTRY_CANCELLED;
	return error == ASSUAN_TIMEOUT ? PINENTRY_TIMEOUT : PINENTRY_FAILED;
}

/* Lines until the answer is complete. *refused: it was an error, which `result` words. */
static enum pinentry_result answer(struct pinentry *p, long limit, struct builder *data, bool *repeated, bool *refused)
{
	const long until = now_ms() + limit;

	*refused = false;
	for (;;) {
		struct bytes text;
		struct assuan_line line;
		enum pinentry_result result = get_line(p, until, &text);

		if (result != PINENTRY_DONE)
			return result;
		line = assuan_parse(text);
		switch (line.kind) {
		case ASSUAN_OK:
			return PINENTRY_DONE;
		case ASSUAN_ERR:
			*refused = true;
			return of_error(line.error);
		case ASSUAN_DATA:
			if (data && !assuan_unescape(line.rest, data))
				return PINENTRY_FAILED;
			break;
		case ASSUAN_STATUS:
			if (repeated && assuan_names(&line, "PIN_REPEATED"))
				*repeated = true;
			break;
		case ASSUAN_INQUIRE:
			result = answer_inquiry(p, &line);
			if (result != PINENTRY_DONE)
				return result;
			break;
		case ASSUAN_COMMENT:
			break;
		default:
			return PINENTRY_FAILED;
		}
	}
}

/* ---- the window -------------------------------------------------------------------------------------------------- */

/* What a pinentry does not know it refuses, and goes on. */
static enum pinentry_result tell(struct pinentry *p, const char *command, const char *text)
{
	enum pinentry_result result;
	bool refused;

	if (!text)
		return PINENTRY_DONE;
	result = put(p, command, text);
	if (result == PINENTRY_DONE)
		result = answer(p, pinentry_limits.program, NULL, NULL, &refused);
	else
		return result;
	return refused ? PINENTRY_DONE : result == PINENTRY_TIMEOUT ? PINENTRY_FAILED : result;
}

static enum pinentry_result option(struct pinentry *p, const char *name, const char *value)
{
	char text[PATH_MAX];
	int n = value && value[0] ? snprintf(text, sizeof(text), "%s=%s", name, value) : -1;

	return n > 0 && (size_t)n < sizeof(text) ? tell(p, "OPTION", text) : PINENTRY_DONE;
}

/* The terminal to ask on where there is no display: GPG_TTY, which people set for gpg, or the one we run on. */
static const char *terminal(char *store, size_t room)
{
	const char *named = getenv("GPG_TTY");

	if (named && named[0])
		return named;
	for (int fd = 0; fd <= 2; fd++)
		if (ttyname_r(fd, store, room) == 0)
			return store;
	return NULL;
}

/* The character set of our texts. An application that speaks no language of its own has no say in it. */
static const char *locale_of(int category, const char *variable)
{
	const char *set = setlocale(category, NULL), *const names[] = {"LC_ALL", variable, "LANG"};

	if (set && strcmp(set, "C") != 0 && strcmp(set, "POSIX") != 0)
		return set;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0])
			return value;
	}
	return NULL;
}

/* allow-external-password-cache is not among them: a PIN that is remembered elsewhere is no PIN. */
static enum pinentry_result introduce(struct pinentry *p)
{
	char store[PATH_MAX];
	const struct {
		const char *name, *value;
	} options[] = {
		{"ttyname",              terminal(store, sizeof(store))},
		{"ttytype",              getenv("TERM")},
		{"lc-ctype",    locale_of(LC_CTYPE,    "LC_CTYPE")              },
		{"lc-messages", locale_of(LC_MESSAGES, "LC_MESSAGES")},
	};
	bool refused;
	enum pinentry_result result = answer(p, pinentry_limits.program, NULL, NULL, &refused);

	if (result == PINENTRY_TIMEOUT)
		result = PINENTRY_FAILED;
	/* Keyboards of others are not taken away: so does gpg, by default. */
	if (result == PINENTRY_DONE)
		result = tell(p, "OPTION", "no-grab");
	for (size_t i = 0; i < sizeof(options) / sizeof(*options) && result == PINENTRY_DONE; i++)
		result = option(p, options[i].name, options[i].value);
	return result;
}

static enum pinentry_result describe(struct pinentry *p)
{
	const struct pinentry_window *w = p->window;
	char seconds[24];
	const struct {
		const char *command, *text;
	} rows[] = {
		{"SETTIMEOUT",     seconds                             },
		{"SETTITLE",       w->title                            },
		{"SETDESC",        w->text                             },
		{"SETERROR",       w->error                            },
		{"SETPROMPT",      w->prompt                           },
		{"SETOK",          w->ok			       },
		{"SETCANCEL",      w->cancel                           },
		{"SETREPEAT",      w->repeat                           },
		{"SETREPEATERROR", w->repeat_error                     },
		{"SETQUALITYBAR",  w->quality ? w->quality_label : NULL},
	};
	enum pinentry_result result = PINENTRY_DONE;

	/* Its own limit comes first: then it closes its window in its own way. */
	snprintf(seconds, sizeof(seconds), "%ld", pinentry_limits.person / 1000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && result == PINENTRY_DONE; i++)
		result = tell(p, rows[i].command, rows[i].text);
	return result;
}

static enum pinentry_result show(
	const struct pinentry_window *w, const char *command, struct builder *data, bool *repeated)
{
	struct pinentry *p = secmem_alloc(sizeof(*p));
	enum pinentry_result result;
	bool refused;

	if (!p)
		return PINENTRY_FAILED;
	*p = (struct pinentry){.window = w, .pid = -1, .handle = -1, .fd = -1};
	if (!start(p)) {
		secmem_free(p);
		return PINENTRY_FAILED;
	}
	result = introduce(p);
	if (result == PINENTRY_DONE)
		result = describe(p);
	if (result == PINENTRY_DONE)
		result = put(p, command, NULL);
	if (result == PINENTRY_DONE) {
		p->busy = true;
		result = answer(p, pinentry_limits.person + 1000, data, repeated, &refused);
		p->busy = result != PINENTRY_DONE && !refused;
	}
	end(p);
	secmem_free(p);
	return result;
}

enum pinentry_result pinentry_pin(const struct pinentry_window *w, struct builder *pin, bool *repeated)
{
	*repeated = false;
	return show(w, "GETPIN", pin, repeated);
}

enum pinentry_result pinentry_message(const struct pinentry_window *w)
{
	return show(w, "MESSAGE", NULL, NULL);
}
