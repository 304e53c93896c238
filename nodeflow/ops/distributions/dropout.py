"""Dropout, and the op that draws its random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph.declaration import Attr, Port, StandIn
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.inference.constant_propagation import known_value
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import DTYPES, FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.distributions.normal_uniform import SEED
from nodeflow.ops.runtime_attributes import SIZES, check_rank
from nodeflow.ops.samples import values
from nodeflow.ops.training_mode import TRAINING, check_flag, training_flag


@register
class RandomUniformLike(Op):
    """Random numbers in the shape of another tensor."""

    id = "random_uniform_like"
    category = "Random"
    keywords = ("noise", "even", "mask")
    doc = (
        "Uniformly distributed random numbers from 0 to 1 in the shape of another tensor.\n\nEach "
        "run draws anew; 1 itself is never drawn. No gradient flows."
    )
    random = True
    differentiable = True
    inputs = (Port("like", "Only its shape is used.", DTYPES),)
    attrs = (Attr("dtype", "dtype", "float32", "Data type.", choices=FLOATS), SEED)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0].with_dtype(attrs["dtype"])

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        part = lowering.Part("out", lowering.Random("uniform"), (), outs[0])
        return lowering.Composite(("like",), (part,), ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return attrs["stream"].uniform(arrays[0].shape, attrs["dtype"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (None,)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),))
        for dtype in FLOATS:
            yield Sample((values((2, 3)),), {"dtype": dtype, "seed": 3}, smooth=dtype == "float64")
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),))


def _check_drawn(drawn: Sequence[int | None], x: Sequence[int | None]) -> None:
    """Raise ShapeError unless a noise_shape has 1 or the size of x for each axis."""
    fits = [d in (1, None, n) or n is None for d, n in zip(drawn, x, strict=False)]
    if len(drawn) != len(x) or not all(fits):
        raise ShapeError(
            f"a noise_shape of {shape_text(tuple(drawn))} does not fit {shape_text(tuple(x))}",
            port="noise_shape",
            hint="Give 1 or the size of x for each axis.",
        )


def _sizes(attrs: Mapping[str, Any]) -> np.ndarray:
    """Return the attribute `noise_shape` as a tensor: empty if not set, -1 for an axis with the
    size of x.
    """
    return np.array([-1 if d is None else d for d in attrs["noise_shape"] or ()], "int64")


def _sizes_type(attrs: Mapping[str, Any]) -> TensorType:
    sizes = _sizes(attrs)
    return TensorType("int64", sizes.shape, known_value(sizes))


def _sizes_constant(graph: Graph, attrs: Mapping[str, Any]) -> Tensor:
    sizes = _sizes(attrs).tolist()
    return graph.apply("constant", value=sizes, dtype="int64", name="noise_shape")


NOISE_SHAPE = Port(
    "noise_shape", "Shape of the random numbers, -1 for a size of x; overrides the attribute.",
         SIZES,
    optional=True, keyword=True,
    stand_in=StandIn(TensorType("int64", UNKNOWN), _sizes_constant, _sizes_type),
)  # fmt: skip


def _known_sizes(wired: TensorType) -> tuple[int | None, ...] | None:
    """Return the value of a connected ``noise_shape`` tensor as a tuple, with None for -1. Return
    None if the value is known only in a run.
    """
    value = wired.value
    if value is None or None in value:
        return None
    return tuple(None if d == -1 else int(d) for d in value if d is not None)


def _joined(x: Tensor, drawn: Sequence[int | None] | None) -> Tensor:
    """Return x with size 1 along the axes where all elements share one random draw. Only the first
    element along such an axis is kept.
    """
    if drawn is None or all(d != 1 or n == 1 for d, n in zip(drawn, x.shape, strict=True)):
        return x
    return x[tuple(slice(0, 1) if d == 1 else slice(None) for d in drawn)]


@register
class Dropout(Composed):
    """Elements set to 0 at random during training."""

    id = "dropout"
    category = "Layers"
    keywords = ("regularization", "noise", "overfitting", "mask")
    doc = (
        "During training, a random share of the elements is 0 and the others are scaled up.\n\n"
        "Each element is dropped with probability rate. Kept elements are divided by 1 - rate, so "
        "that the mean stays. Outside of training x does not change. Each step draws anew, from "
        "the run's seed and the node's stream, or from `seed`. Along an axis where noise_shape is "
        "1, all elements are dropped or kept together. Gradient: the same mask. Srivastava and "
        "others, 2014."
    )
    random = True
    inputs = (
        Port("x", "Input.", FLOATS, "T"),
        replace(TRAINING, keyword=True),
        NOISE_SHAPE,
        Port(
            "rate", "Share of dropped elements; overrides the attribute.",
                 FLOATS, "T", optional=True,
            keyword=True,
        ),
    )  # fmt: skip
    attrs = (
        Attr("rate", "float", 0.5, "Share of dropped elements.", minimum=0, maximum=1),
        Attr("noise_shape", "shape", None, "Shape of the random numbers: 1 or the size of x for "
             "each axis; none: the shape of x.", optional=True, advanced=True),
        SEED,
    )  # fmt: skip

    run_time = ("rate",)

    def constants(self, attrs: Mapping[str, Any]) -> Mapping[str, tuple[str, float]]:
        rate = float(attrs["rate"])
        return {"rate": ("rate", rate), "scale": ("rate", 1 / (1 - rate) if rate < 1 else 0.0)}

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        check_flag(types[1:2])
        for rate in types[3:]:
            if rate.ndims:
                shown = shape_text(rate.shape)
                raise ShapeError(f"rate must be one number, not of shape {shown}", port="rate")
        drawn = attrs["noise_shape"]
        for wired in types[2:3]:
            check_rank("noise_shape", wired, 1)
            drawn = _known_sizes(wired)
            if drawn is None and wired.has_rank and wired.shape[0] is not None:
                drawn = (None,) * wired.shape[0]
            drawn = drawn or None  # an empty noise_shape stands for the shape of x
        if drawn is not None and x.has_rank:
            _check_drawn(drawn, x.shape)
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, seed = inputs[0], attrs["seed"]
        training = inputs[1] if len(inputs) > 1 else training_flag(x.graph)
        if len(inputs) > 3:
            rate = inputs[3]
            scale = F.where(rate < 1, 1 / (1 - rate), 0, name="scale")
        else:
            rate, scale = (
                x.graph.apply("constant", value=value, dtype=x.dtype, name=name)
                for name, (_, value) in self.constants(attrs).items()
            )
        noise, wired = attrs["noise_shape"], inputs[2] if len(inputs) > 2 else None
        if wired is not None and wired.shape == (0,):
            noise = wired = None
        if wired is not None and (known := _known_sizes(wired.type)) is not None:
            noise, wired = known, None
        if wired is not None:
            sizes = F.where(wired < 0, F.shape(x, out_type=wired.dtype), wired, name="sizes")
            drawn = F.random_uniform(sizes, dtype=x.dtype, seed=seed, name="drawn")
            drawn = F.broadcast_to(drawn, F.shape(x), name="shared")
        else:
            like = _joined(x, noise)
            drawn = F.random_uniform_like(like, seed=seed, dtype=x.dtype, name="drawn")
        return F.where(training, F.where(drawn >= rate, x * scale, 0), x)

    def samples(self) -> Iterator[Sample]:
        on, off = np.array(True), np.array(False)
        for dtype in FLOATS:
            yield Sample((values((4, 3), dtype), on), smooth=dtype == "float64")
            yield Sample((values((4, 3), dtype), off), {"rate": 0.2}, smooth=dtype == "float64")
            yield Sample((values((4, 3), dtype),), {"seed": 5}, smooth=dtype == "float64")
            like = np.array([], "int64")
            yield Sample((values((4, 3), dtype), on, like, np.array(0.3, dtype)))
        yield Sample((values((4, 3)), off, np.array([4, 1]), np.array(1.0)))
        yield Sample((values((4, 3)), on, np.array([1, -1], "int32")), smooth=True)
        yield Sample((values((4, 3, 2)), on), {"noise_shape": (None, 1, 2)}, smooth=True)
        yield Sample((values((2, 3)), on), {"rate": 1.0}, smooth=True)
        yield Sample((values((2, 3)), on), {"rate": 0.0}, smooth=True)
        yield Sample((values((0, 3)), on))
        yield Sample((values((1, 1)), on), smooth=True)


def dropout(
    x: Any,
    *others: Any,
    rate: Any = None,
    keep_prob: Any = None,
    training: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Set a random share of the elements to 0 and scale the others up, so that the mean stays.

    With ``rate`` this happens only during training. With ``keep_prob`` it happens in every run, as
    in TensorFlow 1, where a program feeds 1 to evaluate. All arguments but x are given by name.

    Args:
        rate: share of dropped elements, a number or a scalar tensor; 0.5 if neither is given.
        keep_prob: share of kept elements, instead: rate = 1 - keep_prob.
        training: a bool or bool tensor that decides whether to drop, instead of the run.
        noise_shape: for each axis the size of x, or 1 where all elements share one draw; None or -1
            stands for the size of x. A list, which may contain tensors, or an integer tensor.
        seed: own seed of the random numbers.

    Returns:
        A tensor like x.

    Raises:
        GraphError: there is a second positional argument, or both ``rate`` and ``keep_prob``.
        AttributeProblem: a share is not between 0 and 1.
    """
    if others:
        raise GraphError(
            "dropout takes one tensor, and all other arguments by name",
            hint="Say which it is: rate= (what is dropped), keep_prob= (what is kept, in every "
            "run) or training=.",
        )
    if keep_prob is not None:
        if rate is not None:
            raise GraphError(
                "dropout takes a rate or a keep_prob, not both", hint="rate = 1 - keep_prob."
            )
        rate = _rest(keep_prob)
        training = True if training is None else training
    wired = isinstance(rate, (Tensor, np.ndarray, np.generic))
    share = {} if wired or rate is None else {"rate": rate}
    drawn = None
    if F.holds_tensor(noise_shape) or isinstance(noise_shape, np.ndarray):
        drawn, noise_shape = noise_shape, None
    graph = F.graph_of([x, rate, training])
    return graph.apply(
        "dropout",
        *(x, training, drawn, rate if wired else None),
        name=name,
        noise_shape=noise_shape,
        seed=seed,
        **share,
    )


def _rest(keep_prob: Any) -> Any:
    """Return 1 - keep_prob; check keep_prob if it is a plain number."""
    wired = isinstance(keep_prob, (Tensor, np.ndarray, np.generic))
    kept: Any = keep_prob if wired else KEEP_PROB.check(keep_prob)
    return 1 - kept


KEEP_PROB = Attr("keep_prob", "float", doc="Share of kept elements.", minimum=0, maximum=1)
