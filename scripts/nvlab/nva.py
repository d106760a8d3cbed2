# SPDX-License-Identifier: BSD-3-Clause
"""The NVA of a region: nvad, or BIRD with kernel forwarding as a stand-in to compare with."""
import collections
import json
import os
import signal
import subprocess

from . import nat as nat_text
from . import peers
from .net import NetError, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("NVAD_BUILD", os.path.join(ROOT, "build"))
NO_ADVERTISE = "65535:65282"
# Announced to both instances: the default routes, and supersets of the region's VNets, which beat
# the system route "10.0.0.0/8 None" of every NIC.
SUPERSETS = {4: "10.0.0.0/8", 6: "fd00:10::/32"}
EXPORTS = ("0.0.0.0/0", "::/0", SUPERSETS[4], SUPERSETS[6])


def default_config(region, kind="af_packet", neighbours=False, exports=EXPORTS, workers=1, huge_pages="auto",
                   memory_mb=512, peers_up=("rs0", "rs1"), extra_ports="", routes=None, eth1_mtu=None, node="nva",
                   name="nvad", stateful=False, prepend=0, nat=None, flows=None):
    """The YAML that nvad runs with in this region. `nat`, `flows`: of those sections (nvlab/nat.py)."""
    out = "system:\n  workers: %d\n  poll: adaptive\n  huge_pages: %s\n  memory_mb: %d\n  socket: %s\n" % (
        workers, huge_pages, memory_mb, region.path(name + ".sock"))
    out += "ports:\n"
    nics = region.nics_of(node)
    for nic in nics:
        mtu = eth1_mtu or region.eth1_mtu if nic.ifname == "eth1" else 1500
        out += "  - name: %s\n    device: {kind: %s, interface: %s}\n    mtu: %d\n" % (
            nic.ifname, kind, nic.ifname, mtu)
        out += "    addresses: [%s/24, \"%s/64\"]\n" % (nic.v4, nic.v6)
        out += "    stateful: true\n" if stateful else ""
        if neighbours:
            out += "    neighbours:\n" + "".join(
                "      - {address: \"%s\", mac: \"12:34:56:78:9a:bc\"}\n" % gw for gw in (nic.gw4, nic.gw6))
    out += extra_ports
    # The peers are behind eth0; the way out is the last NIC.
    out += "underlay:\n  routes:\n"
    for f, p in ((4, "0.0.0.0/0"), (6, "::/0")):
        out += "    - {prefix: \"%s\", via: \"%s\"}\n" % (p, nics[0].gw(f))
    out += "routes:\n"
    if routes is None:
        for f, p in ((4, "0.0.0.0/0"), (6, "::/0")):
            out += "  - {prefix: \"%s\", via: \"%s\"}\n" % (p, nics[-1].gw(f))
            out += "  - {prefix: \"%s\", discard: true}\n" % SUPERSETS[f]
    else:
        out += routes
    out += "bgp:\n  as: %d\n  router_id: %s\n  peers:\n" % (peers.AS_NVA, nics[0].v4)
    for rs in peers_up:
        out += "    - name: %s\n      address: %s\n      as: %d\n      multihop: true\n      hold_time: %ds\n" % (
            rs, region.nics[rs].v4, peers.AS_RS, peers.HOLD_S)
        out += "      next_hop_v6: \"%s\"\n      export:\n" % nics[0].v6
        out += "".join("        - {prefix: \"%s\", communities: [\"%s\"]%s}\n" % (
            p, NO_ADVERTISE, ", prepend: %d" % prepend if prepend else "") for p in exports)
    return out + nat_text.yaml(nat, flows)


class Nvad:
    """nvad in the region's NVA namespace. `config` is the text of its file."""

    def __init__(self, region, config=None, node="nva", name=None, **kw):
        name = name or node.replace("nva", "nvad")  # nvad, nvad2
        self.net, self.node, self.name = region, node, name
        self.config = config if config is not None else default_config(region, node=node, name=name, **kw)
        self.socket = region.path(name + ".sock")

    def start(self, wait=True):
        path = peers.write(self.net, self.name + ".yaml", self.config)
        if not os.access(os.path.join(BUILD, "app/nvad/nvad"), os.X_OK):
            raise NetError("no nvad in %s: run scripts/setup first" % BUILD)
        # A kernel-owned NIC (af_xdp) has its addresses in the kernel; DPDK's own must have none there.
        for nic in self.net.nics.values():
            if nic.node == self.node and nic.table == "nva":
                self._kernel_nic(nic)
        # DPDK finds the namespace's devices in its own /sys.
        self.net.spawn(self.node, self.name, [os.path.join(ROOT, "scripts/nvlab/netns-exec"), self.net.ns(self.node),
                                              os.path.join(BUILD, "app/nvad/nvad"), "-c", path], raw=True)
        if wait:
            try:
                wait_for("nvad's socket", self._answers, 30)
            except NetError as e:
                raise NetError("%s\n%s" % (e, self.net.log(self.name, 20)))
        return self

    def _kernel_nic(self, nic):
        net = self.net
        if "kind: af_xdp" not in self.config:
            # Two stacks on one wire: nvad alone answers.
            net.ip(nic.node, "-4", "addr", "flush", "dev", nic.ifname)
            net.sysctl(nic.node, "net.ipv6.conf.%s.disable_ipv6=1" % nic.ifname)
            return
        net.sysctl(nic.node, "net.ipv6.conf.%s.disable_ipv6=0" % nic.ifname)
        for f, bits in ((4, 24), (6, 64)):
            net.ip(nic.node, "addr", "replace", "%s/%d" % (nic.addr(f), bits), "dev", nic.ifname,
                   *(["nodad"] if f == 6 else []))
            if nic.ifname == "eth0":
                net.ip(nic.node, "-%d" % f, "route", "replace", "default", "via", nic.gw(f))

    def _answers(self):
        if not self.net.alive(self.name):
            raise NetError("nvad ended")
        return os.path.exists(self.socket) and self.ctl("show", "version", check=False).returncode == 0

    def ctl(self, *words, json_out=True, check=True, timeout=10):
        argv = [os.path.join(BUILD, "app/nvactl/nvactl"), "--socket", self.socket]
        p = subprocess.run(argv + (["--json"] if json_out else []) + list(words), stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        if check and p.returncode:
            raise NetError("nvactl %s: exit status %d: %s%s" % (" ".join(words), p.returncode, p.stderr, p.stdout))
        return p

    def reload(self, config):
        """Writes another configuration and has nvad take it."""
        self.config = config
        peers.write(self.net, self.name + ".yaml", config)
        self.ctl("reload")

    def show(self, *words):
        """Rows of a show command."""
        return json.loads(self.ctl("show", *words).stdout)["rows"]

    def drops(self):
        """{reason: packets}; 0 for what never happened."""
        return collections.Counter({r["reason"]: r["packets"] for r in self.show("drops")})

    def fib(self, address):
        """Where a packet to an address goes: the row of `show fib lookup`."""
        return self.show("fib", "lookup", address)[0]

    def established(self):
        return {r["peer"] for r in self.show("bgp", "summary") if r["state"] == "Established"}

    def wait_established(self, names=("rs0", "rs1"), timeout=30):
        wait_for("BGP sessions with " + ", ".join(names), lambda: set(names) <= self.established(), timeout)

    def routes(self):
        return self.show("route")

    def wait_route(self, prefix, present=True, timeout=20, **match):
        def found():
            return any(r["prefix"] == prefix and all(r.get(k) == v for k, v in match.items())
                       for r in self.routes()) == present
        wait_for("%s %s nvad's table" % (prefix, "in" if present else "gone from"), found, timeout)

    def stop(self, sig=signal.SIGTERM, timeout=15):
        """Ends nvad; returns its exit status (negative: signal)."""
        return self.net.kill(self.name, sig, timeout)

    def alive(self):
        return self.net.alive(self.name)

    def log(self, lines=0):
        return self.net.log(self.name, lines)


class Linux:
    """The stand-in: BIRD and the kernel do what nvad does, with the same routes, and nftables what its
    NAT rules say. Without `nat` or `stateful` the kernel tracks no connection."""

    def __init__(self, region, node="nva", nat=None, prepend=0, flows=None, stateful=False, **_):
        self.net, self.node, self.name = region, node, node + "-bird"
        self.nat, self.prepend, self.flows, self.stateful = nat, prepend, flows, stateful

    def start(self):
        net, node = self.net, self.node
        nics = net.nics_of(node)
        net.sysctl(node, "net.ipv4.conf.all.forwarding=1", "net.ipv6.conf.all.forwarding=1")
        for nic in nics:
            net.sysctl(node, "net.ipv6.conf.%s.disable_ipv6=0" % nic.ifname)
            net.ip(node, "addr", "replace", nic.v4 + "/24", "dev", nic.ifname)
            net.ip(node, "addr", "replace", nic.v6 + "/64", "dev", nic.ifname, "nodad")
        if self.nat is not None or self.stateful:
            rules = nat_text.nft(self.nat or {}) + (nat_text.NFT_STATEFUL if self.stateful else "")
            net.exec(node, "nft", "-f", "-", input="flush ruleset\n" + rules)
            net.sysctl(node, *nat_text.conntrack_sysctls(self.flows or {}))
            for address in nat_text.addresses(self.nat or {}):  # more addresses of the NIC's
                net.ip(node, "addr", "replace", address, "dev", nics[-1].ifname,
                       *(["nodad"] if ":" in address else []))
        conf = peers.HEAD % {"rid": nics[0].v4}
        for f, prefix in ((4, "0.0.0.0/0"), (6, "::/0")):
            net.ip(node, "-%d" % f, "route", "replace", "default", "via", nics[-1].gw(f))
            for rs in ("rs0", "rs1"):  # the poor man's underlay: learned routes cover the instances
                net.ip(node, "route", "replace", net.nics[rs].addr(f), "via", nics[0].gw(f))
            conf += """
ipv%(f)d table igp%(f)d;
protocol static { ipv%(f)d { table igp%(f)d; }; route %(all)s via %(gw)s; }
protocol static origin%(f)d { ipv%(f)d { import filter { bgp_community.add((65535, 65282)); %(prepend)saccept; }; };
	route %(all)s unreachable; route %(superset)s unreachable; }
protocol kernel { ipv%(f)d { import none; export where net != %(all)s; }; metric 20; }
""" % {"f": f, "all": prefix, "gw": nics[0].gw(f), "superset": SUPERSETS[f],
            "prepend": "bgp_path.prepend(%d); " % peers.AS_NVA * self.prepend}
        conf += peers.sessions_to_instances(net, nics[0], peers.AS_NVA, "\tinterpret communities off;\n")
        peers.start_bird(net, node, self.name, conf)
        return self

    def stop(self, sig=signal.SIGTERM, timeout=15):
        status = self.net.kill(self.name, sig, timeout)
        self.net.exec(self.node, "nft", "flush", "ruleset")
        return status

    def alive(self):
        return self.net.alive(self.name)

    def log(self, lines=0):
        return self.net.log(self.name, lines)


KINDS = {"nvad": Nvad, "linux": Linux}
