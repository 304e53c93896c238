"""Conversion of a graph to an ONNX model, for ``nodeflow export --to onnx`` and the window.

Subgraphs become functions. A node that needs several ONNX nodes also becomes a function, which
names its op, so that opening the file restores the node. The order of everything is fixed, so
equal graphs give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.document.from_graph.node_attributes import attributes
from nodeflow.document.from_graph.node_records import wired_inputs
from nodeflow.document.model.records import compact_json
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.graph.types import TensorType
from nodeflow.integrations.onnx import exporters  # noqa: F401
from nodeflow.integrations.onnx.emit import (
    NUMBERS,
    OLDEST_WRITTEN,
    Emitter,
    NotInOnnx,
    has_complex,
    held,
)
from nodeflow.integrations.onnx.errors import onnx_package
from nodeflow.integrations.onnx.opaque import read_inside
from nodeflow.integrations.onnx.own import ATTRS, FOREIGN, INPUTS, OP, OPS, SUBGRAPHS
from nodeflow.integrations.onnx.translate import PRODUCER
from nodeflow.ops.training_mode import is_flag

NEWEST = 24, "1.32.0"
"""The default opset, and the release of onnxruntime used to test it (``make test-peers
ONNX_PYTHON=…``).
"""
FLOW = ("cond", "scan", "while_loop")
"""Ops whose bodies nodeflow's functions keep unchanged."""
BODIES = {"body", "cond", "true_body", "false_body"}
SOURCES = ("placeholder", "variable", "constant")


def default_opset() -> int:
    """Return the newest opset that was tested with onnxruntime and that the installed onnx
    supports.
    """
    return min(NEWEST[0], onnx_package().defs.onnx_opset_version())


@dataclass(frozen=True)
class Part:
    """An instance of a subgraph while it is written: its name, its definition, and its nodes."""

    name: str
    definition: str
    nodes: list[Node] = field(default_factory=list)


def model_of(
    graph: Graph,
    outputs: Mapping[str, Tensor],
    values: Mapping[str, np.ndarray],
    instances: Mapping[str, str] | None = None,
    opset: int | None = None,
    foreign: ForeignNames | None = None,
) -> Any:
    """Return an ONNX model that computes tensors of a graph as in inference.

    Args:
        outputs: the tensors by name.
        values: values of the variables, by name.
        instances: name of the definition, by name of a subgraph's instance.
        foreign: names for inputs, outputs and sizes that replace the names in this graph.

    Raises:
        SoftwareMissing: the package onnx is not installed.
        NotInOnnx: the error names every node that ONNX cannot express.
    """
    onnx = onnx_package()
    opset = opset or default_opset()
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_WRITTEN <= opset <= newest:
        raise NotInOnnx(f"opset {opset} cannot be written; it is {OLDEST_WRITTEN} to {newest}")
    foreign = foreign or ForeignNames({}, {})
    return _Writer(graph, outputs, values, instances or {}, opset, foreign).model()


@dataclass(frozen=True)
class ForeignNames:
    """Names that tensors and their sizes had in the file that a graph came from.

    Attributes:
        names: the name of each tensor.
        sizes: for each tensor, the names of its sizes, None for a size without a name.
    """

    names: Mapping[Tensor, str]
    sizes: Mapping[Tensor, Sequence[str | None]]


class _Writer:
    def __init__(
        self,
        graph: Graph,
        outputs: Mapping[str, Tensor],
        values: Mapping[str, np.ndarray],
        instances: Mapping[str, str],
        opset: int,
        foreign: ForeignNames,
    ) -> None:
        self._named = foreign
        self._graph, self._outputs, self._values = graph, outputs, values
        self._instances, self._opset = instances, opset
        needed = ancestors({t.node for t in outputs.values()})
        self._nodes = [n for n in graph.nodes if n in needed and n.derived_from is None]
        self._used = self._consumers()
        self._functions: dict[tuple[str, str], list[tuple[bytes, str]]] = {}
        self._made: dict[str, Any] = {}
        self._foreign: dict[str, int] = {}
        self._missing: dict[str, str] = {}
        self._hint: str | None = None

    def model(self) -> Any:
        onnx = onnx_package()
        top = Emitter(self._opset)
        arrays: dict[str, np.ndarray] = {}
        top.weight = lambda tensor: self._weight(arrays, tensor)
        inputs = [n for n in self._nodes if n.op.id == "placeholder" and not is_flag(n.outputs[0])]
        for node in self._nodes:
            if node.op.id in ("placeholder", "variable") and has_complex(node):
                self._missing[node.name] = f"ONNX has no {node.op.id} of complex numbers"
        for node in inputs:
            top.names[node.outputs[0]] = name = self._called(node.outputs[0])
            top.types[name] = held(node.outputs[0].type)
        self._write(top, [n for n in self._nodes if _is_written(n)], "", "")
        if self._missing:
            raise _refusal(self._missing, self._hint)
        ends = [self._end(top, tensor) for tensor in self._outputs.values()]
        wanted = _needed(top, ends)
        graph = onnx.helper.make_graph(
            top.nodes,
            "nodeflow",
            [self._declare(top.names[n.outputs[0]], n.outputs[0]) for n in inputs],
            [self._declare(name, t) for name, t in zip(ends, self._outputs.values(), strict=True)],
            value_info=self._declared_inside(top),
            initializer=[
                _tensor(name, arrays[name]) for name in sorted(wanted.intersection(arrays))
            ],
        )
        functions = [self._made[name] for name in sorted(self._made)]
        domains = {"": self._opset, **{f.domain: 1 for f in functions}, **self._foreign}
        made = onnx.helper.make_model(
            graph,
            producer_name=PRODUCER,
            functions=functions,
            opset_imports=[onnx.helper.make_opsetid(d, v) for d, v in sorted(domains.items())],
        )
        made.ir_version = max(
            8, onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", self._opset)])
        )
        return made

    def _declared_inside(self, e: Emitter) -> list[Any]:
        """Return declarations of types for the outputs of ONNX nodes that nodeflow only carries
        along. ONNX's shape inference may not know them.
        """
        foreign = [n for n in self._nodes if n.op.id.startswith(FOREIGN)]
        tensors = [t for n in foreign for t in n.outputs if t in e.names and t.type.has_rank]
        return [_declared(e.names[t], t.type) for t in tensors]

    # ---- one graph ------------------------------------------------------------------------------

    def _write(self, e: Emitter, nodes: Sequence[Node], prefix: str, inside: str) -> None:
        """Export nodes to ONNX in topological order. Export each subgraph instance as one call of
        an ONNX function.

        Args:
            prefix: prefix of the names of the instances that these nodes belong to.
            inside: the instance that contains these nodes.
        """
        for unit in _in_order(self._units(nodes, prefix)):
            if isinstance(unit, Node):
                self._node(e, unit)
            else:
                self._call(e, unit)

    def _units(self, nodes: Sequence[Node], prefix: str) -> list[Node | Part]:
        units: list[Node | Part] = []
        parts: dict[str, Part] = {}
        for node in nodes:
            name = self._instance_of(node, prefix)
            if name is None:
                units.append(node)
                continue
            if name not in parts:
                parts[name] = Part(name, self._instances[name])
                units.append(parts[name])
            parts[name].nodes.append(node)
        return units

    def _instance_of(self, node: Node, prefix: str) -> str | None:
        """Return the name of the outermost subgraph instance that contains a node, among instances
        whose names begin with ``prefix``. Return None if there is none.
        """
        pieces = node.name[len(prefix) :].split("/")
        for count in range(1, len(pieces)):
            name = prefix + "/".join(pieces[:count])
            if name in self._instances:
                return name
        return None

    def _node(self, e: Emitter, node: Node) -> None:
        """Export a node as a single ONNX node. If it takes several, export it as the call of an
        ONNX function that contains them.
        """
        if node.op.id.startswith(FOREIGN):
            domain = node.op.id.removeprefix(FOREIGN).rpartition("/")[0]
            if domain:
                self._foreign[domain] = int(node.attrs["opset"])
        alone = Emitter(self._opset, e.prefix)
        alone.types = dict(e.types)
        alone.names = dict(e.names)
        alone.weight = e.weight
        try:
            alone.write(node)
        except NotInOnnx as error:
            self._missing[node.name] = error.message
            self._hint = self._hint or error.hint
            self._stand_in(e, node)
            return
        own = [n for n in alone.nodes if n.op_type != "Constant" or n.domain]
        whole = len(own) == 1 and node.op.id not in FLOW and not has_complex(node)
        if whole and own[0].output[0] == e.own(node.name):
            e.nodes += alone.nodes
            e.types.update(alone.types)
            e.names.update({t: alone.names[t] for t in node.outputs if t in alone.names})
            e.names.update({t: n for t, n in alone.names.items() if t.node.op.id in SOURCES})
            return
        self._composed(e, node)

    def _stand_in(self, e: Emitter, node: Node) -> None:
        for index, tensor in enumerate(node.outputs):
            name = e.own(node.name) if not index else f"{e.own(node.name)}:{index}"
            e.names[tensor] = name
            e.types[name] = held(tensor.type)

    def _composed(self, e: Emitter, node: Node) -> None:
        """Export a node as a call of an ONNX function that contains simpler nodes. Metadata of the
        call store the id and attributes of the original op, so that it can be imported again.
        """
        wired = list(wired_inputs(node))
        body = Emitter(self._opset, f"{node.name}/")
        formals: dict[str, str] = {}
        outside: list[str] = []

        def formal(tensor: Tensor, wanted: str) -> str:
            actual = e.value(tensor)
            if actual not in formals:
                name = wanted
                number = 1
                while name in formals.values():
                    name, number = f"{wanted}_{number}", number + 1
                formals[actual] = name
                outside.append(actual)
                body.types[name] = held(tensor.type)
            return formals[actual]

        for index, tensor in wired:
            body.names[tensor] = formal(tensor, node.op.input_name(index).replace(".", "_"))
        data = [e.value(t) for _, t in wired]

        def weight(tensor: Tensor) -> str | None:
            if tensor.node.op.id != "variable":
                return None
            return formal(tensor, tensor.node.name.removeprefix(f"{node.name}/"))

        body.weight = weight
        body.node_name = node.op.short_id
        body.write(node)
        results = [body.names[t] for t in node.outputs if t in body.names]
        results = [self._result(body, name, formals) for name in results]
        name = self._function(OPS, node.op.short_id, body, list(formals.values()), results, True)
        told = compact_json(_ordered(attributes(node)))
        where = [
            [index, outside.index(value)] for (index, _), value in zip(wired, data, strict=True)
        ]
        self._call_node(
            e, name, OPS, e.own(node.name), outside, len(results),
            {OP: node.op.id, ATTRS: told, INPUTS: compact_json(where)},
        )  # fmt: skip
        for index, tensor in enumerate(node.outputs):
            made = e.own(node.name) if not index else f"{e.own(node.name)}:{index}"
            e.names[tensor] = made
            e.types[made] = held(tensor.type)

    def _call(self, e: Emitter, part: Part) -> None:
        """Write a call of the function of a subgraph."""
        prefix = f"{part.name}/"
        inside = set(part.nodes)
        body = Emitter(self._opset, prefix)
        formals: dict[str, str] = {}

        def formal(tensor: Tensor) -> str:
            actual = e.value(tensor)
            if actual not in formals:
                owner = tensor.node
                own = owner.name.startswith(prefix)
                wanted = owner.name.removeprefix(prefix) if own else f"input_{len(formals)}"
                formals[actual] = body._fresh(wanted)
                body.types[formals[actual]] = held(tensor.type)
            return formals[actual]

        def weight(tensor: Tensor) -> str | None:
            owner = tensor.node
            if owner.op.id in ("variable", "placeholder"):
                return formal(tensor)
            top = owner if owner.derived_from is None else self._graph.node(owner.derived_from)
            return None if top in inside else formal(tensor)

        body.weight = weight
        self._write(body, part.nodes, prefix, part.name)
        if self._missing:
            for node in part.nodes:
                self._stand_in(e, node)
            return
        leaving = [t for n in part.nodes for t in n.outputs if self._leaves(t, inside)]
        results = [self._result(body, body.value(t), formals) for t in leaving]
        name = self._function(
            SUBGRAPHS, part.definition, body, list(formals.values()), results, False
        )
        own = e.own(part.name)
        outs = self._call_node(e, name, SUBGRAPHS, own, list(formals), len(results), {})
        for tensor, made in zip(leaving, outs, strict=True):
            e.names[tensor] = made
            e.types[made] = held(tensor.type)

    def _leaves(self, tensor: Tensor, inside: set[Node]) -> bool:
        readers = self._used.get(tensor, ())
        return any(reader not in inside for reader in readers)

    def _consumers(self) -> dict[Tensor, list[Node | None]]:
        """Return a dict from each tensor to the nodes of the exported graph that read it. None in
        the list means that the tensor is an output of the graph.
        """
        found: dict[Tensor, list[Node | None]] = {}
        for node in self._nodes:
            for tensor in node.inputs:
                found.setdefault(tensor, []).append(node)
        for tensor in self._outputs.values():
            found.setdefault(tensor, []).append(None)
        return found

    def _result(self, body: Emitter, name: str, formals: Mapping[str, str]) -> str:
        """Return the name of a function's output. If the output is an input or constant of the
        function, add an Identity node and return the name of its result.
        """
        made = {o for n in body.nodes for o in n.output if n.op_type != "Constant"}
        if name in made and name not in formals.values():
            return name
        body.node_name = "out"
        return body.node("Identity", [name])

    def _function(
        self,
        domain: str,
        wanted: str,
        body: Emitter,
        inputs: list[str],
        outputs: list[str],
        told: bool,
    ) -> str:
        """Add an ONNX function to the model, and return its name. If the model has a function with
        an equal body, return the name of that one.
        """
        onnx = onnx_package()
        used = {n.domain for n in body.nodes} - {""}
        versions = {"": self._opset, **{d: self._foreign.get(d, 1) for d in used}}
        made = onnx.helper.make_function(
            domain, "", inputs, outputs, body.nodes,
            [onnx.helper.make_opsetid(d, v) for d, v in sorted(versions.items())],
            [OP, ATTRS, INPUTS] if told else [],
        )  # fmt: skip
        content = made.SerializeToString(deterministic=True)
        known = self._functions.setdefault((domain, wanted), [])
        for other, name in known:
            if other == content:
                return name
        name, number = wanted, 1
        while f"{domain}.{name}" in self._made:
            number += 1
            name = f"{wanted}_{number}"
        known.append((content, name))
        made.name = name
        self._made[f"{domain}.{name}"] = made
        return name

    def _call_node(
        self,
        e: Emitter,
        function: str,
        domain: str,
        name: str,
        inputs: list[str],
        count: int,
        attrs: Mapping[str, str],
    ) -> list[str]:
        onnx = onnx_package()
        outs = [name, *(f"{name}:{i}" for i in range(1, count))][:count]
        node = onnx.helper.make_node(function, inputs, outs, name, domain=domain)
        for key, text in attrs.items():
            node.attribute.append(onnx.helper.make_attribute(key, text))
        e.nodes.append(node)
        for one in outs:
            e.types.setdefault(one, TensorType("float32", ()))
        return outs

    # ---- inputs and outputs -------------------------------------------------------------------

    def _weight(self, arrays: dict[str, np.ndarray], tensor: Tensor) -> str | None:
        node = tensor.node
        if node.op.id != "variable":
            return None
        if node.name not in self._values:
            raise NotInOnnx("the variable has no value", node=node.name)
        arrays[node.name] = self._values[node.name]
        return node.name

    def _end(self, e: Emitter, tensor: Tensor) -> str:
        """Return the name of an output: the name of its node, if it is the node's first output."""
        name, wanted = e.value(tensor), self._called(tensor)
        made = any(name in n.output for n in e.nodes)
        if made and name == tensor.node.name and not tensor.index:
            return name if wanted == name else self._renamed(e, tensor, wanted)
        e.node_name = tensor.name.replace(":", "_").replace("/", "_")
        return e.node("Identity", [name])

    def _called(self, tensor: Tensor) -> str:
        """Return the name of an input or output in the file: its original name, if it has one."""
        name = self._named.names.get(tensor, tensor.name)
        return tensor.name if name.partition(":")[0] in self._graph else name

    def _renamed(self, e: Emitter, tensor: Tensor, wanted: str) -> str:
        """Rename a tensor in the exported model. Insert an Identity node if the name is taken, or a
        subgraph reads the tensor. Return the new name.
        """
        name = e.names[tensor]
        if wanted in e.types or any(name in read_inside(n) for n in e.nodes):
            e.node_name = wanted
            return e.node("Identity", [name])
        for node in e.nodes:
            for values in (node.input, node.output):
                for index, value in enumerate(values):
                    if value == name:
                        values[index] = wanted
        e.names[tensor] = wanted
        e.types[wanted] = e.types[name]
        return wanted

    def _declare(self, name: str, tensor: Tensor) -> Any:
        """Declare an input or output of the model."""
        return _declared(name, held(tensor.type), self._named.sizes.get(tensor, ()))


def _is_written(node: Node) -> bool:
    """Return whether a node becomes a node of the ONNX graph, and not an input, initializer or
    constant. A complex constant does, so that it is complex again when read.
    """
    return node.op.id not in SOURCES or (node.op.id == "constant" and has_complex(node))


def _needed(e: Emitter, ends: Sequence[str]) -> set[str]:
    """Remove nodes that the outputs do not depend on. Return the names of all values that they
    depend on.
    """
    wanted, kept = set(ends), []
    for node in reversed(e.nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
            wanted.update(read_inside(node))
    e.nodes = kept[::-1]
    return wanted


def _ordered(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a node's attributes with the JSON texts of loop and branch bodies in
    canonical form.
    """
    found = dict(attrs)
    for name in BODIES & found.keys():
        found[name] = compact_json(json.loads(found[name]))
    return found


def _in_order(units: Sequence[Node | Part]) -> list[Node | Part]:
    """Sort nodes and subgraph instances topologically. If instances read each other, replace them
    by their nodes.
    """
    owner: dict[Node, int] = {}
    for index, unit in enumerate(units):
        for node in [unit] if isinstance(unit, Node) else unit.nodes:
            owner[node] = index
    before: list[set[int]] = []
    for index, unit in enumerate(units):
        nodes = [unit] if isinstance(unit, Node) else unit.nodes
        read = {owner.get(_top(t)) for n in nodes for t in n.inputs}
        before.append({i for i in read if i is not None and i != index})
    done: list[int] = []
    left = list(range(len(units)))
    while left:
        ready = next((i for i in left if before[i] <= set(done)), None)
        if ready is None:  # instances that read each other
            opened: list[Node | Part] = []
            stuck = set(left)
            for index, unit in enumerate(units):
                if index in stuck and isinstance(unit, Part):
                    opened += unit.nodes
                else:
                    opened.append(unit)
            return sorted(
                opened, key=lambda u: u.index if isinstance(u, Node) else u.nodes[0].index
            )
        done.append(ready)
        left.remove(ready)
    return [units[i] for i in done]


def _top(tensor: Tensor) -> Node:
    node = tensor.node
    return node if node.derived_from is None else node.graph.node(node.derived_from)


def _declared(name: str, type_: TensorType, sizes: Sequence[str | None] = ()) -> Any:
    """Declare an input or output of the model.

    Sizes that are known only at run time get the given names or new ones.
    """
    onnx = onnx_package()
    if type_.dtype not in NUMBERS:
        raise NotInOnnx(f"ONNX has no dtype {type_.dtype}", node=name)
    if not type_.has_rank:
        raise NotInOnnx("how many axes it has must be known before a run", node=name)
    sizes = sizes if len(sizes) == len(type_.shape) else [None] * len(type_.shape)
    shape = [
        named or f"{name}_{i}" if d is None else d
        for i, (d, named) in enumerate(zip(type_.shape, sizes, strict=True))
    ]
    return onnx.helper.make_tensor_value_info(name, NUMBERS[type_.dtype], shape)


def _tensor(name: str, array: np.ndarray) -> Any:
    onnx = onnx_package()
    if array.dtype.name not in NUMBERS:
        raise NotInOnnx(f"ONNX has no dtype {array.dtype}", node=name)
    return onnx.numpy_helper.from_array(np.asarray(array, order="C"), name)


MOST_NAMED = 8


def _refusal(missing: Mapping[str, str], hint: str | None) -> NotInOnnx:
    first, why = next(iter(missing.items()))
    if len(missing) == 1:
        return NotInOnnx(why, node=first, hint=hint)
    named = [f"{name} ({text})" for name, text in list(missing.items())[:MOST_NAMED]]
    more = f", and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
    text = f"ONNX cannot express {len(missing)} nodes: {', '.join(named)}{more}"
    error = NotInOnnx(text, hint=hint)
    error.missing = dict(missing)
    return error


__all__ = ["NEWEST", "default_opset", "model_of"]
