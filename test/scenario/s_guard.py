# SPDX-License-Identifier: MIT
"""The protection holds: against every spelling, smuggled fields, methods and upgrades, on every request of a connection, and against guessing."""
import os
import re
import signal
import time

import wire
from harness import SCENARIOS, Entry, scenario
from login import AT_ONCE, PASSWORDS, basic, behind, fail, failed, guarded, name_of, page, session, set_cookie, submit, users, value
from s_tunnel import SWITCH, SWITCHED, UPGRADE
from wire import check, chunked, equal, get, http, ok, post, true

# 403: what stands behind a prefix shows what lies below it and nothing else. 301: to the same with a slash, of which nothing is served.
# What an open root would get, and what a server behind it may read as /secret/.
OPEN_ROOT = """
[site *]
/ = {o}
/secret/ = {s} auth=family
/deep/er/secret/ = {s} auth=family
/reply/ = reply:200 text=hidden-words auth=family
/go/ = redirect:/elsewhere/ auth=family
/exact = {s} auth=family
"""
SPELLED = [
    ("plain", get("/secret/x")), ("itself", get("/secret/")), ("no-slash", get("/secret"), 301), ("query", get("/secret/?x=y")), ("deep", get("/deep/er/secret/x")), ("exact", get("/exact")),
    ("encoded-slash", get("/secret%2Fx")), ("encoded-slash-lower", get("/secret%2fx")), ("encoded-slash-first", get("/%2Fsecret/x")), ("encoded-slash-dots", get("/x%2F..%2Fsecret/y")), ("backslash", get("/secret\\x")),
    ("backslash-first", get("/\\secret/x")), ("backslash-encoded", get("/secret%5Cx")), ("backslash-encoded-lower", get("/secret%5cx")), ("backslash-dots", get("/x/..%5Csecret%5Cy")), ("backslash-dots-raw", get("/x\\..\\secret\\y")),
    ("double-slash", get("//secret/x")), ("double-slash-inside", get("/deep//er/secret/x")), ("many-slashes", get("/////secret////x")), ("slashes-and-dots", get("/a/..//secret/x")),
    ("params", get("/secret;a=b/x")), ("params-empty", get("/secret;/x")), ("params-last", get("/secret;a=b")), ("params-on-dots", get("/x/..;/secret/y")), ("params-on-dot", get("/.;/secret/y")), ("params-encoded", get("/secret%3Ba=b/x")),
    ("params-slash", get("/secret/;a=b/x")), ("params-deep", get("/deep;x/er;y/secret;z/x")), ("params-first", get("/;x/secret/y")),
    ("twice-encoded", get("/%2573ecret/x")), ("twice-encoded-slash", get("/secret%252Fx")), ("twice-encoded-dots", get("/x/%252e%252e/secret/y")), ("twice-encoded-backslash", get("/secret%255Cx")),
    ("encoded-letter", get("/%73ecret/x")), ("all-encoded", get("/%73%65%63%72%65%74/x")), ("dots", get("/x/../secret/y")), ("dot", get("/./secret/y")), ("dots-encoded", get("/x/%2e%2e/secret/y")), ("dots-half", get("/x/.%2E/secret/y")),
    ("dots-over-the-root", get("/x/../secret/../secret/y")), ("dots-behind", get("/secret/x/..")), ("dots-into-and-out", get("/secret/x/../../deep/er/secret/")), ("mixed", get("/x%5C..;a/..%2F/secret%2Fy")),
    ("absolute-form", get("{scheme}://a.example/secret/x")), ("absolute-form-encoded", get("{scheme}://a.example/%73ecret/x")), ("absolute-form-slashes", get("{scheme}://a.example//secret/x")), ("absolute-form-case", get("{SCHEME}://A.Example/secret/x")),
    ("reply", get("/reply/x")), ("reply-spelled", get("/reply;x/y")), ("redirect", get("/go/x")), ("redirect-spelled", get("/%67o/x")), ("exact-spelled", get("/%65xact")), ("exact-params", get("/exact;x")), ("exact-slash", get("//exact")),
    ("1.0", get("/secret/x", version="1.0")), ("1.0-without-host", get("/secret/x", host=None, version="1.0")), ("host-with-dot", get("/secret/x", host="a.example.")), ("host-with-port", get("/secret/x", host="a.example:1")), ("host-case", get("/secret/x", host="A.EXAMPLE")),
    ("original-url", get("/x", "X-Original-URL: /secret/x"), 200), ("rewrite-url", get("/x", "X-Rewrite-URL: /secret/x"), 200),
    ("null", get("/secret%00/x"), 400), ("harmless", get("/secrets/x"), 200), ("harmless-query", get("/x?/secret/x"), 200), ("harmless-params", get("/x;y=secret/z"), 200), ("harmless-case", get("/SECRET/x"), 200),
]


def spelled(t, config, cases):
    """cases: name, request and status, 401 unless said. With 401 no server sees a byte of it, and with a password it goes somewhere."""
    o, s = t.origin(answers=ok(b"open")), t.origin(answers=ok(b"secret"))
    g = guarded(t, config.format(o=o.url, s=s.url))
    for name, request, *status in cases:
        status = status[0] if status else 401
        request = request.replace(b"{scheme}", wire.SCHEME.encode()).replace(b"{SCHEME}", wire.SCHEME.upper().encode())
        with t.row(name) as wanted:
            if not wanted:
                continue
            before = len(o.requests), len(s.requests), len(o.links), len(s.links)
            m = g.ask(request)
            true(b"secret" != m.body and b"hidden-words" not in m.body, f"it got through: {m!r}")
            check(m, f"HTTP/1.1 {status}")
            if status == 401:
                check(m, 'HTTP/1.1 401\nWWW-Authenticate: ~Basic realm="family".*\n!Location')
                o.sync()
                s.sync()
                equal((len(o.requests), len(s.requests), len(o.links), len(s.links)), before, "requests and links of servers")
                m = g.ask(request.replace(b"\r\n\r\n", b"\r\n" + basic().encode() + b"\r\n\r\n", 1))
                true(m.status in (200, 302, 308, 307, 301), f"with a password: {m!r}")


def spellings(name, config, cases):
    SCENARIOS.append(Entry(name, lambda t: spelled(t, config, cases), rows=[c[0] for c in cases]))


spellings("guard/spelling", OPEN_ROOT, SPELLED)

# The other way round: what is open is only that.
spellings("guard/open-below", """
[site *]
auth = family
/ = {s}
/open/ = {o} auth=none
/open/not/ = {s} auth=family
/assets/ = {o}/static/ auth=none
""", [
    ("open", get("/open/x"), 200), ("open-itself", get("/open/"), 200), ("assets", get("/assets/x"), 200),
    ("out-by-dots", get("/open/../x")), ("out-by-dots-encoded", get("/open/%2e%2e/x")), ("out-by-slash", get("/open/..%2Fx"), 403), ("out-by-backslash", get("/open/..%5Cx"), 403), ("out-by-backslash-raw", get("/open/..\\x"), 403),
    ("out-by-params", get("/open/..;/x"), 403), ("out-by-params-more", get("/open/..;a=b/x"), 403), ("out-twice", get("/open/%252e%252e/x"), 403), ("out-twice-slash", get("/open/..%252Fx"), 403),
    ("in-not", get("/open/not/x")), ("in-not-slash", get("/open/not%2Fx")), ("in-not-double", get("/open//not/x")), ("in-not-params", get("/open/not;x/y")), ("in-not-twice", get("/open/%256eot/x")), ("in-not-backslash", get("/open/not\\x")),
    ("longer", get("/openx")), ("no-slash-before", get("/opennot/x")), ("root", get("/")), ("unknown", get("/none/such")), ("double-first", get("//open/x")), ("in-query", get("/x?/open/")), ("open-encoded-slash", get("/open%2Fx")),
    ("params-on-open", get("/open;x/y")), ("case", get("/OPEN/x")), ("harmless-slash", get("/open/a%2Fb"), 200), ("harmless-params", get("/open/a;b"), 200), ("harmless-double", get("/open//x"), 200),
])


@scenario("guard/out-of-a-mapped-prefix")
def mapped(t):
    """No spelling leaves an open prefix, with a password or without."""
    o, s = t.origin(), t.origin()
    g = guarded(t, f"[site *]\nauth = family\n/ = {s.url}\n/assets/ = {o.url}/static/ auth=none\n")
    for target in "/assets/..%2Fx", "/assets/..;/x", "/assets/..\\x", "/assets/%252e%252e/x", "/assets/a/..%2F..%2Fx":
        m = g.ask(get(target))
        true(m.status in (401, 403), f"{target}: {m!r}")
    o.nothing()
    s.nothing()


@scenario("guard/host")
def host(t):
    """A host's other spellings are the same site; a host that nobody has is nobody's way in."""
    o, s = t.origin(), t.origin(answers=ok(b"secret"))
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {s.url}\n[site *]\n/ = {o.url}\n[site *.wild.example.org]\nauth = family\n/ = {s.url}\n")
    for name in "a.example", "A.EXAMPLE", "a.Example", "a.example.", "A.example.:80", "a.example:80", "a.example:99", "x.wild.example.org", "X.Wild.Example.Org.", "x.y.wild.example.org":
        check(g.ask(get("/", host=name)), "HTTP/1.1 401")
        check(g.ask(get(f"{wire.SCHEME}://{name}/", host=name)), "HTTP/1.1 401")
    s.nothing()
    if wire.SCHEME == "http":  # over TLS it is the site that the handshake was for
        check(g.ask(get("http://a.example/", host="b.example")), "HTTP/1.1 401")
        check(g.ask(get("http://b.example/", host="a.example")), "HTTP/1.1 200")
        check(o.requests[-1], "GET / HTTP/1.1\nHost: b.example")
    for name in "a.example..", "a.example/", "a.example@b", "b.example, a.example", "a%2Eexample", "a.example\tx", "a_example x":
        m = g.ask(get("/", host=name))
        true(m.status in (400, 421, 200) and b"secret" not in m.body, f"{name}: {m!r}")
    m = g.ask(get("/", "Host: b.example", host="a.example"))
    check(m, "HTTP/1.1 400")
    for field in "X-Forwarded-Host: b.example", "X-Host: b.example", "Forwarded: host=b.example", "X-Original-Host: b.example":
        check(g.ask(get("/", field)), "HTTP/1.1 401")
    s.nothing()


@scenario("guard/fields")
def fields(t):
    """What a client says about itself is nobody's word: neither to gateway nor to the server."""
    o, g = behind(t, "user_header = X-Remote-User\nopen_to = 10.0.0.0/8")
    lies = ["X-Forwarded-For: 10.1.1.1", "X-Real-IP: 10.1.1.1", "Forwarded: for=10.1.1.1", "X-Remote-User: alice", "X_Remote_User: alice", "Remote-User: alice", "X-Forwarded-User: alice", "X-Forwarded-Proto: https",
            "Connection: X-Remote-User, X-Forwarded-For", "Proxy-Authorization: " + basic().partition(" ")[2], "X-Authorization: " + basic().partition(" ")[2], "X_Forwarded_For: 10.1.1.1"]
    for lie in lies:
        check(g.ask(get("/", lie)), "HTTP/1.1 401")
    check(g.ask(get("/", *lies[:4])), "HTTP/1.1 401")
    o.nothing()
    for credentials in basic("bob"), session(g, "bob"):
        check(g.ask(get("/", *lies[:8], credentials)), "HTTP/1.1 200")
        check(o.requests[-1], "GET / HTTP/1.1\nX-Remote-User: bob\n!X_Remote_User\nX-Forwarded-For: 127.0.0.1\nX-Real-IP: 127.0.0.1\n!X-Forwarded-User\n!Forwarded")
        # a client cannot name away what tells the server who it is
        check(g.ask(get("/", credentials, "Connection: X-Remote-User, X-Forwarded-For, Authorization, Cookie", "X-Remote-User: alice")), "HTTP/1.1 200")
        check(o.requests[-1], "GET / HTTP/1.1\nX-Remote-User: bob\nX-Forwarded-For: 127.0.0.1\n!Authorization\n!Cookie")


@scenario("guard/fields-smuggled")
def fields_smuggled(t):
    """Credentials that two parsers could read differently."""
    o, g = behind(t)
    pair = basic().partition(": ")[2]
    for text in [f"Authorization : {pair}", f" Authorization: {pair}", f"X: y\n Authorization: {pair}", f"X: y\rAuthorization: {pair}", f"Authorization: {pair[:10]}\n {pair[10:]}", f"Authorization:\x0b{pair}", f"Authorization_: {pair}", f"Authorization: {pair}\0"]:
        data = b"GET / HTTP/1.1\r\nHost: a.example\r\n" + text.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n"
        m = g.ask(data)
        true(m.status in (400, 401), f"{text!r}: {m!r}")
    o.nothing()


METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE", "LINK", "FOO", "get", "Get", "GETT", "X-Y", "M-SEARCH", "PRI"]


@scenario("guard/methods")
def methods(t):
    """No method passes, and none gets a byte of content; with the cookie each goes on or is refused for its own sake."""
    o, g = behind(t, answers=ok(b"secret"))
    for method in [*METHODS, "TRACE", "CONNECT"]:
        target = "a.example:443" if method == "CONNECT" else "/"
        m = g.ask(get(target, method=method))
        true(m.status == 401 or m.status in (400, 405, 501) and method in ("TRACE", "CONNECT", "PRI"), f"{method}: {m!r}")
        true(b"secret" not in m.raw + m.body, f"{method}: {m!r}")
        if method == "HEAD":
            equal(m.body, b"")
    for method in "OPTIONS", "GET":
        m = g.ask(get("*", method=method))
        true(m.status in (200, 204, 400, 401), f"{method} *: {m!r}")
    # a browser's question beforehand carries no credentials; it is asked like any other
    check(g.ask(get("/", "Origin: http://evil.example", "Access-Control-Request-Method: PUT", method="OPTIONS")), "HTTP/1.1 401\n!Access-Control-Allow-Origin")
    for override in "X-HTTP-Method-Override: GET", "X-Method-Override: OPTIONS", "X-HTTP-Method: HEAD":
        check(g.ask(post(b"x", override)), "HTTP/1.1 401")
    o.nothing()
    cookie = session(g)
    for method in METHODS[:20]:
        m = g.ask(get("/", cookie, method=method))
        check(m, "HTTP/1.1 200")
        equal(o.requests[-1].method, method)


@scenario("guard/no-content")
def no_content(t):
    """The refusal says nothing of what is behind it: the same for what is there and for what is not, for each kind of route."""
    o, dead = t.origin(answers=ok(b"the secret", "X-Secret: 1", "ETag: \"1\"", "Content-Type: text/secret")), t.dead()
    g = guarded(t, f"""[site a.example]
auth = family
header = X-Site: yes
/ = {o.url}
/dead/ = {dead.url}
/reply/ = reply:200 text="the secret" type=text/secret
/no/ = reply:204
/go/ = redirect:https://secret.example/
""")
    seen = set()
    for target in "/", "/none", "/dead/", "/reply/", "/no/", "/go/":
        m = g.ask(get(target, 'If-None-Match: "1"', "Range: bytes=0-1"))
        check(m, "HTTP/1.1 401\n!ETag\n!X-Secret\n!Location\n!Set-Cookie\n!Accept-Ranges")
        true(b"secret" not in m.raw + m.body, f"{m!r}")
        seen.add(re.sub(rb"request [0-9a-z]+", b"", m.body))
    equal(len(seen), 1, f"different pages: {seen}")
    o.nothing()


@scenario("guard/upgrade")
def upgrade(t):
    """No tunnel without a password: 401, and what follows on the connection is asked again. With the cookie alone there is one."""
    o, g = behind(t, script=serve_both)
    c = g.client()
    c.send(get("/ws", *UPGRADE))
    m = c.response()
    check(m, "HTTP/1.1 401\n!Upgrade")
    if not m.lists("Connection", "close"):
        check(c.ask(get("/x")), "HTTP/1.1 401")
    # bytes of the tunnel sent ahead are no request that passes
    c = g.client()
    c.send(get("/ws", *UPGRADE) + b"\x81\x05hello" + get("/x", basic()))
    check(c.response(), "HTTP/1.1 401")
    rest = c.ends()
    true(b"101" not in rest.partition(b"\r\n")[0], f"{rest}")
    for extra in ("Connection: upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), ("Connection: Upgrade", "Upgrade: foo/2"):
        check(g.ask(get("/ws", *extra)), "HTTP/1.1 401")
    o.sync()
    equal(o.requests, [], "requests at the origin")
    check(g.ask(get("/x", basic("alice", "wrong"), *UPGRADE)), "HTTP/1.1 401")
    cookie = session(g)
    for credentials in cookie, basic():  # Safari sends no Authorization with a WebSocket
        c = g.client()
        c.send(get("/ws", credentials, *UPGRADE))
        m = c.response()
        check(m, SWITCHED)
        check(o.requests[-1], "GET /ws HTTP/1.1\n!Cookie\n!Authorization\nUpgrade: websocket")
        c.send(b"\x81\x05hello").expect(b"\x81\x05hello")
        c.finish()
    g.logged(r'^127\.0\.0\.1 - alice \[[^]]*\] "GET /ws HTTP/1.1" 101 ')


def serve_both(link):
    """Tunnels and ordinary requests."""
    while (m := link.request()) is not None:
        if not m.all("Upgrade"):
            link.send(ok())
            continue
        link.send(SWITCH)
        while link.got or link.fill():
            data, link.got = link.got, b""
            link.send(data)
        return


@scenario("guard/upgrade-refused")
def upgrade_refused(t):
    """A server that refuses the upgrade leaves an ordinary connection, on which the next request is asked as ever."""
    o, g = behind(t, answers=ok(b"no", status="400 Bad Request"))
    cookie = session_of(g, o)
    c = g.client()
    check(c.ask(get("/ws", cookie, *UPGRADE)), "HTTP/1.1 400\n\nno")
    before = len(o.requests)
    m = c.ask(get("/x"))
    check(m, "HTTP/1.1 401")
    equal(len(o.requests), before)


def session_of(g, o):
    """A session although the server answers with errors."""
    found = set_cookie(g.ask(get("/", basic())))
    true(found, "no session began")
    return f"Cookie: {name_of()}={found[0]}"


@scenario("guard/each-request")
def each_request(t):
    """Who was let in with one request is not with the next one: kept alive, pipelined, in any order."""
    o, g = behind(t, "user_header = X-Remote-User")
    c = g.client()
    alice, bob = session(g), basic("bob")
    before = len(o.requests)
    for fields, who in ([alice], "alice"), ([], None), ([bob], "bob"), ([], None), ([alice], "alice"), (["Cookie: x=y"], None), ([basic("bob", "wrong")], None), ([bob], "bob"):
        m = c.ask(get("/", *fields))
        check(m, f"HTTP/1.1 {200 if who else 401}")
        if who:
            check(o.requests[-1], f"GET / HTTP/1.1\nX-Remote-User: {who}")
        if m.lists("Connection", "close"):
            c.close()
            c = g.client()
    equal(len(o.requests) - before, 4, "requests at the origin")
    before = len(o.requests)
    c = g.client()
    c.send(get("/1", alice) + get("/2") + get("/3", bob) + get("/4") + get("/5", alice))
    for status in 200, 401, 200, 401, 200:
        m = c.final()
        check(m, f"HTTP/1.1 {status}")
        if m.lists("Connection", "close"):
            break
    seen = [(m.target, m.get("X-Remote-User")) for m in o.requests[before:]]
    equal(seen, [("/1", "alice"), ("/3", "bob"), ("/5", "alice")][:len(seen)], "requests at the origin")
    # other connections are other clients
    check(g.ask(get("/")), "HTTP/1.1 401")


@scenario("guard/refused-body")
def refused_body(t):
    """The body of a request that was refused is not the next request, however it is framed or broken off."""
    o, g = behind(t, answers=ok(b"secret"))
    inner = get("/inner", basic())
    for data in post(inner), http("POST / HTTP/1.1\nHost: a.example\nTransfer-Encoding: chunked\n\n") + chunked(inner), post(b"x" * 60000 + inner), http("POST / HTTP/1.1\nHost: a.example\nExpect: 100-continue\nContent-Length: 500\n\n"):
        c = g.client()
        try:
            c.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        m = c.response("POST")
        check(m, "HTTP/1.1 401")
        try:
            c.send(get("/after"))
            rest = c.got
            m = c.head()
            true(m is None or m.status == 401, f"after {data[:60]}: {m!r} {rest}")
        except (BrokenPipeError, ConnectionResetError):
            pass
        c.close()
    o.nothing()
    # and one that may pass is whole
    check(g.ask(post(inner, basic())), "HTTP/1.1 200")
    equal(o.requests[-1].body, inner)
    if not t.tiny:
        check(g.ask(post(b"x" * 300000, basic("bob"))), "HTTP/1.1 200")
        equal(len(o.requests[-1].body), 300000)


@scenario("guard/waits-with-body")
def waits_with_body(t):
    """A password that is looked at takes a moment; the body that comes meanwhile waits and is whole, and pipelined requests stay in order."""
    o, g = behind(t)
    c = g.client()
    bodies = [bytes([65 + i]) * 3000 for i in range(6)]
    for i, body in enumerate(bodies):
        c.send(post(body, basic("alice" if i % 2 else "bob"), target=f"/{i}"))
    for _ in bodies:
        check(c.final("POST"), "HTTP/1.1 200")
    equal([(m.target, m.body) for m in o.requests], [(f"/{i}", b) for i, b in enumerate(bodies)])
    # who leaves while it is looked at leaves nothing behind
    for i in range(5):
        c = g.client()
        c.send(get("/left", basic("alice", f"x{i}")))
        c.reset()
    check(g.ask(get("/", session(g, source="127.0.0.2")), source="127.0.0.2"), "HTTP/1.1 200")


@scenario("guard/two-guards")
def two_guards(t):
    """A path that may be read as either of two protected places has to satisfy both."""
    o, s = t.origin(), t.origin()
    g = guarded(t, f"[site a.example]\n/ = {o.url}\n/a/ = {s.url} auth=family require=\"alice eve\"\n/b/ = {s.url} auth=family require=\"bob eve\"\n/w/ = {s.url} auth=work\n", people=users(eve="e") + users("work", {"carl": "3"}))
    alice, bob, eve = session(g, target="/a/"), session(g, "bob", target="/b/"), session(g, "eve", "e", target="/b/")
    carl = session(g, "carl", "3", label="work", target="/w/")
    # a backslash alone may be a slash: /a/; both may: /b/
    for target in "/a%5C..%2Fb/x", "/b%5C..%2Fa/x", "/a\\..%2Fb/x", "/a%2F..%5Cb/x":
        before = len(o.requests), len(s.requests)
        for who in alice, bob, carl, basic(), basic("bob"), f"{alice}; {carl.partition(' ')[2]}":
            m = g.ask(get(target, who))
            true(m.status in (401, 403), f"{target} with {who[:40]}: {m!r}")
        equal((len(o.requests), len(s.requests)), before, "requests at servers")
        check(g.ask(get(target, eve)), "HTTP/1.1 200")
    before = len(o.requests), len(s.requests)
    for target in "/a%5C..%2Fw/x", "/w%5C..%2Fa/x", "/a/..%2Fw/x", "/w/..;/a/x":
        for who in alice, carl, eve, f"{alice}; {carl.partition(' ')[2]}":  # nobody can be asked for two at once
            m = g.ask(get(target, who))
            true(m.status in (401, 403), f"{target} with {who[:40]}: {m!r}")
    equal((len(o.requests), len(s.requests)), before, "requests at servers")
    for target, who in ("/a/x", alice), ("/b/x", bob), ("/w/x", carl):
        check(g.ask(get(target, who)), "HTTP/1.1 200")


@scenario("guard/when-and-auth")
def when(t):
    """A condition decides which route it is, not whether one is asked: its own protection and that of the place both hold."""
    o, s = t.origin(), t.origin(answers=ok(b"secret"))
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {s.url}\n/hook/ = {o.url} when=method:POST auth=none\n/ = {o.url} when=header:X-Mock:yes\n")
    check(g.ask(post(b"x", target="/hook/")), "HTTP/1.1 200")
    check(g.ask(get("/hook/")), "HTTP/1.1 401")
    check(g.ask(get("/", "X-Mock: yes")), "HTTP/1.1 401")
    s.nothing()


@scenario("guard/passwords-not-logged")
def not_logged(t):
    """No password, hash or cookie is in any log, right or wrong."""
    o, g = behind(t, "login = form")
    cookie = session(g)
    g.ask(get("/", basic("alice", "hunter2")))
    g.ask(submit("alice", "hunter3"))
    g.ask(submit())
    g.ask(get("/", cookie))
    g.ask(get("/last", "Authorization: Basic aHVudGVyNA=="))
    g.logged("GET /last ")
    for line in g.err.lines:
        true(not re.search(r"hunter|wonder|\$5\$|aHVudGVy", line) and value(cookie) not in line, f"logged: {line}")


@scenario("guard/processes")
def processes(t):
    """The password process dies and comes back; meanwhile nobody gets in who should not, and sessions need it not."""
    o, g = behind(t)
    cookie = session(g)
    found = [pid for pid in g.processes() if pid not in g.workers()]
    true(len(found) == 2, f"helpers: {found}")
    g.deaths = True
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    t.until(lambda: not set(found) & set(g.processes()) and len(g.processes()) == 3, "they are replaced")
    check(g.ask(get("/", cookie)), "HTTP/1.1 200")
    check(g.ask(get("/", basic("bob", "wrong"))), "~HTTP/1\\.1 (401|503) .*")
    t.until(lambda: g.ask(get("/", basic("bob"))).status == 200, "bob gets in")
    g.remember()


# --- guessing -------------------------------------------------------------------------

def barred(m):
    check(m, "HTTP/1.1 429 Too Many Requests\nRetry-After: ~[1-9][0-9]*\n!Set-Cookie\nCache-Control: ~.*no-store.*")
    return int(m.get("Retry-After"))


@scenario("guard/guessing", slow=True)
def guessing(t):
    """After ten failures an address has to wait, with the right password too; others get in, so do sessions; each failure is a line of the log."""
    o, g = behind(t, route="", top="requests = 64")
    cookie = session(g, source="127.0.0.9")
    before, mark = len(o.requests), g.mark()
    fail(g, 10, source="127.0.0.9", first=0)
    waits = [barred(g.ask(get("/", basic("alice", p)), source="127.0.0.9")) for p in ("eleventh", PASSWORDS["alice"])]
    true(all(1 <= w <= 120 for w in waits), f"Retry-After: {waits}")
    barred(g.ask(get("/", basic("bob")), source="127.0.0.9"))
    equal(len(o.requests), before, "requests at the origin")
    equal(len([line for line in g.err.lines[mark:] if re.search(failed("127.0.0.9"), line)]), 10, "lines of failed log-ins")
    g.logged(r'too many failed log-ins from 127\.0\.0\.9 as "alice" on site a\.example$', mark)
    g.logged(r'too many failed log-ins from 127\.0\.0\.9 as "bob" on site a\.example$', mark)
    # who has a session, or does not try, is not barred
    check(g.ask(get("/", cookie), source="127.0.0.9"), "HTTP/1.1 200")
    check(g.ask(get("/"), source="127.0.0.9"), "HTTP/1.1 401")
    # an application's own log-in is no attempt
    for own in "Authorization: Bearer x", basic("app", "its own"), basic("alice", "the application's"):
        check(g.ask(get("/", cookie, own), source="127.0.0.9"), "HTTP/1.1 200")
        check(o.requests[-1], f"GET / HTTP/1.1\n{own}")
    check(g.ask(get("/", cookie, basic()), source="127.0.0.9"), "HTTP/1.1 200")
    check(o.requests[-1], "GET / HTTP/1.1\n!Authorization")
    check(g.ask(get("/", basic()), source="127.0.0.2"), "HTTP/1.1 200")
    check(g.ask(get("/", basic("bob"))), "HTTP/1.1 200")
    # a reload forgets nothing
    g.reload()
    barred(g.ask(get("/", basic()), source="127.0.0.9"))


@scenario("guard/guessing-held-back", slow=True)
def held_back(t):
    """Answers to wrong passwords come later and later; a right one in between begins anew; others are served meanwhile."""
    o, g = behind(t)
    took = []
    for i in range(4):
        start = time.monotonic()
        fail(g, 1, first=i)
        took.append(time.monotonic() - start)
    true(took[2] >= 0.9 and took[3] >= 1.9, f"seconds: {took}")  # never earlier; how much later is the machine's
    check(g.ask(get("/", basic())), "HTTP/1.1 200")
    start = time.monotonic()
    fail(g, 2, first=10)
    fail(g, 1, first=12)
    true(time.monotonic() - start >= 0.9, "the third one comes at once")
    # one answer is held back while another client comes and goes
    slow, quick = g.client(), []
    slow.send(get("/", basic("alice", "fourth")))
    for _ in range(5):
        check(g.ask(get("/", basic("bob")), source="127.0.0.2"), "HTTP/1.1 200")
    slow.sock.settimeout(0.001)
    true(not slow.got, "it came before the others")
    slow.sock.settimeout(wire.WAIT)
    check(slow.final(), "HTTP/1.1 401")


@scenario("guard/guessing-user", slow=True)
def guessing_user(t):
    """Twenty failures of one user from anywhere: strangers have to wait a little for this name, not for others; who has logged in before does not."""
    o, g = behind(t, top="requests = 64")
    check(g.ask(get("/", basic()), source="127.0.0.2"), "HTTP/1.1 200")
    for source in "127.0.0.10", "127.0.0.11", "127.0.0.12", "127.0.0.13":
        fail(g, 5, source=source)
    wait = barred(g.ask(get("/", basic()), source="127.0.0.14"))
    true(1 <= wait <= 60, f"Retry-After: {wait}")
    check(g.ask(get("/", basic("bob")), source="127.0.0.14"), "HTTP/1.1 200")
    check(g.ask(get("/", basic()), source="127.0.0.2"), "HTTP/1.1 200")


@scenario("guard/guessing-form", slow=True)
def guessing_form(t):
    """The same by the form, with a page that says so; failures by form and by dialog are counted together."""
    o, g = behind(t, "login = form", top="requests = 64")
    for first in 0, AT_ONCE:
        clients = []
        for i in range(first, first + AT_ONCE):
            c = g.client(source="127.0.0.9")
            c.send(submit("alice", f"wrong {i}", "/x?y") if i % 2 else get("/", basic("alice", f"wrong {i}")))
            clients.append((c, "POST" if i % 2 else "GET"))
        for c, method in clients:
            check(c.final(method), "HTTP/1.1 401\n!Set-Cookie")
    m = g.ask(submit(to="/x?y"), source="127.0.0.9")
    barred(m)
    check(m, "HTTP/1.1 429\nContent-Type: text/html; charset=utf-8\n\n~(?i)too many|again")
    barred(g.ask(get("/", basic()), source="127.0.0.9"))
    check(g.ask(page("/x"), source="127.0.0.9"), "HTTP/1.1 401")
    check(g.ask(submit(), source="127.0.0.2"), "HTTP/1.1 303")


@scenario("guard/guessing-proxied", slow=True)
def guessing_proxied(t):
    """It is the client that is counted, as trusted proxies name it; nobody gets others barred, or himself not, by naming addresses."""
    o, g = behind(t, top="trusted = 127.0.0.2\nrequests = 64")

    def ask(source, forwarded, *credentials):
        return g.ask(get("/", f"X-Forwarded-For: {forwarded}", *credentials), source=source)

    def wrong(source, forwarded):
        for name in "alice", "bob":
            clients = [g.client(source=source) for _ in range(AT_ONCE)]
            for i, c in enumerate(clients):
                c.send(get("/", f"X-Forwarded-For: {forwarded.format(i=i)}", basic(name, f"wrong {i} {source}")))
            for c in clients:
                check(c.final(), "HTTP/1.1 401")
    wrong("127.0.0.2", "203.0.113.7")
    barred(ask("127.0.0.2", "203.0.113.7", basic()))
    barred(ask("127.0.0.2", "198.51.100.1, 203.0.113.7", basic()))
    check(ask("127.0.0.2", "203.0.113.8", basic()), "HTTP/1.1 200")
    check(ask("127.0.0.3", "203.0.113.7", basic("bob")), "HTTP/1.1 200")  # his word does not count, nor is he that
    g.logged(failed("203.0.113.7"))
    wrong("127.0.0.3", "192.0.2.{i}")
    barred(ask("127.0.0.3", "192.0.2.77", basic()))
    check(ask("127.0.0.2", "192.0.2.1", basic("bob")), "HTTP/1.1 200")


@scenario("guard/guessing-ip6", slow=True)
def guessing_six(t):
    """IPv6 clients are counted by /64."""
    o, g = behind(t, top="trusted = 127.0.0.2\nrequests = 64")
    for first in 0, AT_ONCE:
        clients = [g.client(source="127.0.0.2") for _ in range(AT_ONCE)]
        for i, c in enumerate(clients):
            c.send(get("/", f"X-Forwarded-For: 2001:db8:1:2:{first + i}::1", basic("alice", f"wrong {first + i}")))
        for c in clients:
            check(c.final(), "HTTP/1.1 401")
    barred(g.ask(get("/", "X-Forwarded-For: 2001:db8:1:2:ffff::9", basic("bob")), source="127.0.0.2"))
    check(g.ask(get("/", "X-Forwarded-For: 2001:db8:1:3::1", basic("bob")), source="127.0.0.2"), "HTTP/1.1 200")


@scenario("guard/guessing-open-to")
def guessing_open(t):
    """From an address of open_to nothing counts as a try, and so nobody there is ever barred."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\nopen_to = 127.0.0.2\n/ = {o.url}\n/strict/ = {o.url} open_to=127.0.0.77\n")
    mark = g.mark()
    for i in range(15):
        check(g.ask(get("/", basic("alice", f"wrong {i}")), source="127.0.0.2"), "HTTP/1.1 200")
    check(g.ask(get("/strict/", basic()), source="127.0.0.2"), "HTTP/1.1 200")
    true(not any("log-in" in line for line in g.err.lines[mark:]), "it was logged as a failed one")


@scenario("guard/guessing-bystanders", slow=True)
def bystanders(t):
    """A flood of wrong passwords from many addresses: others with sessions and on open routes are served throughout."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n/open/ = {o.url} auth=none\n", top="requests = 64")
    cookie = session(g, source="127.0.0.2")
    flood = []
    for i in range(30):
        c = g.client(source=f"127.0.{1 + i // 5}.{1 + i % 5}")
        c.send(get("/", basic(f"user{i}", f"wrong {i}")))
        flood.append(c)
    for _ in range(10):
        check(g.ask(get("/", cookie), source="127.0.0.2"), "HTTP/1.1 200")
        check(g.ask(get("/open/"), source="127.0.0.3"), "HTTP/1.1 200")
    for c in flood:
        m = c.final()
        true(m.status in (401, 429, 503), f"{m!r}")
    check(g.ask(get("/", basic("bob")), source="127.0.0.2"), "HTTP/1.1 200")


@scenario("guard/log-injection")
def log_injection(t):
    """A name cannot write lines of its own into the log, nor pose as another address."""
    o, g = behind(t)
    mark = g.mark()
    for name in 'x" on site y\nfailed log-in from 10.0.0.1 as "z', 'a"b\\c', "\x1b[2J", "\u202e", "x" * 120, '1.2.3.4 as "':
        check(g.ask(get("/", basic(name, "x")), source="127.0.0.2"), "~HTTP/1\\.1 (401|429) .*")
        check(g.ask(get("/", basic())), "HTTP/1.1 200")
    check(g.ask(get("/", basic("last", "x")), source="127.0.0.3"), "HTTP/1.1 401")
    g.logged(failed("127.0.0.3", "last"), mark)
    for line in g.err.lines[mark:]:
        true(not re.match(r"(\S+ )?failed log-in from 10\.", line) and "\x1b" not in line, f"{line!r}")
        if "log-in" in line:
            true(re.search(r'log-ins? from 127\.0\.0\.[23] as ("[^"\\]*(\\.[^"\\]*)*"|"[^"]*") on site a\.example$', line), f"{line!r}")
