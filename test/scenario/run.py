#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run - does gateway do what the scenarios say?

    python3 test/scenario/run.py --gateway PATH [--tls] [--jobs N] [--only PATTERN] [--skip PATTERN] [--tiny] [--runner WORDS] [--list] [-v]

One line per scenario, then `N passed, N failed`; exit 1 when one failed. Each
scenario runs in a process of its own; whatever it started is stopped here, by
process group, and its directory removed, should the scenario not get to it.
--runner: an emulator, for a gateway of another machine. What looks at a process of
gateway then sees the emulator's: who counts on that is left out (harness.py).
--tls: over TLS, all but those that say why not (--list --tls -v tells them).
"""
import argparse
import glob
import importlib
import json
import os
import re
import select
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import certs  # noqa: E402
import harness  # noqa: E402
import wire  # noqa: E402

BOUND = 150  # seconds for one scenario, all rows of it
# Scenarios that are not about a connection, or bring TLS themselves: one run does.
OWN = {"config/": "about the file", "words/": "about words", "https/": "TLS by itself", "tls/": "TLS by itself", "certs/": "TLS by itself", "real/": "TLS by itself"}


def only_plain(entry):
    """Why this scenario does not run over TLS; None: it does."""
    return entry.plain or next((why for prefix, why in OWN.items() if entry.name.startswith(prefix)), None)


class Job:
    """A forked process that runs one entry and tells lines of JSON."""

    def __init__(self, entry, options):
        self.entry, self.groups, self.dir, self.rest = entry, [], None, b""
        self.start = time.monotonic()
        self.pipe, end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(self.pipe)
            code = 1
            try:
                perform(entry, options, end)
                code = 0
            finally:
                os._exit(code)
        os.close(end)

    def read(self):
        """False when there is no more to come."""
        data = os.read(self.pipe, 1 << 16)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "pid" in told:
                self.groups.append(told["pid"])
            elif "dir" in told:
                self.dir = told["dir"]
            else:
                yield told
        if not data:
            self.rest = None

    def end(self, why=None):
        if why:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.pipe)
        status = os.waitpid(self.pid, 0)[1]
        if why or status:
            self.clear()
        return why or (f"the scenario's process ended with {status}" if status else None)

    def clear(self):
        """What a scenario that did not get to its end has left."""
        for group in self.groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except OSError:
                pass
        if self.dir:
            shutil.rmtree(self.dir, ignore_errors=True)


def perform(entry, options, end):
    def say(told):
        os.write(end, json.dumps(told).encode() + b"\n")

    only = options.only and re.compile(options.only)
    wanted = (lambda row: only.search(f"{entry.name}/{row}")) if only else None
    t = harness.Test(options.gateway, options.tiny, say, wanted)
    problems, skipped = [], None
    try:
        try:
            entry.run(t)
        except harness.Skip as e:
            skipped = str(e)
        except Exception as e:
            problems.append(harness.explain(e))
        t.finish()
        problems += t.problems
    finally:
        t.clear()
    logs = [line for g in t.gateways for line in g.err.lines[-40:]] if problems else []
    if entry.rows:
        if problems:
            say({"row": "as a whole", "ok": False, "why": "; ".join(problems), "logs": logs})
    elif skipped and not problems:
        say({"skipped": skipped})
    else:
        say({"ok": not problems, "why": "; ".join(problems), "logs": logs})


class Count:
    def __init__(self, verbose):
        self.passed, self.failed, self.verbose = 0, 0, verbose

    def tell(self, entry, told, seconds=None):
        name = entry.name + ("/" + told["row"] if "row" in told else "")
        if "skipped" in told:
            print(f"skip {name}: {told['skipped']}", flush=True)
            return
        if told["ok"]:
            self.passed += 1
            took = f"  {seconds:.2f} s" if self.verbose and seconds is not None else ""
            print(f"ok   {name}{took}", flush=True)
            return
        self.failed += 1
        print(f"FAIL {name}: {told['why'][:3000]}", flush=True)
        if self.verbose:
            for line in told.get("logs", ()):
                print("     | " + line[:400], flush=True)


def run(entries, options):
    count, waiting, running = Count(options.verbose), list(entries), {}
    try:
        while waiting or running:
            while waiting and len(running) < options.jobs:
                job = Job(waiting.pop(0), options)
                running[job.pipe] = job
            ready = select.select(list(running), [], [], 1)[0]
            for pipe in ready:
                job = running[pipe]
                for told in job.read():
                    count.tell(job.entry, told, time.monotonic() - job.start)
                if job.rest is None:
                    why = job.end()
                    if why:
                        count.tell(job.entry, {"ok": False, "why": why})
                    del running[pipe]
            for pipe, job in list(running.items()):
                if time.monotonic() - job.start > BOUND:
                    count.tell(job.entry, {"ok": False, "why": job.end(f"not over after {BOUND} s")})
                    del running[pipe]
    finally:
        for job in running.values():
            job.end("interrupted")
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--only", help="regular expression on the names")
    parser.add_argument("--skip", help="regular expression on the names: not these")
    parser.add_argument("--tiny", action="store_true", help="a build with GW_TINY (default: the file's name says tiny)")
    parser.add_argument("--tls", action="store_true", help="TLS on both sides")
    parser.add_argument("--runner", default="", help="words in front of gateway: an emulator")
    parser.add_argument("--list", action="store_true", help="only the names")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    options.gateway = os.path.abspath(options.gateway)
    harness.RUNNER = options.runner.split()
    options.tiny |= "tiny" in os.path.basename(options.gateway)
    for file in sorted(glob.glob(os.path.join(HERE, "s_*.py"))):
        importlib.import_module(os.path.basename(file)[:-3])
    entries = harness.SCENARIOS
    names = [e.name for e in entries]
    assert len(set(names)) == len(names), "two scenarios of one name: " + str({n for n in names if names.count(n) > 1})
    if options.only:
        entries = [e for e in entries if any(re.search(options.only, n) for n in e.names())]
    if options.skip:
        entries = [e for e in entries if not re.search(options.skip, e.name)]
    entries = sorted(entries, key=lambda e: not e.slow)
    if options.list and options.verbose:
        print("\n".join(f"{e.name}: {only_plain(e)}" for e in entries if only_plain(e)))
        return 0
    if options.tls:
        entries = [e for e in entries if not only_plain(e)]
    if options.list:
        print("\n".join(n for e in entries for n in e.names()))
        return 0
    if not os.access(options.gateway, os.X_OK):
        print(f"no such program: {options.gateway}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what runs is cleared away
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gw-certs-") as directory:
        os.chmod(directory, 0o755)
        harness.CERTS = certs.Shop(directory, any(only_plain(e) for e in entries))
        if options.tls:
            harness.RUN, wire.SCHEME = harness.CERTS, "https"
        count = run(entries, options)
    if options.verbose:
        print(f"took {time.monotonic() - start:.1f} s")
    print(f"{count.passed} passed, {count.failed} failed")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main())
