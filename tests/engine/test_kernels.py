"""Kernel kinds: one object handles each lowering, and what it says of its kernels is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.ir.levels import all_launches
from nodeflow.engine.ir.plan import LoopPlan, Plan
from nodeflow.engine.kernels import registry
from nodeflow.engine.kernels.kernel import Array, CallKernel, Kernel, KernelCall
from nodeflow.engine.kernels.reductions import Stage
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.declaration import Port
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow.scan_body import make_body
from nodeflow.ops.lowering import Elementwise, Lowering


def lowerings() -> Iterator[type[Lowering]]:
    """Every description that ops and kernels declare."""
    waiting = list(Lowering.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("nodeflow."):
            yield kind


def plan_of_sample(op: Op, sample: Sample) -> Plan:
    with nf.Graph() as graph:
        fed = [nf.placeholder(a.dtype.name, list(a.shape)) for a in map(np.asarray, sample.inputs)]
        made = graph.apply(op.id, *fed, **dict(sample.attrs))
        outs = made if isinstance(made, (list, tuple)) else [made]
        schedule = build_schedule(outs, fed)
        return make_plan(schedule, schedule.specialise({}))


def test_every_lowering_is_handled():
    handled = registry.registered()
    assert {kind.__name__ for kind in lowerings()} == {kind.__name__ for kind in handled}


def test_every_kernel_has_a_label_and_launches():
    kernels = [rule for rule in registry.registered().values() if isinstance(rule, Kernel)]
    assert len(kernels) > 20
    for kernel in kernels:
        assert kernel.label == kernel.label.strip().lower() != ""
        overridden = type(kernel).launches is not Kernel.launches
        assert overridden and type(kernel).__doc__, type(kernel).__name__


def test_a_lowering_has_one_handler():
    with pytest.raises(ValueError, match="Elementwise is handled by ElementwiseKernel"):

        @registry.handles(Elementwise)
        class Another(Kernel[Elementwise]):
            label = "another"


def test_a_lowering_that_nothing_handles_is_named():
    class Unknown(Lowering):
        def __repr__(self) -> str:
            return "Unknown()"

    with pytest.raises(TypeError, match=r"no module of .* handles Unknown\(\)"):
        registry.rule_of(Unknown())


@pytest.mark.sample(72)
@pytest.mark.parametrize(
    "op", [op for op in REGISTRY if type(op).lower is not Op.lower], ids=lambda op: op.id
)
def test_what_can_fail_is_what_reports_failures(op: Op):
    """The text of a kernel says whether it reports: it then stores a code beside its arguments."""
    for sample in op.samples():
        try:
            plan = plan_of_sample(op, sample)
        except nf.NodeflowError:
            continue  # a sample of what is refused
        for launch in (each for phase in plan.phases for each in all_launches(phase.levels)):
            group = launch.group
            if group is None or group.moved is not None:
                continue
            actions = group.actions
            reports = "set_slot(args, CODE" in launch.source
            stage = actions[0].lowering
            if isinstance(stage, Stage):
                reports = reports and stage.n == 0
            assert reports == any(registry.can_fail(plan.actions, a) for a in actions), launch.label


def test_a_loop_fails_where_its_body_does():
    row = TensorType("int32", (3,))

    def fails(step: Callable[[nf.Tensor, nf.Tensor], nf.Tensor]) -> bool:
        body, _ = make_body(lambda carried, x: (step(carried, x),), [row, row])
        with nf.Graph() as graph:
            fed = [nf.placeholder("int32", [3]), nf.placeholder("int32", [5, 3])]
            attrs = {"reverse": False, "history": False, "carried": 1, "sequences": 1}
            (last,) = graph.apply("scan", *fed, body=body, **attrs)
            schedule = build_schedule([last], fed)
            actions = make_plan(schedule, schedule.specialise({})).actions
        (loop,) = (a for a in actions.items if isinstance(a.lowering, LoopPlan))
        return registry.can_fail(actions, loop)

    assert fails(F.floor_divide)
    assert not fails(F.add)


# ---- a kernel of its own ------------------------------------------------------------------------


@dataclass(frozen=True)
class Reverse(Lowering):
    """The elements of a vector from the last to the first."""


_REVERSE = """import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot, view1


def kernel(args, task, ntasks):
    n = slot(args, 0)
    x, y = view1(slot(args, 1), n, np.float64), view1(slot(args, 2), n, np.float64)
    for i in range(n * task // ntasks, n * (task + 1) // ntasks):
        y[i] = x[n - 1 - i]
"""


class ReverseKernel(CallKernel[Reverse]):
    label = "reverse"

    def calls(self, lowering: Reverse, types: Sequence[TensorType]) -> list[KernelCall]:
        n = types[0].size or 0
        return [KernelCall(_REVERSE, (n, Array(0), Array(1)), n, n * 1.0)]


class ReverseOp(Op):
    id = "test_reverse"
    category = "Shape"
    doc = "Reversed."
    inputs = (Port("x", "A vector.", ("float64",)),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0]

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.ascontiguousarray(arrays[0][::-1])

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return Reverse()


@pytest.fixture
def reverse(monkeypatch: pytest.MonkeyPatch) -> None:
    """An op and its kernel, declared outside of the package."""
    monkeypatch.setattr(registry, "_RULES", registry.registered())
    registry.handles(Reverse)(ReverseKernel)
    monkeypatch.setitem(REGISTRY._ops, "test_reverse", ReverseOp())


def test_a_new_kernel_is_the_op_and_the_kernel(reverse):
    x = np.arange(100_000.0)
    with nf.Graph() as graph:
        y = graph.apply("test_reverse", nf.constant(x)) * 2.0
    with nf.Session(graph, tier="compiled") as session:
        assert np.array_equal(session.run(y), 2 * x[::-1])
        _, trace = session.profile(y)
        assert ", reverse: test_reverse\n" in session.explain(y)
    assert "reverse" in {event.get("cat") for event in trace["traceEvents"]}
