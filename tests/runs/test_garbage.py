"""The collector: quieter during a run, as before after it, and never touched against somebody's will."""

import gc

import pytest

from sessioneval.runs.garbage import rare_collections


def test_thresholds_are_raised_and_put_back_also_after_an_error():
    """A notebook goes on after the run."""
    before = gc.get_threshold(), gc.get_freeze_count()
    during = []

    @rare_collections()
    def broken():
        during.append(gc.get_threshold()[0])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert during[0] >= 20_000
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_a_collector_that_is_off_or_frozen_by_others_is_left_so():
    """Some services freeze their modules before they fork."""
    gc.freeze()
    try:
        with rare_collections():
            pass
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
    gc.disable()
    try:
        before = gc.get_threshold()
        with rare_collections():
            assert gc.get_threshold() == before
    finally:
        gc.enable()
