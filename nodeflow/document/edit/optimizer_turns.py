"""Edits of the optimizers that a training uses: a single one, or several that take turns."""

from __future__ import annotations

from typing import Any

from nodeflow.document.analysis.training_settings import trainers
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document

ONE, TURNS = "Train with one optimizer", "Let optimizers take turns"
"""The undo labels."""


def train_alone(doc: Document, path: str) -> None:
    """Set one optimizer, or a group, as the only one that trains."""
    with doc.transaction(ONE):
        commands.set_training(doc, optimizer=path, loss=None, schedule=None)


def take_turns(doc: Document) -> None:
    """Set a schedule in which all optimizers take turns of one step each."""
    phases = [{"optimizer": path, "steps": 1, "from": 0} for path in trainers(doc)]
    _set(doc, phases)


def add_turn(doc: Document) -> None:
    """Add a turn of an optimizer that has none; if all have one, of the first optimizer."""
    phases = _phases(doc)
    used = {phase["optimizer"] for phase in phases}
    found = trainers(doc)
    free = [path for path in found if path not in used] or found
    if free:
        _set(doc, [*phases, {"optimizer": free[0], "steps": 1, "from": 0}])


def change_turn(doc: Document, index: int, **fields: Any) -> None:
    """Change fields of a turn: its optimizer, ``steps`` or ``from``."""
    phases = _phases(doc)
    phases[index] = {**phases[index], **fields}
    if "optimizer" in fields:
        phases[index].pop("loss", None)
    _set(doc, phases, merge=("training", "turn", index, *fields))


def remove_turn(doc: Document, index: int) -> None:
    """Remove a turn. If only one turn is left, its optimizer trains alone."""
    phases = _phases(doc)
    del phases[index]
    if phases:
        _set(doc, phases)
    else:
        commands.set_training(doc, schedule=None)


def _phases(doc: Document) -> list[dict[str, Any]]:
    return [dict(phase) for phase in doc.root.training.get("schedule") or ()]


def _set(doc: Document, phases: list[dict[str, Any]], merge: tuple[Any, ...] | None = None) -> None:
    with doc.transaction(TURNS, merge=merge):
        commands.set_training(doc, schedule=phases, optimizer=None, loss=None)
