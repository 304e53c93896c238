"""Functions that kernels call: intrinsics, arithmetic, math, random numbers, BLAS, register tiles.

Texts of generated kernels import this package and no other part of nodeflow, because a kernel's
key contains the text of each module that it reaches (``compiler.cache._HELPERS``; a test proves
it). Most modules import numba. ``abi``, ``blas``, ``normal_quantile`` and ``vector_width`` do
not, because Python code outside of kernels reads them as well. Nothing here imports another
part of the engine.
"""
