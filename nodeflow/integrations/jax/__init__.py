"""JAX as a backend: schedules as jitted functions, behind the same Session.

`backend` is what core asks for. `program` traces a schedule with the `rules`, `executor` runs one,
and `steps` makes many training steps in one function; `parallel` does so in several processes,
which `processes` starts for the command line. `peer` compares the values of a graph. The package
jax is imported only when one of them is used; the extra ``nodeflow[jax]`` installs it.
"""
