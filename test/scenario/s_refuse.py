# SPDX-License-Identifier: MIT
"""What is not taken: every refusal of a request, and every response that is none."""
import threading

from harness import Row, scenario, table
from wire import check, chunked, equal, get, http, ok, page_id, post, true

HOST = "Host: a.example\n"
BYE = "\nConnection: close"


def bad(name, data, status=400, closes=True):
    """This status, the connection ends, the origin sees nothing, the log says it."""
    return Row(name, data, None, None, f"~HTTP/1\\.1 ({status}) .*{BYE if closes else ''}", closes=closes, log=rf'" ({status}) ')


def lines(*fields, start="GET / HTTP/1.1", host=True):
    return http("\n".join([start, *(["Host: a.example"] if host else []), *fields]) + "\n\n")


def te(value, body=b"0\r\n\r\n"):
    return lines(f"Transfer-Encoding: {value}", start="POST / HTTP/1.1") + body


def chunk(wire):
    """A chunked body that is wrong in its first chunk."""
    return te("chunked", wire)


table("refuse", "/ = {o}", [
    # line ends and control bytes (RFC 9112 2.2, RFC 9110 5.5)
    bad("bare-lf-start", b"GET / HTTP/1.1\nHost: a.example\r\n\r\n"),
    bad("bare-lf-field", b"GET / HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n"),
    bad("bare-lf-end", b"GET / HTTP/1.1\r\nHost: a.example\r\n\n"),
    bad("bare-lf-all", b"GET / HTTP/1.1\nHost: a.example\n\n"),
    bad("bare-cr-value", lines("X: a\rb")),
    bad("bare-cr-end", b"GET / HTTP/1.1\r\nHost: a.example\r\rX: y\r\n\r\n"),
    bad("bare-cr-name", b"GET / HTTP/1.1\r\nHost: a.example\r\nX\r: y\r\n\r\n"),
    bad("nul-value", lines("X: a\0b")),
    bad("nul-name", lines("X\0Y: b")),
    bad("nul-target", lines(start="GET /a\0b HTTP/1.1")),
    bad("control-value", lines("X: a\x01b")),
    bad("escape-value", lines("X: a\x1bb")),
    bad("delete-value", lines("X: a\x7fb")),
    bad("tab-in-name", lines("X\tY: b")),
    bad("obs-fold", lines("X: a", " folded")),
    bad("obs-fold-tab", lines("X: a", "\tfolded")),
    bad("obs-fold-first", http("GET / HTTP/1.1\n Host: a.example\n\n")),
    bad("blank-before-colon", lines("X : a")),
    bad("tab-before-colon", lines("X\t: a")),
    bad("blank-before-colon-length", lines("Content-Length : 5", start="POST / HTTP/1.1") + b"12345"),
    bad("empty-name", lines(": a")),
    bad("no-colon", lines("nonsense")),
    bad("name-not-token", lines("X(Y): a")),
    bad("name-high-byte", lines("X\xe9: a")),
    # the start line (RFC 9112 3)
    bad("no-version", http(f"GET /\n{HOST}\n")),
    bad("two-blanks", lines(start="GET  / HTTP/1.1")),
    bad("blank-in-target", lines(start="GET /a b HTTP/1.1")),
    bad("blank-at-end", lines(start="GET / HTTP/1.1 ")),
    bad("tab-separator", lines(start="GET\t/ HTTP/1.1")),
    bad("method-not-token", lines(start="G(T / HTTP/1.1")),
    bad("no-method", lines(start=" / HTTP/1.1")),
    bad("not-http", lines(start="GET / HTCPCP/1.1")),
    bad("version-case", lines(start="GET / http/1.1")),
    bad("version-long", lines(start="GET / HTTP/1.10")),
    bad("target-high-byte", lines(start="GET /\xe9 HTTP/1.1")),
    bad("tls-hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x00" * 40 + b"\r\n\r\n"),
    bad("http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    bad("http-2.0", lines(start="GET / HTTP/2.0"), 505),
    bad("http-0.9", lines(start="GET / HTTP/0.9"), 505),
    bad("http-1.2", lines(start="GET / HTTP/1.2"), 505),
    bad("http-3.0", lines(start="GET / HTTP/3.0"), 505),
    # lengths (RFC 9112 6)
    bad("length-and-chunked", lines("Content-Length: 5", "Transfer-Encoding: chunked", start="POST / HTTP/1.1") + b"0\r\n\r\n"),
    bad("chunked-and-length", lines("Transfer-Encoding: chunked", "Content-Length: 0", start="POST / HTTP/1.1") + b"0\r\n\r\n"),
    bad("two-lengths", lines("Content-Length: 5", "Content-Length: 6", start="POST / HTTP/1.1") + b"123456"),
    bad("two-same-lengths", lines("Content-Length: 5", "Content-Length: 5", start="POST / HTTP/1.1") + b"12345"),
    bad("length-list", lines("Content-Length: 5, 5", start="POST / HTTP/1.1") + b"12345"),
    bad("length-plus", lines("Content-Length: +5", start="POST / HTTP/1.1") + b"12345"),
    bad("length-minus", lines("Content-Length: -1", start="POST / HTTP/1.1")),
    bad("length-hex", lines("Content-Length: 0x5", start="POST / HTTP/1.1") + b"12345"),
    bad("length-blank-inside", lines("Content-Length: 1 0", start="POST / HTTP/1.1") + b"1234567890"),
    bad("length-empty", lines("Content-Length:", start="POST / HTTP/1.1")),
    bad("length-letters", lines("Content-Length: five", start="POST / HTTP/1.1")),
    bad("length-overflow", lines("Content-Length: 18446744073709551616", start="POST / HTTP/1.1")),
    bad("length-fraction", lines("Content-Length: 5.0", start="POST / HTTP/1.1") + b"12345"),
    bad("coding-gzip", te("gzip"), 501),
    bad("coding-gzip-chunked", te("gzip, chunked"), 501),
    bad("coding-identity", te("identity"), 501),
    bad("coding-twice-listed", te("chunked, chunked"), "400|501"),
    bad("coding-two-fields", lines("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", start="POST / HTTP/1.1") + b"0\r\n\r\n"),
    bad("coding-two-fields-identity", lines("Transfer-Encoding: chunked", "Transfer-Encoding: identity", start="POST / HTTP/1.1") + b"0\r\n\r\n"),
    bad("coding-parameter", te("chunked;a=b"), "400|501"),
    bad("coding-quoted", te('"chunked"'), "400|501"),
    bad("coding-empty", te(""), 400),
    bad("coding-vertical-tab", te("\x0bchunked"), 400),
    bad("coding-comma", te(",chunked"), "400|501"),
    bad("coding-1.0", lines("Transfer-Encoding: chunked", start="POST / HTTP/1.0") + b"0\r\n\r\n"),
    bad("connection-options-without-end", lines("Connection: " + "a," * 500)),
    # Host (RFC 9112 3.2)
    bad("no-host", lines(host=False)),
    bad("two-hosts", lines("Host: b.example")),
    bad("two-same-hosts", lines("Host: a.example")),
    bad("two-hosts-1.0", lines("Host: b.example", start="GET / HTTP/1.0")),
    bad("host-empty", lines("Host:", host=False)),
    bad("host-list", lines("Host: a.example, b.example", host=False)),
    bad("host-blank", lines("Host: a.example b.example", host=False)),
    bad("host-path", lines("Host: a.example/x", host=False)),
    bad("host-user", lines("Host: u@a.example", host=False)),
    bad("host-port-letters", lines("Host: a.example:http", host=False)),
    bad("host-port-big", lines("Host: a.example:65536", host=False)),
    bad("host-bracket", lines("Host: [::1", host=False)),
    bad("host-not-ip6", lines("Host: [nonsense]", host=False)),
    bad("host-quote", lines('Host: "a.example"', host=False)),
    bad("host-percent", lines("Host: a%2eexample", host=False)),
    bad("absolute-user", lines(start="GET http://u:p@a.example/ HTTP/1.1")),
    bad("absolute-no-host", lines(start="GET http:///x HTTP/1.1")),
    bad("absolute-bad-port", lines(start="GET http://a.example:99999/ HTTP/1.1")),
    bad("absolute-other-scheme", lines(start="GET ftp://a.example/ HTTP/1.1")),
    bad("absolute-without-host", lines(start="GET http://a.example/ HTTP/1.1", host=False)),
    # targets
    bad("relative", lines(start="GET x HTTP/1.1")),
    bad("empty-query-target", lines(start="GET ?x HTTP/1.1")),
    bad("asterisk-get", lines(start="GET * HTTP/1.1")),
    bad("fragment", lines(start="GET /a#b HTTP/1.1")),
    bad("fragment-query", lines(start="GET /a?b#c HTTP/1.1")),
    bad("percent-00", lines(start="GET /a%00b HTTP/1.1")),
    bad("percent-0a", lines(start="GET /a%0ab HTTP/1.1")),
    bad("percent-0d", lines(start="GET /a%0Db HTTP/1.1")),
    bad("percent-1f", lines(start="GET /a%1fb HTTP/1.1")),
    bad("percent-7f", lines(start="GET /a%7fb HTTP/1.1")),
    bad("percent-short", lines(start="GET /a%2 HTTP/1.1")),
    bad("percent-letters", lines(start="GET /a%zz HTTP/1.1")),
    bad("escapes-root", lines(start="GET /.. HTTP/1.1")),
    bad("escapes-root-deep", lines(start="GET /a/../../b HTTP/1.1")),
    bad("escapes-root-encoded", lines(start="GET /%2e%2e/etc HTTP/1.1")),
    bad("escapes-root-half", lines(start="GET /.%2E/etc HTTP/1.1")),
    bad("connect-authority", lines(start="CONNECT a.example:443 HTTP/1.1"), 405, closes=None),
    bad("trace", lines(start="TRACE / HTTP/1.1"), 405, closes=False),
    # too much
    bad("head-too-long", lines("X: " + "x" * 70000), 431),
    bad("many-fields", lines(*[f"X-{i}: y" for i in range(300)]), 431),
    bad("long-name", lines("X" * 300 + ": y"), 431),
    bad("long-target", lines(start="GET /" + "x" * 70000 + " HTTP/1.1"), 414),
    bad("expectation", lines("Expect: sorcery"), 417),
])


def breaks(name, wire):
    """The head may have gone up when the body turns out to be wrong: 400, nothing behind the fault goes up."""
    @scenario(f"refuse/chunk-{name}")
    def run(t):
        def serve(link):
            link.request_head()
            link.ends()
        o, g, c = t.proxy(serve)
        c.send(chunk(b"1\r\na\r\n" + wire))
        check(c.final("POST"), f"HTTP/1.1 400{BYE}")
        c.eof()
        g.logged(r'" 400 ')
        t.finish()
        for link in o.links:
            body = bytes(link.raw).partition(b"\r\n\r\n")[2]
            true(b"\r\n0\r\n" not in body and not body.startswith(b"0"), f"completed: {body!r}")
            true(b"smuggled" not in body, f"went on: {body!r}")


for name, wire in {
    "size-overflow": b"10000000000000000\r\nsmuggled",
    "size-overflow-more": b"fffffffffffffffffffff\r\nsmuggled",
    "size-empty": b"\r\nsmuggled",
    "size-prefix": b"0x5\r\nsmuggled",
    "size-minus": b"-5\r\nsmuggled",
    "size-plus": b"+5\r\nsmuggled",
    "size-blank-first": b" 5\r\nsmuggled",
    "size-letters": b"g\r\nsmuggled",
    "bare-lf-size": b"5\nhello\r\n0\r\n\r\n",
    "bare-lf-data": b"5\r\nhello\n0\r\n\r\n",
    "bare-cr-size": b"5\rhello\r\n0\r\n\r\n",
    "data-too-long": b"5\r\nhelloX\r\n0\r\n\r\n",
    "data-too-short": b"5\r\nhell\r\n0\r\n\r\n",
    "extension-control": b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
    "extension-lf": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "extension-endless": b"5;" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    "trailer-lf": b"0\r\nX: y\n\r\n",
    "trailer-control": b"0\r\nX: \x00\r\n\r\n",
    "trailer-endless": b"0\r\n" + b"X: y\r\n" * 20000,
    "size-endless": b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n",
}.items():
    breaks(name, wire)


@scenario("refuse/long-but-fine")
def long_but_fine(t):
    """Just inside the limits of gateway.h."""
    o, g, c = t.proxy()
    n = 900 if t.tiny else 6000
    check(c.ask(get("/" + "x" * n)), "HTTP/1.1 200")
    equal(len(o.requests[0].target), n + 1)
    fields = 40 if t.tiny else 95
    check(c.ask(get("/", *[f"X-{i}: y" for i in range(fields)])), "HTTP/1.1 200")
    equal([v for n, v in o.requests[1].fields if n.startswith("X-") and n[2:].isdigit()], ["y"] * fields)
    check(c.ask(get("/", "X: " + "y" * (1500 if t.tiny else 7500))), "HTTP/1.1 200")


@scenario("refuse/underscore-dropped")
def underscore(t):
    o, g, c = t.proxy()
    check(c.ask(get("/", "X_Forwarded_For: 1.2.3.4", "Content_Length: 5", "X-Ok: 1")), "HTTP/1.1 200")
    check(o.requests[0], "GET / HTTP/1.1\nX-Ok: 1\n!X_Forwarded_For\n!Content_Length")


@scenario("refuse/page")
def page(t):
    """A refusal has a small page that says why, with an id that is in the log too."""
    o, g, c = t.proxy()
    c.send(http("GET / HTTP/1.1\nHost: a.example\nX : y\n\n"))
    m = check(c.final(), "HTTP/1.1 400\nContent-Type: ~text/html.*\nContent-Length: ~\\d+\nDate: ~.*GMT\n\n~400")
    c.eof()
    g.logged(rf'" 400 .* {page_id(m)} "')


@scenario("refuse/head-has-no-page")
def head_page(t):
    """A refusal of HEAD has no body, and the connection is in step."""
    o, g, c = t.proxy()
    c.send(get("/../x", method="HEAD"))
    check(c.response("HEAD"), "HTTP/1.1 400")
    c.eof()


# --- responses that are none: 502, and the link is closed ------------------------------

class Response(Row):
    """What the origin says, instead of what a client says."""

    def __init__(self, name, answer, method="GET", got=None):
        super().__init__(name, get(method=method), f"~{method} .*", lambda link, m: (link.send(answer), link.ends()),
                         got or "HTTP/1.1 502\nContent-Type: ~text/html.*\n\n~502", log='" 502 ')

    def run(self, t, g, o):
        links = len(o.links)
        super().run(t, g, o)
        # the next request needs a new link: this one was closed
        o.answers(ok())
        check(g.ask(), "HTTP/1.1 200")
        o.expected += 1
        true(len(o.links) >= links + 1, "the link was used again")


def says(*fields, body=b"", start="HTTP/1.1 200 OK"):
    return http("\n".join([start, *fields]) + "\n\n", body)


table("malformed", "/ = {o} max_fails=0", [
    Response("nonsense", b"nonsense\r\n\r\n"),
    Response("http-0.9", b"<html>hello</html>\r\n\r\n"),
    Response("no-version", http("200 OK\n\n")),
    Response("ssh", b"SSH-2.0-OpenSSH_9\r\n\r\n"),
    Response("version-2", says("Content-Length: 0", start="HTTP/2.0 200 OK")),
    Response("status-two-digits", says("Content-Length: 0", start="HTTP/1.1 20 OK")),
    Response("status-four-digits", says("Content-Length: 0", start="HTTP/1.1 2000 OK")),
    Response("status-letters", says("Content-Length: 0", start="HTTP/1.1 2x0 OK")),
    Response("status-099", says("Content-Length: 0", start="HTTP/1.1 099 Low")),
    Response("two-blanks", says("Content-Length: 0", start="HTTP/1.1  200 OK")),
    Response("two-lengths", says("Content-Length: 3", "Content-Length: 4", body=b"abcd")),
    Response("length-and-chunked", says("Content-Length: 3", "Transfer-Encoding: chunked", body=chunked(b"abc"))),
    Response("length-letters", says("Content-Length: x", body=b"abc")),
    Response("length-minus", says("Content-Length: -3", body=b"abc")),
    Response("length-overflow", says("Content-Length: 99999999999999999999", body=b"abc")),
    Response("coding-gzip", says("Transfer-Encoding: gzip", body=b"abc")),
    Response("coding-gzip-chunked", says("Transfer-Encoding: gzip, chunked", body=chunked(b"abc"))),
    Response("coding-two-fields", says("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=chunked(b"abc"))),
    Response("coding-1.0", says("Transfer-Encoding: chunked", start="HTTP/1.0 200 OK", body=chunked(b"abc"))),
    Response("control-value", says("Content-Length: 0", "X: a\x01b")),
    Response("nul-value", says("Content-Length: 0", "X: a\0b")),
    Response("bare-cr", says("Content-Length: 0", "X: a\rSet-Cookie: evil")),
    Response("bare-lf", b"HTTP/1.1 200 OK\r\nContent-Length: 0\nX: y\r\n\r\n"),
    Response("blank-before-colon", says("Content-Length : 0")),
    Response("empty-name", says("Content-Length: 0", ": x")),
    Response("no-colon", says("Content-Length: 0", "nonsense")),
    Response("too-long", says("X: " + "y" * 70000)),
    Response("too-many-fields", says(*[f"X-{i}: y" for i in range(300)])),
    Response("head-conflict", says("Content-Length: 3", "Content-Length: 4"), method="HEAD", got="HTTP/1.1 502"),
    Response("101-unasked", says("Connection: upgrade", "Upgrade: websocket", start="HTTP/1.1 101 Switching Protocols")),
    Response("status-000", says("Content-Length: 0", start="HTTP/1.1 000 None")),
])


@scenario("malformed/nothing-at-all")
def nothing_at_all(t):
    """A link that closes without an answer: 502, after every try was used."""
    o, g, c = t.proxy(lambda link: link.request(), route="max_fails=0")
    check(c.ask(get()), "HTTP/1.1 502\n\n~502")
    check(c.ask(post(b"x")), "HTTP/1.1 502\n\n~502")
    check(c.ask(get(method="HEAD")), "HTTP/1.1 502")


@scenario("malformed/half-a-head")
def half_head(t):
    def serve(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    o, g, c = t.proxy(serve, route="max_fails=0")
    check(c.ask(get()), "HTTP/1.1 502\n\n~502")
    equal(len(o.requests), 1, "a byte of a response came, so there is no second try; requests")


@scenario("malformed/obs-fold-joined")
def obs_fold(t):
    """In a response a folded line is one value (RFC 9112 5.2)."""
    o, g, c = t.proxy(answers=http("HTTP/1.1 200 OK\nX-Folded: a\n   b\n\tc\nContent-Length: 2\n\nok"))
    m = check(c.ask(get()), "HTTP/1.1 200 OK\nX-Folded: ~a[ \\t]+b[ \\t]+c\n\nok")
    true(b"\r\n " not in m.raw and b"\r\n\t" not in m.raw, "it is still folded")


@scenario("malformed/endless-interim")
def endless_interim(t):
    """An origin that says 103 for ever does not hold a client for ever, and others not at all."""
    def serve(link):
        link.request()
        try:
            while True:
                link.send(http("HTTP/1.1 103 Early Hints\n\n") * 100)
        except OSError:
            over.set()
    over = threading.Event()
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url} response_timeout=1s\n/other/ = reply:200\n")
    c = g.client()
    c.send(get("/endless"))
    o.wait(1)
    check(g.ask(get("/other/")), "HTTP/1.1 200")
    try:
        while (m := c.head()) is not None and m.status < 200:
            pass
        if m is not None:
            check(m, "~HTTP/1.1 50[24] .*")
    except OSError:
        pass
    true(over.wait(30), "the link was kept")
