"""Small things that everybody meets in the first minutes stay as they are left, and look whole."""

from __future__ import annotations

from itertools import combinations

import pytest
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QSpinBox

from nodeflow.document.io import flow
from nodeflow.resources import example
from nodeflow.ui.popups.dialogs.export_dialog import ExportDialog

LEFT = Qt.MouseButton.LeftButton


def camera(window) -> tuple:
    made = window.canvas.viewport.camera
    return made.x, made.y, made.step


@pytest.fixture
def mnist(window, qtbot):
    window.files.load(example("mnist"), as_copy=True)
    qtbot.waitUntil(lambda: window.canvas.isVisible())
    return window


def to_welcome_and_back(window, qtbot, wait: int = 0) -> None:
    button = window.toolbar.widgetForAction(window.actions_["welcome"])
    for shows in (True, False):
        qtbot.mouseClick(button, LEFT)
        assert window.pages.shows_welcome == shows
        qtbot.waitUntil(lambda: window.canvas.isVisible() or window.pages.shows_welcome)
        qtbot.wait(wait)


@pytest.mark.thorough
@pytest.mark.parametrize("bottom", [False, True])
def test_the_view_is_kept_over_the_welcome_page(mnist, qtbot, bottom):
    """The panels go and come, so that the canvas has another size meanwhile."""
    if bottom:
        mnist.docking.show("training")
    mnist.canvas.viewport.look_at(QPointF(901, 303), 3)
    qtbot.wait(20)  # docks take their sizes
    before = camera(mnist)
    for _ in range(3):
        to_welcome_and_back(mnist, qtbot, wait=20)
        assert camera(mnist) == before


@pytest.mark.thorough
def test_the_view_is_kept_where_the_window_changes_meanwhile(mnist, qtbot):
    mnist.canvas.viewport.look_at(QPointF(901, 303), 3)
    viewport = mnist.canvas.viewport
    middle = viewport.camera.to_scene(viewport.center)
    mnist.actions_.trigger("welcome")
    mnist.resize(1100, 720)
    mnist.actions_.trigger("welcome")
    qtbot.wait(20)
    now = viewport.camera.to_scene(viewport.center)
    assert (now - middle).manhattanLength() < 2 and viewport.camera.step == 3


@pytest.mark.thorough
def test_the_view_is_kept_over_the_generated_nodes(mnist, qtbot):
    mnist.canvas.viewport.look_at(QPointF(901, 303), 3)
    before = camera(mnist)
    mnist.canvas.selection.select([mnist.workspace.document.node_named("train").id])
    mnist.actions_.trigger("expand")
    assert mnist.pages.shows_expansion
    qtbot.waitUntil(lambda: mnist.pages.is_inside, timeout=30000)
    mnist.actions_.trigger("view_back")
    assert mnist.canvas.isVisible() and camera(mnist) == before


@pytest.mark.thorough
def test_a_search_leaves_the_ops_as_they_were(window, qtbot):
    panel = window.panels["palette"]
    bar = panel.tree.verticalScrollBar()
    model = panel.tree.model()
    panel.tree.collapse(model.index(1, 0))
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    bar.setValue(bar.maximum() // 2)
    before = bar.value()
    for _ in range(2):
        panel.search.setFocus()
        qtbot.keyClicks(panel.search, "rel")
        assert bar.value() == 0
        panel.search.clear()
        assert bar.value() == before
        assert not panel.tree.isExpanded(panel.tree.model().index(1, 0)), "what is closed stays so"


@pytest.mark.thorough
def test_a_search_that_is_deleted_letter_by_letter_does_so_too(window, qtbot):
    panel = window.panels["palette"]
    bar = panel.tree.verticalScrollBar()
    bar.setValue(bar.maximum() // 3)
    before = bar.value()
    qtbot.keyClicks(panel.search, "re")
    panel.tree.setCurrentIndex(panel.tree.model().index(3, 0))
    for _ in range(2):
        qtbot.keyClick(panel.search, Qt.Key.Key_Backspace)
    assert bar.value() == before > 0


@pytest.mark.thorough
def test_ops_from_the_search_cover_no_other_card_and_are_seen(window, qtbot):
    panel, document = window.panels["palette"], window.canvas.document
    for text in ("constant", "placeholder", "roll", "constant", "dataset", "dataset"):
        count = len(document.nodes)
        panel.search.setFocus()
        panel.search.setText(text)
        qtbot.keyClick(panel.search, Qt.Key.Key_Return)
        assert window.canvas.selection.nodes() == [list(document.nodes)[count]]
        corner, size = document.nodes[list(document.nodes)[count]].pos, QSizeF(8, 8)
        assert window.canvas.viewport.visible_area.contains(QRectF(QPointF(*corner), size))
    boxes = [
        QRectF(*document.nodes[node].pos, *size)
        for node, size in window.canvas.scene.card_sizes().items()
    ]
    assert not any(a.intersects(b) for a, b in combinations(boxes, 2))
    for _ in range(6):
        window.actions_.trigger("undo")
    assert not document.nodes, "one undo step each"


@pytest.mark.thorough
def test_titles_are_right_from_a_card_on(window, qtbot, tmp_path):
    """In the title bar, in the inspector, and over the generated nodes."""

    def titles() -> set[str]:
        window.canvas.selection.clear()
        shown = window.panels["inspector"].outside.page._title.text()
        return {window.windowTitle().strip("• ").removesuffix(" – nodeflow"), shown}

    window.actions_.trigger("welcome")
    card = next(c for c in window.pages.welcome.cards if c.path.stem == "spirals")
    qtbot.mouseClick(card, LEFT)
    assert titles() == {"spirals"}
    window.files.begin_empty()
    assert titles() == {"Untitled"}
    window.actions_.trigger("welcome")
    qtbot.mouseClick(card, LEFT)
    assert titles() == {"spirals"}
    path = tmp_path / "mine.flow"
    flow.save(flow.load(example("regression")), path)
    window.files.load(path)
    assert titles() == {"mine"}
    window.files.load_quietly(path)
    assert titles() == {"mine"}


@pytest.mark.parametrize("kind", [QSpinBox, QDoubleSpinBox])
def test_spin_boxes_are_drawn_whole(qapp, qtbot, kind):
    """Both arrows, in a border that nothing covers."""
    box = kind()
    qtbot.addWidget(box)
    box.resize(160, box.sizeHint().height())
    box.setValue(2)
    box.show()
    image = box.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    width, height = image.width(), image.height()
    rim = {image.pixel(width - 1, y) for y in range(9, height - 9)}
    rim |= {image.pixel(x, y) for x in range(9, width - 9) for y in (0, height - 1)}
    assert len(rim) == 1, "one colour all around"
    ground = image.pixel(width - 26, height // 2)
    for top, bottom in ((2, height // 2 - 1), (height // 2 + 1, height - 2)):
        inked = [
            (x, y)
            for x in range(width - 22, width - 2)
            for y in range(top, bottom)
            if image.pixel(x, y) != ground
        ]
        assert inked, "an arrow"
        assert max(x for x, _ in inked) - min(x for x, _ in inked) < 14, "and nothing else"


@pytest.mark.thorough
def test_the_export_dialog_has_room_for_its_fields(window, qtbot):
    dialog = ExportDialog(window, "light", QSizeF(900, 400), None, ("All", "Some"))
    qtbot.addWidget(dialog)
    dialog.show()
    for box in dialog.findChildren(QAbstractSpinBox):
        assert box.height() >= box.sizeHint().height() and box.width() >= box.sizeHint().width()
