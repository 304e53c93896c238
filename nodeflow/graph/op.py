"""The op contract: a declaration that can also be computed, differentiated and compiled.

Contract tests enumerate the ops and check what each declares against what it computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.types import TensorType

if TYPE_CHECKING:
    from nodeflow.graph.graph import Graph, Node, Tensor


@dataclass(frozen=True)
class Sample:
    """One example call of an op, for the contract tests: input arrays and attributes.

    ``smooth``: the op is twice differentiable around the float64 inputs, so that gradients can be
    compared with finite differences.
    """

    inputs: tuple[np.ndarray, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    smooth: bool = False


@dataclass(frozen=True)
class Expansion:
    """What a macro op derived: tensors its outputs stand for, and nodes to run before it."""

    alias: tuple[Tensor | None, ...] = ()
    control_inputs: tuple[Node, ...] = ()


class Op(NodeDeclaration):
    """Base of all ops; subclasses fill in the declaration and the methods.

    ``infer``, ``reference`` and ``lower`` take inputs by position (variadic ones flattened,
    missing optional ones left out) and attributes by keyword, already checked and complete.
    """

    random = False
    """Draws random numbers: ``reference`` gets ``stream=`` and sharing never merges it."""
    stateful = False
    """Has an effect or an identity: never folded, shared or removed while fetched."""
    counted = False
    """``reference`` gets ``execution=``: how often the node ran before in its session."""
    broadcasts = False
    """Inputs broadcast; the gradient sweep sums over broadcast axes for it."""
    macro = False
    """``expand`` derives the nodes that do the work when the node is added to a graph."""

    transparent = False
    """A macro op whose outputs are other nodes' tensors; what uses them gets those instead."""

    widens = True
    """`evaluate` hands it float16 and bfloat16 as float32, and rounds what it returns."""

    run_time: tuple[str, ...] = ()
    """Attributes of a macro op whose values a training may change between two steps."""

    def constants(self, attrs: Mapping[str, Any]) -> Mapping[str, tuple[str, float]]:
        """The constants that it derives for them: name -> (attribute, value)."""
        values = {name: attrs.get(name) for name in self.run_time}
        return {name: (name, float(v)) for name, v in values.items() if v is not None}

    def for_edits(self, inputs: Sequence[Tensor | None], attrs: Mapping[str, Any]) -> Op:
        """The op that computes the same, to the bit, and has `run_time` attributes; or this one."""
        return self

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        """Refuse inputs by where they come from, which types do not tell.

        Raises:
            GraphError: with ``port`` set.
        """

    def gradient(self, node: Node, *grads: Any) -> Sequence[Tensor | None]:
        """Gradients with respect to each input, from those of each output, as graph tensors.

        An op with several outputs gets None for those that the result does not depend on.

        Where the op broadcasts, the result has the output's shape: the sweep sums it. None means
        that no gradient flows. The default says that the op has no gradient.
        """
        return [None] * len(node.inputs)

    differentiable = False
    """True when ``gradient`` is defined; contract tests then check finite differences."""
    hint_without_gradient = "Insert stop_gradient before it, or use another op."
    """What to do where a gradient is asked for and there is none."""

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Any:
        """Outputs as numpy arrays of exactly the inferred dtypes; inputs are never changed."""
        raise NotImplementedError(self.id)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        """How the compiled tier computes it (``nodeflow.ops.lowering``); None: by reference."""
        return None

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        """Derive nodes (macro ops only); called inside the scope of the node's own name."""
        raise NotImplementedError(self.id)

    def samples(self) -> Iterable[Sample]:
        """Example calls for the contract tests, with distinct sizes per axis."""
        return ()

    def __repr__(self) -> str:
        return f"<op {self.id}>"
