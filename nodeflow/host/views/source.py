"""What views are computed from: tensors on rows of the data or made-up values, by reference.

Nothing is assigned, no random stream of a training or run is touched, and the phase is inference,
so that looking at a graph never changes what it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.document.build.task import Task
from nodeflow.engine.columns import Column
from nodeflow.engine.feeds import as_array, sample_of
from nodeflow.engine.incremental import ACTING
from nodeflow.engine.interpreter import Interpreter
from nodeflow.engine.plan.passes import rewrite_schedule
from nodeflow.engine.rng import Stream
from nodeflow.engine.schedule.schedule import Schedule, build_schedule, resolve_alias
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.graph.types import numpy_dtype, type_of_array
from nodeflow.host.overriding import Overriding, tensors_of
from nodeflow.host.views.kind import ViewProblem
from nodeflow.train.training import Binding

MOST_PLANS = 64
T = TypeVar("T")


class ViewSource:
    """Runs tensors of one build with the values that the variables have now.

    Args:
        task: the build, with its data.
        tensor: the tensor of a name; raises NodeflowError.
        read: the value of a variable; raises NotInitialized.
        stream_of: the random stream of a node.
        users: node -> the nodes that read it.
        shown: what a placeholder has in the previews; None for nothing.
        overriding: says what tensors have instead of what is computed, unless they are fed.

    Attributes:
        step: of the training that the values are of; None outside one.
        courses: what kinds keep of the steps of the training so far, by keys of their own. What
            has a method ``begin`` hears when a training goes on.
    """

    def __init__(
        self,
        task: Task,
        tensor: Callable[[str], Tensor],
        read: Callable[[Node], np.ndarray],
        stream_of: Callable[[Node], Stream],
        users: Mapping[Node, Iterable[Node]],
        shown: Callable[[Node], np.ndarray | None] = lambda node: None,
        overriding: Overriding | None = None,
    ) -> None:
        self.task, self.users = task, users
        self.tensor = tensor
        self.read = read
        self._shown = shown
        self._overriding = Overriding() if overriding is None else overriding
        self.step: int | None = None
        self.courses: dict[Hashable, Any] = {}
        self._stream_of = stream_of
        self._schedules: dict[tuple, Schedule] = {}
        self._interpreters: dict[tuple, Interpreter] = {}
        self._memo: dict[Hashable, Any] = {}

    def for_task(self, task: Task) -> ViewSource:
        """The same values in another build of the document, found by name."""

        def here(node: Node) -> Node:
            return self.task.graph.node(node.name)

        return ViewSource(
            task,
            task.tensor,
            lambda node: self.read(here(node)),
            self._stream_of,
            {},
            lambda node: self._shown(here(node)),
            self._overriding,
        )

    # ---- what is shown instead ------------------------------------------------------------------

    def shown(self, placeholder: Node) -> np.ndarray | None:
        """What a placeholder has in the previews; None for nothing."""
        (tensor,) = placeholder.outputs
        overridden = self._overridden().get(tensor)
        return self._shown(placeholder) if overridden is None else as_array(tensor, overridden)

    def feeds(self, tensors: Iterable[Tensor]) -> dict[Tensor, np.ndarray]:
        """Rows of the data for the placeholders of tensors, but for those that are overridden."""
        overridden = self._overridden()
        return {t: rows for t, rows in self.task.feeds(tensors).items() if t not in overridden}

    def is_what_if(self, tensors: Iterable[Tensor], feeds: Collection[Tensor] = ()) -> bool:
        """Whether tensors follow from what is overridden, so that they are none of the training.

        Args:
            feeds: what is fed, which counts instead.
        """
        changed = {tensor.node for tensor in self._overridden() if tensor not in feeds}
        return bool(changed) and not changed.isdisjoint(ancestors(t.node for t in tensors))

    def is_what_if_of(self, name: str) -> bool:
        """The same of a tensor by name; false where nothing has that name."""
        try:
            return bool(self._overriding) and self.is_what_if([self.tensor(name)])
        except NodeflowError:
            return False

    def _overridden(self) -> Mapping[Tensor, np.ndarray]:
        if not self._overriding:
            return {}
        return tensors_of(self._overriding.request, self.task.tensor)

    # ---- data -----------------------------------------------------------------------------------

    def bindings(self, tensors: Iterable[Tensor]) -> dict[Tensor, Binding]:
        """The placeholders that tensors depend on and data feed, in the graph's order."""
        chosen = tuple(tensors)

        def find() -> dict[Tensor, Binding]:
            found = self.task.bindings([tensor.node for tensor in chosen])
            return dict(sorted(found.items(), key=lambda item: item[0].node.index))

        return self.memo(("bindings", chosen), find)

    def bound(self) -> dict[Tensor, Binding]:
        """Every placeholder that data feed, in the graph's order."""
        graph = self.task.graph
        names = [name for name in self.task.build.bindings if name in graph]
        return self.bindings(graph.tensor(name) for name in names)

    def placeholders(self, tensor: Tensor) -> list[Tensor]:
        """The placeholders that a tensor depends on, in the graph's order."""
        nodes = [n for n in ancestors([tensor.node]) if n.op.id == "placeholder"]
        return [n.outputs[0] for n in sorted(nodes, key=lambda n: n.index)]

    def column(self, binding: Binding, split: str) -> Column | None:
        """The rows of a bound column in a split; None if there are none."""
        return binding.dataset.splits.get(split, {}).get(binding.column)

    def splits(self, dataset: DataSplits) -> list[str]:
        """The splits with rows, training rows first."""
        return [split for split in ("train", "validation", "test") if dataset.size(split)]

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """What depends on graph and data alone, made once."""
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]

    # ---- running --------------------------------------------------------------------------------

    def run(
        self, tensors: Sequence[Tensor], feeds: Mapping[Tensor, np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """The values of tensors; the arrays are only to be read.

        Args:
            feeds: converted to the dtypes of their tensors.

        Raises:
            ViewProblem: a placeholder has no value, or something would have to be assigned.
            NodeflowError: an op failed.
        """
        fed = {tensor: as_array(tensor, value) for tensor, value in self._overridden().items()}
        fed.update(
            (resolve_alias(tensor), np.asarray(value, numpy_dtype(tensor.dtype)))
            for tensor, value in (feeds or {}).items()
        )
        schedule = self._schedule(tuple(tensors), fed)
        given = {slot: self._fed(tensor, fed) for tensor, slot in schedule.feeds.items()}
        for variable, slot in schedule.reads.items():
            given[slot] = self.read(variable)
        interpreter = self._interpreter(schedule, given)
        with np.errstate(all="ignore"):
            values = interpreter.run(given, self._stream_of)
        return [
            np.asarray(values[slot]) for slot in interpreter.schedule.fetches if slot is not None
        ]

    def _fed(self, tensor: Tensor, fed: Mapping[Tensor, np.ndarray]) -> np.ndarray:
        value = fed.get(tensor)
        if value is None:
            value = sample_of(tensor)
        if value is None:
            raise ViewProblem(
                f"{tensor.node.name} has no data yet", hint="Attach data, or set a sample value."
            )
        return value

    def _schedule(self, tensors: tuple[Tensor, ...], fed: Iterable[Tensor]) -> Schedule:
        key = (tensors, frozenset(fed))
        if key not in self._schedules:
            schedule = build_schedule(tensors, fed)
            acting = next((s.node for s in schedule.steps if s.node.op.id in ACTING), None)
            if acting is not None:
                raise ViewProblem(f"{acting.name} does something when it runs, so it is not drawn")
            if len(self._schedules) >= MOST_PLANS:
                self._schedules.clear()
                self._interpreters.clear()
            self._schedules[key] = schedule
        return self._schedules[key]

    def _interpreter(self, schedule: Schedule, given: Mapping[int, np.ndarray]) -> Interpreter:
        key = (id(schedule), *((slot, array.shape) for slot, array in given.items()))
        if key not in self._interpreters:
            if len(self._interpreters) >= MOST_PLANS:
                self._interpreters.clear()
            types = schedule.specialise({s: type_of_array(a) for s, a in given.items()})
            self._interpreters[key] = Interpreter(*rewrite_schedule(schedule, types, frozenset()))
        return self._interpreters[key]
