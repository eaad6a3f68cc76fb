/* SPDX-License-Identifier: MIT
 *
 * config - any bytes as a configuration file, and as words of a command line:
 * there is a configuration or there are messages, and what is there holds what
 * its users rely on.
 */
#include "../../src/config.h"
#include "check.h"

static void take_message(void *user, const char *message)
{
	size_t *count = user;

	++*count;
	CHECK(*message);
	for (; *message; message++)
		CHECK((unsigned char)*message >= ' ' && *message != 0x7f);
}

/* Lines that end in CRLF and hold no other control bytes. */
static void check_block(struct span block)
{
	CHECK(!block.len || (block.len > 3 && block.at[block.len - 1] == '\n'));
	for (size_t i = 0; i < block.len; i++) {
		CHECK((block.at[i] == '\n') == (i > 0 && block.at[i - 1] == '\r'));
		CHECK((unsigned char)block.at[i] >= ' ' || strchr("\t\r\n", block.at[i]));
	}
}

static bool is_hidden(const struct options *o, struct span name)
{
	for (size_t i = 0; i < o->request.count; i++)
		if (span_same(o->request.at[i].name, name))
			return o->request.at[i].remove;
	return false;
}

/* No name of a field breaks a line, and none of them comes from a client. */
static void check_field(const struct options *o, struct span name)
{
	CHECK(span_is_token(name) && is_hidden(o, name));
}

static void check_auth(const struct config *c, const struct options *o, const struct auth *a)
{
	CHECK(!a->users != !a->ask && a->session >= 60 && c->guards && o->checks);
	CHECK(!a->users || a->users == &c->users[a->users->number]);
	CHECK(!a->ask || (a->ask->server == &c->servers[a->ask->server->number] && a->ask->base.len && a->ask->base.at[0] == '/'));
	for (size_t i = 0; a->ask && i < a->ask->base.len; i++)
		CHECK(a->ask->base.at[i] > ' ' && a->ask->base.at[i] <= '~');
	CHECK(!a->ask || (!a->form && !a->require_count && !a->user_header.len));
	CHECK(a->ask || !a->copy_count);
	if (a->user_header.len)
		check_field(o, a->user_header);
	for (size_t i = 0; i < a->copy_count; i++)
		if (!span_same(a->copy[i], SPAN("Set-Cookie")))
			check_field(o, a->copy[i]);
}

static void check_users(const struct users *u)
{
	size_t len = strlen(u->label);

	CHECK(len && len <= USERS_LABEL && span_is_token(span_str(u->label)) && span_is_token(u->secure_cookie));
	for (size_t i = 0; i < u->count; i++) {
		struct span name = u->at[i].name;

		CHECK(name.len && name.len <= SESSION_NAME && span_find(name, ':') == name.len);
		CHECK(!password_refuse(u->at[i].hash) && !u->at[i].hash.at[u->at[i].hash.len] && u->at[i].hash.len < PASSWORD_HASH);
	}
}

static void check_options(const struct options *o)
{
	check_block(o->request.block);
	check_block(o->response.block);
	CHECK(o->tries > 0 && o->connect_timeout > 0 && o->body_timeout > 0 && o->fail_timeout > 0);
	for (size_t i = 0; i < o->allow_count; i++)
		CHECK(o->allow[i].family == NET_IP4 || o->allow[i].family == NET_IP6);
}

static void check_cache(const struct config *c, const struct cache_rule *rule)
{
	CHECK(c->cache >= 65536 && c->cache <= 1 << 30 && rule->object <= c->cache / 2);
	CHECK(rule->fresh.mode > FRESH_OFF && rule->fresh.mode <= FRESH_FORCE && rule->fresh.cookies <= FRESH_COOKIES_KEEP);
	CHECK((rule->fresh.mode == FRESH_OBEY) == (rule->fresh.lifetime == 0));
	CHECK(rule->fresh.lifetime >= 0 && rule->fresh.stale_while >= 0 && rule->fresh.stale_error >= 0);
	CHECK(rule->identity.len == 43 && rule->drop_count <= 32);
	for (size_t i = 0; i < rule->drop_count; i++)
		CHECK(rule->drop[i].len && span_find(rule->drop[i], '&') == rule->drop[i].len && span_find(rule->drop[i], '*') + 1 >= rule->drop[i].len);
}

static void check_target(const struct config *c, const struct route *r, const struct target *t)
{
	bool exact = r->prefix.at[r->prefix.len - 1] != '/';

	CHECK(t->weight > 0 && t->weight <= 1000 && *t->text);
	CHECK(t->server == &c->servers[t->server->number]);
	CHECK(!t->base.len || (t->base.at[0] == '/' && (exact || t->base.at[t->base.len - 1] == '/')));
	CHECK(t->server->path ? t->server->path[0] == '/' : t->server->address.port != 0);
	CHECK(t->server->path || t->server->host || t->server->address.family != NET_NONE);
	CHECK(!t->server->host || strlen(t->server->host) < GW_NAME);
}

static void check_route(const struct config *c, const struct route *r)
{
	CHECK(r == &c->routes[r->number] && r->prefix.len && r->prefix.at[0] == '/');
	check_options(&r->options);
	if (r->options.auth) {
		CHECK(r->site->guarded);
		check_auth(c, &r->options, r->options.auth);
	}
	if (r->options.cache) {
		CHECK(r->kind == ROUTE_PROXY);
		check_cache(c, r->options.cache);
	}
	for (size_t i = 0; i < r->target_count; i++)
		check_target(c, r, &r->targets[i]);
	switch (r->kind) {
	case ROUTE_PROXY:
		CHECK(r->target_count > 0 && r->target_count <= GW_TARGETS && (size_t)r->group + r->target_count <= c->target_count);
		break;
	case ROUTE_REDIRECT:
		CHECK(!r->target_count && r->status > 300 && r->status < 309 && r->location.len);
		break;
	default:
		CHECK(r->kind == ROUTE_REPLY && !r->target_count && r->status >= 200 && r->status <= 599);
		CHECK(r->type.len || !r->text.len);
	}
	for (size_t i = 0; i < r->when_count; i++)
		CHECK(r->when[i].kind == WHEN_FROM ? r->when[i].network_count : r->when[i].kind == WHEN_METHOD || r->when[i].name.len);
}

static void check_site(const struct site *s)
{
	CHECK(s->host_count && s->route_count);
	for (size_t i = 0; i < s->host_count; i++) {
		CHECK(s->hosts[i].len);
		for (size_t j = 0; j < s->hosts[i].len; j++)
			CHECK(s->hosts[i].at[j] == span_lower(s->hosts[i].at[j]));
	}
	for (size_t i = 0; i < s->route_count; i++)
		CHECK(s->routes[i]->site == s);
}

static void check(struct config *c, size_t messages)
{
	static char room[1 << 20];
	struct text out = text_in(room, sizeof room);

	CHECK((c != NULL) == (messages == 0));
	if (!c)
		return;
	CHECK(c->listener_count && c->site_count && c->route_count);
	CHECK(c->buffer >= GW_HEAD + 1024 && c->workers > 0 && c->clients > 0 && c->requests > 0);
	for (size_t i = 0; i < c->route_count; i++)
		check_route(c, &c->routes[i]);
	for (size_t i = 0; i < c->site_count; i++)
		check_site(&c->sites[i]);
	for (size_t i = 0; i < c->users_count; i++)
		check_users(&c->users[i]);
	for (size_t i = 0; i < c->listener_count; i++)
		CHECK(c->listeners[i].site_count && (c->listeners[i].path || c->listeners[i].address.port));
	config_print(c, &out);
	CHECK(out.len || out.full);
	config_free(c);
}

/* Lines as words. */
static void check_words(struct span text)
{
	char *copy = malloc(text.len + 1), *words[64];
	struct config *c;
	size_t messages = 0;
	int count = 0;

	CHECK(copy);
	if (text.len)
		memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	for (char *word = copy; word && count < 64;) {
		char *end = strchr(word, '\n');

		words[count++] = word;
		if (end)
			*end++ = '\0';
		word = end;
	}
	c = config_words(count, words, take_message, &messages);
	check(c, messages);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct span text = span_of((const char *)at, len);
	size_t messages = 0;
	struct config *c = config_text("f", text, take_message, &messages);

	check(c, messages);
	check_words(text);
	return 0;
}
