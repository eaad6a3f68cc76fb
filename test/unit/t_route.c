/* SPDX-License-Identifier: MIT
 *
 * Does each request meet the one route it belongs to, and no other by a trick?
 */
#include "../../src/route.h"
#include "config_made.h"

/* A request as these tests say it. */
struct request {
	struct head head;
	struct path path;
	struct net client;
	struct asked asked;
	struct span bytes;
	struct text room;
};

static void request_init(struct request *r, const char *line, const char *fields, const char *host, const char *client)
{
	char place[1024];
	struct text t = text_in(place, sizeof place);

	text_str(&t, line);
	text_lit(&t, " HTTP/1.1\r\n");
	text_str(&t, fields);
	text_lit(&t, "\r\n");
	assert_false(t.full);
	r->bytes = block_of(text_span(&t));
	assert_null(head_request(&r->head, r->bytes.at, r->bytes.len));
	r->room = block_text(r->head.target.len);
	assert_null(path_read(&r->path, r->head.target, true, &r->room));
	r->client = (struct net){.family = NET_UNIX};
	if (strcmp(client, "unix") != 0)
		assert_true(net_read(&r->client, span_str(client)));
	r->asked = (struct asked){&r->head, &r->path, span_str(host), &r->client};
}

static void request_free(struct request *r)
{
	block_free(r->bytes);
	free(r->room.at);
}

/* --- sites ----------------------------------------------------------------- */

static const struct { const char *host, *label; } hosts[] = {
	{"home.example.org", "home.example.org"},
	{"HOME.Example.ORG", "home.example.org"},
	{"www.example.org", "wild"},
	{"a.b.example.org", "wild"},
	{"a.b.c.example.org", "wilder"},
	{"b.c.example.org", "wilder"},
	{"c.example.org", "wild"},
	{"example.org", "*"},        /* a wildcard needs a label more */
	{".example.org", "*"},
	{"xexample.org", "*"},
	{"home.example.orgx", "*"},
	{"nas", "wild"},
	{"[fd00::1]", "six"},
	{"", "*"},
};

static void finds_sites(void **state)
{
	struct config *c = config_right("[gateway]\nlisten = :80\nlisten = :81\n[site wilder]\nhost = *.c.example.org\n/ = reply:200\n[site *]\n/ = reply:200\n"
					"[site wild]\nhost = *.example.org NAS\n/ = reply:200\n[site home.example.org]\n/ = reply:200\n"
					"[site six]\nhost = [FD00::1]\n/ = reply:200\n[site own]\nlisten = :82\n/ = reply:200\n");

	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++)
		for (size_t l = 0; l < 2; l++) {
			struct span host = block_of(span_str(hosts[i].host));

			block_same(span_str(route_site(&c->listeners[l], host)->label), hosts[i].label, hosts[i].host);
			block_free(host);
		}
	assert_string_equal(route_site(&c->listeners[0], SPAN("own"))->label, "*");
	assert_string_equal(route_site(&c->listeners[2], SPAN("own"))->label, "own");
	assert_null(route_site(&c->listeners[2], SPAN("home.example.org")));
	config_free(c);
}

/* --- routes ---------------------------------------------------------------------- */

static const char *const routes = "[gateway]\nlisten = :80\n[site *]\n"
				  "/post/ = reply:200 when=method:POST,PUT\n"
				  "/ = reply:200 when=query:mock\n"
				  "/ = reply:201 when=query:n=1\n"
				  "/ = reply:202 when=cookie:beta=1\n"
				  "/ = reply:203 when=header:X-Mock:yes\n"
				  "/ = reply:205 when=header:X-Any when=from:10.0.0.0/8,fd00::/8\n"
				  "/only/ = reply:206 when=cookie:any\n"
				  "/nas/ = reply:210\n"
				  "/nas/deep/ = reply:211\n"
				  "/file = reply:212\n"
				  "/file/ = reply:213\n"
				  "/dir/ = reply:214\n"
				  "/dir/x = reply:215\n"
				  "/caf\xc3\xa9/ = reply:216\n"
				  "/ = reply:217 when=header:X-Client-Cert-Subject\n"
				  "/ = reply:217 when=header:X-Client-Cert-Subjects\n";

/* status: of the reply; 404: none; 301: a slash is missing. */
static const struct { const char *line, *fields, *client; int status; } requests[] = {
	{"GET /nas/", "", "1.2.3.4", 210},
	{"GET /nas/x?y", "", "1.2.3.4", 210},
	{"GET /nas", "", "1.2.3.4", 301},
	{"GET /nas?x", "", "1.2.3.4", 301},
	{"GET /nasty", "", "1.2.3.4", 404},
	{"GET /nas/deep/x", "", "1.2.3.4", 211},
	{"GET /nas/deep", "", "1.2.3.4", 301}, /* the longer prefix counts, even without its slash */
	{"GET /nas/deeper", "", "1.2.3.4", 210},
	{"GET /n%61s/deep/../x", "", "1.2.3.4", 210},
	{"GET /x/../nas/deep/", "", "1.2.3.4", 211},
	{"GET /file", "", "1.2.3.4", 212},
	{"GET /file/", "", "1.2.3.4", 213},
	{"GET /filex", "", "1.2.3.4", 404},
	{"GET /dir/x", "", "1.2.3.4", 215},
	{"GET /dir/x/", "", "1.2.3.4", 214},
	{"GET /caf%c3%A9/x", "", "1.2.3.4", 216},
	{"GET /", "", "1.2.3.4", 404},
	{"OPTIONS *", "", "1.2.3.4", 404},
	/* method */
	{"POST /post/", "", "1.2.3.4", 200},
	{"PUT /post/x", "", "1.2.3.4", 200},
	{"POST /post", "", "1.2.3.4", 301},
	{"GET /post/", "", "1.2.3.4", 404},
	{"GET /post", "", "1.2.3.4", 404},
	{"post /post/", "", "1.2.3.4", 404},
	{"POS /post/", "", "1.2.3.4", 404},
	/* query */
	{"GET /?mock", "", "1.2.3.4", 200},
	{"GET /?mock=", "", "1.2.3.4", 200},
	{"GET /?mock=0", "", "1.2.3.4", 200},
	{"GET /?a=b&mock", "", "1.2.3.4", 200},
	{"GET /?mocks", "", "1.2.3.4", 404},
	{"GET /?a=mock", "", "1.2.3.4", 404},
	{"GET /?Mock", "", "1.2.3.4", 404},
	{"GET /?n=1", "", "1.2.3.4", 201},
	{"GET /?%6docK=1&m%6Fck", "", "1.2.3.4", 200},
	{"GET /?n=%31", "", "1.2.3.4", 201},
	{"GET /?n=1%00", "", "1.2.3.4", 404},
	{"GET /?moc%6", "", "1.2.3.4", 404},
	{"GET /nas/?n=2&n=1", "", "1.2.3.4", 201}, /* conditions come first */
	{"GET /?n=12", "", "1.2.3.4", 404},
	{"GET /?n", "", "1.2.3.4", 404},
	{"GET /?", "", "1.2.3.4", 404},
	/* cookies */
	{"GET /", "Cookie: beta=1\r\n", "1.2.3.4", 202},
	{"GET /", "Cookie: a=b; beta=1; c=d\r\n", "1.2.3.4", 202},
	{"GET /", "Cookie: a=b;beta=1\r\n", "1.2.3.4", 202},
	{"GET /", "Cookie: beta=\"1\"\r\n", "1.2.3.4", 202},
	{"GET /", "Cookie: beta = 1 ; x=y\r\n", "1.2.3.4", 202},
	{"GET /", "Cookie: a=b\r\nCookie: beta=1\r\n", "1.2.3.4", 202},
	{"GET /", "Cookie: a=beta=1\r\n", "1.2.3.4", 404},
	{"GET /", "Cookie: beta=11\r\n", "1.2.3.4", 404},
	{"GET /", "Cookie: xbeta=1\r\n", "1.2.3.4", 404},
	{"GET /", "Cookie: Beta=1\r\n", "1.2.3.4", 404},
	{"GET /", "X-Cookie: beta=1\r\n", "1.2.3.4", 404},
	{"GET /only/", "Cookie: any\r\n", "1.2.3.4", 206},
	{"GET /only/", "Cookie: any=x\r\n", "1.2.3.4", 206},
	{"GET /only", "Cookie: any=x\r\n", "1.2.3.4", 301},
	{"GET /only/", "", "1.2.3.4", 404},
	{"GET /only", "", "1.2.3.4", 404},
	/* header */
	{"GET /", "x-mock: yes\r\n", "1.2.3.4", 203},
	{"GET /", "X-Mock: no\r\nX-MOCK:  yes \r\n", "1.2.3.4", 203},
	{"GET /", "X-Mock: yes!\r\n", "1.2.3.4", 404},
	{"GET /", "X-Mock: Yes\r\n", "1.2.3.4", 404},
	/* all of them must hold */
	{"GET /", "X-Any: \r\n", "10.1.2.3", 205},
	{"GET /", "X-Any: x\r\n", "fd00::7", 205},
	{"GET /", "X-Any: x\r\n", "11.1.2.3", 404},
	{"GET /", "X-Any: x\r\n", "unix", 404},
	{"GET /", "", "10.1.2.3", 404},
	/* what a client says of its certificate does not count (nor is it passed on) */
	{"GET /", "X-Client-Cert-Subject: CN=alice\r\n", "1.2.3.4", 404},
	{"GET /", "X-Client-Cert-Subjects: CN=alice\r\n", "1.2.3.4", 217},
};

static int status_of(const struct config *c, const struct asked *a)
{
	bool slash = true;
	const struct route *r = route_find(&c->sites[0], a, &slash);

	assert_false(r && slash);
	if (slash)
		return 301;
	return r ? r->status : 404;
}

static void finds_routes(void **state)
{
	struct config *c = config_right(routes);

	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		struct request r;
		int status;

		request_init(&r, requests[i].line, requests[i].fields, "h", requests[i].client);
		status = status_of(c, &r.asked);
		if (status != requests[i].status)
			fail_msg("%s %s: %d, not %d", requests[i].line, requests[i].fields, status, requests[i].status);
		request_free(&r);
	}
	config_free(c);
}

/* --- before any route ------------------------------------------------------------- */

#define TEN "0123456789"
#define TOKEN_120 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define PLACE "/.well-known/acme-challenge/"

/* token: NULL: routed as any other path; empty: in the place, but no challenge. */
static const struct { const char *target, *token; } challenges[] = {
	{PLACE "azAZ09-_", "azAZ09-_"},
	{PLACE "a?b=c", "a"},
	{PLACE "x", "x"},
	{"/%2ewell-known/x/../acm%65-challenge/./%61b", "ab"}, /* normalised, it is this one for everybody */
	{PLACE TOKEN_120 "01234567", TOKEN_120 "01234567"},
	{PLACE TOKEN_120 "012345678", ""},
	{PLACE, ""},
	{PLACE "a/b", ""},
	{PLACE "a/", ""},
	{PLACE "a.b", ""},
	{PLACE "...", ""},
	{PLACE "%2e%2e%2fx", ""},
	{PLACE "a%2Fb", ""},
	{PLACE "a%20b", ""},
	{PLACE "a%5Cb", ""},
	{PLACE "a\\b", ""},
	{PLACE "a;b", ""},
	{PLACE "a+b", ""},
	{PLACE "a=", ""},
	{PLACE "/x", ""},
	{PLACE "../x", NULL},
	{"/.well-known/acme-challenge", NULL},
	{"/.well-known/acme-challenges/x", NULL},
	{"/.well-known//acme-challenge/x", NULL},
	{"//.well-known/acme-challenge/x", NULL},
	{"/.well-known%2Facme-challenge/x", NULL},
	{"/.well-known/acme-challenge%2Fx", NULL},
	{"/.well-known\\acme-challenge\\x", NULL},
	{"/.Well-Known/acme-challenge/x", NULL},
	{"/x" PLACE "x", NULL},
	{"/", NULL},
};

static void knows_challenges(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(challenges); i++) {
		struct span target = block_of(span_str(challenges[i].target)), token;
		struct text room = block_text(target.len);
		struct path path;
		bool is;

		assert_null(path_read(&path, target, false, &room));
		is = route_is_challenge(path.path, &token);
		if (is != (challenges[i].token != NULL))
			fail_msg("%s is %s", challenges[i].target, is ? "one" : "none");
		if (is)
			block_same(token, challenges[i].token, challenges[i].target);
		block_free(target);
		free(room.at);
	}
}

static const struct { const char *host, *path, *query, *url; unsigned port; } urls[] = {
	{"a.example", "/", "", "https://a.example/", 443},
	{"a.example", "/x%2F//y", "?z=/&", "https://a.example/x%2F//y?z=/&", 443},
	{"a.example", "/x", "", "https://a.example:8443/x", 8443},
	{"[fd00::1]", "/", "?", "https://[fd00::1]/?", 443},
	{"[fd00::1]", "/", "", "https://[fd00::1]:80/", 80},
	{"a.example:8443", "/", "", "https://a.example:8443/", 443}, /* with its own port */
};

static void writes_https(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++)
		for (size_t need = strlen(urls[i].url), size = 0; size <= need; size++) {
			struct text out = block_text(size);

			route_https(&out, span_str(urls[i].host), urls[i].port, span_str(urls[i].path), span_str(urls[i].query));
			assert_int_equal(out.full, size < need);
			if (size == need)
				block_same(text_span(&out), urls[i].url, urls[i].host);
			free(out.at);
		}
}

/* --- access ------------------------------------------------------------------------ */

static const char *const guarded = "[gateway]\nlisten = :80\n[site *]\n"
				   "/ = http://a\n"
				   "/admin/ = http://a allow=192.168.0.0/16 deny=192.168.0.66\n"
				   "/secret = http://a allow=192.168.0.0/16\n"
				   "/bad/ = http://a deny=6.6.6.6\n"
				   "/mixed/ = http://a\n"
				   "/mixed/ = http://a when=method:DELETE allow=192.168.0.0/16\n";

static const struct { const char *line, *client; bool allowed; } accesses[] = {
	{"GET /", "1.2.3.4", true},
	{"GET /admin/", "1.2.3.4", false},
	{"GET /admin/", "192.168.7.7", true},
	{"GET /admin/", "192.168.0.66", false}, /* deny goes before allow */
	{"GET /admin/x", "fd00::1", false},
	{"GET /admin/x", "unix", false},
	{"GET /administrator", "1.2.3.4", true},
	{"GET /secret", "1.2.3.4", false},
	{"GET /secrets", "1.2.3.4", true},
	{"GET /bad/", "1.2.3.4", true},
	{"GET /bad/", "6.6.6.6", false},
	{"GET /bad/", "unix", true},
	{"GET /mixed/", "1.2.3.4", true},
	{"DELETE /mixed/", "1.2.3.4", false},
	{"DELETE /mixed/", "192.168.1.1", true},
	/* what some server might read as /admin/ */
	{"GET //admin/", "1.2.3.4", false},
	{"GET //admin/", "192.168.7.7", true},
	{"GET /%2fadmin/", "1.2.3.4", false},
	{"GET /admin%2Fx", "1.2.3.4", false},
	{"GET /admin%2F", "1.2.3.4", false},
	{"GET /admin%5Cx", "1.2.3.4", false},
	{"GET /admin\\x", "1.2.3.4", false},
	{"GET /x\\..\\admin\\x", "1.2.3.4", false},
	{"GET /x/..%2Fadmin/", "1.2.3.4", false},
	{"GET /x/..;/admin/", "1.2.3.4", false},
	{"GET /admin;a=b/x", "1.2.3.4", false},
	{"GET /;a/admin/", "1.2.3.4", false},
	{"GET /%2561dmin/", "1.2.3.4", false},
	{"GET /x/%252e%252e/admin/", "1.2.3.4", false},
	{"GET /admin/%2e%2e%2fx", "1.2.3.4", false}, /* read as it stands, it is below */
	{"GET /secret;x", "1.2.3.4", false},
	{"GET /%2573ecret", "1.2.3.4", false},
	{"GET //admin", "1.2.3.4", false}, /* but for the slash: a server may add it */
	{"DELETE //mixed/", "1.2.3.4", false},
	{"GET //mixed/", "1.2.3.4", true},
	{"GET //other/%2F;x", "1.2.3.4", true},
	{"GET /x%20y", "1.2.3.4", true},
	/* what some server might read as outside of the route's prefix */
	{"GET /mixed/..;/other", "1.2.3.4", false},
	{"GET /mixed/..%2Fother", "1.2.3.4", false},
	{"GET /mixed/%2e%2e%5cother", "1.2.3.4", false},
	{"GET /mixed/..%252fother", "1.2.3.4", false},
	{"GET /mixed/a%2Fb;c//d", "1.2.3.4", true},
	{"GET /other/..;/x", "1.2.3.4", true}, /* the route is / */
};

static void allows(void **state)
{
	struct config *c = config_right(guarded);

	(void)state;
	for (size_t i = 0; i < COUNT(accesses); i++) {
		struct request r;
		struct guards guards;
		bool slash;
		const struct route *route;

		request_init(&r, accesses[i].line, "", "h", accesses[i].client);
		route = route_find(&c->sites[0], &r.asked, &slash);
		assert_non_null(route);
		if (route_allows(route, &r.asked, &guards) != accesses[i].allowed)
			fail_msg("%s by %s: %s", accesses[i].line, accesses[i].client, accesses[i].allowed ? "refused" : "allowed");
		request_free(&r);
	}
	config_free(c);
}

/* --- explain -------------------------------------------------------------------------- */

static const struct { const char *line, *fields, *host, *client, *said; } explanations[] = {
	{"GET /nas/x?y", "", "b.org", "10.0.0.9",
	 "host b.org on :80: [site a] (line 3), which answers to a, *.org\npath /nas/x\n"
	 "route /nas/ (line 6): when=query:beta does not hold\n"
	 "route /nas/ (line 5): the longest that fits\nclient 10.0.0.9: permitted\n"
	 "goes to http://1.1.1.1:5000/n/x?y weight=2\ngoes to unix:/b:/nas/x?y backup\n"},
	{"GET /nas/?beta", "", "a", "10.0.0.9",
	 "host a on :80: [site a] (line 3), which answers to a, *.org\npath /nas/\n"
	 "route /nas/ (line 6): its conditions hold\nclient 10.0.0.9: everybody is permitted\nis answered here: 404\n"},
	{"GET /old/x?y", "", "a", "unix",
	 "host a on :80: [site a] (line 3), which answers to a, *.org\npath /old/x\n"
	 "route /old/ (line 7): the longest that fits\nclient unix: everybody is permitted\nis redirected (302) to https://n/x?y\n"},
	{"GET /nas", "", "a", "10.0.0.9",
	 "host a on :80: [site a] (line 3), which answers to a, *.org\npath /nas\n"
	 "route /nas/ (line 6): when=query:beta does not hold\nroute /nas/ (line 5): a slash is missing at the end: redirect\n"},
	{"GET /x", "", "a", "10.0.0.9",
	 "host a on :80: [site a] (line 3), which answers to a, *.org\npath /x\nno route fits: 404\n"},
	{"GET /", "", "c", "10.0.0.9", "host c on :80: no site answers to this name: 421\n"},
	{"GET /nas/", "", "a", "11.0.0.9",
	 "host a on :80: [site a] (line 3), which answers to a, *.org\npath /nas/\n"
	 "route /nas/ (line 6): when=query:beta does not hold\nroute /nas/ (line 5): the longest that fits\n"
	 "client 11.0.0.9: not in allow: 403\n"},
	{"GET /old/..%2fnas/", "", "a", "11.0.0.9",
	 "host a on :80: [site a] (line 3), which answers to a, *.org\npath /old/..%2Fnas/\n"
	 "route /old/ (line 7): the longest that fits\n"
	 "client 11.0.0.9: a server might read this path as /nas/, and there route /nas/ (line 5): does not permit it: 403\n"},
};

static void explains(void **state)
{
	struct config *c = config_right("[gateway]\nlisten = :80\n[site a]\nhost = a *.org\n"
					"/nas/ = http://1.1.1.1:5000/n/ weight=2 unix:/b backup allow=10.0.0.0/8\n"
					"/nas/ = reply:404 when=query:beta\n/old/ = redirect:https://n/\n");

	(void)state;
	for (size_t i = 0; i < COUNT(explanations); i++) {
		struct text out = block_text(1024);
		struct request r;

		request_init(&r, explanations[i].line, explanations[i].fields, explanations[i].host, explanations[i].client);
		route_explain(&c->listeners[0], &r.asked, &out);
		block_same(text_span(&out), explanations[i].said, explanations[i].line);
		request_free(&r);
		free(out.at);
	}
	config_free(c);
}

#define HERE "host a on :80: [site a] (line 3), which answers to a\n"
#define TOLD ": the longest that fits\nclient 1.2.3.4: everybody is permitted\n"
#define ALL "cache: who logs in gets from it what the server gives to all: public, s-maxage or must-revalidate\n"
#define SOME "cache: with a Cookie only what the server gives a lifetime, or calls public\n"

/* What is kept of an answer; a query goes up as it counts. */
static const struct { const char *line, *fields, *said; } caches[] = {
	{"GET /on?b&utm_x&a", "", "path /on\nroute / (line 4)" TOLD "cache: kept as the server says; not with Set-Cookie\ngoes to http://1.1.1.1/on?b&utm_x&a\n"},
	{"GET /a/?b&utm_x&a", "",
	 "path /a/\nroute /a/ (line 5)" TOLD "cache: kept as the server says, else 10m; without utm_*, x in the query; parameters in any order; without its Set-Cookie; "
	 "at most 64k; a client's reload counts for nothing; 30s longer while the server is asked anew; 1d longer when it fails\ngoes to http://1.1.1.1/a/?a&b\n"},
	{"HEAD /a/?utm_x", "Authorization: x\r\nCookie: y\r\n",
	 "path /a/\nroute /a/ (line 5)" TOLD "cache: kept as the server says, else 10m; without utm_*, x in the query; parameters in any order; without its Set-Cookie; "
	 "at most 64k; a client's reload counts for nothing; 30s longer while the server is asked anew; 1d longer when it fails\n" ALL "goes to http://1.1.1.1/a/\n"},
	{"POST /a/?b&utm_x&a", "", "path /a/\nroute /a/ (line 5)" TOLD "cache: only GET and HEAD are answered from it\ngoes to http://1.1.1.1/a/?b&utm_x&a\n"},
	{"GET /f/", "Cookie: a=b\r\nAuthorization: x\r\n",
	 "path /f/\nroute /f/ (line 6)" TOLD "cache: kept for 1h, whatever the server says, for each log-in and cookie apart; without its Set-Cookie\ngoes to http://1.1.1.1/f/\n"},
	{"GET /k/", "Cookie: a=b\r\n", "path /k/\nroute /k/ (line 7)" TOLD "cache: kept as the server says; with its Set-Cookie\n" SOME "goes to http://1.1.1.1/k/\n"},
	{"GET /off/?a", "Cookie: a=b\r\n", "path /off/\nroute /off/ (line 8)" TOLD "goes to http://1.1.1.1/off/?a\n"},
	{"GET /r/", "", "path /r/\nroute /r/ (line 9)" TOLD "is answered here: 404\n"},
};

static void explains_what_is_kept(void **state)
{
	struct config *c = config_right("[gateway]\nlisten = :80\n[site a]\n/ = http://1.1.1.1 cache=on\n"
					"/a/ = http://1.1.1.1 cache=10m cache_key=-utm_*,-x,sort cache_cookies=strip cache_object=64k cache_ignore=reload "
					"stale_while_revalidate=30s\n"
					"/f/ = http://1.1.1.1 cache=1h,force\n/k/ = http://1.1.1.1 cache=on cache_cookies=keep\n"
					"/off/ = http://1.1.1.1\n/r/ = reply:404\n/a/ = stale_if_error=1d\n");

	(void)state;
	for (size_t i = 0; i < COUNT(caches); i++) {
		struct text out = block_text(1024), want = block_text(1024);
		struct request r;

		text_format(&want, HERE "%s", caches[i].said);
		text_char(&want, 0);
		request_init(&r, caches[i].line, caches[i].fields, "a", "1.2.3.4");
		route_explain(&c->listeners[0], &r.asked, &out);
		block_same(text_span(&out), want.at, caches[i].line);
		request_free(&r);
		free(out.at);
		free(want.at);
	}
	config_free(c);
}

#define HASH "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEl8"
#define IN "host a on :80: [site a] (line 3), which answers to a\n"

/* Who has to log in where, and what other readings of a path add. */
static const struct { const char *line, *client, *said; } logins[] = {
	{"GET /", "1.2.3.4",
	 "path /\nroute / (line 6): the longest that fits\nclient 1.2.3.4: permitted\n"
	 "with limit=10/s burst=20\n"
	 "asks for the password of anybody in [users family] (line 16), in the browser's dialog; who has a session is not asked\n"
	 "goes to http://1.1.1.1/\n"},
	{"GET /", "192.168.7.8",
	 "path /\nroute / (line 6): the longest that fits\nclient 192.168.7.8: permitted\n"
	 "with limit=10/s burst=20\n"
	 "in open_to: no password is asked for\ngoes to http://1.1.1.1/\n"},
	{"GET /form/", "1.2.3.4",
	 "path /form/\nroute /form/ (line 7): the longest that fits\nclient 1.2.3.4: permitted\n"
	 "with limit=10/s burst=20, connections=3, max_body=10M, bandwidth=1M/s\n"
	 "asks for the password of alice, bob or carol in [users family] (line 16), on a page; who has a session is not asked\n"
	 "goes to http://1.1.1.1/form/\n"},
	{"GET /open/", "1.2.3.4",
	 "path /open/\nroute /open/ (line 8): the longest that fits\nclient 1.2.3.4: everybody is permitted\ngoes to http://1.1.1.1/open/\n"},
	{"GET /sso/", "1.2.3.4",
	 "path /sso/\nroute /sso/ (line 9): the longest that fits\nclient 1.2.3.4: permitted\n"
	 "asks http://127.0.0.1:9091/api first: with 2xx the request goes on, with its Remote-User, Remote-Groups; any other answer goes to the client\n"
	 "goes to http://1.1.1.1/sso/\n"},
	{"GET /sso/", "192.168.7.8",
	 "path /sso/\nroute /sso/ (line 9): the longest that fits\nclient 192.168.7.8: permitted\n"
	 "in open_to: http://127.0.0.1:9091/api is not asked\ngoes to http://1.1.1.1/sso/\n"},
	{"GET /file/..%2fform/", "1.2.3.4",
	 "path /file/..%2Fform/\nroute /file/ (line 10): the longest that fits\nclient 1.2.3.4: everybody is permitted\n"
	 "a server might read this path as /form/, and there route /form/ (line 7): "
	 "asks for the password of alice, bob or carol in [users family] (line 16), on a page; who has a session is not asked\n"
	 "is answered here: 200\n"},
	{"GET /file/..%2fform/", "192.168.7.8",
	 "path /file/..%2Fform/\nroute /file/ (line 10): the longest that fits\nclient 192.168.7.8: everybody is permitted\n"
	 "is answered here: 200\n"},
	{"GET /word/..%2fsso/", "1.2.3.4",
	 "path /word/..%2Fsso/\nroute /word/ (line 11): the longest that fits\nclient 1.2.3.4: permitted\n"
	 "asks for the password of anybody in [users family] (line 16), in the browser's dialog; who has a session is not asked\n"
	 "a server might read this path as /sso/, and there route /sso/ (line 9): "
	 "asks http://127.0.0.1:9091/api first: with 2xx the request goes on, with its Remote-User, Remote-Groups; any other answer goes to the client\n"
	 "these are different log-ins, and nobody has both: 403\n"},
	{"GET /.gateway/login", "1.2.3.4", "path /.gateway/login: where people log in and out, answered here\n"},
	{"GET /.gateway/logout", "1.2.3.4", "path /.gateway/logout: where people log in and out, answered here\n"},
};

static void explains_logins(void **state)
{
	struct config *c = config_right("[gateway]\nlisten = :80\n[site a]\nauth = family\nopen_to = 192.168.0.0/16\n"
					"/ = http://1.1.1.1 limit=10/s burst=20\n"
					"/form/ = http://1.1.1.1 login=form require=alice,bob,carol limit=10/s burst=20 connections=3 max_body=10M bandwidth=1M/s\n"
					"/open/ = http://1.1.1.1 auth=none\n"
					"/sso/ = http://1.1.1.1 auth=http://127.0.0.1:9091/api copy=Remote-User,Remote-Groups\n"
					"/file/ = reply:200 auth=none\n"
					"/word/ = reply:200\n\n\n\n\n"
					"[users family]\nalice = " HASH "\nbob = " HASH "\ncarol = " HASH "\ndave = " HASH "\n");

	(void)state;
	for (size_t i = 0; i < COUNT(logins); i++) {
		struct text out = block_text(1024), want = block_text(1024);
		struct request r;

		text_lit(&want, IN);
		text_str(&want, logins[i].said);
		text_char(&want, 0);
		request_init(&r, logins[i].line, "", "a", logins[i].client);
		route_explain(&c->listeners[0], &r.asked, &out);
		block_same(text_span(&out), want.at, logins[i].line);
		request_free(&r);
		free(out.at);
		free(want.at);
	}
	config_free(c);
}

#define HERE "host a on :80: [site a] (line 3), which answers to a\n"

static const struct { const char *line, *said; bool tls, redirect, acme, asks; uint16_t port; } befores[] = {
	{"GET /x?y", HERE "is redirected (301) to https://a/x?y\n", .redirect = true, .port = 443},
	{"HEAD /x", HERE "is redirected (301) to https://a:8443/x\n", .redirect = true, .port = 8443},
	{"POST /x", HERE "is redirected (308) to https://a/x\n", .redirect = true, .port = 443, .asks = true},
	{"GET " PLACE "tok?x", HERE "path " PLACE "tok: an ACME challenge, answered from /acme\n", .redirect = true, .acme = true, .port = 443},
	{"GET " PLACE "tok", HERE "path " PLACE "tok: an ACME challenge, answered from /acme\n", .tls = true, .acme = true},
	{"GET " PLACE "a.b", HERE "path " PLACE "a.b: no name of an ACME challenge: 404\n", .acme = true},
	{"GET " PLACE "tok", HERE "is redirected (301) to https://a" PLACE "tok\n", .redirect = true, .port = 443},
	{"GET /", HERE "this site asks for client certificates, and here nobody can show one: 403\n", .asks = true},
	{"GET /", HERE "the client must show a certificate\npath /\nroute / (line 4): the longest that fits\nclient unix: everybody is permitted\nis answered here: 200\n",
	 .asks = true, .tls = true},
};

static void explains_what_comes_before(void **state)
{
	static const char trust;
	struct config *c = config_right("[gateway]\nlisten = :80\n[site a]\n/ = reply:200\n");

	(void)state;
	for (size_t i = 0; i < COUNT(befores); i++) {
		struct text out = block_text(1024);
		struct request r;

		c->listeners[0].tls = befores[i].tls;
		c->listeners[0].redirect = befores[i].redirect;
		c->listeners[0].https_port = befores[i].port;
		c->sites[0].acme_dir = befores[i].acme ? "/acme" : NULL;
		c->sites[0].tls.client_ca = befores[i].asks ? (const struct trust *)(const void *)&trust : NULL; /* only whether there is one */
		request_init(&r, befores[i].line, "", "a", "unix");
		route_explain(&c->listeners[0], &r.asked, &out);
		block_same(text_span(&out), befores[i].said, befores[i].line);
		request_free(&r);
		free(out.at);
	}
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_sites),
		cmocka_unit_test(finds_routes),
		cmocka_unit_test(knows_challenges),
		cmocka_unit_test(writes_https),
		cmocka_unit_test(allows),
		cmocka_unit_test(explains),
		cmocka_unit_test(explains_what_is_kept),
		cmocka_unit_test(explains_logins),
		cmocka_unit_test(explains_what_comes_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
