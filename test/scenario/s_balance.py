# SPDX-License-Identifier: MIT
"""Several servers: turns, weights, backups, health, retries, stale links, what the client sees when none answers."""
import threading
from collections import Counter

from harness import scenario
from wire import check, chunked, equal, get, http, ok, page_id, post, true


def group(t, words, *, top="", options="", dead=()):
    """One route over len(words) servers; server i answers its number. words: what follows each URL."""
    origins = [t.dead() if i in dead else t.origin(answers=ok(b"%d" % i)) for i in range(len(words))]
    lines = "\n      ".join(f"{o.url} {w}".rstrip() for o, w in zip(origins, words))
    g = t.gateway(f"[site *]\n/ = {lines} {options}".rstrip() + "\n", top=top)
    return origins, g


def said(g, count, data=None):
    """Who answered each of these requests."""
    c = g.client()
    return [c.ask(data or get(f"/{i}")).body.decode() for i in range(count)]


@scenario("balance/round-robin")
def round_robin(t):
    _, g = group(t, ["", "", ""])
    seen = said(g, 9)
    equal(seen[:3], seen[3:6])
    equal(sorted(seen[:3]), ["0", "1", "2"])


@scenario("balance/one-line")
def one_line(t):
    a, b = t.origin(answers=ok(b"a")), t.origin(answers=ok(b"b"))
    g = t.gateway(f"[site *]\n/ = {a.url} {b.url}\n")
    equal(Counter(said(g, 10)), {"a": 5, "b": 5})


@scenario("balance/repeated-key")
def repeated_key(t):
    a, b = t.origin(answers=ok(b"a")), t.origin(answers=ok(b"b"))
    g = t.gateway(f"[site *]\n/ = {a.url}\n/ = {b.url}\n")
    equal(Counter(said(g, 10)), {"a": 5, "b": 5})


@scenario("balance/weights")
def weights(t):
    """Smooth: the heavy one is not asked five times in a row."""
    _, g = group(t, ["weight=5", "", ""])
    seen = said(g, 14)
    equal(Counter(seen), {"0": 10, "1": 2, "2": 2})
    true("00000" not in "".join(seen), f"not smooth: {seen}")
    equal(seen[:7], seen[7:])


@scenario("balance/backup-rests")
def backup_rests(t):
    _, g = group(t, ["", "", "backup"])
    equal(Counter(said(g, 10)), {"0": 5, "1": 5})


@scenario("balance/backup-steps-in")
def backup_steps_in(t):
    _, g = group(t, ["", "", "backup"], dead={0, 1})
    equal(set(said(g, 5)), {"2"})


@scenario("balance/dead-server-get")
def dead_get(t):
    """Connection refused: the next server is asked, the client notices nothing."""
    _, g = group(t, ["", ""], dead={0})
    equal(set(said(g, 8)), {"1"})


@scenario("balance/dead-server-post")
def dead_post(t):
    """No byte of it was sent: a POST may go to the next server too, its body whole."""
    origins, g = group(t, ["", ""], dead={0})
    equal(set(said(g, 6, post(b"the body"))), {"1"})
    for m in origins[1].requests:
        check(m, "POST / HTTP/1.1\n\nthe body")


@scenario("balance/dead-at-once")
def dead_at_once(t):
    """Servers that fail in the very call that connects: the answer is there at once, not when connect_timeout is over."""
    g = t.gateway(f"[site *]\n/ = unix:{t.dir}/1 unix:{t.dir}/2 unix:{t.dir}/3 connect_timeout=1h\n/two/ = unix:{t.dir}/4 http://does-not-exist.invalid connect_timeout=1h\n")
    for target in "/", "/two/", "/":
        check(g.ask(get(target)), "HTTP/1.1 502")
    o = t.origin(place=t.unix())
    g = t.gateway(f"[site *]\n/ = unix:{t.dir}/1 unix:{t.dir}/2 {o.url} connect_timeout=1h\n")
    for _ in range(3):
        check(g.ask(post(b"x")), "HTTP/1.1 200")


@scenario("balance/dead-server-chunked-post")
def dead_chunked(t):
    origins, g = group(t, ["", ""], dead={0})
    equal(set(said(g, 6, http("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n") + chunked(b"ab", b"cd"))), {"1"})
    for m in origins[1].requests:
        check(m, "POST / HTTP/1.1\n\nabcd")


@scenario("balance/left-out-after-max-fails")
def left_out(t):
    """After max_fails failures a server is asked no more; the log says so."""
    def fail(link):
        link.request()
        link.reset()
    bad = t.origin(fail)
    good = t.origin()
    g = t.gateway(f"[site *]\n/ = {bad.url}\n      {good.url} max_fails=2 fail_timeout=1h\n")
    for i in range(12):
        check(g.ask(), "HTTP/1.1 200")
    equal(len(bad.requests), 2, "requests at the failing server")
    g.logged(rf"{bad.text} is left out")


@scenario("balance/comes-back")
def comes_back(t):
    """After fail_timeout it is asked again, and is whole again with its first answer."""
    dead = t.dead()
    good = t.origin(answers=ok(b"good"))
    g = t.gateway(f"[site *]\n/ = {dead.url}\n      {good.url} max_fails=1 fail_timeout=300ms\n")
    for _ in range(4):
        equal(g.ask().body, b"good")
    g.logged(rf"{dead.text} is left out")
    dead.answers(ok(b"back"))
    dead.start()
    t.until(lambda: g.ask().body == b"back", "the server is asked again")
    g.logged(rf"{dead.text} answers again")
    seen = [g.ask().body for _ in range(6)]
    equal(Counter(seen), {b"good": 3, b"back": 3})


@scenario("balance/all-left-out-still-tried")
def all_left_out(t):
    """When all are left out the one that is due first is tried: better than an error at once."""
    dead = t.dead()
    g = t.gateway(f"[site *]\n/ = {dead.url} max_fails=1 fail_timeout=1h\n")
    check(g.ask(), "HTTP/1.1 502")
    dead.start()
    check(g.ask(), "HTTP/1.1 200")


@scenario("balance/retry-get-when-closed")
def retry_get(t):
    """A server that closes without a byte of a response: GET goes to the next one."""
    def shut(link):
        link.request()
    bad = t.origin(shut)
    good = t.origin()
    g = t.gateway(f"[site *]\n/ = {bad.url}\n      {good.url} max_fails=0\n")
    for _ in range(4):
        check(g.ask(), "HTTP/1.1 200")
    true(len(bad.requests) >= 1, "the closing server was never asked")
    for method in "HEAD", "OPTIONS", "DELETE":
        for _ in range(2):
            check(g.ask(get(method=method)), "HTTP/1.1 200")


@scenario("balance/no-retry-of-post")
def no_retry_post(t):
    """A POST that was sent is never sent again: 502, and the other server sees nothing of it."""
    def shut(link):
        link.request()
    origins = [t.origin(shut), t.origin(shut)]
    g = t.gateway(f"[site *]\n/ = {origins[0].url}\n      {origins[1].url} max_fails=0\n")
    for i in range(4):
        check(g.ask(post(b"once", target=f"/{i}")), "HTTP/1.1 502\n\n~502")
    equal(Counter(m.target for o in origins for m in o.requests), {f"/{i}": 1 for i in range(4)})


@scenario("balance/no-retry-of-unknown-method")
def no_retry_unknown(t):
    def shut(link):
        link.request()
    origins = [t.origin(shut), t.origin(shut)]
    g = t.gateway(f"[site *]\n/ = {origins[0].url}\n      {origins[1].url} max_fails=0\n")
    check(g.ask(get(method="PATCH")), "HTTP/1.1 502")
    equal(sum(len(o.requests) for o in origins), 1)


@scenario("balance/no-retry-after-response-byte")
def no_retry_after_byte(t):
    def half(link):
        link.request()
        link.send(b"HTTP/1.1 200 OK\r\nX")
    origins = [t.origin(half), t.origin(half)]
    g = t.gateway(f"[site *]\n/ = {origins[0].url}\n      {origins[1].url} max_fails=0\n")
    check(g.ask(), "HTTP/1.1 502")
    equal(sum(len(o.requests) for o in origins), 1)


@scenario("balance/no-retry-after-103")
def no_retry_after_103(t):
    """An interim response is a response: the client has seen it, and the request is not repeated."""
    def hint(link):
        link.request()
        link.send(http("HTTP/1.1 103 Early Hints\nLink: </a>\n\n"))
    origins = [t.origin(hint), t.origin(hint)]
    g = t.gateway(f"[site *]\n/ = {origins[0].url}\n      {origins[1].url} max_fails=0\n")
    c = g.client()
    c.send(get())
    check(c.response(), "HTTP/1.1 103")
    check(c.response(), "HTTP/1.1 502")
    equal(sum(len(o.requests) for o in origins), 1)


@scenario("balance/server-dies-after-100")
def dies_after_100(t):
    def serve(link):
        link.request_head()
        link.send(http("HTTP/1.1 100 Continue\n\n"))
        link.expect(b"12345")
    o, g, c = t.proxy(serve)
    c.send(get("/", "Expect: 100-continue", "Content-Length: 5", method="POST"))
    check(c.response("POST"), "HTTP/1.1 100")
    c.send(b"12345")
    check(c.response("POST"), "HTTP/1.1 502")


@scenario("balance/dead-server-large-post")
def dead_large(t):
    """The whole of a large body goes to the second server when the first one refuses the connection."""
    origins, g = group(t, ["", ""], dead={0})
    body = b"0123456789abcdef" * (500 if t.tiny else 60000)
    equal(set(said(g, 3, post(body))), {"1"})
    for m in origins[1].requests:
        true(m.body == body, "the body differs")


@scenario("balance/no-retry-after-body-byte")
def no_retry_after_body(t):
    """A PUT is idempotent, but its body is gone once a byte of it went up."""
    def eat(link):
        link.request()
    origins = [t.origin(eat), t.origin(eat)]
    g = t.gateway(f"[site *]\n/ = {origins[0].url}\n      {origins[1].url} max_fails=0\n")
    check(g.ask(post(b"x" * 1000, method="PUT")), "HTTP/1.1 502")
    equal(sum(len(o.requests) for o in origins), 1)


@scenario("balance/no-retry-after-chunk-line")
def no_retry_chunk_line(t):
    """The beginning of a chunk is body too: what was taken in of it cannot be sent again."""
    def shut(link):
        link.request_head()
    origins = [t.origin(shut), t.origin(shut)]
    g = t.gateway(f"[site *]\n/ = {origins[0].url}\n      {origins[1].url} max_fails=0\n")
    c = g.client()
    c.send(http("PUT / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n") + b"5\r\n")
    check(c.final("PUT"), "HTTP/1.1 502\nConnection: close")
    equal(sum(len(o.requests) for o in origins), 1)


@scenario("balance/tries")
def tries(t):
    """No more servers than `tries` are asked for one request."""
    def shut(link):
        link.request()
    origins = [t.origin(shut) for _ in range(4)]
    targets = "\n      ".join(o.url for o in origins)
    g = t.gateway(f"[site *]\n/ = {targets} tries=2 max_fails=0\n")
    check(g.ask(), "HTTP/1.1 502")
    equal(sum(len(o.requests) for o in origins), 2)


@scenario("balance/stale-link-get")
def stale_get(t):
    """The idle link ended in the moment the request was sent on it: the same server is asked once more on a
    new one, and it has not failed."""
    def serve(link):
        first = link is o.links[0]
        link.answer(ok(b"one"))
        link.request()
        if not first:
            link.send(ok(b"two"))
            link.ends()
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url} max_fails=1 fail_timeout=1h\n")
    c = g.client()
    check(c.ask(get("/1")), "HTTP/1.1 200 OK\n\none")
    check(c.ask(get("/2")), "HTTP/1.1 200 OK\n\none")
    equal([m.target for m in o.requests], ["/1", "/2", "/2"])


@scenario("balance/stale-link-post")
def stale_post(t):
    """The same with POST: it may have been acted upon, so it is not repeated."""
    def serve(link):
        link.answer(ok(b"one"))
        link.request()
    o, g, c = t.proxy(serve)
    check(c.ask(get("/1")), "HTTP/1.1 200 OK\n\none")
    check(c.ask(post(b"x", target="/2")), "HTTP/1.1 502")
    equal([m.target for m in o.requests], ["/1", "/2"])


@scenario("balance/closed-link-post")
def closed_post(t):
    """A link that is known to have ended is not used: POST works after an idle link was closed."""
    def serve(link):
        link.answer(ok(b"one"))
    o, g, c = t.proxy(serve)
    for i in range(10):
        check(c.ask(post(b"x", target=f"/{i}")), "HTTP/1.1 200 OK\n\none")
        link = o.wait(i + 1, "links")
        t.until(lambda: link.sock.fileno() == -1, "the link is closed")
    equal([m.target for m in o.requests], [f"/{i}" for i in range(10)])


@scenario("balance/links-shared-between-routes")
def links_shared(t):
    """The same server in several places of the file is one server."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/a/ = {o.url}\n/b/ = {o.url}/x/\n")
    c = g.client()
    for target in "/", "/a/", "/b/":
        check(c.ask(get(target)), "HTTP/1.1 200")
    equal(len(o.links), 1)


@scenario("balance/idle-links-limit")
def idle_links(t):
    """No more idle links to one server than idle_links are kept."""
    go = threading.Event()

    def serve(link):
        while link.request() is not None:
            go.wait(30)
            link.send(ok())
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="idle_links = 2")
    clients = [g.client() for _ in range(5)]
    for c in clients:
        c.send(get())
    o.wait(5)
    go.set()
    for c in clients:
        check(c.final(), "HTTP/1.1 200")
    t.until(lambda: sum(link.sock.fileno() >= 0 for link in o.links) == 2, "three links are closed")


@scenario("balance/link-timeout")
def link_timeout(t):
    o, g, c = t.proxy(top="link_timeout = 300ms")
    check(c.ask(get()), "HTTP/1.1 200")
    t.until(lambda: o.links[0].sock.fileno() == -1, "the idle link is closed")
    check(c.ask(get()), "HTTP/1.1 200")
    equal(len(o.links), 2)


# --- what the client sees -------------------------------------------------------------

@scenario("page/502")
def page_502(t):
    """A small page with a short request id, that is in the log with backend and reason."""
    dead = t.dead()
    g = t.gateway(f"[site *]\n/ = {dead.url}\n")
    m = check(g.ask(get("/x", "User-Agent: test/1")), "HTTP/1.1 502 Bad Gateway\nContent-Type: text/html; charset=utf-8\nContent-Length: ~\\d+\nCache-Control: no-store\n\n~<h1>Bad Gateway</h1>")
    g.logged(rf'"GET /x HTTP/1.1" 502 \d+ "-" "test/1" a\.example {dead.text} \d+\.\d{{3}} - {page_id(m)} ".*[Rr]efused"')


@scenario("page/504")
def page_504(t):
    def serve(link):
        link.request()
        link.ends()
    o, g, c = t.proxy(serve, route="response_timeout=300ms max_fails=0")
    m = check(c.ask(get("/x")), "HTTP/1.1 504 Gateway Timeout\n\n~504")
    g.logged(rf'"GET /x HTTP/1.1" 504 .* {o.text} .* {page_id(m)} ".+"')


@scenario("page/ids-differ")
def ids_differ(t):
    g = t.gateway("[site a]\n/ = reply:200\n")
    ids = {page_id(g.ask()) for _ in range(20)}
    equal(len(ids), 20)


@scenario("page/connection-lives-on")
def lives_on(t):
    """An error of the backend is none of the client's connection."""
    dead = t.dead()
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/dead/ = {dead.url}\n")
    c = g.client()
    for _ in range(3):
        check(c.ask(get("/dead/")), "HTTP/1.1 502\n!Connection")
        check(c.ask(get("/")), "HTTP/1.1 200")
        check(c.ask(get("/dead/", method="HEAD")), "HTTP/1.1 502")
        check(c.ask(post(b"", target="/dead/")), "HTTP/1.1 502\n!Connection")
