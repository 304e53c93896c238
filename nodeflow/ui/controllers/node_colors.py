"""Colours nodes and wires by what the user chooses, with the numbers that the engine sends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import QObject, Slot

from nodeflow.host.values import OF_VALUES, Measured
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.scene.tints import Tints
from nodeflow.ui.canvas.view.color_legend import ColorLegend
from nodeflow.ui.controllers.run_controller import RunController
from nodeflow.ui.core.colorings import COLORINGS
from nodeflow.ui.core.engine_link import EngineLink
from nodeflow.ui.core.settings import Settings
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.core.workspace import Workspace


class NodeColors(QObject):
    """The actions of the menu Colour by, and the legend."""

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        canvas: CanvasView,
        run: RunController,
        settings: Settings,
        themes: ThemeManager,
        actions: ActionSet,
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._link, self._canvas = workspace, link, canvas
        self._run, self._settings, self._actions = run, settings, actions
        self.legend = ColorLegend(canvas, canvas.renderer)
        self.legend.chosen.connect(self.choose)
        themes.changed.connect(self.legend.set_theme)
        actions.bind(
            {f"color_{i or 'none'}": Binding(partial(self.choose, i)) for i in ("", *COLORINGS)}
        )
        actions.refreshing.connect(self._check)
        run.values_changed.connect(self._follow)
        workspace.entered.connect(self._follow)
        workspace.replaced.connect(self._follow)
        self.choose(settings.color_by)

    def choose(self, coloring: str) -> None:
        """Colour by this from now on; an empty id is nothing."""
        known = coloring if coloring in COLORINGS else ""
        self._settings.color_by = known
        self._link.measure(known if known in OF_VALUES else "")
        self._follow()
        self._actions.refresh_soon()

    def _check(self) -> None:
        chosen = self._settings.color_by
        for each in ("", *COLORINGS):
            self._actions[f"color_{each or 'none'}"].setChecked(each == chosen)

    @Slot()
    def _follow(self, *_: object) -> None:
        """Colour with the numbers that there are now."""
        coloring = COLORINGS.get(self._settings.color_by)
        tints = None
        if coloring is not None:
            tints = Tints.of(coloring, self._here(self._measured(coloring.id)))
        self._canvas.renderer.set_tints(tints)
        self.legend.show_tints(tints)

    def _measured(self, of: str) -> dict[str, Measured]:
        """What is known, by tensor name."""
        values = self._run.values
        found = {name: preview.measured for name, preview in values.items()}
        return {name: m for name, m in found.items() if m is not None and m.of == of}

    def _here(self, measured: Mapping[str, Measured]) -> dict[str, dict[int, Measured]]:
        """What is of the shown graph, by node id and number of the output."""
        document, scope = self._workspace.document, self._workspace.scope
        found: dict[str, dict[int, Measured]] = defaultdict(dict)
        for name, each in measured.items():
            node, _, index = name.removeprefix(scope).partition(":")
            record = document.node_named(node) if name.startswith(scope) else None
            if record is not None and (index.isdecimal() or not index):
                found[record.id][int(index or 0)] = each
        return dict(found)
