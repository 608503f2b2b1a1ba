"""The fast third of the measured faults: each cause is found, nothing else is called a fault, fixes are proven."""

from __future__ import annotations

import pytest

from evals.fault import load_all
from evals.faults import patiently, play_all

pytestmark = pytest.mark.cluster

AT_ONCE = 12  # most of the time is waiting for the kubelet
MENDED = ("pods", "several")  # a fix brings new pods, which takes longest; `make eval` proves those of all areas
PATIENCE = 3  # how much longer than alone a fault may take to show on a busy machine


@pytest.mark.timeout(900)
def test_each_fast_fault_is_found_by_its_cause_and_mended(cluster_uid: str):
    faults = [patiently(fault, PATIENCE) for fault in load_all() if fault.fast and not fault.alone]
    assert len(faults) > 30
    mended = [fault for fault in faults if fault.area in MENDED]
    scores = play_all(mended, AT_ONCE, mend=True)
    scores += play_all([fault for fault in faults if fault not in mended], AT_ONCE, mend=False)
    assert not {f"{score.fault.area}/{score.fault.name}": score.problems for score in scores if score.problems}


def test_every_fault_tells_how_it_is_broken_and_what_mends_it():
    faults = load_all()
    assert len(faults) >= 115
    assert len({(fault.area, fault.name) for fault in faults}) == len(faults)
    for fault in faults:
        assert fault.title, fault.name
        assert not fault.expect or fault.fix, fault.name
