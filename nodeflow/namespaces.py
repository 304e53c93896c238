"""Public namespaces (``nf.train``, ``nf.math``) whose names import their modules on first use.

So `import nodeflow` stays light, and a package whose modules are imported by layers above can offer
users a few public names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from typing import Any

from nodeflow.errors import suggest
from nodeflow.public import public


def namespace(
    package: str, names: Mapping[str, str], title: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package that offers names of other modules.

    Args:
        package: its own name.
        names: public name -> module that defines it.
        title: the public name of the namespace, for errors: ``nf.train``.
    """

    def get(name: str) -> Any:
        if name not in names:
            if find_spec(f"{package}.{name}"):
                raise AttributeError(name)  # `from PACKAGE import MODULE` imports it then
            raise AttributeError(unknown(name, names, title))
        value = public(getattr(import_module(names[name]), name))
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted(names)


def spelled(
    module: str, names: Mapping[str, str], title: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a module that offers public functions by other
    names.

    Args:
        module: its own name.
        names: name -> path below ``nf``: ``inverse``, ``nn.top_k``.
        title: the public name of the namespace, for errors: ``nf.linalg``.
    """

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(unknown(name, names, title))
        value = attrgetter(names[name])(sys.modules["nodeflow"])
        setattr(sys.modules[module], name, value)
        return value

    return get, lambda: sorted(names)


def unknown(name: str, names: Collection[str], title: str) -> str:
    """Return the error text for an unknown name in a namespace, with the name in nodeflow if known.

    Args:
        title: the public name of the namespace: ``nf.train``.
    """
    text = f"{title} has no {name!r}"
    if name.startswith("_"):  # tools probe such names
        return text
    from nodeflow.tensorflow1.answers import exists_in, hint

    exists = exists_in(sys.modules["nodeflow"])
    known = hint(name, exists, title.removeprefix("nf.")) or suggest(name, names)
    return f"{text}. {known}" if known else text
