"""The op contract: a declaration that can also be computed, differentiated and compiled.

Contract tests enumerate the ops and compare each declaration with computed results.
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
    """The result of a macro op: tensors that its outputs stand for, and nodes to run before it."""

    alias: tuple[Tensor | None, ...] = ()
    control_inputs: tuple[Node, ...] = ()


class Op(NodeDeclaration):
    """The base class of all ops; subclasses define the declaration and the methods.

    ``infer``, ``reference`` and ``lower`` take inputs by position (variadic ones flattened, missing
    optional ones omitted) and attributes by keyword, already checked and complete.
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

    own_gradient = False
    """A macro op whose ``gradient`` replaces the gradients of the nodes that it stands for."""

    transparent = False
    """A macro op whose outputs are other nodes' tensors. Consumers get these tensors instead."""

    widens = True
    """`evaluate` gives it float16 and bfloat16 as float32, and rounds its results."""

    of_program = False
    """Calls a Python function of the program, so that no file can hold it."""

    run_time: tuple[str, ...] = ()
    """Attributes of a macro op whose values a training may change between two steps."""

    def constants(self, attrs: Mapping[str, Any]) -> Mapping[str, tuple[str, float]]:
        """Return constants for the attributes that may change between runs (`run_time`): a dict
        from the constant's name to (attribute, value).
        """
        values = {name: attrs.get(name) for name in self.run_time}
        return {name: (name, float(v)) for name, v in values.items() if v is not None}

    def for_edits(self, inputs: Sequence[Tensor | None], attrs: Mapping[str, Any]) -> Op:
        """Return an op with bit-identical results whose `run_time` attributes are constants, so
        that changes of them need no new graph; by default this op.
        """
        return self

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        """Check inputs for errors that their types do not show, such as a tensor that comes from
        the wrong kind of node.

        Raises:
            GraphError: with ``port`` set.
        """

    def gradient(self, node: Node, *grads: Any) -> Sequence[Tensor | None]:
        """Add the nodes of the op's gradient to the graph: return the gradient of each input, given
        the gradient of each output.

        An op with several outputs gets None for outputs that the result does not depend on. None in
        the result means that no gradient flows to that input; by default, this is so for all
        inputs. If the op broadcasts, the gradients may have the output's shape, because the caller
        sums them to the input's shape.
        """
        return [None] * len(node.inputs)

    differentiable = False
    """True if ``gradient`` is defined; contract tests then check finite differences."""
    hint_without_gradient = "Insert stop_gradient before it, or use another op."
    """The hint of the error if a gradient is requested and the op has none."""

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Any:
        """Return outputs as numpy arrays of exactly the inferred dtypes, without changing the
        inputs.
        """
        raise NotImplementedError(self.id)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        """Return a description of the op, such as a formula, that its kernels are compiled from
        (see ``nodeflow.ops.lowering``). Return None if the op has no kernel and always runs
        `reference`.
        """
        return None

    def expand(self, graph: Graph, name: str, inputs: Sequence[Tensor], **attrs: Any) -> Expansion:
        """Add the nodes that a macro op, such as a layer, consists of to the graph. This method is
        called inside the name scope of the macro node.
        """
        raise NotImplementedError(self.id)

    def samples(self) -> Iterable[Sample]:
        """Return example calls for the contract tests, with distinct sizes per axis."""
        return ()

    def __repr__(self) -> str:
        return f"<op {self.id}>"
