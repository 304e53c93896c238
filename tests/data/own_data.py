"""Data files as users have them: small generators that tests of data, documents and window share.

Each writes one file into a folder and returns its path; the truth behind it comes along.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

SPECIES = ("setosa", "versicolor", "virginica")


def iris_like(folder: Path, rows: int = 150, seed: int = 0) -> Path:
    """Four measures in centimetres and three kinds of flowers: ``flowers.csv``."""
    rng = np.random.default_rng(seed)
    centers = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
    spread = np.array([0.35, 0.35, 0.3, 0.15])
    kinds = np.arange(rows) % 3
    values = centers[kinds] + spread * rng.standard_normal((rows, 4))
    values = np.maximum(np.round(values, 1), 0.1)
    path = folder / "flowers.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["sepal length", "sepal width", "petal length", "petal width", "species"])
        for row, kind in zip(values.tolist(), kinds.tolist(), strict=True):
            writer.writerow([*row, SPECIES[kind]])
    return path


def houses_like(folder: Path, rows: int = 400, seed: int = 1, gaps: bool = True) -> Path:
    """Numbers of very different scale, categories and gaps; a price in the hundred thousands.

    ``houses.csv``: id, area, rooms, age, city, garden, lot, price.
    """
    rng = np.random.default_rng(seed)
    area = np.round(rng.uniform(40, 260, rows), 1)
    rooms = np.clip((area / 30).round(), 1, 9).astype(int)
    age = rng.integers(0, 120, rows)
    city = rng.integers(0, 3, rows)
    garden = rng.integers(0, 2, rows)
    lot = np.round(rng.lognormal(8, 0.6, rows))
    worth = np.array([1.0, 1.35, 1.8])[city]
    price = 2100 * area * worth - 700 * age + 25_000 * garden + 6 * lot
    price = np.round(price + 9000 * rng.standard_normal(rows), -2).astype(int)
    path = folder / "houses.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "area", "rooms", "age", "city", "garden", "lot", "price"])
        for i in range(rows):
            cells = [
                i + 1, area[i], rooms[i], age[i], ("Bern", "Rome", "Oslo, Norway")[city[i]],
                ("no", "yes")[garden[i]], int(lot[i]), price[i],
            ]  # fmt: skip
            if gaps and i % 17 == 3:
                cells[3] = ("", "NA", "?")[i % 3]
            if gaps and i % 41 == 7:
                cells[4] = ""
            writer.writerow(cells)
    return path


def european(folder: Path, rows: int = 60, seed: int = 2) -> Path:
    """Semicolons, decimal commas, grouped thousands, a byte order mark, Windows line ends.

    ``werte.csv``: Länge, Größe (up to 9.999,9), Datum (day first), Ergebnis.
    """
    rng = np.random.default_rng(seed)
    lines = ["Länge;Größe;Datum;Ergebnis"]
    for _ in range(rows):
        length, size = rng.uniform(0, 10), rng.uniform(500, 9999)
        day = date(2021, 1, 1) + timedelta(days=int(rng.integers(0, 700)))
        grouped = f"{size:,.1f}".translate(str.maketrans(",.", ".,"))
        result = f"{3 * length + size / 1000:.3f}".replace(".", ",")
        lines.append(
            f"{length:.2f};{grouped};{day:%d.%m.%Y};{result}".replace(
                f"{length:.2f}", f"{length:.2f}".replace(".", ","), 1
            )
        )
    path = folder / "werte.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, ""]).encode())
    return path


def series_like(folder: Path, rows: int = 300) -> Path:
    """A wave with a trend, day by day: ``sales.csv``: date, visitors, sales."""
    lines = ["date,visitors,sales"]
    for i in range(rows):
        day = date(2022, 3, 1) + timedelta(days=i)
        visitors = 200 + 40 * np.sin(i * 2 * np.pi / 7) + 0.3 * i
        lines.append(f"{day.isoformat()},{visitors:.1f},{visitors * 2.5 + 7:.2f}")
    path = folder / "sales.csv"
    path.write_text("\n".join([*lines, ""]))
    return path


def excel_export(folder: Path, rows: int = 40) -> Path:
    """What a spreadsheet writes: UTF-16 with tabs, quotes, line breaks in cells, empty columns.

    ``export.csv``: Order No, Customer (with quotes), Amount ($1,234.50), Paid (Yes/No), and a
    column without a name or values.
    """
    lines = ["Order No\tCustomer\tAmount\tPaid\t"]
    for i in range(rows):
        name = '"Miller ""Bob"" & Sons"' if i % 2 else '"Two\nlines"'
        lines.append(f'{1000 + i}\t{name}\t"${1000 + i * 12.5:,.2f}"\t{("No", "Yes")[i % 2]}\t')
    path = folder / "export.csv"
    path.write_bytes("\r\n".join([*lines, ""]).encode("utf-16"))
    return path


def pictures(
    folder: Path, each: int = 10, side: tuple[int, int] = (12, 10), seed: int = 3
) -> tuple[Path, dict[str, np.ndarray]]:
    """Circles, lines and squares in colours: ``shapes/KIND/NUMBER.png``, and their pixels."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    height, width = side
    rows, columns = np.mgrid[:height, :width]
    root, found = folder / "shapes", {}
    for kind in ("circles", "lines", "squares"):
        (root / kind).mkdir(parents=True)
        for number in range(each):
            y, x = rng.integers(3, height - 3), rng.integers(3, width - 3)
            mask = {
                "circles": np.abs(np.hypot(rows - y, columns - x) - 3) < 0.7,
                "lines": np.abs(rows - y) < 1,
                "squares": (np.abs(rows - y) < 3) & (np.abs(columns - x) < 3),
            }[kind]
            pixels = rng.integers(0, 60, (height, width, 3)).astype(np.uint8)
            pixels[mask] = rng.integers(180, 255, 3)
            name = f"{kind}/{number:05d}.png"
            Image.fromarray(pixels).save(root / name)
            found[name] = pixels
    return root, found


def passengers(folder: Path, rows: int = 300, seed: int = 4) -> Path:
    """Free text, gaps, an id, a label in the second column: ``passengers.csv``."""
    rng = np.random.default_rng(seed)
    path = folder / "passengers.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["PassengerId", "Survived", "Class", "Name", "Sex", "Age", "Fare", "Cabin", "Port"]
        )
        for i in range(rows):
            level, woman, age = rng.integers(1, 4), rng.random() < 0.4, rng.integers(1, 80)
            lived = int(rng.random() < (0.75 if woman else 0.2) - 0.05 * (level - 2))
            writer.writerow(
                [
                    i + 1, lived, level, f"Doe, Mr. No {i} (\"X\")", ("male", "female")[woman],
                    "" if rng.random() < 0.2 else age, round(rng.lognormal(3, 1), 4),
                    f"C{i}" if rng.random() < 0.2 else "", "SCQ"[rng.integers(0, 3)],
                ]
            )  # fmt: skip
    return path
