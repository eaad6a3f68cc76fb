/* SPDX-License-Identifier: MIT
 *
 * exchange_guard - who sends this request, and may they?
 *
 * First the cookie of a session, then the credentials of the request. A password
 * that is not known by now is asked of the password process. Decides what is
 * answered to those who may not pass, and what is passed on about those who may.
 */
#include "exchange_parts.h"
#include "auth.h"

enum {
	COOKIES = 4,      /* cookies of one name that are tried */
	QUEUE_PART = 4,   /* of all requests, so many may wait for passwords: one in ... */
	QUEUE_LEAST = 4
};

static const struct refusal two_log_ins = {403, "two routes ask for different log-ins here"};
static const struct refusal two_credentials = {400, "more than one Authorization"};
static const struct refusal no_place = {503, "too many passwords are being checked"};
static const struct refusal no_answer = {503, "the password could not be checked in time"};

/* For [users] without any user: the hash of no password that anybody knows. */
#define NOBODY SPAN("$5$rounds=5000$nobody$3YJuJGNiJXyTBVZCp/JLQUBX9E7XvEbvRZZJBtcpJ51")

/* --- whose they may be ------------------------------------------------------------ */

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

static bool is_named(const struct auth *auth, struct span name)
{
	for (size_t i = 0; i < auth->require_count; i++)
		if (span_is(auth->require[i], name))
			return true;
	return auth->require_count == 0;
}

static bool satisfies(const struct guard *g, const struct user *user)
{
	for (size_t i = 0; i < g->asks.count; i++)
		if (!is_named(g->asks.at[i], user->name))
			return false;
	return true;
}

static struct share_login login_of(const struct exchange *x)
{
	return (struct share_login){&x->r.client, x->r.guard->users->number, x->r.guard->name};
}

/* --- sessions ------------------------------------------------------------------------- */

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

/* One who may pass, if there is a session of such a one. */
static const struct user *by_session(const struct exchange *x, const struct guard *g)
{
	struct span name = is_secure(x) ? g->users->secure_cookie : g->users->cookie, value;
	unsigned at = 0;

	if (!head_has(&x->asked, FIELD_COOKIE))
		return NULL;
	for (int i = 0; i < COOKIES && auth_cookie(&x->asked, name, &at, &value); i++) {
		const struct user *user = prove(x, g, value);

		if (user && satisfies(g, user))
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

static void begin_session(struct exchange *x)
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

/* --- saying no ------------------------------------------------------------------------- */

/* What bans addresses may take the last one in a line, and who tries chooses his name:
 * no dot or colon of it stands where it could be one's. */
static void quote_name(struct text *out, struct span name)
{
	static const char *const hidden[] = {"\\x2e", "\\x3a"};

	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i], next = i + 1 < name.len ? name.at[i + 1] : ' ';

		if (c == ':' || (c == '.' && next >= '0' && next <= '9'))
			text_str(out, hidden[c == ':']);
		else
			text_quoted(out, span_of(&name.at[i], 1));
	}
}

/* In the error log, one line each, for people and for what bans addresses. */
static void log_failure(const struct exchange *x, const char *what)
{
	char room[3 * SESSION_NAME];
	struct text name = text_in(room, sizeof room);
	struct span client = x->r.asker.client, given = x->r.guard->name;

	if (given.len > SESSION_NAME / 2)
		given.len = SESSION_NAME / 2;
	quote_name(&name, given);
	log_say(x->env->error, LOG_WARN, "%s from %.*s as \"%.*s\" on site %s", what, (int)client.len, client.at, (int)name.len, name.at,
		x->r.site->label);
}

static const struct auth *form_of(const struct guard *g)
{
	for (size_t i = 0; i < g->asks.count; i++)
		if (g->asks.at[i]->form)
			return g->asks.at[i];
	return NULL;
}

/* The page that was asked for, or as much of it as there is room for. */
static struct span place_asked_for(struct exchange *x)
{
	struct guard *g = x->r.guard;
	struct text to = text_in(g->up_room, sizeof g->up_room);

	if (g->by_form)
		return g->to;
	text_span_add(&to, x->r.path.path);
	text_span_add(&to, x->r.path.query);
	if (!to.full && auth_is_local(text_span(&to)))
		return text_span(&to);
	return SPAN("/");
}

/* Who cannot be shown a page must not be asked by the browser's dialog either, where
 * the site has a page for that. Without TLS browsers do not say what they fetch for. */
static bool is_browser(const struct exchange *x)
{
	return auth_is_fetch(&x->asked) || span_starts(head_get(&x->asked, FIELD_USER_AGENT), SPAN("Mozilla/"));
}

static void name_scheme(struct text *fields, const struct exchange *x, bool form)
{
	text_str(fields, form ? "WWW-Authenticate: Form realm=\"" : "WWW-Authenticate: Basic realm=\"");
	text_str(fields, x->r.guard->users->label);
	text_lit(fields, "\", charset=\"UTF-8\"\r\n");
}

void exchange_challenge(struct exchange *x, int status, const char *wrong)
{
	struct guard *g = x->r.guard;
	bool form = g->by_form || form_of(g), page_asked = form && (g->by_form || auth_is_navigation(&x->asked));
	struct login_page login = {.site = x->r.frame.name, .name = g->name, .wrong = wrong};
	struct page page = {.status = status, .sentence = wrong};
	char room[512];
	struct text fields = text_in(room, sizeof room);

	if (status == 401)
		name_scheme(&fields, x, page_asked || (form && is_browser(x)));
	if (status == 429) {
		struct share_login l = login_of(x);
		int64_t ms = share_login_wait(x->env->share, &l, x->env->now);

		text_lit(&fields, "Retry-After: ");
		text_number(&fields, (uint64_t)(ms + 999) / 1000);
		text_lit(&fields, "\r\n");
	}
	page.fields = text_span(&fields);
	if (page_asked) {
		login.to = place_asked_for(x);
		page.login = &login;
	}
	exchange_reply(x, &page);
}

static void say_wrong(struct exchange *x)
{
	x->r.why = "wrong user name or password";
	exchange_challenge(x, 401, "This user name and password do not belong together.");
}

static void say_forbidden(struct exchange *x)
{
	x->r.why = "this user may not see this";
	exchange_challenge(x, 401, "You may not see this page. Somebody else may.");
}

static void say_too_many(struct exchange *x)
{
	log_failure(x, "too many failed log-ins");
	x->r.why = "too many failed log-ins";
	exchange_challenge(x, 429, "Too many wrong passwords came. Please wait a while before you try again.");
}

/* --- the password process ------------------------------------------------------------------ */

/* Of so many places the ones that such a client may not take: however many try their
 * luck, some are left for those who have not failed yet, and for those who have
 * logged in from where they are before. */
static uint32_t spare(uint32_t places, enum share_standing standing)
{
	return standing == SHARE_FRIEND ? 0 : standing == SHARE_STRANGER ? places / 4 : places / 2;
}

static bool has_queue_place(const struct exchange *x)
{
	struct share_login l = login_of(x);
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
	if (x->r.guard && x->r.guard->queued) {
		x->r.guard->queued = false;
		x->env->verifying--;
	}
}

/* A decoy is looked for in either case, since that takes its time. */
static struct span hash_of(const struct exchange *x, const struct user *user)
{
	struct span other = decoy(x, x->r.guard->users, x->r.guard->name);

	return user ? user->hash : other;
}

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
	struct share_login l = login_of(x);

	return !is_exempt(x) && share_login_wait(x->env->share, &l, x->env->now) > 0;
}

static void count_try(struct exchange *x)
{
	struct share_login l = login_of(x);

	if (!x->r.guard->inside && !is_exempt(x))
		share_login_try(x->env->share, &l, x->env->now);
}

/* All who ask the same have to wait, or two of them would be a way round. */
static void hold_back(struct exchange *x)
{
	struct share_login l = login_of(x);

	x->r.guard->until = x->env->now + share_login_hold(x->env->share, &l, x->env->now);
}

enum looked { LOOKED_RIGHT, LOOKED_WRONG, LOOKED_WAITS, LOOKED_BARRED, LOOKED_FULL };

/* Are g->name and g->password right? Asks if nobody knows. */
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
		return user ? LOOKED_RIGHT : LOOKED_WRONG;
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
		g->mine = true;
		enter_queue(x);
		break;
	}
	hold_back(x);
	exchange_enter(x, EXCHANGE_VERIFY);
	return LOOKED_WAITS;
}

static enum looked look(struct exchange *x, const struct user *user)
{
	enum looked looked = look_up(x, user);
	struct guard *g = x->r.guard;

	span_wipe(x->back.data + (g->password.at - x->back.data), g->password.len);
	g->password.len = 0;
	return looked;
}

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

static void see_other(struct exchange *x)
{
	struct guard *g = x->r.guard;
	struct page page = {.status = 303, .location = g->to};

	text_lit(&g->down, "Cache-Control: no-store\r\n");
	page.fields = text_span(&g->down);
	exchange_reply(x, &page);
}

/* The password was right. False: it has been answered. */
static bool take_right(struct exchange *x, const struct user *user)
{
	struct guard *g = x->r.guard;
	struct share_login l = login_of(x);

	if (g->mine)
		share_login_good(x->env->share, &l, x->env->now);
	x->r.hide_authorization = !g->by_form;
	if (g->inside)
		return true;
	if (!satisfies(g, user)) {
		say_forbidden(x);
		return false;
	}
	g->user = user;
	begin_session(x);
	if (g->by_form)
		see_other(x);
	return !g->by_form;
}

static void tell_wrong(struct exchange *x)
{
	exchange_leave_queue(x);
	log_failure(x, "failed log-in");
	say_wrong(x);
}

/* It was wrong. False: it has been answered, or will be. */
static bool take_wrong(struct exchange *x)
{
	struct guard *g = x->r.guard;

	if (g->inside)
		return true; /* they are somebody else's */
	if (x->env->now >= g->until) {
		tell_wrong(x);
	} else if (g->queued || has_queue_place(x)) {
		if (!g->queued)
			enter_queue(x);
		exchange_enter(x, EXCHANGE_PAUSE);
	} else {
		log_failure(x, "failed log-in");
		exchange_refuse(x, &no_place);
	}
	return false;
}

/* True: it may go on. */
static bool take_look(struct exchange *x, enum looked looked, const struct user *user)
{
	struct guard *g = x->r.guard;

	switch (looked) {
	case LOOKED_RIGHT:
		return take_right(x, user);
	case LOOKED_WRONG:
		return take_wrong(x);
	case LOOKED_BARRED:
		say_too_many(x);
		return false;
	case LOOKED_FULL:
		if (!g->inside)
			exchange_refuse(x, &no_place);
		x->r.hide_authorization = true; /* it may be ours */
		return g->inside;
	default:
		return false;
	}
}

void exchange_expire_verify(struct exchange *x)
{
	exchange_leave_queue(x);
	exchange_refuse(x, &no_answer);
}

void exchange_step_verify(struct exchange *x)
{
	struct guard *g = x->r.guard;
	const struct user *user = users_find(g->users, g->name);
	bool goes_on;

	switch (verify_look(&x->env->verify, &g->tag, x->env->now)) {
	case VERIFY_RIGHT:
		goes_on = take_look(x, user ? LOOKED_RIGHT : LOOKED_WRONG, user);
		break;
	case VERIFY_WRONG:
		goes_on = take_look(x, LOOKED_WRONG, user);
		break;
	case VERIFY_ASKED:
		return;
	default:
		exchange_expire_verify(x);
		return;
	}
	if (x->r.state == EXCHANGE_PAUSE)
		return;
	exchange_leave_queue(x);
	if (goes_on)
		admit(x);
}

void exchange_step_pause(struct exchange *x)
{
	if (x->env->now >= x->r.guard->until)
		tell_wrong(x);
}

void exchange_cut_pause(struct exchange *x)
{
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
	l = login_of(x);
	return by_session(x, g) == user || share_login_standing(x->env->share, &l, x->env->now) == SHARE_FRIEND;
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
	return !may_be_ours(x, user) || take_look(x, look(x, user), user);
}

static bool guard_outside(struct exchange *x)
{
	const struct user *user;

	if (!by_credentials(x)) {
		x->r.why = "nobody has logged in";
		exchange_challenge(x, 401, NULL);
		return false;
	}
	user = users_find(x->r.guard->users, x->r.guard->name);
	return take_look(x, look(x, user), user);
}

/* True: it may go on. */
static bool guard_users(struct exchange *x)
{
	struct guard *g = x->r.guard;

	if (x->asked.many >> FIELD_AUTHORIZATION & 1) {
		exchange_refuse(x, &two_credentials);
		return false;
	}
	g->user = by_session(x, g);
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
	if (asks->count)
		text_lit(&g->down, "Cache-Control: private\r\n");
	if (!is_one(g)) {
		exchange_refuse(x, &two_log_ins);
		return;
	}
	if (g->users ? guard_users(x) : guard_inside(x))
		admit(x);
}

void exchange_log_in(struct exchange *x)
{
	const struct user *user = users_find(x->r.guard->users, x->r.guard->name);

	take_look(x, look(x, user), user);
}
