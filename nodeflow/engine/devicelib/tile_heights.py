"""The heights of the tiles into which `register_tiles` divides rows, for planner and kernels."""

TALL = 6
"""Maximum number of rows of a tile: with two vectors, as many results as fit into 16 registers."""


def lowest_tile(rows: int) -> int:
    """Return the lowest tile height that is needed to divide ``rows``, or any more rows, into
    tiles.

    Tiles of `TALL` rows and of one row less can fill every number of rows from (`TALL` - 1) *
    (`TALL` - 2) on. Fewer rows may need a tile of a single row.
    """
    return TALL - 1 if rows >= (TALL - 1) * (TALL - 2) else 1
