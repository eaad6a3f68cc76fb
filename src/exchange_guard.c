/* SPDX-License-Identifier: MIT
 *
 * exchange_guard - who sends this request, and may they?
 *
 * First the cookie of a session, then the credentials of the request. Decides who
 * may pass, and what is passed on about them.
 */
#include "exchange_guard.h"

enum { PAUSE_PART = 4 }; /* of all requests, so many may pause: one in ... */

static const struct refusal two_log_ins = {403, "two routes ask for different log-ins here"};
static const struct refusal two_credentials = {400, "more than one Authorization"};
static const struct refusal no_place = {503, "too many passwords are being checked"};
static const struct refusal no_answer = {503, "the password could not be checked in time"};

/* --- in the end ------------------------------------------------------------------------ */

/* What the server is told. */
static void tell_user(struct exchange *x)
{
	struct guard *g = x->r.guard;
	const struct auth *own = x->r.route->options.auth;

	if (!g->user || !own || own->user_header.len == 0)
		return;
	text_span_add(&g->up, own->user_header);
	text_lit(&g->up, ": ");
	text_span_add(&g->up, g->user->name);
	text_lit(&g->up, "\r\n");
}

/* As far as we are concerned. A log-in server may think otherwise. */
static void admit(struct exchange *x)
{
	const struct guards *asks = &x->r.guard->asks;

	if (asks->count && asks->at[0]->ask) {
		exchange_consult(x, asks->at[0]);
		return;
	}
	tell_user(x);
	exchange_go_on(x);
}

/* The password was right. True: it may go on. */
static bool take_right(struct exchange *x, const struct user *user)
{
	struct guard *g = x->r.guard;

	x->r.hide_authorization = !g->by_form;
	if (g->inside)
		return true;
	if (!guard_satisfies(g, user)) {
		guard_say_forbidden(x);
		return false;
	}
	g->user = user;
	guard_begin_session(x);
	if (g->by_form)
		exchange_see_other(x, g->to);
	return !g->by_form;
}

/* So few may hold a place while they wait to hear that they were wrong; the others
 * are told at once, and their tries count all the same. */
static bool may_pause(const struct exchange *x)
{
	uint32_t most = x->env->config->requests / PAUSE_PART;

	return x->env->now < x->r.guard->until && x->env->pausing < most;
}

/* It was wrong. True: it may go on. */
static bool take_wrong(struct exchange *x)
{
	struct guard *g = x->r.guard;

	if (g->inside)
		return true; /* they are somebody else's */
	if (may_pause(x)) {
		g->pauses = true;
		x->env->pausing++;
		exchange_enter(x, EXCHANGE_PAUSE);
	} else {
		guard_say_wrong(x);
	}
	return false;
}

/* True: it may go on. */
static bool take_look(struct exchange *x, enum looked looked, const struct user *user)
{
	bool inside = x->r.guard->inside;

	switch (looked) {
	case LOOKED_RIGHT:
		return take_right(x, user);
	case LOOKED_WRONG:
		return take_wrong(x);
	case LOOKED_WAITS:
		return false;
	case LOOKED_BARRED:
		guard_say_too_many(x);
		return false;
	default:
		if (!inside)
			exchange_refuse(x, looked == LOOKED_LATE ? &no_answer : &no_place);
		x->r.hide_authorization = true; /* it may be ours */
		return inside;
	}
}

void exchange_step_verify(struct exchange *x)
{
	if (!GW_HAS(AUTH))
		return;

	const struct user *user = users_find(x->r.guard->users, x->r.guard->name);
	enum looked looked = guard_look_again(x, user);

	if (looked == LOOKED_WAITS && x->env->now - x->r.since < VERIFY_MS)
		return;
	exchange_leave_queue(x);
	if (take_look(x, looked == LOOKED_WAITS ? LOOKED_LATE : looked, user))
		admit(x);
}

void exchange_step_pause(struct exchange *x)
{
	if (!GW_HAS(AUTH))
		return;
	if (x->env->now < x->r.guard->until)
		return;
	exchange_leave_queue(x);
	guard_say_wrong(x);
}

void exchange_cut_pause(struct exchange *x)
{
	if (!GW_HAS(AUTH))
		return;
	x->r.guard->until = x->env->now;
}

/* --- the beginning ------------------------------------------------------------------------- */

struct guard *exchange_guard_begin(struct exchange *x, const struct guards *asks)
{
	struct guard *g = x->guard_room;

	memset(g, 0, offsetof(struct guard, up_room));
	g->asks = *asks;
	g->up = text_in(g->up_room, sizeof g->up_room);
	g->down = text_in(g->down_room, sizeof g->down_room);
	if (asks->count)
		g->users = asks->at[0]->users;
	x->r.guard = g;
	return g;
}

/* One log-in must do for all. */
static bool is_one(const struct guard *g)
{
	for (size_t i = 1; i < g->asks.count; i++)
		if (g->asks.at[i]->users != g->users || g->asks.at[i]->ask != g->asks.at[0]->ask)
			return false;
	return true;
}

/* Name and password of Basic credentials, decoded where the server's answer will be. */
static bool by_credentials(struct exchange *x)
{
	struct text room = text_in(x->back.data, x->back.size);
	struct auth_basic basic;

	if (!auth_basic(&basic, head_get(&x->asked, FIELD_AUTHORIZATION), &room))
		return false;
	x->r.guard->name = basic.name;
	x->r.guard->password = basic.password;
	return true;
}

/* For requests that nobody guards: whose credentials would be ours? */
static const struct users *users_of(const struct site *site, struct span name)
{
	for (size_t i = 0; i < site->users_count; i++)
		if (users_find(site->users[i], name))
			return site->users[i];
	return NULL;
}

/* Whoever asks whether credentials are ours might guess by what the server then does,
 * so they are looked at for those alone who have logged in as that user before, on
 * this device or from this network. Nobody else's browser sends them unasked. */
static bool may_be_ours(struct exchange *x, const struct user *user)
{
	const struct guard *g = x->r.guard;
	struct share_login l;

	if (!user)
		return false;
	l = guard_login(x);
	return g->user == user || guard_session(x) == user || share_login_standing(x->env->share, &l, x->env->now) == SHARE_FRIEND;
}

/* It may pass. Are the credentials that it carries ours, and to be hidden? An
 * application behind us may have users of the same names: no failure is counted here. */
static bool guard_inside(struct exchange *x)
{
	struct guard *g = x->r.guard;
	const struct user *user;

	g->inside = true;
	if (!by_credentials(x))
		return true;
	if (!g->users)
		g->users = users_of(x->r.site, g->name);
	user = g->users ? users_find(g->users, g->name) : NULL;
	return !may_be_ours(x, user) || take_look(x, guard_look(x, user), user);
}

static bool guard_outside(struct exchange *x)
{
	const struct user *user;

	if (!by_credentials(x)) {
		guard_say_nobody(x);
		return false;
	}
	user = users_find(x->r.guard->users, x->r.guard->name);
	return take_look(x, guard_look(x, user), user);
}

/* True: it may go on. */
static bool guard_users(struct exchange *x)
{
	struct guard *g = x->r.guard;

	g->user = guard_session(x);
	return g->user ? guard_inside(x) : guard_outside(x);
}

void exchange_guard(struct exchange *x, const struct guards *asks)
{
	struct guard *g;

	if (asks->count == 0 && !head_has(&x->asked, FIELD_AUTHORIZATION)) {
		exchange_go_on(x);
		return;
	}
	g = exchange_guard_begin(x, asks);
	if (asks->count && !x->r.route->options.secret)
		text_lit(&g->down, "Cache-Control: private\r\n");
	if (!is_one(g))
		exchange_refuse(x, &two_log_ins);
	else if (x->asked.many >> FIELD_AUTHORIZATION & 1)
		exchange_refuse(x, &two_credentials);
	else if (g->users ? guard_users(x) : guard_inside(x))
		admit(x);
}

void exchange_log_in(struct exchange *x)
{
	const struct user *user = users_find(x->r.guard->users, x->r.guard->name);

	take_look(x, guard_look(x, user), user);
}
