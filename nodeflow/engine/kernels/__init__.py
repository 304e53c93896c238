"""Kernels: for each kind one module with its text, what it launches and how it may be treated.

A kind is a class of `kernel` that `registry` finds by the lowering that it handles; the planner
reaches kinds through `registry` alone, except for the elementwise kernel, which also copies. Texts
are Python for the compiler's front end and import from `devicelib`. Imports `ir` and the parts of
`devicelib` without numba; must not import the planner, the compiler or the runtime.
"""
