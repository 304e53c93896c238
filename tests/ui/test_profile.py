"""The profile panel and the number of threads, with an engine that says what a profile says."""

from __future__ import annotations

import json

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog

from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.ui.core.engine_link.kernel_totals import totals


def event(name: str, tid: int, micros: float, moved: int) -> dict:
    nodes = name.split(", ")
    arguments = {"nodes": nodes, "bytes": moved, "task": 0, "tasks": 1}
    return {"ph": "X", "name": name, "cat": "fused", "pid": 1, "tid": tid, "ts": 0.0,
            "dur": micros, "args": arguments}  # fmt: skip


TRACE = {
    "traceEvents": [
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": 0, "args": {"name": "thread 0"}},
        event("loss", 0, 10.0, 1000),
        event("product1, sum1, gradients/hidden_grad/greater", 0, 30.0, 3000),
        event("product1, sum1, gradients/hidden_grad/greater", 1, 20.0, 3000),
    ]
}


@pytest.fixture
def mnist(window, engine):
    engine.computes = False
    window.files.open_example(example("mnist"))
    return window


def measured(window, engine, qtbot, times: int = 1) -> None:
    window.panels["profile"].measure.click()
    request = engine.requests(p.Profile)[-1].request
    engine.on_message(p.Profiled(request, times, 2, TRACE, "fuse:\n  a + b\n# kernel 0"))
    qtbot.waitUntil(lambda: window.panels["profile"].result is not None)


def test_kernels_add_up_the_slowest_first():
    first, second = totals(TRACE, 2)
    assert first.nodes == ("product1", "sum1", "gradients/hidden_grad/greater")
    assert (first.micros, first.tasks, first.bytes, first.threads) == (25.0, 1.0, 3000, {0, 1})
    assert (second.name, second.micros) == ("loss", 5.0)


@pytest.mark.thorough
def test_a_profile_from_button_to_table_plan_and_file(mnist, engine, qtbot, tmp_path, monkeypatch):
    mnist.actions_.trigger("profile")
    assert mnist.docking.docks["profile"].isVisible()
    assert mnist.panels["profile"].summary.text() == "Measuring…"
    measured(mnist, engine, qtbot)
    panel = mnist.panels["profile"]
    rows = [panel.table.topLevelItem(i) for i in range(panel.table.topLevelItemCount())]
    assert [row.text(0) for row in rows] == [
        "product1, sum1, gradients/hidden_grad/greater",
        "loss",
    ]
    assert [rows[0].text(column) for column in (2, 3, 5, 6)] == ["50.0", "83%", "0, 1", "6.0 kB"]
    assert panel.summary.text() == "A training step: 60 µs in 2 kernels, 2 threads together"
    panel.ways[1].click()
    assert panel.pages.currentWidget() is panel.plan
    assert "a + b" in panel.plan.toPlainText()
    path = tmp_path / "trace.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    panel.save.click()
    assert json.loads(path.read_text()) == TRACE


@pytest.mark.thorough
def test_a_row_selects_its_nodes_and_what_they_were_derived_for(mnist, engine, qtbot):
    measured(mnist, engine, qtbot)
    panel = mnist.panels["profile"]
    panel.table.itemClicked.emit(panel.table.topLevelItem(0), 0)
    document = mnist.workspace.document
    names = {document.nodes[i].name for i in mnist.workspace.selection}
    assert names == {"product1", "sum1", "hidden"}
    panel.chosen.emit(("train/W1/step",))
    assert [document.nodes[i].name for i in mnist.workspace.selection] == ["train"]
    panel.chosen.emit(("batch of x",))
    assert [document.nodes[i].name for i in mnist.workspace.selection] == ["train"]


def test_an_edit_says_that_the_profile_is_older_and_another_file_has_none(mnist, engine, qtbot):
    measured(mnist, engine, qtbot, times=0)
    assert mnist.panels["profile"].summary.text().startswith("A run: ")
    mnist.canvas.selection.select([mnist.workspace.find("loss")])
    mnist.actions_.trigger("delete")
    assert mnist.panels["profile"].summary.text().startswith("Before the last edit: A run")
    mnist.workspace.document.mark_saved()
    mnist.files.open_example(example("expression"))
    assert mnist.panels["profile"].result is None
    assert not mnist.panels["profile"].save.isEnabled()


@pytest.mark.thorough
def test_a_failure_is_told_and_an_empty_graph_is_not_measured(mnist, engine, qtbot):
    mnist.panels["profile"].measure.click()
    request = engine.requests(p.Profile)[-1].request
    engine.on_message(p.Failed(request, "Profile", p.ErrorData("DataError", "no rows", "mnist")))
    qtbot.waitUntil(lambda: "no rows" in mnist.info.text)
    assert mnist.panels["profile"].summary.text() == ""
    mnist.files.begin_empty()
    count = len(engine.requests(p.Profile))
    mnist.panels["profile"].measure.click()
    assert len(engine.requests(p.Profile)) == count


def test_the_number_of_threads_is_set_remembered_and_given_to_every_engine(
    window, engine, qtbot, settings
):
    assert settings.threads is None
    window.actions_.trigger("threads")
    (dialog,) = (w for w in QApplication.topLevelWidgets() if w.objectName() == "threads")
    assert dialog.field.text() == "As many as cores"
    dialog.field.setValue(3)
    dialog.accept()
    assert settings.threads == 3
    assert engine.requests(p.SetThreads) == [p.SetThreads(3)]
    engine.on_message(p.Ready(1, 3))
    qtbot.waitUntil(lambda: "3 threads" in window.status.engine.text())
    window.link.restart()
    again = type(engine).made[-1]
    assert again is not engine
    assert again.requests(p.SetThreads) == [p.SetThreads(3)]


@pytest.mark.parametrize("stored, expected", [("0", None), ("2", 2), ("-1", None), ("many", None)])
def test_a_damaged_number_of_threads_is_as_many_as_cores(settings, stored, expected):
    settings._store.setValue("threads", stored)
    assert settings.threads == expected
