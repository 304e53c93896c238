"""The first hour of a newcomer: digits, a digit of one's own, flowers, houses. Mouse and keys only.

``first_hour`` yields what was done after each part. ``test_first_hour.py`` checks what the window
then shows; run as a program, ``python first_hour.py FOLDER [light|dark] [WIDTHxHEIGHT]``, it takes
a picture of each part in the real program.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nodeflow.ui  # noqa: F401  before the first Qt call

# isort: split
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QTabBar, QToolBar

from nodeflow.ui.pages.welcome import WelcomePage

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
PATIENCE_MS = 240_000
Strokes = tuple[tuple[tuple[float, float], ...], ...]

ONE: Strokes = (tuple((0.52 - 0.02 * i / 12, 0.16 + 0.68 * i / 12) for i in range(13)),)
ZERO: Strokes = (
    tuple(
        (0.5 + 0.22 * math.sin(i * math.pi / 16), 0.5 - 0.33 * math.cos(i * math.pi / 16))
        for i in range(33)
    ),
)
"""Points of strokes, as parts of the square."""


class Newcomer:
    """Somebody with a mouse and a keyboard before the window."""

    def __init__(self, window) -> None:
        self.window = window
        self._looks = QTimer(interval=200)
        self._looks.timeout.connect(self._let_weights_go)
        self._looks.start()

    def _let_weights_go(self) -> None:
        """Answer the question whether to keep what was learned: no."""
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox) and box.windowTitle() == "Unsaved weights":
            role = QMessageBox.ButtonRole.DestructiveRole
            button = next(b for b in box.buttons() if box.buttonRole(b) == role)
            QTest.mouseClick(button, LEFT)

    def wait(self, until: Callable[[], object], what: str) -> None:
        waited = 0
        while not until():
            assert waited < PATIENCE_MS, f"waited in vain: {what}"
            QTest.qWait(50)
            waited += 50

    def click_card(self, name: str) -> None:
        """An example on the welcome page."""
        page = self.window.findChild(WelcomePage)
        card = next(c for c in page.cards if c.path.stem == name)
        page.ensureWidgetVisible(card)
        QTest.mouseClick(card, LEFT, NONE, card.rect().center())

    def click_action(self, name: str) -> None:
        """A button of the toolbar."""
        action = self.window.actions_[name]
        bars = self.window.findChildren(QToolBar)
        widget = next(w for bar in bars if (w := bar.widgetForAction(action)) is not None)
        self.wait(widget.isEnabled, f"{name} can be clicked")
        QTest.mouseClick(widget, LEFT, NONE, widget.rect().center())

    def click_tab(self, title: str) -> None:
        """A tab of the panels below."""
        bar = next(
            bar
            for bar in self.window.findChildren(QTabBar)
            if bar.isVisible() and title in [bar.tabText(i) for i in range(bar.count())]
        )
        place = next(bar.tabRect(i) for i in range(bar.count()) if bar.tabText(i) == title)
        QTest.mouseClick(bar, LEFT, NONE, place.center())

    def train(self) -> None:
        """Press Train and wait for the end."""
        self.click_action("train")
        self.wait_for_training()

    def wait_for_training(self) -> None:
        panel = self.window.panels["training"]
        self.wait(lambda: self.window.link.is_training, "the training begins")
        self.wait(
            lambda: panel.record.done is not None and not self.window.link.is_training,
            "the training ends",
        )

    def draw(self, strokes: Strokes) -> None:
        """Draw on the sketch pad with the mouse."""
        panel = self.window.panels["sketch_pad"]
        pad = panel.pad
        area = pad.area()
        for stroke in strokes:
            places = [
                (area.topLeft() + QPointF(x * area.width(), y * area.height())).toPoint()
                for x, y in stroke
            ]
            QTest.mousePress(pad, LEFT, NONE, places[0])
            for place in places[1:]:
                QApplication.sendEvent(pad, _moved(pad, place))
                QTest.qWait(5)
            QTest.mouseRelease(pad, LEFT, NONE, places[-1])

    def answer(self) -> tuple[str, float] | None:
        """The class that the sketch pad names, and its probability."""
        bars = self.window.panels["sketch_pad"].bars
        return None if bars.top is None else (bars.names[bars.top], float(bars.values[bars.top]))

    def drop(self, path: Path) -> None:
        """Drag a file from the desktop into the window."""
        at = QPointF(self.window.rect().center())
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        copy = Qt.DropAction.CopyAction
        enter = QDragEnterEvent(at, copy, mime, LEFT, NONE)
        QApplication.sendEvent(self.window, enter)
        assert enter.isAccepted(), path
        QApplication.sendEvent(self.window, QDropEvent(at, copy, mime, LEFT, NONE))

    def choose_for_dropped(self, begins: str) -> None:
        """An entry of the menu that a file dropped on an open graph brings."""
        self.wait(lambda: self.window.own_data.menu is not None, "the menu opens")
        menu = self.window.own_data.menu
        self.wait(menu.isVisible, "the menu is shown")
        for _ in menu.actions():
            active = menu.activeAction()
            if active is not None and active.text().startswith(begins):
                break
            QTest.keyClick(menu, Qt.Key.Key_Down)
        assert menu.activeAction().text().startswith(begins)
        QTest.keyClick(menu, Qt.Key.Key_Return)

    def press_in_wizard(self, step: int) -> None:
        """Enter, in a step of the wizard."""
        self.wait(lambda: self.window.own_data.wizard is not None, "the wizard opens")
        wizard = self.window.own_data.wizard
        self.wait(lambda: wizard.step == step, f"step {step}")
        QTest.keyClick(wizard.focusWidget() or wizard, Qt.Key.Key_Return)

    def metric(self, name: str) -> float:
        """The last value of a metric in the panel."""
        return self.window.panels["training"].record.metrics[name].values[-1]


def _moved(pad, place: QPoint) -> QMouseEvent:
    kind, where = QEvent.Type.MouseMove, QPointF(pad.mapToGlobal(place))
    return QMouseEvent(kind, QPointF(place), where, Qt.MouseButton.NoButton, LEFT, NONE)


def first_hour(newcomer: Newcomer, flowers: Path, houses: Path, more: Path) -> Iterator[str]:
    """Go through it; yields a caption after each part.

    Args:
        flowers: a CSV file with a class to predict.
        houses: one with a number to predict.
        more: rows like the houses' to predict for, without the price.
    """
    window = newcomer.window
    yield "the welcome page"
    newcomer.click_card("mnist")
    newcomer.wait(lambda: window.data.shown is not None, "live values")
    yield "a click opens the network of handwritten digits"
    newcomer.train()
    yield "a click trains it"
    newcomer.click_tab("Sketch pad")
    newcomer.wait(window.panels["sketch_pad"].pad.isVisible, "the sketch pad")
    newcomer.draw(ONE)
    newcomer.wait(lambda: (newcomer.answer() or "?")[0] == "1", "the one is read")
    yield "a one is drawn, and read"
    QTest.mouseClick(window.panels["sketch_pad"].clear, LEFT)
    newcomer.draw(ZERO)
    newcomer.wait(lambda: (newcomer.answer() or "?")[0] == "0", "the nought is read")
    yield "a nought is drawn, and read"
    window.workspace.root.mark_saved()
    newcomer.drop(flowers)
    newcomer.choose_for_dropped("Make a new graph")
    newcomer.press_in_wizard(0)
    yield "a dropped table: which columns"
    newcomer.press_in_wizard(1)
    yield "a dropped table: a starter"
    newcomer.press_in_wizard(2)
    newcomer.wait_for_training()
    yield "flowers are told apart"
    window.workspace.root.mark_saved()
    newcomer.drop(houses)
    newcomer.choose_for_dropped("Make a new graph")
    for step in range(3):
        newcomer.press_in_wizard(step)
    newcomer.wait_for_training()
    yield "prices of houses are predicted"
    newcomer.drop(more)
    newcomer.choose_for_dropped("Predict")
    page = window.pages.predictions
    newcomer.wait(lambda: window.pages.shows_predictions, "the page of predictions")
    newcomer.wait(lambda: page.model.rowCount() > 0, "predictions")
    yield "a second file gets its predictions"


def main(folder: Path, theme: str, size: str) -> None:
    from nodeflow.ui.app import make_application, make_window
    from nodeflow.ui.core.state.user_settings import Settings
    from nodeflow.ui.core.theming.stylesheet import apply_theme
    from nodeflow.ui.core.theming.theme import THEMES

    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests import own_data

    application = make_application()
    apply_theme(application, THEMES[theme])
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp())
    settings = Settings(made / "window.ini")
    settings.theme = theme
    window = make_window(settings)
    window.resize(*map(int, size.split("x")))
    window.pages.show_welcome()
    window.pages.welcome.draw_pictures()
    window.show()
    window.link.start()
    window.activateWindow()
    files = own_data.flowers(made / "iris.csv"), own_data.houses(made / "houses.csv")
    more = own_data.without_labels(files[1], made / "more.csv")
    newcomer = Newcomer(window)
    for number, caption in enumerate(first_hour(newcomer, *files, more), 1):
        QTest.qWait(1500)
        window.grab().save(str(folder / f"{number:02}.png"))
        wizard = window.own_data.wizard
        if wizard is not None and wizard.isVisible():
            wizard.grab().save(str(folder / f"{number:02}-wizard.png"))
        print(f"{number:02}  {caption}", flush=True)
    window.workspace.root.mark_saved()
    window.close()


if __name__ == "__main__":
    given = sys.argv[2:]
    main(Path(sys.argv[1]), *(given + ["light", "1440x900"][len(given) :]))
