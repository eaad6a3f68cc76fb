# SPDX-License-Identifier: MIT
"""clients - how is a small machine's gateway asked, by one and by many at a time?

One request is curl's, which knows gateway by its own certificate alone. Many are
connections of this process, all open before the first of them asks.
"""
import hashlib
import http.client
import re
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor

from machine import Wrong

HOST = "home.test"
MOST_S = 900
AT_ONCE = 16  # of many connections that are being opened


class Answer:
    def __init__(self, said):
        head, _, self.body = said.partition(b"\r\n\r\n")
        while re.match(rb"HTTP/\S+ 1\d\d", head):
            head, _, self.body = self.body.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}


class Browser:
    """curl, as one who has been given gateway's own certificate."""

    def __init__(self, machine, ca):
        self.machine, self.ca = machine, ca

    def run(self, path, *words, port=443, ca=True):
        here, scheme = self.machine.port[port], "https" if port == 443 else "http"
        return subprocess.run(
            ["curl", "-sS", "-i", "--max-time", str(MOST_S), "--noproxy", "*", "--resolve", f"{HOST}:{here}:127.0.0.1",
             *(["--cacert", self.ca] if ca else []), *words, f"{scheme}://{HOST}:{here}{path}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def get(self, path, *words, port=443):
        p = self.run(path, *words, port=port)
        if p.returncode:
            raise Wrong(f"{path}: {p.stderr.decode().strip()}")
        return Answer(p.stdout)


class Connection:
    """One TLS connection that stays."""

    def __init__(self, port, context):
        plain = socket.create_connection(("127.0.0.1", port), timeout=MOST_S)
        self.socket = context.wrap_socket(plain, server_hostname=HOST)

    def ask(self, path, method="GET", body=b""):
        """The answer's body."""
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = http.client.HTTPResponse(self.socket, method=method)
        answer.begin()
        got = answer.read()
        if answer.status != 200:
            raise Wrong(f"{method} {path}: {answer.status} {got[:80]!r}")
        return got


class Crowd:
    """So many connections, all open at once."""

    def __init__(self, machine, ca, count):
        context = ssl.create_default_context(cafile=ca)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            self.all = list(pool.map(lambda _: Connection(machine.port[443], context), range(count)))
        self.pool = ThreadPoolExecutor(count)

    def each(self, do, some=None):
        """Starts do(connection, number) on each at the same time; what it gives waits for all."""
        going = [self.pool.submit(do, c, i) for i, c in enumerate(self.all[:some])]
        return lambda: [g.result(MOST_S) for g in going]

    def end(self):
        for c in self.all:
            c.socket.close()
        self.pool.shutdown()


def digest(data):
    return hashlib.sha256(data).hexdigest()
