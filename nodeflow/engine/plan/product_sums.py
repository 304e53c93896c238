"""Sums with large products: the product adds operands to a result while it is in registers.

Otherwise a bias or a residual connection would be a pass over results that have left the
first-level cache. If only formulas read a sum, the sum is left to them, because they make such
a pass anyway.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from nodeflow.engine.devicelib.added_parts import MATRIX, ROW
from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.kernels.matmul import Product, may_add
from nodeflow.engine.plan.packed_sums import is_sum, kinds_of, made_alone
from nodeflow.ops.lowering import Elementwise

LARGE = 1 << 17
"""Minimum number of elements of a result. For smaller results, saving a pass is not worth a
separate kernel.
"""


def add_in_panels(actions: Actions, ends: set[int]) -> Iterator[str]:
    """Make matrix products add the other operands of a sum to their result, in the same order, so
    that the sum needs no kernel. Yield the names of the sum nodes.

    Args:
        ends: storages that are fetched or kept.
    """
    readers: dict[int, list[Action]] = defaultdict(list)
    for action in actions.items:
        for slot in action.inputs:
            readers[actions.storage[slot]].append(action)
    alone = {s for s, found in readers.items() if len(found) == 1} - ends
    makers = {actions.storage[s]: a for a in actions.items for s in a.outputs}
    gone: set[int] = set()
    for number, action in enumerate(actions.items):
        storage = actions.storage[action.outputs[0]] if action.outputs else -1
        if (actions.types[storage].size or 0) < LARGE or not is_sum(action):
            continue
        if not all(_is_formula(actions, each, storage) for each in readers[storage] or (None,)):
            made = _summed(actions, action, makers, alone)
            if made is not None:
                actions.items[number], parts = made
                actions.joined[action.outputs[0]] = [*parts[::-1], action]
                gone.update(s for each in parts for s in each.outputs)
                yield action.node.name
    actions.items[:] = [a for a in actions.items if gone.isdisjoint(a.outputs)]


def _is_formula(actions: Actions, reader: Action | None, storage: int) -> bool:
    """Return whether an action is an elementwise formula over all elements of a storage. Its kernel
    can then compute the sum itself.
    """
    if reader is None or not isinstance(reader.lowering, Elementwise):
        return False
    return actions.types[reader.outputs[0]].shape == actions.types[storage].shape


def _summed(
    actions: Actions, action: Action, makers: dict[int, Action], alone: set[int]
) -> tuple[Action, list[Action]] | None:
    """Return a matrix product that also adds the other operands of a sum, and the actions that it
    replaces. Return None if no operand of the sum is such a product.
    """
    out = actions.types[action.outputs[0]]
    if any(s in actions.delayed or s in actions.repeated for s in action.outputs):
        return None
    for side, other in zip(action.inputs, action.inputs[::-1], strict=True):
        kinds, maker = kinds_of(actions, (other,), out), made_alone(actions, side, makers, alone)
        if kinds is None or maker is None or actions.types[side] != out:
            continue
        parts = [maker]
        if is_sum(maker):
            inner = _summed(actions, maker, makers, alone)
            if inner is None:
                continue
            maker, parts = inner[0], [*parts, *inner[1]]
        if not may_add(actions, maker) or maker.outputs[0] in actions.repeated:
            continue
        lowering = maker.lowering
        assert isinstance(lowering, Product)
        added = (*lowering.added, MATRIX if kinds[0] else ROW)
        made = maker._replace(
            lowering=replace(lowering, added=added),
            inputs=(*maker.inputs, other),
            outputs=action.outputs,
        )
        return made, parts
    return None
