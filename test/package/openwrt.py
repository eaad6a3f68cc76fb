# SPDX-License-Identifier: MIT
"""openwrt - does the init script make of UCI what was meant, and does gateway run in its jail?

As it is on OpenWrt: busybox ash and its tools (Debian's busybox-static), in a root of their
own; mounts, capabilities and the PID namespace of the jail are the kernel's. Stand-ins:
functions.sh and rc.common (beside this file), procd and ujail, whose part is played by place.py
with what the script told them. The Makefile is read by a stand-in of the buildroot.
"""
import json
import os
import re
import shlex
import signal

from place import TOP, Daemon, ask, check, devices, equal, free_port, put, put_program, read, run, until, well, write

FILES = TOP + "/package/openwrt/files/"
HERE = os.path.dirname(os.path.abspath(__file__)) + "/openwrt/"
INSIDE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
INI = "/var/etc/gateway/gateway.ini"
HEAD = "; written by /etc/init.d/gateway from /etc/config/gateway\n"
MAIN = "config gateway 'main'\n\tlist listen '127.0.0.1:8099'\n\toption access_log 'off'\n"
MAIN_INI = "[gateway]\nlisten = 127.0.0.1:8099\naccess_log = off\n"
SITE = "config site 'home'\n\tlist host '*'\n\tlist route '/ reply:200'\n"
SITE_INI = "[site home]\nhost = *\n/ = reply:200\n"


class Router:
    """A root with busybox, the package's files and a configuration."""

    def __init__(self, program, directory, config=None):
        self.root = directory + "/router"
        put("/bin/busybox", self.root + "/bin/busybox")
        well("chroot", self.root, "/bin/busybox", "--install", "-s", "/bin")
        put_program(program, self.root, "/usr/sbin/gateway")
        devices(self.root)
        put(HERE + "rc.common", self.root + "/etc/rc.common")
        put(HERE + "functions.sh", self.root + "/lib/functions.sh", 0o644)
        put(FILES + "gateway.init", self.root + "/etc/init.d/gateway")
        put(FILES + "gateway.json", self.root + "/etc/capabilities/gateway.json", 0o644)
        write(self.root + "/etc/passwd", "root:x:0:0:root:/root:/bin/ash\ngateway:x:32768:32768:gateway:/var/run/gateway:/bin/false\n")
        write(self.root + "/etc/group", "root:x:0:\ngateway:x:32768:\n")
        write(self.root + "/etc/hosts", "127.0.0.1 localhost\n")
        write(self.root + "/sbin/ujail", "", 0o755)
        os.makedirs(self.root + "/tmp", exist_ok=True)
        self.config(config if config is not None else MAIN + SITE)

    def config(self, text):
        write(self.root + "/etc/config/gateway", text)

    def act(self, action):
        """What it printed, its exit status, and what it told procd."""
        calls = self.root + "/calls"
        write(calls, "")
        ended = run("chroot", self.root, "/etc/init.d/gateway", action, env=INSIDE)
        return ended.stdout + ended.stderr, ended.returncode, read(calls).splitlines()

    def ini(self):
        return read(self.root + INI) if os.path.exists(self.root + INI) else None

    def running(self, is_so):
        flag = self.root + "/running"
        if is_so:
            write(flag, "")
        elif os.path.exists(flag):
            os.unlink(flag)


def of(calls, name):
    """The words behind each call of this name."""
    return [c.split(" ", 1)[1] for c in calls if c.startswith(name + " ")]


# --- what UCI says, and what comes of it -------------------------------------------------

GOOD = (
    ("plain", MAIN + SITE, MAIN_INI + SITE_INI),
    ("lists-and-blanks", MAIN + "config site 'home'\n\tlist host 'a.example'\n\tlist host '*.b.example'\n"
     "\tlist route '/nas/   =   http://127.0.0.1:5001/ allow=10.0.0.0/8'\n\tlist route '/ http://127.0.0.1:1 http://127.0.0.1:2 backup'\n",
     MAIN_INI + "[site home]\nhost = a.example\nhost = *.b.example\n/nas/ =   http://127.0.0.1:5001/ allow=10.0.0.0/8\n"
     "/ = http://127.0.0.1:1 http://127.0.0.1:2 backup\n"),
    ("route-section", MAIN + SITE + "config route 'api'\n\toption site 'home'\n\toption path '/api/'\n\tlist to 'http://127.0.0.1:1'\n"
     "\tlist to 'http://127.0.0.1:2'\n\toption max_body '10M'\n\tlist header 'X-A: b; c=\"d\"'\n",
     MAIN_INI + SITE_INI + "[route api]\nsite = home\npath = /api/\nto = http://127.0.0.1:1\nto = http://127.0.0.1:2\nmax_body = 10M\n"
     "header = X-A: b; c=\"d\"\n"),
    ("users", MAIN + SITE + "config users 'family'\n\tlist user 'alice $6$abcdefgh$" + "x" * 86 + "'\n",
     MAIN_INI + SITE_INI + "[users family]\nalice = $6$abcdefgh$" + "x" * 86 + "\n"),
    ("disabled-site", MAIN + SITE + "config site 'off'\n\tlist host 'off.example'\n\tlist route '/ reply:404'\n\toption enabled '0'\n",
     MAIN_INI + SITE_INI),
    ("anonymous", MAIN + "config site\n\tlist host '*'\n\tlist route '/ reply:200'\n", MAIN_INI + "[site cfg2]\nhost = *\n/ = reply:200\n"),
    ("quotes-and-dollars", MAIN + SITE + "\tlist header 'X-A: it'\\''s $HOME `id` \\n'\n", MAIN_INI + SITE_INI + "header = X-A: it's $HOME `id` \\n\n"),
    ("brackets", MAIN + SITE + "\tlist header 'X-A: [gateway]'\n", MAIN_INI + SITE_INI + "header = X-A: [gateway]\n"),
    ("198-bytes", MAIN + SITE + "\tlist header 'X-A: " + "a" * 184 + "'\n", MAIN_INI + SITE_INI + "header = X-A: " + "a" * 184 + "\n"),
    ("init-script-keys", "config gateway 'main'\n\toption enabled 'yes'\n\toption jail '1'\n\tlist jail_mount '/mnt'\n"
     "\tlist listen '127.0.0.1:8099'\n\toption access_log 'off'\n" + SITE, MAIN_INI + SITE_INI),
)

# Refused, with these words in the log.
BAD = (
    ("newline", MAIN + SITE + "\tlist header 'X-A: b\n[gateway]\nlisten = :22'\n", "gateway: home.header: a control character"),
    ("newline-in-path", MAIN + SITE + "\tlist route '/a\n[gateway] reply:200'\n", "home.route: a control character"),
    ("carriage-return", MAIN + SITE + "\tlist header 'X-A: b\rc'\n", "home.header: a control character"),
    ("comment", MAIN + SITE + "\tlist header 'X-A: b ; c'\n", "home.header: ';' after a blank begins a comment"),
    ("comment-only", MAIN + SITE + "\tlist header ';'\n", "home.header: ';' after a blank"),
    ("199-bytes", MAIN + SITE + "\tlist header 'X-A: " + "a" * 185 + "'\n", "home.header: 'header = ...' has 199 characters"),
    ("equals-in-path", MAIN + SITE + "\tlist route '/a=b reply:200'\n", "home.route: expected '/PATH TARGET'"),
    ("section-for-path", MAIN + SITE + "\tlist route '[site reply:200'\n", "home.route: expected '/PATH TARGET'"),
    ("nothing-for-path", MAIN + SITE + "\tlist route ' reply:200'\n", "home.route: expected '/PATH TARGET'"),
    ("user-of-two-parts", MAIN + SITE + "config users 'family'\n\tlist user 'a=b $6$x'\n", "family.user: expected 'NAME HASH'"),
    ("no-host", MAIN + "config site 'home'\n\tlist route '/ reply:200'\n", "home: a site needs 'list host'"),
    ("unknown-section", MAIN + SITE + "config server 'x'\n", "x: a section is one of gateway, site, route and users, not 'server'"),
    # These by `gateway check`, which names the line of the draft.
    ("unknown-option", MAIN + SITE + "\toption hots 'x'\n", "gateway.ini.new:8: unknown key 'hots'"),
    ("no-target", MAIN + SITE + "\tlist route '/x/'\n", "gateway.ini.new:8: '/x/'"),
    ("twice", MAIN + "\toption access_log 'syslog'\n" + SITE, "gateway.ini.new:5: 'access_log' is already set"),
)


def uci_to_ini(program, directory):
    router = Router(program, directory)
    for name, config, wanted in GOOD:
        router.config(config)
        said, status, calls = router.act("start")
        equal((name, status, router.ini()), (name, 0, HEAD + wanted), f"gateway.ini; it said: {said}")
        equal((name, of(calls, "procd_set_param")[0]), (name, f"command /usr/sbin/gateway -c {INI}"), "the command")
    equal(oct(os.stat(router.root + INI).st_mode & 0o777), "0o600", "mode of gateway.ini")


def uci_refused(program, directory):
    router = Router(program, directory)
    router.act("start")
    before = router.ini()
    for name, config, words in BAD:
        for action in ("start", "reload", "restart"):
            router.config(config)
            router.running(True)
            said, status, calls = router.act(action)
            check(words in said, f"{name}, {action}: '{words}' is not in:\n{said}")
            check(status != 0, f"{name}, {action}: succeeds")
            equal((name, action, router.ini()), (name, action, before), "gateway.ini after a mistake")
            equal((name, action, [c for c in calls if c not in ("set-begin", "extra_command check", "extra_command relog")]),
                  (name, action, []), "what procd was told after a mistake")


def shipped_config(program, directory):
    """The /etc/config/gateway that comes with the package: off, and right once it is on."""
    router = Router(program, directory, read(FILES + "gateway.config"))
    said, status, calls = router.act("start")
    equal((status, of(calls, "procd_set_param")), (0, []), f"start of what is not enabled; it said: {said}")
    check("not enabled" in said, said)
    router.config(read(FILES + "gateway.config").replace("enabled '0'", "enabled '1'"))
    said, status, calls = router.act("start")
    equal(status, 0, f"start; it said: {said}")
    check("user = gateway\n" in router.ini(), router.ini())
    # and with all that is commented out, as far as it needs no files
    router.config(re.sub(r"(?m)^#(\t?(?:list|option|config)\b(?!.*(?:cert|key|config_file|acme_dir|listen|alice)))", r"\1",
                         read(FILES + "gateway.config").replace("#\tlist user 'alice $6$...'", "\tlist user 'alice $6$abcdefgh$" + "x" * 86 + "'")
                         .replace("enabled '0'", "enabled '1'")))
    said, status, _ = router.act("start")
    equal(status, 0, f"start with all that is commented out; it said: {said}")
    for words in ("auth = family\n", "[route api]\n", "to = http://10.0.0.6:8000\n", "alice = $6$"):
        check(words in router.ini(), f"'{words}' is not in\n{router.ini()}")


# --- start, reload, jail ---------------------------------------------------------------------

def service(program, directory):
    router = Router(program, directory)
    _, _, calls = router.act("start")
    params = of(calls, "procd_set_param")
    for wanted in ("respawn", "stderr 1", "capabilities /etc/capabilities/gateway.json", "no_new_privs 1"):
        check(wanted in params, f"'{wanted}' is not among {params}")
    equal(of(calls, "procd_add_reload_trigger"), ["gateway"], "what makes it reload")
    equal(of(calls, "procd_add_raw_trigger"), [f"acme.{e} 5000 /etc/init.d/gateway reload" for e in ("issue", "renew")], "triggers")

    router.running(True)
    router.config(MAIN + SITE + "\tlist route '/new/ reply:204'\n")
    _, status, calls = router.act("reload")
    equal((status, of(calls, "procd_send_signal"), of(calls, "procd_set_param")), (0, ["gateway * HUP"], []), "reload")
    check("/new/ = reply:204\n" in router.ini(), router.ini())

    router.config(MAIN + SITE + "\toption ca '/mnt/ca/ca.pem'\n")
    write(router.root + "/mnt/ca/ca.pem", read("/etc/ssl/certs/ca-certificates.crt").split("-----END", 1)[0] + "-----END CERTIFICATE-----\n")
    said, status, calls = router.act("reload")
    equal((status, of(calls, "procd_send_signal"), of(calls, "procd_kill")), (0, [], ["gateway"]), f"reload that needs another jail: {said}")
    check("/mnt/ca" in of(calls, "procd_add_jail_mount")[0].split(), "the directory of `ca` is not in the jail")

    router.config(MAIN + "\toption enabled '0'\n" + SITE)
    _, status, calls = router.act("reload")
    equal((status, of(calls, "procd_kill"), of(calls, "procd_set_param")), (0, ["gateway"], []), "reload of what is not enabled any more")

    router.running(False)
    router.config(MAIN + SITE)
    _, status, calls = router.act("reload")
    check(of(calls, "procd_set_param"), "a reload starts what could not start before")
    os.unlink(router.root + "/sbin/ujail")
    _, status, calls = router.act("start")
    equal((status, of(calls, "procd_add_jail")), (0, []), "a jail without ujail")
    said, status, _ = router.act("check")
    check(status == 0 and "[site home]\n" in said and "is fine" in said, said)
    _, _, calls = router.act("relog")
    equal(of(calls, "procd_send_signal"), ["gateway * USR1"], "relog")


def own_file(program, directory):
    router = Router(program, directory, "config gateway 'main'\n\toption config_file '/mnt/my/own.ini'\n\tlist jail_mount_rw '/mnt/log'\n")
    said, status, _ = router.act("start")
    check(status != 0 and "/mnt/my/own.ini" in said, said)
    write(router.root + "/mnt/my/own.ini", MAIN_INI + SITE_INI)
    said, status, calls = router.act("start")
    equal((status, of(calls, "procd_set_param")[0]), (0, "command /usr/sbin/gateway -c /mnt/my/own.ini"), f"the command; it said: {said}")
    check("/mnt/my" in of(calls, "procd_add_jail_mount")[0].split(), "the file's directory is not in the jail")
    check("/mnt/log" in of(calls, "procd_add_jail_mount_rw")[0].split(), "jail_mount_rw is not in the jail")
    equal(router.ini(), None, "gateway.ini when there is one of the user's own")


def old_certificate(program, directory):
    """`gateway check` ends with 2 for a warning, too; that must not keep it from running."""
    router = Router(program, directory)
    well("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other.example",
         "-addext", "subjectAltName=DNS:other.example", "-days", "30", "-keyout", directory + "/k.pem", "-out", directory + "/c.pem")
    for name in ("k.pem", "c.pem"):
        put(f"{directory}/{name}", f"{router.root}/etc/ssl/acme/{name}", 0o600)
    router.config(MAIN + "\tlist listen '127.0.0.1:8098 tls'\n" + "config site 'home'\n\tlist host 'home.example'\n"
                  "\tlist route '/ reply:200'\n\toption cert '/etc/ssl/acme/c.pem'\n\toption key '/etc/ssl/acme/k.pem'\n")
    said, status, calls = router.act("start")
    check("warning" in said, said)
    equal((status, len(of(calls, "procd_set_param")) > 0), (0, True), f"start with a warning: {said}")


def in_the_jail(program, directory):
    """With those mounts and capabilities alone: it starts, answers, reloads, drains, ends; workers are another user."""
    port = free_port()
    router = Router(program, directory)
    well("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-days", "30", "-keyout", directory + "/k.pem", "-out", directory + "/c.pem")
    for name in ("k.pem", "c.pem"):
        put(f"{directory}/{name}", f"{router.root}/etc/ssl/acme/{name}", 0o600)
    top = (f"config gateway 'main'\n\tlist listen '127.0.0.1:{port}'\n\tlist listen '127.0.0.1:{free_port()} tls'\n\toption user 'gateway'\n"
           "\toption group 'gateway'\n\toption state '/etc/gateway/state'\n\tlist cert '/etc/ssl/acme/c.pem'\n\tlist key '/etc/ssl/acme/k.pem'\n")
    router.config(top + "config site 'home'\n\tlist host 'localhost'\n\tlist route '/ reply:200 text=one'\n\tlist route '/c/ http://127.0.0.1:1 cache=on'\n")
    said, status, calls = router.act("start")
    equal(status, 0, said)
    jail = directory + "/jail"
    put_program(router.root + "/usr/sbin/gateway", jail, "/usr/sbin/gateway")  # as ujail does of its own accord
    devices(jail)
    mounts = [(path, False) for c in of(calls, "procd_add_jail_mount") for path in c.split()]
    mounts += [(path, True) for c in of(calls, "procd_add_jail_mount_rw") for path in c.split()]
    shown = []
    for path, rw in sorted(mounts):  # as ujail: in order of their names, and what is not there is left out
        if os.path.isdir(router.root + path):
            shown.append((router.root + path, jail + path, rw))
        elif os.path.exists(router.root + path):
            put(router.root + path, jail + path, 0o644)
    command = shlex.split(of(calls, "procd_set_param")[0])[1:]
    with Daemon(jail, command, router.root + "/etc/capabilities/gateway.json", shown) as daemon:
        equal(ask(port), (200, "one"), "the answer")
        supervisor = daemon.pid()
        worker = until(lambda: [p for p in os.listdir("/proc") if p.isdigit() and f"PPid:\t{supervisor}\n" in status_of(p)], "a worker")
        for pid in worker:
            equal(fact_of(pid, "Uid")[0], "32768", "whom a worker is")
            equal(fact_of(pid, "CapEff"), ["0" * 16], "capabilities of a worker")
        equal(int(fact_of(supervisor, "CapEff")[0], 16), 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10, "capabilities of the supervisor")
        check("control" in os.listdir(router.root + "/etc/gateway/state"), "nothing is in the state directory")
        router.running(True)
        router.config(top + "config site 'home'\n\tlist host 'localhost'\n\tlist route '/ reply:200 text=two'\n")
        _, status, calls = router.act("reload")
        equal((status, of(calls, "procd_send_signal")), (0, ["gateway * HUP"]), "reload")
        daemon.signal(signal.SIGHUP)
        until(lambda: ask(port) == (200, "two"), "the new answer")
        daemon.end()


def status_of(pid):
    try:
        return read(f"/proc/{pid}/status")
    except OSError:
        return ""


def fact_of(pid, name):
    return re.search(rf"(?m)^{name}:\s*(.*)$", status_of(pid))[1].split()


# --- what the buildroot and the feed's CI do -----------------------------------------------------

def feed_test(program, directory):
    """test.sh, as the feed's CI calls it on the router."""
    router = Router(program, directory)
    put(TOP + "/package/openwrt/test.sh", router.root + "/test.sh")
    os.symlink("/usr/sbin/gateway", router.root + "/bin/gateway")
    version = re.search(r"PKG_VERSION:=(\S+)", read(TOP + "/package/openwrt/Makefile"))[1]
    well("chroot", router.root, "/bin/sh", "/test.sh", "gateway", version, env=INSIDE)
    ended = run("chroot", router.root, "/bin/sh", "/test.sh", "gateway", "9.9.9", env=INSIDE)
    check(ended.returncode != 0 and "9.9.9" in ended.stderr, f"another version passes: {ended.stderr}")


def makefile(program, directory):
    """The recipes of the package's Makefile for both variants; compiling is left out of it, as gateway is there."""
    for name in ("rules.mk", "package.mk"):
        put(HERE + name, f"{directory}/sdk/{name}", 0o644)
    os.makedirs(directory + "/sdk/dl/bearssl-0.6")
    write(directory + "/sdk/dl/bearssl-0.6/LICENSE.txt", "of BearSSL\n")
    well("tar", "-C", directory + "/sdk/dl", "-czf", directory + "/sdk/dl/bearssl-0.6.tar.gz", "bearssl-0.6")
    write(directory + "/make", '#!/bin/sh\nprintf "<%s>" "$@" > "$MADE"\n', 0o755)
    for variant, package in (("full", "gateway"), ("mini", "gateway-mini")):
        made = f"{directory}/made-{variant}"
        base = ["make", "-s", "--no-print-directory", "-C", TOP + "/package/openwrt", "TOPDIR=" + directory + "/sdk", "BUILD_VARIANT=" + variant, "MAKE=" + directory + "/make"]
        said = well(*base, "prepare", "compile", env={**os.environ, "MADE": made, "MAKEFLAGS": ""})
        words = re.findall(r"<([^>]*)>", read(made))
        build = f"{directory}/sdk/build/gateway-{variant}/gateway-0.1.0"
        check(os.path.exists(build + "/src/worker.c"), f"the sources are not in {build}: {said}")
        equal(f"BEARSSL={build}/bearssl-0.6" in words, variant == "full", f"BearSSL in {words}")
        equal("FEATURES=" in words, variant == "mini", f"FEATURES in {words}")
        equal(os.path.exists(build + "/bearssl-0.6/LICENSE.txt"), variant == "full", "BearSSL's sources")
        check("CC=target-gcc" in words and "CFLAGS=-Os -I/target" in words and "LDFLAGS=-L/target" in words, f"the SDK's compiler: {words}")
        put(program, build + "/gateway")
        root = f"{directory}/installed-{variant}"
        well(*base, f"install-{package}", "ROOT=" + root, env={**os.environ, "MAKEFLAGS": ""})
        found = sorted(os.path.relpath(os.path.join(d, f), root) + oct(os.stat(os.path.join(d, f)).st_mode)[-3:]
                       for d, _, files in os.walk(root) for f in files)
        equal(found, ["etc/capabilities/gateway.json644", "etc/config/gateway600", "etc/init.d/gateway755",
                      "lib/upgrade/keep.d/gateway644", "usr/sbin/gateway755"], "files of the package")
        for key, wanted in (("VARIANT", variant), ("DEPENDS", "+libinih"), ("USERID", "gateway:gateway")):
            equal(well(*base, f"print-{package}-{key}", env={**os.environ, "MAKEFLAGS": ""}).strip(), wanted, f"{key} of {package}")
    version = re.search(r'GW_VERSION "([^"]+)"', read(TOP + "/gateway.h"))[1]
    check(f"PKG_VERSION:={version}\n" in read(TOP + "/package/openwrt/Makefile"), f"the Makefile is not of version {version}")


def capabilities(_program, _directory):
    sets = json.loads(read(FILES + "gateway.json"))
    equal(sorted(sets), ["ambient", "bounding", "effective", "inheritable", "permitted"], "sets of gateway.json")
    equal(sets["ambient"], [], "what workers would inherit")


TESTS = (uci_to_ini, uci_refused, shipped_config, service, own_file, old_certificate, in_the_jail, feed_test, makefile, capabilities)
