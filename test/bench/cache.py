#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cache - what does an answer from the cache cost, beside nginx's proxy_cache and HAProxy's cache?

    cache.py [--gateway FILE] [--tools DIR] [--quick] [--only NAME,...] [--servers NAME,...]

As bench.py does it: on 127.0.0.1, one worker each, no log, work is counted, and
servers take turns within a round. Each has 64 MB of cache that takes bodies of up to
1 MB; nginx's files are in the temporary directory, sent with sendfile: that copies
nothing, which is what counts once a body is long. That all answers were hits the
server behind says: it was not asked.

Names for --only: calls instructions cpu
"""

import argparse
import http.client
import os

import bench

SIZES = {"1 KB": "/stored/1024 1024", "16 KB": "/stored/16384 16384", "100 KB": "/stored/102400 102400"}


def with_cache(config, *pairs):
    """A configuration of bench.py with these changes."""
    for old, new in pairs:
        if config.count(old) != 1:
            raise ValueError(f"{old!r} is not there once")
        config = config.replace(old, new)
    return config


NGINX = with_cache(
    bench.NGINX,
    ("    access_log off;\n", "    access_log off;\n    sendfile on;\n"
                              "    proxy_cache_path {dir}/cache keys_zone=all:10m max_size=64m inactive=1h;\n"),
    ("            proxy_pass ", "            proxy_cache all;\n            proxy_pass "))

HAPROXY = with_cache(
    bench.HAPROXY,
    ("defaults\n", "cache all\n    total-max-size 64\n    max-object-size 1048576\n    max-age 3600\ndefaults\n"),
    ("    option forwardfor\n", "    http-request cache-use all\n    http-response cache-store all\n    option forwardfor\n"))

GATEWAY = with_cache(
    bench.GATEWAY,
    ("workers = 1\n", "workers = 1\ncache = 64M\n"),
    ("[site *]\n", "[site *]\ncache = on\ncache_object = 1M\n"))


class CacheBench(bench.Bench):
    configs = {"nginx": NGINX, "haproxy": HAPROXY, "gateway": GATEWAY}
    plain = ("gateway", "nginx", "haproxy")

    def served(self):
        """Answers of the server behind that may be stored, so far."""
        link = http.client.HTTPConnection("127.0.0.1", self.origin_port, timeout=10)
        link.request("GET", "/served")
        count = int(link.getresponse().read())
        link.close()
        return count

    def prepare(self, server):
        """All that will be asked for is there."""
        server.load("open 1")
        for what in SIZES.values():
            server.load(f"run 3 {what}")
        before = self.served()
        for what in SIZES.values():
            server.load(f"run 3 {what}")
        if self.served() != before:
            raise RuntimeError(f"{server.name} stores nothing")

    def ready(self):
        servers = self.start_all()
        for server in servers.values():
            self.prepare(server)
        return servers

    def only_hits(self, measure):
        before = self.served()
        value = measure()
        if self.served() != before:
            raise RuntimeError(f"not all were hits: {self.served() - before} were not")
        return value

    def calls(self):
        """System calls a hit, counted by strace at all processes of a server."""
        servers = self.ready()
        count = 1000 if self.quick else 4000
        for size, connections, target in (("1 KB", 1, 3.0), ("1 KB", 64, 2.1), ("100 KB", 64, None)):
            values = {}
            for name, s in servers.items():
                s.load(f"open {connections}")
                s.load(f"run {4 * connections + 100} {SIZES[size]}")
                values[name] = self.only_hits(lambda s=s, w=SIZES[size]: self.traced(s, f"run {count} {w}")) / count
            self.row(f"system calls a hit of {size}, {connections} connections", values, lambda v: f"{v:.2f}",
                     target and f"<= {target}", limit=target and target + 0.02)
        self.stop(servers)

    def instructions(self):
        """User-space instructions a hit, as of bench.py."""
        few, many = (500, 2500) if self.quick else (1000, 9000)
        for size, target in (("1 KB", 6000), ("100 KB", None)):
            values = {}
            for name in self.names:
                counts = [self.callgrind(name, n, SIZES[size]) for n in (few, many)]
                values[name] = (counts[1] - counts[0]) / (many - few)
            self.row(f"user instructions a hit of {size}, 64 connections", values, lambda v: f"{v:,.0f}",
                     target and f"<= {target:,}", limit=target)

    def cpu(self):
        """CPU time a hit, in rounds in which the servers take turns."""
        servers = self.ready()
        for (size, what), limit in zip(SIZES.items(), (0.5, None, None)):
            title = f"CPU us a hit of {size}, 64 connections"
            self.only_hits(lambda t=title, l=limit, w=what: self.requests(servers, 64, t, l, w))
        self.stop(servers)

    def compare(self, title, used, limit, form=lambda v: f"{v:.2f}"):
        values = super().compare(title, used, limit, form)
        if "haproxy" in values and "nginx" in values:
            print(f"    HAProxy / nginx: {values['haproxy'] / values['nginx']:.2f}")
        return values


MEASURES = ("calls", "instructions", "cpu")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.dirname(os.path.dirname(here))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gateway", default=os.path.join(root, "gateway"))
    parser.add_argument("--tools", default=os.path.join(root, "build/bench"))
    parser.add_argument("--only", default=",".join(MEASURES), help="of " + ", ".join(MEASURES))
    parser.add_argument("--servers", default="gateway,nginx,haproxy")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--no-pin", action="store_true", help="do not give the server a CPU of its own")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    only = set(args.only.split(","))
    if only - set(MEASURES):
        parser.error(f"no such measure: {', '.join(only - set(MEASURES))}")

    run = CacheBench(args)
    try:
        run.head(run.plain)
        for name in MEASURES:
            if name in only:
                getattr(run, name)()
    finally:
        run.close()


if __name__ == "__main__":
    main()
