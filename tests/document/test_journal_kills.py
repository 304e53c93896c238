"""A process that edits a document is killed at random moments: no edit is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.volumes import seeds

BATCH = 500
SEEDS = seeds("kills of an edited document")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("first", SEEDS[::BATCH])
def test_no_edit_is_lost(first: int, root: Path, tmp_path: Path) -> None:
    count = min(BATCH, SEEDS.stop - first)
    command = [sys.executable, "-m", "tests.document.journal_kills", tmp_path, first, count]
    found = subprocess.run(
        list(map(str, command)), cwd=root, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.startswith(f"{count} kills, ")
