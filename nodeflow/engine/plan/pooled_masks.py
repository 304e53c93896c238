"""Masks of max-pooled pictures, applied to the pooled values and not to the whole picture.

The gradient of ``max_pool2d(relu(x))`` spreads numbers over a picture of zeros, and then clears
those where x is not above 0. Each number goes to the largest element of a window. That element
is above 0 exactly if the window's result is, so the numbers can be masked before they are
spread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.ops.lowering import Elementwise, Pool

WHERE, ABOVE, RELU = "where(condition, x, y)", "x > y", "maximum(x, 0)"


def mask_pooled(actions: Actions, ends: set[int]) -> Iterator[str]:
    """Move the mask of a relu gradient before the gradient of max pooling: mask the small pooled
    gradient instead of the full picture that it is spread over. Yield the names of the mask nodes.

    Args:
        ends: storages that are fetched or kept.
    """
    if actions.delayed or actions.repeated:
        return  # masking early would keep recomputed values alive for longer
    storage = actions.storage
    pooled = {
        (storage[a.inputs[0]], a.lowering.windows): a.outputs[0]
        for a in actions.items
        if isinstance(a.lowering, Pool)
        and a.lowering.kind == "max"
        and ends.isdisjoint((storage[a.inputs[0]], storage[a.outputs[0]]))
    }
    if not pooled:
        return
    reads = Counter(storage[slot] for action in actions.items for slot in action.inputs)
    makers = {storage[s]: action for action in actions.items for s in action.outputs}
    made: list[Action] = []
    gone: set[int] = set()
    for action in actions.items:
        parts = _parts(actions, action, makers, ends)
        if parts is not None:
            mask, put = parts
            key = storage[put.inputs[0]], put.lowering.windows  # type: ignore[union-attr]
            alone = reads[storage[put.outputs[0]]] == 1 and storage[put.outputs[0]] not in ends
            if alone and key in pooled:
                made += _masked(actions, action, mask, put, pooled[key])
                gone.update(put.outputs)
                if reads[storage[mask.outputs[0]]] == 1 and storage[mask.outputs[0]] not in ends:
                    gone.update(mask.outputs)
                yield action.node.name
                continue
        made.append(action)
    actions.items[:] = [each for each in made if gone.isdisjoint(each.outputs)]


def _parts(
    actions: Actions, action: Action, makers: dict[int, Action], ends: set[int]
) -> tuple[Action, Action] | None:
    """If an action is the gradient of a relu followed by max pooling, return the actions that
    compute its mask and the gradient that it masks.

    The mask must test where the input or output of relu is above 0. Return None otherwise.
    """
    if _formula(action) != WHERE or not _is_zero(actions, action.inputs[2]):
        return None
    mask, put = (makers.get(actions.storage[slot]) for slot in action.inputs[:2])
    if mask is None or put is None or _formula(mask) != ABOVE:
        return None
    if not isinstance(put.lowering, Pool) or put.lowering.kind != "put":
        return None
    rectified = makers.get(actions.storage[put.inputs[0]])
    same = {actions.types[slot].shape for slot in (*action.inputs[:2], *action.outputs)}
    if rectified is None or _formula(rectified) != RELU or len(same) > 1:
        return None
    if not _is_zero(actions, mask.inputs[1]):
        return None
    read = actions.storage[mask.inputs[0]]
    known = {actions.storage[slot] for slot in (*rectified.inputs, *rectified.outputs)}
    return (mask, put) if read in known - ends else None


def _formula(action: Action) -> str | None:
    return action.lowering.expression if isinstance(action.lowering, Elementwise) else None


def _is_zero(actions: Actions, slot: int) -> bool:
    """Return whether a slot contains the number 0, and not -0."""
    value = actions.constants.get(actions.storage[slot])
    return value is not None and value.shape == () and not any(value.tobytes())


def _masked(
    actions: Actions, action: Action, mask: Action, put: Action, pooled: int
) -> Iterator[Action]:
    """Yield actions that compute the gradient of a max-pooled relu with the mask applied to the
    pooled gradient, before that is spread over the picture.

    Slices of volumes count as pictures.
    """
    gradient, made = put.inputs[1], action.outputs[0]
    shape = actions.types[pooled].shape
    above = actions.new_slot(actions.types[mask.outputs[0]].with_shape(shape))
    left = actions.new_slot(actions.types[gradient])
    yield mask._replace(inputs=(pooled, mask.inputs[1]), outputs=(above,))
    yield action._replace(inputs=(above, gradient, action.inputs[2]), outputs=(left,))
    out = actions.new_slot(actions.types[put.outputs[0]])
    actions.replace({actions.storage[made]: out})
    yield put._replace(inputs=(put.inputs[0], left), outputs=(out,))
