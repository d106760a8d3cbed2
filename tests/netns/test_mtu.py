# SPDX-License-Identifier: BSD-3-Clause
"""An egress with a smaller MTU: the sender learns it by ICMP (RFC 1191, RFC 8201), or is fragmented."""
import json

import pytest
from nvlab.net import wait_for
from nvlab.nva import Nvad

MTU = 1400
INTERNET = {4: "203.0.113.10", 6: "2001:db8:203:113::10"}


@pytest.fixture(scope="module")
def lab(make_region):
    region = make_region(nics=2, eth1_mtu=MTU)
    nvad = Nvad(region).start()
    nvad.wait_established()
    for family in (4, 6):
        region.wait_injected({4: "0.0.0.0/0", 6: "::/0"}[family])
        wait_for("the way out", lambda f=family: region.ping("spoke-a", INTERNET[f], 1)[0])
    yield region, nvad
    nvad.stop()


def path_mtu(region, address):
    row = json.loads(region.exec("spoke-a", "ip", "-j", "route", "get", address))[0]
    mtus = [m["mtu"] for m in row.get("metrics", []) if "mtu" in m]
    return mtus[0] if mtus else None


@pytest.mark.parametrize("family,size,reason", [(4, 1472, "ip4-df"), (6, 1452, "ip6-too-big")])
def test_sender_learns_the_mtu(lab, family, size, reason):
    region, nvad = lab
    before = nvad.drops()[reason]
    answered, out = region.ping("spoke-a", INTERNET[family], 2, size=size, df=True)
    assert answered == 0, out
    assert nvad.drops()[reason] > before
    assert path_mtu(region, INTERNET[family]) == MTU
    # What fits, passes: payload and ICMP header and IP header make exactly the MTU.
    answered, out = region.ping("spoke-a", INTERNET[family], 2, size=MTU - (28 if family == 4 else 48), df=True)
    assert answered == 2, out


def test_icmp_is_well_formed(lab):
    """RFC 1812 4.3.2: type 3 code 4, next-hop MTU, the offender's header quoted, checksums right."""
    from scapy.all import ICMP, IP, Ether, Raw
    region, nvad = lab
    sock = region.frames("fabric", "f-nva")
    try:
        sock.settimeout(3)
        mac = [r for r in nvad.show("interfaces") if r["name"] == "eth0"][0]["mac"]
        offender = IP(src="10.1.0.4", dst=INTERNET[4], id=4711, flags="DF") / ICMP(id=77) / Raw(b"x" * 1450)
        sock.send(bytes(Ether(src="12:34:56:78:9a:bc", dst=mac) / offender))
        while True:
            data = sock.recv(4096)
            p = Ether(data)
            if IP in p and ICMP in p and p[ICMP].type == 3:
                break
    finally:
        sock.close()
    assert p[IP].src == "10.0.1.4" and p[IP].dst == "10.1.0.4"
    assert p[ICMP].code == 4 and p[ICMP].nexthopmtu == MTU
    quoted = bytes(p[ICMP].payload)
    assert quoted[4:6] == (4711).to_bytes(2, "big") and len(quoted) >= 28
    again = IP(bytes(p[IP]))
    del again.chksum, again[ICMP].chksum
    again = IP(bytes(again))
    assert (again.chksum, again[ICMP].chksum) == (p[IP].chksum, p[ICMP].chksum)


def test_without_df_is_fragmented(lab):
    region, nvad = lab
    out = region.run("spoke-b", "ping", "-n", "-c", "3", "-i", "0.2", "-M", "dont", "-s", "1472", INTERNET[4]).stdout
    assert out.count("bytes from") == 3, out
