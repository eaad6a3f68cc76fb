# SPDX-License-Identifier: MIT
"""What is ours remains here: our passwords and what we say of users reach no server, whatever else is going on; and what is not ours goes on, uncounted."""
import re

from harness import scenario
from login import PASSWORDS, basic, fail, guarded, nobody_looks, session
from s_guard import barred
from wire import check, equal, get, ok, true

HOME, ELSEWHERE, STRANGER = "127.0.0.9", "127.0.0.2", "127.0.0.3"
ROOM = "requests = 64"  # for ten guesses at a time
PLACES = "/open/", "/net/", "/sso/"


def everywhere(t, top=ROOM, people=None, words=""):
    """One site with all there is: guarded, open, open to all networks here, and asked of a log-in server; the latter, the server behind, and gateway."""
    a, o = t.origin(answers=ok(b"")), t.origin()
    return a, o, guarded(t, f"[site a.example]\nauth = family\n{words}\n/ = {o.url}\n/open/ = {o.url} auth=none\n/net/ = {o.url} open_to=127.0.0.0/8\n/sso/ = {o.url} auth={a.url}/verify\n", top=top, people=people)


def sees(g, a, o, target, source, *fields, hidden):
    """A request with these fields passes; its Authorization goes on as it came, or is seen by nobody."""
    before = len(a.requests), len(o.requests)
    check(g.ask(get(target, *fields), source=source), "HTTP/1.1 200\n!Set-Cookie")
    seen = [*a.requests[before[0]:], *o.requests[before[1]:]]
    equal(len(seen), 2 if target == "/sso/" else 1, "requests at servers")
    came = [f.partition(": ")[2] for f in fields if f.startswith("Authorization: ")]
    for m in seen:
        equal(m.all("Authorization"), [] if hidden else came, f"Authorization that a server saw at {target}")


# --- our own passwords ------------------------------------------------------------------

@scenario("own/while-barred", slow=True)
def while_barred(t):
    """While a network is barred, or a user is, the own password of one who has logged in reaches no server; nor after a reload, when nobody knows it by heart."""
    a, o, g = everywhere(t)
    cookie = session(g, source=HOME)
    fail(g, 10, name="bob", source=HOME)
    barred(g.ask(get("/", basic()), source=HOME))
    for again in False, True:
        if again:
            g.reload()
        sees(g, a, o, "/", HOME, cookie, basic(), hidden=True)
        for target in PLACES:
            sees(g, a, o, target, HOME, basic(), hidden=True)
            sees(g, a, o, target, HOME, cookie, basic(), hidden=True)
    barred(g.ask(get("/", basic()), source=HOME))


@scenario("own/while-user-barred", slow=True)
def while_user_barred(t):
    """The same when strangers have failed as this user, for whoever shows the session, wherever; and for the network that has logged in."""
    a, o, g = everywhere(t)
    cookie = session(g, source=HOME)
    for source in "127.0.0.10", "127.0.0.11", "127.0.0.12", "127.0.0.13":
        fail(g, 5, source=source)
    barred(g.ask(get("/", basic()), source=STRANGER))
    g.reload()
    sees(g, a, o, "/", ELSEWHERE, cookie, basic(), hidden=True)
    for target in PLACES:
        sees(g, a, o, target, ELSEWHERE, cookie, basic(), hidden=True)
        sees(g, a, o, target, HOME, basic(), hidden=True)


@scenario("own/no-place", slow=True)
def no_place(t):
    """While more passwords wait than there are places, the own one still reaches no server."""
    a, o, g = everywhere(t, top="requests = 24")
    cookie = session(g, source=HOME)
    g.reload()
    with nobody_looks(g):
        flood = []
        for i in range(12):
            c = g.client(source=f"127.0.1.{i}")
            c.send(get("/", basic(f"user{i}", "x")))
            flood.append(c)
        check(flood[-1].final(), "HTTP/1.1 503")
        before = len(o.requests)
        friends = [g.client(source=HOME) for _ in range(8)]
        for i, c in enumerate(friends):
            c.send(get("/open/", cookie, basic("alice", f"of an application {i}")))
        c = g.client(source=HOME)
        c.send(get("/open/", cookie, basic()))
    for c in (*friends, c):
        check(c.final(), "HTTP/1.1 200")
    true(basic().partition(": ")[2] not in [v for m in o.requests[before:] for v in m.all("Authorization")], "the server saw it")


@scenario("own/two-fields")
def two_fields(t):
    """Two Authorization fields: who would say which of them counts? Nobody sees either, wherever [users] are known."""
    a, o, g = everywhere(t)
    cookie = session(g, source=HOME)
    before = len(a.requests), len(o.requests)
    app = basic("app", "its own")
    for source in HOME, STRANGER:
        for target in "/", *PLACES:
            for fields in (app, basic()), (basic(), app), ("Authorization: Bearer x", basic()), (app, "X-Between: y", basic().replace("Auth", "auth")), (basic(), basic()), ("Authorization:", basic()):
                for more in (), (cookie,):
                    check(g.ask(get(target, *fields, *more), source=source), "HTTP/1.1 400\n!Set-Cookie")
    a.sync()
    o.sync()
    equal((len(a.requests), len(o.requests)), before, "requests at servers")


# --- who has an account --------------------------------------------------------------------

@scenario("own/names-take-no-time")
def names(t):
    """Where nobody need log in, no stranger can tell our names from others by anything: nobody waits for the password process, and all passes as it came."""
    a, o, g = everywhere(t)
    bob = session(g, "bob", source=ELSEWHERE)
    check(g.ask(get("/", basic("nobody", "x")), source="127.0.0.4"), "HTTP/1.1 401")  # one who has failed
    with nobody_looks(g):
        for source in STRANGER, "127.0.0.4":
            for target in PLACES:
                for name, password in ("alice", "x"), ("nobody", "x"), ("alice", PASSWORDS["alice"]), ("bob", PASSWORDS["bob"]):
                    sees(g, a, o, target, source, basic(name, password), hidden=False)
        # nor can one user tell of another
        for name in "alice", "nobody":
            for target in "/", *PLACES:
                sees(g, a, o, target, STRANGER, bob, basic(name, "x"), hidden=False)
    g.logged("GET /sso/ ")
    true(not any("log-in" in line and "alice" in line for line in g.err.lines), "it was logged")


# --- an application's own log-in -------------------------------------------------------------

@scenario("own/many-of-an-application", slow=True)
def many(t):
    """A household of devices, each with a password of its own for an application that knows the same names: none is a failure, and nobody is kept out for it."""
    a, o, g = everywhere(t)
    cookie = session(g, source=HOME)
    mark = g.mark()
    for i in range(12):
        for target in "/", *PLACES:
            sees(g, a, o, target, HOME, cookie, basic("alice", f"device {i}"), hidden=False)
        for target in PLACES:
            sees(g, a, o, target, HOME, basic("alice", f"device {i} without a cookie"), hidden=False)
            sees(g, a, o, target, STRANGER, basic("bob", f"device {i}"), hidden=False)
    true(not any("log-in" in line for line in g.err.lines[mark:]), "it was logged")
    g.reload()
    for source, name in (HOME, "bob"), (STRANGER, "alice"), ("127.0.0.4", "alice"), ("127.0.0.5", "bob"):
        check(g.ask(get("/", basic(name)), source=source), "HTTP/1.1 200")
    # and a mistake of theirs is the first one
    fail(g, 2, source=STRANGER)


# --- what we say of users, and of what is asked for ---------------------------------------------

@scenario("own/spelled-fields")
def spelled(t):
    """No spelling of a field's name that a server may take for ours gets there, on any route, to any server."""
    a, o, g = everywhere(t, words="user_header = X-Remote-User")
    cookie = session(g, "bob")
    spellings = [f"X{c}Remote{c}User: alice" for c in "_.~!#$%&'*+^`|"] + ["x_remote_user: alice", "X-Remote_User: alice", "X.Remote-User: alice", "X_Forwarded.For: 10.0.0.1", "X.Forwarded.For: 10.0.0.1", "X~Real~IP: 10.0.0.1", "X.Original.URL: /x"]
    count = 0
    for i in range(0, len(spellings), 6):
        for target in "/", *PLACES:
            some = spellings[i:i + 6]
            before = len(a.requests), len(o.requests)
            check(g.ask(get(target, *some, cookie, "Connection: " + ", ".join(s.partition(":")[0] for s in some[:2]))), "HTTP/1.1 200")
            for m in [*a.requests[before[0]:], *o.requests[before[1]:]]:
                count += 1
                bad = [n for n, _ in m.fields if not re.fullmatch("[A-Za-z0-9-]+", n)]
                equal(bad, [], f"fields that a server saw at {target}")
                equal(m.all("X-Remote-User"), ["bob"] if target == "/" else [], f"who it is, at {target}")
    true(count >= 20, f"servers saw {count} requests")


@scenario("own/original-url")
def original_url(t):
    """Some frameworks take the path from a field, past all that is decided by paths: only a trusted proxy may say it, on every route, with users or without."""
    a, o = t.origin(answers=ok(b"")), t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n/open/ = {o.url} auth=none\n/net/ = {o.url} open_to=127.0.0.0/8\n/sso/ = {o.url} auth={a.url}/verify\n[site b.example]\n/ = {o.url}\n",
                top=f"{ROOM}\ntrusted = {ELSEWHERE}")
    cookie = session(g)
    said = "X-Original-URL: /admin/", "X-Rewrite-URL: /admin/"
    for host, target, *who in ("a.example", "/", cookie), ("a.example", "/open/"), ("a.example", "/net/"), ("a.example", "/sso/"), ("b.example", "/"):
        for fields in said, [f.lower() for f in said], [f.upper() for f in said], (*said, "Connection: X-Original-URL"):
            check(g.ask(get(target, *fields, *who, host=host)), "HTTP/1.1 200")
            check(o.requests[-1], f"GET {target} HTTP/1.1\n!X-Original-URL\n!X-Rewrite-URL")
        check(g.ask(get(target, *said, *who, host=host), source=ELSEWHERE), "HTTP/1.1 200")
        check(o.requests[-1], f"GET {target} HTTP/1.1\nX-Original-URL: /admin/\nX-Rewrite-URL: /admin/")


@scenario("own/original-url-asked")
def original_url_asked(t):
    """Nor does such a field choose the page of a log-in server that decides: a client's least of all, but a proxy's neither."""
    a, o = t.origin(answers=ok(b"")), t.origin()
    g = guarded(t, f"[site a.example]\n/ = {o.url} auth={a.url}/verify\n", top=f"trusted = {ELSEWHERE}", people="")
    said = "X-Original-URL: /health", "X-Rewrite-URL: /health", "X-Original-URI: /health", "X_Rewrite_URL: /health", "X.Rewrite.URL: /health"
    for source in STRANGER, ELSEWHERE:
        for fields in said, [f.lower() for f in said]:
            check(g.ask(get("/x", *fields), source=source), "HTTP/1.1 200")
            check(a.requests[-1], "GET /verify HTTP/1.1\nX-Forwarded-Uri: /x\nX-Original-URL: <scheme>://a.example/x\n!X-Rewrite-URL\n!X-Original-URI")
            true("health" not in a.requests[-1].raw.decode(), f"the log-in server was told: {a.requests[-1]!r}")
