"""What a random op draws stays when it is renamed, grouped or unpacked; a copy draws anew."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting.clipboard import copy_json, duplicate, paste
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import (
    add_instance,
    make_independent,
    rename_definition,
)
from nodeflow.document.edit.subgraphs.unpack_subgraph import unpack_subgraph
from nodeflow.document.formula.export_python import python_code
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import compact_json
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.expansion.expand import unpack
from nodeflow.engine.session import Session
from nodeflow.engine.threefry_streams import Stream

sys.path.insert(0, str(Path(__file__).parents[1]))
from host.random_edits import RandomEdits

NORMAL = {"op": "random_normal", "stddev": 0.5}


def variable(doc: Document, name: str) -> str:
    return commands.add_node(doc, "variable", (0, 0), name, {"shape": [3], "initializer": NORMAL})


def initial(doc: Document) -> dict[str, bytes]:
    """The initial values of all variables, by name."""
    built = build(doc)
    with Session(built.graph, tier="reference", seed=7) as session:
        session.initialize()
        return {name: value.tobytes() for name, value in session.variables.items()}


def drawn(stream: str) -> bytes:
    """What a stream of this name draws, straight from its definition."""
    numbers = Stream(7, stream, 0, "initialize").normal((3,), "float32")
    return (numbers * np.float32(0.5)).tobytes()


@pytest.fixture
def doc() -> Document:
    doc = Document()
    a, b = variable(doc, "a"), variable(doc, "b")
    total = commands.add_node(doc, "add", (200, 0), "total")
    commands.connect(doc, a, "out", total, "x")
    commands.connect(doc, b, "out", total, "y")
    return doc


def node(doc: Document, name: str) -> str:
    found = doc.node_named(name)
    assert found is not None
    return found.id


def test_a_new_node_draws_from_its_name_and_stores_no_stream(doc: Document):
    assert initial(doc) == {"a": drawn("a"), "b": drawn("b")}
    assert "stream" not in flow.dumps(doc)


def test_renamed_grouped_unpacked_saved_and_reopened_it_draws_what_it_drew(doc: Document):
    commands.rename(doc, node(doc, "a"), "weights")
    assert initial(doc) == {"weights": drawn("a"), "b": drawn("b")}
    instance = create(doc, [node(doc, "weights"), node(doc, "b")], "layer")
    assert initial(doc) == {"layer/weights": drawn("a"), "layer/b": drawn("b")}
    commands.rename(doc, instance, "dense")
    rename_definition(doc, "layer", "anything")
    assert initial(doc) == {"dense/weights": drawn("a"), "dense/b": drawn("b")}
    again = flow.loads(flow.dumps(doc))
    assert initial(again) == initial(doc)
    assert flow.dumps(again) == flow.dumps(doc)
    outer = create(doc, [instance, node(doc, "total")], "net")
    assert initial(doc) == {"net/dense/weights": drawn("a"), "net/dense/b": drawn("b")}
    unpack_subgraph(doc, outer)
    unpack_subgraph(doc, instance)
    assert initial(doc) == {"weights": drawn("a"), "b": drawn("b")}
    commands.rename(doc, node(doc, "weights"), "a")
    assert "stream" not in flow.dumps(doc), "it is only stored where it differs from the name"


def test_each_edit_is_undone_in_one_step(doc: Document):
    before = dict(doc.nodes)
    commands.rename(doc, node(doc, "a"), "weights")
    doc.undo()
    assert doc.nodes == before
    create(doc, [node(doc, "a")], "layer")
    doc.undo()
    assert doc.nodes == before


def test_a_copy_draws_anew(doc: Document):
    commands.rename(doc, node(doc, "a"), "weights")
    (copy,) = duplicate(doc, [node(doc, "weights")])
    assert doc.nodes[copy].name == "weights_1"
    assert initial(doc)["weights_1"] == drawn("weights_1")
    instance = create(doc, [node(doc, "weights")], "layer")
    (second,) = duplicate(doc, [instance])
    name = doc.nodes[second].name
    assert initial(doc)["layer/weights"] == drawn("a")
    assert initial(doc)[f"{name}/weights"] == drawn(f"{name}/a")
    third = doc.nodes[add_instance(doc, "layer", (0, 0))].name
    assert initial(doc)[f"{third}/weights"] == drawn(f"{third}/a")


def test_what_is_cut_and_pasted_draws_what_it_drew(doc: Document):
    commands.remove(doc, [node(doc, "total")])
    commands.rename(doc, node(doc, "a"), "weights")
    instance = create(doc, [node(doc, "weights"), node(doc, "b")], "layer")
    before = initial(doc)
    text = copy_json(doc, [instance])
    commands.remove(doc, [instance])
    paste(doc, text, (0, 0))
    assert initial(doc) == before
    paste(doc, text, (50, 50))
    assert len(set(initial(doc).values())) == 4


def test_a_node_of_a_name_that_another_drew_from_gets_a_stream_of_its_own(doc: Document):
    commands.rename(doc, node(doc, "a"), "weights")
    new = variable(doc, "a")
    assert doc.nodes[new].extra == {"stream": f"a@{new}"}
    assert initial(doc)["a"] == drawn(f"a@{new}")
    assert initial(doc)["weights"] == drawn("a")


def test_a_node_beside_a_group_does_not_draw_what_one_inside_draws(doc: Document):
    create(doc, [node(doc, "a")], "layer")
    outside = variable(doc, "a")
    inside = doc.definition("layer")
    assert inside is not None
    within = variable(inside, "b")
    assert doc.nodes[outside].extra == {"stream": f"a@{outside}"}
    assert inside.nodes[within].extra == {"stream": f"b@{within}"}
    assert len(set(initial(doc).values())) == 4


def test_an_unpacked_copy_keeps_what_it_drew_in_its_instance(doc: Document):
    create(doc, [node(doc, "a")], "layer")
    second = add_instance(doc, "layer", (0, 0))
    commands.rename(doc, second, "other")
    before = initial(doc)
    assert before["other/a"] == drawn("layer_1/a")
    (copy,) = unpack_subgraph(doc, second)
    assert doc.nodes[copy].extra == {"stream": "layer_1/a"}
    assert initial(doc) == before


def test_an_instance_made_independent_draws_what_it_drew(doc: Document):
    create(doc, [node(doc, "a")], "layer")
    second = add_instance(doc, "layer", (0, 0))
    before = initial(doc)
    make_independent(doc, second)
    assert initial(doc) == before


def test_dropout_draws_the_same_mask_by_another_name():
    def masked(name: str) -> bytes:
        doc = Document()
        x = commands.add_node(doc, "constant", (0, 0), "x", {"value": [1.0] * 64})
        on = commands.add_node(doc, "constant", (0, 0), "on", {"value": True, "dtype": "bool"})
        drop = commands.add_node(doc, "dropout", (0, 0), "drop")
        commands.connect(doc, x, "out", drop, "x")
        commands.connect(doc, on, "out", drop, "training")
        commands.rename(doc, drop, name)
        built = build(flow.loads(flow.dumps(doc)))
        with Session(built.graph, tier="reference", seed=7) as session:
            return session.run(name).tobytes()

    assert masked("sieve") == masked("drop")


def test_nodes_with_one_seed_draw_the_same_numbers_in_every_run():
    with nf.Graph() as graph:
        first, second = (nf.random_normal([5], seed=3) for _ in range(2))
        other = nf.random_normal([5], seed=4)
        kept = [
            graph.apply("variable", shape=[5], initializer={"op": "random_normal", "seed": 3}),
            graph.apply("variable", shape=[5], initializer={"op": "random_normal"}, seed=3),
        ]
    for seed in (1, 2):
        for tier in ("reference", "compiled"):
            with Session(graph, tier=tier, seed=seed) as session:
                a, b, c = session.run([first, second, other])
                assert a.tobytes() == b.tobytes() != c.tobytes()
                expected = Stream(3, "", 0, "run").normal((5,), "float32")
                np.testing.assert_allclose(a, expected, rtol=1e-6)
                session.initialize()
                v, w = (session.variables[t.node.name] for t in kept)
                assert v.tobytes() == w.tobytes()


def test_python_keeps_the_streams_of_a_file(doc: Document, tmp_path: Path):
    commands.rename(doc, node(doc, "a"), "weights")
    flow.save(doc, tmp_path / "old.flow")
    graph = nf.load(tmp_path / "old.flow")
    graph.apply("variable", shape=[3], initializer=NORMAL, name="a")
    nf.save(graph, tmp_path / "new.flow")
    again = initial(flow.load(tmp_path / "new.flow"))
    assert again["weights"] == drawn("a")
    assert again["a"] != drawn("a")


@pytest.mark.sample(21)
@pytest.mark.parametrize("seed", range(40))
def test_no_two_nodes_draw_from_one_stream(seed: int):
    """Over random edits: subgraphs, instances, copies, names that were used before, undo."""
    edits = RandomEdits(seed, subgraphs=True)
    for number in range(15):
        if number % 3:
            edits.edit()
        elif edits.document.nodes:
            chosen = edits.random.choice(list(edits.document.nodes))
            duplicate(edits.document, [chosen])
        built = build(edits.document, partial=True)
        nodes = [n for n in built.graph.nodes if n.op.random and n.derived_from is None]
        streams = [n.stream for n in nodes]
        assert len(set(streams)) == len(streams), compact_json(sorted(streams))


def test_exported_as_python_it_draws_the_same_numbers(doc: Document):
    commands.rename(doc, node(doc, "a"), "weights")
    code = python_code(doc, node(doc, "total"))
    assert code.count("weights") >= 1
    scope: dict = {}
    with nf.Graph() as graph:
        exec(code, scope)
    with Session(graph, tier="reference", seed=7) as session:
        session.initialize()
        value = session.run(scope["weights"])
    assert value.tobytes() == drawn("a")


def test_the_variables_of_a_renamed_layer_stay_when_it_is_unpacked():
    doc = Document()
    x = commands.add_node(doc, "placeholder", (0, 0), "x", {"shape": [None, 4]})
    layer = commands.add_node(doc, "layers/dense", (0, 0), "dense", {"units": 3})
    commands.connect(doc, x, "out", layer, "x")
    before = initial(doc)["dense/kernel"]
    commands.rename(doc, layer, "hidden")
    assert initial(doc)["hidden/kernel"] == before
    unpack(doc, layer)
    assert initial(doc)["hidden/kernel"] == before
    commands.rename(doc, node(doc, "hidden/kernel"), "weights")
    assert initial(flow.loads(flow.dumps(doc)))["weights"] == before
