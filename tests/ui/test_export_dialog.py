"""Exporting a picture from the window: the whole or the selection, each format, problems told."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QMessageBox

from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import clipboard
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.io.embedded_graph import load_picture
from nodeflow.drawing.graph_drawing import draw_graph
from nodeflow.ui.canvas import export_image
from nodeflow.ui.popups.dialogs.export_dialog import FORMATS, ExportDialog
from tests.ui.test_window import build_expression


@pytest.fixture
def export(window, tmp_path, monkeypatch, qtbot):
    """Exports with the given settings of the dialog; returns the path and the dialog."""
    doc = window.workspace.document
    build_expression(doc)
    window.pages.show_canvas()
    # Values make cards taller, so sizes can be compared only once they are there.
    state = window.canvas.node_state
    qtbot.waitUntil(lambda: all(state.value_of(node) is not None for node in doc.nodes))

    def run(name, **settings):
        path, shown = tmp_path / name, []

        def accept(dialog):
            shown.append(dialog)
            suffixes = list(FORMATS.values())
            dialog.format.setCurrentIndex(suffixes.index(settings.get("suffix", ".png")))
            dialog.scale.setValue(settings.get("scale", 1.0))
            dialog.theme.setCurrentText(settings.get("theme", "Light"))
            if "what" in settings:
                dialog.what.setCurrentIndex(settings["what"])
            return 1

        monkeypatch.setattr(ExportDialog, "exec", accept)
        monkeypatch.setattr(
            "nodeflow.ui.controllers.files.file_controller.QFileDialog.getSaveFileName",
            lambda *a: (str(path), ""),
        )
        window.actions_.trigger("export")
        return path, shown[0]

    return run


def names(document):
    return {record.name for record in document.nodes.values()}


@pytest.mark.thorough
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_whole_graph_can_be_read_back_from_its_picture(window, export, suffix):
    path, _ = export(f"a{suffix}", suffix=suffix)
    assert names(load_picture(path)) == names(window.workspace.document)


@pytest.mark.thorough
def test_a_selection_alone_is_shown_and_carried(window, export):
    doc = window.workspace.document
    chosen = [doc.node_named(n).id for n in ("b", "c", "d")]
    whole, _ = export("whole.png")
    window.canvas.selection.select(chosen)
    path, dialog = export("part.png")
    assert dialog.what.currentText() == "The selection (3 nodes)"
    document = load_picture(path)
    assert names(document) == {"b", "c", "d"} and len(document.wires) == 2
    assert {n.name: n.pos for n in document.nodes.values()} == {
        doc.nodes[i].name: doc.nodes[i].pos for i in chosen
    }
    assert QImage(str(path)).width() < QImage(str(whole)).width()
    everything, _ = export("all.png", what=0)
    assert names(load_picture(everything)) == names(doc)


@pytest.mark.thorough
def test_a_selected_frame_comes_with_what_it_holds(window, export):
    doc = window.workspace.document
    x, y = doc.node_named("b").pos
    frame = commands.add_frame(doc, (x - 20, y - 60, 60, 100), "Input")
    window.canvas.selection.select([frame])
    path, _ = export("frame.png")
    document = load_picture(path)
    assert names(document) == {"b"}
    assert [f.title for f in document.frames.values()] == ["Input"]


@pytest.mark.thorough
def test_scale_and_theme(export):
    small, dialog = export("one.png", scale=1.0, theme="Light")
    large, _ = export("two.png", scale=3.0, theme="Dark")
    one, two = QImage(str(small)), QImage(str(large))
    assert (two.width(), two.height()) == (3 * one.width(), 3 * one.height())
    assert f"{one.width()} × {one.height()} pixels" in dialog._size.text()
    assert one.pixelColor(2, 2).lightness() > 200 > 60 > two.pixelColor(2, 2).lightness()


@pytest.mark.thorough
def test_the_scale_of_vectors_is_not_asked(export):
    path, dialog = export("a.pdf", suffix=".pdf")
    assert path.read_bytes().startswith(b"%PDF") and not dialog.scale.isEnabled()


@pytest.mark.thorough
def test_a_name_without_an_ending_gets_the_formats(export):
    path, _ = export("plain", suffix=".svg")
    assert path.with_name("plain.svg").exists()


@pytest.mark.thorough
def test_a_picture_that_cannot_be_written_is_a_message(export, monkeypatch):
    told = []
    monkeypatch.setattr(QMessageBox, "exec", lambda box: told.append(box.informativeText()))
    export("nowhere/a.png")
    assert "nowhere" in told[0]


@pytest.mark.thorough
def test_an_excerpt_of_nothing_is_empty(window):
    build_expression(window.workspace.document)
    assert not clipboard.excerpt(window.workspace.document, []).nodes


@pytest.mark.thorough
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_inside_a_subgraph_its_graph_is_drawn_with_types_and_the_file_carried(
    window, export, suffix, monkeypatch
):
    doc = window.workspace.root
    made = create(doc, [doc.node_named(n).id for n in ("d", "e")], "sums")
    window.workspace.enter(made)
    views = []
    real = export_image._view
    monkeypatch.setattr(export_image, "_view", lambda *a: views.append(real(*a)) or views[-1])
    shown, svg_file = [], export_image.svg_file

    def seen(document, *, analysis, **options):
        shown.append((document, analysis))
        return svg_file(document, analysis=analysis, **options)

    monkeypatch.setattr(export_image, "svg_file", seen)
    path, dialog = export(f"inside{suffix}", suffix=suffix)
    assert dialog.what.currentText() == "The subgraph sums"
    found = load_picture(path)
    assert flow.dumps(found) == flow.dumps(doc), "the file comes back, not a part of it"
    if suffix == ".svg":
        drawn = [node.card for node in draw_graph(*shown[0]).nodes]
    else:
        drawn = list(map(views[0].scene.card, views[0].scene.nodes.used().tolist()))
    assert {f.title for f in drawn} == {"inputs", "outputs", "d", "e"}
    assert [p.type_text for f in drawn if f.title == "d" for p in f.outputs] == ["f32"]
    assert not [f.problem for f in drawn if f.problem]


def test_a_selection_is_drawn_with_the_types_that_it_has_where_it_is(window, export, monkeypatch):
    doc = window.workspace.document
    views = []
    real = export_image._view
    monkeypatch.setattr(export_image, "_view", lambda *a: views.append(real(*a)) or views[-1])
    window.canvas.selection.select([doc.node_named("d").id, doc.node_named("a").id])
    export("part.png")
    drawn = list(map(views[0].scene.card, views[0].scene.nodes.used().tolist()))
    assert {f.title: [p.type_text for p in f.outputs] for f in drawn} == {
        "d": ["f32"],
        "a": ["f32"],
    }
    assert not [f.problem for f in drawn if f.problem]


@pytest.mark.thorough
def test_only_the_border_of_a_subgraph_is_no_selection(window, export):
    doc = window.workspace.root
    made = create(doc, [doc.node_named(n).id for n in ("d", "e")], "sums")
    window.workspace.enter(made)
    window.canvas.selection.select(list(window.workspace.document.borders.values()))
    _, dialog = export("border.png")
    assert dialog.what.count() == 1
