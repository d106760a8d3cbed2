# SPDX-License-Identifier: BSD-3-Clause
"""What an announced superset attracts and no route covers is discarded, told to the sender and counted."""
import pytest
from nvlab.net import wait_for
from nvlab.nva import SUPERSETS, Nvad

UNCOVERED = {4: "10.77.0.1", 6: "fd00:10:77::1"}


@pytest.fixture(scope="module")
def lab(make_region):
    region = make_region()
    nvad = Nvad(region).start()
    nvad.wait_established()
    yield region, nvad
    nvad.stop()


@pytest.mark.parametrize("family", [4, 6])
def test_uncovered_destination(lab, family):
    region, nvad = lab
    region.wait_injected(SUPERSETS[family], next_hop=region.nics["nva"].addr(family))
    wait_for("the covered ones to be learned", lambda: region.ping("spoke-a", region.nics["spoke-b"].addr(family), 1)[0])
    before = nvad.drops()
    answered, out = region.ping("spoke-a", UNCOVERED[family], 3)
    assert answered == 0
    assert region.nics["nva"].addr(family) in out and "nreachable" in out, out
    after = nvad.drops()
    assert after["discard"] - before["discard"] == 3
    assert after["no-route"] == before["no-route"]
    # More specifics inside the superset go on.
    answered, out = region.ping("spoke-a", region.nics["spoke-b"].addr(family), 3)
    assert answered == 3, out
