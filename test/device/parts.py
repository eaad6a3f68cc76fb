# SPDX-License-Identifier: MIT
"""parts - where does a small machine come from: its kernel, its busybox, its disk?

The kernel and busybox are Debian's packages for that machine. apt fetches them
with lists of its own, into a directory of its own: nothing is installed here, no
architecture is added to this system, and no rights are needed. They are fetched
once. The disk is an archive that the kernel unpacks into memory (initramfs).
"""
import glob
import gzip
import io
import os
import re
import shutil
import stat
import subprocess
import tempfile

SOURCE = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror} bookworm main\n"
MIRROR = os.environ.get("MIRROR") or "http://deb.debian.org/debian"
FETCH_S = 900


class Missing(Exception):
    """What the machine is made of cannot be had."""


def command(*words, cwd=None):
    p = subprocess.run(words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=FETCH_S)
    if p.returncode:
        raise Missing(f"{' '.join(words[:1] + words[-3:])}: {p.stderr.decode(errors='replace')[-600:].strip()}")
    return p.stdout.decode(errors="replace")


# --- packages -----------------------------------------------------------------------

class Apt:
    """apt for another kind of machine, all of it below one directory."""

    def __init__(self, base, architecture):
        self.base = base
        for d in ("state/lists/partial", "cache/archives/partial", "sources"):
            os.makedirs(os.path.join(base, d))
        open(os.path.join(base, "status"), "w").close()
        with open(os.path.join(base, "sources", "debian.list"), "w") as f:
            f.write(SOURCE.format(mirror=MIRROR))
        self.options = []
        for option in (f"APT::Architecture={architecture}", f"APT::Architectures={architecture}", "APT::Sandbox::User=",
                       f"Dir::State={base}/state", f"Dir::State::status={base}/status", f"Dir::Cache={base}/cache",
                       "Dir::Etc::sourcelist=/dev/null", f"Dir::Etc::sourceparts={base}/sources", "Acquire::Languages=none"):
            self.options += ["-o", option]

    def update(self):
        command("apt-get", *self.options, "-qq", "update")

    def depends(self, package, pattern):
        """The package of that name that this one stands for."""
        found = re.search(rf"Depends: ({pattern})", command("apt-cache", *self.options, "depends", package))
        if not found:
            raise Missing(f"{package} names no {pattern}")
        return found.group(1)

    def unpack(self, package, into):
        """Its version, when its files are below `into`."""
        with tempfile.TemporaryDirectory(dir=self.base) as d:
            command("apt-get", *self.options, "-qq", "download", package, cwd=d)
            deb = glob.glob(os.path.join(d, "*.deb"))[0]
            command("dpkg-deb", "-x", deb, into)
            return command("dpkg-deb", "-f", deb, "Version").strip()


def module_needs(path):
    """The modules that this one says must be there before it."""
    with open(path, "rb") as f:
        found = re.search(rb"\0depends=([^\0]*)\0", f.read())
    return found.group(1).decode().split(",") if found and found.group(1) else []


def modules(root, wanted):
    """Files of these modules and of all that they need, in the order in which they load."""
    files = {os.path.basename(p)[:-3].replace("-", "_"): p for p in glob.glob(os.path.join(root, "**", "*.ko"), recursive=True)}
    order = []

    def add(name):
        for needed in module_needs(files[name]):
            add(needed.replace("-", "_"))
        if files[name] not in order:
            order.append(files[name])
    for name in wanted:
        if name not in files:
            raise Missing(f"the kernel has no module {name}")
        add(name)
    return order


def fetch(kind, into):
    """Kernel, modules and busybox of this kind of machine, and a file that says which they are."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(into)) as d:
        apt, root, made = Apt(os.path.join(d, "apt"), kind.debian), os.path.join(d, "root"), os.path.join(d, "made")
        apt.update()
        kernel = apt.depends(kind.kernel, r"linux-image-\d[\w.+-]*")
        said = [f"{kernel} {apt.unpack(kernel, root)}", f"busybox-static {apt.unpack('busybox-static', root)}"]
        os.mkdir(made)
        shutil.copy(glob.glob(os.path.join(root, "boot", "vmlinu*"))[0], os.path.join(made, "kernel"))
        shutil.copy(os.path.join(root, "bin", "busybox"), made)
        for i, path in enumerate(modules(os.path.join(root, "lib", "modules"), kind.modules)):
            shutil.copy(path, os.path.join(made, f"{i:02}-{os.path.basename(path)}"))
        with open(os.path.join(made, "versions"), "w") as f:
            f.write("\n".join(said) + "\n")
        os.rename(made, into)


def parts(kind):
    """The directory that has them: fetched once, whole or not at all."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "gateway", "device")
    into = os.path.join(cache, kind.name)
    os.makedirs(cache, exist_ok=True)
    if not os.path.exists(into):
        fetch(kind, into)
    return into


# --- the disk -----------------------------------------------------------------------

class Archive:
    """An initramfs in cpio's "newc" form, which needs no rights to be written."""

    def __init__(self):
        self.out, self.count = io.BytesIO(), 0

    def add(self, name, data=b"", mode=0o644, kind=stat.S_IFREG):
        self.count += 1
        path = name.encode() + b"\0"
        numbers = (self.count, kind | mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        self.out.write(b"070701" + b"".join(b"%08X" % n for n in numbers) + path)
        self.pad()
        self.out.write(data)
        self.pad()

    def pad(self):
        self.out.write(bytes(-self.out.tell() % 4))

    def directory(self, name, mode=0o755):
        self.add(name, mode=mode, kind=stat.S_IFDIR)

    def link(self, name, to):
        self.add(name, to.encode(), 0o777, stat.S_IFLNK)

    def file(self, name, path, mode=0o644):
        with open(path, "rb") as f:
            self.add(name, f.read(), mode)

    def write(self, path):
        self.add("TRAILER!!!", kind=0, mode=0)
        with gzip.open(path, "wb", 6) as f:
            f.write(self.out.getvalue())


# What starts the machine. Both lines that respawn are the whole of its software:
# gateway as on any device whose init looks after it, and a way in for the test.
INITTAB = """\
::sysinit:/etc/rc
::respawn:/bin/gateway -c /etc/gateway.ini
::respawn:/bin/nc -ll -p 9 -e /bin/sh
"""
RC = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
echo 0 > /proc/sys/vm/watermark_boost_factor
for m in /lib/*.ko; do insmod $m; done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
echo {password} | gateway passwd {user} >> /etc/gateway.ini
rmdir /root # the kernel's own, with a date that is yet to come
find / -xdev | sort > /run/files
"""


def disk(made, gateway, config, user, password, path):
    """Only busybox and gateway, and what they are told."""
    a = Archive()
    for d in ("bin", "dev", "etc", "lib", "proc", "run", "sys", "var", "var/lib", "var/log"):
        a.directory(d)
    a.directory("tmp", 0o1777)
    a.file("bin/busybox", os.path.join(made, "busybox"), 0o755)
    a.file("bin/gateway", gateway, 0o755)
    a.link("init", "bin/busybox")
    for module in sorted(glob.glob(os.path.join(made, "*.ko"))):
        a.file("lib/" + os.path.basename(module), module)
    a.add("etc/inittab", INITTAB.encode())
    a.add("etc/rc", RC.format(user=user, password=password).encode(), 0o755)
    a.add("etc/gateway.ini", config.encode(), 0o600)
    a.add("etc/passwd", b"root:x:0:0::/:/bin/sh\ngateway:x:100:100::/:/bin/false\n")
    a.add("etc/group", b"root:x:0:\ngateway:x:100:\n")
    a.write(path)
