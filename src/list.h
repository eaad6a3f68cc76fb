/* SPDX-License-Identifier: MIT
 *
 * list - in which order do these things stand?
 *
 * A ring of nodes that live inside the things themselves. A node that is in no
 * list has next == NULL.
 */
#ifndef LIST_H
#define LIST_H

#include <stdbool.h>
#include <stddef.h>

struct node {
	struct node *next, *prev;
};

struct list {
	struct node ring; /* next: the first, prev: the last */
	size_t count;
};

/* The thing of this type whose member is the node. */
#define LIST_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
	l->ring.next = l->ring.prev = &l->ring;
	l->count = 0;
}

static inline void list_append(struct list *l, struct node *n)
{
	n->prev = l->ring.prev;
	n->next = &l->ring;
	l->ring.prev->next = n;
	l->ring.prev = n;
	l->count++;
}

static inline void list_remove(struct list *l, struct node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = NULL;
	l->count--;
}

/* NULL when there is none. */
static inline struct node *list_first(const struct list *l)
{
	return l->count ? l->ring.next : NULL;
}

static inline struct node *list_last(const struct list *l)
{
	return l->count ? l->ring.prev : NULL;
}

/* NULL after the last. Take it before n may leave the list. */
static inline struct node *list_next(const struct list *l, const struct node *n)
{
	return n->next == &l->ring ? NULL : n->next;
}

#endif
