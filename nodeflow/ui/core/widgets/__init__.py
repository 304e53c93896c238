"""Widgets, tooltips and texts that all panels share."""
