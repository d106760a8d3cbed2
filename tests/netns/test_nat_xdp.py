# SPDX-License-Identifier: BSD-3-Clause
"""Translation on af_xdp ports, whose addresses are the kernel's: nvad and the kernel share one address by
its ports, and nvad alone answers for another. lan1 is inside, lan2 outside; both families."""
import socket

import pytest
from lan import Lan
from nat_apps import TcpEcho, UdpEcho, ask, echoes, icmp_errors, line, tcp, udp
from nvlab.net import wait_for

families = pytest.mark.parametrize("family", [4, 6])
OWN = {4: "10.9.2.4", 6: "fd00:10:9:2::4"}
EXTRA = {4: "10.9.2.77", 6: "fd00:10:9:2::77"}


class XdpLan(Lan):
    def up(self):
        super().up()
        for nic in self.nics.values():  # as an administrator of af_xdp ports does
            self.ip("nva", "addr", "add", nic.v4 + "/24", "dev", nic.ifname)
            self.ip("nva", "addr", "add", nic.v6 + "/64", "dev", nic.ifname, "nodad")
        return self

    def config(self, **kw):
        text = super().config(**kw).replace("kind: af_packet", "kind: af_xdp")
        text += "nat:\n  pools:\n"
        for f in (4, 6):
            text += "    - {name: own%d, addresses: ['%s'], ports: 1024-32767}\n" % (f, OWN[f])
            text += "    - {name: extra%d, addresses: ['%s']}\n" % (f, EXTRA[f])
        text += "  snat:\n"
        for f in (4, 6):
            text += "    - {name: udp%d, ingress: lan1, protocols: udp, pool: extra%d}\n" % (f, f)
            text += "    - {name: rest%d, ingress: lan1, pool: own%d}\n" % (f, f)
        text += "  dnat:\n"
        for f in (4, 6):
            to = "'%s:80'" % (self.addr("lan1", f) if f == 4 else "[%s]" % self.addr("lan1", f))
            text += ("    - {name: web%d, ingress: lan2, destination: '%s', destination_ports: 40000, "
                     "protocols: tcp, to: %s}\n" % (f, OWN[f], to))
        return text


@pytest.fixture(scope="module")
def net(make_net):
    n = make_net(XdpLan)
    n.up()
    return n


@pytest.fixture(scope="module")
def nvad(net):
    n = net.start_nvad()
    yield n
    n.stop()


def of_class(nvad, name, where="lan2"):
    row, = [r for r in nvad.show("xdp") if (r["interface"], r["class"]) == (where, name)]
    return row["kernel_packets"], row["socket_packets"]


@families
def test_answers_to_the_own_address_come_back(net, nvad, family):
    server = net.addr("lan2", family)
    with TcpEcho(net, "lan2", server, 7000):
        for _ in range(5):  # high source ports that the pool lacks: each time another one
            with tcp(net, "lan1", server, 7000) as s:
                address, port = line(s).split()
                assert address == OWN[family] and 1024 <= int(port) <= 32767
                assert echoes(s, b"x" * 100000)
    before = of_class(nvad, "nat")[1]
    assert net.run("lan1", "ping", "-c3", "-i0.2", "-W2", server).returncode == 0
    assert of_class(nvad, "nat")[1] - before == 3


@families
def test_an_address_that_the_kernel_lacks_is_answered_for(net, nvad, family):
    server = net.addr("lan2", family)
    with UdpEcho(net, "lan2", server, 7001) as echo, udp(net, "lan1", server, 7001) as s:
        net.ip("lan2", "neigh", "flush", "dev", "eth0")
        assert ask(s)[0] == EXTRA[family]
        assert ask(s, b"y" * 4000)[0] == EXTRA[family]  # fragments, both ways
        assert len(echo.seen) == 2
    nvad_mac = net.mac_of_nvad(nvad, "lan2")
    known = net.exec("lan2", "ip", "neigh", "show", EXTRA[family])
    assert nvad_mac.lower() in known.lower(), known


@families
def test_errors_find_the_inside(net, nvad, family):
    """A closed port: ICMP for UDP, by the extra address; and TTL exceeded of the router behind for TCP,
    which comes to the kernel's address and is nvad's by the packet inside."""
    server = net.addr("lan2", family)
    with udp(net, "lan1", server, 9) as s:
        with pytest.raises(ConnectionRefusedError):
            s.send(b"x")
            s.recv(1)
        s.settimeout(0)
        assert icmp_errors(s) in ([(3, 3)], [(1, 4)])
    before = of_class(nvad, "nat")[1]
    table = "inet nvlab_reject"
    net.exec("lan2", "nft", "add table %s; add chain %s in { type filter hook input priority 0; }; "
             "add rule %s in tcp dport 7002 reject with icmpx type host-unreachable" % (table, table, table))
    try:
        with pytest.raises(OSError) as e:
            tcp(net, "lan1", server, 7002, timeout=3)
        assert e.value.errno in (socket.errno.EHOSTUNREACH, socket.errno.EACCES), e.value
    finally:
        net.exec("lan2", "nft", "delete table " + table)
    assert of_class(nvad, "nat")[1] > before


@families
def test_from_outside_to_a_server(net, nvad, family):
    with TcpEcho(net, "lan1", net.addr("lan1", family), 80), tcp(net, "lan2", OWN[family], 40000) as s:
        assert line(s).split()[0] == net.addr("lan2", family)
        assert echoes(s, b"x" * 100000)


@families
def test_the_kernel_keeps_its_own(net, nvad, family):
    """The same address: a server of the kernel's, a connection of its own, BGP's port, and ping."""
    outside = net.addr("lan2", family)
    local = of_class(nvad, "local")[0]
    with TcpEcho(net, "nva", OWN[family], 50000), tcp(net, "lan2", OWN[family], 50000) as s:
        assert line(s).split()[0] == outside
        assert echoes(s, b"x" * 100000)
    with TcpEcho(net, "lan2", outside, 7003), tcp(net, "nva", outside, 7003) as s:
        address, port = line(s).split()
        assert address == OWN[family] and int(port) >= 32768
        assert echoes(s, b"x" * 100000)
    assert of_class(nvad, "local")[0] - local >= 20
    with TcpEcho(net, "nva", OWN[family], 179), tcp(net, "lan2", OWN[family], 179, sport=20000) as s:
        assert line(s).split() == [outside, "20000"]
    with TcpEcho(net, "lan2", outside, 179), tcp(net, "nva", outside, 179, sport=20001) as s:
        assert line(s).split() == [OWN[family], "20001"]  # from a port of the pool's
    assert net.run("lan2", "ping", "-c2", "-i0.2", "-W2", OWN[family]).returncode == 0


def test_new_rules_move_the_line(net, nvad):
    """Reload: the DNAT port goes back to the kernel, another comes."""
    with TcpEcho(net, "nva", OWN[4], 40000), TcpEcho(net, "lan1", net.addr("lan1", 4), 80):
        with tcp(net, "lan2", OWN[4], 40000) as s:
            assert line(s).split()[0] == net.addr("lan2", 4)
            assert nvad.show("flows", "port", "40000")
        text = nvad.config.replace("destination_ports: 40000", "destination_ports: 40001").replace(EXTRA[4], "10.9.2.78")
        with open(net.path("nvad.yaml"), "w") as f:
            f.write(text)
        nvad.ctl("reload")
        wait_for("the kernel's server", lambda: kernel_answers(net), 5)
        with tcp(net, "lan2", OWN[4], 40001) as s:
            assert line(s).split()[0] == net.addr("lan2", 4)
    with UdpEcho(net, "lan2", net.addr("lan2", 4), 7004), udp(net, "lan1", net.addr("lan2", 4), 7004) as s:
        assert ask(s)[0] == "10.9.2.78"
    net.ip("lan2", "neigh", "flush", "dev", "eth0")
    assert net.run("lan2", "ping", "-c1", "-W1", EXTRA[4]).returncode != 0
    assert "lladdr" not in net.exec("lan2", "ip", "neigh", "show", EXTRA[4])


def kernel_answers(net):
    with tcp(net, "lan2", OWN[4], 40000) as s:
        return line(s).split()[0] == net.addr("lan2", 4) and net.run(
            "nva", "ss", "-Htn", "state", "established", "sport", "= :40000").stdout != ""
