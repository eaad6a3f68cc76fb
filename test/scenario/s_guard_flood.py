# SPDX-License-Identifier: MIT
"""A flood of wrong passwords: who has a session, or needs none, does not notice."""
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import wire
from harness import scenario
from login import basic, guarded, session
from wire import check, equal, get, true

PACE, SECONDS, OPEN = 50, 4, 50  # tries a second; for so long at least; with so many connections at a time


class Flood:
    """Wrong passwords, each with another name and from another address, so that no limit holds one up
    but what the password process can do."""

    def __init__(self, g):
        self.g, self.over, self.sent = g, threading.Event(), 0
        self.pool = ThreadPoolExecutor(OPEN)
        self.answers = []
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        begin = time.monotonic()
        while not self.over.wait(max(0, begin + self.sent / PACE - time.monotonic())):
            self.answers.append(self.pool.submit(self.one, self.sent))
            self.sent += 1

    def one(self, i):
        c = wire.Client(self.g.place.connect(f"127.{100 + i // 250}.7.{1 + i % 250}"))
        try:
            c.send(get("/", basic(f"user{i}", f"wrong {i}")))
            return c.final().status
        finally:
            c.close()

    def stop(self):
        """The status of each answer; those who wait still get theirs."""
        self.over.set()
        self.thread.join(wire.WAIT)
        self.pool.shutdown()
        return [a.result() for a in self.answers]


def strong(t, name, password):
    """A line with the hash that this build would make."""
    p = subprocess.run([t.binary, "passwd", name], input=password.encode() + b"\n", stdout=subprocess.PIPE, timeout=wire.WAIT)
    equal(p.returncode, 0, "exit code of passwd")
    return p.stdout.decode()


@scenario("guard/flood", slow=True)
def flood(t):
    """Fifty wrong passwords a second, more than there is time to look at: each gets an answer, and all others get theirs."""
    o = t.origin()
    g = guarded(t, f"[site a.example]\nauth = family\n/ = {o.url}\n/open/ = {o.url} auth=none\n/own/ = reply:200 auth=none\n", top="clients = 100\nrequests = 60",
                people="[users family]\n" + strong(t, "alice", "wonder land"))
    cookie = session(g, source="127.0.0.2")
    kept = g.client(source="127.0.0.2")
    before = len(o.requests)
    f = Flood(g)
    end, rounds = time.monotonic() + SECONDS, 0
    try:
        while time.monotonic() < end or rounds < 10:
            check(g.ask(get("/", cookie), source="127.0.0.2"), "HTTP/1.1 200")
            check(g.ask(get("/open/"), source="127.0.0.3"), "HTTP/1.1 200")
            check(g.ask(get("/own/"), source="127.0.0.3"), "HTTP/1.1 200")
            check(kept.ask(get("/", cookie)), "HTTP/1.1 200")
            check(g.ask(get("/", basic()), source="127.0.0.2"), "HTTP/1.1 200")  # known to be right, so nobody is asked
            rounds += 1
    finally:
        statuses = f.stop()
    equal(len(o.requests), before + 4 * rounds, "requests at the origin")
    equal(sorted(set(statuses) - {401, 503}), [], f"other answers than 401 and 503, of {len(statuses)}")
    true(401 in statuses, "no password was looked at")
    true(f.sent >= PACE, f"only {f.sent} tries")
    # it is over: who logs in is looked at again
    t.until(lambda: g.ask(get("/", basic("alice", "wrong at last")), source="127.0.0.4").status == 401, "a wrong one is looked at")
    check(g.ask(get("/", cookie), source="127.0.0.2"), "HTTP/1.1 200")
