"""Layers that normalize to mean 0 and deviation 1, then scale and shift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, normalize_axis
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.layers.layer import (
    ONES,
    TRAINABLE,
    VERSION,
    ZEROS,
    Layer,
    Weights,
    initializer_attr,
    known_size,
)
from nodeflow.ops.norms.batch_and_layer import moments
from nodeflow.ops.samples import values
from nodeflow.ops.training_mode import TRAINING, check_flag, training_flag

AXIS = Attr("axis", "int", -1, "Axis of the features; its size must be known.")
EPSILON = Attr("epsilon", "float", 1e-3, "Added to the variance.", minimum=0, advanced=True)
CENTER = Attr("center", "bool", True, "Add NAME/beta at the end.", advanced=True)
SCALE = Attr("scale", "bool", True, "Multiply by NAME/gamma.", advanced=True)
GAMMA = initializer_attr("gamma_initializer", ONES, "Initial gamma.")
BETA = initializer_attr("beta_initializer", ZEROS, "Initial beta.")
MOVING = (
    initializer_attr("moving_mean_initializer", ZEROS, "Initial moving mean."),
    initializer_attr("moving_variance_initializer", ONES, "Initial moving variance."),
)


class Normalizing(Layer):
    """The base class of normalizing layers: gamma and beta, one number per feature."""

    can_share = True
    shown_attrs = ()

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        x = types[0]
        axis = normalize_axis(attrs["axis"], x.rank)
        shape = (known_size(x, axis, "features"),)
        found: Weights = {}
        if attrs["scale"]:
            found["gamma"] = (shape, attrs["gamma_initializer"])
        if attrs["center"]:
            found["beta"] = (shape, attrs["beta_initializer"])
        return found

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        check_flag(types[1:])
        self.check_weights(*types, **attrs)
        return types[0]

    def variables(self, attrs: dict[str, Any]) -> tuple[str, ...]:
        own = (("gamma", attrs["scale"]), ("beta", attrs["center"]))
        return tuple(name for name, on in own if on)

    def scaled(
        self, x: Tensor, mean: Tensor, variance: Tensor, made: dict[str, Tensor], attrs: Any
    ) -> Tensor:
        """Return (x - mean) / sqrt(variance + epsilon) * gamma + beta."""
        factor = F.rsqrt(variance + attrs["epsilon"])
        if "gamma" in made:
            factor = factor * _along(made["gamma"], x, attrs["axis"])
        out = (x - mean) * factor
        return out + _along(made["beta"], x, attrs["axis"]) if "beta" in made else out


def _along(vector: Tensor, x: Tensor, axis: int) -> Tensor:
    """Reshape a vector of features so that it broadcasts to x."""
    rank, at = len(x.shape), normalize_axis(axis, len(x.shape))
    if at == rank - 1:
        return vector
    return F.reshape(vector, shape=[vector.shape[0] if a == at else 1 for a in range(rank)])


def _flat(tensor: Tensor, like: Tensor) -> Tensor:
    """Reshape a per-feature tensor to the shape of ``like``, without the axes of size 1 that it was
    broadcast with.
    """
    return F.reshape(tensor, shape=like.shape)


def _correction(x: Tensor, axis: int) -> Tensor:
    """Return count / (count - 1), the factor that makes a variance unbiased; 1 for a single row."""
    features = known_size(x.type, axis, "features")
    count = F.cast(F.size(x), dtype=x.dtype) / max(features, 1)
    return F.divide(count, F.maximum(count - 1, 1), name="correction")


@register
class BatchNormalization(Normalizing):
    """Features normalized over the batch to mean 0 and deviation 1."""

    id = "layers/batch_normalization"
    keywords = ("batch norm", "layer", "standardize", "moving average", "cnn")
    doc = (
        "(x - mean) / sqrt(variance + epsilon) of each feature, times gamma, plus beta.\n\nDuring "
        "training, mean and variance are taken over the batch, along all axes but `axis`. "
        "Otherwise they are moving averages, which each step of an optimizer moves towards the "
        "batch by a share of 1 - momentum. The variables are NAME/gamma and NAME/beta, which are "
        "trained, NAME/moving_mean and NAME/moving_variance, all (features,). Variances are "
        "divided by the count. With `unbiased`, the moving average uses variances divided by the "
        "count minus 1. Ioffe and Szegedy, 2015."
    )
    inputs = (Port("x", "Input.", FLOATS), TRAINING)
    attrs = (
        AXIS,
        Attr("momentum", "float", 0.99, "Share of the averages kept.", minimum=0, maximum=1),
        EPSILON,
        CENTER,
        SCALE,
        GAMMA,
        BETA,
        *MOVING,
        Attr("unbiased", "bool", False, "Average variances divided by count - 1.", advanced=True),
        TRAINABLE,
        VERSION,
    )

    def weights(self, *types: TensorType, **attrs: Any) -> Weights:
        found = super().weights(*types, **attrs)
        shape = (known_size(types[0], attrs["axis"], "features"),)
        moving = {name: (shape, attrs[f"{name}_initializer"]) for name in self.untrained()}
        return {**found, **moving}

    def untrained(self) -> tuple[str, ...]:
        return ("moving_mean", "moving_variance")

    def variables(self, attrs: dict[str, Any]) -> tuple[str, ...]:
        return (*super().variables(attrs), *self.untrained())

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, made = inputs[0], self.make_weights(inputs[0], **attrs)
        training = inputs[1] if len(inputs) > 1 else training_flag(x.graph)
        axis = normalize_axis(attrs["axis"], len(x.shape))
        others = [a for a in range(len(x.shape)) if a != axis]
        used = []
        for name, batch in zip(("mean", "variance"), moments(x, others), strict=True):
            moving = made[f"moving_{name}"]
            target = _flat(batch, moving)
            if name == "variance" and attrs["unbiased"]:
                target = target * _correction(x, axis)
            step = (target - moving) * (1 - attrs["momentum"])
            # the same averages as the ones it normalizes by
            moved = F.where(training, moving + step, moving)
            F.assign(moving, moved, each_step=True, name=f"update_{name}")
            used.append(F.where(training, batch, _along(moving, x, axis), name=name))
        return self.scaled(x, used[0], used[1], made, attrs)

    def samples(self) -> Iterator[Sample]:
        on, off = np.array(True), np.array(False)
        drawn = {"op": "random_normal", "stddev": 0.5}
        for dtype in FLOATS:
            x = values((4, 3), dtype)
            yield Sample((x, on), smooth=dtype == "float64")
            yield Sample((x, off), {"gamma_initializer": drawn}, smooth=dtype == "float64")
            yield Sample((x,), {"epsilon": 0.1, "trainable": False}, smooth=dtype == "float64")
        width = {"op": "random_uniform", "low": 0.5, "high": 2.0}
        moved = {"moving_mean_initializer": drawn, "moving_variance_initializer": width}
        yield Sample((values((4, 3)), off), moved, smooth=True)
        yield Sample((values((2, 3, 4)), on), {"axis": 1, "scale": False}, smooth=True)
        yield Sample((values((2, 3, 2, 2)), on), {"axis": 1, "unbiased": True}, smooth=True)
        yield Sample((values((2, 3, 4)), off), {"axis": 1, "center": False}, smooth=True)
        yield Sample((values((0, 3)), on))
        yield Sample((values((1, 1)), off), smooth=True)


@register
class LayerNormalization(Normalizing):
    """Rows normalized to mean 0 and deviation 1."""

    id = "layers/layer_normalization"
    keywords = ("layer norm", "layer", "standardize", "transformer")
    doc = (
        "(x - mean) / sqrt(variance + epsilon) of each row, times gamma, plus beta.\n\nMean and "
        "variance are taken along `axis`, for each row by itself, so training and inference "
        "compute the same. The variables are NAME/gamma and NAME/beta, (features,). Ba, Kiros and "
        "Hinton, 2016."
    )
    inputs = (Port("x", "Input.", FLOATS),)
    attrs = (AXIS, EPSILON, CENTER, SCALE, GAMMA, BETA, TRAINABLE, VERSION)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, made = inputs[0], self.make_weights(*inputs, **attrs)
        mean, variance = moments(x, attrs["axis"])
        return self.scaled(x, mean, variance, made, attrs)

    def samples(self) -> Iterator[Sample]:
        drawn = {"op": "random_normal", "stddev": 0.5}
        for dtype in FLOATS:
            yield Sample((values((4, 3), dtype),), smooth=dtype == "float64")
        begin = {"gamma_initializer": drawn, "beta_initializer": drawn}
        yield Sample((values((2, 3, 4)),), {"axis": 1, **begin}, smooth=True)
        yield Sample((values((4, 3)),), {"scale": False, "epsilon": 0.1}, smooth=True)
        yield Sample((values((4, 3)),), {"center": False, "trainable": False}, smooth=True)
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),))
