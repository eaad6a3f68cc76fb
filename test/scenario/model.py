# SPDX-License-Identifier: MIT
"""model - what would a cache that is right answer? (RFC 9111)

A server of which all is known, a simple model of the cache before it, and a
player that makes random requests, lets time pass, and compares every answer.
What cannot be known (was it evicted? did a HEAD freshen it?) leaves several
worlds; an answer must fit in one of them, and that one goes on.

Times are seconds of the gateway's clock, always as an interval: the request was
somewhere between its first byte and the last byte of its answer.
"""
import email.utils
import random
import time

from stored import fit, said
from wire import Wrong, get, http, ok, post

HEURISTIC = (200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501)
ERRORS = (500, 502, 503, 504)
PASS = 30  # seconds: somebody's answer could not be stored, and for so long nobody is kept waiting for another
HOLD = 5  # seconds: a validation that failed behind a client's back is not tried again
EVER = 1 << 31
OLD = 1600000000  # when the first version of everything was made
BLUR = 0.05


def field(date):
    return email.utils.formatdate(date, usegmt=True)


# --- the server -----------------------------------------------------------------------

class Page:
    """What the server has at one path, and what it says of it."""

    def __init__(self, path, chance):
        self.path, self.chance, self.version, self.failing = path, chance, 1, None
        self.policy()

    def policy(self):
        c = self.chance
        self.control = {}
        for name, likely, values in [("max-age", 0.6, (0, 30, 100, 500, 2000)), ("s-maxage", 0.15, (0, 60, 800)), ("no-store", 0.06, (None,)), ("private", 0.06, (None,)), ("no-cache", 0.08, (None,)), ("public", 0.2, (None,)),
                                     ("must-revalidate", 0.1, (None,)), ("proxy-revalidate", 0.05, (None,)), ("stale-while-revalidate", 0.2, (100, 1000)), ("stale-if-error", 0.3, (100, 3000))]:
            if c.random() < likely:
                self.control[name] = c.choice(values)
        self.tagged = c.choice(("strong", "strong", "weak", None))
        self.dated = c.random() < 0.5
        self.varies = c.random() < 0.3
        self.cookie = c.random() < 0.06
        self.age = c.choice((0, 0, 0, 0, 20, 90))
        self.status = c.choice((200,) * 12 + (404, 301, 302, 206, 500))
        self.size = c.choice((0, 1, 30, 700, 3000))

    def change(self):
        self.version += 1

    def etag(self, kind):
        """Each variant has its own (RFC 9110 8.8.3)."""
        return self.tagged and f'{"W/" if self.tagged == "weak" else ""}"{self.path[1:]}-{self.version}{f"-{kind}" if self.varies else ""}"'

    @property
    def modified(self):
        return OLD + 100 * self.version if self.dated else None

    def body(self, kind):
        text = f"{self.path} version {self.version}{f' for {kind}' if self.varies else ''} ".encode()
        return text + b"x" * self.size

    def fields(self, kind):
        control = ", ".join(n if v is None else f"{n}={v}" for n, v in self.control.items())
        return [f for f in (control and f"Cache-Control: {control}", self.tagged and f"ETag: {self.etag(kind)}", self.dated and f"Last-Modified: {field(self.modified)}", self.varies and "Vary: Accept-Language",
                            self.cookie and "Set-Cookie: id=1", self.age and f"Age: {self.age}", f"X-Version: {self.version}") if f]

    def reply(self, m):
        """What this request (as it came here) is answered with."""
        kind = m.get("Accept-Language")
        if self.failing:
            return Reply(self.failing, self, kind, b"the server fails")
        same = False
        if self.status == 200 and m.method in ("GET", "HEAD"):
            tags, since = m.get("If-None-Match"), m.get("If-Modified-Since")
            same = matches(tags, self.etag(kind)) if tags else bool(since and self.dated and since_date(since) >= self.modified)
        return Reply(304 if same else self.status, self, kind, b"" if same else self.body(kind))


def since_date(text):
    found = email.utils.parsedate_tz(text)
    return email.utils.mktime_tz(found) if found else -1


def matches(tags, etag):
    """If-None-Match, by weak comparison."""
    if tags.strip() == "*":
        return True
    return bool(etag) and etag.removeprefix("W/") in [x.strip().removeprefix("W/") for x in tags.split(",")]


class Reply:
    def __init__(self, status, page, kind, body):
        self.status, self.body = status, body
        self.error = status == "dead" or status in ERRORS
        self.control, self.etag, self.modified, self.version = dict(page.control), page.etag(kind), page.modified, page.version
        self.varies, self.cookie, self.age = page.varies, page.cookie, page.age
        self.fields = page.fields(kind)

    def send(self, link, m):
        if self.status == "dead":
            link.finish()
            link.ends()
        elif self.error:
            link.send(fit(m, ok(self.body, *self.fields, status=f"{self.status} Oops")))
        elif self.status == 304:
            link.send(http("\n".join(["HTTP/1.1 304 Not Modified", *self.fields]) + "\n\n"))
        else:
            link.send(fit(m, ok(self.body, *self.fields, status=f"{self.status} Some Words")))


# --- the cache -------------------------------------------------------------------------

class Rule:
    """The route's."""

    def __init__(self, mode, lifetime=0, object_most=None, evicts=False, stale_while=0, stale_error=0):
        self.mode, self.lifetime, self.most, self.evicts = mode, lifetime, object_most, evicts
        self.stale_while, self.stale_error = stale_while, stale_error


class Entry:
    """A stored answer; None when it may not be stored: see `store`."""

    def __init__(self, reply, kind, born, lifetime):
        self.reply, self.kind, self.born, self.lifetime = reply, kind, born, lifetime
        self.sure, self.held = True, None
        self.no_stale = self.validate = False
        self.told = self.for_all = True
        self.stale_while = self.stale_error = 0

    def fits(self, ask):
        return not self.reply.varies or self.kind == ask.kind

    def again(self, sure):
        """The same, as it is in another world."""
        e = Entry(self.reply, self.kind, self.born, self.lifetime)
        e.__dict__.update(self.__dict__)
        e.sure = sure
        return e


def store(rule, ask, reply, asked_at, clock):
    """The entry that this answer makes, or None. asked_at: interval in which the request went out; clock: s since 1970."""
    c, status = reply.control, reply.status
    if reply.error or status in (206, 304, 500) or ask.no_store or (rule.most is not None and len(reply.body) > rule.most):
        return None
    if rule.mode == "force":
        if status >= 400 or status not in HEURISTIC:
            return None  # an error, or the way to a log-in page
        e = Entry(reply, ask.kind, (asked_at[0], asked_at[1]), (rule.lifetime, rule.lifetime))
        e.stale_while, e.stale_error = rule.stale_while, rule.stale_error
        return e
    if "no-store" in c or "private" in c or reply.cookie:
        return None
    told = c.get("s-maxage", c.get("max-age"))
    if told is None and status not in HEURISTIC and "public" not in c:
        return None
    if told is not None:
        lifetime = (told, told)
    elif rule.mode == "give" and status < 400:
        lifetime = (rule.lifetime, rule.lifetime)
    elif reply.modified:
        lifetime = tuple(min(86400, int((clock + x - reply.modified) // 10)) for x in (-1, 2))
    else:
        lifetime = (0, 0)
    e = Entry(reply, ask.kind, (asked_at[0] - reply.age, asked_at[1] - reply.age), lifetime)
    e.validate = "no-cache" in c
    e.no_stale = "s-maxage" in c or "must-revalidate" in c or "proxy-revalidate" in c
    e.for_all = "public" in c or ("s-maxage" in c or "must-revalidate" in c) and (told is not None or e.validate)
    e.told = "public" in c or bool(told)
    if not e.no_stale and not e.validate:
        e.stale_while = c.get("stale-while-revalidate", rule.stale_while if lifetime[1] else 0)
        e.stale_error = c.get("stale-if-error", rule.stale_error)
    if ask.who == "authorised" and not e.for_all or ask.who == "cookie" and not e.told:
        return None
    # what can neither be used nor asked about is not worth its place
    useful = status < 300 and (reply.etag or reply.modified) or not e.validate and e.lifetime[1] - reply.age + max(e.stale_while, e.stale_error) > 0
    return e if useful else None


def use(e, ask, now):
    """What may be done with it; several when it is at an edge."""
    found = set()
    for age, life in ((now[0] - e.born[1] - BLUR, e.lifetime[1]), (now[1] - e.born[0] + BLUR, e.lifetime[0])):
        found.add(use_at(e, ask, max(age, 0), life, now))
    return found


def use_at(e, ask, age, life, now):
    if ask.who == "authorised" and not e.for_all or ask.who == "cookie" and not e.told:
        return "foreign"
    left = life - age
    if e.validate or ask.no_cache or ask.max_age == 0 or ask.max_age is not None and age > ask.max_age or ask.min_fresh and left < ask.min_fresh:
        return "validate"
    if left > 0:
        return "hit"
    if e.no_stale:
        return "validate"
    if -left < e.stale_while:
        return "behind"
    return "hit" if ask.max_stale is not None and -left <= ask.max_stale else "validate"


def on_error(e, ask, now):
    """May it be used when the server fails? Several answers at an edge."""
    found = set()
    for age, life in ((now[0] - e.born[1] - BLUR, e.lifetime[1]), (now[1] - e.born[0] + BLUR, e.lifetime[0])):
        left = life - max(age, 0)
        found.add(not e.validate and not ask.no_cache and (left > 0 or not e.no_stale and -left < e.stale_error))
    return found


# --- the client ----------------------------------------------------------------------------

class Ask:
    """A request."""

    def __init__(self, chance, page):
        c = self.chance = chance
        self.path, self.fields = page.path, []
        self.method = c.choice(("GET",) * 16 + ("HEAD", "HEAD", "POST"))
        self.kind = c.choice(("1", "1", "2", None))
        self.who = c.choice(("anybody",) * 8 + ("cookie", "authorised"))
        self.name = c.choice("ab")
        self.no_store = self.no_cache = self.only = False
        self.max_age = self.max_stale = self.min_fresh = None
        self.tags = self.since = self.range = self.if_range = None
        if self.method != "POST":
            self.wish()
            self.condition(page)

    def wish(self):
        c, words = self.chance, []
        for name, likely in ("no_cache", 0.06), ("no_store", 0.03), ("only", 0.05):
            if c.random() < likely:
                setattr(self, name, True)
                words.append({"only": "only-if-cached"}.get(name, name.replace("_", "-")))
        for name, likely, values in ("max_age", 0.08, (0, 50, 400)), ("min_fresh", 0.05, (40, 300)), ("max_stale", 0.08, (EVER, 200)):
            if c.random() < likely:
                value = c.choice(values)
                setattr(self, name, value)
                words.append(name.replace("_", "-") + ("" if value == EVER else f"={value}"))
        if words:
            self.fields.append("Cache-Control: " + ", ".join(words))

    def condition(self, page):
        c = self.chance
        version = page.version - c.choice((0, 0, 1))
        tag = f'"{page.path[1:]}-{version}{f"-{self.kind}" if page.varies else ""}"'
        roll = c.random()
        if roll < 0.12:
            self.tags = c.choice((tag, "W/" + tag, f'"other", {tag}', '"nothing"', "*"))
        elif roll < 0.18:
            self.since = field(OLD + 100 * version)
        if self.method == "GET" and c.random() < 0.1:
            self.range = c.choice(("0-0", "2-5", "-4", "5-", "9999999-"))
            if c.random() < 0.4:
                self.if_range = tag
        for name, value in ("If-None-Match", self.tags), ("If-Modified-Since", self.since), ("Range", self.range and "bytes=" + self.range), ("If-Range", self.if_range):
            if value:
                self.fields.append(f"{name}: {value}")

    @property
    def plain(self):
        return not (self.tags or self.since or self.range) and self.method == "GET"

    def bytes(self):
        who = {"cookie": [f"Cookie: id={self.name}"], "authorised": [f"Authorization: Bearer {self.name}"]}.get(self.who, [])
        kind = [f"Accept-Language: {self.kind}"] if self.kind else []
        if self.method == "POST":
            return post(b"x", *who, *kind, target=self.path)
        return get(self.path, *who, *kind, *self.fields, method=self.method)

    def __repr__(self):
        return " ".join([self.method, self.path, *([f"language={self.kind}"] if self.kind else []), *([f"{self.who}={self.name}"] if self.who != "anybody" else []), *self.fields])


def part(reply, ask):
    """Status and body of this answer for this request (RFC 9110 13.2.2, 14)."""
    status, body = reply.status, reply.body
    if status == 200:
        if ask.tags:
            if matches(ask.tags, reply.etag):
                return 304, b""
        elif ask.since and reply.modified and since_date(ask.since) >= reply.modified:
            return 304, b""
        if ask.range and (not ask.if_range or ask.if_range == reply.etag):
            status, body = ranged(ask.range, body)
    return status, None if status == 416 else b"" if ask.method == "HEAD" else body


def ranged(text, body):
    first, last = text.split("-")
    if not first:
        first, last = max(len(body) - int(last), 0), len(body) - 1
    else:
        first, last = int(first), min(int(last) if last else len(body) - 1, len(body) - 1)
    return (206, body[first:last + 1]) if first < len(body) else (416, b"")


# --- comparing ---------------------------------------------------------------------------------

class Seen:
    """What has happened: the answer, and what reached the server."""

    def __init__(self, answer, requests, replies, now):
        self.answer, self.requests, self.replies, self.now = answer, requests, replies, now
        self.told = said(answer)


def need(condition, what):
    if not condition:
        raise Wrong(what)


class Model:
    def __init__(self, rule):
        self.rule, self.entries = rule, {}

    def key(self, ask):
        return (ask.path, ask.who != "anybody" and (ask.who, ask.name)) if self.rule.mode == "force" else (ask.path, None)

    def forget(self, path):
        for key in [k for k in self.entries if k[0] == path]:
            del self.entries[key]

    def worlds(self, ask):
        """Which of the entries would be found? None: none of them."""
        for e in [e for e in self.entries.get(self.key(ask), []) if e.fits(ask)]:
            yield e
            if e.sure:
                return
        yield None

    def live_in(self, ask, e):
        """That world it was: those that would have been found before are not there, and e is."""
        row = self.entries.get(self.key(ask), [])
        gone = [x for x in row if x.fits(ask)]
        if e:
            gone = gone[:gone.index(e)]
            e.sure = not self.rule.evicts
        self.entries[self.key(ask)] = [x for x in row if x not in gone]

    def put(self, ask, new, sure=True, refreshed=None):
        """refreshed: the one that it was before a 304."""
        row = self.entries.setdefault(self.key(ask), [])
        sure = sure and not self.rule.evicts
        same = [x for x in row if x is refreshed or (x.reply.varies, x.reply.varies and x.kind) == (new.reply.varies, new.reply.varies and new.kind)]
        for x in same:
            row.remove(x)
        if not sure:
            row[:0] = [x.again(False) for x in same]
        new.sure = sure
        row.insert(0, new)

    # what one request does

    def fits(self, ask, seen):
        """Finds a world in which this is right and goes on there; else says why in none."""
        why, fitting = [], []
        for e in list(self.worlds(ask)):
            for how in sorted(use(e, ask, seen.now)) if e else ["none"]:
                try:
                    fitting.append((e, how, self.compare(ask, seen, e, how)))
                except Wrong as x:
                    why.append(f"({'nothing stored' if e is None else f'version {e.reply.version} stored, use: {how}'}) {x}")
        if not fitting:
            raise Wrong("; or ".join(why))
        e, how, changes = fitting[0]
        if all(x[0] is e for x in fitting):
            self.live_in(ask, e)
        changes()
        return e, how

    def compare(self, ask, seen, e, how):
        m = seen.answer
        if how in ("hit", "behind"):
            need(seen.told.get("hit"), f"no hit: {seen.told}")
            if how == "hit":
                need(not seen.requests, "it was a hit, and the server was asked")
            self.right(m, part(e.reply, ask), e.reply)
            self.aged(m, e, seen.now)
            return lambda: None
        if ask.only:
            need(m.status == 504 and not seen.requests, f"only-if-cached: {m.status}, {len(seen.requests)} requests")
            return lambda: None
        need(seen.requests, "the server was not asked")
        need(not seen.told.get("hit") or seen.replies[-1].error, "a hit, though the server was asked")
        if how == "validate" and not ask.no_store:  # which is to leave no trace
            return self.validated(ask, seen, e)
        return self.missed(ask, seen)

    def right(self, m, want, reply):
        status, body = want
        need(m.status == status, f"status {m.status}, not {status}")
        need(body is None or m.body == body, f"body {m.body[:60]!r}..., not {body[:60] if body else body!r}...")
        need(status == 416 or m.get("X-Version") in (str(reply.version), None if status == 304 else 0), f"X-Version {m.get('X-Version')}, not {reply.version}")

    def aged(self, m, e, now):
        low, high = int(max(now[0] - e.born[1] - BLUR, 0)), int(max(now[1] - e.born[0] + BLUR, 0))
        need(m.get("Age") is not None and low <= int(m.get("Age")) <= high, f"Age {m.get('Age')}, not {low} to {high}")

    def validated(self, ask, seen, e):
        request, reply, m = seen.requests[-1], seen.replies[-1], seen.answer
        if ask.method == "GET" and not ask.range:
            need(request.method == "GET", f"{request.method} to validate")
            # with nothing to recognise it by, the client's own conditions may go up
            known = e.reply.etag or e.reply.modified
            wants = (e.reply.etag, e.reply.modified and field(e.reply.modified)) if known else (ask.tags, ask.since)
            for name, want in zip(("If-None-Match", "If-Modified-Since"), wants):
                for r in seen.requests:
                    need(r.get(name) == want or not known and r.get(name) is None, f"{name} {r.get(name)}, not {want}")
        if reply.error:
            return self.failed(ask, seen, e, reply)
        if reply.status != 304:
            return self.answered(ask, seen, reply, e)
        if not (e.reply.etag or e.reply.modified):
            need(m.status == 304, f"its own 304 is {m.status}")
            return lambda: self.unsure(ask)
        if matches(request.get("If-None-Match") or "", e.reply.etag) or request.get("If-Modified-Since") and not request.get("If-None-Match"):
            now_is = self.refreshed(ask, seen, e, reply)
            self.right(m, part(e.reply, ask), reply) if ask.plain else None
            sure = ask.plain and not ask.no_store and not reply.cookie
            if now_is is None:
                return lambda: self.unsure(ask)
            return lambda: self.put(ask, now_is, sure, refreshed=e)
        need(m.status == 304, f"its own 304 is {m.status}")
        return lambda: self.unsure(ask)

    def refreshed(self, ask, seen, e, reply):
        """The entry after a 304: the body of before, what is said of it now."""
        as_new, old = Reply.__new__(Reply), e.reply
        as_new.__dict__.update(reply.__dict__)
        as_new.body, as_new.status, as_new.error = old.body, old.status, False
        # the tag stays that of the stored body, but that it is weak one believes
        as_new.etag = reply.etag if not old.etag or reply.etag == "W/" + old.etag else old.etag
        as_new.modified = reply.modified or old.modified
        as_new.control = reply.control or old.control  # a field that it does not have stays
        as_new.varies, as_new.cookie = old.varies, False
        if reply.varies and not old.varies:
            return None  # of which kind it is nobody knows
        new = store(self.rule, ask, as_new, seen.now, seen.clock)
        if new:
            new.kind = e.kind
        return new

    def failed(self, ask, seen, e, reply):
        """The server fails: what is stored, if that may be, or the error."""
        m, may = seen.answer, on_error(e, ask, seen.now)
        if True in may:
            try:
                self.right(m, part(e.reply, ask), e.reply)
                self.aged(m, e, seen.now)
                return lambda: None
            except Wrong:
                if may == {True}:
                    raise
        need(m.status == (reply.status if reply.status != "dead" else m.status) and m.status >= 500, f"status {m.status} when the server fails")
        return lambda: self.unsure(ask)

    def missed(self, ask, seen):
        request, reply, m = seen.requests[-1], seen.replies[-1], seen.answer
        for name, own in ("If-None-Match", ask.tags), ("If-Modified-Since", ask.since):
            need(request.get(name) in (None, own), f"{name} {request.get(name)} where nothing is stored")
        if reply.error:
            need(m.status == (reply.status if reply.status != "dead" else m.status) and m.status >= 500, f"status {m.status} when the server fails")
            return lambda: None
        if reply.status == 304:
            need(m.status == 304, f"its own 304 is {m.status}")
            return lambda: None
        return self.answered(ask, seen, reply, None)

    def answered(self, ask, seen, reply, e):
        """A whole answer of the server."""
        m = seen.answer
        try:
            self.right(m, part(reply, ask), reply)
        except Wrong:
            if ask.plain:
                raise
            self.right(m, (reply.status, b"" if ask.method == "HEAD" else reply.body), reply)
        need(m.get("Age") in (None, "0", str(reply.age), str(reply.age + 1)), f"Age {m.get('Age')} from the server")
        new = store(self.rule, ask, reply, seen.now, seen.clock)
        if seen.told.get("stored"):
            need(new is not None, "stored what must not be")
        if new is None:
            return lambda: self.unsure(ask)
        return lambda: self.put(ask, new, ask.plain)

    def unsure(self, ask):
        for x in self.entries.get(self.key(ask), []):
            if x.fits(ask):
                x.sure = False

    def posted(self, ask, seen):
        need(len(seen.requests) >= 1 and seen.requests[-1].method == "POST", "the server was not asked")
        reply, m = seen.replies[-1], seen.answer
        if reply.error:
            need(m.status >= 500, f"status {m.status} when the server fails")
            return
        need((m.status, m.body) == (reply.status, reply.body), f"{m.status} {m.body[:60]!r}")
        if reply.status < 400:
            self.forget(ask.path)


# --- playing --------------------------------------------------------------------------------------

class Player:
    """Random acts on one gateway; every answer is compared."""

    def __init__(self, t, o, g, rule, seed, pages):
        self.t, self.o, self.g, self.seed, self.rule = t, o, g, seed, rule
        self.chance = random.Random(seed)
        self.model, self.history = Model(rule), []
        self.pages = {p.path: p for p in (Page(f"/{seed}-{n}", self.chance) for n in range(pages))}
        self.passed, self.client, self.compared, self.hits = {}, None, 0, 0
        o.answers(self.answer)

    def answer(self, link, m):
        if m.target in self.pages:  # else somebody still asks for those of before
            m.reply = self.pages[m.target].reply(m)
            m.reply.send(link, m)
        else:
            link.send(ok(b"of before"))

    def now(self):
        return time.monotonic() + self.g.clock.ahead

    def play(self, acts):
        for n in range(acts):
            try:
                self.act()
            except Wrong as e:
                raise Wrong(f"seed {self.seed}, act {n}: {e}; what led to it: " + " | ".join(self.about(self.history[-1])))

    def about(self, last):
        """All that had to do with the page of the last act; of others, the time that passed."""
        path = next((word for word in last.replace(":", " ").split() if word in self.pages), "")
        found, passed = [], 0
        for line in self.history:
            if line.startswith("step"):
                passed += int(line.split()[1])
            elif path in line.replace(":", " ").split():
                if passed:
                    found.append(f"{passed} s")
                found.append(line)
                passed = 0
        return found[-40:]

    def act(self):
        roll, page = self.chance.random(), list(self.pages.values())[int(self.chance.random() ** 2 * len(self.pages))]
        if roll < 0.72:
            self.ask(Ask(self.chance, page))
        elif roll < 0.82:
            seconds = self.chance.choice((3, 20, 60, 150, 400, 1100, 3500))
            self.history.append(f"step {seconds}")
            self.g.step(seconds)
            self.client = None
        elif roll < 0.89:
            page.change()
            self.history.append(f"{page.path} is version {page.version}")
        elif roll < 0.95:
            page.policy()
            self.history.append(f"{page.path}: {page.status} {page.fields('?')} {page.size}")
        elif roll < 0.99:
            page.failing = None if page.failing else self.chance.choice((500, 503, "dead"))
            self.history.append(f"{page.path} fails: {page.failing}")
        else:
            self.history.append(f"purge {page.path}")
            self.g.tell("purge", f"{'https' if self.g.place.secure else 'http'}://a.example{page.path}")
            self.model.forget(page.path)

    def send(self, data):
        if self.client is None:
            self.client = self.g.client()
        m = self.client.ask(data)
        if m.lists("Connection", "close"):
            self.client.close()
            self.client = None
        return m

    def ask(self, ask):
        self.history.append(repr(ask))
        before, start = len(self.o.requests), self.now()
        m = self.send(ask.bytes())
        seen = self.seen(m, ask.path, before, start)
        self.history[-1] += f" -> {m.status} {seen.told}, asked {len(seen.requests)}"
        self.compared += 1
        self.hits += bool(seen.told.get("hit"))
        if ask.method == "POST":
            self.model.posted(ask, seen)
            return
        if seen.requests and not seen.told.get("stored"):
            self.passed[ask.path] = self.now()
        e, how = self.model.fits(ask, seen)
        if how == "behind":
            self.behind(ask, e, before)

    def seen(self, m, path, before, start):
        requests = [r for r in self.o.requests[before:] if r.target == path]  # others may be asked for behind a client's back
        self.t.until(lambda: all(hasattr(r, "reply") for r in requests), "the server's answers")
        seen = Seen(m, requests, [r.reply for r in requests], (start, self.now()))
        seen.clock = time.time() + self.g.clock.ahead
        return seen

    def behind(self, ask, e, before):
        """Somebody asks the server behind the client's back: waits until that has had its effect."""
        held, end = e.held and self.now() - e.held, time.monotonic() + 0.5
        passed = self.passed.get(ask.path, -EVER) + PASS > self.now()
        if held and held < HOLD - 0.5:
            return  # it has failed a moment ago
        if passed or held and held < HOLD + 0.5:
            while len(self.o.requests) == before:
                if time.monotonic() > end:
                    return
                time.sleep(0.005)
        self.t.until(lambda: len(self.o.requests) > before, "a question behind the client's back")
        start = self.now()
        request = self.o.requests[before]
        self.t.until(lambda: hasattr(request, "reply"), "the server's answer")
        reply = request.reply
        wants = ("GET", e.reply.etag, e.reply.modified and field(e.reply.modified), None, None)
        seen = (request.method, *(request.get(name) for name in ("If-None-Match", "If-Modified-Since", "Range", "Cache-Control")))
        need(tuple(seen) == tuple(x or None for x in wants), f"behind a client's back: {request!r}")
        if reply.error:
            time.sleep(0.1)
            e.held = self.now()
            return
        plain = Ask(random.Random(0), self.pages[ask.path])
        plain.__dict__.update(method="GET", kind=ask.kind, who=ask.who, name=ask.name, path=ask.path, fields=["Cache-Control: only-if-cached, max-stale"], tags=None, since=None, range=None, if_range=None,
                              no_cache=False, no_store=False, only=True, max_age=None, min_fresh=None, max_stale=EVER)
        seen = Seen(Wrongless(), [request], [reply], (start - 1, start))
        seen.clock = time.time() + self.g.clock.ahead
        new = self.model.refreshed(plain, seen, e, reply) if reply.status == 304 else store(self.rule, plain, reply, seen.now, seen.clock)
        old = self.now() - e.born[1]

        def done():
            m = self.send(plain.bytes())
            return m.status == 504 or int(m.get("Age") or 0) < old - 1
        if new is None or new.reply.age >= old - 2:
            time.sleep(0.1)
            self.model.unsure(ask)
            if new:
                self.model.put(plain, new, False, refreshed=e)
            return
        self.t.until(done, f"what came behind the client's back is there; {self.history[-8:]}")
        self.model.put(plain, new, not reply.cookie, refreshed=e if reply.status == 304 else None)


class Wrongless:
    """In place of an answer where nobody was answered."""
    status = 0

    def all(self, name):
        return []

    def get(self, name):
        return None

