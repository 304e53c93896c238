"""Write golden files: graphs as this version of the program stores them, and their values.

    python tools/make_golden_files.py tests/document/golden/version-N

Run once for each version or shape of the format, by the program that wrote it, and never again:
`tests/document/test_golden_files.py` proves that later programs open the files and compute the
same. Every op with samples is in a file of its category. To have an older program write its files,
put the folder of that program first in PYTHONPATH and run this script of the newest program.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow import resources
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import dtype_name
from nodeflow.ops.layers.functions import layers as layer_functions
from nodeflow.ops.namespaces import nn
from nodeflow.ops.variables.collections import add_to_collection

FIGURES = Path(__file__).resolve().parents[1] / "tests/document/golden_figures.py"
SAMPLES = 2
"""Calls of each op: the first, and the calls with most attributes."""
LARGEST = 80
"""Most elements of all inputs of a call."""
GIVEN = re.compile(r"_in\d+$")
"""Names of the inputs of calls."""
NEWEST = hasattr(nf, "while_loop")
STAGED = hasattr(Document, "stage")

_spec = importlib.util.spec_from_file_location("golden_figures", FIGURES)
assert _spec is not None and _spec.loader is not None
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    for name, document in documents(folder):
        record(folder / f"{name}.flow", document)


def documents(folder: Path) -> Iterator[tuple[str, Document]]:
    yield from ops_by_category()
    yield "optimizers", optimizers()
    for path in resources.examples():
        yield f"example-{path.stem}", flow.load(path)
    made: list[Callable[[Path], Document]] = [subgraphs, frames_and_flags, with_weights, table]
    made += [loops, layers, collections, conflicts] if NEWEST else []
    made += [stage, schedule] if STAGED else []
    for make in made:
        yield make.__name__.replace("_", "-"), make(folder)


def record(path: Path, document: Document) -> None:
    """Write a file and the figures of everything in it that can be computed."""
    flow.save(document, path)
    graph = golden.opened(path).graph
    records = {n.name: n for n in document.nodes.values()}
    figures: dict[str, Any] = {"nodeflow": flow.VERSION, "values": {}}
    wanted = [
        output.name
        for node in graph.nodes
        if node.op.id not in golden.UNTOUCHED and not is_optimizer(node.op.id)
        if node.name in records and not GIVEN.search(node.name)
        for output in node.outputs
        if output is not None
    ]
    good = computable(path, wanted)
    figures["values"] = golden.computed(path, good) if good else {}
    if document.training.get("optimizer") and "conflicts" not in document.extra:
        figures["losses"] = golden.trained(path)
    updates = [n.name for n in document.nodes.values() if n.name.startswith("opt_")]
    if updates:
        figures["updated"] = golden.updated(path, updates)
    text = json.dumps(figures, indent=1, sort_keys=True)
    text = re.sub(r"\[\s+([^][]*?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    print(f"{path.name}: {len(document.nodes)} nodes, {len(good)} of {len(wanted)} values")


def computable(path: Path, names: list[str]) -> list[str]:
    """Return the names that have values. A node has none if it lacks a feed, or only acts."""
    try:
        golden.computed(path, names)
    except Exception as error:
        if len(names) == 1:
            print(f"  {path.stem}: {names[0]} is left out: {str(error)[:90]}")
            return []
        half = len(names) // 2
        return computable(path, names[:half]) + computable(path, names[half:])
    return names


# ---- every op -------------------------------------------------------------------------------


def ops_by_category() -> Iterator[tuple[str, Document]]:
    graphs: dict[str, nf.Graph] = {}
    for op in REGISTRY:
        slug = re.sub(r"[^a-z0-9]+", "-", op.category.lower()).strip("-")
        if is_optimizer(op.id) or op.id in golden.UNTOUCHED or slug == "internal":
            continue
        graph = graphs.setdefault(slug, nf.Graph())
        try:
            calls = chosen(list(op.samples()))
        except Exception as error:
            print(f"  {op.id} has no samples: {error}")
            continue
        for number, call in enumerate(calls):
            add_call(graph, op, call, f"{op.id.replace('/', '_')}_{number}")
    for slug, graph in sorted(graphs.items()):
        if graph.nodes:
            yield f"ops-{slug}", saveable(graph)


def chosen(calls: list[Any]) -> list[Any]:
    small = [c for c in calls if sum(a.size for a in c.inputs) <= LARGEST]
    full = [c for c in small if all(a.size for a in c.inputs)]  # JSON has no shape for empty arrays
    by_attributes = sorted(full, key=lambda c: -len(c.attrs))
    picked = [*full[:1], *by_attributes]
    found: list[Any] = []
    for call in picked:
        if not any(call is other for other in found):
            found.append(call)
    return found[:SAMPLES]


def add_call(graph: nf.Graph, op: Any, call: Any, name: str) -> None:
    trial = nf.Graph()
    try:  # first where a failure changes nothing, and only if a file can store the call
        apply_call(trial, op, call, name)
        flow.loads(flow.dumps(from_graph(trial)))
    except Exception as error:
        print(f"  {name} is left out: {str(error)[:100]}")
        return
    apply_call(graph, op, call, name)


def apply_call(graph: nf.Graph, op: Any, call: Any, name: str) -> None:
    inputs = []
    for index, array in enumerate(call.inputs):
        with graph:
            given = nf.constant(array, dtype=dtype_name(array.dtype), name=f"{name}_in{index}")
        inputs.append(given)
    graph.add_node(op, inputs, dict(call.attrs), name=name)


def saveable(graph: nf.Graph) -> Document:
    return flow.loads(flow.dumps(from_graph(graph)))


def optimizers() -> Document:
    """Make each optimizer with its defaults, each on a separate variable."""
    graph = nf.Graph()
    for op in REGISTRY:
        if not is_optimizer(op.id):
            continue
        try:
            add_optimizer(nf.Graph(), op.id)
        except Exception as error:
            print(f"  {op.id} is left out: {error}")
            continue
        add_optimizer(graph, op.id)
    document = from_graph(graph)
    return flow.loads(flow.dumps(document))


def add_optimizer(graph: nf.Graph, op_id: str) -> None:
    with graph:
        w = nf.variable(np.array([1.0, -2.0, 0.5]), dtype="float64", name=f"w_{op_id}")
        loss = nf.reduce_sum(nf.square(w) * nf.constant([1.0, 0.5, 2.0], dtype="float64"))
        graph.apply(op_id, loss, name=f"opt_{op_id}")


# ---- shapes of files ------------------------------------------------------------------------


def subgraphs(folder: Path) -> Document:
    """Make nested subgraphs, one of them twice, with random numbers inside."""
    with nf.Graph() as graph:
        x = nf.constant(np.linspace(-1, 1, 6).reshape(2, 3), dtype="float64", name="x")
        noise = nf.random_normal(shape=[2, 3], dtype="float64", name="noise")
        inner = nf.tanh(x + noise, name="inner")
        outer = nf.square(inner, name="outer") + x
        nf.reduce_mean(outer, name="result")
    document = from_graph(graph)
    ids = {n.name: n.id for n in document.nodes.values()}
    first = create(document, [ids["noise"], ids["add"], ids["inner"]], "inside")
    second = create(document, [first, ids["outer"], ids["add_1"]], "outside")
    instance = document.nodes[second]
    another = commands.add_node(document, "subgraph", (0, 600), "again")
    commands.set_attr(document, another, "definition", instance.attrs["definition"])
    for (target, port), wire in list(document.wires.items()):
        if target == second:
            commands.connect(document, wire.source, wire.source_port, another, port)
    return flow.loads(flow.dumps(document))


def frames_and_flags(folder: Path) -> Document:
    """Make frames, notes, muted and bypassed nodes, unknown fields, and unusual names."""
    with nf.Graph() as graph:
        x = nf.constant([1.0, 2.0, 3.0], name="scope/x")
        y = nf.exp(x, name="scope/y")
        z = nf.square(nf.negative(y, name="skipped"), name="z")
        nf.reduce_sum(z, name="total")
    document = from_graph(graph)
    commands.add_frame(
        document, (-40, -40, 500, 300), title="Title", note="A note\nof two lines: é, 数, 😀"
    )
    data = json.loads(flow.dumps(document))
    for node in data["nodes"]:
        if node["name"] == "skipped":
            node["mode"] = "bypassed"
        if node["name"] == "z":
            node["breakpoint"] = True
            node["from_the_future"] = [1, {"a": None}]
    data["field_of_tomorrow"] = {"b": [True, 1.5]}
    return flow.loads(json.dumps(data))


def with_weights(folder: Path) -> Document:
    """Make learned variables in a file beside the document."""
    from nodeflow.train.saving.weights import save_weights

    with nf.Graph() as graph:
        x = nf.constant(np.linspace(0, 1, 8).reshape(2, 4), dtype="float32", name="x")
        w = nf.variable(np.zeros((4, 3)), dtype="float32", name="w")
        b = nf.variable(np.zeros(3), dtype="float32", name="b")
        nf.softmax(nf.matmul(x, w) + b, name="p")
    document = from_graph(graph)
    learned = {
        "w": (np.arange(12).reshape(4, 3) / 7 - 0.8).astype(np.float32),
        "b": np.array([0.1, -0.2, 0.3], np.float32),
    }
    save_weights(folder / "with-weights.safetensors", learned)
    commands.set_weights(document, "with-weights.safetensors")
    return document


def table(folder: Path) -> Document:
    """Make a training on a data file beside the document: an example's graph on another source."""
    rows = ["x,y"] + [f"{k / 10:.1f},{math.sin(k / 10):.4f}" for k in range(60)]
    (folder / "table.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    document = flow.load(resources.example("linear_regression"))
    data = next(n for n in document.nodes.values() if n.op == "dataset")
    commands.set_attr(document, data.id, "source", "csv:table.csv")
    commands.set_training(document, batch_size=8)
    return document


def loops(folder: Path) -> Document:
    """Make a loop and a branch, with gradients through them."""
    with nf.Graph() as graph:
        x = nf.variable(np.array([0.5, 1.5]), dtype="float64", name="x")
        start = nf.constant(0, name="start")
        count, y = nf.while_loop(
            lambda i, v: nf.less(i, 5), lambda i, v: (i + 1, v * 1.5 + 0.1), (start, x)
        )
        nf.identity(count, name="count")
        large = nf.reduce_sum(y) > 3.0
        z = nf.cond(large, lambda: nf.sqrt(y), lambda: nf.square(y))
        nf.identity(z, name="z")
        nf.identity(nf.gradients(nf.reduce_sum(z), [x])[0], name="slope")
    return from_graph(graph)


def layers(folder: Path) -> Document:
    """Make layers with variables inside, whose initial values are random."""
    with nf.Graph() as graph:
        x = nf.constant(np.linspace(-1, 1, 128).reshape(2, 8, 8, 1), dtype="float32", name="x")
        y = layer_functions.conv2d(x, 4, 3, activation="relu", name="conv")
        y = layer_functions.batch_normalization(y, name="norm")
        y = graph.apply("max_pool2d", y, strides=[2, 2], name="pool")
        y = graph.apply("dropout", graph.apply("flatten", y), rate=0.3, name="drop")
        y = layer_functions.dense(y, 5, activation="tanh", name="dense")
        labels = nf.constant([1, 3], name="labels")
        losses = nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=y)
        loss = nf.reduce_mean(losses, name="loss")
        graph.apply("adam", loss, name="opt_adam")
    return from_graph(graph)


def collections(folder: Path) -> Document:
    """Make collections, and a seed of the graph."""
    with nf.Graph() as graph:
        nf.set_random_seed(1234)
        x = nf.random_uniform(shape=[4], name="x")
        y = nf.random_normal(shape=[4], seed=5, name="y")
        add_to_collection("kept", nf.add(x, y, name="sum"))
    assert graph is not None
    return from_graph(graph)


def conflicts(folder: Path) -> Document:
    """Make a merge with conflicts."""
    from nodeflow.document.diff.merge import merge

    def version(value: float) -> Document:
        document = Document()
        commands.add_node(document, "constant", (0, 0), "c")
        commands.set_attr(document, "n1", "value", value)
        commands.add_node(document, "square", (200, 0), "s")
        commands.connect(document, "n1", "out", "n2", "x")
        return flow.loads(flow.dumps(document))

    merged = merge(version(1.0), version(2.0), version(3.0)).document
    assert "conflicts" in merged.extra
    return merged


def stage(folder: Path) -> Document:
    """Make a stage, a speed and a lesson, with references into a subgraph and unknown fields."""
    document = flow.load(resources.example("spirals"))
    ids = {n.name: n.id for n in document.nodes.values()}
    weights = ids["W1"]
    inside = create(document, [weights, ids["product1"]], "inside")
    data = json.loads(flow.dumps(document))
    data["training"] |= {"speed": 12.5, "until_stopped": True}
    data["stage"] = {
        "views": [
            {"view": "loss"},
            {"node": f"{inside}/{weights}", "view": "value"},
            {"node": ids["logits"], "view": "view_of_tomorrow", "zoom": 2},
            {"node": ids["logits"], "view": "regions"},
        ],
        "controls": [
            {"node": "training", "attr": "seed"},
            {"node": "data", "attr": "rows"},
            {"node": data["training"]["optimizer"], "attr": "learning_rate", "from": 1e-4},
        ],
        "slot_of_tomorrow": [1, None],
    }
    data["lesson"] = {"title": "Aufgabe é", "tasks": [{"id": "t1", "goal": 0.95}]}
    return flow.loads(json.dumps(data))


def schedule(folder: Path) -> Document:
    """Make a schedule of two optimizers that play against each other."""
    with nf.Graph() as graph:
        low = nf.variable(np.array([1.0, -2.0]), dtype="float64", name="w_low")
        high = nf.variable(np.array([0.5, 0.25]), dtype="float64", name="w_high")
        game = nf.reduce_sum(nf.square(low) - nf.square(high) + low * high, name="game")
        graph.apply("adam", game, variables=["w_low"], name="opt_low")
        against = nf.negative(game, name="against")
        graph.apply("momentum", against, variables=["w_high"], name="opt_high")
    data = json.loads(flow.dumps(from_graph(graph)))
    ids = {node["name"]: node["id"] for node in data["nodes"]}
    data["training"] = {
        "epochs": 2,
        "schedule": [
            {"optimizer": ids["opt_low"], "steps": 2, "from": 0},
            {"optimizer": ids["opt_high"], "steps": 1, "from": 10, "field_of_tomorrow": "x"},
        ],
    }
    return flow.loads(json.dumps(data))


if __name__ == "__main__":
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    main()
