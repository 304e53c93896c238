"""What the tests of integrations share: the command line, and integrations that are missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nodeflow import manifests
from tests.cli.conftest import nodeflow  # noqa: F401  the command line, as tests/cli calls it


@pytest.fixture
def without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Take integrations away by name: ``without("tsne")``. The test finds only the others."""

    def take_away(*names: str) -> None:
        folder = tmp_path / "integrations"
        for path in manifests.FOLDER.glob(f"*/{manifests.MANIFEST}"):
            if path.parent.name not in names:
                (folder / path.parent.name).mkdir(parents=True)
                shutil.copy(path, folder / path.parent.name)
        monkeypatch.setattr(manifests, "FOLDER", folder)
        manifests._all_offers.cache_clear()

    yield take_away
    monkeypatch.undo()
    manifests._all_offers.cache_clear()
