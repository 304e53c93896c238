"""Python's operators on tensors: each adds a node to the graph, except ``==`` and ``!=``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from nodeflow.errors import GraphError, LiteralError
from nodeflow.graph.shapes import Shape
from nodeflow.graph.tensor_methods.indexing import apply_index, parse_index

_VALUES = (bool, int, float, complex, np.ndarray, np.generic, list, tuple)
"""Types that ``==`` rejects beside a tensor, whose value is not known while building."""


class TensorOperators:
    """The base class of `Tensor` that defines operators and brackets by the ids of ops."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    @abstractmethod
    def shape(self) -> Shape: ...

    @abstractmethod
    def _apply(self, op: str, *inputs: Any, **attrs: Any) -> Any:
        """Add a node that applies an op to inputs to the graph of this tensor."""

    def __add__(self, other: Any) -> Self:
        return self._apply("add", self, other)

    def __radd__(self, other: Any) -> Self:
        return self._apply("add", other, self)

    def __sub__(self, other: Any) -> Self:
        return self._apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Self:
        return self._apply("subtract", other, self)

    def __mul__(self, other: Any) -> Self:
        return self._apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Self:
        return self._apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Self:
        return self._apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Self:
        return self._apply("divide", other, self)

    def __floordiv__(self, other: Any) -> Self:
        return self._apply("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Self:
        return self._apply("floor_divide", other, self)

    def __mod__(self, other: Any) -> Self:
        return self._apply("modulo", self, other)

    def __rmod__(self, other: Any) -> Self:
        return self._apply("modulo", other, self)

    def __pow__(self, other: Any) -> Self:
        return self._apply("power", self, other)

    def __rpow__(self, other: Any) -> Self:
        return self._apply("power", other, self)

    def __matmul__(self, other: Any) -> Self:
        return self._apply("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Self:
        return self._apply("matmul", other, self)

    def __neg__(self) -> Self:
        return self._apply("negative", self)

    def __abs__(self) -> Self:
        return self._apply("abs", self)

    def __eq__(self, other: object) -> bool:
        return self is other or self._compare("==", "equal", other)

    def __ne__(self, other: object) -> bool:
        return self is not other and not self._compare("!=", "not_equal", other)

    __hash__ = object.__hash__

    def _compare(self, sign: str, op: str, other: object) -> bool:
        """Return False, because `==` compares identity and the other object is not this tensor.

        Raises:
            GraphError: the other object is a value, so the caller means the tensor's value.
        """
        if isinstance(other, _VALUES):
            raise GraphError(
                f"{self.name} {sign} {_brief(other)} compares a tensor that has no value yet",
                hint=f"Use nf.{op}({self.name.rpartition('/')[2]}, {_brief(other)}), which "
                "compares element by element when the graph runs.",
            )
        return False

    def __lt__(self, other: Any) -> Self:
        return self._apply("less", self, other)

    def __le__(self, other: Any) -> Self:
        return self._apply("less_equal", self, other)

    def __gt__(self, other: Any) -> Self:
        return self._apply("greater", self, other)

    def __ge__(self, other: Any) -> Self:
        return self._apply("greater_equal", self, other)

    def __invert__(self) -> Self:
        return self._apply("logical_not", self)

    def __and__(self, other: Any) -> Self:
        return self._apply("logical_and", self, other)

    def __or__(self, other: Any) -> Self:
        return self._apply("logical_or", self, other)

    def __getitem__(self, key: Any) -> Self:
        try:
            index = parse_index(key, self.shape)
        except GraphError as error:
            raise error.at(self.name) from None
        return apply_index(self, index)

    def __bool__(self) -> bool:
        raise GraphError(
            "a tensor has no truth value while the graph is built",
            node=self.name,
            hint="Use nf.where, or run it in a Session first.",
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise LiteralError(
            "a tensor has no numbers while the graph is built",
            node=self.name,
            hint="Get them from a run: session.run(tensor).",
        )

    def __iter__(self) -> Iterator[Self]:
        raise GraphError(
            "a tensor cannot be iterated over",
            node=self.name,
            hint="Use nf.split or indexing.",
        )

    __array_ufunc__ = None


def _brief(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 30 else text[:27] + "..."
