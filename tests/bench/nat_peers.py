#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Translation by nvad beside that of others: scripts/bench nat --peers [--json] [--rounds N]

Open vSwitch with DPDK (netdev datapath, ct nat) and nvad take turns on one core, over the same kind of
port: net_pcap, which replays a file of both directions' frames of N UDP sessions in random order and
drops what is sent. Cycles are TSC ticks for each packet received, the port's part included; Open
vSwitch's are its own count of them (dpif-netdev/pmd-stats-show), in default configuration.

Debian's packages are unpacked into a directory of the build, not installed; ovsdb-server and
ovs-vswitchd run with all of their files in a temporary one, the latter in a namespace of its own.

The kernel's nftables and nvad (kind af_packet) take turns at one end of a veth pair in a namespace, with
one core; dpdk-testpmd at the other end has the other core and sends the same frames as fast as it can.
Packets a second are what comes back translated.
"""
import argparse
import json
import os
import random
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("NVAD_BUILD", "build"))
PACKAGES = ["openvswitch-common", "openvswitch-switch", "openvswitch-switch-dpdk"]
SIZES = {"1k": 1000, "64k": 65536}
OUTSIDE = 0xC0000201  # 192.0.2.1
HUGE_PAGES = 900  # of 2 MB: 512 for Open vSwitch, the rest for nvad's bench
CORE, OTHER_CORE = 0, 1

FLOWS = """
table=0,priority=100,ip,ct_state=-trk,nw_src=10.0.0.0/8,actions=ct(table=1,nat)
table=0,priority=90,ip,ct_state=-trk,actions=ct(table=2,nat)
table=0,priority=0,actions=drop
table=1,priority=100,ct_state=+trk+new,ip,actions=ct(commit,nat(src=192.0.2.1),table=3)
table=1,priority=90,ct_state=+trk+est,ip,actions=goto_table:3
table=2,priority=90,ct_state=+trk+est,ip,actions=goto_table:3
table=2,priority=0,actions=drop
table=3,actions=mod_dl_src:02:00:00:00:00:01,mod_dl_dst:02:00:00:00:00:99,dec_ttl,in_port
"""


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(src, dst, sport, dport):
    """64 bytes, with checksums that are right."""
    macs = bytes.fromhex("020000000001" + "020000000099")
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 50, 0, 0, 64, 17, 0, src, dst)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    udp = struct.pack("!HHHH", sport, dport, 30, 0) + bytes(22)
    pseudo = struct.pack("!IIBBH", src, dst, 0, 17, 30)
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    return macs + b"\x08\x00" + ip + udp


def write_frames(path, n):
    """Sessions whose ports nobody needs to change, so that the answers are known beforehand."""
    rnd = random.Random(1)
    frames = []
    for i in range(n):
        sport, inside = 1024 + i % 60000, 0x0A000000 + i
        remote = 0xC6120000 + (i // 60000 << 16) + rnd.getrandbits(16)
        frames.append(frame(inside, remote, sport, 443))
        frames.append(frame(remote, OUTSIDE, 443, sport))
    rnd.shuffle(frames)
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for data in frames:
            f.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)


def huge_pages_free():
    with open("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", encoding="ascii") as f:
        return int(f.read())


def unpack_packages():
    root = os.path.join(BUILD, "peers")
    if not os.path.exists(os.path.join(root, "usr/sbin/ovsdb-server")):
        with tempfile.TemporaryDirectory() as debs:
            os.chmod(debs, 0o755)
            subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=debs, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for deb in os.listdir(debs):
                subprocess.run(["dpkg", "-x", os.path.join(debs, deb), root], check=True)
    return root


class OpenVSwitch:
    """One bridge with one port. Stopped (SIGSTOP) but while it is measured: its thread never rests."""

    def __init__(self, directory, frames):
        self.dir = directory
        self.root = unpack_packages()
        self.daemons = []
        paths = [os.path.join(self.root, p) for p in ("usr/bin", "usr/sbin", "usr/lib/openvswitch-switch-dpdk")]
        self.env = dict(os.environ, PATH=":".join(paths + [os.environ["PATH"]]))
        for name in ("RUN", "DB", "LOG", "SYSCONF"):
            self.env[f"OVS_{name}DIR"] = directory
        try:
            self.start(frames)
        except BaseException:
            self.stop()
            raise

    def run(self, *args):
        done = subprocess.run(args, env=self.env, check=False, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            sys.exit(f"{' '.join(args)}: {done.stderr}")
        return done.stdout

    def vsctl(self, *args):
        return self.run("ovs-vsctl", f"--db=unix:{self.dir}/db.sock", "-t", "20", *args)

    def appctl(self, *args):
        return self.run("ovs-appctl", "-t", f"{self.dir}/vswitchd.ctl", *args)

    def daemon(self, *args):
        with open(os.path.join(self.dir, "output"), "ab") as out:
            self.daemons.append(subprocess.Popen(args, env=self.env, stdout=out, stderr=out))

    def wait_for(self, path):
        for _ in range(100):
            if os.path.exists(path):
                return
            time.sleep(0.1)
        with open(os.path.join(self.dir, "output"), encoding="utf-8", errors="replace") as f:
            sys.exit(f"Open vSwitch does not start: {f.read()[-2000:]}")

    def start(self, frames):
        schema = os.path.join(self.root, "usr/share/openvswitch/vswitch.ovsschema")
        self.run("ovsdb-tool", "create", f"{self.dir}/conf.db", schema)
        self.daemon("ovsdb-server", f"{self.dir}/conf.db", f"--remote=punix:{self.dir}/db.sock",
                    f"--unixctl={self.dir}/ovsdb.ctl")
        self.wait_for(f"{self.dir}/db.sock")
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                   f"other_config:pmd-cpu-mask={1 << CORE:#x}", f"other_config:dpdk-lcore-mask={1 << OTHER_CORE:#x}",
                   "other_config:dpdk-socket-mem=1024",
                   'other_config:dpdk-extra="--no-pci --in-memory --no-telemetry"')
        self.daemon("unshare", "-n", "ovs-vswitchd-dpdk", f"unix:{self.dir}/db.sock",
                    f"--unixctl={self.dir}/vswitchd.ctl")
        self.wait_for(f"{self.dir}/vswitchd.ctl")
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure")
        with open(f"{self.dir}/flows", "w", encoding="ascii") as f:
            f.write(FLOWS)
        self.run("ovs-ofctl", "add-flows", f"{self.dir}/br0.mgmt", f"{self.dir}/flows")
        self.vsctl("add-port", "br0", "p0", "--", "set", "Interface", "p0", "type=dpdk",
                   f'options:dpdk-devargs="net_pcap0,rx_pcap={frames},infinite_rx=1"')
        if "error" in self.vsctl("get", "Interface", "p0", "error").lower():
            sys.exit("Open vSwitch refuses the port: " + self.vsctl("get", "Interface", "p0", "error"))

    def settle(self, sessions):
        for _ in range(60):
            time.sleep(0.5)
            found = re.search(r"Total: (\d+)", self.appctl("dpctl/ct-stats-show"))
            if found and int(found.group(1)) == sessions:
                time.sleep(2)
                return
        sys.exit(f"Open vSwitch has not the {sessions} sessions: {found and found.group(0)}")

    def counts(self):
        text = self.appctl("dpif-netdev/pmd-stats-show").split("main thread")[0]
        packets = int(re.search(r"packets received: (\d+)", text).group(1))
        cycles = re.search(r"processing cycles: (\d+)", text)
        return packets, int(cycles.group(1)) if cycles else 0

    def waited_ns(self):
        """How long its polling thread was ready and another had its CPU."""
        task = f"/proc/{self.daemons[1].pid}/task"
        for thread in os.listdir(task):
            with open(f"{task}/{thread}/comm", encoding="ascii") as f:
                if not f.read().startswith("pmd"):
                    continue
            with open(f"{task}/{thread}/schedstat", encoding="ascii") as f:
                return int(f.read().split()[1])
        return 0

    def measure(self, seconds=0.1, windows=7, tries=60):
        """Cycles per packet: median of the windows in which others took its CPU for less than 1 %, or
        of those that had most of it."""
        self.daemons[1].send_signal(signal.SIGCONT)
        time.sleep(0.5)
        samples = []
        for _ in range(tries):
            waited, (packets, cycles) = self.waited_ns(), self.counts()
            time.sleep(seconds)
            packets2, cycles2 = self.counts()
            samples.append((self.waited_ns() - waited, (cycles2 - cycles) / (packets2 - packets)))
            if sum(s[0] < seconds * 1e7 for s in samples) >= windows:
                break
        self.daemons[1].send_signal(signal.SIGSTOP)
        return statistics.median(s[1] for s in sorted(samples)[:windows])

    def check(self):
        """Nothing is new and nothing dropped in steady state: every packet is of a known session."""
        def missed():
            lines = self.run("ovs-ofctl", "dump-flows", f"{self.dir}/br0.mgmt").splitlines()
            return sum(int(re.search(r"n_packets=(\d+)", l).group(1)) for l in lines
                       if "actions=drop" in l or "+new" in l)
        before = missed()
        time.sleep(2)
        if missed() != before:
            sys.exit("Open vSwitch does not know the sessions that it translates")

    def stop(self):
        for d in reversed(self.daemons):
            d.send_signal(signal.SIGCONT)
            d.terminate()
            try:
                d.wait(10)
            except subprocess.TimeoutExpired:
                d.kill()
                d.wait()


def measure_nvad(frames, sessions):
    done = subprocess.run(
        [os.path.join(BUILD, "tests/bench/bench_nat"), "--windows", "31", "--window-ms", "5", "--lcore", str(CORE),
         "--sessions", str(sessions), "--json", "--over", f"net_pcap0,rx_pcap={frames},infinite_rx=1"],
        check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("bench_nat: " + done.stderr)
    return json.loads(done.stdout)["cases"][0]["value"]


def compare(name, sessions, rounds):
    directory = tempfile.mkdtemp(prefix="nvad-peers-")
    ours, theirs = [], []
    try:
        frames = os.path.join(directory, "frames.pcap")
        write_frames(frames, sessions)
        ovs = OpenVSwitch(directory, frames)
        try:
            ovs.settle(sessions)
            ovs.check()
            for _ in range(rounds):
                theirs.append(ovs.measure())
                ours.append(measure_nvad(frames, sessions))
        finally:
            ovs.stop()
    finally:
        shutil.rmtree(directory)
    return {"name": f"peers-ovs-{name}", "unit": "cycles/packet", "value": round(statistics.median(ours), 1),
            "min": min(ours), "max": max(ours), "baseline": round(statistics.median(theirs), 1),
            "ratio": round(statistics.median(ours) / statistics.median(theirs), 3)}


NFT = """
table ip nat {
    chain post { type nat hook postrouting priority 100
        ip saddr 10.0.0.0/8 snat to 192.0.2.1
    }
    chain unknown { type filter hook forward priority 0
        ip daddr 192.0.2.1 ct state new drop
    }
}
"""

NVAD = """
system: {{workers: 1, poll: busy, memory_mb: 256, socket: {dir}/nvad.sock}}
ports:
  - name: bench
    device: {{kind: af_packet, interface: k0}}
    addresses: [198.51.100.1/24]
    neighbours: [{{address: 198.51.100.2, mac: "02:00:00:00:00:99"}}]
    punt: false
routes:
  - {{prefix: 0.0.0.0/0, via: 198.51.100.2}}
nat:
  pools: [{{name: outside, addresses: [192.0.2.1]}}]
  snat: [{{name: egress, ingress: [bench], source: [10.0.0.0/8], pool: outside}}]
"""


class Veth:
    """k0 in the translator's namespace, g0 in the generator's."""

    def __init__(self, directory):
        self.dir = directory
        self.k, self.g = (f"nvadpeer{c}{os.getpid()}" for c in "kg")
        self.processes = []
        for ns in (self.k, self.g):
            subprocess.run(["ip", "netns", "add", ns], check=True)
        self.script(self.g, f"ip link add g0 address 02:00:00:00:00:99 type veth peer name k0 netns {self.k}\n"
                    "ip link set g0 up")
        self.script(self.k, """ip link set k0 address 02:00:00:00:00:01 up
            ip addr add 198.51.100.1/24 dev k0
            ip neigh add 198.51.100.2 lladdr 02:00:00:00:00:99 dev k0 nud permanent
            ip route add default via 198.51.100.2
            sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.k0.rp_filter=0
            sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.k0.send_redirects=0""")
        # The kernel's receiving work on the translator's core, where it would be in the generator's.
        self.script(self.k, f"echo {1 << CORE:x} >/sys/class/net/k0/queues/rx-0/rps_cpus")

    def script(self, ns, text):
        subprocess.run(["ip", "netns", "exec", ns, "sh", "-ec", text], check=True)

    def start(self, ns, *args):
        with open(os.path.join(self.dir, "output"), "ab") as out:
            self.processes.append(subprocess.Popen(["ip", "netns", "exec", ns, *args], stdin=subprocess.PIPE,
                                                   stdout=out, stderr=out))

    def count(self):
        done = subprocess.run(["ip", "netns", "exec", self.k, "cat", "/sys/class/net/k0/statistics/tx_packets"],
                              check=True, capture_output=True, text=True)
        return int(done.stdout)

    def measure(self, frames, windows=5):
        """Packets a second that come back while the generator runs."""
        self.start(self.g, "dpdk-testpmd", "--lcores", f"0@{OTHER_CORE},1@{OTHER_CORE}", "--no-pci", "--no-shconf",
                   "--no-huge", "-m", "1024", "--no-telemetry", "--vdev", f"net_pcap0,rx_pcap={frames},infinite_rx=1",
                   "--vdev", "net_af_packet0,iface=g0,framecnt=2048", "--", "--forward-mode=io",
                   "--total-num-mbufs=200000", "--nb-cores=1")
        time.sleep(8)
        rates = []
        for _ in range(windows):
            before, start = self.count(), time.monotonic()
            time.sleep(1)
            rates.append((self.count() - before) / (time.monotonic() - start))
        self.stop_processes()
        return statistics.median(rates)

    def kernel(self, frames):
        with open(f"{self.dir}/nft", "w", encoding="ascii") as f:
            f.write(NFT)
        self.script(self.k, f"sysctl -qw net.ipv4.ip_forward=1; nft -f {self.dir}/nft")
        rate = self.measure(frames)
        self.script(self.k, "sysctl -qw net.ipv4.ip_forward=0; nft flush ruleset")
        return rate

    def nvad(self, frames):
        with open(f"{self.dir}/nvad.yaml", "w", encoding="ascii") as f:
            f.write(NVAD.format(dir=self.dir))
        self.start(self.k, "taskset", "-c", str(CORE), os.path.join(BUILD, "app/nvad/nvad"), "-c",
                   f"{self.dir}/nvad.yaml")
        time.sleep(3)
        if self.processes[-1].poll() is not None:
            with open(os.path.join(self.dir, "output"), encoding="utf-8", errors="replace") as f:
                sys.exit("nvad: " + f.read()[-2000:])
        return self.measure(frames)

    def stop_processes(self):
        for p in reversed(self.processes):
            p.terminate()
            try:
                p.wait(15)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.processes = []

    def stop(self):
        self.stop_processes()
        for ns in (self.k, self.g):
            subprocess.run(["ip", "netns", "del", ns], check=False)


def compare_kernel(name, sessions, rounds):
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="nvad-peers-") as directory:
        frames = os.path.join(directory, "frames.pcap")
        write_frames(frames, sessions)
        veth = Veth(directory)
        try:
            for _ in range(rounds):
                theirs.append(veth.kernel(frames))
                ours.append(veth.nvad(frames))
        finally:
            veth.stop()
    return {"name": f"peers-kernel-{name}", "unit": "packets/s", "value": round(statistics.median(ours)),
            "min": round(min(ours)), "max": round(max(ours)), "baseline": round(statistics.median(theirs)),
            "ratio": round(statistics.median(ours) / statistics.median(theirs), 3)}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--json", action="store_true")
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--only", choices=["ovs", "kernel"])
    options = args.parse_args()
    cases = []
    if options.only != "kernel":
        if huge_pages_free() < HUGE_PAGES:
            sys.exit(f"{HUGE_PAGES} free huge pages of 2 MB are needed: /proc/sys/vm/nr_hugepages")
        cases += [compare(name, n, options.rounds) for name, n in SIZES.items()]
    if options.only != "ovs":
        cases += [compare_kernel(name, n, options.rounds) for name, n in SIZES.items()]
    if options.json:
        print(json.dumps({"bench": "nat", "cases": cases}))
        return
    print(f"{'case':18} {'nvad':>9} {'peer':>9}  medians of {options.rounds}")
    for c in cases:
        print(f"{c['name']:18} {c['value']:9.0f} {c['baseline']:9.0f}  {c['unit']}")


main()
