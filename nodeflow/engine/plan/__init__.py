"""The planner: turns a schedule with concrete shapes into kernel launches, with memory for each.

The executor, the stepper and the inspection tools call `plan.make_plan` and
`plan.make_step_plan`; `passes` is the registry of rewrites. Each other module is a step of the
planner, named for what it decides. This package imports kernels and the records of `ir`. It
must not import the runtime, the compiler or numba.
"""
