"""Colours of nodes and wires by a chosen measure, with numbers from the engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import QObject, Slot

from nodeflow.document.model.records import Change
from nodeflow.host import protocol as p
from nodeflow.host.messages.values import OF_TRAINING, OF_VALUES, TIME, Measured
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.scene.tints import Tints
from nodeflow.ui.canvas.view.color_legend import ColorLegend
from nodeflow.ui.controllers.viewing.node_navigator import place_of
from nodeflow.ui.controllers.viewing.shown_values import ShownValues
from nodeflow.ui.controllers.viewing.view_watcher import ViewWatcher
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.engine_link.kernel_totals import totals
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.colorings import COLORINGS, Coloring
from nodeflow.ui.core.theming.theme_manager import ThemeManager

VIEW = "measures"
NOT_MEASURED = "measure the time first"


class NodeColors(QObject):
    """The actions of the menu Colour by, and the legend."""

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        canvas: CanvasView,
        values: ShownValues,
        views: ViewWatcher,
        settings: Settings,
        themes: ThemeManager,
        actions: ActionSet,
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._link, self._canvas = workspace, link, canvas
        self._shown, self._settings, self._actions = values, settings, actions
        self.chosen = ""
        """The chosen colouring of nodes and wires (see ``colorings``); empty for none."""
        self.legend = ColorLegend(canvas, canvas.renderer)
        self.legend.chosen.connect(self.choose)
        self.legend.measure_requested.connect(partial(actions.trigger, "profile"))
        self._views = views
        self._derived: p.ViewValue | None = None
        self._times: dict[str, Measured] = {}
        """The measured times, by the path of the node."""
        themes.changed.connect(self.legend.set_theme)
        actions.bind(
            {f"color_{i or 'none'}": Binding(partial(self.choose, i)) for i in ("", *COLORINGS)}
        )
        actions.refreshing.connect(self._check)
        values.changed.connect(self._follow)
        views.arrived.connect(self._on_view)
        link.profiled.connect(self._on_profile)
        workspace.entered.connect(self._follow)
        workspace.replaced.connect(self._on_replaced)
        workspace.edited.connect(self._on_edit)
        workspace.saved.connect(self._store)
        self.choose("")

    def choose(self, coloring: str) -> None:
        """Use a colouring from now on. An empty id stands for none."""
        self.chosen = coloring if coloring in COLORINGS else ""
        self._store()
        self._link.measure(self.chosen if self.chosen in OF_VALUES else "")
        self._watch()
        self._follow()
        self._actions.refresh_soon()

    def _key(self) -> str:
        path = self._workspace.root.path
        return str(path.resolve()) if path else ""

    @Slot()
    def _store(self) -> None:
        """Store the chosen colouring for the file.

        Without a file, wait until the graph is saved.
        """
        if self._key():
            self._settings.set_color_by(self._key(), self.chosen)

    def _watch(self) -> None:
        """Let the engine compute a measure of the training while such a measure is chosen."""
        self._derived = None
        spec = p.ViewSpec(VIEW, "", (("of", self.chosen),))
        self._views.ask((spec,) if self.chosen in OF_TRAINING else (), VIEW)

    def _check(self) -> None:
        for each in ("", *COLORINGS):
            self._actions[f"color_{each or 'none'}"].setChecked(each == self.chosen)

    @Slot()
    def _follow(self, *_: object) -> None:
        """Colour nodes and wires with the latest numbers."""
        coloring = COLORINGS.get(self.chosen)
        tints = None
        if coloring is not None:
            tints = self._tints(coloring)
        self._canvas.renderer.set_tints(tints)
        needs_measuring = coloring is not None and coloring.id == TIME and not self._times
        self.legend.show_tints(tints, needs_measuring)

    def _tints(self, coloring: Coloring) -> Tints:
        if coloring.id == TIME:
            why = "it has no separate kernel" if self._times else NOT_MEASURED
            return Tints.of(coloring, self._times_here(), why)
        if coloring.id in OF_VALUES:
            return Tints.of(coloring, self._here(self._measured(coloring.id)))
        view = self._derived
        if view is None or view.error or view.data.of != coloring.id:
            error = view.error if view is not None else ""
            why = error[:1].lower() + error[1:].rstrip(".") if error else "it is being computed"
            return Tints.of(coloring, {}, why)
        return Tints.of(coloring, self._here(view.data.values))

    # ---- answers of the engine ----------------------------------------------------------------

    @Slot(object)
    def _on_view(self, message: p.ViewValue) -> None:
        if message.spec.kind == VIEW:
            self._derived = message
            self._follow()

    @Slot(object)
    def _on_profile(self, message: p.Profiled) -> None:
        self._times = kernel_times(self._workspace, message)
        self._follow()

    @Slot(object)
    def _on_edit(self, change: Change) -> None:
        if self._times and not change.only_moves:
            self._times = {}
            self._follow()

    @Slot()
    def _on_replaced(self) -> None:
        """Restore the colouring that was last chosen for the opened document."""
        self._times = {}
        self.choose(self._settings.color_by(self._key()) if self._key() else "")

    # ---- by node ------------------------------------------------------------------------------

    def _times_here(self) -> dict[str, dict[int, Measured]]:
        """Return the times of the displayed nodes.

        An instance has the sum of the times inside it.
        """
        depth, found = len(self._workspace.path), dict[str, Measured]()
        for path, time in self._times.items():
            steps = tuple(path.split("/"))
            if steps[:depth] == self._workspace.path:
                node, inside = steps[depth], len(steps) > depth + 1
                so_far = found.get(node)
                total = (time.value or 0.0) + (so_far.value or 0.0 if so_far is not None else 0.0)
                why = "" if inside else time.why or (so_far.why if so_far is not None else "")
                found[node] = Measured(TIME, total, why)
        return {node: {0: time} for node, time in found.items()}

    def _measured(self, of: str) -> dict[str, Measured]:
        """Return the known numbers of a measure, by tensor name."""
        previews = self._shown.values
        found = {name: preview.measured for name, preview in previews.items()}
        return {name: m for name, m in found.items() if m is not None and m.of == of}

    def _here(self, measured: Mapping[str, Measured]) -> dict[str, dict[int, Measured]]:
        """Return the numbers of the displayed graph, by node id and index of the output."""
        document, scope = self._workspace.document, self._workspace.scope
        found: dict[str, dict[int, Measured]] = defaultdict(dict)
        for name, each in measured.items():
            node, _, index = name.removeprefix(scope).partition(":")
            record = document.node_named(node) if name.startswith(scope) else None
            if record is not None and (index.isdecimal() or not index):
                found[record.id][int(index or 0)] = each
        return dict(found)


def kernel_times(workspace: Workspace, message: p.Profiled) -> dict[str, Measured]:
    """Return microseconds by node path.

    Each node of a fused kernel gets the total of the kernel.
    """
    times: dict[str, float] = defaultdict(float)
    shared: set[str] = set()
    for total in totals(message.trace, message.times):
        places = {place for name in total.nodes if (place := place_of(workspace, name))}
        for place in places:
            times[place] += total.micros
        if len(places) > 1:
            shared |= places
    why = "including kernels shared with other nodes"
    return {
        place: Measured(TIME, micros, why if place in shared else "")
        for place, micros in times.items()
    }
