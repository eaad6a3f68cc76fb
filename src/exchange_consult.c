/* SPDX-License-Identifier: MIT
 *
 * exchange_consult - may this request go on, in the opinion of a log-in server?
 *
 * Forward-auth: the log-in server is asked as if it were the server, with a GET
 * and without the body, which stays where it is. Only a 2xx of its own lets the
 * request go on; what cannot be asked, or is not answered, never does.
 */
#include "exchange_parts.h"

static const struct refusal no_host = {400, "no host, by which the log-in server decides"};

void exchange_consult(struct exchange *x, const struct auth *auth)
{
	/* Without one it would take its own for what is asked for. */
	if (x->r.host.len == 0) {
		exchange_refuse(x, &no_host);
		return;
	}
	x->r.consulting = true;
	x->r.target = auth->ask;
	exchange_connect(x);
}

/* Whose server is being asked: exchange_guard has seen that all ask the same. */
static const struct auth *auth_of(const struct exchange *x)
{
	return x->r.guard->asks.at[0];
}

void exchange_consult_write(struct exchange *x, struct text *out)
{
	struct rewrite_up up = {
		.head = &x->asked,
		.frame = &x->r.frame,
		.path = &x->r.path,
		.host = x->r.host,
		.target = x->r.target,
		.asker = &x->r.asker,
		.hide_authorization = x->r.hide_authorization,
		.hide_cookies = x->env->config->users_count > 0,
	};

	if (!GW_HAS(AUTH))
		return;
	rewrite_consult(out, &up, auth_of(x));
}

/* All fields of these names; head has refused control bytes in them. False: too long. */
static bool copy_fields(struct exchange *x)
{
	const struct auth *auth = auth_of(x);
	const struct head *h = &x->answered;
	struct guard *g = x->r.guard;

	for (size_t i = 0; i < auth->copy_count; i++) {
		struct text *to = span_same(auth->copy[i], SPAN("Set-Cookie")) ? &g->down : &g->up;

		for (unsigned n = 0; n < h->count; n++) {
			if (!span_same(head_name(h, n), auth->copy[i]))
				continue;
			text_span_add(to, auth->copy[i]);
			text_lit(to, ": ");
			text_span_add(to, head_value(h, n));
			text_lit(to, "\r\n");
		}
	}
	return !g->up.full && !g->down.full;
}

/* Nobody reads the body of a yes. Where not all of it has come its link is not used again. */
static void pass_answer_over(struct exchange *x)
{
	struct buf *b = &x->back;
	struct body body;
	size_t framing, payload;

	body_init(&body, (enum body_kind)x->r.answer.kind, x->r.answer.length);
	do {
		framing = body_scan(&body, b->data + b->at, buf_held(b), &payload);
		body_take(&body, payload);
		b->at += (uint32_t)(framing + payload);
	} while (framing + payload && !body_done(&body));
	if (!body_done(&body))
		x->r.answer.persist = false;
}

/* As if nothing had been asked yet. */
static void forget(struct request *r)
{
	r->consulting = r->fresh = r->up_over = r->heard = false;
	r->interims = r->address = 0;
	r->seen = 0;
	r->asked_us = r->answered_us = 0;
	r->why = NULL;
	r->target = NULL;
	r->answer = (struct frame){0};
	r->up_flow = r->down_flow = (struct flow){0};
}

/* The client gets the answer. Its request has not been read, and what there is of a body
 * must not be taken for a next one. */
static void refer_client(struct exchange *x)
{
	x->r.up_over = true;
	exchange_pass_body_over(x);
	if (x->asked.method != METHOD_HEAD)
		return;
	/* RFC 9110 9.3.2: no body, though the GET has brought one */
	frame_response(&x->r.answer, &x->answered, METHOD_HEAD);
	x->r.answer.persist = false;
}

bool exchange_consult_take(struct exchange *x)
{
	if (!GW_HAS(AUTH))
		return false;
	if (x->answered.status > 299) {
		refer_client(x);
		return false;
	}
	if (!copy_fields(x)) {
		exchange_server_failed(x, 502, "the server's fields that are to be copied are too long");
		return true;
	}
	pass_answer_over(x);
	exchange_leave_server(x);
	forget(&x->r);
	exchange_go_on(x);
	return true;
}

const char *exchange_consult_why(struct exchange *x, const char *why)
{
	if (!GW_HAS(AUTH))
		return why;

	struct guard *g = x->r.guard;
	struct span said = span_str(why), server = SPAN("the server");

	/* nothing goes up any more */
	g->up = text_in(g->up_room, sizeof g->up_room - 1);
	text_lit(&g->up, "the log-in server");
	if (span_starts(said, server)) {
		text_span_add(&g->up, span_of(said.at + server.len, said.len - server.len));
	} else {
		text_lit(&g->up, ": ");
		text_span_add(&g->up, said);
	}
	g->up_room[g->up.len] = 0;
	return g->up_room;
}
