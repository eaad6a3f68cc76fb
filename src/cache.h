/* SPDX-License-Identifier: MIT
 *
 * cache - what do we already have?
 *
 * One arena of fixed size in shared memory: index, blocks and all. It outlives
 * workers and reloads; nothing in it is a pointer. A stored response is an entry:
 * a chain of blocks that holds what is known of it, its key, what must be equal
 * in a request (Vary), its head text, and a chain with its body. Nothing moves
 * once it is written, so whoever has pinned an entry reads without a lock.
 * All changes of structure happen under one lock, held for a few hundred
 * instructions. Who waits for it finds out when its owner has died, takes it over
 * and sets up anew what is certain: entries that living workers have pinned go on,
 * all others are forgotten.
 *
 * Who goes first is decided by S3-FIFO (Yang et al., SOSP 2023): what was asked for
 * once leaves by a short queue, so that a crawl cannot empty the cache.
 */
#ifndef CACHE_H
#define CACHE_H

#include "../gateway.h"
#include "fresh.h"
#include <stdatomic.h>

#define CACHE_NONE 0u /* no entry: numbers of blocks begin at 1 */
#define CACHE_VARY 1024 /* longest text of fresh_vary that can be kept */

struct cache; /* the arena: cache_parts.h */

/* Bytes that an arena of this size in bytes would hold as blocks; 0: it is too small to be one (16 blocks
 * and what lies before them: about 18 KiB with GW_BLOCK 1024, and 16 bytes for each reader of each slot). */
size_t cache_blocks_of(size_t size, uint32_t slots, uint32_t readers);
/* Sets up an arena in zeroed shared memory, size bytes (cache_blocks_of must not be 0): for so many slots of
 * workers (see share_join), each with so many readers. Each slot costs 16 bytes a reader, used or not. */
void cache_init(struct cache *c, size_t size, uint32_t slots, uint32_t readers, uint64_t seed);

/* How a process speaks to it. */
struct cache_user {
	struct cache *arena; /* NULL: there is no cache */
	uint32_t slot;       /* of this worker */
	uint32_t pid;
};
/* False (and arena NULL): the arena was made for fewer slots or readers. */
bool cache_join(struct cache_user *u, struct cache *c, uint32_t slot, uint32_t readers, uint32_t pid);
/* This slot's worker has died or ended: what it had pinned is released, what it was
 * writing is broken, a lock that it held is mended. The supervisor's, before the slot is given to another. */
void cache_leave(struct cache *c, uint32_t slot, uint32_t pid);

/* --- looking --------------------------------------------------------------------- */

struct cache_key {
	struct span text; /* the URL, then LF and whatever else must be equal */
	size_t url;       /* bytes of the URL */
};

/* One reader's hold on an entry: it stays where it is until cache_unpin. A reader is a
 * number that the worker gives, less than its readers; it has one pin at a time, and
 * beside it may write one entry. Who has one already gets no second. */
struct cache_pin {
	uint32_t entry;  /* CACHE_NONE: nothing is pinned */
	uint32_t reader;
};

enum cache_state {
	CACHE_PROMISED, /* somebody is asking the server; nothing is known yet */
	CACHE_FILLING,  /* the head is there, the body is coming */
	CACHE_WHOLE,
	CACHE_BROKEN,   /* it will never be whole; who waited asks for himself */
	CACHE_PASS      /* the answer could not be stored; the same */
};

/* What is known of a pinned entry; a copy, taken when it was pinned. */
struct cache_found {
	struct cache_pin pin;
	struct fresh_stored stored; /* not of CACHE_PROMISED */
	uint8_t state;       /* enum cache_state */
	bool others;         /* nothing was found, but something with this key and another Vary */
	bool ours;           /* this worker is filling it */
	bool held;           /* a validation failed a moment ago (cache_hold) */
	uint32_t head;       /* where its head text begins: a block ... */
	uint32_t head_at;    /* ... and there */
	uint32_t head_len;   /* bytes */
	uint64_t length;     /* of its body, payload bytes; UINT64_MAX: not known yet */
};

/* A stored response (whole, or being filled) for this key whose Vary fits the request; pins it.
 * The newest of several. False: there is none. Counts as use. */
bool cache_look(struct cache_user *u, const struct cache_key *k, const struct head *asked, uint32_t reader, int64_t now, struct cache_found *found);

/* Pins for another reader what is pinned already. */
void cache_pin_also(struct cache_user *u, const struct cache_found *from, uint32_t reader, struct cache_found *found);

enum cache_promise {
	CACHE_LEAD, /* a promise of ours has been made: the server is to be asked, and *fill written */
	CACHE_JOIN, /* another one's is pinned in *found: wait for it */
	CACHE_ALONE /* ask the server for yourself: it is known not to be stored, there is no room, or the lock is not to be had */
};
struct cache_fill;
/* Who asks the server for this key? A PASS is remembered for CACHE_PASS_MS after it was found out. */
#define CACHE_PASS_MS 30000
enum cache_promise cache_promise(struct cache_user *u, const struct cache_key *k, uint32_t reader, int64_t now, struct cache_fill *fill, struct cache_found *found);

/* How is it with what is pinned by now? What is known of it (stored, head, length) is copied to *found
 * anew as soon as there is a head, also after cache_refresh; otherwise without the lock. */
enum cache_state cache_state(const struct cache_user *u, struct cache_found *found);
/* Does its Vary fit this request? Of one whose head is there. */
bool cache_fits(const struct cache_user *u, const struct cache_found *found, const struct head *asked);
void cache_unpin(struct cache_user *u, struct cache_pin *pin);
/* Its head text, status line first; out->full: no room. */
void cache_head(const struct cache_user *u, const struct cache_found *found, struct text *out);

/* --- reading a body ------------------------------------------------------------------ */

struct cache_read {
	struct cache_user *user;
	uint32_t entry, reader;
	uint32_t block, at; /* where the next byte is; block CACHE_NONE: at the beginning */
	uint64_t done;      /* bytes of the body taken so far, those before a range included */
	uint64_t end;       /* stop there; UINT64_MAX: at the end of the body */
};
/* From offset first up to (not including) end of what is pinned. Only of a whole entry may first be other than 0. */
void cache_read_begin(struct cache_read *r, struct cache_user *u, const struct cache_pin *pin, uint64_t first, uint64_t end);
/* The bytes that are there now, at most count pieces; *pieces as platform's struct piece. */
struct cache_piece { const void *at; size_t len; };
int cache_peek(const struct cache_read *r, struct cache_piece *pieces, int count);
/* len of them have gone. */
void cache_take(struct cache_read *r, uint64_t len);
/* Nothing is left to take, and nothing will come. */
bool cache_read_done(const struct cache_read *r);
/* Others wait for this reader, which is much slower than they are (cache_hurry): it has to leave. */
bool cache_read_is_late(const struct cache_read *r);
/* It broke, and what there was has been taken. */
bool cache_read_broken(const struct cache_read *r);

/* --- writing --------------------------------------------------------------------- */

struct cache_fill {
	uint32_t entry;    /* CACHE_NONE: nothing is being written */
	uint32_t reader;   /* the ledger's place for it */
	uint32_t block, at; /* where the next byte goes */
	uint64_t done;     /* bytes so far */
	uint64_t length;   /* UINT64_MAX: not known */
	bool too_long;     /* more than may be stored has come: it goes through, and is forgotten */
};
/* Writes without having promised: the same afterwards as CACHE_LEAD. False: somebody else
 * does already, or there is no room. */
bool cache_begin(struct cache_user *u, const struct cache_key *k, uint32_t reader, int64_t now, struct cache_fill *fill);
/* The head is known. length: of the body, UINT64_MAX: not known yet; object: bytes of the longest body that
 * is stored, 0: an eighth of it all. Others with the same key and Vary are replaced; of more than 16 with
 * the same key the one that was used least goes. False: it is too long, or there is no room for it; the promise
 * then is a PASS (of a vary longer than CACHE_VARY: CACHE_BROKEN), and f->entry CACHE_NONE. */
bool cache_fill_head(struct cache_user *u, struct cache_fill *f, const struct fresh_stored *s, struct span vary, struct span head, uint64_t length, uint64_t object, int64_t now);
/* Where the next bytes go; len 0: no room now. When more has come than may be stored, what all
 * readers have taken makes room: then it waits for the slowest. */
void cache_room(struct cache_user *u, struct cache_fill *f, char **at, size_t *len);
/* Pins what is being written here for a reader of the same worker: whoever writes reads it, too. */
void cache_follow(struct cache_user *u, const struct cache_fill *f, uint32_t reader, struct cache_found *found);
/* len bytes have been put there. */
void cache_put(struct cache_user *u, struct cache_fill *f, size_t len);
/* There has been no room for long: readers who hold it up, while others have taken nearly all, become late. */
void cache_hurry(struct cache_user *u, const struct cache_fill *f);
/* It is whole. (Of known length: all of it must have been put.) */
void cache_fill_done(struct cache_user *u, struct cache_fill *f);
/* It is not, and will not be: CACHE_BROKEN, or CACHE_PASS. Nothing happens without an entry. */
void cache_fill_end(struct cache_user *u, struct cache_fill *f, enum cache_state how, int64_t now);
/* Does anybody else read what is written here? */
bool cache_fill_is_read(const struct cache_user *u, const struct cache_fill *f);

/* --- changing ---------------------------------------------------------------------- */

/* A 304 has come: new knowledge and a new head for what is pinned. False: it could not be done; it is forgotten instead. */
bool cache_refresh(struct cache_user *u, const struct cache_found *found, const struct fresh_stored *s, struct span head);
/* Not to be found any more (the server now says that it must not be). */
void cache_forget(struct cache_user *u, const struct cache_found *found);
/* A validation failed: for CACHE_HOLD_MS nobody tries it behind a client's back. */
#define CACHE_HOLD_MS 5000
void cache_hold(struct cache_user *u, const struct cache_found *found, int64_t now);
/* All of this URL is invalid (RFC 9111 4.4), what is being filled too: it goes on to its readers, but is not kept. The number of entries. */
uint32_t cache_invalidate(struct cache_user *u, struct span url);
/* The same for all URLs that begin so; "": all. The scheme and host in any letter case. */
uint32_t cache_purge(struct cache_user *u, struct span prefix, bool whole_url);

/* Changes with the two above, for this URL; others may change with it. Who asks the server without a promise compares. */
uint32_t cache_epoch(const struct cache_user *u, struct span url);

/* --- telling --------------------------------------------------------------------------- */

enum cache_count { CACHE_HITS, CACHE_MISSES, CACHE_EXPIRED /* validated or fetched anew */, CACHE_STALE, CACHE_COLLAPSED, CACHE_BYPASSED, CACHE_STORED, CACHE_EVICTED, CACHE_COUNTS };
/* CACHE_STORED and CACHE_EVICTED are counted in here, the others by who knows. */
void cache_note(struct cache_user *u, enum cache_count what);

struct cache_top { uint32_t bytes; char url[128]; /* zero-ended, cut */ };
enum { CACHE_TOP = 10 };
struct cache_report {
	size_t size, blocks, block_bytes, blocks_used;
	uint32_t entries;
	uint64_t bytes; /* of bodies */
	uint64_t counts[CACHE_COUNTS];
	struct cache_top top[CACHE_TOP]; /* the largest, first the largest */
	int tops;
};
void cache_report(struct cache_user *u, struct cache_report *r);
/* Every block is owned exactly once, every entry is in the index and in one queue, every pin has its
 * ledger. seen: one byte for each block, to be scribbled on. NULL, or what is wrong (static). */
const char *cache_check(struct cache_user *u, unsigned char *seen);
size_t cache_block_count(const struct cache *c);

#endif
