# SPDX-License-Identifier: BSD-3-Clause
"""One Azure region: a fabric that plays the VNets' SDN, virtual machines, two route-server instances.

Addresses: 10.A.B.C has the IPv6 twin fd00:10:A:B::C. Each NIC hangs on its own link of the fabric,
which answers with one MAC address as Azure does. Each NIC's effective routes are one kernel table of
the fabric, chosen by the link that a packet comes from; precedence within a prefix is the metric:
a UDR (1) beats what the route-server instances inject (20 by rs0, 21 by rs1), which beats a system
route (1000); across prefixes the longest wins. So the NVA's own packets meet the routes that the NVA
injected, and loop where they would in Azure.
"""
import ipaddress

from . import peers
from .net import Net, NetError, wait_for

FABRIC_MAC = "12:34:56:78:9a:bc"
UDR, SYSTEM = 1, 1000
INJECTED = {"rs0": 20, "rs1": 21}

VNETS = ("10.0", "10.1", "10.2")  # hub, spoke-a, spoke-b
TABLES = {"hub": 101, "nva": 102, "spoke-a": 103, "spoke-b": 104, "internet": 105}
# Which VNets a table reaches by itself: its own and the peered ones. Peering is not transitive.
REACH = {"hub": VNETS, "nva": VNETS, "spoke-a": ("10.0", "10.1"), "spoke-b": ("10.0", "10.2")}
# System routes with next hop None: private space that is no VNet's.
NONE_V4 = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")


class Nic:
    """A NIC on the fabric: node, interface, subnet "10.A.B" and host number."""

    def __init__(self, node, ifname, subnet, host, table):
        self.node, self.ifname, self.table = node, ifname, table
        self.fabric_if = "f-" + node + ("" if ifname == "eth0" else "-" + ifname)
        self.v4 = "%s.%d" % (subnet, host)
        self.gw4 = subnet + ".1"
        self.v6 = canonical("%s::%d" % (subnet6(subnet), host))
        self.gw6 = canonical(subnet6(subnet) + "::1")

    def addr(self, family):
        return self.v4 if family == 4 else self.v6

    def gw(self, family):
        return self.gw4 if family == 4 else self.gw6


def canonical(address):
    return str(ipaddress.IPv6Address(address))


def subnet6(subnet):
    if subnet.startswith("203.0.113"):
        return "2001:db8:203:113"
    a, b, c = subnet.split(".")
    return "fd00:%s:%s:%s" % (a, b, c)


def vnet6(vnet):
    return "fd00:%s::/48" % vnet.replace(".", ":")


NICS = {
    "rs0": Nic("rs0", "eth0", "10.0.0", 4, "hub"),
    "rs1": Nic("rs1", "eth0", "10.0.0", 5, "hub"),
    "nva": Nic("nva", "eth0", "10.0.1", 4, "nva"),
    "nva-eth1": Nic("nva", "eth1", "10.0.2", 4, "nva"),
    "nva2": Nic("nva2", "eth0", "10.0.1", 5, "nva"),
    "nva2-eth1": Nic("nva2", "eth1", "10.0.2", 5, "nva"),
    "er-gw": Nic("er-gw", "eth0", "10.0.3", 4, "hub"),
    "spoke-a": Nic("spoke-a", "eth0", "10.1.0", 4, "spoke-a"),
    "spoke-b": Nic("spoke-b", "eth0", "10.2.0", 4, "spoke-b"),
    "internet": Nic("internet", "eth0", "203.0.113", 10, "internet"),
}
# ECMP by source address, protocol and ports: the kernel's 5-tuple hash is the same in both directions,
# Azure's is not, and here each direction of a flow picks its own next hop.
MULTIPATH = ["net.ipv%d.fib_multipath_hash_%s" % (f, s) for f in (4, 6) for s in ("policy=3", "fields=53")]
ONPREM = {4: "192.168.0.4", 6: "fd00:192:168::4"}
ONPREM_GW = {4: "192.168.0.1", 6: "fd00:192:168::1"}
ONPREM_PREFIXES = {4: "192.168.0.0/16", 6: "fd00:192:168::/48"}


class Region(Net):
    """`nics` 2: an NVA has an eth1 as well, whose MTU is eth1_mtu. `nvas` 2: nva2 beside nva.
    `onprem`: er-gw and onprem too."""

    def __init__(self, prefix="nvlab-", nics=1, onprem=False, rs="bird", udr=True, eth1_mtu=1500, nvas=1, **kw):
        super().__init__(prefix, **kw)
        if nvas > 1 and rs != "bird":
            raise NetError("two NVAs need BIRD as route-server instances: all of their paths reach the fabric")
        self.n_nics, self.onprem, self.rs_kind, self.udr = nics, onprem, rs, udr
        self.eth1_mtu = eth1_mtu
        self.gateway_routes = ()  # what er-gw announces besides ONPREM_PREFIXES
        self.nva_routes = ()  # what the instances announce to the NVAs alone
        self.nvas = ["nva", "nva2"][:nvas]
        self.nics = {name: nic for name, nic in NICS.items()
                     if (nic.ifname != "eth1" or nics > 1) and (name != "er-gw" or onprem)
                     and (not nic.node.startswith("nva") or nic.node in self.nvas)}

    def nics_of(self, node):
        return [nic for nic in self.nics.values() if nic.node == node]

    def up(self):
        """Raises the region without the NVA's software. On failure takes everything down again."""
        if self.existing():
            raise NetError("a lab with the prefix %s exists: `scripts/lab down` first" % self.prefix)
        self.prepare()
        try:
            self._nodes()
            self._fabric()
            if self.onprem:
                self._onprem()
            for rs in ("rs0", "rs1"):
                self.start_sdn(rs)
                self.start_rs(rs)
            if self.onprem:
                peers.start_gateway(self)
        except BaseException:
            self.down(keep_files=True)
            raise

    # The plumbing ---------------------------------------------------------------------------
    def _nodes(self):
        nodes = ["fabric"] + sorted({nic.node for nic in self.nics.values()})
        for node in nodes + (["onprem"] if self.onprem else []):
            self.create(node)
        for name, nic in self.nics.items():
            mtu = self.eth1_mtu if name == "nva-eth1" else 1500
            self.link(nic.node, nic.ifname, "fabric", nic.fabric_if, mac_b=FABRIC_MAC, mtu=mtu)
            if nic.node in self.nvas:
                continue  # the NVA configures its own NICs
            self.batch(nic.node, ["addr add %s/24 dev %s" % (nic.v4, nic.ifname),
                                  "route add default via %s" % nic.gw4])
            self.batch(nic.node, ["addr add %s/64 dev %s nodad" % (nic.v6, nic.ifname),
                                  "route add default via %s" % nic.gw6], "-6")

    def _fabric(self):
        self.sysctl("fabric", "net.ipv4.conf.all.forwarding=1", "net.ipv6.conf.all.forwarding=1",
                    "net.ipv4.conf.all.accept_local=1",  # its ICMP errors come back by a translating NVA
                    *MULTIPATH,
                    *("net.ipv4.conf.%s.proxy_arp=1" % nic.fabric_if for nic in self.nics.values()))
        for family, flag, bits in ((4, "-4", 32), (6, "-6", 128)):
            lines = []
            for nic in self.nics.values():
                nodad = " nodad" if family == 6 else ""
                lines.append("addr add %s/%d dev %s%s" % (nic.gw(family), bits, nic.fabric_if, nodad))
                lines.append("route add %s/%d dev %s" % (nic.addr(family), bits, nic.fabric_if))
                lines.append("rule add iif %s lookup %d pref 1000" % (nic.fabric_if, TABLES[nic.table]))
            for rs in ("rs0", "rs1"):
                lines.append("addr add %s/%d dev lo" % (peers.SDN[rs][family], bits))
            lines.append("route add default via " + self.nics["internet"].addr(family))
            lines += self._tables(family)
            self.batch("fabric", lines, flag)

    def _tables(self, family):
        # `throw` leaves the table for main, which knows each NIC and the way to the Internet.
        nvas = " ".join("nexthop via " + self.nics[n].addr(family) for n in self.nvas)
        prefix = (lambda v: v + ".0.0/16") if family == 4 else vnet6
        for name, table in TABLES.items():
            t = "table %d metric" % table
            if name == "internet":
                # Replies return to the NIC that the flow left by, as through its public address; what the
                # NVAs did not translate returns by any of them.
                yield "route add throw %s %s %d" % (prefix("10.0"), t, SYSTEM)
                for v in VNETS[1:]:
                    yield "route add %s %s %d %s" % (prefix(v), t, SYSTEM, nvas)
                continue
            for v in REACH[name]:
                yield "route add throw %s %s %d" % (prefix(v), t, SYSTEM)
            for p in NONE_V4 if family == 4 else ():
                yield "route add blackhole %s %s %d" % (p, t, SYSTEM)
            yield "route add throw default %s %d" % (t, SYSTEM)
            if name == "nva" and self.udr:
                yield "route add throw default %s %d" % (t, UDR)

    def _onprem(self):
        self.link("er-gw", "eth1", "onprem", "eth0")
        self.sysctl("er-gw", "net.ipv4.conf.all.forwarding=1", "net.ipv6.conf.all.forwarding=1")
        for family, flag, bits, nodad in ((4, "-4", 24, ""), (6, "-6", 64, " nodad")):
            self.batch("er-gw", ["addr add %s/%d dev eth1%s" % (ONPREM_GW[family], bits, nodad),
                                 "route add %s via %s" % (ONPREM_PREFIXES[family], ONPREM[family])], flag)
            self.batch("onprem", ["addr add %s/%d dev eth0%s" % (ONPREM[family], bits, nodad),
                                  "route add default via " + ONPREM_GW[family]], flag)

    # The control plane ----------------------------------------------------------------------
    def start_rs(self, rs):
        peers.RS_KINDS[self.rs_kind](self, rs)

    def start_sdn(self, rs):
        peers.start_sdn(self, rs)

    def injected(self, table="spoke-a", family=4):
        """What the instances programmed: {prefix: {metric: next hop}}, "default" spelled as a prefix;
        several next hops as one string, sorted."""
        ret = {}
        out = self.ip("fabric", "-%d" % family, "route", "show", "table", str(TABLES[table]), "proto", "bird")
        for line in out.replace("\n\t", " ").splitlines():  # next hops are lines of their own
            w = line.split()
            prefix = {"default": {4: "0.0.0.0/0", 6: "::/0"}[family]}.get(w[0], w[0])
            if "via" in w and "metric" in w:
                via = sorted(b for a, b in zip(w, w[1:]) if a == "via")
                ret.setdefault(prefix, {})[int(w[w.index("metric") + 1])] = " ".join(via)
        return ret

    def injected_by(self, prefix, table="spoke-a", next_hop=None):
        """Names of the instances that programmed a prefix (towards next_hop)."""
        routes = self.injected(table, 6 if ":" in prefix else 4).get(prefix, {})
        return {rs for rs, metric in INJECTED.items()
                if metric in routes and next_hop in (None, routes[metric])}

    def wait_injected(self, prefix, instances=("rs0", "rs1"), table="spoke-a", timeout=30.0, **kw):
        wait_for("%s in the fabric's table of %s by %s" % (prefix, table, " and ".join(instances) or "none"),
                 lambda: self.injected_by(prefix, table, **kw) == set(instances), timeout)

    # What a virtual machine sees ------------------------------------------------------------
    def ping(self, node, address, count=3, size=None, df=False, timeout=2):
        """Packets answered of `count`; and ping's output."""
        argv = ["ping", "-n", "-i", "0.2", "-c", str(count), "-W", str(timeout)]
        argv += ["-s", str(size)] if size is not None else []
        argv += ["-M", "do"] if df else []
        out = self.run(node, *argv, address)
        answered = sum("bytes from" in line for line in out.stdout.splitlines())
        return answered, out.stdout + out.stderr

    def traceroute(self, node, address):
        """Addresses of the hops, None for one that was silent."""
        out = self.run(node, "traceroute", "-n", "-q", "1", "-w", "2", "-m", "10", address, timeout=90)
        hops = [line.split()[1] for line in out.stdout.splitlines()[1:] if len(line.split()) > 1]
        return [None if h == "*" else h for h in hops]
