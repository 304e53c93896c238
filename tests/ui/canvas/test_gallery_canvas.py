"""Every state that a canvas gives to its nodes, wires and gestures, by real events, in both themes.

Set NODEFLOW_GALLERY to a folder to keep the pictures and look at them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs import create_subgraph
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.ui.core.theming.theme import DARK, LIGHT

BOTH = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
NOTE = """**What to look at**

- `scores` is a *subgraph*: double click it
- labels are whole numbers

| key | does |
| --- | --- |
| F9 | rests |
"""
NOWHERE = QPoint(30, 30)
RIGHT, CTRL = Qt.MouseButton.RightButton, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def ids(document, canvas, qtbot) -> dict[str, str]:
    """A classifier with a node of every kind; name -> id."""
    found: dict[str, str] = {}

    def add(name: str, op: str, x: float, y: float, into: dict | None = None, **attrs) -> None:
        found[name] = commands.add_node(document, op, (x, y), name=name, attrs=attrs)
        for port, (source, out) in (into or {}).items():
            commands.connect(document, found[source], out, found[name], port)

    add("digits", "dataset", 24, 90, source="mnist")
    add(
        "x",
        "placeholder",
        260,
        60,
        {"feed": ("digits", "images")},
        dtype="float32",
        shape=[None, 784],
    )
    add("W", "variable", 260, 260, initializer={"op": "glorot_uniform"}, shape=[784, 10])
    add("product", "matmul", 500, 80, {"x": ("x", "out"), "y": ("W", "out")})
    add("scores", "softmax", 500, 260, {"x": ("product", "out")})
    add("labels", "constant", 24, 440, value=[1, 2], dtype="int64")
    add("halves", "cast", 260, 500, {"x": ("labels", "out")}, dtype="float32")
    add("same", "equal", 500, 470, {"x": ("labels", "out"), "y": ("labels", "out")})
    add("mine", "blend", 940, 500)
    add("wrong", "matmul", 940, 260, {"x": ("x", "out"), "y": ("x", "out")})
    add("loss", "reduce_mean", 940, 40, {"x": ("scores", "out")})
    add("train", "gradient_descent", 1200, 40, {"loss": ("loss", "out")})
    found["inside"] = create_subgraph.create(
        document, [found["product"], found["scores"]], "scores"
    )
    document.mark_saved()
    commands.add_frame(document, (236, 16, 500, 400), "The network", "", "neural network")
    commands.add_frame(document, (690, 440, 230, 230), "Note", NOTE, "reduction")
    canvas.resize(1460, 900)
    canvas.viewport.fit_all()
    preview = make_preview(np.linspace(0, 1, 20, dtype=np.float32).reshape(2, 10))
    canvas.node_state.set_values({"scores": preview, "labels": make_preview(np.array([1, 2]))})
    qtbot.wait(50)
    return found


@pytest.fixture
def states(canvas, document, hands, ids) -> dict[str, Callable[[], None]]:
    """What brings the canvas into each state, by name."""
    x, inside, loss = ids["x"], ids["inside"], ids["loss"]
    wire = (ids["wrong"], "x")

    def middle() -> QPoint:
        lines = canvas.viewport.wire_lines([wire])
        return QPointF(*lines[len(lines) // 2, :2].tolist()).toPoint()

    def cone() -> None:
        hands.move(hands.title(inside))
        canvas.highlight.show()

    def drag(source: str, node: str, port: str) -> None:
        hands.press(hands.port(ids[source], "out"))
        hands.move(QPoint(700, 300))
        hands.move(hands.port(ids[node], port))

    def slices() -> None:
        at = middle()
        hands.press(at + QPoint(0, -60), RIGHT, CTRL)
        hands.move(at + QPoint(10, 80))

    def box() -> None:
        hands.press(hands.at(900, 0))
        hands.move(hands.at(1190, 460))

    def carry() -> None:
        hands.press(hands.title(loss))
        hands.move(hands.title(loss) + QPoint(6, 60))
        hands.move(hands.title(loss) + QPoint(-14, 64))

    def hidden() -> None:
        hands.click(middle())
        canvas.edits.toggle_wire_hidden()

    return {
        "plain": lambda: None,
        "upstream and downstream": cone,
        "port under the pointer": lambda: hands.move(hands.port(x, "out")),
        "selected": lambda: canvas.selection.select([inside, loss, ids["wrong"]]),
        "wire selected": lambda: hands.click(middle()),
        "wire hidden": hidden,
        "wire accepted": lambda: drag("x", "halves", "x"),
        "wire refused": lambda: drag("labels", "wrong", "y"),
        "slicing": slices,
        "box": box,
        "moving": carry,
        "training": lambda: canvas.node_state.set_status(
            {inside: "running", loss: "done", x: "done", ids["same"]: "stale"}
        ),
    }


@pytest.fixture
def keep(canvas) -> Iterator[Callable[[str], None]]:
    folder = os.environ.get("NODEFLOW_GALLERY")

    def save(name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            assert canvas.grab().save(str(Path(folder) / f"canvas-{name}.png"))

    yield save


@pytest.mark.thorough
@BOTH
def test_every_state_of_a_canvas_can_be_seen(canvas, hands, states, picture, keep, theme):
    canvas.set_theme(theme)
    seen: dict[str, np.ndarray] = {}
    for name, bring in states.items():
        bring()
        seen[name] = picture().astype(int)
        keep(f"{name.replace(' ', '-')}-{theme.name}")
        for other, before in seen.items():
            changed = (np.abs(before - seen[name]).max(axis=2) > 40).sum()
            assert other == name or changed > 60, f"{name} looks like {other}"
        hands.key(Qt.Key.Key_Escape)
        hands.release(NOWHERE, RIGHT if name == "slicing" else Qt.MouseButton.LeftButton)
        canvas.selection.select([])
        hands.move(NOWHERE)
