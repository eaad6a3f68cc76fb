/* SPDX-License-Identifier: MIT
 *
 * Which moment, which variant, which part of it? HTTP-dates, Vary, conditions and ranges.
 */
#include "fresh_made.h"

/* --- HTTP-dates (RFC 9110 5.6.7) --------------------------------------------------------- */

#define NONE INT64_MIN

static const struct {
	const char *date;
	int64_t want;
} dates[] = {
	{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
	{"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
	{"Sun Nov  6 08:49:37 1994", 784111777},
	{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
	{"Thu, 01 Jan 1970 00:00:01 GMT", 1},
	{"Wed, 31 Dec 1969 23:59:59 GMT", -1},
	{"Sat, 01 Jan 0000 00:00:00 GMT", -62167219200},
	{"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
	{"Tue, 29 Feb 2000 12:00:00 GMT", 951825600},
	{"Wed, 01 Mar 2000 00:00:00 GMT", 951868800},
	{"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800},
	{"Thu, 31 Dec 2026 23:59:59 GMT", CLOCK - 1},
	{"Tue, 19 Jan 2038 03:14:08 GMT", 2147483648},
	{"Thu, 01 Mar 2100 00:00:00 GMT", 4107542400},
	{"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800}, /* a leap second */
	{"Mon, 06 Nov 1994 08:49:37 GMT", 784111777},  /* which day that was nobody needs to know */
	{"Fri Dec 31 23:59:59 2026", CLOCK - 1},
	/* RFC 9111 4.2: letters in any case */
	{"sun, 06 nov 1994 08:49:37 gmt", 784111777},
	{"SUNDAY, 06-NOV-94 08:49:37 GMT", 784111777},
	{"sUN nOV  6 08:49:37 1994", 784111777},
	/* two digits: at most 50 years ahead of 2027 */
	{"Friday, 31-Dec-99 23:59:59 GMT", 946684799},
	{"Friday, 01-Jan-00 00:00:00 GMT", 946684800},
	{"Friday, 01-Jan-27 00:00:00 GMT", CLOCK},
	{"Friday, 01-Jan-70 00:00:00 GMT", 3155760000},
	{"Friday, 30-Dec-76 23:59:59 GMT", 3376598399},
	{"Friday, 02-Jan-77 00:00:00 GMT", 221011200},
	{"Friday, 01-Jan-78 00:00:00 GMT", 252460800},
	{"Friday, 29-Feb-00 00:00:00 GMT", 951782400},
	/* none */
	{"", NONE},
	{"0", NONE},
	{"-1", NONE},
	{"784111777", NONE},
	{"Sun", NONE},
	{"Sun,", NONE},
	{"Sunday", NONE},
	{"Son, 06 Nov 1994 08:49:37 GMT", NONE},
	{"Sunda, 06-Nov-94 08:49:37 GMT", NONE},
	{"Sun, 06-Nov-94 08:49:37 GMT", NONE},
	{"Sunday, 06 Nov 1994 08:49:37 GMT", NONE},
	{"Sunday, 06-Nov-1994 08:49:37 GMT", NONE},
	{"Sunday Nov  6 08:49:37 1994", NONE},
	{"Sun, 6 Nov 1994 08:49:37 GMT", NONE},
	{"Sun,06 Nov 1994 08:49:37 GMT", NONE},
	{"Sun, 06  Nov 1994 08:49:37 GMT", NONE},
	{"Sun, 06 Nov 94 08:49:37 GMT", NONE},
	{"Sun, 06 Nov 19940 08:49:37 GMT", NONE},
	{"Sun, 06 Nov 1994 8:49:37 GMT", NONE},
	{"Sun, 06 Nov 1994 08:49 GMT", NONE},
	{"Sun, 06 Nov 1994 08:49:37 UTC", NONE},
	{"Sun, 06 Nov 1994 08:49:37 +0000", NONE},
	{"Sun, 06 Nov 1994 08:49:37 GMT+0", NONE},
	{"Sun, 06 Nov 1994 08:49:37 GMT, x", NONE},
	{"Sun, 06 Nov 1994 08:49:37GMT", NONE},
	{"Sun, 06 Nov 1994 08:49:37", NONE},
	{"Sun, 06 Non 1994 08:49:37 GMT", NONE},
	{"Sun, 00 Nov 1994 08:49:37 GMT", NONE},
	{"Sun, 31 Nov 1994 08:49:37 GMT", NONE},
	{"Sun, 32 Jan 1994 08:49:37 GMT", NONE},
	{"Tue, 29 Feb 1994 08:49:37 GMT", NONE},
	{"Thu, 29 Feb 2100 00:00:00 GMT", NONE},
	{"Sun, 06 Nov 1994 24:00:00 GMT", NONE},
	{"Sun, 06 Nov 1994 08:60:00 GMT", NONE},
	{"Sun, 06 Nov 1994 08:49:61 GMT", NONE},
	{"Sun, 06 Nov 1994 -8:49:37 GMT", NONE},
	{"Sun, 0x Nov 1994 08:49:37 GMT", NONE},
	{"Sun Nov 6 08:49:37 1994", NONE},
	{"Sun Nov  6 08:49:37 1994 GMT", NONE},
	{"Sun Nov   6 08:49:37 1994", NONE},
	{"Sun Nov  6 08:49:37 94", NONE},
	{"Mon, 29-Feb-23 00:00:00 GMT", NONE},
	{"Wednesday, 29-Feb-23 00:00:00 GMT", NONE},
	{"\"Sun, 06 Nov 1994 08:49:37 GMT\"", NONE},
};

static void reads_dates(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(dates); i++) {
		struct span date = block_of(span_str(dates[i].date));
		int64_t got = NONE;
		bool is = fresh_date(date, CLOCK, &got);

		if (is != (dates[i].want != NONE) || got != dates[i].want)
			fail_msg("%s: %lld, not %lld", dates[i].date, (long long)got, (long long)dates[i].want);
		block_free(date);
	}
	assert_false(fresh_date(span_of(NULL, 0), CLOCK, &(int64_t){0}));
}

/* A year of two digits, whatever our own clock shows. */
static void finds_centuries(void **state)
{
	static const struct {
		const char *date, *clock, *want;
	} rows[] = {
		{"Sunday, 01-Jan-94 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Sat, 01 Jan 1994 00:00:00 GMT"},
		{"Sunday, 01-Jan-94 00:00:00 GMT", "Sun, 01 Jan 2040 00:00:00 GMT", "Sat, 01 Jan 1994 00:00:00 GMT"},
		{"Sunday, 01-Jan-94 00:00:00 GMT", "Sun, 01 Jan 2045 00:00:00 GMT", "Fri, 01 Jan 2094 00:00:00 GMT"},
		{"Sunday, 01-Jan-05 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT", "Thu, 01 Jan 2105 00:00:00 GMT"},
		{"Sunday, 01-Jan-70 00:00:00 GMT", "Wed, 01 Jan 0000 00:00:00 GMT", "Thu, 01 Jan 0070 00:00:00 GMT"},
		{"Sunday, 01-Jan-99 00:00:00 GMT", "Fri, 31 Dec 9999 00:00:00 GMT", "Fri, 01 Jan 9999 00:00:00 GMT"},
	};
	int64_t clock, want, got;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(fresh_date(span_str(rows[i].clock), 0, &clock));
		assert_true(fresh_date(span_str(rows[i].want), 0, &want));
		assert_true(fresh_date(span_str(rows[i].date), clock, &got));
		if (got != want)
			fail_msg("%s at %s: %lld, not %lld", rows[i].date, rows[i].clock, (long long)got, (long long)want);
	}
}

/* Cut off anywhere it is none, and with a byte behind it neither. */
static void reads_dates_cut_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(dates[i].date);
		char longer[64];

		for (size_t n = 0; n < len; n++) {
			struct span date = block_of(span_of(dates[i].date, n));

			assert_false(fresh_date(date, CLOCK, &(int64_t){0}));
			block_free(date);
		}
		memcpy(longer, dates[i].date, len);
		for (int c = 0; c < 256; c++) {
			longer[len] = (char)c;
			assert_false(fresh_date(span_of(longer, len + 1), CLOCK, &(int64_t){0}));
		}
	}
}

/* --- Vary (RFC 9111 4.1) ------------------------------------------------------------------- */

static const struct {
	const char *vary, *asked, *want;
} varies[] = {
	{"", "", ""},
	{"", "Accept: a" N, ""},
	{"Vary:" N, "Accept: a" N, ""},
	{"Vary: Accept-Encoding" N, "Accept: a" N, "accept-encoding\n"},
	{"Vary: Accept-Encoding" N, "Accept-Encoding: gzip, br" N, "accept-encoding:gzip, br\n"},
	{"Vary: accept-encoding" N, "ACCEPT-ENCODING:\t gzip \t" N, "accept-encoding:gzip\n"},
	{"Vary: Accept" N, "Accept:" N, "accept:\n"},
	{"Vary: Accept" N, "Accept: a" N "X: y" N "accept: b" N "ACCEPT: c" N, "accept:a, b, c\n"},
	{"Vary: Accept" N, "Accept:" N "Accept:" N, "accept:, \n"},
	{"Vary: Accept" N, "Accept: x:y\"" N, "accept:x:y\"\n"},
	{"Vary: Accept, X-Foo,,Cookie" N "Vary: bar" N, "X-FOO: 1" N "Cookie: a=b" N, "accept\nx-foo:1\ncookie:a=b\nbar\n"},
	/* 4.1: they are in the key */
	{"Vary: Host, Accept, X-Forwarded-Proto, X-FORWARDED-HOST, x-forwarded-port, X-Forwarded-Prefix" N, "Host: a" N "X-Forwarded-Proto: https" N, "accept\n"},
	{"Vary: *" N, "Accept: a" N, ""},
	/* a coding that Vary says nothing of */
	{"Content-Encoding: gzip" N, "Accept: a" N, "accept-encoding\n"},
	{"content-encoding: br" N "Vary: Accept" N, "Accept-Encoding: br" N, "accept\naccept-encoding:br\n"},
	{"Content-Encoding: gzip" N "Vary: Accept, accept-encoding" N, "Accept-Encoding: br" N, "accept\naccept-encoding:br\n"},
	{"Content-Encoding: Identity" N, "Accept-Encoding: br" N, ""},
	{"Content-Encoding: identity" N "Content-Encoding: gzip" N, "", "accept-encoding\n"},
};

static void writes_what_varies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(varies); i++) {
		struct made request, response;
		size_t len = strlen(varies[i].want);

		made_request(&request, "GET", varies[i].asked);
		made_response(&response, 200, varies[i].vary);
		for (size_t size = 0; size <= len; size++) {
			struct text out = block_text(size);

			fresh_vary(&out, &request.head, &response.head);
			assert_int_equal(out.full, size < len);
			if (size == len) {
				block_same(text_span(&out), varies[i].want, varies[i].vary);
				if (!fresh_vary_matches(text_span(&out), &request.head))
					fail_msg("%s %s: not what it was made from", varies[i].vary, varies[i].asked);
			}
			free(out.at);
		}
		made_free(&request);
		made_free(&response);
	}
}

static const struct {
	const char *vary, *asked;
	bool want;
} matching[] = {
	{"accept:a\n", "Accept: a" N, true},
	{"accept:a\n", "ACCEPT: \t a  " N, true},
	{"accept:a\n", "Accept: a" N "Foo: b" N, true},
	{"accept:a\n", "Accept: A" N, false},
	{"accept:a\n", "Accept: b" N, false},
	{"accept:a\n", "Accept: aa" N, false},
	{"accept:aa\n", "Accept: a" N, false},
	{"accept:a\n", "Accept:" N, false},
	{"accept:a\n", "", false},
	{"accept:a\n", "Accepu: a" N, false},
	{"accept:a\n", "Accept: a" N "Accept: a" N, false},
	{"accept:a\n", "Accept: a" N "Accept:" N, false},
	{"accept:a, b\n", "Accept: a, b" N, true}, /* the same said on two lines (RFC 9110 5.2) */
	{"accept:a, b\n", "Accept: a" N "accept: b" N, true},
	{"accept:a, b\n", "Accept: a" N "accept: b" N "accept: c" N, false},
	{"accept:a, b\n", "Accept: b" N "accept: a" N, false},
	{"accept:a, b\n", "Accept: a" N, false},
	{"accept:a, b\n", "Accept: a,b" N, false},
	{"accept\n", "", true},
	{"accept\n", "Foo: b" N, true},
	{"accept\n", "Accept:" N, false},
	{"accept\n", "Accept: a" N, false},
	{"accept:\n", "Accept:" N, true},
	{"accept:\n", "", false},
	{"accept:\n", "Accept: a" N, false},
	{"accept:x:y\n", "Accept: x:y" N, true},
	{"accept:x:y\n", "Accept: x" N, false},
	{"accept:a\nfoo\ncookie:b\n", "Cookie: b" N "Accept: a" N, true},
	{"accept:a\nfoo\ncookie:b\n", "Cookie: c" N "Accept: a" N, false},
	{"accept:a\nfoo\ncookie:b\n", "Cookie: b" N "Accept: a" N "Foo:" N, false},
	{"", "Accept: a" N, true},
};

static void compares_what_varies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(matching); i++) {
		struct span vary = block_of(span_str(matching[i].vary));
		struct made m;

		made_request(&m, "GET", matching[i].asked);
		if (fresh_vary_matches(vary, &m.head) != matching[i].want)
			fail_msg("%s of %s", matching[i].vary, matching[i].asked);
		block_free(vary);
		made_free(&m);
	}
}

/* --- conditions (RFC 9110 13) ----------------------------------------------------------------- */

#define STRONG "\"a\""
#define BEFORE "Thu, 31 Dec 2026 23:58:59 GMT" /* a second before Last-Modified */
#define SINCE "Thu, 31 Dec 2026 23:59:00 GMT"  /* Last-Modified, */
#define AFTER "Thu, 31 Dec 2026 23:59:01 GMT"
#define INM "If-None-Match: "
#define IMS "If-Modified-Since: "
#define MODIFIED (CLOCK - 60)

struct row {
	const char *asked, *want;
};

/* "whole", "304", "416", "first-last" */
static const char *part_of(const char *method, const char *asked, const struct fresh_stored *s, const char *etag, uint64_t length)
{
	static char out[64];
	struct span tag = block_of(span_str(etag));
	uint64_t first = 1, last = 0;
	enum fresh_part part;
	struct made m;

	made_request(&m, method, asked);
	part = fresh_part(&m.head, s, tag, length, &first, &last);
	if (part == FRESH_RANGE) {
		snprintf(out, sizeof out, "%llu-%llu", (unsigned long long)first, (unsigned long long)last);
		assert_true(first <= last && last < length);
	} else {
		strcpy(out, part == FRESH_WHOLE ? "whole" : part == FRESH_NOT_MODIFIED ? "304" : "416");
	}
	made_free(&m);
	block_free(tag);
	return out;
}

static void run(const struct row *rows, size_t count, const struct fresh_stored *s, const char *etag, uint64_t length)
{
	for (size_t i = 0; i < count; i++)
		block_same(span_str(part_of("GET", rows[i].asked, s, etag, length)), rows[i].want, rows[i].asked);
}

static const struct fresh_stored stored = {.status = 200, .modified = MODIFIED, .date = CLOCK};

/* 13.1.2, by weak comparison (8.8.3.2) */
static const struct row none_match[] = {
	{"", "whole"},
	{INM STRONG N, "304"},
	{INM "W/" STRONG N, "304"},
	{INM "\"b\"" N, "whole"},
	{INM "\"b\", " STRONG N, "304"},
	{INM STRONG ", \"b\"" N, "304"},
	{INM STRONG ",\"b\"" N, "304"},
	{INM "\"b\",W/" STRONG ",\"c\"" N, "304"},
	{INM ",, \"b\" ,\t," STRONG N, "304"},
	{INM "\"b\"" N INM STRONG N, "304"},
	{INM "\"b\"" N "X: y" N INM "\"c\"" N, "whole"},
	{INM "*" N, "304"},
	{INM "\"*\"" N, "whole"},
	{INM "*, " STRONG N, "whole"}, /* not a list */
	{INM STRONG ", *" N, "304"},
	{INM "*" N INM "\"b\"" N, "whole"},
	{INM N, "whole"},
	{INM "a" N, "whole"},
	{INM "a, " STRONG N, "whole"}, /* what is behind something wrong is not read */
	{INM "\"a" N, "whole"},
	{INM "\"b, \"a\"" N, "whole"},
	{INM "\"A\"" N, "whole"},
	{INM "\"aa\"" N, "whole"},
	{INM "\"\"" N, "whole"},
	{INM "w/" STRONG N, "whole"},
	{INM "W/ " STRONG N, "whole"},
	{INM STRONG "b" N, "whole"},
	{INM STRONG "\"b\"" N, "whole"},
	{INM "\"b,c\", " STRONG N, "304"},
	{INM "\"b\\\", " STRONG N, "304"}, /* '\\' is a byte as any other */
	/* 13.2.2: it goes before If-Modified-Since */
	{INM "\"b\"" N IMS AFTER N, "whole"},
	{INM N IMS AFTER N, "whole"},
	{INM STRONG N IMS BEFORE N, "304"},
};

/* 13.1.3 */
static const struct row modified_since[] = {
	{IMS BEFORE N, "whole"},
	{IMS SINCE N, "304"},
	{IMS AFTER N, "304"},
	{IMS "Thursday, 31-Dec-26 23:59:00 GMT" N, "304"},
	{IMS "Thu Dec 31 23:59:00 2026" N, "304"},
	{IMS "thu, 31 dec 2026 23:59:00 gmt" N, "304"},
	{IMS "Thu, 01 Jan 2099 00:00:00 GMT" N, "304"},
	{IMS "Thu, 01 Jan 1970 00:00:00 GMT" N, "whole"},
	{IMS N, "whole"},
	{IMS "0" N, "whole"},
	{IMS "now" N, "whole"},
	{IMS AFTER "; length=5" N, "whole"},
	{IMS AFTER N IMS AFTER N, "whole"},
};

static void knows_conditions(void **state)
{
	static const struct fresh_stored undated = {.status = 200, .date = MODIFIED}, other = {.status = 404, .modified = MODIFIED, .date = CLOCK};

	(void)state;
	run(none_match, COUNT(none_match), &stored, STRONG, 10);
	run(modified_since, COUNT(modified_since), &stored, STRONG, 10);
	/* RFC 9111 4.3.2: without Last-Modified, Date */
	run(modified_since, COUNT(modified_since), &undated, STRONG, 10);
	for (size_t i = 0; i < COUNT(none_match); i++) {
		const char *want = none_match[i].want;

		block_same(span_str(part_of("HEAD", none_match[i].asked, &stored, STRONG, 10)), want, none_match[i].asked);
		block_same(span_str(part_of("GET", none_match[i].asked, &stored, "W/" STRONG, 10)), want, none_match[i].asked);
		/* without one it is not known, but that it is there (13.1.2) */
		block_same(span_str(part_of("GET", none_match[i].asked, &stored, "", 10)), strcmp(none_match[i].asked, INM "*" N) == 0 ? "304" : "whole", none_match[i].asked);
		block_same(span_str(part_of("POST", none_match[i].asked, &stored, STRONG, 10)), "whole", none_match[i].asked);
		/* 13.2.1: of a 200 only */
		block_same(span_str(part_of("GET", none_match[i].asked, &other, STRONG, 10)), "whole", none_match[i].asked);
	}
}

/* --- ranges (RFC 9110 14) ------------------------------------------------------------------------ */

#define R "Range: bytes="

static const struct row ranges[] = { /* of 10 bytes */
	{R "0-0" N, "0-0"},
	{R "0-9" N, "0-9"},
	{R "2-5" N, "2-5"},
	{R "9-9" N, "9-9"},
	{R "002-05" N, "2-5"},
	{"range: BYTES=2-5" N, "2-5"},
	/* 14.1.2: an open end, an end beyond the end */
	{R "0-" N, "0-9"},
	{R "9-" N, "9-9"},
	{R "5-10" N, "5-9"},
	{R "5-18446744073709551615" N, "5-9"},
	{R "5-99999999999999999999999999" N, "5-9"},
	/* a suffix */
	{R "-1" N, "9-9"},
	{R "-10" N, "0-9"},
	{R "-11" N, "0-9"},
	{R "-18446744073709551616" N, "0-9"},
	/* 15.5.17 */
	{R "10-" N, "416"},
	{R "10-10" N, "416"},
	{R "18446744073709551615-" N, "416"},
	{R "18446744073709551616-" N, "416"},
	{R "99999999999999999999-99999999999999999999" N, "416"},
	{R "-0" N, "416"},
	{R "-000" N, "416"},
	/* invalid: as if it were not there */
	{R "5-4" N, "whole"},
	{R "99999999999999999999-4" N, "whole"},
	{R N, "whole"},
	{R "-" N, "whole"},
	{R "5" N, "whole"},
	{R "a-b" N, "whole"},
	{R "1-b" N, "whole"},
	{R "-b" N, "whole"},
	{R "1-2-3" N, "whole"},
	{R "--1" N, "whole"},
	{R "+1-2" N, "whole"},
	{R "1 -2" N, "whole"},
	{R " 1-2" N, "whole"},
	{R "1-2 x" N, "whole"},
	{R "0x1-2" N, "whole"},
	{R "1-99999999999999999999x" N, "whole"},
	{"Range: bytes" N, "whole"},
	{"Range: bytes 1-2" N, "whole"},
	{"Range: 1-2" N, "whole"},
	{"Range: =1-2" N, "whole"},
	{"Range: bytes =1-2" N, "whole"},
	{"Range:" N, "whole"},
	/* other units, several ranges: 14.2 lets a server do without */
	{"Range: lines=1-2" N, "whole"},
	{R "0-1,3-4" N, "whole"},
	{R "0-1," N, "whole"},
	{R "0-1" N R "0-1" N, "whole"},
	/* 13.2.2: conditions go first */
	{R "0-1" N INM STRONG N, "304"},
	{R "0-1" N INM "\"b\"" N, "0-1"},
	{R "0-1" N IMS SINCE N, "304"},
	{R "0-1" N IMS BEFORE N, "0-1"},
	{R "10-" N INM STRONG N, "304"},
};

static void cuts_ranges(void **state)
{
	static const struct fresh_stored other = {.status = 203};

	(void)state;
	run(ranges, COUNT(ranges), &stored, STRONG, 10);
	for (size_t i = 0; i < COUNT(ranges); i++) {
		const char *want = strcmp(ranges[i].want, "304") == 0 ? "304" : "whole";

		block_same(span_str(part_of("HEAD", ranges[i].asked, &stored, STRONG, 10)), want, ranges[i].asked); /* 14.2: of GET only */
		block_same(span_str(part_of("GET", ranges[i].asked, &stored, STRONG, UINT64_MAX)), want, ranges[i].asked);
		block_same(span_str(part_of("GET", ranges[i].asked, &other, STRONG, 10)), "whole", ranges[i].asked);
	}
}

static void cuts_ranges_of_nothing(void **state)
{
	static const struct row empty[] = {
		{R "0-" N, "416"}, {R "0-0" N, "416"}, {R "1-" N, "416"}, {R "-1" N, "whole"}, {R "-0" N, "416"}, {R "1-0" N, "whole"}, {"", "whole"},
	};
	static const struct row largest[] = {
		{R "0-" N, "0-18446744073709551613"},
		{R "18446744073709551613-" N, "18446744073709551613-18446744073709551613"},
		{R "18446744073709551614-" N, "416"},
		{R "-1" N, "18446744073709551613-18446744073709551613"},
		{R "-99999999999999999999" N, "0-18446744073709551613"},
	};

	(void)state;
	run(empty, COUNT(empty), &stored, STRONG, 0);
	run(largest, COUNT(largest), &stored, STRONG, UINT64_MAX - 1);
}

/* 13.1.5, by strong comparison */
#define IF R "0-1" N "If-Range: "

static const struct row if_range[] = {
	{IF STRONG N, "0-1"},
	{IF "\"b\"" N, "whole"},
	{IF "W/" STRONG N, "whole"},
	{IF "\"b\", " STRONG N, "whole"},
	{IF "*" N, "whole"},
	{IF N, "whole"},
	{IF "a" N, "whole"},
	{IF STRONG N "If-Range: " STRONG N, "whole"},
	{IF SINCE N, "0-1"},
	{IF "Thursday, 31-Dec-26 23:59:00 GMT" N, "0-1"},
	{IF BEFORE N, "whole"},
	{IF AFTER N, "whole"}, /* exactly this one */
	{IF "Sometime" N, "whole"},
	{"If-Range: \"b\"" N, "whole"},
	{R "10-" N "If-Range: \"b\"" N, "whole"},
	{R "10-" N "If-Range: " STRONG N, "416"},
};

static void asks_if_range(void **state)
{
	static const struct fresh_stored young = {.status = 200, .modified = MODIFIED, .date = CLOCK - 1}, undated = {.status = 200, .date = MODIFIED};

	(void)state;
	run(if_range, COUNT(if_range), &stored, STRONG, 10);
	block_same(span_str(part_of("GET", IF "W/" STRONG N, &stored, "W/" STRONG, 10)), "whole", "weak");
	block_same(span_str(part_of("GET", IF STRONG N, &stored, "W/" STRONG, 10)), "whole", "weak");
	block_same(span_str(part_of("GET", IF STRONG N, &stored, "", 10)), "whole", "none");
	block_same(span_str(part_of("GET", IF "\"\"" N, &stored, "\"\"", 10)), "0-1", "empty");
	block_same(span_str(part_of("GET", IF SINCE N, &young, STRONG, 10)), "whole", "younger than a minute (8.8.2.2)");
	block_same(span_str(part_of("GET", IF SINCE N, &undated, STRONG, 10)), "whole", "no Last-Modified");
}

/* --- validators of a stored head --------------------------------------------------------------------- */

#define LINE "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *head, *etag, *modified;
} validators[] = {
	{LINE, "", ""},
	{LINE "ETag: \"a\"" N, "\"a\"", ""},
	{LINE "etag: W/\"a\"" N "X: y" N, "W/\"a\"", ""},
	{LINE "X: y" N "ETAG: \"\"" N "Last-Modified: " SINCE N, "\"\"", SINCE},
	{LINE "Last-Modified: " SINCE N "ETag: \"a,b\xc3\xa4\"" N, "\"a,b\xc3\xa4\"", SINCE},
	{LINE "X-ETag: \"a\"" N "ETagg: \"b\"" N "ETag : \"c\"" N, "", ""},
	{LINE "X: ETag: \"a\"" N, "", ""},
	{LINE "ETag: a" N "Last-Modified: odd" N, "", "odd"},
	{LINE "ETag: \"a b\"" N, "", ""},
	{LINE "ETag: \"a\", \"b\"" N, "", ""},
	{LINE "ETag: \"a" N, "", ""},
	{LINE "ETag:" N "Last-Modified:" N, "", ""},
	{LINE "ETag: \"a\"" N "ETag: \"b\"" N, "", ""},
	{LINE "ETag: \"a\"" N "ETag:" N, "", ""},
	{LINE "Last-Modified: a" N "Last-Modified: b" N, "", ""},
	{LINE "ETag: \"a\"" N "Last-Modified: ", "\"a\"", ""},
	{"", "", ""},
};

static void finds_validators(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(validators); i++) {
		struct span head = block_of(span_str(validators[i].head));
		struct fresh_stored s;

		memset(&s, 0x55, sizeof s);
		fresh_validators(&s, head);
		assert_true(s.etag_at + s.etag_len <= head.len && s.modified_at + s.modified_len <= head.len);
		block_same(span_of(head.at + s.etag_at, s.etag_len), validators[i].etag, validators[i].head);
		block_same(span_of(head.at + s.modified_at, s.modified_len), validators[i].modified, validators[i].head);
		s.modified = 0; /* it could not be read: it is not asked with */
		fresh_validators(&s, head);
		assert_int_equal(s.modified_len, 0);
		block_free(head);
	}
}

/* Places that 16 bits cannot say. */
static void leaves_far_validators(void **state)
{
	static const struct {
		size_t before;
		uint16_t len;
	} rows[] = {{65529, 0}, {65535 - 6 - 3, 3}, {65536 - 6 - 3, 0}, {70000, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct text head = block_text(rows[i].before + strlen("ETag: \"a\"\r\n"));
		struct fresh_stored s = {.modified = 1};

		for (size_t n = 0; n < rows[i].before; n++)
			text_char(&head, n + 1 == rows[i].before ? '\n' : 'x');
		text_lit(&head, "ETag: \"a\"\r\n");
		assert_false(head.full);
		fresh_validators(&s, text_span(&head));
		assert_int_equal(s.etag_len, rows[i].len);
		free(head.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_dates),
		cmocka_unit_test(finds_centuries),
		cmocka_unit_test(reads_dates_cut_off),
		cmocka_unit_test(writes_what_varies),
		cmocka_unit_test(compares_what_varies),
		cmocka_unit_test(knows_conditions),
		cmocka_unit_test(cuts_ranges),
		cmocka_unit_test(cuts_ranges_of_nothing),
		cmocka_unit_test(asks_if_range),
		cmocka_unit_test(finds_validators),
		cmocka_unit_test(leaves_far_validators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
