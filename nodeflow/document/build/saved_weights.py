"""Starting from saved variables: those that a document names, or a file that the user gives."""

from __future__ import annotations

from pathlib import Path

from nodeflow.document.build.built import Build
from nodeflow.document.build.variable_ids import slot_names, variable_ids
from nodeflow.engine.session import Session
from nodeflow.errors import FileProblem, SurfaceText
from nodeflow.train.weights import load_saved, match


def use_weights(session: Session, built: Build, path: Path) -> list[str]:
    """Load saved variables; what the file lacks keeps its initial value.

    Returns:
        What the user has to know: that the file or one of its variables is missing.

    Raises:
        FileProblem: the file is damaged, or has another dtype or shape for a variable.
    """
    if not path.exists():
        return [f"the weights {path.name} are missing; using initial values"]
    saved = load_saved(path)
    fitting = match(saved, dict(session.variables.items()), variable_ids(built), slot_names(built))
    for name, text in fitting.other.items():
        hint = SurfaceText("Train again.", cli="Train again, or use --init.", window="Train again.")
        raise FileProblem(f"{path.name} does not fit: {text}", node=name, hint=hint)
    session.variables.update({name: saved.arrays[n] for name, n in fitting.found.items()})
    return [f"{path.name} has no variable {name!r}" for name in fitting.missing]
