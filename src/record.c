/* SPDX-License-Identifier: MIT
 *
 * record - how is a request told in the access log?
 *
 * Knows the two formats. Knows no files and no clock.
 */
#include "record.h"

/* What a client sent may be long, and an escaped byte takes up to six: so many
 * bytes of the line may one value fill. That keeps every line under RECORD_MOST,
 * so that nobody can hide by what he sends. */
enum { TARGET_ROOM = 2048, REFERER_ROOM = 1024, WORD_ROOM = 512, ESCAPE = 6 };

static bool is_plain(char c)
{
	return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

/* As much of it as surely fits. Does a blank count as itself? */
static struct span cut(struct span s, size_t room, bool blanks)
{
	size_t n, used = 0;

	if (s.len <= room / ESCAPE)
		return s;
	for (n = 0; n < s.len; n++) {
		used += is_plain(s.at[n]) && (blanks || s.at[n] != ' ') ? 1 : ESCAPE;
		if (used > room)
			break;
	}
	return span_of(s.at, n);
}

static struct span shown(struct span s, size_t room)
{
	return cut(s, room, true);
}

static void quoted(struct text *out, struct span s, size_t room)
{
	text_lit(out, " \"");
	if (s.len)
		text_quoted(out, shown(s, room));
	else
		text_char(out, '-');
	text_char(out, '"');
}

/* A column without quotes: a blank in it must not begin the next one. */
static void word(struct text *out, struct span s)
{
	text_char(out, ' ');
	if (!s.len)
		text_char(out, '-');
	for (s = cut(s, WORD_ROOM, false); s.len;) {
		size_t blank = span_find(s, ' ');
		bool more = blank < s.len;

		text_quoted(out, span_cut(&s, ' '));
		if (more)
			text_lit(out, "\\x20");
	}
}

/* "0.012": seconds with their thousandths. */
static void seconds(struct text *out, int64_t us)
{
	uint64_t ms = us < 0 ? 0 : (uint64_t)us / 1000;

	text_number(out, ms / 1000);
	text_char(out, '.');
	text_char(out, (char)('0' + ms / 100 % 10));
	text_char(out, (char)('0' + ms / 10 % 10));
	text_char(out, (char)('0' + ms % 10));
}

static void combined(struct text *out, const struct record *r)
{
	text_span_add(out, r->client);
	text_lit(out, " -");
	word(out, r->user);
	text_lit(out, " [");
	text_span_add(out, r->time);
	text_lit(out, "] \"");
	if (r->method.len) {
		text_quoted(out, shown(r->method, WORD_ROOM));
		text_char(out, ' ');
		text_quoted(out, shown(r->target, TARGET_ROOM));
		text_str(out, r->version == 10 ? " HTTP/1.0" : " HTTP/1.1");
	} else {
		text_char(out, '-');
	}
	text_lit(out, "\" ");
	text_number(out, (uint64_t)r->status);
	text_char(out, ' ');
	text_number(out, r->bytes);
	quoted(out, r->referer, REFERER_ROOM);
	quoted(out, r->agent, WORD_ROOM);
	word(out, r->host);
	word(out, r->server ? span_str(r->server) : span_of("", 0));
	text_char(out, ' ');
	seconds(out, r->took_us);
	text_char(out, ' ');
	if (r->server_us < 0)
		text_char(out, '-');
	else
		seconds(out, r->server_us);
	word(out, r->id);
	quoted(out, r->why ? span_str(r->why) : span_of("", 0), WORD_ROOM);
	word(out, r->cache ? span_str(r->cache) : span_of("", 0));
}

static void member(struct text *out, const char *name, struct span value, size_t room)
{
	text_str(out, name);
	text_char(out, '"');
	text_json(out, shown(value, room));
	text_lit(out, "\",");
}

static void json(struct text *out, const struct record *r)
{
	text_char(out, '{');
	member(out, "\"time\":", r->iso_time, WORD_ROOM);
	member(out, "\"client\":", r->client, WORD_ROOM);
	member(out, "\"user\":", r->user, WORD_ROOM);
	member(out, "\"method\":", r->method, WORD_ROOM);
	member(out, "\"host\":", r->host, WORD_ROOM);
	member(out, "\"target\":", r->target, TARGET_ROOM);
	member(out, "\"referer\":", r->referer, REFERER_ROOM);
	member(out, "\"user_agent\":", r->agent, WORD_ROOM);
	member(out, "\"server\":", r->server ? span_str(r->server) : span_of("", 0), WORD_ROOM);
	member(out, "\"id\":", r->id, WORD_ROOM);
	member(out, "\"why\":", r->why ? span_str(r->why) : span_of("", 0), WORD_ROOM);
	member(out, "\"cache\":", r->cache ? span_str(r->cache) : span_of("", 0), WORD_ROOM);
	member(out, "\"tls\":", r->tls ? span_str(r->tls) : span_of("", 0), WORD_ROOM);
	text_str(out, r->tls_resumed ? "\"tls_resumed\":true," : "\"tls_resumed\":false,");
	text_lit(out, "\"status\":");
	text_number(out, (uint64_t)r->status);
	text_lit(out, ",\"bytes\":");
	text_number(out, r->bytes);
	text_lit(out, ",\"seconds\":");
	seconds(out, r->took_us);
	text_lit(out, ",\"server_seconds\":");
	if (r->server_us < 0)
		text_lit(out, "null");
	else
		seconds(out, r->server_us);
	text_char(out, '}');
}

void record_write(struct text *out, const struct record *r, enum log_format format)
{
	if (format == LOG_JSON)
		json(out, r);
	else
		combined(out, r);
}
