"""A user's op without its function, as the window knows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nodeflow.errors import GradientError, RunError, UserOpError
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import TensorType
from nodeflow.host.own_ops import probe_messages as r
from nodeflow.host.own_ops.probe_client import ProbeClient
from nodeflow.ops.user.probing import key_of
from nodeflow.ops.user.user_op import UserOp

PATIENCE_SECONDS = 0.1
"""Seconds to wait for an answer. Most come within milliseconds; later ones are announced."""
WAITING = "it is being tried out; this takes a moment"


class Answers:
    """A cache of the prober's answers about ops. No caller waits longer than `PATIENCE_SECONDS`.

    Args:
        prober: the prober that has loaded the folder.
        came: called on the prober's thread with an op's id when an answer arrives after the wait.
    """

    def __init__(self, prober: ProbeClient, came: Callable[[str], None]) -> None:
        self._prober, self._came = prober, came
        self._known: dict[Any, r.Answer] = {}
        self._asked: dict[Any, threading.Event] = {}
        self._late: set[Any] = set()
        self._lock = threading.Lock()

    def get(self, request: r.Infer | r.Derive) -> r.Answer | None:
        """Return the answer of the probing process to a request. Return None if the process does
        not answer in time.
        """
        grads = getattr(request, "grads", None)
        key = type(request), request.op, key_of(request.types, request.attrs), grads
        with self._lock:
            if key in self._known:
                return self._known[key]
            arrived = self._asked.get(key)
            if arrived is None:
                arrived = self._asked[key] = threading.Event()
                self._prober.ask(request, lambda answer: self._take(key, answer))
        arrived.wait(0 if key in self._late else PATIENCE_SECONDS)
        with self._lock:
            if key not in self._known:
                self._late.add(key)
            return self._known.get(key)

    def _take(self, key: Any, answer: r.Answer) -> None:
        with self._lock:
            self._known[key] = answer
            is_late = key in self._late
            self._asked[key].set()
        if is_late:
            self._came(key[1])


class RemoteOp(UserOp):
    """An op that has a declaration, and asks the prober for types and gradients."""

    def __init__(self, record: r.OpRecord, answers: Answers) -> None:
        super().__init__(_no_function, record.declared, record.fault)
        self.differentiable = record.differentiable
        self._record, self._answers = record, answers

    def with_fault(self, fault: str) -> RemoteOp:
        return RemoteOp(replace(self._record, fault=fault), self._answers)

    def _infer(self, types: Sequence[TensorType], attrs: Mapping[str, Any]) -> tuple[Any, ...]:
        if isinstance(self.declared.infer, str):
            return super()._infer(types, attrs)
        answer = self._answers.get(r.Infer(self.id, tuple(types), dict(attrs)))
        if answer is None:
            raise UserOpError(f"{self.id}: {WAITING}")
        if isinstance(answer, r.Refused):
            raise answer.error
        assert isinstance(answer, r.Types)
        return answer.types

    def reference(self, *arrays: Any, **attrs: Any) -> Any:
        raise RunError(f"{self.id} is computed in the engine process only")

    def gradient(self, node: Node, *grads: Any) -> Sequence[Tensor | None]:
        types = tuple(tensor.type for tensor in node.inputs)
        given = tuple(None if grad is None else grad.type for grad in grads)
        answer = self._answers.get(r.Derive(self.id, types, dict(node.attrs), given))
        if answer is None:
            raise GradientError(f"the gradient of {self.id}: {WAITING}", node=node.name)
        if isinstance(answer, r.Refused):
            error = answer.error
            raise GradientError(error.message, node=node.name, hint=error.hint)
        assert isinstance(answer, r.Derived)
        return _replayed(answer, node, grads)


def _replayed(derived: r.Derived, node: Node, grads: Sequence[Any]) -> list[Tensor | None]:
    """Add the nodes of a gradient to the graph of a node; return the gradients of its inputs."""
    values: list[Any] = [*node.inputs, *node.outputs, *grads]
    for made in derived.nodes:
        inputs = [values[number] for number in made.inputs]
        values += node.graph.add_node(made.op, inputs, made.attrs).outputs
    return [None if number is None else values[number] for number in derived.results]


def _no_function(*_: Any, **__: Any) -> Any:
    raise RunError("an op of your own is computed in the engine process only")


def remote_ops(
    loaded: r.Loaded, answers: Answers, before: Mapping[str, Sequence[UserOp]]
) -> dict[str, list[UserOp]]:
    """Return the user-defined ops of each file. If a file no longer loads, return its previous ops,
    marked with the error.
    """
    found: dict[str, list[UserOp]] = {
        file: [RemoteOp(record, answers) for record in records]
        for file, records in loaded.files.items()
    }
    why = {problem.file: str(problem) for problem in loaded.problems}
    for file in loaded.failed:
        known = {op.id for op in found.setdefault(file, [])}
        lost = [op for op in before.get(file, ()) if op.id not in known]
        found[file] += [op.with_fault(why[file]) for op in lost]
    return found
