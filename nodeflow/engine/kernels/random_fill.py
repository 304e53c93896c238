"""Arrays filled with random numbers; `rng` defines which numbers."""

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
from nodeflow.engine.rng import normal_cdf
from nodeflow.ops.lowering import Random

NANOSECONDS = {"uniform": 1.0, "normal": 3.0, "truncated_normal": 3.0}
"""What a number takes."""


@handles(Random)
class RandomKernel(Kernel[Random]):
    """An array filled from the node's stream."""

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


_OPEN = {
    "normal": "open_{dtype}(words0[i], words1[i])",
    "truncated_normal": "below + span * open_{dtype}(words0[i], words1[i])",
}
_FILL = """
import numpy as np
from nodeflow.engine.devicelib.intrinsics import local_array, slot, slot_f64, view1
from nodeflow.engine.devicelib.random_functions import (
    CENTRAL, REMOTE, central_normal, open_{dtype}, outer_normal, remote_normal, threefry2x32,
    uniform_{dtype},
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
    first_element = slot(args, 11)
"""
_WORDS = """\
    words0, words1 = local_array({block}, np.uint32), local_array({block}, np.uint32)
    p, outer = local_array({block}, np.float64), local_array({block}, np.float64)
    places = local_array({block}, np.int64)
    for begin in range(0, out.size, {block}):
        width = min(np.int64({block}), out.size - begin)
        y = view1(slot(args, 0) + {size} * (start + begin), width, np.{dtype})
        from_here = first_element + start + begin
        for i in range(width):
            words0[i], words1[i] = threefry2x32(
                key0, key1, np.uint32(from_here + i), execution
            )
"""
_UNIFORM = """\
        for i in range(width):
            y[i] = offset + scale * uniform_{dtype}(words0[i], words1[i])
"""
_NORMAL = """\
        for i in range(width):
            p[i] = {open}
            drawn = central_normal(p[i])
            y[i] = offset + scale * np.{dtype}({drawn})
        count = np.int64(0)
        for i in range(width):
            outer[count] = p[i]
            places[count] = i
            count += np.int64(abs(p[i] - 0.5) > CENTRAL)
        for k in range(count):
            p[k] = outer_normal(outer[k])
        for k in range(count):
            drawn = p[k]
{remote}            y[places[k]] = offset + scale * np.{dtype}({drawn})
"""
_REMOTE = """\
            if min(outer[k], 1.0 - outer[k]) < REMOTE:
                drawn = remote_normal(outer[k])
"""
"""Without bounds, the 32 bits of a float32 do not reach there."""


def _block() -> int:
    """Numbers that are drawn together.

    A loop computes its vectors as wide as its widest type, so words are made by themselves; normals
    far from the centre are collected for their own formula.
    """
    return blocks().numbers // 4


def fill_source(distribution: str, dtype: str) -> str:
    """Kernel that fills a contiguous array of ``dtype`` (float32 or float64).

    ``distribution`` is "uniform", "normal" or "truncated_normal"; each number drawn is scaled and
    moved in the array's own dtype: offset + scale * drawn.
    """
    words = {"dtype": dtype, "size": 4 if dtype == "float32" else 8, "block": _block()}
    if distribution == "uniform":
        return (_FILL + _WORDS + _UNIFORM).format(**words)
    drawn = {"normal": "drawn", "truncated_normal": "min(max(drawn, low), high)"}[distribution]
    remote = "" if (distribution, dtype) == ("normal", "float32") else _REMOTE
    words |= {"remote": remote, "open": _OPEN[distribution].format(**words), "drawn": drawn}
    return (_FILL + _WORDS + _NORMAL).format(**words)


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
    """Args for a `fill_source` kernel.

    Args:
        out: address of the array; ``n`` its number of elements.
        key: `rng.stream_key`.
        execution: address of the int64 with the execution's number (the step while training).
        low, high: bounds of a truncated normal, before scaling.
    """
    below, above = normal_cdf(low), normal_cdf(high)
    numbers = (offset, scale, below, above - below, low, high)
    return [out, n, *key, execution, *(float_slot(x, "float64") for x in numbers), 0]
