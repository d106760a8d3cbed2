# SPDX-License-Identifier: BSD-3-Clause
"""What a lab needs of the machine, checked before anything is built, each with what to do about it."""
import os
import shutil
import subprocess

from .net import NetError

PROBE = "nvlabcheck%d" % os.getpid()


def _run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def root():
    if os.geteuid() != 0:
        return "must run as root (network namespaces, raw sockets): use sudo"
    return None


def tools():
    missing = [t for t in ("ip", "bird", "ethtool", "traceroute", "ping", "nsenter") if not shutil.which(t)]
    return "missing commands: %s: run scripts/setup demo" % " ".join(missing) if missing else None


def kernel():
    """Namespaces, veth, policy rules, TUN: tried in a namespace of our own."""
    p = _run("ip", "netns", "add", PROBE)
    if p.returncode:
        return "cannot create a network namespace: %s (a container needs CAP_SYS_ADMIN)" % p.stdout.strip()
    try:
        for what, argv in (("veth (CONFIG_VETH)", ("link", "add", "c0", "type", "veth", "peer", "name", "c1")),
                           ("policy routing (CONFIG_IP_MULTIPLE_TABLES)", ("rule", "add", "iif", "lo", "lookup", "9")),
                           ("IPv6", ("-6", "rule", "add", "iif", "lo", "lookup", "9")),
                           ("TUN devices (CONFIG_TUN, /dev/net/tun)", ("tuntap", "add", "c2", "mode", "tun"))):
            p = _run("nsenter", "--net=/run/netns/" + PROBE, "ip", *argv)
            if p.returncode:
                return "the kernel lacks %s: %s" % (what, p.stdout.strip())
    finally:
        _run("ip", "netns", "del", PROBE)
    return None


def memory(need_mb=700):
    with open("/proc/meminfo") as f:
        info = {line.split(":")[0]: int(line.split()[1]) for line in f}
    have = info["MemAvailable"] // 1024
    return "needs %d MB of free memory, there are %d" % (need_mb, have) if have < need_mb else None


def lab_checks():
    return (("privilege", root), ("tools", tools), ("kernel", kernel), ("memory", memory))


def require(checks):
    for _, check in checks:
        problem = check()
        if problem:
            raise NetError(problem)
