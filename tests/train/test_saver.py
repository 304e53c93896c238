"""`nf.train.Saver`: what is written, what comes back, and what is refused."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import nodeflow as nf
from nodeflow import atomic_write
from nodeflow.errors import FileProblem, GraphError, NonFiniteError, NotInitialized, UnknownName
from nodeflow.train.saving.checkpoint import MANIFEST, WEIGHTS, CheckpointProblem
from nodeflow.train.saving.checkpoint_state import (
    checkpoint_exists,
    get_checkpoint_state,
    load_variable,
)


@pytest.fixture
def graph():
    with nf.Graph() as graph:
        nf.variable(np.arange(6, dtype="float32").reshape(2, 3), name="scope/w")
        nf.variable(np.int64(7), name="step")
        nf.variable(np.array([True, False]), name="mask")
        yield graph


@pytest.fixture
def session(graph):
    with nf.Session(graph) as session:
        session.initialize()
        yield session


def test_what_is_saved_comes_back_to_the_bit(session, tmp_path: Path) -> None:
    saver = nf.train.Saver()
    path = saver.save(session, tmp_path / "model.ckpt")
    assert path == str(tmp_path / "model.ckpt")
    before = dict(session.variables.items())
    session.variables.update({"scope/w": np.full((2, 3), 9, "float32"), "step": np.int64(8)})
    saver.restore(session, path)
    assert {n: v.tobytes() for n, v in session.variables.items()} == {
        n: v.tobytes() for n, v in before.items()
    }


def test_a_session_that_was_never_initialized_can_be_restored(graph, session, tmp_path) -> None:
    path = nf.train.Saver().save(session, tmp_path / "m")
    with nf.Session(graph) as other:
        nf.train.Saver().restore(other, path)
        assert other.run("step") == 7


def test_the_folder_holds_what_other_libraries_read(session, tmp_path: Path) -> None:
    path = Path(nf.train.Saver().save(session, tmp_path / "m", global_step=3))
    assert sorted(p.name for p in path.iterdir()) == [MANIFEST, WEIGHTS]
    arrays = load_file(path / WEIGHTS)
    np.testing.assert_array_equal(arrays["scope/w"], np.arange(6).reshape(2, 3))
    manifest = json.loads((path / MANIFEST).read_text())
    assert manifest["version"] == 2 and manifest["global_step"] == 3
    assert manifest["variables"]["scope/w"] == {"dtype": "float32", "shape": [2, 3]}


def test_step_numbers_come_from_a_number_or_a_tensor(graph, session, tmp_path) -> None:
    saver = nf.train.Saver(pad_step_number=True)
    assert saver.save(session, tmp_path / "m", 12).endswith("m-00000012")
    assert nf.train.Saver().save(session, tmp_path / "m", graph.tensor("step")).endswith("m-7")
    with pytest.raises(GraphError, match="whole number"):
        saver.save(session, tmp_path / "m", graph.tensor("mask"))


def test_old_checkpoints_are_deleted_and_nothing_else(session, tmp_path: Path) -> None:
    saver = nf.train.Saver(max_to_keep=2)
    other = nf.train.Saver().save(session, tmp_path / "other")
    paths = [saver.save(session, tmp_path / "m", step) for step in range(3)]
    (Path(paths[1]) / "notes.txt").write_text("mine")
    paths += [saver.save(session, tmp_path / "m", step) for step in range(3, 5)]
    assert saver.last_checkpoints == paths[-2:]
    assert not Path(paths[0]).exists() and not Path(paths[2]).exists()
    assert [p.name for p in Path(paths[1]).iterdir()] == ["notes.txt"]
    assert checkpoint_exists(other)
    assert not checkpoint_exists(paths[1])
    keeps_all = nf.train.Saver(max_to_keep=None)
    for step in range(7):
        keeps_all.save(session, tmp_path / "all", step)
    assert len(keeps_all.last_checkpoints) == 7 == len(list(tmp_path.glob("all-*")))


def test_a_checkpoint_that_another_saver_wrote_again_is_kept(session, tmp_path: Path) -> None:
    first, second = nf.train.Saver(max_to_keep=1), nf.train.Saver()
    path = first.save(session, tmp_path / "m", 1)
    second.save(session, tmp_path / "m", 1)
    first.save(session, tmp_path / "m", 2)
    assert checkpoint_exists(path)


def test_one_checkpoint_is_kept_for_every_so_many_hours(session, tmp_path, monkeypatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("nodeflow.train.saving.saver.time.time", lambda: now[0])
    saver = nf.train.Saver(max_to_keep=1, keep_checkpoint_every_n_hours=1)
    kept = []
    for step in range(6):  # every half hour
        kept.append(saver.save(session, tmp_path / "m", step))
        now[0] += 1800
    # as TensorFlow 1: those saved later than 1 h, 2 h, ... after the Saver was made
    assert [checkpoint_exists(p) for p in kept] == [False] * 3 + [True, False, True]


def test_the_newest_checkpoint_of_a_folder_is_found(session, tmp_path: Path) -> None:
    assert nf.train.latest_checkpoint(tmp_path) is None
    assert get_checkpoint_state(tmp_path) is None
    assert nf.train.latest_checkpoint(tmp_path / "nowhere") is None
    saver = nf.train.Saver(max_to_keep=2)
    paths = [saver.save(session, tmp_path / "m", step) for step in (1, 5, 9)]
    assert nf.train.latest_checkpoint(tmp_path) == paths[-1]
    state = get_checkpoint_state(tmp_path)
    assert state.model_checkpoint_path == paths[-1]
    assert list(state.all_model_checkpoint_paths) == paths[1:]
    moved = tmp_path.with_name("moved")
    os.rename(tmp_path, moved)
    assert nf.train.latest_checkpoint(moved) == str(moved / "m-9")
    (moved / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-9"\n')
    with pytest.raises(CheckpointProblem, match="as a list of nodeflow's checkpoints"):
        nf.train.latest_checkpoint(moved)


def test_names_are_mapped(graph, session, tmp_path: Path) -> None:
    w = graph.tensor("scope/w")
    path = nf.train.Saver({"old/w": w}).save(session, tmp_path / "m")
    assert nf.train.list_variables(path) == [("old/w", [2, 3])]
    session.variables["scope/w"] = np.zeros((2, 3), "float32")
    nf.train.Saver({"old/w": w}).restore(session, path)
    assert session.variables["scope/w"][1, 2] == 5
    with pytest.raises(CheckpointProblem, match=r"scope/w: .* has no variable 'scope/w'"):
        nf.train.Saver([w]).restore(session, path)


def test_a_file_of_weights_of_another_library_is_restored(graph, session, tmp_path: Path) -> None:
    save_file({"fc.weight": np.ones((2, 3), "float32")}, tmp_path / "model.safetensors")
    nf.train.Saver({"fc.weight": graph.tensor("scope/w")}).restore(
        session, tmp_path / "model.safetensors"
    )
    assert session.variables["scope/w"].sum() == 6


def test_everything_that_does_not_fit_is_named_and_nothing_changes(session, tmp_path) -> None:
    path = nf.train.Saver().save(session, tmp_path / "m")
    with nf.Graph() as graph:
        nf.variable(np.zeros((3, 2), "float32"), name="scope/w")
        nf.variable(np.int32(1), name="step")
        nf.variable(np.array([False, False]), name="mask")
        nf.variable(np.float32(1), name="more")
        saver = nf.train.Saver()
        flat = nf.train.Saver([graph.tensor("scope/w")], reshape=True)
    with nf.Session(graph) as other:
        other.initialize()
        with pytest.raises(CheckpointProblem) as caught:
            saver.restore(other, path)
        text = str(caught.value)
        assert "'scope/w' is float32 (2, 3) there, and scope/w is float32 (3, 2)" in text
        assert "'step' is int64 () there, and step is int32 ()" in text
        assert "no variable 'more'" in text
        assert not other.variables["mask"].any()
        flat.restore(other, path)
        np.testing.assert_array_equal(other.variables["scope/w"], np.arange(6).reshape(3, 2))


def test_optimizers_variables_are_saved_with_the_others(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        w = nf.variable(np.ones(3, "float32"), name="w")
        loss = nf.reduce_sum(nf.square(w))
        train = nf.adam(loss, learning_rate=0.1)
        saver = nf.train.Saver()

    def losses(session: nf.Session, steps: int) -> list[float]:
        return [float(session.run([train, loss])[1]) for _ in range(steps)]

    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        losses(session, 5)
        path = saver.save(session, tmp_path / "m")
        expected = losses(session, 5)
    with nf.Session(graph, tier="reference") as session:
        saver.restore(session, path)
        assert losses(session, 5) == expected


def test_a_crash_while_saving_leaves_the_old_checkpoint(session, tmp_path, monkeypatch) -> None:
    saver = nf.train.Saver()
    path = saver.save(session, tmp_path / "m")
    session.variables["step"] = np.int64(99)
    replace = os.replace

    def fail_after(count: int) -> None:
        """Let all but the first ``count`` renames fail."""
        left = iter(range(count))

        def renamed(source, target):
            if next(left, None) is None:
                raise OSError(28, "No space left on device")
            replace(source, target)

        monkeypatch.setattr(atomic_write.os, "replace", renamed)

    for count in range(2):  # of the weights, and of the manifest
        fail_after(count)
        with pytest.raises(FileProblem, match="No space left"):
            saver.save(session, path)
        monkeypatch.setattr(atomic_write.os, "replace", replace)
        assert load_variable(path, "step") == 7
    saver.save(session, path)
    assert load_variable(path, "step") == 99
    assert len(list(Path(path).iterdir())) == 2
    fail_after(0)
    with pytest.raises(FileProblem):
        saver.save(session, tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint", "m"]


def test_finite_values_are_never_replaced_by_others(session, tmp_path: Path) -> None:
    saver = nf.train.Saver()
    path = saver.save(session, tmp_path / "m")
    session.variables["scope/w"] = np.full((2, 3), np.nan, "float32")
    with pytest.raises(NonFiniteError, match="keeps its finite weights"):
        saver.save(session, path)
    assert load_variable(path, "scope/w")[0, 1] == 1
    saver.save(session, tmp_path / "other")


def summed(text: str) -> str:
    """A manifest with the checksum of what it says."""
    content = json.loads(text)
    del content["sum"]
    return json.dumps({**content, "sum": zlib.crc32(json.dumps(content, sort_keys=True).encode())})


def test_damage_is_told_from_what_is_missing(session, tmp_path: Path) -> None:
    saver = nf.train.Saver()
    with pytest.raises(CheckpointProblem, match="there is no checkpoint"):
        saver.restore(session, tmp_path / "m")
    with pytest.raises(CheckpointProblem, match="no checkpoint to restore"):
        saver.restore(session, nf.train.latest_checkpoint(tmp_path))
    path = Path(saver.save(session, tmp_path / "m"))
    whole = (path / MANIFEST).read_text()
    for text, said in (
        ("{", "is damaged"),
        ("[]", "not a nodeflow checkpoint"),
        (whole.replace('"version": 2', '"version": 3'), "version 3 of the format"),
        (whole.replace("int64", "int32"), "its checksum does not match"),
        (summed(whole.replace(WEIGHTS, f"../{WEIGHTS}")), "not in the folder"),
        (summed(whole.replace("int64", "int32")), "belong to different checkpoints"),
        (summed(whole.replace('"stamp"', '"stomp"')), "is damaged"),
    ):
        (path / MANIFEST).write_text(text)
        with pytest.raises(CheckpointProblem, match=said):
            saver.restore(session, path)
    (path / MANIFEST).write_text(whole)
    (path / WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(FileProblem, match="damaged"):
        saver.restore(session, path)


def test_wrong_arguments_are_named(graph, session, tmp_path: Path) -> None:
    with nf.Graph() as empty, pytest.raises(GraphError, match="no variables to save"):
        nf.train.Saver()
    with empty:
        nf.train.Saver(allow_empty=True)
    with pytest.raises(GraphError, match="only variables can be saved"):
        nf.train.Saver([nf.constant(1.0)])
    with pytest.raises(GraphError, match="list or a dict"):
        nf.train.Saver(graph.tensor("step"))
    saver = nf.train.Saver()
    with pytest.raises(GraphError, match="expected a Session"):
        saver.save(tmp_path / "m", session)
    with pytest.raises(CheckpointProblem, match="there is no folder"):
        saver.save(session, tmp_path / "nowhere" / "m")
    with nf.Session(empty) as other, pytest.raises(GraphError, match="another graph"):
        saver.save(other, tmp_path / "m")
    with nf.Session(graph) as other, pytest.raises(NotInitialized):
        saver.save(other, tmp_path / "m")
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointProblem, match="is a file"):
        saver.save(session, tmp_path / "file")
    with pytest.raises(UnknownName, match="no variable 'stop'"):
        load_variable(saver.save(session, tmp_path / "m"), "stop")


def test_a_reader_needs_no_graph(session, tmp_path: Path) -> None:
    nf.train.Saver().save(session, tmp_path / "m", 4)
    reader = nf.train.load_checkpoint(tmp_path)
    assert reader.has_tensor("step") and not reader.has_tensor("stop")
    assert reader.get_variable_to_shape_map() == {"mask": [2], "scope/w": [2, 3], "step": []}
    assert reader.get_variable_to_dtype_map()["mask"] == "bool"
    with pytest.raises(FileProblem, match="lists no checkpoint"):
        nf.train.load_checkpoint(tmp_path.parent)
