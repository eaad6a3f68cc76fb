/* SPDX-License-Identifier: MIT
 *
 * rewrite_consult - what is a log-in server asked?
 *
 * The head of a request in place of another one: what that says about who sends it,
 * and what it wants.
 */
#include "rewrite_parts.h"

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
	return span_starts_same(name, SPAN("X-Forwarded-")) || span_starts_same(name, SPAN("X-Original-")) || span_same(name, SPAN("X-Rewrite-URL"));
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
	struct span run = span_of(h->base, 0);

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
			rewrite_cookies(out, &run, h, i);
		else
			rewrite_pass(out, &run, h, i);
	}
	rewrite_flush(out, &run);
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
		rewrite_list_before(out, up->head, FIELD_X_FORWARDED_FOR);
	text_span_add(out, asker->peer);
	text_lit(out, "\r\n");
	rewrite_field(out, SPAN("X-Real-IP"), asker->client);
	if (asker->port)
		text_number(&own_port, asker->port);
	port = known(up, FIELD_X_FORWARDED_PORT, text_span(&own_port));
	if (port.len)
		rewrite_field(out, SPAN("X-Forwarded-Port"), port);
	if (asker->subject.len)
		rewrite_field(out, SPAN("X-Client-Cert-Subject"), asker->subject);
}

/* The X-Forwarded ones are what Traefik and Caddy send, and what Authelia's
 * forward-auth, authentik and oauth2-proxy read; the X-Original ones what nginx is
 * made to send to Authelia's auth-request and to authentik. */
static void consult_fields(struct text *out, const struct rewrite_up *up)
{
	rewrite_field(out, SPAN("X-Forwarded-Proto"), known(up, FIELD_X_FORWARDED_PROTO, up->asker->scheme));
	text_lit(out, "X-Forwarded-Host: ");
	plain_host(out, known(up, FIELD_X_FORWARDED_HOST, up->host));
	text_lit(out, "\r\nX-Forwarded-Uri: ");
	uri_add(out, up->path);
	text_lit(out, "\r\n");
	rewrite_field(out, SPAN("X-Forwarded-Method"), up->head->name);
	text_lit(out, "X-Original-URL: ");
	url_add(out, up);
	text_lit(out, "\r\n");
	rewrite_field(out, SPAN("X-Original-Method"), up->head->name);
}

/* Host is its own name, as Traefik does it: one with https is a virtual host, and
 * oauth2-proxy finds the way back by X-Forwarded-Host only where Host is another. */
void rewrite_consult(struct text *out, const struct rewrite_up *up, const struct auth *auth)
{
	text_lit(out, "GET ");
	text_span_add(out, up->target->base.len ? up->target->base : SPAN("/"));
	text_lit(out, " HTTP/1.1\r\nHost: ");
	rewrite_server_host(out, up->target->server);
	text_lit(out, "\r\n");
	fields_consult(out, up, auth);
	asker_fields(out, up);
	consult_fields(out, up);
	rewrite_via(out, up->head);
	if (up->target->server->proxy)
		text_lit(out, "Connection: close\r\n");
	text_lit(out, "\r\n");
}
