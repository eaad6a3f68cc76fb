/* SPDX-License-Identifier: MIT
 *
 * share_made - clients, and processes that race, for tests of what workers share.
 */
#ifndef SHARE_MADE_H
#define SHARE_MADE_H

#include "../../src/share_parts.h"
#include "../../platform/platform.h"
#include "block.h"

#include <sys/mman.h>
#include <unistd.h>

enum { RACERS = 4 };

static inline struct net client4(uint32_t number)
{
	return (struct net){.family = NET_IP4, .bits = 32, .port = (uint16_t)(number * 7 + 1),
		.ip = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static inline struct net client6(uint8_t network, uint8_t host)
{
	return (struct net){.family = NET_IP6, .bits = 128, .ip = {0xfd, 0, 0, 0, 0, 0, 0, network, 1, 2, 3, 4, 5, 6, 7, host}};
}

static const struct net client_local = {.family = NET_UNIX};

/* A mapping whose hashes are the same in each run. */
static inline struct share *made_share(void)
{
	struct share *s = share_make();

	assert_non_null(s);
	s->seed = 0x0123456789abcdef;
	return s;
}

static inline void made_free(struct share *s)
{
	munmap(s, sizeof *s);
}

/* The next client behind `number` that stands in this group of so many. */
static inline struct net client_in(const struct share *s, uint32_t group, uint32_t groups, uint16_t rule, uint32_t *number)
{
	struct net c;

	do
		c = client4(++*number);
	while ((uint32_t)share_key(s, &c, rule) % groups != group);
	return c;
}

static inline void await_racers(int count)
{
	char room[64];
	struct text how = text_in(room, sizeof room);
	long pid;

	while (count) {
		how.len = 0;
		if (platform_reap(&pid, &how)) {
			assert_true(span_is(text_span(&how), SPAN("exit status 0")));
			count--;
		} else {
			platform_poll(NULL, 0, 2);
		}
	}
}

/* Each in a process of its own, with its number, all at once; returns when all
 * have ended. What counts them in is the sum of requests, which nobody else needs here. */
static inline void race(struct share *s, void run(struct share *, int number))
{
	int i;

	atomic_store(&s->requests, 0);
	for (i = 0; i < RACERS; i++) {
		long pid = platform_fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			atomic_fetch_add(&s->requests, 1);
			while (atomic_load(&s->requests) < RACERS)
				;
			run(s, i);
			_exit(0);
		}
	}
	await_racers(RACERS);
}

#endif
