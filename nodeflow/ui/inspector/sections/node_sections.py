"""Parts of the inspector's pages: name, problems, attributes, ports, documentation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from nodeflow.document.analysis.bound_attributes import bound_attributes
from nodeflow.document.analysis.datasets.dataset_node import DATASET, SOURCE
from nodeflow.document.analysis.node_flags import device_of
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.analysis.subgraphs.loops_and_branches import FLOW_ATTRS, is_flow
from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION
from nodeflow.document.analysis.wiring import shown_ports
from nodeflow.document.edit import commands
from nodeflow.document.edit.offers.fixes import Fix
from nodeflow.document.edit.set_flags import remove_device, set_device
from nodeflow.document.edit.stage import is_control
from nodeflow.document.edit.sweep_settings import can_vary, varied
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import SUBGRAPH, NodeRecord
from nodeflow.drawing.message_text import plain
from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import Attr, NodeDeclaration
from nodeflow.host.protocol import Preview
from nodeflow.ui.canvas.paint.op_icon_painter import draw_op_icon, tile
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, dot, font_families, icon
from nodeflow.ui.core.user_messages import in_window, remark
from nodeflow.ui.core.widgets.common_widgets import (
    ElidedLabel,
    button,
    clear,
    discard,
    label,
    restyle,
)
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.inspector.editors import value_parsing
from nodeflow.ui.inspector.editors.attribute_row import AttrRow
from nodeflow.ui.inspector.editors.bound_input_field import value_of_wire
from nodeflow.ui.inspector.editors.committed_edit import CommittedEdit
from nodeflow.ui.inspector.editors.text_editors import TextEditor


def sign_pixmap(op: str, category: str, theme: Theme, size: int = 36) -> QPixmap:
    """Return an op's icon on its tinted tile, as on its card."""
    pixmap = QPixmap(QSize(size, size) * 2)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    color = theme.category(category)
    box = QRectF(0, 0, size, size)
    tile(painter, box, color, 8)
    draw_op_icon(painter, op, category, box.adjusted(4, 4, -4, -4), color)
    painter.end()
    return pixmap


class Section(QWidget):
    """A part of an inspector page: rows of widgets in a column, under an optional heading."""

    def __init__(self, title: str = "") -> None:
        super().__init__()
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setSpacing(SPACE[2])
        if title:
            self.rows.addWidget(label(title, "section"))

    def add(self, widget: QWidget) -> None:
        self.rows.addWidget(widget)


class NameSection(QWidget):
    """The node's icon, its name as a field, and its op."""

    def __init__(
        self, workspace: Workspace, record: NodeRecord, op: NodeDeclaration | None, theme: Theme
    ) -> None:
        super().__init__()
        self._workspace = workspace
        self._node = record.id
        sign = QLabel()
        sign.setPixmap(sign_pixmap(record.op, op.category if op else "", theme))
        self.field = QLineEdit(record.name)
        self.field.setAccessibleName("Name")
        self.field.setToolTip("The node's name: fetches, feeds and plots use it")
        self.typing = CommittedEdit(self.field)
        self.typing.committed.connect(self._commit)
        self.typing.cancelled.connect(self._put_back)
        self.field.setReadOnly(bool(workspace.document.locked))
        self.field.setCursorPosition(0)  # so that a long name shows its beginning
        title = op.title if op else f"Unknown op {record.op}"
        self._error = label("", "error", wrap=True)
        self._error.hide()
        texts = QVBoxLayout()
        texts.setSpacing(SPACE[1])
        texts.addWidget(self.field)
        texts.addWidget(self._error)
        words = [title, op.category] if op else [title]
        if record.op == SUBGRAPH:
            kind = op.title if op is not None and is_flow(record) else "Subgraph"
            words = [kind, str(record.attrs.get(DEFINITION, ""))]
        texts.addWidget(ElidedLabel("  ·  ".join(words), "caption"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[3])
        layout.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(texts, 1)

    def show_record(self, record: NodeRecord) -> None:
        keeps = self.typing.is_pending or self._error.isVisibleTo(self)
        if self.field.text() != record.name and not keeps:
            self.field.setText(record.name)

    def _put_back(self) -> None:
        """Restore the old name on Escape."""
        record = self._workspace.document.nodes.get(self._node)
        if record is not None:
            self._show_error("")
            self.field.setText(record.name)

    def _commit(self) -> None:
        document = self._workspace.document
        if self._node not in document.nodes:
            return
        try:
            commands.rename(document, self._node, self.field.text().strip())
        except NodeflowError as error:
            self._show_error(remark(error))
        else:
            self._show_error("")

    def _show_error(self, text: str) -> None:
        self._error.setText(text)
        self._error.setVisible(bool(text))
        restyle(self.field, "invalid", "true" if text else "false")


_PROBLEM_SIGNS = {"error": ("circle-alert", "error"), "incomplete": ("plug", "ink_muted")}


class ProblemsSection(Section):
    """The node's problems with their hints, and below them a button for each offered edit."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._shown: list[Problem] | None = None
        self._fixes: tuple[str, ...] = ()
        self._apply: list[Callable[[], object]] = []
        self.fix_buttons: list[QPushButton] = []

    def show_problems(self, problems: list[Problem], fixes: list[Fix]) -> None:
        titles = tuple(fix.title for fix in fixes)
        if problems == self._shown and titles == self._fixes:
            return
        self._shown, self._fixes = list(problems), titles
        clear(self.rows)
        self.fix_buttons = []
        for problem in problems:
            self.rows.addWidget(self._card(problem))
        for fix in fixes:
            offered = button(fix.title, slot=self._on_fix)
            offered.setObjectName("fix")
            self.fix_buttons.append(offered)
            self.rows.addWidget(offered)
        self.setVisible(bool(problems or fixes))
        self._apply = [fix.apply for fix in fixes]

    def _on_fix(self) -> None:
        sender = self.sender()
        assert isinstance(sender, QPushButton)
        self._apply[self.fix_buttons.index(sender)]()

    def _card(self, problem: Problem) -> QFrame:
        frame = QFrame()
        frame.setObjectName("problem")
        restyle(frame, "level", problem.level)
        sign = QLabel()
        name, role = _PROBLEM_SIGNS.get(problem.level, ("triangle-alert", "warning"))
        sign.setPixmap(icon(name, self._theme, role).pixmap(16, 16))
        texts = QVBoxLayout()
        texts.setSpacing(SPACE[1])
        where = f"{problem.port}: " if problem.port else ""
        message = label(plain(f"{where}{problem.message}"), wrap=True)
        message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        texts.addWidget(message)
        if problem.hint:
            texts.addWidget(label(in_window(problem.hint), "caption", wrap=True))
        layout = QHBoxLayout(frame)
        layout.setContentsMargins(SPACE[2], SPACE[2], SPACE[2], SPACE[2])
        layout.setSpacing(SPACE[2])
        layout.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(texts, 1)
        return frame


class RemovableNote(QFrame):
    """A remark on a node, beside its attributes, with a *Remove* button.

    ``removed`` is emitted when the button is pressed.
    """

    removed = Signal()

    def __init__(self, text: str, what: str) -> None:
        super().__init__()
        self.setObjectName("problem")
        self._sign = sign = QLabel()
        self.text = label(text, wrap=True)
        self.button = button("Remove", "link", self.removed.emit)
        self.button.setAccessibleName(f"Remove the {what}")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE[2], SPACE[2], SPACE[2], SPACE[2])
        layout.setSpacing(SPACE[2])
        layout.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def set_color(self, color: QColor) -> None:
        """Show a dot of this colour beside the text."""
        self._sign.setPixmap(dot(color, 14).pixmap(14, 14))


class BreakpointNote(RemovableNote):
    """The remark that a training pauses at the node."""

    def __init__(self, theme: Theme) -> None:
        text = "Breakpoint: training pauses when this becomes NaN, infinite or true."
        super().__init__(text, "breakpoint")
        self.set_color(theme.color("error"))


class DeviceNote(RemovableNote):
    """The remark about the node's device."""

    def __init__(self, workspace: Workspace, node: str, theme: Theme) -> None:
        super().__init__("", "device")
        restyle(self, "level", "incomplete")
        self._workspace, self._node, self._theme = workspace, node, theme
        self.button.setVisible(not workspace.document.locked)
        self.removed.connect(self._remove)

    def show_record(self, record: NodeRecord) -> None:
        """Show the device of a node, or hide the remark if it has none."""
        device = device_of(record)
        self.text.setText(f"Device {device}, kept in the file. The engine computes on the CPU.")
        self.set_color(self._theme.category(device))
        self.setVisible(bool(device))

    def _remove(self) -> None:
        remove_device(self._workspace.document, self._node)


DEVICE = Attr(
    "device", "string", "",
    "Where the node is to be computed: gpu:0 or cpu:0. The file keeps it; the engine computes on "
    "the CPU.", advanced=True,
)  # fmt: skip


class DeviceSection(Section):
    """An editable row for the device on which the node is to be computed."""

    def __init__(self, workspace: Workspace, node: str, theme: Theme) -> None:
        super().__init__()
        self._workspace, self._node = workspace, node
        editor = TextEditor(DEVICE, theme, value_parsing.device, empty="not set")
        self.row = AttrRow(DEVICE, theme, editor)
        self.row.edited.connect(self._on_edited)
        self.row.reset.connect(self._on_reset)
        self.add(self.row)
        self.setEnabled(not workspace.document.locked)

    def show_record(self, record: NodeRecord) -> None:
        """Show the device of a node."""
        device = device_of(record)
        self.row.set_value(device, bool(device))

    def fold(self, is_open: bool) -> bool:
        """Hide the row while *More* is closed, unless the node has a device.

        Return True, because this section always has a row under *More*.
        """
        self.setVisible(self.row.fold(is_open))
        return True

    def _on_edited(self, _: str, value: str) -> None:
        if self._node in self._workspace.document.nodes:
            set_device(self._workspace.document, [self._node], value)

    def _on_reset(self, _: str) -> None:
        self._on_edited("", "")


def in_order(attrs: tuple[Attr, ...]) -> tuple[Attr, ...]:
    """Return attributes in their declared order, but advanced ones last."""
    return tuple(sorted(attrs, key=lambda attr: attr.advanced))


class AttributesSection(Section):
    """One row for each declared attribute. An edit in a row is written to the document at once.

    Signals:
        vary_wanted(path, name): the user wants to edit the values that a sweep tries.
        stage_wanted(path, name): the user wants to put the attribute on the stage, or to take
            it off.
        node_requested(id): the user wants to see the node whose wire sets an attribute.
    """

    vary_wanted = Signal(str, str)
    stage_wanted = Signal(str, str)
    node_requested = Signal(str)

    def __init__(self, workspace: Workspace, record: NodeRecord, theme: Theme) -> None:
        super().__init__("ATTRIBUTES")
        self._values: Mapping[str, Preview] = {}
        self._workspace, self._theme = workspace, theme
        self._node = record.id
        self._path = "/".join((*workspace.path, record.id))
        self.attr_rows: dict[str, AttrRow] = {}
        self._unknown = label("", "warning", wrap=True)
        self.add(self._unknown)
        self.setEnabled(not workspace.document.locked)

    def show_attrs(self, attrs: tuple[Attr, ...]) -> None:
        """Show a row for each of these attributes. Keep existing rows, with their typed text."""
        if tuple(row.attr for row in self.attr_rows.values()) != in_order(attrs):
            self._replace_rows(in_order(attrs))

    def fold(self, is_open: bool) -> bool:
        """Hide advanced attributes while *More* is closed. Return whether there are any."""
        shown = [row.fold(is_open) for row in self.attr_rows.values()]
        self.setVisible(any(shown))
        return any(row.attr.advanced for row in self.attr_rows.values())

    def _replace_rows(self, attrs: tuple[Attr, ...]) -> None:
        rows = {}
        for place, attr in enumerate(attrs, start=1):  # after the heading
            row = self.attr_rows.pop(attr.name, None)
            if row is not None and row.attr != attr:
                discard(row)
                row = None
            rows[attr.name] = row = row or self._make_row(attr)
            self.rows.insertWidget(place, row)
        for row in self.attr_rows.values():
            discard(row)
        self.attr_rows = rows

    def _make_row(self, attr: Attr) -> AttrRow:
        row = AttrRow(attr, self._theme)
        row.edited.connect(self._on_edited)
        row.reset.connect(self._on_reset)
        row.finished.connect(self._on_finished)
        row.vary_wanted.connect(partial(self.vary_wanted.emit, self._path))
        row.stage_wanted.connect(partial(self.stage_wanted.emit, self._path))
        row.source_wanted.connect(partial(self._go_to_source, attr.name))
        if can_vary(attr) and not self._workspace.is_apart and not self._workspace.document.locked:
            row.offer_vary()
            row.is_staged = partial(is_control, self._workspace.root, self._path, attr.name)
        return row

    def show_record(self, record: NodeRecord, problems: list[Problem]) -> None:
        """Show the attributes of the node, and the problem of each."""
        varies = varied(self._workspace.root)
        for name, row in self.attr_rows.items():
            row.show_varied(varies.get((self._path, name), ""))
            default = None if row.attr.required else row.attr.default
            row.set_value(record.attrs.get(name, default), name in record.attrs)
            found = [p for p in problems if p.port == name]
            row.set_problem(found[0].message if found else "")
        self._show_sources(record)
        known = {*self.attr_rows, SOURCE.name} if record.op == DATASET else {*self.attr_rows}
        op = plain_declaration(record.op)
        known.update(attr.name for attr in (op.attrs if op is not None else ()) if attr.hidden)
        if is_flow(record):
            known.update(record.attrs.keys() & {DEFINITION, *(a.name for a in FLOW_ATTRS)})
        unknown = [name for name in record.attrs if name not in known]
        self._unknown.setText(plain(f"Unknown, but kept: {', '.join(unknown)}"))
        self._unknown.setVisible(bool(unknown) and bool(self.attr_rows))

    def show_values(self, values: Mapping[str, Preview]) -> None:
        """Show live values, by tensor name, for the attributes that wires set."""
        self._values = values
        record = self._workspace.document.nodes.get(self._node)
        if record is not None:
            self._show_sources(record)

    def _show_sources(self, record: NodeRecord) -> None:
        document = self._workspace.document
        given = bound_attributes(document, record)
        for name, row in self.attr_rows.items():
            wire = given.get(name)
            if wire is None:
                row.set_source("")
            else:
                value = value_of_wire(self._workspace, wire, self._values)
                row.set_source(document.nodes[wire.source].name, value)

    def _go_to_source(self, name: str) -> None:
        document = self._workspace.document
        record = document.nodes.get(self._node)
        wire = bound_attributes(document, record).get(name) if record is not None else None
        if wire is not None:
            self.node_requested.emit(wire.source)

    def _on_edited(self, name: str, value: Any) -> None:
        document = self._workspace.document
        if self._node in document.nodes:
            merge = ("attr", self._node, name)
            commands.set_attr(document, self._node, name, value, merge=merge)

    def _on_reset(self, name: str) -> None:
        if self._node in self._workspace.document.nodes:
            commands.reset_attr(self._workspace.document, self._node, name)

    def _on_finished(self) -> None:
        self._workspace.document.seal()


class PortsSection(Section):
    """The inputs and outputs of a node with their types and connections.

    Signals:
        node_requested(id): the user pressed the name of a connected node.
    """

    node_requested = Signal(str)

    def __init__(self, workspace: Workspace, node_id: str, theme: Theme) -> None:
        super().__init__()
        self._workspace, self._node, self._theme = workspace, node_id, theme
        self._shown: object = None

    def show_ports(self) -> None:
        """Show the current ports. Rebuild the section only if something changed."""
        content = self._content()
        if content == self._shown:
            return
        self._shown = content
        clear(self.rows)
        for heading, entries in content:
            if entries:
                if self.rows.count():
                    self.rows.addSpacing(SPACE[2])
                self.rows.addWidget(label(heading, "section"))
            for entry in entries:
                self.rows.addWidget(self._row(*entry))

    def _content(self) -> list[tuple[str, list[tuple[str, str, str, str, tuple]]]]:
        document, analysis = self._workspace.document, self._workspace.analysis
        record = document.nodes[self._node]
        inputs, outputs = [], []
        for port in shown_ports.in_ports(document, record):
            if port.kind == "slot":
                continue
            wire = document.wires.get((self._node, port.name))
            source = ()
            if wire is not None:
                source = ((wire.source, document.nodes[wire.source].name),)
            found = analysis.type_of(self._node, port.name) if wire else None
            missing = "optional" if port.optional else "not wired"
            text = str(found) if found else ("" if wire else missing)
            inputs.append((port.label, found.dtype if found else "", text, port.doc, source))
        for port in shown_ports.out_ports(document, record, analysis):
            found = analysis.type_of(self._node, port.name)
            wires = [w for w in document.wires_out_of(self._node) if w.source_port == port.name]
            targets = tuple({w.target: document.nodes[w.target].name for w in wires}.items())
            dtype = found.dtype if found else ""
            outputs.append((port.label, dtype, str(found or ""), port.doc, targets))
        return [("INPUTS", inputs), ("OUTPUTS", outputs)]

    def _row(self, name: str, dtype: str, text: str, doc: str, neighbours: tuple) -> QWidget:
        result = QWidget()
        result.setToolTip(plain_tip(doc))
        sign = QLabel()
        sign.setPixmap(dot(self._theme.dtype(dtype)).pixmap(12, 12))
        layout = QHBoxLayout(result)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[2])
        layout.addWidget(sign)
        layout.addWidget(label(name))
        layout.addWidget(ElidedLabel(text, "caption"), 1)
        for node_id, neighbour in neighbours[:1]:
            short = neighbour if len(neighbour) <= 20 else f"…{neighbour[-19:]}"
            link = button(short, "link")
            link.setObjectName(node_id)
            link.setToolTip(plain_tip(neighbour))
            link.clicked.connect(self._on_link)
            layout.addWidget(link)
        if len(neighbours) > 1:
            more = label(f"+{len(neighbours) - 1}", "caption")
            more.setToolTip(plain_tip(", ".join(n for _, n in neighbours)))
            layout.addWidget(more)
        return result

    def _on_link(self) -> None:
        self.node_requested.emit(self.sender().objectName())


class DocSection(Section):
    """The documentation of the node's op, from its declaration."""

    def __init__(self) -> None:
        super().__init__("ABOUT")
        self._shown: tuple | None = None
        self._texts = QVBoxLayout()
        self._texts.setSpacing(SPACE[2])
        self.rows.addLayout(self._texts)

    def show_op(self, op: NodeDeclaration) -> None:
        """Show the documentation of an op and its attributes."""
        described = tuple((a.name, a.doc) for a in op.attrs if a.doc)
        if (op.doc, described) == self._shown:
            return
        self._shown = (op.doc, described)
        clear(self._texts)
        for paragraph in op.doc.strip().split("\n\n"):
            text = label("", "muted", wrap=True)
            text.setTextFormat(Qt.TextFormat.RichText)
            text.setText(_html(paragraph.replace("\n", " ")))
            self._texts.addWidget(text)
        if described:
            lines = "".join(
                f"<tr><td style='padding:2px 10px 2px 0'><b>{_html(name)}</b></td>"
                f"<td style='padding:2px 0'>{_html(doc)}</td></tr>"
                for name, doc in described
            )
            table = label("", "caption", wrap=True)
            table.setTextFormat(Qt.TextFormat.RichText)
            table.setText(f"<table>{lines}</table>")
            self._texts.addWidget(table)


def _html(text: str) -> str:
    """Return plain text as rich text for Qt, with text in backticks in a monospace font."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    mono = font_families()[1]
    return re.sub(r"`([^`]+)`", rf"<span style='font-family:\"{mono}\"'>\1</span>", plain)
