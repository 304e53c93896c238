"""The JAX rules for each kind of lowering, and for each op without a lowering: one module per
family.
"""
