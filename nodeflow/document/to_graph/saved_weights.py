"""Loading saved variables, from the file that a document names or one that the user gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.analysis.datasets.dataset_node import document_folder
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build_result import Build
from nodeflow.document.to_graph.variable_ids import slot_names, variable_ids
from nodeflow.errors import FileProblem, SurfaceText
from nodeflow.train.saving.weights import load_saved, match

if TYPE_CHECKING:  # the window reads graphs and runs none
    from nodeflow.engine.session import Session


def weights_path(document: Document, folder: DocumentFolder | None = None) -> Path | None:
    """Return the file of saved variables that a document names, or None; the file may be missing.

    Args:
        folder: the folder of a document that does not know its file.

    Raises:
        OutsideData: the path leads out of the document's folder, for example through a link.
    """
    if not document.weights:
        return None
    folder = folder or document_folder(document)
    place = folder.place(document.weights)
    if not folder.may_read(place):
        raise folder.refusal(place, port="weights")
    return Path(folder, document.weights)


def use_weights(session: Session, built: Build, path: Path) -> list[str]:
    """Load saved variables; variables that the file lacks keep their initial values.

    Returns:
        Messages for the user: the file is missing, or variables are missing in it.

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
