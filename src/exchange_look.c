/* SPDX-License-Identifier: MIT
 *
 * exchange_look - is this the right password, and may it be asked at all?
 *
 * The password process has so many places, and each client so many tries.
 */
#include "exchange_guard.h"

enum {
	QUEUE_PART = 4, /* of all requests, so many may wait for passwords: one in ... */
	QUEUE_LEAST = 4
};

/* For [users] without any user: the hash of no password that anybody knows. */
#define NOBODY SPAN("$5$rounds=5000$nobody$3YJuJGNiJXyTBVZCp/JLQUBX9E7XvEbvRZZJBtcpJ51")

struct share_login guard_login(const struct exchange *x)
{
	return (struct share_login){&x->r.client, x->r.guard->users->number, x->r.guard->name};
}

/* --- places ------------------------------------------------------------------------------- */

/* Of so many places the ones that such a client may not take: however many try their
 * luck, some are left for those who have not failed yet, and for those who have
 * logged in from where they are before. */
static uint32_t spare(uint32_t places, enum share_standing standing)
{
	return standing == SHARE_FRIEND ? 0 : standing == SHARE_STRANGER ? places / 4 : places / 2;
}

static bool has_queue_place(const struct exchange *x)
{
	struct share_login l = guard_login(x);
	enum share_standing standing = share_login_standing(x->env->share, &l, x->env->now);
	uint32_t most = x->env->config->requests / QUEUE_PART;

	if (most < QUEUE_LEAST)
		most = QUEUE_LEAST;
	return x->env->verifying < most - spare(most, standing) && verify_has_place(&x->env->verify, spare(VERIFY_JOBS, standing), x->env->now);
}

static void enter_queue(struct exchange *x)
{
	x->r.guard->queued = true;
	x->env->verifying++;
}

void exchange_leave_queue(struct exchange *x)
{
	struct guard *g = x->r.guard;

	x->env->verifying -= g->queued;
	x->env->pausing -= g->pauses;
	g->queued = g->pauses = false;
}

/* What a name that nobody has is checked against: always the same hash of the
 * others', so that it takes as long as if it were somebody's. */
static struct span decoy(const struct exchange *x, const struct users *users, struct span name)
{
	struct span parts[2] = {span_str(users->label), name};
	unsigned char tag[SESSION_TAG];
	uint32_t number;

	if (!users->count)
		return NOBODY;
	session_tag(tag, x->env->config->key, parts, 2);
	memcpy(&number, tag, sizeof number);
	return users->at[number % users->count].hash;
}

/* A decoy is looked for in either case, since that takes its time. */
static struct span hash_of(const struct exchange *x, const struct user *user)
{
	struct span other = decoy(x, x->r.guard->users, x->r.guard->name);

	return user ? user->hash : other;
}

/* --- tries --------------------------------------------------------------------------------- */

/* Who needs no password of these users anywhere may still open the login page. To be
 * asked of all routes: an open_to holds where it stands, what is guessed, everywhere. */
static bool is_exempt(const struct exchange *x)
{
	const struct config *c = x->env->config;
	const struct guard *g = x->r.guard;

	if (!g->by_form)
		return false;
	for (size_t i = 0; i < c->route_count; i++) {
		const struct auth *auth = c->routes[i].options.auth;

		if (auth && auth->users == g->users && !net_in_any(&x->r.client, auth->open_to, auth->open_to_count))
			return false;
	}
	return true;
}

static bool is_barred(const struct exchange *x)
{
	struct share_login l = guard_login(x);

	return !is_exempt(x) && share_login_wait(x->env->share, &l, x->env->now) > 0;
}

static void count_try(struct exchange *x)
{
	struct share_login l = guard_login(x);

	x->r.guard->counted = !x->r.guard->inside && !is_exempt(x);
	if (x->r.guard->counted)
		share_login_try(x->env->share, &l, x->env->now);
}

/* All who ask the same have to wait, or two of them would be a way round. */
static void hold_back(struct exchange *x)
{
	struct share_login l = guard_login(x);

	x->r.guard->until = x->env->now + share_login_hold(x->env->share, &l, x->env->now);
}

/* --- looking ------------------------------------------------------------------------------- */

/* What is right for a name that nobody has is the decoy's password. */
static enum looked right(struct exchange *x, const struct user *user)
{
	struct share_login l = guard_login(x);

	if (!user)
		return LOOKED_WRONG;
	if (!x->r.guard->inside)
		share_login_good(x->env->share, &l, x->env->now);
	return LOOKED_RIGHT;
}

static enum looked look_up(struct exchange *x, const struct user *user)
{
	struct guard *g = x->r.guard;
	struct span hash = hash_of(x, user);

	/* Not even from memory: else guesses that come upon what somebody else has just
	 * used would be free. */
	if (!g->inside && is_barred(x))
		return LOOKED_BARRED;
	verify_tag(&x->env->verify, &g->tag, g->name, hash, g->password);
	switch (verify_look(&x->env->verify, &g->tag, x->env->now)) {
	case VERIFY_RIGHT:
		return right(x, user);
	case VERIFY_WRONG:
		hold_back(x);
		return LOOKED_WRONG;
	case VERIFY_ASKED:
		break; /* who asks the same costs no further look */
	case VERIFY_UNKNOWN:
		if (!has_queue_place(x))
			return LOOKED_FULL;
		if (!verify_ask(&x->env->verify, &g->tag, hash, g->password, x->env->now))
			return LOOKED_FULL;
		count_try(x);
		enter_queue(x);
		break;
	}
	hold_back(x);
	exchange_enter(x, EXCHANGE_VERIFY);
	return LOOKED_WAITS;
}

enum looked guard_look(struct exchange *x, const struct user *user)
{
	enum looked looked = look_up(x, user);
	struct guard *g = x->r.guard;

	span_wipe(x->back.data + (g->password.at - x->back.data), g->password.len);
	g->password.len = 0;
	return looked;
}

enum looked guard_look_again(struct exchange *x, const struct user *user)
{
	struct share_login l = guard_login(x);

	switch (verify_look(&x->env->verify, &x->r.guard->tag, x->env->now)) {
	case VERIFY_RIGHT:
		return right(x, user);
	case VERIFY_WRONG:
		return LOOKED_WRONG;
	case VERIFY_ASKED:
		return LOOKED_WAITS;
	default:
		if (x->r.guard->counted) /* nobody has looked */
			share_login_untry(x->env->share, &l);
		return LOOKED_LATE;
	}
}
