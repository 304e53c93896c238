"""The peak memory of values in the reference tier, including values inside loops and branches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from nodeflow.engine.memory import size_of
from nodeflow.engine.schedule.schedule import Schedule, build_schedule, is_assign
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph, Node
from nodeflow.graph.types import TensorType
from nodeflow.ops.control_flow.scan_body import add_input, inline

_VIEWS = frozenset("reshape identity expand_dims squeeze transpose stop_gradient".split())
"""Ops whose reference returns a view."""


def peak_of(
    schedule: Schedule,
    types: Sequence[TensorType],
    drops: Sequence[Sequence[int]] | None = None,
    inside: Sequence[int] | None = None,
) -> tuple[int, Node | None]:
    """Return the peak memory in bytes of all outputs when steps run one after the other by their
    reference implementations. Also return the node that needs most memory.

    Args:
        drops: for each step, the slots that no later step uses, if known.
        inside: temporary bytes of each step; None: computed by `inside_of`.
    """
    if inside is None:
        inside = [inside_of(step.node, [types[s] for s in step.inputs]) for step in schedule.steps]
    taken: dict[int, int] = {}
    held, most, largest, at = 0, 0, 0, None
    dropped_by = drops or drops_of(schedule)
    for step, dropped, beside in zip(schedule.steps, dropped_by, inside, strict=True):
        if step.node.op.id not in _VIEWS and not is_assign(step.node):
            for slot in step.outputs:
                size = taken[slot] = size_of([types[slot]])
                held += size
                if size + beside > largest:
                    largest, at = size + beside, step.node
        most = max(most, held + beside)
        held -= sum(taken.pop(slot, 0) for slot in dropped)
    return most, at


def drops_of(schedule: Schedule) -> list[list[int]]:
    """Return for each step the slots that can be freed after it, because no later step uses
    them.
    """
    drops: list[list[int]] = [[] for _ in schedule.steps]
    for slot, last in enumerate(schedule.last_uses()):
        if 0 <= last < len(drops):
            drops[last].append(slot)
    return drops


def inside_of(node: Node, inputs: Sequence[TensorType]) -> int:
    """Return the temporary bytes of a loop or branch, in addition to its outputs.

    For a loop, this is one iteration with its carried values; for a branch, the larger body.
    Values that all iterations keep count as outputs.

    Args:
        inputs: types of the inputs.
    """
    attrs = node.attrs
    if node.op.id == "cond":
        return max(_of_body(attrs[name], tuple(inputs[1:])) for name in ("true_body", "false_body"))
    if node.op.id not in ("scan", "while_loop"):
        return 0
    first, last = attrs["carried"], attrs["carried"] + attrs.get("sequences", 0)
    given = [
        t.with_shape(t.shape[1:]) if first <= place < last and t.rank else t
        for place, t in enumerate(inputs)
    ]
    texts = [attrs[name] for name in ("cond", "body") if name in attrs]
    return size_of(given[:first]) + max(_of_body(text, tuple(given)) for text in texts)


@lru_cache(maxsize=1024)
def _of_body(text: str, inputs: tuple[TensorType, ...]) -> int:
    """Return the peak memory in bytes of one execution of the body of a loop or branch. Return 0 if
    the body is invalid, because the run itself reports the error.
    """
    graph = Graph()
    feeds = [add_input(graph, t) for t in inputs]
    try:
        schedule = build_schedule(inline(graph, text, feeds), feeds)
    except NodeflowError:
        return 0  # the run itself will report the error
    return peak_of(schedule, [tensor.type for tensor in schedule.slots])[0]
