/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libukey and a token on (mocked) USB, in one process that goes on whatever happens to the device: what a browser sees.
 * Run by tests/usb/libusb.sh under umock_token, in one of the ways below. Each line is "ok: ..." or "FAIL: ...".
 *
 *	usb_walk walk		list, wait, cancel, idle, a second process, unplug and plug in again
 *	usb_walk pull		the device is pulled inside a command
 *	usb_walk long		a command that takes longer than a transfer's time
 *	usb_walk second		the second process: exit 0 with a token, 1 with one that its parent has, 2 otherwise
 *	usb_walk hold [FILE]	has the token for three seconds, or until the file is there
 *	usb_walk time		what a refresh costs
 */
#include "config.h"

#include "driver/ukey.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct ukey *library;
static int failures;

static void check(bool good, const char *sentence)
{
	printf("%s: %s\n", good ? "ok" : "FAIL", sentence);
	fflush(stdout);
	failures += !good;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* The first token of a new look; NULL: none. The caller gives it back. */
static struct ukey_token *first(enum ukey_status *status)
{
	struct ukey_token **list = NULL, *t = NULL;
	size_t count = 0;

	*status = ukey_refresh(library);
	if (ukey_tokens(library, &list, &count) != UKEY_OK)
		return NULL;
	if (count == 1)
		t = ukey_token_ref(list[0]);
	ukey_tokens_free(list, count);
	return t;
}

static struct ukey_token_info info_of(struct ukey_token *t)
{
	struct ukey_token_info info;

	ukey_token_info(t, &info);
	return info;
}

static void tell_mock(int number)
{
	const char *text = getenv("UMOCK_PID");

	if (text)
		kill((pid_t)atol(text), number);
}

/* Another program that wants the token: its exit status. */
static int second_process(const char *self)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		execl(self, self, "second", (char *)NULL);
		_exit(9);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 9;
}

/* The busy reader's holder is the process that asked for this one. */
static bool held_by_parent(const char *reader)
{
	struct ukey_holder holder;

	return ukey_reader_holder(library, reader, &holder) && holder.process == (long)getppid() &&
	       strcmp(holder.name, "usb_walk") == 0;
}

static int second(void)
{
	struct ukey_reader_info *list = NULL;
	size_t count = 0;
	int result = 2;

	if (ukey_refresh(library) != UKEY_OK || ukey_readers(library, &list, &count) != UKEY_OK || count != 1)
		return 2;
	if (list[0].state == UKEY_READER_TOKEN)
		result = 0;
	else if (list[0].state == UKEY_READER_BUSY && held_by_parent(list[0].name))
		result = 1;
	free(list);
	return result;
}

/* ---- waiting ---- */

static atomic_bool cancelled;

/* Again and again: it is lost on a wait that has not begun. */
static void *cancel_soon(void *arg)
{
	while (!cancelled) {
		pause_ms(300);
		ukey_wait_cancel(arg);
	}
	return NULL;
}

static void waits(void)
{
	pthread_t thread;
	double begun = seconds();

	check(ukey_wait(library, 700) == UKEY_TIMEOUT, "a wait without a change times out");
	check(seconds() - begun > 0.6 && seconds() - begun < 10, "when it is time");
	begun = seconds();
	check(ukey_wait(library, 0) == UKEY_TIMEOUT && seconds() - begun < 5, "a look costs no time");
	begun = seconds();
	pthread_create(&thread, NULL, cancel_soon, library);
	check(ukey_wait(library, -1) == UKEY_CANCELLED, "a wait can be cancelled");
	check(seconds() - begun < 10, "at once");
	cancelled = true;
	pthread_join(thread, NULL);
}

static void *unplug_soon(void *arg)
{
	(void)arg;
	pause_ms(300);
	tell_mock(SIGUSR1);
	return NULL;
}

/* umockdev shows a device before it serves it. */
static struct ukey_token *first_again(enum ukey_status *status)
{
	struct ukey_token *t = NULL;

	for (int i = 0; i < 100 && !t; i++) {
		pause_ms(300);
		t = first(status);
	}
	return t;
}

static void plugging(struct ukey_token *t)
{
	enum ukey_status status;
	pthread_t thread;

	pthread_create(&thread, NULL, unplug_soon, NULL);
	check(ukey_wait(library, 10000) == UKEY_OK, "a wait ends when the device is unplugged");
	pthread_join(thread, NULL);
	struct ukey_token *none = first(&status);
	check(!none && !info_of(t).present, "the token is gone");
	check(status == UKEY_NO_SERVICE, "and what is left is that there is no pcscd");
	check(ukey_token_reload(t) == UKEY_TOKEN_REMOVED, "a command to it says so");
	tell_mock(SIGUSR2);
	check(ukey_wait(library, 10000) == UKEY_OK, "a wait ends when it is plugged in again");
	struct ukey_token *again = first_again(&status);
	check(again == t, "it is the same token");
	check(ukey_token_reload(t) == UKEY_OK, "and works");
	if (again)
		ukey_token_unref(again);
}

static void walk(const char *self)
{
	enum ukey_status status;
	struct ukey_token *t = first(&status);

	check(status == UKEY_OK && t, "the token is found without pcscd");
	if (!t)
		return;
	check(info_of(t).road == UKEY_ROAD_USB, "over USB");
	check(strstr(info_of(t).reader, info_of(t).serial) && strstr(info_of(t).reader, " USB 1-1"),
		"its reader's name has its serial number and its place");
	check(ukey_token_reload(t) == UKEY_OK, "it answers a command");
	waits();
	check(second_process(self) == 1, "a second process is told that it is in use, and by whom");
	ukey_token_idle(t);
	check(second_process(self) == 0, "and has it when we are idle");
	check(ukey_token_reload(t) == UKEY_OK, "then it is ours again");
	plugging(t);
	ukey_token_unref(t);
}

static void pull(void)
{
	enum ukey_status status;
	struct ukey_token *t = first(&status);
	unsigned tries = 0;

	check(t, "the token is found");
	if (!t)
		return;
	double begun = seconds();
	do
		status = ukey_token_reload(t);
	while (status == UKEY_OK && ++tries < 20);
	check(status == UKEY_TOKEN_REMOVED, "pulled inside a command: the token was removed");
	check(seconds() - begun < 8, "which is told at once");
	tell_mock(SIGUSR2);
	struct ukey_token *again = first_again(&status);
	check(again == t && ukey_token_reload(t) == UKEY_OK, "plugged in again it works, in the same program");
	if (again)
		ukey_token_unref(again);
	ukey_token_unref(t);
}

static void lasting(void)
{
	enum ukey_status status;
	struct ukey_token *t = first(&status);

	check(t && ukey_token_reload(t) == UKEY_OK, "a command that takes long comes to its end");
	if (t)
		ukey_token_unref(t);
}

static void hold(const char *file)
{
	enum ukey_status status;
	struct ukey_token *t = first(&status);

	check(t && ukey_token_reload(t) == UKEY_OK, "the token is found");
	for (int i = 0; i < (file ? 600 : 30) && (!file || access(file, F_OK) != 0); i++)
		pause_ms(100);
	check(t && ukey_token_reload(t) == UKEY_OK && info_of(t).road == UKEY_ROAD_USB, "it still answers");
	if (t)
		ukey_token_unref(t);
}

static void cost(void)
{
	enum ukey_status status;
	struct ukey_token *t = first(&status);
	double begun = seconds();

	for (int i = 0; i < 100; i++)
		ukey_refresh(library);
	printf("refresh: %.0f us with %s\n", (seconds() - begun) * 1e4, t ? "a token on USB" : "no token");
	if (t)
		ukey_token_unref(t);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	int result = 0;

	alarm(100); /* nothing may hang */
	if (ukey_open(&library) != UKEY_OK)
		return 9;
	if (strcmp(how, "walk") == 0)
		walk(argv[0]);
	else if (strcmp(how, "pull") == 0)
		pull();
	else if (strcmp(how, "long") == 0)
		lasting();
	else if (strcmp(how, "hold") == 0)
		hold(argc > 2 ? argv[2] : NULL);
	else if (strcmp(how, "time") == 0)
		cost();
	else
		result = second();
	ukey_close(library);
	return result ? result : failures > 0;
}
