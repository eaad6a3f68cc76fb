# SPDX-License-Identifier: MIT
"""The cache: what reviews of it have found. Clients that hold up, shut out or mislead others; answers that outlive what they say."""
import socket
import threading
import time

import harness
from harness import Origin, Skip, scenario
from login import basic, session, users
from s_cache_together import held, whole
from stored import MARK, asked, caching, count, crowd, hit, numbered, said, settled
from wire import Client, check, chunked, equal, get, http, ok, post, true

FRESH = "Cache-Control: max-age=1000"
BEHIND = "Cache-Control: max-age=1000, stale-while-revalidate=2000"
CHUNKED = f"HTTP/1.1 200 OK\n{FRESH}\nTransfer-Encoding: chunked\n\n"
SOON = 4  # seconds: less than anybody waits for another one's answer


def turns(g):
    """All that clients have sent is read: also when there is no place for settled()."""
    for _ in range(4):
        g.step(0.001)


def soon(what, do):
    """Does it, and not only when a patience has run out."""
    start = time.monotonic()
    value = do()
    true(time.monotonic() - start < SOON, f"it took {time.monotonic() - start:.1f} s: {what}")
    return value


def fresh(t, g, body, data=None):
    """Until what was fetched behind the clients' backs is there."""
    def is_there():
        m = g.ask(data)
        return said(m).get("hit") and m.body == body
    t.until(is_there, f"{body!r} is stored")


# --- places ---------------------------------------------------------------------------

@scenario("cache/mended/herd-in-all-places")
def herd(t):
    """As many ask for it as there are places: one request still, also for a body that comes in many pieces."""
    h, o, g = held(t, top="requests = 8\n")
    clients = crowd(g, 8, get("/x"), opened=False)
    h[0]
    turns(g)
    h[0].send(ok(b"x" * 200_000, FRESH))
    whole(clients, b"x" * 200_000)
    count(o, 1)
    hit(g.ask(get("/x")))


@scenario("cache/mended/gone-while-waiting")
def gone_waiting(t):
    """Clients that wait for another one's answer, and leave, take no places."""
    h, o, g = held(t, top="requests = 8\n")
    first = crowd(g, 1, get("/x"), opened=False)[0]
    h[0]
    clients = crowd(g, 7, get("/x"), opened=False)
    turns(g)
    for c in clients:
        c.reset()
    turns(g)
    others = crowd(g, 6, get("/y", "Cookie: s=1"), opened=False)
    soon("the places of those who left", lambda: o.wait(7))
    for n in range(7):
        h[n].send(ok(b"page"))
    for c in [first, *others]:
        check(c.final(), "HTTP/1.1 200\n\npage")


@scenario("cache/mended/patience")
def patience(t):
    """Nobody waits longer than 5 s for another one's answer."""
    h, o, g = held(t)
    first = crowd(g, 1, get("/x"))[0]
    h[0]
    second = crowd(g, 1, get("/x"))[0]
    settled(g)
    g.step(2)
    settled(g)
    count(o, 1)
    g.step(4)
    soon("the second asks", lambda: o.wait(2))
    h[1].send(ok(b"2", "Cache-Control: no-store"))
    check(second.final(), "HTTP/1.1 200\n\n2")
    h[0].send(ok(b"1", "Cache-Control: no-store"))
    check(first.final(), "HTTP/1.1 200\n\n1")


@scenario("cache/mended/own-answers-wait-for-nobody")
def own(t):
    """Who asks with a Cookie most often gets an answer that is his own: he neither waits nor is waited for."""
    for n, (one, other) in enumerate((("Cookie: s=alice", "Cookie: s=bob"), ("Cookie: s=alice", "X: 1"), ("X: 1", "Cookie: s=alice"), (basic("alice"), basic("bob")))):
        h, o, g = held(t)
        clients = crowd(g, 1, get("/poll", one))
        h[0]
        clients += crowd(g, 1, get("/poll", other.replace("X: 1", "DNT: 1")))
        soon(f"{one}, {other}", lambda: o.wait(2))
        h[1].send(ok(b"second"))
        check(clients[1].final(), "HTTP/1.1 200\n\nsecond")
        h[0].send(ok(b"first"))
        check(clients[0].final(), "HTTP/1.1 200\n\nfirst")


@scenario("cache/mended/cookie-marks-nothing")
def cookie_marks(t):
    """That one's answer may not be kept says nothing about those of others."""
    for words, field in ("cache=10m", "Cookie: s=1"), ("cache=10m", basic("alice")), ("cache=on", "Accept-Encoding: " + "z" * 1100):
        h, o, g = held(t, words)
        c = crowd(g, 1, get("/x", field))[0]
        fields = [FRESH, "Vary: Accept-Encoding"] if words == "cache=on" else []
        h[0].send(ok(b"one", *fields))
        asked(c.final(), b"one", stored=False)
        clients = crowd(g, 5, get("/x"))
        h[1]
        settled(g)
        count(o, 2)
        h[1].send(ok(b"all", *fields))
        whole(clients, b"all")
        count(o, 2)


# --- slow, gone, endless ---------------------------------------------------------------

def not_bytewise(t):
    if t.tiny:
        raise Skip("a body that fills the buffers of the system, byte by byte")


def sluggish(g, data):
    """A client with as small a buffer as there is, that has sent this and takes nothing."""
    s = socket.socket(socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(30)
    s.connect(g.place.target())
    if g.place.secure:
        from secure import Secure, client_context
        s = Secure(s, client_context(harness.RUN.ca.cert), name="a.example")
    c = Client(s)
    g.clients.append(c)
    c.send(data)
    return c


@scenario("cache/mended/takes-nothing", slow=True)
def takes_nothing(t):
    """A body too long to be kept, and one reader who takes nothing of it: he leaves, the others get it all."""
    not_bytewise(t)
    part = b"y" * 65536
    h, o, g = held(t, top="cache = 1M\n")
    sluggish(g, get("/w"))
    link = h[0]
    settled(g)
    link.send(http(CHUNKED))
    clients = crowd(g, 2, get("/w"))
    heads = [c.head() for c in clients]
    count(o, 1)
    sender = threading.Thread(target=lambda: [link.send(chunked(part, last=n == 95)) for n in range(96)], daemon=True)
    sender.start()
    readers = [threading.Thread(target=c.body, args=(m, "GET")) for c, m in zip(clients, heads)]
    for r in readers:
        r.start()
    for r in readers:
        r.join(30)
    for m in heads:
        equal(len(m.body or b""), 96 * len(part), "bytes of the body")
    sender.join(30)
    count(o, 1)
    g.logged("too slow for a page that others wait for")


@scenario("cache/mended/endless-for-nobody")
def endless(t):
    """A body without an end is not fetched for longer than 10 s after the last one who reads it."""
    h, o, g = held(t)
    c = crowd(g, 1, get("/e"))[0]
    h[0].send(http(CHUNKED) + chunked(b"event", last=False))
    check(c.head(), "HTTP/1.1 200")
    c.chunk()
    g.step(30)
    h[0].send(chunked(b"another", last=False))
    c.until(b"her")
    c.reset()
    settled(g)
    g.step(5)
    settled(g)
    true(o.threads[0].is_alive(), "it ended at once")
    g.step(6)
    t.until(lambda: not o.threads[0].is_alive(), "the link to the server ends")


@scenario("cache/mended/streams")
def streams(t):
    """What begins anew for each client is never kept."""
    for words in "cache=10m", "cache=10m force", "cache=on":
        o, g = caching(t, words)
        for n, kind in enumerate(("text/event-stream", "Text/Event-Stream; charset=utf-8", "multipart/x-mixed-replace; boundary=x", "text/plain")):
            o.answers(numbered(f"Content-Type: {kind}", FRESH))
            for i in 1, 2:
                m = g.ask(get(f"/{n}"))
                if kind == "text/plain" and i == 2:
                    hit(m, 1)
                else:
                    asked(m, i, stored=kind == "text/plain")


# --- changes ---------------------------------------------------------------------------

@scenario("cache/mended/asked-before-a-change")
def before_change(t):
    """What was asked for alone, before a POST or a purge, and comes after it, is of before."""
    for way in "POST", "purge", "nothing":
        h, o, g = held(t)
        a, b = g.client(), g.client()
        a.send(get("/x", "Cache-Control: no-cache"))
        h[0]
        if way == "POST":
            b.send(post(b"new", target="/x"))
            h[1].send(ok(b"done"))
            check(b.final(), "HTTP/1.1 200\n\ndone")
        elif way == "purge":
            g.tell("purge", "--prefix", "http://a.example/")
            if harness.RUN:
                g.tell("purge", "--prefix", "https://a.example/")
        h[0].send(ok(b"old", FRESH))
        asked(a.final(), b"old", stored=way == "nothing")
        o.answers(ok(b"new", FRESH))
        m = g.ask(get("/x"))
        if way == "nothing":
            hit(m, b"old")
        else:
            asked(m, b"new")


@scenario("cache/mended/hosts")
def hosts(t):
    """One host, however it is written: one entry, and each spelling makes it void."""
    o, g = caching(t, answers=numbered(FRESH))
    secure = harness.RUN is not None
    port, scheme = (443, "https") if secure else (80, "http")
    spellings = ["a.example", "A.EXAMPLE", f"a.example:{port}", "a.example.", f"A.Example.:0{port}", "a.example:"]
    for n, one in enumerate(spellings):
        asked(g.ask(get(f"/{n}", host=one)), 1)
        for other in spellings:
            hit(g.ask(get(f"/{n}", host=other)), 1)
    true({m.get("Host").lower() for m in o.requests} <= {"a.example", f"a.example:{o.place.port}"}, "Host of another spelling went up")
    for n, other in enumerate(spellings):
        check(g.ask(post(b"x", target=f"/{n}", host=other)), "HTTP/1.1 200")
        for i, one in enumerate(spellings):
            (hit if i else asked)(g.ask(get(f"/{n}", host=one)), 3)
    asked(g.ask(get("/0", host=f"a.example:{port + 1}")), 4)
    for n, to in enumerate(("//a.example/l", "//A.EXAMPLE./l", f"{scheme}://a.example:{port}/l", f"{scheme.upper()}://A.example/l", "l", "/l#f", "//b.example/l", f"{scheme}://a.example:81/l")):
        o.answers(numbered(FRESH))
        asked(g.ask(get(f"/{n}/l")), 1)
        o.answers(numbered(FRESH, f"Location: {to.replace('/l', f'/{n}/l')}"))
        check(g.ask(post(b"x", target=f"/{n}/p")), "HTTP/1.1 200")
        (hit if "b.ex" in to or ":81" in to else asked)(g.ask(get(f"/{n}/l")))


@scenario("cache/mended/change-by-another-route")
def another_route(t):
    """A POST by a route that keeps nothing, and reduces no query, makes void what another one keeps under the reduced URL."""
    o = t.origin(answers=numbered(FRESH))
    g = t.gateway(f"[site *]\n/ = {o.url} cache=on cache_key=-utm_*\n/ = {o.url} when=method:POST\n", clock=True)
    asked(g.ask(get("/x?a=1&utm_s=2")), 1)
    hit(g.ask(get("/x?a=1")), 1)
    check(g.ask(post(b"x", target="/x?b=1&utm_s=2")), "HTTP/1.1 200")
    hit(g.ask(get("/x?a=1")), 1)
    check(g.ask(post(b"x", target="/x?a=1&utm_s=2")), "HTTP/1.1 200")
    asked(g.ask(get("/x?a=1")))
    o.answers(numbered(FRESH, "Location: /x?a=1&utm_s=9"))
    check(g.ask(post(b"x", target="/y")), "HTTP/1.1 200")
    asked(g.ask(get("/x?a=1")))


@scenario("cache/mended/errors-for-one")
def errors_for_one(t):
    """What the server thinks of one client's request throws nothing out; that the page is gone does."""
    def answer(link, m):
        status = m.get("Accept")
        link.send(ok(b"no", status=f"{status} Said") if status else ok(b"page", FRESH, 'ETag: "e"'))
    o, g = caching(t, answers=answer)
    for status in 400, 401, 403, 406, 416, 429, 431, 451, 404, 410:
        asked(g.ask(get(f"/{status}")), b"page")
        m = g.ask(get(f"/{status}", "Cache-Control: no-cache", f"Accept: {status}"))
        check(m, f"HTTP/1.1 {status}")
        (asked if status in (404, 410) else hit)(g.ask(get(f"/{status}")), b"page")


# --- behind a client's back --------------------------------------------------------------

@scenario("cache/mended/behind-anybody")
def behind_anybody(t):
    """Whatever the client wants of caches, or has already: a stale page is fetched anew, whole, and not with its words."""
    for field in ("Range: bytes=0-0", 'If-None-Match: "x"', "If-None-Match: *", "If-Modified-Since: Sat, 01 Jan 2028 00:00:00 GMT", "Cache-Control: no-store",
                  "Cache-Control: only-if-cached", "Pragma: other"):
        for etag in [], ['ETag: "e"']:
            o, g = caching(t, answers=numbered(BEHIND, *etag))
            asked(g.ask(), 1)
            g.step(1500)
            m = g.ask(get("/", field))
            true(said(m).get("hit") and m.status in (200, 206, 304), f"{field}: {m!r}")
            o.wait(2)
            up = o.requests[1]
            for name in "Range", "If-Range", "If-Modified-Since", "Cache-Control", "Pragma":
                true(not up.all(name), f"{field}: {up.raw}")
            equal(up.all("If-None-Match"), ['"e"'] if etag else [], field)
            fresh(t, g, b"2")
            count(o, 2)


@scenario("cache/mended/behind-fails-at-once")
def behind_fails(t):
    """A server that is not there fails at once, not when connecting has taken too long: the next one may try soon."""
    o = Origin(t, place=t.unix(), answers=numbered(BEHIND))
    t.origins.append(o)
    g = t.gateway(f"[site *]\n/ = {o.url} cache=on connect_timeout=300s max_fails=0\n", clock=True)
    asked(g.ask(), 1)
    g.step(1500)
    o.stop()
    hit(g.ask(), 1)
    turns(g)
    o.start()
    g.step(6)  # it was left alone for 5 s
    hit(g.ask(), 1)
    soon("the second try", lambda: o.wait(2))
    fresh(t, g, b"2")


@scenario("cache/mended/behind-users")
def behind_users(t):
    """Behind the back of users, too: what is kept for each of them; and where their names go up, they wait for it themselves."""
    o = t.origin(answers=numbered())
    words = "cache=1000s force stale_while_revalidate=2000s"
    g = t.gateway(f"{users()}\n[site a.example]\nauth = family\n/ = {o.url} {words}\n", clock=True)
    alice, bob = get("/", basic("alice")), get("/", basic("bob"))
    asked(g.ask(alice), 1)
    asked(g.ask(bob), 2)
    g.step(1500)
    hit(g.ask(alice), 1)
    fresh(t, g, b"3", alice)
    hit(g.ask(bob), 2)
    fresh(t, g, b"4", bob)
    hit(g.ask(alice), 3)
    for words in "cache=1000s force stale_while_revalidate=2000s", "cache=on":
        o = t.origin(answers=numbered("Cache-Control: public, max-age=1000, stale-while-revalidate=2000"))
        g = t.gateway(f"{users()}\n[site a.example]\nauth = family\nuser_header = X-User\n/ = {o.url} {words}\n", clock=True)
        asked(g.ask(alice), 1)
        hit(g.ask(alice), 1)
        g.step(1500)
        asked(g.ask(alice), 2, fwd="stale")
        equal(o.requests[1].get("X-User"), "alice")
        hit(g.ask(alice), 2)


# --- keys --------------------------------------------------------------------------------

@scenario("cache/mended/who-is-forced")
def who_is_forced(t):
    """With force each user, each Authorization and each Cookie has copies of its own."""
    o, g = caching(t, "cache=10m force")
    for round_ in asked, hit:
        for n, fields in enumerate(((), ("Authorization: Bearer a",), ("Authorization: Bearer b",), ("Cookie: s=a",), ("Cookie: s=b",), ("Cookie: s=a", "Authorization: Bearer a"), ("X-Api-Key: 5",))):
            round_(g.ask(get("/", *fields)), n + 1)
    o = t.origin(answers=numbered())
    g = t.gateway(f"{users()}\n[site a.example]\nauth = family\n/ = {o.url} cache=10m force\n", clock=True)
    asked(g.ask(get("/", basic("alice"))), 1)
    asked(g.ask(get("/", basic("bob"))), 2)
    cookie = session(g, "bob", target="/other")
    hit(g.ask(get("/", basic("alice"))), 1)
    hit(g.ask(get("/", basic("bob"))), 2)
    m = g.ask(get("/", cookie))
    true(m.body != b"1", f"bob has alice's: {m!r}")
    equal(g.ask(get("/", cookie)).body, m.body)


@scenario("cache/mended/numbers-of-requests")
def numbers(t):
    """By what proxies number requests nothing is told apart, unless it could mean something in a page."""
    o, g = caching(t, answers=numbered(FRESH))
    asked(g.ask(), 1)
    for name in "X-Request-ID", "CF-Ray", "X-Amzn-Trace-Id", "X-Correlation-ID", "X-Cloud-Trace-Context", "traceparent", "sentry-trace", "b3", "X-B3-TraceId", "baggage":
        for n in range(2):
            hit(g.ask(get("/", f"{name}: 7f{n}-00")), 1)
        asked(g.ask(get("/", f"{name}: <script>")))
        hit(g.ask(), 1)
    asked(g.ask(get("/", "X-Request-ID: " + "7" * 300)))
    hit(g.ask(), 1)


@scenario("cache/mended/fields-of-one")
def fields_of_one(t):
    """Keys, tokens, names and paths that one client says: never another one's answer, whatever the route says."""
    names = ("X-Api-Key", "Api-Key", "X-Auth-Token", "PRIVATE-TOKEN", "X-Emby-Token", "X-Plex-Token", "Remote-User", "X-Script-Name", "X-Scheme", "X-Ingress-Path", "Front-End-Https",
             "Origin", "Accept-Profile", "Accept-Version", "Accept-Datetime", "Sec-Anything", "X-Original-URI", "Base-Url", "Destination", "X-Middleware-Prefetch", "Purpose-Of")
    for words in "cache=on", "cache=10m force":
        o, g = caching(t, words, answers=numbered(FRESH))
        for name in names:
            path = f"/{name}"
            asked(g.ask(get(path)), 1)
            asked(g.ask(get(path, f"{name}: alice")), 2)
            asked(g.ask(get(path, f"{name}: bob")), 3)
            for n, fields in enumerate(((), (f"{name}: alice",), (f"{name}: bob",))):
                hit(g.ask(get(path, *fields)), n + 1)


@scenario("cache/mended/coding-without-vary")
def coding(t):
    """Who cannot read a coding does not get it, also when the server forgets its Vary."""
    def answer(link, m):
        coded = m.get("Accept-Encoding") == "gzip"
        link.send(ok(b"coded" if coded else b"plain", FRESH, *(["Content-Encoding: gzip"] if coded else [])))
    o, g = caching(t, answers=answer)
    asked(g.ask(get("/", "Accept-Encoding: gzip")), b"coded")
    check(hit(g.ask(get("/", "Accept-Encoding: gzip")), b"coded"), "HTTP/1.1 200\nContent-Encoding: gzip")
    asked(g.ask(), b"plain")
    hit(g.ask(get("/", "Accept-Encoding: br")), b"plain")
    check(hit(g.ask(), b"plain"), "HTTP/1.1 200\n!Content-Encoding")  # plain is for everybody


@scenario("cache/mended/variant-in-use")
def variants(t):
    """Of more than 16 variants the one that is asked for stays."""
    o, g = caching(t, answers=numbered(FRESH, "Vary: Accept-Language"))
    used = get("/", "Accept-Language: en")
    asked(g.ask(used), 1)
    for n in range(40):
        for _ in range(2):
            hit(g.ask(used), 1)
        asked(g.ask(get("/", f"Accept-Language: x{n}")), n + 2)
    hit(g.ask(used), 1)


# --- lifetimes --------------------------------------------------------------------------

@scenario("cache/mended/errors-are-given-nothing")
def given(t):
    """The lifetime of a route is for pages; with force, too."""
    statuses = {200: (1, 1), 203: (1, 1), 204: (1, 1), 300: (1, 1), 301: (1, 1), 308: (1, 1), 302: (0, 0), 303: (0, 0), 307: (0, 0),
                404: (0, 0), 405: (0, 0), 410: (0, 0), 414: (0, 0), 451: (0, 0), 501: (0, 0)}
    for mode, words in enumerate(("cache=10m", "cache=10m force")):
        o, g = caching(t, words)
        for status, kept in statuses.items():
            o.answers(numbered("Location: /there", status=f"{status} Said"))
            m = g.ask(get(f"/{status}"))
            check(m, f"HTTP/1.1 {status}")
            equal(bool(said(m).get("stored")), bool(kept[mode]), f"{words}, {status}: {said(m)}")
            (hit if kept[mode] else asked)(g.ask(get(f"/{status}")), status=status)
        o.answers(numbered(FRESH, status="404 Said"))  # the server itself may say so
        g.ask(get("/said"))
        (asked if mode else hit)(g.ask(get("/said")), status=404)


@scenario("cache/mended/read-while-refreshed", slow=True)
def read_while_refreshed(t):
    """A page that one client reads slowly outlives any number of 304s."""
    not_bytewise(t)
    def answer(link, m):
        if m.get("If-None-Match"):
            link.send(http('HTTP/1.1 304 Not Modified\nCache-Control: max-age=10\nETag: "e"\n\n'))
        else:
            link.send(ok(b"z" * 12_000_000, "Cache-Control: max-age=10", 'ETag: "e"'))
    o, g = caching(t, answers=answer, top="cache = 128M\nsend_timeout = 600s\n", routes=MARK)
    equal(len(asked(g.ask()).body), 12_000_000)
    slow = sluggish(g, get("/"))
    settled(g)
    for n in range(5):
        g.step(11)
        m = g.ask(get("/", "Range: bytes=0-0"))
        check(m, "HTTP/1.1 206\nAge: 0")
        equal(said(m).get("fwd-status"), 304, f"{n}: {said(m)}")
        hit(g.ask(get("/", "Range: bytes=1-1")), b"z", status=206)
        count(o, 2 + n)
    slow.reset()


# --- links ------------------------------------------------------------------------------

@scenario("cache/mended/body-of-a-get")
def body_of_get(t):
    """A link that has carried a body that the server may have left unread is not used for what others get."""
    for method, body, links in ("GET", b"", 1), ("GET", b"x", 2), ("DELETE", b"x", 2), ("OPTIONS", b"x", 2), ("HEAD", b"x", 2), ("DELETE", b"", 1):
        o, g = caching(t)
        c = g.client()
        c.send(post(body, "Cookie: s=1", target="/x", method=method) if body else get("/x", "Cookie: s=1", method=method))
        check(c.response(method), "HTTP/1.1 200")
        asked(g.ask(get("/home")))
        equal((method, body, len(o.links)), (method, body, links))


# --- what is said -------------------------------------------------------------------------

@scenario("cache/mended/says-why-not")
def says_why(t):
    """Why an answer was not stored, and of a 504 that nothing was."""
    o, g = caching(t, top="cache = 1M\n", answers=ok(b"x" * 200_000, FRESH))
    m = g.ask(get("/long"))
    equal((said(m).get("detail"), said(m).get("stored")), ("too long", None))
    o.answers(ok(b"x" * 20, FRESH))
    equal(said(asked(g.ask(get("/short")), stored=True)).get("detail"), None)
    m = g.ask(get("/none", "Cache-Control: only-if-cached"))
    check(m, "HTTP/1.1 504")
    true(said(m).get("fwd") == "uri-miss", f"{m!r}")
    o.answers(ok(b"x", FRESH, "Vary: Accept-Language"))
    m = asked(g.ask(get("/vary", "Accept-Language: " + "z" * 1100)), stored=False)
    true(said(m).get("detail"), f"{m!r}")


@scenario("cache/mended/says-no-room")
def says_no_room(t):
    """All of the cache is being read: there is no room for more, and the answer says so."""
    not_bytewise(t)
    o, g = caching(t, top="cache = 16M\ncache_object = 7M\nsend_timeout = 600s\n", answers=ok(b"x" * 6_500_000, FRESH), routes=MARK)
    for n in range(2):
        asked(g.ask(get(f"/{n}")), stored=True)
        sluggish(g, get(f"/{n}"))
        settled(g)
    m = g.ask(get("/more"))
    equal((said(m).get("detail"), said(m).get("stored")), ("no room", None))
