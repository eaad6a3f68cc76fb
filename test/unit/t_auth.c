/* SPDX-License-Identifier: MIT
 *
 * Is what a request says about its sender read in one way only, and is what it
 * says too much taken away?
 */
#include "../../src/auth.h"
#include "block.h"
#include <stdio.h>

/* A request with these field lines, in a block of its size; *h points into it. */
static char *head_of(struct head *h, const char *lines)
{
	size_t len = strlen(lines) + 64;
	char *wire = malloc(len), *exact;

	assert_non_null(wire);
	len = (size_t)snprintf(wire, len, "POST / HTTP/1.1\r\n%s\r\n", lines);
	exact = (char *)(uintptr_t)block_of(span_of(wire, len)).at;
	free(wire);
	if (head_request(h, exact, len))
		fail_msg("no head: %s", lines);
	return exact;
}

/* --- Basic credentials ------------------------------------------------------------ */

static const struct {
	const char *credentials, *name, *password; /* no name: false */
} basics[] = {
	{"Basic YWxpY2U6c2VjcmV0", "alice", "secret"},
	{"basic YWxpY2U6c2VjcmV0", "alice", "secret"},
	{"BASIC   YWxpY2U6c2VjcmV0", "alice", "secret"},
	{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"}, /* RFC 7617 2 */
	{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Aladdin", "open sesame"},
	{"Basic dGVzdDoxMjPCow==", "test", "123\xc2\xa3"}, /* RFC 7617 2.1 */
	{"Basic YTpi", "a", "b"},
	{"Basic YTpiOmM6", "a", "b:c:"}, /* the first colon separates */
	{"Basic YTo=", "a", ""},
	{"Basic OmI=", "", "b"},
	{"Basic Og==", "", ""},
	{"Basic w6Q6w7Y=", "\xc3\xa4", "\xc3\xb6"},
	{"Basic YTo+Pj8/", "a", ">>\?\?"}, /* digits 62 and 63 */
	/* not well-formed */
	{"", NULL, NULL},
	{"Basic", NULL, NULL},
	{"Basic ", NULL, NULL},
	{"Basic YWxpY2U=", NULL, NULL},        /* no colon */
	{"Basic YTpi=", NULL, NULL},           /* padding where none is due, */
	{"Basic YTpi====", NULL, NULL},
	{"Basic YTo==", NULL, NULL},           /* too much, */
	{"Basic Og=", NULL, NULL},             /* too little, */
	{"Basic YT=o", NULL, NULL},            /* inside */
	{"Basic YTp", NULL, NULL},             /* bits behind the last byte */
	{"Basic OmK=", NULL, NULL},
	{"Basic YTpiY", NULL, NULL},           /* six bits are no byte */
	{"Basic YT pi", NULL, NULL},
	{"Basic YTpi YTpi", NULL, NULL},
	{"Basic YTpi,", NULL, NULL},
	{"Basic YTo-Pj8_", NULL, NULL},        /* the other alphabet */
	{"Basic YTo\xc3\xa4", NULL, NULL},
	{"Basic\tYTpi", NULL, NULL},
	{"Basic,YTpi", NULL, NULL},
	{"BasicYTpi", NULL, NULL},
	{"Basi YTpi", NULL, NULL},
	{"Basics YTpi", NULL, NULL},
	{"Bearer YTpi", NULL, NULL},
	{"Digest username=\"alice\"", NULL, NULL},
	{" YTpi", NULL, NULL},
	/* control bytes in the name */
	{"Basic YQA6Yg==", NULL, NULL},
	{"Basic YQo6Yg==", NULL, NULL},
	{"Basic YQ06Yg==", NULL, NULL},
	{"Basic CTpi", NULL, NULL},
	{"Basic YX86Yg==", NULL, NULL},
};

static void reads_credentials(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(basics); i++) {
		struct span credentials = block_of(span_str(basics[i].credentials));
		struct text room = block_text(credentials.len); /* surely enough */
		struct auth_basic b;
		bool got = auth_basic(&b, credentials, &room);

		if (got != (basics[i].name != NULL))
			fail_msg("\"%s\": %d", basics[i].credentials, got);
		assert_false(room.full);
		if (got) {
			block_same(b.name, basics[i].name, basics[i].credentials);
			block_same(b.password, basics[i].password, basics[i].credentials);
			assert_true(b.name.at >= room.at && b.password.at + b.password.len == room.at + room.len);
		} else {
			assert_int_equal(room.len, 0);
		}
		block_free(credentials);
		free(room.at);
	}
}

/* A password with a zero byte in it is one to be found wrong, not one cut short. */
static void keeps_zero_bytes(void **state)
{
	struct text room = block_text(32);
	struct auth_basic b;

	(void)state;
	assert_true(auth_basic(&b, SPAN("Basic YTpiAGM="), &room));
	assert_true(span_is(b.password, SPAN("b\0c")));
	free(room.at);
}

static void asks_for_room(void **state)
{
	(void)state;
	for (size_t size = 0; size <= 12; size++) {
		struct text room = block_text(size);
		struct auth_basic b;

		assert_int_equal(auth_basic(&b, SPAN("Basic YWxpY2U6c2VjcmV0"), &room), size == 12);
		free(room.at);
	}
}

static void refuses_names(void **state)
{
	static const struct {
		const char *name, *why;
	} names[] = {
		{"", "is no name"}, {" a", "begins or ends with a blank"}, {"a\t", "begins or ends with a blank"}, {"a\nb", "holds a control byte"},
		{"a\177", "holds a control byte"}, {"a:b", "holds a colon"}, {"a", NULL}, {"al ice", NULL}, {"\303\244=$", NULL},
	};
	char room[129];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct span name = block_of(span_str(names[i].name));
		const char *why = auth_refuse_name(name);

		assert_true(why ? names[i].why && strcmp(why, names[i].why) == 0 : !names[i].why);
		block_free(name);
	}
	memset(room, 'a', sizeof room);
	assert_null(auth_refuse_name(span_of(room, 128)));
	assert_non_null(auth_refuse_name(span_of(room, 129)));
	assert_non_null(auth_refuse_name(SPAN("a\0b")));
}

/* --- cookies -------------------------------------------------------------------------- */

#define COOKIE "Cookie: "
#define END "\r\n"

static const struct {
	const char *lines, *name, *values; /* each with "|" behind it */
} cookies[] = {
	{"", "a", ""},
	{COOKIE "a=1" END, "a", "1|"},
	{COOKIE "a=1; b=2; a=3" END, "a", "1|3|"},
	{COOKIE "b=2; a=1" END COOKIE "a=4; a=5" END, "a", "1|4|5|"},
	{COOKIE "a=1" END "X: a=9" END COOKIE END COOKIE "a=2;" END, "a", "1|2|"},
	{"X: a=9" END "cookie: a=1;a=2" END, "a", "1|2|"},
	{COOKIE "A=1; aa=2; a =3; \ta\t=\t4\t" END, "a", "3|4|"},
	{COOKIE "a=\"x\"; a=\"\"; a=\"; a=x\"; a=\"x" END, "a", "x||\"|x\"|\"x|"},
	{COOKIE "b=\"x; a=1; y\"" END, "a", "1|"}, /* quotes do not hold a ';' */
	{COOKIE "a=1=2; a==" END, "a", "1=2|=|"},
	{COOKIE "a=;;; ;a=2;" END, "a", "|2|"},
	{COOKIE "=a; a; a" END, "a", "||"},
	{COOKIE "b=1, a=2" END, "a", ""},
	{COOKIE "\"a\"=1; %61=2; b=a=3" END, "a", ""},
	{"Set-Cookie: a=1" END "Cookie2: a=2" END, "a", ""},
	{COOKIE "gateway-login-x=1; __Host-gateway-login-x=2" END, "gateway-login-x", "1|"},
	{COOKIE "gateway-login-x=1; __Host-gateway-login-x=2" END, "__Host-gateway-login-x", "2|"},
};

static void finds_cookies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cookies); i++) {
		struct head h;
		char *wire = head_of(&h, cookies[i].lines);
		struct text got = block_text(256);
		struct span value;
		unsigned at = 0;

		while (auth_cookie(&h, span_str(cookies[i].name), &at, &value)) {
			text_span_add(&got, value);
			text_char(&got, '|');
		}
		assert_false(auth_cookie(&h, span_str(cookies[i].name), &at, &value));
		block_same(text_span(&got), cookies[i].values, cookies[i].lines);
		free(got.at);
		free(wire);
	}
}

static const struct {
	const char *pairs, *rest; /* NULL: nothing is left */
	bool own;
} strips[] = {
	{"a=1", "a=1", false},
	{"a=1; b=2", "a=1; b=2", false},
	{"gateway-login-x=1", NULL, true},
	{"__Host-gateway-login-x=1", NULL, true},
	{"gateway-login-", NULL, true},
	{"gateway-login-x", NULL, true}, /* no '=' */
	{"gateway-login-x=1; a=1", "a=1", true},
	{"a=1; gateway-login-x=1", "a=1", true},
	{"a=1; gateway-login-x=1; b=2; __Host-gateway-login-y=2;c=3", "a=1; b=2; c=3", true},
	{"a=1;gateway-login-x=1;b=2", "a=1; b=2", true},
	{"gateway-login-x=1; gateway-login-x=2", NULL, true},
	{";;a=1;; ;\t;", "a=1", false},
	{" ; ;", NULL, false},
	{"", NULL, false},
	{"a=1;\tgateway-login-x=1", "a=1", true},
	{"a=1; gateway-login-x =1", "a=1", true},
	{"a=1;gateway-login-x\t= 1", "a=1", true},
	{"a=1;gateway-login-x\t", "a=1", true},
	{"a=\"x; gateway-login-x=1; y\"", "a=\"x; y\"", true}, /* cut where servers cut */
	{"a=\"\\\"; gateway-login-x=1", "a=\"\\\"", true},
	{"a=gateway-login-x=1", "a=gateway-login-x=1", false},
	{"a gateway-login-x=1", "a gateway-login-x=1", false},
	{"Gateway-Login-x=1; __host-gateway-login-x=2", "Gateway-Login-x=1; __host-gateway-login-x=2", false},
	{"xgateway-login-x=1; gateway-logi=2; gateway-login=3", "xgateway-login-x=1; gateway-logi=2; gateway-login=3", false},
	{"__Secure-gateway-login-x=1", "__Secure-gateway-login-x=1", false},
	{"=gateway-login-x; =", "=gateway-login-x; =", false},
	{"gateway-login-x=\"a; b=1\"", "b=1\"", true},
};

static void strips_cookies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(strips); i++) {
		struct span pairs = block_of(span_str(strips[i].pairs));
		size_t need = strips[i].rest ? strlen(strips[i].rest) : 0;

		for (size_t size = 0; size <= need; size++) {
			struct text out = block_text(size);
			bool some = auth_strip_cookies(&out, pairs);

			if (some != (strips[i].rest != NULL))
				fail_msg("\"%s\": %d", strips[i].pairs, some);
			assert_int_equal(out.full, size < need);
			if (size == need)
				block_same(text_span(&out), strips[i].rest ? strips[i].rest : "", strips[i].pairs);
			assert_true(size < need || !auth_has_own_cookie(text_span(&out)));
			free(out.at);
		}
		if (auth_has_own_cookie(pairs) != strips[i].own)
			fail_msg("\"%s\": has one of ours: %d", strips[i].pairs, !strips[i].own);
		block_free(pairs);
	}
}

/* What was found by the name of ours is never what is left. */
static void strips_what_it_finds(void **state)
{
	static const char bytes[] = "=; \t\"g,";
	static const struct span name = SPAN("gateway-login-x");
	char line[64];

	(void)state;
	srand(4);
	for (int turn = 0; turn < 20000; turn++) {
		struct text t = text_in(line, sizeof line - 1), out;
		struct span value;
		struct head h;
		unsigned at = 0;
		char *wire;

		text_lit(&t, "Cookie: ");
		for (int n = rand() % 10; n > 0; n--)
			if (rand() % 3 == 0 && t.len < 30)
				text_span_add(&t, name);
			else
				text_char(&t, bytes[rand() % (int)(sizeof bytes - 1)]);
		text_lit(&t, "\r\n");
		line[t.len] = 0;
		wire = head_of(&h, line);
		out = block_text(h.fields[0].value_len + 64u);
		if (auth_cookie(&h, name, &at, &value))
			assert_true(auth_has_own_cookie(head_value(&h, 0)));
		auth_strip_cookies(&out, head_value(&h, 0));
		assert_false(auth_has_own_cookie(text_span(&out)));
		free(out.at);
		free(wire);
	}
}

static void knows_own_cookies(void **state)
{
	(void)state;
	assert_true(auth_is_own_cookie(SPAN("gateway-login-family")));
	assert_true(auth_is_own_cookie(SPAN("__Host-gateway-login-family")));
	assert_false(auth_is_own_cookie(SPAN("gateway-login")));
	assert_false(auth_is_own_cookie(SPAN("__Host-gateway")));
	assert_false(auth_is_own_cookie(SPAN("gateway_login-family")));
	assert_false(auth_is_own_cookie(SPAN("GATEWAY-LOGIN-family")));
	assert_false(auth_is_own_cookie(span_of(NULL, 0)));
}

/* --- what browsers say ---------------------------------------------------------------- */

#define HTML "Accept: text/html,application/xhtml+xml,*/*;q=0.8" END

static const struct {
	const char *lines;
	bool navigation, fetch;
} navigations[] = {
	{HTML, true, false},
	{HTML "Sec-Fetch-Mode: navigate" END, true, true},
	{"Accept: application/json, Text/HTML ;level=1" END, true, false},
	{"Accept: application/json" END "Accept: text/html" END, true, false},
	{"", false, false},
	{"Accept: */*" END, false, false},
	{"Accept: text/*" END, false, false},
	{"Accept:" END, false, false},
	{"Accept: text/htmlx, xtext/html, application/x;a=text/html, a;b=\", text/html\"" END, false, false},
	{"Sec-Fetch-Mode: navigate" END, false, true},
	{"Accept: */*" END "Sec-Fetch-Mode: navigate" END, false, true},
	{HTML "Sec-Fetch-Mode: cors" END, false, true},
	{HTML "Sec-Fetch-Mode: same-origin" END, false, true},
	{HTML "Sec-Fetch-Mode: no-cors" END, false, true},
	{HTML "Sec-Fetch-Mode: websocket" END, false, true},
	{HTML "Sec-Fetch-Mode: Navigate" END, false, true},
	{HTML "Sec-Fetch-Mode:" END, false, true},
	{HTML "Sec-Fetch-Mode: navigate" END "Sec-Fetch-Mode: navigate" END, false, true},
	{HTML "Sec-Fetch-Mode: navigate" END "Sec-Fetch-Mode: cors" END, false, true},
};

static void knows_navigations(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(navigations); i++) {
		struct head h;
		char *wire = head_of(&h, navigations[i].lines);

		if (auth_is_navigation(&h) != navigations[i].navigation || auth_is_fetch(&h) != navigations[i].fetch)
			fail_msg("%s", navigations[i].lines);
		free(wire);
	}
}

#define ORIGIN "Origin: "
#define SITE "Sec-Fetch-Site: "
#define REFERER "Referer: "

static const struct {
	const char *scheme, *host, *lines;
	bool foreign;
} foreigns[] = {
	{"https", "a.example", "", false}, /* no browser's */
	{"https", "a.example", "X: https://b.example" END, false},
	/* Sec-Fetch-Site */
	{"https", "a.example", SITE "same-origin" END, false},
	{"https", "a.example", SITE "none" END, false},
	{"https", "a.example", SITE "same-site" END, true},
	{"https", "a.example", SITE "cross-site" END, true},
	{"https", "a.example", SITE END, true},
	{"https", "a.example", SITE "same-origin, same-origin" END, true},
	{"https", "a.example", SITE "Same-Origin" END, true},
	{"https", "a.example", SITE "same-origin" END SITE "same-origin" END, true},
	{"https", "a.example", SITE "same-origin" END SITE "cross-site" END, true},
	{"https", "a.example", SITE "cross-site" END ORIGIN "https://a.example" END, true},
	{"http", "a.example", SITE "same-origin" END ORIGIN "https://a.example" END, false}, /* TLS ended before us */
	/* Origin */
	{"https", "a.example", ORIGIN "https://a.example" END, false},
	{"https", "a.example", ORIGIN "HTTPS://A.Example" END, false},
	{"https", "A.example", ORIGIN "https://a.eXample" END, false},
	{"https", "a.example:443", ORIGIN "https://a.example" END, false},
	{"https", "a.example", ORIGIN "https://a.example:443" END, false},
	{"http", "a.example:80", ORIGIN "http://a.example" END, false},
	{"http", "a.example", ORIGIN "http://a.example:80" END, false},
	{"https", "a.example:8443", ORIGIN "https://a.example:8443" END, false},
	{"https", "a.example.", ORIGIN "https://a.example" END, false},
	{"http", "192.168.1.1:8080", ORIGIN "http://192.168.1.1:8080" END, false},
	{"http", "[fd00::1]", ORIGIN "http://[fd00::1]" END, false},
	{"http", "[fd00::1]:81", ORIGIN "http://[fd00::1]:81" END, false},
	{"https", "a.example", ORIGIN "null" END, true},
	{"https", "a.example", ORIGIN END, true},
	{"https", "a.example", ORIGIN "http://a.example" END, true},
	{"http", "a.example", ORIGIN "https://a.example" END, true},
	{"http", "a.example", ORIGIN "http://a.example:443" END, true},
	{"https", "a.example", ORIGIN "https://a.example:80" END, true},
	{"https", "a.example", ORIGIN "https://a.example:8443" END, true},
	{"https", "a.example:8443", ORIGIN "https://a.example" END, true},
	{"https", "a.example", ORIGIN "https://b.example" END, true},
	{"https", "a.example", ORIGIN "https://xa.example" END, true},
	{"https", "a.example", ORIGIN "https://a.example.evil" END, true},
	{"https", "a.example", ORIGIN "https://a.example@evil" END, true},
	{"https", "a.example", ORIGIN "https://a.example/" END, true}, /* an Origin has no path */
	{"https", "a.example", ORIGIN "https://a.example https://b.example" END, true},
	{"https", "a.example", ORIGIN "https:a.example" END, true},
	{"https", "a.example", ORIGIN "https:/a.example" END, true},
	{"https", "a.example", ORIGIN "https:///a.example" END, true},
	{"https", "a.example", ORIGIN "https://" END, true},
	{"https", "a.example", ORIGIN "https" END, true},
	{"https", "a.example", ORIGIN "httpsx://a.example" END, true},
	{"https", "a.example", ORIGIN "a.example" END, true},
	{"https", "a.example", ORIGIN "file://" END, true},
	{"https", "a.example", ORIGIN "https://a.example" END ORIGIN "https://a.example" END, true},
	{"https", "a.example", ORIGIN "https://a.example" END ORIGIN "https://b.example" END, true},
	{"https", "a.example", ORIGIN "null" END REFERER "https://a.example/" END, true},
	{"https", "", ORIGIN "https://" END, true},
	{"https", "", ORIGIN "https://a.example" END, true},
	/* Referer */
	{"https", "a.example", REFERER "https://a.example/" END, false},
	{"https", "a.example", REFERER "https://a.example/b?c=https://d/" END, false},
	{"https", "a.example:8443", REFERER "https://A.example:8443/b" END, false},
	{"https", "a.example", REFERER "https://a.example" END, false},
	{"https", "a.example", REFERER "http://a.example/" END, true},
	{"https", "a.example", REFERER "https://b.example/https://a.example/" END, true},
	{"https", "a.example", REFERER "https://a.example.evil/" END, true},
	{"https", "a.example", REFERER "https://a.example@evil/" END, true},
	{"https", "a.example", REFERER "https://evil\\.a.example/" END, true},
	{"https", "a.example", REFERER "https://evil?.a.example/" END, true},
	{"https", "a.example", REFERER "https://a.example:8443/" END, true},
	{"https", "a.example", REFERER END, true},
	{"https", "a.example", REFERER "about:blank" END, true},
	{"https", "a.example", REFERER "/b" END, true},
	{"https", "a.example", REFERER "https://a.example/" END REFERER "https://a.example/" END, true},
	{"https", "a.example", REFERER "https://b.example/" END ORIGIN "https://a.example" END, false}, /* Origin goes first */
};

static void knows_foreign_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(foreigns); i++) {
		struct span host = block_of(span_str(foreigns[i].host)), scheme = block_of(span_str(foreigns[i].scheme));
		struct head h;
		char *wire = head_of(&h, foreigns[i].lines);

		if (auth_is_foreign(&h, scheme, host) != foreigns[i].foreign)
			fail_msg("%s://%s, %s", foreigns[i].scheme, foreigns[i].host, foreigns[i].lines);
		free(wire);
		block_free(host);
		block_free(scheme);
	}
}

/* --- forms ------------------------------------------------------------------------------ */

static const struct {
	const char *body, *value; /* of "user"; NULL: false */
} forms[] = {
	{"user=alice", "alice"},
	{"user=alice&password=x", "alice"},
	{"password=x&user=alice", "alice"},
	{"&&user=alice&", "alice"},
	{"user=", ""},
	{"user", ""},
	{"user&password=user", ""},
	{"user=a=b", "a=b"},
	{"user=a+b%20c%2B", "a b c+"},
	{"user=%61%6C%c3%A4", "al\xc3\xa4"},
	{"user=%26%3d%25", "&=%"},
	{"user=%0D%0A%01%7f", "\r\n\x01\x7f"},
	{"use%72=alice", "alice"},
	{"User=bob&user=alice", "alice"},
	{"users=bob&use=b&user+=b&user%00=b&user=alice", "alice"},
	{"user=alice&%zz=1&%=2&x=%00", "alice"},
	{"", NULL},
	{"&", NULL},
	{"=alice", NULL},
	{"password=x", NULL},
	{"USER=alice", NULL},
	{"+user=alice", NULL},
	{"password=user=alice", NULL},
	{"password=x;user=alice", NULL},
	{"user=alice&user=bob", NULL},
	{"user=alice&user=alice", NULL},
	{"user=alice&user", NULL},
	{"user=alice&%75ser=bob", NULL},
	{"user=alice&us%65r=bob", NULL},
	{"user=%00", NULL},
	{"user=alice%00", NULL},
	{"user=%", NULL},
	{"user=%4", NULL},
	{"user=a%4&password=1", NULL},
	{"user=%4g", NULL},
	{"user=%g4", NULL},
	{"user=%%41", NULL},
	{"user=% 41", NULL},
};

static void reads_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		struct span body = block_of(span_str(forms[i].body)), value = {NULL, 0};
		size_t need = forms[i].value ? strlen(forms[i].value) : body.len;

		for (size_t size = 0; size <= need; size++) {
			struct text room = block_text(size + 3);
			bool got;

			text_lit(&room, "abc"); /* what is there already stays */
			got = auth_form(body, SPAN("user"), &room, &value);
			if (got != (forms[i].value && size == need))
				fail_msg("\"%s\", %zu: %d", forms[i].body, size, got);
			if (got)
				block_same(value, forms[i].value, forms[i].body);
			assert_int_equal(room.len, got ? 3 + need : 3);
			assert_true(!got || value.at == room.at + 3);
			assert_true(span_starts(text_span(&room), SPAN("abc")));
			free(room.at);
		}
		block_free(body);
	}
}

static void refuses_zero_bytes(void **state)
{
	struct text room = block_text(64);
	struct span value;

	(void)state;
	assert_false(auth_form(SPAN("user=a\0b"), SPAN("user"), &room, &value));
	assert_false(auth_form(SPAN("us\0er=a"), SPAN("user"), &room, &value));
	assert_false(auth_form(SPAN("user\0=a"), SPAN("user"), &room, &value));
	assert_true(auth_form(SPAN("user=a"), SPAN("user"), &room, &value));
	free(room.at);
}

/* Cut off at any byte it is read as what is there, or not at all. */
static void reads_forms_cut_off(void **state)
{
	static const char body[] = "user=al%69ce&to=%2Fa%3Fb&password=%C3%A4+1";
	static const struct {
		const char *name, *value;
		size_t from, to; /* from here on it is there, from there on it is whole */
	} rows[] = {{"user", "alice", 4, 12}, {"to", "/a?b", 15, 24}, {"password", "\xc3\xa4 1", 33, 42}};

	(void)state;
	for (size_t len = 0; len < sizeof body; len++)
		for (size_t i = 0; i < COUNT(rows); i++) {
			struct span part = block_of(span_of(body, len)), value = {NULL, 0};
			struct text room = block_text(len);
			bool got = auth_form(part, span_str(rows[i].name), &room, &value);

			if (len < rows[i].from)
				assert_false(got);
			if (len >= rows[i].to)
				assert_true(got && span_is(value, span_str(rows[i].value)));
			if (got)
				assert_true(span_starts(span_str(rows[i].value), value));
			block_free(part);
			free(room.at);
		}
}

/* --- where to go on to --------------------------------------------------------------------- */

static void knows_local_places(void **state)
{
	static const char *const local[] = {"/", "/a", "/a/b?c=d&e#f", "/?a", "/?//b", "/a//b", "/a\\b", "/../..", "/./", "/%2F/evil", "/%5cevil",
		"/%09/evil", "/%0d%0aX:y", "/a?b=http://evil/", "/@evil", "/:80", "/a'\"<>", "/~!$()*,;=|^`{}[]"};
	static const char *const others[] = {"", "a", "//", "//evil", "//evil/", "///evil", "/\\", "/\\evil", "\\/evil", "\\\\evil", "http://evil/",
		"javascript:alert(1)", " /a", "/ ", "/a b", "/a\t", "/\t/evil", "/\n/evil", "/\r\nX: y", "/a\r", "/a\x01", "/a\x7f", "/\xc3\xa4",
		"/a\xff", "/\x80/evil", "?a", "#a", "@evil", "./a", "%2Fa"};

	(void)state;
	for (size_t i = 0; i < COUNT(local); i++) {
		struct span to = block_of(span_str(local[i]));

		if (!auth_is_local(to))
			fail_msg("%s is local", local[i]);
		block_free(to);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		struct span to = block_of(span_str(others[i]));

		if (auth_is_local(to))
			fail_msg("%s is not local", others[i]);
		block_free(to);
	}
	assert_false(auth_is_local(SPAN("/a\0")));
	assert_false(auth_is_local(SPAN("/\0/evil")));
	assert_false(auth_is_local(span_of(NULL, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_credentials),
		cmocka_unit_test(keeps_zero_bytes),
		cmocka_unit_test(asks_for_room),
		cmocka_unit_test(refuses_names),
		cmocka_unit_test(finds_cookies),
		cmocka_unit_test(strips_cookies),
		cmocka_unit_test(strips_what_it_finds),
		cmocka_unit_test(knows_own_cookies),
		cmocka_unit_test(knows_navigations),
		cmocka_unit_test(knows_foreign_requests),
		cmocka_unit_test(reads_forms),
		cmocka_unit_test(refuses_zero_bytes),
		cmocka_unit_test(reads_forms_cut_off),
		cmocka_unit_test(knows_local_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
