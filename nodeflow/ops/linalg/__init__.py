"""Linear algebra: products, systems, factorizations, determinants and functions of matrices."""

from nodeflow.ops.linalg import (
    determinants,
    einsum,
    factors,
    functions,
    matmul,
    products,
    systems,
)

__all__ = ["determinants", "einsum", "factors", "functions", "matmul", "products", "systems"]
