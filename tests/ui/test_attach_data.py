"""From "x and y have no data yet" to data, in two clicks."""

from __future__ import annotations

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def hungry(window, qtbot):
    """A graph with two placeholders for MNIST and nothing that feeds them."""
    document = window.workspace.document
    images = commands.add_node(document, "placeholder", (400, 0), "x", {"shape": [None, 784]})
    commands.add_node(document, "placeholder", (400, 200), "y", {"shape": [None, 10]})
    commands.add_node(document, "negative", (700, 0), "minus")
    commands.connect(document, images, "out", document.node_named("minus").id, "x")
    qtbot.waitUntil(lambda: window.shown_values.waiting_for == ("x", "y"))
    return window


def choose(window, text: str) -> None:
    window.status.waiting.click()
    menu = window.attach_data.menu
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.close()


def test_a_bundled_set_feeds_the_placeholders_that_it_fits(hungry):
    document = hungry.workspace.document
    before = flow.dumps(document)
    assert hungry.status.waiting.text() == "x and y have no data yet"
    choose(hungry, "MNIST")
    fed = {w.target_port: w.source_port for w in document.wires_into(document.node_named("x").id)}
    assert fed == {"feed": "images"}
    assert document.wires[document.node_named("y").id, "feed"].source_port == "labels"
    document.undo()
    assert flow.dumps(document).partition("next_id")[2][5:] == before.partition("next_id")[2][5:]


def test_a_set_that_does_not_fit_is_refused_with_what_it_has(hungry):
    hungry.attach_data.attach("spirals")
    assert "fits" in hungry.info.text and not hungry.workspace.document.wires_into(
        hungry.workspace.document.node_named("x").id
    )


@pytest.mark.thorough
def test_a_file_is_attached(hungry, tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_text("a,b,c\n" + "\n".join(f"{i},{i + 1}.5,{i * 2}.5" for i in range(9)) + "\n")
    document = hungry.workspace.document
    commands.set_attr(document, document.node_named("x").id, "shape", [None, 2])
    monkeypatch.setattr(
        "nodeflow.ui.controllers.data.attach_data.QFileDialog.getOpenFileName",
        lambda *_: (str(path), ""),
    )
    choose(hungry, "A file…")
    wire = document.wires[document.node_named("x").id, "feed"]
    assert document.nodes[wire.source].attrs["source"] == f"csv:{path}"


def test_a_sample_is_set_in_the_inspector(hungry, qtbot):
    choose(hungry, "Set a sample value")
    x = hungry.workspace.document.node_named("x").id
    assert hungry.canvas.selection.ids() == [x]
    inspector = hungry.panels["inspector"].outside
    qtbot.waitUntil(lambda: inspector.isAncestorOf(hungry.focusWidget()))
    assert hungry.focusWidget().accessibleName() == "Sample"
