# SPDX-License-Identifier: BSD-3-Clause
"""For test_port_*.py: two namespaces, a veth pair between them, and tests/unit/port/port_tool.c."""
import json
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("NVAD_BUILD", ROOT / "build")) / "tests/unit/port/port_tool"
NETNS_EXEC = str(ROOT / "scripts/nvlab/netns-exec")
PREFIX = "nvport-%d-" % os.getpid()


def run(*words, check=True, text=None):
    done = subprocess.run(words, text=True, input=text, capture_output=True, timeout=60)
    if check and done.returncode != 0:
        raise AssertionError("%s: %s%s" % (" ".join(words), done.stdout, done.stderr))
    return done


def wait_for(what, condition, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("no " + what)


class Net:
    """`nva`, where the port is, and `peer`: nva0 (10.9.0.1, 2001:db8:9::1) to peer0 (.2, ::2)."""

    def __init__(self):
        self.tools, self.procs, self.sender = [], [], None
        for name in ("nva", "peer"):
            run("ip", "netns", "add", PREFIX + name)
            self.sh(name, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0",
                    "net.ipv6.conf.default.accept_dad=0")
            self.sh(name, "ip", "link", "set", "lo", "up")
        self.sh("nva", "ip", "link", "add", "nva0", "type", "veth", "peer", "name", "peer0",
                "netns", PREFIX + "peer")
        for name, host in (("nva", 1), ("peer", 2)):
            dev = name + "0"
            self.sh(name, "ip", "addr", "add", "10.9.0.%d/24" % host, "dev", dev)
            self.sh(name, "ip", "addr", "add", "2001:db8:9::%d/64" % host, "dev", dev, "nodad")
            self.sh(name, "ip", "link", "set", dev, "up")
            run(NETNS_EXEC, PREFIX + name, "ethtool", "-K", dev, "tx", "off", "gso",
                "off", "tso", "off", check=False)

    def sh(self, name, *words, **kw):
        return run(NETNS_EXEC, PREFIX + name, *words, **kw)

    def background(self, name, *words):
        proc = subprocess.Popen([NETNS_EXEC, PREFIX + name, *words], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        self.procs.append(proc)
        return proc

    def send(self, frames):
        """Sends frames (a scapy expression, from Ether up; M is nva0's MAC) out of peer0."""
        if self.sender is None:
            mac = json.loads(self.sh("nva", "ip", "-j", "link", "show", "dev", "nva0").stdout)[0]["address"]
            self.sender = self.background("peer", "/usr/bin/python3", "-c", (
                "import sys\nfrom scapy.all import *\nconf.verb = 0\nM = %r\n"
                "s = conf.L2socket(iface='peer0')\n"
                "for line in sys.stdin:\n"
                "    for frame in eval(line):\n        s.send(frame)\n"
                "    print('sent', flush=True)" % mac))
        self.sender.stdin.write(frames + "\n")
        self.sender.stdin.flush()
        said = []
        for line in self.sender.stdout:
            if line == "sent\n":
                return
            said.append(line)
        raise AssertionError("".join(said))

    def open(self, *ports, name="nva", ready=True):
        tool = Tool(name, ports, ready)
        self.tools.append(tool)
        return tool

    def close(self):
        for tool in self.tools:
            tool.quit()
        for proc in self.procs:
            proc.kill()
            proc.wait()
        for name in ("nva", "peer"):
            run("ip", "netns", "del", PREFIX + name, check=False)


class Tool:
    def __init__(self, name, ports, ready=True):
        self.proc = subprocess.Popen([NETNS_EXEC, PREFIX + name, str(TOOL), *ports],
                                     text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE)
        self.first = json.loads(self.proc.stdout.readline() or '{"error": "no output"}')
        if ready and "ready" not in self.first:
            self.quit()
            raise AssertionError("%s\n%s" % (self.first, self.proc.stderr.read()))

    def ask(self, command):
        self.proc.stdin.write(command + "\n")
        self.proc.stdin.flush()
        return json.loads(self.proc.stdout.readline())

    def stats(self, port):
        return self.ask("stats")[port]

    def quit(self):
        if self.proc.poll() is None:
            try:
                self.proc.stdin.write("quit\n")
                self.proc.stdin.flush()
                self.proc.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                self.crash()
        return self.proc.returncode

    def crash(self):
        self.proc.kill()
        self.proc.wait()
