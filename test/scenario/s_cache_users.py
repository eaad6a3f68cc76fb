# SPDX-License-Identifier: MIT
"""The cache: never across users. Who asks with credentials, sessions, cookies or certificates, and who is asked before each hit."""
import harness
from harness import scenario
from login import basic, enter, session, users
from secure import client_context
from stored import asked, caching, count, hit, numbered, said
from wire import check, equal, get, http, ok, true

FRESH = "Cache-Control: max-age=1000"
PUBLIC = "Cache-Control: public, max-age=1000"


def who(*fields):
    """A server that knows by whom it is asked, and tells."""
    def answer(link, m):
        me = m.get("X-User") or m.get("Authorization") or m.get("Cookie") or "nobody"
        link.send(ok(f"page of {me}".encode(), *fields))
    return answer


def guarded(t, words="cache=10m", *, answers=None, site="", top="", routes="", **how):
    """A guarded site whose server is told the user's name."""
    o = t.origin(answers=answers or who())
    g = t.gateway(f"{users()}\n[site a.example]\nauth = family\nuser_header = X-User\n{site}\n/ = {o.url} {words}\n{routes}\n", top=top, clock=True, **how)
    return o, g


def mixed(g, asks, rounds=2):
    """Each of these asks gets its own body, in each round."""
    for _ in range(rounds):
        for data, body in asks:
            m = g.ask(data)
            check(m, "HTTP/1.1 200")
            equal(m.body, body.encode(), "body")


@scenario("cache/users/own-pages")
def own_pages(t):
    """Users of gateway's own: what the server does not call public is each one's own."""
    for n, fields in enumerate(([], [FRESH], ["Expires: Fri, 01 Jan 2100 00:00:00 GMT"], ["Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT", 'ETag: "e"'])):
        o, g = guarded(t, answers=who(*fields))
        alice, bob = session(g, "alice"), session(g, "bob")
        mixed(g, [(get("/", basic("alice")), "page of alice"), (get("/", basic("bob")), "page of bob"), (get("/", alice), "page of alice"), (get("/", bob), "page of bob")])
        for m in (g.ask(get("/", x)) for x in (alice, bob)):
            true(not said(m).get("hit"), f"{m!r}")


@scenario("cache/users/what-is-for-all")
def for_all(t):
    """What the server calls public, or gives an s-maxage or must-revalidate, is for all users; nobody gets it without a password."""
    for n, directives in enumerate(("public, max-age=1000", "s-maxage=1000", "max-age=1000, must-revalidate")):
        o, g = guarded(t, "cache=on", answers=numbered(f"Cache-Control: {directives}"))
        asked(g.ask(get("/p", basic("alice"))), 1)
        bob = session(g, "bob", target="/p")
        before = len(o.requests)
        equal(before, 1, "requests at the server")
        for credentials in basic("bob"), bob, basic("alice"):
            true(hit(g.ask(get("/p", credentials)), 1).lists("Cache-Control", "private"), "it is not private to caches before us")
        for fields in (), (basic("alice", "wrong"),), (basic("carol", "x"),), (bob + "x",):
            m = g.ask(get("/p", *fields))
            check(m, "HTTP/1.1 401\n!Age")
            true(b"1" != m.body, f"{m!r}")
        check(g.ask(get("/p", "Cache-Control: only-if-cached, max-stale")), "HTTP/1.1 401")
        check(g.ask(get("/p", method="HEAD")), "HTTP/1.1 401")
        check(g.ask(get("/p", "Range: bytes=0-0")), "HTTP/1.1 401")
        check(g.ask(get("/p", "If-None-Match: *")), "HTTP/1.1 401")
        count(o, 1)


@scenario("cache/users/after-logging-out")
def logged_out(t):
    """A session that has ended opens nothing, however fresh it is."""
    o, g = guarded(t, "cache=on", answers=numbered(PUBLIC), top=f"state = {t.dir}/kept", site="login = form\n")
    cookie = enter(g, "alice")
    asked(g.ask(get("/p", cookie)), 1)
    hit(g.ask(get("/p", cookie)), 1)
    old = set(g.workers())
    g.tell("logout", "alice")
    g.deaths, g.before = True, {}  # it loads the configuration anew

    def out():
        g.step(20)
        return g.ask(get("/p", cookie)).status == 401
    t.until(out, "the session is over")
    t.until(lambda: not old & set(g.workers()), "the old workers accept no more")
    check(g.ask(get("/p", cookie)), "HTTP/1.1 401\n!Age")
    hit(g.ask(get("/p", basic("bob"))), 1)
    count(o, 1)


@scenario("cache/users/who-may-no-longer")
def no_longer(t):
    """A reload that bars somebody holds for what is stored."""
    o, g = guarded(t, "cache=on", answers=numbered(PUBLIC))
    asked(g.ask(get("/p", basic("alice"))), 1)
    hit(g.ask(get("/p", basic("bob"))), 1)
    config = f"{users()}\n[site a.example]\nauth = family\nuser_header = X-User\n%s\n/ = {o.url} cache=on\n"
    g.reload(config % "require = alice")
    m = g.ask(get("/p", basic("bob")))
    true(m.status in (401, 403), f"{m!r}")
    hit(g.ask(get("/p", basic("alice"))), 1)
    g.reload(config % "deny = 127.0.0.5")
    check(g.ask(get("/p", basic("alice")), source="127.0.0.5"), "HTTP/1.1 403")
    hit(g.ask(get("/p", basic("alice"))), 1)


@scenario("cache/users/open-networks")
def open_networks(t):
    """From an open network nobody is anybody; what they get is not what users get, nor the other way round."""
    o, g = guarded(t, "cache=10m", answers=who(), site="open_to = 127.0.0.5\n")
    check(g.ask(source="127.0.0.5"), "HTTP/1.1 200\n\npage of nobody")
    hit(g.ask(source="127.0.0.5"), b"page of nobody")
    check(g.ask(get("/", basic("alice"))), "HTTP/1.1 200\n\npage of alice")
    check(g.ask(), "HTTP/1.1 401\n!Age")
    hit(g.ask(source="127.0.0.5"), b"page of nobody")
    check(g.ask(get("/", basic("bob"))), "HTTP/1.1 200\n\npage of bob")
    check(g.ask(get("/", basic("alice")), source="127.0.0.5"), "HTTP/1.1 200\n\n~page of (alice|nobody|Basic)")
    hit(g.ask(source="127.0.0.5"), b"page of nobody")


@scenario("cache/users/open-beside-guarded")
def beside(t):
    """The same URL by another site, and another route, is another matter."""
    o = t.origin(answers=who())
    g = t.gateway(f"{users()}\n[site a.example]\nuser_header = X-User\n/ = {o.url} cache=10m\n/in/ = {o.url} cache=10m auth=family\n")
    check(g.ask(get("/in/", basic())), "HTTP/1.1 200\n\npage of alice")
    check(g.ask(get("/in/")), "HTTP/1.1 401")
    for path in "/in%2F", "/x/..%2Fin/", "//in/", "/in;x/", "/%69n/":
        m = g.ask(get(path))
        check(m, "HTTP/1.1 401\n!Age")
        true(b"alice" not in m.body, f"{m!r}")


@scenario("cache/users/authorization-of-the-server")
def servers_own(t):
    """A log-in of the server's own: what Authorization brought is nobody else's, unless the server says so."""
    o, g = caching(t, "cache=10m", answers=who())
    asks = [(get("/", "Authorization: Bearer alice"), "page of Bearer alice"), (get("/", "Authorization: Bearer bob"), "page of Bearer bob"), (get("/"), "page of nobody")]
    mixed(g, asks)
    count(o, 5)  # that of nobody was stored
    hit(g.ask(), b"page of nobody")
    check(g.ask(get("/", "Authorization: Bearer carol")), "HTTP/1.1 200\n\npage of Bearer carol")
    o.answers(who(PUBLIC))
    asked(g.ask(get("/p", "Authorization: Bearer alice")), b"page of Bearer alice")
    hit(g.ask(get("/p")), b"page of Bearer alice")  # its own word


@scenario("cache/users/401-of-the-server")
def servers_401(t):
    """That somebody was not let in is not what others are told."""
    def answer(link, m):
        good = m.get("Authorization") == "Bearer alice"
        link.send(ok(b"in", FRESH) if good else ok(b"out", FRESH, "WWW-Authenticate: Bearer", status="401 Unauthorized"))
    o, g = caching(t, "cache=10m", answers=answer)
    for _ in range(2):
        check(g.ask(), "HTTP/1.1 401\n\nout")
        check(g.ask(get("/", "Authorization: Bearer alice")), "HTTP/1.1 200\n\nin")
    check(g.ask(get("/", "Authorization: Bearer bob")), "HTTP/1.1 401\n\nout")


@scenario("cache/users/cookies")
def cookies(t):
    """A session of the server's own: what it gives with no word about caching is each one's own, also where the route gives a lifetime."""
    for words, fields in ("cache=10m", []), ("cache=on", ["Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT"]):
        o, g = caching(t, words, answers=who(*fields))
        mixed(g, [(get("/", "Cookie: id=alice"), "page of id=alice"), (get("/", "Cookie: id=bob"), "page of id=bob"), (get("/"), "page of nobody")], 3)
        hit(g.ask(), b"page of nobody")  # who has none may get it
        check(g.ask(get("/", "Cookie: id=alice")), "HTTP/1.1 200\n\npage of id=alice")


@scenario("cache/users/cookies-and-a-word")
def cookies_told(t):
    """What the server says may be kept is kept, Cookie or not: pages with an analytics cookie are most of them."""
    o, g = caching(t, answers=numbered(FRESH))
    asked(g.ask(get("/", "Cookie: _ga=1")), 1)
    hit(g.ask(get("/", "Cookie: _ga=2")), 1)
    hit(g.ask(), 1)
    o.answers(numbered("Cache-Control: private, max-age=1000"))
    for n in 1, 2:
        asked(g.ask(get("/own", "Cookie: _ga=1")), n)


@scenario("cache/users/forced")
def forced(t):
    """force: everybody has his own, whatever it is that tells them apart."""
    o, g = caching(t, 'cache="10m force"', answers=who("Cache-Control: no-store"))
    asks = [(get("/", "Cookie: id=alice"), "page of id=alice"), (get("/", "Cookie: id=bob"), "page of id=bob"), (get("/", "Authorization: Bearer alice"), "page of Bearer alice"), (get("/", "Authorization: Bearer bob"), "page of Bearer bob"), (get("/"), "page of nobody")]
    mixed(g, asks, 3)
    count(o, 5)  # and each of them is kept
    check(g.ask(get("/", "Cookie: id=carol")), "HTTP/1.1 200\n\npage of id=carol")
    check(g.ask(get("/", "Cookie: id=alice", "Authorization: Bearer bob")), "HTTP/1.1 200\n\npage of Bearer bob")
    check(g.ask(get("/", "Cookie: id=alice\tx")), "HTTP/1.1 200\n\npage of id=alice\tx")


@scenario("cache/users/forced-sessions")
def forced_sessions(t):
    """force, and users of gateway's own."""
    o, g = guarded(t, 'cache="10m force"', answers=who("Cache-Control: no-store"))
    alice, bob = session(g, "alice"), session(g, "bob")
    before = len(o.requests)
    mixed(g, [(get("/p", alice), "page of alice"), (get("/p", bob), "page of bob"), (get("/p", basic("alice")), "page of alice"), (get("/p", basic("bob")), "page of bob")])
    true(len(o.requests) - before < 8, "nothing was kept")
    check(g.ask(get("/p")), "HTTP/1.1 401\n!Age")


@scenario("cache/users/session-cookie-is-not-the-servers")
def own_cookie(t):
    """gateway's own cookie is no cookie of the server's: what varies by that is nobody else's, and what is public needs no more than a session."""
    def answer(link, m):
        link.send(ok((m.get("Cookie") or "none").encode(), PUBLIC, *(["Vary: Cookie"] if m.target == "/v" else [])))
    o, g = guarded(t, "cache=10m", answers=answer)
    alice, bob = session(g, "alice", target="/p"), session(g, "bob", target="/p")
    count(o, 1)
    for cookie in alice, bob:
        hit(g.ask(get("/p", cookie)), b"none")
    for _ in range(2):
        for cookie, body in (alice, "none"), (bob, "none"), (alice + "; other=1", "other=1"), (bob + "; other=2", "other=2"):
            check(g.ask(get("/v", cookie)), f"HTTP/1.1 200\n\n{body}")


# --- forward-auth --------------------------------------------------------------------------------

def asking(t, words="cache=10m", *, answers=None, says=None):
    def verify(link, m):
        name = (m.get("Cookie") or "").partition("id=")[2]
        link.send(ok(b"", f"X-User: {name}") if name else http("HTTP/1.1 401 Unauthorized\nContent-Length: 2\n\nno"))
    a = t.origin(answers=says or verify)
    o = t.origin(answers=answers or who())
    return a, o, t.gateway(f"[site *]\nauth = {a.url}/verify\ncopy = X-User\n/ = {o.url} {words}\n", clock=True)


@scenario("cache/users/forward-auth")
def consult(t):
    """The log-in server is asked before every hit, and what it says of the user counts."""
    a, o, g = asking(t)
    mixed(g, [(get("/", "Cookie: id=alice"), "page of alice"), (get("/", "Cookie: id=bob"), "page of bob")])
    a, o, g = asking(t, "cache=on", answers=numbered(PUBLIC))
    asked(g.ask(get("/", "Cookie: id=alice")), 1)
    hit(g.ask(get("/", "Cookie: id=bob")), 1)
    equal(len(a.requests), 2, "questions at the log-in server")
    check(g.ask(), "HTTP/1.1 401\n!Age\n\nno")
    a.answers(http("HTTP/1.1 403 Forbidden\nContent-Length: 2\n\nno"))
    check(g.ask(get("/", "Cookie: id=alice")), "HTTP/1.1 403\n!Age\n\nno")
    a.answers(ok(b"", "X-User: alice"))
    hit(g.ask(get("/", "Cookie: id=alice")), 1)
    a.stop()
    m = g.ask(get("/", "Cookie: id=alice"))
    true(m.status >= 500 and m.body != b"1", f"the log-in server is dead: {m!r}")
    count(o, 1)


@scenario("cache/users/forward-auth-answers-are-not-kept")
def consult_not_kept(t):
    """Nor is an answer of the log-in server's, whatever it says."""
    a, o, g = asking(t, "cache=10m", says=ok(b"", "X-User: alice", PUBLIC), answers=numbered(PUBLIC))
    for _ in range(3):
        check(g.ask(), "HTTP/1.1 200\n\n1")
    equal(len(a.requests), 3)
    a.answers(ok(b"go there", PUBLIC, "Location: /login", status="302 Found"))
    for _ in range(2):
        check(g.ask(), "HTTP/1.1 302\nLocation: /login\n!Age")
    a.answers(ok(b"", "X-User: alice"))
    hit(g.ask(), 1)


# --- certificates ------------------------------------------------------------------------------------

@scenario("cache/users/certificates", plain="TLS by itself")
def certificates(t):
    """Who shows a certificate is somebody: what the server does not call public is his own."""
    s = harness.CERTS

    def answer(link, m):
        link.send(ok((m.get("X-Client-Cert-Subject") or "nobody").encode(), *(["Cache-Control: public, max-age=1000"] if m.target == "/public" else [])))
    o, place = t.origin(answers=answer), t.tcp()
    g = t.gateway(f"[site a.example]\ncert = {s.a.cert}\nkey = {s.a.key}\nclient_ca = {s.ca.cert}\n/ = {o.url} cache=10m\n", listen=[(place, "tls")])

    def ask(target, cert):
        place.context = client_context(s.ca.cert, cert=cert.cert, key=cert.key)
        return g.ask(get(target))
    for _ in range(2):
        check(ask("/", s.alice), "HTTP/1.1 200\n\nCN=alice,O=Example")
        check(ask("/", s.alice_rsa), "HTTP/1.1 200\n\nCN=alice rsa,O=Example")
    check(ask("/public", s.alice), "HTTP/1.1 200\n\nCN=alice,O=Example")
    hit(ask("/public", s.alice_rsa), b"CN=alice,O=Example")


@scenario("cache/users/limits-hold")
def limits(t):
    """A hit is a request: limit holds for it, allow and deny, too."""
    o, g = caching(t, 'cache=on limit="1/h burst=3" deny=127.0.0.7', answers=numbered(FRESH))
    asked(g.ask(), 1)
    hit(g.ask(), 1)
    hit(g.ask(), 1)
    check(g.ask(), "HTTP/1.1 429\n!Age")
    check(g.ask(source="127.0.0.7"), "HTTP/1.1 403\n!Age")
