"""Lowerings that need no separate kernel: aliases, known values, and ops composed of simpler
ones.
"""

from __future__ import annotations

from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.kernels.kernel import LoweringRule
from nodeflow.engine.kernels.registry import handles, rule_of
from nodeflow.graph.graph import Node
from nodeflow.ops.lowering import Alias, Composite, Known


@handles(Alias)
class AliasRule(LoweringRule[Alias]):
    """The rule for an output that shares the input's memory."""

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: Alias,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        actions.share_storage(outputs[0], inputs[0])


@handles(Known)
class KnownRule(LoweringRule[Known]):
    """The rule for an output that is a constant of the plan."""

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: Known,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        actions.set_constant(outputs[0], lowering.value)


@handles(Composite)
class CompositeRule(LoweringRule[Composite]):
    """The rule for an op composed of parts. A part reads the results of earlier parts."""

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: Composite,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        slots = dict(zip(lowering.inputs, inputs, strict=True))
        results = dict(zip(lowering.outputs, outputs, strict=True))
        for part in lowering.parts:
            read = tuple(slots[name] for name in part.inputs)
            written = ((part.name, part.type), *part.more)
            for name, type_ in written:
                slots[name] = results[name] if name in results else actions.new_slot(type_)
            made = tuple(slots[name] for name, _ in written)
            rule_of(part.lowering).lower(actions, node, part.lowering, read, made)

    def checks_elements(self, lowering: Composite) -> bool:
        return any(rule_of(part.lowering).checks_elements(part.lowering) for part in lowering.parts)
