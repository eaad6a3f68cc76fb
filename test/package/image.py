# SPDX-License-Identifier: MIT
"""image - does what package/Dockerfile puts into an image run alone, as process 1?

A stand-in for docker: this reads the Dockerfile's last stage, fills a directory as its COPY
lines say, and runs its ENTRYPOINT as its USER, by chroot and in a PID namespace. Its first
stage, which fetches compilers, is not run here; `make static` has its own tests.
"""
import json
import os
import re

from place import TOP, Daemon, ask, check, children, devices, equal, fact, free_port, libraries, put, read, until, well, write


def last_stage():
    text = re.sub(r"\\\n", "", read(TOP + "/package/Dockerfile"))
    first, last = re.split(r"(?m)^FROM scratch$", text)
    return first, [line.split(None, 1) for line in last.splitlines() if line]


def image(program, directory):
    first, lines = last_stage()
    check("package/image build/$target/gateway /image" in first, "the first stage makes no /image")
    built, root = directory + "/built", directory + "/root"
    os.makedirs(root)
    well(TOP + "/package/image", program, built + "/image")
    said = {}
    for word, rest in lines:
        if word != "COPY":
            said.setdefault(word, rest)
            continue
        options, source, to = re.fullmatch(r"((?:--\S+ )*)(\S+) (\S+)", rest).groups()
        os.makedirs(root + to, exist_ok=True)
        well("cp", "-a", built + source + ".", root + to)
        owner = re.search(r"--chown=(\S+)", options)
        if owner:
            well("chown", "-R", owner[1], root + to)
    for library in libraries(program):  # the true image holds a static program
        put(library, root + library)
    found = sorted(os.path.relpath(os.path.join(d, f), root) for d, _, files in os.walk(root) for f in files)
    equal([f for f in found if f"/{f}" not in libraries(program)],
          ["etc/gateway/gateway.ini", "etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "usr/bin/gateway"], "files of the image")
    equal(said["STOPSIGNAL"], "SIGTERM", "what ends it")
    check("8080" in said["EXPOSE"].split(), "the port of gateway.ini is not exposed")
    devices(root)  # docker's
    well("chmod", "755", directory)
    ports = [free_port() for _ in range(3)]
    ini = read(root + "/etc/gateway/gateway.ini")
    for old, new in zip((8080, 8081, 8082), ports):
        ini = re.sub(rf":{old}\b", f":{new}", ini)
    write(root + "/etc/gateway/gateway.ini", ini)
    command = json.loads(said["ENTRYPOINT"])
    with Daemon(root, command, said["USER"]) as daemon:
        check(ask(ports[0])[0] == 200, "no answer")
        pid = daemon.pid()
        equal(fact(pid, "NSpid")[-1], "1", "its process number in there")
        equal(fact(pid, "Uid")[0] + ":" + fact(pid, "Gid")[0], said["USER"], "whom it is")
        check(os.listdir(root + said["VOLUME"]) is not None and os.stat(root + said["VOLUME"]).st_uid == 65532, "whose the volume is")
        # An orphan becomes its child, and must not stay as a zombie.
        orphan = well("nsenter", "--target", str(pid), "--pid", "sh", "-c", "sleep 0.2 > /dev/null & echo $!").strip()
        check(orphan, "no orphan")
        until(lambda: not [c for c in children(pid) if is_one(c, "sleep")], "that an orphan is buried")
        daemon.end()


def is_one(pid, name):
    try:
        return fact(pid, "Name")[0] == name
    except OSError:
        return False


TESTS = (image,)
