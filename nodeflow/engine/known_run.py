"""Facts that are looked up once for all runs with the same fetches and the same fed tensors.

A loop of ``session.run`` repeats such a run. Looking up fetches, keys of feeds and all
variables each time would take longer than the kernels of a small network.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.engine.bound_run import BoundRun
from nodeflow.engine.feeds import as_array
from nodeflow.engine.phase import PhaseRule
from nodeflow.engine.schedule.schedule import Schedule, resolve_alias
from nodeflow.graph.graph import Node, Tensor

Shapes = tuple[tuple[int, ...], ...]
MOST_BOUND = 64
"""Largest number of shapes of feeds for which a run is kept."""


def key_of(fetches: Any, feed_dict: Mapping[Any, Any] | None) -> Hashable | None:
    """Return a key that is equal for runs that differ only in the fed values.

    Return None if names, or queries to the session, are among the fetches, because these are
    looked up in every run.
    """
    if isinstance(fetches, (Tensor, Node)):
        if feed_dict is None or (not feed_dict and type(feed_dict) is dict):
            return fetches
        wanted: tuple[Any, ...] = (None, 1, fetches)
    elif type(fetches) in (list, tuple) and _are_of(fetches, (Tensor, Node)):
        wanted = (type(fetches), len(fetches), *fetches)
    else:
        return None
    if not feed_dict:
        return wanted if feed_dict is None or type(feed_dict) is dict else None
    if type(feed_dict) is not dict or not _are_of(feed_dict, Tensor):
        return None
    return (*wanted, *feed_dict)


def _are_of(items: Iterable[Any], kinds: Any) -> bool:
    return all(isinstance(item, kinds) for item in items)


class KnownRun:
    """The facts about runs with the same fetches and the same fed tensors.

    Attributes:
        schedule, rule: the schedule, and the rule for its phase.
        pack: arranges values in the structure of the fetches.
        fed, inner: the fed tensors, and the tensors that they are aliases of.
        bound: compiled runs in which only the fed values change, by the shapes of these values.
        comes_again: whether these facts are kept for further runs.
        shapes: shapes of the arrays that were fed last.
        current: the compiled run for these shapes.
    """

    __slots__ = (
        *("_fitting", "bound", "comes_again", "fed", "inner", "pack", "rule", "schedule"),
        *("current", "shapes"),
    )

    def __init__(
        self,
        schedule: Schedule,
        rule: PhaseRule,
        pack: Callable[[list[Any]], Any],
        fed: Iterable[Tensor],
    ) -> None:
        self.schedule = schedule
        self.rule = rule
        self.pack = pack
        self.fed = tuple(fed)
        self.inner = tuple(map(resolve_alias, self.fed))
        self._fitting: list[tuple[Any, Any]] = [(None, None)] * len(self.fed)
        self.shapes: Shapes = ()
        self.bound: dict[Shapes, BoundRun] = {}
        self.current: BoundRun | None = None
        self.comes_again = True

    def arrays(self, values: Sequence[Any]) -> Sequence[np.ndarray]:
        """Convert the fed values to arrays of the right dtypes, one for each fed tensor. This is
        fast if they have the same dtypes and shapes as in the previous run.

        Raises:
            FeedError: a value does not fit its tensor.
        """
        fitting = self._fitting
        for at, value in enumerate(values):
            dtype, shape = fitting[at]
            if type(value) is not np.ndarray or value.dtype is not dtype or value.shape != shape:
                break
        else:
            return values
        arrays = [as_array(tensor, value) for tensor, value in zip(self.fed, values, strict=True)]
        self._fitting = [(array.dtype, array.shape) for array in arrays]
        self.shapes = tuple([array.shape for array in arrays])
        self.current = self.bound.get(self.shapes)
        return arrays

    def feeds(self, arrays: Iterable[np.ndarray]) -> dict[Tensor, np.ndarray]:
        """Return a feed dict of these arrays. Its keys are the tensors that the fed tensors stand
        for, because a fed tensor may be an alias.
        """
        return dict(zip(self.inner, arrays, strict=True))

    def keep(self, shapes: Shapes, run: BoundRun | None) -> None:
        """Cache a bound run, to repeat it when feeds have these shapes again.

        If there are too many, drop the oldest.
        """
        if run is None:
            return
        if len(self.bound) >= MOST_BOUND:
            del self.bound[next(iter(self.bound))]
        self.bound[shapes] = run
        self.current = self.bound.get(self.shapes)
