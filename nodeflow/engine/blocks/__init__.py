"""Runs over many rows in bounded memory: the same call, in blocks of rows.

Where a graph treats rows alone, up to what is joined over all of them (`engine.rows`), a run over
many rows is cut by one grid (`grid`) into cells. A cell goes through all that treats rows alone;
what it gives is put in its place, or joined in the order of the cells (`joins`). What needs all
rows at once runs once, between passes over the rows (`cut`, `row_pass`); what it reads of the rows
is kept for it. So a mean of losses is computed from all of them, as it is
without blocks; only what is too large to keep is joined from the cells' sums.

The grid depends on shapes and dtypes alone, never on threads, load or a limit of memory. One cell
is in flight at a time: its kernels use all threads.
"""
