"""The JAX backend: schedules as jitted functions, behind the same Session.

Only what is used through `Session(backend="jax")` imports jax; the extra ``nodeflow[jax]`` brings
it.
"""
