"""The question, at the start of the window, about a training that a crash interrupted."""

from __future__ import annotations

import contextlib

from PySide6.QtWidgets import QWidget

from nodeflow.document.io import flow
from nodeflow.document.io.kept_training import Unfinished, unfinished
from nodeflow.errors import NodeflowError
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.controllers.training.run_controller import RunController
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.popups.dialogs import confirmation_dialogs


def offer_resume(
    window: QWidget,
    workspace: Workspace,
    files: FileController,
    run: RunController,
    asks: bool = True,
) -> None:
    """Offer to resume the newest unfinished training. Others are offered at the next start.

    Args:
        asks: ask the user, because this start has asked nothing else. Otherwise only enable
            Continue in the toolbar, if the training belongs to the open document.
    """
    found = unfinished()
    if not found:
        return
    if not asks:
        with contextlib.suppress(NodeflowError):
            if flow.dumps(found[0].document()) == flow.dumps(workspace.root):
                run.unfinished.take(found[0])
        return
    answer = confirmation_dialogs.ask_resume(window, found[0].name, found[0].step)
    if answer == confirmation_dialogs.DISCARD:
        found[0].discard()
    elif answer == confirmation_dialogs.YES:
        _resume(window, workspace, files, run, found[0])


def _resume(
    window: QWidget,
    workspace: Workspace,
    files: FileController,
    run: RunController,
    found: Unfinished,
) -> None:
    try:
        document = found.document()
    except NodeflowError as error:
        confirmation_dialogs.show_problem(window, "This training cannot be resumed", error)
        return
    is_open = flow.dumps(document) == flow.dumps(workspace.root)
    if not is_open and not files.open_recovered(document, found.title, found.known):
        return
    if run.unfinished.take(found):
        run.go_on()
