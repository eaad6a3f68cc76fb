# SPDX-License-Identifier: MIT
"""Real programs that speak TLS with gateway: curl, openssl s_client, Chromium, testssl.sh."""
import base64
import json
import os
import re
import shutil
import subprocess

import harness
from harness import scenario
from s_peers import node, program
from s_tls import secure, shop, shows
from wire import WAIT, Wrong, check, equal, get, ok, true


def curl(t, g, *args, code=0):
    p = subprocess.run([program("curl"), "-sS", "--http1.1", "--max-time", "60", "--cacert", shop().ca.cert, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=t.dir, timeout=90)
    if p.returncode != code:
        raise Wrong(f"curl {args}: exit code {p.returncode}: {p.stderr.decode()[-600:]}")
    return p.stdout.decode("latin-1"), p.stderr.decode("latin-1")


@scenario("real/curl", slow=True)
def real_curl(t):
    """Certificates checked by name and by address, many requests on one connection, sessions, uploads, both kinds of keys, mTLS."""
    s = shop()
    size = (64 << 10) if t.tiny else (10 << 20)
    data = os.urandom(size)
    big = t.file("big", data)
    o = t.origin(lambda link: [link.send(ok(m.body or b"hello\n")) for m in iter(link.request, None)])
    g = secure(t, f"[site *]\n{shows(s.server)}/ = {o.url}\n[site c.example]\n{shows(s.c)}client_ca = {s.ca.cert}\n/ = {o.url}\n[site a.example]\n{shows(s.rsa)}/ = {o.url}\n")
    port = g.place.port
    to = [word for host in ("a.example", "c.example", "x.example.org", "nobody.invalid") for word in ("--resolve", f"{host}:{port}:127.0.0.1")]
    equal(curl(t, g, f"https://127.0.0.1:{port}/")[0], "hello\n")
    said, told = curl(t, g, "-v", *to, f"https://a.example:{port}/")
    equal(said, "hello\n")
    true("TLSv1.2" in told and "ECDHE-RSA" in told, told)
    equal(curl(t, g, *to, f"https://x.example.org:{port}/")[0], "hello\n")
    curl(t, g, *to, f"https://nobody.invalid:{port}/", code=60)  # not for that name
    # ten on one connection; HTTP/2 is offered by nobody, so it is not needed to forbid it
    said, _ = curl(t, g, *[f"https://127.0.0.1:{port}/{i}" for i in range(10)], "-w", "[%{num_connects}]")
    equal(said.count("[0]"), 9)
    equal(curl(t, g, "--http2", "-w", "%{http_version}", f"https://127.0.0.1:{port}/")[0], "hello\n1.1")
    # one after the other on new connections: the session is resumed
    said, told = curl(t, g, "-v", *[w for i in range(2) for w in (f"https://127.0.0.1:{port}/{i}", "-H", "Connection: close")])
    true("SSL re-using session ID" in told or "reusing session" in told.lower(), told[-1500:])
    # large, both ways, at once
    curl(t, g, "-T", big, "-o", "back", f"https://127.0.0.1:{port}/up")
    with open(os.path.join(t.dir, "back"), "rb") as f:
        true(f.read() == data, "what came back differs")
    curl(t, g, "-Z", "--parallel-max", "10", *[w for i in range(20) for w in ("-o", f"out{i}", f"https://127.0.0.1:{port}/{i}")])
    for i in range(20):
        with open(os.path.join(t.dir, f"out{i}")) as f:
            equal(f.read(), "hello\n")
    # client certificates
    equal(curl(t, g, *to, "--cert", s.alice.cert, "--key", s.alice.key, f"https://c.example:{port}/")[0], "hello\n")
    check(o.requests[-1], "GET / HTTP/1.1\nX-Client-Cert-Subject: CN=alice,O=Example")
    before = len(o.requests)
    p = subprocess.run([program("curl"), "-sS", "--max-time", "60", "--cacert", s.ca.cert, *to, f"https://c.example:{port}/"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    true(p.returncode in (35, 56), f"exit code {p.returncode}: {p.stderr}")
    equal(len(o.requests), before, "requests at the origin")


@scenario("real/s_client")
def real_s_client(t):
    """A request on standard input, as people try it by hand; Verify return code 0."""
    s = shop()
    g = secure(t, f"[site *]\n{shows(s.server)}/ = reply:200 text=hello\n")
    p = subprocess.run([program("openssl"), "s_client", "-connect", g.place.text, "-servername", "a.example", "-CAfile", s.ca.cert, "-verify_return_error", "-verify_hostname", "a.example", "-ign_eof"],
                       input=get("/", "Connection: close"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=WAIT)
    said = p.stdout.decode("latin-1")
    equal(p.returncode, 0, said[-800:])
    for words in "Verify return code: 0 (ok)", "HTTP/1.1 200 OK", "hello", "Secure Renegotiation IS supported", "Compression: NONE":
        true(words in said, f"no {words!r}: {said[-1500:]}")


PAGE = """<!doctype html><title>test</title><body><script>
const tell = (what) => fetch("/result", {method: "POST", body: JSON.stringify(what)});
const ask = (i) => fetch("/part/" + i).then((r) => r.arrayBuffer()).then((b) => b.byteLength);
const picture = (i) => new Promise((good, bad) => { const p = new Image(); p.onload = () => good(p.naturalWidth); p.onerror = () => bad("image " + i); p.src = "/image/" + i; document.body.append(p); });
const talk = () => new Promise((good, bad) => {
	const s = new WebSocket("wss://" + location.host + "/ws/"), seen = [];
	s.onopen = () => s.send("x0");
	s.onmessage = (m) => { seen.push(m.data.length); seen.length < 4 ? s.send("x".repeat(30000 * seen.length)) : s.close(1000); };
	s.onclose = (e) => good({seen, code: e.code, clean: e.wasClean});
	s.onerror = () => bad("socket");
});
Promise.all([Promise.all([...Array(20).keys()].map(ask)), Promise.all([...Array(10).keys()].map(picture)), talk()])
	.then(([parts, images, socket]) => tell({parts, images, socket, page: location.protocol})).catch((e) => tell({error: "" + e}));
</script>"""
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@scenario("real/chromium", slow=True)
def chromium(t):
    """A page that loads thirty things at once over TLS and talks by WebSocket, both behind TLS."""
    s = shop()
    binary = program("chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
    place = t.tcp()
    out = harness.Output(node(t, "serve", str(place.port), s.server.cert, s.server.key).stdout)
    out.wait("^ready")
    place.secure = True
    size = 3000 if t.tiny else 100000

    def serve(link):
        while (m := link.request()) is not None:
            if m.target == "/":
                link.send(ok(PAGE.encode(), "Content-Type: text/html"))
            elif m.target.startswith("/part/"):
                link.send(ok(b"x" * size))
            elif m.target.startswith("/image/"):
                link.send(ok(PIXEL, "Content-Type: image/gif"))
            else:
                link.send(ok(b"done"))
    o = t.origin(serve, context=harness.server_context(s.server.cert, s.server.key))
    g = secure(t, f"[site *]\n{shows(s.server)}ca = {s.ca.cert}\n/ = {o.url}\n/ws/ = {place.url}/\n")
    pin = base64.b64encode(bytes.fromhex(s.server.pin)).decode()
    home = os.path.join(t.dir, "home")
    os.mkdir(home)
    browser = t.peer([binary, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                      "--no-proxy-server", f"--user-data-dir={home}/profile", f"--ignore-certificate-errors-spki-list={pin}", "--host-resolver-rules=MAP a.example 127.0.0.1", "--remote-debugging-port=0",
                      f"https://a.example:{g.place.port}/"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "HOME": home, "TMPDIR": home})
    words = harness.Output(browser.stdout)
    t.until(lambda: any(m.target == "/result" for m in o.requests) or browser.poll() is not None, "the page tells its result")
    found = [m for m in o.requests if m.target == "/result"]
    true(found, f"the browser ended: {words.lines[-20:]}; {g.err.lines[-10:]}")
    result = json.loads(found[0].body)
    equal(result, {"parts": [size] * 20, "images": [1] * 10, "socket": {"seen": [2, 30000, 60000, 90000], "code": 1000, "clean": True}, "page": "https:"})
    check(found[0], "POST /result HTTP/1.1\nHost: ~a\\.example:\\d+\nX-Forwarded-Proto: https")
    g.logged(r'"GET /ws/ HTTP/1.1" 101 ')


# What testssl.sh may say worse than "fine" and why that is so.
ALLOWED = {
    "cert_revocation": "the test's own authority names neither CRL nor OCSP",
    "TLS1_3": "BearSSL has none",
    "security_headers": "what a page may load is its application's matter",
    "overall_grade": "is made of the others",
}


def testssl(t, *what):
    s = shop()
    middle = s.maker.cert("Middle CA", issuer=s.ca, ca=True)
    leaves = [s.maker.cert("localhost", ["localhost", "127.0.0.1"], issuer=middle, key=kind) for kind in ("p256", "rsa")]
    files = [t.file(f"full{i}.pem", c.pem + middle.pem) for i, c in enumerate(leaves)]
    o = t.origin()
    g = secure(t, f"[site *]\ncert = {files[0]} {files[1]}\nkey = {leaves[0].key} {leaves[1].key}\nhsts = 1y\n/ = {o.url}\n")
    told = os.path.join(t.dir, "told.json")
    p = subprocess.run([program("testssl", shutil.which("testssl.sh") or ""), "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip", "127.0.0.1", "--add-ca", s.ca.cert, "--jsonfile", told, *what, f"https://localhost:{g.place.port}/"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=t.dir, timeout=140, env={**os.environ, "TMPDIR": t.dir})
    with open(told) as f:
        found = json.load(f)
    bad = [f"{x['severity']} {x['id']}: {x['finding']}" for x in found if x["severity"] not in ("OK", "INFO") and re.match(r"[A-Za-z0-9_]+", x["id"]).group(0) not in ALLOWED]
    true(not bad, "; ".join(bad) + p.stdout.decode("utf-8", "replace")[-1500:])
    g.alive()
    return {x["id"]: x for x in found}


@scenario("real/testssl", slow=True)
def testssl_offers(t):
    """Protocols, suites, forward secrecy, certificates, headers."""
    found = testssl(t, "-p", "-s", "-f", "-P", "-S", "-h")
    for name, finding in {"TLS1_2": "offered", "TLS1": "not offered", "TLS1_1": "not offered", "SSLv3": "not offered", "cipher_order": "server"}.items():
        true(finding in found[name]["finding"], f"{found[name]}")
    true(len(found) > 40, f"only {len(found)} findings")


@scenario("real/testssl-vulnerable", slow=True)
def testssl_vulnerable(t):
    """Heartbleed, CCS, Ticketbleed, ROBOT, renegotiation, CRIME, BREACH, POODLE, fallback, SWEET32, FREAK, DROWN, LOGJAM, BEAST, LUCKY13, RC4."""
    found = testssl(t, "-U")
    true(sum(x["severity"] == "OK" for x in found.values()) >= 15, f"{found}")
