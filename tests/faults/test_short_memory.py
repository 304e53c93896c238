"""Readers that run short of memory say so, in an error of nodeflow's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .short_memory import READERS


@pytest.mark.thorough
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs limits of address space")
def test_each_reader_says_that_memory_is_short(root: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.short_memory"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    lines = found.stdout.splitlines()
    wrong = [line for line in lines if not line.endswith(" refusals")]
    assert not wrong and found.returncode == 0, f"{found.stdout}\n{found.stderr}"
    assert len(lines) == len(READERS)
    assert all(int(line.split()[-2]) > 0 for line in lines), "nothing was ever refused"
