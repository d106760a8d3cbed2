# SPDX-License-Identifier: BSD-3-Clause
"""af_xdp: the XDP program gives transit to nvad and leaves the kernel what is its own, by class."""
import json
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from port_tool import Net, wait_for  # noqa: E402

PORT = "wan=af_xdp,iface=nva0,addr=10.9.0.1,addr=2001:db8:9::1"
V4 = "Ether(dst=M)/IP(src='10.9.0.2', dst='%s')"
V6 = "Ether(dst=M)/IPv6(src='2001:db8:9::2', dst='%s')"
ALL = 0x7F


@pytest.fixture(scope="module")
def net():
    n = Net()
    yield n
    n.close()


@pytest.fixture
def tool(net):
    t = net.open(PORT)
    yield t
    assert t.quit() == 0
    assert xdp_of(net) is None


def xdp_of(net):
    return json.loads(net.sh("nva", "ip", "-j", "link", "show", "dev", "nva0").stdout)[0].get("xdp")


def classes(tool):
    return tool.stats("wan")["classes"]


def delta(tool, net, frames):
    """{class: (kernel, socket, lost)} of what moved while the frames were sent.

    Neighbour discovery and MLD of the peer's kernel come in between: only frames that look like
    echo requests are looked for in class icmp.
    """
    before = classes(tool)
    net.send(frames)
    after = classes(tool)
    moved = {c: tuple(after[c][k] - before[c][k] for k in ("kernel", "socket", "lost"))
             for c in after}
    noise = {"neighbour"} if "Echo" in frames or "ICMP()" in frames else {"neighbour", "icmp"}
    return {c: v for c, v in moved.items() if any(v) and c not in noise}


def tcp(family, sport, dport, address=None):
    head = (V4 % (address or "10.9.0.1")) if family == 4 else (V6 % (address or "2001:db8:9::1"))
    return "%s/TCP(sport=%d, dport=%d, flags='A')" % (head, sport, dport)


def test_transit_is_redirected(net, tool):
    before = tool.stats("wan")["udp"]
    assert delta(tool, net, "[%s/UDP(dport=9)] * 100" % (V4 % "10.99.0.1")) == {"transit": (0, 100, 0)}
    assert delta(tool, net, "[%s/UDP(dport=9)] * 50" % (V6 % "2001:db8:99::1")) == {"transit": (0, 50, 0)}
    assert tool.stats("wan")["udp"] - before == 150
    # BGP and ssh of others are transit, too; so is anything with a VLAN tag that is not for us.
    for frame in (tcp(4, 5000, 179, "10.99.0.1"), tcp(6, 5000, 22, "2001:db8:99::1"),
                  "Ether(dst=M)/Dot1Q(vlan=7)/IP(dst='10.99.0.1')/UDP()"):
        assert delta(tool, net, "[%s]" % frame) == {"transit": (0, 1, 0)}


@pytest.mark.parametrize("family", [4, 6])
def test_classes_of_local_traffic(net, tool, family):
    head = (V4 % "10.9.0.1") if family == 4 else (V6 % "2001:db8:9::1")
    echo = "ICMP()" if family == 4 else "ICMPv6EchoRequest()"
    cases = {
        "bgp": [tcp(family, 5000, 179), tcp(family, 179, 5000)],
        "ssh": [tcp(family, 5000, 22), tcp(family, 22, 5000)],
        "ike": [head + "/UDP(sport=500, dport=500)", head + "/UDP(sport=7, dport=4500)"],
        "icmp": [head + "/" + echo],
        "local": [tcp(family, 5000, 80), head + "/UDP(sport=500, dport=53)"],
    }
    if family == 4:
        cases["bgp"].append("Ether(dst=M)/IP(dst='10.9.0.1', options=[IPOption_NOP()] * 40)"
                            "/TCP(dport=179, flags='A')")
        cases["bgp"].append("Ether(dst=M)/Dot1AD(vlan=3)/Dot1Q(vlan=7)/IP(dst='10.9.0.1')/TCP(dport=179)")
        cases["local"].append("Ether(dst=M)/IP(dst='10.9.0.1', frag=9, proto=6)/Raw(b'x' * 40)")
        cases["local"].append("Ether(dst='ff:ff:ff:ff:ff:ff')/IP(dst='255.255.255.255')/UDP(dport=68)")
    else:
        cases["bgp"].append("Ether(dst=M)/IPv6(dst='2001:db8:9::1')/IPv6ExtHdrHopByHop()"
                            "/IPv6ExtHdrDestOpt()/TCP(dport=179)")
        cases["local"].append("Ether(dst=M)/IPv6(dst='2001:db8:9::1')"
                              "/IPv6ExtHdrFragment(offset=9, nh=6)/Raw(b'x' * 40)")
        cases["icmp"].append("Ether(dst=M)/IPv6(dst='fe80::1')/ICMPv6EchoRequest()")
    for name, frames in cases.items():
        for frame in frames:
            assert delta(tool, net, "[%s]" % frame) == {name: (1, 0, 0)}, frame


def test_azure(net, tool):
    for frame in ("IP(src='168.63.129.16', dst='10.99.0.1')/UDP()",
                  "IP(src='10.9.0.2', dst='168.63.129.16')/TCP(dport=80)",
                  "IP(src='169.254.169.254', dst='10.9.0.1')/TCP(sport=80)"):
        assert delta(tool, net, "[Ether(dst=M)/%s]" % frame) == {"azure": (1, 0, 0)}, frame


def test_malformed_frames_are_for_nvad_to_count(net, tool):
    for frame in ("Ether(dst=M, type=0x800)/Raw(b'\\x45' + b'x' * 10)",
                  "Ether(dst=M, type=0x800)/Raw(b'\\x44' + b'x' * 40)",
                  "Ether(dst=M, type=0x86dd)/Raw(b'\\x60' + b'x' * 20)",
                  "Ether(dst=M)/IP(dst='10.9.0.1', proto=6)/Raw(b'xx')",
                  "Ether(dst=M)/IP(dst='10.9.0.1', ihl=15, proto=6)/Raw(b'x' * 8)",
                  "Ether(dst=M)/IPv6(dst='2001:db8:9::1', nh=0)/Raw(b'\\x06\\xff' + b'x' * 30)"):
        assert delta(tool, net, "[%s]" % frame) == {"malformed": (0, 1, 0)}, frame


def test_the_kernel_answers(net, tool):
    net.sh("peer", "ip", "neigh", "flush", "dev", "peer0")
    before = classes(tool)
    assert net.sh("peer", "ping", "-c2", "-W2", "10.9.0.1", check=False).returncode == 0
    assert net.sh("peer", "ping", "-c2", "-W2", "2001:db8:9::1", check=False).returncode == 0
    after = classes(tool)
    assert after["neighbour"]["kernel"] - before["neighbour"]["kernel"] >= 2
    assert after["icmp"]["kernel"] - before["icmp"]["kernel"] == 4
    # A TCP session on port 179, end to end.
    server = net.background("nva", "/usr/bin/python3", "-c", (
        "import socket\ns = socket.create_server(('10.9.0.1', 179))\nprint('up', flush=True)\n"
        "c, _ = s.accept()\nc.sendall(c.recv(99).upper())"))
    assert server.stdout.readline() == "up\n"
    said = net.sh("peer", "/usr/bin/python3", "-c", (
        "import socket\ns = socket.create_connection(('10.9.0.1', 179), 5)\n"
        "s.sendall(b'keepalive')\nprint(s.recv(99).decode())")).stdout
    assert said == "KEEPALIVE\n"
    assert classes(tool)["bgp"]["kernel"] - after["bgp"]["kernel"] >= 4


def test_rules_change_at_run_time(net, tool):
    bgp = "[%s]" % tcp(4, 5000, 179)
    other = "[%s]" % tcp(4, 5000, 179, "10.9.0.77")
    assert delta(tool, net, bgp) == {"bgp": (1, 0, 0)}
    assert tool.ask("class bgp off") == {"rc": 0}
    assert delta(tool, net, bgp) == {"bgp": (0, 1, 0)}
    assert tool.ask("class bgp on") == {"rc": 0}
    assert delta(tool, net, bgp) == {"bgp": (1, 0, 0)}
    assert tool.ask("class transit off")["rc"] < 0
    # An address comes; one of nvad's own (no class is the kernel's); and goes again.
    assert delta(tool, net, other) == {"transit": (0, 1, 0)}
    assert tool.ask("address 10.9.0.77 %d" % ALL) == {"rc": 0}
    assert delta(tool, net, other) == {"bgp": (1, 0, 0)}
    assert tool.ask("address 10.9.0.77 0") == {"rc": 0}
    assert delta(tool, net, other) == {"bgp": (0, 1, 0)}
    assert tool.ask("address 10.9.0.77 del") == {"rc": 0}
    assert delta(tool, net, other) == {"transit": (0, 1, 0)}
    assert tool.ask("address 10.9.0.77 del") == {"rc": -2}
    # ARP for nvad itself: the class goes to the socket, and the kernel no longer answers.
    arp = tool.stats("wan")["arp"]
    assert tool.ask("class neighbour off") == {"rc": 0}
    net.sh("peer", "ip", "neigh", "flush", "dev", "peer0")
    assert net.sh("peer", "ping", "-c1", "-W1", "10.9.0.1", check=False).returncode != 0
    assert tool.stats("wan")["arp"] > arp


# Egress from the port's own address, a server behind it; an address of nvad's alone, in both families.
NAT = """
ports:
  - name: wan
    device: {kind: af_xdp, interface: nva0}
    addresses: [10.9.0.1/24, "2001:db8:9::1/64"]
nat:
  pools:
    - {name: own, addresses: [10.9.0.1, 10.9.0.77], ports: 10-32767}
    - {name: own6, addresses: ["2001:db8:9::1", "2001:db8:9::77"], ports: 1024-32767}
  snat:
    - {name: out, pool: own}
    - {name: out6, pool: own6}
  dnat:
    - {name: web, destination: 10.9.0.1, destination_ports: 40000-40001, protocols: tcp, to: 10.1.0.1}
"""


@pytest.fixture
def nat(tool, tmp_path):
    def load(text):
        path = tmp_path / "nat.yaml"
        path.write_text(text)
        return tool.ask("nat %s" % path)
    yield load
    assert load(NAT[:NAT.index("nat:")]) == {"rc": 0}


def frames_of(family):
    """(what goes to nvad, what stays the kernel's by class) where NAT is in force."""
    head = (V4 % "10.9.0.1") if family == 4 else (V6 % "2001:db8:9::1")
    icmp = "ICMP" if family == 4 else "ICMPv6"

    def error(kind, inner):
        ip = "IP(src='10.9.0.1', dst='10.99.0.1')" if family == 4 else "IPv6(src='2001:db8:9::1', dst='2001:db8:99::1')"
        outer = {"unreach": "ICMP(type=3, code=1)", "time": "ICMP(type=11)"} if family == 4 else {
            "unreach": "ICMPv6DestUnreach()", "time": "ICMPv6TimeExceeded()"}
        return "%s/%s/%s/%s" % (head, outer[kind], ip, inner)
    reply = {4: "ICMP(type=0, id=%d)", 6: "ICMPv6EchoReply(id=%d)"}[family]
    request = {4: "ICMP(type=8, id=%d)", 6: "ICMPv6EchoRequest(id=%d)"}[family]
    ours = [
        head + "/UDP(sport=53, dport=1024)", head + "/UDP(sport=53, dport=32767)",
        tcp(family, 443, 20000), tcp(family, 22, 20000),
        head + "/" + reply % 20000,
        error("unreach", "UDP(sport=2000, dport=9)"), error("time", "TCP(sport=2000, dport=443)"),
        error("time", request % 20000),
    ]
    kernels = {
        "bgp": [tcp(family, 5000, 179), tcp(family, 179, 20000), tcp(family, 179, 40000)],
        "ssh": [tcp(family, 5000, 22), tcp(family, 22, 40005)],
        "ike": [head + "/UDP(sport=500, dport=500)"] if family == 6 else [],
        "local": [tcp(family, 443, 32768), head + "/UDP(sport=53, dport=60999)", head + "/UDP(dport=1023)"
                  if family == 6 else head + "/UDP(dport=9)", tcp(family, 5000, 50000)],
        "icmp": [head + "/" + reply % 40000, head + "/" + request % 20000,
                 error("unreach", "UDP(sport=50000, dport=9)"),
                 error("time", "TCP(sport=2000, dport=179)"), error("time", request % 40000)],
    }
    if family == 4:
        ours += [tcp(4, 5000, 40000), tcp(4, 5000, 40001), head + "/UDP(sport=500, dport=500)",
                 "Ether(dst=M)/IP(dst='10.9.0.1', options=[IPOption_NOP()] * 40)/UDP(dport=1024)",
                 "Ether(dst=M)/IP(dst='10.9.0.1', frag=9, proto=17)/Raw(b'x' * 40)",
                 "Ether(dst=M)/IP(dst='10.9.0.1', flags='MF', proto=17)/UDP(dport=50000)/Raw(b'x' * 40)",
                 head + "/ICMP(type=3, code=4)/IP(src='10.9.0.1', options=[IPOption_NOP()] * 8)/UDP(sport=2000)",
                 head + "/ICMP(type=3, code=1)/IP(src='10.9.0.1', frag=9, proto=17)/Raw(b'x' * 40)"]
        kernels["local"] += [head + "/UDP(dport=40000)", tcp(4, 5000, 40002), tcp(4, 5000, 9),
                             head + "/GRE()"]
        kernels["icmp"] += [head + "/ICMP(type=3, code=1)/Raw(b'x' * 10)",
                            head + "/ICMP(type=5)/IP(src='10.9.0.1')/UDP(sport=2000)"]
        kernels["azure"] = ["Ether(dst=M)/IP(src='168.63.129.16', dst='10.9.0.1')/UDP(dport=2000)",
                            "Ether(dst=M)/IP(src='169.254.169.254', dst='10.9.0.1')/TCP(sport=80, dport=2000)"]
    else:
        ours += ["Ether(dst=M)/IPv6(dst='2001:db8:9::1')/IPv6ExtHdrDestOpt()/UDP(dport=1024)",
                 "Ether(dst=M)/IPv6(dst='2001:db8:9::1')/IPv6ExtHdrFragment(offset=9, nh=17)/Raw(b'x' * 40)"]
    return ours, kernels


def moved(tool, net, frame, name):
    """(kernel, socket, lost) of a class for one frame, by whatever else moves."""
    before = classes(tool)[name]
    net.send("[%s]" % frame)
    after = classes(tool)[name]
    return tuple(after[k] - before[k] for k in ("kernel", "socket", "lost"))


@pytest.mark.parametrize("family", [4, 6])
def test_what_translation_uses_comes_to_nvad(net, tool, nat, family):
    ours, kernels = frames_of(family)
    for frame in ours:
        assert moved(tool, net, frame, "nat") == (0, 0, 0), frame
    assert nat(NAT) == {"rc": 0}
    for frame in ours:
        assert moved(tool, net, frame, "nat") == (0, 1, 0), frame
    for name, frames in kernels.items():
        for frame in frames:
            assert moved(tool, net, frame, name)[0] >= 1, (name, frame)
            assert moved(tool, net, frame, "nat") == (0, 0, 0), frame
    # Rules that go, and a pool that no rule uses, give the ports back.
    assert nat(NAT.replace("    - {name: out, pool: own}\n", "")
               .replace("    - {name: out6, pool: own6}\n", "").replace("  snat:\n", "")) == {"rc": 0}
    assert moved(tool, net, tcp(4, 5000, 40000), "nat") == (0, 1, 0)
    for frame in (tcp(family, 443, 20000), "%s/UDP(dport=1024)" % (V4 % "10.9.0.1")):
        assert moved(tool, net, frame, "nat") == (0, 0, 0), frame


def test_a_whole_address_is_translated(net, tool, nat):
    """DNAT of every port and protocol: ssh, ping and GRE, too; BGP and Azure stay the kernel's."""
    text = NAT[:NAT.index("nat:")] + "nat: {dnat: [{name: all, destination: 10.9.0.1, to: 10.1.0.1}]}\n"
    assert nat(text) == {"rc": 0}
    head = V4 % "10.9.0.1"
    for frame in (tcp(4, 5000, 22), tcp(4, 5000, 65535), head + "/UDP(dport=0)", head + "/ICMP(type=8, id=7)",
                  head + "/ICMP(type=0, id=65535)", head + "/GRE()"):
        assert moved(tool, net, frame, "nat") == (0, 1, 0), frame
    assert moved(tool, net, tcp(4, 5000, 179), "bgp") == (1, 0, 0)
    assert moved(tool, net, "Ether(dst=M)/IP(src='168.63.129.16', dst='10.9.0.1')/UDP()", "azure") == (1, 0, 0)


def test_questions_for_addresses_of_nvad_alone(net, tool, nat):
    arp = "Ether(dst='ff:ff:ff:ff:ff:ff')/ARP(op=%d, psrc='10.9.0.2', pdst='%s')"
    ns = ("Ether(dst='33:33:ff:00:00:%s')/IPv6(src='2001:db8:9::2', dst='ff02::1:ff00:%s', hlim=255)"
          "/ICMPv6ND_NS(tgt='2001:db8:9::%s')")
    ours = [arp % (1, "10.9.0.77"), ns % ("77", "77", "77")]
    kernels = [arp % (1, "10.9.0.1"), arp % (2, "10.9.0.77"), arp % (1, "10.9.0.78"), ns % ("01", "1", "1"),
               ns % ("78", "78", "78")]
    # Real neighbour discovery moves the class as well: what nvad gets of it is nothing but these.
    for frame in ours + kernels:
        assert moved(tool, net, frame, "neighbour")[1] == 0, frame
    assert nat(NAT) == {"rc": 0}
    for frame in ours:
        assert moved(tool, net, frame, "neighbour")[1] == 1, frame
    for frame in kernels:
        kernel, socket, _ = moved(tool, net, frame, "neighbour")
        assert kernel >= 1 and socket == 0, frame
    # Its packets are transit, by any port, or local without a class of the kernel's.
    before = tool.stats("wan")["udp"]
    net.send("[%s/UDP(dport=50000)]" % (V4 % "10.9.0.77"))
    assert tool.stats("wan")["udp"] == before + 1
    assert nat(NAT.replace(", 10.9.0.77", "")) == {"rc": 0}
    assert moved(tool, net, ours[0], "neighbour")[1] == 0
    assert moved(tool, net, ours[1], "neighbour")[1] == 1


def test_transmits(net, tool):
    def received():
        rows = json.loads(net.sh("peer", "ip", "-j", "-s", "link", "show", "dev", "peer0").stdout)
        return rows[0]["stats64"]["rx"]["packets"]
    before = received()
    assert tool.ask("send wan 200 500") == {"sent": 200}
    wait_for("200 frames", lambda: received() - before >= 200)


def test_forwarding_between_two_ports(net):
    """Buffers of one pool cross from one AF_XDP device to another."""
    net.sh("nva", "ip", "link", "add", "host0", "type", "veth", "peer", "name", "wire0")
    net.sh("nva", "ip", "addr", "flush", "dev", "nva0")
    net.sh("nva", "ip", "addr", "add", "10.9.0.7/24", "dev", "host0")
    net.sh("nva", "ip", "link", "set", "host0", "up")
    tool = net.open("wan=af_xdp,iface=nva0,addr=10.9.0.1", "lan=af_xdp,iface=wire0,addr=10.10.0.1")
    try:
        # The kernel is one host: its address on the one port is local on the other.
        assert delta(tool, net, "[%s]" % tcp(4, 5000, 179, "10.10.0.1")) == {"bgp": (1, 0, 0)}
        assert tool.ask("class neighbour off") == {"rc": 0}
        done = net.sh("peer", "ping", "-q", "-c", "2000", "-f", "-s", "1472", "10.9.0.7", check=False)
        assert ", 0% packet loss" in done.stdout, done.stdout
        s = tool.ask("stats")
        for port in ("wan", "lan"):
            assert s[port]["icmp"] >= 2000 and s[port]["tx"] >= 2000
            assert s[port]["classes"]["transit"]["lost"] == 0
        assert tool.ask("close lan") == {"rc": 0}
        assert delta(tool, net, "[%s]" % tcp(4, 5000, 179, "10.10.0.1")) == {"transit": (0, 1, 0)}
    finally:
        tool.quit()
        net.sh("nva", "ip", "link", "del", "host0")
        net.sh("nva", "ip", "addr", "add", "10.9.0.1/24", "dev", "nva0")
        net.sh("nva", "ip", "addr", "add", "2001:db8:9::1/64", "dev", "nva0", "nodad")


def test_after_a_crash(net):
    first = net.open(PORT)
    stale = xdp_of(net)["prog"]["id"]
    first.crash()
    assert xdp_of(net)["prog"]["id"] == stale
    # Nobody forwards: not even the kernel, though it would.
    net.sh("nva", "sysctl", "-qw", "net.ipv4.ip_forward=1")
    second = net.open(PORT)
    assert xdp_of(net)["prog"]["id"] != stale
    assert delta(second, net, "[%s/UDP(dport=9)] * 10" % (V4 % "10.99.0.1")) == {"transit": (0, 10, 0)}
    assert second.quit() == 0
    assert xdp_of(net) is None


def test_the_program_of_somebody_else_stays(net, tmp_path):
    source, target = tmp_path / "other.c", tmp_path / "other.o"
    source.write_text("__attribute__((section(\"xdp\"), used)) int other(void *c) { return 2; }\n"
                      "char L[] __attribute__((section(\"license\"), used)) = \"GPL\";\n")
    net.sh("nva", "clang", "-O2", "-g", "-target", "bpf", "-c", str(source), "-o", str(target))
    net.sh("nva", "ip", "link", "set", "dev", "nva0", "xdp", "obj", str(target), "sec", "xdp")
    try:
        theirs = xdp_of(net)["prog"]["id"]
        refused = net.open(PORT, ready=False)
        assert refused.first["errno"] == 16 and "other" in refused.first["error"]
        assert "xdp off" in refused.first["error"]
        refused.quit()
        assert xdp_of(net)["prog"]["id"] == theirs
    finally:
        net.sh("nva", "ip", "link", "set", "dev", "nva0", "xdp", "off")


def test_queues_of_device_and_workers(net):
    """Two workers on a device with one channel; and a device with two queues that gets one reader."""
    tool = net.open(PORT + ",queues=2")
    assert tool.stats("wan")["queues"] == 1
    assert tool.quit() == 0
    net.sh("nva", "ip", "link", "add", "multi0", "numrxqueues", "2", "numtxqueues", "2", "type",
           "veth", "peer", "name", "multi1", "numrxqueues", "2", "numtxqueues", "2")

    def rx_queues():
        out = net.sh("nva", "ethtool", "-l", "multi0").stdout
        return out.split("Current")[1].split("RX:")[1].split()[0]
    try:
        net.sh("nva", "ethtool", "-L", "multi0", "rx", "2", "tx", "2")
        # The kernel wants a queue for each of the peer's: it refuses, and says why.
        refused = net.open("wan=af_xdp,iface=multi0", ready=False)
        assert "error" in refused.first and "wan" in refused.first["error"]
        assert "peer tx queues" in refused.proc.stderr.read()
        net.sh("nva", "ethtool", "-L", "multi1", "tx", "1")
        net.sh("nva", "ethtool", "-L", "multi0", "rx", "2")
        assert rx_queues() == "2"
        tool = net.open("wan=af_xdp,iface=multi0")
        assert rx_queues() == "1" and tool.stats("wan")["queues"] == 1
        assert tool.quit() == 0
    finally:
        net.sh("nva", "ip", "link", "del", "multi0")
