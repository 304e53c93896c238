"""The namespaces of TensorFlow 1 as modules for ``import`` statements."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from nodeflow.integrations.tensorflow1.namespace import ROOT, is_space, named


class Spaces(MetaPathFinder, Loader):
    """Finds ``PACKAGE.contrib.rnn`` and other namespaces.

    Args:
        package: the name of all of TensorFlow 1: ``nodeflow.tensorflow1``, or ``tensorflow``.
    """

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the import spec of a module if it is a namespace of this package. Return None for
        any other module.
        """
        inside = self._path(fullname)
        if inside is None or (inside and not is_space(inside)):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the namespace."""
        path = self._path(spec.name)
        return named(path) if path else ROOT

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing, as the import protocol allows: the module's names are looked up when they are
        used.
        """

    def _path(self, fullname: str) -> str | None:
        """Return the dotted path of a module inside the package: "a.b" for PACKAGE.a.b.

        Return "" for the package itself, and None for a module outside.
        """
        if fullname == self.package:
            return ""
        start = f"{self.package}."
        return fullname.removeprefix(start) if fullname.startswith(start) else None


def provide(package: str) -> None:
    """Install an import hook before all other finders, so that ``import`` finds the namespaces
    below a package name. Do nothing if it is installed.
    """
    if not any(isinstance(one, Spaces) and one.package == package for one in sys.meta_path):
        sys.meta_path.insert(0, Spaces(package))
