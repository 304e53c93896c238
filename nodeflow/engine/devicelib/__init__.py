"""What kernels call: intrinsics, arithmetic, math functions, random numbers, BLAS, register tiles.

Texts of generated kernels import from here and from nowhere else in nodeflow, since the text of
each module that they reach is part of a kernel's key (``compiler.cache._HELPERS``; a test proves
it). The modules import numba, but for ``abi``, ``blas``, ``normal_quantile`` and ``vector_width``,
which Python reads too. Nothing here imports another part of the engine.
"""
