"""The records of a plan: actions, groups, kernel launches, levels and the plan itself.

The planner makes them, kernels describe themselves by them, and the runtime and the inspection
tools read them. All modules of the engine above `schedule` may import this package. It must not
import kernels, the planner, the runtime or numba.
"""
