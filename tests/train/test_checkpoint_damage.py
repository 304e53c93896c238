"""Checkpoints after the worst: flipped bits, files of other steps, nonsense, leftovers of kills."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import FileProblem, ReadRefused
from nodeflow.train.resume.checkpoints import Checkpoints, existing, read_tiers
from nodeflow.train.saving.checkpoint import (
    LOOP,
    MANIFEST,
    WEIGHTS,
    CheckpointProblem,
    read_manifest,
)
from nodeflow.train.saving.checkpoint_state import get_checkpoint_state, load_variable
from nodeflow.train.saving.weights import load_weights, save_weights
from nodeflow.train.training_state import load_state
from tests.train.test_resume import trained

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of a training with checkpoints of at least two steps."""
    trained(checkpoint=tmp_path / "kept", every=10, leave_at=25)
    return tmp_path / "kept"


def flip(path: Path, place: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


# ---- checksums ----------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("name", [WEIGHTS, LOOP])
def test_a_flipped_bit_is_found_and_an_earlier_checkpoint_offered(kept: Path, name: str) -> None:
    *_, before, newest = existing(kept)
    flip(newest / name, -5)
    with pytest.raises(FileProblem, match=r"is damaged: the checksum of .* does not match") as said:
        trained(resume=newest)
    assert str(newest / name) in said.value.message
    assert f"--resume {before}" in said.value.text("cli")
    rest = trained(resume=kept)
    assert rest.resumed and rest.resumed.step == load_state(before).step
    assert newest.name in rest.resumed.notices[0]
    rest.agrees(trained())


@pytest.mark.thorough
@pytest.mark.parametrize("name", [WEIGHTS, LOOP])
def test_the_arrays_of_another_step_are_found(kept: Path, name: str) -> None:
    *_, before, newest = existing(kept)
    shutil.copyfile(before / name, newest / name)
    step = load_state(before).step
    with pytest.raises(CheckpointProblem, match=f"{name} holds .* of step {step}"):
        load_state(newest)


def test_every_flipped_bit_of_a_checkpoint_is_found(tmp_path: Path) -> None:
    """Each byte once, in all files: nothing is read that was not written."""
    with nf.Graph() as graph:
        nf.variable(np.arange(3, dtype="float32"), name="w")
    with nf.Session(graph) as session, graph.as_default():
        session.initialize()
        path = Path(nf.train.Saver().save(session, tmp_path / "m", global_step=7))
        for file in sorted(path.iterdir()):
            whole = file.read_bytes()
            for place in range(len(whole)):
                flip(file, place, place % 8)
                with pytest.raises(FileProblem):
                    nf.train.load_checkpoint(path)
                file.write_bytes(whole)
    assert load_variable(path, "w").tolist() == [0, 1, 2]


def test_an_array_bound_to_another_owner_does_not_match(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, {"w": np.zeros(4)}, owner="run a step 1")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"run a step 1", b"run a step 2"))
    with pytest.raises(FileProblem, match="the checksum of"):
        load_weights(path)


def without_sums(path: Path) -> None:
    """Rewrite a checkpoint as version 1 of the format had it."""
    content = json.loads((path / MANIFEST).read_text())
    for name in (WEIGHTS, LOOP):
        save_plain(path / name)
    for name in ("sum", "time", "part"):
        del content[name]
    (path / MANIFEST).write_text(json.dumps({**content, "version": 1}))


def save_plain(path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(load_weights(path), path)


@pytest.mark.thorough
def test_checkpoints_without_checksums_load_with_one_notice(kept: Path) -> None:
    for path in existing(kept):
        without_sums(path)
    rest = trained(resume=kept)
    assert rest.resumed is not None
    assert [notice for notice in rest.resumed.notices if "no checksums" in notice] == list(
        rest.resumed.notices
    )
    assert len(rest.resumed.notices) == 1
    rest.agrees(trained())
    with pytest.warns(UserWarning, match="has no checksums") as said:
        nf.train.load_checkpoint(existing(kept)[0])
    assert len(said) == 1


# ---- nonsense -----------------------------------------------------------------------------------


def rewrite(path: Path, **training: Any) -> None:
    """Let the state of a training say something else, as a checkpoint without checksums would."""
    without_sums(path)
    content = json.loads((path / MANIFEST).read_text())
    content["training"] |= training
    (path / MANIFEST).write_text(json.dumps(content))


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "training",
    [
        {"epoch": 10**30},
        {"epoch": True},
        {"done": -1},
        {"done": 2.5},
        {"before": "7"},
        {"counted": None},
        {"total": []},
        {"seconds": "soon"},
        {"tiers": {"plan": "x"}},
        {"tiers": [1]},
        {"identity": []},
        {"identity": {"graph": 3}},
        {"where": 3},
        {"where": {"taken": 1, "began": {"passes": [1], "runs": [], "cached": []}}},
        {"where": {"taken": 1, "began": {"passes": ["x"], "runs": [1], "cached": [False]}}},
        {"numbers": {"train.rate": {}}},
        {"epochs": {"a": 1}},
        {"epochs": [3]},
        {"watch": [1, 2]},
        {"runs": 10**20},
    ],
    ids=str,
)
def test_wrong_types_are_a_damaged_checkpoint(kept: Path, training: dict[str, Any]) -> None:
    path = existing(kept)[-1]
    rewrite(path, **training)
    with pytest.raises(CheckpointProblem, match="is damaged"):
        trained(resume=path)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "content",
    [{"global_step": "x"}, {"global_step": 10**30}, {"stamp": 3}, {"variables": {"w": 3}},
     {"weights": "a\0b"}, {"weights": ["x"]}, {"version": 10**40}],
    ids=str,
)  # fmt: skip
def test_a_manifest_with_wrong_types_is_damaged(kept: Path, content: dict[str, Any]) -> None:
    path = existing(kept)[-1]
    without_sums(path)
    whole = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps({**whole, **content}))
    with pytest.raises(CheckpointProblem):
        read_manifest(path)


@pytest.mark.thorough
def test_json_that_is_nested_too_deeply_is_damage(kept: Path) -> None:
    path = existing(kept)[-1]
    (path / MANIFEST).write_text(DEEP)
    with pytest.raises(CheckpointProblem, match="nested too deeply"):
        load_state(path)
    (kept / "checkpoint").write_text(DEEP)
    with pytest.raises(CheckpointProblem, match="nested too deeply"):
        get_checkpoint_state(kept)
    (kept / "tiers.json").write_text(DEEP)
    with pytest.raises(CheckpointProblem, match="nested too deeply"):
        read_tiers(kept)


def test_switches_of_tier_that_are_damaged_are_not_ignored(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.note_tiers({"plan": 120})
    checkpoints.close()
    assert read_tiers(tmp_path) == {"plan": 120}
    file = tmp_path / "tiers.json"
    file.write_text(file.read_text().replace("120", "130"))
    with pytest.raises(CheckpointProblem, match="checksum") as said:
        read_tiers(tmp_path)
    assert said.value.hint and "Delete it" in said.value.hint
    file.write_text('{"plan": 120}\n')  # as an earlier version wrote it
    assert read_tiers(tmp_path) == {"plan": 120}


# ---- pipes and devices --------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="makes a pipe")
@pytest.mark.parametrize("name", ["checkpoint", "tiers.json"])
def test_a_pipe_in_place_of_a_list_is_refused_at_once(kept: Path, name: str) -> None:
    (kept / name).unlink(missing_ok=True)
    os.mkfifo(kept / name)
    with pytest.raises(ReadRefused, match="is a pipe, not a regular file"):
        trained(resume=kept)
    with pytest.raises(ReadRefused, match="is a pipe, not a regular file"):
        trained(checkpoint=kept, resume=kept)
    for read in (get_checkpoint_state, nf.train.latest_checkpoint, read_tiers):
        if (read is read_tiers) == (name == "tiers.json"):
            with pytest.raises(ReadRefused, match="is a pipe"):
                read(kept)
    (kept / "new").mkdir()
    os.mkfifo(kept / "new" / name)
    with pytest.raises(ReadRefused, match="is a pipe"):
        trained(checkpoint=kept / "new")


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="makes a pipe")
def test_a_device_or_pipe_in_place_of_a_file_of_a_checkpoint_is_refused(kept: Path) -> None:
    path = existing(kept)[-1]
    for name in (LOOP, WEIGHTS, MANIFEST):
        (path / name).unlink()
        os.mkfifo(path / name)
        with pytest.raises(FileProblem, match="is a pipe"):
            load_state(path)
    (path / MANIFEST).unlink()
    (path / MANIFEST).symlink_to("/dev/zero")
    with pytest.raises(ReadRefused, match="is a device"):
        load_state(path)


# ---- what kills leave ---------------------------------------------------------------------------


@pytest.mark.thorough
def test_what_killed_processes_left_is_removed_and_nothing_else(kept: Path) -> None:
    *_, before, newest = existing(kept)
    for place in (kept / f".{newest.name}.abcdefgh", kept / ".step-999.x_1y2z3w"):
        shutil.copytree(newest, place)
        (place / f".{WEIGHTS}.12345678").write_bytes(b"half")
    (kept / ".checkpoint.abcd1234").write_text("{")
    (kept / ".tiers.json.abcd1234").write_text("{")
    (before / f".other_{WEIGHTS}.abcd1234").write_bytes(b"half")
    shutil.copytree(before, kept / "step-3")  # deleted but for its files
    (kept / "step-3" / MANIFEST).unlink()
    users = [kept / ".git", kept / ".notes.abcd1234", kept / "step-note", newest / "mine.txt"]
    for path in users[:1] + users[2:3]:
        path.mkdir()
        (path / "file").write_text("mine")
    for path in (users[1], users[3]):
        path.write_text("mine")
    trained(checkpoint=kept, resume=kept, keep=0)
    left = {path.name for path in kept.rglob("*") if path.name.startswith(".")}
    assert left == {".git", ".notes.abcd1234"}
    assert not (kept / "step-3").exists()
    assert all(path.exists() for path in users)


def test_a_saver_removes_only_what_is_old(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        nf.variable(np.zeros(3), name="w")
    with nf.Session(graph) as session, graph.as_default():
        session.initialize()
        saver = nf.train.Saver()
        path = Path(saver.save(session, tmp_path / "m", global_step=1))
        young, old = tmp_path / ".m-2.abcdefgh", tmp_path / ".m-3.abcdefgh"
        shutil.copytree(path, young)
        shutil.copytree(path, old)
        os.utime(old, (0, 0))
        nf.train.Saver().save(session, tmp_path / "m", global_step=4)
    assert young.exists() and not old.exists()
