"""The part of an optimizer's page that chooses the variables to change, in a tree."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QDialog

from nodeflow.document.edit import commands
from nodeflow.document.to_graph.trained_variables import VariableSizes, variable_sizes
from nodeflow.errors import NodeflowError
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.widgets.common_widgets import button, label
from nodeflow.ui.inspector.editors.variables_dialog import VariablesDialog
from nodeflow.ui.inspector.sections.node_sections import Section


class VariablesSection(Section):
    """A button that opens the tree of variables, and the reason if there is none."""

    def __init__(self, workspace: Workspace, node_id: str) -> None:
        super().__init__()
        self._workspace, self._node = workspace, node_id
        self.choose = button("Choose variables…", "", self._on_choose)
        self.choose.setToolTip("Choose the layers and variables that this optimizer changes")
        self.why_not = label("", "caption", wrap=True)
        self.why_not.hide()
        self.add(self.choose)
        self.add(self.why_not)

    def dialog(self) -> VariablesDialog | None:
        """Return the dialog for the current graph; None if the optimizer has nothing to change."""
        document = self._workspace.document
        try:
            sizes = variable_sizes(document, self._node)
            reason = "" if sizes.trainable else _nothing(sizes)
        except NodeflowError as error:
            sizes, reason = VariableSizes({}, {}), str(error)
        self.why_not.setText(reason)
        self.why_not.setVisible(bool(reason))
        if reason:
            return None
        names = document.nodes[self._node].attrs.get("variables")
        chosen = names if isinstance(names, list) else None
        return VariablesDialog(sizes.trainable, chosen, self.window(), sizes.frozen)

    @Slot()
    def _on_choose(self) -> None:
        dialog = self.dialog()
        if dialog is None:
            return
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self._take(dialog.names)
        dialog.deleteLater()

    def _take(self, names: list[str] | None) -> None:
        document = self._workspace.document
        if names is None:
            commands.reset_attr(document, self._node, "variables")
        else:
            commands.set_attr(document, self._node, "variables", names)


def _nothing(sizes: VariableSizes) -> str:
    if sizes.frozen:
        return "All variables that the loss depends on are frozen."
    return "The loss depends on no trainable variable."
