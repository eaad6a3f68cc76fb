# SPDX-License-Identifier: MIT
"""The cache beside all else: groups of servers, interim answers, upgrades, timeouts, the end of a gateway; and all of it at once."""
import contextlib
import os
import random
import signal
import threading
import time

import wire
from harness import scenario
from s_tunnel import SWITCH, SWITCHED, UPGRADE
from stored import MARK, asked, caching, crowd, fit, hit, numbered, said, settled
from wire import Ended, Wrong, check, chunked, equal, get, http, ok, post, true

FRESH = "Cache-Control: max-age=1000"


@scenario("cache/beside/groups")
def groups(t):
    """Servers of one group have the same pages: what one has answered the others are not asked for."""
    a, b = t.origin(answers=numbered(FRESH)), t.origin(answers=numbered(FRESH))
    g = t.gateway(f"[site *]\n/ = {a.url} {b.url} cache=on\n", clock=True)
    for n in range(6):
        asked(g.ask(get(f"/{n}")), 1)
    for n in range(6):
        hit(g.ask(get(f"/{n}")), 1)
    equal(len(a.requests) + len(b.requests), 6)
    true(a.requests and b.requests, "only one of the two was asked")
    a.stop()
    g.step(1500)
    for n in range(6):
        m = g.ask(get(f"/{n}"))
        true(m.status == 200 and not said(m).get("hit"), f"{m!r}")


@scenario("cache/beside/interim")
def interim(t):
    """A 103 goes to the one who asked, and is not stored."""
    o, g = caching(t, answers=http("HTTP/1.1 103 Early Hints\nLink: </x>; rel=preload\n\n") + ok(b"page", FRESH))
    c = g.client()
    c.send(get())
    check(c.response(), "HTTP/1.1 103\nLink: </x>; rel=preload")
    asked(c.response(), b"page")
    c.send(get())
    check(hit(c.response(), b"page"), "HTTP/1.1 200\n!Link")


@scenario("cache/beside/upgrade")
def upgrade(t):
    """A WebSocket on a route that keeps its answers is a WebSocket."""
    def serve(link):
        while (m := link.request_head()) is not None:
            if not m.get("Upgrade"):
                link.send(ok(b"page", FRESH))
                continue
            link.send(SWITCH)
            while link.fill():
                data, link.got = link.got, b""
                link.send(data)
            return
    o, g = caching(t, script=serve)
    for _ in range(2):
        c = g.client()
        c.send(get("/ws", *UPGRADE))
        check(c.response(), SWITCHED)
        c.send(b"hello").expect(b"hello")
        c.close()
    asked(g.ask(get("/ws")), b"page")
    hit(g.ask(get("/ws")), b"page")


@scenario("cache/beside/server-stalls")
def stalls(t):
    """A server that stops in the middle of a body is left after body_timeout: nobody waits for ever, nobody has a whole."""
    links = []

    def answer(link, m):
        links.append(link)
        link.send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + (b"half" if len(links) == 1 else b"all of i"))
    o, g = caching(t, "cache=on body_timeout=300ms", answers=answer, routes=MARK, clock=False)
    for c in crowd(g, 3, get()):
        m = check(c.head(), "HTTP/1.1 200")
        try:
            c.body(m, "GET")
        except (Ended, ConnectionError):
            continue
        raise Wrong("it looks whole")
    asked(g.ask(), b"all of i")
    hit(g.ask(), b"all of i")


@scenario("cache/beside/server-does-not-answer")
def silent(t):
    """The one who asks for all gets no answer: each of those who wait is told so, or asks for himself."""
    def answer(link, m):
        link.ends()
    o, g = caching(t, "cache=on response_timeout=300ms max_fails=0 tries=1", answers=answer, routes=MARK, clock=False)
    for c in crowd(g, 3, get()):
        m = c.final()
        true(m.status in (502, 504), f"{m!r}")
    o.answers(numbered(FRESH))
    asked(g.ask())
    hit(g.ask())


@scenario("cache/beside/stop-while-it-comes")
def stop_filling(t):
    """What is fetched for nobody any more does not keep gateway from ending."""
    o, g = caching(t, answers=lambda link, m: link.send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + b"half"), routes=MARK, clock=False)
    c = g.client()
    c.send(get())
    check(c.head(), "HTTP/1.1 200")
    c.exactly(4)
    c.reset()
    settled(g)
    g.stop()


@scenario("cache/beside/stop-while-somebody-waits")
def stop_waiting(t):
    """Those who wait for one another are answered before gateway ends."""
    go, links = threading.Event(), []

    def answer(link, m):
        links.append(link)
        go.wait(30)
        link.send(ok(b"page", FRESH))
    o, g = caching(t, answers=answer, routes=MARK, clock=False)
    clients = crowd(g, 3, get())
    o.wait(1)
    settled(g)
    g.signal(signal.SIGTERM)
    g.logged("stopping")
    go.set()
    for c in clients:
        check(c.final(), "HTTP/1.1 200\n\npage")
    g.wait()


@scenario("cache/beside/pipelined")
def pipelined(t):
    """Hits and misses on one connection, asked for in one go, in their order."""
    o, g = caching(t, answers=numbered(FRESH))
    asked(g.ask(get("/a")), 1)
    c = g.client()
    c.send(get("/a") + get("/b") + get("/a", method="HEAD") + get("/b") + post(b"x", target="/b") + get("/b") + get("/a"))
    hit(c.final(), 1)
    asked(c.final(), 1)
    hit(c.final("HEAD"), b"")
    hit(c.final(), 1)
    check(c.final("POST"), "HTTP/1.1 200\n\n2")
    asked(c.final(), 3)
    hit(c.final(), 1)


@scenario("cache/beside/one-byte-at-a-time")
def trickle(t):
    """A hit for a request that comes byte by byte."""
    o, g = caching(t, answers=numbered(FRESH))
    asked(g.ask(), 1)
    c = g.client()
    for byte in get("/", "Range: bytes=0-0"):
        c.send(bytes([byte]))
    check(hit(c.final(), b"1", status=206), "HTTP/1.1 206\nContent-Range: bytes 0-0/1")


# --- all at once ----------------------------------------------------------------------------

PAGES, SECONDS = 30, 2.5


def page_body(target):
    n = int(target.rpartition("/")[2])
    return (f"<{target}>".encode() * 2000)[:(0, 50, 700, 3000, 9000)[n % 5]]


def storm_answer(link, m):
    """Every page in one of the ways in which answers come; now and then the server fails."""
    n, roll = int(m.target.rpartition("/")[2]), random.random()
    fields = [("Cache-Control: max-age=1000", f'ETag: "{n}"'), ("Cache-Control: max-age=0, stale-while-revalidate=100",), ("Cache-Control: no-cache", f'ETag: "{n}"'), ("Cache-Control: max-age=1, stale-if-error=100", "Vary: Accept-Language"),
              ("Cache-Control: no-store",), ("Cache-Control: max-age=1000",)][n % 6]
    if roll < 0.03:
        return link.send(ok(b"oops", status="503 Oops"))
    if m.get("If-None-Match") == f'"{n}"':
        return link.send(http("\n".join(["HTTP/1.1 304 Not Modified", *fields]) + "\n\n"))
    body = page_body(m.target)
    if roll < 0.06:  # breaks off
        link.send(http("\n".join(["HTTP/1.1 200 OK", *fields, f"Content-Length: {len(body) + 10}"]) + "\n\n") + body[:20])
        raise ConnectionResetError
    if n % 2 and body:
        link.send(http("\n".join(["HTTP/1.1 200 OK", *fields, "Transfer-Encoding: chunked"]) + "\n\n"))
        return link.send(chunked(body[:len(body) // 2], body[len(body) // 2:]))
    return link.send(fit(m, ok(body, *fields)))


def storm_client(g, seed, over, problems, told):
    chance, c = random.Random(seed), None
    while not over.is_set():
        target = f"/{int(chance.random() ** 2 * PAGES)}"
        fields = chance.choice(((), (), (), ("Accept-Language: de",), ("Cache-Control: no-cache",), ("Range: bytes=3-6",), (f'If-None-Match: "{target[1:]}"',), ("Cache-Control: only-if-cached",)))
        try:
            c = c or g.client()
            if chance.random() < 0.05:
                c.send(get(target, *fields))
                c.close()
                c = None
                continue
            m = c.ask(post(b"x", target=target) if chance.random() < 0.02 else get(target, *fields))
        except (Ended, ConnectionError, OSError):
            c = None  # the server broke off, or the worker was killed
            continue
        except Wrong as e:
            if "ended where a response" not in str(e):
                problems.append(f"{target} {fields}: {e}")
            c = None
            continue
        whole = page_body(target)
        right = {200: whole, 206: whole[3:7], 304: b"", 503: m.body, 502: m.body, 504: m.body, 416: m.body}.get(m.status)
        if right is None or m.body != right or (m.status == 206 and fields != ("Range: bytes=3-6",)):
            problems.append(f"{target} {fields}: {m!r}"[:600])
        told["hit" if said(m).get("hit") else "asked"] = told.get("hit" if said(m).get("hit") else "asked", 0) + 1
        if m.lists("Connection", "close"):
            c.close()
            c = None


def storm(name, workers, kills):
    @scenario(name, slow=True)
    def run(t):
        """Many clients, workers, pages and kinds of answers, purges and reloads, workers that are killed: every answer is right, and in the end every block has its owner."""
        o, g = caching(t, "cache=on max_fails=0", answers=storm_answer, top=f"cache = 256k\nworkers = {workers}", routes="", clock=False)
        g.workers(workers)
        over, problems, told = threading.Event(), [], {}
        threads = [threading.Thread(target=storm_client, args=(g, n, over, problems, told)) for n in range(3 if t.tiny else 6)]
        for thread in threads:
            thread.start()
        chance, end = random.Random(7), time.monotonic() + SECONDS
        try:
            while time.monotonic() < end and not problems:
                time.sleep(0.15)
                g.tell("purge", "--prefix", f"{wire.SCHEME}://a.example/{chance.choice(('', '1', '2'))}")
                g.consistent()
                if kills:
                    g.deaths, g.before = True, {}
                    with contextlib.suppress(OSError, IndexError):
                        os.kill(chance.choice(g.workers()), signal.SIGKILL)
                elif chance.random() < 0.3:
                    g.reload()
        finally:
            over.set()
            for thread in threads:
                thread.join()
        true(not problems, f"{len(problems)} wrong answers: {problems[:3]}")
        true(told.get("hit", 0) > 50 and told.get("asked", 0) > 50, f"{told}: that shows nothing")
        t.until(lambda: len(g.workers()) == workers, "the workers are back")
        g.settle = False
        g.consistent()


storm("cache/storm/one-worker", 1, False)
storm("cache/storm/workers", 3, False)
storm("cache/storm/workers-die", 3, True)
