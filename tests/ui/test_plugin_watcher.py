"""Ops of the user's own in the window: added, edited while wired, broken, gone and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QInputDialog

from nodeflow.document.edit import commands
from nodeflow.host.protocol import Evaluate, LoadPlugins
from nodeflow.ops.user import PLUGINS

BLEND = """
import nodeflow

@nodeflow.op(infer="same as x")
def blend(x, y, share: float = 0.5):
    \"\"\"A mixture of x and y.\"\"\"
    return x * share + y * (1 - share)
"""


@pytest.fixture
def blend(plugin_files: Path) -> Path:
    file = plugin_files / "blend.py"
    file.write_text(BLEND)
    return file


@pytest.fixture
def own(blend, window):
    """The window, with ``mix = blend(a, b)`` on the canvas."""
    document = window.workspace.document
    a = commands.add_node(document, "constant", (0, 0), name="a")
    b = commands.add_node(document, "constant", (0, 140), name="b")
    mix = commands.add_node(document, "blend", (300, 0), name="mix", attrs={"share": 0.25})
    commands.connect(document, a, "out", mix, "x")
    commands.connect(document, b, "out", mix, "y")
    window.mix = mix
    return window


def card(window):
    slot = window.canvas.scene.nodes.get(window.mix)
    return window.canvas.scene.card(slot)


def saved(qtbot, window, file: Path, text: str | None) -> None:
    """Change a file as an editor does, and wait until the window has loaded it."""
    with qtbot.waitSignal(window.plugins.reloaded, timeout=60_000):
        file.unlink() if text is None else file.write_text(text)


@pytest.mark.thorough
def test_it_is_in_the_palette_and_is_added_by_typing(blend, window, qtbot) -> None:
    panel = window.panels["palette"]
    panel.search.setText("blend")
    index = panel.tree.model().index(0, 0)
    assert panel.tree.op_at(index) == "blend" and "A mixture of x and y." in index.data(
        Qt.ItemDataRole.ToolTipRole
    )
    qtbot.keyClick(panel.search, Qt.Key.Key_Return)
    (record,) = window.workspace.document.nodes.values()
    assert record.op == "blend"


@pytest.mark.thorough
def test_a_saved_change_shows_at_once_and_wires_stay(own, blend, qtbot, engine) -> None:
    own.canvas.selection.select([own.mix])
    before = dict(own.workspace.document.wires)
    asked = len(engine.requests(Evaluate))
    text = BLEND.replace("x, y,", "y, x, z=None,").replace("share: float = 0.5", "w: float = 0.5")
    saved(qtbot, own, blend, text.replace("share", "w"))
    assert [p.name for p in card(own).inputs] == ["y", "x", "z"]
    assert own.workspace.document.wires == before
    scene = own.canvas.scene
    for port, height in (("x", 1), ("y", 0)):
        slot = scene.wires.slots.get((own.mix, port))
        ends = scene.wires.ends(scene.wires.slots.used(), scene.positions)
        row = list(scene.wires.slots.used()).index(slot)
        assert ends[row][3] == pytest.approx(card(own).port_y(height, "in"))
    rows = own.panels["inspector"].outside.page.attributes.attr_rows
    assert "w" in rows and "share" not in rows
    assert own.workspace.document.nodes[own.mix].attrs == {"share": 0.25}
    assert "share" in own.panels["inspector"].outside.page.attributes._unknown.text()
    assert engine.requests(LoadPlugins)[-1].folder == str(blend.parent)
    qtbot.waitUntil(lambda: len(engine.requests(Evaluate)) > asked)


@pytest.mark.thorough
def test_a_wire_that_no_longer_fits_is_kept_and_is_a_problem(own, blend, qtbot) -> None:
    before = dict(own.workspace.document.wires)
    changed = BLEND.replace("x, y,", "x,").replace(" + y * (1 - share)", "")
    saved(qtbot, own, blend, changed)
    shown = {p.name: p.fault for p in card(own).inputs}
    assert shown == {"x": "", "y": "error"} and "no in-port 'y'" in card(own).problem
    assert own.workspace.document.wires == before
    texts = [
        own.panels["problems"].list.item(i).text()
        for i in range(own.panels["problems"].list.count())
    ]
    assert any("mix:y" in text for text in texts)
    saved(qtbot, own, blend, BLEND)
    assert card(own).problem == "" and own.workspace.problems() == []


def titles(model) -> set[str]:
    """Texts of all rows of a tree, the ops among them."""
    found, waiting = set(), [model.invisibleRootItem()]
    while waiting:
        item = waiting.pop()
        found.add(item.text())
        waiting += [item.child(row) for row in range(item.rowCount())]
    return found


@pytest.mark.thorough
def test_an_op_that_goes_becomes_unknown_and_comes_back(own, blend, qtbot) -> None:
    before = dict(own.workspace.document.wires)
    saved(qtbot, own, blend, None)
    assert card(own).subtitle == "unknown op blend" and card(own).severity == "error"
    assert [p.name for p in card(own).inputs] == ["x", "y"]
    own.panels["palette"].search.setText("blend")
    assert "Blend" not in titles(own.panels["palette"].tree.model())
    saved(qtbot, own, blend, BLEND)
    assert card(own).problem == "" and own.workspace.document.wires == before
    assert "Blend" in titles(own.panels["palette"].tree.model())


@pytest.mark.thorough
def test_an_error_in_the_file_is_at_the_node_and_in_the_list(own, blend, qtbot, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    saved(qtbot, own, blend, BLEND + "\n)")
    assert "blend.py, line 9" in card(own).problem and len(card(own).inputs) == 2
    listed = own.panels["problems"].list
    texts = [listed.item(i).text() for i in range(listed.count())]
    row = next(i for i, text in enumerate(texts) if text.startswith("blend.py, line 9"))
    assert any(text.startswith("mix") for text in texts)
    listed.itemClicked.emit(listed.item(row))
    assert opened[0].toLocalFile() == str(blend)
    saved(qtbot, own, blend, BLEND)
    assert own.workspace.problems() == [] and card(own).problem == ""


@pytest.mark.thorough
def test_undo_reaches_back_over_a_reload(own, blend, qtbot) -> None:
    document = own.workspace.document
    commands.set_attr(document, own.mix, "share", 0.75)
    saved(qtbot, own, blend, BLEND.replace("0.5", "0.1"))
    document.undo()
    assert document.nodes[own.mix].attrs == {"share": 0.25}


def wait_for_ops(qtbot, window, *ops: str) -> None:
    """Wait until the files have run in their process."""
    qtbot.waitUntil(lambda: not window.plugins.is_loading, timeout=60_000)
    assert [op.id for op in PLUGINS.ops] == [*ops]


def test_a_new_op_is_written_loaded_and_opened(window, plugin_files, qtbot, monkeypatch) -> None:
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    window.actions_.trigger("new_op")
    dialog = window.findChild(QInputDialog, "newOp")
    dialog.setTextValue("soft_step")
    dialog.accept()
    path = plugin_files / "soft_step.py"
    assert path.exists() and opened[0].toLocalFile() == str(path)
    wait_for_ops(qtbot, window, "soft_step")
    window.panels["palette"].search.setText("soft step")
    assert window.panels["palette"].tree.op_at(
        window.panels["palette"].tree.model().index(0, 0)
    ) == ("soft_step")
    said = []
    window.messages.message_shown.connect(lambda text, kind: said.append(text))
    for name in ("not a name", "add", "soft_step"):
        window.plugins.make_op(name)
    assert len(said) == 3 and len(opened) == 1


@pytest.mark.thorough
def test_the_folder_is_made_with_a_sample_when_it_is_opened(
    window, tmp_path, monkeypatch, qtbot
) -> None:
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    monkeypatch.setenv("NODEFLOW_PLUGINS", str(tmp_path / "mine"))
    try:
        window.actions_.trigger("plugin_folder")
        assert opened[0].toLocalFile() == str(tmp_path / "mine")
        assert (tmp_path / "mine" / "leaky.py").exists()
        wait_for_ops(qtbot, window, "leaky")
    finally:
        PLUGINS.unload()


@pytest.mark.thorough
def test_another_folder_can_be_chosen_unless_the_environment_names_one(
    window, tmp_path, monkeypatch, qtbot
) -> None:
    monkeypatch.setenv("NODEFLOW_PLUGINS", str(tmp_path))
    assert "NODEFLOW_PLUGINS" in window.plugins.choosing_blocked().reason
    monkeypatch.delenv("NODEFLOW_PLUGINS")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "blend.py").write_text(BLEND)
    try:
        assert window.plugins.choosing_blocked() is None
        window.plugins.choose(other)
        assert window.plugins.folder == other
        wait_for_ops(qtbot, window, "blend")
    finally:
        PLUGINS.unload()
