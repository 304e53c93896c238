"""The nodes that a formula adds, with inferred types, checked while they are planned."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.formula.source import Source
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.errors import LiteralError, NodeflowError
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.op import Op
from nodeflow.graph.types import TensorType, complex_text, literal

MOST_NODES = 2000


class ExpressionError(DocumentError):
    """An invalid formula, at `line` and `column` (from 0) and the next `length` characters.

    Remedy: Correct the formula at the place that is marked.

    `unknown` lists the unknown names, if that is the cause: they can be declared.
    """

    def __init__(self, message: str, *, hint: str | None = None, **where: Any) -> None:
        super().__init__(message, hint=hint)
        self.line: int = where.get("line", 0)
        self.column: int = where.get("column", 0)
        self.length: int = where.get("length", 1)
        self.unknown: tuple[str, ...] = where.get("unknown", ())


@dataclass(frozen=True)
class Value:
    """One tensor of the formula.

    `node` is the id of a node of the document, or the index of a new node in `Plan.nodes`. `type`
    is None if unknown.
    """

    node: str | int
    port: str
    type: TensorType | None


@dataclass(frozen=True)
class Number:
    """A literal that takes its dtype from the other operand."""

    value: Any
    source: ast.AST


@dataclass
class NewNode:
    """A node to add: its inputs by port, and the types of its outputs if known.

    `share` is the node whose weights it uses, as in `Value.node`; None if it has its own.
    """

    op: str
    name: str | None
    attrs: dict[str, Any]
    inputs: dict[str, Value] = field(default_factory=dict)
    outputs: dict[str, TensorType | None] = field(default_factory=dict)
    share: str | int | None = None

    def values(self, index: int) -> list[Value]:
        return [Value(index, port, kind) for port, kind in self.outputs.items()]


@dataclass
class Plan:
    """The nodes that a formula adds, sources first.

    `uses` has the ids of the nodes it refers to, `results` the indices of its statements' values.
    `warnings` are sentences about nodes that can be added but are probably a mistake.
    """

    nodes: list[NewNode] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Planner:
    """The collector of a formula's new nodes, and the base class of its parser."""

    def __init__(
        self, doc: Document, analysis: Analysis, source: Source, declare: str | None
    ) -> None:
        self.doc, self.analysis, self.source, self.declare = doc, analysis, source, declare
        self.plan = Plan()
        self.local: dict[str, list[Value]] = {}
        self.unknown: dict[str, ast.AST] = {}
        self.constants: dict[tuple[str, str], Value] = {}

    def apply(
        self,
        op: Op,
        inputs: list[Any],
        attrs: Mapping[str, Any],
        node: ast.AST,
        name: str | None = None,
        share: str | int | None = None,
    ) -> list[Value]:
        """Add a node for an op to the planned nodes, and return its output values.

        Plain numbers among the inputs become constants with the dtype of the other inputs.
        """
        flat = [self.single(item, node) for item in inputs]
        values = [
            self.constant(item, self.dtype(op, flat, i)) if isinstance(item, Number) else item
            for i, item in enumerate(flat)
        ]
        new = NewNode(op.id, name, op.first_attrs(attrs), share=share)
        new.inputs = {op.input_name(i): value for i, value in enumerate(values)}
        new.outputs = self.infer(op, values, new, node)
        if op.category == "Loss":
            self.plan.warnings += loss_warnings(self, op.id, new.inputs)
        return self.add(new, node)

    def source_ops(self, value: Value) -> set[str]:
        """Return the ops of all nodes that a value depends on."""
        found: set[str] = set()
        waiting, seen = [value.node], {value.node}
        while waiting:
            node = waiting.pop()
            if isinstance(node, str):
                found |= {self.doc.nodes[i].op for i in self.analysis.ancestors(node)}
                continue
            found.add(self.plan.nodes[node].op)
            inputs = [each.node for each in self.plan.nodes[node].inputs.values()]
            waiting += [each for each in inputs if each not in seen]
            seen.update(inputs)
        return found

    def op_of(self, value: Value) -> str:
        """Return the op that computes a value."""
        if isinstance(value.node, str):
            return self.doc.nodes[value.node].op
        return self.plan.nodes[value.node].op

    def single(self, item: Any, node: ast.AST) -> Value | Number:
        if isinstance(item, (Number, Value)):
            return item
        if len(item) != 1:
            text = "has no value" if not item else f"has {len(item)} outputs"
            raise self.error(node, f"what goes in {text}", "Pick one: parts[0]." if item else None)
        return item[0]

    def dtype(self, op: Op, flat: list[Any], index: int) -> str:
        """Return the dtype for a number that is an operand of an op and has no dtype yet.

        It is the dtype of a tensor among the operands that must have the same dtype, else one that
        the port accepts.

        Args:
            flat: all operands of the op.
            index: the position of the number among them.
        """
        port = op.input_port(index)
        value = flat[index].value
        for i, item in enumerate(flat):
            same = port.group is not None and op.input_port(i).group == port.group
            if same and isinstance(item, Value) and item.type is not None:
                return item.type.dtype
        if is_bool(value) and "bool" in port.dtypes:
            return "bool"
        first = "complex64" if isinstance(value, complex) else "float32"
        return next(d for d in (first, *port.dtypes) if d in port.dtypes)

    def constant(self, number: Number, dtype: str, name: str | None = None) -> Value:
        value = number.value
        if dtype.startswith("float") and not isinstance(value, (bool, list, tuple)):
            value = float(value)
        try:
            literal(value, dtype)
        except LiteralError as error:
            raise self.error(number.source, error.message, error.hint) from None
        value = _listed(value)
        key = (dtype, repr(value))
        if key not in self.constants or name is not None:
            new = NewNode("constant", name, {"dtype": dtype, "value": value})
            new.outputs = {"out": TensorType(dtype, literal(value, dtype).shape)}
            found = self.add(new, number.source)[0]
            if name is None:
                self.constants[key] = found
            return found
        return self.constants[key]

    def infer(
        self, op: Op, values: list[Value], new: NewNode, node: ast.AST
    ) -> dict[str, TensorType | None]:
        known = [value.type for value in values]
        names = [port.name for port in op.outputs]
        try:
            bound = op.bind_attrs(new.attrs)
            types = [t for t in known if t is not None]
            if len(types) == len(known):
                result = infer_types(op, types, bound)
                return {op.output_name(i): t for i, t in enumerate(result)}
        except NodeflowError as error:
            raise self.error(node, error.message, error.hint) from None
        return {} if not names else dict.fromkeys([op.output_name(0)])

    def add(self, new: NewNode, node: ast.AST) -> list[Value]:
        if len(self.plan.nodes) >= MOST_NODES:
            raise self.error(node, f"a formula adds at most {MOST_NODES} nodes")
        self.plan.nodes.append(new)
        return new.values(len(self.plan.nodes) - 1)

    def error(
        self, node: ast.AST, message: str, hint: str | None = None, **more: Any
    ) -> ExpressionError:
        line, column, length = self.source.place(node)
        return ExpressionError(message, hint=hint, line=line, column=column, length=length, **more)


def loss_warnings(planner: Planner, op: str, inputs: Mapping[str, Value]) -> list[str]:
    """Return likely mistakes in the inputs of a loss: swapped inputs, or probabilities as
    logits."""
    labels = inputs.get("labels")
    port = "logits" if "logits" in inputs else "predictions"
    answers = inputs.get(port)
    if labels is None or answers is None:
        return []
    found = []
    swapped = "variable" in planner.source_ops(labels)
    if swapped and "variable" not in planner.source_ops(answers):
        found.append(f"{op}: labels depends on variables and {port} does not. Are they swapped?")
    elif port == "logits" and planner.op_of(answers) in ("softmax", "sigmoid"):
        found.append(
            f"{op}: logits comes from {planner.op_of(answers)}, which {op} applies itself."
        )
    return found


def _listed(value: Any) -> Any:
    """Return a literal as a JSON value."""
    if isinstance(value, complex):
        return complex_text(value)
    return [_listed(item) for item in value] if isinstance(value, (list, tuple)) else value


def is_bool(value: Any) -> bool:
    """Return whether a literal is a bool or a list of bools."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(is_bool(item) for item in value)
    return isinstance(value, bool)
