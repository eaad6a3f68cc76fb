# SPDX-License-Identifier: MIT
"""The cache cannot be poisoned: what one client says reaches no other, by whatever field gateway or the server heed.

The server here tells all that it was sent. An attacker asks first, with "evil"
in his request; then a victim asks plainly, twice: no evil may be in what he gets,
and it must be an answer to what he has asked. That the second answer comes from the cache shows
that there was something to be poisoned.
"""
import harness
import wire
from harness import SCENARIOS, Entry, scenario
from stored import ago, asked, caching, count, echo, hit, numbered, validating
from wire import check, chunked, equal, get, ok, post, true

FRESH = "Cache-Control: max-age=1000"


def attack(*fields, method="GET", host="a.example", version="1.1", body=b"", target="{p}"):
    """The request of an attacker for a path that is filled in."""
    length = [f"Content-Length: {len(body)}"] if body and not any("chunked" in f for f in fields) else []
    return lambda path: get(target.replace("{p}", path).replace("SCHEME", wire.SCHEME), *[f.replace("{p}", path) for f in fields], *length, method=method, host=host, version=version) + body


def poison(name, rows, *, words="cache=on", top="", plain=None, says=(FRESH,), sources=("127.0.0.1", "127.0.0.1"), reaches=()):
    """rows: name, attack. reaches: those whose word does reach the server, or else nothing would be shown by them."""
    def run(t):
        o, g = caching(t, words, answers=echo(*says), top=top)
        for row, make in rows:
            with t.row(row) as wanted:
                if not wanted:
                    continue
                path = f"/{row}"
                for _ in range(2):
                    g.ask(make(path), source=sources[0])
                if row in reaches:
                    true(any(b"evil" in m.raw or b"evil" in m.body for m in o.requests if row in m.target), f"the server never saw it: {o.requests}")
                first = g.ask(get(path), source=sources[1])
                for m in first, hit(g.ask(get(path), source=sources[1])):
                    check(m, "HTTP/1.1 200")
                    true(b"evil" not in m.raw.lower() + m.body.lower(), f"poisoned: {m!r}")
                    true(m.body.startswith(f"GET {path} HTTP/1.1\r\n".encode()), f"an answer to something else: {m!r}")
                    true(b"Host: a.example\r\n" in m.body, f"an answer to another host: {m!r}")
                g.alive()
    SCENARIOS.append(Entry(name, run, rows=[r[0] for r in rows], plain=plain))


OVERRIDES = [
    ("method-override", attack("X-HTTP-Method-Override: POST", "X-Evil: evil")), ("method-override-2", attack("X-Method-Override: DELETE", "X-Evil: evil")), ("method-override-3", attack("X-HTTP-Method: PUT", "X-Evil: evil")),
    ("x-host", attack("X-Host: evil.example")), ("x-http-host-override", attack("X-HTTP-Host-Override: evil.example")), ("x-original-host", attack("X-Original-Host: evil.example")),
]
FORWARDED = [
    ("x-forwarded-host", attack("X-Forwarded-Host: evil.example")), ("x-forwarded-proto", attack("X-Forwarded-Proto: evil")), ("x-forwarded-scheme", attack("X-Forwarded-Scheme: evil")), ("x-forwarded-port", attack("X-Forwarded-Port: 666", "X-Forwarded-Server: evil")),
    ("x-forwarded-prefix", attack("X-Forwarded-Prefix: /evil")), ("x-forwarded-ssl", attack("X-Forwarded-Ssl: evil")), ("x-forwarded-uri", attack("X-Forwarded-Uri: /evil")),
    ("x-forwarded-path", attack("X-Forwarded-Path: /evil")), ("x-forwarded-user", attack("X-Forwarded-User: evil")), ("x-forwarded-anything", attack("X-Forwarded-Anything: evil")), ("forwarded", attack("Forwarded: host=evil.example;proto=evil")),
    ("x-original-url", attack("X-Original-URL: /evil")), ("x-rewrite-url", attack("X-Rewrite-URL: /evil")), ("x-real-ip", attack("X-Real-IP: 6.6.6.6", "X-Forwarded-Foo: evil")),
]
LIES = [("x-forwarded-for", attack("X-Forwarded-For: 6.6.6.6, evil")), ("underscores", attack("X_Forwarded_Host: evil.example"))]

poison("cache/poison", FORWARDED + LIES + OVERRIDES + [
    ("fat-get", attack(body=b"evil=1")), ("fat-get-chunked", attack("Transfer-Encoding: chunked", body=chunked(b"evil"))), ("fat-get-form", attack("Content-Type: application/x-www-form-urlencoded", "X-Evil: evil", body=b"path=evil")),
    ("host-with-port", attack("X-Evil: evil", host="a.example:666")), ("host-with-default-port", attack("X-Evil: evil", host="a.example:80")), ("host-in-capitals", attack("X-Evil: evil", host="A.EXAMPLE")), ("host-with-dot", attack("X-Evil: evil", host="a.example.")), ("host-other", attack(host="evil.example")),
    ("absolute-form", attack(host="evil.example", target="SCHEME://evil.example{p}")), ("absolute-form-port", attack("X-Evil: evil", target="SCHEME://a.example:666{p}")),
    ("expect", attack("Expect: 100-continue", "X-Evil: evil")), ("upgrade", attack("Connection: upgrade", "Upgrade: evil")), ("1.0-without-host", attack("X-Evil: evil", host=None, version="1.0")),
    ("connection-names", attack("Connection: X-Evil, Host, X-Forwarded-Proto, X-Forwarded-Host, Cache-Control", "X-Evil: evil")),
    ("head", attack("X-Evil: evil", method="HEAD")), ("post", attack("X-Evil: evil", method="POST", body=b"evil")), ("options", attack("X-Evil: evil", method="OPTIONS")), ("unknown-method", attack("X-Evil: evil", method="EVIL")), ("lower-case-method", attack("X-Evil: evil", method="get")),
    ("range", attack("Range: bytes=0-3", "X-Evil: evil")), ("if-match", attack('If-Match: "evil"')), ("if-unmodified-since", attack("If-Unmodified-Since: evil")), ("authorization", attack("Authorization: evil")),
    ("no-store", attack("Cache-Control: no-store, evil")),
], reaches=("fat-get", "fat-get-chunked", "x-host", "method-override", "head", "authorization", "if-match"))
poison("cache/poison-trusted", FORWARDED + OVERRIDES, top="trusted = 127.0.0.9", sources=("127.0.0.9", "127.0.0.1"),
       reaches=("x-forwarded-host", "x-forwarded-prefix", "x-forwarded-user", "x-original-url", "x-rewrite-url"))
# both through the same trusted proxy, which passes on what its clients say
poison("cache/poison-through-trusted", FORWARDED + OVERRIDES, top="trusted = 127.0.0.9\nforwarded = on", sources=("127.0.0.9", "127.0.0.9"), reaches=("x-forwarded-host", "x-forwarded-prefix", "x-original-url", "x-rewrite-url", "forwarded"))
poison("cache/poison-gives", [("cookie", attack("Cookie: evil=1")), ("authorization", attack("Authorization: evil")), ("fat-get", attack(body=b"evil"))], words="cache=10m", says=(), reaches=("cookie", "authorization"))


@scenario("cache/poison/trusted-says-who")
def trusted_who(t):
    """X-Forwarded-For of a trusted proxy is who asks: that does not make it another page; what varies by it is not kept."""
    o, g = caching(t, answers=numbered(FRESH), top="trusted = 127.0.0.9")
    asked(g.ask(get("/", "X-Forwarded-For: 203.0.113.1"), source="127.0.0.9"), 1)
    hit(g.ask(get("/", "X-Forwarded-For: 203.0.113.2"), source="127.0.0.9"), 1)
    for n, scheme in enumerate(("http", "https"), 2):
        asked(g.ask(get("/", f"X-Forwarded-Proto: {scheme}"), source="127.0.0.9"))
        hit(g.ask(get("/", f"X-Forwarded-Proto: {scheme}"), source="127.0.0.9"))


@scenario("cache/poison/vary-named-away")
def named_away(t):
    """A field that Connection names is for one hop (RFC 9110 7.6.1): the server never saw it, so its answer is not for those who said so."""
    def answer(link, m):
        link.send(ok(f"for {m.get('Accept-Language')}".encode(), FRESH, "Vary: Accept-Language"))
    o, g = caching(t, answers=answer)
    m = g.ask(get("/", "Connection: Accept-Language", "Accept-Language: de"))
    true(m.body in (b"for None", b"for de"), f"{m!r}")
    for _ in range(2):
        check(g.ask(get("/", "Accept-Language: de")), "HTTP/1.1 200\n\nfor de")
        check(g.ask(), "HTTP/1.1 200\n\nfor None")
        check(g.ask(get("/", "Connection: accept-language", "Accept-Language: de")), "HTTP/1.1 200\n\n~for (None|de)")


@scenario("cache/poison/vary-by-what-the-server-does-not-get")
def vary_edited(t):
    """Fields that the route changes or removes: what the server saw is what counts, and nobody gets another's."""
    def answer(link, m):
        link.send(ok(f"{m.get('Accept-Language')} {m.get('Accept')}".encode(), FRESH, "Vary: Accept-Language, Accept"))
    o, g = caching(t, 'cache=on request_header=-Accept-Language request_header="Accept: ours"', answers=answer)
    for language in "de", "en", "de":
        check(g.ask(get("/", f"Accept-Language: {language}", f"Accept: {language}")), "HTTP/1.1 200\n\nNone ours")


@scenario("cache/poison/query")
def query(t):
    """Parameters that do not count are not sent; others count letter by letter."""
    o, g = caching(t, 'cache=on cache_key="-utm_* -fbclid"', answers=echo(FRESH))
    for evil in "/?utm_source=evil", "/?fbclid=evil", "/?utm_=evil&utm_evil", "/?&utm_x=evil":
        m = g.ask(get(evil))
        true(b"evil" not in m.body, f"it was sent: {m!r}")
    m = hit(g.ask())
    true(m.body.startswith(b"GET / HTTP/1.1"), f"{m!r}")
    for other in "/?UTM_source=evil", "/?xutm_a=evil", "/?fbclid2=evil", "/?a=1;utm_x=evil", "/?%75tm_x=evil", "/?a=utm_x=evil":
        asked(g.ask(get(other)))
        true(b"evil" in hit(g.ask(get(other))).body, f"{other} was not sent")
    true(b"evil" not in hit(g.ask()).body, "poisoned")


@scenario("cache/poison/conditions")
def conditions(t):
    """An attacker's 304 or 206 or empty page is nobody else's."""
    o, g = caching(t, answers=validating('"e1"', FRESH))
    for n, (fields, method) in enumerate([(("If-None-Match: *",), "GET"), (('If-None-Match: "e1"',), "GET"), ((f"If-Modified-Since: {ago(g, 0)}",), "GET"), ((), "HEAD"), (('If-None-Match: "e1"',), "HEAD"), (("Range: bytes=0-0",), "GET"),
                                          (("Range: bytes=99-",), "GET"), (("Range: bytes=0-0", 'If-Range: "e1"'), "GET")]):
        for _ in range(2):
            g.ask(get(f"/{n}", *fields, method=method))
        check(g.ask(get(f"/{n}")), 'HTTP/1.1 200\nContent-Length: 5\nETag: "e1"\n\nwhole')
        hit(g.ask(get(f"/{n}")), b"whole")


@scenario("cache/poison/errors")
def errors(t):
    """What a request has of its own that a server refuses, is refused for that one (cache-poisoned denial of service)."""
    def answer(link, m):
        bad = m.get("User-Agent")
        link.send(ok(b"bad request", FRESH, status=bad) if bad else ok(b"good", FRESH))
    o, g = caching(t, answers=answer)
    for n, status in enumerate(("400 Bad Request", "413 Content Too Large", "416 Range Not Satisfiable", "417 Expectation Failed", "431 Request Header Fields Too Large", "500 Oops", "502 Bad Gateway", "503 Busy")):
        check(g.ask(get(f"/{n}", f"User-Agent: {status}")), f"HTTP/1.1 {status[:3]}\n\nbad request")
        check(g.ask(get(f"/{n}")), "HTTP/1.1 200\n\ngood")
        hit(g.ask(get(f"/{n}")), b"good")


@scenario("cache/poison/refused-by-us")
def refused(t):
    """What gateway itself refuses is not kept for others."""
    o, g = caching(t, answers=numbered(FRESH))
    long = "x" * (3000 if t.tiny else 9000)
    for n, data in enumerate((get("/0", f"X-Long: {long}"), get("/1", "X-Meta: a\x01b"), get("/2", *[f"X-{i}: 1" for i in range(150)]), get("/3", "Expect: 99-problems"), get("/4", "Via: " + ", ".join(["1.1 gateway"] * 9)),
                              get("/5", "Cache-Control: only-if-cached"))):
        for _ in range(2):
            m = g.ask(data)
            true(m.status >= 400, f"{m!r}")
        asked(g.ask(get(f"/{n}")), 1)
        hit(g.ask(get(f"/{n}")), 1)


# --- keys ---------------------------------------------------------------------------------------

@scenario("cache/key/host")
def host(t):
    """Hosts of one site have pages of their own."""
    def answer(link, m):
        link.send(ok(m.get("Host").encode(), FRESH))
    o, g = caching(t, answers=answer)
    for _ in range(2):
        for name in "a.example", "b.example", "a.example:8080":
            m = g.ask(get("/", host=name))
            equal(m.body.decode(), name, "the host that was asked for")
    hit(g.ask(get("/", host="b.example")), b"b.example")
    count(o, 3)
    for spelled in "A.Example", "a.example.", "A.EXAMPLE:" + ("443" if wire.SCHEME == "https" else "80"):
        hit(g.ask(get("/", host=spelled)), b"a.example")
        check(g.ask(get("/" + spelled, host=spelled)), "HTTP/1.1 200\n\na.example")  # the server sees no other
    check(g.ask(post(b"", host="A.Example.")), "HTTP/1.1 200")
    asked(g.ask(get("/", host="a.example")), b"a.example")


@scenario("cache/key/scheme", plain="it has a listener of either kind")
def scheme(t):
    """http and https are two pages."""
    def answer(link, m):
        link.send(ok(m.get("X-Forwarded-Proto").encode(), FRESH))
    plain, tls = t.tcp(), t.tcp()
    o = t.origin(answers=answer)
    g = t.gateway(f"[site *]\n/ = {o.url} cache=on\n", listen=[plain, (tls, "tls")], top=f"cert = {harness.CERTS.server.cert}\nkey = {harness.CERTS.server.key}")
    for ask in asked, hit:
        ask(g.ask(place=plain), b"http")
        ask(g.ask(place=tls), b"https")
    count(o, 2)


@scenario("cache/key/port")
def port(t):
    """What the server is told of the port is part of it."""
    def answer(link, m):
        link.send(ok(m.get("X-Forwarded-Port").encode(), FRESH))
    one, two = t.tcp(), t.tcp()
    o = t.origin(answers=answer)
    g = t.gateway(f"[site *]\n/ = {o.url} cache=on\n", listen=[one, two])
    for ask in asked, hit:
        for place in one, two:
            ask(g.ask(place=place), str(place.port).encode())


@scenario("cache/key/fields-of-anybodys-invention")
def key_fields(t):
    """What no list knows may mean anything to a server: who sends it gets what was made for those who send the same."""
    def answer(link, m):
        link.send(ok("".join(f"{n}: {v}\n" for n, v in m.fields if n.startswith(("X-A", "X-S", "Orig", "Tok"))).encode(), FRESH))
    o, g = caching(t, answers=answer)
    fields = ["X-Api-Key: a", "X-Api-Key: b", "X-Auth-Token: a", "X-Script-Name: /x", "Origin: http://a.example", "Token: a", "X-Access: user=b"]
    for ask in asked, hit:
        for field in fields:
            ask(g.ask(get("/", field)), f"{field}\n".encode())
        ask(g.ask(), b"")
    count(o, len(fields) + 1)
    for harmless in "User-Agent: x", "Accept: text/html", "Accept-Encoding: gzip", "Referer: http://x/", "Sec-Fetch-Mode: navigate", "DNT: 1", "Cookie: a=b":
        hit(g.ask(get("/", harmless)), b"")


@scenario("cache/key/path")
def path(t):
    """Spellings of one path are one page; what may be another path is another page."""
    o, g = caching(t, answers=numbered(FRESH))
    asked(g.ask(get("/a/b")), 1)
    for same in "/a/./b", "/a/x/../b", "/%61/b", f"{wire.SCHEME}://a.example/a/b":
        hit(g.ask(get(same)), 1)
    for other in "/a/b/", "/a//b", "/a%2Fb", "/A/b", "/a/b;x", "/a/b?", "/a/b?x", "/a/b%20":
        asked(g.ask(get(other)))
    count(o, 9)


@scenario("cache/key/query")
def key_query(t):
    """Nothing is guessed of a query: order and names count, unless the route says otherwise."""
    o, g = caching(t, answers=numbered(FRESH))
    queries = ["", "?", "?a=1", "?a=1&b=2", "?b=2&a=1", "?a=2", "?A=1", "?a=1&", "?a=1&utm_source=x", "?fbclid=1", "?a=%31", "?a=1&a=1"]
    for query in queries:
        asked(g.ask(get("/p" + query)), 1)
        check(o.requests[-1], f"GET /p{query} HTTP/1.1")
    for query in queries:
        hit(g.ask(get("/p" + query)), 1)


@scenario("cache/key/dropped")
def key_dropped(t):
    """cache_key = -utm_* -fbclid: the rest counts, in its order, and is what the server gets."""
    o, g = caching(t, 'cache=on cache_key="-utm_* -fbclid"', answers=numbered(FRESH))
    for group in [("/p?a=1&b=2", "/p?utm_source=x&a=1&b=2", "/p?a=1&utm_source=x&b=2", "/p?a=1&b=2&utm_source=x&utm_campaign=y", "/p?fbclid=z&a=1&b=2", "/p?a=1&b=2&fbclid", "/p?utm_=&a=1&b=2"),
                  ("/p?b=2&a=1", "/p?b=2&utm_x=1&a=1"), ("/p", "/p?utm_source=x", "/p?fbclid=1&utm_x=2")]:
        asked(g.ask(get(group[-1])), 1)
        check(o.requests[-1], f"GET {group[0]} HTTP/1.1")
        for same in group:
            hit(g.ask(get(same)), 1)
    count(o, 3)


@scenario("cache/key/sorted")
def key_sorted(t):
    """sort: by name, those of one name in their order."""
    o, g = caching(t, 'cache=on cache_key="-utm_* sort"', answers=numbered(FRESH))
    asked(g.ask(get("/p?b=2&a=1&utm_x=y")), 1)
    check(o.requests[0], "GET /p?a=1&b=2 HTTP/1.1")
    for same in "/p?a=1&b=2", "/p?b=2&a=1", "/p?utm_z=1&a=1&utm_a=2&b=2":
        hit(g.ask(get(same)), 1)
    asked(g.ask(get("/p?a=2&a=1")), 1)
    check(o.requests[1], "GET /p?a=2&a=1 HTTP/1.1")
    asked(g.ask(get("/p?a=1&a=2")), 1)
    count(o, 3)


@scenario("cache/key/only-where-it-is-said")
def key_inherited(t):
    """Of a site, for its routes; `none` clears it; a POST's query is not touched in meaning."""
    o = t.origin(answers=numbered(FRESH))
    g = t.gateway(f"[site *]\ncache = on\ncache_key = -utm_*\n/ = {o.url}\n/raw/ = {o.url} cache_key=none\n", clock=True)
    asked(g.ask(get("/p?utm_x=1")), 1)
    check(o.requests[-1], "GET /p HTTP/1.1")
    hit(g.ask(get("/p")), 1)
    asked(g.ask(get("/raw/?utm_x=1")), 1)
    check(o.requests[-1], "GET /raw/?utm_x=1 HTTP/1.1")
    asked(g.ask(get("/raw/")), 1)
    check(g.ask(post(b"x", target="/p?utm_x=1&a=1")), "HTTP/1.1 200")


@scenario("cache/key/conditions")
def key_when(t):
    """Routes with conditions do not mix: neither their answers nor what is stored of them."""
    a, b, c = (t.origin(answers=ok(name, FRESH)) for name in (b"a", b"b", b"c"))
    g = t.gateway(f"[site *]\ncache = on\n/ = {a.url}\n/ = {b.url} when=header:X-Mock:yes\n/ = {c.url} when=cookie:beta=1\n", clock=True)
    asks = [((), b"a"), (("X-Mock: yes",), b"b"), (("Cookie: beta=1",), b"c"), (("X-Mock: no",), b"a"), (("X-Mock: yes", "Cookie: beta=1"), b"b")]
    for _ in range(3):
        for fields, body in asks:
            check(g.ask(get("/", *fields)), f"HTTP/1.1 200\n\n{body.decode()}")
    for o, requests in (a, 2), (b, 1), (c, 1):  # X-Mock: no is not as if nothing were said
        count(o, requests)


@scenario("cache/key/conditions-on-one-server")
def key_when_one(t):
    """The same server by another route: told other things, it may answer otherwise."""
    def answer(link, m):
        link.send(ok((m.get("X-Kind") or "none").encode() + m.target.encode(), FRESH))
    o = t.origin(answers=answer)
    g = t.gateway(f'[site *]\ncache = on\n/ = {o.url}\n/ = {o.url} when=header:X-Mock:yes request_header="X-Kind: mock"\n/ = {o.url}/base/ when=header:X-Mock:base\n', clock=True)
    for _ in range(2):
        check(g.ask(), "HTTP/1.1 200\n\nnone/")
        check(g.ask(get("/", "X-Mock: yes")), "HTTP/1.1 200\n\nmock/")
        check(g.ask(get("/", "X-Mock: base")), "HTTP/1.1 200\n\nnone/base/")
    count(o, 3)


@scenario("cache/key/another-server-after-a-reload")
def key_reload(t):
    """A route that leads elsewhere from now on does not answer with the pages of before."""
    a, b = t.origin(answers=ok(b"a", FRESH)), t.origin(answers=ok(b"b", FRESH))
    g = t.gateway(f"[site *]\n/ = {a.url} cache=on\n", clock=True)
    g.ask()
    hit(g.ask(), b"a")
    g.reload(f"[site *]\n/ = {b.url} cache=on\n")
    check(g.ask(), "HTTP/1.1 200\n\nb")
    hit(g.ask(), b"b")
