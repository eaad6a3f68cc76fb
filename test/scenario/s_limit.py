# SPDX-License-Identifier: MIT
"""How much one client may ask for: requests in time and at a time, size, bytes a second.

Nothing here measures how fast something is: limits are so low that they do not
refill while a scenario runs, and bandwidth is proven by the time that bytes must
at least have taken.
"""
import contextlib
import os
import threading
import time

from harness import SCENARIOS, Entry, Row, scenario, table
from s_tunnel import echo, tunnel
from wire import Wrong, check, chunked, equal, get, http, ok, post, true

TOO_MANY = "HTTP/1.1 429 Too Many Requests\nRetry-After: ~[1-9][0-9]*\nContent-Type: text/html; charset=utf-8\nCache-Control: no-store"
CHUNKED = "Transfer-Encoding: chunked\n"
UP = http(f"POST /up HTTP/1.1\nHost: a.example\n{CHUNKED}\n")


def passes(g, count, *fields, target="/", **how):
    """So many requests pass, and the next one does not."""
    for _ in range(count):
        check(g.ask(get(target, *fields), **how), "HTTP/1.1 200")
    return check(g.ask(get(target, *fields), **how), TOO_MANY)


# --- requests in time ---------------------------------------------------------------

@scenario("limit/burst-then-429")
def burst(t):
    o, g, c = t.proxy(route="limit=1/h burst=3")
    for _ in range(3):
        check(c.ask(get()), "HTTP/1.1 200\n!Retry-After")
    m = check(c.ask(get()), TOO_MANY + "\n!Connection")
    true(3000 < int(m.get("Retry-After")) <= 3600, f"Retry-After: {m.get('Retry-After')}")
    g.logged('" 429 ')
    check(c.ask(post(b"body")), "HTTP/1.1 429")
    check(g.ask(get("/x", method="HEAD")), "HTTP/1.1 429\nRetry-After: ~[0-9]+\n\n")
    o.sync()
    equal(len(o.requests), 3, "requests at the origin")


@scenario("limit/passes-again-after-retry-after")
def refill(t):
    o, g, c = t.proxy(route="limit=1/s burst=2")
    for _ in range(3):
        m = c.ask(get())
        for _ in range(50):
            if m.status == 429:
                break
            m = c.ask(get())
        check(m, TOO_MANY.replace("~[1-9][0-9]*", "1"))
        time.sleep(1)
        check(c.ask(get()), "HTTP/1.1 200")


@scenario("limit/refused-ones-cost-nothing")
def refused_are_free(t):
    """Who goes on asking does not wait longer for that."""
    o, g, c = t.proxy(route="limit=1/h")
    check(c.ask(get()), "HTTP/1.1 200")
    waits = [int(check(c.ask(get()), TOO_MANY).get("Retry-After")) for _ in range(20)]
    true(max(waits) <= 3600 and sorted(waits, reverse=True) == waits, f"Retry-After: {waits}")


@scenario("limit/burst-is-the-rate-by-default")
def default_burst(t):
    o = t.origin()
    g = t.gateway(f"[site *]\nlimit = 4/h\n/ = {o.url}")
    m = passes(g, 4)
    true(500 < int(m.get("Retry-After")) <= 900, f"Retry-After: {m.get('Retry-After')}")


@scenario("limit/by-address")
def by_address(t):
    o, g, c = t.proxy(route="limit=1/h burst=2")
    for source in "127.0.0.2", "127.0.0.3", "127.0.0.4":
        passes(g, 2, source=source)
    passes(g, 2)
    check(g.ask(get(), source="127.0.0.2"), "HTTP/1.1 429")


@scenario("limit/over-all-connections")
def over_connections(t):
    o, g, c = t.proxy(route="limit=1/h burst=4")
    clients = [g.client() for _ in range(5)]
    equal([c.ask(get()).status for c in clients], [200] * 4 + [429])


@scenario("limit/over-all-workers")
def over_workers(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url} limit=1/h burst=5", top="workers = 2")
    g.workers(2)
    clients = [g.client() for _ in range(12)]
    equal(sorted(c.ask(get()).status for c in clients), [200] * 5 + [429] * 7)


@scenario("limit/survives-a-reload")
def reloaded(t):
    o, g, c = t.proxy(route="limit=1/h burst=2")
    passes(g, 2)
    g.reload()
    check(g.ask(get()), "HTTP/1.1 429")
    check(g.ask(get(), source="127.0.0.2"), "HTTP/1.1 200")


@scenario("limit/by-what-trusted-proxies-say")
def by_forwarded(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url} limit=1/h burst=2", top="trusted = 127.0.0.1, 10.0.0.0/8")
    passes(g, 2, "X-Forwarded-For: 203.0.113.1")
    passes(g, 2, "X-Forwarded-For: 203.0.113.2, 10.1.2.3")
    # what stands left of the client is the client's own invention
    for lie in "9.9.9.1, ", "9.9.9.2, 9.9.9.3, ", "2001:db8::1, ":
        check(g.ask(get("/", f"X-Forwarded-For: {lie}203.0.113.1")), "HTTP/1.1 429")


@scenario("limit/nobody-else-says-who-asks")
def by_nobody_else(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url} limit=1/h burst=2", top="trusted = 127.0.0.9")
    seen = [g.ask(get("/", f"X-Forwarded-For: 203.0.113.{i}", f"X-Real-IP: 203.0.113.{i}", f"Forwarded: for=203.0.113.{i}")).status for i in range(4)]
    equal(seen, [200, 200, 429, 429])


@scenario("limit/ipv6-by-64")
def by_64(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url} limit=1/h burst=2", top="trusted = 127.0.0.1")
    seen = [g.ask(get("/", f"X-Forwarded-For: 2001:db8:1:2{rest}")).status for rest in ("::1", ":ffff:1:2:3", "::", ":8000::9")]
    equal(seen, [200, 200, 429, 429])
    passes(g, 2, "X-Forwarded-For: 2001:db8:1:3::1")
    passes(g, 2, "X-Forwarded-For: 2001:db8::1")


@scenario("limit/each-rule-by-itself")
def by_rule(t):
    o = t.origin()
    g = t.gateway(f"""[site *]
limit = 1/h burst=3
/ = {o.url}
/same/ = {o.url}
/own/ = {o.url} limit=1/h burst=1
/other/ = {o.url} limit=1/h
/free/ = {o.url} limit=off
/answer/ = reply:204 limit=1/h burst=1
""")
    passes(g, 1, target="/own/")
    passes(g, 1, target="/other/x")
    check(g.ask(get("/")), "HTTP/1.1 200")
    check(g.ask(get("/same/")), "HTTP/1.1 200")
    passes(g, 1, target="/")
    check(g.ask(get("/same/")), "HTTP/1.1 429")  # who inherits a rule shares it
    for _ in range(10):
        check(g.ask(get("/free/")), "HTTP/1.1 200")
    equal([g.ask(get("/answer/")).status for _ in range(2)], [204, 429])


@scenario("limit/no-other-spelling")
def spelled(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/own/ = {o.url} limit=1/h burst=1")
    passes(g, 1, target="/own/")
    for target in "/%6fwn/", "/x/../own/", "/./own/", "/own/?q", "/own/x/y":
        check(g.ask(get(target)), "HTTP/1.1 429")
    for method in "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND":
        check(g.ask(get("/own/", "Content-Length: 0", method=method)), "HTTP/1.1 429")


@scenario("limit/unix-has-no-address")
def over_unix(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url} limit=1/h burst=1 connections=1", listen=[t.unix()])
    for _ in range(5):
        check(g.ask(get()), "HTTP/1.1 200")


# --- requests at a time -----------------------------------------------------------------

class Held:
    """A server that answers when it is told to."""

    def __init__(self):
        self.go = threading.Semaphore(0)

    def __call__(self, link):
        while link.request() is not None:
            if not self.go.acquire(timeout=30):
                raise Wrong("nobody said go")
            link.send(ok(b"held"))


@scenario("connections/at-a-time")
def at_a_time(t):
    held = Held()
    o, g, _ = t.proxy(held, route="connections=2")
    clients = [g.client() for _ in range(4)]
    for i, c in enumerate(clients[:2]):
        c.send(get())
        o.wait(i + 1)
    check(clients[2].ask(get()), TOO_MANY)
    other = g.client(source="127.0.0.2")
    other.send(get())
    o.wait(3)
    for _ in range(3):
        held.go.release()
    for c in [*clients[:2], other]:
        check(c.final(), "HTTP/1.1 200\n\nheld")
    # quiet connections, of which there are four, do not count
    for _ in range(4):
        held.go.release()
        check(clients[2].ask(get()), "HTTP/1.1 200")
    equal(len(o.requests), 7, "requests at the origin")


@scenario("connections/leaving-makes-room")
def leaving(t):
    """Who goes away in the middle, or has no server, is not counted for ever."""
    def serve(link):
        while (m := link.request()) is not None:
            if m.target == "/held":
                link.ends()
                break
            link.send(ok())
    o = t.origin(serve)
    g = t.gateway(f"[site *]\nconnections = 1\n/ = {o.url}\n/dead/ = {t.dead().url}\n")
    for i in range(10):
        c = g.client()
        c.send(get("/held"))
        o.wait(i + 1)
        check(g.ask(get()), "HTTP/1.1 429")
        c.reset()
        t.until(lambda: g.ask(get("/dead/")).status == 502, "there is room again")
    for _ in range(3):
        check(g.ask(get("/dead/")), "HTTP/1.1 502")
    check(g.ask(get()), "HTTP/1.1 200")


@scenario("connections/tunnels-count")
def tunnels_count(t):
    o, g, _ = t.proxy(echo, route="connections=1")
    c = tunnel(g)
    c.send(b"here").expect(b"here")
    check(g.ask(get()), TOO_MANY)
    c.close()

    def switched():
        again = g.client()
        again.send(get("/x", "Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"))
        status = again.response().status
        again.close()
        return status == 101
    t.until(switched, "there is room again")


@scenario("connections/by-what-trusted-proxies-say")
def at_a_time_forwarded(t):
    held = Held()
    o = t.origin(held)
    g = t.gateway(f"[site *]\n/ = {o.url} connections=1", top="trusted = 127.0.0.1")
    first, second = g.client(), g.client()
    first.send(get("/", "X-Forwarded-For: 203.0.113.1"))
    o.wait(1)
    check(g.ask(get("/", "X-Forwarded-For: 203.0.113.1")), "HTTP/1.1 429")
    second.send(get("/", "X-Forwarded-For: 2001:db8::1"))
    o.wait(2)
    check(g.ask(get("/", "X-Forwarded-For: 2001:db8::ffff:1")), "HTTP/1.1 429")
    for c in first, second:
        held.go.release()
    for c in first, second:
        check(c.final(), "HTTP/1.1 200")


@scenario("connections/each-rule-by-itself")
def at_a_time_by_rule(t):
    held = Held()
    o = t.origin(held)
    g = t.gateway(f"[site *]\n/ = {o.url} connections=1\n/b/ = {o.url} connections=1\n/free/ = {t.origin().url}\n")
    c = g.client()
    c.send(get())
    o.wait(1)
    d = g.client()
    d.send(get("/b/"))
    o.wait(2)
    check(g.ask(get("/b/x")), "HTTP/1.1 429")
    check(g.ask(get("/free/")), "HTTP/1.1 200")
    for _ in c, d:
        held.go.release()
    check(c.final(), "HTTP/1.1 200")
    check(d.final(), "HTTP/1.1 200")


# --- size --------------------------------------------------------------------------------

TOO_LARGE = "HTTP/1.1 413 Content Too Large\nContent-Type: text/html; charset=utf-8"

table("max-body", "max_body = 10\n/ = {o}\n/any/ = {o} max_body=0\n/1k/ = {o} max_body=1k", [
    Row("none", get(), "~GET .*", closes=False),
    Row("empty", post(b""), "~POST .*", closes=False),
    Row("length-exactly", post(b"0123456789"), "POST / HTTP/1.1\n\n0123456789", closes=False),
    Row("length-one-more", post(b"0123456789a"), None, None, TOO_LARGE, log='" 413 '),
    Row("length-without-body", get("/", "Content-Length: 11", method="PUT"), None, None, TOO_LARGE + "\nConnection: close", closes=True),
    Row("length-huge", get("/", "Content-Length: 9223372036854775807", method="POST"), None, None, TOO_LARGE + "\nConnection: close", closes=True),
    Row("expect", get("/", "Content-Length: 11", "Expect: 100-continue", method="POST"), None, None, TOO_LARGE + "\nConnection: close", closes=True),
    Row("chunked-exactly", UP + chunked(b"01234", b"56789"), f"POST /up HTTP/1.1\n{CHUNKED}\n0123456789", closes=False),
    Row("chunked-exactly-in-ones", UP + chunked(*[b"x"] * 10), f"POST /up HTTP/1.1\n\n{'x' * 10}", closes=False),
    Row("chunked-empty", UP + chunked(), f"POST /up HTTP/1.1\n{CHUNKED}\n", closes=False),
    Row("route-any", post(b"y" * 3000, target="/any/"), f"POST /any/ HTTP/1.1\n\n{'y' * 3000}", closes=False),
    Row("route-any-chunked", UP.replace(b"/up", b"/any/") + chunked(b"y" * 700, b"z" * 700), "POST /any/ HTTP/1.1\n\n" + "y" * 700 + "z" * 700, closes=False),
    Row("route-own", post(b"z" * 1024, target="/1k/"), f"POST /1k/ HTTP/1.1\n\n{'z' * 1024}", closes=False),
    Row("route-own-one-more", get("/1k/", "Content-Length: 1025", method="POST"), None, None, TOO_LARGE + "\nConnection: close", closes=True),
    Row("answers-are-no-matter", get(), "~GET .*", ok(b"r" * 5000), "HTTP/1.1 200 OK\n\n" + "r" * 5000, closes=False),
])


def incomplete(link, most):
    """What comes of a body that is refused: never its end, and never more than may."""
    link.request_head()
    raw = link.ends()
    seen, rest = b"", raw
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line or b"1", 16)
        true(size > 0, f"the end came: {raw!r}")
        seen, rest = seen + rest[:size], rest[size + 2:]
    true(len(seen) <= most, f"{len(seen)} bytes came: {raw!r}")


OVER = {
    "one-more": chunked(b"0123456789a"),
    "in-two": chunked(b"0123456789", b"a"),
    "in-ones": chunked(*[b"x"] * 11),
    "announced": b"b\r\n",
    "announced-much": b"7fffffffffffffff\r\n",
    "behind-an-extension": b"5;a=b\r\n01234\r\n6;c=\"d\"\r\n",
    "much": chunked(b"x" * 5000, b"y" * 5000),
}


def chunked_over(t):
    for name, wire in OVER.items():
        with t.row(name) as wanted:
            if not wanted:
                continue
            o, g, c = t.proxy(lambda link: incomplete(link, 10), route="max_body=10")
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                c.send(UP + wire)
            check(c.final("POST"), TOO_LARGE + "\nConnection: close")
            c.eof()
            g.logged('" 413 ')
            for link in o.links:
                t.until(lambda: link.sock.fileno() == -1, "the server's link is closed")


SCENARIOS.append(Entry("max-body/chunked-over", chunked_over, rows=OVER))


@scenario("max-body/before-a-server-is-asked")
def no_server(t):
    g = t.gateway(f"[site *]\nmax_body = 10\n/ = {t.dead().url}")
    check(g.ask(get("/", "Content-Length: 11", method="POST")), "HTTP/1.1 413")
    check(g.ask(post(b"0123456789")), "HTTP/1.1 502")


@scenario("max-body/expect-that-fits")
def expect_fits(t):
    def serve(link):
        check(link.request_head(), "~POST .*\nExpect: 100-continue")
        link.send(http("HTTP/1.1 100 Continue\n\n"))
        equal(link.exactly(10), b"0123456789")
        link.send(ok())
    o, g, c = t.proxy(serve, route="max_body=10")
    c.send(get("/", "Content-Length: 10", "Expect: 100-continue", method="POST"))
    check(c.response("POST"), "HTTP/1.1 100")
    c.send(b"0123456789")
    check(c.response("POST"), "HTTP/1.1 200")


@scenario("max-body/after-the-answer-began")
def over_late(t):
    """There is no other answer any more: the connection breaks, and neither side sees an end."""
    began = threading.Event()

    def serve(link):
        link.request_head()
        while b"4" not in link.chunk():
            pass
        link.send(http(f"HTTP/1.1 200 OK\n{CHUNKED}\n") + chunked(b"early", last=False))
        began.set()
        equal(link.ends(), b"", "what came after that")
    o, g, c = t.proxy(serve, route="max_body=10")
    c.send(UP + chunked(b"01234", last=False))
    check(c.head(), "HTTP/1.1 200")
    while b"y" not in c.chunk():
        pass
    true(began.wait(30), "no answer")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        c.send(b"6\r\n012345\r\n0\r\n\r\n")
    true(not c.ends().endswith(b"0\r\n\r\n"), "the answer looks whole")
    g.logged('" 200 ')
    check(g.ask(get("/", "Content-Length: 11", method="POST")), "HTTP/1.1 413")


# --- bytes a second --------------------------------------------------------------------------

RATE = 65536   # of what is called 64k/s
AHEAD = 0.2    # s: what may be saved up, and what clocks may be off


def took(start, size, rate=RATE):
    """So many bytes cannot have come in less time."""
    least, seen = size / rate - AHEAD, time.monotonic() - start
    true(seen >= least, f"{size} bytes took {seen:.3f} s, at least {least:.3f} were due")


DOWN = {
    "length": lambda body: ok(body),
    "chunked": lambda body: http(f"HTTP/1.1 200 OK\n{CHUNKED}\n") + chunked(*[body[i:i + 1000] for i in range(0, len(body), 1000)]),
    "close": lambda body: http("HTTP/1.1 200 OK\nConnection: close\n\n", body),
}


def down(t):
    body = os.urandom(RATE)
    for name, answer in DOWN.items():
        with t.row(name) as wanted:
            if not wanted:
                continue
            o, g, c = t.proxy(route="bandwidth=64k/s", answers=answer(body))
            start = time.monotonic()
            m = c.ask(get())
            took(start, len(body))
            true(m.body == body, "the body differs")


SCENARIOS.append(Entry("bandwidth/down", down, rows=DOWN, slow=True))


@scenario("bandwidth/first-bytes-come-at-once", slow=True)
def first_bytes(t):
    """A step's worth is there, and nobody waits for all of it."""
    o, g, c = t.proxy(route="bandwidth=1k/s", answers=ok(b"x" * 2000))
    c.send(get())
    c.head()
    start = time.monotonic()
    c.exactly(200)
    c.exactly(1800)
    took(start, 1700 - 512, 1024)


@scenario("bandwidth/up", slow=True)
def up(t):
    body = os.urandom(RATE)
    o, g, c = t.proxy(route="bandwidth=64k/s")
    start = time.monotonic()
    check(c.ask(post(body)), "HTTP/1.1 200")
    took(start, len(body))
    true(o.requests[0].body == body, "the body differs")
    start = time.monotonic()
    check(c.ask(UP + chunked(*[body[i:i + 1000] for i in range(0, len(body), 1000)])), "HTTP/1.1 200")
    took(start, len(body))
    true(o.requests[1].body == body, "the body differs")


@scenario("bandwidth/up-as-counted-by-the-server", slow=True)
def up_counted(t):
    """What the client has sent long ago comes by and by."""
    body, came = b"x" * 4096, []

    def serve(link):
        link.request_head()
        start = time.monotonic()
        have = 0
        while have < len(body):
            part = link.exactly(1)
            have += 1 + len(link.got)
            link.got = b""
            came.append((time.monotonic() - start, have))
        link.send(ok())
    o, g, c = t.proxy(serve, route="bandwidth=2k/s")
    start = time.monotonic()
    c.send(post(body))
    check(c.final("POST"), "HTTP/1.1 200")
    took(start, len(body) - 1024, 2048)
    true(len(came) >= 4, f"it came in {len(came)} parts only")


@scenario("bandwidth/many-small-ones", slow=True)
def many_small(t):
    """It is the connection's: what one answer used up the next one lacks."""
    o, g, c = t.proxy(route="bandwidth=64k/s", answers=ok(b"x" * 2048))
    start = time.monotonic()
    for _ in range(RATE // 2048):
        check(c.ask(get()), "HTTP/1.1 200")
    took(start, RATE)
    start = time.monotonic()
    o.answers(ok())
    for _ in range(RATE // 2048):
        check(c.ask(post(b"x" * 2048)), "HTTP/1.1 200")
    took(start, RATE)


@scenario("bandwidth/tunnel", slow=True)
def paced_tunnel(t):
    o, g, _ = t.proxy(echo, route="bandwidth=64k/s")
    c = tunnel(g)
    data = os.urandom(RATE)
    start = time.monotonic()
    sender = threading.Thread(target=lambda: c.send(data))
    sender.start()
    true(c.exactly(len(data)) == data, "the echo differs")
    took(start, len(data))
    sender.join()
    c.send(b"after").expect(b"after")


@scenario("bandwidth/tunnel-ends", slow=True)
def paced_tunnel_ends(t):
    """What is still on its way when the server ends comes, then the end."""
    def serve(link):
        link.request_head()
        link.send(http("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: websocket\n\n") + b"y" * 3000)
    o, g, c = t.proxy(serve, route="bandwidth=2k/s")
    c.send(get("/", "Connection: upgrade", "Upgrade: websocket"))
    check(c.response(), "HTTP/1.1 101")
    equal(c.ends(), b"y" * 3000)


@scenario("bandwidth/both-ways-at-once", slow=True)
def both_ways(t):
    """Each way has its own."""
    size = RATE // 2

    def serve(link):
        link.request_head()
        link.send(http(f"HTTP/1.1 200 OK\n{CHUNKED}\n"))
        while part := link.chunk():
            link.send(chunked(part, last=False))
        link.send(chunked())
    o, g, c = t.proxy(serve, route="bandwidth=64k/s")
    start = time.monotonic()
    sender = threading.Thread(target=lambda: c.send(UP + chunked(*[b"%04d" % i * 256 for i in range(size // 1024)])))
    sender.start()
    c.head()
    seen = b""
    while part := c.chunk():
        seen += part
    took(start, size)
    equal(len(seen), size)
    sender.join()


@scenario("bandwidth/off-for-a-route")
def off(t):
    body = b"z" * 300000
    o = t.origin(answers=ok(body))
    g = t.gateway(f"[site *]\nbandwidth = 1k/s\n/ = {o.url}\n/free/ = {o.url} bandwidth=off")
    if t.tiny:
        o.answers(ok(b"z" * 30000))
    check(g.ask(get("/free/")), "HTTP/1.1 200")  # else it would take minutes


@scenario("bandwidth/nobody-is-too-slow-for-that", slow=True)
def not_too_slow(t):
    """Timeouts are shorter than a step: who waits for us is not blamed."""
    body = b"0123456789" * 200
    o, g, c = t.proxy(route="bandwidth=1k/s body_timeout=100ms response_timeout=60s tunnel_timeout=100ms", top="send_timeout = 100ms", answers=ok(body))
    check(c.ask(get()), "HTTP/1.1 200\n\n" + body.decode())
    o.answers(ok())
    check(c.ask(post(body)), "HTTP/1.1 200")
    true(o.requests[1].body == body, "the body differs")


@scenario("bandwidth/silence-is-not-forgiven", slow=True)
def still_too_slow(t):
    """Who sends nothing while it may is still sent away."""
    over = threading.Event()

    def serve(link):
        link.request_head()
        link.ends()
        over.set()
    o, g, c = t.proxy(serve, route="bandwidth=2k/s body_timeout=500ms")
    c.send(get("/", "Content-Length: 3000", method="POST") + b"x" * 2000)
    check(c.final("POST"), "HTTP/1.1 408")
    true(over.wait(30), "the link was kept")


def cpu(pid):
    with open(f"/proc/{pid}/stat") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@scenario("bandwidth/no-busy-loop", slow=True)
def no_busy_loop(t):
    o, g, c = t.proxy(route="bandwidth=1k/s", answers=ok(b"x" * 100000))
    worker, = g.workers(1)
    sinks = [g.client() for _ in range(4)]
    for s in sinks:
        s.send(get())
        s.head()
    before = cpu(worker)
    time.sleep(1.5)
    used = cpu(worker) - before
    true(used < 0.5, f"{used} s of CPU time while nothing could be sent")
