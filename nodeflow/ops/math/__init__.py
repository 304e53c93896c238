"""Mathematical functions beyond arithmetic: inverse functions, bits, tests, running results."""

from nodeflow.ops.math import bits, inverse, predicates, running, sums

__all__ = ["bits", "inverse", "predicates", "running", "sums"]
