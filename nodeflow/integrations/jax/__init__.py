"""JAX as a backend: schedules as jitted functions, behind the same Session.

The core calls `backend`. `program` traces a schedule with the `rules`, `executor` runs a
schedule, and `steps` makes many training steps in one function. `parallel` does this in several
processes, which `processes` starts for the command line. `peer` compares the values of a graph.
The package jax is imported only when one of these modules is used; the extra ``jax``
installs it.
"""
