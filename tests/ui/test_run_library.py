"""The library of runs: what it is asked for comes in order, and its thread ends with it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject

from nodeflow.run_store.errors import UnknownRun
from nodeflow.run_store.run_records import Run
from nodeflow.run_store.store import RunStore
from nodeflow.ui.core.engine_link.run_library import RunLibrary


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "nodeflow-runs"]


@pytest.fixture
def library(qapp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    with RunStore() as store:
        store.begin(Run("raaaaaaaa", "one", created=1.0, updated=time.time()))
    owner = QObject()
    yield RunLibrary(owner)
    owner.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.mark.thorough
def test_edits_come_before_what_is_asked_after_them(library, qtbot):
    answers: list[object] = []
    library.answered.connect(lambda key, result: answers.append((key, result)))
    for number in range(20):
        name = f"name {number}"
        library.change(number, lambda store, name=name: store.edit(["raaaaaaaa"], name=name))
        library.ask(name, lambda store: store.find("latest").name)
    qtbot.waitUntil(lambda: len(answers) == 40)
    asked = [(key, result) for key, result in answers if isinstance(key, str)]
    assert asked == [(f"name {n}", f"name {n}") for n in range(20)]
    assert library.run("raaaaaaaa").name == "name 19" and len(threads()) == 1


def test_an_error_comes_with_the_key_of_the_question(library, qtbot):
    with qtbot.waitSignal(library.failed) as failed:
        library.ask("what", lambda store: store.find("nothing"))
    key, error = failed.args
    assert key == "what" and isinstance(error, UnknownRun)


def test_a_look_tells_of_changes_alone(library, qtbot):
    changes: list[int] = []
    library.changed.connect(lambda: changes.append(1))
    library.look()
    qtbot.waitUntil(lambda: changes == [1])
    with qtbot.waitSignal(library.answered):
        library.look()
        library.ask("after it", lambda store: None)
    assert changes == [1]


def test_the_thread_ends_with_the_window(qapp, tmp_path, monkeypatch, qtbot):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    qtbot.waitUntil(lambda: not threads())  # those of other tests
    owner = QObject()
    library = RunLibrary(owner)
    with qtbot.waitSignal(library._looked):
        library.look()
    assert len(threads()) == 1
    owner.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qtbot.waitUntil(lambda: not threads())


@pytest.mark.thorough
def test_the_thread_ends_when_the_window_closes_and_does_what_it_was_asked(
    tmp_path, monkeypatch, window, qtbot
):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    RunStore().close()
    qtbot.waitUntil(lambda: not threads())
    library = window.findChild(RunLibrary)
    done = []
    with qtbot.waitSignal(library._looked):
        library.look()
    assert len(threads()) == 1
    library.ask("last", lambda store: done.append("last"))
    window.close()
    library.ask("late", lambda store: done.append("late"))
    qtbot.waitUntil(lambda: not threads())
    assert done == ["last"]
