"""Sums with products of packed matrices: the product adds the other operands while its tile is
in registers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.kernels.matmul_packed import PackedProduct
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Elementwise


def add_in_products(actions: Actions, ends: set[int]) -> Iterator[str]:
    """Make matrix products with packed weights add the other operands of a sum to their result, so
    that the sum needs no kernel. Yield the names of the sum nodes.

    Args:
        ends: storages that are fetched or kept.
    """
    if not actions.packed:
        return
    readers = Counter(actions.storage[s] for action in actions.items for s in action.inputs)
    alone = {s for s, count in readers.items() if count == 1} - ends
    makers = {actions.storage[s]: a for a in actions.items for s in a.outputs}
    gone: set[int] = set()
    for number, action in enumerate(actions.items):
        if not is_sum(action):
            continue
        for product, other in zip(action.inputs, action.inputs[::-1], strict=True):
            maker = made_alone(actions, product, makers, alone)
            added = _added(actions, other, actions.types[action.outputs[0]], makers, alone)
            if maker is None or added is None:
                continue
            lowering, (inputs, flags, parts) = maker.lowering, added
            if not isinstance(lowering, PackedProduct) or len(maker.inputs) != 2:
                continue
            lowering = replace(lowering, adds_matrix=flags[0], adds_vector=flags[1])
            sources = (*maker.inputs, *inputs)
            made = Action(maker.node, lowering, sources, action.outputs)
            actions.items[number] = makers[actions.storage[action.outputs[0]]] = made
            actions.joined[action.outputs[0]] = [maker, *parts, action]
            gone.update(s for each in (maker, *parts) for s in each.outputs)
            yield action.node.name
            break
    actions.items[:] = [a for a in actions.items if gone.isdisjoint(a.outputs)]


def is_sum(action: Action) -> bool:
    """Return whether an action is an elementwise addition of two values."""
    lowering = action.lowering
    return (
        isinstance(lowering, Elementwise)
        and lowering.expression == "x + y"
        and lowering.names == ("x", "y")
        and len(action.inputs) == 2
    )


def made_alone(
    actions: Actions, slot: int, makers: dict[int, Action], alone: set[int]
) -> Action | None:
    """Return the action that computes a slot. Return None if another action also reads the value,
    or if the slot is a reshaped view of it.
    """
    storage = actions.storage[slot]
    maker = makers.get(storage) if storage in alone else None
    if maker is None or actions.types[maker.outputs[0]] != actions.types[slot]:
        return None
    return maker


Added = tuple[Sequence[int], tuple[bool, bool], Sequence[Action]]


def _added(
    actions: Actions, slot: int, out: TensorType, makers: dict[int, Action], alone: set[int]
) -> Added | None:
    """Return the operands that the kernel of a matrix product with a result of type ``out`` could
    add to it: the value in ``slot``, or the two operands of the sum that computes it. Return None
    if the types do not fit.

    Returns:
        The slots, whether they contain a matrix and a vector, and the sum that is no longer needed.
    """
    kinds = kinds_of(actions, (slot,), out)
    if kinds == [False]:
        return (slot,), (False, True), ()
    if kinds != [True]:
        return None
    maker = made_alone(actions, slot, makers, alone)
    if maker is not None and is_sum(maker):
        parts = kinds_of(actions, maker.inputs, out)
        if parts == [True, False]:
            return maker.inputs, (True, True), (maker,)
        if parts == [False, True]:
            return maker.inputs[::-1], (True, True), (maker,)
    return (slot,), (True, False), ()


def kinds_of(actions: Actions, slots: Sequence[int], out: TensorType) -> list[bool] | None:
    """Classify the operands of a sum: True for a matrix with the result's shape, False for a vector
    as long as the result's rows.

    Return None if any operand is neither.
    """
    types = [actions.types[s] for s in slots]
    vector = out.with_shape(out.shape[-1:])
    if any(t not in (out, vector) for t in types):
        return None
    return [t == out for t in types]
