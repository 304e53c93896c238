"""Layers as objects: created with the arguments of the function, and called with inputs.

An object creates its variables in the first call and shares them in all others. `Sequential` is a
list of such objects.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any

from nodeflow.errors import AttributeProblem, GraphError, suggest
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.ops.layers.sharing import inside_of, owner_of

OWNER: ContextVar[Tensor | None] = ContextVar("owner", default=None)
"""The layer that the next call of a function of `nf.layers` shares with."""
MADE: ContextVar[list[Tensor] | None] = ContextVar("made", default=None)
"""A list that receives the layer made by that call."""


class LayerObject:
    """The base class of layer classes, each of which wraps one function of `nf.layers`.

    An object is made with the function's arguments except the input, and is called with the input.
    """

    function: Callable[..., Tensor]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        signature = inspect.signature(type(self).function)
        rest = signature.replace(parameters=list(signature.parameters.values())[1:])
        try:
            self._given = rest.bind(*args, **kwargs).arguments
        except TypeError as error:
            names = list(rest.parameters)
            unknown = next((k for k in kwargs if k not in names), None)
            raise AttributeProblem(
                f"{type(self).__name__}: {error}",
                hint=suggest(unknown, names) if unknown else None,
            ) from None
        self._owner: Tensor | None = None

    def __call__(self, inputs: Any, **more: Any) -> Tensor:
        """Apply the layer to inputs. Later calls use the variables of the first one.

        Args:
            more: arguments that differ from call to call, such as `training`.
        """
        made: list[Tensor] = []
        owner, note = OWNER.set(self._owner), MADE.set(made)
        try:
            out = type(self).function(inputs, **{**self._given, **more})
        finally:
            OWNER.reset(owner)
            MADE.reset(note)
        if self._owner is None and made:
            self._owner = made[0]
        return out

    apply = __call__

    @property
    def variables(self) -> list[Tensor]:
        """The variables; empty before the first call."""
        return [] if self._owner is None else list(inside_of(owner_of(self._owner)).values())

    weights = variables

    @property
    def trainable_variables(self) -> list[Tensor]:
        """The variables that optimizers change."""
        return [v for v in self.variables if v.node.attrs["trainable"]]

    trainable_weights = trainable_variables

    @property
    def name(self) -> str | None:
        """The name of the layer, once it was called."""
        return self._given.get("name") if self._owner is None else self._owner.node.name

    def __getattr__(self, key: str) -> Any:
        if key.startswith("_"):
            raise AttributeError(key)
        if self._owner is None:
            raise GraphError(
                f"{type(self).__name__} has no {key!r}: it was not called yet",
                hint="Its variables are made in the first call, when the inputs are known.",
            )
        inside = inside_of(owner_of(self._owner))
        if key in inside:
            return inside[key]
        raise AttributeError(f"{type(self).__name__} has no {key!r}: {', '.join(inside)}")


def class_of(function: Callable[..., Tensor], name: str) -> type[LayerObject]:
    """Return the class for a function of `nf.layers`."""
    doc = f"`{function.__name__}` as an object: the same arguments, without the inputs."
    return type(name, (LayerObject,), {"function": staticmethod(function), "__doc__": doc})


class Sequential(list[Callable[..., Any]]):
    """A list of layers, called in turn: ``nf.Sequential([nf.layers.Dense(8, nf.relu), ...])``.

    It is a Python list in all else: it can be indexed, sliced, appended to and iterated over. A
    member is an object of a class of `nf.layers`, another `Sequential`, or a function of a tensor
    without variables of its own, such as ``nf.relu``. Later calls use the variables of the first.
    """

    def __init__(self, layers: Iterable[Callable[..., Any]] = (), name: str | None = None) -> None:
        """Create a list of layers, which is called like a single layer.

        Args:
            layers: the layers in the order of their calls.
            name: the name scope of each call; None: none.
        """
        super().__init__()
        if isinstance(layers, Tensor) or not isinstance(layers, Iterable):
            raise GraphError(
                f"Sequential takes a list of layers, not {layers!r:.60}",
                hint="Give, for example, [nf.layers.Dense(8, nf.relu), nf.layers.Dense(1)].",
            )
        self.name = name
        self.extend(layers)

    def __call__(self, inputs: Any, training: Any = None) -> Any:
        """Apply all layers to inputs.

        Args:
            training: the phase of the layers that have one, such as `Dropout`, for this call; None
                leaves it to the run.

        Raises:
            GraphError: a member cannot be called, or is a class.
        """
        graph = inputs.graph if isinstance(inputs, Tensor) else get_default_graph()
        with nullcontext() if self.name is None else graph.name_scope(self.name):
            for place, member in enumerate(self):
                if not callable(member) or isinstance(member, type):
                    raise GraphError(
                        f"number {place} of the layers cannot be called with a tensor: "
                        f"{member!r:.60}",
                        hint="Give a layer such as nf.layers.Dense(8), or a function.",
                    )
                phase = {"training": training} if _has_phase(member) else {}
                inputs = member(inputs, **phase)
        return inputs

    @property
    def variables(self) -> list[Tensor]:
        """The variables of all layers that were called, each once."""
        found = [v for member in self for v in getattr(member, "variables", [])]
        return list({id(v): v for v in found}.values())

    weights = variables

    @property
    def trainable_variables(self) -> list[Tensor]:
        """The variables that optimizers change."""
        return [v for v in self.variables if v.node.attrs["trainable"]]

    trainable_weights = trainable_variables


def _has_phase(member: Any) -> bool:
    """Return whether `Sequential` must pass the argument ``training`` to a member: the member
    accepts it, and was not created with it.
    """
    if isinstance(member, Sequential):
        return True
    if not isinstance(member, LayerObject) or "training" in member._given:
        return False
    return "training" in inspect.signature(type(member).function).parameters
