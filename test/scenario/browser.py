# SPDX-License-Identifier: MIT
"""browser - what does a person see who comes with Chromium?

A headless Chromium, driven by its DevTools protocol through a pair of pipes
(JSON, each message ends in a zero byte). Knows no scenario.
"""
import base64
import json
import os
import subprocess
import sys
import threading

from harness import Output
from s_peers import program
from wire import WAIT, Wrong, true

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
         "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable", "--host-resolver-rules=MAP *.example 127.0.0.1", "--remote-debugging-pipe"]
# Chromium wants the two pipes as descriptors 3 and 4.
START = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"


class Browser:
    """One tab. credentials: what the person types into the dialog: a function of the realm, to (name, password)
    or None; dialogs: the realms it has asked for. scripts: pages may run JavaScript."""

    def __init__(self, t, pin=None, credentials=None, scripts=True):
        self.t, self.credentials, self.dialogs = t, credentials or (lambda realm: None), []
        self.count, self.events, self.answers, self.over = 0, [], {}, False
        self.change, self.sending = threading.Condition(), threading.Lock()
        home = os.path.join(t.dir, f"home{len(t.peers)}")
        os.mkdir(home)
        commands, self.out = os.pipe()
        self.into, told = os.pipe()
        pins = [f"--ignore-certificate-errors-spki-list={base64.b64encode(bytes.fromhex(pin)).decode()}"] if pin else []
        binary = program("chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
        self.process = t.peer([sys.executable, "-c", START, str(commands), str(told), binary, *FLAGS, f"--user-data-dir={home}/profile", *pins, "about:blank"], pass_fds=(commands, told),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "HOME": home, "TMPDIR": home})
        os.close(commands)
        os.close(told)
        self.words = Output(self.process.stdout)
        self.session = None
        threading.Thread(target=self.read, daemon=True).start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Network":
            self.call(domain + ".enable")
        self.call("Fetch.enable", handleAuthRequests=True)
        if not scripts:
            self.call("Emulation.setScriptExecutionDisabled", value=True)

    def read(self):
        rest = b""
        while True:
            try:
                data = os.read(self.into, 1 << 16)
            except OSError:
                data = b""
            if not data:
                break
            *messages, rest = (rest + data).split(b"\0")
            for m in map(json.loads, messages):
                with self.change:
                    if "id" in m:
                        self.answers[m["id"]] = m
                    else:
                        self.events.append(m)
                    self.change.notify_all()
                if m.get("method") == "Fetch.requestPaused":
                    self.tell("Fetch.continueRequest", requestId=m["params"]["requestId"])
                elif m.get("method") == "Fetch.authRequired":
                    self.dialog(m["params"])
        with self.change:
            self.over = True
            self.change.notify_all()

    def dialog(self, asked):
        realm = asked["authChallenge"]["realm"]
        typed = self.credentials(realm)
        with self.change:
            self.dialogs.append(realm)
        answer = {"response": "ProvideCredentials", "username": typed[0], "password": typed[1]} if typed else {"response": "CancelAuth"}
        self.tell("Fetch.continueWithAuth", requestId=asked["requestId"], authChallengeResponse=answer)

    def tell(self, method, **params):
        with self.sending:
            self.count += 1
            m = {"id": self.count, "method": method, "params": params}
            if self.session and not method.startswith("Target."):
                m["sessionId"] = self.session
            os.write(self.out, json.dumps(m).encode() + b"\0")
            return m["id"]

    def wait(self, condition, what):
        with self.change:
            self.change.wait_for(lambda: self.over or condition(), WAIT)
            found = condition()
        if not found:
            raise Wrong(f"{what}: not within {WAIT} s; {self.words.lines[-10:]}")
        return found

    def call(self, method, **params):
        id = self.tell(method, **params)
        self.wait(lambda: id in self.answers, f"{method} is answered")
        m = self.answers.pop(id)
        if "error" in m:
            raise Wrong(f"{method}: {m['error']}")
        return m["result"]

    # --- what a person does

    def loads(self, act):
        """Does something that leads to a page, and waits for that; its status and address."""
        with self.change:
            mark = len(self.events)
        act()

        def page():
            seen = [m["params"] for m in self.events[mark:] if m["method"] == "Network.responseReceived" and m["params"]["type"] == "Document"]
            done = [m for m in self.events[mark:] if m["method"] == "Page.loadEventFired"]
            return seen[-1]["response"] if seen and done else None
        response = self.wait(page, "a page comes")
        return response["status"], response["url"]

    def go(self, url):
        return self.loads(lambda: self.call("Page.navigate", url=url))

    def type(self, field, text):
        """Puts the text into this field in place of what is there."""
        true(self.value(f"(e => e && (e.focus(), e.select(), document.activeElement === e))(document.getElementsByName({json.dumps(field)})[0])"), f"no field {field}")
        self.call("Input.insertText", text=text)

    def enter(self):
        for kind in "keyDown", "keyUp":
            self.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, **({"text": "\r"} if kind == "keyDown" else {}))

    def click(self, selector):
        at = self.value(f"(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector({json.dumps(selector)}).getBoundingClientRect())")
        for kind in "mousePressed", "mouseReleased":
            self.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)

    def value(self, expression):
        """What this JavaScript comes to, in the page; waits for promises."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise Wrong(f"{expression[:100]}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def text(self):
        return self.value("document.body.innerText")

    def cookies(self):
        return {c["name"]: c for c in self.call("Network.getCookies")["cookies"]}
