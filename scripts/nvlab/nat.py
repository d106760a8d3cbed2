# SPDX-License-Identifier: BSD-3-Clause
"""Translation policies of the lab: the sections `flows` and `nat` of nvad's configuration as Python
values, rendered as YAML (of which JSON is a part) for nvad and as nftables rules for the stand-in."""
import ipaddress
import json

PRIVATE = {4: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], 6: ["fc00::/7"]}
SPOKES = {4: ["10.1.0.0/16", "10.2.0.0/16"], 6: ["fd00:10:1::/48", "fd00:10:2::/48"]}
PORTS = "1024-32767"  # of the NVA's own addresses: its kernel's connections use the rest
WEB_PORT = 8080  # of the NVA's outside address: spoke-a's port 80


def yaml(nat=None, flows=None):
    """The sections as text: a line for each value, in flow style, of which JSON is a part."""
    out = ""
    for name, section in (("flows", flows), ("nat", nat)):
        out += name + ":\n" if section else ""
        for key, value in (section or {}).items():
            if isinstance(value, list):
                out += "  %s:\n%s" % (key, "".join("    - %s\n" % json.dumps(v) for v in value))
            else:
                out += "  %s: %s\n" % (key, json.dumps(value))
    return out


def egress(region, node="nva"):
    """Spokes to the Internet by the address of the last NIC, private destinations as they are; from the
    Internet to a web server in spoke-a, with the reply pinned by SNAT too."""
    nics = region.nics_of(node)
    nat = {"pools": [], "snat": [], "dnat": []}
    for f in (4, 6):
        outside = nics[-1].addr(f)
        nat["pools"].append({"name": "outside%d" % f, "addresses": [outside], "ports": PORTS})
        nat["snat"] += [
            {"name": "internal%d" % f, "ingress": [nics[0].ifname], "source": SPOKES[f], "destination": PRIVATE[f],
             "exempt": True},
            {"name": "egress%d" % f, "ingress": [nics[0].ifname], "source": SPOKES[f], "pool": "outside%d" % f}]
        to = region.nics["spoke-a"].addr(f)
        nat["dnat"].append({"name": "web%d" % f, "destination": outside, "destination_ports": WEB_PORT,
                            "protocols": ["tcp"], "to": ["%s:80" % to if f == 4 else "[%s]:80" % to],
                            "snat": "inside%d" % f})
        nat["pools"].append({"name": "inside%d" % f, "addresses": [nics[0].addr(f)], "ports": PORTS})
    if len(nics) == 1:  # one NIC, one address, one pool
        nat["pools"] = [p for p in nat["pools"] if p["name"].startswith("outside")]
        for rule in nat["dnat"]:
            rule["snat"] = rule["snat"].replace("inside", "outside")
    return nat


def everything(region, node="nva"):
    """All that comes from a spoke gets the NVA's address, other spokes as destination included: what
    several active NVAs need."""
    nic = region.nics_of(node)[-1]
    return {"pools": [{"name": "own%d" % f, "addresses": [nic.addr(f)], "ports": PORTS} for f in (4, 6)],
            "snat": [{"name": "all%d" % f, "source": SPOKES[f], "pool": "own%d" % f} for f in (4, 6)]}


# nftables ---------------------------------------------------------------------------------------
def _family(address):
    return ipaddress.ip_network(address).version


def _match(rule, f):
    ip, out = "ip" if f == 4 else "ip6", ""
    if "ingress" in rule:
        out += "iifname { %s } " % ", ".join(rule["ingress"])
    for key, word in (("source", "saddr"), ("destination", "daddr")):
        value = rule.get(key, [])
        value = [value] if isinstance(value, str) else value
        if value:
            out += "%s %s { %s } " % (ip, word, ", ".join(value))
    protocols = [{"icmp": "icmp" if f == 4 else "ipv6-icmp"}.get(p, p) for p in rule.get("protocols", [])]
    if "destination_ports" in rule:
        return out + "%s dport %s " % (" ".join(protocols) or "tcp", rule["destination_ports"])
    return out + ("meta l4proto { %s } " % ", ".join(protocols) if protocols else "")


def nft(nat):
    """A ruleset that translates as nvad would: the kernel's NAT, endpoint-dependent. DNAT rules that
    also ask for SNAT mark the connection."""
    pools = {p["name"]: p for p in nat.get("pools", [])}
    out = ""
    for f in (4, 6):
        pre, post = "", ""
        for i, rule in enumerate(nat.get("dnat", []), 1):
            if _family(rule["destination"]) != f:
                continue
            pre += "\t\t%sct mark set %d dnat to %s\n" % (_match(rule, f), i, rule["to"][0])
            if "snat" in rule:
                post += "\t\tct mark %d snat to %s\n" % (i, pools[rule["snat"]]["addresses"][0])
        for rule in nat.get("snat", []):
            of = rule.get("source", []) + rule.get("destination", [])
            of += [a for a in pools.get(rule.get("pool"), {}).get("addresses", [])]
            if {_family(a) for a in of} != {f}:
                continue
            if rule.get("exempt"):
                post += "\t\t%saccept\n" % _match(rule, f)
                continue
            pool = pools[rule["pool"]]
            if "ports" in pool:  # holds for protocols that have some
                to = "%s:%s" % (pool["addresses"][0] if f == 4 else "[%s]" % pool["addresses"][0], pool["ports"])
                post += "\t\t%smeta l4proto { tcp, udp } snat to %s\n" % (_match(rule, f), to)
            post += "\t\t%ssnat to %s\n" % (_match(rule, f), pool["addresses"][0])
        out += """table ip%s nvlab {
	chain prerouting {
		type nat hook prerouting priority dstnat;
%s	}
	chain postrouting {
		type nat hook postrouting priority srcnat;
%s	}
}
""" % ("" if f == 4 else "6", pre, post)
    return out


# What comes amid a connection that the kernel did not see begin: dropped and counted.
NFT_STATEFUL = """table inet nvlab-stateful {
	counter midflow { }
	chain forward {
		type filter hook forward priority filter;
		ct state invalid counter name midflow drop
	}
}
"""


def conntrack_sysctls(flows):
    """The section flows as far as the kernel has it."""
    t = {k: int(v.rstrip("s")) for k, v in flows.get("timeouts", {}).items()}
    pairs = {"tcp_timeout_established": "tcp_established", "tcp_timeout_syn_sent": "tcp_opening",
             "tcp_timeout_syn_recv": "tcp_opening", "tcp_timeout_time_wait": "tcp_closing",
             "tcp_timeout_close": "tcp_reset", "udp_timeout": "udp_new", "udp_timeout_stream": "udp",
             "icmp_timeout": "icmp", "icmpv6_timeout": "icmp"}
    return ["net.netfilter.nf_conntrack_tcp_loose=%d" % (flows.get("tcp_midflow") == "adopt")] + [
        "net.netfilter.nf_conntrack_%s=%d" % (k, t[v]) for k, v in pairs.items() if v in t]


def addresses(nat):
    """Which the NVA answers for."""
    return sorted({a for p in nat.get("pools", []) for a in p["addresses"]}
                  | {r["destination"] for r in nat.get("dnat", [])})
