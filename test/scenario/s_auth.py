# SPDX-License-Identifier: MIT
"""Who may pass: users and their hashes, require, auth = none, inheritance, networks; how a user gets a line."""
import os
import pty
import re
import subprocess
import sys
import termios
import threading

from harness import READY, scenario
from login import PASSWORDS, basic, behind, cheap, guarded, htpasswd, mkpasswd, session, tool, users
from s_config import GOOD, mistakes
from wire import WAIT, check, equal, get, ok, true

ASKS = 'HTTP/1.1 401 Unauthorized\nWWW-Authenticate: ~Basic realm="family".*\nCache-Control: ~.*no-store.*\n!Set-Cookie'


def passes(g, name, password=None, **how):
    check(g.ask(get("/", basic(name, password), **how)), "HTTP/1.1 200 OK")


def fails(g, name, password, **how):
    check(g.ask(get("/", basic(name, password), **how)), "HTTP/1.1 401")


@scenario("auth/basic")
def basic_dialog(t):
    """Without a password: 401 with the challenge; with the right one: through, and the server sees no trace of it."""
    o, g = behind(t)
    mark = g.mark()
    check(g.ask(get("/x")), ASKS)
    check(g.ask(get("/x", basic("alice", "wonder lan"))), ASKS)
    check(g.ask(get("/x", basic("carol", "wonder land"))), ASKS)
    o.nothing()
    o.answers(ok(b"inside"))
    check(g.ask(get("/x", basic())), "HTTP/1.1 200 OK\nCache-Control: ~.*private.*\n\ninside")
    check(o.requests[0], "GET /x HTTP/1.1\n!Authorization\n!Cookie\nX-Real-IP: 127.0.0.1")
    check(g.ask(get("/y", basic("bob"))), "HTTP/1.1 200 OK")  # with a colon in the password
    g.logged(r'^127\.0\.0\.1 - - \[[^]]*\] "GET /x HTTP/1.1" 401 ', mark)
    g.logged(r'^127\.0\.0\.1 - alice \[[^]]*\] "GET /x HTTP/1.1" 200 ', mark)
    g.logged(r'^127\.0\.0\.1 - bob \[[^]]*\] "GET /y HTTP/1.1" 200 ', mark)
    g.logged(r'failed log-in from 127\.0\.0\.1 as "alice" on site a\.example$', mark)
    g.logged(r'failed log-in from 127\.0\.0\.1 as "carol" on site a\.example$', mark)


@scenario("auth/odd-credentials")
def odd_credentials(t):
    """What is no pair of name and password asks again; schemes are known in any case; nothing of it reaches the server."""
    o, g = behind(t)
    pair = basic().rpartition(" ")[2]
    for value in ["Basic", "Basic ", "Basic !!!", "Basic " + pair[:-3], "Basic YWxpY2U=", "Basic Og==", "Bearer " + pair, f"Basic {pair} {pair}", f"Basic {pair},", "Basic" + pair, pair, f"Digest username=\"alice\", {pair}",
                  "Basic " + "A" * 1500, "Basic AGFsaWNlOng="]:
        check(g.ask(get("/", f"Authorization: {value}")), "HTTP/1.1 401")
    m = g.ask(get("/", basic(), basic("bob")))  # which of them?
    true(m.status in (400, 401), f"two Authorization fields: {m!r}")
    o.nothing()
    for scheme in "Basic", "basic", "BASIC", "Basic  ":
        check(g.ask(get("/", f"Authorization: {scheme} {pair}")), "HTTP/1.1 200")
    equal(len(o.requests), 4)
    true(not any(m.all("Authorization") for m in o.requests), "the server saw credentials")


@scenario("auth/no-password")
def no_password(t):
    """An empty password, and one that a hash function would cut off."""
    g = guarded(t, "[site a.example]\nauth = family\n/ = reply:200\n", people=users(passwords={"dan": "d" * 72 + "x", "eve": "x"}))
    fails(g, "eve", "")
    fails(g, "eve", "x\0y")
    passes(g, "eve", "x")  # or the next answers would be held back
    fails(g, "eve", "x" * 300)
    fails(g, "dan", "d" * 72 + "y")
    passes(g, "dan", "d" * 72 + "x")


@scenario("auth/utf8")
def utf8(t):
    """Passwords are bytes; names with blanks are fine."""
    g = guarded(t, f"[users family]\nfile = {t.file('h', 'André Müller:' + cheap('pässwörd €') + chr(10))}\n[site a.example]\nauth = family\n/ = reply:200\n", people="")
    passes(g, "André Müller", "pässwörd €")
    fails(g, "André Müller", "passwort")


@scenario("auth/nobody")
def nobody(t):
    """An empty file of users: nobody gets in, not even without a name."""
    o = t.origin()
    g = guarded(t, f"[users family]\nfile = {t.file('h', '# nobody yet' + chr(10))}\n[site a.example]\nauth = family\n/ = {o.url}\n", people="")
    for name, password in ("alice", PASSWORDS["alice"]), ("", "x"):
        check(g.ask(get("/", basic(name, password))), "HTTP/1.1 401")
    check(g.ask(get("/")), "HTTP/1.1 401")
    o.nothing()


# --- hashes -------------------------------------------------------------------------

PURE = {
    "htpasswd-md5": lambda p: htpasswd("u", p, "-m"), "htpasswd-sha256": lambda p: htpasswd("u", p, "-2", "-r", "1000"), "htpasswd-sha512": lambda p: htpasswd("u", p, "-5", "-r", "1000"),
    "htpasswd-sha512-usual": lambda p: htpasswd("u", p, "-5"),
    "mkpasswd-sha256": lambda p: "u:" + mkpasswd(p, "-m", "sha256crypt", "-R", "1000"), "mkpasswd-sha512": lambda p: "u:" + mkpasswd(p, "-m", "sha512crypt", "-R", "1234"),
    "mkpasswd-sha512-usual": lambda p: "u:" + mkpasswd(p, "-m", "sha512crypt"), "mkpasswd-short-salt": lambda p: "u:" + mkpasswd(p, "-m", "sha256crypt", "-R", "1000", "-S", "saltsalt"),
    "openssl-5": lambda p: "u:" + tool("openssl", "passwd", "-5", "-stdin", input=p.encode()), "openssl-6": lambda p: "u:" + tool("openssl", "passwd", "-6", "-stdin", input=p.encode()),
    "openssl-apr1": lambda p: "u:" + tool("openssl", "passwd", "-apr1", "-stdin", input=p.encode()),
}
CRYPT = {
    "htpasswd-bcrypt": lambda p: htpasswd("u", p, "-B", "-C", "4"), "mkpasswd-bcrypt": lambda p: "u:" + mkpasswd(p, "-m", "bcrypt", "-R", "4"),
    "mkpasswd-bcrypt-a": lambda p: "u:" + mkpasswd(p, "-m", "bcrypt-a", "-R", "4"), "mkpasswd-yescrypt": lambda p: "u:" + mkpasswd(p, "-m", "yescrypt"),
}
WORDS = ["x", "secret", "wonder land, " * 4, "ä€😀" * 7, "p" * 63, "p" * 64, "p" * 65]


def hashed(t, kinds):
    """Every kind as a user of its own, in lines of the section and of a file, with several passwords."""
    lines, people = [], []
    for i, (kind, make) in enumerate(kinds.items()):
        for j, word in enumerate(WORDS if "usual" not in kind else ["secret"]):
            name = f"{kind}.{j}"
            lines.append(make(word).replace("u:", name + ":", 1))
            people.append((name, word))
    half = len(lines) // 2
    section = "[users family]\n" + "".join("{} = {}\n".format(*line.split(":", 1)) for line in lines[:half])
    file = t.file("htpasswd", "# made by others\n\n" + "\r\n".join(lines[half:]) + "\n")
    return section + f"file = {file}\n", people


def all_pass(t, section, people):
    g = guarded(t, "[site a.example]\nauth = family\n/ = reply:200\n", people=section)
    for name, word in people:
        passes(g, name, word)
        fails(g, name, word[:-1] + "?")
        passes(g, name, word)  # or the next failures would be held back


@scenario("auth/hashes", slow=True)
def hashes(t):
    """SHA-256-crypt, SHA-512-crypt and apr1 as Apache, whois and OpenSSL make them: in every build."""
    all_pass(t, *hashed(t, PURE))


def linked(t, section):
    """Has this build the C library's crypt(3)? None, or what it says when it has not."""
    file = t.file("try.ini", GOOD + section + "[site *]\nauth = family\n/ = reply:200\n")
    said = t.run("-c", file, "check", code=None)
    return None if "which this build" not in said else said


@scenario("auth/hashes-of-libc", slow=True)
def hashes_of_libc(t):
    """bcrypt and yescrypt where the C library is linked that knows them; elsewhere it is said what to do, for each."""
    section, people = hashed(t, CRYPT)
    said = linked(t, section)
    needs = subprocess.run(["ldd", t.binary], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    true(said is None or b"libcrypt" not in needs, f"it is linked with libcrypt, but says {said}")
    if said is None:
        all_pass(t, section, people)
        return
    lines = [line for line in said.split("\n") if line]
    true(len(lines) >= len(people), f"not all are told: {said}")
    for line in lines[:len(people)]:
        true(re.search(r"try\.ini:\d+: .*which this build.*gateway passwd", line), f"what is to be done? {line}")


@scenario("auth/memory-of-hashes", plain="about no connection")
def memory_of_hashes(t):
    """`check` says what a look at yescrypt takes, where the hash is in use: it is not in the sum of what is taken at start."""
    for users, used, says in ("$y$j9T$rxx7PrDqbKlW4I9XEu5Y9.$I7QKqlgYd5M2aCDzs2Z1miPRkUj6gwwl7V6yvHEMy5/", "family", True), (cheap("x"), "family", False):
        file = t.file("memory.ini", GOOD + f"[users family]\nbob = {cheap('x')}\nalice = {users}\n[site *]\nauth = {used}\n/ = reply:200\n")
        said = t.run("-c", file, "check", code=None)
        if "which this build" not in said:
            equal("the password process: up to 16 MB" in said, says, said)


REFUSED = {
    "plain": ("secret", "plain text.*gateway passwd"), "plain-of-htpasswd": (lambda: htpasswd("u", "secret", "-p").partition(":")[2], "plain text.*gateway passwd"),
    "sha1": (lambda: htpasswd("u", "secret", "-s").partition(":")[2], r"gateway passwd"), "cut-off": ("$6$rounds=1000$saltsalt$abc", ""), "no-salt": ("$5$", ""), "unknown": ("$99$salt$abcdefgh", ""),
    "too-dear": ("$5$rounds=999999999$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2", "rounds|long"), "empty": ("", ""), "bad-letter": ("$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSW*2", ""),
}
for kind, (made, says) in REFUSED.items():
    def one(t, made=made, says=says):
        hash = made() if callable(made) else made
        site = "[site *]\nauth = family\n/ = reply:200\n"
        if hash.startswith("$"):
            mistakes(t, GOOD + f"[users family]\nbob = {cheap('x')}\nalice = {hash}\n{site}", (5, f"alice.*{says}"))
        file = t.file("users", f"bob:{cheap('x')}\n\n# x\nalice:{hash}\n")
        mistakes(t, GOOD + f"[users family]\nfile = {file}\n{site}", (4, f"{re.escape(file)}:4: .*(alice|NAME:HASH).*{says}"))
    scenario(f"auth/hash-{kind}", plain="about the file")(one)


@scenario("auth/no-hash-in-section", plain="about the file")
def plain_in_section(t):
    """A password in clear in [users] is a fault that says how to do better, and it does not show the password again."""
    file = t.file("g.ini", GOOD + "[users family]\nalice = hunter2\n[site *]\nauth = family\n/ = reply:200\n")
    said = t.run("-c", file, "check", code=2)
    true(re.search(r"g\.ini:4: .*alice.*gateway passwd", said), said)
    true("hunter2" not in said, f"it shows the password: {said}")


@scenario("auth/mistakes", plain="about the file")
def all_mistakes(t):
    """What cannot be meant is told with its line, all in one go."""
    h = cheap("x")
    missing = os.path.join(t.dir, "missing")
    mistakes(t, GOOD + f"""[users family]
alice = {h}
alice = {h}
file = {missing}
[users family]
bob = {h}
[users a b]
carl = {h}
[site *]
auth = famly
/ = reply:200
/a/ = reply:200 auth=family require=carol
""", (5, "alice"), (6, "missing"), (7, "family"), (9, "a b"), (12, "famly.*family|family"))
    mistakes(t, GOOD + f"""[users family]
alice = {h}
[site *]
auth = family
session = 10s
login = window
user_header = Content-Length
open_to = 300.1.2.3
require = alice carol
/ = reply:200
/a/ = reply:200 auth=none require=alice
""", (7, "10s"), (8, "window"), (9, "Content-Length"), (10, "300"), (11, "carol"))


@scenario("auth/file-faults", plain="about the file")
def file_faults(t):
    """Lines of an htpasswd file that cannot be: each named by that file's own line."""
    h = cheap("x")
    file = t.file("users", f"alice:{h}\nalice:{h}\nnocolon\n:{h}\nbob:{h}\n")
    mistakes(t, GOOD + f"[users family]\nbob = {h}\nfile = {file}\n[site *]\nauth = family\n/ = reply:200\n",
             (5, f"{re.escape(file)}:2: .*alice"), (5, f"{re.escape(file)}:3: "), (5, f"{re.escape(file)}:4: "), (5, f"{re.escape(file)}:5: .*bob"))


# --- where a password is asked for ------------------------------------------------------

@scenario("auth/inherited")
def inherited(t):
    """auth at the top holds for every site, auth of a site for every route of it; none opens; nothing is open by accident."""
    o = t.origin()
    both = users() + users("work", {"carl": "3"})
    site = f"""[site a.example]
/ = {o.url}
/deep/er/ = {o.url}
/reply/ = reply:200 text=hello
/go/ = redirect:/elsewhere/
/open/ = {o.url} auth=none
/open/not/ = {o.url} auth=family
/work/ = {o.url} auth=work
[site b.example]
auth = none
/ = {o.url}
/in/ = {o.url} auth=family
[site c.example]
auth = work
/ = {o.url}
"""
    g = guarded(t, site, people=both, top="auth = family")
    for host, target, label in [("a.example", "/", "family"), ("a.example", "/x", "family"), ("a.example", "/deep/er/", "family"), ("a.example", "/reply/", "family"), ("a.example", "/go/", "family"), ("a.example", "/open/not/x", "family"),
                                ("a.example", "/work/", "work"), ("a.example", "/none", "family"), ("b.example", "/in/", "family"), ("c.example", "/", "work")]:
        check(g.ask(get(target, host=host)), f'HTTP/1.1 401\nWWW-Authenticate: ~Basic realm="{label}".*')
    o.nothing()
    for host, target in ("a.example", "/open/"), ("a.example", "/open/x"), ("b.example", "/"):
        m = g.ask(get(target, host=host))
        check(m, "HTTP/1.1 200\n!Cache-Control\n!Set-Cookie")
    for host, target, label in [("a.example", "/", "family"), ("a.example", "/work/", "work"), ("c.example", "/", "work"), ("b.example", "/in/", "family")]:
        right, wrong = ((basic("alice"), basic("carl", "3")) if label == "family" else (basic("carl", "3"), basic("alice")))
        check(g.ask(get(target, wrong, host=host)), "HTTP/1.1 401")
        check(g.ask(get(target, right, host=host)), "HTTP/1.1 200")
    check(g.ask(get("/reply/", basic())), "HTTP/1.1 200\n\nhello")
    check(g.ask(get("/go/", basic())), "HTTP/1.1 302\nLocation: /elsewhere/")


@scenario("auth/route-section")
def route_section(t):
    """The long form of a route inherits and says no less."""
    o = t.origin()
    g = guarded(t, f"""[site a.example]
auth = family
/ = {o.url}
[route open]
site = a.example
path = /open/
to = {o.url}
auth = none
[route mine]
site = a.example
path = /mine/
to = {o.url}
require = bob
[route usual]
site = a.example
path = /usual/
to = {o.url}
""")
    for target, expected in ("/", 401), ("/open/", 200), ("/mine/", 401), ("/usual/", 401):
        check(g.ask(get(target)), f"HTTP/1.1 {expected}")
    for target, name, expected in ("/mine/", "bob", 200), ("/usual/", "alice", 200), ("/usual/", "bob", 200):
        check(g.ask(get(target, basic(name))), f"HTTP/1.1 {expected}")
    true(g.ask(get("/mine/", basic("alice"))).status in (401, 403), "alice got in")


@scenario("auth/require")
def require(t):
    """Some users pass on a route, others with a right password do not; the route below may take others."""
    o = t.origin()
    g = guarded(t, f"""[site a.example]
auth = family
/ = {o.url}
/alice/ = {o.url} require=alice
/both/ = {o.url} require="alice bob"
/alice/bob/ = {o.url} require=bob
/alice/again/ = {o.url} auth=family
""")
    for target, alice, bob in ("/", 1, 1), ("/alice/", 1, 0), ("/both/", 1, 1), ("/alice/bob/", 0, 1), ("/alice/again/", 1, 1):
        for name, good in ("alice", alice), ("bob", bob):
            before = len(o.requests)
            for credentials in basic(name), session(g, name):
                before = len(o.requests)
                m = g.ask(get(target, credentials))
                true(m.status == 200 if good else m.status in (401, 403), f"{name} at {target}: {m!r}")
                equal(len(o.requests) - before, good, f"requests at the origin, {name} at {target}")
    check(g.ask(get("/alice/", basic("bob", "wrong"))), "HTTP/1.1 401")


@scenario("auth/require-list-of-site")
def require_site(t):
    """require of a site holds for its routes, and goes when a route says auth anew."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\nrequire = alice\n/ = {o.url}\n/all/ = {o.url} auth=family\n")
    check(g.ask(get("/", basic("alice"))), "HTTP/1.1 200")
    true(g.ask(get("/", basic("bob"))).status in (401, 403), "bob got in")
    check(g.ask(get("/all/", basic("bob"))), "HTTP/1.1 200")


@scenario("auth/parallel")
def parallel(t):
    """A page of thirty requests at once with a right password that nobody has seen yet: all of them pass, by one look at a dear hash."""
    o, g = behind(t, top="requests = 40", people=f"[users family]\nalice = {mkpasswd(PASSWORDS['alice'], '-m', 'sha256crypt', '-R', '200000')}\n")
    clients = [g.client() for _ in range(30)]
    for i, c in enumerate(clients):
        c.send(get(f"/{i}", basic()))
    for c in clients:
        check(c.final(), "HTTP/1.1 200")
    true(not any("log-in" in line for line in g.err.lines), "something counts as failed")


# --- files that change ---------------------------------------------------------------

def replace(path, text):
    """As editors and htpasswd do it."""
    with open(path + ".new", "w") as f:
        f.write(text)
    os.rename(path + ".new", path)


class reloads:
    """Around a change of a file: gateway sees it by itself, and the old workers accept no more."""

    def __init__(self, t, g):
        self.t, self.g = t, g

    def __enter__(self):
        self.old, self.mark = set(self.g.workers()), self.g.mark()

    def __exit__(self, kind, *_):
        if not kind:
            self.g.logged(READY.pattern, self.mark)
            self.t.until(lambda: not self.old & set(self.g.workers()), "the old workers accept no more")


@scenario("auth/file-changes", slow=True)
def file_changes(t):
    """Who is put into the file can log in, who is taken out cannot; no signal is needed; a mistake in it leaves the old in use."""
    file = t.file("users", htpasswd("alice", PASSWORDS["alice"], "-2", "-r", "1000") + "\n")
    o = t.origin()
    g = guarded(t, f"[users family]\nfile = {file}\n[site a.example]\nauth = family\n/ = {o.url}\n", people="")
    g.deaths, g.before = True, {}  # workers come and go
    passes(g, "alice")
    fails(g, "bob", PASSWORDS["bob"])
    cookie = session(g)
    with reloads(t, g):
        tool("htpasswd", "-i", "-2", "-r", "1000", file, "bob", input=PASSWORDS["bob"].encode())
    passes(g, "bob")
    check(g.ask(get("/", cookie)), "HTTP/1.1 200")
    mark = g.mark()
    replace(file, "alice:plain\n")
    g.logged(rf"{re.escape(os.path.basename(g.file))}:\d+: .*{re.escape(file)}:1: .*alice", mark)
    passes(g, "alice")
    passes(g, "bob")
    with reloads(t, g):
        tool("htpasswd", "-i", "-2", "-r", "1000", "-c", file, "bob", input=PASSWORDS["bob"].encode())
    check(g.ask(get("/", cookie)), "HTTP/1.1 401")
    fails(g, "alice", PASSWORDS["alice"])
    passes(g, "bob")


@scenario("auth/networks-in-files", slow=True)
def networks_in_files(t):
    """allow, deny, open_to and trusted from files with comments; a change counts within seconds, a mistake does not."""
    nets = {n: t.file(n, text) for n, text in {"friends": "# at home\n\n127.0.0.3\n::1\n", "foes": "127.0.0.4  # him\n127.0.0.5/32\n", "proxies": "127.0.0.9\n"}.items()}
    o = t.origin()
    g = guarded(t, f"""[site a.example]
auth = family
open_to = {nets['friends']}, 127.0.0.6
deny = {nets['foes']}
/ = {o.url}
/only/ = {o.url} allow={nets['friends']}
""", top=f"trusted = {nets['proxies']}")
    g.deaths, g.before = True, {}

    def are(wanted):
        for target, source, fields, status in wanted:
            m = g.ask(get(target, *fields), source=source)
            equal(m.status, status, f"{target} from {source} with {fields}")
    are([("/", "127.0.0.1", [], 401), ("/", "127.0.0.3", [], 200), ("/", "127.0.0.6", [], 200), ("/", "127.0.0.4", [basic()], 403), ("/", "127.0.0.5", [], 403), ("/only/", "127.0.0.3", [], 200),
         ("/only/", "127.0.0.6", [], 403), ("/", "127.0.0.9", ["X-Forwarded-For: 127.0.0.3"], 200), ("/", "127.0.0.8", ["X-Forwarded-For: 127.0.0.3"], 401)])
    with reloads(t, g):
        replace(nets["friends"], "127.0.0.7\n")
    are([("/", "127.0.0.3", [], 401), ("/only/", "127.0.0.3", [basic()], 403), ("/only/", "127.0.0.7", [], 200)])
    mark = g.mark()
    replace(nets["friends"], "127.0.0.8\n127.0.0.300\n")
    g.logged(rf"{re.escape(nets['friends'])}:2: .*127\.0\.0\.300", mark)
    are([("/", "127.0.0.7", [], 200), ("/", "127.0.0.8", [], 401)])


@scenario("auth/network-file-mistakes", plain="about the file")
def network_files(t):
    """Files that are not there, are no files, or hold something else."""
    bad = t.file("bad", "10.0.0.0/8\nhome.example.org\n10.0.0.0/33\n")
    missing = os.path.join(t.dir, "missing")
    mistakes(t, GOOD + f"[site *]\nallow = {bad}\ndeny = {missing}\nopen_to = {t.dir}\n/ = reply:200\n", (4, f"{re.escape(bad)}:2: .*home\\.example\\.org"), (4, f"{re.escape(bad)}:3: .*10\\.0\\.0\\.0/33"), (5, "missing"), (6, re.escape(t.dir)))


# --- networks ------------------------------------------------------------------------

@scenario("auth/open-to")
def open_to(t):
    """No password from there; credentials and cookies that come all the same go on as they are."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\nopen_to = 127.0.0.2 127.0.1.0/24\nuser_header = X-Remote-User\n/ = {o.url}\n/strict/ = {o.url} open_to=127.0.0.3\n")
    for source in "127.0.0.2", "127.0.1.77":
        check(g.ask(get("/", "X-Remote-User: root"), source=source), "HTTP/1.1 200\n!Set-Cookie")
        check(o.requests[-1], "GET / HTTP/1.1\n!X-Remote-User")
    for source in "127.0.0.1", "127.0.2.1":
        check(g.ask(get(), source=source), "HTTP/1.1 401")
    check(g.ask(get("/", "Authorization: Bearer x", "Cookie: a=b"), source="127.0.0.2"), "HTTP/1.1 200")
    check(o.requests[-1], "GET / HTTP/1.1\nAuthorization: Bearer x\nCookie: a=b")
    check(g.ask(get("/strict/"), source="127.0.0.2"), "HTTP/1.1 401")
    check(g.ask(get("/strict/"), source="127.0.0.3"), "HTTP/1.1 200")


@scenario("auth/open-to-by-proxies")
def open_to_proxies(t):
    """The address that a trusted proxy names counts; nobody else's word does, nor any other field."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\nopen_to = 192.168.0.0/16 fd00::/8\ndeny = 192.168.66.0/24\n/ = {o.url}\n/lan/ = {o.url} allow=192.168.1.0/24 auth=none\n", top="trusted = 127.0.0.2, 10.0.0.0/8")
    for fields, proxied, alone in [
            (["X-Forwarded-For: 192.168.1.1"], 200, 401), (["X-Forwarded-For: fd00::1"], 200, 401), (["X-Forwarded-For: 203.0.113.9"], 401, 401), (["X-Forwarded-For: 192.168.1.1, 203.0.113.9"], 401, 401),
            (["X-Forwarded-For: 203.0.113.9, 192.168.1.1, 10.1.1.1"], 200, 401), (["X-Forwarded-For: 192.168.1.1", "X-Forwarded-For: 203.0.113.9"], 401, 401), (["X-Forwarded-For: 192.168.1.1, nonsense"], 401, 401),
            (["X_Forwarded_For: 192.168.1.1"], 401, 401), (["X-Real-IP: 192.168.1.1"], 401, 401), (["Forwarded: for=192.168.1.1"], 401, 401), (["X-Forwarded-For: 192.168.66.1"], 403, 401), (["X-Client-IP: 192.168.1.1"], 401, 401),
            (["X-Forwarded-For: 192.168.1.1", "Connection: X-Forwarded-For"], 200, 401), (["True-Client-IP: 192.168.1.1", "CF-Connecting-IP: 192.168.1.1"], 401, 401), (["X-Forwarded-For: ::ffff:192.168.1.1"], 200, 401)]:
        equal(g.ask(get("/", *fields), source="127.0.0.2").status, proxied, f"status with {fields} from the proxy")
        equal(g.ask(get("/", *fields), source="127.0.0.3").status, alone, f"status with {fields} from somebody")
    check(g.ask(get("/lan/", "X-Forwarded-For: 192.168.1.1"), source="127.0.0.2"), "HTTP/1.1 200")
    check(g.ask(get("/lan/", "X-Forwarded-For: 192.168.1.1"), source="127.0.0.3"), "HTTP/1.1 403")
    g.logged(r'^192\.168\.1\.1 - - ')


@scenario("auth/open-to-ip6")
def open_to_six(t):
    """By IPv6, and IPv4 by way of an IPv6 socket."""
    six, both = t.tcp6(), t.both()
    g = guarded(t, "[site a.example]\nauth = family\nopen_to = ::1, 127.0.0.2\n/ = reply:200\n", listen=[six, both])
    check(g.ask(place=six), "HTTP/1.1 200")
    check(g.ask(place=both, address="::1"), "HTTP/1.1 200")
    check(g.ask(place=both), "HTTP/1.1 401")
    check(g.ask(place=both, source="127.0.0.2"), "HTTP/1.1 200")


@scenario("auth/open-to-by-proxy-protocol", plain="the header comes before TLS")
def open_to_proxy_protocol(t):
    """The address in a PROXY header counts, where a trusted peer sends one."""
    g = guarded(t, "[site a.example]\nauth = family\nopen_to = 192.168.0.0/16\n/ = reply:200\n", listen=[(t.tcp(), "proxy")], top="trusted = 127.0.0.2")
    for source, client, status in ("127.0.0.2", "192.168.1.1", 200), ("127.0.0.2", "203.0.113.7", 401):
        check(g.ask(f"PROXY TCP4 {client} 127.0.0.1 1000 80\n".replace("\n", "\r\n").encode() + get("/", "X-Forwarded-For: 192.168.1.1"), source=source), f"HTTP/1.1 {status}")


@scenario("auth/deny-before-password")
def deny_first(t):
    """Who is denied is not asked, and no password helps; who is not allowed neither, open_to or not."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\nopen_to = 127.0.0.0/24\ndeny = 127.0.0.2\n/ = {o.url}\n/few/ = {o.url} allow=127.0.0.3\n")
    check(g.ask(get("/", basic()), source="127.0.0.2"), "HTTP/1.1 403\n!WWW-Authenticate")
    check(g.ask(get("/few/", basic())), "HTTP/1.1 403\n!WWW-Authenticate")
    o.nothing()
    check(g.ask(get("/few/"), source="127.0.0.3"), "HTTP/1.1 200")


# --- what the server gets to know ---------------------------------------------------------

@scenario("auth/user-header")
def user_header(t):
    """It says who it is, whatever the client says; on routes without a password it is gone; none ends it."""
    o = t.origin()
    g = guarded(t, f"""[site a.example]
auth = family
user_header = X-Remote-User
/ = {o.url}
/open/ = {o.url} auth=none
/other/ = {o.url} user_header=Remote-Name
/quiet/ = {o.url} user_header=none
""")
    for name in "alice", "bob":
        for credentials in basic(name), session(g, name):
            check(g.ask(get("/", "X-Remote-User: root", credentials, "x-remote-USER: root", "X_Remote_User: root", "Connection: X-Remote-User")), "HTTP/1.1 200")
            check(o.requests[-1], f"GET / HTTP/1.1\nX-Remote-User: {name}\n!X_Remote_User")
    check(g.ask(get("/open/", "X-Remote-User: root", "X_Remote_User: root")), "HTTP/1.1 200")
    check(o.requests[-1], "GET /open/ HTTP/1.1\n!X-Remote-User\n!X_Remote_User")
    check(g.ask(get("/other/", basic(), "Remote-Name: root", "X-Remote-User: root")), "HTTP/1.1 200")
    check(o.requests[-1], "GET /other/ HTTP/1.1\nRemote-Name: alice")
    check(g.ask(get("/quiet/", basic(), "X-Remote-User: root")), "HTTP/1.1 200")
    true("alice" not in o.requests[-1].raw.decode("latin-1"), "the user is told")
    true("root" not in o.requests[-1].all("X-Remote-User"), f"{o.requests[-1]!r}")


@scenario("auth/authorization")
def authorization(t):
    """gateway's own credentials are not the server's business; others' pass untouched as soon as the cookie is there."""
    o, g = behind(t)
    cookie = session(g)
    own, app = basic(), basic("app", "its own")
    for field in "Bearer abc.def", "Basic YXBwOnNlY3JldA==", "Digest username=\"x\"", "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=y", "Negotiate YII=":
        check(g.ask(get("/", cookie, "Authorization: " + field)), "HTTP/1.1 200\n!Set-Cookie")
        check(o.requests[-1], f"GET / HTTP/1.1\nAuthorization: {field}\n!Cookie")
    check(g.ask(get("/", cookie, app)), "HTTP/1.1 200")
    check(o.requests[-1], f"GET / HTTP/1.1\n{app}")
    # a browser goes on sending what its dialog was told
    check(g.ask(get("/", cookie, own)), "HTTP/1.1 200")
    check(o.requests[-1], "GET / HTTP/1.1\n!Authorization\n!Cookie")
    for _ in range(15):
        check(g.ask(get("/", cookie, app)), "HTTP/1.1 200")
    true(not any("log-in" in line for line in g.err.lines), "an application's own log-in counts as a failed one")
    # also where its user has the name of one of ours
    namesake = basic("alice", "another one, of the application")
    for _ in range(15):
        check(g.ask(get("/", cookie, namesake)), "HTTP/1.1 200")
        check(o.requests[-1], f"GET / HTTP/1.1\n{namesake}")
    true(not any("log-in" in line for line in g.err.lines), "an application's own log-in counts as a failed one")
    passes(g, "bob")
    check(g.ask(get("/", app)), "HTTP/1.1 401")
    # the server's own question goes to the client, and is not gateway's
    o.answers(ok(b"app asks", 'WWW-Authenticate: Basic realm="app"', status="401 Unauthorized"))
    check(g.ask(get("/", cookie)), 'HTTP/1.1 401\nWWW-Authenticate: Basic realm="app"\n\napp asks')


@scenario("auth/authorization-on-open-routes")
def authorization_open(t):
    """Where nobody is asked, credentials of one who has logged in from there, or shows that user's session, end here all the same; others are the server's."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n/open/ = {o.url} auth=none\n/net/ = {o.url} open_to=127.0.0.1\n")
    cookie = session(g, source="127.0.0.2")
    # who has not logged in cannot find out what is right by what the server then does
    check(g.ask(get("/open/", basic()), source="127.0.0.3"), "HTTP/1.1 200\n!Set-Cookie")
    check(o.requests[-1], f"GET /open/ HTTP/1.1\n{basic()}")
    check(g.ask(get("/open/", basic(), cookie), source="127.0.0.3"), "HTTP/1.1 200\n!Set-Cookie")
    check(o.requests[-1], "GET /open/ HTTP/1.1\n!Authorization")
    check(g.ask(get("/", basic())), "HTTP/1.1 200")
    for target in "/open/", "/net/":
        check(g.ask(get(target, basic())), "HTTP/1.1 200\n!Set-Cookie")
        check(o.requests[-1], f"GET {target} HTTP/1.1\n!Authorization")
        for field in basic("app", "its own"), basic("alice", "another"), "Authorization: Bearer x":
            check(g.ask(get(target, field)), "HTTP/1.1 200\n!Set-Cookie")
            check(o.requests[-1], f"GET {target} HTTP/1.1\n{field}")


@scenario("auth/access-log-json")
def log_json(t):
    _, g = behind(t, top="log_format = json")
    check(g.ask(get("/x", basic())), "HTTP/1.1 200")
    line = g.logged(r'"status": ?200')
    true(re.search(r'"user": ?"alice"', line), line)


@scenario("auth/shown", plain="about the file")
def shown(t):
    """check tells of every route who may pass."""
    file = t.file("g.ini", GOOD + users() + "[site a.example]\nauth = family\n/ = reply:200\n/open/ = reply:200 auth=none\n/alice/ = reply:200 require=alice\n")
    said = t.run("-c", file, "check")
    for target, words in ("/", "family"), ("/alice/", "family.*alice"):
        true(re.search(rf"(?m)a\.example(:8080)?{target} .*{words}", said), f"{target} should say {words}: {said}")
    true(not re.search(r"(?m)a\.example(:8080)?/open/ .*family", said), said)
    true("$5$" not in said, f"hashes are shown: {said}")
    true(not os.path.exists(os.path.join(t.dir, "state")), "check made something")


# --- gateway passwd ---------------------------------------------------------------------

def line_works(t, line, name, password):
    true(re.fullmatch(rf"{name} = \$\S+", line), f"the line: {line!r}")
    g = guarded(t, f"[users family]\n{line}\n[site a.example]\nauth = family\n/ = reply:200\n", people="")
    passes(g, name, password)
    fails(g, name, password + "x")


@scenario("auth/passwd-pipe", plain="about no connection")
def passwd_pipe(t):
    """From a pipe: the line and nothing else; it can be put into [users] as it is. Twice is not the same."""
    said = [subprocess.run([t.binary, "passwd", "alice"], input=b"wonder land\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT) for _ in range(2)]
    for p in said:
        equal((p.returncode, p.stderr), (0, b""))
    true(said[0].stdout != said[1].stdout, "the same salt twice")
    line = said[0].stdout.decode()
    true(line.endswith("\n") and line.count("\n") == 1 and "wonder" not in line, f"{line!r}")
    line_works(t, line[:-1], "alice", "wonder land")
    # without a line end, and with that of Windows
    for data in b"wonder land", b"wonder land\r\n":
        p = subprocess.run([t.binary, "passwd", "alice"], input=data, stdout=subprocess.PIPE, timeout=WAIT)
        line_works(t, p.stdout.decode().strip(), "alice", "wonder land")
    libcrypt = b"libcrypt" in subprocess.run(["ldd", t.binary], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    true(re.search(r"\$2[by]\$|\$y\$" if libcrypt else r"\$[26y]", line), f"not the strongest scheme: {line}")


@scenario("auth/passwd-mistakes", plain="about no connection")
def passwd_mistakes(t):
    for args, data in [(["passwd"], b"x\n"), (["passwd", "a:b"], b"x\n"), (["passwd", ""], b"x\n"), (["passwd", "alice"], b"\n"), (["passwd", "alice"], b""), (["passwd", "alice"], b"x" * 400 + b"\n"), (["passwd", "a\nb"], b"x\n"), (["passwd", "a" * 200], b"x\n"),
                       (["passwd", "alice"], b"a\0b\n"), (["passwd", "alice", "bob"], b"x\n")]:
        p = subprocess.run([t.binary, *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT)
        true(p.returncode == 2, f"{args} with {data!r}: exit code {p.returncode}, {p.stdout!r}, {p.stderr!r}")
        true(p.stderr.startswith(b"gateway: ") and not p.stdout, f"{args}: {p.stdout!r}, {p.stderr!r}")


OWN_TERMINAL = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Terminal:
    """gateway passwd at a terminal of its own; what it prints goes where the caller redirects it."""

    def __init__(self, t, *args):
        self.master, slave = pty.openpty()
        self.t, self.seen, self.lock = t, b"", threading.Lock()

        self.process = subprocess.Popen([sys.executable, "-c", OWN_TERMINAL, t.binary, *args], stdin=slave, stdout=subprocess.PIPE, stderr=slave)
        t.processes.append(self.process)
        self.slave = slave
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while True:
            try:
                data = os.read(self.master, 4096)
            except OSError:
                return
            with self.lock:
                self.seen += data
            if not data:
                return

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def asked(self, count):
        """Until it has asked so often and does not show what is typed."""
        self.t.until(lambda: len(re.findall(rb"for alice: ", self.seen)) >= count and not self.echoes(), f"it asks {count} times without echo: {self.seen}")

    def type(self, data):
        os.write(self.master, data)

    def end(self):
        out = self.process.communicate(timeout=WAIT)[0]
        true(self.echoes(), "the terminal is left without echo")
        os.close(self.slave)
        self.thread.join(WAIT)
        os.close(self.master)
        return self.process.returncode, out.decode()


@scenario("auth/passwd-terminal", plain="about no connection")
def passwd_terminal(t):
    """At a terminal it asks twice and shows nothing; the line alone goes to standard output."""
    p = Terminal(t, "passwd", "alice")
    p.asked(1)
    p.type(b"wonder land\n")
    p.asked(2)
    p.type(b"wonder land\n")
    code, out = p.end()
    equal(code, 0, "exit code")
    true(b"wonder" not in p.seen, f"it was shown: {p.seen}")
    line_works(t, out.rstrip("\n"), "alice", "wonder land")


@scenario("auth/passwd-terminal-differs", plain="about no connection")
def passwd_differs(t):
    """Two different ones are a mistake; Ctrl-C ends it; the terminal is as it was each time."""
    p = Terminal(t, "passwd", "alice")
    p.asked(1)
    p.type(b"wonder land\n")
    p.asked(2)
    p.type(b"wonderland\n")
    code, out = p.end()
    equal((code, out), (2, ""), f"exit code and output ({p.seen})")
    p = Terminal(t, "passwd", "alice")
    p.asked(1)
    p.type(b"wonder\x03")
    code, out = p.end()
    true(code != 0 and not out, f"after Ctrl-C: {code}, {out!r}")
    true(b"wonder" not in p.seen, f"it was shown: {p.seen}")
