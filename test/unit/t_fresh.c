/* SPDX-License-Identifier: MIT
 *
 * May this be stored, and for whom? Tables of cases by section of the RFCs.
 */
#include "fresh_made.h"

#define MS 1000000 /* monotonic, when the request goes out and the answer comes */

static const struct fresh_rule obey = {.mode = FRESH_OBEY};

static struct fresh_times at_once = {CLOCK, MS, MS};

/* Why not; or "60" seconds, and behind it what else was found out. */
static const char *tell(const char *why, const struct fresh_stored *s)
{
	static char out[160];
	int n;

	if (why)
		return why;
	n = snprintf(out, sizeof out, "%d", (int)s->lifetime);
	if (s->born != MS)
		n += snprintf(out + n, sizeof out - (size_t)n, " age %lld%s", (long long)((MS - s->born) / 1000), (MS - s->born) % 1000 ? " and a part" : "");
	if (s->stale_while)
		n += snprintf(out + n, sizeof out - (size_t)n, " while %d", (int)s->stale_while);
	if (s->stale_error)
		n += snprintf(out + n, sizeof out - (size_t)n, " error %d", (int)s->stale_error);
	snprintf(out + n, sizeof out - (size_t)n, "%s%s%s%s%s", s->told ? " told" : "", s->for_all ? " all" : "", s->validate ? " validate" : "",
		 s->no_stale ? " no-stale" : "", s->immutable ? " immutable" : "");
	return out;
}

static const char *store(const char *asked, enum fresh_asker asker, int status, const char *answer, const struct fresh_rule *rule, const struct fresh_times *t)
{
	struct fresh_stored s;
	struct made request, response;
	const char *why;

	made_request(&request, "GET", asked);
	made_response(&response, status, answer);
	why = fresh_store(&s, &request.head, asker, &response.head, rule, t);
	if (!why)
		assert_int_equal(s.status, status);
	made_free(&request);
	made_free(&response);
	return tell(why, &s);
}

struct row {
	const char *answer, *want;
};

static void compare(const char *answer, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("%s\ngot \"%s\", not \"%s\"", answer, got, want);
}

static void run(const struct row *rows, size_t count, const struct fresh_rule *rule, enum fresh_asker asker)
{
	for (size_t i = 0; i < count; i++)
		compare(rows[i].answer, store("", asker, 200, rows[i].answer, rule, &at_once), rows[i].want);
}

#define RUN(rows, rule, asker) run(rows, COUNT(rows), rule, asker)

/* --- what is said of lifetimes -------------------------------------------------------- */

#define LATER "Expires: Fri, 01 Jan 2027 00:01:40 GMT\r\n" /* 100 s */
#define TAG "ETag: \"a\"\r\n"

static const struct row lifetimes[] = {
	/* RFC 9111 5.2.2.1 max-age */
	{CC "max-age=60" N, "60 told"},
	{CC "max-age=1" N, "1 told"},
	{CC "max-age=060" N, "60 told"},
	{CC "max-age=0" N, "no lifetime"},
	{CC "max-age=0" N TAG, "0"},
	{"Cache-control:max-age=60" N, "60 told"},
	{CC "MAX-AGE=60" N, "60 told"},
	{CC "Max-Age=60" N, "60 told"},
	{CC ", ,max-age=60,, ," N, "60 told"},
	{CC "foo, max-age=60, bar=baz, qux=\"max-age=5, no-store\"" N, "60 told"},
	{CC "foo=\"\\\", no-store, \", max-age=60" N, "60 told"},
	/* RFC 9111 5.2: as a quoted string, too */
	{CC "max-age=\"60\"" N, "60 told"},
	{CC "max-age=\"6\\0\"" N TAG, "0"},
	{CC "max-age=\"60" N TAG, "0"},
	{CC "max-age=60\"" N TAG, "0"},
	{CC "max-age=\"60\"0" N TAG, "0"},
	{CC "max-age=\"\"" N TAG, "0"},
	/* RFC 9111 4.2.1: what is no number is stale */
	{CC "max-age" N TAG, "0"},
	{CC "max-age=" N TAG, "0"},
	{CC "max-age=x" N TAG, "0"},
	{CC "max-age=-1" N TAG, "0"},
	{CC "max-age=+60" N TAG, "0"},
	{CC "max-age=60s" N TAG, "0"},
	{CC "max-age=1.5" N TAG, "0"},
	{CC "max-age=0x10" N TAG, "0"},
	{CC "max-age=6 0" N TAG, "0"},
	{CC "max-age='60'" N TAG, "0"},
	{CC "max-age =60" N TAG, "0"},
	{CC "max-age= 60" N TAG, "0"},
	{CC "max-age=60=60" N TAG, "0"},
	{CC "max-age:60" N TAG, "0"},
	{CC "max-age 60" N TAG, "0"},
	{CC "max-age=\xd9\xa6\xd9\xa0" N TAG, "0"},
	{CC "max-agee=60" N TAG, "0"}, /* another one, without meaning, */
	{CC "xmax-age=60" N TAG, "0"}, /* as this is */
	/* RFC 9111 1.2.2: more than 31 bits */
	{CC "max-age=2147483647" N, "2147483647 told"},
	{CC "max-age=2147483648" N, "2147483647 told"},
	{CC "max-age=4294967296" N, "2147483647 told"},
	{CC "max-age=18446744073709551616" N, "2147483647 told"},
	{CC "max-age=99999999999999999999999999999999999999999999999999" N, "2147483647 told"},
	{CC "max-age=00000000000000000000000000000000000000000000000060" N, "60 told"},
	/* RFC 9111 4.2.1: repeated; the least */
	{CC "max-age=60, max-age=30" N, "30 told"},
	{CC "max-age=30, max-age=60" N, "30 told"},
	{CC "max-age=60" N CC "max-age=30" N, "30 told"},
	{CC "max-age=60" N "X: y" N CC "public" N "X: y" N CC "max-age=70" N, "60 told all"},
	{CC "max-age=60, max-age=x" N TAG, "0"},
	{CC "max-age=x, max-age=60" N TAG, "0"},
	/* RFC 9111 5.2.2.10 s-maxage */
	{CC "s-maxage=60" N, "60 told all no-stale"},
	{CC "s-maxage=60, max-age=30" N, "60 told all no-stale"},
	{CC "s-maxage=60, max-age=0" N, "60 told all no-stale"},
	{CC "max-age=90, S-MaxAge=\"60\"" N, "60 told all no-stale"},
	{CC "s-maxage=0, max-age=60" N TAG, "0 all no-stale"},
	{CC "s-maxage=x, max-age=60" N TAG, "0 no-stale"},
	{CC "s-maxage=60, s-maxage=50" N, "50 told all no-stale"},
	{CC "s-maxage=60, s-maxage=x" N TAG, "0 all no-stale"},
	{CC "public, max-age=60, public=x" N, "60 told all"},
	/* RFC 9111 5.3 Expires */
	{DATE LATER, "100 told"},
	{DATE "Expires: Friday, 01-Jan-27 00:01:40 GMT" N, "100 told"},
	{DATE "Expires: Fri Jan  1 00:01:40 2027" N, "100 told"},
	{DATE "Expires: fri, 01 jan 2027 00:01:40 gmt" N, "100 told"},
	{DATE "Expires: Fri, 01 Jan 2027 00:00:01 GMT" N, "1 told"},
	{DATE "Expires: Fri, 01 Jan 2027 00:00:00 GMT" N TAG, "0"},
	{DATE "Expires: Thu, 31 Dec 2026 23:59:59 GMT" N TAG, "0"},
	{DATE "Expires: 0" N TAG, "0"},
	{DATE "Expires: -1" N TAG, "0"},
	{DATE "Expires:" N TAG, "0"},
	{DATE "Expires: never" N TAG, "0"},
	{DATE "Expires: 100" N TAG, "0"},
	{DATE "Expires: Fri, 01 Jan 2027 00:01:40 UTC" N TAG, "0"},
	{DATE "Expires: Fri, 01 Jan 2027 00:01:40 GMT+1" N TAG, "0"},
	{DATE "Expires: Fri, 01 Jan 2027 00:01:40" N TAG, "0"},
	{DATE "Expires: Mon, 01 Jan 9999 00:00:00 GMT" N, "2147483647 told"},
	{DATE "Expires: 0" N "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT" N, "0"}, /* it is said: no heuristics (4.2.2) */
	{DATE LATER CC "max-age=60" N, "60 told"},
	{DATE LATER CC "max-age=x" N TAG, "0"},
	{DATE "Expires: 0" N CC "max-age=60" N, "60 told"},
	{DATE "Expires: 0" N CC "s-maxage=60" N, "60 told all no-stale"},
	{DATE LATER CC "public" N, "100 told all"},
	{DATE LATER "Expires: Fri, 01 Jan 2027 00:00:50 GMT" N, "50 told"},
	{DATE LATER "Expires: 0" N TAG, "0"},
	{LATER, "100 told"}, /* without Date: from when it came (RFC 9110 6.6.1) */
	{"Date: Fri, 01 Jan 2027 01:00:00 GMT" N "Expires: Fri, 01 Jan 2027 01:01:00 GMT" N, "60 told"}, /* of one clock, whatever it shows */
	{"Date: Thu, 01 Jan 2026 01:00:00 GMT" N "Expires: Thu, 01 Jan 2026 01:01:00 GMT" N, "60 told"},
	{"Date: Thu, 01 Jan 1970 01:00:00 GMT" N "Expires: Thu, 01 Jan 1970 01:01:00 GMT" N TAG, "0"}, /* no clock at all */
	{"Date: gone" N LATER, "100 told"},
	/* RFC 8246: nothing without a lifetime */
	{CC "max-age=60, immutable" N, "60 told immutable"},
	{CC "immutable=no, max-age=60, immutable" N, "60 told immutable"},
	{CC "immutable" N TAG, "0"},
	/* nothing that allows: neither lifetime nor validator */
	{"", "no lifetime"},
	{"Content-Type: text/html" N, "no lifetime"},
	{CC "foo=60" N, "no lifetime"},
	{CC "public" N, "no lifetime"},
	/* something to validate it with */
	{TAG, "0"},
	{"ETag: W/\"a\"" N, "0"},
	{"ETag: a" N, "no lifetime"},
	{"ETag: \"a\"" N "ETag: \"b\"" N, "no lifetime"},
	{CC "public" N TAG, "0 told all"},
};

static void knows_lifetimes(void **state)
{
	(void)state;
	RUN(lifetimes, &obey, FRESH_ANYBODY);
}

#define OLD "Last-Modified: Thu, 31 Dec 2026 21:00:00 GMT\r\n" /* three hours: 1080 s */

/* RFC 9111 4.2.2 */
static const struct row heuristics[] = {
	{DATE OLD, "1080"},
	{OLD, "1080"}, /* Date is when it came */
	{DATE OLD TAG, "1080"},
	{DATE OLD CC "public" N, "1080 told all"},
	{DATE OLD CC "must-revalidate" N, "1080 no-stale"},
	{DATE "Last-Modified: Thursday, 31-Dec-26 21:00:00 GMT" N, "1080"},
	{DATE "Last-Modified: Tue, 22 Dec 2026 00:00:00 GMT" N, "86400"},
	{DATE "Last-Modified: Tue, 22 Dec 2026 00:00:10 GMT" N, "86399"},
	{DATE "Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT" N, "86400"}, /* a day at most */
	{DATE "Last-Modified: Thu, 31 Dec 2026 23:59:51 GMT" N, "0"},
	{DATE "Last-Modified: Fri, 01 Jan 2027 00:00:00 GMT" N, "0"},
	{DATE "Last-Modified: Fri, 01 Jan 2027 10:00:00 GMT" N, "0"},
	{DATE "Last-Modified: Thu, 01 Jan 1970 00:00:01 GMT" N, "0"}, /* of an image of a device: it validates only */
	{DATE "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT" N, "no lifetime"},
	{DATE "Last-Modified: Mon, 01 Jan 1601 00:00:00 GMT" N, "no lifetime"},
	{DATE "Last-Modified: yesterday" N, "no lifetime"},
	{DATE OLD OLD, "no lifetime"},
	{"Date: Thu, 01 Jan 1970 00:00:00 GMT" N OLD, "1080"},
	{DATE OLD CC "max-age=5" N, "5 told"}, /* not when the server has said one */
	{DATE OLD CC "max-age=x" N, "0"},
	{DATE OLD "Expires: 0" N, "0"},
	{DATE OLD CC "no-cache" N, "1080 validate"},
	{DATE OLD "Pragma: no-cache" N, "1080 validate"},
};

static void guesses_lifetimes(void **state)
{
	(void)state;
	RUN(heuristics, &obey, FRESH_ANYBODY);
}

/* --- what may not be stored ----------------------------------------------------------------- */

#define AGE60 CC "max-age=60" N

static const struct row forbidding[] = {
	/* RFC 9111 5.2.2.5 no-store */
	{CC "no-store" N, "no-store"},
	{CC "No-Store" N TAG, "no-store"},
	{CC "max-age=60, no-store" N, "no-store"},
	{CC "no-store, max-age=60, public, s-maxage=60" N, "no-store"},
	{AGE60 CC "no-store" N, "no-store"},
	{AGE60 "X: y" N CC "public" N "x: y" N "cache-control: foo,no-store" N, "no-store"},
	{CC "no-store=foo, max-age=60" N, "no-store"},
	{CC "no-store=\"foo\", max-age=60" N, "no-store"},
	{CC "max-age=60, no-store yes" N, "no-store"},
	{DATE LATER CC "no-store" N, "no-store"},
	{CC "max-age=60, foo=\"no-store\"" N, "60 told"},
	{CC "max-age=60, foo=no-store" N, "60 told"},
	{CC "max-age=60, no-stored" N, "60 told"},
	/* lists that are none: what forbids is seen, what allows is not */
	{CC "no-store; max-age=60" N, "no-store"},
	{CC "max-age=60; no-store" N, "no-store"},
	{CC "max-age=60;private" N, "private"},
	{CC "max-age=60; foo" N TAG, "0"},
	{CC "max-age=60, foo; bar" N TAG, "60 told"},
	{CC "foo; max-age=60; public" N TAG, "0"},
	{CC "foo=\"a;b\", max-age=60" N, "60 told"},
	{CC "max-age=60, foo=\"bar, no-store" N, "no-store"},
	{CC "foo=\"bar, private, baz=\"" N AGE60, "60 told"},
	{CC "foo=\"bar\\\", private" N AGE60, "private"},
	{CC "foo=\"bar, max-age=60" N TAG, "0"},
	/* RFC 9111 5.2.2.7 private */
	{CC "private" N, "private"},
	{CC "private, max-age=60" N, "private"},
	{CC "public, private, max-age=60" N, "private"},
	{CC "s-maxage=60, private" N, "private"},
	{AGE60 CC "PRIVATE" N, "private"},
	{CC "private=\"X-User\", max-age=60" N, "60 told"},
	{CC "private=X-User, max-age=60" N, "60 told"},
	{CC "private=\"X-User, X-Mood\", max-age=60" N, "60 told"},
	{CC "private=\"X-User,\", max-age=60" N, "60 told"},
	{CC "private=\"X-User\"; max-age=60" N, "private"},
	{CC "private=\"\", max-age=60" N, "private"},
	{CC "private=, max-age=60" N, "private"},
	{CC "private=\", ,\", max-age=60" N, "private"},
	{CC "private=\"X User\", max-age=60" N, "private"},
	{CC "private=\"X-User, max-age=60" N, "private"},
	{CC "private=\"X\\-User\", max-age=60" N, "private"},
	{CC "private=\"X-User\", private, max-age=60" N, "private"},
	{CC "private=\"a\", private=\"b\", private=\"c\", private=\"d\", max-age=60" N, "60 told"},
	{CC "private=\"a\", private=\"b\", private=\"c\", private=\"d\", private=\"e\", max-age=60" N, "private"},
	/* RFC 9111 5.2.2.3 must-understand: which statuses mean, we know */
	{CC "must-understand, no-store, max-age=60" N, "60 told"},
	{CC "no-store, must-understand, max-age=60" N, "60 told"},
	{CC "must-understand, max-age=60" N, "60 told"},
	{CC "must-understand, must-understand=x, no-store, max-age=60" N, "60 told"},
	{CC "must-understand, no-store, private, max-age=60" N, "private"},
	{CC "must-understand=x, no-store, max-age=60" N, "no-store"},
	{CC "must-understand; no-store, max-age=60" N, "no-store"},
	/* RFC 9111 4.1 */
	{AGE60 "Vary: *" N, "Vary"},
	{AGE60 "Vary: Accept, *" N, "Vary"},
	{AGE60 "Vary: Accept" N "Vary: *" N, "Vary"},
	{AGE60 "Vary: Accept Encoding" N, "Vary"},
	{AGE60 "Vary: Accept, Accept-Encoding, Cookie" N, "60 told"},
	{AGE60 "Vary: Accept" N "Vary:" N, "60 told"},
	{AGE60 "Vary: X-Forwarded-Proto, x-forwarded-host, X-Forwarded-Port, X-Forwarded-Prefix, Host" N, "60 told"},
	{AGE60 "Vary: X-Forwarded-For" N, "Vary"},
	{AGE60 "Vary: accept, x-real-ip" N, "Vary"},
	{AGE60 "Vary: Forwarded" N, "Vary"},
	{AGE60 "Vary: X-Client-Cert-Subject" N, "Vary"},
	/* RFC 9111 7.3: nor what sets cookies, unless asked */
	{AGE60 "Set-Cookie: a=b" N, "Set-Cookie"},
	{CC "public, max-age=60" N "set-cookie: a=b" N, "Set-Cookie"},
	{CC "max-age=60, no-cache=\"Set-Cookie\"" N "set-cookie: a=b" N, "Set-Cookie"},
};

static void forbids(void **state)
{
	(void)state;
	RUN(forbidding, &obey, FRESH_ANYBODY);
}

/* Whatever is said, no-store behind it forbids it; unless it is not listened to. */
static void forbids_always(void **state)
{
	char answer[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(lifetimes); i++) {
		snprintf(answer, sizeof answer, "%s" CC "no-store" N, lifetimes[i].answer);
		compare(answer, store("", FRESH_ANYBODY, 200, answer, &obey, &at_once), "no-store");
		snprintf(answer, sizeof answer, CC "private" N "%s", lifetimes[i].answer);
		compare(answer, store("", FRESH_ANYBODY, 200, answer, &obey, &at_once), "private");
	}
}

/* --- what must be validated, or not be stale --------------------------------------------------- */

static const struct row validating[] = {
	/* RFC 9111 5.2.2.4 no-cache */
	{CC "no-cache" N TAG, "0 validate"},
	{CC "no-cache" N OLD, "1080 validate"},
	{CC "no-cache" N, "no lifetime"},
	{CC "no-cache, max-age=60" N, "no lifetime"}, /* with what would it be validated? */
	{CC "no-cache, max-age=60" N TAG, "60 told validate"},
	{CC "no-cache=foo bar, max-age=60" N TAG, "60 told validate"},
	{CC "no-cache=\"X-User\", max-age=60" N TAG, "60 told"},
	{CC "no-cache=X-User, max-age=60" N TAG, "60 told"},
	{CC "no-cache=\"X-User\", no-cache, max-age=60" N TAG, "60 told validate"},
	{CC "no-cache=\"\", max-age=60" N TAG, "60 told validate"},
	{CC "max-age=60; no-cache" N TAG, "0 validate"},
	/* RFC 9111 5.4: what Pragma says only when Cache-Control says nothing */
	{"Pragma: no-cache" N DATE LATER TAG, "100 told validate"},
	{"Pragma: foo, No-Cache" N DATE LATER TAG, "100 told validate"},
	{"Pragma: foo" N "Pragma: no-cache" N DATE LATER TAG, "100 told validate"},
	{"Pragma: foo" N DATE LATER TAG, "100 told"},
	{"Pragma: no-cache" N AGE60 TAG, "60 told"},
	/* RFC 9111 5.2.2.2, 5.2.2.8 */
	{CC "max-age=60, must-revalidate" N, "60 told all no-stale"},
	{CC "max-age=60, Must-Revalidate" N, "60 told all no-stale"},
	{CC "max-age=60, must-revalidate=1" N, "60 told no-stale"},
	{CC "max-age=60, must-revalidate, must-revalidate=1" N, "60 told all no-stale"},
	{CC "max-age=60, proxy-revalidate" N, "60 told no-stale"},
	{CC "max-age=0, must-revalidate" N TAG, "0 all no-stale"},
	{CC "must-revalidate" N TAG, "0 no-stale"},
	{CC "no-cache, must-revalidate" N TAG, "0 all validate no-stale"},
	/* RFC 5861 3, 4 */
	{CC "max-age=60, stale-while-revalidate=5" N, "60 while 5 told"},
	{CC "max-age=60, stale-if-error=50" N, "60 error 50 told"},
	{CC "max-age=60, stale-while-revalidate=5, stale-if-error=50" N, "60 while 5 error 50 told"},
	{CC "max-age=60, stale-while-revalidate=5, stale-while-revalidate=4" N, "60 while 4 told"},
	{CC "max-age=60, stale-while-revalidate=x, stale-if-error" N, "60 told"},
	{CC "max-age=60, stale-while-revalidate=\"5\"" N, "60 while 5 told"},
	{CC "max-age=0, stale-while-revalidate=5" N, "0 while 5"},
	{CC "max-age=0, stale-if-error=5" N, "0 error 5"},
	{CC "max-age=0, stale-if-error=99999999999" N, "0 error 2147483647"},
	{CC "stale-if-error=5" N, "0 error 5"},
	/* RFC 9111 4.2.4: not against must-revalidate, proxy-revalidate, s-maxage, no-cache */
	{CC "max-age=60, must-revalidate, stale-while-revalidate=5, stale-if-error=5" N, "60 told all no-stale"},
	{CC "max-age=60, proxy-revalidate, stale-while-revalidate=5, stale-if-error=5" N, "60 told no-stale"},
	{CC "s-maxage=60, stale-while-revalidate=5, stale-if-error=5" N, "60 told all no-stale"},
	{CC "max-age=60, no-cache, stale-while-revalidate=5, stale-if-error=5" N TAG, "60 told validate"},
};

static void validates(void **state)
{
	(void)state;
	RUN(validating, &obey, FRESH_ANYBODY);
}

/* The same of servers that say nothing of it. */
static void lets_rules_say_stale(void **state)
{
	static const struct fresh_rule rule = {.mode = FRESH_OBEY, .stale_while = 30, .stale_error = 3600};
	static const struct row rows[] = {
		{AGE60, "60 while 30 error 3600 told"},
		{CC "max-age=60, stale-while-revalidate=5" N, "60 while 5 error 3600 told"},
		{CC "max-age=60, stale-while-revalidate=0, stale-if-error=0" N, "60 told"},
		{CC "max-age=60, stale-if-error=x" N, "60 while 30 told"},
		{CC "max-age=60, must-revalidate" N, "60 told all no-stale"},
		{CC "max-age=60, no-cache" N TAG, "60 told validate"},
		{CC "s-maxage=60" N, "60 told all no-stale"},
		{OLD, "1080 while 30 error 3600"},
		/* what was stale when it came is sent when there is nothing else */
		{CC "max-age=0" N TAG, "0 error 3600"},
		{CC "max-age=0" N, "0 error 3600"},
		{"", "0 error 3600"},
		{CC "no-store" N, "no-store"},
	};

	(void)state;
	RUN(rows, &rule, FRESH_ANYBODY);
}

/* --- for whom ---------------------------------------------------------------------------------- */

/* RFC 9111 3.5 */
static const struct row authorised[] = {
	{AGE60, "Authorization"},
	{DATE LATER, "Authorization"},
	{TAG, "Authorization"},
	{OLD, "Authorization"},
	{CC "max-age=60, public" N, "60 told all"},
	{CC "public" N TAG, "0 told all"},
	{CC "s-maxage=60" N, "60 told all no-stale"},
	{CC "s-maxage=0" N TAG, "0 all no-stale"},
	{CC "max-age=60, must-revalidate" N, "60 told all no-stale"},
	{CC "max-age=0, must-revalidate" N TAG, "0 all no-stale"},
	{CC "must-revalidate" N OLD, "Authorization"}, /* a lifetime that was guessed is no permission */
	{CC "max-age=60, proxy-revalidate" N, "Authorization"},
	{CC "max-age=60, immutable" N, "Authorization"},
	{CC "max-age=60, no-cache" N TAG, "Authorization"},
	{CC "max-age=60, s-maxage=x" N TAG, "Authorization"},
	{CC "max-age=60; public" N TAG, "Authorization"},
	{CC "max-age=60, public=yes" N, "Authorization"},
	{CC "max-age=60, foo=\"public\"" N, "Authorization"},
	{CC "public, private, max-age=60" N, "private"},
	{CC "public, no-store, max-age=60" N, "no-store"},
};

/* Who has a Cookie brings what the server has spoken about, and nothing else. */
static const struct row with_cookie[] = {
	{AGE60, "60 told"},
	{DATE LATER, "100 told"},
	{CC "public" N TAG, "0 told all"},
	{CC "s-maxage=60" N, "60 told all no-stale"},
	{CC "no-cache, max-age=60" N TAG, "60 told validate"},
	{TAG, "Cookie"},
	{OLD, "Cookie"},
	{CC "max-age=0" N TAG, "Cookie"},
	{CC "no-cache" N TAG, "Cookie"},
	{CC "must-revalidate" N TAG, "Cookie"},
	{DATE "Expires: 0" N TAG, "Cookie"},
};

static void asks_for_whom(void **state)
{
	(void)state;
	RUN(authorised, &obey, FRESH_AUTHORISED);
	RUN(with_cookie, &obey, FRESH_COOKIE);
}

/* RFC 9111 5.2.1.5 */
static void obeys_who_asks(void **state)
{
	static const struct fresh_rule force = {.mode = FRESH_FORCE, .lifetime = 60, .ignore_reload = true};

	(void)state;
	compare("no-store asked", store(CC "no-store" N, FRESH_ANYBODY, 200, AGE60, &obey, &at_once), "no-store asked");
	compare("no-store asked", store(CC "max-age=0" N CC "No-Store" N, FRESH_ANYBODY, 200, AGE60, &obey, &at_once), "no-store asked");
	compare("no-store asked", store(CC "no-store" N, FRESH_ANYBODY, 200, AGE60, &force, &at_once), "no-store asked");
	compare("no-cache asked", store(CC "no-cache" N, FRESH_ANYBODY, 200, AGE60, &obey, &at_once), "60 told");
	compare("no-store in Pragma", store("Pragma: no-store" N, FRESH_ANYBODY, 200, AGE60, &obey, &at_once), "60 told");
}

/* --- which statuses ------------------------------------------------------------------------------ */

static void knows_statuses(void **state)
{
	static const int kept[] = {200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 451, 501};
	static const int guessed[] = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}; /* RFC 9110 15.1 */
	static const struct fresh_rule force = {.mode = FRESH_FORCE, .lifetime = 7}, give = {.mode = FRESH_GIVE, .lifetime = 8};

	(void)state;
	for (int status = 100; status < 600; status++) {
		bool may = false, guess = false;

		for (size_t i = 0; i < COUNT(kept); i++)
			may |= kept[i] == status;
		for (size_t i = 0; i < COUNT(guessed); i++)
			guess |= guessed[i] == status;
		compare("max-age", store("", FRESH_ANYBODY, status, AGE60, &obey, &at_once), may ? "60 told" : "status");
		compare("must-understand", store("", FRESH_ANYBODY, status, CC "must-understand, no-store, max-age=60" N, &obey, &at_once), may ? "60 told" : "status");
		compare("heuristics", store("", FRESH_ANYBODY, status, OLD, &obey, &at_once), guess ? "1080" : may ? "no lifetime" : "status");
		compare("public", store("", FRESH_ANYBODY, status, OLD CC "public" N, &obey, &at_once), may ? "1080 told all" : "status");
		compare("give", store("", FRESH_ANYBODY, status, "", &give, &at_once), guess && status < 400 ? "8" : may ? "no lifetime" : "status");
		compare("force", store("", FRESH_ANYBODY, status, "", &force, &at_once), guess && status < 400 ? "7 told all" : "status");
		/* who answers 304 would have answered 2xx (RFC 9110 13.2.1) */
		compare("validator", store("", FRESH_ANYBODY, status, TAG, &obey, &at_once), guess && status < 300 ? "0" : may ? "no lifetime" : "status");
	}
}

/* --- age (RFC 9111 4.2.3, 5.1) ---------------------------------------------------------------------- */

#define PAST "Date: Thu, 31 Dec 2026 23:59:20 GMT\r\n" /* 40 s ago */

static const struct row ages[] = {
	{AGE60 "Age: 10" N, "60 age 10 told"},
	{AGE60 "Age: 0" N, "60 told"},
	{AGE60 "Age: 010" N, "60 age 10 told"},
	{AGE60 "Age: 10, 20" N, "60 age 10 told"},
	{AGE60 "Age: 10" N "Age: 20" N, "60 age 10 told"},
	{AGE60 "Age: -10" N, "60 told"},
	{AGE60 "Age: 1.5" N, "60 told"},
	{AGE60 "Age: old" N, "60 told"},
	{AGE60 "Age:" N, "60 told"},
	{AGE60 "Age: 59" N, "60 age 59 told"},
	{AGE60 "Age: 60" N, "no lifetime"},
	{AGE60 "Age: 60" N TAG, "60 age 60 told"},
	{CC "max-age=60, stale-while-revalidate=5" N "Age: 64" N, "60 age 64 while 5 told"},
	{CC "max-age=60, stale-while-revalidate=5" N "Age: 65" N, "no lifetime"},
	{AGE60 TAG "Age: 2147483648" N, "60 age 2147483647 told"},
	{AGE60 TAG "Age: 99999999999999999999999" N, "60 age 2147483647 told"},
	{AGE60 PAST, "60 told"}, /* clocks that differ */
	{AGE60 PAST "Via: 1.1 old" N, "60 told"},
	{AGE60 PAST "Via: 1.0 old" N, "60 age 40 told"},
	{AGE60 PAST "Via: 1.1 new, 1.0 old" N, "60 age 40 told"},
	{AGE60 PAST "Via: 1.1 new" N "Via: HTTP/1.0 old" N, "60 age 40 told"},
	{AGE60 PAST "Via: 1.0 old" N "Age: 50" N, "60 age 50 told"},
	{AGE60 PAST "Via: 1.0 old" N "Age: 30" N, "60 age 40 told"},
	{AGE60 DATE "Via: 1.0 old" N, "60 told"},
	{AGE60 "Date: Sat, 02 Jan 2027 00:00:00 GMT" N "Via: 1.0 old" N, "60 told"},
	{AGE60 "Date: Thu, 01 Jan 1970 00:00:00 GMT" N "Via: 1.0 old" N, "60 told"},
};

static void knows_ages(void **state)
{
	static const struct fresh_times slow = {CLOCK, MS, MS + 2500}, unset = {3600, MS, MS};

	(void)state;
	RUN(ages, &obey, FRESH_ANYBODY);
	/* response_delay: it counts from when it was asked for */
	compare("slow", store("", FRESH_ANYBODY, 200, AGE60, &obey, &slow), "60 told");
	compare("slow", store("", FRESH_ANYBODY, 200, AGE60 "Age: 58" N, &obey, &slow), "no lifetime");
	compare("slow", store("", FRESH_ANYBODY, 200, CC "max-age=2" N, &obey, &slow), "no lifetime");
	compare("slow", store("", FRESH_ANYBODY, 200, CC "max-age=3" N, &obey, &slow), "3 told");
	/* our own clock was never set: what another one says of itself still holds */
	compare("unset", store("", FRESH_ANYBODY, 200, DATE LATER, &obey, &unset), "100 told");
	compare("unset", store("", FRESH_ANYBODY, 200, LATER TAG, &obey, &unset), "0");
	compare("unset", store("", FRESH_ANYBODY, 200, OLD, &obey, &unset), "0");
	compare("unset", store("", FRESH_ANYBODY, 200, DATE OLD, &obey, &unset), "1080");
	compare("unset", store("", FRESH_ANYBODY, 200, AGE60 DATE "Via: 1.0 old" N, &obey, &unset), "60 told");
}

/* --- CDN-Cache-Control (RFC 9213) -------------------------------------------------------------------- */

#define CDN60 CDN "max-age=60" N

static const struct row targeted[] = {
	/* 2.2: it alone counts */
	{CDN60, "60 told"},
	{CDN60 CC "max-age=5" N, "60 told"},
	{CDN60 CC "no-store" N, "60 told"},
	{CDN60 CC "private, no-cache" N TAG, "60 told"},
	{CDN60 DATE LATER, "60 told"},
	{CDN60 "Pragma: no-cache" N TAG, "60 told"},
	{CDN "none" N CC "no-store" N, "no lifetime"},
	{CDN "none" N CC "max-age=60" N, "no lifetime"},
	{CDN "none" N DATE LATER, "no lifetime"},
	{CDN "none" N OLD "Expires: 0" N, "1080"}, /* neither does what it says stop guessing */
	{CDN "no-store" N AGE60, "no-store"},
	{CDN "private" N AGE60, "private"},
	{CDN "no-cache, max-age=60" N TAG AGE60, "60 told validate"},
	{CDN "max-age=60, must-revalidate" N, "60 told all no-stale"},
	{CDN "max-age=60, proxy-revalidate" N, "60 told no-stale"},
	{CDN "max-age=60, public" N, "60 told all"},
	{CDN "s-maxage=60, max-age=5" N, "60 told all no-stale"},
	{CDN "s-maxage=0" N TAG, "0 all no-stale"},
	{CDN "max-age=60, stale-while-revalidate=5, stale-if-error=50" N, "60 while 5 error 50 told"},
	{CDN "max-age=60, immutable" N, "60 told immutable"},
	{CDN "max-age=60, immutable=7" N, "60 told immutable"},
	{CDN "max-age=60, no-store, must-understand" N, "60 told"},
	{CDN "private=\"X-User\", max-age=60" N, "60 told"},
	{CDN "private=\"X User\", max-age=60" N, "private"},
	{CDN "no-cache=\"X-User\", max-age=60" N, "60 told"},
	{CDN60 "Set-Cookie: a=b" N, "Set-Cookie"},
	{CDN60 "Vary: *" N, "Vary"},
	/* several lines are one dictionary */
	{CDN60 CDN "no-store" N, "no-store"},
	{CDN "no-store" N CDN60, "no-store"},
	/* 2.1: parameters mean nothing, */
	{CDN "max-age=60;a;b=\"c, d\";*e.-_9=:YQ==:;f=?0" N CC "max-age=5" N, "60 told"},
	{CDN "public;x=1, max-age=60; a=1.5; b=(" N CC "max-age=5" N, "5 told"},
	/* nor does what has another type, or is no directive */
	{CDN "max-age=60.0, foo" N CC "max-age=5" N TAG, "0"},
	{CDN "max-age=\"60\"" N CC "max-age=5" N TAG, "0"},
	{CDN "max-age" N CC "max-age=5" N TAG, "0"},
	{CDN "max-age=x" N CC "max-age=5" N TAG, "0"},
	{CDN "max-age=?1" N CC "max-age=5" N TAG, "0"},
	{CDN "max-age=(60)" N CC "max-age=5" N TAG, "0"},
	{CDN "max-age=(60 \"a\";b;c=2 ( " N CC "max-age=5" N TAG, "5 told"},
	{CDN "max-age=( 60  \"a\";b;c=2 )" N CC "max-age=5" N TAG, "0"},
	{CDN "max-age=-60" N CC "max-age=5" N TAG, "0"},
	{CDN "max-age=60, no-store=?0" N, "60 told"},
	{CDN "max-age=60, no-store=?1" N, "no-store"},
	{CDN "max-age=60, no-store=1" N, "60 told"},
	{CDN "max-age=60, private=?0" N, "60 told"},
	{CDN "max-age=60, public=\"yes\"" N, "60 told"},
	{CDN "max-age=60, x=*a/b:c, y=:aGVsbG8=:, z=1.5, w=(a b;c)" N, "60 told"},
	{CDN "max-age=60, x=:YQ==:, y=::, z=123456789012.123, w=\"~ !\", v=()" N, "60 told"},
	/* RFC 8941 3.2: of a key that is there twice the last counts */
	{CDN "max-age=5, max-age=60" N, "60 told"},
	{CDN "max-age=60, max-age=x" N TAG, "0"},
	{CDN "private, private=?0, max-age=60" N, "60 told"},
	{CDN "private=\"a\", private, max-age=60" N, "private"},
	/* RFC 8941 3.3.1: integers */
	{CDN "max-age=060" N, "60 told"},
	{CDN "max-age=999999999999999" N, "2147483647 told"},
	{CDN "max-age=9999999999999999" N CC "max-age=5" N, "5 told"},
	/* blanks */
	{CDN "max-age=60 ,\t public" N, "60 told all"},
	/* 2.1: one wrong byte, and all of it counts as not there */
	{CDN N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60," N CC "max-age=5" N, "5 told"},
	{CDN ",max-age=60" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60,,public" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60 public" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60; public" N CC "max-age=5" N, "60 told"}, /* a parameter */
	{CDN "Max-Age=60" N CC "max-age=5" N, "5 told"},
	{CDN "max-age = 60" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=+60" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=-" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60., a" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60.1234" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=1234567890123.1" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, \"a\"" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, 7" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=\"b" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=\"b\\" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=\"b\\c\"" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=\"b\xc3\xa4\"" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=\"b\tc\"" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=\"\\\"\\\\\"" N CC "max-age=5" N, "60 told"},
	{CDN "max-age=60, a=?2" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=?" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=:YQ" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=:YQ===:" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=:Y=Q:" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=:Y?:" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=(b" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=(b,c)" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=(b\"c\")" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, a=@1" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60;=1" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60;a=" N CC "max-age=5" N, "5 told"},
	{CDN "max-age=60, \xc3\xa4" N CC "max-age=5" N, "5 told"},
	{CDN "no-store, &&&" N AGE60, "60 told"},
	{CDN60 CDN N CC "max-age=5" N, "5 told"},
	{CDN60 CDN "a=\"b" N CDN "c\"" N CC "max-age=5" N, "5 told"},
};

static void obeys_targeted(void **state)
{
	static const struct fresh_rule give = {.mode = FRESH_GIVE, .lifetime = 600};

	(void)state;
	RUN(targeted, &obey, FRESH_ANYBODY);
	compare("asker", store("", FRESH_AUTHORISED, 200, CDN60 CC "public" N, &obey, &at_once), "Authorization");
	compare("asker", store("", FRESH_AUTHORISED, 200, CDN "max-age=60, public" N, &obey, &at_once), "60 told all");
	compare("asker", store("", FRESH_AUTHORISED, 200, CDN "max-age=60, s-maxage=a" N, &obey, &at_once), "Authorization");
	compare("asker", store("", FRESH_COOKIE, 200, CDN "none" N AGE60 TAG, &obey, &at_once), "Cookie");
	compare("give", store("", FRESH_ANYBODY, 200, CDN "none" N CC "no-store, max-age=5" N, &give, &at_once), "600");
}

/* --- rules ---------------------------------------------------------------------------------------- */

/* Who says nothing gets a lifetime. */
static const struct row given[] = {
	{"", "600 while 30 error 3600"},
	{OLD TAG, "600 while 30 error 3600"},
	{CC "foo" N, "600 while 30 error 3600"},
	{CC "public" N, "600 while 30 error 3600 told all"},
	{CC "must-revalidate" N, "600 no-stale"},
	{AGE60, "60 while 30 error 3600 told"},
	{CC "max-age=0" N, "0 error 3600"},
	{CC "s-maxage=0" N TAG, "0 all no-stale"},
	{DATE LATER, "100 while 30 error 3600 told"},
	{"Expires: 0" N TAG, "0 error 3600"},
	{CC "no-store" N, "no-store"},
	{CC "private" N, "private"},
	{CC "no-cache" N TAG, "600 validate"},
	{CC "no-cache" N, "no lifetime"},
	{"Pragma: no-cache" N, "no lifetime"},
	{"Set-Cookie: a=b" N, "Set-Cookie"},
	{"Vary: *" N, "Vary"},
	{"Age: 100" N, "600 age 100 while 30 error 3600"},
};

static void gives(void **state)
{
	static const struct fresh_rule give = {.mode = FRESH_GIVE, .lifetime = 600, .stale_while = 30, .stale_error = 3600};

	(void)state;
	RUN(given, &give, FRESH_ANYBODY);
	compare("Cookie", store("", FRESH_COOKIE, 200, "", &give, &at_once), "Cookie");
	compare("Authorization", store("", FRESH_AUTHORISED, 200, CC "must-revalidate" N, &give, &at_once), "Authorization");
}

/* All get it, whatever they say. */
static const struct row forced[] = {
	{"", "600 error 3600 told all"},
	{AGE60, "600 error 3600 told all"},
	{CC "no-store, private, no-cache, must-revalidate, max-age=0" N, "600 error 3600 told all"},
	{CDN "no-store" N, "600 error 3600 told all"},
	{"Expires: 0" N "Pragma: no-cache" N "Age: 10000" N, "600 error 3600 told all"},
	{"Set-Cookie: a=b" N, "600 error 3600 told all"},
	{CC "stale-while-revalidate=5, stale-if-error=5" N, "600 error 3600 told all"},
	{"Vary: Accept" N, "600 error 3600 told all"},
	{"Vary: *" N, "Vary"},
	{"Vary: X-Forwarded-For" N, "Vary"},
};

static void forces(void **state)
{
	static const struct fresh_rule force = {.mode = FRESH_FORCE, .lifetime = 600, .stale_error = 3600}, off = {.mode = FRESH_OFF};
	static const struct fresh_times slow = {CLOCK, MS - 700000, MS};

	(void)state;
	RUN(forced, &force, FRESH_ANYBODY);
	RUN(forced, &force, FRESH_COOKIE);
	RUN(forced, &force, FRESH_AUTHORISED);
	compare("slow", store("", FRESH_ANYBODY, 200, "", &force, &slow), "600 error 3600 told all"); /* it is new when it comes */
	compare("off", store("", FRESH_ANYBODY, 200, AGE60, &off, &at_once), "off");
}

static void asks_for_cookies(void **state)
{
	static const struct fresh_rule strip = {.mode = FRESH_OBEY, .cookies = FRESH_COOKIES_STRIP}, keep = {.mode = FRESH_OBEY, .cookies = FRESH_COOKIES_KEEP};

	(void)state;
	compare("strip", store("", FRESH_ANYBODY, 200, AGE60 "Set-Cookie: a=b" N, &strip, &at_once), "60 told");
	compare("keep", store("", FRESH_ANYBODY, 200, AGE60 "Set-Cookie: a=b" N, &keep, &at_once), "60 told");
}

/* --- which fields (RFC 9111 3.1) ----------------------------------------------------------------- */

/* The names of those that are left out, each with a blank behind it. */
static const char *left_out(const char *answer, const struct fresh_rule *rule)
{
	static char out[256];
	struct made m;
	struct text t = text_in(out, sizeof out - 1);

	made_response(&m, 200, answer);
	for (unsigned i = 0; i < m.head.count; i++)
		if (fresh_leaves_out(&m.head, i, rule)) {
			text_span_add(&t, head_name(&m.head, i));
			text_char(&t, ' ');
		}
	out[t.len] = 0;
	made_free(&m);
	return out;
}

#define FIELDS "A: 1" N "B-c: 2" N "Age: 3" N "a: 4" N "SET-Cookie: 5" N "Content-Type: 6" N

static void leaves_fields_out(void **state)
{
	static const struct fresh_rule strip = {.cookies = FRESH_COOKIES_STRIP, .mode = FRESH_OBEY}, keep = {.cookies = FRESH_COOKIES_KEEP, .mode = FRESH_OBEY},
				       force = {.mode = FRESH_FORCE};
	static const struct row rows[] = {
		{FIELDS, "Age SET-Cookie "},
		{FIELDS AGE60, "Age SET-Cookie "},
		{FIELDS CC "private=\"A\"" N, "A Age a SET-Cookie "},
		{FIELDS CC "private=\"x, a\", no-cache=\"b-C,y\"" N, "A B-c Age a SET-Cookie "},
		{FIELDS CC "private=a" N CC "no-cache=B-C" N, "A B-c Age a SET-Cookie "},
		{FIELDS CC "foo=\"A\"" N, "Age SET-Cookie "},
		{FIELDS CDN "private=\"B-c\"" N CC "private=\"A\"" N, "B-c Age SET-Cookie "},
		{FIELDS CDN "private=\"B-c" N CC "private=\"A\"" N, "A Age a SET-Cookie "},
		{FIELDS CDN "private=\"B-c\", private=\"A\"" N, "A Age a SET-Cookie "},
		{"Proxy-Authenticate: a" N "proxy-authentication-info: b" N "Proxy-Authorization: c" N "Proxy-Foo: d" N "WWW-Authenticate: e" N,
		 "Proxy-Authenticate proxy-authentication-info Proxy-Authorization "},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		compare(rows[i].answer, left_out(rows[i].answer, &obey), rows[i].want);
	compare("strip", left_out(FIELDS, &strip), "Age SET-Cookie ");
	compare("keep", left_out(FIELDS, &keep), "Age ");
	compare("keep", left_out(FIELDS CC "private=\"Set-Cookie\"" N, &keep), "Age SET-Cookie ");
	compare("force", left_out(FIELDS CC "private=\"A\"" N, &force), "Age SET-Cookie ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_lifetimes),
		cmocka_unit_test(guesses_lifetimes),
		cmocka_unit_test(forbids),
		cmocka_unit_test(forbids_always),
		cmocka_unit_test(validates),
		cmocka_unit_test(lets_rules_say_stale),
		cmocka_unit_test(asks_for_whom),
		cmocka_unit_test(obeys_who_asks),
		cmocka_unit_test(knows_statuses),
		cmocka_unit_test(knows_ages),
		cmocka_unit_test(obeys_targeted),
		cmocka_unit_test(gives),
		cmocka_unit_test(forces),
		cmocka_unit_test(asks_for_cookies),
		cmocka_unit_test(leaves_fields_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
