"""The inspector: the selected thing, with an editor for each declared attribute."""

from nodeflow.ui.inspector.inspector_widget import Inspector

__all__ = ["Inspector"]
