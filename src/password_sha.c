/* SPDX-License-Identifier: MIT
 *
 * password_sha - SHA-256-crypt and SHA-512-crypt
 *
 * "Unix crypt using SHA-256 and SHA-512", U. Drepper, version 0.6; the numbers of
 * its steps stand in the comments.
 */
#include "password_parts.h"

enum { DIGEST_MOST = 64 };

struct making {
	const br_hash_class *sha;
	br_hash_compat_context sum;
	size_t len; /* bytes of a digest */
	unsigned char a[DIGEST_MOST], b[DIGEST_MOST];
	unsigned char p[PASSWORD_MOST];     /* as long as the password */
	unsigned char s[PASSWORD_SHA_SALT]; /* as long as the salt */
	size_t p_len, s_len;
};

static void begin(struct making *m)
{
	m->sha->init(&m->sum.vtable);
}

static void add(struct making *m, const void *at, size_t len)
{
	if (len)
		m->sha->update(&m->sum.vtable, at, len);
}

static void end(struct making *m, unsigned char *to)
{
	m->sha->out(&m->sum.vtable, to);
}

/* The digest over and over, len bytes in all. */
static void add_repeated(struct making *m, const unsigned char *digest, size_t len)
{
	for (; len > m->len; len -= m->len)
		add(m, digest, m->len);
	add(m, digest, len);
}

static void repeat(unsigned char *to, size_t len, const unsigned char *digest, size_t digest_len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = digest[i % digest_len];
}

/* 1 to 12 */
static void make_first(struct making *m, struct span salt, struct span password)
{
	begin(m);
	add(m, password.at, password.len);
	add(m, salt.at, salt.len);
	add(m, password.at, password.len);
	end(m, m->b);
	begin(m);
	add(m, password.at, password.len);
	add(m, salt.at, salt.len);
	add_repeated(m, m->b, password.len);
	for (size_t bits = password.len; bits; bits >>= 1) {
		if (bits & 1)
			add(m, m->b, m->len);
		else
			add(m, password.at, password.len);
	}
	end(m, m->a);
}

/* 13 to 20: what stands for the password and for the salt from now on. */
static void make_sequences(struct making *m, struct span salt, struct span password)
{
	begin(m);
	for (size_t i = 0; i < password.len; i++)
		add(m, password.at, password.len);
	end(m, m->b);
	repeat(m->p, password.len, m->b, m->len);
	m->p_len = password.len;
	begin(m);
	for (size_t i = 0; i < 16u + m->a[0]; i++)
		add(m, salt.at, salt.len);
	end(m, m->b);
	repeat(m->s, salt.len, m->b, m->len);
	m->s_len = salt.len;
}

/* 21 */
static void make_round(struct making *m, uint32_t round)
{
	begin(m);
	if (round & 1)
		add(m, m->p, m->p_len);
	else
		add(m, m->a, m->len);
	if (round % 3)
		add(m, m->s, m->s_len);
	if (round % 7)
		add(m, m->p, m->p_len);
	if (round & 1)
		add(m, m->a, m->len);
	else
		add(m, m->p, m->p_len);
	end(m, m->a);
}

/* 22 e: the order of the bytes looks like no order, and is a turning of columns. */
static void write_letters(char *to, const struct making *m)
{
	if (m->len == br_sha512_SIZE) {
		to = password_letters_groups(to, m->a, 21, 21, 1);
		password_letters_add(to, m->a[63], 2);
	} else {
		to = password_letters_groups(to, m->a, 10, 10, 2);
		password_letters_add(to, (uint32_t)m->a[31] << 8 | m->a[30], 3);
	}
}

void password_sha(char *to, const br_hash_class *sha, uint32_t rounds, struct span salt, struct span password)
{
	struct making m = {.sha = sha, .len = (sha->desc >> BR_HASHDESC_OUT_OFF) & BR_HASHDESC_OUT_MASK};

	make_first(&m, salt, password);
	make_sequences(&m, salt, password);
	for (uint32_t i = 0; i < rounds; i++)
		make_round(&m, i);
	write_letters(to, &m);
	span_wipe(&m, sizeof m);
}
