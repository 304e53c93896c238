"""Updates of tables by rows: if a gradient adds to few rows, only those rows are computed.

The gradient of a lookup is zero except in a few rows. Formulas that start from it form a *table
update* if they end in new values of variables and nothing else reads them. If the formulas do
not change an untouched row of the variable, that row need not be computed: the update is
computed for the named rows, as one array with that many rows, and then written into the
variables. Gradients of a row that is named more than once are summed first, in the order of the
dense gradient, so touched rows have the same bits.

An optimizer whose ``rows`` are ``touched`` marks the named rows: its formulas keep the old
value of unmarked rows.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

import numpy as np

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import (
    Elementwise,
    FirstOccurrences,
    Gather,
    MarkRows,
    PutRows,
    ScatterAdd,
)

WORTH_IT = 2
"""Minimum ratio of the table's rows to the named rows. Below it, all rows are computed."""


def update_touched_rows(actions: Actions) -> Iterator[str]:
    """Rewrite all sparse updates of tables, so that they compute only the looked-up rows.

    Yields:
        A description of each rewritten update.
    """
    if not any(_is_source(actions, each) for each in actions.items):
        return
    found = _Search(actions)
    for action in list(actions.items):
        if _is_source(actions, action) and (update := found.update_from(action)) is not None:
            _Rewriter(actions, update).rewrite()
            names = ", ".join(variable.name for variable in update.variables)
            yield f"{names}: {update.named} of {update.rows} rows"


def _is_source(actions: Actions, action: Action) -> bool:
    """Return whether an action is a scatter-add into zeros that touches few rows, as the gradient
    of an embedding lookup. The sparse update of a table starts at such an action.
    """
    lowering = action.lowering
    if not isinstance(lowering, ScatterAdd) or lowering.axis or lowering.kind != "sum":
        return False
    out, indices = actions.types[action.outputs[0]], actions.types[action.inputs[1]]
    count, rows = indices.size or 0, (out.shape[0] or 0) if out.rank else 0
    return 0 < count * WORTH_IT <= rows and out.dtype in ("float32", "float64")


@dataclass
class _Update:
    """A table update.

    Attributes:
        sources: actions that make gradients.
        marks: storages that are true in the named rows.
        formulas: the formulas of the update, in order.
        variables: for each variable, the storage of its new value.
        rows, named: number of rows of the table, and slot with the indices of the sources.
    """

    sources: list[Action]
    marks: set[int]
    formulas: list[Action]
    variables: dict[Node, int]
    rows: int
    named: int


class _Search:
    """The search for the table update that a source belongs to."""

    def __init__(self, actions: Actions) -> None:
        self.actions = actions
        self.position = {id(action): i for i, action in enumerate(actions.items)}
        self.maker: dict[int, Action] = {}
        self.readers: dict[int, list[Action]] = defaultdict(list)
        for action in actions.items:
            self.maker.update((actions.storage[s], action) for s in action.outputs)
            for storage in {actions.storage[s] for s in action.inputs}:
                self.readers[storage].append(action)
        self.shapes: dict[int, set[tuple[int | None, ...]]] = defaultdict(set)
        for slot, storage in enumerate(actions.storage):
            self.shapes[storage].add(tuple(actions.types[slot].shape))
        self.fetched = {actions.storage[s] for s in actions.fetches if s is not None}
        self.written: dict[int, list[Node]] = defaultdict(list)
        for variable, slot in actions.schedule.writes.items():
            self.written[actions.storage[slot]].append(variable)
        self.done: set[int] = set()

    def update_from(self, first: Action) -> _Update | None:
        """Return the sparse update of a table that starts at the scatter-add ``first``. It contains
        the formulas to compute only for the looked-up rows.

        Return None if there is none, or if all rows must be computed.
        """
        if id(first) in self.done:
            return None
        storage, types = self.actions.storage, self.actions.types
        shape = tuple(types[first.outputs[0]].shape)
        sources: dict[int, Action] = {id(first): first}
        formulas: dict[int, Action] = {}
        waiting, made = [first], dict.fromkeys([storage[first.outputs[0]]])
        while waiting:
            out = storage[waiting.pop().outputs[0]]
            if out in self.fetched or self.shapes[out] != {shape}:
                return None
            for reader in self.readers[out]:
                for each in (reader, *self._sources_of(reader)):
                    if storage[each.outputs[0]] not in made:
                        made[storage[each.outputs[0]]] = None
                        waiting.append(each)
                        (formulas if each is reader else sources)[id(each)] = each
                if not isinstance(reader.lowering, Elementwise) or len(reader.outputs) != 1:
                    return None
        self.done.update(sources)
        self._add_feeders(formulas, shape)
        marks = self._marks(formulas, sources)
        written = {s: self.written[s] for s in made if s in self.written}
        if not written or any(len(variables) > 1 for variables in written.values()):
            return None
        update = _Update(
            self._in_order(sources),
            marks,
            self._in_order(formulas),
            {variables[0]: s for s, variables in written.items()},
            shape[0] or 0,
            sum(types[each.inputs[1]].size or 0 for each in sources.values()),
        )
        small = update.named * WORTH_IT <= update.rows
        return update if small and _leaves_others(self.actions, update) else None

    def _in_order(self, found: Mapping[int, Action]) -> list[Action]:
        return sorted(found.values(), key=lambda each: self.position[id(each)])

    def _sources_of(self, reader: Action) -> Iterator[Action]:
        """Yield the actions where the sparse update of a table can start, among those that compute
        an action's inputs.
        """
        for slot in reader.inputs:
            maker = self.maker.get(self.actions.storage[slot])
            if maker is not None and _is_source(self.actions, maker):
                yield maker

    def _add_feeders(self, formulas: dict[int, Action], shape: tuple[int | None, ...]) -> None:
        """Add formulas to the sparse update of a table: those whose results only the update reads.
        They, too, are then computed only for the looked-up rows.
        """
        storage = self.actions.storage
        waiting = list(formulas.values())
        while waiting:
            for slot in waiting.pop().inputs:
                maker = self.maker.get(storage[slot])
                if (
                    maker is not None
                    and id(maker) not in formulas
                    and isinstance(maker.lowering, Elementwise)
                    and maker.inputs
                    and self.shapes[storage[slot]] == {shape}
                    and storage[slot] not in self.fetched
                    and storage[slot] not in self.written
                    and all(id(each) in formulas for each in self.readers[storage[slot]])
                ):
                    formulas[id(maker)] = maker
                    waiting.append(maker)

    def _marks(self, formulas: Mapping[int, Action], sources: Mapping[int, Action]) -> set[int]:
        """Return the bool vectors that mark the looked-up rows of a table, as storages, as far as
        the formulas read such vectors.
        """
        storage = self.actions.storage
        named = {storage[each.inputs[1]] for each in sources.values()}
        return {
            read
            for formula in formulas.values()
            for read in (storage[slot] for slot in formula.inputs)
            if (maker := self.maker.get(read)) is not None
            and isinstance(maker.lowering, MarkRows)
            and {storage[slot] for slot in maker.inputs} == named
        }


# ---- what happens to an untouched row -----------------------------------------------------------


class Kind(Enum):
    """The knowledge about the elements in rows that get no gradient."""

    ZERO = "plus zero"
    FALSE = "false"
    NUMBER = "finite and not negative"
    POSITIVE = "above zero"
    OTHER = "anything"


@dataclass(frozen=True)
class Same:
    """An element that equals an element of another storage, about which something is known."""

    storage: int
    kind: Kind = Kind.OTHER


Known = Kind | Same


def _leaves_others(actions: Actions, update: _Update) -> bool:
    """Return whether an update provably keeps all rows of its variables that no lookup named."""
    storage, reads = actions.storage, actions.schedule.reads
    kinds: dict[int, Known] = {storage[a.outputs[0]]: Kind.ZERO for a in update.sources}
    kinds.update(dict.fromkeys(update.marks, Kind.FALSE))
    positive = {reads[v] for v in update.variables if v in reads and _starts_positive(v)}
    for action in update.formulas:
        lowering = action.lowering
        assert isinstance(lowering, Elementwise)
        named: dict[str, Known] = {}
        for name, slot in zip(lowering.names, action.inputs, strict=True):
            known = kinds.get(storage[slot])
            named[name] = _kind_of_input(actions, slot, positive) if known is None else known
        kinds[storage[action.outputs[0]]] = _evaluate(_parsed(lowering.expression), named)
    for variable, new in update.variables.items():
        kept = kinds[new]
        if not isinstance(kept, Same) or kept.storage != reads.get(variable):
            return False
    return True


def _starts_positive(variable: Node) -> bool:
    """Return whether a variable is initialized with one positive number, as AdaGrad's sum of
    squared gradients.
    """
    value = variable.attrs.get("value")
    return (
        not variable.attrs.get("trainable", True)
        and isinstance(value, (int, float))
        and 0 < value < float("inf")
    )


def _kind_of_input(actions: Actions, slot: int, positive: set[int]) -> Known:
    storage, type_ = actions.storage[slot], actions.types[slot]
    if type_.size != 1:
        return Same(storage, Kind.POSITIVE if storage in positive else Kind.OTHER)
    if storage not in actions.constants:
        return Kind.NUMBER  # a learning rate that is computed
    value = float(actions.constants[storage].reshape(()))
    if not np.isfinite(value) or value < 0:
        return Kind.OTHER
    return Kind.POSITIVE if value > 0 else Kind.NUMBER


@cache
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _evaluate(tree: ast.expr, named: Mapping[str, Known]) -> Known:
    """Return a property of a formula's value, such as zero or positive, that holds in all table
    rows that no lookup named.

    Return OTHER unless the formula has one of a few safe forms.
    """
    if isinstance(tree, ast.Name):
        return named.get(tree.id, Kind.OTHER)
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
        given = [_evaluate(each, named) for each in tree.args]
        if tree.func.id == "sqrt" and _plain(given[0]) in (Kind.POSITIVE, Kind.ZERO):
            return _plain(given[0])
        if tree.func.id == "where" and given[0] is Kind.FALSE:
            return given[2]
        return Kind.OTHER
    if not isinstance(tree, ast.BinOp):
        return Kind.OTHER
    left, right = _evaluate(tree.left, named), _evaluate(tree.right, named)
    x, y = _plain(left), _plain(right)
    match tree.op:
        case ast.Add():
            return _sum(left, right)
        case ast.Sub():
            return left if y is Kind.ZERO else Kind.OTHER
        case ast.Mult():
            numbers = (Kind.ZERO, Kind.NUMBER, Kind.POSITIVE)
            plain = (k for k in (left, right) if isinstance(k, Same))
            if x in numbers and y in numbers and Kind.ZERO in (x, y) and not any(plain):
                return Kind.ZERO
        case ast.Div():
            if x is Kind.ZERO and y is Kind.POSITIVE:
                return Kind.ZERO
    return Kind.OTHER


def _sum(left: Known, right: Known) -> Known:
    """Return a property of a sum ``x + y``, such as zero or positive, given such properties of its
    operands.

    ``x + 0`` equals x if x is not -0, and a sum of squares never is.
    """
    x, y = _plain(left), _plain(right)
    if y is Kind.ZERO and (x in (Kind.ZERO, Kind.POSITIVE) or not isinstance(left, Same)):
        return left
    if x is Kind.ZERO and (y in (Kind.ZERO, Kind.POSITIVE) or not isinstance(right, Same)):
        return right
    if x is Kind.POSITIVE and y in (Kind.POSITIVE, Kind.NUMBER):
        return Kind.POSITIVE
    if y is Kind.POSITIVE and x is Kind.NUMBER:
        return Kind.POSITIVE
    return Kind.OTHER


def _plain(known: Known) -> Kind:
    return known.kind if isinstance(known, Same) else known


# ---- the rewrite --------------------------------------------------------------------------------


@dataclass
class _Rewriter:
    """The rewrite of a table update to one that computes only the named rows."""

    actions: Actions
    update: _Update
    compact: dict[int, int] = field(default_factory=dict)  # by storage, the slot of its named rows

    def rewrite(self) -> None:
        actions, update = self.actions, self.update
        gone = {id(each) for each in (*update.sources, *update.formulas)}
        kept = [each for each in actions.items if id(each) not in gone]
        read = {actions.storage[s] for each in kept for s in each.inputs}
        unread = (
            update.marks - read - {actions.storage[s] for s in actions.fetches if s is not None}
        )
        actions.items[:] = [
            each
            for each in kept
            if not unread.intersection(actions.storage[s] for s in each.outputs)
        ]
        node = update.sources[0].node
        sources = [(each, _scatter(each)) for each in update.sources]
        indices = tuple(each.inputs[1] for each in update.sources)
        rows, first, *own, working = self._vectors()
        naming = FirstOccurrences(update.rows, tuple(s.from_end for _, s in sources))
        actions.add(Action(node, naming, indices, (rows, first, *own, working)))
        for (each, scatter), places in zip(sources, own, strict=True):
            out = self._compact_slot(each.outputs[0])
            adding = ScatterAdd(0, False, scatter.kind)
            actions.add(Action(each.node, adding, (each.inputs[0], places), (out,)))
        for mark in update.marks:
            self.compact[mark] = actions.new_constant(np.ones((), bool))
        for formula in update.formulas:
            inputs = tuple(self._rows_of(slot, rows, formula.node) for slot in formula.inputs)
            out = self._compact_slot(formula.outputs[0])
            actions.add(Action(formula.node, formula.lowering, inputs, (out,)))
        made = {actions.storage[f.outputs[0]]: f for f in update.formulas}
        for variable, storage in update.variables.items():
            formula, old = made[storage], actions.schedule.reads[variable]
            inputs = (old, rows, first, self.compact[storage])
            actions.add(Action(formula.node, PutRows(), inputs, (formula.outputs[0],)))

    def _vectors(self) -> Iterator[int]:
        named = self.update.named
        yield from (self._vector(named), self._vector(named))
        for each in self.update.sources:
            yield self._vector(self.actions.types[each.inputs[1]].size or 0)
        yield self._vector(1 << (2 * named - 1).bit_length())

    def _vector(self, length: int) -> int:
        return self.actions.new_slot(TensorType("int64", (length,)))

    def _compact_slot(self, slot: int) -> int:
        storage, type_ = self.actions.storage[slot], self.actions.types[slot]
        new = self.actions.new_slot(self._compact_type(type_))
        self.compact[storage] = new
        if storage in self.actions.flushed:
            self.actions.flushed.add(new)
        return new

    def _compact_type(self, type_: TensorType) -> TensorType:
        return type_.with_shape((self.update.named, *type_.shape[1:]))

    def _rows_of(self, slot: int, rows: int, node: Node) -> int:
        """Return the slot with only those rows of a formula's input that belong to the looked-up
        rows of an embedding table. Return the input itself if it does not have the table's row
        axis.
        """
        actions, update = self.actions, self.update
        storage, type_ = actions.storage[slot], actions.types[slot]
        if storage in self.compact:
            return self.compact[storage]
        table = next(iter(update.variables)).outputs[0].type
        if type_.rank < table.rank or type_.shape[0] != update.rows:
            return slot
        new = actions.new_slot(self._compact_type(type_))
        actions.add(Action(node, Gather(0, False), (slot, rows), (new,)))
        self.compact[storage] = new
        return new


def _scatter(action: Action) -> ScatterAdd:
    assert isinstance(action.lowering, ScatterAdd)
    return action.lowering
