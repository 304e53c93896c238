"""`nf.data` sets as the data of a training.

A plain data set (rows, shuffled, in batches) becomes columns, whose batches the engine gathers. Any
other data set is iterated, with one element for each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nodeflow.data.pipeline.dataset import Dataset
from nodeflow.data.pipeline.elements import Elements
from nodeflow.data.pipeline.iterators import connections
from nodeflow.data.pipeline.plain import endless, plain, whole_columns
from nodeflow.data.pipeline.structure import paths
from nodeflow.errors import DataError
from nodeflow.graph.graph import Graph, Node, Tensor, ancestors
from nodeflow.train.stepping.rows import Rows
from nodeflow.train.training import ElementStream

Places = Mapping[int, Tensor]
"""The placeholder that each component feeds, by number of the component."""


@dataclass(frozen=True)
class TrainData:
    """The data for the steps of a training: columns of rows, or a stream of elements.

    Attributes:
        rows: the column for each placeholder, if the data set is plain (rows, possibly shuffled, in
            batches).
        stream: the elements of a data set that is not plain.
        settings: the settings of the training that the data set decides, such as the batch size.
        places: the placeholder that each component of the data set feeds, by the component's
            number; None without a data set.
    """

    rows: Rows | None = None
    stream: ElementStream | None = None
    settings: Mapping[str, Any] | None = None
    places: Places | None = None


def train_data(data: Any, graph: Graph, steps_per_epoch: int | None) -> TrainData:
    """Convert the data that a user gave to a training to `TrainData`.

    Args:
        data: an `nf.data` set, or a column for each placeholder.
        steps_per_epoch: number of steps of an epoch; None if an epoch is one pass over the data.

    Raises:
        DataError: the data set cannot feed the placeholders of the graph.
    """
    if not isinstance(data, Dataset):
        return TrainData(data)
    return of_stage(data.stage, by_name(data.stage, graph), steps_per_epoch)


def bound_data(graph: Graph, targets: list[Node], steps_per_epoch: int | None) -> TrainData:
    """Return the data set that an iterator or `Dataset.bind` has connected to placeholders in the
    graph, if the targets depend on these placeholders.

    If there is none, return an empty `TrainData`.

    Args:
        targets: the nodes that each step runs.
        steps_per_epoch: number of steps of an epoch; None if an epoch is one pass over the data.

    Raises:
        DataError: there are several.
    """
    needed = ancestors(targets)
    found = [
        connection
        for connection in connections(graph)
        if any(place.node in needed for place in connection.places.values())
    ]
    if not found:
        return TrainData()
    if len(found) > 1:
        raise DataError(
            "a training takes its steps from one data set, and several feed this graph",
            hint="Join them by Dataset.zip.",
        )
    if len(found[0].stages) != 1:
        raise DataError(
            "the iterator of this graph has no data set of its own, or several",
            hint="Give the one to train with: nf.train.train(graph, data=dataset).",
        )
    places = {i: t for i, t in found[0].places.items() if t.node in needed}
    return of_stage(found[0].stages[0], places, steps_per_epoch)


def of_stage(stage: Elements, places: Places, steps_per_epoch: int | None) -> TrainData:
    """Return the data set as `TrainData`: as columns of rows if that is possible, else as a stream
    of elements.

    Args:
        stage: the last transformation of the data set, which produces its elements.
        places: the placeholder that each component feeds, by the component's number.
        steps_per_epoch: number of steps of an epoch; None if an epoch is one pass over the data.

    Raises:
        DataError: the elements depend on tensors of the graph, or have no end.
    """
    if stage.captured:
        raise DataError(
            "the data set is made from tensors of the graph, whose values are not known here",
            hint="Give arrays: nf.train.train(graph, data={placeholder: array}).",
        )
    if steps_per_epoch is None and endless(stage):
        raise DataError(
            "the data set has no end", hint="Give the steps of an epoch: steps_per_epoch=100."
        )
    found = None if steps_per_epoch else plain(stage)
    if found is None or not found.whole:
        return TrainData(stream=ElementStream(stage, places, steps_per_epoch), places=places)
    settings: dict[str, Any] = {"shuffle": found.seed is not None}
    if found.seed is not None:
        settings["row_seed"] = found.seed
    if found.batch_size is not None:
        settings["batch_size"] = found.batch_size
    columns = {place: found.rows.columns[index] for index, place in places.items()}
    return TrainData(columns, settings=settings, places=places)


def measured_rows(data: Any, graph: Graph, places: Places | None = None) -> Rows | None:
    """Return the rows on which metrics are measured, as a dict: placeholder -> column of values.

    If ``data`` is no `Dataset`, return it unchanged, because it already has this form.

    Args:
        places: the placeholder that each component of the data set feeds, by the component's
            number; None to match placeholders and components by name.
    """
    if not isinstance(data, Dataset):
        return data
    columns = whole_columns(data.stage)
    chosen = by_name(data.stage, graph) if places is None else places
    return {place: columns[index] for index, place in chosen.items()}


def by_name(stage: Elements, graph: Graph) -> Places:
    """Match the components of a data set to the placeholders of the same names. Return the
    placeholders by the number of the component.

    Raises:
        DataError: no placeholder has the name of a component.
    """
    names = paths(stage.template)
    known = {p.name: p for p in graph.placeholders}
    places = {i: known[name] for i, name in enumerate(names) if name in known}
    if not places:
        named = ", ".join(name or "(one without a name)" for name in names)
        raise DataError(
            f"no placeholder has the name of a component of the data set: {named}",
            hint=f"The placeholders are {', '.join(known)}. Rename them, or bind the data set: "
            "dataset.bind({x: 'image', y: 'label'}), or dataset.bind(x, y).",
        )
    return places
