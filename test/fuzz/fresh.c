/* SPDX-License-Identifier: MIT
 *
 * fresh - any bytes as what servers and clients say of caches. What forbids is never
 * lost by what stands beside it, what was stored is stale some day, and what varies
 * is told apart.
 *
 * The first byte says what the others are: 'c' field lines of a response that begin in
 * Cache-Control, 't' in CDN-Cache-Control, 'r' of a response as they are, 'q' of a request,
 * 'v' a Vary, a zero byte and field lines of a request, 'd' a date, 'h' a stored head text.
 */
#include "../../src/fresh_parts.h"
#include "check.h"

#define CLOCK 1798761600
#define MS 5000

/* --- heads ------------------------------------------------------------------------- */

/* A head of these pieces, in a block of its size; false: it is none. */
static bool read_head(struct head *h, char **wire, bool response, struct span a, struct span b, struct span c)
{
	struct span start = response ? SPAN("HTTP/1.1 200 OK\r\n") : SPAN("GET / HTTP/1.1\r\n");
	size_t len = start.len + a.len + b.len + c.len + 2;
	struct text t = text_in(malloc(len), len);

	text_span_add(&t, start);
	text_span_add(&t, a);
	text_span_add(&t, b);
	text_span_add(&t, c);
	text_lit(&t, "\r\n");
	CHECK(!t.full && t.len == len);
	*wire = t.at;
	return response ? !head_response(h, t.at, len) : !head_request(h, t.at, len);
}

static const struct span nothing = {"", 0};

/* --- a stored response ----------------------------------------------------------------- */

static const struct fresh_wish plain = {.max_age = -1, .max_stale = -1};

/* From good to bad, and never back; what it may be longest is what it says. */
static void check_life(const struct fresh_stored *s)
{
	int worst = FRESH_HIT;

	for (int64_t ttl = s->lifetime; ttl >= -3; ttl = ttl > 9 ? ttl / 3 : ttl - 1) {
		int64_t now = s->born + (s->lifetime - ttl) * 1000;
		int use = fresh_use(s, &plain, FRESH_ANYBODY, now);

		CHECK(fresh_ttl(s, now) == ttl && fresh_age(s, now) == s->lifetime - ttl);
		CHECK(use >= worst && use != FRESH_HIT_STALE && use != FRESH_FOREIGN);
		CHECK((use == FRESH_HIT) == (ttl > 0 && !s->validate));
		CHECK(use != FRESH_HIT_BEHIND || (s->stale_while > -ttl && !s->no_stale));
		CHECK(use == FRESH_VALIDATE || use != FRESH_HIT || fresh_on_error(s, &plain, now));
		CHECK(!fresh_on_error(s, &plain, now) || ttl > -s->stale_error);
		CHECK((fresh_use(s, &plain, FRESH_COOKIE, now) == FRESH_FOREIGN) == !s->told);
		CHECK((fresh_use(s, &plain, FRESH_AUTHORISED, now) == FRESH_FOREIGN) == !s->for_all);
		worst = use;
	}
}

static void check_stored(const struct fresh_stored *s, enum fresh_asker asker, const struct fresh_rule *rule)
{
	CHECK(s->lifetime >= 0 && s->stale_while >= 0 && s->stale_error >= 0 && s->modified >= 0 && s->status == 200);
	CHECK(s->born <= MS);
	CHECK(!(s->no_stale || s->validate) || (!s->stale_while && !s->stale_error));
	CHECK(asker != FRESH_AUTHORISED || s->for_all);
	CHECK(asker != FRESH_COOKIE || s->told);
	CHECK(rule->mode != FRESH_FORCE || (s->lifetime == rule->lifetime && s->told && s->for_all && !s->validate));
	check_life(s);
}

static const struct fresh_rule rules[] = {
	{.mode = FRESH_OBEY},
	{.mode = FRESH_OBEY, .cookies = FRESH_COOKIES_KEEP, .stale_while = 5, .stale_error = 9},
	{.mode = FRESH_GIVE, .cookies = FRESH_COOKIES_STRIP, .lifetime = 7},
	{.mode = FRESH_FORCE, .lifetime = 7, .stale_while = 3},
};

static const char *store(struct fresh_stored *s, enum fresh_asker asker, const struct head *answer, const struct fresh_rule *rule)
{
	static const struct fresh_times t = {CLOCK, MS - 1500, MS};
	struct head asked;
	char *wire;
	const char *why;

	CHECK(read_head(&asked, &wire, false, nothing, nothing, nothing));
	why = fresh_store(s, &asked, asker, answer, rule, &t);
	free(wire);
	return why;
}

static void check_answer(const struct head *h)
{
	struct fresh_stored s, other;

	for (size_t r = 0; r < sizeof rules / sizeof *rules; r++) {
		const char *why = store(&s, FRESH_ANYBODY, h, &rules[r]);

		if (!why)
			check_stored(&s, FRESH_ANYBODY, &rules[r]);
		for (int asker = FRESH_COOKIE; asker <= FRESH_AUTHORISED; asker++)
			if (!store(&other, (enum fresh_asker)asker, h, &rules[r])) {
				check_stored(&other, (enum fresh_asker)asker, &rules[r]);
				CHECK(!why && memcmp(&s, &other, sizeof s) == 0);
			}
		for (unsigned i = 0; i < h->count; i++)
			CHECK(h->fields[i].id != FIELD_SET_COOKIE || rules[r].cookies == FRESH_COOKIES_KEEP || fresh_leaves_out(h, i, &rules[r]));
	}
}

/* One line more that forbids, and it is forbidden; one that shortens, and it is not longer. */
static void check_more(struct span lines, const char *why, const struct fresh_stored *s)
{
	static const struct span more[] = {
		{"Cache-Control: no-store\r\n", 25},
		{"Cache-Control: private\r\n", 24},
		{"Cache-Control: max-age=0, s-maxage=0\r\n", 38},
		{"Cache-Control: no-cache\r\n", 25},
	};
	struct fresh_stored other;

	for (int i = 0; i < 8; i++) {
		struct head h;
		char *wire;
		const char *now;

		/* before them, and behind: what is not closed in one line is none of the next one's business */
		if (read_head(&h, &wire, true, i & 4 ? nothing : more[i & 3], lines, i & 4 ? more[i & 3] : nothing)) {
			now = store(&other, FRESH_ANYBODY, &h, &rules[0]);
			CHECK(!why || now);
			CHECK((i & 3) > 1 || now);
			CHECK((i & 3) != 2 || now || (other.lifetime == 0 && s->lifetime >= 0));
			CHECK((i & 3) != 3 || now || other.validate);
		}
		free(wire);
	}
}

static void check_control(const struct head *h, struct span lines)
{
	struct fresh_control c;
	struct fresh_stored s;

	fresh_control(&c, h);
	CHECK(c.max_age >= -1 && c.s_maxage >= -1 && c.stale_while >= -1 && c.stale_error >= -1);
	CHECK(c.count <= FRESH_NAMES);
	for (unsigned i = 0; i < c.count; i++)
		CHECK(!c.names[i].len || (fresh_is_names(c.names[i]) && c.names[i].at > h->base && c.names[i].at + c.names[i].len < h->base + h->len));
	if (!c.targeted && !c.must_understand)
		check_more(lines, store(&s, FRESH_ANYBODY, h, &rules[0]), &s);
}

static void check_response(struct span before, struct span lines, struct span after)
{
	struct head h;
	char *wire;

	if (read_head(&h, &wire, true, before, lines, after)) {
		struct span all = span_of(wire + 17, h.len - 19); /* between the status line and the empty one */

		check_answer(&h);
		check_control(&h, all);
	}
	free(wire);
}

/* A dictionary with one more member is one, and means the same. */
static void check_targeted(struct span lines)
{
	struct fresh_control c, other;
	struct head h;
	char *wire, *again;

	if (read_head(&h, &wire, true, SPAN("CDN-Cache-Control: "), lines, SPAN("\r\n")) && fresh_targeted(&c, &h)) {
		struct head more;

		CHECK(read_head(&more, &again, true, SPAN("CDN-Cache-Control: none, "), lines, SPAN("\r\nCDN-Cache-Control: a=(b \"c\";d);e, f=:QQ==:\r\n")));
		CHECK(fresh_targeted(&other, &more));
		for (int i = 0; i < 2; i++) {
			CHECK(span_is(c.names[i], other.names[i]));
			c.names[i] = other.names[i];
		}
		CHECK(memcmp(&c, &other, sizeof c) == 0);
		free(again);
		CHECK(!read_head(&more, &again, true, SPAN("CDN-Cache-Control: "), lines, SPAN("\r\nCDN-Cache-Control: &\r\n")) || !fresh_targeted(&other, &more));
		free(again);
	}
	free(wire);
}

/* --- a request ----------------------------------------------------------------------------- */

static void check_wish(const struct head *h)
{
	static const struct fresh_rule ignore = {.mode = FRESH_OBEY, .ignore_reload = true};
	struct fresh_wish w, less;

	fresh_wish(&w, h, &rules[0]);
	fresh_wish(&less, h, &ignore);
	CHECK(w.max_age >= -1 && w.max_stale >= -1 && w.min_fresh >= 0);
	CHECK(!less.no_cache && less.max_age == -1 && !less.min_fresh);
	CHECK(less.no_store == w.no_store && less.only_if_cached == w.only_if_cached && less.max_stale == w.max_stale);
}

/* Is this text in one of these fields? */
static bool has_text(const struct head *h, enum field_id id, struct span text)
{
	for (unsigned i = 0; i < h->count; i++) {
		struct span value = head_value(h, i);

		for (; h->fields[i].id == id && value.len; value = span_of(value.at + 1, value.len - 1))
			if (span_starts(value, text))
				return true;
	}
	return false;
}

static void check_part(const struct head *h)
{
	static const struct fresh_stored s = {.status = 200, .modified = CLOCK - 60, .date = CLOCK};
	static const char *const etags[] = {"\"a\"", "W/\"a\"", ""};
	static const uint64_t lengths[] = {0, 1, 10, UINT64_MAX - 1, UINT64_MAX};

	for (size_t i = 0; i < 15; i++) {
		uint64_t length = lengths[i / 3], first = 1, last = 0;
		struct span etag = span_str(etags[i % 3]);
		enum fresh_part part = fresh_part(h, &s, etag, length, &first, &last);

		CHECK(part != FRESH_RANGE || (first <= last && last < length && length != UINT64_MAX));
		CHECK(part == FRESH_RANGE || (first == 1 && last == 0));
		CHECK(part == FRESH_WHOLE || part == FRESH_NOT_MODIFIED || head_has(h, FIELD_RANGE));
		if (part != FRESH_NOT_MODIFIED)
			continue;
		if (head_has(h, FIELD_IF_NONE_MATCH))
			CHECK(has_text(h, FIELD_IF_NONE_MATCH, SPAN("*")) || (etag.len && has_text(h, FIELD_IF_NONE_MATCH, SPAN("\"a\""))));
		else
			CHECK(head_has(h, FIELD_IF_MODIFIED_SINCE));
	}
}

static void check_request(struct span lines)
{
	struct fresh_wish w;
	struct head h, more;
	char *wire, *again;

	if (read_head(&h, &wire, false, lines, nothing, nothing)) {
		check_wish(&h);
		check_part(&h);
		if (read_head(&more, &again, false, lines, SPAN("Cache-Control: no-cache, max-age=3\r\n"), nothing)) {
			fresh_wish(&w, &more, &rules[0]);
			CHECK(w.no_cache && w.max_age >= 0 && w.max_age <= 3);
		}
		free(again);
	}
	free(wire);
}

/* --- Vary ---------------------------------------------------------------------------------- */

/* The same request matches, one with a field more of the first name does not. */
static void check_match(struct span vary, const struct head *asked, struct span lines)
{
	struct span rest = vary, line = span_cut(&rest, '\n'), name = span_cut(&line, ':');
	struct head more;
	char *wire;

	CHECK(fresh_vary_matches(vary, asked));
	if (!vary.len)
		return;
	CHECK(vary.at[vary.len - 1] == '\n');
	if (read_head(&more, &wire, false, lines, name, SPAN(": x\r\n")))
		CHECK(!fresh_vary_matches(vary, &more));
	free(wire);
}

static void check_vary(struct span bytes)
{
	struct span lines = bytes, vary = span_cut(&lines, '\0');
	struct head asked, answer;
	char *request, *response;
	bool is = read_head(&asked, &request, false, lines, nothing, nothing);

	if (read_head(&answer, &response, true, SPAN("Vary: "), vary, SPAN("\r\n")) && is && !fresh_vary_forbids(&answer)) {
		size_t size = 4 * bytes.len * (bytes.len + 1) + 64;
		struct text out = text_in(malloc(size), size), less;

		fresh_vary(&out, &asked, &answer);
		CHECK(!out.full);
		check_match(text_span(&out), &asked, lines);
		less = text_in(malloc(out.len ? out.len - 1 : 1), out.len ? out.len - 1 : 0);
		fresh_vary(&less, &asked, &answer);
		CHECK(less.full == (out.len != 0));
		free(less.at);
		free(out.at);
	}
	free(request);
	free(response);
}

/* --- dates and stored heads -------------------------------------------------------------------- */

static void check_date(struct span s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t seconds, again, day;
	char text[64];
	int year, month, at;

	if (!fresh_date(s, CLOCK, &seconds))
		return;
	CHECK(s.len >= 24 && s.len <= 34);
	/* back to a calendar, by counting */
	day = (seconds + 62167219200) / 86400;
	for (year = 0; day >= 365 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)); year++)
		day -= 365 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
	for (month = 0;; month++) {
		int len = month == 1 ? 28 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) : 31 - (month == 3 || month == 5 || month == 8 || month == 10);

		if (day < len)
			break;
		day -= len;
	}
	at = (int)((seconds + 62167219200) % 86400);
	if (year > 9999)
		return; /* its last leap second */
	snprintf(text, sizeof text, "Sun, %02d %.3s %04d %02d:%02d:%02d GMT", (int)day + 1, months + 3 * month, year, at / 3600, at / 60 % 60, at % 60);
	CHECK(fresh_date(span_str(text), CLOCK, &again) && again == seconds);
}

static void check_validators(struct span text)
{
	struct fresh_stored s = {.modified = 1};

	fresh_validators(&s, text);
	CHECK((size_t)s.etag_at + s.etag_len <= text.len && (size_t)s.modified_at + s.modified_len <= text.len);
	CHECK(!s.etag_len || fresh_is_etag(span_of(text.at + s.etag_at, s.etag_len)));
	CHECK(!s.etag_len || s.etag_at >= 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct span bytes = span_of((const char *)at, len), rest = bytes;

	if (len == 0)
		return 0;
	rest = span_of(bytes.at + 1, len - 1);
	switch (bytes.at[0]) {
	case 'c':
		check_response(SPAN("Cache-Control: "), rest, SPAN("\r\n"));
		break;
	case 't':
		check_response(SPAN("CDN-Cache-Control: "), rest, SPAN("\r\n"));
		check_targeted(rest);
		break;
	case 'r':
		check_response(nothing, rest, nothing);
		break;
	case 'q':
		check_request(rest);
		break;
	case 'v':
		check_vary(rest);
		break;
	case 'd':
		check_date(rest);
		break;
	case 'h':
		check_validators(rest);
		break;
	default:
		check_date(bytes);
		check_validators(bytes);
		check_request(bytes);
		check_response(nothing, bytes, nothing);
	}
	return 0;
}
