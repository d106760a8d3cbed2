# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures: regions that are always taken down, and logs shown where a test fails.

A module shares one region; a test that stops something starts it again (or asks for `fresh`).
NVLAB_PREFIX names the namespaces, so that a run disturbs no other lab.
"""
import os
import sys

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts"))
from nvlab import checks  # noqa: E402
from nvlab.region import Region  # noqa: E402

PREFIX = os.environ.get("NVLAB_PREFIX", "nvtest-")
live = []


def pytest_configure(config):
    checks.require(checks.lab_checks())


def pytest_collection_modifyitems(config, items):
    """The kernel in nvad's place is no subject of tests that ask for nvad itself."""
    def about_nvad(item):
        params = item.callspec.params if hasattr(item, "callspec") else {}
        return params.get("nva") == "linux" and "nvad" in item.fixturenames
    out = [i for i in items if about_nvad(i)]
    items[:] = [i for i in items if i not in out]
    config.hook.pytest_deselected(items=out)


@pytest.fixture(scope="module")
def make_net():
    """make_net(cls=Region, **arguments): a net with a prefix of its own, down at the module's end."""
    def make(cls=Region, **kw):
        net = cls(PREFIX + "%d-" % len(live), die_with_parent=True, **kw)
        net.down()
        live.append(net)
        return net
    first = len(live)
    yield make
    for net in live[first:]:
        net.down()
    del live[first:]


@pytest.fixture(scope="module")
def make_region(make_net):
    def make(**kw):
        region = make_net(**kw)
        region.up()
        return region
    return make


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for net in live:
            for name in sorted(net.procs):
                text = net.log(name, 25)
                if text:
                    report.sections.append(("end of %s.log" % name, text))
