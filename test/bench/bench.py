#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench - what does gateway cost, beside nginx, HAProxy and a relay that does not think?

    bench.py [--gateway FILE] [--tools DIR] [--quick] [--only NAME,...] [--servers NAME,...]

Everything runs on 127.0.0.1, with one worker each, keep-alive to the origin and
no access log. Work is counted, not timed: load.c does exactly so many requests,
and what is read is what the processes of a server used for them. Servers take
turns within a round, so that what else the machine does meets all of them.

TLS is the same for all: version 1.2, ECDHE with X25519, AES-128-GCM, one certificate,
sessions resumed by id from the server's cache, no tickets. OpenSSL signs with RSA
three times as fast where it finds AVX-512; OPENSSL_ia32cap=:~0x200000 in the
environment takes that from it.

Names for --only: calls instructions cpu parked bulk memory start, and with TLS:
shake tls_cpu tls_bulk tls_memory, or tls for these four
"""

import argparse
import glob
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

GIB = 1 << 30

NGINX = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 16384;
pid {dir}/nginx.pid;
error_log {dir}/nginx.log error;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 3600;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 3600;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096{tls};
        client_max_body_size 0;
{cert}
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Port $server_port;
            proxy_max_temp_file_size 0;
            proxy_request_buffering off;
        }}
    }}
}}
"""

NGINX_CERT = """
        ssl_certificate {cert};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2;
        ssl_ciphers ECDHE+AESGCM;
        ssl_ecdh_curve X25519:P-256;
        ssl_session_cache shared:all:10m;
        ssl_session_timeout 1h;
        ssl_session_tickets off;
"""

HAPROXY = """
global
    nbthread 1
    maxconn 2048
    ssl-default-bind-options ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2 no-tls-tickets
    ssl-default-bind-ciphers ECDHE+AESGCM
    ssl-default-bind-curves X25519:P-256
    tune.ssl.lifetime 3600
defaults
    mode http
    timeout connect 10s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
frontend clients
    bind 127.0.0.1:{port} backlog 4096{tls}
    option forwardfor
    http-request set-header X-Real-IP %[src]
    http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Port %[dst_port]
    default_backend origin
backend origin
    http-reuse always
    server origin 127.0.0.1:{origin} pool-max-conn 256 pool-purge-delay 1h
"""

GATEWAY = """
[gateway]
listen = 127.0.0.1:{port}{tls}
workers = 1
access_log = off
clients = 2048
requests = 512
per_client = 4096
idle_links = 256
idle_timeout = 1h
link_timeout = 1h

[site *]
{cert}
/ = http://127.0.0.1:{origin}
"""

# What makes each certificate; both are known as KIND.crt, KIND.key and KIND.pem.
KINDS = {"P-256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"), "RSA-2048": ("-newkey", "rsa:2048")}
PLAIN, TLS = ("gateway", "nginx", "floor"), ("gateway", "nginx", "haproxy")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def read(path):
    with open(path) as f:
        return f.read()


def pin(cpu):
    """A function for the child: the server has one CPU, everything else the other."""
    def do():
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
    return do


class Server:
    """One of them, started with a command line, seen as a tree of processes. kind: of its certificate."""

    def __init__(self, bench, name, wrap=(), kind=None):
        self.bench, self.name = bench, name
        self.port = free_port()
        self.command = list(wrap) + bench.words(name, self.port, kind)
        with open(os.path.join(bench.dir, f"{name}.out"), "w") as out:
            self.process = subprocess.Popen(self.command, stdout=out, stderr=out, preexec_fn=pin(bench.server_cpu))
        self.load = None
        bench.running.append(self)
        self.wait()
        self.load = Load(bench, name, self.port, kind)

    def wait(self):
        for _ in range(1200):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.025)
        sys.exit(f"bench: {self.name} does not start:\n" + read(os.path.join(self.bench.dir, f"{self.name}.out")))

    def pids(self):
        parents = {}
        for stat in glob.glob("/proc/[0-9]*/stat"):
            try:
                text = read(stat)
            except OSError:
                continue
            parents.setdefault(int(text.rsplit(")", 1)[1].split()[1]), []).append(int(text.split()[0]))
        found = [self.process.pid]
        for pid in found:
            found += parents.get(pid, [])
        return found

    def cpu(self):
        """ns of CPU time used by all processes so far."""
        return sum(int(read(f"/proc/{pid}/schedstat").split()[0]) for pid in self.pids())

    def memory(self, what):
        """kB of Pss or Rss of all processes."""
        total = 0
        for pid in self.pids():
            text = read(f"/proc/{pid}/smaps_rollup")
            total += int(re.search(rf"^{what}:\s+(\d+)", text, re.M).group(1))
        return total

    def peak(self, command):
        """kB resident at most, of all processes, while this goes on."""
        for pid in self.pids():
            with open(f"/proc/{pid}/clear_refs", "w") as f:
                f.write("5")
        self.load(command)
        return sum(int(re.search(r"^VmHWM:\s+(\d+)", read(f"/proc/{pid}/status"), re.M).group(1))
                   for pid in self.pids())

    def cost(self, command):
        before = self.cpu()
        self.load(command)
        return self.cpu() - before

    def stop(self):
        self.bench.running.remove(self)
        if self.load:
            self.load.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            print(f"bench: {self.name} does not end on SIGTERM", file=sys.stderr)
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
            self.process.wait()


class Load:
    def __init__(self, bench, name, port, kind):
        self.name = name
        self.process = subprocess.Popen([os.path.join(bench.tools, "load"), str(port)] + ["tls"] * bool(kind), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=pin(bench.load_cpu))

    def __call__(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split(None, 1)
        if not answer or answer[0] != "ok":
            raise RuntimeError(f"{self.name}: {command}: {' '.join(answer).strip()}")
        return float(answer[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    configs = {"nginx": NGINX, "haproxy": HAPROXY, "gateway": GATEWAY}
    plain = PLAIN

    def __init__(self, args):
        self.args = args
        self.quick = args.quick
        self.tools, self.gateway = args.tools, os.path.abspath(args.gateway)
        self.nginx, self.haproxy = (shutil.which(name) or f"/usr/sbin/{name}" for name in ("nginx", "haproxy"))
        cpus = sorted(os.sched_getaffinity(0))
        self.load_cpu, self.server_cpu = (cpus[0], cpus[1]) if len(cpus) > 1 and not args.no_pin else (None, None)
        self.dir = tempfile.mkdtemp(prefix="bench-")
        self.origin_port = free_port()
        self.origin = subprocess.Popen([os.path.join(self.tools, "origin"), str(self.origin_port)],
                                       preexec_fn=pin(self.load_cpu))
        self.wanted = args.servers.split(",")
        self.names = [name for name in self.plain if name in self.wanted]
        self.columns = None
        self.running = []

    def close(self):
        for server in list(self.running): # after a failure
            server.stop()
            print(f"--- {server.name}:\n" + read(os.path.join(self.dir, f"{server.name}.out"))[-2000:], file=sys.stderr)
        self.origin.kill()
        self.origin.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def words(self, name, port, kind=None):
        """The command line of a server; writes its configuration."""
        if name == "floor":
            return [os.path.join(self.tools, "floor"), str(port), str(self.origin_port)]
        tls = cert = ""
        if kind:
            crt, key, pem = self.certificate(kind)
            tls = {"nginx": " ssl", "haproxy": f" ssl crt {pem}", "gateway": " tls"}[name]
            cert = {"nginx": NGINX_CERT.format(cert=crt, key=key), "gateway": f"cert = {crt}\nkey = {key}"}.get(name)
        file = os.path.join(self.dir, f"{name}-{port}.conf")
        with open(file, "w") as f:
            f.write(self.configs[name].format(
                dir=self.dir, port=port, origin=self.origin_port, user="user root;" if os.getuid() == 0 else "",
                tls=tls, cert=cert))
        if name == "nginx":
            return [self.nginx, "-e", os.path.join(self.dir, "nginx.log"), "-c", file]
        if name == "haproxy":
            return [self.haproxy, "-db", "-f", file]
        return [self.gateway, "-c", file]

    def certificate(self, kind):
        """Certificate, key, and a file with both, self-signed, made when first wanted."""
        crt, key, pem = (os.path.join(self.dir, f"{kind}.{end}") for end in ("crt", "key", "pem"))
        if not os.path.exists(pem):
            subprocess.run(["openssl", "req", "-x509", "-nodes", "-sha256", "-days", "3650", *KINDS[kind], "-keyout", key,
                            "-out", crt, "-subj", "/CN=bench.example.org", "-addext", "subjectAltName=DNS:bench.example.org"],
                           check=True, stderr=subprocess.DEVNULL)
            with open(pem, "w") as f:
                f.write(read(crt) + read(key))
        return crt, key, pem

    def start_all(self, kind=None):
        names = TLS if kind else self.plain
        return {name: Server(self, name, kind=kind) for name in names if name in self.wanted}

    def head(self, columns):
        if columns != self.columns:
            print(f"{'':<44} {columns[0]:>10} {columns[1]:>10} {columns[2]:>10} {'ratio':>6} target")
        self.columns = columns

    def row(self, title, values, form, target=None, ratio=None, limit=None):
        """values: by server. target: text; limit: what gateway's value (or ratio) must not pass."""
        shown = ratio if ratio is not None else values.get("gateway")
        verdict = ""
        if limit is not None and shown is not None:
            verdict = "ok" if shown <= limit else "MISSED"
        cells = [form(values[n]) if values.get(n) is not None else "-" for n in self.columns]
        print(f"{title:<44} {cells[0]:>10} {cells[1]:>10} {cells[2]:>10} "
              f"{'' if ratio is None else format(ratio, '.2f'):>6} {target or '':<14} {verdict}", flush=True)

    # --- the measures ---------------------------------------------------------

    def calls(self):
        """System calls a request, counted by strace at all processes of a server."""
        servers = self.start_all()
        for connections, target in ((1, 6.0), (64, 4.4)):
            count = 1000 if self.quick else 4000
            values = {}
            for name, s in servers.items():
                s.load(f"open {connections}")
                s.load(f"run {4 * connections + 100} /1k 1024")
                values[name] = self.traced(s, f"run {count} /1k 1024") / count
            self.row(f"system calls a request, {connections} connections", values, lambda v: f"{v:.2f}",
                     f"<= {target}", limit=target + 0.02)
        self.stop(servers)

    def traced(self, server, command):
        out = os.path.join(self.dir, "strace")
        words = ["strace", "-c", "-o", out]
        for pid in server.pids():
            words += ["-p", str(pid)]
        trace = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        for _ in server.pids():
            trace.stderr.readline() # "Process N attached"
        server.load(command)
        trace.send_signal(signal.SIGINT)
        trace.communicate()
        if self.args.verbose:
            print(server.name, read(out), sep="\n")
        return int(re.search(r"^100\.00\s+\S+\s+\S*\s*?(\d+)\s+(?:\d+\s+)?total", read(out), re.M).group(1))

    def instructions(self):
        """User-space instructions a request: the difference of two runs under
        callgrind with different counts, so that starting and ending cancel out."""
        few, many = (500, 2500) if self.quick else (1000, 9000)
        values = {}
        for name in self.names:
            counts = [self.callgrind(name, n) for n in (few, many)]
            values[name] = (counts[1] - counts[0]) / (many - few)
        self.row("user instructions a request, 64 connections", values, lambda v: f"{v:,.0f}", "<= 8,000", limit=8000)

    def prepare(self, server):
        """Before it is asked to do what is counted."""

    def callgrind(self, name, count, what="/1k 1024"):
        for old in glob.glob(os.path.join(self.dir, "callgrind.*")):
            os.remove(old)
        server = Server(self, name, ["valgrind", "--tool=callgrind", "--trace-children=yes",
                                     f"--callgrind-out-file={self.dir}/callgrind.%p"])
        self.prepare(server)
        server.load("open 64")
        server.load(f"run {count} {what}")
        server.stop()
        files = glob.glob(os.path.join(self.dir, "callgrind.*"))
        if self.args.verbose and count > 1000:
            worker = max(files, key=os.path.getsize)
            print(subprocess.run(["callgrind_annotate", worker], capture_output=True, text=True).stdout[:6000])
        return sum(int(re.search(r"^(?:totals|summary): (\d+)", read(f), re.M).group(1)) for f in files)

    def cpu(self):
        """CPU time a request, in rounds in which the servers take turns."""
        servers = self.start_all()
        for connections in (1, 16, 64, 256):
            self.requests(servers, connections, f"CPU us a request, {connections} connections", 0.8)
        self.stop(servers)

    def requests(self, servers, connections, title, limit, what="/1k 1024"):
        rounds = 3 if self.quick else 9
        count = (2000 if self.quick else 6000) * (1 if connections == 1 else 2)
        used = {name: [] for name in servers}
        for s in servers.values():
            s.load(f"open {connections}")
            s.load(f"run {count // 4} {what}")
        for _ in range(rounds):
            for name, s in servers.items():
                used[name].append(s.cost(f"run {count} {what}") / count / 1000)
        self.compare(title, used, limit)

    def compare(self, title, used, limit, form=lambda v: f"{v:.2f}"):
        values = {name: statistics.median(list_) for name, list_ in used.items()}
        ratio = None
        if {"gateway", "nginx"} <= set(used):
            ratio = statistics.median(g / n for g, n in zip(used["gateway"], used["nginx"]))
        self.row(title, values, form, limit and f"<= {limit} nginx", ratio=ratio, limit=limit if ratio else None)
        if self.args.verbose and ratio:
            print("    by round:", *(f"{g / n:.2f}" for g, n in zip(used["gateway"], used["nginx"])))
        if self.args.verbose and {"floor", "nginx"} <= set(used):
            floor = statistics.median(f / n for f, n in zip(used["floor"], used["nginx"]))
            print(f"    floor / nginx: {floor:.2f}")
        return values

    def parked(self):
        """A busy connection beside 1,000 idle ones: what it costs more."""
        servers = self.start_all()
        rounds, count = (2, 3000) if self.quick else (5, 6000)
        values = {}
        for name, s in servers.items():
            ratios = []
            s.load("open 1")
            s.load(f"run {count} /1k 1024")
            for _ in range(rounds):
                alone = s.cost(f"run {count} /1k 1024")
                s.load("idle 1000 /1k 1024")
                time.sleep(2.5) # long enough for all of them to be parked
                s.load(f"run {count // 10} /1k 1024")
                ratios.append(s.cost(f"run {count} /1k 1024") / alone)
                s.load("drop")
                time.sleep(0.5)
            values[name] = statistics.median(ratios)
        self.row("busy beside 1,000 idle: times its cost alone", values, lambda v: f"{v:.2f}", "<= 1.1", limit=1.1)
        self.stop(servers)

    def bulk(self):
        """1 GiB down and up: CPU time, and whether the size of the transfer shows in the resident size."""
        servers = self.start_all()
        size = GIB // 4 if self.quick else GIB
        for title, command in (("down", "down /bytes/{0} {0}"), ("up", "up /upload {0}")):
            used = {name: [] for name in servers}
            peaks = {name: [] for name in servers}
            for name, s in servers.items():
                peaks[name].append(s.peak(command.format(16 << 20)))
            for _ in range(2 if self.quick else 3):
                for name, s in servers.items():
                    used[name].append(s.cost(command.format(size)) / 1e9 * GIB / size)
            for name, s in servers.items():
                peaks[name].append(s.peak(command.format(size)))
            self.compare(f"CPU s a GiB, {title}", used, 0.6)
            self.row(f"kB resident at most, 1 GiB less 16 MiB {title}", {n: p[1] - p[0] for n, p in peaks.items()},
                     str, "0", limit=64)
        self.stop(servers)

    def memory(self):
        """All processes at rest, and 1,000 quiet connections that did one request each."""
        servers = self.start_all()
        rest, each = self.quiet(servers)
        self.row("Pss of all processes at rest, kB", rest, lambda v: f"{v:,}", "< 1,024", limit=1023)
        self.row("bytes of memory a quiet connection", each, lambda v: f"{v:,.0f}", "<= 300", limit=300)
        self.stop(servers)

    @staticmethod
    def quiet(servers):
        rest, each = {}, {}
        for name, s in servers.items():
            s.load("open 1")
            s.load("run 100 /1k 1024")
            time.sleep(1)
            rest[name] = s.memory("Pss")
            s.load("idle 1000 /1k 1024")
            time.sleep(2.5)
            each[name] = (s.memory("Pss") - rest[name]) * 1024 / 1000
        return rest, each

    def shake(self):
        """CPU time of a connection with a handshake and one request, eight at a time."""
        for kind, full, target in (("P-256", 400, 2.0), ("RSA-2048", 160, 2.7)):
            servers = self.start_all(kind)
            self.shakes(servers, "shake", full, f"full handshake, {kind}", target)
            self.shakes(servers, "resume", 2000, f"resumed handshake, {kind}", 1.1)
            self.stop(servers)

    def shakes(self, servers, command, count, what, limit):
        count = count // 8 if self.quick else count
        used = {name: [] for name in servers}
        for s in servers.values():
            s.load(f"{command} {count // 4} 8 /1k 1024")
        for _ in range(3 if self.quick else 9):
            for name, s in servers.items():
                used[name].append(s.cost(f"{command} {count} 8 /1k 1024") / count / 1000)
        values = self.compare(f"CPU us a {what}", used, limit, lambda v: f"{v:,.0f}")
        self.row("    such a CPU second", {name: 1e6 / v for name, v in values.items()}, lambda v: f"{v:,.0f}")

    def tls_cpu(self):
        """CPU time a request over TLS."""
        servers = self.start_all("P-256")
        for connections in (1, 16, 64):
            self.requests(servers, connections, f"CPU us a request over TLS, {connections} connections", 0.75)
        self.stop(servers)

    def tls_bulk(self):
        """100 MiB down over TLS."""
        servers = self.start_all("P-256")
        size = (16 if self.quick else 100) << 20
        used = {name: [] for name in servers}
        for _ in range(3 if self.quick else 9):
            for name, s in servers.items():
                used[name].append(s.cost(f"down /bytes/{size} {size}") / 1e9 * GIB / size)
        self.compare("CPU s a GiB over TLS, down, 100 MiB each", used, 0.9, lambda v: f"{v:.3f}")
        self.stop(servers)

    def tls_memory(self):
        """1,000 quiet TLS connections that did one request each."""
        servers = self.start_all("P-256")
        each = self.quiet(servers)[1]
        self.row("bytes of memory a quiet TLS connection", each, lambda v: f"{v:,.0f}", "<= 5,000", limit=5000)
        self.stop(servers)

    def start(self):
        """From fork to the first proxied answer, ms."""
        used = {name: [] for name in self.names}
        for _ in range(5 if self.quick else 21):
            for name in self.names:
                used[name].append(self.first(name))
        values = {name: statistics.median(list_) for name, list_ in used.items()}
        limit = values.get("nginx")
        self.row("ms from start to the first answer", values, lambda v: f"{v:.1f}", "< nginx", limit=limit)

    def first(self, name):
        port = free_port()
        run = subprocess.run([os.path.join(self.tools, "load"), "first", str(port), "/1k"] + self.words(name, port),
                             capture_output=True, text=True, timeout=60)
        if run.returncode != 0:
            raise RuntimeError(f"{name}: no first answer\n{run.stderr}")
        return float(run.stdout.split()[0])

    @staticmethod
    def stop(servers):
        for s in servers.values():
            s.stop()


OVER_TLS = ("shake", "tls_cpu", "tls_bulk", "tls_memory")
MEASURES = ("calls", "instructions", "cpu", "parked", "bulk", "memory", "start") + OVER_TLS


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gateway", default=os.path.join(root, "gateway"))
    parser.add_argument("--tools", default=os.path.join(root, "build/bench"))
    parser.add_argument("--only", default=",".join(MEASURES), help="of " + ", ".join(MEASURES))
    parser.add_argument("--servers", default="gateway,nginx,floor,haproxy",
                        help="the relay (floor) is there only without TLS, haproxy only with it")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, under two minutes")
    parser.add_argument("--no-pin", action="store_true", help="do not give the server a CPU of its own")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    only = set(args.only.split(","))
    if "tls" in only:
        only = only - {"tls"} | set(OVER_TLS)
    unknown = only - set(MEASURES)
    if unknown:
        parser.error(f"no such measure: {', '.join(unknown)}")

    bench = Bench(args)
    try:
        for name in MEASURES:
            if name in only:
                bench.head(TLS if name in OVER_TLS else PLAIN)
                getattr(bench, name)()
    finally:
        bench.close()


if __name__ == "__main__":
    main()
