"""Name scopes of graphs made in Python: subgraphs or frames in the file, and the same graph again.

40 random graphs in ``make test``, 400 in ``make test-nightly``.
"""

from __future__ import annotations

import os
from itertools import pairwise
from posixpath import commonpath
from random import Random

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.analysis.folded_values import is_folded
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER, port_names
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.from_graph.node_attributes import attributes
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.layout.folding import folded
from nodeflow.document.layout.scopes import SCREEN
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH
from nodeflow.document.to_graph.build import build

COUNT = 400 if os.environ.get("NODEFLOW_NIGHTLY") else 40


def described(graph: nf.Graph) -> list[tuple]:
    """All nodes of a graph in their order, derived ones too."""
    return [
        (n.name, n.op.id, n.stream, attributes(n), [t.name for t in n.inputs],
         [c.name for c in n.control_inputs])
        for n in graph.nodes
    ]  # fmt: skip


def dense(x: nf.Tensor, units: int, name: str, rows: int = 4) -> nf.Tensor:
    with nf.name_scope(name):
        w = nf.variable(np.full((rows, units), 0.5, np.float32), name="w")
        b = nf.variable(np.zeros(units, np.float32), name="b")
        return nf.relu(nf.matmul(x, w) + b, name="out")


def boxes(doc: Document) -> dict[str, tuple[float, ...]]:
    analysis = Analysis(doc)
    return {i: (*r.pos, *node_size(doc, r, analysis)) for i, r in doc.nodes.items()}


def holds(frame: tuple[float, ...], box: tuple[float, ...]) -> bool:
    return all(
        frame[i] <= box[i] and box[i] + box[i + 2] <= frame[i] + frame[i + 2] for i in (0, 1)
    )


def apart(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return any(a[i] + a[i + 2] <= b[i] or b[i] + b[i + 2] <= a[i] for i in (0, 1))


def check_drawing(doc: Document) -> None:
    """Nothing overlaps; a frame holds the nodes of one scope, all of them and no others."""
    cards = boxes(doc)
    inner = [i for i, r in doc.nodes.items() if r.op not in BORDER]
    assert all(apart(cards[a], cards[b]) for a in cards for b in cards if a < b)
    for frame in doc.frames.values():
        held = {i for i in inner if holds(frame.rect, cards[i])}
        assert all(apart(frame.rect, cards[i]) for i in set(cards) - held)
        names = [doc.nodes[i].name for i in held]
        scope = commonpath(name.rpartition("/")[0] for name in names) + "/"
        assert len(names) >= 2 and scope.endswith(f"{frame.title}/")
        assert {i for i in inner if doc.nodes[i].name.startswith(scope)} == held
    for a in doc.frames.values():
        for b in doc.frames.values():
            assert a is b or holds(a.rect, b.rect) or holds(b.rect, a.rect) or apart(a.rect, b.rect)
    assert max((x + w for x, _, w, _ in cards.values()), default=0) <= 3 * SCREEN


# ---- subgraphs ----------------------------------------------------------------------------------


def test_scopes_built_alike_are_instances_of_one_subgraph():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 4], name="x")
        last = dense(dense(dense(x, 4, "hidden"), 4, "hidden"), 4, "hidden")
        nf.reduce_sum(last, name="end")
    doc = from_graph(graph)
    assert {r.name: r.op for r in doc.nodes.values()} == {
        "x": "placeholder", "hidden": SUBGRAPH, "hidden_1": SUBGRAPH, "hidden_2": SUBGRAPH,
        "end": "reduce_sum",
    }  # fmt: skip
    (definition,) = doc.definitions()
    assert definition.scope == "hidden" and not doc.frames
    assert port_names(definition, INPUTS) == ["x"] and port_names(definition, OUTPUTS) == ["out"]
    names = {r.name for r in definition.nodes.values()}
    assert names == {"w", "b", "matmul", "add", "out", "inputs", "outputs"}
    assert described(build(doc).graph) == described(graph)


@pytest.mark.thorough
def test_an_input_is_called_as_what_all_instances_read_or_as_what_reads_it():
    with nf.Graph() as graph:
        w, h = nf.variable(2.0, name="w"), nf.constant(1.0, name="start")
        for _ in range(3):
            with nf.name_scope("cell"):
                h = nf.tanh(nf.concat([nf.reshape(h * w, [1]), [0.5]], axis=0)[0])
    (definition,) = from_graph(graph).definitions()
    assert port_names(definition, INPUTS) == ["x", "w"]


def test_a_subgraph_has_outputs_for_all_that_any_instance_gives():
    with nf.Graph() as graph:
        x = nf.constant(1.0, name="x")
        kept = []
        for _ in range(2):
            with nf.name_scope("pair"):
                kept.append([nf.exp(x, name="a"), nf.log(x, name="b"), nf.sqrt(x, name="c")])
        nf.add(kept[0][0], kept[1][2])
    doc = from_graph(graph)
    assert port_names(doc.definitions()[0], OUTPUTS) == ["a", "c"]
    assert described(build(doc).graph) == described(graph)


def test_a_subgraph_that_nothing_reads_shows_its_ends():
    with nf.Graph() as graph:
        for _ in range(2):
            with nf.name_scope("alone"):
                nf.negative(nf.square(nf.constant(2.0)), name="end")
    doc = from_graph(graph)
    assert port_names(doc.definitions()[0], OUTPUTS) == ["end"]
    assert described(build(doc).graph) == described(graph)


def test_scopes_in_scopes_are_subgraphs_in_subgraphs():
    with nf.Graph() as graph:
        x = nf.constant([[1.0, 2.0, 3.0, 4.0]])
        for _ in range(2):
            with nf.name_scope("block"):
                x = dense(dense(x, 4, "layer"), 4, "layer") + x
    doc = from_graph(graph)
    assert [d.scope for d in doc.definitions()] == ["block", "layer"]
    block = doc.definition("block")
    assert [r.name for r in block.nodes.values() if r.op == SUBGRAPH] == ["layer", "layer_1"]
    assert described(build(doc).graph) == described(graph)


def _other_size(x: nf.Tensor) -> None:
    dense(dense(x, 4, "layer"), 3, "layer")


def _other_wiring(x: nf.Tensor) -> None:
    for inputs in ((x, x + 1.0), (x, x)):
        with nf.name_scope("layer"):
            nf.relu(nf.square(nf.add(*inputs)))


def _order_from_outside(x: nf.Tensor) -> None:
    first = nf.negative(x)
    for _ in range(2):
        with nf.name_scope("layer"), nf.control_dependencies([first]):
            nf.relu(nf.square(nf.abs(x)))


def _between(x: nf.Tensor) -> None:
    """What reads the one scope and is read by it, so that an instance would be in a loop."""
    for name in ("layer", "layer_1"):
        y = nf.square(x, name=f"{name}/a")
        z = nf.negative(y)
        nf.relu(nf.add(y, z, name=f"{name}/b"), name=f"{name}/c")


def _placeholders(x: nf.Tensor) -> None:
    for _ in range(2):
        with nf.name_scope("layer"):
            nf.relu(nf.square(x + nf.placeholder("float32", [4])))


def _optimizers(x: nf.Tensor) -> None:
    for _ in range(2):
        with nf.name_scope("layer"):
            w = nf.variable([1.0])
            nf.gradient_descent(nf.reduce_sum(nf.square(w)), learning_rate=0.5)


@pytest.mark.parametrize(
    "add",
    [_other_size, _other_wiring, _order_from_outside, _between, _placeholders, _optimizers],
)
def test_other_scopes_are_frames(add):
    with nf.Graph() as graph:
        add(nf.constant([[1.0, 2.0, 3.0, 4.0]], name="x"))
    doc = from_graph(graph)
    assert not doc.subgraphs
    assert {frame.title for frame in doc.frames.values()} == {"layer", "layer_1"}
    check_drawing(doc)
    rebuilt = build(doc).graph
    assert sorted(map(str, described(rebuilt))) == sorted(map(str, described(graph)))


# ---- frames and layout --------------------------------------------------------------------------


def test_frames_are_named_within_their_frame_and_small_scopes_have_none():
    with nf.Graph() as graph:
        x = nf.constant([[1.0, 2.0, 3.0, 4.0]], name="x")
        with nf.name_scope("encoder"):
            x = dense(dense(x, 4, "first"), 3, "second")
        with nf.name_scope("far/away"):
            dense(x, 2, "deep", rows=3)
        with nf.name_scope("single"):
            nf.reduce_sum(x)
    doc = from_graph(graph)
    titles = sorted(frame.title for frame in doc.frames.values())
    assert titles == ["encoder", "far/away/deep", "first", "second"]
    check_drawing(doc)


def test_data_flows_to_the_right():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 4], name="x")
        with nf.name_scope("model"):
            y = dense(dense(x, 4, "one"), 3, "two")
        nf.reduce_mean(y, name="loss")
    doc = from_graph(graph)
    cards = boxes(doc)
    for wire in doc.wires.values():
        assert cards[wire.source][0] + cards[wire.source][2] < cards[wire.target][0]


@pytest.mark.thorough
def test_a_long_chain_is_folded_into_rows():
    with nf.Graph() as graph:
        x = nf.constant(1.0, name="x")
        for _ in range(120):
            x = nf.tanh(x)
    doc = from_graph(graph)
    cards = boxes(doc)
    check_drawing(doc)
    width = max(x + w for x, _, w, _ in cards.values())
    height = max(y + h for _, y, _, h in cards.values())
    assert width < 1.2 * SCREEN and height < width
    chain = sorted(doc.nodes.values(), key=lambda r: int(r.id[1:]))
    steps = [b.pos[0] > a.pos[0] for a, b in pairwise(chain)]
    assert steps.count(False) <= 6, "one step back for each new row"


# ---- the same graph -----------------------------------------------------------------------------


def random_graph(seed: int) -> nf.Graph:
    """Nested scopes, some of them built again and again, with order and random numbers."""
    random = Random(seed)

    def fill(x: nf.Tensor, chance: Random, depth: int) -> nf.Tensor:
        seen = [x]
        for _ in range(chance.randint(2, 5)):
            a, b = chance.choice(seen), chance.choice(seen)
            kind = chance.randrange(8)
            if kind == 0 and depth < 3:
                name, again = chance.choice(["cell", "block", "a"]), chance.random()
                for _ in range(chance.randint(1, 3)):
                    with nf.name_scope(name):
                        a = fill(a, Random(again), depth + 1)
                seen.append(a)
            elif kind == 1:
                seen.append(a + nf.random_normal([3]))
            elif kind == 2:
                seen.append(a * nf.variable([1.0, 2.0, 3.0], name="w"))
            elif kind == 3:
                with nf.control_dependencies([b]):
                    seen.append(nf.negative(a))
            elif kind == 4:
                seen.append(nf.concat(nf.split(a, [1, 2])[::-1], axis=0))
            else:
                seen.append(nf.add(a, b) if kind < 7 else nf.tanh(a))
        return seen[-1]

    with nf.Graph() as graph:
        w = nf.variable([0.1, 0.2, 0.3], name="start")
        last = fill(nf.multiply(w, w), random, 0)
        loss = nf.reduce_mean(nf.square(last), name="loss")
        nf.gradient_descent(loss, learning_rate=0.1, name="train")
    return graph


@pytest.mark.thorough
def test_a_random_graph_comes_back_the_same_in_the_same_order(tmp_path):
    subgraphs = frames = nested = 0
    for seed in range(COUNT):
        graph = random_graph(seed)
        nf.save(graph, tmp_path / "a.flow")
        assert described(nf.load(tmp_path / "a.flow")) == described(graph), seed
        doc = flow.load(tmp_path / "a.flow")
        for part in (doc, *doc.definitions()):
            check_drawing(part)
            nested += bool(part.scope) and any(r.op == SUBGRAPH for r in part.nodes.values())
            frames += len(part.frames)
        subgraphs += len(doc.subgraphs)
    assert subgraphs > COUNT / 4 and frames > COUNT / 4 and nested


@pytest.mark.thorough
@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_a_saved_graph_trains_to_the_same_bits(tier, tmp_path):
    with nf.Graph() as graph:
        x = nf.random_uniform([8, 4], name="x")
        h = nf.dropout(dense(dense(x, 4, "layer"), 4, "layer"), rate=0.5, training=True)
        with nf.name_scope("cost"):
            loss = nf.reduce_mean(nf.square(h - x), name="loss")
        nf.adam(loss, learning_rate=0.01, name="train")
    nf.save(graph, tmp_path / "a.flow")
    loaded = nf.load(tmp_path / "a.flow")
    assert flow.load(tmp_path / "a.flow").subgraphs
    results = []
    for g in (graph, loaded):
        with nf.Session(g, seed=3, tier=tier) as session:
            session.initialize()
            losses = [session.run(["train", "cost/loss"])[1].tobytes() for _ in range(5)]
            weights = session.run([v.name for v in g.trainable_variables])
            results.append([*losses, *(w.tobytes() for w in weights)])
    assert results[0] == results[1]
    assert len(set(results[0])) > 5


def test_rows_are_no_wider_than_allowed():
    boxes = {f"n{i}": (170.0, 60.0) for i in range(200)}
    places = {key: (240.0 * i, 0.0) for i, key in enumerate(boxes)}
    found = folded(places, boxes, least=1000.0, most=3000.0)
    assert max(x + 170.0 for x, _ in found.values()) <= 3000.0


def test_a_model_is_one_flow_to_the_right_and_other_graphs_have_rows():
    graph = nf.Graph()
    with graph:
        x = nf.placeholder("float32", [3], name="x")
        for number in range(60):
            x = nf.add(x, 1.0 + number, name=f"a{number}")

    def lefts(doc):
        return [doc.node_named(f"a{number}").pos[0] for number in range(60)]

    model, other = from_graph(graph, as_model=True), from_graph(graph)
    assert lefts(model) == sorted(lefts(model)) and lefts(other) != sorted(lefts(other))
    shown = [record for record in model.nodes.values() if not is_folded(model, record)]
    assert len(shown) == 61 and len(model.nodes) == 121
