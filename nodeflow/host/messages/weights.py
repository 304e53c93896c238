"""The messages about weights. `protocol` collects all messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nodeflow.train.saving.assignment import Kind, Taken
from nodeflow.train.saving.weights import Match


@dataclass(frozen=True)
class SaveWeights:
    """A request to save the variables to a safetensors file. Answered by WeightsSaved or Failed."""

    path: str
    request: int


@dataclass(frozen=True)
class CheckWeights:
    """A request to compare a file of weights with the variables.

    The answer is WeightsChecked or Failed.
    """

    path: str
    request: int


@dataclass(frozen=True)
class LoadWeights:
    """A request to set the variables that a file contains. Answered by WeightsLoaded or Failed.

    ``taken`` maps each variable to a tensor of the file. None matches them by name.
    """

    path: str
    request: int
    taken: Mapping[str, Taken] | None = None


@dataclass(frozen=True)
class WeightsSaved:
    request: int
    path: str


@dataclass(frozen=True)
class WeightsChecked:
    """The comparison of a file of weights with the graph, before any variable is changed.

    Attributes:
        tensors: the tensors of the file, by name, without variables of optimizers.
        variables: the variables of the graph, by name, without variables of optimizers.
        suggested: the tensor that each variable may take, by the name of the variable.
    """

    request: int
    path: str
    match: Match
    tensors: Mapping[str, Kind] = field(default_factory=dict)
    variables: Mapping[str, Kind] = field(default_factory=dict)
    suggested: Mapping[str, Taken] = field(default_factory=dict)


@dataclass(frozen=True)
class WeightsLoaded:
    """The answer that the variables in ``match.found`` have the values of the file."""

    request: int
    path: str
    match: Match = field(default_factory=lambda: Match({}))
