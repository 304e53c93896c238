"""pyqtgraph as `pg`, imported without the copies that it would make of Qt.

It copies every name of QtCore, QtGui and QtWidgets into modules of its own, and PySide makes a
class only when somebody asks for it: that is 1000 classes which nobody needs, 6 MB and a third of
the time of the import. Here those modules look each name up in Qt when it is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import ModuleType

MODULES = ("QtCore", "QtGui", "QtWidgets")


@contextmanager
def _copying_nothing() -> Iterator[None]:
    """While it lasts pyqtgraph finds its copies there, and Qt's modules say that they are empty."""
    originals = {name: import_module(f"PySide6.{name}") for name in MODULES}
    for name, original in originals.items():
        mirror = ModuleType(f"pyqtgraph.Qt.{name}")
        mirror.__getattr__ = partial(getattr, original)  # type: ignore[method-assign]
        sys.modules.setdefault(mirror.__name__, mirror)
        original.__dir__ = list  # type: ignore[method-assign]
    try:
        yield
    finally:
        for original in originals.values():
            del original.__dir__


with _copying_nothing():
    import pyqtgraph as pg

__all__ = ["pg"]
