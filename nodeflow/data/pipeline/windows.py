"""Windows over the elements of a data set; each window is a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from nodeflow.data.pipeline.elements import DATASET, Derived, Element, Elements, Iteration
from nodeflow.graph.types import TensorType


class Held(Elements):
    """One component of the elements of a window, in memory."""

    template = 0

    def __init__(self, values: list[Any], type_: TensorType) -> None:
        self.values = values
        self.type = type_

    @property
    def types(self) -> tuple[TensorType, ...]:
        return (self.type,)

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        return ((value,) for value in self.values)


class Window(Derived):
    """A stage of windows: window k has ``size`` elements, number k * shift, k * shift + stride and
    so on.

    Args:
        make: returns a data set for a stage.
    """

    def __init__(
        self,
        source: Elements,
        size: int,
        shift: int,
        stride: int,
        drop_remainder: bool,
        make: Callable[[Elements], Any],
    ) -> None:
        super().__init__(source)
        self.size, self.shift, self.stride = size, shift, stride
        self.drop_remainder = drop_remainder
        self.make = make

    @property
    def types(self) -> tuple[TensorType, ...]:
        return tuple(TensorType(DATASET, ()) for _ in self.source.types)

    def elements(self, iteration: Iteration) -> Iterator[Element]:
        source = self.source.elements(iteration)
        types = self.source.types
        span = (self.size - 1) * self.stride + 1
        seen: list[Element] = []
        while True:
            seen.extend(islice(source, span - len(seen)))
            if not seen or (self.drop_remainder and len(seen) < span):
                return
            parts = zip(*seen[:: self.stride], strict=True)
            yield tuple(
                self.make(Held(list(part), type_)) for part, type_ in zip(parts, types, strict=True)
            )
            passed = self.shift - len(seen)
            del seen[: self.shift]
            if passed > 0:
                next(islice(source, passed - 1, None), None)
