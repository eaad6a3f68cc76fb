# SPDX-License-Identifier: MIT
"""stored - what did the cache have to do with an answer?

Origins whose answers tell how often they were asked, clients that read what
Cache-Status says (RFC 9211), and tables of exchanges about what is kept. Knows
no scenario.
"""
import email.utils
import re

from harness import SCENARIOS, Entry
from wire import Wrong, check, equal, get, http, ok, true

SLACK = 30  # seconds that a scenario may take beside the steps it makes; durations are far longer


def caching(t, words="cache=on", *, script=None, answers=None, top="", site="", label="*", routes="", clock=True, **how):
    """One origin behind one route that keeps what it may."""
    o = t.origin(script, answers=numbered() if answers is None and script is None else answers)
    return o, t.gateway(f"[site {label}]\n{site}\n/ = {o.url} {words}\n{routes}\n", top=top, clock=clock, **how)


def date(seconds):
    """As HTTP says it (RFC 9110 5.6.7)."""
    return email.utils.formatdate(seconds, usegmt=True)


def ago(g, seconds):
    return date(g.clock.now() - seconds)


# --- origins ------------------------------------------------------------------------

def numbered(*fields, status="200 OK", also=None):
    """Answers "1", "2", ... for each target of its own, with these fields; also: a function of the
    request that gives more of them."""
    counts = {}

    def answer(link, m):
        counts[m.target] = n = counts.get(m.target, 0) + 1
        link.send(fit(m, ok(b"%d" % n, *fields, *(also(m) if also else []), status=status)))
    return answer


def fit(m, answer):
    """Without a body where there is none."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if re.match(rb"HTTP/1.1 (204|304)", head):
        head = re.sub(rb"\r\nContent-Length: \d+", b"", head)
        body = b""
    return head + b"\r\n\r\n" + (b"" if m.method == "HEAD" else body)


def validating(etag='"e1"', *fields, body=b"whole", modified=None):
    """A page with a validator, and 304 to whoever has it already."""
    marks = [*([f"ETag: {etag}"] if etag else []), *([f"Last-Modified: {modified}"] if modified else [])]

    def answer(link, m):
        if etag and m.get("If-None-Match") == etag or not m.get("If-None-Match") and modified and m.get("If-Modified-Since") == modified:
            link.send(http("\n".join(["HTTP/1.1 304 Not Modified", *marks, *fields]) + "\n\n"))
        else:
            link.send(fit(m, ok(body, *marks, *fields)))
    return answer


def echo(*fields):
    """All that came, as the body."""
    def answer(link, m):
        link.send(fit(m, ok(m.raw + m.body, *fields)))
    return answer


def by_path(pages, other=None):
    """What each path is answered with: bytes, or a function of (link, request)."""
    def answer(link, m):
        data = pages.get(m.target.partition("?")[0], other)
        if callable(data):
            data(link, m)
        else:
            link.send(data if data is not None else ok(b"no such page", status="404 Not Found"))
    return answer


# --- what is said of an answer --------------------------------------------------------

def said(m):
    """Parameters of our member of Cache-Status, which is the last one; {} when there is none."""
    members = [x.strip() for v in m.all("Cache-Status") for x in split(v, ",")]
    ours = [x for x in members if split(x, ";")[0].strip() == "gateway"]
    if not ours:
        return {}
    if len(ours) > 1 or members[-1] != ours[0]:
        raise Wrong(f"Cache-Status: {members}")
    found = {}
    for word in split(ours[0], ";")[1:]:
        name, equals, value = word.strip().partition("=")
        if not re.fullmatch(r"[a-z][a-z-]*", name) or equals and not re.fullmatch(r'-?\d+|[a-z*][a-z0-9-]*|"[^"\\]*"', value):
            raise Wrong(f"no structured field: {ours[0]!r}")
        found[name] = int(value) if re.fullmatch(r"-?\d+", value) else value.strip('"') if equals else True
    if ("hit" in found) == ("fwd" in found):
        raise Wrong(f"neither hit nor fwd, or both: {ours[0]!r}")
    return found


def split(text, mark):
    """At marks outside of quotes."""
    return re.findall(rf'(?:"[^"]*"|[^{mark}"])+', text)


def hit(m, body=None, age=None, ttl=None, status=200):
    """It came from the cache. age: so many seconds, or some more; ttl: or some less."""
    check(m, f"HTTP/1.1 {status}")
    told = said(m)
    if not told.get("hit"):
        raise Wrong(f"no hit: {m!r}")
    if m.get("Age") is None or not m.get("Age").isdigit():
        raise Wrong(f"no Age: {m!r}")
    if body is not None:
        equal(m.body, body if isinstance(body, bytes) else b"%d" % body, f"body, of {told}")
    if age is not None:
        near(int(m.get("Age")), age, "Age")
    if ttl is not None:
        near(ttl, told.get("ttl", 1 << 40), "ttl")
    return m


def asked(m, body=None, fwd=None, stored=None, status=200):
    """It came from the server. fwd: why, one or several words; stored: was it kept?"""
    check(m, f"HTTP/1.1 {status}")
    told = said(m)
    if "fwd" not in told:
        raise Wrong(f"the server was not asked: {m!r}")
    if body is not None:
        equal(m.body, body if isinstance(body, bytes) else b"%d" % body, f"body, of {told}")
    if fwd is not None:
        true(told["fwd"] in fwd.split() or told["fwd"] == "miss" and "miss" in fwd, f"fwd is {told['fwd']}, not {fwd}")
    if stored is not None:
        equal(bool(told.get("stored")), stored, f"stored, in {told}")
    return m


def near(seen, least, what):
    if not least <= seen <= least + SLACK:
        raise Wrong(f"{what}: {seen} is not in {least}...{least + SLACK}")


def count(o, requests):
    """So many requests have reached the server, and no more will."""
    o.sync()
    equal(len(o.requests), requests, f"requests at the server: {o.requests}")


# --- tables --------------------------------------------------------------------------

class Kept:
    """An answer with these fields is, or is not, what the next one gets. base: fields that alone would have
    it kept; rows in which it is not show that first. request: fields of both requests."""

    def __init__(self, name, fields="", kept=True, *, base=None, status="200 OK", request="", without="", seen="", body=None, after=0, where=""):
        self.name, self.fields, self.kept, self.base, self.status = name, lines(fields), kept, base and lines(base), status
        self.request, self.without, self.seen, self.body, self.after, self.where = lines(request), lines(without), lines(seen), body, after, where

    def run(self, t, g, o):
        if not self.kept:
            self.control(g, o)
        path = f"/{self.where}{self.name}"
        o.answers(numbered(*self.dated(g, self.fields), status=self.status))
        before, status = len(o.requests), int(self.status[:3])
        first = g.ask(get(path, *self.request))
        check(first, f"HTTP/1.1 {status}")
        if self.after:
            g.step(self.after)
        m = g.ask(get(path, *self.request))
        check(m, f"HTTP/1.1 {status}")
        bodiless = status in (204, 304)
        if self.kept:
            hit(m, None if bodiless else self.body or 1, status=status)
            o.sync()
            equal(len(o.requests), before + 1, "requests at the server")
            for name in self.without:
                true(not m.all(name), f"{name} was stored: {m!r}")
            for field in self.seen:
                check(m, f"HTTP/1.1 {status}\n{field}")
        else:
            asked(m, None if bodiless else 2, status=status)
            equal(len(o.requests), before + 2, "requests at the server")

    def control(self, g, o):
        """Without what makes the difference it is kept."""
        o.answers(numbered(*self.dated(g, self.base if self.base is not None else ["Cache-Control: max-age=1000"])))
        path = f"/{self.where}control-{self.name}"
        asked(g.ask(get(path)), 1)
        hit(g.ask(get(path)), 1)

    def dated(self, g, fields):
        """{-90} in a field: the date 90 seconds ago."""
        return [re.sub(r"\{([-+]\d+)\}", lambda x: date(g.clock.now() + int(x.group(1))), f) for f in fields]


def lines(text):
    return [line for line in text.split("\n") if line]


def keeps(name, words, rows, *, top="", **how):
    """Rows of Kept through one gateway."""
    def run(t):
        o, g = caching(t, words, top=top, **how)
        for row in rows:
            with t.row(row.name) as wanted:
                if wanted:
                    row.run(t, g, o)
                    g.alive()
    names = [r.name for r in rows]
    assert len(set(names)) == len(names), f"two rows of one name in {name}"
    SCENARIOS.append(Entry(name, run, rows=names))


# --- many clients ----------------------------------------------------------------------

def settled(g, target="/mark/"):
    """What clients sent before has been read by the worker when this returns: a route `reply:` answers, and
    that takes as many turns as the longest of those requests."""
    c = g.client()
    for _ in range(3):
        check(c.ask(get(target, "X-Long: " + "x" * 300)), "HTTP/1.1 200")
    c.close()


MARK = "/mark/ = reply:200"


def crowd(g, count, data, opened=True):
    """So many clients that have sent this request, each on a connection that works."""
    clients = [g.client() for _ in range(count)]
    for c in clients:
        if opened:
            check(c.ask(get("/mark/")), "HTTP/1.1 200")
    for c in clients:
        c.send(data)
    return clients
