/* SPDX-License-Identifier: MIT
 *
 * trace - how often would gateway's cache have had what was asked for?
 *
 *   trace replay BLOCKS FILE OUT   FILE: for each request two numbers of 32 bits, who and how
 *                                  long; OUT: for each a byte, 1 where it was a hit. The arena
 *                                  has BLOCKS blocks. Prints what replaying took.
 *   trace weigh BYTES...           blocks that a response with such a body takes, one a line
 *
 * The module itself, in this process; no server, no client.
 */
#include "../../platform/platform.h"
#include "../../src/cache.h"
#include <stdio.h>
#include <stdlib.h>

enum { READERS = 2, READER = 0, WRITER = 1, MOST = 1 << 20 };

static const char head[] = "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Mon, 23 Nov 2026 09:32:46 GMT\r\n"
	"Content-Type: application/octet-stream\r\nCache-Control: public, max-age=31536000\r\n"
	"Last-Modified: Sun, 22 Nov 2026 10:00:00 GMT\r\nETag: \"6380a1b2-400\"\r\n";

static struct cache_user user;
static const struct head any; /* no Vary asks for any of its fields */

static int fail(const char *what)
{
	fprintf(stderr, "trace: %s\n", what);
	exit(1);
}

/* The smallest arena that holds so many. */
static void open_arena(size_t blocks)
{
	size_t low = 0, high = 1;
	struct cache *arena;

	while (cache_blocks_of(high, 1, READERS) / GW_BLOCK < blocks)
		high *= 2;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		*(cache_blocks_of(middle, 1, READERS) / GW_BLOCK < blocks ? &low : &high) = middle;
	}
	arena = platform_memory(high, true);
	if (!arena)
		fail("no memory");
	cache_init(arena, high, 1, READERS, 1);
	if (!cache_join(&user, arena, 0, READERS, (uint32_t)platform_pid()))
		fail("cannot join");
}

/* URLs are all of one length. */
static struct cache_key key_of(uint32_t who)
{
	static char url[64];
	int len = snprintf(url, sizeof url, "https://bench.example.org/of/%010u\n80", (unsigned)who);

	return (struct cache_key){.text = span_of(url, (size_t)len), .url = (size_t)len - 3};
}

static void put(uint32_t who, uint32_t len, int64_t now)
{
	struct fresh_stored stored = {.born = now, .lifetime = FRESH_LONG, .status = 200, .for_all = true, .told = true};
	struct cache_key key = key_of(who);
	struct cache_fill fill;
	uint64_t done = 0;

	if (!cache_begin(&user, &key, WRITER, now, &fill))
		fail("cannot begin");
	if (!cache_fill_head(&user, &fill, &stored, span_of("", 0), span_of(head, sizeof head - 1), len, MOST, now)) {
		cache_fill_end(&user, &fill, CACHE_PASS, now);
		return; /* too long, or there is no room: a miss another time, too */
	}
	while (done < len) {
		char *at;
		size_t room;

		cache_room(&user, &fill, &at, &room);
		if (room == 0)
			fail("no room in what was promised");
		if (room > len - done)
			room = (size_t)(len - done);
		memset(at, 'd', room);
		cache_put(&user, &fill, room);
		done += room;
	}
	cache_fill_done(&user, &fill);
}

static bool hit(uint32_t who, int64_t now)
{
	struct cache_key key = key_of(who);
	struct cache_found found;

	if (!cache_look(&user, &key, &any, READER, now, &found))
		return false;
	cache_unpin(&user, &found.pin);
	return true;
}

static void check(void)
{
	unsigned char *seen = malloc(cache_block_count(user.arena) + 1);
	const char *wrong = seen ? cache_check(&user, seen) : "no memory";

	if (wrong)
		fail(wrong);
	free(seen);
}

static int replay(size_t blocks, const char *from, const char *to)
{
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	int64_t now = 1000, begun;
	uint32_t one[2];

	if (!in || !out)
		fail("cannot open the files");
	open_arena(blocks);
	begun = platform_now_us();
	for (; fread(one, sizeof one, 1, in) == 1; now++) {
		bool was = hit(one[0], now);

		if (!was)
			put(one[0], one[1], now);
		if (putc(was, out) == EOF)
			fail("cannot write");
	}
	printf("%.3f\n", (double)(platform_now_us() - begun) / 1e6);
	check();
	fclose(in);
	return fclose(out) ? fail("cannot write") : 0;
}

static int weigh(int count, char **bytes)
{
	struct cache_report before, after;

	open_arena(16384);
	cache_report(&user, &before);
	for (int i = 0; i < count; i++) {
		put((uint32_t)i, (uint32_t)strtoul(bytes[i], NULL, 10), 1000);
		cache_report(&user, &after);
		printf("%zu\n", after.blocks_used - before.blocks_used);
		before = after;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "replay") == 0)
		return replay(strtoul(argv[2], NULL, 10), argv[3], argv[4]);
	if (argc > 2 && strcmp(argv[1], "weigh") == 0)
		return weigh(argc - 2, argv + 2);
	fputs("trace replay BLOCKS FILE OUT | trace weigh BYTES...\n", stderr);
	return 2;
}
