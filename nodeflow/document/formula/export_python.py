"""Export of a node and its inputs as Python code that uses the nodeflow API.

There is one line per node, with a variable of the node's name. Running the code gives the same
values, because a node that draws random numbers gets the name of its stream.
"""

from __future__ import annotations

import cmath
import keyword
import re
from typing import Any

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.port_names import CONTROL, FEED, split_port
from nodeflow.document.analysis.subgraphs.loops_and_branches import KINDS
from nodeflow.document.analysis.subgraphs.subgraph_interface import good_ports
from nodeflow.document.analysis.traversal import topological, upstream
from nodeflow.document.analysis.wiring.shown_ports import in_ports
from nodeflow.document.formula.tree import changed_attrs
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import NAME
from nodeflow.document.model.records import INPUTS, NodeRecord, Wire, stream_of
from nodeflow.document.to_graph.inline_passthrough import inlined
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.types import complex_number
from nodeflow.ops.layers.sharing import OWNER, SharedLayer

HEAD = "import nodeflow as nf\n"
OTHERWISE = frozenset(
    "argmax argmin argsort attention bincount confusion_matrix diag diag_part einsum "
    "random_poisson scatter_nd segment_max segment_mean segment_min segment_sum split".split()
)
"""Ops whose functions in `nf` have other arguments, defaults or results, often TensorFlow 1's."""
WITH_STATE = frozenset({"layers/gru", "layers/lstm", "layers/rnn"})
"""Layers whose functions return all outputs only with ``return_state``."""
OWN = ("nf", "float", "nodeflow")


def python_code(doc: Document, node_id: str) -> str:
    """Return the text of a module whose last variable is the node; raise NoSuchNode."""
    doc, node_id = inlined(doc, node_id)
    wanted = upstream(doc, [doc.node(node_id).id])
    order, _ = topological(doc, wanted)
    writer = _Writer(doc)
    head = HEAD + ("nf.load_plugins()\n" if any(_is_own(doc, doc.nodes[i]) for i in order) else "")
    return "\n".join([head, *(writer.line(doc.nodes[i]) for i in order)]) + "\n"


def _is_own(doc: Document, record: NodeRecord) -> bool:
    op = declaration(record, doc)
    return op is not None and op.own


class _Writer:
    def __init__(self, doc: Document) -> None:
        self.doc = doc
        self.variables: dict[str, str] = {}

    def line(self, record: NodeRecord) -> str:
        op = declaration(record, self.doc)
        if record.op == DATASET:
            source = record.attrs.get("source", "mnist")
            return f"# {record.name}: the data set {source!r} feeds the placeholders below"
        if record.op == INPUTS:
            return f"# inputs of the subgraph: {', '.join(good_ports(record)) or 'none'}"
        if op is None:
            return f"# {record.name}: the op {record.op!r} is not known here"
        name = self._variable(record)
        code = f"{name} = {self._call(record, op)}"
        before = [w for w in self.doc.wires_into(record.id) if _base(w) == CONTROL]
        if before:
            after = ", ".join(self.variables.get(w.source, "") for w in before)
            code = f"with nf.control_dependencies([{after}]):\n    {code}"
        feed = self.doc.wires.get((record.id, FEED)) if record.op == "placeholder" else None
        if feed is not None:
            code += f"  # fed with {self.doc.nodes[feed.source].name}'s {feed.source_port}"
        return code

    def _call(self, record: NodeRecord, op: NodeDeclaration) -> str:
        args = self._inputs(record, op)
        attrs = dict(changed_attrs(self.doc, op, record))
        if op.id == "gradients":
            args = [args[0], f"[{', '.join(args[1:])}]"]
        elif op.id == "constant":
            args = [_literal(record.attrs.get("value", 0.0))]
            attrs = {"dtype": record.attrs.get("dtype", "float32")}
        elif op.id == "variable":
            args, attrs = self._variable_arguments(record, args, attrs)
        elif op.id == "placeholder":
            attrs.setdefault("dtype", "float32")
        elif op.explicit:  # Python has other defaults
            attrs = {k: v for k, v in op.first_attrs(record.attrs).items() if not op.attr(k).hidden}
        if isinstance(op, SharedLayer):
            return self._shared_call(record, op, args[1:], attrs)
        given = [f"{key}={_literal(value)}" for key, value in attrs.items()]
        if op.id in WITH_STATE:
            given.append("return_state=True")
        given.append(f"name={self._graph_name(record, op)!r}")
        # nf.while_loop and similar functions take Python functions, so the op itself gets the body
        module = "nf.functions" if op.id in KINDS or op.id in OTHERWISE else "nf"
        return f"{module}.{op.call_name}({', '.join([*args, *given])})"

    def _shared_call(
        self, record: NodeRecord, op: SharedLayer, args: list[str], attrs: dict[str, Any]
    ) -> str:
        """Return the Python call of a layer that shares its weights with another layer.

        The call has the other layer's name and `reuse=True`.
        """
        owner = self.doc.nodes[self.doc.wires[record.id, OWNER.name].source]
        kept = {k: v for k, v in attrs.items() if not k.endswith("_initializer")}
        given = [f"{key}={_literal(value)}" for key, value in kept.items()]
        given += [f"name={self._graph_name(owner, op.layer)!r}", "reuse=True"]
        return f"nf.{op.layer.call_name}({', '.join([*args, *given])})"

    def _graph_name(self, record: NodeRecord, op: NodeDeclaration) -> str:
        """Return the name of a node in the exported graph.

        For a node that draws random numbers, return the name of its stream if that is a valid name.
        """
        if not _draws(record, op):
            return record.name
        stream = stream_of(record)
        is_free = self.doc.node_named(stream) is None and NAME.fullmatch(stream)
        return stream if is_free else record.name

    @staticmethod
    def _variable_arguments(
        record: NodeRecord, args: list[str], attrs: dict[str, Any]
    ) -> tuple[list[str], dict[str, Any]]:
        """Return the arguments of ``nf.variable``: one initial value, an initializer, or a
        literal."""
        value = attrs.pop("value", record.attrs.get("value", 0.0))
        initializer = attrs.pop("initializer", None)
        attrs["dtype"] = record.attrs.get("dtype", "float32")
        return args or [_literal(value if initializer is None else initializer)], attrs

    def _inputs(self, record: NodeRecord, op: NodeDeclaration) -> list[str]:
        """Return the arguments of a call by port; if a variadic port is not the first, it
        becomes a list.
        """
        args: list[str] = []
        several: list[str] = []
        for port in in_ports(self.doc, record):
            wire = self.doc.wires.get((record.id, port.name))
            if port.kind != "tensor" or (wire is None and port.optional):
                continue
            text = self._source(wire) if wire is not None else "None"
            if port.keyword:
                text = f"{port.name}={text}"
            (several if split_port(port.name)[1] is not None else args).append(text)
        if op.variadic and op.id not in ("gradients", "group"):
            return [*args, f"[{', '.join(several)}]"]
        return args + several

    def _source(self, wire: Wire) -> str:
        if self.doc.nodes[wire.source].op == INPUTS:
            return wire.source_port
        name = self.variables.get(wire.source, "None")
        op = declaration(self.doc.nodes[wire.source], self.doc)
        index = split_port(wire.source_port)[1]
        if op is None or not op.computes or (index is None and len(op.outputs) < 2):
            return name
        if index is None:
            names = [port.name for port in op.outputs]
            index = names.index(wire.source_port) if wire.source_port in names else 0
        return f"{name}[{index}]"

    def _variable(self, record: NodeRecord) -> str:
        """Return a unique Python name for a node."""
        base = re.sub(r"[^A-Za-z0-9_]", "_", record.name)
        if keyword.iskeyword(base) or base in OWN:
            base += "_"
        name, number, taken = base, 1, set(self.variables.values())
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        self.variables[record.id] = name
        return name


def _draws(record: NodeRecord, op: NodeDeclaration) -> bool:
    """Return whether a node draws random numbers. A layer draws them for its variables."""
    if op.id == "variable":
        return record.attrs.get("initializer") is not None
    return bool(getattr(op, "random", False))


def _base(wire: Wire) -> str:
    return split_port(wire.target_port)[0]


_SPECIAL = {
    "NaN": 'float("nan")',
    "Infinity": 'float("inf")',
    "-Infinity": 'float("-inf")',
    "nan": 'float("nan")',
    "inf": 'float("inf")',
    "-inf": 'float("-inf")',
}


def _literal(value: Any) -> str:
    """Return a JSON value as Python code; infinities and NaN have no literal."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    if isinstance(value, float) and repr(value) in _SPECIAL:
        return _SPECIAL[repr(value)]
    if isinstance(value, str) and (number := complex_number(value)) is not None:
        return repr(number) if cmath.isfinite(number) else f"complex({value!r})"
    return _SPECIAL.get(value, repr(value)) if isinstance(value, str) else repr(value)
