# SPDX-License-Identifier: BSD-3-Clause
"""The same packets through nvad and through the kernel's nftables: what comes out is the same, but for
differences that docs/nat.md explains ("Differences from the kernel's NAT")."""
import os
import re

import pytest
from nat_cases import CASES, Run
from nat_twins import Twins, compare
from nvlab.nva import ROOT

LEAKED = "nvad: nothing; kernel: out 10.1.0.7 > 203.0.113.5 TCP"


def fields(*names):
    return "fields: " + ", ".join(sorted(names))


def untranslated(proto):
    """By the kernel."""
    return fields("0 IP.chksum", "0 IP.src", *([proto + ".chksum"] if proto else []))


OWN4, OWN6 = fields("0 IP.chksum", "0 IP.id"), fields("0 IPv6.fl")
OPTIONS = fields("0 IP.chksum", "0 IP.options")
FRAGMENT = fields("0 IP.chksum", "0 IP.flags", "0 IP.frag", "0 IP.len", "1 Raw.load")
FRAGMENT_ID = fields("1 IPv6ExtHdrFragment.id")
FRAGMENT6 = fields("0 IPv6.plen", "1 IPv6ExtHdrFragment.id", "1 IPv6ExtHdrFragment.m",
                   "1 IPv6ExtHdrFragment.offset", "2 Raw.load")
FIRST, LATER = "out 198.51.100.4 > 203.0.113.5 UDP", "out 198.51.100.4 > 203.0.113.5"
ANSWER = "in 203.0.113.5 > 10.1.0.7 UDP"

# Where the kernel too lets nothing through.
SILENT = {"unsolicited", "fragments-only-later", "fragments6-only-later", "bad-checksum-ip",
          "ip-options-source-route", "fragments-overlap"}
# What differs, by case: the explanation's name in docs/nat.md, and for each step that differs, how.
DIFFERENCES = {
    "tcp-out-of-window": ("window", {3: "nvad: in 203.0.113.5 > 10.1.0.7 TCP; kernel: nothing",
                                     4: untranslated("1 TCP")}),
    "same-port-twice-tcp": ("port-choice", {2: fields("1 TCP.chksum", "1 TCP.sport")}),
    "same-port-twice-udp": ("port-choice", {2: fields("1 UDP.chksum", "1 UDP.sport")}),
    "same-port-twice-icmp": ("port-choice", {2: fields("1 ICMP.chksum", "1 ICMP.id")}),
    "too-long-4": ("own-errors", {0: OWN4}),
    "too-long-6": ("own-errors", {0: OWN6}),
    "ttl-4": ("own-errors", {1: OWN4, 2: OWN4, 5: OWN4}),
    "ttl-6": ("own-errors", {1: OWN6, 2: OWN6, 5: OWN6}),
    "ttl-behind-dnat": ("own-errors", {0: OWN4}),
    "error-odd-inner-ip": ("embedded-checksum", {
        1: "nvad: nothing; kernel: in 203.0.113.5 > 10.1.0.7 ICMP 3/3 [10.1.0.7 > 203.0.113.5 UDP]"}),
    "fragments-reversed": ("fragment-order", {0: FRAGMENT, 1: FRAGMENT}),
    "fragments6-in-order": ("fragment-id", {0: FRAGMENT_ID, 1: FRAGMENT_ID}),
    "fragments6-reversed": ("fragment-order", {0: (FRAGMENT_ID, FRAGMENT6), 1: (FRAGMENT_ID, FRAGMENT6)}),
    "fragments-one-by-one": ("fragment-order", {
        0: "nvad: %s; kernel: nothing" % FIRST, 1: "nvad: %s; kernel: nothing" % LATER,
        2: "nvad: %s; kernel: %s + %s + %s" % (LATER, FIRST, LATER, LATER)}),
    "fragments-overlap": ("fragment-overlap", {0: "nvad: %s; kernel: nothing" % FIRST}),
    **{"tcp-flags-" + w: ("invalid", {3: LEAKED, 4: LEAKED}) for w in ("null", "syn-fin", "syn-rst", "xmas")},
    **{"tcp-flags-" + w: ("invalid", {4: LEAKED}) for w in ("ack", "rst", "fin-ack")},
    "tcp-header-offset": ("invalid", {0: LEAKED}),
    "tcp-header-cut": ("invalid", {0: LEAKED}),
    "bad-checksum-tcp": ("bad-checksum", {0: untranslated("1 TCP")}),
    "bad-checksum-udp": ("bad-checksum", {0: untranslated("1 UDP")}),
    "bad-checksum-icmp": ("bad-checksum", {0: untranslated(None)}),
    "udp-length-beyond": ("bad-checksum", {0: untranslated("1 UDP")}),
    "unsolicited-syn": ("unsolicited-syn", {
        2: "nvad: out 10.9.2.4 > 203.0.113.5 ICMP 3/3 [203.0.113.5 > 198.51.100.4 TCP]; kernel: nothing"}),
    "ip-options-record-route": ("ip-options", {0: OPTIONS, 1: OPTIONS}),
    "ip-options-source-route": ("ip-options", {0: "nvad: %s; kernel: nothing" % FIRST,
                                               1: "nvad: %s; kernel: nothing" % ANSWER}),
}


@pytest.fixture(scope="module")
def twins(make_net):
    net = make_net(Twins).up()
    yield net.twins
    assert net.nvad.alive()
    net.nvad.stop()


def explained():
    with open(os.path.join(ROOT, "docs/nat.md")) as f:
        section = f.read().split("## Differences from the kernel's NAT")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([a-z0-9-]+)`", section, re.M))


def run(twins, number, name):
    """The steps of a case at both translators."""
    fn, args = CASES[name]
    runs = [Run(twins[twin], number) for twin in ("nvad", "kernel")]
    for r in runs:
        fn(r, *args)
    return [r.steps for r in runs]


# Last those that make ports be chosen: one of these could be what another case wants to keep.
ORDER = sorted(CASES, key=lambda name: DIFFERENCES.get(name, ("",))[0] == "port-choice")


@pytest.mark.parametrize("number,name", enumerate(ORDER), ids=ORDER)
def test_same(twins, number, name):
    nvad, kernel = run(twins, number, name)
    assert any(kernel) == (name not in SILENT), "a case that shows nothing"
    found = {i: d for i, d in enumerate(map(compare, nvad, kernel)) if d}
    reason, expected = DIFFERENCES.get(name, (None, {}))
    if reason == "port-choice" and not found:
        return  # both chose the same
    text = "\n".join("step %d: %s" % (i, full) for i in found for _, full in found[i])
    assert set(found) == set(expected), "differs in steps %s, should in %s:\n%s" % (
        sorted(found), sorted(expected), text)
    for step, how in expected.items():
        assert {brief for brief, _ in found[step]} == ({how} if isinstance(how, str) else set(how)), text


def test_every_difference_is_explained():
    assert {reason for reason, _ in DIFFERENCES.values()} == explained()
    assert set(DIFFERENCES) <= set(CASES)
