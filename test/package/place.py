# SPDX-License-Identifier: MIT
"""place - where does a package's program run, and does it answer there?

A place is a directory that becomes the root of what runs in it, with the few devices
and libraries that the program needs.
"""
import http.client
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WAIT = 20  # seconds, for what takes none


def check(truth, what):
    if not truth:
        raise AssertionError(what)


def equal(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}:\n--- got\n{got}\n--- wanted\n{wanted}")


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, check=False, **more)


def well(*command, **more):
    """The output of a command that must succeed."""
    ended = run(*command, **more)
    check(ended.returncode == 0, f"{' '.join(command)} ends with {ended.returncode}:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    return ended.stdout


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def put(source, path, mode=0o755):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copyfile(source, path)
    os.chmod(path, mode)


def libraries(program):
    """Files that a program is loaded with; none of a static one."""
    said = run("ldd", program)
    return re.findall(r"(/\S+) \(0x", said.stdout) if said.returncode == 0 else []


def put_program(program, root, path):
    put(program, root + path)
    for library in libraries(program):
        put(library, root + library)


def devices(root):
    os.makedirs(root + "/dev", exist_ok=True)
    for name, minor in (("null", 3), ("zero", 5), ("urandom", 9)):
        os.mknod(f"{root}/dev/{name}", stat.S_IFCHR, os.makedev(1, minor))
        os.chmod(f"{root}/dev/{name}", 0o666)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(question, what):
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {WAIT} s: {what}")


def ask(port, host="localhost", path="/"):
    """Status and body, once somebody listens there."""
    def attempt():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()
    return until(attempt, f"an answer on port {port}")


def children(pid):
    return [int(p) for p in read(f"/proc/{pid}/task/{pid}/children").split()]


def fact(pid, name):
    """A line of /proc/PID/status, as words."""
    return re.search(rf"^{name}:\s*(.*)$", read(f"/proc/{pid}/status"), re.M)[1].split()


class Daemon:
    """A program in a place, in a PID namespace of its own, where it is process 1.

    enter: called in the child once its root is the place; command runs there."""

    def __init__(self, root, command, enter=None, mounts=()):
        script = "".join(
            f"mkdir -p '{to}' && mount --bind '{what}' '{to}' && " + ("" if rw else f"mount -o remount,bind,ro '{to}' && ")
            for what, to, rw in mounts)
        self.log = root + ".log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
                 f'{script}exec python3 "$@"', "sh", os.path.abspath(__file__), root, enter or "", *command],
                stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if error[0]:
            print(self.said())

    def said(self):
        return read(self.log)

    def pid(self):
        """Of process 1 in there, as it is called out here."""
        return until(lambda: children(self.process.pid), "a child of unshare")[0]

    def signal(self, number):
        os.kill(self.pid(), number)

    def end(self):
        self.signal(signal.SIGTERM)
        equal(self.process.wait(WAIT), 0, "exit status after SIGTERM")


def become(root, enter):
    """In the child: the root is the place, and rights are those of a capabilities file or a UID:GID."""
    import ctypes  # pylint: disable=import-outside-toplevel
    import json    # pylint: disable=import-outside-toplevel

    capset_drop, no_new_privileges = 24, 38
    libc = ctypes.CDLL(None, use_errno=True)
    allowed = json.loads(read(enter))["bounding"] if enter.endswith(".json") else None
    os.chroot(root)
    os.chdir("/")
    if allowed is not None:
        numbers = {"CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7, "CAP_NET_BIND_SERVICE": 10}
        keep = {numbers[name] for name in allowed}
        for number in range(41):
            if number not in keep:
                libc.prctl(capset_drop, number, 0, 0, 0)
        libc.prctl(no_new_privileges, 1, 0, 0, 0)
    elif enter:
        user, group = (int(n) for n in enter.split(":"))
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)


if __name__ == "__main__":
    import sys
    become(sys.argv[1], sys.argv[2])
    os.execve(sys.argv[3], sys.argv[3:], {})
