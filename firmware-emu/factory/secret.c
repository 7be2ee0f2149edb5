/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "firmware-emu/factory/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/i18n.h"
#include "common/secmem.h"

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

/* The first line, byte by byte: nothing of a secret stays in a buffer of stdio. */
static enum factory_status read_line(int fd, const char *from, char *line)
{
	size_t len = 0;
	char c = '\0';

	for (;;) {
		ssize_t n = caught != 0 ? -1 : read(fd, &c, 1);
		if (n < 0 && errno == EINTR && caught == 0)
			continue;
		if (n < 0)
			return factory_io(from);
		if (n == 0 || c == '\n')
			break;
		if (len == SECRET_MAX)
			return factory_fail(FACTORY_SECRET, _("%s: longer than %d bytes"), from, SECRET_MAX);
		line[len++] = c;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	return FACTORY_OK;
}

static enum factory_status ask(int terminal, const char *prompt, char *line)
{
	static const int ending[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP};
	enum { ENDING = sizeof(ending) / sizeof(ending[0]) };
	struct sigaction catch = {.sa_handler = on_signal}, before_action[ENDING];
	struct termios before, silent;
	enum factory_status status;

	if (tcgetattr(terminal, &before) != 0)
		return factory_io("/dev/tty");
	/* No signal may leave the terminal without echo: it is sent again once the echo is back. */
	sigemptyset(&catch.sa_mask);
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], &catch, &before_action[i]);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_lflag |= ECHONL;
	/* before the prompt: who sees it may type */
	tcsetattr(terminal, TCSAFLUSH, &silent);
	dprintf(terminal, "%s", prompt);
	status = read_line(terminal, "/dev/tty", line);
	tcsetattr(terminal, TCSAFLUSH, &before);
	for (size_t i = 0; i < ENDING; i++)
		sigaction(ending[i], &before_action[i], NULL);
	if (caught != 0) {
		dprintf(terminal, "\n");
		raise(caught);
	}
	return status;
}

static enum factory_status ask_terminal(const struct secret_source *from, const char *prompt, bool twice, char *line)
{
	int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	char *again = secmem_alloc(SECRET_MAX + 1);
	enum factory_status status = again != NULL ? FACTORY_OK : factory_memory();

	if (status == FACTORY_OK && terminal < 0)
		status = factory_fail(FACTORY_SECRET, _("no terminal to ask: \"%s\"; %s"), prompt, from->options);
	if (status == FACTORY_OK)
		status = ask(terminal, prompt, line);
	if (status == FACTORY_OK && twice)
		status = ask(terminal, _("Once more: "), again);
	if (status == FACTORY_OK && twice && strcmp(line, again) != 0)
		status = factory_fail(FACTORY_SECRET, "%s", _("the two passphrases differ; try again"));
	if (terminal >= 0)
		close(terminal);
	secmem_free(again);
	return status;
}

enum factory_status secret_read(const struct secret_source *from, const char *prompt, bool twice, char **out)
{
	char *line = secmem_alloc(SECRET_MAX + 1), name[32];
	enum factory_status status = line != NULL ? FACTORY_OK : factory_memory();
	int fd = from->fd;

	if (status == FACTORY_OK && from->file != NULL) {
		fd = open(from->file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		status = fd >= 0 ? read_line(fd, from->file, line) : factory_io(from->file);
		if (fd >= 0)
			close(fd);
	} else if (status == FACTORY_OK && fd >= 0) {
		snprintf(name, sizeof(name), _("descriptor %d"), fd);
		status = read_line(fd, name, line);
	} else if (status == FACTORY_OK) {
		status = ask_terminal(from, prompt, twice, line);
	}
	if (status == FACTORY_OK)
		*out = line;
	else
		secmem_free(line);
	return status;
}
