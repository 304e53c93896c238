"""Layers in documents: in subgraphs, named by optimizers, told apart, renamed, edited live."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import insertables
from nodeflow.document.edit.subgraphs import create_subgraph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.live.live_build import LiveBuild
from nodeflow.document.to_graph.variable_ids import variable_ids
from nodeflow.engine.session import Session


@pytest.fixture
def doc() -> Document:
    """x -> hidden -> out -> loss -> train."""
    made = Document()
    sample = {"shape": [None, 2], "sample": [[1.0, 2.0], [3.0, 5.0]]}
    ids = {"x": commands.add_node(made, "placeholder", (0, 0), "x", sample)}
    chain = (
        ("hidden", "layers/dense", {"units": 4, "activation": "tanh"}),
        ("out", "layers/dense", {"units": 1}),
        ("loss", "reduce_mean", {}),
        ("train", "adam", {}),
    )
    before = "x"
    for place, (name, op, attrs) in enumerate(chain, 1):
        ids[name] = insertables.add(made, op, (300 * place, 0), attrs)[0]
        commands.rename(made, ids[name], name)
        commands.connect(made, ids[before], "out", ids[name], "loss" if op == "adam" else "x")
        before = name
    return made


def node(doc: Document, name: str) -> str:
    record = doc.node_named(name)
    assert record is not None
    return record.id


def initial(doc: Document) -> dict[str, np.ndarray]:
    graph = build(doc).graph
    with Session(graph, seed=5) as session:
        session.initialize()
        return dict(session.variables)


def trained_by(doc: Document) -> list[str]:
    built = build(doc)
    scope = "train/"
    names = [n.name for n in built.graph.nodes if n.op.id == "assign" and n.name.startswith(scope)]
    made = {"/".join(n.removeprefix(scope).split("/")[:-1]) for n in names}
    return sorted(n for n in made if "/" in n)


def test_an_optimizer_trains_all_of_them(doc):
    assert trained_by(doc) == ["hidden/bias", "hidden/kernel", "out/bias", "out/kernel"]
    commands.set_attr(doc, node(doc, "hidden"), "trainable", False)
    assert trained_by(doc) == ["out/bias", "out/kernel"]
    commands.set_attr(doc, node(doc, "train"), "variables", ["out/kernel", "hidden/bias"])
    assert trained_by(doc) == ["hidden/bias", "out/kernel"]


def test_in_a_subgraph_they_keep_their_initial_values_and_can_be_named(doc):
    before = initial(doc)
    commands.set_attr(doc, node(doc, "train"), "variables", ["hidden/kernel"])
    create_subgraph.create(doc, [node(doc, "hidden"), node(doc, "out")], "net")
    after = initial(doc)
    for name, value in before.items():
        if name.startswith(("hidden", "out")):
            np.testing.assert_array_equal(after[f"net/{name}"], value)
    train = doc.nodes[node(doc, "train")]
    assert train.attrs["variables"] == ["net/hidden/kernel"]
    assert not [p for p in Analysis(doc).all_problems() if p.severity == "error"]
    assert trained_by(doc) == ["net/hidden/kernel"]


def test_two_instances_have_weights_of_their_own(doc):
    instance = create_subgraph.create(doc, [node(doc, "hidden")], "net")
    again = insertables.add(doc, "subgraph/net", (0, 500))[0]
    port = next(w.target_port for w in doc.wires_into(instance))
    commands.connect(doc, node(doc, "x"), "out", again, port)
    values = initial(doc)
    kernels = [v for name, v in values.items() if name.endswith("hidden/kernel")]
    assert len(kernels) == 2 and not np.array_equal(*kernels)
    ids = variable_ids(build(doc))
    assert len(set(ids.values())) == len(ids)


def test_a_rename_changes_no_number_and_no_id(doc):
    before, ids = initial(doc), variable_ids(build(doc))
    commands.rename(doc, node(doc, "hidden"), "first")
    after, now = initial(doc), variable_ids(build(doc))
    for own in ("kernel", "bias"):
        np.testing.assert_array_equal(after[f"first/{own}"], before[f"hidden/{own}"])
        assert now[f"first/{own}"] == ids[f"hidden/{own}"]
        assert now[f"train/first/{own}/m"] == ids[f"train/hidden/{own}/m"]


def test_a_copy_draws_other_numbers(doc):
    attrs = doc.nodes[node(doc, "hidden")].attrs
    copy = commands.add_node(doc, "layers/dense", (0, 400), None, attrs)
    commands.connect(doc, node(doc, "x"), "out", copy, "x")
    values = initial(doc)
    assert not np.array_equal(values["hidden/kernel"], values["dense/kernel"])


@pytest.mark.thorough
def test_edits_are_followed_as_a_fresh_build_has_them(doc):
    live = LiveBuild(doc)
    doc.subscribe(live.follow)
    hidden, out = node(doc, "hidden"), node(doc, "out")
    edits = (
        lambda: commands.set_attr(doc, hidden, "units", 7),
        lambda: commands.set_attr(doc, hidden, "activation", "relu"),
        lambda: commands.rename(doc, out, "last"),
        lambda: commands.set_attr(doc, node(doc, "x"), "shape", [None, None]),
        lambda: commands.set_attr(doc, node(doc, "x"), "shape", [None, 2]),
        lambda: commands.disconnect(doc, (out, "x")),
        lambda: doc.undo(),
        lambda: commands.set_attr(doc, hidden, "trainable", False),
        lambda: doc.undo(),
    )
    follow(doc, live, edits)


def follow(doc: Document, live: LiveBuild, edits) -> None:
    def outline(graph):
        return [
            (n.name, n.op.id, dict(n.attrs), [t.name for t in n.inputs], n.stream)
            for n in graph.nodes
        ]

    for edit in edits:
        edit()
        live.settle()
        assert outline(live.build.graph) == outline(build(doc, partial=True).graph)


def test_a_rate_is_wired_without_a_wired_phase(doc):
    x = node(doc, "x")
    rate = commands.add_node(doc, "placeholder", (0, 300), "rate", {"shape": [], "sample": 0.25})
    drop, other = (insertables.add(doc, "dropout", (400, y), {})[0] for y in (300, 500))
    commands.rename(doc, drop, "drop")
    live = LiveBuild(doc)
    doc.subscribe(live.follow)
    edits = (
        lambda: commands.connect(doc, x, "out", drop, "x"),
        lambda: commands.connect(doc, rate, "out", drop, "rate"),
        lambda: commands.connect(doc, drop, "out", other, "x"),
        lambda: commands.set_attr(doc, rate, "sample", 0.75),
        lambda: commands.connect(doc, rate, "out", other, "rate"),
        lambda: commands.disconnect(doc, (drop, "rate")),
        lambda: doc.undo(),
        lambda: commands.set_attr(doc, drop, "rate", 0.1),
        lambda: commands.remove(doc, [other]),
    )
    follow(doc, live, edits)
    assert not [p for p in Analysis(doc).all_problems() if p.severity == "error"]
    with Session(build(doc).graph, seed=1) as session:
        np.testing.assert_array_equal(session.run("drop"), session.run("x"))
        dropped = session.run("drop", training=True)
        assert set(np.unique(dropped / session.run("x"))) <= {0, 4}


def test_an_unknown_version_is_kept_and_said(doc):
    text = flow.dumps(doc).replace('"version": 1}', '"version": 9}')
    later = flow.loads(text)
    problems = [p for p in Analysis(later).all_problems() if p.severity == "error"]
    assert problems and "version" in problems[0].message
    assert flow.dumps(later) == text
