# SPDX-License-Identifier: MIT
"""TLS: places for handshakes among several addresses, and what comes behind the end of a connection."""
import select
import threading

from harness import scenario
from s_tls import hello, secure, shop, shows, usual
from wire import WAIT, check, equal, get, ok, true


@scenario("tls/places-are-shared")
def shared(t):
    """One address that stalls all handshakes it can have does not keep others out: a newcomer gets in
    while most of its connections still wait for their turn."""
    o, g = usual(t, top="handshakes = 4\nhandshake_timeout = 1h\nper_client = 100\nclients = 200")
    stalled = [g.place.dial("127.0.0.2") for _ in range(40)]
    for s in stalled:
        s.sendall(b"\x16")
    for _ in range(3):
        c = hello(g)
        check(c.ask(get()), "HTTP/1.1 200")
    gone, _, _ = select.select(stalled, [], [], 0)
    true(len(gone) < 20, f"{len(gone)} of those that stall had their turn first")
    for s in stalled:
        s.close()


@scenario("tls/contexts-run-out")
def contexts(t):
    """No context is left, and none that gives way: the worker waits without turning in circles."""
    go = threading.Event()

    def serve(link):
        link.request()
        go.wait(WAIT)
        link.send(ok())
    o, g = usual(t, serve, top="tls_clients = 2\nhandshakes = 2\nhandshake_timeout = 1h")
    busy = hello(g)
    busy.send(get())
    o.wait(1)
    stalled = g.place.dial()
    stalled.sendall(b"\x16\x03\x01\x02")
    late = hello(g, shake=False)
    worker, = g.workers(1)
    before = switches(worker)
    true(late.sock.begin(), "the newcomer was not let in")  # the one that stalls has given way
    turns = switches(worker) - before
    true(turns < 200, f"{turns} turns of the loop meanwhile")
    go.set()
    check(busy.final(), "HTTP/1.1 200")


def switches(pid):
    """How often this process has gone to sleep and come back."""
    with open(f"/proc/{pid}/status") as f:
        return sum(int(line.split()[1]) for line in f if "ctxt_switches" in line)


def upgraded(t, serve_more):
    def serve(link):
        link.request()
        link.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        serve_more(link)
    return serve


UPGRADE = get("/", "Connection: upgrade", "Upgrade: x")


@scenario("tls/tunnel-ends-whole")
def tunnel_in(t):
    """A plain server ends its half of a tunnel: what then comes from the client's side is not TLS any more,
    and never reaches the server."""
    seen, go = [], threading.Event()

    def more(link):
        link.finish()
        seen.append(link.ends())
        go.set()
    o, g = usual(t, upgraded(t, more))
    c = hello(g)
    c.send(UPGRADE)
    check(c.response(), "HTTP/1.1 101")
    c.eof()
    try:
        c.sock.raw.sendall(b"INJECTED IN CLEAR")
    except OSError:
        pass
    true(go.wait(WAIT), "the server's side stays open")
    equal(seen[0], b"", "what the server saw")
