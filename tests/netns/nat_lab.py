# SPDX-License-Identifier: BSD-3-Clause
"""The region that the tests of translation share: an NVA with an inside and an outside NIC.

    spoke-a -> Internet       the outside NIC's address, ports for each destination anew
    spoke-b -> Internet       EIM, endpoint-independent; spoke-a -> SERVICE as well
    spokes  -> TINY           POOL, eight ports
    Internet -> outside 8080  spoke-a 80, with SNAT to the inside NIC's address; 8081: spoke-a 81 without;
                              8443: both spokes' 443; 9000-9003: spoke-b 7000-7003
    Internet -> ONE           spoke-b, every protocol and port
"""
from nvlab import nat
from nvlab.net import wait_for
from nvlab.nva import Linux, Nvad

INTERNET = {4: "203.0.113.10", 6: "2001:db8:203:113::10"}
SERVICE = {4: "198.51.100.10", 6: "2001:db8:198::10"}
SERVICE_PREFIX = {4: "198.51.100.0/24", 6: "2001:db8:198::/48"}
TINY = {4: "203.0.113.20", 6: "2001:db8:203:113::20"}
OUTSIDE = {4: "10.0.2.4", 6: "fd00:10:0:2::4"}
INSIDE = {4: "10.0.1.4", 6: "fd00:10:0:1::4"}
POOL = {4: "10.0.2.40", 6: "fd00:10:0:2::40"}
ONE = {4: "10.0.2.42", 6: "fd00:10:0:2::42"}
EIM = {4: "10.0.2.41", 6: "fd00:10:0:2::41"}
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
FLOWS = {"max_sessions": 8192,
         "timeouts": {"tcp_opening": "5s", "tcp_established": "6s", "tcp_closing": "3s", "tcp_reset": "2s",
                      "udp": "3s", "udp_new": "3s", "icmp": "3s"}}
TINY_PORTS = "20000-20007"
# The kernel with nftables first: what fails there is the lab.
KINDS = ["linux", "nvad"]


def host(address):
    return "%s/%d" % (address, 128 if ":" in address else 32)


def policy(region, tiny_ports=TINY_PORTS):
    out = nat.egress(region)
    for f in (4, 6):
        a, b = region.nics["spoke-a"].addr(f), region.nics["spoke-b"].addr(f)
        egress = next(i for i, r in enumerate(out["snat"]) if r["name"] == "egress%d" % f)
        out["snat"][egress:egress] = [
            {"name": "tiny%d" % f, "ingress": ["eth0"], "destination": [host(TINY[f])], "pool": "tiny%d" % f},
            {"name": "eim%d" % f, "ingress": ["eth0"], "source": [host(b)], "pool": "eim%d" % f,
             "mapping": "endpoint-independent"},
            {"name": "service%d" % f, "ingress": ["eth0"], "source": [host(a)], "destination": [SERVICE_PREFIX[f]],
             "pool": "eim%d" % f, "mapping": "endpoint-independent"}]
        out["pools"] += [{"name": "tiny%d" % f, "addresses": [POOL[f]], "ports": tiny_ports},
                         {"name": "eim%d" % f, "addresses": [EIM[f]]}]

        def to(address, port, family=f):
            return "%s:%d" % (address if family == 4 else "[%s]" % address, port)
        rule = {"destination": OUTSIDE[f], "protocols": ["tcp"]}
        out["dnat"] += [
            {"name": "plain%d" % f, "destination_ports": 8081, "to": [to(a, 81)], **rule},
            {"name": "pair%d" % f, "destination_ports": 8443, "to": [to(a, 443), to(b, 443)],
             "snat": "inside%d" % f, **rule},
            {"name": "range%d" % f, "destination_ports": "9000-9003", "to": [to(b, 7000)],
             "snat": "inside%d" % f, **rule},
            {"name": "one%d" % f, "destination": ONE[f], "to": [b]}]
    return out


def prepare(region):
    """The Internet's and the fabric's addresses beyond the lab's own."""
    for f in (4, 6):
        nodad = ["nodad"] if f == 6 else []
        for address in (SERVICE[f], TINY[f]):
            region.ip("internet", "addr", "add", host(address), "dev", "lo", *nodad)
        for address in (POOL[f], EIM[f], ONE[f]):
            region.ip("fabric", "route", "add", host(address), "dev", "f-nva-eth1")
    return region


def start(region, kind, **kw):
    """An NVA of the kind with the policy, once it forwards."""
    kw = {"nat": policy(region), "flows": FLOWS, **kw}
    nva = {"nvad": Nvad, "linux": Linux}[kind](region, **kw).start()
    for f in (4, 6):
        region.wait_injected(DEFAULT[f], next_hop=region.nics["nva"].addr(f))
        for spoke in ("spoke-a", "spoke-b"):
            wait_for("the NVA to forward", lambda s=spoke, fam=f: region.ping(s, INTERNET[fam], 1)[0], 20)
    nva.is_nvad = kind == "nvad"
    nva.dropped_at_start = nva.drops() if nva.is_nvad else {}  # before it had learned the spokes' routes
    return nva

