"""What a golden file computes, as figures that survive another processor: the test and the tool.

Whole numbers and Booleans are compared by their SHA-256; floats by their first elements and two
sums, one with weights, so that an element that moved is noticed.
Written so that programs of earlier versions run it, too: it uses nothing but what all of them have.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

FIRST = 6
"""Elements of each value that are recorded one by one."""
TOLERANCE = {"float64": 1e-9, "complex128": 1e-9, "float32": 2e-4, "complex64": 2e-4}
HALF = 2e-2
STEPS = 5
"""Losses of a training that are recorded; the first does not depend on the optimizer."""
UNTOUCHED = ("assign", "assign_add", "assign_sub", "group", "print", "no_op", "py_func")
"""Ops that act instead of computing a value."""


def figures(value: Any) -> dict[str, Any]:
    """The figures of an array."""
    array = np.asarray(value)
    found: dict[str, Any] = {"dtype": array.dtype.name, "shape": list(array.shape)}
    if array.dtype.kind in "biu":
        content = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
        found["digest"] = hashlib.sha256(content.tobytes()).hexdigest()
        found["first"] = array.ravel()[:FIRST].tolist()
        return found
    if array.dtype.kind not in "fcV":
        found["text"] = str(array.tolist())
        return found
    flat = array.ravel().astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    parts = flat.view(np.float64)
    finite = np.where(np.isfinite(parts), parts, 0.0)
    weights = np.cos(np.arange(len(parts)) * 0.7)
    found["first"] = [_text(float(v)) for v in parts[:FIRST]]
    found["odd"] = [int(np.sum(test(parts))) for test in (np.isnan, np.isposinf, np.isneginf)]
    found["scale"] = float(np.abs(finite).sum())
    found["sum"], found["weighted"] = float(finite.sum()), float(finite @ weights)
    return found


def differences(name: str, found: dict[str, Any], recorded: dict[str, Any]) -> list[str]:
    """In which figures a value is another than it was, in words."""
    exact = [key for key in ("dtype", "shape", "digest", "text", "odd") if key in recorded]
    wrong = [
        f"{name}: {key} is {found.get(key)}, recorded {recorded[key]}"
        for key in exact
        if found.get(key) != recorded[key]
    ]
    if wrong or "scale" not in recorded:
        return wrong
    share = TOLERANCE.get(recorded["dtype"], HALF)
    count = max(1, math.prod(recorded["shape"]))
    near = share * (recorded["scale"] / count + 1e-6)
    pairs = list(zip(found["first"], recorded["first"], strict=True))
    for index, (a, b) in enumerate(pairs):
        is_same = a == b if isinstance(a, str) or isinstance(b, str) else None
        if is_same is None:
            is_same = abs(a - b) <= share * abs(b) + near
        if not is_same:
            wrong.append(f"{name}: element {index} is {a}, recorded {b}")
    for key in ("sum", "weighted"):
        if abs(found[key] - recorded[key]) > share * recorded["scale"] + near:
            wrong.append(f"{name}: {key} is {found[key]}, recorded {recorded[key]}")
    return wrong


def _text(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


# ---- computing ------------------------------------------------------------------------------


def opened(path: Path) -> Any:
    """The task of a file."""
    from nodeflow.document.io import flow
    from nodeflow.document.to_graph.task import Task

    return Task(flow.load(path), base_dir=path.parent)


def computed(path: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """The figures of tensors of a file, all computed in one run of the reference tier."""
    from nodeflow.engine.session import Session

    task = opened(path)
    tensors = [task.tensor(name) for name in names]
    with Session(task.graph, tier="reference", seed=1) as session:
        session.initialize()
        if task.document.weights:
            _use_weights(task, session, path)
        values = session.run(tensors, task.feeds(tensors))
    return {name: figures(value) for name, value in zip(names, values, strict=True)}


def _use_weights(task: Any, session: Any, path: Path) -> None:
    if hasattr(task, "use_saved_weights"):
        task.use_saved_weights(session)
    else:  # the programs of the first version
        from nodeflow.train.saving.weights import load_weights

        for name, value in load_weights(path.parent / task.document.weights).items():
            session.variables[name] = value


def trained(path: Path, count: int = STEPS) -> list[float]:
    """The first losses of the training of a file."""
    from nodeflow.engine.session import Session
    from nodeflow.train.events import Steps
    from nodeflow.train.loop.event_stream import train

    task = opened(path)
    losses: list[float] = []
    with Session(task.graph, tier="reference", seed=task.document.training.get("seed")) as session:
        session.initialize()
        events = train(session, task.training())
        for event in events:
            if isinstance(event, Steps):
                losses += [float(loss) for loss in event.losses]
            if len(losses) >= count:
                break
        events.close()
    return losses[:count]


def updated(path: Path, optimizers: list[str], count: int = 3) -> dict[str, dict[str, Any]]:
    """The figures of all variables of a file after some updates by each optimizer."""
    from nodeflow.engine.session import Session

    found = {}
    for name in optimizers:
        task = opened(path)
        optimizer = task.graph.node(name)
        with Session(task.graph, tier="reference", seed=1) as session:
            session.initialize()
            for _ in range(count):
                session.run([assign.outputs[0] for assign in optimizer.control_inputs])
            found[name] = {
                key: figures(value)
                for key, value in sorted(dict(session.variables).items())
                if key.split("/")[0] in (name, name.replace("opt_", "w_"))
            }
    return found


def read(path: Path) -> dict[str, Any]:
    """The figures recorded beside a file."""
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def difference_of_losses(found: list[float], recorded: list[float]) -> list[str]:
    """In which steps a loss is another than it was."""
    pairs = list(zip(found, recorded, strict=True))
    return [
        f"loss of step {step} is {a}, recorded {b}"
        for step, (a, b) in enumerate(pairs, 1)
        if not abs(a - b) <= 1e-3 * abs(b) + 1e-6
    ]
