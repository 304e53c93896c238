"""The lines of a function's body: one line for each node, with the node's shape as a comment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import shape_text
from nodeflow.integrations.code.dialect import Call, Dialect, literal
from nodeflow.integrations.code.layer_variables import layer_variables
from nodeflow.integrations.code.line_breaking import broken
from nodeflow.integrations.code.program import Program
from nodeflow.integrations.code.shared_ops.array_ops import INFIX
from nodeflow.ops.training_mode import is_flag

WIDTH = 88
INDENT = "    "
SIGNED = {*INFIX, "divide", "floor_divide", "modulo"}
"""Ops that are written as an operator between their inputs."""
TAKES_FLAG = {"where", "dropout", "batch_normalization", "layers/batch_normalization"}
"""Ops whose expressions contain a Python condition on the training phase."""
SEQUENCES = {"split", "unstack"}
"""Ops whose expressions return a sequence, even for a single tensor."""
WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Writer:
    """The writer of a program's nodes in a dialect.

    Attributes:
        variable: a function that returns the expression of a variable, given its name in the
            code and its node.
    """

    program: Program
    dialect: Dialect
    variable: Callable[[str, Node], str] = lambda name, node: name

    def value(self, tensor: Tensor) -> str:
        """Return the code of an expression for a tensor: its variable name, or an access to a
        model's variable.
        """
        source = self.program.source(tensor)
        name = self.program.code[source]
        return self.variable(name, source.node) if source.node.op.id == "variable" else name

    def body(self, nodes: Iterable[Node], results: Iterable[str], depth: int = 1) -> list[str]:
        """Return the lines of code that compute and assign the values of nodes, as far as the
        results need them.

        Args:
            results: expressions that the function returns.
            depth: levels of indentation.
        """
        nodes = list(nodes)
        inlined = {n for n in nodes if self._is_inlined(n, nodes)}
        used = set(WORD.findall(" ".join(results)))
        blocks: list[list[str]] = []
        for node in reversed(nodes):
            names = [self.program.code[t] for t in node.outputs]
            if node in inlined or not used.intersection(names):
                continue
            call = self._call(node, inlined)
            expression = self.dialect.expression(call)
            assert expression is not None, node.name
            targets = [name if name in used else "_" for name in names]
            if node.op.id in self.dialect.moving:
                targets += [w for n, w in call.weights.items() if n.startswith("moving_")]
            used.update(WORD.findall(expression))
            blocks.append(list(_assignment(node, targets, expression, depth)))
        return [line for block in reversed(blocks) for line in block]

    def _call(self, node: Node, inlined: set[Node]) -> Call:
        def value(tensor: Tensor) -> str:
            source = self.program.source(tensor)
            if is_flag(source):
                takes = node.op.id in TAKES_FLAG
                return self.dialect.flag if takes else self.dialect.flag_tensor
            if source.node in inlined:
                number = literal(source.node.attrs["value"])
                return f"({number})" if number.startswith("-") else number
            return self.value(tensor)

        weights: Mapping[str, str] = {}
        if node.op.id not in self.dialect.modules:
            own = layer_variables(node)
            weights = {name: self.value(v.outputs[0]) for name, v in own.items()}
        name = self.program.code[node.outputs[0]]
        args = tuple(map(value, node.inputs))
        number = self.program.draws.get(node, 1)
        return Call(
            node, args, name, weights, self.dialect.flag, number, self.value, self.dialect.size_of
        )

    def _is_inlined(self, node: Node, nodes: Iterable[Node]) -> bool:
        """Return whether a constant can be written as a plain number in all expressions that read
        it.

        This requires that each expression combines it with a tensor, which determines the dtype of
        the result.
        """
        if node.op.id != "constant" or node.outputs[0].shape != ():
            return False
        if node.outputs[0] in self.program.predictions.values():
            return False
        users = [(n, [self.program.source(t).node for t in n.inputs]) for n in nodes]
        return all(self._takes_number(n, read, node) for n, read in users if node in read)

    def _takes_number(self, user: Node, read: Sequence[Node], number: Node) -> bool:
        beside = [n for n in read if n.op.id != "constant"]
        if user.op.id == "where":
            return number is not read[0] and bool({*read[1:]} & {*beside})
        return user.op.id in SIGNED and bool(beside)


def _assignment(node: Node, targets: Sequence[str], expression: str, depth: int) -> Iterable[str]:
    left = ", ".join(targets)
    if len(targets) == 1 and node.op.id in SEQUENCES:
        left = f"({left},)"
    width = WIDTH - depth * len(INDENT)
    lines = broken(left, expression, width)
    said = f"  # {shape_text(node.outputs[0].shape)}" if len(lines) == 1 else ""
    yield from lines[:-1]
    yield lines[-1] + (said if len(lines[-1]) + len(said) <= width else "")


def needs(text: str, *names: str) -> list[str]:
    """Return the given names that occur as words in a text, in the given order."""
    used = set(WORD.findall(text))
    return [name for name in names if name in used]


def indented(lines: Iterable[str], depth: int = 1) -> str:
    return "\n".join(INDENT * depth + line if line else "" for line in lines)


def helpers_in(text: str, helpers: Mapping[str, str]) -> str:
    """Return the text of the helper functions that some code calls, directly or indirectly."""
    used: set[str] = set()
    while True:
        more = {name for name in helpers if re.search(rf"(?<![.\w]){name}\(", text)}
        if more == used:
            return "\n\n".join(helpers[name] for name in helpers if name in used)
        used = more
        text += "".join(helpers[name] for name in used)


def described(nodes: Iterable[Node]) -> list[str]:
    """Return one line for a docstring per node: the name and type of the node."""
    return [f"{node.name}: {node.outputs[0].type}" for node in nodes]


def dictionary(pairs: Iterable[tuple[str, str]], depth: int, before: str = "return ") -> list[str]:
    """Return the source lines of a dictionary with the given keys and expressions. It is on one
    line if it fits.
    """
    written = [f'"{key}": {value}' for key, value in pairs]
    line = f"{before}{{{', '.join(written)}}}"
    if len(line) <= WIDTH - depth * len(INDENT):
        return [line]
    return [f"{before}{{", *(f"{INDENT}{one}," for one in written), "}"]


def function(head: str, arguments: Sequence[str], result: str, depth: int = 0) -> list[str]:
    """Return the lines of a function's signature, on one line if it fits."""
    line = f"def {head}({', '.join(arguments)}) -> {result}:"
    if len(line) <= WIDTH - depth * len(INDENT) or not arguments:
        return [line]
    inner = ", ".join(arguments)
    if len(INDENT) + len(inner) <= WIDTH - depth * len(INDENT):
        return [f"def {head}(", f"{INDENT}{inner}", f") -> {result}:"]
    return [f"def {head}(", *(f"{INDENT}{one}," for one in arguments), f") -> {result}:"]


def class_name(name: str) -> str:
    """Convert a name: ``mnist_cnn`` becomes ``MnistCnn``."""
    found = "".join(part.capitalize() for part in re.split(r"[^0-9A-Za-z]+", name) if part)
    return found if found and not found[0].isdigit() else f"Graph{found}"
