"""Data as people have it, generated: flowers, houses, a series, pictures of shapes."""

from __future__ import annotations

import csv
import struct
import zlib
from pathlib import Path

import numpy as np

SPECIES = ("setosa", "versicolor", "virginica")
CENTRES = ((5.0, 3.4, 1.5, 0.2), (5.9, 2.8, 4.3, 1.3), (6.6, 3.0, 5.6, 2.0))
SPREADS = ((0.35, 0.38, 0.17, 0.1), (0.5, 0.31, 0.47, 0.2), (0.6, 0.32, 0.55, 0.27))


def write(path: Path, names: list[str], rows: list) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([names, *rows])
    return path


def flowers(path: Path, rows: int = 150) -> Path:
    """Four lengths in cm and one of three species, sorted by species as the famous file is."""
    random = np.random.default_rng(1)
    cells = []
    for index in range(rows):
        kind = index * 3 // rows
        lengths = random.normal(CENTRES[kind], SPREADS[kind])
        cells.append([*(f"{abs(x):.1f}" for x in lengths), SPECIES[kind]])
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    return write(path, names, cells)


def price(area: float, rooms: float, age: float, distance: float) -> float:
    """The price of a house as it is made up here."""
    return 1800 * area + 9000 * rooms - 700 * age - 4000 * distance + 60_000


def houses(path: Path, rows: int = 400) -> Path:
    """Sizes of very different magnitude, and a price in the hundred thousands."""
    random = np.random.default_rng(2)
    cells = []
    for _ in range(rows):
        area, age = random.uniform(35, 240), random.uniform(0, 90)
        rooms, distance = int(area / 30 + random.uniform(0, 2)), random.uniform(0.2, 30)
        cost = price(area, rooms, age, distance) * random.normal(1, 0.04)
        cells.append([f"{area:.1f}", rooms, f"{age:.0f}", f"{distance:.2f}", f"{cost:.0f}"])
    return write(path, ["area", "rooms", "age", "distance", "price"], cells)


def without_labels(table: Path, path: Path, rows: int = 20) -> Path:
    """The first rows of a table, without its last column."""
    with table.open(newline="") as stream:
        names, *cells = list(csv.reader(stream))
    return write(path, names[:-1], [row[:-1] for row in cells[:rows]])


def series(path: Path, days: int = 600) -> Path:
    """A date, and sales with a weekly and a yearly rhythm and a trend."""
    random = np.random.default_rng(3)
    day = np.datetime64("2022-01-01")
    cells = []
    for index in range(days):
        value = 200 + 0.1 * index + 40 * np.sin(index * 2 * np.pi / 7)
        value += 25 * np.sin(index * 2 * np.pi / 365) + random.normal(0, 4)
        cells.append([str(day + index), f"{value:.1f}"])
    return write(path, ["date", "sales"], cells)


def png(path: Path, pixels: np.ndarray) -> Path:
    """Write grey (h, w) or coloured (h, w, 3) bytes as a picture."""
    height, width = pixels.shape[:2]
    kind = 0 if pixels.ndim == 2 else 2
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def shape_picture(kind: str, random: np.random.Generator, side: int = 24) -> np.ndarray:
    """A bright disc, square or cross somewhere on dark noise, uint8 (side, side)."""
    y, x = np.mgrid[:side, :side]
    cx, cy = random.uniform(8, side - 8, 2)
    radius = random.uniform(4, 7)
    dx, dy = np.abs(x - cx), np.abs(y - cy)
    inside = {
        "disc": dx**2 + dy**2 <= radius**2,
        "square": np.maximum(dx, dy) <= radius * 0.85,
        "cross": (np.minimum(dx, dy) <= 1.2) & (np.maximum(dx, dy) <= radius),
    }[kind]
    return np.clip(np.where(inside, 200, 40) + random.normal(0, 15, (side, side)), 0, 255).astype(
        np.uint8
    )


def pictures(folder: Path, each: int = 80) -> Path:
    """A folder with one folder of pictures per class."""
    random = np.random.default_rng(5)
    for kind in ("cross", "disc", "square"):
        (folder / kind).mkdir(parents=True)
        for index in range(each):
            png(folder / kind / f"{index:03}.png", shape_picture(kind, random))
    return folder
