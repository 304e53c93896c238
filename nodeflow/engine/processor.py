"""The processor that kernels are compiled for.

It is the current processor, unless numba's variables `NUMBA_CPU_NAME` and `NUMBA_CPU_FEATURES`
name another one, for example to measure the code for a lesser processor. numba compiles for the
named processor. Everything else that depends on the processor must ask this module, so that
tile sizes, names of kernels and records agree.
"""

from __future__ import annotations

import os
from functools import lru_cache


@lru_cache(maxsize=1)
def name() -> str:
    """Return LLVM's name of the processor."""
    if chosen := os.environ.get("NUMBA_CPU_NAME"):
        return chosen
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name()


@lru_cache(maxsize=1)
def features() -> frozenset[str]:
    """Return LLVM's names of the processor's features, such as ``avx2``."""
    if (chosen := os.environ.get("NUMBA_CPU_FEATURES")) is not None:
        signed = (part.strip() for part in chosen.split(","))
        return frozenset(part[1:] for part in signed if part.startswith("+"))
    import llvmlite.binding as llvm

    return frozenset(part for part, has in llvm.get_host_cpu_features().items() if has)
