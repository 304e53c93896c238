"""What runs of the same fetches, with feeds for the same tensors, have in common: found out once.

A loop of ``session.run`` asks the same again and again. To look at fetches, keys of feeds and all
variables each time would take longer than a small network's kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from nodeflow.engine.feeds import as_array
from nodeflow.engine.phase import PhaseRule
from nodeflow.engine.schedule.schedule import Schedule, resolve_alias
from nodeflow.graph.graph import Node, Tensor


def key_of(fetches: Any, feed_dict: Mapping[Any, Any] | None) -> Hashable | None:
    """Equal for runs that differ in the fed values alone.

    None where names, or questions about the session, are among them: these are looked up each time.
    """
    if isinstance(fetches, (Tensor, Node)):
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
    """

    __slots__ = ("_fed", "_fitting", "pack", "rule", "schedule")

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
        self._fed = [(tensor, resolve_alias(tensor)) for tensor in fed]
        self._fitting: dict[Tensor, tuple[np.dtype, tuple[int, ...]]] = {}

    def feeds(self, feed_dict: Mapping[Any, Any] | None) -> dict[Tensor, np.ndarray]:
        """The values of a feed_dict with these keys, by the tensors that do the work.

        Raises:
            FeedError: a value does not fit its tensor.
        """
        if not feed_dict:
            return {}
        fed, fitting = {}, self._fitting
        for (tensor, inner), value in zip(self._fed, feed_dict.values(), strict=True):
            array = value
            if type(value) is not np.ndarray or fitting.get(inner) != (value.dtype, value.shape):
                array = as_array(tensor, value)
                fitting[inner] = array.dtype, array.shape
            fed[inner] = array
        return fed


class ReadVariables:
    """The values of the variables that a schedule reads, kept until one has changed.

    Attributes:
        version: of all variables, when they were looked up; None if they are not kept.
        arrays: by slot.
        shapes: of the arrays, in the order of the slots.
    """

    __slots__ = ("_schedule", "arrays", "shapes", "version")

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.version: int | None = None
        self.arrays: dict[int, Any] = {}
        self.shapes: tuple[tuple[int, ...], ...] = ()

    def look_up(self, read: Callable[[Node], Any], version: int | None = None) -> None:
        """Ask for all values.

        Raises:
            NotInitialized: a variable has none.
        """
        reads = self._schedule.reads.items()
        self.arrays = {slot: read(variable) for variable, slot in reads}
        self.shapes = tuple([array.shape for array in self.arrays.values()])
        self.version = version
