"""Attributes that a tensor may give in a run: the base of ops that take shapes.

``reshape`` has the attribute `shape` and an in-port of the same name. A connected port overrides
the attribute. Inference uses the part of its value that is known before a run (`TensorType.value`),
and a run usually knows all of it: then the op is compiled as if the attribute had been written. A
value that depends on data is `LATER`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nodeflow.errors import MissingInput, NodeflowError, RunError, ShapeError
from nodeflow.graph.declaration import Port, StandIn
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.inference.constant_propagation import known_value
from nodeflow.graph.op import Op
from nodeflow.graph.shapes import UNKNOWN, Dim, Shape
from nodeflow.graph.types import TensorType, shape_text, type_of_array
from nodeflow.ops import lowering

SIZES = ("int32", "int64")


class _Later:
    """The type of `LATER`, which stands for numbers that are unknown before a run."""

    def __repr__(self) -> str:
        return "?"


LATER: Any = _Later()
LISTS = ("shape", "ints")
"""Kinds of attributes that are lists of numbers; others are single numbers."""


def shape_port(name: str = "shape", doc: str = "Sizes; overrides the attribute.") -> Port:
    """Return an optional in-port that takes a tensor of sizes, whose value overrides the attribute
    ``name`` in a run.

    If this port is not connected, but a port after it is, a constant with the attribute's value
    takes the place of its input.
    """

    def sizes(attrs: Mapping[str, Any]) -> np.ndarray | None:
        value = attrs[name]
        nothing = value is None or (isinstance(value, tuple) and None in value)
        return None if nothing else np.array(value, "int64")

    def type_with(attrs: Mapping[str, Any]) -> TensorType | None:
        value = sizes(attrs)
        return None if value is None else TensorType("int64", value.shape, known_value(value))

    def constant(graph: Graph, attrs: Mapping[str, Any]) -> Tensor:
        if (value := sizes(attrs)) is None:
            raise MissingInput(f"{name} has no value", port=name, hint="Set it, or connect it.")
        return graph.apply("constant", value=value.tolist(), dtype="int64", name=name)

    stand_in = StandIn(TensorType("int64", UNKNOWN), constant, type_with)
    return Port(name, doc, SIZES, optional=True, stand_in=stand_in)


def dims(values: Any) -> Shape:
    """Return sizes as a shape, in which `LATER`, an unknown size, becomes None.

    If ``values`` itself is `LATER`, the rank is unknown, too.
    """
    return UNKNOWN if values is LATER else tuple(None if v is LATER else v for v in values)


def has_later(value: Any) -> bool:
    """Return whether an attribute's value is unknown before the run, at least in part.

    It is then the marker `LATER`, or a tuple that contains `LATER`.
    """
    return value is LATER or (isinstance(value, tuple) and any(v is LATER for v in value))


class RuntimeAttributes(Op):
    """The base class of ops some of whose attributes a tensor may give in a run.

    ``runtime`` names these attributes. Each has an in-port of the same name, and these are the op's
    last in-ports. A subclass defines ``infer_known``, ``compute`` and ``lower_known`` instead of
    ``infer``, ``reference`` and ``lower``. They receive the values of all attributes, and only the
    inputs that give no attribute.
    """

    runtime: tuple[str, ...] = ()

    @abstractmethod
    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        """Return the output type for given input types and attributes, as ``infer`` does.

        An attribute that is unknown before the run is `LATER`, or a tuple that contains `LATER`.
        """

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        """Return the op's result, computed in numpy from arrays and known attributes.

        ``reference`` calls this method. A subclass may override ``reference`` instead.
        """
        raise NotImplementedError(self.id)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        """Return how kernels compute this op when the values of all attributes are known, in the
        form that ``lower`` returns. Return None if only the reference implementation can compute
        it.
        """
        return None

    # ---- the op ---------------------------------------------------------------------------------

    def data(self, values: Sequence[Any]) -> Sequence[Any]:
        """Pick the values of the in-ports for data, as opposed to those that override an attribute
        of the node.

        Args:
            values: one value for each connected in-port of the node, in order.
        """
        return values[: len(self.inputs) - len(self.runtime)]

    def wired(self, values: Sequence[Any]) -> Mapping[str, Any]:
        """Pick the values that arrive through connected in-ports and override an attribute of the
        node. Return them by attribute name.

        Args:
            values: one value for each connected in-port of the node, in order.
        """
        return dict(zip(self.runtime, values[len(self.inputs) - len(self.runtime) :], strict=False))

    def bound(self, types: Sequence[TensorType], attrs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes of a node. A number that arrives through a connected in-port
        overrides the attribute of the same name.

        An overriding value that is not known before the run is the marker `LATER`.

        Args:
            types: the types of the node's inputs, which contain the values that are already known.
            attrs: the attributes by name, as set on the node.

        Raises:
            ShapeError: a connected value is not one number, or not a list of numbers.
            AttributeProblem: a known value is not allowed for its attribute.
        """
        given = {name: self._known(name, type_) for name, type_ in self.wired(types).items()}
        return {**attrs, **given}

    def _known(self, name: str, type_: TensorType) -> Any:
        if self.attr(name).kind not in LISTS:
            check_rank(name, type_, 0)
            return LATER if type_.value is None else self._checked(name, type_.value[0])
        check_rank(name, type_, 1)
        if type_.value is not None:
            values = tuple(LATER if v is None else v for v in type_.value)
            return values if has_later(values) else self._checked(name, values)
        length = type_.shape[0] if type_.has_rank else None
        return LATER if length is None else (LATER,) * length

    def _checked(self, name: str, value: Any) -> Any:
        try:
            return self.attr(name).check(value)
        except NodeflowError as error:
            raise error.at(None, name) from None

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return self.infer_known(*self.data(types), **self.bound(types, attrs))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        wired = self.wired(arrays)
        if wired:
            attrs |= self._found(arrays, wired, attrs)
        return self.compute(*self.data(arrays), **attrs)

    def _found(
        self, arrays: Sequence[np.ndarray], wired: Mapping[str, np.ndarray], attrs: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the attributes that connected in-ports override in this run, by name, after
        checking their values.

        Raises:
            RunError: the attributes do not fit the other inputs.
        """
        known = {name: attr for name, attr in attrs.items() if name != "stream"}
        try:
            found = {name: self._checked(name, a.tolist()) for name, a in wired.items()}
            self.infer_known(*map(type_of_array, self.data(arrays)), **{**known, **found})
        except NodeflowError as error:
            port = error.port or self.runtime[0]
            raise RunError(error.message, port=port, hint=error.hint) from None
        return found

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        own, bound = self.data(types), self.bound(types, attrs)
        if any(map(has_later, bound.values())):
            return None
        found = self.lower_known(own, outs, **bound)
        if found is None or len(own) == len(types):
            return found
        names = tuple(port.name for port in self.inputs[: len(types)])
        if isinstance(found, lowering.Composite):
            return replace(found, inputs=(*found.inputs, *names[len(own) :]))
        parts = (lowering.Part("out", found, names[: len(own)], outs[0]),)
        return lowering.Composite(names, parts, ("out",))


def check_rank(name: str, type_: TensorType, rank: int) -> None:
    """Check that the value connected to an in-port has the wanted rank: 0 for one number, 1 for a
    list of numbers. An unknown rank passes.

    Raises:
        ShapeError: it has another rank.
    """
    if type_.has_rank and type_.rank != rank:
        what = "one number" if rank == 0 else "a list of numbers"
        text = f"{name} must be {what}, not of shape {shape_text(type_.shape)}"
        raise ShapeError(text, port=name)


def all_inputs(node: Node, *grads: Tensor | None) -> list[Tensor | None]:
    """Return the gradients of all inputs of a node, given the gradients of the first inputs. The
    other inputs override attributes, and have the gradient None.
    """
    return [*grads, *[None] * (len(node.inputs) - len(grads))]


def times(size: Dim, count: Any) -> Dim:
    """Multiply the size of an axis by a count that may be unknown before the run. Return None if
    the product is unknown.
    """
    if count == 0 or size == 0:
        return 0
    return None if size is None or count is LATER else size * count
