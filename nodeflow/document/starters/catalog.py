"""The starters by id, and the search for starters that fit a data set."""

from __future__ import annotations

from nodeflow.discovery import declared
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.starters import kinds
from nodeflow.document.starters.material import Material
from nodeflow.document.starters.starter import Starter


def _found() -> list[Starter]:
    return sorted(declared(kinds, "STARTER"), key=lambda starter: starter.order)


STARTERS: dict[str, Starter] = {starter.id: starter for starter in _found()}


def fitting(material: Material) -> list[Starter]:
    """Return the starter graphs that can use this data, best first."""
    return [starter for starter in STARTERS.values() if not starter.misfit(material)]


def make(starter: str, material: Material) -> Document:
    """Return a new document made by a starter (a template): nodes in frames, and training settings.
    It has no undo history.

    Raises:
        StarterMisfit: the starter cannot use this data; the message says why.
    """
    chosen = STARTERS[starter]
    reason = chosen.misfit(material)
    if reason:
        raise StarterMisfit(reason)
    return chosen.make(material)


class StarterMisfit(DocumentError):
    """A starter that cannot use the data.

    Remedy: Choose a starter that fits the data, or another label.
    """
