/* SPDX-License-Identifier: MIT
 *
 * password_md5 - $1$ of old Unix systems, and Apache's $apr1$: the same but for its name
 *
 * Described by what Apache's and BSD's libraries make of known passwords; weak by
 * the measure of today (a thousand rounds of MD5), but what old htpasswd files hold.
 */
#include "password_parts.h"

enum { ROUNDS = 1000 };

static void add(br_md5_context *sum, struct span s)
{
	if (s.len)
		br_md5_update(sum, s.at, s.len);
}

struct making {
	br_md5_context sum;
	unsigned char digest[17];
};

static void make_first(struct making *m, struct span magic, struct span salt, struct span password)
{
	size_t left;

	br_md5_init(&m->sum);
	add(&m->sum, password);
	add(&m->sum, salt);
	add(&m->sum, password);
	br_md5_out(&m->sum, m->digest);
	br_md5_init(&m->sum);
	add(&m->sum, password);
	add(&m->sum, magic);
	add(&m->sum, salt);
	for (left = password.len; left > 16; left -= 16)
		br_md5_update(&m->sum, m->digest, 16);
	br_md5_update(&m->sum, m->digest, left);
	/* A slip of the first program that did this, kept by all since: it meant the digest. */
	for (left = password.len; left; left >>= 1)
		add(&m->sum, left & 1 ? SPAN("\0") : span_of(password.at, 1));
	br_md5_out(&m->sum, m->digest);
}

static void make_round(struct making *m, unsigned round, struct span salt, struct span password)
{
	struct span before = span_of((const char *)m->digest, 16);

	br_md5_init(&m->sum);
	add(&m->sum, round & 1 ? password : before);
	if (round % 3)
		add(&m->sum, salt);
	if (round % 7)
		add(&m->sum, password);
	add(&m->sum, round & 1 ? before : password);
	br_md5_out(&m->sum, m->digest);
}

/* Of the digest in three rows of six bytes the last row lacks two: byte 5 stands for
 * the first of them, and byte 11 by itself. */
void password_md5(char *to, struct span magic, struct span salt, struct span password)
{
	struct making m = {.digest = {0}};

	make_first(&m, magic, salt, password);
	for (unsigned i = 0; i < ROUNDS; i++)
		make_round(&m, i, salt, password);
	m.digest[16] = m.digest[5];
	to = password_letters_groups(to, m.digest, 5, 6, 0);
	password_letters_add(to, m.digest[11], 2);
	span_wipe(&m, sizeof m);
}
