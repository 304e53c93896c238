"""The sketch pad: feeds a drawn picture to the graph and shows the prediction at once.

The drawing feeds a placeholder while the user draws. All nodes show its effect with the current
weights, also during a training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QFileDialog,
    QLabel,
    QSlider,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from nodeflow.data.pictures import digit_preparation
from nodeflow.document.analysis.picture_answers import (
    Answer,
    PictureInput,
    answers,
    picture_inputs,
    sigmoid,
    softmax,
)
from nodeflow.graph.types import numpy_dtype
from nodeflow.host import protocol as p
from nodeflow.number_text import count
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.data_selection import DataSelection
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, column, label, row, switch
from nodeflow.ui.core.widgets.panel_visibility import InFront
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.sketching import drawing_pad
from nodeflow.ui.panels.sketching.drawing_pad import DrawingPad
from nodeflow.ui.panels.sketching.prediction_view import PictureBox, ProbabilityBars

HINT = "Draw a digit here, or drop or paste a picture"
NO_INPUT = (
    "The graph has no placeholder for a picture. A float32 placeholder of shape (?, 784) takes "
    "28 × 28 pixels; the example mnist.flow has one."
)
PREPARED = {"mnist": "Like MNIST", "plain": "Resized only"}
LOOK_AGAIN_MS = 120
PREPARED_SIDE = 84
MOST_ROOM = 4096
PICTURES = "Pictures (*.png *.jpg *.jpeg *.bmp *.gif *.webp)"


class SketchPad(QWidget):
    """The panel with one drawing and the graph's prediction for it.

    Signals:
        refused(text): the dropped or pasted data is not a picture.
    """

    refused = Signal(str)

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        data: DataSelection,
        themes: ThemeManager,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace, self._link, self._data = workspace, link, data
        self.inputs: list[PictureInput] = []
        self.answers: list[Answer] = []
        self._asked: int | None = None
        self._is_stale = self._looks_again = False
        self.in_front = InFront(self)
        self.in_front.changed.connect(self._on_front)
        self._make(themes)
        self._timer = QTimer(self, singleShot=True, interval=LOOK_AGAIN_MS)
        self._timer.timeout.connect(self._look_again)
        self.pad.changed.connect(self._on_drawn)
        self.pad.refused.connect(self.refused)
        workspace.replaced.connect(self._on_replaced)
        workspace.edited.connect(self._on_edited)
        workspace.analysed.connect(self._on_edited)
        link.tensor.connect(self._on_tensor)
        link.failed.connect(self._on_failed)
        link.state_changed.connect(self._show_state)
        data.changed.connect(self._on_data_changed)
        themes.follow(self.set_theme)
        self._look_again()
        self._show_state()

    # ---- construction -----------------------------------------------------------------------

    def _make(self, themes: ThemeManager) -> None:
        self.pad = DrawingPad(themes, HINT)
        self.bars = ProbabilityBars(themes)
        self.restored = PictureBox(themes, "The reconstructed picture", 120)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.bars)
        self._stack.addWidget(self.restored)
        self._no_input = label(NO_INPUT, "muted", wrap=True)
        self._no_input.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._body = QWidget()
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self._body)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACE[4])
        self._layout.addWidget(self.pad, 3)
        self._layout.addWidget(self._make_tools(themes))
        self._layout.addWidget(self._make_answer(), 4)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._no_input)
        self._pages.addWidget(self._body)
        outer = column(self._pages)
        outer.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[2])
        self.setLayout(outer)

    def _make_tools(self, themes: ThemeManager) -> QWidget:
        self.brush = QSlider(Qt.Orientation.Horizontal)
        self.brush.setRange(drawing_pad.THINNEST, drawing_pad.THICKEST)
        self.brush.setValue(drawing_pad.BRUSH)
        self.brush.setAccessibleName("Width of the brush")
        self.brush.setToolTip("Width of the brush; the right mouse button erases")
        self.brush.valueChanged.connect(self._on_brush)
        self.undo, self.clear = QToolButton(), QToolButton()
        self.open, self.paste = QToolButton(), QToolButton()
        self._tools = (
            (self.undo, "undo-2", "Undo the last stroke", self.pad.undo),
            (self.clear, "trash-2", "Clear the pad", self.pad.clear),
            (self.paste, "clipboard-paste", "Paste a picture", self.pad.paste),
            (self.open, "image", "Open a picture…", self._open_picture),
        )
        for tool, _, text, slot in self._tools:
            tool.setToolTip(text)
            tool.setAccessibleName(text)
            tool.clicked.connect(slot)
        self.way = QuietCombo()
        self.way.setAccessibleName("How the picture is prepared")
        self.way.setToolTip(
            "Like MNIST: the ink is scaled into 20 × 20 of the 28 × 28 pixels and centred by its "
            "centre of mass. Digits prepared differently are often misread."
        )
        for key, text in PREPARED.items():
            self.way.addItem(text, key)
        self.way.activated.connect(self._on_drawn)
        self.invert = QCheckBox("Inverted")
        self.invert.setToolTip("Invert the brightness, because the picture is dark on light")
        self.invert.toggled.connect(self.pad.invert)
        self.invert.hide()
        self.prepared = PictureBox(themes, "The prepared picture", PREPARED_SIDE)
        self.prepared.setFixedSize(PREPARED_SIDE, PREPARED_SIDE)
        self.input_choice = QuietCombo()
        self.input_choice.setAccessibleName("Placeholder that is fed")
        self.input_choice.activated.connect(self._on_input)
        self.label_choice = QuietCombo()
        self.label_choice.setAccessibleName("Class of the drawing")
        self.label_choice.setToolTip("With the right answer, the loss can also be computed")
        self.label_choice.activated.connect(self._on_drawn)
        self._label_row = QWidget()
        self._label_row.setLayout(row(label("It is", "caption"), self.label_choice, None))
        tools = row(*(tool for tool, *_ in self._tools), None, gap=1)
        result = QWidget()
        result.setLayout(
            column(
                tools,
                row(label("Brush", "caption"), self.brush),
                1,
                label("Input of the graph", "caption"),
                row(self.prepared, None),
                self.way,
                self.invert,
                self.input_choice,
                self._label_row,
                None,
                gap=1,
            )
        )
        result.setFixedWidth(164)
        return result

    def _make_answer(self) -> QWidget:
        self.answer_choice = QuietCombo()
        self.answer_choice.setAccessibleName("Predicting node")
        self.answer_choice.setSizeAdjustPolicy(QuietCombo.SizeAdjustPolicy.AdjustToContents)
        self.answer_choice.activated.connect(self._on_answer)
        self.state = ElidedLabel("", "caption")
        self.back = button("Show the drawing", "link", self._feed)
        self.back.hide()
        head = row(QLabel("Prediction of"), self.answer_choice, self.state, self.back)
        head.setStretch(2, 1)
        result = QWidget()
        layout = column(head, self._stack)
        layout.setStretch(1, 1)
        result.setLayout(layout)
        return result

    def set_theme(self, theme: Theme) -> None:
        for tool, name, *_ in self._tools:
            tool.setIcon(icon(name, theme, "ink", 16))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the parts side by side in a wide panel, otherwise one below the other."""
        super().resizeEvent(event)
        is_wide = self.width() > 1.2 * self.height()
        direction = QBoxLayout.Direction
        self._layout.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)
        room = self.contentsRect().height() - 2 * SPACE[2]
        self.pad.setMaximumWidth(max(120, room) if is_wide else MOST_ROOM)

    @Slot(bool)
    def _on_front(self, is_front: bool) -> None:
        if is_front:
            self._look_again()
            self._ask()

    # ---- inputs and outputs of the graph ----------------------------------------------------

    @property
    def input(self) -> PictureInput | None:
        """The placeholder that the drawing feeds."""
        index = max(0, self.input_choice.currentIndex())
        return self.inputs[index] if index < len(self.inputs) else None

    @property
    def answer(self) -> Answer | None:
        """The node whose value is the prediction."""
        index = max(0, self.answer_choice.currentIndex())
        return self.answers[index] if index < len(self.answers) else None

    def choose(self, ids: Sequence[str]) -> None:
        """Feed the selected placeholder, if it takes a picture."""
        index = next((i for i, item in enumerate(self.inputs) if item.id in ids), None)
        if index is not None and index != self.input_choice.currentIndex():
            self.input_choice.setCurrentIndex(index)
            self._on_input(index)

    @Slot()
    def _on_replaced(self) -> None:
        self._asked = None
        self.pad.clear()
        self._look_again()

    @Slot(object)
    def _on_edited(self, _: object) -> None:
        self._looks_again = True
        if self.in_front and not self._timer.isActive():
            self._timer.start()

    @Slot()
    def _look_again(self) -> None:
        """Find the placeholders and the predicting nodes again.

        Keep the chosen ones if possible.
        """
        self._looks_again = False
        root, analysis = self._workspace.root, self._workspace.root_analysis
        was, fed = self.input, self.input
        self.inputs = picture_inputs(root, analysis)
        _refill(self.input_choice, [item.name for item in self.inputs])
        self.input_choice.setVisible(len(self.inputs) > 1)
        fed = self.input
        self._pages.setCurrentIndex(1 if fed else 0)
        self._find_answers()
        if fed != was and not self.pad.is_empty and self._data.is_by_hand:
            self._on_drawn()

    def _find_answers(self) -> None:
        fed = self.input
        found: list[Answer] = []
        if fed is not None:
            root, analysis = self._workspace.root, self._workspace.root_analysis
            found = answers(root, analysis, fed.id, fed.height * fed.width)
        if found != self.answers:
            self.answers = found
            _refill(self.answer_choice, [_title(item) for item in found])
            self._show_nothing()
            self._ask()
        self._fill_labels()

    def _fill_labels(self) -> None:
        """Offer the classes of the data as choices for the right answer."""
        target = self._label_target()
        names = ("not given", *target[1]) if target is not None else ()
        _refill(self.label_choice, list(names))
        self._label_row.setVisible(bool(names))

    def _label_target(self) -> tuple[str, tuple[str, ...]] | None:
        """Return the placeholder of the labels with the names of the classes, or None."""
        shown = self._data.shown
        for name, classes in (shown.classes if shown is not None else {}).items():
            placeholder = shown.columns.get(name) if shown is not None else None
            if placeholder and classes and (self.input is None or placeholder != self.input.name):
                return placeholder, classes
        return None

    # ---- feeding ----------------------------------------------------------------------------

    @Slot()
    def _on_drawn(self) -> None:
        """Feed the current drawing, and show its prepared picture."""
        is_picture = self.pad.inverted is not None
        self.invert.setVisible(is_picture)
        if is_picture:
            self.invert.setChecked(bool(self.pad.inverted))
        for tool in (self.undo, self.clear):
            switch(tool, "The pad is empty." if self.pad.is_empty else "", tool.accessibleName())
        fed = self.input
        if fed is None:
            return
        if self.pad.is_empty:
            self.prepared.show_picture(np.zeros((fed.height, fed.width)))
            self._data.end_by_hand()
            self._show_nothing()
            return
        self._feed()

    @Slot()
    def _feed(self) -> None:
        fed = self.input
        if fed is None or self.pad.is_empty:
            return
        picture = digit_preparation.prepare(
            self.pad.grey(), self.way.currentData(), fed.height, fed.width
        )
        self.prepared.show_picture(picture)
        feeds = {fed.name: picture.reshape(fed.shape).astype(numpy_dtype(fed.dtype))}
        feeds.update(self._label_feed())
        self._data.show_by_hand(feeds)

    def _label_feed(self) -> dict[str, np.ndarray]:
        """Return a feed for the placeholder of the labels, if the user chose the right answer."""
        target, chosen = self._label_target(), self.label_choice.currentIndex() - 1
        if target is None or chosen < 0:
            return {}
        record = self._workspace.root.node_named(target[0])
        type_ = record and self._workspace.root_analysis.type_of(record.id, "out")
        if not type_:
            return {}
        if type_.is_float and type_.ndims == 2 and type_.shape[1] == len(target[1]):
            value = np.eye(len(target[1]))[[chosen]]
        elif type_.ndims in (1, 2):
            value = np.full((1,) * type_.rank, chosen)
        else:
            return {}
        return {target[0]: value.astype(numpy_dtype(type_.dtype))}

    @Slot(int)
    def _on_brush(self, width: int) -> None:
        self.pad.brush = width

    @Slot(int)
    def _on_input(self, _: int) -> None:
        self._find_answers()
        self._on_drawn()

    def _open_picture(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a picture", "", PICTURES)
        if path:
            self.pad.place_file(path)

    # ---- the answer -------------------------------------------------------------------------

    @Slot(object)
    def on_values_changed(self, names: tuple[str, ...]) -> None:
        """Request the prediction if its tensor has changed."""
        answer = self.answer
        if answer is not None and _tensor(answer) in names:
            self._ask()

    @Slot(int)
    def _on_answer(self, _: int) -> None:
        self._show_nothing()
        self._ask()

    @property
    def _shows_one(self) -> bool:
        """Whether the nodes show a single picture: the drawing, or one row of the data."""
        return self._data.is_by_hand or self._data.is_single

    def _ask(self) -> None:
        """Request the prediction. Only one request is sent at a time."""
        answer = self.answer
        if answer is None or not self.in_front or not self._shows_one or not self._link.is_up:
            return
        if self._asked is not None:
            self._is_stale = True
            return
        self._is_stale = False
        self._asked = self._link.fetch(_tensor(answer))

    @Slot(object)
    def _on_tensor(self, message: p.TensorValue) -> None:
        if message.request != self._asked:
            return
        self._asked = None
        if self._is_stale:
            self._ask()
        rows = message.data
        if self._shows_one and (rows is None or rows.count == 1) and message.array.size:
            self._show_answer(message.array.reshape(message.array.shape[0], -1)[0])
            self._show_state()

    @Slot(object)
    def _on_failed(self, message: p.Failed) -> None:
        if message.request == self._asked:
            self._asked = None
            self.bars.show_note(str(message.error))
            self._stack.setCurrentWidget(self.bars)

    def _show_answer(self, values: np.ndarray) -> None:
        answer = self.answer
        if answer is None or values.size != answer.size:
            return
        if answer.kind == "picture" and self.input is not None:
            self.restored.show_picture(values.reshape(self.input.height, self.input.width))
            self._stack.setCurrentWidget(self.restored)
            return
        shown = _probabilities(values.astype(np.float64), answer.kind)
        self.bars.show_values(self._data.class_names(len(shown)), shown)
        self._stack.setCurrentWidget(self.bars)

    def _show_nothing(self) -> None:
        self.bars.show_note(
            "" if self.answers else "No node of the graph predicts from this input."
        )
        self._stack.setCurrentWidget(self.bars)

    @Slot()
    def _on_data_changed(self) -> None:
        if not self._shows_one:
            self._show_nothing()
        self._fill_labels()
        self._show_state()
        self._ask()

    @Slot()
    def _show_state(self, *_: object) -> None:
        """Show a text that says which weights predict, or that the nodes show other rows."""
        by_hand, drawn = self._data.is_by_hand, not self.pad.is_empty
        self.back.setVisible(drawn and not by_hand)
        if drawn and not by_hand:
            text = f"Nodes show {self._data.text[:1].lower()}{self._data.text[1:]}."
        elif self._link.past.step is not None:
            text = f"At step {count(self._link.past.step)}"
        elif self._link.is_training:
            text = "While it trains"
        elif not self._link.has_trained:
            text = "Not trained yet"
        else:
            text = ""
        self.state.setText(text)


def _tensor(answer: Answer) -> str:
    return f"{answer.name}:{answer.index}" if answer.index else answer.name


def _title(answer: Answer) -> str:
    return f"{answer.name}, softmax" if answer.kind == "logits" else _tensor(answer)


def _probabilities(values: np.ndarray, kind: str) -> np.ndarray:
    """Return the values for the bars. Scores are converted to probabilities."""
    if kind == "logits":
        return softmax(values)
    return sigmoid(values) if kind == "sigmoid_logits" else values


def _refill(combo: QuietCombo, texts: list[str]) -> None:
    """Replace the entries of a combo box. The chosen entry stays if it still exists."""
    if [combo.itemText(i) for i in range(combo.count())] == texts:
        return
    chosen = combo.currentText()
    combo.clear()
    combo.addItems(texts)
    combo.setCurrentIndex(max(0, combo.findText(chosen)))


def _make(context: PanelContext) -> SketchPad:
    panel = SketchPad(
        context.document.workspace, context.engine.link, context.chosen.data, context.look.themes
    )
    context.engine.values.changed.connect(panel.on_values_changed)
    panel.refused.connect(lambda text: context.window.messages.show(text, "warning"))
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    workspace = context.document.workspace

    def show() -> None:
        panel.show()
        panel.widget.choose(workspace.selection)
        panel.widget.pad.setFocus()

    def blocked() -> Blocked | None:
        has_pictures = _needed(context, panel)
        return None if has_pictures else Blocked("The graph has no placeholder for a picture.")

    context.window.actions.bind({SHOW.id: Binding(show, blocked)})


def _needed(context: PanelContext, panel: LatePanel) -> bool:
    workspace = context.document.workspace
    return bool(picture_inputs(workspace.root, workspace.root_analysis))


SHOW = ActionSpec(
    "sketch",
    "Sketch pad",
    ("Ctrl+K",),
    "pencil",
    "Draw a digit and see the graph's prediction",
)
PANEL = PanelSpec("sketch_pad", "Sketch pad", Place.BOTTOM, 27, _make, _wire, (SHOW,), _needed)
