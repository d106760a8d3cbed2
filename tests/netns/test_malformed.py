# SPDX-License-Identifier: BSD-3-Clause
"""Malformed packets: each a counted drop with its reason, and the good traffic beside it undisturbed."""
import os
import random
import struct
import time

import pytest
from lan import Lan
from nvlab.net import wait_for
from nvlab.traffic import Flow
from scapy.all import ARP, ICMP, IP, UDP, ICMPv6EchoRequest, ICMPv6ND_NS, IPv6, IPv6ExtHdrHopByHop, Raw

COPIES = 5
V4, V6 = {"src": "10.9.1.10", "dst": "10.9.2.10"}, {"src": "fd00:10:9:1::10", "dst": "fd00:10:9:2::10"}
OWN4, OWN6 = "10.9.1.4", "fd00:10:9:1::4"
SOLICITED = "ff02::1:ff00:4"


def udp():
    return UDP(sport=9, dport=9) / Raw(b"x" * 26)


def v4(**kw):
    return bytes(IP(**{**V4, **kw}) / udp())


def v6(**kw):
    return bytes(IPv6(**{**V6, **kw}) / udp())


def fix_ip4(b):
    """The header checksum made right again, so that one thing alone is wrong."""
    b = bytearray(b)
    n = min((b[0] & 15) * 4, len(b))
    b[10:12] = b"\0\0"
    s = sum(struct.unpack("!%dH" % (n // 2), bytes(b[:n // 2 * 2])))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    b[10:12] = struct.pack("!H", ~s & 0xffff)
    return bytes(b)


def patch(data, offset, new):
    return data[:offset] + new + data[offset + len(new):]


def ns(hlim=255, target=OWN6, dst=SOLICITED, options=b"\x01\x01\x02\x00\x00\x00\x00\x77", **kw):
    return bytes(IPv6(src="fd00:10:9:1::77", dst=dst, hlim=hlim) / ICMPv6ND_NS(tgt=target, **kw) / Raw(options))


def arp(**kw):
    return bytes(ARP(**{"op": 1, "hwsrc": "02:00:00:00:00:77", "psrc": "10.9.1.77", "pdst": OWN4, **kw}))


IP4, IP6, ARPT = 0x0800, 0x86dd, 0x0806
# name: (EtherType, payload, drop reason, destination MAC)
CASES = {
    "eth-no-payload": (IP4, b"", "ip4-short", None),
    "eth-unknown-type": (0x88b5, b"x" * 46, "eth-type", None),
    "eth-other-mac": (IP4, v4(), "eth-not-for-us", "02:00:00:00:00:01"),
    "ip4-truncated-header": (IP4, v4()[:12], "ip4-short", None),
    "ip4-version-5": (IP4, fix_ip4(patch(v4(), 0, b"\x55")), "ip4-version", None),
    "ip4-header-len-16": (IP4, patch(v4(), 0, b"\x44"), "ip4-header-len", None),
    "ip4-header-len-beyond": (IP4, patch(v4(), 0, b"\x4f")[:40], "ip4-header-len", None),
    "ip4-total-beyond-frame": (IP4, fix_ip4(patch(v4(), 2, b"\x05\x00")), "ip4-short", None),
    "ip4-total-below-header": (IP4, fix_ip4(patch(v4(), 2, b"\x00\x10")), "ip4-short", None),
    "ip4-checksum": (IP4, patch(v4(), 10, b"\xde\xad"), "ip4-checksum", None),
    "ip4-source-multicast": (IP4, v4(src="224.0.0.9"), "ip4-source", None),
    "ip4-source-broadcast": (IP4, v4(src="255.255.255.255"), "ip4-source", None),
    "ip4-source-loopback": (IP4, v4(src="127.0.0.1"), "ip4-source", None),
    "ip4-destination-loopback": (IP4, v4(dst="127.0.0.1"), "ip4-destination", None),
    "ip4-destination-class-e": (IP4, v4(dst="240.0.0.1"), "ip4-destination", None),
    "ip4-ttl-1": (IP4, v4(ttl=1), "ip4-ttl", None),
    "ip4-ttl-0": (IP4, v4(ttl=0), "ip4-ttl", None),
    "ip4-no-route": (IP4, v4(dst="192.0.2.1"), "no-route", None),
    "ip6-truncated-header": (IP6, v6()[:30], "ip6-short", None),
    "ip6-version-4": (IP6, patch(v6(), 0, b"\x40"), "ip6-version", None),
    "ip6-payload-beyond-frame": (IP6, patch(v6(), 4, b"\x05\x00"), "ip6-short", None),
    "ip6-source-multicast": (IP6, v6(src="ff02::1"), "ip6-source", None),
    "ip6-source-loopback": (IP6, v6(src="::1"), "ip6-source", None),
    "ip6-destination-loopback": (IP6, v6(dst="::1"), "ip6-destination", None),
    "ip6-hop-limit-1": (IP6, v6(hlim=1), "ip6-hop-limit", None),
    "ip6-hop-limit-0": (IP6, v6(hlim=0), "ip6-hop-limit", None),
    "ip6-no-route": (IP6, v6(dst="2001:db8::1"), "no-route", None),
    "arp-truncated": (ARPT, arp()[:20], "arp-malformed", None),
    "arp-hardware-type": (ARPT, arp(hwtype=6), "arp-malformed", None),
    "arp-hardware-length": (ARPT, patch(arp(), 4, b"\x08"), "arp-malformed", None),
    "arp-protocol-length": (ARPT, patch(arp(), 5, b"\x10"), "arp-malformed", None),
    "arp-operation": (ARPT, arp(op=9), "arp-malformed", None),
    "arp-sender-multicast-mac": (ARPT, arp(hwsrc="01:00:5e:00:00:01"), "arp-malformed", None),
    "arp-for-another": (ARPT, arp(pdst="10.9.1.200"), "arp-not-local", None),
    "nd-hop-limit": (IP6, ns(hlim=64), "nd-malformed", None),
    "nd-checksum": (IP6, ns(cksum=0xdead), "nd-malformed", None),
    "nd-code": (IP6, ns(code=1), "nd-malformed", None),
    "nd-option-length-0": (IP6, ns(options=b"\x01\x00\x02\x00\x00\x00\x00\x77"), "nd-malformed", None),
    "nd-option-beyond": (IP6, ns(options=b"\x01\x04\x02\x00\x00\x00\x00\x77"), "nd-malformed", None),
    "nd-multicast-target": (IP6, ns(target="ff02::1"), "nd-malformed", None),
    "nd-truncated": (IP6, bytes(IPv6(src=V6["src"], dst=SOLICITED, hlim=255, nh=58) / Raw(b"\x87\0\0\0\0\0\0\0")),
                     "nd-malformed", None),
    "nd-for-another": (IP6, ns(target="fd00:10:9:1::200", dst="ff02::1:ff00:200"), "nd-not-local", None),
    "icmp4-checksum": (IP4, bytes(IP(src=V4["src"], dst=OWN4) / ICMP(chksum=0xdead) / Raw(b"x" * 8)),
                       "icmp-malformed", None),
    "icmp4-truncated": (IP4, bytes(IP(src=V4["src"], dst=OWN4, proto=1) / Raw(b"\x08\0\0")), "icmp-malformed", None),
    "icmp6-checksum": (IP6, bytes(IPv6(src=V6["src"], dst=OWN6) / ICMPv6EchoRequest(cksum=0xdead)),
                       "icmp-malformed", None),
    "icmp6-truncated": (IP6, bytes(IPv6(src=V6["src"], dst=OWN6, nh=58) / Raw(b"\x80\0\0")), "icmp-malformed", None),
}


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


class Wire:
    """A raw socket on lan1's end of the link."""

    def __init__(self, net, nvad):
        self.sock = net.frames("lan1", "eth0")
        self.mac = net.mac_of_nvad(nvad, "lan1")

    def frame(self, ethertype, payload, mac=None):
        mac = mac or ("33:33:ff:00:00:04" if payload[24:28] == b"\xff\x02\0\0" and ethertype == IP6 else self.mac)
        return mac_bytes(mac) + mac_bytes("020000000077") + struct.pack("!H", ethertype) + payload

    def send(self, frame):
        self.sock.send(frame)


@pytest.fixture(scope="module")
def lab(make_net):
    net = make_net(Lan, hosts=2).up()
    nvad = net.start_nvad()
    for family in (4, 6):
        wait_for("the way through", lambda f=family: net.run(
            "lan1", "ping", "-c1", "-W1", net.addr("lan2", f)).returncode == 0)
    wire = Wire(net, nvad)
    flows = [Flow(net, "lan1", "lan2", net.addr("lan2", f), rate=200) for f in (4, 6)]
    for f in flows:
        f.__enter__()
    yield net, nvad, wire, flows
    for f in flows:
        if f.result is None:
            f.__exit__(None, None, None)
    wire.sock.close()
    nvad.stop()


@pytest.mark.parametrize("case", CASES)
def test_counted_drop(lab, case):
    net, nvad, wire, _ = lab
    ethertype, payload, reason, mac = CASES[case]
    before = nvad.drops()
    for _ in range(COPIES):
        wire.send(wire.frame(ethertype, payload, mac))
    try:
        wait_for("drops", lambda: nvad.drops()[reason] - before[reason] >= COPIES, 5)
    except Exception:
        after = nvad.drops()
        pytest.fail("%s not counted as %s, but as %s" % (
            case, reason, {k: after[k] - before[k] for k in after if after[k] != before[k]}))
    after = nvad.drops()
    moved = {k: after[k] - before[k] for k in after if after[k] != before[k]}
    # Exactly one reason each. The kernels' own multicast may move those of the second set.
    allowed = {reason} | {"ip6-destination", "nd-not-local", "icmp-rate"}
    assert moved[reason] == COPIES or reason in ("nd-not-local", "ip6-destination"), moved
    assert set(moved) <= allowed, moved


def test_random_mutations_disturb_nothing(lab):
    """Valid frames with a few bytes changed or cut off: whatever they are, nvad lives and goes on."""
    net, nvad, wire, _ = lab
    seed = int(os.environ.get("NVAD_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print("seed", seed)
    rng = random.Random(seed)
    seeds = [(IP4, v4()), (IP6, v6()), (ARPT, arp()), (IP6, ns()),
             (IP4, bytes(IP(src=V4["src"], dst=OWN4) / ICMP() / Raw(b"x" * 30))),
             (IP6, bytes(IPv6(src=V6["src"], dst=V6["dst"]) / IPv6ExtHdrHopByHop() / udp()))]
    for i in range(4000):
        ethertype, payload = rng.choice(seeds)
        b = bytearray(payload)
        for _ in range(rng.randrange(1, 6)):
            b[rng.randrange(len(b))] = rng.randrange(256)
        if rng.random() < 0.2:
            b = b[:rng.randrange(len(b))]
        b = bytes(b)
        if ethertype == IP4 and len(b) >= 20 and rng.random() < 0.7:
            b = fix_ip4(b)
        if ethertype == ARPT and b[14:17] in (b"\x0a\x09\x01", b"\x0a\x09\x02") and b[17:18] == b"\x0a":
            continue  # a sound claim to the address of one of the hosts: ARP believes it
        wire.send(wire.frame(ethertype, b))
        if i % 50 == 0:
            time.sleep(0.005)
    assert nvad.alive(), "seed %d" % seed
    for family in (4, 6):
        wait_for("nvad to go on (seed %d)" % seed, lambda f=family: net.run(
            "lan1", "ping", "-c1", "-W1", net.addr("lan2", f)).returncode == 0)


def test_good_traffic_was_undisturbed(lab):
    """The flows ran beside all of the above."""
    _, _, _, flows = lab
    for f in flows:
        f.__exit__(None, None, None)
        assert f.result["sent"] > 100
        assert f.result["n_lost"] == 0, f.result
