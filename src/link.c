/* SPDX-License-Identifier: MIT
 *
 * link - how do bytes get in and out of one connection?
 *
 * Knows descriptors through platform. Knows no HTTP.
 */
#include "link_tls.h"
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

/* Not open: what it is about is its own. */
static short watch_private(const struct link *l)
{
	if (l->fd < 0 || l->why)
		return 0;
	if (l->phase == LINK_CONNECTING)
		return PLATFORM_OUT;
	if (l->phase == LINK_SHAKING)
		return link_owes(l) ? PLATFORM_OUT : PLATFORM_IN;
	return 0;
}

short link_watch(const struct link *l, bool want_in, bool want_out)
{
	short want = 0;

	if (l->phase != LINK_OPEN)
		return watch_private(l);
	if (want_in && !l->eof)
		want |= PLATFORM_IN;
	if (want_out && !l->cut)
		want |= PLATFORM_OUT;
	if (link_is_secure(l)) {
		if ((want & PLATFORM_IN) && link_tls_holds(l))
			want |= LINK_NOW;
		if (link_tls_owes(l))
			want |= PLATFORM_OUT;
	}
	return want;
}

void link_polled(struct link *l, short got)
{
	if (l->phase == LINK_CONNECTING && (got & PLATFORM_OUT)) {
		l->why = platform_connected(l->fd);
		if (l->why)
			return;
		l->phase = link_is_secure(l) ? LINK_SHAKING : LINK_OPEN;
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

void link_fail(struct link *l)
{
	if (!l->why)
		l->why = platform_why();
}

void link_read_nothing(struct link *l, long got)
{
	l->readable = false;
	if (got == PLATFORM_WAIT)
		return;
	l->eof = true;
	if (got == PLATFORM_BROKEN)
		link_fail(l);
}

void link_close(struct link *l)
{
	if (link_is_secure(l))
		link_tls_end(l);
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
	if (link_is_secure(l))
		return link_tls_fill(l, b);
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
	if (link_is_secure(l))
		return link_tls_write(l, pieces, count, all);
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
	bool open = l->phase == LINK_OPEN && !l->shut;

	if (link_is_secure(l)) {
		link_tls_end(l);
		l->phase = LINK_OVER;
		l->eof = true;
	}
	if (open)
		platform_shutdown(l->fd);
	l->shut = true;
}

bool link_waste(struct link *l)
{
	char room[4096];
	long got = 0;

	for (int i = 0; i < 16 && (got = platform_recv(l->fd, room, sizeof room)) > 0; i++)
		;
	return got > 0 || got == PLATFORM_WAIT;
}
