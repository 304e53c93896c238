"""Shapes in Python: tuples of sizes, as in TensorFlow 1, and the shape of unknown rank."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NoReturn, Self, SupportsIndex

from nodeflow.errors import UnknownRank

Dim = int | None
Shape = tuple[Dim, ...]


class Dimension(int):
    """A known size, an int; ``value`` is TensorFlow 1's name for the number."""

    @property
    def value(self) -> int:
        return int(self)


class TensorShape(tuple[Dim, ...]):
    """The sizes of a tensor, None for a size that is known only at run time.

    It is a tuple with the methods that programs for TensorFlow 1 use: ``as_list()``, ``ndims``,
    ``shape[1].value``. ``len``, iteration and indices of a shape of unknown rank raise an
    `UnknownRank`; its ``ndims`` is None.
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if isinstance(key, slice):
            return TensorShape(found)
        return found if found is None else Dimension(found)

    @property
    def ndims(self) -> int | None:
        """The number of dimensions; None if unknown."""
        return len(self)

    rank = ndims

    @property
    def dims(self) -> list[Dim] | None:
        """The dimensions as a list, with None for an unknown size. The property is None if the rank
        is unknown.
        """
        return list(self)

    def as_list(self) -> list[Dim]:
        """Return the sizes as a list, with None for an unknown size.

        Raises:
            UnknownRank: the number of dimensions is unknown.
        """
        return list(self)

    def is_fully_defined(self) -> bool:
        """Return whether every size is known."""
        return None not in self

    def num_elements(self) -> int | None:
        """Return the product of the sizes; None if a size is unknown."""
        return math.prod(d for d in self if d is not None) if self.is_fully_defined() else None

    def __str__(self) -> str:
        dims = ", ".join("?" if d is None else str(d) for d in self)
        return f"({dims},)" if len(self) == 1 else f"({dims})"


class UnknownShape(TensorShape):
    """The shape of a tensor of unknown rank, which equals only itself and has no accessible
    sizes.
    """

    __slots__ = ()
    _only: UnknownShape | None = None

    def __new__(cls) -> Self:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only  # type: ignore[return-value]

    def _refuse(self, *_: object) -> NoReturn:
        raise UnknownRank(
            "the rank is unknown",
            hint="Give the placeholder a shape, or reshape the tensor first.",
        )

    def __len__(self) -> int:
        self._refuse()

    def __iter__(self) -> Iterator[Dim]:
        self._refuse()

    def __getitem__(self, key: Any) -> Any:
        self._refuse()

    def __contains__(self, item: object) -> bool:
        self._refuse()

    def __add__(self, other: Any) -> Any:
        self._refuse()

    def __radd__(self, other: Any) -> Any:
        self._refuse()

    def __mul__(self, count: SupportsIndex) -> Any:
        self._refuse()

    def __bool__(self) -> bool:
        self._refuse()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return hash(UnknownShape)

    @property
    def ndims(self) -> int | None:
        return None

    rank = ndims

    @property
    def dims(self) -> list[Dim] | None:
        return None

    def is_fully_defined(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "TensorShape(None)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        return "UNKNOWN"


UNKNOWN = UnknownShape()
"""The shape of tensors of unknown rank; compared by ``is``."""
