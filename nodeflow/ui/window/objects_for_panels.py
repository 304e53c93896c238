"""The objects of a window that its panels may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodeflow.ui.core.engine_link.run_library import RunLibrary
from nodeflow.ui.core.error_handler import ErrorHandler
from nodeflow.ui.panels.panel_context import (
    ChosenValues,
    DocumentObjects,
    EngineObjects,
    InsertingObjects,
    LookObjects,
    MiddleObjects,
    PanelContext,
    TrainingObjects,
    WindowObjects,
)
from nodeflow.ui.panels.trainings.latest_training import LatestTraining
from nodeflow.ui.panels.trainings.run_overlays import RunOverlays

if TYPE_CHECKING:
    from nodeflow.ui.window.main_window import MainWindow


def panel_context(window: MainWindow, errors: ErrorHandler | None) -> PanelContext:
    """Return the objects of a window that its panels may use."""
    workspace, plots, settings = window.workspace, window.shared_plots, window.settings

    def make_overlays() -> RunOverlays:
        overlays = RunOverlays(RunLibrary(plots), plots, settings)
        workspace.replaced.connect(overlays.clear)
        return overlays

    return PanelContext(
        DocumentObjects(workspace, window.files, window.problem_list, window.conflicts),
        EngineObjects(window.link, window.shown_values, window.view_watcher, window.plugins),
        ChosenValues(window.data, window.overrides, window.what_if),
        TrainingObjects(
            window.run,
            window.training_folders,
            LatestTraining(window.link, workspace, settings, window),
            plots,
            make_overlays,
        ),
        MiddleObjects(window.canvas, window.pages, window.navigator, window.expand, window.staging),
        InsertingObjects(window.subgraphs, window.insertables),
        LookObjects(settings, window.themes),
        WindowObjects(
            window.actions_,
            window.messages,
            errors,
            window.lesson_panel,
            window.docking.show,
            window.idle,
            window.closing,
        ),
    )
