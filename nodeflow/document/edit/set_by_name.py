"""Setting an attribute, or a training setting, by the names that users write (``dense/W``)."""

from __future__ import annotations

from typing import Any

from nodeflow.data.data_splits import SPLITS
from nodeflow.document.analysis.bound_attributes import check_not_bound
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.subgraphs.instance_paths import (
    find_name,
    path_of,
    scoped_name,
    walk,
)
from nodeflow.document.analysis.subgraphs.subgraph_interface import definition_of
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.definitions import make_independent
from nodeflow.document.io.validation import read_training
from nodeflow.document.model.document import Document
from nodeflow.errors import AttributeProblem, UnknownName, suggest, suggest_or_list
from nodeflow.graph.declaration import Attr
from nodeflow.train.schedule import Schedule
from nodeflow.train.settings import TrainingSettings, declared


def set_value(document: Document, node: str, attr: str, value: Any) -> None:
    """Change an attribute of the node with this name, or a ``training`` setting.

    For a node inside a subgraph (``dense/W``), only that instance changes: it gets its own
    definition.

    Raises:
        UnknownName: there is no such node.
        AttributeProblem: there is no such attribute, or the value has the wrong kind.
        WiredAttribute: a wire gives the attribute.
    """
    if node == "training" and document.node_named("training") is None:
        settings = {attr: _resolve_names(document, training_attr(attr).kind, value)}
        if attr == "schedule" and settings[attr]:  # the phases name optimizers and losses
            settings = {**settings, "optimizer": None, "loss": None}
        elif attr == "optimizer" and value is not None:
            settings["schedule"] = None
        found = read_training({k: v for k, v in settings.items() if v is not None})
        commands.set_training(document, **{k: found.get(k) for k in settings})
        return
    found = find_name(document, node)
    if found is None:
        raise _unknown(document, node)
    op = declaration(found[-1], document)
    if op is not None:
        try:
            op.attr(attr).check(value)
        except AttributeProblem as error:
            raise error.at(node) from None
    graph = document
    with document.transaction(f"Set {node}.{attr}"):
        for instance in found[:-1]:
            make_independent(graph, instance.id)
            inside = definition_of(graph, graph.nodes[instance.id])
            assert inside is not None
            graph = inside
        record = graph.node_named(found[-1].name)
        assert record is not None
        check_not_bound(graph, record, attr)
        commands.set_attr(graph, record.id, attr, value)


def training_attr(name: str) -> Attr:
    """Return the declaration of a training setting as an attribute; raise AttributeProblem."""
    known = {setting.name: setting.attr for setting in declared(TrainingSettings)}
    if name not in known:
        raise AttributeProblem(
            f"training has no setting {name!r}",
            port=f"training.{name}",
            hint=suggest(name, known) or f"Its settings are {', '.join(known)}.",
        )
    return known[name]


def _unknown(document: Document, name: str) -> UnknownName:
    hint = suggest_or_list(name, _all_names(document))
    return UnknownName(f"there is no node {name!r}", hint=hint)


def _all_names(document: Document) -> list[str]:
    paths = (path for path, _, _ in walk(document))
    return [name for name in (scoped_name(document, path) for path in paths) if name]


def _resolve_names(document: Document, kind: str, value: Any) -> Any:
    """Return the value of a training setting, with ids in place of node names."""
    if kind == "node" and isinstance(value, str):
        return _path_named(document, value)
    if kind == "monitor":
        return _resolve_measured(document, value)
    if kind == "metrics" and isinstance(value, list):
        return [_resolve_measured(document, item) for item in value]
    if kind == "schedule":
        return _resolve_phases(document, value)
    return value


def _resolve_phases(document: Document, value: Any) -> Any:
    """Return the phases of a schedule, given as a list or as ``d*2, g from 500``."""
    if isinstance(value, str):
        turns = Schedule.parse(value).turns
        value = [{"optimizer": t.name, "steps": t.steps, "from": t.start} for t in turns]
    if not isinstance(value, list):
        return value
    return [
        {
            **phase,
            **{
                key: _path_named(document, phase[key])
                for key in ("optimizer", "loss")
                if isinstance(phase.get(key), str)
            },
        }
        if isinstance(phase, dict)
        else phase
        for phase in value
    ]


def _path_named(document: Document, name: str) -> str:
    """Return the path of ids of the node with a scoped name; raise UnknownName."""
    found = find_name(document, name)
    if found is None:
        raise _unknown(document, name)
    return path_of(found)


def _resolve_measured(document: Document, value: Any) -> Any:
    """Return ``{"node": ID, "split": "test"}`` for ``test/loss``; no split for ``loss``."""
    if isinstance(value, str):
        split, slash, rest = value.partition("/")
        named = slash and split in SPLITS and find_name(document, value) is None
        value = {"node": rest, "split": split} if named else {"node": value}
    if isinstance(value, dict) and isinstance(value.get("node"), str):
        return {**value, "node": _path_named(document, value["node"])}
    return value
