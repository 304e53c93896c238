"""The inputs on which a lesson compares graphs: values for its given nodes, drawn from seeds.

A seed draws the same numbers in every release, because a student's copy holds the solution's values
for them. So `numpy.random.RandomState` draws them, whose stream never changes.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.lessons import fields as f
from nodeflow.lessons.errors import LessonProblem
from nodeflow.lessons.fields import field, many, named, nested, optional, whole
from nodeflow.number_text import number as number_text

MOST_NAMED = 3
"""The most numbers that a message names."""
OTHER_SIZE = 5
"""The size of unknown axes other than the first."""
NORMAL, UNIFORM, INTEGERS, ONE_HOT, KEEP = "normal", "uniform", "integers", "one_hot", "keep"


@dataclass(frozen=True)
class Input:
    """The values of one node.

    Attributes:
        values: ``normal`` (mean 0), ``uniform`` from low to high, ``integers`` from low to high
            (excluded), ``one_hot`` rows, or ``keep`` for the node's own value.
        scale: the standard deviation of normal values.
        shape: the shape of a node whose type does not say it; null stands for the batch.
    """

    values: str = field(f.one_of(NORMAL, UNIFORM, INTEGERS, ONE_HOT, KEEP), NORMAL)
    low: float = field(f.number, 0.0)
    high: float = field(f.number, 1.0)
    scale: float = field(f.number, 1.0)
    shape: tuple[int | None, ...] | None = field(optional(many(optional(whole(0, 10**6)))), None)


@dataclass(frozen=True, eq=False)
class Case:
    """Values for the inputs of a graph.

    Attributes:
        label: how a message names it, such as ``a batch of 7``.
        feeds: values by the name of the node.
    """

    label: str
    feeds: Mapping[str, np.ndarray]

    def with_feed(self, label: str, name: str, value: np.ndarray) -> Case:
        """Return the case with another value of one input."""
        return Case(label, {**self.feeds, name: value})


@dataclass(frozen=True)
class Probes:
    """The inputs of a lesson.

    Attributes:
        inputs: how the values of a node are drawn, by its name.
        seed: the public seed.
        batches: the numbers of rows to try.
        zeros: whether to try zeros.
        large: the factor of the case with large numbers; 0 for no such case.
    """

    inputs: Mapping[str, Input] = field(named(nested(Input)), {})
    seed: int = field(whole(0), 1)
    batches: tuple[int, ...] = field(many(whole(1, 1000), 1), (1, 7))
    zeros: bool = field(f.flag, True)
    large: float = field(f.number, 1000.0)

    def cases(self, types: Mapping[str, TensorType], seed: int | None = None) -> list[Case]:
        """Return the test cases of a lesson: random values for the inputs, in several batch sizes,
        and optionally zeros and large numbers.

        Args:
            types: name of a node -> its type.
            seed: a secret seed; None: the public seed of the lesson.

        Raises:
            LessonProblem: the rank of an input is unknown.
        """
        seed = self.seed if seed is None else seed
        drawn = {n: i for n, i in self.inputs.items() if i.values != KEEP}
        if not drawn:
            return [Case("the values of the graph", {})]
        has_batch = any(None in _shape(n, i, types) for n, i in drawn.items())
        batches = self.batches if has_batch else self.batches[:1]
        cases = [
            self._case(_counted(b) if has_batch else "other values", types, seed, b, 1.0)
            for b in batches
        ]
        if self.zeros:
            cases.append(self._case("zeros", types, seed, batches[-1], 0.0))
        if self.large:
            cases.append(self._case("large numbers", types, seed, batches[-1], self.large))
        return cases

    def _case(
        self, label: str, types: Mapping[str, TensorType], seed: int, batch: int, factor: float
    ) -> Case:
        feeds = {}
        for name, how in self.inputs.items():
            if how.values == KEEP:
                continue
            shape = tuple(batch if n is None else n for n in _shape(name, how, types))
            stream = [seed, zlib.crc32(f"{name}\0{label}".encode())]
            feeds[name] = _drawn(
                how, shape, types[name].dtype, np.random.RandomState(stream), factor
            )
        return Case(_named_values(feeds) or label, feeds)


def _named_values(feeds: Mapping[str, np.ndarray]) -> str:
    """Describe the fed values of a test case if they are few single numbers: ``b = 1.5 and c =
    -2``. Otherwise return "".
    """
    if not 0 < len(feeds) <= MOST_NAMED or any(value.size > 1 for value in feeds.values()):
        return ""
    texts = [f"{name} = {number_text(value.reshape(())[()])}" for name, value in feeds.items()]
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _counted(batch: int) -> str:
    return f"a batch of {batch}"


def _shape(name: str, how: Input, types: Mapping[str, TensorType]) -> tuple[int | None, ...]:
    """Return the shape of an input for a lesson's tests. An unknown first size stays None, for the
    batch; other unknown sizes become `OTHER_SIZE`.

    Raises:
        LessonProblem: there is no such node, or its rank is unknown.
    """
    if name not in types:
        raise LessonProblem(f"lesson.probes.inputs: the graph has no value {name!r}")
    if how.shape is not None:
        return how.shape
    dims = types[name].shape
    if types[name].ndims is None:
        raise LessonProblem(
            f"lesson.probes.inputs.{name}: the node has an unknown shape",
            hint="Give the field shape, with null for the batch.",
        )
    return tuple((None if i == 0 else OTHER_SIZE) if n is None else n for i, n in enumerate(dims))


def _drawn(
    how: Input, shape: tuple[int, ...], dtype: str, random: np.random.RandomState, factor: float
) -> np.ndarray[Any, Any]:
    if how.values == ONE_HOT:
        rows = np.zeros(shape)
        flat = rows.reshape(-1, shape[-1])
        flat[np.arange(len(flat)), random.randint(0, shape[-1], len(flat))] = 1
        return rows.astype(numpy_dtype(dtype))
    if how.values == INTEGERS:
        return random.randint(int(how.low), int(how.high), shape).astype(numpy_dtype(dtype))
    if how.values == UNIFORM:  # a range, such as that of probabilities, is kept
        return random.uniform(how.low, how.high, shape).astype(numpy_dtype(dtype))
    return (factor * how.scale * random.standard_normal(shape)).astype(numpy_dtype(dtype))
