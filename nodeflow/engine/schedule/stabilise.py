"""The rewrite ``stabilise``: stable formulas for logarithms of softmax and sigmoid, and their
gradients.

If a softmax or sigmoid underflows to 0, its logarithm is minus infinity, and the gradient,
built from the graph as written, divides by that 0. The combined formulas stay finite:

    log(softmax(x)) = log_softmax(x)       its gradient: h - softmax(x) * sum(h)
    log(sigmoid(x)) = -softplus(-x)                      h * (1 - sigmoid(x))
    log(1 - sigmoid(x)) = -softplus(x)                   -h * sigmoid(x)

The rewrite acts on schedules, so both tiers compute the same. Fetched intermediate values (the
probabilities, and gradients with respect to them) are computed as written. Values that were
right before change only by rounding; `docs/correctness.md` states the tolerance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nodeflow.engine.schedule.schedule import Schedule, Step
from nodeflow.graph.graph import Node
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType, normalize_axes, normalize_axis

Term = tuple[bool, int]
"""A slot in a sum, and whether it is subtracted."""


def stabilise(schedule: Schedule, types: Sequence[TensorType]) -> tuple[Schedule, list[TensorType]]:
    """Make the logarithms of softmax and sigmoid, and their gradients, numerically stable.

    Args:
        types: types of the schedule's slots, as concrete as known.

    Returns:
        The schedule and its types, with new slots at the end; unchanged if there is nothing to do.
    """
    used = {step.node.op.id for step in schedule.steps}
    if used.isdisjoint(("softmax", "sigmoid")):
        return schedule, list(types)
    return _Stabiliser(schedule, types).run()


class _Stabiliser:
    """The state of one rewrite.

    Attributes:
        maker: for each slot, the original step that makes it.
        logs: for the slot of a softmax, the slot of its log_softmax.
    """

    def __init__(self, schedule: Schedule, types: Sequence[TensorType]) -> None:
        self.given = schedule
        self.slots = list(schedule.slots)
        self.types = list(types)
        self.steps: list[Step] = []
        self.notes: list[str] = []
        self.maker = {slot: step for step in schedule.steps for slot in step.outputs}
        self.logs: dict[int, int] = {}

    def run(self) -> tuple[Schedule, list[TensorType]]:
        loose: list[int] = []
        for step in self.given.steps:
            if self._replaced(step):
                loose += step.inputs
            else:
                self.steps.append(step)
        if not self.notes:
            return self.given, self.types
        dead = self._unused(loose)
        steps = [s for s in self.steps if s.outputs not in dead]
        notes = [*self.given.rewritten, *(("stabilise", note) for note in self.notes)]
        new = replace(self.given, slots=self.slots, steps=steps, rewritten=tuple(notes))
        return new, self.types

    def _replaced(self, step: Step) -> bool:
        """If a step matches a numerically unstable pattern, add stable steps that replace it.
        Return whether it matched.
        """
        if step.node.op.id == "log":
            return self._logarithm(step)
        if step.node.op.id == "multiply":
            return self._softmax_gradient(step) or self._sigmoid_gradient(step)
        return False

    def _unused(self, loose: list[int]) -> set[tuple[int, ...]]:
        """Return the outputs of steps that have become unused, because the slots ``loose`` have
        lost a reader. Include steps that become unused in turn.
        """
        uses = Counter(s for step in self.steps for s in step.inputs)
        uses.update(s for s in (*self.given.fetches, *self.given.writes.values()) if s is not None)
        dead: set[tuple[int, ...]] = set()
        while loose:
            step = self.maker.get(loose.pop())
            if step and step.outputs not in dead and not any(uses[s] for s in step.outputs):
                dead.add(step.outputs)
                uses.subtract(step.inputs)
                loose += step.inputs
        return dead

    # ---- patterns -----------------------------------------------------------------------------

    def _logarithm(self, step: Step) -> bool:
        """Replace log(softmax(x)) by log_softmax(x), and log(sigmoid(x)) by -softplus(-x)."""
        (out,) = step.outputs
        rest, p = self._probability(step.inputs[0])
        softmax, sigmoid = self._made(p, "softmax"), self._made(p, "sigmoid")
        if softmax is not None and not rest:
            self._log_softmax(step, p, out)
            self._note(step, f"log_softmax({self._name(p)})")
        elif sigmoid is not None:
            (x,) = sigmoid.inputs
            power = x if rest else self._apply(step, "negative", (x,))
            self._apply(step, "negative", (self._apply(step, "softplus", (power,)),), out)
            self._note(step, f"-softplus({'' if rest else '-'}{self._name(p)})")
        else:
            return False
        return True

    def _softmax_gradient(self, step: Step) -> bool:
        """Replace the gradient of a logarithm of a softmax p by a form that does not divide by p.

        (g - sum(g * p)) * p becomes h + p * (r - sum(p * r + h)), where g = r + h / p. Return
        whether the step had this form.
        """
        found = self._softmax_factors(step)
        if found is None:
            return False
        p, g, axis = found
        rest, over = self._split(g, p, (False, p))
        if not over:
            return False
        along = {"axis": (axis,), "keepdims": True}
        h = self._sum(step, over)
        if not rest:
            total = self._apply(step, "reduce_sum", (h,), **along)
            power = self._apply(step, "exp", (self._log_softmax(step, p),))
            scaled = self._apply(step, "multiply", (power, total))
            self._apply(step, "subtract", (h, scaled), step.outputs[0])
        else:
            r = self._sum(step, rest)
            product = self._apply(step, "add", (self._apply(step, "multiply", (p, r)), h))
            total = self._apply(step, "reduce_sum", (product,), **along)
            scaled = self._apply(step, "multiply", (p, self._apply(step, "subtract", (r, total))))
            self._apply(step, "add", (h, scaled), step.outputs[0])
        self._note(step, f"a gradient of log_softmax({self._name(p)})")
        return True

    def _softmax_factors(self, step: Step) -> tuple[int, int, int] | None:
        """Match a step with the gradient of softmax, (g - sum(g * p)) * p, where p is a softmax.
        Return the slots of p and g, and the axis; None if the step has another form.
        """
        difference, p = step.inputs
        softmax, outer = self._made(p, "softmax"), self._made(difference, "subtract")
        reduced = outer and self._made(outer.inputs[1], "reduce_sum")
        inner = reduced and self._made(reduced.inputs[0], "multiply")
        if softmax is None or outer is None or reduced is None or inner is None:
            return None
        g, rank = outer.inputs[0], self.types[p].ndims
        if rank is None:
            return None
        axis = normalize_axis(softmax.node.attrs["axis"], rank)
        along = normalize_axes(reduced.node.attrs["axis"], rank) == (axis,)
        fits = along and reduced.node.attrs["keepdims"] and inner.inputs == (g, p)
        return (p, g, axis) if fits else None

    def _sigmoid_gradient(self, step: Step) -> bool:
        """Replace the gradient of a logarithm of a sigmoid p by a form that does not divide by p or
        q, where q = 1 - p.

        g * p * q becomes r * p * q + h * q + k * p, where g = r + h / p + k / q. Return whether the
        step had this form.
        """
        product, q = step.inputs
        (is_rest, p), inner = self._probability(q), self._made(product, "multiply")
        if not is_rest or self._made(p, "sigmoid") is None or inner is None or inner.inputs[1] != p:
            return False
        rest, over, over_rest = self._split(inner.inputs[0], p, (False, p), (True, p))
        if not over and not over_rest:
            return False
        products: list[Term] = []
        for terms, factors in ((rest, (p, q)), (over, (q,)), (over_rest, (p,))):
            if terms:
                value = self._sum(step, terms)
                for factor in factors:
                    value = self._apply(step, "multiply", (value, factor))
                products.append((False, value))
        self._sum(step, products, step.outputs[0])
        self._note(step, f"a gradient of log(sigmoid({self._name(p)}))")
        return True

    def _split(self, g: int, p: int, *divisors: tuple[bool, int]) -> list[list[Term]]:
        """Split a sum, the slot ``g``, into lists of terms: first the terms without divisor, then
        for each divisor the numerators of the terms that are divided by it.

        Terms that are broadcast are not split further.
        """
        parts: list[list[Term]] = [[] for _ in range(len(divisors) + 1)]
        type_ = self.types[p]
        stack = [(False, g)]
        while stack:
            minus, slot = stack.pop()
            step = self._made(slot, "add", "negative", "divide")
            if step is not None and any(self.types[s] != type_ for s in step.inputs):
                step = None
            op_id = step and step.node.op.id
            if step is None or not type_.is_static:
                parts[0].append((minus, slot))
            elif op_id == "divide":
                divisor = self._probability(step.inputs[1])
                if divisor in divisors:
                    parts[divisors.index(divisor) + 1].append((minus, step.inputs[0]))
                else:
                    parts[0].append((minus, slot))
            else:
                stack += [(minus != (op_id == "negative"), s) for s in reversed(step.inputs)]
        return parts

    def _made(self, slot: int, *ops: str) -> Step | None:
        """Return the step that makes a slot if its op is one of ``ops``, else None."""
        step = self.maker.get(slot)
        return step if step is not None and step.node.op.id in ops else None

    def _probability(self, slot: int) -> tuple[bool, int]:
        """Match a slot with the form 1 - p. Return (True, p) if it has this form, else (False, p)
        with p as the slot itself. Identity ops are looked through.
        """
        slot = self._original(slot)
        step = self._made(slot, "subtract")
        one = step and self._made(step.inputs[0], "constant")
        if step is None or one is None or self.types[step.inputs[1]] != self.types[slot]:
            return False, slot
        is_one = np.all(np.equal(one.node.attrs["value"], 1))
        return (True, self._original(step.inputs[1])) if is_one else (False, slot)

    def _original(self, slot: int) -> int:
        while (step := self._made(slot, "identity")) is not None:
            (slot,) = step.inputs
        return slot

    def _name(self, p: int) -> str:
        """Return the name of the tensor that is the input of a softmax or sigmoid. ``p`` is the
        slot of the result.
        """
        return self.slots[self.maker[p].inputs[0]].name

    # ---- new steps ----------------------------------------------------------------------------

    def _apply(
        self, old: Step, op_id: str, inputs: Sequence[int], out: int | None = None, **attrs: object
    ) -> int:
        """Append a step that applies an op, as part of the numerically stable replacement for the
        step ``old``.

        Return the slot of its result, which is ``out`` if given.
        """
        op = REGISTRY.lookup(op_id)
        name = old.node.name if out is not None else f"{old.node.name}/{op_id}"
        bound = op.bind_attrs(attrs)
        (type_,) = infer_types(op, [self.types[s] for s in inputs], bound, name)
        tensors = tuple(self.slots[s] for s in inputs)
        node = Node(
            old.node.graph, old.node.index, name, op, bound, tensors, (), [type_],
            old.node.derived_from, (),
        )  # fmt: skip
        if out is None:
            out = len(self.slots)
            self.slots.append(node.outputs[0])
            self.types.append(type_)
        self.steps.append(Step(node, tuple(inputs), (out,)))
        return out

    def _log_softmax(self, old: Step, p: int, out: int | None = None) -> int:
        """Return the slot of the logarithm of a softmax, computed by a log_softmax step. The slot
        is ``out`` if given.

        If only the gradient needs the softmax, it uses the exponential of this logarithm, so the
        softmax is not computed at all.
        """
        if out is None and p in self.logs:
            return self.logs[p]
        softmax = self.maker[p]
        axis = softmax.node.attrs["axis"]
        slot = self._apply(old, "log_softmax", softmax.inputs, out, axis=axis)
        return self.logs.setdefault(p, slot)

    def _sum(self, old: Step, terms: list[Term], out: int | None = None) -> int:
        """Append steps that add or subtract the given terms, at least one. Return the slot of the
        total.
        """
        (minus, total), *others = sorted(terms, key=lambda term: term[0])
        if minus:
            total = self._apply(old, "negative", (total,), None if others else out)
        elif not others and out is not None:
            self._apply(old, "identity", (total,), out)
        for index, (minus, slot) in enumerate(others):
            target = out if index == len(others) - 1 else None
            op_id = "subtract" if minus else "add"
            total = self._apply(old, op_id, (total, slot), target)
        return total

    def _note(self, step: Step, what: str) -> None:
        self.notes.append(f"{step.node.name} is {what}")
