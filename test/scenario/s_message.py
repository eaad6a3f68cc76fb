# SPDX-License-Identifier: MIT
"""Connections and messages: keep-alive, pipelining, methods, target forms, versions, interim responses."""
import threading

from harness import Row, scenario, table
from wire import Wrong, check, chunked, equal, get, http, ok, post, true

TEN = b"0123456789"

table("message", "/ = {o}", [
    Row("get", get("/x?y=1", "Accept: */*", "X-A: 1", "X-A: 2"),
        saw="GET /x?y=1 HTTP/1.1\nHost: a.example\nAccept: */*\nX-A: 1 && 2\nVia: 1.1 gateway\n!Content-Length\n!Transfer-Encoding\n!Connection\n\n",
        answer=ok(b"hello", "Content-Type: text/plain", "X-B: 1", "X-B: 2"),
        got="HTTP/1.1 200 OK\nContent-Type: text/plain\nX-B: 1 && 2\nContent-Length: 5\nVia: 1.1 gateway\n!Transfer-Encoding\n!Connection\n\nhello",
        closes=False),
    Row("reason-kept", get(), "~GET / .*", ok(b"", status="299 Made Up, by us!"), "HTTP/1.1 299 Made Up, by us!\nContent-Length: 0\n\n", closes=False),
    Row("no-reason", get(), "~GET / .*", http("HTTP/1.1 204 \n\n"), "~HTTP/1\\.1 204 ?", closes=False),
    Row("date-added", get(), "~GET / .*", ok(), "HTTP/1.1 200 OK\nDate: ~(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \\d\\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \\d{4} \\d\\d:\\d\\d:\\d\\d GMT"),
    Row("date-kept", get(), "~GET / .*", ok(b"", "Date: Mon, 23 Nov 2015 09:32:46 GMT"), "HTTP/1.1 200 OK\nDate: Mon, 23 Nov 2015 09:32:46 GMT"),
    Row("empty-value", get("/", "X-Empty:", "X-Blank:   ", "X-Trim: \t a b \t "), "GET / HTTP/1.1\nX-Empty: \nX-Blank: \nX-Trim: a b"),
    Row("obs-text", get("/", "X-Text: caf\xe9"), "GET / HTTP/1.1\nX-Text: caf\xe9", ok(b"", "X-Back: \xfc"), "HTTP/1.1 200 OK\nX-Back: \xfc"),
    Row("head", get(method="HEAD"), "HEAD / HTTP/1.1\nHost: a.example", http("HTTP/1.1 200 OK\nContent-Length: 1234\nX-Y: z\n\n"),
        "HTTP/1.1 200 OK\nContent-Length: 1234\nX-Y: z\n!Transfer-Encoding\n\n", closes=False),
    Row("head-chunked", get(method="HEAD"), "~HEAD .*", http("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"), "HTTP/1.1 200 OK\n!Content-Length\n\n", closes=False),
    Row("head-no-length", get(method="HEAD"), "~HEAD .*", http("HTTP/1.1 200 OK\n\n"), "HTTP/1.1 200 OK\n\n", closes=False),
    Row("204-with-length", get(), "~GET .*", http("HTTP/1.1 204 No Content\nContent-Length: 5\n\n"), "HTTP/1.1 204 No Content\n!Content-Length\n!Transfer-Encoding\n\n", closes=False),
    Row("304-with-length", get("/", 'If-None-Match: "a"'), '~GET .*\nIf-None-Match: "a"', http('HTTP/1.1 304 Not Modified\nContent-Length: 55\nETag: "a"\n\n'),
        'HTTP/1.1 304 Not Modified\nETag: "a"\n!Transfer-Encoding\n\n', closes=False),
    Row("304-chunked", get(), "~GET .*", http("HTTP/1.1 304 Not Modified\nTransfer-Encoding: chunked\n\n"), "HTTP/1.1 304 Not Modified\n!Transfer-Encoding\n\n", closes=False),
    Row("options", get("/x", method="OPTIONS"), "OPTIONS /x HTTP/1.1", ok(b"", "Allow: GET"), "HTTP/1.1 200 OK\nAllow: GET\n\n", closes=False),
    Row("options-asterisk", get("*", method="OPTIONS"), "OPTIONS * HTTP/1.1\nHost: a.example", ok(b"", "Allow: GET"), "HTTP/1.1 200 OK\nAllow: GET\n\n", closes=False),
    Row("max-forwards-counted", get("*", "Max-Forwards: 5", method="OPTIONS"), "OPTIONS * HTTP/1.1\nMax-Forwards: 4", ok(), "HTTP/1.1 200"),
    Row("max-forwards-zero", get("*", "Max-Forwards: 0", method="OPTIONS"), None, None, "~HTTP/1.1 20[04] .*"),
    Row("unknown-method", get(method="PROPFIND"), "PROPFIND / HTTP/1.1", ok(), "HTTP/1.1 200", closes=False),
    Row("method-case", get(method="get"), "get / HTTP/1.1", ok(), "HTTP/1.1 200"),
    Row("delete-with-body", post(b"abc", method="DELETE"), "DELETE / HTTP/1.1\nContent-Length: 3\n\nabc", ok(), "HTTP/1.1 200", closes=False),
    Row("get-with-body", post(b"abc", method="GET"), "GET / HTTP/1.1\nContent-Length: 3\n\nabc", ok(), "HTTP/1.1 200", closes=False),
    Row("post-empty", post(b""), "POST / HTTP/1.1\nContent-Length: 0\n\n", ok(), "HTTP/1.1 200", closes=False),
    Row("absolute-form", get("http://a.example/p?q", host="a.example"), "GET /p?q HTTP/1.1\nHost: a.example", ok(), closes=False),
    Row("absolute-form-wins", get("http://b.example:81/p", host="a.example"), "GET /p HTTP/1.1\nHost: b.example:81", ok(), "HTTP/1.1 200"),
    Row("absolute-form-root", get("http://b.example", host="a.example"), "GET / HTTP/1.1\nHost: b.example", ok(), "HTTP/1.1 200"),
    Row("absolute-form-query", get("http://b.example?x=1", host="b.example"), "GET /?x=1 HTTP/1.1\nHost: b.example", ok(), "HTTP/1.1 200"),
    Row("absolute-form-scheme-case", get("HTTP://b.example/", host="b.example"), "GET / HTTP/1.1\nHost: b.example", ok(), "HTTP/1.1 200"),
    Row("empty-line-before", b"\r\n" + get(), "GET / HTTP/1.1", ok(), "HTTP/1.1 200", closes=False),
    Row("close", get("/", "Connection: close"), "GET / HTTP/1.1", ok(b"bye"), "HTTP/1.1 200 OK\nConnection: close\n\nbye", closes=True),
    Row("close-case", get("/", "Connection: Keep-Alive, CLOSE"), "GET / HTTP/1.1", ok(b"bye"), "HTTP/1.1 200 OK\nConnection: close\n\nbye", closes=True),
    Row("1.0", get(version="1.0"), "GET / HTTP/1.1\nHost: a.example\nVia: 1.0 gateway", ok(b"bye"), "HTTP/1.1 200 OK\nConnection: close\n\nbye", closes=True),
    Row("two-empty-lines-before", b"\r\n\r\n" + get(), None, None, "HTTP/1.1 400", closes=True),
    Row("empty-line-after-body", post(b"abc") + b"\r\n" + get("/next"), ["POST / HTTP/1.1\n\nabc", "GET /next HTTP/1.1"], [ok(b"1"), ok(b"2")], ["HTTP/1.1 200 OK\n\n1", "HTTP/1.1 200 OK\n\n2"]),
    Row("many-empty-lines-before", b"\r\n" * 50 + get(), None, None, "HTTP/1.1 400", closes=True),
    Row("upgrade-insecure-requests", get("/", "Upgrade-Insecure-Requests: 1"), "GET / HTTP/1.1\nUpgrade-Insecure-Requests: 1\n!Upgrade"),
    Row("long-host", get(host="a" * 60 + "." + "b" * 60 + ".example"), "~GET .*"),
    Row("endless-host", get(host="a" * 1500), None, None, "~HTTP/1\\.1 (400|421|431) .*"),
    Row("1.0-no-host", get(host=None, version="1.0"), "GET / HTTP/1.1\nHost: ~.+", ok(b"x"), "HTTP/1.1 200 OK\n\nx", closes=True),
    Row("1.0-chunked-answer", get(version="1.0"), "~GET .*", http("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n") + chunked(b"abc", b"def"),
        "HTTP/1.1 200 OK\n!Transfer-Encoding\n!Content-Length\nConnection: close\n\nabcdef", closes=True),
    Row("1.0-upstream", get(), "~GET .*", http("HTTP/1.0 200 OK\n\nabc"), "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nVia: 1.0 gateway\n\nabc", closes=False),
    Row("1.0-upstream-length", get(), "~GET .*", http("HTTP/1.0 200 OK\nContent-Length: 3\nConnection: close\n\nabc"), "HTTP/1.1 200 OK\nContent-Length: 3\n!Connection\n\nabc", closes=False),
    Row("upstream-close", get(), "~GET .*", ok(b"abc", "Connection: close"), "HTTP/1.1 200 OK\n!Connection\n\nabc", closes=False),
    Row("pipelined", get("/1") + get("/2") + post(b"body", target="/3") + get("/4"), ["GET /1 HTTP/1.1", "GET /2 HTTP/1.1", "POST /3 HTTP/1.1\n\nbody", "GET /4 HTTP/1.1"],
        [ok(b"one"), http("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n") + chunked(b"two"), ok(b"three"), ok(b"four")],
        ["HTTP/1.1 200 OK\n\none", "HTTP/1.1 200 OK\n\ntwo", "HTTP/1.1 200 OK\n\nthree", "HTTP/1.1 200 OK\n\nfour"], closes=None),
    Row("pipelined-head", get("/1", method="HEAD") + get("/2"), ["~HEAD .*", "~GET .*"], [http("HTTP/1.1 200 OK\nContent-Length: 9\n\n"), ok(b"two")],
        ["HTTP/1.1 200 OK\nContent-Length: 9\n\n", "HTTP/1.1 200 OK\n\ntwo"]),
    Row("pipelined-then-bad", get("/1") + b"GET /2 HTTP/1.1\nHost: a.example\n\n", "GET /1 HTTP/1.1", ok(b"one"), ["HTTP/1.1 200 OK\n\none", "HTTP/1.1 400"], closes=True),
    Row("pipelined-after-close", get("/1", "Connection: close") + get("/2"), "GET /1 HTTP/1.1", ok(b"one"), "HTTP/1.1 200 OK\n\none", closes=True),
    Row("103-passed", get(), "~GET .*", http("HTTP/1.1 103 Early Hints\nLink: </s.css>; rel=preload\n\n") + ok(b"page"),
        ["HTTP/1.1 103 Early Hints\nLink: </s.css>; rel=preload\n!Content-Length\n!Connection\n!Transfer-Encoding\n\n", "HTTP/1.1 200 OK\n\npage"], closes=False),
    Row("several-1xx", get(), "~GET .*", http("HTTP/1.1 102 Processing\n\nHTTP/1.1 103 Early Hints\nA: b\n\nHTTP/1.1 103 Early Hints\nA: c\n\n") + ok(b"page"),
        ["HTTP/1.1 102 Processing", "HTTP/1.1 103 Early Hints\nA: b", "HTTP/1.1 103 Early Hints\nA: c", "HTTP/1.1 200 OK\n\npage"], closes=False),
    Row("1xx-with-length", get(), "~GET .*", http("HTTP/1.1 103 Early Hints\nContent-Length: 4\n\n") + ok(b"page"), ["HTTP/1.1 103\n!Content-Length", "HTTP/1.1 200 OK\n\npage"]),
    Row("1xx-not-to-1.0", get(version="1.0"), "~GET .*", http("HTTP/1.1 103 Early Hints\nA: b\n\n") + ok(b"page"), "HTTP/1.1 200 OK\n\npage", closes=True),
    Row("expect-elsewhere", post(b"abc", "Expect: 100-continue"), "POST / HTTP/1.1\nExpect: 100-continue\n\nabc", http("HTTP/1.1 100 Continue\n\n") + ok(), ["HTTP/1.1 100 Continue", "HTTP/1.1 200"]),
    Row("expect-unknown", post(b"abc", "Expect: sorcery"), None, None, "HTTP/1.1 417"),
])


@scenario("message/keep-alive-both-sides")
def keep_alive(t):
    """Many requests on one connection; one link to the origin serves them all."""
    o, g, c = t.proxy()
    for i in range(20):
        o.answers(ok(b"%d" % i))
        check(c.ask(get(f"/{i}")), f"HTTP/1.1 200 OK\n!Connection\n\n{i}")
    equal(len(o.links), 1, "links to the origin")
    equal([m.target for m in o.requests], [f"/{i}" for i in range(20)])


@scenario("message/link-shared-by-clients")
def link_shared(t):
    o, g, c = t.proxy()
    c.ask(get("/1"))
    g.client().ask(get("/2"))
    equal(len(o.links), 1, "links to the origin")


@scenario("message/pipelined-many")
def pipelined_many(t):
    """100 requests at once, answered in order though the answers have random lengths."""
    def serve(link):
        while (m := link.request()) is not None:
            n = int(m.target[1:])
            link.send(ok(m.target.encode() * (n * 7 % 60), f"X-N: {n}"))
    o, g, c = t.proxy(serve)
    sender = threading.Thread(target=lambda: c.send(b"".join(get(f"/{i}") for i in range(100))))
    sender.start()
    for i in range(100):
        m = check(c.final(), f"HTTP/1.1 200 OK\nX-N: {i}")
        equal(m.body, b"/%d" % i * (i * 7 % 60))
    sender.join()


@scenario("message/byte-by-byte")
def byte_by_byte(t):
    """Heads and bodies in single bytes, both ways."""
    answer = http("HTTP/1.1 200 OK\nX-B: 2\nTransfer-Encoding: chunked\n\n") + chunked(b"hello ", b"world")

    def serve(link):
        while link.request() is not None:
            for i in range(len(answer)):
                link.send(answer[i:i + 1])
    o, g, c = t.proxy(serve)
    data = http("POST /x HTTP/1.1\nHost: a.example\nTransfer-Encoding: chunked\n\n") + chunked(b"ab", b"c" * 17)
    for _ in range(3):
        for i in range(len(data)):
            c.send(data[i:i + 1])
        check(c.final("POST"), "HTTP/1.1 200 OK\nX-B: 2\n\nhello world")
    for m in o.requests:
        check(m, "POST /x HTTP/1.1\nTransfer-Encoding: chunked\n\nab" + "c" * 17)


@scenario("message/expect-100")
def expect_100(t):
    """The client waits for the origin's 100 before it sends the body; so the head has to go up alone."""
    def serve(link):
        m = link.request_head()
        check(m, "POST / HTTP/1.1\nExpect: 100-continue\nContent-Length: 5")
        link.send(http("HTTP/1.1 100 Continue\n\n"))
        link.expect(b"12345").send(ok(b"done"))
    o, g, c = t.proxy(serve)
    c.send(get("/", "Expect: 100-continue", "Content-Length: 5", method="POST"))
    check(c.response("POST"), "HTTP/1.1 100 Continue\n!Content-Length\n\n")
    c.send(b"12345")
    check(c.response("POST"), "HTTP/1.1 200 OK\n\ndone")


@scenario("message/expect-refused")
def expect_refused(t):
    """The origin refuses before the body: the client sees it and need not send any. As it may
    or may not send the body now, the connection cannot serve on (RFC 9110 10.1.1)."""
    def serve(link):
        link.request_head()
        link.send(ok(b"no", status="417 Expectation Failed"))
        link.ends()
    o, g, c = t.proxy(serve)
    c.send(get("/", "Expect: 100-continue", "Content-Length: 5", method="POST"))
    check(c.response("POST"), "HTTP/1.1 417 Expectation Failed\nConnection: close\n\nno")
    c.eof()


@scenario("message/expect-ignored-by-1.0")
def expect_10(t):
    """A 100-continue of HTTP/1.0 means nothing (RFC 9110 10.1.1): the body comes at once."""
    o, g, c = t.proxy()
    c.send(get("/", "Expect: 100-continue", "Content-Length: 3", method="POST", version="1.0") + b"abc")
    check(c.final("POST"), "HTTP/1.1 200 OK\n\nok")
    check(o.requests[0], "POST / HTTP/1.1\n\nabc")


@scenario("message/103-comes-at-once")
def early_hints(t):
    """An interim response is not kept back until the final one is there."""
    go = threading.Event()

    def serve(link):
        link.request()
        link.send(http("HTTP/1.1 103 Early Hints\nLink: </a>\n\n"))
        true(go.wait(30), "the client did not see the 103")
        link.send(ok(b"page"))
    o, g, c = t.proxy(serve)
    c.send(get())
    check(c.response(), "HTTP/1.1 103 Early Hints\nLink: </a>")
    go.set()
    check(c.response(), "HTTP/1.1 200 OK\n\npage")


@scenario("message/two-at-once")
def two_at_once(t):
    """A slow answer does not keep another client waiting."""
    go = threading.Event()

    def serve(link):
        while (m := link.request()) is not None:
            if m.target == "/slow":
                true(go.wait(30), "nobody let the slow one go")
            link.send(ok(m.target.encode()))
    o, g, c = t.proxy(serve)
    c.send(get("/slow"))
    o.wait(1, "links")
    check(g.client().ask(get("/fast")), "HTTP/1.1 200 OK\n\n/fast")
    go.set()
    check(c.final(), "HTTP/1.1 200 OK\n\n/slow")


@scenario("message/half-closed-client", plain="TLS 1.2 has no half-closed connections (RFC 5246 7.2.1)")
def half_closed(t):
    """A client that sends no more still gets its answer."""
    o, g, c = t.proxy()
    c.send(get("/", "Connection: close")).finish()
    check(c.final(), "HTTP/1.1 200 OK\n\nok")
    c.eof()


@scenario("message/client-leaves")
def client_leaves(t):
    """A client that goes away while its answer is awaited: its link is closed, others go on."""
    left = threading.Event()

    def serve(link):
        m = link.request()
        if m.target == "/gone":
            if link.ends():
                raise Wrong("more came for a client that left")
            left.set()
            return
        link.send(ok(b"fine"))
    o, g, c = t.proxy(serve)
    c.send(get("/gone"))
    o.wait(1)
    c.reset()
    true(left.wait(30), "the link of the client that left was not closed")
    check(g.ask(get("/")), "HTTP/1.1 200 OK\n\nfine")


@scenario("message/1.0-keep-alive")
def keep_alive_10(t):
    """A client of HTTP/1.0 that asks for keep-alive is told whether it gets it (RFC 9112 C.2.2)."""
    o, g, c = t.proxy()
    m = check(c.ask(get("/", "Connection: keep-alive", version="1.0")), "HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
    if m.lists("Connection", "keep-alive"):
        check(c.ask(get("/", version="1.0")), "HTTP/1.1 200 OK\n\nok")
    else:
        true(m.lists("Connection", "close"), f"neither close nor keep-alive: {m.fields}")
    c.eof()


def server_says_close(t, answer):
    """The server wants this to be the link's last response, but leaves it open: it is not used again."""
    closed = threading.Event()

    def serve(link):
        link.answer(answer)
        if link.ends():
            raise Wrong("another request came on a link that was to end")
        closed.set()
    o, g, c = t.proxy(serve)
    for _ in range(3):
        check(c.ask(get()), "HTTP/1.1 200 OK\n!Connection\n\nok")
        true(closed.wait(30), "the link was kept")
        closed.clear()
    equal(len(o.links), 3, "links")


scenario("message/server-says-close")(lambda t: server_says_close(t, ok(b"ok", "Connection: close")))
scenario("message/server-of-1.0")(lambda t: server_says_close(t, http("HTTP/1.0 200 OK\nContent-Length: 2\n\nok")))


@scenario("message/client-leaves-during-download")
def leaves_download(t):
    """The origin is told by a broken link, and others go on."""
    left = threading.Event()

    def serve(link):
        m = link.request()
        if m.target == "/fine":
            return link.send(ok(b"fine"))
        link.send(http("HTTP/1.1 200 OK\nContent-Length: 1073741824\n\n"))
        try:
            while True:
                link.send(b"x" * 65536)
        except OSError:
            left.set()
    o, g, c = t.proxy(serve)
    c.send(get("/endless"))
    c.head()
    c.skip(10000)
    c.reset()
    true(left.wait(30), "the download went on for nobody")
    check(g.ask(get("/fine")), "HTTP/1.1 200 OK\n\nfine")
    g.logged(r'"GET /endless HTTP/1.1" 200 \d+ .*client.*" -$')


@scenario("message/extra-bytes-from-origin")
def extra_bytes(t):
    """Bytes behind a complete response belong to no request: the link is not used again."""
    def serve(link):
        if link.request() is not None:
            link.send(ok(b"one") + ok(b"smuggled"))
            link.ends()
    o, g, c = t.proxy(serve)
    check(c.ask(get("/1")), "HTTP/1.1 200 OK\n\none")
    check(c.ask(get("/2")), "HTTP/1.1 200 OK\n\none")
    equal(len(o.links), 2, "links")


@scenario("message/response-before-request")
def response_unasked(t):
    """A server that talks before it is asked, on an idle link: closed, never given to a client."""
    said = threading.Event()

    def serve(link):
        if link is o.links[0]:
            link.answer(ok(b"one"))
            go.wait(30)
            link.send(ok(b"smuggled"))
            link.ends()
            said.set()
        else:
            while link.request() is not None:
                link.send(ok(b"two"))
    go = threading.Event()
    o, g, c = t.proxy(serve)
    check(c.ask(get("/1")), "HTTP/1.1 200 OK\n\none")
    go.set()
    true(said.wait(30), "the link that spoke unasked was not closed")
    check(c.ask(get("/2")), "HTTP/1.1 200 OK\n\ntwo")
