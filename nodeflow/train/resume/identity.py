"""The identity of a training: the facts that a resumed training must share to compute the same
bits.

An identity is plain data in checkpoints: digests of the nodes and of the data, the relevant
settings, and the machine. `differences` names the changes. Epochs, threads and memory limits may
change, and so may metrics on which no decision depends.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np

from nodeflow.data.pipeline.position import stages_of
from nodeflow.engine.backend import other_backend
from nodeflow.engine.columns import Column, LazyColumn
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.train.settings import PlainSettings, declared
from nodeflow.train.stepping.steppers import stepper_of
from nodeflow.train.training import ElementStream, Training
from nodeflow.train.tunable_numbers import Numbers

PACKAGES = ("numpy", "scipy", "numba", "llvmlite")
FREE = frozenset({"epochs", "processes"})
"""Settings that may change. The number of processes that share the rows changes only rounding."""
MOST_BYTES, SAMPLED = 1 << 30, 4096
"""Columns with more bytes, and columns on disk, are represented by so many sampled rows."""
LISTED = 6
"""The largest number of nodes in a message."""


def identity_of(session: Session, training: Training) -> dict[str, Any]:
    """Return the facts that identify a training, such as graph, settings and a digest of its data,
    as JSON values. To compute the digest, read all of the data.
    """
    return {**facts_of(session, training), "data": dict(_data(training))}


def facts_of(session: Session, training: Training) -> dict[str, Any]:
    """Return the facts about a training that must be unchanged to resume it, except for the data.

    They are the graph, settings, session, machine, versions and backend. Digests of data would take
    time.
    """
    targets = [training.optimizer, training.loss.node]
    if training.watched is not None:
        targets.append(training.watched.tensor.node)
    chosen = (s.name for s in declared(PlainSettings) if s.name not in FREE)
    settings = {name: getattr(training, name) for name in chosen}
    if training.patience is not None:
        settings["monitor"] = f"{training.monitor.title}, {training.monitor.goal}"
    return {
        "graph": {node.name: node_digest(node) for node in ancestors(targets)},
        "settings": {
            **settings,
            **({} if training.turns is None else {"schedule": str(training.turns)}),
            "row_seed": training.row_seed,
            "steps_per_epoch": training.stream.steps if training.stream else None,
        },
        "session": {
            "tier": session.wanted,
            "seed": session.seed,
            "without": ", ".join(sorted(session.without)),
            "steps in blocks of rows": _in_blocks(session, training),
        },
        "machine": machine(),
        "versions": {**versions(), **_versions_of(session.backend)},
        "backend": _backend(session),
    }


def _in_blocks(session: Session, training: Training) -> str | None:
    """Return "yes" if the session's memory limit makes each training step process its batch in
    several blocks of rows, else None. This changes rounding.

    The size of the limit does not matter for the rounding.
    """
    if session.memory is None or training.stream is not None:
        return None
    if session.cuts_steps is None:  # no training has begun
        nothing = [()] * len(training.phases)
        stepper_of(session, training, nothing, 0, Numbers(training.optimizer))
    return "yes" if session.cuts_steps else None


@lru_cache(maxsize=1)
def machine() -> Mapping[str, str]:
    """Return the facts about this machine that decide how kernels and matrix products round, such
    as processor and BLAS library, by name.
    """
    from nodeflow.engine.compiler.cache import processor
    from nodeflow.engine.devicelib.blas import blas_info
    from nodeflow.engine.devicelib.vector_width import vector_registers
    from nodeflow.engine.sum_orders import sum_orders

    blas = blas_info()
    return {
        "processor": processor(),
        "vector width": f"{8 * vector_registers()[0]} bits",
        "BLAS": blas["library"],
        "kernels of the BLAS": blas["core"],
        "orders of sums": sum_orders(),
    }


@lru_cache(maxsize=1)
def versions() -> Mapping[str, str]:
    from importlib.metadata import version

    from nodeflow import __version__

    return {"nodeflow": __version__, **{name: version(name) for name in PACKAGES}}


def _versions_of(backend: str) -> Mapping[str, str]:
    """Return the versions of the additional packages that a backend needs."""
    from importlib.metadata import version

    other = other_backend(backend)
    return {} if other is None else {name: version(name) for name in other.packages}


def _backend(session: Session) -> dict[str, Any]:
    """Return the name of the backend that executes the training, its device, and the number of its
    processes. The built-in backend is called ``cpu``.
    """
    other = other_backend(session.backend)
    if other is None:
        return {"backend": "cpu", "processes": 1}
    processes = 1 if session.peers is None else session.peers.number
    return {"backend": session.backend, "device": other.device(), "processes": processes}


# ---- digests ------------------------------------------------------------------------------------


def node_digest(node: Node) -> str:
    """Return a digest of the function that a node computes from its inputs."""
    attrs = sorted((name, value) for name, value in node.attrs.items() if value is not None)
    parts = (
        node.op.id,
        *(part for name, value in attrs for part in (name, value_text(value))),
        *(t.name for t in node.inputs),
        *sorted(n.name for n in node.control_inputs),
        node.stream if node.op.random else "",
        *(str(t.type) for t in node.outputs),
        *own_code(node),
    )
    return digest(parts)


def own_code(node: Node) -> Iterator[str]:
    """Yield the source text of a user's own op."""
    function = getattr(node.op, "function", None)
    if inspect.isfunction(function):
        try:
            yield inspect.getsource(function)
        except (OSError, TypeError):
            yield repr(function.__code__.co_code)


def _data(training: Training) -> Iterator[tuple[str, str]]:
    """Yield the name and a digest of all data that a training reads: each tensor fed with rows,
    each fixed feed, or the data set as a whole.
    """
    targets = [training.optimizer, training.loss.node]
    watched = training.watched
    if training.stream is not None:
        yield "the data set", _stream_digest(training.stream)
    else:
        for tensor, binding in training.used_bindings(targets).items():
            yield tensor.name, column_digest(binding.dataset.split("train")[binding.column])
    if watched is not None:
        for tensor, binding in training.used_bindings([watched.tensor.node]).items():
            column = binding.dataset.split(watched.split)[binding.column]
            yield f"{watched.split} {tensor.name}", column_digest(column)
    for tensor, value in training.feeds.items():
        yield tensor.name, digest([value_text(np.asarray(value))])


def column_digest(column: Column) -> str:
    """Return a digest of the rows of a column."""
    rows: Any = column.array
    if isinstance(column, LazyColumn) or column.nbytes > MOST_BYTES:
        rows = column.stored(np.linspace(0, len(column) - 1, min(SAMPLED, len(column)), dtype=int))
    about = (str(column.type), str(column.scale), str(column.depth), str(len(column)))
    return digest([*about, value_text(np.asarray(rows))])


def _stream_digest(stream: ElementStream) -> str:
    """Return a digest of the transformations of a data set and of their settings. Files, generators
    and functions are left out, because their content cannot be compared.
    """
    parts: list[str] = []
    for stage in stages_of(stream.stage):
        parts.append(type(stage).__name__)
        parts += [f"{name}={value_text(value)}" for name, value in sorted(vars(stage).items())
                  if name not in ("kept", "inputs", "source")]  # fmt: skip
    return digest([*parts, *(f"{i} {t.name}" for i, t in stream.places.items())])


def value_text(value: Any) -> str:
    """Return a text that describes a value and is the same in all processes, so that it can be
    hashed.

    Arrays are replaced by their digest.
    """
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return digest(map(str, value.ravel()))
        data = np.ascontiguousarray(value)
        content = blake2b(data.reshape(-1).view(np.uint8).data, digest_size=16).hexdigest()
        return f"{value.dtype} {value.shape} {content}"
    if isinstance(value, Column):
        return column_digest(value)
    if isinstance(value, Mapping):
        return str({str(key): value_text(one) for key, one in value.items()})
    if isinstance(value, (list, tuple)):
        return str([value_text(one) for one in value])
    if isinstance(value, (str, bytes, int, float, bool, type(None), np.generic)):
        return repr(value)
    if isinstance(value, Tensor):
        return f"{value.name} {value.type}"
    name = getattr(value, "__qualname__", None)
    return f"{type(value).__name__} {name or ''}"


def digest(parts: Iterable[str]) -> str:
    """Return a digest of texts in order."""
    found = blake2b(digest_size=12)
    for part in parts:
        found.update(part.encode(errors="backslashreplace") + b"\0")
    return found.hexdigest()


# ---- differences --------------------------------------------------------------------------------


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words what has changed in a training since a checkpoint was written: graph, data,
    settings, machine and versions. Return an empty list if nothing differs.

    Args:
        before: the facts stored in the checkpoint.
        now: the same facts about the training.
    """
    found = _graph_differences(before.get("graph", {}), now["graph"])
    changed = [n for n in now["data"] if before.get("data", {}).get(n) != now["data"][n]]
    changed += [name for name in before.get("data", {}) if name not in now["data"]]
    if changed:
        found.append(f"the data of {', '.join(changed)}")
    for section in ("settings", "session", "machine", "versions", "backend"):
        there = before.get(section, {})
        if section == "settings":  # an older version wrote fewer of them
            there = {**PlainSettings().plain(), **there}
        gone = dict.fromkeys(("schedule",) if "schedule" in there else ())
        for name, value in {**gone, **now[section]}.items():
            old = there.get(name)
            if old != value and name not in FREE:
                found.append(f"{name} (was {_said(old)}, is {_said(value)})")
    return found


def _said(value: Any) -> str:
    return "not set" if value is None or value == "" else str(value)


def _graph_differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    if before == now:
        return []
    changed = [name for name in now if name in before and before[name] != now[name]]
    new = [name for name in now if name not in before]
    gone = [name for name in before if name not in now]
    words = [
        f"{what} {', '.join(sorted(names)[:LISTED])}{' ...' if len(names) > LISTED else ''}"
        for what, names in (("changed:", changed), ("new:", new), ("gone:", gone))
        if names
    ]
    return [f"the graph ({'; '.join(words)})"]
