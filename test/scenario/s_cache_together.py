# SPDX-License-Identifier: MIT
"""The cache: many clients ask for the same missing thing; what comes, comes for all of them; what breaks off is nobody's."""
import socket
import threading

from harness import Skip, scenario
from stored import MARK, asked, caching, count, crowd, hit, numbered, said, settled
from wire import Client, Ended, Wrong, check, chunked, equal, get, http, ok, post, true

FRESH = "Cache-Control: max-age=1000"
MANY = 5
CHUNKED = f"HTTP/1.1 200 OK\n{FRESH}\nTransfer-Encoding: chunked\n\n"


class Held:
    """Answers nothing by itself: a scenario does, whenever it likes, on the link of a request."""

    def __init__(self, t):
        self.t, self.links = t, []

    def __call__(self, link, m):
        link.asked = m
        self.links.append(link)

    def __getitem__(self, n):
        self.t.until(lambda: len(self.links) > n, f"request {n + 1}")
        return self.links[n]


def held(t, words="cache=on", **how):
    h = Held(t)
    o, g = caching(t, words, answers=h, routes=MARK, **how)
    return h, o, g


def whole(clients, body, each=None):
    for c in clients:
        m = check(c.final(), "HTTP/1.1 200")
        equal(m.body, body)
        if each:
            each(m)


@scenario("cache/together/one-request")
def one_request(t):
    """All wait for the one answer, and get it; the next one, too."""
    h, o, g = held(t)
    clients = crowd(g, MANY, get("/x"))
    h[0]
    settled(g)
    h[0].send(ok(b"one for all", FRESH, "X-Its: own"))
    tolds = []
    whole(clients, b"one for all", lambda m: tolds.append(said(m)))
    equal(sum("collapsed" in x for x in tolds), MANY - 1, f"that collapsed: {tolds}")
    hit(g.ask(get("/x")), b"one for all")
    count(o, 1)
    mark = 0
    for _ in range(MANY - 1):
        g.logged('"GET /x HTTP/1.1" 200 .* collapsed$', mark)
    equal(sum(line.endswith(" collapsed") for line in g.err.lines), MANY - 1, "lines of the log")


@scenario("cache/together/as-it-comes")
def as_it_comes(t):
    """The server sends half: everybody has that half. Then the rest."""
    for head, first, second in ((http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n"), b"half", b"rest"), (http(CHUNKED), chunked(b"half", last=False), chunked(b"rest"))):
        h, o, g = held(t)
        early = crowd(g, MANY - 2, get())
        h[0].send(head + first)
        late = crowd(g, 2, get())
        for c in early + late:
            c.has = c.head()
            check(c.has, "HTTP/1.1 200")
            equal(c.chunk() if c.has.kind("GET") == "chunked" else c.exactly(4), b"half")
        equal(len(o.requests), 1)
        h[0].send(second)
        for c in early + late:
            equal(c.body(c.has, "GET").body if c.has.kind("GET") == "chunked" else c.exactly(4), b"rest")
        hit(g.ask(), b"halfrest")
        count(o, 1)


@scenario("cache/together/byte-by-byte")
def byte_by_byte(t):
    """However it comes: each byte is passed when it is there."""
    h, o, g = held(t)
    clients = crowd(g, 3, get())
    h[0].send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 20\n\n"))
    for c in clients:
        check(c.head(), "HTTP/1.1 200\nContent-Length: 20")
    for n in range(20):
        h[0].send(b"%c" % (65 + n))
        for c in clients:
            equal(c.exactly(1), b"%c" % (65 + n))
    hit(g.ask(), b"ABCDEFGHIJKLMNOPQRST")
    count(o, 1)


@scenario("cache/together/not-to-be-stored")
def uncacheable(t):
    """The first one's answer may not be stored: each of the others asks for himself, at once, and gets his own."""
    h, o, g = held(t)
    clients = crowd(g, MANY, get())
    h[0]
    settled(g)
    count(o, 1)
    h[0].send(ok(b"0", "Cache-Control: no-store"))
    o.wait(MANY)  # none of them waits for another
    for n in range(1, MANY):
        h[n].send(ok(b"%d" % n, "Cache-Control: no-store"))
    bodies = sorted(check(c.final(), "HTTP/1.1 200").body for c in clients)
    equal(bodies, [b"%d" % n for n in range(MANY)])
    count(o, MANY)


@scenario("cache/together/private-ones")
def private(t):
    """The same when it is somebody's own: none sees another's."""
    h, o, g = held(t)
    clients = [g.client() for _ in range(3)]
    for n, c in enumerate(clients):
        c.send(get("/", f"Cookie: who={n}"))
    h[0]
    settled(g)
    o.wait(1)
    answered = 0
    while answered < 3:
        link = h[answered]
        link.send(ok(link.asked.get("Cookie").encode(), "Cache-Control: private, max-age=1000"))
        answered += 1
    for n, c in enumerate(clients):
        check(c.final(), f"HTTP/1.1 200\n\nwho={n}")
    count(o, 3)


@scenario("cache/together/known-not-to-be-stored")
def passes(t):
    """Once it is known that it cannot be stored, none waits for another; after a while that is tried anew."""
    h, o, g = held(t)
    c = g.client()
    c.send(get())
    h[0].send(ok(b"x", "Cache-Control: no-store"))
    check(c.final(), "HTTP/1.1 200")
    clients = crowd(g, 3, get())
    o.wait(4)
    for n in 1, 2, 3:
        h[n].send(ok(b"x", "Cache-Control: no-store"))
    whole(clients, b"x")
    g.step(50)
    clients = crowd(g, 3, get())
    h[4]
    settled(g)
    count(o, 5)
    h[4].send(ok(b"kept now", FRESH))
    whole(clients, b"kept now")
    count(o, 5)


@scenario("cache/together/vary")
def collapsed_vary(t):
    """Those that the answer is not for ask for themselves."""
    h, o, g = held(t)
    clients = {}
    for language in "de", "en", "de", "en":
        c = g.client()
        c.send(get("/", f"Accept-Language: {language}"))
        clients[c] = language
        h[0]
    settled(g)
    answered = 0

    def answer(link):
        language = link.asked.get("Accept-Language")
        link.send(ok(language.encode(), FRESH, "Vary: Accept-Language"))
    answer(h[0])
    h[1]
    over = threading.Event()

    def rest():
        n = 1
        while not over.is_set():
            if len(h.links) > n:
                answer(h.links[n])
                n += 1
            over.wait(0.005)
    thread = threading.Thread(target=rest)
    thread.start()
    try:
        for c, language in clients.items():
            check(c.final(), f"HTTP/1.1 200\n\n{language}")
    finally:
        over.set()
        thread.join()
    true(len(o.requests) <= 3, f"{len(o.requests)} requests for two variants")


@scenario("cache/together/the-first-leaves-early")
def leader_leaves_early(t):
    """The first client goes before there is an answer: the others have theirs all the same."""
    h, o, g = held(t)
    first, = crowd(g, 1, get())
    h[0]
    others = crowd(g, 3, get())
    settled(g)
    first.reset()
    settled(g)
    over = threading.Event()

    def serve():
        n = 0
        while not over.is_set():
            if len(h.links) > n:
                try:
                    h.links[n].send(ok(b"for the rest", FRESH))
                except OSError:
                    pass
                n += 1
            over.wait(0.005)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        whole(others, b"for the rest")
    finally:
        over.set()
        thread.join()
    true(len(o.requests) <= 2, f"{len(o.requests)} requests")
    hit(g.ask(), b"for the rest")


@scenario("cache/together/the-first-leaves-late")
def leader_leaves_late(t):
    """The first client goes in the middle of the body: that is no reason to stop."""
    h, o, g = held(t)
    first, second = crowd(g, 2, get())
    h[0].send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + b"half")
    for c in first, second:
        check(c.head(), "HTTP/1.1 200")
        equal(c.exactly(4), b"half")
    first.reset()
    settled(g)
    third = g.client()
    third.send(get())
    check(third.head(), "HTTP/1.1 200")
    equal(third.exactly(4), b"half")
    h[0].send(b"rest")
    for c in second, third:
        equal(c.exactly(4), b"rest")
    hit(g.ask(), b"halfrest")
    count(o, 1)


@scenario("cache/together/all-leave")
def all_leave(t):
    """All go in the middle of it: either it is fetched to its end, or forgotten; half of it is nothing."""
    h, o, g = held(t)
    clients = crowd(g, 2, get())
    h[0].send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + b"half")
    for c in clients:
        check(c.head(), "HTTP/1.1 200")
        c.exactly(4)
        c.reset()
    settled(g)
    try:
        h[0].send(b"rest")
    except OSError:
        pass
    last = g.client()
    last.send(get())
    for _ in range(3):
        settled(g)
    if len(o.requests) == 2:
        h[1].send(ok(b"halfrest", FRESH))
    check(last.final(), "HTTP/1.1 200\n\nhalfrest")


def breaks(name, head, part, kind):
    @scenario(name)
    def run(t):
        """The server breaks off in the middle: nobody sees a whole body, and nothing of it is kept."""
        go, links = threading.Event(), []

        def answer(link, m):
            links.append(link)
            if len(links) > 1:
                return link.send(ok(b"all of it", FRESH))
            link.send(http(head) + part)
            go.wait(30)
            link.finish() if kind == "end" else link.reset()
            raise ConnectionResetError  # and that is all
        o, g = caching(t, answers=answer, routes=MARK)
        clients = crowd(g, 3, get())
        for c in clients:
            c.has = check(c.head(), "HTTP/1.1 200")
        late = g.client()
        late.send(get())
        late.has = check(late.head(), "HTTP/1.1 200")
        go.set()
        for c in [*clients, late]:
            try:
                c.body(c.has, "GET")
            except (Ended, ConnectionError):
                continue
            raise Wrong(f"a body that broke off looks whole: {c.has!r}")
        equal(len(o.requests), 1)
        asked(g.ask(), b"all of it", fwd="uri-miss miss")
        hit(g.ask(), b"all of it")


LENGTH = f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 100\n\n"
breaks("cache/together/server-ends-in-a-length", LENGTH, b"x" * 60, "end")
breaks("cache/together/server-resets-in-a-length", LENGTH, b"x" * 60, "reset")
breaks("cache/together/server-ends-in-chunks", CHUNKED, chunked(b"x" * 60, last=False), "end")
breaks("cache/together/server-ends-in-a-chunk", CHUNKED, b"64\r\n" + b"x" * 60, "end")
breaks("cache/together/server-ends-before-the-last-chunk", CHUNKED, chunked(b"x" * 60, b"y" * 40, last=False) + b"0\r\n", "end")


@scenario("cache/together/server-sends-nonsense")
def nonsense(t):
    """Broken framing in the middle is the same."""
    h, o, g = held(t)
    clients = crowd(g, 3, get())
    h[0].send(http(CHUNKED) + chunked(b"half", last=False))
    for c in clients:
        c.has = check(c.head(), "HTTP/1.1 200")
    h[0].send(b"zz\r\nnonsense\r\n")
    for c in clients:
        try:
            c.body(c.has, "GET")
        except (Ended, ConnectionError):
            continue
        raise Wrong("a body that broke off looks whole")
    c = g.client()
    c.send(get())
    h[1].send(ok(b"new", FRESH))
    asked(c.final(), b"new")


@scenario("cache/together/no-answer")
def no_answer(t):
    """The server closes without a word: whoever waited is answered nevertheless, each of them."""
    def answer(link, m):
        link.finish()
        link.ends()
    o, g = caching(t, "cache=on max_fails=0", answers=answer, routes=MARK)
    for c in crowd(g, MANY, get()):
        check(c.final(), "HTTP/1.1 502")
    true(len(o.requests) >= 1, "nobody was asked")
    o.answers(numbered(FRESH))
    asked(g.ask())
    hit(g.ask())


@scenario("cache/together/error-for-one")
def error_for_one(t):
    """An error is not kept, and not handed round as if it were."""
    h, o, g = held(t)
    clients = crowd(g, 3, get())
    h[0]
    settled(g)
    h[0].send(ok(b"oops", status="500 Oops"))
    h[1].send(ok(b"fine", FRESH))
    seen = sorted(c.final().status for c in clients)
    equal(seen, [200, 200, 500])
    hit(g.ask(), b"fine")


@scenario("cache/together/wants-it-new")
def wants_it_new(t):
    """Who wants it new does not get what was asked for before his own request (RFC 9111 5.2.1.4): at least it is no older than that."""
    h, o, g = held(t)
    first = g.client()
    first.send(get())
    h[0].send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + b"half")
    check(first.head(), "HTTP/1.1 200")
    second = g.client()
    second.send(get("/", "Cache-Control: no-cache"))
    h[1].send(ok(b"new", FRESH))
    check(second.final(), "HTTP/1.1 200\n\nnew")
    h[0].send(b"rest")
    equal(first.exactly(8), b"halfrest")


@scenario("cache/together/slow-first", slow=True)
def slow_first(t):
    """A first client that takes nothing hinders nobody: the others have it all meanwhile."""
    if t.tiny:
        raise Skip("a body that fills the buffers of the system, byte by byte")
    body = bytes(range(256)) * (12 << 12)  # 12 MiB
    o, g = caching(t, answers=ok(body, FRESH), top="cache = 128M")
    place = g.place
    s = socket.socket(socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(30)
    s.connect(place.target())
    if place.secure:
        from harness import RUN
        from secure import Secure, client_context
        s = Secure(s, client_context(RUN.ca.cert), name="a.example")
    first = Client(s)
    g.clients.append(first)
    first.send(get("/big"))
    o.wait(1)
    for _ in range(2):
        c = g.client()
        c.send(get("/big"))
        m = c.head()
        check(m, f"HTTP/1.1 200\nContent-Length: {len(body)}")
        true(c.exactly(len(body)) == body, "another body")
        c.close()
    m = first.head()
    check(m, f"HTTP/1.1 200\nContent-Length: {len(body)}")
    true(first.exactly(len(body)) == body, "another body")
    count(o, 1)


@scenario("cache/together/two-workers")
def two_workers(t):
    """It is one cache for all workers: what one has, the other knows, also what is only on its way."""
    h, o, g = held(t, top="workers = 2")
    g.workers(2)
    clients = crowd(g, 6, get(), opened=False)
    h[0].send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + b"half")
    for c in clients:
        check(c.head(), "HTTP/1.1 200")
        equal(c.exactly(4), b"half")
    h[0].send(b"rest")
    for c in clients:
        equal(c.exactly(4), b"rest")
    count(o, 1)
    for _ in range(20):
        hit(g.ask(), b"halfrest")
    count(o, 1)


@scenario("cache/together/different-things")
def different(t):
    """Who asks for something else does not wait for that."""
    h, o, g = held(t)
    a, b, c = (g.client() for _ in range(3))
    a.send(get("/a"))
    h[0]
    b.send(get("/b"))
    h[1].send(ok(b"b", FRESH))
    check(b.final(), "HTTP/1.1 200\n\nb")
    c.send(get("/a", host="b.example"))
    h[2].send(ok(b"of b", FRESH))
    check(c.final(), "HTTP/1.1 200\n\nof b")
    check(g.ask(post(b"x", target="/mark/")), "HTTP/1.1 200")
    h[0].send(ok(b"a", FRESH))
    check(a.final(), "HTTP/1.1 200\n\na")
