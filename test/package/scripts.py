# SPDX-License-Identifier: MIT
"""scripts - are all shell scripts of the tree without a finding of shellcheck?"""
import os
import re

from place import TOP, check, equal, read, run, well

# Scripts without "#!", or with an interpreter that shellcheck does not know.
ALSO = re.compile(r"(\.(init|initd|confd|sh|(pre|post)(inst|rm|-install|-upgrade))|/APKBUILD|rc\.common)$")


def is_script(path):
    if not os.path.isfile(path) or os.path.islink(path):
        return False
    with open(path, "rb") as file:
        first = file.readline(80)
    return bool(re.match(rb"#! ?/(usr/)?bin/(env )?(ba|da)?sh\b", first) or ALSO.search(path))


def all_scripts():
    listed = well("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=TOP).split("\n")
    return sorted(path for path in listed if is_script(path))


def shellcheck(_program, _directory):
    found = all_scripts()
    for wanted in (".ci/run", "test/install-deps", "package/cross", "package/openwrt/files/gateway.init", "package/alpine/APKBUILD"):
        check(wanted in found, f"{wanted} is not among {found}")
    ended = run("shellcheck", *found)
    equal(ended.stdout, "", "what shellcheck says")
    equal(ended.returncode, 0, "its exit status")


def parse_everywhere(_program, _directory):
    """What runs on OpenWrt and Alpine is read by busybox there."""
    for path in all_scripts():
        if path.startswith("package/") and "bash" not in read(path).split("\n", 1)[0]:
            ended = run("busybox", "ash", "-n", path)
            equal((path, ended.stderr), (path, ""), "what busybox ash says")


TESTS = (shellcheck, parse_everywhere)
