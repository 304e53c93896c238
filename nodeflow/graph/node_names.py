r"""The names of a graph's nodes and streams: valid names, unused names, and name scopes.

A name consists of letters, digits and ``_``, joined by ``/``. TensorFlow 1 also allows ``-``,
``.``, ``\`` and ``>``, and digits at the start. Python code may use such a name; each of those
characters becomes ``_`` in names and look-ups. So ``--set NODE.ATTR=VALUE`` and formulas stay
unambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from nodeflow.errors import NameProblem

NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")
_TENSORFLOW = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.\\>-]*(/[A-Za-z0-9_.\\>-]+)*")
_UNLAWFUL = re.compile(r"[.\\>-]|(?:^|(?<=/))(?=[0-9])")


def lawful(name: str) -> str:
    """Return ``name`` with ``_`` for characters that TensorFlow 1 allows and nodeflow does not.

    Raises:
        NameProblem: neither allows it.

    >>> lawful("layer-1/2nd.relu")
    'layer_1/_2nd_relu'
    """
    if isinstance(name, str):
        if NAME_PATTERN.fullmatch(name):
            return name
        if _TENSORFLOW.fullmatch(name):
            return _UNLAWFUL.sub("_", name)
    raise NameProblem(
        f"{name!r} is not a valid name",
        hint="Use letters, digits and _, starting with a letter; / separates scopes.",
    )


class GraphNames:
    """The base class of `Graph` for names: used and reserved names, scopes, owners of derived
    nodes.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, Any] = {}
        self._taken: dict[str, int] = {}
        self._reserved: set[str] = set()
        self._scopes: list[str] = []
        self._controls: list[tuple[Any, ...]] = []
        self._derived_from: str | None = None
        self._owner_stream = ""
        self._made_by: str | None = None
        self._kept_streams: set[str] = set()
        self.awaited: tuple[Any, ...] = ()

    def unique_name(self, name: str) -> str:
        """Return ``name`` inside the current scopes, with ``_1``, ``_2``, ... if it is in use.

        A name that ends in ``/``, as an open scope yields it, is absolute: the node gets the name
        of that scope.

        Raises:
            NameProblem: the name is malformed.
        """
        if isinstance(name, str) and name.endswith("/"):
            full = lawful(name[:-1])
            return full if full not in self._by_name else self._numbered(full)
        full = "/".join([*self._scopes, lawful(name)])
        if full in self._reserved and self._derived_from is None:
            self._reserved.discard(full)
            return full
        return self._numbered(full) if self._is_taken(full) else full

    def _is_taken(self, name: str) -> bool:
        return name in self._taken or name in self._reserved

    def _numbered(self, name: str) -> str:
        count = self._taken.get(name, 1)
        while self._is_taken(f"{name}_{count}"):
            count += 1
        self._taken[name] = count + 1
        return f"{name}_{count}"

    def reserve(self, names: Iterable[str]) -> None:
        """Reserve names for user nodes that will be added later: no derived node takes them."""
        self._reserved.update(names)

    def occupy(self, names: Iterable[str]) -> None:
        """Reserve names of nodes outside the graph: no new node or scope takes one of them."""
        for name in names:
            self._taken.setdefault(name, 1)
            self._reserved.discard(name)

    def names(self) -> Iterator[str]:
        """Return the names of all nodes, and the reserved names."""
        yield from self._by_name
        yield from self._reserved

    @property
    def scope(self) -> str:
        """The open scope, ``a/b``; empty at the root."""
        return "/".join(self._scopes)

    @contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Name nodes made in this block ``name/...``, as in TensorFlow 1.

        Args:
            name: a new scope inside the open ones, made unique: opened again, ``layer`` is
                ``layer_1``. The name that an open scope yields, or any name that ends in ``/``,
                enters that scope again, from the root. None or an empty name leaves all scopes.

        Yields:
            The scope's full name with ``/`` at its end; empty at the root.

        Raises:
            NameProblem: the name is malformed.
        """
        saved, self._scopes = self._scopes, self._entered(name)
        try:
            yield "".join(f"{part}/" for part in self._scopes)
        finally:
            self._scopes = saved

    def _entered(self, name: str | None) -> list[str]:
        """Return the list of open name scopes after one more scope, ``name``, is entered."""
        if name is None or name == "":
            return []
        if isinstance(name, str) and name.endswith("/"):
            return [lawful(name[:-1])]
        if self._derived_from is not None:  # derived nodes are in the macro node's scopes
            return [*self._scopes, lawful(name)]
        full = self.unique_name(name)
        self._taken.setdefault(full, 1)
        return [full]

    @contextmanager
    def deriving(self, name: str, stream: str | None = None) -> Iterator[None]:
        """Mark all nodes that are added in this block as derived from the macro node ``name``,
        such as a layer. ``stream`` is the name from which the seeds of their random numbers are
        derived; by default it is the name of the macro node.

        Name scopes that the user has opened do not apply to these nodes.
        """
        saved = self._derived_from, self._owner_stream, self._scopes, self._controls
        maker, self._made_by = self._made_by, name
        if self._derived_from is None:
            self._derived_from, self._owner_stream = name, name if stream is None else stream
        self._scopes, self._controls = [], []
        try:
            yield
        finally:
            self._derived_from, self._owner_stream, self._scopes, self._controls = saved
            self._made_by = maker
