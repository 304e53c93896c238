"""The heights of the tiles into which `register_tiles` cuts rows, shared by planner and kernels."""

TALL = 6
"""Most rows of a tile: with two vectors, as many results as 16 registers hold."""


def lowest_tile(rows: int) -> int:
    """Return the rows of the lowest tile that ``rows``, or more of them, may be cut into.

    Tiles of `TALL` rows and of one row less can fill every number of rows from (`TALL` - 1) *
    (`TALL` - 2) on.
    """
    return TALL - 1 if rows >= (TALL - 1) * (TALL - 2) else 1
