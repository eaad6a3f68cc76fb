# SPDX-License-Identifier: MIT
"""alpine - does the APKBUILD make a package, and does OpenRC run it?

As it is on Alpine: OpenRC itself (Debian's package), busybox ash. Stand-ins: abuild, whose
part is to call the APKBUILD's functions in order, with a build that is there already instead of
sources that would be fetched; addgroup and adduser, which write down what they are told.
"""
import os
import re
import subprocess

from place import TOP, ask, check, children, equal, free_port, put, read, until, well, write

ALPINE = TOP + "/package/alpine/"


def shell(script, **variables):
    """Lines for busybox ash, with these variables."""
    return well("/bin/busybox", "ash", "-euc", script, env={"PATH": os.environ["PATH"], **variables})


def apkbuild(program, directory):
    """build, check, package: what is in the package then?"""
    source = directory + "/src/gateway-0.1.0"
    package = directory + "/pkg"
    os.makedirs(source)
    well("sh", "-c", 'git ls-files --cached --others --exclude-standard | tar -cf - -T - | tar -xf - -C "$1"', "sh", source, cwd=TOP)
    put(program, source + "/gateway")
    for name in ("gateway.initd", "gateway.confd"):
        put(ALPINE + name, f"{directory}/src/{name}", 0o644)
    # make: its words, and then all but the compiler's work
    write(directory + "/bin/make", '#!/bin/sh\nprintf "<%s>" make "$@" >> "$MADE"\n[ "$1" != install ] || exec ' + well("which", "make").strip() +
          ' -s -o gateway "$@" BEARSSL=\n', 0o755)
    said = shell(f'. {ALPINE}APKBUILD; builddir="$srcdir/$pkgname-$pkgver"; for step in build check package; do cd "$builddir"; $step; done',
                 srcdir=directory + "/src", pkgdir=package, startdir=ALPINE, MADE=directory + "/made",
                 PATH=directory + "/bin:" + os.environ["PATH"])
    check("gateway 0.1.0" in said, said)
    words = re.findall(r"<([^>]*)>", read(directory + "/made"))
    check(f"BEARSSL={directory}/src/bearssl-0.6" in words, f"BearSSL's sources are not in {words}")
    modes = {"/usr/bin/gateway": 0o755, "/etc/init.d/gateway": 0o755, "/etc/conf.d/gateway": 0o644, "/etc/gateway/gateway.ini": 0o644,
             "/var/lib/gateway": 0o700}
    for path, mode in modes.items():
        equal((path, oct(os.stat(package + path).st_mode & 0o777)), (path, oct(mode)), "its mode")
    check("[gateway]\nuser = gateway\n" in read(package + "/etc/gateway/gateway.ini"), "no user in gateway.ini")
    write(directory + "/nobody.ini", read(package + "/etc/gateway/gateway.ini").replace("user = gateway\n", "user = nobody\n", 1))
    well(program, "-c", directory + "/nobody.ini", "check")


def apkbuild_says(_program, _directory):
    """What abuild reads of it, and that it is of this version."""
    said = shell(f'. {ALPINE}APKBUILD; echo "$pkgname $pkgver"; echo "$subpackages"; echo $source; echo "$install"', startdir=ALPINE)
    version = re.search(r'GW_VERSION "([^"]+)"', read(TOP + "/gateway.h"))[1]
    lines = said.split("\n")
    equal(lines[:2], ["gateway " + version, "gateway-doc gateway-openrc"], "name, version and subpackages")
    for name in lines[2].split()[2:] + [lines[3]]:
        check(os.path.exists(ALPINE + name), f"the APKBUILD names {name}, which is not there")


def pre_install(_program, directory):
    for name in ("addgroup", "adduser"):
        write(f"{directory}/{name}", f'#!/bin/sh\necho "{name} $*" >> {directory}/told\nexit 1\n', 0o755)
    well("/bin/busybox", "ash", ALPINE + "gateway.pre-install", env={"PATH": directory})
    told = read(directory + "/told").splitlines()
    equal([t.split()[0] + " " + t.split()[-1] for t in told], ["addgroup gateway", "adduser gateway"], "who is made (and is there already)")


class OpenRC:
    """OpenRC's own tools and state, in a mount namespace where /run, /etc/init.d and /etc/conf.d are ours."""

    def __init__(self, program, directory, config):
        self.directory, self.program = directory, program
        for name in ("init.d", "conf.d", "etc", "lib", "log"):
            os.makedirs(f"{directory}/{name}")
        for name in ("daemons", "exclusive", "failed", "hotplugged", "inactive", "options", "scheduled", "started", "starting",
                     "stopped", "stopping", "tmp", "wasinactive"):
            os.makedirs(f"{directory}/run/openrc/{name}")  # as OpenRC does at boot
        put(ALPINE + "gateway.initd", directory + "/init.d/gateway")
        write(directory + "/init.d/net-stand-in", "#!/sbin/openrc-run\ndepend() {\n\tprovide net\n}\nstart() {\n\treturn 0\n}\n", 0o755)
        write(directory + "/conf.d/gateway", read(ALPINE + "gateway.confd") + f'gateway_config="{directory}/etc/gateway.ini"\n'
              f'gateway_program="{program}"\ngateway_log="{directory}/log/gateway.log"\n')
        self.config(config)
        write(directory + "/enter", f"""#!/bin/sh
mount --bind {directory}/init.d /etc/init.d && mount --bind {directory}/conf.d /etc/conf.d && mount --bind {directory}/lib /var/lib &&
mount --bind {directory}/run /run && touch /run/openrc/softlevel && exec "$@"
""", 0o755)
        os.makedirs("/etc/conf.d", exist_ok=True)
        # One process keeps the namespaces, and buries whoever dies there; commands come in beside it.
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", directory + "/enter",
             "sh", "-c", "while sleep 0.1; do :; done"])
        until(lambda: os.path.exists(directory + "/run/openrc/softlevel"), "the namespaces")
        self.inside = str(until(lambda: children(self.keeper.pid), "a child of unshare")[0])
        until(lambda: children(self.inside), "that it waits")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.keeper.kill()
        self.keeper.wait()

    def config(self, text):
        write(self.directory + "/etc/gateway.ini", text)

    def do(self, action):
        """What it said goes to a file: who stays would keep a pipe open."""
        with open(self.directory + "/said", "w+", encoding="utf-8") as said:
            ended = subprocess.run(["nsenter", "--target", self.inside, "--mount", "--pid", "/etc/init.d/gateway", "--nocolor", action],
                                   stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, timeout=20, check=False)
            said.seek(0)
            ended.stdout, ended.stderr = said.read(), ""
        return ended

    def log(self):
        return read(self.directory + "/log/gateway.log")


def openrc(program, directory):
    port = free_port()
    one = f"[gateway]\nlisten = 127.0.0.1:{port}\nuser = nobody\n\n[site *]\n/ = reply:200 text=one\n"
    with OpenRC(program, directory, one) as rc:
        wrong = one.replace("listen", "lisen")
        rc.config(wrong)
        ended = rc.do("start")
        check(ended.returncode != 0 and "unknown key 'lisen'" in ended.stdout + ended.stderr, f"start with a mistake: {ended}")
        rc.config(one)
        ended = rc.do("start")
        check(ended.returncode == 0, f"start: {ended}")
        equal(ask(port), (200, "one"), "the answer")
        ended = rc.do("status")
        check("started" in ended.stdout + ended.stderr, f"status: {ended}")
        ended = rc.do("checkconfig")
        check(ended.returncode == 0 and "is fine" in ended.stdout, f"checkconfig: {ended}")
        check(os.stat(directory + "/lib/gateway").st_mode & 0o777 == 0o700, "mode of the state directory")

        rc.config(one.replace("text=one", "text=two"))
        ended = rc.do("reload")
        check(ended.returncode == 0, f"reload: {ended}")
        until(lambda: ask(port) == (200, "two"), "the new answer")
        rc.config(wrong)
        for action in ("reload", "restart"):
            ended = rc.do(action)
            check(ended.returncode != 0 and "unknown key 'lisen'" in ended.stdout + ended.stderr, f"{action} with a mistake: {ended}")
            equal(ask(port), (200, "two"), f"the answer after a {action} with a mistake")
        rc.config(one)

        os.rename(directory + "/log/gateway.log", directory + "/log/old")
        ended = rc.do("reopen")
        check(ended.returncode == 0, f"reopen: {ended}")

        # supervise-daemon starts it again when it dies
        victim = re.search(r"gateway\[(\d+)\]", read(directory + "/log/old"))[1]
        well("nsenter", "--target", rc.inside, "--mount", "--pid", "kill", "-KILL", victim)
        until(lambda: os.path.exists(directory + "/log/gateway.log") and "ready" in rc.log(), "a new start after its death")
        equal(ask(port), (200, "one"), "the answer after its death")
        ended = rc.do("stop")
        check(ended.returncode == 0, f"stop: {ended}")
        check("stopping" in rc.log(), rc.log())


TESTS = (apkbuild, apkbuild_says, pre_install, openrc)
