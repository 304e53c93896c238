"""Formulas typed by a user as nodes to add: ``p = softmax(relu(x @ W1 + b1) @ W2 + b2)``.

The text is parsed with Python's grammar (`ast`) and never evaluated: names are nodes, calls and
operators are ops, numbers become constants. Types are inferred while parsing, so that errors are
reported with their column before anything is added.
"""

from __future__ import annotations

import ast
from typing import Any

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.port_names import split_port
from nodeflow.document.analysis.subgraphs.subgraph_interface import border, port_names
from nodeflow.document.analysis.wiring.shown_ports import out_ports
from nodeflow.document.formula.function_calls import CallReader, is_negative
from nodeflow.document.formula.planner import ExpressionError, NewNode, Number, Plan, Value, is_bool
from nodeflow.document.formula.source import Source
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import NAME
from nodeflow.document.model.records import INPUTS
from nodeflow.errors import NodeflowError, suggest
from nodeflow.graph.types import COMPLEX, TensorType, literal
from nodeflow.ops import REGISTRY

BINARY = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "modulo",
    ast.Pow: "power",
    ast.MatMult: "matmul",
    ast.BitAnd: "logical_and",
    ast.BitOr: "logical_or",
    ast.And: "logical_and",
    ast.Or: "logical_or",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
}
UNARY = {
    ast.USub: "negative",
    ast.Invert: "logical_not",
    ast.Not: "logical_not",
}
DECLARABLE = ("placeholder", "variable", "constant")
"""Ops that can be added for an unknown name."""


__all__ = ["DECLARABLE", "ExpressionError", "NewNode", "Plan", "Value", "parse_expression"]


def parse_expression(
    doc: Document, analysis: Analysis, text: str, declare: str | None = None
) -> Plan:
    """Return the nodes that a formula would add, without changing the document.

    Args:
        text: statements, one per line or separated by ``;``: ``name = formula`` or a formula.
        declare: the op to add for unknown names (one of `DECLARABLE`).

    Raises:
        ExpressionError: a syntax error, an unknown name, or types that do not fit.
    """
    source = Source(text)
    reader = _Reader(doc, analysis, source, declare)
    try:
        module = source.parse()
        reader.read(module)
    except RecursionError:
        raise ExpressionError(
            "the formula is nested too deeply", hint="Split it into several statements."
        ) from None
    except SyntaxError as error:
        line, column = source.place_of_error(error)
        raise ExpressionError(
            source.explain(error), line=line, column=column, hint=source.advice(error)
        ) from None
    return reader.plan


class _Reader(CallReader):
    """A reader that walks the syntax tree: statements, names and operators."""

    # ---- statements -------------------------------------------------------------------------

    def read(self, module: ast.Module) -> None:
        if not module.body:
            raise ExpressionError("there is no formula yet", hint="Try a = (b + c) * (c + 2).")
        for statement in module.body:
            self._statement(statement)
        if self.unknown:
            self._refuse_unknown()

    def _statement(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Expr):
            result = self.read_operand(statement.value)
            if isinstance(result, Number):
                result = [self.constant(result, _own_dtype(result))]
            elif isinstance(self._index(result), str):
                text = "this adds nothing: the node is there already"
                raise self.error(statement, text, "Begin with a name and =.")
        elif isinstance(statement, ast.Assign):
            result = self._assign(statement)
        else:
            raise self.error(
                statement, "this is not a formula", "Write name = formula, or a formula alone."
            )
        index = self._index(result)
        if isinstance(index, int):
            self.plan.results.append(index)

    def _assign(self, statement: ast.Assign) -> list[Value]:
        target = statement.targets[0]
        if len(statement.targets) > 1 or not isinstance(target, (ast.Name, ast.Constant)):
            raise self.error(
                target, "only one name can stand before `=`", "Use one statement for each."
            )
        name = target.id if isinstance(target, ast.Name) else target.value
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise self.error(target, f"{name!r} is not a name", "Use letters, digits and _.")
        if name in self.local or self.doc.node_named(name) is not None:
            free = self.doc.fresh_name(name)
            raise self.error(target, f"there is a node {name!r} already", f"{free!r} is free.")
        result = self._named(self.read_operand(statement.value), name, statement.value)
        self.local[name] = result
        return result

    def _named(self, result: list[Value] | Number, name: str, source: ast.AST) -> list[Value]:
        """Return the outputs for a statement `name = ...`, after giving the name to the node that
        computes them.

        If the value is only a number or an existing node, add a node that has the name.
        """
        if isinstance(result, Number):
            return [self.constant(result, _own_dtype(result), name)]
        index = self._index(result)
        node = self.plan.nodes[index] if isinstance(index, int) else None
        whole = node is not None and len(node.outputs) == len(result)
        literals = {value.node for value in self.constants.values()}  # other terms may use them
        if node is not None and whole and node.name is None and index not in literals:
            node.name = name
            return result
        return self.apply(REGISTRY.lookup("identity"), result[:1], {}, source, name)

    def _index(self, result: list[Value] | Number) -> str | int | None:
        """Return the node that computes the value of a parsed statement: the index of a planned
        node, or the name of an existing one. For a number, return None.

        A node without outputs, such as an optimizer, is the last planned node.
        """
        if isinstance(result, Number):
            return None
        return result[0].node if result else len(self.plan.nodes) - 1

    def _refuse_unknown(self) -> None:
        name, node = next(iter(self.unknown.items()))
        known = [*self.doc.names, *(n for n in self.local if n not in self.unknown)]
        others = "" if len(self.unknown) == 1 else f" (and {', '.join([*self.unknown][1:])})"
        raise self.error(
            node,
            f"there is no node {name!r}{others}",
            suggest(name, known) or "Add it as a placeholder or a variable.",
            unknown=tuple(self.unknown),
        )

    # ---- formulas ---------------------------------------------------------------------------

    def read_operand(self, node: ast.expr) -> list[Value] | Number:
        """Evaluate an operand of a formula to output values, or to a number without a dtype."""
        if isinstance(node, (ast.Constant, ast.List, ast.Tuple)) or is_negative(node):
            return self._literal(node)
        if isinstance(node, ast.Name):
            return self._name(node.id, node)
        if isinstance(node, ast.BinOp):
            scoped = self._scoped(node)
            return scoped or self._binary(node.op, node.left, node.right, node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.BoolOp):
            return self._chain(node)
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.IfExp):
            args = [self.read_operand(part) for part in (node.test, node.body, node.orelse)]
            return self.apply(REGISTRY.lookup("where"), args, {}, node)
        if isinstance(node, ast.Attribute) and node.attr == "T":
            return self.apply(
                REGISTRY.lookup("transpose"), [self.read_operand(node.value)], {}, node
            )
        what = type(node).__name__.lower()
        raise self.error(node, f"{what} is not part of formulas", "Use names, ops and operators.")

    def _literal(self, node: ast.expr) -> list[Value] | Number:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self._name(node.value, node)
        try:
            value = ast.literal_eval(node)
            literal(value, "bool" if is_bool(value) else _widest(value))
        except (ValueError, TypeError, OverflowError, NodeflowError):
            raise self.error(
                node, "this is not a number", "Use numbers, True, False, or lists of numbers."
            ) from None
        return Number(value, node)

    def _name(self, name: str, node: ast.AST) -> list[Value]:
        if name in self.local:
            return self.local[name]
        record = self.doc.node_named(name)
        if record is not None:
            if record.op == DATASET:
                raise self.error(
                    node,
                    f"{name!r} is a dataset, and its columns can only feed placeholders",
                    "Use the placeholder it feeds.",
                )
            if record.id not in self.plan.uses:
                self.plan.uses.append(record.id)
            ports = [p for p in out_ports(self.doc, record, self.analysis) if p.kind != "control"]
            ports = [p for p in ports if p.kind != "slot"]
            return [Value(record.id, p.name, self._type(record.id, p.name)) for p in ports]
        held = border(self.doc, INPUTS)
        if held is not None and name in port_names(self.doc, INPUTS):
            if held.id not in self.plan.uses:
                self.plan.uses.append(held.id)
            return [Value(held.id, name, self._type(held.id, name))]
        return self._declare(name, node)

    def _type(self, node_id: str, port: str) -> TensorType | None:
        return (self.analysis.out_types(node_id) or {}).get(port)

    def _declare(self, name: str, node: ast.AST) -> list[Value]:
        """Plan a node for an unknown name. Its type is unknown, because the user sets its shape
        later.
        """
        if self.declare is None:
            self.unknown.setdefault(name, node)
        new = NewNode(self.declare or DECLARABLE[0], name, {"dtype": "float32"})
        new.outputs = {"out": None}
        self.local[name] = self.add(new, node)
        return self.local[name]

    def _scoped(self, node: ast.BinOp) -> list[Value] | None:
        """Return the outputs of a node whose name has slashes, such as ``layer/weights``.

        Python parses such a name as a division. Return None if it is a division: ``layer`` is the
        name of a node, or no node is called ``layer/weights``.
        """
        parts: list[str] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Div):
            if not isinstance(left.right, ast.Name):
                return None
            parts.append(left.right.id)
            left = left.left
        if not isinstance(left, ast.Name) or not parts or left.id in self.local:
            return None
        name = "/".join([left.id, *reversed(parts)])
        if self.doc.node_named(left.id) is None and self.doc.node_named(name) is not None:
            return self._name(name, node)
        return None

    def _binary(self, op: ast.AST, left: ast.expr, right: ast.expr, node: ast.AST) -> list[Value]:
        op_id = BINARY.get(type(op))
        if op_id is None:
            hint = "Powers are written **." if isinstance(op, ast.BitXor) else None
            raise self.error(node, "there is no op for this operator", hint)
        args = [self.read_operand(left), self.read_operand(right)]
        return self.apply(REGISTRY.lookup(op_id), args, {}, node)

    def _unary(self, node: ast.UnaryOp) -> list[Value] | Number:
        operand = self.read_operand(node.operand)
        if isinstance(node.op, ast.UAdd):
            return operand
        return self.apply(REGISTRY.lookup(UNARY[type(node.op)]), [operand], {}, node)

    def _chain(self, node: ast.BoolOp) -> list[Value] | Number:
        result = self.read_operand(node.values[0])
        for part in node.values[1:]:
            op = REGISTRY.lookup(BINARY[type(node.op)])
            result = self.apply(op, [result, self.read_operand(part)], {}, node)
        return result

    def _compare(self, node: ast.Compare) -> list[Value]:
        if len(node.ops) > 1:
            raise self.error(
                node.comparators[1], "one comparison at a time", "Write (a < b) & (b < c)."
            )
        return self._binary(node.ops[0], node.left, node.comparators[0], node)

    def _subscript(self, node: ast.Subscript) -> list[Value]:
        """Evaluate a subscript in a formula.

        ``split[1]`` is an output of a node with several; a single tensor is sliced as in numpy.
        """
        outputs = self.read_operand(node.value)
        if isinstance(outputs, Number):
            raise self.error(node, "a number has no parts")
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        several = len(outputs) > 1 or (outputs and split_port(outputs[0].port)[1] is not None)
        if several:
            index = _whole(items[0]) if len(items) == 1 else None
            if index is None or not -len(outputs) <= index < len(outputs):
                raise self.error(node.slice, f"there {_outputs(len(outputs))}, from [0]")
            return [outputs[index]]
        begin, end, strides, dropped = [], [], [], []
        for axis, item in enumerate(items):
            first, last, step, single = self._slice(item)
            begin.append(first)
            end.append(last)
            strides.append(step)
            dropped += [axis] if single else []
        attrs: dict[str, Any] = {"begin": begin, "end": end}
        if any(step != 1 for step in strides):
            attrs["strides"] = strides
        result = self.apply(REGISTRY.lookup("strided_slice"), [outputs], attrs, node)
        if dropped:
            axis = {"axis": dropped}
            result = self.apply(REGISTRY.lookup("squeeze"), [result], axis, node)
        return result

    def _slice(self, item: ast.expr) -> tuple[int, int | None, int, bool]:
        if isinstance(item, ast.Slice):
            parts = [item.lower, item.upper, item.step]
            numbers = [None if part is None else _whole(part) for part in parts]
            if all(n is not None or p is None for n, p in zip(numbers, parts, strict=True)):
                return numbers[0] or 0, numbers[1], numbers[2] or 1, False
        index = _whole(item)
        if index is None:
            raise self.error(item, "an index is a whole number or a slice", "Or use gather.")
        return index, index + 1 if index != -1 else None, 1, True


def _own_dtype(number: Number) -> str:
    """Return the dtype of a number that stands alone: the dtype of a new constant in the window."""
    return "bool" if is_bool(number.value) else "float32"


def _widest(value: Any) -> str:
    """Return the widest dtype for a number, or for lists of numbers: `float64` or `complex128`."""
    if isinstance(value, (list, tuple)):
        return next((k for k in map(_widest, value) if k in COMPLEX), "float64")
    return "complex128" if isinstance(value, complex) else "float64"


def _outputs(count: int) -> str:
    return "is 1 output" if count == 1 else f"are {count} outputs"


def _whole(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
