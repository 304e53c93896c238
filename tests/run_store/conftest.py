"""Small graphs to train, and stores that start empty."""

from __future__ import annotations

from pathlib import Path

import pytest

import nodeflow as nf
from tests.run_store.lines import fitted_line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of the trainings of this test."""
    found = tmp_path / "runs"
    monkeypatch.setenv("NODEFLOW_RUNS", str(found))
    return found


@pytest.fixture
def line() -> tuple[nf.Graph, dict]:
    """A graph that fits a line, and its rows: 40 of them, ten steps an epoch with batches of 4."""
    return fitted_line()
