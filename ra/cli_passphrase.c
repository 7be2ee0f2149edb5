/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/i18n.h"
#include "common/secmem.h"
#include "ra/keyfile.h"

/* The signal that came while the terminal was without echo. */
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

/* The first line, without its end, byte by byte: nothing of a secret stays in a buffer of stdio. */
static enum ra_status read_line(int fd, char *line)
{
	size_t len = 0;

	for (;;) {
		char c;
		ssize_t n = interrupted != 0 ? -1 : read(fd, &c, 1);
		if (n < 0 && interrupted == 0 && errno == EINTR)
			continue;
		if (n < 0 && interrupted != 0)
			return ra_fail(RA_IO, _("the passphrase cannot be read: %s"), strerror(EINTR));
		if (n < 0)
			return ra_fail(RA_IO, _("the passphrase cannot be read: %s"), strerror(errno));
		if (n == 0 || c == '\n')
			break;
		if (len == RA_PASSPHRASE_MAX)
			return ra_fail(RA_USAGE, _("the passphrase is longer than %d bytes"), RA_PASSPHRASE_MAX);
		line[len++] = c;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	return RA_OK;
}

static const int ending[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};

#define ENDING (sizeof(ending) / sizeof(ending[0]))

static enum ra_status ask(int terminal, const char *prompt, char *line)
{
	struct sigaction catch = {.sa_handler = on_signal}, before_action[ENDING];
	struct termios before, silent;
	sigset_t stop, old;
	enum ra_status status;

	if (tcgetattr(terminal, &before) != 0)
		return ra_fail(RA_IO, "%s", strerror(errno));
	/* No signal may leave the terminal without echo: one that ends us is sent again once the echo is back. */
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
	dprintf(terminal, "%s", prompt);
	status = read_line(terminal, line);
	tcsetattr(terminal, TCSAFLUSH, &before);
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], &before_action[i], NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (interrupted != 0) {
		dprintf(terminal, "\n");
		raise(interrupted);
	}
	return status;
}

static enum ra_status ask_terminal(bool fresh, char *line)
{
	char *again = secmem_alloc(RA_PASSPHRASE_MAX + 1);
	int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	enum ra_status status = again == NULL ? RA_MEMORY : RA_OK;

	if (status == RA_OK && terminal < 0)
		status = ra_fail(RA_USAGE, _("no terminal to ask for the passphrase: give --passphrase-file or "
					     "--passphrase-fd"));
	if (status == RA_OK)
		status = ask(terminal, _("Passphrase of the CA's key: "), line);
	if (status == RA_OK && fresh) {
		status = ask(terminal, _("Once more: "), again);
		if (status == RA_OK && strcmp(line, again) != 0)
			status = ra_fail(RA_USAGE, _("the two passphrases differ"));
	}
	if (terminal >= 0)
		close(terminal);
	secmem_free(again);
	return status;
}

enum ra_status cli_passphrase(const struct cli *cli, bool fresh, char **out)
{
	char *line = secmem_alloc(RA_PASSPHRASE_MAX + 1);
	enum ra_status status = line == NULL ? RA_MEMORY : RA_OK;

	if (status == RA_OK && cli->passphrase_file != NULL) {
		int fd = open(cli->passphrase_file, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			status = ra_fail(RA_IO, "%s: %s", cli->passphrase_file, strerror(errno));
		} else {
			status = read_line(fd, line);
			close(fd);
		}
	} else if (status == RA_OK && cli->passphrase_fd >= 0) {
		status = read_line(cli->passphrase_fd, line);
	} else if (status == RA_OK) {
		status = ask_terminal(fresh, line);
	}
	if (status == RA_OK && fresh && strlen(line) < RA_PASSPHRASE_MIN)
		status = RA_PASSPHRASE_SHORT;
	if (status == RA_OK)
		*out = line;
	else
		secmem_free(line);
	return status;
}
