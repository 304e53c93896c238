"""The heights of the tiles that `register_tiles` cuts rows into. Planner and kernels share them."""

TALL = 6
"""Most rows of a tile: with two vectors, as many results as 16 registers hold."""


def lowest_tile(rows: int) -> int:
    """Rows of the lowest tile that ``rows``, or more of them, may be cut into: tiles of `TALL` rows
    and of one less fill every number from the product of the two numbers below on."""
    return TALL - 1 if rows >= (TALL - 1) * (TALL - 2) else 1
