"""What kernels declare of their writes holds: results do not depend on what memory held before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.arena import Arena
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.runtime.compiled_plan import CompiledPlan
from nodeflow.engine.runtime.thread_pool import shared_team
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.engine.threefry_streams import Stream
from nodeflow.graph.graph import Node
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY

UNKNOWN_SIZES = ("range", "while_loop")
"""A range of floats, and what the iterations of a loop add up to."""
LOWERED = [op for op in REGISTRY if type(op).lower is not Op.lower and not op.own]


@pytest.mark.sample(42)
@pytest.mark.parametrize("op", LOWERED, ids=lambda op: op.id)
def test_results_do_not_depend_on_what_memory_held(op: Op) -> None:
    """A kernel that leaves out an element, or adds to what is there, would show the difference."""
    for sample in op.samples():
        arrays = [np.asarray(value) for value in sample.inputs]
        with nf.Graph() as graph:
            inputs = [input_of(op, i, a) for i, a in enumerate(arrays)]
            outs = graph.add_node(op, inputs, dict(sample.attrs)).outputs
            fed = {t: a for t, a in zip(inputs, arrays, strict=True) if t.node.op.id != "constant"}
            schedule = build_schedule(outs, fed)
        types = schedule.specialise({})
        if not all(t.is_static for t in types):
            assert op.id in UNKNOWN_SIZES, "its sizes are not known before it runs"
            continue
        plan = make_plan(schedule, types, ["views", "fuse", "reuse"])
        given = {slot: fed[t] for t, slot in schedule.feeds.items()}
        found: list[list[Any]] = []
        for before in (0x00, 0xFF, 0x3F):
            arena = Arena()
            plan.reserve(arena)
            arena.bytes[:] = before
            values = CompiledPlan(plan, arena, shared_team(1)).run(given, stream_of)
            found.append([values[s].copy() for s in schedule.fetches if s is not None])
        for other in found[1:]:
            for a, b in zip(found[0], other, strict=True):
                assert a.tobytes() == b.tobytes(), sample.attrs


def input_of(op: Op, index: int, array: np.ndarray) -> nf.Tensor:
    """A placeholder; sizes are constants, as they are in a run that finds them in shapes."""
    if op.input_port(index).name in op.twins:
        return nf.constant(array)
    return nf.placeholder(array.dtype.name, list(array.shape))


def stream_of(node: Node) -> Stream:
    return Stream(1, node.name, 0, "run")
