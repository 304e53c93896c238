"""pyqtgraph as `pg`, imported without its copies of Qt's names.

pyqtgraph copies every name of QtCore, QtGui and QtWidgets into its own modules, and PySide
creates a class when its name is first accessed. That would create 1000 unused classes, which
take 6 MB and a third of the import time. With this module, pyqtgraph's modules look up each
name in Qt only when it is used.
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
    """Let Qt's modules appear empty while pyqtgraph is imported, so that it copies nothing."""
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
