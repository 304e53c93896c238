"""File > Export code, by real events: another library is chosen, and the files are written."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QFileDialog

from nodeflow.resources import example
from nodeflow.ui.popups.dialogs.code_dialog import CodeDialog


def when_open(act) -> None:
    """Do something with the dialog once it is there and has written its text."""

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, CodeDialog) or dialog.state.text() == "Writing the code…":
            QTimer.singleShot(20, look)
            return
        try:
            act(dialog)
        except BaseException:
            dialog.reject()
            raise

    QTimer.singleShot(20, look)


def test_code_is_shown_and_written(window, qtbot, tmp_path: Path, monkeypatch):
    window.files.open_example(example("spirals"))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    seen: list[str] = []

    def to_jax(dialog: CodeDialog) -> None:
        seen.append(dialog.text.toPlainText())
        qtbot.keyClick(dialog.choice, Qt.Key.Key_Down)
        when_open(write)

    def write(dialog: CodeDialog) -> None:
        seen.append(dialog.text.toPlainText())
        qtbot.mouseClick(dialog.write, Qt.MouseButton.LeftButton)

    when_open(to_jax)
    window.actions_.trigger("export_code")
    assert "class Spirals(nn.Module):" in seen[0] and "import jax.numpy as jnp" in seen[1]
    qtbot.waitUntil(lambda: (tmp_path / "out" / "spirals.safetensors").exists(), timeout=20000)
    assert (tmp_path / "out" / "spirals.py").read_text("utf-8") == seen[1]


def test_what_cannot_be_written_is_named(window, qtbot, tmp_path: Path):
    import nodeflow as nf

    with nf.Graph() as graph:
        root = nf.cholesky(nf.constant([[4.0]]), name="root")
        for n in range(5):
            nf.digamma(root, name=f"psi{n}")
    nf.save(graph, tmp_path / "a.flow")
    assert window.files.load(tmp_path / "a.flow")
    said: list[str] = []

    def look(dialog: CodeDialog) -> None:
        said.append(dialog.state.text())
        assert not dialog.write.isEnabled()
        dialog.reject()

    when_open(look)
    window.actions_.trigger("export_code")
    assert "cholesky (root)" in said[0]
    assert "digamma (psi0, psi1, psi2, psi3, psi4)" in said[0]


@pytest.mark.thorough
def test_an_empty_graph_has_no_code(window):
    window.files.begin_empty()
    assert not window.actions_["export_code"].isEnabled()
