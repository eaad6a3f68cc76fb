/* SPDX-License-Identifier: MIT
 *
 * net - which address is it, and is it in this network?
 *
 * Reads strictly: what one reader takes for octal, another for decimal
 * ("010.0.0.1"), is not an address.
 */
#include "net.h"

/* Decimal without leading zeros, up to most. */
static bool read_decimal(struct span s, unsigned most, unsigned *value)
{
	uint64_t v;

	if (s.len > 3 || (s.len > 1 && s.at[0] == '0') || !span_number(s, &v) || v > most)
		return false;
	*value = (unsigned)v;
	return true;
}

static bool read_ip4(uint8_t ip[4], struct span s)
{
	unsigned byte;

	for (int i = 0; i < 4; i++) {
		size_t dot = span_find(s, '.');

		if ((i < 3) != (dot < s.len) || !read_decimal(span_cut(&s, '.'), 255, &byte))
			return false;
		ip[i] = (uint8_t)byte;
	}
	return true;
}

/* One to four hex digits. */
static bool read_group(uint8_t two[2], struct span s)
{
	unsigned value = 0;

	if (s.len < 1 || s.len > 4)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		int digit = span_hex(s.at[i]);

		if (digit < 0)
			return false;
		value = value << 4 | (unsigned)digit;
	}
	two[0] = (uint8_t)(value >> 8);
	two[1] = (uint8_t)value;
	return true;
}

/* Groups with single colons between them, the last one may be an IPv4 address.
 * Bytes written to ip (at most size), or -1. */
static int read_groups(uint8_t *ip, int size, struct span s)
{
	int n = 0;

	for (;;) {
		size_t colon = span_find(s, ':');
		bool last = colon == s.len;
		struct span group = span_cut(&s, ':');

		if (last && n + 4 <= size && read_ip4(ip + n, group))
			return n + 4;
		if (n + 2 > size || !read_group(ip + n, group))
			return -1;
		n += 2;
		if (last)
			return n;
	}
}

static size_t find_gap(struct span s)
{
	for (size_t i = 0; i + 1 < s.len; i++)
		if (s.at[i] == ':' && s.at[i + 1] == ':')
			return i;
	return s.len;
}

/* RFC 4291 2.2. "::" stands for one group at least. */
static bool read_ip6(uint8_t ip[16], struct span s)
{
	uint8_t back[16];
	size_t gap = find_gap(s);
	int front_len = 0, back_len = 0;

	memset(ip, 0, 16);
	if (gap == s.len)
		return s.len && read_groups(ip, 16, s) == 16;
	if (gap)
		front_len = read_groups(ip, 14, span_of(s.at, gap));
	if (front_len < 0 || (front_len && span_find(span_of(s.at, gap), '.') < gap))
		return false; /* an IPv4 address is only allowed at the end */
	if (gap + 2 < s.len)
		back_len = read_groups(back, 14 - front_len, span_of(s.at + gap + 2, s.len - gap - 2));
	if (back_len < 0)
		return false;
	memcpy(ip + 16 - back_len, back, (size_t)back_len);
	return true;
}

static bool is_mapped(const uint8_t ip[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(ip, prefix, sizeof prefix) == 0;
}

/* As net_read, but a mapped address stays IPv6. */
static bool read_unmapped(struct net *n, struct span text)
{
	*n = (struct net){0};
	if (read_ip4(n->ip, text)) {
		n->family = NET_IP4;
		n->bits = 32;
		return true;
	}
	memset(n->ip, 0, sizeof n->ip);
	if (!read_ip6(n->ip, text))
		return false;
	n->family = NET_IP6;
	n->bits = 128;
	return true;
}

bool net_unmap(struct net *n)
{
	if (n->family != NET_IP6 || !is_mapped(n->ip))
		return true;
	if (n->bits < 96)
		return false;
	memcpy(n->ip, n->ip + 12, 4);
	memset(n->ip + 4, 0, 12);
	n->family = NET_IP4;
	n->bits = (uint8_t)(n->bits - 96);
	return true;
}

bool net_read(struct net *n, struct span text)
{
	return read_unmapped(n, text) && net_unmap(n);
}

static void clear_host_bits(struct net *n)
{
	unsigned whole = n->bits / 8;

	if (n->bits % 8) {
		n->ip[whole] = (uint8_t)(n->ip[whole] & 0xff00 >> n->bits % 8);
		whole++;
	}
	memset(n->ip + whole, 0, sizeof n->ip - whole);
}

bool net_read_network(struct net *n, struct span text)
{
	bool slash = span_find(text, '/') < text.len;
	unsigned bits;

	if (!read_unmapped(n, span_cut(&text, '/')))
		return false;
	if (slash) {
		if (!read_decimal(text, n->bits, &bits))
			return false;
		n->bits = (uint8_t)bits;
	}
	if (!net_unmap(n))
		return false;
	clear_host_bits(n);
	return true;
}

static void write_ip4(struct text *t, const uint8_t ip[4])
{
	for (int i = 0; i < 4; i++) {
		if (i)
			text_char(t, '.');
		text_number(t, ip[i]);
	}
}

static unsigned group_of(const uint8_t ip[16], int i)
{
	return (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
}

/* Longest run of at least two zero groups, the first of equals (RFC 5952 4.2). */
static int zero_run(const uint8_t ip[16], int *length)
{
	int at = -1;

	*length = 1;
	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && group_of(ip, i + n) == 0)
			n++;
		if (n > *length) {
			at = i;
			*length = n;
		}
		i += n;
	}
	return at;
}

static void write_ip6(struct text *t, const uint8_t ip[16])
{
	int length;
	int gap = zero_run(ip, &length);

	for (int i = 0; i < 8; i++) {
		if (i == gap) {
			text_lit(t, "::");
			i += length - 1;
			continue;
		}
		if (i && i != gap + length)
			text_char(t, ':');
		text_hex(t, group_of(ip, i));
	}
}

void net_write(struct text *t, const struct net *n)
{
	switch (n->family) {
	case NET_IP4:
		write_ip4(t, n->ip);
		break;
	case NET_IP6:
		write_ip6(t, n->ip);
		break;
	case NET_UNIX:
		text_lit(t, "unix");
		break;
	default:
		text_lit(t, "unknown");
	}
}

void net_write_port(struct text *t, const struct net *n)
{
	if (n->family == NET_IP6)
		text_char(t, '[');
	net_write(t, n);
	if (n->family == NET_IP6)
		text_char(t, ']');
	if (n->family == NET_IP4 || n->family == NET_IP6) {
		text_char(t, ':');
		text_number(t, n->port);
	}
}

static bool is_ip(const struct net *n)
{
	return n->family == NET_IP4 || n->family == NET_IP6;
}

bool net_in(const struct net *address, const struct net *network)
{
	unsigned whole = network->bits / 8;
	unsigned rest = network->bits % 8;

	if (!is_ip(address) || address->family != network->family)
		return false;
	if (memcmp(address->ip, network->ip, whole) != 0)
		return false;
	return rest == 0 || ((address->ip[whole] ^ network->ip[whole]) & 0xff00 >> rest & 0xff) == 0;
}

/* By family, then by address. */
static int place(const struct net *a, const struct net *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->ip, b->ip, a->family == NET_IP4 ? 4 : 16);
}

/* A network stands before those that lie in it. */
static int order(const struct net *a, const struct net *b)
{
	int by_place = place(a, b);

	return by_place ? by_place : (int)a->bits - b->bits;
}

static void swap(struct net *a, struct net *b)
{
	struct net kept = *a;

	*a = *b;
	*b = kept;
}

/* Lets the one at i go down until none below it is greater (a heap: 2i+1 and 2i+2
 * are below i). */
static void sink(struct net *heap, size_t i, size_t count)
{
	while (2 * i + 1 < count) {
		size_t below = 2 * i + 1;

		if (below + 1 < count && order(&heap[below], &heap[below + 1]) < 0)
			below++;
		if (order(&heap[i], &heap[below]) >= 0)
			return;
		swap(&heap[i], &heap[below]);
		i = below;
	}
}

size_t net_sort(struct net *networks, size_t count)
{
	size_t kept = 0;

	for (size_t i = count / 2; i > 0; i--)
		sink(networks, i - 1, count);
	for (size_t end = count; end > 1; end--) {
		swap(&networks[0], &networks[end - 1]);
		sink(networks, 0, end - 1);
	}
	for (size_t i = 0; i < count; i++)
		if (!kept || !net_in(&networks[i], &networks[kept - 1]))
			networks[kept++] = networks[i];
	return kept;
}

/* They do not overlap: only the last one that does not begin behind the address can hold it. */
bool net_in_any(const struct net *address, const struct net *networks, size_t count)
{
	size_t low = 0, high = count; /* it stands at low or behind, and before high */

	if (!count)
		return false;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (place(&networks[middle], address) <= 0)
			low = middle;
		else
			high = middle;
	}
	return net_in(address, &networks[low]);
}

/* The zone counts: fe80::1 on another interface is another machine. */
bool net_same(const struct net *a, const struct net *b)
{
	if (a->family != b->family)
		return false;
	if (a->family == NET_IP4)
		return memcmp(a->ip, b->ip, 4) == 0;
	return a->family != NET_IP6 || (a->scope == b->scope && memcmp(a->ip, b->ip, 16) == 0);
}
