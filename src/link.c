/* SPDX-License-Identifier: MIT
 *
 * link - how do bytes get in and out of one connection?
 *
 * Knows descriptors through platform. Knows no HTTP.
 */
#include "link.h"
#include "../gateway.h"

enum { LINK_LIFT_SHORT = 16384 };

void link_open(struct link *l, int fd)
{
	*l = (struct link){.fd = fd, .phase = LINK_OPEN, .readable = true, .writable = true};
}

void link_connect(struct link *l, int fd)
{
	*l = (struct link){.fd = fd, .phase = LINK_CONNECTING};
	if (fd < 0)
		l->why = platform_why();
}

void link_secure(struct link *l, struct tls *t)
{
	l->tls = t;
	if (l->phase == LINK_OPEN)
		l->phase = LINK_SHAKING;
}

short link_watch(const struct link *l, bool want_in, bool want_out)
{
	short want = 0;

	if (l->fd < 0)
		return 0;
	if (l->phase == LINK_CONNECTING)
		return l->why ? 0 : PLATFORM_OUT;
	if (l->phase == LINK_SHAKING)
		return (short)(l->why ? 0 : link_owes(l) ? PLATFORM_OUT : PLATFORM_IN);
	if (want_in && !l->eof)
		want |= link_holds(l) ? PLATFORM_IN | LINK_NOW : PLATFORM_IN;
	if ((want_out || link_owes(l)) && !l->cut)
		want |= PLATFORM_OUT;
	return want;
}

void link_polled(struct link *l, short got)
{
	if (l->phase == LINK_CONNECTING && (got & PLATFORM_OUT)) {
		l->why = platform_connected(l->fd);
		if (l->why)
			return;
		l->phase = l->tls ? LINK_SHAKING : LINK_OPEN;
		l->writable = true;
	}
	if (got & PLATFORM_IN)
		l->readable = true;
	if (got & PLATFORM_OUT) {
		l->writable = true;
		if (l->phase == LINK_OPEN && link_owes(l))
			link_write(l, NULL, 0);
	}
}

static void link_fail(struct link *l)
{
	if (!l->why)
		l->why = platform_why();
}

/* A read brought no byte: nothing is there now, or the end, or a failure. */
static void link_read_nothing(struct link *l, long got)
{
	l->readable = false;
	if (got == PLATFORM_WAIT)
		return;
	l->eof = true;
	if (got == PLATFORM_BROKEN)
		link_fail(l);
}

/* --- TLS ------------------------------------------------------------------------- */

/* A read that may take several records at once: what it brings must find room
 * in our buffer before anything else is read. */
enum { SCRATCH = 2048 };

bool link_holds(const struct link *l)
{
	const void *at;

	return l->tls && tls_peek(l->tls, &at) > 0;
}

bool link_owes(const struct link *l)
{
	const void *at;

	return l->tls && !l->cut && tls_record_peek(l->tls, &at) > 0;
}

/* Sends records until all are gone or the socket takes no more. */
static bool send_records(struct link *l)
{
	struct piece piece;

	while ((piece.len = tls_record_peek(l->tls, &piece.at)) > 0) {
		long sent = platform_send(l->fd, &piece, 1);

		if (sent == PLATFORM_BROKEN) {
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
	else if (!give_records(l, scratch, (size_t)got, b) && !l->why)
		l->why = "TLS: records came out of turn";
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

static size_t secure_fill(struct link *l, struct buf *b)
{
	uint32_t before = buf_held(b);

	take_plaintext(l->tls, b);
	/* a read may have brought a part of a record only, or no plaintext at all */
	while (buf_held(b) == before && l->readable && !l->eof && !l->why && read_records(l, b))
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

static size_t secure_write(struct link *l, const struct piece *pieces, int count, size_t all)
{
	size_t done = 0;

	if (send_records(l))
		done = put_records(l, pieces, count, all);
	secure_news(l);
	tls_rest(l->tls);
	return l->cut ? all : done;
}

void link_shake(struct link *l)
{
	struct tls *t = l->tls;

	if (l->phase != LINK_SHAKING || l->why)
		return;
	do {
		if (!send_records(l) || tls_is_open(t) || tls_is_over(t))
			break;
	} while (l->readable && read_records(l, NULL) && !l->why);
	if (l->eof && !l->why)
		l->why = "the connection ended during the TLS handshake";
	if (tls_is_over(t) && tls_why(t))
		l->why = tls_why(t);
	if (!l->why && tls_is_open(t))
		l->phase = LINK_OPEN;
}

bool link_preface(struct link *l, struct span bytes)
{
	struct piece piece = {bytes.at, bytes.len};

	return platform_send(l->fd, &piece, 1) == (long)bytes.len;
}

/* Says close_notify as far as that goes without waiting; the rest is plain. */
static void end_tls(struct link *l)
{
	if (l->phase == LINK_OPEN && !l->cut) {
		tls_finish(l->tls);
		send_records(l);
	}
	tls_close(l->tls);
	l->tls = NULL;
}

/* --- any link ---------------------------------------------------------------------- */

void link_close(struct link *l)
{
	if (l->tls)
		end_tls(l);
	if (l->fd >= 0)
		platform_close(l->fd);
	*l = (struct link){.fd = -1, .phase = LINK_CLOSED};
}

size_t link_fill(struct link *l)
{
	struct buf *b = l->in;
	size_t room = buf_room(b);
	long got;

	if (room == 0 || l->eof || l->phase != LINK_OPEN)
		return 0;
	if (l->tls)
		return secure_fill(l, b);
	if (GW_RECV && room > GW_RECV)
		room = GW_RECV;
	got = platform_recv(l->fd, b->data + b->end, room);
	if (got > 0) {
		b->end += (uint32_t)got;
		/* A short read has emptied the socket: asking again would only
		 * tell us so. poll will say when there is more, or the end. */
		if ((size_t)got < room)
			l->readable = false;
		return (size_t)got;
	}
	link_read_nothing(l, got);
	return 0;
}

void link_reset(struct link *l)
{
	platform_reset(l->fd);
	l->cut = true;
}

size_t link_lift(struct link *l, int pipe[2], size_t len)
{
	long got;

	if (GW_RECV && len > GW_RECV)
		len = GW_RECV;
	if (l->eof || l->phase != LINK_OPEN)
		return 0;
	got = platform_pipe_fill(l->fd, pipe, len);
	if (got > 0) {
		/* less than a pipe holds: most likely the socket is empty */
		if (got < LINK_LIFT_SHORT && (size_t)got < len)
			l->readable = false;
		return (size_t)got;
	}
	link_read_nothing(l, got);
	return 0;
}

size_t link_drop(struct link *l, int pipe[2], size_t len)
{
	long sent;

	if (l->cut || l->shut || l->phase != LINK_OPEN)
		return 0;
	sent = platform_pipe_drain(pipe, l->fd, len);
	if (sent == PLATFORM_BROKEN) {
		link_fail(l);
		l->cut = true;
		return 0;
	}
	if (sent < 0)
		sent = 0;
	if ((size_t)sent < len)
		l->writable = false;
	return (size_t)sent;
}

size_t link_write(struct link *l, const struct piece *pieces, int count)
{
	size_t all = 0;
	long sent;

	for (int i = 0; i < count; i++)
		all += pieces[i].len;
	if (l->cut || l->shut)
		return all;
	if (l->phase != LINK_OPEN)
		return 0;
	if (l->tls)
		return secure_write(l, pieces, count, all);
	sent = platform_send(l->fd, pieces, count);
	if (sent == PLATFORM_BROKEN) {
		link_fail(l);
		l->cut = true;
		return all;
	}
	if (sent < 0)
		sent = 0;
	if ((size_t)sent < all)
		l->writable = false;
	return (size_t)sent;
}

void link_finish(struct link *l)
{
	if (l->tls)
		end_tls(l);
	if (l->phase == LINK_OPEN && !l->shut)
		platform_shutdown(l->fd);
	l->shut = true;
}
