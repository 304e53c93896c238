"""Says in red that a training diverged, at which step, and offers what may help."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from nodeflow.document.edit.apply_hint import apply_edits, can_apply
from nodeflow.errors import NodeflowError
from nodeflow.number_text import count, number
from nodeflow.train.events import Diverged, Event, Started
from nodeflow.train.hints import Hint
from nodeflow.ui.core.engine_link import EngineLink
from nodeflow.ui.core.messages import Messages, sentence
from nodeflow.ui.core.workspace import Workspace

ADVICE = "advice:"
"""What the id of a button that applies a fix begins with; its number follows."""


class Divergence(QObject):
    """Shows the end of a training that diverged; each fix is one undo step."""

    def __init__(self, workspace: Workspace, link: EngineLink, messages: Messages) -> None:
        super().__init__(link)
        self._workspace, self._messages = workspace, messages
        self._fixes: list[Hint] = []
        link.training.connect(self._on_event)

    @Slot(object)
    def _on_event(self, event: Event) -> None:
        if isinstance(event, Started):
            self._fixes = []
        if not isinstance(event, Diverged):
            return
        root = self._workspace.root
        self._fixes = [hint for hint in event.fixes if can_apply(root, hint.edits)]
        choices = [(f"{ADVICE}{i}", hint.fix) for i, hint in enumerate(self._fixes)]
        self._messages.show(told(event), "error", choices=choices)

    def apply(self, choice: str) -> None:
        """Apply the fix of a button, and offer to train again."""
        hint = self._fixes[int(choice.removeprefix(ADVICE))]
        try:
            apply_edits(self._workspace.root, hint.edits, hint.fix)
        except NodeflowError as error:
            self._messages.show(sentence(error), "error")
            return
        self._messages.show(f"{hint.fix}: done.", "info", "train", "Train again")


def told(event: Diverged) -> str:
    """What the bar over the canvas says.

    >>> told(Diverged(57, 3, "loss", float("inf"), 2, "those of epoch 2"))
    'The training diverged: loss is ∞ at step 57, in epoch 3. The weights are those of epoch 2.'
    """
    where = f"at step {count(event.step)}, in epoch {count(event.epoch)}"
    what = f"{event.node} is {number(event.value)}"
    return f"The training diverged: {what} {where}. The weights are {event.kept}."
