"""Sweeps in the window, by mouse and keys: what varies, trials in real processes, what comes of
them."""

from __future__ import annotations

from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QMenu, QMessageBox, QWidget

from nodeflow.document.edit import commands
from nodeflow.document.edit.sweep_settings import set_sweep, set_values, spec_texts, vary
from nodeflow.document.io import flow
from nodeflow.run_store.store import RunStore
from nodeflow.sweeps.grid_and_random_trials import Trial
from nodeflow.sweeps.kept import kept_sweeps
from nodeflow.sweeps.plan import Plan
from nodeflow.sweeps.results import CANCELLED, DONE, FAILED, TRAINING, Result
from nodeflow.sweeps.setup import Setup
from nodeflow.sweeps.sweep import Sweep
from nodeflow.sweeps.value_specs import spec_of
from nodeflow.ui.inspector.editors.attribute_row import VARY
from nodeflow.ui.panels.trainings.trial_table import PROBLEM, RESULT
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.dialogs.vary_dialog import LIST, LOG, RANGE, VaryDialog

RATE = "train.learning_rate"
LEFT = Qt.MouseButton.LeftButton
LONG = 120_000
ASK_END_SWEEP = confirmation_dialogs.ask_end_sweep


# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def panel(window, qtbot, monkeypatch: pytest.MonkeyPatch):
    """The panel over the line, with two epochs; trials are computed by the reference tier."""
    from nodeflow.ui.panels import sweep

    monkeypatch.setattr(sweep, "TIER", "reference")
    window.files.open_example(flow_example())
    set_values(window.workspace.root, {"training.epochs": 2})
    window.docking.show("sweep")
    qtbot.waitUntil(window.panels["sweep"].isVisible)
    return window.panels["sweep"]


def flow_example() -> Path:
    from nodeflow.resources import example

    return example("linear_regression")


def optimizer(window) -> str:
    record = window.workspace.root.node_named("train")
    return record.id


def dialog(window, qtbot) -> VaryDialog:
    qtbot.waitUntil(lambda: any(d.isVisible() for d in window.findChildren(VaryDialog)))
    return next(d for d in window.findChildren(VaryDialog) if d.isVisible())


def choose(combo, qtbot, data: str) -> None:
    """Goes to an entry of a combo box by keys."""
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_Home)
    for _ in range(combo.findData(data)):
        qtbot.keyClick(combo, Qt.Key.Key_Down)
    assert combo.currentData() == data


def write(field, qtbot, text: str) -> None:
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)


def learning_rate_row(window):
    window.canvas.selection.select([optimizer(window)])
    return window.panels["inspector"].outside.page.attributes.attr_rows["learning_rate"]


def start(panel, qtbot) -> None:
    qtbot.mouseClick(panel.start, LEFT)
    assert not panel.start.isEnabled() and panel.start.toolTip()
    qtbot.waitUntil(lambda: panel.runner.trains, timeout=LONG)


def finish(panel, qtbot) -> None:
    qtbot.waitUntil(lambda: not panel.runner.trains, timeout=LONG)
    qtbot.waitUntil(lambda: all(r.is_over for r in panel.model.results))


def cells(panel, title: str) -> list[str]:
    column = panel.model.columns.index(title)
    return [panel.model.index(row, column).data() for row in range(panel.model.rowCount())]


def click_row(panel, qtbot, row: int) -> None:
    index = panel.model.index(row, 1)
    panel.table.scrollTo(index)
    place = panel.table.visualRect(index).center()
    qtbot.mouseClick(panel.table.viewport(), LEFT, pos=place)


def open_vary(row, qtbot) -> None:
    """Choose the entry of the menu at the name of the field."""
    qtbot.mouseClick(row.label, LEFT)
    (menu,) = (menu for menu in row.window().findChildren(QMenu) if menu.isVisible())
    next(action for action in menu.actions() if action.text() == VARY).trigger()
    menu.close()


# ---- what varies --------------------------------------------------------------------------------


@pytest.mark.thorough
def test_an_attribute_varies_from_the_inspector(panel, window, qtbot):
    row = learning_rate_row(window)
    before = flow.dumps(window.workspace.root)
    open_vary(row, qtbot)
    asked = dialog(window, qtbot)
    assert asked.kind.currentData() == LOG, "around a number above 0"
    choose(asked.kind, qtbot, LIST)
    write(asked.values, qtbot, "0.01, 0.1, 0.3")
    assert asked.note.text() == "3 values"
    qtbot.keyClick(asked.values, Qt.Key.Key_Return)
    assert spec_texts(window.workspace.root) == {RATE: "[0.01, 0.1, 0.3]"}
    assert row.varied.isVisible() and row.varied.text() == "Sweep: 0.01, 0.1, 0.3"
    assert panel.settings.note.text() == "3 trials" and panel.start.isEnabled()
    window.actions_.trigger("undo")
    assert flow.dumps(window.workspace.root) == before and not row.varied.isVisible()
    assert not panel.start.isEnabled() and panel.start.toolTip() == "Nothing varies yet."


@pytest.mark.thorough
def test_what_varies_is_edited_and_ended(panel, window, qtbot):
    vary(window.workspace.root, optimizer(window), "learning_rate", "log:1e-3..1")
    row = learning_rate_row(window)
    qtbot.mouseClick(row.varied, LEFT)
    asked = dialog(window, qtbot)
    assert (asked.low.text(), asked.high.text()) == ("0.001", "1")
    assert asked.note.text().startswith("Such as 0.")
    choose(asked.kind, qtbot, RANGE)
    write(asked.high, qtbot, "0.5")
    qtbot.mouseClick(asked.ok, LEFT)
    assert spec_texts(window.workspace.root) == {RATE: "0.001..0.5"}
    open_vary(row, qtbot)
    qtbot.mouseClick(dialog(window, qtbot).remove, LEFT)
    assert spec_texts(window.workspace.root) == {} and not row.varied.isVisible()


@pytest.mark.thorough
@pytest.mark.parametrize(
    "low, high, said",
    [
        ("0.5", "0.1", "Begin with the lower end."),
        ("-1", "1", "at least 0"),
        ("much", "more", "Write 0.1..0.5"),
    ],
)
def test_what_cannot_be_tried_is_said_at_once(panel, window, qtbot, low, high, said):
    open_vary(learning_rate_row(window), qtbot)
    asked = dialog(window, qtbot)
    choose(asked.kind, qtbot, RANGE)
    write(asked.low, qtbot, low)
    write(asked.high, qtbot, high)
    assert said in asked.note.text() and not asked.ok.isEnabled()
    qtbot.keyClick(asked.high, Qt.Key.Key_Return)
    assert asked.isVisible() and spec_texts(window.workspace.root) == {}
    cancel = asked.buttons.button(QDialogButtonBox.StandardButton.Cancel)
    qtbot.mouseClick(cancel, LEFT)


def test_a_setting_varies_by_its_name(panel, window, qtbot):
    qtbot.mouseClick(panel.settings.add, LEFT)
    popup = panel.pick._popup
    assert popup.isVisible()
    qtbot.keyClicks(popup.field, "batch size")
    qtbot.keyClick(popup.field, Qt.Key.Key_Return)
    asked = dialog(window, qtbot)
    assert "training.batch_size" in asked.findChild(type(asked.note)).text()
    write(asked.values, qtbot, "5, 10")
    qtbot.keyClick(asked.values, Qt.Key.Key_Return)
    assert spec_texts(window.workspace.root) == {"training.batch_size": "[5, 10]"}
    qtbot.waitUntil(lambda: any("batch_size" in b.accessibleName() for b in tools(panel.settings)))
    (remove,) = [b for b in tools(panel.settings) if "batch_size" in b.accessibleName()]
    qtbot.mouseClick(remove, LEFT)
    assert spec_texts(window.workspace.root) == {}


def tools(widget) -> list:
    from PySide6.QtWidgets import QToolButton

    return [b for b in widget.findChildren(QToolButton) if b.isVisible()]


@pytest.mark.thorough
def test_the_settings_are_the_documents(panel, window, qtbot):
    vary(window.workspace.root, optimizer(window), "learning_rate", "0.1..0.5")
    assert panel.settings.sampler.currentData() == "random", "a range has no end"
    write(panel.settings.trials.lineEdit(), qtbot, "12")
    qtbot.keyClick(panel.settings.trials, Qt.Key.Key_Return)
    choose(panel.settings.sampler, qtbot, "grid")
    kept = window.workspace.root.training["sweep"]
    assert kept["trials"] == 12 and kept["sampler"] == "grid"
    assert not panel.settings.trials.isVisibleTo(panel)


def test_the_bar_says_which_part_of_a_sweep_is_done(panel, window, qtbot):
    """One trial of four has ended, another is half way: 1.5 of 4."""
    spec = spec_of(RATE, "[0.01, 0.1, 0.2, 0.3]")
    sweep = Sweep(Plan((spec,)), Setup(flow.dumps(window.workspace.root), "x"))
    first, second = (Trial(number, {RATE: number / 100}) for number in (1, 2))
    sweep.results = {1: Result(first, DONE), 2: Result(second, TRAINING, part=0.5)}
    panel.runner.sweep = sweep
    panel.runner.changed.emit(sweep.results[2])
    qtbot.waitUntil(lambda: panel.bar.value() > 0)
    assert panel.bar.value() / panel.bar.maximum() == 0.375


# ---- trials -------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_sweep_trains_ranks_draws_and_is_used(panel, window, qtbot, kept: Path):
    root = window.workspace.root
    vary(root, optimizer(window), "learning_rate", "[0.01, 0.3, 0.1]")
    start(panel, qtbot)
    finish(panel, qtbot)
    assert {r.state for r in panel.model.results} == {DONE}
    assert cells(panel, RATE) == ["0.3", "0.1", "0.01"], "the best first"
    assert panel.bars.accessibleDescription() == f"{RATE} -1.00"
    runs = {r.run for r in panel.model.results}
    qtbot.waitUntil(lambda: runs <= panel._overlays.colors.keys(), timeout=LONG)
    qtbot.waitUntil(lambda: len({c.run for c in window.shared_plots.overlays}) == 3, timeout=LONG)
    header = panel.table.horizontalHeader()
    section = panel.model.columns.index(RATE)
    panel.table.horizontalScrollBar().setValue(header.sectionPosition(section))
    place = QPoint(header.sectionViewportPosition(section) + 20, header.height() // 2)
    qtbot.mouseClick(header.viewport(), LEFT, pos=place)
    assert cells(panel, RATE) == ["0.01", "0.1", "0.3"]
    before = flow.dumps(root)
    click_row(panel, qtbot, 2)
    qtbot.mouseClick(panel.use, LEFT)
    assert root.node_named("train").attrs["learning_rate"] == 0.3
    window.actions_.trigger("undo")
    assert flow.dumps(root) == before, "one step takes it back"
    commands.rename(root, optimizer(window), "teacher")
    assert not panel.use.isEnabled() and panel.use.toolTip() == f"This graph has no {RATE}."


@pytest.mark.thorough
def test_the_same_sweep_again_has_the_same_trials(panel, window, qtbot):
    """With two processes in the window, and with one outside it."""
    root = window.workspace.root
    vary(root, optimizer(window), "learning_rate", "log:1e-3..0.5")
    set_sweep(root, sampler="random", trials=4, seed=7, parallel=2)
    start(panel, qtbot)
    finish(panel, qtbot)
    found = {r.trial.number: (dict(r.trial.values), r.value) for r in panel.model.results}
    spec = spec_of(RATE, "log:1e-3..0.5")
    assert spec is not None
    again = Sweep(
        Plan((spec,), "random", 4, seed=7), Setup(flow.dumps(root), "alone", tier="reference")
    )
    assert found == {r.trial.number: (dict(r.trial.values), r.value) for r in again.run()}
    assert len({value for _, value in found.values()}) == 4


@pytest.mark.thorough
def test_what_fails_is_shown_and_kept(panel, window, qtbot):
    vary(window.workspace.root, optimizer(window), "learning_rate", "[1e30, 0.1]")
    set_values(window.workspace.root, {"training.epochs": 5})
    start(panel, qtbot)
    finish(panel, qtbot)
    assert [r.state for r in panel.model.results] == [FAILED, DONE]
    assert "loss is inf" in cells(panel, PROBLEM)[1] and cells(panel, RESULT)[1] == "–"
    assert "1 failed" in panel.caption.text()
    with RunStore() as store:
        (sweep,) = kept_sweeps(store)
    assert "loss is inf" in sweep.results[0].problem


@pytest.mark.thorough
def test_one_trial_and_all_are_cancelled(panel, window, qtbot):
    root = window.workspace.root
    set_values(root, {"training.epochs": 10**6})
    vary(root, optimizer(window), "learning_rate", "[0.01, 0.02, 0.03]")
    start(panel, qtbot)
    qtbot.waitUntil(lambda: any(r.epoch for r in panel.model.results), timeout=LONG)
    assert panel.cancel.isVisible() and panel.bar.isVisible()
    click_row(panel, qtbot, 0)
    qtbot.keyClick(panel.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: panel.runner.results[1].state == CANCELLED, timeout=LONG)
    second = panel.runner.results
    qtbot.waitUntil(lambda: 2 in second and second[2].epoch > 0, timeout=LONG)
    assert second[2].state == TRAINING
    qtbot.mouseClick(panel.cancel, LEFT)
    finish(panel, qtbot)
    assert [r.state for r in panel.model.results] == [CANCELLED, CANCELLED]
    assert not panel.cancel.isVisible() and panel.start.isEnabled()


@pytest.mark.thorough
def test_an_earlier_sweep_is_shown_again(panel, window, qtbot, open_window):
    from fake_engine import FakeClient

    vary(window.workspace.root, optimizer(window), "learning_rate", "[0.01, 0.1]")
    start(panel, qtbot)
    finish(panel, qtbot)
    other = open_window(FakeClient, "linear_regression")
    other.docking.show("sweep")
    later = other.panels["sweep"]
    qtbot.waitUntil(lambda: len(later.model.results) == 2)
    assert cells(later, RATE) == ["0.1", "0.01"] and later.earlier.count() == 1
    assert later.earlier.currentText().startswith("sweep ")


@pytest.mark.thorough
def test_a_sweep_ends_with_its_window(qtbot):
    from nodeflow.ui.core.engine_link.sweep_runner import SweepRunner

    document = flow.load(flow_example())
    set_values(document, {"training.epochs": 10**6})
    spec = spec_of(RATE, "[0.01, 0.02]")
    assert spec is not None
    parent = QWidget()
    runner = SweepRunner(parent)
    runner.start(Plan((spec,), parallel=2), Setup(flow.dumps(document), "x", tier="reference"))
    results, sweep = runner.results, runner.sweep
    qtbot.waitUntil(
        lambda: len(results) == 2 and all(r.epoch for r in results.values()), timeout=LONG
    )
    shiboken6.delete(parent)
    qtbot.waitUntil(lambda: all(p._process is None for p in sweep._processes), timeout=LONG)
    with RunStore(write=False) as store:
        assert {run.status for run in store.runs()} == {"stopped"}


def test_what_a_sweep_tries_is_no_edit_of_a_training():
    from nodeflow.host.training.live_edits import concerns_training

    document = flow.load(flow_example())
    seen = []
    document.subscribe(seen.append)
    vary(document, "training", "epochs", "[1, 2]")
    set_sweep(document, trials=3)
    set_values(document, {"training.epochs": 3})
    assert [concerns_training(change) for change in seen] == [False, False, True]


# ---- closing the window -------------------------------------------------------------------------


def answered(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Presses these buttons of the questions that come, by Qt's own events; returns their texts."""
    asked, left = [], list(answers)

    def answer() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        wanted = left.pop(0) if left else "Escape"
        if wanted == "Escape":
            QTest.keyClick(box, Qt.Key.Key_Escape)
            return
        (found,) = [b for b in box.buttons() if b.text() == wanted]
        QTest.mouseClick(found, LEFT)

    run = QMessageBox.exec

    def shown(box: QMessageBox) -> int:
        QTimer.singleShot(0, answer)
        return run(box)

    monkeypatch.setattr(QMessageBox, "exec", shown)
    monkeypatch.setattr(confirmation_dialogs, "ask_end_sweep", ASK_END_SWEEP)
    return asked


def begin_long(panel, window, qtbot) -> list:
    """Two of three trials train; returns the processes."""
    root = window.workspace.root
    set_values(root, {"training.epochs": 10**6})
    vary(root, optimizer(window), "learning_rate", "[0.01, 0.02, 0.03]")
    set_sweep(root, parallel=2)
    start(panel, qtbot)
    results = panel.runner.results
    qtbot.waitUntil(lambda: sum(r.epoch > 0 for r in results.values()) == 2, timeout=LONG)
    root.mark_saved()
    return list(panel.runner.sweep._processes)


@pytest.mark.thorough
def test_the_curves_of_a_sweep_stay_with_its_document(panel, window, qtbot):
    """The sweep goes on when another document is opened, and draws nothing in its plots."""
    begin_long(panel, window, qtbot)
    qtbot.waitUntil(lambda: len(panel._overlays.colors) == 2, timeout=LONG)
    window.files.load(flow_example(), as_copy=True)
    assert panel.runner.trains and not panel._overlays.colors
    panel.runner.cancel(1)  # so the third trial begins
    results = panel.runner.results
    qtbot.waitUntil(lambda: 3 in results and results[3].epoch > 0, timeout=LONG)
    panel._library.look()
    qtbot.waitUntil(lambda: panel._library.run(results[3].run) is not None, timeout=LONG)
    assert not panel._overlays.colors and not window.shared_plots.overlays
    panel.runner.cancel()
    finish(panel, qtbot)


@pytest.mark.thorough
def test_values_of_an_attribute_that_a_wire_gives_are_not_used(panel, window, qtbot):
    root = window.workspace.root
    vary(root, optimizer(window), "learning_rate", "[0.01]")
    start(panel, qtbot)
    finish(panel, qtbot)
    click_row(panel, qtbot, 0)
    assert panel.use.isEnabled()
    rate = commands.add_node(root, "constant", (0, 0), "rate", {"value": 0.5})
    commands.connect(root, rate, "out", optimizer(window), "schedule")
    assert not panel.use.isEnabled()
    assert panel.use.toolTip().startswith("a wire from rate gives train.learning_rate")


@pytest.mark.thorough
@pytest.mark.parametrize("stay", ["Stay", "Escape"])
def test_a_window_whose_sweep_trains_asks_before_it_closes(
    panel, window, qtbot, monkeypatch: pytest.MonkeyPatch, stay: str
):
    processes = begin_long(panel, window, qtbot)
    asked = answered(monkeypatch, stay, "End the sweep")
    assert not window.close()
    name, id_ = panel.runner.sweep.setup.name, panel.runner.sweep.id
    assert asked == [f"“{name}” still runs: 3 trials left."]
    assert window.isVisible() and panel.runner.trains
    assert {r.state for r in panel.runner.results.values()} == {TRAINING}
    assert window.close()
    assert len(asked) == 2 and not window.isVisible()
    assert all(process._process is None for process in processes), "none outlives the window"
    with RunStore(write=False) as store:
        (found,) = [sweep for sweep in kept_sweeps(store) if sweep.id == id_]
        assert {store.get(result.run).status for result in found.results} == {"stopped"}
    assert found.ended and [result.state for result in found.results] == [CANCELLED] * 2


@pytest.mark.thorough
def test_who_keeps_unsaved_changes_keeps_the_sweep(
    panel, window, qtbot, monkeypatch: pytest.MonkeyPatch
):
    begin_long(panel, window, qtbot)
    commands.rename(window.workspace.root, optimizer(window), "teacher")
    asked = answered(monkeypatch, "Cancel", "Discard")
    assert not window.close()
    assert len(asked) == 1 and "unsaved" in asked[0] and "3 trials left" in asked[0]
    assert window.isVisible() and panel.runner.trains
    assert {r.state for r in panel.runner.results.values()} == {TRAINING}
    assert window.close() and not window.isVisible()


def test_a_sweep_that_is_over_asks_nothing(panel, window, qtbot, monkeypatch):
    vary(window.workspace.root, optimizer(window), "learning_rate", "[0.01, 0.1]")
    start(panel, qtbot)
    finish(panel, qtbot)
    window.workspace.root.mark_saved()
    asked = answered(monkeypatch)
    assert window.close() and not asked
