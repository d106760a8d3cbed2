# SPDX-License-Identifier: BSD-3-Clause
"""Bad input of an operator's: configuration files, and the unix socket."""
import json
import os
import random
import socket
import subprocess
import time

import pytest
from lan import Lan
from nvlab import nva
from nvlab.net import wait_for
from nvlab.region import Region

NVAD = os.path.join(nva.BUILD, "app/nvad/nvad")
GOOD = nva.default_config(Region("unused-"))


def check(path):
    return subprocess.run([NVAD, "--check", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=20)


# name: (what is replaced, by what, the line that the error is on holds, the message or hint holds)
WRONG = {
    "unknown-key": ("poll: adaptive", "pol: adaptive", "pol:", "poll"),
    "octal": ("workers: 1", "workers: 010", "workers", ""),
    "trailing-junk": ("mtu: 1500", "mtu: 1500x", "mtu", ""),
    "out-of-range": ("mtu: 1500", "mtu: 10", "mtu", ""),
    "bad-address": ("10.0.1.4/24", "10.0.1.400/24", "10.0.1.400", ""),
    "bad-prefix": ("prefix: \"0.0.0.0/0\", via", "prefix: \"0.0.0.0/33\", via", "0.0.0.0/33", ""),
    "host-bits": ("prefix: \"10.0.0.0/8\"", "prefix: \"10.0.0.1/8\"", "10.0.0.1/8", ""),
    "kind": ("kind: af_packet", "kind: af_pocket", "af_pocket", "af_packet"),
    "gateway-off-link": ("via: \"10.0.1.1\"", "via: \"172.16.0.1\"", "172.16.0.1", ""),
    "azure-as": ("as: 65001", "as: 65520", "65520", ""),
    "hold-time": ("hold_time: 9s", "hold_time: 2s", "hold_time", ""),
    "unit": ("hold_time: 9s", "hold_time: 9", "hold_time", ""),
    "duplicate-key": ("  workers: 1\n", "  workers: 1\n  workers: 2\n", "workers: 2", ""),
    "yaml": ("ports:\n", "ports: [\n", "", ""),
    "tab": ("  workers: 1", "\tworkers: 1", "", ""),
}


def test_good_configuration(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    p = check(path)
    assert p.returncode == 0, p.stderr


def test_example_configuration():
    p = check(os.path.join(nva.ROOT, "conf/nvad.yaml"))
    assert p.returncode == 0, p.stderr


@pytest.mark.parametrize("name", WRONG)
def test_wrong_configuration(tmp_path, name):
    old, new, on_line, text = WRONG[name]
    assert old in GOOD
    path = tmp_path / "wrong.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    p = check(path)
    assert p.returncode == 1, p.stderr
    first = p.stderr.splitlines()[0]
    assert first.startswith(str(path) + ":"), p.stderr
    line, column = first[len(str(path)) + 1:].split(":")[:2]
    assert int(column) >= 1
    assert on_line in path.read_text().splitlines()[int(line) - 1], p.stderr
    assert text in p.stderr, p.stderr
    assert "^" in p.stderr, "no caret"


@pytest.mark.parametrize("make", ["absent", "directory", "empty", "binary", "huge"])
def test_unreadable_configuration(tmp_path, make):
    path = tmp_path / "c.yaml"
    if make == "directory":
        path.mkdir()
    elif make == "empty":
        path.write_text("")
    elif make == "binary":
        path.write_bytes(random.Random(1).randbytes(4096))
    elif make == "huge":
        path.write_text("system:\n" + "  a: [" * 20000)
    p = check(path)
    assert p.returncode == 1, "%d %s" % (p.returncode, p.stderr)
    assert "c.yaml" in p.stderr


@pytest.fixture(scope="module")
def lab(make_net):
    net = make_net(Lan, hosts=1).up()
    nvad = net.start_nvad()
    yield net, nvad
    nvad.stop()


def connect(nvad):
    def attempt():
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(5)
        try:
            s.connect(nvad.socket)
            return s
        except BlockingIOError:  # the kernel's queue of connections is full for the moment
            s.close()
            return None
    return wait_for("a connection", attempt, 10, 0.01)


def ask(s, request):
    s.sendall((request if isinstance(request, bytes) else json.dumps(request).encode()) + b"\n")
    line = b""
    while not line.endswith(b"\n"):
        part = s.recv(65536)
        if not part:
            break
        line += part
    return json.loads(line) if line else None


def test_socket_mode(lab):
    assert os.stat(lab[1].socket).st_mode & 0o777 == 0o660


def test_request_and_answer(lab):
    s = connect(lab[1])
    answer = ask(s, {"command": "show version"})
    assert answer["schema"] == 1 and answer["rows"]
    s.close()


@pytest.mark.parametrize("request_", [
    b"", b"\0\0\0", b"null", b"[]", b"{}", b'{"command": 5}', b'{"command": "show nonsense"}', b'{"command": ""}',
    b'{"words": [[]]}', b'{"command": "show version"', b"\xff\xfe", b'{"command": "show version", "x": 1}',
    b"[" * 5000, b'{"command": "show route", "args": {"prefix": "10.0.0.0/99"}}'], ids=lambda r: repr(r[:30]))
def test_garbage_is_answered_with_an_error(lab, request_):
    _, nvad = lab
    s = connect(nvad)
    try:
        answer = ask(s, request_)
        assert answer is None or "error" in answer, answer
    finally:
        s.close()
    assert nvad.show("version")


def test_random_bytes(lab):
    _, nvad = lab
    seed = int(os.environ.get("NVAD_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    rng = random.Random(seed)
    for _ in range(20):
        s = connect(nvad)
        try:
            s.sendall(rng.randbytes(rng.randrange(1, 20000)))
        except (BrokenPipeError, ConnectionResetError):
            pass  # told to go away in the middle
        s.close()
    assert nvad.show("version"), "seed %d" % seed


def test_line_without_end(lab):
    _, nvad = lab
    s = connect(nvad)
    before = rss_kb(nvad)
    try:
        for _ in range(256):
            s.sendall(b"x" * 65536)
    except (BrokenPipeError, ConnectionResetError, socket.timeout):
        pass
    assert rss_kb(nvad) - before < 8192
    s.close()
    assert nvad.show("version")


def rss_kb(nvad):
    with open("/proc/%d/status" % nvad.show("version")[0]["pid"]) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def test_client_that_never_reads(lab):
    _, nvad = lab
    before = rss_kb(nvad)
    s = connect(nvad)
    s.settimeout(0.5)
    sent = 0
    try:
        for _ in range(20000):
            s.sendall(b'{"command": "show drops"}\n')
            sent += 1
    except (socket.timeout, BrokenPipeError, ConnectionResetError):
        pass
    # Others are served meanwhile, promptly, and the answers do not pile up in memory.
    for _ in range(5):
        begin = time.monotonic()
        assert nvad.show("version")
        assert time.monotonic() - begin < 2
    assert rss_kb(nvad) - before < 16384, "%d requests unanswered" % sent
    s.close()


def test_many_clients(lab):
    _, nvad = lab
    clients = []
    try:
        for _ in range(200):
            try:
                clients.append(connect(nvad))
            except OSError:
                break
    finally:
        for s in clients:
            s.close()
    wait_for("nvad to answer again", lambda: nvad.ctl("show", "version", check=False).returncode == 0, 10)


def test_exit_statuses(lab):
    _, nvad = lab
    assert nvad.ctl("show", "version").returncode == 0
    assert nvad.ctl("show", "nonsense", check=False).returncode == 2
    absent = subprocess.run([os.path.join(nva.BUILD, "app/nvactl/nvactl"), "--socket", "/nonexistent/s", "show", "version"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert absent.returncode == 2 and "/nonexistent/s" in absent.stderr
