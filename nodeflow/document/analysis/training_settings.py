"""The training settings of a document: the nodes that they refer to, and their problems.

The settings are declared in `nodeflow.train.settings`. They name nodes by id, and nodes inside a
subgraph by path (see `instance_paths`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodeflow.data.data_splits import SPLITS
from nodeflow.document.analysis.subgraphs.instance_paths import at_path, source_of, walk
from nodeflow.document.analysis.subgraphs.loops_and_branches import is_flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import NodeRecord, mode_of
from nodeflow.errors import GraphError
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops.objectives.metric_state import METRIC
from nodeflow.train.settings import TrainingSettings, declared


def training_settings(doc: Document) -> TrainingSettings:
    """Return the settings to train with.

    The default optimizer is the document's only optimizer. The default loss is the node connected
    to the optimizer.
    """
    names = (setting.name for setting in declared(TrainingSettings))
    known = {name: doc.training[name] for name in names if doc.training.get(name) is not None}
    optimizer = known.get("optimizer") or _only_optimizer(doc)
    loss = known.get("loss")
    if loss is None and optimizer is not None:
        found = source_of(doc.root, optimizer, "loss")
        loss = None if found is None else found[0]
    return TrainingSettings(**{**known, "optimizer": optimizer, "loss": loss})


def refuse_schedule(settings: TrainingSettings) -> None:
    """Raise GraphError for a schedule of several optimizers, which this version does not train."""
    if settings.schedule:
        raise GraphError(_SCHEDULE[0], port="training.schedule", hint=_SCHEDULE[1])


_SCHEDULE = (
    "the file has a schedule of phases, which this version of nodeflow keeps but does not train",
    "Remove training.schedule and choose one optimizer, or train with a newer version.",
)


def is_optimizer(op_id: str) -> bool:
    """Return whether an op is an optimizer: it derives updates from a loss and has no outputs."""
    if op_id not in REGISTRY:
        return False
    op: Op = REGISTRY.lookup(op_id)
    return op.macro and not op.outputs and any(port.name == "loss" for port in op.inputs)


GROUP = "group"


def optimizers(doc: Document) -> list[str]:
    """Return the ids (paths, inside subgraphs) of the nodes to train with.

    These are the optimizers, and a group of assigns that the settings name. Unpack turns an
    optimizer into such a group.
    """
    doc = doc.root
    name = doc.training.get("optimizer") or ""
    named = at_path(doc, name)
    group = [name] if named is not None and named[1].op == GROUP else []
    found = [node.id for node in doc.nodes.values() if is_optimizer(node.op)]
    if any(is_optimizer(n.op) for part in doc.definitions() for n in part.nodes.values()):
        found = [path for path, _, node in walk(doc) if is_optimizer(node.op)]
    return found + group


def _only_optimizer(doc: Document) -> str | None:
    found = optimizers(doc)
    return found[0] if len(found) == 1 else None


def training_problems(
    doc: Document, types: Mapping[str, Mapping[str, Any] | None]
) -> list[Problem]:
    """Return the problems of the settings; `types` has the output types of loss and metrics."""
    settings, problems = doc.training, []

    def problem(field_name: str, text: str, hint: str) -> None:
        problems.append(Problem("", f"training.{field_name}", text, hint, kind="GraphError"))

    if not settings:
        return []
    if settings.get("schedule"):
        problem("schedule", *_SCHEDULE)
    optimizer = settings.get("optimizer")
    named = None if optimizer is None else at_path(doc, optimizer)
    if optimizer is not None and named is None:
        problem(
            "optimizer", "the optimizer in the training settings does not exist", "Choose another."
        )
    elif named is not None and not _trains(named[1]):
        name = named[1].name
        problem(
            "optimizer", f"`{name}` in the training settings is not an optimizer", "Choose another."
        )
    elif named is not None and named[1].op == GROUP and settings.get("loss") is None:
        name = named[1].name
        text = f"`{name}` is a group, which has no loss of its own"
        problem("loss", text, "Choose the loss in the training settings.")
    elif optimizer is None and _only_optimizer(doc) is None and not settings.get("schedule"):
        count = len(optimizers(doc))
        text = f"there are {count} optimizers" if count else "there is no optimizer to train with"
        hint = "Choose one in the training settings." if count else "Add one, such as Adam."
        problem("optimizer", text, hint)
    if settings.get("loss") is not None:
        _check_scalar(doc, types, "loss", settings["loss"], problem)
    measured = {f"metrics.{i}": m for i, m in enumerate(settings.get("metrics") or [])}
    if settings.get("monitor"):
        measured["monitor"] = settings["monitor"]
    for place, metric in measured.items():
        if place == "monitor" or not is_table(doc, metric["node"]):
            _check_scalar(doc, types, place, metric["node"], problem)
        split = metric.get("split", "test")
        if split not in SPLITS:
            problem(place, f"there is no split {split!r}", "Use train, validation or test.")
    if settings.get("use_averages") and _keeps_no_averages(doc):
        problem(
            "use_averages",
            "the optimizer keeps no running means of the weights",
            "Set its average_decay, such as 0.99, or do not use averages.",
        )
    return problems


def is_table(doc: Document, node_id: str) -> bool:
    """Return whether a node is a metric with more than one number, such as a confusion matrix."""
    found = at_path(doc, node_id)
    return found is not None and found[1].op == "confusion_matrix"


def is_metric(op_id: str) -> bool:
    """Return whether an op is a metric, which measures how good a network is."""
    return op_id in REGISTRY and REGISTRY.lookup(op_id).category == METRIC


def measured_nodes(doc: Document) -> list[str]:
    """Return the paths of the nodes that a training measures if its settings choose none.

    These are the metric nodes with all their inputs. Tables, such as a confusion matrix, and
    nodes in the bodies of loops and branches are left out.
    """
    doc, found = doc.root, []
    bodies: list[str] = []
    for path, graph, record in walk(doc):
        if any(path.startswith(body) for body in bodies):
            continue
        if is_flow(record):
            bodies.append(f"{path}/")
        elif is_metric(record.op) and not is_table(doc, path) and not mode_of(record):
            needed = {p.name for p in REGISTRY.lookup(record.op).inputs if not p.optional}
            if needed <= {wire.target_port for wire in graph.wires_into(record.id)}:
                found.append(path)
    return found


def chosen_metrics(doc: Document) -> list[dict[str, Any]]:
    """Return the settings of the metrics to measure, as a dict for each metric.

    If the training settings list no metrics, measure each metric node of the document on the test
    split, after every epoch.
    """
    chosen = doc.root.training.get("metrics")
    if chosen is not None:
        return [dict(metric) for metric in chosen]
    return [{"node": path, "split": "test", "every": "epoch"} for path in measured_nodes(doc)]


def likely_goal(op: str, name: str) -> str:
    """Return `max` for metrics and for nodes named like a metric, else `min`."""
    if is_metric(op):
        return "max"
    words = ("accuracy", "precision", "recall", "f1", "auc", "r_squared", "score")
    return "max" if any(word in name.lower() for word in words) else "min"


def _keeps_no_averages(doc: Document) -> bool:
    found = at_path(doc, doc.training.get("optimizer") or _only_optimizer(doc) or "")
    if found is None or found[1].op == GROUP:
        return False
    return found[1].attrs.get("average_decay") is None


def _trains(record: NodeRecord) -> bool:
    return is_optimizer(record.op) or record.op == GROUP


def _check_scalar(
    doc: Document, types: Mapping[str, Any], field_name: str, node_id: str, problem: Any
) -> None:
    found_at = at_path(doc, node_id)
    if found_at is None:
        problem(field_name, "a node in the training settings does not exist", "Choose another.")
        return
    found = types.get(node_id)
    first = next(iter(found.values()), None) if found else None
    if first is not None and first.shape != ():
        problem(
            field_name,
            f"`{found_at[1].name}` is {first}, but training needs a scalar here",
            "Reduce it with reduce_mean.",
        )
