"""The inspector panel: for the document's selection, or the selection among generated nodes."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QStackedWidget

from nodeflow.ui.inspector import Inspector
from nodeflow.ui.inspector.more import More
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.popups.dialogs.vary_dialog import VaryDialog

VALUES = ("value", "sample")
"""Attributes that contain the value a node shows."""


class InspectorPanel(QStackedWidget):
    """The panel with the inspector for the visible page."""

    def __init__(self, outside: Inspector, inside: Inspector) -> None:
        super().__init__()
        self.outside = outside
        for inspector in (outside, inside):
            self.addWidget(inspector)

    def show_inside(self, inside: bool) -> None:
        self.setCurrentIndex(1 if inside else 0)

    def focus_value(self) -> bool:
        """Focus the selected node's value. Return False if the value cannot be edited."""
        return any(self.outside.focus_attribute(name) for name in VALUES)


def _vary(context: PanelContext, panel: InspectorPanel, path: str, attr: str) -> None:
    """Ask for the values that a sweep tries for an attribute.

    Then show the panel that starts the sweep.
    """
    dialog = VaryDialog(panel.window(), context.document.workspace, path, attr)
    dialog.accepted.connect(partial(context.window.show_panel, "sweep"))
    dialog.open()


def _make(context: PanelContext) -> InspectorPanel:
    pages = context.middle.pages
    inspector = Inspector(context.document.workspace, context.look.themes)
    inspector.training_folders = context.trainings.folders
    panel = InspectorPanel(inspector, pages.expansion.inspector)
    context.window.actions.lend("formula", panel)
    more = More(context.look.settings)
    for each in (inspector, pages.expansion.inspector):
        each.set_more(more)
    inspector.live_values = lambda: context.engine.values.values
    inspector.show_values()
    context.engine.values.changed.connect(inspector.show_values)
    context.document.workspace.entered.connect(inspector.rebuild)
    inspector.node_requested.connect(context.middle.navigator.show_node)
    inspector.action_requested.connect(context.window.actions.trigger)
    inspector.vary_wanted.connect(partial(_vary, context, panel))
    inspector.stage_wanted.connect(context.middle.staging.toggle_control)
    inspector.leave_requested.connect(context.middle.canvas.setFocus)
    pages.page_changed.connect(lambda: panel.show_inside(pages.is_inside))
    panel.show_inside(pages.is_inside)
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    def edit(_: str) -> None:
        panel.show()
        panel.widget.outside.focus_first()

    def show_value() -> None:
        context.window.show_panel(PANEL.id if panel.widget.focus_value() else "viewer")

    context.middle.canvas.signals.edit_requested.connect(edit)
    context.middle.expand.node_opened.connect(show_value)
    panel.hear(
        context.middle.navigator.attribute_requested,
        lambda shown, name: shown.outside.focus_attribute(name),
    )


PANEL = PanelSpec("inspector", "Inspector", Place.RIGHT, 10, _make, _wire)
