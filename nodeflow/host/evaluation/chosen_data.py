"""The data on which node values are computed: rows of a split, or rows given to a placeholder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from nodeflow.document.to_graph.task import Task, row_range, split_shown
from nodeflow.engine.feeds import as_array, sample_of
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node, Tensor
from nodeflow.host.overridden_tensors import Overriding
from nodeflow.host.protocol import ShowData, ShownData, ShownRows


class ChosenData:
    """The rows that feed placeholders for previews, and the nodes that depend on rows.

    Attributes:
        request: the chosen rows.
        overriding: the overrides, which may give rows to placeholders.
    """

    def __init__(self, request: ShowData | None, overriding: Overriding) -> None:
        self.request = request or ShowData()
        self.overriding = overriding
        self._of_data: dict[Node, bool] = {}

    def choose(self, request: ShowData, task: Task) -> list[Node]:
        """Choose the data rows that placeholders are fed with, and return the placeholders."""
        self.request = request
        self._of_data.clear()
        return self.bound(task)

    def bound(self, task: Task) -> list[Node]:
        """Return the placeholders that data sets feed."""
        return [task.graph.node(name) for name in task.build.bindings if name in task.graph]

    def feed(self, task: Task, node: Node) -> np.ndarray | None:
        """Return the value that a placeholder is fed with: chosen rows of data, or its sample
        value. Return None if it has no value.

        Raises:
            FeedError: the sample does not fit.
            DataError: a data set is missing or has no such split.
        """
        (tensor,) = node.outputs
        if self.leaves_out(task, node):
            return None
        feeds = self._from_rows(task, [tensor])
        return as_array(tensor, feeds[tensor]) if tensor in feeds else sample_of(tensor)

    def feeds(self, task: Task, targets: Iterable[Tensor | Node]) -> dict[Tensor, Any]:
        """Return the feeds for a run from the chosen rows of data, by placeholder.

        Placeholders that have a sample value of their own are left out.

        Args:
            targets: the tensors and nodes that the run is to compute.
        """
        return self._from_rows(task, [t.node if isinstance(t, Tensor) else t for t in targets])

    def leaves_out(self, task: Task, node: Node) -> bool:
        """Return whether a placeholder of a data set has no value, because the user gave rows for
        other placeholders only.
        """
        rows = self.overriding.rows
        return bool(rows) and node.name not in rows and node.name in task.build.bindings

    def shown(self, task: Task) -> ShownData | None:
        """Return a description of the data rows that node values are computed from.

        Return None if no data set feeds a placeholder and the user gave no rows for a placeholder.
        """
        own = self.own_rows
        columns, found = {}, None
        for name, (_, column) in task.build.bindings.items():
            try:
                bound = task.binding(task.graph.tensor(name)) if name in task.graph else None
            except NodeflowError:  # the placeholder shows the error
                continue
            if bound is None or (found is not None and bound.dataset is not found):
                continue
            found = bound.dataset
            columns[column] = name
        if found is None:
            return ShownData(own) if own else None
        splits = {name: found.size(name) for name in found.splits}
        if own:
            rows = own
        else:
            split = split_shown(found, self.request.split)
            start, stop = row_range(*self._asked(task), splits.get(split, 0))
            rows = ShownRows(split, start, stop - start)
        return ShownData(rows, found.name, splits, dict(found.classes), columns)

    @property
    def own_rows(self) -> ShownRows | None:
        """The rows that the user gave in place of data set rows, with their display name. None if
        there are none.
        """
        rows = self.overriding.rows
        return ShownRows("", called=next(iter(rows.values()))) if rows else None

    def is_of_data(self, task: Task, node: Node) -> bool:
        """Return whether a node's value depends on rows of a data set or rows given to a
        placeholder.
        """
        known, stack = self._of_data, [node]
        while stack:
            at = stack[-1]
            if at in known:
                stack.pop()
            elif at.op.id == "placeholder":
                known[at] = at.name in self.overriding.rows or at.name in task.build.bindings
            else:
                sources = [] if at.op.id == "variable" else [t.node for t in at.inputs]
                sources += [t.node for t in at.alias or () if t is not None]
                unknown = [source for source in sources if source not in known]
                stack += unknown
                if not unknown:
                    known[at] = any(known[source] for source in sources)
        return known[node]

    def forget(self, nodes: Iterable[Node] | None = None) -> None:
        """Drop cached results for some nodes or for all. Each result tells whether a node's value
        depends on rows of data.
        """
        if nodes is None:
            self._of_data.clear()
            return
        for node in nodes:
            self._of_data.pop(node, None)

    def _asked(self, task: Task) -> tuple[int, int]:
        request = self.request
        return request.first, request.count or task.build.settings.batch_size

    def _from_rows(self, task: Task, targets: Iterable[Tensor | Node]) -> dict[Tensor, Any]:
        first, count = self._asked(task)
        return task.feeds(targets, self.request.split, count, first)
