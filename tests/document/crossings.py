"""Graphs to compare layouts on, and how many wires cross in a drawing.

Run as a script, it writes what Graphviz's dot makes of them to dot_crossings.json:

    python tests/document/layout/crossings.py

with the sizes of the nodes as ours, `rankdir=LR`, in-ports on the left and out-ports on the right
(records). Tests read the file, so that they need no Graphviz.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nodeflow import resources
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire

FIGURES = Path(__file__).with_name("dot_crossings.json")
Curves = list[tuple[object, object, np.ndarray]]
"""Where a wire starts, where it ends, and (k, 2) points of each."""


def fixtures() -> dict[str, Document]:
    """The graphs, by name; each example without its frames, and random ones of several shapes."""
    found = {p.stem: flow.load(p) for p in resources.examples()}
    for count, reach, share in ((30, 8, 0.7), (60, 12, 0.6), (60, 40, 0.5), (120, 15, 0.55)):
        for seed in (1, 2):
            found[f"random-{count}-{reach}-{seed}"] = random_graph(count, reach, share, seed)
    found["network"] = network((4, 6, 5, 3))
    found["tree"] = tree(5)
    return found


def random_graph(count: int, reach: int, share: float, seed: int) -> Document:
    """Adds that take what came at most ``reach`` nodes before."""
    rng, doc = random.Random(seed), Document()
    with doc.transaction("Random"):
        ids = [commands.add_node(doc, "add", (0, 0)) for _ in range(count)]
        for i in range(1, count):
            for port in ("x", "y"):
                if rng.random() < share:
                    source = ids[rng.randrange(max(0, i - reach), i)]
                    commands.connect(doc, source, "out", ids[i], port)
    return doc


def network(layers: tuple[int, ...]) -> Document:
    """Layers of nodes, each wired to two or three of the layer before."""
    rng, doc, before = random.Random(7), Document(), []
    with doc.transaction("Network"):
        for size in layers:
            layer = [commands.add_node(doc, "concat", (0, 0)) for _ in range(size)]
            for node in layer if before else []:
                for port, source in enumerate(rng.sample(before, min(3, len(before)))):
                    commands.connect(doc, source, "out", node, f"values.{port}")
            before = layer
    return doc


def tree(depth: int) -> Document:
    """A full binary tree, whose leaves come in a shuffled order; it can be drawn without any."""
    rng, doc = random.Random(3), Document()
    with doc.transaction("Tree"):
        level = [commands.add_node(doc, "variable", (0, 0)) for _ in range(2**depth)]
        rng.shuffle(level)
        while len(level) > 1:
            level, pairs = [], list(zip(level[::2], level[1::2], strict=True))
            for x, y in pairs:
                level.append(commands.add_node(doc, "add", (0, 0)))
                commands.connect(doc, x, "out", level[-1], "x")
                commands.connect(doc, y, "out", level[-1], "y")
            rng.shuffle(level)
    return doc


def count(curves: Curves) -> int:
    """How many pairs of wires cross, other than where they start or end together."""
    boxes = np.array([[*c.min(axis=0), *c.max(axis=0)] for _, _, c in curves])
    total = 0
    for i, (source, target, curve) in enumerate(curves):
        near = (boxes[i, 0] <= boxes[:, 2]) & (boxes[i, 2] >= boxes[:, 0])
        near &= (boxes[i, 1] <= boxes[:, 3]) & (boxes[i, 3] >= boxes[:, 1])
        for j in np.flatnonzero(near[i + 1 :]) + i + 1:
            other_source, other_target, other = curves[j]
            if not {source, target} & {other_source, other_target}:
                total += _cross(curve, other)
    return total


def _cross(a: np.ndarray, b: np.ndarray) -> bool:
    p, r = a[:-1, None], (a[1:] - a[:-1])[:, None]
    q, s = b[None, :-1], (b[1:] - b[:-1])[None]

    def turn(u, v):
        return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]

    first = turn(r, q - p) * turn(r, q + s - p)
    second = turn(s, p - q) * turn(s, p + r - q)
    return bool(((first < 0) & (second < 0)).any())


def dot_curves(doc: Document, sizes: Mapping[str, tuple[float, float]]) -> Curves:
    """The drawing of dot, which has to be installed."""
    lines = ["digraph { rankdir=LR; nodesep=0.4; ranksep=1; node [shape=record, fixedsize=true];"]
    for node_id, (width, height) in sizes.items():
        record = doc.nodes[node_id]
        inputs = "|".join(f"<i{k}>" for k in range(len(in_ports(doc, record))))
        outputs = "|".join(f"<o{k}>" for k in range(len(out_ports(doc, record))))
        size = f"width={width / 72:.3f}, height={height / 72:.3f}"
        lines.append(f'{node_id} [label="{{{{{inputs}}}|{{{outputs}}}}}", {size}];')
    ends = {}
    for number, wire in enumerate(doc.wires.values()):
        out, at = (index(doc, wire, side) for side in ("out", "in"))
        lines.append(f"{wire.source}:o{out}:e -> {wire.target}:i{at}:w [number={number}];")
        ends[str(number)] = ((wire.source, wire.source_port), (wire.target, wire.target_port))
    result = subprocess.run(
        ["dot", "-Tjson"],
        input="\n".join([*lines, "}"]),
        capture_output=True,
        text=True,
        check=True,
    )
    curves = []
    for edge in json.loads(result.stdout)["edges"]:
        words = edge["pos"].removeprefix("e,").split()
        points = np.array([word.split(",") for word in words], np.float64)
        if edge["pos"].startswith("e,"):  # the arrow's tip comes first
            points = points[1:]
        curves.append((*ends[edge["number"]], _bezier(points)))
    return curves


def index(doc: Document, wire: Wire, side: str) -> int:
    """The place of a wire's port among those of its side (`in` or `out`)."""
    record = doc.nodes[wire.source if side == "out" else wire.target]
    ports = out_ports(doc, record) if side == "out" else in_ports(doc, record)
    name = wire.source_port if side == "out" else wire.target_port
    names = [port.name for port in ports]
    return names.index(name) if name in names else 0


def _bezier(control: np.ndarray) -> np.ndarray:
    """Points along a chain of cubic curves."""
    t = np.linspace(0, 1, 13)[:, None]
    pieces = []
    for k in range(0, len(control) - 1, 3):
        a, b, c, d = control[k : k + 4]
        pieces.append(
            (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
        )
    return np.concatenate(pieces)


def main() -> None:
    figures = {}
    for name, doc in fixtures().items():
        analysis = Analysis(doc)
        sizes = {i: node_size(doc, record, analysis) for i, record in doc.nodes.items()}
        figures[name] = count(dot_curves(doc, sizes))
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
