"""The canvas widget: it shows a document, which mouse and keyboard edit.

The widget owns the parts of a canvas, connects them to each other and forwards Qt's events to
them. All parts change the document by commands only, and repaint when its change events arrive.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.model.document import Document
from nodeflow.ui.canvas.a11y import descriptions
from nodeflow.ui.canvas.a11y.interfaces import AccessibleCanvas, attach
from nodeflow.ui.canvas.paint.renderer import Renderer
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.canvas.signals import CanvasSignals
from nodeflow.ui.canvas.view.clipboard_edits import ClipboardEdits
from nodeflow.ui.canvas.view.conversion_chip import ConversionOffers
from nodeflow.ui.canvas.view.dependency_highlight import DependencyHighlight
from nodeflow.ui.canvas.view.drag_preview import PaletteDrag
from nodeflow.ui.canvas.view.empty_state import EmptyState
from nodeflow.ui.canvas.view.graph_edits import GraphEdits
from nodeflow.ui.canvas.view.hover_overlay import Overlay
from nodeflow.ui.canvas.view.inline_editor import Rename
from nodeflow.ui.canvas.view.keyboard import CanvasKeys, Keyboard
from nodeflow.ui.canvas.view.keyboard_navigation import KeyboardNavigation
from nodeflow.ui.canvas.view.mouse import Mouse
from nodeflow.ui.canvas.view.node_animation import NodeAnimation
from nodeflow.ui.canvas.view.node_state import NodeState
from nodeflow.ui.core.theming.theme import LIGHT, Theme


class CanvasView(QWidget):
    """A view of a document.

    Args:
        keys: the keys of the actions; by default the declared ones.

    Attributes:
        scene: the document as arrays.
        viewport: pan, zoom, and positions in view coordinates.
        selection: the selected nodes, frame or wire.
        signals: messages and requests to the window.
        renderer: paints the scene; knows the theme.
        node_state: values and states that the cards show.
        edits, clipboard, rename, conversions: change the document.
        mouse, keyboard, navigation, palette_drag: handle input.
        animation, highlight: moving nodes, and the nodes connected to the hovered one.
    """

    def __init__(
        self,
        document: Document,
        analysis: Analysis,
        theme: Theme = LIGHT,
        parent: QWidget | None = None,
        keys: CanvasKeys | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Canvas")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(240, 160)
        keys = keys or CanvasKeys()
        self._prepared: SceneModel | None = None
        self.signals = signals = CanvasSignals(self)
        self.scene = scene = SceneModel(document, analysis, self._on_scene)
        self.selection = selection = Selection(scene, self)
        self.viewport = viewport = Viewport(scene, self.size, self)
        self.renderer = renderer = Renderer(self, scene, viewport, theme)
        self.node_state = NodeState(scene, renderer)
        self.animation = NodeAnimation(self, scene, renderer)
        self.highlight = DependencyHighlight(self, scene, viewport)
        self.edits = GraphEdits(self, scene, viewport, selection, signals)
        self.clipboard = ClipboardEdits(scene, viewport, selection, signals, self.edits)
        self.rename = Rename(self, scene, viewport, selection, signals)
        self.conversions = ConversionOffers(self, scene, viewport, selection, renderer, signals)
        self.palette_drag = PaletteDrag(self, scene, viewport, selection, self.edits)
        self.navigation = KeyboardNavigation(scene, viewport, selection, signals.message.emit)
        self.empty_state = EmptyState(scene, viewport, keys.text)
        self.mouse = Mouse(
            self,
            scene,
            viewport,
            selection,
            renderer,
            signals,
            self.edits,
            self.rename,
            self.conversions,
            self.animation,
            self.highlight,
            self.palette_drag,
            self.empty_state,
        )
        self.keyboard = Keyboard(
            keys,
            scene,
            viewport,
            selection,
            signals,
            self.mouse,
            self.navigation,
            self.edits,
            self.clipboard,
            self.rename,
        )
        self._overlay = Overlay(
            self,
            scene,
            viewport,
            selection,
            renderer,
            self.mouse,
            self.highlight,
            self.conversions,
            self.palette_drag,
            self.empty_state,
        )
        self._accessible = AccessibleCanvas(
            self,
            scene,
            viewport,
            selection,
            signals,
            lambda: renderer.theme,
            self.navigation.go_to,
            self.mouse.open_menu,
        )
        selection.changed.connect(self._on_selection)
        selection.wire_selected.connect(self.update)
        self._show_document()

    @property
    def document(self) -> Document:
        """The shown document."""
        return self.scene.document

    def prepare(self, scene: SceneModel | None) -> None:
        """Keep an already built scene, so that `set_document` need not build it for its
        document.
        """
        self._prepared = scene

    def set_document(self, document: Document, analysis: Analysis) -> None:
        """Show another document. ``analysis`` must be updated before the canvas gets a change."""
        self.mouse.cancel_gesture()
        self.animation.stop()
        made, self._prepared = self._prepared, None
        fits = made is not None and (made.document, made.analysis) == (document, analysis)
        self.scene.set_document(document, analysis, made if fits else None)
        self._show_document()

    def _show_document(self) -> None:
        self.mouse.reset_hover()
        self.renderer.reset()
        self.viewport.fit_all(keeps_names=True)
        self.selection.clear()

    def set_theme(self, theme: Theme) -> None:
        self.renderer.set_theme(theme)

    # ---- following scene and selection ------------------------------------------------------

    def _on_scene(self, slots: set[int], structure: bool) -> None:
        if not structure:
            self.renderer.damage(slots)
            return
        self.renderer.repaint_all()
        self.mouse.reset_hover()
        self.animation.finish()
        self.conversions.close()
        self.viewport.is_fitted = False
        self.selection.drop_deleted()
        self._describe()

    def _on_selection(self) -> None:
        self._describe()
        self.update()

    def _describe(self) -> None:
        text = descriptions.canvas_state(self.scene, self.selection)
        self.setAccessibleDescription(text)

    # ---- events -----------------------------------------------------------------------------

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        try:  # a painter left open by an error would crash the process
            self.renderer.paint(painter)
            self._overlay.paint(painter)
        finally:
            painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.viewport.on_resize()
        super().resizeEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        attach(self._accessible)
        super().showEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.mouse.clear_hover()
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.mouse.hold_space(False)
        super().focusOutEvent(event)
        self.update()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent):
            return self.mouse.pinch(event)
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            self.mouse.show_tooltip(event)
            return True
        is_press = event.type() == QEvent.Type.KeyPress
        if is_press and isinstance(event, QKeyEvent) and self.keyboard.keys.action(event):
            self.keyPressEvent(event)  # before Qt takes Tab for a step to the next widget
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.keyboard.press(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        self.keyboard.release(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.mouse.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.mouse.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.mouse.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mouse.double_click(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.mouse.wheel(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.mouse.request_menu(event)
