"""Which fused clusters are worth a kernel of their own, since each takes time to compile.

Fusing saves what is written and read again between ops, so it pays for large arrays. A small one
lies in cache either way, and where a hundred layers have a formula each, a kernel for each is not
even faster than the few that all their ops share: its code has left the cache when it runs again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from nodeflow.engine.ir.launches import KernelLaunch

MANY_KERNELS = 32
"""Fused kernels that a plan may have however little they save; each takes some 40 ms to compile."""
MOST_KERNELS = 128
"""Fused kernels that a plan may have however much they save."""
WORTH_NS = 2_000.0
"""What one of many kernels must save in a run: its compiling is then paid back in 20 000 runs."""
PASS_NS = 0.16
"""What writing and reading an element costs, from cache."""


def not_worth_fusing(launches: Iterable[KernelLaunch]) -> frozenset[int]:
    """Output slots of the ops in clusters that had better remain apart.

    Of a few kernels none; of many those that save least. Loops have plans of their own.
    """
    saved: dict[str, float] = defaultdict(float)
    slots: dict[str, set[int]] = defaultdict(set)
    for launch in launches:
        group = launch.group
        if group is None or group.shape is None or len(group.actions) == 1:
            continue  # no cluster
        actions = group.actions
        elements = math.prod(d or 0 for d in group.shape)
        saved[launch.source] += PASS_NS * elements * (len(actions) - 1)
        slots[launch.source].update(a.outputs[0] for a in actions)
    ranked = sorted(saved, key=lambda source: -saved[source])  # stable: the plan's order for equals
    kept = ranked[:MANY_KERNELS]
    kept += [s for s in ranked[MANY_KERNELS:MOST_KERNELS] if saved[s] >= WORTH_NS]
    return frozenset().union(*(slots[s] for s in saved.keys() - set(kept)))
