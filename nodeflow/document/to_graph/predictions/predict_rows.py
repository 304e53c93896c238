"""Predictions of a trained graph for every row of a file.

Rows are read, computed and passed on in batches, so that neither a long file nor wide pictures fill
memory. Command line and window share this module.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nodeflow.data.catalog import row_texts
from nodeflow.data.data_splits import DataSplits
from nodeflow.document.analysis.datasets.dataset_node import DATASET, options_of, source_of
from nodeflow.document.to_graph.predictions.class_scores import made_by
from nodeflow.document.to_graph.predictions.data_misfit import check_fit, misfits
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.columns import Column
from nodeflow.engine.memory import Needs
from nodeflow.engine.session import Session
from nodeflow.errors import DataError, FetchError, SurfaceText
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import shape_text
from nodeflow.train.evaluation.evaluate_split import EVALUATION_BATCH, rows_in_memory

MOST_COLUMNS, MOST_NAMED = 4096, 5

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """A batch of rows with the values computed for them.

    Attributes:
        rows: row numbers in the file, from 0, int64 (n,).
        values: name of a fetch -> array (n, ...).
    """

    rows: np.ndarray
    values: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Predicted:
    """A tensor with one row per row of data, as columns of a table."""

    name: str
    tensor: Tensor
    classes: tuple[str, ...] = ()

    @property
    def names(self) -> Cells:
        """The names of the columns of the prediction table. With classes, these are the predicted
        class and a score for each class; otherwise only numbers.
        """
        if self.classes and self.tensor.type.ndims == 2:
            scored = self.classes[1:] if self._is_one_number else self.classes
            return (self.name, *(f"{self.name} {part}" for part in scored))
        width = self._width
        return (self.name,) if width == 1 else tuple(f"{self.name} {i}" for i in range(width))

    @property
    def numeric(self) -> tuple[bool, ...]:
        """For each column of the prediction table, whether it holds numbers. The first column holds
        names if the network predicts classes.
        """
        return (not self.classes, *(True for _ in self.names[1:]))

    @property
    def _is_one_number(self) -> bool:
        return self._width == 1

    @property
    def _width(self) -> int:
        return math.prod(size or 1 for size in self.tensor.shape[1:])

    def cells(self, values: np.ndarray) -> list[Cells]:
        """Return the cells of each row."""
        flat = values.reshape(len(values), -1)
        numbers = [tuple(map(str, row)) for row in flat]
        if not self.classes:
            return numbers
        if values.ndim == 1:
            return [(self._class(int(value)),) for value in values]
        if self._is_one_number:
            best = (flat[:, 0] >= 0.5).astype(int)
        else:
            best = np.argmax(flat, axis=1)
        return [(self._class(b), *row) for b, row in zip(best.tolist(), numbers, strict=True)]

    def _class(self, number: int) -> str:
        return self.classes[number] if 0 <= number < len(self.classes) else str(number)


class Predictions:
    """Predictions for all rows of a task's data.

    Attributes:
        count: number of rows.
        damage: errors of rows that could not be read, such as broken pictures.

    Args:
        task: made with ``whole=True``.
        names: fetches with one row per row of data; by default the last tensors that depend on the
            features.

    Raises:
        FetchError: a fetch does not have one row per row of data, or there is no fetch.
        DataError: no data feed the graph, the data do not fit, or data sets differ in length.
    """

    def __init__(self, task: Task, names: Sequence[str] = ()) -> None:
        self.task = task
        for node_id, record in task.build.document.nodes.items():
            if record.op == DATASET:
                # its error explains more than the error of a placeholder that it feeds
                task.dataset(node_id)
        for name in names:
            check_fit(task, name)
        self.fetches = {name: _by_row(name, task.fetchable(name)) for name in names}
        if not names:
            self.fetches = dict(self._likely())
        if not self.fetches:
            misfit = next(iter(misfits(task).values()), None)
            raise misfit or FetchError(
                "no output of the graph has a row for each row of data",
                hint=SurfaceText(
                    "Name what to predict.",
                    cli="Choose what to predict with --fetch.",
                    window="Choose what to predict.",
                ),
            )
        self.bindings = task.bindings([t.node for t in self.fetches.values()])
        if not self.bindings:
            raise DataError(
                f"no data feed {', '.join(self.fetches)}",
                hint="Connect a column of a dataset to the placeholder.",
            )
        self.damage: list[DataError] = []
        sizes = {b.dataset.source: b.dataset.size("all") for b in self.bindings.values()}
        if len(set(sizes.values())) > 1:
            text = " and ".join(f"{name} has {size} rows" for name, size in sizes.items())
            raise DataError(f"data sets of different length feed one batch: {text}")
        self.dataset: DataSplits = next(iter(self.bindings.values())).dataset
        self.count = next(iter(sizes.values()))
        classes = next(iter(self.dataset.classes.values()), ())
        self.predicted = [
            Predicted(name, tensor, classes if _says_class(tensor, classes) else ())
            for name, tensor in self.fetches.items()
        ]

    def _likely(self) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, tensor) of likely predictions: tensors that depend on features and not on
        labels, and that no such node reads.
        """
        nodes = [n for n in self.task.graph.nodes if n.derived_from is None and n.outputs]
        # whether it depends on features; None if it depends on labels
        sees: dict[Node, bool | None] = {}
        for node in nodes:
            seen = [sees.get(t.node, False) for t in node.inputs]
            if node.op.id == "placeholder":
                sees[node] = self._is_feature(node.outputs[0])
            else:
                sees[node] = None if None in seen else any(seen)
        used = {t.node for node in nodes if sees[node] is not None for t in node.inputs}
        for node in nodes:
            if sees[node] and node not in used:
                for tensor in node.outputs:
                    with contextlib.suppress(FetchError):
                        yield tensor.name, _by_row(tensor.name, tensor)

    def _is_feature(self, placeholder: Tensor) -> bool | None:
        try:
            bound = self.task.binding(placeholder)
        except DataError:
            return None
        if bound is None:
            return False
        return None if bound.column in {"labels", *bound.dataset.classes} else True

    def batches(self, session: Session) -> Iterator[Batch]:
        """Compute the predictions for all rows of the data, and yield them batch by batch.

        Raises:
            RunError: the graph fails on these rows.
        """
        numbers = self.dataset.rows.get("all")
        fetches = list(self.fetches.values())
        self.damage.clear()
        for which, feeds in self._feeds():
            values = session.run(fetches, feeds)
            found = which if numbers is None else np.asarray(numbers)[which]
            yield Batch(found, dict(zip(self.fetches, values, strict=True)))

    def needs(self, session: Session) -> Needs | None:
        """Return the memory that predicting one batch takes; None if no row can be read."""
        for _, feeds in self._feeds():
            return session.needs(list(self.fetches.values()), feeds)
        return None

    def _feeds(self) -> Iterator[tuple[np.ndarray, dict[Tensor, np.ndarray]]]:
        """Yield each batch to predict: the numbers of its readable rows, and the feeds of all
        placeholders.
        """
        columns = {t: b.dataset.split("all")[b.column] for t, b in self.bindings.items()}
        size = min(EVALUATION_BATCH, rows_in_memory(columns.values()))
        given = self.task.feeds(list(self.fetches.values()), "all", rows=1)
        others = {t: v for t, v in given.items() if t not in columns}
        for start in range(0, self.count, size):
            which = np.arange(start, min(start + size, self.count))
            which, rows = self._gathered(columns, which)
            if len(which):
                yield which, {**others, **rows}

    def _gathered(
        self, columns: Mapping[Tensor, Column], which: np.ndarray
    ) -> tuple[np.ndarray, dict[Tensor, np.ndarray]]:
        """Read rows of all columns. Return the numbers of the readable rows, and their values by
        placeholder.

        Record the errors of unreadable rows in ``damage``.
        """
        try:
            return which, {t: c.rows(which) for t, c in columns.items()}
        except DataError:
            good = [row for row in which.tolist() if self._is_readable(columns, row)]
            which = np.array(good, np.int64)
            return which, {t: c.rows(which) for t, c in columns.items()}

    def _is_readable(self, columns: Mapping[Tensor, Column], row: int) -> bool:
        try:
            for column in columns.values():
                column.rows([row])
        except DataError as error:
            self.damage.append(error)
            return False
        return True

    def notices(self) -> tuple[str, ...]:
        """Return messages for the user about the data and, after a run, about rows without a
        prediction.
        """
        said = [f"No prediction: {error}" for error in self.damage[:MOST_NAMED]]
        if len(self.damage) > MOST_NAMED:
            said.append(f"{len(self.damage) - MOST_NAMED} more rows have no prediction.")
        return (*self.task.notices(), *said)

    # ---- as a table ---------------------------------------------------------------------------

    def table(self, session: Session) -> tuple[Cells, Iterator[Cells]]:
        """Return column names, and every row of the file with its predictions.

        Rows without a prediction, such as rows with a missing value, have empty cells there. Data
        without texts get the column ``row`` instead.
        """
        node = next(iter(self.bindings))
        record = self.task.build.document.nodes[self.task.build.bindings[node.node.name][0]]
        names, texts = row_texts(
            source_of(record.attrs), options_of(record.attrs), base_dir=self.task.base_dir
        )
        added = [name for predicted in self.predicted for name in predicted.names]
        added = [f"{name} (predicted)" if name in names else name for name in added]
        if not names:
            texts = ((str(number),) for number in range(self.count))
            names = ("row",)
        blank, nothing = ("",) * len(names), ("",) * len(added)
        return (*names, *added), self._rows(session, texts, blank, nothing)

    def _rows(
        self, session: Session, texts: Iterator[Cells], blank: Cells, nothing: Cells
    ) -> Iterator[Cells]:
        number = 0
        for batch in self.batches(session):
            parts = [p.cells(batch.values[p.name]) for p in self.predicted]
            for row, *cells in zip(batch.rows.tolist(), *parts, strict=True):
                while number < row:
                    yield (*next(texts, blank), *nothing)
                    number += 1
                yield (*next(texts, blank), *(cell for part in cells for cell in part))
                number += 1
        for text in texts:
            yield (*text, *nothing)


def _by_row(name: str, found: Tensor | Node) -> Tensor:
    if isinstance(found, Node) or not found.type.ndims or found.shape[0] is not None:
        what = "no value" if isinstance(found, Node) else f"shape {shape_text(found.shape)}"
        raise FetchError(
            f"{name} has {what}, not a row for each row of data",
            hint="Choose a tensor whose first size is ?, such as the prediction.",
        )
    if math.prod(size or 1 for size in found.shape[1:]) > MOST_COLUMNS:
        raise FetchError(f"a row of {name} has too many numbers for a table")
    return found


def _says_class(tensor: Tensor, classes: tuple[str, ...]) -> bool:
    """Return whether a tensor is a classifier's output: scores of the classes, or an argmax of
    scores.
    """
    op = made_by(tensor)
    if not classes or op == "placeholder":
        return False
    if tensor.type.ndims == 1:
        return op == "argmax"
    if tensor.type.ndims != 2 or not tensor.type.is_float:
        return False
    width = tensor.shape[1]
    return width == len(classes) or (width == 1 and len(classes) == 2 and op == "sigmoid")
