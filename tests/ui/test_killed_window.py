"""The real program on a real display, killed in a training: the next start goes on with it.

Then its engine is killed, and the training goes on again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from test_real_window import display  # noqa: F401  a fixture

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.io.kept_training import unfinished

pytestmark = [pytest.mark.display, pytest.mark.skipif(sys.platform != "linux", reason="needs X")]
PATIENCE_S = 240.0


@pytest.mark.thorough
def test_a_killed_window_and_a_killed_engine_lose_no_step(display, root, tmp_path):  # noqa: F811
    file, losses, picture = (tmp_path / name for name in ("long.flow", "losses", "window.png"))
    shutil.copy(root / "examples/spirals.flow", file)
    document = flow.load(file)
    commands.set_training(document, epochs=1_000_000)
    flow.save(document, file)
    environment = {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(root),
    }
    driver = [sys.executable, str(Path(__file__).with_name("real_resume.py"))]
    states = tmp_path / "state/nodeflow/trainings"
    process = subprocess.Popen([*driver, "train", str(file), str(losses)], env=environment)
    try:
        end = time.monotonic() + PATIENCE_S
        while not any(states.glob("*/states/step-*")) or not losses.exists():
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    seen = np.frombuffer(losses.read_bytes())
    end = time.monotonic() + 20  # the engine ends with its window
    while not (found := unfinished(states)) and time.monotonic() < end:
        time.sleep(0.1)
    step = found[0].step
    result = subprocess.run(
        [*driver, "resume", str(picture)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S + 60,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    assert report.get("error") is None, report
    assert "long.flow" in report["question"]
    first, second = report["resumed"]
    assert step == first < second < report["step"] == len(report["losses"])
    assert "stopped unexpectedly" in report["message"]
    count = min(len(seen), len(report["losses"]))
    assert report["losses"][:count] == seen[:count].tolist()
    assert picture.stat().st_size > 1000
    assert not any(states.glob("*"))  # closed on purpose: nothing is left
