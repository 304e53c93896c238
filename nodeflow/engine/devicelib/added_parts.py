"""Kinds of operands that a product adds to its results in registers: a matrix as large as the
results, or one row for all their rows. Planner and kernels use these numbers.
"""

MATRIX, ROW = 1, 2
