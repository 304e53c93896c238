"""Tooltips stand beside what they explain, and cut texts have them."""

import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip, QTreeWidget, QTreeWidgetItem

from nodeflow.document.edit import commands
from nodeflow.ui.core.widgets import anchored_tips

SCREEN = QRect(0, 0, 1280, 720)
TIP = QRect(0, 0, 200, 80)


@pytest.mark.parametrize(
    "area",
    [
        QRect(100, 100, 180, 120),
        QRect(1200, 100, 79, 120),
        QRect(100, 600, 180, 119),
        QRect(2, 2, 300, 700),
        QRect(900, 2, 370, 716),
    ],
)
def test_a_tooltip_covers_nothing_of_what_it_explains(area):
    placed = QRect(anchored_tips.place_beside(area, TIP, SCREEN), TIP.size())
    assert not placed.intersects(area) and SCREEN.contains(placed)


def ask(widget, at: QPoint) -> None:
    event = QHelpEvent(QEvent.Type.ToolTip, at, widget.mapToGlobal(at))
    QApplication.sendEvent(widget, event)


@pytest.mark.thorough
def test_a_cards_tooltip_stands_outside_the_card(window, qtbot):
    document = window.workspace.document
    node = commands.add_node(document, "constant", (0, 0), "c", {"value": [[1.0, 2.0]] * 4})
    canvas = window.canvas
    canvas.viewport.fit_all()
    card = canvas.viewport.node_rect(node)
    ask(canvas, card.center().toPoint())
    qtbot.waitUntil(lambda: anchored_tips.shown_tip() is not None)
    tip = anchored_tips.shown_tip()
    corner = canvas.mapToGlobal(card.toAlignedRect().topLeft())
    assert not tip.geometry().intersects(QRect(corner, card.toAlignedRect().size()))
    QToolTip.hideText()


def test_a_cut_cell_tells_its_whole_text(qtbot):
    tree = QTreeWidget()
    qtbot.addWidget(tree)
    tree.setItemDelegate(anchored_tips.CutTextDelegate(tree))
    tree.setColumnCount(2)
    tree.addTopLevelItem(QTreeWidgetItem(["a name that is much longer than its column", "x"]))
    tree.header().setStretchLastSection(False)
    tree.setColumnWidth(0, 80)
    tree.resize(300, 100)
    tree.show()
    qtbot.waitExposed(tree)
    rects = [tree.visualRect(tree.model().index(0, column)) for column in (0, 1)]
    ask(tree.viewport(), rects[0].center())
    assert QToolTip.text() == "a name that is much longer than its column"
    ask(tree.viewport(), rects[1].center())
    qtbot.waitUntil(lambda: not QToolTip.isVisible())
    assert tree.model().index(0, 1).data(Qt.ItemDataRole.DisplayRole) == "x"
