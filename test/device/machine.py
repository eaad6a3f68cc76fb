# SPDX-License-Identifier: MIT
"""machine - how does one start, ask and end a small machine?

qemu emulates all of it. Its network is qemu's own: ports of 127.0.0.1 here lead
to ports there, and 10.0.2.2 there is 127.0.0.1 here. Its clock begins in 1970, as
on a board without a battery.
"""
import re
import socket
import subprocess
import threading
import time

BOOT_S = 150   # bounds, none of them a thing to measure
WORD_S = 120
DOOR = 9       # where its shell listens
HERE = "10.0.2.2"  # this host, seen from there


class Wrong(Exception):
    """What was seen is not what was asked for."""


class Kind:
    def __init__(self, name, debian, kernel, modules, program, words, console):
        self.name, self.debian, self.kernel, self.modules = name, debian, kernel, modules
        self.program, self.words, self.console = program, words, console


KINDS = {
    "armv7": Kind("armv7", "armhf", "linux-image-armmp", ["virtio_mmio", "virtio_net"], "qemu-system-arm",
                  ["-M", "virt,highmem=off", "-cpu", "cortex-a15", "-device", "virtio-net-device,netdev=n"], "ttyAMA0"),
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Memory:
    """What gateway's processes take, and what the machine has left; bytes."""

    def __init__(self, said):
        kb = lambda name: [int(n) * 1024 for n in re.findall(rf"(?m)^{name}: +(\d+) kB", said)]
        self.processes = len(kb("Rss"))
        self.rss, self.pss = sum(kb("Rss")), sum(kb("Pss"))
        self.swap = sum(kb("Swap"))
        self.free, self.available = sum(kb("MemFree")), sum(kb("MemAvailable"))


class Machine:
    def __init__(self, kind, kernel, disk, megabytes, log, ports):
        """ports: of the machine; self.port says which they are here."""
        self.port = {p: free_port() for p in [DOOR, *ports]}
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for there, here in self.port.items())
        self.log = log
        self.began = time.monotonic()
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                [kind.program, *kind.words, "-m", str(megabytes), "-nographic", "-no-reboot", "-rtc", "base=1970-01-02",
                 "-kernel", kernel, "-initrd", disk, "-append", f"console={kind.console} panic=-1 cma=0 rdinit=/init",
                 "-netdev", "user,id=n" + forwards], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def console(self):
        with open(self.log, "rb") as f:
            return f.read().decode(errors="replace").replace("\r", "")

    def said(self, pattern):
        """How often the console says this."""
        return len(re.findall(pattern, self.console()))

    def wait_for(self, pattern, count=1):
        """Until the console says this so many times."""
        until = time.monotonic() + BOOT_S
        while self.said(pattern) < count:
            if self.process.poll() is not None:
                raise Wrong(f"the machine has ended:\n{self.console()[-1500:]}")
            if time.monotonic() > until:
                raise Wrong(f"no line {pattern!r} on the console:\n{self.console()[-1500:]}")
            time.sleep(0.1)

    def ask(self, script):
        """What a shell there says to this."""
        with socket.create_connection(("127.0.0.1", self.port[DOOR]), timeout=WORD_S) as s:
            s.sendall(("{\n" + script + "\n} < /dev/null 2>&1\necho end of answer\nexit\n").encode())
            s.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: s.recv(65536), b"")).decode(errors="replace")
        text, end, _ = said.rpartition("end of answer\n")
        if not end:
            raise Wrong(f"no whole answer to {script!r}: {said[-300:]!r}")
        return text

    def processes(self):
        """pid: (parent's pid, name) of all that is gateway."""
        said = self.ask("for p in $(grep -l ^gateway /proc/[0-9]*/comm); do grep -E '^(Name|Pid|PPid):' ${p%comm}status; done")
        rows = re.findall(r"Name:\s+(\S+)\nPid:\s+(\d+)\nPPid:\s+(\d+)\n", said)
        return {int(pid): (int(parent), name) for name, pid, parent in rows}

    def supervisor(self):
        return next(pid for pid, (parent, _) in self.processes().items() if parent == 1)

    def worker(self):
        top = self.supervisor()
        return next(pid for pid, (parent, name) in self.processes().items() if parent == top and name == "gateway-worker")

    def memory(self):
        return Memory(self.ask("for p in $(grep -l ^gateway /proc/[0-9]*/comm); do cat ${p%comm}smaps_rollup; done; cat /proc/meminfo"))

    def switches(self):
        """pid: how often it went to sleep."""
        said = self.ask("for p in $(grep -l ^gateway /proc/[0-9]*/comm); do cat ${p%comm}status; done; cat /proc/uptime")
        return {int(pid): int(n) for pid, n in re.findall(r"(?s)Pid:\s+(\d+)\nPPid:.*?\nvoluntary_ctxt_switches:\s+(\d+)", said)}

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Watch:
    """Looks at the memory while something goes on, and keeps the most."""

    def __init__(self, machine):
        self.machine, self.seen, self.failed, self.done = machine, [], None, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            while not self.done.is_set():
                self.seen.append(self.machine.memory())
                self.done.wait(0.5)
        except (OSError, Wrong) as e:
            self.failed = e

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        if self.failed:
            raise Wrong(f"the memory could not be looked at: {self.failed}")
