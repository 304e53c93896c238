"""The colors of both themes, and colors named by role.

The description of a drawing names its colors by role, so that one description serves both themes. A
role is a field of `Palette`, ``dtype:NAME``, ``category:NAME``, ``class:NUMBER``, a color
``#rrggbb``, or a mixture of two roles that `mixed` returns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Palette:
    """All colours of one theme, as ``#rrggbb``; ``dtypes`` and ``categories`` map names."""

    name: str
    canvas: str
    grid: str
    surface: str
    raised: str
    sunken: str
    border: str
    border_strong: str
    ink: str
    ink_muted: str
    ink_faint: str
    accent: str
    accent_soft: str
    on_accent: str
    ok: str
    warning: str
    error: str
    error_soft: str
    warning_soft: str
    added: str
    removed: str
    changed: str
    """For differences in a comparison; colour-blind people can tell it from the other colours."""
    shadow: str
    unknown: str
    dtypes: dict[str, str]
    categories: dict[str, str]
    heat: tuple[str, ...]
    ramp: tuple[str, ...]
    """For lines and bands on any background, least first; distinguished by lightness alone."""
    diverging: tuple[str, ...]
    """For values of both signs: from the least, over the middle at zero, to the largest."""
    classes: tuple[str, ...]
    """For classes and series: the palette of Okabe and Ito plus two, so that each digit has its
    own. Neighbours differ as much as possible for colour-blind people, too."""

    @property
    def is_dark(self) -> bool:
        return self.name == "dark"

    def dtype_hex(self, dtype: str | None) -> str:
        """Return the colour of a dtype; grey for an unknown one."""
        return self.dtypes.get(dtype or "", self.unknown)

    def category_hex(self, category: str) -> str:
        """Return the colour of an op category. Each unknown category has a stable colour."""
        known = self.categories.get(category.lower())
        if known:
            return known
        ring = list(self.categories.values())
        return ring[sum(category.lower().encode(errors="replace")) % len(ring)]

    def hex(self, role: str) -> str:
        """Return the colour of a role as ``#rrggbb``."""
        kind, _, name = role.partition(":")
        if kind == "mix":
            part, first, second = name.split("|", 2)
            return mix_hex(self.hex(first), self.hex(second), float(part))
        if kind == "class":
            return self.classes[int(name) % len(self.classes)]
        if kind == "dtype":
            return self.dtype_hex(name)
        if kind == "category":
            return self.category_hex(name)
        return role if _HEX.fullmatch(role) else getattr(self, role)


@dataclass(frozen=True)
class Ink:
    """A colour to draw with: a role and its opacity."""

    role: str
    alpha: float = 1.0


def mixed(first: str, second: str, part: float) -> str:
    """Return the name of a color mixed from two colors of the theme: ``part`` 0 gives the first, 1
    the second.

    The first is a field of `Palette`.
    """
    return f"mix:{part:g}|{first}|{second}"


def mix_hex(first: str, second: str, part: float) -> str:
    """Return the hex color that mixes two hex colors: ``part`` 0 gives the first, 1 the second."""
    pairs = zip(channels(first), channels(second), strict=True)
    return "#" + "".join(f"{round(x + (y - x) * part):02x}" for x, y in pairs)


@lru_cache(maxsize=4096)
def channels(color: str) -> tuple[int, int, int]:
    """Return red, green and blue of ``#rrggbb``, each from 0 to 255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


LIGHT = Palette(
    name="light",
    canvas="#f3f4f1",
    grid="#d5d8d2",
    surface="#fbfbfa",
    raised="#ffffff",
    sunken="#f1f2ef",
    border="#d9dcd6",
    border_strong="#a9aea5",
    ink="#1d2321",
    ink_muted="#59615d",
    ink_faint="#676f6a",
    accent="#3a56c8",
    accent_soft="#e3e8fa",
    on_accent="#ffffff",
    ok="#237a4d",
    warning="#9a5b00",
    error="#93111a",
    error_soft="#fbe9e7",
    warning_soft="#faf0d7",
    added="#00694f",
    removed="#b04a00",
    changed="#8a3d94",
    shadow="#2a332f",
    unknown="#7a827d",
    dtypes={
        "float32": "#0b7d7b",
        "float64": "#2563b8",
        "int32": "#a86200",
        "int64": "#b8471b",
        "bool": "#a3278f",
        "uint8": "#5c7512",
        "float16": "#3a7a62",
        "bfloat16": "#4a7390",
        "complex64": "#7a4fb5",
        "complex128": "#5f3fa8",
        "int8": "#8f6a1e",
        "int16": "#94590f",
        "uint16": "#49731f",
        "uint32": "#357338",
        "uint64": "#1f7052",
    },
    categories={
        "inputs": "#3a56c8",
        "data": "#1f6f94",
        "math": "#0b7d7b",
        "matrix": "#7a3fb8",
        "layers": "#8c5413",
        "neural network": "#237a4d",
        "reduction": "#a86200",
        "pictures": "#a14a5e",
        "signal": "#2f6f6b",
        "shape": "#6a6256",
        "comparison": "#a3278f",
        "loss": "#93111a",
        "metric": "#5c7512",
        "random": "#8a4a7d",
        "training": "#b8471b",
        "utility": "#4c5a68",
        "subgraph": "#5647b8",
        "library": "#5647b8",
        "internal": "#6f7772",
    },
    heat=("#f4f6f0", "#a9d3c8", "#4c9fa6", "#285f8f", "#22264f"),
    ramp=("#a88a12", "#5f8a2e", "#21796f", "#33578c", "#43217a", "#2a0a3f"),
    diverging=("#14408c", "#6f9fdc", "#ffffff", "#eea06a", "#a8440f"),
    classes=(
        *("#0072b2", "#d55e00", "#009e73", "#b8609a", "#56a5d8", "#c98a00", "#7a6a00", "#50585a"),
        *("#7a4fd0", "#8f1d3f"),
    ),
)

DARK = Palette(
    name="dark",
    canvas="#14171a",
    grid="#282d31",
    surface="#1a1e21",
    raised="#21262a",
    sunken="#191d20",
    border="#353c41",
    border_strong="#5a646b",
    ink="#eceeec",
    ink_muted="#a8b0ac",
    ink_faint="#939c97",
    accent="#93a8ff",
    accent_soft="#2a3358",
    on_accent="#11162b",
    ok="#5ad3a0",
    warning="#edb749",
    error="#ee786d",
    error_soft="#45211f",
    warning_soft="#3c3118",
    added="#3fc79a",
    removed="#f59a57",
    changed="#d79be0",
    shadow="#000000",
    unknown="#89928d",
    dtypes={
        "float32": "#4fc9c0",
        "float64": "#74acf5",
        "int32": "#efb659",
        "int64": "#f58f63",
        "bool": "#e88bd6",
        "uint8": "#b2cc5c",
        "float16": "#7fceb0",
        "bfloat16": "#93bcd6",
        "complex64": "#c3a2f0",
        "complex128": "#ab8cec",
        "int8": "#d9c27a",
        "int16": "#e3bd66",
        "uint16": "#9bcf6a",
        "uint32": "#86d07e",
        "uint64": "#72d19b",
    },
    categories={
        "inputs": "#93a8ff",
        "data": "#78bcd8",
        "math": "#4fc9c0",
        "matrix": "#bf99f2",
        "layers": "#e5a96b",
        "neural network": "#5ad3a0",
        "reduction": "#efb659",
        "pictures": "#f0a3b4",
        "signal": "#7fc7c2",
        "shape": "#bdb2a0",
        "comparison": "#e88bd6",
        "loss": "#ee786d",
        "metric": "#b2cc5c",
        "random": "#dca0cf",
        "training": "#f58f63",
        "utility": "#a3b2c2",
        "subgraph": "#b0a5ff",
        "library": "#b0a5ff",
        "internal": "#89928d",
    },
    heat=("#12181b", "#1f4a5c", "#2f8a8a", "#8ccfa0", "#f7f3c6"),
    ramp=("#7a62b8", "#5f84cc", "#3fa3b5", "#52c48a", "#a9dc52", "#fdf08a"),
    diverging=("#8ec2ff", "#3a6db0", "#1d2226", "#b0652f", "#ffb37a"),
    classes=(
        *("#56b4e9", "#f0a35e", "#2bbf95", "#dc94bd", "#8fd0f5", "#f0e442", "#d0b000", "#b9c2be"),
        *("#b8a2ff", "#ff8f9e"),
    ),
)

PALETTES = {palette.name: palette for palette in (LIGHT, DARK)}
