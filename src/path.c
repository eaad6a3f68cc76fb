/* SPDX-License-Identifier: MIT
 *
 * path - which path does a request target mean, and what else might a backend
 * read in it?
 *
 * Taking a target apart is one scan when nothing has to change, which is the
 * common case. The readings are made one at a time, in place: no step of one
 * ever makes it longer than the path was.
 */
#include "path.h"
#include "../gateway.h"
#include "net.h"

/* Bytes that all readings of one path may have together; more of them is an
 * attack on our time and refused. Sub-paths with a whole encoded URL in them
 * stay far below. */
#define WORK 131072

static const struct refusal not_a_target = {400, "target is neither a path nor an http URL"};
static const struct refusal bad_authority = {400, "authority of the target is not a host"};
static const struct refusal bad_byte = {400, "control byte in the target"};
static const struct refusal has_fragment = {400, "fragment in the target"};
static const struct refusal bad_percent = {400, "bad percent-encoding in the path"};
static const struct refusal escapes_root = {400, "path escapes the root"};
static const struct refusal too_many_ways = {400, "path can be read in too many ways"};
static const struct refusal too_long = {414, "target is too long"};

/* What a byte may be; 0 for controls, blanks, # and all beyond ASCII. */
enum {
	UNRESERVED = 1, /* RFC 3986 2.3: ALPHA DIGIT - . _ ~ */
	ORDINARY = 2,   /* nothing to look at in a path: visible, but not one of % / ; ? and backslash */
	IN_QUERY = 4
};

static const uint8_t kinds[256] = {
	/*       !  "  #  $  %  &  '  (  )  *  +  ,  -  .  / */
	[' '] = 0, 6, 6, 0, 6, 4, 6, 6, 6, 6, 6, 6, 6, 7, 7, 4,
	/* 0 to 9, then        :  ;  <  =  >  ? */
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 4, 6, 6, 6, 4,
	/* @ and A to Z */
	6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	/*                     then [  \  ]  ^  _ */
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 4, 6, 6, 7,
	/* ` and a to z */
	6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	/*                     then {  |  }  ~ */
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 7, 0,
};

static inline bool is(int kind, char c)
{
	return kinds[(unsigned char)c] & kind;
}

/* Place of the first byte, from i on, that is not of this kind; or s.len. */
static inline size_t pass(int kind, struct span s, size_t i)
{
	const char *at = s.at;

	while (i < s.len && is(kind, at[i]))
		i++;
	return i;
}

/* Value of two hex digits, or negative. */
static inline int hex2(const char *at)
{
	int high = span_hex(at[0]);
	int low = span_hex(at[1]);

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Value of the percent-encoding at this place, or negative. */
static inline int encoded(const char *at, size_t len)
{
	return len >= 3 && at[0] == '%' ? hex2(at + 1) : -1;
}

static inline bool is_control(int c)
{
	return c < 0x20 || c == 0x7f;
}

/* --- dot segments ------------------------------------------------------ */

/* Is the segment at this place "." or ".."? */
static bool is_dots(const char *at, size_t len)
{
	size_t n = len >= 2 && at[1] == '.' ? 2 : 1;

	return len && at[0] == '.' && (n == len || at[n] == '/');
}

enum dots { DOTS_RESOLVE, DOTS_CUT /* the path ends before its first ".." */ };

/* Resolves dot segments in place (RFC 3986 5.2.4) and returns the new length;
 * at[0] is a slash. A ".." at the root is held there and sets *escapes. */
static size_t resolve(char *at, size_t len, enum dots dots, bool *escapes)
{
	size_t out = 0; /* kept so far: whole segments, each with the slash before it */
	size_t next;

	for (size_t in = 0; in < len; in = next) {
		next = in + 1 + span_find(span_of(at + in + 1, len - in - 1), '/');
		if (!is_dots(at + in + 1, next - in - 1)) {
			memmove(at + out, at + in, next - in);
			out += next - in;
			continue;
		}
		if (next - in == 3) { /* slash and two dots */
			if (dots == DOTS_CUT)
				next = len;
			else if (out == 0)
				*escapes = true;
			else
				while (at[--out] != '/')
					;
		}
		if (next == len)
			at[out++] = '/';
	}
	return out;
}

/* --- taking a target apart ---------------------------------------------- */

struct look {
	bool plain;  /* as in struct path */
	bool change; /* it is not in normal form */
};

static const struct refusal *look_at_percent(struct look *l, const char *at, size_t len)
{
	int c = encoded(at, len);

	if (c < 0)
		return &bad_percent;
	if (is_control(c) || (c == '%' && len >= 5 && at[3] == '0' && at[4] == '0'))
		return &bad_byte; /* also a zero byte for whoever decodes twice: some end the path there */
	if (is(UNRESERVED, (char)c) || at[1] >= 'a' || at[2] >= 'a')
		l->change = true;
	l->plain = false;
	return NULL;
}

static const struct refusal *look_at(struct look *l, struct span s)
{
	const struct refusal *why;

	*l = (struct look){.plain = true};
	for (size_t i = pass(ORDINARY, s, 0); i < s.len; i = pass(ORDINARY, s, i + 1)) {
		char c = s.at[i];

		if (c == '/') {
			if (i + 1 < s.len && s.at[i + 1] == '/')
				l->plain = false;
			else if (i + 1 < s.len && is_dots(s.at + i + 1, s.len - i - 1))
				l->change = true;
		} else if (c == '%') {
			why = look_at_percent(l, s.at + i, s.len - i);
			if (why)
				return why;
			i += 2;
		} else if (c == ';' || c == '\\') {
			l->plain = false;
		} else {
			return c == '#' ? &has_fragment : &bad_byte;
		}
	}
	return NULL;
}

static char upper(char c)
{
	return (char)(c >= 'a' && c <= 'f' ? c - ('a' - 'A') : c);
}

/* Decodes unreserved bytes, makes other hex digits upper case. What comes is
 * not longer than s; every percent-encoding in it was looked at. */
static size_t decode_unreserved(char *out, struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		int c = encoded(s.at + i, s.len - i);

		if (c < 0) {
			out[n++] = s.at[i];
			continue;
		}
		if (is(UNRESERVED, (char)c)) {
			out[n++] = (char)c;
		} else {
			out[n++] = '%';
			out[n++] = upper(s.at[i + 1]);
			out[n++] = upper(s.at[i + 2]);
		}
		i += 2;
	}
	return n;
}

static const struct refusal *normalise(struct path *p, struct text *room)
{
	char *at = room->at + room->len;
	bool escapes = false;
	struct look look;
	const struct refusal *why;
	size_t len;

	if (p->path.len > room->size - room->len)
		return &too_long;
	len = resolve(at, decode_unreserved(at, p->path), DOTS_RESOLVE, &escapes);
	if (escapes)
		return &escapes_root;
	p->path = span_of(at, len);
	why = look_at(&look, p->path);
	if (why)
		return why; /* decoding can bring what a second decoding ends at: "%25%300" */
	p->plain = look.plain;
	room->len += len;
	return NULL;
}

static unsigned count_readings(struct span path);

static const struct refusal *look_at_query(struct span s)
{
	size_t i = pass(IN_QUERY, s, 0);

	return i == s.len ? NULL : s.at[i] == '#' ? &has_fragment : &bad_byte;
}

static const struct refusal *read_path(struct path *p, struct span s, struct text *room)
{
	size_t n = span_find(s, '?');
	struct look look;
	const struct refusal *why;

	p->path = span_of(s.at, n);
	p->query = span_of(s.at + n, s.len - n);
	why = look_at(&look, p->path);
	if (!why)
		why = look_at_query(p->query);
	if (why)
		return why;
	p->plain = look.plain;
	if (look.change)
		why = normalise(p, room);
	if (!why && !p->plain && p->path.len > WORK / count_readings(p->path))
		return &too_many_ways;
	return why;
}

/* Cuts scheme and authority off an absolute-form target (RFC 9112 3.2.2). */
static const struct refusal *read_authority(struct path *p, struct span *target)
{
	struct span rest = *target;
	struct span name;
	unsigned port;
	size_t n = 0;

	p->secure = span_starts_same(rest, SPAN("https://"));
	if (!p->secure && !span_starts_same(rest, SPAN("http://")))
		return &not_a_target;
	rest = span_of(rest.at + 7 + p->secure, rest.len - 7 - p->secure);
	while (n < rest.len && rest.at[n] != '/' && rest.at[n] != '?')
		n++;
	p->host = span_of(rest.at, n);
	*target = span_of(rest.at + n, rest.len - n);
	return path_host(p->host, &name, &port) ? NULL : &bad_authority;
}

const struct refusal *path_read(struct path *p, struct span target, bool is_options, struct text *room)
{
	const struct refusal *why;
	struct span rest = target;

	*p = (struct path){.plain = true};
	if (is_options && span_is(rest, SPAN("*"))) {
		p->path = rest;
		return NULL;
	}
	if (rest.len == 0 || rest.at[0] != '/') {
		why = read_authority(p, &rest);
		if (why)
			return why;
	}
	if (rest.len && rest.at[0] == '/')
		return read_path(p, rest, room);
	/* An URL without a path: "/", but for OPTIONS it means the server (RFC 9112 3.2.4). */
	why = read_path(p, rest, room);
	p->path = is_options && rest.len == 0 ? SPAN("*") : SPAN("/");
	return why;
}

/* --- what a backend might read ------------------------------------------ */

#define LEVELS 3 /* decoded never, once, twice */

/* The ways in which backends differ. A reading is a number of decodings and a
 * set of these. */
enum {
	DROP_0 = 1,      /* ";params" go before anything is decoded, */
	DROP_1 = 2,      /* after the first decoding, */
	DROP_2 = 4,      /* after the second */
	BACK_0 = 8,      /* a backslash is a slash from the beginning, */
	BACK_1 = 16,     /* or only after the first parameters went, and after each decoding */
	ENCODED = 32,    /* a decoded slash is a slash; otherwise %2F stays */
	MERGE = 64,      /* several slashes are one before dot segments are resolved; otherwise after it */
	AUTHORITY = 128, /* "//x/y" is read as a URL without a scheme: host x, path /y */
	CUT = 256,       /* ".." is not resolved: what counts is what stands before it */
	BETWEEN = 512,   /* dot segments are resolved before each decoding, too */
	ENDS = 1024      /* a decoded ? or # ends the path */
};

/* While a reading is made: an encoded slash that stays one. Free, since
 * path_read lets no zero byte through, encoded once or twice. */
#define KEPT_SLASH 0

/* Those that make a difference with 0, 1, 2 decodings. */
static const unsigned ways_of[LEVELS] = {
	DROP_0 | BACK_0 | BACK_1 | MERGE | AUTHORITY | CUT,
	DROP_0 | DROP_1 | BACK_0 | BACK_1 | ENCODED | MERGE | AUTHORITY | CUT | BETWEEN | ENDS,
	DROP_0 | DROP_1 | DROP_2 | BACK_0 | BACK_1 | ENCODED | MERGE | AUTHORITY | CUT | BETWEEN | ENDS,
};

/* What byte c, which shows itself after `level` decodings, lets backends differ in. */
static unsigned ways_with(char c, unsigned level, char next)
{
	switch (c) {
	case ';':
		return MERGE | DROP_2 | (level < 2 ? DROP_1 : 0) | (level < 1 ? DROP_0 : 0);
	case '\\':
		return MERGE | BACK_1 | (level < 1 ? BACK_0 : 0);
	case '/':
		return level ? MERGE | ENCODED : next == '/' ? MERGE : 0;
	case '.':
		return level || next == '.' ? CUT | BETWEEN : 0;
	case '?':
	case '#':
		return ENDS; /* it stands there encoded alone */
	default:
		return 0;
	}
}

/* The ways that can make a difference for this path, and *depth, the number of
 * decodings that can. A path in normal form has nothing but %25 and hex digits
 * to make a percent-encoding of at the second one. */
static unsigned ways_for(struct span path, unsigned *depth)
{
	unsigned ways = 0;

	*depth = 0;
	for (size_t i = 0; i < path.len; i++) {
		const char *at = path.at + i;
		int once = encoded(at, path.len - i);
		int twice = once == '%' && path.len - i >= 5 ? hex2(at + 3) : -1;
		unsigned level = twice >= 0 ? 2 : once >= 0 ? 1 : 0;
		char c = (char)(level == 2 ? twice : level == 1 ? once : *at);

		if (level > *depth && (level == 2 || (once > 0x20 && once < 0x7f && c != '%')))
			*depth = level; /* others come out as they went in */
		ways |= ways_with(c, level, i + 1 < path.len ? at[1] : 0);
		i += 2 * level;
	}
	if (!(ways & (DROP_2 | BACK_1 | ENCODED)) && *depth < 2)
		ways &= ~(unsigned)(CUT | BETWEEN); /* no dot segment can come of "a..b" */
	if (ways & MERGE && path.len > 1 && memchr("/\\%;", path.at[1], 4))
		ways |= AUTHORITY;
	return ways;
}

static unsigned count_of(unsigned ways)
{
	unsigned n = 1;

	for (; ways; ways &= ways - 1)
		n *= 2;
	return n;
}

static unsigned count_readings(struct span path)
{
	unsigned depth;
	unsigned ways = ways_for(path, &depth);
	unsigned n = 0;

	for (unsigned level = 0; level <= depth; level++)
		n += count_of(ways & ways_of[level]);
	return n;
}

/* The subset of ways with this number. */
static unsigned subset(unsigned number, unsigned ways)
{
	unsigned set = 0;

	for (; ways; ways &= ways - 1, number >>= 1)
		if (number & 1)
			set |= ways & (0u - ways);
	return set;
}

static size_t drop_params(char *at, size_t len)
{
	size_t n = 0;
	bool dropping = false;

	for (size_t i = 0; i < len; i++) {
		if (at[i] == ';')
			dropping = true;
		else if (at[i] == '/')
			dropping = false;
		if (!dropping)
			at[n++] = at[i];
	}
	return n;
}

static size_t decode(char *at, size_t len, bool slash)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = encoded(at + i, len - i);

		if (c < 0) {
			at[n++] = at[i];
			continue;
		}
		at[n++] = (char)(c == '/' && !slash ? KEPT_SLASH : c);
		i += 2;
	}
	return n;
}

/* What is a query or a fragment now. */
static size_t drop_rest(const char *at, size_t len)
{
	size_t query = span_find(span_of(at, len), '?'), fragment = span_find(span_of(at, len), '#');

	return query < fragment ? query : fragment;
}

static void turn_backslashes(char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] == '\\')
			at[i] = '/';
}

static size_t merge_slashes(char *at, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		if (at[i] != '/' || n == 0 || at[n - 1] != '/')
			at[n++] = at[i];
	return n;
}

/* WHATWG URL parsers pass over all slashes before the host. */
static size_t drop_authority(char *at, size_t len)
{
	size_t from = 0;

	while (from < len && at[from] == '/')
		from++;
	from += span_find(span_of(at + from, len - from), '/');
	if (from == len)
		return 1; /* nothing but a host: its root */
	memmove(at, at + from, len - from);
	return len - from;
}

/* Bytes that a path in normal form holds only encoded. */
static bool must_encode(char c)
{
	return (unsigned char)c <= 0x20 || (unsigned char)c >= 0x7f || c == '%' || c == '?' || c == '#';
}

/* In place and from the end, so that nothing is overwritten before it moved.
 * Each of these bytes was three at least, so no reading is longer than the path. */
static size_t encode(char *at, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t total = len;

	for (size_t i = 0; i < len; i++)
		total += must_encode(at[i]) ? 2 : 0;
	for (size_t i = len, n = total; n > i;) {
		unsigned char c = (unsigned char)at[--i];

		if (must_encode((char)c)) {
			c = c == KEPT_SLASH ? '/' : c;
			at[--n] = digits[c & 15];
			at[--n] = digits[c >> 4];
			c = '%';
		}
		at[--n] = (char)c;
	}
	return total;
}

/* Makes the path at this place what such a backend reads; its new length. */
static size_t read_as(char *at, size_t len, unsigned decodings, unsigned ways)
{
	static const unsigned drop[LEVELS] = {DROP_0, DROP_1, DROP_2};
	bool held = false; /* whether it was does not matter */

	for (unsigned n = 0; n <= decodings; n++) {
		if (n > 0)
			len = decode(at, len, ways & ENCODED);
		if (n > 0 && ways & ENDS)
			len = drop_rest(at, len);
		if (ways & (n ? BACK_1 : BACK_0))
			turn_backslashes(at, len);
		if (ways & drop[n])
			len = drop_params(at, len);
		if (n == 0 && ways & BACK_1)
			turn_backslashes(at, len);
		if ((ways & AUTHORITY) && len > 1 && at[1] == '/') {
			len = drop_authority(at, len);
			ways &= ~(unsigned)AUTHORITY; /* once only */
		}
		if (n < decodings && !(ways & BETWEEN))
			continue;
		if (ways & MERGE)
			len = merge_slashes(at, len);
		len = resolve(at, len, ways & CUT ? DOTS_CUT : DOTS_RESOLVE, &held);
	}
	len = merge_slashes(at, len);
	return decodings ? encode(at, len) : len;
}

bool path_reading(struct span path, unsigned number, struct text *room, struct span *reading)
{
	unsigned depth, ways;
	char *at;

	*reading = path;
	if (number == 0)
		return true;
	ways = ways_for(path, &depth);
	for (unsigned level = 0; level <= depth; level++) {
		unsigned count = count_of(ways & ways_of[level]);

		if (number >= count) {
			number -= count;
			continue;
		}
		if (path.len > room->size - room->len) {
			room->full = true;
			return false;
		}
		at = room->at + room->len;
		memcpy(at, path.at, path.len);
		*reading = span_of(at, read_as(at, path.len, level, subset(number, ways & ways_of[level])));
		return true;
	}
	return false;
}

/* --- prefixes and hosts -------------------------------------------------- */

bool path_under(struct span path, struct span prefix)
{
	return span_starts(path, prefix);
}

/* 1 to 65535; nothing behind the colon is fine too (RFC 3986 3.2.3). */
static bool read_port(struct span s, unsigned *port)
{
	uint64_t n;

	if (s.len == 0)
		return true;
	if (s.len > 5 || !span_number(s, &n) || n < 1 || n > 65535)
		return false;
	*port = (unsigned)n;
	return true;
}

/* What ends in a number is an IPv4 address or nothing: no top-level domain is
 * one, and some would read "10.1" or "010.0.0.1" as an address. */
static bool ends_right(struct span name)
{
	struct net n;
	size_t i = name.len;

	while (i && name.at[i - 1] >= '0' && name.at[i - 1] <= '9')
		i--;
	return i == name.len || (i && name.at[i - 1] != '.') || net_read(&n, name);
}

/* Labels of unreserved bytes; a final dot was taken off. */
static bool is_name(struct span name)
{
	char before = '.';

	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (!is(UNRESERVED, c) || (c == '.' && before == '.'))
			return false; /* not even an empty label */
		before = c;
	}
	return before != '.' && name.len < GW_NAME && ends_right(name);
}

/* With its brackets. */
static bool is_bracketed(struct span s)
{
	struct span inside = span_of(s.at + 1, s.len - 2);
	struct net n;

	return span_find(inside, ':') < inside.len && net_read(&n, inside);
}

bool path_host(struct span value, struct span *name, unsigned *port)
{
	size_t n;

	*port = 0;
	if (value.len && value.at[0] == '[') {
		n = span_find(value, ']') + 1;
		if (n > value.len || !is_bracketed(span_of(value.at, n)))
			return false;
		*name = span_of(value.at, n);
	} else {
		n = span_find(value, ':');
		*name = span_of(value.at, n);
		if (n && value.at[n - 1] == '.')
			name->len--;
		if (!is_name(*name))
			return false;
	}
	if (n == value.len)
		return true;
	return value.at[n] == ':' && read_port(span_of(value.at + n + 1, value.len - n - 1), port);
}
