"""Makes the program of a row pass from the actions that are joined to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.kernels.cluster_source import Cluster, Output
from nodeflow.engine.kernels.elementwise import cluster_nodes
from nodeflow.engine.kernels.kernel import leading_products
from nodeflow.engine.kernels.reductions import Stage
from nodeflow.engine.kernels.row_formulas import (
    ROWS,
    WHOLE,
    Formulas,
    Pattern,
    RowFormulas,
    RowProgram,
    RowReduction,
    Value,
)
from nodeflow.engine.plan.row_patterns import pattern_of
from nodeflow.graph.types import Shape

Part = tuple[Shape | None, Sequence[Action]]
"""The actions of a cluster with the cluster's shape, or of a reduction with None."""


def row_formulas(
    actions: Actions, parts: Sequence[Part], rows: int, n: int, read: set[int]
) -> tuple[RowFormulas, tuple[int, ...], tuple[int, ...]]:
    """Return the lowering of a row pass, a kernel that computes several formulas and reductions row
    by row. Also return the slots that it reads and writes.

    Args:
        parts: the joined clusters and reductions, in order.
        read: storages that are read outside of the pass.
    """
    return _Program(actions, parts, rows, n, read).written()


class _Program:
    def __init__(
        self, actions: Actions, parts: Sequence[Part], rows: int, n: int, read: set[int]
    ) -> None:
        self.actions = actions
        self.rows, self.n = rows, n
        self.read = read
        self.parts = list(self._live(parts))[::-1]
        self.inputs: dict[tuple[int, Pattern], int] = {}
        """The slot of each value that is read from outside."""
        self.made: dict[int, tuple[int, Pattern]] = {}
        """The slot of each storage that is made for other parts or for outside."""

    def _live(
        self, parts: Sequence[Part]
    ) -> Iterator[tuple[Shape | None, list[Action], list[int]]]:
        """Yield the parts of a row program from last to first. From each part, omit the actions
        whose results are unused. Include the slots that later parts or readers outside need.
        """
        storage, wanted = self.actions.storage, set(self.read)
        for shape, together in reversed(parts):
            here, outputs, kept = set(wanted), list[int](), list[Action]()
            for action in reversed(together):
                out = storage[action.outputs[0]]
                if out in here:
                    kept.append(action)
                    here.update(storage[s] for s in action.inputs)
                    if out in wanted:
                        outputs.append(action.outputs[0])
            inside = {storage[action.outputs[0]] for action in kept}
            wanted.update(storage[s] for a in kept for s in a.inputs if storage[s] not in inside)
            if kept:
                yield shape, kept[::-1], outputs[::-1]

    def written(self) -> tuple[RowFormulas, tuple[int, ...], tuple[int, ...]]:
        storage, types = self.actions.storage, self.actions.types
        for shape, together, outputs in self.parts:
            inside = {storage[action.outputs[0]] for action in together}
            for action in together:
                for slot in action.inputs:
                    if storage[slot] not in inside and storage[slot] not in self.made:
                        self.inputs.setdefault((storage[slot], self._pattern(shape, slot)), slot)
            for slot in outputs:
                self.made[storage[slot]] = slot, ROWS if self._is_narrow(shape) else WHOLE
        stored = [s for s in self.made if s in self.read]
        numbers = {key: number for number, key in enumerate(self.inputs)}
        values = [
            Value(types[slot].dtype, key[1], number)
            for number, (key, slot) in enumerate(self.inputs.items())
        ]
        for made, (slot, pattern) in self.made.items():
            numbers[made, pattern] = len(values)
            argument = len(self.inputs) + stored.index(made) if made in self.read else None
            values.append(Value(types[slot].dtype, pattern, argument))
        steps, divisors, leading = [], list[int](), {self.rows}
        for shape, together, outputs in self.parts:
            (*_, last) = together
            if isinstance(stage := last.lowering, Stage):
                source = numbers[storage[last.inputs[0]], WHOLE]
                target = numbers[storage[last.outputs[0]], ROWS]
                steps.append(RowReduction(stage.kind, stage.divisor > 0, source, target))
                divisors += [stage.divisor] if stage.divisor else []
            else:
                assert shape is not None
                steps.append(self._formulas(shape, together, outputs, numbers))
                leading |= leading_products(shape)
        program = RowProgram(tuple(values), tuple(steps))
        lowering = RowFormulas(
            program,
            self.rows,
            self.n,
            tuple(divisors),
            frozenset(r for r in leading if r and self.rows % r == 0),
        )
        slots = tuple([self.made[made][0] for made in stored])
        return lowering, tuple(self.inputs.values()), slots

    def _is_narrow(self, shape: Shape | None) -> bool:
        """Return whether a part computes one number per row."""
        size = 1
        for d in shape or ():
            size *= d or 0
        return shape is None or size == self.rows

    def _pattern(self, shape: Shape | None, slot: int) -> Pattern:
        if shape is None:
            return WHOLE
        pattern = pattern_of(self.actions.types[slot].shape, shape, self.rows, self.n)
        assert pattern is not None
        return pattern

    def _formulas(
        self,
        shape: Shape,
        together: Sequence[Action],
        outputs: Sequence[int],
        numbers: Mapping[tuple[int, Pattern], int],
    ) -> Formulas:
        storage, types = self.actions.storage, self.actions.types
        wide = not self._is_narrow(shape)
        read: dict[tuple[int, Pattern], int] = {}

        def number(slot: int) -> int:
            return read.setdefault((storage[slot], self._pattern(shape, slot)), len(read))

        nodes, inside = cluster_nodes(together, types, storage, number)
        patterns = [(types[s].dtype, pattern if wide else pattern[:1]) for s, pattern in read]
        made = tuple(Output(inside[storage[slot]]) for slot in outputs)
        cluster = Cluster(2 if wide else 1, tuple(patterns), tuple(nodes), made)
        targets = tuple([numbers[storage[slot], self.made[storage[slot]][1]] for slot in outputs])
        return Formulas(cluster, wide, tuple([numbers[key] for key in read]), targets)
