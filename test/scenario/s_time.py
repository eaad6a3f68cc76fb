# SPDX-License-Identifier: MIT
"""Patience and places: every timeout, slow and stalled peers, what happens when places run out.

No scenario measures time: a short timeout is set, and the event that it must
cause is waited for.
"""
import contextlib
import os
import select
import signal
import socket
import threading
import time

from harness import descriptors, scenario
from wire import Wrong, check, chunked, equal, get, http, ok, post, true


@scenario("time/head-stalls")
def head_stalls(t):
    """Half a head and then nothing: 408, and the place is free."""
    o, g, c = t.proxy(top="head_timeout = 300ms")
    c.send(b"GET / HTTP/1.1\r\nHost: a")
    check(c.final(), "HTTP/1.1 408\nConnection: close")
    c.eof()
    g.logged('" 408 ')
    o.nothing()


@scenario("time/head-trickles")
def head_trickles(t):
    """A byte now and then does not prolong it."""
    o, g, c = t.proxy(top="head_timeout = 500ms")
    data = b"GET / HTTP/1.1\r\nX-Slow: " + b"x" * 1400
    try:
        for byte in data:
            c.send(bytes([byte]))
            time.sleep(0.02)
        raise Wrong("the head trickled on for ever")
    except OSError:
        pass
    c.close()
    o.nothing()


@scenario("time/idle-from-the-start")
def idle_start(t):
    """A connection that never says anything is closed without a word."""
    o, g, c = t.proxy(top="idle_timeout = 300ms\nhead_timeout = 300ms")
    c.eof()


@scenario("time/idle-after-request")
def idle_after(t):
    o, g, c = t.proxy(top="idle_timeout = 300ms")
    check(c.ask(get()), "HTTP/1.1 200 OK\n!Connection")
    c.eof()
    check(g.client().ask(get()), "HTTP/1.1 200")


@scenario("time/idle-when-parked")
def idle_parked(t):
    """The same after the connection was parked (quiet for more than a second)."""
    o, g, c = t.proxy(top="idle_timeout = 2s\nlink_timeout = 2s")
    check(c.ask(get()), "HTTP/1.1 200")
    c.eof()
    t.until(lambda: o.links[0].sock.fileno() == -1, "the idle link is closed")
    check(g.client().ask(get()), "HTTP/1.1 200")


@scenario("time/parked-connections-serve-on")
def parked(t):
    """Clients and links that were quiet for long are used again."""
    o, g, _ = t.proxy()
    clients = [g.client() for _ in range(4)]
    for round in range(2):
        for c in clients:
            check(c.ask(get()), "HTTP/1.1 200")
        time.sleep(1.5)  # until parked
    c = clients[0]
    check(c.ask(post(b"x")), "HTTP/1.1 200")
    for c in clients:
        c.close()
    for link in o.links:
        true(len(o.links) <= 4, "links were not used again")


@scenario("time/parked-link-ends")
def parked_link_ends(t):
    """A parked link that its server closes is noticed; the next POST gets a new one."""
    end = threading.Event()

    def serve(link):
        link.answer(ok(b"one"))
        if link is o.links[0]:
            end.wait(30)
        else:
            link.ends()
    o, g, c = t.proxy(serve)
    check(c.ask(get()), "HTTP/1.1 200")
    time.sleep(1.5)  # until parked
    end.set()
    t.until(lambda: o.links[0].sock.fileno() == -1, "the link is closed")
    check(c.ask(post(b"x")), "HTTP/1.1 200")


@scenario("time/body-stalls-up")
def body_stalls_up(t):
    """An upload that stops: 408, and the origin's link is closed, not completed."""
    over = threading.Event()

    def serve(link):
        link.request_head()
        equal(link.ends(), b"half")
        over.set()
    o, g, c = t.proxy(serve, top="body_timeout = 400ms")
    c.send(get("/", "Content-Length: 100", method="POST") + b"half")
    check(c.final("POST"), "HTTP/1.1 408\nConnection: close")
    c.eof()
    true(over.wait(30), "the link was kept")


@scenario("time/body-trickles-up")
def body_trickles(t):
    """A trickle below any sensible rate does not hold a place for ever."""
    o, g, c = t.proxy(lambda link: (link.request_head(), link.ends()), top="body_timeout = 1s")
    c.send(get("/", "Content-Length: 100000", method="POST"))
    try:
        for _ in range(200):
            c.send(b"x")
            time.sleep(0.1)
        raise Wrong("the body trickled on for ever")
    except OSError:
        pass


@scenario("time/body-stalls-down")
def body_stalls_down(t):
    """A download that stops: the client sees that something is missing."""
    over = threading.Event()

    def serve(link):
        link.request()
        link.send(http("HTTP/1.1 200 OK\nContent-Length: 100\n\nhalf"))
        link.ends()
        over.set()
    o, g, c = t.proxy(serve, top="body_timeout = 400ms")
    c.send(get())
    c.head()
    c.expect(b"half")
    equal(c.ends(), b"")
    true(over.wait(30), "the link was kept")
    g.logged(r'"GET / HTTP/1.1" 200 4 .*".+" -$')


@scenario("time/slow-server-is-fine")
def slow_server(t):
    """A server may be as slow as it likes while it is not silent."""
    def serve(link):
        link.request()
        link.send(http("HTTP/1.1 200 OK\nContent-Length: 12\n\n"))
        for _ in range(12):
            link.send(b"x")
            time.sleep(0.25)
    o, g, c = t.proxy(serve, top="body_timeout = 2s")
    check(c.ask(get()), "HTTP/1.1 200 OK\n\nxxxxxxxxxxxx")


@scenario("time/response")
def response(t):
    def serve(link):
        link.request()
        link.ends()
        over.set()
    over = threading.Event()
    o, g, c = t.proxy(serve, route="response_timeout=300ms max_fails=0")
    check(c.ask(get()), "HTTP/1.1 504\n\n~504")
    true(over.wait(30), "the link was kept")


@scenario("time/response-after-post")
def response_post(t):
    o, g, c = t.proxy(lambda link: (link.request(), link.ends()), top="response_timeout = 300ms")
    check(c.ask(post(b"x")), "HTTP/1.1 504")
    equal(len(o.requests), 1)


@scenario("time/response-head-trickles")
def response_trickles(t):
    """The response head as a whole has response_timeout."""
    def serve(link):
        link.request()
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1500:
                link.send(bytes([byte]))
                time.sleep(0.02)
            link.ends()
        except OSError:
            pass
    o, g, c = t.proxy(serve, route="response_timeout=500ms max_fails=0")
    check(c.ask(get()), "~HTTP/1\\.1 50[24] .*")


class Hole:
    """A listening socket whose queue is full: connecting to it never gets anywhere."""

    def __init__(self, t):
        self.place = t.tcp()
        self.socket = self.place.listen(0)
        self.fill = []
        while True:
            s = socket.socket()
            s.setblocking(False)
            self.fill.append(s)
            s.connect_ex(self.place.target())
            if not select_out(s):
                break

    def close(self):
        for s in [*self.fill, self.socket]:
            s.close()


def select_out(s):
    return select.select([], [s], [], 0.5)[1]


@scenario("time/connect")
def connect(t):
    hole = Hole(t)
    g = t.gateway(f"[site *]\n/ = {hole.place.url} connect_timeout=300ms max_fails=0\n")
    check(g.ask(), "HTTP/1.1 504\n\n~504")
    check(g.ask(post(b"x")), "HTTP/1.1 504")
    hole.close()


@scenario("time/connect-then-next")
def connect_next(t):
    hole = Hole(t)
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {hole.place.url}\n      {o.url} connect_timeout=300ms\n")
    for _ in range(2):
        check(g.ask(post(b"x")), "HTTP/1.1 200")
    hole.close()


@scenario("time/client-takes-nothing")
def client_stalls(t):
    """A client that does not read for send_timeout loses its connection; the origin's link goes too."""
    over = threading.Event()

    def serve(link):
        link.request()
        link.send(http("HTTP/1.1 200 OK\nContent-Length: 1073741824\n\n"))
        try:
            while True:
                link.send(b"x" * 65536)
        except OSError:
            over.set()
    o, g, c = t.proxy(serve, top="send_timeout = 500ms")
    c.send(get())
    true(over.wait(30), "a client that reads nothing held its place for ever")
    g.logged(r'"GET / HTTP/1.1" 200 \d+ .*".+" -$')


@scenario("time/linger")
def linger(t):
    """After an early answer the connection is held for what the client still sends, but not for ever."""
    g = t.gateway("[site *]\n/ = reply:413\n", top="linger_timeout = 500ms")
    (worker,) = g.workers(1)
    before = descriptors(worker)
    c = g.client()
    c.send(get("/", "Content-Length: 100000", method="POST") + b"x" * 10)
    check(c.final("POST"), "HTTP/1.1 413\nConnection: close")
    c.eof()
    t.until(lambda: descriptors(worker) <= before, "the lingering connection is closed")


# --- places --------------------------------------------------------------------------

@scenario("places/longest-idle-goes-first")
def longest_idle(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="clients = 5")
    clients = [g.client() for _ in range(5)]
    for i in 2, 0, 1, 3, 4:
        check(clients[i].ask(get()), "HTTP/1.1 200")
    for gone in 2, 0:
        c = g.client()
        check(c.ask(get()), "HTTP/1.1 200")
        clients[gone].eof()
    for i in 1, 3, 4:
        check(clients[i].ask(get()), "HTTP/1.1 200")


@scenario("places/busy-ones-stay", plain="without a place there is no handshake: tls/clients-exhausted-busy")
def busy_stay(t):
    """When all places are busy a further client waits; nobody is thrown out."""
    go = threading.Event()

    def serve(link):
        while (m := link.request()) is not None:
            if m.target == "/slow":
                go.wait(30)
            link.send(ok(m.target.encode()))
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="clients = 2")
    busy = [g.client() for _ in range(2)]
    for c in busy:
        c.send(get("/slow"))
    o.wait(2)
    waiting = g.client()
    waiting.send(get("/waited"))
    go.set()
    for c in busy:
        check(c.final(), "HTTP/1.1 200 OK\n\n/slow")
    check(waiting.final(), "HTTP/1.1 200 OK\n\n/waited")


@scenario("places/requests-wait-in-the-kernel")
def requests_wait(t):
    """More requests than places for them: they are answered as places become free."""
    go = threading.Event()

    def serve(link):
        while (m := link.request()) is not None:
            go.wait(30)
            link.send(ok(m.target.encode()))
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="requests = 2\nclients = 10")
    clients = [g.client() for _ in range(8)]
    for i, c in enumerate(clients):
        c.send(get(f"/{i}"))
    o.wait(2)
    go.set()
    for i, c in enumerate(clients):
        check(c.final(), f"HTTP/1.1 200 OK\n\n/{i}")


@scenario("places/slow-heads-do-not-hold-all")
def slow_heads(t):
    """Every place is taken by somebody who never finishes his head: head_timeout frees them."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="requests = 2\nclients = 6\nhead_timeout = 400ms")
    slow = [g.client() for _ in range(3)]
    for c in slow:
        c.send(b"GET / HTTP/1.1\r\nHost:")
    c = g.client()
    check(c.ask(get()), "HTTP/1.1 200")


@scenario("places/per-client")
def per_client(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="per_client = 3")
    mine = [g.client(source="127.0.0.5") for _ in range(3)]
    for c in mine:
        check(c.ask(get()), "HTTP/1.1 200")
    g.client(source="127.0.0.5").ends()
    g.logged(r"(?i)per_client")
    check(g.client(source="127.0.0.6").ask(get()), "HTTP/1.1 200")
    for c in mine:
        check(c.ask(get()), "HTTP/1.1 200")
    mine[0].close()

    def again():
        c = g.client(source="127.0.0.5")
        try:
            c.send(get())
            m = c.head()
        except OSError:
            m = None
        c.close()
        return m is not None and m.status == 200
    t.until(again, "the place of a closed connection is free again")


@scenario("places/per-client-ip6")
def per_client_ip6(t):
    """Of IPv6 a /64 is one client."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="per_client = 2", listen=[t.tcp6()])
    for _ in range(2):
        check(g.client().ask(get()), "HTTP/1.1 200")
    g.client().ends()


@scenario("places/per-client-over-workers")
def per_client_workers(t):
    """The cap holds over all workers together."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="per_client = 3\nworkers = 2")
    served = 0
    for _ in range(8):
        c = g.client(source="127.0.0.5")
        try:
            c.send(get())
            served += c.head() is not None
        except OSError:
            pass
    equal(served, 3, "connections that were served")


@scenario("places/per-client-unix-not-counted")
def per_client_unix(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="per_client = 1", listen=[t.unix()])
    for _ in range(3):
        check(g.client().ask(get()), "HTTP/1.1 200")


@scenario("places/trusted-proxy-caps")
def per_client_proxy(t):
    """On a PROXY listener the address that is named has the cap."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="per_client = 1\ntrusted = 127.0.0.1", listen=[(t.tcp(), "proxy")])
    for i in range(3):
        c = g.client()
        c.clear.send(b"PROXY TCP4 192.0.2.%d 127.0.0.1 1 2\r\n" % i)
        c.send(get())
        check(c.final(), "HTTP/1.1 200")
    c = g.client()
    c.clear.send(b"PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\n")
    with contextlib.suppress(OSError):
        c.send(get())
    c.ends()
    equal(len(o.requests), 3)


@scenario("places/all-taken", slow=True)
def all_taken(t):
    """Every place for connections, requests and links in use at once, several times over."""
    go = threading.Event()

    def serve(link):
        while (m := link.request()) is not None:
            go.wait(60)
            link.send(ok(m.target.encode() * 20))
    o = t.origin(serve)
    clients, requests = (16, 8) if t.tiny else (400, 64)
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top=f"clients = {clients}\nrequests = {requests}\nper_client = 1000")
    for round in range(3):
        go.clear()
        links = len(o.requests)
        mine = [g.client() for _ in range(clients)]
        for i, c in enumerate(mine):
            c.send(get(f"/{i}"))
        o.wait(links + requests)
        go.set()
        for i, c in enumerate(mine):
            check(c.final(), f"HTTP/1.1 200 OK\n\n" + f"/{i}" * 20)
        for i, c in enumerate(mine):
            check(c.ask(get(f"/{i}")), "HTTP/1.1 200")
        for c in mine:
            c.close()


@scenario("places/per-client-after-a-death")
def per_client_death(t):
    """What a worker counted dies with it."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="per_client = 2")
    for _ in range(3):
        mine = [g.client() for _ in range(2)]
        for c in mine:
            check(c.ask(get()), "HTTP/1.1 200")
        (worker,) = g.workers(1)
        g.deaths, g.before = True, {}
        os.kill(worker, signal.SIGKILL)
        t.until(lambda: g.workers() not in ([], [worker]), "a new worker")
        for c in mine:
            c.ends()


@scenario("places/descriptors-run-out")
def descriptors_out(t):
    """Fewer descriptors than places: it is told, nobody is lost for ever, and it goes on."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="clients = 200\nper_client = 200", before=["sh", "-c", 'ulimit -n 30 && exec "$@"', "sh"])
    mine = [g.client() for _ in range(60)]
    g.logged(r"(?i)too many open files|descriptors")
    for c in mine:
        c.close()
    t.until(lambda: g.ask().status == 200, "it serves on")


HOURS = "head_timeout = 1h\nbody_timeout = 1h\nsend_timeout = 1h\nidle_timeout = 1h\nresponse_timeout = 1h\nrequests = 4\nclients = 40"


def serve_slow(link):
    """An origin for clients that are slow: one endless answer, and uploads that are read and never answered."""
    while (m := link.request_head()) is not None:
        if m.target == "/large":
            link.send(http("HTTP/1.1 200 OK\nContent-Length: 1073741824\n\n"))
            while True:
                link.send(b"x" * 65536)
        if m.method == "POST":
            link.ends()
            return
        link.send(ok(b"good"))


def give_way(t, begin, log):
    """All places for requests are held by clients that are slow, and no timeout helps: they give way to
    a client that has something to say."""
    o = t.origin(serve_slow)
    # a Unix socket, as the system holds less in it for a reader who does not read
    g = t.gateway(f"[site *]\n/ = {o.url} max_fails=0\n", top=HOURS, listen=[t.unix()])
    slow = [g.client() for _ in range(4)]
    for c in slow:
        begin(c)
    for _ in range(3):
        check(g.client().ask(get("/good")), "HTTP/1.1 200 OK\n\ngood")
    g.logged(log)
    for c in slow:
        c.reset()


scenario("places/slow-heads-give-way")(lambda t: give_way(t, lambda c: c.send(b"GET / HTTP/1.1\r\nHost: a"), '" 408 .*slow'))
scenario("places/slow-bodies-give-way")(lambda t: give_way(t, lambda c: c.send(get("/", "Content-Length: 100000", method="POST") + b"x" * 10), '"POST / HTTP/1.1" 408 .*slow'))
scenario("places/slow-readers-give-way")(lambda t: give_way(t, lambda c: (c.send(get("/large")), c.head()), '"GET /large HTTP/1.1" 200 .*slow'))


@scenario("places/slow-servers-keep-theirs")
def keep_place(t):
    """A tunnel, an event stream and requests whose server is slow hold all places: none of them gives way."""
    go = threading.Event()

    def serve(link):
        m = link.request_head()
        if m.target == "/tunnel":
            link.send(http("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n"))
            link.expect(b"ping").send(b"pong")
            link.ends()
        elif m.target == "/events":
            link.send(http("HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n") + chunked(b"one", last=False))
            go.wait(60)
            link.send(chunked(b"two"))
        elif m.target == "/half":
            link.send(http("HTTP/1.1 200 OK\nContent-Length: 4\nConnection: close\n\nha"))
            go.wait(60)
            link.send(b"lf")
        else:
            go.wait(60)
            link.send(ok(m.target.encode(), "Connection: close"))
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top=HOURS)
    tunnel, events, half, silent = [g.client() for _ in range(4)]
    tunnel.send(get("/tunnel", "Connection: upgrade", "Upgrade: x"))
    check(tunnel.response(), "HTTP/1.1 101")
    events.send(get("/events"))
    check(events.head(), "HTTP/1.1 200")
    half.send(get("/half"))
    check(half.head(), "HTTP/1.1 200")
    silent.send(get("/silent"))
    o.wait(4)
    others = [g.client() for _ in range(3)]
    for c in others:
        c.send(get("/other"))
    time.sleep(3)  # so that there is time to be judged slow
    go.set()
    tunnel.send(b"ping").expect(b"pong")
    seen = b""
    while len(seen) < 6:
        seen += events.chunk()
    equal(seen, b"onetwo")
    half.expect(b"half")
    check(silent.final(), "HTTP/1.1 200 OK\n\n/silent")
    for c in others:
        check(c.final(), "HTTP/1.1 200 OK\n\n/other")


@scenario("places/waiting-is-not-idle", plain="without a place there is no handshake: tls/clients-exhausted-busy")
def waiting(t):
    """Who has sent a request and waits for a place is not idle, however long: newcomers do not take his connection."""
    go = threading.Event()

    def serve(link):
        while (m := link.request()) is not None:
            go.wait(60)
            link.send(ok(m.target.encode()))
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="clients = 8\nrequests = 2\nidle_timeout = 2s")
    first = [g.client() for _ in range(8)]
    for i, c in enumerate(first):
        c.send(get(f"/{i}", "Connection: close"))
    o.wait(2)
    time.sleep(1.5)  # until parked
    late = [g.client() for _ in range(3)]
    for i, c in enumerate(late):
        c.send(get(f"/late{i}", "Connection: close"))
    time.sleep(1)  # until idle_timeout is over for those that are idle
    go.set()
    for i, c in enumerate(first):
        check(c.final(), f"HTTP/1.1 200 OK\n\n/{i}")
    for i, c in enumerate(late):
        check(c.final(), f"HTTP/1.1 200 OK\n\n/late{i}")


@scenario("places/burst", plain="a stopped worker shakes no hands: tls/handshakes-after-others")
def burst(t):
    """More clients at one moment than there are places, each with its request sent: none of them is
    idle, so none is closed; they wait and are served."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="clients = 4\nrequests = 4")
    (worker,) = g.workers(1)
    os.kill(worker, signal.SIGSTOP)  # so that all of them are there when it looks
    mine = [g.client() for _ in range(12)]
    for i, c in enumerate(mine):
        c.send(get(f"/{i}", "Connection: close"))
    os.kill(worker, signal.SIGCONT)
    for c in mine:
        check(c.final(), "HTTP/1.1 200")


@scenario("places/many-come-and-go", slow=True)
def come_and_go(t):
    """Connections of all kinds of ends, many of them: no descriptor and no place is lost."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="clients = 8\nrequests = 4")
    for i in range(60 if t.tiny else 200):
        c = g.client()
        kind = i % 6
        if kind == 0:
            check(c.ask(get()), "HTTP/1.1 200")
        elif kind == 1:
            c.send(b"GET / HT")
        elif kind == 2:
            c.send(get("/", "Content-Length: 10", method="POST"))
        elif kind == 3:
            c.send(get())
            c.reset()
        elif kind == 4:
            c.send(b"nonsense\r\n\r\n")
            c.ends()
        c.close()
    check(g.client().ask(get()), "HTTP/1.1 200")


def left(t, answer, status):
    """A client that closes its end while the server says nothing holds nothing for long."""
    def serve(link):
        link.request_head()
        link.send(answer)
        link.ends()
    o, g, c = t.proxy(serve, top="response_timeout = 1h\ntunnel_timeout = 1h\nbody_timeout = 1h")
    c.send(get("/"))
    o.wait(1)
    if answer:
        c.head()
    c.finish()
    g.err.wait(f'"GET / HTTP/1.1" {status} .*"the client went away"')
    c.ends()


scenario("time/left-while-silent", slow=True)(lambda t: left(t, b"", 499))
scenario("time/left-an-event-stream", slow=True)(lambda t: left(t, http("HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\n"), 200))


@scenario("time/closed-end-still-gets-its-answer", plain="TLS 1.2 has no half-closed connections (RFC 5246 7.2.1)")
def closed_end(t):
    """One that asks by way of a pipe closes its end and waits: the answer that comes soon is for it."""
    go = threading.Event()

    def serve(link):
        m = link.request()
        go.wait(60)
        link.send(ok(m.target.encode()))
    o, g, c = t.proxy(serve)
    c.send(get("/x")).finish()
    o.wait(1)
    go.set()
    check(c.final(), "HTTP/1.1 200\n\n/x")


@scenario("places/sent-away", slow=True)
def sent_away(t):
    """With all places held by slow servers a request is not left without any answer."""
    go = threading.Event()

    def serve(link):
        m = link.request()
        go.wait(60)
        link.send(ok(m.target.encode()))
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top=HOURS)
    first = [g.client() for _ in range(4)]
    for i, c in enumerate(first):
        c.send(get(f"/{i}"))
    o.wait(4)
    late = g.client()
    late.send(get("/late"))
    check(late.final(), "HTTP/1.1 503\nConnection: close\nRetry-After: 5")
    g.err.wait("all places for requests are taken")
    go.set()
    for i, c in enumerate(first):
        check(c.final(), f"HTTP/1.1 200\n\n/{i}")
