"""Time an edit until its values arrive: the window's client with the real engine process.

    python benchmarks/live.py [--nodes N]... [--graph NAME]... [--edit NAME]... [--rounds N]

Each edit goes to the engine as the window sends it, followed by a request for the values of the
nodes around it (`SHOWN` nodes, as many as a screen shows). The time runs from the commit of the
edit to the arrival of the values. For comparison, a warm session computes the same values: in the
reference tier, like live values, it runs those shown tensors that depend on the edit. The
difference is the cost of an edit, which should be the same at every size.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from nodeflow.document.analysis.traversal import downstream
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import add_instance
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.host import protocol as p
from nodeflow.host.engine_client import EngineClient

SHOWN = 60
PATIENCE = 300.0
BLOCK = 12
EDITS = ("value", "wire", "insert and delete")


@dataclass
class Case:
    """A document, its nodes in the order of creation, and the places where it is edited.

    Attributes:
        order: the ids of the file's own graph from root to end.
        places: name -> a graph, and the index of a `leaky_relu` in `order`, or in the nodes of a
            definition.
    """

    document: Document
    order: list[str]
    places: dict[str, tuple[Document, int]]


# ---- documents ----------------------------------------------------------------------------------


def chain(count: int) -> Case:
    """Make one constant, and unary nodes in a row."""
    doc = Document()
    with doc.transaction("Make"):
        order = [_root(doc)]
        _extend(doc, order, count - 1)
    return Case(doc, order, _places(doc, order))


def wide(count: int) -> Case:
    """Make one constant, and branches of ten nodes from it."""
    doc = Document()
    with doc.transaction("Make"):
        order = [_root(doc)]
        for _ in range((count - 1) // 10):
            branch = [order[0]]
            _extend(doc, branch, 10)
            order += branch[1:]
    return Case(doc, order, _places(doc, order))


def subgraphs(count: int) -> Case:
    """Make instances of a definition of ten nodes in a row, with a node between them."""
    doc = Document()
    with doc.transaction("Make"):
        order = [_root(doc)]
        body = list(order)
        _extend(doc, body, 10)
        first = create(doc, body[1:], "block")
        order.append(first)
        while len(order) / 2 < count / 11 - 1:
            _extend(doc, order, 1)
            instance = add_instance(doc, "block", (0, 0))
            _connect(doc, order[-1], instance)
            order.append(instance)
    places = _places(doc, order)
    definition = doc.definition("block")
    assert definition is not None
    inner = [n.id for n in definition.nodes.values() if n.op == "leaky_relu"]
    places["inside"] = (definition, list(definition.nodes).index(inner[0]))
    return Case(doc, order, places)


def network(count: int) -> Case:
    """Make layers of a product, a bias and unary nodes, a loss, and Adam."""
    doc = Document()
    with doc.transaction("Make"):
        order = [_root(doc, [[0.1, 0.2, 0.3, 0.4]])]
        while len(order) < count - BLOCK:
            for op, value in (("matmul", [[0.25] * 4] * 4), ("add", [0.1] * 4)):
                variable = commands.add_node(doc, "variable", (0, 0), attrs={"value": value})
                node = commands.add_node(doc, op, (0, 0))
                _connect(doc, order[-1], node)
                commands.connect(doc, variable, "out", node, "y")
                order += [variable, node]
            _extend(doc, order, BLOCK - 4)
        square = commands.add_node(doc, "square", (0, 0))
        loss = commands.add_node(doc, "reduce_mean", (0, 0), name="loss")
        adam = commands.add_node(doc, "adam", (0, 0), name="train")
        _connect(doc, order[-1], square)
        _connect(doc, square, loss)
        commands.connect(doc, loss, "out", adam, "loss")
        commands.set_training(doc, optimizer=adam, loss=loss)
    return Case(doc, order, _places(doc, order))


CASES: dict[str, Callable[[int], Case]] = {
    "chain": chain,
    "wide": wide,
    "subgraphs": subgraphs,
    "network": network,
}


def _root(doc: Document, value: Any = 0.5) -> str:
    return commands.add_node(doc, "constant", (0, 0), name="root", attrs={"value": value})


def _connect(doc: Document, source: str, target: str) -> None:
    """Connect the first output to the first input, because instances have other names of ports."""
    out = next(iter(_outs(doc, source)), "out")
    into = next(iter(_ins(doc, target)), "x")
    commands.connect(doc, source, out, target, into)


def _outs(doc: Document, node: str) -> list[str]:
    return _ports(doc, node, "subgraph_outputs")


def _ins(doc: Document, node: str) -> list[str]:
    return _ports(doc, node, "subgraph_inputs")


def _ports(doc: Document, node: str, border: str) -> list[str]:
    record = doc.nodes[node]
    inside = doc.definition(str(record.attrs.get("definition", "")))
    if record.op != "subgraph" or inside is None:
        return []
    return list(inside.nodes[inside.borders[border]].attrs["ports"])


def _extend(doc: Document, order: list[str], count: int) -> None:
    for _ in range(count):
        before = doc.nodes[order[-1]].op
        op = "negative" if before == "leaky_relu" else "leaky_relu"
        order.append(commands.add_node(doc, op, (0, 0)))
        _connect(doc, order[-2], order[-1])


def _places(doc: Document, order: list[str]) -> dict[str, tuple[Document, int]]:
    """Return the places near the end, in the middle, and at the first node after the root."""

    def near(index: int) -> int:
        return next(i for i in range(index, 0, -1) if _editable(doc, order, i))

    first = next(i for i in range(1, len(order)) if _editable(doc, order, i))
    middle = near(len(order) // 2)
    return {"end": (doc, near(len(order) - 1)), "middle": (doc, middle), "root": (doc, first)}


def _editable(doc: Document, order: list[str], index: int) -> bool:
    return doc.nodes[order[index]].op == "leaky_relu"


# ---- edits --------------------------------------------------------------------------------------


def edit(case: Case, place: str, kind: str, step: int) -> None:
    """Make one edit at a place: another value, another wire, a node more or a node less."""
    doc, index = case.places[place]
    node = list(doc.nodes)[index] if doc.scope else case.order[index]
    into = doc.wires_into(node)[0]
    other, added = doc.node_named(f"other_{place}"), doc.node_named(f"inserted_{place}")
    if kind == "value":
        commands.set_attr(doc, node, "alpha", 0.1 + 0.001 * step)
    elif kind == "wire" and other is None:
        _wire_other(doc, node, f"other_{place}")
    elif kind == "wire":
        assert other is not None
        commands.connect(doc, *_before(doc, node, other.id), node, into.target_port)
    elif added is None:
        _insert(doc, into, f"inserted_{place}")
    else:
        _delete(doc, added.id)


def _wire_other(doc: Document, node: str, name: str) -> None:
    """Let a node read its predecessor's input, through another node."""
    into = doc.wires_into(node)[0]
    with doc.transaction("Wire"):
        other = commands.add_node(doc, "abs", (0, 0), name=name)
        commands.connect(doc, into.source, into.source_port, other, "x")
        commands.connect(doc, other, "out", node, into.target_port)


def _before(doc: Document, node: str, other: str) -> tuple[str, str]:
    """Return the end of the wire that is unused now: through `other`, or past it."""
    into, through = doc.wires_into(node)[0], doc.wires_into(other)[0]
    return (other, "out") if into.source != other else (through.source, through.source_port)


def _insert(doc: Document, into: Wire, name: str) -> None:
    with doc.transaction("Insert"):
        added = commands.add_node(doc, "abs", (0, 0), name=name)
        commands.connect(doc, into.source, into.source_port, added, "x")
        commands.connect(doc, added, "out", into.target, into.target_port)


def _delete(doc: Document, node: str) -> None:
    into, out = doc.wires_into(node)[0], doc.wires_out_of(node)[0]
    with doc.transaction("Delete"):
        commands.remove(doc, [node])
        commands.connect(doc, into.source, into.source_port, out.target, out.target_port)


# ---- measuring ----------------------------------------------------------------------------------


class Engine:
    """An engine process that follows a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.inbox: queue.Queue[p.Message] = queue.Queue()
        self.client = EngineClient(self.inbox.put)
        self.client.start()
        self.request = 0
        self.client.send(p.SyncDocument(flow.dumps(document), document.revision))
        document.subscribe(lambda c: self.client.send(p.SyncChange(c.text, c.revision)))

    def values(self, names: tuple[str, ...]) -> p.Previews:
        """Ask for live values and wait for them."""
        self.request += 1
        self.client.send(p.Evaluate(self.document.revision, self.request, names))
        while True:
            message = self.inbox.get(timeout=PATIENCE)
            if isinstance(message, (p.Failed, p.Died, p.Resync)):
                raise SystemExit(f"the engine failed: {message}")
            if isinstance(message, p.Previews) and message.request == self.request:
                return message


def shown_names(case: Case, place: str) -> tuple[str, ...]:
    """Return the names of the nodes around an edit, as many as a screen shows."""
    doc, index = case.places[place]
    if doc.scope:  # the inside of the last instance, and the nodes after the first ones
        inside = [n.name for n in doc.nodes.values() if n.op in ("leaky_relu", "negative")]
        last = case.document.nodes[case.order[-1]].name
        return tuple(f"{last}/{name}" for name in inside)
    start = max(0, min(index - SHOWN // 2, len(case.order) - SHOWN))
    nodes = (doc.nodes[i] for i in case.order[start : start + SHOWN])
    return tuple(node.name for node in nodes if node.op != "subgraph")


def warm_run(case: Case, place: str, names: tuple[str, ...], rounds: int) -> float:
    """Return the seconds that a warm session takes for the shown tensors that depend on an edit."""
    doc, index = case.places[place]
    task = Task(case.document)
    if doc.scope:
        needed = list(names)
    else:
        after = downstream(doc, [case.order[index]])
        known = {doc.nodes[i].name for i in after}
        needed = [name for name in names if name in known]
    tensors = [task.tensor(name) for name in needed]
    session = Session(task.graph, tier="reference")
    session.initialize()
    session.run(tensors)
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        session.run(tensors)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def measure(name: str, nodes: int, kinds: list[str], rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each place and kind of edit in a document."""
    case = CASES[name](nodes)
    engine = Engine(case.document)
    try:
        engine.values(shown_names(case, "end"))
        for place in case.places:
            names = shown_names(case, place)
            engine.values(names)
            run = warm_run(case, place, names, max(3, rounds))
            for kind in kinds:
                taken = []
                for step in range(2 * (rounds + 1)):
                    start = time.perf_counter()
                    edit(case, place, kind, step)
                    engine.values(names)
                    taken.append(time.perf_counter() - start)
                yield _row(name, nodes, place, kind, taken[2:], run)
    finally:
        engine.client.close()


def _row(name: str, nodes: int, place: str, kind: str, taken: list[float], run: float) -> dict:
    ordered = sorted(taken)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {
        "graph": name,
        "nodes": nodes,
        "place": place,
        "edit": kind,
        "median_ms": round(1000 * statistics.median(taken), 2),
        "p95_ms": round(1000 * p95, 2),
        "warm_run_ms": round(1000 * run, 2),
    }


def main() -> None:
    os.environ["NODEFLOW_RUNS"] = "off"
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--nodes", type=int, action="append", help="default: 100, 1000, 10000")
    parser.add_argument("--graph", choices=[*CASES], action="append", help="default: all")
    parser.add_argument("--edit", choices=EDITS, action="append", help="default: all")
    parser.add_argument("--rounds", type=int, default=10, help="pairs of edits per figure")
    parser.add_argument("--json", action="store_true", help="one JSON line per figure")
    options = parser.parse_args()
    head = ("graph", "nodes", "place", "edit", "median_ms", "p95_ms", "warm_run_ms")
    if not options.json:
        print("| " + " | ".join(h.replace("_ms", ", ms").replace("_", " ") for h in head) + " |")
        print("|" + " --- |" * len(head))
    for name in options.graph or CASES:
        for nodes in options.nodes or (100, 1000, 10_000):
            for row in measure(name, nodes, options.edit or [*EDITS], options.rounds):
                if options.json:
                    print(json.dumps(row), flush=True)
                else:
                    print("| " + " | ".join(str(row[h]) for h in head) + " |", flush=True)


if __name__ == "__main__":
    main()
