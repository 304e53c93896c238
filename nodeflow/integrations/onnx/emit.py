"""Writes nodes of a graph as ONNX nodes, for the rules of ops.

An `Emitter` writes one list of nodes: of a graph or a function. `value` returns the name of a
tensor, and first writes the nodes that compute it, so a rule reads like the formula of its op.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, SurfaceText
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.reference_evaluation import evaluate
from nodeflow.graph.types import COMPLEX, TensorType, literal, numpy_dtype
from nodeflow.integrations.onnx.call import NUMPY_NAMES
from nodeflow.integrations.onnx.errors import onnx_package
from nodeflow.integrations.onnx.own import FOREIGN
from nodeflow.ops.training_mode import is_flag

NUMBERS = {name: number for number, name in NUMPY_NAMES.items()}
OLDEST_WRITTEN = 18


class NotInOnnx(GraphError):
    """A graph holds something that ONNX cannot express.

    Remedy: Replace the nodes that the message names, or export what does not depend on them.
    """

    missing: Mapping[str, str] = MappingProxyType({})
    """For each node that cannot be written, the reason, if the error names several nodes."""


DRAWS = SurfaceText(
    "Name a value that depends on no drawn numbers, or feed them by a placeholder.",
    cli="Name another value with --fetch, or feed the numbers by a placeholder.",
    window="Feed the numbers by a placeholder.",
)

Rule = Callable[["Emitter", Node], Any]
RULES: dict[str, Rule] = {}
"""The rules by op id. A rule returns the names of the op's outputs."""
COMPLEX_RULES: dict[str, Rule] = {}
"""The rules for nodes with complex inputs or outputs."""


def rule(*ids: str) -> Callable[[Rule], Rule]:
    """Return a decorator that registers a function as the rule for exporting nodes of these ops to
    ONNX.
    """

    def register(function: Rule) -> Rule:
        for op_id in ids:
            RULES[op_id] = function
        return function

    return register


def complex_rule(*ids: str) -> Callable[[Rule], Rule]:
    """Return a decorator that registers a function as the rule for exporting nodes of these ops to
    ONNX if an input or output is complex.
    """

    def register(function: Rule) -> Rule:
        COMPLEX_RULES.update(dict.fromkeys(ids, function))
        return function

    return register


def has_complex(node: Node) -> bool:
    """Return whether a node has complex inputs or outputs."""
    return any(t.type.dtype in COMPLEX for t in (*node.inputs, *node.outputs))


def held(type_: TensorType) -> TensorType:
    """Return the type that a tensor has in an ONNX file.

    Complex numbers become pairs along a new last axis, because few programs support complex
    numbers.
    """
    if type_.dtype not in COMPLEX:
        return type_
    dtype = "float32" if type_.dtype == "complex64" else "float64"
    return TensorType(dtype, (*type_.shape, 2) if type_.has_rank else type_.shape)


class Emitter:
    """The writer of one list of nodes.

    Args:
        opset: opset version of ONNX's own domain.
        prefix: prefix of the graph's node names that is omitted in the list.

    Attributes:
        weight: returns the name of a tensor from outside the list; None for a computed one.
    """

    def __init__(self, opset: int, prefix: str = "") -> None:
        self.opset, self.prefix = opset, prefix
        self.nodes: list[Any] = []
        self.names: dict[Tensor, str] = {}
        self.types: dict[str, TensorType] = {}
        self.node_name = ""
        self.weight: Callable[[Tensor], str | None] = lambda tensor: None

    # ---- values -------------------------------------------------------------------------------

    def value(self, tensor: Tensor) -> str:
        """Return the ONNX name of a tensor's value. At the first call, export the nodes that
        compute it.
        """
        if tensor not in self.names:
            name = self._found(tensor)
            self.names[tensor] = name
            self.types[name] = held(tensor.type)
        return self.names[tensor]

    def _found(self, tensor: Tensor) -> str:
        node = tensor.node
        if node.op.id == "constant":
            return self.array(constant_of(node), self.own(node.name))
        if is_flag(tensor):
            return self.array(np.array(False), self.own(node.name))
        given = self.weight(tensor)
        if given is not None:
            return given
        self.write(node)
        return self.names[tensor]

    def own(self, name: str) -> str:
        """Return the name of a node without the prefix of the subgraph that is being exported."""
        return name.removeprefix(self.prefix)

    def write(self, node: Node) -> None:
        """Export a node to ONNX, after the nodes that it depends on.

        Raises:
            NotInOnnx: there is no rule for the node.
        """
        before, self.node_name = self.node_name, self.own(node.name)
        try:
            kept = FOREIGN if node.op.id.startswith(FOREIGN) else ""
            rules = COMPLEX_RULES if has_complex(node) else RULES
            function = rules.get(kept or node.op.id)
            if function is not None:
                made = function(self, node)
                made = [made] if isinstance(made, str) else list(made)
            elif node.alias:
                made = [None if t is None else self.value(t) for t in node.alias]
            elif _is_fixed(node):
                made = [self.array(evaluate(node.op, (), dict(node.attrs)), self.node_name)]
            else:
                what = f"{node.op.id} of complex numbers" if has_complex(node) else node.op.id
                hint = DRAWS if node.op.random else None
                raise NotInOnnx(f"ONNX has nothing for {what}", node=node.name, hint=hint)
        except GraphError as error:
            raise error.at(node.name) from None
        finally:
            self.node_name = before
        for tensor, name in zip(node.outputs, made, strict=False):
            if name is not None:
                self.names[tensor] = name
                self.types[name] = held(tensor.type)

    def array(self, array: np.ndarray, name: str) -> str:
        """Add an array as a constant and return its name."""
        name = self._fresh(name)
        if array.dtype.name not in NUMBERS:
            raise NotInOnnx(f"ONNX has no dtype {array.dtype}")
        self.types[name] = TensorType(array.dtype.name, array.shape)
        onnx = onnx_package()
        tensor = onnx.numpy_helper.from_array(np.asarray(array, order="C"))
        self.nodes.append(onnx.helper.make_node("Constant", [], [name], name, value=tensor))
        return name

    def ints(self, values: Sequence[int] | int, role: str) -> str:
        """Add integers, which ONNX takes as an input and not as an attribute, as a constant. Return
        its name.
        """
        return self.array(np.array(values, "int64"), f"{self.node_name}_{role}")

    def number(self, value: Any, dtype: str, role: str) -> str:
        """Add a number of a dtype that ONNX takes as an input. Return its name."""
        return self.array(np.array(value).astype(numpy_dtype(dtype)), f"{self.node_name}_{role}")

    # ---- nodes --------------------------------------------------------------------------------

    def node(
        self,
        op: str,
        inputs: Sequence[str],
        *,
        type: TensorType | None = None,
        outputs: int = 1,
        domain: str = "",
        **attrs: Any,
    ) -> Any:
        """Add an ONNX node to the exported graph. Return the name of its output, or a list of
        names.

        Args:
            type: type of its output, if a later step of a rule needs it.
            attrs: attributes; an attribute that is None is omitted.

        Raises:
            NotInOnnx: ONNX has no such op for the dtypes of its inputs.
        """
        onnx = onnx_package()
        if not domain:
            self._check(op, inputs)
        name = self._fresh(self.node_name)
        made = [name, *(f"{name}:{i}" for i in range(1, outputs))]
        kept = {key: value for key, value in sorted(attrs.items()) if value is not None}
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        proto = onnx.helper.make_node(op, inputs, made, name, domain=domain, **kept)
        self.nodes.append(proto)
        if type is not None:
            self.types[name] = type
        return made[0] if outputs == 1 else made

    def _fresh(self, name: str) -> str:
        """Reserve and return a name that is not in use, by appending a number if necessary."""
        found, number = name, 1
        while found in self.types:
            found, number = f"{name}_{number}", number + 1
        self.types.setdefault(found, TensorType("float32", ()))
        return found

    def _check(self, op: str, inputs: Sequence[str]) -> None:
        onnx = onnx_package()
        try:
            schema = onnx.defs.get_schema(op, self.opset, "")
        except Exception:
            raise NotInOnnx(f"opset {self.opset} of ONNX has no {op}") from None
        allowed = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
        formal = list(schema.inputs)
        for index, name in enumerate(inputs):
            port = formal[min(index, len(formal) - 1)]
            kinds = allowed.get(port.type_str, [port.type_str])
            known = self.types.get(name)
            if kinds is None or known is None or not name:
                continue
            kind = {"float32": "float", "float64": "double"}.get(known.dtype, known.dtype)
            if f"tensor({kind})" not in kinds:
                raise NotInOnnx(f"ONNX's {op} takes no {known.dtype}")


def _is_fixed(node: Node) -> bool:
    """Return whether a node computes the same value in every run: it has no inputs, no random
    numbers and no state.
    """
    single = not node.inputs and len(node.outputs) == 1
    return single and not (node.op.random or node.op.stateful)


def constant_of(node: Node) -> np.ndarray:
    """Return a constant's value as stored in a file."""
    value = node.attrs["value"]
    array = np.asarray(
        value if isinstance(value, np.ndarray) else literal(value, node.attrs["dtype"])
    )
    return np.stack([np.real(array), np.imag(array)], axis=-1) if array.dtype.kind == "c" else array


def static(tensor: Tensor, what: str) -> tuple[int, ...]:
    """Return the sizes of a tensor.

    Raises:
        NotInOnnx: a size is known only at run time.
    """
    if not tensor.type.is_static:
        raise NotInOnnx(f"{what} has to have sizes that are known before a run")
    return tuple(d for d in tensor.type.shape if d is not None)
