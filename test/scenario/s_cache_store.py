# SPDX-License-Identifier: MIT
"""The cache: what is stored, and for how long (RFC 9111 3, 4.2; 9213; lifetimes by the route)."""
from harness import scenario
from stored import SLACK, Kept, ago, asked, caching, count, date, hit, keeps, numbered, said
from wire import check, equal, get, http, ok, post, true

FRESH = "Cache-Control: max-age=1000"
IN_AN_HOUR = "Expires: {+3600}"

keeps("cache/store", "cache=on", [
    # what says for how long
    Kept("max-age", FRESH),
    Kept("max-age-case", "cache-control: MAX-Age=1000"),
    Kept("s-maxage", "Cache-Control: s-maxage=1000"),
    Kept("s-maxage-before-max-age", "Cache-Control: max-age=0, s-maxage=1000"),
    Kept("s-maxage-0", "Cache-Control: max-age=1000, s-maxage=0", False),
    Kept("max-age-0", "Cache-Control: max-age=0", False),
    Kept("nothing-said", "", False),
    Kept("public-says-no-lifetime", "Cache-Control: public", False),
    Kept("expires", IN_AN_HOUR),
    Kept("expires-with-date", "Date: {+0}\nExpires: {+3600}"),
    Kept("expires-past", "Expires: {-10}", False),
    Kept("expires-0", "Expires: 0", False),
    Kept("expires-of-nonsense", "Expires: tomorrow", False),
    Kept("max-age-before-expires", f"{FRESH}\nExpires: {{-10}}"),
    Kept("max-age-0-before-expires", f"Cache-Control: max-age=0\n{IN_AN_HOUR}", False, base=IN_AN_HOUR),
    Kept("two-fields", "Cache-Control: public\nCache-Control: max-age=1000"),
    Kept("unknown-directive", "Cache-Control: max-age=1000, what=\"no-store, max-age=0\", ever"),
    Kept("immutable", "Cache-Control: max-age=1000, immutable", seen="Cache-Control: max-age=1000, immutable"),
    Kept("no-transform", "Cache-Control: max-age=1000, no-transform"),
    Kept("huge", "Cache-Control: max-age=99999999999999999999", after=80000),
    # conflicts: the careful reading
    Kept("twice-the-shorter", "Cache-Control: max-age=1000, max-age=0", False),
    Kept("twice-the-shorter-first", "Cache-Control: max-age=0\nCache-Control: max-age=1000", False),
    Kept("max-age-of-nonsense", "Cache-Control: max-age=soon", False),
    Kept("max-age-negative", "Cache-Control: max-age=-5", False),
    # what forbids it
    Kept("no-store", "Cache-Control: max-age=1000, no-store", False),
    Kept("no-store-in-another-field", f"{FRESH}\nCache-Control: no-store", False),
    Kept("no-store-case", "Cache-Control: max-age=1000, NO-STORE", False),
    Kept("private", "Cache-Control: max-age=1000, private", False),
    Kept("private-fields", 'Cache-Control: max-age=1000, private="X-Own, X-Also"\nX-Own: a\nx-also: b\nX-All: c', without="X-Own\nX-Also", seen="X-All: c"),
    Kept("no-cache", "Cache-Control: max-age=1000, no-cache", False),
    Kept("no-cache-fields", 'Cache-Control: max-age=1000, no-cache="X-Own"\nX-Own: a\nX-All: c', without="X-Own", seen="X-All: c"),
    Kept("must-revalidate-while-fresh", "Cache-Control: max-age=1000, must-revalidate"),
    Kept("proxy-revalidate-while-fresh", "Cache-Control: max-age=1000, proxy-revalidate"),
    Kept("must-understand", "Cache-Control: max-age=1000, must-understand, no-store"),
    Kept("must-understand-unknown-status", "Cache-Control: max-age=1000, must-understand", False, status="299 Who Knows"),
    Kept("vary-all", f"{FRESH}\nVary: *", False),
    Kept("vary-all-among-others", f"{FRESH}\nVary: Accept, *", False),
    Kept("vary-of-the-client", f"{FRESH}\nVary: X-Forwarded-For", False),
    Kept("vary-of-the-client-2", f"{FRESH}\nVary: accept, x-real-ip", False),
    Kept("set-cookie", f"{FRESH}\nSet-Cookie: id=1", False),
    Kept("request-no-store", FRESH, False, request="Cache-Control: no-store"),
    Kept("authorization", FRESH, False, request="Authorization: Bearer abc"),
    Kept("authorization-public", "Cache-Control: max-age=1000, public", request="Authorization: Bearer abc"),
    Kept("authorization-s-maxage", "Cache-Control: s-maxage=1000", request="Authorization: Bearer abc"),
    Kept("authorization-must-revalidate", "Cache-Control: max-age=1000, must-revalidate", request="Authorization: Bearer abc"),
    # age from further up
    Kept("age", f"{FRESH}\nAge: 500", after=400),
    Kept("age-used-up", f"{FRESH}\nAge: 500", False, after=600),
    Kept("age-past-it", f"{FRESH}\nAge: 1001", False),
    Kept("date-behind-an-old-cache", f"{FRESH}\nDate: {{-500}}\nVia: 1.0 old", after=400),
    Kept("date-behind-an-old-cache-used-up", f"{FRESH}\nDate: {{-500}}\nVia: 1.0 old", False, after=600),
    Kept("date-of-a-server-whose-clock-is-slow", f"{FRESH}\nDate: {{-500}}", after=900),
    Kept("expires-by-its-own-clock", "Date: {-5000}\nExpires: {-4000}", after=900),
    Kept("expires-by-its-own-clock-used-up", "Date: {-5000}\nExpires: {-4000}", False, after=1100),
    Kept("date-of-a-server-without-a-clock", f"{FRESH}\nDate: Thu, 01 Jan 1970 00:10:00 GMT", after=900),
    # CDN-Cache-Control (RFC 9213)
    Kept("cdn", "CDN-Cache-Control: max-age=1000"),
    Kept("cdn-before-no-store", "CDN-Cache-Control: max-age=1000\nCache-Control: no-store"),
    Kept("cdn-no-store", f"CDN-Cache-Control: no-store\n{FRESH}", False),
    Kept("cdn-max-age-0", f"CDN-Cache-Control: max-age=0\n{FRESH}\n{IN_AN_HOUR}", False),
    Kept("cdn-malformed-counts-for-nothing", f"CDN-Cache-Control: max-age=,,;\n{FRESH}"),
    Kept("cdn-private", f"CDN-Cache-Control: private, max-age=1000\n{FRESH}", False),
])

keeps("cache/status", "cache=on", [Kept(s[:3], FRESH, status=s) for s in (
    "200 OK", "203 Non-Authoritative Information", "204 No Content", "300 Multiple Choices", "301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect", "404 Not Found", "405 Method Not Allowed",
    "410 Gone", "414 URI Too Long", "501 Not Implemented")] + [Kept(s[:3], FRESH, False, status=s) for s in (
    "206 Partial Content", "400 Bad Request", "408 Request Timeout", "413 Content Too Large", "416 Range Not Satisfiable", "417 Expectation Failed", "425 Too Early", "429 Too Many Requests",
    "431 Request Header Fields Too Large", "500 Oops", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout")])

keeps("cache/cookies-strip", "cache=on cache_cookies=strip", [
    Kept("stored-without", f"{FRESH}\nSet-Cookie: id=1\nSet-Cookie: b=2\nX-Other: x", without="Set-Cookie", seen="X-Other: x"),
])
keeps("cache/cookies-keep", "cache=on cache_cookies=keep", [
    Kept("stored-with", f"{FRESH}\nSet-Cookie: id=1\nSet-Cookie: b=2", seen="Set-Cookie: id=1 && b=2"),
])
keeps("cache/cookies-refuse", "cache=on cache_cookies=refuse", [
    Kept("not-stored", f"{FRESH}\nSet-Cookie: id=1", False),
])


@scenario("cache/cookies-of-the-first")
def cookies_of_the_first(t):
    """With strip, whom the server sets a cookie gets it; nobody else does."""
    o, g = caching(t, "cache=on cache_cookies=strip", answers=numbered(FRESH, "Set-Cookie: id=1"))
    check(asked(g.ask(), 1), "HTTP/1.1 200\nSet-Cookie: id=1")
    check(hit(g.ask(), 1), "HTTP/1.1 200\n!Set-Cookie")
    count(o, 1)


# --- lifetimes by the route -----------------------------------------------------------

LATER = 300

keeps("cache/gives", "cache=10m", [
    Kept("who-says-nothing", "", after=LATER),
    Kept("for-so-long-only", "", False, after=700),
    Kept("who-says-no-store", "Cache-Control: no-store", False, base="X-None: 1"),
    Kept("who-says-private", "Cache-Control: private", False, base="X-None: 1"),
    Kept("who-says-no-cache", "Cache-Control: no-cache", False, base="X-None: 1"),
    Kept("who-says-less", "Cache-Control: max-age=100", False, base="X-None: 1", after=LATER),
    Kept("who-says-more", "Cache-Control: max-age=3000", after=2000),
    Kept("who-has-expired", "Expires: {-1}", False, base="X-None: 1"),
    Kept("public", "Cache-Control: public", after=LATER),
    Kept("last-modified", "Last-Modified: {-1000}", after=LATER),  # before heuristics, which would say 100 s
    Kept("set-cookie", "Set-Cookie: id=1", False, base="X-None: 1"),
    Kept("authorization", "", False, base="X-None: 1", request="Authorization: Bearer abc"),
    Kept("vary-all", "Vary: *", False, base="X-None: 1"),
    Kept("301", "", status="301 Moved Permanently", after=LATER),
    Kept("404", "", False, base="X-None: 1", status="404 Not Found"),  # it may be there soon
    Kept("404-that-says-so", "Cache-Control: max-age=1000", status="404 Not Found", after=LATER),
    Kept("500", "", False, base="X-None: 1", status="500 Oops"),
])

keeps("cache/forces", 'cache="10m force"', [
    Kept("who-says-nothing", "", after=LATER),
    Kept("no-store", "Cache-Control: no-store", after=LATER),
    Kept("private", "Cache-Control: private", after=LATER),
    Kept("no-cache", "Cache-Control: no-cache", after=LATER),
    Kept("max-age-0", "Cache-Control: max-age=0, must-revalidate", after=LATER),
    Kept("max-age-more", "Cache-Control: max-age=9000", False, base="X-None: 1", after=700),
    Kept("expired", "Expires: 0\nPragma: no-cache", after=LATER),
    Kept("set-cookie", "Set-Cookie: id=1", without="Set-Cookie"),
    Kept("cdn", "CDN-Cache-Control: no-store", after=LATER),
    Kept("for-so-long-only", "", False, base="X-None: 1", after=700),
    Kept("500", "", False, base="X-None: 1", status="500 Oops"),
    Kept("206", "", False, base="X-None: 1", status="206 Partial Content"),
    Kept("301", "", status="301 Moved Permanently"),
    Kept("302", "Cache-Control: max-age=1000", False, base="X-None: 1", status="302 Found"),  # the way to a log-in page
    Kept("404", "Cache-Control: max-age=1000", False, base="X-None: 1", status="404 Not Found"),
    Kept("vary-all", "Vary: *", False, base="X-None: 1"),
    Kept("with-a-cookie", "", request="Cookie: who=alice"),
    Kept("with-authorization", "", request="Authorization: Bearer abc"),
])

# 10 % of the age since Last-Modified, at most a day (RFC 9111 4.2.2).
DAY = 86400
keeps("cache/heuristics", "cache=on", [
    Kept("tenth", "Date: {+0}\nLast-Modified: {-10000}", after=900),
    Kept("tenth-is-over", "Date: {+0}\nLast-Modified: {-10000}", False, after=1100),
    Kept("without-date", "Last-Modified: {-10000}", after=900),
    Kept("at-most-a-day", "Date: {+0}\nLast-Modified: {-31536000}", after=DAY - 300),
    Kept("at-most-a-day-is-over", "Date: {+0}\nLast-Modified: {-31536000}", False, after=DAY + 300),
    Kept("modified-in-the-future", "Date: {+0}\nLast-Modified: {+10000}", False),
    Kept("public-too", "Cache-Control: public\nLast-Modified: {-10000}", after=900),
    Kept("404", "Last-Modified: {-10000}", status="404 Not Found", after=900),
    Kept("301", "Last-Modified: {-10000}", status="301 Moved Permanently", after=900),
    Kept("410", "Last-Modified: {-10000}", status="410 Gone", after=900),
    Kept("302-is-not-for-guessing", "Last-Modified: {-10000}", False, status="302 Found"),
    Kept("307-is-not-for-guessing", "Last-Modified: {-10000}", False, status="307 Temporary Redirect"),
    Kept("no-store", "Last-Modified: {-10000}\nCache-Control: no-store", False, base="Last-Modified: {-10000}"),
    Kept("max-age-0", "Last-Modified: {-10000}\nCache-Control: max-age=0", False),
])


@scenario("cache/inherited")
def inherited(t):
    """What is said for all, for a site, for a route; the innermost holds."""
    o = t.origin(answers=numbered())
    g = t.gateway(f"[site a.example]\ncache = 10m\n/ = {o.url}\n/off/ = {o.url} cache=off\n/on/ = {o.url} cache=on\n/short/ = {o.url} cache=1m\n[site b.example]\n/ = {o.url}\n/give/ = {o.url} cache=10m\n"
                  f"[route long]\nsite = b.example\npath = /long/\nto = {o.url}\ncache = 1h\n", clock=True)
    kept = [("/", "a.example", 600), ("/short/", "a.example", 60), ("/give/", "b.example", 600), ("/long/", "b.example", 3600)]
    not_kept = [("/off/", "a.example"), ("/on/", "a.example"), ("/", "b.example")]
    for path, host, seconds in kept:
        g.ask(get(path, host=host))
        m = hit(g.ask(get(path, host=host)))
        true(seconds - SLACK <= said(m)["ttl"] <= seconds, f"{path}: {m!r}")
    for path, host in not_kept:
        before = len(o.requests)
        for _ in range(2):
            m = g.ask(get(path, host=host))
            true(not said(m).get("hit"), f"{path}: {m!r}")
        count(o, before + 2)


@scenario("cache/off")
def off(t):
    """Without a word about it there is no cache, and nothing is said of one."""
    o = t.origin(answers=numbered(FRESH))
    g = t.gateway(f"[site *]\n/ = {o.url}\n/off/ = {o.url} cache=off\n")
    for path in "/", "/off/":
        for n in 1, 2:
            m = g.ask(get(path))
            check(m, f"HTTP/1.1 200\n!Cache-Status\n!Age\n\n{n}")
    o2, g2 = caching(t, answers=numbered(FRESH))  # while with one there is
    g2.ask()
    hit(g2.ask(), 1)


@scenario("cache/for-all")
def for_all(t):
    """`cache = 4M` in [gateway] is how big it is; sites say what is kept."""
    o, g = caching(t, "", site="cache = on", top="cache = 4M", answers=numbered(FRESH))
    asked(g.ask(), 1)
    hit(g.ask(), 1)


@scenario("cache/methods")
def methods(t):
    """Only GET is stored (RFC 9110 9.3.3 would allow POST)."""
    o, g = caching(t, "cache=10m", answers=numbered(FRESH))
    for n, method in enumerate(("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"), 1):
        path = f"/{method}"
        for k in 1, 2:
            check(g.ask(post(b"x", target=path, method=method)), f"HTTP/1.1 200\n\n{k}")
        asked(g.ask(get(path)), 3)
        hit(g.ask(get(path)), 3)


@scenario("cache/kinds-of-bodies")
def kinds(t):
    """Of a length that is told, in chunks, up to the end of the connection, of no bytes at all."""
    body = b"0123456789" * 300
    bodies = {
        "/length": ok(body, FRESH),
        "/chunks": http(f"HTTP/1.1 200 OK\n{FRESH}\nTransfer-Encoding: chunked\n\n") + b"3e8\r\n" + body[:1000] + b"\r\n7d0\r\n" + body[1000:] + b"\r\n0\r\n\r\n",
        "/empty": ok(b"", FRESH),
        "/empty-chunks": http(f"HTTP/1.1 200 OK\n{FRESH}\nTransfer-Encoding: chunked\n\n") + b"0\r\n\r\n",
        "/close": http(f"HTTP/1.1 200 OK\n{FRESH}\nConnection: close\n\n") + body,
        "/close-1.0": http(f"HTTP/1.0 200 OK\n{FRESH}\n\n") + body,
    }

    def answer(link, m):
        link.send(bodies[m.target])
        if m.target.startswith("/close"):
            link.finish()
            link.ends()
    o, g = caching(t, answers=answer)
    for path, data in bodies.items():
        want = b"" if "empty" in path else body
        asked(g.ask(get(path)), want, fwd="uri-miss")
        for _ in range(2):
            m = hit(g.ask(get(path)), want)
            equal(m.all("Content-Length"), [str(len(want))], f"of {path}, which is whole")
        hit(g.ask(get(path, version="1.0")), want)
    count(o, len(bodies))


@scenario("cache/fields")
def fields(t):
    """What is for one hop only is not stored; what the configuration does to fields, it does to stored answers, too."""
    answer = ok(b"x", FRESH, "Connection: X-Hop, close", "X-Hop: 1", "Keep-Alive: timeout=5", "Server: s", "X-Secret: 1", "X-Stay: a", "X-Stay: b", "Via: 1.1 other", "Proxy-Authenticate: Basic realm=x")
    o, g = caching(t, 'cache=on header="X-Ours: yes" header=-X-Secret', answers=answer)
    for m in g.ask(), hit(g.ask()), hit(g.ask(get(method="HEAD")), b""):
        check(m, "HTTP/1.1 200 OK\nX-Ours: yes\n!X-Secret\n!X-Hop\n!Keep-Alive\nServer: s\nX-Stay: a && b\nContent-Length: 1\nVia: 1.1 other && 1.1 gateway\nDate: ~.*GMT")
    check(hit(g.ask()), "HTTP/1.1 200\n!Proxy-Authenticate")
    g.reload(f'[site *]\n/ = {o.url} cache=on header="X-Ours: new" header=-Server\n')
    check(hit(g.ask()), "HTTP/1.1 200\nX-Ours: new\n!Server\nX-Secret: 1\n\nx")


@scenario("cache/age")
def age(t):
    """Age on what is stored: since it was made, wherever it was since (RFC 9111 4.2.3)."""
    o, g = caching(t, answers=numbered("Cache-Control: max-age=10000"))
    check(asked(g.ask(get("/a")), 1), "HTTP/1.1 200\n!Age")
    hit(g.ask(get("/a")), 1, age=0, ttl=10000)
    g.step(1000)
    hit(g.ask(get("/a")), 1, age=1000, ttl=9000)
    o.answers(numbered("Cache-Control: max-age=10000", "Age: 500"))
    asked(g.ask(get("/b")), 1)
    hit(g.ask(get("/b")), 1, age=500, ttl=9500)
    o.answers(numbered("Cache-Control: max-age=10000", "Date: " + ago(g, 2000), "Via: 1.0 old"))
    asked(g.ask(get("/c")), 1)
    m = hit(g.ask(get("/c")), 1, age=1999, ttl=8001)  # both clocks count whole seconds
    check(m, "HTTP/1.1 200\nDate: ~.*GMT")
    g.step(3000)
    hit(g.ask(get("/c")), 1, age=4999)
    hit(g.ask(get("/b")), 1, age=3500)


@scenario("cache/date-is-added")
def date_added(t):
    """A server without a Date: the moment it answered, and that stays (RFC 9110 6.6.1)."""
    o, g = caching(t, answers=numbered(FRESH))
    first = g.ask().get("Date")
    true(first, "no Date")
    g.step(500)
    equal(hit(g.ask()).get("Date"), first)
    given = date(g.clock.now() - 7)
    o.answers(numbered(FRESH, f"Date: {given}"))
    asked(g.ask(get("/b")))
    equal(hit(g.ask(get("/b"))).get("Date"), given)


# --- Vary -------------------------------------------------------------------------------

@scenario("cache/vary")
def vary(t):
    """An answer for each of what the server says that matters (RFC 9111 4.1)."""
    o, g = caching(t, answers=numbered(FRESH, "Vary: Accept-Language, Accept-Charset"))

    def ask(*said):
        return g.ask(get("/", *said))
    asked(ask("Accept-Language: de"), 1, fwd="uri-miss")
    asked(ask("Accept-Language: en"), 2, fwd="vary-miss")
    asked(ask(), 3, fwd="vary-miss")
    asked(ask("Accept-Language: de", "Accept-Charset: 1"), 4, fwd="vary-miss")
    for body, *said_so in (1, "Accept-Language: de"), (2, "Accept-Language: en"), (3,), (4, "Accept-Charset: 1", "Accept-Language: de"), (1, "accept-language:   de "), (1, "Accept-Language: de", "Accept: */*", "User-Agent: other"):
        hit(ask(*said_so), body)
    asked(ask("Accept-Language: DE"), 5, fwd="vary-miss")
    asked(ask("Accept-Language: "), 6, fwd="vary-miss")
    asked(ask("Accept-Language: de", "Accept-Language: en"), 7, fwd="vary-miss")
    hit(ask("Accept-Language: de, en"), 7)  # RFC 9110 5.3: the same
    count(o, 7)


@scenario("cache/vary-changes")
def vary_changes(t):
    """The server changes its mind about what matters: what it said last counts, and no answer is for the wrong one."""
    def answer(link, m):
        language = m.get("Accept-Language")
        link.send(ok(f"for {language}".encode(), FRESH, *(["Vary: Accept-Language"] if language != "de" else [])))
    o, g = caching(t, answers=answer)
    asked(g.ask(get("/", "Accept-Language: en")), b"for en")
    asked(g.ask(get("/", "Accept-Language: fr")), b"for fr")
    hit(g.ask(get("/", "Accept-Language: en")), b"for en")
    hit(g.ask(get("/", "Accept-Language: fr")), b"for fr")
    check(g.ask(get("/", "Accept-Language: de")), "HTTP/1.1 200\n\nfor de")  # all may get this one
    check(g.ask(get("/", "Accept-Language: it")), "HTTP/1.1 200\n\n~for (it|de)")
    check(g.ask(get("/", "Accept-Language: de")), "HTTP/1.1 200\n\nfor de")


@scenario("cache/vary-cookie")
def vary_cookie(t):
    """Vary: Cookie: each cookie has its own."""
    def answer(link, m):
        link.send(ok((m.get("Cookie") or "none").encode(), FRESH, "Vary: Cookie"))
    o, g = caching(t, answers=answer)
    for _ in range(2):
        for cookie in "who=alice", "who=bob", None:
            check(g.ask(get("/", *([f"Cookie: {cookie}"] if cookie else []))), f"HTTP/1.1 200\n\n{cookie or 'none'}")
    count(o, 3)
