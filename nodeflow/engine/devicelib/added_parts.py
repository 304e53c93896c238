"""What a product adds to its results while they are in registers: a matrix as large as they are, or
a row to each of their rows. Planner and kernels name them by these numbers."""

MATRIX, ROW = 1, 2
