# SPDX-License-Identifier: BSD-3-Clause
"""Ports of the kinds that want privilege or a peer: af_packet, tap, memif.

null, ring and pcap are in tests/unit/port/test_port_open.c. PCI and VMBus devices need the hardware:
tests/unit/port/test_port_args.c checks what DPDK is told, and that is all that is tested of them.
"""
import json
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from port_tool import TOOL, Net, wait_for  # noqa: E402

UDP = "Ether(dst=M)/IP(src='10.9.0.2', dst='10.99.0.1')/UDP(dport=9)/Raw(b'x' * 100)"


@pytest.fixture
def net():
    n = Net()
    yield n
    n.close()


def test_af_packet_receives_and_the_kernel_is_mute(net):
    ping = ["ping", "-c1", "-W1", "10.9.0.1"]
    assert net.sh("peer", *ping, check=False).returncode == 0
    tool = net.open("wan=af_packet,iface=nva0")
    net.sh("peer", "ip", "neigh", "flush", "dev", "peer0")
    assert net.sh("peer", *ping, check=False).returncode != 0
    net.send("[%s] * 50" % UDP)
    s = wait_for("UDP", lambda: (lambda s: s["udp"] >= 50 and s)(tool.stats("wan")))
    assert s["udp"] == 50 and s["arp"] >= 1 and s["link"]
    # A TCP SYN to a closed port of the kernel's: no RST.
    net.send("[Ether(dst=M)/IP(src='10.9.0.2', dst='10.9.0.1')/TCP(dport=81, flags='S')]")
    assert wait_for("the SYN", lambda: tool.stats("wan")["tcp"] == 1)
    rows = [r.split() for r in net.sh("nva", "cat", "/proc/net/snmp").stdout.splitlines()]
    tcp = dict(zip(*[r for r in rows if r[0] == "Tcp:"]))
    assert tcp["OutRsts"] == "0"
    assert net.sh("nva", "cat", "/proc/sys/net/ipv6/conf/nva0/disable_ipv6").stdout == "1\n"
    assert tool.ask("send wan 10 100") == {"sent": 10}
    assert tool.stats("wan")["tx"] == 10
    assert tool.quit() == 0
    # All of it is undone.
    assert "clsact" not in net.sh("nva", "tc", "qdisc", "show", "dev", "nva0").stdout
    assert net.sh("nva", "cat", "/proc/sys/net/ipv6/conf/nva0/disable_ipv6").stdout == "0\n"
    wait_for("the kernel's answer", lambda: net.sh("peer", *ping, check=False).returncode == 0)


def test_af_packet_after_a_crash(net):
    net.open("wan=af_packet,iface=nva0").crash()
    tool = net.open("wan=af_packet,iface=nva0")
    filters = net.sh("nva", "tc", "filter", "show", "dev", "nva0", "ingress").stdout
    assert filters.count("nvad_mute") == 2, filters  # one filter: its handle, and its name
    assert tool.quit() == 0
    filters = net.sh("nva", "tc", "filter", "show", "dev", "nva0", "ingress").stdout
    assert "nvad_mute" not in filters
    assert net.sh("peer", "ping", "-c1", "-W1", "10.9.0.1", check=False).returncode == 0


def test_af_packet_link_and_mtu(net):
    tool = net.open("wan=af_packet,iface=nva0,mtu=1400")
    link = json.loads(net.sh("nva", "ip", "-j", "link", "show", "dev", "nva0").stdout)[0]
    assert link["mtu"] == 1400
    net.sh("peer", "ip", "link", "set", "peer0", "down")
    assert wait_for("link down", lambda: not tool.stats("wan")["link"])
    net.sh("peer", "ip", "link", "set", "peer0", "up")
    assert wait_for("link up", lambda: tool.stats("wan")["link"])
    net.sh("nva", "ip", "link", "set", "nva0", "down")
    assert "set down" in wait_for("an error", lambda: tool.stats("wan")["error"])


def test_interface_replaced(net):
    """One of the same name is not the one that the sockets are bound to: no link, and a word why."""
    tool = net.open("wan=af_packet,iface=nva0")
    net.sh("nva", "ip", "link", "del", "nva0")
    assert "is gone" in wait_for("an error", lambda: tool.stats("wan")["error"])
    net.sh("nva", "ip", "link", "add", "nva0", "type", "veth", "peer", "name", "nva1")
    net.sh("nva", "ip", "link", "set", "nva1", "up")
    net.sh("nva", "ip", "link", "set", "nva0", "up")
    s = wait_for("an error", lambda: (lambda s: "another" in s["error"] and s)(tool.stats("wan")))
    assert not s["link"]


def test_jumbo_frames(net):
    """af_packet to memif and on to the other process's af_packet, 9000 bytes each way."""
    path = "/tmp/nvport-%s.sock" % os.getpid()
    net.sh("peer", "ip", "link", "set", "peer0", "mtu", "9000")
    net.sh("nva", "ip", "link", "add", "host0", "mtu", "9000", "address", "02:00:00:00:00:09",
           "type", "veth", "peer", "name", "wire0")
    net.sh("nva", "ip", "link", "set", "host0", "up")
    a = net.open("wan=af_packet,iface=nva0,mtu=9000", "m=memif,role=server,mtu=9000,socket=" + path)
    b = net.open("lan=af_packet,iface=wire0,mtu=9000", "m=memif,role=client,mtu=9000,socket=" + path)
    net.sh("nva", "ip", "addr", "flush", "dev", "nva0")
    net.sh("nva", "ip", "addr", "add", "10.9.0.1/24", "dev", "host0")
    wait_for("link", lambda: a.stats("m")["link"] and b.stats("m")["link"])
    for dev in ("nva0", "wire0"):
        assert json.loads(net.sh("nva", "ip", "-j", "link", "show", "dev", dev).stdout)[0]["mtu"] == 9000
    done = net.sh("peer", "ping", "-c2", "-W2", "-s", "8972", "-M", "do", "10.9.0.1", check=False)
    assert done.returncode == 0, done.stdout


def test_af_packet_overrun_is_counted(net):
    """What the ring had no room for, while nobody read it, is missed and not just gone."""
    tool = net.open("wan=af_packet,iface=nva0")
    tool.proc.send_signal(signal.SIGSTOP)
    net.send("[%s] * 5000" % UDP)
    tool.proc.send_signal(signal.SIGCONT)
    s = wait_for("all of them", lambda: (lambda s: s["udp"] + s["rx_missed"] >= 5000 and s)(tool.stats("wan")))
    assert s["rx_missed"] >= 1000, s


def test_two_queues(net):
    tool = net.open("wan=af_packet,iface=nva0,queues=2")
    assert tool.stats("wan")["queues"] == 2
    net.send("[Ether(dst=M)/IP(src='10.9.0.2', dst='10.99.0.1')/UDP(sport=1000 + i, dport=9) "
             "for i in range(64)]")
    wait_for("all from both queues", lambda: tool.stats("wan")["udp"] == 64)


def test_forwarding_between_af_packet_and_tap(net):
    """What the peer sends arrives on the tap's kernel end, and the answer returns."""
    tool = net.open("wan=af_packet,iface=nva0", "lan=tap,iface=tap9")
    net.sh("nva", "ip", "addr", "flush", "dev", "nva0")
    net.sh("nva", "ip", "addr", "add", "10.9.0.1/24", "dev", "tap9")
    assert net.sh("peer", "ping", "-c3", "-W2", "10.9.0.1", check=False).returncode == 0
    s = tool.ask("stats")
    assert s["wan"]["icmp"] >= 3 and s["lan"]["icmp"] >= 3 and s["wan"]["tx"] >= 3
    tap = json.loads(net.sh("nva", "ip", "-j", "link", "show", "dev", "tap9").stdout)[0]
    assert tap["address"].lower() != s["lan"]["mac"].lower()
    assert s["lan"]["link"]
    tool.quit()
    assert net.sh("nva", "ip", "link", "show", "dev", "tap9", check=False).returncode != 0


def test_memif_between_two_processes(net, tmp_path):
    path = tmp_path / "memif.sock"
    a = net.open("a=memif,role=server,id=3,socket=%s" % path)
    b = net.open("b=memif,role=client,id=3,socket=%s" % path, name="peer")
    wait_for("link", lambda: a.stats("a")["link"] and b.stats("b")["link"])
    assert a.ask("send a 100 64") == {"sent": 100}
    wait_for("100 there", lambda: b.stats("b")["udp"] == 100)
    assert b.ask("send b 40 1400") == {"sent": 40}
    wait_for("40 back", lambda: a.stats("a")["udp"] == 40)
    b.quit()
    wait_for("link down", lambda: not a.stats("a")["link"])


def test_memif_sides_of_unequal_width(net, tmp_path):
    """Two workers on one side, one on the other: every packet arrives, whoever is the server."""
    for i, (server, client) in enumerate(((2, 1), (1, 2))):
        path = tmp_path / ("%d.sock" % i)
        a = net.open("a=memif,role=server,queues=%d,socket=%s" % (server, path))
        b = net.open("b=memif,role=client,queues=%d,socket=%s" % (client, path), name="peer")
        wait_for("link", lambda: a.stats("a")["link"] and b.stats("b")["link"])
        assert a.ask("send a 50 64") == {"sent": 50} and b.ask("send b 50 64") == {"sent": 50}
        wait_for("50 each way", lambda: a.stats("a")["udp"] == b.stats("b")["udp"] == 50)
        b.quit(), a.quit()


def test_memif_server_after_a_crash(net, tmp_path):
    path = tmp_path / "memif.sock"
    net.open("a=memif,role=server,socket=%s" % path).crash()
    assert path.exists()
    a = net.open("a=memif,role=server,socket=%s" % path)
    b = net.open("b=memif,role=client,socket=%s" % path, name="peer")
    wait_for("link", lambda: a.stats("a")["link"] and b.stats("b")["link"])


@pytest.mark.parametrize("ports, code, words", [
    (["wan=af_packet,iface=none0"], 19, ["wan", "no interface none0", "ip link"]),
    (["wan=af_xdp,iface=none0"], 19, ["wan", "no interface none0"]),
    (["wan=tap,iface=nva0"], 17, ["wan", "nva0", "ip link del nva0"]),
    (["wan=af_packet,iface=nva0", "lan=af_packet,iface=nva0"], 17, ["lan", "nva0", "wan"]),
    (["wan=af_packet,iface=nva0", "wan=null"], 17, ["wan", "already"]),
    (["wan=af_packet,iface=nva0,mtu=60"], 22, ["wan", "MTU of 60"]),
    (["wan=memif,role=server,socket=/nowhere/x.sock"], 22, ["wan", "/nowhere/x.sock"]),
    (["wan=memif,role=client,socket=/tmp/nvport-none.sock"], 111, ["wan", "nvport-none", "server"]),
    (["wan=tap,iface=tap9,mtu=9000"], 22, ["wan", "MTU of 9000"]),
    (["wan=af_xdp,iface=nva0,mtu=9000"], 22, ["wan", "MTU of 9000"]),
])
def test_refusals(net, ports, code, words):
    tool = net.open(*ports, ready=False)
    assert "error" in tool.first, tool.first
    for word in words:
        assert word in tool.first["error"]
    assert tool.first["errno"] == code, tool.first


def test_without_privilege(net):
    nobody = net.sh("nva", "setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-all",
                    str(TOOL), "wan=af_packet,iface=nva0",
                    check=False)
    first = json.loads(nobody.stdout.splitlines()[0])
    assert first["errno"] == 1 and "CAP_NET_ADMIN" in first["error"]
