# SPDX-License-Identifier: MIT
"""The cache: what it takes of memory and what has a place there; what outlives a reload and a worker's death; how it is looked at and emptied."""
import contextlib
import os
import random
import re
import signal

import harness
import wire
from harness import Skip, scenario
from secure import server_context
from stored import MARK, asked, caching, count, crowd, fit, hit, numbered, said, settled
from wire import Ended, Wrong, check, chunked, equal, get, http, ok, post, true

FRESH = "Cache-Control: max-age=1000"
SMALL = "cache = 256k"  # the eighth part is 32k


def sized(*fields):
    """/N...: a body of N bytes that tells its target."""
    def answer(link, m):
        link.send(fit(m, ok(body_of(m.target), *fields)))
    return answer


def body_of(target):
    size = int(re.match(r"/(\d+)", target).group(1))
    return (target.encode() * (size // len(target) + 1))[:size]


def report(g):
    """What `gateway cache` says: numbers by name."""
    text = g.tell("cache")
    found = {name: int(number) for name, number in re.findall(r"(\w+) (\d+)", re.search(r"(?m)^counts +(.*)", text).group(1))}
    found["entries"], found["bytes"] = map(int, re.search(r"(?m)^entries +(\d+), with (\d+) bytes", text).groups())
    found["size"], found["used"], found["blocks"], found["block"] = map(int, re.search(r"(?m)^memory +(\d+) bytes: (\d+) of (\d+) blocks of (\d+) bytes", text).groups())
    found["ratio"] = float(re.search(r"(?m)^hit ratio +([\d.]+) %", text).group(1))
    found["largest"] = re.findall(r"(?m)^ *(\d+)  (\S+)$", text)
    return found


# --- what is too long ---------------------------------------------------------------

@scenario("cache/memory/an-eighth")
def an_eighth(t):
    """A body longer than an eighth of the cache is passed as it comes and not stored; one that is not so long is stored."""
    o, g = caching(t, answers=sized(FRESH), top=SMALL)
    c = g.client()
    for n in 1, 2:
        asked(c.ask(get("/33000")), body_of("/33000"), stored=False)
        equal(len(o.requests), n)
    asked(c.ask(get("/20000")), body_of("/20000"), stored=True)
    hit(c.ask(get("/20000")), body_of("/20000"))
    equal(report(g)["bytes"], 20000)


@scenario("cache/memory/cache_object")
def cache_object(t):
    """cache_object says otherwise: exactly so much is stored."""
    o, g = caching(t, "cache=on cache_object=3000", answers=sized(FRESH), top=SMALL)
    for size, kept in (3000, True), (3001, False), (2999, True), (0, True):
        asked(g.ask(get(f"/{size}")), body_of(f"/{size}"), stored=kept)
        m = g.ask(get(f"/{size}"))
        equal(bool(said(m).get("hit")), kept, f"a hit of {size} bytes")
        equal(m.body, body_of(f"/{size}"))


def too_long(name, first):
    @scenario(name)
    def run(t):
        """Of a length that nobody knew: it comes through whole, for all who wait for it, and is not kept."""
        def answer(link, m):
            if m.target == "/short":
                return link.send(http(f"HTTP/1.1 200 OK\n{FRESH}\nTransfer-Encoding: chunked\n\n") + chunked(b"short"))
            body = body_of("/100000")
            link.send(http(f"HTTP/1.1 200 OK\n{FRESH}\n{first}\n\n"))
            for i in range(0, len(body), 2500):
                link.send(body[i:i + 2500] if "close" in first else chunked(body[i:i + 2500], last=i + 2500 >= len(body)))
            if "close" in first:
                link.finish()
                link.ends()
        o, g = caching(t, answers=answer, top=SMALL, routes=MARK)
        for c in crowd(g, 3, get("/100000")):
            m = check(c.final(), "HTTP/1.1 200")
            true(m.body == body_of("/100000"), f"another body of {len(m.body)} bytes")
        before = len(o.requests)
        m = g.ask(get("/100000"))
        true(m.body == body_of("/100000") and not said(m).get("hit"), f"kept, or another body: {m!r}")
        count(o, before + 1)
        asked(g.ask(get("/short")), b"short")
        hit(g.ask(get("/short")), b"short")
        equal(report(g)["bytes"], 5)


too_long("cache/memory/too-long-in-chunks", "Transfer-Encoding: chunked")
too_long("cache/memory/too-long-until-it-ends", "Connection: close")


@scenario("cache/memory/too-long-and-slow")
def too_long_slow(t):
    """The same with a client that reads later than another: both get it all."""
    body = os.urandom(200000)

    def answer(link, m):
        link.send(http(f"HTTP/1.1 200 OK\n{FRESH}\nTransfer-Encoding: chunked\n\n"))
        for i in range(0, len(body), 10000):
            link.send(chunked(body[i:i + 10000], last=i + 10000 >= len(body)))
    o, g = caching(t, answers=answer, top=SMALL, routes=MARK)
    late, early = crowd(g, 2, get("/x"))
    true(check(early.final(), "HTTP/1.1 200").body == body, "another body")
    true(check(late.final(), "HTTP/1.1 200").body == body, "another body")


@scenario("cache/memory/long-heads")
def long_heads(t):
    """A head as long as any may be is stored as it is."""
    fields = [FRESH, *(f"X-{n}: " + "y" * 100 for n in range(12))]
    o, g = caching(t, answers=numbered(*fields), top=SMALL)
    asked(g.ask(), 1)
    m = hit(g.ask(), 1)
    for n in range(12):
        equal(m.all(f"X-{n}"), ["y" * 100])


# --- who stays ------------------------------------------------------------------------

@scenario("cache/memory/crawl")
def crawl(t):
    """Once through all of a site, many times the cache: what is asked for often stays."""
    o, g = caching(t, answers=sized(FRESH), top=SMALL)
    hot = [f"/{500 + n}/hot" for n in range(10)]
    c = g.client()
    for _ in range(5):
        for page in hot:
            equal(c.ask(get(page)).body, body_of(page))
    for page in hot:
        hit(c.ask(get(page)))
    for n in range(1200):
        page = f"/{400 + n % 300}/crawl/{n}"
        equal(c.ask(get(page)).body, body_of(page))
    true(report(g)["evicted"] > 500, f"the crawl did not fill it: {report(g)}")
    stayed = sum(bool(said(c.ask(get(page))).get("hit")) for page in hot)
    true(stayed >= 8, f"of 10 pages that are asked for often {stayed} are left after a crawl")
    equal(c.ask(get("/699/crawl/299")).body, body_of("/699/crawl/299"))


@scenario("cache/memory/all-it-ever-uses")
def bounded(t):
    """However much comes: no more than its size, index included; what is answered is right."""
    o, g = caching(t, answers=sized(FRESH, "Vary: Accept-Language"), top=SMALL)
    worker, = g.workers(1)
    random.seed(5)
    c, most = g.client(), 0
    for n in range(600):
        page = f"/{random.choice((0, 10, 300, 1000, 5000, 30000 if not t.tiny else 6000))}/{random.randrange(200)}"
        m = c.ask(get(page, f"Accept-Language: {n % 3}"))
        check(m, "HTTP/1.1 200")
        true(m.body == body_of(page), f"another body for {page}")
        if n % 100 == 50:
            seen = report(g)
            equal(seen["size"], 256 * 1024)
            true(seen["blocks"] * seen["block"] <= seen["size"] and seen["used"] <= seen["blocks"], f"{seen}")
            most = max(most, seen["used"])
            g.consistent()
    true(most > seen["blocks"] // 2, f"it was never half full: {most} of {seen['blocks']}")
    true(seen["evicted"] > 0, "nothing was evicted")


@scenario("cache/memory/smallest")
def smallest(t):
    """The smallest cache there is works, or its configuration says why not."""
    config = "[site *]\n/ = http://127.0.0.1:9 cache=on\n"
    text = t.run("-c", t.file("small.ini", f"[gateway]\nlisten = 127.0.0.1:0\ncache = 1k\n{config}"), "check", code=2)
    check_has(text, r"small\.ini:3: cache: '1k'")
    o, g = caching(t, answers=sized(FRESH), top="cache = 64k\nclients = 16\nrequests = 8")
    for n in range(300):
        page = f"/{n % 40 * 10}/{n % 40}"
        equal(g.ask(get(page)).body, body_of(page))
    true(report(g)["hits"] > 0, "nothing ever hit")


def check_has(text, pattern):
    if not re.search(pattern, text):
        raise Wrong(f"{pattern} is not in {text}")


@scenario("cache/memory/check-tells")
def check_tells(t):
    """gateway check: the cache is a term of the memory; without a route that keeps something it is none."""
    for words, wanted in ("cache=on", True), ("", False):
        text = t.run("-c", t.file("c.ini", f"[gateway]\nlisten = 127.0.0.1:8080\nstate = {t.dir}/state\ncache = 8M\n[site *]\n/ = http://127.0.0.1:9 {words}\n"), "check", code=None)
        equal(bool(re.search(r"(?m)cache.*8.?(M|\d\d\d)|8.?(M|\d\d\d).*cache", text)), wanted, f"8M in {text}")


@scenario("cache/memory/evicted-while-it-is-sent", slow=True)
def evicted_pinned(t):
    """What is being sent stays until it is sent, whatever is purged and comes meanwhile."""
    if t.tiny:
        raise Skip("bodies that fill the buffers of the system, byte by byte")
    size = 12 << 20
    o, g = caching(t, answers=sized(FRESH), top="cache = 128M")
    page = f"/{size}"
    asked(g.ask(get(page)), stored=True)
    slow = g.client()
    slow.send(get(page))
    m = slow.head()
    true(said(m).get("hit"), f"{m!r}")
    equal(g.tell("purge", f"{wire.SCHEME}://a.example{page}").strip(), "1 removed")
    for n in range(12):
        asked(g.ask(get(f"{page}/{n}")), stored=True)
    g.consistent()
    true(slow.exactly(size) == body_of(page), "what was sent is not what was stored")
    asked(g.ask(get(page)))


# --- reload, death, restart ---------------------------------------------------------------

@scenario("cache/lasts/reload")
def reload(t):
    """A reload keeps all of it, also when the configuration is another one; one that keeps nothing any more, nothing."""
    o, g = caching(t, answers=numbered(FRESH))
    asked(g.ask(), 1)
    g.reload()
    hit(g.ask(), 1)
    g.reload(f"[site *]\nheader = X-New: 1\n/other/ = {o.url}\n/ = {o.url} cache=on cache_object=20k stale_if_error=1d\n")
    for _ in range(5):
        check(hit(g.ask(), 1), "HTTP/1.1 200\nX-New: 1")
    g.reload(f"[site *]\n/ = {o.url}\n")
    check(g.ask(), "HTTP/1.1 200\n!Cache-Status\n\n2")


@scenario("cache/lasts/reload-with-another-size")
def reload_size(t):
    """Another size is another cache; what is under way in the old one comes to its end."""
    links = []

    def answer(link, m):
        if m.target == "/slow":
            links.append(link)
            link.send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + b"half")
        else:
            link.send(ok(b"page", FRESH))
    o, g = caching(t, answers=answer, top="cache = 1M")
    asked(g.ask(), b"page")
    c = g.client()
    c.send(get("/slow"))
    check(c.head(), "HTTP/1.1 200")
    equal(c.exactly(4), b"half")
    g.reload(f"[site *]\n/ = {o.url} cache=on\n", top="cache = 2M")
    equal(report(g)["size"], 2 << 20)
    g.ask()
    hit(g.ask(), b"page")
    links[0].send(b"rest")
    equal(c.exactly(4), b"rest")


@scenario("cache/lasts/while-it-comes")
def reload_filling(t):
    """What is on its way during a reload is whole afterwards."""
    links = []

    def answer(link, m):
        links.append(link)
        link.send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + b"half")
    o, g = caching(t, answers=answer)
    c = g.client()
    c.send(get())
    check(c.head(), "HTTP/1.1 200")
    equal(c.exactly(4), b"half")
    g.reload()
    late = g.client()
    late.send(get())
    check(late.head(), "HTTP/1.1 200")
    equal(late.exactly(4), b"half")
    links[0].send(b"rest")
    for x in c, late:
        equal(x.exactly(4), b"rest")
    hit(g.ask(), b"halfrest")
    count(o, 1)


@scenario("cache/lasts/restart")
def restart(t):
    """Nothing survives a restart."""
    o, g = caching(t, answers=numbered(FRESH))
    asked(g.ask(), 1)
    hit(g.ask(), 1)
    g.consistent()
    g.stop()
    o, g = caching(t, answers=numbered(FRESH), listen=[g.place])
    asked(g.ask(), 1)
    count(o, 1)


def kill(g, pid, workers=1):
    """A worker dies without a word; when this returns another is in its place."""
    g.deaths, g.before = True, {}
    os.kill(pid, signal.SIGKILL)
    g.t.until(lambda: pid not in g.processes(), "it is dead")
    g.t.until(lambda: len(g.workers()) == workers, "another one in its place")


def owner(g, link):
    """The worker that has the other end of this link of the server's."""
    port = link.sock.getpeername()[1]
    with open("/proc/net/tcp") as f:
        inode = next(w[9] for w in map(str.split, f) if w[1].endswith(":%04X" % port) and w[3] == "01")
    for pid in g.processes():
        with contextlib.suppress(OSError):
            if f"socket:[{inode}]" in {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}:
                return pid
    raise Wrong("nobody has that link")


@scenario("cache/lasts/worker-dies")
def dies(t):
    """A worker dies: what was stored is there for the next one."""
    o, g = caching(t, answers=sized(FRESH))
    pages = [f"/{n * 100}" for n in range(20)]
    for page in pages:
        asked(g.ask(get(page)), stored=True)
    for _ in range(3):
        kill(g, g.workers(1)[0])
        for page in pages:
            hit(g.ask(get(page)), body_of(page))
        g.consistent()
    count(o, 20)


@scenario("cache/lasts/worker-dies-sending", slow=True)
def dies_sending(t):
    """Those that were being sent by it are no longer held: they can be purged, and their room is room again."""
    if t.tiny:
        raise Skip("bodies that fill the buffers of the system, byte by byte")
    size = 12 << 20
    o, g = caching(t, answers=sized(FRESH), top="cache = 100M")
    page = f"/{size}"
    asked(g.ask(get(page)), stored=True)
    free = report(g)["used"]
    slow = [g.client() for _ in range(3)]
    for c in slow:
        c.send(get(page))
        check(c.head(), "HTTP/1.1 200")
    kill(g, g.workers(1)[0])
    g.consistent()
    hit(g.ask(get(page)), body_of(page))
    equal(g.tell("purge", "--prefix", f"{wire.SCHEME}://a.example/").strip(), "1 removed")
    true(report(g)["used"] < free // 10, f"its blocks are still taken: {report(g)}")
    g.consistent()


@scenario("cache/lasts/worker-dies-filling")
def dies_filling(t):
    """Of two workers the one dies that is fetching what both wait for: half of it is nobody's whole, and who is left is answered."""
    links = []

    def answer(link, m):
        links.append(link)
        if len(links) == 1:
            link.send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + b"half")
        else:
            link.send(ok(b"all of it", FRESH))
    o, g = caching(t, answers=answer, top="workers = 2")
    g.workers(2)
    clients = crowd(g, 6, get(), opened=False)
    for c in clients:
        check(c.head(), "HTTP/1.1 200")
        equal(c.exactly(4), b"half")
    kill(g, owner(g, links[0]), workers=2)
    for c in clients:
        try:
            got = c.exactly(4)
        except (Ended, ConnectionError):
            continue
        raise Wrong(f"more came from nowhere: {got!r}")
    for _ in range(3):
        check(g.ask(), "HTTP/1.1 200\n\nall of it")
    g.consistent()
    true(len(o.requests) <= 3, f"{o.requests}")


@scenario("cache/lasts/worker-dies-asking")
def dies_asking(t):
    """It dies before there is an answer: those who wait at the other one ask for themselves."""
    links = []

    def answer(link, m):
        links.append(link)
        if len(links) > 1:
            link.send(ok(b"all of it", FRESH))
    o, g = caching(t, answers=answer, top="workers = 2", routes=MARK)
    g.workers(2)
    clients = crowd(g, 6, get(), opened=False)
    t.until(lambda: links, "the first request")
    for _ in range(20):
        settled(g)
    kill(g, owner(g, links[0]), workers=2)
    answered = 0
    for c in clients:
        try:
            check(c.final(), "HTTP/1.1 200\n\nall of it")
            answered += 1
        except (ConnectionError, Wrong) as e:
            if isinstance(e, Wrong) and "ended" not in str(e):
                raise
    g.consistent()
    m = g.ask()
    check(m, "HTTP/1.1 200\n\nall of it")
    hit(g.ask(), b"all of it")


# --- what is not whole -----------------------------------------------------------------------

def incomplete(name, data, plain=None):
    @scenario(name, plain=plain)
    def run(t):
        """What ends before it is whole is not whole for the client, and not for the next one."""
        def answer(link, m):
            link.send(data)
            if link.origin.context and b"Transfer" not in data and b"Length" not in data:
                link.sock.cut()
            else:
                link.reset()
            raise ConnectionResetError
        context = server_context(harness.CERTS.server.cert, harness.CERTS.server.key) if plain else None
        o = t.origin(context=context)
        o.answers(answer)
        g = t.gateway(f"[site *]\n/ = {o.url} cache=on{' verify=off' if plain else ''}\n")
        c = g.client()
        c.send(get())
        try:
            m = c.final()
            true(m.status == 502, f"it looks whole: {m!r}")
        except (Ended, ConnectionError):
            pass
        o.answers(ok(b"all of it", FRESH))
        asked(g.ask(), b"all of it")
        hit(g.ask(), b"all of it")


incomplete("cache/incomplete/length", http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 10\n\n") + b"012345678")
incomplete("cache/incomplete/nothing-of-it", http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 10\n\n"))
incomplete("cache/incomplete/chunks", http(f"HTTP/1.1 200 OK\n{FRESH}\nTransfer-Encoding: chunked\n\n") + chunked(b"0123", b"4567", last=False))
incomplete("cache/incomplete/no-length-over-tls", http(f"HTTP/1.1 200 OK\n{FRESH}\nConnection: close\n\n") + b"0123", plain="TLS by itself")


# --- looking and emptying -----------------------------------------------------------------------

@scenario("cache/tools/report")
def tool_report(t):
    """gateway cache: entries, bytes, hit ratio, the largest."""
    o, g = caching(t, answers=sized(FRESH))
    equal(report(g)["entries"], 0)
    for page in "/100", "/5000", "/300":
        asked(g.ask(get(page)), stored=True)
    for _ in range(9):
        hit(g.ask(get("/300")))
    seen = report(g)
    equal({k: seen[k] for k in ("entries", "bytes", "hits", "misses", "stored", "ratio")}, {"entries": 3, "bytes": 5400, "hits": 9, "misses": 3, "stored": 3, "ratio": 75.0})
    equal([url for _, url in seen["largest"]], [f"{wire.SCHEME}://a.example/{n}" for n in (5000, 300, 100)], "the largest")
    g.step(1500)
    asked(g.ask(get("/300")))
    g.ask(post(b"x"[:0], target="/100"))
    seen = report(g)
    equal((seen["expired"], seen["bypassed"]), (1, 1))


@scenario("cache/tools/purge")
def tool_purge(t):
    """gateway purge: one URL in all its variants, or all that begin so; others stay."""
    o, g = caching(t, answers=sized(FRESH, "Vary: Accept-Language"))
    pages = ["/1/a", "/1/a?q", "/1/ab", "/1/a/b", "/2"]

    def fill():
        for page in pages:
            for kind in 1, 2:
                g.ask(get(page, f"Accept-Language: {kind}"))
                hit(g.ask(get(page, f"Accept-Language: {kind}")))
        g.ask(get("/1/a", host="b.example"))
        hit(g.ask(get("/1/a", host="b.example")))

    def left():
        kept = [page for page in pages for kind in (1, 2) if g.ask(get(page, f"Accept-Language: {kind}", "Cache-Control: only-if-cached")).status == 200]
        hit(g.ask(get("/1/a", host="b.example")))
        return sorted(set(kept)), len(kept)
    base = f"{wire.SCHEME}://a.example"
    for words, count_of, gone in [((base + "/1/a",), 2, {"/1/a"}), (("--prefix", base + "/1/a"), 8, {"/1/a", "/1/a?q", "/1/ab", "/1/a/b"}), ((base.upper().replace("A.EXAMPLE", "A.Example") + "/1/./a",), 2, {"/1/a"}),
                                  ((base + "/3",), 0, set()), (("--prefix", base + "/1/a/"), 2, {"/1/a/b"}), ((base + "/1/a?q",), 2, {"/1/a?q"})]:
        fill()
        equal(g.tell("purge", *words).strip(), f"{count_of} removed", str(words))
        kept, number = left()
        equal((set(pages) - set(kept), number), (gone, 10 - count_of), f"gone after {words}")


@scenario("cache/tools/purge-while-it-comes")
def purge_filling(t):
    """What is on its way goes on to who asked, and is not kept."""
    links = []

    def answer(link, m):
        links.append(link)
        link.send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + (b"half" if len(links) == 1 else b"new page"))
    o, g = caching(t, answers=answer)
    c = g.client()
    c.send(get())
    check(c.head(), "HTTP/1.1 200")
    c.exactly(4)
    g.tell("purge", f"{wire.SCHEME}://a.example/")
    links[0].send(b"rest")
    equal(c.exactly(4), b"rest")
    asked(g.ask(), b"new page")


@scenario("cache/tools/mistakes")
def tool_mistakes(t):
    """Words that mean nothing, and nobody there to be asked."""
    o, g = caching(t)
    for words in ("purge",), ("purge", "/x"), ("purge", "a.example"), ("purge", "ftp://a.example/"), ("purge", "--prefix"), ("cache", "what"):
        true(g.tell(*words, code=2), f"nothing is said of {words}")
    g.consistent()
    g.stop()
    for words in ("cache",), ("cache", "check"), ("purge", "http://a.example/"):
        text = g.tell(*words, code=1)
        true("cannot" in text, f"{words}: {text}")


@scenario("cache/tools/who-may")
def tool_who(t):
    """Only who runs it may ask: the socket is nobody else's."""
    o, g = caching(t)
    place = os.path.join(g.file[:-4] + ".state", "control")
    equal(os.stat(place).st_mode & 0o777, 0o600, "the mode of the socket")


@scenario("cache/tools/after-a-reload")
def tool_reload(t):
    """It answers after a reload as before, and for those that a reload has brought."""
    o = t.origin(answers=numbered(FRESH))
    g = t.gateway(f"[site *]\n/ = {o.url}\n")
    g.reload(f"[site *]\n/ = {o.url} cache=on\n")
    asked(g.ask(), 1)
    equal(report(g)["entries"], 1)
    g.reload()
    equal(report(g)["entries"], 1)
    equal(g.tell("purge", "--prefix", f"{wire.SCHEME}://a.example/").strip(), "1 removed")
    asked(g.ask(), 2)


@scenario("cache/tools/explain")
def tool_explain(t):
    """gateway explain says what is kept of such a URL."""
    config = t.file("e.ini", f"[gateway]\nlisten = 127.0.0.1:8080\nstate = {t.dir}/state\n[site *]\n/ = http://127.0.0.1:9\n/c/ = http://127.0.0.1:9 cache=10m cache_key=-utm_*\n")
    text = t.run("-c", config, "explain", "http://a.example/c/x?utm_a=1&b=2")
    check_has(text, r"(?m)cache.*10m|10m.*cache|kept")
    true(not re.search(r"kept for", t.run("-c", config, "explain", "http://a.example/x")), "what is not kept")
