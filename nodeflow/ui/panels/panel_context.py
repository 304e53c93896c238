"""The objects that panels may use, grouped by purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from PySide6.QtCore import SignalInstance

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.controllers.editing.expand_actions import ExpandActions
from nodeflow.ui.controllers.editing.insertables_menu import InsertablesMenu
from nodeflow.ui.controllers.editing.subgraph_actions import SubgraphActions
from nodeflow.ui.controllers.engine.plugin_watcher import PluginWatcher
from nodeflow.ui.controllers.files.file_controller import FileController
from nodeflow.ui.controllers.files.merge_conflicts import Conflicts
from nodeflow.ui.controllers.training.run_controller import RunController
from nodeflow.ui.controllers.viewing.node_navigator import NodeNavigator
from nodeflow.ui.controllers.viewing.override_actions import OverrideActions
from nodeflow.ui.controllers.viewing.shown_values import ShownValues
from nodeflow.ui.controllers.viewing.stage_actions import StageActions
from nodeflow.ui.controllers.viewing.view_watcher import ViewWatcher
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.error_handler import ErrorHandler
from nodeflow.ui.core.state.data_selection import DataSelection
from nodeflow.ui.core.state.override_values import Overrides
from nodeflow.ui.core.state.problem_list import ProblemList
from nodeflow.ui.core.state.training_folder import TrainingFolder
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import Messages
from nodeflow.ui.pages.page_stack import PageStack
from nodeflow.ui.panels.plots.shared_plots import SharedPlots
from nodeflow.ui.panels.trainings.latest_training import LatestTraining
from nodeflow.ui.panels.trainings.run_overlays import RunOverlays
from nodeflow.ui.popups.lessons.lesson_panel import LessonPanel


@dataclass(frozen=True)
class DocumentObjects:
    """The document, its file and its problems."""

    workspace: Workspace
    files: FileController
    problems: ProblemList
    conflicts: Conflicts


@dataclass(frozen=True)
class EngineObjects:
    """The engine process and the values that it computes.

    Attributes:
        views: the views of tensors that the engine computes for panels.
        plugins: the user's own ops.
    """

    link: EngineLink
    values: ShownValues
    views: ViewWatcher
    plugins: PluginWatcher


@dataclass(frozen=True)
class ChosenValues:
    """The data and the overrides that the user chose.

    Attributes:
        data: the rows of data whose values nodes show; ``data.show_row("test", 7)`` shows one row
            on all nodes.
        overrides: the values that replace computed ones.
        what_if: the actions that set ``overrides``.
    """

    data: DataSelection
    overrides: Overrides
    what_if: OverrideActions


@dataclass(frozen=True)
class TrainingObjects:
    """The objects that start trainings and draw their curves.

    Attributes:
        run: starts trainings.
        folders: the folders that trainings fill with files for other programs.
        latest: the history of the training that runs or ran last.
        plots: adds the curves of other runs, or a cursor, to the plots of trainings.
        make_overlays: the function that makes ``overlays`` on first use.
    """

    run: RunController
    folders: Sequence[TrainingFolder]
    latest: LatestTraining
    plots: SharedPlots
    make_overlays: Callable[[], RunOverlays]

    @cached_property
    def overlays(self) -> RunOverlays:
        """The choice of recorded runs whose curves are drawn beside the current training's curves.

        It is made on first use. Its attribute ``library`` holds all recorded runs of the user.
        """
        return self.make_overlays()


@dataclass(frozen=True)
class MiddleObjects:
    """The canvas and the other pages in the middle of the window, and the navigation to a node
    there.
    """

    canvas: CanvasView
    pages: PageStack
    navigator: NodeNavigator
    expand: ExpandActions
    staging: StageActions


@dataclass(frozen=True)
class InsertingObjects:
    """The objects that insert things other than ops: subgraphs, and entries of the insert menu."""

    subgraphs: SubgraphActions
    insertables: InsertablesMenu


@dataclass(frozen=True)
class LookObjects:
    """The user's settings and the theme."""

    settings: Settings
    themes: ThemeManager


@dataclass(frozen=True)
class WindowObjects:
    """The window's actions and messages, and the signals when it becomes idle or closes.

    Attributes:
        errors: the handler of failures, if one is installed.
        show_panel: brings the panel with the given id to the front.
        idle: emitted once, soon after the first paint, so that a panel can preload modules.
        closing: emitted when the window closes and is hidden, so that a panel stops its work.
    """

    actions: ActionSet
    messages: Messages
    errors: ErrorHandler | None
    lesson_panel: LessonPanel
    show_panel: Callable[[str], None]
    idle: SignalInstance
    closing: SignalInstance


@dataclass(frozen=True)
class PanelContext:
    """The objects that a panel may use and subscribe to, grouped by purpose."""

    document: DocumentObjects
    engine: EngineObjects
    chosen: ChosenValues
    trainings: TrainingObjects
    middle: MiddleObjects
    inserting: InsertingObjects
    look: LookObjects
    window: WindowObjects
