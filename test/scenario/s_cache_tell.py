# SPDX-License-Identifier: MIT
"""Asking a running gateway: who may, who hinders nobody, and where its socket and its memory are."""
import os
import re
import signal
import socket
import time

import wire
from harness import Skip, scenario
from stored import asked, caching, hit, numbered
from wire import WAIT, check, equal, get, http, ok, true

FRESH = "Cache-Control: max-age=1000"


def kept(t, words="cache=on", **how):
    return caching(t, words, answers=numbered(FRESH), clock=False, **how)


def control(g):
    return os.path.join(re.search(r"(?m)^state *= *(.*)$", open(g.file).read()).group(1), "control")


def dial(g):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(WAIT)
    s.connect(control(g))
    return s


def all_of(s):
    """What comes until the end; None: it was reset."""
    data = b""
    try:
        while part := s.recv(65536):
            data += part
    except ConnectionResetError:
        return data or None
    return data


def url(path="/", host="a.example"):
    return f"{wire.SCHEME}://{host}{path}"


# --- what a URL means ------------------------------------------------------------------

@scenario("cache/tell/purge-by-any-query")
def any_query(t):
    """cache_key counts for who purges as it does for who asks; another route of the site has another one."""
    o = t.origin(answers=numbered(FRESH))
    g = t.gateway(f"[site a.example]\ncache = on\ncache_key = -utm_*\n/ = {o.url}\n/sorted/ = {o.url} cache_key=sort\n[site *]\ncache = on\n/ = {o.url}\n")
    for stored, purged, count in (("/x?utm_a=1&b=2", "/x?b=2&utm_c=3", 1), ("/x?b=2", "/x?b=2&utm_c=3", 1), ("/x?b=2", "/x?b=3", 0), ("/x?b&a", "/x?a&b", 0),
                                  ("/sorted/?b&a", "/sorted/?a&b", 1), ("/sorted/?utm_a", "/sorted/", 0)):
        g.tell("purge", "--prefix", url())
        asked(g.ask(get(stored)))
        equal(g.tell("purge", url(purged)).strip(), f"{count} removed", f"{stored}, then {purged}")
        (asked if count else hit)(g.ask(get(stored)))
    asked(g.ask(get("/x?utm_a=1", host="b.example")))
    equal(g.tell("purge", url("/x", "b.example")).strip(), "0 removed")
    equal(g.tell("purge", url("/x?utm_a=1", "B.example")).strip(), "1 removed")


@scenario("cache/tell/purge-by-any-port")
def any_port(t):
    """The port that a client wrote is part of the URL, but for that of the scheme."""
    o, g = kept(t)
    standard = {"http": 80, "https": 443}[wire.SCHEME]
    for host, purged, count in (("a.example", f"a.example:{standard}", 1), (f"a.example:{standard}", "A.EXAMPLE", 1), ("a.example:8080", "a.example", 0), ("a.example:8080", "a.example:8080", 1)):
        asked(g.ask(get("/" + host.replace(":", "-") + purged, host=host)))
        equal(g.tell("purge", url("/" + host.replace(":", "-") + purged, purged)).strip(), f"{count} removed", f"{host}, then {purged}")


# --- who asks ----------------------------------------------------------------------------

@scenario("cache/tell/nobody-else")
def nobody_else(t):
    """Another user of the machine is refused, though the directory is open to all."""
    if os.getuid():
        raise Skip("only root can be somebody else")
    os.mkdir(os.path.join(t.dir, "open"))
    os.chmod(os.path.join(t.dir, "open"), 0o777)
    before = os.umask(0)
    try:
        o, g = kept(t, top=f"state = {t.dir}/open")
    finally:
        os.umask(before)
    g.consistent()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            try:
                dial(g)
            except PermissionError:
                code = 0
        finally:
            os._exit(code)
    equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, "0: permission denied")


def sockets_of(pid):
    found = set()
    for n in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.add(os.readlink(f"/proc/{pid}/fd/{n}"))
        except OSError:
            pass
    return found


@scenario("cache/tell/no-child-has-it")
def no_child(t):
    """No worker and no helper has the socket or a connection of it, not even one that began while somebody asked."""
    o, g = kept(t)
    with open("/proc/net/unix") as f:
        listener = next("socket:[%s]" % line.split()[6] for line in f if line.rstrip().endswith(" " + control(g)))
    before = sockets_of(g.process.pid)
    true(listener in before, "gateway itself listens")
    s = dial(g)
    s.send(b"half a li")
    t.until(lambda: sockets_of(g.process.pid) - before, "it has accepted")
    theirs = (sockets_of(g.process.pid) - before) | {listener}
    old = g.processes()
    g.deaths, g.before = True, {}
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    t.until(lambda: len(set(g.processes()) - set(old)) == len(old) and len(g.workers()) == 1, "all of them have successors")
    true(theirs <= sockets_of(g.process.pid), "the connection is still there")
    for pid in g.processes():
        t.until(lambda: not theirs & sockets_of(pid), f"process {pid} has closed what is not its own")
    s.send(b"ne\n")
    check_mistake(all_of(s))


def check_mistake(data):
    true(re.fullmatch(rb"mistake: [^\n]*\n", data or b""), f"{data!r} is not one line that says what is wrong")


@scenario("cache/tell/odd-askers")
def odd(t):
    """Whatever is said to it: it answers a line, or hangs up, and goes on."""
    o, g = kept(t)
    asked(g.ask(), 1)
    for said in (b"\n", b"\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"x" * 8191 + b"\n", b"x" * 8192, b"\0\n", b"\xff\xfe\n", b"purge\n", b"purge \n", b"purge x y\n", b"purge http://\n",
                 b"purge-prefix\n", b"purge http://a.example/%0a\n", b"purge " + b"\x1b" * 8000 + b"\n", b"cache check now\n", b"CACHE\n", b"quit\n"):
        s = dial(g)
        s.send(said)
        data = all_of(s)
        check_mistake(data)
        true(all(32 <= b < 127 for b in data[:-1]), f"{data!r} is not for a terminal")
        s.close()
    for half in b"", b"cache", b"purge http://a.exam":
        s = dial(g)
        s.send(half)
        s.shutdown(socket.SHUT_WR)
        equal(all_of(s), b"", f"the answer to {half!r}")
        s.close()
    for line in b"cache check\n", b"  cache \t check\r\n", b"cache check\ncache\n":
        s = dial(g)
        s.send(line)
        equal(all_of(s), b"consistent\n")
    s = dial(g)
    for i in range(0, 12, 3):
        s.send(b"cache check\n"[i:i + 3])
        time.sleep(0.01)
    equal(all_of(s), b"consistent\n")
    s = dial(g)
    s.send(b"cache\n")
    s.close()  # does not wait for the answer
    hit(g.ask(), 1)


@scenario("cache/tell/quiet-askers", slow=True)
def quiet(t):
    """Those who say nothing are sent away after a while; they hold up neither requests nor a reload nor who has a question."""
    o, g = kept(t)
    asked(g.ask(), 1)
    quiet = [dial(g) for _ in range(8)]
    began = time.monotonic()
    hit(g.ask(), 1)
    g.reload()
    hit(g.ask(), 1)
    true(time.monotonic() - began < 4, "it was held up")
    equal(quiet[0].recv(1), b"", "the end")  # after five seconds
    g.consistent()
    for s in quiet[1:]:
        equal(s.recv(1), b"", "the end")


# --- the socket ------------------------------------------------------------------------------

@scenario("cache/tell/comes-and-goes")
def comes_and_goes(t):
    """It is there when something is kept, moves with the state directory, and is removed in the end."""
    o = t.origin(answers=numbered(FRESH))
    plain, keeping = f"[site *]\n/ = {o.url}\n", f"[site *]\n/ = {o.url} cache=on\n"
    one, two = f"{t.dir}/one/control", f"{t.dir}/two/deep/control"
    g = t.gateway(plain, top=f"state = {t.dir}/one")
    true(not os.path.exists(one), "nothing is kept, and it can be asked")
    text = g.tell("cache", code=1)
    true(one in text and "no route" in text, text)
    g.reload(keeping, top=f"state = {t.dir}/one")
    g.consistent()
    equal(os.stat(os.path.dirname(one)).st_mode & 0o777, 0o700, "mode of the directory that it made")
    g.reload(keeping, top=f"state = {t.dir}/two/deep")
    true(not os.path.exists(one), "the old one is still there")
    g.consistent()
    os.unlink(two)  # somebody tidies up
    true("no such file" in g.tell("cache", code=1), "what is wrong is not told")
    g.reload()
    g.consistent()
    g.reload(plain, top=f"state = {t.dir}/two/deep")
    true(not os.path.exists(two), "nothing is kept any more")
    g.reload(keeping, top=f"state = {t.dir}/two/deep")
    g.stop()
    true(not os.path.exists(two), "it has ended")


@scenario("cache/tell/left-over")
def left_over(t):
    """After a death without a word the next one takes its place."""
    o, g = kept(t, top=f"state = {t.dir}/state")
    g.consistent()
    workers = g.processes()
    g.process.kill()
    g.process.wait(WAIT)
    true(os.path.exists(control(g)), "its socket is left over")
    true("connection refused" in g.tell("cache", code=1), "nobody is there")
    t.until(lambda: not any(os.path.exists(f"/proc/{pid}") and "Z" not in open(f"/proc/{pid}/stat").read().split()[2] for pid in workers), "its children have ended")
    o, again = kept(t, top=f"state = {t.dir}/state")
    again.consistent()


@scenario("cache/tell/two-gateways")
def two(t):
    """Two with one state directory: the first one answers, the second one says so and serves all the same."""
    o, first = kept(t, top=f"state = {t.dir}/state")
    o2, second = kept(t, top=f"state = {t.dir}/state")
    second.logged(r"warning: cannot listen on .*/state/control: address already in use.*'state' in \[gateway\]")
    asked(first.ask(), 1)
    asked(second.ask(), 1)
    hit(second.ask(), 1)
    equal(second.tell("purge", url()).strip(), "1 removed")  # of the first one
    asked(first.ask(), 2)
    hit(second.ask(), 1)
    first.stop()
    second.reload()
    equal(second.tell("purge", url()).strip(), "1 removed")
    asked(second.ask(), 2)


@scenario("cache/tell/no-place")
def no_place(t):
    """Where no socket can be made that is a warning, and all else works."""
    t.file("file")
    o, g = kept(t, top=f"state = {t.dir}/file/state")
    g.caches = False  # nobody can ask
    g.logged(r"warning: .*/file/state.*not a directory")
    asked(g.ask(), 1)
    hit(g.ask(), 1)
    long = "x" * 120
    g.reload(f"[site *]\n/ = {o.url} cache=on\n", top=f"state = {t.dir}/{long}")
    g.logged(r"warning: .*x/control: name too long")
    hit(g.ask(), 1)
    true("name too long" in g.tell("cache", code=1), "what is wrong is not told")
    g.caches = False


# --- the memory --------------------------------------------------------------------------------

def arenas(pid):
    """Sizes of shared mappings."""
    found = []
    with open(f"/proc/{pid}/maps") as f:
        for line in f:
            words = line.split()
            if words[1] == "rw-s":
                low, high = (int(x, 16) for x in words[0].split("-"))
                found.append(high - low)
    return found


@scenario("cache/tell/whose-memory")
def whose_memory(t):
    """A worker has the cache of its own configuration; helpers have none; an old one goes with the last who uses it."""
    links = []

    def answer(link, m):
        if m.target == "/slow":
            links.append(link)
            link.send(http("HTTP/1.1 200 OK\nContent-Length: 8\n\n") + b"half")
        else:
            link.send(ok(b"page", FRESH))
    o = t.origin(answers=answer)
    config, sizes = f"[site *]\n/ = {o.url} cache=on\n", (3 << 20, 5 << 20)
    mine = lambda pid: [n for n in arenas(pid) if n in sizes]
    g = t.gateway(config, top="cache = 3M")
    old = g.workers(1)[0]
    for pid in g.processes():
        t.until(lambda: mine(pid) == ([3 << 20] if pid == old else []), f"{pid} has what it is to have: {arenas(pid)}")
    c = g.client()
    c.send(get("/slow"))
    check(c.head(), "HTTP/1.1 200")
    equal(c.exactly(4), b"half")
    g.reload(config, top="cache = 5M")
    young = g.workers(1)[0]
    equal(sorted(mine(g.process.pid)), [3 << 20, 5 << 20], "of gateway")
    equal((mine(old), mine(young)), ([3 << 20], [5 << 20]), "of the workers")
    links[0].send(b"rest")
    equal(c.exactly(4), b"rest")
    t.until(lambda: mine(g.process.pid) == [5 << 20], "the old one is gone")


@scenario("cache/tell/many-reloads")
def many_reloads(t):
    """However many old workers linger: the new one has a cache, and what it forgets is forgotten."""
    links = []

    def answer(link, m):
        if m.target == "/slow":
            links.append(link)
            link.send(http("HTTP/1.1 200 OK\nContent-Length: 8\n\n") + b"half")
        else:
            link.send(ok(b"%d" % len(o.requests), FRESH))
    o = t.origin(answers=answer)
    g = t.gateway(f"[site *]\n/ = {o.url} cache=on\n")
    clients = []
    for n in range(8):
        c = g.client()
        c.send(get("/slow"))
        check(c.head(), "HTTP/1.1 200")
        clients.append(c)
        g.reload()
        g.ask()
        hit(g.ask())
        equal(g.ask(get(method="DELETE")).status, 200)
        asked(g.ask())
        g.consistent()
    for link in links[-3:]:  # older ones may have been hurried
        link.send(b"rest")
    for c in clients[-3:]:
        equal(c.exactly(8), b"halfrest")
