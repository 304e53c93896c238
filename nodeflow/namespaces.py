"""Public namespaces (``nf.train``, ``nf.data``) whose names import their modules on first use.

So `import nodeflow` stays light, and a package whose modules are imported by layers above can offer
users a few public names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from nodeflow.errors import suggest
from nodeflow.manifests import Offer, offers
from nodeflow.public import public


def namespace(
    package: str, names: Mapping[str, str], title: str
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for a package that re-exports names of other modules
    and imports the modules lazily.

    Args:
        package: its own name.
        names: public name -> module that defines it.
        title: the public name of the namespace, for errors: ``nf.train``.
    """

    def get(name: str) -> Any:
        if name in names:
            value = getattr(import_module(names[name]), name)
        elif name.startswith("_") or find_spec(f"{package}.{name}"):
            raise AttributeError(name)  # `from PACKAGE import MODULE` imports it then
        elif (offered := offered_below(title)) and name in offered:
            value = offered[name].load()
        else:
            raise AttributeError(unknown(name, [*names, *offered], title))
        value = public(value)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted([*names, *offered_below(title)])


def offered_below(title: str) -> dict[str, Offer]:
    """Return the names that integrations add to a namespace: ``FileWriter`` to ``nf.summary``."""
    start = f"{title.removeprefix('nf.')}."
    found = {each.name: each for each in offers("public")}
    return {name.removeprefix(start): one for name, one in found.items() if name.startswith(start)}


def unknown(name: str, names: Collection[str], title: str) -> str:
    """Return the error text for an unknown name in a namespace, with the name in nodeflow if known.

    Args:
        title: the public name of the namespace: ``nf.train``.
    """
    text = f"{title} has no {name!r}"
    if name.startswith("_"):  # tools probe such names
        return text
    from nodeflow.foreign_names.answers import exists_in, hint

    exists = exists_in(sys.modules["nodeflow"])
    known = hint(name, exists, title.removeprefix("nf.")) or suggest(name, names)
    return f"{text}. {known}" if known else text
