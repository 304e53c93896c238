"""The messages about weights; `protocol` has them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nodeflow.train.saving.assignment import Kind, Taken
from nodeflow.train.saving.weights import Match


@dataclass(frozen=True)
class SaveWeights:
    """Write the variables to a safetensors file; answered by WeightsSaved or Failed."""

    path: str
    request: int


@dataclass(frozen=True)
class CheckWeights:
    """Compare a file of weights with the variables; answered by WeightsChecked or Failed."""

    path: str
    request: int


@dataclass(frozen=True)
class LoadWeights:
    """Set the variables that the file has; answered by WeightsLoaded or Failed.

    ``taken`` says which tensor each variable takes; None leaves that to the names.
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
    """What of a file fits the graph; nothing has changed yet.

    Attributes:
        tensors: of the file, those that an optimizer kept left out.
        variables: of the graph, those of optimizers left out.
        suggested: which tensor each variable may take.
    """

    request: int
    path: str
    match: Match
    tensors: Mapping[str, Kind] = field(default_factory=dict)
    variables: Mapping[str, Kind] = field(default_factory=dict)
    suggested: Mapping[str, Taken] = field(default_factory=dict)


@dataclass(frozen=True)
class WeightsLoaded:
    """The variables in ``match.found`` have the values of the file."""

    request: int
    path: str
    match: Match = field(default_factory=lambda: Match({}))
