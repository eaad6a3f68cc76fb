# SPDX-License-Identifier: MIT
"""harness - how does a scenario get a gateway, servers behind it and clients?

A scenario is a function with one argument, the Test: it makes origins,
gateways and clients with it, and everything is taken down in order when it
returns. At the end the Test looks whether gateway behaved: no worker died, no
descriptor is left over, no sanitizer spoke, SIGTERM ends it with 0.

With --tls (RUN is set) the same scenarios run over TLS: listeners on addresses
become `tls`, clients and origins speak it, http:// targets become https://.
What a scenario says is about HTTP; one that is about the bytes of TCP itself
gives a reason in `plain` and is left out. A place is secure when whoever
listens there speaks TLS, so a scenario may also mix them by hand.
"""
import contextlib
import mmap
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import traceback

import wire
from certs import Maker
from secure import Secure, asked_host, client_context, server_context
from wire import WAIT, Client, Ended, Stream, Wrong, check, equal, get, http, ok

SCENARIOS = []
CERTS = None  # certs.Shop: certificates for all scenarios
RUN = None  # the same when this is a run over TLS
RUNNER = []  # words in front of gateway: the emulator of its machine
HERE = os.path.dirname(os.path.abspath(__file__))
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|Assertion .* failed")
READY = re.compile(r"\bready\b")
CACHING = r'(?m)(?<![\w-])cache *= *"?(?!off\b|\d+[kMG]\b)\w'  # in a configuration: something is kept


class Skip(Exception):
    """What this scenario needs cannot be had on this machine."""


class Entry:
    def __init__(self, name, run, rows=(), slow=False, plain=None):
        self.name, self.run, self.rows, self.slow, self.plain = name, run, list(rows), slow, plain

    def names(self):
        return [f"{self.name}/{r}" for r in self.rows] or [self.name]


def scenario(name, slow=False, plain=None):
    """A scenario of its own. slow: begins early, so that it does not run alone at the end. plain: why it
    is not one over TLS."""
    def add(function):
        SCENARIOS.append(Entry(name, function, slow=slow, plain=plain))
        return function
    return add


def table(name, config, rows, *, top="", site="[site *]\n", slow=False, plain=None):
    """Many exchanges through one gateway; see Row. config: what stands below the site's head; {o} is the origin's URL."""
    def run(t):
        o = t.origin()
        g = t.gateway(site + (config or "/ = {o}").format(o=o.url, dir=t.dir), top=top)
        for row in rows:
            with t.row(row.name) as wanted:
                if wanted:
                    row.run(t, g, o)
                    g.alive()
        o.sync()
        equal(len(o.requests), o.expected, "requests at the origin in all")
    names = [r.name for r in rows]
    assert len(set(names)) == len(names), f"two rows of one name in {name}"
    SCENARIOS.append(Entry(name, run, rows=names, slow=slow, plain=plain))


class Row:
    """One connection: bytes in, what the origin saw, its answer, what the client saw.

    client: bytes, or text with LF. saw: description of the request (wire.check),
    a list of them, or None: the origin must see nothing at all. answer: bytes or
    a list. got: description of the response or a list. log: a pattern that one
    log line matches. closes: the connection must end (or, False, must serve on).
    """

    def __init__(self, name, client, saw=None, answer=None, got="HTTP/1.1 200", log=None, closes=None):
        self.name, self.client, self.saw, self.answer = name, client, saw, answer
        self.got, self.log, self.closes = got, log, closes

    def run(self, t, g, o):
        data = self.client if isinstance(self.client, bytes) else http(self.client)
        saw = [] if self.saw is None else [self.saw] if isinstance(self.saw, str) else self.saw
        got = [self.got] if isinstance(self.got, str) else self.got
        before = len(o.requests)
        o.answers(self.answer)
        mark = g.mark()
        c = g.client()
        try:
            c.send(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a refusal may come before everything was sent
        methods = re.findall(rb"(?:^|\n)([A-Z]+) \S+ HTTP/1", data)
        asked = iter([m.decode() for m in methods])
        method = next(asked, "GET")
        for want in got:
            m = c.response(method)
            check(m, want)
            if m.status >= 200:
                method = next(asked, "GET")
        if self.closes:
            c.eof()
        elif self.closes is False:
            o.answers(ok(b"still here"))
            check(c.ask(get("/", host=re.search(rb"(?i)\nhost: *([^\r\n]*)", data).group(1).decode())), "HTTP/1.1 200\n\nstill here")
            saw = [*saw, "~GET .*"]
        c.close()
        if not saw:
            o.sync()
        o.wait(before + len(saw))
        seen = o.requests[before:]
        if len(seen) != len(saw):
            raise Wrong(f"the origin saw {len(seen)} requests instead of {len(saw)}: {seen}")
        for m, want in zip(seen, saw):
            check(m, want)
        o.expected = len(o.requests)
        if self.log:
            g.logged(self.log, mark)


# --- places to listen on --------------------------------------------------------

class Place:
    """An address nobody else gets. It stays bound, but does not listen: until somebody
    else (who needs SO_REUSEADDR) does, connections are refused."""

    def __init__(self, family, address, path=None, port=0):
        self.family, self.address, self.path, self.holder = family, address, path, None
        self.secure = False  # TLS is spoken here
        self.context = None  # of clients; None: they believe the run's authority, or anything
        self.sni = asked_host  # the name to ask for, by the first bytes of a request
        if path is None:
            self.holder = socket.socket(family)
            if address == "::" :
                self.holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self.holder.bind((address, port))
            self.holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.port = self.holder.getsockname()[1]

    @property
    def text(self):
        """As it stands in a configuration."""
        if self.path:
            return "unix:" + self.path
        return {"::": f":{self.port}", "::1": f"[::1]:{self.port}"}.get(self.address, f"{self.address}:{self.port}")

    @property
    def url(self):
        if self.path:
            return self.text
        return ("https://" if self.secure else "http://") + self.text

    def target(self, address=None):
        if self.path:
            return self.path
        return (address or {"::": "127.0.0.1"}.get(self.address, self.address), self.port)

    def connect(self, source=None, address=None):
        s = self.dial(source, address)
        return Secure(s, self.context or client_context(RUN and RUN.ca.cert), name=self.sni) if self.secure else s

    def dial(self, source=None, address=None):
        """Without TLS."""
        target = self.target(address)
        family = socket.AF_UNIX if self.path else socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        s = socket.socket(family)
        s.settimeout(WAIT)
        if source:
            s.bind((source, 0))
        s.connect(target)
        return s

    def listen(self, backlog=64):
        s = socket.socket(self.family)
        if self.path:
            s.bind(self.path)
            os.chmod(self.path, 0o777)
        else:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((self.address, self.port))
        s.listen(backlog)
        return s

    def listening(self):
        if self.path:
            with open("/proc/net/unix") as f:
                return any(line.split()[3] == "00010000" for line in f if line.rstrip().endswith(" " + self.path))
        for name in "/proc/net/tcp", "/proc/net/tcp6":
            with open(name) as f:
                for line in f:
                    words = line.split()
                    if words[3] == "0A" and words[1].endswith(":%04X" % self.port):
                        return True
        return False

    def release(self):
        if self.holder:
            self.holder.close()


# --- the server side -------------------------------------------------------------

class Link(Stream):
    """A connection that gateway made to an origin."""

    def __init__(self, sock, origin):
        super().__init__(sock)
        self.origin = origin

    def request_head(self):
        m = self.head()
        if m is not None:
            m.link = self
            self.origin.note(m)
        return m

    def request(self):
        """The next request with its body; None when the link ends."""
        m = self.head()
        if m is not None:
            m.link = self
            self.body(m)
            self.origin.note(m)
        return m

    def answer(self, *parts):
        """Reads a request and answers it."""
        m = self.request()
        if m is None:
            raise Wrong("the link ended where a request was expected")
        for part in parts:
            self.send(part)
        return m


def ends_link(answer, method):
    """Does an answer of a scenario end with its connection? Of several heads the last one counts."""
    head = answer[:answer.index(b"\r\n\r\n")].lower()
    if head.startswith(b"http/1.1 1"):
        return ends_link(answer.partition(b"\r\n\r\n")[2], method)
    if b"\nconnection: close" in head:
        return True
    bodiless = method == "HEAD" or re.match(rb"http/1.. (204|304)", head)
    return not bodiless and b"\ncontent-length:" not in head and b"\ntransfer-encoding:" not in head


class Origin:
    """A scripted server. The script is called with each Link; without one every
    request is answered with the next of `answers` (the last one repeats)."""

    def __init__(self, t, script=None, place=None, answers=None, listen=True, context=None):
        self.t, self.script, self.place = t, script, place or t.tcp()
        if RUN and not context and not self.place.path:
            context = server_context(RUN.server.cert, RUN.server.key)
        self.context = context  # of TLS; None: it is plain
        self.place.secure = context is not None
        if self.place.secure:
            t.secure_ports.add(self.place.port)
        self.wrap = lambda sock: sock  # what comes between the socket and TLS
        self.refused = []  # handshakes that came to nothing
        self.url = self.place.url
        self.text = self.place.text
        self.links, self.requests, self.expected = [], [], 0
        self.change = threading.Condition()
        self.queue = [ok()]
        self.marks, self.seen, self.threads = 0, 0, []
        self.closed = True
        if answers is not None:
            self.answers(answers)
        if listen:
            self.start()

    def start(self):
        self.listener = self.place.listen()
        self.closed = False
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()
        return self

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            link = Link(Secure(self.wrap(sock), self.context, server=True) if self.context else sock, self)
            with self.change:
                if sock.family != socket.AF_UNIX and sock.getpeername() in self.t.marks:
                    self.seen += 1
                    self.change.notify_all()
                    sock.close()
                    continue
                self.links.append(link)
                self.change.notify_all()
            thread = threading.Thread(target=self.serve, args=(link,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, link):
        try:
            if self.script:
                self.script(link)
            else:
                while (m := link.request()) is not None:
                    data = self.next_answer()
                    if callable(data):
                        data(link, m)
                    else:
                        link.send(data)
                        if ends_link(data, m.method):
                            link.finish()
                            link.ends()
                            break
        except (ConnectionResetError, BrokenPipeError):
            pass
        except ssl.SSLError as e:
            if link.sock.opened:
                self.t.problems.append(f"origin {self.text}: {e}")
            with contextlib.suppress(OSError):
                link.clear.finish().ends()  # a reset might overtake the alert
            with self.change:
                self.refused.append(e)
                self.change.notify_all()
        except Exception as e:  # told at the end of the scenario
            # a client may leave in the middle of its request; only a script minds
            if not self.t.ending and (self.script or not isinstance(e, Ended)):
                self.t.problems.append(f"origin {self.text}: {type(e).__name__}: {e}")
        finally:
            link.close()

    def next_answer(self):
        with self.change:
            return self.queue.pop(0) if len(self.queue) > 1 else self.queue[0]

    def answers(self, answers):
        """What the next requests are answered with: bytes, a list of them, or functions of (link, request)."""
        with self.change:
            self.queue = [ok()] if answers is None else list(answers) if isinstance(answers, (list, tuple)) else [answers]

    def note(self, message):
        with self.change:
            self.requests.append(message)
            self.change.notify_all()

    def wait(self, count, what="requests"):
        """Until this many requests (or links, or refused handshakes) were there."""
        seen = getattr(self, what)
        with self.change:
            if not self.change.wait_for(lambda: len(seen) >= count, WAIT):
                raise Wrong(f"the origin saw {len(seen)} {what}, not {count}: {self.requests}")
        return seen[count - 1] if count else None

    def sync(self):
        """Whatever gateway connected before is accepted and read when this returns: the queue is in order."""
        if self.place.path or self.closed:
            return
        s = socket.socket(self.place.family)
        s.bind(("127.0.0.1" if self.place.family == socket.AF_INET else "::1", 0))
        with self.change:
            self.t.marks.add(s.getsockname())
            self.marks += 1
        s.connect(self.place.target())
        with self.change:
            if not self.change.wait_for(lambda: self.seen >= self.marks, WAIT):
                raise Wrong("the origin does not accept")
        s.close()

    def nothing(self):
        """No byte of anything came."""
        self.sync()
        for link in self.links:
            if link.raw:
                raise Wrong(f"the origin saw {bytes(link.raw)!r}")

    def stop(self):
        """Listens no more (connections are refused) and ends its links."""
        if self.closed:
            return
        self.closed = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(WAIT)
        for link in self.links:
            with contextlib.suppress(OSError):
                link.sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(WAIT)
        if self.place.path:
            with contextlib.suppress(OSError):
                os.unlink(self.place.path)


# --- gateway ---------------------------------------------------------------------

class Clock:
    """The clocks of a gateway and its children, to be moved on: see clock.c. Preloaded, so a static program has none."""

    def __init__(self, t):
        with open(t.binary, "rb") as f:
            if b"/ld-" not in f.read(4096):
                raise Skip("nothing can be loaded before a static program")
        source, self.library = os.path.join(HERE, "clock.c"), os.path.join(t.dir, "clock.so")
        if not os.path.exists(self.library):
            subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-O1", "-shared", "-fPIC", "-o", self.library, source, "-ldl"], check=True)
        path = t.file(f"clock{len(t.gateways)}", bytes(4096))
        self.before = ["env", f"LD_PRELOAD={self.library}", f"CLOCK_FILE={path}", "ASAN_OPTIONS=verify_asan_link_order=0"]
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 4096)
        self.t, self.ahead, self.steps = t, 0.0, 0

    def step(self, seconds):
        """Moves them on. When it returns, every process has begun to wait anew, so that none still acts on the time before."""
        self.ahead += seconds
        self.steps += 1
        struct.pack_into("q", self.map, 0, int(self.ahead * 1e9))
        struct.pack_into("I", self.map, 8, self.steps)

        def seen():
            table = struct.unpack_from("500I", self.map, 16)
            return not any(pid and running(pid) and steps < self.steps for pid, steps in zip(table[::2], table[1::2]))
        self.t.until(seen, "all processes have seen what time it is")

    def now(self):
        """Seconds since 1970 as gateway sees it."""
        return time.time() + self.ahead


def running(pid):
    """There is such a process, and it can run."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZXT"
    except OSError:
        return False


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return sorted(map(int, f.read().split()))
    except OSError:
        return []


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def resident(pid):
    """Resident bytes of a process."""
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) * 1024


class Output:
    """Lines of a process, as they come."""

    def __init__(self, pipe):
        self.lines, self.change, self.over = [], threading.Condition(), False
        self.thread = threading.Thread(target=self.read, args=(pipe,), daemon=True)
        self.thread.start()

    def read(self, pipe):
        for line in iter(pipe.readline, b""):
            with self.change:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self.change.notify_all()
        with self.change:
            self.over = True
            self.change.notify_all()

    def wait(self, pattern, start=0):
        """The first line from start on that matches; waits for it."""
        pattern = re.compile(pattern)

        def found():
            return next((line for line in self.lines[start:] if pattern.search(line)), None)
        with self.change:
            self.change.wait_for(lambda: found() is not None or self.over, WAIT)
            line = found()
        if line is None:
            raise Wrong(f"no log line matches {pattern.pattern!r}: " + " | ".join(self.lines[start:][-30:]))
        return line


class Gateway:
    """A running gateway. Its logs are its stderr unless `logs` says otherwise. around: files
    that it sees in place of the system's (Test.elsewhere). before: words in front of the command.
    clock: it can be moved on (step). Whoever has a cache has a state directory of its own, and in the
    end that cache must be in order."""

    def __init__(self, t, config="", *, top="", listen=None, words=None, ready=True, logs="access_log = stderr\nerror_log = stderr\n", settle=True, around=None, before=(), clock=False):
        self.t = t
        self.places = [p if isinstance(p, tuple) else (p, "") for p in (listen or [t.tcp()])]
        self.place = self.places[0][0]
        self.settle = settle
        self.logs = logs
        self.deaths = False  # the scenario ends processes itself
        self.caches = False  # it has a cache
        self.clock = Clock(t) if clock else None
        self.file = os.path.join(t.dir, f"g{len(t.gateways)}.ini")
        if words is None:
            self.write(config, top)
        args = [*words] if words is not None else ["-c", self.file]
        self.process = t.spawn([*(self.clock.before if clock else ()), *(t.elsewhere(around) if around else before), *RUNNER, t.binary, *args], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        self.out, self.err = Output(self.process.stdout), Output(self.process.stderr)
        self.clients = []
        self.before = {}
        if ready:
            self.err.wait(READY.pattern)
            for place, _ in self.places:
                t.until(place.listening, f"{place.text} listens")
            self.remember()

    def write(self, config, top=""):
        """A new configuration file; reload() makes it count."""
        text = config
        if "[gateway]" not in config:
            listen = "".join(f"listen = {p.text} {w}".rstrip() + "\n" for p, w in self.places)
            text = f"[gateway]\n{listen}{self.logs}{top.strip()}\n\n{config.strip()}\n"
        self.caches = bool(re.search(CACHING, text))
        if self.caches and not re.search(r"(?m)^state\b", text):
            text = text.replace("[gateway]\n", f"[gateway]\nstate = {self.file[:-4]}.state\n", 1)
        if RUN:
            text = self.over_tls(text)
        for line in re.findall(r"(?m)^listen *= *(.*)", text):
            self.note(line.split(), text)
        with open(self.file, "w") as f:
            f.write(text)

    def over_tls(self, text):
        """The same configuration with TLS on both sides, except for Unix sockets."""
        text = re.sub(r"(?m)^(listen *= *+(?!unix:)(?!.* (?:tls|redirect)\b).*)$", r"\1 tls", text)
        secure = self.t.secure_ports | {p.port for p, _ in self.places if not p.path}
        text = re.sub(r"http://([^\s/]*:(\d+))", lambda m: ("https://" if int(m.group(2)) in secure else "http://") + m.group(1), text)
        ours = f"cert = {RUN.server.cert}\nkey = {RUN.server.key}\nca = {RUN.ca.cert}\n" + ("" if "\nstate" in text else f"state = {self.t.dir}/state\n")
        return text.replace("[gateway]\n", "[gateway]\n" + ours, 1)

    def note(self, listen, text):
        """A listener of this configuration: what do clients say to it?"""
        names = set()
        for label, site in re.findall(r"(?ms)^\[ *site +([^\]\s]*) *\]\n(.*?)(?=^\[|\Z)", text):
            names |= set(re.findall(r"[^,\s]+", " ".join(re.findall(r"(?m)^host *= *(.*)$", site)))) or {label}

        def sni(data):
            # a name that nobody answers for would be refused before any request could be
            host = asked_host(data)
            known = host and ("*" in names or host in names or any("*" + host[i:] in names for i, c in enumerate(host) if c == "."))
            return host if known else None
        for place in self.t.places:
            if place.text == listen[0] and not place.path:
                place.secure = "tls" in listen[1:]
                if RUN:
                    place.sni = sni

    @property
    def url(self):
        return self.place.url

    def remember(self):
        """The processes and descriptors that there are while nobody does anything."""
        self.before = {pid: descriptors(pid) for pid in self.processes()}

    def processes(self):
        return children(self.process.pid)

    def workers(self, count=None):
        """Those that have the listening sockets (the offload process closes its copies at once). With a count: waits for that many."""
        if count is not None:
            return self.t.until(lambda: next((w for w in [self.workers()] if len(w) == count), None), f"{count} workers")
        inodes, found = self.listening_inodes(), []
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if inodes & {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}:
                    found.append(pid)
        return found

    def listening_inodes(self):
        found = set()
        for place, _ in self.places:
            if place.path:
                with open("/proc/net/unix") as f:
                    found |= {"socket:[%s]" % line.split()[6] for line in f if line.rstrip().endswith(" " + place.path)}
                continue
            for name in "/proc/net/tcp", "/proc/net/tcp6":
                with open(name) as f:
                    found |= {"socket:[%s]" % w[9] for w in map(str.split, f) if w[3] == "0A" and w[1].endswith(":%04X" % place.port)}
        return found

    def client(self, place=None, source=None, address=None, kind=Client):
        c = kind((place or self.place).connect(source, address))
        self.clients.append(c)
        return c

    def ask(self, data=None, **how):
        """One request on a connection of its own."""
        c = self.client(**how)
        m = c.ask(get() if data is None else data)
        c.close()
        return m

    def mark(self):
        return len(self.err.lines)

    def logged(self, pattern, start=0):
        return self.err.wait(pattern, start)

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, config=None, top="", good=True):
        """SIGHUP; returns when the new workers are ready and the old ones accept no more, or when the error was told."""
        old = set(self.workers())
        if config is not None:
            self.write(config, top)
        mark = self.mark()
        self.deaths, self.before = True, {}  # other processes from now on
        self.signal(signal.SIGHUP)
        self.logged(READY.pattern if good else rf"{re.escape(os.path.basename(self.file))}:\d+: ", mark)
        if good:
            self.t.until(lambda: not old & set(self.workers()), "the old workers accept no more")
        return mark

    def alive(self):
        """No worker died; nothing was said that a sanitizer says."""
        for line in self.err.lines:
            if SANITIZER.search(line):
                raise Wrong("sanitizer: " + " | ".join(self.err.lines[-60:]))
        if self.process.poll() is not None:
            raise Wrong(f"gateway ended with {self.process.returncode}: " + " | ".join(self.err.lines[-20:]))
        if not self.deaths and sorted(self.before) != self.processes():
            raise Wrong(f"processes were {sorted(self.before)}, are {self.processes()}: " + " | ".join(self.err.lines[-20:]))

    def quiet(self):
        """Every descriptor that was opened since the start is closed again."""
        def same():
            return all(descriptors(pid) in (None, count) or descriptors(pid) < count for pid, count in self.before.items())
        try:
            self.t.until(same, "descriptors are closed")
        except Wrong:
            now = {pid: descriptors(pid) for pid in self.before}
            what = {pid: sorted(os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")) for pid, count in self.before.items() if (now[pid] or 0) > (count or 0)}
            raise Wrong(f"descriptors leak: {self.before} before, {now} after: {what}")

    def step(self, seconds):
        self.clock.step(seconds)

    def tell(self, *words, code=0):
        """`gateway -c FILE ...`: what it printed."""
        return self.t.run("-c", self.file, *words, code=code)

    def consistent(self):
        """Its cache is in order: every block has exactly one owner."""
        said = self.tell("cache", "check", code=None).strip()
        if said.split("\n")[-1] != "consistent":  # the configuration's warnings come before that
            raise Wrong(f"the cache is not in order: {said}")

    def stop(self, code=0):
        """SIGTERM, then a clean end."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait(code)

    def wait(self, code=0):
        try:
            self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            raise Wrong(f"gateway did not end within {WAIT} s: " + " | ".join(self.err.lines[-20:]))
        self.out.thread.join(WAIT)
        self.err.thread.join(WAIT)
        for line in self.err.lines:
            if SANITIZER.search(line):
                raise Wrong("sanitizer: " + " | ".join(self.err.lines[-60:]))
        equal(self.process.returncode, code, "exit code (" + " | ".join(self.err.lines[-8:]) + ")")

    def finish(self):
        """The end of a scenario."""
        for c in self.clients:
            c.close()
        if self.process.poll() is None and self.before:
            self.alive()
            if self.settle:
                self.quiet()
        if self.process.poll() is None:
            if self.caches:
                self.consistent()
            self.stop()


# --- one scenario ------------------------------------------------------------------

class Test:
    def __init__(self, binary, tiny, say, wanted=None):
        self.binary, self.tiny, self.say, self.wanted = binary, tiny, say, wanted
        self.dir = tempfile.mkdtemp(prefix="gw-")
        say({"dir": self.dir})
        os.chmod(self.dir, 0o755)
        self.places, self.origins, self.gateways, self.marks = [], [], [], set()
        self.problems, self.ending, self.processes, self.peers = [], False, [], []
        self.secure_ports = set()  # where origins speak TLS
        CERTS.maker = Maker(self.dir)

    # making things

    def place(self, *what, **how):
        p = Place(*what, **how)
        self.places.append(p)
        return p

    def tcp(self, address="127.0.0.1"):
        return self.place(socket.AF_INET, address)

    def tcp6(self):
        return self.place(socket.AF_INET6, "::1")

    def both(self):
        return self.place(socket.AF_INET6, "::")

    def unix(self):
        return self.place(socket.AF_UNIX, None, os.path.join(self.dir, f"s{len(self.places)}"))

    def origin(self, script=None, **how):
        o = Origin(self, script, **how)
        self.origins.append(o)
        return o

    def dead(self):
        """A server that refuses connections."""
        return self.origin(listen=False)

    def gateway(self, config="", **how):
        g = Gateway(self, config, **how)
        self.gateways.append(g)
        return g

    def proxy(self, script=None, *, top="", route="", **how):
        """The usual: one origin behind /, one gateway, one client."""
        o = self.origin(script, **how)
        g = self.gateway(f"[site *]\n/ = {o.url} {route}\n", top=top)
        return o, g, g.client()

    def spawn(self, args, **how):
        p = subprocess.Popen(args, stdin=subprocess.DEVNULL, cwd=self.dir, start_new_session=True, **how)
        self.processes.append(p)
        self.say({"pid": p.pid})
        return p

    def peer(self, args, **how):
        """A real server or client; it is ended before gateway is."""
        p = self.spawn(args, **how)
        self.peers.append(p)
        return p

    def run(self, *args, code=0, binary=None, input=None):
        """Runs gateway (or another program) to its end; what it printed on both."""
        p = subprocess.run([*([binary] if binary else [*RUNNER, self.binary]), *args], cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=WAIT, input=input)
        text = p.stdout.decode("utf-8", "replace")
        if SANITIZER.search(text):
            raise Wrong("sanitizer: " + text)
        if code is not None:
            equal(p.returncode, code, f"exit code of {' '.join(args)} ({text.strip()})")
        return text

    def elsewhere(self, files):
        """Words before a command so that it sees these files ({"/etc/hosts": own}) in place of the
        system's: a mount namespace of its own. Where that is not allowed the scenario is skipped."""
        words = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-mr"]
        if not shutil.which("unshare") or subprocess.run([*words, "mount", "--bind", self.dir, self.dir], stderr=subprocess.DEVNULL).returncode:
            raise Skip("no mount namespaces here")
        mounts = " && ".join(f"mount --bind {own} {path}" for path, own in files.items())
        return [*words, "sh", "-c", mounts + ' && exec "$@"', "sh"]

    def file(self, name, data=b""):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path

    # waiting

    def until(self, condition, what):
        end = time.monotonic() + WAIT
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Wrong(f"waited {WAIT} s in vain: {what}")
            time.sleep(0.002)

    # telling

    @contextlib.contextmanager
    def row(self, name):
        """One line of the result. Yields False when nobody asked for this row."""
        if self.wanted and not self.wanted(name):
            yield False
            return
        try:
            yield True
        except Exception as e:
            self.say({"row": name, "ok": False, "why": explain(e)})
        else:
            self.say({"row": name, "ok": True})

    def finish(self):
        """Takes everything down; what is wrong then goes to problems."""
        for g in self.gateways:
            for c in g.clients:
                c.close()
        self.ending = True
        for p in self.peers:
            p.kill()
            p.wait(WAIT)
        for thing in [*self.origins, *self.gateways]:
            try:
                thing.stop() if isinstance(thing, Origin) else thing.finish()
            except Exception as e:
                self.problems.append(explain(e))

    def clear(self):
        for p in self.processes:
            with contextlib.suppress(OSError):
                os.killpg(p.pid, signal.SIGKILL)
            with contextlib.suppress(Exception):
                p.wait(5)
        for place in self.places:
            place.release()
        shutil.rmtree(self.dir, ignore_errors=True)


def explain(e):
    if isinstance(e, Wrong):
        return str(e)
    last = [f for f in traceback.extract_tb(e.__traceback__) if not f.filename.endswith(("/socket.py", "/contextlib.py"))][-2:]
    return f"{type(e).__name__}: {e} (" + ", ".join(f"{os.path.basename(f.filename)}:{f.lineno}" for f in last) + ")"
