"""However a sweep ends, its trials end with it, and what they have is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.resources import example

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A sweep of two endless trainings, by the command line in a process of its own."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(Path(nf.__file__).parents[1]))
    command = [sys.executable, "-m", "nodeflow", "sweep", str(example("linear_regression"))]
    command += ["--set", "train.learning_rate=[0.01, 0.02]", "--epochs", "1000000"]
    command += ["--tier", "reference", "--parallel", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def wait_for(what: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def states() -> list[str]:
    return sorted(run.status for run in nf.runs())


def both_train() -> bool:
    return states() == ["running", "running"] and all(run.epochs for run in nf.runs())


@pytest.mark.thorough
def test_interrupting_ends_the_trials_after_their_step_and_prints_the_best(sweep):
    wait_for(both_train)
    sweep.send_signal(signal.SIGINT)
    out, err = sweep.communicate(timeout=90)
    assert sweep.returncode == 130 and "Traceback" not in err
    assert out.count("cancelled after epoch") == 2 and "rank correlation" not in out
    assert out.splitlines()[-2:] and "train.learning_rate" in out.splitlines()[-3]
    assert states() == ["stopped", "stopped"]
    assert all(run.weights() for run in nf.runs())


@pytest.mark.thorough
def test_no_trial_outlives_a_sweep_that_is_killed(sweep):
    wait_for(both_train)
    sweep.kill()
    wait_for(lambda: states() == ["stopped", "stopped"])
    assert all(run.weights() for run in nf.runs()), "they have ended in order"
