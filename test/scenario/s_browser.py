# SPDX-License-Identifier: MIT
"""Logging in with Chromium: dialog and form, what is wrong, what lasts, the way out, and what stands behind it."""
import base64
import hashlib
import re

from browser import Browser
from harness import scenario
from login import PASSWORDS, guarded
from s_tls import shop, shows
from wire import equal, http, ok, true

HTML = "Content-Type: text/html"
TALK = """new Promise((good, bad) => {
	const s = new WebSocket(location.origin.replace("http", "ws") + "/ws/"), seen = [];
	s.onopen = () => s.send("hello");
	s.onmessage = (m) => { seen.push(m.data); s.close(1000); };
	s.onclose = (e) => good([...seen, e.code]);
})"""


def frame(link):
    """A frame of a WebSocket, unmasked; short ones only."""
    kind, size = link.exactly(2)
    mask = link.exactly(4)
    return kind, bytes(b ^ mask[i % 4] for i, b in enumerate(link.exactly(size & 127)))


def serve(link):
    """Pages, an application with its own Basic log-in at /app/, a WebSocket that says everything again at /ws/."""
    app = "Basic " + base64.b64encode(b"app:its own").decode()
    while (m := link.request()) is not None:
        if m.all("Upgrade"):
            accept = base64.b64encode(hashlib.sha1(m.get("Sec-WebSocket-Key").encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
            link.send(http(f"HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Accept: {accept}\n\n"))
            kind, said = frame(link)
            while kind == 0x81:
                link.send(bytes([kind, len(said)]) + said)
                kind, said = frame(link)
            link.send(bytes([kind, len(said)]) + said)
            return
        if m.target.startswith("/app/") and m.get("Authorization") != app:
            link.send(ok(b"app asks", HTML, 'WWW-Authenticate: Basic realm="app"', status="401 Unauthorized"))
        elif m.target == "/favicon.ico":
            link.send(ok(b"", status="404 Not Found"))
        else:
            link.send(ok(f"<!doctype html><title>x</title><body>inside {m.target} as {m.get('X-Remote-User')}".replace("&", "&amp;").encode(), HTML, "Set-Cookie: app=1"))


class Home:
    """gateway in front of it, over TLS or not, and a browser."""

    def __init__(self, t, words="", tls=True, **how):
        self.t, self.words, self.tls, self.place = t, words, tls, t.tcp()
        self.o = t.origin(serve)
        self.start()
        self.url = f"http{'s' * tls}://a.example:{self.place.port}"
        self.b = Browser(t, shop().server.pin, **how)

    def start(self):
        site = f"[site a.example]\n{shows(shop().server) if self.tls else ''}auth = family\nuser_header = X-Remote-User\n{self.words}\n/ = {self.o.url}\n"
        self.g = guarded(self.t, site, listen=[(self.place, "tls" if self.tls else "")])

    def restart(self):
        self.g.stop()
        self.start()

    def inside(self, target, name="alice"):
        equal(self.b.go(self.url + target), (200, self.url + target), "page")
        equal(self.b.text(), f"inside {target} as {name}")

    def clean(self):
        """Nothing of ours got to the server."""
        for m in self.o.requests:
            text = m.raw.decode("latin-1")
            true("gateway-login" not in text and not any("YWxpY2U6" in v for v in m.all("Authorization")), f"the server saw {text}")

    def log_in(self, name="alice", password=None):
        self.b.type("user", name)
        self.b.type("password", PASSWORDS[name] if password is None else password)
        return self.b.loads(self.b.enter)


@scenario("real/browser-dialog", slow=True)
def dialog(t):
    """The browser's own dialog, once: wrong, then right; from then on the cookie does, for a WebSocket and after a restart too, and for an application that has a dialog of its own."""
    typed = {"family": [("alice", "wrong"), ("alice", PASSWORDS["alice"])], "app": [("app", "its own")]}
    h = Home(t, credentials=lambda realm: typed[realm].pop(0) if typed.get(realm) else None)
    h.inside("/x?y=1")
    equal(h.b.dialogs, ["family", "family"], "dialogs")
    cookie = h.b.cookies()["__Host-gateway-login-family"]
    equal((cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"], cookie["domain"]), (True, True, "Lax", "/", "a.example"))
    h.inside("/y")
    equal(h.b.value(TALK), ["hello", 1000])
    equal(h.b.value("document.cookie"), "app=1", "what scripts see")
    h.restart()
    h.inside("/z")
    h.inside("/app/")
    equal(h.b.dialogs, ["family", "family", "app"], "dialogs")
    h.inside("/app/deep")
    h.inside("/last")
    equal(h.b.dialogs, ["family", "family", "app"], "dialogs")
    h.g.logged(r' - alice \[[^]]*\] "GET /app/deep HTTP/1.1" 200 ')
    true(not any("log-in" in line for line in h.g.err.lines), "an application's log-in counts as a failed one")
    h.clean()


@scenario("real/browser-dialog-cancelled", slow=True)
def cancelled(t):
    """Who closes the dialog sees the page of the 401 and nothing of the server's."""
    h = Home(t)
    equal(h.b.go(h.url + "/x")[0], 401)
    true("401" in h.b.text() and "inside" not in h.b.text(), h.b.text())
    h.o.nothing()


def by_form(t, tls):
    h = Home(t, "login = form", tls)
    name = "__Host-gateway-login-family" if tls else "gateway-login-family"
    equal(h.b.go(h.url + "/x?y=1&z=2"), (401, h.url + "/x?y=1&z=2"))
    true("a.example" in h.b.text(), h.b.text())
    equal(h.log_in("alice", "wrong")[0], 401)
    true(re.search(r"(?i)wrong|not right|do not (match|belong)|incorrect", h.b.text()), h.b.text())
    equal(h.b.value("document.getElementsByName('user')[0].value"), "alice", "the name stays")
    h.b.type("password", PASSWORDS["alice"])
    equal(h.b.loads(h.b.enter), (200, h.url + "/x?y=1&z=2"))
    equal(h.b.text(), "inside /x?y=1&z=2 as alice")
    equal(h.b.dialogs, [], "dialogs")
    true(h.b.cookies()[name]["secure"] == tls, "Secure")
    equal(h.b.value(TALK), ["hello", 1000])
    equal(h.b.value("fetch('/api').then(r => r.status)"), 200)
    # a page that is still there when its session is not
    h.b.call("Network.clearBrowserCookies")
    equal(h.b.value("fetch('/api', {headers: {Accept: 'application/json'}}).then(r => r.status)"), 401)
    equal(h.b.value("fetch('/api').then(r => r.status)"), 401)
    equal(h.b.value(TALK.replace("s.onclose", "s.onerror = () => 0; s.onclose")), [1006], "a WebSocket without a session")
    equal(h.b.dialogs, [], "a script's request opened a dialog")
    equal(h.b.go(h.url + "/x")[0], 401)
    equal(h.log_in(), (200, h.url + "/x"))
    h.restart()
    h.inside("/after")
    # the way out
    h.b.go(h.url + "/.gateway/logout")
    h.b.loads(lambda: h.b.click("form button, form input[type=submit]"))
    true(name not in h.b.cookies(), f"it is still there: {h.b.cookies()}")
    equal(h.b.go(h.url + "/x")[0], 401)
    equal(h.log_in("bob"), (200, h.url + "/x"))
    equal(h.b.text(), "inside /x as bob")
    equal(h.b.dialogs, [], "dialogs")
    h.clean()


@scenario("real/browser-form", slow=True)
def form(t):
    """The page over TLS: wrong, right, back to what was asked for; a WebSocket and a restart with the cookie alone; out, and in as another."""
    by_form(t, True)


@scenario("real/browser-form-plain", slow=True)
def form_plain(t):
    """The same without TLS."""
    by_form(t, False)


@scenario("real/browser-form-looks", slow=True)
def looks(t):
    """Nothing is loaded from elsewhere and nothing is refused by its own policy; it works without JavaScript, fits a phone, and is dark where that is liked."""
    h = Home(t, "login = form", scripts=False)
    b = h.b
    b.call("Log.enable")
    b.call("Emulation.setDeviceMetricsOverride", width=320, height=600, deviceScaleFactor=2, mobile=True)
    shades = []
    for scheme in "light", "dark":
        b.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        equal(b.go(h.url + "/x?" + "long" * 50)[0], 401)
        shades.append(sum(b.value("(c => c.match(/[0-9.]+/g).slice(0, 3).map(Number))((e => getComputedStyle(e).backgroundColor)([document.body, document.documentElement].find(e => !/, 0\\)|transparent/.test(getComputedStyle(e).backgroundColor)) || document.body))")))
        true(b.value("document.documentElement.scrollWidth") <= 320, "it is wider than a phone")
        true(b.value("Math.min(...[...document.querySelectorAll('input:not([type=hidden])')].map(e => parseFloat(getComputedStyle(e).fontSize)))") >= 16, "phones zoom into fields with smaller letters")
    true(shades[0] > 500 and shades[1] < 250, f"light and dark: {shades}")
    seen = [m["params"]["request"]["url"] for m in b.events if m["method"] == "Network.requestWillBeSent"]
    true(all(u.startswith((h.url + "/x", "about:", "data:")) or u == h.url + "/favicon.ico" for u in seen), f"it loads {seen}")
    said = [m["params"]["entry"]["text"] for m in b.events if m["method"] == "Log.entryAdded"]
    true(not any("Content Security Policy" in s for s in said), f"{said}")
    equal(h.log_in()[0], 200)
    true(b.text().startswith("inside /x?"), b.text())


@scenario("real/browser-form-foreign", slow=True)
def foreign(t):
    """Another origin's page that sends the form, or a link from elsewhere: the first does not log in, the second is let in by the cookie."""
    h = Home(t, "login = form")
    evil = h.t.origin(answers=ok(f"""<!doctype html><body><form method=post action="{h.url}/.gateway/login"><input name=user value=alice><input name=password value="{PASSWORDS['alice']}"><input name=to value=/x></form>
<a href="{h.url}/x?linked">link</a>""".encode(), HTML))
    elsewhere = evil.url.replace("127.0.0.1", "evil.example")
    h.b.go(elsewhere + "/")
    status, _ = h.b.loads(lambda: h.b.value("document.forms[0].submit()"))
    true(status in (401, 403), f"status {status}")
    true(not h.b.cookies(), f"{h.b.cookies()}")
    h.o.nothing()
    h.b.go(h.url + "/x")
    equal(h.log_in()[0], 200)
    h.b.go(elsewhere + "/")
    equal(h.b.loads(lambda: h.b.click("a")), (200, h.url + "/x?linked"))
    equal(h.b.text(), "inside /x?linked as alice")
