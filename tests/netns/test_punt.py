# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's end of the punt: TUN interfaces, their addresses and routes, and packets both ways.

tests/unit/punt/punt_tool.c plays the worker and the hosts beyond it.
"""
import json
import os
import pathlib
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("NVAD_BUILD", ROOT / "build")) / "tests/unit/punt/punt_tool"
NETNS_EXEC = str(ROOT / "scripts/nvlab/netns-exec")
NETNS = "nvpunt-%d" % os.getpid()


def sh(*words, check=True):
    done = subprocess.run((NETNS_EXEC, NETNS) + words, text=True, capture_output=True)
    if check and done.returncode != 0:
        raise AssertionError("%s: %s%s" % (" ".join(words), done.stdout, done.stderr))
    return done


def ip_json(*words):
    return json.loads(sh("ip", "-j", *words).stdout or "[]")


def start():
    tool = subprocess.Popen([NETNS_EXEC, NETNS, str(TOOL)], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert tool.stdout.readline() == "ready\n", tool.communicate()[1]
    return tool


@pytest.fixture(scope="module")
def netns():
    subprocess.run(["ip", "netns", "add", NETNS], check=True)
    sh("ip", "link", "set", "lo", "up")
    # Both of these would be in the way of the weak host model and of local traffic.
    sh("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv6.conf.default.disable_ipv6=1")
    yield
    subprocess.run(["ip", "netns", "del", NETNS], check=True)


@pytest.fixture
def tool(netns):
    process = start()
    yield process
    if process.poll() is None:
        process.communicate("", timeout=10)


def test_addresses_mtu_and_sysctls(tool):
    links = {l["ifname"]: l for l in ip_json("addr")}
    addrs = lambda name: {(a["local"], a["prefixlen"]) for a in links[name]["addr_info"]}
    assert addrs("nv-eth0") == {("10.99.0.4", 24), ("2001:db8:99::4", 64)}  # no fe80:: of the kernel's
    assert addrs("nv-eth1") == {("10.98.0.4", 24)}
    assert not any(a.get("tentative") for a in links["nv-eth0"]["addr_info"])
    assert links["nv-eth0"]["mtu"] == 1400
    assert links["nv-eth1"]["mtu"] == 2034  # what one packet buffer holds
    assert "UP" in links["nv-eth0"]["flags"] and "MULTICAST" not in links["nv-eth0"]["flags"]
    for knob, value in (("ipv4/conf/nv-eth0/rp_filter", "2"), ("ipv4/conf/nv-eth0/forwarding", "0"),
                        ("ipv6/conf/nv-eth0/accept_ra", "0"), ("ipv6/conf/nv-eth1/disable_ipv6", "1")):
        assert sh("cat", "/proc/sys/net/" + knob).stdout.strip() == value


def test_routes(tool):
    for dst, dev in (("192.0.2.7", "nv-eth0"), ("10.98.0.9", "nv-eth1"), ("8.8.8.8", "nv-eth0")):
        assert ip_json("route", "get", dst)[0]["dev"] == dev
    assert ip_json("-6", "route", "get", "2001:db8:192::1")[0]["dev"] == "nv-eth0"
    default = ip_json("route", "show", "default")
    assert [(r["dev"], r["metric"]) for r in default] == [("nv-eth0", 20000)]


@pytest.mark.parametrize("words", [
    ("10.99.0.9",), ("192.0.2.7",), ("2001:db8:99::9",), ("2001:db8:192::1",),
    ("-M", "do", "-s", "1372", "10.99.0.9"),            # just the MTU
    ("-s", "1352", "2001:db8:99::9"),
    ("-I", "10.99.0.4", "10.98.0.9"),                   # out by eth1, its answer is for eth0's address
], ids=" ".join)
def test_ping(tool, words):
    out = sh("ping", "-c", "5", "-i", "0.05", "-W", "2", *words, check=False).stdout
    assert "5 received" in out, out
    stats = json.loads(tool.communicate("", timeout=10)[0].splitlines()[-1])
    assert stats["from_kernel"] == 5 and stats["to_kernel"] == 5  # and no chatter of the kernel's own
    assert stats["lost"] == 0 and stats["malformed"] == 0


def test_without_route(tool):
    out = sh("ping", "-c", "3", "-i", "0.05", "-W", "1", "192.0.2.200", check=False).stdout
    assert "0 received" in out
    stats = json.loads(tool.communicate("", timeout=10)[0].splitlines()[-1])
    assert stats["no_route"] == 3 and stats["lost"] == 0


def test_second_holder_is_told(tool):
    other = subprocess.run([NETNS_EXEC, NETNS, str(TOOL)], text=True, capture_output=True,
                           stdin=subprocess.DEVNULL)
    assert other.returncode == 2
    assert "nv-eth0" in other.stderr and "another process" in other.stderr


def test_death_takes_the_interfaces_along(tool):
    assert {"nv-eth0", "nv-eth1"} <= {l["ifname"] for l in ip_json("link")}
    tool.kill()
    tool.wait()
    deadline = time.monotonic() + 5
    while {"nv-eth0", "nv-eth1"} & {l["ifname"] for l in ip_json("link")}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
