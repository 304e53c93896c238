"""The message about a training that met a value that is not finite or out of bounds.

It says where the value began and with which inputs, and offers fixes.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.document.edit.offers.apply_hint import apply_edits, can_apply
from nodeflow.errors import NodeflowError
from nodeflow.number_text import count, number
from nodeflow.train.diagnosis.causes import cause_of, operand_line, result_text
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.events import Diverged, Event, Started
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence

ADVICE = "advice:"
"""Prefix of the id of a button that applies a fix. The number of the fix follows."""
SHOW_STEP = f"{ADVICE}step"
MOST_INPUTS = 3


class Divergence(QObject):
    """The message about a diverged training; each of its fixes is one undo step.

    Signals:
        found(names): select the node where the bad value began.
    """

    found = Signal(object)

    def __init__(self, workspace: Workspace, link: EngineLink, messages: Messages) -> None:
        super().__init__(link)
        self._workspace, self._messages, self._link = workspace, messages, link
        self._fixes: list[Hint] = []
        self._step = 0
        link.training.connect(self._on_event)

    @Slot(object)
    def _on_event(self, event: Event) -> None:
        if isinstance(event, Started):
            self._fixes = []
        if not isinstance(event, Diverged):
            return
        root = self._workspace.root
        self._step = event.step
        self._fixes = [hint for hint in event.fixes if can_apply(root, hint.edits)]
        choices = [(f"{ADVICE}{i}", hint.fix) for i, hint in enumerate(self._fixes)]
        if self._link.past.is_possible:
            choices.append((SHOW_STEP, f"Show step {count(event.step)}"))
        if event.crossing is not None:
            self.found.emit([event.crossing.node.partition(":")[0]])
        elif event.culprit is not None:
            self.found.emit([event.culprit.node])
        self._messages.show(told(event), "error", choices=choices)

    def apply(self, choice: str) -> None:
        """Apply the fix of a pressed button and offer to train again, or show the step."""
        if choice == SHOW_STEP:
            self._link.past.show(self._step)
            return
        hint = self._fixes[int(choice.removeprefix(ADVICE))]
        try:
            apply_edits(self._workspace.root, hint.edits, hint.fix)
        except NodeflowError as error:
            self._messages.show(sentence(error), "error")
            return
        self._messages.show(f"Done: {hint.fix}.", "info", "train", "Train again")


def told(event: Diverged) -> str:
    """Return the message over the canvas about a diverged training.

    >>> told(Diverged(57, 3, "loss", float("inf"), 2, "those of epoch 2"))
    'The training diverged: loss is ∞ at step 57, in epoch 3. The weights are those of epoch 2.'
    """
    where = f"at step {count(event.step)}, in epoch {count(event.epoch)}"
    if event.crossing is not None:
        return f"The training stopped {where}: {event.crossing}. The weights are {event.kept}."
    what = f"{event.node} is {number(event.value)}"
    kept = f"The weights are {event.kept}."
    culprit = event.culprit
    if culprit is None:
        return f"The training diverged: {what} {where}. {kept}"
    began = f"It began in {culprit.node} ({cause_of(culprit).kind}): {result_text(culprit)}."
    first = f"The training stopped {where}: {what}. {began}"
    given = [operand_line(operand) for operand in culprit.inputs[:MOST_INPUTS]]
    return "\n".join([f"{first} {kept}", *given])
