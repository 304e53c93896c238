"""Twenty everyday tasks, done by hand: each takes no action more than when all was in sight.

An action is a click, a key with its modifiers, or a text typed into the field with the focus. The
numbers of `TASKS` are those of the window that had 13 tabs, 17 buttons and 68 menu entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QMenu, QTabBar, QWidget

from nodeflow.document.edit.sweep_settings import spec_texts
from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.run_store.run_records import DONE, Run
from nodeflow.run_store.store import RunStore
from nodeflow.ui.panels.trainings.early_stopping_toggle import EarlyStoppingToggle
from nodeflow.ui.popups.dialogs.vary_dialog import VaryDialog

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Mod = Qt.Key, Qt.KeyboardModifier


@dataclass
class Hand:
    """A user of a window with mnist_layers.flow, whose panels below are open."""

    window: Any
    engine: Any
    qtbot: Any
    actions: int = field(default=0, init=False)

    def click(
        self, widget: QWidget, at: Any = None, keys: Qt.KeyboardModifier = Mod.NoModifier
    ) -> None:
        self.actions += 1
        self.qtbot.waitUntil(lambda: widget.isVisible() and widget.isEnabled())
        place = widget.rect().center() if at is None else at
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, keys, place)

    def tick(self, box: QCheckBox) -> None:
        self.click(box, QPoint(10, box.height() // 2))

    def press(self, action: str) -> None:
        """Click a button of the toolbar."""
        bar, wanted = self.window.toolbar, self.window.actions_[action]
        self.qtbot.waitUntil(lambda: bar.widgetForAction(wanted) is not None)
        self.click(bar.widgetForAction(wanted))

    def tab(self, title: str) -> None:
        shown = self.shown_tabs
        self.qtbot.waitUntil(lambda: any(title in titles(bar) for bar in shown()))
        (bar,) = (bar for bar in shown() if title in titles(bar))
        self.click(bar, bar.tabRect(titles(bar).index(title)).center())

    def shown_tabs(self) -> list[QTabBar]:
        """Return the bars of the panels below, which are the window's own."""
        bars = self.window.findChildren(QTabBar)
        return [bar for bar in bars if bar.isVisible() and bar.parent() is self.window]

    def choose(self, text: str) -> None:
        """Click an entry of the open menu."""
        (menu,) = (m for m in self.window.findChildren(QMenu) if m.isVisible())
        self.actions += 1
        next(action for action in menu.actions() if action.text() == text).trigger()
        menu.close()

    def type(self, text: str) -> None:
        """Replace the text of the field with the focus; the focus leaves it later."""
        self.actions += 1
        widget: Any = QApplication.focusWidget()
        widget.selectAll()
        QTest.keyClicks(widget, text)
        QTest.keyClick(widget, Key.Key_Return)

    def node(self, name: str) -> str:
        """Click a node."""
        canvas, found = self.window.canvas, self.window.workspace.document.node_named(name)
        middle = canvas.scene.rect(canvas.scene.nodes[found.id]).center()
        self.click(canvas, canvas.viewport.camera.to_view(middle).toPoint())
        assert self.window.workspace.selection == (found.id,)
        return found.id

    def do_trained(self) -> None:
        """Train once, before a task begins."""
        self.window.actions_.trigger("train")
        self.engine.begin_training()
        self.engine.train_steps(1, [1.0, 0.5])
        self.engine.end_training()
        self.qtbot.waitUntil(lambda: self.window.link.state == "idle")

    @property
    def page(self) -> Any:
        return self.window.panels["inspector"].outside.page


def titles(bar: QTabBar) -> list[str]:
    return [bar.tabText(index) for index in range(bar.count())]


def open_example(hand: Hand) -> None:
    hand.window.pages.show_welcome()
    cards = hand.window.pages.welcome.findChildren(QWidget, "card")
    card = next(card for card in cards if card.isVisible())
    hand.click(card)
    hand.qtbot.waitUntil(lambda: not hand.window.pages.shows_welcome)


def see_weights(hand: Hand) -> None:
    hand.window.docking.show("training")
    hand.node("hidden")
    hand.tab("Viewer")
    assert hand.window.panels["viewer"].isVisible()


def set_units(hand: Hand) -> None:
    node = hand.node("hidden")
    hand.click(hand.page.attributes.attr_rows["units"].editor.focus_widget())
    hand.type("128")
    assert hand.window.workspace.document.nodes[node].attrs["units"] == 128


def set_rate(hand: Hand) -> None:
    node = hand.node("train")
    hand.click(hand.page.attributes.attr_rows["learning_rate"].editor.focus_widget())
    hand.type("0.01")
    assert hand.window.workspace.document.nodes[node].attrs["learning_rate"] == 0.01


def set_epochs(hand: Hand) -> None:
    hand.click(hand.page.training.setting_rows["epochs"].editor.focus_widget())
    hand.type("3")
    assert hand.window.workspace.document.training["epochs"] == 3


def add_metric(hand: Hand) -> None:
    before = len(hand.window.workspace.document.training["metrics"])
    hand.click(hand.page.training.add_button)
    assert len(hand.window.workspace.document.training["metrics"]) == before + 1


def train(hand: Hand) -> None:
    hand.press("train")
    assert hand.engine.requests(p.Train)


def pause(hand: Hand) -> None:
    hand.window.actions_.trigger("train")
    hand.engine.begin_training()
    hand.press("pause")
    assert isinstance(hand.engine.sent[-1], p.Pause)


def go_on(hand: Hand) -> None:
    hand.do_trained()
    hand.press("continue")
    assert hand.engine.requests(p.Train)[-1].resume


def begin_again(hand: Hand) -> None:
    hand.do_trained()
    hand.press("train")
    assert len(hand.engine.requests(p.Train)) == 2


def stop_early(hand: Hand) -> None:
    hand.tab("Training")
    toggle = hand.window.panels["training"].findChild(EarlyStoppingToggle)
    hand.tick(toggle.findChild(QCheckBox))
    assert hand.window.workspace.document.training["patience"]


def see_predictions(hand: Hand) -> None:
    hand.do_trained()
    hand.qtbot.waitUntil(lambda: not hand.window.docking.docks["predictions"].isHidden())
    hand.tab("Predictions")
    assert hand.window.panels["predictions"].isVisible()


def draw_digit(hand: Hand) -> None:
    hand.tab("Sketch pad")
    assert hand.window.panels["sketch_pad"].isVisible()


def plot_value(hand: Hand) -> None:
    hand.node("loss")
    hand.tick(hand.page.plotted)
    assert hand.page.plotted.isChecked()


def undo(hand: Hand) -> None:
    hand.window.actions_.trigger("select_all")
    hand.window.actions_.trigger("delete")
    hand.press("undo")
    assert len(hand.window.workspace.document.nodes) == 9


def save(hand: Hand) -> None:
    hand.window.actions_.trigger("select_all")
    hand.window.actions_.trigger("delete")
    hand.press("save")
    hand.qtbot.waitUntil(lambda: not hand.window.workspace.root.is_modified)


def start_sweep(hand: Hand) -> None:
    hand.node("train")
    hand.click(hand.page.attributes.attr_rows["learning_rate"].label)
    hand.choose("Vary in a sweep…")
    (dialog,) = hand.window.findChildren(VaryDialog)
    hand.click(dialog.ok)
    assert spec_texts(hand.window.workspace.root)
    panel = hand.window.panels["sweep"]
    started = []
    panel.start.clicked.disconnect()
    panel.start.clicked.connect(lambda: started.append(True))
    hand.click(panel.start)
    assert started


def compare_runs(hand: Hand) -> None:
    hand.tab("Runs")
    panel = hand.window.panels["runs"]
    hand.qtbot.waitUntil(lambda: panel.shown.rowCount() == 2)
    panel.table.clearSelection()
    for row in range(2):
        index = panel.shown.index(row, panel.model.columns.index("Name"))
        place = panel.table.visualRect(index).center()
        hand.click(panel.table.viewport(), place, Mod.ControlModifier)
    hand.click(panel.compare)


def open_log(hand: Hand) -> None:
    hand.click(hand.window.status.engine)
    assert hand.window.panels["log"].isVisible()


def show_order(hand: Hand) -> None:
    hand.press("order")
    assert hand.window.run.shows_order


def fit(hand: Hand) -> None:
    hand.window.canvas.viewport.zoom_reset()
    before = hand.window.canvas.viewport.camera.scale
    hand.click(hand.window.status.zoom)
    hand.qtbot.waitUntil(lambda: hand.window.canvas.viewport.camera.scale != before)


TASKS: dict[str, tuple[int, Callable[[Hand], None]]] = {
    "open an example": (1, open_example),
    "see the weights of a layer": (2, see_weights),
    "change the units of a layer": (3, set_units),
    "change the learning rate": (3, set_rate),
    "change the number of epochs": (2, set_epochs),
    "measure another metric": (1, add_metric),
    "train": (1, train),
    "pause": (1, pause),
    "continue": (1, go_on),
    "begin again": (1, begin_again),
    "stop early": (2, stop_early),
    "see predictions": (1, see_predictions),
    "draw a digit": (1, draw_digit),
    "plot a value over the steps": (2, plot_value),
    "undo an edit": (1, undo),
    "save": (1, save),
    "start a sweep of the learning rate": (5, start_sweep),
    "compare two runs": (4, compare_runs),
    "open the log": (1, open_log),
    "show the order of the nodes": (1, show_order),
    "fit the graph into the window": (1, fit),
}
"""What a user wants, the actions it took before, and how it is done now."""


@pytest.fixture
def two_runs(tmp_path, monkeypatch) -> str:
    """Two kept trainings, as the window finds them at its start; return the graph's text."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    text = example("mnist_layers").read_text("utf-8")
    with RunStore() as store:
        for number in range(2):
            run = Run(f"raaaaaaa{'ab'[number]}", f"run {number}", created=1.0 + number, status=DONE)
            store.begin(run, text)
    return text


@pytest.fixture
def hand(two_runs, window, engine, qtbot, tmp_path) -> Hand:
    window.resize(1280, 720)
    window.idle.emit()  # as the program does after the first paint
    path = tmp_path / "mnist_layers.flow"
    path.write_text(two_runs, "utf-8")
    window.files.open_path(path)
    window.docking.show("viewer")
    window.actions_.refresh_now()
    qtbot.waitUntil(lambda: window.docking.docks["viewer"].is_front)
    return Hand(window, engine, qtbot)


@pytest.mark.sample(8)
@pytest.mark.parametrize("task", TASKS)
def test_a_task_takes_no_action_more_than_before(hand, task):
    before, do = TASKS[task]
    do(hand)
    assert hand.actions <= before
