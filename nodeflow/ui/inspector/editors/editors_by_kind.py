"""The editor for each kind of attribute, and the table that assigns them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QStyle,
    QStyleOptionComboBox,
    QVBoxLayout,
    QWidget,
)

from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import DTYPES
from nodeflow.ops import REGISTRY
from nodeflow.ui.core.theming.theme import SPACE, Theme, dot
from nodeflow.ui.inspector.editors import value_parsing
from nodeflow.ui.inspector.editors.attribute_editor import Editor
from nodeflow.ui.inspector.editors.text_editors import (
    BlockEditor,
    LiteralEditor,
    TextEditor,
    meaning,
)


class CheckEditor(Editor):
    """A check box for an attribute that is true or false."""

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
    """A combo box that ignores the wheel while it is not focused, so that the page scrolls.

    If there is no room for icon and text, it shows only the text.
    """

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

    def initStyleOption(self, option: QStyleOptionComboBox) -> None:
        super().initStyleOption(option)
        control, field = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(control, option, field, self).width()
        metrics, text = self.fontMetrics(), option.currentText
        if metrics.horizontalAdvance(text) + option.iconSize.width() + SPACE[1] > room:
            option.currentIcon = QIcon()
        if option.currentIcon.isNull():
            option.currentText = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)


def fitting_combo(name: str) -> QuietCombo:
    """Return a combo box as wide as its longest item.

    Args:
        name: the accessible name, for screen readers.
    """
    combo = QuietCombo()
    combo.setAccessibleName(name)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    return combo


class ChoiceEditor(Editor):
    """A choice among several values. Dtypes are shown with their colour."""

    def __init__(self, attr: Attr, theme: Theme) -> None:
        super().__init__(attr, theme)
        self.field = QuietCombo()
        dtype = attr.kind == "dtype"
        if attr.optional or attr.default is None:
            self.field.addItem(meaning(attr), None)
        for choice in attr.choices or DTYPES:
            if dtype:
                self.field.addItem(dot(theme.dtype(choice)), choice, choice)
            else:
                self.field.addItem(choice.replace("_", " "), choice)
        self.field.activated.connect(self._on_chosen)
        self._layout.addWidget(self.field)
        self.setFocusProxy(self.field)

    def set_value(self, value: Any) -> None:
        if value is not None and not isinstance(value, str):  # a file may hold a value of any type
            value = json.dumps(value)
        index = self.field.findData(value)
        if index < 0 and value is not None:
            self.field.addItem(value, value)
            index = self.field.count() - 1
        self.field.setCurrentIndex(index)

    def _on_chosen(self, index: int) -> None:
        self.submit(self.field.itemData(index))
        self.finished.emit()


class InitializerEditor(Editor):
    """The choice of a variable's initial values: a constant (use Initial value), or an op with
    its parameters.
    """

    wide = True

    def __init__(self, attr: Attr, theme: Theme) -> None:
        super().__init__(attr, theme)
        self._value: dict[str, Any] | None = None
        self.field = QuietCombo()
        self.field.addItem("Constant (use Initial value)", None)
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
        if op_id is not None and not isinstance(op_id, str):
            op_id = json.dumps(op_id)
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
        from nodeflow.ui.core.widgets.common_widgets import clear
        from nodeflow.ui.inspector.editors.attribute_row import AttrRow

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
    """Return the ops that can draw a variable's initial values: they have a shape and no inputs."""
    found = [
        op
        for op in REGISTRY
        if not (op.hidden or op.stateful)
        and all(p.optional for p in op.inputs)
        and {"shape", "dtype"} <= {a.name for a in op.attrs}
    ]
    return sorted(found, key=lambda op: (not op.random, op.title))


def initializer_parameters(op_id: str | None) -> list[Attr]:
    """Return the parameters of an initializer: its attributes except shape, dtype and seed."""
    found = [op for op in initializers() if op.id == op_id]
    return [a for op in found for a in op.attrs if a.name not in ("shape", "dtype", "seed")]


def _names(text: str) -> list[str] | None:
    names = [name for name in text.replace(",", " ").split() if name]
    return names or None


def _show_names(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or "")


def make_editor(attr: Attr, theme: Theme) -> Editor:
    """Return the editor for an attribute, chosen by its kind."""
    return _MAKERS.get(attr.kind, _json)(attr, theme)


def _json(attr: Attr, theme: Theme) -> Editor:
    return BlockEditor(attr, theme, value_parsing.json_value, _show_json, meaning(attr, "null"))


def _show_json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _shape(attr: Attr, theme: Theme) -> Editor:
    """Return an editor of a shape. If the shape is optional, a scalar shape is written ``()``."""
    if not attr.optional:
        return TextEditor(
            attr, theme, value_parsing.sizes, value_parsing.show_shape, "scalar: no sizes"
        )

    def show(value: Any) -> str:
        return "()" if value is not None and not len(value) else value_parsing.show_shape(value)

    return TextEditor(attr, theme, value_parsing.sizes, show, meaning(attr))


def _text(parse: Callable[[str], Any], **more: Any) -> Callable[[Attr, Theme], Editor]:
    return lambda attr, theme: TextEditor(attr, theme, parse, **more)


def _string(attr: Attr, theme: Theme) -> Editor:
    return TextEditor(attr, theme, str, empty=meaning(attr, ""))


def _optional(parse: Callable[[str], Any], **more: Any) -> Callable[[Attr, Theme], Editor]:
    """Return a function that makes a text editor for an optional attribute.

    The placeholder text of an empty editor says what "none" means for the attribute.
    """
    return lambda attr, theme: TextEditor(attr, theme, parse, empty=meaning(attr), **more)


def _name_list(attr: Attr, theme: Theme) -> Editor:
    """Return an editor of names.

    The placeholder text says what an empty field means: ``the last one``.
    """
    empty = meaning(attr, "all")
    return TextEditor(attr, theme, _names, show=_show_names, empty=empty, empty_is_none=True)


_MAKERS: dict[str, Callable[[Attr, Theme], Editor]] = {
    "float": _optional(value_parsing.number),
    "int": _optional(value_parsing.whole),
    "bool": CheckEditor,
    "string": _string,
    "choice": ChoiceEditor,
    "dtype": ChoiceEditor,
    "shape": _shape,
    "ints": _optional(value_parsing.whole_numbers, show=value_parsing.show_shape),
    "axes": _text(value_parsing.axes, show=value_parsing.show_shape, empty="all axes"),
    "number": _optional(value_parsing.number),
    "sizes": _text(value_parsing.count_or_sizes, show=value_parsing.show_sizes),
    "literal": LiteralEditor,
    "initializer": InitializerEditor,
    "names": _name_list,
    "json": _json,
}
