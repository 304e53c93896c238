"""Many generated nodes: their page opens at once, and a thread finds their places."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import QPoint, Qt

from nodeflow.document.edit import commands
from nodeflow.document.to_graph.expansion import expand
from nodeflow.resources import example

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def gate(monkeypatch):
    """Holds layouts back until it is set; records in which threads they run."""
    opened, threads = threading.Event(), []
    arrange = expand.arrange

    def slow(*arguments):
        threads.append(threading.current_thread())
        assert opened.wait(60)
        return arrange(*arguments)

    monkeypatch.setattr(expand, "arrange", slow)
    opened.threads = threads
    yield opened
    opened.set()
    for thread in threads:
        thread.join(60)


@pytest.fixture
def mnist(window, qtbot):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.files.load(example("mnist"), as_copy=True)
    return window


def double_click(window, qtbot) -> None:
    canvas = window.canvas
    train = window.workspace.document.node_named("train").id
    canvas.viewport.center_on(train)
    rect = canvas.viewport.node_rect(train)
    at = QPoint(round(rect.left() + rect.width() / 4), round(rect.bottom() - 6))
    qtbot.mouseClick(canvas, LEFT, pos=at)
    qtbot.mouseDClick(canvas, LEFT, pos=at)


@pytest.mark.thorough
def test_the_page_opens_before_the_nodes_have_places(mnist, qtbot, gate):
    page = mnist.pages.expansion
    double_click(mnist, qtbot)
    assert mnist.pages.shows_expansion and page.waiting.isVisible() and not page.is_ready
    assert "generated nodes" in page._said.text() and page.path.text == "mnist ▸ train"
    assert not page.path.unpack_button.isEnabled()
    gate.set()
    qtbot.waitUntil(lambda: page.is_ready, timeout=20000)
    assert not page.waiting.isVisible() and page.canvas.isVisible()
    assert page.canvas.hasFocus(), (mnist.focusWidget(), mnist.isActiveWindow())
    assert page.canvas.document.node_named("train/W1/assign") is not None
    assert page.inspector.isVisible(), "the inspector is that of the generated nodes"
    assert page.path.unpack_button.isEnabled()
    assert threading.main_thread() not in gate.threads
    spots = {record.pos for record in page.canvas.document.nodes.values()}
    assert len(spots) == len(page.canvas.document.nodes), "each has a place of its own"


@pytest.mark.thorough
def test_one_need_not_wait(mnist, qtbot, gate):
    page = mnist.pages.expansion
    double_click(mnist, qtbot)
    qtbot.waitUntil(lambda: bool(gate.threads), timeout=20000)
    qtbot.keyClick(mnist.focusWidget(), Qt.Key.Key_Escape)
    assert not mnist.pages.shows_expansion and mnist.canvas.isVisible()
    gate.set()
    gate.threads[0].join(60)
    qtbot.wait(50)  # what the thread has found arrives, and nobody wants it
    assert not mnist.pages.shows_expansion and page.canvas is None
    double_click(mnist, qtbot)
    qtbot.waitUntil(lambda: page.is_ready, timeout=20000)
    assert mnist.pages.is_inside


@pytest.mark.thorough
def test_an_edit_or_another_document_ends_the_waiting(mnist, qtbot, gate):
    double_click(mnist, qtbot)
    train = mnist.workspace.document.node_named("train").id
    commands.set_attr(mnist.workspace.document, train, "learning_rate", 0.25)
    assert not mnist.pages.shows_expansion
    double_click(mnist, qtbot)
    mnist.workspace.document.mark_saved()
    mnist.files.load(example("expression"), as_copy=True)
    assert not mnist.pages.shows_expansion
    gate.set()


@pytest.mark.thorough
def test_a_second_look_does_not_wait(mnist, qtbot, gate):
    gate.set()
    page = mnist.pages.expansion
    double_click(mnist, qtbot)
    qtbot.waitUntil(lambda: page.is_ready, timeout=20000)
    inner = page.canvas.document
    qtbot.keyClick(page.canvas, Qt.Key.Key_Escape)
    double_click(mnist, qtbot)
    assert mnist.pages.is_inside and page.canvas.document is inner
    assert len(gate.threads) == 1


def test_unpacking_waits_for_places_and_not_the_window(mnist, qtbot, gate):
    page, document = mnist.pages.expansion, mnist.workspace.document
    nodes = len(document.nodes)
    mnist.canvas.selection.select([document.node_named("train").id])
    mnist.actions_.trigger("unpack")
    assert mnist.pages.shows_expansion and page.waiting.isVisible()
    assert len(document.nodes) == nodes and threading.main_thread() not in gate.threads
    qtbot.keyClick(mnist.focusWidget(), Qt.Key.Key_Escape)
    gate.set()
    gate.threads[0].join(60)
    qtbot.wait(50)  # what the thread has found arrives, and nobody wants it
    assert len(document.nodes) == nodes
    mnist.actions_.trigger("unpack")
    qtbot.waitUntil(lambda: len(document.nodes) > nodes, timeout=20000)
    assert mnist.canvas.isVisible() and document.node_named("train").op == "group"
    document.undo()
    assert len(document.nodes) == nodes


@pytest.mark.thorough
def test_unpacking_takes_the_places_that_were_found(mnist, qtbot, gate):
    gate.set()
    page, document = mnist.pages.expansion, mnist.workspace.document
    double_click(mnist, qtbot)
    qtbot.waitUntil(lambda: page.is_ready, timeout=20000)
    inner = page.canvas.document
    qtbot.mouseClick(page.path.unpack_button, LEFT)
    assert len(gate.threads) == 1, "it is not laid out a second time"
    names = ["train/W1/assign", "train/W1/step", "train/b2/assign"]
    (x, y), *_ = found = [document.node_named(name).pos for name in names]
    (x0, y0), *_ = shown = [inner.node_named(name).pos for name in names]
    assert [(a - x, b - y) for a, b in found] == [(a - x0, b - y0) for a, b in shown]
