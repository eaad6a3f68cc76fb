/* SPDX-License-Identifier: MIT
 *
 * supervisor_sockets - which listening sockets are open, and which still needed?
 */
#include "supervisor_sockets.h"
#include "../platform/platform.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_for(const struct kept *k, const struct listener *l)
{
	if (k->path || l->path)
		return k->path && l->path && strcmp(k->path, l->path) == 0;
	return net_same(&k->address, &l->address) && k->address.port == l->address.port
	       && k->address.scope == l->address.scope && k->both == l->both;
}

static struct kept *find(struct kept *all, const struct listener *l)
{
	while (all && !is_for(all, l))
		all = all->next;
	return all;
}

static void forget(struct kept *k)
{
	free(k->path);
	free(k);
}

static struct kept *make(const struct listener *l, struct text *error)
{
	struct kept *k = calloc(1, sizeof *k);

	if (!k || (l->path && !(k->path = malloc(strlen(l->path) + 1)))) {
		text_lit(error, "out of memory");
		free(k);
		return NULL;
	}
	if (l->path)
		strcpy(k->path, l->path);
	k->address = l->address;
	k->both = l->both;
	k->fd = platform_listen(&l->address, l->path, l->both, error);
	if (k->fd >= 0)
		return k;
	forget(k);
	return NULL;
}

/* An address that overlaps with one of ours is in use by ourselves, and stays so
 * until the old workers are gone. */
static void say_whose(const struct kept *all, const struct listener *l, struct text *error)
{
	for (; all; all = all->next)
		if (!l->path && !all->path && all->address.port == l->address.port) {
			text_lit(error, "; it is gateway's own old listener: a restart changes it");
			return;
		}
}

bool sockets_open(struct kept **all, const struct config *c, int *descriptors, struct text *error)
{
	struct kept *k;
	size_t i;

	for (i = 0; i < c->listener_count; i++) {
		k = find(*all, &c->listeners[i]);
		if (!k) {
			k = make(&c->listeners[i], error);
			if (!k) {
				say_whose(*all, &c->listeners[i], error);
				return false;
			}
			k->next = *all;
			*all = k;
		}
		descriptors[i] = k->fd;
	}
	return true;
}

void sockets_doubt(struct kept *all)
{
	for (; all; all = all->next)
		all->needed = false;
}

static bool is_among(int fd, const int *descriptors, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (descriptors[i] == fd)
			return true;
	return false;
}

void sockets_need(struct kept *all, const int *descriptors, size_t count)
{
	for (; all; all = all->next)
		if (is_among(all->fd, descriptors, count))
			all->needed = true;
}

void sockets_tidy(struct kept **all)
{
	struct kept *k;

	while ((k = *all)) {
		if (k->needed) {
			all = &k->next;
			continue;
		}
		*all = k->next;
		if (k->path)
			remove(k->path);
		platform_close(k->fd);
		forget(k);
	}
}

void sockets_leave(const struct kept *all, const int *descriptors, size_t count)
{
	for (; all; all = all->next)
		if (!is_among(all->fd, descriptors, count))
			platform_close(all->fd);
}
