/* SPDX-License-Identifier: MIT
 *
 * exchange_form - what is answered on the login page's own paths?
 *
 * PAGE_LOGIN shows the page and takes its form, PAGE_LOGOUT ends the session on
 * this device. Forms come from our own pages only: what a page elsewhere makes a
 * browser send is refused. Whose password is asked for follows from the page that
 * the form goes on to.
 */
#include "exchange_parts.h"
#include "auth.h"

#define PAGE_METHODS SPAN("GET, HEAD, POST")

static const struct refusal no_form = {400, "what was sent is not the login form"};
static const struct refusal long_form = {413, "the login form is too long"};
static const struct refusal broken_form = {400, "the login form broke off"};
static const struct refusal not_allowed = {403, "not allowed from this address"};

/* The body is collected in the first half of `back`, and decoded into the second. */
static size_t form_most(const struct exchange *x)
{
	return x->back.size / 2;
}

/* --- who is asked for a password ----------------------------------------------------- */

/* A route with a login page, on which this client may be; NULL. What is said of it
 * in general (limit, above all) holds for the page, too. */
static const struct route *page_route(const struct exchange *x)
{
	const struct site *site = x->r.site;

	for (size_t i = 0; i < site->route_count; i++) {
		const struct options *o = &site->routes[i]->options;

		if (o->auth && o->auth->form && route_permits(site->routes[i], &x->r.client))
			return site->routes[i];
	}
	return NULL;
}

/* What the place that the form goes on to asks for, if it were asked for now. A
 * place without a log-in: NULL is in nobody's guards. False: nobody may be there. */
static bool find_asks(struct exchange *x, struct span to, struct guards *asks)
{
	struct text room = text_in(x->path_room, GW_TARGET);
	struct head head = x->asked;
	struct path path;
	struct asked asked = {&head, &path, x->r.frame.name, &x->r.client};
	const struct route *route;
	bool slash;

	asks->count = 0;
	head.name = SPAN("GET");
	head.method = METHOD_GET;
	if (path_read(&path, to, false, &room))
		return true;
	route = route_find(x->r.site, &asked, &slash);
	return !route || route_allows(route, &asked, asks);
}

/* --- the form --------------------------------------------------------------------------- */

static void show_page(struct exchange *x, bool out)
{
	struct login_page login = {.site = x->r.frame.name, .to = SPAN("/"), .out = out};
	struct page page = {.status = 200, .login = &login};

	exchange_reply(x, &page);
}

void exchange_see_other(struct exchange *x, struct span to)
{
	struct page page = {.status = 303, .location = to};

	text_lit(&x->r.guard->down, "Cache-Control: no-store\r\n");
	exchange_reply(x, &page);
}

/* All of it is there, len bytes of it. */
static void take_form(struct exchange *x, size_t len)
{
	struct guard *g = x->r.guard;
	struct span body = span_of(x->back.data, len), to;
	struct text room = text_in(x->back.data + form_most(x), x->back.size - form_most(x));
	struct guards asks;

	if (!auth_form(body, SPAN("user"), &room, &g->name) || !auth_form(body, SPAN("password"), &room, &g->password)) {
		exchange_refuse(x, &no_form);
		return;
	}
	if (!auth_form(body, SPAN("to"), &room, &to) || !auth_is_local(to))
		to = SPAN("/");
	span_wipe(x->back.data, len);
	if (!find_asks(x, to, &asks)) {
		exchange_refuse(x, &not_allowed);
		return;
	}
	if (asks.count == 0) /* the page itself was asked for */
		asks = (struct guards){{x->r.route->options.auth}, 1};
	if (asks.at[0]->ask) {
		exchange_see_other(x, to);
		return;
	}
	g->asks = asks;
	g->users = asks.at[0]->users;
	g->to = to;
	exchange_log_in(x);
}

/* Payload that is in the buffer goes behind what is there already. False: it is too long. */
static bool collect(struct exchange *x)
{
	struct body *body = &x->r.up_flow.body;
	struct buf *in = &x->in;
	size_t payload, room;

	do {
		in->at += (uint32_t)body_scan(body, in->data + in->at, buf_held(in), &payload);
		room = form_most(x) - (size_t)x->r.up_flow.sent;
		if (payload > room)
			return false;
		memcpy(x->back.data + x->r.up_flow.sent, in->data + in->at, payload);
		x->r.up_flow.sent += payload;
		in->at += (uint32_t)payload;
		body_take(body, payload);
	} while (payload);
	return true;
}

void exchange_step_form(struct exchange *x)
{
	struct link *client = &x->conn->link;
	struct body *body = &x->r.up_flow.body;

	if (!GW_HAS(AUTH))
		return;
	for (;;) {
		if (!collect(x)) {
			exchange_refuse(x, &long_form);
			return;
		}
		if (body->bad || body_done(body))
			break;
		if (client->eof || !client->readable || link_fill(client) == 0) {
			if (!client->eof)
				return;
			break;
		}
	}
	if (body_done(body))
		take_form(x, (size_t)x->r.up_flow.sent);
	else
		exchange_refuse(x, body->bad ? body->bad : &broken_form);
}

/* RFC 9110 10.1.1: who waits to be told to send the form is told so. */
static void tell_to_go_on(struct exchange *x)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct piece piece = {go_on, sizeof go_on - 1};
	bool waits = head_has(&x->asked, FIELD_EXPECT) && x->asked.version >= 11 && buf_held(&x->in) == 0;

	if (waits && !body_done(&x->r.up_flow.body))
		link_write(&x->conn->link, &piece, 1);
}

static void begin_form(struct exchange *x)
{
	x->r.guard->by_form = true;
	x->r.up_flow.from = &x->conn->link;
	body_init(&x->r.up_flow.body, x->r.frame.kind, x->r.frame.length);
	tell_to_go_on(x);
	exchange_enter(x, EXCHANGE_FORM);
}

void exchange_wipe_form(struct exchange *x)
{
	struct buf *in = &x->in;

	if (!GW_HAS(AUTH))
		return;
	span_wipe(x->back.data, x->back.size);
	span_wipe(in->data + in->keep, in->at - in->keep);
	span_wipe(in->data + in->end, in->size - in->end);
}

/* --- the paths ----------------------------------------------------------------------------- */

/* Of the sessions that this device has, as many as there is room for. */
static void log_out(struct exchange *x)
{
	struct text *fields = &x->r.guard->down;

	for (size_t i = 0; i < x->r.site->users_count; i++) {
		size_t len = fields->len;

		exchange_forget_session(x, fields, x->r.site->users[i]);
		if (fields->full)
			fields->len = len;
		fields->full = false;
	}
	exchange_see_other(x, SPAN("/"));
}

/* As the browser knows it: a trusted proxy before us may have been asked by another name. */
static struct span as_asked(const struct exchange *x, enum field_id forwarded, struct span here)
{
	struct span said = x->conn->trusted ? head_get(&x->asked, forwarded) : span_of("", 0);

	return said.len ? said : here;
}

static bool is_foreign(const struct exchange *x)
{
	return auth_is_foreign(&x->asked, as_asked(x, FIELD_X_FORWARDED_PROTO, x->r.asker.scheme), as_asked(x, FIELD_X_FORWARDED_HOST, x->r.host));
}

static void refuse_foreign(struct exchange *x)
{
	struct page page = {.status = 403, .sentence = "This form was sent by a page of another site. Please open the page that you want to see, and log in there."};

	x->r.why = "the form was sent by another site";
	exchange_reply(x, &page);
}

static void take_post(struct exchange *x, bool out)
{
	struct span type = head_get(&x->asked, FIELD_CONTENT_TYPE);

	if (is_foreign(x))
		refuse_foreign(x);
	else if (out)
		log_out(x);
	else if (!span_starts_same(type, SPAN("application/x-www-form-urlencoded")))
		exchange_refuse(x, &no_form);
	else
		begin_form(x);
}

bool exchange_answer_form(struct exchange *x, struct span path)
{
	if (!GW_HAS(AUTH))
		return false;

	static const struct guards none = {.count = 0};
	bool out = span_is(path, SPAN(PAGE_LOGOUT));
	struct page page = {.status = 405, .allow = PAGE_METHODS};

	if (!out && !span_is(path, SPAN(PAGE_LOGIN)))
		return false;
	x->r.route = page_route(x);
	if (!x->r.route) {
		exchange_refuse(x, &not_allowed);
		return true;
	}
	if (x->r.route->options.checks && exchange_is_over_limit(x))
		return true;
	exchange_guard_begin(x, &none);
	if (x->asked.method == METHOD_POST)
		take_post(x, out);
	else if (x->asked.method == METHOD_GET || x->asked.method == METHOD_HEAD)
		show_page(x, out);
	else
		exchange_reply(x, &page);
	return true;
}
