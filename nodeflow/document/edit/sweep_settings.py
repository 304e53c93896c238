"""The sweep of a document: which attributes and settings vary, and how they are tried.

It is the training setting ``sweep``, so it is saved, undone and merged like the others::

    {"vary": {"n20": {"learning_rate": "log:1e-4..1"}, "training": {"batch_size": "[50, 100]"}},
     "sampler": "random", "trials": 30, "seed": 1, "parallel": 2, "prune": false}

Nodes are named by id, or by path inside subgraphs. The tried values are text, as in ``nodeflow
sweep``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodeflow.document.analysis.bound_attributes import check_not_bound
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.subgraphs.instance_paths import (
    at_path,
    find_name,
    path_of,
    scoped_name,
)
from nodeflow.document.edit import commands
from nodeflow.document.edit.set_by_name import set_value, training_attr
from nodeflow.document.model.document import Document
from nodeflow.errors import AttributeProblem, UnknownName
from nodeflow.graph.declaration import Attr

TRAINING = "training"
"""The name of the training settings, in place of a node's path."""


FIXED = ("names", "json")
"""Kinds of attributes that name things, which no sweep varies."""


def can_vary(attr: Attr) -> bool:
    """Return whether a sweep can vary an attribute."""
    return not attr.hidden and attr.kind not in FIXED


def sweep_of(doc: Document) -> Mapping[str, Any]:
    """Return the settings of the document's sweep as stored; empty if there are none."""
    return doc.root.training.get("sweep") or {}


def varied(doc: Document) -> dict[tuple[str, str], str]:
    """Return (path or ``training``, attribute) -> values to try, for nodes that exist."""
    return {
        (path, attr): text
        for path, attrs in (sweep_of(doc).get("vary") or {}).items()
        for attr, text in attrs.items()
        if name_of(doc, path) is not None
    }


def name_of(doc: Document, path: str) -> str | None:
    """Return the name of a node as users write it; None if it is gone."""
    return TRAINING if path == TRAINING else scoped_name(doc.root, path)


def spec_texts(doc: Document) -> dict[str, str]:
    """Return ``NODE.ATTRIBUTE`` or ``training.SETTING`` -> values to try, as text."""
    return {f"{name_of(doc, path)}.{attr}": text for (path, attr), text in varied(doc).items()}


def vary(doc: Document, path: str, attr: str, text: str | None) -> None:
    """Set the values that a sweep tries for an attribute, as one undo step; None stops varying
    it.
    """
    root, kept = doc.root, dict(sweep_of(doc))
    found = {p: dict(attrs) for p, attrs in (kept.get("vary") or {}).items()}
    if text is None:
        found.get(path, {}).pop(attr, None)
    else:
        found.setdefault(path, {})[attr] = text
    kept["vary"] = {p: attrs for p, attrs in found.items() if attrs}
    if not kept["vary"]:
        del kept["vary"]
    name = f"{name_of(doc, path) or path}.{attr}"
    with root.transaction(f"Vary {name}" if text is not None else f"No longer vary {name}"):
        commands.set_training(root, sweep=kept or None)


def set_sweep(doc: Document, **fields: Any) -> None:
    """Set how a sweep tries values: ``sampler``, ``trials``, ``seed``, ``parallel``, ``prune``."""
    root = doc.root
    with root.transaction("Change the sweep", merge=("sweep", *fields)):
        commands.set_training(root, sweep={**sweep_of(doc), **fields})


def set_values(doc: Document, values: Mapping[str, Any]) -> None:
    """Set attributes by name, as one undo step.

    Raises:
        UnknownName, AttributeProblem: a node or attribute does not exist, or a value does not fit.
    """
    with doc.root.transaction("Use the values of a trial"):
        for name, value in values.items():
            node, _, attr = name.rpartition(".")
            set_value(doc.root, node, attr, value)


def attr_named(doc: Document, name: str) -> Attr:
    """Return the declaration of ``NODE.ATTRIBUTE`` or ``training.SETTING``.

    Raises:
        UnknownName, AttributeProblem: there is none.
    """
    node, _, attr = name.rpartition(".")
    if node == TRAINING and doc.root.node_named(TRAINING) is None:
        return training_attr(attr)
    found = find_name(doc.root, node)
    if found is None:
        raise UnknownName(f"there is no node {node!r}")
    op = declaration(found[-1], doc.root)
    if op is None:
        raise AttributeProblem(f"the op of {node} is not known")
    return op.attr(attr)


def settable_attr(doc: Document, name: str) -> Attr:
    """Return the declaration of an attribute, after checking that no wire gives its value.

    Raises:
        UnknownName, AttributeProblem: there is no such attribute.
        WiredAttribute: a wire gives it.
    """
    attr = attr_named(doc, name)
    node = name.rpartition(".")[0]
    found = find_name(doc.root, node)
    place = at_path(doc.root, path_of(found)) if found is not None else None
    if place is not None:
        check_not_bound(*place, attr.name)
    return attr


def value_at(doc: Document, path: str, attr: str) -> Any:
    """Return the value of an attribute, or its default."""
    if path == TRAINING:
        known = doc.root.training.get(attr)
        return training_attr(attr).default if known is None else known
    found = at_path(doc.root, path)
    if found is None:
        return None
    op = declaration(found[1], doc.root)
    return found[1].attrs.get(attr, op.attr(attr).default if op is not None else None)
