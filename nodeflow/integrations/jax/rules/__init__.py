"""How JAX computes each kind of lowering and each op without one: a module a family."""
