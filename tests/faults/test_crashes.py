"""A process that ends at any call of the system leaves the old file or the new one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .writers import WRITERS


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_crash_at_each_call(root: Path, tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.crashing"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    lines = found.stdout.splitlines()
    assert len(lines) == len(WRITERS), found.stderr
    wrong = [line for line in lines if not line.endswith(" crashes")]
    assert not wrong and found.returncode == 0, "\n".join(wrong)
