"""Decides which fused clusters are worth a kernel of their own, since each kernel takes time to
compile.

Fusion saves writing and reading values between ops, so it pays for large arrays. Small arrays
are in cache either way. If each of a hundred layers has a different formula, separate kernels
are not even faster than a few kernels shared by all ops: the code of a kernel has left the
cache when it runs again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from nodeflow.engine.ir.launches import KernelLaunch

MANY_KERNELS = 32
"""Number of fused kernels for which the saved time does not matter. Each takes about 40 ms to
compile.
"""
MOST_KERNELS = 128
"""Maximal number of fused kernels in a plan."""
WORTH_NS = 2_000.0
"""Nanoseconds per run that any further kernel must save. Then 20 000 runs make up for compiling
it.
"""
PASS_NS = 0.16
"""Nanoseconds to write and read an element in cache."""


def not_worth_fusing(launches: Iterable[KernelLaunch]) -> frozenset[int]:
    """Return the output slots of the ops that should not be fused into clusters, to limit the
    number of kernels to compile.

    A plan with few kernels keeps all clusters. Otherwise the clusters that save least time are left
    out. Loops have their own plans.
    """
    saved: dict[str, float] = defaultdict(float)
    slots: dict[str, set[int]] = defaultdict(set)
    for launch in launches:
        group = launch.group
        if group is None or group.shape is None or len(group.actions) == 1:
            continue  # not a cluster
        actions = group.actions
        elements = math.prod(d or 0 for d in group.shape)
        saved[launch.source] += PASS_NS * elements * (len(actions) - 1)
        slots[launch.source].update(a.outputs[0] for a in actions)
    ranked = sorted(saved, key=lambda source: -saved[source])  # stable: equals stay in plan order
    kept = ranked[:MANY_KERNELS]
    kept += [s for s in ranked[MANY_KERNELS:MOST_KERNELS] if saved[s] >= WORTH_NS]
    return frozenset().union(*(slots[s] for s in saved.keys() - set(kept)))
