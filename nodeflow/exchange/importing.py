"""Models of other programs converted to documents, for ``nodeflow import`` and the window.

Integrations read the files (purpose ``importer``) and return graphs. This module makes a document
with weights. Weights become variables, whose initial values are in a file beside the document.
Layers that have initializers keep them, and their weights also go into a file of weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from nodeflow.document.analysis.datasets.outside_data import INITIAL_VALUES
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.errors import FileProblem
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.manifests import Offer, offers
from nodeflow.ops.variables.stored import is_stored
from nodeflow.train.saving.weights import save_weights, write_arrays
from nodeflow.visible_text import without_halves

OUTPUTS = "outputs"
"""The field of a document with the names of the model's outputs."""
WEIGHTS_SUFFIX = ".safetensors"
INITIAL_SUFFIX = ".initial.safetensors"
"""Suffix of the file of initial values. Its name differs from the weights', so that training never
replaces it."""


@dataclass(frozen=True)
class Imported:
    """A model as a graph.

    Attributes:
        inputs: placeholders by name in the file.
        outputs: tensors by name in the file.
        weights: values by variable.
        missing: the reason for each node that nodeflow has no op for.
        folded: scopes that become subgraphs -> names of the subgraphs.
    """

    graph: Graph
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    weights: Mapping[str, np.ndarray]
    missing: Mapping[str, str]
    folded: Mapping[str, str] = field(default_factory=dict)


class Importer(Protocol):
    """A function that reads a model. It must not execute anything in the file."""

    def __call__(self, path: Path, *, trainable: bool) -> Imported:
        """Import the model in a file.

        Args:
            trainable: whether trainings may change its weights.

        Raises:
            FileProblem: the file cannot be read.
        """
        ...


def importer_of(path: Path) -> Offer:
    """Return the integration that can import files with this ending.

    Raises:
        FileProblem: no offer reads such files.
    """
    found = {ending: each for each in offers("importer") for ending in each.fields["endings"]}
    if path.suffix.lower() not in found:
        hint = "Install a nodeflow that has an integration for it."
        if found:
            hint = f"Give a file that ends with {' or '.join(found)}."
        raise FileProblem(f"{path.name} is not a model that can be imported", hint=hint)
    return found[path.suffix.lower()]


def import_model(path: Path, target: Path, *, trainable: bool = False) -> Imported:
    """Write a model as a ``.flow`` file with its weights beside it.

    Raises:
        SoftwareMissing: the integration that reads the file needs a package.
        FileProblem: the model cannot be read, or a file cannot be written.
    """
    chosen = importer_of(path)
    chosen.integration.check_software()
    read: Importer = chosen.load()
    imported = read(path, trainable=trainable)
    write_document(imported, target)
    return imported


def document_of(imported: Imported) -> Document:
    """Return the document of a model, laid out."""
    document = from_graph(imported.graph, folded=imported.folded, as_model=True)
    document.extra = {**document.extra, OUTPUTS: [t.name for t in imported.outputs.values()]}
    return document


def write_document(imported: Imported, target: Path) -> None:
    """Write the document of a model, and its weights beside it.

    Raises:
        FileProblem: a file cannot be written.
    """
    document = document_of(imported)
    stored, inner = _by_stream(document, imported)
    if stored:
        place = beside(target, INITIAL_SUFFIX)
        write_arrays(place, stored)
        document.extra = {**document.extra, INITIAL_VALUES: place.name}
    if inner:
        place = beside(target, WEIGHTS_SUFFIX)
        save_weights(place, imported.weights)
        document.fill("weights", "", place.name)
    flow.save(document, target)


def beside(target: Path, suffix: str) -> Path:
    """Return a path beside ``target`` for a file of arrays. If the file name cannot be encoded in
    UTF-8, replace its special characters by underscores, because the document stores the name.
    """
    stem = without_halves(target.stem)
    if stem != target.stem:
        stem = re.sub(r"^(?=\d)|[^A-Za-z0-9_]", "_", stem)
    return target.with_name(f"{stem}{suffix}")


def _by_stream(document: Document, imported: Imported) -> tuple[dict[str, np.ndarray], bool]:
    """Return the imported initial values of variables, by the names of their random streams. Also
    return whether some imported values belong to variables inside layers.
    """
    found, inner = {}, False
    for tensor in build(document, partial=True).graph.variables:
        node = tensor.node
        if is_stored(node):
            found[node.stream] = imported.weights[node.name]
        else:
            inner = inner or node.name in imported.weights
    return found, inner
