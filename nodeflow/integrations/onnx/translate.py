"""Writes the nodes of a model into a graph, one after another.

A node that cannot be translated is kept unchanged (`opaque`), with the reason. Its consumers
are translated as if it could be computed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph, Node, Tensor, get_default_graph
from nodeflow.graph.reference_evaluation import evaluate
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import TensorType, type_of_array
from nodeflow.integrations.onnx import importers, names, opaque  # noqa: F401
from nodeflow.integrations.onnx.call import (
    NUMPY_NAMES,
    TRANSLATIONS,
    Call,
    LeftOut,
    carrier,
    number_of,
    outputs_of,
)
from nodeflow.integrations.onnx.errors import OnnxFileError, onnx_package
from nodeflow.integrations.onnx.file import array_of, opsets, own_domain
from nodeflow.integrations.onnx.own import ATTRS, INPUTS, OP, OPS, SUBGRAPHS
from nodeflow.integrations.onnx.values import Scope, Weights

_NAMED = ("placeholder", "variable")
PRODUCER = "nodeflow"
"""The producer name in files by nodeflow. Constants in such files are constants of the document."""
MOST_NODES = 100_000
"""Maximum number of nodes of a file with all its functions expanded."""
DEEPEST = 40
FOLDED = 64
"""Maximum number of elements of a value that is computed while a graph is built, such as sizes
and scales.
"""


class Translator:
    """The translation of one model into a graph.

    Attributes:
        graph: the resulting graph.
        weights: its arrays.
        missing: the reason for each node that could not be translated.
        folded: names of subgraphs, by the scope that becomes one.
    """

    def __init__(self, model: Any, graph: Graph, trainable: bool = False) -> None:
        self.model, self.graph = model, graph
        self.weights = Weights(graph, trainable)
        self.weights.name_for = self._name_weight
        self.versions = opsets(model)
        self.made_here = model.producer_name == PRODUCER
        self.functions = {(own_domain(f.domain), f.name): f for f in model.functions}
        self.missing: dict[str, str] = {}
        self.folded: dict[str, str] = {}
        self.in_blocks: dict[str, str] = {}
        self._reader: tuple[str, str, Any] = ("", "", None)
        self._around = ""
        self._count = 0
        self._depth = 0
        self._declared: dict[str, TensorType] | None = None

    # ---- graphs --------------------------------------------------------------------------

    def nodes(self, nodes: Sequence[Any], scope: Scope, prefix: str = "") -> None:
        """Translate ONNX nodes in order, and define their outputs in ``scope``.

        Raises:
            OnnxFileError: the model has too many nodes.
        """
        for node in nodes:
            self._count += 1
            if self._count > MOST_NODES:
                raise OnnxFileError(f"the model has more than {MOST_NODES} nodes")
            self.node(node, scope, prefix)

    def node(self, node: Any, scope: Scope, prefix: str) -> None:
        domain, op = own_domain(node.domain), node.op_type
        self._check_inputs(node, scope)
        if (domain, op) == ("", "Constant") and self._constant(node, scope):
            return
        raw = names.scoped(node) or node.name or op
        name = self._called(node, prefix) or prefix + names.path(raw, op)
        if domain == OPS and self.made_here and self._ours(node, scope, name):
            return
        function = self.functions.get((domain, op)) or self._built_in(domain, op)
        if function is not None and (domain, op) not in TRANSLATIONS:
            self._inline(node, function, scope, self._free(name))
            return
        before = self._reader
        self._reader = (self._around + raw, name, node)
        self.weights.reader = None if self.made_here else name
        mark = len(get_default_graph().nodes)
        try:
            made = self._translated(node, scope, name)
        except OnnxFileError:
            raise
        except Exception as error:  # a file may hold anything
            if not isinstance(error, (LeftOut, NodeflowError)):
                error = LeftOut(f"it cannot be built ({type(error).__name__}: {error})")
            if get_default_graph() is not self.graph:
                raise LeftOut(f"{op} in its body: {_why(error)}") from None
            self.graph.discard_since(mark, keep=())
            self.weights.forget_missing()
            made = self._opaque(node, scope, name, _why(error))
        finally:
            self._reader = before
        for output, tensor in zip(node.output, made, strict=False):
            if output and tensor is not None:
                scope.put(output, tensor)
        for output in list(node.output)[len(made) :]:
            if output:
                raise OnnxFileError(f"{op} {node.name!r} has no output {output!r}")

    def _called(self, node: Any, prefix: str = "") -> str:
        """Return the name of a node in a repeated block; empty for other nodes."""
        return self.in_blocks.get(node.output[0], "") if node.output and not prefix else ""

    def _check_inputs(self, node: Any, scope: Scope) -> None:
        for name in node.input:
            if name and scope.holder(name) is None:
                raise OnnxFileError(
                    f"{node.op_type} {node.name!r} reads {name!r}, which nothing makes"
                )

    def _constant(self, node: Any, scope: Scope) -> bool:
        """Record the value of an ONNX node Constant under its output's name. Return False if the
        kind of value is not supported.
        """
        if len(node.output) != 1 or len(node.attribute) != 1:
            return False
        attribute, output = node.attribute[0], node.output[0]
        kind = attribute.name
        if kind == "value" and attribute.HasField("t"):
            if carrier(attribute.t.data_type) is None:
                return False
            array = array_of(attribute.t)
            scope.put_narrow(output, attribute.t.data_type)
        elif kind in ("value_float", "value_floats"):
            array = np.array(attribute.f if kind == "value_float" else list(attribute.floats), "f4")
        elif kind in ("value_int", "value_ints"):
            array = np.array(attribute.i if kind == "value_int" else list(attribute.ints), "i8")
        else:
            return False
        if self.made_here:
            scope.put_array(output, array, f"{self._around}{output}", "constant")
        else:
            named = node.name and not names.is_automatic(node.name)
            scope.put_array(output, array, node.name if named else output)
        return True

    # ---- one node ------------------------------------------------------------------------

    def _translated(self, node: Any, scope: Scope, name: str) -> list[Tensor | None]:
        domain, op = own_domain(node.domain), node.op_type
        if (domain, op) not in TRANSLATIONS:
            raise LeftOut(f"no op {op}" if not domain else f"no op {op} of {domain}")
        attrs = {a.name: self.attribute(a, scope) for a in node.attribute}
        version = self.versions.get(domain, 1)
        call = Call(op, version, attrs, node.input, node.output, scope, self.made_here)
        graph = get_default_graph()
        mark = len(graph.nodes)
        full = self._free(name)
        with graph.name_scope(f"{full}/"):
            made: list[Tensor | None] = list(outputs_of(TRANSLATIONS[domain, op](call)))
        self._shorten(graph, mark, full)
        self._fold(graph.nodes[mark:], scope)
        return made

    def _free(self, name: str) -> str:
        """Return a name that no node or scope has yet."""
        graph = get_default_graph()
        with graph.name_scope(None):
            full = graph.unique_name(name)
        graph._taken.setdefault(full, 1)
        return full

    def give_way(self, name: str) -> Node:
        """Rename a node to free its name for an output of the model. Return the node."""
        graph = self.graph
        node, other = graph.node(name), self._free(name)
        own = [n for n in graph.nodes if n is node or n.derived_from == name]
        rename(graph, node, other, own)
        for known in (self.missing, self.weights.arrays):
            _rename_keys(known, name, other)
        return node

    def _shorten(self, graph: Graph, mark: int, scope: str) -> None:
        """If a scope contains a single node, give the node the name of the scope."""
        own = [n for n in graph.nodes[mark:] if n.name.startswith(f"{scope}/")]
        tops = [n for n in own if n.derived_from is None]
        if len(tops) == 1:
            rename(graph, tops[0], scope, own)

    def _fold(self, made: Sequence[Node], scope: Scope) -> None:
        """Constant-fold new nodes that have small values. Record the values in ``scope.known``, so
        that nodes that need a size or scale can read it while the graph is built.
        """
        known = scope.known
        for node in made:
            if node.derived_from is not None or node.op.random or node.op.stateful:
                continue
            if node.op.id == "constant":
                value = np.asarray(node.attrs["value"])
                if value.size <= FOLDED:
                    known[node.outputs[0]] = value.astype(node.outputs[0].type.dtype)
                continue
            if node.op.macro or node.op.id in _NAMED or not all(map(_is_small, node.outputs)):
                continue
            found = [known.get(t, t.type.array) for t in node.inputs]
            arrays = [a for a in found if a is not None and a.size <= FOLDED]
            if len(arrays) < len(found):
                continue
            try:
                results = evaluate(node.op, arrays, dict(node.attrs))
            except Exception:  # the run will raise it, if it gets there
                continue
            results = results if isinstance(results, (list, tuple)) else [results]
            known.update(zip(node.outputs, map(np.asarray, results), strict=False))

    def _name_weight(self, value: str, again: bool) -> str:
        raw, name, node = self._reader
        if node is None or self.made_here:
            return names.path(value)
        index = next((i for i, n in enumerate(node.input) if n == value), 0)
        block = again or self._called(node) != ""
        return names.weight_name("" if block else value, raw, name, node.op_type, index)

    def attribute(self, a: Any, scope: Scope) -> Any:
        """Convert an attribute of an ONNX node to a Python value. A subgraph becomes a `Body`, a
        tensor becomes an array.

        Raises:
            LeftOut: nodeflow does not support the attribute's kind or dtype.
        """
        kind = type(a)
        if a.type == kind.TENSOR:
            if a.t.data_type not in NUMPY_NAMES:
                raise LeftOut(f"its attribute {a.name} has a dtype that nodeflow lacks")
            return array_of(a.t)
        if a.type == kind.GRAPH:
            return Body(self, a.g, scope)
        if a.type == kind.STRING:
            return a.s.decode("utf-8", "replace")
        if a.type == kind.STRINGS:
            return [s.decode("utf-8", "replace") for s in a.strings]
        plain = {kind.INT: "i", kind.FLOAT: "f", kind.INTS: "ints", kind.FLOATS: "floats"}
        if a.type not in plain:
            raise LeftOut(f"its attribute {a.name} is of a kind that nodeflow lacks")
        found = getattr(a, plain[a.type])
        return found if a.type in (kind.INT, kind.FLOAT) else list(found)

    # ---- functions -----------------------------------------------------------------------

    def _built_in(self, domain: str, op: str) -> Any:
        """Return ONNX's own definition of an op by simpler ops, or None."""
        if domain or ("", op) in TRANSLATIONS:
            return None
        onnx = onnx_package()
        try:
            schema = onnx.defs.get_schema(op, self.versions.get("", 1), "")
        except Exception:  # there is no such op
            return None
        return schema.function_body if schema.has_function else None

    def _inline(self, node: Any, function: Any, scope: Scope, name: str) -> None:
        if self._depth > DEEPEST:
            raise OnnxFileError(f"the function {function.name!r} calls itself")
        if len(node.input) > len(function.input) or len(node.output) > len(function.output):
            raise OnnxFileError(f"{node.name!r} does not call {function.name!r} as it is declared")
        if own_domain(node.domain) == SUBGRAPHS:
            self.folded[name] = function.name
        inner = Scope(self.weights)
        inner.known = scope.known
        around = f"{self._around}{node.name or node.op_type}/"
        for formal, actual in zip(function.input, node.input, strict=False):
            if actual:
                self._reader = ("", name, node)
                if scope.holds_weight(actual) and not names.belongs(actual, around):
                    scope.tensor(actual)  # outside, so that all calls look alike
                inner.put_same(formal, scope, actual)
        given = {a.name: a for a in node.attribute}
        given = {**{a.name: a for a in function.attribute_proto}, **given}
        body = [
            _with_attributes(one, given, set(inner.tensors) | set(inner.arrays), function)
            for one in function.node
        ]
        before = self.versions, self._around
        self.versions, self._around = {**self.versions, **opsets(function)}, around
        self._depth += 1
        try:
            self.nodes(body, inner, f"{name}/")
        finally:
            self._depth -= 1
            self.versions, self._around = before
        for formal, actual in zip(function.output, node.output, strict=False):
            if actual:
                scope.put_same(actual, inner, formal)
                if scope.holder(actual) is None:
                    raise OnnxFileError(f"{function.name!r} does not make its output {formal!r}")

    def _ours(self, node: Any, scope: Scope, name: str) -> bool:
        """Read back a call of a function that nodeflow exported for a single node, as that node.
        Return whether this succeeded; if not, no nodes are left in the graph.
        """
        function = self.functions.get((OPS, node.op_type))
        given = {a.name: a.s for a in node.attribute if a.type == a.STRING}
        if function is None or not {OP, ATTRS, INPUTS} <= given.keys():
            return False
        mark = len(self.graph.nodes)
        before, self._reader = self._reader, ("", name, node)
        try:
            op = REGISTRY.lookup(given[OP].decode())
            where = dict(json.loads(given[INPUTS]))
            inputs: list[Any] = [None] * (max(where, default=-1) + 1)
            for index, place in where.items():
                inputs[index] = scope.tensor(node.input[place])
            with self.graph.name_scope(None):
                made = self.graph.add_node(op, inputs, json.loads(given[ATTRS]), name=name)
            for place, formal in enumerate(function.input):
                if place not in where.values():
                    self._give(f"{made.name}/{formal}", scope.array(node.input[place]))
        except OnnxFileError:
            raise
        except Exception:  # the nodes of the function are there as well
            self.graph.discard_since(mark, keep=())
            self.weights.forget_missing()
            return False
        finally:
            self._reader = before
        for output, tensor in zip(node.output, made.outputs, strict=False):
            scope.put(output, tensor)
        return True

    def _give(self, variable: str, array: np.ndarray | None) -> None:
        """Store an array of the file as the value of a variable that a layer created.

        Raises:
            LeftOut: the array is missing, or has another dtype or shape than the variable.
        """
        type_ = self.graph.node(variable).outputs[0].type
        if array is None or type_ != type_of_array(array).with_value(None):
            raise LeftOut(f"{variable} has other values in the file")
        self.weights.arrays[variable] = array

    # ---- nodes kept unchanged --------------------------------------------------------------

    def _opaque(self, node: Any, scope: Scope, name: str, why: str) -> list[Tensor | None]:
        domain = own_domain(node.domain)
        read = [n for n in [*node.input, *opaque.read_inside(node)] if n]
        types = [self.declared(output) for output in node.output]
        kept = [[t.dtype, None if not t.has_rank else list(t.shape)] for t in types]
        narrow = [(index, number_of(scope.narrow(n))) for index, n in enumerate(read)]
        attrs = {
            "missing": why,
            "types": kept,
            "narrow": [[index, number] for index, number in narrow if number],
            "node": opaque.encoded(node),
            "opset": self.versions.get(domain, 1),
        }
        op = opaque.Opaque(opaque.op_id(domain, node.op_type))
        made = self.graph.add_node(
            op, [scope.tensor(n) for n in read], attrs, name=self._free_again(name)
        )
        self.missing[made.name] = why
        return list(made.outputs)

    def _free_again(self, name: str) -> str:
        """Make a node's name available again after a failed translation. Return the name."""
        graph = self.graph
        if name not in graph._by_name:
            graph._taken.pop(name, None)
        return name

    def declared(self, name: str) -> TensorType:
        """Return the type of a value as the ONNX file declares it or shape inference finds it.
        Return float32 of unknown shape if neither does.
        """
        if self._declared is None:
            self._declared = _declared_types(self.model)
        found = self._declared.get(name)
        return found if found is not None else TensorType("float32", UNKNOWN)


class Body:
    """A graph in an attribute of a node, such as the body of a loop."""

    def __init__(self, translator: Translator, proto: Any, scope: Scope) -> None:
        self.translator, self.proto, self.scope = translator, proto, scope

    @property
    def outputs(self) -> list[str]:
        return [o.name for o in self.proto.output]

    def inline(self) -> list[Tensor]:
        """Write the graph in place and return its outputs."""
        return self.run([])

    def function(self) -> Callable[[], list[Tensor]]:
        """Return a function that translates the subgraph into the current graph and returns its
        outputs.
        """
        return self.inline

    def run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Translate the subgraph with these tensors as its inputs, and return its outputs.

        Raises:
            LeftOut: a node in it cannot be translated.
            OnnxFileError: subgraphs are nested too deeply.
        """
        inner = Scope(self.translator.weights, self.scope)
        for value, tensor in zip(self.proto.input, inputs, strict=False):
            inner.put(value.name, tensor)
        for tensor in self.proto.initializer:
            inner.put_array(tensor.name, array_of(tensor))
            inner.put_narrow(tensor.name, tensor.data_type)
        before, self.translator._depth = self.translator._depth, self.translator._depth + 1
        if before > DEEPEST:
            raise OnnxFileError("graphs in nodes are nested too deeply")
        try:
            self.translator.nodes(self.proto.node, inner)
        finally:
            self.translator._depth = before
        return [inner.tensor(name) for name in self.outputs]


def rename(graph: Graph, node: Node, name: str, own: Sequence[Node]) -> None:
    """Rename a new node, and the nodes that it generated."""
    old = node.name
    for one in own:
        if one is not node and not one.name.startswith(f"{old}/"):
            continue
        del graph._by_name[one.name]
        graph._taken.pop(one.name, None)
        one.name = name + one.name[len(old) :]
        one.stream = name + one.stream[len(old) :] if one.stream.startswith(old) else one.stream
        if one.derived_from == old:
            one.derived_from = name
        if one.made_by is not None and one.made_by.startswith(old):
            one.made_by = name + one.made_by[len(old) :]
        graph._by_name[one.name] = one
        graph._taken.setdefault(one.name, 1)


def _rename_keys(known: dict[str, Any], name: str, other: str) -> None:
    """Rename a node's key in a dict, and the keys below it, which begin with the name and a
    slash.
    """
    for key in [k for k in known if k == name or k.startswith(f"{name}/")]:
        known[other + key[len(name) :]] = known.pop(key)


def _why(error: Exception) -> str:
    return error.message if isinstance(error, NodeflowError) else str(error)


def _is_small(tensor: Tensor) -> bool:
    count = tensor.type.size if tensor.type.has_rank else None
    return count is not None and count <= FOLDED


def _with_attributes(node: Any, given: dict[str, Any], present: set[str], function: Any) -> Any:
    """Return a node of an ONNX function's body, prepared for one call. References to the function's
    attributes are replaced by the call's values. Inputs that the call omits become empty.
    """
    absent = {name for name in function.input if name not in present}
    if not any(a.ref_attr_name for a in node.attribute) and not absent.intersection(node.input):
        return node
    made = type(node)()
    made.CopyFrom(node)
    del made.attribute[:]
    for a in node.attribute:
        if not a.ref_attr_name:
            made.attribute.append(a)
        elif a.ref_attr_name in given:
            one = made.attribute.add()
            one.CopyFrom(given[a.ref_attr_name])
            one.name = a.name
    inputs = ["" if name in absent else name for name in made.input]
    del made.input[:]
    made.input.extend(inputs)
    return made


def type_of(value: Any) -> TensorType | None:
    """Return the type that a file declares for a value; None if nodeflow has no such type."""
    if not value.type.HasField("tensor_type"):
        return None
    found = value.type.tensor_type
    dtype = carrier(found.elem_type)
    if dtype is None:
        return None
    if not found.HasField("shape"):
        return TensorType(dtype, UNKNOWN)
    dims = tuple(
        d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else None
        for d in found.shape.dim
    )
    return TensorType(dtype, dims)


def _declared_types(model: Any) -> dict[str, TensorType]:
    onnx = onnx_package()
    graph = model.graph
    with contextlib.suppress(Exception):  # the inferred types are optional
        graph = onnx.shape_inference.infer_shapes(model).graph
    found = {v.name: type_of(v) for v in (*graph.value_info, *graph.output, *graph.input)}
    return {name: t for name, t in found.items() if t is not None}


__all__ = ["Body", "Translator", "type_of"]
