# SPDX-License-Identifier: MIT
"""TLS with clients: names and certificates, versions and suites, sessions, records of every cut, ends, limits, client certificates."""
import contextlib
import hashlib
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import harness
from harness import descriptors, scenario
from s_peers import node, program, talk
from s_time import HOURS, serve_slow
from secure import ALERT, Secure, client_context
from wire import WAIT, Client, Wrong, check, chunked, equal, get, http, ok, post, true

SUITES = [f"ECDHE-{kind}-{cipher}" for kind in ("ECDSA", "RSA") for cipher in ("CHACHA20-POLY1305", "AES128-GCM-SHA256", "AES256-GCM-SHA384")]
PROTOCOL_VERSION, HANDSHAKE_FAILURE, NO_RENEGOTIATION, UNRECOGNIZED_NAME = 70, 40, 100, 112


def shop():
    return harness.CERTS


def shows(*certs):
    """Lines of a configuration."""
    return "".join(f"cert = {c.cert}\nkey = {c.key}\n" for c in certs)


def secure(t, config, top="", words="tls", **how):
    return t.gateway(config, top=top, listen=[(t.tcp(), words)], **how)


def usual(t, script=None, top="", answers=None, **how):
    """One origin (plain), one gateway with TLS that answers to every name."""
    o = t.origin(script, answers=answers)
    return o, secure(t, f"[site *]\n{shows(shop().server)}/ = {o.url}\n", top, **how)


def hello(g, name=None, *, context=None, session=None, place=None, shake=True):
    """A client that has shaken hands, asking for this name."""
    c = Client(Secure((place or g.place).dial(), context or client_context(shop().ca.cert), name=name, session=session))
    g.clients.append(c)
    if shake:
        true(c.sock.begin(), "the connection ended during the handshake")
    return c


def refused(g, name=None, **how):
    """The alert with which a handshake is refused."""
    c = hello(g, name, shake=False, **how)
    try:
        open = c.sock.begin()
    except ssl.SSLError:
        open = False
    true(not open, "it was not refused")
    true(c.sock.alerts, "it was refused without an alert")
    level, what = c.sock.alerts[-1]
    equal(level, 2, "the alert's level")
    c.close()
    return what


def shown(c):
    """The certificate that the client saw."""
    return ssl.DER_cert_to_PEM_cert(c.sock.tls.getpeercert(True)).encode()


def taken_in(t, c):
    """Everything sent on this connection has been read by gateway."""
    port = "%04X" % c.sock.getsockname()[1]

    def empty():
        with open("/proc/net/tcp") as f:
            rows = [line.split() for line in f]
        row = next((r for r in rows if r[2].endswith(":" + port)), None)
        return row is None or row[4].endswith(":00000000")
    t.until(empty, "gateway reads")


# --- names and certificates ---------------------------------------------------------------

@scenario("tls/sni")
def sni(t):
    """The certificate and the site go by the name; without a name, or with one that nobody has, it is [site *]."""
    s = shop()
    g = secure(t, f"""[site a.example]
{shows(s.a)}/ = reply:200 text=a
[site two]
host = b.example, c.example
{shows(s.b)}/ = reply:200 text=two
[site w]
host = *.wild.example
{shows(s.wild)}/ = reply:200 text=wild
[site *]
{shows(s.star)}/ = reply:200 text=star
""")
    for name, cert, text in [("a.example", s.a, "a"), ("A.Example", s.a, "a"), ("b.example", s.b, "two"), ("c.example", s.b, "two"), ("x.wild.example", s.wild, "wild"),
                             ("y.x.wild.example", s.wild, "wild"), ("wild.example", s.star, "star"), ("unknown.example", s.star, "star")]:
        c = hello(g, name)
        equal(shown(c), cert.pem, f"certificate for {name}")
        check(c.ask(get(host=name)), f"HTTP/1.1 200\n\n{text}")
    c = hello(g)
    equal(shown(c), s.star.pem, "certificate without a name")
    check(c.ask(get(host="unknown.example")), "HTTP/1.1 200\n\nstar")


@scenario("tls/sni-unknown")
def sni_unknown(t):
    """Without [site *] an unknown name is refused; who asks for none gets the first certificate."""
    s = shop()
    g = secure(t, f"[site a.example]\n{shows(s.a)}/ = reply:200 text=a\n[site b.example]\n{shows(s.b)}/ = reply:200 text=b\n")
    for name in "unknown.example", "x.a.example", "example":
        equal(refused(g, name), UNRECOGNIZED_NAME, f"alert for {name}")
    equal(shown(hello(g)), s.a.pem, "certificate without a name")
    c = hello(g, "b.example")
    equal(shown(c), s.b.pem)
    check(c.ask(get(host="b.example")), "HTTP/1.1 200\n\nb")


@scenario("tls/rsa-and-ec")
def rsa_and_ec(t):
    """Two certificates for one site: the one whose signature the client can check."""
    s = shop()
    g = secure(t, f"[site a.example]\ncert = {s.rsa.cert} {s.a.cert}\nkey = {s.a.key} {s.rsa.key}\n/ = reply:200\n")
    for suites, cert in ("ECDHE-RSA-AES128-GCM-SHA256", s.rsa), ("ECDHE-ECDSA-AES128-GCM-SHA256", s.a), ("ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305", s.a):
        c = hello(g, "a.example", context=client_context(s.ca.cert, suites=suites + ":@SECLEVEL=0", most=ssl.TLSVersion.TLSv1_2))
        equal(shown(c), cert.pem, f"certificate with {suites}")
        check(c.ask(get()), "HTTP/1.1 200")


@scenario("tls/for-all")
def for_all(t):
    """A certificate in [gateway] is every site's that has none of its own."""
    s = shop()
    g = secure(t, f"[site a.example]\n/ = reply:200 text=a\n[site b.example]\n{shows(s.b)}/ = reply:200 text=b\n[site *]\n/ = reply:200 text=star\n", shows(s.server))
    equal(shown(hello(g, "a.example")), s.server.pem)
    equal(shown(hello(g, "b.example")), s.b.pem)
    equal(shown(hello(g, "c.example")), s.server.pem)


@scenario("tls/p384")
def p384(t):
    s = shop()
    g = secure(t, f"[site a.example]\n{shows(s.p384)}/ = reply:200\n")
    c = hello(g, "a.example")
    equal(shown(c), s.p384.pem)
    check(c.ask(get()), "HTTP/1.1 200")


@scenario("tls/misdirected")
def misdirected(t):
    """A request for another site than the handshake was for: 421, whatever that site is; the next one is served."""
    s = shop()
    o = t.origin()
    g = secure(t, f"[site a.example]\nhost = a.example, c.example\n/ = {o.url}\n[site b.example]\n/ = {o.url}\n[site *]\n/ = {o.url}\n", shows(s.server))
    c = hello(g, "a.example")
    for host, status in ("a.example", 200), ("c.example", 200), ("b.example", 421), ("unknown.example", 421), ("a.example", 200):
        check(c.ask(get(host=host)), f"HTTP/1.1 {status}")
    check(c.ask(get("http://b.example/", host="a.example")), "HTTP/1.1 421")
    check(c.ask(get("https://a.example/", host="b.example")), "HTTP/1.1 200")
    c = hello(g, "unknown.example")
    check(c.ask(get(host="other.example")), "HTTP/1.1 200")
    check(c.ask(get(host="a.example")), "HTTP/1.1 421")
    # who named nobody may ask for anybody
    c = hello(g)
    for host in "a.example", "b.example", "unknown.example":
        check(c.ask(get(host=host)), "HTTP/1.1 200")
    equal(len(o.requests), 8, "requests at the origin")
    g.logged(r'" 421 .*"the TLS handshake was for another site"')


@scenario("tls/plain-http")
def plain_http(t):
    """Plain HTTP on the port gets an answer that people can read, and nothing of it goes to a server."""
    o, g = usual(t)
    for data in get(host="a.example"), get("/x/y?z", host="localhost:1"), post(b"x" * 100), get(version="1.0"):
        c = Client(g.place.dial())
        c.send(data)
        check(c.final("GET"), "HTTP/1.1 400\nConnection: close\n\n~this is an HTTPS port")
        c.eof()
        c.close()
    c = Client(g.place.dial())
    for byte in get():
        c.send(bytes([byte]))
    check(c.final(), "HTTP/1.1 400\nConnection: close\n\n~this is an HTTPS port")
    c.close()
    g.logged('" 400 .*plain HTTP on an HTTPS port')
    check(hello(g).ask(get()), "HTTP/1.1 200")
    equal(len(o.requests), 1)


@scenario("tls/nonsense")
def nonsense(t):
    """Bytes that are neither TLS nor HTTP end the connection, and nothing else."""
    o, g = usual(t, top="handshake_timeout = 1s\nhead_timeout = 1s\nidle_timeout = 1s")
    for data in [b"\0" * 50, b"\x16\x03\x01\xff\xff" + b"\x01" * 70000, b"\x16\x03\x01\0\x05\x01\0\0\x01\0", b"\x16\x03\x01\0\0" * 100, b"\x15\x03\x01\0\x02\x02\x28", b"\x17\x03\x03\0\x01x",
                 b"\x80\x2e\x01\x00\x02" + b"\0" * 50, b"SSH-2.0-OpenSSH_9.2\r\n", b"\xff" * 100, b"\x16"]:
        n = Client(g.place.dial())
        with contextlib.suppress(OSError):
            n.send(data)
        n.ends()
        n.close()
        g.alive()
    check(hello(g).ask(get()), "HTTP/1.1 200")
    equal(len(o.requests), 1)


# --- versions, suites, curves ----------------------------------------------------------------

@scenario("tls/versions")
def versions(t):
    """TLS 1.2 it is; others are refused by name."""
    o, g = usual(t)
    v = ssl.TLSVersion
    equal(hello(g).sock.tls.version(), "TLSv1.2")
    # one that has 1.3 alone calls itself 1.2, with suites that nobody knows (RFC 8446 4.1.2)
    for least, most, alert in (v.TLSv1, v.TLSv1, PROTOCOL_VERSION), (v.TLSv1, v.TLSv1_1, PROTOCOL_VERSION), (v.TLSv1_3, v.TLSv1_3, HANDSHAKE_FAILURE):
        equal(refused(g, context=client_context(least=least, most=most)), alert, f"alert for {least.name} to {most.name}")
    check(hello(g).ask(get()), "HTTP/1.1 200")


@scenario("tls/suites")
def suites(t):
    """Each of the six suites works, in the order that gateway has; nothing else does."""
    s = shop()
    o = t.origin()
    g = secure(t, f"[site *]\ncert = {s.rsa.cert} {s.a.cert}\nkey = {s.a.key} {s.rsa.key}\n/ = {o.url}\n")

    def offer(names):
        return client_context(s.ca.cert, suites=":".join(names) + ":@SECLEVEL=0", most=ssl.TLSVersion.TLSv1_2)
    for suite in SUITES:
        c = hello(g, context=offer([suite]))
        equal(c.sock.tls.cipher()[0], suite)
        check(c.ask(post(b"x" * 20000)), "HTTP/1.1 200")
    left, order = list(SUITES), []
    while left:
        picked = {hello(g, context=offer(names)).sock.tls.cipher()[0] for names in (left, left[::-1])}
        equal(len(picked), 1, f"picks of {left} in two orders: {picked}")
        order.append(picked.pop())
        left.remove(order[-1])
    true(all("ECDSA" in s for s in order[:3]) or order[0].startswith("ECDHE-ECDSA"), f"order {order}")
    first = [s.partition("SA-")[2] for s in order]
    with open("/proc/cpuinfo") as f:
        fast = re.search(r"(?m)^(flags|Features)\s*:.*\baes\b", f.read())
    true(("AES128" if fast else "CHACHA20") in first[0], f"first is {first[0]}, AES instructions: {bool(fast)}")
    for names in ["AES128-SHA", "AES128-GCM-SHA256"], ["ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA"], ["DHE-RSA-AES128-GCM-SHA256"], ["ECDHE-RSA-AES256-SHA384"]:
        equal(refused(g, context=offer(names)), HANDSHAKE_FAILURE, f"alert for {names}")


def s_client(t, g, *args, input=b"", code=None):
    p = subprocess.run([program("openssl"), "s_client", "-connect", g.place.text, "-CAfile", shop().ca.cert, *args], input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=t.dir, timeout=WAIT)
    if code is not None:
        equal(p.returncode, code, f"exit code of s_client {args} ({p.stdout.decode()[-500:]})")
    return p.stdout.decode("latin-1")


@scenario("tls/curves")
def curves(t):
    """X25519 first, whatever the client puts first; the NIST curves for those that have nothing else."""
    g = secure(t, f"[site *]\n{shows(shop().rsa)}/ = reply:200\n")  # a client without P-256 takes no signature by it either
    for groups, key in ("X25519", "X25519"), ("P-256:X25519", "X25519"), ("P-521:P-384:P-256:X448:X25519", "X25519"), ("P-256", "P-256"), ("P-384", "P-384"), ("P-384:P-256", "P-256"):
        said = s_client(t, g, "-groups", groups)
        true(re.search(rf"Server Temp Key: (ECDH, )?{key}\b|Server Temp Key: ECDH, (prime256v1|secp384r1)", said), f"{groups}: " + str(re.findall("Server Temp.*", said)) + said[-300:])
        true(key != "X25519" or "Server Temp Key: X25519" in said, f"{groups}: {re.findall('Server Temp.*', said)}")
    true(re.search("alert", s_client(t, g, "-groups", "X448")), "X448 alone was taken")


@scenario("tls/no-renegotiation")
def no_renegotiation(t):
    """A client that asks for another handshake in the middle gets none; nobody else notices."""
    o, g = usual(t)
    c = hello(g)
    p = subprocess.Popen([program("openssl"), "s_client", "-connect", g.place.text, "-tls1_2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=t.dir)
    out = harness.Output(p.stdout)
    out.wait("Verify return code|Verification")
    p.stdin.write(b"R\n")
    p.stdin.flush()
    out.wait("RENEGOTIATING")
    p.stdin.write(get("/after"))
    with contextlib.suppress(OSError):
        p.stdin.flush()
    out.wait("(?i)no renegotiation|alert|error|closed")
    with contextlib.suppress(OSError):
        p.stdin.close()
    p.wait(WAIT)
    check(c.ask(get()), "HTTP/1.1 200")
    true(not any("Secure Renegotiation IS NOT" in l for l in out.lines), "RFC 5746 is not told")


# --- sessions ------------------------------------------------------------------------------------

def resumes(g, name, c, context, place=None):
    again = hello(g, name, context=context, session=c.sock.tls.session, place=place)
    check(again.ask(get(host=name)), "HTTP/1.1 200")
    return again.sock.tls.session_reused


@scenario("tls/resumption")
def resumption(t):
    """By session id, again and again, also by way of another listener; TLS 1.2 has no need for tickets."""
    context = client_context(shop().ca.cert)
    o = t.origin()
    other = t.tcp()
    g = t.gateway(f"[site *]\n{shows(shop().server)}/ = {o.url}\n", listen=[(t.tcp(), "tls"), (other, "tls")])
    c = hello(g, "a.example", context=context)
    check(c.ask(get()), "HTTP/1.1 200")
    true(len(c.sock.tls.session.id) == 32 and not c.sock.tls.session.has_ticket, "a session id and no ticket")
    for _ in range(3):
        true(resumes(g, "a.example", c, context), "it was not resumed")
    true(resumes(g, "a.example", c, context, other), "it was not resumed on the other listener")
    # closed by force in between: the session is none the worse
    c.reset()
    true(resumes(g, "a.example", c, context), "it was not resumed")


@scenario("tls/resumption-large-hello")
def resumption_large(t):
    """Browsers say hello with more than one segment, of which the first may come alone."""
    context = client_context(shop().ca.cert, alpn=["x" * 250] * 6 + ["http/1.1"])
    o, g = usual(t)
    c = hello(g, "a.example", context=context)
    check(c.ask(get()), "HTTP/1.1 200")
    true(resumes(g, "a.example", c, context), "it was not resumed")

    class Segments(Trickle):
        def sendall(self, data):
            if len(data) > 1500:
                self.raw.sendall(data[:1400])
                time.sleep(0.1)  # so that it is looked at alone
                data = data[1400:]
            self.raw.sendall(data)
    again = hello(g, "a.example", context=context, session=c.sock.tls.session, shake=False)
    again.sock.raw = Segments(again.sock.raw)
    check(again.ask(get()), "HTTP/1.1 200")
    true(again.sock.tls.session_reused, "it was not resumed when the hello came in two segments")


@scenario("tls/resumption-over-workers")
def resumption_workers(t):
    context = client_context(shop().ca.cert)
    o, g = usual(t, top="workers = 3")
    g.workers(3)
    c = hello(g, "a.example", context=context)
    check(c.ask(get()), "HTTP/1.1 200")
    for i in range(12):
        true(resumes(g, "a.example", c, context), f"it was not resumed at try {i}")


@scenario("tls/resumption-over-reloads")
def resumption_reload(t):
    context = client_context(shop().ca.cert)
    o, g = usual(t)
    c = hello(g, "a.example", context=context)
    check(c.ask(get()), "HTTP/1.1 200")
    for _ in range(2):
        g.reload()
        true(resumes(g, "a.example", c, context), "it was not resumed after a reload")
    # a site that has become another one (other names) begins anew
    g.reload(f"[site *]\nhost = *, a.example\n{shows(shop().server)}/ = {o.url}\n")
    check(hello(g, "a.example", context=context, session=c.sock.tls.session).ask(get()), "HTTP/1.1 200")


@scenario("tls/resumption-not-elsewhere")
def resumption_sites(t):
    """A session of one site is none of another's; least of all of one that asks for certificates."""
    s = shop()
    o = t.origin()
    config = f"[site a.example]\n{shows(s.a)}/ = {o.url}\n[site b.example]\n{shows(s.b)}/ = {o.url}\n[site c.example]\n{shows(s.c)}client_ca = {s.ca.cert}\n/ = {o.url}\n"
    g = secure(t, config)
    context, mine = client_context(s.ca.cert), client_context(s.ca.cert, cert=s.alice.cert, key=s.alice.key)
    c = hello(g, "a.example", context=context)
    check(c.ask(get()), "HTTP/1.1 200")
    again = hello(g, "b.example", context=context, session=c.sock.tls.session)
    true(not again.sock.tls.session_reused, "a session of a.example was resumed at b.example")
    true(resumes(g, "a.example", c, context), "it was not resumed")
    # into the site with client certificates: a whole handshake, which fails without one
    said = refused_later(hello(g, "c.example", context=context, session=c.sock.tls.session, shake=False))
    true(said, "a session took a client without a certificate in")
    # by name of a site without, then for the one with
    again = hello(g, "a.example", context=context, session=c.sock.tls.session)
    true(again.sock.tls.session_reused, "it was not resumed")
    check(again.ask(get(host="c.example")), "HTTP/1.1 421")
    # without any name
    again = hello(g, None, context=context, session=c.sock.tls.session)
    check(again.ask(get(host="c.example")), "HTTP/1.1 421")
    # with certificates: never resumed
    c = hello(g, "c.example", context=mine)
    check(c.ask(get(host="c.example")), "HTTP/1.1 200")
    true(not resumes(g, "c.example", c, mine), "a session with a client certificate was resumed")
    # a site that begins to ask for certificates: sessions from before are worth nothing
    c = hello(g, "a.example", context=context)
    check(c.ask(get()), "HTTP/1.1 200")
    g.reload(config.replace(f"{s.a.key}\n", f"{s.a.key}\nclient_ca = {s.ca.cert}\n"))
    true(refused_later(hello(g, "a.example", context=context, session=c.sock.tls.session, shake=False)), "a session from before was resumed")


def refused_later(c):
    """Does this client get nothing? With TLS 1.2 it may think that its handshake is over only when it is."""
    try:
        return not c.sock.begin() or not c.send(get(host="c.example")).ends()
    except OSError:
        return True


@scenario("tls/alpn-trap")
def alpn_trap(t):
    """FACTS, trap 1: a session resumed with an ALPN list that has nothing in common with ours."""
    o, g = usual(t)
    for first, then in ("http/1.1", "foo"), ("h2", "foo"), ("h2,http/1.1", "h3,foo,bar"):
        file = os.path.join(t.dir, "session")
        said = s_client(t, g, "-tls1_2", "-alpn", first, "-sess_out", file, input=b"", code=0)
        true("No ALPN negotiated" in said, said[-600:])
        said = s_client(t, g, "-tls1_2", "-alpn", then, "-sess_in", file, input=b"", code=0)
        true("Reused, TLSv1.2" in said, said[-1500:])
        g.alive()
        check(hello(g).ask(get()), "HTTP/1.1 200")
        os.unlink(file)
    context, foreign = (client_context(shop().ca.cert, alpn=names) for names in (["http/1.1"], ["foo"]))
    c = hello(g, context=context)
    check(c.ask(get()), "HTTP/1.1 200")
    equal(c.sock.tls.selected_alpn_protocol(), None)
    check(hello(g, context=foreign).ask(get()), "HTTP/1.1 200")


# --- ends ------------------------------------------------------------------------------------------

@scenario("tls/close-notify")
def close_notify(t):
    """Wherever gateway ends a connection in good order it says so; and it answers a client that does."""
    o, g = usual(t, top="idle_timeout = 400ms\nhead_timeout = 400ms\nbody_timeout = 400ms")

    def told(c, what):
        c.ends()
        true(c.sock.notified, f"no close_notify {what}")
        gone(c)
        c.close()
    c = hello(g)
    check(c.ask(get("/", "Connection: close")), "HTTP/1.1 200\nConnection: close")
    told(c, "after the last answer")
    c = hello(g)
    told(c, "on an idle connection that never asked")
    c = hello(g)
    check(c.ask(get()), "HTTP/1.1 200")
    told(c, "on an idle connection")
    c = hello(g)
    c.send(b"GET / HTT")
    check(c.final(), "HTTP/1.1 408")
    told(c, "after 408")
    c = hello(g)
    check(c.ask(b"nonsense\r\n\r\n"), "HTTP/1.1 400")
    told(c, "after 400")
    c = hello(g)
    check(c.ask(get(version="1.0")), "HTTP/1.1 200")
    told(c, "after a request of HTTP/1.0")
    c = hello(g)
    check(c.ask(get()), "HTTP/1.1 200")
    c.sock.notify()
    told(c, "in answer to the client's")
    c = hello(g)
    g.signal(15)
    told(c, "when gateway ends")
    g.wait()


@scenario("tls/client-cuts")
def client_cuts(t):
    """A client that goes without close_notify: between requests that is nothing, within one it is not completed."""
    over = threading.Event()

    def serve(link):
        while (m := link.request_head()) is not None:
            if m.method == "POST":
                equal(link.ends(), b"half")
                over.set()
                return
            link.send(ok())
    o, g = usual(t, serve)
    c = hello(g)
    check(c.ask(get()), "HTTP/1.1 200")
    c.sock.cut()
    c = hello(g)
    c.send(get("/", "Content-Length: 100", method="POST") + b"half")
    o.wait(2)
    c.sock.cut()
    true(over.wait(WAIT), "the link was kept")
    # a close_notify in the middle of a body completes nothing either
    over.clear()
    c = hello(g)
    c.send(get("/", "Content-Length: 100", method="POST") + b"half")
    o.wait(3)
    c.sock.notify()
    true(over.wait(WAIT), "the link was kept")
    check(hello(g).ask(get()), "HTTP/1.1 200")


@scenario("tls/end-of-answer")
def end_of_answer(t):
    """To a client of HTTP/1.0 the end of a body is a close_notify; a body that broke off ends without."""
    def serve(link):
        m = link.request()
        link.send(http("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n") + chunked(b"some", last=False))
        true(go.wait(WAIT), "the client saw nothing")
        if m.target == "/whole":
            link.send(chunked(b"body"))
    o, g = usual(t, serve)
    for target, rest, end in ("/whole", b"body", True), ("/broken", b"", False):
        go = threading.Event()
        c = hello(g)
        c.send(get(target, version="1.0"))
        check(c.head(), "HTTP/1.1 200")
        c.expect(b"some")
        go.set()
        equal(c.ends(), rest)
        equal(c.sock.notified, end, f"close_notify after {target}")


# --- bytes and records --------------------------------------------------------------------------------

@scenario("tls/keep-alive-and-pipelining")
def pipelining(t):
    o, g = usual(t, lambda link: [link.answer(ok(f"{i}".encode())) for i in range(40)])
    c = hello(g)
    for i in range(20):
        check(c.ask(get(f"/{i}")), f"HTTP/1.1 200\n\n{i}")
    c.send(b"".join(get(f"/{i}") for i in range(20, 40)))
    for i in range(20, 40):
        check(c.final(), f"HTTP/1.1 200\n\n{i}")
    equal(len(o.links), 1)


def pattern(size):
    block = os.urandom(65537)
    return (block * (size // len(block) + 1))[:size]


@scenario("tls/large", slow=True)
def large(t):
    """10 MB up and 10 MB down, at once, TLS on both sides, with and without lengths."""
    size = (64 << 10) if t.tiny else (10 << 20)
    data = pattern(size)
    digest = hashlib.sha256(data).hexdigest()

    def serve(link):
        while (m := link.request()) is not None:
            seen = hashlib.sha256(m.body).hexdigest()
            link.send(http(f"HTTP/1.1 200 OK\nX-Digest: {seen}\nContent-Length: {size}\n\n") + data)
    s = shop()
    o = t.origin(serve, context=harness.server_context(s.server.cert, s.server.key))
    g = secure(t, f"[site *]\n{shows(s.server)}ca = {s.ca.cert}\n/ = {o.url}\n")
    c = hello(g)
    for head, body in (post(b"")[:-4].replace(b"Content-Length: 0", b"Content-Length: %d" % size) + b"\r\n\r\n", data), (get("/", "Transfer-Encoding: chunked", method="POST"), chunked(data)):
        sender = threading.Thread(target=lambda: c.send(head + body))
        sender.start()
        m = c.final("POST")
        sender.join()
        check(m, f"HTTP/1.1 200\nX-Digest: {digest}\n\n...")
        equal(hashlib.sha256(m.body).hexdigest(), digest, "digest of the body that came down")


class Trickle:
    """A socket that sends single bytes."""

    def __init__(self, raw, size=1):
        self.raw, self.size = raw, size
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __getattr__(self, name):
        return getattr(self.raw, name)

    def sendall(self, data):
        for at in range(0, len(data), self.size):
            self.raw.sendall(data[at:at + self.size])


@scenario("tls/trickled-bytes")
def trickled(t):
    """Handshake, records and close_notify in single bytes."""
    o, g = usual(t)
    for size in 1, 2, 5, 6:
        c = Client(Secure(Trickle(g.place.dial(), size), client_context(shop().ca.cert), name="a.example"))
        for _ in range(3):
            check(c.ask(post(b"x" * 200)), "HTTP/1.1 200")
        c.sock.notify()
        c.eof()
        true(c.sock.notified, "no close_notify")
        c.close()
    equal({m.body for m in o.requests}, {b"x" * 200})


@scenario("tls/trickled-origin")
def trickled_origin(t):
    """The same from a server."""
    s = shop()

    def serve(link):
        while (m := link.request()) is not None:
            link.send(ok(m.body))
    o = t.origin(serve, context=harness.server_context(s.server.cert, s.server.key))
    o.wrap = Trickle
    g = secure(t, f"[site *]\n{shows(s.server)}ca = {s.ca.cert}\n/ = {o.url}\n")
    c = hello(g)
    for size in 0, 1, 100, 2000:
        check(c.ask(post(b"y" * size)), "HTTP/1.1 200\n\n" + "y" * size)
    equal(len(o.links), 1)


@scenario("tls/record-cut-everywhere")
def cut_everywhere(t):
    """One request in one record, sent in two pieces, cut at each byte; gateway has read the first one before the second goes."""
    o, g = usual(t)
    c = hello(g)
    check(c.ask(get()), "HTTP/1.1 200")
    size = len(c.sock.seal(get()))
    c.close()
    c = hello(g)
    for cut in range(1, size):
        record = c.sock.seal(get())
        equal(len(record), size)
        c.sock.raw.sendall(record[:cut])
        taken_in(t, c)
        c.sock.raw.sendall(record[cut:])
        check(c.final(), "HTTP/1.1 200")


@scenario("tls/hello-cut-everywhere", slow=True)
def hello_cut(t):
    """The same with the first bytes of all: gateway looks at them to tell TLS from HTTP."""
    o, g = usual(t, top="handshakes = 64")
    context = client_context(shop().ca.cert)
    for cut in [*range(1, 12), 40, 43, 44, 45, 76, 100]:
        c = hello(g, context=context, shake=False)
        real = c.sock.raw

        class Cut(Trickle):
            def sendall(self, data):
                if not self.size:
                    return real.sendall(data)
                self.size = 0
                real.sendall(data[:cut])
                taken_in_but_peeked(t, c, cut)
                real.sendall(data[cut:])
        c.sock.raw = Cut(real)
        check(c.ask(get()), "HTTP/1.1 200")
        c.sock.raw = real


def taken_in_but_peeked(t, c, cut):
    """As taken_in, but a byte that was only looked at may still lie there."""
    if cut > 5:
        taken_in(t, c)


@scenario("tls/records")
def records(t):
    """The largest records, thousands of the smallest, several in one segment, a request over many."""
    o, g = usual(t)
    c = hello(g)
    data = pattern(60000 if t.tiny else 1 << 20)
    c.send(get("/", f"Content-Length: {len(data)}", method="POST"))
    c.sock.raw.sendall(c.sock.seal(data))  # of 16384 bytes each
    check(c.final("POST"), "HTTP/1.1 200")
    equal(hashlib.sha256(o.requests[-1].body).digest(), hashlib.sha256(data).digest())
    small = data[:3000]
    c.send(get("/", f"Content-Length: {len(small)}", method="POST"))
    c.sock.raw.sendall(b"".join(c.sock.seal(small[i:i + 1]) for i in range(len(small))))
    check(c.final("POST"), "HTTP/1.1 200")
    equal(o.requests[-1].body, small)
    c.sock.raw.sendall(b"".join(c.sock.seal(bytes([b])) for b in get("/bytes")))
    check(c.final(), "HTTP/1.1 200")
    check(o.requests[-1], "GET /bytes HTTP/1.1")
    c.sock.raw.sendall(c.sock.seal(get("/1") + get("/2")[:9]) + c.sock.seal(get("/2")[9:]) + c.sock.seal(get("/3")))
    for i in "123":
        check(c.final(), "HTTP/1.1 200")
        check(o.wait(3 + int(i)), f"GET /{i} HTTP/1.1")


@scenario("tls/broken-records")
def broken_records(t):
    """A record that was changed on its way ends the connection with an alert; nothing of it is believed."""
    o, g = usual(t)
    for change in 5, 12, 20, -1:
        c = hello(g)
        record = bytearray(c.sock.seal(get("/evil")))
        record[change] ^= 1
        c.sock.raw.sendall(bytes(record))
        try:
            rest = c.ends()
        except ssl.SSLError as e:
            true("BAD_RECORD_MAC" in str(e) or "ALERT" in str(e), f"{e}")
            rest = b""
        equal(rest, b"")
    # one that claims more than a record may hold
    c = hello(g)
    c.sock.raw.sendall(b"\x17\x03\x03\xff\xff" + b"x" * 100)
    with contextlib.suppress(ssl.SSLError):
        c.ends()
    check(hello(g).ask(get()), "HTTP/1.1 200")
    equal([m.target for m in o.requests], ["/"])


@scenario("tls/websocket", slow=True)
def websocket(t):
    """A Node WebSocket client and server (npm ws), TLS on both sides."""
    s = shop()
    place = t.tcp()
    server = node(t, "serve", str(place.port), s.server.cert, s.server.key)
    harness.Output(server.stdout).wait("^ready")
    place.secure = True
    g = secure(t, f"[site *]\n{shows(s.server)}ca = {s.ca.cert}\n/ws/ = {place.url}/\n")
    os.environ["NODE_EXTRA_CA_CERTS"] = s.ca.cert  # this process is the scenario's own
    url = f"wss://{g.place.text}/ws/"
    talk(t, url, 5, 100)
    talk(t, url, 3000 if t.tiny else 70000, 10)
    if not t.tiny:
        talk(t, url, 2 << 20, 2)
    g.logged(r'"GET /ws/ HTTP/1.1" 101 ')


@scenario("tls/events")
def events(t):
    """Each byte of an event stream comes in a record of its own, at once."""
    seen = threading.Semaphore(0)
    text = b"data: hello\n\n"

    def serve(link):
        link.request()
        link.send(http("HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n"))
        for byte in text:
            link.send(chunked(bytes([byte]), last=False))
            true(seen.acquire(timeout=WAIT), "the client did not see the last byte")
        link.send(chunked())
    o, g = usual(t, serve)
    c = hello(g)
    c.send(get())
    check(c.head(), "HTTP/1.1 200")
    for byte in text:
        equal(c.chunk(), bytes([byte]))
        seen.release()
    equal(c.chunk(), b"")


# --- limits ------------------------------------------------------------------------------------------------

def half_hello(g):
    """A client that says half a ClientHello."""
    c = hello(g, "a.example", shake=False)
    tls = c.sock.context.wrap_bio(c.sock.incoming, c.sock.outgoing, server_hostname="a.example")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    data = c.sock.outgoing.read()
    c.sock.raw.sendall(data[:len(data) // 2])
    return c


def gone(c):
    """The connection was closed; what was said before does not matter."""
    try:
        while c.sock.raw.recv(4096):
            pass
    except ConnectionResetError:
        pass


@scenario("tls/handshake-timeout")
def handshake_timeout(t):
    """Nothing, half a hello, a hello and then nothing: each is closed after handshake_timeout, however long the others are."""
    o, g = usual(t, top="handshake_timeout = 400ms\nidle_timeout = 1s\nhead_timeout = 1h")
    silent = hello(g, shake=False)
    half = half_hello(g)
    whole = hello(g, shake=False)
    tls = whole.sock.context.wrap_bio(whole.sock.incoming, whole.sock.outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    whole.sock.raw.sendall(whole.sock.outgoing.read())
    for c in half, whole, silent:
        gone(c)
    # trickled, so that there is always something new
    c = hello(g, shake=False)
    try:
        c.sock.raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        for _ in range(400):
            c.sock.raw.sendall(b"x")
            time.sleep(0.02)
        raise Wrong("the hello trickled on for ever")
    except OSError:
        pass
    # who is open is not concerned
    g.reload(top="handshake_timeout = 300ms\nidle_timeout = 1h", config=f"[site *]\n{shows(shop().server)}/ = {o.url}\n")
    c = hello(g)
    gone(half_hello(g))
    check(c.ask(get()), "HTTP/1.1 200")


@scenario("tls/handshakes-wait")
def handshakes_wait(t):
    """All handshakes are held by clients that stall: one that is open is served all the same, and a
    newcomer gets in when they have had their time."""
    o, g = usual(t, top="handshakes = 2\nhandshake_timeout = 2s")
    mine = hello(g)
    check(mine.ask(get()), "HTTP/1.1 200")
    stalled = [half_hello(g) for _ in range(6)]
    late = threading.Thread(target=lambda: answers.append(hello(g, "a.example").ask(get("/late"))))
    answers = []
    time.sleep(1)  # the time of the newcomer is over later than theirs
    late.start()
    for _ in range(20):
        check(mine.ask(get("/mine")), "HTTP/1.1 200")
    late.join(WAIT)
    check(answers[0], "HTTP/1.1 200")
    for c in stalled:
        gone(c)
    check(hello(g).ask(get()), "HTTP/1.1 200")


@scenario("tls/handshakes-after-others")
def handshakes_many(t):
    """Forty clients at one moment, two handshakes at a time: all of them are served."""
    o, g = usual(t, top="handshakes = 2\nclients = 100\nrequests = 50")
    wrong = []

    def one():
        try:
            c = hello(g, "a.example")
            for _ in range(2):
                check(c.ask(get()), "HTTP/1.1 200")
        except Exception as e:
            wrong.append(e)
    threads = [threading.Thread(target=one) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    true(not wrong, f"{len(wrong)} were not served: {wrong[:1]}")
    equal(len(o.requests), 80)


@scenario("tls/clients-exhausted")
def clients_exhausted(t):
    """More clients than tls_clients: who is idle gives way, plain listeners are not concerned, all are served."""
    o = t.origin()
    plain = t.tcp()
    g = t.gateway(f"[site *]\n{shows(shop().server)}/ = {o.url}\n", top="tls_clients = 3\nclients = 20", listen=[(t.tcp(), "tls"), plain])
    kept = [g.client(place=plain) for _ in range(4)]
    for c in kept:
        check(c.ask(get()), "HTTP/1.1 200")
    for i in range(8):
        check(hello(g).ask(get(f"/{i}")), "HTTP/1.1 200")
    for c in kept:
        check(c.ask(get()), "HTTP/1.1 200")


@scenario("tls/clients-exhausted-busy")
def clients_busy(t):
    """They are all busy: a further one waits and is served."""
    go = threading.Event()

    def serve(link):
        while (m := link.request()) is not None:
            if m.target == "/slow":
                go.wait(WAIT)
            link.send(ok(m.target.encode()))
    o, g = usual(t, serve, top="tls_clients = 2\nclients = 20")
    busy = [hello(g) for _ in range(2)]
    for c in busy:
        c.send(get("/slow"))
    o.wait(2)
    answers = []
    late = threading.Thread(target=lambda: answers.append(hello(g).ask(get("/late"))))
    late.start()
    go.set()
    for c in busy:
        check(c.final(), "HTTP/1.1 200\n\n/slow")
        c.close()
    late.join(WAIT)
    check(answers[0], "HTTP/1.1 200\n\n/late")


@scenario("tls/slow-readers", slow=True)
def slow_readers(t):
    """Clients that ask for much and read nothing hold their own answers only; each gets all of it in the end."""
    size = (60 << 10) if t.tiny else (4 << 20)
    data = pattern(size)
    o, g = usual(t, answers=[ok(data)])
    slow = [hello(g) for _ in range(2 if t.tiny else 6)]
    for c in slow:
        c.send(get("/slow"))
    o.wait(len(slow))
    c = hello(g)
    for _ in range(3):
        equal(hashlib.sha256(c.ask(get("/quick")).body).digest(), hashlib.sha256(data).digest())
    for c in slow:
        equal(hashlib.sha256(c.final().body).digest(), hashlib.sha256(data).digest())


@scenario("tls/quiet-connections", slow=True)
def quiet(t):
    """A hundred connections fall quiet, then all speak at once: none was lost, none gets what is another's."""
    count = 14 if t.tiny else 100
    o, g = usual(t, lambda link: [link.send(ok(m.target.encode() * 50)) for m in iter(link.request, None)], top="per_client = 200" + ("" if t.tiny else "\nclients = 200"))
    mine = [hello(g, "a.example") for _ in range(count)]
    for round in range(2):
        for i, c in enumerate(mine):
            check(c.ask(get(f"/{i}/{round}")), "HTTP/1.1 200\n\n" + f"/{i}/{round}" * 50)
        time.sleep(1.5)  # until parked
        for i, c in enumerate(mine):
            c.send(get(f"/{i}/again"))
        for i, c in enumerate(mine):
            check(c.final(), "HTTP/1.1 200\n\n" + f"/{i}/again" * 50)


@scenario("tls/half-records-pin-nothing-for-ever")
def half_records(t):
    """Clients that leave a record unfinished lose their connection in time; others are served meanwhile and after."""
    o, g = usual(t, top="head_timeout = 1s\nidle_timeout = 1s\nbody_timeout = 1s")
    stalled = []
    for _ in range(6 if t.tiny else 30):
        c = hello(g)
        record = c.sock.seal(get())
        c.sock.raw.sendall(record[:len(record) // 2])
        stalled.append(c)
    check(hello(g).ask(get()), "HTTP/1.1 200")
    for c in stalled:
        gone(c)
    check(hello(g).ask(get()), "HTTP/1.1 200")


def give_way(t, begin):
    """All places are held by clients that are slow within a record, and no timeout helps: they give way."""
    o, g = usual(t, serve_slow, top=HOURS)
    slow = [hello(g) for _ in range(10)]
    for c in slow:
        begin(c)
    for _ in range(3):
        check(hello(g).ask(get("/good")), "HTTP/1.1 200 OK\n\ngood")
    for c in slow:
        c.reset()


def half_record(c, data):
    record = c.sock.seal(data)
    c.sock.raw.sendall(record[:len(record) // 2])


scenario("tls/half-heads-give-way")(lambda t: give_way(t, lambda c: half_record(c, get())))
scenario("tls/record-headers-give-way")(lambda t: give_way(t, lambda c: c.sock.raw.sendall(b"\x17\x03\x03")))
scenario("tls/slow-heads-give-way")(lambda t: give_way(t, lambda c: c.send(b"GET / HTTP/1.1\r\nHost: a")))
scenario("tls/half-bodies-give-way")(lambda t: give_way(t, lambda c: (c.send(get("/", "Content-Length: 100000", method="POST")), half_record(c, b"x" * 5000))))
scenario("tls/slow-readers-give-way")(lambda t: give_way(t, lambda c: c.send(get("/large"))))


@scenario("tls/many-come-and-go", slow=True)
def come_and_go(t):
    """Connections that end in every way at every step: no descriptor and no place is lost."""
    o, g = usual(t, top="clients = 8\nrequests = 4\nhandshakes = 4")
    for i in range(49 if t.tiny else 140):
        kind = i % 7
        if kind == 0:
            check(hello(g).ask(get()), "HTTP/1.1 200")
        elif kind == 1:
            half_hello(g).sock.cut()
        elif kind == 2:
            c = hello(g)
            c.send(get())
            c.reset()
        elif kind == 3:
            c = hello(g)
            c.sock.raw.sendall(c.sock.seal(get())[:20])
            c.sock.cut()
        elif kind == 4:
            c = hello(g)
            c.sock.notify()
            c.ends()
        elif kind == 5:
            Client(g.place.dial()).reset()
        else:
            refused(g, context=client_context(least=ssl.TLSVersion.TLSv1_3))
        g.clients[-1].close()
    check(hello(g).ask(get()), "HTTP/1.1 200")


# --- client certificates ---------------------------------------------------------------------------------

def with_cert(c):
    return client_context(shop().ca.cert, cert=c.cert, key=c.key)


@scenario("tls/client-certificate")
def client_certificate(t):
    """client_ca: one who has no certificate of theirs does not get in; the subject of one who has goes up."""
    s = shop()
    o = t.origin()
    g = secure(t, f"[site a.example]\n{shows(s.a)}client_ca = {s.ca.cert}\n/ = {o.url}\n[site b.example]\n{shows(s.b)}/ = {o.url}\n")
    lie = "X-Client-Cert-Subject: CN=root"
    c = hello(g, "a.example", context=with_cert(s.alice))
    check(c.ask(get()), "HTTP/1.1 200")
    check(o.requests[0], "GET / HTTP/1.1\nX-Client-Cert-Subject: CN=alice,O=Example")
    check(c.ask(get("/", lie, "x-client-cert-subject: CN=nobody")), "HTTP/1.1 200")
    check(o.requests[1], "GET / HTTP/1.1\nX-Client-Cert-Subject: CN=alice,O=Example")
    c = hello(g, "a.example", context=with_cert(s.alice_rsa))
    check(c.ask(get()), "HTTP/1.1 200")
    check(o.requests[2], "GET / HTTP/1.1\nX-Client-Cert-Subject: CN=alice rsa,O=Example")
    for context in client_context(s.ca.cert), with_cert(s.mallory), with_cert(s.old_alice):
        true(refused_later(hello(g, "a.example", context=context, shake=False)), "it was served")
    # a site that asks for none: the field is nobody's
    c = hello(g, "b.example", context=with_cert(s.alice))
    check(c.ask(get("/", lie, host="b.example")), "HTTP/1.1 200")
    check(o.requests[3], "GET / HTTP/1.1\n!X-Client-Cert-Subject")
    # nor does a handshake for that one, or for none, lead to the other
    check(c.ask(get(host="a.example")), "HTTP/1.1 421")
    equal(len(o.requests), 4)


@scenario("tls/client-certificate-for-something-else")
def client_other_use(t):
    """Of the right authority, but not for clients (RFC 5280 4.2.1.12), or of nobody: who has the key of one of our servers is no client."""
    s = shop()
    o = t.origin()
    config = f"[site a.example]\n{shows(s.a)}client_ca = {s.ca.cert}\n/ = {o.url}\n"
    g = secure(t, config)
    for usage in "serverAuth", "codeSigning":
        cert = s.maker.cert("nas", ["nas.example"], issuer=s.ca, usage=usage)
        true(refused_later(hello(g, "a.example", context=with_cert(cert), shake=False)), usage)
        g.logged("the client's certificate is not for clients")
    g = secure(t, config)  # not every refusal is logged
    cert = s.maker.cert("", ["nobody.example"], issuer=s.ca, usage="clientAuth")
    true(refused_later(hello(g, "a.example", context=with_cert(cert), shake=False)), "nobody was served")
    g.logged("the client's certificate has no subject")
    for i, usage in enumerate(["clientAuth", "serverAuth,clientAuth", "anyExtendedKeyUsage", None]):
        cert = s.maker.cert("bob", issuer=s.ca, usage=usage)
        check(hello(g, "a.example", context=with_cert(cert)).ask(get()), "HTTP/1.1 200")
        check(o.requests[i], "GET / HTTP/1.1\nX-Client-Cert-Subject: CN=bob")


@scenario("tls/client-certificate-none-in-site")
def client_none(t):
    """client_ca for all, none for one."""
    s = shop()
    o = t.origin()
    g = secure(t, f"[site a.example]\n{shows(s.a)}/ = {o.url}\n[site b.example]\nclient_ca = none\n{shows(s.b)}/ = {o.url}\n", f"client_ca = {s.ca.cert}")
    true(refused_later(hello(g, "a.example", shake=False)), "it was served")
    check(hello(g, "a.example", context=with_cert(s.alice)).ask(get()), "HTTP/1.1 200")
    check(hello(g, "b.example").ask(get(host="b.example")), "HTTP/1.1 200")
    # without a name: the first site, which asks for one
    true(refused_later(hello(g, shake=False)), "it was served")


@scenario("tls/client-certificate-names")
def client_names(t):
    """Subjects that would be more than a name in a header field, or in the log."""
    s = shop()
    o = t.origin()
    g = secure(t, f"[site a.example]\n{shows(s.a)}client_ca = {s.ca.cert}\n/ = {o.url}\n")
    for subject, seen in ("/CN=a, b", r"CN=a\\, b"), ("/CN=umläut", r"CN=uml(\\C3\\A4|\\c3\\a4)ut"), ("/O=x/CN=quote\"d", r'CN=quote\\"d,O=x'):
        cert = s.maker.cert(subject, issuer=s.ca, usage="clientAuth")
        check(hello(g, "a.example", context=with_cert(cert)).ask(get()), "HTTP/1.1 200")
        check(o.requests[-1], f"GET / HTTP/1.1\nX-Client-Cert-Subject: ~{seen}")


# --- the PROXY protocol comes first --------------------------------------------------------------------------

@scenario("tls/proxy-in")
def proxy_in(t):
    """In clear, then TLS; in one segment with the hello, too."""
    o = t.origin()
    g = secure(t, f"[site *]\n{shows(shop().server)}/ = {o.url}\n", "trusted = 127.0.0.1", words="proxy tls")
    header = b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n"
    c = hello(g, "a.example", shake=False)
    c.clear.send(header)
    check(c.ask(get()), "HTTP/1.1 200")
    check(o.requests[0], "GET / HTTP/1.1\nX-Real-IP: 192.0.2.7\nX-Forwarded-Proto: https")

    class Before(Trickle):
        def sendall(self, data):
            self.raw.sendall((header if self.size else b"") + data)
            self.size = 0
    c = hello(g, "a.example", shake=False)
    c.sock.raw = Before(c.sock.raw)
    check(c.ask(get("/one")), "HTTP/1.1 200")
    check(o.requests[1], "GET /one HTTP/1.1\nX-Real-IP: 192.0.2.7")
    # without the header there is no handshake
    c = hello(g, "a.example", shake=False)
    true(refused_later(c), "it was served")
    # plain HTTP behind it is told what it is
    c = Client(g.place.dial())
    c.send(header + get())
    check(c.final(), "HTTP/1.1 400\n\n~this is an HTTPS port")
    c.close()
    equal(len(o.requests), 2)


# --- the log -------------------------------------------------------------------------------------------------

@scenario("tls/log-tells")
def log_tells(t):
    """Requests stand in the log as any; keys do not."""
    o, g = usual(t)
    check(hello(g, "a.example").ask(get("/seen")), "HTTP/1.1 200")
    g.logged(r'^127\.0\.0\.1 - - \[.*"GET /seen HTTP/1.1" 200 2 ')
    for line in g.err.lines:
        true("PRIVATE" not in line and "MII" not in line, f"a key in the log: {line}")
