"""A variable in the inspector: its initial value to edit, and the value that it has now."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtWidgets import QComboBox
from test_expand import shown

from nodeflow.document.edit import commands
from nodeflow.host.protocol import Preview
from nodeflow.ui.inspector.editors.bound_input_field import in_words


def page(window, name: str):
    record = window.workspace.document.node_named(name)
    window.canvas.selection.select([record.id])
    return window.panels["inspector"].outside.page


@pytest.mark.thorough
def test_what_was_learned_stands_beside_the_initial_value(qtbot, live_window) -> None:
    window = live_window("linear_regression")
    names = [n.name for n in window.workspace.document.nodes.values() if n.op == "variable"]
    qtbot.waitUntil(lambda: shown(window.canvas, names[0]) is not None, timeout=20000)
    found = page(window, names[0])
    row = found.attributes.attr_rows["value"]
    assert row.label.text() == "Initial value"
    assert row.focus_widget.accessibleName() == "Initial value"
    first = found.current.text.text()
    assert first == shown(window.canvas, names[0])
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: window.link.has_trained, timeout=60000)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60000)
    learned = shown(window.canvas, names[0])
    qtbot.waitUntil(lambda: found.current.text.text() == learned, timeout=20000)
    assert learned != first and found.current.isVisibleTo(found)
    assert row.editor.focus_widget().toPlainText() == "0.0", "the initial value is as before"


@pytest.mark.thorough
def test_other_nodes_have_no_current_value_and_their_value_keeps_its_name(window) -> None:
    document = window.workspace.document
    constant = commands.add_node(document, "constant", (0.0, 0.0), name="c")
    window.canvas.selection.select([constant])
    found = window.panels["inspector"].outside.page
    assert found.current is None
    assert found.attributes.attr_rows["value"].label.text() == "Value"
    drawn = commands.add_node(document, "variable", (0.0, 200.0), name="w")
    window.canvas.selection.select([drawn])
    editor = window.panels["inspector"].outside.page.attributes.attr_rows["initializer"].editor
    assert editor.findChild(QComboBox).itemText(0) == "Constant (use Initial value)"


@pytest.mark.parametrize(
    ("preview", "text"),
    [
        (Preview("scalar", "float32", (), "2.01", np.float32(2.01)), "2.01"),
        (Preview("table", "float32", (3,), "(3,)", np.array([1.0, 2.5, -3.0])), "[1, 2.5, −3]"),
        (
            Preview("summary", "float32", (784, 300), "", None, -0.5, 0.25),
            "(784, 300), −0.5 to 0.25",
        ),
        (Preview("deferred", text="a run computes it"), ""),
    ],
)
def test_a_value_in_a_line(preview: Preview, text: str) -> None:
    assert in_words(preview) == text
