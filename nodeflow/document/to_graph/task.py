"""A task made from a document: it opens data sets, and prepares feeds and trainings.

Command line and engine process share this module. Data sets are opened when first needed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.data.catalog import all_rows, open_dataset, parse_source
from nodeflow.data.data_paths import file_stamp
from nodeflow.data.data_splits import DataSplits
from nodeflow.data.source import Location
from nodeflow.document.analysis.datasets.dataset_node import document_folder, options_of, source_of
from nodeflow.document.analysis.node_flags import (
    bounds_of,
    has_breakpoint,
    is_bounded,
    is_plotted,
)
from nodeflow.document.analysis.subgraphs.instance_paths import scoped_name, walk
from nodeflow.document.analysis.training_settings import (
    END,
    likely_goal,
    optimizers,
    turn_of,
)
from nodeflow.document.diff.conflicts import refuse_conflicts
from nodeflow.document.edit.data.replace_source import pinned
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH, NodeRecord
from nodeflow.document.to_graph.build import Build, build
from nodeflow.document.to_graph.saved_weights import use_weights, weights_path
from nodeflow.errors import (
    DataError,
    GraphError,
    NodeflowError,
    SurfaceText,
    UnknownName,
    suggest,
)
from nodeflow.file_reading import current_limit, limited
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.ops.objectives.metric_state import METRIC
from nodeflow.ops.summaries.ops import ScalarSummary
from nodeflow.train.settings import UNTIL_STOPPED, TrainingSettings
from nodeflow.train.training import (
    AT_END,
    Binding,
    Metric,
    Monitor,
    Phase,
    Training,
    metric_keys,
    minimized,
    scheduled,
)
from nodeflow.train.watched_tensors.bounds import Bounded
from nodeflow.train.watched_tensors.plotted_values import plotted_by_key

if TYPE_CHECKING:  # the window reads graphs and runs none
    from nodeflow.engine.session import Session


class Task:
    """A built document with its data.

    Args:
        data_dir: folder with MNIST's files, instead of the default folders.
        feeds: values by placeholder or tensor name; they override data sets and samples.
        built: an earlier build of the same document, to reuse.
        file: the file that the document was read from, if any.
        whole: open data sets with all rows in file order, as the split ``all``, and allow missing
            labels; for predictions.
        for_edits: see `build`.

    Nodes with problems are left out; asking for one raises its problem. If ``preview_bytes`` is
    set, data sets are opened for a preview, and reading a file may take at most that much memory.
    """

    def __init__(
        self,
        document: Document,
        *,
        data_dir: str | os.PathLike | None = None,
        base_dir: str | os.PathLike | None = None,
        feeds: Mapping[str, Any] | None = None,
        built: Build | None = None,
        opened: dict[Any, DataSplits] | None = None,
        whole: bool = False,
        file: Path | None = None,
        for_edits: bool = False,
    ) -> None:
        self.document = document
        self.file = file
        self.whole = whole
        self.preview_bytes: int | None = None
        self.data_dir = data_dir
        self.base_dir = document_folder(document, base_dir)
        self.build = built or build(
            document, base_dir=self.base_dir, partial=True, for_edits=for_edits
        )
        self.graph = self.build.graph
        self._opened = {} if opened is None else opened
        self._pictures: dict[int, tuple[int, int]] | None = None
        self._feeds = {self.tensor(name): value for name, value in (feeds or {}).items()}

    @property
    def opened(self) -> dict[Any, DataSplits]:
        """The open data sets, which another task may share."""
        return self._opened

    def fed_by_name(self) -> dict[str, Any]:
        """Return the values that the user has fed, by the name of the fed tensor."""
        return {tensor.name: value for tensor, value in self._feeds.items()}

    # ---- names --------------------------------------------------------------------------------

    def tensor(self, name: str) -> Tensor:
        """Return the tensor of the built graph that has this name.

        Raises:
            UnknownName: there is none; the hint lists similar names.
            NodeflowError: it cannot run because of a problem in the document.
        """
        found = self.build.fetch(name)
        if isinstance(found, Node):
            raise UnknownName(f"{name} has no output tensor")
        return found

    def fetchable(self, name: str) -> Tensor | Node:
        """Return the tensor with a name, or the node if it has no outputs (an optimizer, a group).

        Errors are the same as for ``tensor``.
        """
        return self.build.fetch(name)

    def default_fetches(self) -> list[str]:
        """Return the names of tensors without consumers, except optimizers, assigns, groups, data
        sets.

        Raises:
            NodeflowError: a node of the document cannot run.
        """
        self.build.require(self.build.skipped)
        return self.build.ends()

    # ---- data ---------------------------------------------------------------------------------

    def feed(self, tensor: Tensor, value: Any) -> None:
        """Feed a tensor with a value from now on, instead of its data set or sample."""
        self._feeds[tensor] = value

    def dataset(self, node_id: str) -> DataSplits:
        """Return the data set of a dataset node, opened once.

        Raises:
            DataError: the data set is missing or damaged; the error names the node.
        """
        record = self.build.document.nodes[node_id]
        key = self._key(record)
        found = self._opened.get(key)
        if found is None:
            place = self._place_key(record)
            found = self._opened.get(place) or self._open(record)
            self._opened[key] = self._opened[place] = found
        return found

    def _open(self, record: NodeRecord) -> DataSplits:
        source, options = source_of(record.attrs), options_of(record.attrs)
        opens = all_rows if self.whole else open_dataset
        if self.whole:
            options = pinned(source, options, self.base_dir)
        limit = current_limit()
        if self.preview_bytes is not None:
            limit = limit.for_preview(self.preview_bytes, run_reads=True)
        try:
            with limited(limit):
                return opens(source, data_dir=self.data_dir, base_dir=self.base_dir, **options)
        except NodeflowError as error:
            raise error.at(record.name) from None

    def _key(self, record: NodeRecord) -> tuple:
        """Return the cache key of the data set that a dataset node reads: its source as written,
        its options, and the base folder.
        """
        return (source_of(record.attrs), *self._how(record), self.base_dir)

    def _place_key(self, record: NodeRecord) -> tuple:
        """Return a hashable key for a data set: its absolute path and options.

        So one file under two paths is one data set. Folders keep their written path, because links
        in them may lead to places that only one of two documents may read.
        """
        with contextlib.suppress(NodeflowError, OSError):  # opening it raises the error
            kind, path = parse_source(source_of(record.attrs))
            if kind.takes_path and not kind.folder:
                file = Location(path, self.base_dir, self.data_dir).file()
                return (kind.id, os.path.realpath(file), file_stamp(file), *self._how(record))
        return self._key(record)

    def _how(self, record: NodeRecord) -> tuple:
        options = repr(sorted(options_of(record.attrs).items()))
        return (options, str(self.data_dir), self.whole)

    def binding(self, placeholder: Tensor) -> Binding | None:
        """Return the dataset column that feeds a placeholder.

        Return None if no column does, or if a feed overrides it.

        Raises:
            DataError: the data set has no such column.
        """
        bound = self.build.bindings.get(placeholder.node.name)
        if bound is None or placeholder in self._feeds:
            return None
        node_id, column = bound
        dataset = self.dataset(node_id)
        if column not in dataset.columns:
            raise DataError(
                f"{dataset.source} has no column {column!r}",
                node=self.build.document.nodes[node_id].name,
                port=column,
                hint=suggest(column, dataset.columns) or f"It has {', '.join(dataset.columns)}.",
            )
        return Binding(dataset, column)

    def needs_data(self, targets: Iterable[Node]) -> bool:
        """Return whether computing the targets needs data: they depend on a placeholder that a data
        set feeds. Do not open any data set.
        """
        bound = (n for n in ancestors(targets) if n.name in self.build.bindings)
        return any(node.outputs[0] not in self._feeds for node in bound)

    def bindings(self, targets: Iterable[Node]) -> dict[Tensor, Binding]:
        """Return the data bindings that the targets depend on."""
        found = {}
        for node in ancestors(targets):
            if node.op.id == "placeholder" and (b := self.binding(node.outputs[0])):
                found[node.outputs[0]] = b
        return found

    def feeds(
        self,
        targets: Iterable[Tensor | Node],
        split: str = "test",
        rows: int | None = None,
        first: int = 0,
    ) -> dict[Tensor, Any]:
        """Return values for all placeholders of the targets: given feeds, and the first rows of
        data sets.

        Args:
            rows: the number of rows; None means the training's batch size.
            first: the first row, from 0; beyond the end it means the last rows.

        Raises:
            DataError: a data set is missing or has no such split.
        """
        nodes = [t.node if isinstance(t, Tensor) else t for t in targets]
        count = rows or self.build.settings.batch_size
        values: dict[Tensor, Any] = {}
        for tensor, binding in self.bindings(nodes).items():
            column = binding.dataset.split(split_shown(binding.dataset, split))[binding.column]
            values[tensor] = column.rows(np.arange(*row_range(first, count, len(column))))
        needed = ancestors(nodes)
        values.update({t: v for t, v in self._feeds.items() if t.node in needed})
        return values

    def image_shape(self, tensor: Tensor, axis: int = -1) -> tuple[int, int] | None:
        """Return (height, width) if an axis of the tensor is as long as a picture in the data set
        has values; else None.

        This finds tensors to show as pictures, such as an autoencoder's reconstructions and the
        weights of its first and last layer.

        Args:
            axis: the axis to compare. Axis 0 counts only for matrices.
        """
        if not tensor.type.ndims or (axis == 0 and tensor.type.ndims != 2):
            return None
        return self._image_shapes().get(tensor.shape[axis] or 0)

    def _image_shapes(self) -> dict[int, tuple[int, int]]:
        """Return the sizes of pictures in the data sets that feed placeholders, as number of pixels
        -> (height, width).
        """
        if self._pictures is None:
            self._pictures = {}
            for name in self.build.bindings:
                try:
                    bound = self.binding(self.graph.tensor(name))
                except NodeflowError:  # raised again when the rows are needed
                    continue
                shape = bound.dataset.images.get(bound.column) if bound else None
                if shape:
                    self._pictures[shape[0] * shape[1]] = shape
        return self._pictures

    def notices(self) -> tuple[str, ...]:
        """Return messages for the user about the graph's open data sets.

        Data sets of other documents, or from before an edit, may also be open; they are left out.
        """
        nodes = dict.fromkeys(node_id for node_id, _ in self.build.bindings.values())
        keys = [self._key(self.build.document.nodes[node_id]) for node_id in nodes]
        opened = [self._opened[key] for key in keys if key in self._opened]
        return tuple(dict.fromkeys(d.notice for d in opened if d.notice))

    # ---- training -----------------------------------------------------------------------------

    @property
    def trains(self) -> bool:
        """True if there is an optimizer to train with."""
        settings = self.build.settings
        return bool(settings.optimizer or settings.schedule or optimizers(self.build.document))

    @property
    def settings(self) -> TrainingSettings:
        """The training settings of the document."""
        return self.build.settings

    @property
    def sets_batch_size(self) -> bool:
        """Whether the document sets the batch size of training."""
        return self.build.source.training.get("batch_size") is not None

    @property
    def chooses_metrics(self) -> bool:
        """Whether the document chooses which metrics to measure. If it does not, all its metric
        nodes are measured.
        """
        return self.build.source.training.get("metrics") is not None

    def training(
        self,
        seed: int | None = None,
        *,
        optimizer: Node | None = None,
        loss: Tensor | None = None,
        schedule: Sequence[Phase] = (),
        attended: bool = False,
    ) -> Training:
        """Return the document's training settings, bound to this graph and its data.

        Args:
            optimizer, loss: used instead of the optimizer and loss of the settings.
            schedule: used instead of the optimizer or schedule of the settings.
            attended: whether a user can pause and stop the training. Then breakpoints pause it, and
                it continues until stopped if the settings say so.

        Raises:
            UnresolvedConflicts: a merge left conflicts in the document.
            GraphError: there is no optimizer, the schedule is wrong, or a setting names a node that
                does not exist.
            DataError: a data set is missing.
        """
        refuse_conflicts(self.document)
        settings = self.build.settings
        if optimizer is None and loss is None and not schedule:
            schedule = self._schedule(settings)
        made = scheduled(schedule) if schedule else {}
        if made:
            optimizer, loss = made["optimizer"], made["loss"]
        elif optimizer is None:
            optimizer = self._optimizer(settings)
            loss = self._loss(settings, optimizer) if loss is None else loss
        elif loss is None:
            loss = optimizer.inputs[0]
        assert optimizer is not None and loss is not None
        chosen = [
            (self._metric_tensor(m["node"]), m.get("split", "test")) for m in settings.metrics
        ]
        keys = metric_keys([(t.name, s) for t, s in chosen])
        often = [AT_END if m.get("every") == END else 1 for m in settings.metrics]
        metrics = tuple(
            Metric(t, s, e, k) for (t, s), k, e in zip(chosen, keys, often, strict=True)
        )
        monitor = self._monitor(settings, None if schedule else loss, metrics)
        watched = [monitor.metric] if monitor.metric else []
        broken = self._breakpoints() if attended else ()
        losses = [phase.loss for phase in schedule] or [loss]
        plotted = plotted_by_key(self._plotted(losses), keys)
        bounded = self._bounded(losses)
        measured = [t.node for t in [*(m.tensor for m in [*metrics, *watched]), *broken]]
        recorded = [n for n in self.graph.nodes if isinstance(n.op, ScalarSummary)]
        if not self.chooses_metrics:
            recorded += [n for n in self.graph.nodes if n.op.category == METRIC]
        nodes = [optimizer, loss.node, *measured, *recorded]
        training = Training(
            optimizer,
            loss,
            metrics=metrics,
            bindings=self.bindings(nodes),
            feeds=self._feeds,
            monitor=monitor,
            breakpoints=broken,
            bounds=bounded,
            plotted=plotted,
            schedule=tuple(schedule),
            **(settings.plain() if seed is None else {**settings.plain(), "seed": seed}),
        )
        if attended and settings.until_stopped:
            training = replace(training, epochs=UNTIL_STOPPED)
        training = training.with_found(self.graph, metric_nodes=not self.chooses_metrics)
        return training if self.sets_batch_size else training.with_fitting_batches()

    def use_saved_weights(self, session: Session) -> list[str]:
        """Load the saved variables from the file that the document names.

        Return messages for the user about variables that the file lacks.

        Raises:
            FileProblem: the file is damaged, or does not fit.
        """
        path = self.weights_path()
        return [] if path is None else use_weights(session, self.build, path)

    def weights_path(self) -> Path | None:
        """Return the file of saved variables that the document names, or None.

        Raises:
            OutsideData: the path leads out of the document's folder.
        """
        return weights_path(self.document, self.base_dir)

    def _breakpoints(self) -> tuple[Tensor, ...]:
        """Return the outputs of all nodes that have a breakpoint and can run."""
        records = self.build.document.nodes.values()
        nodes = [self.build.nodes.get(r.id) for r in records if has_breakpoint(r)]
        return tuple(tensor for node in nodes if node is not None for tensor in node.outputs)

    def _plotted(self, losses: Sequence[Tensor]) -> list[Tensor]:
        """Return the tensors to plot during training: outputs of nodes that are marked for a plot
        and that can be computed from a training step's data.
        """
        return [node.outputs[0] for _, node in self._in_steps(losses, is_plotted) if node.outputs]

    def _bounded(self, losses: Sequence[Tensor]) -> tuple[Bounded, ...]:
        """Return the tensors that a training step should check against bounds: outputs of nodes for
        which the document sets bounds. Leave out those that need other data than a step has.
        """
        found = [(r, t) for r, node in self._in_steps(losses, is_bounded) for t in node.outputs]
        for path, _, record in walk(self.document) if self.document.subgraphs else ():
            if record.op == SUBGRAPH and is_bounded(record):
                ports = self.build.instances.get(scoped_name(self.document, path) or "", {})
                inside = (self.build.tensors.get(port) for port in ports.values() if port)
                found += [(record, tensor) for tensor in inside if tensor is not None]
        return tuple(Bounded(tensor, *bounds_of(record)) for record, tensor in found)

    def _in_steps(
        self, losses: Sequence[Tensor], wanted: Callable[[NodeRecord], bool]
    ) -> list[tuple[NodeRecord, Node]]:
        """Return the nodes whose records `wanted` accepts and that can be computed in a training
        step, which feeds all placeholders they depend on. Return (record, graph node) pairs.
        """
        records = self.build.document.nodes.values()
        nodes = [(r, self.build.nodes.get(r.id)) for r in records if wanted(r)]
        fed = {*ancestors([loss.node for loss in losses]), *(tensor.node for tensor in self._feeds)}
        found = []
        for record, node in nodes:
            needed = [] if node is None else ancestors([node])
            if node is not None and all(n in fed or n.op.id != "placeholder" for n in needed):
                found.append((record, node))
        return found

    def _monitor(
        self, settings: TrainingSettings, loss: Tensor | None, metrics: tuple[Metric, ...]
    ) -> Monitor:
        """Return the value that early stopping watches: the chosen node, or the loss on validation
        rows. Return an empty monitor without early stopping, and for a schedule of several
        optimizers, which has no single loss.
        """
        if settings.patience is None:
            return Monitor()
        if settings.monitor is not None:
            tensor = self._value(settings.monitor["node"], "monitor")
            split = settings.monitor.get("split", "validation")
            likely = likely_goal(tensor.node.op.id, tensor.name)
            goal = settings.monitor.get("goal") or likely
        elif loss is None:
            return Monitor()
        else:
            bound = self.bindings([loss.node]).values()
            has_rows = all("validation" in b.dataset.splits for b in bound)
            tensor, split = loss, "validation" if bound and has_rows else None
            goal = "min"
        if split is None:
            return Monitor(None, goal)
        same = (m for m in metrics if (m.tensor, m.split) == (tensor, split))
        metric = next(same, None) or Metric(tensor, split, key=f"{split}/{tensor.name}")
        return Monitor(metric, goal)

    def _schedule(self, settings: TrainingSettings) -> list[Phase]:
        """Return the phases of a training that alternates between optimizers, with their nodes.
        Return an empty list if the settings use a single optimizer.
        """
        phases = []
        for phase in settings.schedule:
            node, given = self._node(phase["optimizer"], "schedule"), phase.get("loss")
            loss = minimized(node) if given is None else self._value(given, "schedule")
            turn = turn_of(phase, node.name)
            phases.append(Phase(node, loss, turn.steps, turn.start))
        return phases

    def _optimizer(self, settings: TrainingSettings) -> Node:
        if settings.optimizer is not None:
            return self._node(settings.optimizer, "optimizer")
        flat = self.build.document
        found = [flat.nodes[i].name for i in optimizers(flat)]
        if found:
            raise GraphError(
                f"there are several optimizers: {', '.join(found)}",
                hint=SurfaceText(
                    "Choose one, nf.train.train(graph, optimizer=...), or let them take turns: "
                    "schedule=[...].",
                    cli="Choose one, --set training.optimizer=NAME, or let them take turns: "
                    "--schedule d*2,g.",
                    window="Choose one in the training settings, or let them take turns.",
                ),
            )
        raise GraphError(
            "there is no optimizer to train with",
            hint="Add one, such as gradient_descent, and connect the loss to it.",
        )

    def _loss(self, settings: TrainingSettings, optimizer: Node) -> Tensor:
        if settings.loss is not None:
            return self._value(settings.loss, "loss")
        return minimized(optimizer)

    def _metric_tensor(self, node_id: str) -> Tensor:
        return self._value(node_id, "metrics")

    def _value(self, node_id: str, setting: str) -> Tensor:
        name = self.build.flat.instance_names.get(node_id)
        return self.build.leaving(name) if name else self._node(node_id, setting).outputs[0]

    def _node(self, node_id: str, setting: str) -> Node:
        if node_id not in self.build.document.nodes:
            raise UnknownName(
                f"the training setting {setting!r} names a node that is not in the document",
                hint="Choose it again in the training settings.",
            )
        self.build.require([node_id])
        return self.build.nodes[node_id]


def split_shown(dataset: DataSplits, wanted: str) -> str:
    """Return ``wanted``, the name of a split such as `validation`.

    If it is `test` and the data set has no test rows, return the data set's first split.
    """
    return wanted if wanted in dataset.splits or wanted != "test" else next(iter(dataset.splits))


def row_range(first: int, count: int, rows: int) -> tuple[int, int]:
    """Return the range (start, end) of ``count`` rows from ``first`` on, cut at the end of the
    data. If it begins behind the end, return the last rows.

    >>> row_range(20, 10, 25), row_range(40, 10, 25)
    ((20, 25), (15, 25))
    """
    start = first if first < rows else max(0, rows - count)
    return start, min(start + count, rows)
