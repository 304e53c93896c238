"""Loads or compiles the kernels for the first compiled run ahead of time."""

from __future__ import annotations

from nodeflow.engine.compiler import cache
from nodeflow.engine.compiler.background import background
from nodeflow.engine.devicelib import blas
from nodeflow.engine.kernels.base_kernels import base_sources


def warm_up() -> None:
    """Load the modules and kernels that every compiled run needs.

    If the kernels are not in the cache, only compile them in the background. Loading takes 0.1 s.
    """
    sources = base_sources()
    compiler = background()
    if not compiler.all_cached(sources):
        compiler.submit(sources)
        return
    import nodeflow.engine.runtime.compiled_steps  # noqa: F401  # imports whatever a run does

    for source in sources:
        cache.load_kernel(source)
    blas.tiling_pays()


def begin_to_compile() -> None:
    """Start the compiling process at once if no kernel was ever compiled on this machine.

    It is then ready when the first graph is.
    """
    if cache.is_empty():
        background().submit(base_sources())
