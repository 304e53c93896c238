"""The display of graphs, tensors, sessions and histories in notebooks."""

from __future__ import annotations

from importlib import import_module


class NotebookDisplay:
    """A mixin for objects that notebooks show as HTML.

    The code that draws belongs to a higher layer, so it is imported by name, when a notebook first
    asks for it.
    """

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        return import_module("nodeflow.drawing.formats.notebook_html").html_of(self)
