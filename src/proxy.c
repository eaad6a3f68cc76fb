/* SPDX-License-Identifier: MIT
 *
 * proxy - what does a PROXY protocol header say?
 *
 * Whoever may send one is trusted with the client's address, so a header that
 * is not exactly right is none. Both versions say early whether they can still
 * become one.
 */
#include "proxy.h"

#define V1_MOST 107  /* longest line of version 1, CRLF included */
#define V2_FIXED 16  /* signature, command, family, length */

static const char v2_signature[12] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

/* Do these bytes begin as the others do, as far as both go? */
static bool begins(const char *at, size_t len, struct span with)
{
	return memcmp(at, with.at, len < with.len ? len : with.len) == 0;
}

/* --- version 1: a line of text -------------------------------------------- */

static bool read_port(struct span s, uint16_t *port)
{
	uint64_t n;

	if (s.len > 5 || (s.len > 1 && s.at[0] == '0') || !span_number(s, &n) || n > 65535)
		return false;
	*port = (uint16_t)n;
	return true;
}

/* An address in the family that the line names; a mapped one becomes IPv4 only then. */
static bool read_address(struct span s, bool ip6, struct net *n)
{
	return (span_find(s, ':') < s.len) == ip6 && net_read(n, s);
}

/* What stands between "PROXY " and CRLF. Exactly one blank between two words. */
static bool read_line(struct span line, struct net *from)
{
	struct span kind = span_cut(&line, ' ');
	bool ip6 = span_is(kind, SPAN("TCP6"));
	uint16_t from_port, to_port;
	struct net to;

	if (span_is(kind, SPAN("UNKNOWN")))
		return true; /* whatever follows */
	if (!ip6 && !span_is(kind, SPAN("TCP4")))
		return false;
	if (!read_address(span_cut(&line, ' '), ip6, from) || !read_address(span_cut(&line, ' '), ip6, &to))
		return false;
	if (!read_port(span_cut(&line, ' '), &from_port) || !read_port(line, &to_port))
		return false;
	from->port = from_port;
	return true;
}

static int read_v1(const char *at, size_t len, struct net *from)
{
	const struct span word = SPAN("PROXY ");
	struct span seen = span_of(at, len < V1_MOST ? len : V1_MOST);
	size_t end = span_find(seen, '\r');

	if (!begins(at, len, word) || span_find(seen, '\n') < end)
		return -1;
	if (end + 1 >= seen.len)
		return seen.len < V1_MOST ? 0 : -1;
	if (at[end + 1] != '\n' || !read_line(span_of(at + word.len, end - word.len), from))
		return -1;
	return (int)end + 2;
}

/* --- version 2: binary ---------------------------------------------------- */

enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
enum { V2_UNSPEC = 0x00, V2_TCP4 = 0x11, V2_TCP6 = 0x21, V2_UNIX = 0x31 };

static uint16_t get16(const char *at)
{
	return (uint16_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
}

/* Bytes of both addresses and their ports; -1 for families that no stream has. */
static int addresses_length(uint8_t family)
{
	switch (family) {
	case V2_UNSPEC:
		return 0;
	case V2_TCP4:
		return 12;
	case V2_TCP6:
		return 36;
	case V2_UNIX:
		return 216;
	default:
		return -1;
	}
}

/* The source is the first of two addresses, its port the first of two behind them. */
static void read_source(const char *at, uint8_t family, struct net *from)
{
	if (family == V2_UNIX) {
		from->family = NET_UNIX;
	} else if (family == V2_TCP4) {
		from->family = NET_IP4;
		from->bits = 32;
		memcpy(from->ip, at, 4);
		from->port = get16(at + 8);
	} else if (family == V2_TCP6) {
		from->family = NET_IP6;
		from->bits = 128;
		memcpy(from->ip, at, 16);
		from->port = get16(at + 32);
		(void)net_unmap(from); /* works for every address */
	}
}

static int read_v2(const char *at, size_t len, struct net *from)
{
	uint8_t command, family;
	int need;

	if (len > 12 && (uint8_t)at[12] != V2_LOCAL && (uint8_t)at[12] != V2_PROXY)
		return -1;
	if (len < V2_FIXED)
		return 0;
	command = (uint8_t)at[12];
	family = (uint8_t)at[13];
	need = command == V2_LOCAL ? 0 : addresses_length(family);
	if (need < 0 || get16(at + 14) < need || get16(at + 14) > PROXY_MOST - V2_FIXED)
		return -1;
	if (len < (size_t)V2_FIXED + get16(at + 14))
		return 0;
	if (command == V2_PROXY)
		read_source(at + V2_FIXED, family, from);
	return V2_FIXED + get16(at + 14); /* what follows the addresses is passed over */
}

int proxy_read(const char *at, size_t len, struct net *from)
{
	*from = (struct net){0};
	if (len == 0)
		return 0;
	if (at[0] == 'P')
		return read_v1(at, len, from);
	return begins(at, len, span_of(v2_signature, sizeof v2_signature)) ? read_v2(at, len, from) : -1;
}

/* --- writing ---------------------------------------------------------------- */

static bool is_ip(const struct net *n)
{
	return n->family == NET_IP4 || n->family == NET_IP6;
}

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* In the family of the header: beside an IPv6 address an IPv4 one is written mapped. */
static void write_v1_address(struct text *t, const struct net *n, bool ip6)
{
	text_char(t, ' ');
	if (ip6 && n->family == NET_IP4)
		text_lit(t, "::ffff:");
	net_write(t, n);
}

static void write_v1(struct text *t, const struct net *from, const struct net *to, bool ip6)
{
	text_str(t, ip6 ? "PROXY TCP6" : "PROXY TCP4");
	write_v1_address(t, from, ip6);
	write_v1_address(t, to, ip6);
	text_char(t, ' ');
	text_number(t, from->port);
	text_char(t, ' ');
	text_number(t, to->port);
	text_lit(t, "\r\n");
}

static void put16(struct text *t, unsigned n)
{
	text_char(t, (char)(n >> 8));
	text_char(t, (char)n);
}

static void write_v2_address(struct text *t, const struct net *n, bool ip6)
{
	if (ip6 && n->family == NET_IP4)
		text_add(t, (const char *)mapped, sizeof mapped);
	text_add(t, (const char *)n->ip, n->family == NET_IP4 ? 4 : 16);
}

static void write_v2_fixed(struct text *t, uint8_t command, uint8_t family)
{
	text_add(t, v2_signature, sizeof v2_signature);
	text_char(t, (char)command);
	text_char(t, (char)family);
	put16(t, (unsigned)addresses_length(family));
}

static void write_v2(struct text *t, const struct net *from, const struct net *to, bool ip6)
{
	write_v2_fixed(t, V2_PROXY, ip6 ? V2_TCP6 : V2_TCP4);
	write_v2_address(t, from, ip6);
	write_v2_address(t, to, ip6);
	put16(t, from->port);
	put16(t, to->port);
}

void proxy_write(struct text *t, int version, const struct net *from, const struct net *to)
{
	const struct net nowhere = {.family = from->family};
	bool ip6;

	if (!is_ip(from)) {
		if (version == 1)
			text_lit(t, "PROXY UNKNOWN\r\n");
		else
			write_v2_fixed(t, V2_PROXY, V2_UNSPEC);
		return;
	}
	if (!is_ip(to))
		to = &nowhere; /* who asks matters, whom it asked does not */
	ip6 = from->family == NET_IP6 || to->family == NET_IP6;
	(version == 1 ? write_v1 : write_v2)(t, from, to, ip6);
}
