# SPDX-License-Identifier: BSD-3-Clause
"""nvad as a process: signals at any time, a second one beside it, and what is in its way."""
import os
import signal
import socket
import subprocess
import time

import pytest
from nvlab import nva, peers
from nvlab.net import Net, wait_for

NVAD = os.path.join(nva.BUILD, "app/nvad/nvad")
NVACTL = os.path.join(nva.BUILD, "app/nvactl/nvactl")
NOBODY = 65534


@pytest.fixture(scope="module")
def net(make_net):
    n = make_net(Net)
    n.prepare()
    n.create("nva")
    return n


def start(net, port="a", more=""):
    path = peers.write(net, port + ".yaml", """
system: {socket: %s, memory_mb: 256, packet_buffers: 4096%s}
ports: [{name: %s, device: {kind: "null"}, addresses: [10.0.0.4/24]}]
bgp:
  as: 65001
  peers: [{name: x, address: 10.0.0.5, as: 65002, export: [{prefix: 0.0.0.0/0}]}]
""" % (net.path("s"), more, port))
    return subprocess.Popen(["ip", "netns", "exec", net.ns("nva"), NVAD, "-c", path], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def nvactl(net, user=0, group=0, groups=""):
    return subprocess.run(["setpriv", "--reuid", str(user), "--regid", str(group)] +
                          (["--groups", groups] if groups else ["--clear-groups"]) +
                          [NVACTL, "-s", net.path("s"), "show", "version"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)


def wait_ready(net, p):
    wait_for("nvad's socket", lambda: p.poll() is not None or nvactl(net).returncode == 0)
    assert p.poll() is None, p.stderr.read()


def nothing_left(net):
    return not os.path.exists(net.path("s")) and "nv-" not in net.ip("nva", "link")


@pytest.mark.parametrize("after_s", [0.03, 0.1, 0.2, 0.4])
def test_stopped_while_it_starts(net, after_s):
    p = start(net)
    time.sleep(after_s)
    p.send_signal(signal.SIGTERM)
    _, err = p.communicate(timeout=20)
    # Before main() has seen to it, the signal's default holds.
    assert p.returncode == 0 or (p.returncode == -signal.SIGTERM and err == ""), err
    assert nothing_left(net)


def test_told_to_stop_again_and_again(net):
    p = start(net)
    wait_ready(net, p)
    for _ in range(5):
        p.send_signal(signal.SIGTERM)
        time.sleep(0.01)
    _, err = p.communicate(timeout=20)
    assert p.returncode == 0, err
    assert nothing_left(net)


def test_second_one_disturbs_nothing(net):
    p = start(net)
    wait_ready(net, p)
    for port in ("a", "b"):  # the same configuration; another with the same socket
        other = start(net, port)
        _, err = other.communicate(timeout=20)
        assert other.returncode == 1
        assert "another" in err, err
        assert nvactl(net).returncode == 0
    p.terminate()
    assert p.wait(20) == 0


def test_socket_of_a_killed_one_is_replaced(net):
    p = start(net)
    wait_ready(net, p)
    p.kill()
    p.wait()
    assert os.path.exists(net.path("s"))
    p = start(net)
    wait_ready(net, p)
    p.terminate()
    assert p.wait(20) == 0
    assert nothing_left(net)


@pytest.mark.parametrize("make", ["file", "link", "dangling-link"])
def test_what_is_no_socket_stays(net, make):
    path, target = net.path("s"), net.path("target")
    if make == "file":
        peers.write(net, "s", "mine")
    else:
        os.symlink(target, path)
        if make == "link":
            peers.write(net, "target", "mine")
    try:
        p = start(net)
        _, err = p.communicate(timeout=20)
        assert p.returncode == 1 and path in err and "not a socket" in err, err
        assert os.path.islink(path) == (make != "file")
        if make != "dangling-link":
            with open(path) as f:
                assert f.read() == "mine"
    finally:
        for name in (path, target):
            if os.path.lexists(name):
                os.unlink(name)


def test_bgp_port_in_use(net):
    with net.inside("nva"):
        s = socket.socket()
    s.bind(("0.0.0.0", 179))
    s.listen()
    p = start(net)
    _, err = p.communicate(timeout=20)
    s.close()
    assert p.returncode == 1
    assert "port 179: Address already in use; stop the other BGP daemon" in err, err
    assert nothing_left(net)


@pytest.fixture
def nobody():
    if subprocess.run(["setpriv", "--reuid", str(NOBODY), "--clear-groups", NVACTL, "--version"],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("another user cannot reach " + NVACTL)


def test_who_may_use_the_socket(net, nobody):
    group = "games"  # of every Debian
    gid = int(subprocess.run(["getent", "group", group], stdout=subprocess.PIPE, text=True).stdout.split(":")[2])
    p = start(net, more=", socket_group: " + group)
    wait_ready(net, p)
    try:
        assert nvactl(net, NOBODY, NOBODY, str(gid)).returncode == 0
        assert nvactl(net, NOBODY, gid).returncode == 0
        assert "Permission denied" in nvactl(net, NOBODY, NOBODY).stderr
        # Credentials count, whatever becomes of the file's mode.
        os.chmod(net.path("s"), 0o666)
        answer = nvactl(net, NOBODY, NOBODY)
        assert answer.returncode == 1 and "you may not use this socket" in answer.stderr
    finally:
        p.terminate()
        assert p.wait(20) == 0


def test_without_privileges(net, nobody):
    start(net).kill()  # writes the configuration
    os.chmod(net.path("a.yaml"), 0o644)
    p = subprocess.run(["ip", "netns", "exec", net.ns("nva"), "setpriv", "--reuid", str(NOBODY), "--regid",
                        str(NOBODY), "--clear-groups", NVAD, "-c", net.path("a.yaml")], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=30)
    assert p.returncode == 1 and "CAP_NET_ADMIN is missing" in p.stderr, p.stderr
