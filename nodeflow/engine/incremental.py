"""Values of a graph's nodes by reference, kept until what they depend on changes.

A session runs its fetches as a whole. Here the value of each node is kept; after an edit only what
depends on it is computed again, and only where it is wanted. The values are those of
`Session.run` in the reference tier, bit for bit: the same references on the same types, and
logarithms of probabilities stabilised. Nothing is assigned: nodes that act are left out, with what
depends on them. Any tensor can be given another value, as a feed gives it in a run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nodeflow.engine.feeds import as_array
from nodeflow.engine.interpreter import Interpreter, call_quietly, check_values
from nodeflow.engine.left_behind import Attempt, overdue
from nodeflow.engine.memory import Budget, size_of
from nodeflow.engine.plan.passes import rewrite_schedule
from nodeflow.engine.rng import Stream
from nodeflow.engine.schedule.schedule import Schedule, Step, resolve_alias
from nodeflow.errors import Cancelled, MissingFeed, NodeflowError, OverBudget
from nodeflow.graph import activity
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.infer import infer_types
from nodeflow.graph.interrupt import interruptible
from nodeflow.graph.types import TensorType, type_of_array
from nodeflow.number_text import bytes_text

ACTING = frozenset(("assign", "print"))
MOST_BYTES = 1 << 29
"""Values kept between two evaluations; beyond it they are computed again where needed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A node that failed; what depends on it has no value."""

    error: NodeflowError


class _Blocked:
    """A node that acts, that nothing is fed to, or that depends on one without a value."""


BLOCKED = _Blocked()
Values = tuple[np.ndarray | None, ...]
"""The values of a node's outputs; None for a gradient that does not exist."""
Outcome = Values | Failure | _Blocked


class IncrementalRun:
    """Computes nodes of a graph that may change, and keeps their values.

    Args:
        users: node -> the nodes that read it, wait for it or stand for it; kept up to date by
            the owner of the graph.
        feed: the value of a placeholder, None where it has none; may raise.
        read: the value of a variable; may raise NotInitialized.
        stream_of: the random stream of a node.

    Attributes:
        outcomes: what is known; nodes that are not in it were forgotten or never needed.
        cancelled: set from another thread to end a computation that is going on.
        budget: what one node may take; None for any amount.
        overrides: arrays that tensors have instead of what would be computed; whoever changes it
            forgets the nodes. Tensors that stand for others (`resolve_alias`) are none of them.
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
        self._bytes = 0  # at least what is kept: `forget` does not count
        self._trimmed: set[Node] = set()

    def forget(self, nodes: Iterable[Node]) -> set[Node]:
        """Forgets the values of nodes and of all that depends on them; returns those nodes.

        Users of what was not known are not known either, and are not looked at.
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
        """Computes nodes, and what they need, as far as that is not known.

        With a `budget`, a node that takes too long fails, and the others go on without it.

        Args:
            computed: takes the values of each node before memory may be given back.
            seconds: stop after the node that runs when so many seconds are over.

        Returns:
            False if time was over before all were computed.

        Raises:
            Cancelled: `cancelled` was set; what was computed so far stays.
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
        """Goes on without a node that takes too long."""
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
        opened: dict[Node, list[Node]] = {}  # what they need is above them on the stack
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
                    continue  # memory was given back: they are needed once more
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
        """Gives memory back if too much is kept; the oldest values go first.

        Args:
            needed: nodes whose values stay.
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
        """Refuses what would take more than the budget, before it is computed.

        Raises:
            OverBudget: says how much it would take.
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
        """What the time that a node takes depends on."""
        shapes = [self._value(tensor).shape for tensor in node.inputs]
        return node.op, repr(sorted(node.attrs.items())), shapes

    def _is_given(self, node: Node) -> bool:
        """Whether nothing of a node has to be computed."""
        overrides = self.overrides
        return bool(overrides and node.outputs) and all(t in overrides for t in node.outputs)

    def _overridden(self, node: Node) -> Values | _Blocked:
        """The values of a node's outputs, with those that are given."""
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
            resolve_alias(tensor)  # raises: there is no such gradient
        assert value is not None
        return value

    def _stabilised(self, node: Node) -> np.ndarray:
        """The value of what is stabilised together with the nodes around it."""
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
    """The bytes of a node's values."""
    if type(outcome) is not tuple:
        return 0
    return sum(array.nbytes for array in outcome if array is not None)


def _needs(node: Node) -> list[Node]:
    """The nodes that have to have values before a node; a variable keeps its own."""
    if node.op.id == "variable":
        return []
    needs = [tensor.node for tensor in node.inputs]
    if node.control_inputs:
        needs += node.control_inputs
    if node.alias:
        needs += [tensor.node for tensor in node.alias if tensor is not None]
    return needs


# ---- what is stabilised -------------------------------------------------------------------------

_STABILISED = frozenset(("log", "multiply"))
PATTERN = frozenset(
    "log multiply softmax sigmoid identity subtract constant reduce_sum add negative divide".split()
)
"""The ops that the rewrite looks at (`schedule/stabilise.py`); it looks through no others."""


def _may_be_stabilised(node: Node) -> bool:
    """Says whether a logarithm, or a product, is of a softmax or a sigmoid."""
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
    """A schedule of a node and of what the rewrite looks at before it; the rest is fed, and so is
    what has a value of its own."""
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
