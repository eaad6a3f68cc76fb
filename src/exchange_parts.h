/* SPDX-License-Identifier: MIT
 *
 * exchange_parts - what the files of exchange ask of each other
 *
 * Each step goes on until its state changes or it has to wait. After a call
 * that ends the request or answers it, the caller returns: the state is another.
 */
#ifndef EXCHANGE_PARTS_H
#define EXCHANGE_PARTS_H

#include "exchange.h"
#include "page.h"

/* For Allow: of a 405, and of an answer to OPTIONS. */
#define METHODS SPAN("GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS")

/* exchange.c */
void exchange_enter(struct exchange *x, enum exchange_state state);
void exchange_drop_server(struct exchange *x);
uint64_t exchange_moved(const struct exchange *x); /* payload bytes so far, both ways */

/* exchange_ask.c */
void exchange_step_head(struct exchange *x);

/* Has a listener with TLS been asked without it? Then nothing is served: whatever
 * is to be refused gets the answer of exchange_refuse for that. */
static inline bool exchange_is_misdialled(const struct exchange *x)
{
	return x->conn->listener->tls && !x->conn->link.tls;
}

/* exchange_before.c */
/* What a listener or a site answers before any route is looked for. True: it has
 * been answered. path is "/" for "*". */
bool exchange_answer_before(struct exchange *x, struct span path);

/* exchange_ask.c */
/* Who sends the request may: answers it, or asks a server. */
void exchange_go_on(struct exchange *x);
/* No answer is there already. */
void exchange_ask_server(struct exchange *x);

/* exchange_limit.c */
/* limit, connections and max_body of the route. True: it has been answered (429, 413).
 * The body of a request without a length is counted as its chunks go up (see struct body). */
bool exchange_is_over_limit(struct exchange *x);
/* The request is over: it, which was counted, is no longer of the crowd. */
void exchange_leave_crowd(struct exchange *x);

/* exchange_pace.c: bandwidth of the route; all but the first for requests that are paced */
/* A flow has been started, a server's answer or what goes up: it gets its budget. */
void exchange_pace_flow(struct exchange *x, struct flow *f);
/* Around each step: fills budgets; sees whether one is used up. */
void exchange_pace_before(struct exchange *x);
void exchange_pace_after(struct exchange *x);
/* While one is (held_since): when there will be more, monotonic ms. */
int64_t exchange_pace_due(const struct exchange *x);
/* The request is over: what is left is the connection's. To be told in its last state. */
void exchange_pace_end(struct exchange *x);

static inline void exchange_pace(struct exchange *x, struct flow *f)
{
	if (x->r.route->options.bandwidth)
		exchange_pace_flow(x, f);
}

/* exchange_guard.c */
/* Whom the request has to satisfy is known: answers it, waits, or lets it go on. */
void exchange_guard(struct exchange *x, const struct guards *asks);
/* Begins r.guard. */
struct guard *exchange_guard_begin(struct exchange *x, const struct guards *asks);
/* Name and password of a form are in r.guard, and whom they have to satisfy. Answers
 * it, in the end. */
void exchange_log_in(struct exchange *x);
void exchange_step_verify(struct exchange *x);
void exchange_step_pause(struct exchange *x);
/* Others need the place of one that pauses. */
void exchange_cut_pause(struct exchange *x);

/* exchange_look.c */
/* It waits neither for a password nor to hear that it was wrong. */
void exchange_leave_queue(struct exchange *x);

/* exchange_session.c */
/* "Set-Cookie: ..." that ends the session of these users on this device, if it has one. */
void exchange_forget_session(struct exchange *x, struct text *out, const struct users *users);

/* exchange_form.c */
/* 303, with what r.guard has for the client. */
void exchange_see_other(struct exchange *x, struct span to);
/* The login page's own paths. True: it is one, and has been answered or waits. */
bool exchange_answer_form(struct exchange *x, struct span path);
void exchange_step_form(struct exchange *x);
/* The request is over: nothing of the form that it brought stays in the buffers. */
void exchange_wipe_form(struct exchange *x);

/* exchange_consult.c: forward-auth */
/* Asks auth->ask whether the request may go on: as if it were the server, until
 * its answer is there. A 2xx: what is to be copied stands in r.guard->up (and
 * Set-Cookie in ->down), and exchange_go_on goes on. Another answer goes to
 * the client. No answer: 502 or 504, never to the server behind. */
void exchange_consult(struct exchange *x, const struct auth *auth);
/* The request head for it, in x->out. */
void exchange_consult_write(struct exchange *x, struct text *out);
/* Its answer is there, x->answered, and framed. True: it was taken, and the request
 * goes on; false: it is for the client. */
bool exchange_consult_take(struct exchange *x);
/* Why it failed, said of that server; in r.guard. */
const char *exchange_consult_why(struct exchange *x, const char *why);

/* exchange_keep.c: the cache, between who may pass and which server is asked */
/* Of a route that keeps answers. True: it is answered from what there is, or waits for
 * one who asks the server for the same. */
bool exchange_keep(struct exchange *x);
void exchange_step_join(struct exchange *x);
/* It has waited long enough: it asks for itself. */
void exchange_go_alone(struct exchange *x);
/* What it had pinned and promised is given back. */
void exchange_keep_end(struct exchange *x);

/* exchange_serve.c */
/* "gateway; fwd=uri-miss; stored; ttl=60", in r.keep */
struct span exchange_cache_status(struct exchange *x);
/* Answers with what is pinned, or with what of it is asked for. */
void exchange_serve(struct exchange *x);
/* From the beginning of a body that is being stored, under this head. */
void exchange_serve_body(struct exchange *x, struct span head, bool chunked);
void exchange_step_serve(struct exchange *x);

/* exchange_store.c */
/* The server has answered, x->answered, and framed. True: the cache has seen to it; false:
 * it goes to the client as any other answer. */
bool exchange_keep_answer(struct exchange *x);
/* The server cannot be asked, or has failed. True: there is something stale to send instead. */
bool exchange_rescue(struct exchange *x, const char *why);

/* exchange_fill.c: errands, which have no client */
/* One that asks the server whether what x has pinned still holds, while x sends it. */
void exchange_validate_behind(struct exchange *x);
/* Can one ask in its stead? What the server is told of the client in fields of ours would have to be copied, too. */
bool exchange_may_send_errand(const struct exchange *x);
/* What has come of the body goes into the cache. True: that is all of it. */
bool exchange_fill_some(struct exchange *x);
/* One that takes over the rest of the body from x, which loses its link to the
 * server; NULL, and nothing has changed: there is no place. */
struct exchange *exchange_errand(struct exchange *x);
void exchange_hand_over(struct exchange *x, struct exchange *errand);
void exchange_step_fill(struct exchange *x);
/* It cannot go on. */
void exchange_break_fill(struct exchange *x);

/* exchange_server.c */
/* The next server whose turn it is; false: all were asked that may be. */
bool exchange_choose(struct exchange *x);
/* A link to the chosen server: an idle one, or one in the making. */
void exchange_connect(struct exchange *x);
void exchange_step_connect(struct exchange *x);
/* Is it known already how connecting went, or that it cannot begin? */
bool exchange_connect_has_news(const struct exchange *x);
/* May the request be sent once more, to this server or another? RFC 9110 9.2.2:
 * when nobody has seen any of it, or when seeing it twice changes nothing. */
bool exchange_is_repeatable(const struct exchange *x);
/* This server is not to be had for this request: asks another, or tells the client. */
void exchange_server_failed(struct exchange *x, int status, const char *why);
/* No server is to be had: what is stale may do, else the client is told. */
void exchange_no_server(struct exchange *x, int status, const char *why);
/* An idle link may have ended in the very moment it was lent: nobody has done
 * anything wrong, and the same server is asked again on a new one. */
bool exchange_link_was_stale(const struct exchange *x);
void exchange_retry_fresh(struct exchange *x);

/* exchange_answer.c */
/* With nothing left to send, the client's socket is still looked at: it may
 * have gone, or sent its next request. False: it has gone. */
bool exchange_watch_client(struct exchange *x);
void exchange_step_await(struct exchange *x);
void exchange_step_relay(struct exchange *x);
void exchange_step_reply(struct exchange *x);
void exchange_step_tunnel(struct exchange *x);
/* Composes the response head into x->out; false: it does not fit. */
bool exchange_compose_answer(struct exchange *x, bool chunked, bool tunnel, struct span *head);
/* The server has said all: its link is kept if it may carry a further request. */
void exchange_leave_server(struct exchange *x);
/* x->out holds one head at a time: an answer waits until the request's has gone. */
bool exchange_listens_to_server(const struct exchange *x);

/* exchange_end.c */
void exchange_over(struct exchange *x, enum exchange_end end);
/* The client gets no (further) answer: it is gone, or must see that something is missing. */
void exchange_abandon(struct exchange *x, const char *why, enum exchange_end end);
/* The message to the client is complete. */
void exchange_finish(struct exchange *x);
/* The body of a request that is answered without it is not wanted: if it has come
 * with the head it is passed over, else the connection ends with the answer. */
void exchange_pass_body_over(struct exchange *x);
/* Answers with this page; sets close, head_only, id and date in it. */
void exchange_reply(struct exchange *x, struct page *page);
void exchange_refuse(struct exchange *x, const struct refusal *why);
void exchange_refuse_text(struct exchange *x, int status, const char *text);

#endif
