"""Learning rates that change with the step: connect one to an optimizer's ``schedule``.

If ``step`` is not connected, a schedule counts its own steps: each step of its optimizer raises its
variable NAME/step by 1. If ``step`` is connected, to a range for example, it returns the rates of
these steps, for a plot.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, NUMBERS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values

RATE = Attr("learning_rate", "float", 0.01, "Initial rate.", minimum=0)
DTYPE = Attr("dtype", "dtype", "float32", "Data type.", choices=FLOATS, advanced=True)
WARM_UP = Attr("warmup_steps", "int", 0, "First steps, in which the rate rises to it.", minimum=0)


def steps_attr(doc: str) -> Attr:
    return Attr("steps", "int", 1000, doc, minimum=1)


class Schedule(Composed):
    """The base class of schedules: a factor or rate as a function of the step, counted from 0."""

    category = "Training"
    keywords = ("learning rate", "schedule", "decay")
    differentiable = False
    inputs = (
        Port(
            "step",
            "Step number from 0; if not connected, the training step.",
            NUMBERS,
            optional=True,
        ),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return TensorType(attrs["dtype"], types[0].shape if types else ())

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        dtype, warm_up = attrs.pop("dtype"), attrs.pop("warmup_steps", 0)
        step = inputs[0] if inputs else self._counter()
        time = F.cast(step, dtype="float64", name="time")
        if not inputs:
            F.assign(step, step + 1, each_step=True, name="count")
        rate = self.rate(F.maximum(time - warm_up, 0) if warm_up else time, **attrs)
        if warm_up:
            rate = rate * risen(time, warm_up)
        return F.cast(rate, dtype=dtype)

    def _counter(self) -> Tensor:
        return get_default_graph().apply(
            "variable", value=0, dtype="int64", trainable=False, name="step"
        )

    def rate(self, time: Tensor, **attrs: Any) -> Tensor:
        """Return the learning rate at a time, which counts steps, as a float64 tensor."""
        raise NotImplementedError(self.id)

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            yield Sample((values((2, 3), dtype, 0, 200),))
        small = {a.name: 3 for a in self.attrs if a.name in ("steps", "warmup_steps")}
        for dtype in FLOATS:
            yield Sample((np.arange(8),), {**small, "dtype": dtype})
        yield Sample((np.zeros((0, 3)),))
        yield Sample((np.array(5),), small)
        yield Sample(())


def risen(time: Tensor, steps: int) -> Tensor:
    """Return the factor of a learning rate warm-up: it rises linearly from 1 / steps at time 0 to
    1, and then stays 1.
    """
    return F.minimum((time + 1) / float(steps), 1)


def cosine(part: Tensor) -> Tensor:
    """Return a factor that falls from 1 to 0 along half a cosine, while ``part`` goes from 0 to
    1.
    """
    return (F.cos(part * math.pi) + 1) * 0.5


@register
class WarmUp(Schedule):
    """A rate that rises, then stays."""

    id = "warm_up"
    keywords = ("learning rate", "schedule", "start", "ramp")
    doc = (
        "A learning rate that rises linearly over the first steps, then stays.\n\nlearning_rate * "
        "min((step + 1) / steps, 1). Goyal and others, 2017. The other schedules have their own "
        "warm-up: warmup_steps."
    )
    attrs = (RATE, steps_attr("Steps until the rate is reached."), DTYPE)

    def rate(self, time: Tensor, **attrs: Any) -> Tensor:
        return risen(time, attrs["steps"]) * attrs["learning_rate"]


@register
class StepDecay(Schedule):
    """A rate reduced at regular intervals."""

    id = "step_decay"
    doc = (
        "A learning rate that is multiplied by a factor at regular intervals.\n\nlearning_rate * "
        "factor^floor(step / steps)."
    )
    attrs = (
        RATE,
        steps_attr("Steps between two reductions."),
        Attr("factor", "float", 0.1, "Factor of each reduction.", minimum=0),
        WARM_UP,
        DTYPE,
    )

    def rate(self, time: Tensor, **attrs: Any) -> Tensor:
        times = F.floor(time / float(attrs["steps"]))
        return F.power(attrs["factor"], times) * attrs["learning_rate"]


@register
class ExponentialDecay(Schedule):
    """A rate that decays exponentially."""

    id = "exponential_decay"
    doc = (
        "A learning rate that decays exponentially.\n\nlearning_rate * factor^(step / steps): by "
        "the factor within each interval of `steps`, smoothly."
    )
    attrs = (
        RATE,
        steps_attr("Steps in which the rate shrinks by the factor."),
        Attr("factor", "float", 0.5, "Factor of each reduction.", minimum=0),
        WARM_UP,
        DTYPE,
    )

    def rate(self, time: Tensor, **attrs: Any) -> Tensor:
        return F.power(attrs["factor"], time / float(attrs["steps"])) * attrs["learning_rate"]


@register
class CosineDecay(Schedule):
    """A rate that falls along half a cosine."""

    id = "cosine_decay"
    doc = (
        "A learning rate that falls along half a cosine, then stays.\n\nfinal_rate + "
        "(learning_rate - final_rate) * (1 + cos(pi * step / steps)) / 2 up to `steps`. "
        "Loshchilov and Hutter, 2017, without restarts."
    )
    attrs = (
        RATE,
        steps_attr("Steps until the final rate."),
        Attr("final_rate", "float", 0.0, "The rate at the end.", minimum=0),
        WARM_UP,
        DTYPE,
    )

    def rate(self, time: Tensor, **attrs: Any) -> Tensor:
        part = F.minimum(time / float(attrs["steps"]), 1)
        final = attrs["final_rate"]
        return cosine(part) * (attrs["learning_rate"] - final) + final


@register
class OneCycle(Schedule):
    """A rate that rises, then falls far below its start."""

    id = "one_cycle"
    keywords = ("learning rate", "schedule", "super convergence", "cycle")
    doc = (
        "A learning rate that rises to a high value and then falls far below its start.\n\nFrom "
        "learning_rate / start_divisor to learning_rate in the share `rise` of the steps, then to "
        "learning_rate / end_divisor, both along half a cosine. Smith and Topin, 2018."
    )
    attrs = (
        Attr("learning_rate", "float", 0.1, "The highest rate.", minimum=0),
        steps_attr("Steps of the whole cycle."),
        Attr("rise", "float", 0.3, "Share of the steps in which it rises.", minimum=0, maximum=1),
        Attr(
            "start_divisor",
            "float",
            25.0,
            "Highest rate divided by the first.",
            minimum=1,
            advanced=True,
        ),
        Attr(
            "end_divisor",
            "float",
            1e4,
            "Highest rate divided by the last.",
            minimum=1,
            advanced=True,
        ),
        DTYPE,
    )

    def rate(self, time: Tensor, **attrs: Any) -> Tensor:
        top = attrs["learning_rate"]
        first, last = top / attrs["start_divisor"], top / attrs["end_divisor"]
        turn = attrs["rise"] * attrs["steps"]
        up = cosine(F.minimum(time / turn, 1) if turn else F.ones_like(time))
        down = cosine(F.minimum((time - turn) / max(attrs["steps"] - turn, 1.0), 1))
        rising = F.add(up * (first - top), top)
        return F.where(time < turn, rising, down * (top - last) + last)
