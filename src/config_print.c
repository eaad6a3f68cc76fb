/* SPDX-License-Identifier: MIT
 *
 * config_print - which public URL leads to which backend URL?
 *
 * For people: nobody should have to guess what a prefix becomes.
 */
#include "config_print.h"

enum { CELL = 400, WIDEST = 64 /* a longer cell moves what stands behind it */ };

struct cell {
	struct text text;
	char room[CELL];
};

static struct text *cell_init(struct cell *c)
{
	c->text = text_in(c->room, sizeof c->room);
	return &c->text;
}

static void pad(struct text *out, size_t have, size_t want)
{
	for (; have < want; have++)
		text_char(out, ' ');
}

/* Where a site is met first; one that only redirects to https is no place to meet. */
static const struct listener *listener_of(const struct config *c, const struct site *s)
{
	const struct listener *found = NULL;

	for (size_t i = 0; i < c->listener_count; i++)
		for (size_t j = 0; j < c->listeners[i].site_count; j++)
			if (c->listeners[i].sites[j] == s && (!found || (found->redirect && !c->listeners[i].redirect)))
				found = &c->listeners[i];
	return found;
}

static void write_public(struct text *t, const struct config *c, const struct route *r)
{
	const struct listener *l = listener_of(c, r->site);
	bool tls = l && l->tls;

	text_str(t, tls ? "https://" : "http://");
	text_span_add(t, r->site->hosts[0]);
	if (l && !l->path && l->address.port != (tls ? 443 : 80)) {
		text_char(t, ':');
		text_number(t, l->address.port);
	}
	text_span_add(t, r->prefix);
	for (size_t i = 0; i < r->when_count; i++) {
		text_lit(t, " when=");
		text_span_add(t, r->when[i].text);
	}
}

/* How we know that it is the right one. */
static void write_verify(struct text *t, const struct server *s)
{
	static const char *const how[] = {[TLS_VERIFY_CA] = " verify=ca", [TLS_VERIFY_PIN] = " verify=pin", [TLS_VERIFY_OFF] = " verify=off"};

	text_str(t, how[s->tls->verify]);
	if (s->tls->name[0] && (s->host ? !span_same(span_str(s->tls->name), span_str(s->host)) : !s->tls->literal)) {
		text_lit(t, " verify_name=");
		text_str(t, s->tls->name);
	}
	if (s->tls->credential)
		text_lit(t, " client_cert");
}

static void write_target(struct text *t, const struct route *r, const struct target *to)
{
	if (!to->server->path)
		text_str(t, to->server->tls ? "https://" : "http://");
	text_str(t, to->server->name);
	if (to->server->path)
		text_char(t, ':');
	text_span_add(t, to->base.len ? to->base : r->prefix);
	if (to->weight != 1) {
		text_lit(t, " weight=");
		text_number(t, to->weight);
	}
	if (to->backup)
		text_lit(t, " backup");
	if (to->server->proxy) {
		text_lit(t, " proxy=v");
		text_number(t, to->server->proxy);
	}
	if (to->server->tls)
		write_verify(t, to->server);
}

/* What row number i of a route leads to; a reply and a redirect have one row. */
static void write_backend(struct text *t, const struct route *r, size_t i)
{
	switch (r->kind) {
	case ROUTE_REPLY:
		text_lit(t, "reply:");
		text_number(t, r->status);
		break;
	case ROUTE_REDIRECT:
		text_lit(t, "redirect:");
		text_span_add(t, r->location);
		text_lit(t, " status=");
		text_number(t, r->status);
		break;
	default:
		write_target(t, r, &r->targets[i]);
	}
}

static size_t rows_of(const struct route *r)
{
	return r->kind == ROUTE_PROXY ? r->target_count : 1;
}

static size_t wider(size_t width, const struct text *t)
{
	return t->len > width && t->len <= WIDEST ? t->len : width;
}

static void measure(const struct config *c, size_t *left, size_t *right)
{
	struct cell cell;

	*left = *right = 0;
	for (size_t i = 0; i < c->route_count; i++) {
		write_public(cell_init(&cell), c, &c->routes[i]);
		*left = wider(*left, &cell.text);
		for (size_t j = 0; j < rows_of(&c->routes[i]); j++) {
			write_backend(cell_init(&cell), &c->routes[i], j);
			*right = wider(*right, &cell.text);
		}
	}
}

static void print_route(const struct config *c, const struct route *r, size_t left, size_t right, struct text *out)
{
	struct cell cell;

	for (size_t i = 0; i < rows_of(r); i++) {
		cell_init(&cell);
		if (i == 0)
			write_public(&cell.text, c, r);
		text_span_add(out, text_span(&cell.text));
		pad(out, cell.text.len, left);
		text_str(out, i == 0 ? " -> " : "    ");
		write_backend(cell_init(&cell), r, i);
		text_span_add(out, text_span(&cell.text));
		if (i == 0) {
			pad(out, cell.text.len, right);
			text_lit(out, "  ");
			print_access(&r->options, out);
		}
		text_char(out, '\n');
	}
}

static const char *kind_of(const struct listener *l)
{
	if (l->path)
		return "Unix socket";
	if (l->both)
		return "IPv4 and IPv6";
	return l->address.family == NET_IP4 ? "IPv4" : "IPv6";
}

static void print_listener(const struct listener *l, struct text *out)
{
	text_lit(out, "listen ");
	text_str(out, l->text);
	text_lit(out, " (");
	text_str(out, kind_of(l));
	if (l->proxy)
		text_lit(out, ", behind PROXY");
	if (l->tls)
		text_lit(out, ", TLS");
	if (l->redirect)
		text_lit(out, ", redirects to https");
	text_lit(out, "):");
	for (size_t i = 0; i < l->site_count; i++)
		for (size_t j = 0; j < l->sites[i]->host_count; j++) {
			text_char(out, ' ');
			text_span_add(out, l->sites[i]->hosts[j]);
		}
	text_char(out, '\n');
}

void config_print(const struct config *c, struct text *out)
{
	size_t left, right;

	measure(c, &left, &right);
	for (size_t i = 0; i < c->route_count; i++)
		print_route(c, &c->routes[i], left, right, out);
	text_char(out, '\n');
	for (size_t i = 0; i < c->listener_count; i++)
		print_listener(&c->listeners[i], out);
	print_users(c, out);
	print_certs(c, out);
}
