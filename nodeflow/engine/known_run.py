"""What runs of the same fetches, with feeds for the same tensors, have in common: found out once.

A loop of ``session.run`` asks the same again and again. To look at fetches, keys of feeds and all
variables each time would take longer than a small network's kernels.
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
"""Shapes of feeds for which a run is kept."""


def key_of(fetches: Any, feed_dict: Mapping[Any, Any] | None) -> Hashable | None:
    """Equal for runs that differ in the fed values alone.

    None where names, or questions about the session, are among them: these are looked up each time.
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
    """One question that was asked before.

    Attributes:
        schedule, rule: what runs, and what decides its phase.
        pack: gives values the structure of the fetches.
        fed, inner: the tensors that are fed, and those that do the work in their place.
        bound: compiled runs that only the fed values change, by the shapes of these.
        comes_again: whether somebody keeps this question.
        shapes: of the arrays that were fed last.
        current: what is kept for these.
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
        """The values that are fed, one for each of the tensors, as arrays that fit.

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
        """Arrays of all tensors that are fed, by the tensors that do the work."""
        return dict(zip(self.inner, arrays, strict=True))

    def keep(self, shapes: Shapes, run: BoundRun | None) -> None:
        """Keep a run for the next feeds of these shapes, in the place of the oldest of many."""
        if run is None:
            return
        if len(self.bound) >= MOST_BOUND:
            del self.bound[next(iter(self.bound))]
        self.bound[shapes] = run
        self.current = self.bound.get(self.shapes)
