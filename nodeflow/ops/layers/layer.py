"""The base class of layers: variables, initial values, activations and versions of formulas.

The op id of a layer is `layers/NAME`. Its node stores every attribute and `version`, so that
existing files do not change when defaults or formulas do: a changed formula gets a new version, and
`compose` keeps the old one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from nodeflow.errors import AttributeProblem, NodeflowError, ShapeError
from nodeflow.graph.declaration import Attr
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.composed import Composed
from nodeflow.ops.inputs import bind_initializer

ACTIVATIONS = (
    *("linear", "relu", "elu", "gelu", "leaky_relu", "sigmoid", "softmax", "softplus", "tanh"),
)
ZEROS = {"op": "fill", "value": 0.0}
ONES = {"op": "fill", "value": 1.0}
TRAINABLE = Attr("trainable", "bool", True, "Let optimizers change its variables.", advanced=True)
VERSION = Attr(
    "version", "int", 1, "Version of the layer's formula; a file keeps the version it was made "
         "with.",
    minimum=1, hidden=True,
)  # fmt: skip


def activation_attr(default: str = "linear", doc: str = "Function of the result.") -> Attr:
    """Return an attribute that names an activation function."""
    return Attr("activation", "choice", default, doc, choices=ACTIVATIONS)


def initializer_attr(name: str, default: Mapping[str, Any], doc: str) -> Attr:
    """Return an attribute for the initializer of a variable."""
    return Attr(name, "initializer", dict(default), doc, advanced=True)


def activate(x: Tensor, activation: str) -> Tensor:
    """Apply the activation function with a name to x."""
    return x if activation == "linear" else getattr(F, activation)(x)


_GIVEN: ContextVar[tuple[Node, Mapping[str, Tensor]] | None] = ContextVar("given", default=None)


@contextmanager
def sharing(owner: Node, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Return a context manager. A layer that is built inside it creates no variables and uses
    ``weights``, the variables of the layer ``owner``.
    """
    token = _GIVEN.set((owner, weights))
    try:
        yield
    finally:
        _GIVEN.reset(token)


def shared_with() -> Node | None:
    """Return the layer whose variables the current layer shares; None if it creates its own."""
    given = _GIVEN.get()
    return None if given is None else given[0]


Weights = dict[str, tuple[tuple[int, ...], Any]]
"""Name of a variable -> its shape and initializer."""


def shared_op(layer: str) -> str:
    """Return the id of the op of a layer that shares: `shared/dense` for `layers/dense`."""
    return f"shared/{layer.rpartition('/')[2]}"


class Layer(Composed):
    """The base class of layers. `weights` declares the variables, `make_weights` creates them."""

    category = "Layers"
    random = True
    explicit = True
    shown_attrs: tuple[str, ...] = ("units", "activation")
    can_share = False
    """Whether the layer can use the variables of another one (`sharing`)."""

    def bind_attrs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        bound = super().bind_attrs(given)
        if bound["version"] > self.version:
            raise AttributeProblem(
                f"this is version {bound['version']} of the layer, and version {self.version} is "
                "the latest known here",
                port="version",
                hint="Update nodeflow.",
            )
        return bound

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        """Return name -> (shape, initializer) of each variable, for inputs whose sizes are known.

        Raises:
            ShapeError: the inputs do not fit, or sizes are unknown; `port` is set.
        """
        raise NotImplementedError(self.id)

    def untrained(self) -> tuple[str, ...]:
        """Return the variables that optimizers never change."""
        return ()

    def weight_dtype(self, *types: TensorType, **attrs: Any) -> str:
        """Return the dtype of the variables."""
        return types[0].dtype

    def check_weights(self, *types: TensorType, **attrs: Any) -> None:
        """Check the initializers of a layer's variables against their shapes and dtype.

        Raises:
            NodeflowError: an initializer does not fit. `port` is the attribute that holds it.
        """
        names = {attr.name for attr in self.attrs}
        for name, (shape, initializer) in self.weights(*types, **attrs).items():
            try:
                bind_initializer(initializer, shape, self.weight_dtype(*types, **attrs))
            except NodeflowError as error:
                own = f"{name}_initializer"
                error.port = own if own in names else None
                raise

    def make_weights(self, *inputs: Tensor, **attrs: Any) -> dict[str, Tensor]:
        """Create the variables in the current scope."""
        graph, untrained = inputs[0].graph, self.untrained()
        types = [t.type for t in inputs]
        if (given := _GIVEN.get()) is not None:
            return {name: given[1][name] for name in self.weights(*types, **attrs)}
        made = {}
        for name, (shape, initializer) in self.weights(*types, **attrs).items():
            made[name] = graph.apply(
                "variable",
                initializer=initializer,
                shape=shape,
                dtype=self.weight_dtype(*types, **attrs),
                trainable=attrs["trainable"] and name not in untrained,
                name=name,
            )
        return made


def known_size(x: TensorType, axis: int, what: str) -> int:
    """Return the size of an axis that must be known to make the variables.

    Raises:
        ShapeError: the size is unknown.
    """
    size = x.shape[axis]
    if size is None:
        raise ShapeError(
            f"the number of {what} of {shape_text(x.shape)} is unknown",
            port="x",
            hint="The weights need it: give the size where the tensor is made.",
        )
    return size
