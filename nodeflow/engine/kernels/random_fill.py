"""Arrays filled with random numbers; `rng` defines which numbers."""

from __future__ import annotations

from nodeflow.engine.devicelib.abi import float_slot
from nodeflow.engine.ir.launches import FirstElement, KernelLaunch, KeyWord, StepAddress
from nodeflow.engine.kernels.kernel import GroupToLaunch, Kernel
from nodeflow.engine.kernels.registry import handles
from nodeflow.engine.rng import normal_cdf
from nodeflow.ops.lowering import Random

TASK_ELEMENTS = 65536  # a task is about half a millisecond


@handles(Random)
class RandomKernel(Kernel[Random]):
    """An array filled from the node's stream."""

    label = "random"

    def launches(self, work: GroupToLaunch, lowering: Random) -> list[KernelLaunch]:
        type_, node = work.types[-1], work.action.node
        size = type_.size or 0
        numbers, tasks = fill_args(
            0, size, (0, 0), 0, offset=lowering.offset, scale=lowering.scale, low=lowering.low,
            high=lowering.high,
        )  # fmt: skip
        key = KeyWord(node, 0), KeyWord(node, 1)
        first = FirstElement(node, size)
        args = (work.pointers[-1], size, *key, StepAddress(), *numbers[5:-1], first)
        source = fill_source(lowering.distribution, type_.dtype)
        return [KernelLaunch(source, args, tasks, size * 8.0, work.group)]


_BODIES = {
    "uniform": "offset + scale * uniform_{dtype}(first, second)",
    "normal": "offset + scale * np.{dtype}(inverse_normal(open_{dtype}(first, second)))",
    "truncated_normal": "offset + scale * np.{dtype}(min(max(inverse_normal("
    "below + span * open_{dtype}(first, second)), low), high))",
}
_FILL = '''
import numpy as np
from nodeflow.engine.devicelib.intrinsics import slot, slot_f64, view1
from nodeflow.engine.devicelib.random_functions import (
    inverse_normal, open_{dtype}, threefry2x32, uniform_{dtype},
)

def kernel(args, task, ntasks):
    """args: out, n, key (two words), address of the execution, offset, scale, bounds, number of the
    first element."""
    n = slot(args, 1)
    start, stop = n * task // ntasks, n * (task + 1) // ntasks
    out = view1(slot(args, 0) + {size} * start, stop - start, np.{dtype})
    key0, key1 = np.uint32(slot(args, 2)), np.uint32(slot(args, 3))
    execution = np.uint32(slot(slot(args, 4), 0))
    offset, scale = np.{dtype}(slot_f64(args, 5)), np.{dtype}(slot_f64(args, 6))
    below, span = slot_f64(args, 7), slot_f64(args, 8)
    low, high = slot_f64(args, 9), slot_f64(args, 10)
    first_element = slot(args, 11)
    for i in range(out.size):
        first, second = threefry2x32(key0, key1, np.uint32(first_element + start + i), execution)
        out[i] = {body}
'''


def fill_source(distribution: str, dtype: str) -> str:
    """Kernel that fills a contiguous array of ``dtype`` (float32 or float64).

    ``distribution`` is "uniform", "normal" or "truncated_normal"; each number drawn is scaled and
    moved in the array's own dtype: offset + scale * drawn.
    """
    body = _BODIES[distribution].format(dtype=dtype)
    return _FILL.format(dtype=dtype, size=4 if dtype == "float32" else 8, body=body)


def fill_args(
    out: int,
    n: int,
    key: tuple[int, int],
    execution: int,
    *,
    offset: float = 0.0,
    scale: float = 1.0,
    low: float = -2.0,
    high: float = 2.0,
) -> tuple[list[int], int]:
    """Args and number of tasks for a `fill_source` kernel.

    Args:
        out: address of the array; ``n`` its number of elements.
        key: `rng.stream_key`.
        execution: address of the int64 with the execution's number (the step while training).
        low, high: bounds of a truncated normal, before scaling.
    """
    below, above = normal_cdf(low), normal_cdf(high)
    numbers = (offset, scale, below, above - below, low, high)
    slots = [out, n, *key, execution, *(float_slot(x, "float64") for x in numbers), 0]
    return slots, max(1, -(-n // TASK_ELEMENTS))
