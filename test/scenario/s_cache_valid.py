# SPDX-License-Identifier: MIT
"""The cache: validation both ways (RFC 9110 13, RFC 9111 4.3), parts of what is stored, HEAD; what unsafe methods make invalid (4.4)."""
import wire
from harness import SCENARIOS, Entry, scenario
from stored import ago, asked, caching, count, date, fit, hit, numbered, said, validating
from wire import check, chunked, equal, get, http, ok, post, true

FRESH = "Cache-Control: max-age=1000"
STEP = 1100


# --- towards the server ------------------------------------------------------------------

@scenario("cache/validate/etag")
def by_etag(t):
    """What is stale is asked for with If-None-Match; after a 304 it is fresh again."""
    o, g = caching(t, answers=validating('"e1"', FRESH))
    asked(g.ask(), b"whole", fwd="uri-miss", stored=True)
    check(o.requests[0], "GET / HTTP/1.1\n!If-None-Match\n!If-Modified-Since")
    hit(g.ask(), b"whole")
    g.step(STEP)
    m = asked(g.ask(), b"whole", fwd="stale")
    equal(said(m).get("fwd-status"), 304)
    check(o.requests[1], 'GET / HTTP/1.1\nIf-None-Match: "e1"')
    hit(g.ask(), b"whole", age=0, ttl=1000)
    g.step(500)
    hit(g.ask(), b"whole", age=500)
    count(o, 2)


@scenario("cache/validate/etags-as-they-are")
def odd_etags(t):
    """A weak validator serves as well; an empty one, and one with odd bytes in it, too."""
    o, g = caching(t)
    for n, etag in enumerate(('W/"weak"', '""', '"a,bW/c"', '"\\"', "\"\xe4\"")):
        o.answers(validating(etag, FRESH))
        before = len(o.requests)
        asked(g.ask(get(f"/{n}")), b"whole")
        g.step(STEP)
        asked(g.ask(get(f"/{n}")), b"whole", fwd="stale")
        check(o.requests[-1], f"GET /{n} HTTP/1.1\nIf-None-Match: {etag}")
        hit(g.ask(get(f"/{n}")), b"whole")
        count(o, before + 2)


@scenario("cache/validate/last-modified")
def by_date(t):
    """Without an ETag: with If-Modified-Since, letter by letter what the server said; with both: with both."""
    o, g = caching(t)
    when = ago(g, 100000)
    o.answers(validating(None, FRESH, modified=when))
    asked(g.ask(get("/a")), b"whole")
    g.step(STEP)
    asked(g.ask(get("/a")), b"whole", fwd="stale")
    check(o.requests[1], f"GET /a HTTP/1.1\nIf-Modified-Since: {when}\n!If-None-Match")
    hit(g.ask(get("/a")), b"whole")
    o.answers(validating('"x"', FRESH, modified=when))
    asked(g.ask(get("/b")), b"whole")
    g.step(STEP)
    asked(g.ask(get("/b")), b"whole", fwd="stale")
    check(o.requests[3], f'GET /b HTTP/1.1\nIf-Modified-Since: {when}\nIf-None-Match: "x"')
    hit(g.ask(get("/b")), b"whole")


@scenario("cache/validate/none")
def by_nothing(t):
    """What has no validator is asked for as if it were not there; the new one takes its place."""
    o, g = caching(t, answers=numbered(FRESH))
    asked(g.ask(), 1)
    g.step(STEP)
    asked(g.ask(), 2, fwd="stale")
    check(o.requests[1], "GET / HTTP/1.1\n!If-None-Match\n!If-Modified-Since")
    hit(g.ask(), 2)


@scenario("cache/validate/changed")
def changed(t):
    """A 200 in answer to the question takes the place of what was stored."""
    o, g = caching(t, answers=validating('"e1"', FRESH, body=b"old"))
    asked(g.ask(), b"old")
    o.answers(validating('"e2"', FRESH, body=b"new"))
    g.step(STEP)
    m = asked(g.ask(), b"new", fwd="stale", stored=True)
    check(m, 'HTTP/1.1 200\nETag: "e2"')
    equal(said(m).get("fwd-status"), 200)
    check(hit(g.ask(), b"new"), 'HTTP/1.1 200\nETag: "e2"')
    g.step(STEP)
    asked(g.ask(), b"new")
    check(o.requests[2], 'GET / HTTP/1.1\nIf-None-Match: "e2"')


@scenario("cache/validate/gone")
def gone(t):
    """So does a 404 that may be stored; one that must not be stored leaves nothing of the old."""
    o, g = caching(t, answers=validating('"e1"', FRESH))
    for path, fields, again in ("/a", [FRESH], hit), ("/b", ["Cache-Control: no-store"], asked):
        o.answers(validating('"e1"', FRESH))
        asked(g.ask(get(path)), b"whole")
        g.step(STEP)
        o.answers(ok(b"gone", *fields, status="404 Not Found"))
        asked(g.ask(get(path)), b"gone", status=404)
        again(g.ask(get(path)), b"gone", status=404)


@scenario("cache/validate/304-updates-fields")
def refreshed(t):
    """Fields of a 304 take the place of those stored, but not what is said of the body (RFC 9111 3.2)."""
    o, g = caching(t, answers=ok(b"whole", FRESH, 'ETag: "e1"', "X-Version: 1", "X-Stay: yes", "X-Two: a", "X-Two: b", "Content-Type: text/plain", "Content-Encoding: identity"))
    asked(g.ask(), b"whole")
    g.step(STEP)
    o.answers(http("HTTP/1.1 304 Not Modified\nCache-Control: max-age=5000\nETag: \"e1\"\nX-Version: 2\nX-Two: c\nX-New: n\nContent-Length: 99\nContent-Encoding: gzip\nContent-Range: bytes 0-1/2\n\n"))
    want = "HTTP/1.1 200 OK\nCache-Control: max-age=5000\nX-Version: 2\nX-Stay: yes\nX-Two: c\nX-New: n\nContent-Length: 5\nContent-Type: text/plain\nContent-Encoding: identity\n!Content-Range\n\nwhole"
    check(asked(g.ask(), fwd="stale"), want)
    g.step(STEP)
    check(hit(g.ask(), age=STEP), want)
    count(o, 2)


@scenario("cache/validate/304-has-an-age")
def refreshed_age(t):
    """A 304 comes from a cache, too: what it says of its age counts."""
    o, g = caching(t, answers=ok(b"whole", FRESH, 'ETag: "e1"'))
    asked(g.ask(), b"whole")
    g.step(STEP)
    o.answers(http(f'HTTP/1.1 304 Not Modified\nETag: "e1"\n{FRESH}\nAge: 400\n\n'))
    asked(g.ask(), b"whole")
    hit(g.ask(), b"whole", age=400)


@scenario("cache/validate/304-says-another-vary")
def refreshed_vary(t):
    """What has been everybody's is then somebody's: nobody gets another's."""
    def answer(link, m):
        kind = m.get("Accept-Language")
        if m.get("If-None-Match") == f'"{kind}"':
            link.send(http(f'HTTP/1.1 304 Not Modified\nETag: "{kind}"\nVary: Accept-Language\n{FRESH}\n\n'))
        else:
            link.send(ok(kind.encode(), FRESH, f'ETag: "{kind}"', *(["Vary: Accept-Language"] if len(o.requests) > 1 else [])))
    o, g = caching(t, answers=answer)
    asked(g.ask(get("/", "Accept-Language: a")), b"a")
    hit(g.ask(get("/", "Accept-Language: b")), b"a")  # so far it was for all
    g.step(STEP)
    asked(g.ask(get("/", "Accept-Language: a")), b"a", fwd="stale")
    for kind in "b", "a", "b", "a":
        check(g.ask(get("/", f"Accept-Language: {kind}")), f"HTTP/1.1 200\n\n{kind}")


@scenario("cache/validate/304-says-no-store")
def refreshed_away(t):
    """A 304 may say that it must not be kept any longer."""
    o, g = caching(t, answers=validating('"e1"', FRESH))
    asked(g.ask(), b"whole")
    g.step(STEP)
    o.answers([http('HTTP/1.1 304 Not Modified\nETag: "e1"\nCache-Control: no-store\n\n'), numbered(FRESH)])
    asked(g.ask(), b"whole", fwd="stale")
    asked(g.ask(), 1)
    check(o.requests[2], "GET / HTTP/1.1\n!If-None-Match")


@scenario("cache/validate/304-unasked")
def unasked(t):
    """A 304 to a question that was not asked, or about something else, is no answer that anybody else gets."""
    o, g = caching(t, answers=[http('HTTP/1.1 304 Not Modified\nETag: "e1"\nCache-Control: max-age=1000\n\n'), numbered(FRESH)])
    m = g.ask()
    true(m.status in (304, 502), f"{m!r}")
    asked(g.ask(), 1)
    # of another representation than the one we have: it must be asked for whole, or the answer passed, but not be taken for ours
    o.answers(validating('"e1"', FRESH))
    asked(g.ask(get("/b")), b"whole")
    g.step(STEP)
    o.answers([http('HTTP/1.1 304 Not Modified\nETag: "other"\nCache-Control: max-age=1000\n\n'), numbered(FRESH, 'ETag: "other"')])
    m = g.ask(get("/b"))
    true(m.status != 200 or m.body != b"whole" or m.get("ETag") == '"e1"', f"another's 304 has freshened this: {m!r}")
    m = g.ask(get("/b"))
    true(not (m.body == b"whole" and m.get("ETag") == '"other"'), f"another's 304 has freshened this: {m!r}")


@scenario("cache/validate/no-cache")
def no_cache(t):
    """no-cache: stored, and asked about each time."""
    o, g = caching(t, answers=validating('"e1"', "Cache-Control: no-cache"))
    asked(g.ask(), b"whole")
    for n in 1, 2, 3:
        asked(g.ask(), b"whole")
        check(o.requests[n], 'GET / HTTP/1.1\nIf-None-Match: "e1"')
    equal(len(o.requests), 4)


@scenario("cache/validate/without-a-lifetime")
def no_lifetime(t):
    """A validator alone: stored, and asked about each time."""
    o, g = caching(t, answers=validating('"e1"'))
    asked(g.ask(), b"whole")
    for n in 1, 2:
        asked(g.ask(), b"whole")
        check(o.requests[n], 'GET / HTTP/1.1\nIf-None-Match: "e1"')


@scenario("cache/validate/many-at-once")
def many_validate(t):
    """Many that ask for the same stale thing cost one question."""
    held = []

    def answer(link, m):
        if m.get("If-None-Match"):
            held.append(link)
        else:
            link.send(ok(b"whole", FRESH, 'ETag: "e1"'))
    o, g = caching(t, answers=answer, routes="/mark/ = reply:200")
    asked(g.ask(), b"whole")
    g.step(STEP)
    clients = [g.client() for _ in range(5)]
    for c in clients:
        c.send(get())
    o.wait(2)
    t.until(lambda: held, "the question")
    for _ in range(3):
        check(g.ask(get("/mark/")), "HTTP/1.1 200")
    held[0].send(http(f'HTTP/1.1 304 Not Modified\nETag: "e1"\n{FRESH}\n\n'))
    for c in clients:
        check(c.final(), 'HTTP/1.1 200\nETag: "e1"\n\nwhole')
    count(o, 2)


@scenario("cache/validate/vary")
def validate_vary(t):
    """The variant that fits is asked about, and it alone is freshened."""
    def answer(link, m):
        etag = '"%s"' % m.get("Accept-Language")
        same = m.get("If-None-Match") == etag
        fields = [FRESH, f"ETag: {etag}", "Vary: Accept-Language"]
        link.send(http("\n".join(["HTTP/1.1 304 Not Modified", *fields]) + "\n\n") if same else ok(m.get("Accept-Language").encode(), *fields))
    o, g = caching(t, answers=answer)
    for language in "de", "en":
        asked(g.ask(get("/", f"Accept-Language: {language}")), language.encode())
    g.step(STEP)
    asked(g.ask(get("/", "Accept-Language: de")), b"de", fwd="stale")
    check(o.requests[2], 'GET / HTTP/1.1\nIf-None-Match: "de"')
    hit(g.ask(get("/", "Accept-Language: de")), b"de")
    asked(g.ask(get("/", "Accept-Language: en")), b"en", fwd="stale")
    check(o.requests[3], 'GET / HTTP/1.1\nIf-None-Match: "en"')
    count(o, 4)


# --- towards clients -----------------------------------------------------------------------

WHEN = "Wed, 01 Jan 2025 12:00:00 GMT"
EARLIER, LATER = "Wed, 01 Jan 2025 11:59:59 GMT", "Wed, 01 Jan 2025 12:00:01 GMT"
BODY = b"0123456789"


def parts(name, rows, answer=None, method="GET"):
    """Each row: a request for what is stored, fresh, with "e1" and WHEN, and what is answered from there."""
    def run(t):
        # modified long before it came: its date is a strong validator
        o, g = caching(t, answers=answer or ok(BODY, FRESH, 'ETag: "e1"', f"Last-Modified: {WHEN}", "X-Stay: yes", "Content-Type: text/plain", "Vary: Accept-Language", "Content-Location: /here"))
        asked(g.ask(get("/")), BODY)
        for row, fields, want in rows:
            with t.row(row) as wanted:
                if not wanted:
                    continue
                m = g.ask(get("/", *fields.split("\n"), method=method))
                check(m, want)
                true(said(m).get("hit"), f"no hit: {m!r}")
                true(m.get("Age") is not None, f"no Age: {m!r}")
                count(o, 1)
    SCENARIOS.append(Entry(name, run, rows=[r[0] for r in rows]))


SAME = f'HTTP/1.1 304 Not Modified\nETag: "e1"\n{FRESH}\nVary: Accept-Language\nDate: ~.*GMT\nContent-Location: /here\n!Content-Type\n\n'
WHOLE = 'HTTP/1.1 200 OK\nETag: "e1"\nContent-Length: 10\nX-Stay: yes\nContent-Type: text/plain\n!Content-Range\n\n0123456789'

parts("cache/conditional", [
    ("none-match", 'If-None-Match: "e1"', SAME),
    ("none-match-weak", 'If-None-Match: W/"e1"', SAME),
    ("none-match-list", 'If-None-Match: "a", W/"b,c" ,"e1"', SAME),
    ("none-match-two-fields", 'If-None-Match: "a"\nIf-None-Match: "e1"', SAME),
    ("none-match-any", "If-None-Match: *", SAME),
    ("none-match-other", 'If-None-Match: "e2"', WHOLE),
    ("none-match-part", 'If-None-Match: "e"', WHOLE),
    ("none-match-inside-another", 'If-None-Match: "x\\"e1\\"x"', WHOLE),
    ("none-match-without-quotes", "If-None-Match: e1", WHOLE),
    ("none-match-case", 'If-None-Match: "E1"', WHOLE),
    ("modified-since-same", f"If-Modified-Since: {WHEN}", SAME),
    ("modified-since-later", f"If-Modified-Since: {LATER}", SAME),
    ("modified-since-earlier", f"If-Modified-Since: {EARLIER}", WHOLE),
    ("modified-since-old-form", "If-Modified-Since: Wednesday, 01-Jan-25 12:00:00 GMT", SAME),
    ("modified-since-asctime", "If-Modified-Since: Wed Jan  1 12:00:00 2025", SAME),
    ("modified-since-nonsense", "If-Modified-Since: yesterday", WHOLE),
    ("none-match-goes-first", f'If-None-Match: "e2"\nIf-Modified-Since: {WHEN}', WHOLE),
    ("none-match-goes-first-2", f'If-None-Match: "e1"\nIf-Modified-Since: {EARLIER}', SAME),
    ("before-range", 'If-None-Match: "e1"\nRange: bytes=0-1', SAME),
])
parts("cache/conditional-head", [
    ("none-match", 'If-None-Match: "e1"', SAME),
    ("none-match-other", 'If-None-Match: "e2"', WHOLE.replace("\n\n0123456789", "\n\n")),
    ("plain", "Accept: x/y", WHOLE.replace("\n\n0123456789", "\n\n")),
    ("range-is-for-get", "Range: bytes=0-1", WHOLE.replace("\n\n0123456789", "\n\n")),
], method="HEAD")


def part(first, last):
    return f'HTTP/1.1 206 Partial Content\nContent-Range: bytes {first}-{last}/10\nContent-Length: {last - first + 1}\nETag: "e1"\nDate: ~.*GMT\n{FRESH}\n\n{BODY[first:last + 1].decode()}'


BEYOND = "HTTP/1.1 416 Range Not Satisfiable\nContent-Range: bytes */10"

parts("cache/range", [
    ("first", "Range: bytes=0-0", part(0, 0)),
    ("middle", "Range: bytes=2-4", part(2, 4)),
    ("open", "Range: bytes=7-", part(7, 9)),
    ("past-the-end", "Range: bytes=7-1000", part(7, 9)),
    ("last", "Range: bytes=-3", part(7, 9)),
    ("last-too-many", "Range: bytes=-11", part(0, 9)),
    ("all", "Range: bytes=0-", part(0, 9)),
    ("case", "Range: Bytes=2-4", part(2, 4)),
    ("beyond", "Range: bytes=10-", BEYOND),
    ("beyond-far", "Range: bytes=99999999999999999999-", BEYOND),
    ("last-none", "Range: bytes=-0", BEYOND),
    ("several", "Range: bytes=0-1,4-5", WHOLE),
    ("turned-round", "Range: bytes=4-2", WHOLE),
    ("nonsense", "Range: bytes=a-b", WHOLE),
    ("other-unit", "Range: lines=0-1", WHOLE),
    ("if-range", 'Range: bytes=2-4\nIf-Range: "e1"', part(2, 4)),
    ("if-range-other", 'Range: bytes=2-4\nIf-Range: "e2"', WHOLE),
    ("if-range-weak", 'Range: bytes=2-4\nIf-Range: W/"e1"', WHOLE),
    ("if-range-date", f"Range: bytes=2-4\nIf-Range: {WHEN}", part(2, 4)),
    ("if-range-later", f"Range: bytes=2-4\nIf-Range: {LATER}", WHOLE),
    ("if-range-other-and-beyond", 'Range: bytes=10-\nIf-Range: "e2"', WHOLE),
    ("none-match-other", 'If-None-Match: "e2"\nRange: bytes=2-4', part(2, 4)),
])


@scenario("cache/range-of-weak")
def weak_range(t):
    """If-Range wants a strong validator (RFC 9110 13.1.5); a date is one a minute after it."""
    o, g = caching(t)
    o.answers(ok(BODY, FRESH, 'ETag: W/"w"'))
    asked(g.ask(get("/w")), BODY)
    check(hit(g.ask(get("/w", "Range: bytes=2-4", 'If-Range: W/"w"'))), "HTTP/1.1 200\n\n0123456789")
    check(hit(g.ask(get("/w", "Range: bytes=2-4")), status=206), "HTTP/1.1 206\n\n234")
    now = date(g.clock.now())
    o.answers(ok(BODY, FRESH, f"Last-Modified: {now}", f"Date: {now}"))
    asked(g.ask(get("/d")), BODY)
    check(hit(g.ask(get("/d", "Range: bytes=2-4", f"If-Range: {now}"))), "HTTP/1.1 200\n\n0123456789")
    count(o, 2)


@scenario("cache/range-long")
def long_range(t):
    """Parts of a body of many blocks, beginning and ending anywhere."""
    body = bytes(i * 7 % 251 for i in range(9000))
    o, g = caching(t, answers=ok(body, FRESH))
    asked(g.ask(), body)
    for first, last in (0, 8999), (1, 1), (255, 256), (1000, 1100), (1023, 1024), (1024, 2047), (2047, 4096), (8998, 8999), (5000, 8999), (3, 8990):
        m = hit(g.ask(get("/", f"Range: bytes={first}-{last}")), body[first:last + 1], status=206)
        check(m, f"HTTP/1.1 206\nContent-Range: bytes {first}-{last}/9000")
    count(o, 1)


@scenario("cache/range-on-a-miss")
def range_miss(t):
    """A range of what is not stored goes to the server as it is; its answer fills nothing."""
    def answer(link, m):
        if m.get("Range"):
            link.send(ok(b"234", FRESH, "Content-Range: bytes 2-4/10", 'ETag: "e1"', status="206 Partial Content"))
        else:
            link.send(ok(BODY, FRESH, 'ETag: "e1"'))
    o, g = caching(t, answers=answer)
    for n in 1, 2:
        check(asked(g.ask(get("/", "Range: bytes=2-4")), b"234", status=206, stored=False), "HTTP/1.1 206\nContent-Range: bytes 2-4/10")
        check(o.requests[-1], "GET / HTTP/1.1\nRange: bytes=2-4")
    asked(g.ask(), BODY)
    check(hit(g.ask(get("/", "Range: bytes=5-6")), b"56", status=206), "HTTP/1.1 206\nContent-Range: bytes 5-6/10")
    count(o, 3)


@scenario("cache/range-when-stale")
def range_stale(t):
    """A range of what is stale: the whole is asked about, and the part comes from there."""
    o, g = caching(t, answers=validating('"e1"', FRESH, body=BODY))
    asked(g.ask(), BODY)
    g.step(STEP)
    check(g.ask(get("/", "Range: bytes=2-4")), "HTTP/1.1 206\nContent-Range: bytes 2-4/10\n\n234")
    g.step(STEP)
    o.answers(validating('"e2"', FRESH, body=b"new and longer"))
    m = g.ask(get("/", "Range: bytes=2-4", 'If-Range: "e1"'))
    check(m, 'HTTP/1.1 200\nETag: "e2"\n\nnew and longer')


@scenario("cache/conditional-when-stale")
def conditional_stale(t):
    """A client's condition is about what the server says now."""
    o, g = caching(t, answers=validating('"e1"', FRESH))
    asked(g.ask(), b"whole")
    g.step(STEP)
    check(g.ask(get("/", 'If-None-Match: "e1"')), 'HTTP/1.1 304\nETag: "e1"\n\n')
    equal(len(o.requests), 2)
    hit(g.ask(), b"whole")  # and that has freshened it
    g.step(STEP)
    check(g.ask(get("/", 'If-None-Match: "mine"')), "HTTP/1.1 200\n\nwhole")
    g.step(STEP)
    o.answers(validating('"mine"', FRESH, body=b"changed"))
    check(g.ask(get("/", 'If-None-Match: "mine"')), 'HTTP/1.1 304\nETag: "mine"\n\n')
    m = g.ask()
    check(m, 'HTTP/1.1 200\nETag: "mine"\n\nchanged')


@scenario("cache/conditional-on-a-miss")
def conditional_miss(t):
    """A condition about what is not stored: the client gets its 304, nobody else does."""
    o, g = caching(t, answers=validating('"e1"', FRESH))
    for fields in ('If-None-Match: "e1"',), ("If-None-Match: *",):
        m = g.ask(get("/a", *fields))
        true(m.status in (200, 304), f"{m!r}")
    check(g.ask(get("/b", 'If-None-Match: "e1"')), 'HTTP/1.1 304\nETag: "e1"\n\n')
    for path in "/a", "/b":
        check(g.ask(get(path)), 'HTTP/1.1 200\nETag: "e1"\n\nwhole')
        hit(g.ask(get(path)), b"whole")
    o.answers(validating('"e1"', FRESH))
    check(g.ask(get("/c", 'If-None-Match: "old"')), "HTTP/1.1 200\n\nwhole")


@scenario("cache/conditional-for-the-server")
def preconditions(t):
    """If-Match and If-Unmodified-Since are the server's to answer, however fresh it is."""
    o, g = caching(t, answers=numbered(FRESH, 'ETag: "e1"'))
    asked(g.ask(), 1)
    for n, field in enumerate(('If-Match: "e1"', f"If-Unmodified-Since: {WHEN}"), 2):
        asked(g.ask(get("/", field)), n)
        check(o.requests[-1], f"GET / HTTP/1.1\n{field}")
    hit(g.ask(), 1)


# --- HEAD ------------------------------------------------------------------------------------

@scenario("cache/head")
def head(t):
    """From a stored GET; else the server is asked with HEAD, and nothing is stored of that (its answer could be any)."""
    o, g = caching(t, answers=validating('"e1"', FRESH))
    for n in 1, 2:
        m = asked(g.ask(get(method="HEAD")), b"")
        check(o.requests[-1], "HEAD / HTTP/1.1")
        equal(len(o.requests), n)
    asked(g.ask(), b"whole")
    m = hit(g.ask(get(method="HEAD")), b"")
    check(m, 'HTTP/1.1 200\nContent-Length: 5\nETag: "e1"')
    count(o, 3)
    c = g.client()
    c.send(get(method="HEAD") + get())
    hit(c.final("HEAD"), b"")
    hit(c.final(), b"whole")


@scenario("cache/head-in-chunks")
def head_chunks(t):
    """HEAD of what came without a length, once it is whole."""
    o, g = caching(t, answers=http(f"HTTP/1.1 200 OK\n{FRESH}\nTransfer-Encoding: chunked\n\n") + chunked(b"some", b"more"))
    asked(g.ask(), b"somemore")
    check(hit(g.ask(get(method="HEAD")), b""), "HTTP/1.1 200\nContent-Length: 8\n!Transfer-Encoding")
    hit(g.ask(get(version="1.0")), b"somemore")
    count(o, 1)


# --- invalidation ---------------------------------------------------------------------------------

def invalid(name, rows):
    """Each row: method, status, fields of the answer, and which of the pages are then asked for anew."""
    pages = ["/p", "/p?q=1", "/p/x", "/other", "/q"]

    def run(t):
        o, g = caching(t, answers=numbered(FRESH))
        for row, method, status, fields, gone in rows:
            with t.row(row) as wanted:
                if not wanted:
                    continue
                check(g.ask(get("/p", method="POST")), "HTTP/1.1 200")  # from now on a new one
                for page in pages:
                    g.ask(get(page))
                    hit(g.ask(get(page)))
                o.answers(fit_any(fields.replace("SCHEME", wire.SCHEME).split("\n") if fields else [], status))
                check(g.ask(post(b"x", target="/p", method=method)), f"HTTP/1.1 {status[:3]}")
                o.answers(numbered(FRESH))
                seen = [page for page in pages if not said(g.ask(get(page))).get("hit")]
                equal(seen, gone, f"asked for anew after {method} with {status} and {fields!r}")
    SCENARIOS.append(Entry(name, run, rows=[r[0] for r in rows]))


def fit_any(fields, status):
    def answer(link, m):
        link.send(fit(m, ok(b"done", *fields, status=status)))
    return answer


invalid("cache/invalid", [
    ("post", "POST", "200 OK", "", ["/p"]),
    ("put", "PUT", "201 Created", "", ["/p"]),
    ("delete", "DELETE", "204 No Content", "", ["/p"]),
    ("patch", "PATCH", "200 OK", "", ["/p"]),
    ("unknown", "FROBNICATE", "200 OK", "", ["/p"]),
    ("redirect", "POST", "303 See Other", "", ["/p"]),
    ("error-400", "POST", "400 Bad Request", "", []),
    ("error-404", "DELETE", "404 Not Found", "Location: /other", []),
    ("error-500", "POST", "500 Oops", "", []),
    ("safe-options", "OPTIONS", "200 OK", "", []),
    ("safe-propfind", "PROPFIND", "207 Multi-Status", "", []),
    ("location", "POST", "201 Created", "Location: /other", ["/p", "/other"]),
    ("location-absolute", "POST", "303 See Other", "Location: SCHEME://a.example/other", ["/p", "/other"]),
    ("location-relative", "POST", "201 Created", "Location: other", ["/p", "/other"]),
    ("location-dots", "POST", "201 Created", "Location: /x/../other#there", ["/p", "/other"]),
    ("location-query", "POST", "201 Created", "Location: ?q=1", ["/p", "/p?q=1"]),
    ("content-location", "PUT", "200 OK", "Content-Location: /q", ["/p", "/q"]),
    ("both", "PUT", "200 OK", "Content-Location: /q\nLocation: /other", ["/p", "/other", "/q"]),
    ("location-elsewhere", "POST", "201 Created", "Location: SCHEME://b.example/other", ["/p"]),
    ("location-elsewhere-2", "POST", "201 Created", "Location: //b.example/other", ["/p"]),
    ("location-other-scheme", "POST", "201 Created", "Location: ftp://a.example/other", ["/p"]),
    ("location-other-port", "POST", "201 Created", "Location: SCHEME://a.example:81/other", ["/p"]),
    ("location-of-nonsense", "POST", "201 Created", "Location: ::://", ["/p"]),
])


@scenario("cache/invalid-variants")
def invalid_variants(t):
    """All answers of that URL, whatever they vary by, on that host alone."""
    o, g = caching(t, answers=numbered(FRESH, "Vary: Accept-Language"))
    asks = [get("/p", "Accept-Language: 1"), get("/p", "Accept-Language: 2"), get("/p", host="b.example")]
    for data in asks:
        g.ask(data)
        hit(g.ask(data))
    check(g.ask(post(b"", target="/p")), "HTTP/1.1 200")
    asked(g.ask(asks[0]))
    asked(g.ask(asks[1]))
    hit(g.ask(asks[2]))


@scenario("cache/invalid-while-it-comes")
def invalid_filling(t):
    """What is on its way when the POST is answered goes on to who asked, and is not kept."""
    held = []

    def answer(link, m):
        if m.method == "GET" and not held:
            held.append(link)
            link.send(http(f"HTTP/1.1 200 OK\n{FRESH}\nContent-Length: 8\n\n") + b"old ")
        else:
            link.send(ok(b"new", FRESH))
    o, g = caching(t, answers=answer)
    c = g.client()
    c.send(get("/p"))
    check(c.head(), "HTTP/1.1 200")
    c.exactly(4)
    check(g.ask(post(b"x", target="/p")), "HTTP/1.1 200")
    held[0].send(b"page")
    equal(c.exactly(4), b"page")
    m = g.ask(get("/p"))
    check(m, "HTTP/1.1 200\n\nnew")


@scenario("cache/invalid-nothing-was-there")
def invalid_nothing(t):
    """Unsafe requests for what is not stored are as any."""
    o, g = caching(t, answers=numbered(FRESH))
    for n, method in enumerate(("POST", "PUT", "DELETE"), 1):
        check(g.ask(post(b"x", method=method)), f"HTTP/1.1 200\n\n{n}")
    asked(g.ask(), 4, fwd="uri-miss")
    hit(g.ask(), 4)
