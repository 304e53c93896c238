"""The popups with a text field: to search commands or nodes, type formulas, or connect ports."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.controllers.viewing.node_navigator import NodeNavigator
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.pages.page_stack import PageStack
from nodeflow.ui.popups.expression_bar import ExpressionBar
from nodeflow.ui.popups.search.command_palette import CommandPalette
from nodeflow.ui.popups.search.find_in_graph import FindInGraph
from nodeflow.ui.popups.search.keyboard_wiring import KeyboardWiring
from nodeflow.ui.popups.search.quick_pick import QuickPick

EMPTY = Blocked("The graph is empty.", "search")


class PopupActions(QObject):
    """The actions that open the popups over the canvas."""

    def __init__(
        self,
        workspace: Workspace,
        canvas: CanvasView,
        pages: PageStack,
        quick_pick: QuickPick,
        navigator: NodeNavigator,
        settings: Settings,
        themes: ThemeManager,
        actions: ActionSet,
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._pages = workspace, pages
        self._palette = CommandPalette(quick_pick, actions)
        self._find = FindInGraph(quick_pick, workspace, canvas, navigator.show_path)
        self._wiring = KeyboardWiring(quick_pick, canvas)
        self.formula = ExpressionBar(canvas, workspace, themes.theme, settings)
        themes.changed.connect(self.formula.set_theme)
        canvas.signals.wire_requested.connect(self._wiring.begin_at)
        actions.bind(self._bindings())

    def _bindings(self) -> dict[str, Binding]:
        leaves = "Select the node at which the wire starts."
        goes_into = "Select the node at which the wire ends."
        wiring = self._wiring
        return {
            "command_palette": Binding(self._palette.open),
            "find": Binding(self._open_find, self._find_blocked),
            "formula": Binding(self._open_formula, self._formula_blocked),
            "start_wire": Binding(wiring.begin, partial(self._not_one_node, leaves)),
            "end_wire": Binding(
                partial(wiring.begin, "in"), partial(self._not_one_node, goes_into)
            ),
            "pick_wire": Binding(wiring.pick, self._pick_blocked),
        }

    def _open_find(self) -> None:
        self._pages.show_canvas()
        self._find.open()

    def _find_blocked(self) -> Blocked | None:
        return None if self._workspace.document.nodes else EMPTY

    def _open_formula(self) -> None:
        self._pages.show_canvas()
        self.formula.open()

    def _formula_blocked(self) -> Blocked | None:
        locked = self._workspace.document.locked
        return Blocked(locked) if locked else None

    def _not_one_node(self, reason: str) -> Blocked | None:
        return None if len(self._workspace.selection) == 1 else Blocked(reason, "find")

    def _pick_blocked(self) -> Blocked | None:
        chosen = self._workspace.selection
        if len(chosen) != 1:
            return Blocked("Select the node of the wire.")
        some = self._workspace.document.has_wires(chosen[0])
        return None if some else Blocked("This node has no wires.")
