# SPDX-License-Identifier: MIT
"""Bodies: every framing both ways, both at once, large ones in fixed memory, and those that break."""
import contextlib
import hashlib
import select
import threading
import time

from harness import Row, resident, scenario, table
from wire import Wrong, check, chunked, equal, get, http, ok, post, true

CHUNKED = "Transfer-Encoding: chunked\n"
UP = http(f"POST /up HTTP/1.1\nHost: a.example\n{CHUNKED}\n")
DOWN = http(f"HTTP/1.1 200 OK\n{CHUNKED}\n")

table("body", "/ = {o}", [
    Row("up-length", post(b"x" * 1000), f"POST / HTTP/1.1\nContent-Length: 1000\n!Transfer-Encoding\n\n{'x' * 1000}", closes=False),
    Row("up-chunked", UP + chunked(b"abc", b"d" * 300, b"e"), f"POST /up HTTP/1.1\n{CHUNKED}!Content-Length\n\nabc{'d' * 300}e", closes=False),
    Row("up-chunked-empty", UP + chunked(), f"POST /up HTTP/1.1\n{CHUNKED}\n", closes=False),
    Row("up-chunk-extension", UP + b'3;a=b;c="d;e"\r\nabc\r\n2 ; x\r\nde\r\n0;z\r\n\r\n', f"POST /up HTTP/1.1\n{CHUNKED}\nabcde", closes=False),
    Row("up-chunk-size-case", UP + b"0000A\r\n0123456789\r\na\r\n0123456789\r\n00\r\n\r\n", "POST /up HTTP/1.1\n\n01234567890123456789", closes=False),
    Row("up-trailers-dropped", UP + b"3\r\nabc\r\n0\r\nX-Trailer: 1\r\nContent-Length: 7\r\n\r\n", f"POST /up HTTP/1.1\n!X-Trailer\n!Content-Length\n{CHUNKED}\nabc", closes=False),
    Row("up-coding-case", http("POST /up HTTP/1.1\nHost: a.example\nTransfer-Encoding: Chunked\n\n") + chunked(b"abc"), f"POST /up HTTP/1.1\n{CHUNKED}\nabc", closes=False),
    Row("te-goes", get("/", "TE: trailers, gzip", "Connection: TE"), "GET / HTTP/1.1\n!TE\n!Connection", closes=False),
    Row("down-length", get(), "~GET .*", ok(b"y" * 3000), "HTTP/1.1 200 OK\nContent-Length: 3000\n\n" + "y" * 3000, closes=False),
    Row("down-length-0", get(), "~GET .*", ok(b""), "HTTP/1.1 200 OK\nContent-Length: 0\n\n", closes=False),
    Row("down-chunked", get(), "~GET .*", DOWN + chunked(b"abc", b"d" * 300), f"HTTP/1.1 200 OK\n{CHUNKED}!Content-Length\n\nabc" + "d" * 300, closes=False),
    Row("down-chunked-empty", get(), "~GET .*", DOWN + chunked(), f"HTTP/1.1 200 OK\n{CHUNKED}\n", closes=False),
    Row("down-chunk-extension", get(), "~GET .*", DOWN + b'3;a="b\\"c"\r\nabc\r\n0\r\n\r\n', f"HTTP/1.1 200 OK\n{CHUNKED}\nabc", closes=False),
    Row("down-trailers-dropped", get(), "~GET .*", DOWN + b"3\r\nabc\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n", f"HTTP/1.1 200 OK\n{CHUNKED}!X-T\n\nabc", closes=False),
    Row("down-close", get(), "~GET .*", http("HTTP/1.1 200 OK\nX-A: b\n\n", b"z" * 5000), f"HTTP/1.1 200 OK\n{CHUNKED}X-A: b\n!Connection\n\n" + "z" * 5000, closes=False),
    Row("down-close-empty", get(), "~GET .*", http("HTTP/1.1 200 OK\n\n"), f"HTTP/1.1 200 OK\n{CHUNKED}\n", closes=False),
    Row("down-to-1.0", get(version="1.0"), "~GET .*", http("HTTP/1.1 200 OK\n\n", b"until the end"), "HTTP/1.1 200 OK\n!Transfer-Encoding\nConnection: close\n\nuntil the end", closes=True),
    Row("both-lengths-kept", post(b"q" * 50), "POST / HTTP/1.1\n\n" + "q" * 50, ok(b"r" * 70), "HTTP/1.1 200 OK\n\n" + "r" * 70, closes=False),
    Row("trailer-field", http("POST / HTTP/1.1\nHost: a.example\nTrailer: X-T\nTransfer-Encoding: chunked\n\n") + chunked(b"a"), "POST / HTTP/1.1\n!Trailer\n\na", closes=False),
    ])


def mebi(t, tiny, full):
    """Sizes of big bodies: a tiny gateway reads one byte at a time."""
    return (tiny << 10) if t.tiny else (full << 20)


def blocks(size):
    """A body nobody expects by accident; every block differs."""
    at = 0
    while at < size:
        block = hashlib.sha256(b"%d" % at).digest() * 2048
        yield block[:size - at]
        at += len(block)


def compare(stream, size):
    for block in blocks(size):
        if stream.exactly(len(block)) != block:
            raise Wrong(f"the body differs somewhere before byte {size}")


def steady(g, work):
    """Runs work; the workers' memory must not grow with what passes through."""
    g.ask(get("/warm"))
    before = {pid: resident(pid) for pid in g.workers(1)}
    work()
    for pid, size in before.items():
        grown = resident(pid) - size
        true(grown < (4 << 20), f"worker {pid} grew by {grown} bytes")


@scenario("body/large-down", slow=True)
def large_down(t):
    size = mebi(t, 512, 64)

    def serve(link):
        while (m := link.request()) is not None:
            if m.target == "/warm":
                link.send(ok())
                continue
            link.send(http(f"HTTP/1.1 200 OK\nContent-Length: {size}\n\n"))
            for block in blocks(size):
                link.send(block)
    o, g, c = t.proxy(serve)

    def work():
        c.send(get("/large"))
        equal(c.head().get("Content-Length"), str(size))
        compare(c, size)
    steady(g, work)
    check(c.ask(get("/warm")), "HTTP/1.1 200")


@scenario("body/large-up", slow=True)
def large_up(t):
    size = mebi(t, 512, 64)

    def serve(link):
        while (m := link.request_head()) is not None:
            if m.method == "POST":
                equal(m.get("Content-Length"), str(size))
                compare(link, size)
            link.send(ok(b"whole"))
    o, g, c = t.proxy(serve)

    def work():
        c.send(get("/large", f"Content-Length: {size}", method="POST"))
        for block in blocks(size):
            c.send(block)
        check(c.final("POST"), "HTTP/1.1 200 OK\n\nwhole")
    steady(g, work)
    check(c.ask(get("/warm")), "HTTP/1.1 200")


@scenario("body/large-both-at-once", slow=True)
def large_both(t):
    """An echo: the origin answers while the upload runs, both bodies chunked, neither waits for the other's end."""
    size = mebi(t, 128, 16)

    def serve(link):
        while (m := link.request_head()) is not None:
            if m.method == "GET":
                link.send(ok())
                continue
            link.send(DOWN)
            while part := link.chunk():
                link.send(chunked(part, last=False))
            link.send(chunked())
    o, g, c = t.proxy(serve)

    def upload():
        c.send(UP)
        for block in blocks(size):
            c.send(chunked(block, last=False))
        c.send(chunked())

    def work():
        sender = threading.Thread(target=upload)
        sender.start()
        check(c.head(), f"HTTP/1.1 200 OK\n{CHUNKED}")
        seen, wanted = hashlib.sha256(), hashlib.sha256()
        while part := c.chunk():
            seen.update(part)
        for block in blocks(size):
            wanted.update(block)
        equal(seen.digest(), wanted.digest(), "digest of the echo")
        sender.join()
    steady(g, work)
    check(g.ask(get("/after")), "HTTP/1.1 200")


@scenario("body/large-close-delimited", slow=True)
def large_close(t):
    size = mebi(t, 256, 16)

    def serve(link):
        link.request()
        link.send(http("HTTP/1.1 200 OK\n\n"))
        for block in blocks(size):
            link.send(block)
    o, g, c = t.proxy(serve)
    c.send(get(version="1.0"))
    check(c.head(), "HTTP/1.1 200 OK\nConnection: close")
    compare(c, size)
    c.eof()


@scenario("body/ping-pong")
def ping_pong(t):
    """Each side's next piece waits for the other's last one: nothing is kept back in a buffer."""
    def serve(link):
        link.request_head()
        link.send(DOWN)
        while part := link.chunk():
            link.send(chunked(part.upper(), last=False))
        link.send(chunked())
    o, g, c = t.proxy(serve)
    c.send(UP)
    check(c.head(), "HTTP/1.1 200")
    for i in range(50):
        word = b"word-%d" % i
        c.send(chunked(word, last=False))
        seen = b""
        while len(seen) < len(word):
            seen += c.chunk()
        equal(seen, word.upper())
    c.send(chunked())
    equal(c.chunk(), b"")


@scenario("body/back-pressure")
def back_pressure(t):
    """A client that does not read: the origin's sends block, as nothing is spooled in between."""
    stalled = threading.Event()
    sent = [0]

    def serve(link):
        link.request()
        link.send(http("HTTP/1.1 200 OK\nContent-Length: 1073741824\n\n"))
        link.sock.setblocking(False)
        data = b"x" * 65536
        while True:
            if not select.select([], [link.sock], [], 1)[1]:
                stalled.set()
                link.sock.setblocking(True)
                return link.ends()
            try:
                sent[0] += link.sock.send(data)
            except BlockingIOError:
                pass
            except OSError:
                return None
    o, g, c = t.proxy(serve, top="send_timeout = 10m")
    c.send(get())
    true(stalled.wait(60), "a GiB went into nowhere")
    true(sent[0] < (64 << 20), f"{sent[0]} bytes went up although nobody read them")
    c.reset()


@scenario("body/upload-back-pressure")
def upload_back_pressure(t):
    """The same upwards: an origin that does not read."""
    go = threading.Event()

    def serve(link):
        link.request_head()
        go.wait(60)
        link.reset()
    o, g, c = t.proxy(serve)
    c.send(get("/", "Content-Length: 1073741824", method="POST"))
    c.sock.setblocking(False)
    sent = 0
    while select.select([], [c.sock], [], 1)[1]:
        try:
            sent += c.sock.send(b"x" * 65536)
        except BlockingIOError:
            pass
        true(sent < (64 << 20), "64 MiB went up although nobody read them")
    go.set()


@scenario("body/nothing-left-over", slow=True)
def nothing_left(t):
    """Large bodies that end in the middle, in every way; what was still on its way in them never turns
    up in anybody else's body (long ones share what moves them)."""
    size = mebi(t, 64, 4)
    seen, begun = [], threading.Semaphore(0)

    def serve(link):
        while (m := link.request_head()) is not None:
            byte = m.target[1].encode()
            if m.method == "POST":
                part = b""
                while len(part) < size and (link.got or link.fill()):
                    part, link.got = part + link.got, b""
                    if m.target == "/Xstop":
                        begun.release()
                        return link.reset()
                seen.append((byte, part))
                if len(part) < size:
                    return None
                link.send(ok(b"whole"))
                continue
            link.send(http(f"HTTP/1.1 200 OK\nContent-Length: {size}\n\n"))
            link.send(byte * (size // 2))
            if m.target == "/Xstop":
                return link.close()
            link.send(byte * (size - size // 2))
    o, g, _ = t.proxy(serve, route="max_fails=0")
    for i in range(3 if t.tiny else 8):
        # down: a client leaves with half of it unread, a server leaves in the middle
        c = g.client()
        c.send(get("/Xleft"))
        c.head()
        c.exactly(1000)
        c.reset()
        c = g.client()
        c.send(get("/Xstop"))
        c.head()
        rest = c.ends()
        true(not rest.strip(b"X"), "something else came")
        # up: the same two
        c = g.client()
        c.send(get("/Xleft", f"Content-Length: {size}", method="POST") + b"X" * (size // 2))
        c.reset()
        c = g.client()
        try:
            c.send(get("/Xstop", f"Content-Length: {size}", method="POST") + b"X" * (size // 2))
        except OSError:
            pass
        true(begun.acquire(timeout=60), "the upload did not begin")
        c.close()
        # and now whole ones
        c = g.client()
        c.send(get("/B"))
        c.head()
        true(c.exactly(size) == b"B" * size, "another body's bytes in a download")
        c = g.client()
        check(c.ask(post(b"C" * size, target="/C")), "HTTP/1.1 200 OK\n\nwhole")
        c.close()
    for byte, part in seen:
        true(not part.strip(byte), "another body's bytes in an upload")


def early(t, status, drain):
    """An origin that answers while the upload still runs."""
    def serve(link):
        link.request_head()
        link.send(ok(b"no", status=status))
        if drain:
            link.ends()
    o, g, c = t.proxy(serve)
    c.send(get("/", f"Content-Length: {1 << 30}", method="POST"))
    c.send(b"x" * 10000)
    check(c.final("POST"), f"HTTP/1.1 {status}\n\nno")
    c.ends()


@scenario("body/early-401")
def early_401(t):
    early(t, "401 Unauthorized", True)


@scenario("body/early-413")
def early_413(t):
    early(t, "413 Content Too Large", True)


@scenario("body/early-413-and-close")
def early_413_close(t):
    """The origin answers and closes with unread bytes in its socket, which resets the link."""
    early(t, "413 Content Too Large", False)


@scenario("body/early-while-sending")
def early_while_sending(t):
    """The client sends without looking; after the answer it is still given the chance to read it (RFC 9112 9.6)."""
    def serve(link):
        link.request_head()
        link.skip(100)
        link.send(ok(b"too much", status="413 Content Too Large"))
    o, g, c = t.proxy(serve)
    over = threading.Event()

    def upload():
        try:
            while not over.is_set():
                c.send(b"x" * 1000)
        except OSError:
            pass
    c.send(get("/", f"Content-Length: {1 << 40}", method="POST"))
    sender = threading.Thread(target=upload)
    sender.start()
    try:
        check(c.final("POST"), "HTTP/1.1 413\n\ntoo much")
    finally:
        over.set()
        c.ends()
        sender.join()


@scenario("body/early-answer-keeps-small-upload")
def early_small(t):
    """Answered early, but the rest of the upload comes: what follows it must not be read as a request."""
    def serve(link):
        m = link.request_head()
        if m is not None and m.method == "POST":
            link.send(ok(b"early"))
            link.ends()
        elif m is not None:
            link.send(ok(b"later"))
    o, g, c = t.proxy(serve)
    c.send(get("/", "Content-Length: 40", method="POST"))
    m = check(c.final("POST"), "HTTP/1.1 200 OK\n\nearly")
    try:
        c.send(b"GET /smuggled HTTP/1.1\r\nHost: a.exa.le\r\n\r\n"[:40])
        if not m.lists("Connection", "close"):
            check(c.ask(get("/next")), "HTTP/1.1 200 OK\n\nlater")
    except OSError:
        pass
    c.close()
    g.ask(get("/last"))
    true(not any("smuggled" in r.target for r in o.requests), f"a body was read as a request: {o.requests}")


def unsent(t, answer, fields, follow):
    """The origin answers at the head and reads nothing until read_on is set. Bodies of many sizes, so that for some of them the
    last bytes lie in gateway's buffer while the origin's socket is full."""
    size = int(open("/proc/sys/net/core/wmem_default").read())
    sizes = list(range(500, 6000, 500)) + ([] if t.tiny else list(range(size * 6 // 10, size * 13 // 10, 6000)))
    evil = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    go = threading.Event()

    def serve(link):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = link.sock.recv(1)
            if not byte:
                return
            head += byte
        go.wait(60)
        heads.append(head)
        link.send(answer)
        read_on.wait(60)
        follow(link)
    heads, senders, clients, read_on = [], [], [], threading.Event()
    o = t.origin(serve, place=t.unix())
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="clients = 200\nrequests = 120\nper_client = 200")
    for n in sizes:
        body = (evil * (n // len(evil) + 1))[:n]
        parts = [body[i:i + 1000] for i in range(0, n, 1000)]
        for data in get("/x", *fields, f"Content-Length: {n}", method="POST") + body, get("/x", *fields, "Transfer-Encoding: chunked", method="POST") + chunked(*parts):
            c = g.client()
            clients.append(c)

            def send(c=c, data=data):
                with contextlib.suppress(OSError):
                    c.send(data)
            senders.append(threading.Thread(target=send))
            senders[-1].start()
    o.wait(len(clients), "links")
    time.sleep(0.5)  # so that what can be taken in is; nothing below depends on it
    go.set()
    return o, clients, senders, heads, read_on


@scenario("body/early-answer-unsent-body", slow=True)
def early_unsent(t):
    """No byte of a body is ever read as a request, though it was never sent on."""
    o, clients, senders, heads, read_on = unsent(t, ok(b"early"), [], lambda link: link.ends())
    for c in clients:
        check(c.final("POST"), "HTTP/1.1 200 OK\n\nearly")
    read_on.set()
    for c in clients:
        with contextlib.suppress(OSError):
            c.finish()
        rest = c.ends()
        true(b"HTTP/1.1" not in rest, f"a second answer: {rest!r}")
    for thread in senders:
        thread.join()
    t.finish()
    equal(len(heads), len(clients), "requests at the origin")
    for head in heads:
        true(head.startswith(b"POST /x HTTP/1.1\r\n"), f"{head!r}")
    for link in o.links:
        true(b"Via: 1.1 gateway" not in link.raw, "a second request on a link")


@scenario("upgrade/early-101-with-body", slow=True)
def early_101(t):
    """101 before the request's body has gone up: 502. A tunnel that does begin has the whole body before it."""
    def follow(link):
        with contextlib.suppress(OSError):
            while link.fill():
                pass
    answer = http("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: foo\n\n")
    o, clients, senders, heads, read_on = unsent(t, answer, ["Connection: upgrade", "Upgrade: foo"], follow)
    answers = [c.response("POST") for c in clients]
    read_on.set()
    for c, m in zip(clients, answers):
        with contextlib.suppress(OSError):
            if m.status == 101:
                c.send(b"TUNNEL")
            c.finish()
        true(b"HTTP/1.1" not in c.ends(), "a second answer")
    seen = {m.status for m in answers}
    for thread in senders:
        thread.join()
    t.finish()
    true(seen == {101, 502} or (t.tiny and seen <= {101, 502}), f"answers: {seen}")
    for link in o.links:
        before, mark, after = bytes(link.raw).partition(b"TUNNEL")
        true(not mark or not after, "something behind the tunnel's bytes")
        if mark and before.endswith(b"\r\n0\r\n\r\n") is False and b"\r\n" in before[:6]:
            raise Wrong(f"the last chunk is missing before the tunnel: {before[-60:]!r}")


def payload(stream, size, chunks):
    """So many bytes of a body, however they are cut into chunks."""
    seen = b""
    while len(seen) < size:
        seen += stream.chunk() if chunks else stream.exactly(size)
    return seen


def truncated(t, answer, chunks):
    """A response that breaks after its head went out; others are served on."""
    def serve(link):
        m = link.request()
        if m.target == "/fine":
            return link.send(ok(b"fine", "Connection: close"))
        link.send(answer)
        # it breaks once the part is through, so that the client must have seen it
        true(go[m.target].wait(30), "the client saw nothing of the body")
        return link.reset() if m.target == "/reset" else link.close()
    go = {"/reset": threading.Event(), "/close": threading.Event()}
    o, g, _ = t.proxy(serve)
    for how in go:
        c = g.client()
        c.send(get(how))
        check(c.head(), "HTTP/1.1 200")
        equal(payload(c, 4, chunks), b"half")
        go[how].set()
        equal(c.ends(), b"", "bytes after the break")
        check(g.ask(get("/fine")), "HTTP/1.1 200 OK\n\nfine")


@scenario("body/down-breaks-length")
def down_breaks_length(t):
    truncated(t, http("HTTP/1.1 200 OK\nContent-Length: 100\n\nhalf"), False)


@scenario("body/down-breaks-chunked")
def down_breaks_chunked(t):
    truncated(t, DOWN + chunked(b"half", last=False), True)


@scenario("body/down-bad-chunk")
def down_bad_chunk(t):
    """A broken chunk after the head went out: the client never sees a last chunk, the link is closed."""
    closed = threading.Event()

    def serve(link):
        link.request()
        link.send(DOWN + chunked(b"good", last=False))
        true(go.wait(30), "the client saw nothing")
        link.send(b"zz\r\nbad\r\n0\r\n\r\n")
        link.ends()
        closed.set()
    go = threading.Event()
    o, g, c = t.proxy(serve)
    c.send(get())
    c.head()
    equal(payload(c, 4, True), b"good")
    go.set()
    rest = c.ends()
    true(b"0\r\n\r\n" not in rest, f"the client saw an end: {rest!r}")
    true(closed.wait(30), "the link was kept")


@scenario("body/down-breaks-to-1.0")
def down_breaks_10(t):
    """A client whose body ends with the connection can see the loss by a reset only."""
    def serve(link):
        link.request()
        link.send(DOWN + chunked(b"half", last=False))
        true(go.wait(30), "the client saw nothing")
        link.close()
    go = threading.Event()
    o, g, c = t.proxy(serve)
    c.send(get(version="1.0"))
    c.head()
    c.expect(b"half")
    go.set()
    try:
        raise Wrong(f"an end in good order: {c.sock.recv(100)!r}")
    except ConnectionResetError:
        pass


@scenario("body/server-dies-during-upload")
def server_dies(t):
    """502 while the upload still runs: the rest of it is never read as a request."""
    def serve(link):
        m = link.request_head()
        if m.method == "POST":
            link.exactly(10)
            link.reset()
        else:
            link.send(ok())
    o, g, c = t.proxy(serve, route="max_fails=0")
    c.send(get("/", "Content-Length: 1000", method="POST") + b"x" * 100)
    check(c.final("POST"), "HTTP/1.1 502\nConnection: close")
    try:
        c.send(get("/smuggled") * 3)
        true(b"HTTP/1.1 200" not in c.ends(), "a body was read as a request")
    except OSError:
        pass
    c.close()
    check(g.ask(get("/last")), "HTTP/1.1 200")
    equal([m.target for m in o.requests], ["/", "/last"])


def never_completed(t, head, part, mode):
    """A request body that breaks off is never completed for the backend."""
    seen = {}
    over = threading.Event()

    def serve(link):
        m = link.request_head()
        equal(payload(link, 4, m.kind() == "chunked"), b"half")
        got.set()
        seen["rest"] = link.ends()
        over.set()
    got = threading.Event()
    o, g, c = t.proxy(serve)
    c.send(head + part)
    true(got.wait(30), "the part did not get there")
    {"close": c.close, "reset": c.reset, "finish": c.finish, "nonsense": lambda: c.send(b"nonsense\r\n")}[mode]()
    true(over.wait(30), "the link was kept")
    equal(seen["rest"], b"", "after the break")


for mode in "close", "reset", "finish":
    scenario(f"body/up-breaks-length-{mode}")(lambda t, m=mode: never_completed(t, get("/", "Content-Length: 100", method="POST"), b"half", m))
for mode in "close", "reset", "finish", "nonsense":
    scenario(f"body/up-breaks-chunked-{mode}")(lambda t, m=mode: never_completed(t, UP, chunked(b"half", last=False), m))


@scenario("body/up-breaks-is-400")
def up_breaks_400(t):
    """Broken chunks while the origin has not answered: the client is told 400 and the connection ends."""
    def serve(link):
        link.request_head()
        link.ends()
    o, g, c = t.proxy(serve)
    c.send(UP + b"3\r\nabcdef\r\n")
    check(c.final("POST"), "HTTP/1.1 400\nConnection: close")
    c.eof()
    true(all(b"\r\n0\r\n" not in link.raw for link in o.links), "the body was completed")
