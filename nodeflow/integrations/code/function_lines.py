"""Writes the functions `predict` and `measure` of programs in JAX and numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nodeflow.graph.graph import Node
from nodeflow.integrations.code.body_lines import (
    INDENT,
    Writer,
    described,
    dictionary,
    function,
    needs,
)
from nodeflow.integrations.code.program import Program


@dataclass(frozen=True)
class Functions:
    """The writer of a program's functions.

    Attributes:
        writer: writes their bodies.
        array: the type of arrays.
        variables: arguments that contain variables, in order.
        phases: arguments that training needs, each with its type and default.
        begin: for an argument, the first line of a function that takes it.
        moved: an argument whose new value `predict` also returns.
    """

    writer: Writer
    array: str
    variables: Sequence[str]
    phases: dict[str, str]
    begin: dict[str, str]
    moved: str | None = None

    @property
    def program(self) -> Program:
        return self.writer.program

    def predict(self) -> str:
        """Write the function `predict`, which computes the predictions."""
        program = self.program
        results = [(name, self.writer.value(t)) for name, t in program.predictions.items()]
        body = self.writer.body(program.predicting, [value for _, value in results])
        used = "\n".join([*body, *(value for _, value in results)])
        inputs = [f"{program.placeholder(n)}: {self.array}" for n in program.inputs]
        given = [*self._holding(used), *inputs, *self._phases(used)]
        kind = f"dict[str, {self.array}]"
        last = dictionary(results, 1)
        if self.moved is not None:
            kind = f"tuple[{kind}, {kind}]"
            last = [*dictionary(results, 1, "out = "), f"return out, {self.moved}"]
        said = described(program.inputs)
        doc = ['"""Return the predictions.', "", *said, '"""'] if said else []
        lines = [
            *(doc or ['"""Return the predictions."""']),
            *(line for name, line in self.begin.items() if needs(used, name)),
            *body,
            *last,
        ]
        return "\n".join([*function("predict", given, kind), *(_indent(lines))])

    def measure(self) -> str:
        """Return the code of a function `measure`, which computes the loss and the metrics from
        predictions.
        """
        program = self.program
        results = [(key, self.writer.value(t)) for key, t in program.measured.items()]
        body = self.writer.body(program.measuring, [value for _, value in results])
        used = "\n".join([*body, *(value for _, value in results)])
        placeholders = measured_from(program, used)
        answers = [n for n in needs(used, *program.predictions) if n not in placeholders]
        given = [*self._holding(used), f"out: dict[str, {self.array}]"]
        given += [f"{name}: {self.array}" for name in placeholders]
        given += self._phases(used)
        lines = [
            '"""Return the loss and the metrics of predictions."""',
            *(line for name, line in self.begin.items() if needs(used, name)),
            *(f'{name} = out["{name}"]' for name in answers),
            *body,
            *dictionary(results, 1),
        ]
        kind = f"dict[str, {self.array}]"
        return "\n".join([*function("measure", given, kind), *(_indent(lines))])

    def _holding(self, used: str) -> list[str]:
        names = needs(used, *self.variables)
        return [f"{name}: dict[str, {self.array}]" for name in self.variables if name in names]

    def _phases(self, used: str) -> list[str]:
        return [f"{name}: {kind}" for name, kind in self.phases.items() if needs(used, name)]


def measured_from(program: Program, used: str) -> list[str]:
    """Return the names of the placeholders that `measure` takes."""
    placeholders: list[Node] = [*program.inputs, *program.labels]
    return needs(used, *(program.placeholder(n) for n in placeholders))


def _indent(lines: Sequence[str]) -> list[str]:
    return [INDENT + line if line else "" for line in lines]
