"""The inspector: the selected thing, with an editor for each declared attribute."""

from nodeflow.ui.inspector.panel import Inspector

__all__ = ["Inspector"]
