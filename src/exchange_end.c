/* SPDX-License-Identifier: MIT
 *
 * exchange_end - how does a request end, and what do we answer ourselves?
 *
 * One exit with a reason, and the reason is in the log.
 */
#include "exchange_parts.h"
#include "record.h"
#include "route.h"

/* Short enough to be read out on the telephone: 40 bits, letters that are not mistaken. */
static struct span request_id(struct exchange *x)
{
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint64_t z;

	if (x->r.id[0] == 0) {
		/* a finaliser of splitmix64: numbers in a row look unlike each other */
		z = x->env->id_seed + ++x->env->id_count * 0x9e3779b97f4a7c15u;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		z ^= z >> 31;
		for (size_t i = 0; i < sizeof x->r.id; i++, z >>= 5)
			x->r.id[i] = letters[z & 31];
	}
	return span_of(x->r.id, sizeof x->r.id);
}

static void write_record(struct exchange *x)
{
	const struct head *h = &x->asked;
	bool parsed = x->in.keep > 0; /* else the head was never understood */
	struct record record = {
		.client = x->r.asker.client.len ? x->r.asker.client : span_of(x->conn->text, x->conn->text_len),
		.time = log_time(x->env->clock),
		.iso_time = log_iso(x->env->clock),
		.id = request_id(x),
		.server = x->r.target ? x->r.target->server->name : NULL,
		.why = x->r.why,
		.bytes = x->r.down_flow.sent,
		.took_us = x->env->now_us - x->r.began_us,
		.server_us = x->r.answered_us ? x->r.answered_us - x->r.asked_us : -1,
		.status = x->r.status,
	};
	struct text *line;

	if (x->r.guard && x->r.guard->user)
		record.user = x->r.guard->user->name;
	if (x->r.keep)
		record.cache = x->r.keep->word;
	if (x->r.suite) {
		record.tls = x->r.suite;
		record.tls_resumed = x->r.resumed;
	}
	if (parsed) {
		record.method = h->name;
		record.target = h->target;
		record.host = x->r.host;
		record.referer = head_get(h, FIELD_REFERER);
		record.agent = head_get(h, FIELD_USER_AGENT);
		record.version = h->version;
	}
	line = log_begin(x->env->access);
	if (!line)
		return;
	record_write(line, &record, x->env->config->log_format);
	log_end(x->env->access);
}

void exchange_over(struct exchange *x, enum exchange_end end)
{
	struct share_slot *slot = x->env->slot;

	if (x->r.paced)
		exchange_pace_end(x);
	if (x->r.crowded)
		exchange_leave_crowd(x);
	flow_drop(&x->r.up_flow);
	flow_drop(&x->r.down_flow);
	exchange_drop_server(x);
	if (x->r.keep)
		exchange_keep_end(x);
	if (x->r.guard) {
		exchange_leave_queue(x);
		if (x->r.guard->by_form)
			exchange_wipe_form(x);
	}
	x->r.state = EXCHANGE_OVER;
	x->r.end = (uint8_t)end;
	if (x->r.status == 0)
		return; /* there was no request */
	share_add(&slot->requests);
	if (x->r.status >= 500 && x->r.why)
		share_add(&slot->failed);
	else if (x->r.why)
		share_add(&slot->refused);
	if (x->env->access->kind != LOG_OFF)
		write_record(x);
}

void exchange_abandon(struct exchange *x, const char *why, enum exchange_end end)
{
	if (x->r.status == 0)
		x->r.status = 499; /* as nginx logs a client that left */
	if (!x->r.why)
		x->r.why = why;
	exchange_over(x, end);
}

/* Has the whole request been taken out of the connection? */
static bool request_is_read(const struct exchange *x)
{
	return x->in.keep > 0 && body_done(&x->r.up_flow.body);
}

void exchange_finish(struct exchange *x)
{
	struct link *client = &x->conn->link;

	/* What is left of this request's body must never be taken for the next request. */
	if (x->in.ready)
		x->r.close = true;
	if (!x->r.close) {
		exchange_over(x, EXCHANGE_QUIET);
		buf_restart(&x->in);
		if (buf_held(&x->in) || link_is_midway(client))
			x->r.end = EXCHANGE_NEXT;
		else if (client->eof)
			x->r.end = EXCHANGE_CLOSE;
		return;
	}
	/* Closing with unread bytes would reset the connection, and the client
	 * might lose the answer with it (RFC 9112 9.6). */
	exchange_over(x, request_is_read(x) && buf_held(&x->in) == 0 ? EXCHANGE_CLOSE : EXCHANGE_LINGER);
}

/* --- replies of our own --------------------------------------------------------- */

void exchange_pass_body_over(struct exchange *x)
{
	struct frame *f = &x->r.frame;

	if (x->r.up_flow.sent || x->r.up_flow.from) {
		x->r.close |= !body_done(&x->r.up_flow.body) || x->in.ready;
		return;
	}
	body_init(&x->r.up_flow.body, f->kind, f->length);
	if (f->kind == BODY_LENGTH && f->length <= buf_held(&x->in)) {
		x->in.at += (uint32_t)f->length;
		f->kind = BODY_NONE; /* once only: what follows is another request */
		body_init(&x->r.up_flow.body, BODY_NONE, 0);
	} else if (f->kind != BODY_NONE) {
		x->r.close = true;
	}
}

void exchange_reply(struct exchange *x, struct page *page)
{
	struct text out = text_in(x->out, GW_HEAD_OUT);
	struct span head, body;

	if (x->r.interim) { /* half of a 1xx head is out: nothing can follow it */
		exchange_abandon(x, x->r.why ? x->r.why : "an interim answer was cut off", EXCHANGE_RESET);
		return;
	}

	exchange_drop_server(x);
	if (x->r.keep)
		exchange_keep_end(x); /* nobody waits for this */
	if (x->r.errand) {
		exchange_over(x, EXCHANGE_CLOSE);
		return;
	}
	if (x->in.keep)
		exchange_pass_body_over(x);
	else
		x->r.close = true;
	if (x->env->draining)
		x->r.close = true;
	if (x->r.guard && page->fields.len == 0)
		page->fields = text_span(&x->r.guard->down);
	page->close = x->r.close;
	page->head_only = x->in.keep && x->asked.method == METHOD_HEAD;
	page->id = request_id(x);
	page->date = log_http_date(x->env->clock);
	page->hsts = x->r.hsts;
	page_write(&out, page, &head, &body);
	if (out.full) {
		exchange_abandon(x, "our own answer is too long", EXCHANGE_RESET);
		return;
	}
	x->r.status = (uint16_t)page->status;
	x->r.answering = true;
	flow_reply(&x->r.down_flow, &x->conn->link, head, body);
	exchange_enter(x, EXCHANGE_REPLY);
}

/* Who wrote the port but not https:// is told so. The host is known when the
 * request was well-formed; its port stands in it. */
static void refuse_plain(struct exchange *x)
{
	char room[GW_TARGET + GW_NAME + 32];
	struct text link = text_in(room, sizeof room);
	struct page page = {.status = 400, .sentence = "You sent plain HTTP, but this is an HTTPS port. Please write https:// before the address."};

	if (x->r.host.len && !span_is(x->r.path.path, SPAN("*")))
		route_https(&link, x->r.host, 443, x->r.path.path, x->r.path.query);
	if (!link.full)
		page.link = text_span(&link);
	x->r.close = true;
	exchange_reply(x, &page);
}

void exchange_refuse(struct exchange *x, const struct refusal *why)
{
	struct page page = {.status = why->status};

	if (exchange_is_misdialled(x)) {
		x->r.why = "plain HTTP on an HTTPS port";
		refuse_plain(x);
		return;
	}
	x->r.why = why->text;
	/* A message that was not understood has no known end. */
	if (why->status == 400 || why->status == 408 || why->status == 501)
		x->r.close = true;
	if (why->status == 405)
		page.allow = METHODS;
	exchange_reply(x, &page);
}

void exchange_refuse_text(struct exchange *x, int status, const char *text)
{
	struct refusal why = {status, text};

	exchange_refuse(x, &why);
}
