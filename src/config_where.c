/* SPDX-License-Identifier: MIT
 *
 * where - which server, socket or path does this word name?
 *
 * Knows URLs and addresses as people write them.
 */
#include "config_where.h"
#include "config_key.h"
#include "path.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_byte(char c)
{
	char low = span_lower(c);

	return (low >= 'a' && low <= 'z') || is_digit(c) || c == '-' || c == '_' || c == '.';
}

static struct span lower_copy(struct faults *f, struct span s)
{
	char *at = arena_take(f->arena, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		at[i] = span_lower(s.at[i]);
	return span_of(at, s.len);
}

static struct span behind(struct span s, size_t n)
{
	return span_of(s.at + n, s.len - n);
}

/* A host name whose last label is not a number: what looks like a wrong
 * address must not be looked up as one. */
static bool is_name(struct span s)
{
	bool digits_only = true;

	if (!s.len || s.len >= GW_NAME || s.at[0] == '.' || s.at[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_name_byte(s.at[i]) || (s.at[i] == '.' && i + 1 < s.len && s.at[i + 1] == '.'))
			return false;
		if (s.at[i] == '.' && i + 1 < s.len)
			digits_only = true;
		else if (s.at[i] != '.')
			digits_only &= is_digit(s.at[i]);
	}
	return !digits_only;
}

static bool read_port(struct faults *f, int line, struct span word, struct span digits, uint16_t *port)
{
	uint64_t n;

	if (!span_number(digits, &n) || n < 1 || n > 65535) {
		fault_at(f, line, "'%.*s': port '%.*s' is not a number from 1 to 65535", SHOW(word), SHOW(digits));
		return false;
	}
	*port = (uint16_t)n;
	return true;
}

/* "HOST:PORT", "[IP6]:PORT" or without the port, whose span is then {NULL, 0}. */
static bool split_port(struct faults *f, int line, struct span word, struct span authority, struct span *host, struct span *port)
{
	size_t end = 0;

	if (authority.len && authority.at[0] == '[') {
		end = span_find(authority, ']');
		if (end == authority.len) {
			fault_at(f, line, "'%.*s': ']' is missing", SHOW(word));
			return false;
		}
		end++;
	} else {
		end = span_find(authority, ':');
		if (end < authority.len && span_find(behind(authority, end + 1), ':') < authority.len - end - 1) {
			fault_at(f, line, "'%.*s': an IPv6 address stands in brackets, as in [fd00::1]:80", SHOW(word));
			return false;
		}
	}
	*host = span_of(authority.at, end);
	*port = span_of(NULL, 0);
	if (end == authority.len)
		return true;
	if (authority.at[end] != ':') {
		fault_at(f, line, "'%.*s': '%.*s' after the address", SHOW(word), SHOW(behind(authority, end)));
		return false;
	}
	*port = behind(authority, end + 1);
	return true;
}

/* "fe80::1%eth0": whoever resolves names knows interfaces too. In a URL the
 * percent sign is written as %25 (RFC 6874); both are taken. */
static bool zone_host(struct faults *f, struct span inner, const char **host)
{
	size_t at = span_find(inner, '%');
	struct span zone = at < inner.len ? behind(inner, at + 1) : inner;
	struct net address;
	char *copy;

	if (at == inner.len || !net_read(&address, span_of(inner.at, at)) || address.family != NET_IP6)
		return false;
	if (span_starts(zone, SPAN("25")) && zone.len > 2)
		zone = behind(zone, 2);
	for (size_t i = 0; i < zone.len; i++)
		if (!is_name_byte(zone.at[i]))
			return false;
	if (!zone.len || at + 1 + zone.len >= GW_NAME)
		return false;
	copy = arena_take(f->arena, at + zone.len + 2);
	memcpy(copy, inner.at, at + 1);
	memcpy(copy + at + 1, zone.at, zone.len);
	*host = copy;
	return true;
}

static bool read_server_host(struct faults *f, int line, struct span word, struct span host, struct server *s)
{
	uint16_t port = s->address.port;

	if (host.len && host.at[0] == '[') {
		struct span inner = span_of(host.at + 1, host.len - 2);

		if (zone_host(f, inner, &s->host))
			return true;
		if (net_read(&s->address, inner) && span_find(inner, ':') < inner.len) {
			s->address.port = port;
			return true;
		}
		fault_at(f, line, "'%.*s': '%.*s' is not an IPv6 address", SHOW(word), SHOW(inner));
		return false;
	}
	if (net_read(&s->address, host)) {
		s->address.port = port;
		return true;
	}
	if (!is_name(host)) {
		fault_at(f, line, "'%.*s': '%.*s' is neither a name nor an address", SHOW(word), SHOW(host));
		return false;
	}
	s->address = (struct net){.port = port};
	s->host = lower_copy(f, host).at;
	return true;
}

/* rest: what stands behind the scheme */
static bool read_http(struct faults *f, int line, struct span word, struct span rest, uint16_t standard, struct server *s, struct span *base)
{
	struct span authority, host, port;
	size_t end = 0;

	while (end < rest.len && !strchr("/?#", rest.at[end]))
		end++;
	authority = span_of(rest.at, end);
	*base = behind(rest, end);
	if (span_find(authority, '@') < authority.len) {
		fault_at(f, line, "'%.*s': a target holds no user name; 'request_header = Authorization: ...' sends one", SHOW(word));
		return false;
	}
	if (!split_port(f, line, word, authority, &host, &port))
		return false;
	s->address.port = standard;
	if (port.at && !read_port(f, line, word, port, &s->address.port))
		return false;
	if (base->len && base->at[0] != '/') {
		fault_at(f, line, "'%.*s': a target ends with its path; '%.*s' cannot be sent", SHOW(word), SHOW(*base));
		return false;
	}
	s->name = arena_span(f->arena, authority).at;
	return read_server_host(f, line, word, host, s);
}

static bool read_socket(struct faults *f, int line, struct span word, struct span path, const char **to)
{
	if (!path.len || path.at[0] != '/') {
		fault_at(f, line, "'%.*s': the path of a socket begins with '/'", SHOW(word));
		return false;
	}
	if (path.len > UNIX_PATH) {
		fault_at(f, line, "'%.*s': the path of a socket holds at most %d characters", SHOW(word), UNIX_PATH);
		return false;
	}
	*to = arena_span(f->arena, path).at;
	return true;
}

/* The socket's path ends where ":/" begins the path of the URL. */
static bool read_unix(struct faults *f, int line, struct span word, struct server *s, struct span *base)
{
	struct span path = behind(word, sizeof "unix:" - 1);
	size_t end = 0;

	while (end < path.len && !span_starts(behind(path, end), SPAN(":/")))
		end++;
	*base = end < path.len ? behind(path, end + 1) : span_of("", 0);
	s->name = arena_span(f->arena, span_of(word.at, word.len - (path.len - end))).at;
	s->address.family = NET_UNIX;
	return read_socket(f, line, word, span_of(path.at, end), &s->path);
}

/* Not a target: say what would be one. */
static bool unknown_target(struct faults *f, int line, struct span word)
{
	struct span scheme = span_of(word.at, span_find(word, ':'));

	if (scheme.len < word.len && key_is_later(f, line, span_of(word.at, scheme.len + 1)))
		return false;
	if (scheme.len < word.len || span_find(word, '.') < word.len)
		fault_at(f, line, "'%.*s' is not a target: those begin with http://, https://, unix:, redirect: or reply:", SHOW(word));
	else
		fault_at(f, line, "unknown word '%.*s'%s", SHOW(word), key_hint(f, word, IN_LINE));
	return false;
}

bool where_target(struct faults *f, int line, struct span word, struct server *server, struct span *base)
{
	bool good;

	*server = (struct server){0};
	if (span_starts(word, SPAN("http://")))
		good = read_http(f, line, word, behind(word, 7), 80, server, base);
	else if (span_starts(word, SPAN("https://")))
		good = !key_is_missing(f, line, word, GW_TLS) && read_http(f, line, word, behind(word, 8), 443, server, base);
	else if (span_starts(word, SPAN("unix:")))
		good = read_unix(f, line, word, server, base);
	else
		return unknown_target(f, line, word);
	return good && (!base->len || where_path(f, line, *base, base));
}

/* An address that a listener can have; without one, all of both families. */
static bool read_listen_address(struct faults *f, int line, struct span word, struct span host, struct listener *l)
{
	uint16_t port = l->address.port;
	bool bracket = host.len > 1 && host.at[0] == '[';
	struct span inner = bracket ? span_of(host.at + 1, host.len - 2) : host;

	l->both = !host.len;
	if (l->both)
		l->address = (struct net){.family = NET_IP6, .bits = 128};
	else if (!net_read(&l->address, inner) || bracket != (span_find(inner, ':') < inner.len)) {
		fault_at(f, line, "listen: '%.*s' is not an address such as :80, 192.168.1.1:80, [::1]:80 or unix:/run/gateway.sock", SHOW(word));
		return false;
	}
	l->address.port = port;
	return true;
}

bool where_listen(struct faults *f, int line, struct span word, struct listener *l)
{
	struct span host, port;

	*l = (struct listener){.line = line};
	l->text = arena_span(f->arena, word).at;
	if (span_starts(word, SPAN("unix:"))) {
		l->address.family = NET_UNIX;
		return read_socket(f, line, word, behind(word, sizeof "unix:" - 1), &l->path);
	}
	if (!split_port(f, line, word, word, &host, &port))
		return false;
	if (!port.at) {
		uint64_t number;

		fault_at(f, line, "listen: '%.*s' has no port; did you mean '%s%.*s%s'?", SHOW(word), span_number(word, &number) ? ":" : "", SHOW(word),
			 span_number(word, &number) ? "" : ":80");
		return false;
	}
	return read_port(f, line, word, port, &l->address.port) && read_listen_address(f, line, word, host, l);
}

static const struct span listen_words[] = {{"tls", 3}, {"redirect", 8}, {"proxy", 5}};

bool where_listen_word(struct span word, struct listener *l)
{
	bool *flags[] = {&l->tls, &l->redirect, &l->proxy};

	for (size_t i = 0; i < 3; i++)
		if (span_is(word, listen_words[i]))
			return *flags[i] = true;
	return false;
}

const char *where_listen_hint(struct span word)
{
	for (size_t i = 0; i < 3; i++)
		if (word_is_near(word_distance(word, listen_words[i]), listen_words[i]))
			return listen_words[i].at;
	return NULL;
}

/* Bytes outside of ASCII arrive percent-encoded in requests (RFC 3986 2.1). */
static struct span encoded(struct faults *f, struct span word)
{
	static const char hex[] = "0123456789ABCDEF";
	char *at = arena_take(f->arena, 3 * word.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < word.len; i++) {
		unsigned char c = (unsigned char)word.at[i];

		if (c > 0x20 && c < 0x7f) {
			at[len++] = word.at[i];
			continue;
		}
		at[len++] = '%';
		at[len++] = hex[c >> 4];
		at[len++] = hex[c & 15];
	}
	return span_of(at, len);
}

static bool holds(struct span s, struct span part)
{
	for (size_t i = 0; i + part.len <= s.len; i++)
		if (span_starts(behind(s, i), part))
			return true;
	return false;
}

/* Some server reads these in another way than we would. */
static bool is_ambiguous(struct span path)
{
	static const struct span parts[] = {{"//", 2}, {"\\", 1}, {";", 1}, {"%2F", 3}, {"%5C", 3}, {"%25", 3}};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (holds(path, parts[i]))
			return true;
	return false;
}

bool where_path(struct faults *f, int line, struct span word, struct span *path)
{
	struct span target = encoded(f, word);
	struct text room = text_in(arena_take(f->arena, target.len + 1), target.len);
	const struct refusal *bad;
	struct path p;

	if (!target.len || target.at[0] != '/') {
		fault_at(f, line, "'%.*s' is not a path: those begin with '/'", SHOW(word));
		return false;
	}
	bad = path_read(&p, target, false, &room);
	if (bad || room.full) {
		fault_at(f, line, "'%.*s': %s", SHOW(word), bad ? bad->text : "too long");
		return false;
	}
	if (p.query.len || is_ambiguous(p.path)) {
		fault_at(f, line, "'%.*s': '?', '//', '\\', ';', %%2F, %%5C and %%25 are not possible in this path", SHOW(word));
		return false;
	}
	if (p.path.len > GW_TARGET / 2) {
		fault_at(f, line, "'%.*s...': a path of %zu bytes is too long", 40, word.at, p.path.len);
		return false;
	}
	*path = p.path;
	return true;
}

bool where_host(struct faults *f, int line, struct span word, struct span *host)
{
	bool wild = span_starts(word, SPAN("*."));
	struct span name;
	unsigned port = 0;

	*host = lower_copy(f, word);
	if (span_is(word, SPAN("*")))
		return true;
	if (!path_host(wild ? behind(*host, 2) : *host, &name, &port)) {
		fault_at(f, line, "'%.*s' is not a host name", SHOW(word));
		return false;
	}
	if (port || word.at[word.len - 1] == ':' || (name.at[0] != '[' && span_find(word, ':') < word.len)) {
		fault_at(f, line, "'%.*s': a host stands without its port; 'listen =' says which one", SHOW(word));
		return false;
	}
	*host = wild ? span_of(host->at, name.len + 2) : name;
	return true;
}

bool where_redirect(struct faults *f, int line, struct span word, struct span *location)
{
	bool path = word.len && word.at[0] == '/';

	*location = word;
	for (size_t i = 0; i < word.len; i++)
		if (word.at[i] <= ' ' || word.at[i] > '~' || strchr("\"<>\\", word.at[i])) {
			fault_at(f, line, "'redirect:%.*s': a byte in it has to be percent-encoded", SHOW(word));
			return false;
		}
	if (path || (span_starts(word, SPAN("http://")) && word.len > 7) || (span_starts(word, SPAN("https://")) && word.len > 8))
		return true;
	fault_at(f, line, "'redirect:%.*s' leads nowhere: expected redirect:https://HOST/... or redirect:/PATH", SHOW(word));
	return false;
}

bool where_same_server(const struct server *a, const struct server *b)
{
	if (a->proxy != b->proxy || a->tls != b->tls || !a->host != !b->host || !a->path != !b->path)
		return false;
	if (a->path)
		return strcmp(a->path, b->path) == 0;
	if (a->address.port != b->address.port)
		return false;
	return a->host ? strcmp(a->host, b->host) == 0 : net_same(&a->address, &b->address);
}

bool where_same_listen(const struct listener *a, const struct listener *b)
{
	if (a->path || b->path)
		return a->path && b->path && strcmp(a->path, b->path) == 0;
	return a->both == b->both && a->address.port == b->address.port && net_same(&a->address, &b->address);
}

static bool is_any(const struct net *n)
{
	static const uint8_t zero[16];

	return memcmp(n->ip, zero, sizeof zero) == 0;
}

/* A socket without address takes all of its port; one for both families those of IPv4 too. */
bool where_overlap(const struct listener *a, const struct listener *b)
{
	if (a->path || b->path || a->address.port != b->address.port)
		return false;
	if (a->both || b->both)
		return true;
	return a->address.family == b->address.family && (is_any(&a->address) || is_any(&b->address));
}
