"""Looking into loops and branches in the window, with a real engine in a thread."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

import nodeflow as nf


def loops_file(folder: Path) -> Path:
    with nf.Graph() as graph:
        x = nf.constant(2.0, name="x")
        count = nf.constant(4, name="count")
        nf.while_loop(
            lambda i, p: i < count,
            lambda i, p: (i + 1, nf.multiply(p, x, name="product")),
            [0, 1.0],
            name="power",
        )
        nf.cond(
            x > 3,
            lambda: nf.square(x, name="yes"),
            lambda: nf.negative(x, name="no"),
            name="choose",
        )
    path = folder / "loops.flow"
    nf.save(graph, path)
    return path


@pytest.mark.thorough
def test_the_slider_chooses_the_iteration_that_nodes_show(
    live_window, qtbot, tmp_path: Path
) -> None:
    window = live_window()
    window.files.load(loops_file(tmp_path))
    power = window.workspace.root.node_named("power")
    seen: dict[str, float] = {}

    def note(message) -> None:
        inside = {k: v for k, v in message.values.items() if "/" in k and v.dtype != "bool"}
        seen.update({name: float(shown.text.replace("−", "-")) for name, shown in inside.items()})

    window.link.previews.connect(note)
    bar = window.iterations
    assert not bar.isVisible()
    window.workspace.go_to((power.id,))
    qtbot.waitUntil(lambda: bar.isVisible() and bar.slider.isVisible(), timeout=20000)
    assert (bar.slider.minimum(), bar.slider.maximum(), bar.slider.value()) == (0, 3, 3)
    qtbot.waitUntil(lambda: seen.get("power/product") == 16.0, timeout=20000)
    bar.slider.setValue(1)
    qtbot.waitUntil(lambda: seen.get("power/product") == 4.0, timeout=20000)
    assert bar.text.text() == "Iteration 1 of 0 to 3"

    choose = window.workspace.root.node_named("choose")
    window.workspace.go_to((choose.id,))
    qtbot.waitUntil(lambda: "false" in bar.text.text(), timeout=20000)
    assert not bar.slider.isVisible()
    qtbot.waitUntil(lambda: seen.get("choose/no") == -2.0, timeout=20000)
    assert "choose/yes" not in seen
    window.workspace.go_to(())
    assert not bar.isVisible()
    QTest.qWait(1)


@pytest.mark.thorough
def test_the_palette_offers_loops_and_branches(window) -> None:
    from nodeflow.ui.popups.search.op_query import ranked

    offers = window.subgraphs.insertables()
    titles = [op.title for op in offers if op.category == "Control flow"]
    assert titles == ["Branch", "While loop", "Map", "Scan"]
    for words, wanted in (
        ("tf.cond", "flow/branch"), ("if", "flow/branch"), ("else", "flow/branch"),
        ("while", "flow/while_loop"), ("fori_loop", "flow/while_loop"),
        ("map_fn", "flow/map"), ("foldl", "flow/scan"),
    ):  # fmt: skip
        assert wanted in [op.id for op in ranked(words, offers)], words


def test_the_slider_on_a_loops_card_chooses_the_same_iteration(
    live_window, qtbot, tmp_path: Path
) -> None:
    window = live_window()
    path = tmp_path / "carried.flow"
    with nf.Graph() as graph:
        x = nf.constant(2.0, name="x")
        nf.while_loop(lambda p: p < 100.0, lambda p: [p * x], [nf.constant(3.0)], name="grow")
        nf.cond(x > 3, lambda: x, lambda: -x, name="choose")
    nf.save(graph, path)
    window.files.load(path)
    canvas, root = window.canvas, window.workspace.root
    grow, choose = root.node_named("grow").id, root.node_named("choose").id
    canvas.viewport.fit_all()

    def shown(node: str = grow):
        return canvas.scene.card(canvas.scene.nodes.get(node))

    def text() -> str:
        value = canvas.node_state.value_of(grow)
        return "" if value is None else value.text

    qtbot.waitUntil(lambda: text() == "192", timeout=20000)
    assert shown().slider == 1.0 and shown(choose).slider is None
    area = canvas.viewport.iteration_rect(grow)
    assert canvas.viewport.iteration_rect(choose).isEmpty()
    start = area.center().toPoint()
    left = QPoint(int(area.left()) + 4, start.y())
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(canvas, left)
    qtbot.waitUntil(lambda: text() == "6", timeout=20000)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, left)
    assert shown().slider == 0.0 and shown().subtitle == "Iteration 0 of 0–5"
    assert root.node_named("grow").pos == root.nodes[grow].pos and not root.is_modified
    window.workspace.go_to((grow,))
    bar = window.iterations
    qtbot.waitUntil(lambda: bar.slider.isVisible() and bar.slider.value() == 0, timeout=20000)
    bar.slider.setValue(2)
    qtbot.waitUntil(lambda: bar.text.text() == "Iteration 2 of 0 to 5", timeout=20000)
    window.workspace.go_to(())
    qtbot.waitUntil(lambda: text() == "24", timeout=20000)
    assert shown().slider == 2 / 5
    area = canvas.viewport.iteration_rect(grow)
    end = QPoint(int(area.right()) - 2, int(area.center().y()))
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    qtbot.waitUntil(lambda: text() == "192", timeout=20000)
    assert shown().slider == 1.0 and "Iteration" not in shown().subtitle
