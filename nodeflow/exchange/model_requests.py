"""The window's requests to the process that reads, writes and compares models, and the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ImportModel:
    """A request to write a model as a document, with its weights beside it. Answer:
    `ModelImported`.
    """

    source: Path
    target: Path
    trainable: bool


@dataclass(frozen=True)
class ModelImported:
    """The answer that a document was written.

    Attributes:
        missing: the reason for each node that nodeflow has no op for.
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
    """A request to write the graph for predictions for another program. Answer: `ModelExported`.

    Attributes:
        to: the name of the exporter.
    """

    graph: StoredGraph
    to: str
    target: Path


@dataclass(frozen=True)
class ModelExported:
    """The answer that a file was written.

    Attributes:
        text: a description of the file's content, for people.
        outputs: names of the tensors that it computes.
    """

    target: Path
    text: str
    outputs: Sequence[str]


@dataclass(frozen=True)
class CompareModel:
    """A request to compare every value with another program's. Answer: `ModelCompared`.

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
