# SPDX-License-Identifier: MIT
"""Who guesses gets round nothing: not by two at a time, by another reading of the path, by a password of their own, nor by being many."""
import contextlib
import os
import re
import time

from harness import Skip, scenario
from login import PASSWORDS, basic, behind, fail, failed, guarded, htpasswd, mkpasswd, nobody_looks, submit, users
from s_auth import linked
from s_guard import barred
from wire import check, equal, get, ok, true

GUESSER, FRIEND, STRANGER = "127.0.0.9", "127.0.0.2", "127.0.0.3"
ROOM = "requests = 64"  # for ten guesses at a time
LOOK_S = 20  # an answer of the password process is waited for so long


def lines(g, mark, pattern):
    return [line for line in g.err.lines[mark:] if re.search(pattern, line)]


def logged(t, g, mark, count):
    """So many failures of the guesser are in the log, and no more, by the time that a later request is there."""
    t.until(lambda: len(lines(g, mark, failed(GUESSER))) >= count, f"{count} lines of failed log-ins")
    later = g.mark()
    g.ask(get("/later"))
    g.logged("GET /later ", later)
    equal(len(lines(g, mark, failed(GUESSER))), count, "lines of failed log-ins")
    return g.mark()


class Asked:
    """Requests under way, each on a connection of its own."""

    def __init__(self, g):
        self.g, self.clients = g, []

    def send(self, data, source):
        c = self.g.client(source=source)
        c.send(data)
        self.clients.append(c)
        return c

    def answered(self):
        """Those of which an answer is there."""
        for c in self.clients:
            c.sock.settimeout(0.05)
            with contextlib.suppress(Exception):
                c.fill()
            c.sock.settimeout(30)
        return [c for c in self.clients if c.got]


# --- two at a time ---------------------------------------------------------------------

@scenario("guess/each-twice", slow=True)
def each_twice(t):
    """The same guess on several connections at once: all of them are held back, also who comes when it is known to be wrong."""
    o, g = behind(t, people=f"[users family]\nalice = {mkpasswd(PASSWORDS['alice'], '-m', 'sha256crypt', '-R', '100000')}\n", top=ROOM)
    mark = g.mark()
    for i, least in enumerate([0, 0, 0.9, 1.9]):
        first, second, third = (g.client(source=GUESSER) for _ in range(3))
        start = time.monotonic()
        for c in first, second:
            c.send(get("/", basic("alice", f"guess {i}")))
        time.sleep(0.4)  # by now it has been looked at
        late = time.monotonic()
        third.send(get("/", basic("alice", f"guess {i}")))
        for c, begin in (second, start), (first, start), (third, late):
            check(c.final(), "HTTP/1.1 401")
            true(time.monotonic() - begin >= least, f"guess {i}: answered after {time.monotonic() - begin:.2f} s")
    logged(t, g, mark, 12)
    o.nothing()


@scenario("guess/form-and-dialog", slow=True)
def form_and_dialog(t):
    """The same guess by the form and by the dialog at once: both are held back."""
    o, g = behind(t, "login = form", people=f"[users family]\nalice = {mkpasswd(PASSWORDS['alice'], '-m', 'sha256crypt', '-R', '100000')}\n", top=ROOM)
    fail(g, 2, source=GUESSER)
    first, second = g.client(source=GUESSER), g.client(source=GUESSER)
    start = time.monotonic()
    first.send(get("/", basic("alice", "guess")))
    second.send(submit("alice", "guess"))
    for c, method in (second, "POST"), (first, "GET"):
        check(c.final(method), "HTTP/1.1 401")
        true(time.monotonic() - start >= 0.9, f"answered after {time.monotonic() - start:.2f} s")
    o.nothing()


# --- by another reading of the path ----------------------------------------------------

@scenario("guess/open-to-of-another-place", slow=True)
def open_to_elsewhere(t):
    """open_to of one place is none of the place that the path may also be read as: what is guessed there counts, is logged and bars."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\nopen_to = {GUESSER}\n/ = {o.url}\n/admin/ = {o.url} open_to=none require=alice\n", top=ROOM)
    target, mark = "/x/..%2fadmin/", g.mark()
    check(g.ask(get("/"), source=GUESSER), "HTTP/1.1 200")
    for reading in "/admin/", target:
        check(g.ask(get(reading), source=GUESSER), "HTTP/1.1 401")
    fail(g, 10, source=GUESSER, target=target)
    for p in "eleventh", PASSWORDS["alice"]:
        barred(g.ask(get(target, basic("alice", p)), source=GUESSER))
    barred(g.ask(get("/admin/", basic()), source=GUESSER))
    logged(t, g, mark, 10)
    # where it is open it stays so, and nothing there tells a right one from a wrong one
    before = len(o.requests)
    for p in "a guess", PASSWORDS["alice"]:
        check(g.ask(get("/", basic("alice", p)), source=GUESSER), "HTTP/1.1 200\n!Set-Cookie")
        check(o.requests[-1], f"GET / HTTP/1.1\n{basic('alice', p)}")
    equal(len(o.requests) - before, 2)
    check(g.ask(get(target, basic()), source=FRIEND), "HTTP/1.1 200")


# --- with a password of one's own ------------------------------------------------------

@scenario("guess/own-password-in-between", slow=True)
def own_password(t):
    """Who has a password cannot have guesses at others forgiven by it; one's own mistakes are."""
    o, g = behind(t, people=users(mallory="m", moritz="n"), top=ROOM)
    fail(g, 5, source=GUESSER)
    check(g.ask(get("/", basic("mallory", "m")), source=GUESSER), "HTTP/1.1 200")
    fail(g, 4, source=GUESSER, first=5)
    check(g.ask(get("/", basic("moritz", "n")), source=GUESSER), "HTTP/1.1 200")
    fail(g, 1, source=GUESSER, first=9)
    barred(g.ask(get("/", basic("bob")), source=GUESSER))
    # elsewhere somebody has forgotten which one it was
    fail(g, 5, source=STRANGER, name="bob")
    check(g.ask(get("/", basic("bob")), source=STRANGER), "HTTP/1.1 200")
    fail(g, 5, source=STRANGER, name="moritz")
    check(g.ask(get("/", basic("moritz", "n")), source=STRANGER), "HTTP/1.1 200")


# --- nobody looks ----------------------------------------------------------------------

def busy(pid):
    """Seconds of the processor that it has had."""
    with open(f"/proc/{pid}/stat") as f:
        words = f.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@scenario("guess/asked-anew", slow=True)
def asked_anew(t):
    """The same is asked anew while an older one still waits for it: that one is answered in time all the same, and the worker sleeps."""
    o, g = behind(t, top=ROOM)
    worker, = g.workers()
    guess = get("/", basic("alice", "guess"))
    with nobody_looks(g):
        asked = Asked(g)
        first = asked.send(guess, GUESSER)
        time.sleep(1.5)
        second, begin = asked.send(guess, GUESSER), time.monotonic()
        check(first.final(), "HTTP/1.1 503")  # and so its job is over
        again = asked.send(guess, GUESSER)
        time.sleep(max(0, begin + LOOK_S + 0.5 - time.monotonic()))
        before = busy(worker)
        time.sleep(1)
        true(busy(worker) - before < 0.3, f"the worker was busy for {busy(worker) - before:.2f} s of 1")
        true(second in asked.answered(), "it waits with the new one")
        check(second.final(), "HTTP/1.1 503")
        true(again not in asked.answered(), "nobody has looked, but it was answered")
    check(again.final(), "HTTP/1.1 401")
    check(g.ask(get("/", basic())), "HTTP/1.1 200")
    o.sync()
    equal(len(o.requests), 1, "requests at the origin")


@scenario("guess/nobody-looked", slow=True)
def nobody_looked(t):
    """What was not looked at in time was no failure of whoever asked, in no count and in no log."""
    o, g = behind(t, top=ROOM)
    fail(g, 5, source=GUESSER)
    mark = logged(t, g, 0, 5)
    with nobody_looks(g):
        asked = Asked(g)
        for i in range(5):
            asked.send(get("/", basic("bob", f"unknown {i}")), GUESSER)
        for c in asked.clients:
            check(c.final(), "HTTP/1.1 503")
    check(g.ask(get("/", basic("bob")), source=GUESSER), "HTTP/1.1 200")
    logged(t, g, mark, 0)
    equal(lines(g, mark, "log-in"), [], "lines about log-ins")


# --- when places are short ---------------------------------------------------------------

@scenario("guess/pause-gives-way", slow=True)
def gives_way(t):
    """Whoever is held back makes room for others, is told that it was wrong, and stands in the log."""
    gate = []
    o = t.origin(lambda link: hold(link, t, gate))
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n/open/ = {o.url} auth=none\n", top="requests = 4")
    for i in range(4):
        fail(g, 1, source=GUESSER, first=i)
    mark, start, asked, others = logged(t, g, 0, 4), time.monotonic(), Asked(g), Asked(g)
    for i in range(2):  # they would be held back for four seconds
        asked.send(get("/", basic("alice", f"held back {i}")), GUESSER)
    time.sleep(0.3)
    for _ in range(4):
        others.send(get("/open/"), STRANGER)
    o.wait(4)
    took = time.monotonic() - start
    gate.append(True)
    for c in asked.clients:
        check(c.final(), "HTTP/1.1 401")
    for c in others.clients:
        check(c.final(), "HTTP/1.1 200")
    true(took < 3.5, f"the others waited for {took:.1f} s")
    logged(t, g, mark, 2)


def hold(link, t, gate):
    """Answers when the gate is open."""
    while link.request() is not None:
        t.until(lambda: gate, "the gate opens")
        link.send(ok())


@scenario("guess/pause-takes-no-place", slow=True)
def pause_place(t):
    """Who is held back waits for nobody to look, and so takes no place of those who do."""
    o, g = behind(t, top="requests = 16")
    for i in range(4):
        fail(g, 1, source=GUESSER, first=i)
    asked = Asked(g)
    for i in range(4):
        asked.send(get("/", basic("alice", f"held back {i}")), GUESSER)
        time.sleep(0.1)  # it has been looked at
    for source, name in (STRANGER, "bob"), (FRIEND, "alice"), ("127.0.0.4", "bob"):
        check(g.ask(get("/", basic(name)), source=source), "HTTP/1.1 200")
        check(g.ask(get("/", basic(name, "a mistake")), source=source), "HTTP/1.1 401")
    true(not asked.answered(), "they are not held back")
    for c in asked.clients:
        check(c.final(), "HTTP/1.1 401")


@scenario("guess/places-for-others", slow=True)
def places(t):
    """However many networks that have failed ask at a time, strangers find a place; and those who have logged in before, whoever asks."""
    o, g = behind(t, top=ROOM, people=users(carl="c", dora="d", eric="e"))
    for name, password in ("alice", None), ("carl", "c"), ("dora", "d"):
        check(g.ask(get("/", basic(name, password)), source=FRIEND), "HTTP/1.1 200")
    for i in range(16):
        check(g.ask(get("/", basic(f"user{i}", "once")), source=f"127.0.1.{i}"), "HTTP/1.1 401")
    g.reload()  # what was right is asked again
    with nobody_looks(g):
        flood, good = Asked(g), Asked(g)
        for i in range(16):
            flood.send(get("/", basic(f"user{i}", "twice")), f"127.0.1.{i}")
        t.until(lambda: flood.answered(), "there are too many of them")
        good.send(get("/", basic("bob")), STRANGER)
        good.send(get("/", basic("alice")), FRIEND)
        true(not good.answered(), "strangers and friends find no place among suspects")
        # strangers may be as many
        for i in range(16):
            flood.send(get("/", basic("eric", f"guess {i}")), f"127.0.2.{i}")
        good.send(get("/", basic("carl", "c")), FRIEND)
        good.send(get("/", basic("dora", "d")), FRIEND)
        true(not good.answered(), "friends find no place among strangers")
    for c in good.clients:
        check(c.final(), "HTTP/1.1 200")
    seen = [c.final().status for c in flood.clients]
    equal(sorted(set(seen)), [401, 503], f"answers to the flood: {seen}")
    check(g.ask(get("/", basic("bob")), source=STRANGER), "HTTP/1.1 200")


@scenario("guess/longer-than-bcrypt-reads")
def longer(t):
    """bcrypt reads 72 bytes of a password: whatever stands behind them is not as right as nothing."""
    whole = "m" * 72
    people = f"[users family]\nfile = {t.file('h', htpasswd('mallory', whole, '-B', '-C', '4') + chr(10))}\n"
    if linked(t, people) is not None:
        raise Skip("this build knows no bcrypt")
    o, g = behind(t, people=people)
    for more in "x", "y", "m":
        check(g.ask(get("/", basic("mallory", whole + more))), "HTTP/1.1 401")
        check(g.ask(get("/", basic("mallory", whole))), "HTTP/1.1 200")
    check(g.ask(get("/", basic("mallory", whole[:-1]))), "HTTP/1.1 401")
    equal(len(o.requests), 3, "requests at the origin")
