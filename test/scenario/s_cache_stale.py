# SPDX-License-Identifier: MIT
"""The cache: stale answers (RFC 5861, RFC 9111 4.2.4), what clients ask of freshness (5.2.1), and what is told of it all."""
import json

from harness import SCENARIOS, Entry, scenario
from stored import SLACK, ago, asked, by_path, caching, count, hit, numbered, said, validating
from wire import check, equal, get, http, ok, post, true

FRESH = "Cache-Control: max-age=1000"
STEP = 1100


def broken(link, m):
    """Answers nothing and goes."""
    link.finish()
    link.ends()


def half(link, m):
    link.send(b"HTTP/1.1 200 O")
    broken(link, m)


# --- while it is validated ------------------------------------------------------------

def behind(name, words, fields):
    @scenario(name)
    def run(t):
        """Stale for a while: answered as it is, and somebody asks behind the client's back."""
        o, g = caching(t, words, answers=numbered(*fields))
        asked(g.ask(), 1)
        g.step(1500)
        m = hit(g.ask(), 1, age=1500)
        true(said(m)["ttl"] <= -500 + SLACK, f"ttl of what is stale: {m!r}")
        o.wait(2)
        t.until(lambda: g.ask().body == b"2", "the new one is there")
        hit(g.ask(), 2)
        count(o, 2)
        g.step(STEP + 2500)  # too late for that
        asked(g.ask(), 3, fwd="stale")


behind("cache/stale/while-revalidate", "cache=on", ["Cache-Control: max-age=1000, stale-while-revalidate=2000"])
behind("cache/stale/while-revalidate-by-the-route", "cache=on stale_while_revalidate=2000s", [FRESH])
behind("cache/stale/while-revalidate-before-the-route", "cache=on stale_while_revalidate=1s", ["Cache-Control: max-age=1000, stale-while-revalidate=2000"])


@scenario("cache/stale/while-revalidate-asks-with-conditions")
def behind_conditional(t):
    """It is one question for many, with a condition; a 304 freshens what there is."""
    held = []

    def answer(link, m):
        held.append((link, m))
        if len(held) == 1:
            link.send(ok(b"whole", "Cache-Control: max-age=1000, stale-while-revalidate=2000", 'ETag: "e1"'))
    o, g = caching(t, answers=answer)
    asked(g.ask(), b"whole")
    g.step(1500)
    for _ in range(5):
        hit(g.ask(), b"whole", age=1500)
    o.wait(2)
    check(o.requests[1], 'GET / HTTP/1.1\nIf-None-Match: "e1"\nHost: a.example')
    t.until(lambda: len(held) == 2, "the question")
    hit(g.ask(), b"whole", age=1500)
    held[1][0].send(http('HTTP/1.1 304 Not Modified\nETag: "e1"\nCache-Control: max-age=1000, stale-while-revalidate=2000\n\n'))
    t.until(lambda: int(g.ask().get("Age")) <= SLACK, "it is fresh again")
    count(o, 2)


@scenario("cache/stale/while-revalidate-asks-for-itself")
def behind_for_itself(t):
    """Who happens to ask has no say in that question: no condition, range or directive of his goes along."""
    o, g = caching(t, answers=numbered("Cache-Control: max-age=1000, stale-while-revalidate=2000"))
    for n, fields in enumerate((["If-None-Match: *"], ["If-Modified-Since: " + ago(g, -5000)], ["Range: bytes=0-0"], ["Range: bytes=0-0", 'If-Range: "x"'], ["Cache-Control: only-if-cached"], ["Cache-Control: no-store"], ["Pragma: no-cache", "Cache-Control: max-stale"])):
        page, before = f"/{n}", len(o.requests)
        asked(g.ask(get(page)), 1)
        g.step(1500)
        true(said(g.ask(get(page, *fields))).get("hit"), f"no hit with {fields}")
        check(o.wait(before + 2), f"GET {page} HTTP/1.1\n!If-None-Match\n!If-Modified-Since\n!Range\n!If-Range\n!Cache-Control\n!Pragma")
        t.until(lambda: g.ask(get(page)).body == b"2", "the new one is there")


@scenario("cache/stale/while-revalidate-fails")
def behind_fails(t):
    """The server is dead: for as long as it may be stale, clients get what there is, and it is not asked for each of them."""
    o, g = caching(t, answers=numbered("Cache-Control: max-age=1000, stale-while-revalidate=2000"))
    asked(g.ask(), 1)
    g.step(1500)
    o.answers(ok(b"oops", status="500 Oops"))
    for _ in range(10):
        hit(g.ask(), 1, age=1500)
    o.wait(2)
    o.sync()
    true(len(o.requests) <= 4, f"{len(o.requests) - 1} questions behind ten clients")
    o.answers(numbered(FRESH))
    g.step(100)
    hit(g.ask(), 1)
    t.until(lambda: said(g.ask())["ttl"] > 0, "the new one is there")


@scenario("cache/stale/while-revalidate-not")
def behind_not(t):
    """Not what must be validated, nor what has no such word."""
    o, g = caching(t)
    for n, directives in enumerate(("", ", must-revalidate, stale-while-revalidate=2000", ", proxy-revalidate, stale-while-revalidate=2000", ", s-maxage=1000, stale-while-revalidate=2000", ", stale-while-revalidate=100")):
        o.answers(numbered(FRESH + directives))
        asked(g.ask(get(f"/{n}")), 1)
        g.step(1500)
        asked(g.ask(get(f"/{n}")), 2, fwd="stale")


@scenario("cache/stale/while-revalidate-beside-users")
def behind_beside(t):
    """That somebody's own answer is not stored is no reason not to ask for the one that is for all."""
    o, g = caching(t, answers=numbered("Cache-Control: max-age=1000, stale-while-revalidate=2000"))
    asked(g.ask(), 1)
    g.step(1500)
    asked(g.ask(get("/", "Authorization: Bearer alice")), 2, stored=False)
    hit(g.ask(), 1)
    o.wait(3)
    t.until(lambda: g.ask().body == b"3", "the new one is there")


@scenario("cache/stale/while-revalidate-no-cache")
def behind_no_cache(t):
    """A client that wants it new gets it new."""
    o, g = caching(t, answers=numbered("Cache-Control: max-age=1000, stale-while-revalidate=2000"))
    asked(g.ask(), 1)
    g.step(1500)
    asked(g.ask(get("/", "Cache-Control: no-cache")), 2)
    count(o, 2)


# --- when the server fails -----------------------------------------------------------------

SIE = "Cache-Control: max-age=1000, stale-if-error=5000"


def fails(name, failing, words="cache=on", fields=(SIE,), validator=False):
    @scenario(name)
    def run(t):
        """The server fails, and its page stays reachable for as long as it may."""
        marks = ['ETag: "e1"'] if validator else []
        o, g = caching(t, words + " max_fails=0", answers=numbered(*fields, *marks))
        asked(g.ask(), 1)
        g.step(2000)
        if failing:
            o.answers(failing)
        else:
            o.stop()
        for _ in range(3):
            m = g.ask()
            check(m, "HTTP/1.1 200\nAge: ~20\\d\\d\n\n1")
            true("gateway" in (m.get("Cache-Status") or ""), f"{m!r}")
        check(g.ask(get(method="HEAD")), "HTTP/1.1 200\n\n")
        check(g.ask(get("/", "Range: bytes=0-0")), "HTTP/1.1 206\n\n1")
        g.step(5000)
        m = g.ask()
        true(m.status >= 500, f"it is too old by now: {m!r}")


fails("cache/stale/if-error-dead", None)
fails("cache/stale/if-error-dead-validator", None, validator=True)
fails("cache/stale/if-error-dead-by-the-route", None, "cache=on stale_if_error=5000s", [FRESH])
for number in 500, 502, 503, 504:
    fails(f"cache/stale/if-error-{number}", ok(b"oops", status=f"{number} Oops"), validator=number == 500)
fails("cache/stale/if-error-no-answer", broken)
fails("cache/stale/if-error-half-a-head", half)
fails("cache/stale/if-error-malformed", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")


@scenario("cache/stale/if-error-after-a-restart-of-the-server")
def fails_and_comes_back(t):
    """It is asked again, and when it is back its new page counts."""
    o, g = caching(t, "cache=on stale_if_error=1d max_fails=0", answers=numbered(FRESH))
    asked(g.ask(), 1)
    g.step(2000)
    o.stop()
    check(g.ask(), "HTTP/1.1 200\n\n1")
    o.start()
    g.step(100)
    t.until(lambda: g.ask().body == b"2", "the new page")


@scenario("cache/stale/if-error-not")
def fails_not(t):
    """Not what must be validated; not without that word; and a page that is gone is not an error."""
    o, g = caching(t, "cache=on max_fails=0")
    for n, directives in enumerate(("must-revalidate, stale-if-error=5000", "proxy-revalidate, stale-if-error=5000", "s-maxage=1000, stale-if-error=5000", "no-cache, stale-if-error=5000", "stale-if-error=100", "immutable")):
        o.answers(numbered(f"{FRESH}, {directives}"))
        asked(g.ask(get(f"/{n}")), 1)
        g.step(2000)
        o.answers(ok(b"oops", status="503 Oops"))
        check(g.ask(get(f"/{n}")), "HTTP/1.1 503\n\noops")
    o.answers(numbered(SIE))
    asked(g.ask(get("/gone")), 1)
    g.step(2000)
    o.answers(ok(b"gone", status="404 Not Found"))
    check(g.ask(get("/gone")), "HTTP/1.1 404\n\ngone")
    o.answers(numbered(FRESH + ", must-revalidate"))
    asked(g.ask(get("/dead")), 1)
    g.step(2000)
    o.stop()
    m = g.ask(get("/dead"))
    true(m.status in (502, 504), f"must-revalidate, and the server is dead: {m!r}")


@scenario("cache/stale/if-error-fresh")
def dead_and_fresh(t):
    """What is fresh is answered whether its server lives or not; what was never asked for is an error."""
    o, g = caching(t, answers=numbered(FRESH))
    asked(g.ask(), 1)
    o.stop()
    hit(g.ask(), 1)
    check(g.ask(get("/other")), "HTTP/1.1 502")


# --- what clients ask for ---------------------------------------------------------------------

def wishes(name, words, rows):
    """Each row: fields of what is stored, its age, fields of the request, and what becomes of it: hit, asked, 504 (nobody was asked)."""
    def run(t):
        o, g = caching(t, words)
        for row, stored, old, fields, what in rows:
            with t.row(row) as wanted:
                if not wanted:
                    continue
                path = f"/{row}"
                o.answers(numbered(*stored.split("\n")))
                if old is not None:
                    asked(g.ask(get(path)), 1)
                    g.step(old)
                before = len(o.requests)
                m = g.ask(get(path, *fields.split("\n")))
                if what == "hit":
                    hit(m, 1, age=old)
                elif what == "asked":
                    check(m, f"HTTP/1.1 200\n\n{1 if old is None else 2}")
                    asked(m)
                else:
                    check(m, "HTTP/1.1 504\nCache-Status: ~gateway; fwd=.*")
                count(o, before + (what == "asked"))
    SCENARIOS.append(Entry(name, run, rows=[r[0] for r in rows]))


wishes("cache/wish", "cache=on", [
    ("nothing", FRESH, 500, "Accept: x/y", "hit"),
    ("no-cache", FRESH, 0, "Cache-Control: no-cache", "asked"),
    ("no-cache-case", FRESH, 0, "cache-control: NO-CACHE", "asked"),
    ("pragma", FRESH, 0, "Pragma: no-cache", "asked"),
    ("pragma-beside-cache-control", FRESH, 0, "Pragma: no-cache\nCache-Control: max-age=900", "hit"),
    ("max-age-0", FRESH, 0, "Cache-Control: max-age=0", "asked"),
    ("max-age-0-immutable", FRESH + ", immutable", 500, "Cache-Control: max-age=0", "hit"),
    ("no-cache-immutable", FRESH + ", immutable", 500, "Cache-Control: no-cache", "asked"),
    ("max-age-less", FRESH, 500, "Cache-Control: max-age=400", "asked"),
    ("max-age-more", FRESH, 500, "Cache-Control: max-age=600", "hit"),
    ("max-age-nonsense", FRESH, 500, "Cache-Control: max-age=x", "asked"),
    ("min-fresh-is", FRESH, 500, "Cache-Control: min-fresh=400", "hit"),
    ("min-fresh-is-not", FRESH, 500, "Cache-Control: min-fresh=600", "asked"),
    ("stale", FRESH, 1500, "Accept: x/y", "asked"),
    ("max-stale", FRESH, 1500, "Cache-Control: max-stale", "hit"),
    ("max-stale-enough", FRESH, 1500, "Cache-Control: max-stale=600", "hit"),
    ("max-stale-too-little", FRESH, 1500, "Cache-Control: max-stale=400", "asked"),
    ("max-stale-and-max-age", FRESH, 1500, "Cache-Control: max-stale=600, max-age=1200", "asked"),
    ("max-stale-must-revalidate", FRESH + ", must-revalidate", 1500, "Cache-Control: max-stale", "asked"),
    ("max-stale-proxy-revalidate", FRESH + ", proxy-revalidate", 1500, "Cache-Control: max-stale", "asked"),
    ("max-stale-s-maxage", "Cache-Control: s-maxage=1000", 1500, "Cache-Control: max-stale", "asked"),
    ("max-stale-no-cache", "Cache-Control: no-cache\nETag: \"e\"", 10, "Cache-Control: max-stale", "asked"),
    ("only-if-cached", FRESH, 500, "Cache-Control: only-if-cached", "hit"),
    ("only-if-cached-stale", FRESH, 1500, "Cache-Control: only-if-cached", "504"),
    ("only-if-cached-stale-but", FRESH, 1500, "Cache-Control: only-if-cached, max-stale", "hit"),
    ("only-if-cached-and-no-cache", FRESH, 500, "Cache-Control: only-if-cached, no-cache", "504"),
    ("only-if-cached-nothing", FRESH, None, "Cache-Control: only-if-cached", "504"),
    ("no-store-nothing", FRESH, None, "Cache-Control: no-store", "asked"),
    ("unknown", FRESH, 500, "Cache-Control: stale-if-error=3, what=ever", "hit"),
])

wishes("cache/ignore-reload", "cache=on cache_ignore=reload", [
    ("nothing", FRESH, 500, "Accept: x/y", "hit"),
    ("no-cache", FRESH, 500, "Cache-Control: no-cache\nPragma: no-cache", "hit"),
    ("pragma", FRESH, 500, "Pragma: no-cache", "hit"),
    ("max-age-0", FRESH, 500, "Cache-Control: max-age=0", "hit"),
    ("min-fresh", FRESH, 500, "Cache-Control: min-fresh=600", "hit"),
    ("only-if-cached", FRESH, None, "Cache-Control: only-if-cached", "504"),
    ("stale", FRESH, 1500, "Accept: x/y", "asked"),
    ("max-stale", FRESH, 1500, "Cache-Control: max-stale", "hit"),
])


@scenario("cache/wish-no-store")
def wish_no_store(t):
    """no-store of a client: nothing of it is kept, and what was kept stays."""
    o, g = caching(t, answers=numbered(FRESH))
    g.ask(get("/a", "Cache-Control: no-store"))
    asked(g.ask(get("/a")), 2)
    hit(g.ask(get("/a")), 2)
    g.ask(get("/a", "Cache-Control: no-store"))
    hit(g.ask(get("/a")), 2)


@scenario("cache/wish-reload-is-stored")
def reload_stores(t):
    """What a reload brings is what others get from now on; what has a validator is asked about."""
    o, g = caching(t, answers=numbered(FRESH))
    asked(g.ask(), 1)
    asked(g.ask(get("/", "Cache-Control: no-cache")), 2, fwd="request")
    hit(g.ask(), 2)
    o.answers(validating('"e1"', FRESH))
    asked(g.ask(get("/v")), b"whole")
    g.step(500)
    asked(g.ask(get("/v", "Cache-Control: no-cache")), b"whole", fwd="request")
    check(o.requests[-1], 'GET /v HTTP/1.1\nIf-None-Match: "e1"')
    hit(g.ask(get("/v")), b"whole", age=0)


# --- telling ---------------------------------------------------------------------------------------

@scenario("cache/status-field")
def status_field(t):
    """Cache-Status (RFC 9211): what was done, and why."""
    o, g = caching(t, answers=numbered(FRESH, "Vary: Accept-Language"))
    for fields, want in [
            ((), {"fwd": "miss", "fwd-status": 200, "stored": True}),
            ((), {"hit": True}),
            (("Accept-Language: 1",), {"fwd": "miss", "fwd-status": 200, "stored": True}),
            (("Cache-Control: no-cache",), {"fwd": "request", "fwd-status": 200, "stored": True}),
            (("If-Match: *",), {"fwd": "bypass", "fwd-status": 200})]:
        told = said(g.ask(get("/", *fields)))
        equal({k: v if v not in ("uri-miss", "vary-miss") else "miss" for k, v in told.items() if k in ("hit", "fwd", "fwd-status", "stored")}, want, f"with {fields}")
        if told.get("hit") or told.get("stored"):
            true(1000 - SLACK <= told["ttl"] <= 1000, f"ttl: {told}")
    equal(said(g.ask(post(b"x"))).get("fwd"), "method")
    g.ask()
    g.step(STEP)
    told = said(g.ask())
    equal(told.get("fwd"), "stale")
    o.answers(numbered("Cache-Control: no-store"))
    told = said(g.ask(get("/n")))
    equal((told.get("fwd").rpartition("-")[2], told.get("stored")), ("miss", None))
    true("no-store" in str(told.get("detail")), f"why it was not stored: {told}")


@scenario("cache/status-field-of-others")
def status_of_others(t):
    """What caches behind us say stays, before our own member; what they said when it was stored, too."""
    o, g = caching(t, answers=numbered(FRESH, "Cache-Status: inner; hit; ttl=5", 'Cache-Status: "odd, one"; fwd=miss'))
    for m in asked(g.ask()), hit(g.ask()):
        values = ", ".join(m.all("Cache-Status"))
        true(values.startswith('inner; hit; ttl=5, "odd, one"; fwd=miss, gateway; '), f"{values}")


@scenario("cache/status-field-of-liars")
def status_of_liars(t):
    """A server that speaks in our name."""
    o, g = caching(t, answers=numbered("Cache-Control: no-store", "Cache-Status: gateway; hit; ttl=5"))
    m = g.ask()
    check(m, "HTTP/1.1 200")
    true(", ".join(m.all("Cache-Status")).rpartition("gateway; ")[2].startswith("fwd="), f"{m!r}")


def log_words(name, log_format, word):
    @scenario(name)
    def run(t):
        """The access log says what the cache had to do with it."""
        sends = {"/p": numbered(FRESH), "/e": validating('"e1"', FRESH), "/w": numbered("Cache-Control: max-age=1000, stale-while-revalidate=9000"), "/n": numbered("Cache-Control: no-store"), "/off/": ok()}
        o, g = caching(t, answers=by_path(sends, ok()), top=f"log_format = {log_format}", routes="")
        o2 = t.origin()
        g.reload(f"[site *]\n/ = {o.url} cache=on\n/off/ = {o2.url}\n", top=f"log_format = {log_format}")

        def ask(request, want):
            mark = g.mark()
            target = request.split(b" ")[1].decode()
            g.ask(request)
            line = g.logged(r'^(\{|127).*"(GET |POST )?' + target + r'[ "]', mark)
            equal(word(line), want, f"in {line}")
        ask(get("/p"), "miss")
        ask(get("/p"), "hit")
        ask(post(b"x", target="/x"), "bypass")
        ask(get("/n"), "miss")
        ask(get("/e"), "miss")
        ask(get("/w"), "miss")
        ask(get("/off/"), "-")
        g.step(1500)
        ask(get("/p"), "expired")
        ask(get("/e"), "revalidated")
        ask(get("/w"), "stale")
    return run


log_words("cache/log", "combined", lambda line: line.split()[-1].strip('"'))
log_words("cache/log-json", "json", lambda line: json.loads(line).get("cache") or "-")
