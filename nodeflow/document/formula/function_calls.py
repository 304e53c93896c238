"""Calls in formulas: ``reduce_sum(x, axis=1)`` stands for an op, its inputs and its attributes."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from nodeflow.document.formula.planner import Number, Planner, Value
from nodeflow.document.model.names import NAME
from nodeflow.errors import NodeflowError, suggest
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Op
from nodeflow.ops import REGISTRY
from nodeflow.ops.layers.sharing import can_share

LAYERS = "layers"
"""The family of ops that can be called without its name, if no other op has the name:
`dense(x)`."""


class CallReader(Planner):
    """The base class of the formula reader that plans the node of a call."""

    def read_operand(self, node: ast.expr) -> list[Value] | Number:
        """Return the output values of an operand, or a number that has no dtype yet."""
        raise NotImplementedError

    def call(self, node: ast.Call) -> list[Value]:
        owner = self._owner(node.func)
        op = self._op(node.func) if owner is None else REGISTRY.lookup(owner[1])
        called = op.call_name if owner is None else ast.unparse(node.func)
        inputs: list[list[Value] | Number] = []
        attrs: dict[str, Any] = {} if owner is None else dict(owner[2])
        name: str | None = None
        given = {k.arg: k for k in node.keywords}
        rest = list(node.args)
        wired: set[str] = set()
        last = self._last_wired(op, given, rest)
        for place, port in enumerate(op.inputs):
            twin = port.name in op.twins
            if twin and place > last:
                break  # from here on, all arguments are attributes
            keyword = given.get(port.name)
            if keyword is not None and (twin or not is_setting(op, port, keyword.value)):
                del given[port.name]
                wired.add(port.name)
                inputs += self._port_operands(port, [keyword.value])
            elif rest and (twin or not (port.optional and is_literal(rest[0]))):
                wired.add(port.name)
                taken = rest if port.variadic else rest[:1]
                rest = [] if port.variadic else rest[1:]
                inputs += self._port_operands(port, taken)
            elif not port.optional and not port.variadic:
                known = ", ".join(p.name for p in op.inputs)
                raise self.error(node, f"{called} needs {port.name!r}", f"It takes {known}.")
            elif twin:
                raise self.error(node, f"{op.call_name} needs {port.name!r}, too")
        free = [a for a in op.attrs if a.name not in given and a.name not in wired]
        if owner is not None:
            free = []  # it has the owner's attributes
        if len(rest) > len(free):
            raise self.error(rest[len(free)], f"{called} takes no further argument")
        for attr, value in zip(free, rest):
            attrs[attr.name] = self._attribute(op, attr, value)
        for key, keyword in given.items():
            if key == "name":
                name = self._own_name(keyword.value)
            else:
                attrs[key or ""] = self._keyword(op, key, keyword)
        return self.apply(op, inputs, attrs, node, name, None if owner is None else owner[0])

    def _owner(self, func: ast.expr) -> tuple[str | int, str, Mapping[str, Any]] | None:
        """Return the layer that a call applies again, with its op and attributes; None if the call
        names an op.

        Raises ExpressionError if it names a node that is no layer.
        """
        name = func.id if isinstance(func, ast.Name) else None
        if name is not None and named_op(name) is not None:
            return None
        if isinstance(func, ast.Constant) and isinstance(func.value, str):
            name = func.value  # in quotes, so it is a node's name even if an op has it, too
        if name is None or not self._is_known(name):
            return None
        found: str | int | None = None
        if name in self.local:
            found = self.local[name][0].node if self.local[name] else None
        elif (record := self.doc.node_named(name)) is not None:
            found = record.id
        if found is not None:
            node = self.doc.nodes[found] if isinstance(found, str) else self.plan.nodes[found]
            if can_share(node.op):
                return found, node.op, node.attrs
        raise self.error(
            func,
            f"{name!r} is no layer, so a formula cannot apply it again",
            "Call an op, or a layer of the graph to share its weights.",
        )

    @staticmethod
    def _last_wired(op: Op, given: dict[str | None, ast.keyword], rest: list[ast.expr]) -> int:
        """Return the index of the last in-port whose argument is not a literal.

        All ports before it need wires.
        """
        values = dict(zip((p.name for p in op.inputs if p.name not in given), rest, strict=False))
        values |= {name: keyword.value for name, keyword in given.items() if name is not None}
        wired = (i for i, p in enumerate(op.inputs) if p.name in values
                 and not is_literal(values[p.name]))  # fmt: skip
        return max(wired, default=-1)

    def _op(self, func: ast.expr) -> Op:
        op_id = _called(func)
        if (op := named_op(op_id)) is not None:
            return op
        shown = op_id or ast.unparse(func)
        ids = [op.call_name for op in REGISTRY if not op.hidden]
        ids += [record.name for record in self.doc.nodes.values() if can_share(record.op)]
        hint = suggest(shown, ids) or "The ops panel lists them."
        raise self.error(func, f"there is no op {shown!r}", hint)

    def _port_operands(self, port: Port, nodes: list[ast.expr]) -> list[list[Value] | Number]:
        if port.variadic and len(nodes) == 1 and isinstance(nodes[0], (ast.List, ast.Tuple)):
            nodes = list(nodes[0].elts)
        operands = [self.read_operand(node) for node in nodes]
        if port.variadic and len(operands) == 1 and isinstance(operands[0], list):
            return [[value] for value in operands[0]]  # all outputs of one node
        return operands

    def _keyword(self, op: Op, key: str | None, keyword: ast.keyword) -> Any:
        names = [a.name for a in op.attrs]
        if key is None or key not in names:
            known = f"It has {', '.join(names)}." if names else f"{op.call_name} has none."
            hint = suggest(key or "", names) or known
            if key in ("share", "reuse") and can_share(op.id):
                hint = "To share the weights of a layer, call it by its name: NAME(x)."
            raise self.error(keyword, f"{op.call_name} has no attribute {key!r}", hint)
        return self._attribute(op, op.attr(key), keyword.value)

    def _attribute(self, op: Op, attr: Attr, node: ast.expr) -> Any:
        if attr.kind == "shape" and isinstance(node, (ast.List, ast.Tuple)):
            node = self._sizes(op, node)
        named = attr.kind in ("dtype", "initializer")
        if isinstance(node, ast.Name) and (named or node.id in attr.choices):
            value: Any = node.id
        else:
            try:
                value = ast.literal_eval(_with_names(node) if attr.kind == "names" else node)
            except (ValueError, TypeError, SyntaxError, MemoryError):
                raise self.error(
                    node,
                    f"{op.call_name}'s {attr.name} is not a value",
                    "Write numbers, texts or lists.",
                ) from None
        try:
            checked = attr.check(value)
        except NodeflowError as error:
            raise self.error(node, error.message, error.hint) from None
        return list(checked) if isinstance(checked, tuple) else checked

    def _sizes(self, op: Op, shape: ast.List | ast.Tuple) -> ast.expr:
        """Return a shape with None in place of unknown names: ``[None, 784]`` for ``[n, 784]``.

        Raises ExpressionError if a name is a node.
        """
        for size in shape.elts:
            if isinstance(size, ast.Name) and self._is_known(size.id):
                raise self.error(
                    size,
                    f"{op.call_name}'s shape has numbers, and {size.id!r} is a node",
                    "Write None, or a name that no node has, for an unknown size.",
                )
        sizes = [ast.Constant(None) if isinstance(e, ast.Name) else e for e in shape.elts]
        return ast.copy_location(ast.List(sizes, ast.Load()), shape)

    def _is_known(self, name: str) -> bool:
        return name in self.local or self.doc.node_named(name) is not None

    def _own_name(self, node: ast.expr) -> str:
        name = node.value if isinstance(node, ast.Constant) else None
        if isinstance(name, str) and NAME.fullmatch(name) and not self.doc.node_named(name):
            return name
        raise self.error(node, "this name cannot be used", "Use letters, digits and _ in quotes.")


def named_op(name: str) -> Op | None:
    """Return the op that a call names: `relu`, or `dense` for `layers/dense`; None if there is
    none.
    """
    found = (REGISTRY.lookup(i) for i in (name, f"{LAYERS}/{name}") if i in REGISTRY)
    op = next(found, None)
    return None if op is None or op.hidden else op


def is_setting(op: Op, port: Port, value: ast.expr) -> bool:
    """Return whether a value is a literal for the attribute that has the same name as the port."""
    return is_literal(value) and any(attr.name == port.name for attr in op.attrs)


def _called(func: ast.expr) -> str:
    """Return the op id of a call: `relu` for `nf.relu`, `layers/dense` for `layers.dense`."""
    parts: list[str] = []
    while isinstance(func, ast.Attribute):
        parts.insert(0, func.attr)
        func = func.value
    if not isinstance(func, ast.Name):
        return ""
    if func.id not in ("nf", "nodeflow") or not parts:
        parts.insert(0, func.id)
    return "/".join(parts)


def is_negative(node: ast.expr) -> bool:
    """Return whether a node is a number with a sign, which counts as one literal."""
    if not isinstance(node, ast.UnaryOp) or not isinstance(node.op, (ast.USub, ast.UAdd)):
        return False
    number = node.operand
    return isinstance(number, ast.Constant) and not isinstance(number.value, (str, bool))


def is_literal(node: ast.expr) -> bool:
    """Return whether a syntax tree node is a constant, a list, a tuple or a negative number."""
    return isinstance(node, (ast.Constant, ast.List, ast.Tuple)) or is_negative(node)


def _with_names(node: ast.expr) -> ast.expr:
    """Return a list of plain names as a list of strings."""
    if isinstance(node, (ast.List, ast.Tuple)):
        items = [ast.Constant(e.id) if isinstance(e, ast.Name) else e for e in node.elts]
        return ast.List(items, ast.Load())
    return node
