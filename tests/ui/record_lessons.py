"""Pictures of lessons as a learner goes through them, by mouse and keys, in the real program:
``python record_lessons.py FOLDER [light|dark] [WIDTHxHEIGHT] [LESSON...]``.

Each walk gives a wrong answer first, asks for a check, reads the hint, and then goes on to the end.
The log names ports that the panel covers and steps that do not follow.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nodeflow.ui  # noqa: F401  before the first Qt call

# isort: split
from first_hour import ONE, Newcomer
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from typist import Typist

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
Key, Keys = Qt.Key, Qt.KeyboardModifier
PATIENCE_MS = 40_000
Walk = Callable[["Learner"], Iterator[str]]


class Learner(Typist):
    """Somebody who goes through a lesson with a mouse and a keyboard."""

    def __init__(self, window) -> None:
        super().__init__(window)
        self.newcomer = Newcomer(window)

    @property
    def focus(self):
        return QApplication.focusWidget() or self.window

    @property
    def panel(self):
        return self.window.lesson_panel

    def click(self, widget: QWidget) -> None:
        QTest.mouseClick(widget, LEFT, NONE, widget.rect().center())

    def wait(self, until: Callable[[], object], what: str) -> None:
        waited = 0
        while not until():
            if waited > PATIENCE_MS:
                print(f"    STUCK: {what}; hint: {self.panel.hint!r}", flush=True)
                return
            QTest.qWait(50)
            waited += 50

    def id_of(self, name: str) -> str:
        return self.window.workspace.document.node_named(name).id

    def add(self, op: str, name: str = "", **settings: str) -> None:
        """Search an op by Tab, name it by F2, and type its settings in the inspector."""
        self._point_right_of_everything()
        self.window.canvas.setFocus()
        super().add(op, name or op)
        for setting, value in settings.items():
            self.set(setting, value)

    def _point_right_of_everything(self) -> None:
        """Move the pointer to a free place, as a learner does before pressing Tab."""
        canvas = self.window.canvas
        cards = [canvas.viewport.node_rect(i) for i in self.window.workspace.document.nodes]
        inside = [r for r in cards if canvas.rect().contains(r.center().toPoint())]
        right = max((r.right() for r in inside), default=canvas.width() / 2) + 80
        y = sum(r.center().y() for r in inside) / len(inside) if inside else canvas.height() / 2
        at = QPoint(int(min(right, canvas.width() - 20)), int(y))
        QCursor.setPos(canvas.mapToGlobal(at))
        QTest.qWait(20)

    def set(self, setting: str, value: str) -> None:
        """Type a setting of the selected node in the inspector."""
        rows = self.window.panels["inspector"].outside.page.attributes.attr_rows
        self.wait(lambda: setting in rows, f"the inspector shows {setting}")
        editor = rows[setting].editor
        self.window.panels["inspector"].outside.ensureWidgetVisible(editor)
        field = getattr(editor, "field", None) or editor.focus_widget()
        if hasattr(field, "findText"):
            field.setFocus()
            QTest.keyClicks(field, value)
            return
        if hasattr(field, "isChecked"):
            if str(field.isChecked()) != value:
                self.click(field)
            return
        self.click(field)
        field.selectAll()
        QTest.keyClicks(field, value)
        QTest.keyClick(field, Key.Key_Return)

    def select(self, name: str) -> None:
        """Click the title of a card."""
        if not self._touch(self._title(name), name):
            QTest.keyClick(self.window.canvas, Key.Key_0, Keys.ControlModifier)
        QTest.mouseClick(self.window.canvas, LEFT, NONE, self._title(name))
        if self.window.workspace.selection != (self.id_of(name),):
            print(f"    NOT SELECTED: {name}", flush=True)

    def _title(self, name: str) -> QPoint:
        rect = self.window.canvas.viewport.node_rect(self.id_of(name))
        across, down = min(40, rect.width() / 2), min(12, rect.height() / 2)
        return QPoint(int(rect.left() + across), int(rect.top() + down))

    def delete(self, name: str) -> None:
        """Click a card, and press Delete."""
        self.window.activateWindow()
        QTest.qWaitForWindowActive(self.window)
        self.select(name)
        QTest.keyClick(self.window.canvas, Key.Key_Delete)

    def wire(self, source: str, target: str) -> None:
        """Drag a wire from a node's output to a port, such as ``d:x``."""
        canvas, (node, port) = self.window.canvas, target.split(":")
        start, end = self._port(source, "out", "out"), self._port(node, port, "in")
        if not (self._touch(start, source) and self._touch(end, target)):
            QTest.keyClick(canvas, Key.Key_0, Keys.ControlModifier)  # show the whole graph
            start, end = self._port(source, "out", "out"), self._port(node, port, "in")
            self._touch(start, f"{source}, fitted")
            self._touch(end, f"{target}, fitted")
        QTest.mousePress(canvas, LEFT, NONE, start)
        for part in (0.3, 0.7, 1.0):
            QTest.mouseMove(canvas, start + (end - start) * part)
        QTest.mouseRelease(canvas, LEFT, NONE, end)
        wires = self.window.workspace.document.wires_into(self.id_of(node))
        if self.id_of(source) not in [w.source for w in wires if w.target_port == port]:
            print(f"    NO WIRE from {source} to {target}: {self.window.info.text}", flush=True)
            canvas.setFocus()
            super().wire(source, target)

    def _port(self, node: str, port: str, side: str) -> QPoint:
        canvas, found = self.window.canvas, self.id_of(node)
        card = canvas.scene.card(canvas.scene.nodes.take(found))
        names = [p.name for p in (card.outputs if side == "out" else card.inputs)]
        return canvas.viewport.port_position(
            found, port if port in names else names[0], side
        ).toPoint()

    def _touch(self, at: QPoint, what: str) -> bool:
        """Return whether the pointer reaches a place of the canvas."""
        canvas = self.window.canvas
        if not canvas.rect().contains(at):
            print(f"    OUTSIDE: {what}", flush=True)
        elif self.panel.geometry().contains(at):
            print(f"    COVERED: {what}", flush=True)
        else:
            return True
        return False

    def check(self) -> None:
        """Press Check, and wait for the verdict or the next step."""
        step = self.window.lessons.step
        self.panel.show_hint("")
        self.click(self.panel.check_button)
        self.wait(
            lambda: self.window.lessons.step != step or self.panel.hint not in ("", "Checking…"),
            "a verdict",
        )

    def choose(self, index: int) -> None:
        self.wait(lambda: self.panel.form.choices, "choices")
        self.click(self.panel.form.choices[index])
        self._judged()

    def answer(self, text: str) -> None:
        self.click(self.panel.form.field)
        self.panel.form.field.selectAll()
        QTest.keyClicks(self.panel.form.field, text)
        QTest.keyClick(self.panel.form.field, Key.Key_Return)
        self._judged()

    def _judged(self) -> None:
        self.wait(lambda: self.panel.hint not in ("", "One moment…"), "the answer is judged")

    def next(self) -> None:
        self.click(self.panel.next_button)

    def at(self, step: int) -> None:
        self.wait(lambda: self.window.lessons.step >= step, f"step {step}")

    def train(self) -> None:
        """Press Train, which is Restart after a training, and wait for the end."""
        self.newcomer.click_action("train")
        self.wait(lambda: self.window.link.is_training, "a training begins")
        self.wait(lambda: not self.window.link.is_training, "the training ends")


def see_it_learn(e: Learner) -> Iterator[str]:
    yield "begins"
    e.select("x")
    e.at(1)
    yield "x is selected"
    e.choose(0)
    yield "a wrong guess"
    e.choose(1)
    yield "the right guess"
    e.next()
    yield "train"
    e.train()
    e.at(3)
    yield "trained"
    e.window.canvas.setFocus()
    e.press(Key.Key_K, Keys.ControlModifier)
    QTest.qWait(500)
    e.newcomer.draw(ONE)
    e.at(4)
    yield "drawn"
    e.check()
    yield "unchanged: a hint"
    e.select("train")
    e.set("learning_rate", "0.001")
    e.check()
    e.check()
    yield "nearly: a hint"
    e.set("learning_rate", "0.00001")
    yield "the rate is set"
    e.train()
    e.at(5)
    yield "done"


def expression(e: Learner) -> Iterator[str]:
    yield "begins"
    e.check()
    yield "nothing built: a hint"
    e.add("add", "d")
    yield "a node is placed"
    e.wire("two", "d:x")
    e.wire("c", "d:y")
    e.check()
    e.check()
    yield "two for b: a hint"
    e.wire("b", "d:x")
    e.at(1)
    yield "the sum is right"
    e.add("add", "e")
    e.wire("c", "e:x")
    e.wire("two", "e:y")
    e.at(2)
    yield "the second sum"
    e.answer("nine")
    yield "a word for a number"
    e.answer("8")
    yield "a wrong number"
    e.answer("9")
    yield "the right number"
    e.next()
    e.add("add", "a")
    e.wire("d", "a:x")
    e.wire("e", "a:y")
    for _ in range(4):
        e.check()
    yield "a sum: a hint, and the solution is offered"
    e.click(e.panel.solution_button)
    QTest.qWait(1000)
    yield "the solution"
    e.press(Key.Key_Escape)
    e.delete("a")
    e.add("multiply", "a")
    e.wire("d", "a:x")
    e.wire("e", "a:y")
    e.at(4)
    yield "the product"
    e.choose(0)
    e.choose(1)
    yield "the last question"
    e.next()
    yield "done"
    e.next()
    yield "the next lesson"


def many_at_once(e: Learner) -> Iterator[str]:
    yield "begins"
    e.answer("4")
    yield "a wrong shape"
    e.answer("3")
    yield "the right shape"
    e.next()
    e.add("reduce mean", "mean", axis="1")
    e.wire("x", "mean:x")
    e.check()
    e.check()
    yield "the mean of rows: a hint"
    e.select("mean")
    e.set("axis", "0")
    e.at(2)
    yield "the mean of columns"
    e.add("subtract", "centered")
    e.wire("mean", "centered:x")
    e.wire("x", "centered:y")
    e.add("add", "y")
    e.wire("centered", "y:x")
    e.wire("bias", "y:y")
    e.check()
    e.check()
    yield "backwards: a hint"
    e.wire("x", "centered:x")
    e.wire("mean", "centered:y")
    e.at(3)
    yield "the last question"
    e.choose(3)
    e.choose(2)
    yield "its answer"
    e.next()
    yield "done"


def one_neuron(e: Learner) -> Iterator[str]:
    yield "begins"
    e.answer("2, 2")
    e.answer("3 1")
    yield "the right shape"
    e.next()
    e.add("matmul", "product")
    e.wire("W", "product:x")
    e.wire("x", "product:y")
    yield "turned: an error on the card"
    e.check()
    e.check()
    yield "turned: a hint"
    e.wire("x", "product:x")
    e.wire("W", "product:y")
    e.add("multiply", "z")
    e.wire("product", "z:x")
    e.wire("b", "z:y")
    e.check()
    e.check()
    yield "times b: a hint"
    e.delete("z")
    e.add("add", "z")
    e.wire("product", "z:x")
    e.wire("b", "z:y")
    e.at(2)
    yield "the sum"
    e.choose(0)
    e.choose(2)
    e.next()
    e.add("tanh", "y")
    e.wire("z", "y:x")
    e.check()
    e.check()
    yield "tanh: a hint"
    e.delete("y")
    e.add("sigmoid", "y")
    e.wire("z", "y:x")
    e.at(4)
    yield "done"


def the_slope(e: Learner) -> Iterator[str]:
    yield "begins"
    e.answer("6")
    yield "a wrong number"
    e.answer("0.6")
    yield "the right number"
    e.next()
    e.add("add", "c_nudged")
    e.wire("c", "c_nudged:x")
    e.wire("h", "c_nudged:y")
    e.add("add", "d_nudged")
    e.wire("b", "d_nudged:x")
    e.wire("c_nudged", "d_nudged:y")
    e.add("add", "e_nudged")
    e.wire("c_nudged", "e_nudged:x")
    e.wire("two", "e_nudged:y")
    e.add("multiply", "a_nudged")
    e.wire("d_nudged", "a_nudged:x")
    e.wire("e_nudged", "a_nudged:y")
    e.add("subtract", "quotient")
    e.wire("a_nudged", "quotient:x")
    e.wire("a", "quotient:y")
    e.check()
    e.check()
    yield "only the difference: a hint"
    e.select("quotient")
    e.rename("difference")
    e.add("divide", "quotient")
    e.wire("difference", "quotient:x")
    e.wire("h", "quotient:y")
    e.at(2)
    yield "the quotient"
    e.choose(0)
    e.choose(1)
    e.next()
    e.add("multiply", "slope")
    e.wire("e", "slope:x")
    e.wire("d", "slope:y")
    e.check()
    e.check()
    yield "a product: a hint"
    e.delete("slope")
    e.add("add", "slope")
    e.wire("e", "slope:x")
    e.wire("d", "slope:y")
    e.at(4)
    yield "done"


def a_line_learns(e: Learner) -> Iterator[str]:
    yield "begins"
    e.add("multiply", "scaled")
    e.wire("x", "scaled:x")
    e.wire("slope", "scaled:y")
    e.add("add", "prediction")
    e.wire("scaled", "prediction:x")
    e.wire("offset", "prediction:y")
    e.at(1)
    yield "the prediction"
    e.add("subtract", "error")
    e.wire("prediction", "error:x")
    e.wire("y", "error:y")
    e.add("square", "squared")
    e.wire("error", "squared:x")
    e.add("reduce sum", "loss")
    e.wire("squared", "loss:x")
    e.check()
    e.check()
    yield "a sum: a hint"
    e.delete("loss")
    e.add("reduce mean", "loss")
    e.wire("squared", "loss:x")
    e.at(2)
    yield "the loss"
    e.choose(1)
    e.choose(0)
    e.next()
    e.add("multiply", "twice")
    e.wire("error", "twice:x")
    e.wire("two", "twice:y")
    e.add("reduce mean", "slope_gradient")
    e.wire("twice", "slope_gradient:x")
    e.check()
    e.check()
    yield "no x: a hint"
    e.add("multiply", "by_slope")
    e.wire("twice", "by_slope:x")
    e.wire("x", "by_slope:y")
    e.wire("by_slope", "slope_gradient:x")
    e.at(4)
    yield "the gradient"
    e.add("multiply", "step")
    e.wire("slope_gradient", "step:x")
    e.wire("rate", "step:y")
    e.add("add", "new_slope")
    e.wire("slope", "new_slope:x")
    e.wire("step", "new_slope:y")
    e.check()
    e.check()
    yield "plus: a hint"
    e.delete("new_slope")
    e.add("subtract", "new_slope")
    e.wire("slope", "new_slope:x")
    e.wire("step", "new_slope:y")
    e.at(5)
    yield "the step"
    e.add("gradient descent", "train", learning_rate="50")
    e.wire("loss", "train:loss")
    e.train()
    yield "it diverges"
    e.check()
    e.check()
    yield "diverged: a hint"
    e.select("train")
    e.set("learning_rate", "0.2")
    e.train()
    yield "trained"
    e.check()
    e.at(6)
    yield "done"


def softmax_and_loss(e: Learner) -> Iterator[str]:
    yield "begins"
    e.add("reduce max", "top", axis="1", keepdims="True")
    e.wire("scores", "top:x")
    e.add("subtract", "shifted")
    e.wire("scores", "shifted:x")
    e.wire("top", "shifted:y")
    e.add("exp", "powers")
    e.wire("shifted", "powers:x")
    yield "powers"
    e.next()
    e.choose(1)
    e.choose(0)
    e.next()
    e.add("reduce sum", "total", axis="0", keepdims="True")
    e.wire("powers", "total:x")
    e.add("divide", "p")
    e.wire("powers", "p:x")
    e.wire("total", "p:y")
    e.check()
    e.check()
    yield "columns: a hint"
    e.select("total")
    e.set("axis", "1")
    e.at(3)
    yield "the shares"
    e.add("log softmax", "logs")
    e.wire("scores", "logs:x")
    e.add("multiply", "picked")
    e.wire("y", "picked:x")
    e.wire("logs", "picked:y")
    e.add("reduce sum", "per_row", axis="1")
    e.wire("picked", "per_row:x")
    e.add("reduce mean", "loss")
    e.wire("per_row", "loss:x")
    e.check()
    e.check()
    yield "no minus: a hint"
    e.select("loss")
    e.rename("average")
    e.add("negative", "loss")
    e.wire("average", "loss:x")
    e.at(4)
    yield "the loss"
    e.choose(0)
    e.choose(2)
    e.next()
    yield "done"


def digits(e: Learner) -> Iterator[str]:
    yield "begins"
    e.choose(0)
    e.choose(2)
    yield "a right choice"
    e.next()
    e.add("dense", "hidden", units="300")
    e.wire("x", "hidden:x")
    e.set("activation", "relu")
    yield "the hidden layer"
    e.next()
    e.add("dense", "scores", units="10")
    e.wire("hidden", "scores:x")
    e.add("softmax", "probabilities")
    e.wire("scores", "probabilities:x")
    e.wire("probabilities", "wrong:predictions")
    e.wire("probabilities", "accuracy:predictions")
    e.at(3)
    yield "ten answers"
    e.add("gradient descent", "train", learning_rate="0.003")
    e.wire("loss", "train:loss")
    e.train()
    yield "trained too slowly"
    e.check()
    e.check()
    yield "slow: a hint"
    e.select("train")
    e.set("learning_rate", "0.5")
    e.train()
    yield "trained"
    e.check()
    yield "checked"
    if e.window.lessons.step == 3:
        e.train()
    e.at(4)
    yield "draw"
    e.window.canvas.setFocus()
    e.press(Key.Key_K, Keys.ControlModifier)
    QTest.qWait(500)
    e.newcomer.draw(ONE)
    e.at(5)
    yield "done"


def soft_look_up(e: Learner) -> Iterator[str]:
    yield "begins"
    e.answer("5, 2")
    e.answer("2, 5")
    yield "the right shape"
    e.next()
    e.add("transpose", "k_t")
    e.wire("k", "k_t:x")
    e.add("matmul", "products")
    e.wire("q", "products:x")
    e.wire("k_t", "products:y")
    yield "scale"
    e.next()
    e.add("softmax", "weights")
    e.wire("products", "weights:x")
    e.check()
    e.check()
    yield "unscaled: a hint"
    e.add("divide", "scaled")
    e.wire("products", "scaled:x")
    e.wire("eight", "scaled:y")
    e.wire("scaled", "weights:x")
    e.at(3)
    yield "the weights"
    e.add("matmul", "out")
    e.wire("weights", "out:x")
    e.wire("v", "out:y")
    e.at(4)
    yield "the mixtures"
    e.choose(1)
    e.choose(0)
    e.next()
    yield "done"


WALKS: dict[str, Walk] = {
    "see-it-learn": see_it_learn,
    "expression": expression,
    "many-at-once": many_at_once,
    "one-neuron": one_neuron,
    "the-slope": the_slope,
    "a-line-learns": a_line_learns,
    "softmax-and-loss": softmax_and_loss,
    "digits": digits,
    "soft-look-up": soft_look_up,
}


def _to_the_end(walk: Iterator[str]) -> Iterator[str]:
    """Yield the captions of a walk, and what ends it early."""
    try:
        yield from walk
    except Exception as error:
        yield f"ENDED by {error!r}"


def main(folder: Path, theme: str, size: str, *lessons: str) -> None:
    made = Path(tempfile.mkdtemp())
    os.environ.setdefault("NODEFLOW_LESSONS_DIR", str(made / "lessons"))
    from nodeflow.ui.app import make_application, make_window
    from nodeflow.ui.core.state.user_settings import Settings
    from nodeflow.ui.core.theming.stylesheet import apply_theme
    from nodeflow.ui.core.theming.theme import THEMES

    application = make_application()
    apply_theme(application, THEMES[theme])
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(made / "window.ini")
    settings.theme = theme
    window = make_window(settings)
    window.resize(*map(int, size.split("x")))
    window.show()
    window.link.start()
    window.activateWindow()
    QTest.qWaitForWindowActive(window)
    learner = Learner(window)
    for lesson in lessons or WALKS:
        window.begin_lesson(lesson)
        learner.wait(lambda: window.link.is_up, "the engine")
        print(lesson, flush=True)
        for number, caption in enumerate(_to_the_end(WALKS[lesson](learner)), 1):
            QTest.qWait(700)  # values arrive from the engine's process
            window.screen().grabWindow(0).save(str(folder / f"{lesson}-{number:02}.png"))
            print(f"{number:02}  {caption}: {window.lesson_panel.hint!r}", flush=True)
        window.lessons.leave()
    window.workspace.root.mark_saved()
    window.files.weights.discard()
    window.close()


if __name__ == "__main__":
    given = sys.argv[2:]
    main(Path(sys.argv[1]), *(given + ["light", "1440x900"][len(given) :]))
