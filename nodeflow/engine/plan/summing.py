"""Sums of formulas, computed by the summing kernel without storing the summed values (``sums``).

A batch normalisation sums squares of centred values, and its gradient sums three products and
masked values. Each would be an array as large as the picture, written by one kernel and read by
another. With this rewrite, the sums read the inputs of those formulas. Sums with the same
inputs are one kernel, together with the sum of an input array itself. Sums over columns are
`column_sums`; sums, maxima and minima of long rows, such as a loss over all elements, are
`long_rows`. If other formulas read a summed value, sums over columns still recompute it when
that reads no more memory than the value itself. In this module, "sum" includes the maximum and
minimum of a long row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.kernels.cluster_source import Cluster, Output
from nodeflow.engine.kernels.column_sums import STRETCH, ColumnSums
from nodeflow.engine.kernels.elementwise import calls_of, cluster_node, cluster_nodes
from nodeflow.engine.kernels.long_rows import LongRows
from nodeflow.engine.kernels.reductions import Stage
from nodeflow.engine.kernels.row_formulas import COLUMNS, LONGEST, ONE, WHOLE, Pattern
from nodeflow.engine.plan.fusion import MAX_INPUTS
from nodeflow.engine.plan.row_patterns import pattern_of
from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.lowering import Elementwise

LARGE = 1 << 15
"""Minimum number of elements of rewritten column sums. Smaller arrays stay in cache between
kernels.
"""
FEWEST_COLUMNS = 8
MANY_BLOCKS = 16
"""Minimum number of blocks of long rows that compute slow formulas. Fewer would leave threads
idle.
"""
MOST_SUMS = 4
"""Limit on sums per kernel."""
MOST_FORMULAS = 32
"""Limit on formulas per kernel."""
DTYPES = ("float32", "float64")
AS_IT_IS = Elementwise("x", ("x",))


@dataclass(eq=False)
class _Kernel:
    """Sums that will become one action, at the position of the first sum."""

    place: int
    stage: Stage
    sums: list[Action] = field(default_factory=list)
    formulas: dict[int, Action] = field(default_factory=dict)
    """The formulas by the storage that each makes, in order."""
    inputs: dict[int, tuple[int, Pattern]] = field(default_factory=dict)
    """The slot and the pattern of each storage that is read."""


def sum_formulas(actions: Actions, ends: set[int]) -> Iterator[str]:
    """Make kernels of reductions compute the values that they reduce, so that these are not written
    to memory and read again.

    The reductions are sums, and the maxima and minima of long rows.

    Args:
        ends: storages that are fetched or kept.

    Yields:
        The names of the nodes whose sums were rewritten.
    """
    if actions.delayed or actions.repeated:
        return  # the rewrite would keep recomputed values alive for longer
    if any(_is_sum(actions, action) for action in actions.items):
        yield from _Finder(actions, ends).run()


def _is_sum(actions: Actions, action: Action) -> bool:
    """Return whether an action sums columns of a large array, or reduces long rows."""
    stage = action.lowering
    return (
        isinstance(stage, Stage)
        and (_has_long_rows(stage) or _has_columns(stage))
        and actions.types[action.inputs[0]].dtype in DTYPES
        and action.inputs[0] not in actions.views
    )


def _has_long_rows(stage: Stage) -> bool:
    return (
        stage.kind in ("sum", "max", "min")
        and stage.inner == 1
        and stage.n > LONGEST
        and stage.outer > 0
    )


def _has_columns(stage: Stage) -> bool:
    return (
        (stage.kind, stage.outer, stage.divisor) == ("sum", 1, 0)
        and FEWEST_COLUMNS <= stage.inner <= STRETCH
        and stage.blocks > 1
        and stage.n * stage.inner >= LARGE
    )


def _takes_long(action: Action) -> bool:
    """Return whether an action is an elementwise formula with a function call, such as exp, which
    takes longer than arithmetic.
    """
    return isinstance(action.lowering, Elementwise) and calls_of(action.lowering.expression) > 0


class _Finder:
    def __init__(self, actions: Actions, ends: set[int]) -> None:
        self.actions = actions
        self.ends = ends
        self.storage = actions.storage
        self.place = {id(action): place for place, action in enumerate(actions.items)}
        self.maker = {self.storage[s]: a for a in actions.items for s in a.outputs}
        self.readers: dict[int, list[Action]] = defaultdict(list)
        for action in actions.items:
            for storage in dict.fromkeys(self.storage[s] for s in action.inputs):
                self.readers[storage].append(action)
        self.summed = self._what_leads_to_sums()
        self.again: set[int] = set()
        """Storages that each reader recomputes."""
        self.late: set[int] = set()
        """Storages that are computed by their only other reader."""

    def run(self) -> Iterator[str]:
        kernels: list[_Kernel] = []
        for action in self.actions.items:
            if not _is_sum(self.actions, action):
                continue
            own = _Kernel(self.place[id(action)], action.lowering, [action])  # type: ignore[arg-type]
            source = self.storage[action.inputs[0]]
            if self._is_computed_here(source, own.stage):
                self._collect(source, own)
                if not self._fits(own) or self._cuts_formulas(own):
                    continue
            else:
                own.inputs[source] = action.inputs[0], WHOLE
            if not any(self._joined(kernel, own) for kernel in reversed(kernels)):
                kernels.append(own)
        kernels = [kernel for kernel in kernels if kernel.formulas]
        yield from (action.node.name for kernel in kernels for action in kernel.sums)
        if kernels:
            moved = {storage for kernel in kernels for storage in kernel.formulas}
            self.actions.late |= {s for s in moved & self.late if self._follows_a_formula(s, moved)}
            self._replace(kernels)
            self._drop(moved)
            self._compute_again()
            self._drop(moved)
            self._name(kernels)

    # ---- which values a sum can compute -------------------------------------------------------

    def _patterns(self, action: Action, stage: Stage) -> list[Pattern] | None:
        """Return for each input of an elementwise formula the axes along which it is not broadcast.
        Return None if the kernel of a reduction cannot compute the formula.

        The axes are [n, inner] for sums of columns, and [outer, n] for sums of long rows.
        """
        actions, types = self.actions, self.actions.types
        out = action.outputs[0]
        lowering = action.lowering
        if (
            not isinstance(lowering, Elementwise)
            or self.storage[out] in actions.flushed
            or not {types[s].dtype for s in (*action.inputs, out)} <= {*DTYPES, "bool"}
            or not actions.views.keys().isdisjoint(action.inputs)
        ):
            return None
        if any(angle in lowering.expression for angle in ("sin(", "cos(")):
            # Large angles take long but are rare, and only a separate formula tests for them first.
            return None
        find = self._of_columns if stage.inner > 1 else self._of_long_rows
        return find(action, stage)

    def _of_columns(self, action: Action, stage: Stage) -> list[Pattern] | None:
        types, shape = self.actions.types, self.actions.types[action.outputs[0]].shape
        if _takes_long(action):
            return None
        found = []
        for slot in action.inputs:
            own = types[slot].shape
            last = next((k for k in range(len(own)) if own[k] != 1), len(own))
            if own == shape:
                found.append(WHOLE)
            elif types[slot].size == 1:
                found.append(ONE)
            elif (
                own[last:] == shape[len(shape) - len(own) + last :]
                and types[slot].size == stage.inner
            ):
                found.append(COLUMNS)
            else:
                return None
        return found

    def _of_long_rows(self, action: Action, stage: Stage) -> list[Pattern] | None:
        types, whole = self.actions.types, self.actions.types[action.outputs[0]]
        if whole.size != stage.outer * stage.n:
            return None
        if _takes_long(action) and stage.outer * stage.blocks < MANY_BLOCKS:
            return None
        found = []
        for slot in action.inputs:
            pattern = pattern_of(types[slot].shape, whole.shape, stage.outer, stage.n)
            if pattern is None or (pattern == COLUMNS and stage.outer == stage.n):
                return None  # one array could be both rows and columns
            found.append(ONE if types[slot].size == 1 else pattern)
        return found

    def _is_computed_here(self, storage: int, stage: Stage) -> bool:
        """Return whether the kernel of a reduction should compute the values of a storage itself,
        instead of reading them from memory.
        """
        maker = self.maker.get(storage)
        if maker is None or storage in self.ends:
            return False
        patterns = self._patterns(maker, stage)
        if patterns is None or (_takes_long(maker) and len(self.readers[storage]) > 1):
            return False
        others = [r for r in self.readers[storage] if not self._leads_to_sums(r, self.summed)]
        if others and stage.inner == 1:
            return False  # computing it twice reads as much memory as writing and reading it
        out = maker.outputs[0]
        shape = self.actions.types[out].shape
        if not all(
            isinstance(reader.lowering, Elementwise)
            and self.actions.types[reader.outputs[0]].shape == shape
            and all(self.actions.types[s].shape == shape and s not in self.actions.views
                    for s in reader.inputs if self.storage[s] == storage)
            for reader in others
        ):  # fmt: skip
            return False
        if len(others) <= 1:
            self.late.add(storage)
            return True
        sizes = [
            numpy_dtype(self.actions.types[s].dtype).itemsize
            for s, pattern in zip(maker.inputs, patterns, strict=True)
            if pattern == WHOLE
        ]
        if len(sizes) > 1 or sum(sizes) > numpy_dtype(self.actions.types[out].dtype).itemsize:
            return False
        self.again.add(storage)
        return True

    def _what_leads_to_sums(self) -> set[int]:
        """Return the storages that only sums depend on."""
        found: set[int] = set()
        for action in reversed(self.actions.items):
            out = self.storage[action.outputs[0]] if action.outputs else -1
            if _is_sum(self.actions, action):
                found.add(out)
            elif isinstance(action.lowering, Elementwise) and out not in self.ends:
                read = self.readers[out]
                if read and all(self._leads_to_sums(reader, found) for reader in read):
                    found.add(out)
        return found

    def _leads_to_sums(self, action: Action, found: set[int]) -> bool:
        return bool(action.outputs) and self.storage[action.outputs[0]] in found

    def _follows_a_formula(self, storage: int, moved: set[int]) -> bool:
        """Return whether the formula that computes a storage reads the result of another formula
        with the same shape.

        Both formulas would then be fused into one kernel.
        """
        types, maker = self.actions.types, self.maker[storage]
        shape = types[maker.outputs[0]].shape
        read = {self.storage[s] for s in maker.inputs if types[s].shape == shape} - moved
        return any(isinstance(self.maker[s].lowering, Elementwise) for s in read if s in self.maker)

    # ---- kernels ------------------------------------------------------------------------------

    def _collect(self, storage: int, kernel: _Kernel, depth: int = 1) -> None:
        """Add to a reduction kernel the formula that computes a storage, and recursively the
        formulas that this one reads, as far as the kernel should compute them itself.
        """
        if storage in kernel.formulas:
            return
        action = self.maker[storage]
        patterns = self._patterns(action, kernel.stage) or []
        for slot, pattern in zip(action.inputs, patterns, strict=True):
            source = self.storage[slot]
            inside = pattern == WHOLE and depth < MOST_FORMULAS
            if inside and self._is_computed_here(source, kernel.stage):
                self._collect(source, kernel, depth + 1)
            else:
                kernel.inputs.setdefault(source, (slot, pattern))
        kernel.formulas[storage] = action

    def _fits(self, kernel: _Kernel) -> bool:
        return (
            len(kernel.inputs) <= MAX_INPUTS
            and len(kernel.formulas) <= MOST_FORMULAS
            and len(kernel.sums) <= MOST_SUMS
            and all(
                self.place[id(self.maker[s])] < kernel.place
                for s in kernel.inputs
                if s in self.maker
            )
        )

    def _cuts_formulas(self, kernel: _Kernel) -> bool:
        """Return whether a reduction kernel for long rows would separate elementwise formulas that
        could otherwise be fused with each other.

        In that case the kernel saves nothing, because fused formulas would write the same amount of
        memory.
        """
        inside = {id(action) for action in kernel.formulas.values()}
        return kernel.stage.inner == 1 and any(
            pattern == WHOLE
            and storage not in self.ends
            and storage in self.maker
            and isinstance(self.maker[storage].lowering, Elementwise)
            and all(
                id(reader) in inside or isinstance(reader.lowering, Elementwise)
                for reader in self.readers[storage]
            )
            for storage, (_, pattern) in kernel.inputs.items()
        )

    def _joined(self, kernel: _Kernel, own: _Kernel) -> bool:
        """Merge the sums of kernel ``own`` into another kernel that reads one of the same arrays.

        Return False, and change nothing, if they do not reduce alike or share no array, the merged
        kernel would be too large, or it would run before its inputs are computed.
        """
        if kernel.stage != own.stage:
            return False
        whole = {s for s, (_, pattern) in own.inputs.items() if pattern == WHOLE}
        if whole.isdisjoint(kernel.inputs):
            return False
        together = replace(
            kernel,
            sums=[*kernel.sums, *own.sums],
            formulas={**kernel.formulas, **own.formulas},
            inputs={**kernel.inputs, **own.inputs},
        )
        if not self._fits(together):
            return False
        kernel.sums, kernel.formulas, kernel.inputs = (
            together.sums, together.formulas, together.inputs,
        )  # fmt: skip
        return True

    def _replace(self, kernels: list[_Kernel]) -> None:
        """Replace reductions by new actions. Each new action computes all reductions of one kernel,
        and takes the position of the first of them.
        """
        actions = self.actions
        new: dict[int, Action] = {}
        gone = {id(action) for kernel in kernels for action in kernel.sums}
        for kernel in kernels:
            made = LongRows if kernel.stage.inner == 1 else ColumnSums
            new[kernel.place] = Action(
                kernel.sums[0].node,
                made(self._cluster(kernel), kernel.stage),
                tuple(slot for slot, _ in kernel.inputs.values()),
                tuple(action.outputs[0] for action in kernel.sums),
            )
        items = []
        for place, action in enumerate(actions.items):
            if place in new:
                items.append(new[place])
            elif id(action) not in gone:
                items.append(action)
        actions.items[:] = items

    def _name(self, kernels: list[_Kernel]) -> None:
        """Record which actions each summing kernel replaces, for explanations."""
        others = {action.node for action in self.actions.items}
        for kernel in kernels:
            formulas = [a for a in kernel.formulas.values() if a.node not in others]
            first = kernel.sums[0].outputs[0]
            self.actions.joined[first] = [*formulas, *kernel.sums]

    def _cluster(self, kernel: _Kernel) -> Cluster:
        """Return the elementwise formulas of a reduction kernel as one cluster. Its outputs are the
        values to reduce.
        """
        types, storage = self.actions.types, self.storage
        outside = {source: index for index, source in enumerate(kernel.inputs)}
        nodes, inside = cluster_nodes(
            kernel.formulas.values(), types, storage, lambda slot: outside[storage[slot]]
        )
        summed = [storage[action.inputs[0]] for action in kernel.sums]
        for source in summed:
            if source not in inside:
                dtype = types[kernel.inputs[source][0]].dtype
                inside[source] = len(nodes)
                nodes.append(cluster_node(AS_IT_IS, ((False, outside[source]),), (dtype,), dtype))
        outputs = tuple(Output(inside[source]) for source in summed)
        inputs = tuple((types[slot].dtype, pattern) for slot, pattern in kernel.inputs.values())
        return Cluster(2, inputs, tuple(nodes), outputs)

    def _compute_again(self) -> None:
        """Recompute each storage in ``again`` wherever it is read, so that it is not stored in
        memory.

        Each reader gets its own copy of the formula that computes the storage. `_is_computed_here`
        has chosen storages that take no more memory traffic to recompute than to read.
        """
        actions = self.actions
        for storage in sorted(self.again, key=lambda s: -self.place[id(self.maker[s])]):
            maker, items = self.maker[storage], list[Action]()
            for action in actions.items:
                if any(self.storage[s] == storage for s in action.inputs):
                    slot = actions.new_slot(actions.types[maker.outputs[0]])
                    items.append(maker._replace(outputs=(slot,)))
                    inputs = (slot if self.storage[s] == storage else s for s in action.inputs)
                    action = action._replace(inputs=tuple(inputs))
                items.append(action)
            actions.items[:] = items

    def _drop(self, storages: set[int]) -> None:
        """Remove the actions that compute the given storages, except those whose values are still
        read.
        """
        kept, read = [], set(self.ends)
        for action in reversed(self.actions.items):
            if all(
                self.storage[s] in storages and self.storage[s] not in read for s in action.outputs
            ):
                continue
            read.update(self.storage[s] for s in action.inputs)
            kept.append(action)
        self.actions.items[:] = kept[::-1]
