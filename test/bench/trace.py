#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""trace - how often is what is asked for there? LRU, S3-FIFO and gateway's own cache

    trace.py [--tools DIR] [--objects N] [--requests N]

Requests by Zipf's law (0.9), always the same ones, and a cache of 10 % of all that is ever
asked for. LRU and S3-FIFO (Yang et al., SOSP 2023) are simulated here; gateway's is
the module itself (trace.c). All three hold as many blocks, and a response costs each as many:
what gateway's own index and heads take is counted for all.

    equal    bodies of 1,000 bytes
    mixed    from 100 bytes to 64 KB, half of them under 4 KB
    crawl    equal, and in the middle a crawl of ten times the cache, each page once:
             of the requests of the others, while it goes on and just after it
"""

import argparse
import array
import collections
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time

ZIPF, PART, SEED = 0.9, 0.1, 5
SMALL, GHOSTS, MOST = 0.1, 0.9, 3  # of S3-FIFO: queue parts, and how often counts


def lru(requests, capacity):
    """A byte for each request: was it there? requests: (who, weight)."""
    there, used, hits = collections.OrderedDict(), 0, bytearray()
    for who, weight in requests:
        hit = who in there
        hits.append(hit)
        if hit:
            there.move_to_end(who)
            continue
        if weight > capacity:
            continue
        while used + weight > capacity:
            used -= there.popitem(last=False)[1]
        there[who] = weight
        used += weight
    return hits


class S3Fifo:
    def __init__(self, capacity):
        self.capacity = capacity
        self.small, self.main = collections.deque(), collections.deque()
        self.small_used = self.main_used = self.ghosts_used = 0
        self.ghosts = collections.OrderedDict()
        self.weights, self.uses = {}, {}

    def hit(self, who):
        if who not in self.uses:
            return False
        self.uses[who] = min(self.uses[who] + 1, MOST)
        return True

    def put(self, who, weight):
        if weight > self.capacity:
            return
        while self.small_used + self.main_used + weight > self.capacity:
            if self.small_used > SMALL * self.capacity or not self.main:
                self.evict_small()
            else:
                self.evict_main()
        self.weights[who], self.uses[who] = weight, 0
        if who in self.ghosts:
            self.ghosts_used -= self.ghosts.pop(who)
            self.to_main(who)
        else:
            self.small.append(who)
            self.small_used += weight

    def to_main(self, who):
        self.main.append(who)
        self.main_used += self.weights[who]

    def evict_small(self):
        who = self.small.popleft()
        self.small_used -= self.weights[who]
        if self.uses[who] > 1:
            self.uses[who] = 0
            self.to_main(who)
            return
        self.ghosts[who] = self.weights[who]
        self.ghosts_used += self.weights[who]
        while self.ghosts_used > GHOSTS * self.capacity:
            self.ghosts_used -= self.ghosts.popitem(last=False)[1]
        del self.uses[who], self.weights[who]

    def evict_main(self):
        who = self.main.popleft()
        if self.uses[who]:
            self.uses[who] -= 1
            self.main.append(who)
            return
        self.main_used -= self.weights.pop(who)
        del self.uses[who]


def s3fifo(requests, capacity):
    cache, hits = S3Fifo(capacity), bytearray()
    for who, weight in requests:
        hit = cache.hit(who)
        hits.append(hit)
        if not hit:
            cache.put(who, weight)
    return hits


class Trace:
    """Who is asked for, and how long each is. A crawler's pages have numbers that others never ask for."""

    def __init__(self, objects, requests, sizes):
        self.sizes = sizes
        weights = itertools.accumulate(1 / (i + 1) ** ZIPF for i in range(objects))
        names = list(range(objects)) # who is popular is not who is small
        random.Random(SEED).shuffle(names)
        self.who = random.Random(SEED + 1).choices(names, cum_weights=list(weights), k=requests)
        self.objects = objects

    def crawl(self, pages, others):
        """In the middle, so many pages, and every so manyth request one of the others."""
        middle, rest = self.who[:len(self.who) // 2], self.who[len(self.who) // 2:]
        self.begin = len(middle)
        step = max(1, pages // others)
        page, other = self.objects, 0
        for i in range(pages + others):
            if i % (step + 1) == step and other < others:
                middle.append(rest[other])
                other += 1
            else:
                middle.append(page)
                self.sizes.append(self.sizes[0])
                page += 1
        self.end = len(middle)
        self.who = middle + rest[other:]


def equal(objects):
    return [1000] * objects


def mixed(objects):
    rng = random.Random(SEED + 2)
    return [min(max(int(rng.lognormvariate(8.3, 1.4)), 100), 65536) // 100 * 100 for _ in range(objects)]


class Program:
    """trace.c: what a body costs, and what was there."""

    def __init__(self, tools, directory):
        self.file, self.directory = os.path.join(tools, "trace"), directory
        self.costs = {}

    def weigh(self, sizes):
        """Blocks for each size."""
        wanted = sorted(set(sizes) - set(self.costs))
        for i in range(0, len(wanted), 100): # so many fit into its arena
            some = wanted[i:i + 100]
            out = subprocess.run([self.file, "weigh", *map(str, some)], check=True, capture_output=True, text=True).stdout
            self.costs.update(zip(some, map(int, out.split())))
        return [self.costs[size] for size in sizes]

    def replay(self, trace, blocks):
        source, result = (os.path.join(self.directory, name) for name in ("requests", "hits"))
        flat = array.array("I", itertools.chain.from_iterable((w, trace.sizes[w]) for w in trace.who))
        with open(source, "wb") as f:
            flat.tofile(f)
        run = subprocess.run([self.file, "replay", str(blocks), source, result], check=True, capture_output=True, text=True)
        with open(result, "rb") as f:
            return f.read(), float(run.stdout)


def ratio(hits, of=None):
    of = range(len(hits)) if of is None else of
    return sum(hits[i] for i in of) / len(of)


def row(title, values, verdict=""):
    print(f"{title:<44}" + "".join(f"{v:>10.4f}" for v in values) + f"  {verdict}", flush=True)


def run(program, title, trace, weights, capacity, parts):
    """parts: (title, indices of requests)."""
    requests = [(who, weights[who]) for who in trace.who]
    gateway, seconds = program.replay(trace, capacity)
    all_hits = [lru(requests, capacity), s3fifo(requests, capacity), gateway]
    for part, of in parts:
        values = [ratio(hits, of) for hits in all_hits]
        row(f"{title}{part}", values, "ok" if values[2] >= values[0] else "MISSED (LRU)")
    return seconds / len(trace.who)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tools", default=os.path.join(here, "../../build/bench"))
    parser.add_argument("--objects", type=int, default=100000)
    parser.add_argument("--requests", type=int, default=1000000)
    args = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trace-") as directory:
        program = Program(args.tools, directory)
        print(f"{'hit ratio, Zipf 0.9, a cache of 10 %':<44}{'LRU':>10}{'S3-FIFO':>10}{'gateway':>10}")

        trace = Trace(args.objects, args.requests, equal(args.objects))
        weights = program.weigh(trace.sizes)
        capacity = int(sum(weights) * PART)
        each = run(program, "equal", trace, weights, capacity, [(" sizes", None)])

        pages, others = args.objects, args.objects // 10
        trace.crawl(pages, others)
        weights = program.weigh(trace.sizes)
        during = [i for i in range(trace.begin, trace.end) if trace.who[i] < args.objects]
        after = range(trace.end, min(trace.end + args.objects // 2, len(trace.who)))
        before = range(trace.begin - len(after), trace.begin)
        run(program, "crawl", trace, weights, capacity,
            [(f", the {len(before):,} requests before it", before), (f", {others:,} among {pages:,} pages of it", during),
             (f", the {len(after):,} requests after it", after)])

        objects, count = args.objects // 4, args.requests // 4
        trace = Trace(objects, count, mixed(objects))
        weights = program.weigh(trace.sizes)
        run(program, "mixed", trace, weights, int(sum(weights) * PART), [(" sizes", None)])
    print(f"gateway's module: {each * 1e6:.2f} us a request of equal sizes, misses and their copies included; "
          f"all of this took {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
