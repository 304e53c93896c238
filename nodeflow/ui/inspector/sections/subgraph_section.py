"""The inspector's parts for a subgraph: its name, its actions, and its ports."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QVBoxLayout, QWidget

from nodeflow.document.analysis.subgraphs.instance_paths import instances_of
from nodeflow.document.analysis.subgraphs.subgraph_interface import port_names
from nodeflow.document.edit.subgraphs import subgraph_ports
from nodeflow.document.edit.subgraphs.definitions import rename_definition
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, OUTPUTS
from nodeflow.errors import NodeflowError
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.user_messages import sentence
from nodeflow.ui.core.widgets.common_widgets import FlowLayout, button, clear, label, switch
from nodeflow.ui.inspector.editors.committed_edit import CommittedEdit
from nodeflow.ui.inspector.sections.node_sections import Section


class TextField(QLineEdit):
    """A field for a name. ``chosen`` is emitted when it was changed.

    Escape restores the old name.
    """

    chosen = Signal(str)

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self._text = text
        self.setAccessibleName(name)
        self.typing = CommittedEdit(self)
        self.typing.committed.connect(self._finish)
        self.typing.cancelled.connect(self.put_back)

    def _finish(self) -> None:
        text = self.text().strip()
        if text != self._text:
            self.chosen.emit(text)

    def put_back(self) -> None:
        self.setText(self._text)


class PortsEditor(Section):
    """An editor of the inputs or outputs of a subgraph: rename, reorder, remove, add."""

    def __init__(self, definition: Document, side: str, theme: Theme) -> None:
        super().__init__("INPUTS OF THE SUBGRAPH" if side == INPUTS else "OUTPUTS OF THE SUBGRAPH")
        self._definition, self._side, self._theme = definition, side, theme
        self._shown: list[str] | None = None
        self.fields: list[TextField] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(SPACE[1])
        self._list.setContentsMargins(0, 0, 0, 0)
        holder = QWidget()
        holder.setLayout(self._list)
        self.add(holder)
        self._error = label("", "error", wrap=True)
        self._error.hide()
        self.add(self._error)
        self.add_button = button("Add a port", "link", self._add)
        self.add(self.add_button)
        self.refresh()

    def refresh(self) -> None:
        """Show the current ports."""
        names = port_names(self._definition, self._side)
        if names == self._shown:
            return
        self._shown = names
        self._error.hide()
        clear(self._list)
        self.fields = []
        for index, name in enumerate(names):
            self._list.addWidget(self._row(index, name, len(names)))
        if not names:
            self._list.addWidget(label("None yet.", "caption"))

    def _row(self, index: int, name: str, count: int) -> QWidget:
        field = TextField(name, f"Port {index + 1}")
        field.chosen.connect(partial(self._rename, name, field))
        self.fields.append(field)
        up = self._tool("chevron-up", f"Move {name} up", partial(self._move, name, index - 1))
        down = self._tool("chevron-down", f"Move {name} down", partial(self._move, name, index + 1))
        gone = self._tool("x", f"Remove {name}", partial(self._remove, name))
        switch(up, "" if index else "It is the first.", up.accessibleName())
        switch(down, "" if index < count - 1 else "It is the last.", down.accessibleName())
        holder = QWidget()
        layout = QHBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(field, 1)
        for tool in (up, down, gone):
            layout.addWidget(tool)
        return holder

    def _tool(self, sign: str, text: str, slot: Callable[[], object]) -> QToolButton:
        tool = QToolButton()
        tool.setIcon(icon(sign, self._theme, "ink_muted", 14))
        tool.setToolTip(text)
        tool.setAccessibleName(text)
        tool.clicked.connect(lambda _=False: slot())
        return tool

    def _do(self, edit: Callable[[], object]) -> bool:
        try:
            edit()
        except NodeflowError as error:
            self._error.setText(sentence(error))
            self._error.show()
            return False
        return True

    def _rename(self, old: str, field: TextField, new: str) -> None:
        edit = partial(subgraph_ports.rename_port, self._definition, self._side, old, new)
        if not self._do(edit):
            field.put_back()

    def _move(self, name: str, index: int) -> None:
        self._do(partial(subgraph_ports.move_port, self._definition, self._side, name, index))

    def _remove(self, name: str) -> None:
        self._do(partial(subgraph_ports.remove_port, self._definition, self._side, name))

    def _add(self) -> None:
        self._do(partial(subgraph_ports.add_port, self._definition, self._side))


class SubgraphSection(Section):
    """The section about an instance's definition: its name, number of uses, and actions.

    ``action_requested(id)``: run this action of the window.

    Args:
        without: ids of actions that are not offered.
    """

    action_requested = Signal(str)

    def __init__(
        self,
        workspace: Workspace,
        definition: Document,
        theme: Theme,
        inside: bool,
        without: Collection[str] = (),
    ) -> None:
        super().__init__("SUBGRAPH")
        self._workspace, self._definition = workspace, definition
        self.field = TextField(definition.scope, "Name of the subgraph")
        self.field.setToolTip("Name shared by all its instances")
        self.field.chosen.connect(self._rename)
        self._error = label("", "error", wrap=True)
        self._error.hide()
        self._uses = label("", "caption", wrap=True)
        for widget in (self.field, self._error, self._uses):
            self.add(widget)
        names = ("leave",) if inside else ("expand", "unpack", "independent", "save_library")
        buttons = [
            button(_WORDS[n], "", partial(self.action_requested.emit, n))
            for n in names
            if n not in without
        ]
        holder, flowing = QWidget(), FlowLayout(2)
        for each in buttons:
            flowing.addWidget(each)
        holder.setLayout(flowing)
        self.add(holder)
        self.ports = [PortsEditor(definition, side, theme) for side in (INPUTS, OUTPUTS)]
        for editor in self.ports:
            self.add(editor)
        self.refresh()

    def refresh(self) -> None:
        count = len(instances_of(self._workspace.root, self._definition.scope))
        alone = "Used once." if count else "Not used yet."
        self._uses.setText(alone if count < 2 else f"{count} instances; edits change them all.")
        for editor in self.ports:
            editor.refresh()

    def _rename(self, name: str) -> None:
        try:
            rename_definition(self._workspace.root, self._definition.scope, name)
        except NodeflowError as error:
            self._error.setText(sentence(error))
            self._error.show()
            self.field.put_back()


_WORDS = {
    "leave": "Leave",
    "expand": "Enter",
    "unpack": "Unpack",
    "independent": "Make independent",
    "save_library": "Save to the library",
}
