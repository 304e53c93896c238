"""What the window asks of the process that reads, writes and compares models, and its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ImportModel:
    """Write a model as a document, with its weights beside it; answered by `ModelImported`."""

    source: Path
    target: Path
    trainable: bool


@dataclass(frozen=True)
class ModelImported:
    """A written document.

    Attributes:
        missing: the reason for each node without a counterpart.
    """

    missing: Mapping[str, str]


@dataclass(frozen=True)
class StoredGraph:
    """A graph in a file, for an export or a comparison.

    Attributes:
        weights: the file of its variables; None for initial values.
        allowed: folders and files outside of its folder that it may read.
    """

    file: Path
    weights: Path | None
    allowed: Sequence[str] = ()


@dataclass(frozen=True)
class ExportModel:
    """Write the graph that predicts for another program; answered by `ModelExported`.

    Attributes:
        to: the name of the exporter.
    """

    graph: StoredGraph
    to: str
    target: Path


@dataclass(frozen=True)
class ModelExported:
    """A written file.

    Attributes:
        text: what the file has, for people.
        outputs: names of the tensors that it computes.
    """

    target: Path
    text: str
    outputs: Sequence[str]


@dataclass(frozen=True)
class CompareModel:
    """Compare every value with another program's; answered by `ModelCompared`.

    Attributes:
        peer: the name of the program.
    """

    graph: StoredGraph
    peer: str


@dataclass(frozen=True)
class ModelCompared:
    """The result of a comparison.

    Attributes:
        peer: the title of the program.
        text: the largest difference, in words.
        node: the node where the values first differ, or differ most.
        is_equal: whether all differences are within the tolerance.
        left_out: the reason for each node that the program lacks.
    """

    peer: str
    text: str
    node: str
    is_equal: bool
    left_out: Mapping[str, str]


Request = ImportModel | ExportModel | CompareModel
Answer = ModelImported | ModelExported | ModelCompared
