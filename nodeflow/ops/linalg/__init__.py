"""Linear algebra: systems, factorisations and determinants, by LAPACK through numpy."""

from nodeflow.ops.linalg import determinants, factors, products, systems

__all__ = ["determinants", "factors", "products", "systems"]
