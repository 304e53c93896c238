"""Schedules: the ancestors of a set of fetches as a straight list of steps.

A schedule is in single-assignment form: each slot is written once. A read of a variable has its own
slot, a read after an assign uses the assign's slot, and the value that the run commits to each
variable is one slot. Both tiers execute schedules, so only this module defines the meaning of
variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from operator import attrgetter, is_not
from typing import NamedTuple

from nodeflow.engine.gc_pause import uncollected
from nodeflow.errors import AssignOrderError, FetchError, ShapeError, SurfaceText
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.types import TensorType

Target = Tensor | Node


class Step(NamedTuple):
    """One application of an op, with the slots of its inputs and outputs."""

    node: Node
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass
class Schedule:
    """The steps to run for one set of fetches and fed tensors, in order.

    Attributes:
        slots: the tensor whose value each slot contains.
        steps: applications of ops in an order that respects data, control inputs and variables.
        feeds: slot of each fed tensor and of each placeholder that must be fed.
        reads: slot of each variable's value from before the run.
        writes: slot of the value that the run stores in each variable.
        fetches: slot of each fetched tensor, None for a node without outputs.
        initializers: nodes that give variables their initial values, before anything else.
        rewritten: pairs (id of a rewrite of the schedule, description of its change).
        delayed: for the first output of a step, a slot for which the step waits without reading
            it, which saves memory (`recompute`).
        repeated: outputs of steps that recompute dropped values.
        is_mixed: whether products round their float32 factors to bfloat16.
    """

    slots: list[Tensor] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    feeds: dict[Tensor, int] = field(default_factory=dict)
    reads: dict[Node, int] = field(default_factory=dict)
    writes: dict[Node, int] = field(default_factory=dict)
    fetches: list[int | None] = field(default_factory=list)
    initializers: list[Node] = field(default_factory=list)
    rewritten: tuple[tuple[str, str], ...] = ()
    delayed: dict[int, int] = field(default_factory=dict)
    repeated: frozenset[int] = frozenset()
    is_mixed: bool = False

    @cached_property
    def assigns(self) -> tuple[Node, ...]:
        """The assign nodes of the schedule. They are cached because every run needs them."""
        return tuple(step.node for step in self.steps if is_assign(step.node))

    def last_uses(self) -> list[int]:
        """Return for each slot the index of the last step that uses it, or else of the step that
        makes it.

        The index is -1 if no step does either (a feed that is only fetched). Fetched and
        assigned slots are used at the end: ``len(steps)``.
        """
        last = [-1] * len(self.slots)
        for index, step in enumerate(self.steps):
            for slot in (*step.inputs, *step.outputs):
                last[slot] = index
        for slot in [*self.writes.values(), *(f for f in self.fetches if f is not None)]:
            last[slot] = len(self.steps)
        return last

    def specialise(self, given: Mapping[int, TensorType]) -> list[TensorType]:
        """Return the concrete types of all slots, given the types of feeds and reads.

        Raises:
            GraphError: shapes that were unknown while building do not fit together.
        """
        types = [tensor.type for tensor in self.slots]
        for slot, concrete in given.items():
            types[slot] = concrete
        for step in self.steps:
            node = step.node
            inputs = [types[s] for s in step.inputs]
            if is_assign(node):
                _check_assign(node, inputs)
                types[step.outputs[0]] = inputs[-1]
            elif any(map(is_not, inputs, [u.type for u in node.inputs])):
                outs = infer_types(node.op, inputs, node.attrs, node.name)
                for slot, out in zip(step.outputs, outs, strict=True):
                    types[slot] = out
        return types


def is_variable(node: Node) -> bool:
    return node.op.id == "variable"


def is_placeholder(node: Node) -> bool:
    return node.op.id == "placeholder"


def is_assign(node: Node) -> bool:
    return node.op.id == "assign"


def resolve_alias(tensor: Tensor) -> Tensor:
    """Return the inner tensor that an output of a macro node is an alias of; any other tensor
    unchanged.

    Raises:
        FetchError: there is no such tensor (the gradient of an input that the loss does not reach).
    """
    while tensor.node.alias:
        target = tensor.node.alias[tensor.index]
        if target is None:
            raise FetchError(
                "there is no gradient: the loss does not depend on this input",
                node=tensor.node.name,
                port=tensor.node.op.output_name(tensor.index),
            )
        tensor = target
    return tensor


@uncollected
def build_schedule(targets: Sequence[Target], fed: Iterable[Tensor]) -> Schedule:
    """Order the nodes that ``targets`` depend on. The ``fed`` tensors are given.

    Raises:
        AssignOrderError: two assigns to one variable have no order between them.
    """
    return _Builder(targets, [resolve_alias(t) for t in fed]).build()


class _Builder:
    """The builder of one schedule."""

    def __init__(self, targets: Sequence[Target], fed: Iterable[Tensor]) -> None:
        self.targets = [resolve_alias(t) if isinstance(t, Tensor) else t for t in targets]
        self.fed = set(fed)
        self.schedule = Schedule()
        self.slot_of: dict[Tensor, int] = {}
        self.bits: dict[Node, int] = {}
        """One bit for each assign that runs."""
        self.assigns: dict[Node, list[Node]] = {}
        """The assigns to each variable, in the graph's order."""
        self.after: dict[Node, int] = {}
        """For each node, the bits of the assigns that run before the node's consumers."""

    def build(self) -> Schedule:
        nodes = self._needed()
        for node in nodes:
            if is_assign(node):
                self.bits[node] = 1 << len(self.bits)
                self.assigns.setdefault(_assigned(node), []).append(node)
        for node in nodes:
            self._add(node)
        for variable, assigns in self.assigns.items():
            self._check_order(variable, assigns)
            self.schedule.writes[variable] = self.slot_of[assigns[-1].outputs[0]]
        self.schedule.fetches = [
            self._slot(t, 0) if isinstance(t, Tensor) else None for t in self.targets
        ]
        return self.schedule

    def _needed(self) -> list[Node]:
        """Return the nodes that the targets depend on, in the topological order in which they were
        added to the graph.
        """
        seen: set[Node] = set()
        stack = [self._producer(t) if isinstance(t, Tensor) else t for t in self.targets]
        while stack:
            node = stack.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            stack.extend(node.control_inputs)
            stack.extend([self._producer(t) for t in _data_inputs(node)])
        return sorted(seen, key=attrgetter("index"))

    def _producer(self, tensor: Tensor) -> Node | None:
        tensor = resolve_alias(tensor)
        return None if tensor in self.fed else tensor.node

    def _add(self, node: Node) -> None:
        before = 0
        if self.bits:
            before = self._assigns_before(node)
            self.after[node] = before | self.bits.get(node, 0)
        if is_variable(node) or is_placeholder(node) or node.op.macro:
            return
        if node.op.id == "initialize":
            self.schedule.initializers.append(node)
            return
        inputs = tuple([self._slot(t, before) for t in _data_inputs(node)])
        outputs = tuple([self._new_slot(t) for t in node.outputs])
        self.schedule.steps.append(Step(node, inputs, outputs))

    def _assigns_before(self, node: Node) -> int:
        """Return a bit mask of the assign nodes that run before ``node``, because it depends on
        them by data or control inputs.
        """
        mask = 0
        for tensor in _data_inputs(node):
            producer = self._producer(tensor)
            if producer is not None:
                mask |= self.after[producer]
        for control in node.control_inputs:
            mask |= self.after[control]
        return mask

    def _new_slot(self, tensor: Tensor) -> int:
        slot = len(self.schedule.slots)
        self.schedule.slots.append(tensor)
        self.slot_of.setdefault(tensor, slot)
        return slot

    def _slot(self, tensor: Tensor, before: int) -> int:
        """Return the slot with the value of ``tensor`` that a node reads. If the node runs after
        some of the assigns to a variable, given as the bits ``before``, this is the newly assigned
        value.
        """
        if not before and (known := self.slot_of.get(tensor)) is not None:
            return known
        tensor = resolve_alias(tensor)
        node = tensor.node
        if before and is_variable(node):
            for assign in reversed(self.assigns.get(node, ())):
                if self.bits[assign] & before:
                    return self.slot_of[assign.outputs[0]]
        if tensor in self.slot_of:
            return self.slot_of[tensor]
        slot = self._new_slot(tensor)
        if tensor in self.fed or is_placeholder(node):
            self.schedule.feeds[tensor] = slot
        elif is_variable(node):
            self.schedule.reads[node] = slot
        else:
            raise AssertionError(f"{tensor.name} is used before it is computed")
        return slot

    def _check_order(self, variable: Node, assigns: list[Node]) -> None:
        for first, second in pairwise(assigns):
            if first.attrs["each_step"] and second.attrs["each_step"]:
                # If layers share a variable, each assigns to it once per step. The last assign
                # counts.
                continue
            if not self._assigns_before(second) & self.bits[first]:
                raise AssignOrderError(
                    f"{first.name} and {second.name} both assign to {variable.name}, "
                    "and nothing says which comes first",
                    node=variable.name,
                    hint=SurfaceText(
                        "Put one under control_dependencies of the other.",
                        window="Draw a wire from the done port of one to the other.",
                    ),
                )


def _data_inputs(node: Node) -> Sequence[Tensor]:
    """Return the tensors whose values a node reads in a run. A variable that a node assigns to is
    not read.
    """
    kind = node.op.id
    if kind == "variable":
        return ()  # only Session.initialize uses its initial value
    if kind == "assign":
        return node.inputs[1:]  # the variable itself is named, not read
    return [t for t in node.alias if t is not None] if node.op.macro else node.inputs


def _assigned(assign: Node) -> Node:
    variable = resolve_alias(assign.inputs[0]).node
    if not is_variable(variable):
        raise FetchError(
            f"assign needs a variable, and {variable.name} is a {variable.op.id}",
            node=assign.name,
            port=assign.op.input_name(0),
            hint="Wire the variable itself into it.",
        )
    return variable


def _check_assign(node: Node, inputs: Sequence[TensorType]) -> None:
    variable, value = node.inputs[0].type, inputs[-1]
    if not variable.accepts(value):
        raise ShapeError(
            f"{value} does not fit the variable {node.inputs[0].name}, which is {variable}",
            node=node.name,
            port=node.op.input_name(1),
        )
