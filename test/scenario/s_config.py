# SPDX-License-Identifier: MIT
"""The configuration and the command line: mistakes told in one go, check, explain, words."""
import os
import pwd
import re
import signal
import subprocess

from harness import scenario
from wire import Client, Wrong, check, equal, get, ok, true


def write(t, text):
    return t.file("gateway.ini", text)


def mistakes(t, text, *wanted):
    """All of these are told, each with its line, in one go; exit code 2, from the check and from the start."""
    file = write(t, text)
    for args in ["-c", file, "check"], ["-c", file]:
        said = t.run(*args, code=2)
        for line, pattern in wanted:
            if not re.search(rf"(?m)^{re.escape(file)}:{line}: .*{pattern}", said):
                raise Wrong(f"line {line} should say {pattern!r}: {said}")
        lines = [l for l in said.split("\n") if l]
        true(len(lines) <= len(wanted) + 1, f"more was said than is wrong: {said}")


GOOD = "[gateway]\nlisten = 127.0.0.1:8080\n"  # never started by these


def mistake(name, text, *wanted):
    scenario(f"config/{name}")(lambda t: mistakes(t, text, *wanted))


mistake("unknown-key", GOOD + "upstraem = x\n[site *]\n/ = reply:200\n", (3, "unknown key 'upstraem'"))
mistake("unknown-key-nearest", GOOD + "worker = 2\n[site *]\n/ = reply:200\n", (3, "unknown key 'worker'.*'workers'"))
mistake("unknown-section", GOOD + "[sites x]\n/ = reply:200\n[site *]\n/ = reply:200\n", (3, "unknown section 'sites.*'site'"))
mistake("all-in-one-go", """[gateway]
listen = 127.0.0.1:8080
listen = 127.0.0.1:99999
workers = many
head_timeout = 10
colour = blue
[site *]
/ = http://127.0.0.1:1 wieght=3
/x = http://
/y/ = gopher://x
/z/ = reply:99
deny = 300.1.2.3
[site *]
/ = reply:200
""", (3, "99999"), (4, "many"), (5, "'10'"), (6, "colour"), (8, "wieght.*weight"), (9, "http://"), (10, "gopher"), (11, "99"), (12, "300"), (13, "already"))
mistake("out-of-range", GOOD + "workers = 0\nclients = 0\nper_client = -1\nbuffer = 100\n[site *]\n/ = reply:200\n", (3, "workers"), (4, "clients"), (5, "per_client"), (6, "buffer"))
mistake("twice", GOOD + "workers = 1\nworkers = 2\n[site *]\n/ = reply:200\n", (4, "already.*line 3"))
mistake("wrong-place", GOOD + "[site *]\nworkers = 2\n/ = reply:200\n", (4, "workers.*does not belong.*gateway"))
mistake("route-in-gateway", GOOD + "/ = reply:200\n[site *]\n/ = reply:200\n", (3, "'/'"))
mistake("redirect-to-nothing", "[gateway]\nlisten = 127.0.0.1:8080 redirect\n[site *]\n/ = reply:200\n", (2, "nothing answers there.*:443 tls"))
mistake("redirect-not-for-all", "[gateway]\nlisten = 127.0.0.1:8080 redirect\nlisten = 127.0.0.1:8443 tls\nstate = /nowhere\n[site *]\n/ = reply:200\n[site b]\nlisten = 127.0.0.1:8080 redirect\n/ = reply:200\n",
        (2, "\\[site b\\].*tls"))
mistake("redirect-and-tls", "[gateway]\nlisten = 127.0.0.1:8443 redirect tls\n[site *]\n/ = reply:200\n", (2, "either 'tls' or a 'redirect'"))
mistake("tls-misspelt", "[gateway]\nlisten = 127.0.0.1:8443 tsl\n[site *]\n/ = reply:200\n", (2, "'tsl'.*'tls'"))
mistake("tls-files-missing", "[gateway]\nlisten = 127.0.0.1:8443 tls\nstate = /nowhere\n[site *]\ncert = /nowhere.crt\nkey = /nowhere.key\nhsts = on\nclient_ca = /nowhere.ca\n"
        "/ = https://127.0.0.1 ca=/nowhere.pem\n/a/ = https://127.0.0.1 verify=no\n/b/ = https://127.0.0.1 verify=pin:sha256:12\n/c/ = http://127.0.0.1:1 verify=off\n",
        (5, "nowhere.crt"), (6, "nowhere.key"), (7, "'on'"), (8, "nowhere.ca"), (9, "nowhere.pem"), (10, "'no'"), (11, "SHA-256"), (12, "https:// targets only"))
mistake("not-yet-others", GOOD + "[site *]\n/a/ = file:/srv\n/b/ = mock:/srv\n/c/ = status:\n/d/ = metrics:\n",
        (4, "not available"), (5, "not available"), (6, "not available"), (7, "not available"))
mistake("users", GOOD + "[site *]\nauth = famly\nopen_to = 10.0.0.0/33\n/a/ = reply:200 auth=family require=bob\n[users family]\nalice = secret\nfile = /nowhere/htpasswd\n",
        (4, "'family'"), (5, "10.0.0.0/33"), (8, "plain text"), (9, "nowhere/htpasswd"))
mistake("not-yet-rewrite", GOOD + "[site *]\n/x/ = http://127.0.0.1:1 rewrite=on\n", (4, "not available"))
mistake("cache-misplaced", GOOD + "cache = on\n[site *]\n/ = http://127.0.0.1:1 cache=4M\n/x/ = reply:200 cache=on\n", (3, "size of the whole cache"), (5, "stands in \\[gateway\\]"), (6, "servers"))
mistake("line-too-long", GOOD + "[site *]\n/ = http://127.0.0.1:1 " + "x" * 200 + "\n", (4, "characters"))
mistake("key-too-long", GOOD + "[site *]\n/" + "x" * 60 + "/ = http://127.0.0.1:1\n/ = reply:200\n", (4, "49|path"))
mistake("section-too-long", GOOD + "[site " + "x" * 60 + "]\n/ = reply:200\n", (3, "49"))
mistake("indented-key", GOOD + "[site *]\n/ = reply:200\n  workers = 2\n", (5, "indented"))
mistake("indented-nothing-above", GOOD + "[site *]\n   http://127.0.0.1:1\n/ = reply:200\n", (4, "indented"))
mistake("no-equals", GOOD + "[site *]\nnonsense\n/ = reply:200\n", (4, "nonsense"))
mistake("colon-for-equals", GOOD + "[site *]\nhost: x\n/ = reply:200\n", (4, "key = value"))
mistake("bracket-missing", GOOD + "[site *\n/ = reply:200\n", (3, "']' is missing"))
mistake("hash-comment-in-line", GOOD + "[site *]\n/ = http://127.0.0.1:1 # hello\n", (4, "comment"))
mistake("control-byte", GOOD + "[site *]\n/ = http://127.0.0.1:1\x01\n", (4, "0x01"))
mistake("same-host-twice", GOOD + "[site a]\nhost = x.example\n/ = reply:200\n[site b]\nhost = X.example\n/ = reply:200\n", (6, "x\\.example.*line 3|x\\.example|X\\.example"))
mistake("bad-when", GOOD + "[site *]\n/a/ = reply:200 when=moon:full\n/b/ = reply:200 when=from:nowhere\n/c/ = reply:200 when=method:\n", (4, "moon"), (5, "nowhere"), (6, "method"))
mistake("bad-header", GOOD + "header = Connection: close\nheader = no colon\nrequest_header = X-Forwarded-For: x\nheader = B d: x\n[site *]\n/ = reply:200\n",
        (3, "Connection"), (4, "no colon"), (5, "X-Forwarded-For"), (6, "B d"))
mistake("bad-path", GOOD + "[site *]\n/ = reply:200\n/../x/ = reply:200\n/a?b/ = reply:200\n", (5, "\\.\\./x"), (6, "a\\?b"))
mistake("bad-listen", "[gateway]\nlisten = 80\nlisten = 1.2.3.4\nlisten = :0\nlisten = name:80\nlisten = 127.0.0.1:80\n[site *]\n/ = reply:200\n", (2, "':80'"), (3, "port"), (4, "0"), (5, "name"))
mistake("same-listen-twice", "[gateway]\nlisten = 127.0.0.1:8080\nlisten = 127.0.0.1:8080 proxy\n[site *]\n/ = reply:200\n", (3, "already in line 2"))
mistake("only-backups", GOOD + "[site *]\n/ = http://127.0.0.1:1 backup\n", (4, "backup"))
mistake("route-without-path", GOOD + "[site a]\n/ = reply:200\n[route x]\nsite = a\nto = reply:200\n", (5, "no 'path"))
mistake("route-without-site", GOOD + "[site a]\n/ = reply:200\n[route x]\nsite = b\npath = /\nto = reply:200\n", (5, "no \\[site b\\]"))


@scenario("config/no-file")
def no_file(t):
    said = t.run("-c", f"{t.dir}/none.ini", code=None)
    true("none.ini" in said and "o such file" in said, said)
    said = t.run("-c", f"{t.dir}/none.ini", "check", code=2)
    true("none.ini" in said, said)


@scenario("config/directory")
def directory(t):
    said = t.run("-c", t.dir, "check", code=2)
    true("directory" in said.lower(), said)


@scenario("config/empty")
def empty(t):
    said = t.run("-c", write(t, ""), code=2)
    true("listen" in said and "site" in said, said)


@scenario("config/spellings")
def spellings(t):
    """CRLF, a byte-order mark, comments, blanks, no final newline."""
    o, place = t.origin(), t.tcp()
    text = f"\ufeff; a comment\r\n# another\r\n\r\n[gateway]\r\nlisten={place.text} ; behind a blank\r\n  \r\naccess_log =stderr\r\nerror_log= stderr\r\n[ site * ]\r\n/={o.url}\r\n/x/ =   {o.url}   weight=2   ; two\r\n  {o.url}/y/"
    g = t.gateway(words=["-c", write(t, text)], listen=[place])
    check(g.ask(), "HTTP/1.1 200")


CHECK = """[gateway]
listen = 127.0.0.1:8080
clients = 100
requests = 20
buffer = 16k

[site home.example.org]
host = home.example.org, home.lan
/ = http://192.168.1.10
/printer/ = http://192.168.1.20:5000/
/nas/ = http://192.168.1.2:5001
/api/ = http://10.0.0.5:8000 weight=2
        http://10.0.0.6:8000
        http://10.0.0.7:8000 backup
/old/ = redirect:https://new.example.org/
/no/ = reply:404
/x/ = http://10.0.0.9 when=method:POST

[site *]
/ = unix:/run/app.sock
"""


@scenario("config/check-table")
def check_table(t):
    """Public URL -> backend URL, and memory term by term with its sum; exit code 0, nothing is started."""
    said = t.run("-c", write(t, CHECK), "check")
    for public, backend in [("home.example.org(:8080)?/", "http://192.168.1.10"), ("home.example.org(:8080)?/printer/", "http://192.168.1.20:5000/"),
                            ("home.example.org(:8080)?/nas/", "http://192.168.1.2:5001/nas/"), ("home.example.org(:8080)?/old/", "https://new.example.org/"),
                            ("/no/", "404")]:
        if not re.search(rf"{public}\s.*{re.escape(backend)}", said):
            raise Wrong(f"no line {public} -> {backend}: {said}")
    for word in "home.lan", "10.0.0.5:8000", "10.0.0.6:8000", "10.0.0.7:8000", "backup", "method:POST", "unix:/run/app.sock":
        true(word in said, f"{word!r} is not shown: {said}")
    terms = re.findall(r"(\d+) x\s+(\d+) =\s+(\d+)", said)
    true(len(terms) >= 4, f"no memory: {said}")
    for count, size, product in terms:
        true(abs(int(count) * int(size) - int(product)) <= int(count), f"{count} x {size} is not {product}")
    true(re.search(r"together\s+\d+ \(\d+\.\d MB\)", said), said)


@scenario("config/check-writes-nothing")
def check_nothing(t):
    before = sorted(os.listdir(t.dir))
    file = write(t, CHECK)
    t.run("-c", file, "check")
    equal(sorted(os.listdir(t.dir)), sorted([*before, "gateway.ini"]))


@scenario("config/default-file")
def default_file(t):
    """gateway.ini of the current directory."""
    write(t, CHECK)
    true("192.168.1.10" in t.run("check"), "it was not found")


@scenario("config/shipped-file")
def shipped(t):
    """The shipped gateway.ini is right."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    t.run("-c", os.path.join(root, "gateway.ini"), "check")


@scenario("config/memory-is-what-check-says")
def memory(t):
    """The sum of `check` is the sum of its terms."""
    said = t.run("-c", write(t, CHECK.replace("clients = 100", "clients = 100\nworkers = 3")), "check")
    true(re.search(r"workers\s+3 x", said), said)


@scenario("config/explain")
def explain(t):
    file = write(t, CHECK)
    for args, words in [(["http://home.example.org/printer/status"], ["home.example.org", "/printer/", "http://192.168.1.20:5000/"]),
                        (["http://home.example.org/x/", "--method", "POST"], ["10.0.0.9"]),
                        (["http://other.example/"], ["unix:/run/app.sock"])]:
        said = t.run("-c", file, "explain", *args)
        for word in words:
            true(word in said, f"explain {args}: {word!r} is missing: {said}")
    true("400" in t.run("-c", file, "explain", "http://home.example.org/../x"), "a refusal is told")


@scenario("config/command-line")
def command_line(t):
    true(re.match(r"gateway \d+\.\d+", t.run("-V")), "-V")
    said = t.run("-h")
    for word in "check", "explain", "-c", ":8080 /nas/=http":
        true(word in said, f"-h does not tell {word}")
    t.run("--nonsense", code=2)
    t.run("nonsense", code=2)
    true("'tls'" in t.run(":8443", "tsl", "/=reply:200", code=2), "a word behind an address")
    t.run("-c", code=2)
    true("not available" in t.run("probe", "http://127.0.0.1/", code=2), "probe")


@scenario("config/warning")
def warning(t):
    """What is odd is told with its line, is no mistake, and check says so."""
    text = GOOD + "hsts = 1y\n[site *]\n/ = reply:200\n"
    said = t.run("-c", write(t, text), "check", code=2)
    true(re.search(r"(?m)^\S*gateway\.ini:3: warning: 'hsts' is for 'tls' listeners", said), said)
    place = t.tcp()
    g = t.gateway(words=["-c", write(t, text.replace("127.0.0.1:8080", place.text))], listen=[place])
    check(g.ask(), "HTTP/1.1 200")
    g.logged(r"gateway\.ini:3: .*'hsts' is for 'tls' listeners")


@scenario("words/routes")
def words(t):
    """gateway LISTEN ROUTE... runs without a file."""
    o, place = t.origin(), t.tcp()
    g = t.gateway(words=[place.text, f"/nas/={o.url}/", f"/={o.url}"], listen=[place])
    check(g.ask(get("/nas/x")), "HTTP/1.1 200")
    check(g.ask(get("/y")), "HTTP/1.1 200")
    equal([m.target for m in o.requests], ["/x", "/y"])
    check(g.ask(get("/nas")), "~HTTP/1\\.1 30[1278] .*")


@scenario("words/options")
def words_options(t):
    a, b, place = t.origin(answers=ok(b"a")), t.origin(answers=ok(b"b")), t.tcp()
    g = t.gateway(words=[place.text, f"/={a.url}", b.url, "max_fails=1"], listen=[place])
    equal({g.ask().body for _ in range(4)}, {b"a", b"b"})


@scenario("words/mistakes")
def words_mistakes(t):
    place = t.tcp()
    said = t.run(place.text, "/=gopher://x", "/a/=http://127.0.0.1:99999", code=2)
    true("gopher" in said and "99999" in said, said)
    t.run(place.text, code=2)
    t.run("/=http://127.0.0.1:1", code=2)
    t.run("-c", "x.ini", place.text, "/=http://127.0.0.1:1", code=2)


@scenario("words/reload")
def words_reload(t):
    """SIGHUP without a file: the same words again, nothing is lost."""
    o, place = t.origin(), t.tcp()
    g = t.gateway(words=[place.text, f"/={o.url}"], listen=[place])
    mark = g.mark()
    g.deaths, g.before = True, {}
    g.signal(signal.SIGHUP)
    g.logged("ready", mark)
    check(g.ask(), "HTTP/1.1 200")


@scenario("config/user-drops-rights")
def user(t):
    """user = nobody: workers run as nobody, the supervisor keeps its rights; works as root only."""
    if os.getuid() != 0:
        # not root: it says that it cannot, and runs on
        o = t.origin()
        g = t.gateway(f"[site *]\n/ = {o.url}\n", top="user = nobody")
        check(g.ask(), "HTTP/1.1 200")
        g.logged("(?i)not started as root")
        return
    nobody = pwd.getpwnam("nobody")
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="user = nobody")
    check(g.ask(), "HTTP/1.1 200")

    def ids(pid):
        with open(f"/proc/{pid}/status") as f:
            status = f.read()
        return [re.search(rf"{name}:[ \t]*(.*)", status).group(1).split() for name in ("Uid", "Gid", "Groups")]

    def dropped(pid):
        uids, gids, groups = ids(pid)
        return uids == [str(nobody.pw_uid)] * 4 and gids == [str(nobody.pw_gid)] * 4 and groups in ([], [str(nobody.pw_gid)])
    # who answers has dropped his rights before; the offload process may still be at it
    (worker,) = g.workers(1)
    true(dropped(worker), f"the worker's ids: {ids(worker)}")
    t.until(lambda: all(map(dropped, g.processes())), "the offload process drops its rights")
    g.reload()
    check(g.ask(), "HTTP/1.1 200")


@scenario("config/not-root")
def not_root(t):
    """gateway runs as anybody, on a port that anybody may have."""
    if os.getuid() != 0:
        return
    o, place = t.origin(), t.tcp()
    file = write(t, f"[gateway]\nlisten = {place.text}\naccess_log = off\nerror_log = stderr\n[site *]\n/ = {o.url}\n")
    os.chmod(file, 0o644)
    binary = os.path.join(t.dir, "gateway")
    with open(t.binary, "rb") as f, open(binary, "wb") as out:
        out.write(f.read())
    os.chmod(binary, 0o755)
    p = t.spawn([binary, "-c", file], stderr=subprocess.DEVNULL, user="nobody", group="nogroup", extra_groups=[])
    t.until(place.listening, "gateway listens")
    c = Client(place.connect())
    check(c.ask(get()), "HTTP/1.1 200")
    c.close()
    p.terminate()
    t.until(lambda: p.poll() is not None, "gateway ends")
    equal(p.returncode, 0)
