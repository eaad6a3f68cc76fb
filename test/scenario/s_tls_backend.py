# SPDX-License-Identifier: MIT
"""TLS with servers: whom gateway believes, what it shows, sessions, broken handshakes, ends."""
import base64
import hashlib
import os
import re
import ssl
import subprocess
import threading

from harness import scenario, server_context
from s_tls import pattern, secure, shop, shows
from wire import WAIT, check, chunked, equal, get, http, ok, post, true


def speaks(c, **how):
    return server_context(c.cert, c.key, **how)


def behind(t, cert, route="", script=None, context=None, top="", answers=None, site="", place=None):
    """An origin with this certificate, and a plain listener in front of it."""
    o = t.origin(script, context=context or speaks(cert), answers=answers, place=place)
    g = t.gateway(f"[site *]\n{site}/ = {o.url} {route}\n", top=top)
    return o, g


# --- whom we believe ----------------------------------------------------------------------------

def believed(name, cert, route, top="", host="127.0.0.1"):
    @scenario(f"tls/verify-{name}")
    def run(t):
        c = cert(shop())
        o = t.origin(context=speaks(c))
        g = t.gateway(f"[site *]\n/ = https://{host}:{o.place.port} {route(shop(), c)}\n", top=top and top(shop()))
        check(g.ask(), "HTTP/1.1 200")
        check(g.ask(post(b"x")), "HTTP/1.1 200")
        check(o.requests[0], "GET / HTTP/1.1\nHost: a.example\nX-Forwarded-Proto: http")


def refused(name, cert, route, log, top="", host="127.0.0.1"):
    @scenario(f"tls/verify-{name}")
    def run(t):
        """502, told why in the log; and nothing of the request went there."""
        c = cert(shop())
        o = t.origin(context=speaks(c))
        g = t.gateway(f"[site *]\n/ = https://{host}:{o.place.port} {route(shop(), c)} max_fails=0\n", top=top and top(shop()))
        check(g.ask(post(b"secret")), "HTTP/1.1 502\n\n~502")
        g.logged(rf'"POST / HTTP/1.1" 502 .*"(?i:.*(?:{log}).*)" -$')
        equal(len(o.requests), 0)
        true(not any(link.raw for link in o.links), "bytes of the request went up")


def ca(s, c):
    return f"ca={s.ca.cert}"


believed("ca-address", lambda s: s.server, ca)
believed("ca-name", lambda s: s.server, ca, host="localhost")
believed("ca-in-gateway", lambda s: s.server, lambda s, c: "", top=lambda s: f"ca = {s.ca.cert}\nverify = ca")
believed("ca-rsa", lambda s: s.maker.cert("127.0.0.1", ["127.0.0.1"], issuer=s.ca, key="rsa"), ca)
believed("ca-p384", lambda s: s.maker.cert("127.0.0.1", ["127.0.0.1"], issuer=s.ca, key="p384"), ca)
believed("ca-for-servers", lambda s: s.maker.cert("127.0.0.1", ["127.0.0.1"], issuer=s.ca, usage="serverAuth"), ca)
believed("ca-of-its-own", lambda s: s.alone, lambda s, c: f"ca={c.cert}")
believed("name", lambda s: s.b, lambda s, c: f"{ca(s, c)} verify_name=b.example")
believed("off", lambda s: s.alone, lambda s, c: "verify=off")
believed("off-expired", lambda s: s.expired, lambda s, c: "verify=off")
believed("pin-hex", lambda s: s.alone, lambda s, c: f"verify=pin:sha256:{c.pin}")
believed("pin-base64", lambda s: s.alone, lambda s, c: "verify=pin:sha256:" + base64.b64encode(bytes.fromhex(c.pin)).decode())
believed("pin-expired-elsewhere", lambda s: s.maker.cert("x", ["x.example"], since=-9, days=-2), lambda s, c: f"verify=pin:sha256:{c.pin}")
believed("pin-rsa", lambda s: s.rsa, lambda s, c: f"verify=pin:sha256:{c.pin}")

refused("wrong-ca", lambda s: s.server, lambda s, c: f"ca={s.other_ca.cert}", "certificate|authority|trust|issuer")
refused("self-signed", lambda s: s.alone, ca, "certificate|authority|trust|issuer|self-signed")
refused("system-bundle", lambda s: s.server, lambda s, c: "", "certificate|authority|trust|issuer")
refused("wrong-address", lambda s: s.elsewhere, ca, "127\\.0\\.0\\.1|address|name")
refused("wrong-name", lambda s: s.elsewhere, ca, "name", host="localhost")
refused("wrong-verify-name", lambda s: s.server, lambda s, c: f"{ca(s, c)} verify_name=nobody.invalid", "name")
refused("address-as-name", lambda s: s.maker.cert("127.0.0.1", ["a.example"], issuer=s.ca), ca, "127\\.0\\.0\\.1|address|name")
refused("expired", lambda s: s.expired, ca, "expired|valid|time|date")
refused("not-yet", lambda s: s.future, ca, "not yet|valid|time|date")
refused("for-clients", lambda s: s.maker.cert("127.0.0.1", ["127.0.0.1"], issuer=s.ca, usage="clientAuth"), ca, "not for servers")
refused("pin-wrong", lambda s: s.server, lambda s, c: f"verify=pin:sha256:{s.alone.pin}", "pin|key")
refused("client-as-ca", lambda s: s.maker.cert("127.0.0.1", ["127.0.0.1"], issuer=s.alice), ca, "certificate|authority|trust|issuer")


@scenario("tls/verify-chain")
def chain(t):
    """A server that shows its chain is believed, one that does not is not."""
    s = shop()
    middle = s.maker.cert("Middle CA", issuer=s.ca, ca=True)
    leaf = s.maker.cert("127.0.0.1", ["127.0.0.1"], issuer=middle)
    whole = t.file("whole.pem", leaf.pem + middle.pem)
    a, b = t.origin(context=server_context(whole, leaf.key)), t.origin(context=speaks(leaf))
    g = t.gateway(f"[site *]\n/ = {a.url} ca={s.ca.cert}\n/b/ = {b.url} ca={s.ca.cert} max_fails=0\n")
    check(g.ask(), "HTTP/1.1 200")
    check(g.ask(get("/b/")), "HTTP/1.1 502")


@scenario("tls/verify-each-route")
def each_route(t):
    """One server, believed by one route's standard, not by another's: no link and no session of the one is the other's."""
    s = shop()
    o = t.origin(context=speaks(s.alone))
    g = t.gateway(f"[site *]\n/ = {o.url} verify=off\n/pin/ = {o.url} verify=pin:sha256:{s.alone.pin}\n/ca/ = {o.url} ca={s.ca.cert} max_fails=0\n/wrong/ = {o.url} verify=pin:sha256:{s.a.pin} max_fails=0\n")
    for _ in range(3):
        for target, status in ("/", 200), ("/ca/", 502), ("/pin/", 200), ("/wrong/", 502):
            check(g.ask(get(target)), f"HTTP/1.1 {status}")
    equal(len(o.requests), 6)


@scenario("tls/sni-to-servers")
def sni_to_servers(t):
    """The name that is asked for: the URL's host or verify_name; none when that is an address."""
    s, names = shop(), []
    context = speaks(s.server)
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    o = t.origin(context=context)
    g = t.gateway(f"[site *]\n/ = {o.url} ca={s.ca.cert}\n/n/ = https://localhost:{o.place.port} ca={s.ca.cert}\n/v/ = {o.url} ca={s.ca.cert} verify_name=B.example\n/o/ = https://localhost:{o.place.port} verify=off\n")
    for target in "/", "/n/", "/v/", "/o/":
        check(g.ask(get(target)), "HTTP/1.1 200")
    equal([n and n.lower() for n in names], [None, "localhost", "b.example", "localhost"])


@scenario("tls/pin-command")
def pin_command(t):
    """`gateway pin URL` prints what belongs behind the target."""
    s = shop()
    for c in s.alone, s.rsa:
        o = t.origin(context=speaks(c))
        said = t.run("pin", o.url)
        line = re.search(r"verify=pin:sha256:\S+", said)
        true(line, said)
        g = t.gateway(f"[site *]\n/ = {o.url} {line.group(0)}\n")
        check(g.ask(), "HTTP/1.1 200")
    plain, dead = t.origin(lambda link: (link.fill(), link.send(http("HTTP/1.1 400 Bad Request\n\n")))), t.dead()
    for url in dead.url.replace("http:", "https:"), plain.url.replace("http:", "https:"):
        true(len(t.run("pin", url, code=1).strip()) > 10, "nothing was said")
    t.run("pin", "nonsense", code=2)
    t.run("pin", code=2)
    t.run("pin", plain.url, code=2)


# --- what we show ----------------------------------------------------------------------------------

@scenario("tls/client-cert-to-servers")
def client_cert(t):
    """A server that wants a certificate gets ours, RSA or EC; without one, or with another's, it refuses."""
    s, seen = shop(), []

    def serve(link):
        link.sock.begin()
        seen.append(link.sock.tls.getpeercert())
        while (m := link.request()) is not None:
            link.send(ok())
    o = t.origin(serve, context=speaks(s.server, client_ca=s.ca.cert))
    mine = lambda c: f"client_cert={c.cert} client_key={c.key}"
    g = t.gateway(f"[site *]\n/ = {o.url} {mine(s.alice)}\n/rsa/ = {o.url} client_cert={s.alice_rsa.both} client_key={s.alice_rsa.both}\n/none/ = {o.url} max_fails=0\n/wrong/ = {o.url} {mine(s.mallory)} max_fails=0\n", top=f"ca = {s.ca.cert}")
    check(g.ask(), "HTTP/1.1 200")
    check(g.ask(get("/rsa/")), "HTTP/1.1 200")
    equal([dict(x[0] for x in c["subject"])["commonName"] for c in seen], ["alice", "alice rsa"])
    for target in "/none/", "/wrong/":
        check(g.ask(get(target)), "HTTP/1.1 502")
        g.logged(rf'"GET {target} HTTP/1.1" 502 .*(?i:certificate|handshake|alert|TLS)')
    # one who asks, but does not insist
    p = t.origin(context=speaks(s.server, client_ca=s.ca.cert, demand=False))
    g.reload(f"[site *]\n/ = {p.url} ca={s.ca.cert}\n")
    check(g.ask(), "HTTP/1.1 200")


# --- the time -------------------------------------------------------------------------------------------

CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

/* The clock of a router that has just started. */
int clock_gettime(clockid_t id, struct timespec *t)
{
	int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int result = real(id, t);

	if (id == CLOCK_REALTIME)
		t->tv_sec = 1000;
	return result;
}

time_t time(time_t *t)
{
	if (t)
		*t = 1000;
	return 1000;
}
"""


@scenario("tls/no-clock")
def no_clock(t):
    """A clock that stands before the build's day: certificates are checked for that day, with one line in the log."""
    s = shop()
    source, library = t.file("clock.c", CLOCK), f"{t.dir}/clock.so"
    equal(subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source, "-ldl"], stderr=subprocess.DEVNULL).returncode, 0, "the compiler's exit code")
    ca = s.maker.cert("Old CA", ca=True, since=-9000, days=9000)
    good = t.origin(context=speaks(s.maker.cert("127.0.0.1", ["127.0.0.1"], issuer=ca, since=-9000, days=9000)))
    old = t.origin(context=speaks(s.maker.cert("127.0.0.1", ["127.0.0.1"], issuer=ca, since=-9000, days=-4000)))
    g = t.gateway(f"[site *]\n/ = {good.url}\n/old/ = {old.url} max_fails=0\n", top=f"ca = {ca.cert}", before=["env", f"LD_PRELOAD={library}", "ASAN_OPTIONS=verify_asan_link_order=0"])
    for _ in range(3):
        check(g.ask(), "HTTP/1.1 200\n\nok")
    check(g.ask(get("/old/")), "HTTP/1.1 502")
    g.logged(r'"GET /old/ HTTP/1.1" 502 .*expired')
    equal(len([line for line in g.err.lines if "clock" in line.lower()]), 1, f"lines about the clock: {g.err.lines}")


# --- links and sessions ---------------------------------------------------------------------------------

@scenario("tls/links-and-sessions")
def links_and_sessions(t):
    """A link is used again; a new one resumes the session of the one before."""
    s, reused = shop(), []

    def serve(link):
        link.sock.begin()
        reused.append(link.sock.tls.session_reused)
        while (m := link.request()) is not None:
            if m.target == "/last":
                link.send(ok(b"ok", "Connection: close"))
                link.ends()
                return
            link.send(ok())
    o, g = behind(t, s.server, f"ca={s.ca.cert}", serve)
    c = g.client()
    for _ in range(4):
        check(c.ask(get()), "HTTP/1.1 200")
    equal(len(o.links), 1)
    for i in range(3):
        check(c.ask(get("/last")), "HTTP/1.1 200")
        o.wait(i + 1, "links")
    check(c.ask(post(b"x")), "HTTP/1.1 200")
    equal(reused, [False, True, True, True], "resumed")
    g.logged(r'"POST / HTTP/1.1" 200 ')


@scenario("tls/session-forgotten")
def session_forgotten(t):
    """A server that forgets its sessions, or comes back with another key, is no trouble."""
    s = shop()
    o = t.origin(context=speaks(s.server), answers=ok(b"one", "Connection: close"))
    g = t.gateway(f"[site *]\n/ = {o.url} ca={s.ca.cert}\n")
    for _ in range(2):
        check(g.ask(), "HTTP/1.1 200\n\none")
    for c in s.server, s.maker.cert("127.0.0.1", ["127.0.0.1"], issuer=s.ca, key="rsa"):
        o.context = speaks(c)
        for _ in range(2):
            check(g.ask(post(b"x")), "HTTP/1.1 200\n\none")
    # and one that is somebody else now is not believed by way of an old session
    o.context = speaks(s.alone)
    check(g.ask(), "HTTP/1.1 502")


@scenario("tls/large-from-servers", slow=True)
def large(t):
    """Lengths, chunks and an end by close_notify: 4 MB each, the clients plain and TLS."""
    s = shop()
    size = (64 << 10) if t.tiny else (4 << 20)
    data = pattern(size)

    def serve(link):
        while (m := link.request()) is not None:
            if m.target == "/chunked":
                link.send(http("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n") + chunked(*(data[i:i + 50000] for i in range(0, size, 50000))))
            elif m.target == "/end":
                link.send(http("HTTP/1.0 200 OK\n\n") + data)
                return
            else:
                link.send(ok(data))
    o, g = behind(t, s.server, f"ca={s.ca.cert}", serve)
    c = g.client()
    for target in "/length", "/chunked", "/end", "/length":
        equal(hashlib.sha256(c.ask(get(target)).body).digest(), hashlib.sha256(data).digest(), f"digest of {target}")


# --- ends --------------------------------------------------------------------------------------------------

@scenario("tls/truncated-by-server")
def truncated(t):
    """A body that ends with the connection is whole when the server said close_notify, and broken when not."""
    s = shop()

    def serve(link):
        m = link.request()
        link.send(http("HTTP/1.1 200 OK\n\n"))
        link.send(b"some body")
        true(go[m.target].wait(WAIT), "the client saw nothing")
        link.close() if m.target.startswith("/whole") else link.reset() if m.target.startswith("/reset") else link.sock.cut()
    o, g = behind(t, s.server, f"ca={s.ca.cert}", serve)
    targets = ["/whole", "/cut", "/reset"]
    go = {target + v: threading.Event() for target in targets for v in ("1", "0")}
    for target in targets:
        # to HTTP/1.1 in chunks: a last chunk or none
        c = g.client()
        c.send(get(target + "1"))
        check(c.head(), "HTTP/1.1 200\nTransfer-Encoding: chunked")
        seen = b""
        while len(seen) < 9:
            seen += c.chunk()
        equal(seen, b"some body")
        go[target + "1"].set()
        if target == "/whole":
            equal(c.chunk(), b"")
        else:
            equal(c.ends(), b"", f"bytes after {target}")
            g.logged(rf'"GET {target}1 HTTP/1.1" 200 9 .*"[^"-][^"]*" -$')
        # to HTTP/1.0: an end or a reset
        c = g.client()
        c.send(get(target + "0", version="1.0"))
        check(c.head(), "HTTP/1.1 200")
        c.expect(b"some body")
        go[target + "0"].set()
        try:
            equal(c.sock.recv(100), b"")
            true(target == "/whole", f"an end in good order after {target}")
        except ConnectionResetError:
            true(target != "/whole", "a reset")


@scenario("tls/cut-behind-a-whole-body")
def cut_whole(t):
    """A server that goes without close_notify after a body with a length has said all: many do so."""
    s = shop()

    def serve(link):
        m = link.request()
        link.send(ok(b"all of it", "Connection: close") if m.target == "/" else http("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n") + chunked(b"all of it"))
        link.sock.cut()
    o, g = behind(t, s.server, f"ca={s.ca.cert}", serve)
    c = g.client()
    for target in "/", "/chunked", "/":
        check(c.ask(get(target)), "HTTP/1.1 200\n\nall of it")


@scenario("tls/idle-links-end")
def idle_links(t):
    """A server that ends an idle link, with or without close_notify: the next request, even a POST, gets a new one."""
    s = shop()
    end = threading.Semaphore(0)

    def serve(link):
        link.answer(ok())
        end.acquire(timeout=WAIT)
        link.close() if len(o.links) % 2 else link.sock.cut()
        ended.release()
    ended = threading.Semaphore(0)
    o, g = behind(t, s.server, f"ca={s.ca.cert}", serve)
    for _ in range(4):
        check(g.ask(post(b"x")), "HTTP/1.1 200")
        end.release()
        true(ended.acquire(timeout=WAIT), "the link did not end")


@scenario("tls/we-say-close-notify")
def we_notify(t):
    """gateway ends its links in good order, too."""
    s, notified = shop(), []

    def serve(link):
        link.answer(ok(b"ok", "Connection: close"))
        link.ends()
        notified.append(link.sock.notified)
        over.set()
    over = threading.Event()
    o, g = behind(t, s.server, f"ca={s.ca.cert}", serve)
    check(g.ask(), "HTTP/1.1 200")
    true(over.wait(WAIT), "the link was kept")
    equal(notified, [True])


# --- servers that are not there ---------------------------------------------------------------------------------

@scenario("tls/server-down")
def down(t):
    dead = t.dead()
    g = t.gateway(f"[site *]\n/ = https://{dead.text} verify=off max_fails=0\n")
    check(g.ask(), "HTTP/1.1 502\n\n~502")
    g.logged(r'" 502 .*refused')


@scenario("tls/server-speaks-plain")
def speaks_plain(t):
    """Plain HTTP behind https:// is told as that, or as a failed handshake; the server sees no request."""
    o = t.origin(lambda link: (link.fill(), link.send(http("HTTP/1.1 400 Bad Request\nContent-Length: 0\n\n")), link.ends()))
    g = t.gateway(f"[site *]\n/ = https://{o.text} verify=off max_fails=0\n")
    check(g.ask(), "HTTP/1.1 502\n\n~502")
    g.logged(r'" 502 .*"(?i:.*(TLS|plain|handshake|record).*)" -$')
    true(not any(b"Host" in link.raw for link in o.links), "the request went there in clear")


@scenario("tls/server-of-1.3-only")
def only_13(t):
    s = shop()
    context = speaks(s.server)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    o, g = behind(t, s.server, f"ca={s.ca.cert} max_fails=0", context=context)
    check(g.ask(), "HTTP/1.1 502\n\n~502")
    g.logged(r'" 502 .*"(?i:.*(version|TLS|handshake|alert).*)" -$')


@scenario("tls/server-stalls")
def stalls(t):
    """A handshake has connect_timeout, together with the connecting."""
    def serve(link):
        if link is not o.links[0] or not first:
            link.clear.until(b"\x16\x03")
        link.clear.ends()
        over.release()
    first, over = True, threading.Semaphore(0)
    s = shop()
    o = t.origin(serve, context=speaks(s.server))
    g = t.gateway(f"[site *]\n/ = {o.url} ca={s.ca.cert} connect_timeout=400ms max_fails=0\n")
    check(g.ask(), "HTTP/1.1 504\n\n~504")
    true(over.acquire(timeout=WAIT), "the link was kept")
    check(g.ask(post(b"x")), "HTTP/1.1 504")
    true(over.acquire(timeout=WAIT), "the link was kept")


@scenario("tls/next-server")
def next_server(t):
    """Two servers of which one cannot be spoken with: every request is served, a POST too, as nothing of it had gone up."""
    s = shop()
    bad = {
        "certificate": t.origin(context=speaks(s.alone)),
        "cut": t.origin(lambda link: link.reset(), context=speaks(s.server)),
        "down": t.dead(),
        "plain": t.origin(lambda link: (link.fill(), link.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")), ),
        "stalls": t.origin(lambda link: link.clear.ends(), context=speaks(s.server)),
    }
    good = t.origin(context=speaks(s.server), answers=ok(b"good"))
    g = t.gateway("[site *]\n/ = reply:404\n" + "".join(f"/{name}/ = https://{o.text}\n  {good.url} ca={s.ca.cert} connect_timeout=400ms\n" for name, o in bad.items()))
    for name in bad:
        for _ in range(2):
            check(g.ask(post(b"once", target=f"/{name}/")), "HTTP/1.1 200\n\ngood")
    equal([m.body for m in good.requests], [b"once"] * 2 * len(bad))
    true(not any(b"once" in link.raw for o in bad.values() for link in o.links), "the body went to a server that is not believed")


@scenario("tls/many-links")
def many_links(t):
    """More servers' handshakes at a time than there are places for them: all requests are answered."""
    s = shop()
    o, g = behind(t, s.server, f"ca={s.ca.cert}", top="requests = 8" if t.tiny else "requests = 60\nhandshakes = 4", answers=ok(b"ok", "Connection: close"))
    clients = [g.client() for _ in range(8 if t.tiny else 40)]
    for c in clients:
        c.send(get())
    for c in clients:
        check(c.final(), "HTTP/1.1 200")


# --- PROXY and Unix sockets ---------------------------------------------------------------------------------------

@scenario("tls/proxy-out")
def proxy_out(t):
    """The PROXY header goes up in clear, before the handshake."""
    s, lines = shop(), []

    def serve(link):
        lines.append(link.clear.until(b"\r\n"))
        link.answer(ok())
        link.ends()
    o, g = behind(t, s.server, f"ca={s.ca.cert} proxy=v1", serve)
    c = g.client()
    check(c.ask(get()), "HTTP/1.1 200")
    equal(lines, [b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (c.sock.getsockname()[1], g.place.port)])


@scenario("tls/both-sides-upgrade")
def upgrade(t):
    """A tunnel between two TLS connections: bytes both ways, an end both ways."""
    from s_tunnel import SWITCHED, UPGRADE, echo
    s = shop()
    o = t.origin(echo, context=speaks(s.server))
    g = secure(t, f"[site *]\n{shows(s.server)}ca = {s.ca.cert}\n/ = {o.url}\n")
    c = g.client()
    c.send(get("/ws", *UPGRADE))
    check(c.response(), SWITCHED)
    for size in 1, 100, 20000, 1:
        data = pattern(size)
        c.send(data).expect(data)
    size = (64 << 10) if t.tiny else (4 << 20)
    data = pattern(size)
    sender = threading.Thread(target=lambda: c.send(data))
    sender.start()
    true(c.exactly(size) == data, "the echo differs")
    sender.join()
    c.sock.notify()
    c.eof()
    true(c.sock.notified, "no close_notify")
