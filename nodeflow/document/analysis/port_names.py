"""Names of ports: `values.2` of a variadic port, `control.0` for order, `feed`, `done`.

Any node can have control inputs, `control.0`, `control.1`, ..., which carry no value. They are
shown only while they are wired. A wire into one starts at any output, or at `done` of a node
without outputs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count

from nodeflow.document.model.records import Json
from nodeflow.errors import AttributeProblem
from nodeflow.graph.declaration import NodeDeclaration, Port, StandIn
from nodeflow.graph.types import TensorType

FEED = "feed"
"""The in-port of a placeholder that takes a column of a data set."""
CONTROL = "control"
DONE = "done"
GROUP = "group"
"""The op of groups. A wire from `done` to one of their in-ports becomes a control wire."""
NEW = "+"
"""The free slot of a border node: a wire to it adds a port to the subgraph."""
_SEVERAL = re.compile(r"(.+)\.(0|[1-9][0-9]{0,5})")


def is_control(port: str) -> bool:
    """Return whether an in-port is a control input: `control.0`, `control.1`, ..."""
    base, index = split_port(port)
    return base == CONTROL and index is not None


def free_control(taken: Collection[str]) -> str:
    """Return the first control input that is not taken.

    >>> free_control(["control.0", "values.0", "control.2"])
    'control.1'
    """
    return next(f"{CONTROL}.{i}" for i in count() if f"{CONTROL}.{i}" not in taken)


def split_port(port: str) -> tuple[str, int | None]:
    """Return (`values`, 2) for `values.2`, and (`x`, None) for `x`."""
    match = _SEVERAL.fullmatch(port)
    return (match[1], int(match[2])) if match else (port, None)


def port_order(port: str) -> tuple[str, int]:
    """Return a sort key that puts `values.10` after `values.9`."""
    base, index = split_port(port)
    return (base, -1 if index is None else index)


def input_names(inputs: Sequence[Port], wired: Collection[str]) -> list[str]:
    """Return the in-ports that a run reads, in order: all required ports, and optional ports up to
    the last wired one. Some of them may be missing in `wired`."""
    names: list[str] = []
    optional: list[bool] = []
    for port in inputs:
        found = (
            [f"{port.name}.{i}" for i in variadic_indices(port.name, wired)]
            if port.variadic
            else [port.name]
        )
        names += found
        optional += [port.optional] * len(found)
    while names and optional[-1] and names[-1] not in wired:
        names.pop()
        optional.pop()
    return names


def stand_in_of(inputs: Sequence[Port], port: str) -> StandIn | None:
    """Return the value that an optional in-port uses if it is unwired; None if it has no such
    value.
    """
    return next((p.stand_in for p in inputs if p.name == port), None)


def known_types(
    op: NodeDeclaration, wired: Mapping[str, TensorType | None], attrs: Mapping[str, Json]
) -> list[TensorType | None]:
    """Return the type of each in-port that a run reads; None for an unknown or missing type."""
    types = []
    for name in input_names(op.inputs, wired):
        stands = name not in wired and stand_in_of(op.inputs, name) is not None
        types.append(stand_in_type(op, name, attrs) if stands else wired.get(name))
    return types


def stand_in_type(op: NodeDeclaration, port: str, attrs: Mapping[str, Json]) -> TensorType | None:
    """Return the type of the value that an optional in-port uses if it is unwired; None without
    one.
    """
    stand_in = stand_in_of(op.inputs, port)
    try:
        return None if stand_in is None else stand_in.type_for(op.bind_attrs(attrs))
    except AttributeProblem:
        return None


def variadic_indices(base: str, wired: Iterable[str]) -> list[int]:
    """Return the indices of a variadic port's inputs: 0 to the highest wired one.

    For sparse indices, such as `values.999999` in a damaged file, return only the wired indices and
    the next free one.
    """
    numbers = sorted(i for name, i in map(split_port, wired) if name == base and i is not None)
    if not numbers:
        return []
    dense = numbers[-1] < 4 * len(numbers) + 64
    return list(range(numbers[-1] + 1)) if dense else [*numbers, numbers[-1] + 1]
