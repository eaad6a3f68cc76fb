# SPDX-License-Identifier: MIT
"""secure - what does TLS look like to a scenario? As a socket.

A socket with TLS on it, either side, by way of memory: so that a scenario
still decides which bytes of which record go when, may read and write from two
threads, and sees whether the peer ended in good order.
"""
import re
import socket
import ssl
import threading

ALERT, HANDSHAKE, DATA = 21, 22, 23
NAME = re.compile(rb"(?i)(?=.{1,250}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


def asked_host(data):
    """The host that these first bytes of a request are for, as far as it is a name."""
    found = re.match(rb"\S+ https?://([^/\s?:\[]+)", data) or re.search(rb"(?i)\r?\nhost:[ \t]*([^\r\n:\[]*)[^\r\n]*\r?\n", data)
    host = found.group(1).rstrip(b".") if found else b""
    if not NAME.fullmatch(host) or re.fullmatch(rb"[0-9.]+", host):
        return None
    return host.decode().lower()


def client_context(ca=None, *, cert=None, key=None, most=None, least=None, suites=None, alpn=None, check=False):
    """What a client asks for; without ca it believes anything."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = check
    c.verify_mode = ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
    c.set_ciphers(suites or "DEFAULT:@SECLEVEL=0")
    if ca:
        c.load_verify_locations(ca)
    if cert:
        c.load_cert_chain(cert, key)
    if most:
        c.maximum_version = most
    if least:
        c.minimum_version = least
    if alpn:
        c.set_alpn_protocols(alpn)
    return c


def server_context(cert, key, *, client_ca=None, suites=None, demand=True):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(cert, key)
    c.num_tickets = 0
    c.options |= ssl.OP_NO_TICKET
    if suites:
        c.set_ciphers(suites)
    if client_ca:
        c.load_verify_locations(client_ca)
        c.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL
    return c


class Secure:
    """raw: a connected socket. name: of the server, or a function that makes it of the first bytes sent.
    The handshake happens when the first byte is sent or waited for."""

    def __init__(self, raw, context, *, server=False, name=None, session=None):
        self.raw, self.context, self.server, self.name, self.session = raw, context, server, name, session
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = None
        self.opening, self.engine, self.sending = threading.Lock(), threading.Lock(), threading.Lock()
        self.opened = False     # the handshake is over
        self.eof = False        # the peer's bytes have ended
        self.notified = False   # it said close_notify
        self.finished = False   # we did
        self.failure = None     # why the handshake failed
        self.early = b""        # deciphered, not asked for yet
        self.pending = b""      # of a socket that does not wait: records that are not gone
        self.records = []       # (type, length) of the peer's, for those who count
        self.partial = b""
        self.alerts = []        # (level, description), those in clear

    # --- what is a socket's

    @property
    def family(self):
        return self.raw.family

    def fileno(self):
        return self.raw.fileno()

    def settimeout(self, seconds):
        self.raw.settimeout(seconds)

    def setblocking(self, wait):
        self.raw.setblocking(wait)

    def setsockopt(self, *what):
        self.raw.setsockopt(*what)

    def getsockname(self):
        return self.raw.getsockname()

    def getpeername(self):
        return self.raw.getpeername()

    # --- handshake

    def begin(self, first=b""):
        """False: there is no peer any more. Raises ssl.SSLError when one of the two refuses."""
        with self.opening:
            if self.opened or self.eof:
                return self.opened
            if self.failure:
                raise self.failure
            name = self.name(first) if callable(self.name) else self.name
            self.tls = self.context.wrap_bio(self.incoming, self.outgoing, server_side=self.server, server_hostname=name, session=self.session)
            while not self.opened:
                try:
                    self.tls.do_handshake()
                    self.opened = True
                except ssl.SSLWantReadError:
                    self.flush()
                    if not self.take():
                        return False
                except ssl.SSLError as e:
                    self.failure = e
                    self.flush(quiet=True)
                    raise
            self.flush()
            return True

    def flush(self, quiet=False):
        data = self.outgoing.read()
        if data:
            try:
                self.raw.sendall(data)
            except OSError:
                if not quiet:
                    raise

    def take(self):
        """Reads once from the socket; False at its end."""
        data = self.raw.recv(1 << 17)
        if not data:
            self.eof = True
            return False
        self.count(data)
        with self.engine:
            self.incoming.write(data)
        return True

    def count(self, data):
        data = self.partial + data
        while len(data) >= 5:
            size = int.from_bytes(data[3:5], "big")
            if len(data) < 5 + size:
                break
            self.records.append((data[0], size))
            if data[0] == ALERT and size == 2:
                self.alerts.append((data[5], data[6]))
            data = data[5 + size:]
        self.partial = data

    # --- bytes

    def read(self, most):
        """Deciphered bytes, b"" at an end in good order, None when more records are needed."""
        try:
            data = self.tls.read(most)
            self.notified = self.notified or not data
            return data
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLZeroReturnError:
            self.notified = True
            return b""

    def recv(self, most):
        if not self.begin():
            return b""
        while True:
            with self.engine:
                if self.early:
                    data, self.early = self.early[:most], self.early[most:]
                    return data
                data = b"" if self.notified else self.read(most)
            if data is not None:
                return data
            if self.eof or not self.take():
                return b""

    def seal(self, data):
        """These bytes as records, to be sent by the scenario itself."""
        with self.engine:
            for at in range(0, len(data), 16384):
                self.tls.write(data[at:at + 16384])
            return self.outgoing.read()

    def sendall(self, data):
        if not self.begin(data):
            raise BrokenPipeError("the peer ended during the handshake")
        for at in range(0, len(data), 1 << 16):
            with self.sending:
                self.raw.sendall(self.seal(data[at:at + (1 << 16)]))

    def send(self, data):
        """For a socket that does not wait: what it takes; BlockingIOError when that is nothing."""
        if not self.begin(data):
            raise BrokenPipeError("the peer ended during the handshake")
        with self.sending:
            if not self.pending:
                data = data[:16384]
                self.pending = self.seal(data)
            else:
                data = b""
            sent = self.raw.send(self.pending)
            self.pending = self.pending[sent:]
            return len(data)

    # --- ends

    def notify(self):
        """close_notify; what the peer says after it can still be read."""
        if not self.opened or self.finished:
            return
        self.finished = True
        with self.sending:
            with self.engine:
                # OpenSSL would take what lies there for an error
                while not self.notified and (data := self.read(1 << 17)):
                    self.early += data
                try:
                    self.tls.unwrap()
                except ssl.SSLError:
                    pass
                data = self.outgoing.read()
            self.raw.sendall(self.pending + data)

    def shutdown(self, how):
        if how == socket.SHUT_WR:
            self.notify()
        try:
            self.raw.shutdown(how)
        except OSError:
            if how != socket.SHUT_WR:
                raise  # else the peer has answered our close_notify by closing

    def close(self):
        if self.raw.fileno() < 0:
            return
        try:
            self.raw.settimeout(0)
            self.notify()
        except (OSError, ValueError):
            pass
        self.raw.close()

    def cut(self):
        """Ends without a word of TLS."""
        self.raw.close()
