"""Kernels: one module per kind of kernel, with its text, its launches, and rules for the planner.

A kind is a subclass of `kernel.Kernel`, which `registry` finds by the lowering that it handles.
The planner reaches kinds only through `registry`, except for the elementwise kernel, which also
copies. Texts are Python for the compiler's front end and import from `devicelib`. This package
imports `ir` and those parts of `devicelib` that do not need numba. It must not import the
planner, the compiler or the runtime.
"""
