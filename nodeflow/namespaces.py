"""Public namespaces (``nf.train``, ``nf.math``): names whose modules are imported when first used.

So `import nodeflow` stays light, and a package that layers above import from module by module can
show users a few names of its own.
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
    """``__getattr__`` and ``__dir__`` of a package that shows names of other modules.

    Args:
        package: its own name.
        names: public name -> module that defines it.
        title: what users call the namespace, for errors: ``nf.train``.
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
    """``__getattr__`` and ``__dir__`` of a module that gives public functions other names.

    Args:
        module: its own name.
        names: name -> what it is called below ``nf``: ``inverse``, ``nn.top_k``.
        title: what users call the namespace, for errors: ``nf.linalg``.
    """

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(unknown(name, names, title))
        value = attrgetter(names[name])(sys.modules["nodeflow"])
        setattr(sys.modules[module], name, value)
        return value

    return get, lambda: sorted(names)


def unknown(name: str, names: Collection[str], title: str) -> str:
    """What is wrong with a name that a namespace does not have, and what it is called here.

    Args:
        title: what users call the namespace: ``nf.train``.
    """
    text = f"{title} has no {name!r}"
    if name.startswith("_"):  # tools ask for such names
        return text
    from nodeflow.tensorflow1.answers import exists_in, hint

    exists = exists_in(sys.modules["nodeflow"])
    known = hint(name, exists, title.removeprefix("nf.")) or suggest(name, names)
    return f"{text}. {known}" if known else text
