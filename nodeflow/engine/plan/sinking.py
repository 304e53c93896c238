"""Sums and products of a sequence with a vector, moved into the loop if nothing else reads them.

The inputs of a recurrent network are multiplied by their weights for all steps at once, and a
bias is added. Adding it separately would be a pass over an array that has left the caches.
Inside the loop, each step adds the bias to the slice that it reads anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.plan.loops import inputs_read
from nodeflow.ops.control_flow.scan_body import compute_inside
from nodeflow.ops.elementwise import Elementwise as ElementwiseOp
from nodeflow.ops.lowering import Elementwise, Loop

CHEAP = frozenset({"x + y", "x - y", "x * y"})
"""Formulas that take less time than reading their inputs."""


def sink_into_loops(actions: Actions, ends: set[int]) -> Iterator[str]:
    """Move cheap elementwise ops on a loop's sequences into the loop, if nothing else reads their
    results. Yield the names of the moved nodes.

    Args:
        ends: storages that are fetched or kept.
    """
    storage = actions.storage
    if not any(isinstance(action.lowering, Loop) for action in actions.items):
        return
    readers = Counter(storage[s] for action in actions.items for s in _read(actions, action))
    makers = {storage[s]: action for action in actions.items for s in action.outputs}
    moved: set[int] = set()
    for number, action in enumerate(actions.items):
        if not isinstance(action.lowering, Loop):
            continue
        first = action.lowering.carried
        for index in range(first, first + action.lowering.sequences):
            source = storage[action.inputs[index]]
            maker = makers.get(source)
            if maker is None or readers[source] != 1 or source in ends:
                continue
            sunk = _sunk(actions, action, index, maker)
            if sunk is not None:
                actions.items[number] = action = sunk
                moved.add(maker.outputs[0])
                yield maker.node.name
    actions.items[:] = [a for a in actions.items if moved.isdisjoint(a.outputs)]


def _read(actions: Actions, action: Action) -> Sequence[int]:
    """Return the slots that an action reads. For a loop, omit the inputs that its body does not
    use.
    """
    if isinstance(action.lowering, Loop):
        return [action.inputs[i] for i in inputs_read(actions, action)]
    return action.inputs


def _sunk(actions: Actions, action: Action, index: int, maker: Action) -> Action | None:
    """Return a version of a loop that itself computes each slice of a sequence, by the elementwise
    formula of the action ``maker``.

    Return None if that is not possible, or if the loop would then read more memory.
    """
    loop, op = action.lowering, maker.node.op
    assert isinstance(loop, Loop)
    if not isinstance(maker.lowering, Elementwise) or maker.lowering.expression not in CHEAP:
        return None
    (out,) = maker.outputs
    waits = out in actions.delayed or out in actions.repeated
    if waits or not isinstance(op, ElementwiseOp) or len(maker.inputs) != len(maker.node.inputs):
        return None
    sequence = actions.types[action.inputs[index]]
    made, types = actions.types[out], [actions.types[s] for s in maker.inputs]
    large = [i for i, t in enumerate(types) if t == made]
    small = [i for i, t in enumerate(types) if t.rank == 1 and t.shape == made.shape[-1:]]
    if len(types) != 2 or len(large) != 1 or len(small) != 1 or types[small[0]].dtype != made.dtype:
        return None
    if sequence.rank < 2 or sequence.shape[-1] != made.shape[-1] or sequence.dtype != made.dtype:
        return None
    slices = actions.new_slot(sequence)
    actions.share_storage(slices, maker.inputs[large[0]])
    name = maker.node.name.rsplit("/", 1)[-1]
    body = compute_inside(loop.body, index, op.id, maker.node.attrs, large[0], name)
    inputs = [*action.inputs, maker.inputs[small[0]]]
    inputs[index] = slices
    return Action(action.node, replace(loop, body=body), tuple(inputs), action.outputs)
