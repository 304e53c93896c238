#!/usr/bin/env python3
"""Make the tables in resources/data: small seeded sets for examples and lessons.

python tools/make_regression_data.py            write the files
python tools/make_regression_data.py --check    compare with the existing files
"""

import argparse
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "data"


def regression(rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Return y = sin(2x) + x/4 with normal noise of deviation 0.1, x uniform in -3..3, in random
    order."""
    rng = np.random.default_rng(2)
    x = rng.uniform(-3.0, 3.0, rows)
    return x, np.sin(2.0 * x) + 0.25 * x + rng.normal(0.0, 0.1, rows)


def linear(rows: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Return y = 2x - 1 with normal noise of deviation 0.1, x uniform in -1..1, in random order."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1.0, 1.0, rows)
    return x, 2.0 * x - 1.0 + rng.normal(0.0, 0.1, rows)


def exclusive_or(rows: int = 200) -> np.ndarray:
    """Return columns left, right, differ: points near the corners of a square, and whether exactly
    one of left and right is near 1. Normal noise of deviation 0.1."""
    rng = np.random.default_rng(3)
    corners = rng.integers(0, 2, (rows, 2))
    points = corners + rng.normal(0.0, 0.1, (rows, 2))
    return np.column_stack([points, corners[:, 0] ^ corners[:, 1]])


def exclusive_or_csv() -> str:
    lines = [f"{a:.5f},{b:.5f},{c:.1f}" for a, b, c in exclusive_or()]
    return "\n".join(["left,right,differ", *lines]) + "\n"


def overlapping_csv(rows: int = 400, size: int = 10) -> str:
    """Return points of ten normal numbers, and a class that is drawn: 1 is the likelier, the more
    the first number exceeds the second. The other numbers say nothing."""
    rng = np.random.default_rng(3)
    points = rng.normal(0.0, 1.0, (rows, size))
    likely = 1.0 / (1.0 + np.exp(-1.5 * (points[:, 0] - points[:, 1])))
    kinds = rng.random(rows) < likely
    lines = [
        ",".join([*(f"{number:.3f}" for number in point), f"{kind:.1f}"])
        for point, kind in zip(points, kinds, strict=True)
    ]
    return "\n".join([",".join([*"abcdefghij"[:size], "kind"]), *lines]) + "\n"


def as_csv(x: np.ndarray, y: np.ndarray) -> str:
    lines = [f"{a:.5f},{b:.5f}" for a, b in zip(x, y, strict=True)]
    return "\n".join(["x,y", *lines]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the sample data.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    for name, text in {
        "regression.csv": as_csv(*regression()),
        "linear.csv": as_csv(*linear()),
        "exclusive_or.csv": exclusive_or_csv(),
        "overlapping.csv": overlapping_csv(),
    }.items():
        path = FOLDER / name
        if not check:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif path.read_text(encoding="utf-8") != text:
            raise SystemExit(f"{path} differs from what this script makes")


if __name__ == "__main__":
    main()
