"""A window that is edited is killed at random moments: no edit is lost.

Three kills in ``make test``, 10 000 in ``make test-nightly`` (`tests/volumes.py`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.volumes import is_nightly, seeds

USUAL, BATCH = 3, 50
ALL = seeds("kills of a window")
SEEDS = ALL if is_nightly() else ALL[:USUAL]


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="kills by a Unix signal")
@pytest.mark.parametrize("first", SEEDS[::BATCH])
def test_no_edit_is_lost(first: int, root: Path, tmp_path: Path) -> None:
    count = min(BATCH, SEEDS.stop - first)
    command = [sys.executable, root / "tests/ui/window_kills.py", tmp_path, first, count]
    found = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    print(found.stdout)
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.startswith(f"{count} kills, ")
    assert ", 0 of an edited document" not in found.stdout
