"""The training settings of a document: the nodes that they refer to, and their problems.

The settings are declared in `nodeflow.train.settings`. They name nodes by id, and nodes inside a
subgraph by path (see `instance_paths`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodeflow.data.data_splits import SPLITS
from nodeflow.document.analysis.port_names import GROUP, is_control
from nodeflow.document.analysis.subgraphs.instance_paths import at_path, source_of, walk
from nodeflow.document.analysis.subgraphs.loops_and_branches import is_flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import NodeRecord, mode_of
from nodeflow.errors import GraphError
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops.objectives.metric_state import METRIC
from nodeflow.train.schedule import Turn, check_turns
from nodeflow.train.settings import TrainingSettings, declared


def training_settings(doc: Document) -> TrainingSettings:
    """Return the settings to train with.

    The default optimizer is the document's only optimizer. The default loss is the node connected
    to the optimizer. With a schedule, there is neither.
    """
    names = (setting.name for setting in declared(TrainingSettings))
    known = {name: doc.training[name] for name in names if doc.training.get(name) is not None}
    if known.get("schedule"):
        return TrainingSettings(**{**known, "optimizer": None, "loss": None})
    optimizer = known.get("optimizer") or _only_optimizer(doc)
    loss = known.get("loss")
    if loss is None and optimizer is not None:
        loss = minimized_by(doc, optimizer)
    return TrainingSettings(**{**known, "optimizer": optimizer, "loss": loss})


def minimized_by(doc: Document, path: str) -> str | None:
    """Return the path of the loss of an optimizer, or of the only optimizer that a group runs."""
    doc = doc.root
    if (run := _run_by_group(doc, path)) is not None:
        path = run
    found = source_of(doc, path, "loss")
    return None if found is None else found[0]


def _run_by_group(doc: Document, path: str) -> str | None:
    """Return the path of the only optimizer that a ``group`` op runs.

    Return None if the node is no ``group`` op, or runs no optimizer or several.
    """
    at = at_path(doc, path)
    if at is None or at[1].op != GROUP:
        return None
    graph, record = at
    wires = (w for w in graph.wires_into(record.id) if is_control(w.target_port))
    found = [wire.source for wire in wires if is_optimizer(graph.nodes[wire.source].op)]
    scope = path.rpartition("/")[0]
    return None if len(found) != 1 else f"{scope}/{found[0]}" if scope else found[0]


def turn_of(phase: Mapping[str, Any], name: str) -> Turn:
    """Return a phase of a schedule in a file as a `Turn`, with the name of its optimizer."""
    return Turn(name, phase.get("steps", 1), phase.get("from", 0))


def is_optimizer(op_id: str) -> bool:
    """Return whether an op is an optimizer: it derives updates from a loss and has no outputs."""
    if op_id not in REGISTRY:
        return False
    op: Op = REGISTRY.lookup(op_id)
    return op.macro and not op.outputs and any(port.name == "loss" for port in op.inputs)


def optimizers(doc: Document) -> list[str]:
    """Return the ids (paths, inside subgraphs) of the nodes to train with.

    These are the optimizers, and the groups that the settings name; Unpack turns an optimizer into
    a group of assigns.
    """
    doc = doc.root
    names = [doc.training.get("optimizer") or ""]
    names += [phase["optimizer"] for phase in doc.training.get("schedule") or ()]
    places = {name: at_path(doc, name) for name in names}
    group = [name for name, at in places.items() if at is not None and at[1].op == GROUP]
    found = [node.id for node in doc.nodes.values() if is_optimizer(node.op)]
    if any(is_optimizer(n.op) for part in doc.definitions() for n in part.nodes.values()):
        found = [path for path, _, node in walk(doc) if is_optimizer(node.op)]
    return found + group


def trainers(doc: Document) -> list[str]:
    """Return the paths of the nodes that a training can use as its optimizer.

    These are the optimizers and the groups that the settings name. A group that runs an optimizer
    and the nodes that follow it replaces the optimizer.
    """
    doc = doc.root
    runs = {node.id: _run_by_group(doc, node.id) for node in doc.nodes.values() if node.op == GROUP}
    groups = [group for group, run in runs.items() if run is not None]
    inside = {runs[group] for group in groups}
    found = dict.fromkeys([*optimizers(doc), *groups])
    return sorted((path for path in found if path not in inside), key=natural_key)


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
        _check_schedule(doc, types, problem)
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
    elif (
        optimizer is not None
        and named is not None
        and settings.get("loss") is None
        and _lacks_loss(doc, optimizer)
    ):
        name = named[1].name
        text = f"`{name}` is a group, which has no loss of its own"
        problem("loss", text, "Choose the loss in the training settings.")
    elif optimizer is None and _only_optimizer(doc) is None and not settings.get("schedule"):
        count = len(optimizers(doc))
        text = f"there are {count} optimizers" if count else "there is no optimizer to train with"
        hint = (
            "Choose one in the training settings, or let them take turns."
            if count
            else "Add one, such as Adam."
        )
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


def _lacks_loss(doc: Document, path: str) -> bool:
    """Return whether a node is a group that runs no optimizer, or several."""
    at = at_path(doc, path)
    return at is not None and at[1].op == GROUP and _run_by_group(doc.root, path) is None


def _check_schedule(doc: Document, types: Mapping[str, Any], problem: Any) -> None:
    """Report the problems of a schedule."""
    phases, turns = doc.training["schedule"], []
    for name in ("optimizer", "loss"):
        if doc.training.get(name) is not None:
            text = f"the settings have both a schedule and `{name}`"
            problem("schedule", text, "Remove one of them.")
    for phase in phases:
        named = at_path(doc, phase["optimizer"])
        if named is None:
            text = "an optimizer in the schedule does not exist"
            problem("schedule", text, "Choose another, or remove its phase.")
            return
        name = named[1].name
        if not _trains(named[1]):
            problem("schedule", f"`{name}` in the schedule is not an optimizer", "Choose another.")
            return
        if phase.get("loss") is not None:
            _check_scalar(doc, types, "schedule", phase["loss"], problem)
        elif _lacks_loss(doc, phase["optimizer"]):
            text = f"`{name}` in the schedule is a group without an optimizer"
            problem("schedule", text, "Wire the `done` of one optimizer to the group.")
        turns.append(turn_of(phase, name))
    try:
        check_turns(turns)
    except GraphError as error:
        problem("schedule", error.message, str(error.hint))


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


END = "end"
"""The value of a metric's `every` if it is measured once, after the last epoch."""


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
    named = [doc.training.get("optimizer") or _only_optimizer(doc) or ""]
    if doc.training.get("schedule"):
        named = [phase["optimizer"] for phase in doc.training["schedule"]]
    found = [place[1] for path in named if (place := at_path(doc, path)) is not None]
    if not found or any(record.op == GROUP for record in found):
        return False
    return all(record.attrs.get("average_decay") is None for record in found)


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
