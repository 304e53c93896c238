"""File > Export > Web page: the file shows the graph with its values."""

from __future__ import annotations

from PySide6.QtWidgets import QFileDialog

from nodeflow.resources import example


def test_the_page_has_the_graph_and_the_values_on_its_nodes(window, qtbot, tmp_path, monkeypatch):
    window.files.open_example(example("expression"))
    document, path = window.workspace.document, tmp_path / "page"
    node = document.node_named("e").id
    qtbot.waitUntil(lambda: window.canvas.node_state.value_of(node) is not None, timeout=20000)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    window.actions_.trigger("export_page")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    value = window.canvas.node_state.value_of(node).text
    assert f">{value}</text>" in page
    assert all(f">{record.name}</text>" in page for record in document.nodes.values())


def test_an_empty_graph_has_no_page(window):
    window.files.begin_empty()
    assert not window.actions_["export_page"].isEnabled()
