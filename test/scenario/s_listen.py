# SPDX-License-Identifier: MIT
"""Listeners and backends: address families, Unix sockets, the PROXY protocol in and out, names."""
import socket
import struct

import harness
from harness import scenario
from wire import Wrong, check, equal, get, ok, post, true

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command=1, family=0x11, data=b"", more=b""):
    """A PROXY header of version 2."""
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(data + more)) + data + more


def v2_tcp4(source, port, to="127.0.0.1", to_port=80, more=b""):
    return v2(data=socket.inet_aton(source) + socket.inet_aton(to) + struct.pack("!HH", port, to_port), more=more)


def v2_tcp6(source, port, to="::1", to_port=80):
    return v2(family=0x21, data=socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to) + struct.pack("!HH", port, to_port))


# --- listeners --------------------------------------------------------------------

@scenario("listen/ip4")
def ip4(t):
    o, g, c = t.proxy()
    check(c.ask(get()), "HTTP/1.1 200")
    check(o.requests[0], f"GET / HTTP/1.1\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Port: {g.place.port}")
    g.logged(r'^127\.0\.0\.1 - - \[')


@scenario("listen/ip6")
def ip6(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}", listen=[t.tcp6()])
    check(g.ask(), "HTTP/1.1 200")
    check(o.requests[0], f"GET / HTTP/1.1\nX-Forwarded-For: ::1\nX-Real-IP: ::1\nX-Forwarded-Port: {g.place.port}")
    g.logged(r'^::1 - - \[')


@scenario("listen/both")
def both(t):
    """`:port` takes IPv6 and IPv4; an IPv4 client has an IPv4 address, not a mapped one."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}", listen=[t.both()])
    check(g.ask(), "HTTP/1.1 200")
    check(o.requests[0], "GET / HTTP/1.1\nX-Forwarded-For: 127.0.0.1\nX-Real-IP: 127.0.0.1")
    check(g.ask(address="::1"), "HTTP/1.1 200")
    check(o.requests[1], "GET / HTTP/1.1\nX-Forwarded-For: ::1")


@scenario("listen/unix")
def unix(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}", listen=[t.unix()])
    c = g.client()
    check(c.ask(get()), "HTTP/1.1 200")
    check(c.ask(get()), "HTTP/1.1 200")
    g.logged(r'^unix - - \[')


@scenario("listen/unix-socket-left-over")
def unix_left_over(t):
    """A socket file that nobody answers on is replaced at start."""
    place = t.unix()
    old = place.listen()
    old.close()
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}", listen=[place])
    check(g.ask(), "HTTP/1.1 200")


@scenario("listen/several")
def several(t):
    o = t.origin()
    places = [t.tcp(), t.tcp6(), t.unix(), t.both()]
    g = t.gateway(f"[site *]\n/ = {o.url}", listen=places)
    for place in places:
        check(g.ask(place=place), "HTTP/1.1 200")
    equal(len(o.requests), 4)


@scenario("listen/port-taken")
def port_taken(t):
    """Somebody else listens there: told with the address, exit code 1."""
    taken = t.origin()
    g = t.gateway("[site *]\n/ = reply:204", listen=[taken.place], ready=False)
    g.wait(1)
    g.logged(rf"(?i)cannot listen.*{taken.place.port}.*in use")


@scenario("listen/site-of-its-own-port")
def site_port(t):
    """`listen =` in a site: that port answers for this site only, under whatever name."""
    o = t.origin(answers=ok(b"nas"))
    p = t.origin(answers=ok(b"main"))
    own = t.tcp()
    g = t.gateway(f"[site a.example]\n/ = {p.url}\n\n[site nas]\nlisten = {own.text}\nhost = *\n/ = {o.url}\n")
    g.places.append((own, ""))
    check(g.ask(), "HTTP/1.1 200 OK\n\nmain")
    t.until(own.listening, "the site's own port")
    check(g.ask(place=own), "HTTP/1.1 200 OK\n\nnas")


# --- PROXY protocol in --------------------------------------------------------------

PROXY_IN = [
    ("v1-tcp4", b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n", "192.0.2.7"),
    ("v1-tcp6", b"PROXY TCP6 2001:db8::7 ::1 4711 80\r\n", "2001:db8::7"),
    ("v1-unknown", b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    ("v1-unknown-more", b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n", "127.0.0.1"),
    ("v2-tcp4", v2_tcp4("192.0.2.8", 4712), "192.0.2.8"),
    ("v2-tcp6", v2_tcp6("2001:db8::8", 4712), "2001:db8::8"),
    ("v2-local", v2(command=0, family=0), "127.0.0.1"),
    ("v2-tlv", v2_tcp4("192.0.2.9", 1, more=b"\x04\x00\x05hello"), "192.0.2.9"),
    ("v2-unspec", v2(family=0, data=b"junk"), "127.0.0.1"),
]


def proxy_in(name, header, address):
    @scenario(f"listen/proxy-{name}")
    def run(t):
        o = t.origin()
        g = t.gateway(f"[site *]\n/ = {o.url}\n/in/ = {o.url} when=from:{address}", top="trusted = 127.0.0.1", listen=[(t.tcp(), "proxy")])
        c = g.client()
        c.clear.send(header)
        c.send(get("/in/x"))
        check(c.final(), "HTTP/1.1 200")
        check(o.requests[0], f"GET /in/x HTTP/1.1\nX-Real-IP: {address}\nX-Forwarded-For: {address}")
        check(c.ask(get("/again")), "HTTP/1.1 200")
        check(o.requests[1], f"GET /again HTTP/1.1\nX-Real-IP: {address}")
        g.logged(rf"^{address} - - \[.*/again")
        # the same in single bytes; before TLS it has to come in one piece
        c = g.client()
        for piece in [header] if harness.RUN else [bytes([b]) for b in header]:
            c.clear.send(piece)
        for byte in get("/bytes"):
            c.send(bytes([byte]))
        check(c.final(), "HTTP/1.1 200")
        check(o.requests[2], f"GET /bytes HTTP/1.1\nX-Real-IP: {address}")


for row in PROXY_IN:
    proxy_in(*row)

for name, data in {
    "missing": get(),
    "nonsense": b"PROXY NONSENSE 1 2 3 4\r\n" + get(),
    "bad-address": b"PROXY TCP4 300.0.2.7 127.0.0.1 4711 80\r\n" + get(),
    "bad-port": b"PROXY TCP4 192.0.2.7 127.0.0.1 99999 80\r\n" + get(),
    "too-long": b"PROXY TCP4 " + b"1" * 200 + b"\r\n" + get(),
    "lf": b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\n" + get(),
    "v2-version": SIGNATURE + b"\x31\x11\x00\x0c" + b"\x00" * 12 + get(),
    "v2-short": v2(data=b"\x7f\x00") + get(),
}.items():
    @scenario(f"listen/proxy-bad-{name}")
    def proxy_bad(t, data=data):
        """On a proxy listener nothing but a PROXY header is taken."""
        o = t.origin()
        g = t.gateway(f"[site *]\n/ = {o.url}", top="trusted = 127.0.0.1", listen=[(t.tcp(), "proxy")])
        c = g.client()
        c.clear.send(data)
        true(b" 200 " not in c.clear.ends(), "it was served")
        o.nothing()


@scenario("listen/proxy-untrusted")
def proxy_untrusted(t):
    """A peer that is not trusted may not say that it is somebody else."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}", top="trusted = 127.0.0.2", listen=[(t.tcp(), "proxy")])
    c = g.client(source="127.0.0.1")
    c.clear.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n" + get())
    c.clear.ends()
    true(not any("192.0.2.7" in str(r.fields) for r in o.requests), f"it was believed: {o.requests}")
    c = g.client(source="127.0.0.2")
    c.clear.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n")
    c.send(get())
    check(c.final(), "HTTP/1.1 200")
    check(o.requests[-1], "GET / HTTP/1.1\nX-Real-IP: 192.0.2.7")


@scenario("listen/proxy-v2-unix")
def proxy_v2_unix(t):
    """Somebody who came to the proxy by a Unix socket: no address, and in no network."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/in/ = {o.url} allow=127.0.0.0/8", top="trusted = 127.0.0.1", listen=[(t.tcp(), "proxy")])
    c = g.client()
    c.clear.send(v2(family=0x31, data=b"\0" * 216))
    c.send(get())
    check(c.final(), "HTTP/1.1 200")
    check(c.ask(get("/in/")), "HTTP/1.1 403")


@scenario("listen/proxy-trust-does-not-pass-on")
def proxy_trust(t):
    """The proxy is trusted to name its client; the client so named is not trusted to name others."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/in/ = {o.url} allow=198.51.100.0/24", top="trusted = 127.0.0.1, 192.0.2.99", listen=[(t.tcp(), "proxy")])
    lie = "X-Forwarded-For: 198.51.100.1", "X-Real-IP: 198.51.100.1"
    c = g.client()
    c.clear.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n")
    c.send(get("/", *lie))
    check(c.final(), "HTTP/1.1 200")
    check(o.requests[0], "GET / HTTP/1.1\nX-Forwarded-For: 192.0.2.7\nX-Real-IP: 192.0.2.7")
    check(c.ask(get("/in/", *lie)), "HTTP/1.1 403")
    # unless it is in `trusted` itself
    c = g.client()
    c.clear.send(b"PROXY TCP4 192.0.2.99 127.0.0.1 4711 80\r\n")
    c.send(get("/in/", *lie))
    check(c.final(), "HTTP/1.1 200")
    check(o.requests[1], "GET /in/ HTTP/1.1\nX-Forwarded-For: 198.51.100.1, 192.0.2.99\nX-Real-IP: 198.51.100.1")


@scenario("listen/proxy-on-unix")
def proxy_on_unix(t):
    """Who may open the Unix socket is trusted to say who asks."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}", listen=[(t.unix(), "proxy")])
    c = g.client()
    c.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n" + get())
    check(c.final(), "HTTP/1.1 200")
    check(o.requests[0], "GET / HTTP/1.1\nX-Real-IP: 192.0.2.7")


@scenario("listen/proxy-not-asked-for")
def proxy_unasked(t):
    """Without `proxy` on the listener a PROXY header is a bad request, trusted or not."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}", top="trusted = 127.0.0.1")
    c = g.client()
    c.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n" + get())
    check(c.final(), "HTTP/1.1 400")
    c.eof()
    o.nothing()


# --- PROXY protocol out -------------------------------------------------------------

@scenario("backend/proxy-v1")
def proxy_v1(t):
    def serve(link):
        lines.append(link.clear.until(b"\r\n"))
        link.answer(ok())
        link.ends()
    lines = []
    o, g, c = t.proxy(serve, route="proxy=v1")
    port = c.sock.getsockname()[1]
    check(c.ask(get()), "HTTP/1.1 200")
    equal(lines[0], b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (port, g.place.port))


@scenario("backend/proxy-v2")
def proxy_v2(t):
    def serve(link):
        seen.append(link.clear.exactly(16))
        seen.append(link.clear.exactly(struct.unpack("!H", seen[0][14:])[0]))
        link.answer(ok())
        link.ends()
    seen = []
    o, g, c = t.proxy(serve, route="proxy=v2")
    port = c.sock.getsockname()[1]
    check(c.ask(get()), "HTTP/1.1 200")
    equal(seen[0][:14], SIGNATURE + b"\x21\x11")
    equal(seen[1][:12], socket.inet_aton("127.0.0.1") * 2 + struct.pack("!HH", port, g.place.port))


@scenario("backend/proxy-one-client-a-link")
def proxy_one_client(t):
    """A link that began with one client's PROXY header never carries another client's request."""
    def serve(link):
        head = link.clear.until(b"\r\n").split()
        while (m := link.request()) is not None:
            link.send(ok(head[2]))
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url} proxy=v1")
    for source in "127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.3":
        c = g.client(source=source)
        for _ in range(2):
            check(c.ask(get()), f"HTTP/1.1 200 OK\n\n{source}")


@scenario("backend/proxy-in-to-out")
def proxy_through(t):
    """A client that a PROXY header named is named to the backend."""
    def serve(link):
        lines.append(link.clear.until(b"\r\n"))
        link.answer(ok())
    lines = []
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url} proxy=v1", top="trusted = 127.0.0.1", listen=[(t.tcp(), "proxy")])
    c = g.client()
    c.clear.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 80\r\n")
    c.send(get())
    check(c.final(), "HTTP/1.1 200")
    true(lines[0].startswith(b"PROXY TCP4 192.0.2.7 "), f"{lines}")


# --- backends ---------------------------------------------------------------------

@scenario("backend/name")
def name(t):
    """A name, resolved by the offload process; all its addresses are tried in turn."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = http://localhost:{o.place.port}")
    t.until(lambda: g.ask().status == 200, "the name is resolved")
    g.logged(rf'" 200 .* localhost:{o.place.port} ')


@scenario("backend/name-first-request")
def name_first(t):
    """The very first request waits for the name rather than failing."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = http://localhost:{o.place.port}")
    check(g.ask(), "HTTP/1.1 200")


@scenario("backend/ip6")
def backend_ip6(t):
    o, g, c = t.proxy(place=t.tcp6())
    check(c.ask(get()), "HTTP/1.1 200")
    check(c.ask(post(b"abc")), "HTTP/1.1 200")
    equal(len(o.links), 1)


@scenario("backend/unix")
def backend_unix(t):
    o, g, c = t.proxy(place=t.unix())
    check(c.ask(get("/x")), "HTTP/1.1 200")
    check(c.ask(post(b"abc")), "HTTP/1.1 200")
    check(o.requests[0], "GET /x HTTP/1.1\nHost: a.example")
    equal(len(o.links), 1)
    g.logged(r'" 200 .* unix:/')


@scenario("backend/unix-gone")
def backend_unix_gone(t):
    g = t.gateway(f"[site *]\n/ = unix:{t.dir}/nobody")
    check(g.ask(), "HTTP/1.1 502\n\n~502")


@scenario("backend/name-unresolvable")
def unresolvable(t):
    """gateway starts although a name does not resolve; its route answers 502 or 503, the others work."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/lost/ = http://does-not-exist.invalid:8123\n")
    check(g.ask(get("/")), "HTTP/1.1 200")
    m = g.ask(get("/lost/"))
    check(m, "~HTTP/1\\.1 50[234] .*\n\n~request [0-9a-z]+")
    g.logged(r"(?i)does-not-exist\.invalid")
    check(g.ask(get("/")), "HTTP/1.1 200")


# --- names that a hosts file of our own gives ------------------------------------------------

def own_hosts(t, text):
    """Files for `around`; the first is written to change what names mean."""
    hosts = t.file("hosts", text)
    return hosts, {"/etc/hosts": hosts, "/etc/nsswitch.conf": t.file("nsswitch.conf", "hosts: files\n"), "/etc/resolv.conf": t.file("resolv.conf", "")}


def rewrite(path, text):
    """In place: the file is mounted elsewhere."""
    with open(path, "w") as f:
        f.write(text)


def same_port(t, *addresses):
    """Places on one port of several addresses. Clients of other scenarios come from such addresses, too: a port may be taken on one of them."""
    for _ in range(100):
        places = [t.tcp(addresses[0])]
        try:
            for address in addresses[1:]:
                places.append(t.place(socket.AF_INET6 if ":" in address else socket.AF_INET, address, port=places[0].port))
            return places
        except OSError:
            pass
    raise Wrong(f"no port is free on all of {addresses}")


def twin(t, addresses, alive):
    """A name with these addresses, of which only one is listened on: every request is served."""
    hosts, around = own_hosts(t, "".join(f"{a} twin.test\n" for a in addresses))
    places = same_port(t, *addresses)
    o = t.origin(place=places[addresses.index(alive)])
    g = t.gateway(f"[site *]\n/ = http://twin.test:{o.place.port} max_fails=1 fail_timeout=1h\n", around=around)
    for data in get(), post(b"x"), get():
        check(g.ask(data), "HTTP/1.1 200")
    check(o.requests[1], "POST / HTTP/1.1\n\nx")


scenario("name/second-address")(lambda t: twin(t, ["127.0.0.2", "127.0.0.3"], "127.0.0.3"))
scenario("name/last-of-many")(lambda t: twin(t, [f"127.0.0.{i}" for i in range(2, 10)], "127.0.0.9"))
scenario("name/ip4-of-both")(lambda t: twin(t, ["127.0.0.1", "::1"], "127.0.0.1"))
scenario("name/ip6-of-both")(lambda t: twin(t, ["127.0.0.1", "::1"], "::1"))


@scenario("name/appears-later")
def appears_later(t):
    """gateway starts although the name does not resolve, and looks again."""
    hosts, around = own_hosts(t, "127.0.0.1 localhost\n")
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = http://later.test:{o.place.port}\n", top="resolve_interval = 1s", around=around)
    m = check(g.ask(), "HTTP/1.1 502\n\n~502")
    g.logged(r"(?i)cannot resolve later\.test")
    rewrite(hosts, "127.0.0.1 later.test\n")
    t.until(lambda: g.ask().status == 200, "the name is found")


@scenario("name/moves")
def moves(t):
    """The server moves: after a failed connection the name is looked up soon, long before its time."""
    hosts, around = own_hosts(t, "127.0.0.2 moving.test\n")
    here, there = same_port(t, "127.0.0.2", "127.0.0.3")
    a, b = t.origin(place=here, answers=ok(b"a")), t.origin(place=there, answers=ok(b"b"))
    g = t.gateway(f"[site *]\n/ = http://moving.test:{here.port} max_fails=0\n", top="resolve_interval = 1h", around=around)
    check(g.ask(), "HTTP/1.1 200 OK\n\na")
    a.stop()
    rewrite(hosts, "127.0.0.3 moving.test\n")
    t.until(lambda: g.ask().body == b"b", "the new address is used")


@scenario("name/vanishes")
def vanishes(t):
    """The name does not resolve any more: the last good address stays in use."""
    hosts, around = own_hosts(t, "127.0.0.1 going.test\n")
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = http://going.test:{o.place.port}\n", top="resolve_interval = 1s", around=around)
    check(g.ask(), "HTTP/1.1 200")
    rewrite(hosts, "127.0.0.1 localhost\n")
    g.logged(r"(?i)cannot resolve going\.test")
    for _ in range(3):
        check(g.ask(), "HTTP/1.1 200")
