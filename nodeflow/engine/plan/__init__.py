"""The planner: from a schedule with concrete shapes to kernel launches with memory for each.

`plan.make_plan` and `plan.make_step_plan` are for the executor, the stepper and the inspection
tools, and `passes` is the registry of rewrites. The other modules are steps of the planner, each
named for what it decides. Imports kernels and the records of `ir`; must not import the runtime, the
compiler or numba.
"""
