# SPDX-License-Identifier: MIT
"""servers - what stands behind the small machine's gateway?

Each server says its name, counts what it is asked, and hashes what it is sent.
"""
import hashlib
import http.server
import threading
import time

WAIT = 60


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = WAIT

    def log_message(self, *_):
        pass

    def answer(self, body, *fields):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        back = self.server.back
        back.count(self.path)
        if self.path.startswith("/kept/"):
            self.answer(back.body(self.path), ("Cache-Control", "max-age=3600"))
        elif self.path.startswith("/together/"):
            back.meet()
            self.answer(back.body(self.path))
        else:
            self.answer(back.name.encode() + b"\n")

    def do_PUT(self):
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        whole = left
        while left:
            got = self.rfile.read(min(left, 1 << 16))
            if not got:
                return
            digest.update(got)
            left -= len(got)
        self.server.back.count(self.path)
        if self.path.startswith("/together/"):
            self.server.back.meet()
        self.answer(f"{whole} {digest.hexdigest()}\n".encode())


class Listener(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a connection that broke off: who asked sees that


class Server:
    def __init__(self, name):
        self.name, self.asked, self.lock, self.party = name, {}, threading.Lock(), None
        self.listener = Listener(("127.0.0.1", 0), Handler)
        self.listener.back = self
        self.port = self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    @staticmethod
    def body(path):
        """64 KB that nobody mistakes for another's."""
        return (path.encode() + b"\n").ljust(64, b".") * 1024

    def count(self, path):
        with self.lock:
            self.asked[path] = self.asked.get(path, 0) + 1

    def gather(self, count):
        """The next requests below /together/ wait until there are so many."""
        self.party = threading.Barrier(count)

    def meet(self):
        try:
            self.party.wait(WAIT)
        except threading.BrokenBarrierError:
            pass

    def wait_for(self, count):
        """Until so many wait; False: they never came."""
        until = time.monotonic() + WAIT
        while self.party.n_waiting < count:
            if self.party.broken or time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def end(self):
        self.listener.shutdown()
        self.listener.server_close()
