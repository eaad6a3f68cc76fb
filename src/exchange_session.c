/* SPDX-License-Identifier: MIT
 *
 * exchange_session - who has logged in before, and what makes that last?
 */
#include "exchange_guard.h"

enum { COOKIES = 4 }; /* cookies of one name that are tried */

static bool is_named(const struct auth *auth, struct span name)
{
	for (size_t i = 0; i < auth->require_count; i++)
		if (span_is(auth->require[i], name))
			return true;
	return auth->require_count == 0;
}

bool guard_satisfies(const struct guard *g, const struct user *user)
{
	for (size_t i = 0; i < g->asks.count; i++)
		if (!is_named(g->asks.at[i], user->name))
			return false;
	return true;
}

/* Is the connection of the one who sends it protected? */
static bool is_secure(const struct exchange *x)
{
	if (x->conn->link.tls)
		return true;
	return x->conn->trusted && span_same(head_get(&x->asked, FIELD_X_FORWARDED_PROTO), SPAN("https"));
}

static int64_t clock_now(const struct exchange *x)
{
	return x->env->clock > GW_BUILT ? x->env->clock : GW_BUILT;
}

static struct session_bond bond_of(const struct exchange *x, const struct users *users, const struct user *user)
{
	return (struct session_bond){
		.key = x->env->config->key,
		.place = span_str(x->r.site->label),
		.cookie = is_secure(x) ? users->secure_cookie : users->cookie,
		.hash = user->hash,
		.logouts = user->logouts,
	};
}

/* The shortest of those that are asked for. */
static int64_t lasts(const struct guard *g)
{
	int64_t s = g->asks.count ? g->asks.at[0]->session : 0;

	for (size_t i = 1; i < g->asks.count; i++)
		if (g->asks.at[i]->session < s)
			s = g->asks.at[i]->session;
	return s;
}

/* The user whose session this cookie proves; NULL. */
static const struct user *prove(const struct exchange *x, const struct guard *g, struct span value)
{
	struct session_bond bond;
	const struct user *user;
	struct session session;

	if (!session_read(&session, value))
		return NULL;
	user = users_find(g->users, span_of(session.name, session.name_len));
	if (!user || (g->asks.count && session.since + lasts(g) <= clock_now(x)))
		return NULL;
	bond = bond_of(x, g->users, user);
	return session_holds(&session, &bond) ? user : NULL;
}

const struct user *guard_session(const struct exchange *x)
{
	const struct guard *g = x->r.guard;
	struct span name = is_secure(x) ? g->users->secure_cookie : g->users->cookie, value;
	unsigned at = 0;

	if (!head_has(&x->asked, FIELD_COOKIE))
		return NULL;
	for (int i = 0; i < COOKIES && auth_cookie(&x->asked, name, &at, &value); i++) {
		const struct user *user = prove(x, g, value);

		if (user && guard_satisfies(g, user))
			return user;
	}
	return NULL;
}

static void cookie_field(const struct exchange *x, struct text *out, const struct users *users, struct span value, int64_t age)
{
	text_lit(out, "Set-Cookie: ");
	text_span_add(out, is_secure(x) ? users->secure_cookie : users->cookie);
	text_char(out, '=');
	text_span_add(out, value);
	text_lit(out, "; Path=/; Max-Age=");
	text_number(out, (uint64_t)age);
	text_str(out, is_secure(x) ? "; HttpOnly; SameSite=Lax; Secure\r\n" : "; HttpOnly; SameSite=Lax\r\n");
}

void guard_begin_session(struct exchange *x)
{
	struct guard *g = x->r.guard;
	struct session_bond bond = bond_of(x, g->users, g->user);
	char room[SESSION_TEXT];
	struct text value = text_in(room, sizeof room);

	session_write(&value, &bond, g->user->name, clock_now(x));
	cookie_field(x, &g->down, g->users, text_span(&value), lasts(g));
}

void exchange_forget_session(struct exchange *x, struct text *out, const struct users *users)
{
	struct span name = is_secure(x) ? users->secure_cookie : users->cookie, value;
	unsigned at = 0;

	if (auth_cookie(&x->asked, name, &at, &value))
		cookie_field(x, out, users, span_of("", 0), 0);
}
