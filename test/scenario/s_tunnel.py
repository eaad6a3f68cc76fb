# SPDX-License-Identifier: MIT
"""Upgrades and streams: WebSockets and any other protocol, server-sent events byte by byte."""
import threading
import time

from harness import Row, scenario, table
from wire import check, chunked, equal, get, http, ok, post, true

UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
SWITCH = http("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n\n")
SWITCHED = "HTTP/1.1 101 Switching Protocols\nConnection: ~(?i)upgrade\nUpgrade: websocket\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n!Content-Length\n!Transfer-Encoding\n\n"


def echo(link):
    """Answers 101 and says everything again."""
    m = link.request_head()
    check(m, "~GET .*\nConnection: ~(?i)upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13")
    link.send(SWITCH)
    while link.got or link.fill():
        data, link.got = link.got, b""
        link.send(data)


def tunnel(g, target="/ws"):
    c = g.client()
    c.send(get(target, *UPGRADE))
    check(c.response(), SWITCHED)
    return c


@scenario("tunnel/echo")
def tunnel_echo(t):
    o, g, _ = t.proxy(echo)
    c = tunnel(g)
    for i in range(50):
        c.send(b"\x81\x05hello%d\x00\r\n\r\n" % i).expect(b"\x81\x05hello%d\x00\r\n\r\n" % i)
    check(o.requests[0], "GET /ws HTTP/1.1\nHost: a.example\nVia: 1.1 gateway\n!Content-Length")
    c.finish()
    c.eof()
    g.logged(r'"GET /ws HTTP/1.1" 101 ')


@scenario("tunnel/any-protocol")
def any_protocol(t):
    def serve(link):
        check(link.request_head(), "~GET .*\nUpgrade: foo/2")
        link.send(http("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: foo/2\n\n") + b"server speaks first")
        link.expect(b"client").send(b"!")
    o, g, c = t.proxy(serve)
    c.send(get("/", "Connection: upgrade", "Upgrade: foo/2"))
    check(c.response(), "HTTP/1.1 101\nUpgrade: foo/2")
    c.expect(b"server speaks first").send(b"client").expect(b"!")
    c.eof()


@scenario("tunnel/client-speaks-with-request")
def client_eager(t):
    """Bytes behind the request belong to the new protocol once it was agreed."""
    o, g, c = t.proxy(echo)
    c.send(get("/", *UPGRADE) + b"eager")
    check(c.response(), SWITCHED)
    c.expect(b"eager")


@scenario("tunnel/half-close-by-client", plain="TLS 1.2 has no half-closed connections (RFC 5246 7.2.1)")
def half_close_client(t):
    """The client ends its side; what the origin still says arrives."""
    def serve(link):
        link.request_head()
        link.send(SWITCH)
        equal(link.ends(), b"last words", "what the client said")
        link.send(b"answer after the end")
    o, g, _ = t.proxy(serve)
    c = tunnel(g)
    c.send(b"last words").finish()
    c.expect(b"answer after the end")
    c.eof()


@scenario("tunnel/half-close-by-origin", plain="TLS 1.2 has no half-closed connections (RFC 5246 7.2.1)")
def half_close_origin(t):
    said = []

    def serve(link):
        link.request_head()
        link.send(SWITCH + b"bye").finish()
        said.append(link.ends())
        over.set()
    over = threading.Event()
    o, g, _ = t.proxy(serve)
    c = tunnel(g)
    c.expect(b"bye")
    c.eof()
    c.send(b"still talking")
    c.close()
    true(over.wait(30), "the link was kept")
    equal(said, [b"still talking"])


@scenario("tunnel/large-both-ways", slow=True)
def large(t):
    size = (64 << 10) if t.tiny else (8 << 20)
    data = bytes(range(256)) * (size // 256)
    o, g, _ = t.proxy(echo)
    c = tunnel(g)
    sender = threading.Thread(target=lambda: c.send(data))
    sender.start()
    true(c.exactly(size) == data, "the echo differs")
    c.finish()
    c.eof()
    sender.join()


@scenario("tunnel/origin-resets")
def origin_resets(t):
    def serve(link):
        link.request_head()
        link.send(SWITCH)
        link.expect(b"x")
        link.reset()
    o, g, _ = t.proxy(serve)
    c = tunnel(g)
    c.send(b"x")
    c.ends()


@scenario("tunnel/client-resets")
def client_resets(t):
    over = threading.Event()

    def serve(link):
        link.request_head()
        link.send(SWITCH)
        link.expect(b"x")
        link.ends()
        over.set()
    o, g, _ = t.proxy(serve)
    c = tunnel(g)
    c.send(b"x")
    o.wait(1)
    c.reset()
    true(over.wait(30), "the link was kept")


@scenario("tunnel/refused-then-ordinary")
def refused(t):
    """The origin answers an upgrade with something else: an ordinary connection goes on, with every check."""
    o, g, c = t.proxy(answers=[ok(b"no websockets here", status="400 Bad Request"), ok(b"fine")])
    check(c.ask(get("/ws", *UPGRADE)), "HTTP/1.1 400 Bad Request\n!Upgrade\n\nno websockets here")
    check(c.ask(get("/next")), "HTTP/1.1 200 OK\n\nfine")
    check(o.requests[1], "GET /next HTTP/1.1\n!Upgrade\n!Connection")
    c.send(http("GET / HTTP/1.1\nHost: a.example\nX : y\n\n"))
    check(c.final(), "HTTP/1.1 400")
    c.eof()
    equal(len(o.requests), 2)


@scenario("tunnel/refused-does-not-open-denied")
def refused_denied(t):
    """What follows a refused upgrade is routed and checked as any request (the classic smuggling by Upgrade)."""
    o = t.origin(answers=ok(b"no"))
    g = t.gateway(f"[site *]\n/ = {o.url}\n/secret/ = {o.url} deny=0.0.0.0/0")
    c = g.client()
    c.send(get("/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 777") + get("/secret/x"))
    check(c.final(), "HTTP/1.1 200 OK\n\nno")
    check(c.final(), "HTTP/1.1 403")
    equal([m.target for m in o.requests], ["/ws"])


@scenario("tunnel/426-refused")
def upgrade_required(t):
    o, g, c = t.proxy(answers=ok(b"upgrade!", "Upgrade: websocket", "Connection: upgrade", status="426 Upgrade Required"))
    check(c.ask(get("/ws", *UPGRADE)), "HTTP/1.1 426\n\nupgrade!")
    check(c.ask(get("/ws", *UPGRADE)), "HTTP/1.1 426\n\nupgrade!")


table("upgrade", "/ = {o}", [
    Row("without-connection", get("/", "Upgrade: websocket"), "GET / HTTP/1.1\n!Upgrade\n!Connection", closes=False),
    Row("h2c-never", get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        "GET / HTTP/1.1\n!Upgrade\n!HTTP2-Settings\n!Connection", closes=False),
    Row("h2c-case", get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: H2C", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        "GET / HTTP/1.1\n!Upgrade\n!HTTP2-Settings\n!Connection", closes=False),
    Row("h2c-listed", get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: websocket, h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        "GET / HTTP/1.1\n!HTTP2-Settings", closes=False),
    Row("not-in-1.0", get("/", "Connection: upgrade", "Upgrade: websocket", version="1.0"), "GET / HTTP/1.1\n!Upgrade"),
    Row("connection-list", get("/", "Connection: keep-alive, Upgrade", "Upgrade: websocket"), "GET / HTTP/1.1\nConnection: ~(?i)upgrade\nUpgrade: websocket", closes=False),
    Row("connection-nonsense", get("/", "Connection: upgrade, (x)", "Upgrade: websocket"), "GET / HTTP/1.1\n!Upgrade\n!Connection"),
    Row("http-2-by-another-name", get("/", "Connection: upgrade", "Upgrade: HTTP/2.0"), "GET / HTTP/1.1\n!Upgrade"),
    Row("connection-only", get("/", "Connection: upgrade"), "GET / HTTP/1.1\n!Upgrade\n!Connection", closes=False),
    Row("101-to-plain-request", get("/"), "~GET .*", lambda link, m: (link.send(SWITCH), link.ends()), "HTTP/1.1 502"),
    Row("101-without-upgrade-field", get("/", *UPGRADE), "~GET .*", lambda link, m: (link.send(http("HTTP/1.1 101 Switching Protocols\n\n")), link.ends()), "HTTP/1.1 502"),
])


@scenario("tunnel/h2c-in-list-stripped")
def h2c_stripped(t):
    o, g, c = t.proxy()
    c.ask(get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c, websocket", "HTTP2-Settings: AAMAAABkAAQAAP__"))
    true(not any("h2c" in v.lower() for v in o.requests[0].all("Upgrade")), f"h2c went up: {o.requests[0]}")


@scenario("tunnel/upgrade-with-body")
def upgrade_body(t):
    """A POST that asks for an upgrade and is refused: its body is a body."""
    o, g, c = t.proxy()
    check(c.ask(post(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n", *UPGRADE)), "HTTP/1.1 200 OK\n\nok")
    check(c.ask(get("/next")), "HTTP/1.1 200 OK\n\nok")
    equal([m.target for m in o.requests], ["/", "/next"])


@scenario("tunnel/idle-time-of-its-own")
def idle_time(t):
    """Quiet for tunnel_timeout: it ends; and a body timeout does not touch it."""
    over = threading.Event()

    def serve(link):
        link.request_head()
        link.send(SWITCH)
        link.ends()
        over.set()
    o, g, _ = t.proxy(serve, top="tunnel_timeout = 700ms\nbody_timeout = 100ms\nidle_timeout = 100ms\nresponse_timeout = 10s")
    c = tunnel(g)
    c.eof()
    true(over.wait(30), "the link was kept")


@scenario("tunnel/longer-than-other-timeouts")
def long_tunnel(t):
    """With every other timeout short, a tunnel that is in use lives on."""
    o, g, _ = t.proxy(echo, top="body_timeout = 200ms\nidle_timeout = 200ms\nresponse_timeout = 5s\nhead_timeout = 5s\nsend_timeout = 5s")
    c = tunnel(g)
    end = time.monotonic() + 1
    while time.monotonic() < end:
        c.send(b"ping").expect(b"ping")
        g.place.connect().close()
        time.sleep(0.25)  # longer than those, so that they would have struck
    c.send(b"last").expect(b"last")


# --- streams -------------------------------------------------------------------

@scenario("stream/events-byte-by-byte")
def events(t):
    """Each byte of an event stream reaches the client before the next one is sent."""
    seen = threading.Semaphore(0)

    def serve(link):
        link.request()
        link.send(http("HTTP/1.1 200 OK\nContent-Type: text/event-stream\nCache-Control: no-cache\nTransfer-Encoding: chunked\n\n"))
        for byte in text:
            link.send(chunked(bytes([byte]), last=False))
            true(seen.acquire(timeout=30), "the client did not see the last byte")
        link.send(chunked())
    text = b"event: token\ndata: {\"t\": \"Hello\"}\n\n"
    o, g, c = t.proxy(serve)
    c.send(get("/events", "Accept: text/event-stream"))
    check(c.head(), "HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked")
    for byte in text:
        equal(c.chunk(), bytes([byte]))
        seen.release()
    equal(c.chunk(), b"")


@scenario("stream/close-delimited-byte-by-byte")
def events_close(t):
    """The same from a server that ends by closing, to a client of HTTP/1.0."""
    seen = threading.Semaphore(0)

    def serve(link):
        link.request()
        link.send(http("HTTP/1.0 200 OK\nContent-Type: text/event-stream\n\n"))
        true(seen.acquire(timeout=30), "the head was kept back")
        for byte in b"data: x\n\n":
            link.send(bytes([byte]))
            true(seen.acquire(timeout=30), "the client did not see the last byte")
    o, g, c = t.proxy(serve)
    c.send(get("/events", version="1.0"))
    check(c.head(), "HTTP/1.1 200 OK\nContent-Type: text/event-stream")
    seen.release()
    for byte in b"data: x\n\n":
        c.expect(bytes([byte]))
        seen.release()
    c.eof()


@scenario("stream/length-byte-by-byte")
def length_bytes(t):
    seen = threading.Semaphore(0)

    def serve(link):
        link.request()
        link.send(http("HTTP/1.1 200 OK\nContent-Length: 20\n\n"))
        for _ in range(20):
            link.send(b"x")
            true(seen.acquire(timeout=30), "the client did not see the last byte")
    o, g, c = t.proxy(serve)
    c.send(get())
    c.head()
    for _ in range(20):
        c.expect(b"x")
        seen.release()


@scenario("stream/upload-byte-by-byte")
def upload_bytes(t):
    seen = threading.Semaphore(0)

    def serve(link):
        link.request_head()
        for _ in range(20):
            link.expect(b"x")
            seen.release()
        link.send(ok())
    o, g, c = t.proxy(serve)
    c.send(get("/", "Content-Length: 20", method="POST"))
    for _ in range(20):
        c.send(b"x")
        true(seen.acquire(timeout=30), "the origin did not see the last byte")
    check(c.final("POST"), "HTTP/1.1 200")


@scenario("stream/event-stream-has-tunnel-time")
def event_stream_time(t):
    """A quiet event stream is given tunnel_timeout, not body_timeout."""
    go = threading.Event()

    def serve(link):
        link.request()
        link.send(http("HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n") + chunked(b"a", last=False))
        go.wait(30)
        link.send(chunked(b"b"))
    o, g, c = t.proxy(serve, top="body_timeout = 300ms\ntunnel_timeout = 10m")
    c.send(get())
    c.head()
    equal(c.chunk(), b"a")
    time.sleep(1)  # not for luck: body_timeout must have passed
    go.set()
    equal(c.chunk(), b"b")
    equal(c.chunk(), b"")


@scenario("tunnel/refused-link-is-not-used-again")
def refused_link(t):
    """Some servers read no more HTTP on a connection that was asked for an upgrade, though they keep it open."""
    def serve(link):
        m = link.request_head()
        link.send(ok(m.target.encode()) if m.target == "/next" else http("HTTP/1.1 403 Forbidden\nContent-Length: 2\n\nno"))
        link.ends()
    o, g, c = t.proxy(serve, top="response_timeout = 1h")
    check(c.ask(get("/ws", "Connection: upgrade", "Upgrade: websocket")), "HTTP/1.1 403\n\nno")
    check(c.ask(get("/next")), "HTTP/1.1 200\n\n/next")
    equal(len(o.links), 2, "links")
