"""Random documents and random edits of them: valid ones, broken ones, loops and all."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any

from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.port_names import DONE
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER
from nodeflow.document.analysis.wiring.shown_ports import in_ports, out_ports
from nodeflow.document.edit import commands
from nodeflow.document.edit.set_flags import set_mode, toggle_breakpoint
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import add_instance, make_independent
from nodeflow.document.edit.subgraphs.unpack_subgraph import unpack_subgraph
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import OUTPUTS
from nodeflow.errors import NodeflowError

MATRIX = [[0.5, -1.0], [2.0, 0.25]]
LEAVES: list[tuple[str, dict[str, Any]]] = [
    ("constant", {"value": 0.5}),
    ("constant", {"value": MATRIX}),
    ("constant", {"value": 3, "dtype": "int32"}),
    ("constant", {"value": [1.0, 2.0]}),
    ("variable", {"value": MATRIX}),
    ("variable", {"initializer": {"op": "random_normal", "stddev": 0.5}, "shape": [2, 2]}),
    ("variable", {"value": 0.25, "trainable": False}),
    ("placeholder", {"shape": [None, 2], "sample": MATRIX}),
    ("placeholder", {"shape": [None, 2]}),
    ("random_normal", {"shape": [2, 2]}),
    ("dataset", {"source": "spirals"}),
]
UNARY = (
    "negative exp log abs softmax sigmoid tanh square identity leaky_relu clip_by_value dropout "
    "reduce_sum reduce_mean stop_gradient reroute cast transpose batch_normalization argmax "
    "layers/dense layers/batch_normalization layers/residual_dense"
).split()
BINARY = (
    "add multiply matmul subtract divide maximum floor_divide mean_squared_error concat add_n "
    "gradients gradients assign softmax_cross_entropy"
).split()
OPTIMIZERS = ("adam", "gradient_descent", "momentum")
VALUES: dict[str, list[Any]] = {
    "value": [0.5, -2.0, 0, MATRIX, [1.0, 3.0], [[1.0, 2.0, 3.0]], 7, "NaN"],
    "dtype": ["float32", "float64", "int32"],
    "alpha": [0.1, 0.3],
    "min": [-1.0, 0.0],
    "axis": [0, -1, None],
    "keepdims": [True, False],
    "rate": [0.1, 0.5],
    "units": [1, 2, 3],
    "activation": ["linear", "tanh"],
    "use_bias": [True, False],
    "learning_rate": [0.1, 0.01],
    "clip_norm": [None, 1.0],
    "trainable": [True, False],
    "shape": [[2, 2], [None, 2], [3]],
    "sample": [None, MATRIX, [[1.0, 2.0]]],
    "seed": [None, 3],
    "variables": [None, ["variable"], ["dense/kernel"], ["nothing"]],
}


class RandomEdits:
    """Makes edits of a document; the same seed makes the same ones."""

    def __init__(self, seed: int, subgraphs: bool | None = None) -> None:
        self.random = random.Random(seed)
        self.document = Document()
        self.subgraphs = self.random.random() < 0.4 if subgraphs is None else subgraphs
        with self.document.transaction("Make"):
            for _ in range(self.random.randint(3, 8)):
                self._try(self._add)
            if self.random.random() < 0.6:
                self._network()
        if self.subgraphs:
            self._try(self._group)

    def edit(self) -> None:
        """Makes an edit; one that is refused is replaced by another."""
        before = self.document.revision
        kinds: list[tuple[int, Callable[[], None]]] = [
            (6, self._value),
            (5, self._add),
            (6, self._wire),
            (3, self._remove),
            (2, self._unwire),
            (2, self._rename),
            (2, self._mode),
            (1, self._move),
            (3, self._undo),
            (1, self._training),
            (1, self._breakpoint),
            (2, self._several),
        ]
        if self.subgraphs:
            kinds += [(2, self._group), (2, self._instance), (1, self._unpack), (1, self._part)]
        weights = [weight for weight, _ in kinds]
        for _ in range(20):
            (_, kind) = self.random.choices(kinds, weights)[0]
            self._try(kind)
            if self.document.revision != before:
                return

    def _try(self, kind: Callable[[], None]) -> None:
        with contextlib.suppress(NodeflowError):
            kind()

    def _graph(self) -> Document:
        """The file's own graph, or a definition."""
        parts = self.document.definitions()
        return self.random.choice(parts) if parts and self.random.random() < 0.4 else self.document

    def _node(self, doc: Document) -> str:
        if not doc.nodes:
            raise NodeflowError("there is no node")
        return self.random.choice(list(doc.nodes))

    def _out(self, doc: Document, node: str) -> str:
        record = doc.nodes[node]
        if record.op == OUTPUTS:
            raise NodeflowError("nothing comes out of it")
        ports = [port.name for port in out_ports(doc, record)]
        return self.random.choice(ports) if ports else DONE

    def _in(self, doc: Document, node: str) -> str:
        ports = [port.name for port in in_ports(doc, doc.nodes[node]) if port.name != "+"]
        if doc.nodes[node].op not in BORDER and (not ports or self.random.random() < 0.04):
            return "control.0"
        if not ports:
            raise NodeflowError("nothing goes into it")
        return self.random.choice(ports)

    # ---- edits ----------------------------------------------------------------------------------

    def _add(self) -> None:
        doc, draw = self._graph(), self.random.random()
        sources = list(doc.nodes)
        if draw < 0.3 or len(sources) < 2:
            op, attrs = self.random.choice(LEAVES)
            commands.add_node(doc, op, (0, 0), attrs=attrs)
            return
        with doc.transaction("Add"):
            if draw < 0.65:
                op, count = self.random.choice(UNARY), 1
            elif draw < 0.93:
                op, count = self.random.choice(BINARY), 2
            else:
                op, count = self.random.choice(OPTIMIZERS), 1
            attrs = {"dtype": "float64"} if op == "cast" else {}
            node = commands.add_node(doc, op, (0, 0), attrs=attrs)
            for _ in range(count):
                free = [p.name for p in in_ports(doc, doc.nodes[node]) if self._is_free(node, p)]
                source = self.random.choice(sources)
                if free:
                    commands.connect(doc, source, self._out(doc, source), node, free[0])

    def _is_free(self, node: str, port: Any) -> bool:
        return all((node, port.name) not in d.wires for d in self._all_graphs())

    def _all_graphs(self) -> list[Document]:
        return [self.document, *self.document.definitions()]

    def _network(self) -> None:
        doc = self.document
        x = commands.add_node(doc, "placeholder", (0, 0), attrs=LEAVES[7][1])
        w = commands.add_node(doc, "variable", (0, 0), attrs={"value": MATRIX})
        b = commands.add_node(doc, "variable", (0, 0), attrs={"value": [0.1, 0.2]})
        product, total = (commands.add_node(doc, op, (0, 0)) for op in ("matmul", "add"))
        p = commands.add_node(doc, self.random.choice(["softmax", "sigmoid"]), (0, 0))
        log, mean = (commands.add_node(doc, op, (0, 0)) for op in ("log", "reduce_mean"))
        train = commands.add_node(doc, self.random.choice(OPTIMIZERS), (0, 0))
        for source, target, port in (
            (x, product, "x"),
            (w, product, "y"),
            (product, total, "x"),
            (b, total, "y"),
            (total, p, "x"),
            (p, log, "x"),
            (log, mean, "x"),
            (mean, train, "loss"),
        ):
            commands.connect(doc, source, "out", target, port)

    def _value(self) -> None:
        doc = self._graph()
        node = self._node(doc)
        op = declaration(doc.nodes[node], doc)
        names = [a.name for a in op.attrs if a.name in VALUES] if op is not None else []
        if not names:
            raise NodeflowError("it has no attribute")
        name = self.random.choice(names)
        commands.set_attr(doc, node, name, self.random.choice(VALUES[name]))

    def _wire(self) -> None:
        doc = self._graph()
        source, target = self._node(doc), self._node(doc)
        commands.connect(doc, source, self._out(doc, source), target, self._in(doc, target))

    def _unwire(self) -> None:
        doc = self._graph()
        if not doc.wires:
            raise NodeflowError("there is no wire")
        commands.disconnect(doc, self.random.choice(list(doc.wires)))

    def _remove(self) -> None:
        doc = self._graph()
        commands.remove(doc, {self._node(doc) for _ in range(self.random.choice([1, 1, 2]))})

    def _rename(self) -> None:
        doc = self._graph()
        names = ["a", "net/w", "x_1", "gradients", "adam/step", "noise", "variable"]
        commands.rename(doc, self._node(doc), self.random.choice(names))

    def _mode(self) -> None:
        doc = self._graph()
        set_mode(doc, [self._node(doc)], self.random.choice(["muted", "bypassed", "", ""]))

    def _move(self) -> None:
        doc = self._graph()
        commands.move(doc, {self._node(doc): (self.random.randint(0, 99), 5)})

    def _breakpoint(self) -> None:
        toggle_breakpoint(self.document, [self._node(self.document)])

    def _undo(self) -> None:
        self.document.redo() if self.random.random() < 0.3 else self.document.undo()

    def _training(self) -> None:
        name = self.random.choice(["batch_size", "seed", "loss", "optimizer"])
        value = self._node(self.document)
        number = self.random.choice([1, 7])
        commands.set_training(self.document, **{name: number if name[-1] in "ed" else value})

    def _several(self) -> None:
        with self.document.transaction("Several"):
            for _ in range(self.random.randint(2, 4)):
                self._try(self.random.choice([self._add, self._wire, self._value, self._remove]))

    # ---- subgraphs ------------------------------------------------------------------------------

    def _group(self) -> None:
        nodes = list(self.document.nodes)
        create(self.document, self.random.sample(nodes, min(len(nodes), 3)), "part")

    def _instance(self) -> None:
        names = list(self.document.subgraphs)
        if not names:
            raise NodeflowError("there is no definition")
        graph = self._graph()
        with graph.transaction("Place"):
            node = add_instance(graph, self.random.choice(names), (0, 0))
            ports = [port.name for port in in_ports(graph, graph.nodes[node])]
            for port in ports:
                source = self._node(graph)
                self._try(
                    lambda s=source, p=port: commands.connect(
                        graph, s, self._out(graph, s), node, p
                    )
                )

    def _instances(self) -> list[str]:
        return [n.id for n in self.document.nodes.values() if n.op == "subgraph"]

    def _unpack(self) -> None:
        found = self._instances()
        if not found:
            raise NodeflowError("there is no instance")
        unpack_subgraph(self.document, self.random.choice(found))

    def _part(self) -> None:
        found = self._instances()
        if not found:
            raise NodeflowError("there is no instance")
        make_independent(self.document, self.random.choice(found))
