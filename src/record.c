/* SPDX-License-Identifier: MIT
 *
 * record - how is a request told in the access log?
 *
 * Knows the two formats. Knows no files and no clock.
 */
#include "record.h"

/* What a client sent may be long, and an escaped byte takes four or six: these
 * keep every line under RECORD_MOST, so that nobody can hide by what he sends. */
enum { TARGET_SHOWN = 1024, REFERER_SHOWN = 512, WORD_SHOWN = 256 };

static struct span shown(struct span s, size_t most)
{
	return s.len > most ? span_of(s.at, most) : s;
}

static void quoted(struct text *out, struct span s, size_t most)
{
	text_lit(out, " \"");
	if (s.len)
		text_quoted(out, shown(s, most));
	else
		text_char(out, '-');
	text_char(out, '"');
}

static void word(struct text *out, struct span s)
{
	text_char(out, ' ');
	if (s.len)
		text_quoted(out, shown(s, WORD_SHOWN));
	else
		text_char(out, '-');
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
	text_lit(out, " - - [");
	text_span_add(out, r->time);
	text_lit(out, "] \"");
	if (r->method.len) {
		text_quoted(out, shown(r->method, WORD_SHOWN));
		text_char(out, ' ');
		text_quoted(out, shown(r->target, TARGET_SHOWN));
		text_str(out, r->version == 10 ? " HTTP/1.0" : " HTTP/1.1");
	} else {
		text_char(out, '-');
	}
	text_lit(out, "\" ");
	text_number(out, (uint64_t)r->status);
	text_char(out, ' ');
	text_number(out, r->bytes);
	quoted(out, r->referer, REFERER_SHOWN);
	quoted(out, r->agent, WORD_SHOWN);
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
	quoted(out, r->why ? span_str(r->why) : span_of("", 0), WORD_SHOWN);
}

static void member(struct text *out, const char *name, struct span value, size_t most)
{
	text_str(out, name);
	text_char(out, '"');
	text_json(out, shown(value, most));
	text_lit(out, "\",");
}

static void json(struct text *out, const struct record *r)
{
	text_char(out, '{');
	member(out, "\"time\":", r->iso_time, WORD_SHOWN);
	member(out, "\"client\":", r->client, WORD_SHOWN);
	member(out, "\"method\":", r->method, WORD_SHOWN);
	member(out, "\"host\":", r->host, WORD_SHOWN);
	member(out, "\"target\":", r->target, TARGET_SHOWN);
	member(out, "\"referer\":", r->referer, REFERER_SHOWN);
	member(out, "\"user_agent\":", r->agent, WORD_SHOWN);
	member(out, "\"server\":", r->server ? span_str(r->server) : span_of("", 0), WORD_SHOWN);
	member(out, "\"id\":", r->id, WORD_SHOWN);
	member(out, "\"why\":", r->why ? span_str(r->why) : span_of("", 0), WORD_SHOWN);
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
