"""Rewrites of a plan's actions: each one named, exact, and possible to switch off.

They work while actions are made, one look at each, so planning stays linear. All are exact: with
any of them switched off the results have the same bits (a test compares with ``==``), so neither
tiers nor settings can disagree. What would round differently is left as the user wrote it. There
are two exceptions, with a stated tolerance (docs/correctness.md). ``flush`` moves what a training
step stores by less than the smallest normal number. ``stabilise`` acts on schedules, which both
tiers run.
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.schedule.schedule import Step
from nodeflow.graph.types import FLOATS
from nodeflow.ops.lowering import Elementwise, Random

REWRITES = {
    "stabilise": "take logarithms of softmax and sigmoid, and their gradients, without underflow",
    "fold": "compute what depends on constants only once, while planning",
    "share": "compute equal expressions once",
    "simplify": "drop x * 1, x / 1, x - 0 and, of integers, x + 0",
    "rows": "compute softmax a row at a time instead of a pass over everything for each part",
    "fuse": "make one kernel of neighbouring elementwise ops",
    "views": "read slices where they lie, write joined pieces where they belong",
    "flush": "take numbers too small for full precision as zero where a training step updates",
    "strands": "let each task go on with its rows through neighbouring kernels",
    "turns": "run large branches one after the other, each while its values are in cache",
    "reuse": "let intermediate results that are not needed any more make room",
}
"""All that a plan may do without, by name; `Session(without=...)` switches them off."""

EXACT = frozenset(
    {
        "add", "subtract", "multiply", "divide", "negative", "abs", "sign", "square", "sqrt",
        "maximum", "minimum", "equal", "not_equal", "less", "less_equal", "greater",
        "greater_equal", "logical_and", "logical_or", "logical_not", "where", "cast", "floor",
        "ceil", "reshape", "expand_dims", "squeeze", "broadcast_to", "transpose", "zeros_like",
        "ones_like", "concat", "tile", "pad",
    }
)  # fmt: skip
"""Ops that numpy and kernels compute to the same bits (IEEE 754 says how they round)."""
FOLDED_SIZE = 4096
"""Elements up to which a folded value is kept: more would cost memory to save little time."""


def foldable(actions: Actions, step: Step) -> bool:
    """f(constants) = constant"""
    if "fold" in actions.schedule.without or step.node.op.id not in EXACT or not step.inputs:
        return False
    sizes = [actions.types[slot].size for slot in step.outputs]
    return all(size is not None and size <= FOLDED_SIZE for size in sizes) and all(
        actions.storage[slot] in actions.constants for slot in step.inputs
    )


def simplified(actions: Actions, action: Action) -> int | None:
    """x * 1 = x / 1 = x - 0 = x: the input that the action's result equals, or None.

    ``x + 0`` is left alone for floats: it makes a zero of minus zero.
    """
    if "simplify" in actions.schedule.without or not isinstance(action.lowering, Elementwise):
        return None
    out = actions.types[action.outputs[0]]
    neutral = _NEUTRAL.get(action.lowering.expression)
    if neutral is None or len(action.inputs) != 2:
        return None
    if action.lowering.expression == "x + y" and out.dtype in FLOATS:
        return None
    value, sides = neutral
    for side in sides:
        constant = actions.constants.get(actions.storage[action.inputs[side]])
        other = action.inputs[1 - side]
        if constant is not None and actions.types[other] == out and _is_all(constant, value):
            return other
    return None


_NEUTRAL = {"x * y": (1, (1, 0)), "x / y": (1, (1,)), "x - y": (0, (1,)), "x + y": (0, (1, 0))}


def _is_all(constant: np.ndarray, value: int) -> bool:
    """Whether every element is ``value``, and no zero has a sign."""
    return bool(constant.size) and bool(
        np.all(constant == value) and not (value == 0 and np.signbit(constant).any())
    )


def expression_key(actions: Actions, action: Action) -> Hashable:
    """What two actions that compute the same values have in common; None: never share it.

    Random numbers are drawn by each node for itself, and what has no kernel may have an effect.
    """
    lowering = action.lowering
    if "share" in actions.schedule.without or lowering is None or isinstance(lowering, Random):
        return None
    storage, types = actions.storage, actions.types
    inputs = tuple([(storage[s], types[s]) for s in action.inputs])
    outputs = tuple([types[s] for s in action.outputs])
    if isinstance(lowering, Elementwise):  # most are, and their repr takes long
        attrs = repr(lowering.attrs) if lowering.attrs else ""
        return lowering.expression, lowering.names, attrs, inputs, outputs
    return repr(lowering), inputs, outputs


def constant_key(actions: Actions, value: np.ndarray) -> Hashable:
    """What equal constants have in common, every bit of them; None: never share it."""
    if "share" in actions.schedule.without or value.size > FOLDED_SIZE:
        return None
    return value.dtype.str, value.shape, value.tobytes()
