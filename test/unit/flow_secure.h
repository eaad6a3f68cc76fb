/* SPDX-License-Identifier: MIT
 *
 * flow_secure - the same as flow_made, with TLS on its links.
 */
#ifndef FLOW_SECURE_H
#define FLOW_SECURE_H

#include "flow_made.h"

/* The far ends of a bench whose links have TLS. */
struct far_end {
	struct pair_kit *kit; /* its own: ours has as many buffers as an exchange may use */
	struct tls *t;        /* NULL: this end is plain */
	struct tls_session session;
};

enum { FROM = 1, TO = 2 };

static const struct credential *shown[1];
static const struct tls_server anybody = {.verify = TLS_VERIFY_OFF, .name = "a.test"};

/* Records that there are, both ways; plaintext goes to out as long as it has room. *end: there will be no more. */
static inline void far_pump(const struct far_end *e, int fd, char *out, size_t *out_len, size_t size, bool *end)
{
	const void *at;
	void *to;
	size_t len;
	ssize_t n;

	while ((len = tls_record_peek(e->t, &at)) > 0 && (n = write(fd, at, len)) > 0)
		tls_record_sent(e->t, (size_t)n);
	while ((len = tls_record_room(e->t, &to)) > 0) {
		n = read(fd, to, len);
		*end = n == 0;
		if (n <= 0)
			break;
		tls_record_came(e->t, (size_t)n);
		while ((len = tls_peek(e->t, &at)) > 0) {
			assert_true(len <= size - *out_len);
			memcpy(out + *out_len, at, len);
			*out_len += len;
			tls_take(e->t, len);
		}
	}
	while ((len = tls_record_peek(e->t, &at)) > 0 && (n = write(fd, at, len)) > 0)
		tls_record_sent(e->t, (size_t)n);
	tls_rest(e->t);
}

/* Plaintext to be sent by the far end; as much as it takes. */
static inline size_t far_put(const struct far_end *e, const char *at, size_t len)
{
	void *room;
	size_t n = len ? tls_room(e->t, &room, len) : 0;

	if (n > len)
		n = len;
	if (n) {
		memcpy(room, at, n);
		tls_put(e->t, n);
		tls_flush(e->t);
	}
	return n;
}

struct secure_bench {
	struct bench b;
	struct pair_kit *kit;
	struct far_end source, sink;
};

static inline void secure(struct secure_bench *s, struct link *l, struct far_end *e, int fd)
{
	char none[1];
	size_t len = 0;
	bool end, accepts = e == &s->source;

	e->kit = pair_kit_open(&pair_counts, 5);
	pair_add_site(e->kit, "", shown, 1);
	e->t = accepts ? tls_connect(e->kit->kit, &anybody, &e->session) : tls_accept(e->kit->kit, e->kit);
	link_secure(l, accepts ? tls_accept(s->kit->kit, s->kit) : tls_connect(s->kit->kit, &anybody, &e->session));
	for (int i = 0; l->phase == LINK_SHAKING || !tls_is_open(e->t); i++) {
		assert_true(i < 20);
		far_pump(e, fd, none, &len, 0, &end);
		l->readable = true;
		link_shake(l);
		assert_null(l->why);
	}
}

static inline void set_up_secure(struct secure_bench *s, uint32_t room, int which)
{
	set_up(&s->b, room);
	s->kit = pair_kit_open(&pair_counts, 6);
	pair_add_site(s->kit, "", shown, 1);
	s->source = s->sink = (struct far_end){.kit = NULL};
	if (which & FROM)
		secure(s, &s->b.from, &s->source, s->b.source);
	if (which & TO)
		secure(s, &s->b.to, &s->sink, s->b.sink);
	reads = writes = 0;
	bytes_read = bytes_written = 0;
}

static inline void close_far_end(struct far_end *e)
{
	if (!e->t)
		return;
	tls_close(e->t);
	e->t = NULL;
	assert_int_equal(pair_lent(e->kit), 0);
	pair_kit_close(e->kit);
}

static inline void tear_down_secure(struct secure_bench *s)
{
	tear_down(&s->b);
	close_far_end(&s->source);
	close_far_end(&s->sink);
	assert_int_equal(pair_lent(s->kit), 0);
	pair_kit_close(s->kit);
}

static inline void drain_secure(struct secure_bench *s)
{
	struct bench *b = &s->b;
	bool end;

	if (s->sink.t)
		far_pump(&s->sink, b->sink, b->out, &b->out_len, sizeof b->out, &end);
	else
		drain(b);
}

static inline int make_credentials(void **state)
{
	(void)state;
	shown[0] = made_credential(MADE_EC, MADE_EC_KEY);
	return 0;
}

static inline int free_credentials(void **state)
{
	(void)state;
	made_free();
	return 0;
}

#endif
