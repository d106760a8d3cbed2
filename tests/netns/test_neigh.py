# SPDX-License-Identifier: BSD-3-Clause
"""Neighbours against a real kernel at the other end of a link, and the mirror of the kernel's own table.

tests/unit/neigh/neigh_tool.c plays port and worker on a packet socket.
"""
import json
import os
import pathlib
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("NVAD_BUILD", ROOT / "build")) / "tests/unit/neigh/neigh_tool"
NETNS_EXEC = str(ROOT / "scripts/nvlab/netns-exec")
OURS = "nvneigh-a%d" % os.getpid()
PEER = "nvneigh-b%d" % os.getpid()
MAC, PEER_MAC, NEW_MAC = "02:00:00:00:77:04", "02:00:00:00:77:09", "02:00:00:00:77:0a"
V4, V6, LL = "10.77.0.9", "2001:db8:77::9", "fe80::ff:fe00:7709"


def sh(netns, words, check=True):
    done = subprocess.run([NETNS_EXEC, netns] + words.split(), text=True, capture_output=True)
    assert done.returncode == 0 or not check, "%s: %s%s" % (words, done.stdout, done.stderr)
    return done.stdout


class Tool:
    def __init__(self, mode):
        self.process = subprocess.Popen([NETNS_EXEC, OURS, str(TOOL), "eth0", mode], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def do(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def entry(self, addr):
        return self.do("show")["entries"].get(addr, {"state": "none", "mac": None, "resolved": False})

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(10)


def wait(what, seconds=8):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "not in %d s" % seconds
        time.sleep(0.05)


@pytest.fixture
def link():
    for name in (OURS, PEER):
        subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        sh(OURS, "ip link add eth0 address %s type veth peer name eth0 netns %s address %s" % (
            MAC, PEER, PEER_MAC))
        sh(OURS, "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1")
        sh(OURS, "ip link set eth0 up arp off")  # the kernel stays out of it, as under DPDK
        sh(PEER, "sysctl -qw net.ipv6.conf.eth0.accept_dad=0")
        sh(PEER, "ip addr add %s/24 dev eth0" % V4)
        sh(PEER, "ip addr add %s/64 dev eth0 nodad" % V6)
        sh(PEER, "ip link set eth0 up")
        wait(lambda: "tentative" not in sh(PEER, "ip -6 addr show dev eth0 scope link")
             and LL in sh(PEER, "ip -6 addr show dev eth0"))
        yield
    finally:
        for name in (OURS, PEER):
            subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.fixture
def tool(link):
    tool = Tool("own")
    yield tool
    assert tool.stop() == 0  # no packet buffer was lost


def peer_sees(addr):
    """The peer's own table, after it was made to ask."""
    sh(PEER, "ping -c 1 -W 1 %s" % addr, check=False)
    neigh = json.loads(sh(PEER, "ip -j neigh show %s" % addr) or "[]")
    return neigh[0].get("lladdr") if neigh else None


@pytest.mark.parametrize("addr", ["10.77.0.4", "2001:db8:77::4"])
def test_peer_resolves_us(tool, addr):
    assert peer_sees(addr) == MAC
    assert peer_sees("10.77.0.5") is None


@pytest.mark.parametrize("addr", [V4, V6, LL])
def test_we_resolve_and_keep_the_peer(tool, addr):
    tool.do("acquire", addr)
    wait(lambda: tool.entry(addr)["state"] == "reachable")
    assert tool.entry(addr)["mac"] == PEER_MAC
    for _ in range(25):  # over two reachable times, checked by unicast and never lost
        assert tool.entry(addr)["resolved"]
        time.sleep(0.1)
    tool.do("release", addr)
    wait(lambda: tool.entry(addr)["state"] == "none")


@pytest.mark.parametrize("addr", [V4, V6])
def test_held_packet_arrives(tool, addr):
    counter = "cat /sys/class/net/eth0/statistics/rx_packets"
    before = int(sh(PEER, counter))
    tool.do("packet", addr)
    wait(lambda: tool.do("show")["forwarded"] == 1)
    shown = tool.do("show")
    assert shown["routes"] == 1 and shown["lost"] == 0
    assert int(sh(PEER, counter)) >= before + 2  # the solicitation and the packet


@pytest.mark.parametrize("addr", ["10.77.0.99", "2001:db8:77::99"])
def test_nobody_there(tool, addr):
    tool.do("packet", addr)
    tool.do("packet", addr)
    wait(lambda: tool.entry(addr)["state"] == "failed")
    assert tool.do("show")["icmp_errors"] == 2
    wait(lambda: tool.entry(addr)["state"] == "none")


@pytest.mark.parametrize("addr", [V4, V6])
def test_peer_changes_its_mac(tool, addr):
    tool.do("acquire", addr)
    wait(lambda: tool.entry(addr)["mac"] == PEER_MAC)
    sh(PEER, "ip link set eth0 address " + NEW_MAC)
    wait(lambda: tool.entry(addr)["mac"] == NEW_MAC and tool.entry(addr)["resolved"])


def test_peer_finds_the_duplicate(tool):
    sh(PEER, "sysctl -qw net.ipv6.conf.eth0.accept_dad=1")
    sh(PEER, "ip addr add 2001:db8:77::4/64 dev eth0")
    wait(lambda: "dadfailed" in sh(PEER, "ip -6 addr show dev eth0"))
    assert tool.do("show")["malformed"] == 0


def test_announced_at_start(link):
    sh(PEER, "ip neigh replace 10.77.0.4 lladdr 02:00:00:00:00:99 nud stale dev eth0")
    sh(PEER, "ip neigh replace 2001:db8:77::4 lladdr 02:00:00:00:00:99 nud stale dev eth0")
    tool = Tool("own")
    wait(lambda: sh(PEER, "ip neigh").count(MAC) == 2)
    assert tool.stop() == 0


@pytest.fixture
def mirror(link):
    sh(OURS, "ip link set eth0 arp on")
    sh(OURS, "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0")
    sh(OURS, "ip addr add 10.77.0.4/24 dev eth0")
    sh(OURS, "ip addr add 2001:db8:77::4/64 dev eth0 nodad")
    for family in ("ipv4", "ipv6"):
        sh(OURS, "sysctl -qw net.%s.neigh.eth0.base_reachable_time_ms=1000" % family)
        sh(OURS, "sysctl -qw net.%s.neigh.eth0.delay_first_probe_time=1" % family)
    tool = Tool("kernel")
    yield tool
    assert tool.stop() == 0


@pytest.mark.parametrize("addr", [V4, V6])
def test_mirror_follows_the_kernel(mirror, addr):
    mirror.do("acquire", addr)
    wait(lambda: mirror.entry(addr)["resolved"])
    assert mirror.entry(addr)["mac"] == PEER_MAC and mirror.entry(addr)["state"] == "kernel"
    sh(OURS, "ip neigh replace %s lladdr %s nud permanent dev eth0" % (addr, NEW_MAC))
    wait(lambda: mirror.entry(addr)["mac"] == NEW_MAC)
    sh(OURS, "ip neigh del %s dev eth0" % addr)
    wait(lambda: mirror.entry(addr)["resolved"] and mirror.entry(addr)["mac"] == PEER_MAC)
    # Gone, and back: the kernel's probes fail, later ones succeed.
    sh(PEER, "ip link set eth0 down")
    wait(lambda: not mirror.entry(addr)["resolved"], 15)
    sh(PEER, "ip link set eth0 up")
    sh(PEER, "ip addr replace %s/64 dev eth0 nodad" % V6)
    wait(lambda: mirror.entry(addr)["resolved"], 15)


def test_mirror_of_one_known_already(mirror):
    sh(OURS, "ping -c 1 -W 1 " + V4)
    mirror.do("packet", V4)
    wait(lambda: mirror.do("show")["forwarded"] == 1, 2)
    assert mirror.do("show")["routes"] == 1


def test_mirror_returns_what_waited_in_vain(mirror):
    mirror.do("packet", "10.77.0.99")
    wait(lambda: mirror.do("show")["icmp_errors"] == 1)
    wait(lambda: mirror.entry("10.77.0.99")["state"] == "none")
