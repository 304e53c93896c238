"""The processor that kernels are compiled for.

It is this one, unless numba's own variables `NUMBA_CPU_NAME` and `NUMBA_CPU_FEATURES` name another,
as they do to measure what a lesser processor would run. numba compiles for what they say; whatever
else depends on the processor asks here, so that tiles, names of kernels and records agree with it.
"""

from __future__ import annotations

import os
from functools import lru_cache


@lru_cache(maxsize=1)
def name() -> str:
    """LLVM's name of the processor."""
    if chosen := os.environ.get("NUMBA_CPU_NAME"):
        return chosen
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name()


@lru_cache(maxsize=1)
def features() -> frozenset[str]:
    """LLVM's names of what it can do, such as ``avx2``."""
    if (chosen := os.environ.get("NUMBA_CPU_FEATURES")) is not None:
        signed = (part.strip() for part in chosen.split(","))
        return frozenset(part[1:] for part in signed if part.startswith("+"))
    import llvmlite.binding as llvm

    return frozenset(part for part, has in llvm.get_host_cpu_features().items() if has)
