/* SPDX-License-Identifier: Apache-2.0 */
/* A step that takes time. The main thread is inside a blocking call meanwhile, so a second one turns the spinner. */
#include "config.h"

#include "tools/ui.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct ui_progress {
	char text[256];
	bool spins, over;
	struct timespec began;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended;
};

static double seconds_since(const struct timespec *began)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - began->tv_sec) + (double)(now.tv_nsec - began->tv_nsec) / 1e9;
}

static void *spin(void *arg)
{
	static const char wheel[] = "|/-\\";
	struct ui_progress *p = arg;
	struct timespec until;
	unsigned turn = 0;

	pthread_mutex_lock(&p->lock);
	while (!p->over) {
		fprintf(stderr, "\r%c %s %.0f s ", wheel[turn++ % 4], p->text, seconds_since(&p->began));
		fflush(stderr);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 200 * 1000 * 1000;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&p->ended, &p->lock, &until);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals belong to the main thread: it is its system calls that they have to end. */
static bool start_thread(struct ui_progress *p)
{
	sigset_t all, before;
	bool good;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	good = pthread_create(&p->thread, NULL, spin, p) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return good;
}

struct ui_progress *ui_progress_start(const struct tool *t, const char *format, ...)
{
	struct ui_progress *p;
	va_list list;

	if (tool_has(t, OPT_JSON) || tool_has(t, OPT_QUIET))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	va_start(list, format);
	vsnprintf(p->text, sizeof(p->text), format, list);
	va_end(list);
	ui_clean(p->text);
	clock_gettime(CLOCK_MONOTONIC, &p->began);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->ended, NULL);
	fflush(stdout);
	p->spins = isatty(STDERR_FILENO) && start_thread(p);
	if (!p->spins)
		fprintf(stderr, "%s\n", p->text);
	tool_waits(true);
	return p;
}

void ui_progress_end(struct ui_progress *p, bool done)
{
	double took;

	if (p == NULL)
		return;
	tool_waits(false);
	took = seconds_since(&p->began);
	if (p->spins) {
		pthread_mutex_lock(&p->lock);
		p->over = true;
		pthread_cond_signal(&p->ended);
		pthread_mutex_unlock(&p->lock);
		pthread_join(p->thread, NULL);
		fprintf(stderr, "\r%s %s (%.1f s)\n", done ? "*" : "!", p->text, took);
	} else if (done && took >= 1) {
		fprintf(stderr, _("  done after %.1f s\n"), took);
	}
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->ended);
	free(p);
}
