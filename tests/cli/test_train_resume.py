"""``nodeflow train --checkpoint`` and ``--resume``."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
from pathlib import Path

import pytest

from nodeflow.resources import examples
from nodeflow.train.resume.checkpoints import existing
from nodeflow.train.saving.weights import load_weights
from nodeflow.train.training_state import load_state

SPIRALS = next(path for path in examples() if path.stem == "spirals")
TIMELESS = ("event", "epoch", "loss", "metrics", "steps")


def epochs(lines):
    """What is the same in a resumed training."""
    return [{k: e[k] for k in TIMELESS} for e in lines if e["event"] == "epoch"]


@pytest.mark.thorough
def test_two_and_two_epochs_are_four(nodeflow, tmp_path):
    options = ("--json", "--tier", "reference")
    whole = nodeflow("train", SPIRALS, *options, "--epochs", 4, "--save-weights", "whole").lines
    first = nodeflow("train", SPIRALS, *options, "--epochs", 2, "--checkpoint", "kept").lines
    written = next(e for e in first if e["event"] == "checkpoint")
    assert written["path"] == str(tmp_path / "kept" / f"step-{written['step']}")
    assert "problem" not in written
    again = ("--epochs", 4, "--resume", "kept", "--save-weights", "both")
    rest = nodeflow("train", SPIRALS, *options, *again).lines
    assert rest[0] == {"event": "resumed", "step": written["step"], "epoch": 3}
    assert epochs(first) + epochs(rest) == epochs(whole)
    whole, both = load_weights(tmp_path / "whole"), load_weights(tmp_path / "both")
    assert all(whole[name].tobytes() == both[name].tobytes() for name in whole)


@pytest.mark.thorough
def test_what_has_changed_is_named_with_its_option(nodeflow):
    options = ("--tier", "reference", "--epochs", 1)
    nodeflow("train", SPIRALS, *options, "--checkpoint", "kept", "--seed", 3)
    result = nodeflow("train", SPIRALS, *options, "--resume", "kept")
    assert result.code == 1 and "seed (was 3, is 1)" in result.err
    assert "--resume-changed" in result.err
    result = nodeflow("train", SPIRALS, "--epochs", 2, "--resume", "kept", "--resume-changed")
    assert result.code == 0 and "resumed although it has changed: seed" in result.err
    assert "resumed after step 16, in epoch 2" in result.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--every", "5"), "--checkpoint DIR"),
        (("--keep", "2"), "--checkpoint DIR"),
        (("--resume-changed",), "--resume DIR"),
        (("--checkpoint", "c", "--every", "soon"), "--every 30s"),
        (("--resume", "nothing"), "there is no checkpoint of a training"),
        (("--resume", "c", "--weights", "w"), "contradict"),
    ],
)
def test_options_that_make_no_sense(nodeflow, options, said):
    result = nodeflow("train", SPIRALS, *options)
    assert result.code in (1, 2) and said in result.err
    assert "Traceback" not in result.err


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="sends Unix signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_the_state_and_says_how_to_go_on(
    nodeflow, endless_training, tmp_path, number
):
    process = endless_training("--checkpoint", "kept", "--tier", "reference")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    step = load_state(existing(tmp_path / "kept")[-1]).step
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[-2]["step"] == step  # then, that it is done
    said = err.splitlines()[-1]
    assert f"stopped after step {step}; to resume: nodeflow train" in said
    again = shlex.split(said.partition("to resume: nodeflow ")[2])
    assert again[-2:] == ["--resume", "kept"] and "training.epochs=1000000" in again
    after = [1, *(e["epoch"] for e in epochs(lines))][-1] + 1  # the first that is not reported
    assert 16 * (after - 1) <= step <= 16 * after
    result = nodeflow(*again, "--epochs", after, "--json")
    assert result.lines[0] == {"event": "resumed", "step": step, "epoch": after}
    assert [e["epoch"] for e in epochs(result.lines)] == [after]


def test_a_full_disk_at_the_end_keeps_the_weights_elsewhere(nodeflow, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    real = os.fsync

    def fsync(handle: int) -> None:
        if os.readlink(f"/proc/self/fd/{handle}").startswith(str(tmp_path / "full")):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    (tmp_path / "full").mkdir()
    where = ("--save-weights", "full/w.safetensors", "--checkpoint", "full/kept")
    result = nodeflow("train", SPIRALS, "--epochs", 1, "--tier", "reference", *where)
    assert result.code == 1 and "Traceback" not in result.err
    assert "No space left on device" in result.err
    said = [line for line in result.err.splitlines() if "the weights are in" in line]
    weights = Path(said[0].rpartition(" ")[2])
    assert load_weights(weights) and weights.is_relative_to(tmp_path / "state")
    said = [line for line in result.err.splitlines() if "the state is in" in line]
    assert load_state(Path(said[0].rpartition(" ")[2])).step == 16
