"""What the window and its engine must not keep in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nodeflow.ui.canvas.paint import card_atlas

STATM = Path("/proc/self/statm")


@pytest.mark.thorough
def test_no_source_of_a_module_is_kept(root):
    code = "import linecache, nodeflow.ui.app, pyqtgraph; print(len(linecache.cache))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(found.stdout) < 50, "PySide reads those of all modules, more than a thousand"


@pytest.mark.skipif(not STATM.exists(), reason="the system does not say what is in use")
def test_an_empty_page_of_cards_takes_no_memory(qtbot):
    def used() -> int:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = used()
    pages = [card_atlas._blank_pixmap() for _ in range(4)]
    assert used() - before < card_atlas.PAGE * card_atlas.PAGE * 4, "one of four would be too much"
    assert all(page.hasAlphaChannel() for page in pages)
    assert pages[0].size().width() == pages[0].size().height() == card_atlas.PAGE


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc").exists(), reason="there is no /proc")
def test_the_engine_shares_one_heap_among_its_threads():
    from nodeflow.host.engine_client import EngineClient

    client = EngineClient(lambda message: None)
    client.start()
    try:
        environment = Path(f"/proc/{client.pid}/environ").read_bytes().split(b"\0")
    finally:
        client.close()
    assert b"MALLOC_ARENA_MAX=1" in environment


PLOTTING = """
import nodeflow.ui, sys
from nodeflow.ui.panels.plots.plotting import pg
from PySide6 import QtWidgets
import pyqtgraph.Qt
mirror = pyqtgraph.Qt.QtWidgets
print("QWizard" in vars(mirror), mirror.QWizard is QtWidgets.QWizard, "QWizard" in dir(QtWidgets))
"""


@pytest.mark.thorough
def test_pyqtgraph_copies_no_class_of_qt(root):
    found = subprocess.run(
        [sys.executable, "-c", PLOTTING],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["False", "True", "True"]
