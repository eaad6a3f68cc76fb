# SPDX-License-Identifier: MIT
"""What a request meets because of https: redirects, ACME challenges, 421, HSTS, certificates of clients, a plain request on a TLS port."""
import json
import os
import socket

from certs import Maker
from harness import SCENARIOS, Entry, scenario
from secure import client_context
from wire import Client, check, equal, get, http, ok, post, true

MIXED = "it has plain and TLS listeners of its own"


def cases(name, make, rows):
    """rows: (name, function of what make(t) returned)."""
    def run(t):
        made = make(t)
        for row, function in rows:
            with t.row(row) as wanted:
                if wanted:
                    function(made)
                    made.close()
                    made.g.alive()
    SCENARIOS.append(Entry(name, run, rows=[r[0] for r in rows], plain=MIXED))


class Made:
    """A gateway with a plain, a redirect and a TLS listener, and an origin behind /."""

    def __init__(self, t, sites, *, top="", answers=None, certs=("a.example",), **more):
        self.t, self.maker = t, Maker(t.dir)
        self.o = t.origin(answers=answers)
        self.plain, self.redirect, self.tls = t.tcp(), t.tcp(), t.tcp()
        self.port = self.tls.port
        self.ca = self.maker.cert("Clients", ca=True)
        made = [self.maker.cert(h.split()[0], h.split()) for h in certs]
        top = "".join(f"cert = {c.cert}\nkey = {c.key}\n" for c in made) + top
        for name, value in more.items():
            setattr(self, name, value)
        self.g = t.gateway(sites.format(o=self.o.url, dir=t.dir, ca=self.ca.cert), top=top.format(dir=t.dir), listen=[self.plain, (self.redirect, "redirect"), (self.tls, "tls")])

    def ask(self, place, data, sni="a.example", **tls):
        return self.client(place, sni, **tls).ask(data)

    def client(self, place, sni="a.example", **tls):
        place.sni, place.context = sni, client_context(**tls)
        return self.g.client(place)

    def without_tls(self, place):
        s = socket.socket()
        s.settimeout(20)
        s.connect(place.target())
        c = Client(s)
        self.g.clients.append(c)
        return c

    def close(self):
        for c in self.g.clients:
            c.close()
        self.g.clients.clear()

    def unasked(self, function):
        """The origin sees nothing while this runs."""
        before = len(self.o.requests)
        result = function()
        self.o.sync()
        equal(len(self.o.requests), before, "requests at the origin")
        return result


# --- redirect -----------------------------------------------------------------------

def redirect_made(t):
    return Made(t, "[site a]\nhost = a.example, *.a.example, [::1]\nhsts = 1y\ndeny = 0.0.0.0/0, ::/0\n/x/ = {o}\n/deep/ = redirect:https://elsewhere/\n", certs=["a.example *.a.example ::1"])


def goes(data, status, location, keeps=True):
    def run(m):
        c = m.client(m.redirect)
        method = data.split(b" ", 1)[0].decode()
        seen = m.unasked(lambda: c.ask(data))
        want = location.replace("@", str(m.port)) if location else None
        check(seen, f"HTTP/1.1 {status}\n" + (f"Location: {want}\n" if want else "!Location\n") + "!Strict-Transport-Security")
        if method == "HEAD":
            equal(seen.body, b"", "body")
        if keeps and not (m.t.tiny and b"Content-Length" in data):  # which has not read the body yet
            check(c.ask(get("/next")), f"HTTP/1.1 301\nLocation: https://a.example:{m.port}/next")
        else:
            c.eof()
    return run


cases("https/redirect", redirect_made, [
    ("get", goes(get("/"), 301, "https://a.example:@/")),
    ("head", goes(get("/x", method="HEAD"), 301, "https://a.example:@/x")),
    ("query", goes(get("/a/b?c=d&e=/f?g"), 301, "https://a.example:@/a/b?c=d&e=/f?g")),
    ("post", goes(post(b"abc", target="/x/"), 308, "https://a.example:@/x/")),
    ("put", goes(get("/x/", method="PUT"), 308, "https://a.example:@/x/")),
    ("body-to-come", goes(get("/x/", "Content-Length: 100000", method="POST"), 308, "https://a.example:@/x/", keeps=False)),
    ("no-route", goes(get("/none"), 301, "https://a.example:@/none")),
    ("not-the-routes", goes(get("/deep/x"), 301, "https://a.example:@/deep/x")),
    ("no-slash-added", goes(get("/x"), 301, "https://a.example:@/x")),
    ("upgrade", goes(get("/", "Connection: upgrade", "Upgrade: websocket"), 301, "https://a.example:@/")),
    ("port-replaced", goes(get("/", host="a.example:8080"), 301, "https://a.example:@/")),
    ("final-dot", goes(get("/", host="A.example.:80"), 301, "https://A.example:@/")),
    ("wildcard", goes(get("/", host="b.a.example"), 301, "https://b.a.example:@/")),
    ("ipv6", goes(get("/x", host="[::1]:80"), 301, "https://[::1]:@/x")),
    ("absolute-form", goes(get("http://b.a.example:81/x?y", host="a.example"), 301, "https://b.a.example:@/x?y")),
    ("absolute-form-https", goes(get("https://b.a.example/x", host="a.example"), 301, "https://b.a.example:@/x")),
    ("normalised", goes(get("/a/../%7Eb%2fc//d?%7E/.."), 301, "https://a.example:@/~b%2Fc//d?%7E/..")),
    ("not-another-host", goes(get("//evil.example/"), 301, "https://a.example:@//evil.example/")),
    ("old-client", goes(get("/", version="1.0"), 301, "https://a.example:@/", keeps=False)),
    ("options-star", goes(get("*", method="OPTIONS"), 308, "https://a.example:@/")),
    ("challenge-without-acme_dir", goes(get("/.well-known/acme-challenge/abc"), 301, "https://a.example:@/.well-known/acme-challenge/abc")),
    ("unknown-host", goes(get("/", host="other.example"), 421, None)),
    ("no-host-1.0", goes(get("/", host=None, version="1.0"), 421, None, keeps=False)),
    ("no-host-1.1", goes(get("/", host=None), 400, None, keeps=False)),
    ("malformed", goes(get("/\\\x01"), 400, None, keeps=False)),
    ("escape", goes(get("/../x"), 400, None, keeps=False)),
    ("connect", goes(get("a.example:443", method="CONNECT"), 405, None)),
    ("longest-target", lambda m: goes(get("/" + "x" * (900 if m.t.tiny else 6000)), 301, "https://a.example:@/" + "x" * (900 if m.t.tiny else 6000))(m)),
])


@scenario("https/redirect-any-host", plain=MIXED)
def redirect_any_host(t):
    m = Made(t, "[site *]\n/ = {o}\n")
    check(m.ask(m.redirect, get("/x", host="other.example")), f"HTTP/1.1 301\nLocation: https://other.example:{m.port}/x")
    check(m.ask(m.redirect, get("/x", host=None, version="1.0")), "HTTP/1.1 400\n!Location")
    m.g.logged(r'"GET /x HTTP/1.0" 400 .*"no host to redirect to"')
    m.o.sync()
    equal(m.o.requests, [], "requests at the origin")


# --- challenges -----------------------------------------------------------------------

PLACE = "/.well-known/acme-challenge/"


def acme_made(t):
    top = os.path.join(t.dir, "acme")
    deep = os.path.join(top, ".well-known", "acme-challenge")
    os.makedirs(deep)
    files = {top: {"uacme": b"of uacme", "both": b"above", "_-aZ09": b"odd", "x" * 128: b"long name", "x" * 129: b"?", "most": b"m" * 1024, "more": b"m" * 1025, "empty": b"", "a.b": b"?"},
             deep: {"certbot": b"of certbot\n", "both": b"below", "secret.pem": b"?"}}
    for directory, names in files.items():
        for name, text in names.items():
            with open(os.path.join(directory, name), "wb") as f:
                f.write(text)
    os.mkdir(os.path.join(top, "directory"))
    os.mkfifo(os.path.join(top, "fifo"))
    with open(os.path.join(t.dir, "outside"), "wb") as f:
        f.write(b"outside")
    return Made(t, "[site a]\nhost = a.example\nacme_dir = {dir}/acme\ndeny = 0.0.0.0/0\n/ = {o}\n/.well-known/ = reply:410\n"
                "[site b]\nhost = b.example\n/ = {o}\n", certs=["a.example", "b.example"])


def challenge(name, text, method="GET"):
    """text: bytes, or the start of the answer."""
    def run(m):
        for place in m.plain, m.redirect, m.tls:
            c = m.client(place)
            seen = m.unasked(lambda: c.ask(get(PLACE + name, method=method)))
            if isinstance(text, bytes):
                check(seen, f"HTTP/1.1 200\nContent-Type: text/plain\nContent-Length: {len(text)}")
                equal(seen.body, b"" if method == "HEAD" else text, "challenge")
            else:
                check(seen, text)
            check(c.ask(get(PLACE + "uacme")), "HTTP/1.1 200\n\nof uacme")  # it lives on
    return run


def elsewhere(target):
    """It is a path as any other: denied, or redirected."""
    def run(m):
        check(m.ask(m.plain, get(target)), "HTTP/1.1 403")
        check(m.ask(m.tls, get(target)), "HTTP/1.1 403")
        check(m.ask(m.redirect, get(target)), "HTTP/1.1 301")
    return run


def no_acme_dir(m):
    m.o.answers(ok(b"routed"))
    check(m.ask(m.plain, get(PLACE + "uacme", host="b.example")), "HTTP/1.1 200\n\nrouted")
    check(m.ask(m.tls, get(PLACE + "uacme", host="b.example"), sni="b.example"), "HTTP/1.1 200\n\nrouted")
    check(m.ask(m.redirect, get(PLACE + "uacme", host="b.example")), f"HTTP/1.1 301\nLocation: https://b.example:{m.port}{PLACE}uacme")


def with_body(m):
    c = m.client(m.redirect)
    c.send(get(PLACE + "uacme", "Content-Length: 3") + b"abc" + get(PLACE + "certbot"))
    check(c.final(), "HTTP/1.1 200\n\nof uacme")
    if not m.t.tiny:  # which has not read the body yet
        check(c.final(), "HTTP/1.1 200\n\nof certbot\n")


def replaced(m):
    name = os.path.join(m.t.dir, "acme", "late")
    check(m.ask(m.redirect, get(PLACE + "late")), "HTTP/1.1 404")
    with open(name, "w") as f:
        f.write("in time")
    check(m.ask(m.redirect, get(PLACE + "late")), "HTTP/1.1 200\n\nin time")
    os.unlink(name)
    check(m.ask(m.redirect, get(PLACE + "late")), "HTTP/1.1 404")


cases("https/acme", acme_made, [
    ("uacme", challenge("uacme", b"of uacme")),
    ("certbot", challenge("certbot", b"of certbot\n")),
    ("both", challenge("both", b"above")),
    ("head", challenge("certbot", b"of certbot\n", "HEAD")),
    ("query", challenge("uacme?a=b", b"of uacme")),
    ("letters", challenge("_-aZ09", b"odd")),
    ("longest-name", challenge("x" * 128, b"long name")),
    ("name-too-long", challenge("x" * 129, "HTTP/1.1 404")),
    ("largest", challenge("most", b"m" * 1024)),
    ("too-large", challenge("more", "HTTP/1.1 404")),
    ("empty", challenge("empty", "HTTP/1.1 404")),
    ("not-there", challenge("none", "HTTP/1.1 404\nContent-Type: text/html; charset=utf-8")),
    ("no-name", challenge("", "HTTP/1.1 404")),
    ("directory", challenge("directory", "HTTP/1.1 404")),
    ("fifo", challenge("fifo", "HTTP/1.1 404")),
    ("dot", challenge("a.b", "HTTP/1.1 404")),
    ("other-file", challenge("secret.pem", "HTTP/1.1 404")),
    ("slash", challenge("directory/x", "HTTP/1.1 404")),
    ("encoded-slash", challenge("..%2Foutside", "HTTP/1.1 404")),
    ("encoded-twice", challenge("..%252Foutside", "HTTP/1.1 404")),
    ("backslash", challenge("..\\outside", "HTTP/1.1 404")),
    ("parameter", challenge("uacme;x", "HTTP/1.1 404")),
    ("normalised", challenge("x/../%75acme", b"of uacme")),
    ("post", challenge("uacme", "HTTP/1.1 405\nAllow: GET, HEAD", "POST")),
    ("delete", challenge("uacme", "HTTP/1.1 405\nAllow: GET, HEAD", "DELETE")),
    ("with-body", with_body),
    ("replaced", replaced),
    ("dots-out", elsewhere(PLACE + "../../outside")),
    ("encoded-prefix", elsewhere("/.well-known%2Facme-challenge/uacme")),
    ("double-slash", elsewhere("/.well-known//acme-challenge/uacme")),
    ("other-prefix", elsewhere("/.well-known/acme-challenges/uacme")),
    ("no-acme_dir", no_acme_dir),
])


# --- plain HTTP on an HTTPS port -----------------------------------------------------------

def dialled(data, link=None, finish=False):
    def run(m):
        c = m.without_tls(m.tls)
        c.send(data)
        if finish:
            c.finish()
        seen = m.unasked(lambda: c.final("HEAD" if data.startswith(b"HEAD") else "GET"))
        check(seen, "HTTP/1.1 400\nConnection: close\nContent-Type: text/html; charset=utf-8\n!Strict-Transport-Security\n!Location")
        c.eof()
        if data.startswith(b"HEAD"):
            return
        true(b"this is an HTTPS port" in seen.body, seen.body)
        want = link and link.replace("@", str(m.port)).encode()
        true(want in seen.body if want else b"href" not in seen.body, seen.body)
    return run


def dialled_log(m):
    mark = m.g.mark()
    check(m.without_tls(m.tls).ask(get("/logged")), "HTTP/1.1 400")
    m.g.logged(r'"GET /logged HTTP/1.1" 400 .*"plain HTTP on an HTTPS port"', mark)


cases("https/plain-on-tls-port", lambda t: Made(t, "[site *]\nhsts = 1y\nacme_dir = {dir}\n/ = {o}\n"), [
    ("get", dialled(get("/x?y=z", host="a.example:8443"), '<a href="https://a.example:8443/x?y=z">')),
    ("head", dialled(get("/", method="HEAD"))),
    ("no-port", dialled(get("/", host="a.example"), '<a href="https://a.example/">')),
    ("ipv6", dialled(get("/", host="[::1]:8443"), '<a href="https://[::1]:8443/">')),
    ("escaped", dialled(get("/'&x"), '<a href="https://a.example/&#39;&amp;x">')),
    ("body", dialled(post(b"abc"), '<a href="https://a.example/">')),
    ("body-to-come", dialled(get("/", "Content-Length: 5", method="POST"), '<a href="https://a.example/">')),
    ("absolute-form", dialled(get("https://b.example/x"), '<a href="https://b.example/x">')),
    ("pipelined", dialled(get("/") + get("/"), '<a href="https://a.example/">')),
    ("long", dialled(get("/" + "x" * 500))),
    ("challenge", dialled(get(PLACE + "x"), PLACE)),
    ("options-star", dialled(get("*", method="OPTIONS"))),
    ("no-host", dialled(get("/", host=None))),
    ("two-hosts", dialled(get("/", "Host: b.example"))),
    ("connect", dialled(get("a.example:443", method="CONNECT"))),
    ("malformed", dialled(b"GET /\r\n\r\n")),
    ("bare-lf", dialled(b"GET / HTTP/1.1\nHost: a.example\n\n")),
    ("other-version", dialled(get("/", version="2.0"))),
    ("words", dialled(b"HELLO there\r\n\r\n")),
    ("old-client", dialled(get("/", host=None, version="1.0"))),
    ("cut-off", dialled(b"GET / HTTP/1.1\r\nHost: a.exam", finish=True)),
    ("logged", dialled_log),
])


# --- one connection, several hosts (RFC 9110 15.5.20) -------------------------------------------

def hosts_made(t):
    m = Made(t, "[site a]\nhost = a.example\nhsts = 60s\n/ = {o}\n[site b]\nhost = b.example, *.b.example\n/ = {o}\n"
             "[site c]\nhost = c.example\nclient_ca = {ca}\n/ = {o}\n[site *]\n/ = {o}\n", certs=["a.example", "b.example *.b.example", "c.example"])
    alice = m.maker.cert("/O=Example/CN=alice", issuer=m.ca)
    m.alice = {"cert": alice.cert, "key": alice.key}
    return m


def talk(sni, *turns, show=False):
    """turns: (host, status), or (request, status), on one connection."""
    def run(m):
        c = m.client(m.tls, sni, **(m.alice if show else {}))
        for request, status in turns:
            data = request if isinstance(request, bytes) else get("/", host=request)
            m.o.answers(ok(b"of the server"))
            if status == 200:
                check(c.ask(data), "HTTP/1.1 200\n\nof the server")
            else:
                seen = m.unasked(lambda: c.ask(data))
                check(seen, f"HTTP/1.1 {status}\n!Strict-Transport-Security\n!Connection")
    return run


def pipelined(m):
    c = m.client(m.tls, "a.example")
    before = len(m.o.requests)
    c.send(get("/1") + get("/2", host="b.example") + get("/3") + get("/4", host="c.example"))
    equal([c.final().status for _ in range(4)], [200, 421, 200, 421], "status")
    equal([r.target for r in m.o.requests[before:]], ["/1", "/3"], "targets at the origin")
    m.g.logged(r'"GET /4 HTTP/1.1" 421 .*"the TLS handshake was for another site"')


cases("https/hosts", hosts_made, [
    ("same", talk("a.example", ("a.example", 200), ("A.EXAMPLE.:8443", 200))),
    ("other", talk("a.example", ("b.example", 421), ("a.example", 200), ("b.example", 421))),
    ("same-site", talk("b.example", ("x.b.example", 200), ("b.example", 200), ("a.example", 421))),
    ("absolute-form", talk("a.example", (get("https://b.example/", host="a.example"), 421), (get("http://a.example/", host="b.example"), 200))),
    ("unknown-name-asked", talk("other.example", ("a.example", 421), ("other.example", 200), ("third.example", 200))),
    ("unknown-host", talk("a.example", ("other.example", 421), ("a.example", 200))),
    ("no-sni", talk(None, ("a.example", 200), ("b.example", 200), ("other.example", 200))),
    ("no-sni-certificate", talk(None, ("c.example", 421), ("a.example", 200), ("c.example", 421))),
    ("no-sni-certificate-shown", talk(None, ("c.example", 421), show=True)),
    ("sni-certificate", talk("a.example", ("c.example", 421), show=True)),
    ("certificate", talk("c.example", ("c.example", 200), ("a.example", 421), ("c.example", 200), show=True)),
    ("pipelined", pipelined),
])


# --- Strict-Transport-Security (RFC 6797) ----------------------------------------------------------

YEAR = "Strict-Transport-Security: max-age=31536000; includeSubDomains"


def hsts_made(t):
    return Made(t, "[site a]\nhost = a.example\nhsts = 1y includeSubDomains\n/ = {o}\n/down/ = http://127.0.0.1:1\n/r/ = redirect:https://elsewhere/\n/t/ = reply:200 text=hello\n"
                "/none/ = reply:204\n/own/ = reply:200 text=x header=\"Strict-Transport-Security: max-age=1\"\n/secret/ = {o} deny=0.0.0.0/0\n"
                "[site b]\nhost = b.example\nhsts = off\n/ = {o}\n", certs=["a.example", "b.example"])


def says(data, want, answer=None, plain="!Strict-Transport-Security", sni="a.example"):
    def run(m):
        for place, field in (m.tls, want), (m.plain, plain):
            m.o.answers(answer)
            c = m.client(place, sni)
            c.send(data)
            seen = c.response(data.split(b" ", 1)[0].decode())
            if seen.status < 200:
                check(seen, f"HTTP/1.1 {seen.status}\n!Strict-Transport-Security")
                seen = c.final()
            check(seen, seen.start + "\n" + field)
    return run


THEIRS = "Strict-Transport-Security: max-age=0"
cases("https/hsts", hsts_made, [
    ("relayed", says(get("/"), YEAR)),
    ("head", says(get("/", method="HEAD"), YEAR, http("HTTP/1.1 200 OK\nContent-Length: 5\n\n"))),
    ("interim", says(get("/"), YEAR, http("HTTP/1.1 103 Early Hints\n\n") + ok())),
    ("server's-own", says(get("/"), YEAR, ok(b"x", THEIRS, "strict-transport-SECURITY: max-age=1"), plain="Strict-Transport-Security: max-age=0 && max-age=1")),
    ("error", says(get("/"), YEAR, ok(status="500 No"))),
    ("slash", says(get("/t"), YEAR)),
    ("redirect", says(get("/r/"), YEAR)),
    ("reply", says(get("/t/"), YEAR)),
    ("no-body", says(get("/none/"), YEAR)),
    ("down", says(get("/down/"), YEAR)),
    ("denied", says(get("/secret/"), YEAR)),
    ("header-goes-first", says(get("/own/"), "Strict-Transport-Security: max-age=1", plain="Strict-Transport-Security: max-age=1")),
    ("no-site", says(get("/", host="other.example"), "!Strict-Transport-Security")),
    ("malformed", says(b"GET /\r\n\r\n", "!Strict-Transport-Security")),
    ("off", says(get("/", host="b.example"), "!Strict-Transport-Security", sni="b.example")),
    ("off-server's-own", says(get("/", host="b.example"), THEIRS, ok(b"x", THEIRS), plain=THEIRS, sni="b.example")),
])


# --- what the server is told ---------------------------------------------------------------------------

def told_made(t):
    m = Made(t, "[site a]\nhost = a.example\nforwarded = on\n/ = {o}\n[site c]\nhost = c.example\nclient_ca = {ca}\n/ = {o}\n", certs=["a.example", "c.example"], top="trusted = 127.0.0.2\n")
    alice = m.maker.cert("/O=Example, Inc/CN=alice", issuer=m.ca)
    m.alice = {"cert": alice.cert, "key": alice.key}
    return m


def saw(m, data, want, *, place=None, sni="a.example", source=None, **tls):
    place = place or m.tls
    place.sni, place.context = sni, client_context(**tls)
    m.o.answers(None)
    check(m.g.ask(data, place=place, source=source), "HTTP/1.1 200")
    check(m.o.requests[-1], "~GET .*\n" + want.replace("@", str(place.port)))


LIES = ["X-Client-Cert-Subject: CN=root", "x-client-CERT-subject: CN=toor", "X_Client_Cert_Subject: CN=root", "X-Client_Cert-Subject: CN=root"]
NAMED = [*LIES, "Connection: X-Client-Cert-Subject"]
NO_LIES = "!X-Client-Cert-Subject\n!X_Client_Cert_Subject\n!X-Client_Cert-Subject"
ALICE = "X-Client-Cert-Subject: CN=alice,O=Example\\, Inc\n!X_Client_Cert_Subject\n!X-Client_Cert-Subject"


def no_certificate_without_tls(m):
    for place, status in (m.plain, 403), (m.redirect, 301):
        seen = m.unasked(lambda: m.g.ask(get("/", *LIES, host="c.example"), place=place))
        check(seen, f"HTTP/1.1 {status}")


cases("https/told", told_made, [
    ("https", lambda m: saw(m, get("/"), "X-Forwarded-Proto: https\nX-Forwarded-Port: @\nX-Forwarded-Host: a.example\nForwarded: for=127.0.0.1;proto=https;host=\"a.example\"")),
    ("http", lambda m: saw(m, get("/"), "X-Forwarded-Proto: http\nX-Forwarded-Port: @\nForwarded: for=127.0.0.1;proto=http;host=\"a.example\"", place=m.plain)),
    ("absolute-form", lambda m: saw(m, get("http://a.example/x"), "X-Forwarded-Proto: https\nHost: a.example")),
    ("not-by-the-client", lambda m: saw(m, get("/", "X-Forwarded-Proto: http"), "X-Forwarded-Proto: https")),
    ("by-a-trusted-one", lambda m: saw(m, get("/", "X-Forwarded-Proto: http"), "X-Forwarded-Proto: http", source="127.0.0.2")),
    ("no-certificate", lambda m: saw(m, get("/", *LIES), NO_LIES)),
    ("no-certificate-plain", lambda m: saw(m, get("/", *LIES), NO_LIES, place=m.plain)),
    ("no-certificate-trusted", lambda m: saw(m, get("/", *LIES), NO_LIES, source="127.0.0.2")),
    ("shown-where-nobody-asks", lambda m: saw(m, get("/", *LIES), NO_LIES, **m.alice)),
    ("certificate", lambda m: saw(m, get("/", *LIES, host="c.example"), ALICE, sni="c.example", **m.alice)),
    ("certificate-named-away", lambda m: saw(m, get("/", *NAMED, host="c.example"), ALICE, sni="c.example", **m.alice)),
    ("certificate-trusted", lambda m: saw(m, get("/", *LIES, host="c.example"), ALICE, sni="c.example", source="127.0.0.2", **m.alice)),
    ("certificate-without-tls", no_certificate_without_tls),
])


# --- log and explain ---------------------------------------------------------------------------------------

@scenario("https/log", plain=MIXED)
def log(t):
    m = Made(t, "[site *]\n/ = {o}\n", top="log_format = json\n")
    for place in m.plain, m.tls:
        check(m.ask(place, get("/" + str(place.port))), "HTTP/1.1 200")
        line = json.loads(m.g.logged(f'"target":"/{place.port}"'))
        if place is m.tls:
            true(line["tls"].startswith("TLSv1.2 ECDHE-"), line)
        else:
            equal(line["tls"], "", "tls")
        equal(line["tls_resumed"], False, "tls_resumed")


@scenario("https/log-resumed", plain=MIXED)
def log_resumed(t):
    m = Made(t, "[site *]\n/ = {o}\n", top="log_format = json\n")
    first = m.client(m.tls)
    check(first.ask(get("/first")), "HTTP/1.1 200")
    c = Client(m.tls.connect())
    m.g.clients.append(c)
    c.sock.session, c.sock.context = first.sock.tls.session, first.sock.context
    check(c.ask(get("/second")), "HTTP/1.1 200")
    true(c.sock.tls.session_reused, "the session is resumed")
    equal(json.loads(m.g.logged('"target":"/first"'))["tls_resumed"], False, "tls_resumed")
    equal(json.loads(m.g.logged('"target":"/second"'))["tls_resumed"], True, "tls_resumed")


@scenario("https/explain", plain=MIXED)
def explain(t):
    cert = Maker(t.dir).cert("a.example", ["a.example"])
    file = t.file("e.ini", f"[gateway]\nlisten = :80 redirect\nlisten = :443 tls\nlisten = :8080\ncert = {cert.cert}\nkey = {cert.key}\n"
                  f"[site a]\nhost = a.example\nacme_dir = {t.dir}\n/ = https://127.0.0.1:1/x/ verify=off\n")
    for url, *words in [
        ("http://a.example/x?y", "on :80:", "is redirected (301) to https://a.example/x?y"),
        ("http://a.example" + PLACE + "tok", "an ACME challenge, answered from " + t.dir),
        ("https://a.example/x", "on :443:", "goes to https://127.0.0.1:1/x/x"),
        ("https://a.example:8443/x", "no listener has port 8443; as if it came to :443:", "goes to https"),
        ("http://a.example:8443/x", "no listener has port 8443; as if it came to :80:", "is redirected"),
        ("http://a.example:443/", "plain HTTP on :443, which is an HTTPS port: 400"),
        ("https://a.example:8080/", "TLS on :8080, which speaks plain HTTP"),
        ("a.example:8080/", "goes to https"),
    ]:
        said = t.run("-c", file, "explain", url)
        for word in words:
            true(word in said, f"explain {url}: {word!r} is missing: {said}")
