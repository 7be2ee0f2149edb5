/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/lib/watchdog.h"

#include <dirent.h>
#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void say(const char *text)
{
	ssize_t ignored = write(STDERR_FILENO, text, strlen(text));

	(void)ignored;
}

static void show(int number)
{
	void *frames[40];
	int n = backtrace(frames, 40);

	(void)number;
	say("---- a thread:\n");
	backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

static void bark(int number)
{
	const struct timespec moment = {0, 100 * 1000 * 1000};
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;

	(void)number;
	say("watchdog: it hangs\n");
	/* One after the other, so that their lines do not mix. */
	while (tasks && (entry = readdir(tasks)))
		if (entry->d_name[0] != '.') {
			syscall(SYS_tgkill, getpid(), atoi(entry->d_name), SIGUSR2);
			nanosleep(&moment, NULL);
		}
	_exit(99);
}

void watchdog(unsigned seconds)
{
	void *frame;

	/* The first backtrace loads a library; not from a handler. */
	backtrace(&frame, 1);
	signal(SIGUSR2, show);
	signal(SIGALRM, bark);
	alarm(seconds);
}
