"""Linear algebra: products, systems, factorizations and determinants."""

from nodeflow.ops.linalg import determinants, einsum, factors, matmul, products, systems

__all__ = ["determinants", "einsum", "factors", "matmul", "products", "systems"]
