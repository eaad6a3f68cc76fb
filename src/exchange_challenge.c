/* SPDX-License-Identifier: MIT
 *
 * exchange_challenge - what is answered to those who may not pass?
 *
 * The login page to people where there is one, else a 401; and a line in the log
 * for each failure.
 */
#include "exchange_guard.h"

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

static void challenge(struct exchange *x, int status, const char *wrong)
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
		struct share_login l = guard_login(x);
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

void guard_say_nobody(struct exchange *x)
{
	x->r.why = "nobody has logged in";
	challenge(x, 401, NULL);
}

void guard_say_wrong(struct exchange *x)
{
	log_failure(x, "failed log-in");
	x->r.why = "wrong user name or password";
	challenge(x, 401, "This user name and password do not belong together.");
}

void guard_say_forbidden(struct exchange *x)
{
	x->r.why = "this user may not see this";
	challenge(x, 401, "You may not see this page. Somebody else may.");
}

void guard_say_too_many(struct exchange *x)
{
	log_failure(x, "too many failed log-ins");
	x->r.why = "too many failed log-ins";
	challenge(x, 429, "Too many wrong passwords came. Please wait a while before you try again.");
}
