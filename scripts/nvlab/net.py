# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces, links between them and processes inside them.

A Net owns every namespace whose name starts with its prefix, and a run directory for
configurations, sockets and logs. What runs inside its namespaces is found by the kernel
(`ip netns pids`), so that down() also cleans up after a lab whose creator was killed.
"""
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import time

SYSCTLS = """
net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.default.accept_redirects=0
net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_ra=0
net.ipv6.conf.default.router_solicitations=0
net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
""".split()

PR_SET_PDEATHSIG, CLONE_NEWNET = 1, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class NetError(Exception):
    """A command of the lab's failed; the text says which and why."""


def sh(*argv, check=True, timeout=60, **kw):
    """Runs a command, returns its stdout; raises NetError with its stderr."""
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       timeout=timeout, **kw)
    if check and p.returncode:
        raise NetError("%s: exit status %d: %s" % (
            " ".join(argv), p.returncode, (p.stderr or p.stdout).strip()))
    return p.stdout


def wait_for(what, predicate, timeout=20.0, interval=0.1):
    """Polls until predicate() is true, returns its value; raises NetError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise NetError("waited %g s in vain for %s" % (timeout, what))
        time.sleep(interval)


class Net:
    def __init__(self, prefix, run_dir=None, die_with_parent=False):
        self.prefix = prefix
        self.run_dir = run_dir or "/run/nvlab/" + prefix.rstrip("-")
        self.die_with_parent = die_with_parent
        self.procs = {}

    # Namespaces -----------------------------------------------------------------------------
    def ns(self, node):
        return self.prefix + node

    def path(self, *names):
        return os.path.join(self.run_dir, *names)

    def existing(self):
        """Namespaces of this lab, running or left behind."""
        out = sh("ip", "netns", "list", check=False)
        names = [line.split()[0] for line in out.splitlines() if line.strip()]
        return sorted(n for n in names if n.startswith(self.prefix))

    def create(self, node):
        sh("ip", "netns", "add", self.ns(node))
        self.sysctl(node, *SYSCTLS)
        self.ip(node, "link", "set", "lo", "up")

    def sysctl(self, node, *settings):
        """Settings as NAME=VALUE; one that the kernel lacks (IPv6 disabled) is an error."""
        script = "".join("echo %s >/proc/sys/%s\n" % (s.split("=")[1], s.split("=")[0].replace(".", "/"))
                         for s in settings)
        self.exec(node, "sh", "-e", "-c", script)

    def ip(self, node, *args, **kw):
        return self.exec(node, "ip", *args, **kw)

    def batch(self, node, lines, family="-4"):
        """`ip -batch`: one process for many objects."""
        self.exec(node, "ip", family, "-batch", "-", input="\n".join(lines) + "\n")

    def argv(self, node, argv):
        # nsenter and not `ip netns exec` or `ip -n`: no mount namespace, no remounted /sys, works in a chroot.
        return ["nsenter", "--net=/run/netns/" + self.ns(node), "--"] + list(argv)

    def exec(self, node, *argv, **kw):
        """Runs a command in a namespace and returns its stdout."""
        return sh(*self.argv(node, argv), **kw)

    def run(self, node, *argv, timeout=60, **kw):
        """Runs a command in a namespace and returns the CompletedProcess, whatever its status."""
        return subprocess.run(self.argv(node, argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=timeout, **kw)

    @contextlib.contextmanager
    def inside(self, node):
        """The calling thread is in a namespace: sockets made here stay there."""
        with open("/proc/thread-self/ns/net") as home, open("/run/netns/" + self.ns(node)) as there:
            if _libc.setns(there.fileno(), CLONE_NEWNET):
                raise NetError("setns: " + os.strerror(ctypes.get_errno()))
            try:
                yield
            finally:
                if _libc.setns(home.fileno(), CLONE_NEWNET):
                    os._exit(1)  # nothing may go on in the wrong namespace

    def mac(self, node, ifname):
        return json.loads(self.ip(node, "-j", "link", "show", "dev", ifname))[0]["address"]

    def frames(self, node, ifname):
        """A packet socket that sends and receives whole Ethernet frames."""
        with self.inside(node):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.bind((ifname, 0))
            return s

    def link(self, node_a, if_a, node_b, if_b, mac_a=None, mac_b=None, mtu=1500):
        """A veth pair, up on both sides, with offloads off: what leaves is what is on the wire."""
        a, b = self.ns(node_a), self.ns(node_b)
        sh("ip", "link", "add", if_a, "netns", a, "mtu", str(mtu), *(["address", mac_a] if mac_a else []),
           "type", "veth", "peer", "name", if_b, "netns", b, "mtu", str(mtu),
           *(["address", mac_b] if mac_b else []))
        for node, name in ((node_a, if_a), (node_b, if_b)):
            self.exec(node, "ethtool", "-K", name, "rx", "off", "tx", "off", "tso", "off",
                      "gso", "off", "gro", "off")
            self.ip(node, "link", "set", name, "up")

    # Processes ------------------------------------------------------------------------------
    def spawn(self, node, name, argv, raw=False, **kw):
        """Starts a daemon in a namespace; its output goes to NAME.log. `raw`: argv as it is."""
        die = self.die_with_parent

        def child():
            if die:
                _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

        with open(self.path(name + ".log"), "ab") as log:
            p = subprocess.Popen(list(argv) if raw else self.argv(node, argv), stdin=subprocess.DEVNULL,
                                 stdout=log, stderr=log, start_new_session=True, preexec_fn=child, **kw)
        with open(self.path(name + ".pid"), "w") as f:
            f.write("%d\n" % p.pid)
        self.procs[name] = p
        return p

    def pid(self, name):
        """The pid of a daemon of this lab, also of one that another process started; 0: none."""
        p = self.procs.get(name)
        if p is not None:
            return p.pid if p.poll() is None else 0
        try:
            with open(self.path(name + ".pid")) as f:
                pid = int(f.read())
            os.kill(pid, 0)
            return pid
        except (OSError, ValueError):
            return 0

    def alive(self, name):
        return self.pid(name) != 0

    def kill(self, name, sig=signal.SIGTERM, timeout=10):
        """Signals a daemon and waits for its end; returns its exit status where it is our child."""
        pid = self.pid(name)
        if pid:
            os.kill(pid, sig)
            wait_for("%s to end on signal %d" % (name, sig), lambda: not self.alive(name), timeout, 0.02)
        p = self.procs.pop(name, None)
        return p.wait() if p is not None else None

    def log(self, name, lines=0):
        try:
            with open(self.path(name + ".log"), errors="replace") as f:
                text = f.read()
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:]) if lines else text

    # All of it ------------------------------------------------------------------------------
    def prepare(self):
        os.makedirs(self.run_dir, mode=0o755, exist_ok=True)

    def down(self, keep_files=False):
        """Ends every process in the lab's namespaces, removes the namespaces and the run directory."""
        names = self.existing()
        for sig, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
            deadline = time.monotonic() + patience
            pids = self._pids(names)
            for pid in pids:
                try:
                    os.kill(pid, sig)
                except ProcessLookupError:
                    pass
            while self._pids(names) and time.monotonic() < deadline:
                time.sleep(0.05)
        for p in self.procs.values():
            p.poll()
        self.procs.clear()
        for n in names:
            sh("ip", "netns", "del", n, check=False)
        if not keep_files:
            shutil.rmtree(self.run_dir, ignore_errors=True)

    def _pids(self, names):
        for p in self.procs.values():
            p.poll()  # reaps our own children, which would count as alive
        return [int(pid) for n in names for pid in sh("ip", "netns", "pids", n, check=False).split()
                if int(pid) != os.getpid()]
