# SPDX-License-Identifier: BSD-3-Clause
"""Two translators in namespaces of the same shape, nvad and the kernel with nftables, with the same rules,
addresses and MACs: what one packet makes of each, field by field.

    inside hosts 10.1.0.0/16 -- 10.9.1.10 -- [in0 10.9.1.4   out0 10.9.2.4] -- 10.9.2.10 -- all others

Hosts are no more than packet sockets on the other ends of the links.
"""
import re
import select
import struct
import time

from nvlab import nat as nat_text
from nvlab import nva
from nvlab.net import Net, NetError
from scapy.all import IP, UDP, IPv6, NoPayload, Padding, Raw

SIDES = ("in", "out")
MTU = {"in": 1500, "out": 1400}
DUT_MAC = {"in": "02:00:00:00:01:01", "out": "02:00:00:00:01:02"}
HOST_MAC = {"in": "02:00:00:00:02:01", "out": "02:00:00:00:02:02"}
PORTS = {"in": ("in0", "10.9.1", "fd00:9:1::"), "out": ("out0", "10.9.2", "fd00:9:2::")}
INSIDE = {4: "10.1.0.0/16", 6: "2001:db8:1::/48"}
POLICY = {
    "pools": [{"name": "egress4", "addresses": ["198.51.100.4"]},
              {"name": "inner4", "addresses": ["198.51.100.50"]},
              {"name": "egress6", "addresses": ["2001:db8:64::4"]}],
    "snat": [{"name": "exempt4", "ingress": ["in0"], "source": [INSIDE[4]], "destination": ["10.2.0.0/16"],
              "exempt": True},
             {"name": "egress4", "ingress": ["in0"], "source": [INSIDE[4]], "pool": "egress4"},
             {"name": "egress6", "ingress": ["in0"], "source": [INSIDE[6]], "pool": "egress6"}],
    "dnat": [{"name": "web4", "destination": "198.51.100.5", "destination_ports": 80, "protocols": ["tcp"],
              "to": ["10.1.0.10:8080"]},
             {"name": "dns4", "destination": "198.51.100.5", "destination_ports": 5300, "protocols": ["udp"],
              "to": ["10.1.0.10:5399"]},
             {"name": "both4", "destination": "198.51.100.6", "destination_ports": 80, "protocols": ["tcp"],
              "to": ["10.1.0.11:80"], "snat": "inner4"},
             {"name": "dns6", "destination": "2001:db8:64::5", "destination_ports": 5300, "protocols": ["udp"],
              "to": ["[2001:db8:1::10]:5399"]}]}
FLOWS = {"max_sessions": 8192, "tcp_midflow": "drop"}
# Nobody's addresses but the translators'. nvad knows them from its rules.
NAT_PREFIXES = {4: "198.51.100.0/24", 6: "2001:db8:64::/48"}


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


class Twins(Net):
    """Both translators; Twin objects in .twins by name."""

    def up(self):
        self.prepare()
        self.nics = {}
        self.twins = {}
        for name in ("nvad", "kernel"):
            self.create(name)
            self.create("w-" + name)
            for side, (ifname, _, _) in PORTS.items():
                self.link(name, ifname, "w-" + name, side, mac_a=DUT_MAC[side], mac_b=HOST_MAC[side])
                self.sysctl("w-" + name, "net.ipv6.conf.%s.disable_ipv6=1" % side)
                self.exec("w-" + name, "ip", "link", "set", side, "arp", "off")
            self.twins[name] = Twin(self, "w-" + name)
        self.start_kernel()
        self.start_nvad()
        for twin in self.twins.values():
            twin.wait_ready()
        return self

    def start_nvad(self):
        conf = "system:\n  workers: 1\n  memory_mb: 512\n  socket: %s\nports:\n" % self.path("nvad.sock")
        routes = "routes:\n"
        for side, (ifname, v4, v6) in PORTS.items():
            self.sysctl("nvad", "net.ipv6.conf.%s.disable_ipv6=1" % ifname)
            conf += "  - name: %s\n    device: {kind: af_packet, interface: %s}\n    mtu: %d\n" % (
                ifname, ifname, MTU[side])
            conf += '    addresses: [%s.4/24, "%s4/64"]\n    neighbours:\n' % (v4, v6)
            for address in (v4 + ".10", v6 + "10"):
                conf += '      - {address: "%s", mac: "%s"}\n' % (address, HOST_MAC[side])
        for prefix, via in ROUTES:
            routes += '  - {prefix: "%s", via: "%s"}\n' % (prefix, via)
        self.nvad = nva.Nvad(self, conf + routes + nat_text.yaml(POLICY, FLOWS), node="nvad", name="nvad").start()

    def start_kernel(self):
        self.sysctl("kernel", "net.ipv4.conf.all.forwarding=1", "net.ipv6.conf.all.forwarding=1")
        for side, (ifname, v4, v6) in PORTS.items():
            self.ip("kernel", "link", "set", ifname, "mtu", str(MTU[side]))
            self.batch("kernel", ["addr add %s.4/24 dev %s" % (v4, ifname),
                                  "neigh add %s.10 lladdr %s dev %s" % (v4, HOST_MAC[side], ifname)])
            self.batch("kernel", ["addr add %s4/64 dev %s nodad" % (v6, ifname),
                                  "neigh add %s10 lladdr %s dev %s" % (v6, HOST_MAC[side], ifname)], "-6")
        for prefix, via in ROUTES:
            self.ip("kernel", "-6" if ":" in prefix else "-4", "route", "add", prefix, "via", via)
        for f, prefix in NAT_PREFIXES.items():
            self.ip("kernel", "-%d" % f, "route", "add", "blackhole", prefix)
        self.exec("kernel", "nft", "-f", "-", input="flush ruleset\n" + nat_text.nft(POLICY))
        self.sysctl("kernel", *nat_text.conntrack_sysctls(FLOWS))


ROUTES = [("10.1.0.0/16", "10.9.1.10"), ("0.0.0.0/0", "10.9.2.10"),
          ("2001:db8:1::/48", "fd00:9:1::10"), ("::/0", "fd00:9:2::10")]


class Twin:
    """The wires of one translator. A packet is followed by a sentinel, which nobody translates: what has
    not come out when that has, does not come."""

    def __init__(self, net, node):
        self.socks = {side: net.frames(node, side) for side in SIDES}
        self.serial = 0

    def _send(self, side, ip):
        ethertype = 0x0800 if ip[0] >> 4 == 4 else 0x86dd
        self.socks[side].send(mac(DUT_MAC[side]) + mac(HOST_MAC[side]) + struct.pack("!H", ethertype) + ip)

    def _sentinel(self, side):
        self.serial += 1
        ends = ("10.1.0.99", "10.2.0.99") if side == "in" else ("10.2.0.99", "10.1.0.99")
        payload = b"sentinel%d" % self.serial
        self._send(side, bytes(IP(src=ends[0], dst=ends[1]) / UDP(sport=9, dport=9) / Raw(payload)))
        return payload

    def _receive(self, timeout):
        ready, _, _ = select.select(list(self.socks.values()), [], [], timeout)
        for sock in ready:
            side = next(s for s in SIDES if self.socks[s] is sock)
            frame = sock.recv(65535)
            if frame[:6] == mac(HOST_MAC[side]) and frame[6:12] == mac(DUT_MAC[side]):
                yield side, frame[14:], struct.unpack("!H", frame[12:14])[0]

    def collect(self, sentinel=None, timeout=10.0, grace=0.02):
        """Packets that come out till the sentinel does, and what is on its way then."""
        out, deadline = [], time.monotonic() + timeout
        while time.monotonic() < deadline:
            for side, data, ethertype in self._receive(max(0, deadline - time.monotonic())):
                if sentinel is not None and sentinel in data:
                    sentinel, deadline = None, time.monotonic() + grace
                elif ethertype in (0x0800, 0x86dd) and b"sentinel" not in data and not is_nd(data):
                    out.append((side, data))
        if sentinel is not None:
            raise NetError("the sentinel did not come through")
        return sorted(out, key=lambda o: o[0])  # of each side in its order

    def exchange(self, side, packets):
        for p in packets:
            self._send(side, p)
        return self.collect(self._sentinel(side))

    def wait_ready(self):
        for side in SIDES:
            for _ in range(40):
                try:
                    self.collect(self._sentinel(side), 0.5)
                    break
                except NetError:
                    pass
            else:
                raise NetError("no way through")


def is_nd(data):
    """What IPv6 neighbours and listeners tell each other."""
    return data[0] >> 4 == 6 and (data[8:10] == b"\xfe\x80" or data[24] == 0xff)


# Comparison -------------------------------------------------------------------------------------
def parse(data):
    return IP(data) if data[0] >> 4 == 4 else IPv6(data)


def describe(data):
    """A packet in a few words: ends, upper layer, and of an ICMP error who is inside."""
    p = parse(data)
    out = "%s > %s" % (p.src, p.dst)
    while not isinstance(p.payload, NoPayload):
        p = p.payload
        if isinstance(p, (Raw, Padding)):
            break
        name = p.__class__.__name__
        if name in ("IPerror", "IPerror6"):
            out += " [%s > %s" % (p.src, p.dst)
        elif name in ("TCP", "UDP", "TCPerror", "UDPerror"):
            out += " %s %s>%s" % (name[:3], p.sport, p.dport)
        elif name == "ICMP":
            out += " ICMP %d/%d" % (p.type, p.code)
        else:
            out += " " + name
    return out + ("]" if "[" in out else "")


def fields(data):
    """{layer.field: value} of all layers."""
    p, out, depth = parse(data), {}, 0
    while not isinstance(p, NoPayload):
        for f in p.fields_desc:
            out["%d %s.%s" % (depth, p.__class__.__name__, f.name)] = repr(p.getfieldval(f.name))
        if p.__class__.__name__ in ("TCP", "UDP"):  # not what scapy makes of a port that it knows
            out["payload"] = bytes(p.payload)
            break
        p, depth = p.payload, depth + 1
    return out


def compare(nvad, kernel):
    """Differences between two lists of (side, packet): [(in brief, in full)]. In brief: which fields
    differ, or what came out where it is not the same number of packets; without ports."""
    def text(outputs):
        return " + ".join("%s %s" % (s, describe(d)) for s, d in outputs) or "nothing"
    if [s for s, _ in nvad] != [s for s, _ in kernel]:
        full = "nvad: %s; kernel: %s" % (text(nvad), text(kernel))
        return [(re.sub(r" \d+>\d+", "", full), full)]
    out = []
    for (_, a), (_, b) in zip(nvad, kernel):
        fa, fb = fields(a), fields(b)
        different = [k for k in sorted(set(fa) | set(fb)) if fa.get(k) != fb.get(k)]
        if different:
            values = ", ".join("%s %s/%s" % (k, fa.get(k), fb.get(k)) for k in different)
            out.append(("fields: " + ", ".join(different),
                        "nvad: %s; kernel: %s; %s" % (describe(a), describe(b), values)))
    return out
