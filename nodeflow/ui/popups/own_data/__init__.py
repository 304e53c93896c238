"""The wizard from a data file to a graph: preview the data, choose columns, choose a starter
graph.
"""

from nodeflow.ui.popups.own_data.wizard import DataWizard

__all__ = ["DataWizard"]
