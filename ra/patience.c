/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/patience.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

struct patience_entry {
	struct patience_entry *next, **link; /* link: what points to this one */
	int socket;
	time_t since;
};

struct patience {
	pthread_mutex_t lock;
	struct patience_entry *first;
	unsigned seconds;
};

static time_t now(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

struct patience *patience_new(unsigned seconds)
{
	struct patience *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	p->seconds = seconds;
	return p;
}

void patience_free(struct patience *p)
{
	if (p != NULL)
		pthread_mutex_destroy(&p->lock);
	free(p);
}

struct patience_entry *patience_came(struct patience *p, int socket)
{
	struct patience_entry *entry = calloc(1, sizeof *entry);

	if (entry == NULL)
		return NULL;
	entry->socket = socket;
	entry->since = now();
	pthread_mutex_lock(&p->lock);
	entry->next = p->first;
	entry->link = &p->first;
	if (p->first != NULL)
		p->first->link = &entry->next;
	p->first = entry;
	pthread_mutex_unlock(&p->lock);
	return entry;
}

void patience_renew(struct patience *p, struct patience_entry *entry)
{
	if (entry == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	entry->since = now();
	pthread_mutex_unlock(&p->lock);
}

void patience_gone(struct patience *p, struct patience_entry *entry)
{
	if (entry == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	*entry->link = entry->next;
	if (entry->next != NULL)
		entry->next->link = entry->link;
	pthread_mutex_unlock(&p->lock);
	free(entry);
}

void patience_end(struct patience *p)
{
	time_t at = now();

	pthread_mutex_lock(&p->lock);
	for (struct patience_entry *e = p->first; e != NULL; e = e->next)
		if (at - e->since >= (time_t)p->seconds)
			shutdown(e->socket, SHUT_RDWR); /* not close: the number is the server's */
	pthread_mutex_unlock(&p->lock);
}
