# SPDX-License-Identifier: BSD-3-Clause
"""The demonstration behind scripts/demo: each step is a claim that is checked, then shown."""
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from nvlab import checks, guide, nat  # noqa: E402
from nvlab.net import NetError, wait_for  # noqa: E402
from nvlab.nva import NO_ADVERTISE, ROOT, Nvad, default_config  # noqa: E402
from nvlab.region import Region  # noqa: E402

INTERNET = {4: "203.0.113.10", 6: "2001:db8:203:113::10"}
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
FLOWS = {"max_sessions": 16384}


class Failed(Exception):
    """A step's claim does not hold."""


class Show:
    """Prints steps: for people with ticks, or as JSON lines."""

    def __init__(self, as_json):
        self.json, self.steps = as_json, []
        self.tty = sys.stdout.isatty() and not as_json and "NO_COLOR" not in os.environ
        self.begin = time.time()

    def step(self, name, call):
        if self.tty:
            print("  …  " + name, end="", flush=True)
        begin = time.monotonic()
        try:
            detail, error = call() or "", None
        except (NetError, Failed, subprocess.SubprocessError, OSError, KeyError, ValueError) as e:
            detail, error = "%s" % e if not isinstance(e, KeyError) else "no field %s in the answer" % e, e
        row = {"step": name, "ok": error is None, "detail": detail, "seconds": round(time.monotonic() - begin, 2)}
        self.steps.append(row)
        if self.json:
            print(json.dumps(row), flush=True)
        else:
            mark = ("✔" if error is None else "✘") if self.tty else ("ok  " if error is None else "FAIL")
            colour = ("\033[32m%s\033[0m" if error is None else "\033[31m%s\033[0m") if self.tty else "%s"
            print("%s  %s  %s" % ("\r\033[K" if self.tty else "", colour % mark, name), end="")
            print("".join("\n         " + line for line in str(detail).splitlines()), flush=True)
        if error is not None:
            raise Failed(name) from error


class Demo:
    def __init__(self, show):
        self.show = show
        self.region = Region("nvlab-")
        self.nvad = Nvad(self.region, flows=FLOWS)
        self.nva = self.region.nics["nva"]

    def run(self):
        s = self.show.step
        s("the machine has what a lab needs", lambda: checks.require(checks.lab_checks()))
        s("the region is up", self.raise_region)
        s("nvad runs", self.start_nvad)
        s("BGP sessions with both route-server instances", self.sessions)
        s("the default routes that nvad announced are in the fabric's table by both instances", self.injected)
        s("the VNet prefixes that nvad learned are in its FIB", self.learned)
        for name, node in (("internet", "internet"), ("spoke-b", "spoke-b")):
            for family in (4, 6):
                address = INTERNET[family] if node == "internet" else self.region.nics[node].addr(family)
                s("spoke-a reaches %s through nvad, IPv%d" % (name, family),
                  lambda a=address: self.reaches(a))
        for family in (4, 6):
            s("traceroute from spoke-a shows nvad as a hop, IPv%d" % family, lambda f=family: self.hop(f))
        s("with translation switched on by `nvactl reload`, the Internet sees spoke-a as nvad's address", self.snat)
        s("nvad dropped nothing but what traceroute let expire", self.dropped)
        s("throughput", self.throughput)

    # The claims ------------------------------------------------------------------------------
    def raise_region(self):
        self.region.up()
        return "fabric, spoke-a 10.1.0.4, spoke-b 10.2.0.4, internet %s, rs0 10.0.0.4, rs1 10.0.0.5 (BIRD, AS 65515)" % (
            INTERNET[4])

    def start_nvad(self):
        self.nvad.start()
        version = self.nvad.show("version")[0]
        ports = ["port %s (%s): %s, MAC %s" % (r["name"], r["kind"], " ".join(r["addresses"]), r["mac"])
                 for r in self.nvad.show("interfaces")]
        return "\n".join(["nvad %s, %s" % (version["version"], version["dpdk"])] + ports)

    def sessions(self):
        self.nvad.wait_established()
        wait_for("routes of both instances", lambda: all(r["received"] >= 6 for r in self.nvad.show("bgp", "summary")))
        return "\n".join("%s %s AS %s %s: %s routes received, %s announced" % (
            r["peer"], r["address"], r["as"], r["state"], r["received"], r["advertised"])
            for r in self.nvad.show("bgp", "summary"))

    def injected(self):
        for family in (4, 6):
            self.region.wait_injected(DEFAULT[family], next_hop=self.nva.addr(family))
        return "\n".join("%s via %s by rs0 and rs1 (tagged no-advertise %s)" % (
            DEFAULT[f], self.nva.addr(f), NO_ADVERTISE) for f in (4, 6))

    def learned(self):
        lines = []
        for node in ("spoke-a", "spoke-b"):
            for family in (4, 6):
                address = self.region.nics[node].addr(family)
                row = wait_for("a learned route to " + address,
                               lambda a=address: (lambda r: r if r.get("prefix", "").endswith(("/16", "/48")) else None)(
                                   self.nvad.fib(a)), 10)
                lines.append("%-14s %s via %s on %s" % (address, row["prefix"], row["next_hop"], row["interface"]))
        return "\n".join(lines)

    def counters(self):
        rows = [r for r in self.nvad.show("interfaces") if r["name"] == "eth0"]
        return rows[0]["rx_packets"], rows[0]["tx_packets"]

    def reaches(self, address):
        self.region.ping("spoke-a", address, 1)  # resolves the neighbours on the way
        rx, tx = self.counters()
        answered, out = self.region.ping("spoke-a", address, 10)
        if answered != 10:
            raise Failed("%d of 10 echo requests answered\n%s" % (answered, out))
        rx, tx = (b - a for a, b in zip((rx, tx), self.counters()))
        # Requests and replies both pass nvad: 20 packets in and 20 out.
        if rx < 20 or tx < 20:
            raise Failed("answered, but nvad counted only %d packets in and %d out" % (rx, tx))
        return "%s answered 10 of 10; nvad's counters: %d packets in, %d out" % (address, rx, tx)

    def hop(self, family):
        hops = self.region.traceroute("spoke-a", INTERNET[family])
        if self.nva.addr(family) not in hops or hops[-1] != INTERNET[family]:
            raise Failed("hops: %s" % hops)
        return " -> ".join(h if h != self.nva.addr(family) else "%s (nvad)" % h for h in map(str, hops))

    def snat(self):
        self.nvad.reload(default_config(self.region, flows=FLOWS, nat=nat.egress(self.region)))
        lines = []
        for family in (4, 6):
            with self.listener(family) as server, self.connection(family) as client, server.accept()[0] as accepted:
                seen = accepted.getpeername()[:2]
                if seen[0] != self.nva.addr(family):
                    raise Failed("the server was reached by %s" % seen[0])
                row, = self.nvad.show("flows", "source", self.region.nics["spoke-a"].addr(family), "protocol", "tcp",
                                      "port", str(client.getsockname()[1]))
                lines.append("show flows: %(protocol)s %(state)s, %(source)s port %(source_port)s to %(destination)s "
                             "port %(destination_port)s becomes %(to_source)s port %(to_source_port)s (%(rule)s)" % row)
        return "\n".join(lines)

    def listener(self, family):
        with self.region.inside("internet"):
            s = socket.create_server((INTERNET[family], 8000), family=FAMILY[family])
        s.settimeout(5)
        return s

    def connection(self, family):
        with self.region.inside("spoke-a"):
            return socket.create_connection((INTERNET[family], 8000), 5)

    def dropped(self):
        expected = {"ip4-ttl", "ip6-hop-limit"}
        seen = {k: v for k, v in self.nvad.drops().items() if v}
        # Multicast of the kernels' own (MLD, router solicitations) is no traffic that nvad carries.
        bad = set(seen) - expected - {"ip6-destination", "ip6-source", "nd-not-local", "eth-type"}
        if bad:
            raise Failed("drops: %s" % seen)
        return ", ".join("%s %d" % kv for kv in sorted(seen.items()))

    def throughput(self):
        lines = []
        server = subprocess.Popen(self.region.argv("internet", ["iperf3", "-s", "-1"]), stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            wait_for("iperf3", lambda: ":5201" in self.region.exec("internet", "ss", "-ltn"), 5)
            out = json.loads(self.region.exec("spoke-a", "iperf3", "-c", INTERNET[4], "-t", "3", "-J", timeout=30))
            bps = out["end"]["sum_received"]["bits_per_second"]
            if not bps > 0:
                raise Failed("no byte arrived")
            lines.append("one TCP stream through nvad on veth, all on this machine: %.2f Gbit/s" % (bps / 1e9))
        finally:
            server.kill()
            server.wait()
        bench = subprocess.run([os.path.join(ROOT, "scripts/bench"), "forward", "--json", "--windows", "5",
                                "--window-ms", "50"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               timeout=120)
        if bench.returncode:
            raise Failed("scripts/bench forward: %s" % bench.stderr.strip()[-300:])
        result = json.loads(bench.stdout)
        mhz = re.search(r"TSC (\d+) MHz", result["machine"])
        text = {"v4-1route": "IPv4, one route", "v4-full": "IPv4, 900,000 routes", "v6-1route": "IPv6, one route",
                "v6-full": "IPv6, 160,000 routes"}
        for case in result["cases"]:
            if case["name"] in text:
                mpps = ", %.0f million packets/s a core" % (int(mhz.group(1)) / case["value"]) if mhz else ""
                lines.append("nvad's own cost (scripts/bench forward), %s: %.0f %s%s" % (
                    text[case["name"]], case["value"], case["unit"], mpps))
        return "\n".join(lines)

    def clean(self):
        if self.nvad.alive():
            self.nvad.stop()
        self.region.down(keep_files=False)


def summary(show, ok, elapsed):
    good = sum(s["ok"] for s in show.steps)
    if show.json:
        print(json.dumps({"summary": {"ok": ok, "steps": len(show.steps), "passed": good, "seconds": round(elapsed)}}))
    else:
        print("\n%s: %d of %d steps, %d s in all" % ("It works" if ok else "It does not work", good,
                                                   len(show.steps), elapsed))


def main():
    keep, as_json = "--keep" in sys.argv, "--json" in sys.argv
    show = Show(as_json)

    def interrupted(signum, _):
        raise KeyboardInterrupt

    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, interrupted)
    os.makedirs("/run/nvlab", exist_ok=True)
    lock = open("/run/nvlab/demo.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("demo: another demonstration runs on this machine", file=sys.stderr)
        return 1
    demo, ok, stopped = Demo(show), False, False
    begin = float(os.environ.get("NVLAB_BEGIN", time.time()))
    try:
        demo.region.down()  # what an earlier one left behind
        demo.run()
        ok = True
    except Failed:
        for name in ("nvad", "rs0"):
            if demo.region.log(name):
                print("--- the end of %s's log:\n%s" % (name, demo.region.log(name, 15)), file=sys.stderr)
    except KeyboardInterrupt:
        print("\ndemo: interrupted, cleaning up", file=sys.stderr)
        keep, stopped = False, True
    finally:
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, signal.SIG_IGN)  # the cleaning is not interrupted
        if not keep:
            demo.clean()
    if stopped:
        return 130
    summary(show, ok, time.time() - begin)
    if keep and not as_json:
        print("\n" + guide.look_around(demo.region, nat=True))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
