"""The inspector: what is selected, with an editor for everything its declaration declares."""

from nodeflow.ui.inspector.panel import InspectorPanel

__all__ = ["InspectorPanel"]
