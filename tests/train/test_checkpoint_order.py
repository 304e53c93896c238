"""Which checkpoint of a folder is the newest: its manifest says it, whatever kills have left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.train.resume.checkpoints import existing, newest_step
from nodeflow.train.saving.checkpoint import MANIFEST, read_manifest
from nodeflow.train.saving.checkpoint_state import get_checkpoint_state
from nodeflow.train.training_state import load_state
from tests.train.test_resume import trained

CHILD = Path(__file__).with_name("killed_before_deletion.py")


def steps(folder: Path) -> list[int]:
    return [load_state(path).step for path in existing(folder)]


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="kills by a Unix signal")
@pytest.mark.parametrize("deletions", [0, 1])
def test_a_kill_before_the_oldest_is_deleted_resumes_the_newest(
    tmp_path: Path, deletions: int
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(nf.__file__).parents[1])}
    command = [sys.executable, str(CHILD), str(tmp_path), str(deletions)]
    killed = subprocess.run(command, env=environment, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    newest = 12 + 4 * deletions
    state = get_checkpoint_state(tmp_path)
    assert state is not None
    listed = [Path(path).name for path in state.all_model_checkpoint_paths]
    assert listed == [f"step-{newest - 4}", f"step-{newest}"]
    assert steps(tmp_path) == [newest - 8, newest - 4, newest]  # the oldest is not listed
    rest = trained(checkpoint=tmp_path, resume=tmp_path, every=4, keep=2)
    assert rest.resumed is not None and rest.resumed.step == newest
    assert not rest.resumed.notices
    rest.agrees(trained())
    assert len(steps(tmp_path)) == 2 and steps(tmp_path)[-1] == 44


@pytest.mark.thorough
def test_the_name_of_a_folder_decides_nothing(tmp_path: Path) -> None:
    trained(checkpoint=tmp_path, every=10, leave_at=25)
    last = existing(tmp_path)[-1]
    step = load_state(last).step
    shutil.move(last, tmp_path / "step-1")
    shutil.move(tmp_path / "step-10", tmp_path / "step-900")
    assert newest_step(tmp_path) == step
    rest = trained(resume=tmp_path)
    assert rest.resumed is not None and rest.resumed.step == step


@pytest.mark.thorough
def test_of_one_step_the_later_one_counts(tmp_path: Path) -> None:
    trained(checkpoint=tmp_path / "a", every=10, leave_at=25)
    trained(checkpoint=tmp_path / "b", every=10, leave_at=25)
    shutil.copytree(tmp_path / "b" / "step-10", tmp_path / "a" / "step-07")
    later = tmp_path / "a" / "step-07"
    here = [path for path in existing(tmp_path / "a") if load_state(path).step == 10]
    assert here == [tmp_path / "a" / "step-10", later]
    assert read_manifest(here[0]).time < read_manifest(later).time


@pytest.mark.thorough
def test_a_training_that_went_on_from_an_earlier_step_gives_up_the_later_ones(
    tmp_path: Path,
) -> None:
    trained(checkpoint=tmp_path, every=10, leave_at=35, keep=0)
    assert newest_step(tmp_path) >= 30
    trained(checkpoint=tmp_path, resume=tmp_path / "step-10", every=2, leave_at=15, keep=3)
    newest = newest_step(tmp_path)
    assert 12 <= newest < 20
    assert len(existing(tmp_path)) == 3  # the given up ones go first
    rest = trained(resume=tmp_path)
    assert rest.resumed is not None and rest.resumed.step == newest


@pytest.mark.thorough
def test_damaged_manifests_are_named_and_never_chosen(tmp_path: Path) -> None:
    trained(checkpoint=tmp_path, every=10, leave_at=35, keep=0)
    *_, before, newest = existing(tmp_path)
    (newest / MANIFEST).write_text("{")
    assert existing(tmp_path)[0] == newest and existing(tmp_path)[-1] == before
    rest = trained(resume=tmp_path)
    assert rest.resumed is not None and rest.resumed.step == load_state(before).step
    assert newest.name in rest.resumed.notices[0]


@pytest.mark.thorough
def test_a_damaged_checkpoint_is_set_aside_when_its_step_comes_again(tmp_path: Path) -> None:
    trained(checkpoint=tmp_path, every=4, keep=0)
    path = existing(tmp_path)[-1]
    assert load_state(path).step == 44  # the last one, which is always written
    (path / MANIFEST).write_text("{")
    rest = trained(checkpoint=tmp_path, resume=tmp_path, every=4, keep=0)
    rest.agrees(trained())
    assert load_state(path).step == 44 and not any(one.problem for one in rest.written)
    assert (tmp_path / f"damaged-{path.name}" / MANIFEST).read_text() == "{"
