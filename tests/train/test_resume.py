"""A training that is resumed has the bits of one that never was interrupted."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.blocks import grid
from nodeflow.errors import NodeflowError, NonFiniteError
from nodeflow.ops.layers.functions.without_variables import dropout
from nodeflow.ops.namespaces import nn
from nodeflow.train.events import CheckpointWritten, Done, Epoch, Event, Resumed, Steps
from nodeflow.train.loop import checkpointed_training as keeping
from nodeflow.train.loop import event_stream as loop
from nodeflow.train.resume import identity
from nodeflow.train.resume.checkpoints import Every, existing
from nodeflow.train.resume.resuming import ChangedProblem
from nodeflow.train.saving.checkpoint import CheckpointProblem
from nodeflow.train.training_state import load_state

RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(90, 4)).astype("float32")
LABELS = RNG.integers(0, 3, 90)
EPOCHS, BATCH, STEPS = 4, 8, 11  # 90 rows, the last two are left out in each epoch


def network(rate: float = 0.05, average: float = 0.9) -> nf.Graph:
    """All that has a state: Adam's slots, running means, batch normalisation, dropout."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 4], name="x")
        y = nf.placeholder("int32", [None], name="y")
        hidden = nf.layers.dense(x, 9, activation=nn.relu)
        hidden = nf.layers.batch_normalization(hidden)
        hidden = dropout(hidden, rate=0.3)
        logits = nf.layers.dense(hidden, 3)
        losses = nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = nf.reduce_mean(losses, name="loss")
        nf.adam(loss, learning_rate=rate, average_decay=average, name="train")
    return graph


def arguments(**more: Any) -> dict[str, Any]:
    data = {"x": ROWS, "y": LABELS.astype("int32")}
    return {"data": data, "validation": data, "epochs": EPOCHS, "batch_size": BATCH, **more}


class Seen:
    """What came of a training: losses, epochs and the last event, and the final variables."""

    def __init__(self, session: nf.Session, events: Iterator[Event], leave_at: int = 0) -> None:
        self.losses: list[float] = []
        self.epochs: list[Epoch] = []
        self.written: list[CheckpointWritten] = []
        self.done: Done | None = None
        self.resumed: Resumed | None = None
        for event in events:
            if isinstance(event, Steps):
                self.losses += event.losses.tolist()
                if leave_at and event.last >= leave_at:
                    break
            elif isinstance(event, Resumed):
                self.resumed = event
                self.losses, self.epochs = event.losses.tolist(), list(event.epochs)
            elif isinstance(event, Epoch):
                self.epochs.append(event)
            elif isinstance(event, CheckpointWritten):
                self.written.append(event)
            elif isinstance(event, Done):
                self.done = event
        del events  # leaves the training
        self.variables = dict(session.variables.items())

    def agrees(self, other: Seen) -> None:
        assert self.losses == other.losses
        timeless = [replace(e, seconds=0.0) for e in self.epochs]
        assert timeless == [replace(e, seconds=0.0) for e in other.epochs]
        assert self.variables.keys() == other.variables.keys()
        for name, value in self.variables.items():
            assert value.tobytes() == other.variables[name].tobytes(), name
        assert self.done and other.done
        assert self.done.metrics == other.done.metrics
        assert (self.done.last_epoch, self.done.best_epoch, self.done.reason) == (
            other.done.last_epoch,
            other.done.best_epoch,
            other.done.reason,
        )


def trained(
    make: Callable[[], nf.Graph] = network,
    tier: Any = "reference",
    threads: int | None = None,
    leave_at: int = 0,
    seed: int = 1,
    memory: int | None = None,
    **more: Any,
) -> Seen:
    graph = make()
    with nf.Session(graph, tier=tier, threads=threads, seed=seed, memory=memory) as session:
        given = more if "data" in more or not graph.placeholders else arguments(**more)
        events = nf.train.train(graph, session=session, **given)
        return Seen(session, events, leave_at)


@pytest.mark.sample(1)
@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("step", [1, 5, STEPS, STEPS + 1, 30, EPOCHS * STEPS])
def test_a_training_goes_on_in_the_middle_of_an_epoch(tmp_path: Path, tier: str, step: int) -> None:
    settings = {"use_averages": True, "patience": 2, "min_change": 0.01}
    whole = trained(tier=tier, threads=1, **settings)
    cut = trained(tier=tier, threads=1, checkpoint=tmp_path, every=1, leave_at=step, **settings)
    assert cut.losses == whole.losses[: len(cut.losses)]
    rest = trained(tier=tier, threads=2, resume=tmp_path, **settings)  # other threads, same bits
    assert rest.resumed is not None and rest.resumed.step == len(cut.losses)
    rest.agrees(whole)


@pytest.mark.thorough
def test_two_and_two_epochs_are_four(tmp_path: Path) -> None:
    whole = trained(metrics=["loss"])
    trained(metrics=["loss"], epochs=2, checkpoint=tmp_path)
    both = trained(metrics=["loss"], epochs=4, resume=tmp_path)
    both.agrees(whole)
    again = trained(metrics=["loss"], epochs=4, resume=tmp_path)  # there is nothing left to do
    assert again.done and again.done.last_epoch == 4
    again.agrees(whole)


@pytest.mark.thorough
def test_early_stopping_goes_on_with_what_it_has_seen(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"patience": 1, "min_change": 5.0, "epochs": 9}  # stops after two
    whole = trained(**settings)
    assert whole.done and whole.done.reason and whole.done.best_epoch == 1
    trained(checkpoint=tmp_path, leave_at=STEPS + 3, **settings)
    trained(resume=tmp_path, **settings).agrees(whole)
    trained(resume=tmp_path, **settings).agrees(whole)  # it has stopped, and stays so


@pytest.mark.thorough
def test_a_checkpoint_is_one_that_saver_reads(tmp_path: Path) -> None:
    cut = trained(checkpoint=tmp_path, every=10, keep=2, leave_at=25)
    steps = [path.name for path in existing(tmp_path)]
    assert len(steps) == 2 and steps[-1] == f"step-{len(cut.losses)}"
    newest = nf.train.latest_checkpoint(tmp_path)
    assert newest == str(tmp_path / steps[-1])
    reader = nf.train.load_checkpoint(newest)
    for name, value in cut.variables.items():
        assert reader.get_tensor(name).tobytes() == value.tobytes()
    state = load_state(Path(newest))
    assert state.losses.tolist() == cut.losses and state.step == len(cut.losses)
    rest = trained(resume=tmp_path / steps[0])  # one of them, which is not the newest
    assert rest.resumed and f"step-{rest.resumed.step}" == steps[0]
    rest.agrees(trained())


@pytest.mark.thorough
def test_switches_of_the_automatic_tier_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = trained(tier="auto", checkpoint=tmp_path, every=1, leave_at=20)
    rest = trained(tier="auto", resume=tmp_path)
    assert rest.losses[: len(cut.losses)] == cut.losses
    tiers = load_state(existing(tmp_path)[-1]).tiers
    monkeypatch.setattr(keeping, "train", partial(loop.train, tiers=tiers))
    rest.agrees(trained(tier="auto"))
    # As on a slower machine, or on a faster one where that would be after the last step.
    moved = {label: step + 7 if step < 20 else step - 15 for label, step in tiers.items()}
    monkeypatch.setattr(keeping, "train", partial(loop.train, tiers=moved))
    other = trained(tier="auto")
    assert other.losses != rest.losses or not tiers


# ---- data sets that are no tables ---------------------------------------------------------------


def _mapped(source: nf.data.Dataset) -> nf.data.Dataset:
    return source.map(lambda x, y: (x + nf.random_normal([4], stddev=0.1, seed=3), y))


PIPELINES: dict[str, Callable[[nf.data.Dataset], nf.data.Dataset]] = {
    "small buffer": lambda d: d.shuffle(20, seed=3).batch(8),
    "endless": lambda d: d.repeat().shuffle(50, seed=3).batch(7).prefetch(2),
    "random function": lambda d: _mapped(d.shuffle(90, seed=2)).batch(8),
    "cache": lambda d: _mapped(d.shuffle(20, seed=2)).cache().shuffle(10, seed=4).batch(8),
    "interleaved": lambda d: d.shuffle(20, seed=9).repeat(2).batch(6),
}


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("step", [3, 17, 31])
def test_a_pipeline_goes_on_where_it_was(tmp_path: Path, name: str, step: int) -> None:
    def run(**more: Any) -> Seen:
        rows = nf.data.Dataset.from_tensor_slices((ROWS, LABELS.astype("int32")))
        graph = network()
        with graph.as_default():
            data = PIPELINES[name](rows).bind(graph.tensor("x"), graph.tensor("y"))
        steps = 10 if name in ("endless", "interleaved") else None
        with nf.Session(graph, tier="reference", seed=1) as session:
            leave_at = more.pop("leave_at", 0)
            events = nf.train.train(graph, session=session, epochs=4, steps_per_epoch=steps, **more)
            seen = Seen(session, events, leave_at)
        assert data is not None
        return seen

    whole = run()
    cut = run(checkpoint=tmp_path, every=1, leave_at=step)
    assert len(cut.losses) < len(whole.losses)
    run(resume=tmp_path).agrees(whole)


# ---- what has changed ---------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    trained(checkpoint=tmp_path, leave_at=15)
    return tmp_path


def _other_data() -> dict[str, np.ndarray]:
    rows = ROWS.copy()
    rows[50, 2] += 1
    return {"x": rows, "y": LABELS.astype("int32")}


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"batch_size": 9}, "batch_size (was 8, is 9)"),
        ({"seed": 2, "session_seed": 2}, "seed (was 1, is 2)"),
        ({"shuffle": False}, "shuffle (was True, is False)"),
        ({"data": _other_data()}, "the data of x"),
        ({"make": lambda: network(rate=0.1)}, "the graph (changed: train"),
        ({"tier": "compiled"}, "tier (was reference, is compiled)"),
        ({"patience": 3}, "patience (was not set, is 3)"),
    ],
)
def test_what_has_changed_is_named(kept: Path, changed: dict[str, Any], named: str) -> None:
    changed = dict(changed)
    seed = changed.pop("session_seed", 1)
    changed = arguments(**changed)  # the data are given, so that others may be
    with pytest.raises(ChangedProblem) as problem:
        trained(resume=kept, **{"seed": seed, **changed})
    assert named in problem.value.message
    assert "resume_changed=True" in str(problem.value)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("versions", {"numpy": "1.0"}),
        ("machine", {"vector width": "128 bits"}),
        ("machine", {"orders of sums": "others"}),
    ],
)
def test_another_machine_or_version_is_named(
    kept: Path, monkeypatch: pytest.MonkeyPatch, fact: str, value: dict[str, str]
) -> None:
    ours = getattr(identity, fact)()
    monkeypatch.setattr(identity, fact, lambda: {**ours, **value})
    name, there = next(iter(value.items()))
    with pytest.raises(ChangedProblem, match=f"{name} \\(was .*, is {there}\\)"):
        trained(resume=kept)


@pytest.mark.thorough
def test_what_has_changed_may_be_accepted(kept: Path) -> None:
    rest = trained(resume=kept, resume_changed=True, batch_size=9)
    assert rest.resumed and "batch_size (was 8, is 9)" in rest.resumed.notices[0]
    before = load_state(existing(kept)[0])
    assert rest.done and len(rest.losses) == before.step + 3 * (90 // 9)  # epoch 2 from its start


@pytest.mark.thorough
def test_free_settings_may_change(kept: Path) -> None:
    whole = trained(epochs=3)
    rest = trained(resume=kept, epochs=3, every="20s", keep=1, threads=2, metrics=["loss"])
    assert rest.losses == whole.losses
    assert len(existing(kept)) == 1


@pytest.mark.thorough
def test_a_limit_of_memory_may_change_where_it_changes_no_bit(kept: Path, tmp_path: Path) -> None:
    assert trained(resume=kept, memory=10**8).losses == trained().losses


@pytest.mark.thorough
def test_all_limits_cut_steps_alike_and_none_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "STEP_BYTES", 300)
    monkeypatch.setattr(grid, "CELL_BYTES", 300)
    whole = trained(memory=10**8)
    trained(checkpoint=tmp_path, leave_at=15, memory=10**9)
    with pytest.raises(ChangedProblem, match=r"steps in blocks of rows \(was yes, is not set"):
        trained(resume=tmp_path)
    assert trained(resume=tmp_path, memory=10**6).losses == whole.losses


# ---- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_folder_of_another_training_is_left_alone(kept: Path) -> None:
    with pytest.raises(CheckpointProblem, match="has checkpoints of another training"):
        trained(checkpoint=kept)


@pytest.mark.thorough
def test_resuming_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(CheckpointProblem, match="there is no checkpoint of a training"):
        trained(resume=tmp_path / "none")
    begun = trained(checkpoint=tmp_path / "new", resume=tmp_path / "new")
    assert begun.resumed is None and existing(tmp_path / "new")


@pytest.mark.thorough
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    trained(checkpoint=tmp_path, every=10, leave_at=25)
    *_, before, newest = existing(tmp_path)
    data = (newest / "training.safetensors").read_bytes()
    (newest / "training.safetensors").write_bytes(data[: len(data) // 2])
    rest = trained(resume=tmp_path)
    assert rest.resumed and f"step-{rest.resumed.step}" == before.name
    assert newest.name in rest.resumed.notices[0]
    rest.agrees(trained())


@pytest.mark.thorough
def test_a_manifest_of_nonsense_is_a_problem(kept: Path) -> None:
    manifest = existing(kept)[0] / "checkpoint.json"
    content = json.loads(manifest.read_text())
    for key, nonsense in (("done", -1), ("epoch", "x"), ("watch", {"a": 1}), ("epochs", [{}])):
        spoilt = {**content, "training": {**content["training"], key: nonsense}}
        manifest.write_text(json.dumps(spoilt))
        with pytest.raises(CheckpointProblem, match="is damaged"):
            trained(resume=existing(kept)[0])


def diverging() -> nf.Graph:
    """w goes to infinity after some steps."""
    with nf.Graph() as graph:
        w = nf.variable(np.ones(3, "float32"), name="w")
        loss = nf.reduce_sum(nf.square(w) * 1e3, name="loss")
        nf.gradient_descent(loss, learning_rate=1e3, name="train")
    return graph


def test_what_is_not_finite_never_replaces_what_is(tmp_path: Path) -> None:
    def run(**more: Any) -> Seen:
        given = {"data": None, "epochs": 30, "checkpoint": tmp_path, "every": 1, "keep": 2}
        return trained(diverging, **{**given, **more})

    seen = run(allow_nonfinite=True)
    assert not np.isfinite(seen.variables["w"]).all()
    problems = [one for one in seen.written if one.problem]
    assert problems and all("w is not finite at step" in one.problem for one in problems)
    held = [load_state(path) for path in existing(tmp_path)]
    assert held and all(np.isfinite(state.variables["w"]).all() for state in held)
    with pytest.raises(NonFiniteError):
        trained(diverging, data=None, epochs=30, checkpoint=tmp_path / "guarded", every=1)
    for path in existing(tmp_path / "guarded"):
        assert np.isfinite(load_state(path).variables["w"]).all()


@pytest.mark.thorough
def test_a_full_disk_at_the_end_keeps_the_state_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "full"
    real = os.fsync

    def fsync(handle: int) -> None:
        if str(folder) in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    seen = trained(checkpoint=folder, every=5)
    first, last = seen.written[0], seen.written[-1]
    assert first.problem and not first.path  # said once, and the training goes on
    assert len(seen.written) == 2 and "No space left" in last.problem
    assert Path(last.path).is_relative_to(tmp_path / "state")
    assert list(folder.iterdir()) == []  # nothing half-written
    rest = trained(resume=last.path, checkpoint=tmp_path / "other")
    rest.agrees(trained())


@pytest.mark.parametrize(
    ("given", "steps", "seconds"), [(500, 500, 60.0), ("7", 7, 60.0), ("1.5s", None, 1.5)]
)
def test_how_often(given: Any, steps: int | None, seconds: float) -> None:
    assert Every.of(given) == Every(steps, seconds)


@pytest.mark.parametrize("given", [0, -1, "x", "0s", "infs", True, 2.5, "s"])
def test_how_often_in_other_words_is_an_error(given: Any) -> None:
    with pytest.raises(NodeflowError, match="a number of steps or seconds"):
        Every.of(given)
