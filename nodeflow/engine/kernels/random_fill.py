"""Arrays filled with random numbers; `threefry_streams` defines which numbers."""

from __future__ import annotations

from nodeflow.engine.blocking import blocks
from nodeflow.engine.devicelib.abi import float_slot
from nodeflow.engine.ir.launches import (
    FirstElement,
    KernelLaunch,
    KeyWord,
    StepAddress,
    limited_tasks,
)
from nodeflow.engine.kernels.kernel import GroupToLaunch, Kernel
from nodeflow.engine.kernels.registry import handles
from nodeflow.engine.threefry_streams import normal_cdf
from nodeflow.ops.lowering import Random

NANOSECONDS = {"uniform": 1.0, "normal": 3.0, "truncated_normal": 3.0}
"""Estimated nanoseconds per number."""


@handles(Random)
class RandomKernel(Kernel[Random]):
    """The kernel that fills an array from the node's random stream."""

    label = "random"

    def launches(self, work: GroupToLaunch, lowering: Random) -> list[KernelLaunch]:
        type_, node = work.types[-1], work.action.node
        size = type_.size or 0
        numbers = fill_args(
            0, size, (0, 0), 0, offset=lowering.offset, scale=lowering.scale, low=lowering.low,
            high=lowering.high,
        )  # fmt: skip
        key = KeyWord(node, 0), KeyWord(node, 1)
        first = FirstElement(node, size)
        args = (work.pointers[-1], size, *key, StepAddress(), *numbers[5:-1], first)
        source = fill_source(lowering.distribution, type_.dtype)
        spent = size * NANOSECONDS[lowering.distribution]
        tasks = limited_tasks(spent, -(-size // _block()))
        return [KernelLaunch(source, args, tasks, spent, work.group)]


_FILL = """
import numpy as np
from nodeflow.engine.devicelib.arithmetic import wrap_add
from nodeflow.engine.devicelib.intrinsics import (
    interleaved, local_array, local_memory, set_slot, slot, slot_f64, view1,
)
from nodeflow.engine.devicelib.random_functions import (
    CENTRAL, REMOTE, central_normal, centred_{dtype}, distance, open_{dtype}, outer_normal,
    plain_distance, remote_normal, threefry2x32, uniform_{dtype},
)

def kernel(args, task, ntasks):
    '''args: out, n, key (two words), address of the execution, offset, scale, bounds, number of the
    first element.'''
    n = slot(args, 1)
    start, stop = n * task // ntasks, n * (task + 1) // ntasks
    out = view1(slot(args, 0) + {size} * start, stop - start, np.{dtype})
    key0, key1 = np.uint32(slot(args, 2)), np.uint32(slot(args, 3))
    execution = np.uint32(slot(slot(args, 4), 0))
    offset, scale = np.{dtype}(slot_f64(args, 5)), np.{dtype}(slot_f64(args, 6))
    below, span = slot_f64(args, 7), slot_f64(args, 8)
    low, high = slot_f64(args, 9), slot_f64(args, 10)
    words0, words1 = local_array({block}, np.uint32), local_array({block}, np.uint32)
    kept, outer = local_array({block}, np.float64), local_array({block}, np.float64)
    places = local_memory({places})
    is_outer = view1(places, {block}, np.int64)
    for begin in range(0, out.size, {block}):
        width = min(np.int64({block}), out.size - begin)
        y = view1(slot(args, 0) + {size} * (start + begin), width, np.{dtype})
        first = np.uint32(slot(args, 11) + start + begin)
        for i in range(interleaved(width)):
            words0[i], words1[i] = threefry2x32(
                key0, key1, wrap_add(first, np.uint32(i)), execution
            )
"""
_UNIFORM = """\
        for i in range(width):
            y[i] = offset + scale * uniform_{dtype}(words0[i], words1[i])
"""
_NORMAL = """\
        for i in range(interleaved(width)):
            number = {number}
            kept[i] = number
            q = {q}
            is_outer[i] = np.int64(abs(q) > CENTRAL)
            drawn = central_normal(q)
            y[i] = np.{dtype}({drawn})
        count = np.int64(0)
        for i in range(width):  # a place is never beyond the mark that is read
            counted = is_outer[i]
            set_slot(places, count, i)
            count += counted
        for k in range(count):
            kept[k] = kept[slot(places, k)]
        whole = (count + 31) // 32 * 32
        for k in range(count, whole):
            kept[k] = 0.25
        for k in range(interleaved(whole)):
            number = kept[k]
            outer[k] = outer_normal({distance}({tail}), {q})
        for k in range(count):
            drawn = outer[k]
{remote}            y[slot(places, k)] = np.{dtype}({drawn})
        if offset != 0 or scale != 1:
            for i in range(width):
                y[i] = offset + scale * y[i]
"""
_REMOTE = """\
            number = kept[k]
            tail = {tail}
            if tail < REMOTE:
                drawn = remote_normal(distance(tail), {q})
"""
"""The code for normals far from the centre. Float32 without bounds does not need it, because
its 32 bits do not reach that far.
"""
_NUMBERS = {
    "normal": {
        "number": "centred_{dtype}(words0[i], words1[i])", "q": "number",
        "tail": "0.5 - abs(number)", "distance": "plain_distance", "drawn": "drawn",
    },
    "truncated_normal": {
        "number": "below + span * open_{dtype}(words0[i], words1[i])", "q": "number - 0.5",
        "tail": "min(number, 1.0 - number)", "distance": "distance",
        "drawn": "min(max(drawn, low), high)",
    },
}  # fmt: skip
"""Between bounds the tail is a probability, which has more bits near 0 than its difference
from 1/2."""


def _block() -> int:
    """Return how many random numbers a kernel draws at a time, a multiple of 32.

    A vectorised loop handles as many elements at a time as fit its widest type, so random words are
    made in a separate loop. Normals far from the centre are collected for a separate formula, in
    whole vectors.
    """
    return blocks().numbers // 2


def fill_source(distribution: str, dtype: str) -> str:
    """Return the kernel text that fills a contiguous array of ``dtype`` (float32 or float64).

    ``distribution`` is "uniform", "normal" or "truncated_normal". Each number drawn is scaled
    and shifted in the array's own dtype: offset + scale * drawn.
    """
    block = _block()
    words = {"dtype": dtype, "size": 4 if dtype == "float32" else 8, "block": block}
    words["places"] = 8 * block
    if distribution == "uniform":
        return (_FILL + _UNIFORM).format(**words)
    words |= {name: text.format(**words) for name, text in _NUMBERS[distribution].items()}
    reached = (distribution, dtype) != ("normal", "float32")
    words["remote"] = _REMOTE.format(**words) if reached else ""
    return (_FILL + _NORMAL).format(**words)


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
) -> list[int]:
    """Return the arguments of a `fill_source` kernel.

    Args:
        out: address of the array.
        n: number of its elements.
        key: `rng.stream_key`.
        execution: address of the int64 with the execution's number (the step while training).
        low, high: bounds of a truncated normal, before scaling.
    """
    below, above = normal_cdf(low), normal_cdf(high)
    numbers = (offset, scale, below, above - below, low, high)
    return [out, n, *key, execution, *(float_slot(x, "float64") for x in numbers), 0]
