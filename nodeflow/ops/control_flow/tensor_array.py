"""`nf.TensorArray`: numbered tensors of one shape, written and read in loops.

An array is a tensor with an additional first axis, which a loop carries along. An array never
changes: `write` returns the next one, as in TensorFlow 1. Gradients flow as through indexing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nodeflow.errors import DtypeError, GraphError, ShapeError
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.graph.shapes import TensorShape
from nodeflow.graph.types import compatible, dtype_name, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow.nest import Composite
from nodeflow.public import public_methods


class Elements:
    """The dtype and shape of a tensor array's elements, shared by all copies of the array."""

    def __init__(self, dtype: str, shape: Any) -> None:
        self.dtype = dtype
        self.shape = shape


@public_methods(
    "concat", "gather", "identity", "read", "scatter", "size", "split", "stack", "unstack", "write"
)
class TensorArray(Composite):
    """Tensors of one dtype and shape, numbered from 0.

    Args:
        dtype: dtype of the elements.
        size: number of elements: a number or a scalar tensor; None is 0.
        dynamic_size: whether writing beyond the end makes it longer.
        element_shape: shape of the elements: numbers, or a list with scalar tensors for sizes that
            only a run knows. None takes the shape of the first element that is written.

    Arguments that are not described are accepted for TensorFlow 1 and have no effect.

    An element that was never written is 0. If one element is written twice, the later value counts.
    An array that grows in a loop has no gradient; one of a fixed size has.

    Raises:
        GraphError: the size or the shape is not valid.
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Any = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        self._elements = Elements(dtype_name(dtype), _listed(element_shape))
        self._size: Any = 0 if size is None else size
        self._grows = bool(dynamic_size)
        self._kept: Tensor | None = None

    # ---- as a part of loops -------------------------------------------------------------------

    def parts(self) -> list[Tensor]:
        """Return a list with the tensor that holds all elements of the array. Return an empty list
        while the elements' shape is unknown.
        """
        return [] if self._kept is None else [self._kept]

    def rebuilt(self, parts: list[Tensor]) -> TensorArray:
        """Return the array with another tensor."""
        return self._with(parts[0]) if parts else self._with(None)

    @property
    def is_open(self) -> bool:
        """Whether the element shape is still unknown. The array then has no tensor that a loop
        could carry.
        """
        return self._kept is None

    def filled(self) -> TensorArray:
        """Return the array with zeros for elements that were never written.

        Raises:
            ShapeError: the shape of the elements, or one of their sizes, is not known.
        """
        return self if self._kept is not None else self._with(self._zeros(self._size))

    @property
    def invariant(self) -> tuple[int | None, ...] | None:
        """The shape that a loop must declare for the array: it has an unknown size if the array
        grows in the loop. None if the array keeps its shape.
        """
        if not self._grows or self._kept is None:
            return None
        return (None, *self._kept.shape[1:])

    def _with(self, kept: Tensor | None) -> TensorArray:
        made = TensorArray.__new__(TensorArray)
        made._elements, made._size, made._grows = self._elements, self._size, self._grows
        made._kept = kept
        return made

    def _zeros(self, count: Any) -> Tensor:
        shape = self._elements.shape
        if shape is None or any(size is None for size in shape):
            said = "" if shape is None else f" {shape_text(tuple(shape))}"
            raise ShapeError(
                f"the shape{said} of a TensorArray's elements is not known",
                hint="Give element_shape, with nf.shape(x)[0] for a size that a run knows.",
            )
        sizes = [count, *shape]
        graph = F.graph_of(sizes)
        zero = np.zeros((), self._elements.dtype)
        if not any(isinstance(size, Tensor) for size in sizes):
            return F.fill(shape=[int(s) for s in sizes], value=zero.item(), dtype=str(zero.dtype))
        listed = [F.cast(graph.as_tensor(size), dtype="int32") for size in sizes]
        return F.fill(F.stack(listed), graph.as_tensor(zero))

    # ---- TensorFlow 1's members ---------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """The dtype of the elements."""
        return self._elements.dtype

    @property
    def element_shape(self) -> Any:
        """The shape of the elements, as far as it is known."""
        if self._kept is not None:
            return self._kept.shape[1:]
        shape = self._elements.shape
        return None if shape is None else TensorShape(_known(shape))

    @property
    def dynamic_size(self) -> bool:
        """True if writing beyond the end makes the array longer."""
        return self._grows

    @property
    def flow(self) -> Tensor:
        """The tensor that contains all elements."""
        return self._tensor()

    def identity(self) -> TensorArray:
        """Return a copy of the array whose tensor passes through an identity op, which is added
        here and so obeys the control dependencies at this point.
        """
        return self._with(F.identity(self._tensor()))

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Return an array with the element at ``index`` replaced by ``value``.

        Raises:
            ShapeError, DtypeError: the value does not fit the elements.
            RunError (in a run): the index is outside an array of a fixed size.
        """
        value = self._element(value)
        kept = self._tensor()
        with kept.graph.name_scope(name or "TensorArrayWrite"):
            place = _whole(index, kept)
            if self._grows:
                kept = self._long_enough(kept, place + 1)
            places, row = F.reshape(place, shape=[1, 1]), F.expand_dims(value, axis=0)
            return self._with(F.tensor_scatter(kept, places, row))

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """Return the element with a number."""
        return F.gather(self._tensor(), index, axis=0, name=name)

    def stack(self, name: str | None = None) -> Tensor:
        """Return all elements as one tensor."""
        return F.identity(self._tensor(), name=name)

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """Return the elements with several numbers as one tensor."""
        return F.gather(self._tensor(), indices, axis=0, name=name)

    def concat(self, name: str | None = None) -> Tensor:
        """Return all elements, concatenated along their first axis.

        Raises:
            ShapeError: the elements are scalars.
        """
        kept = self._tensor()
        if len(kept.shape) < 2:
            raise ShapeError("scalars have no axis to join along", hint="Use stack().")
        rest = F.shape(kept)[2:]
        sizes = F.concat([F.cast([-1], dtype="int32"), rest], axis=0)
        return F.reshape(kept, sizes, name=name)

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """Return an array whose elements are the slices of a tensor along its first axis."""
        x = get_default_graph().as_tensor(value) if not isinstance(value, Tensor) else value
        self._check(x.dtype, x.shape[1:], x)
        return self._with(F.identity(x, name=name))

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """Return an array with the elements at ``indices`` replaced by the slices of a tensor along
        its first axis.
        """
        x = get_default_graph().as_tensor(value) if not isinstance(value, Tensor) else value
        self._check(x.dtype, x.shape[1:], x)
        kept = self._tensor()
        with kept.graph.name_scope(name or "TensorArrayScatter"):
            places = _whole(indices, kept)
            if self._grows:
                kept = self._long_enough(kept, F.reduce_max(places) + 1)
            return self._with(F.tensor_scatter(kept, F.expand_dims(places, axis=-1), x))

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """Return an array whose elements are consecutive parts of a tensor along its first axis.

        Args:
            lengths: the length of each part; all must be equal.

        Raises:
            ShapeError: the lengths differ, or are known only in a run.
        """
        if isinstance(lengths, Tensor) or len({int(n) for n in lengths}) > 1:
            raise ShapeError("the elements of a TensorArray must have one length")
        x = get_default_graph().as_tensor(value) if not isinstance(value, Tensor) else value
        rest = F.shape(x)[1:]
        sizes = F.concat([F.cast([len(lengths), int(lengths[0])], dtype="int32"), rest], axis=0)
        return self.unstack(F.reshape(x, sizes), name)

    def size(self, name: str | None = None) -> Tensor:
        """Return the number of elements, int32."""
        if self._kept is None:
            return F.cast(get_default_graph().as_tensor(self._size), dtype="int32")
        return F.size(self._kept, axis=0, name=name)

    def close(self, name: str | None = None) -> None:
        """Do nothing: there is nothing to free."""

    def grad(self, *_: Any, **__: Any) -> None:
        """Raise GraphError, because this is not supported. The hint is to call `nf.gradients`."""
        raise GraphError("TensorArray.grad is not supported", hint="Use nf.gradients.")

    # ---- the stored elements ------------------------------------------------------------------

    def _tensor(self) -> Tensor:
        return self._zeros(self._size) if self._kept is None else self._kept

    def _element(self, value: Any) -> Tensor:
        """Convert a value to a tensor, and check it as an element of the array. If the array's
        element shape is unknown, it becomes the shape of the value.

        Raises:
            ShapeError, DtypeError: the value does not fit the elements.
        """
        graph = F.graph_of([value, self._kept])
        element = graph.as_tensor(value, None if isinstance(value, Tensor) else self.dtype)
        self._check(element.dtype, element.shape, element)
        return element

    def _check(self, dtype: str, shape: Any, what: Tensor) -> None:
        """Raise DtypeError or ShapeError unless the dtype and shape fit the elements."""
        if dtype != self.dtype:
            raise DtypeError(
                f"{what.name} is {dtype}, but the TensorArray holds {self.dtype}",
                node=what.name,
                hint=f"Cast it: nf.cast(x, {self.dtype!r}).",
            )
        if self._elements.shape is None:
            self._elements.shape = list(shape)
        elif self._kept is None and None not in shape:
            known = _known(self._elements.shape)
            if len(known) == len(shape) and compatible(known, shape):
                self._elements.shape = [
                    s if isinstance(s, Tensor) else d
                    for s, d in zip(self._elements.shape, shape, strict=True)
                ]
        wanted = _known(self._elements.shape)
        if not compatible(wanted, tuple(shape)):
            raise ShapeError(
                f"{what.name} has shape {shape_text(tuple(shape))}, and the elements of the "
                f"TensorArray {shape_text(wanted)}",
                node=what.name,
            )

    def _long_enough(self, kept: Tensor, count: Tensor) -> Tensor:
        """Return a tensor, extended with zeros to ``count`` elements."""
        sizes = F.shape(kept)
        missing = F.maximum(F.cast(count, dtype="int32") - sizes[0], 0)
        more = F.concat([F.reshape(missing, shape=[1]), sizes[1:]], axis=0)
        zero = kept.graph.as_tensor(0, kept.dtype)
        return F.concat([kept, F.fill(more, zero)], axis=0)


def _listed(shape: Any) -> list[Any] | None:
    if shape is None or (isinstance(shape, TensorShape) and shape.ndims is None):
        return None
    if isinstance(shape, (Sequence, TensorShape)):
        return list(shape)
    raise GraphError(f"element_shape must be a list of sizes, not {shape!r:.40}")


def _known(shape: list[Any]) -> tuple[int | None, ...]:
    return tuple(None if isinstance(s, Tensor) else s for s in shape)


def _whole(index: Any, like: Tensor) -> Tensor:
    found = like.graph.as_tensor(index)
    return found if found.dtype in ("int32", "int64") else F.cast(found, dtype="int32")
