"""Runs over many rows in bounded memory: the same run, in blocks of rows.

If a graph treats rows separately, except for batch reductions (`engine.rows`), a run over many rows
is cut by one grid (`grid`) into cells. A cell runs all steps that treat rows separately. Its
results are stored in their place, or combined in the order of the cells (`joins`). Steps that need
all rows at once run once, between passes over the rows (`cut`, `row_pass`); the rows that they read
are kept. So a mean of losses is computed from all losses, as it is without blocks; only values that
are too large to keep are reduced cell by cell.

The grid depends on shapes and dtypes alone, never on threads, load or a memory limit. One cell runs
at a time: its kernels use all threads.
"""
