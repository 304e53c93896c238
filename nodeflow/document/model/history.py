"""The undo and redo stacks, and the position of the saved state in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nodeflow.document.model.records import Edit, merge_edits


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One undo step. The object also identifies the state of the document after the step."""

    label: str
    edits: tuple[Edit, ...]
    merge: Any = None

    def inverse(self) -> Step:
        """Return the step that undoes this one."""
        return Step(self.label, tuple(edit.inverse() for edit in reversed(self.edits)))


@dataclass(frozen=True, slots=True, eq=False)
class Aside:
    """An undo step that does not change the document, such as a what-if value of the window.

    It has a place in the order of steps, but does not affect content, file, journal or saved state.

    Attributes:
        redo, undo: do the action again, or reverse it; return whether anything changed.
    """

    label: str
    redo: Callable[[], bool]
    undo: Callable[[], bool]
    merge: Any = None

    def inverse(self) -> Aside:
        """Return the step that undoes this one."""
        return Aside(self.label, self.undo, self.redo)


_START = Step("", ())
_NOWHERE = Step("", ())


class History:
    """The steps that were done, and those that were undone.

    The saved state is identified by the step that led to it.
    """

    def __init__(self) -> None:
        self._done: list[Step | Aside] = []
        self._undone: list[Step | Aside] = []
        self._saved = _START
        self._sealed = True

    @property
    def now(self) -> Step:
        """The step that led to the current content."""
        return next((step for step in reversed(self._done) if isinstance(step, Step)), _START)

    @property
    def is_modified(self) -> bool:
        return self.now is not self._saved

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    @property
    def undo_label(self) -> str:
        return self._done[-1].label if self._done else ""

    @property
    def redo_label(self) -> str:
        return self._undone[-1].label if self._undone else ""

    def add(self, step: Step) -> None:
        """Add a step, or join it to the previous step if their merge keys are equal."""
        self._undone.clear()
        last = self.now
        is_apart = bool(self._done) and self._done[-1] is not last
        merges = step.merge is not None and step.merge == last.merge and self.is_modified
        if self._sealed or is_apart or not merges:
            self._done.append(step)
        else:
            self._done.pop()
            edits = merge_edits(last.edits + step.edits)
            if edits:  # otherwise the merged edits cancel out, and no step is left
                self._done.append(Step(last.label, edits, step.merge))
        self._sealed = False

    def add_aside(self, step: Aside) -> None:
        """Add an action that was already done, and that changes no document, to the undo history.

        It replaces the previous such action if both have the same merge key, so that they are
        undone
        together.
        """
        self._undone.clear()
        last = self._done[-1] if self._done else None
        merges = step.merge is not None and not self._sealed
        if merges and isinstance(last, Aside) and last.merge == step.merge:
            self._done[-1] = Aside(last.label, step.redo, last.undo, step.merge)
        else:
            self._done.append(step)
        self._sealed = False

    def seal(self) -> None:
        """Prevent the next step from joining the last one."""
        self._sealed = True

    def undo(self) -> Step | Aside | None:
        """Move the last step from the done to the undone steps; return its inverse."""
        if not self._done:
            return None
        self._sealed = True
        self._undone.append(self._done.pop())
        return self._undone[-1].inverse()

    def redo(self) -> Step | Aside | None:
        """Move the step that was undone last back to the done steps; return it."""
        if not self._undone:
            return None
        self._sealed = True
        self._done.append(self._undone.pop())
        return self._done[-1]

    def mark_saved(self) -> None:
        """Record the current state as the saved one."""
        self._sealed = True
        self._saved = self.now

    def mark_modified(self) -> None:
        """Record that no state in the history is saved."""
        self._saved = _NOWHERE
