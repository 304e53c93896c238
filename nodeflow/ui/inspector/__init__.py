"""The inspector: a panel with an editor for each declared attribute of the selected thing."""

from nodeflow.ui.inspector.inspector_widget import Inspector

__all__ = ["Inspector"]
