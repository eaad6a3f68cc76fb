# SPDX-License-Identifier: MIT
"""Forward-auth: a log-in server says who may pass. What it is asked, what becomes of its answer, and that nothing else lets a request through."""
import contextlib
import os
import signal
import subprocess
import threading

import harness
import wire
from harness import Skip, scenario
from login import basic, htpasswd
from s_peers import program
from wire import check, chunked, equal, get, http, ok, post, true

YES = ok(b"")
NO = http("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"x\"\nContent-Length: 2\n\nno")
EVIL = b"GET /evil HTTP/1.1\r\nHost: a.example\r\n\r\n"


def guarded(t, words="", *, answers=None, script=None, route="", path="/verify", top="", copy="", **how):
    """A log-in server, a server behind, and a gateway that asks the one for the other."""
    a = t.origin(script, answers=YES if answers is None else answers)
    o = t.origin(answers=ok(b"inside"))
    copy = f"copy = {copy}\n" if copy else ""
    return a, o, t.gateway(f"[site *]\nauth = {a.url}{path}\n{copy}{words}\n/ = {o.url} {route}\n", top=top, **how)


def closing(data):
    """An answer after which the connection ends, whoever ends it."""
    def say(link, m):
        with contextlib.suppress(OSError):
            link.send(data)
            link.finish()
        link.ends()
    return say


def never(o):
    """The server behind has not heard of it."""
    o.nothing()
    equal(o.requests, [], "requests at the server behind")


# --- what is asked -------------------------------------------------------------------

@scenario("consult/asks")
def asks(t):
    """A GET of the path as it is configured, with all that says what is asked for; then the request itself, as it came."""
    a, o, g = guarded(t, path="/api/verify?rd=https://login.example/", route="")
    check(g.ask(post(b"the body", "Cookie: a=b", "Authorization: Bearer c", "Accept: text/html", target="/x/./y?z=1", method="PUT")), "HTTP/1.1 200 OK\nCache-Control: private\n\ninside")
    equal(len(a.requests), 1)
    check(a.requests[0], f"""GET /api/verify?rd=https://login.example/ HTTP/1.1
Host: {a.text}
Cookie: a=b
Authorization: Bearer c
Accept: text/html
X-Forwarded-For: 127.0.0.1
X-Real-IP: 127.0.0.1
X-Forwarded-Port: {g.place.port}
X-Forwarded-Proto: <scheme>
X-Forwarded-Host: a.example
X-Forwarded-Method: PUT
X-Forwarded-Uri: /x/y?z=1
X-Original-Method: PUT
X-Original-URL: <scheme>://a.example/x/y?z=1
Via: 1.1 gateway
!Content-Length
!Transfer-Encoding
!Connection

""")
    check(o.requests[0], "PUT /x/y?z=1 HTTP/1.1\nHost: a.example\nCookie: a=b\nAuthorization: Bearer c\nContent-Length: 8\nX-Forwarded-For: 127.0.0.1\n!X-Forwarded-Uri\n!X-Original-URL\n\nthe body")


@scenario("consult/fields")
def fields(t):
    """What does not go to the log-in server, and what no client can say to it."""
    a, o, g = guarded(t, copy="Remote-User, X-Groups", route='request_header="X-Token: secret" request_header=-Cookie')
    c = g.client()
    said = ["X-Forwarded-Method: GET", "X-Forwarded-Uri: /open", "X-Original-URL: http://a.example/open", "X-Original-URI: /open", "X-Original-Method: OPTIONS", "X-Forwarded-Host: open.example", "X-Forwarded-Proto: ftp",
            "X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1", "X-Forwarded-User: root", "X-Forwarded-Prefix: /x", "Forwarded: for=10.0.0.1", "X_Forwarded_Uri: /open"]
    check(c.ask(get("/in", *said, method="DELETE")), "HTTP/1.1 200")
    check(a.requests[0], f"GET /verify HTTP/1.1\nX-Forwarded-Method: DELETE\nX-Forwarded-Uri: /in\nX-Original-URL: <scheme>://a.example/in\n!X-Original-URI\nX-Original-Method: DELETE\nX-Forwarded-Host: a.example\nX-Forwarded-Proto: <scheme>\n"
          "X-Forwarded-For: 127.0.0.1\nX-Real-IP: 127.0.0.1\n!X-Forwarded-User\n!X-Forwarded-Prefix\n!Forwarded\n!X_Forwarded_Uri")
    check(c.ask(get("/", "Connection: X-Hop, X-Forwarded-Uri, X-Original-URL, Host", "X-Hop: 1", "TE: trailers", "Keep-Alive: 5", "Proxy-Authorization: Basic x", "If-None-Match: \"a\"", "If-Modified-Since: x", "If-Match: *", "Range: bytes=0-0", "If-Range: a",
                    "Remote-User: root", "x-groups: admins", "X-Token: mine", "Cookie: a=b")), "HTTP/1.1 200")
    check(a.requests[1], f"GET /verify HTTP/1.1\nHost: {a.text}\n!X-Hop\n!TE\n!Keep-Alive\n!Proxy-Authorization\n!If-None-Match\n!If-Modified-Since\n!If-Match\n!Range\n!If-Range\n!Remote-User\n!X-Groups\nX-Token: mine\nCookie: a=b\n"
          "X-Forwarded-Uri: /\nX-Original-URL: <scheme>://a.example/")
    check(o.requests[1], "GET / HTTP/1.1\n!Remote-User\n!X-Groups\nX-Token: secret\n!Cookie\nIf-None-Match: \"a\"\nRange: bytes=0-0")
    check(c.ask(post(b"{}", "Content-Type: application/json", "Content-Encoding: identity", "Content-Language: de")), "HTTP/1.1 200")
    check(a.requests[2], "GET /verify HTTP/1.1\n!Content-Type\n!Content-Encoding\n!Content-Language\n!Content-Length\n\n")
    check(o.requests[2], "POST / HTTP/1.1\nContent-Type: application/json\nContent-Length: 2\n\n{}")


@scenario("consult/spellings")
def spellings(t):
    """It is asked for the path and host that count, however they are spelled: its own rules are compared byte by byte."""
    a, o, g = guarded(t, answers=NO)
    c = g.client()
    spelled = [("/a/../admin/x", "/admin/x"), ("/%61dmin/x", "/admin/x"), ("/admin/./x", "/admin/x"), ("/./admin/%2e/x?a=/../b", "/admin/x?a=/../b"), ("http://A.Example/admin/x", "/admin/x"), ("/admin%2fx", "/admin%2Fx")]
    for spelling, path in spelled:
        check(c.ask(get(spelling)), "HTTP/1.1 401")
        check(a.requests[-1], f"GET /verify HTTP/1.1\nX-Forwarded-Uri: {path}\nX-Original-URL: <scheme>://a.example{path}\nX-Forwarded-Host: a.example")
    for host, told in ("A.EXAMPLE", "a.example"), ("a.example.", "a.example"), ("A.example.:8443", "a.example:8443"), ("a.example:", "a.example"):
        check(c.ask(get("/", host=host)), "HTTP/1.1 401")
        check(a.requests[-1], f"GET /verify HTTP/1.1\nX-Original-URL: <scheme>://{told}/\nX-Forwarded-Host: {told}\nHost: {a.text}")
    check(c.ask(get("*", method="OPTIONS")), "HTTP/1.1 401")
    check(a.requests[-1], "GET /verify HTTP/1.1\nX-Forwarded-Uri: /\nX-Forwarded-Method: OPTIONS")
    never(o)


@scenario("consult/trusted")
def trusted(t):
    """A trusted proxy says for whom it asks and what the public address is, but not what is asked for."""
    a, o, g = guarded(t, top="trusted = 127.0.0.1")
    check(g.ask(get("/in", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: Public.Example.", "X-Forwarded-Port: 443", "X-Forwarded-Uri: /open", "X-Forwarded-Method: HEAD", "X-Original-URI: /open",
                    "X-Original-URL: https://public.example/open", "X-Forwarded-User: root")), "HTTP/1.1 200")
    check(a.requests[0], "GET /verify HTTP/1.1\nX-Forwarded-For: 203.0.113.9, 127.0.0.1\nX-Real-IP: 203.0.113.9\nX-Forwarded-Proto: https\nX-Forwarded-Host: public.example\nX-Forwarded-Port: 443\nX-Forwarded-Uri: /in\nX-Forwarded-Method: GET\n"
          "!X-Original-URI\nX-Original-URL: https://public.example/in\n!X-Forwarded-User")


@scenario("consult/old-client")
def old_client(t):
    """HTTP/1.0; without Host the log-in server would decide about its own."""
    a, o, g = guarded(t)
    check(g.ask(get("/", version="1.0")), "HTTP/1.1 200 OK\nConnection: close\n\ninside")
    check(a.requests[0], "GET /verify HTTP/1.1\nX-Forwarded-Host: a.example")
    check(g.ask(get("/", version="1.0", host=None)), "HTTP/1.1 400")
    equal([len(a.requests), len(o.requests)], [1, 1])


@scenario("consult/prefix")
def prefix(t):
    """It is asked for the public path, before a prefix is taken away; a redirect comes back to that."""
    a, o = t.origin(), t.origin()
    g = t.gateway(f"[site *]\nauth = {a.url}/verify\n/nas/ = {o.url}/base/\n")
    check(g.ask(get("/nas/x?y")), "HTTP/1.1 200")
    check(a.requests[0], "GET /verify HTTP/1.1\nX-Forwarded-Uri: /nas/x?y\n!X-Forwarded-Prefix")
    check(o.requests[0], "GET /base/x?y HTTP/1.1\nX-Forwarded-Prefix: /nas")


@scenario("consult/where")
def where(t):
    """On a Unix socket, without a path, by a name with several addresses of which one works."""
    a, b = t.origin(place=t.unix(), answers=YES), t.origin()
    o = t.origin(answers=ok(b"inside"))
    name, off = b.url.replace("127.0.0.1", "localhost"), " verify=off" if b.place.secure else ""
    g = t.gateway(f"[site *]\nauth = {a.url}\n/ = {o.url}\n/b/ = {o.url} auth={name}/b{off}\n")
    check(g.ask(get("/")), "HTTP/1.1 200 OK\n\ninside")
    check(a.requests[0], "GET / HTTP/1.1\nHost: localhost\nX-Forwarded-Uri: /")
    check(g.ask(get("/b/")), "HTTP/1.1 200 OK\n\ninside")
    check(b.requests[0], f"GET /b HTTP/1.1\nHost: localhost:{b.place.port}\nX-Forwarded-Uri: /b/")


# --- yes -----------------------------------------------------------------------------

@scenario("consult/every-2xx")
def every_2xx(t):
    a, o, g = guarded(t)
    c = g.client()
    for answer in (ok(), ok(b"Authenticated", status="202 Accepted"), http("HTTP/1.1 204 No Content\n\n"), ok(b"", status="206 Partial Content"), http("HTTP/1.1 299 x\nTransfer-Encoding: chunked\n\n", chunked(b"yes", b"!")),
                   closing(http("HTTP/1.0 200 OK\n\n", b"until the end")), closing(http("HTTP/1.1 200 OK\nConnection: close\nContent-Length: 1\n\n", b"x"))):
        a.answers(answer)
        check(c.ask(post(b"some", target="/p")), "HTTP/1.1 200 OK\n\ninside")
        check(o.requests[-1], "POST /p HTTP/1.1\n\nsome")
    equal([len(a.requests), len(o.requests)], [7, 7])


@scenario("consult/copy")
def copy(t):
    """The named fields of its answer go to the server, all of a name, in the place of the client's; nothing else of it goes anywhere."""
    a, o, g = guarded(t, copy="Remote-User, Remote-Groups, Remote-Name, Set-Cookie, Authorization")
    c = g.client()
    a.answers(ok(b"", "remote-USER: alice", "Remote-Groups: a, b", "Remote-Groups: c", "Remote-Email: d", "Set-Cookie: s=1; Path=/", "Set-Cookie: t=2", "Authorization: Basic fixed", "Location: /x", "Cache-Control: no-store"))
    o.answers(ok(b"inside", "Set-Cookie: own=3"))
    m = c.ask(get("/", "Remote-User: root", "Remote-Name: root", "REMOTE-groups: admins", "Remote-Email: client", "Authorization: Bearer client"))
    check(m, "HTTP/1.1 200 OK\nSet-Cookie: own=3 && s=1; Path=/ && t=2\n!Location\n!Remote-User\nCache-Control: private\n\ninside")
    check(a.requests[0], "GET /verify HTTP/1.1\nAuthorization: Bearer client\n!Remote-User")
    check(o.requests[0], "GET / HTTP/1.1\nRemote-User: alice\nRemote-Groups: a, b && c\n!Remote-Name\nRemote-Email: client\n!Set-Cookie\nAuthorization: Basic fixed")
    a.answers(ok(b"", "Remote-User: bob"))
    o.answers(ok(b"inside"))
    check(c.ask(get("/", "Authorization: Bearer client")), "HTTP/1.1 200 OK\n!Set-Cookie")  # nothing is left of the one before
    check(o.requests[1], "GET / HTTP/1.1\nRemote-User: bob\n!Remote-Groups\n!Authorization")


@scenario("consult/copies-nothing-unasked")
def copies_nothing(t):
    a, o, g = guarded(t, answers=ok(b"", "Remote-User: alice", "Set-Cookie: s=1", "Cookie: x=1", "Host: evil", "Transfer-Encoding-X: 1"))
    check(g.ask(), "HTTP/1.1 200 OK\n!Set-Cookie")
    check(o.requests[0], "GET / HTTP/1.1\nHost: a.example\n!Remote-User\n!Cookie\n!Transfer-Encoding-X")


@scenario("consult/copy-too-long")
def copy_too_long(t):
    """What does not fit is not cut off: nobody gets half of his groups."""
    a, o, g = guarded(t, copy="Remote-Groups", answers=ok(b"", *["Remote-Groups: " + "g" * 800] * 6))
    mark = g.mark()
    check(g.ask(), "HTTP/1.1 502")
    why = "the log-in server: the response head is too long" if t.tiny else "the log-in server's fields that are to be copied are too long"
    g.logged(rf'"GET / HTTP/1.1" 502 .*"{why}"', mark)
    never(o)
    fits = ["g" * 800] * (2 if t.tiny else 4)
    a.answers(ok(b"", *["Remote-Groups: " + f for f in fits]))
    check(g.ask(), "HTTP/1.1 200")
    equal(o.requests[0].all("Remote-Groups"), fits)


@scenario("consult/link-kept")
def link_kept(t):
    """Its link is used again; not so one on which something of an answer is still to come."""
    a, o, g = guarded(t)
    c = g.client()
    for i in range(5):
        check(c.ask(get(f"/{i}")), "HTTP/1.1 200 OK\n\ninside")
    equal([len(a.links), len(o.links)], [1, 1])


@scenario("consult/body-to-come")
def body_to_come(t):
    """A body that is still to come must not be read as the answer to a next question, whatever the client's method was."""
    reused = []

    def half(status):
        def say(link, m):
            link.send(http(f"HTTP/1.1 {status}\nContent-Length: {len(YES)}\n\n"))
            if link.request() is not None:
                reused.append(status)
                link.send(YES)
        return say
    a, o, g = guarded(t)
    for method in "GET", "HEAD":
        for status in "200 OK", "401 No":
            a.answers([half(status), NO])
            c = g.client()
            c.send(get("/x", method=method))
            if status == "200 OK" or method == "HEAD":
                check(c.final(method), f"HTTP/1.1 {status}")
                check(c.ask(get("/y")), "HTTP/1.1 401")
            else:
                check(c.head(), "HTTP/1.1 401")
                c.close()
                check(g.ask(get("/y")), "HTTP/1.1 401")
    equal(reused, [], "links used again")
    equal([m.target for m in o.requests], ["/x", "/x"])


@scenario("consult/upgrade")
def upgrade(t):
    """A WebSocket: the question about it is an ordinary one; the tunnel goes to the server behind."""
    def echo(link):
        link.answer(http("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: websocket\n\n"))
        link.send(link.exactly(4)[::-1])
        link.ends()
    a, o = t.origin(), t.origin(echo)
    g = t.gateway(f"[site *]\nauth = {a.url}/v\n/ = {o.url}\n")
    asked = get("/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x")
    c = g.client()
    check(c.send(asked).response(), "HTTP/1.1 101\nUpgrade: websocket")
    equal(c.send(b"abcd").exactly(4), b"dcba")
    check(a.requests[0], "GET /v HTTP/1.1\n!Connection\n!Upgrade\nX-Forwarded-Uri: /ws")
    check(o.requests[0], "GET /ws HTTP/1.1\nConnection: upgrade\nUpgrade: websocket")
    a.answers(NO)
    check(g.client().ask(asked), "HTTP/1.1 401\n\nno")
    equal(len(o.requests), 1)


@scenario("consult/bodies")
def bodies(t):
    """A body waits until there is a yes, and then goes up whole, however it is framed and however much of it has come."""
    a, o, g = guarded(t)
    big = bytes(range(256)) * (16 if t.tiny else 4096)
    c = g.client()
    for body in b"", b"x", b"abc" * 500, big:
        check(c.ask(post(body)), "HTTP/1.1 200 OK\n\ninside")
        equal(o.requests[-1].body, body)
        check(c.ask(http("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n") + chunked(*([body] if body else []))), "HTTP/1.1 200 OK\n\ninside")
        equal(o.requests[-1].body, body)
    c.send(http("POST / HTTP/1.1\nHost: a\nContent-Length: 4\nExpect: 100-continue\n\n"))
    o.answers(lambda link, m: link.send(ok(m.body)))
    a.wait(9)
    check(a.requests[-1], "GET /verify HTTP/1.1\n!Expect")
    check(c.send(b"body").final("POST"), "HTTP/1.1 200 OK\n\nbody")
    equal(len(a.links), 1)


@scenario("consult/static")
def static(t):
    """What gateway answers itself is guarded, too."""
    a = t.origin(answers=NO)
    g = t.gateway(f"[site *]\nauth = {a.url}/v\n/r/ = reply:200 text=secret\n/g/ = redirect:http://x.example/\n")
    c = g.client()
    check(c.ask(get("/r/")), "HTTP/1.1 401\n\nno")
    check(c.ask(get("/g/")), "HTTP/1.1 401\n!Location")
    a.answers(ok())
    check(c.ask(get("/r/")), "HTTP/1.1 200 OK\n\nsecret")
    check(c.ask(get("/g/")), "~HTTP/1.1 30.*\nLocation: http://x.example/")


# --- no ------------------------------------------------------------------------------

@scenario("consult/no")
def no(t):
    """Another answer goes to the client as it is: status, redirect, cookies, challenge, body in any framing; the server behind hears nothing."""
    a, o, g = guarded(t)
    c = g.client()
    told = ["Set-Cookie: a=1; Path=/", "Set-Cookie: b=2", "Content-Type: text/html", "X-Any: thing", "Connection: X-Hop", "X-Hop: 1", "Keep-Alive: 5"]
    for status in "302 Found", "303 See Other", "307 Temporary Redirect", "400 Bad", "401 Unauthorized", "403 Forbidden", "404 Not Found", "429 Slow", "500 Oh", "503 Down", "300 x", "599 y":
        a.answers(ok(b"<p>log in</p>", *told, "Location: https://login.example/?rd=x", "WWW-Authenticate: Bearer", status=status))
        check(c.ask(get("/x")), f"HTTP/1.1 {status}\nSet-Cookie: a=1; Path=/ && b=2\nContent-Type: text/html\nX-Any: thing\nLocation: https://login.example/?rd=x\nWWW-Authenticate: Bearer\nContent-Length: 13\nCache-Control: private\n"
              "!X-Hop\n!Keep-Alive\n!Connection\n\n<p>log in</p>")
    a.answers(http("HTTP/1.1 302 Found\nLocation: /l\nTransfer-Encoding: chunked\n\n", chunked(b"one", b"two")))
    check(c.ask(get()), "HTTP/1.1 302 Found\nLocation: /l\nTransfer-Encoding: chunked\n\nonetwo")
    equal(len(a.links), 1)
    a.answers(http("HTTP/1.0 401 No\n\n", b"until the end"))
    check(c.ask(get()), "HTTP/1.1 401 No\nTransfer-Encoding: chunked\n\nuntil the end")
    a.answers(http("HTTP/1.1 304 Not Modified\nETag: \"a\"\n\n"))
    check(c.ask(get("/", "If-None-Match: \"a\"")), "HTTP/1.1 304")
    a.answers(ok(b"z" * 300000, status="403 Forbidden"))
    equal(c.ask(get()).body, b"z" * 300000)
    never(o)


@scenario("consult/no-to-head")
def no_to_head(t):
    """It is asked with GET, and its body must not come to one who asked with HEAD: he would read it as the next answer."""
    a, o, g = guarded(t)
    c = g.client()
    for answer in (ok(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status="401 No"), http("HTTP/1.1 401 No\nTransfer-Encoding: chunked\n\n", chunked(b"HTTP/1.1 200 OK\r\n\r\n")), http("HTTP/1.1 401 No\n\nuntil the end"),
                   ok(b"y" * 100000, status="401 No")):
        a.answers([answer, ok()])
        check(c.ask(get("/", method="HEAD")), "HTTP/1.1 401 No\n!Transfer-Encoding\n!Connection")
        check(c.ask(get("/", method="HEAD")), "HTTP/1.1 200 OK\nContent-Length: 6")
        check(a.requests[-1], "GET /verify HTTP/1.1\nX-Forwarded-Method: HEAD")
    equal([m.method for m in o.requests], ["HEAD"] * 4)


@scenario("consult/no-with-body")
def no_with_body(t):
    """The body of a request that is refused must never be read as a next request."""
    a, o, g = guarded(t, answers=NO)
    asked = 0
    for body, rest in ((post(EVIL), b""), (post(EVIL * 3), b""), (http(f"POST / HTTP/1.1\nHost: a\nContent-Length: {len(EVIL) + 5000}\n\n") + EVIL, b"x" * 4000 + EVIL),
                       (http("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n") + chunked(EVIL), b""), (http("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n") + b"5\r\nab", EVIL),
                       (http(f"POST / HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: {len(EVIL)}\n\n"), EVIL), (get("/", "Content-Length: 3") + b"abc", b"")):
        c = g.client()
        c.send(body)
        m = check(c.final("POST"), "HTTP/1.1 401\n\nno")
        asked += 1
        try:
            c.send(rest + get("/after"))
        except OSError:
            true(m.all("Connection"), "the connection ended unsaid")
        if m.all("Connection"):
            c.eof()
        else:
            check(c.final(), "HTTP/1.1 401\n\nno")
            asked += 1
            check(a.requests[-1], "GET /verify HTTP/1.1\nX-Forwarded-Uri: /after")
        equal(len(a.requests), asked)
    true(not any("evil" in m.get("X-Forwarded-Uri") for m in a.requests), "a body was read as a request")
    never(o)


@scenario("consult/no-keeps-connection")
def no_keeps_connection(t):
    """A short body that came with the head is passed over once, not twice: behind it stands a next request."""
    a, o, g = guarded(t, answers=NO)
    c = g.client()
    one = post(b"0123456789")
    c.send(one + one + get("/last"))
    for i in range(3):
        m = check(c.final("POST"), "HTTP/1.1 401\n\nno")
        if m.all("Connection"):
            true(t.tiny and i < 2, "a body that came with its head ends the connection")  # there bytes come one by one
            return
    equal([m.get("X-Forwarded-Uri") for m in a.requests], ["/", "/", "/last"])


@scenario("consult/pipelined")
def pipelined(t):
    """Every request is asked about, one after the other, whatever became of the one before."""
    def judge(link):
        while (m := link.request()) is not None:
            link.send(ok(b"", "Remote-User: u" + m.get("X-Forwarded-Uri")[-1]) if m.get("X-Forwarded-Uri").startswith("/y") else NO)
    a, o, g = guarded(t, script=judge, copy="Remote-User")
    c = g.client()
    paths = ["/y1", "/n2", "/y3", "/y4", "/n5", "/n6", "/y7"]
    c.send(b"".join(get(p) for p in paths))
    equal([c.final().body for _ in paths], [b"inside" if p.startswith("/y") else b"no" for p in paths])
    equal([m.get("X-Forwarded-Uri") for m in a.requests], paths)
    equal([(m.target, m.get("Remote-User")) for m in o.requests], [(p, "u" + p[-1]) for p in paths if p.startswith("/y")])


# --- neither -------------------------------------------------------------------------

@scenario("consult/interim")
def interim(t):
    """1xx of the log-in server are nothing to the client, and no yes."""
    a, o, g = guarded(t)
    c = g.client()
    early = http("HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: </x>\n\n")
    a.answers([early + ok(), early + NO, lambda link, m: link.send(http("HTTP/1.1 103 x\n\n") * 100)])
    check(c.send(get()).response(), "HTTP/1.1 200 OK\n\ninside")
    check(c.send(get()).response(), "HTTP/1.1 401\n\nno")
    check(c.send(get()).response(), "HTTP/1.1 502\n\n~502")
    equal(len(o.requests), 1)


@scenario("consult/tunnel")
def tunnel(t):
    """It can change no protocol, not even one that the client asks to change: the client would talk to it past all checks."""
    a, o, g = guarded(t, answers=lambda link, m: link.send(http("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: websocket\n\n")))
    mark = g.mark()
    for fields in (), ("Connection: upgrade", "Upgrade: websocket"):
        check(g.ask(get("/", *fields)), "HTTP/1.1 502\n!Upgrade")
    g.logged('502 .*"the log-in server changed the protocol unasked"', mark)
    never(o)


@scenario("consult/nonsense")
def nonsense(t):
    """What is no proper answer is no yes: 502, and the log names the log-in server."""
    a, o, g = guarded(t)
    for answer in (b"200 OK\r\n\r\n", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", b"HTTP/2 200\r\n\r\n", http("HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nx"), http("HTTP/1.1 200 OK\nContent-Length: 1\nTransfer-Encoding: chunked\n\n"),
                   http("HTTP/1.1 200 OK\nTransfer-Encoding: gzip\n\n"), http("HTTP/1.1 200 OK\nRemote-User: a\0b\n\n"), http("HTTP/1.1 200 OK\nX: " + "y" * 9000 + "\n\n"), b"HTTP/1.1 200 OK\r\nRemote-User: x", b"H", b""):
        a.answers(closing(answer))
        mark = g.mark()
        check(g.ask(post(b"abc")), "HTTP/1.1 502\n\n~502")
        g.logged(rf'"POST / HTTP/1.1" 502 \d+ .* {a.text} .*"the log-in server', mark)
    never(o)


@scenario("consult/dead")
def dead(t):
    """It cannot be reached: 502, never a pass, and other routes do not mind."""
    a, o = t.dead(), t.origin(answers=ok(b"inside"))
    g = t.gateway(f"[site *]\nauth = {a.url}/v\n/ = {o.url}\n/open/ = {o.url} auth=none\n")
    c = g.client()
    mark = g.mark()
    for _ in range(5):
        check(c.ask(get()), "HTTP/1.1 502\n!Connection")
        check(c.ask(post(b"x" * 100)), "HTTP/1.1 502")
        c = g.client()
    g.logged(rf'"GET / HTTP/1.1" 502 \d+ .* {a.text} .*"the log-in server: .*refused', mark)
    never(o)
    check(g.ask(get("/open/")), "HTTP/1.1 200 OK\n\ninside")
    a.start()
    check(g.ask(get()), "HTTP/1.1 200 OK\n\ninside")


@scenario("consult/slow")
def slow(t):
    """It takes too long: 504."""
    a, o, g = guarded(t, script=lambda link: (link.request(), link.ends()), route="response_timeout=300ms")
    mark = g.mark()
    check(g.ask(post(b"abc")), "HTTP/1.1 504")
    g.logged(r'"POST / HTTP/1.1" 504 .*"the log-in server took too long to answer"', mark)
    never(o)


@scenario("consult/no-other-server")
def no_other(t):
    """That it fails is no reason to ask the servers behind, however many there are."""
    a, servers = t.origin(lambda link: link.request()), [t.origin(), t.origin()]
    g = t.gateway(f"[site *]\nauth = {a.url}/v\n/ = {servers[0].url}\n      {servers[1].url} max_fails=0\n")
    for _ in range(3):
        check(g.ask(), "HTTP/1.1 502")
    equal(len(a.requests), 3)
    for o in servers:
        never(o)


@scenario("consult/server-after")
def server_after(t):
    """After a yes the servers behind are chosen, tried and left out as ever."""
    a, dead_one, o = t.origin(), t.dead(), t.origin(answers=ok(b"inside"))
    g = t.gateway(f"[site *]\nauth = {a.url}/v\n/ = {dead_one.url}\n      {o.url} max_fails=0\n")
    for i in range(6):
        check(g.ask(post(b"body")), "HTTP/1.1 200 OK\n\ninside")
    equal([m.body for m in o.requests], [b"body"] * 6)
    equal(len(a.requests), 6)


@scenario("consult/stale-link")
def stale_link(t):
    """Its idle link has ended: it is asked once more on a new one, whatever the request is."""
    def serve(link):
        first = link is a.links[0]
        link.answer(YES)
        link.request()
        if not first:
            link.send(YES)
            link.ends()
    a, o, g = guarded(t, script=serve)
    c = g.client()
    check(c.ask(get("/1")), "HTTP/1.1 200")
    check(c.ask(post(b"body", target="/2")), "HTTP/1.1 200 OK\n\ninside")
    equal([m.get("X-Forwarded-Uri") for m in a.requests], ["/1", "/2", "/2"])
    equal([(m.target, m.body) for m in o.requests], [("/1", b""), ("/2", b"body")])
    equal(len(o.links), 1)


@scenario("consult/out-of-turn")
def out_of_turn(t):
    """What it says before it is asked is no answer: neither right behind one, nor later on an idle link."""
    def early(link, m):
        link.send(YES + YES)
    a, o, g = guarded(t, answers=[early, NO])
    c = g.client()
    check(c.ask(get("/1")), "HTTP/1.1 200")
    check(c.ask(get("/2")), "HTTP/1.1 401")

    worker, = g.workers()

    def at_once(link, m):
        os.kill(worker, signal.SIGSTOP)
        link.send(ok(b"inside"))
        a.links[-1].send(YES)
        os.kill(worker, signal.SIGCONT)
    a.answers([YES, NO])
    o.answers(at_once)
    c.send(get("/3") + get("/4"))
    check(c.final(), "HTTP/1.1 200")
    check(c.final(), "HTTP/1.1 401")
    equal([m.target for m in o.requests], ["/1", "/3"])


@scenario("consult/client-leaves")
def client_leaves(t):
    """A client that goes while the log-in server thinks: nothing is asked of the server behind, and the answer is lost with its link."""
    seen, go = threading.Event(), threading.Event()

    def think(link):
        if link.request() is not None:
            seen.set()
            go.wait(30)
            link.send(ok())
            link.ends()
    a, o, g = guarded(t, script=think)
    mark = g.mark()
    c = g.client()
    c.send(post(b"body"))
    true(seen.wait(wire.WAIT), "the log-in server is asked")
    c.reset()
    g.logged(r'"POST / HTTP/1.1" 499 ', mark)
    go.set()
    t.until(lambda: a.links[0].sock.fileno() == -1, "the link to the log-in server is closed")
    never(o)


@scenario("consult/loop")
def loop(t):
    """A log-in server that is behind the same guard: an end is found."""
    if t.tiny:
        raise Skip("too few places for nine requests in one another")
    place = t.tcp()
    o = t.origin()
    g = t.gateway(f"[site *]\nauth = http://{place.text}/v\n/ = {o.url}\n", listen=[place], settle=False)  # its links to itself stay
    check(g.ask(), "HTTP/1.1 508")
    never(o)


# --- for whom ------------------------------------------------------------------------

@scenario("consult/levels")
def levels(t):
    """Inherited downwards; a route may ask another one, or nobody; whoever is in open_to is not asked about."""
    a, b, o = t.origin(answers=NO), t.origin(), t.origin(answers=ok(b"inside"))
    g = t.gateway(f"[site *]\nauth = {a.url}/a\n/ = {o.url}\n/b/ = {o.url} auth={b.url}/b\n/open/ = {o.url} auth=none\n/home/ = {o.url} open_to=127.0.0.0/8\n/away/ = {o.url} open_to=192.0.2.0/24\n")
    c = g.client()
    for path, status in ("/", 401), ("/b/", 200), ("/open/", 200), ("/home/", 200), ("/away/", 401), ("/x", 401):
        equal((path, c.ask(get(path)).status), (path, status))
    equal([m.get("X-Forwarded-Uri") for m in a.requests], ["/", "/away/", "/x"])
    equal([m.target for m in b.requests], ["/b"])


@scenario("consult/readings")
def readings(t):
    """A path that somebody could read as one of a guarded route is asked about, too."""
    a, o = t.origin(answers=NO), t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/admin/ = {o.url} auth={a.url}/v\n")
    c = g.client()
    for path in "/admin/", "/x/..%2Fadmin/", "//admin/", "/admin;x/", "/x%5C..%5Cadmin/", "/%2561dmin/":
        check(c.ask(get(path)), "HTTP/1.1 401")
    equal(len(a.requests), 6)
    check(c.ask(get("/x")), "HTTP/1.1 200")
    equal(len(o.requests), 1)


@scenario("consult/own-cookies")
def own_cookies(t):
    """gateway's own sessions are none of its business."""
    a, o = t.origin(), t.origin()
    g = t.gateway(f"[users family]\nalice = $5$rounds=1000$saltsalt$GcEiD6Fm2sHhT2L4xqFvB0mdF9fGDIgFOPK6u3xRuZ9\n[site *]\nauth = {a.url}/v\n/ = {o.url}\n/u/ = {o.url} auth=family\n", top=f"state = {t.dir}/state")
    check(g.ask(get("/", "Cookie: gateway-login-family=1; a=b; __Host-gateway-login-family=2", "Cookie: gateway-login-family=3")), "HTTP/1.1 200")
    check(a.requests[0], "GET /v HTTP/1.1\nCookie: a=b")
    check(o.requests[0], "GET / HTTP/1.1\nCookie: a=b")


# --- a real one ------------------------------------------------------------------------

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{
    listen {place} {tls};
    location = /basic {{ auth_basic "nginx"; auth_basic_user_file {dir}/people; add_header Remote-User $remote_user; root {dir}/www; try_files /yes =500; }}
    location = /session {{
      add_header Remote-User alice;
      if ($cookie_session = "good") {{ return 204; }}
      add_header Set-Cookie "seen=1; Path=/";
      return 302 "https://login.example/?rd=$http_x_original_url";
    }}
  }}
}}
"""


@scenario("consult/nginx", slow=True)
def nginx(t):
    """nginx as the log-in server: its dialog for a directory with a file, a session by cookie with a redirect to a login page."""
    place, o = t.tcp(), t.origin(answers=ok(b"inside"))
    t.file("people", htpasswd("alice", "wonder land", "-B", "-C", "4") + "\n")
    os.mkdir(os.path.join(t.dir, "www"))
    t.file("www/yes", "yes")
    os.chmod(os.path.join(t.dir, "www/yes"), 0o644)
    place.secure = bool(harness.RUN)
    tls = f"ssl; ssl_certificate {harness.RUN.server.cert}; ssl_certificate_key {harness.RUN.server.key}" if harness.RUN else ""
    if harness.RUN:
        t.secure_ports.add(place.port)
    conf = t.file("nginx.conf", NGINX.format(dir=t.dir, place=place.text, tls=tls))
    t.peer([program("nginx", "/usr/sbin/nginx"), "-p", t.dir, "-e", os.path.join(t.dir, "nginx.err"), "-c", conf], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    t.until(place.listening, "nginx listens")
    g = t.gateway(f"[site *]\nauth = {place.url}/basic\ncopy = Remote-User\n/ = {o.url}\n/s/ = {o.url} auth={place.url}/session copy=Remote-User\n")
    c = g.client()
    check(c.ask(get()), 'HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm="nginx"\nServer: ~nginx.*\n\n~401 Authorization Required')
    check(c.ask(get("/", method="HEAD")), "HTTP/1.1 401 Unauthorized")
    check(c.ask(post(EVIL, basic("alice", "wrong"))), "HTTP/1.1 401")
    c = g.client()
    for _ in range(3):
        check(c.ask(post(b"body", basic(), "If-None-Match: \"x\"", "Range: bytes=5-", "Remote-User: root")), "HTTP/1.1 200 OK\n\ninside")
        check(o.requests[-1], "POST / HTTP/1.1\nRemote-User: alice\n\nbody")
    check(c.ask(get("/s/x?y=1")), "HTTP/1.1 302\nLocation: https://login.example/?rd=<scheme>://a.example/s/x?y=1\nSet-Cookie: seen=1; Path=/")
    check(c.ask(get("/s/x?y=1", "Cookie: session=good")), "HTTP/1.1 200 OK\n!Set-Cookie\n\ninside")
    check(o.requests[-1], "GET /s/x?y=1 HTTP/1.1\nRemote-User: alice\nCookie: session=good")
    equal(len(o.requests), 4)
