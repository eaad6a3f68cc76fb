#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""auth - what does a flood of wrong passwords cost others, and does time tell who exists?

    auth.py [--gateway FILE] [--tools DIR] [--only flood,names] [--rounds N] [--seconds N] [--tries N]

Numbers are reported, none is asserted: they are this machine's. Everything runs
on 127.0.0.1, with the hash that `gateway passwd` makes.

flood: latency of one client's requests (one at a time, 200 a second; half with a
session, half where no password is asked for) while nothing else happens, while 50
requests a second come that carry no password, and while 50 wrong passwords a second
come, each from another address. The three take turns.

names: seconds from a log-in with a wrong password to its answer, for names that
are there and for names that are not, each tried once and from another address;
and the same for what has been tried before, which is answered from memory. The rank
test (Mann and Whitney) says how often the slower of two such tries is the one of
a name that is there: 50 % is nothing to learn from.
"""
import argparse
import base64
import math
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

FLOOD, PACE, USERS = 50, 200, 400
TARGET = 1.5

CONFIG = """
[gateway]
listen = 127.0.0.1:{port}
state = {dir}/state
workers = 1
access_log = off
error_log = {dir}/log

[users family]
file = {dir}/passwords

[site *]
auth = family
/ = http://127.0.0.1:{origin}
/open/ = http://127.0.0.1:{origin}/ auth=none
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def connect(port, source="127.0.0.1"):
    s = socket.socket()
    s.settimeout(60)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    return s


def request(path, *fields):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: a.example", *fields, "", ""]).encode()


def basic(name, password):
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def answer(s):
    """Status and head of one answer with a Content-Length; the body is read."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = s.recv(65536)
        if not part:
            raise ConnectionError("the connection ended")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"\ncontent-length:")[2].partition(b"\r")[0] or 0)
    while len(body) < length:
        body += s.recv(65536)
    return int(head[9:12]), head.decode("latin-1")


def once(port, source, *fields, path="/1k"):
    """Status and seconds of a request on a connection of its own."""
    with connect(port, source) as s:
        data = request(path, *fields)
        begin = time.perf_counter()
        s.sendall(data)
        status, _ = answer(s)
        return status, time.perf_counter() - begin


def address(i):
    """One that has not been used for long."""
    return f"127.{1 + i // 62500 % 250}.{1 + i // 250 % 250}.{1 + i % 250}"


def flood(port, kind, first):
    """Until standard input ends: FLOOD requests a second; prints how many got which status."""
    over, statuses = threading.Event(), {}
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()

    def one(i):
        status, _ = once(port, address(i), *([basic(f"nobody{i}", f"wrong {i}")] if kind == "wrong" else []))
        statuses[status] = statuses.get(status, 0) + 1

    begin, sent = time.monotonic(), 0
    with ThreadPoolExecutor(FLOOD) as pool:
        while not over.wait(max(0, begin + sent / FLOOD - time.monotonic())):
            pool.submit(one, first + sent)
            sent += 1
    print(" ".join(f"{status}:{count}" for status, count in sorted(statuses.items())))


class Auth:
    def __init__(self, args):
        self.args, self.count, self.processes = args, 0, []
        self.dir = tempfile.mkdtemp(prefix="gw-auth-")
        self.port, origin = free_port(), free_port()
        self.start([os.path.join(args.tools, "origin"), str(origin)])
        self.hash = subprocess.run([args.gateway, "passwd", "x"], input=b"right\n", stdout=subprocess.PIPE, check=True).stdout.decode().split("= ")[1].strip()
        with open(os.path.join(self.dir, "passwords"), "w") as f:
            f.writelines(f"user{i:04d}:{self.hash}\n" for i in range(USERS))
        with open(os.path.join(self.dir, "gateway.ini"), "w") as f:
            f.write(CONFIG.format(port=self.port, origin=origin, dir=self.dir))
        self.start([args.gateway, "-c", f.name])
        for _ in range(500):
            try:
                connect(self.port).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        print(f"hash: {self.hash[:7]}..., {statistics.median(self.tries(7)) * 1e3:.0f} ms to look at one")

    def start(self, command):
        self.processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

    def close(self):
        for p in reversed(self.processes):
            p.terminate()
            p.wait()
        shutil.rmtree(self.dir)

    def source(self):
        self.count += 1
        return address(self.count)

    def tries(self, count):
        """Seconds of log-ins as nobody, one after the other."""
        return [once(self.port, self.source(), basic(f"none{self.count}", "wrong"))[1] for _ in range(count)]

    # --- flood

    def session(self, s):
        s.sendall(request("/1k", basic("user0000", "right")))
        status, head = answer(s)
        if status != 200:
            raise SystemExit(f"auth: user0000 got {status}")
        return "Cookie: " + head.partition("Set-Cookie: ")[2].partition(";")[0]

    def latency(self, s, cookie):
        """Milliseconds of each request for so many seconds: with a session, and without any."""
        requests = (request("/1k", cookie), request("/open/1k"))
        took = ([], [])
        begin = time.perf_counter()
        for i in range(int(self.args.seconds * PACE)):
            pause = begin + i / PACE - time.perf_counter()
            if pause > 0:
                time.sleep(pause)
            start = time.perf_counter()
            s.sendall(requests[i % 2])
            status, _ = answer(s)
            took[i % 2].append((time.perf_counter() - start) * 1e3)
            if status != 200:
                raise SystemExit(f"auth: {status} instead of 200, in a flood")
        return took

    def phase(self, s, cookie, kind):
        if kind == "quiet":
            return self.latency(s, cookie), ""
        self.count += 62500
        p = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--flood", kind, "--port", str(self.port), "--first", str(self.count)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        time.sleep(1)
        took = self.latency(s, cookie)
        return took, p.communicate()[0].decode().strip()

    def flood(self):
        kinds, said = ("quiet", "plain", "wrong"), {}
        took = {kind: ([], []) for kind in kinds}
        with connect(self.port) as s:
            cookie = self.session(s)
            self.latency(s, cookie)
            for _ in range(self.args.rounds):
                for kind in kinds:
                    ms, said[kind] = self.phase(s, cookie, kind)
                    took[kind][0].extend(ms[0])
                    took[kind][1].extend(ms[1])
        print(f"\nlatency of others, ms ({self.args.rounds} rounds of {self.args.seconds} s, {PACE} requests a second)")
        print(f"{'':32}{'p50':>8}{'p99':>8}{'max':>9}{'p50 ratio':>11}{'p99 ratio':>11}")
        for which, name in enumerate(("session", "open route")):
            base = quantiles(took["quiet"][which])
            for kind, words in zip(kinds, ("quiet", f"{FLOOD}/s without password", f"{FLOOD}/s wrong passwords")):
                p50, p99 = quantiles(took[kind][which])
                print(f"{name + ', ' + words:32}{p50:8.3f}{p99:8.3f}{max(took[kind][which]):9.2f}{p50 / base[0]:11.2f}{p99 / base[1]:11.2f}")
        print(f"target: p99 ratio at most {TARGET}; answers to the last flood: {said['wrong']}")

    # --- names

    def names(self):
        print("\na name that is there and one that is not, both with a wrong password")
        kinds = [True, False] * self.args.tries
        random.shuffle(kinds)
        took, number = {True: [], False: []}, {True: 0, False: 0}
        for there in kinds:
            name = f"user{number[there] % USERS:04d}" if there else f"none{number[there]:04d}"
            status, seconds = once(self.port, self.source(), basic(name, f"wrong {number[there]}"))
            number[there] += 1
            if status == 401:
                took[there].append(seconds)
        compare("looked at", took, 1e3, "ms")
        took = {True: [], False: []}
        with connect(self.port) as s:
            data = {True: request("/1k", basic("user0399", "wrong again")), False: request("/1k", basic("none0399", "wrong again"))}
            for there in [True, False] * 2 + random.sample([True, False] * 10 * self.args.tries, 20 * self.args.tries):
                start = time.perf_counter()
                s.sendall(data[there])
                status, _ = answer(s)
                took[there].append(time.perf_counter() - start)
        compare("from memory", {there: list[2:] for there, list in took.items()}, 1e6, "us")


def quantiles(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


def ranks(values):
    """Of each value, ties sharing the mean of theirs; and the sum over ties of t^3 - t."""
    order, found, ties, i = sorted(range(len(values)), key=values.__getitem__), [0.0] * len(values), 0, 0
    while i < len(order):
        k = i
        while k < len(order) and values[order[k]] == values[order[i]]:
            k += 1
        for at in order[i:k]:
            found[at] = (i + k + 1) / 2
        ties += (k - i) ** 3 - (k - i)
        i = k
    return found, ties


def compare(title, took, factor, unit):
    a, b = took[True], took[False]
    found, ties = ranks(a + b)
    n = len(a) + len(b)
    u = sum(found[:len(a)]) - len(a) * (len(a) + 1) / 2
    spread = math.sqrt(len(a) * len(b) / 12 * (n + 1 - ties / (n * (n - 1))))
    z = (u - len(a) * len(b) / 2) / spread
    print(f"{title}: {len(a)} and {len(b)} tries, medians {statistics.median(a) * factor:.2f} and {statistics.median(b) * factor:.2f} {unit}, "
          f"rank test {100 * u / len(a) / len(b):.1f} % (z = {z:+.2f}, p = {math.erfc(abs(z) / math.sqrt(2)):.2f})")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gateway", default=os.path.join(root, "gateway"))
    parser.add_argument("--tools", default=os.path.join(root, "build/bench"))
    parser.add_argument("--only", default="flood,names")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--tries", type=int, default=300)
    parser.add_argument("--flood", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.flood:
        return flood(args.port, args.flood, args.first)
    bench = Auth(args)
    try:
        for name in ("flood", "names"):
            if name in args.only.split(","):
                getattr(bench, name)()
    finally:
        bench.close()


if __name__ == "__main__":
    main()
