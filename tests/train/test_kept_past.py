"""What a run keeps of its past, written and read again, gives the bits of the steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nodeflow.errors import FileProblem, RunError
from nodeflow.train.rewind.kept_past import MOST, KeptPast, load_past
from nodeflow.train.rewind.snapshot_retention import spread
from tests.train.test_replay import CASES, TIERS, compare, everything, ran


@pytest.mark.thorough
@TIERS
@pytest.mark.parametrize("case", ["everything", "mnist", "mnist_adam", "lstm", "mnist_cnn"])
def test_steps_from_the_file_have_the_bits_of_a_run_that_recorded_them(case, tier, tmp_path):
    graph, training = CASES[case]()
    steps = 60
    found = ran(training, graph, tier, steps, every=5)
    whole = KeptPast.of(found.past)  # fast steps are made many at a time, with one copy after them
    whole.retaining(4).save(tmp_path / "past.safetensors")
    loaded = load_past(tmp_path / "past.safetensors")
    # two even places may have the same nearest copy, where steps were slow at first
    assert 1 < len(loaded.steps) <= 4 and set(loaded.steps) <= set(whole.steps)
    assert (loaded.steps[0], loaded.steps[-1]) == (0, whole.steps[-1])
    past = loaded.past(loaded.session(graph), training, found.past.progress)
    compare(replace(found, past=past), tier, steps, 12)


@pytest.mark.thorough
def test_the_switch_of_tiers_is_kept(tmp_path):
    graph, training = everything()
    found = ran(training, graph, "auto", 60, every=7, tiers={"steps": 20})
    KeptPast.of(found.past).save(tmp_path / "past")
    loaded = load_past(tmp_path / "past")
    past = loaded.past(loaded.session(graph), training, found.past.progress)
    compare(replace(found, past=past), "auto", 60, 12, since=20)


def test_another_graph_is_an_error_that_names_the_variable(tmp_path):
    graph, training = everything()
    found = ran(training, graph, "reference", 10, every=5)
    KeptPast.of(found.past).save(tmp_path / "past")
    loaded = load_past(tmp_path / "past")
    other, other_training = CASES["mnist"]()
    with pytest.raises(RunError, match="no variable"):
        loaded.past(loaded.session(other), other_training, found.past.progress)


@pytest.mark.parametrize("cut", [0, 8, 100, -1])
def test_a_damaged_file_is_an_error(tmp_path: Path, cut: int):
    graph, training = everything()
    found = ran(training, graph, "reference", 10, every=5)
    KeptPast.of(found.past).save(tmp_path / "past")
    data = (tmp_path / "past").read_bytes()
    (tmp_path / "past").write_bytes(data[:cut])
    with pytest.raises(FileProblem):
        load_past(tmp_path / "past")


def test_a_past_goes_on_from_what_was_changed_before_its_first_copy():
    def past(steps: list[int], changes: list[int], rate: float) -> KeptPast:
        changed = [{"step": step, "value": rate} for step in changes]
        copies = [{"w": np.full(2, float(step))} for step in steps]
        about = {"numbers": {"rate": rate}, "changes": changed}
        return KeptPast(about, {}, [{"step": step} for step in steps], copies)

    whole = past([10, 20], [15], 0.2).after(past([0, 5, 10, 15], [3, 9, 12], 0.1))
    assert whole.steps == [0, 5, 10, 20]
    assert [array["w"][0] for array in whole.arrays] == whole.steps
    assert [change["step"] for change in whole.about["changes"]] == [3, 9, 15]
    assert whole.about["numbers"] == {"rate": 0.1}


def test_copies_that_stay_lie_at_most_twice_as_far_apart_as_even_ones():
    rng = np.random.default_rng(2)
    for _ in range(200):
        last = int(rng.integers(100, 100_000))
        even = last / (MOST - 1)
        places = np.arange(0, last + 1, max(1, int(even / 3)))
        steps = sorted({0, last, *rng.choice(places, len(places), replace=False).tolist()})
        chosen = spread(steps, MOST)
        kept = [steps[i] for i in chosen]
        assert len(kept) <= MOST and kept[0] == 0 and kept[-1] == last
        assert max(np.diff(kept), default=0) <= 2 * even + 1


def test_a_copy_that_is_not_whole_is_an_error(tmp_path: Path):
    graph, training = everything()
    found = ran(training, graph, "reference", 10, every=5)
    kept = KeptPast.of(found.past)
    arrays = [dict(copy) for copy in kept.arrays]
    arrays[-1].popitem()
    replace(kept, arrays=arrays).save(tmp_path / "past")
    with pytest.raises(FileProblem, match="incomplete"):
        load_past(tmp_path / "past")
