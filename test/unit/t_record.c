/* SPDX-License-Identifier: MIT
 *
 * Is each request one line of a known form, whatever bytes it was made of?
 */
#include "../../src/record.h"
#include "block.h"
#include <stdio.h>

/* A request as most are; rows change some of it. */
static struct record usual(void)
{
	return (struct record){
		.client = SPAN("192.0.2.7"),
		.time = SPAN("23/Nov/2026:09:32:46 +0000"),
		.iso_time = SPAN("2026-11-23T09:32:46Z"),
		.method = SPAN("GET"),
		.target = SPAN("/a?b=c"),
		.host = SPAN("a.example"),
		.referer = SPAN("http://b.example/"),
		.agent = SPAN("curl/8"),
		.id = SPAN("abc234defghi"),
		.server = "10.0.0.5:8000",
		.bytes = 1234,
		.took_us = 12345,
		.server_us = 2999,
		.status = 200,
		.version = 11,
	};
}

static void is_told(const struct record *r, const char *combined, const char *json)
{
	struct text t = block_text(RECORD_MOST);

	record_write(&t, r, LOG_COMBINED);
	assert_false(t.full);
	block_same(text_span(&t), combined, "combined");
	t.len = 0;
	record_write(&t, r, LOG_JSON);
	assert_false(t.full);
	block_same(text_span(&t), json, "json");
	free(t.at);
}

#define TIME "[23/Nov/2026:09:32:46 +0000]"
#define JSON_TIME "{\"time\":\"2026-11-23T09:32:46Z\","

static void tells_a_request(void **state)
{
	struct record r = usual();

	(void)state;
	is_told(&r,
		"192.0.2.7 - - " TIME " \"GET /a?b=c HTTP/1.1\" 200 1234 \"http://b.example/\" \"curl/8\" a.example 10.0.0.5:8000 0.012 0.002 abc234defghi \"-\" -",
		JSON_TIME "\"client\":\"192.0.2.7\",\"user\":\"\",\"method\":\"GET\",\"host\":\"a.example\",\"target\":\"/a?b=c\",\"referer\":\"http://b.example/\","
			  "\"user_agent\":\"curl/8\",\"server\":\"10.0.0.5:8000\",\"id\":\"abc234defghi\",\"why\":\"\",\"cache\":\"\","
			  "\"tls\":\"\",\"tls_resumed\":false,\"status\":200,\"bytes\":1234,\"seconds\":0.012,\"server_seconds\":0.002}");
	r.version = 10;
	r.why = "it broke";
	r.cache = "miss";
	r.server_us = -1;
	r.status = 502;
	r.bytes = UINT64_MAX;
	r.took_us = 61000999;
	r.referer = r.agent = span_of(NULL, 0);
	r.tls = "TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305";
	r.tls_resumed = true;
	is_told(&r,
		"192.0.2.7 - - " TIME " \"GET /a?b=c HTTP/1.0\" 502 18446744073709551615 \"-\" \"-\" a.example 10.0.0.5:8000 61.000 - abc234defghi \"it broke\" miss",
		JSON_TIME "\"client\":\"192.0.2.7\",\"user\":\"\",\"method\":\"GET\",\"host\":\"a.example\",\"target\":\"/a?b=c\",\"referer\":\"\","
			  "\"user_agent\":\"\",\"server\":\"10.0.0.5:8000\",\"id\":\"abc234defghi\",\"why\":\"it broke\",\"cache\":\"miss\","
			  "\"tls\":\"TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305\",\"tls_resumed\":true,\"status\":502,\"bytes\":18446744073709551615,\"seconds\":61.000,\"server_seconds\":null}");
}

/* The third column is the user; no name moves the columns behind it. */
static void tells_the_user(void **state)
{
	static const struct {
		struct span user;
		const char *combined, *json;
	} rows[] = {
		{SPAN("alice"), "alice", "alice"},
		{{NULL, 0}, "-", ""},
		{SPAN("alice b"), "alice\\x20b", "alice b"},
		{SPAN(" - [x] \"GET"), "\\x20-\\x20[x]\\x20\\x22GET", " - [x] \\\"GET"},
		{SPAN(" "), "\\x20", " "},
		{SPAN("a\\\t\n"), "a\\x5c\\x09\\x0a", "a\\\\\\u0009\\u000a"},
		{SPAN("\xc3\xa4"), "\\xc3\\xa4", "\\u00c3\\u00a4"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct record r = usual();
		struct text want = block_text(1024), got = block_text(RECORD_MOST);

		r.user = rows[i].user;
		text_format(&want, "192.0.2.7 - %s [", rows[i].combined);
		record_write(&got, &r, LOG_COMBINED);
		assert_true(span_starts(text_span(&got), text_span(&want)));
		want.len = got.len = 0;
		text_format(&want, JSON_TIME "\"client\":\"192.0.2.7\",\"user\":\"%s\",\"method\"", rows[i].json);
		record_write(&got, &r, LOG_JSON);
		assert_true(span_starts(text_span(&got), text_span(&want)));
		free(want.at);
		free(got.at);
	}
}

/* A head that was never understood has no words of its own. */
static void tells_what_was_no_request(void **state)
{
	struct record r = {
		.client = SPAN("unix"),
		.time = SPAN("23/Nov/2026:09:32:46 +0000"),
		.iso_time = SPAN("2026-11-23T09:32:46Z"),
		.id = SPAN("id"),
		.why = "malformed",
		.server_us = -1,
		.took_us = -5,
		.status = 400,
	};

	(void)state;
	is_told(&r, "unix - - " TIME " \"-\" 400 0 \"-\" \"-\" - - 0.000 - id \"malformed\" -",
		JSON_TIME "\"client\":\"unix\",\"user\":\"\",\"method\":\"\",\"host\":\"\",\"target\":\"\",\"referer\":\"\",\"user_agent\":\"\",\"server\":\"\","
			  "\"id\":\"id\",\"why\":\"malformed\",\"cache\":\"\",\"tls\":\"\",\"tls_resumed\":false,\"status\":400,\"bytes\":0,\"seconds\":0.000,\"server_seconds\":null}");
}

/* The last column; every word of the cache stands as it is. */
static void tells_the_cache(void **state)
{
	static const struct {
		const char *word, *combined, *json;
	} rows[] = {
		{NULL, "-", ""}, {"hit", "hit", "hit"}, {"revalidated", "revalidated", "revalidated"}, {"stale", "stale", "stale"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct record r = usual();
		struct text t = block_text(RECORD_MOST);
		char want[60];

		r.cache = rows[i].word;
		snprintf(want, sizeof want, " abc234defghi \"-\" %s", rows[i].combined);
		record_write(&t, &r, LOG_COMBINED);
		assert_true(span_ends_same(text_span(&t), span_str(want)));
		t.len = 0;
		snprintf(want, sizeof want, "\"why\":\"\",\"cache\":\"%s\",\"tls\":", rows[i].json);
		record_write(&t, &r, LOG_JSON);
		text_char(&t, 0);
		if (!strstr(t.at, want))
			fail_msg("%s is not in %s", want, t.at);
		free(t.at);
	}
}

static void tells_times(void **state)
{
	static const struct {
		int64_t us;
		const char *told;
	} rows[] = {{0, "0.000"}, {999, "0.000"}, {1000, "0.001"}, {9999, "0.009"}, {10000, "0.010"}, {999999, "0.999"},
		{1000000, "1.000"}, {3600000000, "3600.000"}, {-1, "0.000"}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct record r = usual();
		struct text t = block_text(RECORD_MOST);
		char want[40];

		r.took_us = rows[i].us;
		snprintf(want, sizeof want, " %s 0.002 ", rows[i].told);
		record_write(&t, &r, LOG_COMBINED);
		text_char(&t, 0);
		if (!strstr(t.at, want))
			fail_msg("%lld us: %s", (long long)rows[i].us, t.at);
		free(t.at);
	}
}

/* No byte that a client can send ends a quoted value, or a line. */
static void escapes(void **state)
{
	struct record r = usual();

	(void)state;
	r.target = SPAN("/\"x\\");
	r.host = SPAN("a\" b");
	r.referer = SPAN("\" 200 0 \"\r\n\x1b[31m");
	r.agent = SPAN("\xc3\xa4\x7f\0");
	is_told(&r,
		"192.0.2.7 - - " TIME " \"GET /\\x22x\\x5c HTTP/1.1\" 200 1234 \"\\x22 200 0 \\x22\\x0d\\x0a\\x1b[31m\" \"\\xc3\\xa4\\x7f\\x00\" "
		"a\\x22\\x20b 10.0.0.5:8000 0.012 0.002 abc234defghi \"-\" -",
		JSON_TIME "\"client\":\"192.0.2.7\",\"user\":\"\",\"method\":\"GET\",\"host\":\"a\\\" b\",\"target\":\"/\\\"x\\\\\","
			  "\"referer\":\"\\\" 200 0 \\\"\\u000d\\u000a\\u001b[31m\",\"user_agent\":\"\\u00c3\\u00a4\\u007f\\u0000\","
			  "\"server\":\"10.0.0.5:8000\",\"id\":\"abc234defghi\",\"why\":\"\",\"cache\":\"\",\"tls\":\"\",\"tls_resumed\":false,"
			  "\"status\":200,\"bytes\":1234,\"seconds\":0.012,\"server_seconds\":0.002}");
}

static void fill(struct record *r, char *place, size_t len, char with)
{
	struct span s = span_of(place, len);

	memset(place, with, len);
	place[len] = 0;
	r->user = r->method = r->target = r->host = r->referer = r->agent = r->id = s;
	r->server = r->why = r->cache = r->tls = place;
	r->bytes = UINT64_MAX;
	r->took_us = r->server_us = INT64_MAX;
	r->status = 999;
}

/* Behind the quoted reason stands one column more. */
static bool ends_in_a_word(struct span line)
{
	size_t n = line.len;

	while (n && line.at[n - 1] != ' ' && line.at[n - 1] != '"')
		n--;
	return n >= 2 && n < line.len && line.at[n - 1] == ' ' && line.at[n - 2] == '"';
}

/* The worst that there can be is still one whole line. */
static void is_never_too_long(void **state)
{
	static const char bytes[] = {'a', ' ', '"', '\\', '\n', '\x7f', '\xff', 0};
	static char place[GW_HEAD + 1];

	(void)state;
	for (size_t b = 0; b < COUNT(bytes); b++)
		for (size_t len = 0; len <= GW_HEAD; len += len < 1100 ? 1 : 500)
			for (int format = LOG_COMBINED; format <= LOG_JSON; format++) {
				struct text t = block_text(RECORD_MOST);
				struct record r = usual();

				fill(&r, place, len, bytes[b]);
				if (bytes[b] == 0 && len == 0)
					r.server = r.why = r.cache = NULL;
				record_write(&t, &r, (enum log_format)format);
				assert_false(t.full);
				for (size_t i = 0; i < t.len; i++)
					assert_true(t.at[i] >= ' ' && t.at[i] <= '~');
				if (format == LOG_JSON)
					assert_int_equal(t.at[t.len - 1], '}');
				else
					assert_true(ends_in_a_word(text_span(&t)));
				if (format == LOG_COMBINED && bytes[b] == ' ' && len) /* one blank before '[', none inside a column */
					assert_true(span_starts(text_span(&t), SPAN("192.0.2.7 - \\x20")) && t.at[12 + 4 * (len < 85 ? len : 85)] == ' ');
				free(t.at);
			}
}

/* A long target is shown as far as there is room, from its start. */
static void cuts_what_is_long(void **state)
{
	static char place[GW_HEAD + 1];
	struct record r = usual();
	struct text t = block_text(RECORD_MOST);
	size_t shown = 0;

	(void)state;
	memset(place, 'x', sizeof place);
	r.target = span_of(place, sizeof place);
	record_write(&t, &r, LOG_COMBINED);
	for (size_t i = 0; i < t.len; i++)
		shown += t.at[i] == 'x';
	shown--; /* of b.example */
	shown--; /* of a.example */
	assert_true(shown >= 1024 && shown <= 4096);
	free(t.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_a_request),
		cmocka_unit_test(tells_the_user),
		cmocka_unit_test(tells_what_was_no_request),
		cmocka_unit_test(tells_the_cache),
		cmocka_unit_test(tells_times),
		cmocka_unit_test(escapes),
		cmocka_unit_test(is_never_too_long),
		cmocka_unit_test(cuts_what_is_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
