# SPDX-License-Identifier: MIT
"""Certificates and keys: every shape of file, what is said of wrong ones, the one that gateway makes itself, renewal under way, ACME."""
import datetime
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import time

from certs import openssl, read
from harness import scenario
from s_tls import hello, secure, shop, shows, shown
from secure import Secure, client_context
from s_tunnel import echo, tunnel
from wire import Client, Wrong, check, equal, get, true

OLD = ("-traditional",)  # PKCS#1 and SEC1 instead of PKCS#8


def config(place, cert, key, host="a.example", more=""):
    keys = f"key = {key}\n" if key else ""
    return f"[gateway]\nlisten = {place} tls\nerror_log = stderr\naccess_log = stderr\n[site {host}]\ncert = {cert}\n{keys}{more}/ = reply:200 text=here\n"


# --- shapes that are taken --------------------------------------------------------------

def taken(name, make):
    """make: of (t, shop) to the certificate's file, the key's file and the leaf."""
    @scenario(f"certs/{name}")
    def run(t):
        s = shop()
        cert, key, leaf, *sent = make(t, s)
        file = t.file("gateway.ini", config("127.0.0.1:8443", cert, key))
        said = t.run("-c", file, "check", code=None)
        true("a.example" in said and not re.search(r"ini:\d+: \[site", said), said)
        g = secure(t, f"[site a.example]\ncert = {cert}\n" + (f"key = {key}\n" if key else "") + "/ = reply:200 text=here\n")
        c = hello(g, "a.example", context=client_context(s.ca.cert if leaf.issuer else leaf.cert))
        equal(shown(c), leaf.pem)
        check(c.ask(get()), "HTTP/1.1 200\n\nhere")


def converted(t, key, *how):
    return t.file("converted.key", openssl("pkey", "-in", key, *how))


def with_middle(t, s):
    middle = s.maker.cert("Middle CA", issuer=s.ca, ca=True)
    return middle, s.maker.cert("a.example", ["a.example"], issuer=middle)


def ordered(order):
    """The files of a chain in an order: leaf, middle, root, other."""
    def make(t, s):
        middle, leaf = with_middle(t, s)
        parts = {"leaf": leaf, "middle": middle, "root": s.ca, "other": s.other_ca, "b": s.b}
        return t.file("chain.pem", b"".join(parts[o].pem for o in order.split())), leaf.key, leaf
    return make


taken("p256-pkcs8", lambda t, s: (s.a.cert, s.a.key, s.a))
taken("p256-sec1", lambda t, s: (s.a.cert, converted(t, s.a.key, *OLD), s.a))
taken("p384-pkcs8", lambda t, s: (s.p384.cert, s.p384.key, s.p384))
taken("p384-sec1", lambda t, s: (s.p384.cert, converted(t, s.p384.key, *OLD), s.p384))
taken("rsa-pkcs8", lambda t, s: (s.rsa.cert, s.rsa.key, s.rsa))
taken("rsa-pkcs1", lambda t, s: (s.rsa.cert, converted(t, s.rsa.key, *OLD), s.rsa))
taken("ec-parameters-before-key", lambda t, s: (s.a.cert, t.file("k", openssl("ecparam", "-name", "prime256v1") + openssl("pkey", "-in", s.a.key, *OLD)), s.a))
taken("one-file", lambda t, s: (s.a.both, None, s.a))
taken("one-file-key-first", lambda t, s: (t.file("both", s.a.key_pem + s.a.pem), None, s.a))
taken("one-file-named-twice", lambda t, s: (s.a.both, s.a.both, s.a))
taken("crlf", lambda t, s: (t.file("c", s.a.pem.replace(b"\n", b"\r\n")), t.file("k", s.a.key_pem.replace(b"\n", b"\r\n")), s.a))
taken("no-final-newline", lambda t, s: (t.file("c", s.a.pem.rstrip()), t.file("k", s.a.key_pem.rstrip()), s.a))
taken("text-around", lambda t, s: (t.file("c", openssl("x509", "-in", s.a.cert, "-text") + b"\nBye\n"), t.file("k", b"Bag Attributes: none\n" + s.a.key_pem), s.a))
taken("byte-order-mark", lambda t, s: (t.file("c", b"\xef\xbb\xbf" + s.a.pem), s.a.key, s.a))
for order in "leaf middle", "middle leaf", "leaf middle root", "root leaf middle", "leaf middle other b", "b other root middle leaf":
    taken("chain-" + order.replace(" ", "-"), ordered(order))


@scenario("certs/chain-is-sent-in-order")
def chain_sent(t):
    """However the file is ordered, the leaf goes first and each is followed by its issuer; nothing else is sent (RFC 5246 7.4.2)."""
    s = shop()
    middle, leaf = with_middle(t, s)
    file = t.file("chain.pem", s.b.pem + middle.pem + leaf.pem + s.other_ca.pem)
    g = secure(t, f"[site a.example]\ncert = {file}\nkey = {leaf.key}\n/ = reply:200\n")
    said = openssl("s_client", "-connect", g.place.text, "-servername", "a.example", "-showcerts", "-CAfile", s.ca.cert).decode()
    equal(re.findall(r"(?m)^ *\d s:CN = (.*)$", said), ["a.example", "Middle CA"])


@scenario("certs/keys-are-found")
def keys_found(t):
    """Several certificates and keys in any order: each takes the key that fits."""
    s = shop()
    g = secure(t, f"[site a.example]\ncert = {s.a.cert}\ncert = {s.rsa.cert}\nkey = {s.rsa.key}\nkey = {s.a.key}\n/ = reply:200\n")
    for suite, cert in ("ECDHE-RSA-AES128-GCM-SHA256", s.rsa), ("ECDHE-ECDSA-AES128-GCM-SHA256", s.a):
        equal(shown(hello(g, "a.example", context=client_context(s.ca.cert, suites=suite, most=ssl.TLSVersion.TLSv1_2))), cert.pem)


# --- shapes that are not ----------------------------------------------------------------------

def mistake(name, make, cause, where="cert", code=2):
    """The file is told, and the block, and the cause; check and start end with 2."""
    @scenario(f"certs/wrong-{name}")
    def run(t):
        s = shop()
        cert, key = make(t, s)
        file = t.file("gateway.ini", config(t.tcp().text, cert, key))
        told = rf"(?m)^{re.escape(file)}:[67]: \[site a\.example\]: .*{re.escape(os.path.basename(cert if where == 'cert' else key))}.*(?:{cause})"
        for args in ["check"], []:
            said = t.run("-c", file, *args, code=2)
            true(re.search(told, said), f"no line like {told!r}: {said}")
            true(len([l for l in said.split("\n") if ":" in l and "warning" not in l]) <= 3, f"more was said than is wrong: {said}")
            true("PRIVATE" not in said, "a key was shown")


def fifo(t):
    path = os.path.join(t.dir, "fifo.pem")
    os.mkfifo(path)
    return path


def unreadable(t):
    path = t.file("secret.key", b"x")
    os.unlink(path)
    os.symlink("/proc/1/mem/none", path)
    return path


mistake("key-of-another", lambda t, s: (s.a.cert, s.b.key), "does not belong", "key")
mistake("key-of-another-kind", lambda t, s: (s.a.cert, s.rsa.key), "does not belong", "key")
mistake("key-encrypted-pkcs8", lambda t, s: (s.a.cert, t.file("e.key", openssl("pkcs8", "-topk8", "-in", s.a.key, "-v2", "aes128", "-passout", "pass:x"))), "encrypted", "key")
mistake("key-encrypted-sec1", lambda t, s: (s.a.cert, t.file("e.key", openssl("ec", "-in", s.a.key, "-aes128", "-passout", "pass:x"))), "encrypted", "key")
mistake("key-encrypted-rsa", lambda t, s: (s.rsa.cert, t.file("e.key", openssl("rsa", "-in", s.rsa.key, "-traditional", "-aes128", "-passout", "pass:x"))), "encrypted", "key")
mistake("key-ed25519", lambda t, s: ((c := s.maker.cert("a.example", ["a.example"], key="ed25519")).cert, c.key), "Ed25519|not supported|RSA or EC|neither RSA|kind")
mistake("key-secp256k1", lambda t, s: ((c := s.maker.cert("a.example", ["a.example"], key="secp256k1")).cert, c.key), "curve|not supported")
mistake("key-rsa-1024", lambda t, s: ((c := s.maker.cert("a.example", ["a.example"], key="rsa1024")).cert, c.key), "2048")
mistake("key-empty", lambda t, s: (s.a.cert, t.file("empty.key")), "empty", "key")
mistake("key-garbage", lambda t, s: (s.a.cert, t.file("garbage.key", os.urandom(300))), "private key|DER|PEM", "key")
mistake("key-cut", lambda t, s: (s.a.cert, t.file("cut.key", s.a.key_pem[:120])), "breaks off|damaged|middle", "key")
mistake("key-damaged", lambda t, s: (s.a.cert, t.file("damaged.key", s.a.key_pem[:60] + b"AAAA" + s.a.key_pem[64:])), "damaged|not", "key")
mistake("key-public", lambda t, s: (s.a.cert, t.file("public.key", openssl("pkey", "-in", s.a.key, "-pubout"))), "no private key", "key")
mistake("key-is-certificate", lambda t, s: (s.a.cert, s.a.cert), "no private key", "key")
mistake("key-not-there", lambda t, s: (s.a.cert, f"{t.dir}/none.key"), "o such file", "key")
mistake("key-directory", lambda t, s: (s.a.cert, t.dir), "directory", "key")
mistake("key-fifo", lambda t, s: (s.a.cert, fifo(t)), "not a regular file", "key")
mistake("cert-fifo", lambda t, s: (fifo(t), s.a.key), "not a regular file")
mistake("key-unreadable", lambda t, s: (s.a.cert, unreadable(t)), "cannot be read", "key")
mistake("key-none", lambda t, s: (s.a.cert, None), "no private key|key")
mistake("cert-empty", lambda t, s: (t.file("empty.pem"), s.a.key), "empty")
mistake("cert-garbage", lambda t, s: (t.file("garbage.pem", b"hello\n" * 50), s.a.key), "no certificate")
mistake("cert-binary", lambda t, s: (t.file("binary.pem", os.urandom(500)), s.a.key), "no certificate|PEM")
mistake("cert-der", lambda t, s: (t.file("c.der", openssl("x509", "-in", s.a.cert, "-outform", "DER")), s.a.key), "DER")
mistake("cert-pkcs12", lambda t, s: (t.file("c.p12", openssl("pkcs12", "-export", "-in", s.a.both, "-passout", "pass:x")), s.a.key), "PKCS#12|DER")
mistake("cert-cut", lambda t, s: (t.file("cut.pem", s.a.pem[:200]), s.a.key), "breaks off|middle|damaged")
mistake("cert-damaged", lambda t, s: (t.file("damaged.pem", s.a.pem[:28] + b"AAAAAAAA" + s.a.pem[36:]), s.a.key), "damaged|not|broken|certificate")
mistake("cert-is-key", lambda t, s: (s.a.key, s.a.key), "no certificate")
mistake("cert-request", lambda t, s: (s.a.base + ".csr", s.a.key), "no certificate|request")
mistake("cert-not-there", lambda t, s: (f"{t.dir}/none.pem", s.a.key), "o such file")
mistake("cert-directory", lambda t, s: (t.dir, s.a.key), "directory")
mistake("cert-chain-without-its-leaf", lambda t, s: (s.ca.cert, s.a.key), "does not belong|key")


def warned(name, make, cause, host="a.example"):
    """It runs all the same, for a router has to come up; the check ends with 2 and says why."""
    @scenario(f"certs/warned-{name}")
    def run(t):
        s = shop()
        cert = make(t, s)
        file = t.file("gateway.ini", config("127.0.0.1:8443", cert.cert, cert.key, host))
        told = rf"(?m)^{re.escape(file)}:6: warning: \[site {re.escape(host)}\]: .*{re.escape(os.path.basename(cert.cert))}.*(?:{cause})"
        said = t.run("-c", file, "check", code=2)
        true(re.search(told, said), f"no line like {told!r}: {said}")
        g = secure(t, f"[site {host}]\n{shows(cert)}/ = reply:200 text=here\n")
        g.logged(rf"warning: \[site {re.escape(host)}\]: .*(?:{cause})")
        c = hello(g, host, context=client_context())
        equal(shown(c), cert.pem)
        check(c.ask(get(host=host)), "HTTP/1.1 200\n\nhere")


warned("expired", lambda t, s: s.maker.cert("a.example", ["a.example"], since=-9, days=-3), "expired 3 days ago")
warned("not-yet-valid", lambda t, s: s.maker.cert("a.example", ["a.example"], since=3, days=30), "not valid yet")
warned("for-another-host", lambda t, s: s.maker.cert("b.example", ["b.example"]), "not for 'a\\.example'")
warned("only-common-name", lambda t, s: s.maker.cert("a.example"), "not for 'a\\.example'")
warned("wildcard-does-not-reach", lambda t, s: s.maker.cert("*.example", ["*.example"]), "not for 'x\\.a\\.example'", "x.a.example")
warned("not-for-servers", lambda t, s: s.maker.cert("a.example", ["a.example"], usage="clientAuth"), "not for servers")
warned("no-chain", lambda t, s: s.a, "chain.*CN=Test CA")


@scenario("certs/fine-means-zero")
def fine(t):
    """A certificate without any fault: check ends with 0, shows names, issuer, days left, and no key."""
    s = shop()
    middle = s.maker.cert("Middle CA", issuer=s.ca, ca=True)
    # one that a root has signed itself is whole with the root
    for issuer, name in (middle, "Middle CA"), (s.ca, "Test CA"):
        cert = s.maker.cert("a.example", ["a.example", "www.a.example", "192.0.2.1"], issuer=issuer, days=40)
        file = t.file("gateway.ini", config("127.0.0.1:8443", t.file("full.pem", cert.pem + issuer.pem), cert.key))
        said = t.run("-c", file, "check", code=0)
        true(re.search(rf"(?m)^ *a\.example +a\.example www\.a\.example.* +{name} +P-256 +(39|40)$", said), said)


# --- the one of our own -------------------------------------------------------------------------------

def own(t, more="", place=None, **how):
    state = os.path.join(t.dir, "state")
    g = t.gateway("[site a.example]\nhost = a.example, *.b.example\n/ = reply:200 text=a\n[site *]\n/ = reply:200 text=star\n" + more, top=f"state = {state}", listen=[(place or t.tcp(), "tls")], **how)
    return state, g


@scenario("certs/own")
def own_made(t):
    """`listen = ... tls` and nothing else: a certificate made at first start, for these names, reused from then on."""
    state, g = own(t)
    equal(stat.S_IMODE(os.stat(state).st_mode), 0o700, "mode of the directory")
    files = sorted(os.listdir(state))
    equal(files, ["_.pem", "a.example.pem"])
    prints = {}
    for name in files:
        path = os.path.join(state, name)
        equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, f"mode of {name}")
        prints[name] = openssl("x509", "-in", path, "-noout", "-fingerprint", "-sha256").decode().partition("=")[2].strip()
        g.logged(rf"self-signed certificate, SHA-256 {prints[name]}, in {re.escape(path)}")
        said = openssl("x509", "-in", path, "-noout", "-text", "-certopt", "no_pubkey,no_sigdump").decode()
        true("ecdsa-with-SHA256" in said and "TLS Web Server Authentication" in said and "CA:TRUE" not in said, said)
    path = os.path.join(state, "a.example.pem")
    said = openssl("x509", "-in", path, "-noout", "-text").decode()
    true("DNS:a.example, DNS:*.b.example" in said and "prime256v1" in said, said)
    begin, end = (datetime.datetime.strptime(d, "%b %d %H:%M:%S %Y %Z") for d in re.findall(r"Not (?:Before|After ?) ?: (.*)", said))
    true(9 * 365 < (end - begin).days < 11 * 366, f"{begin} to {end}")
    true("DNS:localhost" in openssl("x509", "-in", os.path.join(state, "_.pem"), "-noout", "-text").decode(), "localhost")
    # clients that trust it are content with the names
    for name, file, text in ("a.example", path, "a"), ("x.b.example", path, "a"), ("localhost", os.path.join(state, "_.pem"), "star"):
        pem = t.file("trust.pem", re.search(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", read(file), re.S).group(0))
        c = hello(g, name, context=client_context(pem, check=True))
        check(c.ask(get(host=name)), f"HTTP/1.1 200\n\n{text}")
    said = t.run("-c", g.file, "check")
    for name in files:
        true(prints[name] in said, f"check does not tell {prints[name]}: {said}")
    # started again, and loaded anew: the same
    mark = g.reload()
    g.logged(rf"SHA-256 {prints['a.example.pem']}", mark)
    g.stop()
    before = {name: read(os.path.join(state, name)) for name in files}
    state, g = own(t)
    equal({name: read(os.path.join(state, name)) for name in sorted(os.listdir(state))}, before)


@scenario("certs/own-for-other-names")
def own_other_names(t):
    """Another name in the site: another certificate. Check makes none."""
    state = os.path.join(t.dir, "state")
    g = secure(t, "[site a.example]\n/ = reply:200\n", f"state = {state}")
    path = os.path.join(state, "a.example.pem")
    before = read(path)
    g.write("[site a.example]\nhost = a.example, c.example\n/ = reply:200\n[site new.example]\n/ = reply:200\n", f"state = {state}")
    said = t.run("-c", g.file, "check", code=None)
    true("at first start" in said, said)
    equal((os.listdir(state), read(path)), (["a.example.pem"], before))
    g.reload()
    true(read(path) != before and "DNS:c.example" in openssl("x509", "-in", path, "-noout", "-text").decode(), "it is the old one")
    equal(sorted(os.listdir(state)), ["a.example.pem", "new.example.pem"])
    check(hello(g, "c.example", context=client_context()).ask(get(host="c.example")), "HTTP/1.1 200")


@scenario("certs/own-broken-file")
def own_broken(t):
    """A file of our own that is damaged is made anew, with a word."""
    state = os.path.join(t.dir, "state")
    os.makedirs(state)
    path = os.path.join(state, "a.example.pem")
    for data in b"", b"garbage\n", read(shop().b.both)[:300]:
        with open(path, "wb") as f:
            f.write(data)
        g = secure(t, "[site a.example]\n/ = reply:200\n", f"state = {state}")
        check(hello(g, "a.example", context=client_context()).ask(get()), "HTTP/1.1 200")
        g.stop()
        equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)


@scenario("certs/own-no-place")
def own_no_place(t):
    """state cannot be written to: told, and exit 1 or 2."""
    blocked = t.file("blocked")
    g = secure(t, "[site a.example]\n/ = reply:200\n", f"state = {blocked}", ready=False)
    g.process.wait(30)
    true(g.process.returncode in (1, 2), f"exit code {g.process.returncode}")
    g.logged(rf"{re.escape(blocked)}")


@scenario("certs/own-addresses")
def own_addresses(t):
    """The machine's addresses are in it; a client that asks for one is content."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.connect(("192.0.2.1", 9))  # sends nothing
        mine = s.getsockname()[0]
    except OSError:
        mine = None
    state, g = own(t)
    said = openssl("x509", "-in", os.path.join(state, "_.pem"), "-noout", "-text").decode()
    true(mine is None or mine.startswith("127.") or f"IP Address:{mine}" in said, f"{mine} is not in {said}")


@scenario("certs/own-for-address-hosts")
def own_address_hosts(t):
    """Hosts that are addresses are addresses in the certificate, too."""
    state = os.path.join(t.dir, "state")
    secure(t, "[site six]\nhost = [::1], [2001:db8::7], 127.0.0.1, 192.0.2.1, a.example\n/ = reply:200\n", f"state = {state}")
    said = openssl("x509", "-in", os.path.join(state, "six.pem"), "-noout", "-ext", "subjectAltName").decode()
    equal(re.findall(r"DNS:([^,\s]*)", said), ["a.example"], "names")
    for address in "0:0:0:0:0:0:0:1", "2001:DB8:0:0:0:0:0:7", "127.0.0.1", "192.0.2.1":
        true(re.search(rf"IP Address:{address}\b", said), f"{address} is not in {said}")


@scenario("certs/own-by-words")
def own_words(t):
    """Without any file; state is below the home directory of who is not root."""
    place, home, binary = t.tcp(), os.path.join(t.dir, "home"), os.path.join(t.dir, "gateway")
    os.mkdir(home)
    shutil.copy(t.binary, binary)
    shutil.chown(home, 65534, 65534) if os.getuid() == 0 else None
    who = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    p = t.spawn([*who, "env", f"HOME={home}", binary, f"{place.text} tls", "/=reply:200"], stderr=subprocess.DEVNULL)
    t.until(place.listening, "gateway listens")
    c = Client(Secure(place.dial(), client_context(), name="localhost"))
    check(c.ask(get(host="localhost")), "HTTP/1.1 200")
    c.close()
    equal(len(os.listdir(os.path.join(home, ".local/state/gateway"))), 1)
    p.terminate()
    t.until(lambda: p.poll() is not None, "gateway ends")
    equal(p.returncode, 0)


# --- days left -------------------------------------------------------------------------------------------

@scenario("certs/days-left")
def days_left(t):
    """The log warns from 14 days on."""
    s = shop()
    for days, told in (10, True), (13.5, True), (20, False):
        cert = s.maker.cert("a.example", ["a.example"], days=days)
        g = secure(t, f"[site a.example]\n{shows(cert)}/ = reply:200\n")
        check(hello(g, "a.example", context=client_context()).ask(get()), "HTTP/1.1 200")
        g.stop()
        lines = [l for l in g.err.lines if re.search(r"expires in \d+ day", l)]
        equal(len(lines), 1 if told else 0, f"warnings with {days} days left: {lines}")
        true(not told or re.search(rf"{re.escape(cert.cert)} expires in (9|10|13) days", lines[0]), f"{lines}")


# --- renewed under way ---------------------------------------------------------------------------------------

def replace(path, data):
    """As certbot and acme.sh do it: another file takes the name."""
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.rename(path + ".new", path)


def renewing(t, days=90):
    """A gateway whose certificate and key are files of this scenario's own, and a tunnel and an idle connection through it."""
    s = shop()
    old = s.maker.cert("a.example", ["a.example"], days=days)
    cert, key = t.file("live.pem", old.pem), t.file("live.key", old.key_pem)
    o = t.origin(echo)
    g = secure(t, f"[site a.example]\ncert = {cert}\nkey = {key}\n/ = reply:200 text=here\n/ws = {o.url}\n[site b.example]\n{shows(s.b)}/ = reply:200\n")
    g.place.context = client_context()
    g.deaths, g.before = True, {}
    ws = tunnel(g)
    ws.send(b"before").expect(b"before")
    idle = hello(g, "a.example", context=client_context())
    check(idle.ask(get()), "HTTP/1.1 200")
    return g, old, cert, key, ws, idle


def shows_now(t, g, cert):
    t.until(lambda: shown(hello(g, "a.example", context=client_context())) == cert.pem, "the new certificate is shown")


@scenario("certs/renewed", slow=True)
def renewed(t):
    """Files replaced by others (and a configuration that is broken by now is of no concern): new connections
    get the new certificate, connections that there are go on. As certbot does it: by symbolic links."""
    g, old, cert, key, ws, idle = renewing(t)
    new = shop().maker.cert("a.example", ["a.example"])
    mark = g.mark()
    with open(g.file, "a") as f:
        f.write("nonsense\n")
    replace(key, new.key_pem)
    replace(cert, new.pem)
    g.logged("files changed", mark)
    g.logged("ready", mark)
    shows_now(t, g, new)
    ws.send(b"after").expect(b"after")
    try:
        check(idle.ask(get()), "HTTP/1.1 200\n\nhere")
    except (Wrong, OSError):  # the idle one may have been closed, in good order
        true(idle.sock.notified, "the idle connection was cut")
    true(not any("nonsense" in line for line in g.err.lines[mark:]), "the file on disk was read")
    # once more, from what has just been replaced, and by links
    again = shop().maker.cert("a.example", ["a.example"])
    mark = g.mark()
    for path, to in (key, again.key), (cert, again.cert):
        os.symlink(to, path + ".link")
        os.rename(path + ".link", path)
    g.logged("files changed", mark)
    shows_now(t, g, again)
    ws.send(b"still").expect(b"still")


@scenario("certs/renewed-badly", slow=True)
def renewed_badly(t):
    """A half-written file, in place: the old one stays in use, with a word in the log; when it is whole it counts."""
    g, old, cert, key, ws, idle = renewing(t)
    new = shop().maker.cert("a.example", ["a.example"])
    mark = g.mark()
    with open(cert, "wb") as f:
        f.write(new.pem[:300])
    g.logged("old ones stay in use", mark)
    g.logged(r"live\.pem breaks off", mark)
    for _ in range(3):
        c = hello(g, "a.example", context=client_context())
        equal(shown(c), old.pem)
        check(c.ask(get()), "HTTP/1.1 200\n\nhere")
    check(idle.ask(get()), "HTTP/1.1 200\n\nhere")
    mark = g.mark()
    with open(cert, "wb") as f:
        f.write(new.pem)
    replace(key, new.key_pem)
    g.logged("ready", mark)
    shows_now(t, g, new)
    ws.send(b"after").expect(b"after")


@scenario("certs/renewed-with-the-wrong-one", slow=True)
def renewed_wrong(t):
    """A certificate for another host, an expired one, or one whose key is not there yet, is not taken in place of one that works."""
    g, old, cert, key, ws, idle = renewing(t)
    s = shop()
    mark = g.mark()
    other = s.maker.cert("b.example", ["b.example"], key_file=old.key)
    replace(cert, other.pem)
    g.logged("not for 'a\\.example'", mark)
    g.logged("old ones stay in use", mark)
    equal(shown(hello(g, "a.example", context=client_context())), old.pem)
    # a reload by hand is the user's own will
    mark = g.reload()
    g.logged("warning: .*not for 'a\\.example'", mark)
    shows_now(t, g, other)
    ws.send(b"after").expect(b"after")


@scenario("certs/renewed-with-a-fifo", slow=True)
def renewed_fifo(t):
    """A FIFO where a file was: said, and signals are heard as before; then a file again."""
    g, old, cert, key, ws, idle = renewing(t)
    mark = g.mark()
    os.unlink(cert)
    os.mkfifo(cert)
    g.logged(r"live\.pem cannot be read: is not a regular file: the old ones stay in use", mark)
    mark = g.mark()
    g.signal(signal.SIGHUP)
    g.logged("the configuration is not taken", mark)
    check(hello(g, "a.example", context=client_context()).ask(get()), "HTTP/1.1 200\n\nhere")
    new = shop().maker.cert("a.example", ["a.example"], key_file=old.key)
    mark = g.mark()
    replace(cert, new.pem)
    g.logged("ready", mark)
    shows_now(t, g, new)
    ws.send(b"after").expect(b"after")


@scenario("certs/renewed-beside-what-is-over", slow=True)
def renewed_beside(t):
    """Another certificate expires meanwhile: that has nothing to do with what is renewed. Nor is it a licence for what is new."""
    s = shop()
    ends = 8 / 86400
    theirs = s.maker.cert("/CN=gateway", usage="clientAuth", days=ends)
    old = s.maker.cert("a.example", ["a.example"])
    cert = t.file("live.pem", old.pem)
    g = secure(t, f"[site a.example]\ncert = {cert}\nkey = {old.key}\n/ = reply:200\n/b/ = https://127.0.0.1:9 verify=off client_cert={theirs.cert} client_key={theirs.key}\n")
    g.place.context = client_context()
    g.deaths, g.before = True, {}
    time.sleep(9)
    new = s.maker.cert("a.example", ["a.example"], key_file=old.key)
    mark = g.mark()
    replace(cert, new.pem)
    g.logged("files changed", mark)
    g.logged("warning: client_cert .*has expired 0 days ago", mark)
    shows_now(t, g, new)
    mark = g.mark()
    replace(cert, s.maker.cert("b.example", ["b.example"], key_file=old.key).pem)
    g.logged("not for 'a\\.example': the old ones stay in use", mark)
    true(not any("client_cert" in line for line in g.err.lines[mark:]), "what was so before is told again")
    equal(shown(hello(g, "a.example", context=client_context())), new.pem)


@scenario("certs/removed", slow=True)
def removed(t):
    """Files that vanish change nothing for a gateway that runs; when they are there again they count."""
    g, old, cert, key, ws, idle = renewing(t)
    mark = g.mark()
    os.unlink(cert)
    os.unlink(key)
    time.sleep(11)  # until it has looked
    check(hello(g, "a.example", context=client_context()).ask(get()), "HTTP/1.1 200\n\nhere")
    check(idle.ask(get()), "HTTP/1.1 200\n\nhere")
    new = shop().maker.cert("a.example", ["a.example"])
    replace(key, new.key_pem)
    replace(cert, new.pem)
    g.logged("ready", mark)
    shows_now(t, g, new)
    ws.send(b"after").expect(b"after")


# --- ACME -------------------------------------------------------------------------------------------------------

@scenario("certs/acme")
def acme(t):
    """Tokens where certbot --webroot and acme.sh -w (below .well-known) and uacme's hook (in the directory itself) put
    them are answered on the redirecting listener and on the TLS one; everything else on the former goes to https."""
    o = t.origin()
    directory = os.path.join(t.dir, "acme")
    below = os.path.join(directory, ".well-known/acme-challenge")
    os.makedirs(below)
    tokens = {"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA": below, "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0": below, "DGyRejmCefe7v4NfDGDKfA-uacme_x": directory}
    for token, where in tokens.items():
        with open(os.path.join(where, token), "w") as f:
            f.write(f"{token}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI")
        os.chmod(os.path.join(where, token), 0o644)
    with open(os.path.join(t.dir, "secret"), "w") as f:
        f.write("hidden words")
    clear, tls = t.tcp(), t.tcp()
    s = shop()
    g = t.gateway(f"[site a.example]\n{shows(s.a)}/ = {o.url} deny=0.0.0.0/0\n", top=f"acme_dir = {directory}", listen=[(tls, "tls"), (clear, "redirect")])
    for c in Client(clear.dial()), hello(g, "a.example"):
        for token in tokens:
            check(c.ask(get(f"/.well-known/acme-challenge/{token}")), f"HTTP/1.1 200\n\n{token}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI")
        for bad in "none", "", "../../secret", "..%2f..%2fsecret", ".well-known", "a.b":
            m = c.ask(get(f"/.well-known/acme-challenge/{bad}"))
            true(m.status in (301, 308, 400, 403, 404) and b"hidden" not in m.body, f"{bad}: {m}")
            if m.lists("Connection", "close"):
                c.close()
                c = Client(clear.dial()) if not hasattr(c.sock, "raw") else hello(g, "a.example")
        c.close()
    c = Client(clear.dial())
    check(c.ask(get("/x?y")), f"HTTP/1.1 301\nLocation: https://a.example:{tls.port}/x?y")
    check(c.ask(get("/x", method="DELETE")), f"HTTP/1.1 308\nLocation: https://a.example:{tls.port}/x")
    c.close()
    equal(len(o.requests), 0)
