# SPDX-License-Identifier: MIT
"""Once in, stay in: the session's cookie, what ends it, what is none, and that no server sees it."""
import base64
import hmac
import os
import re
import stat
import struct
import subprocess
import time

import harness
import wire
from harness import scenario
from login import PASSWORDS, basic, behind, cheap, guarded, name_of, session, set_cookie, users, value
from s_auth import reloads
from wire import check, equal, get, ok, post, true

TWO = "[site a.example]\nauth = family\n/ = {o}\n[site b.example]\nauth = family\n/ = {o}\n"


def begun(g, request, name=None):
    """Value and attributes of the cookie that this request gets."""
    m = g.ask(request)
    check(m, "HTTP/1.1 200")
    found = set_cookie(m, name)
    true(found, f"no session began: {m!r}")
    return found


@scenario("session/attributes")
def attributes(t):
    """HttpOnly, Secure on TLS alone, SameSite=Lax, no domain, as long as `session` says."""
    o, g = behind(t)
    secure = wire.SCHEME == "https"
    wanted = {"Path": "/", "HttpOnly": None, "SameSite": "Lax", **({"Secure": None} if secure else {})}
    text, seen = begun(g, get("/deep/er", basic()))
    equal(seen, {**wanted, "Max-Age": str(30 * 86400)}, "attributes")
    true(re.fullmatch(r"[A-Za-z0-9_-]{20,250}", text), f"the value: {text}")
    true(b"alice" not in o.requests[0].raw, "the server is told")
    o, g = behind(t, "session = 2h")
    equal(begun(g, get("/", basic()))[1], {**wanted, "Max-Age": "7200"}, "attributes with session = 2h")


@scenario("session/attributes-of-proxied", plain="about what comes in clear")
def proxied(t):
    """Behind a trusted proxy that speaks TLS with the client it is the cookie of TLS; who is not trusted cannot ask for that."""
    o, g = behind(t, top="trusted = 127.0.0.2")
    text = []
    for source, proto, name, secure in ("127.0.0.2", "https", "__Host-gateway-login-family", True), ("127.0.0.2", "http", "gateway-login-family", False), ("127.0.0.3", "https", "gateway-login-family", False):
        m = g.ask(get("/", basic(), "X-Forwarded-For: 203.0.113.7", f"X-Forwarded-Proto: {proto}"), source=source)
        found = set_cookie(m, name)
        true(found, f"{source} {proto}: {m!r}")
        equal("Secure" in found[1], secure, f"Secure for {source}, {proto}")
        text.append(found[0])
    ask = lambda name, value, proto: g.ask(get("/", f"Cookie: {name}={value}", f"X-Forwarded-Proto: {proto}"), source="127.0.0.2").status
    equal(ask("__Host-gateway-login-family", text[0], "https"), 200)
    equal(ask("gateway-login-family", text[1], "http"), 200)
    equal(ask("gateway-login-family", text[0], "http"), 401, "the cookie of TLS, in clear")
    equal(ask("gateway-login-family", text[0], "https"), 401, "the cookie of TLS under the other name")
    equal(ask("__Host-gateway-login-family", text[1], "https"), 401, "the cookie of no TLS, over TLS")


@scenario("session/enough")
def enough(t):
    """With the cookie no Authorization is needed, from wherever; it is not given again with every answer."""
    o, g = behind(t)
    cookie = session(g)
    for source in "127.0.0.1", "127.0.0.2":
        for method in "GET", "HEAD", "DELETE", "OPTIONS":
            check(g.ask(get("/x", cookie, method=method), source=source), "HTTP/1.1 200\n!Set-Cookie\nCache-Control: ~.*private.*")
    check(g.ask(post(b"body", cookie)), "HTTP/1.1 200")
    true(all(not m.all("Cookie") and not m.all("Authorization") for m in o.requests), "the server saw it")
    g.logged(r'^127\.0\.0\.2 - alice \[[^]]*\] "HEAD /x')
    check(g.ask(get("/x")), "HTTP/1.1 401")


@scenario("session/beside-the-servers-own")
def beside(t):
    """The server's cookies, and its own Cache-Control, go down beside ours."""
    o, g = behind(t, answers=ok(b"x", "Set-Cookie: app=1; Path=/", "Cache-Control: max-age=60", "Set-Cookie: lang=de"))
    m = g.ask(get("/", basic()))
    equal([v for v in m.all("Set-Cookie") if not v.startswith(name_of())], ["app=1; Path=/", "lang=de"])
    true(set_cookie(m), "no session began")
    equal(m.all("Cache-Control"), ["max-age=60", "private"])


@scenario("session/restart")
def restart(t):
    """The key is in the state directory, for nobody else to read; so sessions outlive gateway."""
    o, g = behind(t)
    cookie = session(g)
    key = os.path.join(t.dir, "state", "session.key")
    equal((stat.S_IMODE(os.stat(key).st_mode), os.stat(key).st_size), (0o600, 32), "mode and size of the key")
    mark = g.mark()
    g.reload()
    check(g.ask(get("/", cookie)), "HTTP/1.1 200")
    g.stop()
    again = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n", listen=[g.place])
    check(again.ask(get("/", cookie)), "HTTP/1.1 200")
    again.stop()
    os.unlink(key)
    fresh = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n", listen=[g.place])
    check(fresh.ask(get("/", cookie)), "HTTP/1.1 401")
    true(os.path.exists(key), "no new key was made")


@scenario("session/bad-key", plain="about no connection")
def bad_key(t):
    """A key that was cut off is not run with: who could guess it?"""
    os.mkdir(os.path.join(t.dir, "state"))
    key = t.file("state/session.key", b"short")
    file = t.file("g.ini", f"[gateway]\nlisten = {t.tcp().text}\nstate = {t.dir}/state\n{users()}\n[site *]\nauth = family\n/ = reply:200\n")
    p = t.spawn([t.binary, "-c", file], stderr=harness.subprocess.PIPE)
    out = harness.Output(p.stderr)
    t.until(lambda: p.poll() is not None or any(harness.READY.search(line) for line in out.lines), "it ends or is ready")
    if p.poll() is None:
        with open(key, "rb") as f:
            equal(len(f.read()), 32, "bytes of the key that it runs with")
    else:
        out.thread.join(5)
        true("session.key" in "\n".join(out.lines), f"{out.lines}")


# --- the end of it -------------------------------------------------------------------

@scenario("session/password-changed")
def password_changed(t):
    """Another password, even another hash of the same one, ends the sessions of this user and of no other."""
    o = t.origin()
    site = f"[site a.example]\nauth = family\n/ = {o.url}\n"
    top = f"state = {t.dir}/state"
    g = guarded(t, site)
    alice, bob = session(g), session(g, "bob")
    g.reload(users(alice="another") + site, top)
    check(g.ask(get("/", alice)), "HTTP/1.1 401")
    check(g.ask(get("/", bob)), "HTTP/1.1 200")
    new = session(g, "alice", "another")
    g.reload(users().replace(cheap(PASSWORDS["bob"]), cheap(PASSWORDS["bob"], "other")) + site, top)
    for cookie, status in (alice, 200), (new, 401), (bob, 401):  # what was is again
        check(g.ask(get("/", cookie)), f"HTTP/1.1 {status}")
    g.reload("[users family]\nbob = " + cheap("x") + "\n" + site, top)
    check(g.ask(get("/", alice)), "HTTP/1.1 401")


@scenario("session/logout-by-command", slow=True)
def logout(t):
    """`gateway logout alice` ends alice's sessions, all of them, in the gateway that runs and in any later one; not bob's."""
    o, g = behind(t)
    g.deaths, g.before = True, {}
    alice, second, bob = session(g), session(g), session(g, "bob")
    with reloads(t, g):
        said = t.run("-c", g.file, "logout", "alice")
    true("alice" in said, said)
    check(g.ask(get("/", alice)), "HTTP/1.1 401")
    check(g.ask(get("/", second)), "HTTP/1.1 401")
    check(g.ask(get("/", bob)), "HTTP/1.1 200")
    new = session(g)
    check(g.ask(get("/", new)), "HTTP/1.1 200")
    equal(stat.S_IMODE(os.stat(os.path.join(t.dir, "state", "logouts")).st_mode), 0o600, "mode of the file of logouts")
    g.stop()
    again = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n", listen=[g.place])
    for cookie, status in (alice, 401), (second, 401), (bob, 200), (new, 200):
        check(again.ask(get("/", cookie)), f"HTTP/1.1 {status}")
    t.run("-c", g.file, "logout", "alice")
    again.reload()
    for cookie, status in (new, 401), (bob, 200):
        check(again.ask(get("/", cookie)), f"HTTP/1.1 {status}")


@scenario("session/logout-many-at-a-time", plain="about no connection")
def logout_many(t):
    """None of twenty log-outs at a time is lost, whoever they are of."""
    names = [f"user{i}" for i in range(19)]
    hashed = cheap("x")
    text = "[users family]\nalice = " + hashed + "\n" + "".join(f"{name} = {hashed}\n" for name in names)
    file = t.file("g.ini", f"[gateway]\nlisten = 127.0.0.1:8080\nstate = {t.dir}/state\n{text}\n[site *]\nauth = family\n/ = reply:200\n")
    for turn in 1, 2:
        running = [t.spawn([t.binary, "-c", file, "logout", name], stdout=harness.subprocess.DEVNULL) for name in ["alice", "alice", *names[1:]]]
        equal([p.wait(30) for p in running], [0] * len(running), "status")
        with open(os.path.join(t.dir, "state", "logouts")) as f:
            equal(sorted(f.read().split("\n")[:-1]), sorted([f"alice {2 * turn}", *(f"{name} {turn}" for name in names[1:])]), "who was logged out")


@scenario("session/logouts-at-once", slow=True, plain="about no connection")
def logouts_at_once(t):
    """A script that logs many out at a time: what is said to be done is done, for each; gateway begins with what is left."""
    names = [f"user{i}" for i in range(20)]
    place = t.tcp()
    file = t.file("g.ini", f"[gateway]\nlisten = {place.text}\nstate = {t.dir}/state\n{users(passwords={n: 'x' for n in names})}\n[site *]\nauth = family\n/ = reply:200\n")
    for times in 1, 2:
        processes = [subprocess.Popen([t.binary, "-c", file, "logout", name], cwd=t.dir, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for name in names]
        for name, p in zip(names, processes):
            said = p.communicate(timeout=wire.WAIT)[1]
            equal((p.returncode, said), (0, b""), f"logout {name}")
        with open(os.path.join(t.dir, "state", "logouts")) as f:
            equal(sorted(f.read().splitlines()), sorted(f"{name} {times}" for name in names), "STATE/logouts")
    # the same user, by several at once
    processes = [subprocess.Popen([t.binary, "-c", file, "logout", "user0"], cwd=t.dir, stdout=subprocess.DEVNULL) for _ in range(10)]
    equal([p.wait(wire.WAIT) for p in processes], [0] * 10, "exit codes")
    with open(os.path.join(t.dir, "state", "logouts")) as f:
        found = dict(line.rsplit(" ", 1) for line in f.read().splitlines())
    true(int(found["user0"]) > 2 and len(found) == 20, f"STATE/logouts: {found}")
    equal(sorted(n for n in os.listdir(os.path.join(t.dir, "state")) if n.endswith((".new", ".tmp"))), [], "files left over")
    equal(stat.S_IMODE(os.stat(os.path.join(t.dir, "state", "logouts")).st_mode), 0o600, "mode of the file of logouts")
    t.run("-c", file, "check")


@scenario("session/logout-mistakes", plain="about no connection")
def logout_mistakes(t):
    file = t.file("g.ini", f"[gateway]\nlisten = 127.0.0.1:8080\nstate = {t.dir}/state\n{users()}\n[site *]\nauth = family\n/ = reply:200\n")
    for args in ["logout", "carol"], ["logout"], ["logout", "alice", "bob"], ["logout", ""]:
        said = t.run("-c", file, *args, code=2)
        true(said, f"{args} says nothing")
    true("carol" in t.run("-c", file, "logout", "carol", code=2), "the name is not said")


# --- what is no session -----------------------------------------------------------------

@scenario("session/forged")
def forged(t):
    """Every byte of the cookie counts: changed, cut, lengthened, put together anew, it is worth nothing."""
    o, g = behind(t)
    cookie, bob = session(g), session(g, "bob")
    text, other = value(cookie), value(bob)
    before = len(o.requests)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    bad = [text[:i] + letters[(letters.index(text[i]) + 1 + i % 62) % 64] + text[i + 1:] for i in range(len(text))]
    bad += [text[:i] for i in range(len(text))] + [text[i:] for i in range(1, len(text))] + [text + x for x in ("A", "=", "==", "AA", "AAAA", ".", "%3D", text)]
    bad += [raw.hex(), base64.b64encode(raw).decode() + "!", text.swapcase(), text[:20] + other[20:], other[:len(other) // 2] + text[len(other) // 2:], "A" * len(text), "alice", "", "-", "A" * 1200]
    bad += [base64.urlsafe_b64encode(raw.replace(b"alice", b"bob\0\0")).decode().rstrip("="), base64.urlsafe_b64encode(raw.replace(b"alice", b"admin")).decode().rstrip("=")]
    c = g.client()
    for b in bad:
        if b == text:
            continue
        m = c.ask(get("/", f"Cookie: {name_of()}={b}"))
        true(m.status == 401, f"{b} for {text} got {m!r}")
        if m.lists("Connection", "close"):
            c.close()
            c = g.client()
    equal(len(o.requests), before, "requests at the origin")
    check(g.ask(get("/", cookie)), "HTTP/1.1 200")
    true(not any("log-in" in line for line in g.err.lines), "a cookie counts as a failed log-in")


@scenario("session/elsewhere")
def elsewhere(t):
    """It holds for the site, the [users] and the name of the cookie that it was made for."""
    o = t.origin()
    g = guarded(t, TWO.format(o=o.url) + f"[site c.example]\nauth = work\n/ = {o.url}\n/fam/ = {o.url} auth=family\n", people=users() + users("work"))
    a, b = session(g), session(g, host="b.example")
    for host, target, cookie, status in [("a.example", "/", a, 200), ("b.example", "/", b, 200), ("b.example", "/", a, 401), ("a.example", "/", b, 401), ("c.example", "/", a, 401), ("c.example", "/fam/", a, 401)]:
        check(g.ask(get(target, cookie, host=host)), f"HTTP/1.1 {status}")
    c = session(g, label="work", host="c.example")
    check(g.ask(get("/", c, host="c.example")), "HTTP/1.1 200")
    check(g.ask(get("/fam/", c, host="c.example")), "HTTP/1.1 401")
    check(g.ask(get("/", f"Cookie: {name_of('family')}={value(c)}", host="c.example")), "HTTP/1.1 401")
    check(g.ask(get("/fam/", f"Cookie: {name_of('family')}={value(c)}", host="c.example")), "HTTP/1.1 401")


@scenario("session/two-logins")
def two_logins(t):
    """A site may know two [users]: each has a session of its own, and both may be there."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n/work/ = {o.url} auth=work\n", people=users() + users("work", {"carl": "3"}))
    a, w = session(g), session(g, "carl", "3", label="work", target="/work/")
    check(g.ask(get("/work/", a)), "HTTP/1.1 401")
    check(g.ask(get("/", w)), "HTTP/1.1 401")
    both = f"{a}; {w.partition(' ')[2]}"
    for target in "/", "/work/":
        check(g.ask(get(target, both)), "HTTP/1.1 200")
        check(o.requests[-1], f"GET {target} HTTP/1.1\n!Cookie")


@scenario("session/other-scheme", plain="it brings TLS itself")
def other_scheme(t):
    """A cookie that went over the wire in clear is worth nothing over TLS, and the other way round, whatever it is called."""
    o = t.origin()
    clear, tls = t.tcp(), t.tcp()
    g = guarded(t, f"[site a.example]\nauth = family\ncert = {harness.CERTS.a.cert}\nkey = {harness.CERTS.a.key}\n/ = {o.url}\n", listen=[(clear, ""), (tls, "tls")])
    plain, secure = "gateway-login-family", "__Host-gateway-login-family"
    a = set_cookie(g.ask(get("/", basic()), place=clear), plain)
    b = set_cookie(g.ask(get("/", basic()), place=tls), secure)
    true(a and b and "Secure" not in a[1] and "Secure" in b[1], f"{a} {b}")
    for place, name, text, status in [(clear, plain, a, 200), (tls, secure, b, 200), (tls, plain, a, 401), (tls, secure, a, 401), (clear, secure, b, 401), (clear, plain, b, 401), (tls, plain, b, 401), (clear, secure, a, 401)]:
        equal(g.ask(get("/", f"Cookie: {name}={text[0]}"), place=place).status, status, f"{name} at {place.text}")


@scenario("session/many-of-the-name")
def many(t):
    """Somebody else's domain may have set a cookie of the same name: one good one among them is enough, and all go."""
    o, g = behind(t)
    cookie = session(g)
    pair, name = cookie.partition(" ")[2], name_of()
    for field in [f"Cookie: {name}=x; {pair}", f"Cookie: {pair}; {name}=x", f"Cookie: a=b; {name}=; {name}={'A' * 60}; {pair}; c=d", f'Cookie: {name}="{value(cookie)}"']:
        m = g.ask(get("/", field))
        check(m, "HTTP/1.1 200")
        true(not o.requests[-1].all("Cookie") or o.requests[-1].get("Cookie") == "a=b; c=d", f"{o.requests[-1]!r}")
    check(g.ask(get("/", f"Cookie: {name}=x", f"Cookie: a=b; {pair}")), "HTTP/1.1 200")
    true("gateway-login" not in o.requests[-1].raw.decode("latin-1"), f"{o.requests[-1]!r}")
    # so many bad ones that a good one behind them may stay unseen: then it is a 401, and nothing worse
    flood = "; ".join([f"{name}=x"] * 20)
    true(g.ask(get("/", f"Cookie: {flood}; {pair}")).status in (200, 401), "a flood")
    check(g.ask(get("/", cookie)), "HTTP/1.1 200")


# --- no server sees it ----------------------------------------------------------------

@scenario("session/hidden")
def hidden(t):
    """On every route of the site, also open ones, also when it is worth nothing, the cookie ends here; others go on byte for byte."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n/open/ = {o.url} auth=none\n/net/ = {o.url} open_to=127.0.0.1\n[site b.example]\n/ = {o.url}\n")
    good = session(g).partition(" ")[2]
    for ours in good, f"{name_of()}=x", "gateway-login-family=", "__Host-gateway-login-other=abc", "gateway-login-x=1":
        for target, host in ("/", "a.example"), ("/open/", "a.example"), ("/net/", "a.example"), ("/", "b.example"):
            for others in None, 'a=b; c="d e"; f=g=h==; =; i', "gateway=1; xgateway-login-family=2; Gateway-Login-family=3; gateway-logi=4":
                own = good if target == "/" and host == "a.example" and ours != good else ""
                pairs = "; ".join(x for x in (others, ours, own) if x)
                check(g.ask(get(target, f"Cookie: {pairs}", host=host)), "HTTP/1.1 200")
                equal(o.requests[-1].get("Cookie"), others, f"cookies that the server saw at {host}{target} of {pairs}")
    # in front, between, and in two fields
    for fields, wanted in [([f"Cookie: {good}; a=b"], ["a=b"]), ([f"Cookie: a=b; {good}; c=d"], ["a=b; c=d"]), (["Cookie: a=b", f"Cookie: {good}", "Cookie: c=d"], ["a=b", "c=d"]), ([f"Cookie: {good};a=b"], ["a=b"]), ([f"Cookie: a=b;{good}"], ["a=b"]),
                           ([f"cookie: a=b ; {good} ;c=d"], None)]:
        check(g.ask(get("/", *fields)), "HTTP/1.1 200")
        seen = o.requests[-1].all("Cookie")
        true("login" not in "".join(seen), f"{seen}")
        if wanted:
            equal(seen, wanted, f"cookies that the server saw of {fields}")
        else:
            equal([p.strip() for p in "".join(seen).split(";")], ["a=b", "c=d"])
    # nothing of ours in it: not a byte is another
    for text in "a=b", "a=b;c=d", " a=b;  c=d ;", "a=b; gateway-login", '$Version="1"; a="gateway-login-family=x"':
        check(g.ask(get("/open/", f"Cookie: {text}")), "HTTP/1.1 200")
        equal(o.requests[-1].get("Cookie"), text.strip(), "cookies that the server saw")


@scenario("session/when-cookie")
def when_cookie(t):
    """A route by cookie still sees what the client sent, and its protection holds."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n/ = reply:200 text=beta when=cookie:beta=1\n")
    check(g.ask(get("/", "Cookie: beta=1")), "HTTP/1.1 401")
    cookie = session(g)
    check(g.ask(get("/", cookie + "; beta=1")), "HTTP/1.1 200\n\nbeta")


# --- how long -----------------------------------------------------------------------

def kept_key(t):
    with open(os.path.join(t.dir, "state", "session.key"), "rb") as f:
        return f.read()


def made(t, since, name="alice", site="a.example", label="family"):
    """The cookie of a session that began then: what session.c says it is, made without it."""
    stored = re.search(rf"(?m)^{name} = (\S+)$", users()).group(1)
    when = struct.pack(">Q", since)
    parts = [b"session", b"\1" + when + bytes(8), site.encode(), name_of(label).encode(), name.encode(), stored.encode()]
    tag = hmac.new(kept_key(t), b"".join(struct.pack(">Q", len(p)) + p for p in parts), "sha256").digest()[:16]
    value = base64.urlsafe_b64encode(b"\1" + when + name.encode() + tag).rstrip(b"=").decode()
    return f"Cookie: {name_of(label)}={value}"


@scenario("session/lasts")
def lasts(t):
    """A session is over after its time, the shorter one of two where two are asked for; then the password is asked for again."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\nsession = 1h\n/ = {o.url}\n/short/ = {o.url} auth=family session=1m\n")
    for ago, long, short in (0, 200, 200), (30, 200, 200), (61, 200, 401), (3500, 200, 401), (3601, 401, 401), (10**9, 401, 401):
        cookie = made(t, int(time.time()) - ago)
        check(g.ask(get("/", cookie)), f"HTTP/1.1 {long}")
        check(g.ask(get("/short/", cookie)), f"HTTP/1.1 {short}")
        check(g.ask(get("/x/..%2Fshort/", cookie)), f"HTTP/1.1 {short}")
    check(g.ask(get("/", made(t, int(time.time())).replace("Cookie: ", "Cookie: x"))), "HTTP/1.1 401")
