"""The inspector: what is selected, with an editor for everything its declaration declares."""

from nodeflow.ui.inspector.panel import Inspector

__all__ = ["Inspector"]
