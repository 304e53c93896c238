"""Public namespaces (``nf.train``, ``nf.data``): names whose modules are imported when first used.

So `import nodeflow` stays light, and a package that layers above import from module by module can
show users a few names of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from nodeflow.errors import suggest


def namespace(
    package: str, names: Mapping[str, str], title: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package that shows names of other modules.

    Args:
        package: its own name.
        names: public name -> module that defines it.
        title: what users call the namespace, for errors: ``nf.train``.
    """

    def get(name: str) -> Any:
        if name not in names:
            hint = None if name.startswith("__") else suggest(name, names)
            text = f"{title} has no {name!r}"
            raise AttributeError(f"{text}. {hint}" if hint else text)
        value = getattr(import_module(names[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted(names)
