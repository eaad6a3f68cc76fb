# SPDX-License-Identifier: MIT
"""login - who has which password, and what does a session look like to a client?

Hashes are made by other programs than gateway: openssl passwd where any will do,
Debian's htpasswd and mkpasswd where the scheme matters; always as cheap ones as
there are. Knows no scenario.
"""
import base64
import contextlib
import functools
import html.parser
import os
import re
import signal
import subprocess
import urllib.parse

import wire
from s_peers import program
from wire import Wrong, equal, get, post, true

PASSWORDS = {"alice": "wonder land", "bob": "builder:1"}
FIELDS = {"Path": "/", "HttpOnly": None, "SameSite": "Lax"}


def tool(*args, input=b""):
    p = subprocess.run([program(args[0]), *args[1:]], input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=wire.WAIT)
    if p.returncode:
        raise Wrong(f"{args}: {p.stderr.decode()}")
    return p.stdout.decode().strip()


def htpasswd(name, password, *how):
    """A line NAME:HASH by Apache's own program."""
    return tool("htpasswd", "-ni", *how, name, input=password.encode())


def mkpasswd(password, *how):
    return tool("mkpasswd", *how, "-s", input=password.encode())


@functools.lru_cache(maxsize=None)
def cheap(password, salt="saltsalt"):
    """A hash of this password that costs as little as one may."""
    return tool("openssl", "passwd", "-5", "-salt", "rounds=1000$" + salt, "-stdin", input=password.encode())


def users(label="family", passwords=None, **more):
    """A section [users LABEL]."""
    everybody = {**(PASSWORDS if passwords is None else passwords), **more}
    return f"[users {label}]\n" + "".join(f"{name} = {cheap(p)}\n" for name, p in everybody.items())


def basic(name="alice", password=None):
    """The field that carries these credentials (RFC 7617)."""
    pair = f"{name}:{PASSWORDS.get(name, '') if password is None else password}"
    return "Authorization: Basic " + base64.b64encode(pair.encode()).decode()


def guarded(t, site, *, top="", people=None, **how):
    """A gateway with this text of sites and users alice and bob, and a directory for its state."""
    return t.gateway(f"{users() if people is None else people}\n{site}", top=f"state = {t.dir}/state\n{top}", **how)


def behind(t, words="", *, top="", route="", script=None, answers=None, **how):
    """One origin behind one guarded site."""
    o = t.origin(script, answers=answers)
    return o, guarded(t, f"[site a.example]\nauth = family\n{words}\n/ = {o.url} {route}\n", top=top, **how)


# --- sessions -----------------------------------------------------------------------

def name_of(label="family"):
    """Of the cookie, in this run."""
    return ("__Host-gateway-login-" if wire.SCHEME == "https" else "gateway-login-") + label


def set_cookie(message, name=None):
    """Value and attributes of the cookie of ours that is set; None."""
    name = name or name_of()
    found = [v for v in message.all("Set-Cookie") if v.partition("=")[0] == name]
    if not found:
        return None
    equal(len(found), 1, f"fields that set {name}")
    pair, *attributes = found[0].split("; ")
    return pair.partition("=")[2], {a.partition("=")[0]: a.partition("=")[2] if "=" in a else None for a in attributes}


def session(g, name="alice", password=None, *, label="family", target="/", host="a.example", **how):
    """The field with the cookie that a log-in by Basic gives."""
    m = g.ask(get(target, basic(name, password), host=host), **how)
    found = set_cookie(m, name_of(label))
    true(m.status < 400 and found, f"{name} gets no session: {m!r}")
    return f"Cookie: {name_of(label)}={found[0]}"


def value(cookie):
    return cookie.partition("=")[2]


# --- the page -----------------------------------------------------------------------

NAVIGATION = ("Accept: text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")


def page(target="/", *fields, **how):
    """A browser goes there."""
    return get(target, *NAVIGATION, *fields, **how)


class Form(html.parser.HTMLParser):
    """The form of a page as a browser sees it: where it goes, what its fields are called and hold."""

    def __init__(self, body):
        super().__init__()
        self.forms, self.inputs, self.tags, self.words = [], {}, [], ""
        self.feed(body.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag == "form":
            self.forms.append(attrs)
        if tag == "input" and attrs.get("name"):
            self.inputs[attrs["name"]] = attrs

    def handle_data(self, data):
        self.words += data

    @property
    def to(self):
        return self.inputs["to"]["value"]


def origin(host="a.example"):
    return f"Origin: {wire.SCHEME}://{host}"


def submit(name="alice", password=None, to="/", *fields, host="a.example", target="/.gateway/login", sends=None, raw=None):
    """The form as a browser sends it; sends: in place of the usual fields that say where it comes from."""
    body = urllib.parse.urlencode({"user": name, "password": PASSWORDS.get(name, "") if password is None else password, **({} if to is None else {"to": to})})
    usual = (origin(host), "Sec-Fetch-Site: same-origin", *NAVIGATION) if sends is None else sends
    return post(body.encode() if raw is None else raw, "Content-Type: application/x-www-form-urlencoded", *usual, *fields, target=target, host=host)


def enter(g, name="alice", password=None, *, to="/", label="family", host="a.example", **how):
    """The field with the cookie that a log-in by the form gives."""
    m = g.ask(submit(name, password, to, host=host), **how)
    found = set_cookie(m, name_of(label))
    true(m.status == 303 and found, f"{name} gets no session: {m!r}")
    return f"Cookie: {name_of(label)}={found[0]}"


AT_ONCE = 5  # further passwords of one who has failed already may find no place


# --- failing ------------------------------------------------------------------------

def fail(g, count, *, name="alice", source=None, status=401, first=0, target="/", host="a.example"):
    """So many wrong passwords, each another, as many at once as there is room for; the answers."""
    answers = []
    for i in range(0, count, AT_ONCE):
        clients = []
        for k in range(i, min(i + AT_ONCE, count)):
            c = g.client(source=source)
            c.send(get(target, basic(name, f"wrong {source} {first + k}"), host=host))
            clients.append(c)
        for c in clients:
            answers.append(c.final())
            c.close()
    for m in answers:
        if m.status != status:
            raise Wrong(f"a wrong password got {m!r}")
    return answers


def failed(client, name="alice", site="a.example"):
    """The line of the log, as a pattern."""
    return rf'failed log-in from {re.escape(client)} as "{re.escape(name)}" on site {re.escape(site)}$'


# --- the password process -------------------------------------------------------------

def looker(g):
    """The process that looks at passwords."""
    for pid in g.processes():
        with open(f"/proc/{pid}/comm") as f:
            if f.read() == "gateway-login\n":
                return pid
    raise Wrong("there is no process for passwords")


@contextlib.contextmanager
def nobody_looks(g):
    """Meanwhile every password that is not known by now waits."""
    pid = looker(g)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
