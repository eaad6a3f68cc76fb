/* SPDX-License-Identifier: MIT
 *
 * Is what was matched what is sent, and does no reading of a path slip by?
 */
#include "../../src/path.h"
#include "../../gateway.h"
#include "block.h"

/* The path as it is sent, or why it is not; query; "plain" if there is one reading only. */
static const struct { const char *target, *path, *query; bool plain, changed; } targets[] = {
	{"/", "/", "", true, false},
	{"/index.html", "/index.html", "", true, false},
	{"/a/b/", "/a/b/", "", true, false},
	{"/a?b=c&d", "/a", "?b=c&d", true, false},
	{"/?", "/", "?", true, false},
	{"/a?../b?/..//;%zz", "/a", "?../b?/..//;%zz", true, false},    /* the query is not normalised */
	{"/!$&'()*+,=:@[]{}|^`<>\"~_-", "/!$&'()*+,=:@[]{}|^`<>\"~_-", "", true, false}, /* browsers send some of them raw */
	{"/.well-known/x", "/.well-known/x", "", true, false},
	{"/...", "/...", "", true, false},
	{"/a..b/c./..d", "/a..b/c./..d", "", true, false},
	{"/a.?.", "/a.", "?.", true, false},
	/* dot segments, RFC 3986 5.2.4 */
	{"/.", "/", "", true, true},
	{"/./", "/", "", true, true},
	{"/a/.", "/a/", "", true, true},
	{"/a/./b", "/a/b", "", true, true},
	{"/a/..", "/", "", true, true},
	{"/a/../", "/", "", true, true},
	{"/a/b/..", "/a/", "", true, true},
	{"/a/b/../c", "/a/c", "", true, true},
	{"/a/b/../../c", "/c", "", true, true},
	{"/a/b/c/./../../g", "/a/g", "", true, true},
	{"/a/..?x", "/", "?x", true, true},
	{"/a/.?x", "/a/", "?x", true, true},
	{"/a//../b", "/a/b", "", true, true},
	{"//..", "/", "", true, true},
	{"//../..", "path escapes the root", "", false, false},
	{"/..", "path escapes the root", "", false, false},
	{"/../", "path escapes the root", "", false, false},
	{"/a/../..", "path escapes the root", "", false, false},
	{"/a/../../b", "path escapes the root", "", false, false},
	{"/./../a", "path escapes the root", "", false, false},
	{"/%2e%2E/a", "path escapes the root", "", false, false},
	{"/.%2e", "path escapes the root", "", false, false},
	{"/a/%2e%2e/b", "/b", "", true, true},
	{"/a/%2E/b", "/a/b", "", true, true},
	{"/a/b/.%2e/c", "/a/c", "", true, true},
	/* percent-encodings, RFC 3986 6.2.2 */
	{"/%41%7a%30%2d%5F%7E", "/Az0-_~", "", true, true},
	{"/%2f", "/%2F", "", false, true},
	{"/%2F", "/%2F", "", false, false},
	{"/%c3%A4", "/%C3%A4", "", false, true},
	{"/%C3%A4%20%25", "/%C3%A4%20%25", "", false, false},
	{"/%5c%3b%3F%23", "/%5C%3B%3F%23", "", false, true},
	{"/%252e%252e/", "/%252e%252e/", "", false, false},  /* decoded once, not twice */
	{"/%25%32e", "/%252e", "", false, true},
	{"/a%2F..", "/a%2F..", "", false, false},
	{"/a%2F../..", "/", "", true, true},
	{"/..%2Fa", "/..%2Fa", "", false, false},
	{"/%", "bad percent-encoding in the path", "", false, false},
	{"/%4", "bad percent-encoding in the path", "", false, false},
	{"/%4?1", "bad percent-encoding in the path", "", false, false},
	{"/%4g", "bad percent-encoding in the path", "", false, false},
	{"/%%41", "bad percent-encoding in the path", "", false, false},
	{"/%u002F", "bad percent-encoding in the path", "", false, false},
	{"/% 41", "bad percent-encoding in the path", "", false, false},
	{"/%-1", "bad percent-encoding in the path", "", false, false},
	{"/a%00", "control byte in the target", "", false, false},
	{"/%0d%0a", "control byte in the target", "", false, false},
	{"/%1F", "control byte in the target", "", false, false},
	{"/%7f", "control byte in the target", "", false, false},
	{"/a%2500.png", "control byte in the target", "", false, false},
	{"/a%25%30%30.png", "control byte in the target", "", false, false},
	{"/a%25%300.png", "control byte in the target", "", false, false},
	{"/%80%9f", "/%80%9F", "", false, true},
	/* other bytes */
	{"//", "//", "", false, false},
	{"/a//b", "/a//b", "", false, false},
	{"/a;b=c/d", "/a;b=c/d", "", false, false},
	{"/a\\b", "/a\\b", "", false, false},
	{"/a b", "control byte in the target", "", false, false},
	{"/a\tb", "control byte in the target", "", false, false},
	{"/a\x7f", "control byte in the target", "", false, false},
	{"/\xc3\xa4", "control byte in the target", "", false, false},
	{"/a?\x01", "control byte in the target", "", false, false},
	{"/a?b c", "control byte in the target", "", false, false},
	{"/a?\xe4", "control byte in the target", "", false, false},
	{"/a#b", "fragment in the target", "", false, false},
	{"/a?b#c", "fragment in the target", "", false, false},
	{"/#", "fragment in the target", "", false, false},
	/* forms, RFC 9112 3.2 */
	{"", "target is neither a path nor an http URL", "", false, false},
	{"a", "target is neither a path nor an http URL", "", false, false},
	{"?a", "target is neither a path nor an http URL", "", false, false},
	{"*", "target is neither a path nor an http URL", "", false, false},
	{"\\a", "target is neither a path nor an http URL", "", false, false},
	{"example.org:443", "target is neither a path nor an http URL", "", false, false},
	{"ftp://h/", "target is neither a path nor an http URL", "", false, false},
	{"http:/a", "target is neither a path nor an http URL", "", false, false},
	{"http//a", "target is neither a path nor an http URL", "", false, false},
	{"httpss://a/", "target is neither a path nor an http URL", "", false, false},
	{"http://", "authority of the target is not a host", "", false, false},
	{"http:///a", "authority of the target is not a host", "", false, false},
	{"http://?", "authority of the target is not a host", "", false, false},
	{"http://u@h/", "authority of the target is not a host", "", false, false},
	{"http://u:p@h/", "authority of the target is not a host", "", false, false},
	{"http://h#a", "authority of the target is not a host", "", false, false},
	{"http://h\\a/", "authority of the target is not a host", "", false, false},
	{"http://h:0/", "authority of the target is not a host", "", false, false},
	{"http://h", "/", "", true, false},
	{"http://h?x", "/", "?x", true, false},
	{"http://h?x#y", "fragment in the target", "", false, false},
	{"HtTp://h/a/../b?c", "/b", "?c", true, true},
	{"https://[::1]:8443//x", "//x", "", false, false},
};

static void takes_targets_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++) {
		struct span target = block_of(span_str(targets[i].target));
		struct text room = block_text(target.len);
		struct path p;
		const struct refusal *why = path_read(&p, target, false, &room);

		if (why) {
			assert_int_equal(why->status, 400);
			block_same(span_str(why->text), targets[i].path, targets[i].target);
		} else {
			block_same(p.path, targets[i].path, targets[i].target);
			block_same(p.query, targets[i].query, targets[i].target);
			if (p.plain != targets[i].plain || (room.len != 0) != targets[i].changed)
				fail_msg("\"%s\": plain %d, changed %d", targets[i].target, p.plain, room.len != 0);
		}
		block_free(target);
		free(room.at);
	}
}

/* Truncated anywhere, the room exactly sized: no byte too many is looked at or
 * written, and what comes out is in normal form. */
static void truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++)
		for (size_t len = 0; len <= strlen(targets[i].target); len++) {
			struct span target = block_of(span_of(targets[i].target, len));
			struct text room = block_text(len), more = block_text(len);
			struct path p, again;

			if (!path_read(&p, target, false, &room) && p.path.at[0] == '/') {
				assert_null(path_read(&again, p.path, false, &more));
				assert_true(span_is(again.path, p.path) && more.len == 0 && again.plain == p.plain);
			}
			block_free(target);
			free(room.at);
			free(more.at);
		}
}

static void absolute_form(void **state)
{
	struct text room = block_text(64);
	struct path p;

	(void)state;
	assert_null(path_read(&p, SPAN("http://Example.org:8080/a?b"), false, &room));
	block_same(p.host, "Example.org:8080", "the authority");
	assert_false(p.secure);
	assert_null(path_read(&p, SPAN("https://[fd00::1]/a"), false, &room));
	block_same(p.host, "[fd00::1]", "the authority");
	assert_true(p.secure);
	assert_null(path_read(&p, SPAN("/a"), false, &room));
	assert_true(p.host.len == 0 && !p.secure);
	free(room.at);
}

/* RFC 9112 3.2.4: OPTIONS for the server itself. */
static void asterisk_form(void **state)
{
	struct text room = block_text(64);
	struct path p;

	(void)state;
	assert_null(path_read(&p, SPAN("*"), true, &room));
	block_same(p.path, "*", "*");
	assert_true(p.plain);
	assert_non_null(path_read(&p, SPAN("*"), false, &room));
	assert_non_null(path_read(&p, SPAN("**"), true, &room));
	assert_non_null(path_read(&p, SPAN("*?a"), true, &room));
	assert_null(path_read(&p, SPAN("http://h"), true, &room));
	block_same(p.path, "*", "http://h");
	assert_null(path_read(&p, SPAN("http://h?x"), true, &room));
	block_same(p.path, "/", "http://h?x");
	assert_null(path_read(&p, SPAN("http://h/"), true, &room));
	block_same(p.path, "/", "http://h/");
	free(room.at);
}

static void keeps_what_is_in_room(void **state)
{
	struct text room = block_text(6 + 11); /* what was there, and the target once more */
	const struct refusal *why;
	struct path p;

	(void)state;
	text_lit(&room, "before");
	assert_null(path_read(&p, SPAN("/x/../%61/b"), false, &room));
	block_same(p.path, "/a/b", "/x/../%61/b");
	block_same(text_span(&room), "before/a/b", "the room");
	why = path_read(&p, SPAN("/%61%62%63"), false, &room); /* less is left */
	assert_non_null(why);
	assert_int_equal(why->status, 414);
	free(room.at);
}

/* --- readings ---------------------------------------------------------------- */

/* Is `want` among the readings? Counts them as well. Each one must be in normal form itself and not longer. */
static bool has_reading(struct span path, const char *want, unsigned *count)
{
	struct text room = block_text(path.len), more = block_text(path.len);
	struct span reading;
	bool found = false;

	for (*count = 0; path_reading(path, *count, &room, &reading); ++*count) {
		const struct refusal *why;
		struct path again;

		assert_int_equal(room.len, 0);
		assert_true(reading.len >= 1 && reading.at[0] == '/' && reading.len <= path.len);
		why = path_read(&again, reading, false, &more);
		if (why ? strcmp(why->text, "control byte in the target") != 0 : !span_is(again.path, reading))
			fail_msg("reading %u of \"%.*s\" is \"%.*s\"", *count, (int)path.len, path.at, (int)reading.len, reading.at);
		more.len = 0;
		found = found || span_is(reading, span_str(want));
	}
	assert_false(room.full);
	free(room.at);
	free(more.at);
	return found;
}

/* What some backend makes of a path. */
static void finds_what_backends_read(void **state)
{
	static const struct { const char *path, *reading; } cases[] = {
		{"/a", "/a"},
		/* an encoded slash */
		{"/pub/..%2Fsecret/x", "/secret/x"},
		{"/pub%2F../secret/x", "/secret/x"},
		{"/secret%2Fx", "/secret/x"},
		{"/%2Fsecret/x", "/secret/x"},
		{"/pub/%2F..%2F../secret/x", "/secret/x"},
		/* backslashes, raw and encoded */
		{"/pub/..\\secret/x", "/secret/x"},
		{"/pub\\..\\secret\\x", "/secret/x"},
		{"/pub/..%5Csecret/x", "/secret/x"},
		{"/pub%5C..%2Fsecret%5Cx", "/secret/x"},
		{"/pub\\y/..%2F..%2Fsecret/x", "/secret/x"},  /* %2F is one, the backslash is not */
		{"/p/a//..\\..\\/secret/x", "/p/secret/x"},   /* resolved, then merged */
		{"/p/a//..\\..\\/secret/x", "/secret/x"},
		{"/p/a%5Cb\\..%2F..%2Fsecret/x", "/secret/x"}, /* a raw one is a slash, an encoded one is not */
		{"/p/a;\\..\\..\\b\\..", "/p/a"},            /* parameters end at real slashes only */
		/* several slashes */
		{"//secret/x", "/secret/x"},
		{"/pub/a//..;/secret/x", "/pub/secret/x"},
		{"/pub/a//..;/secret/x", "/pub/a/secret/x"},
		{"/pub/a//..%2F..%2Fsecret/x", "/pub/secret/x"},
		{"/pub//..%2F../secret/x", "/secret/x"},
		{"/secret//x", "/secret/x"},
		{"///secret", "/secret"},
		/* parameters */
		{"/secret;a=b/x", "/secret/x"},
		{"/pub/..;/secret/x", "/secret/x"},
		{"/pub/..;a;b/secret/x", "/secret/x"},
		{"/pub/.;/secret/x", "/pub/secret/x"},
		{"/;x/secret/x", "/secret/x"},
		{"/pub/..%3B/secret/x", "/secret/x"},
		{"/pub;a%2F../secret/x", "/secret/x"},
		{"/pub;a%2Fb/secret", "/pub/secret"},         /* gone before decoding */
		{"/pub;a%2Fb/secret", "/pub/b/secret"},       /* and after it */
		{"/pub/..;/..%2Fsecret/x", "/secret/x"},
		/* decoded twice */
		{"/%252e%252e/secret/x", "/secret/x"},
		{"/pub/%252e%252e/secret/x", "/secret/x"},
		{"/pub/%252E%252e%252Fsecret%252fx", "/secret/x"},
		{"/pub/..%255Csecret/x", "/secret/x"},
		{"/pub/..%253Ba/secret/x", "/secret/x"},
		{"/%2573ecret/x", "/secret/x"},
		{"/secr%2565t/x", "/secret/x"},
		{"/my%2520files/x", "/my%20files/x"},
		/* parsed as a URL once more: what was encoded ends the path */
		{"/pub/..%3Fx", "/"},
		{"/pub/..%23", "/"},
		{"/secret%3Fx/y", "/secret"},
		{"/secret%253Fx/y", "/secret"},
		/* resolved at each decoding */
		{"/a/b/%252e%252e/..%2Fsecret/x", "/a/b/secret/x"},
		{"/a/b/%252e%252e/..%2Fsecret/x", "/secret/x"},
		/* decoded, but for what a path must keep encoded */
		{"/user%40home/x", "/user@home/x"},
		{"/a%21%28b%29%3A/x", "/a!(b):/x"},
		{"/a%20b%40/x", "/a%20b@/x"},
		{"/%C3%A4%40", "/%C3%A4@"},
		{"/a%3Fb%23c%25%40", "/a%3Fb%23c%25@"},
		{"/group%2Fproject%40x", "/group%2Fproject@x"},
		/* ".." that nobody resolves: what stands before it */
		{"/secret%2F..%2Fpub/x", "/secret/"},
		{"/secret/x;/..%2F..%2F..%2Fpub", "/secret/x/"},
		{"/secret\\..\\pub", "/secret/"},
		/* held at the root */
		{"/..%2F..%2Fsecret/x", "/secret/x"},
		{"/..;/..;/secret/x", "/secret/x"},
		{"/%252e%252e", "/"},
		/* a URL without a scheme */
		{"//h/secret/x", "/secret/x"},
		{"///h/secret/x", "/secret/x"},
		{"//h:80\\secret/x", "/secret/x"},
		{"/\\h/secret/x", "/secret/x"},
		{"/\\\\h/secret/x", "/secret/x"},
		{"//h", "/"},
		{"//h//secret//x", "/secret/x"},
		{"/%2Fh/secret/x", "/secret/x"},
		{"//h/pub/..%2Fsecret/x", "/secret/x"},
		{"//h/%252e%252e/secret/x", "/secret/x"},
		/* all together */
		{"//h/p\\..;a%2F%252e%252e;b%252F/secr%2565t//x", "/secret/x"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text room = block_text(strlen(cases[i].path));
		struct span path;
		struct path p;
		unsigned count;

		assert_null(path_read(&p, span_str(cases[i].path), false, &room));
		assert_int_equal(p.plain, i == 0);
		path = block_of(p.path);
		if (!has_reading(path, cases[i].reading, &count))
			fail_msg("none of %u readings of \"%s\" is \"%s\"", count, cases[i].path, cases[i].reading);
		block_free(path);
		free(room.at);
	}
}

/* Most paths have one reading, and those that do not have few. */
static void reads_no_more_than_needed(void **state)
{
	static const struct { const char *path; unsigned most; } cases[] = {
		{"/", 1}, {"/a/b.c/d..e", 1}, {"/!$&'()*+,=:@[]{}|^", 1},
		{"/%C3%A4%20%E4%B8%AD", 1},   /* what decoding does not change for us */
		{"/100%25", 1}, {"/a%25zz", 1},
		{"/a%40b", 2}, {"/group%2Fproject", 6}, {"/a//b", 2}, {"//b", 4}, {"/a;b/c", 4}, {"/a\\b", 8},
		{"/a%2520b", 3}, {"/a%3Fb", 3}, {"/c%23/d", 3},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span path = block_of(span_str(cases[i].path));
		unsigned count;

		assert_true(has_reading(path, cases[i].path, &count));
		if (count < 1 || count > cases[i].most || (cases[i].most > 1 && count == 1))
			fail_msg("%u readings of \"%s\"", count, cases[i].path);
		block_free(path);
	}
}

static void number_0_is_the_path_itself(void **state)
{
	struct text room = text_in(NULL, 0);
	struct span path = SPAN("/a//..;%2F"), reading;

	(void)state;
	assert_true(path_reading(path, 0, &room, &reading));
	assert_ptr_equal(reading.at, path.at);
	assert_int_equal(reading.len, path.len);
	assert_false(path_reading(path, 1000000, &room, &reading));
	assert_false(room.full);
}

/* A reading without room must not pass for the end of them. */
static void no_room_is_told(void **state)
{
	struct text room = block_text(8);
	struct span reading;

	(void)state;
	assert_false(path_reading(SPAN("/a//bcdef"), 1, &room, &reading));
	assert_true(room.full);
	room = text_in(room.at, 8);
	assert_true(path_reading(SPAN("/a//bcde"), 1, &room, &reading));
	block_same(reading, "/a/bcde", "/a//bcde");
	free(room.at);
}

/* The time that all readings of one path take is bounded. */
static void too_many_ways(void **state)
{
	static char target[GW_TARGET];
	const struct span marks = SPAN("//..;a%2F%5C%252e%253B%255C%252F\\..");
	struct text room = block_text(sizeof target);
	const struct refusal *why;
	struct path p;
	unsigned count;

	(void)state;
	assert_null(path_read(&p, marks, false, &room));
	assert_true(has_reading(p.path, "/", &count));
	assert_true(count > 500 && count < 2000);
	memset(target, 'a', sizeof target);
	memcpy(target, marks.at, marks.len);
	why = path_read(&p, span_of(target, sizeof target), false, &room);
	assert_non_null(why);
	assert_int_equal(why->status, 400);
	block_same(span_str(why->text), "path can be read in too many ways", "a long hostile path");
	assert_null(path_read(&p, span_of(target, 60), false, &room));
	/* a whole encoded URL in a path is fine */
	memset(target, 'a', sizeof target);
	memcpy(target, "/fit//%252Fx%3Fa%3Db;c%2F", 25);
	assert_null(path_read(&p, span_of(target, 1000), false, &room));
	free(room.at);
}

static void whole_segments(void **state)
{
	(void)state;
	assert_true(path_under(SPAN("/nas/x"), SPAN("/nas/")));
	assert_true(path_under(SPAN("/nas/"), SPAN("/nas/")));
	assert_true(path_under(SPAN("/x"), SPAN("/")));
	assert_false(path_under(SPAN("/nas"), SPAN("/nas/")));
	assert_false(path_under(SPAN("/nasty"), SPAN("/nas/")));
	assert_false(path_under(SPAN("/NAS/x"), SPAN("/nas/")));
	assert_false(path_under(SPAN("*"), SPAN("/")));
}

/* --- hosts -------------------------------------------------------------------- */

static const struct { const char *value, *name; unsigned port; } hosts[] = {
	{"example.org", "example.org", 0},
	{"Example.ORG:8080", "Example.ORG", 8080},
	{"example.org.", "example.org", 0},
	{"example.org.:80", "example.org", 80},
	{"localhost", "localhost", 0},
	{"a_b-c~d.home", "a_b-c~d.home", 0},
	{"1host.5g", "1host.5g", 0},
	{"host2", "host2", 0},
	{"host:", "host", 0},               /* RFC 3986 3.2.3 */
	{"host:1", "host", 1}, {"host:65535", "host", 65535}, {"host:00080", "host", 80},
	{"192.168.1.2", "192.168.1.2", 0}, {"192.168.1.2:80", "192.168.1.2", 80}, {"127.0.0.1.", "127.0.0.1", 0},
	{"[::1]", "[::1]", 0}, {"[FD00::1]:443", "[FD00::1]", 443}, {"[::ffff:1.2.3.4]:", "[::ffff:1.2.3.4]", 0},
	{"", NULL, 0}, {".", NULL, 0}, {"..", NULL, 0}, {":80", NULL, 0}, {".:80", NULL, 0},
	{"a..b", NULL, 0}, {".a", NULL, 0}, {"a..", NULL, 0},
	{"host:0", NULL, 0}, {"host:65536", NULL, 0}, {"host:080000", NULL, 0}, {"host:-1", NULL, 0}, {"host:+80", NULL, 0},
	{"host: 80", NULL, 0}, {"host:80 ", NULL, 0}, {"host:8o", NULL, 0}, {"host:80:80", NULL, 0}, {"host::80", NULL, 0},
	{"u@host", NULL, 0}, {"u:p@host:80", NULL, 0}, {"host/", NULL, 0}, {"host?", NULL, 0}, {"host#", NULL, 0},
	{"ho%73t", NULL, 0}, {"ho st", NULL, 0}, {"host,other", NULL, 0}, {"host\\x", NULL, 0}, {"h\xc3\xb6st", NULL, 0},
	{"host\t", NULL, 0}, {"host;a", NULL, 0}, {"*.home", NULL, 0}, {"host'", NULL, 0}, {"<host>", NULL, 0},
	{"256.1.1.1", NULL, 0}, {"1.2.3", NULL, 0}, {"010.0.0.1", NULL, 0}, {"2130706433", NULL, 0}, {"a.b.1", NULL, 0},
	{"1.2.3.4.5", NULL, 0},
	{"[", NULL, 0}, {"[]", NULL, 0}, {"[::1", NULL, 0}, {"::1", NULL, 0}, {"[::1]]", NULL, 0}, {"[::1]x", NULL, 0},
	{"[::1].", NULL, 0}, {"[1.2.3.4]", NULL, 0}, {"[host]", NULL, 0}, {"[fe80::1%25eth0]", NULL, 0}, {"[fe80::1%eth0]", NULL, 0},
	{"[v1.x]", NULL, 0}, {"[::1]:0", NULL, 0}, {"[::1]:x", NULL, 0}, {"[[::1]]", NULL, 0}, {"x[::1]", NULL, 0},
	{"[::1]:80x", NULL, 0}, {"]", NULL, 0},
};

static void reads_hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct span value = block_of(span_str(hosts[i].value)), name;
		unsigned port = 4711;

		if (path_host(value, &name, &port) != (hosts[i].name != NULL))
			fail_msg("\"%s\" is%s a host", hosts[i].value, hosts[i].name ? "" : " not");
		if (hosts[i].name) {
			block_same(name, hosts[i].name, hosts[i].value);
			assert_int_equal(port, hosts[i].port);
		}
		block_free(value);
	}
}

static void truncated_hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++)
		for (size_t len = 0; len < strlen(hosts[i].value); len++) {
			struct span value = block_of(span_of(hosts[i].value, len)), name;
			unsigned port;

			(void)path_host(value, &name, &port);
			block_free(value);
		}
}

static void every_byte_of_a_name(void **state)
{
	(void)state;
	for (int x = 0; x < 256; x++) {
		const char word[3] = {'a', (char)x, 'z'};
		bool want = x && x < 128 && strchr("-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", x);
		struct span name;
		unsigned port;

		assert_int_equal(path_host(span_of(word, 3), &name, &port), want);
	}
}

static void long_names(void **state)
{
	char name[GW_NAME];
	struct span got;
	unsigned port;

	(void)state;
	memset(name, 'a', sizeof name);
	assert_true(path_host(span_of(name, GW_NAME - 1), &got, &port));
	assert_false(path_host(span_of(name, GW_NAME), &got, &port)); /* no room for a final zero */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_targets_apart),
		cmocka_unit_test(truncated),
		cmocka_unit_test(absolute_form),
		cmocka_unit_test(asterisk_form),
		cmocka_unit_test(keeps_what_is_in_room),
		cmocka_unit_test(finds_what_backends_read),
		cmocka_unit_test(reads_no_more_than_needed),
		cmocka_unit_test(number_0_is_the_path_itself),
		cmocka_unit_test(no_room_is_told),
		cmocka_unit_test(too_many_ways),
		cmocka_unit_test(whole_segments),
		cmocka_unit_test(reads_hosts),
		cmocka_unit_test(truncated_hosts),
		cmocka_unit_test(every_byte_of_a_name),
		cmocka_unit_test(long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
