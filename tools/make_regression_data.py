#!/usr/bin/env python3
"""Make resources/data/regression.csv and linear.csv: small seeded sets for the two examples.

python tools/make_regression_data.py            write both files
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
    }.items():
        path = FOLDER / name
        if not check:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif path.read_text(encoding="utf-8") != text:
            raise SystemExit(f"{path} differs from what this script makes")


if __name__ == "__main__":
    main()
