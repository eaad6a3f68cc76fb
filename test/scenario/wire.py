# SPDX-License-Identifier: MIT
"""wire - what do these bytes say, and are they what a scenario asks for?

A strict reader of HTTP/1.1 messages for the tests: what gateway sends has to
be canonical, so anything else is an error here. Knows no gateway.
"""
import errno
import re
import socket
import struct

WAIT = 30  # seconds; the bound of every single wait, never a thing to measure
SCHEME = "http"  # of what is asked for in this run: what <scheme> in a description means
KEEP = 1 << 20  # recorded bytes of one connection


class Wrong(Exception):
    """What was seen is not what was asked for."""


class Ended(Wrong):
    """The stream ended in the middle of something."""


def http(text, body=b""):
    """A message as bytes: lines end in CRLF on the wire, in LF in a scenario."""
    return text.replace("\n", "\r\n").encode("latin-1") + body


def get(target="/", *fields, method="GET", host="a.example", version="1.1"):
    """A request without a body."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    return http("\n".join([*lines, *fields]) + "\n\n")


def post(body, *fields, target="/", method="POST", host="a.example"):
    return get(target, *fields, f"Content-Length: {len(body)}", method=method, host=host) + body


def ok(body=b"ok", *fields, status="200 OK"):
    """A response with a length."""
    return http("\n".join([f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}"]) + "\n\n", body)


def chunked(*parts, last=True):
    """These parts as one chunk each."""
    wire = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts)
    return wire + (b"0\r\n\r\n" if last else b"")


class Message:
    """One message: the first line, the fields in order, and the body once it was read."""

    def __init__(self, raw):
        lines = raw[:-4].decode("latin-1").split("\r\n")
        self.raw = raw
        self.start = lines[0]
        self.fields = []
        self.body = b""
        self.framing = None
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                raise Wrong(f"bad field line {line!r}")
            if "\n" in line or "\r" in line:
                raise Wrong(f"bare line break in {line!r}")
            self.fields.append((name, value.strip(" \t")))
        words = self.start.split(" ", 2)
        if self.start.startswith("HTTP/"):
            if not re.fullmatch(r"HTTP/1\.[01] [1-5]\d\d [^\r\n]*", self.start):
                raise Wrong(f"bad status line {self.start!r}")
            self.version, self.status = words[0], int(words[1])
        else:
            if not re.fullmatch(r"\S+ \S+ HTTP/1\.[01]", self.start):
                raise Wrong(f"bad request line {self.start!r}")
            self.method, self.target, self.version = words

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name):
        """The only value of this field, or None."""
        values = self.all(name)
        if len(values) > 1:
            raise Wrong(f"{len(values)} fields {name}: {values}")
        return values[0] if values else None

    def lists(self, name, item):
        return item in [i.strip().lower() for v in self.all(name) for i in v.split(",")]

    def kind(self, method=None):
        """How the body is delimited (RFC 9112 6.3); method: of the request a response answers."""
        coding, length = self.get("Transfer-Encoding"), self.get("Content-Length")
        if coding is not None and length is not None:
            raise Wrong(f"both lengths: {self.raw!r}")
        if coding is not None and coding != "chunked":
            raise Wrong(f"Transfer-Encoding: {coding}")
        if length is not None and not length.isdigit():
            raise Wrong(f"Content-Length: {length}")
        if method is not None:
            if method == "HEAD" or self.status < 200 or self.status in (204, 304):
                return "none"
            return "chunked" if coding else "length" if length is not None else "close"
        return "chunked" if coding else "length" if length is not None else "none"

    def __repr__(self):
        return repr(self.raw + self.body[:2000])


class Stream:
    """One end of a connection. Every wait is bounded by WAIT."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(WAIT)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""  # arrived, not used up yet
        self.raw = bytearray()  # everything that arrived, up to KEEP
        self.ended = False

    @property
    def clear(self):
        """The connection below TLS, before any of it; reads no byte more than it is asked for."""
        return Clear(self.sock.raw) if hasattr(self.sock, "raw") else self

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else http(data))
        return self

    def fill(self):
        """Waits for more; False at the end of the stream."""
        try:
            data = self.sock.recv(1 << 18)
        except socket.timeout:
            raise Wrong(f"nothing came within {WAIT} s; so far: {bytes(self.raw[-600:])!r}")
        if len(self.raw) < KEEP:
            self.raw += data
        self.got += data
        self.ended = not data
        return bool(data)

    def until(self, mark):
        """Bytes up to and including mark."""
        while mark not in self.got:
            if not self.fill():
                raise Ended(f"ended before {mark!r}: {bytes(self.raw[-600:])!r}")
        at = self.got.index(mark) + len(mark)
        data, self.got = self.got[:at], self.got[at:]
        return data

    def exactly(self, count):
        parts, have = [], 0
        while have < count:
            if not self.got and not self.fill():
                raise Ended(f"ended {count - have} bytes early, after {bytes(self.raw[-600:])!r}")
            part, self.got = self.got[:count - have], self.got[count - have:]
            parts.append(part)
            have += len(part)
        return b"".join(parts)

    def skip(self, count):
        """As exactly, without keeping anything."""
        while count:
            if not self.got and not self.fill():
                raise Ended(f"ended {count} bytes early")
            count, self.got = count - min(count, len(self.got)), self.got[count:]

    def expect(self, data):
        data = data if isinstance(data, bytes) else http(data)
        seen = self.exactly(len(data))
        if seen != data:
            raise Wrong(f"expected {data!r}, got {seen!r}")
        return self

    def head(self):
        """The next head, or None when the stream ends where one could begin."""
        while b"\r\n\r\n" not in self.got:
            if not self.fill():
                if self.got:
                    raise Ended(f"ended inside a head: {self.got!r}")
                return None
        return Message(self.until(b"\r\n\r\n"))

    def chunk(self):
        """The next chunk's payload; b"" is the last chunk. No extensions, no trailers: canonical."""
        line = self.until(b"\r\n")[:-2]
        if not re.fullmatch(rb"[1-9a-fA-F][0-9a-fA-F]*|0", line):
            raise Wrong(f"chunk line {line!r}")
        data = self.exactly(int(line, 16))
        self.expect(b"\r\n")
        return data

    def body(self, message, method=None):
        message.framing = message.kind(method)
        if message.framing == "length":
            message.body = self.exactly(int(message.get("Content-Length")))
        elif message.framing == "chunked":
            parts = []
            while part := self.chunk():
                parts.append(part)
            message.body = b"".join(parts)
        elif message.framing == "close":
            while self.fill():
                pass
            message.body, self.got = self.got, b""
        return message

    def ends(self):
        """Waits for the end of the stream; what came before it goes unused."""
        try:
            while not self.ended and self.fill():
                pass
        except (ConnectionResetError, BrokenPipeError):
            self.ended = True
        data, self.got = self.got, b""
        return data

    def eof(self):
        """The stream ends here, with nothing more said."""
        rest = self.ends()
        if rest:
            raise Wrong(f"expected the end, got {rest!r}")

    def finish(self):
        """Sends no more; still reads. A peer that has reset the connection needs not be told."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as e:
            if e.errno != errno.ENOTCONN:
                raise
        return self

    def reset(self):
        sock = getattr(self.sock, "raw", self.sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


class Clear(Stream):
    def fill(self):
        data = self.sock.recv(1)
        self.got += data
        self.ended = not data
        return bool(data)


class Client(Stream):
    def response(self, method="GET"):
        """The next response with its body, interim ones included."""
        m = self.head()
        if m is None:
            raise Wrong("the connection ended where a response was expected")
        return self.body(m, method)

    def final(self, method="GET"):
        """The next response that is not an interim one."""
        while True:
            m = self.response(method)
            if m.status >= 200:
                return m

    def ask(self, data, method=None):
        data = data if isinstance(data, bytes) else http(data)
        self.send(data)
        return self.final(method or data.split(b" ", 1)[0].decode("latin-1"))


# --- what a scenario says about a message ------------------------------------

def check(message, spec):
    """Compares a message with its description:

        HTTP/1.1 200 OK         the start line; without a reason, any reason; ~ a regular expression
        Name: value             exactly one such field
        Name: ~regex            the same, to be matched as a whole
        Name: a && b            exactly these fields of that name, in this order
        !Name                   no such field
                                (empty line)
        body                    as it is; ~regex: found in it; "..." any; without the empty line any

    <scheme> anywhere is http, or https in a run over TLS.
    """
    spec = spec.replace("<scheme>", SCHEME)
    head, blank, body = spec.partition("\n\n")
    lines = [line.strip() for line in head.strip("\n").split("\n")]
    start = lines[0]
    if start.startswith("~"):
        good = re.fullmatch(start[1:], message.start)
    else:
        good = message.start == start or (start.count(" ") == 1 and message.start.startswith(start + " "))
    if not good:
        raise Wrong(f"expected {start!r}, got {message.raw + message.body[:600]!r}")
    for line in lines[1:]:
        if line.startswith("!"):
            if message.all(line[1:]):
                raise Wrong(f"unexpected {line[1:]}: {message.all(line[1:])} in {message!r}")
            continue
        name, _, value = line.partition(":")
        value, seen = value.strip(), message.all(name)
        if value.startswith("~"):
            good = len(seen) == 1 and re.fullmatch(value[1:], seen[0])
        else:
            good = seen == [v.strip() for v in value.split("&&")]
        if not good:
            raise Wrong(f"expected {line!r}, got {seen} in {message!r}")
    if not blank or body == "...":
        return message
    if body.startswith("~"):
        if not re.search(body[1:].encode("latin-1"), message.body):
            raise Wrong(f"body does not hold {body!r}: {message.body[:600]!r}")
    elif message.body != body.encode("latin-1"):
        raise Wrong(f"expected body {body[:300]!r}, got {message.body[:300]!r}")
    return message


def page_id(message):
    """The request id that a page of gateway's own carries."""
    found = re.search(rb"request ([0-9a-z]+)<", message.body)
    true(found, f"no request id in {message.body!r}")
    return found.group(1).decode()


def equal(seen, expected, what="value"):
    if seen != expected:
        raise Wrong(f"{what}: expected {expected!r}, got {seen!r}")
    return seen


def true(condition, what):
    if not condition:
        raise Wrong(what)
