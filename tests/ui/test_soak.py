"""A long session, compressed, leaves nothing; the nightly one looks at memory, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.volumes import seeds


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.serial
def test_a_long_session_leaves_nothing(root: Path, tmp_path: Path) -> None:
    cycles = seeds("cycles of a long session")
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "QT_QPA_PLATFORM": "offscreen",
        "NODEFLOW_RUNS": "off",
        **{f"XDG_{name}_HOME": str(tmp_path / name) for name in ("CONFIG", "DATA", "STATE")},
    }
    environment.pop("NODEFLOW_VERIFY", None)
    command = [sys.executable, "-X", "faulthandler", root / "tests/ui/soak.py"]
    options = ["--cycles", len(cycles), "--seed", cycles.start]
    found = subprocess.run(
        [str(part) for part in [*command, *options]],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    print(found.stdout)
    assert found.returncode == 0, f"{found.stdout}\n{found.stderr}"
