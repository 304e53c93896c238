"""Attention with strided operands: removes transpositions and slices that only move whole rows.

In a network, one product computes the queries, keys and values of all heads, with features side
by side. An attention kernel steps from row to row, so it can read the rows in place. If its
result is only transposed back, it writes each row directly to its final place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.kernels.attention import WIDE, Tiles, starts
from nodeflow.engine.kernels.copies import permutation
from nodeflow.engine.kernels.kernel import sizes_of
from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.lowering import Block, Copy, Permute, strides_of

RESULT = 4
"""The column of the table with the offsets of results. The columns of gradients follow it."""


@dataclass(frozen=True)
class Apart:
    """Elements of a slot's array, given by an offset, and a size and stride for each axis."""

    slot: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int

    def of(self, slot: int, block: Block) -> Apart | None:
        """Translate a view of a copied block into the equivalent view of the array that the block
        was copied from.

        Return None if the elements along an axis would not have a constant stride, or if there are
        no elements.
        """
        if 0 in (*block.sizes, *self.sizes):
            return None
        axes = [
            axis
            for axis in zip(block.sizes, strides_of(block.sizes), block.source_strides, strict=True)
            if axis[0] > 1
        ]
        places = [self.offset // step % size for size, step, _ in axes]
        offset = block.source_offset + sum(
            place * to for place, (_, _, to) in zip(places, axes, strict=True)
        )
        strides = []
        for size, stride in zip(self.sizes, self.strides, strict=True):
            if size == 1:
                strides.append(0)
                continue
            at = next((i for i, (_, step, _) in enumerate(axes) if step <= stride), None)
            if at is None or stride % axes[at][1]:
                return None
            count = stride // axes[at][1]
            places[at] += count * (size - 1)
            strides.append(count * axes[at][2])
        if any(place >= axis[0] for place, axis in zip(places, axes, strict=True)):
            return None
        return Apart(slot, self.sizes, tuple(strides), offset)


def rows_apart(actions: Actions, ends: set[int]) -> Iterator[str]:
    """Make attention kernels read their operands from, and write their results to, arrays in
    another order of axes, so that no transpositions are needed. Yield the names of the nodes that
    transposed before.

    Args:
        ends: storages that are fetched or kept.
    """
    if not any(isinstance(action.lowering, Tiles) for action in actions.items):
        return
    makers = {actions.storage[s]: a for a in actions.items for s in a.outputs}
    passed: dict[int, Action] = {}
    gone: set[int] = set()
    for number, action in enumerate(actions.items):
        if isinstance(action.lowering, Tiles):
            for operand in range(3):
                action = _reading(actions, action, operand, makers, passed)
            actions.items[number] = action
    readers = Counter(actions.storage[s] for a in actions.items for s in a.inputs)
    turns = {actions.storage[a.inputs[0]]: a for a in actions.items if _is_turn(actions, a)}
    joins = {actions.storage[s]: a for a in actions.items if _is_join(actions, a) for s in a.inputs}
    for number, action in enumerate(actions.items):
        if isinstance(action.lowering, Tiles) and not action.lowering.backward:
            out = actions.storage[action.outputs[0]]
            turn = turns.get(out)
            if turn is not None and readers[out] == 1 and out not in ends:
                written = _writing(actions, action, action.lowering, turn)
                if written is not None:
                    actions.items[number] = written
                    gone.add(id(turn))
                    yield turn.node.name
        elif isinstance(action.lowering, Tiles):
            joined = _joining(actions, action, joins, turns, readers, ends)
            if joined is not None:
                actions.items[number], moves = joined
                gone.update(map(id, moves))
                yield from (move.node.name for move in moves)
    for out, maker in reversed(passed.items()):
        if readers[actions.storage[out]] == 0 and actions.storage[out] not in ends:
            readers[actions.storage[maker.inputs[0]]] -= 1
            gone.add(id(maker))
            yield maker.node.name
    actions.items[:] = [a for a in actions.items if id(a) not in gone]


def _is_turn(actions: Actions, action: Action) -> bool:
    """Return whether an action is a transposition, and not part of a delayed or repeated
    recomputation.
    """
    if not isinstance(action.lowering, Permute):
        return False
    (out,) = action.outputs
    return out not in actions.delayed and out not in actions.repeated


def _is_join(actions: Actions, action: Action) -> bool:
    """Return whether an action only concatenates three inputs."""
    copy = action.lowering
    if not isinstance(copy, Copy) or copy.fill is not None or len(copy.blocks) != 3:
        return False
    (out,) = action.outputs
    whole = all(b.source_offset == 0 and b.source_strides == strides_of(b.sizes)
                for b in copy.blocks)  # fmt: skip
    return whole and out not in actions.delayed and out not in actions.repeated


def _moved(actions: Actions, action: Action) -> Block | None:
    """Return the block of elements that a copy or transposition moves, if it fills the whole
    result. Return None for any other action.
    """
    (out,), copy = action.outputs, action.lowering
    if out in actions.delayed or out in actions.repeated:
        return None
    if isinstance(copy, Permute):
        block = permutation(copy, actions.types[action.inputs[0]])
    elif isinstance(copy, Copy) and copy.fill is None and len(copy.blocks) == 1:
        block = copy.blocks[0]
    else:
        return None
    whole = block.target_offset == 0 and block.target_strides == strides_of(block.sizes)
    return block if whole else None


def _reading(
    actions: Actions,
    action: Action,
    operand: int,
    makers: Mapping[int, Action],
    passed: MutableMapping[int, Action],
) -> Action:
    """Return a version of an attention action that reads an operand directly from the array that
    slices and transpositions copied it from.

    Args:
        passed: receives the actions that moved the operand, by output, in order.
    """
    tiles, slot, storage = action.lowering, action.inputs[operand], actions.storage
    assert isinstance(tiles, Tiles)
    sizes = sizes_of(actions.types[slot])
    apart = Apart(storage[slot], tuple(sizes), strides_of(sizes), 0)
    moves = []
    while (maker := makers.get(apart.slot)) is not None and len(maker.outputs) == 1:
        block = _moved(actions, maker)
        before = None if block is None else apart.of(storage[maker.inputs[0]], block)
        if before is None:
            break
        apart = before
        moves.append(maker)
    if not moves or not _is_stretch(actions, apart):
        return action
    passed.update((maker.outputs[0], maker) for maker in reversed(moves))
    steps = [*tiles.steps]
    steps[operand] = apart.strides[-2]
    inputs = [*action.inputs]
    inputs[operand] = apart.slot
    inputs[-1] = _table(actions, action, operand, apart)
    lowering = replace(tiles, steps=tuple(steps))
    return action._replace(lowering=lowering, inputs=tuple(inputs))


def _writing(actions: Actions, action: Action, tiles: Tiles, turn: Action) -> Action | None:
    """Return a version of an attention action that writes its result in the order of axes of the
    transposition ``turn``. Return None if the elements of its rows would not be contiguous.
    """
    sizes = sizes_of(actions.types[action.outputs[0]])
    whole = Apart(action.outputs[0], tuple(sizes), strides_of(sizes), 0)
    apart = whole.of(turn.outputs[0], _turned(actions, turn))
    if apart is None or not _is_stretch(actions, apart):
        return None
    inputs = (*action.inputs[:-1], _table(actions, action, RESULT, apart))
    lowering = replace(tiles, steps=(*tiles.steps[:3], apart.strides[-2]))
    outputs = (turn.outputs[0], *action.outputs[1:])
    return action._replace(lowering=lowering, inputs=inputs, outputs=outputs)


def _joining(
    actions: Actions,
    action: Action,
    joins: Mapping[int, Action],
    turns: Mapping[int, Action],
    readers: Mapping[int, int],
    ends: set[int],
) -> tuple[Action, list[Action]] | None:
    """Return a version of an attention gradient that writes its results directly into their
    concatenation.

    Also return the actions that it replaces: the concatenation, and a transposition after it, if
    any. Return None if the results cannot be written there.
    """
    tiles, storage = action.lowering, actions.storage
    assert isinstance(tiles, Tiles)
    join = joins.get(storage[action.outputs[0]])
    made = [storage[s] for s in action.outputs]
    if join is None or sorted(storage[s] for s in join.inputs) != sorted(made):
        return None
    if any(readers[s] != 1 or s in ends for s in made):
        return None
    moves, target = [join], join.outputs[0]
    turn = turns.get(storage[target])
    if turn is not None and (readers[storage[target]] != 1 or storage[target] in ends):
        turn = None
    if turn is not None:
        moves, target = [join, turn], turn.outputs[0]
    assert isinstance(join.lowering, Copy)
    blocks = {storage[s]: b for s, b in zip(join.inputs, join.lowering.blocks, strict=True)}
    table, steps = action.inputs[-1], [*tiles.steps]
    changed = action
    for number, slot in enumerate(action.outputs):
        sizes = sizes_of(actions.types[slot])
        block = blocks[storage[slot]]
        turned = Block(
            block.sizes, block.target_offset, block.target_strides, 0, strides_of(block.sizes)
        )
        apart = Apart(slot, tuple(sizes), strides_of(sizes), 0).of(join.outputs[0], turned)
        if apart is not None and turn is not None:
            apart = apart.of(turn.outputs[0], _turned(actions, turn))
        if apart is None or not _is_stretch(actions, apart):
            return None
        table = _table(actions, changed, RESULT + 1 + number, apart)
        changed = changed._replace(inputs=(*changed.inputs[:-1], table))
        steps[RESULT + number] = apart.strides[-2]
    lowering = replace(tiles, steps=tuple(steps), homes=(0, 0, 0))
    return changed._replace(lowering=lowering, outputs=(target,)), moves


def _turned(actions: Actions, turn: Action) -> Block:
    """Return the memory layout, as offset and strides, into which a transposition moves the
    elements of a contiguous array.
    """
    assert isinstance(turn.lowering, Permute)
    source, target = (actions.types[s] for s in (*turn.inputs, *turn.outputs))
    steps = strides_of(target.shape)
    back = tuple(steps[turn.lowering.axes.index(axis)] for axis in range(len(steps)))
    given = sizes_of(source)
    return Block(tuple(given), 0, back, 0, strides_of(given))


def _is_stretch(actions: Actions, apart: Apart) -> bool:
    """Return whether the elements of each row of an attention operand are contiguous in memory, and
    few enough to be buffered.
    """
    size = numpy_dtype(actions.types[apart.slot].dtype).itemsize
    in_order = apart.sizes[-1] == 1 or apart.strides[-1] == 1
    return in_order and apart.sizes[-1] * size <= WIDE


def _table(actions: Actions, action: Action, column: int, apart: Apart) -> int:
    """Return a slot with a changed copy of the attention's table of matrix offsets: one column gets
    the offsets of the operand ``apart``.
    """
    lead = sizes_of(actions.types[action.outputs[0]])[:-2]
    table = actions.value(action.inputs[-1]).copy()
    table[:, column] = starts(apart.sizes[:-2], apart.strides[:-2], apart.offset, lead)
    return actions.new_constant(table)
