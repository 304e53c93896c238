"""Kernels: one module per kind, with its text, its launches and the rules for treating it.

A kind is a class of `kernel` that `registry` finds by the lowering that it handles. The planner
reaches kinds only through `registry`, except for the elementwise kernel, which also copies. Texts
are Python for the compiler's front end and import from `devicelib`. This package imports `ir` and
the parts of `devicelib` without numba. It must not import the planner, the compiler or the runtime.
"""
