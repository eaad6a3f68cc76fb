/* SPDX-License-Identifier: MIT
 *
 * rewrite - which head goes out?
 *
 * Knows fields and their meaning for a proxy. Knows no sockets and no clock.
 */
#include "rewrite.h"
#include "auth.h"

static void field_add(struct text *out, struct span name, struct span value)
{
	text_span_add(out, name);
	text_lit(out, ": ");
	text_span_add(out, value);
	text_lit(out, "\r\n");
}

/* A field as it came. What stands there is nearly always what we would write:
 * then it is one copy. */
static void field_pass(struct text *out, const struct head *h, unsigned i)
{
	const struct field *f = &h->fields[i];
	const char *line = h->base + f->name;
	size_t len = f->name_len + 2u + f->value_len;

	if (f->value == f->name + f->name_len + 2 && line[f->name_len + 1] == ' ' && line[len] == '\r')
		text_add(out, line, len + 2);
	else
		field_add(out, head_name(h, i), head_value(h, i));
}

/* Is there an edit for this name? It replaces, or takes away, what came. */
static bool edited(const struct edits *edits, struct span name)
{
	for (size_t i = 0; i < edits->count; i++)
		if (span_same(edits->at[i].name, name))
			return true;
	return false;
}

/* The rest of the X-Forwarded family (-User, -Ssl, ...) is believed by some
 * applications too, and some frameworks take the path from a field rather than from
 * the request line, past all that is decided by paths: who is not trusted cannot say it. */
static bool is_believed(struct span name)
{
	if (span_lower(name.at[0]) != 'x')
		return false;
	return span_starts_same(name, SPAN("X-Forwarded-")) || span_same(name, SPAN("X-Original-URL")) || span_same(name, SPAN("X-Rewrite-URL"));
}

/* What is decided by name must not be dodged by a spelling that a server takes for the same. */
static bool may_pass(const struct head *h, unsigned i, bool trusted)
{
	return (trusted || !is_believed(head_name(h, i))) && head_name_is_plain(h, i);
}

static void request_line(struct text *out, const struct rewrite_up *up)
{
	struct span path = up->path->path;

	text_span_add(out, up->head->name);
	text_char(out, ' ');
	if (up->target->base.len && span_starts(path, up->route->prefix)) {
		/* the prefix gives way; both end in '/', or neither does */
		text_span_add(out, up->target->base);
		path.at += up->route->prefix.len;
		path.len -= up->route->prefix.len;
	}
	text_span_add(out, path);
	text_span_add(out, up->path->query);
	text_lit(out, " HTTP/1.1\r\n");
}

static void server_host(struct text *out, const struct server *server)
{
	if (server->path)
		text_lit(out, "localhost");
	else
		text_str(out, server->name);
}

static void host_field(struct text *out, const struct rewrite_up *up)
{
	const struct edits *edits = &up->route->options.request;

	for (size_t i = 0; i < edits->count; i++)
		if (edits->at[i].id == FIELD_HOST)
			return; /* it stands in edits->block */
	text_lit(out, "Host: ");
	if (up->host.len)
		text_span_add(out, up->host);
	else
		server_host(out, up->target->server);
	text_lit(out, "\r\n");
}

/* Our own cookies are nobody else's business. */
static void cookies_up(struct text *out, const struct head *h, unsigned i)
{
	struct span pairs = head_value(h, i);
	size_t len = out->len;

	if (!auth_has_own_cookie(pairs)) {
		field_pass(out, h, i);
		return;
	}
	text_span_add(out, head_name(h, i));
	text_lit(out, ": ");
	if (auth_strip_cookies(out, pairs))
		text_lit(out, "\r\n");
	else
		out->len = len;
}

static void fields_up(struct text *out, const struct rewrite_up *up)
{
	const struct head *h = up->head;
	const struct edits *edits = &up->route->options.request;

	for (unsigned i = 0; i < h->count; i++) {
		enum field_id id = h->fields[i].id;
		struct span name = head_name(h, i);

		if (id == FIELD_HOST || head_is_origin(id) || id == FIELD_MAX_FORWARDS)
			continue;
		if (frame_is_hop(up->frame, h, i) || (id == FIELD_OTHER && !may_pass(h, i, up->asker->trusted)))
			continue;
		if (edits->count && edited(edits, name))
			continue;
		if (id == FIELD_AUTHORIZATION && up->hide_authorization)
			continue;
		if (id == FIELD_COOKIE && up->hide_cookies)
			cookies_up(out, h, i);
		else
			field_pass(out, h, i);
	}
}

/* What a trusted peer said before, joined as one list (RFC 9110 5.3). */
static void list_before(struct text *out, const struct head *h, enum field_id id)
{
	for (unsigned i = 0; i < h->count; i++) {
		if (h->fields[i].id != id || h->fields[i].value_len == 0)
			continue;
		text_span_add(out, head_value(h, i));
		text_lit(out, ", ");
	}
}

static void forwarded_field(struct text *out, const struct rewrite_up *up)
{
	const struct asker *asker = up->asker;
	bool six = memchr(asker->peer.at, ':', asker->peer.len) != NULL;

	text_lit(out, "Forwarded: ");
	if (asker->trusted)
		list_before(out, up->head, FIELD_FORWARDED);
	text_lit(out, "for=");
	text_str(out, six ? "\"[" : "");
	if (span_is(asker->peer, SPAN("unix")))
		text_lit(out, "unknown"); /* RFC 7239 6.2 */
	else
		text_span_add(out, asker->peer);
	text_str(out, six ? "]\"" : "");
	text_lit(out, ";proto=");
	text_span_add(out, asker->scheme);
	if (up->host.len) {
		text_lit(out, ";host=\"");
		text_span_add(out, up->host);
		text_char(out, '"');
	}
	text_lit(out, "\r\n");
}

/* What a trusted peer said, or what we know. */
static void origin_field(struct text *out, const struct head *h, struct span name, enum field_id id, struct span ours)
{
	struct span theirs = head_get(h, id);

	if (theirs.len)
		field_add(out, name, theirs);
	else if (ours.len)
		field_add(out, name, ours);
}

static void prefix_field(struct text *out, const struct rewrite_up *up)
{
	struct span prefix = up->route->prefix;
	struct span before = up->asker->trusted ? head_get(up->head, FIELD_X_FORWARDED_PREFIX) : span_of("", 0);

	if (up->target->base.len == 0 || !span_starts(prefix, SPAN("/")))
		prefix.len = 0;
	while (prefix.len && prefix.at[prefix.len - 1] == '/')
		prefix.len--;
	while (prefix.len && before.len && before.at[before.len - 1] == '/')
		before.len--; /* the next one begins with it */
	if (prefix.len == 0 && before.len == 0)
		return;
	text_lit(out, "X-Forwarded-Prefix: ");
	text_span_add(out, before);
	text_span_add(out, prefix);
	text_lit(out, "\r\n");
}

/* Nobody has spoken for anybody: nearly all requests. */
static void own_fields(struct text *out, const struct rewrite_up *up)
{
	const struct asker *asker = up->asker;

	text_lit(out, "X-Forwarded-For: ");
	text_span_add(out, asker->peer);
	text_lit(out, "\r\nX-Real-IP: ");
	text_span_add(out, asker->client);
	text_lit(out, "\r\nX-Forwarded-Proto: ");
	text_span_add(out, asker->scheme);
	if (up->host.len) {
		text_lit(out, "\r\nX-Forwarded-Host: ");
		text_span_add(out, up->host);
	}
	if (asker->port) {
		text_lit(out, "\r\nX-Forwarded-Port: ");
		text_number(out, asker->port);
	}
	text_lit(out, "\r\n");
}

static void trusted_fields(struct text *out, const struct rewrite_up *up)
{
	const struct asker *asker = up->asker;
	char port[8];
	struct text port_text = text_in(port, sizeof port);

	text_lit(out, "X-Forwarded-For: ");
	list_before(out, up->head, FIELD_X_FORWARDED_FOR);
	text_span_add(out, asker->peer);
	text_lit(out, "\r\n");
	field_add(out, SPAN("X-Real-IP"), asker->client);
	origin_field(out, up->head, SPAN("X-Forwarded-Proto"), FIELD_X_FORWARDED_PROTO, asker->scheme);
	origin_field(out, up->head, SPAN("X-Forwarded-Host"), FIELD_X_FORWARDED_HOST, up->host);
	if (asker->port)
		text_number(&port_text, asker->port);
	origin_field(out, up->head, SPAN("X-Forwarded-Port"), FIELD_X_FORWARDED_PORT, text_span(&port_text));
}

static void origin_fields(struct text *out, const struct rewrite_up *up)
{
	if (up->asker->trusted)
		trusted_fields(out, up);
	else
		own_fields(out, up);
	prefix_field(out, up);
	if (up->asker->subject.len)
		field_add(out, SPAN("X-Client-Cert-Subject"), up->asker->subject);
	if (up->route->options.forwarded)
		forwarded_field(out, up);
}

static void framing_fields(struct text *out, const struct frame *f, bool chunked)
{
	if (chunked) {
		text_lit(out, "Transfer-Encoding: chunked\r\n");
	} else if (f->kind == BODY_LENGTH) {
		text_lit(out, "Content-Length: ");
		text_number(out, f->length);
		text_lit(out, "\r\n");
	}
}

/* RFC 9110 7.6.2: one hop less. It was not 0, that is answered before. */
static void max_forwards(struct text *out, const struct head *h)
{
	uint64_t hops;

	if (h->method != METHOD_OPTIONS || !span_number(head_get(h, FIELD_MAX_FORWARDS), &hops) || hops == 0)
		return;
	text_lit(out, "Max-Forwards: ");
	text_number(out, hops - 1);
	text_lit(out, "\r\n");
}

static void via_field(struct text *out, const struct head *h)
{
	if (h->version == 11)
		text_lit(out, "Via: 1.1 " GW_VIA "\r\n");
	else
		text_lit(out, "Via: 1.0 " GW_VIA "\r\n");
}

/* Both fields of an upgrade are for this hop; they go on because we carry it on. */
static void upgrade_fields(struct text *out, const struct head *h)
{
	text_lit(out, "Connection: upgrade\r\n");
	for (unsigned i = 0; i < h->count; i++)
		if (h->fields[i].id == FIELD_UPGRADE)
			field_add(out, SPAN("Upgrade"), head_value(h, i));
}

void rewrite_request(struct text *out, const struct rewrite_up *up)
{
	request_line(out, up);
	host_field(out, up);
	fields_up(out, up);
	max_forwards(out, up->head);
	origin_fields(out, up);
	via_field(out, up->head);
	text_span_add(out, up->route->options.request.block);
	text_span_add(out, up->fields);
	if (up->frame->upgrade)
		upgrade_fields(out, up->head);
	/* A connection that begins with a client's PROXY header is that client's alone. */
	else if (up->target->server->proxy)
		text_lit(out, "Connection: close\r\n");
	framing_fields(out, up->frame, up->frame->kind == BODY_CHUNKED);
	text_lit(out, "\r\n");
}

/* --- asking a log-in server ---------------------------------------------------- */

/* Said of a body that does not go up, or of a resource that is another one: a 304 or
 * 412 would be no answer to what is asked. */
static bool is_of_resource(enum field_id id, struct span name)
{
	return id == FIELD_EXPECT || id == FIELD_MAX_FORWARDS || span_starts_same(name, SPAN("Content-")) || span_starts_same(name, SPAN("If-")) ||
	       span_same(name, SPAN("Range"));
}

/* Also a trusted peer may have been told these by anybody. (authentik believes an
 * X-Original-URI before all others.) */
static bool is_for_gateway(struct span name)
{
	return span_starts_same(name, SPAN("X-Forwarded-")) || span_starts_same(name, SPAN("X-Original-"));
}

/* Credentials are what it decides by, even if it gives the server others. */
static bool is_copied(const struct auth *auth, enum field_id id, struct span name)
{
	if (id == FIELD_AUTHORIZATION || id == FIELD_COOKIE)
		return false;
	for (size_t i = 0; i < auth->copy_count; i++)
		if (span_same(auth->copy[i], name))
			return true;
	return false;
}

static void fields_consult(struct text *out, const struct rewrite_up *up, const struct auth *auth)
{
	const struct head *h = up->head;

	for (unsigned i = 0; i < h->count; i++) {
		enum field_id id = h->fields[i].id;
		struct span name = head_name(h, i);

		if (id == FIELD_HOST || head_is_origin(id) || frame_is_hop(up->frame, h, i) || !head_name_is_plain(h, i))
			continue;
		if (is_of_resource(id, name) || is_for_gateway(name) || is_copied(auth, id, name))
			continue;
		if (id == FIELD_AUTHORIZATION && up->hide_authorization)
			continue;
		if (id == FIELD_COOKIE && up->hide_cookies)
			cookies_up(out, h, i);
		else
			field_pass(out, h, i);
	}
}

/* Lower case, no final dot: log-in servers compare it with their rules, byte by byte. */
static void plain_host(struct text *out, struct span host)
{
	struct span name;
	unsigned port;

	if (!path_host(host, &name, &port)) {
		name = host; /* a trusted peer's list */
		port = 0;
	}
	for (size_t i = 0; i < name.len; i++)
		text_char(out, span_lower(name.at[i]));
	if (port) {
		text_char(out, ':');
		text_number(out, port);
	}
}

static void uri_add(struct text *out, const struct path *path)
{
	text_span_add(out, span_is(path->path, SPAN("*")) ? SPAN("/") : path->path);
	text_span_add(out, path->query);
}

/* What a trusted peer said, or what we know. */
static struct span known(const struct rewrite_up *up, enum field_id id, struct span ours)
{
	struct span theirs = up->asker->trusted ? head_get(up->head, id) : span_of("", 0);

	return theirs.len ? theirs : ours;
}

static void url_add(struct text *out, const struct rewrite_up *up)
{
	text_span_add(out, known(up, FIELD_X_FORWARDED_PROTO, up->asker->scheme));
	text_lit(out, "://");
	plain_host(out, known(up, FIELD_X_FORWARDED_HOST, up->host));
	uri_add(out, up->path);
}

static void asker_fields(struct text *out, const struct rewrite_up *up)
{
	const struct asker *asker = up->asker;
	char room[8];
	struct text own_port = text_in(room, sizeof room);
	struct span port;

	text_lit(out, "X-Forwarded-For: ");
	if (asker->trusted)
		list_before(out, up->head, FIELD_X_FORWARDED_FOR);
	text_span_add(out, asker->peer);
	text_lit(out, "\r\n");
	field_add(out, SPAN("X-Real-IP"), asker->client);
	if (asker->port)
		text_number(&own_port, asker->port);
	port = known(up, FIELD_X_FORWARDED_PORT, text_span(&own_port));
	if (port.len)
		field_add(out, SPAN("X-Forwarded-Port"), port);
	if (asker->subject.len)
		field_add(out, SPAN("X-Client-Cert-Subject"), asker->subject);
}

/* The X-Forwarded ones are what Traefik and Caddy send, and what Authelia's
 * forward-auth, authentik and oauth2-proxy read; the X-Original ones what nginx is
 * made to send to Authelia's auth-request and to authentik. */
static void consult_fields(struct text *out, const struct rewrite_up *up)
{
	field_add(out, SPAN("X-Forwarded-Proto"), known(up, FIELD_X_FORWARDED_PROTO, up->asker->scheme));
	text_lit(out, "X-Forwarded-Host: ");
	plain_host(out, known(up, FIELD_X_FORWARDED_HOST, up->host));
	text_lit(out, "\r\nX-Forwarded-Uri: ");
	uri_add(out, up->path);
	text_lit(out, "\r\n");
	field_add(out, SPAN("X-Forwarded-Method"), up->head->name);
	text_lit(out, "X-Original-URL: ");
	url_add(out, up);
	text_lit(out, "\r\n");
	field_add(out, SPAN("X-Original-Method"), up->head->name);
}

/* Host is its own name, as Traefik does it: one with https is a virtual host, and
 * oauth2-proxy finds the way back by X-Forwarded-Host only where Host is another. */
void rewrite_consult(struct text *out, const struct rewrite_up *up, const struct auth *auth)
{
	text_lit(out, "GET ");
	text_span_add(out, up->target->base.len ? up->target->base : SPAN("/"));
	text_lit(out, " HTTP/1.1\r\nHost: ");
	server_host(out, up->target->server);
	text_lit(out, "\r\n");
	fields_consult(out, up, auth);
	asker_fields(out, up);
	consult_fields(out, up);
	via_field(out, up->head);
	if (up->target->server->proxy)
		text_lit(out, "Connection: close\r\n");
	text_lit(out, "\r\n");
}

/* --- answers ------------------------------------------------------------------- */

static void status_line(struct text *out, const struct head *h)
{
	char digits[3] = {(char)('0' + h->status / 100), (char)('0' + h->status / 10 % 10), (char)('0' + h->status % 10)};

	text_lit(out, "HTTP/1.1 ");
	text_add(out, digits, 3);
	text_char(out, ' ');
	text_span_add(out, h->reason);
	text_lit(out, "\r\n");
}

/* An answer that has no body may still say how long it would be (RFC 9110
 * 8.6): to HEAD, and in a 304. In a 204 and an interim one it must not. */
static bool keeps_length(const struct rewrite_down *down)
{
	return down->frame->kind == BODY_NONE && down->head->status >= 200 && down->head->status != 204 && !down->tunnel;
}

#define HSTS SPAN("Strict-Transport-Security")

/* Does something of ours stand instead of the server's field? */
static bool is_replaced(const struct rewrite_down *down, struct span name)
{
	return edited(down->edits, name) || (down->hsts.len && span_same(name, HSTS));
}

/* What the configuration sets or takes away by that name goes before `hsts`. */
static void hsts_field(struct text *out, const struct rewrite_down *down)
{
	if (!edited(down->edits, HSTS))
		field_add(out, HSTS, down->hsts);
}

void rewrite_response(struct text *out, const struct rewrite_down *down)
{
	const struct head *h = down->head;
	bool some = down->edits && (down->edits->count || down->hsts.len); /* might be replaced */

	status_line(out, h);
	for (unsigned i = 0; i < h->count; i++) {
		struct span name = head_name(h, i);

		if (frame_is_hop(down->frame, h, i)) {
			if (h->fields[i].id == FIELD_CONTENT_LENGTH && keeps_length(down))
				field_add(out, name, head_value(h, i));
			continue;
		}
		if (some && is_replaced(down, name))
			continue;
		field_pass(out, h, i);
	}
	via_field(out, h);
	if (h->status >= 200 && !head_has(h, FIELD_DATE))
		field_add(out, SPAN("Date"), down->date);
	if (some && down->hsts.len)
		hsts_field(out, down);
	if (down->edits)
		text_span_add(out, down->edits->block);
	text_span_add(out, down->fields);
	if (down->tunnel)
		upgrade_fields(out, h);
	else if (down->close)
		text_lit(out, "Connection: close\r\n");
	framing_fields(out, down->frame, down->chunked);
	text_lit(out, "\r\n");
}

int rewrite_loops(const struct head *h)
{
	int loops = 0;

	for (unsigned i = 0; i < h->count; i++) {
		struct span list, member;

		if (h->fields[i].id != FIELD_VIA)
			continue;
		list = head_value(h, i);
		while (span_item(&list, &member)) {
			span_cut(&member, ' '); /* the protocol; the pseudonym is next */
			loops += span_same(span_cut(&member, ' '), SPAN(GW_VIA));
		}
	}
	return loops;
}

static bool is_port(struct span s)
{
	uint64_t port;

	return span_number(s, &port) && port <= UINT16_MAX;
}

/* One member of X-Forwarded-For: an address, some proxies put a port behind it. */
static bool read_member(struct net *n, struct span member)
{
	struct span address;

	if (member.len && member.at[0] == '[') {
		size_t end = span_find(member, ']');

		if (end == member.len)
			return false;
		address = span_of(member.at + 1, end - 1);
		member = span_of(member.at + end + 1, member.len - end - 1);
		if (member.len && member.at[0] != ':')
			return false;
		return net_read(n, address) && (member.len == 0 || is_port(span_of(member.at + 1, member.len - 1)));
	}
	if (net_read(n, member))
		return true;
	address = span_cut(&member, ':');
	return net_read(n, address) && is_port(member);
}

bool rewrite_client(struct net *client, const struct head *h, const struct net *trusted, size_t count)
{
	struct net nearest = {0};
	struct net member_address;
	bool found = false;

	/* The list is read from its start, but it is the last address that is
	 * not trusted, or the first of all, that counts. */
	for (unsigned i = 0; i < h->count; i++) {
		struct span list, member;

		if (h->fields[i].id != FIELD_X_FORWARDED_FOR)
			continue;
		list = head_value(h, i);
		while (list.len) {
			/* addresses hold no quotes: a comma separates, whatever stands around it */
			member = span_trim(span_cut(&list, ','));
			if (member.len == 0)
				continue;
			if (!read_member(&member_address, member))
				found = false; /* what stands before nonsense is nobody's word */
			else if (!found || !net_in_any(&member_address, trusted, count)) {
				nearest = member_address;
				found = true;
			}
		}
	}
	if (found)
		*client = nearest;
	return found;
}
