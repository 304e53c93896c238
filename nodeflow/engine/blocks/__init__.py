"""Runs over many rows in bounded memory: the run is divided into blocks of rows, with the same
results.

If a graph treats rows separately, except for batch reductions (`engine.rows`), a grid (`grid`)
divides the rows of a run into cells. A cell runs all steps that treat rows separately. Its results
are stored in their place, or combined in the order of the cells (`batch_reductions`). Steps that
need all rows at once run once, between passes over the rows (`cut`, `row_pass`); the rows that they
read are kept. So a mean of losses is computed from all losses, as without blocks. Only values that
are too large to keep are reduced cell by cell.

The grid depends only on shapes and dtypes, never on threads, load or a memory limit. One cell
runs at a time, and its kernels use all threads.
"""
