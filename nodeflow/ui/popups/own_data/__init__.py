"""The wizard from a data file to a graph: look at it, choose columns, choose a starter."""

from nodeflow.ui.popups.own_data.wizard import DataWizard

__all__ = ["DataWizard"]
