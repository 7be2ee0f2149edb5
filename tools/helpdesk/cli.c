/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/helpdesk/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "common/secmem.h"

#define PIN_MAX 255

/* ---- messages ---- */

static char detail[512];

enum desk_status cli_fail(enum desk_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	return status;
}

const char *cli_detail(void)
{
	return detail[0] != '\0' ? detail : desk_detail();
}

void cli_say(const struct cli *cli, const char *format, ...)
{
	char line[2048];
	va_list args;

	if (cli->json)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (char *c = line; *c != '\0'; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7F)
			*c = '?';
	puts(line);
}

void cli_time(int64_t seconds, char out[32])
{
	time_t time = (time_t)seconds;
	struct tm date;

	if (seconds == 0 || gmtime_r(&time, &date) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%SZ", &date) == 0)
		snprintf(out, 32, "-");
}

enum desk_status cli_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end = NULL;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < min || n > max)
		return cli_fail(DESK_USAGE, _("\"%s\" is not a number from %lld to %lld"), text, (long long)min,
			(long long)max);
	*out = n;
	return DESK_OK;
}

enum desk_status cli_code_fault(const struct code_fault *fault)
{
	static const char *const kinds[] = {
		[CODE_CHALLENGE] = N_("a challenge"), [CODE_ANSWER] = N_("an answer"), [CODE_PROOF] = N_("a proof")};
	char groups[64] = "";
	size_t n = 0;

	switch (fault->error) {
	case CODE_LENGTH:
		return cli_fail(
			DESK_CODE, _("it has %zu characters, not %zu; ask for all groups"), fault->have, fault->want);
	case CODE_CHARACTER:
		return cli_fail(DESK_CODE, _("group %u has a character that no code has"), fault->group);
	case CODE_OTHER:
		return cli_fail(DESK_CODE, _("this is %s; ask for the other code"), _(kinds[fault->other]));
	default:
		break;
	}
	for (unsigned g = 1; g < 8; g++)
		if (fault->groups & 1u << g)
			n += (size_t)snprintf(groups + n, sizeof(groups) - n, "%s%u", n > 0 ? ", " : "", g);
	if (n == 0)
		return cli_fail(DESK_CODE, _("more than one character is wrong; ask for all groups again"));
	return cli_fail(DESK_CODE, _("probably in group %s; ask for it again"), groups);
}

/* ---- files and PINs ---- */

enum desk_status cli_read_file(const char *path, size_t max, uint8_t **out, size_t *len)
{
	FILE *file = fopen(path, "re");
	uint8_t *data = malloc(max + 2);
	enum desk_status status = DESK_OK;

	if (data == NULL)
		status = DESK_MEMORY;
	else if (file == NULL)
		status = cli_fail(DESK_IO, "%s: %s", path, strerror(errno));
	if (status == DESK_OK) {
		*len = fread(data, 1, max + 1, file);
		if (ferror(file) || *len > max)
			status = cli_fail(DESK_IO, _("%s cannot be read, or is too large"), path);
		else
			data[*len] = 0;
	}
	if (file != NULL)
		fclose(file);
	if (status == DESK_OK)
		*out = data;
	else
		free(data);
	return status;
}

/* The signal that came while the terminal was without echo. */
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

static const int ending[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};

#define ENDING (sizeof(ending) / sizeof(ending[0]))

/*
 * False: a signal came. They come through only while this waits: one between a look at the flag and the read would be
 * heard at the next key only.
 */
static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	sigset_t ours, before;

	sigemptyset(&ours);
	for (size_t i = 0; i < ENDING; i++)
		sigaddset(&ours, ending[i]);
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	while (interrupted == 0 && ppoll(&p, 1, NULL, &before) < 0 && errno == EINTR)
		continue;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return interrupted == 0;
}

/* The first line, byte by byte: what follows is the next reader's, and nothing stays in a buffer of stdio. */
static enum desk_status read_line(int fd, char *line)
{
	size_t len = 0;

	for (;;) {
		char c;
		ssize_t n = readable(fd) ? read(fd, &c, 1) : -1;
		if (n < 0 && interrupted == 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cli_fail(DESK_IO, _("the PIN cannot be read: %s"), strerror(errno));
		if (n == 0 || c == '\n')
			break;
		if (len == PIN_MAX)
			return cli_fail(DESK_USAGE, _("the PIN is too long"));
		line[len++] = c;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	return len > 0 ? DESK_OK : cli_fail(DESK_USAGE, _("there is no PIN"));
}

/* No signal may leave the terminal without echo, nor half a desk: one that ends us is a PIN that cannot be read. */
static enum desk_status ask(const char *what, char *line)
{
	int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct sigaction catch = {.sa_handler = on_signal}, before_action[ENDING];
	struct termios before, silent;
	sigset_t stop, old;
	enum desk_status status;

	if (terminal < 0 || tcgetattr(terminal, &before) != 0) {
		if (terminal >= 0)
			close(terminal);
		return cli_fail(DESK_USAGE,
			_("there is no terminal to ask for the PIN of %s: give a file or a descriptor"), what);
	}
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	sigprocmask(SIG_BLOCK, &stop, &old);
	sigemptyset(&catch.sa_mask);
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], &catch, &before_action[i]);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_lflag |= ECHONL;
	/* Whoever sees the question can type: nothing of it is shown, or thrown away. */
	tcsetattr(terminal, TCSAFLUSH, &silent);
	dprintf(terminal, _("PIN of %s: "), what);
	status = read_line(terminal, line);
	tcsetattr(terminal, TCSAFLUSH, &before);
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], &before_action[i], NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(terminal);
	return status;
}

void cli_hold(void)
{
	struct sigaction catch = {.sa_handler = on_signal};

	sigemptyset(&catch.sa_mask);
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], &catch, NULL);
}

void cli_wait_line(char *out, size_t cap)
{
	size_t n = 0;
	char c;

	/* by bytes: what follows is nobody's business */
	while (readable(STDIN_FILENO) && read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		if (n + 1 < cap)
			out[n++] = c;
	out[interrupted == 0 ? n : 0] = '\0';
}

static enum desk_status read_file_line(const char *path, char *line)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum desk_status status;

	if (fd < 0)
		return cli_fail(DESK_IO, "%s: %s", path, strerror(errno));
	status = read_line(fd, line);
	close(fd);
	return status;
}

enum desk_status cli_pin(const struct pin_source *source, const char *what, char **out)
{
	char *line = secmem_alloc(PIN_MAX + 1);
	enum desk_status status;

	if (line == NULL)
		return DESK_MEMORY;
	if (source->file != NULL)
		status = read_file_line(source->file, line);
	else if (source->fd >= 0)
		status = read_line(source->fd, line);
	else
		status = ask(what, line);
	if (status == DESK_OK)
		*out = line;
	else
		secmem_free(line);
	return status;
}

enum desk_status cli_pin_callback(void *source, const char *what, char **out)
{
	return cli_pin(source, what, out);
}

/* ---- the desk and its people ---- */

/* The PIN of the master key's token: asked for when its URI names no file. */
static struct pin_source master_pin = {.fd = -1};

enum desk_status cli_open(struct cli *cli)
{
	struct desk_options options = {.dir = cli->dir, .pin = cli_pin_callback, .pin_arg = &master_pin};

	return desk_open(&options, &cli->desk);
}

static enum desk_status log_in(
	struct cli *cli, const char *name, const char *uri, struct pin_source *pin, struct desk_person *out)
{
	struct desk_signer signer = {0};
	enum desk_status status = desk_signer_p11(uri, cli_pin_callback, pin, &signer);

	if (status == DESK_OK)
		status = desk_login(cli->desk, name, &signer, out);
	if (signer.arg != NULL)
		desk_signer_p11_free(&signer);
	return status;
}

enum desk_status cli_people_given(const struct cli *cli, bool two)
{
	if (cli->as == NULL || cli->login == NULL)
		return cli_fail(DESK_USAGE, _("say who you are and where your token is: --as NAME --login URI"));
	if (two && (cli->second == NULL || cli->second_login == NULL))
		return cli_fail(DESK_USAGE, _("this needs two people: --second NAME --second-login URI"));
	return DESK_OK;
}

enum desk_status cli_log_in(struct cli *cli, bool two)
{
	enum desk_status status = cli_people_given(cli, two);

	if (status == DESK_OK && cli->desk == NULL)
		status = cli_open(cli);
	if (status == DESK_OK)
		status = log_in(cli, cli->as, cli->login, &cli->pin, &cli->by);
	if (status == DESK_OK && two)
		status = log_in(cli, cli->second, cli->second_login, &cli->second_pin, &cli->second_by);
	return status;
}
