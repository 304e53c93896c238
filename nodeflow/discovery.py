"""Packages whose modules each declare one object of a kind: a panel, a data source, a rule.

To add an object, add a module. There is no list to edit.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any


def declared(package: ModuleType, name: str) -> list[Any]:
    """Return the objects called ``name`` in the modules of a package, ordered by module name.

    Modules without the name, and packages inside, are skipped.

    Raises:
        ValueError: two objects have the same id.
    """
    found: dict[str, Any] = {}
    for module in import_modules(package):
        one = getattr(module, name, None)
        if one is None:
            continue
        if one.id in found:
            raise ValueError(f"two modules of {package.__name__} declare {name} {one.id!r}")
        found[one.id] = one
    return list(found.values())


def import_modules(package: ModuleType) -> list[ModuleType]:
    """Import the modules directly in a package, and return them in the order of their names."""
    found = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    return [import_module(module.name) for module in found if not module.ispkg]
