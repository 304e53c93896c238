"""Estimates how long a plan would take in the reference tier, for the tier ``auto``."""

from __future__ import annotations

from collections.abc import Sequence

from nodeflow.engine.ir.launches import KernelLaunch
from nodeflow.engine.ir.levels import Level, LoopLevel
from nodeflow.engine.ir.plan import Plan
from nodeflow.engine.kernels.kernel import Kernel
from nodeflow.engine.kernels.registry import kernel_of

IN_LOOPS = Kernel.by_reference
"""Minimum slowdown of a loop in the reference tier, because each iteration calls Python.
Outside of loops, large products hide that overhead.
"""


def gain(plan: Plan, runs: int, seconds: float) -> float:
    """Return the estimated seconds that compiled kernels save over ``runs`` runs, compared with the
    ops' reference implementations.

    Args:
        seconds: duration of a run by reference; 0 if none was measured.
    """
    estimated = sum(_by_reference(phase.levels, least=0.0) for phase in plan.phases)
    return runs * (max(seconds, 1e-9 * estimated) - 1e-9 * plan.work)


def _by_reference(levels: Sequence[Level], least: float) -> float:
    """Return the estimated nanoseconds that some launches would take if the ops' reference
    implementations ran instead. ``least`` is the smallest slowdown to assume for a launch.
    """
    total = 0.0
    for level in levels:
        if isinstance(level, LoopLevel):
            total += level.estimate * _by_reference(level.levels, IN_LOOPS)
        else:
            launches = (launch for head in level for launch in head.chain())
            total += sum(launch.work * max(_times(launch), least) for launch in launches)
    return total


def _times(launch: KernelLaunch) -> float:
    return Kernel.by_reference if launch.group is None else kernel_of(launch.group).by_reference
