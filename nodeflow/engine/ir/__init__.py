"""The records of a plan: actions, groups, kernel launches, levels and the plan itself.

The planner makes them, kernels describe themselves in them, the runtime and the inspection tools
read them. May be imported from anywhere in the engine above `schedule`; must not import kernels,
the planner or the runtime, nor numba.
"""
