"""The question who keeps the weights of removed nodes that other nodes share."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractButton, QMessageBox, QWidget

from nodeflow.document.edit.shared_weights import Heirs
from nodeflow.document.model.document import Document
from nodeflow.drawing.message_text import brief
from nodeflow.ui.core.user_messages import listed
from nodeflow.ui.core.widgets.escaped_text import in_title

MOST = 3
"""The maximum number of nodes that have a button."""


def ask_heirs(parent: QWidget, doc: Document, owners: dict[str, list[str]]) -> Heirs | None:
    """Ask for each removed owner who keeps its weights; return None if nothing is to be removed.

    Args:
        owners: id of an owner -> ids of the nodes that share its weights.
    """
    heirs: dict[str, str | None] = {}
    for owner, sharers in owners.items():
        box = QMessageBox(parent)
        box.setObjectName("heirs")
        box.setIcon(QMessageBox.Icon.Question)
        name = doc.nodes[owner].name
        names = [doc.nodes[i].name for i in sharers]
        box.setWindowTitle(in_title(f"Delete {name}"))
        said = listed([f"“{other}”" for other in names])
        use = "uses" if len(names) == 1 else "use"
        box.setText(brief(f"{said} {use} the weights of “{name}”. Who keeps them?"))
        rest = "The others share with it. " if len(names) > 1 else ""
        box.setInformativeText(f"{rest}With own weights, each begins from its own initial values.")
        keep, back = QMessageBox.ButtonRole.AcceptRole, QMessageBox.ButtonRole.RejectRole
        found: dict[QAbstractButton | None, str] = {}
        for other, node_id in zip(names[:MOST], sharers, strict=False):
            found[box.addButton(brief(other), keep)] = node_id
        own = box.addButton("Own weights for each", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton("Cancel", back)
        box.exec()
        chosen = box.clickedButton()
        if chosen is own:
            heirs[owner] = None
        elif chosen in found:
            heirs[owner] = found[chosen]
        else:
            return None
    return heirs
