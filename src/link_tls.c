/* SPDX-License-Identifier: MIT
 *
 * link_tls - how do bytes get through TLS?
 *
 * Moves records between a socket and tls, and plaintext between tls and buffers.
 */
#include "link_tls.h"
#include "../gateway.h"

/* A read that may take several records at once: what it brings must find room
 * in our buffer before anything else is read. */
enum { SCRATCH = 2048 };
enum { ROUNDS = 16 }; /* reads in a row; who sends nothing but empty records does not keep others waiting */

bool link_tls_holds(const struct link *l)
{
	const void *at;

	return tls_peek(l->tls, &at) > 0;
}

bool link_tls_owes(const struct link *l)
{
	const void *at;

	return !l->cut && tls_record_peek(l->tls, &at) > 0;
}

/* Sends records until all are gone or the socket takes no more. */
static bool send_records(struct link *l)
{
	struct piece piece;

	while ((piece.len = tls_record_peek(l->tls, &piece.at)) > 0) {
		long sent = platform_send(l->fd, &piece, 1);

		if (sent == PLATFORM_BROKEN) {
			/* who has said close_notify need not wait for ours (RFC 5246 7.2.1) */
			if (!tls_was_closed(l->tls))
				link_fail(l);
			l->cut = true;
			return false;
		}
		if (sent > 0)
			tls_record_sent(l->tls, (size_t)sent);
		if (sent < (long)piece.len) {
			l->writable = false;
			return false;
		}
	}
	return true;
}

/* Plaintext that is there goes to the buffer, as far as that has room. */
static size_t take_plaintext(struct tls *t, struct buf *b)
{
	const void *at;
	size_t len, room, all = 0;

	while ((room = buf_room(b)) > 0 && (len = tls_peek(t, &at)) > 0) {
		if (len > room)
			len = room;
		memcpy(b->data + b->end, at, len);
		b->end += (uint32_t)len;
		tls_take(t, len);
		all += len;
	}
	return all;
}

/* Gives bytes from the socket to TLS. b: where plaintext goes, NULL while hands
 * are being shaken. False: they do not fit, which no honest peer brings about. */
static bool give_records(struct link *l, const char *at, size_t len, struct buf *b)
{
	while (len > 0) {
		void *to;
		size_t room = tls_record_room(l->tls, &to);

		if (room == 0 && tls_record_peek(l->tls, (const void **)&to) > 0 && send_records(l))
			room = tls_record_room(l->tls, &to);
		if (room == 0)
			return tls_was_closed(l->tls) || tls_is_over(l->tls);
		if (room > len)
			room = len;
		memcpy(to, at, room);
		tls_record_came(l->tls, room);
		at += room;
		len -= room;
		if (b)
			take_plaintext(l->tls, b);
	}
	return true;
}

/* They had to be taken before others are sent, as by who wants to renegotiate. */
static void refuse_records(struct link *l)
{
	if (!l->why)
		l->why = "TLS: records came out of turn";
	l->eof = true;
}

/* One read, of as many bytes as can surely be placed: a little of what follows
 * the current record comes with it, so that a header costs no read of its own.
 * False: nothing came. */
static bool read_records(struct link *l, struct buf *b)
{
	char scratch[SCRATCH];
	void *to;
	size_t room = tls_record_room(l->tls, &to), want = room, ahead;
	long got;

	if (room == 0)
		return false;
	ahead = tls_record_ahead(l->tls);
	if (b) {
		size_t part = tls_record_part(l->tls), most = buf_room(b);

		ahead = most > part + room ? most - part - room : 0;
	}
	if (room + ahead > room && room < SCRATCH)
		want = ahead > SCRATCH - room ? SCRATCH : room + ahead;
	if (GW_RECV && want > GW_RECV)
		want = GW_RECV;
	got = platform_recv(l->fd, want > room ? scratch : to, want);
	if (got <= 0) {
		link_read_nothing(l, got);
		return false;
	}
	if ((size_t)got < want)
		l->readable = false;
	if (want <= room)
		tls_record_came(l->tls, (size_t)got);
	else if (!give_records(l, scratch, (size_t)got, b))
		refuse_records(l);
	return true;
}

/* What the engine says of the connection becomes what the link says. */
static void secure_news(struct link *l)
{
	struct tls *t = l->tls;

	if (l->eof && !l->why && !tls_was_closed(t))
		l->why = "the connection ended without a close_notify";
	if (tls_was_closed(t))
		l->eof = true;
	if (!tls_is_over(t))
		return;
	l->eof = true;
	l->cut |= l->phase == LINK_OPEN;
	if (!l->why)
		l->why = tls_why(t);
}

size_t link_tls_fill(struct link *l, struct buf *b)
{
	uint32_t before = buf_held(b);

	take_plaintext(l->tls, b);
	/* a read may have brought a part of a record only, or no plaintext at all */
	for (int i = 0; i < ROUNDS && buf_held(b) == before && l->readable && !l->eof && read_records(l, b); i++)
		take_plaintext(l->tls, b);
	if (link_owes(l))
		send_records(l);
	if (link_holds(l))
		l->readable = true; /* poll would not know of it */
	secure_news(l);
	tls_rest(l->tls);
	return buf_held(b) - before;
}

/* Copies pieces into records as far as those can be sent; the bytes that went. */
static size_t put_records(struct link *l, const struct piece *pieces, int count, size_t left)
{
	size_t done = 0, at = 0, room;
	void *to;

	while (count > 0 && (room = tls_room(l->tls, &to, left)) > 0) {
		size_t n = pieces->len - at;

		if (n > room)
			n = room;
		memcpy(to, (const char *)pieces->at + at, n);
		tls_put(l->tls, n);
		done += n;
		left -= n;
		at += n;
		if (at == pieces->len) {
			pieces++;
			count--;
			at = 0;
		}
		if (left == 0)
			tls_flush(l->tls);
		if (!send_records(l))
			break;
	}
	return done;
}

size_t link_tls_write(struct link *l, const struct piece *pieces, int count, size_t all)
{
	size_t done = 0;

	if (send_records(l))
		done = put_records(l, pieces, count, all);
	if (all && !done && !link_owes(l) && !l->cut) { /* by the numbers of a configuration that cannot be */
		l->why = "no TLS buffer is left";
		l->cut = true;
	}
	secure_news(l);
	tls_rest(l->tls);
	return l->cut ? all : done;
}

void link_shake(struct link *l)
{
	struct tls *t = l->tls;

	if (!GW_HAS(TLS))
		return;
	if (l->phase != LINK_SHAKING || l->why)
		return;
	for (int i = 0; i < ROUNDS; i++)
		if (!send_records(l) || tls_is_open(t) || tls_is_over(t) || !l->readable || !read_records(l, NULL) || l->why)
			break;
	if (l->eof && !l->why)
		l->why = "the connection ended during the TLS handshake";
	if (tls_is_over(t) && (tls_why(t) || !l->why))
		l->why = tls_why(t) ? tls_why(t) : "the connection was closed during the TLS handshake";
	if (!l->why && tls_is_open(t))
		l->phase = LINK_OPEN;
}

bool link_preface(struct link *l, struct span bytes)
{
	struct piece piece = {bytes.at, bytes.len};

	return platform_send(l->fd, &piece, 1) == (long)bytes.len;
}

void link_tls_end(struct link *l)
{
	if (l->phase == LINK_OPEN && !l->cut) {
		tls_finish(l->tls);
		send_records(l);
	}
	tls_close(l->tls);
	l->tls = NULL;
}
