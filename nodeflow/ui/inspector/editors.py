"""One editor per kind of attribute. Each reports valid values, and why a text is none.

An editor has its attribute's declaration and no document.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPixmap, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from nodeflow.document.model.records import plain, same
from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import DTYPES
from nodeflow.ops import REGISTRY
from nodeflow.ui.core.messages import remark
from nodeflow.ui.core.theme import SPACE, Theme
from nodeflow.ui.core.widgets import restyle
from nodeflow.ui.inspector import parsing
from nodeflow.ui.inspector.committed_edit import CommittedEdit

MOST_LINES = 8


class Editor(QWidget):
    """Base of all editors.

    Signals:
        edited(value): a valid value, as JSON: chosen, or typed and committed.
        refused(text): what was typed is not a value; empty when it is one again.
        finished: Enter, or the focus left: the next edit is another undo step.
    """

    edited = Signal(object)
    refused = Signal(str)
    finished = Signal()
    wide = False
    """True for editors that want the whole width, below their label."""

    def __init__(self, attr: Attr, theme: Theme) -> None:
        super().__init__()
        self.attr = attr
        self.theme = theme
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACE[1])

    def set_value(self, value: Any) -> None:
        """Show a value without reporting it."""
        raise NotImplementedError

    def focus_widget(self) -> QWidget:
        """The widget that typing goes to."""
        return self

    def submit(self, value: Any) -> None:
        """Check a value against the declaration; report it, or why it is refused."""
        try:
            self.attr.check(value)
        except NodeflowError as error:
            self.refuse(remark(error))
            return
        self.refuse("")
        self.edited.emit(plain(value))

    def refuse(self, text: str) -> None:
        self.refused.emit(text)


class TypedEditor(Editor):
    """Base of editors of text, which ``read`` reads when it is complete."""

    field: QWidget

    def _follow(self, typing: CommittedEdit) -> None:
        """Read what is typed in the field when it is complete."""
        self.typing = typing
        typing.committed.connect(self._take)
        typing.cancelled.connect(self._on_cancelled)
        typing.left.connect(self.finished)
        self._is_refused = False
        self._shown: Any = None

    def set_value(self, value: Any) -> None:
        shown_before, self._shown = self._shown, value
        if self.typing.is_pending or (self._is_refused and same(value, shown_before)):
            return  # what is typed stays until it is complete, or is put right
        if self.field.hasFocus() and self._means(value):
            return  # what stands there already means it, in the user's own writing
        self._show_text(value)
        self.refuse("")

    def text(self) -> str:
        """What stands in the field."""
        raise NotImplementedError

    def read(self, text: str) -> Any:
        """The value of a text; raises ValueError with the reason if there is none."""
        raise NotImplementedError

    def _show_text(self, value: Any) -> None:
        """Write a value into the field."""
        raise NotImplementedError

    def focus_widget(self) -> QWidget:
        return self.field

    def refuse(self, text: str) -> None:
        self._is_refused = bool(text)
        restyle(self.field, "invalid", "true" if text else "false")
        super().refuse(text)

    def _means(self, value: Any) -> bool:
        try:
            return plain(self.read(self.text())) == value
        except ValueError:
            return False

    def _on_typed(self) -> None:
        """Take the message back as soon as it is no longer true."""
        if not self._is_refused:
            return
        try:
            self.attr.check(self.read(self.text()))
        except (ValueError, NodeflowError):
            return
        self.refuse("")

    def _on_cancelled(self) -> None:
        self._show_text(self._shown)
        self.refuse("")

    def _take(self) -> None:
        """Submit the text's value, or say why it has none."""
        try:
            value = self.read(self.text())
        except ValueError as error:
            self.refuse(str(error))
            return
        self.submit(value)


class TextEditor(TypedEditor):
    """A line of text, read by ``parse``; Up and Down step numbers."""

    field: _Line

    def __init__(
        self,
        attr: Attr,
        theme: Theme,
        parse: Callable[[str], Any],
        show: Callable[[Any], str] = parsing.show,
        empty: str = "",
        empty_is_none: bool = False,
        mono: bool = False,
    ) -> None:
        super().__init__(attr, theme)
        self._parse, self._show, self._empty_is_none = parse, show, empty_is_none
        self.field = _Line(self)
        self.field.setPlaceholderText(empty)
        if mono:
            self.field.setProperty("role", "mono")
        self.field.textEdited.connect(self._on_typed)
        self._follow(self.field.typing)
        self.field.stepped.connect(self._on_step)
        self._layout.addWidget(self.field)
        self.setFocusProxy(self.field)

    def text(self) -> str:
        return self.field.text()

    def _show_text(self, value: Any) -> None:
        if self.field.text() != self._show(value):
            self.field.setText(self._show(value))

    def read(self, text: str) -> Any:
        none_allowed = self.attr.optional or self.attr.default is None
        if not text.strip() and (self._empty_is_none or none_allowed) and self.attr.kind != "axes":
            return None
        return self._parse(text)

    def _on_step(self, steps: float) -> None:
        if self.attr.kind not in ("int", "float", "literal"):
            return
        try:
            value = self.read(self.field.text())
        except ValueError:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return
        integer = self.attr.kind == "int" or isinstance(value, int)
        by = (1 if steps > 0 else -1) if integer and abs(steps) < 1 else steps
        stepped = value + (int(by) if integer else by)
        self.field.setText(self._show(stepped if integer else round(stepped, 10)))
        self._take()


class _Line(QLineEdit):
    """A line that reports arrow keys."""

    stepped = Signal(float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.typing = CommittedEdit(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            size = 1.0
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                size = 10.0
            elif event.modifiers() & Qt.KeyboardModifier.AltModifier:
                size = 0.1
            self.stepped.emit(size if event.key() == Qt.Key.Key_Up else -size)
            event.accept()
            return
        super().keyPressEvent(event)


class BlockEditor(TypedEditor):
    """Text of several lines that grows with its content: nested lists, JSON, notes."""

    field: _Block
    wide = True

    def __init__(
        self,
        attr: Attr,
        theme: Theme,
        parse: Callable[[str], Any],
        show: Callable[[Any], str] = parsing.show,
        empty: str = "",
        mono: bool = True,
        multiline: bool = False,
    ) -> None:
        super().__init__(attr, theme)
        self._parse, self._show = parse, show
        self.field = _Block()
        self.field.setPlaceholderText(empty)
        if mono:
            self.field.setProperty("role", "mono")
        self.field.setTabChangesFocus(True)
        self.field.textChanged.connect(self._on_text)
        self._follow(CommittedEdit(self.field, multiline))
        self._layout.addWidget(self.field)
        self.setFocusProxy(self.field)
        self._setting = False

    def text(self) -> str:
        return self.field.toPlainText()

    def _show_text(self, value: Any) -> None:
        shown = self._show(value)
        if self.field.toPlainText() != shown:
            self._setting = True
            self.field.setPlainText(shown)
            self._setting = False

    def read(self, text: str) -> Any:
        if not text.strip() and (self.attr.optional or self.attr.default is None):
            return None
        return self._parse(text)

    def _on_text(self) -> None:
        if not self._setting:
            self.typing.begin()
            self._on_typed()


class _Block(QPlainTextEdit):
    """As high as its text, within limits."""

    def __init__(self) -> None:
        super().__init__()
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.document().documentLayout().documentSizeChanged.connect(self._grow)
        self._grow()

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.Show, QEvent.Type.StyleChange):
            self._grow()
        return super().event(event)

    def _grow(self) -> None:
        lines = max(1, min(MOST_LINES, round(self.document().size().height())))
        height = round(lines * self.fontMetrics().lineSpacing() + 20)
        if self.height() != height:
            self.setFixedHeight(height)


class CheckEditor(Editor):
    """True or false."""

    def __init__(self, attr: Attr, theme: Theme) -> None:
        super().__init__(attr, theme)
        self.field = QCheckBox()
        self.field.clicked.connect(self._on_clicked)
        self._layout.addWidget(self.field)
        self._layout.addStretch(1)
        self.setFocusProxy(self.field)

    def focus_widget(self) -> QWidget:
        return self.field

    def set_value(self, value: Any) -> None:
        self.field.setChecked(bool(value))

    def _on_clicked(self, checked: bool) -> None:
        self.submit(checked)
        self.finished.emit()


class QuietCombo(QComboBox):
    """A combo box that leaves the wheel to the page while it is not focused."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(4)
        self.setMinimumWidth(56)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ChoiceEditor(Editor):
    """One of several; dtypes carry their colour."""

    def __init__(self, attr: Attr, theme: Theme) -> None:
        super().__init__(attr, theme)
        self.field = QuietCombo()
        dtype = attr.kind == "dtype"
        if attr.optional or attr.default is None:
            self.field.addItem(_meaning(attr), None)
        for choice in attr.choices or DTYPES:
            if dtype:
                self.field.addItem(dot(theme.dtype(choice)), choice, choice)
            else:
                self.field.addItem(choice.replace("_", " "), choice)
        self.field.activated.connect(self._on_chosen)
        self._layout.addWidget(self.field)
        self.setFocusProxy(self.field)

    def set_value(self, value: Any) -> None:
        index = self.field.findData(value)
        if index < 0 and value is not None:
            self.field.addItem(str(value), value)
            index = self.field.count() - 1
        self.field.setCurrentIndex(index)

    def _on_chosen(self, index: int) -> None:
        self.submit(self.field.itemData(index))
        self.finished.emit()


class InitializerEditor(Editor):
    """A constant (use Value), or an op that draws the first values, with its parameters."""

    wide = True

    def __init__(self, attr: Attr, theme: Theme) -> None:
        super().__init__(attr, theme)
        self._value: dict[str, Any] | None = None
        self.field = QuietCombo()
        self.field.addItem("Constant (use Value)", None)
        for op in initializers():
            self.field.addItem(op.title, op.id)
        self.field.activated.connect(self._on_chosen)
        self._rows = QVBoxLayout()
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(SPACE[1])
        outer = QVBoxLayout()
        outer.setSpacing(SPACE[1])
        outer.addWidget(self.field)
        outer.addLayout(self._rows)
        self._layout.addLayout(outer)
        self.parameters: dict[str, Any] = {}
        self._shown: str | None = None

    def set_value(self, value: Any) -> None:
        self._value = dict(value) if isinstance(value, dict) else None
        op_id = self._value.get("op") if self._value else None
        index = self.field.findData(op_id)
        if index < 0:
            self.field.addItem(str(op_id), op_id)
            index = self.field.count() - 1
        self.field.setCurrentIndex(index)
        if op_id != self._shown:
            self._show_parameters(op_id)
        for name, row in self.parameters.items():
            row.set_value((self._value or {}).get(name, row.attr.default))

    def _show_parameters(self, op_id: str | None) -> None:
        from nodeflow.ui.core.widgets import clear
        from nodeflow.ui.inspector.attribute_row import AttrRow

        clear(self._rows)
        self.parameters.clear()
        self._shown = op_id
        for attr in initializer_parameters(op_id):
            row = AttrRow(attr, self.theme)
            row.edited.connect(self._on_parameter)
            row.finished.connect(self.finished)
            self._rows.addWidget(row)
            self.parameters[attr.name] = row

    def _on_chosen(self, index: int) -> None:
        op_id = self.field.itemData(index)
        self.set_value(None if op_id is None else {"op": op_id})
        self.submit(self._value)
        self.finished.emit()

    def _on_parameter(self, name: str, value: Any) -> None:
        if self._value is not None:
            self._value = {**self._value, name: value}
            self.submit(self._value)


def initializers() -> list[Any]:
    """The ops that can draw a variable's first values: no inputs, a shape to fill."""
    found = [
        op
        for op in REGISTRY
        if not (op.hidden or op.inputs or op.stateful)
        and {"shape", "dtype"} <= {a.name for a in op.attrs}
    ]
    return sorted(found, key=lambda op: (not op.random, op.title))


def initializer_parameters(op_id: str | None) -> list[Attr]:
    """What can be set for an initializer: its attributes but for shape and dtype."""
    found = [op for op in initializers() if op.id == op_id]
    return [a for op in found for a in op.attrs if a.name not in ("shape", "dtype", "seed")]


def _names(text: str) -> list[str] | None:
    names = [name for name in text.replace(",", " ").split() if name]
    return names or None


def _show_names(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or "")


def _fractions(text: str) -> list[Any]:
    value = parsing.literal(text)
    return value if isinstance(value, list) else [value]


def dot(color: QColor, size: int = 12) -> QIcon:
    """A filled circle as an icon: the colour of a dtype."""
    pixmap = QPixmap(QSize(size, size) * 2)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawEllipse(2, 2, size - 4, size - 4)
    painter.end()
    return QIcon(pixmap)


def make_editor(attr: Attr, theme: Theme) -> Editor:
    """The editor for an attribute, chosen by its kind."""
    return _MAKERS.get(attr.kind, _json)(attr, theme)


def _json(attr: Attr, theme: Theme) -> Editor:
    return BlockEditor(attr, theme, parsing.json_value, _show_json, "null")


def _show_json(value: Any) -> str:
    import json

    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _shape(attr: Attr, theme: Theme) -> Editor:
    """A shape; where it may be missing, a scalar's is written ``()``."""
    if not attr.optional:
        return TextEditor(attr, theme, parsing.sizes, parsing.show_shape, "scalar: no sizes")

    def show(value: Any) -> str:
        return "()" if value is not None and not len(value) else parsing.show_shape(value)

    return TextEditor(attr, theme, parsing.sizes, show, _meaning(attr))


def _text(parse: Callable[[str], Any], **more: Any) -> Callable[[Attr, Theme], Editor]:
    return lambda attr, theme: TextEditor(attr, theme, parse, **more)


def _optional(parse: Callable[[str], Any], **more: Any) -> Callable[[Attr, Theme], Editor]:
    """The placeholder of an empty field: what the declaration calls no value."""
    return lambda attr, theme: TextEditor(attr, theme, parse, empty=_meaning(attr), **more)


def _meaning(attr: Attr) -> str:
    """What no value means: ``no limit`` where the text says "none is no limit"."""
    found = re.search(r"\bnone (?:is|means) ([^.;]+)", attr.doc)
    return found[1] if found else "automatic"


def _name_list(attr: Attr, theme: Theme) -> Editor:
    """Names; an empty list shows what the declaration calls it, such as ``the last one``."""
    _, _, meaning = attr.doc.partition("empty: ")
    empty = meaning.partition(".")[0] or "all"
    return TextEditor(attr, theme, _names, show=_show_names, empty=empty, empty_is_none=True)


_MAKERS: dict[str, Callable[[Attr, Theme], Editor]] = {
    "float": _optional(parsing.number),
    "int": _optional(parsing.whole),
    "bool": CheckEditor,
    "string": _text(str),
    "choice": ChoiceEditor,
    "dtype": ChoiceEditor,
    "shape": _shape,
    "ints": _optional(parsing.whole_numbers, show=parsing.show_shape),
    "axes": _text(parsing.axes, show=parsing.show_shape, empty="all axes"),
    "literal": lambda attr, theme: BlockEditor(attr, theme, parsing.literal, empty="no value"),
    "initializer": InitializerEditor,
    "names": _name_list,
    "json": _json,
}
