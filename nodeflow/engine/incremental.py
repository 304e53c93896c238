"""Values of a graph's nodes in the reference tier, kept until their dependencies change.

A session runs its fetches as a whole. This module instead keeps the value of each node. After
an edit, it recomputes only nodes that depend on the edit, and only if they are wanted. The
values equal `Session.run` in the reference tier, bit for bit: it calls the same references for
the same types, and computes logarithms of probabilities in the same stable way. Nothing is
assigned: nodes with side effects and their dependents are not computed. Any tensor can be
overridden, as by a feed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nodeflow.engine.abandoned_work import Attempt, overdue
from nodeflow.engine.feeds import as_array
from nodeflow.engine.interpreter import Interpreter, call_quietly, check_values
from nodeflow.engine.memory import Budget, size_of
from nodeflow.engine.plan.passes import rewrite_schedule
from nodeflow.engine.schedule.schedule import Schedule, Step, resolve_alias
from nodeflow.engine.threefry_streams import Stream
from nodeflow.errors import Cancelled, MissingFeed, NodeflowError, OverBudget
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.session_hooks import activity
from nodeflow.graph.session_hooks.interrupt import interruptible
from nodeflow.graph.types import TensorType, type_of_array
from nodeflow.number_text import bytes_text

ACTING = frozenset(("assign", "print"))
MOST_BYTES = 1 << 29
"""Bytes that are kept between two evaluations. Further values are recomputed when needed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure of a node. Its dependents have no value."""

    error: NodeflowError


class _Blocked:
    """The mark of a node that is not computed.

    The node has a side effect, is a placeholder without a feed, or depends on such a node.
    """


BLOCKED = _Blocked()
Values = tuple[np.ndarray | None, ...]
"""The values of a node's outputs; None for a gradient that does not exist."""
Outcome = Values | Failure | _Blocked


class IncrementalRun:
    """The values of the nodes of a graph that may change.

    Args:
        users: for each node, the nodes that read it, wait for it or stand for it; the owner of
            the graph keeps it up to date.
        feed: returns the value of a placeholder, or None; may raise.
        read: returns the value of a variable; may raise NotInitialized.
        stream_of: returns the random stream of a node.

    Attributes:
        outcomes: the known outcomes; missing nodes were forgotten or never needed.
        cancelled: set from another thread to end a running computation.
        budget: limits for one node; None: no limits.
        overrides: arrays that replace the computed values of tensors, which must not be aliases
            (`resolve_alias`). Whoever changes it must forget the nodes.
    """

    def __init__(
        self,
        users: Mapping[Node, Iterable[Node]],
        feed: Callable[[Node], np.ndarray | None],
        read: Callable[[Node], np.ndarray],
        stream_of: Callable[[Node], Stream],
    ) -> None:
        self.outcomes: dict[Node, Outcome] = {}
        self.failures: dict[Node, NodeflowError] = {}
        self.unfed: set[Node] = set()
        self.cancelled = threading.Event()
        self._users = users
        self._feed, self._read, self._stream_of = feed, read, stream_of
        self.budget: Budget | None = None
        self.overrides: Mapping[Tensor, np.ndarray] = {}
        self._slow: dict[str, tuple[Any, Attempt]] = {}
        self._bytes = 0  # lower bound of bytes kept: `forget` does not subtract
        self._trimmed: set[Node] = set()

    def forget(self, nodes: Iterable[Node]) -> set[Node]:
        """Forget the values of some nodes and of all their dependents. Return all these nodes.

        Dependents of a node without a known value have none either, and are not visited.
        """
        outcomes, users, trimmed = self.outcomes, self._users, self._trimmed
        waiting, gone = [*nodes], set()
        while waiting:
            node = waiting.pop()
            outcome = outcomes.pop(node, None)
            if outcome is None:
                if node not in trimmed:
                    continue
                trimmed.discard(node)
            elif type(outcome) is not tuple:
                self.failures.pop(node, None)
                self.unfed.discard(node)
            gone.add(node)
            waiting += users.get(node, ())
        return gone

    def compute(
        self,
        wanted: Iterable[Node],
        computed: Callable[[Node, Values], None] | None = None,
        *,
        seconds: float | None = None,
    ) -> bool:
        """Compute nodes and their dependencies, unless they are known.

        With a `budget`, a node that takes too long fails, and the others continue without it.

        Args:
            computed: receives the values of each node before their memory may be released.
            seconds: time limit; the node that is running then is completed.

        Returns:
            False if time ran out before all nodes were computed.

        Raises:
            Cancelled: `cancelled` was set; values computed so far stay.
        """
        nodes = [*wanted]
        end = None if seconds is None else time.monotonic() + seconds
        if self.budget is None:
            self.cancelled.clear()
            return self._work(nodes, Attempt(self.cancelled), computed, end)
        while any(node not in self.outcomes for node in nodes):
            attempt = Attempt()
            self.cancelled = attempt.cancelled
            attempt.run(partial(self._work, nodes, attempt, computed, end))
            node = overdue(attempt, self.budget.seconds)
            if node is None:
                return bool(attempt.result)
            self._give_up(node, attempt)
        return True

    def _give_up(self, node: Node, attempt: Attempt) -> None:
        """Stop waiting for a node that exceeds the time budget. Store a failure as its result, and
        continue without it.
        """
        assert self.budget is not None
        self._slow[node.name] = self._cost_key(node), attempt
        self._store(node, Failure(_too_slow(node, self.budget)))

    def _work(
        self,
        wanted: list[Node],
        attempt: Attempt,
        computed: Callable[[Node, Values], None] | None,
        end: float | None,
    ) -> bool:
        outcomes = self.outcomes
        stack = [node for node in wanted if node not in outcomes]
        opened: dict[Node, list[Node]] = {}  # their needs are above them on the stack
        cancelled = attempt.cancelled
        with np.errstate(all="ignore"), interruptible(cancelled), activity.ending():
            while stack:
                node = stack[-1]
                if node in outcomes:
                    stack.pop()
                    continue
                needs = opened.pop(node, None)
                if needs is None:
                    needs = [] if self._is_given(node) else _needs(node)
                    missing = [other for other in needs if other not in outcomes]
                    if missing:
                        opened[node] = needs
                        stack += missing
                        continue
                elif any(other not in outcomes for other in needs):
                    continue  # some were released, and are needed once more
                if cancelled.is_set():
                    raise Cancelled("the run was stopped")
                if end is not None and time.monotonic() > end:
                    return False
                stack.pop()
                attempt.begin(node)
                outcome = self._outcome(node, needs)
                with attempt.lock:
                    if attempt.is_left:
                        return False
                    self._store(node, outcome)
                    if computed is not None and type(outcome) is tuple:
                        computed(node, outcome)
                if self._bytes > MOST_BYTES:
                    self.trim({node}.union(*opened.values()))
        return True

    def trim(self, needed: Collection[Node] = ()) -> None:
        """Release memory if the kept values exceed the limit, oldest values first.

        Args:
            needed: nodes whose values are kept in any case.
        """
        if self._bytes <= MOST_BYTES:
            return
        self._bytes = sum(map(_size, self.outcomes.values()))
        if self._bytes <= MOST_BYTES:
            return
        for node in list(self.outcomes):
            outcome = self.outcomes[node]
            if type(outcome) is tuple and node not in needed:
                del self.outcomes[node]
                self._trimmed.add(node)
                self._bytes -= _size(outcome)
            if self._bytes <= MOST_BYTES // 2:
                return

    def _store(self, node: Node, outcome: Outcome) -> None:
        self.outcomes[node] = outcome
        self._trimmed.discard(node)
        if type(outcome) is tuple:
            for array in outcome:
                if array is not None:
                    self._bytes += array.nbytes
        elif isinstance(outcome, Failure):
            self.failures[node] = outcome.error

    def _outcome(self, node: Node, needs: list[Node]) -> Outcome:
        outcomes = self.outcomes
        if node.op.id in ACTING and not self._is_given(node):
            return BLOCKED
        for other in needs:
            if type(outcomes[other]) is not tuple:
                return BLOCKED
        try:
            return self._values(node) if not self.overrides else self._overridden(node)
        except MissingFeed:
            self.unfed.add(node)
            return BLOCKED
        except Cancelled:
            raise
        except NodeflowError as error:
            return Failure(error.at(node.name))

    def _judge(self, node: Node, types: Sequence[TensorType]) -> None:
        """Refuse to compute a node that would take more memory or time than the budget allows.

        Raises:
            OverBudget: the error says how much it would take.
        """
        assert self.budget is not None
        size = size_of(types)
        if size > self.budget.bytes:
            raise OverBudget(f"{bytes_text(size)}: press Run to compute", node=node.name)
        if node.name in self._slow:
            key, attempt = self._slow[node.name]
            if key == self._cost_key(node) or not attempt.has_ended:
                raise _too_slow(node, self.budget)
            del self._slow[node.name]

    def _cost_key(self, node: Node) -> Any:
        """Return a key for the computing time of a node: its op, attributes and input shapes. Nodes
        with equal keys take about the same time.
        """
        shapes = [self._value(tensor).shape for tensor in node.inputs]
        return node.op, repr(sorted(node.attrs.items())), shapes

    def _is_given(self, node: Node) -> bool:
        """Return whether all outputs of a node are overridden."""
        overrides = self.overrides
        return bool(overrides and node.outputs) and all(t in overrides for t in node.outputs)

    def _overridden(self, node: Node) -> Values | _Blocked:
        """Return the values of a node's outputs. Overrides replace computed values; if all outputs
        are overridden, the node does not run.
        """
        given = [self.overrides.get(tensor) for tensor in node.outputs]
        if any(array is None for array in given) or not given:
            computed = self._values(node)
            if not isinstance(computed, tuple):
                return computed
        else:
            computed = (None,) * len(given)
        return tuple(
            known if array is None else as_array(tensor, array)
            for tensor, array, known in zip(node.outputs, given, computed, strict=True)
        )

    def _values(self, node: Node) -> Values | _Blocked:
        op = node.op
        if op.id == "placeholder":
            array = self._feed(node)
            if array is None:
                self.unfed.add(node)
                return BLOCKED
            return (array,)
        if op.id == "variable":
            return (self._read(node),)
        if op.macro:
            return tuple(None if t is None else self._value(t) for t in node.alias)
        inputs, is_static = [], True
        for tensor in node.inputs:
            inputs.append(self._value(tensor))
            is_static = is_static and tensor.type.is_static
        types = [t.type for t in node.outputs]
        if not is_static:
            concrete = [type_of_array(a) for a in inputs]
            types = infer_types(op, concrete, node.attrs, node.name)
        if self.budget is not None:
            self._judge(node, types)
        if op.id in _STABILISED and _may_be_stabilised(node):
            return (self._stabilised(node),)
        values = call_quietly(node, inputs, self._stream_of)
        check_values(node, values, types)
        return values

    def _value(self, tensor: Tensor) -> np.ndarray:
        outcome = self.outcomes[tensor.node]
        assert type(outcome) is tuple
        value = outcome[tensor.index]
        if value is None:
            resolve_alias(tensor)  # raises an error, because there is no such gradient
        assert value is not None
        return value

    def _stabilised(self, node: Node) -> np.ndarray:
        """Compute a node that is part of a numerically stable pattern, such as the logarithm of a
        softmax, together with the nodes before it in the pattern. Return its value.
        """
        schedule = _region(node, self.overrides)
        given = {slot: self._value(tensor) for tensor, slot in schedule.feeds.items()}
        types = schedule.specialise({s: type_of_array(a) for s, a in given.items()})
        rewritten, types = rewrite_schedule(schedule, types, frozenset())
        values = Interpreter(rewritten, types).run(given, self._stream_of)
        (slot,) = schedule.fetches
        assert slot is not None
        value = values[slot]
        assert value is not None
        return value


def _too_slow(node: Node, budget: Budget) -> OverBudget:
    text = f"takes longer than {budget.seconds:g} s: press Run to compute"
    return OverBudget(text, node=node.name)


def _size(outcome: Outcome) -> int:
    """Return the bytes of a node's values."""
    if type(outcome) is not tuple:
        return 0
    return sum(array.nbytes for array in outcome if array is not None)


def _needs(node: Node) -> list[Node]:
    """Return the nodes whose values are needed to compute a node.

    A variable needs no other values.
    """
    if node.op.id == "variable":
        return []
    needs = [tensor.node for tensor in node.inputs]
    if node.control_inputs:
        needs += node.control_inputs
    if node.alias:
        needs += [tensor.node for tensor in node.alias if tensor is not None]
    return needs


# ---- stabilised patterns ------------------------------------------------------------------------

_STABILISED = frozenset(("log", "multiply"))
PATTERN = frozenset(
    "log multiply softmax sigmoid identity subtract constant reduce_sum add negative divide".split()
)
"""The ops that occur in patterns of the stabilising rewrite (`schedule/stabilise.py`)."""


def _may_be_stabilised(node: Node) -> bool:
    """Return whether a node may end a pattern that is computed in a numerically stable way, such as
    the logarithm of a softmax or sigmoid.
    """
    made = resolve_alias(node.inputs[-1]).node
    while made.op.id == "identity":
        made = resolve_alias(made.inputs[0]).node
    if made.op.id == "subtract":
        made = resolve_alias(made.inputs[1]).node
        while made.op.id == "identity":
            made = resolve_alias(made.inputs[0]).node
        return made.op.id == "sigmoid"
    return made.op.id == "softmax" or (node.op.id == "log" and made.op.id == "sigmoid")


def _region(node: Node, overrides: Collection[Tensor]) -> Schedule:
    """Return a small schedule that computes a node together with its predecessors, as far as they
    may form a numerically stable pattern with it.

    All other inputs, and every overridden tensor, are fed.
    """
    schedule = Schedule()
    slots: dict[Tensor, int] = {}

    def slot_of(tensor: Tensor) -> int:
        if tensor not in slots:
            slots[tensor] = len(schedule.slots)
            schedule.slots.append(tensor)
        return slots[tensor]

    def is_fed(tensor: Tensor) -> bool:
        return tensor.node.op.id not in PATTERN or tensor in overrides

    done: set[Node] = set()
    stack = [node]
    while stack:
        made = stack[-1]
        sources = [resolve_alias(tensor) for tensor in made.inputs]
        inner = [t.node for t in sources if not is_fed(t) and t.node not in done]
        if made not in done and inner:
            stack += inner
            continue
        stack.pop()
        if made in done:
            continue
        done.add(made)
        for tensor in sources:
            if is_fed(tensor):
                schedule.feeds[tensor] = slot_of(tensor)
        inputs = tuple(slot_of(tensor) for tensor in sources)
        schedule.steps.append(Step(made, inputs, tuple(slot_of(t) for t in made.outputs)))
    schedule.fetches = [slots[node.outputs[0]]]
    return schedule
