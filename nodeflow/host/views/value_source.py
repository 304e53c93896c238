"""The source of values for views: it runs tensors on rows or other inputs, by the reference tier.

Nothing is assigned, no random stream of a training or run is touched, and the phase is inference,
so that looking at a graph never changes what it computes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.columns import Column
from nodeflow.engine.feeds import as_array, sample_of
from nodeflow.engine.incremental import ACTING
from nodeflow.engine.interpreter import Interpreter
from nodeflow.engine.plan.passes import rewrite_schedule
from nodeflow.engine.schedule.schedule import Schedule, build_schedule, resolve_alias
from nodeflow.engine.threefry_streams import Stream
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.graph.types import numpy_dtype, type_of_array
from nodeflow.host.overridden_tensors import Overriding, tensors_of
from nodeflow.host.views.view_kind import ViewProblem
from nodeflow.train.training import Binding

MOST_PLANS = 64
T = TypeVar("T")


class ViewSource:
    """A runner of tensors of one build with the current values of the variables.

    Args:
        task: the build, with its data.
        tensor: returns the tensor of a name; raises NodeflowError.
        read: returns the value of a variable; raises NotInitialized.
        stream_of: returns the random stream of a node.
        users: the consumers of each node.
        shown: returns the value of a placeholder in the previews, or None.
        overriding: the values that replace the values of tensors, unless they are fed.

    Attributes:
        step: the training step of the values; None outside a training.
        courses: data that kinds of views keep over the steps of a training, by keys of their
            choice. If an entry has a method ``begin``, it is called when a training continues.
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
        """Return a source of values for views that evaluates another build of the same document
        with the same variable values.
        """

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

    # ---- overridden values ----------------------------------------------------------------------

    def shown(self, placeholder: Node) -> np.ndarray | None:
        """Return the value that a placeholder has in the previews of nodes. An overriding value has
        precedence. Return None if there is no value.
        """
        (tensor,) = placeholder.outputs
        overridden = self._overridden().get(tensor)
        return self._shown(placeholder) if overridden is None else as_array(tensor, overridden)

    def feeds(self, tensors: Iterable[Tensor]) -> dict[Tensor, np.ndarray]:
        """Return the values that a run needs for the placeholders of some tensors, from the rows of
        the data. Omit overridden tensors.
        """
        overridden = self._overridden()
        return {t: rows for t, rows in self.task.feeds(tensors).items() if t not in overridden}

    def is_what_if(self, tensors: Iterable[Tensor], feeds: Collection[Tensor] = ()) -> bool:
        """Return whether any of the tensors depends on an override. Their values are then
        hypothetical, not those of the training.

        Args:
            feeds: fed tensors, whose overrides do not count.
        """
        changed = {tensor.node for tensor in self._overridden() if tensor not in feeds}
        return bool(changed) and not changed.isdisjoint(ancestors(t.node for t in tensors))

    def is_what_if_of(self, name: str) -> bool:
        """Return whether a tensor, given by name, depends on an override; False for an unknown
        name.
        """
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
        """Return the placeholders that the tensors depend on and that data sets feed, with the
        column that feeds each, in the graph's order.
        """
        chosen = tuple(tensors)

        def find() -> dict[Tensor, Binding]:
            found = self.task.bindings([tensor.node for tensor in chosen])
            return dict(sorted(found.items(), key=lambda item: item[0].node.index))

        return self.memo(("bindings", chosen), find)

    def bound(self) -> dict[Tensor, Binding]:
        """Return the placeholders that data sets feed, with the column that feeds each, in the
        graph's order.
        """
        graph = self.task.graph
        names = [name for name in self.task.build.bindings if name in graph]
        return self.bindings(graph.tensor(name) for name in names)

    def placeholders(self, tensor: Tensor) -> list[Tensor]:
        """Return the placeholders that a tensor depends on, in the graph's order."""
        nodes = [n for n in ancestors([tensor.node]) if n.op.id == "placeholder"]
        return [n.outputs[0] for n in sorted(nodes, key=lambda n: n.index)]

    def column(self, binding: Binding, split: str) -> Column | None:
        """Return the data set column that a binding connects to a placeholder, in the given split.
        Return None if the split lacks it.
        """
        return binding.dataset.splits.get(split, {}).get(binding.column)

    def splits(self, dataset: DataSplits) -> list[str]:
        """Return the splits with rows, training rows first."""
        return [split for split in ("train", "validation", "test") if dataset.size(split)]

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the cached value for a key. At the first call, compute it; it must depend only on
        the graph and the data.
        """
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]

    # ---- running --------------------------------------------------------------------------------

    def run(
        self, tensors: Sequence[Tensor], feeds: Mapping[Tensor, np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """Compute tensors with the variables and data of this source, and return their values. Do
        not write to the arrays.

        Args:
            feeds: values of tensors, converted to the dtypes of the tensors.

        Raises:
            ViewProblem: a placeholder has no value, or a node would have to be assigned.
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
                raise ViewProblem(f"{acting.name} has a side effect, so it is not drawn")
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
