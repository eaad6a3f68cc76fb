# SPDX-License-Identifier: MIT
"""login = form: the page, where it leads, who may send it, and the way out."""
import re
import urllib.parse

import wire
from harness import SCENARIOS, Entry, scenario
from login import NAVIGATION, PASSWORDS, Form, basic, behind, enter, guarded, name_of, origin, page, session, set_cookie, submit, users
from wire import check, chunked, equal, get, http, ok, post, true

# a challenge that no browser opens a dialog for (RFC 9110 11.6.1 wants one)
PAGE = "HTTP/1.1 401 Unauthorized\nContent-Type: text/html; charset=utf-8\nWWW-Authenticate: ~(?i)(?!basic|digest|negotiate|ntlm|bearer)[a-z]+ .*\n!Set-Cookie\nCache-Control: ~.*no-store.*"
LOCAL = re.compile(r"(?:https?://a\.example)?(/(?![/\\]).*)")


def form_of(message):
    """The page's form, as it must be."""
    form = Form(message.body)
    equal(len(form.forms), 1, "forms")
    equal((form.forms[0]["method"].lower(), form.forms[0]["action"]), ("post", "/.gateway/login"), "method and action")
    equal(sorted(form.inputs), ["password", "to", "user"], "fields")
    return form


def went(message, to):
    """It was let in and is sent there."""
    check(message, "HTTP/1.1 303 See Other")
    found = LOCAL.fullmatch(message.get("Location"))
    true(found and message.get("Location").startswith(("/", f"{wire.SCHEME}://")), f"Location: {message.get('Location')}")
    equal(found.group(1), to, "where it goes on to")
    true(set_cookie(message), f"no session began: {message!r}")


def form(t, words="", **how):
    return behind(t, f"login = form\n{words}", **how)


@scenario("login/page")
def the_page(t):
    """Under 4 KB, whole in itself, no script; password managers know the fields; for phones and for the dark."""
    o, g = form(t)
    m = g.ask(page("/x/y?z=1"))
    check(m, PAGE)
    true(len(m.body) < 4096, f"{len(m.body)} bytes")
    f = form_of(m)
    text = m.body.decode()
    true(text.startswith("<!doctype html>") or text.startswith("<!DOCTYPE html>"), "no doctype")
    true(re.search(r"<html lang=\"?en", text), "no language")
    equal((f.inputs["user"].get("autocomplete"), f.inputs["password"].get("autocomplete"), f.inputs["password"]["type"], f.inputs["to"]["type"]), ("username", "current-password", "password", "hidden"))
    for name, attrs in f.tags:
        for a, v in attrs.items():
            true(a not in ("src", "srcset", "data", "background") and not (a == "href" and not v.startswith(("data:", "/"))) and not a.startswith("on"), f"{name} has {a}={v}")
        true(name not in ("script", "img", "iframe", "object", "embed", "base"), f"<{name}>")
    true(not re.search(r"@import|url\((?!data:|\"data:|'data:)", text), "a style loads something")
    true(any(n == "meta" and a.get("name") == "viewport" and "width=device-width" in a.get("content", "") for n, a in f.tags), "no viewport")
    true("prefers-color-scheme" in text or "light-dark" in text or re.search(r"color-scheme:\s*(light dark|dark light)", text), "no dark mode")
    labels = [a.get("for") for n, a in f.tags if n == "label"]
    true(all(f.inputs[n].get("id") in labels or f.inputs[n].get("aria-label") or labels.count(None) >= 2 for n in ("user", "password")), "fields without labels")
    true("a.example" in f.words, "it does not say whose it is")
    equal(f.to, "/x/y?z=1", "where it goes on to")
    policy = m.get("Content-Security-Policy")
    true(policy and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy and "form-action" not in policy and "unsafe" not in policy.replace("style-src 'unsafe-inline'", ""), f"policy: {policy}")
    check(m, "HTTP/1.1 401\nX-Content-Type-Options: nosniff\nReferrer-Policy: ~no-referrer|same-origin")
    o.nothing()


@scenario("login/in")
def log_in(t):
    """From the page asked for by way of the form to that page; a request with the cookie passes."""
    o, g = form(t, "user_header = X-Remote-User")
    mark = g.mark()
    to = form_of(g.ask(page("/x/y?a=b&c=%20d"))).to
    m = g.ask(submit(to=to))
    went(m, "/x/y?a=b&c=%20d")
    o.nothing()
    cookie = f"Cookie: {name_of()}={set_cookie(m)[0]}"
    check(g.ask(page("/x/y?a=b&c=%20d", cookie)), "HTTP/1.1 200\n!Set-Cookie")
    check(o.requests[0], "GET /x/y?a=b&c=%20d HTTP/1.1\nX-Remote-User: alice\n!Cookie")
    g.logged(r'"POST /\.gateway/login HTTP/1.1" 303 ', mark)
    true(not any("wonder" in line for line in g.err.lines), "the password is logged")
    secure = wire.SCHEME == "https"
    equal(set_cookie(m)[1], {"Path": "/", "HttpOnly": None, "SameSite": "Lax", "Max-Age": str(30 * 86400), **({"Secure": None} if secure else {})})


@scenario("login/wrong")
def wrong(t):
    """The page again: it says what went wrong, keeps the name and the place to go to, and never the password."""
    o, g = form(t)
    mark = g.mark()
    seen = []
    for name, password in ("alice", "hunter2&<>"), ("carol", "hunter2&<>"):
        m = g.ask(submit(name, password, "/x?y"))
        check(m, PAGE)
        f = form_of(m)
        equal((f.inputs["user"].get("value"), f.inputs["password"].get("value"), f.to), (name, None, "/x?y"))
        true("hunter2" not in m.body.decode(), "the password is in the page")
        true(re.search(r"(?i)wrong|not right|do not (match|belong)|incorrect", f.words), f"it does not say that it was wrong: {f.words}")
        seen.append(m.body.replace(name.encode(), b"NAME"))
    strip = lambda b: re.sub(rb"request [0-9a-z]+", b"", b)
    equal(strip(seen[0]), strip(seen[1]), "the page for nobody and for a wrong password")
    first = form_of(g.ask(page("/x?y")))
    true(not re.search(r"(?i)wrong|incorrect", first.words), f"it says so at first: {first.words}")
    g.logged(r'failed log-in from 127\.0\.0\.1 as "alice" on site a\.example$', mark)
    g.logged(r'failed log-in from 127\.0\.0\.1 as "carol" on site a\.example$', mark)
    went(g.ask(submit("alice", to="/x?y")), "/x?y")
    for name, password in ("", ""), ("alice", ""), ("", "x"):
        check(g.ask(submit(name, password, "/x?y")), "HTTP/1.1 401\n!Set-Cookie")
    o.nothing()


@scenario("login/escaped")
def escaped(t):
    """What comes in the path, the name and the host is text on the page and nothing else."""
    o, g = form(t)
    evil = '"><script>alert(1)</script><x y="'
    m = g.ask(submit(evil, "x", "/"))
    check(m, PAGE)
    equal(form_of(m).inputs["user"].get("value"), evil)
    for target in "/x?" + urllib.parse.quote(evil), "/x?a='b'&amp;c=d", "/x/%22%3E%3Cscript%3E", "/x?a=1&lt;b":
        m = g.ask(page(target))
        check(m, PAGE)
        true(b"<script" not in m.body, f"{target}: {m.body}")
        equal(urllib.parse.unquote(form_of(m).to), urllib.parse.unquote(target), "where it goes on to")
    m = g.ask(page("/x?" + evil.replace(" ", "+")))
    true(m.status in (400, 401) and b"<script" not in m.body, f"{m!r}")


TRAPS = ["//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "https://evil.example/", "http:evil.example", "javascript:alert(1)", "evil.example", "/\t/evil.example", "/\n/evil.example",
         "\t//evil.example", " //evil.example", "/%0d%0aSet-Cookie:x", "/\r\nSet-Cookie: x=y", "/\r\n\r\n<script>", "/x\0y", "", "@evil.example", "/ /evil.example", "//", "/\u00e9", "/x y", "\u2028/x", "/\x7f", "?x", "./x", "../x", ".//evil.example",
         "/./\\evil.example", "data:text/html,x", "/.//evil.example", "/x/..//evil.example", "/%2e//evil.example"]


@scenario("login/no-open-redirect")
def traps(t):
    """Whatever stands in the form, a browser ends up on this site."""
    o, g = form(t)
    for to in [*TRAPS, None]:
        m = g.ask(submit(to=to))
        true(m.status in (303, 400), f"{to!r}: {m!r}")
        if m.status != 303:
            true(not set_cookie(m), f"{to!r}: {m!r}")
            continue
        equal(len(m.all("Set-Cookie")), 1, f"cookies for {to!r}")
        # as a browser resolves it (URL standard: tabs and line ends vanish, a backslash is a slash)
        location = re.sub(r"[\t\r\n]", "", m.get("Location").strip(" ")).replace("\\", "/")
        at = urllib.parse.urljoin(f"{wire.SCHEME}://a.example/.gateway/login", location)
        equal(urllib.parse.urlsplit(at)[:2], (wire.SCHEME, "a.example"), f"where {to!r} leads ({location})")
        true(not location.startswith("//"), f"{to!r} leads to {location}")
    # and a page that is asked for by such a path offers no such place
    for target in "//evil.example/", "/\\evil.example/", "/%5Cevil.example", "/x/..//evil.example", "/%2F/evil.example":
        m = g.ask(page(target))
        if m.status == 401:
            to = form_of(m).to
            true(re.fullmatch(r"/(?![/\\]).*|/", to), f"{target}: the form goes to {to!r}")


@scenario("login/only-from-here")
def only_from_here(t):
    """A page of another origin cannot log anybody in, right password or not; whoever is no browser can."""
    o, g = form(t)
    home = f"{wire.SCHEME}://a.example"
    other = "http" if wire.SCHEME == "https" else "https"
    foreign = [(origin("evil.example"),), ("Origin: null",), (f"Origin: {other}://a.example",), (f"Origin: {home}:81",), (f"Origin: {home}.evil.example",), ("Sec-Fetch-Site: cross-site",), ("Sec-Fetch-Site: same-site",),
               ("Sec-Fetch-Site: cross-site", f"Origin: {home}"), (f"Referer: {wire.SCHEME}://evil.example/a.example/",), (f"Referer: {wire.SCHEME}://a.example@evil.example/",), (origin("x.a.example"),), (f"Referer: {home}.evil.example/",),
               ("Sec-Fetch-Site: cross-site", f"Referer: {home}/")]
    for fields in foreign:
        m = g.ask(submit(sends=(*NAVIGATION, *fields)))
        true(m.status in (401, 403) and not m.all("Set-Cookie"), f"{fields}: {m!r}")
    for fields in [("Sec-Fetch-Site: same-origin", f"Origin: {home}"), (f"Origin: {home}",), (f"Referer: {home}/x",), ("Sec-Fetch-Site: none",), (), ("Sec-Fetch-Site: same-origin",), (f"Origin: {wire.SCHEME}://A.EXAMPLE",)]:
        went(g.ask(submit(sends=(*NAVIGATION, *fields))), "/")
    true(not any("failed log-in" in line for line in g.err.lines), "a foreign page makes failures for its visitors")


@scenario("login/behind-a-proxy", plain="about what comes in clear")
def proxied(t):
    """Behind a trusted proxy the page's origin is the public one; another peer cannot say so."""
    o, g = form(t, top="trusted = 127.0.0.2")
    public = ("X-Forwarded-Proto: https", "X-Forwarded-Host: public.example", "X-Forwarded-For: 203.0.113.7", "Sec-Fetch-Mode: navigate")
    ask = lambda source, origin: g.ask(submit(to="/x", sends=(*public, origin)), source=source)
    m = ask("127.0.0.2", "Origin: https://public.example")
    check(m, "HTTP/1.1 303\nLocation: /x")
    true(set_cookie(m, "__Host-gateway-login-family"), f"{m!r}")
    for source, origin in ("127.0.0.3", "Origin: https://public.example"), ("127.0.0.2", "Origin: https://evil.example"), ("127.0.0.2", "Origin: http://public.example"), ("127.0.0.2", "Origin: http://a.example"):
        m = ask(source, origin)
        true(m.status in (401, 403) and not m.all("Set-Cookie"), f"{source} {origin}: {m!r}")


@scenario("login/other-port")
def other_port(t):
    """Behind another port than 80 the Origin says so, and Host too."""
    o, g = form(t)
    host = f"a.example:{g.place.port}"
    m = g.ask(submit(host=host, to="/x"))
    check(m, "HTTP/1.1 303\nLocation: ~/x|(<scheme>://" + re.escape(host) + "/x)")
    true(set_cookie(m), f"{m!r}")
    true(g.ask(submit(host=host, sends=(*NAVIGATION, origin("a.example:1")))).status in (401, 403), "another port is another origin")


@scenario("login/api")
def api(t):
    """Whoever does not look at pages gets a short 401 without one; a script's no dialog either. Credentials do for them."""
    o, g = form(t)
    for fields in [(), ("Accept: */*",), ("Accept: application/json",), ("Accept: application/json", "Sec-Fetch-Mode: cors"), ("Accept: text/html", "Sec-Fetch-Mode: cors"), ("Accept: text/html,*/*", "Sec-Fetch-Mode: no-cors"),
                   ("Accept: */*", "Sec-Fetch-Mode: same-origin"), ("Sec-Fetch-Mode: websocket",)]:
        m = g.ask(get("/api", *fields))
        check(m, "HTTP/1.1 401\n!Set-Cookie\nCache-Control: ~.*no-store.*")
        true(b"<form" not in m.body and b"<input" not in m.body and len(m.body) < 2048, f"{fields}: {m!r}")
        if any("Sec-Fetch-Mode" in f for f in fields):
            true(not any("basic" in v.lower() for v in m.all("WWW-Authenticate")), f"a script's request opens a dialog: {m!r}")
    for accept in "text/html", "text/html,application/xhtml+xml", "application/xml, text/html;q=0.9", "TEXT/HTML":
        check(g.ask(get("/x", f"Accept: {accept}")), PAGE)  # an older browser
    o.nothing()
    check(g.ask(get("/api", basic(), "Accept: application/json")), "HTTP/1.1 200")
    check(o.requests[0], "GET /api HTTP/1.1\n!Authorization")


@scenario("login/methods")
def methods(t):
    """HEAD gets the head of it; what was sent with POST goes nowhere, and the place to go on to is still this site's."""
    o, g = form(t)
    m = g.ask(page("/x", method="HEAD"))
    check(m, PAGE)
    m = g.ask(post(b"a=b", *NAVIGATION, target="/x?y"))
    check(m, PAGE)
    form_of(m)
    for method in "PUT", "DELETE", "OPTIONS":
        check(g.ask(page("/x", method=method)), "HTTP/1.1 401")
    o.nothing()


@scenario("login/path")
def login_path(t):
    """The form's own place: asked for with GET it is a page to log in or the way home, other methods are not for it; below it nothing is found."""
    o, g = form(t)
    m = g.ask(page("/.gateway/login"))
    true(m.status in (200, 401, 303), f"{m!r}")
    if m.status != 303:
        to = form_of(m).to
        true("/.gateway/login" not in to, f"it would go round in circles: {to}")
    for method in "PUT", "DELETE", "PATCH":
        true(g.ask(page("/.gateway/login", method=method)).status in (401, 405), method)
    for target in "/.gateway/", "/.gateway/x", "/.gateway", "/.gateway/login/", "/.gateway/login/x", "/.gateway/LOGIN", "/.gateway/login;x", "//.gateway/login", "/.gateway%2Flogin":
        m = g.ask(submit(target=target))
        true(m.status in (400, 401, 403, 404) and not m.all("Set-Cookie"), f"{target}: {m!r}")
    o.nothing()


@scenario("login/spellings-of-its-path")
def spellings(t):
    """A spelling that means the same place is the same place."""
    o, g = form(t)
    for target in "/.gateway/%6Cogin", "/x/../.gateway/login", "/./.gateway/login", f"{wire.SCHEME}://a.example/.gateway/login":
        m = g.ask(submit(target=target, to="/x"))
        true(m.status in (303, 401), f"{target}: {m!r}")
    went(g.ask(submit(target="/.gateway/login?x=y", to="/x")), "/x")
    o.nothing()


@scenario("login/bodies")
def bodies(t):
    """What is no form, or too much of one, is refused; it comes in pieces, chunked, or waits to be asked for."""
    o, g = form(t)
    good = b"user=alice&password=wonder+land&to=%2Fx"
    went(g.ask(submit(raw=good)), "/x")
    went(g.ask(submit(raw=b"&&to=/x&x=y&password=wonder%20land&user=%61lice&")), "/x")
    for raw in [b"", b"user=alice", b"password=wonder+land", b"user=alice&user=alice&password=wonder+land&to=/", b"user=alice&password=x&password=wonder+land", b"user=bob;password=builder:1", b"{\"user\":\"alice\"}", b"user=alice&password=wonder+land%00",
                b"user=alice%00&password=wonder+land", b"user=alice&password=wonder%2", b"\0" * 50, b"user=alice&password=" + b"w" * 900]:
        m = g.ask(submit(raw=raw))
        true(m.status in (400, 401) and not m.all("Set-Cookie"), f"{raw!r}: {m!r}")
    for size in 10000, 100000:
        c = g.client()
        try:
            c.send(submit(raw=good + b"&x=" + b"y" * (size - len(good) - 3)))
        except (BrokenPipeError, ConnectionResetError):
            pass
        m = c.final("POST")
        true(m.status in (400, 413) and not m.all("Set-Cookie"), f"{size} bytes: {m!r}")
        c.close()
    head = submit(raw=good).partition(b"\r\n\r\n")[0].decode()
    head = re.sub(r"\r\nContent-Length: \d+", "", head).replace("\r\n", "\n")
    c = g.client()
    for byte in submit(raw=good):
        c.send(bytes([byte]))
    went(c.final("POST"), "/x")
    c = g.client()
    c.send(http(head + "\nTransfer-Encoding: chunked\n\n") + b"5\r\n" + good[:5] + b"\r\n%x\r\n" % (len(good) - 5) + good[5:] + b"\r\n0\r\n\r\n")
    m = c.final("POST")
    if m.status != 411:
        went(m, "/x")
    c = g.client()
    c.send(http(head + f"\nContent-Length: {len(good)}\nExpect: 100-continue\n\n"))
    m = c.response()
    if m.status == 100:
        c.send(good)
        m = c.final("POST")
        went(m, "/x")
    other = re.sub(r"\nContent-Type: [^\n]*", "\nContent-Type: text/plain", head)
    m = g.ask(http(other + f"\nContent-Length: {len(good)}\n\n", good))
    true(m.status in (400, 401, 415) and not m.all("Set-Cookie"), f"text/plain: {m!r}")
    o.nothing()


@scenario("login/expect")
def expect(t):
    """Who asks before it sends the form is told to, or gets its answer at once (RFC 9110 10.1.1)."""
    o, g = form(t, top="head_timeout = 60s\nbody_timeout = 60s")
    good = b"user=alice&password=wonder+land&to=%2Fx"
    head, _, _ = submit(raw=good).partition(b"\r\n\r\n")
    asks = head + b"\r\nExpect: 100-continue\r\n\r\n"
    for value in b"100-continue", b"100-Continue":
        c = g.client()
        c.send(asks.replace(b"100-continue", value))
        check(c.response("POST"), "HTTP/1.1 100 Continue")
        for part in good[:5], good[5:]:
            c.send(part)
        went(c.final("POST"), "/x")
        check(c.ask(page("/y")), PAGE)  # the connection goes on
    # chunked, and in a head that comes byte by byte
    c = g.client()
    for byte in re.sub(rb"Content-Length: [0-9]+", b"Transfer-Encoding: chunked", asks):
        c.send(bytes([byte]))
    check(c.response("POST"), "HTTP/1.1 100 Continue")
    c.send(chunked(good))
    went(c.final("POST"), "/x")
    # it is there already, or there is none: one answer, whatever came before it
    went(g.ask(asks + good), "/x")
    for none in b"", b"Content-Length: 0\r\n":
        c = g.client()
        c.send(re.sub(rb"Content-Length: [0-9]+\r\n", none, asks))
        check(c.response("POST"), "HTTP/1.1 400\n!Set-Cookie")
    # HTTP/1.0 knows no interim answers
    c = g.client()
    c.send(asks.replace(b" HTTP/1.1", b" HTTP/1.0"))
    c.send(good)
    went(c.response("POST"), "/x")
    # what is refused is not asked for
    for data in asks.replace(b"urlencoded", b"other"), asks.replace(b"same-origin", b"cross-site"):
        c = g.client()
        c.send(data)
        m = c.response("POST")
        true(m.status in (400, 401, 403, 415), f"{m!r}")
    o.nothing()


@scenario("login/keep-alive")
def keep_alive(t):
    """Page, wrong, right, page: all on one connection; the form's body is not the next request."""
    o, g = form(t)
    c = g.client()
    check(c.ask(page("/x")), PAGE)
    check(c.ask(submit("alice", "GET / HTTP/1.1", "/x")), PAGE)
    m = c.ask(submit(to="/x"))
    went(m, "/x")
    cookie = f"Cookie: {name_of()}={set_cookie(m)[0]}"
    check(c.ask(page("/x", cookie)), "HTTP/1.1 200")
    c.send(submit(to="/y") + page("/y", cookie) + page("/z"))
    went(c.final("POST"), "/y")
    check(c.final(), "HTTP/1.1 200")
    check(c.final(), PAGE)
    equal([m.target for m in o.requests], ["/x", "/y"])


@scenario("login/breaks-off")
def breaks_off(t):
    """A form that ends in the middle is nobody's log-in; one that never goes on is given up."""
    o, g = form(t, top="body_timeout = 1s\nhead_timeout = 1s")
    data = submit()
    for cut in len(data) - 1, len(data) - 20, data.index(b"\r\n\r\n") + 4:
        c = g.client()
        c.send(data[:cut])
        c.close()
    c = g.client()
    c.send(data[:-1])
    rest = c.ends()
    true(b" 303 " not in rest and b"Set-Cookie" not in rest, f"{rest}")
    check(g.ask(page("/x")), PAGE)
    o.nothing()


@scenario("login/require")
def require(t):
    """Who has a session but may not come here is asked who may; who then logs in and may not either is told so, and gets no session for it."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\nlogin = form\n/ = {o.url}\n/alice/ = {o.url} require=alice\n")
    bob = enter(g, "bob", to="/")
    check(g.ask(page("/", bob)), "HTTP/1.1 200")
    check(g.ask(page("/alice/", bob)), PAGE)
    m = g.ask(submit("bob", to="/alice/"))
    check(m, PAGE)
    true("may not see this" in form_of(m).words, "it does not say why")
    check(g.ask(page("/alice/", enter(g, to="/alice/"))), "HTTP/1.1 200")
    equal([m.target for m in o.requests], ["/", "/alice/"])


@scenario("login/two-users")
def two_users(t):
    """Two [users] on one site: the form that came from a page logs in to what that page asks for."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\nlogin = form\n/ = {o.url}\n/work/ = {o.url} auth=work\n", people=users() + users("work", {"carl": "3", "alice": "at work"}))
    m = g.ask(submit("carl", "3", "/work/"))
    check(m, "HTTP/1.1 303")
    carl = set_cookie(m, name_of("work"))
    true(carl and not set_cookie(m, name_of("family")), f"{m!r}")
    check(g.ask(page("/work/", f"Cookie: {name_of('work')}={carl[0]}")), "HTTP/1.1 200")
    check(g.ask(submit("carl", "3", "/")), "HTTP/1.1 401\n!Set-Cookie")
    check(g.ask(submit("alice", PASSWORDS["alice"], "/work/")), "HTTP/1.1 401\n!Set-Cookie")
    true(set_cookie(g.ask(submit("alice", "at work", "/work/")), name_of("work")), "alice at work")


@scenario("login/networks")
def networks(t):
    """The form is no way round deny, and nobody is asked who need not be."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\nlogin = form\nopen_to = 127.0.0.2\ndeny = 127.0.0.3\n/ = {o.url}\n")
    check(g.ask(page("/"), source="127.0.0.2"), "HTTP/1.1 200")
    check(g.ask(page("/"), source="127.0.0.3"), "HTTP/1.1 403")
    m = g.ask(submit(), source="127.0.0.3")
    true(m.status == 403 or m.status == 303, f"{m!r}")
    if m.status == 303:
        check(g.ask(page("/", f"Cookie: {name_of()}={set_cookie(m)[0]}"), source="127.0.0.3"), "HTTP/1.1 403")


DENIED, ALLOWED = "127.0.0.66", "127.0.0.67"
SHUT = {
    "route": "[site a.example]\n/ = {o}\n/open/ = {o}\n/admin/ = {o} auth=family login=form allow=127.0.0.67\n",
    "route-by-deny": "[site a.example]\n/ = {o}\n/open/ = {o}\n/admin/ = {o} auth=family login=form deny=127.0.0.66\n",
    "site": "[site a.example]\nauth = family\nlogin = form\ndeny = 127.0.0.66\n/ = {o}\n/open/ = {o} auth=none\n/admin/ = {o}\n",
    "top": "[site a.example]\nauth = family\nlogin = form\n/ = {o}\n/open/ = {o} auth=none\n/admin/ = {o}\n",
}


def shut_out(t, kind):
    """From where nobody may use a password none can be tried, wherever the form goes on to: right and wrong ones get the same, and none counts."""
    o = t.origin()
    g = guarded(t, SHUT[kind].format(o=o.url), top="deny = 127.0.0.66" if kind == "top" else "")
    for to in "/", "/admin/", "/admin/x", "/open/", "/none", "/open/..%2fadmin/", "//", "", "/.gateway/login", "https://evil.example/", None:
        seen = []
        for name, password in ("alice", PASSWORDS["alice"]), ("alice", "wrong"), ("nobody", "wrong"):
            m = g.ask(submit(name, password, to), source=DENIED)
            true(m.status in (303, 403) and not m.all("Set-Cookie"), f"{name} with {password} to {to}: {m!r}")
            seen.append((m.status, m.get("Location")))
        equal(len(set(seen)), 1, f"different answers with to={to}: {seen}")
        if to != "/open/..%2fadmin/":  # where nobody may be
            check(g.ask(submit(to=to), source=ALLOWED), "HTTP/1.1 303")
    true(not any("log-in" in line for line in g.err.lines), "something counts as failed")
    true(set_cookie(g.ask(submit(to="/admin/"), source=ALLOWED)), "nobody may log in")
    o.nothing()


SCENARIOS.append(Entry("login/shut-out", lambda t: [shut_out_row(t, kind) for kind in SHUT], rows=list(SHUT)))


def shut_out_row(t, kind):
    with t.row(kind) as wanted:
        if wanted:
            shut_out(t, kind)


@scenario("login/limited")
def limited(t):
    """What limits the place that asks for a log-in limits its form and page, wherever they go on to; others are not held up."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\n/ = {o.url}\n/admin/ = {o.url} auth=family login=form limit=2/h burst=2\n")
    went(g.ask(submit(to="/admin/"), source="127.0.0.2"), "/admin/")
    check(g.ask(submit("alice", "wrong", "/"), source="127.0.0.2"), PAGE)
    for request in submit(to="/admin/"), submit(to="/"), submit("alice", "another", "/none"), page("/admin/"):
        check(g.ask(request, source="127.0.0.2"), "HTTP/1.1 429\nRetry-After: ~[0-9]+\n!Set-Cookie")
    check(g.ask(get("/"), source="127.0.0.2"), "HTTP/1.1 200")
    went(g.ask(submit(to="/admin/"), source="127.0.0.3"), "/admin/")


# --- out ---------------------------------------------------------------------------

def leave(*fields, sends=None, method="POST", host="a.example"):
    usual = (origin(host), "Sec-Fetch-Site: same-origin", *NAVIGATION) if sends is None else sends
    return post(b"", "Content-Type: application/x-www-form-urlencoded", *usual, *fields, target="/.gateway/logout", host=host)


@scenario("login/logout")
def logout(t):
    """The page asks first; then the cookie is taken back, on this device alone. Another site's page or image logs nobody out."""
    o, g = form(t)
    cookie = enter(g)
    m = g.ask(page("/.gateway/logout", cookie))
    check(m, "HTTP/1.1 200\nContent-Type: text/html; charset=utf-8\n!Set-Cookie\nCache-Control: ~.*no-store.*")
    f = Form(m.body)
    equal([(x["method"].lower(), x["action"]) for x in f.forms], [("post", "/.gateway/logout")])
    for fields in (origin("evil.example"),), ("Sec-Fetch-Site: cross-site",), ("Origin: null",):
        m = g.ask(leave(cookie, sends=(*NAVIGATION, *fields)))
        true(m.status in (401, 403) and not m.all("Set-Cookie"), f"{fields}: {m!r}")
    check(g.ask(page("/", cookie)), "HTTP/1.1 200")
    m = g.ask(leave(cookie))
    true(m.status in (200, 303), f"{m!r}")
    text, attributes = set_cookie(m)
    equal((text, attributes.get("Max-Age"), attributes.get("Path"), "Domain" in attributes), ("", "0", "/", False))
    equal("Secure" in attributes, wire.SCHEME == "https", "Secure (a browser keeps a __Host- cookie otherwise)")
    if m.status == 303:
        true(LOCAL.fullmatch(m.get("Location")), m.get("Location"))
    equal(len(o.requests), 1)
    # without a session: nothing to be done, and no harm
    true(g.ask(leave()).status in (200, 303, 401), "without a session")
    true(g.ask(page("/.gateway/logout")).status in (200, 303, 401), "without a session")
    for method in "PUT", "DELETE":
        true(g.ask(get("/.gateway/logout", cookie, method=method)).status in (401, 405), method)


@scenario("login/logout-of-many")
def logout_of_many(t):
    """However many [users] a site has, the answer is whole, and each cookie that it takes back is one that came."""
    o = t.origin()
    labels = [f"u{i:02}" + "x" * 29 for i in range(40)]
    routes = "".join(f"/{i}/ = {o.url} auth={label} login=form\n" for i, label in enumerate(labels))
    g = guarded(t, f"[site a.example]\n{routes}", people="".join(users(label, {"alice": "x"}) for label in labels))
    for some in [], labels[:1], labels[-1:], labels[18:22], labels[:20], labels:
        names = [name_of(label) for label in some]
        for value in "x", "x" * 60:
            field = "Cookie: " + "; ".join([f"{name}={value}" for name in names] + ["app=1"])
            if len(field) > (1200 if t.tiny else 3000):  # no head holds as much
                continue
            c = g.client()
            m = c.ask(leave(field))
            check(m, "HTTP/1.1 303\nLocation: ~/|<scheme>://a.example/")
            gone = [re.fullmatch(r"([^=; ]+)=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax(?:; Secure)?", v) for v in m.all("Set-Cookie")]
            true(all(gone), f"a field is broken: {m.all('Set-Cookie')}")
            gone = [x.group(1) for x in gone]
            equal((sorted(set(gone) - set(names)), len(set(gone))), ([], len(gone)), "cookies that did not come, and those that are taken back")
            true(len(gone) >= min(len(names), 8), f"only {len(gone)} of {len(names)} cookies are taken back")
            check(c.ask(get("/0/")), "HTTP/1.1 401")  # the connection goes on


@scenario("login/basic-sites-have-no-page")
def no_page(t):
    """Where the browser's dialog asks, the form's places are the server's."""
    o, g = behind(t)
    cookie = session(g)
    for target in "/.gateway/login", "/.gateway/logout":
        check(g.ask(get(target)), "HTTP/1.1 401\nWWW-Authenticate: ~Basic .*")
        check(g.ask(get(target, cookie)), "HTTP/1.1 200")
        equal(o.requests[-1].target, target)
    check(g.ask(submit()), "HTTP/1.1 401\n!Set-Cookie")


@scenario("login/form-below-basic")
def below(t):
    """login of a route: a form there, the dialog elsewhere; one session for both."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n/page/ = {o.url} login=form\n")
    check(g.ask(page("/")), "HTTP/1.1 401\nWWW-Authenticate: ~Basic .*")
    check(g.ask(page("/page/x")), PAGE)
    cookie = enter(g, to="/page/x")
    for target in "/", "/page/x":
        check(g.ask(page(target, cookie)), "HTTP/1.1 200")
