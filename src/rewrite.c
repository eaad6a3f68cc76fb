/* SPDX-License-Identifier: MIT
 *
 * rewrite - which head goes out?
 *
 * Knows fields and their meaning for a proxy. Knows no sockets and no clock.
 */
#include "rewrite_parts.h"

bool rewrite_is_believed(struct span name)
{
	if (span_lower(name.at[0]) != 'x')
		return false;
	return span_starts_same(name, SPAN("X-Forwarded-")) || span_same(name, SPAN("X-Original-URL")) || span_same(name, SPAN("X-Rewrite-URL"));
}

/* What is decided by name must not be dodged by a spelling that a server takes for the same. */
static bool may_pass(const struct head *h, unsigned i, bool trusted)
{
	return (trusted || !rewrite_is_believed(head_name(h, i))) && head_name_is_plain(h, i);
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
		rewrite_server_host(out, up->target->server);
	text_lit(out, "\r\n");
}

/* What a client asks of its own copy, or of parts, when we ask for ours. */
static bool is_condition(enum field_id id)
{
	switch (id) {
	case FIELD_IF_MODIFIED_SINCE:
	case FIELD_IF_NONE_MATCH:
	case FIELD_IF_RANGE:
	case FIELD_RANGE:
		return true;
	default:
		return false;
	}
}

static void fields_up(struct text *out, const struct rewrite_up *up)
{
	const struct head *h = up->head;
	const struct edits *edits = &up->route->options.request;
	struct span run = span_of(h->base, 0);

	for (unsigned i = 0; i < h->count; i++) {
		enum field_id id = h->fields[i].id;
		struct span name = head_name(h, i);

		if (id == FIELD_HOST || head_is_origin(id) || id == FIELD_MAX_FORWARDS)
			continue;
		if (frame_is_hop(up->frame, h, i) || (id == FIELD_OTHER && !may_pass(h, i, up->asker->trusted)))
			continue;
		if (up->validates && is_condition(id))
			continue;
		if (edits->count && rewrite_edited(edits, name))
			continue;
		if (id == FIELD_AUTHORIZATION && up->hide_authorization)
			continue;
		if (id == FIELD_COOKIE && up->hide_cookies)
			rewrite_cookies(out, &run, h, i);
		else
			rewrite_pass(out, &run, h, i);
	}
	rewrite_flush(out, &run);
}

static void forwarded_field(struct text *out, const struct rewrite_up *up)
{
	const struct asker *asker = up->asker;
	bool six = memchr(asker->peer.at, ':', asker->peer.len) != NULL;

	text_lit(out, "Forwarded: ");
	if (asker->trusted)
		rewrite_list_before(out, up->head, FIELD_FORWARDED);
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
		rewrite_field(out, name, theirs);
	else if (ours.len)
		rewrite_field(out, name, ours);
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
	rewrite_list_before(out, up->head, FIELD_X_FORWARDED_FOR);
	text_span_add(out, asker->peer);
	text_lit(out, "\r\n");
	rewrite_field(out, SPAN("X-Real-IP"), asker->client);
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
	if (up->target->base.len || up->asker->trusted)
		prefix_field(out, up);
	if (up->asker->subject.len)
		rewrite_field(out, SPAN("X-Client-Cert-Subject"), up->asker->subject);
	if (up->route->options.forwarded)
		forwarded_field(out, up);
}

static void framing_fields(struct text *out, const struct frame *f, bool chunked)
{
	if (chunked) {
		text_lit(out, "Transfer-Encoding: chunked\r\n");
	} else if (f->kind == BODY_LENGTH) {
		rewrite_length(out, f->length);
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

/* Both fields of an upgrade are for this hop; they go on because we carry it on. */
static void upgrade_fields(struct text *out, const struct head *h)
{
	text_lit(out, "Connection: upgrade\r\n");
	for (unsigned i = 0; i < h->count; i++)
		if (h->fields[i].id == FIELD_UPGRADE)
			rewrite_field(out, SPAN("Upgrade"), head_value(h, i));
}

void rewrite_request(struct text *out, const struct rewrite_up *up)
{
	request_line(out, up);
	host_field(out, up);
	fields_up(out, up);
	max_forwards(out, up->head);
	origin_fields(out, up);
	rewrite_via(out, up->head);
	text_span_add(out, up->route->options.request.block);
	text_span_add(out, up->fields);
	if (up->validates)
		text_span_add(out, up->conditions);
	if (up->frame->upgrade)
		upgrade_fields(out, up->head);
	/* A connection that begins with a client's PROXY header is that client's alone. */
	else if (up->target->server->proxy)
		text_lit(out, "Connection: close\r\n");
	framing_fields(out, up->frame, up->frame->kind == BODY_CHUNKED);
	text_lit(out, "\r\n");
}

/* --- answers ------------------------------------------------------------------- */

/* An answer that has no body may still say how long it would be (RFC 9110
 * 8.6): to HEAD, and in a 304. In a 204 and an interim one it must not. */
static bool keeps_length(const struct rewrite_down *down)
{
	return down->frame->kind == BODY_NONE && down->head->status >= 200 && down->head->status != 204 && !down->tunnel;
}

static void lines_down(struct text *out, const struct rewrite_down *down)
{
	const struct head *h = down->head;
	bool some = down->edits && (down->edits->count || down->hsts.len); /* might be replaced */
	struct span run = rewrite_status_line(out, h);

	for (unsigned i = 0; i < h->count; i++) {
		if (frame_is_hop(down->frame, h, i)) {
			if (h->fields[i].id == FIELD_CONTENT_LENGTH && keeps_length(down))
				rewrite_pass(out, &run, h, i);
			continue;
		}
		if (some && rewrite_replaced(down->edits, down->hsts, head_name(h, i)))
			continue;
		rewrite_pass(out, &run, h, i);
	}
	rewrite_flush(out, &run);
}

void rewrite_response(struct text *out, const struct rewrite_down *down)
{
	const struct head *h = down->head;

	lines_down(out, down);
	rewrite_via(out, h);
	if (h->status >= 200 && !head_has(h, FIELD_DATE))
		rewrite_field(out, SPAN("Date"), down->date);
	if (down->edits)
		rewrite_edits(out, down->edits, down->hsts, down->cache_status);
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
