/* SPDX-License-Identifier: MIT
 *
 * option - what holds for a route, after gateway, site and route have spoken?
 *
 * Knows which fields are gateway's own to write.
 */
#include "config_option.h"
#include "config_limit.h"
#include "config_network.h"

enum {
	EDITS = 64,       /* in one message */
	EDITS_BLOCK = 2048 /* bytes of those that are set: half of what a head may grow (GW_HEAD_OUT) */
};

struct options option_standard(void)
{
	return (struct options){
		.connect_timeout = key_of(KEY_CONNECT_TIMEOUT)->standard,
		.response_timeout = key_of(KEY_RESPONSE_TIMEOUT)->standard,
		.body_timeout = key_of(KEY_BODY_TIMEOUT)->standard,
		.tunnel_timeout = key_of(KEY_TUNNEL_TIMEOUT)->standard,
		.fail_timeout = key_of(KEY_FAIL_TIMEOUT)->standard,
		.max_fails = (int)key_of(KEY_MAX_FAILS)->standard,
		.tries = (int)key_of(KEY_TRIES)->standard,
		.forwarded = key_of(KEY_FORWARDED)->standard != 0,
	};
}

/* --- networks ---------------------------------------------------------- */

/* A list of nobody is not the same as none: a file of those who may pass can be empty. */
static void inherit_allow(struct draft *d, struct options *o, const struct level *own)
{
	static const struct net nobody = {.family = NET_NONE};

	network_rows(d, own, KEY_ALLOW, &o->allow, &o->allow_count, 0);
	if (level_get(own, KEY_ALLOW) && !o->allow_count) {
		o->allow = &nobody;
		o->allow_count = 1;
	}
}

/* --- header fields ---------------------------------------------------------- */

/* Written by gateway itself, in both directions, so that lengths and
 * connections stay true. */
static bool is_framing(enum field_id id)
{
	switch (id) {
	case FIELD_CONNECTION:
	case FIELD_CONTENT_LENGTH:
	case FIELD_EXPECT:
	case FIELD_HTTP2_SETTINGS:
	case FIELD_KEEP_ALIVE:
	case FIELD_PROXY_CONNECTION:
	case FIELD_TE:
	case FIELD_TRAILER:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_UPGRADE:
	case FIELD_VIA:
		return true;
	default:
		return false;
	}
}

static bool is_ours(const struct key *key, const struct edit *e)
{
	if (is_framing(e->id))
		return true;
	if (key->id == KEY_HEADER)
		return e->id == FIELD_HOST || e->id == FIELD_DATE;
	return head_is_origin(e->id) || e->id == FIELD_MAX_FORWARDS || (e->id == FIELD_HOST && e->remove);
}

static bool is_field_value(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.at[i] < ' ' && s.at[i] != '\t') || s.at[i] == 0x7f)
			return false;
	return true;
}

/* "Name: value" or "-Name" */
static bool read_edit(struct faults *f, const struct setting *s, struct edit *e)
{
	struct span rest = s->text;

	*e = (struct edit){.remove = rest.len && rest.at[0] == '-'};
	if (e->remove) {
		e->name = span_trim(span_of(rest.at + 1, rest.len - 1));
	} else {
		bool colon = span_find(rest, ':') < rest.len;

		e->name = span_trim(span_cut(&rest, ':'));
		e->value = span_trim(rest);
		if (!colon) {
			fault_at(f, s->line, "%s: expected 'Name: value' or '-Name', not '%.*s'", s->key->name.at, SHOW(s->text));
			return false;
		}
	}
	e->id = head_id(e->name);
	if (!span_is_token(e->name) || e->name.len > 255)
		fault_at(f, s->line, "%s: '%.*s' is not a field name", s->key->name.at, SHOW(e->name));
	else if (!is_field_value(e->value))
		fault_at(f, s->line, "%s: the value of '%.*s' holds a control byte", s->key->name.at, SHOW(e->name));
	else if (is_ours(s->key, e))
		fault_at(f, s->line, "%s: '%.*s' is written by gateway itself", s->key->name.at, SHOW(e->name));
	else
		return true;
	return false;
}

static bool names(const struct edit *at, size_t count, struct span name)
{
	for (size_t i = 0; i < count; i++)
		if (span_same(at[i].name, name))
			return true;
	return false;
}

static size_t block_size(const struct edit *at, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += at[i].remove ? 0 : at[i].name.len + at[i].value.len + sizeof ": \r\n" - 1;
	return size;
}

static struct span compose_block(struct faults *f, int line, const struct edit *at, size_t count)
{
	size_t size = block_size(at, count);
	struct text block = text_in(arena_take(f->arena, size + 1), size);

	if (size > EDITS_BLOCK)
		fault_at(f, line, "the fields set up to here take %zu bytes; at most %d", size, EDITS_BLOCK);
	for (size_t i = 0; i < count; i++) {
		if (at[i].remove)
			continue;
		text_span_add(&block, at[i].name);
		text_lit(&block, ": ");
		text_span_add(&block, at[i].value);
		text_lit(&block, "\r\n");
	}
	return text_span(&block);
}

static void inherit_edits(struct faults *f, struct edits *edits, const struct level *own, enum key_id id)
{
	const struct edits outer = *edits;
	size_t count = 0, mine;
	struct edit *row;
	int line = 0;

	for (const struct setting *s = level_get(own, id); s; s = level_more(s))
		count++;
	if (!count)
		return;
	row = ARENA_ROW(f->arena, struct edit, count + outer.count);
	count = 0;
	for (const struct setting *s = level_get(own, id); s; s = level_more(s)) {
		line = s->line;
		count += read_edit(f, s, &row[count]);
	}
	mine = count;
	for (size_t i = 0; i < outer.count; i++)
		if (!names(row, mine, outer.at[i].name))
			row[count++] = outer.at[i];
	if (count > EDITS)
		fault_at(f, line, "%zu fields are changed here; at most %d", count, EDITS);
	*edits = (struct edits){row, count, compose_block(f, line, row, count)};
}

/* --- fields about users ---------------------------------------------------------- */

/* NULL: a server may hear of users by this field. Else why not. */
static const char *refuse_about(enum key_id key, struct span name)
{
	enum field_id id = head_id(name);

	if (!span_is_token(name) || name.len > 255)
		return "is not a field name";
	if (is_framing(id) || head_is_origin(id) || id == FIELD_MAX_FORWARDS || id == FIELD_HOST)
		return "is written by gateway itself";
	if (id == FIELD_COOKIE || (id == FIELD_AUTHORIZATION && key == KEY_USER_HEADER))
		return "is what clients and servers tell each other";
	return NULL;
}

/* No value that a client sends goes up. */
static void hide(struct faults *f, int line, struct edits *edits, struct span name)
{
	const struct edits outer = *edits;
	struct edit *row;
	size_t count = 1;

	for (size_t i = 0; i < outer.count; i++)
		if (outer.at[i].remove && span_same(outer.at[i].name, name))
			return;
	if (outer.count >= EDITS) {
		fault_at(f, line, "%zu fields are changed here; at most %d", outer.count + 1, EDITS);
		return;
	}
	row = ARENA_ROW(f->arena, struct edit, outer.count + 1);
	row[0] = (struct edit){.name = name, .remove = true, .id = head_id(name)};
	for (size_t i = 0; i < outer.count; i++)
		if (!span_same(outer.at[i].name, name))
			row[count++] = outer.at[i];
	*edits = (struct edits){row, count, compose_block(f, line, row, count)};
}

/* Behind what is set already, so that what the server says stands beside it. */
static struct span add_private(struct arena *a, struct span block)
{
	const struct span ours = SPAN("Cache-Control: private\r\n");
	struct text t = text_in(arena_take(a, block.len + ours.len), block.len + ours.len);

	text_span_add(&t, block);
	text_span_add(&t, ours);
	return text_span(&t);
}

void option_keep_private(struct faults *f, int line, struct options *o)
{
	static const struct span outrank[] = {{"CDN-Cache-Control", 17}, {"Surrogate-Control", 17}, {"X-Accel-Expires", 15}};

	if (names(o->response.at, o->response.count, SPAN("Cache-Control")))
		return;
	for (size_t i = 0; i < sizeof outrank / sizeof *outrank; i++)
		if (!names(o->response.at, o->response.count, outrank[i]))
			hide(f, line, &o->response, outrank[i]);
	o->response.block = add_private(f->arena, o->response.block);
	o->secret = true;
}

/* The next field that this setting names. */
static bool next_about(const struct setting *s, struct span *rest, struct span *name)
{
	if (s->key->id == KEY_COPY)
		return word_item(rest, name);
	*name = *rest;
	*rest = SPAN("");
	return name->len && !span_is(*name, SPAN("none"));
}

/* All that `own` lets servers hear of users by. What goes to the client is not among it. */
static void hide_all(struct faults *f, struct edits *edits, const struct level *own, enum key_id id, bool everywhere)
{
	for (const struct setting *s = level_get(own, id); s; s = level_more(s)) {
		struct span rest = s->text, name;

		while (next_about(s, &rest, &name)) {
			const char *why = refuse_about(id, name);

			if (id == KEY_COPY && span_same(name, SPAN("Set-Cookie")))
				continue;
			if (why && !everywhere)
				fault_at(f, s->line, "%s: '%.*s' %s", s->key->name.at, SHOW(name), why);
			if (!why && !(everywhere && head_id(name) == FIELD_AUTHORIZATION))
				hide(f, s->line, edits, name);
		}
	}
}

void option_hide(struct faults *f, struct options *o, const struct level *own)
{
	hide_all(f, &o->request, own, KEY_USER_HEADER, true);
	hide_all(f, &o->request, own, KEY_COPY, true);
}

/* --- all ------------------------------------------------------------------------ */

struct options option_inherit(struct draft *d, const struct options *outer, const struct level *own)
{
	struct faults *f = d->faults;
	struct options o = *outer;

	inherit_edits(f, &o.request, own, KEY_REQUEST_HEADER);
	inherit_edits(f, &o.response, own, KEY_HEADER);
	hide_all(f, &o.request, own, KEY_USER_HEADER, false);
	hide_all(f, &o.request, own, KEY_COPY, false);
	inherit_allow(d, &o, own);
	network_rows(d, own, KEY_DENY, &o.deny, &o.deny_count, o.deny_count);
	limit_inherit(d, &o, own);
	o.connect_timeout = level_number(own, KEY_CONNECT_TIMEOUT, o.connect_timeout);
	o.response_timeout = level_number(own, KEY_RESPONSE_TIMEOUT, o.response_timeout);
	o.body_timeout = level_number(own, KEY_BODY_TIMEOUT, o.body_timeout);
	o.tunnel_timeout = level_number(own, KEY_TUNNEL_TIMEOUT, o.tunnel_timeout);
	o.fail_timeout = level_number(own, KEY_FAIL_TIMEOUT, o.fail_timeout);
	o.max_fails = (int)level_number(own, KEY_MAX_FAILS, o.max_fails);
	o.tries = (int)level_number(own, KEY_TRIES, o.tries);
	o.forwarded = level_number(own, KEY_FORWARDED, o.forwarded) != 0;
	return o;
}

struct tls_wish option_wish(struct faults *f, const struct tls_wish *outer, const struct level *own)
{
	const struct setting *verify = level_get(own, KEY_VERIFY), *name = level_get(own, KEY_VERIFY_NAME);
	const struct setting *ca = level_get(own, KEY_CA);
	const struct setting *cert = level_get(own, KEY_CLIENT_CERT), *key = level_get(own, KEY_CLIENT_KEY);
	struct tls_wish w = *outer;

	if (verify || ca)
		w.verify = verify;
	if (name)
		w.verify_name = name;
	if (ca)
		w.ca = ca;
	if (cert) {
		w.client_cert = cert;
		w.client_key = key;
	}
	if (ca && verify && !span_is(verify->text, SPAN("ca")))
		fault_at(f, ca->line, "'ca' is for verify=ca, not for verify=%s", verify->text.at);
	if (key && !cert)
		fault_at(f, key->line, "'client_key' is the key of a 'client_cert', and there is none beside it");
	return w;
}
