"""The lines of a function's body: one for each node, with its shape as a comment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from nodeflow.exchange.code.array_ops import INFIX
from nodeflow.exchange.code.dialect import Call, Dialect, literal
from nodeflow.exchange.code.program import Program
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import shape_text

WIDTH = 88
INDENT = "    "
SIGNED = {*INFIX, "divide"}
"""Ops that are written with a sign between their inputs."""


def body(
    program: Program,
    nodes: Iterable[Node],
    dialect: Dialect,
    variable: str = "{}",
    shapes: bool = True,
) -> Iterator[str]:
    """Assignments for some nodes.

    Args:
        variable: how a variable is read: ``self.{}``, or ``params["{}"]``.
        shapes: with comments that say dtype and shape.
    """

    nodes = list(nodes)
    inlined = {n for n in nodes if _is_inlined(n, nodes, program)}

    def value(tensor: Tensor) -> str:
        written = program.value(tensor)
        node = program.stands.get(tensor, tensor).node
        if node in inlined:
            number = literal(node.attrs["value"])
            return f"({number})" if number.startswith("-") else number
        return variable.format(written) if node.op.id == "variable" else written

    for node in nodes:
        if node in inlined:
            continue
        call = Call(node, tuple(map(value, node.inputs)), program.code[node])
        line = f"{program.code[node]} = {dialect.expression(call)}"
        if len(line) > WIDTH - 2 * len(INDENT) and node.op.id in SIGNED:
            yield f"{program.code[node]} = ("
            yield f"{INDENT}{dialect.expression(call)}"
            yield ")"
            continue
        said = f"  # {shape_text(node.outputs[0].shape)}" if shapes and node.outputs else ""
        yield line + (said if len(line) + len(said) <= WIDTH - 2 * len(INDENT) else "")


def _is_inlined(node: Node, nodes: Iterable[Node], program: Program) -> bool:
    """Whether a node is a number that stands in the expressions that read it: they are arithmetic
    with a tensor of the same dtype, which decides the dtype of the result."""
    if node.op.id != "constant" or node.outputs[0].shape != () or node in program.predictions:
        return False

    def source(tensor: Tensor) -> Node:
        return program.stands.get(tensor, tensor).node

    users = [n for n in nodes if any(source(t) is node for t in n.inputs)]
    return all(
        user.op.id in SIGNED and any(source(t).op.id != "constant" for t in user.inputs)
        for user in users
    )


def indented(lines: Iterable[str], depth: int = 1) -> str:
    return "\n".join(INDENT * depth + line if line else "" for line in lines)


def helpers_in(text: str, helpers: Mapping[str, str]) -> str:
    """The helpers that some code calls, as text."""
    used = [found for name, found in helpers.items() if re.search(rf"(?<![.\w]){name}\(", text)]
    return "\n\n".join(used)


def described(nodes: Iterable[Node]) -> list[str]:
    """Lines of a docstring about what is fed or found."""
    return [f"{node.name}: {node.outputs[0].type}" for node in nodes]


def class_name(name: str) -> str:
    """``mnist_cnn`` as ``MnistCnn``."""
    found = "".join(part.capitalize() for part in re.split(r"[^0-9A-Za-z]+", name) if part)
    return found if found and not found[0].isdigit() else f"Graph{found}"
